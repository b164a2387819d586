"""The overview: readings against independent formulas, layers times epochs, what is left out and why."""

import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from analysis.batch import ActivationBatch
from analysis.dumps import inspect
from analysis.statistics.null_band import expected_gaussian_w1
from analysis.statistics.spread import effective_rank
from analysis.survey.layer_reading import MOST_ROWS, MOST_VALUES, LayerReading, survey
from analysis.survey.member_rows import BLOCKS, read_member, rows_read
from analysis.survey.overview import overview
from analysis.survey.quantity import QUANTITIES
from per_core import Recorder, gaussian_w1, per_loss
from per_core.control_variates import mean_size
from per_core.errors import InvalidInputError

RANDOM = np.random.default_rng(11)


def batch(values) -> ActivationBatch:
    return ActivationBatch(values, "made here")


def test_a_gaussian_batch_is_one_band_away() -> None:
    reading = survey(batch(RANDOM.normal(size=(1000, 32))))
    assert (reading.n, reading.finite_rows, reading.total, reading.d) == (1000, 1000, 1000, 32)
    assert reading.sw1_in_bands == pytest.approx(1, abs=0.2)
    assert reading.per == pytest.approx(2 / math.sqrt(math.pi), abs=0.01)
    assert (reading.dead, reading.saturated) == (0, 0)


def test_moments_are_those_of_scipy_averaged_over_the_units_that_have_them() -> None:
    values = np.float32(RANDOM.gamma(2.0, size=(700, 6)) - 1)
    values[:, 2] = 0.1
    reading = survey(batch(values))
    wide = values.astype(np.float64)
    assert reading.mean == pytest.approx(wide.mean())
    assert reading.variance == pytest.approx(wide.var(axis=0).mean())
    assert reading.mean_square == pytest.approx((wide**2).mean())
    assert reading.kurtosis == pytest.approx(stats.kurtosis(np.delete(wide, 2, axis=1)).mean())
    assert reading.dead == pytest.approx(1 / 6)


def test_the_distances_are_those_of_the_library() -> None:
    values = np.float32(RANDOM.exponential(size=(400, 2)))
    reading = survey(batch(values))
    angles = (np.arange(64) + 0.25) * math.pi / 64
    projections = torch.from_numpy(values).double() @ torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)]))
    assert reading.sw1 == pytest.approx(gaussian_w1(projections).mean().item(), rel=1e-5)
    assert reading.per == pytest.approx(per_loss(torch.from_numpy(values)).item(), rel=1e-6)
    assert reading.sw1_in_bands == reading.sw1 / expected_gaussian_w1(400)


def test_effective_rank_counts_directions_that_share_the_variance() -> None:
    axes, _ = np.linalg.qr(RANDOM.normal(size=(10, 3)))
    samples, _ = np.linalg.qr(RANDOM.normal(size=(50, 3)))
    centred = samples - samples.mean(axis=0)
    whitened, _ = np.linalg.qr(centred)
    assert effective_rank(whitened @ axes.T) == pytest.approx(3)
    assert effective_rank(whitened * [1, 1, 0]) == pytest.approx(2)
    assert effective_rank(whitened[:, :1] @ axes[:, :1].T) == pytest.approx(1)
    assert math.isnan(effective_rank(np.zeros((4, 3))))


@pytest.mark.parametrize("shape", [(200, 12), (12, 200)])
def test_effective_rank_is_the_entropy_of_the_covariance(shape) -> None:
    values = RANDOM.normal(size=shape) * np.arange(1, shape[1] + 1)
    eigenvalues = np.linalg.eigvalsh(np.cov(values.T)).clip(min=0)
    expected = math.exp(stats.entropy(eigenvalues))
    reading = survey(batch(values))
    assert reading.effective_rank == pytest.approx(expected, rel=1e-4)
    assert reading.effective_rank_share == pytest.approx(expected / shape[1], rel=1e-4)


