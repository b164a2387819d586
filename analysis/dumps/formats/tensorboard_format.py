"""TensorBoard's event files, only ever in the reading process: histograms as bins, everything else as a log.

A file is records: a length, its checksum, an event, its checksum. Histograms come in two forms, a `HistogramProto` with
upper limits of buckets, or a tensor of the plugin "histograms" with left, right and count of every bin.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from crc32c import crc32c
from numpy.typing import NDArray

from analysis.dumps.entry import HISTOGRAM, MOST_VALUES, TEXT, Entry
from analysis.dumps.files.file_stamp import Stamp, stamp
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase, together

HEADER, CHECKSUM = struct.Struct("<QL"), struct.Struct("<L")
MASK = 0xA282EAD8  # added to checksums of a record, rotated by 15 bits
LONGEST_RECORD = 2**26
DTYPES = {1: (np.float32, "float_val"), 2: (np.float64, "double_val")}  # of tensors
PLUGIN = "histograms"
UNFINISHED = Phrase(N_("the last record is not whole: it is being written, or was cut"))

Bins = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Record:
    """An event of the file: where it is, and its bytes; or what is wrong with it."""

    offset: int
    content: bytes
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class _Listing:
    """What is in a file: entries, and where those are that hold bins: offset of the event, number of the value."""

    entries: tuple[Entry, ...]
    places: dict[str, tuple[int, int]]


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """A histogram for every tag and step, a log for every other tag, and every record that cannot be read.

    Raises:
        InvalidInputError: If there is nothing in the file yet.
    """
    entries = list(_listing(path, stamp(path), limits).entries)
    if not entries:
        raise InvalidInputError(
            N_("An event file must hold a summary; this one holds none yet. Wait for the first, or call add_histogram.")
        )
    return entries


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> Bins:
    """Bins start to stop − 1 of a histogram: left, right and count of each, (stop − start, 3)."""
    place = _listing(path, stamp(path), limits).places.get(key)
    if place is None:
        raise InvalidInputError(N_("There must be a histogram {key!r}; there is none now. Inspect it again."), key=key)
    offset, number = place
    record = next(_records(path, offset))
    return _bins(_event(record).summary.value[number])[start:stop]


@lru_cache(maxsize=8)
def _listing(path: Path, version: Stamp, limits: ReadingLimits) -> _Listing:  # noqa: ARG001
    """The whole file is gone through once, and again when its stamp is another one."""
    found: dict[str, Entry] = {}
    places: dict[str, tuple[int, int]] = {}
    logs: Counter[tuple[str, str]] = Counter()
    plugins: dict[str, str] = {}  # the first value of a tag names its plugin, those that follow need not
    is_unfinished = False
    for record in _records(path):
        is_unfinished = record.wrong == UNFINISHED
        if is_unfinished:
            break
        try:
            event = _event(record)
        except ValueError as error:
            key = f"byte {record.offset}"
            found[key] = Entry(key, refusal=_damaged(error))
            continue
        for number, value in enumerate(event.summary.value):
            plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
            if not _is_histogram(value, plugins[value.tag]):
                logs[value.tag, plugins[value.tag] or value.WhichOneof("value") or "nothing"] += 1
                continue
            entry = _entry(value, event.step, len(record.content))
            found[entry.key] = _repeated(entry) if entry.key in found else entry
            places.pop(entry.key, None)
            if not entry.refusal:
                places[entry.key] = record.offset, number
        if len(found) + len(logs) > limits.members:
            break
    entries = [*found.values(), *(_log(tag, what, count) for (tag, what), count in logs.items())]
    if is_unfinished and entries:
        entries[-1] = replace(entries[-1], note=together(entries[-1].note, UNFINISHED))
    return _Listing(tuple(entries), places)


def _records(path: Path, offset: int = 0) -> Iterator[_Record]:
    """The records from one on; the last one says so if it is not whole."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(offset)
        while header := file.read(HEADER.size):
            if len(header) < HEADER.size:
                yield _Record(offset, b"", UNFINISHED)
                return
            length, checksum = HEADER.unpack(header)
            if _masked(header[:8]) != checksum:
                yield _Record(
                    offset, b"", "the length of a record does not fit its checksum; nothing behind it is read"
                )
                return
            if offset + HEADER.size + length + CHECKSUM.size > size:
                yield _Record(offset, b"", UNFINISHED)
                return
            if length > LONGEST_RECORD:
                file.seek(length + CHECKSUM.size, os.SEEK_CUR)
                wrong = Phrase(
                    N_("a record has {size}, read are up to {most}"),
                    size=in_words(length),
                    most=in_words(LONGEST_RECORD),
                )
                yield _Record(offset, b"", wrong)
            else:
                content, end = file.read(length), file.read(CHECKSUM.size)
                fits = end == CHECKSUM.pack(_masked(content))
                yield _Record(offset, content, "" if fits else "a record does not fit its checksum")
            offset = file.tell()


