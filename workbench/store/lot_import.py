"""A file that was read becomes part of a lot: carriers, units, readings, bins, defects, genealogy, and a record of it.

Everything but readings and defects goes in one transaction, those in batches of a million, the record with its event
last. All of them are made of the file's content, so that an import that was cut off is completed by saying it again,
and one that is there adds nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from workbench import __version__
from workbench.errors import InputError
from workbench.store import literals, measurements, row_batches
from workbench.store.append import append, document_sha256, sha256
from workbench.store.genealogy import edge_batches
from workbench.store.session import Session
from workbench.store.tables import BY_NAME
from workbench.store.units import PART_COLUMNS, part_batches, unit_id, unit_keys

if TYPE_CHECKING:
    import pandas

    from workbench.formats.lot_data import LotData
    from workbench.store.store import Store

_TRIES = 5
_FACTS = {"equipment": ("equipment", "tester", "node_name", "inspection_station"), "operator": ("operator",),
          "recipe": ("recipe", "program", "job_name"), "step": ("step", "step_id", "test_step"),
          "chamber": ("chamber",), "material_batch": ("material_batch",), "route": ("route",)}  # fmt: skip


@dataclass(frozen=True)
class Imported:
    """What an import brought. `added` is False where the same file, or the same content under another name, was there
    already; `counts` then are those of that import. `taken` and `left` are sentences in every language.
    """

    import_id: str
    lot_id: str
    file_name: str
    added: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    taken: tuple[Mapping[str, str], ...] = ()
    left: tuple[Mapping[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Ready:
    """An import prepared outside the lock, against what the lot had then (`seen`)."""

    seen: frozenset[str]
    parts: list[row_batches.RowBatch]
    edges: list[row_batches.RowBatch]
    defects: list[row_batches.RowBatch]
    readings: list[measurements.Batch]
    left: list[Mapping[str, str]]


def import_data(store: Store, lot_id: str | None, data: LotData, *, file_sha256: str, name: str, actor: str,
                file_size_b: int | None = None, product: str | None = None, title: str | None = None,
                synthetic: bool = False, verified: bool = True, homes: Mapping[str, str] | None = None,
                progress: Callable[[float, str], None] | None = None) -> Imported:  # fmt: skip
    """See `Lots.import_data`."""
    lot_id = lot_id or data.lot
    if not lot_id or not lot_id.strip():
        raise InputError("lots.no_lot", where=name)
    if len(file_sha256) != 64 or not set(file_sha256) <= set("0123456789abcdef"):
        raise InputError("lots.not_a_hash", where="file_sha256", got=file_sha256[:80])
    say = progress or (lambda done, what: None)
    known = _known(store, lot_id, data, file_sha256=file_sha256)
    if known:
        return known
    say(0.02, "lots.progress.hash")
    content = content_sha256(data)
    import_id = sha256(literals.canonical([lot_id, data.format, content]))[:32]
    known = _known(store, lot_id, data, import_id=import_id)
    if known:
        return known
    source = f"import:{import_id}"
    measured_at = literals.utc(data.ended_at or data.started_at)
    for attempt in range(_TRIES):
        say(0.05, "lots.progress.prepare")
        with store.reading() as session:
            there = _there(session, lot_id, data, homes or {})
        ready = _prepare(lot_id, data, there, source=source, measured_at=measured_at)
        say(0.4, "lots.progress.write")
        with store.writing("import lot", f"lots:{lot_id}", bulk=True) as session:
            if _batches_of(session, lot_id) == ready.seen or attempt == _TRIES - 1:
                if _batches_of(session, lot_id) != ready.seen:  # others import into it all the time: under the lock
                    ready = _prepare(lot_id, data, _there(session, lot_id, data, homes or {}), source=source,
                                     measured_at=measured_at)  # fmt: skip
                _write_lot(session, lot_id, data, name, product=product, title=title, synthetic=synthetic,
                           verified=verified, actor=actor, left=ready.left)  # fmt: skip
                for batch in (*ready.parts, *ready.edges):
                    row_batches.write(session, batch)
                break
    for done, batch in enumerate((*ready.readings, *ready.defects)):
        say(0.5 + 0.45 * done / (len(ready.readings) + len(ready.defects)), "lots.progress.readings")
        with store.writing("import readings", f"batches:{batch.batch_id}", bulk=True) as session:
            if isinstance(batch, measurements.Batch):
                measurements.write(session, batch)
            else:
                row_batches.write(session, batch)
    say(0.97, "lots.progress.record")
    return _record(store, lot_id, data, ready, import_id=import_id, content=content, file_sha256=file_sha256,
                   file_size_b=file_size_b, name=name, actor=actor, measured_at=measured_at)  # fmt: skip


def content_sha256(data: LotData) -> str:
    """Hash of what a file says, whatever its name or packing."""
    digest = hashlib.sha256()
    plain = {"format": data.format, "lot": data.lot, "product": data.product,
             "carriers": [asdict(one) for one in data.carriers], "tests": [asdict(one) for one in data.tests],
             "bins": [asdict(one) for one in data.bins], "conditions": dict(data.conditions),
             "started_at": data.started_at, "ended_at": data.ended_at}  # fmt: skip
    digest.update(document_sha256(plain).encode())
    for name in ("parts", "readings", "defects", "transfers"):
        frame = getattr(data, name)
        if frame is not None:
            digest.update(f"{name} {len(frame)}".encode())
            for column in frame.columns:
                digest.update(str(column).encode())
                digest.update(_column_bytes(frame[column]))
    return digest.hexdigest()


def _column_bytes(values: pandas.Series) -> bytes:
    import numpy
    import pandas

    if isinstance(values.dtype, pandas.CategoricalDtype) or not pandas.api.types.is_numeric_dtype(values):
        codes, words = pandas.factorize(values)
        return codes.astype("<i4").tobytes() + literals.canonical([str(word) for word in words]).encode()
    if pandas.api.types.is_float_dtype(values):
        return (values.to_numpy("float64", na_value=numpy.nan) + 0.0).astype("<f8").tobytes()
    absent = values.isna().to_numpy()
    return values.to_numpy("int64", na_value=0).astype("<i8").tobytes() + (absent.tobytes() if absent.any() else b"")


def _known(store: Store, lot_id: str, data: LotData, **equal: str) -> Imported | None:
    """The import of the same file, or of the same content."""
    (name, value), *_ = equal.items()
    with store.reading() as session:
        rows = session.rows("SELECT import_id, lot_id, file_name, counts, taken, \"left\" FROM imports WHERE "
                            f"lot_id = {literals.literal(lot_id)} AND format = {literals.literal(data.format)} AND "
                            f"{name} = {literals.literal(value)} LIMIT 1")  # fmt: skip
    if not rows:
        return None
    row = rows[0]
    return Imported(row["import_id"], lot_id, row["file_name"], False, row["counts"], tuple(row["taken"]),
                    tuple(row["left"]))  # fmt: skip


@dataclass(frozen=True)
class _There:
    """What a lot has already of the carriers of a file: `position` of its units, the lot that a carrier's units are
    named after, and the lot of every carrier that dies were taken from.
    """

    seen: frozenset[str]
    positions: Mapping[str, int]
    last: Mapping[str, int]
    named_after: Mapping[str, str]
    taken_from: Mapping[str, str]


def _batches_of(session: Session, lot_id: str) -> frozenset[str]:
    return frozenset(name for (name,) in session.tuples(
        f"SELECT batch_id FROM row_batches WHERE of_table = 'parts' AND lot_id = {literals.literal(lot_id)}"))


def _there(session: Session, lot_id: str, data: LotData, homes: Mapping[str, str]) -> _There:
    own = row_batches.among(session, "parts", lot_id)
    positions = {unit: (carrier, position) for unit, carrier, position in session.tuples(
        f"SELECT DISTINCT unit_id, carrier, position FROM parts WHERE {own}")}  # fmt: skip
    last: dict[str, int] = {}
    for carrier, position in positions.values():
        last[carrier] = max(last.get(carrier, -1), position)
    carriers = {one.name for one in data.carriers}
    for frame in (data.parts, data.defects):
        if frame is not None:
            carriers |= set(frame["carrier"].astype(str).unique())
    named_after = {carrier: _named_after(session, lot_id, carrier, own) for carrier in sorted(carriers)}
    taken_from = {}
    if data.transfers is not None:
        for carrier in sorted(set(data.transfers["from_carrier"].dropna()) - {""}):
            taken_from[carrier] = homes.get(carrier) or _home(session, lot_id, carrier)
    return _There(_batches_of(session, lot_id), {unit: place[1] for unit, place in positions.items()}, last,
                  named_after, taken_from)  # fmt: skip


def _named_after(session: Session, lot_id: str, carrier: str, own: str) -> str:
    """The lot that names the units of a carrier: its own, or the one it was split from."""
    word = literals.literal(carrier)
    unit = session.value(f"SELECT unit_id FROM parts WHERE {own} AND carrier = {word} LIMIT 1")
    unit = unit or session.value(
        "SELECT p.unit_id FROM parts AS p JOIN unit_moves AS m USING (unit_key, unit_id) "
        f"WHERE m.to_lot = {literals.literal(lot_id)} AND p.carrier = {word} LIMIT 1"
    )
    mark = f"/{carrier}/"
    return unit[: unit.index(mark)] if unit and mark in unit else lot_id


def _home(session: Session, lot_id: str, carrier: str) -> str:
    """The lot that names the units of a carrier that dies are taken from: this one if it has it, else the only other
    that does. Raises InputError where several do.
    """
    lots = [lot for (lot,) in session.tuples("SELECT DISTINCT lot_id FROM carriers WHERE carrier = "
                                             f"{literals.literal(carrier)} ORDER BY ALL")]  # fmt: skip
    if lot_id in lots or not lots:
        return lot_id if not lots else _named_after(session, lot_id, carrier,
                                                    row_batches.among(session, "parts", lot_id))  # fmt: skip
    names = sorted({_named_after(session, lot, carrier, row_batches.among(session, "parts", lot)) for lot in lots})
    if len(names) > 1:
        raise InputError("lots.carrier_ambiguous", where=carrier, got=", ".join(names[:10]), carrier=carrier)
    return names[0]


def _prepare(lot_id: str, data: LotData, there: _There, *, source: str, measured_at: Any) -> _Ready:
    from workbench.formats.report import said

    left: list[Mapping[str, str]] = []
    parts, positions = [], None
    edges: list[row_batches.RowBatch] = []
    frames = []
    if data.parts is not None and len(data.parts):
        named, by_position = _named_parts(data.parts, there)
        if by_position:
            left.append(said("lots.named_by_position", carriers=", ".join(by_position[:10])))
        positions = _positions(named, there)
        frames.append(named)
    if data.transfers is not None and len(data.transfers):
        made, children = _edges(lot_id, data.transfers, there)
        if len(made):
            edges = edge_batches(lot_id, made, source=source)
        taken = set() if not frames else set(frames[0]["unit_id"])
        children = children[~children["unit_id"].isin(taken)]
        if len(children):
            _positions(children, there, beside=frames)
            frames.append(children)
    if frames:
        import pandas

        together = pandas.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        together = together.drop(columns=[name for name in together.columns if name == "given"])
        parts = part_batches(lot_id, together, source=source, measured_at=measured_at)
    readings = list(_reading_batches(lot_id, data, positions, source=source, measured_at=measured_at))
    defects = _defect_batches(lot_id, data, there, source=source, measured_at=measured_at)
    return _Ready(there.seen, parts, edges, defects, readings, left)


def _named_parts(parts: pandas.DataFrame, there: _There) -> tuple[pandas.DataFrame, list[str]]:
    """Parts with `unit_id`, and the carriers whose parts have neither a place nor a name of their own."""
    import numpy

    frame = parts[["carrier", "position", "attempt", *(name for name in PART_COLUMNS if name in parts.columns)]].copy()
    frame["carrier"] = frame["carrier"].astype(str)
    frame["unit_id"] = ""
    plain = []
    for carrier, rows in frame.groupby("carrier", sort=False):
        first = rows.drop_duplicates("position")
        lot = there.named_after.get(carrier, "")
        names = None
        if "x" in rows and first["x"].notna().all() and first["y"].notna().all() \
                and not first.duplicated(["x", "y"]).any():
            names = [unit_id(lot, carrier, int(x), int(y)) for x, y in zip(first["x"], first["y"], strict=True)]
        elif "part_id" in rows and first["part_id"].fillna("").ne("").all() and not first["part_id"].duplicated().any():
            names = [unit_id(lot, carrier, part_id=part) for part in first["part_id"]]
        if names is None:
            plain.append(carrier)
            names = [unit_id(lot, carrier, position=int(position)) for position in first["position"]]
        by_position = dict(zip(first["position"].tolist(), names, strict=True))
        frame.loc[rows.index, "unit_id"] = numpy.array([by_position[one] for one in rows["position"].tolist()], object)
    return frame, plain


def _positions(frame: pandas.DataFrame, there: _There, *, beside: list[pandas.DataFrame] = ()) -> dict:
    """Give every unit of `frame` its position in the lot: the one it has, or the next of its carrier. The positions of
    the file by carrier, as (position of the file -> position of the lot).
    """
    last = dict(there.last)
    for other in beside:
        for carrier, highest in other.groupby("carrier")["position"].max().items():
            last[carrier] = max(last.get(carrier, -1), int(highest))
    fresh = not any(unit in there.positions for unit in frame["unit_id"].unique()) if there.positions else True
    mapped: dict[str, dict[int, int]] = {}
    for carrier, rows in frame.groupby("carrier", sort=False):
        places = mapped.setdefault(carrier, {})
        following = last.get(carrier, -1) + 1
        first = rows.drop_duplicates("position")
        if fresh and not following:
            places |= {one: one for one in first["position"].tolist()}
            continue
        for position, unit in zip(first["position"].tolist(), first["unit_id"].tolist(), strict=True):
            place = there.positions.get(unit)
            if place is None:
                place, following = following, following + 1
            places[position] = place
    given = frame["position"].tolist()
    frame["position"] = [mapped[carrier][one] for carrier, one in zip(frame["carrier"], given, strict=True)]
    return mapped


def _edges(lot_id: str, transfers: pandas.DataFrame, there: _There) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Edges from the die on the carrier it came from to its place on the one it went to, and those places as parts."""
    import pandas

    frame = transfers.astype(object).where(transfers.notna(), None)
    edges, children = [], []
    counted: dict[str, int] = {}
    for row in frame.to_dict("records"):
        carrier = row["to_carrier"] or ""
        lot = there.named_after.get(carrier, lot_id)
        child = unit_id(lot, carrier, row["to_x"], row["to_y"], part_id=row["device_id"], position=counted.get(carrier))
        children.append({"unit_id": child, "carrier": carrier, "position": counted.get(carrier, 0), "attempt": 0,
                         "x": row["to_x"], "y": row["to_y"], "part_id": row["device_id"]})  # fmt: skip
        counted[carrier] = counted.get(carrier, 0) + 1
        origin = row["from_carrier"]
        if origin and row["from_x"] is not None and row["from_y"] is not None:
            parent = unit_id(there.taken_from[origin], origin, row["from_x"], row["from_y"])
            if parent != child:
                edges.append({"parent_id": parent, "child_id": child, "relation": "placed"})
    parts = pandas.DataFrame(children).drop_duplicates("unit_id", ignore_index=True)
    for name in ("x", "y"):
        parts[name] = parts[name].astype("Int32")
    return pandas.DataFrame(edges, columns=["parent_id", "child_id", "relation"]).drop_duplicates(), parts


