"""A lot as the reviews see it: its units with their readings, how each of them was made, and what happened to the lot.

It comes from outside: any object with the reading methods of a store will do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.process.history import Event, Scope, State
from workbench.process.lots import Origin, origin_of
from workbench.process.quality.spatial import positions, quadrants, rings
from workbench.process.quality.spatial.zones import QUADRANT_NAMES, RING_NAMES

FACTS = ("equipment", "chamber", "recipe", "material_batch", "operator")  # of an event, that units may share
MOST_GENERATIONS = 4
LEAST_ON_A_MAP = 12  # places on a carrier from which its zones mean something
GAUGE_STUDY = "gauge_study"  # attribute of a carrier whose readings are one operator's of a gauge study
_MAP_COLUMNS = ("carrier", "x", "y")


@dataclass(frozen=True)
class Specification:
    """Limits of a parameter, None on an open side; `unit` is the word of the file or the suffix of the name."""

    parameter: str
    lower: float | None
    upper: float | None
    target: float | None
    unit: str
    source: str

    @property
    def limited(self) -> bool:
        return self.lower is not None or self.upper is not None

    def holds(self, values: pd.Series) -> pd.Series:
        """True where a value lies within the limits, ends included."""
        low = -np.inf if self.lower is None else self.lower
        high = np.inf if self.upper is None else self.upper
        return (values >= low) & (values <= high)


@dataclass(frozen=True)
class LotRecord:
    """Rows of `units`, `values` and `factors` are named by the unit, in the order of carrier and position.

    `units`: carrier, position, x, y, site, hard_bin, soft_bin, passed (True, False, NA), attempt_count. `values`: one
    column a parameter, the reading that stands. `factors`: what the units have in common, one column a fact of a step
    ("moulding: chamber") or of their place; words, NA where not known. `gauge`: readings (part, operator, value) of a
    gauge study among the carriers, by parameter. `verified_history` is None where the lot has no events.
    """

    origin: Origin
    product: str
    started_at: datetime
    units: pd.DataFrame
    values: pd.DataFrame
    factors: pd.DataFrame
    specifications: Mapping[str, Specification]
    bins: tuple[Mapping[str, Any], ...]
    carriers: Mapping[str, Mapping[str, Any]]
    imports: tuple[Mapping[str, Any], ...]
    events: tuple[Event, ...]
    stopped: tuple[tuple[Scope, State], ...]
    verification: Any | None
    gauge: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, store: Any, lot_id: str, *, verify: bool = True, route: bool = True) -> LotRecord:
        """Read a lot. With `verify` its history is computed anew and held against what is stored; without `route` it is
        not asked how the units were made (`factors` has no columns then).

        Raises InputError: an unknown lot, a lot without units and readings.
        """
        row = store.lots.lot(lot_id)
        carriers = {one["carrier"]: {"kind": one["kind"], **one["attributes"]} for one in row["carriers"]}
        units, values = _units_and_values(store, lot_id)
        if units.empty:
            raise InputError("process.lot_empty", where=lot_id)
        specifications = {s["parameter"]: _specification(s) for s in store.lots.specifications(lot_id)}
        studied = {name for name, about in carriers.items() if GAUGE_STUDY in about}
        gauge = _gauge(store, lot_id, {name: carriers[name] for name in studied})
        part_of_line = ~units["carrier"].isin(studied)
        units, values = units[part_of_line], values[part_of_line].dropna(axis=1, how="all")
        units = units.assign(passed=_passed(units["passed"], values, specifications))
        events = tuple(store.history.events(lot_id))
        imports = tuple(store.lots.imports(lot_id))
        moments = [one["measured_at"] for one in imports if one["measured_at"]] or [row["recorded_at"]]
        return cls(
            origin_of(store.lots, lot_id), str(row["product"]), min(moments), units, values,
            factors_of(store, lot_id, units) if route else units[[]], specifications, tuple(store.lots.bins(lot_id)),
            {name: about for name, about in carriers.items() if name not in studied}, imports, events,
            tuple(store.history.state(lot_id)), store.history.verify(lot_id) if verify and events else None, gauge,
        )  # fmt: skip

    @property
    def parameters(self) -> list[str]:
        return list(self.values.columns)

    @property
    def failing(self) -> pd.Series:
        """True for units that failed, of those that were judged."""
        judged = self.units["passed"].dropna()
        return ~judged.astype(bool)

    def unit_of(self, parameter: str) -> str:
        """The unit of a parameter as the file or its name has it, "" for none."""
        found = self.specifications.get(parameter)
        return found.unit if found else ""

    def mapped(self) -> list[str]:
        """Carriers whose units have places, those with the most units first."""
        placed = self.units.dropna(subset=["x", "y"]).drop_duplicates(list(_MAP_COLUMNS))
        return placed["carrier"].value_counts(sort=True).index.tolist()


def _units_and_values(store: Any, lot_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    units = store.units.of_lot(lot_id)
    readings = store.lots.measurements(lot_id)
    if units.empty:  # readings that were entered without units: every place that was measured is one
        places = readings[["carrier", "position"]].drop_duplicates()
        units = places.assign(unit_id=[f"{lot_id}/{c}/#{p}" for c, p in places.itertuples(index=False)], born_in=lot_id)
    for name in ("x", "y", "site", "hard_bin", "soft_bin", "passed", "attempt_count"):
        if name not in units.columns:
            units[name] = pd.NA
    units = units.drop_duplicates("unit_id")
    order = sorted(range(len(units)), key=lambda i: (_natural(units["carrier"].iat[i]), units["position"].iat[i]))
    units = units.iloc[order].set_index("unit_id")
    parts = []
    for lot in dict.fromkeys([*units["born_in"].dropna(), lot_id]):
        mine = units if lot == lot_id else units[units["born_in"] == lot]
        found = readings if lot == lot_id else store.lots.measurements(lot)
        places = mine.reset_index()[["unit_id", "carrier", "position"]]
        parts.append(found.merge(places, on=["carrier", "position"], how="inner"))
    together = pd.concat(parts).drop_duplicates(["unit_id", "parameter"], keep="last")
    values = together.pivot(index="unit_id", columns="parameter", values="value")
    names = [name for name in dict.fromkeys(together["parameter"]) if name in values.columns]
    keep = ["carrier", "position", "x", "y", "site", "hard_bin", "soft_bin", "passed", "attempt_count", "born_in"]
    return units[keep], values.reindex(units.index)[names].astype(float).rename_axis(columns=None)


def _passed(told: pd.Series, values: pd.DataFrame, specifications: Mapping[str, Specification]) -> pd.Series:
    """The mark of the tester; without any, whether all readings that have limits lie within them."""
    if told.notna().any():
        return told.astype("boolean")
    limited = [s for s in specifications.values() if s.limited and s.parameter in values.columns]
    passed = pd.Series(pd.NA, index=values.index, dtype="boolean")
    for spec in limited:
        there = values[spec.parameter].notna()
        passed[there] = passed[there].fillna(True) & spec.holds(values.loc[there, spec.parameter])
    return passed


def _gauge(store: Any, lot_id: str, studied: Mapping[str, Mapping[str, Any]]) -> dict[str, pd.DataFrame]:
    """Readings of the carriers that are one operator's each: the position is the part, every attempt a trial."""
    if not studied:
        return {}
    rows = store.lots.attempts(lot_id)
    rows = rows[rows["carrier"].isin(studied)]
    operator = rows["carrier"].map({name: str(about.get("operator", name)) for name, about in studied.items()})
    found = pd.DataFrame({"parameter": rows["parameter"], "part": rows["position"], "operator": operator,
                          "value": rows["value"]})  # fmt: skip
    return {str(name): part.drop(columns="parameter") for name, part in found.groupby("parameter", sort=False)}


