"""Nested gauge study: each operator has parts of his own, as when measuring destroys the part."""

from __future__ import annotations

import numpy as np
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, normality
from workbench.process.quality.gauge.anova import assembled
from workbench.process.quality.gauge.components import GaugeStudy, MeanSquare, classes, share
from workbench.process.quality.gauge.table import checked

Array = np.ndarray


def nested_table_of_variance(values: Array) -> tuple[MeanSquare, ...]:
    """Table of `values` (operators, parts of that operator, trials), both random: the operator is tested against the
    parts, the parts against repeatability."""
    data = checked(values)
    o, p, r = data.shape
    x = data - data.ravel()[0]
    x = x - x.mean()
    operator, part = x.mean(axis=(1, 2)), x.mean(axis=2)
    sums = (
        ("operator", p * r * float(operator @ operator), o - 1),
        ("part", r * float(((part - operator[:, None]) ** 2).sum()), o * (p - 1)),
        ("repeatability", float(((x - part[:, :, None]) ** 2).sum()), o * p * (r - 1)),
    )
    rows = []
    for at, (name, ss, dof) in enumerate(sums):
        f = p_value = None
        if at < 2 and sums[at + 1][1] > 0:
            f = (ss / dof) / (sums[at + 1][1] / sums[at + 1][2])
            p_value = float(stats.f.sf(f, dof, sums[at + 1][2]))
        rows.append(MeanSquare(name, ss, dof, ss / dof, f, p_value))
    return (*rows, MeanSquare("total", float((x**2).sum()), o * p * r - 1, float("nan")))


def nested_anova(
    values: Array,
    *,
    tolerance_width: float | None = None,
    study_width: float = 6.0,
    confidence: float = 0.95,
) -> GaugeStudy:
    """Gauge study of `values` (operators, parts of that operator, trials), all factors random.

    The trials of a destroyed part are made on samples taken to be alike; what differs between them counts as
    repeatability. Intervals as `crossed_anova`. Raises DomainError: shape, no variation.
    Source: Montgomery, Design and Analysis of Experiments, ch. 14; AIAG MSA 4th ed., chapter IV.
    """
    data = checked(values)
    table = nested_table_of_variance(data)
    if not table[-1].ss > 0:
        raise DomainError("process.no_variation", got=0)
    o, p, r = data.shape
    weights = {"repeatability": (0, 0, 1), "operator": (1 / (p * r), -1 / (p * r), 0), "part": (0, 1 / r, -1 / r)}
    ms, dofs = np.array([row.ms for row in table[:3]]), np.array([row.dof for row in table[:3]], float)
    found, percent, least, clipped = assembled(ms, dofs, weights, confidence)
    checks = (
        normality((data - data.mean(axis=2, keepdims=True)).ravel()),
        Assumption("trials_alike", None, None, ""),  # cannot be checked by the study itself
        Assumption("enough_operators", o >= 5, None, f"{o}"),
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
        pooled=None,
        convention="nested_anova",
        interval_convention="modified_large_sample",
        assumptions=checks,
    )
