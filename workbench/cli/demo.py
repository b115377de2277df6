"""`workbench demo`: put the published designs, process data and benchmarks into the store."""

from __future__ import annotations

import json

import click

from workbench.i18n import t


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what was added as JSON.")
def command(as_json: bool) -> None:
    """Add the demo data to the store; what is there already stays."""
    from workbench.runs.demo import seed_all
    from workbench.store import Store

    store = Store.open()
    added = seed_all(store, progress=lambda sentence: click.echo(sentence, err=True))
    if as_json:
        click.echo(json.dumps({"store": store.public_url, "added": added}, ensure_ascii=False))
        return
    for item in added:
        click.echo(item)
    click.echo(t("run.demo.done", count=len(added), store=store.public_url))
