"""Bands of 999 Gaussian batches, computed beforehand for the sizes on offer and kept in `assets/null_bands.json`.

So many draws keep the rate of false alarms below 1 % for every statistic (`NullBand.level`), and take from seconds to
minutes, which nobody who opens a page should wait. The command `bands` computes them anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from analysis.distances.batch_statistics import BatchStatistics
from analysis.distances.bound import Distances, WorstDistances
from analysis.distances.decomposition import PartDistances
from analysis.samples import DIMENSIONS, SIZES
from analysis.statistics.null_band import Name, NullBand, Statistic, expected_gaussian_w1, null_band
from per_core.errors import InvalidInputError
from per_core.text import N_

PATH = Path(__file__).parents[2] / "assets" / "null_bands.json"
DRAWS = 999
OPENING = (4096, 2, 256)  # of Bound: rows, units, slices
RATIO_ROWS, RATIO_POWERS = 1000, 11  # SW1 of N(0, I) over its mean, for d = 1, 2, 4, …, 1024
RECORDED = (500, 32)  # rows and units of the shipped recording
LARGEST = (16384, 64)  # of the batches on offer

KINDS: dict[type[Statistic[Any]], str] = {
    BatchStatistics: "statistics",
    Distances: "distances",
    WorstDistances: "worst",
    PartDistances: "parts",
}


class Study(NamedTuple):
    """A statistic and a size whose band is in the file."""

    statistic: Statistic[Any]
    n: int
    d: int

    @property
    def key(self) -> str:
        """Under which the file of bands holds it: "distances, n = 4096, d = 2, 256 slices"."""
        kind = KINDS[type(self.statistic)]
        return f"{kind}, n = {self.n}, d = {self.d}, {self.statistic.slices} slices"

    def means(self, band: NullBand) -> tuple[float, ...]:
        """The mean of a band, where values are measured from it: the parts of a distance."""
        return (band.mean,) if isinstance(self.statistic, PartDistances) else ()


_OPENING_ROWS, _OPENING_UNITS, _OPENING_SLICES = OPENING
STUDIES = (
    *(
        Study(BatchStatistics(), n, d)
        for n in SIZES
        for d in DIMENSIONS
        if BatchStatistics().draws_that_fit(n, d) >= 199
    ),
    Study(BatchStatistics(), *RECORDED),
    Study(Distances(_OPENING_SLICES), _OPENING_ROWS, _OPENING_UNITS),
    Study(Distances(256), *RECORDED),
    *(Study(Distances(), RATIO_ROWS, 2**power) for power in range(RATIO_POWERS)),
    Study(WorstDistances(_OPENING_SLICES), _OPENING_ROWS, _OPENING_UNITS),
    *(Study(PartDistances(), n, d) for n in SIZES for d in DIMENSIONS if n <= _OPENING_ROWS or d == _OPENING_UNITS),
    Study(PartDistances(), *LARGEST),
    Study(PartDistances(), *RECORDED),
)


def shipped_bands(statistic: Statistic[Name], n: int, d: int) -> dict[Name, NullBand] | None:
    """The bands of a statistic at this size; None if they are not in the file.

    Raises:
        InvalidInputError: If the file cannot be read.
    """
    study = Study(statistic, n, d)
    return _read(PATH).get(study.key) if study in STUDIES else None


def gaussian_ratios(d: int) -> tuple[float, float]:
    """Smallest and largest SW1 of 999 Gaussian batches of d units, divided by the mean of such batches.

    Measured at 1,000 rows, on 64 slices, for the next smaller power of two (1,024 at most). In units of its mean the
    distance scatters alike at any large n, and the more the fewer the units.
    """
    power = min(RATIO_POWERS, d.bit_length()) - 1
    band = _read(PATH)[Study(Distances(), RATIO_ROWS, 2**power).key]["sw1"]
    mean = expected_gaussian_w1(RATIO_ROWS)
    return band.low / mean, band.high / mean


def write_bands(path: Path, studies: Iterable[Study] = STUDIES) -> None:
    """Compute the bands of the studies and write them to a file."""
    bands = {}
    for study in studies:
        print(study.key, file=sys.stderr)
        bands[study.key] = {
            name: [float(f"{value:.7g}") for value in (band.low, band.median, band.high, *study.means(band))]
            for name, band in null_band(*study, draws=DRAWS).items()
        }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in bands.items())
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


@lru_cache(maxsize=1)
def _read(path: Path) -> dict[str, dict[Any, NullBand]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            N_("{path} must hold the bands that come with PERscope: {error}. Restore it, or run `make bands`."),
            path=path,
            error=error,
        ) from error
    return {
        key: {name: NullBand(low, median, high, DRAWS, *mean) for name, (low, median, high, *mean) in each.items()}
        for key, each in found.items()
    }


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the argument of the command `bands`: the file to write, the shipped one if left out."""
    command.add_argument("out", type=Path, nargs="?", default=PATH, metavar="OUT.json")


def run(options: argparse.Namespace) -> int:
    """Write the file; half an hour."""
    write_bands(options.out)
    return 0
