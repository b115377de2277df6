"""Commonality: which tool, chamber, material or position do the bad units share, and could another one be to blame.

Each factor gets one test of all its levels, each level one test against all other units. Two corrections for asking
many questions stand beside every p-value: Holm (no false accusation at all, with the stated confidence) and Benjamini
and Hochberg (of the accused, at most that share falsely). Levels that split the units alike are one question and one
suspect: the data cannot tell them apart, and the result says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption
from workbench.process.quality.contingency import fisher_freeman_halton, rank_sum_p
from workbench.process.quality.multiplicity import benjamini_hochberg, holm

Array = np.ndarray
PAIRS = 1500  # values a side from which the shift of two groups is taken
ENOUGH = 100  # shuffles that reach the observed figure settle the question
MANY = 1000  # units from which Kruskal and Wallis' limit replaces shuffling
NEARLY = 0.9  # Cramer's V from which two factors count as confounded


@dataclass(frozen=True)
class FactorTest:
    """All levels of one factor. `effect`: Cramer's V (failing) or eta squared of ranks (measured), 0 ... 1."""

    factor: str
    level_count: int
    p: float
    p_holm: float
    p_bh: float
    effect: float
    convention: str


@dataclass(frozen=True)
class LevelTest:
    """One level against all other units. `value`, `rest`: failing shares or medians; `effect` the difference of shares
    (Newcombe interval) or the Hodges-Lehmann shift (Moses interval). `aliases`: (factor, level) that hold exactly the
    same units, or exactly the others. `p_beside`: for a suspect after the first, whether it matters once the first is
    allowed for (shuffled within the two halves that the first makes); nan for all others."""

    factor: str
    level: object
    count: int
    value: float
    rest: float
    effect: float
    low: float
    high: float
    p: float
    p_holm: float
    p_bh: float
    convention: str
    aliases: tuple[tuple[str, object], ...]
    p_beside: float = float("nan")


@dataclass(frozen=True)
class Confounding:
    """Two factors that moved together. `v` is Cramer's V; `complete` when one follows from the other."""

    first: str
    second: str
    v: float
    complete: bool


@dataclass(frozen=True)
class Commonality:
    """Result of `commonality`: tests sorted by p. `suspects` are the levels with a Holm p-value up to `level`."""

    response: str
    n: int
    factors: tuple[FactorTest, ...]
    levels: tuple[LevelTest, ...]
    confounded: tuple[Confounding, ...]
    question_count: int
    level: float
    convention: str
    assumptions: tuple[Assumption, ...]

    @property
    def suspects(self) -> tuple[LevelTest, ...]:
        return tuple(found for found in self.levels if found.p_holm <= self.level)

    @property
    def culprits(self) -> tuple[LevelTest, ...]:
        """The first suspect, and those of the others that it does not explain (p_beside up to `level`)."""
        return tuple(s for k, s in enumerate(self.suspects) if k == 0 or s.p_beside <= self.level)


