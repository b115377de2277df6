"""Commonality and drift: exact tests against counting, published values, planted causes, confounding said aloud."""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import multitest
from statsmodels.stats.contingency_tables import StratifiedTable

from workbench.errors import DomainError
from workbench.process.quality import contingency, drift
from workbench.process.quality.commonality import commonality, confounding, stratified_chi2, stratified_p
from workbench.process.quality.commonality import given as given_that
from workbench.process.quality.contingency import fisher_freeman_halton, rank_sum_p
from workbench.process.quality.drift import drifts
from workbench.process.quality.multiplicity import benjamini_hochberg, holm


def counted(bad, totals):
    """Freeman and Halton 1951 by listing every table with these margins."""
    total, weight = sum(bad), 1 / comb(sum(totals), sum(bad))

    def chance(row):
        return weight * np.prod([comb(n, k) for n, k in zip(totals, row, strict=True)], dtype=float)

    rows = [row for row in product(*(range(n + 1) for n in totals)) if sum(row) == total]
    seen = chance(bad)
    return sum(p for row in rows if (p := chance(row)) <= seen * (1 + 1e-9))


TABLES = [([3, 1], [4, 4]), ([5, 0, 1], [6, 7, 5]), ([2, 2, 0, 4], [4, 5, 6, 4]), ([0, 3, 0], [9, 3, 2])]


@pytest.mark.parametrize(("bad", "totals"), TABLES)
def test_fisher_freeman_halton_counts_every_table(bad, totals):
    assert fisher_freeman_halton(bad, totals) == (pytest.approx(counted(bad, totals)), "fisher_freeman_halton")


def test_the_lady_tasting_tea():
    """Fisher 1935: 3 of 4 cups named right; two-sided p = 34 / 70."""
    assert fisher_freeman_halton([3, 1], [4, 4])[0] == pytest.approx(34 / 70)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.floats(0, 1)), min_size=2, max_size=2))
def test_two_groups_are_fisher(groups):
    totals = [n for n, _ in groups]
    bad = [round(n * share) for n, share in groups]
    table = [[b, n - b] for b, n in zip(bad, totals, strict=True)]
    assert fisher_freeman_halton(bad, totals)[0] == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-6)


def test_tables_beyond_counting_are_simulated():
    rng = np.random.default_rng(0)
    totals = rng.integers(180, 400, 25)
    p, how = fisher_freeman_halton(rng.binomial(totals, 0.4), totals)
    assert how == "fisher_freeman_halton_simulated"
    assert 0 < p <= 1
    few = rng.binomial(totals, 0.3 + 0.2 * (np.arange(25) == 7))
    assert fisher_freeman_halton(few, totals)[0] < 0.05


def test_rank_sum_over_all_rearrangements():
    """Without ties the textbook values (Mann and Whitney 1947): 3 against 4, wholly apart, 2 / 35."""
    assert rank_sum_p([1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 0, 0, 0, 0]) == (pytest.approx(2 / 35), "rank_sum_exact")
    x, inside = np.array([1, 1, 2, 2, 2, 3, 5, 5]), np.array([1, 0, 1, 1, 0, 0, 0, 0], bool)
    ranks = stats.rankdata(x)
    sums = np.array([ranks[list(c)].sum() for c in combinations(range(8), 3)])
    off = np.abs(sums - sums.mean())
    assert rank_sum_p(x, inside)[0] == pytest.approx((off >= abs(ranks[inside].sum() - sums.mean()) - 1e-9).mean())


def test_rank_sum_of_many_is_normal(monkeypatch):
    rng = np.random.default_rng(2)
    x, inside = rng.normal(size=58), np.arange(58) < 25
    exact = rank_sum_p(x, inside)
    monkeypatch.setattr(contingency, "EXACT_RANKS", 50)
    assert (exact[1], rank_sum_p(x, inside)[1]) == ("rank_sum_exact", "rank_sum_normal")
    assert rank_sum_p(x, inside)[0] == pytest.approx(exact[0], abs=0.003)
    assert rank_sum_p(np.ones(70), np.arange(70) < 3)[0] == 1.0


