"""Charts for few units of many module types on one line: all types share one chart after they are made comparable.

Deviation from target (DNOM) where types share one spread; standardised Xbar-R and Z-MR where each has its own; Q charts
where nothing is known beforehand: they are exact from the second or third unit on.
Sources: Bothe 1989, ASQC 43rd Quality Congress (DNOM, standardised Xbar-R); Minitab, methods of the Z-MR chart;
Quesenberry 1991, J. Quality Technology 23, 213 (Q charts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one, normality
from workbench.process.quality.charts import Chart, individuals, xbar_r
from workbench.process.quality.constants import chart_constants
from workbench.process.quality.rules import SHEWHART, WESTERN_ELECTRIC, Rule, Violation, violations

Array = np.ndarray
POOLINGS = {"all": "z_mr_all", "type": "z_mr_type", "run": "z_mr_run", "relative": "z_mr_relative"}  # to conventions
Q_CASES = {(False, False): "q_uu", (True, False): "q_ku", (False, True): "q_uk", (True, True): "q_kk"}


@dataclass(frozen=True)
class ShortRunChart:
    """Location and spread of all types in the order they were made; `units` counts those behind each type's limits."""

    location: Chart
    spread: Chart | None
    types: tuple[str, ...]  # of each point
    units: dict[str, int]
    centres: dict[str, float]  # target or mean of each type
    sigmas: dict[str, float]  # of one unit of each type; nan where the type shares another's
    convention: str  # dnom | standardized_xbar_r | z_mr_<pooling> | q_<known>
    assumptions: tuple[Assumption, ...]

    @property
    def violations(self) -> tuple[Violation, ...]:
        return self.location.violations + (self.spread.violations if self.spread else ())


def dnom(
    values: Array,
    types: Sequence[str],
    targets: Mapping[str, float] | None = None,
    *,
    baseline_count: int | None = None,
    rules: dict[str, Rule] = WESTERN_ELECTRIC,
) -> ShortRunChart:
    """Deviations of `values` (m,) or subgroups (m, n) from the target of their type: I-MR or Xbar-R of the deviations.

    Without `targets` the mean of each type stands in, which makes the first units of a type look too central.
    Valid where the types share one spread: Levene's test says whether they do.
    """
    data, kinds = _typed(values, types)
    centres = _centres(data, kinds, targets)
    deviation = data - np.array([centres[k] for k in kinds])[:, None]
    if data.shape[1] == 1:
        pair = individuals(deviation.ravel(), baseline_count=baseline_count, rules=rules)
    else:
        pair = xbar_r(deviation, baseline_count=baseline_count, rules=rules)
    checks = (_equal_spread(deviation, kinds), normality(deviation), lag_one(deviation.mean(axis=1)))
    return ShortRunChart(pair.location, pair.spread, kinds, _units(data, kinds), centres,
                         dict.fromkeys(centres, pair.sigma), "dnom", checks)  # fmt: skip


def standardized_xbar_r(
    subgroups: Array,
    types: Sequence[str],
    targets: Mapping[str, float] | None = None,
    mean_ranges: Mapping[str, float] | None = None,
    *,
    rules: dict[str, Rule] = WESTERN_ELECTRIC,
) -> ShortRunChart:
    """(mean - target) / mean range and range / mean range of `subgroups` (m, n), each type by its own mean range.

    Limits are +- A2, D3 and D4 for every type. `mean_ranges` of past runs of a type may be given.
    """
    data, kinds = _typed(subgroups, types)
    c = chart_constants(data.shape[1])
    centres = _centres(data, kinds, targets)
    ranges = np.ptp(data, axis=1)
    of = np.array(kinds)
    typical = {k: float(ranges[of == k].mean()) for k in centres} | dict(mean_ranges or {})
    if not all(v > 0 for v in typical.values()):
        raise DomainError("process.no_variation", got=min(typical.values()))
    scale = np.array([typical[k] for k in kinds])
    place = (data.mean(axis=1) - np.array([centres[k] for k in kinds])) / scale
    point = c.A2 / 3
    location = Chart("standardized_mean", place, 0.0, -c.A2, c.A2, point, violations(place / point, rules))
    spread_point = c.d3 / c.d2
    relative = ranges / scale
    spread = Chart("standardized_range", relative, 1.0, c.D3, c.D4, spread_point,
                   violations((relative - 1) / spread_point, SHEWHART))  # fmt: skip
    sigmas = {k: v / c.d2 for k, v in typical.items()}
    checks = (normality((data - data.mean(axis=1, keepdims=True)) / scale[:, None]), lag_one(place))
    return ShortRunChart(location, spread, kinds, _units(data, kinds), centres, sigmas, "standardized_xbar_r", checks)


