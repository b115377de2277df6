"""What a reader or writer did with a file, in words: nothing is dropped, guessed or mended in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.i18n import LANGUAGES, t

Sentence = Mapping[str, str]  # language -> text

MOST_SENTENCES = 200  # of one kind; a hostile file must not make a report of a million lines


def said(key: str, /, **values: object) -> Sentence:
    """The sentence `key` of the catalogue in every language."""
    return {lang: t(key, lang, **values) for lang in LANGUAGES}


@dataclass(frozen=True)
class Report:
    """`taken`: what was read or written; `left`: what was there and is not in the result; `assumptions`: what the
    source does not say and was chosen. `kept` is what of a file has no place in a design but can be written back to
    the same format (plain data, by the place it came from).
    """

    taken: tuple[Sentence, ...] = ()
    left: tuple[Sentence, ...] = ()
    assumptions: tuple[Sentence, ...] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, each sentence in every language."""
        return {"taken": list(self.taken), "left": list(self.left), "assumptions": list(self.assumptions)}

    def lines(self, lang: str = "en") -> list[str]:
        """All sentences, what was left out before what was assumed."""
        return [sentence[lang] for group in (self.taken, self.left, self.assumptions) for sentence in group]


class Notes:
    """A report while it is being collected; each sentence once, each kind at most `MOST_SENTENCES` long."""

    def __init__(self):
        self._groups: dict[str, dict[str, Sentence]] = {"taken": {}, "left": {}, "assumptions": {}}
        self._beyond = dict.fromkeys(self._groups, 0)
        self.kept: dict[str, Any] = {}

    def take(self, key: str, /, **values: object) -> None:
        self._add("taken", key, values)

    def leave(self, key: str, /, **values: object) -> None:
        self._add("left", key, values)

    def assume(self, key: str, /, **values: object) -> None:
        self._add("assumptions", key, values)

    def _add(self, group: str, key: str, values: dict[str, object]) -> None:
        found = self._groups[group]
        if len(found) >= MOST_SENTENCES:  # counted without being said: a hostile file must not cost a sentence a line
            self._beyond[group] += 1
            return
        sentence = said(key, **values)
        found.setdefault(sentence["en"], sentence)

    def report(self) -> Report:
        groups = {
            name: (*found.values(), *([said("exchange.more", count=self._beyond[name])] if self._beyond[name] else ()))
            for name, found in self._groups.items()
        }
        return Report(**groups, kept=self.kept)
