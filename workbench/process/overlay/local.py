"""What a global overlay model leaves, smoothed over the neighbourhood of each die."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

Array = np.ndarray
WIDTHS = (0.5, 0.75, 1.0, 1.5, 2.0)  # of the kernel, in typical distances of neighbours
NEIGHBOURS = 96


@dataclass(frozen=True)
class LocalResidual:
    """Gaussian kernel mean of residuals (n, 2) at `places_um` (n, 2). `width_um` None: smoothing predicts dies from
    their neighbours no better than nothing does, and nothing is added. `left_out` (n, 2): each die predicted from the
    others; `explained`: share of the residual square that this takes away."""

    places_um: Array
    residuals_um: Array
    width_um: float | None
    left_out: Array
    explained: float

    def __call__(self, places_um: Array) -> Array:
        """Smoothed residuals (m, 2) at other places, each die included."""
        if self.width_um is None:
            return np.zeros((len(places_um), 2))
        k = min(NEIGHBOURS, len(self.places_um))
        distance, near = cKDTree(self.places_um).query(places_um, k=k)
        return _mean(distance, self.residuals_um[near], self.width_um)


def local_residual(places_um: Array, residuals_um: Array) -> LocalResidual:
    """The kernel width that best predicts each die's residual from the other dies (leave one out), or none.

    `places_um`, `residuals_um` (n, 2), a row a die. On noise alone every width predicts worse than zero does, so that
    mostly none is taken. Source: Nadaraya 1964, Watson 1964 (kernel mean); Stone 1974 (leaving one out).
    """
    places, residuals = np.asarray(places_um, float), np.asarray(residuals_um, float)
    nothing = LocalResidual(places, residuals, None, np.zeros_like(residuals), 0.0)
    total = float((residuals**2).sum())
    if len(places) < 8 or not total > 0:
        return nothing
    distance, near = cKDTree(places).query(places, k=min(NEIGHBOURS, len(places)))
    typical = float(np.median(distance[:, 1]))
    best = nothing
    for width in WIDTHS:
        guess = _mean(distance[:, 1:], residuals[near[:, 1:]], width * typical)
        explained = 1 - float(((residuals - guess) ** 2).sum()) / total
        if explained > best.explained:
            best = LocalResidual(places, residuals, width * typical, guess, explained)
    return best


def _mean(distance: Array, values: Array, width: float) -> Array:
    nearest = distance.min(axis=1, keepdims=True)  # so that lonely places keep a neighbour
    weight = np.exp(-(distance**2 - nearest**2) / (2 * width**2))
    return (weight[..., None] * values).sum(axis=1) / weight.sum(axis=1, keepdims=True)
