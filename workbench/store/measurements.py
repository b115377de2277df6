"""Readings in bulk: cut into batches, hashed, written as Arrow, read back in their order.

A row is five narrow columns that compress to well under 10 bytes; what all rows of a batch share stands once, in
the batch's own record, and that record's key makes the batch idempotent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store.append import append, sha256
from workbench.store.literals import canonical, literal
from workbench.store.session import Session
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    import pandas

ROWS_A_BATCH = 1_000_000
COLUMNS = ("carrier", "position", "parameter", "value")


@dataclass(frozen=True)
class Batch:
    """At most `ROWS_A_BATCH` readings ready to be written: `rows` is a pyarrow table in the columns of the store."""

    batch_id: str
    lot_id: str
    source: str
    import_sha256: str
    part: int
    rows_sha256: str
    rows: Any
    measured_at: datetime | None = None


def batches(lot_id: str, frame: pandas.DataFrame, *, source: str, measured_at: datetime | None = None,
            rows_a_batch: int = ROWS_A_BATCH) -> Iterator[Batch]:  # fmt: skip
    """Cut `frame` into batches; nothing is held open meanwhile. Raises InputError for a frame it refuses."""
    import numpy
    import pyarrow

    columns = _checked(frame)
    content = _content_sha256(lot_id, source, columns)
    carriers, carrier_codes = columns["carrier"]
    parameters, parameter_codes = columns["parameter"]
    for part, start in enumerate(range(0, len(columns["value"]), rows_a_batch)):
        cut = slice(start, start + rows_a_batch)
        batch_id = sha256(canonical([content, part, rows_a_batch]))[:32]
        count = len(columns["value"][cut])
        said = pyarrow.DictionaryArray.from_arrays
        attempt = None if columns["attempt"] is None else columns["attempt"][cut]
        rows = pyarrow.table({
            "batch_id": said(pyarrow.array(numpy.zeros(count, "int32")), pyarrow.array([batch_id])),
            "ordinal": numpy.arange(count, dtype="int32"),
            "carrier": said(pyarrow.array(carrier_codes[cut]), pyarrow.array(carriers, pyarrow.string())),
            "position": columns["position"][cut],
            "parameter": said(pyarrow.array(parameter_codes[cut]), pyarrow.array(parameters, pyarrow.string())),
            "value": columns["value"][cut],
            "attempt": pyarrow.nulls(count, pyarrow.int32()) if attempt is None else attempt,
        })  # fmt: skip
        digest = _rows_sha256(*(columns[name][1][cut] for name in ("carrier", "parameter")), columns["position"][cut],
                              columns["value"][cut], carriers, parameters, attempt)  # fmt: skip
        yield Batch(batch_id, lot_id, source, content, part, digest, rows, measured_at)


def write(session: Session, batch: Batch) -> int:
    """Add `batch` inside the open transaction unless it is there; how many rows were new."""
    record = {"batch_id": batch.batch_id, "lot_id": batch.lot_id, "source": batch.source,
              "import_sha256": batch.import_sha256, "part": batch.part, "row_count": batch.rows.num_rows,
              "rows_sha256": batch.rows_sha256, "measured_at": batch.measured_at}  # fmt: skip
    if not append(session, BY_NAME["measurement_batches"], [record]):
        return 0
    session.insert_arrow("measurements", batch.rows.column_names, batch.rows)
    return batch.rows.num_rows


def read(session: Session, lot_id: str, parameter: str | None, *, every_attempt: bool = False) -> pandas.DataFrame:
    """Readings of a lot in the order given; of a reading said more than once, the last.

    The last is the one measured last, where files say when; else the one said last; within one file, the last attempt.
    With `every_attempt` all are given, with columns ``attempt`` and ``source``, the standing one last.
    """
    # A reading without a moment of its own counts as measured when it was said.
    there = session.tuples(
        "SELECT batch_id, import_sha256, source FROM measurement_batches "
        f"WHERE lot_id = {literal(lot_id)} ORDER BY coalesce(measured_at, recorded_at), recorded_at, part"
    )
    names = "carrier, position, parameter, value" + (", attempt, batch_id" if every_attempt else "")
    if not there:
        return session.frame(f"SELECT {names.replace('batch_id', 'batch_id AS source')} FROM measurements WHERE false")
    # Told apart by constants instead of a join: the file's statistics then skip every other batch.
    which = ", ".join(literal(batch_id) for batch_id, *_ in there)
    order = "list_position([" + which + "], batch_id)"
    only = f" AND parameter = {literal(parameter)}" if parameter is not None else ""
    sql = f"SELECT {names} FROM measurements WHERE batch_id IN ({which}){only}"
    if every_attempt:
        rows = session.frame(f"{sql} ORDER BY {order}, coalesce(attempt, 0), ordinal")
        rows["source"] = rows.pop("batch_id").map({batch_id: source for batch_id, _, source in there})
        return rows
    again = session.value(f"SELECT 1 FROM measurements WHERE batch_id IN ({which}) AND attempt > 0 LIMIT 1")
    if again or len({content for _, content, _ in there}) > 1:
        sql += (" QUALIFY row_number() OVER (PARTITION BY carrier, position, parameter ORDER BY "
                f"{order} DESC, coalesce(attempt, 0) DESC) = 1")  # fmt: skip
    return session.frame(f"{sql} ORDER BY {order}, ordinal")


def parameters(session: Session, lot_id: str) -> list[str]:
    """What was measured on a lot."""
    return [name for (name,) in session.tuples(
        "SELECT DISTINCT parameter FROM measurements WHERE batch_id IN (SELECT batch_id FROM measurement_batches "
        f"WHERE lot_id = {literal(lot_id)}) ORDER BY ALL")]  # fmt: skip


def _checked(frame: pandas.DataFrame) -> dict[str, Any]:
    """Columns as arrays; the two of words as (words, codes). Raises InputError."""
    import numpy
    import pandas

    missing = [name for name in COLUMNS if name not in frame.columns]
    strange = [str(name) for name in frame.columns if name not in (*COLUMNS, "attempt")]
    if missing or strange:
        raise InputError("store.columns", got=", ".join(map(str, frame.columns)), allowed=", ".join(COLUMNS))
    columns: dict[str, Any] = {}
    for name in ("carrier", "parameter"):
        codes, words = pandas.factorize(frame[name])
        words = list(words)
        if (codes < 0).any() or not all(isinstance(word, str) and word for word in words):
            raise InputError("store.reading", where=name, got=repr(frame[name].iloc[int(numpy.argmin(codes))]),
                             allowed="text")  # fmt: skip
        for word in words:
            literal(word)
        columns[name] = (words, codes.astype("int32"))
    try:
        value = frame["value"].to_numpy(dtype="float64")
        position = frame["position"].to_numpy()
        if position.dtype.kind not in "iu":
            raise ValueError(position.dtype)
    except (TypeError, ValueError) as why:
        raise InputError("store.reading", where="position, value", got=str(why), allowed="INTEGER, DOUBLE") from None
    bad = numpy.flatnonzero(~numpy.isfinite(value) | (position < 0) | (position >= 2**31))
    if len(bad):
        raise InputError("store.reading", where=f"row {bad[0]}", got=f"{position[bad[0]]}, {value[bad[0]]}",
                         allowed="position >= 0, value finite")  # fmt: skip
    attempt = frame["attempt"].to_numpy() if "attempt" in frame.columns else None
    if attempt is not None and (attempt.dtype.kind not in "iu" or ((attempt < 0) | (attempt >= 2**15)).any()):
        raise InputError("store.reading", where="attempt", got=str(attempt.dtype), allowed="0 ... 32767")
    attempt = None if attempt is None else attempt.astype("int32")
    columns |= {"position": position.astype("int32"), "value": value + 0.0, "attempt": attempt}
    _require_single(columns)
    return columns


def _require_single(columns: dict[str, Any]) -> None:
    import numpy

    (carriers, carrier), (parameters, parameter) = columns["carrier"], columns["parameter"]
    position = columns["position"].astype("int64")
    if columns["attempt"] is not None:  # one more than a position for every attempt
        position = position * (int(columns["attempt"].max(initial=0)) + 1) + columns["attempt"]
    count = len(parameters) * (int(position.max(initial=0)) + 1)
    if len(carriers) * count >= 2**62:  # cannot be packed into one integer: compare as records
        key = numpy.stack([carrier.astype("int64"), position, parameter.astype("int64")], axis=1)
        unique = len(numpy.unique(key, axis=0))
    else:
        key = (carrier.astype("int64") * (int(position.max(initial=0)) + 1) + position) * len(parameters) + parameter
        unique = len(numpy.unique(key))
    if unique != len(position):
        import pandas

        readings = pandas.DataFrame({"carrier": carrier, "position": position, "parameter": parameter})
        twice = int(numpy.flatnonzero(readings.duplicated())[0])
        raise InputError("store.reading_twice", where=f"row {twice}",
                         got=f"{carriers[carrier[twice]]}, {position[twice]}, "
                             f"{parameters[parameter[twice]]}")  # fmt: skip


def _content_sha256(lot_id: str, source: str, columns: dict[str, Any]) -> str:
    (carriers, carrier), (parameters, parameter) = columns["carrier"], columns["parameter"]
    rows = _rows_sha256(carrier, parameter, columns["position"], columns["value"], carriers, parameters,
                        columns["attempt"])  # fmt: skip
    return sha256(canonical([lot_id, source, rows]))


def _rows_sha256(carrier: Any, parameter: Any, position: Any, value: Any, carriers: list, parameters: list,
                 attempt: Any) -> str:  # fmt: skip
    """Hash of readings in their order, however their words were numbered."""
    import pandas

    digest = hashlib.sha256()
    for codes, words in ((carrier, carriers), (parameter, parameters)):
        numbers, used = pandas.factorize(codes)
        digest.update(canonical([words[code] for code in used]).encode())
        digest.update(numbers.astype("<i4").tobytes())
    digest.update(position.astype("<i4").tobytes())
    digest.update(value.astype("<f8").tobytes())
    if attempt is not None:
        digest.update(attempt.astype("<i4").tobytes())
    return digest.hexdigest()


def stored_rows_sha256(session: Session, batch_id: str) -> str:
    """Hash of a batch as it lies in the store, to compare with its record."""
    import pandas

    rows = session.frame("SELECT carrier, position, parameter, value, attempt FROM measurements WHERE batch_id = "
                         f"{literal(batch_id)} ORDER BY ordinal")  # fmt: skip
    attempt = None if rows["attempt"].isna().all() else rows["attempt"].to_numpy(dtype="int32")
    (carrier, carriers), (parameter, parameters) = (pandas.factorize(rows[name]) for name in ("carrier", "parameter"))
    return _rows_sha256(carrier, parameter, rows["position"].to_numpy(), rows["value"].to_numpy(),
                        list(carriers), list(parameters), attempt)  # fmt: skip
