"""Sizes, thicknesses and gaps against the deck and the customer: at the limit kept, a hair beyond not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workbench.rules.modules import GRID, NOTHING, deck, design_of, found, ids, on_carrier, status, two_dies
from workbench import facts
from workbench.rules import CHECKS, Requirements, check, seed_deck
from workbench.schema import Verdict
from workbench.stack import geometry, read

SIZE = {"limits": "die_size", "values": {"max_width_mm": 2.0, "max_length_mm": 3.0}}
LEAST = {"limits": "die_size_min", "values": {"min_width_mm": 0.75, "min_length_mm": 1.0}}
BODY = {"limits": "body_size", "values": {"max_width_mm": 6.0, "max_length_mm": 6.0}}
FIELD = {"limits": "carrier_field", "values": {"max_width_mm": 6.0, "max_length_mm": 6.0}, "severity": "care"}
THIN = {"limits": "thin_die", "values": {"min_thickness_um": 50.0}, "severity": "care"}
GAP = {"limits": "gap", "values": {"min_gap_mm": 0.1}, "carriers": ["interposer"]}


def die(width, length, **more):
    return {"name": "U1", "width_mm": width, "length_mm": length} | more


CASES = [  # dies, rule, finding, outcome
    ([die(2.0, 3.0)], SIZE, "die_size", "near"),
    ([die(3.0, 2.0)], SIZE, "die_size", "near"),
    ([die(2.001, 3.0)], SIZE, "die_size", "broken"),
    ([die(3.0, 2.001)], SIZE, "die_size", "broken"),
    ([die(1.8, 2.8)], SIZE, None, None),
    ([die(2.2, 2.2)], SIZE, "die_size", "broken"),
    ([die(0.75, 1.0)], LEAST, None, None),
    ([die(1.0, 0.75)], LEAST, None, None),
    ([die(0.749, 1.2)], LEAST, "die_size_min", "broken"),
    ([die(0.9, 0.9)], LEAST, "die_size_min", "broken"),
    ([die(1, 1, thickness_um=50.0)], THIN, None, None),
    ([die(1, 1, thickness_um=49.9)], THIN, "thin_die", "care"),
    ([die(1, 1)], BODY, "body_size", "near"),
    ([die(1, 1)], BODY | {"values": {"max_width_mm": 5.9, "max_length_mm": 6.1}}, "body_size", "broken"),
    ([die(1, 1)], BODY | {"values": {"max_width_mm": 5.9, "max_length_mm": 6.1}, "severity": "care"}, "body_size",
     "care"),
    ([die(1, 1)], FIELD, None, None),
    ([die(1, 1)], FIELD | {"values": {"max_width_mm": 5.9, "max_length_mm": 6.0}}, "carrier_field", "care"),
]  # fmt: skip


@pytest.mark.parametrize(("dies", "rule", "expected", "outcome"), CASES)
def test_a_limit_is_kept_at_it_and_broken_beyond(dies, rule, expected, outcome):
    report = check(design_of(on_carrier(*dies)), deck(rule))
    assert ids(report) == ([expected] if expected else [])
    if expected:
        finding = found(report, expected)
        assert finding.outcome == outcome
        assert finding.source == "the case"
        for lang in ("en", "zh-Hant"):
            assert "{" not in finding.sentence(lang) + finding.fix(lang)
    unread = check(design_of(on_carrier(*dies)), deck(rule | {"verified": False}))
    assert unread.verdict != Verdict.FAIL


CARRIERS = [  # width, length of the carrier, share of a field of 26 x 33 mm in percent, exposures
    (26.0, 33.0, 100.0, 1), (33.0, 26.0, 100.0, 1), (20.0, 20.0, 100 * 20 / 26, 1),
    (10.0, 80.0, 100 * 80 / 33, 3),  # of less area than a field, and in none
    (80.0, 10.0, 100 * 80 / 33, 3), (50.0, 50.0, 100 * 50 / 26, 4),
    (30.0, 60.0, 100 * 60 / 33, 3), (25.0, 60.0, 100 * 60 / 33, 2),
    (27.0, 52.0, 100 * 52 / 33, 2),  # two fields side by side
]  # fmt: skip


@pytest.mark.parametrize(("width", "length", "share", "exposures"), CARRIERS)
def test_the_sides_of_a_carrier_count_against_the_field_not_its_area(width, length, share, exposures):
    document = on_carrier(die(1, 1), width_mm=width, length_mm=length)
    document["layers"][0]["regions"][0] |= {"width_um": 900.0, "length_um": 900.0}
    rule = FIELD | {"values": {"max_width_mm": 26.0, "max_length_mm": 33.0}, "severity": "error"}
    finding = next(f for f in check(design_of(document), deck(rule)).compared if f.id == "carrier_field")
    assert (finding.got, finding.allowed) == (pytest.approx(share), 100)
    assert finding.values["exposures"] == exposures
    assert finding.outcome == ("broken" if share > 100 + 1e-6 else "near" if share > 95 else "met")


ANGLES = [0.0, 30.0, 45.0, -17.0]


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_gap_between_dies_at_any_angle(angle, mirrored):
    """U2 is turned: its nearest corner lies at hypot(0.5, 0.45) cos(atan(.45/.5) - |angle|) from its centre."""
    reach = 0.5 if angle == 0 else math.hypot(0.5, 0.45) * math.cos(math.atan2(0.45, 0.5) - math.radians(abs(angle)))
    for gap, broken in ((0.1, False), (0.0999, True)):
        second = {"name": "U2", "x_mm": 0.5 + gap + reach, "angle_deg": angle, "mirrored": mirrored}
        report = check(design_of(on_carrier({"name": "U1"}, second)), deck(GAP))
        finding = next(f for f in report.compared if f.id == "gap")
        assert finding.got == pytest.approx(gap, abs=1e-9)
        assert (finding.outcome == "broken") == broken
        assert finding.at[0] == pytest.approx(1000 * (0.5 + gap / 2), abs=1e-6)
        assert finding.at[2] == 210.0


def test_every_pair_too_close_is_counted():
    dies = [{"name": f"U{k}", "x_mm": (k - 1) * 1.05} for k in range(3)]
    finding = found(check(design_of(on_carrier(*dies)), deck(GAP)), "gap")
    assert finding.count == len(finding.examples) == 2
    alone = check(design_of(on_carrier(dies[0])), deck(GAP))
    assert status(alone, "gap") == "not_applicable"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), limits=st.lists(st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.5, 3.0]), min_size=1,
                                                   max_size=3))  # fmt: skip
def test_neighbours_alone_give_what_comparing_all_dies_gives(seed, limits):
    dice = np.random.default_rng(seed)
    turned = [0.0, 0.0, 90.0, 31.0]
    dies = [
        {"name": f"U{9 - k}", "x_mm": 0.8 * (k % 3) + float(dice.choice([0.0, 0.05, 0.1])), "y_mm": 0.9 * (k // 3),
         "width_mm": 0.5, "length_mm": 0.6, "angle_deg": float(dice.choice(turned))} for k in range(7)
    ]  # fmt: skip
    design = design_of(on_carrier(*dies))
    tier = design.die_layers[0]
    pairs, gaps_mm = geometry.gaps(geometry.outlines(design, tier))
    names = [placement.name for placement in tier.placements]
    every = [(gap, names[i], names[j]) for (i, j), gap in zip(pairs.tolist(), gaps_mm.tolist(), strict=True)]
    report = check(design, deck(*(GAP | {"values": {"min_gap_mm": limit}} for limit in limits)), examples=100)
    assert next(ran.looked_at for ran in report.ran if ran.id == "gap") == len(every) == 21
    for limit, finding in zip(limits, (f for f in report.compared if f.id == "gap"), strict=True):
        close = [pair for pair in every if pair[0] < limit * (1 - 1e-9)]
        assert finding.got == min(every)[0]
        assert finding.place == " / ".join(min(every)[1:])
        assert len(finding.examples) == len(close)
        assert (finding.count, finding.outcome) == (max(len(close), 1), "broken" if close else "met")


def test_many_dies_of_one_kind_count_each_that_breaks_a_rule():
    document = on_carrier({"name": "U1", "columns": 2, "rows": 2, "pitch_x_mm": 1.5, "pitch_y_mm": 1.5})
    finding = found(check(design_of(document), deck(THIN | {"values": {"min_thickness_um": 120.0}})), "thin_die")
    assert finding.count == len(finding.examples) == 4


SMALL = [  # dies under 0.75 x 1.0 mm at least, the worst side, its limit, how many are too small
    ([(0.7, 1.2), (0.8, 0.9)], 0.9, 1.0, 2), ([(0.74, 1.2), (0.8, 0.9), (1.0, 1.0)], 0.9, 1.0, 2),
    ([(0.6, 1.2), (0.8, 0.9)], 0.6, 0.75, 2), ([(0.6, 0.7), (0.8, 0.9), (0.7, 0.95)], 0.7, 1.0, 3),
]  # fmt: skip


@pytest.mark.parametrize(("sizes", "side", "limit", "count"), SMALL)
def test_dies_too_small_on_either_side_are_counted_together(sizes, side, limit, count):
    dies = [die(width, length, name=f"U{k}", x_mm=1.8 * (k - 1)) for k, (width, length) in enumerate(sizes)]
    finding = found(check(design_of(on_carrier(*dies)), deck(LEAST)), "die_size_min")
    assert (finding.got, finding.allowed, finding.count) == (side, limit, count)
    assert len(finding.examples) == count


MOULD = {"limits": "mould", "values": {"min_thickness_um": 250.0, "max_thickness_um": 800.0}}


@pytest.mark.parametrize(("height", "expected", "outcome"), [
    (250.0, None, None), (249.9, "mould_low", "broken"), (750.0, None, None), (800.0, "mould_high", "near"),
    (800.1, "mould_high", "broken"),
])  # fmt: skip
def test_the_moulded_height(height, expected, outcome):
    document = on_carrier({"name": "U1"})
    document["layers"][2] |= {"material": "emc", "thickness_um": 200.0}
    document["layers"].append({"name": "cap", "kind": "mould", "material": "emc", "thickness_um": height - 200.0})
    report = check(design_of(document), deck(MOULD))
    assert ids(report) == ([expected] if expected else [])
    if expected:
        assert found(report, expected).outcome == outcome


REQUIRED = [  # the module is 310 um high, 36 mm2
    ({"thickness_limit_um": 400.0}, None), ({"thickness_limit_um": 310.0}, ("total_thickness", "near")),
    ({"thickness_limit_um": 309.9}, ("total_thickness", "broken")), ({"footprint_limit_mm2": 40.0}, None),
    ({"footprint_limit_mm2": 35.9}, ("footprint", "broken")),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "expected"), REQUIRED, ids=str)
def test_what_the_customer_asks_for(asked, expected):
    report = check(design_of(on_carrier({"name": "U1"})), NOTHING, requirements=Requirements(**asked))
    assert [(f.id, f.outcome) for f in report.findings] == ([expected] if expected else [])
    assert status(report, "requirements") == ("found" if expected else "passed")


def test_the_report_names_every_check_and_why_some_do_not_apply():
    report = check(design_of(two_dies()), seed_deck())
    assert [ran.id for ran in report.ran] == list(CHECKS)
    for ran in report.ran:
        for lang in ("en", "zh-Hant"):
            assert ran.name(lang)
            assert bool(ran.why(lang)) == (ran.status == "not_applicable")
    assert report.deck_id == "published"
    plain = report.as_dict()
    assert plain["verdict"] == str(report.verdict)
    assert len(plain["checks"]) == len(CHECKS)


def test_the_verdict_is_the_worst_finding():
    document = two_dies()
    assert check(design_of(document), NOTHING).verdict == Verdict.PASS
    document["connections"][0]["thickness_um"] = 0.0
    assert check(design_of(document), NOTHING).verdict == Verdict.MARGINAL
    document["dies"][0]["regions"][0]["bumps"] = [GRID | {"omit": [[1, 1]]}]
    report = check(design_of(document), NOTHING)
    assert report.verdict == Verdict.FAIL
    assert not report.ok
    assert [f.severity for f in report.findings] == ["error", "care"]


def test_the_amkor_deck_on_a_chip_that_keeps_it_and_says_what_it_cannot_see():
    balls = {"name": "balls", "diameter_um": 261.0, "columns": 5, "rows": 5, "pitch_x_um": 400.0, "pitch_y_um": 400.0}

    def chip(**changes):
        document = on_carrier({"name": "U1", "width_mm": 2.2, "length_mm": 2.2})
        document |= {"carrier": "fan_out", "width_mm": 2.2, "length_mm": 2.2}
        metal = {"name": "RDL", "line_um": 10.0, "space_um": 10.0, "via_um": 35.0, "pad_um": 55.0}
        document["layers"] = [
            {"name": "balls", "kind": "balls", "material": "sac305", "thickness_um": 200.0,
             "bond": {"method": "solder_ball"}},
            {"name": "RDL", "kind": "rdl", "material": "polyimide", "thickness_um": 20.0,
             "metals": [metal | changes.get("metal", {})],
             "regions": [{"name": "under", "side": "back", "width_um": 2200.0, "length_um": 2200.0,
                          "bumps": [balls | changes.get("balls", {})]}]},
            document["layers"][2],
        ]  # fmt: skip
        return check(design_of(document), seed_deck("amkor_wlcsp_400"))

    kept = chip()
    assert kept.verdict == Verdict.MARGINAL
    assert {f.id for f in kept.findings} == {"pitch_wide"}  # at its limit from both sides: near
    why = next(ran for ran in kept.ran if ran.id == "not_drawn").why("en")
    assert all(rule in why for rule in ("pi1.2", "pi1.3", "pi2.1", "ubm.6", "bump.2a"))
    for change, expected in [
        ({"balls": {"diameter_um": 260.0}}, "diameter_small"), ({"balls": {"pitch_x_um": 399.0}}, "pitch"),
        ({"balls": {"pitch_x_um": 401.0}}, "pitch_wide"), ({"balls": {"x_um": 150.0}}, "edge"),
        ({"metal": {"line_um": 9.9}}, "line"), ({"metal": {"space_um": 9.9}}, "line_space"),
        ({"metal": {"via_um": 34.0}}, "via_size"), ({"metal": {"pad_um": 54.0}}, "via_enclosure"),
    ]:  # fmt: skip
        report = chip(**change)
        assert expected in [f.id for f in report.findings if f.severity == "error"], change


def test_dies_upon_a_die_keep_the_gap_of_silicon():
    """Two dies 0.2 mm apart: on an organic substrate too near (1 mm), upon a base die not (silicon's 0.1 mm)."""
    organic = {"limits": "gap", "values": {"min_gap_mm": 1.0}, "carriers": ["substrate"]}
    document = facts.load("designs/poc-side-by-side") | {"carrier": "substrate", "flow": "mcm"}
    tier = next(layer for layer in document["layers"] if layer["kind"] == "die")
    first, second = (next(die for die in document["dies"] if die["id"] == p["die"]) for p in tier["dies"])
    apart = first["width_mm"] / 2 + 0.2 + second["width_mm"] / 2
    tier["dies"] = [tier["dies"][0] | {"x_mm": -apart / 2, "y_mm": 0.0},
                    tier["dies"][1] | {"x_mm": apart / 2, "y_mm": 0.0}]  # fmt: skip
    both = deck(organic, GAP)
    flat = found(check(read(document), both), "gap")
    assert (flat.outcome, flat.allowed) == ("broken", 1.0)

    base = {"id": "lowest", "name": "lowest", "width_mm": 13.0, "length_mm": 7.0, "thickness_um": 100, "node_nm": 28}
    below = {"name": "base tier", "kind": "die", "material": "emc", "thickness_um": 100,
             "dies": [{"name": "B", "die": "lowest", "facing": "up"}]}  # fmt: skip
    where = document["layers"].index(tier)
    stacked = document | {"dies": [*document["dies"], base], "assembly": "mixed", "flow": None,
                          "layers": [*document["layers"][:where], below, *document["layers"][where:]]}  # fmt: skip
    report = check(read({k: v for k, v in stacked.items() if v is not None}), both)
    upper = next(finding for finding in report.compared if finding.id == "gap")
    assert (upper.outcome, upper.allowed) == ("met", 0.1)
