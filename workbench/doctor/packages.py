"""Python and its packages: are they what the lock says, and does the lock say what the project declares?"""

from __future__ import annotations

import os
import platform
import re
import tomllib
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from workbench.doctor.finding import Finding, missing, ok, warning

DISTRIBUTION = "chiplet-workbench"
SHOWN = 6  # names told in a sentence; --json and the cure cover all


def python(version: str | None = None, *, required: str = ">=3.11") -> Finding:
    """Is this Python new enough? `required` as in pyproject's requires-python."""
    version = version or platform.python_version()
    if Version(version).base_version and Requirement(f"python{required}").specifier.contains(version, prereleases=True):
        return ok("python", "doctor.python.ok", version=version)
    return missing(
        "python", "doctor.python.old", cure="make PYTHON=/path/to/python3.11 run", version=version, required=required
    )


def locked(lock: str) -> dict[str, str]:
    """Name -> version of a lock file's entries that hold for this Python and system."""
    environment = default_environment()
    entries = [Requirement(line.rstrip("\\ ")) for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    return {
        canonicalize_name(entry.name): next(iter(entry.specifier)).version
        for entry in entries
        if entry.marker is None or entry.marker.evaluate(dict(environment))
    }


def needed_at_run_time(declared: list[str], requires: Callable[[str], list[str] | None]) -> set[str]:
    """Names of `declared` and of everything they require here; what is not installed is named and not followed."""
    environment = {**default_environment(), "extra": ""}
    seen: set[str] = set()
    waiting = [Requirement(text) for text in declared]
    while waiting:
        requirement = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate(dict(environment)):
            continue
        name = canonicalize_name(requirement.name)
        if name not in seen:
            seen.add(name)
            waiting += [Requirement(text) for text in requires(name) or []]
    return seen


def _requires(name: str) -> list[str] | None:
    try:
        return metadata.requires(name)
    except metadata.PackageNotFoundError:
        return None


def installed() -> dict[str, str]:
    """Name -> version of everything installed for this Python."""
    return {canonicalize_name(d.metadata["Name"]): d.version for d in metadata.distributions() if d.metadata["Name"]}


def packages(pinned: Mapping[str, str], needed: set[str], present: Mapping[str, str]) -> Finding:
    """Compare what is installed (`present`) with the lock (`pinned`), for the names in `needed`."""
    absent = sorted(name for name in needed & pinned.keys() if name not in present)
    differing = sorted(
        f"{name} {present[name]} ({pinned[name]})"
        for name in needed & pinned.keys() & present.keys()
        if Version(present[name]) != Version(pinned[name])
    )
    if absent:
        return missing(
            "packages", "doctor.packages.absent", cure=install_command(), count=len(absent), names=_short(absent)
        )
    if differing:
        return warning(
            "packages", "doctor.packages.differ", cure=install_command(), count=len(differing), names=_short(differing)
        )
    return ok("packages", "doctor.packages.ok", count=len(needed & pinned.keys()))


def lock_is_current(declared: list[str], pinned: Mapping[str, str]) -> Finding:
    """Does the lock satisfy every dependency that the project declares?"""
    wrong = []
    for text in declared:
        requirement = Requirement(text)
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            wrong.append(text)
    if wrong:
        return warning("lock", "doctor.lock.stale", cure="make lock", names=_short(wrong))
    return ok("lock", "doctor.lock.ok", count=len(declared))


def examine_packages(tree: Path) -> list[Finding]:
    """All of the above for the source tree at `tree`, or for an installed package when there is no tree."""
    try:
        project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
        pinned = locked((tree / "requirements.lock").read_text("utf-8"))
    except OSError:
        return [python(), ok("lock", "doctor.lock.none")]
    declared = project["dependencies"]
    needed = needed_at_run_time(declared, _requires)
    return [
        python(required=project["requires-python"]),
        packages(pinned, needed, installed()),
        lock_is_current(declared, pinned),
    ]


def install_command() -> str:
    """The command that brings the packages of the lock."""
    conda = os.environ.get("CONDA_PREFIX")
    return "conda env update --file environment.yml" if conda else "make --always-make .venv/.installed"


def _short(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
