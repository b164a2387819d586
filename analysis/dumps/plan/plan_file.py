"""The plan beside a dump: perscope.toml, found again whenever the dump is opened."""

from __future__ import annotations

from pathlib import Path

from analysis.dumps.plan.plan import PLAN_FILE, ReadingPlan
from per_core.errors import InvalidInputError
from per_core.recording.whole_file import write_whole
from per_core.text import N_

MOST_BYTES = 2**20


def plan_file(dump: Path) -> Path:
    """Where the plan of a dump is: in its folder, or beside a dump that is one file, under its name."""
    return dump / PLAN_FILE if dump.is_dir() else dump.with_name(f"{dump.name}.{PLAN_FILE}")


def read_plan(path: Path) -> ReadingPlan:
    """The plan in a file.

    Raises:
        InvalidInputError: If it cannot be read, is larger than 1 MB or no plan.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidInputError(
                N_("A plan has at most {most_bytes:,} bytes; {path} has more. Name another file."),
                most_bytes=MOST_BYTES,
                path=path,
            )
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InvalidInputError(
            N_("A plan is a file of TOML that can be read; {path} cannot: {reason}."), path=path, reason=reason
        ) from error
    try:
        return ReadingPlan.from_toml(text)
    except InvalidInputError as error:
        raise InvalidInputError(
            N_("{path}: {error} Correct the file, or delete it to have a plan proposed."), path=path, error=error
        ) from error


def kept_plan(dump: Path) -> ReadingPlan | None:
    """The plan beside a dump; None if there is none. Links are not followed. Errors as of `read_plan`."""
    path = plan_file(dump)
    return read_plan(path) if path.is_file() and not path.is_symlink() else None


def keep_plan(dump: Path, plan: ReadingPlan) -> Path:
    """Write the plan beside the dump; a `StorageError` if that is not possible."""
    path = plan_file(dump)
    write_whole(path, plan.to_toml().encode())
    return path
