"""What holds a module together, as OpenROAD's check_3dblox asks: connections that connect, nothing afloat, nothing in
the place of another, no external region unused, bumps inside their regions, alignment marks that meet. And the
interfaces that bumps imply but no connection says.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from workbench.rules.case import Case, Found, Skip
from workbench.rules.faces import JOINING, SLACK_UM, TOUCH_UM, Face, Part
from workbench.rules.findings import Finding, Key
from workbench.rules.meeting import side_of
from workbench.rules.spans import span_um
from workbench.stack import geometry
from workbench.stack.bumps import place

FAULTS = {  # what is wrong with a joint, and the finding that says so
    "inside": "connection_inside", "same_part": "connection_same_part", "direction": "connection_direction",
    "apart": "connection_apart", "gap": "connection_gap", "gap_unstated": "connection_gap_unstated",
}  # fmt: skip
NO_CONNECTIONS = Skip(Key("rules.skip.no_connections"))


def connections(case: Case) -> Found | Skip:
    """Direction, overlap in the plane, and the gap against the stated thickness, of every connection."""
    declared = [joint for joint in case.joints if joint.connection is not None]
    found = []
    for joint in declared:
        if not joint.fault:
            continue
        ends = {"top": str(joint.top.end), "bottom": str(joint.bottom.end)}
        if joint.fault in ("gap", "gap_unstated"):
            thickness = joint.connection.thickness_um
            outcome = "broken" if joint.fault == "gap" else "care"
            found.append(Finding(FAULTS[joint.fault], outcome, joint.name, joint.centre, got=joint.gap_um,
                                 allowed=thickness, unit="um", values=ends))  # fmt: skip
        else:
            found.append(Finding(FAULTS[joint.fault], "broken", joint.name, joint.centre, values=ends))
    if declared:  # where a design says what is joined, a joint it does not say is a slip
        found += [
            Finding("undeclared", "care", joint.name, joint.centre,
                    values={"top": str(joint.top.end), "bottom": str(joint.bottom.end)})
            for joint in case.joints if joint.connection is None
        ]  # fmt: skip
    return Found(tuple(found), len(declared)) if declared else NO_CONNECTIONS


def outer(case: Case, face: Face) -> bool:
    """Whether a face looks out of the bottom of the module: under it there are at most balls or bonds."""
    if face.looks != "down":
        return False
    return all(x.layer.kind in JOINING for x in case.levels if x.z_bottom_um < face.z_um - TOUCH_UM)


def floating(case: Case) -> Found | Skip:
    """Sets of parts that no chain of joints ties to the world below. Where nothing meets the world, the largest set
    counts as tied, as in OpenROAD.
    """
    joints = [joint for joint in case.joints if joint.holds]
    if not joints:
        return NO_CONNECTIONS
    names = list(dict.fromkeys([*case.dies, *(face.end.part for face in case.faces.values())]))
    number = {name: k for k, name in enumerate(names)}
    world = len(names)
    pairs = [(number[j.top.end.part], number[j.bottom.end.part] if j.bottom else world) for j in joints]
    pairs += [(number[face.end.part], world) for face in case.faces.values() if outer(case, face)]
    i, j = np.array(pairs).T
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(world + 1, world + 1))
    _, group = connected_components(graph, directed=False)
    sizes = Counter(group[:-1].tolist())
    tied = group[world] if sizes.get(group[world]) else max(sizes, key=lambda g: (sizes[g], -g))
    found = []
    for one in sorted(set(sizes) - {tied}, key=lambda g: -sizes[g]):
        parts = [name for name, g in zip(names, group.tolist(), strict=False) if g == one]
        solids = [case.dies.get(name) or case.layers[name] for name in parts]
        found.append(Finding("floating", "broken", ", ".join(parts[:6]), solids[0].centre, got=len(parts), allowed=0,
                             count=len(parts), examples=case.some(solid.centre for solid in solids)))  # fmt: skip
    return Found(tuple(found), len(names))


def overlap(case: Case) -> Found | Skip:
    """Dies that share space with another die or with the vias of their layer. A document that was read has no two
    dies of a layer in one place; one put together in memory may.
    """
    found, looked_at = [], 0
    parts = list(case.dies.values())
    corners = np.array([part.corners_um for part in parts]).reshape(-1, 4, 2)
    bottom, top = (np.array([getattr(part, z) for part in parts]) for z in ("z_bottom_um", "z_top_um"))
    i, j = geometry.overlapping(corners, corners, TOUCH_UM).T
    both = (i < j) & (bottom[j] < top[i] - TOUCH_UM) & (top[j] > bottom[i] + TOUCH_UM)
    i, j = i[both], j[both]
    for a, b, depth in zip(i.tolist(), j.tolist(), (-geometry.distances(corners[i], corners[j])).tolist(), strict=True):
        found.append(Finding("overlap", "broken", f"{parts[a].name} / {parts[b].name}", parts[a].centre, got=depth,
                             allowed=0, unit="um"))  # fmt: skip
    looked_at += len(parts)
    for layer in case.design.layers:
        for field in layer.vias if layer.placements else ():
            xy = place(field, None)
            looked_at += field.count
            for placement in layer.placements:
                solid = case.dies[placement.name]
                inside = np.flatnonzero(_distance_um(xy, solid) < field.diameter_um / 2 - TOUCH_UM)
                if len(inside):
                    places = [(*xy[k].tolist(), solid.z_top_um) for k in inside[: case.examples]]
                    found.append(Finding("via_in_die", "broken", f"{layer.name} / {placement.name}", places[0],
                                         got=len(inside), allowed=0, count=len(inside), examples=tuple(places),
                                         values={"field": field.name}))  # fmt: skip
    return Found(tuple(found), looked_at)


def _distance_um(xy: np.ndarray, die: Part) -> np.ndarray:
    """How far points (n, 2) of the module lie outside a die's outline; 0 inside (n,)."""
    local = geometry.from_module(xy, die.placement, scale=1000.0)
    out = np.maximum(np.abs(local) - np.array(die.size_um) / 2, 0)
    return np.hypot(out[:, 0], out[:, 1])


