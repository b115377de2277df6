"""Tables of anyone: CSV and other delimited texts, Parquet, Excel. A mapping says what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping as Document
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.formats.lot_data import LotData
from workbench.formats.report import Notes
from workbench.formats.tabular.mapping import ROLES, Column, Mapping, made, source_key
from workbench.formats.yaml_text import shown

if TYPE_CHECKING:
    from workbench.formats.tabular.guess import Described, Proposal

__all__ = ["ROLES", "Column", "Mapping", "columns", "made", "propose", "read", "source_key"]

KINDS = ("csv", "parquet", "excel")
_LOOK_ROWS = 2_000  # rows that a proposal looks at


def columns(path: Path | str, *, mapping: Mapping | Document[str, Any] | None = None) -> tuple[Described, ...]:
    """The columns of a table with their first values; `mapping` only says how the table is written.

    Raises InputError: no table, and see `read`.
    """
    from workbench.formats.tabular import grid, guess

    said = made(mapping) if mapping is not None else None
    return guess.described(grid.read(path, _kind(path), said, Notes(), most_rows=_LOOK_ROWS))


def propose(path: Path | str) -> Proposal:
    """A mapping for a table, by the names and values of its columns, with the columns nobody can know marked.

    Raises InputError: no table, and see `read`.
    """
    from workbench.formats.tabular import grid, guess

    return guess.proposed(grid.read(path, _kind(path), None, Notes(), most_rows=_LOOK_ROWS))


def read(path: Path | str, mapping: Mapping | Document[str, Any] | None = None, *, kind: str = "") -> LotData:
    """The lot in a table, its columns understood as `mapping` says, or as `propose` guesses where it is sure of all.

    Wide tables give a reading for each number in a column of role `reading`; long ones for each row, named by the
    column `parameter`. Numbers that are infinite and words among numbers are left out and counted.

    Raises InputError: `tabular.unknown_column` where the file has columns that the mapping does not name (their names
    are `got`), `tabular.column_missing` for the reverse, a mapping that contradicts itself, a file that is no such
    table or beyond the bounds, and with its line a row that does not fit, or a value that its role cannot be.
    """
    from workbench.formats.tabular import grid, guess, lot

    notes = Notes()
    said = made(mapping) if mapping is not None else None
    table = grid.read(path, kind or _kind(path), said, notes)
    if said is None:
        proposal = guess.proposed(table)
        unknown, said = list(proposal.unknown), proposal.mapping
    else:
        named = {column.name for column in said.columns}
        unknown = [name for name in table.names if name not in named]
    if unknown:
        raise InputError("tabular.unknown_column", where=shown(path), got=", ".join(unknown)[:2_000],
                         allowed=", ".join(ROLES), count=len(unknown))  # fmt: skip
    return lot.lot_data(table, said, notes, carrier=Path(shown(path)).name.partition(".")[0] or "table")


def _kind(path: Path | str) -> str:
    from workbench.formats.lot_door import TABLES, recognised

    kind = recognised(path)
    if kind not in TABLES:
        raise InputError("tabular.no_table", where=shown(path), got=kind, allowed=", ".join(TABLES))
    return kind
