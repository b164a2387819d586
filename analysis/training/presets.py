"""Specs with a name: where to begin, and what shows an effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.runs.spec import VANILLA, MethodSpec, ModelSpec, TrainingSpec, read_spec
from per_core.errors import InvalidInputError
from per_core.text import N_


@dataclass(frozen=True, slots=True)
class Preset:
    """A spec, and what it is for.

    Attributes:
        key: its name on the command line and in links.
        title: a few words.
        description: what it shows, a sentence or two.
        measured: how far it does, in figures, over the seeds 0 to 4 on the machine of `MEASURED_ON`; `python -m
            tests.benchmarks presets` prints them anew.
        spec: what is trained.
    """

    key: str
    title: str
    description: str
    measured: str
    spec: TrainingSpec


MEASURED_ON = N_(
    "Measured on an AMD EPYC with AVX-512 and torch 2.13.0 on the CPU, November 2026. A training near divergence ends "
    "elsewhere on a processor that rounds otherwise: in brackets, figures with AVX2 arithmetic where they differ."
)

PER = MethodSpec("per", reduction="sum")  # Algorithm 1 as printed: the published λ is noticeable beside the task loss
BN = MethodSpec("bn")
VANILLA_METHOD = MethodSpec(VANILLA)


def _presets() -> tuple[Preset, ...]:
    return (
        Preset(
            "default",
            N_("Digits"),
            N_("The 11-layer network of the paper, narrow, on handwritten digits: every method learns them."),
            N_(
                "Test accuracy: PER 98.8 to 99.2 %, no method 98.2 to 99.2 %, BN 98.8 to 99.6 %. The ranges overlap: "
                "one seed ranks nothing."
            ),
            TrainingSpec(methods=(PER, VANILLA_METHOD, BN), title="Digits"),
        ),
        Preset(
            "figure2",
            N_("Figure 2"),
            N_(
                "The learning rate stays constant, so activations keep moving. Without a method their variance grows; "
                "PER holds it down, and BN moves least."
            ),
            N_(
                "Final variance without a method over that with PER: 1.5 to 1.6 in layer 2, 4.0 to 5.7 in layer 6, "
                "5.4 to 7.2 in layer 9 (1.6, 4.6 to 5.0 and 5.0, seeds 0 and 1). The ratio is above 1 in every layer "
                "and seed; BN moves least, PER less than no method. Single units contradict it."
            ),
            TrainingSpec(
                methods=(MethodSpec("per", {"per.weight": 3e-4}, reduction="sum"), VANILLA_METHOD, BN),
                learning_rate=0.01,
                schedule="constant",
                title="Figure 2",
            ),
        ),
        Preset(
            "hard",
            N_("Hard"),
            N_("A deep network at a high learning rate: without a method it diverges or learns less."),
            N_(
                "Test accuracy: PER 97.0 to 97.8 % (96.8 to 97.8 %), BN 97.8 to 99.4 %. Without a method seeds 1 and 2 "
                "diverge within two epochs, and seeds 0, 3 and 4 end at 56, 91 and 75 % (96, 68 and 8 %), below PER "
                "and BN of their seed. λ = 0.01 is 33 times the largest published one, and PER collapses: the variance "
                "falls from about 1 to between 0.01 and 0.02 in layers 6 and 9, where PER is within 0.02 of its "
                "minimum 0.798 and SW1 to N(0, I) about 0.7."
            ),
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

    Raises:
        InvalidInputError: If it is neither.
    """
    if name in PRESETS:
        return PRESETS[name].spec
    if not Path(name).is_file():
        raise InvalidInputError(
            N_("SPEC must be a JSON file or one of {presets}; there is no {name}. Name one of these."),
            presets=", ".join(PRESETS),
            name=name,
        )
    return read_spec(name)
