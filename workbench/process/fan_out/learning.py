"""Learning the parameters of a physical model from measurements, with or without what was known before.

Without priors: nonlinear least squares. With priors (the ranges of the model as central 95 % of normal or lognormal
distributions): the most probable parameters and the curvature there. The noise is estimated with them either way.
Sources: Seber and Wild 1989, Nonlinear Regression, ch. 2 and 5; MacKay 1992, Neural Computation 4, 415 (noise under a
prior: n - effective number of parameters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats
from scipy.stats import qmc

from workbench.errors import DomainError
from workbench.process.fan_out.model import Model, Range
from workbench.process.quality.assumptions import Assumption, normality

Array = np.ndarray
_STARTS = 7
_FARTHEST = 8.0  # prior deviations within which parameters are looked for


@dataclass(frozen=True)
class Learnt:
    """One parameter. `learnt`: share of its prior deviation that the measurements took away (nan without priors);
    near 0 the figure is only what was assumed."""

    name: str
    value: float
    low: float
    high: float
    learnt: float
    source: str
    verified: bool


@dataclass(frozen=True)
class Leftover:
    """What the factors still explain of the residuals, as a polynomial of second (or first) order in factors coded to
    -1 ... 1, with the part that the parameters could take up removed. `p` tests that it is nothing (F)."""

    names: tuple[str, ...]
    centre: Array
    reach: Array
    order: int
    coefficients: Array
    absorbed: Array  # (parameters, terms): how the parameters would follow each term
    p: float


@dataclass(frozen=True)
class LearntModel:
    """A model with learnt parameters. `sigma` is the noise of one measurement; `leftover` None: too few measurements
    to look for one; it is used in predictions only when asked for."""

    model: Model
    parameters: tuple[Learnt, ...]
    fixed: Mapping[str, float]
    covariance: Array  # on the inner scale of the parameters
    sigma: float
    dof: float
    residuals: Array
    leftover: Leftover | None
    confidence: float
    convention: str
    assumptions: tuple[Assumption, ...]

    def __getitem__(self, name: str) -> Learnt:
        return next(p for p in self.parameters if p.name == name)

    @property
    def values(self) -> dict[str, float]:
        return {p.name: p.value for p in self.parameters} | dict(self.fixed)

    def predict(self, factors: Mapping[str, Array], *, leftover: bool = False) -> tuple[Array, Array]:
        """Expected response (n,) at `factors` and the standard deviation of one new measurement."""
        free = [self.model[p.name] for p in self.parameters]
        at = np.array([r.inner(p.value) for r, p in zip(free, self.parameters, strict=True)])
        mean = _response(self.model, free, self.fixed, factors, at)
        slope = _slopes(self.model, free, self.fixed, factors, at)
        if leftover and self.leftover is not None:
            k = self.leftover
            mean = mean + (_terms(k, factors) - slope @ k.absorbed) @ k.coefficients
        return mean, np.sqrt(self.sigma**2 + np.einsum("ij,jk,ik->i", slope, self.covariance, slope))


def learn(
    model: Model,
    factors: Mapping[str, Array],
    response: Array,
    *,
    priors: bool = True,
    fixed: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> LearntModel:
    """Learn the parameters of `model` from `response` (n,) at `factors`; those in `fixed` are known.

    Valid: independent noise of equal deviation, a model that is nearly linear over the intervals (their coverage was
    measured: 92 to 97 % of 95, for lithography with priors 88 to 93). Raises DomainError: too few measurements (without
    priors fewer than parameters + 1, with them fewer than 3), values not finite, parameters that cannot be told apart
    (without priors).
    """
    fixed = dict(fixed or {})
    free = [p for p in model.parameters if p.name not in fixed]
    y = np.asarray(response, float)
    columns = {name: np.asarray(factors[name], float) for name in model.factors if name in factors}
    least = 3 if priors else len(free) + 1
    if len(y) < least or not free:
        raise DomainError("process.too_few_runs", where=model.name, got=len(y), allowed=f">= {least}")
    if any(c.shape != y.shape or not np.isfinite(c).all() for c in columns.values()) or not np.isfinite(y).all():
        raise DomainError("process.model_factors", where=model.name, allowed=", ".join(model.factors))
    centre, width = (np.array(v) for v in zip(*(p.prior for p in free), strict=True))
    weight = 1 / width if priors else np.zeros(len(free))

    at, sigma, jacobian = _fitted(model, free, fixed, columns, y, centre, width, weight)
    residuals = y - _response(model, free, fixed, columns, at)
    dof = _spare(jacobian, sigma, weight)
    covariance = np.linalg.inv(jacobian.T @ jacobian / sigma**2 + np.diag(weight**2))
    half = stats.t.ppf((1 + confidence) / 2, dof) * np.sqrt(np.diag(covariance))
    learnt = tuple(
        Learnt(p.name, float(p.outer(u)), float(p.outer(u - h)), float(p.outer(u + h)),
               float(1 - s / w) if priors else float("nan"), p.source, p.verified)
        for p, u, h, s, w in zip(free, at, half, np.sqrt(np.diag(covariance)), width, strict=True)
    )  # fmt: skip
    leftover = _leftover(model, columns, residuals, jacobian)
    suffices = Assumption("physics_suffices", None, None, f"n = {len(y)}")
    if leftover is not None:
        suffices = Assumption("physics_suffices", leftover.p >= 0.05, leftover.p, f"order {leftover.order}")
    checks = (normality(residuals), suffices)
    return LearntModel(model, learnt, fixed, covariance, sigma, dof, residuals, leftover, confidence,
                       "posterior_laplace" if priors else "least_squares_linearised", checks)  # fmt: skip


def _fitted(model: Model, free: list[Range], fixed: Mapping[str, float], columns: Mapping[str, Array], y: Array,
            centre: Array, width: Array, weight: Array) -> tuple[Array, float, Array]:  # fmt: skip
    """Estimate on the inner scale, noise and slopes (n, parameters). The noise and the pull of the priors are found in
    turn until both stay."""
    scale = float(y.std()) or max(float(np.abs(y).max()), 1e-12)
    floor = 1e-9 * scale
    # a noise taken small at first lets the measurements speak: with a large one the priors could hold a poor fit that
    # then confirms its own large noise
    sigma, found = 0.02 * scale, None

    def left(z: Array) -> Array:
        at = centre + width * np.clip(z, -_FARTHEST, _FARTHEST)
        try:
            misfit = (y - _response(model, free, fixed, columns, at)) / sigma
        except DomainError:  # a trial step beyond the model's range; the fit itself is judged below
            misfit = np.full(len(y), 1e6)
        return np.concatenate([misfit, z * (weight * width)])

    def jacobian_of(z: Array) -> Array:
        """Forward differences: what "2-point" does, without its bookkeeping, which costs more than the model."""
        here, step = left(z), np.sqrt(np.finfo(float).eps) * np.where(z < 0, -1.0, 1.0) * np.maximum(1.0, np.abs(z))
        moved = z + np.diag(step)
        return np.column_stack([(left(to) - here) / (to[i] - z[i]) for i, to in enumerate(moved)])

    for _ in range(25):
        if found is None:  # several starts, roughly; the best is polished
            spread = special.ndtri(qmc.Halton(len(free), scramble=False).random(_STARTS + 1)[1:])
            starts = [np.zeros(len(free)), *spread]
            rough = [optimize.least_squares(left, z, jacobian_of, method="lm", ftol=1e-3, xtol=1e-3) for z in starts]
            found = min(rough, key=lambda t: t.cost).x
        best = optimize.least_squares(left, found, jacobian_of, method="lm", xtol=1e-10, ftol=1e-10, gtol=1e-10)
        found, misfit = best.x, best.fun[: len(y)] * sigma
        jacobian = best.jac[: len(y)] * sigma / width
        if not weight.any():  # the noise does not move the estimate
            break
        new = max(float(np.sqrt((misfit**2).sum() / _spare(jacobian, sigma, weight))), floor)
        if abs(new - sigma) <= 1e-3 * sigma:
            break
        sigma = new
    at = centre + width * found
    if not np.isfinite(misfit).all() or np.abs(found).max() >= _FARTHEST:
        raise DomainError("process.model_lost", where=model.name)
    slopes = _slopes(model, free, fixed, columns, at)
    if not weight.any():
        size = np.sqrt((slopes**2).sum(axis=0))
        if not (size > 0).all() or np.linalg.cond(slopes / size) > 1e7:
            raise DomainError("process.model_blind", where=model.name, got=", ".join(p.name for p in free))
    sigma = max(float(np.sqrt((misfit**2).sum() / _spare(slopes, sigma, weight))), floor)
    return at, sigma, slopes


def _spare(slopes: Array, sigma: float, weight: Array) -> float:
    """Measurements less the effective number of parameters."""
    information = slopes.T @ slopes / sigma**2
    effective = float(np.trace(np.linalg.solve(information + np.diag(weight**2), information)))
    return max(len(slopes) - effective, 1.0)


def _response(model: Model, free: list[Range], fixed: Mapping[str, float], columns: Mapping[str, Array],
              at: Array) -> Array:  # fmt: skip
    return model.predict(columns, {p.name: float(p.outer(u)) for p, u in zip(free, at, strict=True)} | dict(fixed))


def _slopes(model: Model, free: list[Range], fixed: Mapping[str, float], columns: Mapping[str, Array],
            at: Array) -> Array:  # fmt: skip
    """Central differences (n, parameters) on the inner scale."""
    slopes = []
    for k, p in enumerate(free):
        step = 1e-4 * p.prior[1] * np.eye(len(free))[k]
        ahead, behind = (_response(model, free, fixed, columns, at + way * step) for way in (1, -1))
        slopes.append((ahead - behind) / (2 * step[k]))
    return np.column_stack(slopes)


def _leftover(model: Model, columns: Mapping[str, Array], residuals: Array, jacobian: Array) -> Leftover | None:
    n, p = jacobian.shape
    varied = tuple(name for name in model.factors if np.ptp(columns[name]) > 0)
    if not varied or not residuals.any():
        return None
    ends = [(columns[name].min(), columns[name].max()) for name in varied]
    centre, reach = np.array([(a + b) / 2 for a, b in ends]), np.array([(b - a) / 2 for a, b in ends])
    for order in (2, 1):
        k = Leftover(varied, centre, reach, order, np.zeros(0), np.zeros((0, 0)), 1.0)
        terms = _terms(k, columns)
        absorbed = np.linalg.lstsq(jacobian, terms, rcond=None)[0]
        own = terms - jacobian @ absorbed
        rank = np.linalg.matrix_rank(own, tol=1e-6 * np.sqrt(n))
        if rank and n - p - rank >= 4:
            coefficients = np.linalg.lstsq(own, residuals, rcond=1e-6)[0]
            explained = ((own @ coefficients) ** 2).sum()
            rest = max((residuals**2).sum() - explained, 1e-300)
            f = (explained / rank) / (rest / (n - p - rank))
            found = float(stats.f.sf(f, rank, n - p - rank))
            return Leftover(varied, centre, reach, order, coefficients, absorbed, found)
    return None


def _terms(leftover: Leftover, factors: Mapping[str, Array]) -> Array:
    coded = [(np.asarray(factors[name], float) - c) / r
             for name, c, r in zip(leftover.names, leftover.centre, leftover.reach, strict=True)]  # fmt: skip
    columns = [np.ones_like(coded[0]), *coded]
    if leftover.order == 2:
        columns += [coded[i] * coded[j] for i in range(len(coded)) for j in range(i, len(coded))]
    return np.column_stack(columns)
