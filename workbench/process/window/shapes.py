"""The largest box and the largest ellipsoid inside a window, in any number of factors.

Two ways. A window of straight limits (a polytope) is a convex problem, solved to the last digits. Any other window is
given by margins, smooth functions that are positive inside; it is solved by exchange: the shape grows under its limits
at a finite set of its own points, the worst point of the new shape joins the set, until no point is outside. Margins
are judged between the points too (a fine set and a search from its worst), so what is returned lies inside to
`TOLERANCE`. Where the window is not convex a larger shape may exist elsewhere: several starts are tried. "Largest" is
by volume, which does not depend on the units of the factors.

Sources: Boyd and Vandenberghe 2004, Convex Optimization, section 8.4 (boxes and ellipsoids in polytopes); Hettich and
Kortanek 1993, SIAM Review 35, 380 (exchange methods).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import lgamma

import numpy as np
from scipy import optimize, special
from scipy.stats import qmc

from workbench.errors import DomainError

Array = np.ndarray
Margins = Callable[[Array], Array]  # points (n, k) -> (n, limits), positive inside
TOLERANCE = 1e-6  # of the margins over their spread in the range, at the shape that is returned
_ROUNDS = 50  # of the exchange, from the best start; the others get ten to show what they are worth
_NEAR, _FAR = 0.02, 0.3  # a point whose margin is below the first joins the limits, above the second leaves them


@dataclass(frozen=True)
class Box:
    """Ranges `low` ... `high` (k,) of all factors that hold at once."""

    low: Array
    high: Array

    @property
    def centre(self) -> Array:
        return (self.low + self.high) / 2

    @property
    def volume(self) -> float:
        return float(np.prod(self.high - self.low))


@dataclass(frozen=True)
class Ellipsoid:
    """The points centre + root u with |u| <= 1; `root` (k, k) is lower triangular."""

    centre: Array
    root: Array

    @property
    def volume(self) -> float:
        k = len(self.centre)
        ball = np.exp(k / 2 * np.log(np.pi) - lgamma(k / 2 + 1))
        return float(ball * np.abs(np.diag(self.root)).prod())

    @property
    def half_axes(self) -> tuple[Array, Array]:
        """Lengths (k,), longest first, and directions (k, k) in columns."""
        vectors, lengths, _ = np.linalg.svd(self.root)
        return lengths, vectors

    @property
    def reach(self) -> Array:
        """How far it extends from the centre along each factor (k,)."""
        return np.linalg.norm(self.root, axis=1)

    def contains(self, x: Array) -> Array:
        """Which of the points (n, k) lie inside."""
        u = np.linalg.solve(self.root, (np.atleast_2d(x) - self.centre).T)
        return np.linalg.norm(u, axis=0) <= 1 + 1e-12


def box_in_polytope(a: Array, b: Array) -> Box:
    """Largest box in {x: a x <= b}, a (m, k), b (m,). Raises DomainError: the polytope is empty or not bounded."""
    a, b, centre, radius = _polytope(a, b)
    k = a.shape[1]
    plus, minus = np.maximum(a, 0), np.minimum(a, 0)
    rows = np.hstack([plus + minus, plus - minus])  # centre, half widths: a c + |a| h <= b
    start = np.concatenate([centre, np.full(k, 0.9 * radius / np.sqrt(k))])

    def terms(z: Array, weight: float, curved: bool = True) -> tuple[float, Array, Array]:
        h, slack = z[k:], b - rows @ z
        if h.min() <= 0 or slack.min() <= 0:
            return np.inf, z, np.empty((0, 0))
        value = -weight * float(np.log(h).sum()) - float(np.log(slack).sum())
        if not curved:
            return value, z, np.empty((0, 0))
        gradient = rows.T @ (1 / slack)
        gradient[k:] -= weight / h
        hessian = (rows / slack[:, None] ** 2).T @ rows
        hessian[np.arange(k, 2 * k), np.arange(k, 2 * k)] += weight / h**2
        return value, gradient, hessian

    z = _barrier(terms, start, len(b))
    return Box(z[:k] - z[k:], z[:k] + z[k:])


def ellipsoid_in_polytope(a: Array, b: Array) -> Ellipsoid:
    """Largest ellipsoid in {x: a x <= b}, a (m, k), b (m,) (the John ellipsoid). Raises as `box_in_polytope`."""
    a, b, centre, radius = _polytope(a, b)
    k = a.shape[1]
    rows, columns = np.tril_indices(k)
    diagonal = np.nonzero(rows == columns)[0]
    start = np.concatenate([centre, 0.9 * radius * np.eye(k)[rows, columns]])
    # root' a_i is linear in the entries of the root: entry (r, c) adds a_ir to component c
    maps = np.zeros((len(b), k, len(rows)))
    maps[:, columns, np.arange(len(rows))] = a[:, rows]

    def terms(z: Array, weight: float, curved: bool = True) -> tuple[float, Array, Array]:
        entries = z[k:]
        d = entries[diagonal]
        v = maps @ entries
        length = np.linalg.norm(v, axis=1)
        slack = b - a @ z[:k] - length
        if d.min() <= 0 or slack.min() <= 0:
            return np.inf, z, np.empty((0, 0))
        value = -weight * float(np.log(d).sum()) - float(np.log(slack).sum())
        if not curved:
            return value, z, np.empty((0, 0))
        unit = v / length[:, None]
        slope = np.hstack([a, np.einsum("mc,mce->me", unit, maps)])
        gradient = slope.T @ (1 / slack)
        hessian = (slope / slack[:, None] ** 2).T @ slope
        across = maps - unit[:, :, None] * np.einsum("mc,mce->me", unit, maps)[:, None, :]
        hessian[k:, k:] += np.einsum("mce,mcf,m->ef", across, across, 1 / (length * slack))
        gradient[k + diagonal] -= weight / d
        hessian[k + diagonal, k + diagonal] += weight / d**2
        return value, gradient, hessian

    z = _barrier(terms, start, len(b))
    root = np.zeros((k, k))
    root[rows, columns] = z[k:]
    return Ellipsoid(z[:k], root)


def largest_box(margins: Margins, low: Array, high: Array, *, starts: Array | None = None) -> Box | None:
    """Largest box within `low` ... `high` (k,) where all `margins` are positive; None where no start is inside.

    `starts` (n, k) are points to grow from; without them a fixed set of points over the range is tried.
    """
    found = _largest(margins, low, high, starts, "box")
    return None if found is None else Box(found[0] - np.diag(found[1]), found[0] + np.diag(found[1]))


def largest_ellipsoid(
    margins: Margins, low: Array, high: Array, *, starts: Array | None = None, aligned: bool = False
) -> Ellipsoid | None:
    """Largest ellipsoid, as `largest_box`; `aligned` keeps its axes along the factors."""
    found = _largest(margins, low, high, starts, "aligned" if aligned else "ellipsoid")
    return None if found is None else Ellipsoid(*found)


def _polytope(a: Array, b: Array) -> tuple[Array, Array, Array, float]:
    """The limits with unit normals, and the largest ball inside (Chebyshev centre)."""
    a, b = np.atleast_2d(np.asarray(a, float)), np.asarray(b, float)
    length = np.linalg.norm(a, axis=1)
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or length.min() <= 0 or len(b) != len(a):
        raise DomainError("process.window_limits", got=f"{a.shape}, {b.shape}")
    a, b = a / length[:, None], b / length
    k = a.shape[1]
    for sign in (1, -1):
        for i in range(k):
            ray = optimize.linprog(sign * np.eye(k)[i], A_ub=a, b_ub=b, bounds=(None, None))
            if ray.status != 0:
                raise DomainError("process.window_empty" if ray.status == 2 else "process.window_open", where=i + 1)
    ball = optimize.linprog(
        np.append(np.zeros(k), -1.0), A_ub=np.column_stack([a, np.ones(len(b))]), b_ub=b,
        bounds=[(None, None)] * k + [(0, None)],
    )  # fmt: skip
    if ball.status != 0 or ball.x[-1] <= 1e-12 * max(1.0, np.abs(b).max()):
        raise DomainError("process.window_empty")
    return a, b, ball.x[:k], float(ball.x[-1])


def _barrier(terms: Callable[..., tuple[float, Array, Array]], z: Array, limit_count: int) -> Array:
    """Newton's method on a growing weight of the objective; the gap left is limits over weight. `terms` gives value,
    gradient and Hessian; the search along a step asks for the value alone (`curved` False)."""
    weight = 1.0
    while True:
        for _ in range(60):
            value, gradient, hessian = terms(z, weight)
            step = -np.linalg.lstsq(hessian, gradient, rcond=None)[0]
            fall = float(-gradient @ step)
            if fall < 1e-12:
                break
            size = 1.0
            while size > 1e-12 and not terms(z + size * step, weight, False)[0] <= value - 0.2 * size * fall:
                size /= 2
            if size <= 1e-12:
                break
            z = z + size * step
        if limit_count / weight < 1e-10:
            return z
        weight *= 8


class _Shape:
    """Parameters of a shape: centre (k,) and the free entries of its root; unit points u in the cube or the ball."""

    def __init__(self, k: int, kind: str):
        self.k, self.kind = k, kind
        self.rows, self.columns = np.tril_indices(k) if kind == "ellipsoid" else (np.arange(k), np.arange(k))
        self.diagonal = self.k + np.nonzero(self.rows == self.columns)[0]

    def root(self, z: Array) -> Array:
        found = np.zeros((self.k, self.k))
        found[self.rows, self.columns] = z[self.k :]
        return found

    def points(self, z: Array, u: Array) -> Array:
        return z[: self.k] + u @ self.root(z).T

    def slopes(self, gradient: Array, u: Array) -> Array:
        """Derivatives (n, parameters) of a margin with `gradient` (n, k) at the unit points `u`."""
        return np.hstack([gradient, gradient[:, self.rows] * u[:, self.columns]])

    def range_left(self, z: Array) -> Array:
        """How far the shape stays inside -1 ... 1 on both sides of every factor (2 k,)."""
        reach = np.linalg.norm(self.root(z), axis=1)
        return np.concatenate([1 - z[: self.k] - reach, 1 + z[: self.k] - reach])

    def range_slopes(self, z: Array) -> Array:
        root = self.root(z)
        reach = np.maximum(np.linalg.norm(root, axis=1), 1e-300)
        own = np.zeros((self.k, len(z) - self.k))
        own[self.rows, np.arange(len(self.rows))] = root[self.rows, self.columns] / reach[self.rows]
        return np.vstack([np.hstack([-np.eye(self.k), -own]), np.hstack([np.eye(self.k), -own])])

    def inward(self, u: Array) -> Array:
        if self.kind == "box":
            return np.clip(u, -1, 1)
        return u / np.maximum(1.0, np.linalg.norm(u, axis=1, keepdims=True))

    def unit_points(self) -> Array:
        """A fine set over the surface and the inside; for a box all corners (up to 12 factors) first."""
        k = self.k
        fine = special.ndtri(np.clip(qmc.Sobol(k, scramble=True, rng=0).random_base2(8 + min(k, 4)), 1e-9, 1 - 1e-9))
        axes = np.vstack([np.eye(k), -np.eye(k), np.zeros((1, k))])
        if self.kind == "box":
            cube = fine / np.abs(fine).max(axis=1, keepdims=True)
            corners = 1 - 2.0 * (np.arange(2 ** min(k, 12))[:, None] >> np.arange(k) & 1)
            return np.vstack([corners, axes, cube])
        return np.vstack([axes, fine / np.linalg.norm(fine, axis=1, keepdims=True)])


def _largest(margins: Margins, low: Array, high: Array, starts: Array | None, kind: str) -> tuple[Array, Array] | None:
    low, high = np.asarray(low, float), np.asarray(high, float)
    k = len(low)
    if not (low < high).all():
        raise DomainError("process.window_limits", got=f"{low.tolist()} ... {high.tolist()}")
    half, middle = (high - low) / 2, (high + low) / 2

    sample = qmc.scale(qmc.Sobol(k, scramble=True, rng=0).random_base2(10 + min(k, 3)), -np.ones(k), np.ones(k))
    spread = np.maximum(np.asarray(margins(middle + half * sample), float).std(axis=0), 1e-300)

    def scaled(x: Array) -> Array:
        """Margins over their spread, in coordinates where the range is -1 ... 1."""
        if not len(x):
            return np.empty((0, len(spread)))
        return np.asarray(margins(middle + half * x), float) / spread

    tried = _starts(scaled, sample, None if starts is None else (np.atleast_2d(starts) - middle) / half)
    shape = _Shape(k, kind)
    unit = shape.unit_points()
    found = [
        z for z in (_grown(scaled, shape, _small(scaled, shape, at, unit), unit, 10) for at in tried) if z is not None
    ]
    if not found:
        return None
    best = max(found, key=lambda z: round(_size(z, shape), 7))
    best = _grown(scaled, shape, best, unit, _ROUNDS)
    return middle + half * best[:k], half[:, None] * shape.root(best)


def _starts(scaled: Margins, points: Array, given: Array | None, count: int = 3) -> Array:
    """Points well inside, apart from each other: each the deepest of those not near an earlier one."""
    if given is not None:
        points = np.vstack([given, points])
    depth = np.minimum(scaled(points).min(axis=1), 1 - np.abs(points).max(axis=1))
    chosen: list[int] = [] if given is None else [i for i in range(len(given)) if depth[i] > 0]
    order = np.argsort(-depth, kind="stable")
    for i in order[:256]:
        if depth[i] <= 0 or len(chosen) >= count:
            break
        if all(np.linalg.norm(points[i] - points[j]) > 0.3 for j in chosen):
            chosen.append(int(i))
    return points[chosen]


def _small(scaled: Margins, shape: _Shape, start: Array, unit: Array) -> Array | None:
    """A small shape around a start that is inside (parameters); None where there is none."""
    size = 0.05
    while size > 1e-6:
        z = np.concatenate([start, size * np.eye(shape.k)[shape.rows, shape.columns]])
        if scaled(shape.points(z, unit)).min() > 0 and shape.range_left(z).min() > 0:
            return z
        size /= 2
    return None


def _grown(scaled: Margins, shape: _Shape, best: Array | None, unit: Array, rounds: int) -> Array | None:
    """The largest shape found by exchange from one that is inside, itself inside to `TOLERANCE`."""
    if best is None:
        return None
    z = best
    active = np.empty((0, shape.k))
    limit = np.empty(0, int)  # which margin each active point belongs to
    for turn in range(rounds):
        values = scaled(shape.points(z, unit))
        u, which = _worst(scaled, shape, z, unit, values)
        worst = _own(scaled(shape.points(z, u)), which)
        outside = min(float(values.min()), float(worst.min()))
        gain = _size(z, shape) - _size(best, shape)
        if outside >= -TOLERANCE and turn:
            best = z if gain > 0 else best
            if gain < 1e-9:
                break
        fresh = _new_only(u, which, active, limit) & ((worst < _NEAR) | (turn == 0))
        active, limit = np.vstack([active, u[fresh]]), np.concatenate([limit, which[fresh]])
        before, z = z, _solve(scaled, shape, best if outside < -_NEAR else z, active, limit)
        if not fresh.any() and np.abs(z - before).max() < 1e-10:
            break
        kept = _own(scaled(shape.points(z, active)), limit) < _FAR
        active, limit = active[kept], limit[kept]
    return _shrunk(scaled, shape, z, best, unit, 4 if rounds < _ROUNDS else 20)


def _size(z: Array, shape: _Shape) -> float:
    return float(np.log(np.maximum(z[shape.diagonal], 1e-300)).sum())


def _own(values: Array, which: Array) -> Array:
    return values[np.arange(len(values)), which]


def _new_only(u: Array, which: Array, active: Array, limit: Array) -> Array:
    return np.array([
        not any(limit[j] == w and np.abs(active[j] - point).max() < 1e-7 for j in range(len(active)))
        for point, w in zip(u, which, strict=True)
    ], bool)  # fmt: skip


def _gradient(scaled: Margins, x: Array, which: Array, step: float = 1e-5) -> Array:
    """Central differences (n, k) of the margin `which` (n,) at each point."""
    return _value_and_gradient(scaled, x, which, step)[1]


def _value_and_gradient(scaled: Margins, x: Array, which: Array, step: float = 1e-5) -> tuple[Array, Array]:
    """The margin `which` (n,) at each point and its central differences (n, k), asked in one go."""
    n, k = x.shape
    ways = np.vstack([np.zeros(k), step * np.eye(k), -step * np.eye(k)])
    flat = scaled((x + ways[:, None]).reshape(-1, k))
    own = flat.reshape(1 + 2 * k, n, flat.shape[1])[:, np.arange(n), which]
    return own[0], ((own[1 : k + 1] - own[k + 1 :]) / (2 * step)).T


def _worst(scaled: Margins, shape: _Shape, z: Array, unit: Array, values: Array) -> tuple[Array, Array]:
    """For every margin the unit point where it is least: the worst of the fine set, then downhill from it."""
    limits = np.arange(values.shape[1])
    u = unit[values.argmin(axis=0)]
    now = values.min(axis=0)
    step = np.full(len(limits), 0.25)
    root = shape.root(z)
    slope = _gradient(scaled, shape.points(z, u), limits) @ root
    for _ in range(40):
        norm = np.sqrt((slope * slope).sum(axis=1, keepdims=True))
        trial = shape.inward(u - step[:, None] * slope / np.maximum(norm, 1e-300))
        there, steep = _value_and_gradient(scaled, shape.points(z, trial), limits)
        better = there < now - 1e-15
        u, now = np.where(better[:, None], trial, u), np.where(better, there, now)
        slope = np.where(better[:, None], steep @ root, slope)
        step = np.where(better, np.minimum(step * 1.6, 1.0), step * 0.3)
        if step.max() < 1e-7:
            break
    return u, limits


def _solve(scaled: Margins, shape: _Shape, z: Array, active: Array, limit: Array) -> Array:
    """Largest volume with every margin positive at its active points, from the parameters `z`."""

    last: dict[bytes, tuple[Array, Array]] = {}  # values and slopes are asked for the same parameters in turn

    def both(p: Array) -> tuple[Array, Array]:
        key = p.tobytes()
        if key not in last:
            last.clear()
            last[key] = _value_and_gradient(scaled, shape.points(p, active), limit)
        return last[key]

    def values(p: Array) -> Array:
        return np.concatenate([shape.range_left(p), both(p)[0]])

    def slopes(p: Array) -> Array:
        return np.vstack([shape.range_slopes(p), shape.slopes(both(p)[1], active)])

    def objective(p: Array) -> tuple[float, Array]:
        gradient = np.zeros(len(p))
        gradient[shape.diagonal] = -1 / np.maximum(p[shape.diagonal], 1e-9)
        return -_size(p, shape), gradient

    # a step of the size of the shape at most, so that it grows where it is and does not leap across a gap
    reach = np.maximum(np.linalg.norm(shape.root(z), axis=1), 0.02)
    bounds = [(max(-1.0, c - r), min(1.0, c + r)) for c, r in zip(z, reach, strict=False)]
    bounds += [(v - 1.5 * reach.max(), v + 1.5 * reach.max()) for v in z[shape.k :]]
    for i in shape.diagonal:
        bounds[i] = (0.2 * z[i], min(1.0, 2.5 * z[i]))
    found = optimize.minimize(
        objective, z, jac=True, method="SLSQP", bounds=bounds,
        constraints=[{"type": "ineq", "fun": values, "jac": slopes}], options={"maxiter": 200, "ftol": 1e-13},
    )  # fmt: skip
    return found.x if np.isfinite(found.x).all() else z


def _shrunk(scaled: Margins, shape: _Shape, z: Array, inside: Array, unit: Array, halvings: int) -> Array:
    """`z` itself where it is inside, else the last shape on the way to it from `inside` that is."""

    def holds(p: Array) -> bool:
        values = scaled(shape.points(p, unit))
        u, which = _worst(scaled, shape, p, unit, values)
        return min(values.min(), _own(scaled(shape.points(p, u)), which).min()) >= -TOLERANCE

    if holds(z):
        return z if _size(z, shape) >= _size(inside, shape) else inside
    low, high = 0.0, 1.0
    for _ in range(halvings):
        share = (low + high) / 2
        low, high = (share, high) if holds(inside + share * (z - inside)) else (low, share)
    reached = inside + low * (z - inside)
    return reached if _size(reached, shape) >= _size(inside, shape) else inside


def margins_of(functions: Sequence[Callable[[Array], Array]]) -> Margins:
    """Several margins, each points (n, k) -> (n,), as one."""
    return lambda x: np.column_stack([np.asarray(f(x), float) for f in functions])
