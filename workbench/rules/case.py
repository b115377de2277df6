"""One design under one deck: the geometry all checks share, and how a figure is compared with a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from workbench.rules import faces
from workbench.rules.deck import Deck, Rule, unit_of_value
from workbench.rules.faces import Face, Joint, Part
from workbench.rules.findings import MARGIN, Finding, Key, Outcome, Place
from workbench.rules.meeting import Meeting, meetings
from workbench.rules.spans import Layouts
from workbench.stack import Derived, Design, Level, derive, levels

EPSILON = 1e-9  # relative: a figure drawn exactly at its limit keeps it


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


@dataclass(frozen=True, eq=False)
class Case:
    """What every check is given."""

    design: Design
    deck: Deck
    requirements: Requirements
    examples: int

    @cached_property
    def layouts(self) -> Layouts:
        return Layouts()

    @cached_property
    def derived(self) -> Derived:
        return derive(self.design)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        return levels(self.design)

    @cached_property
    def dies(self) -> dict[str, Part]:
        """Every placed die, bottom to top."""
        return faces.dies(self.design)

    @cached_property
    def layers(self) -> dict[str, Part]:
        """Every layer as a solid of its own extent."""
        return faces.layers(self.design)

    @cached_property
    def faces(self) -> dict[str, Face]:
        """Every region of every part, by `part.region`, bottom to top."""
        return faces.faces(self.design, self.dies, self.layers)

    @cached_property
    def joints(self) -> tuple[Joint, ...]:
        """Every interface: the connections of the design, then those implied by bumps that face each other."""
        return faces.joints(self.design, self.faces, self.requirements.gap_tolerance_um)

    @cached_property
    def meetings(self) -> tuple[Meeting, ...]:
        """Every interface that holds and has bumps on both faces, its bumps matched."""
        tolerance_um = self.requirements.alignment_tolerance_um
        return meetings(self.design, self.deck, self.joints, tolerance_um, self.layouts)

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
