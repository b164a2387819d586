"""A folder of shards is measured as one data set, in whatever files, pieces and threads it comes."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.dumps import ArrayRule, ReadingPlan, inspect
from analysis.one_pass import PassSpec, run_pass, take_statistics
from per_core.errors import InvalidInputError
from tests.analysis.one_pass.test_partial_statistics import assert_identical

SPEC = PassSpec(slices=6)
ROWS = np.random.default_rng(1).standard_t(3, (700, 12)).astype(np.float32)


def shards(folder, cuts=(100, 350, 351)):
    folder.mkdir()
    for number, part in enumerate(np.split(ROWS, cuts)):
        np.save(folder / f"part-{number}.npy", part)
    return folder


@pytest.mark.parametrize("cuts", [(), (1,), (100, 350, 351), tuple(range(50, 700, 50))])
@pytest.mark.parametrize("piece_bytes", [1, 5_000, 2**27])
def test_any_shards_any_pieces(tmp_path, cuts, piece_bytes):
    if piece_bytes == 1 and cuts:
        piece_bytes = 48 * 13
    found = run_pass(shards(tmp_path / "s", cuts), SPEC, piece_bytes=piece_bytes)
    assert_identical(found.statistics, take_statistics(ROWS, SPEC))
    assert [len(member.parts) for member in found.members] == [len(cuts) + 1]
    assert found.skipped == ()


def test_reads_within_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.one_pass.shards.READ_BYTES", 48 * 17)
    assert_identical(run_pass(shards(tmp_path / "s"), SPEC).statistics, take_statistics(ROWS, SPEC))


def test_files_of_several_kinds(tmp_path):
    a, b, c, d = np.split(ROWS, (100, 350, 500))
    np.save(tmp_path / "shard-0.npy", a.astype(np.float64))
    np.savez_compressed(tmp_path / "shard-1.npz", h=b)
    torch.save({"h": torch.from_numpy(c)}, tmp_path / "shard-2.pt")
    save_file({"h": torch.from_numpy(d)}, tmp_path / "shard-3.safetensors")
    names = [member.name for member in inspect(tmp_path).members]
    assert_identical(run_pass(tmp_path, SPEC, members=names).statistics, take_statistics(ROWS, SPEC))


@pytest.mark.parametrize(
    ("axes", "order"),
    [
        (("sample", "unit", "unit", "unit"), (0, 1, 2, 3)),
        (("sample", "channel", "height", "width"), (0, 2, 3, 1)),
        (("sample", "position", "position", "unit"), (0, 1, 2, 3)),
    ],
)
def test_roles_of_axes(tmp_path, axes, order):
    values = ROWS.reshape(70, 10, 3, 4)
    for number, part in enumerate(np.split(values, (11, 40))):
        np.save(tmp_path / f"{number}.npy", part)
    plan = ReadingPlan((ArrayRule("{part}.npy", axes),))
    found = run_pass(inspect(tmp_path, plan=plan), SPEC, piece_bytes=2000)
    units = 120 if axes[1] == "unit" else 10 if axes[1] == "channel" else 4
    assert_identical(found.statistics, take_statistics(values.transpose(order).reshape(-1, units), SPEC))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_number_of_threads_rounds_alike(tmp_path, workers):
    folder = shards(tmp_path / "s")
    alone = run_pass(folder, SPEC, workers=1, piece_bytes=3000).statistics
    found = run_pass(folder, SPEC, workers=workers, piece_bytes=3000).statistics
    assert_identical(found, alone)
    for name in ("mean", "m2", "m3", "m4"):
        np.testing.assert_array_equal(getattr(found.moments, name), getattr(alone.moments, name))
    assert (found.per, found.norm) == (alone.per, alone.norm)


def test_the_threads_of_torch_are_left_as_they_were(tmp_path):
    before = torch.get_num_threads()
    run_pass(shards(tmp_path / "s"), SPEC)
    assert torch.get_num_threads() == before


def test_what_torch_takes_by_default_changes_nothing(tmp_path):
    folder = shards(tmp_path / "s")
    found = run_pass(folder, SPEC).statistics
    torch.set_default_dtype(torch.float64)
    try:
        assert_identical(run_pass(folder, SPEC).statistics, found)
    finally:
        torch.set_default_dtype(torch.float32)


def test_progress_counts_pieces(tmp_path):
    seen = []
    run_pass(shards(tmp_path / "s", (350,)), SPEC, piece_bytes=48 * 100, on_progress=lambda *now: seen.append(now))
    assert seen == [(done, 7) for done in range(8)]


def test_what_cannot_be_read_is_told_and_names_choose(tmp_path):
    folder = shards(tmp_path / "s")
    np.save(folder / "labels.npy", np.array([None]))
    found = run_pass(folder, SPEC)
    assert [member.name for member in found.skipped] == ["labels.npy"]
    assert "Object arrays are pickles" in found.skipped[0].reason
    found = run_pass(folder, SPEC, members=["part-*.npy"])
    assert_identical(found.statistics, take_statistics(ROWS, SPEC))
    with pytest.raises(InvalidInputError, match="Object arrays are pickles"):
        run_pass(folder, SPEC, members=["labels.npy"])
    with pytest.raises(InvalidInputError, match=r"No member 'part-9\.npy'"):
        run_pass(folder, SPEC, members=["part-9.npy"])


def test_shards_of_different_units_are_refused(tmp_path):
    folder = shards(tmp_path / "s")
    np.save(folder / "wide.npy", np.ones((3, 13), np.float32))
    with pytest.raises(InvalidInputError, match=r"these are 2 layers or moments: part-\*\.npy, wide\.npy"):
        run_pass(folder, SPEC)
    with pytest.raises(InvalidInputError, match=r"part-\*\.npy has 12, wide\.npy has 13\. Choose the members of one"):
        run_pass(folder, SPEC, members=["part-*.npy", "wide.npy"])


def test_nothing_to_read(tmp_path):
    np.save(tmp_path / "labels.npy", np.array([None]))
    with pytest.raises(InvalidInputError, match="A pass needs a member that can be read"):
        run_pass(tmp_path, SPEC)


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"workers": 1.5}, {"piece_bytes": 0}])
def test_counts_are_at_least_one(tmp_path, wrong):
    with pytest.raises(InvalidInputError, match="|".join(wrong)):
        run_pass(shards(tmp_path / "s"), SPEC, **wrong)


def test_a_shard_that_changed_since_stops_the_pass_by_name(tmp_path):
    inspection = inspect(shards(tmp_path / "s"))
    np.save(tmp_path / "s" / "part-1.npy", ROWS[:10])
    with pytest.raises(InvalidInputError, match=r"part-1\.npy: part-1\.npy must hold the bytes"):
        run_pass(inspection, SPEC)
    np.save(tmp_path / "s" / "part-1.npy", np.zeros((250, 12, 2), np.float32))
    with pytest.raises(InvalidInputError, match=r"part-1\.npy must be as it was when inspected"):
        run_pass(inspection, SPEC)
