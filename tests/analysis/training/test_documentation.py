"""The documentation of SciPy as a text: what is taken of it, and that it is the same everywhere."""

import hashlib
from itertools import groupby

import pytest

from analysis.training import documentation
from analysis.training.documentation import documentation_strings, paragraphs, read_documentation
from analysis.training.tokens import END
from per_core.errors import InvalidInputError

STRING = """Smooth a signal.

Each value becomes the mean
of its neighbours:

.. math::

    y_i = \\sum_j w_j x_{i+j}

    z = 0

where :math:`w` are weights; see :func:`~scipy.signal.hann` and https://example.org/a?b.
The rule is::

    y = 0

Parameters
----------
x, w : array_like
    Signal and weights
    of any length.
axis : int, optional
    Which axis.

%(notes)s

.. note:: Not this.
   Nor this.

* One thing,
  at length.
* Another.

=====  =====
name   value
=====  =====
hann   1
=====  =====

Examples
--------
Take ten values:

>>> smooth([1, 2],
...        [1])
array([1, 2])

They stay."""


def test_prose_of_a_documentation_string():
    found = (" ".join(paragraph.split()) for paragraph in paragraphs(STRING))
    assert list(filter(None, found)) == [
        "Smooth a signal.",
        "Each value becomes the mean of its neighbours:",
        "where <math> are weights; see `~scipy.signal.hann` and The rule is::",
        "Parameters",
        "x, w : array_like",
        "Signal and weights of any length.",
        "axis : int, optional",
        "Which axis.",
        "One thing, at length.",
        "Another.",
        "Examples",
        "Take ten values:",
        "They stay.",
    ]


def test_strings_of_a_package(tmp_path):
    files = {
        "b.py": 'def f():\n    "of f"\n    class C:\n        "of C"\n\nasync def g():\n    """of g\n\n      more"""\n',
        "a/__init__.py": '"of a"\nadd_newdoc("exp",\n    """\n    of exp\n    """)\nadd_newdoc("log", LOG)\n',
        "a/c.py": 'def f():\n    "of f"\n    "not this"\ndef h():\n    "of h"\n',
        "a/tests/d.py": '"not this"',
        "_lib/e.py": '"not this"',
        "version.py": '"not this"',
        "a/version.py": '"of a version"',
        "empty.py": "",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    strings = documentation_strings(tmp_path)
    assert [(module, found) for module, found in strings.items() if found] == [
        ("a/__init__.py", ["of a", "of exp"]),
        ("a/c.py", ["of f", "of h"]),
        ("a/version.py", ["of a version"]),
        ("b.py", ["of C", "of g\n\nmore"]),
    ]


def test_the_same_bytes_everywhere():
    text = "\n".join(" ".join(part) for part in read_documentation())
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "ca1a7ff5f2c8ca5e42ba8497ee743f2f96208955cc093afdbc563a645143fcd0"
    )


def lines(words):
    """The lines of a part, as tuples of words."""
    return [tuple(line) for end, line in groupby(words, END.__eq__) if not end]


def test_parts_share_as_many_lines_as_is_said():
    training, test = set(lines(read_documentation().training)), lines(read_documentation().test)
    both = [line for line in test if line in training]
    of_words = sum(map(len, both)) + len(both)
    assert len(both) / len(test) == pytest.approx(0.32, abs=0.005)
    assert of_words / len(read_documentation().test) == pytest.approx(0.16, abs=0.005)
    long, long_of_both = ([line for line in some if len(line) >= 8] for some in (test, both))
    assert len(long_of_both) / len(long) == pytest.approx(0.11, abs=0.005)
    assert (sum(map(len, long_of_both)) + len(long_of_both)) / len(read_documentation().test) == pytest.approx(
        0.07, abs=0.005
    )


def test_it_needs_scipy(monkeypatch):
    monkeypatch.setattr(documentation, "find_spec", lambda _: None)
    with pytest.raises(InvalidInputError, match="ships with SciPy, which is not installed"):
        read_documentation.__wrapped__()
