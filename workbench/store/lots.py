"""Lots: how they were made (steps, settings), what was measured on them, and what is allowed (specifications)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.store import measurements as bulk
from workbench.store.append import append, prepare
from workbench.store.literals import literal
from workbench.store.row_batches import among
from workbench.store.session import Session
from workbench.store.tables import BY_NAME
from workbench.units import unit_of

if TYPE_CHECKING:
    import pandas

    from workbench.formats.lot_data import LotData
    from workbench.store.lot_import import Imported
    from workbench.store.store import Store


class Lots:
    """Lots and everything that belongs to one."""

    def __init__(self, store: Store):
        self._store = store

    def add_lot(self, lot_id: str, *, title: str, product: str, source: str, verified: bool, synthetic: bool = False,
                note: str = "") -> None:  # fmt: skip
        """Add a lot, or say it anew. `source` cites where its figures are from."""
        row = {"lot_id": lot_id, "title": title, "product": product, "source": source}
        row |= {"verified": verified, "synthetic": synthetic, "note": note}
        self._add("lots", lot_id, [row])

    def add_steps(self, lot_id: str, rows: Iterable[Mapping]) -> int:
        """Add process steps (sequence, name, equipment, recipe, settings, carrier); how many were new.

        `settings` has unit-suffixed names and plain values. Without `carrier` a step is of the whole lot.
        """
        rows = [{"settings": {}, **row, "lot_id": lot_id, "carrier": row.get("carrier") or ""} for row in rows]
        return self._add("process_steps", lot_id, rows)

    def add_specifications(self, lot_id: str, rows: Iterable[Mapping]) -> int:
        """Add limits (parameter, lower, upper, target, source, unit); how many were new. Raises InputError when
        the limits of a row do not leave anything between them.
        """
        rows = [{**row, "lot_id": lot_id} for row in rows]
        for row in rows:
            lower, upper = row.get("lower"), row.get("upper")
            if lower is not None and upper is not None and not lower < upper:
                raise InputError("store.limits", where=row.get("parameter"), got=f"{lower} ... {upper}")
        return self._add("specifications", lot_id, rows)

    def add_measurements(self, lot_id: str, frame: pandas.DataFrame, *, source: str) -> int:
        """Add readings (carrier, position, parameter, value), any number of rows; how many were new.

        Written in batches of at most 1 M rows, prepared before the lock is taken. The same frame again adds
        nothing; a reading said again (same carrier, position and parameter) in a later call takes the earlier
        one's place in `measurements`, and both stay in the store.

        Raises InputError: a column missing, a value that is not finite, a reading twice in the frame,
        an unknown lot.
        """
        added = 0
        for batch in bulk.batches(lot_id, frame, source=source):
            key = f"measurement_batches:{batch.batch_id}"
            with self._store.writing("add measurements", key, bulk=True) as session:
                added += bulk.write(session, batch)
        return added

    def import_data(self, lot_id: str | None, data: LotData, *, file_sha256: str, name: str, actor: str,
                    file_size_b: int | None = None, product: str | None = None, title: str | None = None,
                    synthetic: bool = False, verified: bool = True, homes: Mapping[str, str] | None = None,
                    progress: Callable[[float, str], None] | None = None) -> Imported:  # fmt: skip
        """Add what a file says to a lot (by default the one it names), which is made where it is new: carriers,
        specifications, units, readings attempt by attempt, bins, defects, transfers as genealogy, and the record.

        `name` is the file's, `file_sha256` its hash. The same file, or the same content under another name, adds
        nothing; an import that was cut off is completed. A die is known again by its place x, y on its carrier (else
        by its part id, else by its position), whatever file it comes from. `homes` says of which lot the carriers are
        that dies were taken from, where several lots have one of that name. `progress` is told a share and a key of
        the catalogue.

        Raises InputError: no lot, a carrier of several lots, what the tables refuse.
        """
        from workbench.store.lot_import import import_data

        return import_data(self._store, lot_id, data, file_sha256=file_sha256, name=name, actor=actor,
                           file_size_b=file_size_b, product=product, title=title, synthetic=synthetic,
                           verified=verified, homes=homes, progress=progress)  # fmt: skip

    def imports(self, lot_id: str) -> list[dict]:
        """What was imported into a lot, the oldest first, without the lists of batches. Raises InputError."""
        with self._store.reading() as session:
            _require_lot(session, lot_id)
            return session.rows(
                "SELECT import_id, format, file_name, file_sha256, file_size_b, reader_version, taken, \"left\", "
                f"counts, conditions, actor, measured_at, occurred_at FROM imports WHERE lot_id = {literal(lot_id)} "
                "ORDER BY occurred_at, import_id"
            )

    def bins(self, lot_id: str) -> list[dict]:
        """Bins of a lot: number, hard, name, passed. Raises InputError for an unknown lot."""
        with self._store.reading() as session:
            _require_lot(session, lot_id)
            return session.rows("SELECT number, hard, name, passed FROM current_bins WHERE lot_id = "
                                f"{literal(lot_id)} ORDER BY hard DESC, number")  # fmt: skip

    def defects(self, lot_id: str) -> pandas.DataFrame:
        """Defects of a lot: unit_id, carrier, defect, x, y, x_um, y_um, size_x_um, size_y_um, area_um2, class_number.

        Raises InputError for an unknown lot.
        """
        with self._store.reading() as session:
            _require_lot(session, lot_id)
            return session.frame(
                "SELECT unit_id, carrier, defect, x, y, x_um, y_um, size_x_um, size_y_um, area_um2, class_number FROM "
                f"defects WHERE {among(session, 'defects', lot_id)} ORDER BY carrier, defect, unit_id"
            )

    def _add(self, table: str, lot_id: str, rows: list[dict]) -> int:
        ready = prepare(BY_NAME[table], rows)
        if not ready:
            return 0
        with self._store.writing(f"add {table}", f"lots:{lot_id}") as session:
            return len(append(session, BY_NAME[table], ready))

    def list(self) -> list[dict]:
        """Every lot: lot_id, title, product, source, verified, synthetic, note, and its number of readings."""
        with self._store.reading() as session:
            return session.rows(
                f"{_LOT}, coalesce(sum(row_count), 0)::BIGINT AS reading_count FROM current_lots AS l "
                "LEFT JOIN measurement_batches AS b USING (lot_id) GROUP BY ALL ORDER BY lot_id"
            )

    def lot(self, lot_id: str) -> dict:
        """One lot with its ``steps``, ``specifications``, ``carriers`` and measured ``parameters``.

        Raises InputError for an unknown lot.
        """
        of = f"WHERE lot_id = {literal(lot_id)}"
        with self._store.reading() as session:
            rows = session.rows(f"{_LOT} FROM current_lots AS l {of}")
            if not rows:
                raise _no_lot(session, lot_id)
            return rows[0] | {
                "steps": _steps(session, lot_id),
                "specifications": session.rows(f"{_SPECIFICATION} {of} ORDER BY parameter"),
                "carriers": session.rows(
                    f"SELECT carrier, kind, attributes FROM current_carriers {of} ORDER BY carrier"
                ),
                "parameters": bulk.parameters(session, lot_id),
            }

    def measurements(self, lot_id: str, parameter: str | None = None) -> pandas.DataFrame:
        """Readings of a lot in the order they were given: carrier, position, parameter, value.

        Raises InputError for an unknown lot.
        """
        with self._store.reading() as session:
            _require_lot(session, lot_id)
            return bulk.read(session, lot_id, parameter)

    def attempts(self, lot_id: str, parameter: str | None = None) -> pandas.DataFrame:
        """Every reading of a lot, those that a later one replaced as well: the columns of `measurements`, ``attempt``
        (absent: the file counts none) and ``source``; of one reading the standing one comes last.

        Raises InputError for an unknown lot.
        """
        with self._store.reading() as session:
            _require_lot(session, lot_id)
            return bulk.read(session, lot_id, parameter, every_attempt=True)

    def settings(self, lot_id: str) -> pandas.DataFrame:
        """One row per carrier (column ``carrier``, in order of processing), one column per setting.

        A step of the whole lot counts for each carrier. A setting that several steps have is named
        ``step.setting``. Raises InputError for an unknown lot.
        """
        import pandas

        with self._store.reading() as session:
            _require_lot(session, lot_id)
            steps = _steps(session, lot_id)
        return pandas.DataFrame(_settings_by_carrier(steps))

    def specifications(self, lot_id: str) -> list[dict]:
        """Limits of a lot: parameter, lower, upper, target, source, unit (the word of the file, else the suffix of the
        name). Raises InputError for an unknown lot.
        """
        with self._store.reading() as session:
            _require_lot(session, lot_id)
            rows = session.rows(f"{_SPECIFICATION} WHERE lot_id = {literal(lot_id)} ORDER BY parameter")
        for row in rows:
            unit = unit_of(row["parameter"])
            row["unit"] = row["unit"] or (unit.suffix if unit else None)
        return rows


_LOT = "SELECT lot_id, l.title, l.product, l.source, l.verified, l.synthetic, l.note, l.recorded_at"
_SPECIFICATION = "SELECT parameter, lower, upper, target, source, unit FROM current_specifications"


def _steps(session: Session, lot_id: str) -> list[dict]:
    rows = session.rows("SELECT sequence, carrier, name, equipment, recipe, settings FROM current_process_steps "
                        f"WHERE lot_id = {literal(lot_id)}")  # fmt: skip
    return sorted(rows, key=lambda row: (row["sequence"], _natural(row["carrier"])))


def _settings_by_carrier(steps: list[dict]) -> list[dict]:
    used: dict[str, set[str]] = {}
    for step in steps:
        for setting in step["settings"]:
            used.setdefault(setting, set()).add(step["name"])
    carriers = list(dict.fromkeys(step["carrier"] for step in steps if step["carrier"]))
    rows = []
    for carrier in carriers or ([""] if steps else []):
        row: dict[str, object] = {"carrier": carrier}
        for step in steps:
            if step["carrier"] in ("", carrier):
                for setting, value in step["settings"].items():
                    row[setting if len(used[setting]) == 1 else f"{step['name']}.{setting}"] = value
        rows.append(row)
    return rows


def _natural(name: str) -> list:
    """W2 before W10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def _require_lot(session: Session, lot_id: str) -> None:
    if session.value(f"SELECT 1 FROM lots WHERE lot_id = {literal(lot_id)} LIMIT 1") is None:
        raise _no_lot(session, lot_id)


def _no_lot(session: Session, lot_id: str) -> InputError:
    known = [name for (name,) in session.tuples("SELECT DISTINCT lot_id FROM lots ORDER BY ALL LIMIT 20")]
    return InputError("store.not_there", where="lots", got=lot_id, allowed=", ".join(known))
