"""The words of a LEF or DEF text, one at a time, with line and column; comments dropped, quoted words whole."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from workbench.errors import InputError
from workbench.formats.yaml_text import at, refuse_control_characters

MOST_CHARACTERS = 256 * 1024 * 1024
MOST_WORDS = 1_000_000  # of one statement
_WORD = re.compile(r'"[^"]*"|[^\s"]+|"')
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


class Words:
    """A cursor. `line` is that of the word given last, from 0."""

    def __init__(self, text: str, *, where: str):
        if len(text) > MOST_CHARACTERS:
            raise InputError("text.too_large", where=where, got=f"{len(text):,}", allowed=f"<= {MOST_CHARACTERS:,}")
        refuse_control_characters(text, where=where)
        self.where, self.line = where, 0
        self._text = text
        self._words = self._each()

    def _each(self) -> Iterator[str]:
        start, number, text = 0, 0, self._text
        while start <= len(text):
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            line = text[start:end]
            self.line = number
            if '"' not in line and "#" not in line:
                yield from line.split()
            else:
                for found in _WORD.finditer(line):
                    word = found.group()
                    if word.startswith("#"):
                        break
                    yield word.strip('"') if len(word) > 1 else word
            start, number = end + 1, number + 1

    def next(self) -> str | None:
        """The next word, None at the end."""
        return next(self._words, None)

    def need(self, what: str) -> str:
        """The next word. Raises InputError where the text ends."""
        word = self.next()
        if word is None:
            raise InputError("lefdef.ends", where=self.place(), allowed=what)
        return word

    def statement(self, start: int | None = None) -> list[str]:
        """The words up to the next ``;``. Raises InputError, at the line the statement began, where there is none."""
        start = self.line if start is None else start
        words: list[str] = []
        for word in self._words:
            if word == ";":
                return words
            if word.endswith(";") and len(word) > 1:  # some writers leave no space
                return [*words, word[:-1]]
            words.append(word)
            if len(words) > MOST_WORDS:
                break
        raise InputError("lefdef.unclosed", where=at(self.where, start, 0), got=" ".join(words[:6])[:80], allowed=";")

    def skip(self) -> None:
        """Past the next ``;`` without keeping the words."""
        start = self.line
        for word in self._words:
            if word.endswith(";"):
                return
        raise InputError("lefdef.unclosed", where=at(self.where, start, 0), allowed=";")

    def skip_to(self, *last: str) -> None:
        """Past the given words in a row (``END name``)."""
        start, matched = self.line, 0
        for word in self._words:
            matched = matched + 1 if word == last[matched] else int(word == last[0])
            if matched == len(last):
                return
        raise InputError("lefdef.unclosed", where=at(self.where, start, 0), allowed=" ".join(last))

    def place(self, line: int | None = None) -> str:
        return at(self.where, self.line if line is None else line, 0)

    def refuse(self, got: object, allowed: str, line: int | None = None) -> InputError:
        return InputError("lefdef.syntax", where=self.place(line), got=str(got)[:80], allowed=allowed)

    def number(self, word: str, line: int | None = None) -> float:
        """A finite number. Raises InputError for any other word."""
        value = float(word) if len(word) < 40 and _NUMBER.fullmatch(word) else math.inf
        if not math.isfinite(value):
            raise self.refuse(word, "number", line)
        return value
