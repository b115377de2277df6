"""Measurement system analysis: how much of what is seen is the gauge, and what that costs."""

from workbench.process.quality.gauge.anova import crossed_anova
from workbench.process.quality.gauge.attribute import AttributeStudy, attribute_agreement
from workbench.process.quality.gauge.average_range import average_and_range
from workbench.process.quality.gauge.bias import Bias, bias
from workbench.process.quality.gauge.components import Component, GaugeStudy
from workbench.process.quality.gauge.guard_band import GuardBand, from_study, guard_band, misclassification
from workbench.process.quality.gauge.linearity import Linearity, linearity
from workbench.process.quality.gauge.nested import nested_anova
from workbench.process.quality.gauge.table import crossed_table, nested_table

__all__ = [
    "AttributeStudy",
    "Bias",
    "Component",
    "GaugeStudy",
    "GuardBand",
    "Linearity",
    "attribute_agreement",
    "average_and_range",
    "bias",
    "crossed_anova",
    "crossed_table",
    "from_study",
    "guard_band",
    "linearity",
    "misclassification",
    "nested_anova",
    "nested_table",
]
