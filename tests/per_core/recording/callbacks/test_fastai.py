"""The callback of fastai, in the Learner of fastai_minima: fastai's own training loop without its data and pictures."""

import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from per_core import open_run
from tests.per_core.recording.callbacks.trained import are_the_same, entry, epochs, network, samples, scalars

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def fastai() -> Any:
    """Imported by those who run these tests alone."""
    from fastai_minima.callback.core import Callback
    from fastai_minima.learner import DataLoaders, Learner

    from per_core.recording.callbacks.fastai import Recording

    def learner(*callbacks: Any) -> Any:
        torch.manual_seed(0)
        loaders = DataLoaders(DataLoader(samples(), 8, shuffle=True), DataLoader(samples(), 12))
        return Learner(loaders, network(), loss_func=nn.functional.cross_entropy, cbs=list(callbacks))

    return SimpleNamespace(learner=learner, Recording=Recording, Callback=Callback)


def test_the_training_is_the_same_and_two_fits_are_one_run(tmp_path: Path, fastai) -> None:
    recorded, plain = fastai.learner(fastai.Recording(tmp_path / "run", title="With fastai")), fastai.learner()
    for learner in (recorded, plain):
        torch.manual_seed(1)
        learner.fit(2)
        learner.fit(1)
    assert are_the_same(recorded.model, plain.model)
    run = open_run(tmp_path / "run")
    assert list(run.layers) == ["0", "1", "2", "4"]
    assert (epochs(run.path), run.records[0].layers["0"].n) == ([0, 1, 2, 3], 8)
    assert scalars(run.path) == [set(), *[{"loss", "validation_loss"}] * 3]
    shown = entry(run.path)
    assert (shown.title, shown.state, shown.epoch) == ("With fastai", "finished", 3)


def test_an_exception_interrupts_the_run(tmp_path: Path, fastai) -> None:
    class Failing(fastai.Callback):
        def before_train(self) -> None:
            if self.learn.epoch == 1:
                raise RuntimeError("out of luck")

    learner = fastai.learner(fastai.Recording(tmp_path / "run", every=1), Failing())
    with pytest.raises(RuntimeError, match="out of luck"):
        learner.fit(2)
    del learner
    gc.collect()
    shown = entry(tmp_path / "run")
    assert (shown.state, shown.epoch) == ("interrupted", 1)


def test_the_search_of_a_rate_is_not_recorded(tmp_path: Path, fastai) -> None:
    learner = fastai.learner(fastai.Recording(tmp_path / "run"))
    learner.lr_finder = None
    learner.fit(1)
    assert not (tmp_path / "run").exists()
