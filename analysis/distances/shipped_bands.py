"""Bands of 999 Gaussian batches, computed beforehand for the sizes on offer and kept in `assets/null_bands.json`.

So many draws keep the rate of false alarms below 1 % for every statistic (`NullBand.level`), and take from seconds to
minutes, which nobody who opens a page should wait. `python -m analysis bands` computes them anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from analysis.samples import DIMENSIONS, SIZES, SampleSpec
from analysis.statistics.null_band import (
    Float64Array,
    NullBand,
    band_of,
    draws_that_fit,
    expected_gaussian_w1,
    gaussian_draws,
    gaussian_worst_draws,
)
from per_core.errors import InvalidInputError

PATH = Path(__file__).parents[2] / "assets" / "null_bands.json"
DRAWS = 999
OPENING = (4096, 2, 256)  # of Bound: rows, units, slices
RATIO_ROWS, RATIO_POWERS = 1000, 11  # SW1 of N(0, I) over its mean, for d = 1, 2, 4, …, 1024
RECORDED = (500, 32)  # rows and units of the shipped recording


class Study(NamedTuple):
    """What was measured of Gaussian batches (n, d), on how many slices: "statistics", "distances" or "worst"."""

    kind: str
    n: int
    d: int
    slices: int

    @property
    def key(self) -> str:
        """Under which the file of bands holds it: "distances, n = 4096, d = 2, 256 slices"."""
        return f"{self.kind}, n = {self.n}, d = {self.d}, {self.slices} slices"


def statistics_of(n: int, d: int) -> Study:
    """Every statistic that `distinction.measure` takes of a batch."""
    return Study("statistics", n, d, 64)


def distances_of(n: int, d: int, slices: int) -> Study:
    """SW1 and PER to N(0, I), on so many shared slices."""
    return Study("distances", n, d, slices)


def worst_of(n: int, d: int, slices: int) -> Study:
    """The largest W1 among each kind of direction."""
    return Study("worst", n, d, slices)


STUDIES = (
    *(statistics_of(n, d) for n in SIZES for d in DIMENSIONS if draws_that_fit(n, d) >= 199),
    statistics_of(*RECORDED),
    distances_of(*OPENING),
    distances_of(*RECORDED, 256),
    *(distances_of(RATIO_ROWS, 2**power, 64) for power in range(RATIO_POWERS)),
    worst_of(*OPENING),
)


def draws_of(study: Study, first: int, count: int) -> dict[str, Float64Array]:
    """What the draws number first..first + count − 1 give, arrays (count,)."""
    from analysis.distances.distinction import measure_null  # brings POT and pandas, which no other command needs

    kind, n, d, slices = study
    how: dict[str, Callable[[], dict[str, Float64Array]]] = {
        "statistics": lambda: dict(measure_null(SampleSpec(n=n, dim=d), first, count).items()),
        "distances": lambda: gaussian_draws(n, d, slices, first, count),
        "worst": lambda: gaussian_worst_draws(n, d, slices, first, count),
    }
    return how[kind]()


def shipped_bands(study: Study) -> dict[str, NullBand] | None:
    """The bands of a study by statistic; None if they are not in the file.

    Raises:
        InvalidInputError: If the file cannot be read.
    """
    return _read(PATH).get(study.key)


def gaussian_ratios(d: int) -> tuple[float, float]:
    """Smallest and largest SW1 of 999 Gaussian batches of d units, divided by the mean of such batches.

    Measured at 1,000 rows, on 64 slices, for the next smaller power of two (1,024 at most). In units of its mean the
    distance scatters alike at any large n, and the more the fewer the units.
    """
    power = min(RATIO_POWERS, d.bit_length()) - 1
    band = _read(PATH)[distances_of(RATIO_ROWS, 2**power, 64).key]["sw1"]
    mean = expected_gaussian_w1(RATIO_ROWS)
    return band.low / mean, band.high / mean


def write_bands(path: Path, studies: Iterable[Study] = STUDIES) -> None:
    """Compute the bands of the studies and write them to a file."""
    bands = {}
    for study in studies:
        print(study.key, file=sys.stderr)
        bands[study.key] = {
            name: [float(f"{value:.7g}") for value in (band.low, band.median, band.high)]
            for name, band in ((name, band_of(draws)) for name, draws in draws_of(study, 1, DRAWS).items())
        }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in bands.items())
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


@lru_cache(maxsize=1)
def _read(path: Path) -> dict[str, dict[str, NullBand]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{path} must hold the bands that come with PERscope: {error}. Restore it, or run `make bands`."
        ) from error
    return {
        key: {name: NullBand(low, median, high, DRAWS) for name, (low, median, high) in each.items()}
        for key, each in found.items()
    }


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the argument of `python -m analysis bands`: the file to write, the shipped one if left out."""
    command.add_argument("out", type=Path, nargs="?", default=PATH, metavar="OUT.json")


def run(options: argparse.Namespace) -> int:
    """Write the file; some minutes."""
    write_bands(options.out)
    return 0
