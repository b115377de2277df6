"""Box-Cox: the power of a response that makes its model simplest, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from workbench.errors import DomainError

Array = np.ndarray
_REACH = 5.0  # powers beyond +-5 mean nothing


@dataclass(frozen=True)
class Power:
    """z = (y^exponent - 1) / exponent, log y for 0: increasing in y, so limits keep their sides."""

    exponent: float

    def forward(self, y: Array) -> Array:
        """Positive values to the transformed scale."""
        y = np.asarray(y, float)
        return np.log(y) if self.exponent == 0 else (y**self.exponent - 1) / self.exponent

    def inverse(self, z: Array) -> Array:
        """Back to the unit of the response; NaN where no response has that value. The mean becomes the median."""
        z = np.asarray(z, float)
        if self.exponent == 0:
            return np.exp(z)
        base = 1 + self.exponent * z
        return np.where(base > 0, np.maximum(base, 1e-300) ** (1 / self.exponent), np.nan)


@dataclass(frozen=True)
class BoxCox:
    """Most likely power, its likelihood interval, and the nearest power with a name (steps of a half) inside it."""

    exponent: float
    low: float
    high: float
    confidence: float
    convenient: float | None
    needed: bool  # 1 lies outside the interval


def box_cox(y: Array, m: Array, *, confidence: float = 0.95) -> BoxCox:
    """Power of the positive response `y` (n,) for the model matrix `m` (n, p), by profile likelihood.

    Interval: all powers whose log likelihood is within chi2(confidence, 1) / 2 of the largest. Raises DomainError: a
    value is not positive, fewer runs than terms + 2. Source: Box and Cox 1964, J. R. Stat. Soc. B 26, 211.
    """
    y, m = np.asarray(y, float), np.asarray(m, float)
    n, p = m.shape
    if not (np.isfinite(y).all() and y.min() > 0):
        raise DomainError("process.window_not_positive", got=float(np.nanmin(y)), allowed="> 0")
    if n < p + 2:
        raise DomainError("process.too_few_runs", where="box_cox", got=n, allowed=f">= {p + 2}")
    scaled = y / np.exp(np.log(y).mean())  # geometric mean 1: the Jacobian vanishes
    basis, _ = np.linalg.qr(m)

    def likelihood(power: float) -> float:
        z = Power(power if abs(power) > 1e-8 else 0.0).forward(scaled)
        rest = z - basis @ (basis.T @ z)
        return -0.5 * n * float(np.log(max(rest @ rest, 1e-300)))

    grid = np.linspace(-_REACH, _REACH, 201)
    start = grid[int(np.argmax([likelihood(g) for g in grid]))]
    best = optimize.minimize_scalar(
        lambda v: -likelihood(v), bounds=(start - 0.1, start + 0.1), method="bounded", options={"xatol": 1e-9}
    )
    power, top = float(best.x), -float(best.fun)
    floor = top - stats.chi2.ppf(confidence, 1) / 2
    ends = []
    for far in (-_REACH, _REACH):
        beyond = likelihood(far) < floor
        ends.append(float(optimize.brentq(lambda v: likelihood(v) - floor, power, far)) if beyond else far)
    named = [v for v in np.arange(-3, 3.5, 0.5) if ends[0] <= v <= ends[1]]
    convenient = None if not named else float(1.0 if 1.0 in named else min(named, key=lambda v: abs(v - power)))
    return BoxCox(power, ends[0], ends[1], confidence, convenient, not ends[0] <= 1 <= ends[1])
