"""Wiring of carriers: line and space, count of metals, vias and their pads, and whether the signals can get out."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.rules.case import Case, Found, Skip, compared
from workbench.rules.deck import NOT_DRAWN, Rule
from workbench.rules.escape import Escape, field_escape, signal_count
from workbench.rules.faces import Face
from workbench.rules.findings import Finding, Key
from workbench.rules.nets import Netlist
from workbench.stack import Grid, Layer, Metal, Points

ESTIMATE = "channel estimate of the workbench: docs/theory/design-rules.md"
NO_METALS = Skip(Key("rules.skip.no_metals"))


def _metals(case: Case, limits: str) -> Iterator[tuple[Rule, Layer, Metal]]:
    for rule in case.deck.of(limits):
        for layer in case.design.layers:
            if layer.metals and rule.fits(case.design, layer=layer):
                yield from ((rule, layer, metal) for metal in layer.metals)


def metals(case: Case) -> Found | Skip:
    """Every metal: line, space, via, pad around the via; every layer: how many metals."""
    found: list[Finding | None] = []
    for rule, layer, metal in _metals(case, "metal_line"):
        at = {"place": f"{layer.name} {metal.name}", "at": case.layers[layer.name].centre}
        found.append(compared("line", metal.line_um, rule, "min_line_um", **at))
        found.append(compared("line_space", metal.space_um, rule, "min_space_um", **at))
    for rule, layer, metal in _metals(case, "via_size"):
        if metal.via_um is not None:
            at = {"place": f"{layer.name} {metal.name}", "at": case.layers[layer.name].centre}
            found.append(compared("via_size", metal.via_um, rule, "min_via_um", **at))
    for rule, layer, metal in _metals(case, "via_enclosure"):
        if metal.via_um is not None and metal.pad_um is not None:
            at = {"place": f"{layer.name} {metal.name}", "at": case.layers[layer.name].centre}
            found.append(compared("via_enclosure", (metal.pad_um - metal.via_um) / 2, rule, "min_enclosure_um", **at))
    for rule in case.deck.of("metal_count"):
        for layer in case.design.layers:
            if layer.metals and rule.fits(case.design, layer=layer):
                at = {"place": layer.name, "at": case.layers[layer.name].centre}
                found.append(compared("metal_count", len(layer.metals), rule, "max_metals", **at))
    kept = tuple(finding for finding in found if finding is not None)
    if kept:
        return Found(kept, len(kept))
    return Skip(Key("rules.skip.no_rule")) if any(layer.metals for layer in case.design.layers) else NO_METALS


def escapes(case: Case) -> Iterator[tuple[Face, Layer, Grid | Points, Escape]]:
    """Every bump field that lands on a layer with metals, and whether its signals get out through all four edges."""
    netlist = Netlist(case.design)
    for joint in case.joints:
        if joint.bottom is None or not joint.holds:
            continue
        for face, other in ((joint.top, joint.bottom), (joint.bottom, joint.top)):
            layer = other.part.layer
            if other.part.die is not None or not layer.metals or face.part.die is None:
                continue
            for field in face.region.bumps:
                signals = signal_count(netlist, face.end.part, field)
                yield face, layer, field, field_escape(field, layer, other.looks, signals)


def escape(case: Case) -> Found | Skip:
    """Metals needed against metals there are. The estimate is ours, so a shortage asks for care."""
    found, looked_at = [], 0
    for face, layer, field, estimate in escapes(case):
        looked_at += field.count
        found.append(Finding(
            "escape", "met" if estimate.fits else "care", f"{face.end} {field.name}", face.centre,
            got=estimate.metals_needed, allowed=len(layer.metals), verified=False, source=ESTIMATE,
            values={"signals": f"{estimate.signals:,}", "escaped": f"{estimate.escaped:,}"},
        ))  # fmt: skip
    return Found(tuple(found), looked_at) if found else NO_METALS


def not_drawn(case: Case) -> Found | Skip:
    """Rules of the deck about what a design does not draw: listed, so that nobody takes them for kept."""
    rules = [rule for rule in case.deck.rules if rule.limits in NOT_DRAWN]
    if not rules:
        return Skip(Key("rules.skip.all_drawn"))
    return Skip(Key("rules.skip.not_drawn"), {"rules": ", ".join(rule.id for rule in rules)})
