"""Rule decks by version: those shipped with the workbench, and those an engineer added to the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.rules import Deck, decks, read_deck

if TYPE_CHECKING:
    from workbench.store.store import Store


def seed_decks(store: Store) -> list[str]:
    """Put the shipped decks into the store; names and versions of those that were not there."""
    there = {(row["deck_id"], row["deck_version"]) for row in store.rule_decks.list()}
    new = [deck for deck in decks() if (deck.deck_id, deck.version) not in there]
    for deck in new:
        add_deck(store, deck)
    return [f"{deck.deck_id} {deck.version}" for deck in new]


def add_deck(store: Store, deck: Deck) -> None:
    """Add one version of a deck. Said again it adds nothing; other rules under the same version are refused."""
    store.rule_decks.add(deck_id=deck.deck_id, deck_version=deck.version, document=deck.document(),
                         source=deck.source, verified=all(rule.verified for rule in deck.rules))  # fmt: skip


class Decks(dict[str, Deck]):
    """The newest version of every deck by id; the default first."""

    def pick(self, deck_id: str | None) -> Deck:
        """The deck `deck_id`, or the default. Raises InputError for an unknown one."""
        if deck_id is None:
            return next(iter(self.values()))
        if deck_id not in self:
            raise InputError("rules.unknown_deck", got=deck_id, allowed=", ".join(self))
        return self[deck_id]


def decks_of(store: Store) -> Decks:
    """Every deck at its newest version: the one added last to the store, else the shipped one."""
    return Decks({deck.deck_id: deck for deck in (*decks(), *_stored(store))})


def _stored(store: Store) -> Iterator[Deck]:
    for row in store.rule_decks.list():  # oldest first
        yield read_deck(row["document"])
