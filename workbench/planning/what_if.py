"""What-if: a change to a design, and what it does to its parts, checks, cost and size, side by side with before."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.cost.economics import DesignCost, of_design
from workbench.cost.review import StackDesignReview
from workbench.errors import InputError
from workbench.i18n import t
from workbench.rules import CheckReport, Deck, Requirements, check
from workbench.schema.summary import shown
from workbench.stack import Design, bump_count, derive, read, to_document
from workbench.stack.diff import Change, diff

_STEP = re.compile(r"""(?P<name>[A-Za-z_]\w*)(?:\[(?P<key>"[^"]*"|\d+)\])?(?:\.|$)""")


@dataclass(frozen=True)
class Figure:
    """One figure before and after; `label` is a catalogue key, `better` says which way is good (0: neither)."""

    label: str
    before: float | None
    after: float | None
    unit: str
    better: int = 0

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def judged(self) -> str:
        """``better``, ``worse``, ``same`` or ``other``."""
        if self.change is None or abs(self.change) <= 1e-12 * max(abs(self.before or 0.0), 1.0):
            return "same" if self.before == self.after or self.change is not None else "other"
        return "other" if not self.better else "better" if self.change * self.better > 0 else "worse"

    def sentence(self, lang: str | None = None) -> str:
        """``Total thickness: 1,056 → 1,006 µm``."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{t(self.label, lang)}: {shown(self.before)} → {shown(self.after)}{unit}"


@dataclass(frozen=True)
class WhatIf:
    """A design before and after. `appeared` and `solved` are findings (id, place) that only one of the two has."""

    before: Design
    after: Design
    changes: tuple[Change, ...]
    figures: tuple[Figure, ...]
    checks_before: CheckReport
    checks_after: CheckReport

    @property
    def appeared(self) -> tuple[str, ...]:
        return _only(self.checks_after, self.checks_before)

    @property
    def solved(self) -> tuple[str, ...]:
        return _only(self.checks_before, self.checks_after)

    def as_dict(self, lang: str | None = None) -> dict[str, Any]:
        return {
            "changes": [change.as_dict(lang) for change in self.changes],
            "figures": [vars(figure) | {"judged": figure.judged, "name": t(figure.label, lang)}
                        for figure in self.figures],
            "verdict": {"before": str(self.checks_before.verdict), "after": str(self.checks_after.verdict)},
            "appeared": list(self.appeared), "solved": list(self.solved),
        }  # fmt: skip


def what_if(before: Design, after: Design, *, parameters: StackDesignReview | None = None,
            deck: Deck | None = None) -> WhatIf:  # fmt: skip
    """Both designs checked and costed under the same parameters and deck, side by side."""
    p = parameters or StackDesignReview()
    required = Requirements(thickness_limit_um=p.thickness_limit_um, footprint_limit_mm2=p.footprint_limit_mm2)
    checks = [check(design, deck, requirements=required) for design in (before, after)]
    costs = [of_design(design, p) for design in (before, after)]
    return WhatIf(before, after, diff(before, after), _figures((before, after), checks, costs), *checks)


def changed(design: Design, changes: Mapping[str, Any]) -> Design:
    """The design with fields set: a path names list members by name, id or number, as
    ``layers["Hybrid bond"].bond.pitch_um`` or ``dies["base"].thickness_um``; None removes a field.

    The whole document is read anew, so that nothing impossible comes out. Raises InputError: a path that leads
    nowhere, or whatever the reader refuses.
    """
    document = json.loads(json.dumps(to_document(design)))
    for path, value in changes.items():
        _set(document, path, value)
    return read(document)


def _set(document: dict[str, Any], path: str, value: Any) -> None:
    steps = _steps(path)
    here: Any = document
    for depth, (name, key) in enumerate(steps):
        last = depth == len(steps) - 1
        if not isinstance(here, dict):
            raise InputError("planning.path_unknown", where=path, got=name)
        if last and key is None:
            if value is None:
                here.pop(name, None)
            else:
                here[name] = value
            return
        if name not in here:
            raise InputError("planning.path_unknown", where=path, got=name, allowed=", ".join(here))
        here = here[name]
        if key is not None:
            here = _member(here, key, path)
    raise InputError("planning.path_unknown", where=path, got=path)  # ends in a list member, not in a field


def _steps(path: str) -> list[tuple[str, str | None]]:
    steps, at = [], 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise InputError("planning.path_unknown", where=path, got=path[at:])
        steps.append((found["name"], found["key"]))
        at = found.end()
    if not steps or path.endswith("."):
        raise InputError("planning.path_unknown", where=path, got=path)
    return steps


def _member(parts: Any, key: str, path: str) -> Any:
    """A member of a list, by its name or id in quotes, or by its number."""
    if not isinstance(parts, list):
        raise InputError("planning.path_unknown", where=path, got=f"[{key}]")
    if key.isdigit():
        if int(key) < len(parts):
            return parts[int(key)]
    else:
        for part in parts:
            if isinstance(part, dict) and key[1:-1] in (part.get("id"), part.get("name")):
                return part
    names = [str(part.get("id") or part.get("name")) for part in parts if isinstance(part, dict)]
    raise InputError("planning.path_unknown", where=path, got=f"[{key}]", allowed=", ".join(names[:12]))


def _figures(designs: tuple[Design, Design], checks: list[CheckReport], costs: list[DesignCost]) -> tuple[Figure, ...]:
    derived = [derive(design) for design in designs]
    flow = next((cost.shown.flow for cost in costs if cost.shown is not None), None)
    paid = [next((f for f in cost.flows if f.flow == flow), None) for cost in costs]

    def both(label: str, values: list[float | None], unit: str, better: int = 0) -> Figure:
        return Figure(label, values[0], values[1], unit, better)

    return (
        both("planning.figure.broken", [float(sum(f.outcome == "broken" for f in c.findings)) for c in checks], "", -1),
        both("planning.figure.care", [float(sum(f.outcome != "broken" for f in c.findings)) for c in checks], "", -1),
        both("design.module_cost", [None if f is None else float(f.total_usd) for f in paid], "USD", -1),
        both("design.assembly_yield", [None if f is None else 100 * float(f.assembly_yield) for f in paid], "%", 1),
        both("design.silicon_area", [d.silicon_area_mm2 for d in derived], "mm²"),
        both("planning.figure.footprint", [d.footprint_mm2 for d in derived], "mm²", -1),
        both("design.total_thickness", [d.total_thickness_um for d in derived], "µm"),
        both("planning.figure.power_density", [d.power_density_w_per_mm2 for d in derived], "W/mm²", -1),
        both("planning.figure.bumps", [float(bump_count(design)) for design in designs], ""),
    )


def _only(one: CheckReport, other: CheckReport) -> tuple[str, ...]:
    there = {(finding.id, finding.place) for finding in other.findings}
    return tuple(f"{f.name()} ({f.place})" if f.place else f.name()
                 for f in one.findings if (f.id, f.place) not in there)  # fmt: skip
