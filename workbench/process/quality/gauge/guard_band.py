"""From gauge to final yield: what is shipped bad, what is scrapped good, and the guard band that balances them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import integrate, optimize, special

from workbench.errors import DomainError
from workbench.process.quality.gauge.components import GaugeStudy


@dataclass(frozen=True)
class GuardBand:
    """A normal process seen through a normal gauge. Shares of all units:

    `conforming` truly within the specification; `accepted` seen within the acceptance limits (the final yield);
    `consumer` bad but accepted, `producer` good but rejected. Conditional: `escape` bad among accepted, `scrap` good
    among rejected. The acceptance limits are the specification drawn in by `guard` on each given side.
    """

    guard: float
    accept_lower: float
    accept_upper: float
    conforming: float
    accepted: float
    consumer: float
    producer: float
    sigma_part: float
    sigma_gauge: float
    convention: str = "normal_process_normal_gauge"

    @property
    def escape(self) -> float:
        return self.consumer / self.accepted if self.accepted > 0 else float("nan")

    @property
    def scrap(self) -> float:
        return self.producer / (1 - self.accepted) if self.accepted < 1 else float("nan")


def misclassification(
    *,
    mean: float,
    sigma_part: float,
    sigma_gauge: float,
    lower: float | None = None,
    upper: float | None = None,
    guard: float = 0.0,
    gauge_bias: float = 0.0,
) -> GuardBand:
    """Risks of judging by a gauge with `gauge_bias` and `sigma_gauge` a process N(`mean`, `sigma_part`^2).

    A negative `guard` widens the acceptance limits. Raises DomainError: no limit, crossed limits (also after the
    guard), a sigma that is not positive. Source: JCGM 106:2012, section 9.
    """
    if lower is None and upper is None:
        raise DomainError("process.no_limit")
    if not (sigma_part > 0 and sigma_gauge > 0):
        raise DomainError("process.no_variation", got=f"{sigma_part}, {sigma_gauge}", allowed="> 0")
    low, high = -np.inf if lower is None else lower, np.inf if upper is None else upper
    accept_low, accept_high = low + guard, high - guard
    if not low < high or not accept_low < accept_high:
        raise DomainError("process.limits_crossed", got=f"{accept_low} ... {accept_high}")
    total = np.hypot(sigma_part, sigma_gauge)
    conforming = _between(low, high, mean, sigma_part)
    accepted = _between(accept_low, accept_high, mean + gauge_bias, total)
    edges = (accept_low - gauge_bias, accept_high - gauge_bias)
    args = (mean, sigma_part, sigma_gauge, *edges)
    far = mean + np.array([-40, 40]) * sigma_part
    consumer = _accepted_in(far[0], low, *args) + _accepted_in(high, far[1], *args)
    producer = _rejected_in(max(low, far[0]), min(high, far[1]), *args)
    return GuardBand(guard, float(accept_low), float(accept_high), conforming, accepted, consumer, producer,
                     sigma_part, sigma_gauge)  # fmt: skip


def guard_band(
    *,
    risk: float,
    mean: float,
    sigma_part: float,
    sigma_gauge: float,
    lower: float | None = None,
    upper: float | None = None,
    gauge_bias: float = 0.0,
    conditional: bool = False,
) -> GuardBand:
    """The least guard band with consumer risk at most `risk`: of all units, or `conditional` among accepted ones.

    Zero when the risk is met without one. Raises DomainError as `misclassification`, and when no guard band within
    the specification meets the risk.
    """
    kept = {"mean": mean, "sigma_part": sigma_part, "sigma_gauge": sigma_gauge, "lower": lower, "upper": upper,
            "gauge_bias": gauge_bias}  # fmt: skip

    def excess(guard: float) -> float:
        found = misclassification(guard=guard, **kept)
        return (found.escape if conditional else found.consumer) - risk

    if excess(0.0) <= 0:
        return misclassification(guard=0.0, **kept)
    two_sided = lower is not None and upper is not None
    most = (upper - lower) / 2 * (1 - 1e-6) if two_sided else 12 * np.hypot(sigma_part, sigma_gauge)
    if excess(most) > 0:
        raise DomainError("process.guard_band", got=risk, allowed=f">= {risk + excess(most):.3g}")
    least = optimize.brentq(excess, 0.0, most, xtol=1e-12 * max(1.0, most))
    return misclassification(guard=float(least), **kept)


def from_study(
    study: GaugeStudy,
    *,
    mean: float,
    lower: float | None = None,
    upper: float | None = None,
    risk: float | None = None,
    conditional: bool = False,
) -> tuple[GuardBand, GuardBand]:
    """What a gauge study means for the final yield: with the estimated gauge, and with the upper bound of its variance.

    Parts scatter as the part component of the study; the guard band is the least that meets `risk` (none without it).
    Raises DomainError as `guard_band`.
    """
    gauge = study.components["gauge"]
    found = []
    for variance in (gauge.variance, gauge.high):
        kept = {"mean": mean, "sigma_part": study.components["part"].sigma, "sigma_gauge": float(np.sqrt(variance)),
                "lower": lower, "upper": upper}  # fmt: skip
        found.append(misclassification(**kept) if risk is None else
                     guard_band(risk=risk, conditional=conditional, **kept))  # fmt: skip
    return found[0], found[1]


def simple_guard_band(*, sigma_gauge: float, risk: float) -> float:
    """Guard band w = z sigma: a unit seen at the acceptance limit is bad with probability `risk`, whatever the
    process. Source: JCGM 106:2012, 8.3.2. Raises DomainError: risk outside 0 ... 0.5, sigma not positive."""
    if not (0 < risk <= 0.5 and sigma_gauge > 0):
        raise DomainError("process.share", got=f"{risk}, {sigma_gauge}", allowed="0 ... 0.5, > 0")
    return float(special.ndtri(1 - risk) * sigma_gauge)


def _between(low: float, high: float, mean: float, sigma: float) -> float:
    a, b = (low - mean) / sigma, (high - mean) / sigma
    return float(special.ndtr(b) - special.ndtr(a)) if a < 0 else float(special.ndtr(-a) - special.ndtr(-b))


def _accepted_in(a: float, b: float, mean: float, part: float, gauge: float, low: float, high: float) -> float:
    def density(x: float) -> float:
        return _phi((x - mean) / part) / part * _between(low, high, x, gauge)

    return _integral(density, a, b, mean, part, gauge, (low, high))


def _rejected_in(a: float, b: float, mean: float, part: float, gauge: float, low: float, high: float) -> float:
    def density(x: float) -> float:
        outside = special.ndtr((low - x) / gauge) + special.ndtr((x - high) / gauge)
        return _phi((x - mean) / part) / part * float(outside)

    return _integral(density, a, b, mean, part, gauge, (low, high))


def _integral(density, a: float, b: float, mean: float, part: float, gauge: float, edges) -> float:
    """Piece by piece between the places where the integrand bends: the acceptance limits and the bulk of the parts."""
    if not a < b:
        return 0.0
    bends = [e + k * gauge for e in edges if np.isfinite(e) for k in (-8, -2, 0, 2, 8)]
    bends += [mean + k * part for k in (-8, -4, -1, 0, 1, 4, 8)]
    cuts = [a, *sorted(c for c in set(bends) if a < c < b), b]
    exact = {"epsabs": 1e-16, "epsrel": 1e-11, "limit": 100}
    return float(sum(integrate.quad(density, u, v, **exact)[0] for u, v in pairwise(cuts)))


def _phi(z: float) -> float:
    return float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
