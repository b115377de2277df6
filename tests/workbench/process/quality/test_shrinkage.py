"""Borrowed strength against published posteriors, exact limiting cases, other ways of integration, and clean lots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.hierarchy import inverse_trigamma, sigma_posterior
from workbench.process.quality.shrinkage import borrowed_chart, borrowed_limits, restricted_between, shrink

HITS = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7]) / 45


def test_baseball():
    """Efron and Morris 1975 and 1977: grand mean .265, factor .212 for 18 batters after 45 times at bat."""
    mean = HITS.mean()
    found = shrink(HITS, mean * (1 - mean) / 45, method="james_stein")
    assert found.centre == pytest.approx(0.265, abs=5e-4)
    assert 1 - found.weights[0] == pytest.approx(0.212, abs=5e-4)
    assert found.means[0] == pytest.approx(0.294, abs=5e-4)  # Clemente, .400
    assert found.means == pytest.approx(0.265 + 0.212 * (HITS - 0.265), abs=7e-4)  # as printed, factors rounded


EFFECT = np.array([28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16])
ERROR = np.array([14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6])
MEDIANS = [10, 8, 7, 8, 5, 6, 10, 8]  # Gelman et al., Bayesian Data Analysis, table 5.3: from 200 draws
QUARTILES = [(7, 16), (3, 12), (2, 11), (4, 11), (1, 10), (2, 10), (7, 15), (3, 13)]


def test_eight_schools_as_published():
    """200 draws leave a printed quartile uncertain by about 0.6, and it is rounded to a whole number."""
    found = shrink(EFFECT, ERROR**2)
    assert found.means == pytest.approx(MEDIANS, abs=1.7)  # skewed to the far side: the mean of A lies above the median
    half = 0.6745 * found.deviations
    assert found.means - half == pytest.approx([low for low, _ in QUARTILES], abs=1.7)
    assert found.means + half == pytest.approx([high for _, high in QUARTILES], abs=1.7)


def test_eight_schools_by_brute_force():
    tau = np.linspace(0, 300, 3001)[1:] - 0.05
    centre = np.linspace(-150, 170, 641)
    log = np.zeros((len(tau), len(centre)))
    for y, s in zip(EFFECT, ERROR, strict=True):
        v = s**2 + tau[:, None] ** 2
        log += -0.5 * np.log(v) - 0.5 * (y - centre) ** 2 / v
    share = np.exp(log - log.max())
    share /= share.sum()
    found = shrink(EFFECT, ERROR**2)
    for j, (y, s) in enumerate(zip(EFFECT, ERROR, strict=True)):
        weight = s**2 / (s**2 + tau[:, None] ** 2)
        place = weight * centre + (1 - weight) * y
        mean = (share * place).sum()
        assert found.means[j] == pytest.approx(mean, abs=0.01)
        square = (share * ((1 - weight) * s**2 + (place - mean) ** 2)).sum()
        assert found.deviations[j] == pytest.approx(np.sqrt(square), abs=0.01)
    assert found.centre == pytest.approx((share * centre).sum(), abs=0.01)


DYESTUFF = np.array([
    [1545, 1440, 1440, 1520, 1580], [1540, 1555, 1490, 1560, 1495], [1595, 1550, 1605, 1510, 1560],
    [1445, 1440, 1595, 1465, 1545], [1595, 1630, 1515, 1635, 1625], [1520, 1455, 1450, 1480, 1445],
], float)  # Davies and Goldsmith 1972; R package lme4  # fmt: skip
RAIL = np.array([[55, 53, 54], [26, 37, 32], [78, 91, 85], [92, 100, 96], [49, 51, 50], [80, 85, 83]], float)


@pytest.mark.parametrize(
    ("data", "between", "source"),
    [
        (DYESTUFF, 42.00, "lme4, REML: batches 42.00, residual 49.51"),
        (RAIL, 24.80547, "Pinheiro and Bates, REML: rails 24.80547, residual 4.020779"),
    ],
)
def test_restricted_likelihood(data, between, source):
    within = data.var(axis=1, ddof=1).mean()
    assert restricted_between(data.mean(axis=1), within / data.shape[1]) == pytest.approx(between, abs=6e-4), source


def test_restricted_likelihood_stops_at_zero():
    y = np.array([1.0, 1.1, 0.9, 1.05])
    assert restricted_between(y, 1.0) == 0.0
    assert shrink(y, 1.0, method="reml").means == pytest.approx(y.mean())


# Exact limiting cases ------------------------------------------------------------------------------------------------


def prediction(x: np.ndarray, sigma: float, dof: float, n: int, alpha: float = 0.0027) -> tuple[float, float]:
    half = stats.t.isf(alpha / 2, dof) * sigma * np.sqrt(1 + 1 / n)
    return x.mean() - half, x.mean() + half


TYPES = np.repeat(list("abcd"), [6, 2, 9, 4])
DATA = np.random.default_rng(3).normal(5, 2, 21) + np.repeat([0, 1, 3, -2], [6, 2, 9, 4])


def test_types_far_apart_with_own_sigmas_have_the_exact_limits_of_each_alone():
    found = borrowed_limits(DATA, TYPES, between=np.inf, prior_dof=0)
    for name in "abcd":
        x = DATA[name == TYPES]
        low, high = prediction(x, x.std(ddof=1), len(x) - 1, len(x))
        one = found.types[name]
        near = 2e-4 if len(x) == 2 else 2e-5  # one degree of freedom: limits of 235 sigma
        assert (one.lower, one.upper) == (pytest.approx(low, rel=near), pytest.approx(high, rel=near))
        assert (one.units_own, one.units_borrowed, one.weight) == (len(x), pytest.approx(0, abs=1e-9), 0)
        assert one.dof_borrowed == pytest.approx(0, abs=1e-3)


def test_types_far_apart_with_one_sigma_pool_it():
    found = borrowed_limits(DATA, TYPES, between=np.inf, prior_dof=np.inf)
    square = sum(((DATA[k == TYPES] - DATA[k == TYPES].mean()) ** 2).sum() for k in "abcd")
    for name in "abcd":
        x = DATA[name == TYPES]
        low, high = prediction(x, np.sqrt(square / 17), 17, len(x))
        assert (found.types[name].lower, found.types[name].upper) == (
            pytest.approx(low, rel=1e-6), pytest.approx(high, rel=1e-6)
        )  # fmt: skip
        assert found.types[name].dof_own + found.types[name].dof_borrowed == pytest.approx(17, rel=1e-4)


def test_types_that_do_not_differ_are_pooled_completely():
    found = borrowed_limits(DATA, TYPES, between=0.0, prior_dof=np.inf, new_types=["new"])
    square = sum(((DATA[k == TYPES] - DATA[k == TYPES].mean()) ** 2).sum() for k in "abcd")
    low, high = prediction(DATA, np.sqrt(square / 17), 17, 21)  # 17 degrees of freedom within, 21 units for the mean
    for one in found.types.values():
        assert (one.lower, one.upper) == (pytest.approx(low, rel=1e-6), pytest.approx(high, rel=1e-6))
        assert one.units_own + one.units_borrowed == pytest.approx(21, rel=1e-9)
    assert found.types["new"].units_own == 0


def test_a_new_type_between_known_differences():
    """One sigma known by much data, tau fixed: mean of the means +- 3 sqrt(sigma^2 + tau^2 (1 + 1/k))."""
    dice = np.random.default_rng(4)
    means = dice.normal(0, 3, 5)
    types = np.repeat(np.arange(5), 4000)
    x = dice.normal(means[types], 1.0)
    found = borrowed_limits(x, types, between=3.0, prior_dof=np.inf, new_types=["new"])
    own = np.array([x[types == k].mean() for k in range(5)])
    half = stats.norm.isf(0.00135) * np.sqrt(1 + 9 * 1.2)
    assert found.types["new"].upper == pytest.approx(own.mean() + half, rel=2e-3)
    assert found.types["0"].units_borrowed == pytest.approx(1 / (9 * 1.25), rel=0.02)  # sigma^2 / (tau^2 5 / 4)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(-50, 50), st.floats(0.05, 20))
def test_limits_follow_a_change_of_origin_and_unit(seed, shift, scale):
    dice = np.random.default_rng(seed)
    x, types = dice.standard_normal(16), np.repeat(list("abcd"), 4)
    before = borrowed_limits(x, types, new_types=["n"])
    after = borrowed_limits(scale * x + shift, types, new_types=["n"])
    for name, one in before.types.items():
        other = after.types[name]
        assert other.lower == pytest.approx(scale * one.lower + shift, rel=1e-5, abs=1e-5 * scale)
        assert other.units_borrowed == pytest.approx(one.units_borrowed, rel=1e-5)


def test_targets_are_taken_off_and_put_back():
    targets = {"a": 100.0, "b": 20.0, "c": 3.0, "d": -7.0, "e": 55.0}
    plain = borrowed_limits(DATA, TYPES, new_types=["e"])
    moved = borrowed_limits(DATA + np.array([targets[k] for k in TYPES]), TYPES, targets=targets, new_types=["e"])
    for name, one in plain.types.items():
        assert moved.types[name].upper == pytest.approx(one.upper + targets[name], rel=1e-9)


def test_more_own_units_borrow_less():
    dice = np.random.default_rng(8)
    types = np.repeat(list("abcdef"), [1, 2, 4, 8, 16, 32])
    found = borrowed_limits(dice.normal(0, 1, len(types)), types)
    weights = [found.types[k].weight for k in "abcdef"]
    assert weights == sorted(weights, reverse=True)
    assert all(w < 1 for w in weights)
    widths = [found.types[k].upper - found.types[k].lower for k in "af"]
    assert widths[0] > widths[1]


def test_one_type_alone_keeps_its_own_prediction_limits():
    x = DATA[TYPES == "c"]
    found = borrowed_limits(x, ["c"] * 9)
    low, high = prediction(x, x.std(ddof=1), 8, 9)
    assert found.convention == "own_means"
    assert (found.types["c"].lower, found.types["c"].upper) == (
        pytest.approx(low, rel=1e-5), pytest.approx(high, rel=1e-5)
    )  # fmt: skip


def test_means_of_several_units_have_narrower_limits():
    one = borrowed_limits(DATA, TYPES, between=np.inf, prior_dof=np.inf)
    four = borrowed_limits(DATA, TYPES, between=np.inf, prior_dof=np.inf, units_per_point=4)
    for name in "abcd":
        n = (name == TYPES).sum()
        ratio = np.sqrt((1 / 4 + 1 / n) / (1 + 1 / n))
        wide, narrow = one.types[name], four.types[name]
        assert (narrow.upper - narrow.lower) / (wide.upper - wide.lower) == pytest.approx(ratio, rel=1e-6)


def test_scores_and_limits_say_the_same():
    found = borrowed_limits(DATA, TYPES, new_types=["new"], alpha=0.01)
    edge = stats.norm.isf(0.005)
    for one in found.types.values():
        assert one.predictive.score(np.array([one.lower, one.centre, one.upper])) == pytest.approx(
            [-edge, 0, edge], abs=1e-6
        )
        assert one.signals([one.lower - 1e-6, one.centre, one.upper + 1e-6]).tolist() == [True, False, True]


# The hierarchy of sigmas ---------------------------------------------------------------------------------------------


def test_sigma_posterior_by_sampling():
    """Importance sampling of (c, log s0) and of each variance, 400 000 draws."""
    dof, square = np.array([1, 3, 5, 2]), np.array([0.4, 9.0, 4.0, 3.0])
    dice = np.random.default_rng(0)
    n = 400_000
    d0 = 2 / dice.uniform(0, 1, n) ** 2
    s0 = np.exp(dice.uniform(-6, 7, n))
    log = sum(stats.f.logpdf(q / d / s0, d, d0) - np.log(s0) for q, d in zip(square, dof, strict=True))
    share = np.exp(log - log.max())
    share /= share.sum()
    found = sigma_posterior(square, dof)
    assert found.heterogeneity == pytest.approx(share @ np.sqrt(2 / d0), abs=0.01)
    for j in range(5):
        q, d = (square[j], dof[j]) if j < 4 else (0.0, 0)
        typical = 1 / (share @ ((d0 + d) / (d0 * s0 + q)))  # E(1 / variance) given d0, s0
        assert found.typical[j] == pytest.approx(typical, rel=0.02)


def test_sigmas_that_agree_are_pooled_and_sigmas_that_differ_are_not():
    dof = np.full(8, 20.0)
    alike = sigma_posterior(dof * np.linspace(0.95, 1.05, 8), dof)
    apart = sigma_posterior(dof * np.geomspace(0.05, 20, 8), dof)
    assert alike.heterogeneity < 0.25 < 0.7 < apart.heterogeneity
    assert alike.dof[0] > 60
    assert apart.dof[0] < 26


@pytest.mark.parametrize("x", [1e-3, 0.5, 3.0, 1e4])
def test_inverse_trigamma(x):
    from scipy.special import polygamma

    assert inverse_trigamma(float(polygamma(1, x))) == pytest.approx(x, rel=1e-8)


# Clean lots: the stated rate -----------------------------------------------------------------------------------------

ALPHA = 0.01
LOTS = [  # types, most units a type, tau, d0 of the sigmas
    (5, 4, 0.0, np.inf), (8, 4, 1.0, 4.0), (5, 4, 2.0, 12.0),
]  # fmt: skip


def alarms(types: int, units: int, tau: float, d0: float, lots: range) -> tuple[np.ndarray, np.ndarray]:
    """Alarms and points among the next unit of each known type and the first of a new type, clean lots."""
    out, points = np.zeros(2), np.zeros(2)
    for seed in lots:
        dice = np.random.default_rng(seed)
        sigma = np.ones(types + 1) if np.isinf(d0) else np.sqrt(d0 / dice.chisquare(d0, types + 1))
        mean = dice.normal(10, tau, types + 1)
        count = dice.integers(1, units + 1, types)
        count[:2] = units
        of = np.repeat(np.arange(types), count)
        found = borrowed_limits(dice.normal(mean[of], sigma[of]), of, new_types=["new"], alpha=ALPHA)
        for j in range(types + 1):
            fresh = int(j == types)
            x = dice.normal(mean[j], sigma[j], 1)
            out[fresh] += found.types["new" if fresh else str(j)].signals(x).sum()
            points[fresh] += len(x)
    return out, points


@pytest.mark.parametrize(("types", "units", "tau", "d0"), LOTS)
def test_false_alarms_stay_at_the_stated_rate_on_200_clean_lots(types, units, tau, d0):
    """One to four units a type behind the limits; alarms stay below the one-sided 0.1 % bound of binomial counts."""
    out, points = alarms(types, units, tau, d0, range(200))
    assert (out <= stats.binom.isf(0.001, points, ALPHA)).all()


def test_the_rate_is_met_not_only_kept_where_the_sigma_is_shared():
    """Types far apart, one sigma: Student t limits, exact; both binomial bounds (0.1 %), 200 lots."""
    out = points = 0
    for seed in range(200):
        dice = np.random.default_rng(seed)
        of = np.repeat(np.arange(5), 5)
        mean = dice.normal(0, 50, 5)
        found = borrowed_limits(dice.normal(mean[of], 1), of, between=np.inf, prior_dof=np.inf, alpha=ALPHA)
        for j in range(5):
            out += found.types[str(j)].signals(dice.normal(mean[j], 1, 6)).sum()
            points += 6
    assert stats.binom.ppf(0.001, points, ALPHA) <= out <= stats.binom.isf(0.001, points, ALPHA)


def test_a_shifted_unit_of_a_young_type_is_found():
    """Eight types share a sigma: a type of two units sees a shift its own limits (t, one degree of freedom) cannot."""
    dice = np.random.default_rng(12)
    types = np.repeat(list("abcdefgh"), [2, 6, 6, 6, 6, 6, 6, 6])
    x = dice.normal(0, 1, len(types))
    found = borrowed_limits(x, types)
    assert found.types["a"].signals([6.5, -6.5]).all()
    assert not borrowed_limits(x[:2], types[:2]).types["a"].signals([6.5, -6.5]).any()


def test_units_in_the_order_made_are_scored_by_what_came_before():
    dice = np.random.default_rng(13)
    types = list("abcde" * 6) + ["new"] * 3
    x = dice.normal(0, 1, 33)
    x[[22, 30]] = [9.0, -40.0]  # a bad unit, and a bad first unit of a new type
    chart = borrowed_chart(x, types, start=15)
    assert np.isnan(chart.location.values[:15]).all()
    assert {v.index for v in chart.location.violations if v.rule == "western_electric_1"} == {22, 30}
    before = borrowed_limits(np.delete(x[:25], 22), types[:22] + types[23:25])
    assert chart.location.values[25] == pytest.approx(float(before.types[types[25]].predictive.score(x[25])))
    assert chart.units["new"] == 3


def test_scores_of_stable_units_are_standard_normal_where_the_model_is_exact():
    """One shared sigma, types far apart: Student t predictions, one after the other, as independent as Q statistics."""
    scores = []
    for seed in range(60):
        types = list("ab" * 8)
        x = np.random.default_rng(seed).normal(0, 1, 16) + 30 * (np.arange(16) % 2)
        scores.append(borrowed_chart(x, types, start=4, between=np.inf, leave_out_signals=False).location.values[4:])
    assert stats.kstest(np.ravel(scores), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(np.ravel([s[:-1] for s in scores]), np.ravel([s[1:] for s in scores]))[0, 1]) < 0.12


def test_values_without_resolution_still_have_limits():
    found = borrowed_limits([1.0, 1.0, 1.0, 2.0, 1.0, 2.0, 1.0, 1.0, 2.0], list("aaabbbccc"))
    assert all(one.lower < one.centre < one.upper for one in found.types.values())


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: borrowed_chart([1, 2, 3], list("aab"), start=3), "process.baseline"),
        (lambda: borrowed_limits([1, 2, 3, 4], list("aabb"), new_types=["c"]), "process.too_few_types"),
        (lambda: borrowed_limits([1, 2, 3, 4], list("abcd")), "process.no_variation"),
        (lambda: borrowed_limits([1, 2, 3], list("aa")), "process.subgroups_uneven"),
        (lambda: borrowed_limits([1, 2, 3], list("aab"), targets={"a": 1}), "process.no_target"),
        (lambda: borrowed_limits([1, 2, 3], list("aab"), between=-1), "process.choice"),
        (lambda: borrowed_limits([1, 2, 3], list("aab"), prior_dof=0), "process.no_variation"),
        (lambda: shrink([1, 2], 1.0), "process.too_few_types"),
        (lambda: shrink([1, 2, 3, 4], [1, 2, 3, 4], method="james_stein"), "process.variances_differ"),
        (lambda: shrink([1, 2, 3, 4], 1.0, method="best"), "process.choice"),
    ],
)
def test_data_without_limits_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
