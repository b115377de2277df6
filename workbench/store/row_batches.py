"""Rows by the million without keys of their own: cut into batches, hashed, written as Arrow, and held to their hash.

`parts`, `defects`, `genealogy_edges`, `placements` and `unit_moves` lie in this way. What the rows of a batch share
stands once, in `row_batches`; its key is made of what it holds, so that the same rows said again add nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.errors import InputError
from workbench.store.append import append, sha256
from workbench.store.literals import canonical, literal, text
from workbench.store.session import Session
from workbench.store.tables import BY_NAME, Table

ROWS_A_BATCH = 1_000_000
_RECORDED = ("batch_id", "ordinal")


@dataclass(frozen=True)
class RowBatch:
    """At most `ROWS_A_BATCH` rows of a table ready to be written, and the record that makes them said once."""

    record: Mapping[str, Any]
    rows: Any

    @property
    def batch_id(self) -> str:
        return self.record["batch_id"]


def batches(of_table: str, lot_id: str, columns: Mapping[str, Any], *, source: str, order: str | None = None,
            content: str | None = None, measured_at: datetime | None = None,
            rows_a_batch: int = ROWS_A_BATCH) -> list[RowBatch]:  # fmt: skip
    """Batches of `columns` (arrays, pandas Series or lists of equal length, absent ones are empty), ready to be
    written; no store is needed. With `order` the rows are sorted by that column first, equal ones as given. `content`
    names what they are part of, by default their own hash.

    Raises InputError: a value of another type, an empty one where there must be one, text that cannot be kept.
    """
    import numpy
    import pyarrow

    table = BY_NAME[of_table]
    rows = _arrow(table, columns)
    if order is not None:
        rows = rows.take(pyarrow.compute.sort_indices(rows[order]))
    content = content or rows_sha256(of_table, rows)
    ready = []
    for part, start in enumerate(range(0, rows.num_rows, rows_a_batch)):
        cut = rows.slice(start, rows_a_batch).combine_chunks()
        batch_id = sha256(canonical([of_table, lot_id, source, content, part, rows_a_batch]))[:32]
        record = {"batch_id": batch_id, "of_table": of_table, "lot_id": lot_id, "source": source,
                  "content_sha256": content, "part": part, "row_count": cut.num_rows,
                  "rows_sha256": rows_sha256(of_table, cut), "measured_at": measured_at}  # fmt: skip
        same = pyarrow.DictionaryArray.from_arrays(numpy.zeros(cut.num_rows, "int32"), pyarrow.array([batch_id]))
        counted = pyarrow.array(numpy.arange(cut.num_rows, dtype="int32"))
        names = [*_RECORDED, *cut.column_names]
        ready.append(RowBatch(record, pyarrow.table([same, counted, *cut.columns], names=names)))
    return ready


def write(session: Session, batch: RowBatch) -> int:
    """Add `batch` inside the open transaction unless it is there; how many rows were new."""
    if not append(session, BY_NAME["row_batches"], [batch.record]):
        return 0
    session.insert_arrow(batch.record["of_table"], batch.rows.column_names, batch.rows)
    return batch.rows.num_rows


def rows_sha256(of_table: str, rows: Any) -> str:
    """Hash of rows (a pyarrow table) in their order. Columns that are empty throughout take no part, so that a later
    column changes no old hash.
    """
    import numpy
    import pyarrow.compute as pc

    digest = hashlib.sha256()
    for column in BY_NAME[of_table].columns:
        if column.name in _RECORDED or column.name not in rows.column_names:
            continue
        values = rows[column.name].combine_chunks()
        if values.null_count == len(values):
            continue
        digest.update(canonical([column.name]).encode())
        if values.null_count:
            digest.update(numpy.packbits(values.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        if column.type == "VARCHAR":
            coded = pc.dictionary_encode(pc.cast(values, "string"))
            digest.update(canonical(coded.dictionary.to_pylist()).encode())
            digest.update(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype("<i4").tobytes())
        else:
            filled = pc.fill_null(values, False if column.type == "BOOLEAN" else 0)
            plain = filled.to_numpy(zero_copy_only=False)
            digest.update(plain.astype(_BYTES[column.type]).tobytes())
    return digest.hexdigest()


def stored_rows_sha256(session: Session, of_table: str, batch_id: str) -> str:
    """Hash of a batch as it lies in the store, to compare with its record."""
    names = ", ".join(f'"{column.name}"' for column in BY_NAME[of_table].columns if column.name not in _RECORDED)
    rows = session.arrow(f"SELECT {names} FROM {of_table} WHERE batch_id = {literal(batch_id)} ORDER BY ordinal")
    return rows_sha256(of_table, rows)


def among(session: Session, of_table: str, lot_id: str) -> str:
    """SQL condition for the rows of a lot. Batches are told apart by constants instead of a join: statistics of the
    columns then skip every other one."""
    there = session.tuples(f"SELECT batch_id FROM row_batches WHERE of_table = {literal(of_table)} AND "
                           f"lot_id = {literal(lot_id)} ORDER BY batch_id")  # fmt: skip
    return f"batch_id IN ({', '.join(literal(name) for (name,) in there)})" if there else "false"


_BYTES = {"DOUBLE": "<f8", "INTEGER": "<i4", "BIGINT": "<i8", "BOOLEAN": "u1"}


def _arrow(table: Table, columns: Mapping[str, Any]) -> Any:
    """`columns` as the store keeps them, in its order. Raises InputError."""
    import pyarrow

    types = {"VARCHAR": pyarrow.string(), "DOUBLE": pyarrow.float64(), "INTEGER": pyarrow.int32(),
             "BIGINT": pyarrow.int64(), "BOOLEAN": pyarrow.bool_()}  # fmt: skip
    wanted = [column for column in table.columns if column.name not in _RECORDED]
    strange = sorted(set(columns) - {column.name for column in wanted})
    if strange:
        raise InputError("store.column_unknown", where=table.name, got=", ".join(strange),
                         allowed=", ".join(column.name for column in wanted))  # fmt: skip
    count = len(next(iter(columns.values()))) if columns else 0
    kept = {}
    for column in wanted:
        where = f"{table.name}.{column.name}"
        given = columns.get(column.name)
        try:
            values = pyarrow.nulls(count, types[column.type]) if given is None else _values(given, types[column.type])
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as why:
            raise InputError("store.type", where=where, got=str(why)[:80], allowed=column.type) from None
        if values.null_count and not column.null:
            raise InputError("store.empty", where=where)
        if column.type == "VARCHAR":
            for word in pyarrow.compute.unique(values).drop_null().to_pylist():
                text(word)
        if column.type == "DOUBLE" and pyarrow.compute.all(pyarrow.compute.is_finite(values)).as_py() is False:
            raise InputError("store.type", where=where, got="inf", allowed=column.type)
        kept[column.name] = values
    return pyarrow.table(kept)


def _values(given: Any, kind: Any) -> Any:
    """One column as a pyarrow array: what pandas calls absent is null, and there is one zero."""
    import numpy
    import pandas
    import pyarrow

    if isinstance(given, pandas.Series) and isinstance(given.dtype, pandas.CategoricalDtype):
        codes = pyarrow.array(given.cat.codes.to_numpy(), mask=given.isna().to_numpy())
        words = pyarrow.array([str(word) for word in given.cat.categories], pyarrow.string())
        return pyarrow.compute.take(words, codes)
    values = pyarrow.array(given, from_pandas=True)
    if isinstance(values, pyarrow.ChunkedArray):
        values = values.combine_chunks()
    if values.type != kind:
        values = pyarrow.compute.cast(values, kind)
    if kind == pyarrow.float64():  # -0.0 would not come back from every compression
        plain = numpy.asarray(pyarrow.compute.fill_null(values, 0.0)) + 0.0
        values = pyarrow.array(plain, mask=numpy.asarray(values.is_null()) if values.null_count else None)
    return values
