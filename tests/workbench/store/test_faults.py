"""Whatever stands where the store should be: a clear sentence in both languages, and nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from workbench.errors import StoreError
from workbench.store import Store, location
from workbench.store.backup import backup
from workbench.store.check import check
from workbench.store.location import LAKE_PREFIX, locate


def audit(store: Store, event_id: str = "e") -> None:
    store.audit.add(event_id=event_id, actor="a", action="b", subject_kind="k", subject_id="s", detail={})


def refused(use: Callable[[], object], rule: str) -> StoreError:
    with pytest.raises(StoreError) as raised:
        use()
    assert raised.value.rule == rule, raised.value
    for lang in ("en", "zh-Hant"):
        sentence = raised.value.sentence(lang)
        assert "{" not in sentence
        assert "Error" not in raised.value.what(lang)
    assert raised.value.what("en") != raised.value.what("zh-Hant")
    return raised.value


def in_child(work: Callable[[], None]) -> str:
    """Run `work` in a forked process; the rule of the StoreError it ends with, or "done"."""
    back, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os.write(say, b"done")
        except StoreError as error:
            os.write(say, error.rule.encode())
        except BaseException as why:
            os.write(say, repr(why).encode()[:300])
        os._exit(0)
    os.close(say)
    os.waitpid(pid, 0)
    with os.fdopen(back) as told:
        return told.read()


def test_a_store_is_made_where_there_is_none(home: Path):
    store = Store.open()
    assert store.url == str(home / "workbench.duckdb")
    assert store.designs.list() == []
    assert not list(home.glob("*.new*"))


def test_a_store_that_went_away(new_file):
    path = Path(new_file())
    store = Store.open(path)
    path.unlink()
    refused(store.designs.list, "store.missing")
    refused(lambda: audit(store), "store.missing")
    assert not path.exists(), "a read must not make a new, empty store in the place of the lost one"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"x" * 20_000, b"SQLite format 3\0" + b"\0" * 20_000])
def test_a_foreign_file(content: bytes, tmp_path: Path):
    path = tmp_path / "x.duckdb"
    path.write_bytes(content)
    refused(lambda: Store.open(path), "store.foreign")
    assert path.read_bytes() == content


def test_a_folder(tmp_path: Path):
    refused(lambda: Store.open(tmp_path), "store.foreign")


def test_a_duckdb_file_of_something_else(tmp_path: Path):
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE mine (a INTEGER)")
    before = path.read_bytes()
    error = refused(lambda: Store.open(path).designs.list(), "store.not_ours")
    assert "mine" in error.got
    refused(lambda: audit(Store.open(path)), "store.not_ours")
    assert path.read_bytes() == before


def lies_at(path: Path, table: str) -> int:
    """Where in the file the last block with rows of `table` begins: three headers of 4 KiB lie before the first."""
    with duckdb.connect(str(path), read_only=True) as opened:
        block = opened.execute(f"SELECT max(block_id) FROM pragma_storage_info('{table}') WHERE persistent").fetchone()
        size = opened.execute("SELECT block_size FROM pragma_database_size()").fetchone()
    return 3 * 4096 + block[0] * size[0]


READ = [  # bytes kept, or their share; how much of it is read
    (100, lambda store: store.audit.list()), (5_000, lambda store: store.audit.list()),
    (0.5, lambda store: store.audit.list()), ("the events", lambda store: store.audit.list()),
    (0.9, check),  # what lies there may be of any table, and only this reads all of them
]  # fmt: skip


@pytest.mark.parametrize(("keep", "read"), READ, ids=[str(row[0]) for row in READ])
def test_a_file_cut_off(keep: float | str, read: Callable[[Store], object], new_file):
    path = Path(new_file())
    for number in range(3):
        audit(Store.open(path), f"e{number}")
    whole = path.read_bytes()
    kept = lies_at(path, "audit_events") + 1000 if keep == "the events" else keep if keep > 1 else len(whole) * keep
    cut = whole[: int(kept)]
    path.write_bytes(cut)
    error = refused(lambda: read(Store.open(path)), "store.damaged")
    assert error.where == str(path)
    assert path.read_bytes() == cut, "the rest is kept for rescue"


def test_a_file_with_a_flipped_bit(new_file):
    path = Path(new_file())
    audit(Store.open(path))
    content = bytearray(path.read_bytes())
    for place in range(3 * 4096 + 20, len(content), 262_144):  # one in each block
        content[place] ^= 1
    path.write_bytes(content)
    refused(lambda: Store.open(path).audit.list(), "store.damaged")


def test_a_file_of_a_newer_duckdb(new_file):
    path = Path(new_file())
    content = bytearray(path.read_bytes())
    content[12:20] = (999).to_bytes(8, "little")
    content[:8] = _block_checksum(content[8:4096]).to_bytes(8, "little")
    path.write_bytes(content)
    refused(lambda: Store.open(path).designs.list(), "store.newer_format")
    assert path.read_bytes() == content


def _block_checksum(block: bytes) -> int:
    """DuckDB's own (src/common/checksum.cpp), to write a header that is sound but newer."""
    result = 5381
    for (word,) in struct.iter_unpack("<Q", block):
        result ^= word * 0xBF58476D1CE4E5B9 & 0xFFFF_FFFF_FFFF_FFFF
    return result