def test_saturated_units_sit_at_their_bounds() -> None:
    wide = RANDOM.normal(size=(1000, 4))
    assert survey(batch(np.tanh(20 * wide))).saturated == 1
    assert survey(batch(1 / (1 + np.exp(-30 * wide)))).saturated == 1
    assert survey(batch(np.tanh(5 + wide))).saturated == 1  # at one side
    assert math.isnan(survey(batch(np.sign(wide))).saturated)  # two values, of which nothing follows
    for healthy in (wide, np.tanh(wide), np.maximum(wide - 1.5, 0), RANDOM.uniform(size=(1000, 4))):
        assert survey(batch(healthy)).saturated == 0
    assert survey(batch(np.ones((1000, 4)))).saturated == 0


def test_rows_that_are_not_finite_are_counted_and_left_out() -> None:
    values = np.float32(RANDOM.normal(size=(300, 5)))
    spoiled = np.concatenate([values, np.full((1, 5), np.nan), [[np.inf, 0, 0, -np.inf, 0]]])
    reading, clean = survey(batch(spoiled)), survey(batch(values))
    assert (reading.n_nan, reading.n_inf, reading.n, reading.finite_rows) == (5, 2, 302, 300)
    assert (reading.sw1, reading.per, reading.variance) == (clean.sw1, clean.per, clean.variance)


@pytest.mark.parametrize("size", [1e39, 1e300, 1e-60])
def test_what_float32_cannot_hold_is_measured_in_float64(tmp_path, size: float) -> None:
    values = RANDOM.normal(1, 2, size=(9000, 5))
    np.save(tmp_path / "layer_1.npy", size * values)
    reading = overview(inspect(tmp_path)).cells["layer_1", None]
    inspection = inspect(tmp_path)
    assert reading == survey(
        read_member(inspection, inspection.members[0]), total=9000, rows=rows_read(inspection.members[0])
    )
    assert (reading.n_nan, reading.n_inf, reading.finite_rows) == (0, 0, reading.n)
    assert (reading.n_beyond_float32 > 0, reading.n_coarse) == (size > 1, 0 if size > 1 else 5)
    read = np.load(tmp_path / "layer_1.npy")[_rows_of(9000)]
    assert reading.mean == pytest.approx(read.mean(), rel=1e-12)
    assert reading.root_mean_square / size == pytest.approx(np.sqrt(np.square(read / size).mean()), rel=1e-12)
    assert reading.kurtosis == pytest.approx(stats.kurtosis(read / size).mean(), rel=1e-9)
    assert reading.effective_rank == pytest.approx(4.98, abs=0.03)
    if size > 1:  # far away SW1 and PER are those of the norms alone
        over_directions = mean_size(5) * np.linalg.norm(read / size, axis=1).mean()
        assert reading.sw1 / size == pytest.approx(over_directions, abs=reading.sw1_margin / size)
        if size < 1e150:  # their squares are finite, and what is known of all directions corrects for the slices
            assert reading.sw1 / size == pytest.approx(over_directions, rel=1e-6)
        assert reading.per / size == pytest.approx(per_loss(torch.from_numpy(read / size * 1e9)).item() / 1e9, rel=1e-6)


def _rows_of(n: int) -> list[int]:
    """Which rows an overview reads of a long member: four blocks of 500, evenly spread."""
    return [start + row for start in np.linspace(0, n - 500, 4).astype(int) for row in range(500)]


def test_infinite_values_are_told_from_those_beyond_float32() -> None:
    values = RANDOM.normal(size=(300, 5))
    values[3, 2], values[4, 4] = 1e300, np.inf
    reading = survey(batch(values))
    assert (reading.n_inf, reading.n_beyond_float32, reading.finite_rows) == (1, 1, 299)
    assert reading.mean == pytest.approx(1e300 / 299 / 5, rel=1e-12)
    assert (reading.dead, math.isinf(reading.variance)) == (0, True)


