"""How long a chart runs before it signals: average run lengths of Shewhart, EWMA, CUSUM and MEWMA charts, and limits
for a wished one.

Points are independent and normal with known mean and sigma; `shift` is the shift of the mean of a plotted point in its
own sigma, from the first point on (zero state). Smooth charts are solved by Nystrom's method on Gauss-Legendre nodes,
run rules by an exact finite Markov chain.
Sources: Champ and Woodall 1987, Technometrics 29, 393 (run rules); Crowder 1987, Technometrics 29, 401 (EWMA); Page
1954, Biometrika 41, 100 and Lucas and Crosier 1982, Technometrics 24, 199 (CUSUM); Rigdon 1995, J. Stat. Comput. Simul.
52, 351 and J. Quality Technology 27, 91 (MEWMA).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from scipy import optimize, sparse, special
from scipy.sparse import linalg as sparse_linalg

from workbench.errors import DomainError
from workbench.process.quality.rules import Rule

Array = np.ndarray
CHAIN_KINDS = ("beyond", "one_side", "zone", "hugging", "avoiding")


@dataclass(frozen=True)
class RunLength:
    """Distribution of the number of points up to and including the first signal.

    `survival[i]` is P(N > i) for i = 0 ... ; beyond its end it falls by the factor `decay` a point.
    """

    mean: float
    deviation: float
    method: str  # markov_chain | integral_equation | closed_form
    survival: Array
    decay: float

    def beyond(self, n: int) -> float:
        """P(N > n): no signal among the first `n` points."""
        last = len(self.survival) - 1
        return float(self.survival[n] if n <= last else self.survival[last] * self.decay ** (n - last))

    def quantile(self, share: float) -> int:
        """The least n with P(N <= n) >= `share`; the median for 0.5."""
        inside = np.flatnonzero(1 - self.survival >= share)
        if len(inside):
            return int(inside[0])
        last = len(self.survival) - 1
        return last + int(np.ceil(np.log((1 - share) / self.survival[last]) / np.log(self.decay)))


def shewhart_run_length(shift: float = 0.0, *, limit: float = 3.0) -> RunLength:
    """Two-sided limits at +- `limit` sigma: geometric, mean 1 / p (370.398 for 3 sigma, no shift)."""
    _positive(limit, "limit")
    p = float(special.ndtr(shift - limit) + special.ndtr(-shift - limit))
    return RunLength(1 / p, np.sqrt(1 - p) / p, "closed_form", np.array([1.0]), 1 - p)


def shewhart_limit(arl: float) -> float:
    """Half width of two-sided limits, in sigma, for the in-control run length `arl` > 1."""
    return float(-special.ndtri(1 / (2 * _wished(arl))))


def rules_run_length(rules: dict[str, Rule], shift: float = 0.0) -> RunLength:
    """Run length of a Shewhart chart with run `rules` that look only at zones: exact, by a Markov chain.

    Raises DomainError for trends and alternation: their patterns depend on the heights, not on the zones.
    """
    edges, follow = _automaton(tuple(rules.values()))
    letters = np.diff(special.ndtr(np.concatenate([[-np.inf], edges, [np.inf]]) - shift))
    state, letter = np.nonzero(follow >= 0)
    size = len(follow)
    chain = sparse.csc_array((letters[letter], (state, follow[state, letter])), shape=(size, size))
    factor = sparse_linalg.splu(sparse.csc_matrix(sparse.identity(size, format="csc") - chain))
    return _distribution(lambda v: chain @ v, factor.solve, size, 0, "markov_chain")


@cache
def _automaton(rules: tuple[Rule, ...]) -> tuple[Array, Array]:
    """Borders of the zones, and the next state by (state, zone); -1 signals. State 0 is the empty chart."""
    refused = [r.kind for r in rules if r.kind not in CHAIN_KINDS]
    if refused or not rules:
        raise DomainError("process.rules_without_chain", got=", ".join(refused), allowed=", ".join(CHAIN_KINDS))
    edges = sorted({0.0} | {s * r.sigma for r in rules if r.kind != "one_side" for s in (1, -1)})
    middles = [(a + b) / 2 for a, b in zip([edges[0] - 2, *edges], [*edges, edges[-1] + 2], strict=True)]
    start = tuple(_start(rule) for rule in rules)
    numbers, follow, queue = {start: 0}, [], [start]
    for state in queue:  # grows while it is walked
        row = []
        for z in middles:
            nexts = tuple(_next(rule, memory, z) for rule, memory in zip(rules, state, strict=True))
            if any(memory is None for memory in nexts):
                row.append(-1)
                continue
            if nexts not in numbers:
                numbers[nexts] = len(numbers)
                queue.append(nexts)
            row.append(numbers[nexts])
        follow.append(row)
    return np.array(edges), np.array(follow)


def _start(rule: Rule) -> tuple:
    return ((0,) * (rule.of - 1),) * 2 if rule.kind == "zone" else (0, 0)


def _next(rule: Rule, memory: tuple, z: float) -> tuple | None:
    """What `rule` must remember after a point at `z`, or None when the point completes its pattern."""
    side = 1 if z > 0 else -1
    match rule.kind:
        case "beyond":
            return None if abs(z) > rule.sigma else memory
        case "one_side":
            run = memory[0] + side if memory[0] * side > 0 else side
            return None if abs(run) >= rule.count else (run, 0)
        case "zone":
            hits = (z > rule.sigma, z < -rule.sigma)
            if any(hit and 1 + sum(seen) >= rule.count for hit, seen in zip(hits, memory, strict=True)):
                return None
            return tuple(_useful(rule, (int(hit), *seen[:-1])) for hit, seen in zip(hits, memory, strict=True))
        case "hugging":
            run = memory[0] + 1 if abs(z) < rule.sigma else 0
            return None if run >= rule.count else (run, 0)
    if abs(z) <= rule.sigma:
        return (0, 0)
    away = min(memory[0] + 1, rule.count)
    same = memory[1] + side if memory[1] * side > 0 else side
    same = max(-rule.count, min(rule.count, same))
    return None if away >= rule.count and abs(same) < rule.count else (away, same)


def _useful(rule: Rule, seen: tuple[int, ...]) -> tuple[int, ...]:
    """`seen` (newest first) without the hits that no future can complete to a pattern: equal futures, one state."""
    kept = list(seen)
    for i, hit in enumerate(seen):
        futures = range(1, rule.of - i)
        if hit and not any(sum(seen[: rule.of - j]) + j >= rule.count for j in futures):
            kept[i] = 0
    return tuple(kept)


def ewma_run_length(
    shift: float = 0.0, *, smoothing: float, limit: float, head_start: float = 0.0, nodes: int | None = None
) -> RunLength:
    """Two-sided EWMA with fixed limits at +- `limit` asymptotic sigma of the average; starts at `head_start` sigma
    of a point."""
    return _solve(_ewma(shift, smoothing, limit, head_start, nodes), "integral_equation")


def _ewma(shift: float, smoothing: float, limit: float, head_start: float, nodes: int | None) -> Array:
    if not 0 < smoothing <= 1:
        raise DomainError("process.smoothing", got=smoothing, allowed="0 < ... <= 1")
    half = _positive(limit, "limit") * np.sqrt(smoothing / (2 - smoothing))
    x, weight = _gauss(nodes or int(max(60, 14 * half / smoothing)), -half, half)
    origin = np.concatenate([[head_start], x])
    step = (x - (1 - smoothing) * origin[:, None]) / smoothing - shift
    return _phi(step) * weight / smoothing


def ewma_limit(arl: float, *, smoothing: float) -> float:
    """Limit of a two-sided EWMA, in its asymptotic sigma, for the in-control run length `arl`."""
    wished = _wished(arl)

    def excess(limit: float) -> float:
        return np.log(ewma_arl(smoothing=smoothing, limit=limit) / wished)

    return float(optimize.brentq(excess, 1e-3, shewhart_limit(arl) + 0.5, xtol=1e-10))


def cusum_run_length(
    shift: float = 0.0, *, reference: float, decision: float, head_start: float = 0.0, nodes: int | None = None
) -> RunLength:
    """Upper one-sided tabular CUSUM from `head_start`: C = max(0, C + z - `reference`), signal above `decision`."""
    return _solve(_cusum(shift, reference, decision, head_start, nodes), "integral_equation")


def _cusum(shift: float, reference: float, decision: float, head_start: float, nodes: int | None) -> Array:
    _positive(decision, "decision")
    x, weight = _gauss(nodes or int(max(40, 14 * decision)), 0.0, decision)
    origin = np.concatenate([[head_start, 0.0], x])[:, None]  # the atom at zero is a state of its own
    density = _phi(x - origin + reference - shift) * weight
    return np.hstack([special.ndtr(reference - shift - origin), density])


@lru_cache(maxsize=4096)
def cusum_arl(
    shift: float = 0.0, *, reference: float, decision: float, head_start: float = 0.0, sides: int = 2
) -> float:
    """Average run length of a CUSUM. Two sides combine exactly when both have the same reference and decision value
    (Lucas and Crosier 1982)."""
    upper = _mean(_cusum(shift, reference, decision, head_start, None))
    if sides == 1:
        return upper
    lower = _mean(_cusum(-shift, reference, decision, head_start, None))
    if head_start == 0:
        return 1 / (1 / upper + 1 / lower)
    up, low = (_mean(_cusum(s * shift, reference, decision, 0.0, None)) for s in (1, -1))
    return (upper * low + lower * up - up * low) / (up + low)


def cusum_limit(arl: float, *, reference: float, sides: int = 2) -> float:
    """Decision value of a CUSUM for the in-control run length `arl`, without head start."""
    wished = _wished(arl)

    def excess(decision: float) -> float:
        return np.log(cusum_arl(reference=reference, decision=decision, sides=sides) / wished)

    high = 2.0
    while excess(high) < 0 and high < 200:
        high *= 1.5
    return float(optimize.brentq(excess, 1e-3, high, xtol=1e-9))


@lru_cache(maxsize=4096)
def ewma_arl(shift: float = 0.0, *, smoothing: float, limit: float, head_start: float = 0.0) -> float:
    """Average run length of `ewma_run_length`, without its distribution."""
    return _mean(_ewma(shift, smoothing, limit, head_start, None))


@lru_cache(maxsize=512)
def mewma_arl(shift: float = 0.0, *, dimension: int, smoothing: float, limit: float, nodes: int = 36) -> float:
    """MEWMA of `dimension` variables with T2 limit `limit` (asymptotic covariance); `shift` is the Mahalanobis length
    of the shift of the mean."""
    if not 0 < smoothing <= 1 or dimension < 1:
        raise DomainError("process.smoothing", got=f"{smoothing}, p = {dimension}", allowed="0 < ... <= 1; p >= 1")
    radius = np.sqrt(_positive(limit, "limit") * smoothing / (2 - smoothing))
    if dimension == 1:
        return ewma_arl(shift, smoothing=smoothing, limit=np.sqrt(limit))
    kernel = _radial if shift == 0 else _with_shift
    return _mean(kernel(abs(shift), dimension, smoothing, radius, nodes))


def mewma_limit(arl: float, *, dimension: int, smoothing: float) -> float:
    """T2 limit of a MEWMA for the in-control run length `arl`."""
    wished = _wished(arl)
    high = float(special.chdtri(dimension, 1 / wished)) * 1.5 + 5

    def excess(limit: float) -> float:
        return np.log(mewma_arl(dimension=dimension, smoothing=smoothing, limit=limit) / wished)

    return float(optimize.brentq(excess, 1e-3, high, xtol=1e-9))


def _radial(_: float, dimension: int, smoothing: float, radius: float, nodes: int) -> Array:
    """In control only the length of the average matters."""
    r, weight = _gauss(max(nodes, int(10 * radius / smoothing)), 0.0, radius)
    origin = np.concatenate([[0.0], r])[:, None]
    return _length_density(r / smoothing, (1 - smoothing) * origin / smoothing, dimension) * weight / smoothing


def _with_shift(shift: float, dimension: int, smoothing: float, radius: float, nodes: int) -> Array:
    """State: the component along the shift, R sin(a), and the length of the rest, R cos(a) t; both smooth."""
    angle, along_weight = _gauss(nodes, -np.pi / 2, np.pi / 2)
    share, rest_weight = _gauss(max(12, nodes * 2 // 3), 0.0, 1.0)
    a, t = (m.ravel() for m in np.meshgrid(angle, share, indexing="ij"))
    along, rest = radius * np.sin(a), radius * np.cos(a) * t
    weight = np.outer(along_weight, rest_weight).ravel() * (radius * np.cos(a)) ** 2
    keep = 1 - smoothing
    from_along, from_rest = (np.concatenate([[0.0], v])[:, None] for v in (along, rest))
    density = _phi((along - keep * from_along) / smoothing - shift) / smoothing
    density = density * _length_density(rest / smoothing, keep * from_rest / smoothing, dimension - 1) / smoothing
    return density * weight


def _length_density(x: Array, centre: Array, dimension: int) -> Array:
    """Density of the length of a normal vector with unit covariance and mean length `centre` (noncentral chi)."""
    order = dimension / 2 - 1
    product = np.maximum(x * centre, 1e-300)
    if dimension == 1:
        return _phi(x - centre) + _phi(x + centre)
    with np.errstate(over="ignore", invalid="ignore"):
        bulk = x ** (dimension / 2) * np.maximum(centre, 1e-300) ** -order * special.ive(order, product)
    central = x ** (dimension - 1) * 2**-order / special.gamma(dimension / 2)
    return np.where(centre > 1e-8, bulk * np.exp(-((x - centre) ** 2) / 2), central * np.exp(-(x**2) / 2))


def _phi(z: Array) -> Array:
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def _gauss(count: int, low: float, high: float) -> tuple[Array, Array]:
    x, weight = np.polynomial.legendre.leggauss(count)
    return (high - low) / 2 * x + (high + low) / 2, (high - low) / 2 * weight


def _mean(kernel: Array) -> float:
    """Mean run length from the first row of `kernel` (1 + n, n): 1 + K L, L = 1 + K L on the nodes."""
    inner = kernel[1:]
    lengths = np.linalg.solve(np.eye(len(inner)) - inner, np.ones(len(inner)))
    return float(1 + kernel[0] @ lengths)


def _solve(kernel: Array, method: str) -> RunLength:
    full = np.hstack([np.zeros((len(kernel), 1)), kernel])  # the start is a state nothing returns to
    matrix = np.eye(len(full)) - full
    return _distribution(lambda v: full @ v, lambda b: np.linalg.solve(matrix, b), len(full), 0, method)


def _distribution(
    step: Callable[[Array], Array], solve: Callable[[Array], Array], size: int, start: int, method: str
) -> RunLength:
    """Mean and deviation by two solves; survival by stepping until it falls geometrically."""
    ones = np.ones(size)
    mean = solve(ones)
    square = solve(ones + 2 * step(mean))
    survival, state, decay = [1.0], ones, 0.0
    for _ in range(20_000):
        state = step(state)
        survival.append(float(state[start]))
        if survival[-1] < 1e-14:
            decay = 0.0
            break
        ratio = survival[-1] / survival[-2]
        if len(survival) > 12 and abs(ratio - decay) < 1e-13:
            break
        decay = ratio
    deviation = float(np.sqrt(max(square[start] - mean[start] ** 2, 0.0)))
    return RunLength(float(mean[start]), deviation, method, np.array(survival), decay)


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise DomainError("process.chart_not_positive", where=name, got=value, allowed="> 0")
    return value


def _wished(arl: float) -> float:
    if not 1.5 <= arl <= 1e6:
        raise DomainError("process.wished_run_length", got=arl, allowed="1.5 ... 1e6")
    return float(arl)


@cache
def cusum_exceedance(count: int, *, reference: float, decision: float) -> float:
    """Expected number of the first `count` points with a two-sided CUSUM beyond its decision value, never restarted.

    The distribution of one sum is carried from point to point on a grid of its values (in control) and counted for both
    sides; a point beyond on both sides, possible only for decision values near 3 and below, counts twice.
    """
    _positive(decision, "decision")
    if not reference > 0:
        raise DomainError("process.cusum", got=f"k {reference}", allowed="k > 0")
    inside, outside = _gauss(60, 0.0, decision), _gauss(100, decision, decision + 6 + 8 / reference)
    x, weight = (np.concatenate(pair) for pair in zip(inside, outside, strict=True))
    origin = np.concatenate([[0.0], x])[:, None]
    step = np.hstack([special.ndtr(reference - origin), _phi(x - origin + reference) * weight])
    step /= step.sum(axis=1, keepdims=True)  # the top of the grid is out of reach
    beyond = np.concatenate([[0.0], np.where(x > decision, 1.0, 0.0)])
    state, total, last = np.eye(1, len(x) + 1)[0], 0.0, -1.0
    for done in range(count):
        state = state @ step
        share = float(state @ beyond)
        if abs(share - last) < 1e-13:
            return 2 * (total + share * (count - done))
        total, last = total + share, share
    return 2 * total
