"""A lot's events in the store: added to its chain, one after the other, and never changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.store import literals, row_batches
from workbench.store.append import append, new_key
from workbench.store.session import Session
from workbench.store.tables import BY_NAME
from workbench.store.units import unit_key, unit_keys, units_sql

if TYPE_CHECKING:
    import pandas

    from workbench.process.history import Event, QueueTime, Scope, State
    from workbench.store.store import Store
    from workbench.store.unit_history import UnitHistory
    from workbench.store.verification import Verification

_FEW = 500  # units that are looked up one by one instead of with their whole lot


class History:
    """What happened to lots and units."""

    def __init__(self, store: Store):
        self._store = store

    def add(self, lot_id: str, kind: str, *, actor: str, carriers: Iterable[str] = (), units: Iterable[str] = (),
            occurred_at: datetime | None = None, detail: Mapping | None = None, event_id: str | None = None,
            **facts: str | None) -> Event:  # fmt: skip
        """Add an event to a lot: a kind of `workbench.process.history.KINDS` except "split" and "merge", which have
        methods of their own. `facts` are route, step, equipment, chamber, recipe, material_batch, operator. With
        nothing named it is of the whole lot. An `event_id` that is there already adds nothing.

        Raises InputError: an unknown lot, kind or fact, a unit that is not in the lot, a unit that is held or scrapped
        (naming the event), a release of nothing held.
        """
        from workbench.process.history import Scope

        if kind in ("split", "merge"):
            raise InputError("lots.own_method", got=kind)
        scope = Scope(tuple(carriers), tuple(units))
        event = new_event(lot_id, kind, scope, actor, occurred_at, detail, event_id, facts)
        with self._store.writing(f"lot {kind}", f"lots:{lot_id}") as session:
            _require_lots(session, lot_id)
            return add_event(session, event)

    def add_all(self, lot_id: str, rows: Iterable[Mapping]) -> list[Event]:
        """Add many events, each given by the arguments of `add`, in one transaction: all of them or none. Raises as
        `add`.
        """
        from workbench.process.history import Scope

        made = []
        for row in rows:
            given = {"carriers": (), "units": (), "occurred_at": None, "detail": None, "event_id": None, **row}
            if given["kind"] in ("split", "merge"):
                raise InputError("lots.own_method", got=given["kind"])
            scope = Scope(tuple(given.pop("carriers")), tuple(given.pop("units")))
            said = [given.pop(name) for name in ("kind", "actor", "occurred_at", "detail", "event_id")]
            made.append(new_event(lot_id, said[0], scope, *said[1:], given))
        with self._store.writing("lot events", f"lots:{lot_id}") as session:
            _require_lots(session, lot_id)
            said = events(session, lot_id)
            return [add_event(session, event, said) for event in made]

    def split(self, lot_id: str, to_lot: str, *, actor: str, carriers: Iterable[str] = (), units: Iterable[str] = (),
              occurred_at: datetime | None = None, note: str = "", event_id: str | None = None
              ) -> tuple[Event, Event]:  # fmt: skip
        """Move carriers or units of a lot into a new one, with what is held of them and with the lot's specifications;
        the events of both chains. Readings stay with the lot they were taken in; units keep their names.

        Raises InputError: an unknown lot, a lot `to_lot` that is there, nothing named or nothing there to move.
        """
        from workbench.process.history import Scope

        scope = Scope(tuple(carriers), tuple(units))
        if scope.whole:
            raise InputError("lots.nothing_to_move", where=lot_id)
        return self._move("split", lot_id, to_lot, scope, actor, occurred_at, note, event_id)

    def merge(self, lot_id: str, into: str, *, actor: str, carriers: Iterable[str] = (), units: Iterable[str] = (),
              occurred_at: datetime | None = None, note: str = "", event_id: str | None = None
              ) -> tuple[Event, Event]:  # fmt: skip
        """Move a lot, or carriers or units of it, into another that is there; the events of both chains.

        Raises InputError: an unknown lot, nothing there to move.
        """
        from workbench.process.history import Scope

        return self._move("merge", lot_id, into, Scope(tuple(carriers), tuple(units)), actor, occurred_at, note,
                          event_id)  # fmt: skip

    def _move(self, kind: str, lot_id: str, other: str, scope: Scope, actor: str, occurred_at: datetime | None,
              note: str, event_id: str | None) -> tuple[Event, Event]:  # fmt: skip
        if lot_id == other:
            raise InputError("lots.same_lot", where=lot_id)
        detail = {"to_lot": other} | ({"note": note} if note else {})
        event = new_event(lot_id, kind, scope, actor, occurred_at, detail, event_id, {})
        locks = (f"lots:{lot_id}", f"lots:{other}")
        with self._store.writing(f"lot {kind}", *locks, bulk=True) as session:
            there = {one.event_id: one for one in events(session, lot_id)}
            if event.event_id in there:
                return there[event.event_id], next(one for one in events(session, other)
                                                   if one.event_id == event.event_id)  # fmt: skip
            _require_lots(session, lot_id, *((other,) if kind == "merge" else ()))
            if kind == "split":
                if session.value(f"SELECT 1 FROM lots WHERE lot_id = {literals.literal(other)} LIMIT 1"):
                    raise InputError("lots.lot_there", where=other)
                _copy_lot(session, lot_id, other)
            return move(session, event, other)

    def events(self, lot_id: str) -> list[Event]:
        """A lot's events in the order of its chain. Raises InputError for an unknown lot."""
        with self._store.reading() as session:
            _require_lots(session, lot_id)
            return events(session, lot_id)

    def state(self, lot_id: str) -> list[tuple[Scope, State]]:
        """What of a lot is held or scrapped, and by which event. Raises InputError for an unknown lot."""
        from workbench.process.history import Scope, named_units, stopped_units

        with self._store.reading() as session:
            _require_lots(session, lot_id)
            said = events(session, lot_id)
            return stopped_units(said, Scope(), _carriers_of(session, named_units(said)))

    def queue_times(self, lot_id: str, *, limits: Mapping[tuple[str, str], float] | None = None) -> list[QueueTime]:
        """Times between the steps of a lot, its events taken as those of one piece; limits in hours by (step, step),
        by default those among its specifications (``queue_time.BEFORE.AFTER_h``). Raises InputError.
        """
        from workbench.process.history import queue_limits, queue_times

        if limits is None:
            limits = queue_limits(self._store.lots.specifications(lot_id))
        return queue_times(self.events(lot_id), limits)

    def verify(self, lot_id: str, *, head: str | None = None,
               progress: Callable[[float, str], None] | None = None) -> Verification:  # fmt: skip
        """Compute a lot's chain and the hashes of everything it names anew (see `verification.verify`)."""
        from workbench.store.verification import verify

        return verify(self._store, lot_id, head=head, progress=progress)

    def unit(self, name: str) -> UnitHistory:
        """Everything the store knows of a unit (see `unit_history.unit_history`)."""
        from workbench.store.unit_history import unit_history

        return unit_history(self._store, name)


