"""Step 9 of the lesson: which units look dead over a few images, and which are over all of them."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from analysis.dumps import inspect
from analysis.lesson.probe import see_dead
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import overview
from analysis.training.shipped_run import DYING

SHIPPED = Path(__file__).parents[3] / "assets" / "runs" / DYING.name


@pytest.mark.parametrize("images", [2, 4, 8, 16, 32])
@pytest.mark.parametrize("epoch", DYING.epochs)
def test_units_of_a_relu_that_do_not_change_are_counted(epoch: int, images: int) -> None:
    stored = load_file(SHIPPED / "arrays" / f"{epoch:06d}.safetensors")
    found = see_dead(SHIPPED, epoch, images)
    assert found.all == DYING.images
    for layer in DYING.layers:
        rows = stored[f"{layer}/rows"]
        assert found.units[layer] == rows.shape[1] == 24
        for count, said in ((images, found.over_few), (DYING.images, found.over_all)):
            assert said[layer] == sum(len(np.unique(unit[:count])) == 1 for unit in rows.T)
        assert found.over_all[layer] <= found.over_few[layer]
    assert found.over_few[found.suspect] == max(found.over_few.values())
    assert found.over_all[found.worst] == max(found.over_all.values())


def test_over_all_images_they_are_the_dead_units_of_the_overview() -> None:
    table = overview(inspect(SHIPPED))
    for (layer, epoch), reading in table.cells.items():
        assert isinstance(reading, LayerReading)
        assert epoch is not None
        assert see_dead(SHIPPED, epoch, 4).over_all[layer] == round(24 * reading.dead)


def test_few_images_mistake_units_for_dead_and_the_last_layer_dies_in_full() -> None:
    early, late = see_dead(SHIPPED, 2, 4), see_dead(SHIPPED, 6, 4)
    assert (early.suspect, early.over_few["layer 1"], early.over_all["layer 1"]) == ("layer 1", 14, 5)
    assert (late.worst, late.over_all["layer 5"]) == ("layer 5", 24)
