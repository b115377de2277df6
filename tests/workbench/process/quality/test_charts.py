"""Control charts against published examples, and what shifting or scaling the data must do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import facts
from workbench.errors import DomainError
from workbench.process.quality import NELSON, individuals, xbar_r, xbar_s
from workbench.process.quality.monitoring import monitor_study

RINGS = np.array(facts.load("process/piston_rings")["subgroups"])
BAKE = facts.load("process/hard_bake_flow_width")
WIDTHS = np.array(BAKE["subgroups"])
LATER = np.array(BAKE["subgroups"] + BAKE["later_subgroups"])
FLOW = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]

QCC = "Montgomery, piston rings; R package qcc"
EX61 = "Montgomery, example 6.1 (limits printed with A2 = .577, D4 = 2.114)"
NIST = "NIST/SEMATECH e-Handbook 6.3.2.2"
CASES = [  # chart, what, expected, absolute tolerance, source
    (xbar_r(RINGS), "location.centre", 74.001176, 5e-7, QCC),
    (xbar_r(RINGS), "spread.centre", 0.02276, 5e-6, QCC),
    (xbar_r(RINGS), "sigma", 0.00978534, 5e-9, QCC),
    (xbar_r(RINGS), "location.lower", 73.98805, 5e-6, QCC),
    (xbar_r(RINGS), "location.upper", 74.01430, 5e-6, QCC),
    (xbar_r(RINGS), "spread.upper", 0.048126, 5e-7, QCC),
    (xbar_s(RINGS), "spread.centre", 0.00924004, 5e-9, QCC),
    (xbar_s(RINGS), "sigma", 0.00982998, 5e-9, QCC),
    (xbar_r(WIDTHS), "location.centre", 1.5056104, 5e-8, EX61),
    (xbar_r(WIDTHS), "spread.centre", 0.325208, 5e-7, EX61),
    (xbar_r(WIDTHS), "location.upper", 1.69326, 1e-4, EX61),
    (xbar_r(WIDTHS), "location.lower", 1.31797, 1e-4, EX61),
    (xbar_r(WIDTHS), "spread.upper", 0.68749, 2e-4, EX61),
    (xbar_r(WIDTHS), "sigma", 0.1398, 5e-5, EX61),
    (individuals(FLOW), "location.centre", 50.81, 5e-3, NIST),
    (individuals(FLOW), "spread.centre", 1.8778, 5e-5, NIST),
    (individuals(FLOW), "location.upper", 55.80241, 5e-6, NIST + ", with exact d2"),
    (individuals(FLOW), "location.lower", 45.8159, 2e-3, NIST),
    (individuals(FLOW), "spread.upper", 6.134, 5e-4, NIST),
]


@pytest.mark.parametrize(("pair", "what", "expected", "tolerance", "source"), CASES)
def test_published_value(pair, what, expected, tolerance, source):
    value = pair
    for name in what.split("."):
        value = getattr(value, name)
    assert value == pytest.approx(expected, abs=tolerance), source


def test_the_published_baselines_are_in_control():
    assert xbar_r(RINGS).in_control
    assert xbar_r(WIDTHS).in_control


def test_frozen_limits_catch_what_the_book_reports():
    """Montgomery, table 6.2 against the limits of table 6.1: samples 43 and 45 plot above the upper limit."""
    pair = xbar_r(LATER, baseline_count=25)
    assert [v.index + 1 for v in pair.violations if v.rule == "western_electric_1"] == [43, 45]
    assert pair.location.upper == xbar_r(WIDTHS).location.upper
    assert not pair.spread.violations


finite = st.floats(-5, 5).map(lambda v: round(v, 3))
groups = st.lists(st.lists(finite, min_size=4, max_size=4), min_size=3, max_size=12).filter(
    lambda g: np.ptp(np.array(g), axis=1).mean() > 0.05
)


@settings(max_examples=40, deadline=None)
@given(groups, st.floats(-100, 100), st.floats(0.01, 50))
def test_charts_follow_a_change_of_origin_and_unit(data, shift, scale):
    data = np.array(data)
    for chart in (xbar_r, xbar_s):
        before, after = chart(data, rules=NELSON), chart(scale * data + shift, rules=NELSON)
        for side in ("lower", "centre", "upper"):
            expected = scale * getattr(before.location, side) + shift
            assert getattr(after.location, side) == pytest.approx(expected, rel=1e-9, abs=1e-8 * (1 + abs(shift)))
            assert getattr(after.spread, side) == pytest.approx(
                scale * getattr(before.spread, side), rel=1e-8, abs=1e-10
            )
        assert after.sigma_dof == before.sigma_dof


@settings(max_examples=40, deadline=None)
@given(groups)
def test_limits_enclose_the_centre(data):
    for chart in (xbar_r(np.array(data)), xbar_s(np.array(data)), individuals(np.ravel(data))):
        assert chart.location.lower < chart.location.centre < chart.location.upper
        assert 0 <= chart.spread.lower < chart.spread.centre < chart.spread.upper


@pytest.mark.parametrize(
    ("data", "options", "rule"),
    [
        (np.ones((5, 3)), {}, "process.no_variation"),
        (np.array([[1.0, np.nan], [1, 2]]), {}, "process.subgroups_uneven"),
        (WIDTHS, {"baseline_count": 26}, "process.baseline"),
        (WIDTHS, {"baseline_count": 1}, "process.baseline"),
        (WIDTHS[0], {}, "process.subgroups_uneven"),
    ],
)
def test_data_without_a_chart_are_refused(data, options, rule):
    with pytest.raises(DomainError) as refused:
        xbar_r(data, **options)
    assert refused.value.rule == rule


def test_single_values_get_an_individuals_chart():
    study = monitor_study(np.array(FLOW)[:, None], lower=40, upper=60)
    assert study.charts.location.kind == "individual"
    assert study.charts.convention == "moving_range"
