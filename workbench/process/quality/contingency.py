"""Exact tests for small lots: tables of counts and rank sums, ties and all."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from workbench.errors import DomainError

Array = np.ndarray
TABLES = 100_000  # distinct partial sums kept; beyond it the test is simulated
DRAWS = 20_000
GRAIN = 1e-9  # of log probabilities: partial tables closer than this are one
EXACT_RANKS = 60  # values up to which the rank sum distribution is built term by term


def fisher_freeman_halton(bad: Array, totals: Array, *, seed: int = 0) -> tuple[float, str]:
    """(p-value, "fisher_freeman_halton" or "..._simulated") of equal shares in k groups: `bad` (k,) of `totals` (k,).

    Sums the probability of every table with the same margins that is no more probable than the observed one. Tables
    are built group by group and equal partial results merged; when they grow too many, seeded random tables are used.
    Source: Freeman and Halton 1951, Biometrika 38, 141. Raises DomainError: counts that make no table.
    """
    b, n = np.asarray(bad, int), np.asarray(totals, int)
    if b.shape != n.shape or b.ndim != 1 or len(b) < 1 or np.any(b < 0) or np.any(b > n):
        raise DomainError("process.share", got=f"{b.tolist()} / {n.tolist()}"[:80], allowed="0 <= count <= n")
    held = n > 0
    b, n = b[held], n[held]
    total = int(b.sum())
    if len(b) < 2 or total in (0, int(n.sum())):
        return 1.0, "fisher_freeman_halton"
    whole = _log_choose(n.sum(), total)
    observed = _log_choose(n, b).sum() - whole
    found = _exact(n, total, observed, whole)
    if found is not None:
        return found, "fisher_freeman_halton"
    draws = stats.multivariate_hypergeom.rvs(n, total, size=DRAWS, random_state=seed)
    logp = _log_choose(n, draws).sum(axis=1) - whole
    return (1 + int((logp <= observed + 1e-7).sum())) / (DRAWS + 1), "fisher_freeman_halton_simulated"


def rank_sum_p(values: Array, inside: Array) -> tuple[float, str]:
    """Two-sided p-value that values `inside` (booleans) rank like the rest, and its method: "rank_sum_exact" (all
    rearrangements, ties counted as they are) up to EXACT_RANKS values, else "rank_sum_normal" with tie correction.

    Source: Mann and Whitney 1947; exact with ties by Streitberg and Roehmel 1986, Comput. Stat. Quarterly 3, 97.
    """
    x, chosen = np.asarray(values, float).ravel(), np.asarray(inside, bool).ravel()
    m, n = int(chosen.sum()), len(x)
    if m in (0, n):
        raise DomainError("process.groups", got=f"{m} / {n}", allowed="1 ... n - 1")
    ranks = stats.rankdata(x)
    if n > EXACT_RANKS:
        found = stats.mannwhitneyu(x[chosen], x[~chosen], alternative="two-sided", method="asymptotic")
        return (1.0 if np.isnan(found.pvalue) else float(found.pvalue)), "rank_sum_normal"
    doubled = np.rint(2 * ranks).astype(int)
    ways = np.zeros((m + 1, doubled.sum() + 1))
    ways[0, 0] = 1.0
    for r in doubled:
        ways[1:, r:] += ways[:-1, : ways.shape[1] - r].copy()
    share = ways[m] / ways[m].sum()
    middle = m * (n + 1)  # mean of the doubled sum
    off = abs(int(doubled[chosen].sum()) - middle)
    return float(min(1.0, share[np.abs(np.arange(len(share)) - middle) >= off].sum())), "rank_sum_exact"


def _exact(n: Array, total: int, observed: float, whole: float) -> float | None:
    sums, logs, weight = np.zeros(1, int), np.zeros(1), np.ones(1)
    left = np.concatenate([np.cumsum(n[::-1])[::-1][1:], [0]])
    for size, after in zip(n, left, strict=True):
        k = np.arange(size + 1)
        s = (sums[:, None] + k).ravel()
        if len(s) > 20 * TABLES:
            return None
        kept = (s <= total) & (total - s <= after)
        s, g = s[kept], np.rint((logs[:, None] + _log_choose(size, k)).ravel()[kept] / GRAIN).astype(np.int64)
        _, first, at = np.unique(g * (total + 1) + s, return_index=True, return_inverse=True)
        weight = np.bincount(at, np.repeat(weight, size + 1)[kept])
        sums, logs = s[first], g[first] * GRAIN
        if len(sums) > TABLES:
            return None
    logs = logs - whole
    return float(min(1.0, (weight * np.exp(logs))[logs <= observed + 1e-7].sum()))


def _log_choose(n: Array, k: Array) -> Array:
    return special.gammaln(np.add(n, 1)) - special.gammaln(np.add(k, 1)) - special.gammaln(np.subtract(n, k) + 1)
