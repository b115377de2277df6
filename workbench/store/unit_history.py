"""Everything the store knows of one unit, as plain records: for the unit's page, the command line and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store.genealogy import AsBuilt, Edge, Relatives, as_built, relatives
from workbench.store.literals import literal
from workbench.store.session import Session
from workbench.store.units import PART_COLUMNS, find, is_unit, lot_of

if TYPE_CHECKING:
    from workbench.process.history import Event, QueueTime, State
    from workbench.store.store import Store

MOST_READINGS = 5_000  # of one unit on one page
MOST_FAMILY = 500  # ancestors whose route is told


@dataclass(frozen=True)
class Seen:
    """A unit as one file saw it: an attempt of a test, an inspection, a map."""

    lot_id: str
    source: str
    file_name: str | None
    carrier: str
    position: int
    attempt: int
    measured_at: datetime | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """One reading of a unit. `stands` is False for one that a later attempt replaced."""

    lot_id: str
    parameter: str
    value: float
    unit: str | None
    lower: float | None
    upper: float | None
    attempt: int
    stands: bool

    @property
    def passed(self) -> bool | None:
        """Within its limits; None where there are none."""
        if self.lower is None and self.upper is None:
            return None
        return (self.lower is None or self.value >= self.lower) and (self.upper is None or self.value <= self.upper)


@dataclass(frozen=True)
class RouteStep:
    """One thing that was done to a unit, or to what it was made of (`unit_id`, `depth` steps back; 0 is the unit)."""

    unit_id: str
    depth: int
    lot_id: str
    number: int | None
    kind: str
    step: str
    equipment: str | None
    chamber: str | None
    recipe: str | None
    material_batch: str | None
    operator: str | None
    occurred_at: datetime | None


@dataclass(frozen=True)
class Link:
    """Something of another kind that belongs to the unit: a system that ran benchmarks, a certificate, a design."""

    kind: str
    subject_id: str
    title: str
    relation: str


@dataclass(frozen=True)
class UnitHistory:
    """`lot_id` is where the unit is now, `born_in` where it was first seen. `events` are those of its lots that cover
    it while it was there, in the order of time; `route` is what was done to it and to everything it was made of, the
    oldest first. `parents` and `children` are the next of the family, `family` all of it.
    """

    unit_id: str
    lot_id: str | None
    born_in: str | None
    carrier: str | None
    position: int | None
    part_id: str | None
    x: int | None
    y: int | None
    state: State
    seen: tuple[Seen, ...]
    events: tuple[Event, ...]
    route: tuple[RouteStep, ...]
    queue_times: tuple[QueueTime, ...]
    readings: tuple[Reading, ...]
    tests: tuple[Mapping[str, Any], ...]
    defects: tuple[Mapping[str, Any], ...]
    parents: tuple[Edge, ...]
    children: tuple[Edge, ...]
    family: Relatives
    placed: AsBuilt | None
    links: tuple[Link, ...]


def unit_history(store: Store, name: str) -> UnitHistory:
    """The history of a unit, called by its name or by a name of a file that no other unit has.

    Raises InputError: no such unit, several of that name (naming them).
    """
    from workbench.process.history import queue_limits, queue_times, state_of

    with store.reading() as session:
        found = find(session, name)
        names = list(dict.fromkeys(row["unit_id"] for row in found))
        if len(names) != 1:
            rule = "lots.unit_ambiguous" if names else "lots.no_unit"
            raise InputError(rule, where="unit", got=name, allowed=", ".join(names[:20]))
        (unit,) = names
        family = relatives(session, unit)
        seen = _seen(session, unit)
        born = seen[0].lot_id if seen else _made_in(session, unit)
        last = seen[-1] if seen else None
        carrier = last.carrier if last else None
        lot = lot_of(session, unit) or born
        moves = _moves(session, unit)
        events = _events(session, unit, carrier, born, moves)
        said = _last_known(seen)
        limits = queue_limits(_limits(session, lot)) if lot else {}
        return UnitHistory(
            unit, lot, born, carrier, last.position if last else None, said.get("part_id"), said.get("x"),
            said.get("y"), state_of(_of_lot(session, lot), unit, carrier), tuple(seen), tuple(events),
            tuple(_route(session, unit, carrier, events, family)), tuple(queue_times(events, limits)),
            tuple(_readings(session, seen)),
            tuple(session.rows("SELECT test, value, value_unit, lower, upper, outcome, tested_at, source FROM "
                               f"test_results WHERE unit_id = {literal(unit)} ORDER BY tested_at, test")),
            tuple(session.rows("SELECT carrier, defect, x_um, y_um, size_x_um, size_y_um, area_um2, class_number FROM "
                               f"defects WHERE {is_unit(unit)} ORDER BY carrier, defect")),
            tuple(edge for edge in family.up if edge.depth == 1),
            tuple(edge for edge in family.down if edge.depth == 1), family, as_built(session, unit),
            tuple(_links(session, unit)),
        )  # fmt: skip


def _seen(session: Session, unit: str) -> list[Seen]:
    columns = ", ".join(f"p.{name}" for name in PART_COLUMNS)
    rows = session.rows(
        f"SELECT b.lot_id, b.source, i.file_name, p.carrier, p.position, p.attempt, b.measured_at, {columns} "
        "FROM parts AS p JOIN row_batches AS b USING (batch_id) "
        "LEFT JOIN imports AS i ON b.source = 'import:' || i.import_id "
        f"WHERE {is_unit(unit)} ORDER BY coalesce(b.measured_at, b.recorded_at), b.recorded_at, p.attempt"
    )
    return [Seen(row["lot_id"], row["source"], row["file_name"], row["carrier"], row["position"], row["attempt"],
                 row["measured_at"], {name: row[name] for name in PART_COLUMNS if row[name] is not None})
            for row in rows]  # fmt: skip


def _last_known(seen: list[Seen]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for one in seen:
        known |= one.attributes
    return known


def _made_in(session: Session, unit: str) -> str | None:
    return session.value("SELECT b.lot_id FROM genealogy_edges AS e JOIN row_batches AS b USING (batch_id) WHERE "
                         f"{is_unit(unit)} AND up LIMIT 1")  # fmt: skip


def _moves(session: Session, unit: str) -> list[tuple[str, str, str]]:
    """Its moves as (event id, from lot, to lot), in their order."""
    return [(source.removeprefix("event:"), left, came) for source, left, came in session.tuples(
        "SELECT b.source, m.from_lot, m.to_lot FROM unit_moves AS m JOIN row_batches AS b USING (batch_id) "
        f"WHERE {is_unit(unit)} ORDER BY b.recorded_at")]  # fmt: skip


def _of_lot(session: Session, lot_id: str | None) -> list[Event]:
    from workbench.store.history import events

    return events(session, lot_id) if lot_id else []


def _events(session: Session, unit: str, carrier: str | None, born: str | None,
            moves: list[tuple[str, str, str]]) -> list[Event]:  # fmt: skip
    """Events that cover the unit, of every lot it was in, from its coming there to its going."""
    found: list[Event] = []
    stays = [(born, None, moves[0][0] if moves else None)]
    for index, (event_id, _, came) in enumerate(moves):
        stays.append((came, event_id, moves[index + 1][0] if index + 1 < len(moves) else None))
    for lot, since, until in stays:
        here = since is None
        for event in _of_lot(session, lot):
            here = here or event.event_id == since
            if here and event.scope.covers(unit, carrier):
                found.append(event)
            if event.event_id == until and here:
                break
    return sorted(found, key=lambda event: event.occurred_at)  # stable: of one moment as they stand in their chains


def _limits(session: Session, lot_id: str) -> list[dict]:
    return session.rows("SELECT parameter, lower, upper, unit FROM current_specifications WHERE lot_id = "
                        f"{literal(lot_id)}")  # fmt: skip


def _route(session: Session, unit: str, carrier: str | None, events: list[Event],
           family: Relatives) -> list[RouteStep]:  # fmt: skip
    """Steps of the unit, then of each ancestor; those of a lot's recipe sheet (`process_steps`) have no moment."""
    depth_of = {unit: 0}
    for edge in family.up:
        depth_of.setdefault(edge.parent_id, edge.depth)
    found = _steps(session, unit, 0, carrier, events)
    for ancestor in family.ancestors[:MOST_FAMILY]:
        seen = _seen(session, ancestor)
        born = seen[0].lot_id if seen else _made_in(session, ancestor)
        on = seen[-1].carrier if seen else None
        its = _events(session, ancestor, on, born, _moves(session, ancestor))
        found += _steps(session, ancestor, depth_of[ancestor], on, its)
    return sorted(found, key=lambda step: (-step.depth, step.occurred_at.timestamp() if step.occurred_at else -1e18))


