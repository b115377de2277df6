"""The words of a KLARF file with the places they stand at, found again only when an error names one."""

from __future__ import annotations

import re
from itertools import islice
from typing import NoReturn

from workbench.errors import InputError
from workbench.formats.yaml_text import at_offset

_SHOWN = 60  # characters of a word in an error


class Words:
    """The words of `text` between two offsets. A quoted word keeps its quotes until `plain`."""

    def __init__(self, text: str, where: str, pattern: re.Pattern, start: int = 0, end: int | None = None):
        self.text, self.where, self.pattern = text, where, pattern
        self.start, self.end = start, len(text) if end is None else end
        self.list: list[str] = pattern.findall(text, self.start, self.end)

    def at(self, index: int) -> str:
        """`file:line:column` of the word at `index`; of the end beyond the last."""
        match = next(islice(self.pattern.finditer(self.text, self.start, self.end), index, None), None)
        return at_offset(self.where, self.text, match.start() if match else self.end)

    def refuse(self, rule: str, index: int, *, allowed: object = "", **values: object) -> NoReturn:
        got = self.list[index][:_SHOWN] if index < len(self.list) else ""
        raise InputError(rule, where=self.at(index), got=got, allowed=allowed, **values)

    def whole(self, index: int, *, low: int = 0, high: int = 10_000_000) -> int:
        """The count at `index`. Raises InputError where there is none, or it is out of bounds."""
        word = self.list[index] if index < len(self.list) else ""
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", word) or not low <= int(word) <= high:
            self.refuse("klarf.count", index, allowed=f"{low:,} … {high:,}")
        return int(word)


def plain(word: str) -> str:
    """A word without its quotes."""
    return word[1:-1].strip() if word[:1] == '"' else word
