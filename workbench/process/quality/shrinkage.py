"""Control limits for module types with few units, each borrowing strength from the other types.

Values are deviations from the target of their type, or types that are alike without one. Means and sigmas of the types
are hierarchical, `hierarchy` says how; the deviation between types and the common sigma are integrated, not plugged in,
so what is not known about them widens the limits. REML and James-Stein estimates (Efron and Morris 1975, J. Am. Stat.
Assoc. 70, 311; Morris 1983, ibid. 78, 47) stand beside the integrated ones.
Limits are quantiles of the predictive distribution of the next unit: those of complete pooling for tau -> 0, and the
exact Student t prediction limits of the type alone for tau -> infinity and no common sigma.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from workbench.errors import DomainError
from workbench.process.quality.assumptions import lag_one, normality
from workbench.process.quality.charts import Chart
from workbench.process.quality.hierarchy import (
    between_log_likelihood,
    between_posterior,
    common_mean,
    sigma_posterior,
)
from workbench.process.quality.rules import WESTERN_ELECTRIC, Rule
from workbench.process.quality.short_run import ShortRunChart, skipping_violations

Array = np.ndarray
LEAST_TYPES = 3  # below, the posterior of tau under a uniform prior does not exist
METHODS = ("integrated", "reml", "james_stein")


@dataclass(frozen=True)
class Shrunk:
    """Posterior of the true means (k,): `means`, `deviations`; `weights` is the share taken from the common mean."""

    means: Array
    deviations: Array
    weights: Array
    centre: float
    between: float  # tau; its posterior median where it is integrated
    method: str


@dataclass(frozen=True)
class Predictive:
    """Mixture of normal distributions of the next point of a type."""

    shares: Array
    places: Array
    scales: Array

    def cdf(self, x: Array) -> Array:
        """P(next <= x), for `x` of any shape."""
        x = np.asarray(x, float)
        return special.ndtr((x[..., None] - self.places) / self.scales) @ self.shares

    def survival(self, x: Array) -> Array:
        x = np.asarray(x, float)
        return special.ndtr((self.places - x[..., None]) / self.scales) @ self.shares

    def score(self, x: Array) -> Array:
        """Normal score of points `x`: chart it with limits of +- 3 and run rules."""
        below, above = self.cdf(x), self.survival(x)
        return np.where(below < above, special.ndtri(below), -special.ndtri(above))

    def quantile(self, share: float) -> float:
        """x with P(next <= x) = `share`; each tail by its own probability, on the scale of normal scores."""
        tail, side = (self.cdf, 1) if share <= 0.5 else (self.survival, -1)
        aim = special.ndtri(min(share, 1 - share))
        centre = float(self.shares @ self.places)
        width = float(np.sqrt(self.shares @ (self.scales**2 + (self.places - centre) ** 2)))

        def excess(step: float) -> float:
            return float(special.ndtri(max(float(tail(centre + side * width * step)), 1e-300))) - aim

        # the score is nearly linear in steps of the width: a few secants find it, brackets where they do not
        before, step = aim, aim - (off := excess(aim))
        for _ in range(12):
            last, off = off, excess(step)
            if off == last:
                break
            before, step = step, step - off * (step - before) / (off - last)
            if abs(step - before) <= 1e-10:
                return centre + side * width * step
        low, high = aim - 1.0, aim + 1.0
        while excess(low) > 0:
            low = 2 * low - 1
        while excess(high) < 0:
            high = 2 * abs(high) + 1
        return centre + side * width * float(optimize.brentq(excess, low, high, xtol=1e-10))


@dataclass(frozen=True)
class TypeLimits:
    """Limits of one module type and what stands behind them.

    `units_own` were measured on this type; `units_borrowed` is the number of units of this type that would tell as much
    about its mean as the other types do; `dof_own` and `dof_borrowed` likewise for sigma. `weight` is the share of the
    centre taken from the other types (1 for a type never made).
    """

    type: str
    centre: float
    lower: float
    upper: float
    mean: float
    mean_deviation: float
    sigma: float
    weight: float
    units_own: int
    units_borrowed: float
    dof_own: int
    dof_borrowed: float
    predictive: Predictive

    def signals(self, x: Array) -> Array:
        """True where points `x` lie beyond the limits."""
        x = np.asarray(x, float)
        return (x < self.lower) | (x > self.upper)


@dataclass(frozen=True)
class BorrowedLimits:
    """Limits of every type, known and new, and the hierarchy they come from."""

    types: dict[str, TypeLimits]
    common_mean: float
    between: float  # tau, posterior median
    common_sigma: float
    heterogeneity: float  # relative spread of the variances among types; 0 where the types share one sigma
    alpha: float
    units: int
    units_per_point: int
    targets: dict[str, float]
    convention: str  # hierarchical | fixed_between | own_means


def borrowed_limits(
    values: Array,
    types: Sequence[str],
    *,
    targets: Mapping[str, float] | None = None,
    new_types: Sequence[str] = (),
    alpha: float = 0.0027,
    between: float | None = None,
    between_scale: float | None = None,
    prior_dof: float | None = None,
    units_per_point: int = 1,
    only: Sequence[str] | None = None,
) -> BorrowedLimits:
    """Limits for the next unit of every type from past clean units `values` (m,) of `types` (m,).

    `targets` are subtracted first and added to the limits again; `new_types` get limits before their first unit. A
    stable unit falls outside with probability `alpha` (more rarely for a new type while the known types are few).
    `between` fixes tau (0: complete pooling, inf: none); `between_scale` replaces the uniform prior of tau by a half
    Cauchy of that scale; `prior_dof` fixes the degrees of freedom of the common variance (0: each type its own).
    `units_per_point` > 1 gives limits for means of so many units; `only` names the types whose limits are wanted.
    Raises DomainError: fewer than 3 types for new ones without `between`; no type with two units.
    """
    x, of, names, offsets = _deviations(values, types, targets, new_types)
    count = np.array([(of == k).sum() for k in names])
    mean = np.array([x[of == k].mean() for k in names])
    square = np.array([((x[of == k] - y) ** 2).sum() for k, y in zip(names, mean, strict=True)])
    if not 0 < alpha < 1 or units_per_point < 1 or (between is not None and not between >= 0):
        raise DomainError("process.choice", got=f"{alpha}, {units_per_point}, {between}", allowed="0 ... 1, >= 1, >= 0")
    if not square.sum() > 0 or (prior_dof == 0 and not (square > 0).all()):
        raise DomainError("process.no_variation", got=float(square.min()))
    convention = "hierarchical" if between is None else "fixed_between"
    if between is None and len(names) < LEAST_TYPES:
        between, convention = np.inf, "own_means"
    fresh = [k for k in new_types if k not in names]
    if fresh and between == np.inf:
        raise DomainError("process.too_few_types", got=len(names), allowed=f">= {LEAST_TYPES}")
    sigmas = sigma_posterior(square, count - 1, prior_dof)
    typical, nu = sigmas.typical, sigmas.dof
    variance = typical[:-1] / count
    tau, share = between_posterior(mean, variance, between, between_scale)
    found = {}
    for i, name in enumerate([*names, *fresh]):
        if only is not None and name not in only:
            continue
        row = min(i, len(names))
        others = np.arange(len(names)) != i
        sigma = (sigmas.variances[row], sigmas.shares[row], float(typical[row]), float(nu[row]))
        # One sigma for all: the others' means are as uncertain as this sigma says. Else they have their own.
        factor = sigma[0] / sigma[2] if sigmas.heterogeneity == 0 else np.ones(1)
        rest = common_mean(mean[others], variance[others] * factor[:, None], tau)
        typical_rest = common_mean(mean[others], variance[others], tau)
        n, y = (int(count[i]), float(mean[i])) if i < len(names) else (0, 0.0)
        found[name] = _limits(name, offsets.get(name, 0.0), n, y, sigma, (tau, share), rest, typical_rest, alpha,
                              units_per_point)  # fmt: skip
    place = common_mean(mean, variance[None, :], tau)[0]
    centre = float(share @ place[0]) if np.isfinite(tau).all() else float(np.average(mean, weights=count))
    return BorrowedLimits(found, centre, _median(tau, share), float(np.sqrt(typical[-1])), sigmas.heterogeneity, alpha,
                          len(x), units_per_point, offsets, convention)  # fmt: skip


def borrowed_chart(
    values: Array,
    types: Sequence[str],
    *,
    targets: Mapping[str, float] | None = None,
    start: int = 10,
    between: float | None = None,
    between_scale: float | None = None,
    prior_dof: float | None = None,
    leave_out_signals: bool = True,
    rules: dict[str, Rule] = WESTERN_ELECTRIC,
    progress: Callable[[float], None] | None = None,
) -> ShortRunChart:
    """Every unit in the order made against limits that borrow from all units before it: normal scores within +- 3.

    The first `start` units only teach, and so does a new type while fewer than 3 types are known (score NaN). A unit
    beyond 3 sigma teaches nothing afterwards unless `leave_out_signals` is False. Some 10 ms a unit.
    """
    x = np.asarray(values, float).ravel()
    kinds = tuple(str(k) for k in types)
    _deviations(x, kinds, targets, ())
    if not 2 <= start < len(x):
        raise DomainError("process.baseline", got=start, allowed=f"2 ... {len(x) - 1}")
    score, teaches = np.full(len(x), np.nan), np.ones(len(x), bool)
    for i in range(start, len(x)):
        past = np.flatnonzero(teaches[:i])
        known = {kinds[j] for j in past}
        fresh = () if kinds[i] in known else (kinds[i],)
        if fresh and between is None and len(known) < LEAST_TYPES:
            continue
        found = borrowed_limits(x[past], [kinds[j] for j in past], targets=targets, new_types=fresh, between=between,
                                between_scale=between_scale, prior_dof=prior_dof, only=(kinds[i],))  # fmt: skip
        score[i] = found.types[kinds[i]].predictive.score(x[i])
        teaches[i] = abs(score[i]) <= 3 or not leave_out_signals
        if progress is not None:
            progress((i + 1) / len(x))
    last = borrowed_limits(x[teaches], [k for k, use in zip(kinds, teaches, strict=True) if use], targets=targets,
                           between=between, between_scale=between_scale, prior_dof=prior_dof)  # fmt: skip
    location = Chart("score", score, 0.0, -3.0, 3.0, 1.0, skipping_violations(score, rules))
    return ShortRunChart(
        location, None, kinds, {k: kinds.count(k) for k in dict.fromkeys(kinds)},
        {k: one.mean for k, one in last.types.items()}, {k: one.sigma for k, one in last.types.items()},
        last.convention, (normality(score), lag_one(score)),
    )  # fmt: skip


def shrink(
    means: Array,
    variances: Array,
    *,
    method: str = "integrated",
    between: float | None = None,
    between_scale: float | None = None,
) -> Shrunk:
    """True means behind estimates `means` (k,) with known sampling `variances` (k,), shrunk to their common mean.

    method "integrated" averages over the posterior of tau, "reml" uses its restricted maximum likelihood estimate,
    "james_stein" the factor (k - 3) V / sum of squares for equal variances (positive part). `between` fixes tau.
    """
    y = np.asarray(means, float).ravel()
    v = np.broadcast_to(np.asarray(variances, float), y.shape)
    least = 4 if method == "james_stein" else LEAST_TYPES
    if method not in METHODS:
        raise DomainError("process.choice", got=method, allowed=", ".join(METHODS))
    if len(y) < least or not (v > 0).all() or not np.isfinite(y).all():
        raise DomainError("process.too_few_types", got=len(y), allowed=f">= {least}")
    if method == "james_stein":
        return _james_stein(y, v)
    fixed = restricted_between(y, v) if method == "reml" and between is None else between
    tau, share = between_posterior(y, v, fixed, between_scale)
    place, place_variance = common_mean(y, v, tau)
    weight = v / (v + tau[:, None] ** 2)
    if np.isinf(tau).any():
        place_variance = np.zeros_like(tau)  # nothing is taken from it
    each = weight * place[:, None] + (1 - weight) * y
    variance = (1 - weight) * v + weight**2 * place_variance[:, None]
    mean = share @ each
    deviation = np.sqrt(share @ (variance + (each - mean) ** 2))
    centre = float(share @ place) if np.isfinite(tau).all() else float(y.mean())
    return Shrunk(mean, deviation, share @ weight, centre, _median(tau, share), method)


def restricted_between(means: Array, variances: Array) -> float:
    """REML estimate of tau for estimates `means` (k,) with known `variances` (k,)."""
    y, v = np.asarray(means, float), np.broadcast_to(np.asarray(variances, float), np.shape(means))
    top = float(y.var(ddof=1) + v.max()) * 10

    def loss(square: float) -> float:
        return -float(between_log_likelihood(y, v, np.sqrt(np.array([max(square, 0.0)])))[0])

    found = optimize.minimize_scalar(loss, bounds=(0.0, top), method="bounded", options={"xatol": top * 1e-10})
    return float(np.sqrt(found.x)) if found.fun < loss(0.0) else 0.0


def _limits(
    name: str, offset: float, n: int, y: float, sigma: tuple[Array, Array, float, float], taus: tuple[Array, Array],
    rest: tuple[Array, Array], typical_rest: tuple[Array, Array], alpha: float, per_point: int,
) -> TypeLimits:  # fmt: skip
    """Mix the predictive normal distributions over tau and over the posterior of sigma."""
    tau, share = taus
    variances, variance_share, typical, nu = sigma
    borrowed = _precision(tau, rest[1])  # of this type's mean as the others see it, (sigmas or 1, taus)
    precision = borrowed + n / variances[:, None]
    mean = (borrowed * rest[0] + n / variances[:, None] * y) / precision
    shares = (variance_share[:, None] * share).ravel()
    keep = shares > 1e-13
    scales = np.sqrt(1 / precision + variances[:, None] / per_point)
    predictive = Predictive(shares[keep], mean.ravel()[keep] + offset, scales.ravel()[keep])
    borrowed = _precision(tau, typical_rest[1])
    plug = borrowed + n / typical
    plug_mean = (borrowed * typical_rest[0] + n / typical * y) / plug
    place = float(share @ plug_mean)
    spread = float(np.sqrt(share @ (1 / plug + (plug_mean - place) ** 2)))
    own = max(n - 1, 0)
    return TypeLimits(
        name, predictive.quantile(0.5), predictive.quantile(alpha / 2), predictive.quantile(1 - alpha / 2),
        place + offset, spread, float(np.sqrt(typical)), float(share @ (borrowed / plug)), n,
        max(0.0, typical / spread**2 - n), own, max(0.0, nu - own), predictive,
    )  # fmt: skip


def _precision(tau: Array, variance: Array) -> Array:
    """1 / (tau^2 + variance), none where either is infinite."""
    total = tau**2 + variance
    return np.where(np.isinf(total), 0.0, 1 / total)


def _james_stein(y: Array, v: Array) -> Shrunk:
    if np.ptp(v) > 1e-9 * v.max():
        raise DomainError("process.variances_differ", got=f"{v.min():g} ... {v.max():g}")
    k, centre = len(y), float(y.mean())
    total = float(((y - centre) ** 2).sum())
    weight = min(1.0, (k - 3) * v[0] / total) if total > 0 else 1.0
    mean = centre + (1 - weight) * (y - centre)
    # Morris 1983, (1.17): the weight and the centre are estimated as well
    extra = 2 / (k - 3) * weight**2 * (y - centre) ** 2 if k > 3 else 0.0
    deviation = np.sqrt(v * (1 - (k - 1) / k * weight) + extra)
    return Shrunk(mean, deviation, np.full(k, weight), centre, float(np.sqrt(max(v[0] / weight - v[0], 0.0))),
                  "james_stein")  # fmt: skip


def _median(tau: Array, share: Array) -> float:
    return float(tau[np.searchsorted(np.cumsum(share), 0.5)])


def _deviations(values: Array, types: Sequence[str], targets: Mapping[str, float] | None, new_types: Sequence[str]):
    x = np.asarray(values, float).ravel()
    of = np.array([str(k) for k in types])
    if len(x) != len(of) or len(x) < 2 or not np.isfinite(x).all():
        raise DomainError("process.subgroups_uneven", got=f"{len(x)}, {len(of)}")
    names = list(dict.fromkeys(of.tolist()))
    if targets is None:
        return x, of, names, {}
    missing = [k for k in [*names, *new_types] if k not in targets]
    if missing:
        raise DomainError("process.no_target", got=", ".join(missing), allowed=", ".join(targets))
    offsets = {k: float(targets[k]) for k in [*names, *new_types]}
    return x - np.array([offsets[k] for k in of]), of, names, offsets
