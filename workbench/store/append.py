"""Appending rows: prepared and hashed outside the lock, compared with what is there and added inside it.

Saying the same thing twice adds nothing, so a caller who does not know whether a write arrived (a kill, a lost
connection) says it again.
"""

from __future__ import annotations

import hashlib
import operator
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.errors import InputError
from workbench.store import literals
from workbench.store.session import Session
from workbench.store.tables import WELL_KNOWN, Column, Table

_ROWS_A_STATEMENT = 500


@dataclass(frozen=True)
class Prepared:
    """A row ready to be written: `values` by column as SQL takes them, `sha256` of its key and content."""

    key: tuple
    values: dict
    sha256: str


def prepare(table: Table, rows: Iterable[Mapping]) -> list[Prepared]:
    """Check and hash `rows` (mappings of column to value; absent means empty). Needs no store.

    Raises InputError: a column unknown, missing, of another type or outside its list of words; a key said twice.
    """
    closed = {*WELL_KNOWN, "version"}
    wanted = [column for column in table.columns if column.name not in closed]
    names = {column.name for column in wanted}
    ready: dict[tuple, Prepared] = {}
    for row in rows:
        strange = sorted(set(row) - names)
        if strange:
            raise InputError("store.column_unknown", where=table.name, got=", ".join(map(str, strange)),
                             allowed=", ".join(sorted(names)))  # fmt: skip
        values = {column.name: _value(table, column, row.get(column.name)) for column in wanted}
        key = tuple(values[column.name] for column in table.key)
        digest = row_sha256(table, values)
        if key in ready and ready[key].sha256 != digest:
            raise InputError("store.key_twice", where=table.name, got=", ".join(map(str, key)))
        ready[key] = Prepared(key, values, digest)
    return list(ready.values())


def row_sha256(table: Table, values: Mapping) -> str:
    """Hash of a row's key and content. Empty values do not take part, so a later column changes no old hash."""
    said = {}
    for column in table.columns:
        value = values.get(column.name)
        if value is None or column.name in WELL_KNOWN or column.name == "version":
            continue
        if isinstance(value, datetime):
            value = value.replace(tzinfo=None).isoformat()
        said[column.name] = value
    return sha256(literals.canonical([table.name, said]))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def document_sha256(document: object) -> str:
    """Content hash of a document: equal for equal content, whatever the order of its keys."""
    return sha256(literals.canonical(document))


def new_key() -> str:
    """A fresh key that sorts by time (UUIDv7), made by the client."""
    from uuid6 import uuid7

    return str(uuid.UUID(int=uuid7().int))


def append(
    session: Session, table: Table, rows: Iterable[Mapping] | list[Prepared], *, absent: bool = False
) -> list[tuple]:
    """Add what is not there yet; the keys of the rows added. Runs inside the caller's transaction.

    With `absent` the caller has looked already: the keys are not there.
    Raises InputError: a reference to nothing, or other content for a record that is said once.
    """
    rows = list(rows)
    ready = rows if rows and isinstance(rows[0], Prepared) else prepare(table, rows)
    added: list[tuple] = []
    for start in range(0, len(ready), _ROWS_A_STATEMENT):
        added += _append(session, table, ready[start : start + _ROWS_A_STATEMENT], absent)
    return added


def _append(session: Session, table: Table, ready: list[Prepared], absent: bool) -> list[tuple]:
    there = {} if absent else _there(session, table, ready)
    seen = session.seen.setdefault(table.name, set())
    seen.update(key[0] for key in there)
    new = []
    for row in ready:
        version, digest = there.get(row.key, (0, None))
        if digest == row.sha256:
            continue
        if digest is not None and table.keep == "once":
            raise InputError("store.said_otherwise", where=table.name, got=", ".join(map(str, row.key)))
        new.append((row, version + 1))
    if not new:
        return []
    _require_references(session, table, [row for row, _ in new])
    names = [column.name for column in table.columns if column.name != "recorded_at"] + ["recorded_at"]
    now = datetime.now(UTC).replace(tzinfo=None)
    lines = []
    for row, version in new:
        line = row.values | {"sha256": row.sha256, "recorded_at": now, "version": version}
        lines.append([_stored(table.column(name), line.get(name)) for name in names])
    session.insert(table.name, names, f"VALUES {literals.values(lines)}")
    seen.update(row.key[0] for row, _ in new)
    return [row.key for row, _ in new]


