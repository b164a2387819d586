"""Step 9: which units of a network are dead, seen with a few images of its probe and with all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from per_core.recording.run_directory import open_run


@dataclass(frozen=True, slots=True, eq=False)
class DeadUnits:
    """How many units of each layer do not change over the images of a probe.

    Attributes:
        epoch: at which the network was recorded.
        few, all: how many images.
        units: layer -> how many units it has.
        over_few, over_all: layer -> how many of them have one value over so many images.
    """

    epoch: float
    few: int
    all: int
    units: Mapping[str, int]
    over_few: Mapping[str, int]
    over_all: Mapping[str, int]

    @property
    def suspect(self) -> str:
        """The layer that looks worst with few images; of equal ones, the first."""
        return max(self.over_few, key=self.over_few.__getitem__)

    @property
    def worst(self) -> str:
        """The layer that is worst with all images; of equal ones, the first."""
        return max(self.over_all, key=self.over_all.__getitem__)


def see_dead(path: Path, epoch: float, few: int) -> DeadUnits:
    """Count the units that do not change over the first images of a probe, and over all that the record keeps.

    Args:
        path: of a run directory with all units of its layers in the records.
        epoch: of one of the records.
        few: number of images, at least 2.

    Raises:
        InvalidInputError: If there is no run.
    """
    run = open_run(path)
    index = next(record.index for record in run.records if record.epoch == epoch)
    rows = {layer: arrays.rows for layer, arrays in run.arrays(index).items()}

    def unchanged(count: int) -> dict[str, int]:
        return {layer: int((np.ptp(values[:count], axis=0) == 0).sum()) for layer, values in rows.items()}

    images = len(next(iter(rows.values())))
    units = {layer: values.shape[1] for layer, values in rows.items()}
    return DeadUnits(epoch, few, images, units, unchanged(few), unchanged(images))
