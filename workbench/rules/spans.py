"""How far a bump field reaches, without making its bumps where it is a grid."""

from __future__ import annotations

import numpy as np

from workbench.stack import Grid, Placement, Points, geometry

SORTED_FROM = 1_500_000  # points from which their order in memory matters


class Layouts:
    """Centres of irregular fields in their part's layout, made once for all checks of a design."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Points, np.ndarray]] = {}

    def xy_um(self, field: Grid | Points) -> np.ndarray:
        """Centres (n, 2); not to be written to."""
        if not isinstance(field, Points):
            return field.xy_um()
        if id(field) not in self._kept:
            self._kept[id(field)] = (field, field.xy_um())
        return self._kept[id(field)][1]

    def placed_um(self, field: Grid | Points, placement: Placement | None) -> np.ndarray:
        """Centres (n, 2) in the module."""
        xy = self.xy_um(field)
        return xy if placement is None else geometry.to_module(xy, placement, scale=1000.0)


def extent(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest x, y of points (n, 2); a column at a time, which is several times faster."""
    x, y = xy[:, 0], xy[:, 1]
    return np.array([x.min(), y.min()]), np.array([x.max(), y.max()])


def tiled(xy: np.ndarray) -> np.ndarray:
    """An order of points (n, 2) in which neighbours in the plane are neighbours in memory: by 256 x 256 tiles, their
    numbers short enough for a sort that takes one pass.
    """
    low, high = extent(xy)
    scale = 255.999 / np.maximum(high - low, 1e-9)
    key = ((xy[:, 1] - low[1]) * scale[1]).astype(np.uint16)
    key <<= 8
    key |= ((xy[:, 0] - low[0]) * scale[0]).astype(np.uint16)
    return np.argsort(key, kind="stable")


def span_um(field: Grid | Points, layouts: Layouts | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest x, y (2,), (2,) of the centres in the part's layout; never less than they are (a grid that
    is turned, staggered or has sites left out may reach less far).
    """
    if isinstance(field, Points):
        return extent((layouts or Layouts()).xy_um(field))
    shift = 0.25 * field.pitch_x_um if field.staggered and field.rows > 1 else 0.0
    x = (field.columns - 1) / 2 * field.pitch_x_um + shift
    y = (field.rows - 1) / 2 * field.pitch_y_um
    corners = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    cos, sin = geometry.cos_sin(field.angle_deg)
    reach = np.abs(corners @ np.array([[cos, sin], [-sin, cos]])).max(axis=0)
    centre = np.array([field.x_um, field.y_um])
    return centre - reach, centre + reach
