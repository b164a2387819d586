"""The run directory: what one Recorder writes while one model trains, and what everybody reads. Schema, writer, reader.

    run.json            schema version, time of creation, title, description, layout, what is kept of a layer
    records.jsonl       one JSON object a line, one line a record, see `Record`; layer name -> `LayerSummary`, of which
                        earlier versions wrote neither "mean_square" nor "sw1_rows" nor "sw1_controlled"; layer name
                        -> `Rows`, of which they wrote nothing
    missing.json        blank, or the first and the last epoch of which a record could not be written
    closed              "finished" or "interrupted" (earlier versions wrote nothing into it); there from the Recorder's
                        end until somebody goes on with the run
    arrays/000007.safetensors    of record 7: "<layer>/norms", "/projections", "/tracked", "/tracked_units", "/rows" and
                        "/row_units" of every layer, see `LayerArrays`; what a compact run has, see `packed_arrays`

A later record of the same epoch replaces the earlier one, whose line and arrays stay where they are.

A record exists once its line has ended in a newline. Its array file is there before the line is written, under its
name only when whole. A process may therefore be killed at any moment: what is left behind is a line without an end and
array files without a line, and a reader sees neither. JSON has no numbers for NaN and infinity; they are the strings
"nan", "inf" and "-inf".
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from per_core.errors import InvalidInputError
from per_core.per import RowLayout
from per_core.plain_text import plain
from per_core.recording.epoch import as_epoch
from per_core.recording.layer_record import Allowance, LayerArrays, LayerSummary, from_json_number, to_json_number
from per_core.recording.packed_arrays import pack, part_names, unpack
from per_core.recording.recorded_layer import RecordedLayer
from per_core.recording.rows import Rows
from per_core.recording.run_files import ARRAYS, CLOSED, MISSING, RECORDS, RUN, Ending
from per_core.recording.whole_file import told, write_whole
from per_core.text import N_, Phrase

SCHEMA, COMPACT_SCHEMA = 1, 2  # a run that is not compact is one that earlier versions read
MISSING_BYTES = 96  # reserved, so that it can be written on a full disk

Sampling = Literal["probe", "mixed over the epoch"]


@dataclass(frozen=True, slots=True)
class Record:
    """A model at one moment of its training.

    Attributes:
        index: of its line and its array file, from 0.
        epoch: an int where it is whole; 0 is before training.
        time: seconds since 1970.
        seconds: since the run was created.
        cost: seconds that the recorder took for it, writing excepted.
        sampling: "probe" if one fixed set of inputs passed through the model as it was; "mixed over the epoch" if the
            activations are those of training steps, of a model that changed from one to the next.
        training: whether the model was in training mode.
        scalars: name -> number, NaN and infinite ones included.
        layers: name -> summary, in the order in which they were called.
        rows: name -> what the rows of a layer are; without layers of which that is not known, and empty in records of
            before it was kept.
    """

    index: int
    epoch: float
    time: float
    seconds: float
    cost: float
    sampling: Sampling
    training: bool
    scalars: dict[str, float]
    layers: dict[str, LayerSummary]
    rows: dict[str, Rows]

    def __repr__(self) -> str:
        scalars = "".join(f", {plain(name)} {value:.4g}" for name, value in self.scalars.items())
        return f"<Record {self.index}: epoch {self.epoch}, {len(self.layers)} layers{scalars}>"


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory as it was when read. `refresh` gives a newer one.

    In a notebook it shows its layers, worst first. `to_csv` and `to_parquet` write all numbers as a table,
    `to_tensorboard` writes numbers and histograms as event files.

    Attributes:
        path: the folder.
        title: a few words.
        description: what the writer said about it, JSON.
        created: seconds since 1970.
        layout: "sample" or "position", how outputs of more than two dimensions became rows.
        allowance: what is kept of every layer.
        records: one of each epoch, ascending: the last that was written of it.
        repeated: epochs that more than one record was written of, ascending.
        missing: the first and the last epoch of which a record could not be written, on a full disk say; None if
            there is none.
    """

    path: Path
    title: str
    description: dict[str, Any]
    created: float
    layout: RowLayout
    allowance: Allowance
    records: tuple[Record, ...]
    repeated: tuple[float, ...]
    missing: tuple[float, float] | None
    _lines: int = field(repr=False)  # of records.jsonl, one a record
    _end: int = field(repr=False)  # bytes of records.jsonl that `records` were read from
    _last_line: bytes = field(repr=False)

    @property
    def layers(self) -> dict[str, int]:
        """Layer -> number of units d, in the order in which they first appeared."""
        return {name: summary.d for record in self.records for name, summary in record.layers.items()}

    @property
    def name(self) -> str:
        """Its title, or the name of its folder if it has none; "." is a folder with a name."""
        return self.title or self.path.resolve().name

    @property
    def worst_first(self) -> tuple[str, ...]:
        """The layers, furthest from N(0, I) at any epoch first, see `RecordedLayer.distance`; then as in `layers`."""
        return tuple(sorted(self.layers, key=lambda name: -self.layer(name).distance))

    def layer(self, name: str) -> RecordedLayer:
        """One layer over the epochs.

        Raises:
            InvalidInputError: there is no layer of that name.
        """
        found = {record.epoch: record.layers[name] for record in self.records if name in record.layers}
        if not found:
            raise InvalidInputError(
                N_("{path} holds the layers {layers}; received {layer!r}. Choose one of them."),
                path=self.path,
                layers=", ".join(self.layers) or Phrase(N_("none yet")),
                layer=name,
            )
        return RecordedLayer(name, tuple(found), tuple(found.values()))

    def record(self, index: int) -> Record:
        """The record of an index.

        Raises:
            InvalidInputError: there is none, or a later one has replaced it.
        """
        found = next((record for record in self.records if record.index == index), None)
        if found is None:
            known = ", ".join(str(record.index) for record in self.records[:20]) or Phrase(N_("none"))
            raise InvalidInputError(
                N_(
                    "{path} has {count} records, of index {known}; received {index!r}. Take `Record.index` of one of"
                    " `Run.records`."
                ),
                path=self.path,
                count=len(self.records),
                known=f"{known}, ..." if len(self.records) > 20 else known,
                index=index,
            )
        return found

    def refresh(self) -> Run:
        """The run as it is now; reads only what was added, unless the run was cut back or replaced since.

        Raises:
            InvalidInputError: the folder is gone or no longer a run, see `open_run`.
        """
        if not self.records:
            return open_run(self.path)
        try:
            with (self.path / RECORDS).open("rb") as file:
                file.seek(self._end - len(self._last_line))
                data = file.read()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if not data.startswith(self._last_line):
            return open_run(self.path)
        new = data[len(self._last_line) :]
        records, whole, last = _parse_records(new, self.created, self.path, self._lines)
        missing = _read_missing(self.path)
        if not records:
            return self if missing == self.missing else replace(self, missing=missing)
        lines = self._lines + len(records)
        records, repeated = _last_of_epochs((*self.records, *records), self.repeated)
        return replace(
            self,
            records=records,
            repeated=repeated,
            missing=missing,
            _lines=lines,
            _end=self._end + whole,
            _last_line=last,
        )

    def arrays(self, index: int, layers: Collection[str] | None = None) -> dict[str, LayerArrays]:
        """The arrays of one record, layer by layer; those of `layers` only, if given.

        Raises:
            InvalidInputError: no such record or layer, or its file is missing or damaged.
        """
        summaries = self.record(index).layers
        unknown = set(layers or ()) - set(summaries)
        if unknown:
            raise InvalidInputError(
                N_("Record {index} of {path} has the layers {layers}; received {unknown}. Choose among those."),
                index=index,
                path=self.path,
                layers=", ".join(summaries),
                unknown=", ".join(sorted(unknown)),
            )
        path, compact = _array_path(self.path, index), self.allowance.compact
        try:
            with safe_open(path, framework="numpy") as file:
                found = {
                    name: unpack(
                        {part: file.get_tensor(f"{name}/{part}") for part in part_names(compact=compact)},
                        compact=compact,
                        n=summary.n,
                        d=summary.d,
                        seed=self.allowance.seed,
                    )
                    for name, summary in summaries.items()
                    if layers is None or name in layers
                }
        except (OSError, SafetensorError) as error:
            raise InvalidInputError(
                N_(
                    "The arrays of record {index} must be in {path}; it is missing or damaged: {error}. The other"
                    " records and all summaries can still be read."
                ),
                index=index,
                path=path,
                error=error,
            ) from error
        for name, arrays in found.items():
            recorded = (summaries[name].kept_rows, min(self.allowance.units, summaries[name].d))
            if arrays.rows.shape != recorded or arrays.norms.shape != (summaries[name].kept_norms,):
                raise InvalidInputError(
                    N_(
                        "The arrays of record {index} must be as {records} says, {recorded} values and {kept_norms}"
                        " norms of {name}; {path} has {found} and {norms}. One of the files was changed; copy the run"
                        " again."
                    ),
                    index=index,
                    records=RECORDS,
                    recorded=_shape(recorded),
                    kept_norms=summaries[name].kept_norms,
                    name=name,
                    path=path,
                    found=_shape(arrays.rows.shape),
                    norms=_shape(arrays.norms.shape),
                )
        return found

    def to_csv(self, path: str | Path) -> Path:
        """Write all summaries as a table of text, a row a layer and epoch, see `summary_table.COLUMNS`.

        Args:
            path: the file, outside of the run; one that is there is replaced when the new one is whole.

        Returns:
            The path.

        Raises:
            InvalidInputError: the path is a folder, in the run, or in a folder that does not exist.
            StorageError: the file cannot be written.

        Example:
            >>> with Recorder(nn.ReLU(), "runs/zeros") as recorder:
            ...     recorder.record(0, inputs=torch.zeros(10, 3))
            >>> table = open_run("runs/zeros").to_csv("zeros.csv")
            >>> len(table.read_text().splitlines())  # the names of the columns, and one layer at one epoch
            2
        """
        from per_core.recording.summary_table import write_csv

        return write_csv([self], Path(path))

    def to_parquet(self, path: str | Path) -> Path:
        """Write all summaries as a Parquet table, a row a layer and epoch, see `summary_table.COLUMNS`.

        Needs the package pyarrow. Arguments, result and errors are those of `to_csv`.
        """
        from per_core.recording.summary_table import write_parquet

        return write_parquet([self], Path(path))

    def to_tensorboard(self, folder: str | Path) -> Path:
        """Write scalars, summaries and histograms of the kept values as TensorBoard's event files.

        Needs the package tensorboard. The tag of a histogram is the layer's name, that of a number "variance/<layer>".

        Args:
            folder: a new or an empty one, outside of the run.

        Returns:
            The folder.

        Raises:
            InvalidInputError: the folder holds something, or is in the run; or the run has no record, or one whose
                arrays are missing.
            StorageError: the folder cannot be written.
        """
        from per_core.recording.tensorboard_log import write_tensorboard

        return write_tensorboard(self, Path(folder))

    def __repr__(self) -> str:
        when = f", epochs {self.records[0].epoch} to {self.records[-1].epoch}" if self.records else ""
        title = f" {self.title!r}" if self.title else ""
        return f"<Run{title} in {str(self.path)!r}: {len(self.records)} records{when}, {len(self.layers)} layers>"

    def _repr_html_(self) -> str:
        """The run in a notebook."""
        from per_core.recording.notebook import run_html

        return run_html(self)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def open_run(path: str | Path) -> Run:
    """Read a run directory, finished, being written or cut short. Array files are read later, by `Run.arrays`.

    Args:
        path: the folder that a Recorder wrote.

    Returns:
        Run, up to its last whole record.

    Raises:
        InvalidInputError: no run there, one written by a newer PERscope, or one whose JSON is damaged.

    Example:
        >>> with Recorder(nn.ReLU(), "runs/collapsed") as recorder:
        ...     recorder.record(0, inputs=torch.zeros(10, 3))
        >>> run = open_run("runs/collapsed")
        >>> {name: round(layer.per, 4) for name, layer in run.records[0].layers.items()}
        {'ReLU': 0.7979}
    """
    path = Path(path)
    try:
        header = json.loads((path / RUN).read_bytes())
        data = (path / RECORDS).read_bytes()
    except FileNotFoundError as error:
        raise InvalidInputError(
            N_(
                "A run is a folder with {run} and {records}, written by per_core.Recorder; received {path}, which has"
                " no {missing}. Name the folder that was given to the Recorder."
            ),
            run=RUN,
            records=RECORDS,
            path=path,
            missing=Path(error.filename).name,
        ) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    try:
        schema = header["schema"]
        if schema > COMPACT_SCHEMA:
            raise InvalidInputError(
                N_(
                    "This version of PERscope reads runs of schema up to {compact_schema}; {path} has schema"
                    " {schema}, of a newer version. Update PERscope."
                ),
                compact_schema=COMPACT_SCHEMA,
                path=path,
                schema=schema,
            )
        created = float(header["created"])
        written, whole, last = _parse_records(data, created, path, 0)
        records, repeated = _last_of_epochs(written)
        return Run(
            path=path,
            title=header["title"],
            description=header["description"],
            created=created,
            layout=header["layout"],
            allowance=Allowance(**header["allowance"]),
            records=records,
            repeated=repeated,
            missing=_read_missing(path),
            _lines=len(written),
            _end=whole,
            _last_line=last,
        )
    except (KeyError, TypeError) as error:
        raise _unreadable(path, Phrase(N_("{run} lacks {error}"), run=RUN, error=error)) from error