def z_mr(
    values: Array,
    types: Sequence[str],
    targets: Mapping[str, float] | None = None,
    *,
    pooling: str = "type",
    rules: dict[str, Rule] = WESTERN_ELECTRIC,
) -> ShortRunChart:
    """z = (value - centre of its type) / sigma of `values` (m,), and the moving range of z.

    Sigma is the mean moving range / d2 within runs (unbroken successions of one type): pooled over "all" types, over
    the runs of one "type", for each "run" alone, or over all types of the logarithms ("relative": sigma grows with
    size). The centre is the target, or the mean of the type.
    """
    if pooling not in POOLINGS:
        raise DomainError("process.choice", got=pooling, allowed=", ".join(POOLINGS))
    data, kinds = _typed(values, types)
    x = data.ravel()
    if pooling == "relative":
        if not (x > 0).all() or not all(v > 0 for v in (targets or {}).values()):
            raise DomainError("process.chart_not_positive", got=float(x.min()), allowed="> 0")
        x = np.log(x)
        targets = None if targets is None else {k: float(np.log(v)) for k, v in targets.items()}
    centres = _centres(x[:, None], kinds, targets)
    of = np.array(kinds)
    run = np.cumsum(np.concatenate([[True], of[1:] != of[:-1]]))
    step = np.abs(np.diff(x, prepend=np.nan))
    step[np.concatenate([[True], run[1:] != run[:-1]])] = np.nan  # no range across a change of type
    label = {"all": np.zeros(len(x), int), "relative": np.zeros(len(x), int), "type": of, "run": run}[pooling]
    sigma, d2 = np.empty(len(x)), chart_constants(2).d2
    for group in np.unique(label):
        inside = label == group
        moves = step[inside & np.isfinite(step)]
        if not len(moves) or not moves.mean() > 0:
            raise DomainError("process.no_variation", where=str(group), got=len(moves), allowed=", ".join(POOLINGS))
        sigma[inside] = moves.mean() / d2
    z = (x - np.array([centres[k] for k in kinds])) / sigma
    moving = np.concatenate([[np.nan], np.abs(np.diff(z))])
    c = chart_constants(2)
    location = Chart("z", z, 0.0, -3.0, 3.0, 1.0, violations(z, rules))
    spread = Chart("moving_range", moving, c.d2, 0.0, c.D4 * c.d2, c.d3, violations((moving - c.d2) / c.d3, SHEWHART))
    sigmas = {k: float(sigma[of == k].mean()) for k in centres}
    checks = (normality(z), lag_one(z))
    return ShortRunChart(location, spread, kinds, _units(data, kinds), centres, sigmas, POOLINGS[pooling], checks)


def q_chart(
    values: Array,
    types: Sequence[str],
    *,
    means: Mapping[str, float] | None = None,
    sigmas: Mapping[str, float] | None = None,
    rules: dict[str, Rule] = WESTERN_ELECTRIC,
) -> ShortRunChart:
    """Q statistics of `values` (m,) in the order made, each type by its own past; limits +- 3.

    While a type is stable and normal its Q are independent standard normal, whatever its mean and sigma. Known `means`
    or `sigmas` give a type more power; the first unit of an unknown mean, and the second of an unknown sigma as well,
    have no Q (NaN). The spread chart holds the Q of ranges of successive pairs of a type. After a signal, find the
    cause: a shifted mean is learned within a few units.
    """
    data, kinds = _typed(values, types)
    of, x = np.array(kinds), data.ravel()
    q, q_range = np.full(len(x), np.nan), np.full(len(x), np.nan)
    names = list(dict.fromkeys(kinds))
    means, sigmas = dict(means or {}), dict(sigmas or {})
    for name in names:
        inside = np.flatnonzero(of == name)
        q[inside] = q_individuals(x[inside], mean=means.get(name), sigma=sigmas.get(name))
        q_range[inside] = q_pairs(x[inside], sigma=sigmas.get(name))
    location = Chart("q", q, 0.0, -3.0, 3.0, 1.0, skipping_violations(q, rules))
    spread = Chart("q_range", q_range, 0.0, -3.0, 3.0, 1.0, skipping_violations(q_range, rules))
    convention = Q_CASES[bool(means), bool(sigmas)]
    centres = {n: float(means.get(n, x[of == n].mean())) for n in names}
    spreads = {n: float(sigmas.get(n, x[of == n].std(ddof=1) if (of == n).sum() > 1 else np.nan)) for n in names}
    return ShortRunChart(location, spread, kinds, _units(data, kinds), centres, spreads, convention,
                         (normality(q), lag_one(q)))  # fmt: skip


def q_individuals(x: Array, *, mean: float | None = None, sigma: float | None = None) -> Array:
    """Q statistics of one type's values (n,): cases known/known, unknown/known, known/unknown, unknown/unknown."""
    x = np.asarray(x, float)
    if sigma is not None and not sigma > 0:
        raise DomainError("process.chart_not_positive", where="sigma", got=sigma, allowed="> 0")
    n = len(x)
    r = np.arange(1, n + 1)
    q = np.full(n, np.nan)
    if mean is not None and sigma is not None:
        return (x - mean) / sigma
    if mean is not None:
        past = np.cumsum((x - mean) ** 2)[:-1] / r[:-1]
        q[1:] = _q_of_t((x[1:] - mean) / _root(past), r[:-1])
        return q
    past_mean = np.cumsum(x - x[:1])[:-1] / r[:-1] + x[:1]
    step = np.sqrt(r[:-1] / r[1:]) * (x[1:] - past_mean)  # independent N(0, sigma), r = 2 ... n (Helmert)
    if sigma is not None:
        q[1:] = step / sigma
        return q
    past = np.cumsum(step**2)[:-1] / r[:-2]
    q[2:] = _q_of_t(step[1:] / _root(past), r[:-2])
    return q


