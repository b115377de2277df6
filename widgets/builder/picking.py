"""What lies under a click: the ray is followed through the scene by arithmetic, a bump among a million included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from widgets.builder.lattices import Cells, Lattice
from widgets.builder.scene import Body, Cut, Scene

_EDGE_ON = 1e-12


@dataclass(frozen=True)
class Picked:
    """A part and the point on it. For a bump or via `field` and `feature` say which; `point_um` is then its centre on
    the face that was met. Heights are those of the module, not of the exploded picture."""

    part: str
    kind: str  # die, layer, bump, tsv, via
    layer: str
    point_um: tuple[float, float, float]
    body: Body | None = None
    field: Lattice | Cells | None = None
    feature: int | None = None
    site: tuple[int, int] | None = None


def cast(scene: Scene, origin: np.ndarray, direction: np.ndarray, cut: Cut | None = None, *,
         see_through: bool = True) -> Picked | None:  # fmt: skip
    """The first thing that a ray meets (mm, heights as exploded), or None.

    Hidden layers and what a section cuts away are not there. What is drawn see-through is met only where nothing
    lies behind or within it. `see_through` False takes it as solid.
    """
    direction = np.asarray(direction, float) / np.linalg.norm(direction)
    origin = np.asarray(origin, float)
    from_t, to_t = _kept(cut, origin, direction)
    solid, glass = _boxes(scene, origin, direction, from_t, to_t, see_through)
    bump = _bumps(scene, origin, direction, from_t, to_t)
    if bump is not None and (solid is None or bump[0] <= solid[0] + scene.proud_mm):
        t, field, feature, centre = bump
        z = origin[2] + t * direction[2]
        layer = scene.layer_of_field(field)
        true_z = (z - scene.lift_mm(layer)) * 1000
        point = (float(centre[0] * 1000), float(centre[1] * 1000), float(true_z))
        return Picked(field.field.part, field.field.kind, layer, point, None, field, feature,
                      _site(field, feature))  # fmt: skip
    found = solid or glass
    if found is None:
        return None
    t, body = found
    x, y, z = origin + t * direction
    point = (float(x * 1000), float(y * 1000), float((z - scene.lift_mm(body.layer)) * 1000))
    kind = {"block": "die", "metal": "layer", "around": "layer"}.get(body.kind, body.kind)
    return Picked(body.part, kind, body.layer, point, body)


def _kept(cut: Cut | None, origin: np.ndarray, direction: np.ndarray) -> tuple[float, float]:
    """Where along the ray the section leaves something."""
    if cut is None:
        return -np.inf, np.inf
    distance, speed = float(cut.keeps(origin[None])[0]), float(direction @ cut.normal)
    if abs(speed) < _EDGE_ON:
        return (-np.inf, np.inf) if distance >= 0 else (np.inf, -np.inf)
    return (-distance / speed, np.inf) if speed > 0 else (-np.inf, -distance / speed)


def _boxes(scene: Scene, origin: np.ndarray, direction: np.ndarray, from_t: float, to_t: float, see_through: bool
           ) -> tuple[tuple[float, Body] | None, tuple[float, Body] | None]:  # fmt: skip
    """The nearest solid body and the nearest see-through one, with their distances."""
    bodies = [body for body in scene.bodies if scene.shown(body.layer)]
    if not bodies:
        return None, None
    corners = np.array([body.corners_mm for body in bodies])
    spans = np.array([scene.span_mm(body) for body in bodies])
    edges = np.roll(corners, -1, axis=1) - corners
    normals = np.stack([edges[..., 1], -edges[..., 0]], axis=-1)  # outwards: corners run counter-clockwise
    speed = normals @ direction[:2]
    room = np.einsum("nkd,nkd->nk", normals, corners - origin[:2])
    upright = np.tile([direction[2], -direction[2]], (len(bodies), 1))
    speed = np.concatenate([speed, upright], 1)
    room = np.concatenate([room, spans[:, 1:] - origin[2], origin[2] - spans[:, :1]], 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = room / speed
    outside = ((np.abs(speed) < _EDGE_ON) & (room < 0)).any(1)
    enter = np.where(speed < -_EDGE_ON, t, -np.inf).max(1)
    leave = np.where(speed > _EDGE_ON, t, np.inf).min(1)
    enter, leave = np.maximum(enter, from_t), np.minimum(leave, to_t)
    hit = ~outside & (enter < leave)
    nearest: dict[bool, tuple[float, Body] | None] = {True: None, False: None}
    ranks = np.array([body.rank for body in bodies])
    for index in sorted(np.flatnonzero(hit), key=lambda i: (round(enter[i], 9), -ranks[i])):
        body = bodies[index]
        solid = body.opacity >= 1 or not see_through
        if nearest[solid] is None:
            nearest[solid] = (float(enter[index]), body)
    return nearest[True], nearest[False]


def _bumps(scene: Scene, origin: np.ndarray, direction: np.ndarray, from_t: float, to_t: float
           ) -> tuple[float, Lattice | Cells, int, np.ndarray] | None:  # fmt: skip
    best = None
    for field in scene.fields:
        layer = scene.layer_of_field(field)
        if not scene.shown(layer):
            continue
        lift = scene.lift_mm(layer)
        low, high = field.z_bottom_um / 1000 + lift, field.z_top_um / 1000 + lift
        t0, t1 = from_t, to_t
        if abs(direction[2]) > _EDGE_ON:
            ends = sorted(((low - origin[2]) / direction[2], (high - origin[2]) / direction[2]))
            t0, t1 = max(t0, ends[0]), min(t1, ends[1])
        elif not low <= origin[2] <= high:
            continue
        reach = scene.design.width_mm + scene.design.length_mm  # a level ray would be without end
        middle = float(-origin[:2] @ direction[:2])
        t0, t1 = max(t0, middle - 2 * reach), min(t1, middle + 2 * reach)
        if t0 >= t1 or (best is not None and t0 > best[0]):
            continue
        index, centres = field.candidates(origin[:2] + t0 * direction[:2], origin[:2] + t1 * direction[:2])
        if index.size == 0:
            continue
        t = _met(origin[:2] - centres, direction[:2], field.radius_mm, t0, t1)
        nearest = int(np.argmin(t))
        if np.isfinite(t[nearest]) and (best is None or t[nearest] < best[0]):
            best = (float(t[nearest]), field, int(index[nearest]), centres[nearest])
    return best


def _met(start: np.ndarray, along: np.ndarray, radius: float, t0: float, t1: float) -> np.ndarray:
    """Where a line from `start` (n, 2), seen from each centre, enters a circle within [t0, t1]; inf: nowhere."""
    a = max(float(along @ along), 1e-30)
    b, c = start @ along, np.einsum("nd,nd->n", start, start) - radius**2
    at_t0 = c + 2 * b * t0 + a * t0**2
    root = b**2 - a * c
    with np.errstate(invalid="ignore"):
        enters = (-b - np.sqrt(root)) / a
    met = np.where((root > 0) & (enters >= t0) & (enters <= t1), enters, np.inf)
    return np.where(at_t0 <= 0, t0, met)


def _site(field: Lattice | Cells, feature: int) -> tuple[int, int]:
    """(column, row) of a feature in the drawn field."""
    if isinstance(field, Cells):
        xy = (field.xy_mm[feature] - (field.x_mm, field.y_mm)) / field.cell_mm
        return int(xy[0]), int(xy[1])
    column, row = field.field.pattern.site(feature)
    return (column - field.first[0]) // field.step[0], (row - field.first[1]) // field.step[1]
