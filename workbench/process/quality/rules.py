"""Run rules: patterns on a chart that a stable process hardly ever makes.

All rules work on standardised values z = (point - centre) / sigma of the point, in the order of time along the last
axis; rows of a matrix are separate charts, and NaN fits no pattern. A rule flags the point that completes its pattern;
for the "k of m" rules that point must itself lie in the zone, and the pattern may be complete before m points are on
the chart. A point exactly on the centre line ends a run on one side.
Sources: Western Electric, Statistical Quality Control Handbook, 1956; Nelson 1984, J. Quality Technology 16, 237.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from workbench.errors import DomainError
from workbench.i18n import t

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
    step = _steps(z)
    return _streak(step > 0, count - 1) | _streak(step < 0, count - 1)


def alternating(z: Array, count: int) -> Array:
    """`count` points in a row alternating up and down (count - 2 turns)."""
    step = _steps(z)
    turn = np.zeros(z.shape, bool)
    turn[..., 2:] = step[..., 2:] * step[..., 1:-1] < 0
    return _streak(turn, count - 2)


def zone(z: Array, count: int, of: int, sigma: float) -> Array:
    """`count` of the last `of` points beyond `sigma` on the same side, the last one among them."""
    flagged = np.zeros(z.shape, bool)
    for side in (z > sigma, z < -sigma):
        total = side.astype(np.int8 if of < 128 else np.int32)
        for age in range(1, min(of, z.shape[-1])):
            total[..., age:] += side[..., :-age]
        flagged |= side & (total >= count)
    return flagged


def hugging(z: Array, count: int, sigma: float = 1.0) -> Array:
    """`count` points in a row within `sigma` of the centre line: limits too wide, or mixed streams in a subgroup."""
    return _streak(np.abs(z) < sigma, count)


def avoiding(z: Array, count: int, sigma: float = 1.0) -> Array:
    """`count` points in a row farther than `sigma` from the centre line, on both sides: two streams mixed."""
    away = np.abs(z) > sigma
    return _streak(away, count) & ~run_one_side(z, count)


def _steps(z: Array) -> Array:
    step = np.full(z.shape, np.nan)
    np.subtract(z[..., 1:], z[..., :-1], out=step[..., 1:])
    return step


def _streak(holds: Array, count: int) -> Array:
    """Where `holds` was true for at least `count` points up to and including this one: windows doubled to `count`."""
    window, length = holds, 1
    while length < count:
        step = min(length, count - length)
        longer = np.zeros_like(window)
        longer[..., step:] = window[..., step:] & window[..., :-step] if step < window.shape[-1] else False
        window, length = longer, length + step
    return window


KINDS = ("beyond", "one_side", "trend", "alternating", "zone", "hugging", "avoiding")


@dataclass(frozen=True)
class Rule:
    """One run rule as data, so that it can be applied to points and its false alarms computed.

    `kind` is one of KINDS; `count` points (of the last `of`, for a zone rule) beyond or within `sigma`.
    """

    kind: str
    count: int = 1
    of: int = 1
    sigma: float = 3.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.count < 1 or not self.sigma > 0:
            raise DomainError("process.choice", got=f"{self.kind}, {self.count}", allowed=", ".join(KINDS))

    def __call__(self, z: Array) -> Array:
        """Where the points `z` (..., n) complete the pattern."""
        match self.kind:
            case "beyond":
                return beyond(z, self.sigma)
            case "one_side":
                return run_one_side(z, self.count)
            case "trend":
                return trend(z, self.count)
            case "alternating":
                return alternating(z, self.count)
            case "zone":
                return zone(z, self.count, self.of, self.sigma)
            case "hugging":
                return hugging(z, self.count, self.sigma)
        return avoiding(z, self.count, self.sigma)

    def sentence(self, lang: str | None = None) -> str:
        """The pattern in words."""
        return t(f"quality.rule.{self.kind}", lang, count=self.count, of=self.of, sigma=self.sigma)

    @property
    def points(self) -> int:
        """The least number of points on the chart that can complete the pattern."""
        return 1 if self.kind == "beyond" else self.count

    @property
    def false_alarm_rate(self) -> float:
        """Probability that a point of a stable normal process with known limits is flagged, the chart being long.

        Exact: by counting for zones, runs and streaks; 2 / n! for trends; 2 E_n / n! for alternation, E_n the zigzag
        numbers (Andre 1881).
        """
        tail = float(special.ndtr(-self.sigma))
        match self.kind:
            case "beyond":
                return 2 * tail
            case "one_side":
                return 2 * 0.5**self.count
            case "trend":
                return 2 / math.factorial(self.count)
            case "alternating":
                return 2 * _zigzag(self.count) / math.factorial(self.count)
            case "zone":
                return 2 * tail * float(stats.binom.sf(self.count - 2, self.of - 1, tail))
            case "hugging":
                return (1 - 2 * tail) ** self.count
        return (2 * tail) ** self.count - 2 * tail**self.count

    def expected_flags(self, n: Array | int) -> Array | float:
        """Expected number of flagged points among the first `n` of a stable normal process with known limits.

        Exact; the first points of a chart complete zone patterns more rarely than `false_alarm_rate` says.
        """
        n = np.asarray(n, float)
        if self.kind != "zone":
            return self.false_alarm_rate * np.maximum(n - self.points + 1, 0)
        tail = float(special.ndtr(-self.sigma))
        early = sum(2 * tail * stats.binom.sf(self.count - 2, seen, tail) * (n > seen) for seen in range(self.of - 1))
        return early + self.false_alarm_rate * np.maximum(n - self.of + 1, 0)


def _zigzag(n: int) -> int:
    """Number of alternating permutations of n that begin by rising (Seidel's triangle)."""
    row = [1]
    for _ in range(n):
        total, rising = 0, [0]
        for value in reversed(row):
            total += value
            rising.append(total)
        row = rising
    return row[-1]


SHEWHART: dict[str, Rule] = {"shewhart_1": Rule("beyond")}
WESTERN_ELECTRIC: dict[str, Rule] = {
    "western_electric_1": Rule("beyond"),
    "western_electric_2": Rule("zone", 2, 3, 2.0),
    "western_electric_3": Rule("zone", 4, 5, 1.0),
    "western_electric_4": Rule("one_side", 8),
}
NELSON: dict[str, Rule] = {
    "nelson_1": Rule("beyond"),
    "nelson_2": Rule("one_side", 9),
    "nelson_3": Rule("trend", 6),
    "nelson_4": Rule("alternating", 14),
    "nelson_5": Rule("zone", 2, 3, 2.0),
    "nelson_6": Rule("zone", 4, 5, 1.0),
    "nelson_7": Rule("hugging", 15, sigma=1.0),
    "nelson_8": Rule("avoiding", 8, sigma=1.0),
}
SETS: dict[str, dict[str, Rule]] = {"shewhart": SHEWHART, "western_electric": WESTERN_ELECTRIC, "nelson": NELSON}


def violations(z: Array, rules: dict[str, Rule] = WESTERN_ELECTRIC) -> tuple[Violation, ...]:
    """Every point of the standardised series `z` (n,) that completes a pattern, in the order of the points."""
    z = np.asarray(z, float)
    found = [Violation(int(i), name) for name, rule in rules.items() for i in np.flatnonzero(rule(z))]
    return tuple(sorted(found, key=lambda v: (v.index, v.rule)))
