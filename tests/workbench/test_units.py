"""The closed table of units, and that public names keep to it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest

import workbench
from workbench.schema import Parameters
from workbench.units import UNITS, convert, symbol_of, unit_of

CONVERSIONS = [  # value, from, to, expected, source
    (25.0, "c", "k", 298.15, "definition of the degree Celsius"),
    (1.0, "torr", "pa", 133.32236842105263, "BIPM: 101325/760 Pa"),
    (1.0, "per_um2", "per_cm2", 1e8, "1 cm2 = 1e8 um2"),
    (180.0, "deg", "rad", 3.141592653589793, "definition"),
    (1.0, "cm2", "mm2", 100.0, "definition"),
    (1.0, "gpa", "mpa", 1000.0, "SI prefixes"),
]


@pytest.mark.parametrize(("value", "source", "target", "expected", "why"), CONVERSIONS)
def test_conversion(value, source, target, expected, why):
    assert convert(value, source, target) == pytest.approx(expected, rel=1e-12), why
    assert convert(expected, target, source) == pytest.approx(value, rel=1e-12), why


def test_units_of_different_dimensions_do_not_convert():
    with pytest.raises(ValueError, match="length"):
        convert(1.0, "um", "mm2")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("bond_line_um", "µm"), ("k_w_per_mk", "W/(m·K)"), ("density_per_um2", "1/µm²"), ("die_area_mm2", "mm²"),
        ("design_id", ""), ("yield_", ""), ("rate_tokens_per_s", "tokens/s"), ("temperature_c", "°C"),
    ],
)  # fmt: skip
def test_the_longest_suffix_wins(name, symbol):
    assert symbol_of(name) == symbol


# Words that would hide a unit outside the table: a parameter named like this says its unit in another spelling.
FOREIGN = re.compile(
    r"_(micron|microns|millimeter|mils?|inch|celsius|kelvin|degc|degrees|sec|secs|seconds|msec|usec|hours|minutes|watts?|"
    r"ohms|volts?|dollars?|euros?|kb|tb|kib|mib|gib|hz|mhz|khz|pf|nf|uf|ma|ua|kw|kpa|bar|psi|meters?|percentage|pct)$"
)
# Physical words that need a unit behind them when they name a number.
BARE = frozenset(
    {"thickness", "width", "height", "length", "pitch", "diameter", "radius", "temperature", "power", "pressure",
     "area", "duration", "latency", "wavelength", "cost", "price", "frequency", "voltage", "stress_tensor", "energy"}
)  # fmt: skip


NUMERIC = {"float", "int", "ndarray", "ArrayLike", "float | np.ndarray", "float | None"}


def public_callables():
    for module_info in pkgutil.walk_packages(workbench.__path__, "workbench."):
        if ".cli" in module_info.name or module_info.name.endswith("__main__"):
            continue
        module = importlib.import_module(module_info.name)
        for name, member in vars(module).items():
            if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(member) or inspect.isclass(member):
                yield f"{module.__name__}.{name}", member


def test_public_functions_name_units_from_the_table():
    wrong = []
    seen = 0
    for where, member in public_callables():
        try:
            parameters = inspect.signature(member).parameters
        except (TypeError, ValueError):
            continue
        for name, parameter in parameters.items():
            seen += 1
            numeric = str(parameter.annotation).removeprefix("np.") in NUMERIC
            if FOREIGN.search(name) or (numeric and name in BARE):
                wrong.append(f"{where}({name})")
    assert seen > 50
    assert not wrong, "these names carry no unit of workbench.units: " + ", ".join(wrong)


def all_parameters(cls=Parameters):
    for sub in cls.__subclasses__():
        yield sub
        yield from all_parameters(sub)


def test_schemas_name_units_from_the_table():
    list(public_callables())  # imports everything
    wrong = [
        f"{cls.__qualname__}.{f.name}"
        for cls in all_parameters()
        if cls.__module__.startswith("workbench.")
        for f in cls.fields()
        if f.kind in ("number", "integer") and (FOREIGN.search(f.name) or f.name in BARE)
    ]
    assert not wrong


def test_every_symbol_and_suffix_is_unique():
    assert len({u.symbol for u in UNITS.values()}) == len(UNITS)
    assert all(unit_of("x_" + suffix).suffix == suffix for suffix in UNITS)
