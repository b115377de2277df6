"""Whole synthetic lots: a pilot line with few units of many module types, clean or with planted causes.

Everything follows from the seed; no clock, no store. Values of a parameter are independent and normal around the
target of the module type, so that on clean lots every analysis must raise false alarms at its stated rate. Each lot
says that it is synthetic and what was planted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import DomainError
from workbench.formats.lot_data import PART_COLUMNS, READING_COLUMNS, Bin, Carrier, LotData, Test
from workbench.formats.report import Report, said
from workbench.units import symbol_of

BEGIN = datetime(2026, 1, 5, 8, 0)
CARRIER_MM = 150.0  # radius of the reconstituted wafer
EDGE = 0.8  # share of the radius from which the edge ring reaches outwards
CAUSES = ("bad_chamber", "edge_ring", "drifting_nozzle")


@dataclass(frozen=True)
class Step:
    """A step of the route: `equipment` -> its chambers; `batched`: what material it uses up, by the lot."""

    name: str
    equipment: dict[str, tuple[str, ...]]
    recipe: str
    hours: float
    batched: str = ""


ROUTE = (
    Step("place", {"PNP-1": ("N1", "N2", "N3", "N4"), "PNP-2": ("N1", "N2", "N3", "N4")}, "PLACE-12", 2.0, "TAPE"),
    Step("mould", {"MLD-1": ("A", "B")}, "MOULD-7", 1.0, "EMC"),
    Step("expose", {"LIT-1": ("S1",), "LIT-2": ("S1",)}, "RDL3-2", 1.5, "PSPI"),
    Step("plate", {"ECD-1": ("A", "B", "C", "D")}, "CU-5", 2.0, "BATH"),
    Step("bond", {"TCB-1": ("H1", "H2")}, "BOND-3", 3.0, "NCP"),
    Step("grind", {"GRD-1": ("Z1", "Z2")}, "THIN-50", 1.0),
)
NOZZLE_STEP = "place"  # its chambers are nozzles, and change from unit to unit


@dataclass(frozen=True)
class Measured:
    """A parameter: the step that makes it, target, deviation, and limits at `tolerance` deviations either way."""

    name: str
    step: str
    target: float
    sigma: float
    tolerance: float = 4.0


MEASURED = (
    Measured("place_x_um", "place", 0.0, 0.8), Measured("place_y_um", "place", 0.0, 0.8),
    Measured("place_angle_deg", "place", 0.0, 0.01), Measured("shift_um", "mould", 18.0, 1.6),
    Measured("space_um", "expose", 3.0, 0.06), Measured("copper_um", "plate", 3.1, 0.05),
    Measured("bond_line_um", "bond", 20.0, 0.5), Measured("contact_ohm", "bond", 0.012, 0.0006),
    Measured("thickness_um", "grind", 50.0, 0.4),
)  # fmt: skip


@dataclass(frozen=True)
class ModuleType:
    """What is made: units stand on a square grid of `pitch_mm`, turned by `angle_deg`; `scale` and `spread` move
    target and deviation of every parameter that has a target, as another design would."""

    name: str
    pitch_mm: float
    angle_deg: float = 0.0
    scale: float = 1.0
    spread: float = 1.0

    def measured(self) -> tuple[Measured, ...]:
        return tuple(replace(m, target=m.target * self.scale, sigma=m.sigma * self.spread) for m in MEASURED)


TYPES = (
    ModuleType("npu-quad", 55.0), ModuleType("hbm-cube", 45.0, 90.0, 0.95, 0.8),
    ModuleType("photonic-io", 40.0, 45.0, 1.1), ModuleType("rf-front-end", 50.0, 12.5, 1.04, 1.2),
    ModuleType("sensor-hub", 60.0, 0.0, 0.9, 0.9),
)  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A cause: `size` in deviations of the parameter.

    bad_chamber: units of `equipment` / `chamber` are moved by it. edge_ring: units beyond 0.8 of the radius are.
    drifting_nozzle: units of nozzle `equipment` / `chamber` are moved ever more, from 0 to it at the last unit of the
    series. From lot number `since` (0: the first) on.
    """

    cause: str
    parameter: str
    size: float
    equipment: str = ""
    chamber: str = ""
    since: int = 0

    def __post_init__(self):
        if self.cause not in CAUSES:
            raise DomainError("process.choice", where="cause", got=self.cause, allowed=", ".join(CAUSES))
        found = next((m for m in MEASURED if m.name == self.parameter), None)
        if found is None:
            raise DomainError("process.planted", where=self.parameter, allowed=", ".join(m.name for m in MEASURED))
        step = next(s for s in ROUTE if s.name == found.step)
        places = [f"{e} / {c}" for e, chambers in step.equipment.items() for c in chambers]
        if self.cause != "edge_ring" and f"{self.equipment} / {self.chamber}" not in places:
            raise DomainError("process.planted", where=f"{self.equipment} / {self.chamber}", allowed=", ".join(places))
        if self.cause == "drifting_nozzle" and found.step != NOZZLE_STEP:
            raise DomainError("process.planted", where=self.parameter, got=found.step, allowed=NOZZLE_STEP)

    def as_dict(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if v != ""}


