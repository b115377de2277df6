"""Rule decks are published by version and stay as they were."""

from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.rules.deck import SEEDS, read_deck, seed_deck
from workbench.runs.demo.rule_decks import seed
from workbench.store import Store

RULES = [{"id": "r", "verified": True}]
DECK = {"deck_id": "house", "version": "1", "source": "fab manual", "rules": RULES}


def test_a_version_is_published_once(store: Store):
    assert store.rule_decks.publish([DECK]) == ["house 1"]
    assert store.rule_decks.publish([DECK]) == []
    with pytest.raises(InputError) as refused:
        store.rule_decks.publish([DECK | {"rules": [*RULES, {"id": "s", "verified": False}]}])
    assert refused.value.rule == "store.said_otherwise"
    snapshot = store.snapshot()
    later = DECK | {"version": "2", "rules": [*RULES, {"id": "s", "verified": False}]}
    assert store.rule_decks.publish([DECK, later]) == ["house 2"]
    assert store.rule_decks.document("house") == later
    assert store.rule_decks.document("house", "1") == DECK
    assert store.at(snapshot).rule_decks.document("house") == DECK
    assert {row["deck_version"]: row["verified"] for row in store.rule_decks.list()} == {"1": True, "2": False}
    with pytest.raises(InputError) as refused:
        store.rule_decks.document("house", "3")
    assert refused.value.rule == "store.not_there"
    assert "house 2" in refused.value.allowed


def test_a_deck_without_rules_verifies_nothing(new_file):
    store = Store.open(new_file())
    store.rule_decks.publish([DECK | {"rules": []}])
    assert [row["verified"] for row in store.rule_decks.list()] == [False]


def test_the_shipped_decks_come_back_whole(new_file):
    store = Store.open(new_file())
    assert len(seed(store)) == len(SEEDS)
    assert seed(store) == []
    for name in SEEDS:
        deck = seed_deck(name)
        assert read_deck(store.rule_decks.document(deck.deck_id, deck.version)) == deck
