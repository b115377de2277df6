"""From request to release: dated once, read back in order, counted into lead times; and stores made before there were
milestones.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.workbench.store.test_genealogy import require_small_groups
from workbench import facts
from workbench.errors import InputError, StoreError
from workbench.stack import read, to_document
from workbench.store import Store, backup, migrations
from workbench.store.append import append, document_sha256, prepare
from workbench.store.check import check
from workbench.store.info import info
from workbench.store.tables import BY_NAME, Table

DOCUMENT = to_document(read(facts.load("designs/poc-face-to-face")))
START = datetime(2020, 1, 1, tzinfo=UTC)
SAVED = {"title": "D", "kind": "face_to_face", "author": "me", "note": ""}


def test_from_request_to_release(store: Store):
    store.projects.add("P", name="Order", customer="acme", requested_at=START)
    revision = store.designs.add_revision("d", DOCUMENT, project_id="P", **SAVED)
    check_id = store.designs.record_check("d", verdict="FAIL", deck="published 1", actor="me",
                                          checked_at=START + timedelta(days=2))  # fmt: skip
    again = store.designs.record_check("d", revision, verdict="FAIL", deck="published 1", actor="you")
    assert again == check_id, "the same outcome adds nothing"
    store.designs.record_check("d", verdict="PASS", deck="published 1", actor="me",
                               checked_at=START + timedelta(days=9))  # fmt: skip
    release = store.designs.release("d", released_by="boss", note="first", released_at=START + timedelta(days=45))
    assert store.designs.release("d", revision, released_by="other") == release, "released once"
    said = store.designs.milestones("d")
    assert [(row["milestone"], row["verdict"]) for row in said] == [
        ("requested", None), ("checked", "FAIL"), ("checked", "PASS"), ("released", None), ("saved", None),
    ]  # fmt: skip
    assert {row["revision_id"] for row in said} == {None, revision}
    assert (said[0]["actor"], said[3]["actor"], said[3]["note"]) == ("acme", "boss", "first")
    (row,) = store.designs.lead_times().rows
    assert (row.subject_id, row.requested_to_checked_days, row.requested_to_released_days) == ("P", 2, 45)
    (row,) = store.designs.lead_times(by="design").rows
    assert (row.subject_id, row.requested_to_released_days) == ("d", 45)
    assert check(store) == []


def test_lead_times_over_projects(store: Store):
    for i in range(6):
        store.projects.add(f"P{i}", name=f"Order {i}", requested_at=START + timedelta(days=60 * i))
        document = DOCUMENT | {"note": str(i)}
        store.designs.add_revision(f"d{i}", document, project_id=f"P{i}", **SAVED)
        store.designs.release(f"d{i}", released_by="b", released_at=START + timedelta(days=60 * i + 90 - 9 * i))
    store.projects.add("P6", name="Open", requested_at=START + timedelta(days=400))
    store.projects.add("quiet", name="No request, no design")
    store.designs.add_revision("theirs", DOCUMENT, origin="reference", **SAVED)
    found = store.designs.lead_times(now=START + timedelta(days=430))
    assert [row.subject_id for row in found.rows] == [f"P{i}" for i in range(7)]
    assert (found.finished, found.unfinished, found.median_days) == (6, 1, 67.5)
    assert found.trend.days_per_year == pytest.approx(-9 / 60 * 365.25)
    assert found.trend.verdict == "falling"
    by_design = store.designs.lead_times(by="design", now=START + timedelta(days=430))
    assert {row.subject_id for row in by_design.rows} == {f"d{i}" for i in range(6)}, "what was brought does not count"
    snapshot = store.snapshot()
    store.designs.record_request(design_id="d0", actor="acme", requested_at=START + timedelta(days=30))
    now = {row.subject_id: row for row in store.designs.lead_times(by="design").rows}
    assert now["d0"].requested_to_released_days == 60, "a design's own request goes before its project's"
    then = {row.subject_id: row for row in store.at(snapshot).designs.lead_times(by="design").rows}
    assert then["d0"].requested_to_released_days == 90


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda d: d.record_check("d", verdict="MAYBE", actor="me"), "reuse.verdict"),
        (lambda d: d.record_check("nobody", verdict="PASS", actor="me"), "store.not_there"),
        (lambda d: d.record_check("d", "nobody", verdict="PASS", actor="me"), "store.not_there"),
        (lambda d: d.release("d", "nobody", released_by="me"), "store.not_there"),
        (lambda d: d.release("d", released_by="me", run_id="nobody"), "store.no_such"),
        (lambda d: d.record_request(actor="me"), "reuse.request"),
        (lambda d: d.record_request(actor="me", project_id="P", design_id="d"), "reuse.request"),
        (lambda d: d.record_request(actor="me", project_id="nobody"), "store.no_such"),
        (lambda d: d.milestones("nobody"), "store.not_there"),
        (lambda d: d.lead_times(by="week"), "reuse.by"),
    ],
)
def test_what_cannot_be_recorded_is_refused(call, rule, new_file):
    store = Store.open(new_file())
    store.designs.add_revision("d", DOCUMENT, **SAVED)
    with pytest.raises(InputError) as refused:
        call(store.designs)
    assert refused.value.rule == rule
    assert [row["milestone"] for row in store.designs.milestones("d")] == ["saved"]


def as_of_first_migration(table: Table) -> Table:
    kept = [tuple(column for column in columns if column.since == 1) for columns in (table.key, table.content)]
    return Table(table.name, table.keep, *kept)


@pytest.fixture
def old_url(mode: str, tmp_path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store made at migration 1, with a seed design and someone's own, as that workbench wrote them."""
    url = str(tmp_path / "old.duckdb")
    if mode == "ducklake":
        from workbench.store.location import LAKE_PREFIX

        postgres = request.getfixturevalue("postgres")
        monkeypatch.setenv("WORKBENCH_STORE_DATA", str(request.getfixturevalue("lake_data")))
        url = LAKE_PREFIX + postgres.address(postgres.create_database())
    with monkeypatch.context() as then:
        then.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        store = Store.open(url)
        old = facts.load("designs/simba-36")
        documents = {"simba-36": old | {"schema_version": 1}, "mine": old | {"schema_version": 1, "note": "mine"}}
        with store.writing("as then", "designs") as session:
            projects = as_of_first_migration(BY_NAME["projects"])
            append(session, projects, [{"project_id": "reference-designs", "name": "Reference designs"}])
            for name, document in documents.items():
                rows = [{"design_id": name, "title": document["title"], "kind": "side_by_side",
                         "project_id": "reference-designs" if name == "simba-36" else None}]  # fmt: skip
                append(session, as_of_first_migration(BY_NAME["designs"]), prepare(
                    as_of_first_migration(BY_NAME["designs"]), rows))  # fmt: skip
                append(session, as_of_first_migration(BY_NAME["design_revisions"]), [{
                    "revision_id": f"r-{name}", "design_id": name, "number": 1, "schema_version": "1",
                    "document": document, "document_sha256": document_sha256(document), "author": "workbench",
                    "note": "",
                }])  # fmt: skip
        assert info(url)["schema"] == 1
    return url


def test_a_store_of_the_first_migration_is_upgraded_and_goes_on(old_url: str):
    from workbench.runs.demo.designs import seed

    with pytest.raises(StoreError) as refused:
        Store.open(old_url).designs.list()
    assert refused.value.rule == "store.older"
    assert backup.upgrade(old_url)["steps"] == [step.name for step in migrations.MIGRATIONS[1:]]
    store = Store.open(old_url)
    if store.mode == "ducklake":
        require_small_groups(store)
    before = store.snapshot()
    assert [row["origin"] for row in store.designs.list()] == ["own", "own"]
    assert {hit["design_id"] for hit in store.designs.search("simba").hits} == {"mine", "simba-36"}
    assert len(store.at(before).designs.search("simba").hits) == 2
    added = seed(store)
    assert "simba-36" not in added, "the document of an older workbench says the same"
    origins = {row["design_id"]: (row["origin"], row["number"]) for row in store.designs.list()}
    assert origins["simba-36"] == ("reference", 1), "and is marked as what it is, without a revision"
    assert origins["mine"] == ("own", 1)
    assert seed(store) == []
    assert check(store) == []