def test_without_a_finite_row_there_is_nothing_but_the_counts() -> None:
    reading = survey(batch(np.full((4, 2), np.nan)))
    assert (reading.n, reading.finite_rows, reading.n_nan) == (4, 0, 8)
    assert all(math.isnan(getattr(reading, quantity)) for quantity in QUANTITIES)


def test_a_single_row_has_a_distance_but_no_dead_units() -> None:
    reading = survey(batch([[0.0, 0.0, 0.0]]))
    assert reading.sw1 == pytest.approx(math.sqrt(2 / math.pi))
    assert math.isnan(reading.dead)
    assert math.isnan(reading.effective_rank)


def test_the_largest_float32_values_stay_finite() -> None:
    reading = survey(batch(RANDOM.normal(size=(100, 50)) * 3e37))
    assert all(math.isfinite(getattr(reading, quantity)) for quantity in QUANTITIES)


def test_at_most_two_thousand_rows_are_looked_at_evenly() -> None:
    n = 10_000
    reading = survey(batch(np.arange(n, dtype=np.float32)[:, None]))
    assert (reading.n, reading.total) == (MOST_ROWS, n)
    assert reading.mean == pytest.approx((n - 1) / 2, abs=1)
    assert reading.variance == pytest.approx(n * n / 12, rel=0.01)


# The whole dump


def write_epoch(folder, epoch, **layers) -> None:
    np.savez(folder / f"epoch_{epoch}.npz", **layers)


def test_layers_are_rows_and_epochs_columns(tmp_path) -> None:
    made = {}
    for epoch in (10, 2):
        made[epoch] = {"layer_1": RANDOM.normal(size=(64, 4)), "layer_2": 3 * RANDOM.normal(size=(64, 4))}
        write_epoch(tmp_path, epoch, **made[epoch])
    write_epoch(tmp_path, 30, layer_2=np.ones((64, 4)))
    calls = []
    seen = overview(inspect(tmp_path), on_progress=lambda done, total: calls.append((done, total)))
    assert (seen.layers, seen.epochs) == (("layer_1", "layer_2"), (2, 10, 30))
    assert calls == [(done, 5) for done in range(6)]
    for row, layer in enumerate(seen.layers):
        for column, epoch in enumerate((2, 10)):
            assert seen.table("variance")[row, column] == survey(batch(made[epoch][layer])).variance
    assert math.isnan(seen.table("variance")[0, 2])
    assert ("layer_1", 30) not in seen.cells
    assert [epoch for epoch, _ in seen.history("layer_1")] == [2, 10]
    assert seen.members["layer_2", 30] == "epoch_30.npz/layer_2"
    assert seen.histograms["layer_2"].counts.sum() == 256
    assert seen.histograms["layer_2"].edges.mean() == pytest.approx(1)  # of epoch 30, the latest
    assert seen.histograms["layer_1"].n == 256


def test_layers_come_worst_first_for_every_quantity(tmp_path) -> None:
    good = RANDOM.normal(size=(200, 6))
    bad = {
        "sw1_in_bands": good + 3,
        "per": good * 3,
        "mean": good - 2,
        "variance": good / 100,
        "kurtosis": good**3,
        "dead": good * [1, 1, 0, 0, 0, 0],
        "saturated": np.tanh(30 * good),
        "effective_rank_share": good[:, :1] * np.ones(6),
    }
    assert set(bad) == set(QUANTITIES)
    for quantity, values in bad.items():
        np.savez(tmp_path / "d.npz", a=good, b=values)
        assert overview(inspect(tmp_path)).worst(quantity) == ("b", "a"), quantity


