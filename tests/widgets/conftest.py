"""Screens draw through IPython's display machinery, which needs a shell."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture(autouse=True, scope="session")
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()
