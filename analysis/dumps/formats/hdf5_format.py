"""HDF5 files, only ever in the reading process. Hard links only: nothing outside the file is looked at.

MATLAB's files of version 7.3 are HDF5 with the axes of every array reversed; they are given as MATLAB has them. Cells
are references to arrays in the same file, which are followed by their place in the cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, TEXT, Entry, is_plain_shape
from analysis.dumps.files.changed_file import ChangedFile
from analysis.dumps.files.likeness import FreeBytes, Span
from analysis.dumps.formats.matlab_format import WITHOUT_NUMBERS
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.natural_order import by_numbers
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

DEEPEST = 32  # groups within each other
MOST_COMPRESSION = 1100  # times: more than deflate can do
COUNT = "count"  # attribute of a dataset or its group, or a dataset beside it: rows in use, the others are reserve
MATLAB_CLASS, MATLAB_EMPTY = "MATLAB_class", "MATLAB_empty"
MATLAB_STORE = ("#refs#", "#subsystem#")  # where MATLAB keeps what its cells and objects refer to
MATLAB_NOTE = Phrase(N_("an array of MATLAB, whose axes HDF5 stores in reverse: given in MATLAB's order"))


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every dataset of the file, and every link that is not followed.

    Raises:
        InvalidInputError: If HDF5 cannot open the file, or there is nothing in it or too much.
    """
    return list_alike(path, limits)[0]


def list_alike(path: Path, limits: ReadingLimits) -> tuple[list[Entry], FreeBytes]:
    """What `list_entries` says, and which bytes of the file hold nothing but values; errors as of `list_entries`.

    Only the file says so. If values are said to lie where something else does, `list_changed` says something else.
    """
    return _listed(path, limits)


def list_changed(path: Path, free: FreeBytes, limits: ReadingLimits) -> tuple[list[Entry], FreeBytes]:
    """What `list_alike` would say of the file if all free bytes were others; errors as of `list_entries`."""
    with ChangedFile(path, free.values) as changed:
        return _listed(changed, limits)


def _listed(source: Path | ChangedFile, limits: ReadingLimits) -> tuple[list[Entry], FreeBytes]:
    entries, values = [], []
    with _opened(source) as file:
        for key, found in _walk(file, limits.members):
            entries.append(_entry(key, found))
            values += _values(file, found, entries[-1])
    if not entries:
        raise InvalidInputError(
            N_("An HDF5 file must hold a dataset; this one holds none. Write the activations into it.")
        )
    return entries, FreeBytes(tuple(values))


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of a dataset."""
    return next(read_pieces(path, [(key, start, stop)], limits))


def read_pieces(
    path: Path,
    pieces: Sequence[tuple[str, int, int]],
    limits: ReadingLimits,  # noqa: ARG001
) -> Iterator[NDArray[Any]]:
    """Of every key rows start to stop − 1, one after the other; the file is opened once."""
    with _opened(path) as file:
        for key, start, stop in pieces:
            try:
                yield _read_dataset(file, key, start, stop)
            except (MemoryError, InvalidInputError):
                raise
            except Exception as error:
                raise _unreadable(error) from error


def _read_dataset(file: Any, key: str, start: int, stop: int) -> NDArray[Any]:
    dataset = _find(file, key)
    entry = _entry(key, dataset)
    if entry.refusal or entry.dtype not in ITEM_BYTES:
        raise InvalidInputError(
            N_("There must be a readable dataset {key!r}; there is none now. Inspect it again."), key=key
        )
    if _matlab_class(dataset):
        return np.asarray(dataset[..., start:stop]).T.astype(entry.dtype, copy=False)
    return np.asarray(dataset[start:stop])


def _opened(source: Path | ChangedFile) -> Any:
    import h5py

    try:
        return h5py.File(source, "r", locking=False)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the library raise
        raise _unreadable(error) from error


def _walk(file: Any, most: int) -> Iterator[tuple[str, Any]]:
    """Key and dataset, or an entry that says why there is none, depth first; nothing is followed twice."""
    import h5py

    seen = {int(h5py.h5o.get_info(file.id).addr)}
    found = 0
    pending: list[tuple[str, Any, int]] = [("", file, 0)]
    while pending:
        prefix, outer, depth = pending.pop()
        if depth > DEEPEST:
            refusal = Phrase(
                N_("Groups are followed {deepest} deep; here are more. Save fewer levels."), deepest=DEEPEST
            )
            yield prefix, Entry(prefix, refusal=refusal)
            continue
        try:
            names = _names(outer, most)
        except (MemoryError, InvalidInputError):
            raise
        except Exception as error:
            yield prefix, Entry(prefix, refusal=_unreadable(error).phrase)
            continue
        inner = []
        for name in names:
            key = f"{prefix}/{name}" if prefix else name
            found += 1
            if found > most:
                raise _too_many(most)
            member = _member(key, outer, name)
            if isinstance(member, Entry):
                yield key, member
                continue
            address = int(h5py.h5o.get_info(member.id).addr)
            if address in seen:
                continue
            seen.add(address)
            if isinstance(member, h5py.Group) or _is_cell(member):
                inner.append((key, member, depth + 1))
            elif isinstance(member, h5py.Dataset):
                yield key, member
        pending.extend(reversed(inner))


def _names(outer: Any, most: int) -> list[str]:
    """What is in a group, or the places in a cell, which are numbers in MATLAB's order."""
    if not _is_cell(outer):
        return [name for name in sorted(outer, key=by_numbers) if name not in MATLAB_STORE]
    if outer.size > most:
        raise _too_many(most)
    return [str(index) for index in range(outer.size)]