def test_what_cannot_be_read_has_its_reason_and_is_the_worst(tmp_path) -> None:
    np.savez(tmp_path / "d.npz", fine=9 * RANDOM.normal(size=(50, 3)), diverged=np.full((50, 3), np.nan))
    seen = overview(inspect(tmp_path / "d.npz"))
    assert "must have a finite value" in seen.cells["diverged", None].reason
    assert seen.worst("variance") == ("diverged", "fine")
    assert math.isnan(seen.table("variance")[1, 0])
    assert "diverged" not in seen.histograms


def test_an_unknown_quantity_is_refused(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 2)))
    seen = overview(inspect(tmp_path))
    for ask in (seen.table, seen.worst):
        with pytest.raises(InvalidInputError, match=r"A quantity is one of sw1_in_bands, .*received 'sharpness'"):
            ask("sharpness")


def test_members_without_layer_or_epoch_and_with_the_same_have_names_of_their_own(tmp_path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        np.save(tmp_path / split / "layer_1.npy", RANDOM.normal(size=(9, 2)))
    np.save(tmp_path / "7.npy", RANDOM.normal(size=(9, 2)))
    seen = overview(inspect(tmp_path))
    assert seen.epochs == (None,)
    assert sorted(seen.layers) == ["7", "train/layer_1", "val/layer_1"]
    assert len(seen.cells) == 3


def test_the_rows_can_be_written_as_json(tmp_path) -> None:
    np.savez(tmp_path / "d.npz", constant=np.ones((5, 3)), diverged=np.full((5, 3), np.nan))
    rows = json.loads(json.dumps(overview(inspect(tmp_path)).as_rows(), allow_nan=False))
    assert [row["layer"] for row in rows] == ["constant", "diverged"]
    assert (rows[0]["dead"], rows[0]["kurtosis"], rows[0]["reason"]) == (1, None, "")
    assert "finite value" in rows[1]["reason"]
    assert rows[1]["n"] is None


def test_long_members_are_read_in_blocks_from_the_first_row_to_the_last(tmp_path) -> None:
    n = 100_000
    np.save(tmp_path / "long.npy", np.arange(n, dtype=np.float32)[:, None])
    inspection = inspect(tmp_path)
    reading = overview(inspection).cells["long", None]
    assert isinstance(reading, LayerReading)
    assert (reading.n, reading.total) == (MOST_ROWS, n)
    assert reading.mean == pytest.approx((n - 1) / 2, abs=1)
    blocks = np.concatenate([np.arange(500) + start for start in np.linspace(0, n - 500, BLOCKS).astype(int)])
    assert reading.variance == pytest.approx(blocks.var())


def test_a_block_without_a_finite_value_does_not_hide_the_others(tmp_path) -> None:
    values = RANDOM.normal(size=(9000, 2)).astype(np.float32)
    values[:2500] = np.nan  # the first of four blocks, and no other
    np.save(tmp_path / "layer_1.npy", values)
    reading = overview(inspect(tmp_path)).cells["layer_1", None]
    assert (reading.n, reading.finite_rows, reading.n_nan) == (
        MOST_ROWS,
        3 * MOST_ROWS // BLOCKS,
        2 * MOST_ROWS // BLOCKS,
    )
    assert reading.variance == pytest.approx(1, abs=0.1)
    values[:] = np.inf
    np.save(tmp_path / "layer_1.npy", values)
    assert "must have a finite value" in overview(inspect(tmp_path)).cells["layer_1", None].reason


def test_wide_members_are_read_within_the_bound(tmp_path) -> None:
    d = MOST_VALUES // 100
    np.save(tmp_path / "wide.npy", np.ones((150, d), dtype=np.float16))
    reading = overview(inspect(tmp_path)).cells["wide", None]
    assert isinstance(reading, LayerReading)
    assert reading.n * d <= MOST_VALUES
    assert reading.dead == 1


def test_positions_of_several_samples_are_read(tmp_path) -> None:
    images = np.arange(100, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 40, 40), dtype=np.float32)
    np.save(tmp_path / "conv.npy", images)
    reading = overview(inspect(tmp_path)).cells["conv", None]
    assert isinstance(reading, LayerReading)
    assert (reading.n, reading.total, reading.d) == (MOST_ROWS, 160_000, 2)
    assert reading.mean == pytest.approx(49.5, abs=1)


