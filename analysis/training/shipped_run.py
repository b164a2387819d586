"""The run that ships with the dashboard: a deep ELU network without normalisation that learns digits.

`make recording` trains it anew: `python -m analysis.training.shipped_run RUN_DIR`. It learns in float64, as rounding
differs between processors and training amplifies it: a seed gives the same bits on one machine, and nearly the same
values on others.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from analysis.one_thread import one_thread
from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.training.dataset import load
from analysis.training.learner import Learner
from analysis.training.models import MLP_UNITS
from per_core.recording.recorder import Recorder

EPOCHS = (0, 1, 2, 5, 10, 20, 50, 100)
LAYERS = ("layer 2", "layer 6", "layer 9")  # early, middle, late: those of the authors' Figure 2
UNITS = 32
SLICES, TRACKED = 4, 1  # few, as all units are kept: everything else can be computed from them
VANILLA = MethodSpec()
SPEC = TrainingSpec(
    data=DataSpec("digits"),
    model=ModelSpec("mlp", "elu", width=UNITS / MLP_UNITS, depth=10, dropout=0.0),
    methods=(VANILLA,),
    epochs=EPOCHS[-1],
    learning_rate=0.01,
    schedule="constant",
    device="cpu",
    title="Digits ELU network",
)


@one_thread()  # matrices this small are slower on several threads, a hundred times so where the cores are busy
def record_digits(run_dir: str | Path) -> None:
    """Train the network and write its run directory; the probe is the test data, 500 images.

    Raises:
        InvalidInputError: If there is a run already.
        StorageError: If it cannot be written.
    """
    data = load(SPEC.data)
    data = replace(data, shift=data.shift.double(), scale=data.scale.double())
    learner = Learner(SPEC, VANILLA, SPEC.seed, data)
    learner.network.double()
    recorder = Recorder(
        learner.network,
        run_dir,
        layers=LAYERS,
        slices=SLICES,
        units=UNITS,
        tracked=TRACKED,
        title=SPEC.title,
        description={"data": data.title, "precision": "float64", "seed": SPEC.seed},
        on_write_error="raise",
    )
    for epoch in range(SPEC.epochs + 1):
        if epoch > 0:
            learner.learn(epoch)
        if epoch in EPOCHS:
            accuracy = learner.test().accuracy
            recorder.record(epoch, inputs=data.scaled(data.test_inputs), test_accuracy=accuracy)
            print(f"epoch {epoch} of {SPEC.epochs}: test accuracy {accuracy:.1%}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m analysis.training.shipped_run RUN_DIR")
    record_digits(sys.argv[1])
