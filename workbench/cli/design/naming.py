"""Which design and revision a word of the command line means, and who acts."""

from __future__ import annotations

import getpass
import json
import os
import re
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
    """A revision the user named; `revision_id` None: the current one."""

    store: Store
    design_id: str
    revision_id: str | None

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
        return Picked(store, design_id, None)
    for row in rows:
        if number in (str(row["number"]), row["revision_id"]):
            return Picked(store, design_id, row["revision_id"])
    raise InputError("design.unknown_revision", where=design_id, got=number,
                     allowed=", ".join(str(row["number"]) for row in rows[-12:]))  # fmt: skip


def actor() -> str:
    """Who acts: $WORKBENCH_AUTHOR, else the name of the login."""
    try:
        return os.environ.get("WORKBENCH_AUTHOR") or getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def id_from(title: str) -> str:
    """An id as people write it: ``Two-die POC, v2`` becomes ``two-die-poc-v2``."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-_")[:60] or "design"


def tell(value: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str, indent=1))