# A dump that grows


def test_only_what_is_new_or_has_changed_is_read_again(tmp_path) -> None:
    for epoch in (1, 2):
        write_epoch(tmp_path, epoch, layer_1=RANDOM.normal(size=(40, 3)))
    first = overview(inspect(tmp_path))
    write_epoch(tmp_path, 2, layer_1=7 + RANDOM.normal(size=(41, 3)))
    write_epoch(tmp_path, 3, layer_1=RANDOM.normal(size=(40, 3)))
    calls = []
    second = overview(inspect(tmp_path), earlier=first, on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 2), (1, 2), (2, 2)]
    assert second.cells["layer_1", 1] is first.cells["layer_1", 1]
    afresh = overview(inspect(tmp_path))
    assert second.cells == afresh.cells
    assert second.versions == afresh.versions
    assert second.histograms["layer_1"].counts.tolist() == afresh.histograms["layer_1"].counts.tolist()
    assert second.cells["layer_1", 2].mean == pytest.approx(7, abs=0.3)


def test_a_run_that_is_written_grows_record_by_record(tmp_path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU())
    probe = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    with Recorder(model, tmp_path / "run", layers=["0", "1"]) as recorder:
        recorder.record(0, inputs=probe)
        early = inspect(tmp_path / "run")
        first, written = overview(early), early.written
        recorder.record(1, inputs=probe)
        assert early.written > written
        calls = []
        grown = overview(inspect(tmp_path / "run"), earlier=first, on_progress=lambda *done: calls.append(done))
    assert calls == [(0, 2), (1, 2), (2, 2)]
    assert grown.epochs == (0, 1)
    assert grown.cells["0", 0] is first.cells["0", 0]


def test_a_run_without_a_record_is_known_and_seen_to_grow(tmp_path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(6, 5))
    with Recorder(model, tmp_path / "runs" / "mine", layers=["0"]) as recorder:
        for path in (tmp_path, tmp_path / "runs" / "mine"):
            early = inspect(path)
            assert early.runs == (tmp_path / "runs" / "mine",)
            assert (early.readable, early.written) == ((), 0)
        recorder.record(0, inputs=torch.randn(40, 6))
        assert early.written > 0


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=QUANTITIES)
def test_the_number_that_stands_for_a_badness_is_as_bad(quantity) -> None:
    for value in (0.01, 0.5, 1.0, 30.0):
        assert quantity.badness(quantity.at(quantity.badness(value))) == pytest.approx(quantity.badness(value))


def test_the_runs_of_a_comparison_are_told_apart_by_their_folders(tmp_path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(6, 5))
    for name in ("per-s0", "bn-s0"):
        with Recorder(model, tmp_path / "runs" / name, layers=["0"]) as recorder:
            recorder.record(0, inputs=torch.randn(40, 6))
    assert set(overview(inspect(tmp_path)).layers) == {"per-s0/0", "bn-s0/0"}
    with Recorder(model, tmp_path / "more" / "bn-s0", layers=["0"]) as recorder:
        recorder.record(0, inputs=torch.randn(40, 6))
    assert set(overview(inspect(tmp_path)).layers) == {"per-s0/0", "runs/bn-s0/0", "more/bn-s0/0"}


def test_what_the_page_prints_as_python_gives_the_reading(tmp_path) -> None:
    np.save(tmp_path / "layer_1.npy", RANDOM.normal(size=(9000, 2)))
    dump = inspect(tmp_path)
    member = dump.member("layer_1.npy")
    read = survey(read_member(dump, member), total=member.rows, rows=rows_read(member))
    assert read == overview(dump).cells["layer_1", None]
