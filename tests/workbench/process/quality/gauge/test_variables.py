"""Gauge studies of measurements: AIAG examples, nested analysis, intervals, bias, linearity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DomainError
from workbench.i18n import LANGUAGES
from workbench.process.quality.assumptions import convention_sentence
from workbench.process.quality.gauge import (
    average_and_range,
    bias,
    crossed_anova,
    crossed_table,
    intervals,
    linearity,
    nested_anova,
    nested_table,
)
from workbench.process.quality.gauge.average_range import d2_star, range_factors
from workbench.process.quality.gauge.intervals import modified_large_sample, satterthwaite
from workbench.schema import Verdict

AIAG = "AIAG, Measurement Systems Analysis, 4th ed., gauge R&R study"
ROWS = """0.29 -0.56 1.34 0.47 -0.80 0.02 0.59 -0.31 2.26 -1.36 | 0.41 -0.68 1.17 0.50 -0.92 -0.11 0.75 -0.20 1.99 -1.25
| 0.64 -0.58 1.27 0.64 -0.84 -0.21 0.66 -0.17 2.01 -1.31 | 0.08 -0.47 1.19 0.01 -0.56 -0.20 0.47 -0.63 1.80 -1.68
| 0.25 -1.22 0.94 1.03 -1.20 0.22 0.55 0.08 2.12 -1.62 | 0.07 -0.68 1.34 0.20 -1.28 0.06 0.83 -0.34 2.19 -1.50
| 0.04 -1.38 0.88 0.14 -1.46 -0.29 0.02 -0.46 1.77 -1.49 | -0.11 -1.13 1.09 0.20 -1.07 -0.67 0.01 -0.56 1.45 -1.77
| -0.15 -0.96 0.67 0.11 -1.45 -0.49 0.21 -0.49 1.87 -2.16"""
READINGS = np.array([row.split() for row in ROWS.split("|")], float).reshape(3, 3, 10).transpose(2, 0, 1)
RANGE = average_and_range(READINGS)
POOLED = crossed_anova(READINGS)
WHOLE = crossed_anova(READINGS, pool=False)
SS = {row.source: row for row in WHOLE.table}


def sigma(study, name):
    return study.components[name].sigma


def share(study, name):
    return study.components[name].study_percent


CASES = [  # what, value, expected, absolute tolerance
    ("Rbar A, B, C", np.ptp(READINGS, axis=2).mean(axis=0), [0.184, 0.513, 0.328], 5e-4),
    ("Rbarbar", np.ptp(READINGS, axis=2).mean(), 0.341667, 5e-7),
    ("Xdiff", np.ptp(READINGS.mean(axis=(0, 2))), 0.444667, 5e-7),
    ("Rp", np.ptp(READINGS.mean(axis=(1, 2))), 3.511111, 5e-7),
    ("K1 K2 K3", range_factors(3, 3, 10), [0.5908, 0.5231, 0.3146], 0),
    ("EV", sigma(RANGE, "repeatability"), 0.201857, 5e-7),
    ("AV", sigma(RANGE, "reproducibility"), 0.229667, 5e-7),
    ("GRR", sigma(RANGE, "gauge"), 0.305766, 5e-7),
    ("PV", sigma(RANGE, "part"), 1.104596, 5e-7),
    ("TV", sigma(RANGE, "total"), 1.146135, 5e-7),
    ("%EV", share(RANGE, "repeatability"), 17.61, 5e-3),
    ("%AV", share(RANGE, "reproducibility"), 20.04, 5e-3),
    ("%GRR", share(RANGE, "gauge"), 26.68, 5e-3),
    ("%PV", share(RANGE, "part"), 96.38, 5e-3),
    ("ndc", RANGE.classes, 5.09, 5e-3),
    ("ndc truncated", RANGE.class_count, 5, 0),
    ("SS part", SS["part"].ss, 88.361934, 5e-7),
    ("SS operator", SS["operator"].ss, 3.167262, 5e-7),
    ("SS interaction", SS["interaction"].ss, 0.358982, 5e-7),
    ("SS repeatability", SS["repeatability"].ss, 2.758933, 5e-7),
    ("SS total", SS["total"].ss, 94.647112, 5e-7),
    ("dof", [row.dof for row in WHOLE.table], [9, 2, 18, 60, 89], 0),
    ("F interaction", SS["interaction"].f, 0.4337, 5e-5),
    ("p interaction", SS["interaction"].p, 0.9741, 5e-5),
    ("pooled MS", {r.source: r.ms for r in POOLED.table}["pooled_repeatability"], 0.0399733, 5e-8),
    ("pooled EV", sigma(POOLED, "repeatability"), 0.199933, 5e-7),
    ("pooled AV", sigma(POOLED, "reproducibility"), 0.226838, 5e-7),
    ("pooled GRR", sigma(POOLED, "gauge"), 0.302372, 5e-7),
    ("pooled PV", sigma(POOLED, "part"), 1.042327, 5e-7),
    ("pooled TV", sigma(POOLED, "total"), 1.085300, 5e-7),
    ("pooled %GRR", share(POOLED, "gauge"), 27.8607, 5e-5),
    ("pooled %contribution", POOLED.components["gauge"].contribution_percent, 7.7622, 5e-5),
    ("pooled ndc", POOLED.classes, 4.86, 5e-3),
    ("pooled ndc truncated", POOLED.class_count, 4, 0),
    ("EV", sigma(WHOLE, "repeatability"), 0.214435, 5e-7),
    ("AV", sigma(WHOLE, "reproducibility"), 0.228304, 5e-7),
    ("GRR", sigma(WHOLE, "gauge"), 0.313217, 5e-7),
    ("PV", sigma(WHOLE, "part"), 1.043395, 5e-7),
    ("%GRR", share(WHOLE, "gauge"), 28.7516, 5e-5),
    ("ndc", WHOLE.classes, 4.70, 5e-3),
]


@pytest.mark.parametrize(("what", "value", "expected", "tolerance"), CASES)
def test_aiag_example(what, value, expected, tolerance):
    assert np.asarray(value) == pytest.approx(np.asarray(expected), abs=tolerance), AIAG


FACTORS = [  # trials or operators or parts, K1, K2 or K3 as AIAG prints them
    (2, 0.8862, 0.7071), (3, 0.5908, 0.5231), (4, None, 0.4467), (5, None, 0.4030), (6, None, 0.3742),
    (7, None, 0.3534), (8, None, 0.3375), (9, None, 0.3249), (10, None, 0.3146),
]  # fmt: skip


@pytest.mark.parametrize(("count", "k1", "k3"), FACTORS)
def test_range_factors_are_those_of_the_form(count, k1, k3):
    assert range_factors(2, 2, count)[2] == k3
    assert k1 is None or range_factors(count, 2, 2)[0] == k1


def test_the_range_limit_of_the_form():
    check = next(a for a in RANGE.assumptions if a.name == "ranges_in_control")
    assert check.detail.startswith("UCL = 0.8815")
    assert check.holds is False  # appraiser B, part 4 with range 1.02: AIAG tells it to be looked into
    assert RANGE.convention == "aiag_average_range_printed"
    assert average_and_range(READINGS, printed=False).convention == "aiag_average_range_computed"


def test_pooling_follows_the_interaction():
    assert POOLED.pooled
    assert POOLED.convention == "crossed_anova_pooled"
    assert not WHOLE.pooled
    assert WHOLE.clipped == ("interaction",)
    assert not crossed_anova(READINGS, pool_level=0.99).pooled


def test_verdicts_and_tolerance():
    assert POOLED.verdict is Verdict.MARGINAL
    study = crossed_anova(READINGS, tolerance_width=8.0)
    assert study.components["gauge"].tolerance_percent == pytest.approx(100 * 6 * 0.302372 / 8, rel=1e-5)
    assert RANGE.components["gauge"].word("zh-Hant") != RANGE.components["gauge"].word("en")
    for lang in LANGUAGES:
        assert convention_sentence(study.interval_convention, lang)


HOUF = ([437.33, 19.63, 2.70, 0.511], [9, 2, 18, 60])  # part, operator, interaction, repeatability; 10 x 3 x 3
BURDICK = "Burdick, Borror and Montgomery 2003, J. Quality Technology 35, 342: data of Houf and Berman 1988"
INTERVALS = [  # weights of the mean squares, estimate, low, high
    ((1 / 9, 0, -1 / 9, 0), 48.29, 22.69, 161.64),  # part
    ((0, 1 / 30, 9 / 30, 20 / 30), 1.80, 1.20, 27.02),  # gauge
]


@pytest.mark.parametrize(("weights", "estimate", "low", "high"), INTERVALS)
def test_modified_large_sample_intervals(weights, estimate, low, high):
    found = modified_large_sample(weights, *HOUF)
    assert np.dot(weights, HOUF[0]) == pytest.approx(estimate, abs=6e-3), BURDICK
    assert found == pytest.approx((low, high), abs=8e-3), BURDICK  # mean squares as printed, 3 digits


def test_one_mean_square_has_the_exact_interval():
    low, high = modified_large_sample([1.0], [2.0], [10])
    assert (low, high) == pytest.approx((20 / 20.4832, 20 / 3.24697), rel=1e-5)  # chi2 table, 10 degrees of freedom
    assert satterthwaite([2.0], [10])[1:] == pytest.approx((low, high), rel=1e-9)
    assert satterthwaite([1.0, 1.0], [5, 5])[0] == pytest.approx(10)


def simulated(rng, parts, operators, trials, variances):
    p, o, po, e = np.sqrt(variances)
    shape = (parts, operators, trials)
    return (p * rng.standard_normal((parts, 1, 1)) + o * rng.standard_normal((1, operators, 1))
            + po * rng.standard_normal((parts, operators, 1)) + e * rng.standard_normal(shape))  # fmt: skip


def test_the_intervals_cover_as_often_as_they_promise(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 4000)
    rng, true = np.random.default_rng(6), {"repeatability": 0.5, "part": 4.0, "gauge": 1.8, "operator": 1.0}
    held, ratio, runs = dict.fromkeys(true, 0), 0, 250
    for _ in range(runs):
        study = crossed_anova(simulated(rng, 10, 6, 2, (4.0, 1.0, 0.3, 0.5)), pool=False)
        for name, value in true.items():
            held[name] += study.components[name].low <= value <= study.components[name].high
        ratio += study.gauge_percent_low <= 100 * np.sqrt(1.8 / 5.8) <= study.gauge_percent_high
    for name, count in {**held, "ratio": ratio}.items():
        assert count / runs == pytest.approx(0.95, abs=0.05), name


def test_nested_study_of_montgomery():
    """Design and Analysis of Experiments, table 14.3 (coded purity: 3 suppliers, 4 batches each, 3 readings)."""
    data = """1 -1 0 | -2 -3 -4 | -2 0 1 | 1 4 0 | 1 -2 -3 | 0 4 2 | -1 0 -2 | 0 3 2
    | 2 4 0 | -2 0 2 | 1 -1 2 | 3 2 1"""
    values = np.array([cell.split() for cell in data.split("|")], float).reshape(3, 4, 3)
    study = nested_anova(values)
    rows = {row.source: row for row in study.table}
    assert [rows[k].ss for k in ("operator", "part", "repeatability", "total")] == pytest.approx(
        [15.06, 69.92, 63.33, 148.31], abs=6e-3
    )
    assert [rows[k].dof for k in ("operator", "part", "repeatability", "total")] == [2, 9, 24, 35]
    assert (rows["operator"].f, rows["part"].f) == pytest.approx((0.97, 2.94), abs=6e-3)
    assert (rows["operator"].p, rows["part"].p) == pytest.approx((0.42, 0.02), abs=6e-3)
    assert study.components["part"].variance == pytest.approx(1.71, abs=6e-3)
    assert study.components["repeatability"].variance == pytest.approx(2.64, abs=6e-3)
    assert study.clipped == ("operator",)
    assert study.components["gauge"].variance == pytest.approx(study.components["repeatability"].variance)


def test_tables_from_frames():
    index = [(p, o, t) for p in range(10) for o in range(3) for t in range(3)]
    frame = pd.DataFrame(index, columns=["part", "operator", "trial"])
    frame["y"] = [READINGS[i] for i in index]
    shuffled = frame.sample(frac=1, random_state=1).sort_values("trial", kind="stable")
    np.testing.assert_array_equal(crossed_table(shuffled, part="part", operator="operator", value="y"), READINGS)
    frame["own"] = frame["operator"] * 10 + frame["part"]
    nested = nested_table(frame, operator="operator", part="own", value="y")
    np.testing.assert_array_equal(nested, READINGS.transpose(1, 0, 2))
    with pytest.raises(DomainError, match="balanced"):
        crossed_table(frame.iloc[1:], part="part", operator="operator", value="y")
    with pytest.raises(DomainError):
        crossed_table(frame, part="part", operator="who", value="y")


def test_bias_of_the_aiag_example():
    """AIAG MSA 4th ed., bias study, reference 6.00: s .22514, s_b .05814, t .1153, dof 10.8, -.1185 ... .1319."""
    x = [5.8, 5.7, 5.9, 5.9, 6.0, 6.1, 6.0, 6.1, 6.4, 6.3, 6.0, 6.1, 6.2, 5.6, 6.0]
    found = bias(x, reference=6.0, sigma_from="range")
    assert found.bias.value == pytest.approx(0.0067, abs=5e-5)
    assert found.sigma == pytest.approx(0.22514, abs=1e-5)
    assert found.sigma / np.sqrt(15) == pytest.approx(0.05814, abs=1e-5)
    assert found.t == pytest.approx(0.1153, abs=7e-4)  # AIAG rounds the bias first
    assert found.dof == pytest.approx(10.8, abs=0.05)
    assert (found.bias.low, found.bias.high) == pytest.approx((-0.1185, 0.1319), abs=2e-4)
    assert found.acceptable
    assert d2_star(15, 1) == pytest.approx(3.55333, abs=2e-4)
    usual = bias(x, reference=5.8)
    assert usual.p == pytest.approx(0.0019, abs=1e-3)
    assert not usual.acceptable


REFERENCE = np.repeat([2, 4, 6, 8, 10], 12)
LINEARITY = """2.70 2.50 2.40 2.50 2.70 2.30 2.50 2.50 2.40 2.40 2.60 2.40 5.10 3.90 4.20 5.00 3.80 3.90 3.90 3.90 3.90
4.00 4.10 3.80 5.80 5.70 5.90 5.90 6.00 6.10 6.00 6.10 6.40 6.30 6.00 6.10 7.60 7.70 7.80 7.70 7.80 7.80
7.80 7.70 7.80 7.50 7.60 7.70 9.10 9.30 9.50 9.30 9.40 9.50 9.50 9.50 9.60 9.20 9.30 9.40"""


def test_linearity_of_the_aiag_example():
    found = linearity(REFERENCE, np.array(LINEARITY.split(), float))
    assert found.biases == pytest.approx([0.491667, 0.125, 0.025, -0.291667, -0.616667], abs=5e-7), AIAG
    assert found.line.slope == pytest.approx(-0.1316667, abs=5e-8), AIAG
    assert found.line.intercept == pytest.approx(0.7366667, abs=5e-8), AIAG
    assert found.line.r2 == pytest.approx(0.714318, abs=5e-7), AIAG
    assert found.line.slope_p < 1e-12
    assert not found.acceptable
    assert found.bias_p[0] < 1e-6 < found.bias_p[2]


def test_a_gauge_without_bias_is_acceptable_and_a_bent_one_is_seen():
    rng = np.random.default_rng(3)
    x = np.repeat([1.0, 2, 3, 4, 5], 10)
    good = linearity(x, x + rng.normal(0, 0.1, 50))
    assert good.acceptable
    bent = linearity(x, x + 0.3 * (x - 3) ** 2 + rng.normal(0, 0.1, 50))
    assert next(a for a in bent.assumptions if a.name == "straight").holds is False


REFUSED = [
    (lambda: crossed_anova(READINGS[:, :, :1]), "process.gauge_shape"),
    (lambda: average_and_range(np.ones((5, 3, 2))), "process.no_variation"),
    (lambda: nested_anova(np.full((3, 2, 2), np.nan)), "process.gauge_shape"),
    (lambda: bias([1, 2], reference=1), "process.too_few_values"),
    (lambda: bias([1, 1, 1], reference=1), "process.no_variation"),
    (lambda: bias([1, 2, 3], reference=1, sigma_from="mad"), "process.choice"),
    (lambda: linearity([1, 1, 2], [1, 2, 3]), "process.references"),
]


@pytest.mark.parametrize(("call", "rule"), REFUSED)
def test_questions_without_an_answer_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
