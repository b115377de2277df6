"""Backups come back whole, into either mode, and never replace anything."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.workbench.store.test_records import READINGS, add_lot, add_run
from tests.workbench.store.test_snapshots import everything
from workbench.errors import StoreError
from workbench.store import Store
from workbench.store.backup import backup, restore
from workbench.store.check import check
from workbench.store.location import LAKE_PREFIX


def fill(store: Store) -> None:
    add_lot(store)
    store.lots.add_measurements("L", READINGS, source="s")
    for number in (1, 2):
        store.designs.add_revision("d", {"n": number}, title=f"t{number}", kind="k", author="a", note="")
    add_run(store)


def test_a_backup_restores_into_a_file(store: Store, tmp_path: Path):
    fill(store)
    snapshot = store.snapshot()
    store.designs.add_revision("d", {"n": 3}, title="t3", kind="k", author="a", note="")
    record = backup(store, tmp_path / "kept.duckdb")
    assert json.loads(Path(record["path"] + ".json").read_text())["sha256"] == record["sha256"]
    store.designs.add_revision("late", {}, title="t", kind="k", author="a", note="")
    done = restore(record["path"], tmp_path / "again.duckdb")
    again = Store.open(tmp_path / "again.duckdb")
    assert done["kept"] is None
    assert [row["design_id"] for row in again.designs.list()] == ["d"]
    assert check(again) == []
    assert again.snapshot() == record["snapshot"]
    now, before = everything(again.at(snapshot)), everything(store.at(snapshot))
    assert {name: rows for name, rows in now.items() if rows != before[name]} == {}, "snapshots keep their numbers"
    again.designs.add_revision("new", {}, title="t", kind="k", author="a", note="")
    assert len(again.designs.list()) == 2


def test_a_backup_of_a_file_restores_into_an_empty_lake(new_file, postgres, lake_data, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_STORE_DATA", str(lake_data))
    store = Store.open(new_file())
    fill(store)
    record = backup(store)
    assert Path(record["path"]).parent.name == "backups"
    url = LAKE_PREFIX + postgres.address(postgres.create_database())
    restore(record["path"], url)
    lake = Store.open(url)
    before, now = everything(store), everything(lake)
    assert {name: rows for name, rows in now.items() if rows != before[name] and name != "migrations"} == {}
    assert check(lake) == []
    with pytest.raises(StoreError) as refused:
        restore(record["path"], url)
    assert refused.value.rule == "store.target_used"


def test_a_restore_keeps_what_was_there(new_file, tmp_path: Path):
    store = Store.open(new_file())
    record = backup(store)
    fill(store)
    with pytest.raises(StoreError) as refused:
        restore(record["path"], store.url)
    assert refused.value.rule == "store.backup_tables"
    done = restore(record["path"], store.url, replace=True)
    assert store.designs.list() == []
    assert len(Store.open(done["kept"]).designs.list()) == 1


def test_what_cannot_be_restored(new_file, tmp_path: Path):
    store = Store.open(new_file())
    record = backup(store, tmp_path / "kept.duckdb")
    path, target = Path(record["path"]), tmp_path / "t.duckdb"
    with pytest.raises(StoreError) as refused:
        backup(store, path)
    assert refused.value.rule == "store.backup_exists"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (tmp_path / "text.duckdb").write_text("a backup? " * 10)
    with duckdb.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("CREATE TABLE mine (a INTEGER)")
    refusals = {path: "backup_bad", tmp_path / "text.duckdb": "foreign", tmp_path / "other.duckdb": "not_ours",
                tmp_path / "no": "missing"}  # fmt: skip
    for source, rule in refusals.items():
        with pytest.raises(StoreError) as refused:
            restore(source, target)
        assert refused.value.rule == f"store.{rule}"
        assert not target.exists()
