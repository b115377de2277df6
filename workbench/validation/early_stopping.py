"""How many queries a latency percentile needs, and how sure the percentile then is.

The number of queries above a latency percentile follows a binomial law, whatever the latency distribution. MLPerf's
early stopping and the order-statistic interval are both read from it. Queries are taken as independent; a drifting
or bursty machine breaks that, which is why a noise gate stands beside these figures and not inside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, norm, t

from workbench.errors import DomainError

CONFIDENCE = 0.99  # MLPerf inference rules, early stopping; the tolerance of the rules is zero


@dataclass(frozen=True)
class RankInterval:
    """A confidence interval of a percentile as ranks (1 = smallest) of the sorted sample.

    `coverage` is what the interval really covers; it is at least the confidence asked for.
    """

    low_rank: int
    high_rank: int
    coverage: float


def min_queries(*, percentile: float, over_latency_count: int = 1, confidence: float = CONFIDENCE) -> int:
    """Fewest queries of which `over_latency_count` may lie above the percentile's bound.

    With 0 it is the smallest run that can prove the percentile at all (44 for p90); LoadGen's early stopping
    asks for 1 (64 for p90), because it reports an order statistic above the estimate.
    Valid: 0 < percentile < 1, 0 < confidence < 1, over_latency_count >= 0. Raises DomainError outside.
    Source: MLPerf inference rules, early stopping criterion; anchors of MLPerf LoadGen.
    """
    _inside("percentile", percentile)
    _inside("confidence", confidence)
    if over_latency_count < 0:
        raise DomainError("validation.count", where="over_latency_count", got=over_latency_count, allowed=">= 0")
    alpha = 1 - confidence
    low = max(over_latency_count, 1)
    high = max(64, 2 * low)
    while binom.cdf(over_latency_count, high, 1 - percentile) > alpha:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if binom.cdf(over_latency_count, middle, 1 - percentile) <= alpha:
            high = middle
        else:
            low = middle
    return high


def discarded_queries(query_count: int, *, percentile: float, confidence: float = CONFIDENCE) -> int | None:
    """How many of the slowest queries early stopping lays aside; None when there are too few queries.

    t is the largest count whose binomial probability stays within 1 - confidence; t - 1 queries are laid aside and
    the slowest remaining one is the estimate. Reproduces LoadGen's "Would discard N highest latency queries".
    """
    _inside("percentile", percentile)
    _inside("confidence", confidence)
    alpha = 1 - confidence
    # ppf gives the first count whose probability reaches alpha; the one before it is the last that stays within
    over = int(binom.ppf(alpha, query_count, 1 - percentile))
    while over >= 0 and binom.cdf(over, query_count, 1 - percentile) > alpha:
        over -= 1
    return over - 1 if over >= 1 else None


def early_stopping_estimate(
    latencies_ns: np.ndarray, *, percentile: float, confidence: float = CONFIDENCE
) -> float | None:
    """MLPerf's early-stopping percentile estimate (ns) of per-query latencies (1-D, any order), or None.

    It is an upper bound that the true percentile exceeds with probability at most 1 - confidence.
    """
    ordered = np.sort(np.asarray(latencies_ns, dtype=float))
    discarded = discarded_queries(ordered.size, percentile=percentile, confidence=confidence)
    return None if discarded is None else float(ordered[ordered.size - 1 - discarded])


def classic_queries(*, percentile: float, confidence: float = CONFIDENCE, multiple: int = 2**13) -> int:
    """Queries for a margin of (1 - percentile) / 20, rounded up to a multiple of 2^13 (rules before early stopping).

    Source: MLPerf inference rules, table of query counts: 24,576 / 57,344 / 270,336 for p90 / p95 / p99.
    """
    _inside("percentile", percentile)
    _inside("confidence", confidence)
    margin = (1 - percentile) / 20
    z = norm.ppf((1 + confidence) / 2)
    return math.ceil(z**2 * percentile * (1 - percentile) / margin**2 / multiple) * multiple


def percentile_interval(query_count: int, *, percentile: float, confidence: float = 0.95) -> RankInterval:
    """Distribution-free confidence interval of a percentile, as ranks of the sorted sample.

    Raises DomainError when the sample is too small for the interval to be bounded on both sides.
    Source: David & Nagaraja, Order Statistics, 3rd ed., section 7.1.
    """
    _inside("percentile", percentile)
    _inside("confidence", confidence)
    tail = (1 - confidence) / 2
    low = int(binom.ppf(tail, query_count, percentile))
    high = int(binom.ppf(1 - tail, query_count, percentile)) + 1
    if low < 1 or high > query_count:
        raise DomainError(
            "validation.too_few_queries", where=f"p{100 * percentile:g}", got=query_count, allowed=f">= {high}"
        )
    coverage = float(binom.cdf(high - 1, query_count, percentile) - binom.cdf(low - 1, query_count, percentile))
    return RankInterval(low, high, coverage)


def batch_means_interval(rates: np.ndarray, *, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a mean rate from the rates of consecutive blocks of one run (1-D, >= 2 values).

    Blocks long against the correlation time are close to independent, so Student's t holds for their mean.
    Source: Law, Simulation Modeling and Analysis, 5th ed., section 9.5.3 (batch means).
    """
    _inside("confidence", confidence)
    values = np.asarray(rates, dtype=float)
    if values.size < 2:
        raise DomainError("validation.too_few_queries", where="blocks", got=values.size, allowed=">= 2")
    half = t.ppf((1 + confidence) / 2, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size)
    return float(values.mean() - half), float(values.mean() + half)


def _inside(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise DomainError("validation.fraction", where=name, got=value, allowed="0 ... 1")
