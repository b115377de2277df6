"""Units: every die and module, what it is called, where it lies, and how testers and maps saw it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store import row_batches
from workbench.store.literals import literal
from workbench.store.session import Session

if TYPE_CHECKING:
    import pandas

    from workbench.store.store import Store

PART_COLUMNS = ("x", "y", "part_id", "head", "site", "hard_bin", "soft_bin", "passed", "test_time_s")


def unit_id(lot_id: str, carrier: str, x: int | None = None, y: int | None = None, *, part_id: str | None = None,
            position: int | None = None) -> str:  # fmt: skip
    """The name of a unit, given where it is first seen and kept for good: ``LOT/CARRIER/X,Y`` on a carrier with a map,
    ``LOT/CARRIER/PART`` where parts have names, else ``LOT/CARRIER/#POSITION``.
    """
    if x is not None and y is not None:
        return f"{lot_id}/{carrier}/{x},{y}"
    return f"{lot_id}/{carrier}/{part_id}" if part_id else f"{lot_id}/{carrier}/#{position}"


def unit_key(name: str) -> int:
    """64 bits to search by: the upper half is of the carrier, so that units of one carrier lie together and the
    statistics of the column skip all others. Two names may share a key: whoever searches by it compares the names too.
    """
    return (zlib.crc32(name.rpartition("/")[0].encode()) << 32 | zlib.crc32(name.encode())) - 2**63


def unit_keys(names: Iterable[str]) -> Any:
    """`unit_key` of many names, int64."""
    import numpy

    crc, heads = zlib.crc32, {}
    keys = []
    for name in names:
        head = name.rpartition("/")[0]
        high = heads.get(head)
        if high is None:
            high = heads[head] = crc(head.encode()) << 32
        keys.append((high | crc(name.encode())) - 2**63)
    return numpy.array(keys, "int64")


def is_unit(name: str) -> str:
    """SQL condition for the rows of a unit, by key and by name."""
    return f"unit_key = {unit_key(name)} AND unit_id = {literal(name)}"


class Units:
    """Every unit of the store."""

    def __init__(self, store: Store):
        self._store = store

    def add(self, lot_id: str, frame: pandas.DataFrame, *, source: str) -> int:
        """Add units of a lot, any number of rows; how many rows were new.

        Columns ``carrier`` and ``position``, further ``unit_id``, ``attempt`` and `PART_COLUMNS`. Without ``unit_id``
        a unit is named by `unit_id`. The same frame again adds nothing. Raises InputError for a frame it refuses, an
        unknown lot.
        """
        ready = part_batches(lot_id, frame, source=source)
        added = 0
        with self._store.writing("add units", f"lots:{lot_id}", bulk=True) as session:
            for batch in ready:
                added += row_batches.write(session, batch)
        return added

    def of_lot(self, lot_id: str) -> pandas.DataFrame:
        """Units that are in a lot now, one row a unit as it was last seen: unit_id, carrier, position, attempt,
        `PART_COLUMNS`, attempt_count and born_in (the lot it was first seen in).
        """
        with self._store.reading() as session:
            return session.frame(units_sql(session, lot_id))

    def count(self, lot_id: str) -> int:
        """How many units are in a lot now, without reading them."""
        with self._store.reading() as session:
            moved, here = _now_in(session, lot_id)
            return session.value(
                f"WITH moved AS ({moved}) SELECT count(*) FROM (SELECT DISTINCT p.unit_key, p.unit_id FROM parts AS p "
                f"JOIN row_batches AS b USING (batch_id) LEFT JOIN moved AS m USING (unit_key, unit_id) WHERE {here})"
            )

    def find(self, word: str) -> list[dict]:
        """Units that are called `word`: by their name, or by what a file calls them (a serial number, a device id);
        at most 20.
        """
        with self._store.reading() as session:
            return find(session, word)

    def lot_of(self, name: str) -> str | None:
        """The lot a unit is in now, None for a unit no file named. Raises nothing for an unknown one."""
        with self._store.reading() as session:
            return lot_of(session, name)


def part_batches(lot_id: str, frame: pandas.DataFrame, *, source: str, **more: Any) -> list[row_batches.RowBatch]:
    """Rows of `parts` ready to be written (see `Units.add`)."""
    known = ("unit_id", "carrier", "position", "attempt", *PART_COLUMNS)
    strange = [str(name) for name in frame.columns if name not in known]
    if strange or "position" not in frame.columns or "carrier" not in frame.columns:
        raise InputError("store.columns", got=", ".join(map(str, frame.columns)), allowed=", ".join(known))
    if not len(frame):
        return []
    names = frame["unit_id"].tolist() if "unit_id" in frame.columns else names_of(lot_id, frame)
    columns: dict[str, Any] = {name: frame[name] for name in frame.columns if name in PART_COLUMNS}
    columns |= {"unit_id": names, "unit_key": unit_keys(names), "carrier": frame["carrier"]}
    columns |= {"position": frame["position"]}
    columns["attempt"] = frame["attempt"] if "attempt" in frame.columns else [0] * len(frame)
    return row_batches.batches("parts", lot_id, columns, source=source, order="unit_key", **more)


def names_of(lot_id: str, frame: pandas.DataFrame) -> list[str]:
    """`unit_id` for every row of a frame of parts."""
    absent = [None] * len(frame)

    def plain(name: str) -> list:
        if name not in frame.columns:
            return absent
        values = frame[name]
        return values.astype(object).where(values.notna(), None).tolist()

    return [unit_id(lot_id, carrier, x, y, part_id=part, position=position) for carrier, x, y, part, position in zip(
        plain("carrier"), plain("x"), plain("y"), plain("part_id"), plain("position"), strict=True)]  # fmt: skip


def units_sql(session: Session, lot_id: str, more: str = "") -> str:
    """SELECT of the units that are in a lot now; `more` are further conditions (``AND ...``) on a row of `parts`."""
    moved, here = _now_in(session, lot_id)
    columns = ", ".join(f"p.{name}" for name in PART_COLUMNS)
    return (
        f"WITH moved AS ({moved}) SELECT p.unit_id, p.carrier, p.position, p.attempt, {columns}, "
        "count(*) OVER same AS attempt_count, first_value(b.lot_id) OVER early AS born_in "
        "FROM parts AS p JOIN row_batches AS b USING (batch_id) LEFT JOIN moved AS m USING (unit_key, unit_id) "
        f"WHERE {here} {more} "
        "WINDOW same AS (PARTITION BY p.unit_key, p.unit_id), "
        "early AS (PARTITION BY p.unit_key, p.unit_id ORDER BY b.recorded_at, p.ordinal "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) "
        "QUALIFY row_number() OVER (PARTITION BY p.unit_key, p.unit_id ORDER BY coalesce(b.measured_at, b.recorded_at) "
        "DESC, b.recorded_at DESC, p.attempt DESC) = 1 ORDER BY p.carrier, p.position, p.unit_id"
    )


def _now_in(session: Session, lot_id: str) -> tuple[str, str]:
    """SELECT of where units moved last, and the condition for a unit (`parts` p, its batch b, its move m) in a lot."""
    lot = literal(lot_id)
    # Of units that moved, the last move says where they are; of all others the lot of their batch does.
    moved = "SELECT unit_key, unit_id, to_lot FROM unit_moves AS m JOIN row_batches AS b USING (batch_id) " \
            "QUALIFY row_number() OVER (PARTITION BY unit_key, unit_id ORDER BY b.recorded_at DESC, b.batch_id) = 1"
    if not session.value(f"SELECT 1 FROM unit_moves WHERE from_lot = {lot} OR to_lot = {lot} LIMIT 1"):
        moved = "SELECT unit_key, unit_id, to_lot FROM unit_moves WHERE false"
        return moved, row_batches.among(session, "parts", lot_id)
    return moved, f"coalesce(m.to_lot, b.lot_id) = {lot}"


def lot_of(session: Session, name: str) -> str | None:
    """The lot a unit is in now."""
    moved = session.value(f"SELECT to_lot FROM unit_moves AS m JOIN row_batches AS b USING (batch_id) WHERE "
                          f"{is_unit(name)} ORDER BY b.recorded_at DESC, b.batch_id LIMIT 1")  # fmt: skip
    return moved or session.value(f"SELECT lot_id FROM parts JOIN row_batches AS b USING (batch_id) WHERE "
                                  f"{is_unit(name)} ORDER BY b.recorded_at LIMIT 1")  # fmt: skip


def find(session: Session, word: str) -> list[dict]:
    """Units called `word`."""
    named = session.rows("SELECT DISTINCT unit_id, lot_id, carrier, position FROM parts JOIN row_batches "
                         f"USING (batch_id) WHERE {is_unit(word)} LIMIT 1")  # fmt: skip
    if named:
        return named
    if session.value(f"SELECT 1 FROM genealogy_edges WHERE {is_unit(word)} LIMIT 1"):
        return [{"unit_id": word, "lot_id": None, "carrier": None, "position": None}]
    return session.rows("SELECT DISTINCT unit_id, lot_id, carrier, position FROM parts JOIN row_batches "
                        f"USING (batch_id) WHERE part_id = {literal(word)} ORDER BY ALL LIMIT 20")  # fmt: skip


def units_in_bulk(session: Session) -> None:
    """Say the units and edges of a store made before migration 3 anew, in bulk; the old rows stay as they are."""
    import pandas

    by_lot: dict[str, list[Mapping]] = {}
    for row in session.rows("SELECT unit_id, lot_id, carrier, position FROM current_units ORDER BY unit_id"):
        if row["lot_id"] is not None:
            by_lot.setdefault(row["lot_id"], []).append(row)
    for lot_id, rows in by_lot.items():
        frame = pandas.DataFrame(rows).drop(columns="lot_id")
        frame["carrier"] = frame["carrier"].fillna("")
        frame["position"] = frame["position"].fillna(0).astype("int32")
        for batch in part_batches(lot_id, frame, source="migration 3"):
            row_batches.write(session, batch)
    from workbench.store.genealogy import edge_batches

    edges = session.rows(
        "SELECT g.parent_id, g.child_id, g.relation, coalesce(c.lot_id, p.lot_id) AS lot_id FROM genealogy AS g "
        "JOIN current_units AS c ON c.unit_id = g.child_id JOIN current_units AS p ON p.unit_id = g.parent_id "
        "WHERE coalesce(c.lot_id, p.lot_id) IS NOT NULL ORDER BY ALL"
    )
    for lot_id in dict.fromkeys(row["lot_id"] for row in edges):
        frame = pandas.DataFrame([row for row in edges if row["lot_id"] == lot_id]).drop(columns="lot_id")
        for batch in edge_batches(lot_id, frame, source="migration 3"):
            row_batches.write(session, batch)