def events(session: Session, lot_id: str) -> list[Event]:
    """A lot's events in the order of its chain, none for a lot without."""
    from workbench.process.history import Event, Scope

    return [Event(scope=Scope.of(row.pop("scope")), **row) for row in event_rows(session, lot_id)]


def event_rows(session: Session, lot_id: str) -> list[dict]:
    """The rows of `events` as they lie in the store."""
    from workbench.process.history import FACTS

    names = ("lot_id", "number", "event_id", "kind", "actor", "occurred_at", "detail", *FACTS, "previous_sha256",
             "chain_sha256")  # fmt: skip
    return session.rows(f"SELECT {', '.join(names)}, scope FROM lot_events WHERE lot_id = {literals.literal(lot_id)} "
                        "ORDER BY number, chain_sha256")  # fmt: skip


def add_event(session: Session, event: Event, said: list[Event] | None = None) -> Event:
    """Add an event behind the last of its lot, inside the open transaction, unless its `event_id` is there. `said` are
    the lot's events where they are known, and are added to.
    """
    from workbench.process.history import first_sha256, link, named_units, require_allowed

    said = events(session, event.lot_id) if said is None else said
    for earlier in said:
        if earlier.event_id == event.event_id:
            return earlier
    there = _lots_and_carriers(session, event.scope.units, event.lot_id)
    strange = [unit for unit in event.scope.units if there.get(unit, ("", ""))[0] != event.lot_id]
    if strange and not event.detail.get("from_lot"):
        raise InputError("lots.unit_not_here", where=event.lot_id, got=", ".join(strange[:5]))
    _require_carriers(session, event)
    carrier_of = {unit: carrier for unit, (_, carrier) in there.items()}
    carrier_of |= _carriers_of(session, named_units(said) - set(carrier_of))
    require_allowed(said, event.kind, event.scope, carrier_of)
    said.append(_append_link(session, event, said, link, first_sha256))
    return said[-1]


