"""A straight line by least squares with everything one may ask of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from workbench.errors import DomainError

Array = np.ndarray


@dataclass(frozen=True)
class StraightLine:
    """y = intercept + slope x. Errors are standard errors, `sigma` the residual standard deviation (n - 2)."""

    n: int
    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    covariance: float  # of slope and intercept
    sigma: float
    r2: float
    f: float
    dof: int
    x_mean: float
    x_square: float  # sum of squares of x about its mean
    residuals: Array = field(repr=False)

    @property
    def slope_p(self) -> float:
        return _p(self.slope, self.slope_error, self.dof)

    @property
    def intercept_p(self) -> float:
        return _p(self.intercept, self.intercept_error, self.dof)

    def at(self, x: Array) -> Array:
        return self.intercept + self.slope * np.asarray(x, float)

    def band(self, x: Array, *, confidence: float = 0.95, joint: bool = False) -> tuple[Array, Array]:
        """Confidence band of the mean at `x`: at each x, or `joint` for the whole line (Working and Hotelling)."""
        x = np.asarray(x, float)
        error = self.sigma * np.sqrt(1 / self.n + (x - self.x_mean) ** 2 / self.x_square)
        factor = np.sqrt(2 * stats.f.ppf(confidence, 2, self.dof)) if joint else (
            stats.t.ppf((1 + confidence) / 2, self.dof)
        )
        return self.at(x) - factor * error, self.at(x) + factor * error


def straight_line(x: Array, y: Array) -> StraightLine:
    """Fit of `y` (n,) on `x` (n,), n >= 3, about the means so that no digits are lost.

    Raises DomainError: fewer than 3 points, values not finite, x constant.
    """
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    if len(x) != len(y) or len(x) < 3 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DomainError("process.too_few_values", got=f"{len(x)}, {len(y)}", allowed=">= 3")
    n, dx, dy = len(x), x - x.mean(), y - y.mean()
    square = float(dx @ dx)
    if not square > 0:
        raise DomainError("process.no_variation", where="x", got=0)
    slope = float(dx @ dy) / square
    residuals = dy - slope * dx
    left, total = float(residuals @ residuals), float(dy @ dy)
    sigma = np.sqrt(left / (n - 2))
    explained = slope**2 * square
    return StraightLine(
        n=n,
        slope=slope,
        intercept=float(y.mean() - slope * x.mean()),
        slope_error=float(sigma / np.sqrt(square)),
        intercept_error=float(sigma * np.sqrt(1 / n + x.mean() ** 2 / square)),
        covariance=float(-(sigma**2) * x.mean() / square),
        sigma=float(sigma),
        r2=explained / total if total > 0 else 1.0,
        f=float(explained / sigma**2) if sigma > 0 else float("inf"),
        dof=n - 2,
        x_mean=float(x.mean()),
        x_square=square,
        residuals=residuals,
    )


def _p(estimate: float, error: float, dof: int) -> float:
    if error == 0:
        return 1.0 if estimate == 0 else 0.0
    return float(2 * stats.t.sf(abs(estimate / error), dof))