def line(seed, n=240, bad="T2b", share=0.35, shift=1.2):
    """A lot run over 3 tools of 2 chambers and 2 batches of compound; one chamber is bad."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"tool": rng.choice(["T1", "T2", "T3"], n), "compound": rng.choice(["C1", "C2"], n)})
    units["chamber"] = units["tool"] + rng.choice(["a", "b"], n)
    units["fails"] = rng.random(n) < np.where(units["chamber"] == bad, share, 0.05)
    units["gap_um"] = rng.normal(20, 1, n) + np.where(units["chamber"] == bad, shift, 0.0)
    return units


FACTORS = ("tool", "compound", "chamber")


@pytest.mark.parametrize("response", ["fails", "gap_um"])
def test_the_bad_chamber_is_accused_and_its_tool_explained(response):
    found = commonality(line(1), response=response, factors=FACTORS)
    first = found.suspects[0]
    assert (first.factor, first.level) == ("chamber", "T2b")
    assert first.p_holm <= 0.05
    assert first.low > 0
    assert first.low < first.effect < first.high
    assert [(c.factor, c.level) for c in found.culprits] == [("chamber", "T2b")]
    assert found.factors[0].factor == "chamber"
    assert found.question_count == 3 + 1 + 6  # three tools, two compounds are one split, six chambers


def test_tool_and_chamber_are_reported_as_inseparable():
    found = commonality(line(1), response="fails", factors=FACTORS)
    (pair,) = found.confounded
    assert ({pair.first, pair.second}, pair.complete) == ({"tool", "chamber"}, True)
    assert next(a for a in found.assumptions if a.name == "factors_separable").holds is False


def test_levels_that_hold_the_same_units_are_one_question():
    units = line(2, share=0.6)
    units["operator"] = np.where(units["chamber"] == "T2b", "Lin", "Chen")
    found = commonality(units, response="fails", factors=("chamber", "operator"))
    first = found.suspects[0]
    assert {(first.factor, first.level), *first.aliases} == {
        ("chamber", "T2b"), ("operator", "Lin"), ("operator", "Chen"),
    }  # fmt: skip
    assert found.question_count == 6


def test_one_factor_given_another():
    units = line(3)
    assert given_that(units, response="gap_um", factor="tool", known="chamber") == 1.0
    assert given_that(units, response="gap_um", factor="chamber", known="tool") < 0.01


def test_strata_take_away_the_difference_of_lots():
    """Lots differ, and each tool ran mostly one lot: pooled, the tool looks guilty; within lots it is not."""
    rng = np.random.default_rng(5)
    units = pd.DataFrame({"lot": np.repeat(["A", "B"], 100)})
    units["tool"] = np.where(rng.random(200) < np.where(units["lot"] == "A", 0.8, 0.2), "T1", "T2")
    units["gap_um"] = rng.normal(size=200) + 1.5 * (units["lot"] == "A")
    pooled = commonality(units, response="gap_um", factors=("tool",))
    within = commonality(units, response="gap_um", factors=("tool",), strata="lot")
    assert pooled.suspects
    assert not within.suspects
    assert within.levels[0].convention == "stratified"


def test_stratified_p_is_the_share_of_all_rearrangements():
    """Two strata of 4 with two of each group: 36 rearrangements, the observed extreme one and its mirror."""
    score, codes, strata = np.array([1, 2, 3, 4, 11, 12, 13, 14.0]), np.tile([0, 0, 1, 1], 2), np.repeat([0, 1], 4)
    assert stratified_p(score, codes, strata, 20_000, 1) == pytest.approx(2 / 36, abs=0.006)


def test_many_units_are_judged_by_kruskal_and_wallis():
    units = line(1, n=1200)
    found = commonality(units, response="gap_um", factors=FACTORS)
    groups = [g["gap_um"].to_numpy() for _, g in units.groupby("compound")]
    compound = next(f for f in found.factors if f.factor == "compound")
    assert compound.convention == "kruskal_wallis"
    assert compound.p == pytest.approx(stats.kruskal(*groups).pvalue, rel=1e-9)
    assert [(c.factor, c.level) for c in found.culprits] == [("chamber", "T2b")]


def test_many_strata_by_cochran_mantel_haenszel():
    rng = np.random.default_rng(4)
    strata, codes = rng.integers(0, 12, 1500), rng.integers(0, 2, 1500)
    y = rng.random(1500) < 0.1 + 0.02 * strata / 12 + 0.04 * codes
    tables = [pd.crosstab(codes[strata == s], y[strata == s]).to_numpy() for s in range(12)]
    theirs = StratifiedTable(tables).test_null_odds(correction=False)
    assert stratified_chi2(y.astype(float), codes, strata) == pytest.approx(theirs.pvalue, rel=1e-9)
    three = rng.integers(0, 3, 1500)
    assert stratified_chi2(y.astype(float), three, strata) == pytest.approx(
        stratified_p(y.astype(float), three, strata, 4999, 1), abs=0.05
    )
    assert stratified_chi2(y.astype(float), strata, strata) == 1.0  # the stratum is the group: nothing to compare


def test_stopping_early_keeps_the_rate():
    """P-values of pure chance are uniform, whether the shuffling stopped early or not."""
    p = []
    for k in range(300):
        rng = np.random.default_rng(k)
        p.append(stratified_p(rng.normal(size=24), np.repeat([0, 1, 2], 8), np.zeros(24, int), 999, k))
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_holm_and_benjamini_hochberg():
    """Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289, 15 p-values: Bonferroni-type 3 (Holm), BH 4 at 5 %."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
         1.0]  # fmt: skip
    assert (holm(p) <= 0.05).sum() == 3
    assert (benjamini_hochberg(p) <= 0.05).sum() == 4


@pytest.mark.parametrize("p", [np.random.default_rng(1).random(12) ** 3, np.array([0.04, 0.04, 1.0, 0.0]), [0.3]])
def test_adjusted_p_values_agree_with_statsmodels(p):
    for ours, theirs in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        np.testing.assert_allclose(ours(p), multitest.multipletests(p, method=theirs)[1], rtol=1e-12)
    assert holm([]).size == benjamini_hochberg([]).size == 0