def _append_link(session: Session, event: Event, said: list[Event], link: Callable, first_sha256: Callable) -> Event:
    previous = said[-1].chain_sha256 if said else first_sha256(event.lot_id)
    event = link(replace(event, number=len(said) + 1), previous)
    row = event.as_dict() | {"occurred_at": event.occurred_at}
    append(session, BY_NAME["lot_events"], [row])
    return event


def move(session: Session, event: Event, other: str) -> tuple[Event, Event]:
    """Move what `event` covers to the lot `other`, inside the open transaction; the events of both chains."""
    from workbench.process.history import Scope, first_sha256, link, named_units, stopped_units

    frame = session.frame(units_sql(session, event.lot_id))
    chosen = frame if event.scope.whole else frame[
        frame["carrier"].isin(event.scope.carriers) | frame["unit_id"].isin(event.scope.units)
    ]  # fmt: skip
    strange = sorted(set(event.scope.units) - set(frame["unit_id"]))
    strange += sorted(set(event.scope.carriers) - set(frame["carrier"]))
    if strange:
        raise InputError("lots.unit_not_here", where=event.lot_id, got=", ".join(strange[:5]))
    if chosen.empty:
        raise InputError("lots.nothing_to_move", where=event.lot_id)
    said = events(session, event.lot_id)
    carrier_of = dict(zip(chosen["unit_id"], chosen["carrier"], strict=True))
    stopped = [(what, state) for what, state in stopped_units(
        said, event.scope, carrier_of | _carriers_of(session, named_units(said)))
        if not what.units or what.units[0] in carrier_of]  # fmt: skip
    came = _scope_there(session, frame, chosen, other)
    # Coarser words stand behind finer ones: the first that covers a unit says its state.
    stopped.sort(key=lambda entry: (entry[0].whole, bool(entry[0].carriers)))
    active = [Scope(units=(unit,)) for unit in sorted(named_units(said) & set(carrier_of))
              if unit not in {what.units[0] for what, _ in stopped if what.units}]  # fmt: skip
    entries = [{"scope": what.as_dict(), "word": "active", "lot_id": event.lot_id, "number": 0} for what in active]
    entries += [{"scope": what.as_dict(), "word": state.word, "lot_id": state.lot_id, "number": state.number}
                for what, state in stopped]  # fmt: skip
    moved = chosen["unit_id"].tolist()
    columns = {"unit_id": moved, "unit_key": unit_keys(moved), "from_lot": [event.lot_id] * len(moved),
               "to_lot": [other] * len(moved)}  # fmt: skip
    batches = row_batches.batches("unit_moves", other, columns, source=f"event:{event.event_id}", order="unit_key")
    for batch in batches:
        row_batches.write(session, batch)
    told = {"count": len(moved), "batches": {"unit_moves": [[b.batch_id, b.record["rows_sha256"]] for b in batches]}}
    out = replace(event, detail=_plain({**event.detail, **told}))
    detail = {key: value for key, value in event.detail.items() if key != "to_lot"} | {"from_lot": event.lot_id}
    into = replace(event, lot_id=other, scope=came, detail=_plain({**detail, **told, "stopped": entries}))
    return (_append_link(session, out, said, link, first_sha256),
            _append_link(session, into, events(session, other), link, first_sha256))  # fmt: skip


def _scope_there(session: Session, frame: pandas.DataFrame, chosen: pandas.DataFrame, other: str) -> Scope:
    """What moved, as the other lot names it: carriers that moved as a whole and of which it has nothing yet, else
    units.
    """
    from workbench.process.history import Scope

    at_home = frame.groupby("carrier").size()
    there = set(session.frame(units_sql(session, other))["carrier"])  # before the move is written
    whole = [carrier for carrier, count in chosen.groupby("carrier").size().items()
             if count == at_home[carrier] and carrier and carrier not in there]  # fmt: skip
    rest = chosen[~chosen["carrier"].isin(whole)]
    return Scope(tuple(whole), tuple(rest["unit_id"]))


