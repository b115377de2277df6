"""Run rules: patterns on a chart that a stable process hardly ever makes.

All rules work on standardised values z = (point - centre) / sigma of the point. A rule flags the point that
completes its pattern; for the "k of m" rules that point must itself lie in the zone, and the pattern may be complete
before m points are on the chart. A point exactly on the centre line ends a run on one side.
Sources: Western Electric, Statistical Quality Control Handbook, 1956; Nelson 1984, J. Quality Technology 16, 237.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Violation:
    """Point `index` (0-based) completes the pattern of `rule`."""

    index: int
    rule: str


def beyond(z: Array, sigma: float = 3.0) -> Array:
    """One point beyond the limit."""
    return np.abs(z) > sigma


def run_one_side(z: Array, count: int) -> Array:
    """`count` points in a row on one side of the centre line."""
    return _streak(z > 0, count) | _streak(z < 0, count)


def trend(z: Array, count: int) -> Array:
    """`count` points in a row steadily rising or falling (count - 1 steps)."""
    step = np.diff(z, prepend=np.nan)
    return _streak(step > 0, count - 1) | _streak(step < 0, count - 1)


def alternating(z: Array, count: int) -> Array:
    """`count` points in a row alternating up and down (count - 2 turns)."""
    step = np.diff(z, prepend=np.nan)
    turn = np.zeros(len(z), bool)
    turn[2:] = step[2:] * step[1:-1] < 0
    return _streak(turn, count - 2)


def zone(z: Array, count: int, of: int, sigma: float) -> Array:
    """`count` of the last `of` points beyond `sigma` on the same side, the last one among them."""
    flagged = np.zeros(len(z), bool)
    for side in (z > sigma, z < -sigma):
        total = np.cumsum(side)
        total[of:] = total[of:] - total[:-of].copy() if len(z) > of else total[of:]
        flagged |= side & (total >= count)
    return flagged


def hugging(z: Array, count: int, sigma: float = 1.0) -> Array:
    """`count` points in a row within `sigma` of the centre line: limits too wide, or mixed streams in a subgroup."""
    return _streak(np.abs(z) < sigma, count)


def avoiding(z: Array, count: int, sigma: float = 1.0) -> Array:
    """`count` points in a row farther than `sigma` from the centre line, on both sides: two streams mixed."""
    away = np.abs(z) > sigma
    return _streak(away, count) & ~run_one_side(z, count)


def _streak(holds: Array, count: int) -> Array:
    """Where `holds` was true for at least `count` points up to and including this one."""
    total = np.cumsum(holds)
    before = np.maximum.accumulate(np.where(holds, 0, total))
    return (total - before) >= count


Rule = Callable[[Array], Array]

SHEWHART: dict[str, Rule] = {"shewhart_1": beyond}
WESTERN_ELECTRIC: dict[str, Rule] = {
    "western_electric_1": beyond,
    "western_electric_2": lambda z: zone(z, 2, 3, 2.0),
    "western_electric_3": lambda z: zone(z, 4, 5, 1.0),
    "western_electric_4": lambda z: run_one_side(z, 8),
}
NELSON: dict[str, Rule] = {
    "nelson_1": beyond,
    "nelson_2": lambda z: run_one_side(z, 9),
    "nelson_3": lambda z: trend(z, 6),
    "nelson_4": lambda z: alternating(z, 14),
    "nelson_5": lambda z: zone(z, 2, 3, 2.0),
    "nelson_6": lambda z: zone(z, 4, 5, 1.0),
    "nelson_7": lambda z: hugging(z, 15),
    "nelson_8": lambda z: avoiding(z, 8),
}
SETS: dict[str, dict[str, Rule]] = {"shewhart": SHEWHART, "western_electric": WESTERN_ELECTRIC, "nelson": NELSON}


def violations(z: Array, rules: dict[str, Rule] = WESTERN_ELECTRIC) -> tuple[Violation, ...]:
    """Every point of the standardised series `z` (n,) that completes a pattern, in the order of the points."""
    z = np.asarray(z, float)
    found = [Violation(int(i), name) for name, rule in rules.items() for i in np.flatnonzero(rule(z))]
    return tuple(sorted(found, key=lambda v: (v.index, v.rule)))