def internal_ext(case: Case) -> Found | Skip:
    """A region inside a part that is meant for a connection has one."""
    inner = [face for face in case.faces.values() if face.region.side == "internal_ext"]
    used = {str(face.end) for joint in case.joints for face in (joint.top, joint.bottom) if face is not None}
    found = [Finding("unused_internal_ext", "broken", str(face.end), face.centre)
             for face in inner if str(face.end) not in used]  # fmt: skip
    return Found(tuple(found), len(inner)) if inner else Skip(Key("rules.skip.no_internal_ext"))


def outside(case: Case) -> Found | Skip:
    """Bumps inside their region, regions inside their part; those of a die are judged where it is first placed."""
    found, looked_at, seen = [], 0, set()
    for face in case.faces.values():
        owner = face.part.die.id if face.part.die else face.part.name
        if (owner, face.end.region) in seen:
            continue
        seen.add((owner, face.end.region))
        region = face.region
        looked_at += 1
        half = np.array([region.width_um, region.length_um]) / 2
        centre = np.array([region.x_um, region.y_um])
        over = float((np.abs(centre) + half - np.array(face.part.size_um) / 2).max())
        if over > TOUCH_UM:
            found.append(Finding("region_outside", "broken", str(face.end), face.centre, got=over, allowed=0,
                                 unit="um"))  # fmt: skip
        lone, count = [], 0
        for field in region.bumps:
            low, high = span_um(field, case.layouts)
            if (np.maximum(high - centre, centre - low) <= half + SLACK_UM).all():
                continue
            xy = case.layouts.xy_um(field)
            out = np.flatnonzero((np.abs(xy - centre) > half + SLACK_UM).any(axis=1))
            count += len(out)
            at = face.part.in_module(xy[out[: case.examples]])
            lone += [(x, y, face.z_um) for x, y in at.tolist()]
        if count:
            found.append(Finding("bump_outside", "broken", str(face.end), lone[0], got=count, allowed=0, count=count,
                                 examples=tuple(lone[: case.examples])))  # fmt: skip
    return Found(tuple(found), looked_at) if looked_at else Skip(Key("rules.skip.no_regions"))


