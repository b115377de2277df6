"""How rows lie in the file of mode 1: a small write must not write large documents of others anew."""

from __future__ import annotations

import duckdb
import pandas
import pytest

from workbench.store import Store
from workbench.store.file import _ROW_GROUP_SIZE


def groups(path: str, table: str) -> list[int]:
    """Rows of each group of a table."""
    with duckdb.connect(path, read_only=True) as connection:
        return [count for (count,) in connection.execute(
            "SELECT sum(count) FROM pragma_storage_info(?) WHERE segment_type <> 'VALIDITY' AND column_id = 0 "
            "GROUP BY row_group_id ORDER BY row_group_id", [table]).fetchall()]  # fmt: skip


@pytest.fixture
def path(new_file) -> str:
    return new_file()


def test_records_lie_in_small_groups(path: str):
    store, events = Store.open(path), _ROW_GROUP_SIZE + 10
    store.audit.add_all({"actor": "a", "action": "b", "subject_kind": "design", "subject_id": str(number),
                                "detail": {}} for number in range(events))  # fmt: skip
    store.audit.add(actor="a", action="b", subject_kind="design", subject_id="last", detail={})
    assert groups(path, "audit_events") == [_ROW_GROUP_SIZE, 11]


def test_readings_lie_in_large_ones(path: str):
    store, count = Store.open(path), 2 * _ROW_GROUP_SIZE
    store.lots.add_lot("L", title="t", product="p", source="s", verified=True)
    frame = pandas.DataFrame({"carrier": "W1", "position": range(count), "parameter": "p", "value": 1.0})
    assert store.lots.add_measurements("L", frame, source="s") == count
    assert groups(path, "measurements") == [count]


@pytest.mark.parametrize("stem", ["store", "memory", "temp", "system", "main", "it's a name"])
def test_a_file_may_have_any_name(tmp_path, stem: str):
    """The writer names the file itself, whatever words DuckDB keeps for its own."""
    store = Store.open(str(tmp_path / f"{stem}.duckdb"))
    store.projects.add("p", name="a project")
    assert [row["name"] for row in store.projects.list()] == ["a project"]
    assert [row["name"] for row in store.at(store.snapshot()).projects.list()] == ["a project"]
