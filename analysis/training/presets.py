"""Specs with a name: where to begin, and what shows an effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.training.spec import VANILLA, MethodSpec, ModelSpec, TrainingSpec, read_spec
from per_core.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Preset:
    """A spec, and what it is for.

    Attributes
    ----------
    key : its name on the command line and in links.
    title : a few words.
    description : what it shows, a sentence or two.
    measured : how far it does, in figures, over the seeds 0 to 4 on a CPU; `make bench` prints them anew.
    spec : what is trained.
    """

    key: str
    title: str
    description: str
    measured: str
    spec: TrainingSpec


PER = MethodSpec("per", reduction="sum")  # Algorithm 1 as printed: the published λ is noticeable beside the task loss
BN = MethodSpec("bn")
VANILLA_METHOD = MethodSpec(VANILLA)


def _presets() -> tuple[Preset, ...]:
    return (
        Preset(
            "default",
            "Digits",
            "The 11-layer network of the paper, narrow, on handwritten digits: every method learns them.",
            "Test accuracy: PER 98.8 to 99.2 %, no method 98.2 to 99.2 %, BN 98.8 to 99.6 %. One seed ranks nothing.",
            TrainingSpec(methods=(PER, VANILLA_METHOD, BN), title="Digits"),
        ),
        Preset(
            "figure2",
            "Figure 2",
            "The learning rate stays as it is, so the activations keep moving: without a method their variance grows, "
            "PER holds it down, and batch normalisation moves least.",
            "Final variance without a method over that with PER: 1.5 to 1.6 in layer 2, 4.0 to 5.7 in layer 6, 5.4 to "
            "7.2 in layer 9. Mean movement of a layer's recorded units: BN least in all 15 layers and seeds, PER below "
            "no method in all 15; single units contradict it, 18 of 60 move more with PER than without.",
            TrainingSpec(
                methods=(MethodSpec("per", {"per.weight": 3e-4}, reduction="sum"), VANILLA_METHOD, BN),
                learning_rate=0.01,
                schedule="constant",
                title="Figure 2",
            ),
        ),
        Preset(
            "hard",
            "Hard",
            "A deep network at a high learning rate: without a method it diverges or learns less.",
            "Without a method two of five seeds diverge in epoch 2, the others end at 56, 75 and 91 % test accuracy. "
            "PER ends at 97.0 to 97.8 %, BN at 97.8 to 99.4 %.",
            TrainingSpec(
                model=ModelSpec("mlp", depth=20, dropout=0.0),
                methods=(MethodSpec("per", {"per.weight": 1e-2}, reduction="sum"), VANILLA_METHOD, BN),
                learning_rate=0.02,
                epochs=30,
                title="Hard",
            ),
        ),
    )


PRESETS: Mapping[str, Preset] = {preset.key: preset for preset in _presets()}


def find_spec(name: str) -> TrainingSpec:
    """The spec of a preset, or the one in a JSON file.

    Raises
    ------
    InvalidInputError
        If it is neither.
    """
    if name in PRESETS:
        return PRESETS[name].spec
    if not Path(name).is_file():
        raise InvalidInputError(
            f"SPEC must be a JSON file or one of {', '.join(PRESETS)}; there is no {name}. Name one of these."
        )
    return read_spec(name)
