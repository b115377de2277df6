"""Is everything here that the workbench needs? Each check gives a `Finding` with the command that mends it."""

from __future__ import annotations

from pathlib import Path

from workbench.doctor import packages
from workbench.doctor.finding import Finding, warning

__all__ = ["Finding", "examine"]

TREE = Path(__file__).resolve().parents[2]


def examine(home: Path, *, tree: Path = TREE) -> list[Finding]:
    """Every check, required ones first. Reads and starts programs; changes nothing."""
    findings = packages.examine_packages(tree)
    try:  # these need packages, whose absence is just what may have to be told
        from workbench.doctor import data, machine
    except ImportError as absent:
        return [*findings, warning("rest", "doctor.rest.skipped", cure=packages.install_command(), name=absent.name)]
    return [
        *findings,
        data.folder(home),
        machine.disk(home),
        data.store(),
        machine.fonts(),
        machine.browser(),
        machine.process_start(),
        machine.sandbox(),
        machine.git(tree),
    ]
