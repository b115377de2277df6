"""Wiring of carriers: line and space, count of metals, vias and their pads, and whether the signals can get out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.rules.case import Case, Found, Skip, compared
from workbench.rules.deck import NOT_DRAWN, Rule
from workbench.rules.escape import Escape, escape_estimate
from workbench.rules.faces import Face
from workbench.rules.findings import Finding, Key
from workbench.rules.spans import span_um
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
    """Every bump field that lands on a layer with metals, and whether its signals get out through all four edges.
    Points count as an array of their mean pitch. A bump is a signal unless the netlist makes its net a supply.
    """
    supplies = {net.name for net in case.design.netlist if net.role != "signal"}
    supplies |= {pin.port for net in case.design.netlist if net.role != "signal" for pin in net.pins}
    for joint in case.joints:
        if joint.bottom is None or not joint.holds:
            continue
        for face, other in ((joint.top, joint.bottom), (joint.bottom, joint.top)):
            layer = other.part.layer
            if other.part.die is not None or not layer.metals or face.part.die is None:
                continue
            order = layer.metals[::-1] if other.looks == "up" else layer.metals
            for field in face.region.bumps:
                yield face, layer, field, _estimate(field, order, _signals(field, supplies))


def _signals(field: Grid | Points, supplies: set[str]) -> int:
    words = field.nets or field.ports
    if not words or not supplies:
        return field.count
    codes, texts = field.coded(words)
    carries = np.array([text != "" and text not in supplies for text in texts], bool)
    return int(carries[codes].sum())


def _estimate(field: Grid | Points, order: tuple[Metal, ...], signals: int) -> Escape:
    if isinstance(field, Grid):
        shape = (field.columns, field.rows, field.pitch_x_um, field.pitch_y_um)
        signals = min(signals, field.columns * field.rows)
    else:
        low, high = span_um(field)
        width, length = np.maximum(high - low, field.diameter_um).tolist()
        pitch = max(float(np.sqrt(width * length / field.count)), 1e-3)
        columns = max(1, round(width / pitch))
        shape = (columns, -(-field.count // columns), pitch, pitch)
    columns, rows, pitch_x, pitch_y = shape
    return escape_estimate(columns=columns, rows=rows, pitch_x_um=pitch_x, pitch_y_um=pitch_y,
                           pad_um=field.diameter_um, metals=order, signals=signals)  # fmt: skip


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
