"""Setting up limits, freezing them as a document, and judging by them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench import facts
from workbench.errors import DomainError, InputError
from workbench.process.quality.attributes import attribute_chart, c_chart
from workbench.process.quality.charts import individuals, xbar_r, xbar_s
from workbench.process.quality.limits import (
    FrozenLimits,
    freeze,
    freeze_borrowed,
    phase_one,
    phase_two,
    revise,
)
from workbench.process.quality.memory import cusum, ewma
from workbench.process.quality.shrinkage import borrowed_limits

BAKE = facts.load("process/hard_bake_flow_width")
WIDTHS, LATER = np.array(BAKE["subgroups"]), np.array(BAKE["later_subgroups"])
CLEAN = np.random.default_rng(21).normal(10, 2, 80)
SPOILT = CLEAN.copy()
SPOILT[[12, 40]] = [24.0, -3.0]


@pytest.mark.parametrize(
    ("kind", "chart", "data"),
    [("xbar_r", xbar_r, WIDTHS), ("xbar_s", xbar_s, WIDTHS), ("individuals", individuals, WIDTHS[:, 0])],
)
def test_a_clean_baseline_has_the_limits_of_its_chart(kind, chart, data):
    found, plain = phase_one(data, kind=kind), chart(data)
    assert found.stable
    assert not found.removed
    assert (found.rounds, found.limits.version) == (0, 1)
    for side in ("lower", "centre", "upper"):
        assert getattr(found.limits, side) == pytest.approx(getattr(plain.location, side), rel=1e-12)
    assert found.limits.spread_upper == pytest.approx(plain.spread.upper, rel=1e-12)
    assert found.limits.sigma_dof == pytest.approx(plain.sigma_dof, rel=1e-9)
    assert found.chart.location.violations == plain.location.violations
    assert found.limits.units == data.size


def test_frozen_limits_catch_what_the_book_reports():
    """Montgomery, table 6.2 against the limits of table 6.1: samples 43 and 45 plot above the upper limit."""
    limits = phase_one(WIDTHS, kind="xbar_r", parameter="flow_width_um").limits
    judged = phase_two(LATER, limits)
    assert [v.index + 26 for v in judged.violations if v.rule == "western_electric_1"] == [43, 45]
    assert judged.location.upper == limits.upper


def test_clean_up_leaves_out_what_lies_beyond_and_says_so():
    names = [f"u{i}" for i in range(80)]
    found = phase_one(SPOILT, parameter="gap_um", labels=names)
    assert {(12, "location"), (40, "location")} <= set(found.removed)
    assert set(found.limits.removed) >= {("u12", "location"), ("u40", "location")}
    assert found.limits.units == 80 - len(found.removed)
    assert (found.limits.data_from, found.limits.data_to) == ("u0", "u79")
    assert found.stable
    assert found.limits.sigma == pytest.approx(2.0, rel=0.2)
    kept = np.delete(SPOILT, [i for i, _ in found.removed])
    assert ((kept >= found.limits.lower) & (kept <= found.limits.upper)).all()
    assert len(found.chart.location.values) == 80  # nothing is hidden


def test_ranges_across_a_gap_are_not_used():
    x = np.array([0.0, 1.0, 0.0, 1.0, 50.0, 9.0, 10.0, 9.0, 10.0, 9.0])
    found = phase_one(np.concatenate([x[:4], [500.0], x[5:]]), most_removed=0.5)
    assert found.removed == ((4, "location"),)
    assert found.limits.spread_centre == pytest.approx(1.0)  # the step of 8 from 1 to 9 is no moving range


def test_a_baseline_that_does_not_come_to_rest_is_called_unstable():
    x = np.random.default_rng(0).normal(0, 1, 30)
    x[25:] += 20.0
    found = phase_one(x, most_removed=0.05)
    assert not found.stable
    assert phase_one(x, most_removed=0.3).stable


def test_points_stay_in_when_no_cause_is_known():
    found = phase_one(SPOILT, clean=False)
    assert not found.removed
    assert found.limits.upper == pytest.approx(individuals(SPOILT).location.upper)


def test_clean_up_of_a_stable_baseline_costs_what_is_said():
    """Of 300 stable baselines of 60 values some 0.3 % of the points go, as the docstring states."""
    gone = [len(phase_one(np.random.default_rng(s).standard_normal(60)).removed) for s in range(300)]
    assert 0.001 < np.mean(gone) / 60 < 0.007


def test_documents_come_back_as_they_were():
    limits = [
        phase_one(SPOILT, parameter="gap_um", module_type="M1").limits,
        freeze(ewma(CLEAN), parameter="gap_um"),
        freeze(cusum(CLEAN, head_start=0.0)),
        freeze(c_chart([3, 5, 2, 8])),
        freeze(attribute_chart([3, 5, 2, 8], 50, kind="np")),
        freeze_borrowed(borrowed_limits(CLEAN, list("abcde") * 16, new_types=["f"]), "f", parameter="gap_um"),
    ]
    for one in limits:
        assert FrozenLimits.from_document(json.loads(json.dumps(one.to_document()))) == one


def test_frozen_charts_judge_as_their_baseline_did():
    later = np.concatenate([CLEAN, [13.0] * 12])
    for chart in (ewma, cusum):
        base = chart(CLEAN)
        judged = phase_two(later, freeze(base))
        known = chart(later, target=base.centre, sigma=base.sigma)
        assert list(judged.signals) == list(known.signals)
        assert len(judged.signals) > 0
    counts = c_chart([3, 5, 2, 8, 4])
    assert [v.index for v in phase_two([4, 30], freeze(counts)).violations] == [1]
    share = attribute_chart([3, 5, 2, 8], 50, kind="np")
    assert phase_two([4], freeze(share)).upper[0] == pytest.approx(share.upper[0])
    assert phase_two([4], freeze(attribute_chart([3, 5, 2, 8], 50, kind="p")), sizes=[200]).upper[0] < 0.2


def test_counts_frozen_with_exact_limits_stay_judged_by_them():
    base = c_chart([0, 1, 0, 0, 1, 1, 0, 0, 2, 0], judged_by="exact")
    assert not phase_two([3], freeze(base)).violations
    assert phase_two([5], freeze(base)).violations


def test_a_new_type_is_judged_from_its_first_unit():
    found = borrowed_limits(CLEAN, list("abcde") * 16, new_types=["new"])
    document = freeze_borrowed(found, "new", parameter="gap_um")
    assert (document.units, document.points) == (0, 80)
    assert document.units_borrowed > 0
    one = found.types["new"]
    edge = np.array([one.lower - 0.01, one.lower + 0.01, one.upper - 0.01, one.upper + 0.01])
    assert [v.index for v in phase_two(edge, document).violations] == [0, 3]


def test_a_revision_names_what_it_replaces():
    first = phase_one(CLEAN, parameter="gap_um").limits
    second = revise(first, phase_one(CLEAN[20:], parameter="gap_um").limits)
    assert (second.version, second.supersedes) == (2, first.content_sha256)
    assert FrozenLimits.from_document(second.to_document()).supersedes == first.content_sha256
    with pytest.raises(InputError) as refused:
        revise(first, phase_one(CLEAN, parameter="other").limits)
    assert refused.value.rule == "process.limits_revision"


DOCUMENT = phase_one(CLEAN, parameter="gap_um").limits.to_document()
SPOILED = [
    {**DOCUMENT, "upper": DOCUMENT["upper"] + 1}, {**DOCUMENT, "content_sha256": "0"}, {**DOCUMENT, "units": -1},
    {**DOCUMENT, "extra": 1}, {k: v for k, v in DOCUMENT.items() if k != "sigma"}, {**DOCUMENT, "kind": "pie"},
    {**DOCUMENT, "sigma": float("nan")}, {**DOCUMENT, "removed": 3}, {**DOCUMENT, "document": "design"},
    {**DOCUMENT, "settings": {"a": "b"}}, {**DOCUMENT, "version": True}, {**DOCUMENT, "rules": "all"}, [], None,
    {**DOCUMENT, "lower": None},
]  # fmt: skip


@pytest.mark.parametrize("document", SPOILED)
def test_spoiled_documents_are_refused(document):
    with pytest.raises(InputError) as refused:
        FrozenLimits.from_document(document)
    assert refused.value.rule == "process.limits_document"


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: phase_one(CLEAN, kind="pie"), "process.choice"),
        (lambda: phase_one(CLEAN[:2]), "process.baseline"),
        (lambda: phase_one(WIDTHS, kind="individuals"), "process.subgroups_uneven"),
        (lambda: phase_one(np.ones(9)), "process.no_variation"),
        (lambda: phase_two(WIDTHS[:, :3], phase_one(WIDTHS, kind="xbar_r").limits), "process.subgroups_uneven"),
        (lambda: freeze(attribute_chart([3, 9, 2], 50, kind="laney_p")), "process.choice"),
    ],
)
def test_data_without_limits_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
