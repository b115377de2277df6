"""Lead time from request to released design: the median with its interval, and whether it falls over the projects.

Few projects say little, and that is said: no interval below six finished ones, no trend below five.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from scipy import stats

from workbench.errors import DomainError

DAY_S = 86_400.0
FEWEST_FOR_TREND = 5  # below, not even the steadiest fall reaches 95 %
FEWEST_FOR_INTERVAL = 6  # below, minimum and maximum do not enclose the median with 95 %


@dataclass(frozen=True)
class LeadTime:
    """When a project (or one design) was requested, first saved, first checked and released; None: not yet."""

    subject_id: str
    title: str
    requested_at: datetime | None
    first_saved_at: datetime | None = None
    first_checked_at: datetime | None = None
    released_at: datetime | None = None

    @property
    def requested_to_saved_days(self) -> float | None:
        return _days(self.requested_at, self.first_saved_at)

    @property
    def requested_to_checked_days(self) -> float | None:
        return _days(self.requested_at, self.first_checked_at)

    @property
    def requested_to_released_days(self) -> float | None:
        return _days(self.requested_at, self.released_at)

    @property
    def in_order(self) -> bool:
        """Not so when a later step is dated before the request: such a record is shown and not counted."""
        later = (self.requested_to_saved_days, self.requested_to_checked_days, self.requested_to_released_days)
        # The request is often dated afterwards, to the day: saving may come first on that day.
        return all(days is None or days >= -1.0 for days in later[:2]) and (later[2] is None or later[2] >= 0)

    def as_dict(self) -> dict[str, Any]:
        names = ("requested_to_saved_days", "requested_to_checked_days", "requested_to_released_days", "in_order")
        return asdict(self) | {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Trend:
    """Change of the lead time per year of request date, in days per year: negative is faster.

    `low`, `high` enclose it with `confidence` (at least the one asked for; exact where no two dates or times are
    equal). `count` finished projects.
    """

    days_per_year: float
    low: float
    high: float
    confidence: float
    count: int

    @property
    def verdict(self) -> str:
        """``falling``, ``rising`` or ``open``: whether the interval leaves out zero."""
        return "falling" if self.high < 0 else "rising" if self.low > 0 else "open"


@dataclass(frozen=True)
class LeadTimes:
    """The record over all subjects. Medians in days over those finished; None where there are none.

    `low_days`, `high_days` enclose the median with at least 95 % (None below six). `with_open_days` also counts the
    unfinished by their age so far (Kaplan-Meier): the honest one while slow projects are still open; None while fewer
    than half would be released by any date seen. `trend` is None when there are too few, or all requested at once.
    """

    rows: tuple[LeadTime, ...]
    finished: int
    unfinished: int
    out_of_order: int
    median_days: float | None
    low_days: float | None
    high_days: float | None
    with_open_days: float | None
    median_to_check_days: float | None
    trend: Trend | None

    def as_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("rows", "trend")}
        trend = asdict(self.trend) | {"verdict": self.trend.verdict} if self.trend else None
        return plain | {"trend": trend, "rows": [row.as_dict() for row in self.rows]}


def summary(rows: Sequence[LeadTime], *, now: datetime) -> LeadTimes:
    """Medians, intervals and trend of the lead times in `rows`; `now` dates what is still open."""
    sound = [row for row in rows if row.in_order and row.requested_at is not None]
    done = [row for row in sound if row.requested_to_released_days is not None]
    days = np.array([row.requested_to_released_days for row in done], float)
    ages = [age for row in sound if row.released_at is None and (age := _days(row.requested_at, now) or 0.0) > 0]
    checked = [row.requested_to_checked_days for row in sound if row.requested_to_checked_days is not None]
    low, high = median_interval(days) or (None, None)
    trend = None
    if len(done) >= FEWEST_FOR_TREND:
        years = np.array([_utc(row.requested_at).timestamp() for row in done]) / DAY_S / 365.25
        trend = slope(years, days)
    return LeadTimes(
        tuple(rows), len(done), len([row for row in sound if row.released_at is None]),
        sum(not row.in_order for row in rows), float(np.median(days)) if len(days) else None, low, high,
        _median_with_open(days, ages), float(np.median(checked)) if checked else None, trend,
    )  # fmt: skip


def median_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float] | None:
    """Two values (n,) that enclose the median with at least `confidence`, whatever the distribution; None when even the
    smallest and largest do not.

    Source: order statistics and the binomial distribution, e.g. Conover, Practical Nonparametric Statistics, 3.2.
    """
    ordered, n = np.sort(np.asarray(values, float)), len(values)
    if n == 0:
        return None
    inner = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))  # the largest rank may be one too far inside
    while inner > 0 and stats.binom.cdf(inner - 1, n, 0.5) > (1 - confidence) / 2 + 1e-15:
        inner -= 1
    return (float(ordered[inner - 1]), float(ordered[n - inner])) if inner > 0 else None


def slope(x: np.ndarray, y: np.ndarray, confidence: float = 0.95) -> Trend | None:
    """Theil-Sen slope of y (n,) over x (n,): the median of the slopes of all pairs, with the interval by Kendall's tau.

    The distribution of tau is exact without ties, else normal with the variance corrected for them. None when all x are
    equal or no interval of that confidence exists. Raises DomainError for fewer than two points or what is not finite.
    Source: Sen 1968, J. Am. Stat. Assoc. 63, 1379; Hollander and Wolfe, Nonparametric Statistical Methods, 9.2-9.3.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DomainError("reuse.trend", got=f"{x.shape}, {y.shape}", allowed=">= 2")
    first, second = np.triu_indices(len(x), 1)
    dx, dy = x[second] - x[first], y[second] - y[first]
    slopes = np.sort(dy[dx != 0] / dx[dx != 0])
    if not len(slopes):
        return None
    tied = len(np.unique(x)) < len(x) or len(np.unique(y)) < len(y)
    if tied or len(x) > 60:
        outer, reached = _outer_normal(x, y, confidence), confidence
    else:
        outer, reached = _outer_exact(len(x), confidence)
    rank = int((len(slopes) - outer) // 2)  # of the lower limit, counted from 1
    if rank < 1:
        return None
    return Trend(float(np.median(slopes)), float(slopes[rank - 1]), float(slopes[-rank]), reached, len(x))


def _outer_exact(n: int, confidence: float) -> tuple[int, float]:
    """C of Hollander and Wolfe (eq. 9.32) and the confidence it reaches: k - 2 for the smallest k with
    P(K >= k) <= (1 - confidence)/2.
    """
    counts, pairs = inversions(n), n * (n - 1) // 2
    whole, tail, k = math.factorial(n), 0, pairs + 2
    for discordant, count in enumerate(counts):  # K = pairs - 2 discordant, from the top
        if (tail + count) * 2 > (1 - confidence) * whole * (1 + 1e-12):
            break
        tail, k = tail + count, pairs - 2 * discordant
    return k - 2, 1 - 2 * tail / whole


def _outer_normal(x: np.ndarray, y: np.ndarray, confidence: float) -> int:
    n = len(x)

    def ties(values: np.ndarray) -> float:
        sizes = np.unique(values, return_counts=True)[1].astype(float)
        return float((sizes * (sizes - 1) * (2 * sizes + 5)).sum())

    variance = (n * (n - 1) * (2 * n + 5) - ties(x) - ties(y)) / 18
    return math.ceil(stats.norm.ppf((1 + confidence) / 2) * math.sqrt(max(variance, 0.0)))


def inversions(n: int) -> list[int]:
    """How many orders of n things have 0, 1, 2, ... pairs out of order (Mahonian numbers; they sum to n!)."""
    counts = [1]
    for size in range(2, n + 1):
        wider = [0] * (len(counts) + size - 1)
        for shift in range(size):
            for index, count in enumerate(counts):
                wider[index + shift] += count
        counts = wider
    return counts


def _median_with_open(days: np.ndarray, ages: Sequence[float]) -> float | None:
    """Where the Kaplan-Meier estimate of "still open" first falls to one half."""
    if not len(days):
        return None
    kept = stats.ecdf(stats.CensoredData(uncensored=days, right=np.asarray(ages, float))).sf
    there = np.flatnonzero(kept.probabilities <= 0.5 + 1e-12)
    return float(kept.quantiles[there[0]]) if len(there) else None


def _days(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (_utc(end) - _utc(start)).total_seconds() / DAY_S


def _utc(moment: datetime | None) -> datetime:
    assert moment is not None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
