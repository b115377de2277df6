"""Sizes of dies, carrier and body, thicknesses and aspect ratios, against the deck and the customer's requirements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workbench import materials
from workbench.rules.case import EPSILON, Case, Found, Part, Skip, at_least, at_most, compared
from workbench.rules.deck import Rule
from workbench.rules.findings import Finding, Key
from workbench.stack import Layer, geometry

SLACK_MM = 1e-9  # beyond the reach of a search, so that no pair at the very limit is lost to rounding
NO_RULE = Skip(Key("rules.skip.no_rule"))


def requirements(case: Case) -> Found | Skip:
    """Total thickness and footprint against what the customer asks for."""
    asked, derived = case.requirements, case.derived
    found = []
    if asked.thickness_limit_um is not None:
        found.append(at_most("total_thickness", derived.total_thickness_um, asked.thickness_limit_um, None, unit="um"))
    if asked.footprint_limit_mm2 is not None:
        found.append(at_most("footprint", derived.footprint_mm2, asked.footprint_limit_mm2, None, unit="mm2"))
    return Found(tuple(found), len(found)) if found else Skip(Key("rules.skip.not_asked"))


def _share(width: float, length: float, field: tuple[float, float]) -> float:
    """How much of a field the tighter side takes, in the better of two orientations."""
    (short, long), (least, most) = sorted((width, length)), sorted(field)
    return max(short / least, long / most)


def _field(rule) -> tuple[float, float]:
    return rule.values["max_width_mm"], rule.values["max_length_mm"]


def _worst(case: Case, judged: list[tuple[Part, Finding]]) -> list[Finding]:
    """Of many parts under one rule the worst, which counts those that break it and shows where they are."""
    if not judged:
        return []
    bad = [part for part, finding in judged if finding.outcome in ("care", "broken")]
    sign = 1 if judged[0][1].at_most else -1
    part, finding = max(judged, key=lambda pair: sign * pair[1].got / (pair[1].allowed or 1))
    more = {"place": part.die.name if part.die else part.name, "at": part.centre, "count": max(len(bad), 1)}
    return [Finding(**{**vars(finding), **more, "examples": case.some(p.centre for p in bad)})]


def die_size(case: Case) -> Found | Skip:
    """Every die within the largest that can be made and placed, and large enough to be placed."""
    found, parts = [], list(case.dies.values())
    for rule in case.deck.of("die_size"):
        if rule.fits(case.design):
            field = _field(rule)
            said = {"values": {"field": f"{field[0]:g} x {field[1]:g} mm"}}
            found += _worst(case, [
                (part, at_most("die_size", 100 * _share(part.die.width_mm, part.die.length_mm, field), 100, rule,
                               unit="percent", **said))
                for part in parts
            ])  # fmt: skip
    for rule in case.deck.of("die_size_min"):
        if rule.fits(case.design):
            least = sorted((rule.values["min_width_mm"], rule.values["min_length_mm"]))
            judged = []
            for part in parts:
                sides = sorted((part.die.width_mm, part.die.length_mm))
                tight = min(range(2), key=lambda i, sides=sides: sides[i] / (least[i] or 1))
                judged.append((part, at_least("die_size_min", sides[tight], least[tight], rule, unit="mm")))
            found += _worst(case, judged)
    return Found(tuple(found), len(parts)) if found else NO_RULE


def body(case: Case) -> Found | Skip:
    """The body inside the largest package, and the carrier inside one exposure field."""
    found = []
    for rule in case.deck.of("body_size"):
        if rule.fits(case.design):
            share = 100 * _share(case.design.width_mm, case.design.length_mm, _field(rule))
            field = "{:g} x {:g} mm".format(*_field(rule))
            found.append(at_most("body_size", share, 100, rule, unit="percent", values={"field": field}))
    for rule in case.deck.of("carrier_field"):
        if rule.fits(case.design):
            field = _field(rule)
            carrier = next((x for x in case.design.layers if x.kind in ("interposer", "rdl")), None)
            sides = case.design.extent_mm(carrier) if carrier else (case.design.width_mm, case.design.length_mm)
            said = {"field": f"{field[0]:g} x {field[1]:g} mm", "exposures": _exposures(*sides, field)}
            found.append(at_most("carrier_field", 100 * _share(*sides, field), 100, rule, unit="percent",
                                 place=carrier.name if carrier else "", values=said))  # fmt: skip
    return Found(tuple(found), len(found)) if found else NO_RULE


def _exposures(width: float, length: float, field: tuple[float, float]) -> int:
    """Fields in rows and columns that cover a rectangle, in the better of two orientations."""
    return min(
        math.ceil(width / across - EPSILON) * math.ceil(length / along - EPSILON)
        for across, along in (field, field[::-1])
    )


def thickness(case: Case) -> Found | Skip:
    """Thin dies, and the height of the moulded part (every layer of mould compound)."""
    found, parts = [], list(case.dies.values())
    for rule in case.deck.of("thin_die"):
        if rule.fits(case.design):
            found += _worst(case, [
                (part, at_least("thin_die", part.die.thickness_um, rule.values["min_thickness_um"], rule, unit="um"))
                for part in parts
            ])  # fmt: skip
    moulded = [x for x in case.design.layers if materials.find(x.material).family == "mould"]
    height = sum(layer.thickness_um for layer in moulded)
    for rule in case.deck.of("mould") if moulded else ():
        if rule.fits(case.design):
            at = {"place": moulded[0].name, "at": case.layers[moulded[-1].name].centre}
            low = compared("mould_low", height, rule, "min_thickness_um", **at)
            high = compared("mould_high", height, rule, "max_thickness_um", **at)
            found.append(low if high is None or (low is not None and low.outcome != "met") else high)
    return Found(tuple(found), len(parts) + bool(moulded)) if found else NO_RULE


def gap(case: Case) -> Found | Skip:
    """The smallest distance between two dies of one layer; every pair too close is counted and shown.

    The lowest tier stands on the carrier; those above stand on dies, and so keep the rules of silicon.
    """
    tiers = case.design.die_layers
    on_silicon = case.design.model_copy(update={"carrier": "interposer"})
    found: list[Finding] = []
    looked_at, ruled = 0, False
    for stands, layers in ((case.design, tiers[:1]), (on_silicon, tiers[1:])):
        rules = [rule for rule in case.deck.of("gap") if rule.fits(stands)]
        ruled = ruled or bool(rules)
        held = [layer for layer in layers if len(layer.placements) > 1]
        if rules and held:
            looked_at += sum(math.comb(len(layer.placements), 2) for layer in held)
            near = _neighbours(case, held, max(rule.values["min_gap_mm"] for rule in rules))
            found += [_closest(case, *near, rule) for rule in rules]
    if not ruled:
        return NO_RULE
    return Found(tuple(found), looked_at) if looked_at else Skip(Key("rules.skip.no_neighbours"))


def _neighbours(case: Case, layers: Sequence[Layer], reach_mm: float) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Gaps in mm (k,) and names of every two dies of a layer at most `reach_mm` apart, and in any case of the closest
    two of each layer. 0 where dies overlap.
    """
    gaps_mm, pairs = [], []
    for layer in layers:
        corners = geometry.outlines(case.design, layer)
        _, _, least = geometry.closest(corners)
        i, j = geometry.near(corners, corners, max(reach_mm, least) + SLACK_MM).T
        i, j = i[i < j], j[i < j]
        gaps_mm.append(geometry.distances(corners[i], corners[j]))
        names = [placement.name for placement in layer.placements]
        pairs += [(names[a], names[b]) for a, b in zip(i.tolist(), j.tolist(), strict=True)]
    return np.maximum(np.concatenate(gaps_mm), 0.0), pairs