def _copy_lot(session: Session, lot_id: str, other: str) -> None:
    """A lot like `lot_id`, with its carriers and specifications."""
    for table in ("lots", "carriers", "specifications", "bins"):
        names = [column.name for column in BY_NAME[table].columns
                 if column.name not in ("version", "sha256", "recorded_at")]  # fmt: skip
        rows = session.rows(f"SELECT {', '.join(names)} FROM current_{table} WHERE lot_id = {literals.literal(lot_id)}")
        append(session, BY_NAME[table], [row | {"lot_id": other} for row in rows])


def new_event(lot_id: str, kind: str, scope: Scope, actor: str, occurred_at: datetime | None, detail: Mapping | None,
              event_id: str | None, facts: Mapping[str, str | None]) -> Event:  # fmt: skip
    from workbench.process.history import FACTS, Event

    strange = sorted(set(facts) - set(FACTS))
    if strange:
        raise InputError("store.column_unknown", where="lot_events", got=", ".join(strange), allowed=", ".join(FACTS))
    said = {name: value for name, value in facts.items() if value}
    if kind in ("step_in", "step_out", "rework") and "step" not in said:
        raise InputError("lots.step_unnamed", where=lot_id, got=kind)
    moment = literals.utc(occurred_at or datetime.now(UTC)).replace(tzinfo=UTC)
    return Event(lot_id, 0, event_id or new_key(), kind, scope, actor, moment, _plain(detail or {}), **said)


def _plain(detail: Mapping) -> dict:
    """As it will be read back, so that its hash is the same then."""
    return json.loads(literals.canonical(detail))


def _require_lots(session: Session, *lots: str) -> None:
    from workbench.store.lots import _require_lot

    for lot_id in lots:
        _require_lot(session, lot_id)


def _require_carriers(session: Session, event: Event) -> None:
    if not event.scope.carriers or event.detail.get("from_lot"):
        return
    known = {name for (name,) in session.tuples(
        f"SELECT DISTINCT carrier FROM carriers WHERE lot_id = {literals.literal(event.lot_id)}")}  # fmt: skip
    strange = [name for name in event.scope.carriers if name not in known]
    if strange:
        raise InputError("lots.carrier_not_here", where=event.lot_id, got=", ".join(strange[:5]),
                         allowed=", ".join(sorted(known)[:20]))  # fmt: skip


def _lots_and_carriers(session: Session, units: Iterable[str], lot_id: str) -> dict[str, tuple[str, str]]:
    """The lot that units are in now, and their carrier, by unit."""
    units = list(units)
    if not units:
        return {}
    if len(units) > _FEW:
        frame = session.frame(units_sql(session, lot_id))
        return {unit: (lot_id, carrier) for unit, carrier in zip(frame["unit_id"], frame["carrier"], strict=True)}
    born = session.tuples(
        "SELECT p.unit_id, b.lot_id, p.carrier FROM parts AS p JOIN row_batches AS b USING (batch_id) "
        f"WHERE {_any_of(units)} ORDER BY b.recorded_at DESC"
    )
    there = {unit: (lot, carrier) for unit, lot, carrier in born}  # the earliest stands: where it was born
    made = session.tuples("SELECT e.unit_id, b.lot_id FROM genealogy_edges AS e JOIN row_batches AS b USING "
                          f"(batch_id) WHERE {_any_of(units)} AND up ORDER BY b.recorded_at DESC")  # fmt: skip
    there = {unit: (lot, None) for unit, lot in made} | there
    for unit, lot in session.tuples("SELECT m.unit_id, m.to_lot FROM unit_moves AS m JOIN row_batches AS b USING "
                                    f"(batch_id) WHERE {_any_of(units)} ORDER BY b.recorded_at"):  # fmt: skip
        there[unit] = (lot, there.get(unit, ("", None))[1])
    return there


def _carriers_of(session: Session, units: Iterable[str]) -> dict[str, str | None]:
    units, found = sorted(units), {}
    for start in range(0, len(units), _FEW):
        rows = session.tuples(f"SELECT DISTINCT unit_id, carrier FROM parts WHERE {_any_of(units[start:start + _FEW])}")
        found |= dict(rows)
    return found


def _any_of(units: list[str]) -> str:
    keys = ", ".join(str(unit_key(unit)) for unit in units)
    names = ", ".join(map(literals.literal, units))
    return f"unit_key IN ({keys}) AND unit_id IN ({names})"
