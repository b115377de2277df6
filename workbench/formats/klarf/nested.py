"""KLARF 1.8: records inside records, fields and lists of typed columns; lengths in nanometres."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from workbench.formats.klarf.inspection import MISSING, Inspected, Inspection, Table, Wafer, renamed
from workbench.formats.klarf.words import Words, plain

VERSIONS = ("1.8",)
DEEPEST = 16
TYPES = ("int32", "int64", "float", "double", "string", "ImageList")
_WORD = re.compile(r'"[^"\r\n]*"|[{},;]|[^\s{},;"]+|"')  # a lone quote is a word that nothing takes
_NAME = re.compile(r"[A-Za-z]\w*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")

# Names of version 1.8 for what 1.2 calls otherwise.
SAME = {"SlotNumber": "Slot", "RecipeID": "SetupID"}


def parse(text: str, where: str) -> Inspection:
    """The inspection a text of version 1.8 holds.

    Raises InputError with line and column: another version, a bracket or name that is missing, a count that does not
    fit its columns, rows or values, a value that is not of its type, records nested deeper than `DEEPEST`, a second
    lot, no EndOfFile.
    """
    return _Reader(text, where).read()


class _Reader:
    def __init__(self, text: str, where: str):
        self.words = Words(text, where, _WORD)
        self.next = 0
        self.found = Inspection(1000.0)

    def read(self) -> Inspection:
        self._expect("Record")
        self._expect("FileRecord")
        version = plain(self._word())
        if version not in VERSIONS:
            self.words.refuse("klarf.version", self.next - 1, allowed="1.0, 1.1, 1.2, 1.8")
        self.found.version = version
        self._body(("FileRecord",), None)
        if self._word() != "EndOfFile":
            self.words.refuse("klarf.no_end", self.next - 1)
        if self._peek() == ";":
            self.next += 1
        if self._peek():
            self.words.refuse("klarf.after_end", self.next)
        return self.found

    # -- grammar -------------------------------------------------------------------------------------------------------
    def _word(self) -> str:
        if self.next >= len(self.words.list):
            self.words.refuse("klarf.no_end", self.next)
        self.next += 1
        return self.words.list[self.next - 1]

    def _peek(self) -> str:
        return self.words.list[self.next] if self.next < len(self.words.list) else ""

    def _expect(self, word: str) -> None:
        if self._word() != word:
            self.words.refuse("klarf.expected", self.next - 1, allowed=word)

    def _name(self) -> str:
        name = self._word()
        if not _NAME.fullmatch(name):
            self.words.refuse("klarf.name", self.next - 1)
        return name

    def _body(self, path: tuple[str, ...], wafer: Wafer | None) -> None:
        """What stands between the brackets of a record."""
        if len(path) > DEEPEST:
            self.words.refuse("klarf.too_deep", self.next, allowed=DEEPEST)
        self._expect("{")
        while self._peek() != "}":
            kind = self._word()
            if kind == "Record":
                self._record(path, wafer)
            elif kind == "Field":
                self._field(path, wafer)
            elif kind == "List":
                self._list(path, wafer)
            else:
                self.words.refuse("klarf.expected", self.next - 1, allowed="Record, Field, List, }")
        self._expect("}")

    def _record(self, path: tuple[str, ...], wafer: Wafer | None) -> None:
        first, name = self.next, self._name()
        title = plain(self._word()) if self._peek() != "{" else ""
        if name == "LotRecord":
            if not title:
                self.words.refuse("klarf.one_value", first + 1)
            if self.found.lot not in (None, title):
                self.words.refuse("klarf.second_lot", first + 1, allowed=self.found.lot)
            self.found.lot = title
        elif name == "WaferRecord":
            if not title or wafer is not None:
                self.words.refuse("klarf.one_value" if not title else "klarf.wafer_in_wafer", first + bool(title))
            wafer = Wafer(title, partial(self.words.at, first))
            self.found.wafers.append(wafer)
        elif name == "TestRecord" and wafer is not None:
            wafer.tests.append(Inspected(title or str(len(wafer.tests) + 1)))
        elif name not in ("FileRecord", "SummaryRecord"):
            self.found.keep(name, [title])
        self._body((*path, name), wafer)

    def _field(self, path: tuple[str, ...], wafer: Wafer | None) -> None:
        first, name = self.next, self._name()
        count = self.words.whole(self.next, high=100_000)
        self.next += 1
        self._expect("{")
        values: list[str] = []
        while self._peek() != "}":
            if values:
                self._expect(",")
            word = self._word()
            if word in ("{", "}", ",", ";", '"'):
                self.words.refuse("klarf.value", self.next - 1)
            values.append(plain(word))
        self._expect("}")
        if len(values) != count:
            self.words.refuse("klarf.count_differs", first + 1, allowed=f"{len(values):,}", name=name)
        name = SAME.get(name, name)
        if path[-1] == "TestRecord" and wafer is not None:
            if name == "AreaPerTest" and values:
                wafer.tests[-1].area = values[0]
            elif name != "InspectionTest":
                self.found.keep(name, values)
        elif path[-1] in ("WaferRecord", "LotRecord", "FileRecord"):
            inside = wafer is not None and path[-1] == "WaferRecord"
            (wafer.values if inside else self.found.values)[name] = tuple(values)
            owner = len(self.found.wafers) - 1 if inside else -1
            self.found.places[owner, name] = partial(self.words.at, first)
        else:
            self.found.keep(name, values)

    def _list(self, path: tuple[str, ...], wafer: Wafer | None) -> None:
        name = self._name()
        self._expect("{")
        columns, types = self._columns()
        table = self._data(columns, types)
        self._expect("}")
        if name == "DefectList" and wafer is not None:
            wafer.defects.append(table)
        elif name == "SampleTestPlanList" and wafer is not None and wafer.tests:
            wafer.tests[-1].plan = table
        elif name == "TestSummaryList" and wafer is not None:
            wafer.summaries.append(table)
        elif name == "ClassLookupList" and {"CLASSNUMBER", "CLASSNAME"} <= set(table.columns):
            pairs = zip(table.columns["CLASSNUMBER"], table.columns["CLASSNAME"], strict=True)
            self.found.classes.update((number, plain(word)) for number, word in pairs)
        else:
            first = [values[0] for values in table.columns.values() if values]
            self.found.keep(name, first)

    def _columns(self) -> tuple[list[str], list[str]]:
        self._expect("Columns")
        first = self.next
        count = self.words.whole(first, low=1, high=1_000)
        self.next += 1
        self._expect("{")
        names, types = [], []
        while self._peek() != "}":
            if names:
                self._expect(",")
            kind = self._word()
            if kind not in TYPES:
                self.words.refuse("klarf.type", self.next - 1, allowed=", ".join(TYPES))
            types.append(kind)
            names.append(self._name())
        self._expect("}")
        if len(names) != count:
            self.words.refuse("klarf.count_differs", first, allowed=f"{len(names):,}", name="Columns")
        return renamed(names, lambda: self.words.at(first)), types

    def _data(self, columns: Sequence[str], types: Sequence[str]) -> Table:
        self._expect("Data")
        first = self.next
        count = self.words.whole(first)
        self.next += 1
        self._expect("{")
        words, starts, rows = self.words.list, [], []
        images: dict[int, list[tuple[str, str]]] = {}
        pictured = "ImageList" in types
        while self._peek() != "}":
            try:
                end = words.index(";", self.next)
            except ValueError:
                self.words.refuse("klarf.no_end", len(words))
            row = words[self.next : end]
            starts.append((self.next, None))
            if pictured:
                row, places, found = self._with_images(self.next, end, types, columns)
                starts[-1] = (self.next, places)
                if found:
                    images[len(rows)] = found
            if len(row) != len(columns):
                self.words.refuse("klarf.row_short", self.next, allowed=len(columns), row=len(rows) + 1)
            rows.append(row)
            self.next = end + 1
        self._expect("}")
        if len(rows) != count:
            self.words.refuse("klarf.count_differs", first, allowed=f"{len(rows):,}", name="Data")

        def index(row: int, name: str) -> int:
            start, places = starts[row]
            column = columns.index(name)
            return start + column if places is None else places[column]

        turned = map(list, zip(*rows, strict=True)) if rows else ([] for _ in columns)
        table = Table(dict(zip(columns, turned, strict=True)), len(rows),
                      lambda row, name: self.words.at(index(row, name)), images)  # fmt: skip
        for name, kind in zip(columns, types, strict=True):
            self._check(table.columns[name], kind, lambda row, name=name: index(row, name))
        return table

    def _with_images(
        self, at: int, end: int, types: Sequence[str], columns: Sequence[str]
    ) -> tuple[list[str], list[int], list[tuple[str, str]]]:
        """A row in which a list of images is one word: `N`, or `Images 3 { "path" "kind" … , … }`."""
        row, places, found, words = [], [], [], self.words.list
        for kind in types:
            if at >= end:
                break
            places.append(at)
            row.append(words[at])
            at += 1
            if kind != "ImageList" or row[-1] in ("N", *MISSING):
                continue
            if row[-1] != "Images":
                self.words.refuse("klarf.images", at - 1, allowed="N, Images n { … }")
            count = self.words.whole(at, high=100_000)
            if at + 1 >= end or words[at + 1] != "{":
                self.words.refuse("klarf.expected", at + 1, allowed="{")
            try:
                close = words.index("}", at + 1, end)
            except ValueError:
                self.words.refuse("klarf.expected", end, allowed="}")
            each = _split(words[at + 2 : close])
            if len(each) != count:
                self.words.refuse("klarf.count_differs", at, allowed=f"{len(each):,}", name="Images")
            found += [(plain(image[0]), " ".join(map(plain, image[1:]))) for image in each if image]
            at = close + 1
        return row + words[at:end], places, found

    def _check(self, values: Sequence[str], kind: str, index: Callable[[int], int]) -> None:
        pattern = _WHOLE if kind.startswith("int") else _NUMBER if kind in ("float", "double") else None
        for row, value in enumerate(values):
            good = value in MISSING or (pattern.fullmatch(value) if pattern else value not in ("{", "}", ",", '"'))
            if not good:
                self.words.refuse("klarf.not_of_type", index(row), allowed=kind)


def _split(words: Sequence[str]) -> list[list[str]]:
    """Words between commas."""
    if not words:
        return []
    groups: list[list[str]] = [[]]
    for word in words:
        if word == ",":
            groups.append([])
        else:
            groups[-1].append(word)
    return groups
