"""The rule decks shipped with the workbench, published into the store."""

from __future__ import annotations

from typing import Any

from workbench.rules.deck import decks


def seed(store: Any) -> list[str]:
    """Publish the decks whose version is not there yet; says what was added."""
    return store.rule_decks.publish([deck.document() for deck in decks()])
