"""Which design and revision a word of the command line means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.stack import Design
    from workbench.store import Store

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True)
class Picked:
    """A revision the user named, or the one that was current when the user named only the design."""

    store: Store
    design_id: str
    revision_id: str

    def design(self) -> Design:
        from workbench.stack import read

        return read(self.store.designs.document(self.design_id, self.revision_id))


def pick(store: Store, word: str) -> Picked:
    """``id`` or ``id@N``. Raises InputError for an unknown design or revision, naming the known ones."""
    design_id, mark, number = word.rpartition("@")
    if not mark:
        design_id = word
    rows = store.designs.revisions(design_id)  # refuses an unknown design
    if not mark:
        return Picked(store, design_id, rows[-1]["revision_id"])
    for row in rows:
        if number in (str(row["number"]), row["revision_id"]):
            return Picked(store, design_id, row["revision_id"])
    raise InputError("design.unknown_revision", where=design_id, got=number,
                     allowed=", ".join(str(row["number"]) for row in rows[-12:]))  # fmt: skip


def tell(value: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str, indent=1))
