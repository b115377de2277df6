"""What is added comes back, twice said is once kept, and wrong input is refused: in both modes."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas
import pytest

from workbench.errors import InputError
from workbench.store import Store
from workbench.store.tables import TABLES

READINGS = pandas.DataFrame(
    {"carrier": ["W10", "W10", "W2"], "position": [0, 1, 0], "parameter": "thickness_um", "value": [1.25, -2.0, 3.5e-7]}
)
NOTEBOOK_RUN = {
    "run_id": "r1", "notebook": "design/stack_design", "subject_kind": "design", "subject_id": "d", "title": "設計 d",
    "parameters": {"b": [1, 2.5, None], "a": "x"}, "key": "k1", "code_version": "abc", "dirty": False,
    "source_hash": "s", "lock_sha256": "l", "snapshot": 3, "packages": {"duckdb": "1.5.5"}, "machine": {"cpus": 2},
    "started_at": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "duration_s": 1.5, "cpu_s": 1.25,
    "peak_memory_mb": 210.0, "outcome": "DONE", "verdict": "PASS", "summary": {"title": "t"}, "error": None,
    "executed_sha256": "e", "executed_path": "runs/r1.ipynb",
}  # fmt: skip


def add_lot(store: Store, lot_id: str = "L") -> None:
    store.lots.add_lot(lot_id, title="Lot", product="W plug", source="test", verified=True)


def add_run(store: Store, run_id: str = "R", **other) -> None:
    store.benchmarks.add_system("S", title="System S", organisation="O", document={"accelerators": 8})
    run = {"system_id": "S", "suite": "MLPerf", "round": "v5.1", "division": "closed", "benchmark": "resnet",
           "scenario": "Offline", "official": True, "document": {}, "source": "table 1", "verified": True}  # fmt: skip
    store.benchmarks.add_run(run_id, **(run | other))


def test_a_design_is_a_chain_of_revisions(store: Store):
    document = {"schema_version": 2, "title": "it's 'quoted'; -- 層\n\\u0000 is text", "layers": [{"z": 1, "a": 0.1}]}
    common = {"title": "D", "kind": "poc", "author": "me"}
    first = store.designs.add_revision("d", document, note="first", **common)
    assert store.designs.add_revision("d", document, note="again", **common) == first
    second = store.designs.add_revision("d", {"a": 2}, note="second", **common)
    back = store.designs.add_revision("d", document, note="back", **common)
    assert len({first, second, back}) == 3
    assert store.designs.document("d") == store.designs.document("d", first) == document
    assert list(store.designs.document("d")["layers"][0]) == ["z", "a"], "keys stay in their order"
    assert store.designs.document("d", second) == {"a": 2}
    chain = store.designs.revisions("d")
    assert [(row["number"], row["revision_id"], row["parent_id"], row["note"]) for row in chain] == [
        (1, first, None, "first"), (2, second, first, "second"), (3, back, second, "back"),
    ]  # fmt: skip
    assert chain[0]["schema_version"] == "2"
    (listed,) = store.designs.list()
    assert (listed["revision_id"], listed["title"], listed["number"]) == (back, "D", 3)


def test_a_revision_with_a_parent_may_be_said_again_at_any_time(store: Store):
    common = {"title": "D", "kind": "poc", "author": "me", "note": ""}
    root = store.designs.add_revision("d", {"v": 0}, **common)
    one = store.designs.add_revision("d", {"v": 1}, parent_id=root, **common)
    store.designs.add_revision("d", {"v": 2}, parent_id=one, **common)
    assert store.designs.add_revision("d", {"v": 1}, parent_id=root, **common) == one
    assert len(store.designs.revisions("d")) == 3
    with pytest.raises(InputError) as refused:
        store.designs.add_revision("d", {"v": 9}, parent_id="nobody", **common)
    assert refused.value.rule == "store.no_parent"


def test_a_refused_write_leaves_nothing(store: Store):
    before = store.snapshot()
    with pytest.raises(InputError) as refused:
        store.designs.add_revision("d", {}, title="D", kind="poc", author="me", note="", project_id="nobody")
    assert refused.value.rule == "store.no_such"
    assert store.designs.list() == []
    assert store.snapshot() == before


def test_projects_and_their_customers(store: Store):
    store.projects.add("P", name="First", customer="acme", requested_at="2026-03-01T08:00:00+08:00")
    store.projects.add("P", name="Renamed", customer="acme", requested_at="2026-03-01T00:00:00Z")
    (project,) = store.projects.list()
    assert (project["name"], project["customer_id"], project["version"]) == ("Renamed", "acme", 2)
    assert project["requested_at"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert [row["name"] for row in store.customers.list()] == ["acme"]
    store.designs.add_revision("d", {}, title="D", kind="poc", author="me", note="", project_id="P")
    assert store.designs.list()[0]["project_id"] == "P"


def test_measurements_come_back_in_their_order_and_once(store: Store):
    add_lot(store)
    assert store.lots.add_measurements("L", READINGS, source="sheet 1") == 3
    assert store.lots.add_measurements("L", READINGS, source="sheet 1") == 0
    other = READINGS.assign(parameter="sheet_resistance_ohm", value=[7.0, 8.0, 9.0])
    store.lots.add_measurements("L", other, source="sheet 2")
    read = store.lots.measurements("L", "thickness_um")
    pandas.testing.assert_frame_equal(read, READINGS, check_dtype=False)
    assert store.lots.measurements("L")["value"].tolist() == [1.25, -2.0, 3.5e-7, 7.0, 8.0, 9.0]
    assert store.lots.lot("L")["parameters"] == ["sheet_resistance_ohm", "thickness_um"]
    assert store.lots.list()[0]["reading_count"] == 6
    assert len(store.lots.measurements("L", "nothing")) == 0


def test_a_reading_said_anew_takes_the_earlier_ones_place(store: Store):
    add_lot(store)
    store.lots.add_measurements("L", READINGS, source="sheet 1")
    corrected = READINGS.iloc[[1]].assign(value=99.0)
    store.lots.add_measurements("L", corrected, source="correction")
    read = store.lots.measurements("L")
    assert sorted(read["value"]) == [3.5e-7, 1.25, 99.0]


def test_large_imports_are_cut_and_resumed(store: Store, monkeypatch: pytest.MonkeyPatch):
    from workbench.store import measurements

    real = measurements.batches
    monkeypatch.setattr("workbench.store.lots.bulk.batches", lambda *a, **k: real(*a, **k, rows_a_batch=4))
    add_lot(store)
    frame = pandas.DataFrame({"carrier": [f"W{i // 5}" for i in range(11)], "position": [i % 5 for i in range(11)],
                              "parameter": "x_um", "value": [float(i) for i in range(11)]})  # fmt: skip
    written, write = [], measurements.write

    def fail_at_the_third(session, batch):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(batch.part)
        return write(session, batch)

    monkeypatch.setattr("workbench.store.lots.bulk.write", fail_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        store.lots.add_measurements("L", frame, source="s")
    assert store.lots.measurements("L")["value"].tolist() == [float(i) for i in range(8)]
    monkeypatch.setattr("workbench.store.lots.bulk.write", write)
    assert store.lots.add_measurements("L", frame, source="s") == 3
    pandas.testing.assert_frame_equal(store.lots.measurements("L"), frame, check_dtype=False)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"value": float("nan")}, "store.reading"), ({"value": float("inf")}, "store.reading"),
        ({"value": "x"}, "store.reading"), ({"position": -1}, "store.reading"), ({"position": 0.5}, "store.reading"),
        ({"carrier": None}, "store.reading"), ({"carrier": 7}, "store.reading"), ({"parameter": ""}, "store.reading"),
        ({"position": 0, "carrier": "W1"}, "store.reading_twice"), ({"extra": 1}, "store.columns"),
    ],
)  # fmt: skip
def test_wrong_readings_are_refused(change: dict, rule: str, new_file):
    store = Store.open(new_file())
    add_lot(store)
    with pytest.raises(InputError) as refused:
        store.lots.add_measurements("L", READINGS.assign(**change), source="s")
    assert refused.value.rule == rule
    assert len(store.lots.measurements("L")) == 0


def test_settings_by_carrier(store: Store):
    add_lot(store)
    step = {"name": "deposit", "equipment": "CVD-1", "recipe": "W2"}
    rows = [
        {**step, "sequence": 10, "carrier": "W10", "settings": {"pressure_torr": 40.0, "ratio": 2}},
        {**step, "sequence": 10, "carrier": "W2", "settings": {"pressure_torr": 4.0, "ratio": 10}},
        {"name": "anneal", "sequence": 20, "equipment": None, "recipe": None, "settings": {"temperature_c": 400}},
    ]
    assert store.lots.add_steps("L", rows) == 3
    assert store.lots.add_steps("L", rows) == 0
    settings = store.lots.settings("L")
    assert settings.to_dict("records") == [
        {"carrier": "W2", "pressure_torr": 4.0, "ratio": 10, "temperature_c": 400},
        {"carrier": "W10", "pressure_torr": 40.0, "ratio": 2, "temperature_c": 400},
    ]
    store.lots.add_steps("L", [{"name": "anneal 2", "sequence": 30, "settings": {"temperature_c": 450}}])
    assert list(store.lots.settings("L"))[3:] == ["anneal.temperature_c", "anneal 2.temperature_c"]


def test_specifications(store: Store):
    add_lot(store)
    rows = [{"parameter": "thickness_um", "lower": 1, "upper": 2.5, "target": None, "source": "s"}]
    assert store.lots.add_specifications("L", rows) == 1
    assert store.lots.specifications("L") == [rows[0] | {"lower": 1.0, "unit": "um"}]
    with pytest.raises(InputError) as refused:
        store.lots.add_specifications("L", [rows[0] | {"lower": 3}])
    assert refused.value.rule == "store.limits"


def test_benchmarks(store: Store):
    add_run(store)
    add_run(store, "R2", official=False, measured_at="2026-05-01T00:00:00Z")
    rows = [{"metric": "rate", "value": 1e5, "unit": "samples_per_s", "valid": True, "low": 9e4, "high": 1.1e5},
            {"metric": "latency_ms", "value": 2.5, "unit": "ms", "valid": None, "low": None, "high": None}]  # fmt: skip
    assert store.benchmarks.add_results("R", rows) == 2
    assert store.benchmarks.add_results("R", rows) == 0
    table = store.benchmarks.results()
    assert table["system"].unique() == ["System S"]
    row = table.set_index("metric").loc["rate"]
    assert (row["value"], row["unit"], row["official"], row["valid"], row["low"]) == (
        1e5,
        "samples_per_s",
        True,
        True,
        9e4,
    )
    assert store.benchmarks.run("R")["results"] == sorted(rows, key=lambda row: row["metric"])
    assert [run["run_id"] for run in store.benchmarks.runs("S")] == ["R", "R2"]
    store.benchmarks.add_results("R", [rows[0] | {"value": 2e5}])
    assert store.benchmarks.results().set_index("metric")["value"]["rate"] == 2e5


def test_notebook_runs(store: Store):
    store.notebook_runs.add(NOTEBOOK_RUN)
    store.notebook_runs.add(NOTEBOOK_RUN)
    kept = store.notebook_runs.get("r1")
    assert {name: kept[name] for name in NOTEBOOK_RUN} == NOTEBOOK_RUN
    later = NOTEBOOK_RUN | {"run_id": "r2", "started_at": "2026-02-01T00:00:00Z", "outcome": "ERROR", "verdict": None}
    store.notebook_runs.add_all([later, NOTEBOOK_RUN | {"run_id": "r3", "subject_id": "e", "key": "k2"}])
    assert [row["run_id"] for row in store.notebook_runs.list()] == ["r2", "r3", "r1"]
    assert [row["run_id"] for row in store.notebook_runs.list(subject="d", limit=1)] == ["r2"]
    assert store.notebook_runs.by_key("k1")["run_id"] == "r1", "the finished run, not the later error"
    assert store.notebook_runs.by_key("k0") is None
    assert {row["subject_id"]: row["run_id"] for row in store.notebook_runs.latest()} == {"d": "r2", "e": "r3"}
    with pytest.raises(InputError) as refused:
        store.notebook_runs.add(NOTEBOOK_RUN | {"verdict": "FAIL"})
    assert refused.value.rule == "store.said_otherwise"


def test_records_of_the_other_tables(store: Store):
    add_lot(store)
    store.carriers.add(lot_id="L", carrier="W1", kind="wafer", attributes={"diameter_mm": 300})
    store.equipment.add(equipment_id="CVD-1", name="CVD", kind="deposition", attributes={})
    store.test_results.add(unit_id="module", test="iddq", value=1.0, value_unit="a", outcome="PASS", source="tester")
    store.materials.add(material_id="cu", material_version="1", document={"k_w_per_mk": 400}, source="s", verified=True)
    store.rule_decks.add(deck_id="tcb", deck_version="2", document={}, source="s", verified=True)
    store.notebook_runs.add(NOTEBOOK_RUN)
    subject = {"subject_kind": "design", "subject_id": "d"}
    store.releases.add(**subject, run_id="r1", document={}, released_by="me")
    store.certificates.add(**subject, document={"text": "ok"}, issued_by="me")
    store.audit.add(**subject, actor="me", action="released", detail={})
    for shelf, count in ((store.carriers, 1), (store.equipment, 1),
                         (store.test_results, 1), (store.materials, 1), (store.rule_decks, 1), (store.releases, 1),
                         (store.certificates, 1), (store.audit, 1)):  # fmt: skip
        assert len(shelf.list()) == count, shelf.table.name
    assert store.materials.list(material_id="cu")[0]["document"] == {"k_w_per_mk": 400}
    with pytest.raises(InputError) as refused:
        store.materials.add(material_id="cu", material_version="1", document={}, source="s", verified=True)
    assert refused.value.rule == "store.said_otherwise"
    with pytest.raises(InputError) as refused:
        store.carriers.add(lot_id="nobody", carrier="W1", kind="wafer", attributes={})
    assert refused.value.rule == "store.no_such"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"outcome": "MAYBE"}, "store.word"), ({"outcome": None}, "store.empty"),
        ({"colour": "red"}, "store.column_unknown"),
        ({"dirty": 1}, "store.type"), ({"snapshot": 2**63}, "store.type"), ({"snapshot": True}, "store.type"),
        ({"duration_s": float("inf")}, "store.type"), ({"title": 7}, "store.type"), ({"title": "a\0b"}, "store.text"),
        ({"title": "\ud800"}, "store.text"), ({"parameters": {"a": float("nan")}}, "store.document"),
        ({"parameters": {"a": object()}}, "store.document"), ({"started_at": "yesterday"}, "store.moment"),
    ],
)  # fmt: skip
def test_wrong_records_are_refused_before_the_store_is_opened(change: dict, rule: str):
    from workbench.store.append import prepare
    from workbench.store.tables import BY_NAME

    with pytest.raises(InputError) as refused:
        prepare(BY_NAME["notebook_runs"], [NOTEBOOK_RUN | change])
    assert refused.value.rule == rule
    assert "zh" not in refused.value.sentence("zh-Hant")


def test_subjects_have_fingerprints_of_their_own_data(store: Store):
    for name in ("a", "b"):
        store.designs.add_revision(name, {"of": name}, title=name, kind="poc", author="me", note="")
        add_lot(store, name)
        store.lots.add_measurements(name, READINGS, source="s")
    store.lots.add_steps("a", [{"sequence": 1, "name": "deposit", "carrier": "W2", "settings": {"ratio": 2}}])
    add_run(store)
    assert [one.subject_id for one in store.subjects("design")] == ["a", "b"]
    assert [one.subject_id for one in store.subjects("experiment")] == ["a"]
    assert [one.subject_id for one in store.subjects("monitor")] == ["b"]
    assert [(one.subject_id, one.title) for one in store.subjects("system")] == [("S", "System S")]

    def prints() -> dict:
        return {(one.kind, one.subject_id): one.fingerprint
                for kind in ("design", "experiment", "monitor", "system") for one in store.subjects(kind)}  # fmt: skip

    before = prints()
    store.designs.add_revision("a", {"of": "a", "v": 2}, title="a", kind="poc", author="me", note="")
    store.lots.add_measurements("b", READINGS.assign(value=1.0), source="s")
    store.benchmarks.add_results("R", [{"metric": "m", "value": 1.0, "unit": "ms"}])
    after = prints()
    assert {key for key in before if before[key] != after[key]} == {("design", "a"), ("monitor", "b"), ("system", "S")}
    with pytest.raises(InputError):
        store.subjects("planet")


def test_unknown_names_are_told_with_the_known(store: Store):
    store.designs.add_revision("known", {}, title="t", kind="poc", author="me", note="")
    for ask in (lambda: store.designs.document("x"), lambda: store.designs.document("known", "x"),
                lambda: store.lots.lot("x"), lambda: store.lots.measurements("x"), lambda: store.benchmarks.run("x"),
                lambda: store.notebook_runs.get("x")):  # fmt: skip
        with pytest.raises(InputError) as refused:
            ask()
        assert refused.value.rule == "store.not_there"
    with pytest.raises(InputError, match="known"):
        store.designs.document("x")


def test_every_table_of_the_issue_is_declared():
    wanted = [
        "customers",
        "projects",
        "designs",
        "design_revisions",
        "materials",
        "rule_decks",
        "lots",
        "carriers",
        "units",
        "process_steps",
        "equipment",
        "measurements",
        "genealogy",
        "test_results",
        "benchmark_systems",
        "benchmark_runs",
        "benchmark_results",
        "certificates",
        "notebook_runs",
        "releases",
        "audit_events",
    ]
    assert set(wanted) <= {table.name for table in TABLES}


def test_benchmarks_are_added_together_or_not_at_all(store):
    run = {"run_id": "r1", "system_id": "s1", "suite": "tiny", "round": "1.3", "division": "closed", "benchmark": "ic"}
    run |= {"scenario": "SingleStream", "official": True, "document": {}, "source": "x", "verified": True}
    result = {"run_id": "r1", "metric": "latency", "value": 1.5, "unit": "ms"}
    system = {"system_id": "s1", "title": "S", "organisation": "O", "document": {}}
    with pytest.raises(InputError):
        store.benchmarks.add(systems=[system], runs=[run], results=[result, result | {"run_id": "nobody"}])
    assert store.benchmarks.systems() == []
    assert store.benchmarks.add(systems=[system], runs=[run], results=[result]) == 3
    assert store.benchmarks.add(systems=[system], runs=[run], results=[result]) == 0
    assert list(store.benchmarks.results()["value"]) == [1.5]
