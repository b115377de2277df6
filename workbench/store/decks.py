"""The rule decks to check with: the newest version of each, from the store or as shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.rules import Deck, decks, read_deck

if TYPE_CHECKING:
    from workbench.store.store import Store


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
    """Every deck: the version published last in the store, else the shipped one."""
    stored = (read_deck(row["document"]) for row in store.rule_decks.list())  # oldest first
    return Decks({deck.deck_id: deck for deck in (*decks(), *stored)})