def _closest(case: Case, gaps_mm: np.ndarray, pairs: list[tuple[str, str]], rule: Rule) -> Finding:
    limit = rule.values["min_gap_mm"]
    least = gaps_mm.min()
    first, second = min(pairs[k] for k in np.flatnonzero(gaps_mm == least).tolist())
    close = np.flatnonzero(gaps_mm < limit * (1 - EPSILON)).tolist()
    return at_least(
        "gap", least, limit, rule, unit="mm", place=f"{first} / {second}", at=_between(case, first, second),
        count=max(len(close), 1), examples=case.some(_between(case, *pairs[k]) for k in close),
    )  # fmt: skip


def _between(case: Case, first: str, second: str) -> tuple[float, float, float]:
    """Half-way between the nearest corners and edges, near enough to find the gap in a picture."""
    a, b = case.dies[first], case.dies[second]
    best = None
    for one, other in ((a, b), (b, a)):
        start = other.corners_um
        edge = np.roll(start, -1, axis=0) - start
        away = one.corners_um[:, None] - start[None]
        share = np.clip((away * edge).sum(-1) / (edge * edge).sum(-1), 0, 1)
        foot = start + share[..., None] * edge
        distance = np.linalg.norm(one.corners_um[:, None] - foot, axis=-1)
        i, j = np.unravel_index(int(distance.argmin()), distance.shape)
        middle = (one.corners_um[i] + foot[i, j]) / 2
        if best is None or distance[i, j] < best[0]:
            best = (float(distance[i, j]), middle)
    x, y = best[1].tolist()
    return (x, y, max(a.z_top_um, b.z_top_um))
