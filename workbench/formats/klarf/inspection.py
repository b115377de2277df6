"""What a KLARF file of any version says: one inspection of the wafers of a lot, still in its own words and units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from workbench.errors import InputError

Locate = Callable[[int, str], str]  # row of a table and its column -> "file:line:column"
MISSING = ("NA", "N/A")


@dataclass
class Table:
    """Rows of a list, by column. `columns` holds the words as they are written; images are apart, by row: (file,
    number or kind) pairs."""

    columns: dict[str, list[str]]
    rows: int
    locate: Locate
    images: dict[int, list[tuple[str, str]]] = field(default_factory=dict)


@dataclass
class Inspected:
    """One inspection test of a wafer: its number, its area as written, the dies of its sample plan."""

    number: str
    area: str | None = None
    plan: Table | None = None


@dataclass
class Wafer:
    """A wafer of the file; `values` are its fields."""

    name: str
    where: Callable[[], str]
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tests: list[Inspected] = field(default_factory=list)
    defects: list[Table] = field(default_factory=list)
    summaries: list[Table] = field(default_factory=list)


@dataclass
class Inspection:
    """A file: `units_a_um` is how many of its units of length are a micrometre; `places` say where a field is
    written, by wafer (-1 for the lot) and name."""

    units_a_um: float
    version: str = ""
    lot: str | None = None
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wafers: list[Wafer] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    places: dict[tuple[int, str], Callable[[], str]] = field(default_factory=dict)
    unknown: Counter = field(default_factory=Counter)  # records without a meaning here, by name
    kept: dict[str, list[list[str]]] = field(default_factory=dict)  # their words

    MOST_KEPT: ClassVar[int] = 1_000  # records whose words are kept, and words of each

    def keep(self, name: str, words: Sequence[str]) -> None:
        """Count a record that has no place, and keep its words within bounds."""
        self.unknown[name] += 1
        if self.unknown.total() <= self.MOST_KEPT:
            self.kept.setdefault(name, []).append([word[:200] for word in words[: self.MOST_KEPT]])


def renamed(columns: Sequence[str], where: Callable[[], str]) -> list[str]:
    """Names of columns in capitals. Raises InputError where one is there twice."""
    names = [name.upper() for name in columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError("klarf.column_twice", where=where(), got=twice[0])
    return names
