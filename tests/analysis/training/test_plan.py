"""What a spec comes to is what is found after it was trained."""

import pytest

from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.training.plan import allowance_of, outline_of, plan
from per_core.errors import InvalidInputError
from per_core.recording.run_directory import open_run
from tests.analysis.training.workers import TINY, work_here

IMAGES = TrainingSpec(epochs=1, methods=(MethodSpec(),), device="cpu", data=DataSpec(limit=128), probe_size=100)


TEXT = TrainingSpec(
    epochs=1,
    methods=(MethodSpec(),),
    device="cpu",
    data=DataSpec("documentation", words=30, length=8, limit=400),
    model=ModelSpec("lstm", width=0.02),
    batch_size=10,
    probe_size=100,
)


@pytest.mark.parametrize("spec", [TINY, IMAGES, TEXT], ids=["mlp", "cnn11", "lstm"])
def test_the_layers_and_the_disk_that_a_training_takes(spec, tmp_path):
    expected = plan(spec)
    assert work_here(spec, tmp_path / "run") == 0
    runs = [open_run(path) for path in sorted((tmp_path / "run" / "runs").iterdir())]
    assert expected.layers == runs[0].layers
    assert expected.records == sum(len(run.records) for run in runs)
    files = [file for file in (tmp_path / "run" / "runs").rglob("*") if file.is_file() and file.name != "run.json"]
    used = sum(file.stat().st_size for file in files)
    assert expected.record_bytes * expected.records == pytest.approx(used, rel=0.15)
    checkpoint = (tmp_path / "run" / "checkpoint.pt").stat().st_size
    assert expected.checkpoint_bytes == pytest.approx(checkpoint, rel=0.3)
    assert expected.disk_bytes >= used + checkpoint


def test_a_class_of_thirty_takes_little_more_than_a_gigabyte():
    spec = TrainingSpec(device="cpu")
    planned = plan(spec)
    assert (len(spec.methods), spec.epochs, planned.layers["layer 2"]) == (3, 60, 768)
    assert planned.disk_bytes < 40e6  # measured: 36.9 MB with its checkpoint


def test_few_records_keep_every_row_and_tracked_units_always_do():
    short = allowance_of(TrainingSpec(epochs=5, methods=(MethodSpec(),)), 10)
    assert short.kept_rows(500, 768) == 500
    for spec in (TrainingSpec(epochs=10_000), TrainingSpec(probe_size=3000), TrainingSpec(tracked_units=64)):
        allowance = allowance_of(spec, 10)
        assert allowance.kept_norms(spec.probe_size) == spec.probe_size
        assert allowance.kept_rows(spec.probe_size, 768) >= 32
    assert allowance_of(TrainingSpec(), 10).kept_rows(500, 768) == 233


@pytest.mark.parametrize(("name", "enlarge"), [("digits", 1), ("digits", 3), ("spirals", 1), ("mixture", 1)])
def test_outlines_are_those_of_the_data(name, enlarge):
    from analysis.training.data_source import load

    spec = DataSpec(name, samples=90, classes=4, dim=7, limit=80, enlarge=enlarge, validation=0.1)
    data = load(spec)
    assert outline_of(spec) == (data.shape, data.classes, len(data.training_labels))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (TrainingSpec(layers=("layer 11",)), "layers must be hidden layers of the model, layer 1, .*received layer 11"),
        (TrainingSpec(model=ModelSpec("mlp", depth=2), layers=("layer abc",)), "layer 1, layer 2; received layer abc"),
        (TrainingSpec(data=DataSpec("spirals")), "takes images"),
        (TrainingSpec(data=DataSpec("documentation")), "documentation is a text, .* cnn11 takes numbers. Choose lstm"),
        (TrainingSpec(model=ModelSpec("lstm")), "digits is no text, .* lstm takes words. Choose mlp, cnn11 or resnet"),
        (TrainingSpec(batch_size=2000), "batch_size must be at most the number of training samples, 1297"),
        (TrainingSpec(device="cpu", compile=True), "compile needs a GPU"),
    ],
)
def test_what_cannot_be_trained_is_refused_beforehand(spec, message):
    with pytest.raises(InvalidInputError, match=message):
        plan(spec)
