"""Canonical analysis of a second-order surface: where it is flat and which way it bends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.process.window.surface import Surface


@dataclass(frozen=True)
class StationaryPoint:
    """`x` in coded factors (None when the surface has no single flat point), eigenvalues descending."""

    x: np.ndarray | None
    value: float | None
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    kind: str  # maximum | minimum | saddle | ridge | plane


def stationary_point(surface: Surface) -> StationaryPoint:
    """The stationary point of the fitted surface and the eigenvalues of its second-order part.

    With y = b0 + b'x + x'Bx the point is -B^-1 b / 2. A direction counts as flat when its eigenvalue is less than
    1e-9 of the largest. Source: Box and Wilson 1951, J. R. Stat. Soc. B 13, 1; Myers and Montgomery, RSM, ch. 6.
    """
    k = surface.x.shape[1]
    b = np.zeros(k)
    B = np.zeros((k, k))
    for term, value in zip(surface.terms, surface.coefficients, strict=True):
        used = [i for i, power in enumerate(term) for _ in range(power)]
        if len(used) == 1:
            b[used[0]] = value
        elif len(used) == 2:
            i, j = used
            B[i, j] += value / 2
            B[j, i] += value / 2
    values, vectors = np.linalg.eigh(B)
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = np.abs(values).max()
    if largest == 0:
        return StationaryPoint(None, None, values, vectors, "plane")
    if np.abs(values).min() < 1e-9 * largest:
        return StationaryPoint(None, None, values, vectors, "ridge")
    x = -0.5 * np.linalg.solve(B, b)
    kind = "maximum" if values.max() < 0 else "minimum" if values.min() > 0 else "saddle"
    return StationaryPoint(x, float(surface.mean(x[None])[0]), values, vectors, kind)
