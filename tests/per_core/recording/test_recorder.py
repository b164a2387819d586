"""What the Recorder keeps is right, of whatever a model returns."""

import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from per_core import BudgetError, InvalidInputError, Recorder, open_run, per_loss, sliced_w1
from per_core.recording.layer_record import fixed_rows
from per_core.recording.run_directory import Run
from tests.per_core.recording.recorded import draw, first_record, network


class Returns(nn.Module):
    """A layer whose output is whatever it is given to return."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, _inputs: Tensor) -> object:
        return self.output


class Holds(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> object:
        return self.layer(inputs)


def record_output(folder: Path, output: object, **options: object) -> Run:
    """The run of one record in which the layer "layer" returned `output`."""
    with Recorder(Holds(Returns(output)), folder / "run", **options) as recorder:
        recorder.record(0, inputs=torch.zeros(1))
    return open_run(folder / "run")


def test_summaries_are_those_of_the_whole_layer(tmp_path: Path) -> None:
    h = draw(300, 40) * 2 + 1
    h[:, 7] = 0.1
    run = record_output(tmp_path, h, units=8, slices=32, tracked=3)
    summary, arrays = run.records[0].layers["layer"], run.arrays(0)["layer"]
    x = h.double().numpy()
    assert (summary.n, summary.d, summary.n_finite, summary.n_nan, summary.n_inf) == (300, 40, 300, 0, 0)
    means, variances = x.mean(axis=0), x.var(axis=0)
    np.testing.assert_allclose(
        [summary.mean, summary.mean_low, summary.mean_high], [means.mean(), means.min(), means.max()], rtol=1e-6
    )
    np.testing.assert_allclose(
        [summary.variance, summary.variance_low, summary.variance_high],
        [variances.mean(), 0, variances.max()],
        rtol=1e-6,
        atol=1e-15,
    )
    assert summary.dead == pytest.approx(1 / 40)
    assert summary.per == pytest.approx(float(per_loss(h.double())), rel=1e-6)
    distance = sliced_w1(h, directions=arrays.directions, control_variates=True)
    assert (summary.slices, len(arrays.directions)) == (32, 32)
    assert summary.sw1 == pytest.approx(float(distance.value), rel=1e-5)
    assert summary.sw1_error == pytest.approx(float(distance.standard_error), rel=1e-4)
    for unit in summary.tracked:
        column = x[:, unit.unit]
        np.testing.assert_allclose(
            [unit.lower, unit.median, unit.upper], np.quantile(column, [0.25, 0.5, 0.75]), rtol=1e-6
        )
        np.testing.assert_allclose([unit.mean, unit.variance], [column.mean(), column.var()], rtol=1e-6)


def test_arrays_are_parts_of_the_layer(tmp_path: Path) -> None:
    h = draw(300, 40)
    arrays = record_output(tmp_path, h, units=8, slices=32, tracked=3).arrays(0)["layer"]
    np.testing.assert_allclose(arrays.norms, h.norm(dim=1), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(arrays.directions, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(arrays.projections, h.numpy() @ arrays.directions.T, atol=1e-5)
    assert len(set(arrays.tracked_units)) == 3
    np.testing.assert_array_equal(arrays.tracked, h.numpy()[:, arrays.tracked_units])
    assert len(set(arrays.row_units)) == 8
    np.testing.assert_array_equal(arrays.rows, h.numpy()[:, arrays.row_units])


def test_units_and_directions_are_the_same_in_every_record_and_run(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 100))
    kept = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        with Recorder(model, tmp_path / name, seed=seed) as recorder:
            recorder.record(0, inputs=draw(10, 4))
            recorder.record(1, inputs=draw(10, 4))
        run = open_run(tmp_path / name)
        kept += [run.arrays(0)["0"], run.arrays(1)["0"]]
    for part in ("tracked_units", "row_units", "directions"):
        for arrays in kept[1:4]:
            np.testing.assert_array_equal(getattr(kept[0], part), getattr(arrays, part))
        assert not np.array_equal(getattr(kept[0], part), getattr(kept[4], part))


@pytest.mark.parametrize("shape", [(40, 200_000), (100_000, 3), (60_000, 40), (1, 1), (700_000, 1), (5000, 300)])
def test_the_budget_holds_for_any_width_and_any_probe(tmp_path: Path, shape: tuple[int, int]) -> None:
    budget = 1_000_000
    h = draw(*shape)
    run = record_output(tmp_path, h, budget=budget)
    assert (tmp_path / "run" / "arrays" / "000000.safetensors").stat().st_size <= budget
    summary, arrays = run.records[0].layers["layer"], run.arrays(0)["layer"]
    n, _ = shape
    assert (summary.n, summary.d) == shape
    assert (summary.kept_norms, summary.kept_rows) == (len(arrays.norms), len(arrays.rows))
    assert summary.kept_norms == min(n, 124_488)  # half of what the header leaves
    assert min(n, 900) <= summary.kept_rows <= n
    np.testing.assert_allclose(arrays.norms, h[fixed_rows(n, summary.kept_norms, 0)].norm(dim=1), rtol=1e-5)
    kept = h[fixed_rows(n, summary.kept_rows, 0)]
    np.testing.assert_array_equal(arrays.rows, kept[:, arrays.row_units])
    assert summary.per == pytest.approx(float(per_loss(h)), rel=1e-5)  # of the full layer, whatever is kept
    assert summary.variance == pytest.approx(float(h.var(dim=0, correction=0).mean()), rel=1e-5, abs=1e-12)
    distance = sliced_w1(kept.double(), directions=arrays.directions, control_variates=True)
    assert summary.sw1 == pytest.approx(float(distance.value), rel=1e-4)


def test_a_budget_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=r"budget must hold 32 rows of 132 columns .*, \d+ bytes; received 1000"):
        Recorder(network(), tmp_path / "run", budget=1000)
    assert not (tmp_path / "run").exists()


def test_nan_and_infinite_values_are_counted_stored_and_left_out(tmp_path: Path) -> None:
    h = draw(100, 6)
    h[3, 2] = h[3, 4] = float("nan")
    h[5, 0] = float("inf")
    h[8, 0], h[8, 1] = float("-inf"), float("nan")
    h[9] = 1e25  # finite; its square is not
    finite = torch.tensor([i not in (3, 5, 8) for i in range(100)])
    run = record_output(tmp_path, h)
    summary, arrays = run.records[0].layers["layer"], run.arrays(0)["layer"]
    assert (summary.n, summary.n_finite, summary.n_nan, summary.n_inf) == (100, 97, 3, 2)
    rows = h[finite].double()
    assert summary.mean == pytest.approx(float(rows.mean()))
    assert summary.variance == pytest.approx(float(rows.var(dim=0, correction=0).mean()))
    assert summary.per == pytest.approx(float(per_loss(rows)))
    assert summary.sw1 == pytest.approx(
        float(sliced_w1(rows, directions=arrays.directions, control_variates=True).value), rel=1e-5
    )
    assert np.isfinite([unit.variance for unit in summary.tracked]).all()
    np.testing.assert_array_equal(arrays.rows, h[:, arrays.row_units])
    np.testing.assert_array_equal(np.isfinite(arrays.norms), finite)


def test_a_layer_of_nan_alone_is_recorded(tmp_path: Path) -> None:
    run = record_output(tmp_path, torch.full((10, 3), float("nan")))
    summary = run.records[0].layers["layer"]
    assert (summary.n_finite, summary.n_nan) == (0, 30)
    assert np.isnan([summary.mean, summary.variance, summary.dead, summary.per, summary.sw1]).all()
    assert np.isnan(summary.tracked[0].median)


def test_a_diverging_training_is_recorded_to_its_end(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e6)
    with Recorder(model, tmp_path / "run") as recorder:
        for epoch in range(6):
            loss = model(draw(32, 4)).square().mean()
            recorder.record(epoch, inputs=draw(20, 4), loss=loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    records = open_run(tmp_path / "run").records
    assert np.isfinite(records[0].scalars["loss"])
    assert np.isnan(records[-1].scalars["loss"])
    assert records[-1].layers["2"].n_nan == 80


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_dtype(tmp_path: Path, dtype: torch.dtype) -> None:
    h = draw(50, 8).to(dtype)
    run = record_output(tmp_path, h)
    summary = run.records[0].layers["layer"]
    assert summary.variance == pytest.approx(float(h.double().var(dim=0, correction=0).mean()), rel=1e-5)
    assert summary.per == pytest.approx(float(per_loss(h.double())), rel=1e-5)
    np.testing.assert_allclose(run.arrays(0)["layer"].rows, h.float(), rtol=1e-7)


# Outputs of every kind


@dataclass
class Output:
    loss: Tensor
    labels: Tensor
    logits: Tensor


def test_the_first_activations_of_any_output_count(tmp_path: Path) -> None:
    h, loss, labels = draw(10, 3), torch.tensor(1.0), torch.zeros(10, 2, dtype=torch.long)
    outputs = {
        "tuple": (loss, h, draw(4, 4)),
        "list": [labels, [h]],
        "dict": {"loss": loss, "hidden": (h,)},
        "dataclass": Output(loss, labels, h),
        "mapping": OrderedDict(loss=loss, logits=h),
    }
    for name, output in outputs.items():
        arrays = record_output(tmp_path / name, output).arrays(0)["layer"]
        np.testing.assert_array_equal(arrays.rows, h)


@pytest.mark.parametrize("output", [None, torch.ones(3, dtype=torch.long), torch.zeros(0, 4), {"a": torch.tensor(1.0)}])
def test_an_output_without_activations_warns_once(tmp_path: Path, output: object) -> None:
    recorder = Recorder(Holds(Returns(output)), tmp_path / "run")
    with pytest.warns(RuntimeWarning, match="'layer' returned no floating tensor of at least two dimensions"):
        recorder.record(0, inputs=torch.zeros(1), loss=2.0)
    recorder.record(1, inputs=torch.zeros(1), loss=1.0)
    records = open_run(tmp_path / "run").records
    assert [record.layers for record in records] == [{}, {}]
    assert records[1].scalars == {"loss": 1.0}


@pytest.mark.parametrize(
    ("shape", "layout", "rows"),
    [
        ((6, 5), "position", (6, 5)),
        ((6, 4, 5), "sample", (6, 20)),
        ((6, 4, 5), "position", (24, 5)),
        ((6, 3, 2, 4), "sample", (6, 24)),
        ((6, 3, 2, 4), "position", (48, 3)),
    ],
)
def test_layouts_are_those_of_the_per_layer(tmp_path: Path, shape: tuple[int, ...], layout: str, rows: tuple) -> None:
    h = draw(*shape)
    run = record_output(tmp_path, h, layout=layout)
    expected = {
        "sample": h.flatten(1),
        "position": h.permute(0, 2, 3, 1).reshape(-1, 3) if h.ndim == 4 else h.reshape(-1, 5),
    }[layout]
    assert expected.shape == rows
    assert run.layout == layout
    np.testing.assert_array_equal(run.arrays(0)["layer"].rows, expected)


def test_a_layer_is_kept_as_it_was_before_the_next_one_overwrites_it(tmp_path: Path) -> None:
    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 8)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            h = self.relu(self.linear(x))
            return h.mul_(0).add_(7)

    model, x = Overwrites(), draw(30, 4)
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0, inputs=x)
    arrays = open_run(tmp_path / "run").arrays(0)
    linear = model.linear(x).detach().numpy()
    np.testing.assert_array_equal(arrays["linear"].rows, linear)
    np.testing.assert_array_equal(arrays["relu"].rows, linear.clip(min=0))


class Repeats(nn.Module):
    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.cell = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = self.cell(x)
        return x


def test_every_call_of_a_module_is_a_layer(tmp_path: Path) -> None:
    model, x = Repeats(3), draw(10, 4)
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0, inputs=x)
    run = open_run(tmp_path / "run")
    assert list(run.layers) == ["cell", "cell (call 2)", "cell (call 3)"]
    twice = model.cell(model.cell(x)).detach().numpy()
    np.testing.assert_allclose(run.arrays(0)["cell (call 2)"].rows, twice, rtol=1e-6)


def test_calls_beyond_the_sixteenth_are_told_and_left_out(tmp_path: Path) -> None:
    with Recorder(Repeats(40), tmp_path / "run") as recorder:
        with pytest.warns(RuntimeWarning, match="'cell' is called 40 times; the first 16 are recorded"):
            recorder.record(0, inputs=draw(2, 4))
        recorder.record(1, inputs=draw(2, 4))
    assert len(first_record(tmp_path / "run").layers) == 16


def test_a_probe_may_be_a_tensor_a_tuple_or_keywords(tmp_path: Path) -> None:
    class Takes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x: Tensor, *, scale: float = 1.0, shift: float = 0.0) -> Tensor:
            return self.layer(x * scale + shift)

    x = draw(5, 3)
    probes = [(x, x), ((x,), x), ({"x": x, "scale": 2.0, "shift": 1.0}, 2 * x + 1)]
    with Recorder(Takes(), tmp_path / "run", layers=["layer"]) as recorder:
        for epoch, (probe, _) in enumerate(probes):
            recorder.record(epoch, inputs=probe)
    run = open_run(tmp_path / "run")
    for index, (_, expected) in enumerate(probes):
        np.testing.assert_array_equal(run.arrays(index)["layer"].rows, expected)


# Which layers


def test_layers_by_expression_by_name_and_by_default(tmp_path: Path) -> None:
    model = nn.Sequential(OrderedDict(body=network(), flat=nn.Flatten(), head=nn.Linear(2, 2)))

    def names(layers: object) -> list[str]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with Recorder(model, folder, layers=layers) as recorder:
            recorder.record(0, inputs=draw(5, 4))
        return list(open_run(folder).layers)

    assert names(None) == ["body.0", "body.1", "body.2", "body.4", "head"]
    assert names(r"body\.[12]") == ["body.1", "body.2"]
    assert names("body") == ["body"]
    assert names(["head", "body.3"]) == ["body.3", "head"]
    assert names("Sequential") == ["Sequential"]


def test_layers_that_do_not_exist_are_named(tmp_path: Path) -> None:
    model = network()
    with pytest.raises(InvalidInputError, match=r"'conv.*' matches none of Sequential, 0, 1.*whole"):
        Recorder(model, tmp_path / "run", layers="conv.*")
    with pytest.raises(InvalidInputError, match=r"'Linar' is none. Did you mean"):
        Recorder(model, tmp_path / "run", layers=["Linar"])
    with pytest.raises(InvalidInputError, match=r"'\(' is no expression"):
        Recorder(model, tmp_path / "run", layers="(")
    assert not (tmp_path / "run").exists()


def test_a_named_layer_that_is_not_called_warns_once(tmp_path: Path) -> None:
    model = nn.MultiheadAttention(4, 2, batch_first=True)  # uses the weights of out_proj and never calls it
    x = draw(3, 5, 4)
    with Recorder(model, tmp_path / "run", layers=["out_proj", "MultiheadAttention"]) as recorder:
        with pytest.warns(RuntimeWarning, match="does not call out_proj"):
            recorder.record(0, inputs=(x, x, x))
        recorder.record(1, inputs=(x, x, x))
    assert list(open_run(tmp_path / "run").layers) == ["MultiheadAttention"]


def test_transformer_layers_are_seen_although_evaluation_has_a_fused_path(tmp_path: Path) -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    with Recorder(model, tmp_path / "run", layers=r".*linear1", layout="position") as recorder:
        recorder.record(0, inputs=draw(3, 5, 8))
    layers = first_record(tmp_path / "run").layers
    assert {name: (s.n, s.d) for name, s in layers.items()} == {
        "layers.0.linear1": (15, 16),
        "layers.1.linear1": (15, 16),
    }


# What is refused


def test_a_padding_mask_changes_nothing_about_which_layers_are_seen(tmp_path: Path) -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)
    mask = torch.zeros(8, 5, dtype=torch.bool)
    mask[:, 3:] = True
    fused = torch.backends.mha.get_fastpath_enabled()
    with Recorder(model, tmp_path / "run") as recorder:
        recorder.record(0, inputs={"src": draw(8, 5, 16), "src_key_padding_mask": mask})
    layers = open_run(tmp_path / "run").records[0].layers
    assert {name: summary.d for name, summary in layers.items() if "linear" in name} == {
        "layers.0.linear1": 160, "layers.0.linear2": 80, "layers.1.linear1": 160, "layers.1.linear2": 80,
    }  # fmt: skip
    assert fused == torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize(
    "parametrize", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm]
)
def test_a_parametrized_layer_is_recorded_and_not_its_weights(tmp_path: Path, parametrize) -> None:
    model = nn.Sequential(parametrize(nn.Linear(6, 4)), nn.ELU(), nn.Linear(4, 2))
    probe = draw(20, 6)
    with Recorder(model, tmp_path / "run", units=64) as recorder:
        recorder.record(0, inputs=probe)
    run = open_run(tmp_path / "run")
    assert run.layers == {"0": 4, "1": 4, "2": 2}
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(run.arrays(0)["0"].rows), model.eval()[0](probe))


def test_epochs_do_not_go_back(tmp_path: Path) -> None:
    model, probe = network(), draw(20, 4)
    with Recorder(model, tmp_path / "run") as recorder:
        for epoch in (0, 1, 2.5):
            recorder.record(epoch, inputs=probe)
        with pytest.raises(InvalidInputError, match=r"before the last one recorded, 2\.5; received 2\. After a check"):
            recorder.record(2, inputs=probe)
    again = Recorder(model, tmp_path / "run", resume=True)
    with pytest.raises(InvalidInputError, match="received 1"):
        again.record(1, inputs=probe)
    with Recorder(model, tmp_path / "run", resume=True, last_epoch=1) as recorder:
        recorder.record(2, inputs=probe)
    assert [record.epoch for record in open_run(tmp_path / "run").records] == [0, 1, 2]


def test_arguments_out_of_range(tmp_path: Path) -> None:
    model = network()
    for options, message in (
        ({"layout": "channel"}, 'layout must be "sample" or "position"'),
        ({"slices": 0}, "slices must be an integer"),
        ({"seed": -1}, "seed must be an integer"),
        ({"sample_every": 0}, "sample_every must be an integer"),
        ({"on_repeated_epoch": "warn"}, 'on_repeated_epoch must be "raise" or "replace"; received \'warn\''),
        ({"resume": True, "last_epoch": -1}, "last_epoch must be one finite number"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            Recorder(model, tmp_path / "run", **options)
    recorder = Recorder(model, tmp_path / "run")
    with pytest.raises(InvalidInputError, match=r"epoch must be one finite number from 0 .* received '3'"):
        recorder.record("3", inputs=draw(3, 4))
    for scalar in (torch.ones(2), "high", None):
        with pytest.raises(InvalidInputError, match="single numbers; loss is"):
            recorder.record(0, inputs=draw(3, 4), loss=scalar)
    with pytest.raises(InvalidInputError, match="needs the probe, inputs="):
        recorder.record(0, loss=1.0)
    assert open_run(tmp_path / "run").records == ()


def test_scalars_of_every_type(tmp_path: Path) -> None:
    with Recorder(network(), tmp_path / "run") as recorder:
        recorder.record(
            0.5, inputs=draw(3, 4), a=1, b=np.float32(0.5), c=torch.tensor(2.0, requires_grad=True), d=torch.ones(1)
        )
    record = first_record(tmp_path / "run")
    assert record.epoch == 0.5
    assert record.scalars == {"a": 1, "b": 0.5, "c": 2, "d": 1}


def test_lazy_modules_need_a_first_pass(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(InvalidInputError, match="Pass a batch through the model, then"):
        Recorder(model, tmp_path / "run")


def test_a_scripted_module_says_that_it_calls_no_hooks(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(nn.Sequential(nn.Linear(4, 2), nn.ReLU()))
    with pytest.raises(InvalidInputError, match=r"scripted modules never do; received 0, 1.*original module"):
        Recorder(scripted, tmp_path / "run")
    model = nn.Sequential(scripted, nn.Linear(2, 2), nn.BatchNorm1d(2))
    with Recorder(model, tmp_path / "run", layers=["1"]) as recorder:
        recorder.record(0, inputs=draw(3, 4))
    assert model.training
    assert scripted.training
    assert open_run(tmp_path / "run").layers == {"1": 2}
