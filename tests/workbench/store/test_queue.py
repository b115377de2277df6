"""Many programs, one store: turns, names of holders, forks and kills."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.workbench.store import kills
from workbench.errors import BusyError, StoreError
from workbench.store import Store
from workbench.store.locks import Sidecar

FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


def audit(store: Store, number: int, event_id: str | None = None) -> None:
    store.audit.add(event_id=event_id, actor="a", action="write", subject_kind="design", subject_id="d",
                    detail={"number": number})  # fmt: skip


def _write_many(url: str, first: int, count: int) -> None:
    store = Store.open(url)
    for number in range(first, first + count):
        audit(store, number)
    os._exit(0)


def _write_same(url: str, barrier, results) -> None:
    store = Store.open(url)
    barrier.wait()
    for number in range(3):
        store.designs.add_revision("d", {"n": number}, title="t", kind="k", author="a", note="")
        store.audit.add(event_id=f"e{number}", actor="a", action="b", subject_kind="k", subject_id="d", detail={},
                        occurred_at="2026-01-01T00:00:00Z")  # fmt: skip
    results.put("done")
    results.close()
    results.join_thread()
    os._exit(0)


def test_nothing_is_lost_between_processes(store: Store):
    processes = [FORK.Process(target=_write_many, args=(store.url, first, 4)) for first in (0, 100, 200)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert sorted(row["detail"]["number"] for row in store.audit.list()) == [
        first + number for first in (0, 100, 200) for number in range(4)
    ]


def test_the_same_key_from_many_processes_is_kept_once(store: Store):
    from workbench.store.check import check

    barrier, results = FORK.Barrier(3), FORK.Queue()
    processes = [FORK.Process(target=_write_same, args=(store.url, barrier, results)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=120) for _ in processes] == ["done"] * 3
    for process in processes:
        process.join(30)
    assert len(store.audit.list()) == 3
    assert check(store) == []


def test_a_child_of_a_fork_uses_the_store_its_parent_used(store: Store):
    audit(store, 1)
    pid = os.fork()
    if pid == 0:
        try:
            audit(store, 2)
            os._exit(0)
        except BaseException:
            os._exit(1)
    audit(store, 3)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sorted(row["detail"]["number"] for row in store.audit.list()) == [1, 2, 3]


def test_threads_share_a_store(store: Store):
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            audit(store, number)
            store.audit.list()
        except BaseException as why:
            faults.append(why)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(store.audit.list()) == 4


def test_a_lake_holds_no_connection_between_calls(postgres, made_lake, lake_data, monkeypatch):
    from workbench.store.location import LAKE_PREFIX

    monkeypatch.setenv("WORKBENCH_STORE_DATA", str(lake_data))
    name = postgres.create_database(template=made_lake)
    store = Store.open(LAKE_PREFIX + postgres.address(name))
    audit(store, 1)
    store.audit.list()
    deadline = time.monotonic() + 5  # the server notices a closed connection a moment later
    while (count := postgres.value(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert count == 0


def test_a_process_that_goes_from_lake_to_lake_keeps_few_open_and_mixes_none(
    postgres, made_lake, lake_data, monkeypatch
):
    from workbench.store import lake_instance
    from workbench.store.location import LAKE_PREFIX

    monkeypatch.setenv("WORKBENCH_STORE_DATA", str(lake_data))
    kept = max(len(lake_instance._idle), lake_instance._MOST_IDLE)
    lakes = [postgres.create_database(template=made_lake) for _ in range(lake_instance._MOST_IDLE + 2)]
    stores = [Store.open(LAKE_PREFIX + postgres.address(name)) for name in lakes]
    for more in (0, 100):
        for number, store in enumerate(stores):
            audit(store, number + more)
    for number, store in enumerate(stores):
        assert sorted(row["detail"]["number"] for row in store.audit.list()) == [number, number + 100]
    assert len(lake_instance._idle) <= kept


def test_one_at_a_time_by_name(store: Store):
    with store.exclusive("nightly"):
        with pytest.raises(BusyError) as refused, store.exclusive("nightly"):
            pass
        assert refused.value.rule == "store.held"
        assert f"pid {os.getpid()}" in refused.value.sentence("en")
        assert "nightly" in refused.value.sentence("zh-Hant")
        with store.exclusive("import"):
            audit(store, 1)
        pid = os.fork()
        if pid == 0:  # a child neither holds the lock nor gives it back
            os._exit(0)
        os.waitpid(pid, 0)
        with pytest.raises(BusyError), store.exclusive("nightly"):
            pass
    with store.exclusive("nightly"):
        pass


def test_a_killed_holder_gives_its_name_back_though_its_children_live(store: Store):
    ready, say = os.pipe()
    holder = os.fork()
    if holder == 0:
        with store.exclusive("nightly"):
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
            os.write(say, b"x")
            time.sleep(60)
    os.read(ready, 1)
    with pytest.raises(BusyError), store.exclusive("nightly"):
        pass
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    deadline = time.monotonic() + 15
    while True:
        try:
            with store.exclusive("nightly"):
                break
        except BusyError:
            assert time.monotonic() < deadline, "the lock outlived its holder"
            time.sleep(0.1)


def test_a_busy_store_names_who_writes(new_file, monkeypatch):
    store = Store.open(new_file())
    monkeypatch.setenv("WORKBENCH_STORE_TIMEOUT_S", "0.2")
    with store.engine.writing("import of lot 7"), pytest.raises(BusyError) as refused:
        store.designs.list()
    assert refused.value.rule == "store.busy"
    assert f"import of lot 7, pid {os.getpid()}" in str(refused.value)


def test_a_busy_key_of_a_lake_names_who_writes(postgres, made_lake, lake_data, monkeypatch):
    from workbench.store.location import LAKE_PREFIX

    monkeypatch.setenv("WORKBENCH_STORE_DATA", str(lake_data))
    store = Store.open(LAKE_PREFIX + postgres.address(postgres.create_database(template=made_lake)))
    monkeypatch.setenv("WORKBENCH_STORE_TIMEOUT_S", "0.3")
    with store.engine.writing("import of lot 7", "lots:7"):
        store.designs.list()
        with store.engine.writing("other", "lots:8"):
            pass
        with pytest.raises(BusyError) as refused, store.engine.writing("other", "lots:7"):
            pass
    assert f"import of lot 7, pid {os.getpid()}" in str(refused.value)


def test_readers_share_and_a_writer_gets_its_turn(tmp_path: Path):
    """Readers overlap without end; behind the gate the writer needs to wait only for those before it."""
    side = Sidecar(tmp_path / "x.duckdb")
    stop, overlapped, reading = threading.Event(), threading.Event(), []

    def read_on() -> None:
        while not stop.is_set():
            with side.held("read", shared=True, timeout_s=10):
                reading.append(1)
                if len(reading) > 1:
                    overlapped.set()
                time.sleep(0.03)
                reading.pop()

    readers = [threading.Thread(target=read_on) for _ in range(4)]
    for thread in readers:
        thread.start()
    assert overlapped.wait(10)
    try:
        for _ in range(3):
            with side.held("write", shared=False, timeout_s=10):
                assert reading == []
    finally:
        stop.set()
        for thread in readers:
            thread.join()


def test_a_foreign_program_is_waited_for_and_named(new_file, monkeypatch):
    path = new_file()
    store = Store.open(path)
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"open\n"
        monkeypatch.setenv("WORKBENCH_STORE_TIMEOUT_S", "0.2")
        for use in (lambda: store.designs.list(), lambda: audit(store, 1)):
            with pytest.raises(StoreError) as refused:
                use()
            assert refused.value.rule == "store.locked"
            assert f"PID {other.pid}" in refused.value.what("en")
        monkeypatch.setenv("WORKBENCH_STORE_TIMEOUT_S", "20")
        threading.Timer(0.3, other.stdin.close).start()
        audit(store, 1)
    assert len(store.audit.list()) == 1


def test_kill_9_loses_duplicates_and_tears_nothing(store: Store):
    outcome = kills.run(store.url, kills=3, rows_a_batch=20_000)
    assert (outcome.lost, outcome.duplicated, outcome.torn) == (0, 0, 0), outcome
    assert outcome.acknowledged > 0
    assert len(outcome.reopen_s) == 3
