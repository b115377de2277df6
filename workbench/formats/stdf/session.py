"""What a file says of the session, the wafers, the bins and the pins: from the records of which it has few."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workbench.formats.lot_data import Bin
from workbench.formats.stdf.layouts import NO_I2, NO_U2, NO_U4

MIR = {
    "STAT_NUM": "station", "MODE_COD": "mode", "RTST_COD": "retest_code", "PROT_COD": "protection",
    "BURN_TIM": "burn_in_min", "CMOD_COD": "command_mode", "NODE_NAM": "tester", "TSTR_TYP": "tester_type",
    "JOB_NAM": "program", "JOB_REV": "program_revision", "SBLOT_ID": "sublot", "OPER_NAM": "operator",
    "EXEC_TYP": "executive", "EXEC_VER": "executive_version", "TEST_COD": "test_stage", "TST_TEMP": "temperature",
    "USER_TXT": "user_text", "AUX_FILE": "auxiliary_file", "PKG_TYP": "package", "FAMLY_ID": "family",
    "DATE_COD": "date_code", "FACIL_ID": "facility", "FLOOR_ID": "floor", "PROC_ID": "process",
    "OPER_FRQ": "operation", "SPEC_NAM": "specification", "SPEC_VER": "specification_version", "FLOW_ID": "flow",
    "SETUP_ID": "setup", "DSGN_REV": "design_revision", "ENG_ID": "engineering_lot", "ROM_COD": "rom_code",
    "SERL_NUM": "tester_serial", "SUPR_NAM": "supervisor",
}  # fmt: skip
SDR = {
    "HAND_TYP": "handler_type", "HAND_ID": "handler", "CARD_TYP": "probe_card_type", "CARD_ID": "probe_card",
    "LOAD_TYP": "load_board_type", "LOAD_ID": "load_board", "DIB_TYP": "interface_board_type",
    "DIB_ID": "interface_board", "CABL_TYP": "cable_type", "CABL_ID": "cable", "CONT_TYP": "contactor_type",
    "CONT_ID": "contactor", "LASR_TYP": "laser_type", "LASR_ID": "laser", "EXTR_TYP": "extra_equipment_type",
    "EXTR_ID": "extra_equipment",
}  # fmt: skip
WRR = {"FABWF_ID": "fab_wafer", "FRAME_ID": "frame", "MASK_ID": "mask", "USR_DESC": "description",
       "EXC_DESC": "executive_description", "PART_CNT": "parts_said", "RTST_CNT": "retests_said",
       "ABRT_CNT": "aborts_said", "GOOD_CNT": "good_said", "FUNC_CNT": "functional_said"}  # fmt: skip
MRR = {"DISP_COD": "disposition", "USR_DESC": "lot_description", "EXC_DESC": "executive_description"}
MM_PER = {1: 25.4, 2: 10.0, 3: 1.0, 4: 0.0254}  # WF_UNITS: inches, centimetres, millimetres, mils
DIRECTIONS = {"U": "up", "D": "down", "L": "left", "R": "right"}


@dataclass
class Wafer:
    """A WIR and the WRR that closes it, in the order of the WIR."""

    name: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Session:
    """The session as its records are read, one after another (`add`)."""

    lot: str = ""
    product: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    wafers: list[Wafer] = field(default_factory=list)
    geometry: dict[str, Any] = field(default_factory=dict)
    bins: dict[tuple[bool, int], Bin] = field(default_factory=dict)
    pins: dict[int, tuple[tuple[int, int], str]] = field(default_factory=dict)  # index -> (head, site), name
    test_names: dict[int, str] = field(default_factory=dict)  # of TSR
    groups: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    generic: list[list[Any]] = field(default_factory=list)
    modified: list[str] = field(default_factory=list)
    unit_unknown: bool = False
    broken: int = 0
    _open: dict[tuple[int, int], Wafer] = field(default_factory=dict)

    def add(self, records: Iterable[tuple[str, int, Mapping[str, Any], str]]) -> None:
        """Records as `columns.decoded` gives them; of one with a fault, the fields before it are taken."""
        for name, _, values, fault in records:
            self.broken += bool(fault)
            getattr(self, f"_{name.lower()}")(values)
        if len(self.groups) == 1:
            self.conditions |= {k: v for k, v in self.groups[0].items() if k not in ("head", "group", "sites")}
        elif self.groups:
            self.conditions["site_groups"] = self.groups

    def _mir(self, values: Mapping[str, Any]) -> None:
        self.lot, self.product = values.get("LOT_ID", ""), values.get("PART_TYP", "")
        self.started_at = moment(values.get("START_T"))
        self.conditions |= _said(MIR, values)
        if setup := moment(values.get("SETUP_T")):
            self.conditions["setup_at"] = setup.isoformat()

    def _mrr(self, values: Mapping[str, Any]) -> None:
        self.ended_at = moment(values.get("FINISH_T"))
        self.conditions |= _said(MRR, values)

    def _sdr(self, values: Mapping[str, Any]) -> None:
        self.groups.append({"head": values.get("HEAD_NUM"), "group": values.get("SITE_GRP"),
                            "sites": list(values.get("SITE_NUM", ()))} | _said(SDR, values))  # fmt: skip

    def _wir(self, values: Mapping[str, Any]) -> None:
        wafer = Wafer(values.get("WAFER_ID", ""))
        if started := moment(values.get("START_T")):
            wafer.attributes["started_at"] = started.isoformat()
        self.wafers.append(wafer)
        self._open[values.get("HEAD_NUM", 0), values.get("SITE_GRP", 255)] = wafer

    def _wrr(self, values: Mapping[str, Any]) -> None:
        name = values.get("WAFER_ID", "")
        wafer = self._open.pop((values.get("HEAD_NUM", 0), values.get("SITE_GRP", 255)), None)
        if wafer is None:  # closed by another group's number than it was opened with
            wafer = next((w for w in reversed(self.wafers) if w.name == name and "ended_at" not in w.attributes), None)
        if wafer is None:
            return
        wafer.name = wafer.name or name
        if ended := moment(values.get("FINISH_T")):
            wafer.attributes["ended_at"] = ended.isoformat()
        wafer.attributes |= _said(WRR, values)

    def _wcr(self, values: Mapping[str, Any]) -> None:
        mm = MM_PER.get(values.get("WF_UNITS", 0))
        for name, key in (("WAFR_SIZ", "wafer_diameter_mm"), ("DIE_HT", "die_height_mm"), ("DIE_WID", "die_width_mm")):
            size = values.get(name, 0.0)
            if math.isfinite(size) and size > 0:
                self.unit_unknown |= mm is None
                if mm is not None:
                    self.geometry[key] = size * mm
        for name, key in (("WF_FLAT", "flat"), ("POS_X", "positive_x"), ("POS_Y", "positive_y")):
            if said := DIRECTIONS.get(values.get(name, " ")):
                self.geometry[key] = said
        for name, key in (("CENTER_X", "centre_x"), ("CENTER_Y", "centre_y")):
            if values.get(name, NO_I2) != NO_I2:
                self.geometry[key] = values[name]

    def _bin(self, values: Mapping[str, Any], letter: str) -> None:
        number = values.get(f"{letter}BIN_NUM")
        if number is None:
            return
        hard = letter == "H"
        passed = {"P": True, "F": False}.get(values.get(f"{letter}BIN_PF", " "))
        name = values.get(f"{letter}BIN_NAM", "")
        before = self.bins.get((hard, number))
        if before:  # one record a site and one for all of them: the first that says something holds
            name, passed = before.name or name, passed if before.passed is None else before.passed
        self.bins[hard, number] = Bin(number, name, hard, passed)

    def _hbr(self, values: Mapping[str, Any]) -> None:
        self._bin(values, "H")

    def _sbr(self, values: Mapping[str, Any]) -> None:
        self._bin(values, "S")

    def _pmr(self, values: Mapping[str, Any]) -> None:
        name = values.get("LOG_NAM") or values.get("PHY_NAM") or values.get("CHAN_NAM") or ""
        self.pins[values.get("PMR_INDX", 0)] = (values.get("HEAD_NUM", 1), values.get("SITE_NUM", 1)), name

    def _tsr(self, values: Mapping[str, Any]) -> None:
        if values.get("TEST_NAM") and "TEST_NUM" in values:
            self.test_names.setdefault(values["TEST_NUM"], values["TEST_NAM"])

    def _atr(self, values: Mapping[str, Any]) -> None:
        self.modified.append(values.get("CMD_LINE", ""))

    def _dtr(self, values: Mapping[str, Any]) -> None:
        self.texts.append(values.get("TEXT_DAT", ""))

    def _gdr(self, values: Mapping[str, Any]) -> None:
        plain = [value.hex() if isinstance(value, bytes) else list(value) if isinstance(value, tuple) else value
                 for value in values.get("GEN_DATA", ()) if value is not None]  # fmt: skip
        self.generic.append([None if isinstance(v, float) and not math.isfinite(v) else v for v in plain])


def moment(seconds: int | None) -> datetime | None:
    """Seconds since 1970; 0 is "not given"."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _said(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something, under their names here."""
    said = {}
    for field_name, name in names.items():
        value = values.get(field_name)
        if isinstance(value, str):
            value = value.strip().strip("\0")
        if value in (None, "") or (value == NO_U4 and field_name.endswith("_CNT")):
            continue
        if field_name == "BURN_TIM" and value == NO_U2:
            continue
        said[name] = value
    return said
