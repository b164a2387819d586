"""Step 8: three methods learn the same digits, and each does so with three seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.runs.comparison import open_comparison
from analysis.survey.history import UnitHistory, scalar_history, unit_history


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """A comparison, of which one seed is looked at.

    Attributes:
        layer, seed: whose unit is followed.
        units: method -> the tracked unit of the layer over the epochs.
        accuracy: method -> seed -> test accuracy after the last epoch.
    """

    layer: str
    seed: int
    units: Mapping[str, UnitHistory]
    accuracy: Mapping[str, Mapping[int, float]]

    @property
    def seeds(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(next(iter(self.accuracy.values())))

    def best(self, seed: int) -> str:
        """The method with the best test accuracy of one seed; of equal ones, the first."""
        return max(self.accuracy, key=lambda method: self.accuracy[method][seed])

    @property
    def also_best(self) -> int:
        """With how many seeds, this one included, the method that is best with this one is best."""
        return sum(self.best(seed) == self.best(self.seed) for seed in self.seeds)


def see_training(path: Path, layer: str, seed: int) -> Training:
    """Read what a comparison that tracks a unit of the layer says of one seed.

    Raises:
        InvalidInputError: If there is no such comparison or layer.
    """
    comparison = open_comparison(path)
    runs, methods = comparison.runs, comparison.methods
    tested = {key: float(scalar_history(run, "test_accuracy")[1][-1]) for key, run in runs.items()}
    return Training(
        layer,
        seed,
        {method: unit_history(runs[method, seed], layer) for method in methods},
        {method: {other: tested[method, other] for other in comparison.seeds} for method in methods},
    )