def _reading_batches(lot_id: str, data: LotData, positions: Mapping | None, *, source: str, measured_at: Any):
    if data.readings is None or not len(data.readings):
        return
    import numpy

    frame = data.readings[["carrier", "position", "parameter", "value", "attempt"]].copy()
    if not (frame["attempt"] > 0).any():
        frame = frame.drop(columns="attempt")
    if positions is not None and any(old != new for places in positions.values() for old, new in places.items()):
        carriers = frame["carrier"].astype(str).to_numpy()
        place = frame["position"].to_numpy().copy()
        for carrier, places in positions.items():
            table = numpy.full(max(places) + 1, -1, "int64")
            table[list(places)] = list(places.values())
            here = carriers == carrier
            place[here] = table[place[here]]
        frame["position"] = place
    yield from measurements.batches(lot_id, frame, source=source, measured_at=measured_at)


def _defect_batches(lot_id: str, data: LotData, there: _There, *, source: str,
                    measured_at: Any) -> list[row_batches.RowBatch]:  # fmt: skip
    if data.defects is None or not len(data.defects):
        return []
    frame = data.defects
    carriers = frame["carrier"].astype(str).tolist()
    units = [unit_id(there.named_after.get(carrier, lot_id), carrier, x, y)
             for carrier, x, y in zip(carriers, frame["x"].tolist(), frame["y"].tolist(), strict=True)]  # fmt: skip
    columns = {name: frame[name] for name in frame.columns} | {"unit_id": units, "unit_key": unit_keys(units)}
    return row_batches.batches("defects", lot_id, columns, source=source, order="unit_key", measured_at=measured_at)


