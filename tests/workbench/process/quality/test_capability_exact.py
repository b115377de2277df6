"""Exact bounds of indices and shares, Cpm, non-normal capability: published values and the coverage promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality import tolerance_factor
from workbench.process.quality.fitting import FAMILIES, fit
from workbench.process.quality.indices import capability, cpm_interval, index_lower
from workbench.process.quality.noncentral import noncentral_bounds
from workbench.process.quality.nonconforming import (
    normal_share_beyond,
    rate_interval,
    share_interval,
    share_upper,
    units_needed,
)
from workbench.process.quality.nonnormal import empirical_indices, nonnormal_capability, percentile_indices
from workbench.process.quality.tolerance import distribution_free_interval, order_statistics

EXPONENTIAL = percentile_indices(stats.expon.ppf, upper=10, cdf=stats.expon.cdf)
CASES = [  # what, value, expected, tolerance, source
    ("x.00135", EXPONENTIAL.percentile_low, 0.00135091, 5e-9, "exponential quantile -ln(1 - p)"),
    ("median", EXPONENTIAL.median, 0.693147, 5e-7, "exponential quantile -ln(1 - p)"),
    ("x.99865", EXPONENTIAL.percentile_high, 6.607651, 5e-7, "exponential quantile -ln(1 - p)"),
    ("Ppu", EXPONENTIAL.ppu, 1.573565, 5e-7, "ISO 22514-2, percentile method, Exp(1), upper limit 10"),
    ("outside", EXPONENTIAL.outside, np.exp(-10), 1e-12, "exponential tail"),
    ("42 of 50, low", share_interval(42, 50).low, 0.71, 5e-3, "AIAG MSA 4th ed., attribute example, appraiser A"),
    ("42 of 50, high", share_interval(42, 50).high, 0.93, 5e-3, "AIAG MSA 4th ed., attribute example, appraiser A"),
    ("0 of 30", share_upper(0, 30), 1 - 0.05 ** (1 / 30), 1e-12, "closed form 1 - (1 - C)^(1/n)"),
    ("30 of 30", share_interval(30, 30).low, 0.025 ** (1 / 30), 1e-12, "closed form"),
    ("no event", rate_interval(0).high, 3.688879, 5e-7, "Garwood 1936: -ln .025"),
    ("10 events, low", rate_interval(10).low, 4.795, 5e-4, "Garwood 1936, table"),
    ("10 events, high", rate_interval(10).high, 18.39, 5e-3, "Garwood 1936, table"),
    ("units, none bad", units_needed(share=0.01), 299, 0, "ln .05 / ln .99 = 298.07"),
    ("units, none bad, 90/95", units_needed(share=0.10), 29, 0, "ln .05 / ln .9 = 28.4"),
    ("units, one bad", units_needed(share=0.01, allowed=1), 473, 0, "Wilks 1941; 95/99 second order: 473"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "value", "expected", "tolerance", "source"), CASES)
def test_published_value(what, value, expected, tolerance, source):
    assert value == pytest.approx(expected, abs=tolerance), source


WILKS = [  # n, coverage, confidence, two-sided, values that may be left off
    (59, 0.95, 0.95, False, 0), (58, 0.95, 0.95, False, -1), (93, 0.95, 0.95, True, 0), (92, 0.95, 0.95, True, -1),
    (124, 0.95, 0.95, False, 2), (299, 0.99, 0.95, False, 0), (473, 0.99, 0.95, True, 0),
]  # fmt: skip


@pytest.mark.parametrize(("n", "coverage", "confidence", "two_sided", "left"), WILKS)
def test_order_statistics_of_wilks(n, coverage, confidence, two_sided, left):
    """Wilks 1941: 59, 93, 124 runs for 95/95 of first (one- and two-sided) and third order; 299 and 473 for 99/95."""
    found = order_statistics(n=n, coverage=coverage, confidence=confidence, two_sided=two_sided)
    assert found == left


def test_the_distribution_free_interval_covers():
    x = np.random.default_rng(1).exponential(size=(2000, 130))
    held = 0
    for row in x:
        low, high = distribution_free_interval(row, coverage=0.9, confidence=0.9)
        held += np.exp(-low) - np.exp(-high) >= 0.9
    assert held / 2000 >= 0.89
    assert distribution_free_interval(x[0], coverage=0.9, confidence=0.9, two_sided=False)[0] == -np.inf
    assert distribution_free_interval(x[0], coverage=0.9, confidence=0.9, two_sided=False, upper=False)[1] == np.inf
    with pytest.raises(DomainError):
        distribution_free_interval(x[0][:20], coverage=0.95, confidence=0.95)


@pytest.mark.parametrize(("n", "coverage", "confidence"), [(43, 0.90, 0.99), (5, 0.99, 0.95), (200, 0.9973, 0.90)])
def test_the_share_beyond_a_limit_inverts_the_tolerance_factor(n, coverage, confidence):
    """A limit k sample sigmas away, k the one-sided factor, leaves 1 - coverage beyond it at that confidence."""
    k = tolerance_factor(n=n, coverage=coverage, confidence=confidence, two_sided=False)
    found = normal_share_beyond(k / 3, n=n, confidence=2 * confidence - 1)
    assert found.high == pytest.approx(1 - coverage, rel=1e-7)


@pytest.mark.parametrize(("index", "n"), [(0.4, 6), (1.33, 20), (1.0, 500)])
def test_the_noncentral_bounds_agree_with_scipy(index, n):
    low, high = noncentral_bounds(index, n=n, confidence=0.9)
    t = 3 * index * np.sqrt(n)
    assert stats.nct.sf(t, n - 1, low * np.sqrt(n)) == pytest.approx(0.05, abs=1e-7)
    assert stats.nct.cdf(t, n - 1, high * np.sqrt(n)) == pytest.approx(0.05, abs=1e-7)


def test_the_bounds_stay_finite_where_the_series_fails():
    low, high = noncentral_bounds(12.0, n=300)
    assert 33 < low < 36 < high < 39  # about 36 (1 -+ 1.96 / sqrt(600))


@pytest.mark.parametrize("n", [5, 12])
def test_the_lower_bound_of_a_one_sided_index_is_exact(n):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1500, n))
    mean, s = x.mean(axis=1), x.std(axis=1, ddof=1)
    bounds = np.array([index_lower((3 - m) / (3 * v), n=n) for m, v in zip(mean, s, strict=True)])
    assert (bounds <= 1).mean() == pytest.approx(0.95, abs=3.5 * np.sqrt(0.05 * 0.95 / 1500))


def test_a_one_sided_specification_gives_the_bound_of_its_side():
    x = np.random.default_rng(1).normal(10, 1, 15)
    found = capability(x, upper=14)
    assert found.cpl is found.cpl_lower is found.cpm_interval is None
    assert found.cpk_lower == found.cpu_lower == pytest.approx(index_lower(found.cpu, n=15))
    assert [a.name for a in found.assumptions] == ["normal", "independent"]


def test_cpm_interval_covers():
    rng = np.random.default_rng(2)
    true, held = 4 / (3 * np.sqrt(1 + 0.25)), 0
    for x in rng.normal(0.5, 1, (3000, 40)):
        tau2 = ((x - 0) ** 2).mean()
        cpm = 4 / (3 * np.sqrt(tau2))
        found = cpm_interval(cpm, offset=x.mean() / x.std(ddof=1), n=40)
        held += found.low <= true <= found.high
    assert held / 3000 == pytest.approx(0.95, abs=0.015)  # Boyles 1991 is itself an approximation


SCIPY = {
    "lognormal": lambda x: stats.lognorm(*stats.lognorm.fit(x, floc=0)),
    "weibull": lambda x: stats.weibull_min(*stats.weibull_min.fit(x, floc=0)),
    "gamma": lambda x: stats.gamma(*stats.gamma.fit(x, floc=0)),
    "exponential": lambda x: stats.expon(*stats.expon.fit(x, floc=0)),
    "normal": lambda x: stats.norm(*stats.norm.fit(x)),
}


@pytest.mark.parametrize("family", SCIPY)
def test_fits_agree_with_scipy(family):
    x = stats.gamma(3, scale=2).rvs(120, random_state=4)
    ours, theirs = fit(x, family), SCIPY[family](x)
    assert ours.log_likelihood == pytest.approx(theirs.logpdf(x).sum(), abs=1e-4)
    assert ours.quantile(0.99865) == pytest.approx(theirs.ppf(0.99865), rel=2e-3)


def test_box_cox_agrees_with_scipy():
    x = stats.lognorm(0.4).rvs(150, random_state=1) ** 1.5
    power = stats.boxcox(x)[1]
    found = fit(x, "box_cox")
    assert found.parameters[0] == pytest.approx(power, abs=1e-4)
    assert found.cdf(found.quantile(0.3)) == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize("true", [stats.johnsonsu(-1, 1.5, loc=3, scale=2), stats.johnsonsb(0.5, 1.2, loc=1, scale=4)])
def test_johnson_percentiles_give_the_curve_back(true):
    """Slifker and Shapiro 1980: with the true percentiles the four parameters come back."""
    p = (np.arange(20_001) + 0.5) / 20_001
    found = fit(true.ppf(p), "johnson")
    np.testing.assert_allclose(found.parameters, (*true.args, true.kwds["loc"], true.kwds["scale"]), rtol=5e-3)


def test_a_normal_population_has_the_usual_indices():
    found = percentile_indices(stats.norm(10, 2).ppf, lower=2, upper=20)
    assert found.ppl == pytest.approx(8 / 6, rel=1e-5)  # .99865 is 2.99998 sigma
    assert found.ppu == pytest.approx(10 / 6, rel=1e-5)
    assert found.pp == pytest.approx(18 / 12, rel=1e-5)


def test_the_distribution_is_chosen_and_judged():
    x = stats.lognorm(0.6).rvs(200, random_state=3)
    found = nonnormal_capability(x, upper=12.0, resample_count=200)
    assert found.fitted.family == found.candidates[0][0] == "lognormal"
    assert found.choice == "least_aicc"
    assert found.fit_p > 0.05
    assert found.ppk.low < found.ppk_lower < found.ppk.value < found.ppk.high
    wrong = nonnormal_capability(x, upper=12.0, family="normal", resample_count=200)
    assert (wrong.choice, wrong.fit_p) == ("asked", pytest.approx(1 / 201))
    assert wrong.ppk_lower > found.ppk.high  # the normal tail is far too short here


def test_the_lower_bound_of_a_fitted_index_is_rarely_too_high():
    true = percentile_indices(stats.gamma(4).ppf, upper=14).ppk
    low = [nonnormal_capability(stats.gamma(4).rvs(60, random_state=k), upper=14, family="gamma", resample_count=40,
                                seed=k).ppk_lower for k in range(50)]  # fmt: skip
    assert 0.85 < (np.array(low) <= true).mean() <= 1.0  # nominal 0.95


def test_the_sample_percentiles_of_many_values():
    x = stats.expon.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert empirical_indices(x, upper=10).ppu == pytest.approx(1.573565, rel=1e-3)


REFUSED = [
    (lambda: share_interval(3, 2), "process.share"),
    (lambda: rate_interval(-1), "process.share"),
    (lambda: units_needed(share=0), "process.share"),
    (lambda: noncentral_bounds(1.0, n=1), "process.too_few_values"),
    (lambda: percentile_indices(stats.norm.ppf), "process.no_limit"),
    (lambda: percentile_indices(stats.norm.ppf, lower=1, upper=0), "process.limits_crossed"),
    (lambda: nonnormal_capability(np.arange(10.0), upper=3), "process.too_few_values"),
    (lambda: nonnormal_capability(np.ones(30), upper=3), "process.no_variation"),
    (lambda: nonnormal_capability(np.arange(-30.0, 0), upper=3, family="weibull"), "process.family"),
    (lambda: nonnormal_capability(np.arange(30.0), upper=3, family="cauchy"), "process.choice"),
    (lambda: empirical_indices(np.arange(30.0), upper=3), "process.too_few_values"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "rule"), REFUSED)
def test_questions_without_an_answer_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule


def test_every_family_refuses_what_it_cannot_hold():
    x = np.linspace(-1, 1, 50)
    assert {name for name in FAMILIES if fit(x, name) is not None} <= {"normal", "johnson"}
