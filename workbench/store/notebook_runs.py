"""Records of notebook runs: what was executed, on which data, with which outcome and verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.store.append import append, prepare
from workbench.store.literals import literal
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.store.store import Store

_TABLE = BY_NAME["notebook_runs"]
_RECORD = "SELECT " + ", ".join(f'"{column.name}"' for column in _TABLE.columns if column.name != "sha256")
_NEWEST_FIRST = "ORDER BY started_at DESC, run_id DESC"


class NotebookRuns:
    """Every run there was; none is ever changed."""

    def __init__(self, store: Store):
        self._store = store

    def add(self, record: Mapping) -> None:
        """Keep one record. The same record again adds nothing; another record under its run_id is refused."""
        self.add_all([record])

    def add_all(self, records: Iterable[Mapping]) -> int:
        """Keep many records in one transaction; how many were new."""
        ready = prepare(_TABLE, records)
        if not ready:
            return 0
        locks = [f"notebook_runs:{row.key[0]}" for row in ready]
        with self._store.writing("add notebook runs", *locks) as session:
            return len(append(session, _TABLE, ready))

    def list(self, subject: str | None = None, notebook: str | None = None, limit: int | None = None) -> list[dict]:
        """Records of a subject id and/or a notebook, newest first."""
        tests = [f"{name} = {literal(value)}" for name, value in (("subject_id", subject), ("notebook", notebook))
                 if value is not None]  # fmt: skip
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        count = f" LIMIT {int(limit)}" if limit is not None else ""
        with self._store.reading() as session:
            return session.rows(f"{_RECORD} FROM notebook_runs{where} {_NEWEST_FIRST}{count}")

    def get(self, run_id: str) -> dict:
        """One record. Raises InputError for an unknown run."""
        with self._store.reading() as session:
            rows = session.rows(f"{_RECORD} FROM notebook_runs WHERE run_id = {literal(run_id)}")
        if not rows:
            raise InputError("store.not_there", where="notebook_runs", got=run_id)
        return rows[0]

    def by_key(self, key: str) -> dict | None:
        """The newest finished record of a run key, else the newest of any outcome, else None."""
        with self._store.reading() as session:
            rows = session.rows(f"{_RECORD} FROM notebook_runs WHERE \"key\" = {literal(key)} "
                                "ORDER BY outcome = 'DONE' DESC, started_at DESC, run_id DESC LIMIT 1")  # fmt: skip
        return rows[0] if rows else None

    def latest(self) -> list[dict]:
        """The newest record of each notebook and subject."""
        with self._store.reading() as session:
            return session.rows(
                f"{_RECORD} FROM notebook_runs QUALIFY row_number() OVER "
                f"(PARTITION BY notebook, subject_kind, subject_id {_NEWEST_FIRST}) = 1 "
                "ORDER BY notebook, subject_kind, subject_id"
            )
