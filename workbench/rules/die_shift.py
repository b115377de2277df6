"""How far a moulded die may have moved before a via misses its pad.

A die that moved by dx, dy and turned by an angle about its centre displaces the pad at p by R(angle) p - p + (dx, dy).
A via lands on its pad while that displacement is at most (pad - via)/2 - overlay. Only the metal that lands on the die
sees the die move; every other metal is aligned to the one before it and needs the overlay alone.

Patterns redrawn for each unit would forgive more; they are patented (US8656333, US10157803, US10573601) and not made
here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.rules.case import Case, DieShift, Found, Skip
from workbench.rules.deck import Rule
from workbench.rules.faces import Part
from workbench.rules.findings import Finding, Key
from workbench.stack import Layer, Metal
from workbench.stack.bumps import face_looks, place
from workbench.stack.geometry import cos_sin


@dataclass(frozen=True)
class ShiftBudget:
    """One metal of a redistribution layer: what its via forgives, and what it must."""

    layer: str
    metal: str
    budget_um: float
    displacement_um: float
    lands_on_die: bool
    die: str
    at_um: tuple[float, float]  # of the pad that moves farthest, in the module

    @property
    def margin_um(self) -> float:
        return self.budget_um - self.displacement_um


def budget_um(*, pad_um: float, via_um: float, overlay_um: float) -> float:
    """(pad - via)/2 - overlay; negative where overlay alone is too much."""
    return (pad_um - via_um) / 2 - overlay_um


def displacements_um(shift: DieShift, xy_um: np.ndarray) -> np.ndarray:
    """How far pads (n, 2), from the centre of the die in the module's directions, move (n,)."""
    cos, sin = cos_sin(shift.angle_deg)
    x, y = xy_um[:, 0], xy_um[:, 1]
    return np.hypot((cos - 1) * x - sin * y + shift.dx_um, sin * x + (cos - 1) * y + shift.dy_um)


def budgets(case: Case, shift: DieShift, overlay_um: float) -> tuple[ShiftBudget, ...]:
    """Every metal with a via and a pad, of every redistribution layer next to dies. The farthest pad counts: of the
    bumps on the die's face towards the layer, or of its corners where it has none.
    """
    found = []
    layers = case.design.layers
    for index, layer in enumerate(layers):
        if layer.kind != "rdl":
            continue
        above = layers[index + 1] if index + 1 < len(layers) else None
        below = layers[index - 1] if index else None
        for neighbour, towards, metals in ((above, "down", layer.metals[::-1]), (below, "up", layer.metals)):
            if neighbour is not None and neighbour.placements:
                found += _of_layer(case, layer, neighbour, towards, metals, shift, overlay_um)
    return tuple(found)


def _of_layer(case: Case, layer: Layer, dies: Layer, towards: str, metals: tuple[Metal, ...], shift: DieShift,
              overlay_um: float) -> list[ShiftBudget]:  # fmt: skip
    moved = []
    for placement in dies.placements:
        part = case.dies[placement.name]
        pads = _pads(part, towards)
        centre = np.array([placement.x_mm, placement.y_mm]) * 1000
        distances = displacements_um(shift, pads - centre)
        k = int(distances.argmax())
        moved.append((float(distances[k]), placement.name, tuple(pads[k].tolist())))
    worst = max(moved)
    return [
        ShiftBudget(layer.name, metal.name, budget_um(pad_um=metal.pad_um, via_um=metal.via_um, overlay_um=overlay_um),
                    worst[0] if order == 0 else 0.0, order == 0, worst[1], worst[2])
        for order, metal in enumerate(metals) if metal.via_um is not None and metal.pad_um is not None
    ]  # fmt: skip


def _pads(part: Part, towards: str) -> np.ndarray:
    fields = [place(field, part.placement) for region in part.die.regions
              if face_looks(part.placement, region.side) == towards for field in region.bumps]  # fmt: skip
    return np.concatenate(fields) if fields else part.corners_um


def die_shift(case: Case) -> Found | Skip:
    """The customer's shift and overlay, else the deck's, against the budget of every metal. One figure of the deck
    among the customer's makes the comparison the deck's.
    """
    asked = case.requirements
    rule: Rule | None = next((x for x in case.deck.of("die_shift") if x.fits(case.design)), None)
    if asked.die_shift is None and rule is None:
        return Skip(Key("rules.skip.no_die_shift"))
    shift = asked.die_shift or DieShift(dx_um=rule.values.get("max_shift_um", 0.0))
    overlay = asked.overlay_um if asked.overlay_um is not None else (rule.value("max_overlay_um") or 0.0 if rule else 0)
    every = budgets(case, shift, overlay)
    if not every:
        return Skip(Key("rules.skip.no_capture_pads"))
    overlay_of_deck = asked.overlay_um is None and rule is not None and rule.value("max_overlay_um") is not None
    found = []
    for budget in every:
        by = rule if overlay_of_deck or (budget.lands_on_die and asked.die_shift is None) else None
        named = {"verified": by.verified, "source": by.source, "rule": by.id} if by else {}
        broken = budget.margin_um < -1e-9
        layer = case.layers[budget.layer]
        found.append(Finding(
            "die_shift" if budget.lands_on_die else "overlay",
            ("care" if by and by.soft else "broken") if broken else "met",
            f"{budget.layer} {budget.metal}", (*budget.at_um, layer.z_top_um), got=budget.displacement_um,
            allowed=budget.budget_um, unit="um",
            values={"die": budget.die, "dx": shift.dx_um, "dy": shift.dy_um, "angle": shift.angle_deg,
                    "overlay": overlay}, **named,
        ))  # fmt: skip
    return Found(tuple(found), len(every))
