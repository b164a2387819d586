"""How long results are kept: the only module of the app that says so.

`result(read_bound, batch, slices=64)` is `read_bound(batch, slices=64)`, computed once for all visitors. The key is the
content of the arguments. A batch is never hashed by Streamlit, which samples large arrays: its own fingerprint of the
full content stands for it; a run is known by its folder and the time of its creation.

All of `result` together has a bound in bytes, and so have `shared` and `encoded`. The latter keeps bytes that a browser
gets, charts above all, by the content of what they are made of.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial, wraps
from hashlib import blake2b
from io import BytesIO
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import streamlit as st

from analysis.command_line import PACKAGE
from app.session.kept import Kept, size_in_memory

if TYPE_CHECKING:
    from analysis.dumps import Inspection, ReadingPlan
    from analysis.dumps.files.source import Upload
    from analysis.dumps.rule_use import RuleUse
    from analysis.runs.library import Comparison
    from analysis.survey.overview import Overview
    from per_core.recording.run_directory import Run

P = ParamSpec("P")
T = TypeVar("T")

MOST_ARRAYS = 200_000  # of the readings of dumps that are kept together
MOST_ENCODED = 64_000_000  # bytes of charts and tables as browsers get them
MOST_COPIED = 256 * 2**20  # bytes of what `result` keeps, as the server is told when it starts
MOST_SHARED, MOST_LEFT = 256_000_000, 32_000_000  # bytes of batches and the like, and when nobody is here
USUAL = 128  # results of one function, the latest used
MOST = {  # where results are large, or many of one page
    "watch_flow": 16,
    "end_flow": 64,
    "read_circle": 64,
    "study_directions": 64,
    "time_gradients": 64,
    "move_one": 256,
    "decompose_distance": 256,
    "dumped_values": 256,
    "dumped_moments": 512,
    "pair_limits": 256,
    "normalise_held_out": 512,
    "pot_against_sample": 512,
    "null_draws": 2048,
}


def _run_key(run: "Run") -> tuple[str, float]:
    return ascii(str(run.path)), run.created  # any path fits a key, its bytes need not be text


_KEYS: dict[str | type, Callable[[Any], Any]] = {
    f"{PACKAGE}.batch.ActivationBatch": attrgetter("fingerprint"),
    f"{PACKAGE}.statistics.null_band.NullBand": repr,
    "per_core.recording.run_directory.Run": _run_key,
    f"{__package__}.dumped.DumpMember": attrgetter("key"),
}


def result(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function returns, computed once for the content of its arguments; every caller has a copy."""
    found: T = _copied(function)(*args, **kwargs)
    return found


def computed(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same as `result`, computed in a process beside the server: for what takes longer than a moment.

    Who waits is told so; if everybody moves on before it begins, it is dropped. The function is one of `analysis`.
    """
    found: T = _computed(function)(*args, **kwargs)
    return found


def shared(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same without a copy, for batches and other large results that nobody modifies."""
    key = _digest((function, args, sorted(kwargs.items())))
    found: T = _shared().get(key, partial(function, *args, **kwargs), size_in_memory)
    return found


def let_go() -> None:
    """Nobody is here any more: what is cheap to make goes, and of what is large and shared only the latest stays.

    What `result` and `computed` keep stays, at most `MOST_COPIED`: who comes next would wait for it.
    """
    _shared().shrink(MOST_LEFT)
    _encoded().shrink(0)
    _of_arrays().shrink(0)


@cache
def _copied(function: Callable[..., Any]) -> Callable[..., Any]:
    most = MOST.get(function.__name__, USUAL)
    return st.cache_data(max_entries=most, show_spinner=False, hash_funcs=_KEYS)(function)


@cache
def _computed(function: Callable[..., Any]) -> Callable[..., Any]:
    from analysis.compute import compute

    return _copied(wraps(function)(partial(compute, function)))


@st.cache_resource(max_entries=1, show_spinner=False)
def opened_comparisons() -> "dict[str, Comparison]":
    """Comparisons by the id of their run, so that following one reads new records only."""
    return {}


@st.cache_resource(max_entries=1, show_spinner=False)
def overviews() -> "dict[str, Overview]":
    """Overviews of dumps by path and plan, so that a dump that grows costs only its growth."""
    return {}


class _Contents(pickle.Pickler):
    """Writes what values hold; what has a key of its own, as in `result`, by that. Equal contents are equal bytes."""

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.fast = True  # what stands twice is written twice: it makes no difference whether it is one object

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        key = _KEYS.get(f"{kind.__module__}.{kind.__qualname__}")
        return NotImplemented if key is None else (kind, (key(value),))


def _digest(value: Any) -> bytes:
    """Of the whole content of functions of modules, records, arrays, batches and what Python builds of them."""
    content = BytesIO()
    _Contents(content).dump(value)
    return blake2b(content.getbuffer(), digest_size=16).digest()


@st.cache_resource(max_entries=1, show_spinner=False)
def _of_arrays() -> Kept:
    return Kept(MOST_ARRAYS)


@st.cache_resource(max_entries=1, show_spinner=False)
def _encoded() -> Kept:
    return Kept(MOST_ENCODED)


@st.cache_resource(max_entries=1, show_spinner=False)
def _shared() -> Kept:
    return Kept(MOST_SHARED)


def encoded(make: Callable[[], bytes], *of: Any) -> bytes:
    """The bytes that `make` gives, made once for all visitors for the same content of `of`.

    Args:
        make: depends on nothing but `of`.
        of: what the bytes are made of, in full: functions of a module, frozen records, arrays, batches (by their
            fingerprint), numbers, texts, and lists, dictionaries and `functools.partial` of these. Texts in a visitor's
            language are told apart only if the language, or a text in it, is among them.

    Raises:
        AttributeError, TypeError, pickle.PicklingError: If `of` holds something else, a lambda for example.
    """
    found: bytes = _encoded().get(_digest(of), make, len)
    return found


def dump_reading(
    dump: "Inspection", *, plan: "ReadingPlan | None" = None, answers: Mapping[str, str] | None = None
) -> "Inspection":
    """A dump read by a plan, or by the proposal with these answers.

    It is made once for the same arrays, however often a page runs; errors as of `Inspection.answer`.
    """
    given, dump = tuple(sorted((answers or {}).items())), replace(dump, answers=())
    found: Inspection = _of_arrays().get(
        (dump.path, dump.limits, dump.arrays, plan, given),
        lambda: dump.answer(dict(given)) if plan is None else dump.with_plan(plan),
        lambda _: len(dump.arrays) + 1,
    )
    return replace(found, ignored=dump.ignored, allowed=dump.allowed)


def uses_of_rules(dump: "Inspection") -> "tuple[RuleUse, ...]":
    """What each rule of the plan does with the arrays of a dump, found once for the same arrays."""
    from analysis.dumps.rule_use import rule_uses

    found: tuple[RuleUse, ...] = _of_arrays().get(
        ("uses", dump.arrays, dump.plan),
        lambda: rule_uses(dump.arrays, dump.plan),
        lambda _: len(dump.arrays) // 4 + 1,
    )
    return found


def _release_all(uploads: "dict[str, tuple[tuple[str, ...], Upload]]") -> None:
    for _, upload in uploads.values():
        upload.release()


@st.cache_resource(scope="session", on_release=_release_all, show_spinner=False)
def uploads() -> "dict[str, tuple[tuple[str, ...], Upload]]":
    """A visitor's uploaded files by slot, in temporary files that are released when the session ends."""
    return {}
