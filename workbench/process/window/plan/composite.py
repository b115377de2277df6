"""Second-order plans: central composite and Box-Behnken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from workbench.errors import DomainError
from workbench.process.window.factors import Category, Factor
from workbench.process.window.plan.factorial import FRACTIONS, fractional_factorial
from workbench.process.window.plan.record import Plan

ALPHAS = ("rotatable", "face", "spherical", "orthogonal_blocks")

# Factors that vary together in one 2^m of a Box-Behnken plan, numbered from 0; up to five factors it is every pair.
# Source: Box and Behnken 1960, Technometrics 2, 455, tables for 6 and 7 factors.
_BOX_BEHNKEN: dict[int, tuple[tuple[int, ...], ...]] = {
    6: ((0, 1, 3), (1, 2, 4), (2, 3, 5), (0, 3, 4), (1, 4, 5), (0, 2, 5)),
    7: ((3, 4, 5), (0, 5, 6), (1, 4, 6), (0, 1, 3), (2, 3, 6), (0, 2, 4), (1, 2, 5)),
}


def central_composite(
    factors: Sequence[Factor],
    *,
    alpha: str | float = "rotatable",
    centre: tuple[int, int] = (0, 4),
    blocks: bool = False,
    fraction_runs: int | None = None,
    inscribed: bool = False,
) -> Plan:
    """A two-level (fraction of a) factorial, two axial runs per factor at `alpha`, centre runs (with cube, with axial).

    `alpha`: "rotatable" (runs of the cube to the power 1/4), "face" (1), "spherical" (sqrt k), "orthogonal_blocks" (the
    block of the cube and that of the axial runs do not disturb the model) or a number. `inscribed` shrinks the plan
    until the axial runs lie on `low` and `high`; else they reach beyond where alpha > 1.
    `fraction_runs` takes a fraction of resolution V or more as cube. Source: Box and Hunter 1957, Ann. Math. Stat.
    28, 195.
    """
    k = _continuous(factors)
    cube = fractional_factorial(factors, _generators(k, fraction_runs)).points
    runs = len(cube)
    at = {
        "rotatable": runs**0.25,
        "face": 1.0,
        "spherical": float(np.sqrt(k)),
        "orthogonal_blocks": float(np.sqrt(runs * (2 * k + centre[1]) / (2 * (runs + centre[0])))),
    }.get(alpha, alpha)
    if isinstance(at, str) or not 0 < at < 10 or min(centre) < 0:
        raise DomainError("process.choice", where="alpha", got=alpha, allowed=", ".join(ALPHAS))
    axial = np.zeros((2 * k, k))
    for i in range(k):
        axial[2 * i, i], axial[2 * i + 1, i] = -at, at
    parts = [cube, np.zeros((centre[0], k)), axial, np.zeros((centre[1], k))]
    points = np.vstack(parts) / (max(at, 1.0) if inscribed else 1.0)
    first = runs + centre[0]
    numbers = (np.arange(len(points)) >= first).astype(int) if blocks else None
    detail = {"alpha": float(at), "cube_runs": runs, "inscribed": inscribed}
    return Plan.of("central_composite", factors, points, block=numbers, detail=detail)


def box_behnken(factors: Sequence[Factor], *, centre: int = 3) -> Plan:
    """Three levels without corners, for 3 to 7 factors, and `centre` runs in the middle."""
    k = _continuous(factors)
    if not 3 <= k <= 7:
        raise DomainError("process.plan_runs", where="Box-Behnken", got=k, allowed="3 ... 7")
    parts = []
    for group in _BOX_BEHNKEN.get(k, tuple(combinations(range(k), 2))):
        cube = fractional_factorial([factors[i] for i in group]).points
        part = np.zeros((len(cube), k))
        part[:, group] = cube
        parts.append(part)
    return Plan.of("box_behnken", factors, np.vstack([*parts, np.zeros((centre, k))]), detail={"centre": centre})


def _generators(k: int, runs: int | None) -> tuple[str, ...]:
    if runs is None or runs == 2**k:
        return ()
    # resolution V keeps slopes and interactions of the cube clear of each other
    allowed = {r: g for (n, r), g in FRACTIONS.items() if n == k and r >= {5: 16, 6: 32, 7: 64, 8: 64}.get(k, 128)}
    if runs not in allowed:
        raise DomainError("process.plan_runs", where="fraction_runs", got=runs, allowed=f"{sorted(allowed)}, {2**k}")
    return allowed[runs]


def _continuous(factors: Sequence[Factor]) -> int:
    categories = [f.name for f in factors if isinstance(f, Category)]
    if categories or len(factors) < 2:
        raise DomainError("process.plan_continuous", got=", ".join(categories) or len(factors))
    return len(factors)
