"""What is kept is keyed by content, and a band is the shipped one or that of draws that all pages share."""

import pickle
from functools import partial

import numpy as np
import pytest

from analysis.batch import ActivationBatch
from analysis.distances.bound import Distances, WorstDistances
from analysis.distances.shipped_bands import shipped_bands
from analysis.statistics.null_band import null_band
from app.session import caches
from app.session.null_bands import null_bands

CALLS: list[str] = []


def double(batch: ActivationBatch, *, times: int = 1) -> list[float]:
    CALLS.append(batch.name)
    return [2.0 * times * float(batch.values.sum())]


def describe(statistic: object) -> str:
    return repr(statistic)


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    CALLS.clear()
    return CALLS


def test_equal_content_is_computed_once_whatever_its_name(calls: list[str]) -> None:
    values = np.random.default_rng(1).standard_normal((400, 300))  # so many values Streamlit itself would sample
    first, again = ActivationBatch(values, "first"), ActivationBatch(values, "again")
    assert caches.result(double, first) == caches.result(double, again)
    assert calls == ["first"]
    values[17, 29] += 1
    other = ActivationBatch(values, "other")
    assert caches.result(double, other) != caches.result(double, first)
    caches.result(double, first, times=2)
    assert calls == ["first", "other", "first"]


def test_a_result_is_copied_and_a_shared_one_is_not() -> None:
    batch = ActivationBatch([[1.0, 2.0]], "small")
    caches.result(double, batch).append(0.0)
    assert caches.result(double, batch) == [6.0]
    assert caches.shared(double, batch) is caches.shared(double, batch)


def test_statistics_of_different_kinds_with_the_same_fields_are_told_apart() -> None:
    assert caches.result(describe, Distances(8)) == "Distances(slices=8)"
    assert caches.result(describe, WorstDistances(8)) == "WorstDistances(slices=8)"


def test_a_band_is_the_shipped_one_unless_a_number_of_draws_is_asked_for() -> None:
    assert null_bands(Distances(256), 4096, 2) == shipped_bands(Distances(256), 4096, 2)
    assert null_bands(Distances(256), 4096, 2, draws=2)["sw1"].draws == 2


@pytest.mark.parametrize("draws", [7, 25])
def test_a_band_that_is_drawn_in_chunks_is_that_of_all_draws(draws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.session.null_bands.LEAST_VALUES", 1)
    assert null_bands(Distances(8), 30, 3, draws=draws) == null_band(Distances(8), 30, 3, draws=draws)


def test_bytes_are_made_once_for_the_same_content(calls: list[str]) -> None:
    values = np.random.default_rng(1).standard_normal((400, 300))

    def made(*of: object) -> bytes:
        return caches.encoded(lambda: calls.append("made") or b"bytes", *of)

    first, again = ActivationBatch(values, "first"), ActivationBatch(values, "again")
    same = {"of": [np.arange(3.0), ("x", 1.5)]}
    assert made(partial(double, first, times=2), same) == b"bytes"
    assert made(partial(double, again, times=2), {"of": [np.arange(3.0), ("x", 1.5)]}) == b"bytes"
    twice = "ab" * 50
    assert made([twice, twice]) == made(["ab" * 50, "".join(["ab"] * 50)])  # one object or two: the same content
    assert calls == ["made", "made"]
    values[399, 299] += 1  # of so many values
    for other in (
        (partial(double, first, times=3), same),
        (partial(describe, first), same),
        (partial(double, ActivationBatch(values, "first"), times=2), same),
        (partial(double, first, times=2), {"of": [np.arange(3.0), ("x", 1)]}),
        (partial(double, first, times=2), {"of": [np.arange(3, dtype=np.float32), ("x", 1.5)]}),
    ):
        made(*other)
    assert calls == ["made"] * 7


def test_when_nobody_is_here_charts_go_and_what_takes_long_stays(calls: list[str]) -> None:
    made: list[str] = []

    def chart() -> bytes:
        made.append("chart")
        return b"chart"

    batch = ActivationBatch([[3.0, 5.0]], "kept")
    for _ in range(2):
        caches.encoded(chart, "let go")
        caches.result(double, batch)
        caches.let_go()
    assert made == ["chart", "chart"]
    assert calls == ["kept"]


def test_what_has_no_content_to_go_by_is_refused() -> None:
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        caches.encoded(lambda: b"", lambda: 1)
