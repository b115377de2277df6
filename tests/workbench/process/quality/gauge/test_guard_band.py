"""From gauge to final yield: closed forms of the orthant probability, sums, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from workbench.errors import DomainError
from workbench.process.quality.gauge import crossed_anova, from_study, guard_band, misclassification
from workbench.process.quality.gauge.guard_band import simple_guard_band


@pytest.mark.parametrize("gauge", [0.05, 0.5, 1.0, 3.0])
def test_a_limit_at_the_mean_has_the_orthant_probability(gauge):
    """P(bad, accepted) = 1/4 - arcsin(rho) / 2 pi, rho the correlation of true and seen value (Sheppard 1899)."""
    found = misclassification(mean=0, sigma_part=1, sigma_gauge=gauge, upper=0.0)
    exact = 0.25 - np.arcsin(1 / np.hypot(1, gauge)) / (2 * np.pi)
    assert found.consumer == pytest.approx(exact, rel=1e-9)
    assert found.producer == pytest.approx(exact, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(-2, 2), st.floats(0.3, 2), st.floats(0.02, 1), st.floats(-0.2, 0.8), st.floats(-0.3, 0.3))
def test_what_is_accepted_adds_up(mean, part, gauge, guard, bias):
    """accepted = conforming - producer + consumer, all three integrated on their own."""
    found = misclassification(mean=mean, sigma_part=part, sigma_gauge=gauge, lower=-2.0, upper=3.0, guard=guard,
                              gauge_bias=bias)  # fmt: skip
    assert found.accepted == pytest.approx(found.conforming - found.producer + found.consumer, abs=1e-9)
    assert 0 <= found.consumer <= 1 - found.conforming + 1e-12
    assert 0 <= found.producer <= found.conforming + 1e-12


def test_simulation():
    rng = np.random.default_rng(1)
    true = rng.normal(10.2, 0.5, 2_000_000)
    seen = true + rng.normal(0.05, 0.15, true.size)
    good, kept = (true > 9) & (true < 11), (seen > 9.1) & (seen < 10.9)
    found = misclassification(mean=10.2, sigma_part=0.5, sigma_gauge=0.15, gauge_bias=0.05, lower=9, upper=11,
                              guard=0.1)  # fmt: skip
    assert found.consumer == pytest.approx((~good & kept).mean(), abs=3e-4)
    assert found.producer == pytest.approx((good & ~kept).mean(), abs=5e-4)
    assert found.escape == pytest.approx((~good & kept).sum() / kept.sum(), abs=3e-4)
    assert found.scrap == pytest.approx((good & ~kept).sum() / (~kept).sum(), abs=4e-3)


@pytest.mark.parametrize("conditional", [False, True])
def test_the_guard_band_meets_the_risk(conditional):
    wanted = {"mean": 0.3, "sigma_part": 1, "sigma_gauge": 0.2, "lower": -3, "upper": 3}
    found = guard_band(risk=1e-4, conditional=conditional, **wanted)
    assert (found.escape if conditional else found.consumer) == pytest.approx(1e-4, rel=1e-6)
    assert found.accepted < misclassification(guard=0, **wanted).accepted


def test_no_guard_band_where_the_gauge_is_good_enough():
    assert guard_band(risk=0.01, mean=0, sigma_part=1, sigma_gauge=0.1, upper=3.0).guard == 0


def test_the_simple_guard_band():
    """JCGM 106, 8.3.2: w = 1.64 u for a risk of 5 %; ILAC G8: 1.65 u."""
    assert simple_guard_band(sigma_gauge=2.0, risk=0.05) == pytest.approx(2 * 1.6448536, rel=1e-7)
    far = misclassification(mean=0, sigma_part=1e4, sigma_gauge=1.0, upper=0.0, guard=1.6448536)
    # a flat process: of units seen at the limit 5 % are bad, and of all bad ones the mean excess is E(Z - w)+
    z = 1.6448536
    excess = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) - z * ndtr(-z)
    assert far.consumer == pytest.approx(excess / (1e4 * np.sqrt(2 * np.pi)), rel=1e-4)


def test_a_study_says_what_it_costs():
    rng = np.random.default_rng(3)
    readings = rng.normal(0, 1, (10, 1, 1)) + rng.normal(0, 0.2, (10, 3, 3))
    study = crossed_anova(readings)
    seen, worst = from_study(study, mean=0, lower=-2.5, upper=2.5, risk=1e-3)
    assert seen.sigma_gauge == study.components["gauge"].sigma
    assert worst.guard > seen.guard > 0
    assert worst.accepted < seen.accepted < seen.conforming
    open_band, _ = from_study(study, mean=0, lower=-2.5, upper=2.5)
    assert open_band.guard == 0


REFUSED = [
    (lambda: misclassification(mean=0, sigma_part=1, sigma_gauge=0.1), "process.no_limit"),
    (lambda: misclassification(mean=0, sigma_part=1, sigma_gauge=0, upper=1), "process.no_variation"),
    (lambda: misclassification(mean=0, sigma_part=1, sigma_gauge=0.1, lower=0, upper=1, guard=0.6),
     "process.limits_crossed"),
    (lambda: guard_band(risk=1e-9, mean=5, sigma_part=1, sigma_gauge=1, lower=0, upper=1, conditional=True),
     "process.guard_band"),
    (lambda: simple_guard_band(sigma_gauge=1, risk=0.7), "process.share"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "rule"), REFUSED)
def test_questions_without_an_answer_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