def commonality(
    units: pd.DataFrame,
    *,
    response: str,
    factors: Sequence[str],
    level: float = 0.05,
    strata: str | None = None,
    permutation_count: int = 4999,
    seed: int = 0,
) -> Commonality:
    """Test `factors` (columns of `units`) against `response`: booleans (failing) or numbers.

    Failing: Fisher-Freeman-Halton for a factor, Fisher for a level, two-sided. Measured: permutation of ranks for a
    factor (Kruskal-Wallis beyond 1,000 units), rank sum for a level (exact up to 60 units). With `strata` (a column,
    for instance the lot) responses are only compared within it: by shuffling there, or by Cochran-Mantel-Haenszel
    beyond 1,000 units. Rows without a response are left out, a missing level counts as a level of its own.
    Raises DomainError: a column is absent, fewer than 4 units, a response that does not vary.
    """
    absent = [c for c in (response, *factors, *([strata] if strata else [])) if c not in units.columns]
    if absent or not factors:
        raise DomainError("process.column_absent", got=", ".join(absent), allowed=", ".join(map(str, units.columns)))
    rows = units[units[response].notna()]
    failing = pd.api.types.is_bool_dtype(rows[response].infer_objects())  # booleans with gaps are objects
    y = rows[response].to_numpy(bool if failing else float)
    if len(y) < 4:
        raise DomainError("process.too_few_values", got=len(y), allowed=">= 4")
    if np.ptp(y.astype(float)) == 0:
        raise DomainError("process.no_variation", where=response, got=y[0])
    codes, names = {}, {}
    for factor in factors:
        codes[factor], names[factor] = pd.factorize(rows[factor], sort=False, use_na_sentinel=False)
    within = None if strata is None else pd.factorize(rows[strata], use_na_sentinel=False)[0]
    score = y.astype(float) if failing else stats.rankdata(y)
    many = [f for f in factors if len(names[f]) > 1]
    whole = [_factor(f, codes[f], y, score, failing, within, permutation_count, seed) for f in many]
    questions: dict[bytes, list[tuple[str, int]]] = {}
    for factor in many:
        for k in range(len(names[factor])):
            questions.setdefault(_split(codes[factor] == k), []).append((factor, k))
    tests = {}
    count = max(permutation_count, int(2 * len(questions) / level))  # or no p-value could survive the correction
    for key, asked in questions.items():
        inside = codes[asked[0][0]] == asked[0][1]
        if within is not None:
            tests[key] = _within_strata(score, inside.astype(int), within, count, seed)
        elif failing:
            table = [[int(y[side].sum()), int((~y[side]).sum())] for side in (inside, ~inside)]
            tests[key] = (float(stats.fisher_exact(table).pvalue), "fisher_exact")
        else:
            tests[key] = rank_sum_p(y, inside)
    asked_p = [p for p, _ in tests.values()]
    by_holm, by_bh = (dict(zip(tests, way(asked_p), strict=True)) for way in (holm, benjamini_hochberg))
    levels = []
    for key, asked in questions.items():
        for factor, k in asked:
            inside = codes[factor] == k
            others = tuple((f, names[f][j]) for f, j in asked if f != factor)
            effect = _share_effect(y, inside) if failing else _shift_effect(y, inside)
            middle = np.mean if failing else np.median
            levels.append(LevelTest(factor, names[factor][k], int(inside.sum()), float(middle(y[inside])),
                                    float(middle(y[~inside])), *effect, tests[key][0], float(by_holm[key]),
                                    float(by_bh[key]), tests[key][1], others))  # fmt: skip
    levels.sort(key=lambda v: (v.p, -abs(v.effect)))
    codes_of = {(f, names[f][k]): codes[f] == k for f in many for k in range(len(names[f]))}
    levels = _beside(levels, codes_of, score, within, level, permutation_count, seed)
    whole_p = [p for _, _, p, _, _ in whole]
    found = [
        FactorTest(f, count, p, float(h), float(b), effect, convention)
        for (f, count, p, effect, convention), h, b in zip(
            whole, holm(whole_p), benjamini_hochberg(whole_p), strict=True
        )
    ]
    pairs = confounding(rows, many)
    together = sum(c.complete for c in pairs)
    checks = (
        Assumption("units_independent", None, None, ""),  # units of one wafer or batch resemble each other
        Assumption("factors_separable", together == 0, None, f"{together}"),
    )
    convention = "commonality_failing" if failing else "commonality_measured"
    ranked = tuple(sorted(found, key=lambda f: f.p))
    return Commonality(response, len(y), ranked, tuple(levels), pairs, len(tests), level, convention, checks)


