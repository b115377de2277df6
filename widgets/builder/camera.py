"""Where the eye stands: named views, a fit that fills the frame, and the ray behind a point of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FILL = 0.72  # of the frame's width or height, whichever is the tighter
FOV_DEG = 26.0
VIEWS = {  # direction from the module to the eye: x to the right, y to the back, z up
    "corner": (0.42, -0.76, 0.50),
    "front": (0.0, -1.0, 0.0),
    "right": (1.0, 0.0, 0.0),
    "top": (0.0, -1e-4, 1.0),
    "bottom": (0.0, -1e-4, -1.0),
}


@dataclass(frozen=True)
class Eye:
    """An orthographic or perspective eye. `half_height` is half of what an orthographic frame shows, in mm."""

    position: np.ndarray
    target: np.ndarray
    half_height: float
    radius: float  # of what is looked at

    @property
    def direction(self) -> np.ndarray:
        """Towards the module, of length 1."""
        away = self.target - self.position
        return away / np.linalg.norm(away)

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """The frame's right and up."""
        forward = self.direction
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        return right, np.cross(right, forward)

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """The turn that makes a camera, which looks along its -z, see this."""
        right, up = self.axes
        m = np.stack([right, up, -self.direction], axis=1)
        w = np.sqrt(max(1 + m[0, 0] + m[1, 1] + m[2, 2], 0)) / 2
        x = np.copysign(np.sqrt(max(1 + m[0, 0] - m[1, 1] - m[2, 2], 0)) / 2, m[2, 1] - m[1, 2])
        y = np.copysign(np.sqrt(max(1 - m[0, 0] + m[1, 1] - m[2, 2], 0)) / 2, m[0, 2] - m[2, 0])
        z = np.copysign(np.sqrt(max(1 - m[0, 0] - m[1, 1] + m[2, 2], 0)) / 2, m[1, 0] - m[0, 1])
        return float(x), float(y), float(z), float(w)

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) as (right, up, depth) of an orthographic frame about the target."""
        right, up = self.axes
        return (points - self.target) @ np.stack([right, up, self.direction], axis=1)


def fitted(low: np.ndarray, high: np.ndarray, *, view: str = "corner", aspect: float = 1.5, perspective: bool = False,
           fill: float = FILL) -> Eye:  # fmt: skip
    """The eye that sees a box from one of `VIEWS`, the box filling `fill` of the frame."""
    towards = np.array(VIEWS[view])
    towards = towards / np.linalg.norm(towards)
    target = (low + high) / 2
    radius = float(np.linalg.norm(high - low) / 2)
    eye = Eye(target + towards * radius * 4, target, 1.0, radius)
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    right, up, depth = eye.seen(corners).T
    half = max(float(np.abs(up).max()), float(np.abs(right).max()) / aspect) / fill
    if perspective:
        slope = np.tan(np.radians(FOV_DEG) / 2) * fill
        distance = float(np.max(np.maximum(np.abs(up), np.abs(right) / aspect) / slope - depth))
        return Eye(target + towards * distance, target, half, radius)
    return Eye(eye.position, target, half, radius)