def test_missing_levels_and_responses():
    units = line(4).astype({"tool": object})
    units.loc[:9, "tool"] = None
    units["fails"] = units["fails"].astype(object)
    units.loc[10:19, "fails"] = None
    found = commonality(units, response="fails", factors=("tool",))
    assert found.n == 230
    assert found.convention == "commonality_failing"
    assert found.factors[0].level_count == 4


def test_confounding_needs_more_than_a_little_overlap():
    rng = np.random.default_rng(0)
    units = pd.DataFrame({"a": rng.integers(0, 3, 300)})
    units["b"] = np.where(rng.random(300) < 0.97, units["a"], rng.integers(0, 3, 300))
    units["c"] = rng.integers(0, 3, 300)
    (pair,) = confounding(units, ["a", "b", "c"])
    assert (pair.first, pair.second, pair.complete) == ("a", "b", False)
    assert pair.v > 0.9


def nozzles(seed, drifting=None, common=0.0):
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"nozzle": np.tile(np.arange(8), 30), "shot": np.arange(240)})
    units["dose"] = rng.normal(5, 0.1, 240) + common * units["shot"]
    if drifting is not None:
        units["dose"] += np.where(units["nozzle"] == drifting, 0.001 * units["shot"], 0.0)
    return units


def test_the_drifting_nozzle_is_found():
    found = drifts(nozzles(1, drifting=5), value="dose", order="shot", factor="nozzle")
    (suspect,) = found.suspects
    assert suspect.level == 5
    assert suspect.low < 0.001 < suspect.high


def test_a_drift_of_all_nozzles_accuses_none():
    found = drifts(nozzles(2, common=0.002), value="dose", order="shot", factor="nozzle")
    assert not found.suspects
    assert found.common_slope == pytest.approx(0.002, rel=0.1)
    assert found.common_p < 1e-6


@pytest.mark.parametrize("units", [160, 240])
def test_clean_nozzles_are_accused_as_rarely_as_stated(units, monkeypatch):
    """40 lots at 5 %, by shuffling and by the normal limit: 2 expected, 7 exceeded with probability 7e-4."""
    monkeypatch.setattr(drift, "SHUFFLES", 799)
    alarms = sum(bool(drifts(nozzles(k)[:units], value="dose", order="shot", factor="nozzle").suspects)
                 for k in range(40))  # fmt: skip
    assert alarms <= 7


def test_two_levels_that_part_are_both_named_and_the_interval_is_that_of_the_difference():
    units = nozzles(1)[lambda u: u["nozzle"] < 2]
    units = units.assign(dose=units["dose"] + 0.002 * units["shot"] * (units["nozzle"] == 1))
    found = drifts(units, value="dose", order="shot", factor="nozzle")
    assert {s.level for s in found.suspects} == {0, 1}
    up = next(s for s in found.levels if s.level == 1)
    assert up.low < 0.002 < up.high


def test_order_may_be_a_time():
    units = nozzles(1, drifting=5)
    units["at"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(units["shot"], unit="s")
    found = drifts(units, value="dose", order="at", factor="nozzle")
    assert [s.level for s in found.suspects] == [5]
    assert found.suspects[0].slope == pytest.approx(0.001, rel=0.5)


REFUSED = [
    (lambda: commonality(line(1), response="fails", factors=("who",)), "process.column_absent"),
    (lambda: commonality(line(1), response="fails", factors=()), "process.column_absent"),
    (lambda: commonality(line(1)[:3], response="fails", factors=FACTORS), "process.too_few_values"),
    (lambda: commonality(line(1).assign(fails=True), response="fails", factors=FACTORS), "process.no_variation"),
    (lambda: fisher_freeman_halton([3], [2]), "process.share"),
    (lambda: rank_sum_p([1, 2], [True, True]), "process.groups"),
    (lambda: drifts(nozzles(1)[:4], value="dose", order="shot", factor="nozzle"), "process.groups"),
    (lambda: given_that(line(1), response="x", factor="tool", known="chamber"), "process.column_absent"),
]


@pytest.mark.parametrize(("call", "rule"), REFUSED)
def test_questions_without_an_answer_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule


def test_two_steady_tools_are_accused_no_more_often_than_stated(monkeypatch):
    """With two tools the trend of "the others" is as uncertain as that of the one that is judged."""
    monkeypatch.setattr(drift, "SHUFFLES", 399)
    accused = 0
    for seed in range(100):
        dice = np.random.default_rng(seed)
        tools = ["A"] * 20 + ["B"] * 20
        units = pd.DataFrame({"dose": dice.standard_normal(40), "shot": np.arange(40.0), "tool": tools})
        accused += bool(drifts(units, value="dose", order="shot", factor="tool").suspects)
    assert accused <= 12  # 5 % of 100 is 5; 13 or more come with a probability of 1.5e-3
