"""A report made again from its snapshot shows the same numbers, whatever was written since."""

from __future__ import annotations

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import StoreError
from workbench.store import Store
from workbench.store.tables import BY_NAME

SHOWN = ("designs", "design_revisions", "lots", "measurement_batches", "measurements", "specifications",
         "benchmark_systems", "benchmark_runs", "benchmark_results")  # fmt: skip


def everything(store: Store) -> dict:
    """The tables that `write` fills, and the views of their current states, in one transaction."""
    named = {name: BY_NAME[name] for name in SHOWN}
    named |= {table.current: table for table in named.values() if table.keep == "versions"}
    with store.reading() as session:
        return {
            name: session.tuples(f"SELECT {', '.join(c.name for c in table.columns)} FROM {name} ORDER BY ALL")
            for name, table in named.items()
        }


def write(store: Store, what: str, which: int, number: int) -> None:
    """One write of one kind; `which` names the subject and `number` is its content."""
    if what == "design":
        store.designs.add_revision(f"d{which}", {"n": number}, title=f"t{number}", kind="poc", author="a", note="")
    elif what == "lot":
        store.lots.add_lot(f"l{which}", title=f"t{number}", product="p", source="s", verified=True)
    elif what == "result":
        store.benchmarks.add_system("S", title="S", organisation="O", document={})
        store.benchmarks.add_run(
            f"r{which}",
            system_id="S",
            suite="MLPerf",
            round="v1",
            division="closed",
            benchmark="b",
            scenario="Offline",
            official=True,
            document={},
            source="s",
            verified=True,
        )
        store.benchmarks.add_results(f"r{which}", [{"metric": "m", "value": float(number), "unit": "ms"}])
    else:
        store.lots.add_lot(f"l{which}", title="t", product="p", source="s", verified=True)
        frame = pandas.DataFrame({"carrier": "W1", "position": [number], "parameter": "x_um", "value": [float(number)]})
        store.lots.add_measurements(f"l{which}", frame, source="s")
        store.lots.add_specifications(f"l{which}", [{"parameter": "x_um", "lower": float(-number - 1), "upper": 9.0,
                                                     "source": "s"}])  # fmt: skip


WRITES = st.lists(
    st.tuples(st.sampled_from(("design", "lot", "result", "reading")), st.integers(0, 1), st.integers(0, 3)),
    min_size=1,
    max_size=3,
)


def test_an_old_snapshot_shows_the_same_for_ever(store: Store, mode: str):
    """One history grows through all examples; every snapshot ever taken still shows what it showed then."""
    taken: list[tuple[int, dict]] = []

    @settings(max_examples=8 if mode == "file" else 4, deadline=None, derandomize=True, database=None)
    @given(WRITES)
    def grow(writes: list) -> None:
        for one in writes:
            write(store, *one)
        taken.append((store.snapshot(), everything(store)))
        for snapshot, then in taken[:: max(1, len(taken) // 3)]:
            assert everything(store.at(snapshot)) == then

    grow()
    assert taken[-1][1]["measurements"], "the examples wrote readings"
    assert len({snapshot for snapshot, _ in taken}) > 2


def test_a_report_made_again_reads_the_same_through_the_calls(store: Store):
    def read(store: Store) -> list:
        return [
            store.designs.document("d0"), store.designs.list(), store.lots.list(), store.lots.specifications("l0"),
            store.lots.measurements("l0").to_dict("list"), store.benchmarks.results().astype(object).to_dict("list"),
            [store.subjects(kind) for kind in ("design", "experiment", "monitor", "system")],
        ]  # fmt: skip

    for what in ("design", "result", "reading"):
        write(store, what, 0, 1)
    snapshot, then = store.snapshot(), read(store)
    for what in ("design", "lot", "result", "reading"):
        write(store, what, 0, 2)
    now = read(store)
    assert all(before != after for before, after in zip(then, now, strict=True))
    assert repr(read(store.at(snapshot))) == repr(then), "repr: an absent limit is NaN, which differs from itself"
    assert store.at(snapshot).snapshot() == snapshot


def test_a_snapshot_is_of_its_moment_only(store: Store):
    empty = store.snapshot()
    write(store, "design", 0, 1)
    one = store.snapshot()
    write(store, "design", 0, 2)
    assert empty < one < store.snapshot()
    assert store.at(empty).designs.list() == []
    assert store.at(one).designs.document("d0") == {"n": 1}
    assert store.designs.document("d0") == {"n": 2}
    assert store.at(0).designs.list() == [], "before the tables were made"


def test_saying_the_same_again_makes_no_snapshot(store: Store):
    write(store, "reading", 0, 1)
    before = store.snapshot()
    write(store, "reading", 0, 1)
    assert store.snapshot() == before


def test_the_past_cannot_be_written_and_the_future_not_read(store: Store):
    with pytest.raises(StoreError) as refused:
        write(store.at(store.snapshot()), "design", 0, 1)
    assert refused.value.rule == "store.past"
    for number in (store.snapshot() + 1, -1):
        with pytest.raises(StoreError) as refused:
            store.at(number).designs.list()
        assert refused.value.rule == "store.no_snapshot"
