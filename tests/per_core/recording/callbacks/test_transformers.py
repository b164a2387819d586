"""The callback of the Hugging Face Trainer, on a language model of two layers that is made, not loaded."""

import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from per_core import open_run
from tests.per_core.recording.callbacks.trained import are_the_same, entry, epochs, means, scalars
from tests.per_core.recording.recorded import draw

pytestmark = pytest.mark.long


class Words(Dataset[dict[str, Tensor]]):
    def __init__(self, fails_at: int | None = None) -> None:
        self.left = fails_at

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("out of words")
        words = draw(6, seed=index).mul(10).long() % 20
        return {"input_ids": words, "labels": words}


@pytest.fixture(scope="module")
def transformers() -> Any:
    """Imported by those who run these tests alone."""
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    from per_core.recording.callbacks.transformers import Recording

    def train(out: Path, *callbacks: Any, data: Words | None = None, resume: bool = False, **arguments: Any) -> Any:
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
        chosen = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "use_cpu": True, "report_to": []}
        chosen |= {"save_strategy": "no", "logging_strategy": "epoch", "eval_strategy": "epoch", "disable_tqdm": True}
        trainer = Trainer(
            model=GPT2LMHeadModel(config),
            args=TrainingArguments(str(out), **(chosen | arguments)),
            train_dataset=data or Words(),
            eval_dataset=Words(),
            callbacks=list(callbacks),
        )
        trainer.train(resume_from_checkpoint=resume)
        return trainer.model

    return SimpleNamespace(train=train, Recording=Recording)


def test_the_training_is_the_same_and_on_the_page(tmp_path: Path, transformers) -> None:
    recording = transformers.Recording(tmp_path / "run", title="A language model")
    model = transformers.train(tmp_path / "out", recording)
    assert are_the_same(model, transformers.train(tmp_path / "out"))
    run = open_run(tmp_path / "run")
    assert {"transformer.wte", "transformer.h.1.attn", "transformer.h.1", "lm_head"} <= run.layers.keys()
    assert (run.records[0].layers["transformer.h.0"].n, run.layers["transformer.h.0"]) == (8 * 6, 8)  # rows are tokens
    assert scalars(run.path) == [set(), *[{"loss", "validation_loss", "learning_rate", "grad_norm"}] * 2]
    shown = entry(run.path)
    assert (shown.title, shown.state, shown.epoch) == ("A language model", "finished", 2)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf Tensor")  # torch.compile's
def test_compiled_and_in_mixed_precision(tmp_path: Path, transformers) -> None:
    about = {"bf16": True, "torch_compile": True, "torch_compile_backend": "eager", "num_train_epochs": 1}
    model = transformers.train(tmp_path / "out", transformers.Recording(tmp_path / "run"), **about)
    assert are_the_same(model, transformers.train(tmp_path / "out", **about))
    assert epochs(tmp_path / "run") == [0, 1]


def test_the_last_epoch_is_not_the_best_one(tmp_path: Path, transformers) -> None:
    """A rate that is too large: the weights that the Trainer puts back are those of another epoch."""
    about = {"learning_rate": 0.3, "warmup_steps": 2, "lr_scheduler_type": "constant_with_warmup"}
    for name, best in (("last", {}), ("best", {"load_best_model_at_end": True, "save_strategy": "epoch"})):
        transformers.train(tmp_path / "out", transformers.Recording(tmp_path / name), **about, **best)
    assert means(tmp_path / "best", "lm_head") == means(tmp_path / "last", "lm_head")


def test_an_exception_interrupts_the_run_and_a_checkpoint_resumes_it(tmp_path: Path, transformers) -> None:
    about = {"num_train_epochs": 3, "save_strategy": "epoch"}
    with pytest.raises(RuntimeError, match="out of words"):
        transformers.train(
            tmp_path / "out", transformers.Recording(tmp_path / "run"), data=Words(fails_at=8 + 2 * 16 + 4), **about
        )
    gc.collect()
    assert entry(tmp_path / "run").state == "interrupted"
    transformers.train(tmp_path / "out", transformers.Recording(tmp_path / "run", resume=True), resume=True, **about)
    assert epochs(tmp_path / "run") == [0, 1, 2, 3]
    assert all(scalars(tmp_path / "run")[1:])
    assert entry(tmp_path / "run").state == "finished"
