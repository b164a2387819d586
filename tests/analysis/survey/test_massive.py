"""Massive units and rows across layers: from which layer on, in how many, and which layers are compared."""

from pathlib import Path

import numpy as np
import pytest

from analysis.dumps import inspect
from analysis.survey.massive import list_massive, peaks_of
from analysis.survey.overview import Overview, overview

BLOCKS = 6


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Overview:
    """A residual stream in which unit 5 is massive in row 0 from block 2 on; so it is in two MLPs."""
    folder: Path = tmp_path_factory.mktemp("massive")
    rng = np.random.default_rng(0)
    stream = rng.standard_normal((200, 64))
    for block in range(BLOCKS):
        stream += 0.1 * rng.standard_normal((200, 64))
        if block == 2:
            stream[0, 5] = -3000
        np.save(folder / f"blocks.{block}.stream.npy", stream.astype(np.float32))
        hidden = rng.standard_normal((200, 256))
        if block in (1, 3):
            hidden[1:, 5] = 400 * (block + 1)
        np.save(folder / f"blocks.{block}.mlp.npy", hidden.astype(np.float32))
    np.save(folder / "final.npy", np.eye(200, 64)[np.arange(200) % 64].astype(np.float32))
    return overview(inspect(folder))


def test_a_unit_of_the_stream_appears_at_one_layer_and_stays(found: Overview) -> None:
    streams = [layer for layer in found.layers if "stream" in layer]
    stream, mlp = list_massive(found, None, "unit")
    assert (stream.number, stream.of, stream.onset, stream.layers) == (5, 64, streams[2], tuple(streams[2:]))
    assert stream.peak is not None
    assert stream.peak.size == pytest.approx(3000, rel=1e-3)
    peaks = {layer: peaks_of(found.cells[layer, None], "unit")[0] for layer in streams}
    assert stream.peak == peaks[stream.peak_layer] == max(peaks.values(), key=lambda peak: peak.ratio)
    assert (mlp.number, mlp.of, len(mlp.layers), mlp.following, mlp.stays) == (5, 256, 2, BLOCKS - 1, False)
    assert mlp.peak_layer == mlp.layers[1]
    assert mlp.peak is not None
    assert mlp.peak.size == 1600


def test_layers_of_as_many_units_are_followed_to_the_last(found: Overview) -> None:
    stream, _ = list_massive(found, None, "unit")
    assert found.layers[-1] == "final"  # as wide as the stream, and unit 5 is as small as the others there
    assert (stream.following, len(stream.layers), stream.stays) == (5, 4, False)


def test_a_row_is_followed_too(found: Overview) -> None:
    (row,) = [one for one in list_massive(found, None, "row") if one.number == 0]
    assert (row.of, row.layers) == (200, tuple(layer for layer in found.layers if "stream" in layer)[2:])


def test_nothing_is_massive_at_an_epoch_that_is_not_there(found: Overview) -> None:
    assert list_massive(found, 7, "unit") == ()


def test_one_hot_rows_have_no_outliers(tmp_path) -> None:
    values = np.zeros((400, 64), np.float32)
    values[np.arange(400), np.where(np.arange(400) % 10, 3, np.arange(400) % 64)] = 1
    np.save(tmp_path / "labels.npy", 1000 * values)
    np.save(tmp_path / "one_hot.npy", values)
    assert list_massive(overview(inspect(tmp_path)), None, "unit") == ()
