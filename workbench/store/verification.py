"""Is a lot's history what it was? The chain of its events, and every row that they name, computed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.store.append import row_sha256
from workbench.store.check import batch_sha256
from workbench.store.literals import literal
from workbench.store.session import Session
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.process.history import Event
    from workbench.store.store import Store


@dataclass(frozen=True)
class Fault:
    """A place that does not fit. `kind` has its sentence in the catalogue (``lots.fault.<kind>``); `place` is the event
    as ``#number``, or the table and batch.
    """

    kind: str
    place: str
    detail: str = ""


@dataclass(frozen=True)
class Verification:
    """`faults` in the order of the chain, none for a sound history; `first` is where it first does not fit.

    `head` is the hash that stands for all `event_count` events and all `row_count` rows they name: kept elsewhere, it
    shows later that nothing before it was altered or cut off. `head_at` is the event whose hash the given head is.
    `outside` are batches that no event names: of an import that was cut off, or added without a file; their rows are
    held against their own records only.
    """

    lot_id: str
    head: str
    event_count: int
    row_count: int
    faults: tuple[Fault, ...]
    outside: tuple[str, ...]
    head_at: int | None = None

    @property
    def sound(self) -> bool:
        return not self.faults

    @property
    def first(self) -> Fault | None:
        return self.faults[0] if self.faults else None

    def as_dict(self) -> dict[str, Any]:
        return {"sound": self.sound, **asdict(self)}


def verify(store: Store, lot_id: str, *, head: str | None = None,
           progress: Callable[[float, str], None] | None = None) -> Verification:  # fmt: skip
    """Compute the chain of a lot anew, then the hash of every batch and import that its events name, from the rows as
    they lie in the store. With `head`, a hash that was kept elsewhere, its event must still be there.

    Raises InputError for an unknown lot.
    """
    from workbench.process.history import verify as verify_chain
    from workbench.store.history import _require_lots, event_rows

    faults: list[Fault] = []
    with store.reading() as session:
        _require_lots(session, lot_id)
        rows_there = event_rows(session, lot_id)
        said = _readable(rows_there)
        report = verify_chain(lot_id, said, head=head)
        if len(said) < len(rows_there) and (report.broken is None or report.broken.kind == "head"):
            faults.append(Fault("content", f"#{len(said) + 1}"))
        if report.broken:
            faults.append(Fault(report.broken.kind, f"#{report.broken.number}", report.broken.detail))
        records = _records(session, lot_id)
        imports = {row["import_id"]: row for row in session.rows(
            f"SELECT * FROM imports WHERE lot_id = {literal(lot_id)}")}  # fmt: skip
    faults += _imports(said, imports)
    named, rows = set(), 0
    told = [(event, of_table, batch_id, digest) for event in said
            for of_table, batches in event.detail.get("batches", {}).items()
            for batch_id, digest in batches]  # fmt: skip
    own = [(None, of_table, batch_id, record[1]) for (of_table, batch_id), record in records.items()]
    for done, (event, of_table, batch_id, digest) in enumerate([*told, *own]):
        if progress:
            progress(done / max(1, len(told) + len(own)), "lots.progress.verify")
        if event is not None:
            place = f"#{event.number} {of_table} {batch_id}"
            named.add(batch_id)
        elif batch_id in named:
            continue
        else:
            place = f"{of_table} {batch_id}"
        with store.reading() as session:
            rows += _hold(session, of_table, batch_id, digest, place, faults)
    outside = tuple(f"{of_table} {batch_id}" for of_table, batch_id in records if batch_id not in named)
    return Verification(lot_id, report.head, len(said), rows, tuple(faults), outside, report.head_at)


def _readable(rows: list[dict]) -> list[Event]:
    """Events up to the first whose row no longer is one: what the store writes is of these forms."""
    from workbench.process.history import KINDS, Event, Scope

    said = []
    for row in rows:
        scope, detail = row.pop("scope"), row["detail"]
        batches = detail.get("batches", {}) if isinstance(detail, dict) else None
        if not (
            isinstance(scope, dict) and all(_are_words(scope.get(name, [])) for name in ("carriers", "units"))
            and isinstance(batches, dict)
            and all(isinstance(pairs, list) and all(_are_words(pair) and len(pair) == 2 for pair in pairs)
                    for pairs in batches.values())
            and row["kind"] in KINDS
        ):  # fmt: skip
            break
        said.append(Event(scope=Scope.of(scope), **row))
    return said


def _are_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _hold(session: Session, of_table: str, batch_id: str, digest: str, place: str, faults: list[Fault]) -> int:
    """Hold a batch against the hash that was told of it; how many rows it has."""
    if of_table not in BY_NAME or BY_NAME[of_table].keep != "bulk":
        faults.append(Fault("batch_missing", place))
        return 0
    count = session.value(f"SELECT count(*) FROM {of_table} WHERE batch_id = {literal(batch_id)}")
    if not count:
        faults.append(Fault("batch_missing", place))
    elif batch_sha256(session, of_table, batch_id) != digest:
        faults.append(Fault("batch_altered", place))
    return count


def _imports(said: list[Event], imports: dict[str, dict]) -> Iterator[Fault]:
    """Every import that an event names is on record as it was, and every record has its event."""
    named = set()
    for event in said:
        import_id = event.detail.get("import_id")
        if import_id is None:
            continue
        named.add(import_id)
        row = imports.get(import_id)
        place = f"#{event.number} imports {import_id}"
        if row is None:
            yield Fault("import_missing", place)
        elif row_sha256(BY_NAME["imports"], row) != row["sha256"] or any(
            row[name] != event.detail.get(name)
            for name in ("file_name", "file_sha256", "format", "content_sha256", "batches", "counts")
        ):
            yield Fault("import_altered", place)
    for import_id in sorted(set(imports) - named):
        yield Fault("import_unnamed", f"imports {import_id}")


def _records(session: Session, lot_id: str) -> dict[tuple[str, str], tuple[int, str]]:
    lot = literal(lot_id)
    return {(of_table, batch_id): (count, digest) for of_table, batch_id, count, digest in session.tuples(
        "SELECT 'measurements', batch_id, row_count, rows_sha256 FROM measurement_batches "
        f"WHERE lot_id = {lot} UNION ALL SELECT of_table, batch_id, row_count, rows_sha256 FROM row_batches "
        f"WHERE lot_id = {lot} ORDER BY ALL")}  # fmt: skip
