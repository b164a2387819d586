"""HDF5 files, only ever in the reading process. Hard links only: nothing outside the file is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, Entry, is_plain_shape
from analysis.dumps.limits import ReadingLimits, in_words
from analysis.dumps.natural_order import by_numbers
from analysis.dumps.sample_groups import PLACE, join_samples
from per_core.errors import InvalidInputError

DEEPEST = 32  # groups within each other
MOST_COMPRESSION = 1100  # times: more than deflate can do
COUNT = "count"  # attribute of a dataset or its group, or a dataset beside it: rows in use, the others are reserve


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every dataset of the file, those of one sample each joined, and every link that is not followed.

    Raises:
        InvalidInputError: If HDF5 cannot open the file, or there is nothing in it or too much.
    """
    with _opened(path) as file:
        groups = join_samples([_entry(key, found) for key, found in _walk(file, limits.members)])
    if not groups:
        raise InvalidInputError("An HDF5 file must hold a dataset; this one holds none. Write the activations into it.")
    return [group.entry for group in groups]


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of a dataset, or of a group of samples."""
    with _opened(path) as file:
        try:
            rows = _read_group(file, key, start, stop, limits) if PLACE in key else None
            return _read_dataset(file, key, start, stop, limits) if rows is None else rows
        except (MemoryError, InvalidInputError):
            raise
        except Exception as error:
            raise _unreadable(error) from error


def _read_dataset(file: Any, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    dataset = next((found for name, found in _walk(file, limits.members) if name == key), None)
    if dataset is None or _entry(key, dataset).refusal:
        raise InvalidInputError(f"There must be a readable dataset {key!r}; there is none now. Inspect it again.")
    return np.asarray(dataset[start:stop])


def _read_group(file: Any, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any] | None:
    """Samples start to stop − 1 of the group of samples of this key; None if there is none."""
    found = dict(_walk(file, limits.members))
    entries = {name: _entry(name, dataset) for name, dataset in found.items()}
    group = next((one for one in join_samples(list(entries.values())) if one.entry.key == key and one.keys[1:]), None)
    if group is None:
        return None
    assert group.entry.shape is not None
    parts = [
        found[name][: shape[0]] if (shape := entries[name].shape) else found[name][()]
        for name in group.keys[start:stop]
    ]
    return np.stack(parts).reshape(-1, *group.entry.shape[1:])


def _opened(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r", locking=False)
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
        prefix, group, depth = pending.pop()
        try:
            names = sorted(group, key=by_numbers)
        except Exception as error:
            yield prefix, Entry(prefix, refusal=str(_unreadable(error)))
            continue
        groups = []
        for name in names:
            key = f"{prefix}/{name}" if prefix else name
            found += 1
            if found > most:
                raise InvalidInputError(f"A file may hold {most} members; this one holds more. Split it.")
            try:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    yield key, Entry(key, refusal=_foreign(f"this one is {_kind(link)}"))
                    continue
                member = group[name]
                address = int(h5py.h5o.get_info(member.id).addr)
            except MemoryError:
                raise
            except Exception as error:
                yield key, Entry(key, refusal=str(_unreadable(error)))
                continue
            if address in seen:
                continue
            seen.add(address)
            if isinstance(member, h5py.Dataset):
                yield key, member
            elif isinstance(member, h5py.Group):
                if depth >= DEEPEST:
                    yield (
                        key,
                        Entry(key, refusal=f"Groups are followed {DEEPEST} deep; here are more. Save fewer levels."),
                    )
                else:
                    groups.append((key, member, depth + 1))
        pending.extend(reversed(groups))


def _kind(link: Any) -> str:
    kind = type(link).__name__
    return f"a link into another file, {link.filename!r}" if kind == "ExternalLink" else f"a {kind}"


def _entry(key: str, dataset: Any) -> Entry:
    if isinstance(dataset, Entry):
        return dataset
    try:
        return _described(key, dataset)
    except MemoryError:
        raise
    except Exception as error:
        return Entry(key, refusal=str(_unreadable(error)))


def _described(key: str, dataset: Any) -> Entry:
    dtype = dataset.dtype
    name = "structured" if dtype.names else dtype.name
    if dataset.is_virtual:
        return Entry(key, dtype=name, refusal=_foreign("this one is a virtual dataset, put together of others"))
    if dataset.external:
        return Entry(key, dtype=name, refusal=_foreign(f"the values of this one are in {dataset.external[0][0]!r}"))
    if dataset.shape is None:
        return Entry(key, dtype=name, refusal="A dataset must hold values; this one is empty. Write them into it.")
    shape, stored = tuple(int(length) for length in dataset.shape), int(dataset.id.get_storage_size())
    if not is_plain_shape(shape):
        return Entry(key, dtype=name, stored=stored, refusal=f"A shape must fit this machine; {shape} does not.")
    if name not in ITEM_BYTES:
        return Entry(key, shape, name, stored)
    used, refusal, note = _rows_in_use(dataset, shape)
    declared = math.prod(used) * ITEM_BYTES[name]
    most = stored * (MOST_COMPRESSION if dataset.chunks and dataset.id.get_create_plist().get_nfilters() else 1)
    if not refusal and declared > most:
        refusal = (
            f"A dataset must hold what it declares; {used} of {name} is {in_words(declared)}, stored are"
            f" {in_words(stored)}. Write all of it, or say in an attribute 'count' how many rows are in use."
        )
    return Entry(key, used, name, stored, refusal, note)


def _rows_in_use(dataset: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str, str]:
    """The shape of the rows in use, a refusal and a note."""
    beside = _count_beside(dataset)
    if beside is not None and shape and 0 < beside < shape[0]:
        return (beside, *shape[1:]), "", f"{beside} of {shape[0]} rows are in use, says the dataset 'count'"
    count = dataset.attrs.get(COUNT, dataset.parent.attrs.get(COUNT))
    if count is None or not shape or not np.issubdtype(np.asarray(count).dtype, np.integer) or np.size(count) != 1:
        return shape, "", ""
    rows = int(np.asarray(count).item())
    if not 0 <= rows <= shape[0]:
        return (
            shape,
            f"The attribute 'count' says how many of the {shape[0]} rows are in use; it is {rows}. Correct it or"
            " delete it.",
            "",
        )
    return (rows, *shape[1:]), "", f"{rows} of {shape[0]} rows are in use, says the attribute 'count'"


def _count_beside(dataset: Any) -> int | None:
    """The one whole number in a dataset 'count' of the same group; None if there is none."""
    import h5py

    group = dataset.parent
    if COUNT not in group or not isinstance(group.get(COUNT, getlink=True), h5py.HardLink):
        return None
    found = group[COUNT]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external or found.size != 1:
        return None
    return int(np.asarray(found[()]).item()) if np.issubdtype(found.dtype, np.integer) else None


def _foreign(what: str) -> str:
    return (
        f"Only what is in the file itself is read, through hard links; {what}. Copy the values into the file, or open"
        " the file they are in."
    )


def _unreadable(error: BaseException) -> InvalidInputError:
    return InvalidInputError(
        f"HDF5 must be able to read the file; it cannot: {error!s:.200}. It is damaged or cut short: write it again."
    )
