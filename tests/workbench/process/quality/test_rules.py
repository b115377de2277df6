"""Run rules by their definitions, and what may not change their verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.process.quality.rules import NELSON, SETS, WESTERN_ELECTRIC, violations, zone

CASES = [  # points in sigma, rule set, rule, 0-based points flagged, definition
    ([0.1] * 9, NELSON, "nelson_2", [8], "nine in a row on one side"),
    ([0.1] * 9, WESTERN_ELECTRIC, "western_electric_4", [7, 8], "eight in a row on one side"),
    ([0, 0.1, 0.2, 0.3, 0.4, 0.5], NELSON, "nelson_3", [5], "six rising: five steps"),
    ([0, 0.1, 0.2, 0.3, 0.4], NELSON, "nelson_3", [], "five are not enough"),
    ([0.5, -0.5] * 7, NELSON, "nelson_4", [13], "fourteen alternating"),
    ([0.5, -0.5] * 6 + [0.5], NELSON, "nelson_4", [], "thirteen are not enough"),
    ([2.1, 0.2, 2.2], NELSON, "nelson_5", [2], "two of three beyond 2 sigma"),
    ([2.1, -2.2], NELSON, "nelson_5", [], "not on the same side"),
    ([2.1, 0.2, 0.2, 2.2], NELSON, "nelson_5", [], "the fourth is too late"),
    ([2.1, 2.2, 0.2], NELSON, "nelson_5", [1], "a point inside the zone completes nothing"),
    ([1.1, 1.2, 0.0, 1.3, 1.4], NELSON, "nelson_6", [4], "four of five beyond 1 sigma"),
    ([1.1, 1.2, 0.0, 1.3, -1.4], NELSON, "nelson_6", [], "four of five, one on the other side"),
    ([0.9, -0.9, 0.5] * 5, NELSON, "nelson_7", [14], "fifteen within 1 sigma"),
    ([1.5, -1.5] * 4, NELSON, "nelson_8", [7], "eight beyond 1 sigma on both sides"),
    ([1.5] * 8, NELSON, "nelson_8", [], "all on one side is rule 2's matter"),
    ([3.0001, -3.0001, 3.0], NELSON, "nelson_1", [0, 1], "beyond means beyond"),
    ([0.1] * 5 + [0.0] + [0.1] * 5, WESTERN_ELECTRIC, "western_electric_4", [], "the centre line ends a run"),
]  # Nelson 1984, J. Quality Technology 16, 237; Western Electric 1956


@pytest.mark.parametrize(("z", "rules", "name", "expected", "why"), CASES)
def test_definition(z, rules, name, expected, why):
    assert [v.index for v in violations(np.array(z, float), rules) if v.rule == name] == expected, why


series = st.lists(st.floats(-4, 4).map(lambda v: round(v, 2)), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(series)
def test_rules_do_not_know_up_from_down(z):
    z = np.array(z)
    for rules in SETS.values():
        assert violations(z, rules) == violations(-z, rules)


@settings(max_examples=60, deadline=None)
@given(series, st.integers(1, 40))
def test_the_future_does_not_change_the_past(z, cut):
    z = np.array(z)
    for rules in SETS.values():
        early = [v for v in violations(z, rules) if v.index < cut]
        assert list(violations(z[:cut], rules)) == early


@settings(max_examples=60, deadline=None)
@given(series, st.integers(1, 5), st.integers(1, 5))
def test_zone_rule_equals_counting_by_hand(z, count, of):
    z = np.array(z)
    by_hand = [
        any(s * z[i] > 1 and sum(s * v > 1 for v in z[max(0, i - of + 1) : i + 1]) >= count for s in (1, -1))
        for i in range(len(z))
    ]
    assert zone(z, count, of, 1.0).tolist() == by_hand


def test_false_alarms_come_as_often_as_theory_says():
    z = np.random.default_rng(7).standard_normal(400_000)
    share = len(violations(z, SETS["shewhart"])) / len(z)
    assert share == pytest.approx(1 / 370.398, abs=3.5 * (0.0027 / len(z)) ** 0.5)  # ARL0 of 3 sigma limits: 370.398
