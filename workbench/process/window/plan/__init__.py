"""Plans of experiments: factorials, composites, optimal plans, their power, and the next lot."""

from workbench.process.window.plan.composite import box_behnken, central_composite
from workbench.process.window.plan.efficiency import Evaluation, evaluate, model_terms, moments, term_names
from workbench.process.window.plan.factorial import (
    FRACTIONS,
    Aliases,
    aliases,
    fractional_factorial,
    full_factorial,
    plackett_burman,
    standard_fraction,
)
from workbench.process.window.plan.next_lot import NextLot, next_lot
from workbench.process.window.plan.optimal import augmented, optimal_plan
from workbench.process.window.plan.power import EffectPower, power, replicates_for
from workbench.process.window.plan.record import Plan

__all__ = [
    "FRACTIONS",
    "Aliases",
    "EffectPower",
    "Evaluation",
    "NextLot",
    "Plan",
    "aliases",
    "augmented",
    "box_behnken",
    "central_composite",
    "evaluate",
    "fractional_factorial",
    "full_factorial",
    "model_terms",
    "moments",
    "next_lot",
    "optimal_plan",
    "plackett_burman",
    "power",
    "replicates_for",
    "standard_fraction",
    "term_names",
]