def _member(key: str, outer: Any, name: str) -> Any:
    """What has a name in a group or a place in a cell; an entry that says why if it is not followed."""
    import h5py

    try:
        if _is_cell(outer):
            return outer.file[outer[np.unravel_index(int(name), outer.shape)]]
        link = outer.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            return Entry(key, refusal=_foreign(Phrase(N_("this one is {kind}"), kind=_kind(link))))
        return outer[name]
    except MemoryError:
        raise
    except Exception as error:
        return Entry(key, refusal=_unreadable(error).phrase)


def _find(file: Any, key: str) -> Any:
    """The dataset of a key, by the way that `_walk` goes; an entry if there is none."""
    import h5py

    member = file
    for name in key.split("/"):
        if not isinstance(member, h5py.Group) and not _is_cell(member):
            return Entry(key, refusal=_foreign(Phrase(N_("there is nothing under this name"))))
        member = _member(key, member, name)
    if isinstance(member, h5py.Dataset | Entry):
        return member
    return Entry(key, refusal=Phrase(N_("A group is no array.")))


def _is_cell(member: Any) -> bool:
    """Whether it is an array of references to what else is in the file, as MATLAB's cells are."""
    import h5py

    return isinstance(member, h5py.Dataset) and member.id.get_type() == h5py.h5t.STD_REF_OBJ


def _matlab_class(dataset: Any) -> str:
    """What MATLAB calls the type of an array; empty if MATLAB did not write it."""
    found = _attribute(dataset, MATLAB_CLASS, b"")
    return found.decode("ascii", "replace") if isinstance(found, bytes) else str(found)


def _attribute(holder: Any, name: str, default: Any) -> Any:
    """An attribute, or the default; most arrays have none, and h5py's own way of asking raises and catches for each."""
    import h5py

    return holder.attrs[name] if h5py.h5a.exists(holder.id, name.encode()) else default


def _too_many(most: int) -> InvalidInputError:
    return InvalidInputError(N_("A file may hold {most} members; this one holds more. Split it."), most=most)


def _kind(link: Any) -> str:
    kind = type(link).__name__
    if kind == "ExternalLink":
        return Phrase(N_("a link into another file, {filename!r}"), filename=link.filename)
    return Phrase(N_("a {kind}"), kind=kind)


def _entry(key: str, dataset: Any) -> Entry:
    if isinstance(dataset, Entry):
        return dataset
    try:
        return _described(key, dataset)
    except MemoryError:
        raise
    except Exception as error:
        return Entry(key, refusal=_unreadable(error).phrase)


def _described(key: str, dataset: Any) -> Entry:
    import h5py

    dtype, matlab = dataset.dtype, _matlab_class(dataset)
    name = "structured" if dtype.names else dtype.name
    if dataset.is_virtual:
        return Entry(
            key, dtype=name, refusal=_foreign(Phrase(N_("this one is a virtual dataset, put together of others")))
        )
    if dataset.external:
        return Entry(
            key,
            dtype=name,
            refusal=_foreign(Phrase(N_("the values of this one are in {place!r}"), place=dataset.external[0][0])),
        )
    if dataset.shape is None or _attribute(dataset, MATLAB_EMPTY, 0):
        return Entry(
            key, dtype=name, refusal=Phrase(N_("A dataset must hold values; this one is empty. Write them into it."))
        )
    shape, stored = tuple(int(length) for length in dataset.shape), int(dataset.id.get_storage_size())
    if matlab:
        shape = shape[::-1]
    if not is_plain_shape(shape):
        return Entry(
            key,
            dtype=name,
            stored=stored,
            refusal=Phrase(N_("A shape must fit this machine; {shape} does not."), shape=shape),
        )
    if _attribute(dataset, "MATLAB_object_decode", None) is not None:
        return Entry(key, dtype=matlab, stored=stored, refusal=WITHOUT_NUMBERS["opaque"])
    if matlab == "char":
        return Entry(key, shape[:-1], TEXT, stored)
    if h5py.check_string_dtype(dtype) is not None:
        return Entry(key, shape, TEXT, stored)
    if name not in ITEM_BYTES:
        return Entry(key, shape, name, stored)
    use = _Use(shape, note=MATLAB_NOTE) if matlab else _rows_in_use(dataset, shape)
    refusal = use.refusal or _missing_filter(dataset)
    declared = math.prod(use.shape) * ITEM_BYTES[name]
    most = stored * (MOST_COMPRESSION if dataset.chunks and dataset.id.get_create_plist().get_nfilters() else 1)
    if not refusal and declared > most:
        refusal = Phrase(
            N_(
                "A dataset must hold what it declares; {shape} of {name} is {declared}, stored are {stored}."
                " Write all of it, or say in an attribute 'count' how many rows are in use."
            ),
            shape=use.shape,
            name=name,
            declared=in_words(declared),
            stored=in_words(stored),
        )
    dtype_name = "bool" if matlab == "logical" else name
    return Entry(key, use.shape, dtype_name, stored, refusal, use.note, unused=shape[0] - use.shape[0] if shape else 0)


