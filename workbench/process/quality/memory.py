"""Charts with a memory, for small lasting shifts: EWMA and tabular CUSUM of single values or subgroup means.

Sources: Roberts 1959, Technometrics 1, 239 (EWMA); Page 1954, Biometrika 41, 100 and Montgomery, Introduction to
Statistical Quality Control, ch. 9 (CUSUM); Samuel, Pignatiello and Calvin 1998, Quality Engineering 10, 521 (change
point of a step).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one, normality
from workbench.process.quality.constants import chart_constants
from workbench.process.quality.run_length import cusum_arl, ewma_arl

Array = np.ndarray


@dataclass(frozen=True)
class EwmaChart:
    """Averages with limits at every point; `arl0` is the run length in control with the asymptotic limits."""

    values: Array
    averages: Array
    centre: float
    sigma: float
    lower: Array
    upper: Array
    smoothing: float
    limit: float
    signals: Array  # indices beyond the limits
    arl0: float
    convention: str  # exact_variance | asymptotic_variance
    sigma_convention: str  # given | moving_range
    baseline_count: int
    assumptions: tuple[Assumption, ...]


@dataclass(frozen=True)
class Excursion:
    """A CUSUM beyond its decision value, from its first signal.

    `onset` is the first point after the sum was last zero: the change is estimated between onset - 1 and onset.
    `step_onset` is the maximum likelihood onset of a step, `mean` the estimated new mean.
    """

    index: int
    side: str  # up | down
    onset: int
    step_onset: int
    mean: float


@dataclass(frozen=True)
class CusumChart:
    """Upper and lower sums in the unit of the values; `decision` and `reference` too (H and K of the books)."""

    values: Array
    upper: Array
    lower: Array
    centre: float
    sigma: float
    reference: float
    decision: float
    head_start: float  # share of the decision value both sums start at
    signals: Array
    excursions: tuple[Excursion, ...]
    arl0: float
    sigma_convention: str
    baseline_count: int
    assumptions: tuple[Assumption, ...]


def ewma(
    values: Array,
    *,
    target: float | None = None,
    sigma: float | None = None,
    smoothing: float = 0.2,
    limit: float = 2.859,
    baseline_count: int | None = None,
    variance: str = "exact",
) -> EwmaChart:
    """EWMA of `values` (n,) starting at the target: z = smoothing x + (1 - smoothing) z.

    `target` and `sigma` (of one plotted value) default to the mean and mean moving range / d2 of the first
    `baseline_count` values. Limits stand at `limit` sigma of the average, by its variance at each point ("exact") or
    in the long run ("asymptotic"). The default 0.2, 2.859 gives one false alarm in 370 points.
    """
    if variance not in ("exact", "asymptotic"):
        raise DomainError("process.choice", got=variance, allowed="exact, asymptotic")
    x, centre, sigma, convention, base = reference_values(values, target, sigma, baseline_count)
    arl0 = ewma_arl(smoothing=smoothing, limit=limit)  # refuses a smoothing outside 0 ... 1
    averages = centre + sigma * averaged((x - centre) / sigma, smoothing)
    half = limit * sigma * averaged_deviation(len(x), smoothing, exact=variance == "exact")
    beyond = np.flatnonzero(np.abs(averages - centre) > half)
    checks = (normality(x[:base]), lag_one(x[:base]))
    return EwmaChart(x, averages, centre, sigma, centre - half, centre + half, smoothing, limit, beyond, arl0,
                     f"{variance}_variance", convention, base, checks)  # fmt: skip


def cusum(
    values: Array,
    *,
    target: float | None = None,
    sigma: float | None = None,
    reference: float = 0.5,
    decision: float = 4.775,
    head_start: float = 0.0,
    baseline_count: int | None = None,
) -> CusumChart:
    """Two-sided tabular CUSUM of `values` (n,): C+ = max(0, C+ + x - target - K), C- likewise below.

    `reference` (k: half the shift to find) and `decision` (h) are in sigma, `head_start` a share of the decision
    value (0.5: fast initial response). The default k 0.5, h 4.775 gives one false alarm in 370 points. Target and
    sigma as in `ewma`.
    """
    x, centre, sigma, convention, base = reference_values(values, target, sigma, baseline_count)
    if not (reference >= 0 and decision > 0 and 0 <= head_start < 1):
        got = f"k {reference}, h {decision}, head start {head_start}"
        raise DomainError("process.cusum", got=got, allowed="k >= 0, h > 0, 0 <= head start < 1")
    z = (x - centre) / sigma
    upper, lower = sums(z, reference, head_start * decision)
    arl0 = cusum_arl(reference=reference, decision=decision, head_start=head_start * decision)
    beyond = np.flatnonzero((upper > decision) | (lower > decision))
    found = [_excursion(z, sum_, side, i, reference, centre, sigma)
             for sum_, side in ((upper, 1), (lower, -1)) for i in _first_of_each(sum_ > decision)]  # fmt: skip
    checks = (normality(x[:base]), lag_one(x[:base]))
    return CusumChart(x, sigma * upper, sigma * lower, centre, sigma, sigma * reference, sigma * decision, head_start,
                      beyond, tuple(sorted(found, key=lambda e: e.index)), arl0, convention, base, checks)  # fmt: skip


def averaged(z: Array, smoothing: float) -> Array:
    """EWMA along the last axis of standardised values, from zero."""
    return signal.lfilter([smoothing], [1.0, smoothing - 1.0], z, axis=-1)


def averaged_deviation(n: int, smoothing: float, *, exact: bool = True) -> Array:
    """Standard deviation of the first `n` averages of independent values with unit variance."""
    age = np.arange(1, n + 1) if exact else np.full(n, np.inf)
    return np.sqrt(smoothing / (2 - smoothing) * (1 - (1 - smoothing) ** (2 * age)))


def sums(z: Array, reference: float, head_start: float = 0.0) -> tuple[Array, Array]:
    """Upper and lower CUSUM along the last axis of standardised values (..., n); NaN leaves the sum as it is.

    By running minima: C_i = S_i - min(0, S_1 ... S_i) of the sums S of z - reference, the head start before them.
    """
    both = []
    for side in (1, -1):
        total = np.nancumsum(side * z - reference * ~np.isnan(z), axis=-1) + head_start
        both.append(total - np.minimum(np.minimum.accumulate(total, axis=-1), 0))
    return both[0], both[1]


def reference_values(
    values: Array, target: float | None, sigma: float | None, baseline_count: int | None
) -> tuple[Array, float, float, str, int]:
    """The values as an array, their target and sigma, how sigma was found, and the number of values behind it."""
    x = np.asarray(values, float).ravel()
    base = len(x) if baseline_count is None else baseline_count
    least = 2 if target is None or sigma is None else 1
    if not np.isfinite(x).all() or len(x) < least:
        raise DomainError("process.too_few_values", got=len(x), allowed=f">= {least}")
    if not least <= base <= len(x):
        raise DomainError("process.baseline", got=base, allowed=f"{least} ... {len(x)}")
    centre = float(x[:base].mean()) if target is None else float(target)
    convention = "given"
    if sigma is None:
        convention = "moving_range"
        sigma = float(np.abs(np.diff(x[:base])).mean()) / chart_constants(2).d2
    if not sigma > 0:
        raise DomainError("process.no_variation", got=sigma)
    return x, centre, float(sigma), convention, base


def _first_of_each(beyond: Array) -> Array:
    return np.flatnonzero(beyond & ~np.concatenate([[False], beyond[:-1]]))


def _excursion(
    z: Array, sum_: Array, side: int, i: int, reference: float, centre: float, sigma: float
) -> Excursion:
    zeros = np.flatnonzero(sum_[: i + 1] <= 0)
    onset = int(zeros[-1]) + 1 if len(zeros) else 0
    mean = centre + side * sigma * (reference + sum_[i] / (i + 1 - onset))
    tail = np.cumsum(z[i::-1])[::-1]  # sums of z from t to the signal
    likelihood = tail**2 / np.arange(i + 1, 0, -1)
    return Excursion(int(i), "up" if side > 0 else "down", onset, int(np.argmax(likelihood)), float(mean))
