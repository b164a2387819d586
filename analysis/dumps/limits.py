"""What reading a dump may cost."""

from __future__ import annotations

from dataclasses import dataclass

from per_core.errors import BudgetError
from per_core.text import N_


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """Bounds on what one file may ask of this machine. Whatever would need more is refused with the reason.

    Attributes:
        batch_bytes: of one loaded batch, as float32.
        unpacked_bytes: that the compressed members of one archive may unpack to, all together; and that temporary files
            may take which one inspection unpacks, archives within archives included.
        csv_bytes: of a text file, which is read whole.
        header_bytes: of a header or directory, before the values.
        members: of one file; entries of one archive.
        files: of one folder, with the folders in it; arrays of one dump.
        process_bytes: of memory that the reading process may take on top of what it takes idle.
        seconds: that one request to the reading process may take.
    """

    batch_bytes: int = 2**29
    unpacked_bytes: int = 2**33
    csv_bytes: int = 2**26
    header_bytes: int = 2**24
    members: int = 10_000
    files: int = 120_000
    process_bytes: int = 2**31
    seconds: float = 60.0


DEFAULT_LIMITS = ReadingLimits()


def in_words(size: float) -> str:
    """A number of bytes for a person: "1.6 kB", "40 TB"."""
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{size:.3g} {unit}" if size < 1e4 else f"{size:.2g} {unit}"


def require_text_size(size: int, limits: ReadingLimits) -> None:
    """Check that text of so many bytes may be read; a `BudgetError` if it may not."""
    if size > limits.csv_bytes:
        raise BudgetError(
            N_(
                "Text is read whole, up to {most}; this file has {size}. Save it as .npy or .parquet, which are read"
                " in parts and faster."
            ),
            most=in_words(limits.csv_bytes),
            size=in_words(size),
        )