def _values(file: Any, dataset: Any, entry: Entry) -> list[Span]:
    """Where the values of an array lie in one piece; none of those that say something of other arrays."""
    if entry.refusal or entry.dtype not in ITEM_BYTES or file.userblock_size or PurePosixPath(entry.key).name == COUNT:
        return []
    begin = dataset.id.get_offset()
    return [] if begin is None or _matlab_class(dataset) else [(int(begin), int(dataset.id.get_storage_size()))]


def _missing_filter(dataset: Any) -> str:
    """What to do if values are compressed in a way that this HDF5 does not know; empty if it knows all."""
    import h5py

    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(index) for index in range(plist.get_nfilters())]
    missing = [name.decode("ascii", "replace") or str(code) for code, _, _, name in filters
               if not h5py.h5z.filter_avail(code)]  # fmt: skip
    if not missing:
        return ""
    return Phrase(
        N_(
            "Values are compressed by filters that HDF5 itself has; this dataset needs {missing:.60}. Write it"
            " with compression='gzip', or where its filter is installed: h5repack -f GZIP=4 FILE NEW"
        ),
        missing=missing[0],
    )


@dataclass(frozen=True, slots=True)
class _Use:
    """The shape of the rows in use, and why it cannot be read or what there is to say of it."""

    shape: tuple[int, ...]
    refusal: str = ""
    note: str = ""


def _rows_in_use(dataset: Any, shape: tuple[int, ...]) -> _Use:
    group = dataset.parent
    beside = _count_in(group)
    if beside is not None and shape and 0 < beside < shape[0]:
        return _Use(
            (beside, *shape[1:]),
            note=Phrase(
                N_("{beside} of {stored_rows} rows are in use, says the dataset 'count'"),
                beside=beside,
                stored_rows=shape[0],
            ),
        )
    count = _attribute(dataset, COUNT, _attribute(group, COUNT, None))
    if count is None or not shape or not np.issubdtype(np.asarray(count).dtype, np.integer) or np.size(count) != 1:
        return _Use(shape)
    rows = int(np.asarray(count).item())
    if not 0 <= rows <= shape[0]:
        return _Use(
            shape,
            Phrase(
                N_(
                    "The attribute 'count' says how many of the {stored_rows} rows are in use; it is {rows}. Correct"
                    " it or delete it."
                ),
                stored_rows=shape[0],
                rows=rows,
            ),
        )
    return _Use(
        (rows, *shape[1:]),
        note=Phrase(
            N_("{rows} of {stored_rows} rows are in use, says the attribute 'count'"), rows=rows, stored_rows=shape[0]
        ),
    )


def _count_in(group: Any) -> int | None:
    """The one whole number in the dataset 'count' of a group; None if there is none."""
    import h5py

    if not group.id.links.exists(COUNT.encode()) or not isinstance(group.get(COUNT, getlink=True), h5py.HardLink):
        return None
    found = group[COUNT]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external or found.size != 1:
        return None
    return int(np.asarray(found[()]).item()) if np.issubdtype(found.dtype, np.integer) else None


def _foreign(what: str) -> str:
    return Phrase(
        N_(
            "Only what is in the file itself is read, through hard links; {what}. Copy the values into the file,"
            " or open the file they are in."
        ),
        what=what,
    )


def _unreadable(error: BaseException) -> InvalidInputError:
    what = (
        Phrase(N_("cut short: copy it again")) if "truncated" in str(error) else Phrase(N_("damaged: write it again"))
    )
    return InvalidInputError(
        N_("HDF5 must be able to read the file; it cannot: {error!s:.200}. It is {what}."), error=error, what=what
    )
