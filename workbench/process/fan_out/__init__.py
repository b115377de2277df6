"""Models of fan-out steps: physics with ranges and sources, seeded generators, and learning from measurements.

Whatever is generated is synthetic; figures of models whose source was not read are unverified.
"""

from workbench.process.fan_out.grinding import grinding
from workbench.process.fan_out.hybrid_bond import bond_yield, copper_gap, learn_alignment, learn_defects
from workbench.process.fan_out.learning import Learnt, LearntModel, learn
from workbench.process.fan_out.lithography import lithography
from workbench.process.fan_out.model import Generated, Model, Range, generate
from workbench.process.fan_out.mould_shift import mould_shift
from workbench.process.fan_out.plating import plating
from workbench.process.fan_out.thermocompression import squeeze

__all__ = [
    "Generated",
    "Learnt",
    "LearntModel",
    "Model",
    "Range",
    "bond_yield",
    "copper_gap",
    "generate",
    "grinding",
    "learn",
    "learn_alignment",
    "learn_defects",
    "lithography",
    "mould_shift",
    "plating",
    "squeeze",
]
