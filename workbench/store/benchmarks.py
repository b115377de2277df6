"""Benchmark systems, runs and results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.store.append import append, prepare
from workbench.store.literals import literal
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    import pandas

    from workbench.store.store import Store


class Benchmarks:
    """Which system reached what, by which rules, from which source."""

    def __init__(self, store: Store):
        self._store = store

    def add_system(self, system_id: str, *, title: str, organisation: str, document: dict) -> None:
        """Add a system, or say it anew."""
        self._add("benchmark_systems", f"benchmark_systems:{system_id}",
                  [{"system_id": system_id, "title": title, "organisation": organisation,
                    "document": document}])  # fmt: skip

    def add_run(self, run_id: str, *, system_id: str, suite: str, round: str, division: str, benchmark: str,
                scenario: str, official: bool, document: dict, source: str, verified: bool,
                measured_at: datetime | str | None = None) -> None:  # fmt: skip
        """Add a run. Raises InputError when its system is unknown."""
        run = {"system_id": system_id, "suite": suite, "round": round, "division": division, "benchmark": benchmark}
        run |= {"scenario": scenario, "official": official, "document": document, "source": source}
        run |= {"run_id": run_id, "verified": verified, "measured_at": measured_at}
        self._add("benchmark_runs", f"benchmark_runs:{run_id}", [run])

    def add_results(self, run_id: str, rows: Iterable[Mapping]) -> int:
        """Add results (metric, value, unit, valid, low, high) of a run; how many were new."""
        rows = [{**row, "run_id": run_id} for row in rows]
        return self._add("benchmark_results", f"benchmark_runs:{run_id}", rows)

    def _add(self, table: str, lock: str, rows: list[dict]) -> int:
        ready = prepare(BY_NAME[table], rows)
        if not ready:
            return 0
        with self._store.writing(f"add {table}", lock) as session:
            return len(append(session, BY_NAME[table], ready))

    def systems(self) -> list[dict]:
        """system_id, title, organisation, document of every system."""
        with self._store.reading() as session:
            return session.rows("SELECT system_id, title, organisation, document, recorded_at "
                                "FROM current_benchmark_systems ORDER BY system_id")  # fmt: skip

    def results(self) -> pandas.DataFrame:
        """Every result with its run and system: system (its title), system_id, run_id, suite, round, division,
        benchmark, scenario, metric, value, unit, official, valid, low, high, source, verified.
        """
        with self._store.reading() as session:
            return session.frame(
                "SELECT s.title AS system, s.system_id, run_id, suite, round, division, benchmark, scenario, metric, "
                "value, unit, official, valid, low, high, r.source, r.verified "
                "FROM current_benchmark_results JOIN current_benchmark_runs AS r USING (run_id) "
                "JOIN current_benchmark_systems AS s USING (system_id) "
                "ORDER BY suite, round, benchmark, scenario, s.system_id, run_id, metric"
            )

    def run(self, run_id: str) -> dict:
        """One run with its results under ``results``. Raises InputError for an unknown run."""
        with self._store.reading() as session:
            rows = session.rows(f"{_RUN} WHERE run_id = {literal(run_id)}")
            results = session.rows("SELECT metric, value, unit, valid, low, high FROM current_benchmark_results "
                                   f"WHERE run_id = {literal(run_id)} ORDER BY metric")  # fmt: skip
        if not rows:
            raise InputError("store.not_there", where="benchmark_runs", got=run_id)
        return rows[0] | {"results": results}

    def runs(self, system_id: str | None = None) -> list[dict]:
        """Runs of one system, or of all, oldest first."""
        which = f" WHERE system_id = {literal(system_id)}" if system_id is not None else ""
        with self._store.reading() as session:
            return session.rows(f"{_RUN}{which} ORDER BY measured_at NULLS FIRST, recorded_at, run_id")


_RUN = ("SELECT run_id, system_id, suite, round, division, benchmark, scenario, official, document, source, verified, "
        "measured_at, recorded_at FROM current_benchmark_runs")  # fmt: skip
