"""Each kind of damage, planted with another tool, is found and named; a sound store has no findings."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from tests.workbench.store.test_records import NOTEBOOK_RUN, READINGS, add_lot, add_run
from workbench.store import Store
from workbench.store.check import check
from workbench.store.tables import BY_NAME


def every_corner(store: Store) -> None:
    """A store with something in every corner that `check` looks into."""
    add_lot(store)
    store.lots.add_measurements("L", READINGS, source="s")
    for number in (1, 2):
        store.designs.add_revision("d", {"n": number, "1": [0.1, None]}, title="t", kind="k", author="a", note="")
    add_run(store)
    store.benchmarks.add_results("R", [{"metric": "m", "value": 0.1, "unit": "ms"}])
    store.notebook_runs.add(NOTEBOOK_RUN)


@pytest.fixture
def full(filled_by: Callable[[Callable], Store]) -> Store:
    return filled_by(every_corner)


@pytest.fixture
def plant(full: Store) -> Callable[[str], None]:
    """Changes the store behind its back. `{t}` is how the tool at hand names a table of the store."""

    def in_file(sql: str) -> None:
        with duckdb.connect(full.url) as connection:
            for statement in sql.split(";"):
                connection.execute(statement.format(txn=", 1"))

    def in_lake(sql: str) -> None:
        with full.engine.writing("plant") as session:
            for statement in sql.split(";"):
                session.run(statement.format(txn=""))
            session.changed = True

    return in_file if full.mode == "file" else in_lake


def without_key(full: Store, table: str) -> None:
    """A file's keys would refuse what is planted: make the table anew without them."""
    if full.mode == "file":
        with duckdb.connect(full.url) as connection:
            connection.execute(f"CREATE TABLE other AS SELECT * FROM {table}; DROP TABLE {table}")
            connection.execute(f"ALTER TABLE other RENAME TO {table}")


def found(store: Store) -> set[tuple[str, str, str]]:
    return {(finding.kind, finding.table, finding.key) for finding in check(store)}


def test_a_sound_store_has_no_findings(full: Store):
    assert check(full) == []


def test_planted_faults_are_found_and_named(full: Store, plant: Callable[[str], None]):
    with full.reading() as session:
        batch = session.value("SELECT batch_id FROM measurement_batches")
    revision = full.designs.revisions("d")[0]["revision_id"]
    without_key(full, "lots")
    plant(
        "INSERT INTO lots SELECT * FROM lots WHERE lot_id = 'L';"
        "UPDATE design_revisions SET document = '{{\"n\": 7}}' WHERE number = 1;"
        f"DELETE FROM measurements WHERE batch_id = '{batch}' AND ordinal = 1;"
        "INSERT INTO measurements VALUES ('nobody', 0, 'W', 0, 'x_um', 1.0{txn}, NULL);"
        "DELETE FROM benchmark_systems;"
        "UPDATE benchmark_results SET version = 3"
    )
    findings = check(full)
    assert {(finding.kind, finding.table, finding.key) for finding in findings} == {
        ("duplicate", "lots", "L, 1"),
        ("hash", "design_revisions", revision),
        ("batch", "measurements", batch),
        ("hash", "measurements", batch),
        ("reference", "measurements", "nobody"),
        ("reference", "benchmark_runs", "S"),
        ("gap", "benchmark_results", "R, m"),
    }
    details = {finding.detail for finding in findings if finding.table == "design_revisions"}
    assert details == {"sha256", "document_sha256"}


def test_a_changed_value_of_a_reading_is_found(full: Store, plant: Callable[[str], None]):
    plant("UPDATE measurements SET value = value + 1e-9 WHERE ordinal = 2")
    assert {(kind, table) for kind, table, _ in found(full)} == {("hash", "measurements")}


def test_a_row_of_no_transaction_is_found(new_file):
    store = Store.open(new_file())
    add_lot(store)
    brought = store.snapshot()
    with duckdb.connect(store.url) as connection:
        connection.execute(f"DELETE FROM transactions WHERE txn = {brought}")
        connection.execute("INSERT INTO transactions VALUES (9, 'x', 'h', 1, TIMESTAMP '2026-01-01')")
    assert found(store) == {("reference", "lots", str(brought)), ("gap", "transactions", "")}


def test_a_word_outside_its_list_is_found(full: Store, plant: Callable[[str], None]):
    if full.mode == "file":
        without_key(full, "notebook_runs")  # its check would refuse
    plant("UPDATE notebook_runs SET verdict = 'SPLENDID'")
    assert found(full) == {("hash", "notebook_runs", "r1"), ("word", "notebook_runs", "r1")}


def test_every_kind_of_finding_has_its_sentence():
    from workbench.i18n import t

    for kind in ("reference", "duplicate", "hash", "gap", "batch", "word"):
        for lang in ("en", "zh-Hant"):
            assert "{" not in t(f"store.finding.{kind}", lang, table="lots", key="L", detail="x")
    assert BY_NAME["lots"].primary_key == ("lot_id", "version")
