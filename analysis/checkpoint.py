"""The checkpoint of a training: one file with everything needed to go on after the last whole epoch.

It holds weights, not activations, so a dump passes over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_core.errors import InvalidInputError
from per_core.recording.whole_file import whole_file
from per_core.text import N_

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.pt"


def write_checkpoint(file: Path, values: Mapping[str, Any]) -> None:
    """Replace a checkpoint as a whole: a reader never sees half of one.

    Raises:
        StorageError: If it cannot be written; the one before is still there.
    """
    import torch  # not needed to pass over such a file

    with whole_file(file) as stream:
        try:
            torch.save(dict(values), stream)
        except RuntimeError as error:  # torch's words for a write that failed
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def read_checkpoint(file: Path, device: torch.device) -> dict[str, Any]:
    """What `write_checkpoint` wrote, its tensors on `device`.

    Raises:
        InvalidInputError: If there is none, or it cannot be read.
    """
    if not file.is_file():
        raise InvalidInputError(
            N_("A comparison goes on from its checkpoint; there is none in {folder}. Start it anew in another folder."),
            folder=file.parent,
        )
    import torch

    try:
        values: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
    except Exception as error:  # torch.load raises whatever unpickling and unzipping raise
        raise InvalidInputError(
            N_("{file} is not a readable checkpoint: {error}. Start anew in another folder."), file=file, error=error
        ) from error
    return values
