"""The one store of the workbench: append-only, versioned, in one DuckDB file or on DuckLake with PostgreSQL.

SQL lives in this package and nowhere else.
"""

from __future__ import annotations

from workbench.store.store import Store
from workbench.store.subjects import Subject

__all__ = ["Store", "Subject"]
