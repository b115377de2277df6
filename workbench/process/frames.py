"""Coordinate frames of manufacture: die, source wafer, reconstituted wafer or panel, package, at any angle.

A `Transform` maps a plane onto a plane; `Frames` knows frames by name and the way from any of them to any other.
Lengths in um, angles in degrees counterclockwise. A wafer's own frame has its origin in the centre and the notch down
(at 270 degrees), a die's own frame its origin in the centre of the die.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workbench.errors import DomainError, InputError

Array = np.ndarray
NOTCHES = {"down": 0.0, "right": 90.0, "up": 180.0, "left": 270.0}  # turn of the wafer from notch down


def rotation(angle_deg: float) -> Array:
    """Rotation matrix (2, 2); exact at every quarter turn, where the cosine of pi / 2 would leave 6e-17."""
    turns = angle_deg / 90.0
    if turns == round(turns):
        c, s = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[round(turns) % 4]
    else:
        c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[c, -s], [s, c]])


@dataclass(frozen=True, eq=False)
class Transform:
    """p -> matrix p + offset_um, with `matrix` (2, 2) invertible and `offset_um` (2,)."""

    matrix: Array
    offset_um: Array

    def __post_init__(self):
        m, t = np.asarray(self.matrix, float), np.asarray(self.offset_um, float)
        if m.shape != (2, 2) or t.shape != (2,) or not (np.isfinite(m).all() and np.isfinite(t).all()):
            raise DomainError("process.transform", got=f"{m.shape}, {t.shape}", allowed="(2, 2), (2,)")
        if abs(np.linalg.det(m)) < 1e-12:
            raise DomainError("process.transform", got=f"det = {np.linalg.det(m):.3g}", allowed="det != 0")
        object.__setattr__(self, "matrix", m)
        object.__setattr__(self, "offset_um", t)

    @classmethod
    def identity(cls) -> Transform:
        return cls(np.eye(2), np.zeros(2))

    @classmethod
    def rigid(cls, *, dx_um: float = 0.0, dy_um: float = 0.0, angle_deg: float = 0.0,
              mirrored: bool = False) -> Transform:  # fmt: skip
        """Turned by `angle_deg`, then moved; `mirrored` flips x first, as a die placed face down."""
        return cls.similarity(dx_um=dx_um, dy_um=dy_um, angle_deg=angle_deg, mirrored=mirrored)

    @classmethod
    def similarity(cls, *, dx_um: float = 0.0, dy_um: float = 0.0, angle_deg: float = 0.0, scale: float = 1.0,
                   mirrored: bool = False) -> Transform:  # fmt: skip
        """As `rigid`, grown by `scale` > 0 about the origin before it is moved."""
        if not scale > 0:
            raise DomainError("process.transform", where="scale", got=scale, allowed="> 0")
        return cls(scale * rotation(angle_deg) @ np.diag([-1.0 if mirrored else 1.0, 1.0]), np.array([dx_um, dy_um]))

    def __call__(self, xy_um: Array) -> Array:
        """Points (..., 2) in the target frame."""
        return np.asarray(xy_um, float) @ self.matrix.T + self.offset_um

    def then(self, following: Transform) -> Transform:
        """This one first, `following` after it."""
        return Transform(following.matrix @ self.matrix, following.matrix @ self.offset_um + following.offset_um)

    @property
    def inverse(self) -> Transform:
        if self.kind == "affine":
            back = np.linalg.inv(self.matrix)
        else:  # the transpose keeps quarter turns exact
            back = self.matrix.T / self.scale**2
        return Transform(back, -back @ self.offset_um)

    @property
    def kind(self) -> str:
        """`rigid`, `similarity` or `affine`, to 1e-12 of the scale."""
        square = self.matrix.T @ self.matrix
        size = np.trace(square) / 2
        if np.abs(square - size * np.eye(2)).max() > 1e-12 * size:
            return "affine"
        return "rigid" if abs(size - 1) <= 1e-12 else "similarity"

    @property
    def scale(self) -> float:
        """Root of the area ratio."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    @property
    def mirrored(self) -> bool:
        return bool(np.linalg.det(self.matrix) < 0)

    @property
    def angle_deg(self) -> float:
        """Direction of the image of +y less 90 (of +y, because a mirror flips x), in -180 < angle <= 180."""
        angle = float(np.degrees(np.arctan2(-self.matrix[0, 1], self.matrix[1, 1])))
        return 180.0 if angle == -180.0 else angle

    def turned_deg(self, angle_deg: Array) -> Array:
        """Directions of the source frame as directions of the target frame, 0 <= angle < 360. Rigid or similar only."""
        if self.kind == "affine":
            raise DomainError("process.transform", where="turned_deg", got="affine", allowed="rigid, similarity")
        own = np.asarray(angle_deg, float)
        return np.mod((180.0 - own if self.mirrored else own) + self.angle_deg, 360.0)

    def is_close(self, other: Transform, *, reach_um: float = 150_000.0, within_um: float = 1e-6) -> bool:
        """Equal to `within_um` everywhere in a square of half side `reach_um`."""
        turned = np.abs(self.matrix - other.matrix).sum(axis=1).max() * reach_um
        return bool(turned + np.abs(self.offset_um - other.offset_um).max() <= within_um)


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames by name. `links` holds (source, target) -> transform, each way written once."""

    links: Mapping[tuple[str, str], Transform]

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, Transform]]) -> Frames:
        """From (source, target, transform) rows, as `linked` one after the other."""
        frames = cls({})
        for row in rows:
            frames = frames.linked(*row)
        return frames

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for pair in self.links for name in pair))

    def linked(self, source: str, target: str, transform: Transform, *, within_um: float = 1e-3) -> Frames:
        """With one more link. Raises InputError: it links a frame with itself, or contradicts a way that already leads
        from `source` to `target` by more than `within_um` somewhere on a 300 mm wafer."""
        if source == target:
            raise InputError("process.frame_link", where=f"{source} -> {target}")
        known = self._path(source, target)
        if known is not None and not self._along(known).is_close(transform, within_um=within_um):
            raise InputError("process.frame_link", where=f"{source} -> {target}", got=" -> ".join(known))
        return Frames({**self.links, (source, target): transform})

    def transform(self, source: str, target: str) -> Transform:
        """The way from one frame to another over the fewest links. Raises InputError: no such frame, no way."""
        for name in (source, target):
            if name not in self.names:
                raise InputError("process.frame_unknown", where=name, allowed=", ".join(self.names)[:200])
        path = self._path(source, target)
        if path is None:
            raise InputError("process.frame_apart", where=f"{source} -> {target}")
        return self._along(path)

    def map_um(self, xy_um: Array, source: str, target: str) -> Array:
        """Points (..., 2) of one frame in another."""
        return self.transform(source, target)(xy_um)

    def _path(self, source: str, target: str) -> list[str] | None:
        near: dict[str, list[str]] = {}
        for a, b in self.links:
            near.setdefault(a, []).append(b)
            near.setdefault(b, []).append(a)
        before: dict[str, str | None] = {source: None}
        queue = deque([source])
        while queue:
            here = queue.popleft()
            if here == target:
                path = [here]
                while (here := before[here]) is not None:
                    path.append(here)
                return path[::-1]
            for there in near.get(here, ()):
                if there not in before:
                    before[there] = here
                    queue.append(there)
        return None

    def _along(self, path: list[str]) -> Transform:
        whole = Transform.identity()
        for a, b in pairwise(path):
            whole = whole.then(self.links[a, b] if (a, b) in self.links else self.links[b, a].inverse)
        return whole


@dataclass(frozen=True)
class DieGrid:
    """How a wafer map counts its dies. `origin_x_um`, `origin_y_um`: centre of die (`first_x`, `first_y`) from the
    wafer's centre, along the axes of the map; `x_right`, `y_up`: the way the counts grow on the map; `notch`: where
    the notch lies on the map (down, right, up, left). Positions come out in the wafer's own frame, notch down."""

    pitch_x_um: float
    pitch_y_um: float
    origin_x_um: float = 0.0
    origin_y_um: float = 0.0
    first_x: int = 0
    first_y: int = 0
    x_right: bool = True
    y_up: bool = True
    notch: str = "down"

    def __post_init__(self):
        if not (self.pitch_x_um > 0 and self.pitch_y_um > 0):
            raise DomainError("process.die_grid", got=f"{self.pitch_x_um} x {self.pitch_y_um} um", allowed="> 0")
        if self.notch not in NOTCHES:
            raise DomainError("process.choice", where="notch", got=self.notch, allowed=", ".join(NOTCHES))

    @property
    def counts_to_wafer(self) -> Transform:
        """(x, y) in counts -> um of the wafer's own frame."""
        steps = np.array([self.pitch_x_um * (1 if self.x_right else -1), self.pitch_y_um * (1 if self.y_up else -1)])
        offset = np.array([self.origin_x_um, self.origin_y_um]) - steps * (self.first_x, self.first_y)
        return Transform(np.diag(steps), offset).then(self._upright)

    @property
    def _upright(self) -> Transform:
        return Transform.rigid(angle_deg=-NOTCHES[self.notch])

    def centres_um(self, x: Array, y: Array) -> Array:
        """Centres (n, 2) of dies `x`, `y` (n,) in the wafer's own frame."""
        return self.counts_to_wafer(np.column_stack([np.asarray(x, float), np.asarray(y, float)]))

    def dies(self, xy_um: Array) -> tuple[Array, Array, Array]:
        """Counts x, y (n,) of the die each point (n, 2) of the wafer lies in (streets belong to the nearer die), and
        the points (n, 2) from the centre of that die, in the die's own frame."""
        counts = np.atleast_2d(self.counts_to_wafer.inverse(xy_um))
        whole = np.floor(counts + 0.5)
        steps = (counts - whole) * (self.pitch_x_um, self.pitch_y_um)
        steps = steps * (1 if self.x_right else -1, 1 if self.y_up else -1)
        return whole[:, 0].astype(int), whole[:, 1].astype(int), steps

    def die_to_wafer(self, x: int, y: int) -> Transform:
        """From the own frame of die (x, y) (its axes are those of the map) to the wafer's own frame."""
        centre = self.centres_um([x], [y])[0]
        return Transform.rigid(dx_um=centre[0], dy_um=centre[1], angle_deg=-NOTCHES[self.notch])


def placement(*, x_um: float, y_um: float, angle_deg: float = 0.0, face_down: bool = False) -> Transform:
    """From a die's own frame, seen on its face, to the wafer, panel or package it is placed on, seen from above.

    Face down the die is seen through its back: x is mirrored before it is turned.
    """
    return Transform.rigid(dx_um=x_um, dy_um=y_um, angle_deg=angle_deg, mirrored=face_down)
