"""A training does not notice that it is recorded, however it is run."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrizations

from per_core import InvalidInputError, Recorder, StorageError, open_run
from tests.per_core.recording.recorded import draw, first_record, network
from tests.ranks import train_together

pytestmark = pytest.mark.long


def parameters(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().double().flatten() for p in (*model.parameters(), *model.buffers())])


def train(recorder: Recorder | None, model: nn.Module) -> Tensor:
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(4):
        if recorder is not None:
            recorder.record(epoch, inputs=draw(50, 4))
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(16, 4)).square().mean().backward()
            optimizer.step()
    return parameters(model)


@pytest.mark.parametrize("training", [False, True])
def test_a_recorded_training_is_the_same_bit_for_bit(tmp_path: Path, training: bool) -> None:
    expected = train(None, network())
    model = network()
    with Recorder(model, tmp_path / "run", training=training) as recorder:
        assert torch.equal(train(recorder, model), expected)
    assert [record.training for record in open_run(tmp_path / "run").records] == [training] * 4


def test_evaluation_is_the_default_and_training_mode_an_option(tmp_path: Path) -> None:
    model, x = network(), draw(50, 4) + 3
    for name, training in (("a", False), ("b", True)):
        with Recorder(model, tmp_path / name, training=training) as recorder:
            recorder.record(0, inputs=x)
    assert abs(first_record(tmp_path / "a").layers["1"].mean) > 0.1  # running statistics: none yet
    assert abs(first_record(tmp_path / "b").layers["1"].mean) < 1e-6  # those of the batch


class Careless(nn.Module):
    """Changes everything a forward pass can, in evaluation mode as well."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.register_buffer("count", torch.zeros(2))
        self.register_buffer("replaced", torch.zeros(2))
        self.register_buffer("late", None)
        self.fails = False

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.replaced = self.replaced + 1
        self.late = torch.ones(1)
        random.random()
        x = self.layer(x + torch.rand_like(x) + float(np.random.rand()))  # noqa: NPY002
        if self.fails:
            raise RuntimeError("the model fails")
        return x


@pytest.mark.parametrize("fails", [False, True])
def test_every_state_is_restored_after_an_exception_too(tmp_path: Path, fails: bool) -> None:
    model = nn.Sequential(Careless(), nn.BatchNorm1d(4), parametrizations.spectral_norm(nn.Linear(4, 4)))
    model[1].eval()  # frozen
    model[0].fails = fails
    loss = model[1:](draw(5, 4)).sum()  # a backward pass that is still to come
    recorder = Recorder(model, tmp_path / "run", training=True)
    buffers = dict(model.named_buffers())
    before = {name: buffer.clone() for name, buffer in buffers.items()}
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    if fails:
        with pytest.raises(RuntimeError, match="the model fails"):
            recorder.record(0, inputs=draw(3, 4))
    else:
        recorder.record(0, inputs=draw(3, 4))
    after = dict(model.named_buffers())
    assert after.keys() == before.keys()
    assert all(after[name] is buffers[name] and torch.equal(after[name], before[name]) for name in before)
    assert [module.training for module in model][:2] == [True, False]
    assert model[1].training is False
    assert model[2].training is True
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)  # noqa: NPY002
    assert random.getstate() == python_state
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
    loss.backward()
    assert len(open_run(tmp_path / "run").records) == (0 if fails else 1)


@pytest.mark.parametrize("surroundings", [torch.autocast("cpu", dtype=torch.bfloat16), torch.inference_mode()])
def test_inside_autocast_and_inference_mode(tmp_path: Path, surroundings) -> None:
    model, x = network(), draw(20, 4)
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0, inputs=x)
        with surroundings:
            recorder.record(1, inputs=x)
    model(x).sum().backward()
    plain, inside = (record.layers["0"] for record in open_run(tmp_path / "run").records)
    assert inside.variance == pytest.approx(plain.variance, rel=0.02)
    assert inside.per == pytest.approx(plain.per, rel=0.01)


def test_a_train_method_of_the_models_own_is_not_called(tmp_path: Path) -> None:
    class Merges(nn.Sequential):
        def train(self, mode: bool = True) -> "Merges":  # noqa: ARG002
            raise AssertionError("would merge weights")

    with Recorder(Merges(nn.Linear(4, 2)), tmp_path / "run") as recorder:
        recorder.record(0, inputs=draw(3, 4))
    assert open_run(tmp_path / "run").layers == {"0": 2}


