"""What the workbench brings: example modules of its own, and published designs, each figure with its source."""

from __future__ import annotations

from typing import Any

from workbench import facts
from workbench.stack import read, to_document

PROJECT = "reference-designs"
DESIGNS = (  # the seven that every view and report is tried on
    "poc-face-to-face",
    "poc-face-to-back",
    "poc-side-by-side",
    "ascend-910",
    "multi-gpu",
    "cpu-dram-150w",
    "simba-36",
)
REFERENCES = (  # further published designs, to compare with and to start from
    "amd-v-cache-zen3",
    "amd-v-cache-zen4",
    "amd-mi300x",
    "apple-m1-ultra",
    "cross-face-to-face",
    "hbm-cube",
    "intel-lakefield",
    "intel-meteor-lake",
    "intel-ponte-vecchio",
    "intel-sapphire-rapids",
    "nvidia-blackwell",
    "nvidia-h100",
    "samsung-i-cube4",
    "sg13g2-pair",
    "tesla-dojo-tile",
    "tsmc-lipincon",
    "xilinx-virtex-7-2000t",
)
EXAMPLES = ("poc-face-to-face", "poc-face-to-back", "poc-side-by-side")


def seed(store: Any) -> list[str]:
    """Add the seven seed designs to the store; what is there already stays. Returns what was added."""
    return _seed(store, DESIGNS)


def seed_references(store: Any) -> list[str]:
    """Add the further reference designs; what is there already stays. Returns what was added."""
    return _seed(store, REFERENCES)


def _seed(store: Any, names: tuple[str, ...]) -> list[str]:
    present = {row["design_id"]: row for row in store.designs.list()}
    if not any(row["project_id"] == PROJECT for row in present.values()):
        store.projects.add(PROJECT, name="Reference designs")
    added = []
    for name in names:
        design = read(facts.load(f"designs/{name}"))
        origin = "example" if name in EXAMPLES else "reference"
        there = present.get(name)
        if there is not None:
            if there["author"] != "workbench" or there["project_id"] != PROJECT:
                continue  # someone went on from it, or has a design of that name: never put the seed on top
            # Compared as designs: a document of an earlier schema may say the same.
            if read(store.designs.document(name)) == design:
                if there["origin"] != origin:  # saved by a workbench that did not tell them apart
                    _mark(store, there, origin)
                continue
        store.designs.add_revision(
            name,
            to_document(design),
            title=design.title,
            kind=design.assembly,
            author="workbench",
            note=design.source,
            project_id=PROJECT,
            origin=origin,
        )
        added.append(name)
    return added


def _mark(store: Any, there: dict, origin: str) -> None:
    """The current document said again, with its origin: adds no revision."""
    store.designs.add_revision(
        there["design_id"],
        store.designs.document(there["design_id"]),
        title=there["title"],
        kind=there["kind"],
        author=there["author"],
        note=there["note"],
        project_id=there["project_id"],
        origin=origin,
    )
