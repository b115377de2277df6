"""Old stores are upgraded after a backup, newer ones refused, and history reads the same afterwards."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.workbench.store.lot_files import bring, wafer
from tests.workbench.store.test_records import add_lot
from tests.workbench.store.test_snapshots import write
from workbench.errors import StoreError
from workbench.store import Store, asof, backup, migrations, tables
from workbench.store.append import append
from workbench.store.check import check
from workbench.store.info import info
from workbench.store.tables import Column, Table


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch):
    """Makes this the program of two versions later: a column more, then a table more."""
    now = migrations.newest()

    def become() -> None:
        def later(table: Table) -> Table:
            if table.name != "lots":
                return table
            grade = Column("grade", null=True, since=now + 1)
            return Table(table.name, table.keep, table.key, (*table.content, grade), table.since)

        new = Table("recipes", "versions", (Column("recipe_id", since=now + 2),), (Column("text", since=now + 2),),
                    since=now + 2)  # fmt: skip
        everything = (*map(later, tables.TABLES), new)
        for module in (tables, migrations, asof):
            monkeypatch.setattr(module, "TABLES", everything)
        for module in ("info", "check", "lake_transfer"):
            monkeypatch.setattr(f"workbench.store.{module}.TABLES", everything)
        for table in everything:
            monkeypatch.setitem(tables.BY_NAME, table.name, table)
            monkeypatch.setitem(asof._TABLE_OF, table.name, table)
            monkeypatch.setitem(asof._TABLE_OF, table.current, table)
        later_steps = migrations.Migration(now + 1, "lot grade"), migrations.Migration(now + 2, "recipes")
        steps = (*migrations.MIGRATIONS, *later_steps)
        monkeypatch.setattr(migrations, "MIGRATIONS", steps)

    return become


def test_an_older_store_is_refused_then_upgraded(new_url, next_version):
    url = new_url()
    store = Store.open(url)
    add_lot(store)
    snapshot, then = store.snapshot(), store.lots.list()
    fingerprint = store.subjects("design"), store.lots.lot("L")["recorded_at"]
    now = migrations.newest()
    next_version()
    for use in (lambda: Store.open(url).lots.list(), lambda: write(Store.open(url), "lot", 1, 1)):
        with pytest.raises(StoreError) as refused:
            use()
        assert refused.value.rule == "store.older"
        assert "workbench store upgrade" in refused.value.fix("en")
        assert "workbench store upgrade" in refused.value.fix("zh-Hant")
    assert info(url)["schema"] == now

    done = backup.upgrade(url)
    assert (done["from"], done["to"], done["steps"]) == (now, now + 2, ["lot grade", "recipes"])
    assert Path(done["backup"]).exists()
    store = Store.open(url)
    assert [step["number"] for step in info(url)["migrations"]] == list(range(1, now + 3))
    assert store.lots.list() == then
    assert store.at(snapshot).lots.list() == then, "a snapshot from before reads through the new columns"
    with store.at(snapshot).reading() as session:
        assert session.tuples("SELECT lot_id, grade FROM current_lots") == [("L", None)]
        assert session.tuples("SELECT * FROM current_recipes") == []
    assert fingerprint == (store.subjects("design"), store.lots.lot("L")["recorded_at"])
    assert check(store) == [], "a column that came later changes no old hash"
    assert backup.upgrade(url)["steps"] == []


def test_a_cut_off_upgrade_goes_on(new_file, next_version, monkeypatch: pytest.MonkeyPatch):
    url, now = new_file(), migrations.newest()
    next_version()
    apply = migrations.apply

    def fail_at_the_last(session, step):
        apply(session, step)
        if step.number == now + 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(migrations, "apply", fail_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        backup.upgrade(url)
    monkeypatch.setattr(migrations, "apply", apply)
    assert info(url)["schema"] == now + 1, "each step is kept or dropped as a whole"
    assert backup.upgrade(url)["steps"] == ["recipes"]
    assert check(Store.open(url)) == []


def test_a_newer_store_is_refused(new_url):
    url = new_url()
    store = Store.open(url)
    later = {"number": 99, "name": "of the future", "workbench_version": "9", "applied_at": "2030-01-01T00:00:00Z"}
    with store.engine.writing("plant") as session:
        append(session, tables.BY_NAME["migrations"], [later])
    for use in (
        lambda: Store.open(url).lots.list(),
        lambda: add_lot(Store.open(url)),
        lambda: backup.upgrade(url),
    ):
        with pytest.raises(StoreError) as refused:
            use()
        assert (refused.value.rule, refused.value.got) == ("store.newer", "99")
    assert info(url)["schema"] == 99


def test_a_store_of_migration_2_gets_its_units_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A store as the version before made it: rows that were said then stay, and are said in the new tables."""
    url = str(tmp_path / "old.duckdb")
    with monkeypatch.context() as then:
        then.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:2])
        store = Store.open(url)
        assert info(url)["schema"] == 2
        add_lot(store)
        rows = [{"unit_id": name, "lot_id": "L", "carrier": "W1", "position": at, "attributes": {}}
                for at, name in enumerate(("die", "module"))]  # fmt: skip
        with store.writing("old", "k") as session:
            append(session, tables.BY_NAME["units"], rows)
            made = {"parent_id": "die", "child_id": "module", "relation": "stacked into"}
            append(session, tables.BY_NAME["genealogy"], [made])
        old = store.snapshot()
    with pytest.raises(StoreError) as refused:
        Store.open(url).lots.list()
    assert refused.value.rule == "store.older"
    done = backup.upgrade(url)
    assert (done["from"], done["steps"]) == (2, ["process platform"])
    store = Store.open(url)
    assert store.units.of_lot("L")["unit_id"].tolist() == ["die", "module"]
    assert store.genealogy.ancestors("module") == ("die",)
    assert [row["lot_id"] for row in store.at(old).lots.list()] == ["L"]
    assert len(store.at(old).units.of_lot("L")) == 0
    assert store.at(old).lots.specifications("L") == store.lots.specifications("L")
    assert check(store) == []
    bring(store, wafer("L"), "w")
    assert store.history.verify("L").sound


def test_the_file_has_keys_and_checks(new_file):
    """Mode 1 lets DuckDB itself refuse what must not be, also when another tool writes."""
    url = new_file()
    add_lot(Store.open(url))
    with duckdb.connect(url) as connection:
        (again,) = connection.execute("SELECT * FROM lots").fetchall()
        with pytest.raises(duckdb.ConstraintException):
            connection.execute(f"INSERT INTO lots VALUES ({', '.join('?' * len(again))})", list(again))
        with pytest.raises(duckdb.ConstraintException, match="CHECK"):
            connection.execute(
                "INSERT INTO carriers VALUES ('L', 'W1', 1, 'bucket', '{}', 's', TIMESTAMP '2026-01-01', 1)"
            )
        keys = connection.execute(
            "SELECT table_name FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'"
        ).fetchall()
    assert {name for (name,) in keys} == {table.name for table in tables.TABLES if table.keep != "bulk"} | {
        "transactions"
    }
