"""Screening: the flags of single charts, planted causes found, false alarms as expected, false discoveries held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.diagnostic import normal_ad

from workbench.errors import DomainError
from workbench.process.quality import capability, individuals, xbar_r, xbar_s
from workbench.process.quality.assumptions import lag_one
from workbench.process.quality.memory import cusum, ewma
from workbench.process.quality.rules import NELSON, WESTERN_ELECTRIC
from workbench.process.quality.run_length import cusum_exceedance
from workbench.process.quality.screening import from_long, screen

BOTH = {**WESTERN_ELECTRIC, **NELSON}


def flags(found, name: str, rule: str) -> list[int]:
    rows = found.signals[(found.signals["parameter"] == name) & (found.signals["rule"] == rule)]
    return rows["index"].tolist()


def ragged() -> pd.DataFrame:
    """Columns of different lengths with gaps, means and units."""
    dice = np.random.default_rng(3)
    frame = pd.DataFrame({f"p{k}": dice.normal(10 * k, 1 + k, 150) for k in range(6)})
    frame.loc[dice.choice(150, 40, replace=False), "p2"] = np.nan
    frame.loc[100:, "p4"] = np.nan
    frame.loc[60:, "p3"] += 8
    return frame


@pytest.mark.parametrize("baseline", [None, 40])
def test_single_values_are_charted_as_one_by_one(baseline):
    frame = ragged()
    found = screen(frame, baseline_count=baseline)
    for name in frame:
        kept = np.flatnonzero(frame[name].notna())
        x = frame[name].to_numpy()[kept]
        pair = individuals(x, baseline_count=baseline, rules=BOTH)
        row = found.table.set_index("parameter").loc[name]
        assert row["lower"] == pytest.approx(pair.location.lower, rel=1e-9)
        assert row["sigma_dof"] == pytest.approx(pair.sigma_dof, rel=1e-9)
        for rule in BOTH:
            expected = [int(kept[v.index]) for v in pair.location.violations if v.rule == rule]
            assert flags(found, name, rule) == expected
            assert row[rule] == len(expected)
        assert flags(found, name, "moving_range") == [int(kept[v.index]) for v in pair.spread.violations]
        slow = ewma(x, baseline_count=baseline, limit=2.859, smoothing=0.2)
        assert flags(found, name, "ewma") == kept[slow.signals].tolist()
        assert flags(found, name, "cusum") == kept[cusum(x, baseline_count=baseline).signals].tolist()


def test_subgroups_are_charted_as_one_by_one():
    x = np.random.default_rng(5).normal(3, 2, (203, 4))
    x[150:, 1] += 1.5
    found = screen(x, subgroup_size=5, baseline_count=30)
    for k in range(4):
        groups = x[:200, k].reshape(40, 5)
        pair, by_s = xbar_r(groups, baseline_count=30, rules=BOTH), xbar_s(groups, baseline_count=30)
        for rule in BOTH:
            assert flags(found, str(k), rule) == [v.index for v in pair.location.violations if v.rule == rule]
        assert flags(found, str(k), "range") == [v.index for v in pair.spread.violations]
        assert flags(found, str(k), "deviation") == [v.index for v in by_s.spread.violations]
    assert found.table["points"].tolist() == [40] * 4


def test_assumptions_are_those_of_single_tests():
    x = np.random.default_rng(6).normal(0, 1, (60, 30))
    x[:, 3] = np.random.default_rng(7).exponential(size=60)
    x[:, 4] = np.cumsum(x[:, 4])
    table = screen(x).table
    for k in range(30):
        assert table["normal_p"][k] == pytest.approx(float(normal_ad(x[:, k])[1]), rel=1e-6, abs=1e-12)
        assert table["independent_p"][k] == pytest.approx(lag_one(x[:, k]).p, rel=1e-9)
    assert table["normal_p"][3] < 0.01
    assert table["independent_p"][4] < 1e-6
    assert capability(x[:, 3], lower=-9, upper=9).normality_p == pytest.approx(table["normal_p"][3], rel=1e-6)


def test_planted_causes_are_found_and_nothing_else():
    x = np.random.default_rng(0).standard_normal((400, 200))
    x[250:, 17] += 1.2
    x[:, 60] += np.linspace(0, 2, 400)
    x[123, 99] += 9
    x[300:, 150] *= 3.0
    found = screen(x)
    assert set(found.suspects) == {"17", "60", "99", "150"}
    adjusted = found.table["p_adjusted"].to_numpy()
    assert adjusted[[17, 60, 99, 150]].max() <= 0.05 < np.delete(adjusted, [17, 60, 99, 150]).min()
    assert len(found.signals) > 1000  # the flags alone would accuse every parameter
    assert (found.table["western_electric_4"] > 0).sum() > 100


def test_seen_flags_of_stable_parameters_are_those_expected():
    """Known limits: a long baseline of which only the later part is counted."""
    dice = np.random.default_rng(1)
    found = screen(dice.standard_normal((3000, 60)))
    for _, row in found.expected.iterrows():
        # flags of patterns come in clusters of up to some ten: their scatter is that many times Poisson's
        assert row["seen"] == pytest.approx(row["expected"], abs=4.5 * np.sqrt(10 * row["expected"])), row["rule"]
    assert found.expected_alarms == pytest.approx(found.expected["expected"].sum())


def test_the_expected_number_of_flags_is_exact_for_every_rule():
    """400 000 short charts with known limits; patterns not yet possible on the first points count."""
    z = np.random.default_rng(2).standard_normal((40_000, 20))
    for name, rule in NELSON.items():
        seen = rule(z).sum(axis=1)
        expected = rule.expected_flags(20)
        assert seen.mean() == pytest.approx(expected, abs=4 * seen.std() / 200), name
    assert NELSON["nelson_3"].false_alarm_rate == pytest.approx(2 / 720)
    assert NELSON["nelson_4"].false_alarm_rate == pytest.approx(2 * 199_360_981 / 87_178_291_200)  # E_14 / 14!


def test_the_expected_number_of_cusum_flags():
    from workbench.process.quality.memory import sums

    upper, lower = sums(np.random.default_rng(4).standard_normal((20_000, 60)), 0.5)
    seen = ((upper > 3) | (lower > 3)).sum(axis=1)
    assert cusum_exceedance(60, reference=0.5, decision=3.0) == pytest.approx(
        seen.mean(), abs=4 * seen.std() / np.sqrt(20_000)
    )


@pytest.mark.parametrize(("units", "baseline", "size"), [(100, None, 1), (100, 30, 1), (200, None, 5), (300, 20, 3)])
def test_p_values_of_stable_parameters_are_never_too_small(units, baseline, size):
    p = screen(np.random.default_rng(8).standard_normal((units, 3000)), baseline_count=baseline, subgroup_size=size)
    p = p.table["p"].to_numpy()
    for level in (0.1, 0.01, 0.001):
        assert (p < level).sum() <= stats.binom.isf(0.001, 3000, level)
    assert (p < 0.1).mean() > 0.01  # nor is the test asleep


def test_200_clean_lots_accuse_nobody_more_often_than_stated():
    """Any suspect in a lot of stable parameters is a false discovery: at most 5 % of lots (binomial bound, 0.1 %)."""
    accused = 0
    for seed in range(200):
        x = np.random.default_rng(seed).standard_normal((30, 25))
        accused += bool(screen(x).suspects)
    assert accused <= stats.binom.isf(0.001, 200, 0.05)


def test_parameters_without_a_chart_say_why():
    x = np.random.default_rng(9).standard_normal((20, 4))
    x[:, 1] = 3.0
    x[2:, 2] = np.nan
    x[:, 3] = np.nan
    found = screen(x)
    assert found.table["state"].tolist() == ["charted", "constant", "too_few", "too_few"]
    assert found.table["p"].isna().tolist() == [False, True, True, True]
    assert set(found.signals["parameter"]) <= {"0"}
    assert found.measurements == 42


def test_rows_of_a_tester_become_columns():
    frame = from_long(["a", "b", "a", "a", "b"], [1, 10, 2, 3, 20])
    assert frame["a"].tolist() == [1, 2, 3]
    assert frame["b"].dropna().tolist() == [10, 20]


def test_progress_ends_at_one_and_order_does_not_matter():
    x, seen = np.random.default_rng(10).standard_normal((2500, 40)), []
    found = screen(x, progress=seen.append)
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
    turned = screen(x[:, ::-1])
    assert turned.table["p"].to_numpy()[::-1] == pytest.approx(found.table["p"].to_numpy())


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: screen(np.ones(5)), "process.screen_shape"),
        (lambda: screen(np.ones((2, 2))), "process.screen_shape"),
        (lambda: screen(np.ones((5, 2)), parameters=["a", "a"]), "process.screen_shape"),
        (lambda: screen(np.ones((5, 2)), dependence="none"), "process.choice"),
        (lambda: screen(np.ones((5, 2)), baseline_count=1), "process.baseline"),
        (lambda: from_long(["a"], [1, 2]), "process.screen_shape"),
    ],
)
def test_tables_that_cannot_be_screened_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