def test_a_full_disk_warns_once_and_the_training_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with Recorder(network(), run) as recorder:
        recorder.record(0, inputs=draw(5, 4))
        (run / "arrays").rename(run / "away")
        with pytest.warns(RuntimeWarning, match="cannot be written.*The training goes on, and epoch 1 is missing"):
            recorder.record(1, inputs=draw(5, 4))
        recorder.record(2, inputs=draw(5, 4))
        (run / "away").rename(run / "arrays")
        recorder.record(3, inputs=draw(5, 4))
    assert [record.epoch for record in open_run(run).records] == [0, 3]
    assert open_run(run).missing == (1, 2)
    assert len(open_run(run).arrays(1)) == 4


def test_a_record_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with Recorder(network(), run, on_repeated_epoch="replace") as recorder:
        recorder.record(1, inputs=draw(5, 4))
        (run / "arrays").rename(run / "away")
        with pytest.warns(RuntimeWarning, match="goes on, and epoch 1 keeps its earlier record"):
            recorder.record(1, inputs=draw(6, 4))
        (run / "away").rename(run / "arrays")
    assert [record.layers["0"].n for record in open_run(run).records] == [5]
    assert open_run(run).missing is None


def test_a_full_disk_ends_the_training_of_who_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match='on_write_error must be "warn" or "raise"; received \'ignore\''):
        Recorder(network(), tmp_path / "run", on_write_error="ignore")
    recorder = Recorder(network(), tmp_path / "run", on_write_error="raise")
    recorder.record(0, inputs=draw(5, 4))
    (tmp_path / "run").rename(tmp_path / "away")
    with pytest.raises(StorageError, match=r"cannot be written: No such file or directory\. Bring the folder back"):
        recorder.record(1, inputs=draw(5, 4))
    (tmp_path / "away").rename(tmp_path / "run")
    recorder.record(1, inputs=draw(5, 4))
    assert [record.epoch for record in open_run(tmp_path / "run").records] == [0, 1]


def test_resume_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    with Recorder(network(), tmp_path / "run") as recorder:
        for epoch in range(4):
            recorder.record(epoch, inputs=draw(5, 4))
    with Recorder(network(), tmp_path / "run", resume=True, last_epoch=2) as recorder:
        recorder.record(3, inputs=draw(5, 4), resumed=1)
    records = open_run(tmp_path / "run").records
    assert [record.epoch for record in records] == [0, 1, 2, 3]
    assert records[3].scalars == {"resumed": 1}


# torch.compile


