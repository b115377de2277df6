"""Events of lots: chained, moved with their units, refused for what is stopped, and verified with every row."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.workbench.store.lot_files import EVENING, bring, placed, wafer
from workbench.errors import InputError
from workbench.process.history import Scope, link
from workbench.store import Store
from workbench.store.check import check

BEGIN = datetime(2026, 2, 1, tzinfo=UTC)


def two_wafers(store: Store) -> None:
    """Lot A with two wafers of twelve dies."""
    bring(store, wafer(), "w1")
    bring(store, wafer(carrier="W2"), "w2")


@pytest.fixture
def lot(filled_by: Callable[[Callable], Store]) -> Store:
    return filled_by(two_wafers)


@pytest.fixture
def plant(lot: Store) -> Callable[[str], None]:
    """Changes the store behind its back."""

    def in_file(sql: str) -> None:
        with duckdb.connect(lot.url) as connection:
            for statement in sql.split(";"):
                connection.execute(statement)

    def in_lake(sql: str) -> None:
        with lot.engine.writing("plant") as session:
            for statement in sql.split(";"):
                session.run(statement)
            session.changed = True

    return in_file if lot.mode == "file" else in_lake


def test_events_are_added_and_read_as_they_were(lot: Store):
    given = lot.history.add("A", "step_out", actor="li", carriers=["W1"], occurred_at=BEGIN, step="clean",
                            equipment="WET-1", chamber="2", recipe="r7", material_batch="HF-9", operator="wu",
                            route="poc", detail={"time_s": 30.5, "words": "清洗"})  # fmt: skip
    assert lot.history.events("A")[-1] == given
    assert (given.number, given.facts["chamber"], given.detail) == (4, "2", {"time_s": 30.5, "words": "清洗"})
    again = lot.history.add("A", "step_out", actor="li", event_id=given.event_id, step="clean")
    assert again == given, "said again after a lost answer it adds nothing"
    assert len(lot.history.events("A")) == 4
    assert check(lot) == []


def test_many_events_are_added_at_once_or_not_at_all(lot: Store):
    rows = [{"kind": kind, "actor": "li", "step": "bond", "carriers": ["W1"], "equipment": "B-1", "event_id": kind,
             "occurred_at": BEGIN + timedelta(hours=hour), "detail": {"force_n": 3.0}}
            for hour, kind in enumerate(("step_in", "step_out"))]  # fmt: skip
    snapshot = lot.snapshot()
    for refused, rule in (({"kind": "split", "actor": "li"}, "lots.own_method"),
                          ({"kind": "note", "actor": "li", "colour": "red"}, "store.column_unknown"),
                          ({"kind": "note", "actor": "li", "units": ["nobody"]}, "lots.unit_not_here"),
                          ({"kind": "release", "actor": "li"}, "lots.nothing_held")):  # fmt: skip
        with pytest.raises(InputError) as told:
            lot.history.add_all("A", [*rows, refused])
        assert told.value.rule == rule
    hold = {"kind": "hold", "actor": "li", "carriers": ["W1"]}
    with pytest.raises(InputError) as told:
        lot.history.add_all("A", [hold, *rows])
    assert told.value.rule == "lots.unit_held", "an event sees those that are added with it"
    assert lot.snapshot() == snapshot
    made = lot.history.add_all("A", rows)
    assert [(event.number, event.kind, event.equipment) for event in made] \
        == [(4, "step_in", "B-1"), (5, "step_out", "B-1")]
    assert lot.history.add_all("A", rows) == made, "said again they add nothing"
    assert lot.history.events("A")[3:] == made
    assert lot.history.verify("A").sound


def test_split_and_merge_move_units(lot: Store):
    out, came = lot.history.split("A", "B", carriers=["W2"], actor="li", note="priority")
    assert (out.detail["to_lot"], out.detail["count"], out.detail["note"]) == ("B", 12, "priority")
    assert (came.lot_id, came.number, came.detail["from_lot"], came.scope.carriers) == ("B", 1, "A", ("W2",))
    assert set(lot.units.of_lot("A")["carrier"]) == {"W1"}
    moved = lot.units.of_lot("B")
    assert (set(moved["carrier"]), set(moved["born_in"]), len(moved)) == ({"W2"}, {"A"}, 12)
    assert lot.units.lot_of("A/W2/1,0") == "B"
    assert lot.lots.specifications("B")[0]["upper"] == 50.0
    lot.history.merge("B", "A", actor="li")
    assert (len(lot.units.of_lot("A")), len(lot.units.of_lot("B"))) == (24, 0)
    lot.history.split("A", "C", units=["A/W1/0,0", "A/W1/1,0"], actor="li")
    assert lot.units.of_lot("C")["unit_id"].tolist() == ["A/W1/0,0", "A/W1/1,0"]
    assert [lot.units.count(name) for name in "ABCD"] == [len(lot.units.of_lot(name)) for name in "ABCD"] \
        == [22, 0, 2, 0]  # fmt: skip
    for name in "ABC":
        assert lot.history.verify(name).sound
    assert check(lot) == []


def test_a_unit_keeps_its_name_in_the_files_of_its_new_lot(lot: Store):
    lot.history.split("A", "B", carriers=["W2"], actor="li")
    bring(lot, wafer("B", "W2", parameter="leak_a", retested=(), at=EVENING), "later")
    assert len(lot.units.of_lot("B")) == 12
    readings = lot.history.unit("A/W2/2,0").readings
    assert [(one.lot_id, one.parameter, one.value) for one in readings] == [("A", "vth_v", 2.0), ("B", "leak_a", 2.0)]


def test_what_is_stopped_stays_so_wherever_it_goes(lot: Store):
    lot.history.add("A", "hold", actor="li", carriers=["W2"])
    lot.history.add("A", "scrap", actor="li", units=["A/W2/3,2"])
    lot.history.add("A", "release", actor="li", units=["A/W2/0,0"])
    lot.history.split("A", "B", carriers=["W2"], actor="li")
    lot.history.add("A", "step_in", actor="li", step="bond")  # what was held is away
    with pytest.raises(InputError) as refused:
        lot.history.add("B", "step_in", actor="li", step="bond", units=["A/W2/1,1"])
    assert (refused.value.rule, refused.value.got) == ("lots.unit_held", "A #4")
    with pytest.raises(InputError) as refused:
        lot.history.add("B", "step_in", actor="li", step="bond", units=["A/W2/3,2"])
    assert (refused.value.rule, refused.value.got) == ("lots.unit_scrapped", "A #5")
    lot.history.add("B", "step_in", actor="li", step="bond", units=["A/W2/0,0"])
    lot.history.add("B", "release", actor="li")
    lot.history.add("B", "step_in", actor="li", step="bond")
    assert [(what.units, state.word) for what, state in lot.history.state("B")] == [(("A/W2/3,2",), "scrapped")]
    lot.history.merge("B", "A", actor="li")
    assert [(what.units, state.word) for what, state in lot.history.state("A") if what.units] \
        == [(("A/W2/3,2",), "scrapped")]
    assert lot.history.unit("A/W2/1,1").state.word == "active", "released in the lot it went to"


REFUSED = [
    (lambda h: h.add("A", "step_in", actor="li", step="x", units=["A/W9/0,0"]), "lots.unit_not_here"),
    (lambda h: h.add("A", "hold", actor="li", carriers=["W9"]), "lots.carrier_not_here"),
    (lambda h: h.add("A", "step_in", actor="li"), "lots.step_unnamed"),
    (lambda h: h.add("A", "split", actor="li"), "lots.own_method"),
    (lambda h: h.add("A", "dance", actor="li"), "lots.kind"),
    (lambda h: h.add("A", "note", actor="li", colour="red"), "store.column_unknown"),
    (lambda h: h.add("Z", "note", actor="li"), "store.not_there"),
    (lambda h: h.split("A", "B", actor="li"), "lots.nothing_to_move"),
    (lambda h: h.split("A", "A", carriers=["W1"], actor="li"), "lots.same_lot"),
    (lambda h: h.split("A", "B", carriers=["W9"], actor="li"), "lots.unit_not_here"),
    (lambda h: h.merge("A", "Z", actor="li"), "store.not_there"),
    (lambda h: h.events("Z"), "store.not_there"),
    (lambda h: h.unit("nobody"), "lots.no_unit"),

]  # fmt: skip


def test_refused_and_nothing_is_kept(lot: Store):
    before = lot.snapshot()
    for ask, rule in REFUSED:
        with pytest.raises(InputError) as refused:
            ask(lot.history)
        assert refused.value.rule == rule
    assert lot.snapshot() == before


def test_a_lot_that_is_there_is_not_split_into(lot: Store):
    lot.history.split("A", "B", carriers=["W2"], actor="li")
    with pytest.raises(InputError) as refused:
        lot.history.split("A", "B", carriers=["W1"], actor="li")
    assert refused.value.rule == "lots.lot_there"


ALTERED = [  # what is done behind the store's back; the first fault
    ("UPDATE lot_events SET chamber = 'A' WHERE number = 2", ("content", "#2")),
    ("UPDATE lot_events SET detail = '{\"a\": 1}' WHERE number = 1", ("content", "#1")),
    ("UPDATE lot_events SET kind = 'dance' WHERE number = 2", ("content", "#2")),
    ("UPDATE lot_events SET scope = '7' WHERE number = 3", ("content", "#3")),
    ("UPDATE lot_events SET scope = '{\"units\": 7}' WHERE number = 3", ("content", "#3")),
    ("UPDATE lot_events SET detail = '[]' WHERE number = 2", ("content", "#2")),
    ("UPDATE lot_events SET detail = '{\"batches\": 5}' WHERE number = 2", ("content", "#2")),
    ("UPDATE lot_events SET detail = '{\"batches\": {\"parts\": [1]}}' WHERE number = 2", ("content", "#2")),
    ("UPDATE lot_events SET occurred_at = occurred_at - INTERVAL 1 MICROSECOND WHERE number = 3", ("content", "#3")),
    ("DELETE FROM lot_events WHERE number = 2", ("number", "#2")),
    ("UPDATE lot_events SET number = 9 WHERE number = 2; UPDATE lot_events SET number = 2 WHERE number = 3;"
     "UPDATE lot_events SET number = 3 WHERE number = 9", ("previous", "#2")),
    ("UPDATE measurements SET value = value + 1e-9 WHERE ordinal = 2 AND carrier = 'W2'",
     ("batch_altered", "#3 measurements")),
    ("DELETE FROM measurements WHERE carrier = 'W1' AND ordinal = 0", ("batch_altered", "#2 measurements")),
    ("DELETE FROM measurements WHERE carrier = 'W1'", ("batch_missing", "#2 measurements")),
    ("UPDATE measurements SET ordinal = 1 - ordinal WHERE carrier = 'W1' AND ordinal < 2",
     ("batch_altered", "#2 measurements")),
    ("UPDATE parts SET hard_bin = 1 WHERE unit_id = 'A/W2/0,0'", ("batch_altered", "#3 parts")),
    ("UPDATE parts SET passed = NULL WHERE unit_id = 'A/W2/0,0'", ("batch_altered", "#3 parts")),
    ("UPDATE imports SET file_name = 'forged' WHERE file_name = 'w1'", ("import_altered", "#2 imports")),
    ("DELETE FROM imports WHERE file_name = 'w1'", ("import_missing", "#2 imports")),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(made_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lot") / "lot.duckdb"
    shutil.copyfile(made_file, path)
    two_wafers(Store.open(path))
    return path


@pytest.mark.parametrize(("sql", "fault"), ALTERED)
def test_what_was_altered_is_found_where_it_lies(made: Path, tmp_path: Path, sql: str, fault: tuple):
    shutil.copyfile(made, tmp_path / "s.duckdb")
    with duckdb.connect(tmp_path / "s.duckdb") as connection:  # without the keys, which would refuse some of it
        connection.execute("CREATE TABLE other AS SELECT * FROM lot_events; DROP TABLE lot_events")
        connection.execute("ALTER TABLE other RENAME TO lot_events")
    store = Store.open(tmp_path / "s.duckdb")
    assert store.history.verify("A").sound
    with duckdb.connect(tmp_path / "s.duckdb") as connection:
        connection.execute(sql)
    found = store.history.verify("A")
    assert (found.sound, found.first.kind) == (False, fault[0])
    assert found.first.place.startswith(fault[1])


def test_rows_altered_together_with_their_record_are_found(lot: Store, plant: Callable[[str], None]):
    """Who also mends the hashes beside the rows still has the chain against him."""
    from workbench.store.measurements import stored_rows_sha256

    plant("UPDATE measurements SET value = 0 WHERE carrier = 'W1'")
    with lot.reading() as session:
        batch = session.value("SELECT batch_id FROM measurements WHERE carrier = 'W1'")
        digest = stored_rows_sha256(session, batch)
    plant(f"UPDATE measurement_batches SET rows_sha256 = '{digest}' WHERE batch_id = '{batch}'")
    assert lot.history.verify("A").first.kind == "batch_altered"


def test_a_history_written_anew_is_found_by_a_head_kept_elsewhere(lot: Store, plant: Callable[[str], None]):
    head = lot.history.verify("A").head
    lot.history.add("A", "note", actor="li")
    later = lot.history.verify("A", head=head)
    assert (later.sound, later.head_at, later.event_count) == (True, 3, 4)
    events = lot.history.events("A")
    forged = link(replace(events[3], actor="wang"), events[2].chain_sha256)
    plant(f"UPDATE lot_events SET actor = 'wang', chain_sha256 = '{forged.chain_sha256}' WHERE number = 4")
    assert lot.history.verify("A").sound, "the end of a chain can be written anew: that is its limit"
    assert lot.history.verify("A", head=events[3].chain_sha256).first.kind == "head"
    assert check(lot) != [], "the row's own hash still tells"


def test_rows_that_no_event_names_are_told_apart(lot: Store):
    import pandas

    frame = pandas.DataFrame({"carrier": ["W1"], "position": [0], "parameter": ["t_um"], "value": [1.0]})
    lot.lots.add_measurements("A", frame, source="typed")
    found = lot.history.verify("A")
    assert found.sound
    assert [one.split()[0] for one in found.outside] == ["measurements"]


def test_a_unit_history_tells_all_the_store_knows(lot: Store):
    lot.history.add("A", "step_out", actor="li", carriers=["W1"], occurred_at=BEGIN, step="etch", chamber="B3")
    lot.history.add("A", "step_out", actor="li", carriers=["W2"], occurred_at=BEGIN, step="etch", chamber="B4")
    bring(lot, placed("R", "P1"), "map")
    lot.history.add("R", "step_in", actor="li", occurred_at=BEGIN + timedelta(hours=30), step="mould", equipment="M1")
    lot.history.add("R", "step_in", actor="li", occurred_at=BEGIN + timedelta(hours=34), step="bond")
    lot.lots.add_specifications("R", [{"parameter": "queue_time.mould.bond_h", "upper": 3.0, "source": "spec"}])
    lot.test_results.add(unit_id="R/P1/2,0", test="iddq", outcome="FAIL", value=3.0, value_unit="a", source="t")
    lot.benchmarks.add_system("S", title="System S", organisation="O", document={})
    lot.unit_links.add(unit_id="R/P1/2,0", subject_kind="system", subject_id="S", relation="built into")
    told = lot.history.unit("D002")
    assert (told.unit_id, told.lot_id, told.carrier, told.part_id, told.x) == ("R/P1/2,0", "R", "P1", "D002", 2)
    assert told.state.word == "active"
    assert [edge.parent_id for edge in told.parents] == ["A/W1/2,0"]
    assert told.family.ancestors == ("A/W1/2,0",)
    assert [(one.step, one.chamber, one.depth) for one in told.route if one.chamber] \
        == [("import", "B", 1), ("etch", "B3", 1)], "the chamber its die went through, not the other wafer's"
    waits = [(one.before, one.after, one.hours, one.holds) for one in told.queue_times]
    assert waits == [("mould", "bond", 4.0, False)]
    assert [(one["test"], one["outcome"]) for one in told.tests] == [("iddq", "FAIL")]
    assert [(one.kind, one.title, one.relation) for one in told.links] == [("system", "System S", "built into")]
    die = lot.history.unit("A/W1/3,0")
    assert [(one.attempt, one.attributes["hard_bin"]) for one in die.seen] == [(0, 2), (1, 1)]
    assert [edge.child_id for edge in die.children] == ["R/P1/3,0"]
    assert [(one.value, one.passed) for one in die.readings] == [(3.0, True), (103.0, False)]


def test_a_name_of_several_units_is_refused_with_them(lot: Store):
    with pytest.raises(InputError) as refused:
        lot.history.unit("3")
    assert refused.value.rule == "lots.unit_ambiguous"
    assert refused.value.allowed == "A/W1/3,0, A/W2/3,0"


def test_history_as_of_an_earlier_snapshot(lot: Store):
    then = lot.snapshot()
    lot.history.split("A", "B", carriers=["W2"], actor="li")
    past = lot.at(then)
    assert (len(past.units.of_lot("A")), past.units.lot_of("A/W2/0,0")) == (24, "A")
    assert [event.kind for event in past.history.events("A")] == ["create", "import", "import"]
    assert past.history.verify("A").sound


def test_subjects(store: Store):
    import pandas

    bring(store, wafer("units"), "w1")
    for name, parameters in (("one", ["t_um"]), ("two", ["t_um", "w_um"])):
        store.lots.add_lot(name, title=name, product="p", source="s", verified=True)
        frame = pandas.DataFrame({"carrier": "W1", "position": [0] * len(parameters), "parameter": parameters,
                                  "value": 1.0})  # fmt: skip
        store.lots.add_measurements(name, frame, source="s")
    assert [one.subject_id for one in store.subjects("monitor")] == ["one", "units"]
    assert [one.subject_id for one in store.subjects("lot")] == ["two", "units"]
    before = {one.subject_id: one.fingerprint for one in store.subjects("lot")}
    store.history.add("units", "note", actor="li")
    after = {one.subject_id: one.fingerprint for one in store.subjects("lot")}
    assert {name for name in before if before[name] != after[name]} == {"units"}


def test_mappings_and_limits_by_version(store: Store):
    assert store.mappings.get("stepper") is None
    store.mappings.set("stepper", {"CD": "cd_nm"}, actor="li")
    before = store.snapshot()
    store.mappings.set("stepper", {"CD": "cd_nm"}, actor="wu")
    assert store.snapshot() == before, "the same answer is not another version"
    store.mappings.set("stepper", {"CD": "cd_um"}, actor="wu")
    assert store.mappings.get("stepper") == {"CD": "cd_um"}
    assert [(row["source_name"], row["version"], row["actor"]) for row in store.mappings.list()] \
        == [("stepper", 2, "wu")]
    first = {"upper": 3.0, "centre": 2.0, "lower": 1.0}
    data = {"lots": ["A"], "units": 24}
    assert store.limits.current("POC", "vth_v", "xbar") is None
    assert store.limits.freeze("POC", "vth_v", "xbar", first, frozen_by="li", from_data=data) == 1
    assert store.limits.freeze("POC", "vth_v", "xbar", first, frozen_by="li", from_data=data) == 1
    assert store.limits.freeze("POC", "vth_v", "xbar", first | {"upper": 4.0}, frozen_by="li", from_data=data) == 2
    assert store.limits.current("POC", "vth_v", "xbar")["document"]["upper"] == 4.0
    assert store.limits.current("POC", "vth_v", "xbar", version=1)["document"] == first
    assert [row["version"] for row in store.limits.list("POC")] == [1, 2]
    assert check(store) == []


def test_scopes():
    assert Scope().whole
    assert Scope(("W1",), ("u",)).covers("u", None)
    assert not Scope(("W1",)).covers("u", None)
