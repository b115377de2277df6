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
        self.add(systems=[{"system_id": system_id, "title": title, "organisation": organisation, "document": document}])

    def add_run(self, run_id: str, *, system_id: str, suite: str, round: str, division: str, benchmark: str,
                scenario: str, official: bool, document: dict, source: str, verified: bool,
                measured_at: datetime | str | None = None) -> None:  # fmt: skip
        """Add a run. Raises InputError when its system is unknown."""
        run = {"system_id": system_id, "suite": suite, "round": round, "division": division, "benchmark": benchmark}
        run |= {"scenario": scenario, "official": official, "document": document, "source": source}
        self.add(runs=[run | {"run_id": run_id, "verified": verified, "measured_at": measured_at}])

    def add_results(self, run_id: str, rows: Iterable[Mapping]) -> int:
        """Add results (metric, value, unit, valid, low, high) of a run; how many were new."""
        return self.add(results=[{**row, "run_id": run_id} for row in rows])

    def add(
        self, *, systems: Iterable[Mapping] = (), runs: Iterable[Mapping] = (), results: Iterable[Mapping] = ()
    ) -> int:
        """Add systems, runs and results together: all of them or, when one is refused, none; how many were new.

        Rows have the columns of `add_system`, `add_run` and `add_results` (results with their `run_id`).
        """
        given = {"benchmark_systems": systems, "benchmark_runs": runs, "benchmark_results": results}
        ready = {name: prepare(BY_NAME[name], rows) for name, rows in given.items()}
        if not any(ready.values()):
            return 0
        keys = [
            f"{'benchmark_systems' if name == 'benchmark_systems' else 'benchmark_runs'}:{row.key[0]}"
            for name, rows in ready.items()
            for row in rows
        ]
        with self._store.writing("add benchmarks", *sorted(set(keys))) as session:
            return sum(len(append(session, BY_NAME[name], rows)) for name, rows in ready.items() if rows)

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
