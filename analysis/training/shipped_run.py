"""The runs that ship with the dashboard: two networks without normalisation that learn digits.

One learns well, with ELU and a learning rate of 0.01. The other has ReLU and a learning rate of 0.14, which is too
large for it: it learns for two epochs, then units die in the third, and from the fourth on its last hidden layer is
dead while the layer before it explodes.

`make recording` trains them anew: `python -m analysis.training.shipped_run FOLDER`. They learn in float64, as rounding
differs between processors and training amplifies it: a seed gives the same bits on one machine, and nearly the same
values on others. The second was chosen among seeds for that: a change of its initial weights by 1e-15 of their size
does not show.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.one_thread import one_thread
from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.training.dataset import load
from analysis.training.learner import Learner
from analysis.training.models import MLP_UNITS
from per_core.recording.recorder import Recorder

SLICES, TRACKED = 4, 1  # few, as all units are kept: everything else can be computed from them
VANILLA = MethodSpec()


@dataclass(frozen=True, slots=True)
class ShippedRun:
    """A training, and what of it ships.

    Attributes:
        name: of its folder.
        spec: what is trained.
        layers: that are recorded, with all their units.
        epochs: at which they are.
        images: how many of the 500 test images are the probe.
    """

    name: str
    spec: TrainingSpec
    layers: tuple[str, ...]
    epochs: tuple[int, ...]
    images: int

    @property
    def units(self) -> int:
        """Of each layer."""
        return round(self.spec.model.width * MLP_UNITS)


HEALTHY = ShippedRun(
    "digits_elu",
    TrainingSpec(
        data=DataSpec("digits"),
        model=ModelSpec("mlp", "elu", width=32 / MLP_UNITS, depth=10, dropout=0.0),
        methods=(VANILLA,),
        epochs=100,
        learning_rate=0.01,
        schedule="constant",
        device="cpu",
        title="Digits ELU network",
    ),
    layers=("layer 2", "layer 6", "layer 9"),  # early, middle, late: those of the authors' Figure 2
    epochs=(0, 1, 2, 5, 10, 20, 50, 100),
    images=500,
)
DYING = ShippedRun(
    "digits_dying",
    TrainingSpec(
        data=DataSpec("digits"),
        model=ModelSpec("mlp", "relu", width=24 / MLP_UNITS, depth=5, dropout=0.0),
        methods=(VANILLA,),
        epochs=6,
        learning_rate=0.14,
        schedule="constant",
        seed=43,
        device="cpu",
        title="Digits ReLU network, learning rate 0.14",
    ),
    layers=tuple(f"layer {index}" for index in range(1, 6)),
    epochs=(0, 1, 2, 3, 4, 5, 6),
    images=100,
)
SHIPPED_RUNS = (HEALTHY, DYING)


@one_thread()  # matrices this small are slower on several threads, a hundred times so where the cores are busy
def record(run: ShippedRun, run_dir: str | Path) -> None:
    """Train the network and write its run directory; the probe is of the test data.

    Raises:
        InvalidInputError: If there is a run already.
        StorageError: If it cannot be written.
    """
    spec = run.spec
    data = load(spec.data)
    data = replace(data, shift=data.shift.double(), scale=data.scale.double())
    learner = Learner(spec, VANILLA, spec.seed, data)
    learner.network.double()
    with Recorder(
        learner.network,
        run_dir,
        layers=run.layers,
        slices=SLICES,
        units=run.units,
        tracked=TRACKED,
        title=spec.title,
        description={
            "data": data.title,
            "precision": "float64",
            "seed": spec.seed,
            "learning_rate": spec.learning_rate,
            "momentum": spec.momentum,
        },
        on_write_error="raise",
    ) as recorder:
        for epoch in range(spec.epochs + 1):
            if epoch > 0:
                learner.learn(epoch)
            if epoch in run.epochs:
                accuracy = learner.test().accuracy
                recorder.record(epoch, inputs=data.scaled(data.test_inputs[: run.images]), test_accuracy=accuracy)
                print(f"{run.name}, epoch {epoch} of {spec.epochs}: test accuracy {accuracy:.1%}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m analysis.training.shipped_run FOLDER")
    for shipped in SHIPPED_RUNS:
        record(shipped, Path(sys.argv[1]) / shipped.name)
