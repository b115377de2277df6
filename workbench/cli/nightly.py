"""`workbench nightly`: make every report that is missing or out of date, publish the site, say what changed."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from workbench.errors import RunError
from workbench.i18n import language, t


def _workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.command()
@click.option("--workers", type=click.IntRange(1, 256), default=_workers, help="Runs at once (default: one per core).")
@click.option("--only", "names", multiple=True, metavar="NOTEBOOK", help="Only this notebook; may be repeated.")
@click.option("--subject", metavar="ID", help="Only this subject.")
@click.option("--again", is_flag=True, help="Make every report anew, also those that have not changed.")
@click.option("--dry-run", is_flag=True, help="Say what is due and stop.")
@click.option("--timeout", "limit_s", type=click.FloatRange(min=0, min_open=True), default=900, show_default=True,
              help="End a run after this many seconds.")  # fmt: skip
@click.option("--memory", "memory_mb", type=click.IntRange(min=64), help="Memory one run may take, in MB.")
@click.option("--retries", type=click.IntRange(0, 10), default=1, show_default=True, help="New attempts after a fault.")
@click.option("--publish/--no-publish", default=True, help="Bring the report site up to date.")
@click.option("--pdf/--no-pdf", default=True, help="Print each new report to PDF (needs Chromium).")
@click.option("--json", "as_json", is_flag=True, help="Print the digest as JSON.")
def command(
    workers: int, names: tuple[str, ...], subject: str | None, again: bool, dry_run: bool, limit_s: float,
    memory_mb: int | None, retries: int, publish: bool, pdf: bool, as_json: bool,
) -> None:  # fmt: skip
    """Execute every notebook for every subject whose notebook, parameters, code or data have changed.

    Ends with 0 also when verdicts are FAIL: those are results. Ends with 4 when a report could not be made,
    with 5 when another nightly is running on this store.
    """
    from workbench.runs import engines, nightly, notebooks
    from workbench.store import Store
    from workbench.store.location import home

    engines.lighten()
    engines.choose()  # an unknown engine is refused before anything is started
    good, refused = ([notebooks.find(name) for name in names], []) if names else notebooks.everything()
    good = [notebook for notebook in good if names or notebook.reported]
    store = Store.open()
    options = {"again": again, "subject": subject, "limit_s": limit_s, "memory_mb": memory_mb}
    if dry_run:
        _tell_due(nightly.plan(store, home(), good, **options), as_json)
        return
    console = Console(stderr=True)
    with _progress(console, workers) as progress, ThreadPoolExecutor(workers) as executor:
        digest = nightly.run_night(
            store, home(), good, executor,
            at_once=workers, refused=refused, retries=retries, progress=progress,
            announce=lambda digest, plan: _announce(progress, digest, plan), **options,
        )  # fmt: skip
    outcome: dict[str, Any] = {**asdict(digest), "complete": digest.complete, "site": None, "problems": []}
    if publish:
        outcome |= _publish(store, home(), pdf, console)
    if as_json:
        click.echo(json.dumps(outcome, ensure_ascii=False))
    else:
        _say(digest, outcome)
    if not digest.complete:
        first = digest.failed[0]["notebook"] if digest.failed else digest.refused[0]["where"]
        raise RunError("run.night_incomplete", where=first, count=len(digest.failed) + len(digest.refused))


def _tell_due(plan: Any, as_json: bool) -> None:
    due = [{"notebook": job.notebook, "subject_id": job.subject_id, "title": job.title} for job in plan.due]
    if as_json:
        refused = [error.as_dict(language()) for error in plan.refused]
        click.echo(json.dumps({"due": due, "unchanged": plan.unchanged, "refused": refused}, ensure_ascii=False))
        return
    for job in due:
        click.echo(f"{job['notebook']}  {job['subject_id'] or ''}")
    for error in plan.refused:
        click.secho(error.sentence(language()), fg="yellow", err=True)
    click.echo(t("night.due", due=len(due), unchanged=plan.unchanged))


def _announce(progress: Any, digest: Any, plan: Any) -> None:
    if digest.continued:
        progress.note(t("night.continued"))
    if digest.nights_missed:
        progress.note(t("night.missed", count=digest.nights_missed, last=digest.last_complete))
    progress.note(t("night.due", due=len(plan.due), unchanged=plan.unchanged))


class _Lines:
    """Plain log lines, where nobody watches: cron, a journal, a file."""

    def __init__(self, console: Console):
        self._console, self._total, self._over = console, 0, 0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, total: int) -> None:
        self._total = total

    def over(self, done: Any) -> None:
        self._over += 1
        self.note(f"[{self._over}/{self._total}] {_line(done)}")

    def retry(self, job: Any, record: dict[str, Any], pause_s: float) -> None:
        self.note(t("night.retry", job=job.label, pause=f"{pause_s:g}", error=_short(record["error"])))

    def note(self, sentence: str) -> None:
        moment = datetime.now().astimezone().isoformat(" ", "seconds")
        self._console.print(f"{moment} {sentence}", markup=False, highlight=False, soft_wrap=True)


class _Screen(_Lines):
    """A bar with the time left; lines only for what needs a look."""

    def __init__(self, console: Console):
        super().__init__(console)
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("/"), TimeRemainingColumn(), console=console, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task(t("night.running"), total=None)

    def __enter__(self) -> _Screen:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, total: int) -> None:
        self._bar.update(self._task, total=total)

    def over(self, done: Any) -> None:
        self._bar.update(self._task, advance=1, description=done.job.label)
        if done.failed:
            self.note(_line(done))

    def note(self, sentence: str) -> None:
        self._bar.console.print(sentence, markup=False, highlight=False)


def _progress(console: Console, workers: int) -> _Lines:
    return _Screen(console) if console.is_terminal else _Lines(console)


def _line(done: Any) -> str:
    from workbench.runs.words import verdict

    line = f"{verdict(done.record)} {done.job.label} {done.record['duration_s']:.1f} s"
    return f"{line}: {_short(done.record['error'])}" if done.failed else line


def _short(error: str | None) -> str:
    first = (error or "").strip().partition("\n")[0]
    return first if len(first) <= 200 else first[:197] + "..."


def _publish(store: Any, home: Path, pdf: bool, console: Console) -> dict[str, Any]:
    from workbench.reports.site import publish

    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(t("night.publishing"), total=1.0)
        done = publish(store, home, pdf=pdf, progress=lambda fraction, label: bar.update(task, completed=fraction))
    for problem in done.problems:
        click.secho(problem.sentence(language()), fg="yellow", err=True)
    return {
        "site": str(done.site / "index.html"),
        "pages": len(done.written),
        "problems": [problem.as_dict(language()) for problem in done.problems],
    }


def _say(digest: Any, outcome: dict[str, Any]) -> None:
    from workbench.runs.words import verdict

    def tell(key: str, entries: list[dict[str, Any]], line: Any) -> None:
        if entries:
            click.secho(t(key, count=len(entries)), bold=True)
            for entry in entries:
                click.echo(f"  {line(entry)}")

    def named(entry: dict[str, Any]) -> str:
        return f"{entry['notebook']}  {entry['subject_id'] or ''}  {entry['title']}"

    def word(value: str | None) -> str:
        return verdict({"outcome": "DONE", "verdict": value})

    tell("night.new", digest.new, lambda e: f"{word(e['verdict'])}  {named(e)}")
    tell("night.changed", digest.changed_verdict, lambda e: f"{word(e['before'])} → {word(e['verdict'])}  {named(e)}")
    tell("night.same", digest.same_verdict, lambda e: f"{word(e['verdict'])}  {named(e)}")
    tell("night.failed", digest.failed, lambda e: f"{e['outcome']}  {named(e)}: {_short(e['error'])}")
    tell("night.refused", digest.refused, lambda e: f"{e['what']}  {e['where']}  {e['got']}  → {e['fix']}")
    click.echo(t("night.unchanged", count=digest.unchanged))
    if outcome["site"]:
        click.echo(t("run.page", page=outcome["site"]))
