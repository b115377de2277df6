"""One design under one deck: the geometry all checks share, and how a figure is compared with a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from workbench.rules.deck import Deck, Rule, unit_of_value
from workbench.rules.findings import MARGIN, Finding, Key, Outcome, Place
from workbench.stack import Derived, Design, Die, End, Layer, Level, Placement, Region, derive, geometry, levels
from workbench.stack.bumps import die_span_um, face_z_um

EPSILON = 1e-9  # relative: a figure drawn exactly at its limit keeps it
SLACK_UM = 1e-6  # absolute, for coordinates: a thousandth of a nanometre


@dataclass(frozen=True)
class DieShift:
    """Where a die may end up after moulding: dx, dy of its centre, and its turn about it."""

    dx_um: float = 0.0
    dy_um: float = 0.0
    angle_deg: float = 0.0


@dataclass(frozen=True)
class Requirements:
    """What the customer asks for, beyond the deck. None: not asked.

    `alignment_tolerance_um`: two bumps that meet may be drawn this far apart. `gap_tolerance_um`: the space between two
    connected faces may differ this much from the connection's thickness. `die_shift` with `overlay_um` (between two
    metals) replaces the deck's figures.
    """

    thickness_limit_um: float | None = None
    footprint_limit_mm2: float | None = None
    alignment_tolerance_um: float = 0.5
    gap_tolerance_um: float = 0.1
    die_shift: DieShift | None = None
    overlay_um: float | None = None


@dataclass(frozen=True)
class Skip:
    """A check that does not apply, and why (a key of the catalogue)."""

    reason: Key
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What one check compared, and how many places it looked at."""

    findings: tuple[Finding, ...]
    looked_at: int


@dataclass(frozen=True)
class Part:
    """A placed die or a layer as a solid: corners (4, 2) in um, z range, centre."""

    name: str
    layer: Layer
    placement: Placement | None
    die: Die | None
    corners_um: np.ndarray
    z_bottom_um: float
    z_top_um: float

    @property
    def centre(self) -> Place:
        x, y = self.corners_um.mean(axis=0).tolist()
        return (x, y, self.z_top_um)

    @property
    def size_um(self) -> tuple[float, float]:
        """Width and length in its own layout."""
        sides = np.linalg.norm(self.corners_um[1:3] - self.corners_um[0:2], axis=1)
        return float(sides[0]), float(sides[1])


@dataclass(frozen=True)
class Face:
    """A region in the module. `looks` is up, down or, inside a part, none; `z_um` the height of its face."""

    end: End
    region: Region
    part: Part
    corners_um: np.ndarray
    z_um: float
    looks: str
    method: str | None  # of the bond layer it looks at

    @property
    def centre(self) -> Place:
        x, y = self.corners_um.mean(axis=0).tolist()
        return (x, y, self.z_um)


@dataclass(frozen=True)
class Case:
    """What every check is given."""

    design: Design
    deck: Deck
    requirements: Requirements
    examples: int

    @cached_property
    def derived(self) -> Derived:
        return derive(self.design)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        return levels(self.design)

    @cached_property
    def dies(self) -> dict[str, Part]:
        """Every placed die, bottom to top."""
        found = {}
        for level in self.levels:
            for placement in level.layer.placements:
                die = self.design.die(placement.die)
                bottom, top = die_span_um(level, die.thickness_um)
                corners = geometry.outline(self.design, placement) * 1000
                found[placement.name] = Part(placement.name, level.layer, placement, die, corners, bottom, top)
        return found

    @cached_property
    def layers(self) -> dict[str, Part]:
        """Every layer as a solid of its own extent."""
        found = {}
        for level in self.levels:
            width, length = self.design.extent_mm(level.layer)
            corners = geometry.rectangle(x_mm=0, y_mm=0, width_mm=width, length_mm=length) * 1000
            found[level.layer.name] = Part(level.layer.name, level.layer, None, None, corners, level.z_bottom_um,
                                           level.z_top_um)  # fmt: skip
        return found

    @cached_property
    def faces(self) -> dict[str, Face]:
        """Every region of every part, by `part.region`, bottom to top."""
        found = {}
        for index, level in enumerate(self.levels):
            below = self.levels[index - 1].layer if index else None
            above = self.levels[index + 1].layer if index + 1 < len(self.levels) else None
            owners = [(level.layer.name, None, level.layer.regions)]
            owners += [(p.name, p, self.design.die(p.die).regions) for p in level.layer.placements]
            for name, placement, regions in owners:
                part = self.layers[name] if placement is None else self.dies[name]
                for region in regions:
                    end = End(part=name, region=region.name)
                    found[str(end)] = self._face(end, region, part, level, below, above)
        return found

    def _face(self, end: End, region: Region, part: Part, level: Level, below: Layer | None,
              above: Layer | None) -> Face:  # fmt: skip
        half = np.array([region.width_um, region.length_um]) / 2
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + (region.x_um, region.y_um)
        if part.placement is not None:
            corners = geometry.to_module(corners, part.placement, scale=1000.0)
            corners = corners[::-1] if part.placement.mirrored else corners
        looks = ""
        if region.side in ("front", "back"):
            up = part.placement is None or part.placement.facing == "up"
            looks = "up" if (region.side == "front") == up else "down"
        next_layer = {"up": above, "down": below}.get(looks)
        method = next_layer.bond.method if next_layer is not None and next_layer.bond else None
        z_um = face_z_um(self.design, level, part.placement, region.side)
        return Face(end, region, part, corners, z_um, looks, method)

    @property
    def has_bumps(self) -> bool:
        return any(face.region.bumps for face in self.faces.values())

    def some(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """The first few of many markers."""
        return tuple(place for place, _ in zip(places, range(self.examples), strict=False))


def at_most(id: str, got: float, limit: float, rule: Rule | None, *, unit: str, **more: Any) -> Finding:
    """Compared with an upper limit; a hard limit also knows `near`. Without a rule it is the customer's own."""
    broken = got > limit * (1 + EPSILON)
    soft = rule is not None and rule.soft
    near = not broken and got > limit * (1 - MARGIN) and not (rule is not None and rule.severity == "care")
    return _judged(id, got, limit, rule, unit, at_most=True, outcome=_outcome(broken, near, soft), **more)


def at_least(id: str, got: float, limit: float, rule: Rule | None, *, unit: str, **more: Any) -> Finding:
    """Compared with a lower limit. A pitch or gap is normally drawn exactly at its rule, so there is no `near`."""
    broken = got < limit * (1 - EPSILON)
    soft = rule is not None and rule.soft
    return _judged(id, got, limit, rule, unit, at_most=False, outcome=_outcome(broken, False, soft), **more)


def _outcome(broken: bool, near: bool, soft: bool) -> Outcome:
    return ("care" if soft else "broken") if broken else ("near" if near else "met")


def _judged(id, got, limit, rule, unit, *, at_most, outcome, **more) -> Finding:
    named = {"verified": rule.verified, "source": rule.source, "rule": rule.id} if rule else {}
    return Finding(id, outcome, got=float(got), allowed=float(limit), unit=unit, at_most=at_most, **named, **more)


def compared(id: str, got: float, rule: Rule, name: str, **more: Any) -> Finding | None:
    """A figure against one value of a rule, the direction and unit taken from the value's name; None where the rule
    has no such value.
    """
    limit = rule.value(name)
    if limit is None:
        return None
    judge = at_most if name.startswith("max_") else at_least
    return judge(id, got, limit, rule, unit=unit_of_value(name), **more)