def _write_lot(session: Session, lot_id: str, data: LotData, name: str, *, product: str | None, title: str | None,
               synthetic: bool, verified: bool, actor: str, left: list) -> None:  # fmt: skip
    from workbench.store.history import add_event, new_event

    word = literals.literal(lot_id)
    if session.value(f"SELECT 1 FROM lots WHERE lot_id = {word} LIMIT 1") is None:
        row = {"lot_id": lot_id, "title": title or lot_id, "product": product or data.product or "", "source": name,
               "verified": verified, "synthetic": synthetic, "note": ""}  # fmt: skip
        append(session, BY_NAME["lots"], [row])
    if session.value(f"SELECT 1 FROM lot_events WHERE lot_id = {word} LIMIT 1") is None:
        from workbench.process.history import Scope

        add_event(session, new_event(lot_id, "create", Scope(), actor, None, {}, f"create:{lot_id}", {}))
    there = {row["carrier"]: row for row in session.rows(
        f"SELECT carrier, kind, attributes FROM current_carriers WHERE lot_id = {word}")}  # fmt: skip
    kinds = {carrier: (there.get(carrier, {}).get("kind", "wafer"), {}) for carrier in sorted(_carriers(data))}
    kinds |= {one.name: (one.kind, dict(one.attributes)) for one in data.carriers}
    rows = [{"lot_id": lot_id, "carrier": carrier, "kind": kind,
             "attributes": {**there.get(carrier, {}).get("attributes", {}), **attributes}}
            for carrier, (kind, attributes) in kinds.items()]  # fmt: skip
    append(session, BY_NAME["carriers"], rows)
    append(session, BY_NAME["specifications"], _specifications(session, lot_id, data, name, left))
    bins = {(one.number, one.hard): one for one in data.bins}
    append(session, BY_NAME["bins"], [{"lot_id": lot_id, "number": one.number, "hard": one.hard, "name": one.name,
                                       "passed": one.passed} for one in bins.values()])  # fmt: skip


