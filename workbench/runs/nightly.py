"""The nightly: every notebook for every subject whose report is missing or out of date, and nothing else.

Made of three steps that can be used alone: `plan` compares what there is with what there should be, `carry_out`
executes and records, `Night` keeps the record of nights from which missed ones are counted. Everything done is in
the store the moment it is done, so a night that was killed goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from workbench.errors import BusyError, InputError, WorkbenchError
from workbench.runs import provenance
from workbench.runs.execution import Job, execute, prepare
from workbench.runs.notebooks import Notebook, is_what_if
from workbench.store import Store

REFUSED = ("InputError", "DomainError", "RuleViolation")  # would be refused again: not retried
PART_KEPT_S = 86400.0


@dataclass(frozen=True)
class Plan:
    """What a night has to do. `before` is the last finished record of each due job's subject, by label."""

    due: list[Job]
    unchanged: int
    refused: list[WorkbenchError]
    before: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """A job that is over: its last record and how many attempts it took."""

    job: Job
    record: dict[str, Any]
    attempts: int

    @property
    def failed(self) -> bool:
        return self.record["outcome"] != "DONE"


class Progress(Protocol):
    """Who is told how far the night is."""

    def begin(self, total: int) -> None: ...

    def over(self, done: Done) -> None: ...

    def retry(self, job: Job, record: dict[str, Any], pause_s: float) -> None: ...


def plan(
    store: Store,
    home: Path,
    notebooks: Iterable[Notebook],
    *,
    again: bool = False,
    subject: str | None = None,
    **options,
) -> Plan:
    """What is due at the store's present state; `again` makes everything due, `subject` keeps only that one.

    `options` (engine, limit_s, memory_mb) go into each job.
    """
    past = store.at(store.snapshot())
    newest = {(r["notebook"], r["subject_kind"], r["subject_id"]): r for r in store.notebook_runs.latest()}
    subjects = _Subjects(past)
    due: list[Job] = []
    refused: list[WorkbenchError] = []
    before: dict[str, dict[str, Any]] = {}
    unchanged = 0
    for notebook in notebooks:
        declared = notebook.subject
        values = [{}] if declared is None else [{declared.name: s.subject_id} for s in subjects[declared.of]]
        for chosen in values:
            if subject is not None and subject not in chosen.values():
                continue
            try:
                job = prepare(notebook, notebook.parameters(**chosen), past, home, subjects=subjects, **options)
            except InputError as error:
                refused.append(error)
                continue
            last = newest.get((job.notebook, job.subject_kind, job.subject_id))
            if not again and _made(store, home, job, last):
                unchanged += 1
                continue
            due.append(job)
            if last is not None:
                stands = last["outcome"] == "DONE" and not is_what_if(last)
                before[job.label] = last if stands else _last_done(store, job)
    return Plan(due, unchanged, refused, {label: record for label, record in before.items() if record})


class _Subjects(dict):
    """Subjects by kind, read once."""

    def __init__(self, store: Store):
        self._store = store

    def __missing__(self, kind: str) -> list:
        self[kind] = self._store.subjects(kind)
        return self[kind]

    def get(self, kind: str, default: Any = None) -> list:
        return self[kind]


def _made(store: Store, home: Path, job: Job, last: dict[str, Any] | None) -> bool:
    """Whether a finished run of this key exists, with its executed notebook still there."""
    if last is None:
        return False
    record = last if last["key"] == job.key and last["outcome"] == "DONE" else store.notebook_runs.by_key(job.key)
    return bool(record) and record["outcome"] == "DONE" and (home / str(record["executed_path"])).is_file()


def _last_done(store: Store, job: Job) -> dict[str, Any] | None:
    records = store.notebook_runs.list(subject=job.subject_id, notebook=job.notebook, limit=50)
    return next((r for r in records if r["outcome"] == "DONE" and not is_what_if(r)), None)


