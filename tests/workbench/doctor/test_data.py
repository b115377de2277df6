from __future__ import annotations

import pytest

from workbench.doctor import data
from workbench.errors import BusyError, StoreError
from workbench.store import Store


def test_a_store_that_was_never_made_is_no_fault_and_is_not_made_by_looking(home):
    found = data.store()
    assert found.state == "ok"
    assert "make run" in found.sentence("en")
    assert not home.exists()


def test_a_store_that_opens(home):
    store = Store.open()
    found = data.store()
    assert found.state == "ok"
    assert f"snapshot {store.snapshot()}" in found.sentence("en")


def test_a_file_that_is_no_store(home):
    home.mkdir()
    (home / "workbench.duckdb").write_bytes(b"not a store" * 1000)
    found = data.store()
    assert found.state == "missing"
    assert found.cure == "workbench store check"


@pytest.mark.parametrize(
    ("error", "state", "cure"),
    [
        (StoreError("store.older", where="x.duckdb", got=1, allowed=2), "missing", "workbench store upgrade"),
        (StoreError("store.newer", where="x.duckdb", got=3, allowed=2), "missing", "workbench store check"),
        (BusyError("store.locked", holder="nightly"), "warning", "workbench doctor"),
    ],
)
def test_what_opening_tells_becomes_a_finding(home, monkeypatch, error, state, cure):
    Store.open()

    def refuse(url=None):
        raise error

    monkeypatch.setattr(data.Store, "open", refuse)
    found = data.store()
    assert (found.state, found.cure) == (state, cure)
    assert found.sentence("zh-Hant") != found.sentence("en")


def test_the_folder_must_be_writable_and_local(tmp_path, monkeypatch):
    assert data.folder(tmp_path / "new", kind="ext4").state == "ok"
    assert "nfs4" in data.folder(tmp_path, kind="nfs4").sentence("en")
    file = tmp_path / "file"
    file.touch()
    assert data.folder(file / "below").state == "missing"
    monkeypatch.setattr(data.os, "access", lambda path, mode: False)
    assert "nothing can be written" in data.folder(tmp_path).sentence("en")
