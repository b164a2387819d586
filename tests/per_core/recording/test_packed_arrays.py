"""Compact records: halves that hold values of any size, tracked units of all rows, and the same summaries."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from per_core import Recorder, open_run
from per_core.recording.layer_record import Allowance, LayerArrays, LayerDigest, LayerSummary, fixed_rows
from per_core.recording.packed_arrays import COMPACT, EACH, pack, part_names, unpack

FEW = Allowance(slices=4, units=6, tracked=3, budget=10_500, seed=2, compact=True)


def packed(values: np.ndarray, **settings: object) -> LayerArrays:
    """What is read of a layer that was recorded compactly."""
    allowance = Allowance(**{"slices": 4, "units": values.shape[1], "tracked": 2, "compact": True} | settings)
    _, arrays = LayerDigest(allowance)(torch.from_numpy(values.copy()))
    return unpack(pack(arrays, compact=True), compact=True, n=arrays.n, d=arrays.d, seed=arrays.seed)


@given(st.integers(0, 2**32 - 1), st.integers(-120, 120))
def test_a_value_is_rounded_to_eleven_bits_whatever_its_size(seed: int, exponent: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal((40, 5)) * np.exp2(rng.integers(-8, 9, (40, 5)))).astype(np.float32)
    values = np.ldexp(values, exponent - 8)
    kept = packed(values).rows.astype(np.float64)
    largest = np.abs(values.astype(np.float64)).max(axis=0)
    assert (np.abs(kept - values) <= np.abs(values.astype(np.float64)) * 2**-11 + largest * 2**-24).all()


def test_what_is_no_number_zero_or_equal_stays_so() -> None:
    values = np.array([[0, np.nan, 3.1e38, 7.7], [-0.0, 1, -np.inf, 7.7], [0, np.inf, 1.0, 7.7]], np.float32)
    kept = packed(values).rows
    np.testing.assert_array_equal(np.isnan(kept), np.isnan(values))
    np.testing.assert_array_equal(np.isinf(kept), np.isinf(values))
    assert (kept[:, 0] == 0).all()
    assert len(set(kept[:, 3].tolist())) == 1
    np.testing.assert_allclose(kept[0, 2], values[0, 2], rtol=2**-11)


@pytest.mark.parametrize("d", [1, 3, 6, 40])
def test_tracked_units_have_all_rows_where_others_have_some(d: int) -> None:
    values = torch.randn(300, d, generator=torch.Generator().manual_seed(0))
    summary, arrays = LayerDigest(FEW)(values)
    read = unpack(pack(arrays, compact=True), compact=True, n=300, d=d, seed=2)
    assert read.tracked.shape == (300, min(3, d))
    assert read.rows.shape == (FEW.kept_rows(300, d), min(6, d))
    assert [unit.unit for unit in summary.tracked] == read.tracked_units.tolist()
    np.testing.assert_allclose(read.tracked, values.numpy()[:, read.tracked_units], rtol=2**-11, atol=1e-6)
    expected = values.numpy()[fixed_rows(300, len(read.rows), 2)][:, read.row_units]
    np.testing.assert_allclose(read.rows, expected, rtol=2**-11, atol=1e-6)
    np.testing.assert_array_equal(read.norms, arrays.norms)
    assert read.projections.shape == (len(read.rows), 0)


def test_the_summary_is_that_of_a_record_with_everything() -> None:
    values = torch.randn(300, 30, generator=torch.Generator().manual_seed(1))
    values[7, 2] = torch.nan
    whole, _ = LayerDigest(Allowance(slices=4, units=6, tracked=3, seed=2))(values)
    compact, _ = LayerDigest(FEW)(values)
    assert compact.kept_rows < compact.sw1_rows == whole.kept_rows == 300
    assert replace(compact, kept_rows=300).to_json() == whole.to_json()
    earlier = whole.to_json()
    del earlier["sw1_rows"]
    assert LayerSummary.from_json(earlier) == whole
    del earlier["sw1_controlled"]
    assert LayerSummary.from_json(earlier) == replace(whole, sw1_controlled=False)


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize(("n", "d"), [(500, 768), (500, 3), (4000, 64), (30_000, 300)])
def test_the_arrays_take_what_the_allowance_says_within_its_budget(n: int, d: int, *, compact: bool) -> None:
    allowance = Allowance(slices=16, units=12, tracked=2, budget=400_000, compact=compact)
    _, arrays = LayerDigest(allowance)(torch.zeros(n, d))
    size = sum(part.nbytes for part in pack(arrays, compact=compact).values())
    assert size == allowance.array_bytes(n, d) < allowance.budget
    assert len(arrays.tracked) == (allowance.kept_norms(n) if compact else allowance.kept_rows(n, d))


def test_a_recorder_writes_compact_runs_and_earlier_ones_are_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, probe = nn.Sequential(nn.Linear(8, 40), nn.ELU(), nn.Linear(40, 2)), torch.randn(100, 8)
    sizes = {}
    for compact in (False, True):
        with Recorder(model, tmp_path / str(compact), compact=compact) as recorder:
            recorder.record(0, inputs=probe)
        header = json.loads((tmp_path / str(compact) / "run.json").read_text())
        assert header["schema"] == (2 if compact else 1)
        sizes[compact] = (tmp_path / str(compact) / "arrays" / "000000.safetensors").stat().st_size
    assert sizes[True] < 0.3 * sizes[False]
    file = tmp_path / "False" / "run.json"
    header = json.loads(file.read_text())
    del header["allowance"]["compact"]  # which earlier versions did not know
    file.write_text(json.dumps(header))
    earlier, compact_run = open_run(tmp_path / "False"), open_run(tmp_path / "True")
    assert not earlier.allowance.compact
    assert earlier.records[0].layers == compact_run.records[0].layers
    for name, kept in compact_run.arrays(0).items():
        np.testing.assert_allclose(kept.rows, earlier.arrays(0)[name].rows, rtol=2**-11, atol=1e-6)
        np.testing.assert_array_equal(kept.norms, earlier.arrays(0)[name].norms)


def test_the_names_are_those_that_are_packed() -> None:
    _, arrays = LayerDigest(FEW)(torch.zeros(40, 4))
    assert tuple(pack(arrays, compact=True)) == part_names(compact=True) == COMPACT
    assert tuple(pack(arrays, compact=False)) == part_names(compact=False) == EACH
