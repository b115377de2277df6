"""The same scene as a drawing without a browser: an isometric SVG for reports, from the same boxes and colours.

Painter's algorithm: layers from the bottom up, and within a layer from the back to the front. Bumps are dots up to a
bound; above it a field is shown by its outline and its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from widgets.builder.camera import Eye, fitted
from widgets.builder.colours import Painting, shade
from widgets.builder.lattices import Cells, Lattice
from widgets.builder.scene import SEE_THROUGH, Body, Scene
from widgets.design import svg
from workbench.i18n import LANGUAGES, t

MOST_DOTS = 2500  # of one drawing; a report must stay small
_WIDTH, _HEIGHT, _LEGEND = 700.0, 460.0, 250.0


def scene_svg(scene: Scene, painting: Painting, *, exaggeration: float | None = None) -> str:
    """The drawing of a scene with legend and scale bar, in both languages."""
    stretch = exaggeration or scene.natural_exaggeration
    low, high = (corner * (1, 1, stretch) for corner in scene.bounds_mm())
    eye = fitted(low, high, aspect=_WIDTH / _HEIGHT, fill=0.86)
    px = _HEIGHT / 2 / eye.half_height

    def flat(points: np.ndarray) -> np.ndarray:
        seen = eye.seen(points * (1, 1, stretch))
        return np.column_stack([_WIDTH / 2 + seen[:, 0] * px, _HEIGHT / 2 - seen[:, 1] * px])

    title = {lang: t("builder.picture.title", lang, name=scene.design.title) for lang in LANGUAGES}
    out = [svg.open_svg(_WIDTH + _LEGEND, _HEIGHT + 40, title)]
    towards = -eye.direction
    bodies = painting.bodies(scene)
    room = MOST_DOTS
    for level in scene.levels:
        name = level.layer.name
        if not scene.shown(name):
            continue
        own = [body for body in bodies if body.layer == name]
        if level.layer.kind in ("lid", "tim"):  # nobody can lift the lid of a drawing
            own = [replace(body, opacity=min(body.opacity, SEE_THROUGH)) for body in own]
        solid = [body for body in own if body.opacity >= 1]
        for body in _back_to_front(solid, towards):
            out.append(_box(body, scene, flat, eye))
        own_fields = (f for f in scene.fields if scene.layer_of_field(f) == name)
        for _, parts in groupby(own_fields, key=lambda part: id(part.field)):
            drawn, room = _field(list(parts), scene, painting, flat, px, room)
            out.append(drawn)
        out += [_box(body, scene, flat, eye) for body in sorted(own, key=lambda b: b.rank) if body.opacity < 1]
    out.append(_labels(scene, flat))
    out.append(_scale(scene, flat, stretch))
    out.append(_legend(scene, painting, stretch))
    return "".join(out) + "</svg>"


def _box(body: Body, scene: Scene, flat, eye: Eye) -> str:
    low, high = scene.span_mm(body)
    bottom, top = (np.column_stack([body.corners_mm, np.full(4, z)]) for z in (low, high))
    faces = [] if body.kind == "metal" else [(np.array([0.0, 0.0, 1.0]), top)]  # only the edge of a sheet shows
    for i in range(4):
        j = (i + 1) % 4
        side = body.corners_mm[j] - body.corners_mm[i]
        normal = np.array([side[1], -side[0], 0.0]) / (np.linalg.norm(side) or 1)
        faces.append((normal, np.array([bottom[i], bottom[j], top[j], top[i]])))
    seen = [(normal, points) for normal, points in faces if normal @ eye.direction < -1e-9]
    drawn = ""
    for normal, points in sorted(seen, key=lambda face: face[0][2]):  # the top last: it covers the sides' upper edges
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in flat(points))
        opacity = "" if body.opacity >= 1 else f' fill-opacity="{body.opacity:g}"'
        drawn += (
            f'<polygon points="{corners}" fill="{_darker(body.colour, min(shade(normal), 1.0))}"{opacity} '
            'stroke="#26303C" stroke-width="0.6" stroke-opacity="0.6" stroke-linejoin="round"/>'
        )
    return drawn


def _darker(colour: str, light: float) -> str:
    return "#" + "".join(f"{round(int(colour[i : i + 2], 16) * light):02X}" for i in (1, 3, 5))


def _back_to_front(bodies: list[Body], towards: np.ndarray) -> list[Body]:
    """Boxes of one layer in the order they hide each other. Two outlines that do not overlap have an edge between
    them; who lies on the eye's side of it is in front."""
    if len(bodies) > 300:
        return sorted(bodies, key=lambda b: (b.rank, float(b.corners_mm.mean(0) @ towards[:2])))
    behind: dict[int, set[int]] = {i: set() for i in range(len(bodies))}
    for i in range(len(bodies)):
        for j in range(i):
            front = _in_front(bodies[i], bodies[j], towards[:2])
            if front:
                (behind[i] if front > 0 else behind[j]).add(j if front > 0 else i)
    order: list[int] = []
    left = sorted(behind, key=lambda i: (bodies[i].rank, float(bodies[i].corners_mm.mean(0) @ towards[:2])))
    while left:
        ready = next((i for i in left if not behind[i] - set(order)), left[0])
        order.append(ready)
        left.remove(ready)
    return [bodies[i] for i in order]


def _in_front(a: Body, b: Body, towards: np.ndarray) -> int:
    """1 where a hides b, -1 where b hides a, 0 where neither can."""
    if a.rank != b.rank:  # one holds the other
        return 1 if a.rank > b.rank else -1
    if a.kind in ("metal", "layer"):
        return 1 if a.z_bottom_um > b.z_bottom_um else -1
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        corners = first.corners_mm
        side = np.roll(corners, -1, axis=0) - corners
        for normal, corner in zip(np.column_stack([side[:, 1], -side[:, 0]]), corners, strict=True):
            if ((second.corners_mm - corner) @ normal).min() >= -1e-9 and abs(normal @ towards) > 1e-12:
                return -sign if normal @ towards > 0 else sign
    return 0