def _carriers(data: LotData) -> set[str]:
    """Carriers that the file says something of."""
    found = {one.name for one in data.carriers}
    for frame, column in ((data.parts, "carrier"), (data.readings, "carrier"), (data.defects, "carrier"),
                          (data.transfers, "to_carrier")):  # fmt: skip
        if frame is not None:
            found |= set(map(str, frame[column].dropna().unique()))
    return found


def _specifications(session: Session, lot_id: str, data: LotData, name: str, left: list) -> list[dict]:
    """Limits of the file. What it does not say stays what it was; limits that leave nothing between them are left."""
    from workbench.formats.report import said

    there = {row["parameter"]: row for row in session.rows(
        "SELECT parameter, lower, upper, target, unit, source FROM current_specifications "
        f"WHERE lot_id = {literals.literal(lot_id)}")}  # fmt: skip
    rows = {}
    for test in data.tests:
        before = there.get(test.parameter, {})
        row = {"lot_id": lot_id, "parameter": test.parameter, "unit": test.unit or before.get("unit")}
        given = {"lower": test.lower, "upper": test.upper, "target": test.target}
        row |= {key: before.get(key) if value is None else float(value) for key, value in given.items()}
        if row["lower"] is not None and row["upper"] is not None and not row["lower"] < row["upper"]:
            left.append(said("lots.limits_left", parameter=test.parameter, lower=row["lower"], upper=row["upper"]))
            row |= {key: before.get(key) for key in ("lower", "upper")}
        same = before and all(before.get(key) == row[key] for key in ("lower", "upper", "target", "unit"))
        rows[test.parameter] = row | {"source": before["source"] if same else name}
    return list(rows.values())


