"""How far a bump field reaches, without making its bumps where it is a grid."""

from __future__ import annotations

import numpy as np

from workbench.stack import Grid, Points, geometry


def span_um(field: Grid | Points) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest x, y (2,), (2,) of the centres in the part's layout; never less than they are (a grid that
    is turned, staggered or has sites left out may reach less far).
    """
    if isinstance(field, Points):
        xy = field.xy_um()
        return xy.min(axis=0), xy.max(axis=0)
    shift = 0.25 * field.pitch_x_um if field.staggered and field.rows > 1 else 0.0
    x = (field.columns - 1) / 2 * field.pitch_x_um + shift
    y = (field.rows - 1) / 2 * field.pitch_y_um
    corners = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    cos, sin = geometry.cos_sin(field.angle_deg)
    reach = np.abs(corners @ np.array([[cos, sin], [-sin, cos]])).max(axis=0)
    centre = np.array([field.x_um, field.y_um])
    return centre - reach, centre + reach


def least_pitch_um(field: Grid | Points) -> float | None:
    """The least distance between two bumps of a grid (with sites left out: of the full grid, which is no more);
    None for points, which have to be looked at one by one; infinite for a single bump.
    """
    if isinstance(field, Points):
        return None
    across = field.pitch_x_um if field.columns > 1 else np.inf
    if field.rows == 1:
        return float(across)
    if not field.staggered:
        return float(min(across, field.pitch_y_um))
    # Rows are shifted by half a pitch against their neighbours, and lie above the row after next.
    next_but_one = 2 * field.pitch_y_um if field.rows > 2 else np.inf
    return float(min(across, np.hypot(field.pitch_x_um / 2, field.pitch_y_um), next_but_one))
