"""Least-squares similarity and rigid motion between two sets of points, whole or die by die."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from workbench.errors import DomainError

Array = np.ndarray


@dataclass(frozen=True)
class Similarity:
    """target ~ scale rotation source + translation_um. `rotation` (d, d) is proper (det +1) unless a reflection was
    allowed; `mean_square_um2` is the mean squared distance that stays."""

    rotation: Array
    scale: float
    translation_um: Array
    mean_square_um2: float
    convention: str = "umeyama"

    def __call__(self, points_um: Array) -> Array:
        return self.scale * np.asarray(points_um, float) @ self.rotation.T + self.translation_um

    @property
    def angle_deg(self) -> float:
        """Rotation in the plane, counterclockwise; of planar points only."""
        return float(np.degrees(np.arctan2(self.rotation[1, 0], self.rotation[0, 0])))


def umeyama(source_um: Array, target_um: Array, *, with_scale: bool = True, reflection: bool = False,
            weights: Array | None = None) -> Similarity:  # fmt: skip
    """Similarity (or rigid motion) that brings `source_um` (n, d) nearest to `target_um` (n, d), weighted.

    The determinant is held at +1: without that step (Arun 1987, Horn 1988 in some programs) mirrored or noisy points
    get a reflection. Raises DomainError: different shapes, fewer than d points, coinciding points, weights below 0.
    Source: Umeyama 1991, IEEE Trans. PAMI 13, 376.
    """
    a, b = np.asarray(source_um, float), np.asarray(target_um, float)
    if a.ndim != 2 or a.shape != b.shape or len(a) < a.shape[1] or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise DomainError("process.overlay_points", got=f"{a.shape}, {b.shape}", allowed="(n, d) = (n, d), n >= d")
    w = np.ones(len(a)) if weights is None else np.asarray(weights, float)
    if w.shape != (len(a),) or not (w >= 0).all() or not w.sum() > 0:
        raise DomainError("process.overlay_points", where="weights", got=w.shape, allowed=f"({len(a)},) >= 0")
    w = w / w.sum()
    mean_a, mean_b = w @ a, w @ b
    ca, cb = a - mean_a, b - mean_b
    spread = float(w @ (ca**2).sum(axis=1))
    if not spread > 1e-24 * max(1.0, float((mean_a**2).sum())):
        raise DomainError("process.overlay_points", got="0", allowed="> 0 um between points")
    u, d, vt = np.linalg.svd((cb * w[:, None]).T @ ca)
    sign = np.ones(a.shape[1])
    if not reflection and np.linalg.det(u) * np.linalg.det(vt) < 0:
        sign[-1] = -1
    turn = (u * sign) @ vt
    scale = float((d * sign).sum() / spread) if with_scale else 1.0
    left = cb - scale * ca @ turn.T
    return Similarity(turn, scale, mean_b - scale * turn @ mean_a, float(w @ (left**2).sum(axis=1)))


def rigid_by_die(
    die: Array, x_um: Array, y_um: Array, dx_um: Array, dy_um: Array, *, confidence: float = 0.95
) -> pd.DataFrame:
    """Shift and turn of each die from the marks on it: a row per die, in order of first appearance.

    `die` (n,) names the die of each mark; `x_um`, `y_um` its nominal place, `dx_um`, `dy_um` its measured error.
    Columns: die, marks, x_um, y_um (centre of its marks), dx_um, dy_um (of that centre), dtheta_deg, residual_um (root
    mean square distance that stays), and with pooled noise over all dies the half widths dx_half_um, dy_half_um and
    dtheta_half_deg of `confidence` intervals. Two marks or more a die; their noise equal in x and y.
    Raises DomainError: different lengths, values not finite, a die with fewer marks, all marks of it in one place, no
    spare mark to judge the noise by.
    """
    x, y, dx, dy = (np.asarray(v, float) for v in (x_um, y_um, dx_um, dy_um))
    shapes = {np.shape(die), x.shape, y.shape, dx.shape, dy.shape}
    if len(shapes) > 1 or not len(x) or not np.isfinite([x, y, dx, dy]).all():
        raise DomainError("process.overlay_points", got=", ".join(map(str, sorted(shapes))))
    names, of = np.unique(np.asarray(die), return_inverse=True)
    count = np.bincount(of)
    if count.min() < 2:
        raise DomainError("process.overlay_marks", where=names[count.argmin()], got=count.min(), allowed=">= 2")
    mean = {k: np.bincount(of, v) / count for k, v in {"x": x, "y": y, "dx": dx, "dy": dy}.items()}
    cx, cy = x - mean["x"][of], y - mean["y"][of]
    tx, ty = cx + dx - mean["dx"][of], cy + dy - mean["dy"][of]
    inertia = np.bincount(of, cx**2 + cy**2)
    if not inertia.min() > 0:
        raise DomainError("process.overlay_marks", where=names[inertia.argmin()], got="0 um", allowed="> 0 um")
    # the planar case of Umeyama in closed form: the best rotation is the argument of sum conj(source) target
    turn = np.arctan2(np.bincount(of, cx * ty - cy * tx), np.bincount(of, cx * tx + cy * ty))
    c, s = np.cos(turn)[of], np.sin(turn)[of]
    square = np.bincount(of, (tx - c * cx + s * cy) ** 2 + (ty - s * cx - c * cy) ** 2)
    dof = int(2 * count.sum() - 3 * len(count))
    if dof < 1:
        raise DomainError("process.overlay_marks", got=dof, allowed=">= 1 spare coordinate")
    sigma = np.sqrt(square.sum() / dof)
    t = float(stats.t.ppf((1 + confidence) / 2, dof))
    half = t * sigma / np.sqrt(count)
    frame = pd.DataFrame({
        "die": names, "marks": count, "x_um": mean["x"], "y_um": mean["y"], "dx_um": mean["dx"], "dy_um": mean["dy"],
        "dtheta_deg": np.degrees(turn), "residual_um": np.sqrt(square / count), "dx_half_um": half, "dy_half_um": half,
        "dtheta_half_deg": np.degrees(t * sigma / np.sqrt(inertia)),
    })  # fmt: skip
    first = pd.unique(np.asarray(die))
    return frame.set_index("die").loc[first].reset_index()
