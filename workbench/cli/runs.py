"""`workbench runs`: what was executed, with which outcome; two runs compared; a run made again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from workbench.errors import InputError, RunError
from workbench.i18n import language, t


@click.group()
def command() -> None:
    """Records of notebook runs."""


def _record(store: Any, word: str) -> dict[str, Any]:
    """A record by its id or by the beginning or end of it, when only one fits."""
    found = [r for r in store.notebook_runs.list() if r["run_id"].startswith(word) or r["run_id"].endswith(word)]
    if len(found) != 1 or len(word) < 4:
        raise InputError("run.unknown_run", got=word)
    return found[0]


def _moment(record: dict[str, Any]) -> str:
    started = record["started_at"]
    if started.tzinfo is None:
        from datetime import UTC

        started = started.replace(tzinfo=UTC)
    return started.astimezone().strftime("%Y-%m-%d %H:%M:%S")


@command.command("list")
@click.option("--subject", metavar="ID", help="Only runs on this subject.")
@click.option("--notebook", metavar="NAME", help="Only runs of this notebook (a name as design/stack_design).")
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def list_runs(subject: str | None, notebook: str | None, limit: int, as_json: bool) -> None:
    """The newest runs first; the end of an id, as shown, is enough to name a run."""
    from rich.console import Console
    from rich.table import Table

    from workbench.runs.words import as_json as to_json
    from workbench.runs.words import verdict
    from workbench.store import Store

    records = Store.open().notebook_runs.list(subject=subject, notebook=notebook, limit=limit)
    if as_json:
        click.echo(json.dumps([to_json(record) for record in records], ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("started", "verdict", "notebook", "subject", "duration", "id"):
        right, whole = name == "duration", name not in ("notebook", "subject")
        table.add_column(t(f"run.column.{name}"), justify="right" if right else "left", no_wrap=whole)
    for record in records:
        table.add_row(
            _moment(record), verdict(record), record["notebook"], record["subject_id"] or "",
            f"{record['duration_s']:.1f} s", record["run_id"][-8:],
        )  # fmt: skip
    console = Console()
    if not console.is_terminal:
        console.width = 200  # for a file or another program: nothing is folded
    console.print(table)
    if not records:
        click.echo(t("run.none"))


@command.command()
@click.argument("run_id", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def show(run_id: str, as_json: bool) -> None:
    """Everything recorded about RUN (its id, or the beginning or end of it)."""
    from workbench.runs.words import as_json as to_json
    from workbench.runs.words import say
    from workbench.store import Store
    from workbench.store.location import home

    record = _record(Store.open(), run_id)
    if as_json:
        click.echo(json.dumps(to_json(record), ensure_ascii=False))
        return
    for line in say(record):
        click.echo(line)
    shown = {**record, "started_at": _moment(record)}
    if record["executed_path"]:
        shown["executed_path"] = home() / record["executed_path"]
    for name in _PROVENANCE:
        if shown[name] is not None:
            click.echo(f"  {name}: {shown[name]}")
    for name in ("parameters", "machine", "packages"):
        click.echo(f"  {name}:")
        for key, value in (record[name] or {}).items():
            click.echo(f"    {key} = {value}")


_PROVENANCE = (
    "started_at", "subject_kind", "subject_id", "code_version", "dirty", "snapshot", "source_hash", "lock_sha256",
    "key", "executed_path", "executed_sha256", "error",
)  # fmt: skip


@command.command()
@click.argument("a", metavar="RUN_A")
@click.argument("b", metavar="RUN_B")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(a: str, b: str, as_json: bool) -> None:
    """What differs between two runs: verdict, figures, parameters, code, data, packages, machine."""
    from workbench.reports.compare import compare as compared
    from workbench.store import Store

    store = Store.open()
    found = compared(_record(store, a), _record(store, b))
    if as_json:
        click.echo(json.dumps({**asdict(found), "causes": found.causes}, ensure_ascii=False))
        return
    mark = "→" if found.verdict_changed else "="
    click.echo(f"{t('run.column.verdict')}: {found.verdict_a} {mark} {found.verdict_b}")
    for key, rows in (
        ("run.compare.figures", found.figures), ("run.compare.parameters", found.parameters),
        ("run.compare.provenance", found.provenance), ("run.compare.packages", found.packages),
        ("run.compare.machine", found.machine),
    ):  # fmt: skip
        differing = [row for row in rows if row.changed]
        if not rows:
            continue  # packages and machine list only what differs
        click.echo(t(key, differing=len(differing), count=len(rows)))
        for row in differing:
            percent = f"  ({row.change}, {row.percent})" if row.percent else ""
            click.echo(f"  {_label(row.label)}: {_said(row.a)} → {_said(row.b)}{percent}")


def _said(value: Any) -> str:
    return str(value.get(language(), value) if isinstance(value, dict) else value)


def _label(label: Any) -> str:
    text = _said(label)
    return t(text) if text.startswith("report.") else text


@command.command()
@click.argument("run_id", metavar="RUN")
def remake(run_id: str) -> None:
    """Execute RUN again on the data it used, and say whether it gives the same. Records nothing."""
    from workbench.runs import notebooks
    from workbench.runs.execution import execute, prepare
    from workbench.store import Store
    from workbench.store.location import home

    store = Store.open()
    record = _record(store, run_id)
    notebook = notebooks.find(record["notebook"])
    parameters = notebook.parameters(**record["parameters"])
    again = execute(prepare(notebook, parameters, store.at(record["snapshot"]), home()))
    if again["executed_path"]:
        (home() / again["executed_path"]).unlink()
    if again["outcome"] != "DONE":
        raise RunError("run.not_remade", where=record["notebook"], got=again["error"])
    same = (again["summary"], again["verdict"]) == (record["summary"], record["verdict"])
    click.echo(t("run.remade.same" if same else "run.remade.differs", snapshot=record["snapshot"]))
    raise click.exceptions.Exit(0 if same else 1)
