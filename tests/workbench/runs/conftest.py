"""Notebooks built in place, and one fork server for the module's tests."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill
import pytest

from workbench.runs import engines

logging.getLogger("papermill").setLevel(logging.ERROR)
KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}


def notebook(*sources: str, tags: dict[int, list[str]] | None = None, metadata: dict | None = None):
    """A notebook of code cells; `tags` by cell number."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for index, names in (tags or {}).items():
        cells[index].metadata["tags"] = names
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, **(metadata or {})})


@contextmanager
def outside_pytest():
    """ipykernel leaves the descriptors 1 and 2 alone when it sees pytest's variable; a user's run has none."""
    name = "PYTEST_CURRENT_TEST"
    held = os.environ.pop(name, None)
    try:
        yield
    finally:
        if held is not None:
            os.environ[name] = held


@pytest.fixture
def execute(tmp_path: Path):
    """execute(notebook, engine="fork", parameters=None, **options) -> (executed notebook, Ending or None)."""
    engines.register()

    def run(nb, engine: str = "fork", parameters: dict | None = None, **options):
        source, result = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
        nbformat.write(nb, source)
        result.unlink(missing_ok=True)
        endings: list = []
        if engine != "stock":
            options["on_ending"] = endings.append
        try:
            with outside_pytest():
                papermill.execute_notebook(
                    source,
                    result,
                    parameters or {},
                    engine_name=engines.CHOICES.get(engine),
                    progress_bar=False,
                    cwd=tmp_path,
                    **options,
                )
        except papermill.PapermillExecutionError as fault:
            run.fault = fault
        return nbformat.read(result, as_version=4), (endings[0] if endings else None)

    run.fault = None
    return run
