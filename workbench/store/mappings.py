"""How the columns of a source's tables are to be read, as someone once answered, version by version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.store.append import append, prepare
from workbench.store.literals import literal
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.store.store import Store


class Mappings:
    """Column mappings by source (a tool, a laboratory, a form)."""

    def __init__(self, store: Store):
        self._store = store

    def get(self, source: str) -> dict[str, Any] | None:
        """The mapping that was last given for `source`, None where nobody was asked yet."""
        with self._store.reading() as session:
            return session.value_of_json("SELECT mapping FROM current_column_mappings WHERE source_name = "
                                         f"{literal(source)}")  # fmt: skip

    def set(self, source: str, mapping: Mapping[str, Any], *, actor: str) -> None:
        """Remember `mapping` (plain data) for `source`. The same again adds nothing. Raises InputError."""
        ready = prepare(BY_NAME["column_mappings"],
                        [{"source_name": source, "mapping": dict(mapping), "actor": actor}])  # fmt: skip
        with self._store.writing("map columns", f"column_mappings:{source}") as session:
            if session.value_of_json("SELECT mapping FROM current_column_mappings WHERE source_name = "
                                     f"{literal(source)}") != ready[0].values["mapping"]:  # fmt: skip
                append(session, BY_NAME["column_mappings"], ready)

    def list(self) -> list[dict]:
        """Every source: source_name, version, mapping, actor, recorded_at."""
        with self._store.reading() as session:
            return session.rows("SELECT source_name, version, mapping, actor, recorded_at FROM "
                                "current_column_mappings ORDER BY source_name")  # fmt: skip