BAD_CHAMBER = Planted("bad_chamber", "copper_um", 3.0, "ECD-1", "C")
EDGE_RING = Planted("edge_ring", "space_um", 2.5)
DRIFTING_NOZZLE = Planted("drifting_nozzle", "place_x_um", 4.0, "PNP-1", "N3")


@dataclass(frozen=True)
class SyntheticLot:
    """One lot. `data` as a file's reader gives it; `history` (a row a unit and step): lot, module_type, carrier,
    position, part_id, x, y, x_um, y_um, angle_deg, step, sequence, equipment, chamber, nozzle, material_batch, recipe,
    started_at. `planted`: all that was planted in the series, also where this lot has no unit of it."""

    lot: str
    module_type: ModuleType
    data: LotData
    history: pd.DataFrame
    planted: tuple[Planted, ...]
    seed: int
    synthetic: bool = True

    def units(self) -> pd.DataFrame:
        """A row a unit for the analyses: lot, module_type, carrier, position, part_id, x, y, x_um, y_um, angle_deg,
        `<step>_equipment`, `<step>_chamber` (with its equipment), `<step>_batch`, each parameter, unit, passed."""
        own = ["lot", "module_type", "carrier", "position", "part_id", "x", "y", "x_um", "y_um", "angle_deg"]
        frame = self.history[own].drop_duplicates("part_id").reset_index(drop=True)
        for step, rows in self.history.groupby("step", sort=False):
            frame[f"{step}_equipment"] = rows["equipment"].to_numpy()
            frame[f"{step}_chamber"] = (rows["equipment"] + "/" + rows["chamber"]).to_numpy()
            if rows["material_batch"].iloc[0]:
                frame[f"{step}_batch"] = rows["material_batch"].to_numpy()
        values = self.data.readings.astype({"carrier": str, "parameter": str})
        wide = values.pivot(index=["carrier", "position"], columns="parameter", values="value")
        wide = wide[[t.parameter for t in self.data.tests]].reset_index()
        wide.columns.name = None
        frame = frame.merge(wide, on=["carrier", "position"])
        return frame.assign(unit=_names(frame), passed=self.data.parts["passed"].to_numpy(bool))

    def events(self) -> list[dict[str, Any]]:
        """Steps as events of the lot, in time: kind step_in or step_out, carriers or units, route, step, equipment,
        chamber, recipe, material_batch, operator, occurred_at. Where chambers differ within a carrier (nozzles) each
        has its own pair, with its units named LOT/CARRIER/X,Y, as the store names units of a carrier with a map."""
        found = []
        keys = ["sequence", "step", "carrier", "equipment", "chamber", "recipe", "material_batch"]
        for key, rows in self.history.groupby(keys, sort=False):
            sequence, step, carrier, equipment, chamber, recipe, batch = key
            scope = {"units": tuple(_names(rows))} if step == NOZZLE_STEP else {"carriers": (carrier,)}
            begin = rows["started_at"].iloc[0].to_pydatetime()
            facts = {"route": "FAN-OUT", "step": step, "equipment": equipment, "chamber": chamber, "recipe": recipe,
                     "material_batch": batch or None, "operator": f"OP-{sequence % 3 + 1}"}  # fmt: skip
            hours = next(s.hours for s in ROUTE if s.name == step)
            found += [{"kind": kind, **scope, **facts, "occurred_at": begin + timedelta(hours=late)}
                      for kind, late in (("step_in", 0.0), ("step_out", hours))]  # fmt: skip
        return sorted(found, key=lambda event: event["occurred_at"])

    def step_rows(self) -> list[dict[str, Any]]:
        """A row a carrier and step (sequence, carrier, name, recipe, equipment, settings), as lots keep their steps."""
        first = self.history.drop_duplicates(["sequence", "carrier"])
        return [{"sequence": int(r.sequence), "carrier": r.carrier, "name": r.step, "recipe": r.recipe,
                 "equipment": r.equipment, "settings": {}} for r in first.itertuples()]  # fmt: skip


