"""Path assertions, evaluated: is there a way through the module that passes the regions asked for, in order, and
touches none of the excluded ones.
"""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import combinations, pairwise

from workbench.rules.case import Case, Found, Skip
from workbench.rules.faces import Part
from workbench.rules.findings import Finding, Key


def graph(case: Case) -> dict[str, set[str]]:
    """Regions reachable from each other in one step: across an interface that holds, or through a part. A die joins
    the regions of its active side (front, internal); with through-silicon vias also its back. Wiring layers join all
    their regions; other layers join their two faces where vias run through them.
    """
    near: dict[str, set[str]] = defaultdict(set)

    def join(one: str, other: str) -> None:
        near[one].add(other)
        near[other].add(one)

    for joint in case.joints:
        if joint.bottom is not None and joint.holds:
            join(str(joint.top.end), str(joint.bottom.end))
    inside: dict[str, list[tuple[str, str]]] = defaultdict(list)
    solids: dict[str, Part] = {}
    for name, face in case.faces.items():
        near[name]
        inside[face.end.part].append((name, face.region.side))
        solids[face.end.part] = face.part
    for part, regions in inside.items():
        for (one, side_one), (other, side_other) in combinations(regions, 2):
            if _joined(solids[part], side_one, side_other):
                join(one, other)
    return near


def _joined(part: Part, first: str, second: str) -> bool:
    back = "back" in (first, second)
    if part.die is not None:
        return not back or part.die.tsv is not None
    if part.layer.kind in ("rdl", "interposer", "substrate"):
        return True
    return first != second and bool(part.layer.vias)


def paths(case: Case) -> Found | Skip:
    """Every assertion of the design. Between two regions asked for the way may pass any other that is not excluded."""
    if not case.design.paths:
        return Skip(Key("rules.skip.no_paths"))
    near, found = graph(case), []
    for path in case.design.paths:
        asked = [str_of(step) for step in path.steps if not step.excluded]
        barred = {str_of(step) for step in path.steps if step.excluded}
        if len(asked) < 2:
            found.append(Finding("path_empty", "care", path.name, values={"steps": len(asked)}))
            continue
        blocked = next((step for step in asked if step in barred), None)
        if blocked is not None:
            found.append(_broken(case, "path_barred", path.name, blocked, blocked))
            continue
        for one, other in pairwise(asked):
            if _way(near, one, other, barred) is None:
                kind = "path_barred" if barred and _way(near, one, other, set()) is not None else "path_open"
                found.append(_broken(case, kind, path.name, one, other))
                break
    return Found(tuple(found), len(case.design.paths))


def str_of(step) -> str:
    return f"{step.part}.{step.region}"


def _broken(case: Case, kind: str, name: str, one: str, other: str) -> Finding:
    return Finding(kind, "broken", name, case.faces[one].centre, values={"first": one, "second": other},
                   examples=(case.faces[one].centre, case.faces[other].centre))  # fmt: skip


def _way(near: dict[str, set[str]], start: str, end: str, barred: set[str]) -> list[str] | None:
    """The shortest way between two regions, or None."""
    came, queue = {start: ""}, deque([start])
    while queue:
        here = queue.popleft()
        if here == end:
            way = [here]
            while came[way[-1]]:
                way.append(came[way[-1]])
            return way[::-1]
        for there in sorted(near[here]):
            if there not in came and there not in barred:
                came[there] = here
                queue.append(there)
    return None