def _steps(session: Session, unit: str, depth: int, carrier: str | None, events: list[Event]) -> list[RouteStep]:
    found = [RouteStep(unit, depth, event.lot_id, event.number, event.kind, event.step or event.kind, event.equipment,
                       event.chamber, event.recipe, event.material_batch, event.operator, _when(event))
             for event in events if event.step or event.equipment or event.chamber or event.material_batch]  # fmt: skip
    for lot in dict.fromkeys(event.lot_id for event in events):
        on = f"carrier IN ('', {literal(carrier or '')})"
        for row in session.rows("SELECT sequence, name, equipment, recipe FROM current_process_steps WHERE lot_id = "
                                f"{literal(lot)} AND {on} ORDER BY sequence"):  # fmt: skip
            found.append(RouteStep(unit, depth, lot, None, "process_step", row["name"], row["equipment"], None,
                                   row["recipe"], None, None, None))  # fmt: skip
    return found


def _when(event: Event) -> datetime:
    """When it happened to the unit: a test, not the import of its file."""
    measured = event.detail.get("measured_at")
    return datetime.fromisoformat(measured).replace(tzinfo=UTC) if measured else event.occurred_at


def _readings(session: Session, seen: list[Seen]) -> list[Reading]:
    """Readings of the files that saw the unit, and those given without a file for its place; the order says which
    stands.
    """
    found: dict[tuple, Reading] = {}
    places = dict.fromkeys((one.lot_id, one.carrier, one.position) for one in seen)
    sources = {one.source for one in seen}
    ordered: list[Reading] = []
    for lot, carrier, position in places:
        limits = {row["parameter"]: row for row in _limits(session, lot)}
        batches = [(batch_id, source) for batch_id, source in session.tuples(
            "SELECT batch_id, source FROM measurement_batches WHERE lot_id = "
            f"{literal(lot)} ORDER BY coalesce(measured_at, recorded_at), recorded_at, part")
            if source in sources or not source.startswith("import:")]  # fmt: skip
        if not batches:
            continue
        which = ", ".join(literal(batch_id) for batch_id, _ in batches)
        for parameter, value, attempt in session.tuples(
            f"SELECT parameter, value, coalesce(attempt, 0) FROM measurements WHERE batch_id IN ({which}) AND "
            f"carrier = {literal(carrier)} AND position = {position} ORDER BY list_position([{which}], batch_id), "
            f"coalesce(attempt, 0), ordinal LIMIT {MOST_READINGS}"
        ):
            row = limits.get(parameter, {})
            reading = Reading(lot, parameter, value, row.get("unit"), row.get("lower"), row.get("upper"), attempt, True)
            ordered.append(reading)
            found[lot, carrier, position, parameter] = reading
    standing = {id(reading) for reading in found.values()}
    return [reading if id(reading) in standing else replace(reading, stands=False) for reading in ordered]


