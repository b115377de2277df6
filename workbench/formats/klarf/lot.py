"""An inspection as a `LotData`: words become numbers in the units of the workbench, each with its place if it fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.formats.klarf.inspection import MISSING, Inspection, Table, Wafer
from workbench.formats.lot_data import DEFECT_COLUMNS, Carrier, LotData
from workbench.formats.report import Notes

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_CHARACTERS = set("0123456789+-.eE")
_INT32 = np.iinfo("int32")
NEEDED = ("DEFECTID", "XINDEX", "YINDEX")
LENGTHS = {"x_um": "XREL", "y_um": "YREL", "size_x_um": "XSIZE", "size_y_um": "YSIZE"}
TAKEN = {*NEEDED, *LENGTHS.values(), "DEFECTAREA", "CLASSNUMBER", "IMAGELIST", "IMAGECOUNT", "IMAGEINFO"}
CONDITIONS = {"OperatorID": "operator", "StepID": "step_id", "SampleType": "sample_type",
              "ClassificationSource": "classification_source"}  # fmt: skip
MOST_PLANNED = 200_000  # dies of a sample plan that are listed


def lot_data(found: Inspection, *, where: str, encoding: str) -> LotData:
    """The lot of an inspection; see `klarf.read`."""
    notes = Notes()
    started = _moment(found.values.get("ResultTimestamp"), notes)
    names = list(dict.fromkeys(wafer.name for wafer in found.wafers))
    defects, images = _defects(found, names, notes)
    conditions = _conditions(found)
    setup = found.values.get("SetupID", ())
    if setup and setup[0]:
        conditions["recipe"] = setup[0]
    notes.kept["klarf"] = {"version": found.version, "records": found.kept, "images": images}
    _tell(found, defects, images, notes, encoding)
    product = next((word for name in ("DeviceID", "Product") for word in found.values.get(name, ())[:1]
                    if word and word not in MISSING), None)  # fmt: skip
    attributes: dict[str, dict[str, Any]] = {name: {} for name in names}
    for index, wafer in enumerate(found.wafers):
        attributes[wafer.name] |= _attributes(found, index, wafer, notes)
    return LotData(
        format="klarf", lot=found.lot, product=product,
        carriers=tuple(Carrier(name, "wafer", attributes[name]) for name in names), defects=defects,
        conditions=conditions, started_at=started, report=notes.report(),
    )  # fmt: skip


# -- defects -----------------------------------------------------------------------------------------------------------
def _defects(found: Inspection, names: list[str], notes: Notes) -> tuple[pd.DataFrame, dict[str, dict[str, list]]]:
    parts, codes, images, left = [], [], {}, set()
    for wafer in found.wafers:
        for table in wafer.defects:
            if not table.rows:
                continue
            parts.append(_columns(table, found.units_a_um, notes))
            codes.append(np.full(table.rows, names.index(wafer.name), "int32"))
            left |= set(table.columns) - TAKEN
            for row, pictures in table.images.items():
                defect = str(parts[-1]["defect"][row])
                images.setdefault(wafer.name, {}).setdefault(defect, []).extend(list(pair) for pair in pictures)
    if left:
        notes.leave("klarf.left.columns", list=", ".join(sorted(left)))
    carrier = pd.Categorical.from_codes(
        np.concatenate(codes) if codes else np.zeros(0, "int32"),
        dtype=pd.CategoricalDtype(pd.Index(names, dtype="str")),
    )
    made: dict[str, Any] = {"carrier": carrier}
    for name, kind in list(DEFECT_COLUMNS.items())[1:]:
        values = np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
        if kind == "Int32":
            absent = np.isnan(values)
            made[name] = pd.arrays.IntegerArray(np.where(absent, 0, values).astype("int32"), absent)
        else:
            made[name] = values.astype(kind)
    return pd.DataFrame(made), images


def _columns(table: Table, units_a_um: float, notes: Notes) -> dict[str, np.ndarray]:
    for name in NEEDED:
        if name not in table.columns:
            raise InputError("klarf.column_missing", where=table.locate(0, next(iter(table.columns))), got=name,
                             allowed=", ".join(NEEDED))  # fmt: skip
    defect, x, y = (_whole(table, name) for name in NEEDED)
    made = {"defect": defect, "x": x, "y": y}
    for name, said in LENGTHS.items():
        if said.endswith("SIZE") and said not in table.columns and "DSIZE" in table.columns:
            said = "DSIZE"
            notes.assume("klarf.size")
        made[name] = _numbers(table, said) / units_a_um
    made["area_um2"] = _numbers(table, "DEFECTAREA") / units_a_um**2
    classes = _numbers(table, "CLASSNUMBER")
    _refuse_fractions(table, "CLASSNUMBER", classes)
    return made | {"class_number": classes}


def _numbers(table: Table, name: str) -> np.ndarray:
    """A column as numbers (rows,), NaN where it is absent or written NA."""
    words = table.columns.get(name)
    if words is None:
        return np.full(table.rows, np.nan)
    if not set("".join(words)) <= _CHARACTERS:
        words = [word[1:-1] if word[:1] == '"' else word for word in words]
        words = ["nan" if word in MISSING else word for word in words]
    for row, word in enumerate(words):  # float() takes more than a number of the format
        if word != "nan" and not _NUMBER.fullmatch(word):
            raise InputError("klarf.not_a_number", where=table.locate(row, name), got=table.columns[name][row][:60])
    values = np.array(list(map(float, words)))
    if not np.isfinite(values[[word != "nan" for word in words]]).all():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise InputError("klarf.not_a_number", where=table.locate(row, name), got=table.columns[name][row][:60])
    return values


def _whole(table: Table, name: str) -> np.ndarray:
    values = _numbers(table, name)
    _refuse_fractions(table, name, values)
    absent = np.flatnonzero(np.isnan(values))
    if len(absent):
        row = int(absent[0])
        raise InputError("klarf.value_needed", where=table.locate(row, name), got=table.columns[name][row][:60])
    return values.astype("int32")


def _refuse_fractions(table: Table, name: str, values: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):
        odd = np.flatnonzero((values != np.trunc(values)) & ~np.isnan(values) | (np.abs(values) > _INT32.max))
    if len(odd):
        row = int(odd[0])
        raise InputError("klarf.not_whole", where=table.locate(row, name), got=table.columns[name][row][:60])


# -- wafers ------------------------------------------------------------------------------------------------------------
def _attributes(found: Inspection, index: int, wafer: Wafer, notes: Notes) -> dict[str, Any]:
    """What a file says of a wafer, its own fields before those of the lot, in the units of the names."""

    def words(name: str) -> tuple[tuple[str, ...], int]:
        return (wafer.values[name], index) if name in wafer.values else (found.values.get(name, ()), -1)

    def lengths(name: str, stem: str) -> dict[str, float]:
        said, owner = words(name)
        if not said or all(word in MISSING for word in said):
            return {}
        numbers = [_number(word) for word in said]
        if len(numbers) != 2 or None in numbers:
            raise InputError("klarf.two_lengths", where=found.places[owner, name](), got=" ".join(said)[:60])
        return {f"{stem}_{axis}_um": value / found.units_a_um for axis, value in zip("xy", numbers, strict=True)}

    made: dict[str, Any] = {}
    for name, stem in (("DiePitch", "die_pitch"), ("DieOrigin", "die_origin"),
                       ("SampleCenterLocation", "sample_center")):  # fmt: skip
        made |= lengths(name, stem)
    made |= _size(found, words("SampleSize")[0])
    for name, attribute in (("WaferScribe", "scribe"), ("SampleOrientationMarkType", "orientation_mark"),
                            ("OrientationMarkLocation", "orientation_mark_location"),
                            ("CoordinatesMirrored", "coordinates_mirrored"), ("WaferStatus", "status"),
                            ("InspectionOrientation", "inspection_orientation")):  # fmt: skip
        said = words(name)[0]
        if said and said[0] and said[0] not in MISSING:
            made[attribute] = said[0] if attribute in ("scribe", "status") else said[0].lower()
    slot = words("Slot")[0]
    if slot and re.fullmatch(r"[0-9]{1,6}", slot[0]):
        made["slot"] = int(slot[0])
    moment = _moment(wafer.values.get("ResultTimestamp"), notes)
    if moment:
        made["measured_at"] = moment.isoformat()
    tests, planned = _tests(found, wafer)
    if tests:
        made["inspection_tests"] = tests
    if planned is not None:
        made["inspected_dies"] = planned
    summary = _summary(wafer, notes)
    if summary:
        made["summary"] = summary
    return made


def _size(found: Inspection, said: Sequence[str]) -> dict[str, float]:
    """Diameter, or width and length: version 1.2 gives a kind and millimetres, 1.8 lengths in its own unit."""
    numbers = [_number(word) for word in said]
    if not numbers or None in numbers:
        return {}
    if found.units_a_um == 1.0:
        kind, *sizes = numbers
    else:
        sizes = [value / found.units_a_um / 1000 for value in numbers]
        kind = 2 if len(sizes) == 2 and sizes[1] else 1
    if kind == 1 and sizes and sizes[0] > 0:
        return {"diameter_mm": sizes[0]}
    if kind == 2 and len(sizes) == 2 and min(sizes) > 0:
        return {"width_mm": sizes[0], "length_mm": sizes[1]}
    return {}


def _tests(found: Inspection, wafer: Wafer) -> tuple[list[dict[str, Any]], list[list[int]] | None]:
    """The inspection tests of a wafer, and the dies that any of them looked at."""
    tests, planned = [], {}
    for test in wafer.tests:
        made: dict[str, Any] = {"test": test.number}
        area = _number(test.area or "")
        if area is not None and area >= 0:
            made["area_mm2"] = area / found.units_a_um**2 / 1e6
        if test.plan is not None and {"XINDEX", "YINDEX"} <= set(test.plan.columns):
            made["dies"] = test.plan.rows
            xs, ys = (_whole(test.plan, name).tolist() for name in ("XINDEX", "YINDEX"))
            planned.update(dict.fromkeys(zip(xs, ys, strict=True)))
        tests.append(made)
    has_plan = any("dies" in made for made in tests)
    return tests, [list(place) for place in planned][:MOST_PLANNED] if has_plan else None


def _summary(wafer: Wafer, notes: Notes) -> list[dict[str, int]]:
    """Counts that the tool gives, each checked against the list of defects."""
    rows = []
    for table in wafer.summaries:
        columns = {name: _numbers(table, name) for name in ("TESTNO", "NDEFECT", "NDIE", "NDEFDIE")
                   if name in table.columns}  # fmt: skip
        for row in range(table.rows):
            made = {word: int(columns[name][row]) for name, word in
                    (("TESTNO", "test"), ("NDEFECT", "defects"), ("NDIE", "dies"), ("NDEFDIE", "defective_dies"))
                    if name in columns and abs(columns[name][row]) < 1e15}  # fmt: skip
            if made:
                rows.append(made)
    listed = sum(table.rows for table in wafer.defects)
    said = sum(made.get("defects", 0) for made in rows)
    if rows and said != listed and any("defects" in made for made in rows):
        notes.assume("klarf.summary_differs", wafer=wafer.name[:60], said=f"{said:,}", listed=f"{listed:,}")
    return rows


# -- the whole ---------------------------------------------------------------------------------------------------------
def _conditions(found: Inspection) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, word in CONDITIONS.items():
        said = found.values.get(name, ())
        if said and said[0] and said[0] not in MISSING:
            made[word] = said[0]
    station = [word for word in found.values.get("InspectionStationID", ()) if word and word not in MISSING]
    if station:
        made["inspection_station"] = " ".join(station)
    if found.classes:
        made["defect_classes"] = dict(found.classes)
    return made


def _number(word: str) -> float | None:
    return float(word) if _NUMBER.fullmatch(word) and abs(float(word)) < 1e300 else None


def _moment(words: Sequence[str] | None, notes: Notes) -> datetime | None:
    """Month-day-year or year-month-day, then the time of day; years of two digits are 1969 to 2068."""
    if not words or all(not word or word in MISSING for word in words):
        return None
    said = " ".join(words)
    for form in ("%m-%d-%Y %H:%M:%S", "%m-%d-%y %H:%M:%S", "%Y-%m-%d %H:%M:%S"):
        try:
            moment = datetime.strptime(said, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        notes.assume("klarf.local_time")
        return moment
    notes.leave("klarf.left.moment", got=said[:60])
    return None


def _tell(found: Inspection, defects: pd.DataFrame, images: Mapping, notes: Notes, encoding: str) -> None:
    pictures = sum(len(listed) for of_wafer in images.values() for listed in of_wafer.values())
    notes.take("klarf.taken", version=found.version, wafers=f"{len({w.name for w in found.wafers}):,}",
               defects=f"{len(defects):,}", tests=f"{sum(len(w.tests) for w in found.wafers):,}",
               classes=f"{len(found.classes):,}")  # fmt: skip
    if pictures:
        notes.take("klarf.images", count=f"{pictures:,}")
    unknown = Counter(found.unknown)
    if unknown:
        listed = ", ".join(f"{name[:40]} {count:,}" for name, count in unknown.most_common(20))
        notes.leave("klarf.left.records", count=f"{unknown.total():,}", list=listed)
    if encoding != "utf-8":
        notes.assume("lot_file.encoding", encoding=encoding)
