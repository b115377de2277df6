"""Terms of a polynomial model and the choice between models.

A term is the tuple of its exponents, one per factor: ``(1, 1)`` is the interaction x1 x2, ``(2, 0)`` is x1 squared.
A model is hierarchical when every term's lower-order parents are in it; only such models keep their meaning when
a factor's origin or unit changes (Peixoto 1990, The American Statistician 44, 26).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

Term = tuple[int, ...]


def linear(count: int) -> tuple[Term, ...]:
    """Intercept and one slope for each of `count` factors."""
    return ((0,) * count, *(_unit(count, i) for i in range(count)))


def full_quadratic(count: int) -> tuple[Term, ...]:
    """Intercept, slopes, two-factor interactions and squares of `count` factors, in this order."""
    pairs = tuple(_sum(_unit(count, i), _unit(count, j)) for i, j in combinations(range(count), 2))
    squares = tuple(_unit(count, i, 2) for i in range(count))
    return linear(count) + pairs + squares


def interactions(count: int) -> tuple[Term, ...]:
    """Intercept, slopes and two-factor interactions of `count` factors."""
    return tuple(term for term in full_quadratic(count) if max(term) < 2)


ORDERS = ("linear", "interactions", "quadratic")


def terms_of(owners: Sequence[int], order: str, *, squared: Sequence[bool] | None = None) -> tuple[Term, ...]:
    """Terms over the columns of `expanded`, where `owners` names the factor of each column.

    `order`: "linear", "interactions" or "quadratic" (with squares). Columns of one category never multiply each
    other, and have no squares; `squared` (one per column) takes squares from others too.
    """
    n = len(owners)
    many = {owner for owner in owners if list(owners).count(owner) > 1}
    terms = list(linear(n))
    if order != "linear":
        terms += [t for t in interactions(n)[n + 1 :] if len({owners[i] for i, p in enumerate(t) if p}) == 2]
    if order == "quadratic":
        allowed = [owners[i] not in many and (squared is None or squared[i]) for i in range(n)]
        terms += [_unit(n, i, 2) for i in range(n) if allowed[i]]
    return tuple(terms)


def parents(term: Term) -> Iterator[Term]:
    """The terms one order lower that `term` contains."""
    for i, power in enumerate(term):
        if power:
            yield (*term[:i], power - 1, *term[i + 1 :])


def hierarchical(terms: Sequence[Term]) -> bool:
    """True when every parent of every term is present."""
    present = set(terms)
    return all(parent in present for term in terms for parent in parents(term))


def term_name(term: Term, names: Sequence[str]) -> str:
    """The term in words: ``pressure × ratio``, ``pressure²``; the intercept is ``1``."""
    sign = {1: "", 2: "²", 3: "³"}
    used = [name + sign.get(power, f"^{power}") for name, power in zip(names, term, strict=True) if power]
    return " × ".join(used) or "1"


def aicc(*, n_count: int, parameter_count: int, residual_ss: float) -> float:
    """Akaike's criterion with small-sample correction, up to a constant common to all models of the same data.

    `parameter_count` includes the residual variance. Infinite when too few runs are left to correct.
    Source: Hurvich and Tsai 1989, Biometrika 76, 297.
    """
    spare = n_count - parameter_count - 1
    if spare <= 0 or residual_ss <= 0:
        return math.inf
    return (
        n_count * math.log(residual_ss / n_count)
        + 2 * parameter_count
        + 2 * parameter_count * (parameter_count + 1) / spare
    )


def backward(
    terms: Sequence[Term],
    criterion: Callable[[tuple[Term, ...]], float],
    *,
    owners: Sequence[int] | None = None,
) -> list[tuple[tuple[Term, ...], float]]:
    """Backward selection that never breaks the hierarchy: the models visited with their criterion, best last.

    From `terms`, the removable term (one that is nobody's parent) whose removal lowers the criterion most is taken
    out, until none does. The intercept stays. `owners` names the factor of each column: the columns of a category
    leave together, since a part of them has no meaning of its own.
    """

    def kin(term: Term) -> Term:
        if owners is None:
            return term
        powers: dict[int, int] = {}
        for i, power in enumerate(term):
            powers[owners[i]] = powers.get(owners[i], 0) + power
        return tuple(powers[owner] for owner in sorted(powers))

    current = tuple(terms)
    path = [(current, criterion(current))]
    while True:
        children = {parent for term in current for parent in parents(term)}
        kept = {kin(term) for term in children}
        removable = dict.fromkeys(kin(term) for term in current if any(term))
        trials = [tuple(t for t in current if kin(t) != gone) for gone in removable if gone not in kept]
        scored = [(trial, criterion(trial)) for trial in trials]
        best = min(scored, key=lambda pair: pair[1], default=None)
        if best is None or not best[1] < path[-1][1]:
            return path
        path.append(best)
        current = best[0]


def _unit(count: int, index: int, power: int = 1) -> Term:
    return tuple(power if i == index else 0 for i in range(count))


def _sum(a: Term, b: Term) -> Term:
    return tuple(p + q for p, q in zip(a, b, strict=True))
