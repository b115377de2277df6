"""One run: execute a notebook for a subject and record what happened, whatever happens."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uuid6

from workbench.errors import InputError, WorkbenchError
from workbench.i18n import language
from workbench.runs import provenance
from workbench.runs.context import VARIABLE
from workbench.runs.ending import Ending
from workbench.runs.notebooks import Notebook
from workbench.schema import Parameters, Summary
from workbench.store import Store

LIMIT_S = 900.0


@dataclass(frozen=True)
class Job:
    """What to execute. Holds plain values only: any Executor may carry it to another process or machine."""

    path: str
    notebook: str
    title: str
    parameters: dict[str, Any]
    subject_kind: str | None
    subject_id: str | None
    key: str
    snapshot: int
    store: str
    home: str
    engine: str | None = None
    limit_s: float = LIMIT_S
    memory_mb: int | None = None

    @property
    def label(self) -> str:
        return f"{self.notebook} {self.subject_id or ''}".strip()


def prepare(
    notebook: Notebook,
    parameters: Parameters,
    store: Store,
    home: Path,
    *,
    subjects: Mapping[str, list] | None = None,
    **options: Any,
) -> Job:
    """The job for `notebook` with checked parameters, on the store's present state.

    `subjects` (kind -> subjects at `store`'s snapshot) saves reading them again for each of many jobs.
    Raises InputError: a parameter names a subject that the store does not have.
    """
    snapshot = store.snapshot()
    past = store.at(snapshot)
    known = subjects if subjects is not None else {}
    fingerprints, chosen = [], {}
    for field in (f for f in notebook.parameters.fields() if f.of):
        subject_id = getattr(parameters, field.name)
        there = {s.subject_id: s for s in (known.get(field.of) or past.subjects(field.of))}
        if subject_id not in there:
            raise InputError(
                "run.no_such_subject",
                where=field.name,
                got=subject_id,
                allowed=", ".join(sorted(there)),
                kind=field.of,
            )
        chosen[field.name] = there[subject_id]
        fingerprints.append((field.of, subject_id, there[subject_id].fingerprint))
    for kind in notebook.reads:
        fingerprints += [(kind, s.subject_id, s.fingerprint) for s in known.get(kind) or past.subjects(kind)]
    subject = chosen.get(notebook.declared.get("subject"))
    return Job(
        path=str(notebook.path),
        notebook=notebook.name,
        title=subject.title if subject else notebook.title["en"],
        parameters=parameters.as_dict(),
        subject_kind=subject.kind if subject else None,
        subject_id=subject.subject_id if subject else None,
        key=provenance.run_key(notebook.source_sha256, parameters.as_dict(), fingerprints),
        snapshot=snapshot,
        store=store.url,
        home=str(home),
        **options,
    )


def execute(job: Job) -> dict[str, Any]:
    """Execute `job` and return its record. Never raises for what the notebook does; writes nothing to the store."""
    import papermill

    from workbench.runs import engines

    unable: WorkbenchError | None = None
    try:
        engine = engines.start(job.engine)
    except WorkbenchError as fault:
        unable = fault
    run_id = str(uuid6.uuid7())
    folder = Path(job.home) / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    part, whole = folder / f".{run_id}.part.ipynb", folder / f"{run_id}.ipynb"
    known = {"run_id": run_id, "store": job.store, "snapshot": job.snapshot, "started_at": _now().isoformat()}
    known |= dict(zip(("code_version", "dirty"), provenance.code_version(), strict=True))
    endings: list[Ending] = []
    outcome, error = "DONE", None
    started, clock = _now(), time.perf_counter()
    try:
        if unable is not None:
            raise unable
        papermill.execute_notebook(
            job.path,
            str(part),
            job.parameters,
            engine_name=engine,
            progress_bar=False,
            request_save_on_cell_execute=False,
            run_environment={VARIABLE: json.dumps(known), "WORKBENCH_LANG": language()},
            run_directory=str(Path(job.path).parent),
            run_limit_s=job.limit_s,
            run_memory_mb=job.memory_mb,
            on_ending=endings.append,
        )
    except papermill.PapermillExecutionError as fault:
        outcome, error = "ERROR", f"{fault.ename}: {fault.evalue}"
    except WorkbenchError as fault:
        outcome, error = "ERROR", f"{type(fault).__name__}: {fault.sentence('en')}"
    except Exception as fault:  # a full disk, a defect of a library: recorded like any other fault
        outcome, error = "ERROR", f"{type(fault).__name__}: {fault}"
    ending = endings[0] if endings else Ending()
    if outcome == "ERROR" and ending.timed_out:
        outcome = "TIMEOUT"
    executed = _keep(part, whole)
    summary = _summary(executed) if executed is not None and outcome == "DONE" else None
    return {
        **{name: value for name, value in asdict(job).items() if name in _OF_JOB},
        **provenance.of_this_code(),
        "run_id": run_id,
        "started_at": started,
        "duration_s": round(time.perf_counter() - clock, 3),
        "cpu_s": None if ending.cpu_s is None else round(ending.cpu_s, 3),
        "peak_memory_mb": None if ending.peak_memory_mb is None else round(ending.peak_memory_mb, 1),
        "outcome": outcome,
        "verdict": (summary or {}).get("verdict", "NONE") if outcome == "DONE" else None,
        "summary": summary,
        "error": error,
        "executed_sha256": hashlib.sha256(executed).hexdigest() if executed is not None else None,
        "executed_path": f"runs/{run_id}.ipynb" if executed is not None else None,
    }


_OF_JOB = ("notebook", "title", "parameters", "subject_kind", "subject_id", "key", "snapshot")


def _now() -> datetime:
    return datetime.now(UTC)


def _keep(part: Path, whole: Path) -> bytes | None:
    """Give the executed notebook its name only when it is whole; its bytes, or None when there is none."""
    try:
        os.replace(part, whole)
        return whole.read_bytes()
    except OSError:
        return None


def _summary(executed: bytes) -> dict[str, Any] | None:
    """The last summary that the notebook displayed."""
    found = None
    for cell in json.loads(executed)["cells"]:
        for output in cell.get("outputs", ()):
            found = output.get("data", {}).get(Summary.MIME, found)
    return found
