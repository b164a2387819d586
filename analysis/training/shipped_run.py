"""The runs that ship with the dashboard: two networks without normalisation that learn digits, and a comparison.

One learns well, with ELU and a learning rate of 0.01. The other has ReLU and a learning rate of 0.14, which is too
large for it: it learns for two epochs, then units die in the third, and from the fourth on its last hidden layer is
dead while the layer before it explodes. The comparison is the preset "Figure 2" with the network of the first: PER,
no method and BN, three seeds each.

`make recording` trains them anew: `python -m analysis.training.shipped_run FOLDER [NAME ...]`. They learn in float64,
as rounding differs between processors and training amplifies it: a seed gives the same bits on one machine, and nearly
the same values on others. The second was chosen among seeds for that: a change of its initial weights by 1e-15 of their
size does not show.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from analysis.one_thread import one_thread
from analysis.runs.folder import ComparisonFolder, now
from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.training.data_source import load_samples
from analysis.training.dataset import Samples
from analysis.training.learner import Learner
from analysis.training.models import MLP_UNITS
from analysis.training.presets import PRESETS
from per_core.recording.layer_record import Allowance
from per_core.recording.recorder import Recorder
from per_core.text import N_

VANILLA = MethodSpec()


@dataclass(frozen=True, slots=True)
class ShippedRun:
    """A training, and what of it ships.

    Attributes:
        name: of its folder.
        spec: what is trained.
        layers: that are recorded.
        epochs: at which they are.
        images: how many of the 500 test images are the probe.
        kept: of a layer in a record.
    """

    name: str
    spec: TrainingSpec
    layers: tuple[str, ...]
    epochs: tuple[int, ...]
    images: int
    kept: Allowance


EARLY_MIDDLE_LATE = ("layer 2", "layer 6", "layer 9")  # those of the authors' Figure 2
# Of single networks all units are kept, and little else: everything can be computed from them.
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
        title=N_("Digits ELU network"),
    ),
    layers=EARLY_MIDDLE_LATE,
    epochs=(0, 1, 2, 5, 10, 20, 50, 100),
    images=500,
    kept=Allowance(slices=4, units=32, tracked=1),
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
        title=N_("Digits ReLU network, learning rate 0.14"),
    ),
    layers=tuple(f"layer {index}" for index in range(1, 6)),
    epochs=(0, 1, 2, 3, 4, 5, 6),
    images=100,
    kept=Allowance(slices=4, units=24, tracked=1),
)
COMPARISON = ShippedRun(
    "digits_figure2",
    replace(
        PRESETS["figure2"].spec,
        model=HEALTHY.spec.model,
        epochs=20,
        seeds=3,
        device="cpu",
        tracked_units=1,
        probe_size=64,
        title=N_("Figure 2 on digits, a small network"),
    ),
    layers=EARLY_MIDDLE_LATE,
    epochs=tuple(range(21)),
    images=64,
    kept=Allowance(slices=32, units=8, tracked=1, budget=12_000, compact=True),
)
SHIPPED_RUNS = (HEALTHY, DYING, COMPARISON)


@one_thread()  # matrices this small are slower on several threads, a hundred times so where the cores are busy
def record(run: ShippedRun, path: str | Path) -> None:
    """Train what a spec says and write it: a run directory of one network, a comparison of several.

    Raises:
        InvalidInputError: If there is a run already.
        StorageError: If it cannot be written.
    """
    spec, started = run.spec, now()
    data = load_samples(spec.data)
    data = replace(data, shift=data.shift.double(), scale=data.scale.double())
    learners = [
        Learner(spec, method, seed, data)
        for seed in range(spec.seed, spec.seed + spec.seeds)
        for method in spec.methods
    ]
    if len(learners) == 1:
        _train(run, learners[0], data, Path(path))
        return
    folder = ComparisonFolder(Path(path))
    for learner in learners:
        _train(run, learner, data, folder.run(learner.name), learner.method.label)
    resolved = {"runs": [learner.name for learner in learners], "data": data.title, "torch": torch.__version__}
    folder.write_comparison({"spec": spec.as_dict(), "created": started, "resolved": {"device": "cpu", **resolved}})
    folder.write_status("finished", epoch=spec.epochs, epochs=spec.epochs, device="cpu", started=started)


def _train(run: ShippedRun, learner: Learner, data: Samples, run_dir: Path, method: str = "") -> None:
    """Train one network and write its run directory, which names its method in a comparison; the probe is test data."""
    spec = run.spec
    learner.network.double()
    with Recorder(
        learner.network,
        run_dir,
        layers=run.layers,
        **asdict(run.kept),
        title=f"{spec.title} {learner.name}" if method else spec.title,
        description={
            "data": data.title,
            "precision": "float64",
            **({"method": method} if method else {}),
            "seed": learner.seed,
            "learning_rate": spec.learning_rate,
            "momentum": spec.momentum,
        },
        on_write_error="raise",
    ) as recorder:
        for epoch in range(spec.epochs + 1):
            scores = {}
            if epoch > 0:
                scores["loss"] = learner.learn(epoch).loss
            if epoch in run.epochs:
                scores["test_accuracy"] = learner.score("test").accuracy
                recorder.record(epoch, inputs=data.scaled(data.test_inputs[: run.images]), **scores)
                print(f"{run.name}, {learner.name}, epoch {epoch} of {spec.epochs}: {scores['test_accuracy']:.1%}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Usage: python -m analysis.training.shipped_run FOLDER [NAME ...]")
    for shipped in SHIPPED_RUNS:
        if len(sys.argv) == 2 or shipped.name in sys.argv[2:]:
            record(shipped, Path(sys.argv[1]) / shipped.name)
