"""Parquet files as tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.errors import InputError
from workbench.formats.report import Notes
from workbench.formats.tabular.grid import MOST_CELLS, MOST_COLUMNS, Grid, distinct


def of_parquet(path: Path | str, where: str, notes: Notes, *, most_rows: int | None = None) -> Grid:
    """The table of a Parquet file; columns of lists, records or bytes are left, and said so.

    Raises InputError: no Parquet, more cells than are read, no column that can be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(str(path)) as file:
            rows, width = file.metadata.num_rows, len(file.schema_arrow.names)
            if width > MOST_COLUMNS or rows * max(width, 1) > MOST_CELLS or rows < 0:
                raise InputError("tabular.too_large", where=where, got=f"{width:,} / {rows * width:,}",
                                 allowed=f"{MOST_COLUMNS:,} / {MOST_CELLS:,}")  # fmt: skip
            if most_rows is None:
                table = file.read(use_threads=False)
            else:
                batch = next(file.iter_batches(batch_size=most_rows, use_threads=False), None)
                table = pa.Table.from_batches([batch] if batch is not None else [], schema=file.schema_arrow)
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, MemoryError) as fault:
        raise InputError("tabular.parquet", where=where, got=str(fault)[:200]) from None
    names, columns, left = [], [], []
    for name, column in zip(table.schema.names, table.columns, strict=True):
        made = _column(column)
        if made is None:
            left.append(name)
        else:
            names.append(name)
            columns.append(made)
    if left:
        notes.leave("tabular.left.nested", list=", ".join(left)[:500])
    if not names:
        raise InputError("tabular.empty", where=where)
    clean = distinct("".join(c if c.isprintable() else "?" for c in name)[:200] for name in names)
    return Grid(where, "parquet", clean, columns, range(1, table.num_rows + 1))


def _column(column) -> list[str] | np.ndarray | None:
    import pyarrow as pa

    kind = column.type
    try:
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
            return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(float)
        if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
            return ["" if value is None else str(value) for value in column.to_pylist()]
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return ["" if value is None else "".join(c if c.isprintable() else " " for c in value)
                    for value in column.to_pylist()]  # fmt: skip
    except (pa.ArrowException, ValueError, OverflowError):
        return None
    return None