@dataclass
class _Series:
    """What must go on from lot to lot: how often each chamber and nozzle was used."""

    rng: np.random.Generator
    planted: tuple[Planted, ...]
    types: tuple[ModuleType, ...]
    lot_count: int
    carriers: int
    units: int | None
    seed: int
    turns: dict[str, int] = field(default_factory=dict)
    order: dict[str, np.ndarray] = field(default_factory=dict)

    def chamber(self, step: Step) -> tuple[str, str]:
        """The next chamber of the step: every one once, in an order drawn anew each round."""
        places = [(e, c) for e, chambers in step.equipment.items() for c in chambers]
        turn = self.turns.get(step.name, 0)
        if turn % len(places) == 0:
            self.order[step.name] = self.rng.permutation(len(places))
        self.turns[step.name] = turn + 1
        return places[self.order[step.name][turn % len(places)]]


def synthetic_lots(
    count: int,
    *,
    seed: int,
    planted: Sequence[Planted] = (),
    types: Sequence[ModuleType] = TYPES,
    carriers_per_lot: int = 2,
    units_per_carrier: int | None = None,
) -> tuple[SyntheticLot, ...]:
    """`count` lots in the order they were made, module types in turn, with the causes `planted` (none: clean lots).

    `units_per_carrier` leaves only that many of the places of a wafer (drawn, few units of a pilot lot); None fills
    it. Carriers go through the chambers of a step in balanced random order, units of a carrier from nozzle to nozzle.
    Equal arguments give equal lots. Raises DomainError: no lots, carriers, units or types.
    """
    if min(count, carriers_per_lot, len(types), units_per_carrier or 1) < 1:
        raise DomainError("process.planted", where="synthetic_lots", got=f"{count}, {carriers_per_lot}", allowed=">= 1")
    series = _Series(np.random.default_rng(seed), tuple(planted), tuple(types), count, carriers_per_lot,
                     units_per_carrier, seed)  # fmt: skip
    return tuple(_lot(series, number) for number in range(count))


