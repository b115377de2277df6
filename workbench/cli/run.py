"""`workbench run NOTEBOOK -p name=value`: execute one notebook, record it, say its verdict."""

from __future__ import annotations

import json

import click

from workbench.errors import RunError
from workbench.i18n import language, t


@click.command()
@click.argument("notebook")
@click.option("-p", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--report", is_flag=True, help="Also make its page in the report site.")
@click.option("--timeout", "limit_s", type=click.FloatRange(min=0, min_open=True), default=900, show_default=True,
              help="End the run after this many seconds.")  # fmt: skip
@click.option("--memory", "memory_mb", type=click.IntRange(min=64), help="Memory the run may take, in MB.")
@click.option("--json", "as_json", is_flag=True, help="Print the run's record as JSON.")
def command(
    notebook: str, pairs: tuple[str, ...], report: bool, limit_s: float, memory_mb: int | None, as_json: bool
) -> None:
    """Execute NOTEBOOK (a path, or a name as stack_design) with checked parameters.

    Ends with 0, with 1 when the verdict is FAIL, with 4 when the run could not be completed.
    """
    from workbench.runs import engines, notebooks
    from workbench.runs.execution import execute, prepare
    from workbench.runs.words import as_json as to_json
    from workbench.runs.words import say
    from workbench.store import Store
    from workbench.store.location import home

    engines.lighten()
    found = notebooks.find(notebook)
    parameters = found.parameters.from_pairs(pairs)  # refused before anything is started
    store = Store.open()
    record = execute(prepare(found, parameters, store, home(), limit_s=limit_s, memory_mb=memory_mb))
    store.notebook_runs.add(record)
    page = None
    if report:
        from workbench.reports.site import publish

        published = publish(store, home(), [record["run_id"]])
        page = str(published.site / "index.html")
        for problem in published.problems:
            click.secho(problem.sentence(language()), fg="yellow", err=True)
    if as_json:
        click.echo(json.dumps({**to_json(record), "page": page}, ensure_ascii=False))
    else:
        for line in say(record):
            click.echo(line)
        if page:
            click.echo(t("run.page", page=page))
    if record["outcome"] != "DONE":
        raise RunError("run.failed", where=record["notebook"], got=record["error"], run_id=record["run_id"])
    raise click.exceptions.Exit(1 if record["verdict"] == "FAIL" else 0)
