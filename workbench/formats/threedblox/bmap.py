"""Bump maps: one bump per line, six words (instance, cell, x, y, port, net), ``#`` comments, ``-`` for none.

A map is held as columns, so that a million bumps are read in about a second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np

from workbench.errors import InputError
from workbench.formats.yaml_text import at, refuse_control_characters

MOST_BUMPS = 2_000_000
MOST_CHARACTERS = 256 * 1024 * 1024
LONGEST_WORD = 256
COLUMNS = ("instance", "cell", "x", "y", "port", "net")
_CHUNK = 1 << 18  # characters split at a time: bounds the words that exist at once
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, eq=False)
class Column:
    """A column of words as codes (n,) into the different words, in the order of their first use."""

    codes: np.ndarray
    words: tuple[str, ...]

    def __iter__(self):
        return (self.words[code] for code in self.codes.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and self.words == other.words and np.array_equal(self.codes, other.codes)

    __hash__ = None


@dataclass(frozen=True, eq=False)
class BumpMap:
    """x and y in um from the lower left corner of the chiplet. `comments` are (bumps before it, text) pairs, kept
    when the map is written; `name` is the file's."""

    name: str
    instances: tuple[str, ...]
    cells: Column
    x_um: np.ndarray
    y_um: np.ndarray
    ports: Column
    nets: Column
    comments: tuple[tuple[int, str], ...] = ()
    lines: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32), repr=False)

    @property
    def count(self) -> int:
        return len(self.instances)

    def place(self, index: int) -> str:
        """``file:line`` of a bump."""
        return f"{self.name}:{int(self.lines[index]) + 1}:1" if index < len(self.lines) else self.name

    def __eq__(self, other: object) -> bool:
        """The same bumps in the same order; the file's name and line numbers do not count."""
        return (
            isinstance(other, BumpMap) and self.instances == other.instances and self.cells == other.cells
            and np.array_equal(self.x_um, other.x_um) and np.array_equal(self.y_um, other.y_um)
            and self.ports == other.ports and self.nets == other.nets and self.comments == other.comments
        )  # fmt: skip

    __hash__ = None


def parse(text: str, *, where: str) -> BumpMap:
    """The bumps of a map. `where` names the file.

    Raises InputError with file, line and column: not exactly six words, a coordinate that is no finite number, an
    instance given twice, a word over 256 characters, a control character, more than 2 million bumps.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError("text.too_large", where=where, got=f"{len(text):,}", allowed=f"<= {MOST_CHARACTERS:,}")
    refuse_control_characters(text, where=where)
    instances: list[str] = []
    coded = ({}, {}, {})  # cell, port, net: word -> code
    codes: tuple[list, list, list] = ([], [], [])
    xs, ys, numbers = [], [], []
    comments: list[tuple[int, str]] = []
    first = 0
    for chunk in _chunks(text):
        lines = chunk.split("\n")
        kept, bumps = range(first, first + len(lines)), chunk  # most chunks hold bumps only
        if "#" in chunk or not all(lines):
            kept, bumps = [], []
            for number, line in enumerate(lines, first):
                if line.lstrip().startswith("#"):
                    comments.append((len(instances) + len(bumps), line.strip()))
                elif line.strip():
                    kept.append(number)
                    bumps.append(line)
            lines, bumps = bumps, "\n".join(bumps)
        words = bumps.split()
        if len(words) != 6 * len(lines) or len(instances) + len(lines) > MOST_BUMPS:
            _refuse_columns(lines, kept, where, room=MOST_BUMPS - len(instances))
        x, y = (_numbers(words[i::6]) for i in (2, 3))
        if x is None or y is None or not _six_each(bumps, len(lines)):
            _refuse_columns(lines, kept, where, room=MOST_BUMPS)
        instances += words[0::6]
        for known, column, start in zip(coded, codes, (1, 4, 5), strict=True):
            said = words[start::6]
            new = [word for word in dict.fromkeys(said) if word not in known]
            known.update(zip(new, range(len(known), len(known) + len(new)), strict=True))
            column.append(np.fromiter(map(known.__getitem__, said), np.int32, len(said)))
        xs.append(x)
        ys.append(y)
        numbers.append(np.asarray(kept, np.int32))
        first += chunk.count("\n") + 1
    columns = [
        Column(np.concatenate(column) if column else np.zeros(0, np.int32), tuple(known))
        for known, column in zip(coded, codes, strict=True)
    ]
    lines_of = np.concatenate(numbers) if numbers else np.zeros(0, np.int32)
    made = BumpMap(where, tuple(instances), columns[0], *(np.concatenate(v) if v else np.zeros(0) for v in (xs, ys)),
                   columns[1], columns[2], tuple(comments), lines_of)  # fmt: skip
    _refuse_words(made)
    return made


def write(bump_map: BumpMap) -> str:
    """The text of a map; parsing it gives an equal one, comments included."""
    rows = map(
        "{} {} {!r} {!r} {} {}".format,
        bump_map.instances, bump_map.cells, bump_map.x_um.tolist(), bump_map.y_um.tolist(), bump_map.ports,
        bump_map.nets,
    )  # fmt: skip
    lines: list[str] = []
    done = 0
    for before, comment in bump_map.comments:
        lines += [*islice(rows, before - done), comment]
        done = before
    return "".join(f"{line}\n" for line in chain(lines, rows))


def _chunks(text: str):
    """The text in runs of whole lines."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _CHUNK)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


