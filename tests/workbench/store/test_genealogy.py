"""What was made of what, in both directions, over any number of steps; where parts lie beside where they should."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from tests.workbench.store.lot_files import bring, wafer
from workbench.errors import InputError
from workbench.stack import to_document
from workbench.stack.templates import TEMPLATES, build
from workbench.store import Store, units
from workbench.store.check import check
from workbench.store.units import unit_key, unit_keys


def edges(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["parent_id", "child_id"]).assign(relation="made of")


@pytest.fixture
def lot(store: Store) -> Store:
    store.lots.add_lot("L", title="t", product="p", source="s", verified=True)
    return store


def test_from_the_wafer_to_the_module_and_back(lot: Store):
    pairs = [("A/W1/1,1", "R/P1/0,0"), ("A/W1/1,2", "R/P1/1,0"), ("R/P1/0,0", "M1"), ("R/P1/1,0", "M1"), ("M1", "SYS")]
    assert lot.genealogy.add("L", edges(*pairs), source="s") == 5
    assert lot.genealogy.add("L", edges(*pairs), source="s") == 0
    both = lot.genealogy.relatives("R/P1/0,0")
    assert (both.ancestors, both.descendants) == (("A/W1/1,1",), ("M1", "SYS"))
    assert [(edge.parent_id, edge.child_id, edge.depth) for edge in both.down] \
        == [("R/P1/0,0", "M1", 1), ("M1", "SYS", 2)]
    assert set(lot.genealogy.ancestors("SYS")) == {"M1", "R/P1/0,0", "R/P1/1,0", "A/W1/1,1", "A/W1/1,2"}
    assert lot.genealogy.relatives("nobody").up == ()
    assert check(lot) == []


def test_random_families_equal_scipy(lot: Store):
    """300 units, several parents each, in three batches; both directions against the distances of scipy."""
    chance, count = random.Random(7), 300
    pairs = sorted({tuple(sorted(chance.sample(range(count), 2))) for _ in range(330)})
    chance.shuffle(pairs)
    for part in range(3):
        lot.genealogy.add("L", edges(*((f"u{a}", f"u{b}") for a, b in pairs[part::3])), source=f"s{part}")
    table = csr_array((np.ones(len(pairs)), tuple(zip(*pairs, strict=True))), shape=(count, count))
    steps = shortest_path(table, unweighted=True)
    for unit in chance.sample(range(count), 25):
        found = lot.genealogy.relatives(f"u{unit}")
        for names, far in ((found.descendants, steps[unit]), (found.ancestors, steps[:, unit])):
            wanted = {f"u{one}" for one in np.flatnonzero(np.isfinite(far)) if one != unit}
            assert set(names) == wanted
            distances = [far[int(name[1:])] for name in names]
            assert distances == sorted(distances)
        inside = {unit, *(int(name[1:]) for name in found.descendants)}
        assert {(edge.parent_id, edge.child_id) for edge in found.down} \
            == {(f"u{a}", f"u{b}") for a, b in pairs if a in inside}


def require_small_groups(store: Store) -> None:
    """What makes a search for one unit fast in a lake: Parquet files of many groups, nearly all of them skipped."""
    with store.reading() as session:
        said = session.tuples("SELECT scope_entry, value FROM lake.options() WHERE scope = 'TABLE' AND "
                              "option_name = 'parquet_row_group_size'")  # fmt: skip
    assert [(name.rpartition(".")[2], value) for name, value in said] == [("genealogy_edges", "8192")]


def test_edges_lie_in_small_groups_of_a_lake(lot: Store):
    """In one run of the keys, both ends of an edge: 5,000 edges are 10,000 rows in two groups."""
    lot.genealogy.add("L", edges(*((f"A/W1/{one},0", f"M/T1/{one},0") for one in range(5000))), source="s")
    with lot.reading() as session:
        keys = session.tuples("SELECT unit_key FROM genealogy_edges ORDER BY batch_id, ordinal")
        assert keys == sorted(keys)
        assert len(keys) == 10_000
    assert len(lot.genealogy.of_lot("L")) == 5000
    if lot.mode == "file":
        return
    require_small_groups(lot)
    with lot.reading() as session:
        (path,) = session.tuples("SELECT data_file FROM ducklake_list_files('lake', 'genealogy_edges')")
        groups = session.tuples(f"SELECT DISTINCT row_group_num_rows FROM parquet_metadata('{path[0]}') ORDER BY ALL")
    assert groups == [(10_000 - 8192,), (8192,)]


def test_a_circle_ends(lot: Store):
    lot.genealogy.add("L", edges(("a", "b"), ("b", "c"), ("c", "a")), source="rework")
    assert lot.genealogy.descendants("a") == ("b", "c")
    with pytest.raises(InputError) as refused:
        lot.genealogy.add("L", edges(("a", "a")), source="s")
    assert refused.value.rule == "lots.own_parent"


def test_names_that_share_a_key_are_told_apart(lot: Store, monkeypatch: pytest.MonkeyPatch):
    """CRC-32 of plumless and buckeroo is the same (a known pair), so their keys are as well."""
    assert unit_key("plumless") == unit_key("buckeroo")
    lot.genealogy.add("L", edges(("plumless", "x"), ("buckeroo", "y"), ("z", "plumless")), source="s")
    assert lot.genealogy.descendants("plumless") == ("x",)
    assert lot.genealogy.descendants("buckeroo") == ("y",)
    assert lot.genealogy.ancestors("buckeroo") == ()


def test_keys_of_one_carrier_lie_together():
    names = [f"LOT/W{wafer}/{x},{y}" for wafer in range(3) for x in range(20) for y in range(20)]
    keys = unit_keys(names)
    assert keys.dtype == np.int64
    assert keys.tolist() == [unit_key(name) for name in names]
    spans = [(keys[start : start + 400].min(), keys[start : start + 400].max()) for start in (0, 400, 800)]
    assert all(high - low < 2**32 for low, high in spans)
    ordered = sorted(spans)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(ordered))


def test_as_built_beside_as_designed(lot: Store):
    """A quarter turn and a shift of the module on the panel; the closed form is x' = x0 - y, y' = y0 + x."""
    design = build("side-by-side", TEMPLATES["side-by-side"].from_pairs(()))
    place = next(one for one in design.placements if one.x_mm)
    revision = lot.designs.add_revision("d", to_document(design), title="d", kind=design.assembly, author="a", note="")
    x_um, y_um = place.x_mm * 1000, place.y_mm * 1000
    row = {"unit_id": "R/P1/0,0", "carrier": "P1", "part": place.name, "origin_x_um": 5000.0, "origin_y_um": 7000.0,
           "origin_angle_deg": 90.0, "x_um": 5000.0 - y_um + 1.5, "y_um": 7000.0 + x_um - 2.0,
           "angle_deg": (place.angle_deg + 90.0 - 359.99)}  # fmt: skip
    assert lot.genealogy.add_placements("L", pd.DataFrame([row]), source="p&p", revision_id=revision) == 1
    found = lot.genealogy.as_built("R/P1/0,0")
    assert (found.dx_um, found.dy_um, found.dangle_deg) == pytest.approx((1.5, -2.0, 0.01), abs=1e-9)
    assert (found.designed_x_um, found.designed_y_um) == pytest.approx((5000.0 - y_um, 7000.0 + x_um))
    lot.genealogy.add_placements("L", pd.DataFrame([row | {"x_um": 0.0}]), source="again", revision_id=revision)
    assert lot.genealogy.as_built("R/P1/0,0").x_um == 0.0
    bare = pd.DataFrame([{"unit_id": "b", "carrier": "P1", "x_um": 1.0, "y_um": 2.0, "angle_deg": 3.0}])
    lot.genealogy.add_placements("L", bare, source="p&p")
    assert (lot.genealogy.as_built("b").x_um, lot.genealogy.as_built("b").dx_um) == (1.0, None)
    assert lot.genealogy.as_built("nobody") is None
    lot.genealogy.add_placements("L", bare.assign(part="nowhere"), source="x", revision_id=revision)
    with pytest.raises(InputError) as refused:
        lot.genealogy.as_built("b")
    assert refused.value.rule == "lots.part_unknown"
    with pytest.raises(InputError) as refused:
        lot.genealogy.add_placements("L", bare, source="y", revision_id="nothing")
    assert refused.value.rule == "store.no_such"
    assert check(lot) == []


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (pd.DataFrame({"carrier": ["W"], "position": ["one"]}), "store.type"),
        (pd.DataFrame({"carrier": [None], "position": [1]}), "store.empty"),
        (pd.DataFrame({"carrier": ["a\0b"], "position": [1]}), "store.text"),
        (pd.DataFrame({"carrier": ["W"], "position": [1], "colour": ["red"]}), "store.columns"),
        (pd.DataFrame({"carrier": ["W"], "position": [1], "test_time_s": [np.inf]}), "store.type"),
        (pd.DataFrame({"carrier": ["W"], "position": [2**31]}), "store.type"),
    ],
)
def test_wrong_units_are_refused_before_the_store_is_opened(frame: pd.DataFrame, rule: str):
    with pytest.raises(InputError) as refused:
        units.part_batches("L", frame, source="s")
    assert refused.value.rule == rule


def test_units_added_without_a_file(lot: Store):
    frame = pd.DataFrame({"carrier": "T1", "position": [0, 1], "unit_id": ["M1", "M2"], "passed": [True, None]})
    assert lot.units.add("L", frame, source="tray list") == 2
    assert lot.units.add("L", frame, source="tray list") == 0
    assert lot.units.of_lot("L")["unit_id"].tolist() == ["M1", "M2"]
    assert lot.history.unit("M2").position == 1
    assert lot.units.find("nobody") == []


def test_batches_are_cut_and_whole(lot: Store, monkeypatch: pytest.MonkeyPatch):
    from workbench.store import row_batches

    frame = pd.DataFrame({"carrier": "T1", "position": np.arange(10)})
    columns = {"unit_id": [f"M{one}" for one in range(10)], "carrier": frame["carrier"], "position": frame["position"],
               "attempt": [0] * 10}  # fmt: skip
    columns["unit_key"] = unit_keys(columns["unit_id"])
    ready = row_batches.batches("parts", "L", columns, source="s", rows_a_batch=4)
    assert [batch.rows.num_rows for batch in ready] == [4, 4, 2]
    assert len({batch.batch_id for batch in ready}) == 3
    with lot.writing("test", "k") as session:
        assert [row_batches.write(session, batch) for batch in ready] == [4, 4, 2]
    with lot.writing("test", "k") as session:
        assert [row_batches.write(session, batch) for batch in ready] == [0, 0, 0]
        for batch in ready:
            assert row_batches.stored_rows_sha256(session, "parts", batch.batch_id) == batch.record["rows_sha256"]
    bring(lot, wafer("L", "W1"), "w")
    assert len(lot.units.of_lot("L")) == 22
    assert check(lot) == []
