"""Rule decks: what they may say, what is refused, and the figures that are shipped, against their sources."""

from __future__ import annotations

import copy
import json

import pytest

from workbench.errors import InputError
from workbench.rules import decks, read_deck, seed_deck
from workbench.rules.deck import LIMITS, NOT_DRAWN
from workbench.units import unit_of

PUBLISHED = seed_deck()


def test_the_decks_shipped():
    assert [deck.deck_id for deck in decks()] == ["published", "amkor_wlcsp_400", "amkor_wlcsp_500"]
    with pytest.raises(InputError):
        seed_deck("unknown")


@pytest.mark.parametrize("deck", decks(), ids=lambda deck: deck.deck_id)
def test_every_rule_has_a_source_both_names_and_values_with_units(deck):
    assert deck.name("en") != deck.name("zh-Hant")
    for rule in deck.rules:
        assert rule.source
        assert rule.name("en") != rule.name("zh-Hant")
        for name in rule.values:
            assert unit_of(name) is not None or name in ("max_aspect", "max_metals")
    assert read_deck(json.loads(json.dumps(deck.document()))) == deck


AMKOR = "google/skywater-pdk docs/rules/wlcsp/amkor.csv"
CASES = [  # rule, value for the ball pitch of 400 um, of 500 um: every line of the source
    ("pi1.1", 35.0, 35.0), ("pi1.2", 20.0, 20.0), ("pi1.3", 7.5, 7.5), ("rdl.1-2", 10.0, 10.0), ("rdl.3", 10.0, 10.0),
    ("pi2.1", 170.0, 220.0), ("pi2.3", 25.0, 25.0), ("ubm.1", 215.0, 250.0), ("ubm.3", 15.0, 15.0),
    ("ubm.4", 10.0, 10.0), ("ubm.5", 10.0, 10.0), ("ubm.6", 155.0, 195.0), ("bump.1", 261.0, 310.0),
    ("bump.2", 400.0, 500.0), ("bump.2a", 400.0, 500.0), ("bump.3", 25.0, 25.0), ("bump.5", 6.8, 6.8),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "at_400", "at_500"), CASES)
def test_the_amkor_deck_is_the_source(rule, at_400, at_500):
    for deck_id, expected in (("amkor_wlcsp_400", at_400), ("amkor_wlcsp_500", at_500)):
        found = next(one for one in seed_deck(deck_id).rules if one.id == rule)
        assert set(found.values.values()) == {expected}
        assert found.verified
        assert AMKOR in found.source


def test_the_smallest_chip_of_the_amkor_deck():
    chips = [seed_deck(f"amkor_wlcsp_{pitch}") for pitch in (400, 500)]
    sizes = [next(rule for rule in chip.rules if rule.id == "bump.4").values for chip in chips]
    assert sizes == [{"min_width_mm": 0.75, "min_length_mm": 1.0}, {"min_width_mm": 1.0, "min_length_mm": 1.0}]
    assert len(seed_deck("amkor_wlcsp_400").rules) == len(CASES) + 1


IHP = [  # IHP-GmbH/chiplet-spec interconnect_methods.json: diameter, pitch in um
    ("copper_pillar", 44.0, 75.0), ("copper_pillar", 49.0, 80.0), ("copper_pillar", 54.0, 95.0),
    ("solder_bump", 80.0, 130.0),
]  # fmt: skip


@pytest.mark.parametrize(("method", "diameter", "pitch"), IHP)
def test_the_pitch_of_each_pillar_option(method, diameter, pitch):
    limits = [
        rule.values["min_pitch_um"] for rule in PUBLISHED.of("bump_pitch")
        if method in rule.methods and (rule.above_diameter_um is None or diameter > rule.above_diameter_um)
    ]  # fmt: skip
    assert max(limits) == pitch


def test_general_knowledge_is_never_verified():
    unread = {rule.id for rule in PUBLISHED.rules if "general knowledge" in rule.source or "abstract" in rule.source
              or "second hand" in rule.source or "our" in rule.source.split()}  # fmt: skip
    assert unread
    assert {rule.id for rule in PUBLISHED.rules if not rule.verified} == unread


