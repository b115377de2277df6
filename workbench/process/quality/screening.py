"""All charts of all parameters at once, with the false alarms to expect and a list that controls false discoveries.

With hundreds of parameters some always signal: 500 charts of 2000 points break 3 sigma limits 2700 times by chance. So
every rule shows the flags expected of stable normal parameters beside those seen, and each parameter gets one p-value
from which the suspects are chosen at a stated rate of false discoveries: of its largest deviation, its largest EWMA,
its largest spread and its lasting change (the sum of deviations from the mean), corrected for a sigma from few points.
Sources: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289; Benjamini and Yekutieli 2001, Ann. Stat. 29, 1165;
Kolmogorov 1933 (largest value of a Brownian bridge).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import autocorrelation_variance
from workbench.process.quality.constants import chart_constants, mean_range_dof, moving_range_dof
from workbench.process.quality.memory import averaged, averaged_deviation, sums
from workbench.process.quality.rules import NELSON, WESTERN_ELECTRIC, Rule
from workbench.process.quality.run_length import cusum_exceedance, ewma_arl

Array = np.ndarray
BLOCK = 40_000  # values charted together: they and their flags stay in the cache of a core
CHOICES = ("bh", "by")


@dataclass(frozen=True)
class Screen:
    """`table`: one row a parameter (limits, flags by rule, p, assumptions). `signals`: one row a flag (parameter, unit
    or subgroup, rule), indices as in the input. `expected`: flags by rule, seen and expected of stable parameters.
    `suspects`: parameters out of control at the rate `false_discovery`, the surest first.
    """

    table: pd.DataFrame
    signals: pd.DataFrame
    expected: pd.DataFrame
    suspects: tuple[str, ...]
    false_discovery: float
    convention: str  # fdr_bh | fdr_by
    subgroup_size: int
    baseline_count: int | None
    measurements: int

    @property
    def expected_alarms(self) -> float:
        return float(self.expected["expected"].sum())


def screen(
    values: pd.DataFrame | Array,
    *,
    parameters: Sequence[str] | None = None,
    baseline_count: int | None = None,
    subgroup_size: int = 1,
    rules: dict[str, Rule] | None = None,
    smoothing: float = 0.2,
    limit: float = 2.859,
    reference: float = 0.5,
    decision: float = 4.775,
    false_discovery: float = 0.05,
    dependence: str = "bh",
    progress: Callable[[float], None] | None = None,
) -> Screen:
    """Chart every column of `values` (units, parameters), rows in the order of time; missing values are skipped.

    Single values get individuals and moving range charts, subgroups of `subgroup_size` successive units mean, range and
    standard deviation charts (an incomplete last one is left out); both get EWMA and CUSUM. `rules` default to Western
    Electric and Nelson together. Limits come from the first `baseline_count` points of each parameter (all by default).
    `dependence` "bh" controls false discoveries for independent or positively dependent parameters, "by" for any.
    Parameters without variation or with fewer than 3 points get no chart; `state` in the table says so.
    """
    x, names = _arranged(values, parameters)
    if dependence not in CHOICES or not 0 < false_discovery < 1 or subgroup_size < 1:
        raise DomainError("process.choice", got=f"{dependence}, {false_discovery}", allowed=", ".join(CHOICES))
    if baseline_count is not None and baseline_count < 2:
        raise DomainError("process.baseline", got=baseline_count, allowed=">= 2")
    rules = {**WESTERN_ELECTRIC, **NELSON} if rules is None else rules
    settings = (smoothing, limit, reference, decision)
    rows, found = [], []
    step = max(1, BLOCK // x.shape[1])
    for start in range(0, len(x), step):
        row, flags = _block(x[start : start + step], baseline_count, subgroup_size, rules, settings)
        rows.append(row)
        found += [(parameter + start, point, code) for parameter, point, code in flags]
        if progress is not None:
            progress(min(1.0, (start + step) / len(x)))
    table = pd.concat([pd.DataFrame(row) for row in rows], ignore_index=True)
    table.insert(0, "parameter", names)
    order = _names_of_flags(rules, subgroup_size)
    signals = _signals(found, names, order)
    p = table["p"].to_numpy()
    adjusted = np.full(len(p), np.nan)
    charted = np.isfinite(p)
    if charted.any():
        adjusted[charted] = stats.false_discovery_control(p[charted], method=dependence)
    table["p_adjusted"] = adjusted
    chosen = np.flatnonzero(charted & (adjusted <= false_discovery))
    suspects = tuple(names[i] for i in chosen[np.argsort(p[chosen], kind="stable")])
    points = table.loc[table["state"] == "charted", "points"].to_numpy()
    expected = _expected(points, rules, subgroup_size, settings)
    seen = signals["rule"].value_counts().reindex(order, fill_value=0)
    expected = pd.DataFrame({"rule": order, "expected": [expected[k] for k in order], "seen": seen.to_numpy()})
    return Screen(table, signals, expected, suspects, false_discovery, f"fdr_{dependence}", subgroup_size,
                  baseline_count, int(np.isfinite(x).sum()))  # fmt: skip


def from_long(parameters: Array, values: Array) -> pd.DataFrame:
    """Columns of one parameter each from (parameter, value) rows in the order of time, as testers write them."""
    codes, names = pd.factorize(np.asarray(parameters))
    values = np.asarray(values, float)
    if len(codes) != len(values) or not len(values):
        raise DomainError("process.screen_shape", got=f"{len(codes)}, {len(values)}")
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(names))
    place = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((len(names), counts.max()), np.nan)
    table[codes[order], place] = values[order]
    return pd.DataFrame(table.T, columns=[str(n) for n in names])


def _arranged(values: pd.DataFrame | Array, parameters: Sequence[str] | None) -> tuple[Array, list[str]]:
    """Parameters as rows, contiguous in time."""
    if isinstance(values, pd.DataFrame):
        parameters = [str(c) for c in values.columns] if parameters is None else parameters
        values = values.to_numpy(float, na_value=np.nan)
    x = np.asarray(values, float)
    if x.ndim != 2 or not x.shape[1] or len(x) < 3:
        raise DomainError("process.screen_shape", got=x.shape)
    names = [str(i) for i in range(x.shape[1])] if parameters is None else [str(p) for p in parameters]
    if len(names) != x.shape[1] or len(set(names)) != len(names):
        raise DomainError("process.screen_shape", got=f"{len(set(names))}, {x.shape[1]}")
    x = np.ascontiguousarray(x.T)
    return np.where(np.isfinite(x), x, np.nan), names


def _block(x: Array, baseline: int | None, size: int, rules: dict[str, Rule], settings: tuple):
    """Rows of the table and flags (parameter, point, code) of some parameters (p, n)."""
    smoothing, limit, reference, decision = settings
    x, units = _closed_up(x)
    place, spread, spread_limits, sigma, dof, base = _points(x, baseline, size)
    points = np.isfinite(place).sum(axis=1)
    good = (points >= 3) & (sigma > 0)
    state = np.where(points < 3, "too_few", np.where(sigma > 0, "charted", "constant"))
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = np.arange(place.shape[1]) < base[:, None]
        centre = np.nansum(np.where(inside, place, 0.0), axis=1) / base
        point = np.where(good, sigma, np.nan) / np.sqrt(size)
        z = (place - centre[:, None]) / point[:, None]
        average = averaged(np.where(np.isnan(z), 0.0, z), smoothing)
        deviation = averaged_deviation(z.shape[1], smoothing)
        average = np.where(np.isnan(z), np.nan, average / deviation)
        upper, lower = sums(z, reference)
        beyond = (np.maximum(upper, lower) > decision) & ~np.isnan(z)
        marks = {}
        computed: dict[Rule, Array] = {}
        for name, rule in rules.items():
            if rule not in computed:
                computed[rule] = rule(z)
            marks[name] = computed[rule]
        for name, (statistic, low, high) in zip(spread_limits, spread, strict=True):
            marks[name] = (statistic > high[:, None]) | (statistic < low[:, None])
        marks["ewma"], marks["cusum"] = np.abs(average) > limit, beyond
        p = _p_values(z, average, spread[-1][0], points, base, dof, size, sigma, smoothing)
    checks = _assumptions(x if size == 1 else place, points)
    flags = []
    for code, mark in enumerate(marks.values()):
        parameter, index = np.nonzero(mark)
        flags.append((parameter, units[parameter, index] if size == 1 else index, np.full(len(index), code)))
    row = {
        "state": state, "units": np.isfinite(x).sum(axis=1), "points": points, "baseline": base, "centre": centre,
        "sigma": sigma, "sigma_dof": dof, "lower": centre - 3 * point, "upper": centre + 3 * point,
        **{name: mark.sum(axis=1) for name, mark in marks.items()},
        "p": np.where(good, p, np.nan), **checks,
    }  # fmt: skip
    return row, flags


def _closed_up(x: Array) -> tuple[Array, Array]:
    """Missing values moved behind the others, and the row each value came from."""
    missing = np.isnan(x)
    if not missing.any():
        return x, np.broadcast_to(np.arange(x.shape[1]), x.shape)
    order = np.argsort(missing, axis=1, kind="stable")
    return np.take_along_axis(x, order, axis=1), order


def _points(x: Array, baseline: int | None, size: int):
    """Plotted location, [(spread, lower, upper) ...], names of the spreads, sigma of a unit, its dof, baseline."""
    if size == 1:
        place, c = x, chart_constants(2)
        spread = np.full(x.shape, np.nan)
        np.abs(np.diff(x, axis=1), out=spread[:, 1:])
    else:
        c = chart_constants(size)
        groups = x[:, : x.shape[1] // size * size].reshape(len(x), -1, size)
        place, spread = groups.mean(axis=2), np.ptp(groups, axis=2)
    count = np.isfinite(place).sum(axis=1)
    base = np.maximum(count if baseline is None else np.minimum(count, baseline), 1)
    used = np.where(np.arange(place.shape[1]) < base[:, None], spread, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        typical = np.nansum(used, axis=1) / np.isfinite(used).sum(axis=1)
    sigma = typical / c.d2
    dof = np.array([_dof(int(m), size) for m in base])
    charts = [(spread, c.D3 * typical, c.D4 * typical)]
    if size == 1:
        return place, charts, ("moving_range",), sigma, dof, base
    s = groups.std(axis=2, ddof=1)
    used = np.where(np.arange(place.shape[1]) < base[:, None], s, np.nan)
    mean_s = np.nansum(used, axis=1) / base
    charts.append((s, c.B3 * mean_s, c.B4 * mean_s))
    return place, charts, ("range", "deviation"), sigma, dof, base


@cache
def _dof(base: int, size: int) -> float:
    if base < 2:
        return 1.0
    return moving_range_dof(base) if size == 1 else mean_range_dof(size, base)


def _p_values(z: Array, average: Array, spread: Array, points: Array, base: Array, dof: Array, size: int,
              sigma: Array, smoothing: float) -> Array:  # fmt: skip
    """Probability that a stable normal parameter looks as bad in any of four ways (Bonferroni).

    Worst point, EWMA and spread are brought to Student t and F of the degrees of freedom behind sigma, with the error
    of the centre: a point of the baseline has the variance 1 - 1 / m, one after it 1 + 1 / m. A lasting change shows in
    max |sum of deviations| / (sigma sqrt n) = x: P = 2 exp(-2 x^2), with an estimated sigma
    2 (1 + 4 x^2 / dof)^(-dof / 2).
    """
    count = np.maximum(points, 1)
    total = np.nancumsum(z - (np.nansum(z, axis=1) / count)[:, None], axis=1)
    bridge = np.abs(total).max(axis=1) / np.sqrt(count)
    lasting = 2 * np.exp(-dof / 2 * np.log1p(4 * bridge**2 / dof))
    later = np.arange(z.shape[1]) >= base[:, None]
    m = base[:, None]
    far = np.abs(z) / np.sqrt(np.where(later, 1 + 1 / m, 1 - 1 / m))
    single = 2 * special.stdtr(dof, -np.nanmax(np.where(np.isnan(far), 0.0, far), axis=1))
    worst = -np.expm1(points * np.log1p(-np.minimum(single, 1 - 1e-16)))
    age = np.arange(1, z.shape[1] + 1)
    # what an error of the centre adds to a later average
    drawn = (1 - (1 - smoothing) ** age) / averaged_deviation(len(age), smoothing)
    high = np.abs(average) / np.sqrt(1 + np.where(later, drawn**2 / m, 0.0))
    tail = special.stdtr(dof, -np.nanmax(np.where(np.isnan(high), 0.0, high), axis=1))
    slow = -np.expm1(-points / _ewma_lengths(-special.ndtri(np.maximum(tail, 1e-300)), smoothing))
    largest = np.nanmax(np.where(np.isnan(spread), 0.0, spread), axis=1) / sigma
    if size == 1:
        wide = 2 * special.stdtr(dof, -largest / np.sqrt(2))
    else:
        wide = special.fdtrc(size - 1, dof, largest**2)
    wide = -np.expm1(points * np.log1p(-np.minimum(wide, 1 - 1e-16)))
    return np.minimum(1.0, 4 * np.minimum.reduce([worst, slow, wide, lasting]))


def _ewma_lengths(limits: Array, smoothing: float) -> Array:
    """In-control run length for each limit, from a table; beyond it the tail of the normal distribution scales it."""
    grid, lengths = _ewma_table(smoothing)
    known = np.exp(np.interp(limits, grid, np.log(lengths)))
    beyond = np.log(lengths[-1]) + special.log_ndtr(-grid[-1]) - special.log_ndtr(-np.maximum(limits, grid[-1]))
    return np.where(limits > grid[-1], np.exp(np.minimum(beyond, 700)), known)


@cache
def _ewma_table(smoothing: float) -> tuple[Array, Array]:
    grid = np.linspace(0.2, 5.6, 28)
    return grid, np.array([ewma_arl(smoothing=smoothing, limit=float(limit)) for limit in grid])


def _assumptions(x: Array, points: Array) -> dict[str, Array]:
    """p-values of normality (Anderson-Darling) and of independence (lag 1) for rows closed up to the left."""
    n = np.maximum(points, 1).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        there = np.isfinite(x)
        mean = np.nansum(x, axis=1) / n
        centred = np.where(there, x - mean[:, None], 0.0)
        square = (centred**2).sum(axis=1)
        r = (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / square
        variance = np.array([autocorrelation_variance(int(k)) if k > 2 else np.nan for k in points])
        independent = 2 * special.ndtr(-np.abs(r + 1 / n) / np.sqrt(variance))
        ordered = np.sort(np.where(there, centred, np.nan), axis=1) / np.sqrt(square / (n - 1))[:, None]
        rank = np.arange(1, x.shape[1] + 1)
        # A2 = -n - sum (2 i - 1)(log F(i) + log(1 - F(n + 1 - i))) / n; the second sum is taken in rising order too
        below, above = special.log_ndtr(ordered), special.log_ndtr(-ordered)
        weighted = (2 * rank - 1) * below + (2 * (n[:, None] - rank) + 1) * above
        statistic = -n - np.nansum(np.where(there, weighted, 0.0), axis=1) / n
    testable = points >= 8
    return {
        "normal_p": np.where(testable, _anderson_darling_p(statistic * (1 + 0.75 / n + 2.25 / n**2)), np.nan),
        "lag_one": r,
        "independent_p": np.where(testable, independent, np.nan),
    }


def _anderson_darling_p(a: Array) -> Array:
    """Stephens 1986, in D'Agostino and Stephens, Goodness-of-Fit Techniques, table 4.9."""
    parts = [(0.2, -13.436, 101.14, -223.73), (0.34, -8.318, 42.796, -59.938), (0.6, 0.9177, -4.279, -1.38),
             (13.0, 1.2937, -5.709, 0.0186)]  # fmt: skip
    p = np.zeros(len(a))
    low = -np.inf
    for high, c0, c1, c2 in parts:
        value = np.exp(c0 + c1 * a + c2 * a**2)
        p = np.where((a > low) & (a <= high), 1 - value if high < 0.5 else value, p)
        low = high
    return np.where(np.isnan(a), np.nan, np.clip(p, 0.0, 1.0))


