"""Specs with a name: where to begin, and what shows an effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.runs.spec import VANILLA, Activation, DataSpec, MethodSpec, ModelSpec, TrainingSpec, read_spec
from per_core.errors import InvalidInputError
from per_core.text import N_


@dataclass(frozen=True, slots=True)
class Preset:
    """A spec, and what it is for.

    Attributes:
        key: its name on the command line and in links.
        title: a few words.
        description: what it shows, a sentence or two.
        measured: how far it does, in figures, on the machine of `MEASURED_ON`: over the seeds 0 to 4, and 0 to 2 of the
            paper's tables; `python -m tests.benchmarks presets` prints them anew.
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

ACTIVATIONS: Mapping[Activation, str] = {"relu": "ReLU", "leaky_relu": "Leaky ReLU", "elu": "ELU"}
PER = MethodSpec("per", reduction="sum")  # Algorithm 1 as printed: the published λ is noticeable beside the task loss
BN = MethodSpec("bn")
PER_GRID = tuple(  # three of the four λ that the paper tries
    MethodSpec("per", {"per.weight": weight}, "sum", name=f"per-weight={weight:g}") for weight in (1e-4, 3e-5, 1e-5)
)
VANILLA_METHOD = MethodSpec(VANILLA)


_TABLE2: tuple[tuple[Activation, str, str], ...] = (
    (
        "relu",
        N_("Table 2: ReLU"),
        N_(
            "Test accuracy, mean of the seeds 0 to 2: BN 98.1 %, PER 88.3 % with the λ that"
            " validation chooses, 1e-4, no method 86.7 %, VCL 85.0 %. Seeds without BN differ by up"
            " to 20 points, and every interval of a difference to no method contains 0. In the paper"
            " PER is best, and BN second."
        ),
    ),
    (
        "leaky_relu",
        N_("Table 2: Leaky ReLU"),
        N_(
            "Test accuracy, mean of the seeds 0 to 2: BN 97.9 %, PER 88.9 % with the λ that"
            " validation chooses, 3e-5, VCL 87.9 %, no method 87.7 %. Every interval of a difference"
            " to no method contains 0. In the paper PER is best."
        ),
    ),
    (
        "elu",
        N_("Table 2: ELU"),
        N_(
            "Test accuracy, mean of the seeds 0 to 2: BN 99.0 %, no method 98.9 %, VCL 98.8 %, PER"
            " 98.8 % with the λ that validation chooses, 3e-5. Nothing tells them apart. In the paper"
            " VCL is best on CIFAR-10, and PER on CIFAR-100."
        ),
    ),
)
_TABLE3 = (
    (
        "table3",
        "Table 3",
        N_("Table 3: LSTM"),
        N_(
            "A language model of two layers of 128 units learns the documentation of SciPy. The paper has 650 units,"
            " the Penn Treebank and WikiText-2."
        ),
        N_(
            "Test perplexity, mean of the seeds 0 to 2: recurrent BN 55.0, L2 63.4, L1 65.6, no"
            " method 66.6, PER 67.2 with the λ that validation chooses, 1e-4. Recurrent BN is 11.6"
            " below no method (95 %: 3.7 to 19.6); the other intervals contain 0. In the paper L2 or"
            " PER is best. Six epochs are few: what learns fastest leads."
        ),
        False,
    ),
    (
        "table3_vd",
        "Table 3, VD",
        N_("Table 3: VD-LSTM"),
        N_("The same with variational dropout: one mask a sequence, on words and on what the network remembers too."),
        N_(
            "Test perplexity, mean of the seeds 0 to 2: recurrent BN 58.6, L2 68.0, L1 68.9, PER 72.0 with the λ that"
            " validation chooses, 1e-4, no method 73.4. Below no method are recurrent BN by 14.9 (95 %: 2.5 to 27.2)"
            " and PER by 1.4 (0.5 to 2.3); the other intervals contain 0. In the paper PER is best, and recurrent BN"
            " worst."
        ),
        True,
    ),
)


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
        Preset(
            "table1",
            N_("Table 1: ResNet"),
            N_(
                "ResNet-20, a quarter as wide, on digits: with BN, and by Fixup without a method or with PER. The paper"
                " has ResNet-56 and -110 on CIFAR-10."
            ),
            N_(
                "Test accuracy, mean of the seeds 0 to 2: BN 98.5 %, no method 97.6 %, PER 97.8 % with"
                " the λ that validation chooses, 1e-5. BN is 0.9 points above no method (95 %: 0.1 to"
                " 1.6); for PER the interval, -0.8 to 1.2, contains 0. In the paper PER is best."
            ),
            TrainingSpec(
                data=DataSpec(validation=0.1),
                model=ModelSpec("resnet", "relu", width=0.25, blocks=3),
                methods=(VANILLA_METHOD, BN, *PER_GRID),
                learning_rate=0.05,
                weight_decay=1e-4,
                title="Table 1",
            ),
        ),
        *(
            Preset(
                f"table2_{key}",
                title,
                N_(
                    "The 11-layer network of the paper, narrow, on digits, with the methods of Table 2. The paper has"
                    " CIFAR-10 and CIFAR-100."
                ),
                measured,
                TrainingSpec(
                    data=DataSpec(validation=0.1),
                    model=ModelSpec(activation=key),
                    methods=(VANILLA_METHOD, BN, MethodSpec("vcl"), *PER_GRID),
                    title=f"Table 2, {ACTIVATIONS[key]}",
                ),
            )
            for key, title, measured in _TABLE2
        ),
        *(
            Preset(
                key,
                title,
                description,
                measured,
                TrainingSpec(
                    data=DataSpec("documentation", words=2000, limit=150_000),
                    model=ModelSpec("lstm", width=0.197, dropout=0.2, variational=variational),
                    methods=(VANILLA_METHOD, MethodSpec("l1"), MethodSpec("l2"), BN, *PER_GRID),
                    epochs=6,
                    batch_size=20,
                    learning_rate=20.0,
                    momentum=0.0,
                    clip=0.25,
                    title=name,
                ),
            )
            for key, name, title, description, measured, variational in _TABLE3
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
