"""Checks of assumptions: their rates on data that hold them, and that every code word has its sentence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workbench.i18n import LANGUAGES
from workbench.process.quality.assumptions import (
    autocorrelation,
    autocorrelation_variance,
    convention_sentence,
    lag_one,
    normality,
)
from workbench.process.quality.attributes import c_chart
from workbench.process.quality.charts import individuals, xbar_r
from workbench.process.quality.memory import ewma
from workbench.process.quality.multivariate import hotelling, mewma
from workbench.process.quality.rules import NELSON, WESTERN_ELECTRIC
from workbench.process.quality.short_run import dnom, q_chart, z_mr

DICE = np.random.default_rng(1)
X = DICE.normal(5, 1, 30)


def test_autocorrelation_by_hand():
    """1, 2, 4, 3: deviations -1.5 -.5 1.5 .5, products .75 -.75 .75 over 5."""
    assert autocorrelation([1, 2, 4, 3]) == pytest.approx(0.75 / 5)


@pytest.mark.parametrize("n", [8, 20, 60])
def test_moments_of_the_autocorrelation_are_exact(n):
    """Dufour and Roy 1985: mean -1/n and the stated variance, for independent normal values."""
    r = autocorrelation(np.random.default_rng(n).standard_normal((60_000, n)))
    assert r.mean() == pytest.approx(-1 / n, abs=4 * r.std() / 245)
    assert r.var() == pytest.approx(autocorrelation_variance(n), rel=0.025)


@pytest.mark.parametrize("check", [lag_one, normality])
@pytest.mark.parametrize("n", [10, 40])
def test_checks_reject_good_data_as_often_as_they_say(check, n):
    dice = np.random.default_rng(5)
    rejected = sum(check(dice.standard_normal(n)).holds is False for _ in range(1500))
    assert stats.binom.ppf(0.0005, 1500, 0.04) <= rejected <= stats.binom.isf(0.0005, 1500, 0.06)


def test_checks_see_what_they_are_for():
    walk = np.cumsum(DICE.standard_normal(60))
    assert lag_one(walk).holds is False
    assert normality(DICE.exponential(size=60)).holds is False
    assert lag_one([1, 2, 3]).holds is None
    assert normality(np.ones(50)).holds is None


def test_every_chart_states_its_assumptions_and_its_convention():
    charts = [individuals(X), xbar_r(X.reshape(6, 5)), ewma(X), hotelling(X.reshape(15, 2)), mewma(X.reshape(15, 2)),
              dnom(X, ["a"] * 30), q_chart(X, ["a"] * 30), z_mr(X, ["a"] * 30)]  # fmt: skip
    for chart in charts:
        assert chart.assumptions
        for lang in LANGUAGES:
            assert convention_sentence(chart.convention, lang)
            assert all(a.sentence(lang) for a in chart.assumptions)
    assert all(a.sentence("zh-Hant") for a in c_chart([3, 4, 5]).assumptions)


def test_every_rule_has_its_sentence():
    assert WESTERN_ELECTRIC["western_electric_2"].sentence("en") == "2 of 3 points beyond 2 sigma on one side"
    sentences = {rule.sentence(lang) for rule in NELSON.values() for lang in LANGUAGES}
    assert len(sentences) == 16
