"""Tool matching, golden lot, excursions: published powers, libraries, and rates that are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from workbench.errors import DomainError
from workbench.process.quality.equivalence import match_units, sigma_ratio, tool_match, tost_power
from workbench.process.quality.excursion import excursion, robust_limit
from workbench.process.quality.golden import golden_lot
from workbench.schema import Verdict

LOG = float(np.log(1.25))
POWER_TOST = "R package PowerTOST, README and manual: 2 x 2 crossover, ratio 0.95, margins 0.80 ... 1.25"
POWERS = [  # coefficient of variation, subjects, power
    (0.20, 20, 0.834680),
    (0.30, 40, 0.815845),
]


@pytest.mark.parametrize(("cv", "n", "power"), POWERS)
def test_published_power(cv, n, power):
    error = np.sqrt(2 * np.log1p(cv**2) / n)
    found = tost_power(difference=np.log(0.95), margin_low=-LOG, margin_high=LOG, error=error, dof=n - 2)
    assert found == pytest.approx(power, abs=5e-7), POWER_TOST


RNG = np.random.default_rng(7)
A, B = RNG.normal(0, 1, 30), RNG.normal(0.1, 1.3, 25)


@pytest.mark.parametrize("variances", ["welch", "pooled"])
def test_two_samples_agree_with_statsmodels(variances):
    usevar = {"welch": "unequal", "pooled": "pooled"}[variances]
    p, low, high = ttost_ind(B, A, -0.7, 0.8, usevar=usevar)
    found = tool_match(A, B, margin_low=-0.7, margin_high=0.8, variances=variances)
    assert (found.p, found.t_low, found.t_high) == pytest.approx((p, low[0], high[0]), rel=1e-10)
    assert found.convention == f"tost_{variances}"
    assert found.p_difference == pytest.approx(stats.ttest_ind(A, B, equal_var=variances == "pooled").pvalue)


def test_paired_values_agree_with_statsmodels():
    a = RNG.normal(10, 2, 20)
    b = a + RNG.normal(0.05, 0.1, 20)
    found = tool_match(a, b, margin=0.15, variances="paired")
    assert found.p == pytest.approx(ttost_paired(b, a, -0.15, 0.15)[0], rel=1e-9)
    assert found.sigma_ratio.low < 1 < found.sigma_ratio.high
    assert found.sigma_ratio.high / found.sigma_ratio.low < 1.1  # the same parts: far sharper than an F interval


def test_the_interval_decides_as_the_tests_do():
    for k in range(50):
        x, y = np.random.default_rng(k).normal(size=(2, 12))
        found = tool_match(x, y, margin=0.8)
        inside = found.difference.low > -0.8 and found.difference.high < 0.8
        assert found.equivalent == inside


def test_verdicts():
    same = np.random.default_rng(1).normal(size=(2, 200))
    assert tool_match(*same, margin=0.5).verdict is Verdict.PASS
    assert tool_match(same[0], same[1] + 2, margin=0.5).verdict is Verdict.FAIL
    assert tool_match(same[0, :5], same[1, :5], margin=0.5).verdict is Verdict.MARGINAL
    wide = tool_match(same[0], 3 * same[1], margin=1.0, sigma_ratio_limit=1.5)
    assert (wide.equivalent, wide.spread_matches, wide.verdict) == (True, False, Verdict.MARGINAL)


def test_a_tool_at_the_margin_passes_as_rarely_as_stated():
    rng = np.random.default_rng(9)
    passed = np.mean([tool_match(rng.normal(size=15), rng.normal(1, 1, 15), margin=1).equivalent for _ in range(1500)])
    assert passed == pytest.approx(0.05, abs=0.018)


def test_units_needed():
    n = match_units(margin=1, sigma=1, difference=0.2, assurance=0.9)
    kept = {"difference": 0.2, "margin_low": -1, "margin_high": 1}
    assert tost_power(error=np.sqrt(2 / n), dof=2 * n - 2, **kept) >= 0.9
    assert tost_power(error=np.sqrt(2 / (n - 1)), dof=2 * n - 4, **kept) < 0.9


def test_sigma_ratio_is_the_f_interval():
    found = sigma_ratio(A, B, confidence=0.9)
    f = stats.f.ppf([0.95, 0.05], 24, 29)
    assert (found.low, found.high) == pytest.approx(tuple(found.value / np.sqrt(f)))


def lots(seed, n=80, **changed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 5)), columns=list("abcde"))
    for name, change in changed.items():
        frame[name] = change(frame[name])
    return frame


def test_golden_lot_names_what_changed():
    lot = lots(2, b=lambda x: x + 1.0, c=lambda x: 2 * x, d=lambda x: np.exp(2 * x) / 10)
    found = golden_lot(lots(1), lot)
    kinds = {p.parameter: p.kind for p in found.parameters}
    assert (kinds["b"], kinds["c"]) == ("shifted", "wider")
    assert kinds["d"] in ("shape", "wider", "shifted")
    assert kinds["a"] in ("alike", "undecided")
    assert found.verdict is Verdict.FAIL
    assert found.parameters[0].word("zh-Hant") in ("偏移", "散布變大", "形狀不同")


def test_a_lot_like_the_golden_one_passes():
    found = golden_lot(lots(1, 300), lots(2, 300))
    assert found.verdict is Verdict.PASS
    few = golden_lot(lots(1, 8), lots(2, 8))
    assert few.verdict is Verdict.MARGINAL  # eight units show no difference, and no likeness either


def test_a_sure_but_small_shift_is_alike():
    found = golden_lot(lots(1, 4000), lots(2, 4000, a=lambda x: x + 0.15), margins={"a": 0.5})
    a = next(p for p in found.parameters if p.parameter == "a")
    assert (a.kind, a.p_holm < 0.05) == ("alike", True)


def test_clean_lots_are_called_different_as_rarely_as_stated():
    bad = {"shifted", "wider", "narrower", "shape"}
    alarms = sum(bool(bad & {p.kind for p in golden_lot(lots(2 * k), lots(2 * k + 1)).parameters}) for k in range(100))
    assert alarms <= 12  # 5 expected at most; 13 has probability 1.5e-3


def test_the_robust_limit_keeps_its_rate():
    """40,000 fresh lots after n predecessors each, independent of the draws that set the limit."""
    rng = np.random.default_rng(1)
    for n, rate in ((8, 0.05), (15, 0.01), (40, 0.01)):
        x = rng.standard_normal((40_000, n))
        m = np.median(x, axis=1)
        sigma = np.median(np.abs(x - m[:, None]), axis=1) / special.ndtri(0.75)
        alarms = (np.abs(rng.standard_normal(40_000) - m) > robust_limit(n, rate) * sigma).mean()
        assert alarms == pytest.approx(rate, abs=4 * np.sqrt(rate / 40_000) + 0.03 * rate)


def test_the_robust_limit_tends_to_the_normal_quantile():
    assert robust_limit(2001, 0.01) == pytest.approx(2.5758, abs=5e-5)
    assert robust_limit(2000, 0.01) == pytest.approx(2.5758, abs=0.01)
    assert robust_limit(10, 0.01) > robust_limit(30, 0.01) > robust_limit(2000, 0.01)


def test_an_old_excursion_does_not_hide_a_new_one():
    history = pd.DataFrame(np.random.default_rng(3).normal(size=(20, 3)), columns=["a", "b", "c"])
    history.loc[4, "b"] = 50.0
    calm = pd.Series({"a": 0.1, "b": -0.2, "c": 0.3})
    assert not excursion(history, calm).alarm
    found = excursion(history, calm.replace(-0.2, 9.0))
    assert found.alarm
    first = found.parameters[0]
    assert (first.parameter, first.alarm) == ("b", True)
    assert first.rank_p == pytest.approx(2 / 21)  # the old excursion was farther away
    assert found.rate_each == pytest.approx(0.01 / 3)


def test_parameters_without_a_past_are_not_judged():
    history = pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 1, 1]})
    found = excursion(history, pd.Series({"a": 100.0, "b": np.nan}))
    assert not found.alarm
    assert all(np.isnan(p.limit) for p in found.parameters)


REFUSED = [
    (lambda: tool_match(A, B), "process.margins"),
    (lambda: tool_match(A, B, margin_low=1, margin_high=0), "process.margins"),
    (lambda: tool_match(A[:2], B, margin=1), "process.too_few_values"),
    (lambda: tool_match(A, B, margin=1, variances="paired"), "process.too_few_values"),
    (lambda: tool_match(A, B, margin=1, variances="equal"), "process.choice"),
    (lambda: tool_match(np.ones(5), B, margin=1), "process.no_variation"),
    (lambda: match_units(margin=1, sigma=1, difference=1), "process.margins"),
    (lambda: match_units(margin=1, sigma=1000), "process.too_many_units"),
    (lambda: robust_limit(4, 0.01), "process.too_few_values"),
    (lambda: excursion(pd.DataFrame({"a": [1.0]}), pd.Series({"z": 1.0})), "process.column_absent"),
    (lambda: golden_lot(lots(1), lots(2), parameters=["z"]), "process.column_absent"),
    (lambda: golden_lot(lots(1), lots(2, n=2)), "process.too_few_values"),
]


@pytest.mark.parametrize(("call", "rule"), REFUSED)
def test_questions_without_an_answer_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