def places(module_type: ModuleType) -> pd.DataFrame:
    """Places of units on the reconstituted wafer: x, y (counts from the centre), x_um, y_um; whole within the edge."""
    pitch_um = module_type.pitch_mm * 1e3
    reach = int(CARRIER_MM // module_type.pitch_mm)
    y, x = (v.ravel() for v in np.meshgrid(np.arange(reach, -reach - 1, -1), np.arange(-reach, reach + 1),
                                           indexing="ij"))  # fmt: skip
    inside = np.hypot(x * pitch_um, y * pitch_um) <= CARRIER_MM * 1e3 - pitch_um / 4
    x, y = x[inside], y[inside]
    return pd.DataFrame({"x": x, "y": y, "x_um": x * pitch_um, "y_um": y * pitch_um})


def _names(units: pd.DataFrame) -> list[str]:
    return [f"{lot}/{carrier}/{x},{y}" for lot, carrier, x, y in
            zip(*(units[c].tolist() for c in ("lot", "carrier", "x", "y")), strict=True)]  # fmt: skip


def _lot(series: _Series, number: int) -> SyntheticLot:
    kind, lot = series.types[number % len(series.types)], f"SYN-{series.seed}-{number + 1:03}"
    batches = {s.name: f"{s.batched}-{number // 3 + 1:02}" for s in ROUTE if s.batched}
    frames, readings = [], []
    for k in range(series.carriers):
        spots = places(kind)
        if series.units is not None and series.units < len(spots):
            kept = np.sort(series.rng.choice(len(spots), series.units, replace=False))
            spots = spots.loc[kept].reset_index(drop=True)
        carrier = f"{lot}-W{k + 1}"
        units = spots.assign(lot=lot, module_type=kind.name, carrier=carrier, position=np.arange(len(spots)),
                             angle_deg=kind.angle_deg)  # fmt: skip
        units["part_id"] = [f"{carrier}-U{p + 1:02}" for p in units["position"]]
        made = list(_through(series, number, k, units, batches))
        frames += made
        readings.append(_measured(series, kind, number, units, made))
    history = pd.concat(frames, ignore_index=True)
    columns = ["lot", "module_type", "carrier", "position", "part_id", "x", "y", "x_um", "y_um", "angle_deg", "step",
               "sequence", "equipment", "chamber", "nozzle", "material_batch", "recipe", "started_at"]  # fmt: skip
    data = _lot_data(series, kind, lot, number, history, pd.concat(readings, ignore_index=True))
    return SyntheticLot(lot, kind, data, history[columns], series.planted, series.seed)


def _through(series: _Series, number: int, k: int, units: pd.DataFrame,
             batches: dict[str, str]) -> Iterator[pd.DataFrame]:  # fmt: skip
    """The carrier's way through the route: a frame a step."""
    moment = BEGIN + timedelta(days=number, minutes=20 * k)
    for sequence, step in enumerate(ROUTE, 1):
        equipment, chamber = series.chamber(step)
        chambers = np.repeat(chamber, len(units))
        if step.name == NOZZLE_STEP:
            nozzles = step.equipment[equipment]
            chambers = np.array([nozzles[i % len(nozzles)] for i in range(len(units))])
        yield units.assign(
            step=step.name, sequence=sequence, equipment=equipment, chamber=chambers, recipe=step.recipe,
            nozzle=chambers if step.name == NOZZLE_STEP else "", material_batch=batches.get(step.name, ""),
            started_at=pd.Timestamp(moment),
        )  # fmt: skip
        moment += timedelta(hours=step.hours + 1)


def _measured(series: _Series, kind: ModuleType, number: int, units: pd.DataFrame,
              made: list[pd.DataFrame]) -> pd.DataFrame:  # fmt: skip
    values = []
    rho = np.hypot(units["x_um"], units["y_um"]) / (CARRIER_MM * 1e3)
    measured, steps = kind.measured(), {f["step"].iloc[0]: f for f in made}
    for m in measured:
        moved = np.zeros(len(units))
        for cause in series.planted:
            if cause.parameter == m.name and number >= cause.since:
                moved += cause.size * _share(cause, steps[m.step], rho.to_numpy(), number, series.lot_count)
        values.append(m.target + m.sigma * (series.rng.standard_normal(len(units)) + moved))
    every = pd.concat([units[["carrier", "position"]]] * len(measured), ignore_index=True)
    return every.assign(attempt=0, parameter=np.repeat([m.name for m in measured], len(units)),
                        value=np.concatenate(values))  # fmt: skip


def _share(cause: Planted, step: pd.DataFrame, rho: np.ndarray, number: int, count: int) -> np.ndarray:
    if cause.cause == "edge_ring":
        return (rho > EDGE).astype(float)
    there = ((step["equipment"] == cause.equipment) & (step["chamber"] == cause.chamber)).to_numpy(float)
    if cause.cause == "bad_chamber":
        return there
    along = (number - cause.since + (np.arange(len(step)) + 1) / len(step)) / max(count - cause.since, 1)
    return there * along


def _lot_data(series: _Series, kind: ModuleType, lot: str, number: int, history: pd.DataFrame,
              readings: pd.DataFrame) -> LotData:  # fmt: skip
    measured = kind.measured()
    tests = tuple(
        Test(m.name, symbol_of(m.name), m.target - half, m.target + half, m.target, 100 + n)
        for n, m in enumerate(measured)
        for half in [m.tolerance * m.sigma]
    )
    low, high = (
        readings["parameter"].map({t.parameter: getattr(t, end) for t in tests}) for end in ("lower", "upper")
    )
    bad = readings[(readings["value"] < low) | (readings["value"] > high)]
    failing = set(zip(bad["carrier"], bad["position"], strict=True))
    parts = history.drop_duplicates("part_id")
    passed = [(c, p) not in failing for c, p in zip(parts["carrier"], parts["position"], strict=True)]
    frame = pd.DataFrame({
        "carrier": parts["carrier"], "position": parts["position"], "attempt": 0, "part_id": parts["part_id"],
        "x": parts["x"], "y": parts["y"], "head": 1, "site": 1, "hard_bin": np.where(passed, 1, 2),
        "soft_bin": np.where(passed, 1, 2), "passed": passed, "test_time_s": 1.0,
    }).reset_index(drop=True)  # fmt: skip
    begin = BEGIN + timedelta(days=number)
    return LotData(
        format="synthetic",
        lot=lot,
        product=kind.name,
        carriers=tuple(Carrier(c, "wafer", {"radius_mm": CARRIER_MM, "unit_pitch_mm": kind.pitch_mm})
                       for c in dict.fromkeys(history["carrier"])),
        tests=tests,
        bins=(Bin(1, "pass", True, True), Bin(2, "fail", True, False)),
        parts=frame.astype(PART_COLUMNS)[list(PART_COLUMNS)],
        readings=readings.astype(READING_COLUMNS)[list(READING_COLUMNS)],
        conditions={"synthetic": True, "seed": series.seed, "planted": [p.as_dict() for p in series.planted]},
        started_at=begin,
        ended_at=begin + timedelta(days=1),
        report=Report(assumptions=(said("process.synthetic", seed=series.seed, causes=len(series.planted)),)),
    )  # fmt: skip
