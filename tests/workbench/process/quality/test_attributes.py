"""Charts of counts against published examples, exact probabilities and overdispersed data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.attributes import attribute_chart, c_chart, exact_limits, np_chart, p_chart, u_chart

WAFER_DEFECTS = [16, 14, 28, 16, 12, 20, 10, 12, 10, 17, 19, 17, 14, 16, 15, 13, 14, 16, 11, 20, 11, 19, 16, 31, 13]
CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
CLOTH = ([14, 12, 20, 11, 7, 10, 21, 16, 19, 23], [10, 8, 13, 10, 9.5, 10, 12, 10.5, 12, 12.5])

NIST = "NIST/SEMATECH e-Handbook 6.3.3.1, defects on wafers"
EX71 = "Montgomery, example 7.1, frozen juice cans, n = 50"
CLOTHS = "Montgomery, dyed cloth, u chart with variable sample size (limits from the rounded mean)"
CASES = [  # chart, what, index, expected, tolerance, source
    (c_chart(WAFER_DEFECTS), "centre", None, 16.0, 0, NIST),
    (c_chart(WAFER_DEFECTS), "upper", 0, 28.0, 1e-12, NIST),
    (c_chart(WAFER_DEFECTS), "lower", 0, 4.0, 1e-12, NIST),
    (p_chart(CANS, 50), "centre", None, 0.2313, 5e-5, EX71),
    (p_chart(CANS, 50), "upper", 0, 0.4102, 1e-4, EX71),
    (p_chart(CANS, 50), "lower", 0, 0.0524, 1e-4, EX71),
    (np_chart(CANS, 50), "centre", None, 50 * 347 / 1500, 1e-12, EX71 + ", times 50"),
    (np_chart(CANS, 50), "upper", 0, 50 * 0.4102, 5e-3, EX71 + ", times 50"),
    (u_chart(*CLOTH), "centre", None, 1.42, 5e-3, CLOTHS),
    (u_chart(*CLOTH, centre=1.42), "upper", 0, 2.55, 5e-3, CLOTHS),
    (u_chart(*CLOTH, centre=1.42), "lower", 0, 0.29, 5e-3, CLOTHS),
    (u_chart(*CLOTH, centre=1.42), "upper", 1, 2.68, 5e-3, CLOTHS),
    (u_chart(*CLOTH, centre=1.42), "lower", 1, 0.16, 5e-3, CLOTHS),
    (u_chart(*CLOTH, centre=1.42), "upper", 2, 2.41, 5e-3, CLOTHS),
    (u_chart(*CLOTH, centre=1.42), "upper", 9, 2.43, 5e-3, CLOTHS),
]


@pytest.mark.parametrize(("chart", "what", "index", "expected", "tolerance", "source"), CASES)
def test_published_value(chart, what, index, expected, tolerance, source):
    value = getattr(chart, what)
    assert (value if index is None else value[index]) == pytest.approx(expected, abs=tolerance), source


def beyond(chart) -> list[int]:
    return [v.index + 1 for v in chart.violations if v.rule == "western_electric_1"]


def test_the_books_find_these_points():
    assert beyond(c_chart(WAFER_DEFECTS)) == [24]
    assert beyond(p_chart(CANS, 50)) == [15, 23]
    assert beyond(np_chart(CANS, 50)) == [15, 23]
    assert not beyond(u_chart(*CLOTH))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.floats(0.001, 0.999), st.floats(1e-4, 0.2), st.booleans())
def test_exact_limits_hold_their_promise_and_are_the_tightest(n, centre, alpha, binomial):
    (low,), (high,) = (v.ravel() for v in exact_limits(np.array([n]), centre, alpha=alpha, binomial=binomial))
    law = stats.binom(n, centre) if binomial else stats.poisson(n * centre)
    assert law.cdf(low - 1) <= alpha / 2 * (1 + 1e-9)
    assert law.sf(high) <= alpha / 2 * (1 + 1e-9)
    assert law.cdf(low) > alpha / 2 * (1 - 1e-9)
    assert law.sf(high - 1) > alpha / 2 * (1 - 1e-9) or high == 0


def test_three_sigma_limits_of_rare_counts_are_far_off_and_say_so():
    """c = 0.5: P(X > 2.62) = 0.0144, five times the 0.0027 of the normal distribution; exact: P(X > 4) = 0.00017."""
    chart = c_chart([0, 1, 0, 0, 1, 1, 0, 0, 2, 0])
    assert chart.centre == 0.5
    assert chart.three_sigma_rate[0] == pytest.approx(1 - np.exp(-0.5) * (1 + 0.5 + 0.125), rel=1e-9)
    assert chart.exact_upper[0] == 4
    assert chart.exact_rate[0] == pytest.approx(stats.poisson.sf(4, 0.5), rel=1e-9)
    assert [a.holds for a in chart.assumptions if a.name == "counts_large"] == [False]


def test_exact_limits_judge_when_asked():
    counts = [0, 1, 0, 0, 1, 1, 0, 0, 2, 0, 3]
    assert beyond(c_chart(counts, centre=0.5)) == [11]
    assert beyond(c_chart(counts, centre=0.5, judged_by="exact")) == []
    assert beyond(c_chart([*counts[:-1], 5], centre=0.5, judged_by="exact")) == [11]


def test_exact_limits_can_see_a_share_that_falls():
    """With p = 5 % and n = 100 the lower 3 sigma limit is 0; the exact one flags no defective at all at alpha 0.02."""
    chart = p_chart([5, 6, 4, 0], 100, centre=0.05, judged_by="exact", alpha=0.02)
    assert chart.lower[0] == 0
    assert beyond(chart) == [4]


def test_overdispersed_counts_are_recognised_and_laney_widens_the_limits():
    dice = np.random.default_rng(4)
    sizes = dice.integers(3000, 6000, 60)
    shares = np.clip(0.1 + 0.02 * dice.standard_normal(60), 0, 1)  # large samples: chance is small beside the drift
    counts = dice.binomial(sizes, shares)
    plain, wide = p_chart(counts, sizes), attribute_chart(counts, sizes, kind="laney_p")
    assert plain.dispersion > 10
    assert [a.holds for a in plain.assumptions if a.name == "not_overdispersed"] == [False]
    assert len(beyond(plain)) > 15
    assert not beyond(wide)
    assert wide.sigma_z == pytest.approx(0.02 / np.sqrt(0.09 / 4500), rel=0.25)


def test_laney_limits_are_plain_ones_times_sigma_z():
    plain, wide = u_chart(*CLOTH), attribute_chart(*CLOTH, kind="laney_u")
    assert (wide.upper - wide.centre) / (plain.upper - plain.centre) == pytest.approx(wide.sigma_z)
    z = (plain.values - plain.centre) / plain.sigma
    assert wide.sigma_z == pytest.approx(np.abs(np.diff(z)).mean() / 1.128379, rel=1e-6)  # Laney 2002


def test_laney_limits_agree_with_another_package():
    """pccpy 0.16.2: sigma_z 0.7327094646, upper limits of the first two samples."""
    sizes = [100, 80, 130, 100, 95, 100, 120, 105, 120, 125]
    chart = attribute_chart(CLOTH[0], sizes, kind="laney_p")
    assert chart.sigma_z == pytest.approx(0.7327094646, abs=5e-10)
    assert chart.upper[:2] == pytest.approx([0.21912462, 0.22818951], abs=5e-9)


def test_stable_counts_seldom_alarm():
    dice = np.random.default_rng(8)
    counts = dice.poisson(25, 20_000)
    chart = c_chart(counts, centre=25.0, judged_by="exact")
    rate = chart.exact_rate[0]
    assert len(beyond(chart)) / 20_000 == pytest.approx(rate, abs=3.5 * np.sqrt(rate / 20_000))
    assert 0.0008 < rate <= 0.0027


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: c_chart([0, 0, 0]), "process.no_defects"),
        (lambda: p_chart([5, 6], 5), "process.counts"),
        (lambda: p_chart([1, 2], [10, 12.5]), "process.counts"),
        (lambda: c_chart([1.5, 2]), "process.counts"),
        (lambda: u_chart([1, 2], [0, 1]), "process.counts"),
        (lambda: attribute_chart([1, 2], [10, 12], kind="np"), "process.counts"),
        (lambda: attribute_chart([1, 2], 10, kind="z"), "process.choice"),
        (lambda: c_chart([1, 2], baseline_count=3), "process.baseline"),
        (lambda: p_chart([5, 5], 5), "process.no_defects"),
    ],
)
def test_counts_without_a_chart_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
