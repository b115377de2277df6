"""The one closed table of unit suffixes used in names.

A quantity carries its unit at the end of its name: ``bond_line_um``, ``k_w_per_mk``. The longest suffix wins,
so ``_w_per_mk`` is not read as ``_k``. Names of counts and ratios without a unit need no suffix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """A unit as written in names (`suffix`), on screen (`symbol`) and its factor to SI base units.

    `offset` is added after scaling: kelvin = value * factor + offset (only degrees Celsius needs it).
    `dimension` groups units that can be converted into each other.
    """

    suffix: str
    symbol: str
    factor: float
    dimension: str
    offset: float = 0.0


_TABLE = (
    # length, area, volume
    ("nm", "nm", 1e-9, "length"), ("um", "µm", 1e-6, "length"), ("mm", "mm", 1e-3, "length"),
    ("um2", "µm²", 1e-12, "area"), ("mm2", "mm²", 1e-6, "area"), ("cm2", "cm²", 1e-4, "area"),
    ("deg", "°", math.pi / 180, "angle"), ("rad", "rad", 1.0, "angle"), ("per_m", "1/m", 1.0, "curvature"),
    # defects and densities
    ("per_cm2", "1/cm²", 1e4, "areal density"), ("per_um2", "1/µm²", 1e12, "areal density"),
    ("per_mm2", "1/mm²", 1e6, "areal density"),
    # time and rates
    ("ns", "ns", 1e-9, "time"), ("us", "µs", 1e-6, "time"), ("ms", "ms", 1e-3, "time"), ("s", "s", 1.0, "time"),
    ("min", "min", 60.0, "time"), ("h", "h", 3600.0, "time"), ("days", "d", 86400.0, "time"),
    ("ghz", "GHz", 1e9, "frequency"), ("per_s", "1/s", 1.0, "rate"), ("tokens_per_s", "tokens/s", 1.0, "token rate"),
    ("samples_per_s", "samples/s", 1.0, "sample rate"), ("gb_per_s", "GB/s", 1e9, "data rate"),
    # temperature, heat
    ("k", "K", 1.0, "temperature"), ("c", "°C", 1.0, "temperature", 273.15),
    ("w", "W", 1.0, "power"), ("mw", "mW", 1e-3, "power"), ("w_per_mm2", "W/mm²", 1e6, "power density"),
    ("w_per_mk", "W/(m·K)", 1.0, "thermal conductivity"), ("w_per_m2k", "W/(m²·K)", 1.0, "heat transfer"),
    ("j_per_m3k", "J/(m³·K)", 1.0, "heat capacity"), ("kg_per_m3", "kg/m³", 1.0, "density"),
    ("k_per_w", "K/W", 1.0, "thermal resistance"),
    # energy
    ("uj", "µJ", 1e-6, "energy"), ("mj", "mJ", 1e-3, "energy"), ("j", "J", 1.0, "energy"),
    # mechanics and process
    ("ppm", "ppm", 1e-6, "fraction"), ("percent", "%", 1e-2, "fraction"),
    ("ppm_per_k", "ppm/K", 1e-6, "thermal expansion"), ("gpa", "GPa", 1e9, "pressure"), ("mpa", "MPa", 1e6, "pressure"),
    ("pa", "Pa", 1.0, "pressure"), ("torr", "Torr", 101325 / 760, "pressure"), ("n", "N", 1.0, "force"),
    ("pa_s", "Pa·s", 1.0, "viscosity"), ("um_per_s", "µm/s", 1e-6, "speed"),
    ("mm2_per_s", "mm²/s", 1e-6, "diffusivity"),
    ("nm_per_k", "nm/K", 1e-9, "expansion of a feature"), ("kj_per_mol", "kJ/mol", 1e3, "molar energy"),
    ("mj_per_cm2", "mJ/cm²", 10.0, "exposure dose"),
    # electrical
    ("ohm", "Ω", 1.0, "resistance"), ("nh", "nH", 1e-9, "inductance"), ("ff", "fF", 1e-15, "capacitance"),
    ("mv", "mV", 1e-3, "voltage"), ("v", "V", 1.0, "voltage"), ("ps", "ps", 1e-12, "time"), ("a", "A", 1.0, "current"),
    ("db", "dB", 1.0, "level"), ("ma_per_cm2", "mA/cm²", 10.0, "current density"),
    ("ohm_m", "Ω·m", 1.0, "resistivity"), ("ohm_cm2", "Ω·cm²", 1e-4, "area resistance"),
    # computing and money
    ("b", "B", 1.0, "data"), ("mb", "MB", 1e6, "data"), ("gb", "GB", 1e9, "data"), ("usd", "USD", 1.0, "money"),
    ("usd_per_mm2", "USD/mm²", 1e6, "areal cost"), ("usd_per_h", "USD/h", 1 / 3600, "cost rate"),
)  # fmt: skip

UNITS: dict[str, Unit] = {row[0]: Unit(*row) for row in _TABLE}
_BY_LENGTH = sorted(UNITS, key=len, reverse=True)

# Words that end like a unit but are the name of a thing, not of a quantity.
_NOT_QUANTITIES = frozenset({"a", "b", "c", "h", "j", "k", "n", "s", "v", "w", "per_s", "n_a"})


def unit_of(name: str) -> Unit | None:
    """The unit a name ends with, or None for a dimensionless name."""
    for suffix in _BY_LENGTH:
        if name.endswith("_" + suffix):
            return UNITS[suffix]
    return UNITS.get(name) if name in UNITS and name not in _NOT_QUANTITIES else None


def symbol_of(name: str) -> str:
    """The unit as shown on screen (``thickness_um`` gives ``µm``), empty when there is none."""
    unit = unit_of(name)
    return unit.symbol if unit else ""


def convert(value: float, source: str, target: str) -> float:
    """`value` from one suffix to another of the same dimension, e.g. ``convert(25, "c", "k")``.

    Raises ValueError when the dimensions differ and KeyError for a suffix that is not in the table.
    """
    a, b = UNITS[source], UNITS[target]
    if a.dimension != b.dimension:
        raise ValueError(f"{source} ({a.dimension}) cannot become {target} ({b.dimension})")
    if source == target:
        return value
    return (value * a.factor + a.offset - b.offset) / b.factor