def alignment_marks(case: Case) -> Found | Skip:
    """Across every interface each alignment mark has one counterpart within the rule's distance (|dx| + |dy|, as in
    OpenROAD), at an allowed relative orientation. Marks are bumps whose cell the rule names.
    """
    rules = case.deck.of("alignment_mark")
    if not rules:
        return Skip(Key("rules.skip.no_marks_rule"))
    marks = {}
    for name, face in case.faces.items():
        own = side_of(face, case.deck, case.layouts)
        kept = [(own.xy_um(f)[mark], _cells(own.fields[f])[mark])
                for f, mark in enumerate(own.marked) if mark is not None]  # fmt: skip
        if kept:
            marks[name] = (np.concatenate([xy for xy, _ in kept]), np.concatenate([cells for _, cells in kept]))
    if not marks:
        return Skip(Key("rules.skip.no_marks"))
    found, met = [], {name: np.zeros(len(xy), bool) for name, (xy, _) in marks.items()}
    for joint in case.joints:
        if joint.bottom is None or not joint.holds:
            continue
        ends = [str(face.end) for face in (joint.top, joint.bottom)]
        if not all(end in marks for end in ends):
            continue
        for rule in rules:
            found += _meet(case, joint, rule, [marks[end] for end in ends], [met[end] for end in ends])
    for name, done in met.items():
        lone = np.flatnonzero(~done)
        if len(lone):
            face = case.faces[name]
            places = [(*marks[name][0][k].tolist(), face.z_um) for k in lone[: case.examples]]
            found.append(Finding("mark_alone", "broken", name, places[0], got=len(lone), allowed=0, count=len(lone),
                                 examples=tuple(places)))  # fmt: skip
    return Found(tuple(found), sum(len(xy) for xy, _ in marks.values()))


def _cells(field) -> np.ndarray:
    return np.array(field.cells, object)[np.arange(field.count) % len(field.cells)]


def _meet(case: Case, joint, rule, marks, met) -> list[Finding]:
    """One rule across one interface, either face holding either kind of mark."""
    found = []
    limit = rule.values["max_offset_um"] + SLACK_UM
    outcome, faces = ("care" if rule.soft else "broken"), (joint.top, joint.bottom)
    for first, second in dict.fromkeys((tuple(rule.marks), tuple(rule.marks[::-1]))):
        (xy, cells), (other, others) = marks
        i, j = np.flatnonzero(cells == first), np.flatnonzero(others == second)
        if not (len(i) and len(j)):
            continue
        tree = cKDTree(other[j])
        for k, near in zip(i.tolist(), tree.query_ball_point(xy[i], limit, p=1), strict=True):
            if not near:
                continue
            met[0][k] = True
            met[1][j[near]] = True
            at = (*xy[k].tolist(), joint.top.z_um)
            named = {"verified": rule.verified, "source": rule.source, "rule": rule.id}
            if len(near) > 1:
                found.append(Finding("mark_twice", outcome, joint.name, at, got=len(near), allowed=1, **named))
            relative = _relative(*(faces if (first, second) == tuple(rule.marks) else faces[::-1]))
            if rule.orientations and relative not in rule.orientations:
                said = {"relative": relative or "–", "may": ", ".join(rule.orientations)}
                found.append(Finding("mark_turned", outcome, joint.name, at, values=said, **named))
    return found


def _relative(first: Face, second: Face) -> str | None:
    """The orientation of the second part in the layout of the first; None at a free angle."""
    poses = [(p.angle_deg, p.mirrored) if (p := face.part.placement) else (0.0, False) for face in (first, second)]
    (angle, mirrored), (turn, flip) = poses
    return geometry.orientation((-1 if mirrored else 1) * (turn - angle), mirrored=mirrored != flip, facing="up")