def factors_of(store: Any, lot_id: str, units: pd.DataFrame) -> pd.DataFrame:
    """What units (rows named by unit; carrier, x, y, site) may have in common: the facts of every step that covered
    them or what they were made of, the carriers they came from, and where they lay. Columns that do not differ, or
    differ in almost every unit, are left out: they explain nothing.
    """
    found: dict[str, dict[str, set[str]]] = {}
    lots = [lot for lot in dict.fromkeys(units["born_in"].dropna()) if lot != lot_id] + [lot_id]
    own = units.reset_index().rename(columns={"unit_id": "ancestor"}).assign(unit=units.index)
    for lot in lots:
        _facts(store.history.events(lot), own if lot == lot_id else own[own["born_in"] == lot], found)
    _places(own, "", found)
    family = pd.DataFrame({"unit": units.index, "ancestor": units.index})
    there = {row["lot_id"] for row in store.lots.list()}
    for _ in range(MOST_GENERATIONS):
        edges = [store.genealogy.of_lot(lot) for lot in lots]
        edges = pd.concat([e for e in edges if len(e)] or [pd.DataFrame(columns=["parent_id", "child_id"])])
        family = family.merge(edges[["parent_id", "child_id"]].drop_duplicates(), left_on="ancestor",
                              right_on="child_id")[["unit", "parent_id"]]  # fmt: skip
        family = family.rename(columns={"parent_id": "ancestor"}).drop_duplicates()
        if family.empty:
            break
        lots = list(dict.fromkeys(name.rsplit("/", 2)[0] for name in family["ancestor"].unique() if "/" in name))
        known = _known_units(store, [lot for lot in lots if lot in there])
        generation = family.merge(known, on="ancestor", how="left")
        absent = generation["carrier"].isna()
        generation.loc[absent, "carrier"] = [n.rsplit("/", 2)[1] for n in generation.loc[absent, "ancestor"]]
        for lot in lots:
            mine = generation[generation["ancestor"].str.startswith(lot + "/")]
            _facts(store.history.events(lot) if lot in there else [], mine, found)
            _places(mine, f"{lot}: ", found)
    columns = {name: pd.Series({unit: " + ".join(sorted(words)) for unit, words in of.items()}, dtype=object)
               for name, of in found.items()}  # fmt: skip
    frame = pd.DataFrame(columns, index=units.index)
    telling = [c for c in frame.columns if 1 < frame[c].nunique(dropna=False) <= max(2, len(frame) // 2)]
    return frame[telling]


def _known_units(store: Any, lots: list[str]) -> pd.DataFrame:
    frames = [store.units.of_lot(lot) for lot in lots]
    frames = [f[["unit_id", "carrier", "x", "y"]] for f in frames if len(f)]
    empty = pd.DataFrame(columns=["unit_id", "carrier", "x", "y"])
    return pd.concat(frames or [empty]).drop_duplicates("unit_id").rename(columns={"unit_id": "ancestor"})


def _facts(events: list[Event], rows: pd.DataFrame, found: dict) -> None:
    """Facts of the events that cover each ancestor (rows: unit, ancestor, carrier), by ``step: fact``."""
    for event in events:
        told = {fact: getattr(event, fact) for fact in FACTS if getattr(event, fact)}
        if not told or event.kind == "create":
            continue
        if event.scope.whole:
            units = rows["unit"]
        else:
            inside = rows["carrier"].isin(event.scope.carriers) | rows["ancestor"].isin(event.scope.units)
            units = rows.loc[inside, "unit"]
        for fact, value in told.items():
            column = found.setdefault(f"{event.step or event.kind}: {fact}", {})
            for unit in units:
                column.setdefault(unit, set()).add(str(value))


def _places(rows: pd.DataFrame, before: str, found: dict) -> None:
    """Carrier, ring, quadrant and site of each ancestor; `before` names whose."""
    if rows.empty:
        return
    carrier = found.setdefault(f"{before}carrier", {})
    for unit, name in zip(rows["unit"], rows["carrier"], strict=True):
        carrier.setdefault(unit, set()).add(str(name))
    if "site" in rows.columns and rows["site"].notna().any():
        site = found.setdefault(f"{before}site", {})
        for unit, number in zip(rows["unit"], rows["site"], strict=True):
            site.setdefault(unit, set()).add(str(number))
    placed = rows.dropna(subset=["x", "y"])
    for _, part in placed.groupby("carrier", sort=False):
        alone = part.drop_duplicates("ancestor")
        if len(alone) < LEAST_ON_A_MAP or alone.duplicated(["x", "y"]).any():
            continue
        where = places_of(alone["x"].to_numpy(float), alone["y"].to_numpy(float))
        ring = dict(zip(alone["ancestor"], np.array(RING_NAMES)[rings(where)], strict=True))
        quadrant = dict(zip(alone["ancestor"], np.array(QUADRANT_NAMES)[quadrants(where)], strict=True))
        for word, of in (("ring", ring), ("quadrant", quadrant)):
            column = found.setdefault(f"{before}{word}", {})
            for unit, ancestor in zip(part["unit"], part["ancestor"], strict=True):
                column.setdefault(unit, set()).add(str(of[ancestor]))


def places_of(x: np.ndarray, y: np.ndarray):
    """Places in steps of the lattice from the middle of those that are there: a map without a size in mm."""
    return positions(x - (x.max() + x.min()) / 2, y - (y.max() + y.min()) / 2)


def _specification(row: Mapping[str, Any]) -> Specification:
    lower, upper, target = (None if pd.isna(v := row.get(k)) else float(v) for k in ("lower", "upper", "target"))
    unit, source = (str(row.get(name) or "") for name in ("unit", "source"))
    return Specification(row["parameter"], lower, upper, target, unit, source)


def _natural(name: object) -> list:
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", str(name))]
