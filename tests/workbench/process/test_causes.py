"""The search for causes: what was planted is found and named, clean lots are left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DomainError
from workbench.process.causes import FAILING, causes_of, pattern_of
from workbench.process.lot_record import LotRecord, Specification
from workbench.process.lots import Origin


def record(values, factors=None, *, limits=None, x=None, y=None, carrier="T1"):
    """A lot of so many units with `values` and `factors` by name; `limits` are (lower, upper) by parameter."""
    values = pd.DataFrame(values)
    names = [f"L/{carrier}/#{i}" for i in range(len(values))]
    values.index = names
    carriers = carrier if isinstance(carrier, list) else [carrier] * len(values)
    units = pd.DataFrame({"carrier": carriers, "position": range(len(values)), "x": x, "y": y, "site": pd.NA,
                          "hard_bin": pd.NA, "attempt_count": 1, "born_in": "L"}, index=names)  # fmt: skip
    specs = {n: Specification(n, low, high, None, "", "test") for n, (low, high) in (limits or {}).items()}
    passed = pd.Series(pd.NA, index=names, dtype="boolean")
    for spec in specs.values():
        passed = passed.fillna(True) & spec.holds(values[spec.parameter])
    return LotRecord(Origin("L", "a lot", "test", True, True), "M", datetime(2026, 1, 1, tzinfo=UTC),
                     units.assign(passed=passed), values, pd.DataFrame(factors or {}, index=names), specs, (), {}, (),
                     (), (), None, {})  # fmt: skip


def chambers(seed, shift=0.0, count=48):
    """Units of two chambers and three batches, crossed; chamber B is moved by `shift`."""
    dice = np.random.default_rng(seed)
    chamber = np.array(["A", "B"])[np.arange(count) % 2]
    return record({"gap_um": dice.standard_normal(count) + shift * (chamber == "B")},
                  {"plate: chamber": chamber, "plate: material_batch": np.arange(count) // (count // 3)},
                  limits={"gap_um": (-2.5, 2.5)})  # fmt: skip


def test_a_bad_chamber_is_named_with_its_shift():
    found = causes_of(chambers(1, shift=3.0)).found
    assert {(c.kind, c.factor, c.level) for c in found} == {
        ("measured", "plate: chamber", "B"), ("failing", "plate: chamber", "B")}  # fmt: skip
    shift = next(c for c in found if c.kind == "measured")
    assert shift.low < 3.0 < shift.high
    assert shift.p < 1e-6


def test_the_level_that_is_worse_off_is_accused_whichever_way_it_lies():
    for shift in (3.0, -3.0):
        accused = {c.level for c in causes_of(chambers(2, shift=shift)).found}
        assert accused == {"B"}


def test_a_drifting_nozzle_is_told_from_its_fellows():
    dice = np.random.default_rng(5)
    nozzle = np.array(["N1", "N2", "N3", "N4"])[np.arange(80) % 4]
    drifted = dice.standard_normal(80) + 0.08 * np.arange(80) * (nozzle == "N2")
    drift = [c for c in causes_of(record({"place_um": drifted}, {"place: chamber": nozzle})).found if c.kind == "drift"]
    assert [(c.factor, c.level) for c in drift] == [("place: chamber", "N2")]
    assert drift[0].effect == pytest.approx(0.08, abs=0.03)


def test_an_edge_ring_is_a_pattern_of_its_carrier():
    y, x = np.mgrid[0:11, 0:11]
    inside = np.hypot(x - 5, y - 5) < 5.6
    x, y = x[inside], y[inside]
    dice = np.random.default_rng(3)
    made = record({"leakage": dice.standard_normal(len(x)) + 3.0 * (np.hypot(x - 5, y - 5) > 4.6)}, x=x, y=y)
    found = causes_of(made).found
    assert [(c.kind, c.response, c.factor, c.level) for c in found] == [("map", "leakage", "T1", "edge_ring")]
    assert pattern_of(made, "leakage", "T1").kind == "edge_ring"


def test_two_factors_that_hold_the_same_units_are_named_together():
    lot = chambers(4, shift=3.0)
    twin = lot.factors.assign(**{"bond: equipment": lot.factors["plate: chamber"].map({"A": "T1", "B": "T2"})})
    found = causes_of(LotRecord(**{**vars(lot), "factors": twin})).found
    assert found
    assert all(("bond: equipment", "T2") in c.aliases or ("plate: chamber", "B") in c.aliases for c in found)


def test_clean_lots_are_accused_no_more_often_than_stated():
    """60 clean lots at 20 %: 12 are expected at most, 20 or more come with a probability of 1 %."""
    accused = sum(bool(causes_of(chambers(seed, count=24), rate=0.2).found) for seed in range(60))
    assert accused < 20


@pytest.mark.parametrize(("made", "asked"), [
    (record({"a": [1.0, 2.0, 3.0]}), {"failing": 0, "measured": 0, "drift": 0, "map": 0}),
    (record({"a": [1.0] * 20}, {"t: chamber": ["A", "B"] * 10}), {"failing": 0, "measured": 0, "drift": 0, "map": 0}),
    (chambers(0), {"failing": 1, "measured": 1, "drift": 1, "map": 0}),
])  # fmt: skip
def test_what_has_no_answer_is_not_asked(made, asked):
    found = causes_of(made).asked
    assert {k: v for k, v in found.items() if k != "failing"} == {k: v for k, v in asked.items() if k != "failing"}
    assert found["failing"] <= asked["failing"]  # only where some, not all, failed


def test_a_rate_must_be_a_rate():
    with pytest.raises(DomainError):
        causes_of(chambers(0), rate=0.7)


def test_the_map_of_few_units_has_no_verdict():
    assert pattern_of(record({"a": [1.0, 2.0]}, x=[0, 1], y=[0, 0]), FAILING, "T1") is None
