"""The module as an engineer draws it: dies placed in ordered layers, and the figures that follow from them."""

from workbench.stack.bumps import PlacedField, bump_count, ends, placed_fields
from workbench.stack.connections import Connection, End, Net, PathAssertion, Pin, Step
from workbench.stack.derived import Derived, Gap, Level, derive, die_counts, levels
from workbench.stack.diff import Change, diff
from workbench.stack.document import (
    SCHEMA_VERSION,
    Bond,
    Design,
    Die,
    Layer,
    Metal,
    Placement,
    PowerBlock,
    Tsv,
)
from workbench.stack.patterns import Grid, Pattern, Points, Region
from workbench.stack.reading import canonical_json, content_sha256, read, to_document
from workbench.stack.solids import Box, Field, Solids, solids

__all__ = [
    "SCHEMA_VERSION", "Bond", "Box", "Change", "Connection", "Derived", "Design", "Die", "End", "Field", "Gap",
    "Grid", "Layer", "Level", "Metal", "Net", "PathAssertion", "Pattern", "Pin", "PlacedField", "Placement", "Points",
    "PowerBlock", "Region", "Solids", "Step", "Tsv", "bump_count", "canonical_json", "content_sha256", "derive",
    "die_counts", "diff", "ends", "levels", "placed_fields", "read", "solids", "to_document",
]  # fmt: skip
