"""One-way analysis of variance with its effect size and an exact-by-permutation companion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, normality

Array = np.ndarray


@dataclass(frozen=True)
class OneWay:
    """Classical F test of equal group means. `groups` (k,) in the order of `means` and `counts`.

    `eta2` is the share of variation between groups, `omega2` the same less its bias (0 when no effect shows).
    `p_permutation` compares F with seeded permutations of the labels (None when not asked for).
    """

    groups: Array
    counts: Array
    means: Array
    ss_between: float
    ss_within: float
    dof_between: int
    dof_within: int
    f: float
    p: float
    p_permutation: float | None
    permutation_count: int
    eta2: float
    omega2: float
    sigma_within: float
    assumptions: tuple[Assumption, ...]
    convention: str = "one_way_anova"

    @property
    def significance(self) -> float:
        """The p-value to judge by: permutation where there is one."""
        return self.p if self.p_permutation is None else self.p_permutation


def one_way(values: Array, labels: Array, *, permutation_count: int = 0, seed: int = 0) -> OneWay:
    """Analysis of `values` (n,) by `labels` (n,). Values are centred first, so a large common constant costs nothing
    beyond what the doubles have already lost (see `exact.subtract_exactly`).

    Raises DomainError: fewer than 2 groups, no group with 2 values, values that are not finite.
    """
    x, codes, names = coded(values, labels)
    k, n = len(names), len(x)
    if k < 2 or n <= k:
        raise DomainError("process.groups", got=f"{k} / {n}", allowed=">= 2 / more")
    x = x - x[0]
    x = x - x.mean()
    counts = np.bincount(codes, minlength=k)
    means = np.bincount(codes, x, minlength=k) / counts
    residuals = x - means[codes]
    within = float(residuals @ residuals)
    between = float(counts @ (means - x.mean()) ** 2)
    f = _f(between, within, k, n)
    p_permutation = None
    if permutation_count:
        p_permutation = _permuted(x, codes, counts, between, permutation_count, seed)
    mean_square = within / (n - k)
    omega2 = (between - (k - 1) * mean_square) / (between + within + mean_square) if between + within > 0 else 0.0
    return OneWay(
        groups=names,
        counts=counts,
        means=means + float(np.mean(np.asarray(values, float))),
        ss_between=between,
        ss_within=within,
        dof_between=k - 1,
        dof_within=n - k,
        f=f,
        p=float(stats.f.sf(f, k - 1, n - k)),
        p_permutation=p_permutation,
        permutation_count=permutation_count,
        eta2=between / (between + within) if between + within > 0 else 0.0,
        omega2=max(0.0, omega2),
        sigma_within=float(np.sqrt(mean_square)),
        assumptions=(normality(residuals), equal_spread(x, codes)),
    )


def equal_spread(values: Array, labels: Array, *, level: float = 0.05) -> Assumption:
    """Brown-Forsythe test (Levene about medians) of equal spread; undecided when a group has fewer than 3 values."""
    x, codes, names = coded(values, labels)
    groups = [x[codes == g] for g in range(len(names))]
    least = min(len(g) for g in groups)
    if len(groups) < 2 or least < 3 or all(np.ptp(g) == 0 for g in groups):
        return Assumption("equal_spread", None, None, f"n >= {least}")
    statistic, p = stats.levene(*groups, center="median")
    return Assumption("equal_spread", bool(p >= level), float(p), f"W = {statistic:.3f}")


def coded(values: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Values as floats, labels as codes 0 ... k-1, and the label of each code. Raises DomainError when they differ in
    length or a value is not finite."""
    x = np.asarray(values, float).ravel()
    names, codes = np.unique(np.asarray(labels).ravel(), return_inverse=True)
    if len(x) != len(codes) or not len(x) or not np.isfinite(x).all():
        raise DomainError("process.values_and_labels", got=f"{len(x)}, {len(codes)}")
    return x, codes.ravel(), names


def _f(between: float, within: float, k: int, n: int) -> float:
    if within == 0:
        return float("inf") if between > 0 else 0.0
    return (between / (k - 1)) / (within / (n - k))


def _permuted(x: Array, codes: Array, counts: Array, between: float, count: int, seed: int) -> float:
    """Share of relabellings, the observed one included, whose between sum of squares is as large."""
    rng = np.random.default_rng(seed)
    k, reached = len(counts), 1
    tolerance = 1e-12 * max(float(x @ x), 1e-300)
    for begin in range(0, count, 64):
        rows = min(64, count - begin)
        shuffled = rng.permuted(np.broadcast_to(x, (rows, len(x))), axis=1)
        where = (codes + k * np.arange(rows)[:, None]).ravel()
        sums = np.bincount(where, shuffled.ravel(), minlength=k * rows).reshape(rows, k)
        reached += int(((sums**2 / counts).sum(axis=1) - x.sum() ** 2 / len(x) >= between - tolerance).sum())
    return reached / (count + 1)