def _record(store: Store, lot_id: str, data: LotData, ready: _Ready, *, import_id: str, content: str, file_sha256: str,
            file_size_b: int | None, name: str, actor: str, measured_at: Any) -> Imported:  # fmt: skip
    """Write the record and the event that names everything the import brought, and with that end it."""
    from workbench.process.history import Scope
    from workbench.store.history import add_event, new_event

    batches: dict[str, list] = {}
    for batch in (*ready.parts, *ready.edges, *ready.defects):
        batches.setdefault(batch.record["of_table"], []).append([batch.batch_id, batch.record["rows_sha256"]])
    for batch in ready.readings:
        batches.setdefault("measurements", []).append([batch.batch_id, batch.rows_sha256])
    counts = {"carriers": len(data.carriers), "tests": len(data.tests), "bins": len(data.bins),
              "units": len({unit for batch in ready.parts for unit in batch.rows["unit_id"].to_pylist()}),
              "attempts": sum(batch.rows.num_rows for batch in ready.parts),
              "readings": sum(batch.rows.num_rows for batch in ready.readings),
              "defects": sum(batch.rows.num_rows for batch in ready.defects),
              "edges": sum(batch.rows.num_rows for batch in ready.edges) // 2}  # fmt: skip
    taken = [dict(one) for one in data.report.taken]
    left = [dict(one) for one in (*data.report.left, *data.report.assumptions, *ready.left)]
    conditions = literals.canonical(dict(data.conditions))
    facts = {fact: next((str(data.conditions[name]) for name in names if data.conditions.get(name)), None)
             for fact, names in _FACTS.items()}  # fmt: skip
    detail = {"import_id": import_id, "file_name": name, "file_sha256": file_sha256, "format": data.format,
              "content_sha256": content, "counts": counts, "batches": batches,
              "measured_at": measured_at and measured_at.isoformat(),
              "conditions_sha256": sha256(conditions)}  # fmt: skip
    scope = Scope(carriers=tuple(sorted(_carriers(data))))
    event = new_event(lot_id, "import", scope, actor, None, detail, f"import:{import_id}", facts)
    row = {"import_id": import_id, "lot_id": lot_id, "format": data.format, "file_name": name,
           "file_sha256": file_sha256, "file_size_b": file_size_b, "content_sha256": content,
           "reader_version": __version__, "taken": taken, "left": left, "counts": counts, "batches": batches,
           "conditions": dict(data.conditions), "actor": actor, "measured_at": measured_at,
           "occurred_at": event.occurred_at}  # fmt: skip
    with store.writing("import record", f"lots:{lot_id}") as session:
        if session.value(f"SELECT 1 FROM imports WHERE import_id = {literals.literal(import_id)}") is None:
            append(session, BY_NAME["imports"], [row])
            add_event(session, event)
    return Imported(import_id, lot_id, name, True, counts, tuple(taken), tuple(left))
