"""What a run must record to be understood and made again: code, data, environment, machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import workbench

ROOT = Path(workbench.__file__).resolve().parent.parent
SOURCES = ("workbench", "widgets", "data")  # what a result depends on, besides the notebook, the data and the lock
LOCK = ROOT / "requirements.lock"


@cache
def code_version() -> tuple[str, bool | None]:
    """Version of the code, and whether the tree differs from it (None: not known, there is no git)."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if not head:
        return workbench.__version__, None
    changed = _git("status", "--porcelain", "--untracked-files=normal", "--", *SOURCES, "notebooks", LOCK.name)
    return f"{workbench.__version__}+{head}", bool(changed)


def _git(*words: str) -> str:
    if not (ROOT / ".git").exists():  # a repository further up is not ours
        return ""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def source_hash() -> str:
    """Hash of the code and the facts shipped with it: names and contents, in order."""
    digest = hashlib.sha256()
    for top in SOURCES:
        for file in sorted((ROOT / top).rglob("*")):
            relative = file.relative_to(ROOT)
            if file.is_file() and "__pycache__" not in relative.parts and not file.name.startswith("."):
                digest.update(f"{relative.as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@cache
def lock_sha256() -> str | None:
    """Hash of the lock file; None where there is none (installed from a wheel)."""
    try:
        return hashlib.sha256(LOCK.read_bytes()).hexdigest()
    except OSError:
        return None


@cache
def packages() -> dict[str, str]:
    """Versions of the packages we declare; the lock's hash stands for the rest."""
    try:
        declared = metadata.requires("chiplet-workbench") or []
    except metadata.PackageNotFoundError:
        declared = []
    found = {}
    for requirement in declared:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name and "extra ==" not in requirement:
            try:
                found[name.group().lower()] = metadata.version(name.group())
            except metadata.PackageNotFoundError:
                continue
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


@cache
def machine() -> dict[str, Any]:
    """The machine, as far as it may explain a difference."""
    import psutil

    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def run_key(notebook_sha256: str, parameters: Mapping[str, Any], fingerprints: Iterable[tuple[str, str, str]]) -> str:
    """What decides whether a run would give anything new: notebook, parameters, code, lock, data of its subjects."""
    parts = [notebook_sha256, dict(parameters), source_hash(), lock_sha256(), sorted(fingerprints)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def of_this_code() -> dict[str, Any]:
    """The part of a record that is the same for every run of this process."""
    version, dirty = code_version()
    return {
        "code_version": version,
        "dirty": dirty,
        "source_hash": source_hash(),
        "lock_sha256": lock_sha256(),
        "packages": packages(),
        "machine": machine(),
    }
