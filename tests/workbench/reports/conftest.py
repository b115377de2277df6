"""Executed notebooks in code, a store of run records in memory, and one browser for the module's tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import pytest

from workbench.errors import InputError, MissingToolError


@pytest.fixture(scope="session")
def examples() -> ModuleType:
    """The module beside this one that builds executed notebooks and records."""
    name = "reports_examples"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("examples.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Runs:
    """`store.notebook_runs` as reports use it, newest first."""

    def __init__(self, home: Path, examples: ModuleType) -> None:
        self.home, self._examples, self.records = home, examples, []

    def add(self, executed: Any = None, /, **changes: Any) -> dict[str, Any]:
        """A record of the next day and, when given, its executed notebook on disk."""
        number = len(self.records) + 1
        values: dict[str, Any] = {
            "run_id": f"01977c1e-5a1b-7c33-9f10-{number:012d}",
            "started_at": f"2026-03-{number % 28 + 1:02d}T02:14:09+08:00",
            "executed_sha256": f"{number:064d}",
        }
        values |= changes
        if executed is not None:
            path = self.home / "runs" / f"{values['run_id']}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(executed, path)
            values["executed_path"] = f"runs/{path.name}"
        self.records.append(self._examples.record(**values))
        return self.records[-1]

    def list(self, subject: str | None = None, notebook: str | None = None, limit: int | None = None) -> list[dict]:
        return self.records[::-1]

    def get(self, run_id: str) -> dict:
        for record in self.records:
            if record["run_id"] == run_id:
                return record
        raise InputError("store.not_there", where="notebook_runs", got=run_id)


@pytest.fixture
def store(home: Path, examples: ModuleType) -> Any:
    return SimpleNamespace(notebook_runs=Runs(home, examples))


@pytest.fixture(scope="session")
def chromium():
    """A headless browser that can reach no network and tells what it asked for."""
    from workbench.reports.pdf import browser_path, driver_path, start_browser

    try:
        browser_path(), driver_path()
    except MissingToolError as error:
        pytest.skip(error.sentence("en"))
    driver = start_browser(capabilities={"goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"}})
    yield driver
    driver.quit()
