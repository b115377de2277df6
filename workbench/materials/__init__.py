"""Material records: thermal and mechanical figures, each with its source and whether that source was read."""

from workbench.materials.table import FAMILIES, Material, Property, find, seed_table

__all__ = ["FAMILIES", "Material", "Property", "find", "seed_table"]
