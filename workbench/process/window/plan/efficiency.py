"""How good a plan is for a model: information, efficiencies, variance of prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import DomainError
from workbench.process.window.factors import Category, Factor, Setting, column_names, column_owners, expanded
from workbench.process.window.plan.record import Plan
from workbench.process.window.selection import Term, term_name, terms_of
from workbench.process.window.surface import design_matrix

Array = np.ndarray


def model_terms(factors: Sequence[Setting], order: str = "quadratic") -> tuple[Term, ...]:
    """Terms over the columns of `expanded`: `order` "linear", "interactions" or "quadratic"."""
    if order not in ("linear", "interactions", "quadratic"):
        raise DomainError("process.choice", got=order, allowed="linear, interactions, quadratic")
    squared = [isinstance(f, Factor) for f in factors for _ in range(_width(f))]
    return terms_of(column_owners(factors), order, squared=squared)


def term_names(factors: Sequence[Setting], terms: Sequence[Term]) -> tuple[str, ...]:
    """The terms in words, with the factors' names."""
    return tuple(term_name(term, column_names(factors)) for term in terms)


def moments(factors: Sequence[Setting], terms: Sequence[Term]) -> Array:
    """Mean of f(x) f(x)' over the cube of coded settings and all levels of the categories (terms, terms); exact."""
    terms = np.asarray(terms, int)
    powers = terms[:, None, :] + terms[None, :, :]
    found = np.ones(powers.shape[:2])
    at = 0
    for f in factors:
        own = powers[:, :, at : at + _width(f)]
        if isinstance(f, Category):
            code = f.code(np.arange(len(f.levels)))
            found *= np.mean([np.prod(row**own, axis=2) for row in code], axis=0)
        else:
            found *= np.where(own[:, :, 0] % 2, 0.0, 1.0 / (own[:, :, 0] + 1.0))
        at += _width(f)
    return found


def block_columns(block: Array | None) -> Array:
    """Effect coding (n, blocks - 1) of the blocks; no column without blocks."""
    if block is None:
        return np.empty((0, 0))
    names, number = np.unique(block, return_inverse=True)
    return np.vstack([np.eye(len(names) - 1), -np.ones(len(names) - 1)])[number.ravel()]


def information(m: Array, whole_plot: Array | None = None, variance_ratio: float = 0.0) -> Array:
    """X' V^-1 X (p, p) of a model matrix (n, p), V = I + variance_ratio Z Z' with Z the membership of whole plots.

    `variance_ratio` is the variance between whole plots over that of runs within one. Source: Goos, The Optimal Design
    of Blocked and Split-Plot Experiments, 2002, ch. 6.
    """
    found = m.T @ m
    if whole_plot is not None and variance_ratio > 0:
        _, number = np.unique(whole_plot, return_inverse=True)
        member = np.eye(number.max() + 1)[number.ravel()]
        sums = member.T @ m
        weight = variance_ratio / (1 + variance_ratio * member.sum(axis=0))
        found = found - (sums * weight[:, None]).T @ sums
    return found


@dataclass(frozen=True)
class Evaluation:
    """Qualities of a plan for a model. Variances are in units of the variance of one run.

    `d_efficiency` = 100 |M|^(1/p) / n (convention of SAS and JMP; 100 for an orthogonal two-level plan), `a_efficiency`
    = 100 p / (n trace M^-1), `g_efficiency` = 100 p / (n greatest variance over the plan's own points and corners).
    """

    terms: tuple[str, ...]
    runs: int
    dof: int  # of the residual
    d_efficiency: float
    a_efficiency: float
    g_efficiency: float
    average_variance: float  # of the predicted mean over the region: the I criterion
    standard_error: Array  # of each coefficient
    inflation: Array  # variance of each coefficient over that in an orthogonal two-level plan of as many runs
    correlation: Array  # (terms, terms) of the estimated coefficients
    pure_error_dof: int


def evaluate(plan: Plan, terms: Sequence[Term], *, variance_ratio: float = 1.0) -> Evaluation:
    """Judge `plan` for the model `terms` (over the columns of `expanded`), with its blocks and whole plots.

    Raises DomainError `process.terms_aliased`: the plan cannot tell the terms apart.
    """
    m = np.column_stack([design_matrix(terms, plan.x), block_columns(plan.block).reshape(len(plan), -1)])
    info = information(m, plan.whole_plot, variance_ratio)
    names = term_names(plan.factors, terms)
    if np.linalg.matrix_rank(m) < m.shape[1]:
        raise DomainError("process.terms_aliased", where=plan.kind, got=", ".join(names))
    p, n = len(terms), len(plan)
    inverse = np.linalg.inv(info)[:p, :p]
    _, log_det = np.linalg.slogdet(np.linalg.inv(inverse))
    at = np.vstack([plan.x, expanded(plan.factors, _corners(plan))])
    f = design_matrix(terms, at)
    se = np.sqrt(np.diag(inverse))
    distinct = np.unique(np.round(np.column_stack([plan.points, m[:, p:]]), 9), axis=0)
    return Evaluation(
        terms=names,
        runs=n,
        dof=n - m.shape[1],
        d_efficiency=float(100 * np.exp(log_det / p) / n),
        a_efficiency=float(100 * p / (n * np.trace(inverse))),
        g_efficiency=float(100 * p / (n * np.einsum("ij,jk,ik->i", f, inverse, f).max())),
        average_variance=float(np.trace(inverse @ moments(plan.factors, terms))),
        standard_error=se,
        inflation=n * np.diag(inverse),
        correlation=inverse / np.outer(se, se),
        pure_error_dof=n - len(distinct),
    )


def _corners(plan: Plan) -> Array:
    """Up to 1,024 corners of the region."""
    ends = [range(len(f.levels)) if isinstance(f, Category) else (-1.0, 1.0) for f in plan.factors]
    total = int(np.prod([len(e) for e in ends]))
    chosen = np.arange(total) if total <= 1024 else np.random.default_rng(0).choice(total, 1024, replace=False)
    numbers = np.unravel_index(chosen, [len(e) for e in ends])
    return np.column_stack([np.asarray(e, float)[c] for e, c in zip(ends, numbers, strict=True)])


def _width(f: Setting) -> int:
    return len(f.levels) - 1 if isinstance(f, Category) else 1
