"""All summaries of runs as one table, a row a layer and epoch, for other programs to read: CSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from per_core.errors import InvalidInputError
from per_core.extra_package import needed
from per_core.plain_text import no_formula
from per_core.recording.layer_record import LayerSummary
from per_core.recording.whole_file import whole_file
from per_core.text import N_, Phrase

if TYPE_CHECKING:
    from per_core.recording.run_directory import Record, Run

SCALAR = "scalar_"
Cell = str | int | float | bool | None
Row = dict[str, Cell]


def encodable(name: str) -> str:
    """A name that UTF-8 can hold: what it cannot is spelt out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _method_of(run: Run) -> str | None:
    return encodable(str(run.description["method"])) if "method" in run.description else None


def _seed_of(run: Run) -> int | None:
    seed = run.description.get("seed")
    return seed if isinstance(seed, int) and -(2**63) <= seed < 2**63 else None  # of larger ones Parquet has no type


_OF_RUN: dict[str, tuple[str, Callable[[Run], Cell]]] = {
    "run": ("title of the run, or its folder's name", lambda run: encodable(run.name)),
    "method": ("what was trained, if its description says so", _method_of),
    "seed": ("of the training, if its description says so, and it is a whole number of 64 bits", _seed_of),
}
_OF_RECORD: dict[str, tuple[str, Callable[[Record], Cell]]] = {
    "epoch": ("0 is before training", lambda record: float(record.epoch)),
    "seconds": ("s since the run was created", lambda record: record.seconds),
    "sampling": ("probe, or mixed over the epoch", lambda record: record.sampling),
}
_OF_LAYER: dict[str, str] = {
    "n": "rows",
    "d": "units",
    "n_finite": "rows without NaN and infinite values, of which all statistics are",
    "n_nan": "NaN values among the n·d",
    "n_inf": "infinite values among the n·d",
    "mean": "of the units' means, in the unit of the activations; so are mean_low and mean_high",
    "mean_low": "the smallest mean of a unit",
    "mean_high": "the largest mean of a unit",
    "variance": "mean of the units' biased variances, in the square of that unit; so are the two that follow",
    "variance_low": "the smallest variance of a unit",
    "variance_high": "the largest variance of a unit",
    "mean_square": "mean of all squared values",
    "dead": "share of units that never change, 0 to 1",
    "per": "exact PER; 1.128 for N(0, I), 0.798 if all is 0",
    "sw1": "sliced Wasserstein-1 distance to N(0, I)",
    "sw1_margin": "half the width of a 95 % interval of sw1 over all directions",
    "sw1_rows": "rows that sw1 is of",
    "slices": "directions that sw1 is a mean over",
    "sw1_controlled": "whether that mean has control variates",
}
COLUMNS: dict[str, str] = {
    **{name: text for name, (text, _) in (*_OF_RUN.items(), *_OF_RECORD.items())},
    "layer": "name of the layer",
    **_OF_LAYER,
}
"""The columns and what they hold. Behind them, `scalar_<name>` of every scalar that was recorded with an epoch."""


def summary_rows(runs: Iterable[Run]) -> list[Row]:
    """One row a run, epoch and layer; all have the same columns, None where there is no value."""
    rows = [
        {name: of(run) for name, (_, of) in _OF_RUN.items()}
        | {name: of(record) for name, (_, of) in _OF_RECORD.items()}
        | {"layer": encodable(layer)}
        | {name: getattr(summary, name) for name in _OF_LAYER}
        | {f"{SCALAR}{encodable(name)}": value for name, value in record.scalars.items()}
        for run in runs
        for record in run.records
        for layer, summary in record.layers.items()
    ]
    columns = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
    return [{name: row.get(name) for name in columns} for row in rows]


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as text: NaN is "nan", infinity "inf", and nothing where there is no value; numbers have all digits.

    A name that a spreadsheet would take for a formula, "=1+1", has an apostrophe before it.

    Lines end as RFC 4180 says. With another end, `csv` leaves a carriage return in a name without quotation marks, and
    programs begin a new row there.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]) if rows else list(COLUMNS))
    table.writeheader()
    table.writerows({name: no_formula(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue()


def write_csv(runs: Sequence[Run], path: Path) -> Path:
    """Write the table of the runs as CSV in UTF-8; errors as of `Run.to_csv`."""
    with _table_file(runs, path) as file:
        file.write(as_csv(summary_rows(runs)).encode())
    return path


def write_parquet(runs: Sequence[Run], path: Path) -> Path:
    """Write the table of the runs as Parquet; the metadata of a column say what it holds. Errors as of `Run.to_csv`."""
    with needed("pyarrow", Phrase(N_("A Parquet table"))):
        import pyarrow as pa
        from pyarrow import parquet

    rows = summary_rows(runs)
    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    kinds = _column_types()
    names = list(rows[0]) if rows else list(COLUMNS)
    schema = pa.schema(
        [pa.field(n, types[kinds.get(n, "float")], metadata={"description": COLUMNS.get(n, "")}) for n in names]
    )
    with _table_file(runs, path) as file:
        parquet.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    return path


def refuse_within(folders: Iterable[Path], path: Path) -> None:
    """Nothing is written into the folder of a run, or of a comparison.

    Raises:
        InvalidInputError: the path lies in one of the folders, or is one.
    """
    for folder in folders:
        if path.resolve().is_relative_to(folder.resolve()):
            raise InvalidInputError(
                N_(
                    "A run's folder holds what its Recorder wrote; {path} lies in that of {run}. Name a place"
                    " elsewhere."
                ),
                path=path,
                run=folder,
            )


@contextmanager
def _table_file(runs: Sequence[Run], path: Path) -> Iterator[BinaryIO]:
    """The file of a table, whole or not there."""
    refuse_within([run.path for run in runs], path)
    if path.is_dir():
        raise InvalidInputError(
            N_("A table is written to a file; {path} is a folder. Name a file in it, {example} for example."),
            path=path,
            example=path / "summaries.csv",
        )
    if not path.parent.is_dir():
        raise InvalidInputError(
            N_(
                "A table is written into a folder that exists; there is none at {folder}. Make it, or name another one."
            ),
            folder=path.parent,
        )
    with whole_file(path) as file:
        yield file


def _column_types() -> dict[str, str]:
    texts = dict.fromkeys(("run", "method", "sampling", "layer"), "str")
    return texts | {"seed": "int"} | {name: str(LayerSummary.__annotations__.get(name, "float")) for name in _OF_LAYER}
