"""The layouts that others are tested by: each cell is one place of the table, and every dump is the same every time."""

from pathlib import Path

import numpy as np
import pytest

from tests.analysis.dumps.layouts.all_layouts import BUILDERS, write

KINDS = {"labels", "integers", "coordinates", "token ids", "text", "log", "table", "weights", "attention", "scalar"}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_layout_is_a_table_of_matrices(name, tmp_path):
    layout = write(name, tmp_path)
    places = {(cell.layer, cell.epoch, cell.split, cell.where) for cell in layout.cells}
    assert len(places) == len(layout.cells)
    for cell in layout.cells:
        assert cell.values.ndim == 2
        assert cell.values.dtype == np.float32
        assert np.isfinite(cell.values).all()
    for kinds in layout.left_out.values():
        assert set(kinds.split(" or ")) <= KINDS | {"nothing"}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_layout_has_the_same_numbers_every_time(name, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    cells, again = write(name, first).cells, write(name, second).cells
    assert _files(first) == _files(second)
    for one, other in zip(cells, again, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def _files(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))
