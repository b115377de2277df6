"""Whether two bumps that meet belong to one net: by the netlist of the module where there is one, else by their names.

Labels stay codes into the few words a field has; a word with placeholders is compared by its parts, so that a million
labels are never written out unless two fields name their bumps in different ways.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as default
from functools import cached_property

import numpy as np

from workbench.stack import Design, Grid, Points

_MARK = re.compile(r"\{(index|column|row)\}")


@dataclass(frozen=True, eq=False)
class Netlist:
    """The nets of the module: which ports of which part they join."""

    design: Design
    _kept: dict[tuple[str, int, int], tuple] = default(default_factory=dict, repr=False)

    @cached_property
    def net_of(self) -> dict[str, dict[str, int]]:
        """Net number by part and port."""
        found: dict[str, dict[str, int]] = {}
        for number, net in enumerate(self.design.netlist):
            for pin in net.pins:
                found.setdefault(pin.part, {})[pin.port] = number
        return found

    @cached_property
    def roles(self) -> np.ndarray:
        """signal 0, power 1, ground 2 (nets,)."""
        number = {"signal": 0, "power": 1, "ground": 2}
        return np.array([number[net.role] for net in self.design.netlist], np.int8)

    def codes(self, part: str, field: Grid | Points, index: np.ndarray) -> np.ndarray:
        """Net number (k,) of bumps of a field; -1 where the netlist does not know it. A bump is looked up by its port,
        then by the net it carries inside its die.
        """
        codes = np.full(len(index), -1, np.int64)
        for words in (field.nets, field.ports):  # the port is looked up last and wins
            if words:
                labels, numbers = self._numbered(part, field, words)
                known = numbers[labels[index]]
                codes = np.where(known >= 0, known, codes)
        return codes

    def _numbered(self, part: str, field: Grid | Points, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Labels of all bumps of a field as codes (n,), and the net of each code."""
        key = (part, id(field), id(words))
        if key not in self._kept:
            nets = self.net_of.get(part, {})
            labels, texts = field.coded(words)
            numbers = np.fromiter((nets.get(text, -1) for text in texts), np.int64, len(texts))
            self._kept[key] = (field, labels, numbers)
        return self._kept[key][1:]


class Names:
    """The names of fields, compared. What a field's words come to is worked out once, however many fields it meets."""

    def __init__(self) -> None:
        self._tables: dict[int, tuple[Sequence[str], np.ndarray | None]] = {}

    def _table(self, words: Sequence[str]) -> np.ndarray | None:
        """A number for each word, equal for equal words; None when a word has a placeholder. The numbers are the hashes
        Python keeps in its texts: two words that agree by chance are one in 10^18.
        """
        if id(words) not in self._tables:
            marked = _MARK.search("\0".join(words))  # all at once: there may be a million
            table = None if marked else np.fromiter(map(hash, words), np.int64, len(words))
            self._tables[id(words)] = (words, table)
        return self._tables[id(words)][1]

    def unequal(self, first: Grid | Points, i: np.ndarray, second: Grid | Points, j: np.ndarray) -> np.ndarray | None:
        """Which pairs of bumps carry different names (k,): their nets, or their ports where a field has no nets. None
        when a field names nothing, so that there is nothing to compare.
        """
        words_a, words_b = (field.nets or field.ports for field in (first, second))
        if not words_a or not words_b:
            return None
        a, b = self._table(words_a), self._table(words_b)
        if a is None or b is None:
            return _unequal_templates(first, words_a, i, second, words_b, j)
        # Broadcast where one word names all: nothing to gather.
        a = a if len(a) == 1 else a[_repeated(i, len(a))]
        b = b if len(b) == 1 else b[_repeated(j, len(b))]
        return np.broadcast_to(np.asarray(a != b, bool), (len(i),))


def _repeated(index: np.ndarray, count: int) -> np.ndarray:
    """index modulo count, without dividing where the index cannot reach the count."""
    return index if len(index) == 0 or int(index.max()) < count else index % count


def _unequal_templates(first, words_a, i: np.ndarray, second, words_b, j: np.ndarray) -> np.ndarray:
    """Word by word: the pairs that a given word of either field names are equal when their templates are, and the
    numbers filled in are. Templates that differ are written out, unless their beginnings already differ.
    """
    n, m = len(words_a), len(words_b)
    code_a, code_b = _repeated(i, n), _repeated(j, m)
    groups = [(0, 0, slice(None))]
    if n * m > 1:
        both = code_a.astype(np.int64) * m + code_b
        order = np.argsort(both, kind="stable")
        cuts = np.flatnonzero(np.diff(both[order])) + 1
        groups = [(int(both[g[0]]) // m, int(both[g[0]]) % m, g) for g in np.split(order, cuts) if len(g)]
    result = np.empty(len(i), bool)
    for a, b, group in groups:
        result[group] = _unequal_template(first, words_a[a], i[group], second, words_b[b], j[group])
    return result


def _unequal_template(first, word_a: str, i: np.ndarray, second, word_b: str, j: np.ndarray) -> np.ndarray:
    parts_a, parts_b = _MARK.split(word_a), _MARK.split(word_b)
    text_a, text_b = parts_a[::2], parts_b[::2]
    if text_a == text_b and all(text and not text[0].isdigit() and not text[-1].isdigit() for text in text_a[1:-1]):
        # Numbers stand between the same words that are no digits: the labels agree when all numbers do. Digits that
        # touch the first or the last number belong to equal texts on both sides and change nothing.
        differ = np.zeros(len(i), bool)
        for kind_a, kind_b in zip(parts_a[1::2], parts_b[1::2], strict=True):
            differ |= _numbers(first, kind_a, i) != _numbers(second, kind_b, j)
        return differ
    start = min(len(text_a[0]), len(text_b[0]))
    if text_a[0][:start] != text_b[0][:start]:
        return np.ones(len(i), bool)
    said = _written(first, parts_a, i), _written(second, parts_b, j)
    return np.array([x != y for x, y in zip(*said, strict=True)], bool)


def _written(field: Grid | Points, parts: list[str], index: np.ndarray) -> list[str]:
    """The labels of bumps in full. `parts` are texts and kinds of number in turn."""
    columns = [_numbers(field, kind, index).tolist() for kind in parts[1::2]]
    frame = "{}".join(text.replace("{", "{{").replace("}", "}}") for text in parts[::2])
    return [frame.format(*row) for row in zip(*columns, strict=True)] if columns else [frame.format()] * len(index)


def _numbers(field: Grid | Points, kind: str, index: np.ndarray) -> np.ndarray:
    if kind == "index":
        return index
    if isinstance(field, Grid) and not field.omit:
        return index % field.columns if kind == "column" else index // field.columns
    columns, rows = field.sites()
    return (columns if kind == "column" else rows)[index]


def label(field: Grid | Points, index: int) -> str:
    """Name of a bump, its net (else port) in brackets, for a sentence."""
    name = field.label(field.names or (f"{field.name}[{{index}}]",), index)
    net = field.label(field.nets or field.ports, index)
    return f"{name} ({net})" if net else name
