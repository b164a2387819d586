"""Figure 1's four cases: mean 0 and variance 1 in population, the case's own structure, and round trips."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from analysis.samples import CASES, SampleSpec, draw, figure1
from per_core.errors import InvalidInputError

N = 200_000
FIVE_SIGMA = 5 / math.sqrt(N)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fill", ["independent", "pairs"])
def test_every_unit_has_mean_0_and_variance_1_within_sampling_error(case: str, fill: str) -> None:
    values = figure1(case, N, dim=5, seed=3, fill=fill).values.astype(np.float64)
    assert np.abs(values.mean(axis=0)).max() < FIVE_SIGMA
    kurtosis = 6.0  # the largest here plus one: the Gamma's excess kurtosis is 3
    assert np.abs(values.var(axis=0) - 1).max() < 5 * math.sqrt((kurtosis - 1) / N)


@given(
    weight=st.floats(0.05, 0.95),
    means=st.tuples(st.floats(-4, 0), st.floats(0, 4)),
    widths=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)),
    skewness=st.floats(0.1, 3),
)
@settings(max_examples=25, deadline=None)
def test_mean_and_variance_hold_whatever_the_shape(
    weight: float, means: tuple[float, float], widths: tuple[float, float], skewness: float
) -> None:
    n = 20_000
    shape = {
        "left_weight": weight, "left_mean": means[0], "right_mean": means[1],
        "left_sd": widths[0], "right_sd": widths[1], "skewness": skewness,
    }  # fmt: skip
    for case in ("c", "d"):
        x = figure1(case, n, **shape).values[:, 0].astype(np.float64)
        fourth = float(((x - x.mean()) ** 4).mean())
        assert abs(x.mean()) < 6 / math.sqrt(n)
        assert abs(x.var() - 1) < 6 * math.sqrt(max(fourth, 30.0) / n)


def test_case_a_is_gaussian_and_isotropic() -> None:
    values = figure1("a", N).values.astype(np.float64)
    assert stats.kstest(values[:, 0], "norm").pvalue > 1e-4
    assert abs(np.corrcoef(values.T)[0, 1]) < FIVE_SIGMA


@pytest.mark.parametrize("rho", [-1.0, -0.4, 0.0, 0.7, 1.0])
def test_case_b_has_the_correlation_asked_for_and_gaussian_marginals(rho: float) -> None:
    values = figure1("b", N, rho=rho).values.astype(np.float64)
    assert np.corrcoef(values.T)[0, 1] == pytest.approx(rho, abs=FIVE_SIGMA)
    assert stats.kstest(values[:, 1], "norm").pvalue > 1e-4


@pytest.mark.parametrize("skewness", [0.2, math.sqrt(2), 3.0])
def test_case_c_is_a_standardised_gamma_of_the_skewness_asked_for(skewness: float) -> None:
    x = figure1("c", N, skewness=skewness).values[:, 0].astype(np.float64)
    shape = 4 / skewness**2
    oracle = stats.gamma(shape, loc=-math.sqrt(shape), scale=1 / math.sqrt(shape))
    assert oracle.stats("mvs") == pytest.approx((0, 1, skewness))
    assert stats.kstest(x, oracle.cdf).pvalue > 1e-4
    assert x.min() >= oracle.support()[0] - 1e-5  # the sharp left edge


def test_case_d_is_the_mixture_of_the_figure() -> None:
    def density(x: float) -> float:
        return 0.441 * stats.norm.pdf(x, -0.926, 0.676) + 0.559 * stats.norm.pdf(x, 0.731, 0.466)

    moments = [integrate.quad(lambda x, k=k: x**k * density(x), -9, 9)[0] for k in range(3)]
    assert moments == pytest.approx([1, 0, 1], abs=2e-3)
    x = figure1("d", N).values[:, 0]
    edges = np.linspace(-3, 3, 61)
    share = np.histogram(x, edges)[0] / N
    expected = np.array([integrate.quad(density, a, b)[0] for a, b in pairwise(edges)])
    assert np.abs(share - expected).max() < 5 * math.sqrt(expected.max() / N) + 2e-4


def test_filling_repeats_the_structure_or_does_not() -> None:
    pairs = figure1("b", N, dim=5, fill="pairs").values
    between = np.corrcoef(pairs.T)
    assert between[2, 3] == pytest.approx(0.7, abs=FIVE_SIGMA)
    assert np.abs(between[4, :4]).max() < FIVE_SIGMA
    independent = figure1("b", N, dim=4).values
    assert abs(np.corrcoef(independent.T)[2, 3]) < FIVE_SIGMA


def test_shift_and_scale_act_on_the_finished_batch() -> None:
    plain = figure1("d", 100, seed=1).values
    moved = figure1("d", 100, seed=1, shift=2.0, scale=3.0).values
    np.testing.assert_allclose(moved, 2 + 3 * plain.astype(np.float64), rtol=1e-6, atol=1e-6)


def test_seed_and_replicate_decide_the_draw_and_the_cases_are_independent() -> None:
    same = [figure1("c", 50, seed=7).fingerprint for _ in range(2)]
    assert same[0] == same[1]
    assert figure1("c", 50, seed=8).fingerprint != same[0]
    spec = SampleSpec(case="a", n=N)
    first, second = draw(spec, replicate=1).values, draw(spec, replicate=2).values
    other_case = figure1("b", N).values
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < FIVE_SIGMA
    assert abs(np.corrcoef(draw(spec).values[:, 0], other_case[:, 0])[0, 1]) < FIVE_SIGMA


@given(
    st.builds(
        SampleSpec,
        case=st.sampled_from(CASES),
        n=st.integers(1, 10**6),
        dim=st.integers(2, 500),
        seed=st.integers(0, 10**6),
        rho=st.floats(-1, 1),
        shift=st.floats(-10, 10),
        scale=st.floats(0, 10),
    )
)
def test_a_spec_survives_json(spec: SampleSpec) -> None:
    assert SampleSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("case", "e", "one of a, b, c, d"),
        ("fill", "other", "one of independent, pairs"),
        ("n", 0, "at least 1"),
        ("dim", 1, "at least 2"),
        ("seed", -1, "at least 0"),
        ("rho", 1.01, "between -1 and 1"),
        ("rho", math.nan, "between -1 and 1"),
        ("skewness", 0.0, "above 0"),
        ("left_weight", 1.0, "strictly between 0 and 1"),
        ("left_sd", 0.0, "positive and finite"),
        ("right_sd", math.inf, "positive and finite"),
        ("shift", math.nan, "finite"),
        ("scale", -1.0, "at least 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_rule_and_value(field: str, value: object, rule: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{field} must be .*{rule}.*; received"):
        SampleSpec(**{field: value})


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(InvalidInputError, match="received slant"):
        SampleSpec.from_dict({"slant": 1})