def test_a_network_file_system(tmp_path: Path, new_file, monkeypatch: pytest.MonkeyPatch):
    path = new_file()
    monkeypatch.setattr("workbench.store.file.file_system_of", lambda path: "nfs4")
    for url in (tmp_path / "new" / "x.duckdb", path):
        error = refused(lambda url=url: Store.open(url), "store.network")
        assert error.got == "nfs4"
        assert "ducklake:postgres:" in error.fix("en")
    assert not (tmp_path / "new").exists()


def test_the_file_system_of_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mounts = (
        f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:40 / {tmp_path}/far\\040away rw shared:1 - nfs4 server:/x rw\n"
    )
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *a: mounts if self.name == "mountinfo" else real(self, *a))
    (tmp_path / "far away").mkdir()
    assert location.file_system_of(tmp_path / "far away" / "deeper" / "x.duckdb") == "nfs4"
    assert location.file_system_of(tmp_path / "far") == "ext4"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to see what is forbidden")
def test_a_read_only_file_and_folder(made_file: Path):
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders are closed to other users
    try:
        path = folder / "x.duckdb"
        shutil.copyfile(made_file, path)
        path.chmod(0o644)
        folder.chmod(0o755)

        def as_nobody(work: Callable[[Store], None]) -> Callable[[], None]:
            def run() -> None:
                os.setuid(65534)
                work(Store.open(path))

            return run

        assert in_child(as_nobody(lambda store: store.designs.list())) == "done", "reading needs no permission to write"
        assert in_child(as_nobody(audit)) == "store.not_writable"
        folder.chmod(0o777)  # locks can be made now, the file still not written
        assert in_child(as_nobody(audit)) in ("store.not_writable", "store.not_allowed")
        path.chmod(0o600)
        assert in_child(as_nobody(lambda store: store.designs.list())) == "store.not_allowed"
        folder.chmod(0o755)

        def make_new() -> None:
            os.setuid(65534)
            Store.open(folder / "new" / "y.duckdb")

        assert in_child(make_new) in ("store.not_writable", "store.not_allowed")
    finally:
        shutil.rmtree(folder)


def test_a_full_disk_loses_nothing(new_file):
    path = Path(new_file())
    store = Store.open(path)
    audit(store, "before")
    size = path.stat().st_size

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300_000, size + 300_000))
        import numpy
        import pandas

        store.lots.add_lot("L", title="t", product="p", source="s", verified=True)
        count = 400_000
        frame = pandas.DataFrame({"carrier": "W", "position": numpy.arange(count), "parameter": "x_um",
                                  "value": numpy.random.default_rng(1).normal(size=count)})  # fmt: skip
        store.lots.add_measurements("L", frame, source="s")

    assert in_child(fill) == "store.disk_full"
    assert [row["event_id"] for row in store.audit.list()] == ["before"]
    assert len(store.lots.measurements("L")) == 0
    audit(store, "after")
    assert {row["event_id"] for row in store.audit.list()} == {"before", "after"}


