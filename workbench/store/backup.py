"""Backup, restore and upgrade. A backup is always one DuckDB file in the form of mode 1, whatever the store's mode:
it opens in any DuckDB tool, restores into either mode, and so is also the way from one mode to the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from workbench.errors import StoreError
from workbench.store import faults, lake_transfer, migrations
from workbench.store.file import FileEngine
from workbench.store.location import Location, home, locate
from workbench.store.store import Store, engine_for


def backup(store: Store, target: str | os.PathLike | None = None) -> dict:
    """Write a backup and its record (``<file>.json``); gives the record.

    A file store is copied under the shared lock (writers wait for the length of one copy, readers do not);
    a lake is read in one transaction and nobody waits. Nothing that exists is replaced.

    Raises StoreError: the target exists, or cannot be written.
    """
    path = Path(target).expanduser().absolute() if target else _default_target(store)
    if path.exists():
        raise StoreError("store.backup_exists", where=path)
    part = path.with_name(path.name + ".part")
    try:
        with faults.translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if store.mode == "file":
                store.engine.copy_to(part)
            else:
                lake_transfer.write_file(store.engine, part)
            record = _record(store, part)
            part.replace(path)
            path.with_name(path.name + ".json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    finally:
        part.unlink(missing_ok=True)
        Path(f"{part}.wal").unlink(missing_ok=True)
    return record | {"path": str(path)}


def _default_target(store: Store) -> Path:
    folder = store.engine.path.parent if store.mode == "file" else home()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return folder / "backups" / f"workbench-{stamp}.duckdb"


def _record(store: Store, part: Path) -> dict:
    with _file_engine(part).reading_alone() as session:
        shape = migrations.applied(session)
        snapshot = session.value("SELECT coalesce(max(txn), 0) FROM transactions")
    return {"made_at": datetime.now(UTC).isoformat(), "of": store.public_url, "mode": store.mode,
            "schema": shape, "snapshot": snapshot, "size_b": part.stat().st_size,
            "sha256": _file_sha256(part)}  # fmt: skip


def restore(source: str | os.PathLike, url: str | os.PathLike | None = None, *, replace: bool = False) -> dict:
    """Bring a backup back, into a file or into an empty lake; gives what was done.

    With `replace` a present file is kept beside under another name. A lake must be empty. Raises StoreError: no
    backup, a backup that does not match its record, one of a newer shape, a store in the way.
    """
    source = Path(source).expanduser().absolute()
    shape = _verified(source)
    location = locate(url)
    kept = None
    if location.mode == "file":
        kept = _restore_file(source, location, replace=replace)
    else:
        lake_transfer.read_file(engine_for(location), source)
    return {"path": str(source), "url": location.public, "schema": shape, "kept": kept and str(kept)}


def _verified(source: Path) -> int:
    engine = _file_engine(source)
    engine.inspect()
    record = source.with_name(source.name + ".json")
    if record.exists():
        with faults.translated(record):
            said = json.loads(record.read_text("utf-8")).get("sha256")
        if said != _file_sha256(source):
            raise StoreError("store.backup_bad", where=source)
    with engine.reading_alone() as session:
        shape = migrations.applied(session)
    if shape == 0:
        raise StoreError("store.not_ours", where=source)
    if shape > migrations.newest():
        raise StoreError("store.newer", where=source, got=shape, allowed=migrations.newest())
    return shape


def _restore_file(source: Path, location: Location, *, replace: bool) -> Path | None:
    engine, path = FileEngine(location), location.path
    with faults.translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    engine.require_local()
    kept = None
    with engine.alone("restore"), faults.translated(path):
        if path.exists() and not replace:
            raise StoreError("store.backup_tables", where=path)
        part = path.with_name(path.name + ".restoring")
        try:
            shutil.copyfile(source, part)
            _flush(part)
            if path.exists():
                stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
                kept = path.with_name(f"{path.name}.replaced-{stamp}")
                path.replace(kept)
                wal = Path(f"{path}.wal")  # belongs to the file that steps aside
                if wal.exists():
                    wal.replace(f"{kept}.wal")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return kept


def upgrade(url: str | os.PathLike | None = None) -> dict:
    """Bring an older store to this program's shape, after a backup; gives the steps taken.

    Each step is one transaction with its record: a cut-off upgrade goes on where it stopped. Raises StoreError for a
    newer store, or none.
    """
    engine = engine_for(locate(url))
    if engine.mode == "file":
        engine.inspect()
    store = Store(engine)
    with store.exclusive("upgrade"):
        with engine.reading(any_shape=True) as session:
            shape = migrations.applied(session)
        if shape >= migrations.newest():
            migrations.require_current(shape, where=engine.where)
            return {"from": shape, "to": shape, "steps": [], "backup": None}
        kept = backup(store)
        steps = [step for step in migrations.MIGRATIONS if step.number > shape]
        for step in steps:
            with engine.writing(f"migration {step.name}", "upgrade", any_shape=True) as session:
                migrations.apply(session, step)
        if engine.mode == "ducklake":
            engine.set_row_groups()
    return {"from": shape, "to": migrations.newest(), "steps": [step.name for step in steps], "backup": kept["path"]}


def _file_engine(path: Path) -> FileEngine:
    return FileEngine(Location("file", path=path))


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