def _masked(content: bytes) -> int:
    checksum = crc32c(content)
    return ((checksum >> 15 | checksum << 17) + MASK) & 0xFFFFFFFF


def _event(record: _Record) -> Any:
    """The event of a record; a `ValueError` if it is none."""
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event

    if record.wrong:
        raise ValueError(record.wrong)
    try:
        return Event.FromString(record.content)
    except DecodeError as error:
        raise ValueError(Phrase(N_("a record is no event: {error!s:.100}"), error=error)) from error


def _is_histogram(value: Any, plugin: str) -> bool:
    return value.WhichOneof("value") == "histo" or (value.WhichOneof("value") == "tensor" and plugin == PLUGIN)


def _entry(value: Any, step: int, stored: int) -> Entry:
    key = f"{value.tag}/{step}"
    try:
        bins = _bins(value)
    except ValueError as error:
        return Entry(key, None, HISTOGRAM, stored, _damaged(error), layer=value.tag, epoch=step)
    if not bins[:, 2].any():
        refusal = Phrase(N_("A histogram must hold a value; this one is empty. Record the layer after it has run."))
        return Entry(key, bins.shape, HISTOGRAM, stored, refusal, layer=value.tag, epoch=step)
    note = ""
    missing = value.histo.num - bins[:, 2].sum()
    if missing > 0.5:
        note = Phrase(
            N_("{missing:.0f} of {values:.0f} values are in no bin: NaN, infinite or beyond the bins"),
            missing=missing,
            values=value.histo.num,
        )
    counted = round(min(float(bins[:, 2].sum()), MOST_VALUES))
    return Entry(key, bins.shape, HISTOGRAM, stored, note=note, layer=value.tag, epoch=step, counted=counted)


def _repeated(entry: Entry) -> Entry:
    return replace(entry, note=together(entry.note, Phrase(N_("recorded more than once, the last counts"))))


def _log(tag: str, what: str, count: int) -> Entry:
    kind = {"scalars": "scalars", "simple_value": "scalars"}.get(what, what)
    return Entry(tag, (count,), TEXT, note=Phrase(N_("a log of {kind}"), kind=kind))


def _bins(value: Any) -> Bins:
    """Left, right and count of every bin, (bins, 3); a `ValueError` if they are no histogram."""
    bins = _of_buckets(value.histo) if value.WhichOneof("value") == "histo" else _of_tensor(value.tensor)
    left, right, count = bins.T
    with np.errstate(over="ignore"):
        if not (np.isfinite(count.sum()) and (count >= 0).all()):
            raise ValueError(Phrase(N_("counts of bins are no numbers of at least 0")))
    if not (left <= right).all() or not (right[:-1] <= left[1:]).all():
        raise ValueError(Phrase(N_("the edges of bins do not ascend")))
    return bins


def _of_buckets(histogram: Any) -> Bins:
    """Buckets end at their limit and begin at the one before; smallest and largest value narrow them if they fit."""
    right, count = np.array(histogram.bucket_limit, np.float64), np.array(histogram.bucket, np.float64)
    if len(right) != len(count):
        raise ValueError(
            Phrase(
                N_("{limits} limits and {counts} counts of buckets are no pairs"), limits=len(right), counts=len(count)
            )
        )
    left = np.concatenate([[-np.inf], right[:-1]])[: len(right)]
    low, high = histogram.min, histogram.max
    is_used = count > 0
    if low <= high and (left[is_used] <= high).all() and (right[is_used] >= low).all():
        left = np.where(is_used, np.maximum(left, low), left)
        right = np.where(is_used, np.minimum(right, high), right)
    return np.stack([left, right, count], axis=1)


def _of_tensor(tensor: Any) -> Bins:
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if len(shape) != 2 or shape[1] != 3 or tensor.dtype not in DTYPES:
        raise ValueError(
            Phrase(
                N_("a tensor of histograms is (bins, 3) of floating-point numbers; this one is {shape}"), shape=shape
            )
        )
    dtype, field = DTYPES[tensor.dtype]
    if tensor.tensor_content:
        if len(tensor.tensor_content) % np.dtype(dtype).itemsize:
            raise ValueError(Phrase(N_("the bytes of a tensor are no whole numbers of values")))
        values = np.frombuffer(tensor.tensor_content, dtype).astype(np.float64)
    else:
        values = np.array(getattr(tensor, field), np.float64)
    if len(values) != shape[0] * 3:
        raise ValueError(Phrase(N_("a tensor of shape {shape} has {values} values"), shape=shape, values=len(values)))
    return values.reshape(-1, 3)


def _damaged(reason: object) -> Phrase:
    return Phrase(
        N_("Records of an event file are whole; {reason}. It is damaged: copy the file again."), reason=reason
    )
