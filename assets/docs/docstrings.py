"""Docstrings are written to be read in a terminal; this brings them to reStructuredText.

A block that is set in by itself is a formula or a table and keeps its lines; bars are absolute values. A name between
backticks leads to what is documented under it, wherever it is defined, and else is code.
"""

import re
from typing import Any

from docutils.nodes import Element, TextElement
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

LINKED = {"function", "class", "exception", "method", "property", "module"}
SIGNS = re.compile(r"\||\*(?! )")  # that are no markup here: |x|, **options
ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
HEADING = re.compile(r"\w+:")  # of a section, "Args:"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def as_markup(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText."""
    made: list[str] = []
    block = 0  # indentation of the block that keeps its lines; 0 outside
    above = ""  # the last line that is not empty
    for line in lines:
        if line.strip():
            if _indent(line) < block:
                block = 0
            set_in = made and not made[-1] and _indent(line) > _indent(above)
            if not block and set_in and not HEADING.fullmatch(above.strip()):
                block = _indent(line)
                made += [" " * _indent(above) + "::", ""]
            above = line
        is_code = block or line.lstrip().startswith((">>>", "..."))
        made.append(line if is_code else SIGNS.sub(r"\\\g<0>", line))
    return made


def _mark_up(_app: Sphinx, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    # Of a property napoleon takes what stands before a colon in the first line for a type: here that is a comment.
    lines[:] = ["..", "", *as_markup(lines)] if what == "property" else as_markup(lines)


def _name_aliases(*event: Any) -> tuple[str, str] | None:
    """The signature and what is returned with the names of aliases, where Sphinx has `TypeAliasForwardRef('Array')`."""
    *_, signature, returned = event
    if signature is None:
        return None
    return ALIAS.sub(r"\1", signature), ALIAS.sub(r"\1", returned or "")


def _find(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: TextElement) -> Element | None:
    """What is documented under the last part of a name, if one thing alone is; for a name between backticks, code."""
    if node["refdomain"] != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    found = [
        (name, entry)
        for name, entry in env.domains.python_domain.objects.items()
        if name.rpartition(".")[2] == last and entry.objtype in LINKED
    ]
    if len(found) == 1:
        ((name, entry),) = found
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, shown, name)
    return shown if node["reftype"] == "obj" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Read docstrings before napoleon does, and look for names that Sphinx does not find."""
    app.connect("autodoc-process-docstring", _mark_up, priority=400)
    app.connect("autodoc-process-signature", _name_aliases)
    app.connect("missing-reference", _find)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
