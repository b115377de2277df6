"""Known limits against a design: what can be diced, exposed, placed and bonded. Each limit carries its source.

A limit whose source was read can fail a design; one that is not verified, or that asks for extra care only (thin
dies, a stitched carrier), makes it marginal. `near` means within `MARGIN` below an upper limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench import facts, materials
from workbench.stack.derived import Derived
from workbench.stack.document import Design, Die, Layer

MARGIN = 0.05
Outcome = Literal["met", "near", "care", "broken"]


@dataclass(frozen=True)
class Check:
    """One comparison. `value` and `limit` share `unit`; `place` names the part that decides."""

    id: str
    outcome: Outcome
    place: str
    value: float
    limit: float
    unit: str
    at_most: bool
    verified: bool
    source: str


def check(
    design: Design, derived: Derived, *, thickness_limit_um: float, footprint_limit_mm2: float
) -> tuple[Check, ...]:
    """Every limit that applies to the design, compared. The two arguments are the customer's own requirements."""
    limits = {entry["id"]: entry for entry in facts.load("designs/limits")["limits"]}
    required = {"verified": True, "source": ""}
    found = [
        _at_most("total_thickness", "", derived.total_thickness_um, thickness_limit_um, "um", required),
        _at_most("footprint", "", derived.footprint_mm2, footprint_limit_mm2, "mm2", required),
        *_die_sizes(design, limits),
        *_thin_dies(design, limits["thin_die"]),
        *_carrier_field(design, derived, limits["carrier_field"]),
        *_gaps(design, derived, limits),
        *_pitches(design, limits),
        *_mould(design, limits["mould_thickness"]),
    ]
    return tuple(found)


def _placed(design: Design) -> list[Die]:
    used = {placement.die for placement in design.placements}
    return [die for die in design.dies if die.id in used]


def _die_sizes(design: Design, limits: dict) -> list[Check]:
    """The larger share of the exposure field, tried in both orientations; and the smallest side that can be placed."""
    field, least = limits["die_size"], limits["die_size_min"]

    def share(die: Die) -> float:
        short, long = sorted((die.width_mm, die.length_mm))
        return max(short / field["width_mm"], long / field["length_mm"])

    largest = max(_placed(design), key=share)
    smallest = min(_placed(design), key=lambda die: min(die.width_mm, die.length_mm))
    return [
        _at_most("die_size", largest.name, 100 * share(largest), 100.0, "percent", field),
        _at_least("die_size_min", smallest.name, min(smallest.width_mm, smallest.length_mm), least["width_mm"], "mm",
                  least),
    ]  # fmt: skip


def _thin_dies(design: Design, limit: dict) -> list[Check]:
    thinnest = min(_placed(design), key=lambda die: die.thickness_um)
    found = _at_least("thin_die", thinnest.name, thinnest.thickness_um, limit["thickness_um"], "um", limit, care=True)
    return [found]


def _carrier_field(design: Design, derived: Derived, limit: dict) -> list[Check]:
    if design.carrier == "substrate":
        return []  # a laminate is not exposed in reticle fields
    fields = derived.carrier_area_mm2 / (limit["width_mm"] * limit["length_mm"])
    return [_at_most("carrier_field", "", fields, 1.0, "", limit, care=True)]


def _gaps(design: Design, derived: Derived, limits: dict) -> list[Check]:
    if derived.smallest_gap is None:
        return []
    limit, gap = limits[f"gap_{design.carrier}"], derived.smallest_gap
    return [_at_least("gap", f"{gap.first} / {gap.second}", gap.gap_mm, limit["gap_mm"], "mm", limit)]


def _pitches(design: Design, limits: dict) -> list[Check]:
    found = []
    for layer in design.layers:
        limit = limits.get(f"pitch_{layer.bond.method}") if layer.bond else None
        if limit and layer.bond.pitch_um is not None:
            found.append(_at_least("pitch", layer.name, layer.bond.pitch_um, limit["pitch_um"], "um", limit))
    return found


def _mould(design: Design, limit: dict) -> list[Check]:
    """Height of the moulded part: every layer whose material is mould compound."""
    moulded: list[Layer] = [x for x in design.layers if materials.find(x.material).family == "mould"]
    if not moulded:
        return []
    height = sum(layer.thickness_um for layer in moulded)
    low = _at_least("mould_low", moulded[0].name, height, limit["low_um"], "um", limit)
    high = _at_most("mould_high", moulded[0].name, height, limit["high_um"], "um", limit)
    return [low if low.outcome != "met" else high]


def _at_most(name: str, place: str, value: float, limit: float, unit: str, entry: dict, *, care: bool = False) -> Check:
    broken, near = value > limit * (1 + 1e-9), value > limit * (1 - MARGIN)
    return _judged(
        name, place, value, limit, unit, entry, broken=broken, near=near and not care, at_most=True, care=care
    )


def _at_least(
    name: str, place: str, value: float, limit: float, unit: str, entry: dict, *, care: bool = False
) -> Check:
    # A pitch or gap is normally drawn exactly at its rule, so a lower limit knows no "near".
    broken = value < limit * (1 - 1e-9)
    return _judged(name, place, value, limit, unit, entry, broken=broken, near=False, at_most=False, care=care)


def _judged(
    name: str, place: str, value: float, limit: float, unit: str, entry: dict, *,
    broken: bool, near: bool, at_most: bool, care: bool,
) -> Check:  # fmt: skip
    soft = care or not entry["verified"]
    outcome: Outcome = ("care" if soft else "broken") if broken else ("near" if near else "met")
    return Check(name, outcome, place, float(value), float(limit), unit, at_most, entry["verified"], entry["source"])