def _links(session: Session, unit: str) -> list[Link]:
    """Links of the unit, its certificates and releases, and the design it was placed after."""
    word = literal(unit)
    rows = session.tuples("SELECT subject_kind, subject_id, relation FROM unit_links WHERE unit_id = "
                          f"{word} ORDER BY ALL")  # fmt: skip
    titles = {
        "system": "SELECT title FROM current_benchmark_systems WHERE system_id = {}",
        "design": "SELECT title FROM current_designs WHERE design_id = {}",
        "run": "SELECT benchmark || ' ' || scenario FROM current_benchmark_runs WHERE run_id = {}",
    }
    found = []
    for kind, subject, relation in rows:
        title = session.value(titles[kind].format(literal(subject))) if kind in titles else None
        found.append(Link(kind, subject, title or subject, relation))
        if kind == "system":
            for run, name in session.tuples("SELECT run_id, benchmark || ' ' || scenario FROM current_benchmark_runs "
                                            f"WHERE system_id = {literal(subject)} ORDER BY run_id"):  # fmt: skip
                found.append(Link("run", run, name, "benchmark"))
    for name in ("certificate", "release"):
        for (subject,) in session.tuples(f"SELECT {name}_id FROM {name}s WHERE subject_kind = 'unit' AND subject_id = "
                                         f"{word} ORDER BY ALL"):  # fmt: skip
            found.append(Link(name, subject, subject, name))
    for design, title, number in session.tuples(
        "SELECT DISTINCT d.design_id, d.title, r.number FROM placements AS p JOIN design_revisions AS r USING "
        f"(revision_id) JOIN current_designs AS d USING (design_id) WHERE {is_unit(unit)} ORDER BY ALL"
    ):
        found.append(Link("design", f"{design}@{number}", title, "designed"))
    return found
