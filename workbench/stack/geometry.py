"""Rectangles at any angle in the plane: outlines, containment, gap and overlap. All lengths in mm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.stack.document import Design, Layer, Placement

_PAIRS_A_PIECE = 20_000


def cos_sin(angle_deg: float) -> tuple[float, float]:
    """Cosine and sine of an angle; exact at right angles."""
    angle = np.deg2rad(angle_deg % 360)
    return round(float(np.cos(angle)), 15), round(float(np.sin(angle)), 15)


def rectangle(*, x_mm: float, y_mm: float, width_mm: float, length_mm: float, angle_deg: float = 0.0) -> np.ndarray:
    """The four corners (4, 2), counter-clockwise, of a rectangle centred at x, y and turned by angle_deg."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([width_mm, length_mm]) / 2
    cos, sin = cos_sin(angle_deg)
    return half @ np.array([[cos, sin], [-sin, cos]]) + (x_mm, y_mm)


# Planar orientations as DEF and 3Dblox name them: quarter turns counter-clockwise, after mirroring x to -x or not.
ORIENTATIONS = {
    "R0": (0, False), "R90": (90, False), "R180": (180, False), "R270": (270, False),
    "MY": (0, True), "MY_R90": (90, True), "MX": (180, True), "MX_R90": (270, True),
}  # fmt: skip
# Further spellings of the same eight.
SYNONYMS = {"MX_R180": "MY", "MX_R270": "MY_R90", "MY_R180": "MX", "MY_R270": "MX_R90"}
_NAMES = {pose: name for name, pose in ORIENTATIONS.items()}


def orientation(angle_deg: float, *, mirrored: bool, facing: str) -> str | None:
    """The name of a pose, with ``MZ`` for an active face that looks down; None at any other angle."""
    turned = angle_deg % 360
    name = _NAMES.get((round(turned), mirrored)) if turned == round(turned) else None
    if name is None:
        return None
    flipped = "MZ" if name == "R0" else f"MZ_{name}"
    return name if facing == "up" else flipped


def pose(name: str) -> tuple[int, bool, str] | None:
    """Angle in degrees, mirrored, facing of an orientation's name, or None where there is none of that name."""
    flipped = name == "MZ" or name.startswith("MZ_")
    planar = (name[3:] or "R0") if flipped else name
    found = ORIENTATIONS.get(SYNONYMS.get(planar, planar))
    return (*found, "down" if flipped else "up") if found else None


def to_module(xy: np.ndarray, placement: Placement, *, scale: float = 1.0) -> np.ndarray:
    """Points (n, 2) of a die's layout, from its centre, as seen from above the module. `scale` turns the placement's
    mm into the unit of the points (1000 for um).
    """
    cos, sin = cos_sin(placement.angle_deg)
    flip = -1.0 if placement.mirrored else 1.0
    x, y = flip * xy[:, 0], xy[:, 1]
    return np.stack([cos * x - sin * y + placement.x_mm * scale, sin * x + cos * y + placement.y_mm * scale], axis=1)


def from_module(xy: np.ndarray, placement: Placement | None, *, scale: float = 1.0) -> np.ndarray:
    """Points (n, 2) seen from above the module, in a die's layout from its centre: the inverse of `to_module`.
    None stands for a layer, which lies centred on the body."""
    if placement is None:
        return xy
    cos, sin = cos_sin(placement.angle_deg)
    x, y = xy[:, 0] - placement.x_mm * scale, xy[:, 1] - placement.y_mm * scale
    along = cos * x + sin * y
    return np.stack([-along if placement.mirrored else along, cos * y - sin * x], axis=1)


def outline(design: Design, placement: Placement) -> np.ndarray:
    """The corners (4, 2) of a placed die."""
    die = design.die(placement.die)
    return rectangle(x_mm=placement.x_mm, y_mm=placement.y_mm, width_mm=die.width_mm, length_mm=die.length_mm,
                     angle_deg=placement.angle_deg)  # fmt: skip


def outlines(design: Design, layer: Layer) -> np.ndarray:
    """The corners (n, 4, 2) of every die of a layer."""
    return np.array([outline(design, placement) for placement in layer.placements]).reshape(-1, 4, 2)


def outside(corners: np.ndarray, width_mm: float, length_mm: float, tolerance_mm: float) -> np.ndarray:
    """Indices of the rectangles (n, 4, 2) that leave a centred width x length field."""
    limit = np.array([width_mm, length_mm]) / 2 + tolerance_mm
    return np.flatnonzero((np.abs(corners) > limit).any(axis=(1, 2)))


def gap_mm(first: np.ndarray, second: np.ndarray) -> float:
    """Distance between two rectangles (4, 2); negative = depth of the overlap."""
    return float(distances(first[None], second[None])[0])


