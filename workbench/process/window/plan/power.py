"""Power of a plan: the probability that an effect of a stated size is found significant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from workbench.errors import DomainError
from workbench.process.window.factors import Category, column_owners
from workbench.process.window.plan.efficiency import block_columns, information, term_names
from workbench.process.window.plan.record import Plan
from workbench.process.window.selection import Term
from workbench.process.window.surface import design_matrix

Array = np.ndarray


@dataclass(frozen=True)
class EffectPower:
    """Power (`probability`) of the F test of one effect; `dof` counts the columns it takes, `error_dof` those left for
    the error."""

    name: str
    probability: float
    dof: int
    error_dof: int
    noncentrality: float


def power(
    plan: Plan, terms: Sequence[Term], *, effect: float, sigma: float, alpha: float = 0.05
) -> tuple[EffectPower, ...]:
    """Power for every effect of the model but the intercept, two-sided at level `alpha`.

    `effect` is the change of the response from the low to the high setting (twice the coefficient); for a category the
    greatest difference between two of its levels, the others half way between (the least favourable case). `sigma` is
    the standard deviation of one run. Noncentral F with the residual degrees of freedom; whole plots are not taken into
    account. Source: Montgomery, Design and Analysis of Experiments, ch. 3 and 15.
    """
    if not (effect > 0 and sigma > 0 and 0 < alpha < 1):
        raise DomainError("process.power", got=f"{effect}, {sigma}, {alpha}", allowed="> 0, > 0, 0 ... 1")
    m = np.column_stack([design_matrix(terms, plan.x), block_columns(plan.block).reshape(len(plan), -1)])
    error_dof = len(plan) - m.shape[1]
    if error_dof < 1 or np.linalg.matrix_rank(m) < m.shape[1]:
        raise DomainError("process.too_few_runs", where="power", got=len(plan), allowed=f">= {m.shape[1] + 1}")
    inverse = np.linalg.inv(information(m))
    names = term_names(plan.factors, terms)
    owners = column_owners(plan.factors)
    found = []
    for own in _effects(plan, terms, owners):
        spread = np.linalg.inv(inverse[np.ix_(own, own)])
        factor = owners[next(i for i, p in enumerate(terms[own[0]]) if p)]
        category = plan.factors[factor]
        single = sum(terms[own[0]]) == 1
        if isinstance(category, Category) and single:
            levels = len(category.levels)
            least = min(
                float(b @ spread @ b)
                for i in range(levels) for j in range(i)
                for b in [_difference(levels, i, j) * effect]
            )  # fmt: skip
            name = category.name
        else:
            least = min(float(spread[i, i]) for i in range(len(own))) * (effect / 2) ** 2
            name = names[own[0]] if len(own) == 1 else " × ".join(_factor_names(plan, terms[own[0]], owners))
        lam = least / sigma**2
        critical = special.fdtri(len(own), error_dof, 1 - alpha)
        value = 1 - special.ncfdtr(len(own), error_dof, lam, critical)
        found.append(EffectPower(name, float(np.clip(value, 0, 1)), len(own), error_dof, lam))
    return tuple(found)


def replicates_for(
    plan: Plan, terms: Sequence[Term], *, effect: float, sigma: float, wanted: float = 0.9, alpha: float = 0.05
) -> int:
    """The smallest number of times to make the whole plan so that every effect has the power `wanted`.

    Raises DomainError when 100 replicates do not reach it.
    """
    for count in range(1, 101):
        repeated = plan.repeated(count)
        try:
            found = power(repeated, terms, effect=effect, sigma=sigma, alpha=alpha)
        except DomainError as refused:
            if refused.rule != "process.too_few_runs":
                raise
            continue
        if min(e.probability for e in found) >= wanted:
            return count
    raise DomainError("process.power", got=f"{effect} / {sigma}", allowed=f"{wanted:g}")


def _effects(plan: Plan, terms: Sequence[Term], owners: Sequence[int]) -> list[list[int]]:
    """The numbers of the terms of each effect; the columns of a category belong together."""
    groups: dict[tuple, list[int]] = {}
    for number, term in enumerate(terms):
        powers: dict[int, int] = {}
        for i, p in enumerate(term):
            if p:
                powers[owners[i]] = powers.get(owners[i], 0) + p
        if powers:
            groups.setdefault(tuple(sorted(powers.items())), []).append(number)
    return list(groups.values())


def _difference(levels: int, i: int, j: int) -> Array:
    """Effect-coded coefficients with level i half above, level j half below the mean and the others on it."""
    mean = np.zeros(levels)
    mean[i], mean[j] = 0.5, -0.5
    return mean[:-1]


def _factor_names(plan: Plan, term: Term, owners: Sequence[int]) -> list[str]:
    return list(dict.fromkeys(plan.factors[owners[i]].name for i, p in enumerate(term) if p))