def carry_out(
    jobs: list[Job],
    store: Store,
    executor: Executor,
    *,
    at_once: int,
    retries: int = 1,
    pause_s: float = 2.0,
    progress: Progress,
) -> Iterator[Done]:
    """Execute `jobs` on `executor`, record every attempt, yield each job when it is over.

    A fault (not a verdict, not a refused input) is tried again up to `retries` times, after `pause_s`, twice that, ...
    """
    progress.begin(len(jobs))
    waiting = [(0.0, number, 1) for number in range(len(jobs))]  # not before, which, attempt
    running: dict[Future, tuple[int, int]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once and waiting[0][0] <= time.monotonic():
                _, number, attempt = heapq.heappop(waiting)
                running[executor.submit(execute, jobs[number])] = (number, attempt)
            pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting and len(running) < at_once else None
            if not running:
                time.sleep(pause or 0.0)
                continue
            ended, _ = wait(running, timeout=pause, return_when=FIRST_COMPLETED)
            for future in ended:
                number, attempt = running.pop(future)
                record = future.result()
                keep(store, record)
                if _worth_another(record) and attempt <= retries:
                    delay = pause_s * 2 ** (attempt - 1)
                    progress.retry(jobs[number], record, delay)
                    heapq.heappush(waiting, (time.monotonic() + delay, number, attempt + 1))
                    continue
                done = Done(jobs[number], record, attempt)
                progress.over(done)
                yield done
    finally:
        for future in running:
            future.cancel()


def _worth_another(record: dict[str, Any]) -> bool:
    return record["outcome"] != "DONE" and not str(record["error"]).startswith(REFUSED)


def keep(store: Store, record: dict[str, Any], attempts: int = 5) -> None:
    """Put a record into the store; a store that is busy is asked again, for about half a minute."""
    for attempt in range(attempts):
        try:
            store.notebook_runs.add(record)
            return
        except BusyError:
            if attempt == attempts - 1:
                raise
            time.sleep(2.0**attempt)


@dataclass
class Digest:
    """What a night did, by what a reader must look at first."""

    night: str
    nights_missed: int = 0
    last_complete: str | None = None
    continued: bool = False  # an earlier night was interrupted
    new: list[dict[str, Any]] = field(default_factory=list)
    changed_verdict: list[dict[str, Any]] = field(default_factory=list)
    same_verdict: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    unchanged: int = 0
    attempts: int = 0
    duration_s: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every report that was due could be made."""
        return not self.failed and not self.refused

    def add(self, done: Done, before: dict[str, Any] | None) -> None:
        record = done.record
        entry = {name: record[name] for name in ("run_id", "notebook", "subject_id", "title", "verdict", "duration_s")}
        self.attempts += done.attempts
        if done.failed:
            self.failed.append({**entry, "outcome": record["outcome"], "error": record["error"]})
        elif before is None:
            self.new.append(entry)
        elif before["verdict"] != record["verdict"]:
            self.changed_verdict.append({**entry, "before": before["verdict"], "run_before": before["run_id"]})
        else:
            self.same_verdict.append(entry)


ACTOR, BEGUN, COMPLETE = "nightly", "night.begun", "night.complete"


class Night:
    """The store's record of nights: begun, and complete when everything due was tried."""

    def __init__(self, store: Store, today: date | None = None):
        self.store, self.today = store, today or datetime.now().astimezone().date()

    def begin(self) -> Digest:
        """Note that a night begins; what is known of the nights before."""
        complete = self.store.audit.list(actor=ACTOR, action=COMPLETE)
        begun = self.store.audit.list(actor=ACTOR, action=BEGUN)
        last = complete[-1] if complete else None
        digest = Digest(str(self.today))
        if last is not None:
            digest.last_complete = last["subject_id"]
            digest.nights_missed = max(0, (self.today - date.fromisoformat(last["subject_id"])).days - 1)
        digest.continued = bool(begun) and (last is None or begun[-1]["occurred_at"] > last["occurred_at"])
        self._note(BEGUN, {"code_version": provenance.code_version()[0]})
        return digest

    def end(self, digest: Digest) -> None:
        counts = {
            name: len(getattr(digest, name)) for name in ("new", "changed_verdict", "same_verdict", "failed", "refused")
        }
        self._note(COMPLETE, {**counts, "unchanged": digest.unchanged, "duration_s": round(digest.duration_s, 1)})

    def _note(self, action: str, detail: dict[str, Any]) -> None:
        self.store.audit.add(
            actor=ACTOR, action=action, subject_kind="night", subject_id=str(self.today), detail=detail,
            occurred_at=datetime.now(UTC),
        )  # fmt: skip


def sweep(home: Path) -> None:
    """Remove what runs that were killed left half-written more than a day ago."""
    for part in (home / "runs").glob(".*.part.ipynb"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > PART_KEPT_S:
                part.unlink()


def run_night(
    store: Store,
    home: Path,
    notebooks: list[Notebook],
    executor: Executor,
    *,
    at_once: int,
    refused: Iterable[WorkbenchError] = (),
    progress: Progress,
    retries: int = 1,
    pause_s: float = 2.0,
    announce: Callable[[Digest, Plan], None] = lambda digest, plan: None,
    **choice: Any,
) -> Digest:
    """One night on `store`, from plan to digest. Raises BusyError when another night is under way there."""
    with store.exclusive("nightly"):
        clock = time.perf_counter()
        sweep(home)
        night = Night(store)
        digest = night.begin()
        todo = plan(store, home, notebooks, **choice)
        announce(digest, todo)
        digest.unchanged = todo.unchanged
        digest.refused = [error.as_dict() for error in (*refused, *todo.refused)]
        for done in carry_out(
            todo.due, store, executor, at_once=at_once, retries=retries, pause_s=pause_s, progress=progress
        ):
            digest.add(done, todo.before.get(done.job.label))
        digest.duration_s = time.perf_counter() - clock
        night.end(digest)
        return digest
