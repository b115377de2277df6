"""Is everything in the store what it was when it was written? Looks at every row and changes none."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from workbench.store import row_batches
from workbench.store.append import document_sha256, row_sha256
from workbench.store.measurements import stored_rows_sha256
from workbench.store.session import Session
from workbench.store.tables import BY_NAME, TABLES, Table

if TYPE_CHECKING:
    from workbench.store.store import Store

_TURN_S = 0.2  # a reader of a file keeps its writers waiting so long, and the time of one step


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `kind` has its sentence in the catalogue (``store.finding.<kind>``)."""

    kind: str
    table: str
    key: str
    detail: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def check(store: Store, progress: Callable[[float, str], None] | None = None) -> list[Finding]:
    """All findings, none when the store is sound.

    A file is read for `_TURN_S` at a time, so that writers get their turn; a lake in one transaction, as nobody waits
    for its readers. Raises StoreError when the file itself cannot be read.
    """
    findings: list[Finding] = []
    steps: list[tuple[str, Callable[[Session], Iterator[Finding]]]] = [
        (table.name, partial(_table, table=table)) for table in TABLES if table.keep != "bulk"
    ]
    steps += [(table.name, partial(_batch_counts, of_table=table.name)) for table in TABLES if table.keep == "bulk"]
    if store.mode == "file":
        steps.append(("transactions", _transactions))
    with _turns(store) as turn:
        with turn() as session:
            batches = session.tuples(
                "SELECT 'measurements', batch_id, rows_sha256 FROM measurement_batches UNION ALL "
                "SELECT of_table, batch_id, rows_sha256 FROM row_batches ORDER BY ALL"
            )
        steps += [(f"{batch[0]} {batch[1]}", partial(_batch, batch=batch)) for batch in batches]
        waiting = deque(steps)
        while waiting:
            with turn() as session:
                end = time.monotonic() + _TURN_S
                while waiting:
                    name, look = waiting.popleft()
                    if progress:
                        progress(1 - (len(waiting) + 1) / len(steps), name)
                    findings += look(session)
                    if time.monotonic() >= end:
                        break
    return list(dict.fromkeys(findings))


@contextmanager
def _turns(store: Store) -> Iterator[Callable[[], AbstractContextManager[Session]]]:
    """Gives the transaction for each turn: one of its own (file), or the same for all (lake)."""
    if store.mode == "file":
        yield store.reading
        return
    with store.reading() as session:
        yield lambda: nullcontext(session)


def _batch(session: Session, batch: tuple[str, str, str]) -> Iterator[Finding]:
    of_table, batch_id, digest = batch
    if of_table not in BY_NAME or BY_NAME[of_table].keep != "bulk":
        yield Finding("reference", "row_batches", batch_id, f"of_table = {of_table}")
    elif batch_sha256(session, of_table, batch_id) != digest:
        yield Finding("hash", of_table, batch_id, "rows_sha256")


def batch_sha256(session: Session, of_table: str, batch_id: str) -> str:
    """Hash of a batch of any table as it lies in the store."""
    if of_table == "measurements":
        return stored_rows_sha256(session, batch_id)
    return row_batches.stored_rows_sha256(session, of_table, batch_id)


def _table(session: Session, table: Table) -> Iterator[Finding]:
    if session.value(f"SELECT 1 FROM {table.name} LIMIT 1") is None:
        return  # most tables of a young store; looking in every way takes a lake a second
    yield from _duplicates(session, table)
    yield from _references(session, table)
    yield from _gaps(session, table)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    for row in session.each(f"SELECT {names} FROM {table.name}"):
        key = _said(row[name] for name in table.primary_key)
        if row_sha256(table, row) != row["sha256"]:
            yield Finding("hash", table.name, key, "sha256")
        if "document_sha256" in row and document_sha256(row["document"]) != row["document_sha256"]:
            yield Finding("hash", table.name, key, "document_sha256")
        for column in table.columns:
            if column.allowed and row[column.name] is not None and row[column.name] not in column.allowed:
                yield Finding("word", table.name, key, f"{column.name} = {row[column.name]}")


def _duplicates(session: Session, table: Table) -> Iterator[Finding]:
    key = ", ".join(f'"{name}"' for name in table.primary_key)
    for *found, count in session.tuples(f"SELECT {key}, count(*) FROM {table.name} GROUP BY ALL HAVING count(*) > 1"):
        yield Finding("duplicate", table.name, _said(found), f"x {count}")


def _references(session: Session, table: Table) -> Iterator[Finding]:
    for column in table.columns:
        if column.references:
            name, other = column.name, BY_NAME[column.references]
            for (lost,) in session.tuples(
                f'SELECT DISTINCT "{name}" FROM {table.name} WHERE "{name}" IS NOT NULL AND "{name}" NOT IN '
                f'(SELECT "{other.key[0].name}" FROM {other.name}) ORDER BY ALL'
            ):
                yield Finding("reference", table.name, str(lost), f"{name} -> {other.name}")


def _gaps(session: Session, table: Table) -> Iterator[Finding]:
    """Versions are numbered from 1 without a gap: a gap is a row that went missing."""
    if table.keep == "versions":
        counted, key = "version", ", ".join(f'"{column.name}"' for column in table.key)
    elif table.name == "design_revisions":
        counted, key = "number", "design_id"
    else:
        return
    for *found, last, count in session.tuples(
        f"SELECT {key}, max({counted}), count(DISTINCT {counted}) FROM {table.name} GROUP BY {key} "
        f"HAVING max({counted}) <> count(DISTINCT {counted})"
    ):
        yield Finding("gap", table.name, _said(found), f"{count} / {last}")


def _batch_counts(session: Session, of_table: str) -> Iterator[Finding]:
    records = "measurement_batches" if of_table == "measurements" else "row_batches"
    told_of = f"SELECT batch_id, row_count FROM {records}"
    told_of += "" if of_table == "measurements" else f" WHERE of_table = '{of_table}'"
    for batch_id, told, there in session.tuples(
        f"SELECT coalesce(b.batch_id, m.batch_id), b.row_count, m.row_count FROM ({told_of}) AS b FULL JOIN "
        f"(SELECT batch_id, count(*) AS row_count FROM {of_table} GROUP BY batch_id) AS m USING (batch_id) "
        "WHERE b.row_count IS DISTINCT FROM m.row_count ORDER BY ALL"
    ):
        if told is None:
            yield Finding("reference", of_table, batch_id, f"batch_id -> {records}")
        else:
            yield Finding("batch", of_table, batch_id, f"{there or 0} / {told}")


def _transactions(session: Session) -> Iterator[Finding]:
    """Mode 1: every row belongs to a transaction on record. A snapshot would be wrong otherwise."""
    for table in TABLES:
        for (number,) in session.tuples(f"SELECT DISTINCT txn FROM {table.name} WHERE txn NOT IN "
                                        "(SELECT txn FROM transactions) ORDER BY ALL"):  # fmt: skip
            yield Finding("reference", table.name, str(number), "txn -> transactions")
    for last, count in session.tuples("SELECT max(txn), count(*) FROM transactions HAVING max(txn) <> count(*)"):
        yield Finding("gap", "transactions", "", f"{count} / {last}")


def _said(key) -> str:
    return ", ".join(map(str, key))
