"""KLARF 1.0 to 1.2: records of words, each ended by a semicolon; lengths in micrometres."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from workbench.errors import InputError
from workbench.formats.klarf.inspection import Inspected, Inspection, Table, Wafer, renamed
from workbench.formats.klarf.words import Words, plain
from workbench.formats.yaml_text import at_offset

VERSIONS = ("1.0", "1.1", "1.2")
# Quotes hide semicolons and end on their line. Possessive: no text makes the pattern try twice.
_RECORD = re.compile(r'\s*+((?:[^;"]++|"[^"\r\n]*+")*+);')
_WORD = re.compile(r'"[^"\r\n]*"|[^\s";]+')
_KEYWORD = re.compile(r"[A-Za-z]\w*")

LOT_FIELDS = {  # fields of the whole file
    "FileTimestamp", "InspectionStationID", "OperatorID", "SampleType", "ResultTimestamp", "ClassificationSource",
    "SampleSize", "SetupID", "StepID", "DeviceID", "Product", "ResultsID", "RecipeVersion",
    "SampleOrientationMarkType", "OrientationMarkLocation", "InspectionOrientation", "CoordinatesMirrored", "DiePitch",
    "TiffSpec",
}  # fmt: skip
WAFER_FIELDS = {"DieOrigin", "SampleCenterLocation", "Slot", "WaferScribe", "WaferStatus", "ResultTimestamp",
                "OrientationInstructions"}  # fmt: skip


def parse(text: str, where: str) -> Inspection:
    """The inspection a text of version 1.0 to 1.2 holds.

    Raises InputError with line and column: another version, a record that does not end, a count that does not fit
    its rows, a list before the record that names its columns, a row that does not fit them, a wafer without a
    DefectList, a second lot, no EndOfFile.
    """
    return _Reader(text, where).read()


class _Reader:
    def __init__(self, text: str, where: str):
        self.text, self.where = text, where
        self.found = Inspection(1.0)
        self.spec: dict[str, list[str]] = {}  # columns that DefectRecordSpec and SummarySpec named
        self.picture = ""
        self.words: Words

    def read(self) -> Inspection:
        at, ended = 0, False
        while not ended:
            match = _RECORD.match(self.text, at)
            if not match:
                self._unfinished(at)
            self.words = Words(self.text, self.where, _WORD, match.start(1), match.end(1))
            at = match.end()
            if self.words.list:  # a lone semicolon says nothing
                ended = self._record()
        if self.text[at:].strip():
            rest = at + len(self.text[at:]) - len(self.text[at:].lstrip())
            raise InputError("klarf.after_end", where=at_offset(self.where, self.text, rest))
        for wafer in self.found.wafers:
            if not wafer.defects:
                raise InputError("klarf.no_defect_list", where=wafer.where(), got=wafer.name)
        return self.found

    def _unfinished(self, at: int) -> None:
        rest = self.text[at:]
        quote = re.match(r'(?:[^;"]++|"[^"\r\n]*+")*+', rest).end()
        if quote < len(rest):  # the pattern stopped at a quote that its line does not close
            raise InputError("klarf.quote", where=at_offset(self.where, self.text, at + quote))
        raise InputError("klarf.no_end", where=at_offset(self.where, self.text, at + len(rest) - len(rest.lstrip())),
                         got=rest.strip()[:60])  # fmt: skip

    def _record(self) -> bool:
        """Take the record in `self.words`; whether it ends the file."""
        words = self.words
        name, values = words.list[0], words.list[1:]
        if not _KEYWORD.fullmatch(name):
            words.refuse("klarf.keyword", 0)
        if not self.found.version and name != "FileVersion":
            words.refuse("klarf.version", 0, allowed="FileVersion 1 2")
        if name == "EndOfFile":
            if values:
                words.refuse("klarf.after_end", 1)
            return True
        special = getattr(self, f"_take_{name}", None)
        if special:
            special(values)
        elif name in WAFER_FIELDS and self.found.wafers:
            self._field(name, values, self.found.wafers[-1])
        elif name in LOT_FIELDS or name in WAFER_FIELDS:
            self._field(name, values)
        elif name == "OperatorId":  # as some stations spell it
            self._field("OperatorID", values)
        else:
            self.found.keep(name, values)
        return False

    def _field(self, name: str, values: Sequence[str], wafer: Wafer | None = None) -> None:
        (wafer or self.found).values[name] = tuple(plain(value) for value in values)
        self.found.places[len(self.found.wafers) - 1 if wafer else -1, name] = self._here()

    def _here(self) -> Callable[[], str]:
        return partial(at_offset, self.where, self.text, self.words.start)

    def _wafer(self) -> Wafer:
        if not self.found.wafers:
            self.words.refuse("klarf.no_wafer", 0)
        return self.found.wafers[-1]

    def _one(self, values: Sequence[str]) -> str:
        if len(values) != 1 or not plain(values[0]):
            self.words.refuse("klarf.one_value", min(1, len(values)))
        return plain(values[0])

    # -- records with a meaning of their own ---------------------------------------------------------------------------
    def _take_FileVersion(self, values: Sequence[str]) -> None:
        version = ".".join(values)
        if self.found.version or version not in VERSIONS:
            self.words.refuse("klarf.version", 1, allowed=", ".join((*VERSIONS, "1.8")))
        self.found.version = version

    def _take_LotID(self, values: Sequence[str]) -> None:
        lot = self._one(values)
        if self.found.lot not in (None, lot):
            self.words.refuse("klarf.second_lot", 1, allowed=self.found.lot)
        self.found.lot = lot

    def _take_WaferID(self, values: Sequence[str]) -> None:
        name = self._one(values)
        self.found.wafers.append(Wafer(name, self._here()))

    def _take_TiffFileName(self, values: Sequence[str]) -> None:
        self.picture = self._one(values)

    def _take_ClassLookup(self, values: Sequence[str]) -> None:
        count = self.words.whole(1)
        if len(values) != 1 + 2 * count:
            self.words.refuse("klarf.rows", 1, allowed=f"{count:,} x 2", name="ClassLookup")
        for number, name in zip(values[1::2], values[2::2], strict=True):
            self.found.classes[number] = plain(name)

    def _take_InspectionTest(self, values: Sequence[str]) -> None:
        wafer = self._wafer()
        wafer.tests.append(Inspected(self._one(values)))

    def _test(self) -> Inspected:
        wafer = self._wafer()
        if not wafer.tests:
            wafer.tests.append(Inspected("1"))
        return wafer.tests[-1]

    def _take_AreaPerTest(self, values: Sequence[str]) -> None:
        self._test().area = self._one(values)

    def _take_SampleTestPlan(self, values: Sequence[str]) -> None:
        count = self.words.whole(1)
        if len(values) != 1 + 2 * count:
            self.words.refuse("klarf.rows", 1, allowed=f"{count:,} x 2", name="SampleTestPlan")
        columns = {"XINDEX": values[1::2], "YINDEX": values[2::2]}
        words = self.words
        self._test().plan = Table(columns, count, lambda row, name: words.at(2 + 2 * row + (name == "YINDEX")))

    def _take_DefectRecordSpec(self, values: Sequence[str]) -> None:
        self._columns("DefectList", values)

    def _take_SummarySpec(self, values: Sequence[str]) -> None:
        self._columns("SummaryList", values)

    def _columns(self, of: str, values: Sequence[str]) -> None:
        count = self.words.whole(1, low=1, high=1_000)
        if len(values) != 1 + count:
            self.words.refuse("klarf.columns", 1, allowed=len(values) - 1)
        self.spec[of] = renamed(values[1:], lambda: self.words.at(0))

    def _take_SummaryList(self, values: Sequence[str]) -> None:
        wafer, columns = self._wafer(), self._spec_of("SummaryList")
        rows, odd = divmod(len(values), len(columns))
        if odd:
            self.words.refuse("klarf.row_short", len(values), allowed=len(columns), row=rows + 1)
        words = self.words
        wafer.summaries.append(Table(
            {name: values[i :: len(columns)] for i, name in enumerate(columns)}, rows,
            lambda row, name: words.at(1 + row * len(columns) + columns.index(name))))  # fmt: skip

    def _spec_of(self, name: str) -> list[str]:
        if name not in self.spec:
            needed = "DefectRecordSpec" if name == "DefectList" else "SummarySpec"
            self.words.refuse("klarf.no_columns", 0, allowed=needed)
        return self.spec[name]

    def _take_DefectList(self, values: Sequence[str]) -> None:
        wafer, columns = self._wafer(), self._spec_of("DefectList")
        words, picture = self.words, self.picture
        if "IMAGELIST" not in columns:
            rows, odd = divmod(len(values), len(columns))
            if odd:
                words.refuse("klarf.row_short", len(values), allowed=len(columns), row=rows + 1)
            table = {name: values[i :: len(columns)] for i, name in enumerate(columns)}
            wafer.defects.append(
                Table(table, rows, lambda row, name: words.at(1 + row * len(columns) + columns.index(name)))
            )
            return
        # A row with images is as long as their number says: count, then a number and a kind for each.
        pivot, after = columns.index("IMAGELIST"), len(columns) - columns.index("IMAGELIST") - 1
        starts, lists, images, at = [], [], {}, 0
        while at < len(values):
            head = at + pivot
            count = words.whole(1 + head, high=100_000) if head < len(values) else 0
            end = head + 1 + 2 * count + after
            if end > len(values):
                words.refuse("klarf.row_short", len(values), allowed=len(columns), row=len(starts) + 1)
            if count:
                pairs = values[head + 1 : head + 1 + 2 * count]
                images[len(starts)] = [(picture, " ".join(pair)) for pair in zip(pairs[::2], pairs[1::2], strict=True)]
            starts.append((at, end))
            lists.append([*values[at:head], *values[end - after : end]])
            at = end
        plainly = columns[:pivot] + columns[pivot + 1 :]
        turned = map(list, zip(*lists, strict=True)) if lists else ([] for _ in plainly)
        table = dict(zip(plainly, turned, strict=True))

        def locate(row: int, name: str) -> str:
            index = columns.index(name)
            start, end = starts[row]
            return words.at(1 + (start + index if index < pivot else end - (len(columns) - index)))

        wafer.defects.append(Table(table, len(starts), locate, images))