class RunWriter:
    """Writes a run directory, record by record.

    Args:
        path: the folder; made if it is missing.
        allowance: what is kept of every layer.
        layout: how outputs became rows, for the reader.
        title: a few words.
        description: anything JSON, a specification for example.
        resume: go on with the run in the folder, if there is one; its title and description stay.
        last_epoch: with `resume`, records of later epochs are dropped: those after the checkpoint that training goes
            on from.

    Attributes:
        last_epoch: of the last record; None before the first.

    Raises:
        InvalidInputError: the folder already holds a run and `resume` is False, or a run with another allowance or
            layout; the description is not JSON.
        StorageError: the folder cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        allowance: Allowance | None = None,
        layout: RowLayout = "sample",
        title: str = "",
        description: Mapping[str, Any] | None = None,
        resume: bool = False,
        last_epoch: float | None = None,
    ) -> None:
        self.path = Path(path)
        self.allowance = allowance or Allowance()
        exists = (self.path / RUN).exists()
        if exists and not resume:
            raise InvalidInputError(
                N_(
                    "A run is written into a folder of its own; {path} already holds one. Choose another folder, or"
                    " pass resume=True to go on with it."
                ),
                path=self.path,
            )
        with told(self.path):
            (self.path / ARRAYS).mkdir(parents=True, exist_ok=True)
            self._open()
            self.last_epoch: float | None = None
            if exists:
                self._created, self._count, self._end = self._cut_back(layout, last_epoch)
            else:
                self._created, self._count, self._end = self._create(layout, title, dict(description or {})), 0, 0

    def append(
        self,
        epoch: float,
        layers: Mapping[str, tuple[LayerSummary, LayerArrays]],
        *,
        scalars: Mapping[str, float] | None = None,
        sampling: Sampling = "probe",
        training: bool = False,
        cost: float = 0.0,
        rows: Mapping[str, Rows] | None = None,
    ) -> None:
        """Write one record. After a `StorageError` (a full disk) the run is as it was; one may try again later."""
        if self._is_closed:
            self._open()
        index, now = self._count, time.time()
        arrays = {
            f"{name}/{part}": array
            for name, (_, kept) in layers.items()
            for part, array in pack(kept, compact=self.allowance.compact).items()
        }
        write_whole(_array_path(self.path, index), save(arrays))
        entry = {
            "index": index,
            "epoch": epoch,
            "time": now,
            "cost": cost,
            "sampling": sampling,
            "training": training,
            "scalars": {name: to_json_number(value) for name, value in (scalars or {}).items()},
            "layers": {name: summary.to_json() for name, (summary, _) in layers.items()},
            "rows": {name: what._asdict() for name, what in (rows or {}).items()},
        }
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        self._append_line(line)
        self._count += 1
        self._end += len(line)
        self.last_epoch = epoch

    def note_missing(self, epoch: float) -> None:
        """Leave word that the record of this epoch could not be written, as far as that can be."""
        first, _ = _read_missing(self.path) or (epoch, epoch)
        with contextlib.suppress(OSError), (self.path / MISSING).open("r+b", buffering=0) as file:
            file.write(_missing_bytes((first, epoch)))

    def close(self, ending: Ending = "finished") -> None:
        """Leave word how the run has ended, as far as that can be. It is taken back by the next record."""
        with contextlib.suppress(OSError):
            (self.path / CLOSED).write_bytes(ending.encode())
        self._is_closed = True

    def _open(self) -> None:
        (self.path / CLOSED).unlink(missing_ok=True)
        self._is_closed = False

    def _append_line(self, line: bytes) -> None:
        with told(self.path / RECORDS), (self.path / RECORDS).open("r+b", buffering=0) as file:
            file.truncate(self._end)  # what a failed attempt left
            file.seek(self._end)
            try:
                rest = memoryview(line)
                while rest:  # a full disk takes a part, and says why with the next one
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(self._end)
                raise

    def _create(self, layout: RowLayout, title: str, description: dict[str, Any]) -> float:
        created = time.time()
        header = {
            "schema": COMPACT_SCHEMA if self.allowance.compact else SCHEMA,
            "created": created,
            "created_iso": datetime.fromtimestamp(created, UTC).isoformat(timespec="seconds"),
            "title": title,
            "description": description,
            "layout": layout,
            "allowance": asdict(self.allowance),
        }
        try:
            text = json.dumps(header, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                N_("description must be JSON: strings, finite numbers, lists and dicts; {error}. Convert what is not."),
                error=error,
            ) from error
        (self.path / RECORDS).write_bytes(b"")
        (self.path / MISSING).write_bytes(_missing_bytes(None))
        write_whole(self.path / RUN, text.encode())
        return created

    def _cut_back(self, layout: RowLayout, last_epoch: float | None) -> tuple[float, int, int]:
        """Drop the torn tail and what came after `last_epoch`; creation time, records and bytes that are left."""
        run = open_run(self.path)
        if (run.allowance, run.layout) != (self.allowance, layout):
            raise InvalidInputError(
                N_(
                    "A run goes on as it began, with {allowance} and layout {known_layout!r}; received {received} and"
                    " layout {layout!r}. Pass the same, or choose another folder."
                ),
                allowance=run.allowance,
                known_layout=run.layout,
                received=self.allowance,
                layout=layout,
            )
        data = (self.path / RECORDS).read_bytes()
        written, _, _ = _parse_records(data, run.created, self.path, 0)
        late = (r.index for r in written if last_epoch is not None and r.epoch > last_epoch)
        count = next(late, len(written))
        self.last_epoch = max((record.epoch for record in written[:count]), default=None)
        end = sum(map(len, data.splitlines(keepends=True)[:count]))
        os.truncate(self.path / RECORDS, end)
        missing = run.missing
        if missing is not None and last_epoch is not None:  # later ones are recorded anew
            missing = None if missing[0] > last_epoch else (missing[0], min(missing[1], last_epoch))
        (self.path / MISSING).write_bytes(_missing_bytes(missing))
        known = {_array_path(self.path, index) for index in range(count)}
        for file in (self.path / ARRAYS).glob("*.safetensors*"):  # temporary ones too
            if file not in known:
                file.unlink()
        return run.created, count, end


def _parse_records(data: bytes, created: float, path: Path, first: int) -> tuple[tuple[Record, ...], int, bytes]:
    """The records in whole lines, the number of bytes of these, and the last of them."""
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.split(b"\n")[:-1]
    records = []
    for index, line in enumerate(lines, start=first):
        try:
            records.append(_parse_record(json.loads(line), created))
            if records[-1].index != index:
                raise ValueError(f"its index is {records[-1].index}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(
                N_(
                    "Every whole line of {path} must be a record; line {line} is damaged: {error!r}. Cut the file"
                    " before this line to keep the {index} records above it."
                ),
                path=path / RECORDS,
                line=index + 1,
                error=error,
                index=index,
            ) from error
    return tuple(records), len(whole), lines[-1] + b"\n" if lines else b""


def _last_of_epochs(
    records: Iterable[Record], repeated: Iterable[float] = ()
) -> tuple[tuple[Record, ...], tuple[float, ...]]:
    """The last record of every epoch, by epoch, and the epochs that had others before; `repeated` had some already."""
    last: dict[float, Record] = {}
    again = set(repeated)
    for record in records:
        if record.epoch in last:
            again.add(record.epoch)
        last[record.epoch] = record
    return tuple(last[epoch] for epoch in sorted(last)), tuple(sorted(again))


def _parse_record(entry: Mapping[str, Any], created: float) -> Record:
    return Record(
        index=entry["index"],
        epoch=as_epoch(entry["epoch"]),
        time=entry["time"],
        seconds=entry["time"] - created,
        cost=entry["cost"],
        sampling=entry["sampling"],
        training=entry["training"],
        scalars={name: float(from_json_number(value)) for name, value in entry["scalars"].items()},
        layers={name: LayerSummary.from_json(values) for name, values in entry["layers"].items()},
        rows={name: Rows.from_json(values) for name, values in entry.get("rows", {}).items()},
    )


def _missing_bytes(epochs: tuple[float, float] | None) -> bytes:
    """What `_read_missing` reads, always as many bytes."""
    text = "" if epochs is None else json.dumps({"first": epochs[0], "last": epochs[1]})
    return text.ljust(MISSING_BYTES).encode()


def _read_missing(path: Path) -> tuple[float, float] | None:
    """What `RunWriter.note_missing` wrote; a run of an earlier PERscope has no such file."""
    try:
        values = json.loads((path / MISSING).read_bytes().strip() or "null")
        return None if values is None else (as_epoch(values["first"]), as_epoch(values["last"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _array_path(run: Path, index: int) -> Path:
    return run / ARRAYS / f"{index:06d}.safetensors"


def _unreadable(path: Path, reason: object) -> InvalidInputError:
    return InvalidInputError(
        N_("{path} must be a readable run directory; {reason}. Is it a folder that per_core.Recorder wrote?"),
        path=path,
        reason=reason,
    )
