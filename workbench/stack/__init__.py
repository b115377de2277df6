"""The module as an engineer draws it: dies placed in ordered layers, and the figures that follow from them."""

from workbench.stack.derived import Derived, Gap, Level, derive, die_counts, levels
from workbench.stack.document import SCHEMA_VERSION, Bond, Design, Die, Layer, Placement, PowerBlock, Tsv
from workbench.stack.reading import canonical_json, content_sha256, read, to_document

__all__ = [
    "SCHEMA_VERSION",
    "Bond",
    "Derived",
    "Design",
    "Die",
    "Gap",
    "Layer",
    "Level",
    "Placement",
    "PowerBlock",
    "Tsv",
    "canonical_json",
    "content_sha256",
    "derive",
    "die_counts",
    "levels",
    "read",
    "to_document",
]
