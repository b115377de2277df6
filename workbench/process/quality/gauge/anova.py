"""Crossed gauge study by analysis of variance: every operator measures every part several times."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, normality
from workbench.process.quality.gauge.components import CLASSES, GaugeStudy, MeanSquare, classes, share
from workbench.process.quality.gauge.intervals import generalized, modified_large_sample
from workbench.process.quality.gauge.table import checked

Array = np.ndarray


def crossed_table_of_variance(values: Array) -> tuple[MeanSquare, ...]:
    """Two-way table of `values` (parts, operators, trials), both factors random: part and operator are tested against
    the interaction, the interaction against repeatability."""
    data = checked(values)
    p, o, r = data.shape
    x = data - data.ravel()[0]
    x = x - x.mean()  # centred first: the sums of squares then lose no digits
    part, operator, cell = x.mean(axis=(1, 2)), x.mean(axis=(0, 2)), x.mean(axis=2)
    sums = (
        ("part", o * r * float(part @ part), p - 1),
        ("operator", p * r * float(operator @ operator), o - 1),
        ("interaction", r * float(((cell - part[:, None] - operator) ** 2).sum()), (p - 1) * (o - 1)),
        ("repeatability", float(((x - cell[:, :, None]) ** 2).sum()), p * o * (r - 1)),
    )
    ms = {name: ss / dof for name, ss, dof in sums}
    against = {"part": "interaction", "operator": "interaction", "interaction": "repeatability"}
    dofs = {name: dof for name, _, dof in sums}
    rows = []
    for name, ss, dof in sums:
        f, p_value = _tested(ms[name], ms.get(against.get(name, "")), dof, dofs.get(against.get(name, ""), 1))
        rows.append(MeanSquare(name, ss, dof, ms[name], f, p_value))
    return (*rows, MeanSquare("total", float((x**2).sum()), p * o * r - 1, float("nan")))


def crossed_anova(
    values: Array,
    *,
    pool: bool | None = None,
    pool_level: float = 0.05,
    tolerance_width: float | None = None,
    study_width: float = 6.0,
    confidence: float = 0.95,
) -> GaugeStudy:
    """Gauge study of `values` (parts, operators, trials), both factors random.

    `pool` None pools the interaction into repeatability when its p-value exceeds `pool_level`; True and False force
    it. Estimates below zero become zero and are named in `clipped`. Intervals: repeatability chi square, the other
    variances modified large sample; share of the gauge and number of classes generalized (simulated, seeded).
    Reproducibility is operator plus interaction. Raises DomainError: shape, no variation.
    Source: AIAG MSA 4th ed.; Burdick, Borror and Montgomery 2003, J. Quality Technology 35, 342.
    """
    data = checked(values)
    table = crossed_table_of_variance(data)
    if not table[-1].ss > 0:
        raise DomainError("process.no_variation", got=0)
    by = {row.source: row for row in table}
    interaction = by["interaction"]
    pooled = bool(interaction.p > pool_level) if pool is None else pool
    p, o, r = data.shape
    if pooled:
        ss, dof = interaction.ss + by["repeatability"].ss, interaction.dof + by["repeatability"].dof
        error = MeanSquare("pooled_repeatability", ss, dof, ss / dof)
        stated = []
        for row in (by["part"], by["operator"]):  # tested against what is now the error
            stated.append(MeanSquare(row.source, row.ss, row.dof, row.ms, *_tested(row.ms, error.ms, row.dof, dof)))
        table = (*stated, interaction, by["repeatability"], error, by["total"])
        squares = [*stated, error]
        weights = {
            "repeatability": (0, 0, 1),
            "operator": (0, 1 / (p * r), -1 / (p * r)),
            "part": (1 / (o * r), 0, -1 / (o * r)),
        }
    else:
        squares = list(table[:4])
        weights = {
            "repeatability": (0, 0, 0, 1),
            "operator": (0, 1 / (p * r), -1 / (p * r), 0),
            "interaction": (0, 0, 1 / r, -1 / r),
            "part": (1 / (o * r), 0, -1 / (o * r), 0),
        }
    ms, dofs = np.array([row.ms for row in squares]), np.array([row.dof for row in squares], float)
    found, percent, least, clipped = assembled(ms, dofs, weights, confidence)
    residuals = (data - data.mean(axis=2, keepdims=True)).ravel()
    checks = (
        Assumption("no_interaction", bool(interaction.p > pool_level), interaction.p, f"F = {interaction.f:.4f}"),
        normality(residuals),
        Assumption("enough_operators", o >= 5, None, f"{o}"),  # fewer leave the operator variance all but unknown
    )
    return GaugeStudy(
        components=share(found, tolerance_width=tolerance_width, study_width=study_width),
        classes=classes(found["part"][0], found["gauge"][0]),
        classes_low=least,
        gauge_percent_low=percent[0],
        gauge_percent_high=percent[1],
        table=table,
        clipped=clipped,
        confidence=confidence,
        study_width=study_width,
        pooled=pooled,
        convention="crossed_anova_pooled" if pooled else "crossed_anova",
        interval_convention="modified_large_sample",
        assumptions=checks,
    )


def assembled(ms: Array, dofs: Array, weights: dict[str, tuple[float, ...]], confidence: float):
    """(name -> (variance, low, high), interval of the gauge share in percent, lower bound of the classes, clipped).

    `weights` give each component as a combination of mean squares; gauge is all but part, reproducibility the gauge
    less repeatability.
    """
    w = {name: np.array(c, float) for name, c in weights.items()}
    estimates = {name: float(c @ ms) for name, c in w.items()}
    clipped = tuple(name for name, value in estimates.items() if value < 0)
    spread = [name for name in w if name not in ("part", "repeatability")]
    sums = {
        "reproducibility": spread,
        "gauge": [*spread, "repeatability"],
        "total": [*spread, "repeatability", "part"],
    }
    found = {}
    for name, c in w.items():
        found[name] = (max(estimates[name], 0.0), *modified_large_sample(c, ms, dofs, confidence=confidence))
    for name, members in sums.items():
        value = sum(max(estimates[m], 0.0) for m in members)
        found[name] = (value, *modified_large_sample(sum(w[m] for m in members), ms, dofs, confidence=confidence))

    def gauge_share(drawn: Array) -> Array:
        gauge, part = _drawn(w, sums["gauge"], drawn), _drawn(w, ["part"], drawn)
        return 100 * np.sqrt(gauge / (gauge + part))

    low, high = generalized(ms, dofs, gauge_share, confidence=confidence)
    share_high = min(high / 100, 1.0)
    least = CLASSES * math.sqrt(max(1 / share_high**2 - 1, 0.0)) if share_high > 0 else math.inf
    return found, (low, high), least, clipped


def _drawn(w: dict[str, Array], members: list[str], drawn: Array) -> Array:
    return sum(np.maximum(w[m] @ drawn, 0.0) for m in members)


def _tested(ms: float, against: float | None, dof: int, dof_against: int) -> tuple[float | None, float | None]:
    if against is None:
        return None, None
    if against == 0:
        return (math.inf, 0.0) if ms > 0 else (0.0, 1.0)
    f = ms / against
    return f, float(stats.f.sf(f, dof, dof_against))