def confounding(units: pd.DataFrame, factors: Sequence[str], *, nearly: float = NEARLY) -> tuple[Confounding, ...]:
    """Pairs of `factors` that cannot be told apart, or hardly (Cramer's V from `nearly`). A chamber determines its
    tool: that is complete confounding in one direction, and listed as such."""
    found = []
    codes = {f: pd.factorize(units[f].astype(object).fillna(""))[0] for f in factors}
    for at, a in enumerate(factors):
        for b in factors[at + 1 :]:
            wide = int(codes[b].max(initial=-1)) + 1
            tall = int(codes[a].max(initial=-1)) + 1
            table = np.bincount(codes[a] * wide + codes[b], minlength=tall * wide).reshape(tall, wide)
            if min(table.shape) < 2:
                continue
            v = _cramer(table)
            filled = table > 0
            nested = bool((filled.sum(axis=1) == 1).all() or (filled.sum(axis=0) == 1).all())
            if nested or v >= nearly:
                found.append(Confounding(a, b, v, nested))
    return tuple(sorted(found, key=lambda c: -c.v))


def given(
    units: pd.DataFrame, *, response: str, factor: str, known: str, permutation_count: int = 4999, seed: int = 0
) -> float:
    """P-value that `factor` still matters once `known` is allowed for: responses are shuffled within levels of `known`.

    1 when `known` determines `factor`: then nothing is left to test. Raises DomainError: a column is absent.
    """
    absent = [c for c in (response, factor, known) if c not in units.columns]
    if absent:
        raise DomainError("process.column_absent", got=", ".join(absent), allowed=", ".join(map(str, units.columns)))
    rows = units[units[response].notna()]
    score = stats.rankdata(rows[response].to_numpy(float))
    codes, within = (pd.factorize(rows[c], use_na_sentinel=False)[0] for c in (factor, known))
    return _within_strata(score, codes, within, permutation_count, seed)[0]


def stratified_p(score: Array, codes: Array, strata: Array, count: int, seed: int) -> float:
    """P-value of the between-group sum of squares of `score`, centred in each stratum, by shuffling within strata.

    At most `count` shuffles; as soon as ENOUGH of them reach the observed sum the answer is their share (Besag and
    Clifford 1991, Biometrika 78, 301), which is as valid and spares what is plainly chance.
    """
    rng = np.random.default_rng(seed)
    strata_counts = np.bincount(strata)
    x = score - (np.bincount(strata, score) / strata_counts)[strata]
    order = np.argsort(strata, kind="stable")
    x, codes, strata = x[order], codes[order], strata[order]
    sizes, k = np.bincount(codes), int(codes.max()) + 1
    seen = (np.bincount(codes, x) ** 2 / sizes).sum()
    limit, reached = seen - 1e-9 * max(1.0, float(x @ x)), 0
    for begin in range(0, count, 128):
        rows = min(128, count - begin)
        if len(strata_counts) == 1:
            shuffled = rng.permuted(np.broadcast_to(x, (rows, len(x))), axis=1)
        else:  # sorting keeps strata together and shuffles within
            shuffled = x[np.argsort(rng.random((rows, len(x))) + strata, axis=1)]
        where = (codes + k * np.arange(rows)[:, None]).ravel()
        sums = np.bincount(where, shuffled.ravel(), minlength=k * rows).reshape(rows, k)
        hits = np.flatnonzero((sums**2 / sizes).sum(axis=1) >= limit)
        if reached + len(hits) >= ENOUGH:
            return ENOUGH / float(begin + hits[ENOUGH - reached - 1] + 1)
        reached += len(hits)
    return (reached + 1) / (count + 1)


def _beside(
    levels: list[LevelTest], codes_of: dict, score: Array, within: Array | None, level: float, count: int, seed: int
) -> list[LevelTest]:
    """Suspects after the first, each with its p-value once the first is allowed for."""
    first, *rest = levels
    if first.p_holm > level:
        return levels
    known = codes_of[first.factor, first.level].astype(int)
    if within is not None:
        known = np.unique(known + 2 * within, return_inverse=True)[1]
    found = [first]
    for test in rest:
        if test.p_holm <= level and (first.factor, first.level) not in test.aliases:
            inside = codes_of[test.factor, test.level].astype(int)
            test = replace(test, p_beside=_within_strata(score, inside, known, count, seed)[0])
        found.append(test)
    return found


