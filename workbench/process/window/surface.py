"""A response surface: a polynomial in coded factors fitted by ordinary least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.window.selection import Term, aicc, term_name

Array = np.ndarray


@dataclass(frozen=True)
class Surface:
    """A fitted response. Everything is in coded factors; `covariance` is (X'X)^-1, without the variance."""

    response: str
    factors: tuple[str, ...]
    terms: tuple[Term, ...]
    coefficients: Array
    standard_errors: Array
    p_values: Array
    covariance: Array
    sigma: float
    dof: int
    r2: float
    r2_adjusted: float
    aicc: float
    x: Array
    y: Array
    fitted: Array
    block_effects: Array
    ols: Any = field(repr=False, compare=False)

    @property
    def residuals(self) -> Array:
        return self.y - self.fitted

    @property
    def term_names(self) -> tuple[str, ...]:
        return tuple(term_name(term, self.factors) for term in self.terms)

    def design(self, x: Array) -> Array:
        """Model matrix (n, terms) of coded points (n, k)."""
        return design_matrix(self.terms, x)

    def mean(self, x: Array) -> Array:
        """Expected response at coded points (n, k); with blocks, in the first block."""
        return self.design(x) @ self.coefficients

    def scale(self, x: Array, *, predict: bool = True) -> Array:
        """Standard error at coded points (n, k): of one new unit (`predict`), or of the mean."""
        return self._scale(self.design(x), predict)

    def predicted(self, x: Array) -> tuple[Array, Array]:
        """`mean` and `scale` of one new unit at coded points (n, k), from one model matrix."""
        m = self.design(x)
        return m @ self.coefficients, self._scale(m, True)

    def _scale(self, m: Array, predict: bool) -> Array:
        p = len(self.terms)
        leverage = np.einsum("ij,ij->i", m @ self.covariance[:p, :p], m)
        return self.sigma * np.sqrt(leverage + (1.0 if predict else 0.0))

    @property
    def uniforms(self) -> int:
        return 1 + len(self.terms)

    def draws(self, u: Array) -> SurfaceDraws:
        """Plausible surfaces from the posterior under p(b, s) ~ 1/s, by numbers `u` (draws, uniforms) in 0 ... 1."""
        u = np.clip(u, 1e-12, 1 - 1e-12)
        p = len(self.terms)
        sigma = self.sigma * np.sqrt(self.dof / special.chdtri(self.dof, u[:, 0]))
        root = np.linalg.cholesky(self.covariance[:p, :p])
        return SurfaceDraws(self, self.coefficients + sigma[:, None] * (special.ndtri(u[:, 1:]) @ root.T), sigma)

    def interval(self, x: Array, *, confidence: float = 0.95, predict: bool = True) -> tuple[Array, Array]:
        """Two-sided interval at coded points (n, k): for one new unit (`predict`), or for the mean."""
        half = stats.t.ppf((1 + confidence) / 2, self.dof) * self.scale(x, predict=predict)
        mean = self.mean(x)
        return mean - half, mean + half


@dataclass(frozen=True)
class SurfaceDraws:
    """Coefficients (draws, terms) and sigma (draws,) of plausible surfaces."""

    surface: Surface
    coefficients: Array
    sigma: Array

    def means(self, x: Array) -> Array:
        """Mean response (draws, n) of every draw at coded points (n, k)."""
        return self.coefficients @ self.surface.design(x).T


def design_matrix(terms: Sequence[Term], x: Array) -> Array:
    """Model matrix (n, terms) of coded points (n, k)."""
    x = np.atleast_2d(np.asarray(x, float))
    n, k = x.shape
    highest, columns = _factored(tuple(terms))
    powers = np.empty((n, 1 + k * highest))
    powers[:, 0] = 1.0
    for e in range(highest):
        at = 1 + e * k
        powers[:, at : at + k] = x if e == 0 else powers[:, at - k : at] * x
    found = powers.take(columns[0], axis=1)
    for column in columns[1:]:
        found *= powers.take(column, axis=1)
    return found


@lru_cache(maxsize=256)
def _factored(terms: tuple[Term, ...]) -> tuple[int, tuple[Array, ...]]:
    """Highest power, and each term as a product of columns of 1, x, x^2 ...: few, however many factors there are."""
    k = len(terms[0])
    parts = [[1 + (e - 1) * k + i for i, e in enumerate(term) if e] for term in terms]
    width = max(1, *map(len, parts))
    full = np.array([part + [0] * (width - len(part)) for part in parts], int)
    return max(map(max, terms)), tuple(full.T.copy())


def fit(
    x: Array,
    y: Array,
    terms: Sequence[Term],
    *,
    response: str = "response",
    factors: Sequence[str] = (),
    block: Array | None = None,
) -> Surface:
    """Fit `terms` to the runs: coded settings `x` (n, k), response `y` (n,).

    `block` (n,) names the block of each run; each block after the first gets its own offset.
    Raises DomainError: fewer runs than terms + 1, terms the runs cannot tell apart, missing values.
    """
    x = np.atleast_2d(np.asarray(x, float))
    y = np.asarray(y, float)
    terms = tuple(terms)
    names = tuple(factors) or tuple(f"x{i + 1}" for i in range(x.shape[1]))
    if x.shape[0] != y.shape[0] or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DomainError("process.runs_incomplete", where=response, got=f"{x.shape[0]}, {y.shape[0]}")
    m = design_matrix(terms, x)
    if block is not None:
        levels = list(dict.fromkeys(np.asarray(block).tolist()))
        m = np.column_stack([m, *(np.asarray(block) == level for level in levels[1:])])
    n, p = m.shape
    if n <= p:
        raise DomainError("process.too_few_runs", where=response, got=n, allowed=f">= {p + 1}")
    if np.linalg.matrix_rank(m) < p:
        named = ", ".join(term_name(term, names) for term in terms)
        raise DomainError("process.terms_aliased", where=response, got=named)
    ols = sm.OLS(y, m).fit()
    k = len(terms)
    sigma = float(np.sqrt(ols.mse_resid))
    return Surface(
        response=response,
        factors=names,
        terms=terms,
        coefficients=ols.params[:k],
        standard_errors=ols.bse[:k],
        p_values=ols.pvalues[:k],
        covariance=np.asarray(ols.normalized_cov_params),
        sigma=sigma,
        dof=int(ols.df_resid),
        r2=float(ols.rsquared),
        r2_adjusted=float(ols.rsquared_adj),
        aicc=aicc(n_count=n, parameter_count=p + 1, residual_ss=float(ols.ssr)),
        x=x,
        y=y,
        fitted=np.asarray(ols.fittedvalues),
        block_effects=ols.params[k:],
        ols=ols,
    )
