"""Screens draw through IPython's display machinery, which needs a shell."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture(autouse=True, scope="session")
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def validated_charts(monkeypatch):
    """Every chart drawn in these tests is checked against the Vega-Lite schema."""
    monkeypatch.setattr("widgets.page.VALIDATE_CHARTS", True)


@pytest.fixture(autouse=True)
def static_charts():
    """An interactive screen asks for SVG for its whole process: give the report's renderer back."""
    import widgets.theme

    with widgets.theme.alt.renderers.enable("workbench"):
        yield