def stratified_chi2(score: Array, codes: Array, strata: Array) -> float:
    """The same question for many units, by the normal limit: generalized Cochran-Mantel-Haenszel test of group sums,
    whose mean and covariance under shuffling within strata are exact. 1 where strata leave nothing to compare.

    Source: Landis, Heyman and Koch 1978, Int. Statistical Review 46, 237.
    """
    k, n = int(codes.max()) + 1, np.bincount(strata).astype(float)
    x = score - (np.bincount(strata, score) / n)[strata]
    square = np.bincount(strata, x**2)
    members = np.zeros((len(n), k))
    np.add.at(members, (strata, codes), 1.0)
    weight = np.divide(square, n - 1, out=np.zeros(len(n)), where=n > 1)
    covariance = np.diag(weight @ members) - (members * (weight / n)[:, None]).T @ members
    sums = np.bincount(codes, x, minlength=k)
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    if rank == 0:
        return 1.0
    return float(stats.chi2.sf(sums @ np.linalg.pinv(covariance, hermitian=True) @ sums, rank))


def _within_strata(score: Array, codes: Array, strata: Array, count: int, seed: int) -> tuple[float, str]:
    if len(score) > MANY:
        return stratified_chi2(score, codes, strata), "stratified_chi2"
    return stratified_p(score, codes, strata, count, seed), "stratified"


def _factor(name, codes, y, score, failing, within, count, seed) -> tuple[str, int, float, float, str]:
    sizes = np.bincount(codes)
    if failing:
        bad = np.bincount(codes, y).astype(int)
        effect = _cramer(np.stack([bad, sizes - bad]))
    else:
        centred = score - score.mean()
        effect = float((np.bincount(codes, centred) ** 2 / sizes).sum() / (centred @ centred))
    if within is None and failing:
        return (name, len(sizes), *_swapped(fisher_freeman_halton(bad, sizes, seed=seed), effect))
    if within is None and len(score) > MANY and sizes.min() >= 5:
        p = float(stats.chi2.sf((len(score) - 1) * effect, len(sizes) - 1))  # H of Kruskal and Wallis, ties corrected
        return name, len(sizes), p, effect, "kruskal_wallis"
    if within is None:
        return name, len(sizes), stratified_p(score, codes, 0 * codes, count, seed), effect, "rank_permutation"
    p, how = _within_strata(score, codes, within, count, seed)
    return name, len(sizes), p, effect, how


def _swapped(found: tuple[float, str], effect: float) -> tuple[float, float, str]:
    return found[0], effect, found[1]


def _split(inside: Array) -> bytes:
    """One name for a split of the units into two, whichever half is called inside."""
    return np.packbits(inside if inside[0] else ~inside).tobytes()


def _cramer(table: Array) -> float:
    table = table[:, table.sum(axis=0) > 0][table.sum(axis=1) > 0]
    if min(table.shape) < 2:
        return 0.0
    n = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    chi2 = float(((table - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi2 / n / (min(table.shape) - 1)))


def _share_effect(y: Array, inside: Array) -> tuple[float, float, float]:
    counts = (int(y[inside].sum()), int(inside.sum()), int(y[~inside].sum()), int((~inside).sum()))
    low, high = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    return counts[0] / counts[1] - counts[2] / counts[3], float(low), float(high)


def _shift_effect(y: Array, inside: Array, confidence: float = 0.95) -> tuple[float, float, float]:
    a, b = _thinned(y[inside]), _thinned(y[~inside])
    differences = np.sort((a[:, None] - b).ravel())
    m, n = len(a), len(b)
    c = m * n / 2 - stats.norm.ppf((1 + confidence) / 2) * np.sqrt(m * n * (m + n + 1) / 12)
    at = max(round(c), 0)
    return float(np.median(differences)), float(differences[at]), float(differences[m * n - 1 - at])


def _thinned(values: Array) -> Array:
    """At most PAIRS order statistics, evenly spaced."""
    ordered = np.sort(values)
    return ordered if len(ordered) <= PAIRS else ordered[np.linspace(0, len(ordered) - 1, PAIRS).round().astype(int)]
