"""The review of a plan: words in, a plan and its worth out, with reasons."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from workbench import facts
from workbench.errors import InputError
from workbench.process.experiment_review import ExperimentReview, factors_of, limits_of, planned, review
from workbench.process.lots import Experiment, Origin
from workbench.process.window import Limits
from workbench.process.window.factors import Category, Factor
from workbench.process.window.study import study
from workbench.runs.notebooks import find
from workbench.schema import Verdict


def experiment_of(name, responses):
    table = facts.load(f"process/{name}")
    factors = tuple(Factor(f["name"], f["low"], f["high"]) for f in table["factors"])
    runs = pd.DataFrame(table["runs"]).astype(float)
    limits = {s["parameter"]: Limits(s.get("lower"), s.get("upper")) for s in table.get("specifications", ())}
    return Experiment(Origin(name, name, table["source"], table["verified"], False), factors,
                      runs[[f.name for f in factors]], runs[responses], limits)  # fmt: skip


@pytest.fixture(scope="module")
def cvd():
    return experiment_of("cvd_tungsten", ["uniformity_percent", "stress"])


@pytest.fixture(scope="module")
def result(cvd):
    return review(cvd, ExperimentReview())


@pytest.mark.parametrize(
    ("words", "factors"),
    [
        ("pressure_torr 4 80; ratio 2 10", (Factor("pressure_torr", 4, 80), Factor("ratio", 2, 10))),
        (" a -1.5 ... 2e1 ; tool A | B|C;", (Factor("a", -1.5, 20), Category("tool", ("A", "B", "C")))),
    ],
)
def test_factors_as_written(words, factors):
    assert factors_of(words) == factors


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("pressure 4; b 1 2", "process.plan_words"),
        ("a 1 2; b 2 1", "process.factor_constant"),
        ("a 1 2; t A|A", "process.factor_constant"),
        ("a 1 2", "process.plan_factor_count"),
        ("a 1 2; a 3 4", "process.plan_factor_count"),
        ("a; b=1", "process.plan_words"),
        ("=cmd 1 2; b 1 2", "process.plan_words"),
    ],
)
def test_factors_that_cannot_be_read_are_refused(words, rule):
    with pytest.raises(InputError) as refused:
        factors_of(words)
    assert (refused.value.rule, refused.value.where) == (rule, "factors")
    assert refused.value.what("en") != refused.value.what("zh-Hant")


def test_limits_as_written(cvd):
    found = limits_of("stress > 7; stress<=8.5; thickness_nm < 3; uniformity_percent ≤ 5", cvd)
    assert found == {"stress": Limits(7, 8.5), "uniformity_percent": Limits(upper=5)}


@pytest.mark.parametrize(("words", "rule"), [("stress = 8", "process.plan_limits"),
                                             ("stress < 7; stress > 8", "process.limits_crossed")])  # fmt: skip
def test_limits_that_cannot_be_read_are_refused(cvd, words, rule):
    with pytest.raises(InputError) as refused:
        limits_of(words, cvd)
    assert refused.value.rule == rule


def test_the_default_review_concludes(result):
    assert result.verdict is Verdict.MARGINAL
    assert (len(result.judged.plan), result.judged.order) == (16, "quadratic")
    wafers, power, variance = result.summary.figures
    assert wafers.value == 16
    assert power.value == pytest.approx(100 * min(e.probability for e in result.judged.powers))
    assert variance.value == pytest.approx(result.judged.evaluation.average_variance)
    assert not result.refused
    said = " ".join(r["en"] for r in result.summary.reasons)
    assert "within the budget of 16" in said
    assert not re.search(r"\{[a-z]", said)


PLANS = [  # given, runs, model it can estimate, verdict. Sizes: Montgomery; Box and Behnken 1960
    ({"plan_kind": "central_composite", "centre_count": 5}, 13, "quadratic", Verdict.MARGINAL),
    ({"plan_kind": "full_factorial", "model": "interactions", "centre_count": 3, "replicate_count": 2}, 11,
     "interactions", Verdict.PASS),
    ({"plan_kind": "full_factorial"}, 7, "interactions", Verdict.FAIL),  # squares cannot be estimated
    ({"plan_kind": "box_behnken", "factors": "a 0 1; b 0 1; c 0 1"}, 15, "quadratic", Verdict.MARGINAL),
    ({"plan_kind": "fraction", "model": "linear", "factors": "a 0 1; b 0 1; c 0 1; d 0 1; e 0 1", "run_count": 8,
      "centre_count": 0, "effect_in_sigma": 6.0}, 8, "linear", Verdict.PASS),
    # 8 of 16 wafers: a fraction of 16 would leave none for the three centre runs
    ({"plan_kind": "fraction", "model": "linear", "factors": "a 0 1; b 0 1; c 0 1; d 0 1; e 0 1",
      "effect_in_sigma": 4.0}, 11, "linear", Verdict.PASS),
    ({"wafers_per_run": 3, "run_count": 9}, 9, "quadratic", Verdict.FAIL),  # 27 wafers of 16
    ({"effect_in_sigma": 5.0}, 16, "quadratic", Verdict.PASS),
]  # fmt: skip


@pytest.mark.parametrize(("given", "runs", "order", "verdict"), PLANS)
def test_plans_and_verdicts(cvd, given, runs, order, verdict):
    found = review(cvd, ExperimentReview(**given))
    assert (len(found.judged.plan), found.judged.order, found.verdict) == (runs, order, verdict)
    assert all(set(reason) == {"en", "zh-Hant"} for reason in found.summary.reasons)


def test_a_fraction_shows_what_it_confounds(cvd):
    words = "a 0 1; b 0 1; c 0 1; d 0 1"
    found = review(cvd, ExperimentReview(plan_kind="fraction", model="linear", factors=words, run_count=8))
    assert (found.aliases.resolution, found.aliases.words) == (4, ("ABCD",))  # Montgomery, 2^(4-1), I = ABCD
    assert ("AB", "CD") in found.aliases.chains


@pytest.mark.parametrize(
    "given",
    [{"plan_kind": "box_behnken"}, {"plan_kind": "central_composite", "factors": "a 0 1; t A|B"},
     {"run_count": 5}, {"hard_to_change": "nothing", "whole_plot_count": 3},
     {"plan_kind": "fraction", "run_count": 5}],
)  # fmt: skip
def test_plans_that_do_not_exist_are_refused(cvd, given):
    with pytest.raises(InputError) as refused:
        review(cvd, ExperimentReview(**given))
    assert refused.value.rule == "process.plan_none"
    assert refused.value.where == "plan_kind"


def test_the_order_is_random_and_repeatable(cvd):
    one, same, other = (review(cvd, ExperimentReview(order_seed=s)).judged.plan.order.tolist() for s in (1, 1, 2))
    assert one == same != other
    assert sorted(one) == list(range(16))


def test_hard_to_change_factors_are_set_as_often_as_said(cvd):
    given = {"factors": "anneal_c 250 350; time_s 10 60; force_n 50 150", "hard_to_change": "anneal_c"}
    plan = review(cvd, ExperimentReview(**given, whole_plot_count=5)).judged.plan
    table = plan.table()
    assert (table.groupby("whole_plot")["anneal_c"].nunique() == 1).all()
    assert (table["whole_plot"].diff() != 0).sum() == 5  # runs of one whole plot follow each other


def test_added_runs_never_make_what_is_known_less_certain(result, cvd):
    grown = result.augmentation
    assert grown.variance_after < grown.variance_before
    few = review(cvd, ExperimentReview(augment_count=2)).augmentation
    assert grown.variance_after < few.variance_after < few.variance_before


def test_runs_at_hand_that_cannot_fit_the_model_can_after_runs_were_added():
    filtration = experiment_of("filtration_rate", ["filtration_rate"])
    grown = review(filtration, ExperimentReview()).augmentation
    assert (grown.before.order, grown.after.order, grown.variance_before) == ("interactions", "quadratic", None)


def test_the_next_lot_keeps_its_budget_and_goes_where_the_window_is_in_doubt(result):
    found = result.proposal
    assert found.lot.wafers == 8
    assert np.isnan(found.lot.gain).tolist() == [False] * 7 + [True]  # the last repeats the set point
    assert 0 < found.lot.left < 1
    assert (found.distance[:-1] >= 0.2 - 1e-9).all()
    assert np.median(np.abs(found.probability[:-1] - 0.5)) < 0.4


def test_without_limits_there_is_a_plan_but_no_proposal(cvd):
    found = review(cvd, ExperimentReview(limits=""))
    assert found.proposal is None
    assert found.refused["proposal"].rule == "process.no_limit"
    assert found.judged.order == "quadratic"


def test_published_tables_give_the_published_fits():
    """Effects of Montgomery's example 6.2, and the cube and centre of Derringer and Suich's table."""
    rates = experiment_of("filtration_rate", ["filtration_rate"])
    y, x = rates.responses["filtration_rate"].to_numpy(), rates.settings.to_numpy()
    effects = [float(y @ x[:, i] / 8) for i in range(4)]
    assert effects == [21.625, 3.125, 9.875, 14.625]
    assert float(y @ (x[:, 0] * x[:, 2]) / 8) == -18.125
    tread = experiment_of("tire_tread", ["pico_abrasion_index", "modulus_200_percent_strain", "elongation_percent",
                                         "hardness_shore"])  # fmt: skip
    assert len(tread.settings) == 20
    assert len(tread.settings.drop_duplicates()) == 15
    found = study(tread.factors, tread.settings.to_numpy(), {n: tread.responses[n].to_numpy() for n in tread.responses},
                  tread.limits, [0.0] * 3, model="full_quadratic")  # fmt: skip
    wear = found.responses[0].surface
    # y1 = 139.12 + 16.49 x1 + 17.88 x2 + 10.91 x3 - 4.01 x1^2 ... with x1 = (silica - 1.2) / 0.5 (Derringer and Suich)
    steps = np.array([0.5, 10, 0.5]) / [f.half_range for f in tread.factors]
    assert wear.coefficients[0] == pytest.approx(139.12, abs=0.01)
    assert wear.coefficients[1:4] * steps == pytest.approx([16.49, 17.88, 10.91], abs=0.01)


def test_a_plan_of_every_kind_is_within_the_stated_ranges(cvd):
    factors = factors_of("a 0 1; b 0 1; c 0 1")
    for kind in ("i_optimal", "d_optimal", "central_composite", "box_behnken", "full_factorial", "fraction"):
        settings = planned(kind, factors, ExperimentReview(plan_kind=kind)).settings().to_numpy()
        assert settings.min() >= -1e-9, kind
        assert settings.max() <= 1 + 1e-9, kind


def test_the_commands_of_the_page_can_be_run(root):
    page = (root / "docs" / "how-to" / "plan-experiments.md").read_text("utf-8")
    commands = re.findall(r"^workbench run (\w+)(.*)$", page, re.MULTILINE)
    assert len(commands) >= 8
    for name, rest in commands:
        pairs = [a or b for a, b in re.findall(r'-p (?:"([^"]+)"|(\S+))', rest)]
        assert pairs
        p = find(name).parameters.from_pairs(pairs)
        if name == "design_of_experiment" and p.factors:
            planned(p.plan_kind, factors_of(p.factors), p, starts=2)
