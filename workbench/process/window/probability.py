"""Probability that one unit made at a setting meets every limit, with the uncertainty of the fitted models.

The mean surface inside the limits says little: half the units made on its edge fail, and the edge itself is only
estimated. Here a unit's response has the predictive distribution of the fit, Student t with the residual degrees
of freedom, its scale widened by the leverage of the setting; that is the Bayesian posterior predictive under the
flat prior p(b, s) ~ 1/s. Source: Peterson 2004, J. Quality Technology 36, 139.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.stats import qmc

from workbench.errors import DomainError
from workbench.process.window.predictor import ModelDraws, Predictor

Array = np.ndarray


DRAW_NODES_LOG2 = 6  # for each draw of the posterior, three or more correlated responses


@dataclass(frozen=True)
class Limits:
    """Allowed values of one response; None leaves a side open."""

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        if self.lower is None and self.upper is None:
            raise DomainError("process.no_limit")
        if not self.bounds[0] < self.bounds[1]:
            raise DomainError("process.limits_crossed", got=f"{self.lower} ... {self.upper}")

    @property
    def bounds(self) -> tuple[float, float]:
        """Both sides, infinite where open."""
        return (-np.inf if self.lower is None else self.lower, np.inf if self.upper is None else self.upper)

    def hold(self, value: Array) -> Array:
        """Which values lie inside."""
        return (np.asarray(value) >= self.bounds[0]) & (np.asarray(value) <= self.bounds[1])


def conformance(
    surfaces: Sequence[Predictor],
    limits: Sequence[Limits],
    x: Array,
    *,
    correlation: Array | None = None,
    nodes_log2: int = 10,
) -> tuple[Array, Array]:
    """Joint probability (n,) and that of each response (n, responses) at coded points `x` (n, k).

    Each response alone is exact (Student t predictive). Jointly, None takes the responses as independent given
    the setting; a correlation matrix couples them by a Gaussian copula.
    """
    below, above = sides(surfaces, limits, x)
    dof = np.array([s.dof for s in surfaces], float)
    return _joint(below, above, dof, correlation, nodes_log2)


def conformance_and_room(
    surfaces: Sequence[Predictor], limits: Sequence[Limits], x: Array, *, correlation: Array | None, nodes_log2: int
) -> tuple[Array, Array]:
    """Joint probability (n,) as `conformance`, and the distance (n,) to the nearest limit in predictive scales."""
    below, above = sides(surfaces, limits, x)
    dof = np.array([s.dof for s in surfaces], float)
    return _joint(below, above, dof, correlation, nodes_log2)[0], np.minimum(-below, above).min(axis=1)


def sides(surfaces: Sequence[Predictor], limits: Sequence[Limits], x: Array) -> tuple[Array, Array]:
    """Both limits as seen from the mean, in predictive scales (n, responses): negative below it, positive above."""
    means, scales = zip(*(surface.predicted(x) for surface in surfaces), strict=True)
    mean, scale = np.stack(means, axis=1), np.stack(scales, axis=1)
    low, high = np.array([limit.bounds for _, limit in zip(surfaces, limits, strict=True)], float).T
    return (low - mean) / scale, (high - mean) / scale


def _joint(below: Array, above: Array, dof: Array, correlation: Array | None, nodes_log2: int) -> tuple[Array, Array]:
    lower, upper = special.stdtr(dof, below), special.stdtr(dof, above)
    single = np.minimum(np.maximum(upper - lower, 0.0), 1.0)
    if correlation is None:
        return single.prod(axis=1), single
    return rectangle_probability(special.ndtri(lower), special.ndtri(upper), correlation, nodes_log2=nodes_log2), single


def worst_case(single: Array) -> Array:
    """Smallest joint probability any dependence between the responses could give (Frechet bound)."""
    return np.maximum(0.0, single.sum(axis=1) - (single.shape[1] - 1))


def residual_correlation(surfaces: Sequence[Predictor]) -> Array:
    """Correlation (responses, responses) of the residuals of surfaces fitted to the same runs."""
    if len({len(s.y) for s in surfaces}) != 1:
        raise DomainError("process.runs_differ")
    e = np.column_stack([s.residuals for s in surfaces])
    norm = np.sqrt((e**2).sum(axis=0))
    return (e.T @ e) / np.outer(norm, norm)


def rectangle_probability(lower: Array, upper: Array, correlation: Array, *, nodes_log2: int = 10) -> Array:
    """P(lower < Z < upper) (n,) of standard normal Z with `correlation` (r, r); bounds (n, r) may be infinite.

    Two responses: the second conditional on the first, by 32-point Gauss-Legendre (error < 1e-7 for a correlation up
    to 0.9). More: separation of variables (Genz 1992, J. Comput. Graph. Stat. 1, 141) on 2**nodes_log2 Sobol points.
    """
    lower, upper = np.atleast_2d(lower), np.atleast_2d(upper)
    r = lower.shape[1]
    try:
        root = np.linalg.cholesky(np.asarray(correlation, float))
    except np.linalg.LinAlgError:
        raise DomainError("process.correlation_singular", got=np.round(correlation, 3).tolist()) from None
    if r == 1:
        return np.clip(special.ndtr(upper[:, 0]) - special.ndtr(lower[:, 0]), 0.0, 1.0)
    if r == 2:
        return _two(lower, upper, root[1, 0], root[1, 1])
    u = qmc.Sobol(r - 1, scramble=True, rng=0).random_base2(nodes_log2)
    low = special.ndtr(lower[:, :1] / root[0, 0])
    span = special.ndtr(upper[:, :1] / root[0, 0]) - low
    total = np.repeat(span, len(u), axis=1)
    drawn: list[Array] = []
    for i in range(1, r):
        level = low + u[:, i - 1] * span
        drawn.append(special.ndtri(np.clip(level, 1e-300, 1 - 1e-16)))
        shift = sum(root[i, j] * z for j, z in enumerate(drawn))
        low = special.ndtr((lower[:, i : i + 1] - shift) / root[i, i])
        span = special.ndtr((upper[:, i : i + 1] - shift) / root[i, i]) - low
        total = total * span
    return np.clip(total.mean(axis=1), 0.0, 1.0)


def _two(lower: Array, upper: Array, rho: float, rest: float) -> Array:
    """Integral over the first variable of its density times the conditional probability of the second."""
    nodes, weights = _NODES
    low, high = np.clip(lower[:, :1], -8.5, 8.5), np.clip(upper[:, :1], -8.5, 8.5)
    half = (high - low) / 2
    z = low + half * (nodes + 1)
    inner = special.ndtr((upper[:, 1:] - rho * z) / rest) - special.ndtr((lower[:, 1:] - rho * z) / rest)
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.clip((half * density * inner) @ weights, 0.0, 1.0)


_NODES = np.polynomial.legendre.leggauss(32)


@dataclass(frozen=True)
class Draws:
    """Plausible models, one entry per response, from their posterior."""

    models: tuple[ModelDraws, ...]


def posterior(surfaces: Sequence[Predictor], *, draws_log2: int = 11, seed: int = 0) -> Draws:
    """2**draws_log2 draws from the posterior of every model, by a scrambled Sobol sequence."""
    sizes = [s.uniforms for s in surfaces]
    u = qmc.Sobol(sum(sizes), scramble=True, rng=seed).random_base2(draws_log2)
    ends = np.cumsum([0, *sizes])
    return Draws(tuple(s.draws(u[:, a:b]) for s, a, b in zip(surfaces, ends, ends[1:], strict=False)))


def conformance_interval(
    surfaces: Sequence[Predictor],
    limits: Sequence[Limits],
    x: Array,
    *,
    correlation: Array | None = None,
    confidence: float = 0.95,
    draws: Draws | None = None,
) -> tuple[float, float, float]:
    """Mean and credible interval of the true share of conforming units, averaged over the coded points `x` (n, k).

    Each posterior draw is one possible truth with its own share; their mean is the predictive probability of
    `conformance` (the independent case exactly, up to quadrature), their spread is what more runs would remove.
    """
    draws = draws or posterior(surfaces)
    lower, upper = [], []
    for limit, drawn in zip(limits, draws.models, strict=True):
        mean, sigma = drawn.means(x), drawn.sigma[:, None]
        lower.append((limit.bounds[0] - mean) / sigma)
        upper.append((limit.bounds[1] - mean) / sigma)
    if correlation is None:
        share = np.prod([special.ndtr(b) - special.ndtr(a) for a, b in zip(lower, upper, strict=True)], axis=0)
    else:
        a, b = (np.stack(v, axis=-1).reshape(-1, len(surfaces)) for v in (lower, upper))
        # few nodes each: the error averages out over the draws, and a thousand would take gigabytes
        share = rectangle_probability(a, b, correlation, nodes_log2=DRAW_NODES_LOG2).reshape(lower[0].shape)
    share = share.mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(share, [tail, 1 - tail])
    return float(share.mean()), float(low), float(high)
