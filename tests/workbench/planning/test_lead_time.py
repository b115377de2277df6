"""Lead times: published slopes and intervals, counted orders, and few projects that say so."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.errors import DomainError
from workbench.planning.lead_time import LeadTime, inversions, median_interval, slope, summary

START = datetime(2025, 1, 1, tzinfo=UTC)


def project(name: str, requested_day: float, days: float | None, checked: float | None = None) -> LeadTime:
    requested = START + timedelta(days=requested_day)
    at = [None if d is None else requested + timedelta(days=d) for d in (checked, days)]
    return LeadTime(name, name, requested, requested, *at)


def test_the_slope_of_sen_1968():
    """The data of Sen 1968, section 6: slope 4, limits 26/7 and 35/8, the fourth slopes from either end. Of the 5,040
    orders of seven, 1 + 6 + 20 + 49 have 18 or more concordant pairs (Kendall's K >= 15): 97 % lie between the limits.
    """
    y, x = np.array([9, 15, 19, 20, 45, 55, 78]), np.array([1, 2, 3, 4, 10, 12, 18])
    found = slope(x, y, confidence=0.95)
    assert found.days_per_year == pytest.approx(4.0)
    assert (found.low, found.high) == (pytest.approx(26 / 7), pytest.approx(35 / 8))
    assert found.confidence == pytest.approx(1 - 2 * 76 / 5040)
    assert found.verdict == "rising"


@pytest.mark.parametrize("n", range(1, 8))
def test_inversions_are_counted_right(n):
    """Against all n! orders, counted one by one."""
    seen = [0] * (n * (n - 1) // 2 + 1)
    for order in itertools.permutations(range(n)):
        seen[sum(a > b for a, b in itertools.combinations(order, 2))] += 1
    assert inversions(n) == seen
    assert sum(inversions(n)) == math.factorial(n)


def test_the_interval_covers_as_often_as_it_says():
    """Every order of 6 residuals is equally likely: the share of orders whose interval encloses 0 is the confidence."""
    x, inside, confidence = np.arange(6.0), 0, None
    steps = np.array([1.0, 2.3, 4.1, 7.7, 13.9, 25.3])
    for order in itertools.permutations(steps):
        found = slope(x, np.array(order))
        confidence = found.confidence
        inside += found.low <= 0 <= found.high
    assert inside / math.factorial(6) >= 0.95
    # Closed intervals: exactly the probability that Kendall's K lies within the limits.
    assert confidence == pytest.approx(1 - 2 * 6 / 720)
    assert inside / math.factorial(6) == pytest.approx(confidence)


def test_ties_fall_back_to_the_normal_interval():
    rng = np.random.default_rng(3)
    x, y = np.repeat(np.arange(15.0), 2), rng.normal(size=30).round(1) - 0.2 * np.repeat(np.arange(15.0), 2)
    ours, theirs = slope(x, y), stats.theilslopes(y, x, 0.95)
    assert ours.days_per_year == pytest.approx(theirs.slope)
    assert ours.low == pytest.approx(theirs.low_slope, abs=0.01)
    assert ours.high == pytest.approx(theirs.high_slope, abs=0.01)


@given(  # whole numbers: values a rounding apart would become ties when scaled
    st.lists(st.integers(1, 1000).map(float), min_size=5, max_size=12, unique=True), st.floats(0.1, 10)
)
def test_the_slope_turns_and_scales_with_the_data(values, factor):
    x, y = np.arange(len(values), dtype=float), np.array(values)
    there, back, scaled = slope(x, y), slope(x, -y), slope(x, factor * y)
    assert back.days_per_year == pytest.approx(-there.days_per_year)
    assert (back.low, back.high) == (pytest.approx(-there.high), pytest.approx(-there.low))
    assert scaled.high == pytest.approx(factor * there.high)
    assert there.low <= there.days_per_year <= there.high


MEDIAN = [  # n, ranks from below and above, source: tables of the sign test, two-sided 95 %
    (5, None), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (20, 6), (25, 8),
]  # fmt: skip


@pytest.mark.parametrize(("n", "rank"), MEDIAN)
def test_the_interval_of_the_median(n, rank):
    values = np.arange(1.0, n + 1)
    assert median_interval(values) == (None if rank is None else (float(rank), float(n + 1 - rank)))


def test_a_falling_record():
    rows = [project(f"P{i}", 40 * i, 92 - 5 * i, checked=20 - i) for i in range(9)]
    found = summary(rows, now=START + timedelta(days=500))
    assert (found.finished, found.unfinished, found.out_of_order) == (9, 0, 0)
    assert found.median_days == found.with_open_days == 72
    assert (found.low_days, found.high_days) == (57, 87)
    assert found.median_to_check_days == 16
    assert found.trend.days_per_year == pytest.approx(-5 / 40 * 365.25)
    assert found.trend.verdict == "falling"
    assert found.as_dict()["trend"]["verdict"] == "falling"


def test_too_few_say_so():
    few = [project(f"P{i}", 40 * i, 90 - i) for i in range(4)]
    found = summary(few, now=START)
    assert (found.trend, found.low_days, found.high_days) == (None, None, None)
    assert found.median_days == 88.5
    nothing = summary([], now=START)
    assert (nothing.median_days, nothing.with_open_days, nothing.trend, nothing.finished) == (None, None, None, 0)
    once = [project(f"P{i}", 0, 90 - i) for i in range(6)]
    assert summary(once, now=START).trend is None, "all requested on the same day: no trend over time"


def test_open_projects_count_by_their_age():
    """Kaplan-Meier by hand: 3 released at 10, 20, 30 days; two open at 25: S = 4/5, 3/5, then 3/5 * (1 - 1/1) = 0."""
    rows = [project("a", 0, 10), project("b", 0, 20), project("c", 0, 30), project("d", 0, None), project("e", 0, None)]
    found = summary(rows, now=START + timedelta(days=25))
    assert (found.median_days, found.with_open_days, found.unfinished) == (20, 30, 2)
    still = summary([*rows[:2], *rows[3:], project("f", 0, None)], now=START + timedelta(days=25))
    assert still.with_open_days is None, "fewer than half released so far"


def test_a_release_before_its_request_is_shown_and_not_counted():
    rows = [project("a", 0, 10), project("b", 0, -3)]
    found = summary(rows, now=START)
    assert (found.finished, found.out_of_order, found.median_days, len(found.rows)) == (1, 1, 10, 2)


def test_what_has_no_slope_is_refused():
    for x, y in (([1.0], [2.0]), ([1.0, 2.0], [1.0]), ([1.0, math.nan], [1.0, 2.0])):
        with pytest.raises(DomainError):
            slope(x, y)