def gaps(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (m, 2) of the rectangles (n, 4, 2) and their distances (m,); negative where they overlap."""
    first, second = np.triu_indices(len(corners), k=1)
    pairs = np.stack([first, second], axis=1)
    return pairs, distances(corners[first], corners[second]) if len(pairs) else np.empty(0)


def overlapping(first: np.ndarray, second: np.ndarray, tolerance: float) -> np.ndarray:
    """Index pairs (k, 2), sorted, of the rectangles (n, 4, 2) of `first` and (m, 4, 2) of `second` that overlap by
    more than the tolerance, in the unit of the corners."""
    return _sorted(overlaps(first, second, tolerance))


def overlaps(first: np.ndarray, second: np.ndarray, tolerance: float) -> Iterator[np.ndarray]:
    """The pairs of `overlapping` piece by piece: rectangles that pile up are never all held at once."""
    for pairs in _near(first, second, 0.0):
        yield pairs[distances(first[pairs[:, 0]], second[pairs[:, 1]]) < -tolerance]


def closest(corners: np.ndarray) -> tuple[int, int, float] | None:
    """The two rectangles (of n, 4, 2) that are closest, and their distance (negative: overlap); None for fewer than
    two. Among equals the first pair."""
    if len(corners) < 2:
        return None
    order = np.lexsort(corners.min(1).T)
    bound = distances(corners[order[:-1]], corners[order[1:]]).min()  # some pair is this close: look no farther
    pairs = near(corners, corners, max(float(bound), 0.0) + 1e-9)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    gaps_mm = distances(corners[pairs[:, 0]], corners[pairs[:, 1]])
    best = int(gaps_mm.argmin())
    return int(pairs[best, 0]), int(pairs[best, 1]), float(gaps_mm[best])


def near(first: np.ndarray, second: np.ndarray, reach: float) -> np.ndarray:
    """Index pairs (k, 2), sorted, whose bounding boxes are at most `reach` apart, in the unit of the corners.
    Near linear in n + m for rectangles that do not pile up: arrays of thousands of dies must not compare all with
    all."""
    return _sorted(_near(first, second, reach))


def _near(first: np.ndarray, second: np.ndarray, reach: float) -> Iterator[np.ndarray]:
    low, high = first.min(1), first.max(1)
    order = np.argsort(low[:, 0], kind="stable")
    starts = low[order, 0]
    widest = float((high - low)[:, 0].max(initial=0.0)) + reach
    found: list[np.ndarray] = []
    held = 0
    for index, (from_xy, to_xy) in enumerate(zip(second.min(1) - reach, second.max(1) + reach, strict=True)):
        beside = order[np.searchsorted(starts, from_xy[0] - widest) : np.searchsorted(starts, to_xy[0], side="right")]
        beside = beside[np.all((low[beside] <= to_xy) & (high[beside] >= from_xy), axis=1)]
        found.append(np.stack([beside, np.full(beside.size, index)], axis=1))
        held += beside.size
        if held > _PAIRS_A_PIECE:
            yield np.concatenate(found)
            found, held = [], 0
    if found:
        yield np.concatenate(found)


def _sorted(pieces: Iterable[np.ndarray]) -> np.ndarray:
    pairs = np.concatenate([np.empty((0, 2), dtype=int), *pieces])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distances (m,) of two lists of rectangles (m, 4, 2), pair by pair; negative = depth of the overlap.

    Separating axis for the overlap depth, corner to edge for the distance of those apart.
    """
    separation = np.maximum(_separation(first, second), _separation(second, first))
    apart = separation > 0
    result = separation
    if apart.any():
        a, b = first[apart], second[apart]
        result = separation.copy()
        result[apart] = np.minimum(_corner_to_edge(a, b), _corner_to_edge(b, a))
    return result


def _separation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Largest signed separation (m,) along the two edge normals of `first`."""
    edges = first[:, 1:3] - first[:, 0:2]  # two neighbouring edges (m, 2, 2)
    normals = np.stack([edges[..., 1], -edges[..., 0]], axis=-1)
    normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    a = np.einsum("mkd,mcd->mkc", normals, first)
    b = np.einsum("mkd,mcd->mkc", normals, second)
    return np.maximum(b.min(-1) - a.max(-1), a.min(-1) - b.max(-1)).max(-1)


def _corner_to_edge(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Smallest distance (m,) from a corner of `first` to an edge of `second`."""
    start, edge = second, np.roll(second, -1, axis=1) - second
    away = first[:, :, None] - start[:, None]  # (m, corner, edge, 2)
    share = np.einsum("mced,med->mce", away, edge) / np.einsum("med,med->me", edge, edge)[:, None]
    nearest = away - np.clip(share, 0, 1)[..., None] * edge[:, None]
    return np.linalg.norm(nearest, axis=-1).min(axis=(1, 2))
