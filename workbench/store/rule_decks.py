"""Rule decks by version: published once, never changed, each with its rules as a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store.literals import literal
from workbench.store.shelf import Shelf
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.store.store import Store


class RuleDecks(Shelf):
    """The decks of the store; `add`, `add_all` and `list` as of any shelf."""

    def __init__(self, store: Store):
        super().__init__(store, BY_NAME["rule_decks"])

    def publish(self, documents: Iterable[Mapping[str, Any]]) -> list[str]:
        """Add decks given as plain documents (deck_id, version, source, rules); ``deck_id version`` of those new.

        A deck counts as verified when it has rules and every one says so. The same again adds nothing. Raises
        InputError for a version that is there with other content: give the deck a new version.
        """
        documents = list(documents)
        there = {(row["deck_id"], row["deck_version"]) for row in self.list()}
        self.add_all({
            "deck_id": document["deck_id"], "deck_version": document["version"], "document": document,
            "source": document.get("source", ""),
            "verified": bool(document["rules"]) and all(rule.get("verified", False) for rule in document["rules"]),
        } for document in documents)  # fmt: skip
        return [f"{document['deck_id']} {document['version']}" for document in documents
                if (document["deck_id"], document["version"]) not in there]  # fmt: skip

    def document(self, deck_id: str, version: str | None = None) -> dict[str, Any]:
        """The rules of one version, or of the one published last. Raises InputError when there is none."""
        which = f" AND deck_version = {literal(version)}" if version else ""
        with self._store.reading() as session:
            rows = session.rows(f"SELECT document FROM rule_decks WHERE deck_id = {literal(deck_id)}{which} "
                                "ORDER BY recorded_at DESC, deck_version DESC LIMIT 1")  # fmt: skip
            if not rows:
                known = session.tuples("SELECT DISTINCT deck_id, deck_version FROM rule_decks ORDER BY ALL LIMIT 20")
                raise InputError("store.not_there", where="rule_decks", got=f"{deck_id} {version or ''}".strip(),
                                 allowed=", ".join(f"{name} {number}" for name, number in known))  # fmt: skip
        return rows[0]["document"]