def test_a_full_disk_while_a_store_is_made(tmp_path: Path):
    path = tmp_path / "x.duckdb"

    def make() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        Store.open(path)

    assert in_child(make) == "store.disk_full"
    assert not path.exists()
    assert Store.open(path).designs.list() == []


@pytest.mark.parametrize("url", ["ducklake:sqlite:x", "ducklake:postgres:", "postgresql://x", "s3://bucket/x.duckdb"])
def test_an_address_of_neither_kind(url: str):
    refused(lambda: Store.open(url), "store.url")


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORKBENCH_STORE", f"file:{tmp_path}/a.duckdb")
    assert locate().path == tmp_path / "a.duckdb"
    secret = locate(LAKE_PREFIX + r"host=h user=u password='it\'s so' dbname=d")
    assert secret.public == LAKE_PREFIX + "host=h user=u password=*** dbname=d"
    assert "pw" not in locate(LAKE_PREFIX + "postgresql://u:pw@h/d").public


def test_object_storage_is_refused_for_now(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORKBENCH_STORE_DATA", "s3://bucket/lake")
    refused(lambda: Store.open(LAKE_PREFIX + "dbname=d"), "store.data_path")


def test_a_server_that_is_away(tmp_path: Path):
    error = refused(lambda: Store.open(f"{LAKE_PREFIX}host={tmp_path} user=u password=hush"), "store.catalogue_away")
    assert "hush" not in error.sentence("en")


def test_a_database_of_something_else(postgres, lake_data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORKBENCH_STORE_DATA", str(lake_data))
    name = postgres.create_database()
    postgres.ask("CREATE TABLE mine (a integer)", name)
    refused(lambda: Store.open(LAKE_PREFIX + postgres.address(name)), "store.not_ours")
    assert postgres.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == 1


def test_a_server_that_went_away_and_came_back(postgres, made_lake, lake_data, monkeypatch: pytest.MonkeyPatch):
    """The kept instance is thrown away after a fault: the next call connects anew."""
    monkeypatch.setenv("WORKBENCH_STORE_DATA", str(lake_data))
    name = postgres.create_database(template=made_lake)
    store = Store.open(LAKE_PREFIX + postgres.address(name))

    def lose_the_server() -> None:
        with store.engine.writing("x", "k") as session:
            postgres.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            store.engine.snapshot()  # another instance: connects anew
            session.tuples("SELECT count(*) FROM audit_events")

    refused(lose_the_server, "store.catalogue_away")
    audit(store)
    assert len(store.audit.list()) == 1


def test_a_missing_extension_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    from workbench.store import lake_instance

    monkeypatch.setattr(lake_instance, "find_spec", lambda name: None)
    error = refused(lambda: lake_instance.extension_file("ducklake"), "store.extension")
    assert "duckdb_extension_ducklake" in error.got


def test_a_copy_made_while_a_log_was_left(new_file, tmp_path: Path):
    """A killed writer leaves its last transactions in the log beside the file: a backup has them."""
    path = new_file()
    store = Store.open(path)
    following = store.snapshot() + 1
    program = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute('PRAGMA disable_checkpoint_on_shutdown')\n"
        f"c.execute(\"INSERT INTO transactions VALUES ({following}, 'x', 'h', 1, TIMESTAMP '2026-01-01')\")\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, path], check=False)
    assert Path(f"{path}.wal").stat().st_size
    kept = backup(store, tmp_path / "kept.duckdb")
    assert kept["snapshot"] == store.snapshot() == following
    assert not Path(f"{kept['path']}.wal").exists()


def test_the_words_of_duckdb_that_are_told_apart(new_file):
    """Opening a file that needs a newer DuckDB, and the like, is recognised by DuckDB's own words."""
    from workbench.store.faults import as_store_error

    for words, rule in (
        ('Could not set lock on file "x": Conflicting lock is held in python (PID 7). See also', "store.locked"),
        ("Out of Memory Error: could not allocate block", "store.memory"),
        ("No space left on device", "store.disk_full"),
        ('FATAL: password authentication failed for user "u"', "store.catalogue_login"),
        ("anything else", "store.fault"),
    ):
        assert as_store_error(duckdb.IOException(words), "here").rule == rule
