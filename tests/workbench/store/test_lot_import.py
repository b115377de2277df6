"""Files become part of a lot once, whatever their name and order, and a kill in the middle loses nothing."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace

import pandas as pd
import pytest

from tests.workbench.store.lot_files import EVENING, MORNING, bring, placed, sha256, wafer
from workbench.errors import InputError
from workbench.formats.lot_data import Carrier, LotData
from workbench.formats.lot_data import Test as Limits
from workbench.store import Store
from workbench.store.check import check
from workbench.store.lot_import import content_sha256


def rows_of(store: Store) -> dict[str, int]:
    tables = ("lots", "carriers", "specifications", "bins", "parts", "measurements", "defects", "genealogy_edges",
              "imports", "lot_events", "row_batches", "measurement_batches")  # fmt: skip
    with store.reading() as session:
        return {name: session.value(f"SELECT count(*) FROM {name}") for name in tables}


def standing(store: Store, lot: str = "A", parameter: str = "vth_v") -> dict[int, float]:
    frame = store.lots.measurements(lot, parameter)
    return dict(zip(frame["position"].tolist(), frame["value"].tolist(), strict=True))


def test_what_a_file_says_is_in_the_lot(store: Store):
    done = bring(store, wafer())
    assert (done.added, done.lot_id, done.counts["units"], done.counts["attempts"]) == (True, "A", 12, 13)
    lot = store.lots.lot("A")
    assert (lot["product"], lot["parameters"]) == ("POC", ["vth_v"])
    assert [(row["carrier"], row["kind"], row["attributes"]) for row in lot["carriers"]] \
        == [("W1", "wafer", {"diameter_mm": 300})]
    (limits,) = store.lots.specifications("A")
    assert (limits["lower"], limits["upper"], limits["unit"], limits["source"]) == (-1.0, 50.0, "V", "file.stdf")
    assert [(one["number"], one["name"], one["passed"]) for one in store.lots.bins("A")] \
        == [(1, "good", True), (2, "bad", False)]
    units = store.units.of_lot("A").set_index("unit_id")
    assert list(units.index) == [f"A/W1/{one % 4},{one // 4}" for one in range(12)]
    assert units.loc["A/W1/3,0", ["attempt", "attempt_count", "hard_bin"]].tolist() == [1, 2, 1]
    assert units.loc["A/W1/0,0", ["attempt", "attempt_count", "hard_bin"]].tolist() == [0, 1, 2]
    (record,) = store.lots.imports("A")
    assert (record["file_name"], record["file_sha256"], record["actor"]) == ("file.stdf", sha256("file.stdf"), "li")
    assert record["conditions"]["tester"] == "T7"
    kinds = [(event.kind, event.equipment, event.chamber, event.operator) for event in store.history.events("A")]
    assert kinds == [("create", None, None, None), ("import", "T7", "B", "chen")]
    assert check(store) == []


def test_the_last_attempt_stands_and_all_stay(store: Store):
    bring(store, wafer())
    assert standing(store) == {one: float(one) for one in range(12)} | {3: 103.0}
    every = store.lots.attempts("A")
    assert every[every["position"] == 3][["value", "attempt"]].to_numpy().tolist() == [[3.0, 0], [103.0, 1]]
    assert len(every) == 13


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_what_was_measured_later_stands_whichever_file_comes_first(store: Store, order):
    files = {"a": wafer(at=MORNING), "b": wafer(at=EVENING, shift=0.5, retested=())}
    for name in order:
        assert bring(store, files[name], name).added
    assert standing(store)[3] == 3.5
    assert len(store.lots.attempts("A")) == 25


def test_the_same_again_adds_nothing(store: Store):
    first = bring(store, wafer(), "a.stdf")
    before, snapshot = rows_of(store), store.snapshot()
    again = bring(store, wafer(), "a.stdf")
    other = bring(store, wafer(), "renamed.stdf.gz")
    for said in (again, other):
        assert (said.added, said.import_id, said.file_name, said.counts) \
            == (False, first.import_id, "a.stdf", first.counts)
    assert (rows_of(store), store.snapshot()) == (before, snapshot)


def test_one_value_more_is_another_content():
    one = wafer()
    changed = one.readings.copy()
    changed.loc[5, "value"] += 1e-12
    assert content_sha256(one) == content_sha256(wafer())
    assert content_sha256(one) != content_sha256(replace(one, readings=changed))
    assert content_sha256(one) != content_sha256(replace(one, started_at=EVENING))
    fewer = one.parts.assign(hard_bin=pd.array([None] * len(one.parts), "Int32"))
    assert content_sha256(one) != content_sha256(replace(one, parts=fewer))


def test_a_die_is_the_same_whatever_file_and_order_it_comes_in(store: Store):
    """A second tester goes over the wafer from the other end: positions are found again by the place on the wafer."""
    bring(store, wafer(), "sort1")
    bring(store, wafer(order=list(range(11, -1, -1)), parameter="leak_a", retested=(), at=EVENING), "sort2")
    assert standing(store, parameter="leak_a") == {one: float(one) for one in range(12)}
    assert len(store.units.of_lot("A")) == 12
    readings = store.history.unit("A/W1/3,0").readings
    assert [(one.parameter, one.value, one.stands) for one in readings] \
        == [("vth_v", 3.0, False), ("vth_v", 103.0, True), ("leak_a", 3.0, True)]


def test_dies_that_a_later_file_knows_more_get_the_next_positions(store: Store):
    bring(store, wafer(count=4), "first")
    bring(store, wafer(order=[8, 2, 9], retested=(), parameter="b_v"), "second")
    units = store.units.of_lot("A")
    assert units["position"].tolist() == [0, 1, 2, 3, 4, 5]
    assert standing(store, parameter="b_v") == {4: 8.0, 2: 2.0, 5: 9.0}


def test_parts_without_place_or_number_are_told_apart_by_their_order(store: Store):
    done = bring(store, wafer(places=False, count=3, retested=()))
    assert store.units.of_lot("A")["unit_id"].tolist() == ["A/W1/#0", "A/W1/#1", "A/W1/#2"]
    assert "order" in done.left[0]["en"]
    assert "順序" in done.left[0]["zh-Hant"]


def test_limits_of_a_later_file_only_say_what_it_knows(store: Store):
    bring(store, wafer(), "a")
    tests = (Limits("vth_v", "V"), Limits("odd_v", "V", 2.0, 2.0), Limits("new_v", "V", None, 3.0))
    done = bring(store, LotData("table", lot="A", tests=tests), "b")
    rows = {row["parameter"]: row for row in store.lots.specifications("A")}
    assert (rows["vth_v"]["lower"], rows["vth_v"]["upper"], rows["vth_v"]["source"]) == (-1.0, 50.0, "a")
    assert (rows["odd_v"]["lower"], rows["odd_v"]["upper"]) == (None, None)
    assert (rows["new_v"]["upper"], rows["new_v"]["source"]) == (3.0, "b")
    assert ["odd_v" in sentence["en"] for sentence in done.left] == [True]


def test_transfers_become_genealogy(store: Store):
    """The wafer belongs to another lot: its dies keep their names, and are found from both ends."""
    bring(store, wafer(), "sort")
    done = bring(store, placed(), "map.xml")
    assert (done.counts["edges"], done.counts["units"]) == (4, 4)
    assert store.genealogy.ancestors("R/P1/2,0") == ("A/W1/2,0",)
    assert store.genealogy.descendants("A/W1/2,0") == ("R/P1/2,0",)
    assert [row["unit_id"] for row in store.units.find("D002")] == ["R/P1/2,0"]
    assert store.lots.lot("R")["carriers"][0]["kind"] == "panel"
    assert check(store) == []


def test_a_carrier_of_several_lots_must_be_named(store: Store):
    for lot in "AB":
        bring(store, wafer(lot), f"sort {lot}")
    with pytest.raises(InputError) as refused:
        bring(store, placed(), "map.xml")
    assert (refused.value.rule, refused.value.got) == ("lots.carrier_ambiguous", "A, B")
    assert "--from W1=LOT" in refused.value.fix("en")
    bring(store, placed(), "map.xml", homes={"W1": "B"})
    assert store.genealogy.ancestors("R/P1/0,0") == ("B/W1/0,0",)


def test_defects_lie_on_their_dies(store: Store):
    frame = pd.DataFrame({"carrier": pd.Categorical(["W1", "W1"]), "defect": [1, 2], "x": [1, 3], "y": [0, 2],
                          "x_um": [10.0, 20.0], "y_um": [5.0, 5.0], "size_x_um": [0.5, None], "size_y_um": [0.5, None],
                          "area_um2": [0.25, None], "class_number": pd.array([7, None], "Int32")})  # fmt: skip
    bring(store, wafer(), "sort")
    bring(store, LotData("klarf", lot="A", carriers=(Carrier("W1"),), defects=frame), "scan.klarf")
    assert store.lots.defects("A")["unit_id"].tolist() == ["A/W1/1,0", "A/W1/3,2"]
    (defect,) = store.history.unit("A/W1/1,0").defects
    assert (defect["x_um"], defect["class_number"]) == (10.0, 7)
    assert check(store) == []


@pytest.mark.parametrize(
    ("data", "more", "rule"),
    [(wafer(None), {}, "lots.no_lot"), (wafer(), {"lot": " "}, "lots.no_lot")],
)
def test_refused(store: Store, data, more, rule):
    with pytest.raises(InputError) as refused:
        bring(store, data, **more)
    assert refused.value.rule == rule
    with pytest.raises(InputError, match="SHA-256"):
        store.lots.import_data("A", wafer(), file_sha256="xyz", name="n", actor="a")


def test_progress_goes_forward_to_the_end(store: Store):
    said: list[tuple[float, str]] = []
    bring(store, wafer(), progress=lambda share, key: said.append((share, key)))
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9
    assert {key for _, key in said} >= {"lots.progress.write", "lots.progress.record"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_in_the_middle_loses_nothing(new_url):
    """Killed at random moments, then said once more: everything is there once. Which moments are hit is chance: every
    cut between two transactions is tested below, every kill within one in `test_queue` and its benchmark.
    """
    url, chance = new_url(), random.Random(5)
    count = 20_000
    expected = wafer(count=count, retested=(7, 8))
    Store.open(url)
    for attempt in range(3):
        writer = os.fork()
        if writer == 0:
            try:
                bring(Store.open(url), expected, "big.stdf")
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0.1, 0.35) * (1 + attempt))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    store = Store.open(url)
    assert bring(store, expected, "big.stdf").counts["readings"] == count + 2
    assert not bring(store, expected, "big.stdf").added
    there = rows_of(store)
    assert (there["measurements"], there["parts"]) == (count + 2, count + 2)
    assert (there["imports"], there["lot_events"]) == (1, 2)
    assert standing(store) == {one: one + 100.0 * (one in (7, 8)) for one in range(count)}
    assert check(store) == []
    assert store.history.verify("A").sound


def test_every_cut_between_two_transactions_is_completed(new_url, monkeypatch: pytest.MonkeyPatch):
    """Ends after the first, the second ... transaction, then says the file again, under another name."""
    data = wafer()
    for cut in range(1, 4):
        store = Store.open(new_url())
        writing, begun = type(store).writing, 0

        def counted(self, *args, writing=writing, cut=cut, **more):
            nonlocal begun
            begun += 1
            if begun > cut:
                raise KeyboardInterrupt
            return writing(self, *args, **more)

        monkeypatch.setattr(Store, "writing", counted)
        try:
            bring(store, data, "a.stdf")
            ended = True
        except KeyboardInterrupt:
            ended = False
        monkeypatch.setattr(Store, "writing", writing)
        done = bring(store, data, "other name.stdf")
        assert done.added is not ended
        there = rows_of(store)
        assert (there["measurements"], there["parts"], there["imports"], there["lot_events"]) == (13, 13, 1, 2)
        verified = store.history.verify("A")
        assert (verified.sound, verified.outside, verified.row_count) == (True, (), 26)