def whole(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")


def part(model: nn.Module) -> nn.Module:
    model[0] = torch.compile(model[0], backend="eager")
    return model


def in_place(model: nn.Module) -> nn.Module:
    model.compile(backend="eager")
    return model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("compile_model", [whole, part, in_place])
def test_a_compiled_model_is_recorded_as_written(tmp_path: Path, compile_model) -> None:
    """With the weights of the moment, under the names of the original, and without compiling anew."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    original = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 2))
    plain = nn.Sequential(*original)
    model, x = compile_model(original), draw(6, 4)
    with Recorder(model, tmp_path / "run") as recorder:
        for epoch in range(3):
            recorder.record(epoch, inputs=x)
            model(x).sum().backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
            if epoch == 0:
                graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        recorder.record(3, inputs=x)
    run = open_run(tmp_path / "run")
    assert run.layers == {"0": 8, "1": 8, "2": 2}
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    for name in ("0", "2"):
        assert run.arrays(3)[name].rows.min() < 0
    np.testing.assert_allclose(run.arrays(3)["2"].rows, plain(x).detach(), rtol=1e-5)
    with pytest.raises(InvalidInputError, match=r"compiled code does not call them.*pass a probe"):
        Recorder(model, tmp_path / "steps", sample_every=1)


# Steps of the training itself


def step(model: nn.Module, x: Tensor) -> None:
    model(x).sum().backward()


def test_steps_are_mixed_over_the_epoch(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(1, 5, bias=False), nn.ReLU(inplace=True))
    nn.init.constant_(model[0].weight, -1)
    with Recorder(model, tmp_path / "run", sample_every=2) as recorder:
        recorder.record(0, inputs=torch.ones(3, 1))
        for index in range(10):
            step(model, torch.full((4, 1), float(index)))
            model.eval()
            model(torch.full((4, 1), 1000.0))  # a validation batch is no training step
            model.train()
            recorder.record((index + 1) / 16, inputs=torch.full((4, 1), 500.0))  # nor is a probe
        recorder.record(1, loss=0.5)
        step(model, torch.full((4, 1), 7.0))
        recorder.record(2)
    records = open_run(tmp_path / "run").records
    assert [records[index].sampling for index in (0, -2, -1)] == ["probe", *["mixed over the epoch"] * 2]
    assert records[-2].training
    arrays = open_run(tmp_path / "run").arrays(records[-2].index)
    assert sorted(arrays["0"].rows[:, 0].tolist()) == sorted([-0.0, -2.0, -4.0, -6.0, -8.0] * 4)
    assert (arrays["1"].rows == 0).all()
    assert (open_run(tmp_path / "run").arrays(records[-1].index)["0"].rows == -7).all()


def test_a_long_epoch_is_sampled_evenly_in_bounded_memory(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(1, 2, bias=False))
    nn.init.constant_(model[0].weight, 1)
    with Recorder(model, tmp_path / "run", sample_every=1) as recorder:
        for index in range(1000):
            step(model, torch.full((100, 1), float(index)))
        recorder.record(1)
    summary = first_record(tmp_path / "run").layers["0"]
    steps = np.unique(open_run(tmp_path / "run").arrays(0)["0"].rows)
    np.testing.assert_array_equal(np.diff(steps), 32)
    assert len(steps) == 32
    assert summary.n == 32 * 64


class EverySecond(nn.Module):
    """Calls one of its layers in every second step, from the second one on."""

    def __init__(self) -> None:
        super().__init__()
        self.always, self.sometimes = nn.Linear(1, 2), nn.Linear(2, 2)
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        hidden: Tensor = self.always(x)
        return hidden if self.steps % 2 else self.sometimes(hidden)


def test_a_layer_may_be_called_in_none_of_the_steps_that_are_kept(tmp_path: Path) -> None:
    model = EverySecond()
    with Recorder(model, tmp_path / "run", sample_every=1) as recorder:
        for steps in (32, 33):
            for _ in range(steps):
                step(model, torch.ones(4, 1))
            recorder.record(steps)
            model.steps = 0
    assert [list(record.layers) for record in open_run(tmp_path / "run").records] == [
        ["always", "sometimes"],
        ["always"],
    ]


def test_no_step_is_told_once(tmp_path: Path) -> None:
    with Recorder(network(), tmp_path / "run", sample_every=1) as recorder:
        with pytest.warns(RuntimeWarning, match=r"No training step reached the layers.*pass a probe instead"):
            recorder.record(0)
        recorder.record(1)


def test_hooks_are_gone_after_an_exception(tmp_path: Path) -> None:
    model = network()
    with pytest.raises(KeyboardInterrupt), Recorder(model, tmp_path / "run", sample_every=1):
        raise KeyboardInterrupt
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# Several processes


def record_on_rank(rank: int, folder: Path) -> None:
    model = DistributedDataParallel(network())
    with Recorder(model, folder / f"run-{rank}") as recorder:
        for epoch in range(2):
            recorder.record(epoch, inputs=draw(5, 4), loss=0.0)
            model(draw(8, 4, seed=rank)).sum().backward()
    if rank == 1:
        try:
            Recorder(nn.Sequential(nn.SyncBatchNorm(4)), folder / "sync", training=True)
        except InvalidInputError as error:
            (folder / "refused").write_text(str(error))


def test_rank_0_alone_writes_and_waits_for_nobody(tmp_path: Path) -> None:
    train_together(record_on_rank, tmp_path)
    run = open_run(tmp_path / "run-0")
    assert [record.epoch for record in run.records] == [0, 1]
    assert list(run.layers) == ["0", "1", "2", "4"]
    assert not (tmp_path / "run-1").exists()
    assert "SyncBatchNorm waits for all ranks" in (tmp_path / "refused").read_text()


@pytest.mark.gpu
def test_on_a_gpu_as_on_the_cpu(tmp_path: Path) -> None:
    model, x = network(), draw(100, 4)
    for device in ("cpu", "cuda"):
        model.to(device)
        state = torch.cuda.get_rng_state() if device == "cuda" else None
        with Recorder(model, tmp_path / device, training=True) as recorder:
            recorder.record(0, inputs=x.to(device))
        if state is not None:
            assert torch.equal(torch.cuda.get_rng_state(), state)
    on_cpu, on_gpu = open_run(tmp_path / "cpu"), open_run(tmp_path / "cuda")
    for name in ("0", "1", "2"):
        np.testing.assert_allclose(on_gpu.arrays(0)[name].rows, on_cpu.arrays(0)[name].rows, atol=1e-4)
        assert on_gpu.records[0].layers[name].per == pytest.approx(on_cpu.records[0].layers[name].per, rel=1e-4)
        assert on_gpu.records[0].layers[name].sw1 == pytest.approx(on_cpu.records[0].layers[name].sw1, rel=1e-3)
