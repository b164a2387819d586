"""What fewer bits do to values, against numpy's float16, a rounding of bits by hand, and closed forms."""

import math

import numpy as np
import pytest

from analysis.statistics.precision import FORMATS, MOST_ROUNDED, Precision, precisions


def by_name(values) -> dict[str, Precision]:
    found = {one.number_format: one for one in precisions(np.float64(values))}
    assert tuple(found) == FORMATS
    return found


def as_bfloat16(values) -> np.ndarray:
    """The upper 16 bits of a float32, rounded to the nearest, ties to even."""
    bits = np.float32(values).view(np.uint32).astype(np.uint64)
    upper = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return (upper << 16).astype(np.uint32).view(np.float32).astype(np.float64)


def relative_error(values, rounded) -> float:
    return math.sqrt(((rounded - values) ** 2).mean() / (values**2).mean())


def some_values(scale: float = 1.0) -> np.ndarray:
    return np.float64(np.float32(scale * np.random.default_rng(3).standard_normal((400, 30))))


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-7, 3e3])
def test_float16_is_that_of_numpy(scale) -> None:
    values = some_values(scale)
    rounded = values.astype(np.float16).astype(np.float64)
    found = by_name(values)["float16"]
    assert found.error == pytest.approx(relative_error(values, rounded), rel=1e-9)
    assert found.lost == np.mean(rounded == 0)
    assert found.subnormal == np.mean((np.abs(rounded) < 2.0**-14) & (rounded != 0))
    assert found.out_of_range == 0


def test_float16_ends_at_65520_and_what_is_left_is_measured() -> None:
    values = some_values()
    values[0, :3] = 65_519.5, -65_520, 1e6
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float16).astype(np.float64)
    stays = np.isfinite(rounded)
    found = by_name(values)
    assert found["float16"].out_of_range == 2 / values.size
    assert found["float16"].error == pytest.approx(relative_error(values[stays], rounded[stays]), rel=1e-6)
    assert found["bfloat16"].out_of_range == 0


def test_bfloat16_is_the_upper_half_of_a_float32() -> None:
    values = some_values(1e20)
    assert by_name(values)["bfloat16"].error == pytest.approx(relative_error(values, as_bfloat16(values)), rel=1e-9)
    ties = np.float64([[1 + 2.0**-8, 1 + 3 * 2.0**-8]])  # half way: to the even ones, 1 and 1 + 2^-6
    assert np.array_equal(as_bfloat16(ties), [[1, 1 + 2.0**-6]])
    assert by_name(ties)["bfloat16"].error == pytest.approx(relative_error(ties, as_bfloat16(ties)))


def test_a_uniform_layer_has_the_error_of_a_step_over_root_twelve() -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (2000, 50))
    values[0] = 1
    step = 1 / 127
    expected = step / math.sqrt(12) / math.sqrt(1 / 3)
    found = by_name(values)
    assert found["int8"].error == pytest.approx(expected, rel=0.02)
    assert found["int8"].lost == pytest.approx(step / 2, rel=0.3)
    assert found["int8-unit"].error == pytest.approx(expected, rel=0.02)


def test_a_massive_channel_costs_int8_the_others_unless_each_has_its_step() -> None:
    values = some_values()
    values[:, 7] *= 1000
    rest = np.delete(values, 7, axis=1)
    found = by_name(values)
    assert found["int8"].lost > 0.95
    steps = np.abs(values).max(axis=0) / 127
    expected = relative_error(values, np.rint(values / steps) * steps)
    assert found["int8-unit"].error == pytest.approx(expected, rel=1e-6)
    assert found["int8-unit"].lost == pytest.approx(np.mean(np.rint(values / steps) == 0), abs=1e-4)
    assert np.abs(rest).max() < np.abs(values).max() / 127 / 2  # which is why nothing of them is left


def test_numbers_that_a_format_holds_have_no_error() -> None:
    values = np.float64(np.random.default_rng(1).integers(-127, 128, (300, 8)))
    values[0] = 127
    assert [(one.out_of_range, one.lost, one.subnormal, one.error) for one in precisions(values)] == [(0, 0, 0, 0)] * 4


def test_nothing_breaks_where_nothing_is_defined() -> None:
    for one in precisions(np.zeros((4, 3))):
        assert (one.out_of_range, one.lost, one.subnormal) == (0, 0, 0)
        assert math.isnan(one.error)
    everything = by_name([[1e30]])["float16"]
    assert (everything.out_of_range, everything.lost) == (1, 0)
    assert math.isnan(everything.error)


def test_of_a_large_layer_rows_are_rounded_and_the_range_is_that_of_all() -> None:
    values = np.random.default_rng(2).standard_normal((2 * MOST_ROUNDED // 64, 64))
    assert by_name(values)["float16"].error == pytest.approx(
        relative_error(values, values.astype(np.float16).astype(np.float64)), rel=0.01
    )
    values[3, 5] = 1e5  # in a row that is not rounded
    assert by_name(values)["float16"].out_of_range == 1 / values.size
    assert by_name(values)["int8"].lost > 0.99
