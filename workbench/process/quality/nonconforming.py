"""Shares of nonconforming units with exact bounds: from counts, and from measurements of a normal population."""

from __future__ import annotations

from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.indices import Interval
from workbench.process.quality.noncentral import noncentral_bounds


def share_interval(count: int, n: int, *, confidence: float = 0.95) -> Interval:
    """`count` of `n` with its exact two-sided interval, never too short.

    Source: Clopper and Pearson 1934, Biometrika 26, 404. Raises DomainError: not 0 <= count <= n, n < 1.
    """
    _counted(count, n)
    a = (1 - confidence) / 2
    low = float(special.betaincinv(count, n - count + 1, a)) if count else 0.0
    high = float(special.betaincinv(count + 1, n - count, 1 - a)) if count < n else 1.0
    return Interval(count / n, low, high)


def share_upper(count: int, n: int, *, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of the share: for none of n it is 1 - (1 - confidence)^(1/n)."""
    return share_interval(count, n, confidence=2 * confidence - 1).high


def rate_interval(count: int, *, exposure: float = 1.0, confidence: float = 0.95) -> Interval:
    """Events per unit of `exposure` with the exact Poisson interval.

    Source: Garwood 1936, Biometrika 28, 437. Raises DomainError: negative count, exposure not positive.
    """
    if count < 0 or not exposure > 0:
        raise DomainError("process.share", got=f"{count} / {exposure}", allowed=">= 0 / > 0")
    a = (1 - confidence) / 2
    low = float(special.gammaincinv(count, a)) if count else 0.0
    high = float(special.gammaincinv(count + 1, 1 - a))
    return Interval(count / exposure, low / exposure, high / exposure)


def units_needed(*, share: float, confidence: float = 0.95, allowed: int = 0) -> int:
    """Least n such that at most `allowed` bad units of n show, with `confidence`, a share below `share`.

    Raises DomainError: a share or confidence outside 0 ... 1.
    """
    if not (0 < share < 1 and 0 < confidence < 1 and allowed >= 0):
        raise DomainError("process.share", got=f"{share}, {confidence}, {allowed}", allowed="0 ... 1")
    low, high = allowed + 1, allowed + 2
    while stats.binom.cdf(allowed, high, share) > 1 - confidence:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if stats.binom.cdf(allowed, middle, share) > 1 - confidence:
            low = middle + 1
        else:
            high = middle
    return low


def normal_share_beyond(index: float, *, n: int, dof: float | None = None, confidence: float = 0.95) -> Interval:
    """Share of a normal population beyond one limit, from Cpl or Cpu = `index` seen on `n` values.

    The limit lies k = 3 index sample sigmas from the mean; the exact interval inverts the noncentral t distribution
    of sqrt(n) k. The estimate is the plug-in Phi(-k). Raises DomainError: n < 2.
    Source: Owen and Hua 1977, Commun. Stat. Simul. Comput. B6, 285.
    """
    z = noncentral_bounds(index, n=n, dof=dof, confidence=confidence)
    return Interval(float(special.ndtr(-3 * index)), float(special.ndtr(-z[1])), float(special.ndtr(-z[0])))


def _counted(count: int, n: int) -> None:
    if n < 1 or not 0 <= count <= n:
        raise DomainError("process.share", got=f"{count} / {n}", allowed="0 <= count <= n, n >= 1")
