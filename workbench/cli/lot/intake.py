"""A file on its way into a lot, one way for the command and the page: recognised, its columns as they were once
answered, read, hashed and stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.formats.lot_door import TABLES, read_lot, recognised

if TYPE_CHECKING:
    from workbench.formats.lot_data import LotData
    from workbench.formats.tabular.guess import Proposal
    from workbench.store import Store
    from workbench.store.lot_import import Imported


@dataclass(frozen=True)
class Look:
    """What a file is. A table has a `proposal`; `remembered` is the answer that was given for its source."""

    kind: str
    proposal: Proposal | None = None
    remembered: dict[str, Any] | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """The columns that must be asked for."""
        return () if self.proposal is None or self.remembered is not None else self.proposal.unknown


def look(store: Store, file: Path) -> Look:
    """What `file` is, by its content, packed or not, and what is known of its columns. Raises InputError."""
    kind = recognised(file)
    if kind not in TABLES:
        return Look(kind)
    from workbench.formats import tabular

    proposal = tabular.propose(file)
    return Look(kind, proposal, store.mappings.get(proposal.source_key))


def remembered(store: Store, file: Path, source: str | None = None) -> dict[str, Any] | None:
    """The answer that was given for `source`, or for tables with these columns. Raises InputError: a source for which
    nobody was asked, a file that cannot be read.
    """
    if source is not None:
        found = store.mappings.get(source)
        if found is None:
            known = ", ".join(row["source_name"] for row in store.mappings.list()[:20])
            raise InputError("lots.source_unknown", where="--source", got=source, allowed=known)
        return found
    if recognised(file) not in TABLES or not store.mappings.list():
        return None
    from workbench.formats import tabular

    return store.mappings.get(tabular.source_key([column.name for column in tabular.columns(file)]))


def bring(store: Store, file: Path, lot_id: str | None, *, mapping: Mapping[str, Any] | None = None,
          product: str | None = None, title: str | None = None, homes: Mapping[str, str] | None = None,
          synthetic: bool = False, progress: Callable[[float, str], None] | None = None,
          ) -> tuple[LotData, Imported, str]:  # fmt: skip
    """Read `file` and add it to a lot (by default the one it names): what was read, what came of it, and the SHA-256 of
    the file. See `store.lots.import_data`. Raises InputError.
    """
    from workbench.store.saving import author

    if progress is not None:
        progress(0.0, "lots.progress.read")
    data = read_lot(file, mapping=mapping)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    done = store.lots.import_data(lot_id, data, file_sha256=digest, name=file.name, actor=author(),
                                  file_size_b=file.stat().st_size, product=product, title=title, synthetic=synthetic,
                                  homes=homes or {}, progress=progress)  # fmt: skip
    return data, done, digest