def _there(session: Session, table: Table, ready: list[Prepared]) -> dict[tuple, tuple[int, str]]:
    """Current version and hash of those keys that the table has already."""
    key = [column.name for column in table.key]
    quoted = ", ".join(f'"{name}"' for name in key)
    # A plain IN over the first key column lets the file's index and the lake's statistics skip; the exact
    # comparison of the whole key follows here, where it costs nothing.
    first = ", ".join(sorted({literals.literal(row.key[0]) for row in ready}))
    version = "version" if table.keep == "versions" else "1"
    there: dict[tuple, tuple[int, str]] = {}
    for line in session.tuples(f'SELECT {quoted}, {version}, sha256 FROM {table.name} WHERE "{key[0]}" IN ({first})'):
        *found, number, digest = line
        if there.get(tuple(found), (0, ""))[0] < number:
            there[tuple(found)] = (number, digest)
    return there


def _require_references(session: Session, table: Table, ready: list[Prepared]) -> None:
    from workbench.store.tables import BY_NAME

    for column in table.columns:
        if not column.references:
            continue
        wanted = {row.values[column.name] for row in ready} - {None} - session.seen.get(column.references, set())
        if column.references == table.name:
            wanted -= {row.key[0] for row in ready}
        if not wanted:
            continue
        key = BY_NAME[column.references].key[0].name
        words = ", ".join(literals.literal(value) for value in sorted(wanted))
        found = {value for (value,) in session.tuples(
            f'SELECT DISTINCT "{key}" FROM {column.references} WHERE "{key}" IN ({words})')}  # fmt: skip
        if wanted - found:
            raise InputError("store.no_such", where=f"{table.name}.{column.name}",
                             got=", ".join(sorted(wanted - found)), table=column.references)  # fmt: skip


def _stored(column: Column, value: object) -> object:
    return literals.document(value) if column.type == "JSON" else value


def _value(table: Table, column: Column, value: object) -> object:
    where = f"{table.name}.{column.name}"
    try:
        value = _typed(column.type, value)
    except (TypeError, ValueError):
        raise InputError("store.type", where=where, got=repr(value)[:80], allowed=column.type) from None
    if value is None and not column.null:
        raise InputError("store.empty", where=where)
    if value is not None and column.allowed and value not in column.allowed:
        raise InputError("store.word", where=where, got=value, allowed=", ".join(column.allowed))
    return value


def _typed(kind: str, value: object) -> object:
    """`value` as the column keeps it. Raises TypeError or ValueError when it is of another type."""
    if value is None:
        return None
    if kind == "JSON":
        import json

        return json.loads(literals.document(value))  # as it will be read back: keys are strings, tuples are lists
    if kind == "TIMESTAMP":
        return literals.utc(value)
    if kind == "VARCHAR":
        if not isinstance(value, str):
            raise TypeError
        literals.text(value)
        return str(value)
    if kind == "BOOLEAN":
        if value not in (True, False) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            raise TypeError
        return bool(value)
    if kind == "DOUBLE":
        if isinstance(value, (str, bool)):
            raise TypeError
        number = float(value)
        if number != number:  # pandas writes an absent number as NaN
            return None
        if not literals.finite(number):
            raise ValueError
        return number
    if isinstance(value, bool):
        raise TypeError
    number = operator.index(value)
    limit = 2**31 if kind == "INTEGER" else 2**63
    if not -limit <= number < limit:
        raise ValueError
    return number
