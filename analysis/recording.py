"""Recordings: the activations of one network at several layers and epochs, in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from analysis.batch import ActivationBatch
from per_core.errors import InvalidInputError
from per_core.recording.epoch import as_epoch, parse_epoch
from per_core.recording.whole_file import told, write_whole

HEADER_KEY = "perscope.recording"
VERSION = 1


@dataclass(frozen=True, slots=True)
class RecordingNotes:
    """What a person wants to know about a recording.

    Attributes:
        title: a few words; the batches are named after it.
        description, network, data: sentences.
        seed: of the training.
        accuracy: epoch -> share of test inputs classified correctly, 0 to 1.
        versions: package -> version that the network was trained with.
    """

    title: str
    description: str
    network: str
    data: str
    seed: int
    accuracy: dict[float, float]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk. Opening reads the header; `batch` reads one array and nothing else.

    Attributes:
        path: the file.
        layers: names, from input to output.
        epochs: increasing; 0 is before training.
        n: samples, the same in all batches: row i is always the same input.
        units: layer -> number of units d.
        notes: what it is a recording of.
    """

    path: Path
    layers: tuple[str, ...]
    epochs: tuple[float, ...]
    n: int
    units: dict[str, int]
    notes: RecordingNotes

    def batch(self, layer: str, epoch: float) -> ActivationBatch:
        """Return the activations of one layer after one epoch, stored as float16 and given as float32.

        Raises:
            InvalidInputError: If the recording has no such layer or epoch, or its file can no longer be read.
        """
        if layer not in self.layers:
            raise InvalidInputError(f"No layer {layer!r} in {self.path.name}. It has: {', '.join(self.layers)}.")
        if epoch not in self.epochs:
            known = ", ".join(map(str, self.epochs))
            raise InvalidInputError(f"No epoch {epoch!r} in {self.path.name}. It has: {known}.")
        try:
            with safe_open(self.path, framework="numpy") as file:
                values = file.get_tensor(_key(layer, epoch))
        except (OSError, SafetensorError) as error:
            raise _unreadable(self.path, error) from error
        name = f"{self.notes.title}, {layer}, epoch {epoch}"
        return ActivationBatch(values, name, layer=layer, epoch=epoch, source="recording")


def open_recording(path: str | Path) -> Recording:
    """Read the header of a recording that `write_recording` made.

    Raises:
        InvalidInputError: If there is no such file, or it is not a recording of this version, or an array is missing
            from it.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInputError(f"No recording at {path}. Make one with `python -m analysis record {path}`.")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[HEADER_KEY])
            if header["version"] != VERSION:
                raise ValueError(f"its version is {header['version']}, this program reads version {VERSION}")
            layers, epochs = tuple(header["layers"]), tuple(map(as_epoch, header["epochs"]))
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
        notes = header["notes"]
        notes["accuracy"] = {parse_epoch(epoch): accuracy for epoch, accuracy in notes["accuracy"].items()}
        n, _ = shapes[_key(layers[0], epochs[0])]
        units = {layer: shapes[_key(layer, epochs[0])][1] for layer in layers}
        for layer, d in units.items():
            for epoch in epochs:
                if shapes[_key(layer, epoch)] != [n, d]:
                    raise ValueError(f"the array of {layer}, epoch {epoch} is not {n} x {d}")
        return Recording(path, layers, epochs, n, units, RecordingNotes(**notes))
    except KeyError as error:
        raise _unreadable(path, f"it has no {error}") from error
    except (OSError, SafetensorError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise _unreadable(path, error) from error


def write_recording(path: str | Path, arrays: Mapping[tuple[str, float], ArrayLike], notes: RecordingNotes) -> None:
    """Write activations and notes to one safetensors file, as float16 (11 significant bits).

    Args:
        path: where to; missing folders are made, an existing file is replaced.
        arrays: (layer, epoch) -> array (n, d). Layers are kept in the order given. Every layer is given at every epoch,
            n is the same for all and d for all epochs of a layer.
        notes: what it is a recording of; written into the file's header as JSON.

    Raises:
        InvalidInputError: If an array is missing or has another shape, or a value is beyond the range of float16
            (65504).
        StorageError: If the file cannot be written.
    """
    arrays = {(layer, as_epoch(epoch)): values for (layer, epoch), values in arrays.items()}
    layers = tuple(dict.fromkeys(layer for layer, _ in arrays))
    epochs = sorted({epoch for _, epoch in arrays})
    if not arrays or len(arrays) != len(layers) * len(epochs):
        raise InvalidInputError(
            "A recording holds every layer at every epoch, and at least one of each; "
            f"received {len(arrays)} arrays for {len(layers)} layers and {len(epochs)} epochs. "
            "Add those missing."
        )
    batches = {key: ActivationBatch(values, _key(*key)) for key, values in arrays.items()}
    n = batches[layers[0], epochs[0]].n
    for (layer, epoch), batch in batches.items():
        expected = (n, batches[layer, epochs[0]].d)
        if batch.values.shape != expected:
            raise InvalidInputError(
                "A recording has the same samples everywhere and the same units at every epoch of a layer; expected "
                f"{expected} for {layer}, epoch {epoch}; received {batch.values.shape}. Record one probe set."
            )
        if not np.abs(batch.values).max() <= np.finfo(np.float16).max:
            raise InvalidInputError(
                f"A recording holds finite values up to 65504 (float16); {layer}, epoch {epoch} "
                "has larger, infinite or NaN values. Record it before training diverges."
            )
    header = {"version": VERSION, "layers": layers, "epochs": epochs, "notes": asdict(notes)}
    tensors = {_key(*key): batch.values.astype(np.float16) for key, batch in batches.items()}
    path = Path(path)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    # Not safetensors' own save_file: its files are for the owner's eyes only, whatever the umask.
    write_whole(path, save(tensors, metadata={HEADER_KEY: json.dumps(header)}))


def _key(layer: str, epoch: float) -> str:
    return f"{layer}, epoch {epoch}"


def _unreadable(path: Path, reason: object) -> InvalidInputError:
    return InvalidInputError(
        f"{path} is not a readable PERscope recording: {reason}. "
        "A recording is a .safetensors file written by `python -m analysis record`."
    )
