"""How long a caller waits for its turn."""

from __future__ import annotations

import os


def timeout_s() -> float:
    """Seconds a transaction waits for the store: $WORKBENCH_STORE_TIMEOUT_S, default 30."""
    return float(os.environ.get("WORKBENCH_STORE_TIMEOUT_S", "30"))
