"""The seed designs: three proof-of-concept modules and four published systems, one project, one revision each."""

from __future__ import annotations

from workbench import facts
from workbench.stack import read, to_document

PROJECT = "reference-designs"
DESIGNS = (
    "poc-face-to-face",
    "poc-face-to-back",
    "poc-side-by-side",
    "ascend-910",
    "multi-gpu",
    "cpu-dram-150w",
    "simba-36",
)


def seed(store) -> list[str]:
    """Add the seed designs to the store; what is there already stays. Returns what was added."""
    present = {row["design_id"] for row in store.designs.list()}
    if not present & set(DESIGNS):
        store.projects.add(PROJECT, name="Reference designs")
    added = []
    for design_id in DESIGNS:
        design = read(facts.load(f"designs/{design_id}"))
        document = to_document(design)
        if design_id in present and _was_saved(store, design_id, document):
            continue  # someone may have gone on from it: never put the seed back on top
        store.designs.add_revision(
            design_id,
            document,
            title=design.title,
            kind=design.assembly,
            author="workbench",
            note=design.source,
            project_id=PROJECT,
        )
        added.append(design_id)
    return added


def _was_saved(store, design_id: str, document: dict) -> bool:
    revisions = store.designs.revisions(design_id)
    return any(store.designs.document(design_id, row["revision_id"]) == document for row in revisions)