def _names_of_flags(rules: dict[str, Rule], size: int) -> list[str]:
    return [*rules, *(("moving_range",) if size == 1 else ("range", "deviation")), "ewma", "cusum"]


def _signals(found: list, names: list[str], order: list[str]) -> pd.DataFrame:
    parameter, index, code = (np.concatenate([part[i] for part in found]) for i in range(3))
    sequence = np.lexsort((code, index, parameter))
    return pd.DataFrame({
        "parameter": pd.Categorical.from_codes(parameter[sequence], names), "index": index[sequence],
        "rule": pd.Categorical.from_codes(code[sequence], order),
    })  # fmt: skip


def _expected(points: Array, rules: dict[str, Rule], size: int, settings: tuple) -> dict[str, float]:
    """Flags expected of stable normal parameters with known limits, by rule: exact expectations, sums over points."""
    _, limit, reference, decision = settings
    lengths, times = np.unique(points, return_counts=True)
    flags = {name: float(rule.expected_flags(points).sum()) if len(points) else 0.0 for name, rule in rules.items()}
    if size == 1:
        c = chart_constants(2)
        rate = 2 * special.ndtr(-c.D4 * c.d2 / np.sqrt(2))
        flags["moving_range"] = float(rate * (points - 1).sum())
    else:
        flags["range"] = float(_range_rate(size) * points.sum())
        c = chart_constants(size)
        tails = special.chdtrc(size - 1, (size - 1) * (c.B4 * c.c4) ** 2)
        tails += special.chdtr(size - 1, (size - 1) * (c.B3 * c.c4) ** 2)
        flags["deviation"] = float(tails * points.sum())
    flags["ewma"] = float(2 * special.ndtr(-limit) * points.sum())
    each = [cusum_exceedance(int(n), reference=reference, decision=decision) for n in lengths]
    flags["cusum"] = float(np.dot(each, times)) if each else 0.0
    return flags


@cache
def _range_rate(n: int) -> float:
    """Probability of a range beyond its 3 sigma limits, P(W > w) = 1 - n Int phi(x) [Phi(x + w) - Phi(x)]^(n-1) dx."""
    c = chart_constants(n)
    x = np.linspace(-9, 9, 1441)

    def above(w: float) -> float:
        inner = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * (special.ndtr(x + w) - special.ndtr(x)) ** (n - 1)
        return 1 - n * float(inner.sum()) * (x[1] - x[0])

    return above(c.D4 * c.d2) + (1 - above(c.D3 * c.d2) if c.D3 > 0 else 0.0)
