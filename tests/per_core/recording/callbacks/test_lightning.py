"""The callback of PyTorch Lightning, in its own Trainer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from per_core import open_run
from tests.per_core.recording.callbacks.trained import are_the_same, entry, epochs, network, samples, scalars

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:The '(train|val)_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


@pytest.fixture(scope="module")
def lightning() -> Any:
    """Imported by those who run these tests alone."""
    import lightning
    from lightning.pytorch.callbacks import ModelCheckpoint

    from per_core.recording.callbacks.lightning import Recording

    class Classifier(lightning.LightningModule):
        """Without `forward`, as many are."""

        def __init__(self, fails_in: int | None = None, is_compiled: bool = False) -> None:
            super().__init__()
            self.network = torch.compile(network(), backend="eager") if is_compiled else network()
            self.fails_in = fails_in

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            if self.current_epoch == self.fails_in:
                raise RuntimeError("out of luck")
            loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def on_train_epoch_end(self) -> None:
            self.log("train_acc", float(self.current_epoch))

        def validation_step(self, batch: list[Tensor], _: int) -> None:
            self.log("val_loss", nn.functional.cross_entropy(self.network(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    def fit(
        *callbacks: Any, max_epochs: int = 2, ckpt_path: Path | None = None, precision: Any = 32, **about: Any
    ) -> Any:
        torch.manual_seed(0)
        trainer = lightning.Trainer(
            max_epochs=max_epochs,
            accelerator="cpu",
            precision=precision,
            callbacks=list(callbacks),
            logger=False,
            enable_checkpointing=any(isinstance(one, ModelCheckpoint) for one in callbacks),
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = Classifier(**about)
        loaders = DataLoader(samples(), 8, shuffle=True), DataLoader(samples(), 12)
        trainer.fit(module, *loaders, ckpt_path=ckpt_path)
        return module

    return SimpleNamespace(fit=fit, Recording=Recording, ModelCheckpoint=ModelCheckpoint)


@pytest.mark.parametrize(("precision", "is_compiled"), [(32, False), ("bf16-mixed", False), ("bf16-true", True)])
def test_the_training_is_the_same_and_on_the_page(tmp_path: Path, lightning, precision, is_compiled: bool) -> None:
    about = {"precision": precision, "is_compiled": is_compiled}
    recording = lightning.Recording(tmp_path / "run", title="With Lightning")
    assert are_the_same(lightning.fit(recording, **about), lightning.fit(**about))
    run = open_run(tmp_path / "run")
    assert list(run.layers) == ["0", "1", "2", "4"]
    assert (run.records[0].epoch, run.records[0].layers["0"].n) == (0, 8)  # before the sanity check's numbers
    assert scalars(run.path) == [set(), *[{"loss", "accuracy", "validation_loss"}] * 2]
    assert [record.scalars["accuracy"] for record in run.records[1:]] == [
        0,
        1,
    ]  # what the module logs last, no epoch late
    shown = entry(run.path)
    assert (shown.title, shown.state, shown.epoch) == ("With Lightning", "finished", 2)


def test_an_exception_interrupts_the_run_and_a_checkpoint_resumes_it(tmp_path: Path, lightning) -> None:
    def recording() -> Any:
        return lightning.Recording(tmp_path / "run", samples()[:5][0], resume=True)

    keeping = lightning.ModelCheckpoint(tmp_path, filename="{epoch}")
    with pytest.raises(RuntimeError, match="out of luck"):
        lightning.fit(recording(), keeping, max_epochs=4, fails_in=2)
    shown = entry(tmp_path / "run")
    assert (shown.state, shown.epoch) == ("interrupted", 2)
    lightning.fit(recording(), keeping, max_epochs=4, ckpt_path=Path(keeping.best_model_path))
    assert epochs(tmp_path / "run") == [0, 1, 2, 3, 4]
    assert all(scalars(tmp_path / "run")[1:])
    assert entry(tmp_path / "run").state == "finished"