def q_pairs(x: Array, *, sigma: float | None = None) -> Array:
    """Q of the spread of successive pairs (1, 2), (3, 4) ... of one type, at the second of each; from the second pair
    on where sigma is unknown. A large Q means a spread that grew."""
    x = np.asarray(x, float)
    q = np.full(len(x), np.nan)
    square = np.diff(x)[::2] ** 2
    at = np.arange(len(square)) * 2 + 1
    if sigma is not None:
        q[at] = _q_of_tails(special.chdtr(1, square / (2 * sigma**2)), special.chdtrc(1, square / (2 * sigma**2)))
        return q
    past = np.cumsum(square)[:-1]
    pairs = np.arange(1, len(square))
    ratio = pairs * square[1:] / np.where(past > 0, past, np.nan)
    q[at[1:]] = _q_of_tails(special.fdtr(1, pairs, ratio), special.fdtrc(1, pairs, ratio))
    return q


def q_subgroups(subgroups: Array) -> tuple[Array, Array]:
    """Q of mean and of standard deviation of one type's `subgroups` (m, n >= 2), mean and sigma unknown; NaN first."""
    data, _ = _typed(subgroups, ["one"] * len(subgroups))
    m, n = data.shape
    if n < 2:
        raise DomainError("process.subgroup_size", got=n, allowed=">= 2")
    i = np.arange(1, m + 1)
    means, variances = data.mean(axis=1), data.var(axis=1, ddof=1)
    pooled = np.cumsum(variances) / i
    before = np.cumsum(means - means[0])[:-1] / i[:-1] + means[0]
    t = np.sqrt(n * i[:-1] / i[1:]) * (means[1:] - before) / _root(pooled[1:])
    f = variances[1:] / _root(pooled[:-1]) ** 2
    first, dof = [np.nan], i[:-1] * (n - 1)
    spread = _q_of_tails(special.fdtr(n - 1, dof, f), special.fdtrc(n - 1, dof, f))
    return np.concatenate([first, _q_of_t(t, i[1:] * (n - 1))]), np.concatenate([first, spread])


def _q_of_t(t: Array, dof: Array) -> Array:
    """Normal score of a Student t value, exact far into both tails."""
    return -np.sign(t) * special.ndtri(stats.t.sf(np.abs(t), dof))


def _q_of_tails(below: Array, above: Array) -> Array:
    return np.where(below < above, special.ndtri(below), -special.ndtri(above))


def _root(variance: Array) -> Array:
    """Root of the past variance; NaN, so no Q, while all past values are equal."""
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def skipping_violations(z: Array, rules: dict[str, Rule]) -> tuple[Violation, ...]:
    """Run rules over the points that exist: a unit without a Q does not break a run."""
    there = np.flatnonzero(np.isfinite(z))
    return tuple(Violation(int(there[v.index]), v.rule) for v in violations(z[there], rules))


def _typed(values: Array, types: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    data = np.asarray(values, float)
    data = data[:, None] if data.ndim == 1 else data
    kinds = tuple(str(k) for k in types)
    if data.ndim != 2 or len(kinds) != len(data) or not np.isfinite(data).all():
        raise DomainError("process.subgroups_uneven", got=f"{data.shape}, {len(kinds)}")
    if len(data) < 2:
        raise DomainError("process.too_few_values", got=len(data), allowed=">= 2")
    return data, kinds


def _centres(data: Array, kinds: tuple[str, ...], targets: Mapping[str, float] | None) -> dict[str, float]:
    of = np.array(kinds)
    names = dict.fromkeys(kinds)
    if targets is None:
        return {k: float(data[of == k].mean()) for k in names}
    missing = [k for k in names if k not in targets]
    if missing:
        raise DomainError("process.no_target", got=", ".join(missing), allowed=", ".join(targets))
    return {k: float(targets[k]) for k in names}


def _units(data: Array, kinds: tuple[str, ...]) -> dict[str, int]:
    return {k: kinds.count(k) * data.shape[1] for k in dict.fromkeys(kinds)}


def _equal_spread(deviation: Array, kinds: tuple[str, ...]) -> Assumption:
    """Levene's test around the medians (Brown and Forsythe 1974) of the types with three values or more."""
    of = np.array(kinds)
    groups = [g for k in dict.fromkeys(kinds) if len(g := deviation[of == k].ravel()) >= 3]
    if len(groups) < 2 or all(np.ptp(g) == 0 for g in groups):
        return Assumption("equal_spread", None, None, f"{len(groups)}")
    w, p = (float(v) for v in stats.levene(*groups, center="median"))
    return Assumption("equal_spread", p >= 0.05, p, f"W = {w:.2f}, {len(groups)}")
