"""The seed table of materials (`data/materials.json`) as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from workbench import facts
from workbench.errors import InputError

# A family decides the colour in sections, the 3D view and legends; the properties decide the physics.
FAMILIES = ("silicon", "dielectric", "copper", "mould", "underfill", "solder", "substrate", "tim", "lid")


@dataclass(frozen=True)
class Property:
    """One figure of a material in the unit its name ends with. `low` and `high` bound a published range."""

    name: str
    value: float
    source: str
    verified: bool
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Material:
    """A material or an effective layer. `properties` maps a unit-suffixed name to its figure."""

    id: str
    name_en: str
    name_zh: str
    family: str
    properties: Mapping[str, Property]

    def name(self, lang: str = "en") -> str:
        return self.name_zh if lang.startswith("zh") else self.name_en

    def value(self, name: str) -> float:
        """The figure `name` (for example ``k_w_per_mk``). Raises InputError when the table has none."""
        try:
            return self.properties[name].value
        except KeyError:
            raise InputError(
                "material.no_property", where=self.id, got=name, allowed=", ".join(self.properties)
            ) from None


@cache
def seed_table() -> Mapping[str, Material]:
    """Every material shipped with the workbench, by id."""
    return MappingProxyType({entry["id"]: _material(entry) for entry in facts.load("materials")["materials"]})


def find(material_id: str) -> Material:
    """The material `material_id`. Raises InputError naming the known ones."""
    table = seed_table()
    if material_id not in table:
        raise InputError("material.unknown", got=material_id, allowed=", ".join(table))
    return table[material_id]


def _material(entry: dict) -> Material:
    properties = {name: Property(name=name, **figure) for name, figure in entry["properties"].items()}
    return Material(
        id=entry["id"],
        name_en=entry["name"]["en"],
        name_zh=entry["name"]["zh-Hant"],
        family=entry["family"],
        properties=MappingProxyType(properties),
    )