def _field(parts: Sequence[Lattice | Cells], scene: Scene, painting: Painting, flat, px: float, room: int
           ) -> tuple[str, int]:  # fmt: skip
    """One field of the design, whatever lattices it is drawn by: dots while there is room, else outline and number."""
    source = parts[0].field
    z = parts[0].z_top_um / 1000 + scene.lift_mm(scene.layer_of_field(parts[0]))
    count = source.pattern.count
    if count > room:
        rim = outline_mm(parts)
        points = flat(np.column_stack([rim, np.full(len(rim), z)]))
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = painting.texels(parts[0])[1][0]
        x, y = points.mean(0)
        return (
            f'<polygon points="{corners}" fill="{colour}" fill-opacity="0.55" stroke="{colour}"/>'
            + svg.text(x, y + 4, f"{count:,}", anchor="middle", size=11, style="fill:#14181D"), room,
        )  # fmt: skip
    drawn = ""
    for part in parts:
        xy, codes, palette = _dots(part, painting)
        width = 2 * max(part.radius_mm * px, 0.5)
        places = flat(np.column_stack([xy, np.full(len(xy), z)]))
        for code in np.unique(codes):
            dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places[codes == code])
            colour = palette[min(code, len(palette)) - 1]
            drawn += (
                f'<path d="{dots}" fill="none" stroke="{colour}" stroke-width="{width:.2f}" stroke-linecap="round"/>'
            )
    return drawn, room - count


def _dots(part: Lattice | Cells, painting: Painting) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """Centres (n, 2) of a part's features, the colour number of each and the colours."""
    state, palette = painting.texels(part)
    if isinstance(part, Cells):
        codes = np.ones(len(part.xy_mm), int)
        row, column = np.nonzero(part.index >= 0)
        codes[part.index[row, column]] = state[row, column, 2]
        return part.xy_mm, codes, palette
    index = part.all_features()
    row, column = np.nonzero(index >= 0)
    return part.centres_mm(column, row), np.broadcast_to(state, index.shape)[row, column].astype(int), palette


def outline_mm(parts: Sequence[Lattice | Cells]) -> np.ndarray:
    """The convex outline (n, 2) of a field, counter-clockwise through its outermost centres; of one row its ends."""
    from scipy.spatial import ConvexHull  # slow to import, and small fields are drawn as dots

    points = np.concatenate([part.xy_mm if isinstance(part, Cells) else _corners_mm(part) for part in parts])
    centred = points - points.mean(0)
    along, across = np.linalg.eigh(centred.T @ centred)[1].T[::-1]
    if np.ptp(centred @ across) < 1e-6:
        place = centred @ along
        return points[[int(place.argmin()), int(place.argmax())]]
    return points[ConvexHull(points).vertices]


def _corners_mm(part: Lattice) -> np.ndarray:
    column, row = part.columns - 1, part.rows - 1
    return part.centres_mm(np.array([0, column, column, 0]), np.array([0, 0, row, row]))


def _labels(scene: Scene, flat) -> str:
    """Names of dies on their top faces, the uppermost first; those that would cover another are left out."""
    out, taken = "", []
    for body in reversed([b for b in scene.bodies if b.kind == "die" and scene.shown(b.layer)]):
        _, high = scene.span_mm(body)
        x, y = flat(np.column_stack([body.corners_mm, np.full(4, high)])).mean(0)
        half = svg.text_width(body.part) / 2
        if any(abs(y - other_y) < 14 and abs(x - other_x) < half + other for other_x, other_y, other in taken):
            continue
        taken.append((x, y, half))
        out += svg.text(x, y + 4, body.part, anchor="middle", weight=600, style="fill:#14181D")
    return out


def _scale(scene: Scene, flat, stretch: float) -> str:
    width, length = scene.design.width_mm, scene.design.length_mm
    bar = svg.nice_length(width * 1000 / 3) / 1000
    y0 = -length / 2 - 0.06 * max(width, length)
    ends = flat(np.array([[-width / 2, y0, 0.0], [-width / 2 + bar, y0, 0.0]]))
    (x1, y1), (x2, y2) = ends
    drawn = svg.line(x1, y1, x2, y2, width=2)
    return drawn + svg.text((x1 + x2) / 2 - 4, max(y1, y2) + 14, f"{bar * 1000:,.0f} µm", anchor="middle")


def _legend(scene: Scene, painting: Painting, stretch: float) -> str:
    words = {lang: painting.legend(scene, lang) for lang in LANGUAGES}
    x, out = _WIDTH + 10, ""
    rows = list(zip(*words.values(), strict=True))
    for i, row in enumerate(rows[:18]):
        y = 24 + 22 * i
        out += svg.rect(x, y - 10, 12, 12, row[0][0])
        out += svg.text(x + 20, y, dict(zip(words, (entry[1] for entry in row), strict=True)))
    notes = [{lang: t("builder.picture.heights", lang, factor=f"{stretch:g}") for lang in LANGUAGES}]
    if scene.explode:
        notes.append({lang: t("builder.picture.exploded", lang) for lang in LANGUAGES})
    if scene.indicative:
        notes.append({lang: t("builder.picture.indicative", lang) for lang in LANGUAGES})
    for i, said in enumerate(notes):
        out += svg.text(12, _HEIGHT + 4 + 15 * i, said, size=11, style=svg.MUTED)
    return out
