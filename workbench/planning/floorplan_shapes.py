"""What a floorplan must respect, as half-planes: where the centre of one die may not lie relative to another.

Two rectangles P, Q at given angles, centres d apart, keep the gap g exactly when d is not inside P + Q + disc(g)
(Minkowski sum). A convex region with facets ``u . d = b`` is left through one of them, so a pair is legal when
``u . d >= b`` for at least one facet. Two polygons enclose the truth:

- *outer*: tangents at chosen normals contain the region: whoever is outside is legal (used to place dies);
- *inner*: the disc replaced by a polygon inscribed in it: whoever is legal is outside (used for the bound).

Both are exact at the normals of the rectangles' sides; they differ only where two corners face each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.stack import geometry


@dataclass(frozen=True)
class Site:
    """A floorplan to solve, in arrays: dies (n), wires (n, n) symmetric, keep-outs (k, 4) as x, y, width, length in mm.

    `angles` is fixed (as `angle_deg`), quarter (turns by 90 degrees from there allowed) or free.
    """

    names: tuple[str, ...]
    width_mm: np.ndarray
    length_mm: np.ndarray
    angle_deg: np.ndarray
    power_w: np.ndarray
    wires: np.ndarray
    extent_mm: tuple[float, float]
    gap_mm: float
    keep_outs_mm: np.ndarray
    angles: str

    @property
    def count(self) -> int:
        return len(self.names)

    @property
    def is_straight(self) -> bool:
        """All sides stay along x and y."""
        return self.angles != "free" and bool(np.all(self.angle_deg % 90 == 0))

    def sub(self, members: np.ndarray, wires: np.ndarray) -> Site:
        """The dies `members` alone, with `wires` (n, n) of the whole in place of all wires."""
        return replace(self, names=tuple(self.names[i] for i in members), width_mm=self.width_mm[members],
                       length_mm=self.length_mm[members], angle_deg=self.angle_deg[members],
                       power_w=self.power_w[members], wires=wires[np.ix_(members, members)])  # fmt: skip


def wirelength_mm(site: Site, xy_mm: np.ndarray) -> float:
    """Wires times Manhattan distance of the centres (n, 2), summed over pairs of dies."""
    away = np.abs(xy_mm[:, None] - xy_mm[None]).sum(-1)
    return float((np.triu(site.wires, 1) * away).sum())


def crowding(site: Site, xy_mm: np.ndarray) -> float:
    """Sum over pairs of P_i P_j / d_ij in W^2/mm, d the distance of centres: small when hot dies are far apart."""
    away = np.linalg.norm(xy_mm[:, None] - xy_mm[None], axis=-1)
    first, second = np.triu_indices(site.count, 1)
    return float((site.power_w[first] * site.power_w[second] / away[first, second]).sum())


def directions(*angles_deg: float) -> np.ndarray:
    """Unit normals (m, 2) of the sides of rectangles at these angles, by direction, none twice."""
    turned = np.unique(np.round(np.mod(angles_deg, 90.0), 9) % 90.0)
    whole = (turned[None] + 90.0 * np.arange(4)[:, None]).ravel()
    return np.array([geometry.cos_sin(angle) for angle in whole])


def between(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit bisectors (m, 2) of neighbouring normals, and the cosine (m,) of half the angle between these."""
    following = np.roll(normals, -1, axis=0)
    middle = normals + following
    length = np.linalg.norm(middle, axis=1)
    return middle / length[:, None], length / 2


def reach(width_mm: np.ndarray, length_mm: np.ndarray, angle_deg: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """How far a centred rectangle reaches along each normal (..., m): its support function."""
    angle = np.deg2rad(np.asarray(angle_deg, float))
    cos, sin = np.round(np.cos(angle), 15)[..., None], np.round(np.sin(angle), 15)[..., None]
    x, y = normals[..., 0], normals[..., 1]
    wide, long = np.asarray(width_mm, float)[..., None] / 2, np.asarray(length_mm, float)[..., None] / 2
    return wide * np.abs(cos * x + sin * y) + long * np.abs(cos * y - sin * x)


def half_span(width_mm: np.ndarray, length_mm: np.ndarray, angle_deg: np.ndarray) -> np.ndarray:
    """Half the bounding box (..., 2) of rectangles."""
    return reach(width_mm, length_mm, angle_deg, np.eye(2))


def corners(site: Site, xy_mm: np.ndarray, angle_deg: np.ndarray) -> np.ndarray:
    """The corners (n, 4, 2) of the dies, as `stack.geometry` draws them."""
    return np.array([
        geometry.rectangle(x_mm=x, y_mm=y, width_mm=w, length_mm=h, angle_deg=a)
        for (x, y), w, h, a in zip(xy_mm, site.width_mm, site.length_mm, angle_deg, strict=True)
    ]).reshape(-1, 4, 2)  # fmt: skip


def is_legal(site: Site, xy_mm: np.ndarray, angle_deg: np.ndarray, tolerance_mm: float) -> bool:
    """Inside, apart by the gap and out of the keep-outs, all by the exact geometry of the document."""
    drawn = corners(site, xy_mm, angle_deg)
    if geometry.outside(drawn, *site.extent_mm, tolerance_mm).size:
        return False
    nearest = geometry.closest(drawn)
    if nearest is not None and nearest[2] < site.gap_mm - tolerance_mm:
        return False
    blocked = np.array([geometry.rectangle(x_mm=x, y_mm=y, width_mm=w, length_mm=h)
                        for x, y, w, h in site.keep_outs_mm]).reshape(-1, 4, 2)  # fmt: skip
    return not len(blocked) or not len(geometry.overlapping(drawn, blocked, tolerance_mm))