def _six_each(bumps: str, count: int) -> bool:
    """Whether every line has six words, given that there are six times as many words as lines."""
    if count == 0:
        return True
    if not bumps.isascii():  # there are more kinds of space than one byte can tell
        return all(len(line.split()) == 6 for line in bumps.split("\n"))
    raw = np.frombuffer(bumps.encode("utf-8"), np.uint8)
    space = raw <= 32
    starts = np.flatnonzero(~space & np.concatenate([[True], space[:-1]]))
    ends = np.append(np.flatnonzero(raw == 10), len(raw))
    return bool((np.diff(np.searchsorted(starts, ends), prepend=0) == 6).all()) and len(ends) == count


_PLAIN_NUMBER = re.compile(r"[0-9eE+\-. \n]*")


def _numbers(words: list[str]) -> np.ndarray | None:
    """Finite floats, or None where a word is none (Python would also take 1_0, nan and other digits than 0-9)."""
    if not _PLAIN_NUMBER.fullmatch("\n".join(words)):
        return None
    try:
        values = np.fromiter(map(float, words), float, len(words))
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def _refuse_columns(lines: list[str], numbers, where: str, *, room: int) -> None:
    """Raises InputError for the first line that is no bump."""
    for number, line in zip(numbers, lines, strict=True):
        words = list(_WORD.finditer(line))
        if len(words) != 6:
            column = words[6].start() if len(words) > 6 else len(line.rstrip())
            raise InputError("threedblox.bmap_columns", where=at(where, number, column), got=len(words),
                             allowed=f"6: {' '.join(COLUMNS)}")  # fmt: skip
        for word in words[2:4]:
            if _numbers([word.group()]) is None:
                raise InputError("threedblox.bmap_number", where=at(where, number, word.start()),
                                 got=word.group()[:40])  # fmt: skip
    raise InputError("threedblox.bmap_many", where=where, allowed=f"<= {room:,}")


def _refuse_words(made: BumpMap) -> None:
    if len(set(made.instances)) != made.count:
        seen: set[str] = set()
        for index, name in enumerate(made.instances):
            if name in seen:
                raise InputError("threedblox.bmap_twice", where=made.place(index), got=name[:80])
            seen.add(name)
    if max(map(len, made.instances), default=0) > LONGEST_WORD:
        index = next(i for i, name in enumerate(made.instances) if len(name) > LONGEST_WORD)
        raise InputError("threedblox.bmap_word", where=made.place(index), allowed=f"<= {LONGEST_WORD}")
    for column in (made.cells, made.ports, made.nets):
        if max(map(len, column.words), default=0) > LONGEST_WORD:
            code = next(i for i, word in enumerate(column.words) if len(word) > LONGEST_WORD)
            index = int(np.flatnonzero(column.codes == code)[0])
            raise InputError("threedblox.bmap_word", where=made.place(index), allowed=f"<= {LONGEST_WORD}")
