"""Synthetic lots: equal for equal seeds, clean where they say so, and what is planted is where it is said to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.errors import DomainError
from workbench.formats.lot_data import PART_COLUMNS, READING_COLUMNS
from workbench.process.history.events import FACTS, KINDS
from workbench.process.quality.commonality import commonality
from workbench.process.quality.spatial.positions import Carrier, positions
from workbench.process.quality.spatial.zones import zone_study
from workbench.process.synthetic import (
    BAD_CHAMBER,
    DRIFTING_NOZZLE,
    EDGE_RING,
    MEASURED,
    TYPES,
    Planted,
    places,
    synthetic_lots,
)
from workbench.units import unit_of

CLEAN = synthetic_lots(10, seed=3)
SICK = synthetic_lots(20, seed=3, planted=(BAD_CHAMBER, EDGE_RING, DRIFTING_NOZZLE))


def pooled(lots):
    """All units of several lots, each parameter in deviations from the target of its type."""
    frames = []
    for lot in lots:
        units = lot.units()
        for m in lot.module_type.measured():
            units[m.name] = (units[m.name] - m.target) / m.sigma
        frames.append(units)
    return pd.concat(frames, ignore_index=True)


def test_equal_seeds_give_equal_lots():
    again = synthetic_lots(10, seed=3)
    for one, two in zip(CLEAN, again, strict=True):
        pd.testing.assert_frame_equal(one.history, two.history)
        pd.testing.assert_frame_equal(one.data.readings, two.data.readings)
    other = synthetic_lots(1, seed=4)[0]
    assert not np.array_equal(other.data.readings["value"], CLEAN[0].data.readings["value"])


def test_a_lot_is_what_a_reader_gives():
    for lot in CLEAN[:5]:
        data = lot.data
        assert {c: str(data.parts[c].dtype) for c in PART_COLUMNS} == PART_COLUMNS
        assert {c: str(data.readings[c].dtype) for c in READING_COLUMNS} == READING_COLUMNS
        assert list(data.parts.columns) == list(PART_COLUMNS)
        assert data.product == lot.module_type.name
        for _, parts in data.parts.groupby("carrier", observed=True):
            assert parts["position"].tolist() == list(range(len(parts)))
        assert len(data.readings) == len(data.parts) * len(MEASURED)
        assert {c.name for c in data.carriers} == set(data.parts["carrier"])


def test_lots_say_what_they_are():
    for lot in SICK[:2]:
        assert lot.synthetic
        assert lot.data.conditions["synthetic"] is True
        assert [p["cause"] for p in lot.data.conditions["planted"]] == ["bad_chamber", "edge_ring", "drifting_nozzle"]
        assert lot.data.format == "synthetic"
        assert "Synthetic" in lot.data.report.lines("en")[0]
        assert "合成" in lot.data.report.lines("zh-Hant")[0]
    assert CLEAN[0].planted == ()


def test_names_carry_their_units():
    assert all(unit_of(m.name) is not None for m in MEASURED)
    assert {t.unit for t in CLEAN[0].data.tests} == {"µm", "°", "Ω"}


def test_the_line_is_one_of_few_units_and_many_types():
    assert [lot.module_type.name for lot in CLEAN[:6]] == [*(t.name for t in TYPES), TYPES[0].name]
    few = synthetic_lots(3, seed=1, units_per_carrier=6, carriers_per_lot=1)
    assert [len(lot.units()) for lot in few] == [6, 6, 6]
    for kind in TYPES:
        spots = places(kind)
        assert np.hypot(spots["x_um"], spots["y_um"]).max() < 150e3
        assert (spots["x_um"] == spots["x"] * kind.pitch_mm * 1e3).all()


def test_chambers_are_used_alike():
    """Balanced rounds: over 40 carriers each of the four plating chambers had ten."""
    history = pd.concat([lot.history for lot in SICK])
    used = history[history["step"] == "plate"].drop_duplicates("carrier").groupby("chamber").size()
    assert used.to_dict() == dict.fromkeys("ABCD", 10)


def test_steps_become_events_of_the_history():
    lot = CLEAN[1]
    events = lot.events()
    assert {e["kind"] for e in events} <= set(KINDS)
    assert all(set(FACTS) >= set(e) - {"kind", "carriers", "units", "occurred_at"} for e in events)
    moments = [e["occurred_at"] for e in events]
    assert moments == sorted(moments)
    named = [u for e in events if e["kind"] == "step_in" and e["step"] == "place" for u in e["units"]]
    parts = lot.data.parts
    assert sorted(named) == sorted(f"{lot.lot}/{p.carrier}/{p.x},{p.y}" for p in parts.itertuples())
    assert sorted(named) == sorted(lot.units()["unit"])
    assert {(r["carrier"], r["name"]) for r in lot.step_rows()} == {
        (c.name, s) for c in lot.data.carriers for s in ("place", "mould", "expose", "plate", "bond", "grind")
    }


def test_clean_values_are_normal_around_their_targets():
    """20 lots, over 1,000 units: mean within 4 standard errors, Kolmogorov-Smirnov not below 1e-4, all nine."""
    units = pooled(synthetic_lots(20, seed=9))
    for m in MEASURED:
        z = units[m.name].to_numpy()
        assert abs(z.mean()) < 4 / np.sqrt(len(z)), m.name
        assert stats.kstest(z, "norm").pvalue > 1e-4, m.name


def test_a_bad_chamber_is_where_it_is_planted():
    units = pooled(SICK)
    bad = units["plate_chamber"] == "ECD-1/C"
    assert units.loc[bad, "copper_um"].mean() == pytest.approx(3, abs=0.2)
    assert units.loc[~bad, "copper_um"].mean() == pytest.approx(0, abs=0.2)
    found = commonality(units, response="copper_um", factors=["plate_chamber", "mould_chamber", "bond_chamber"],
                        permutation_count=999)  # fmt: skip
    assert found.suspects[0].level == "ECD-1/C"


def test_an_edge_ring_is_where_it_is_planted():
    units = pooled(SICK)
    edge = np.hypot(units["x_um"], units["y_um"]) > 0.8 * 150e3
    assert 0.1 < edge.mean() < 0.5
    assert units.loc[edge, "space_um"].mean() == pytest.approx(2.5, abs=0.2)
    assert units.loc[~edge, "space_um"].mean() == pytest.approx(0, abs=0.2)
    placed = positions(units["x_um"] / 1e3, units["y_um"] / 1e3, Carrier(radius_mm=150.0))
    study = zone_study(units["space_um"].to_numpy(), placed, permutation_count=199)
    assert (study.worst, study.ring_p) == ("edge", pytest.approx(0.01))


def test_a_nozzle_drifts_from_nothing_to_its_size():
    units = pooled(SICK)
    nozzle = units["place_chamber"] == "PNP-1/N3"
    own = units.loc[nozzle, "place_x_um"].to_numpy()
    order = units.index[nozzle] / len(units)
    slope, start = np.polyfit(order, own, 1)
    assert start == pytest.approx(0, abs=0.6)
    assert start + slope == pytest.approx(4, abs=0.6)
    assert units.loc[~nozzle, "place_x_um"].mean() == pytest.approx(0, abs=0.2)


def test_a_cause_begins_when_it_is_said_to():
    late = synthetic_lots(8, seed=2, planted=[Planted("edge_ring", "copper_um", 6.0, since=4)])
    before, after = pooled(late[:4]), pooled(late[4:])
    assert before["copper_um"].max() < 5
    assert after["copper_um"].max() > 6
    assert before["passed"].mean() > 0.98
    assert after["passed"].mean() == pytest.approx(0.7, abs=0.2)


def test_clean_lots_accuse_a_chamber_no_more_often_than_stated():
    """60 seeded clean lots, Holm at 5 %: at most the 99.9 % binomial bound accuse any chamber."""
    accused = 0
    for seed in range(12):
        for lot in synthetic_lots(5, seed=1000 + seed, units_per_carrier=8, carriers_per_lot=2):
            found = commonality(lot.units(), response="place_x_um", factors=["place_chamber", "plate_chamber"],
                                permutation_count=99)  # fmt: skip
            accused += bool(found.suspects)
    assert accused <= stats.binom(60, 0.05).ppf(0.999)


@pytest.mark.parametrize(
    "values",
    [
        {"cause": "bad_luck", "parameter": "copper_um", "size": 1},
        {"cause": "edge_ring", "parameter": "copper", "size": 1},
        {"cause": "bad_chamber", "parameter": "copper_um", "size": 1, "equipment": "ECD-1", "chamber": "Z"},
        {"cause": "drifting_nozzle", "parameter": "copper_um", "size": 1, "equipment": "ECD-1", "chamber": "A"},
    ],
)
def test_what_cannot_be_planted_is_refused(values):
    with pytest.raises(DomainError):
        Planted(**values)


def test_nothing_cannot_be_made():
    with pytest.raises(DomainError):
        synthetic_lots(0, seed=1)
