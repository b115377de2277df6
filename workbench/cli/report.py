"""`workbench report`: make the site, find a report, compare two runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from workbench.errors import InputError
from workbench.i18n import language, t


@click.group()
def command() -> None:
    """The static reports in the folder `site`."""


@command.command()
@click.argument("run_ids", metavar="[RUN]...", nargs=-1)
@click.option("--pdf/--no-pdf", default=True, help="Also print each report to PDF (needs Chromium).")
@click.option("--rebuild", is_flag=True, help="Make every page again, also those that have not changed.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def build(run_ids: tuple[str, ...], pdf: bool, rebuild: bool, as_json: bool) -> None:
    """Make the pages that are missing or out of date, the compare pages and the index."""
    from rich.console import Console
    from rich.progress import Progress

    from workbench.reports.site import publish
    from workbench.store import Store
    from workbench.store.location import home

    store = Store.open()
    for run_id in run_ids:
        store.notebook_runs.get(run_id)  # an unknown run is refused before anything is made
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task(t("report.making"), total=1.0)
        done = publish(
            store, home(), run_ids or None, pdf,
            lambda fraction, label: bar.update(task, completed=fraction), rebuild=rebuild,
        )  # fmt: skip
    index = done.site / "index.html"
    if as_json:
        problems = [problem.as_dict(language()) for problem in done.problems]
        click.echo(json.dumps({"index": str(index), "written": done.written, "unchanged": done.unchanged,
                               "printed": done.printed, "problems": problems}, ensure_ascii=False))  # fmt: skip
        return
    click.echo(t("report.built", written=len(done.written), printed=done.printed, unchanged=done.unchanged))
    for problem in done.problems:
        click.secho(problem.sentence(language()), fg="yellow", err=True)
    click.echo(str(index))


@command.command("path")
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--pdf", is_flag=True, help="The PDF instead of the page.")
def path(run_id: str | None, pdf: bool) -> None:
    """Print where the index, or the report of RUN, lies; for a browser or a script."""
    from workbench.reports.site import address
    from workbench.store.location import home

    site = home() / "site"
    path = site / "runs" / address(run_id) / ("report.pdf" if pdf else "index.html") if run_id else site / "index.html"
    if not path.is_file():
        raise InputError("report.not_built", where=str(path), got=run_id or "index")
    click.echo(str(path))


@command.command()
@click.argument("a", metavar="RUN_A")
@click.argument("b", metavar="RUN_B")
def compare(a: str, b: str) -> None:
    """Make the page that compares two runs and print where it lies."""
    from workbench.reports.site import write_comparison
    from workbench.store import Store
    from workbench.store.location import home

    path: Path = write_comparison(Store.open(), home(), a, b)
    click.echo(str(path))
