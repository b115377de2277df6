"""What the columns of a table may mean, by their names in English and Chinese and by what is in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.formats.tabular.grid import Grid
from workbench.formats.tabular.mapping import Column, Mapping, source_key
from workbench.formats.tabular.numbers import numbers, texts

_PREVIEW_ROWS = 5

NAMES = {  # role -> names without blanks, marks and capitals
    "lot": {"lot", "lotid", "lotno", "lotnumber", "batch", "batchid", "批號", "批次", "批次號", "批"},
    "product": {"product", "productid", "device", "deviceid", "partnumber", "產品", "品名", "料號"},
    "carrier": {"carrier", "wafer", "waferid", "waferno", "wafernumber", "panel", "panelid", "strip", "stripid", "tray",
                "trayid", "substrateid", "晶圓", "晶圓編號", "晶圓號", "片號", "面板", "面板編號", "基板編號", "載具"},
    "position": {"position", "pos", "index", "no", "dieno", "dienumber", "位置", "序號", "編號"},
    "x": {"x", "xcoord", "diex", "col", "column", "xindex", "x座標", "晶粒x", "行"},
    "y": {"y", "ycoord", "diey", "row", "yindex", "y座標", "晶粒y", "列"},
    "part_id": {"part", "partid", "serial", "serialnumber", "sn", "unit", "unitid", "dieid", "moduleid", "sampleid",
                "sample", "元件", "元件編號", "晶粒編號", "模組編號", "樣品", "樣品編號"},
    "attempt": {"attempt", "retest", "重測", "次數"},
    "head": {"head", "headnumber", "測試頭"},
    "site": {"site", "sitenumber", "testsite", "測試站點", "站點"},
    "hard_bin": {"hardbin", "hbin", "bin", "binno", "硬分類", "分類"},
    "soft_bin": {"softbin", "sbin", "軟分類"},
    "passed": {"passed", "pass", "passfail", "pf", "result", "verdict", "judge", "judgement", "結果", "判定"},
    "test_time_s": {"testtimes", "testtime", "測試時間"},
    "parameter": {"parameter", "param", "test", "testname", "item", "characteristic", "參數", "項目", "測項",
                  "量測項目"},
    "value": {"value", "reading", "measured", "measurement", "測值", "數值", "量測值", "值"},
    "unit": {"units", "uom", "單位"},
    "lower": {"lsl", "lower", "lowerlimit", "lolimit", "min", "下限", "規格下限"},
    "upper": {"usl", "upper", "upperlimit", "hilimit", "max", "上限", "規格上限"},
    "target": {"target", "nominal", "目標", "目標值", "標稱值"},
    "time": {"time", "timestamp", "date", "datetime", "measuredat", "時間", "日期", "量測時間"},
    "equipment": {"equipment", "tool", "toolid", "machine", "tester", "機台", "設備", "機台編號"},
    "chamber": {"chamber", "chamberid", "腔體", "腔室"},
    "operator": {"operator", "operatorid", "作業員", "操作員"},
    "recipe": {"recipe", "recipeid", "program", "配方", "程式"},
    "step": {"step", "stepid", "operation", "站別", "製程步驟", "步驟"},
    "material_batch": {"materialbatch", "materiallot", "材料批號", "物料批號"},
}  # fmt: skip
_BY_NAME = {name: role for role, names in NAMES.items() for name in names}
_WHOLE = frozenset({"position", "x", "y", "attempt", "head", "site", "hard_bin", "soft_bin"})
_FIGURES = frozenset({"value", "lower", "upper", "target", "test_time_s"}) | _WHOLE

# A unit in brackets, or as the last word behind a blank or _.
_BRACKETS = re.compile(r"^(.*?)[\s_]*[\[(（［]\s*([^\[\]()（）［］]{1,20})\s*[\])）］]$")
_UNITS = ("nm", "um", "µm", "μm", "mm", "mil", "nA", "uA", "µA", "mA", "A", "uV", "mV", "V", "mOhm", "Ohm", "kOhm",
          "MOhm", "Ω", "mΩ", "kΩ", "pF", "fF", "nF", "nH", "ps", "ns", "us", "ms", "Hz", "kHz", "MHz", "GHz", "dB",
          "dBm", "degC", "°C", "K", "kPa", "MPa", "GPa", "Pa", "N", "gf", "mW", "W", "ppm", "%")  # fmt: skip
_LAST = re.compile(r"^(.+?)[\s_](" + "|".join(map(re.escape, _UNITS)) + r"|C|deg|ohm|mohm|percent)$", re.IGNORECASE)


@dataclass(frozen=True)
class Described:
    """A column of a file: its name, whether it holds numbers, and its first values."""

    name: str
    numeric: bool
    first: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """A mapping to be confirmed. `unknown`: the columns whose meaning is not known; the mapping holds what is likely
    for them. `source_key` is what a mapping for this source is kept under; `details` say how the table is written."""

    mapping: Mapping
    unknown: tuple[str, ...]
    columns: tuple[Described, ...]
    source_key: str
    details: dict[str, Any]


def described(grid: Grid) -> tuple[Described, ...]:
    made = []
    for name, column in zip(grid.names, grid.columns, strict=True):
        first = tuple(word[:60] for word in texts(column[:_PREVIEW_ROWS]))
        made.append(Described(name, _numeric(column, grid.decimal), first))
    return tuple(made)


def proposed(grid: Grid) -> Proposal:
    """What a table's columns may mean. A name that is known and fits what stands in the column is sure; a column of
    numbers with a unit in its name is a reading; all others are unknown."""
    columns, unknown, taken = [], [], set()
    each_column = described(grid)
    for each in each_column:
        role, sure = _role(each, grid, taken)
        taken.add(role)
        if not sure:
            unknown.append(each.name)
        if role == "reading":
            parameter, unit = name_and_unit(each.name)
            columns.append(Column(name=each.name, role="reading", parameter=parameter, unit=unit))
        else:
            columns.append(Column(name=each.name, role=role))
    columns = _coherent(columns, unknown)
    wondered = frozenset(unknown)
    return Proposal(Mapping(columns=tuple(columns)), tuple(name for name in grid.names if name in wondered),
                    each_column, source_key(grid.names), grid.details)  # fmt: skip


def _role(each: Described, grid: Grid, taken: set[str]) -> tuple[str, bool]:
    plain = re.sub(r"[\s_\-./#:：]+", "", each.name).lower()
    role = _BY_NAME.get(plain)
    if role and role not in taken:
        column = grid.column(each.name)
        if (role in _WHOLE and not _whole(column, grid.decimal)) or (role in _FIGURES and not each.numeric):
            return ("reading" if each.numeric else "ignore"), False
        return role, True
    if each.numeric:
        return "reading", bool(name_and_unit(each.name)[1])
    return "ignore", False


def _coherent(columns: list[Column], unknown: list[str]) -> list[Column]:
    """Roles that only make sense together are not guessed alone."""
    roles = {column.role for column in columns}
    drop = set()
    if ("x" in roles) != ("y" in roles):
        drop |= {"x", "y"}
    if not {"parameter", "value"} <= roles:
        drop |= {"parameter", "value", "unit", "lower", "upper", "target"}
    long = {"parameter", "value"} <= roles
    made, pairs = [], set()
    for column in columns:
        if column.role in drop or (long and column.role == "reading"):
            unknown.append(column.name)
            column = Column(name=column.name, role="ignore")
        elif column.role == "reading":
            if (column.parameter or column.name) in pairs:  # two columns that differ in their unit only
                column = column.model_copy(update={"parameter": column.name})
            pairs.add(column.parameter or column.name)
        made.append(column)
    return made


def name_and_unit(name: str) -> tuple[str, str]:
    """`Vth (mV)`, `厚度[um]` and `thickness_um` as a parameter and its unit; the unit empty where there is none."""
    found = _BRACKETS.match(name) or _LAST.match(name)
    if found and found[1].strip():
        return found[1].strip(" _"), found[2].strip()
    return name, ""


def _numeric(column: Sequence[str] | np.ndarray, decimal: str) -> bool:
    if isinstance(column, np.ndarray):
        return True
    values, odd = numbers(column, decimal)
    return bool(np.isfinite(values).any() and len(odd) * 2 < np.count_nonzero(~np.isnan(values)))


def _whole(column: Sequence[str] | np.ndarray, decimal: str) -> bool:
    values, odd = numbers(column, decimal)
    there = values[np.isfinite(values)]
    return not len(odd) and bool((there == np.trunc(there)).all()) and bool((np.abs(there) < 1e9).all())
