"""Small modules for single cases: two dies on each other, or dies on a carrier, with bumps where a case wants them."""

from __future__ import annotations

import copy
from typing import Any

from workbench.errors import InputError
from workbench.rules import CheckReport, Deck, Finding, read_deck
from workbench.stack import Design, read

GRID = {"name": "bumps", "diameter_um": 20.0, "columns": 4, "rows": 3, "pitch_x_um": 50.0, "pitch_y_um": 60.0}


def region(*bumps: dict, name: str = "front", side: str = "front", **changes) -> dict[str, Any]:
    return {"name": name, "side": side, "width_um": 900.0, "length_um": 800.0, "bumps": list(bumps)} | changes


def two_dies(
    top: dict | list | None = GRID, bottom: dict | list | None = GRID, *, method: str = "micro_bump",
    bond_um: float = 10.0, top_pose: dict | None = None, bottom_pose: dict | None = None, **changes,
) -> dict[str, Any]:  # fmt: skip
    """Die B (U2, face down) over die A (U1, face up), 1.0 x 0.9 mm each, joined front to front through a bond layer."""
    def fields(given):
        return [] if given is None else copy.deepcopy(given if isinstance(given, list) else [given])

    def die(name, given):
        return {"id": name, "name": f"die {name}", "width_mm": 1.0, "length_mm": 0.9, "thickness_um": 100.0,
                "regions": [region(*fields(given)), region(name="back", side="back")]}  # fmt: skip

    document = {
        "title": "two dies", "assembly": "face_to_face", "carrier": "substrate", "width_mm": 3.0, "length_mm": 3.0,
        "dies": [die("A", bottom), die("B", top)],
        "layers": [
            {"name": "low", "kind": "die", "material": "underfill", "thickness_um": 100.0,
             "dies": [{"name": "U1", "die": "A", "facing": "up"} | (bottom_pose or {})]},
            {"name": "bond", "kind": "bond", "material": "underfill", "thickness_um": bond_um,
             "bond": {"method": method}},
            {"name": "high", "kind": "die", "material": "underfill", "thickness_um": 100.0,
             "dies": [{"name": "U2", "die": "B", "facing": "down"} | (top_pose or {})]},
        ],
        "connections": [
            {"name": "joint", "top": end("U2.front"), "bottom": end("U1.front"), "thickness_um": bond_um},
            {"name": "world", "top": end("U1.back")},
        ],
    }  # fmt: skip
    return document | changes


def end(words: str) -> dict[str, str]:
    part, name = words.split(".")
    return {"part": part, "region": name}


def on_carrier(*dies: dict, kind: str = "interposer", metals: list | None = None, gap_um: float = 10.0,
               **changes) -> dict[str, Any]:  # fmt: skip
    """Dies (each {"name", "bumps", "x_mm", ...pose}) face down on a carrier 6 x 6 mm whose front mirrors nothing."""
    placed = copy.deepcopy(dies)
    for d in placed:  # a face as large as the die, where it is a small one
        d["face"] = {"width_um": min(900.0, 1000 * d.get("width_mm", 1.0)),
                     "length_um": min(800.0, 1000 * d.get("length_mm", 0.9))}  # fmt: skip
    kinds = [
        {"id": f"d{k}", "name": f"die {d['name']}", "width_mm": d.pop("width_mm", 1.0),
         "length_mm": d.pop("length_mm", 0.9), "thickness_um": d.pop("thickness_um", 100.0),
         "regions": [region(*d.pop("bumps", ()), **d.pop("face"))]}
        for k, d in enumerate(placed)
    ]  # fmt: skip
    document = {
        "title": "on a carrier", "assembly": "side_by_side" if len(dies) > 1 else "single",
        "carrier": "interposer" if kind == "interposer" else "fan_out", "width_mm": 6.0, "length_mm": 6.0,
        "dies": kinds,
        "layers": [
            {"name": "carrier", "kind": kind, "material": "silicon" if kind == "interposer" else "polyimide",
             "thickness_um": 100.0, "metals": metals or [],
             "regions": [region(name="face", width_um=5900.0, length_um=5900.0)]},
            {"name": "bond", "kind": "bond", "material": "underfill", "thickness_um": gap_um,
             "bond": {"method": "micro_bump"}},
            {"name": "tier", "kind": "die", "material": "underfill", "thickness_um": 200.0,
             "dies": [{"die": f"d{k}", "facing": "down"} | d for k, d in enumerate(placed)]},
        ],
    }  # fmt: skip
    return document | changes


def design_of(document: dict) -> Design:
    """Read, with the assembly that its layers make."""
    try:
        return read(document)
    except InputError as error:
        if error.rule != "design.assembly_mismatch":
            raise
        return read(document | {"assembly": error.allowed})


def deck(*rules: dict) -> Deck:
    """A deck of just these rules, verified unless a rule says otherwise."""
    defaults = {"title": "a rule", "title_zh": "規則", "source": "the case", "verified": True}
    return read_deck({
        "deck_id": "case", "version": "1", "title": "case", "title_zh": "案例",
        "rules": [defaults | {"id": f"r{k}"} | rule for k, rule in enumerate(rules)],
    })  # fmt: skip


NOTHING = deck({"limits": "die_size", "values": {"max_width_mm": 1000, "max_length_mm": 1000}})


def found(report: CheckReport, id: str) -> Finding | None:
    """The one finding of this id that is not met."""
    some = [finding for finding in report.findings if finding.id == id]
    assert len(some) <= 1, [finding.sentence("en") for finding in some]
    return some[0] if some else None


def ids(report: CheckReport) -> list[str]:
    return sorted({finding.id for finding in report.findings})


def status(report: CheckReport, check: str) -> str:
    return next(ran.status for ran in report.ran if ran.id == check)

