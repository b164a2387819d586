"""The worker on a GPU: repeatable, with mixed precision and compiled, and out of memory with advice."""

from dataclasses import replace

import pytest
import torch

from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from per_core import list_methods
from per_core.recording.run_directory import open_run
from tests.analysis.training.workers import assert_same_comparison, status, work

pytestmark = pytest.mark.gpu

SPEC = TrainingSpec(
    data=DataSpec("digits"),
    model=ModelSpec("cnn11", width=0.25),
    methods=tuple(MethodSpec(key) for key in ("vanilla", "per", "per_sampled", "bn+vcl")),
    epochs=2,
    probe_size=50,
    device="cuda",
)


def test_every_method_and_the_device_is_shown(tmp_path):
    spec = replace(SPEC, methods=tuple(MethodSpec(method.key) for method in list_methods()), epochs=1, device="auto")
    code, _, errors = work(spec, tmp_path / "all")
    assert (code, errors) == (0, "")
    assert status(tmp_path / "all")["device"] == torch.cuda.get_device_name()


def test_the_same_run_bit_for_bit(tmp_path):
    for name in ("one", "two"):
        assert work(SPEC, tmp_path / name)[0] == 0
    assert_same_comparison(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(
    "options", [{"mixed_precision": "bfloat16"}, {"mixed_precision": "float16"}, {"compile": True}]
)
def test_options_learn_as_well(tmp_path, options):
    code, _, _ = work(replace(SPEC, epochs=8, **options), tmp_path / "fast")
    assert code == 0
    for method in SPEC.methods:
        assert open_run(tmp_path / "fast" / "runs" / f"{method.label}-s0").records[-1].scalars["test_accuracy"] > 0.6


def test_out_of_memory_says_what_would_fit(tmp_path):
    out = tmp_path / "large"
    spec = replace(SPEC, model=ModelSpec("cnn11", width=4.0), methods=(MethodSpec(),), seeds=100)
    code, _, errors = work(spec, out)
    assert code == 1
    assert "memory" in errors
    assert "What would fit: " in errors
    assert status(out)["state"] == "failed"
