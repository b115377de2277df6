"""The workbench's own folder and its store: writable, on a local disk, whole, of the present shape?"""

from __future__ import annotations

import os
from pathlib import Path

from workbench.doctor.finding import Finding, missing, ok, warning
from workbench.errors import BusyError, StoreError
from workbench.store import Store
from workbench.store.location import NETWORK_FILE_SYSTEMS, file_system_of, locate


def folder(home: Path, kind: str | None = None) -> Finding:
    """Can data be written in `home`, and is it a local disk? `kind` is its file system (default: asked)."""
    there = next(f for f in (home, *home.parents) if f.exists())
    cure = 'export WORKBENCH_HOME="$HOME/chiplet-workbench"'
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return missing("folder", "doctor.folder.read_only", cure=cure, folder=str(home))
    kind = file_system_of(home) if kind is None else kind
    if kind in NETWORK_FILE_SYSTEMS:
        return missing("folder", "doctor.folder.network", cure=cure, folder=str(home), kind=kind)
    return ok("folder", "doctor.folder.ok", folder=str(home))


def store(url: str | None = None) -> Finding:
    """Does the store open and read? One that was never made is no fault: `make run` makes it."""
    try:
        location = locate(url)
        if location.mode == "file" and location.path is not None and not location.path.exists():
            return ok("store", "doctor.store.none", where=location.public)
        opened = Store.open(url)
        snapshot = opened.snapshot()
    except BusyError as busy:
        return warning("store", "doctor.store.busy", cure="workbench doctor", why=busy.what())
    except StoreError as error:
        if error.rule == "store.older":
            return missing("store", "doctor.store.older", cure="workbench store upgrade", where=error.where)
        return missing("store", "doctor.store.refused", cure="workbench store check", why=error.sentence())
    return ok("store", "doctor.store.ok", where=opened.public_url, snapshot=snapshot)
