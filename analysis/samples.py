"""The four distributions of Figure 1 in Joo, Kang and Kim (2020), drawn on demand."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.fields import one_of
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

Case = Literal["a", "b", "c", "d"]
Fill = Literal["independent", "pairs"]
CASES: tuple[Case, ...] = get_args(Case)
FILLS: tuple[Fill, ...] = get_args(Fill)
SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)  # on offer, n
DIMENSIONS = (2, 3, 4, 8, 16, 32, 64, 128)  # and d
CASE_TITLES: dict[Case, str] = {
    "a": N_("isotropic"),
    "b": N_("correlated"),
    "c": N_("skewed"),
    "d": N_("bimodal"),
}

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What to draw: plain scalars, so that a spec is a link and a line of JSON.

    Args:
        case: "a" isotropic N(0, I), "b" correlated, "c" skewed, "d" bimodal.
        n: samples, >= 1.
        dim: units d, >= 2.
        seed: >= 0. The same spec gives the same batch; the cases use independent streams.
        fill: what the units beyond the first two hold: "independent" N(0, 1) values, or the two-unit structure repeated
            in "pairs" (of an odd number of units the last one is an independent N(0, 1)).
        rho: correlation of each pair in case "b", -1 <= rho <= 1.
        skewness: of x in case "c", 0 < skewness <= 10; a standardised Gamma of shape 4 / skewness².
        left_weight, left_mean, left_sd, right_mean, right_sd: the two-component normal mixture of case "d", 0 < weight
            < 1, sd > 0. Whatever is given is standardised to mean 0 and variance 1 in population; the defaults already
            are, to three digits.
        shift, scale: applied to every unit at the end, h = shift + scale · (standardised value); scale >= 0.

    Raises:
        InvalidInputError: If a value is outside its range.
    """

    case: Case = "a"
    n: int = 4096
    dim: int = 2
    seed: int = 0
    fill: Fill = "independent"
    rho: float = 0.7
    skewness: float = math.sqrt(2.0)
    left_weight: float = 0.441
    left_mean: float = -0.926
    left_sd: float = 0.676
    right_mean: float = 0.731
    right_sd: float = 0.466
    shift: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        _require(self.case in CASES, "case", one_of(CASES), self.case)
        _require(self.fill in FILLS, "fill", one_of(FILLS), self.fill)
        _require(self.n >= 1, "n", Phrase(N_("at least 1")), self.n)
        _require(self.dim >= 2, "dim", Phrase(N_("at least 2")), self.dim)
        _require(self.seed >= 0, "seed", Phrase(N_("at least 0")), self.seed)
        _require(-1 <= self.rho <= 1, "rho", Phrase(N_("between -1 and 1")), self.rho)
        _require(0 < self.skewness <= 10, "skewness", Phrase(N_("above 0 and at most 10")), self.skewness)
        _require(0 < self.left_weight < 1, "left_weight", Phrase(N_("strictly between 0 and 1")), self.left_weight)
        _require(0 < self.left_sd < math.inf, "left_sd", Phrase(N_("positive and finite")), self.left_sd)
        _require(0 < self.right_sd < math.inf, "right_sd", Phrase(N_("positive and finite")), self.right_sd)
        for name in ("left_mean", "right_mean", "shift"):
            value = getattr(self, name)
            _require(math.isfinite(value), name, Phrase(N_("finite")), value)
        _require(0 <= self.scale < math.inf, "scale", Phrase(N_("at least 0 and finite")), self.scale)

    def as_dict(self) -> dict[str, Any]:
        """Plain scalars by field name; `SampleSpec.from_dict` takes them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a spec from `as_dict`'s output, for example after a trip through JSON."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InvalidInputError(
                N_("A sample spec has the fields {known}; received {unknown}. Remove or rename them."),
                known=", ".join(sorted(known)),
                unknown=", ".join(unknown),
            )
        return cls(**values)


def figure1(case: Case, n: int, *, dim: int = 2, seed: int = 0, **parameters: Any) -> ActivationBatch:
    """Draw one case of Figure 1: mean 0 and variance 1 of every unit in population.

    The first unit x carries the case and the second unit y is N(0, 1); in case "b" they are correlated.
    Standardisation (BN) treats all four cases alike, whitening (DBN) treats a, c and d alike.

    Args:
        case, n, dim, seed, **parameters: the fields of `SampleSpec`.

    Returns:
        ActivationBatch (n, dim).

    Raises:
        InvalidInputError: If a parameter is outside the range that `SampleSpec` states.

    Source: Joo, Kang and Kim (2020), Figure 1; the parameters of (c) and (d) were read off the drawing.

    Example:
        >>> batch = figure1("b", 4096, rho=0.9)
        >>> batch.values.shape
        (4096, 2)
        >>> bool(abs(np.corrcoef(batch.values.T)[0, 1] - 0.9) < 0.02)
        True
    """
    return draw(SampleSpec(case=case, n=n, dim=dim, seed=seed, **parameters))


def draw(spec: SampleSpec, *, replicate: int = 0) -> ActivationBatch:
    """Draw the batch of a spec; `replicate` > 0 gives further, independent draws of the same law."""
    rng = np.random.default_rng([spec.seed, CASES.index(spec.case), replicate])
    values = rng.standard_normal((spec.n, spec.dim))
    pairs = spec.dim // 2 if spec.fill == "pairs" else 1
    for pair in range(pairs):
        x, y = 2 * pair, 2 * pair + 1
        if spec.case == "b":
            values[:, y] = spec.rho * values[:, x] + math.sqrt(1 - spec.rho**2) * values[:, y]
        elif spec.case == "c":
            values[:, x] = _standardised_gamma(rng, spec)
        elif spec.case == "d":
            values[:, x] = _standardised_mixture(rng, spec)
    values *= spec.scale
    values += spec.shift
    return ActivationBatch(
        values, f"({spec.case}) {CASE_TITLES[spec.case]}, n = {spec.n}, d = {spec.dim}", source="figure 1"
    )


def _standardised_gamma(rng: np.random.Generator, spec: SampleSpec) -> Float64Array:
    """Gamma(k) has mean k, variance k and skewness 2 / sqrt(k)."""
    shape = 4.0 / spec.skewness**2
    return (rng.standard_gamma(shape, spec.n) - shape) / math.sqrt(shape)


def _standardised_mixture(rng: np.random.Generator, spec: SampleSpec) -> Float64Array:
    weight = spec.left_weight
    mean = weight * spec.left_mean + (1 - weight) * spec.right_mean
    variance = weight * (spec.left_sd**2 + (spec.left_mean - mean) ** 2) + (1 - weight) * (
        spec.right_sd**2 + (spec.right_mean - mean) ** 2
    )
    left = rng.random(spec.n) < weight
    raw = np.where(left, spec.left_mean, spec.right_mean) + np.where(
        left, spec.left_sd, spec.right_sd
    ) * rng.standard_normal(spec.n)
    return (raw - mean) / math.sqrt(variance)


def _require(holds: bool, name: str, rule: Phrase, received: object) -> None:
    if not holds:
        raise InvalidInputError(
            N_("{name} must be {rule}; received {received!r}. Choose a value in that range."),
            name=name,
            rule=rule,
            received=received,
        )