GOOD = {
    "deck_id": "mine", "version": "1", "title": "Mine", "title_zh": "我的",
    "rules": [{"id": "gap", "limits": "gap", "title": "Gap", "title_zh": "間距", "values": {"min_gap_mm": 0.2},
               "source": "ours", "verified": True}],
}  # fmt: skip
REFUSED = [  # change of the rule or the deck, rule of the error
    ({"limits": "colour"}, "rules.unknown_limit"),
    ({"values": {"min_gap_um": 200.0}}, "rules.unknown_value"),
    ({"values": {}}, "rules.unknown_value"),
    ({"values": {"min_gap_mm": -1.0}}, "rules.not_a_deck"),
    ({"values": {"min_gap_mm": "0.2"}}, "rules.not_a_deck"),
    ({"source": ""}, "rules.not_a_deck"),
    ({"colour": "red"}, "rules.not_a_deck"),
    ({"severity": "fatal"}, "rules.not_a_deck"),
    ({"marks": ["a", "b"]}, "rules.marks"),
    ({"limits": "alignment_mark", "values": {"max_offset_um": 1.0}}, "rules.marks"),
    ({"limits": "die_size", "values": {"max_width_mm": 26.0}}, "rules.missing_value"),
    ({"limits": "die_size_min", "values": {"min_length_mm": 1.0}}, "rules.missing_value"),
    ({"limits": "body_size", "values": {"max_width_mm": 26.0}}, "rules.missing_value"),
    ({"limits": "carrier_field", "values": {"max_length_mm": 33.0}}, "rules.missing_value"),
    ({"methods": ["hybrid"]}, "rules.unused_selector"),
    ({"kinds": ["rdl"]}, "rules.unused_selector"),
    ({"materials": ["silicon"]}, "rules.unused_selector"),
    ({"above_diameter_um": 20.0}, "rules.unused_selector"),
    ({"orientations": ["R0"]}, "rules.unused_selector"),
    ({"limits": "metal_line", "values": {"min_line_um": 1.0}, "methods": ["hybrid"]}, "rules.unused_selector"),
    ({"limits": "bump_alignment", "values": {"max_offset_um": 1.0}, "above_diameter_um": 9.0}, "rules.unused_selector"),
    ({"limits": "bump_edge", "values": {"min_edge_um": 1.0}, "kinds": ["bond"]}, "rules.unused_selector"),
    ({"limits": "alignment_mark", "values": {"max_offset_um": 1.0}, "marks": ["a", "b"], "flows": ["mcm"]},
     "rules.unused_selector"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "rule"), REFUSED, ids=str)
def test_what_is_no_rule_is_refused(change, rule):
    assert read_deck(GOOD).rules[0].values == {"min_gap_mm": 0.2}
    document = copy.deepcopy(GOOD)
    document["rules"][0] |= change
    with pytest.raises(InputError) as refused:
        read_deck(document)
    assert refused.value.rule == rule
    assert all("{" not in refused.value.sentence(lang) for lang in ("en", "zh-Hant"))


@pytest.mark.parametrize("document", [{}, [], {"deck_id": 1}, GOOD | {"rules": []}, GOOD | {"version": float("nan")}])
def test_what_is_no_deck_is_refused(document):
    with pytest.raises(InputError) as refused:
        read_deck(document)
    assert refused.value.rule == "rules.not_a_deck"


def test_two_rules_of_one_id_are_refused():
    with pytest.raises(InputError) as refused:
        read_deck(GOOD | {"rules": GOOD["rules"] * 2})
    assert refused.value.rule == "rules.duplicate"


def test_the_hash_follows_the_content():
    assert read_deck(GOOD).content_sha256 == read_deck(GOOD | {"note": ""}).content_sha256
    assert read_deck(GOOD).content_sha256 != read_deck(GOOD | {"version": "2"}).content_sha256


def test_what_is_not_drawn_is_a_part_of_what_can_be_limited():
    assert set(NOT_DRAWN) < set(LIMITS)
