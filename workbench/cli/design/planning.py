"""`workbench design what-if`: change a design and see what it does, before anything is saved."""

from __future__ import annotations

import json
from typing import Any

import click

from workbench.cli.design.naming import actor, as_json_option, pick, tell
from workbench.errors import InputError
from workbench.i18n import language, t
from workbench.schema.summary import shown


@click.command("what-if")
@click.argument("design")
@click.option("--set", "pairs", multiple=True, required=True, metavar="PATH=VALUE",
              help='A field of the design, as layers["Mould cap"].thickness_um=60; may be repeated.')  # fmt: skip
@click.option("-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the stack design review.")
@click.option("--save", is_flag=True, help="Save the changed design as its next revision.")
@click.option("--note", default="", help="What this revision is about.")
@as_json_option
def what_if(design: str, pairs: tuple[str, ...], parameters: tuple[str, ...], save: bool, note: str,
            as_json: bool) -> None:  # fmt: skip
    """Change fields of a design and see findings, cost and size before and after, side by side."""
    from workbench.cost.review import StackDesignReview
    from workbench.planning.what_if import changed
    from workbench.planning.what_if import what_if as compare
    from workbench.stack import to_document
    from workbench.store import Store
    from workbench.store.decks import decks_of

    picked = pick(Store.open(), design)
    before = picked.design()
    after = changed(before, dict(map(_pair, pairs)))
    found = compare(before, after, parameters=StackDesignReview.from_pairs(parameters),
                    deck=decks_of(picked.store).pick(None))  # fmt: skip
    revision = None
    if save:
        said = note or "; ".join(change.sentence("en") for change in found.changes)[:400]
        revision = picked.store.designs.add_revision(
            picked.design_id, to_document(after), title=after.title, kind=after.assembly, author=actor(), note=said
        )
    if as_json:
        tell({"design_id": picked.design_id, "revision_id": revision, **found.as_dict(language())})
        return
    for change in found.changes:
        click.echo(change.sentence())
    _print_figures(found)
    for key, names in (("appeared", found.appeared), ("solved", found.solved)):
        for name in names:
            click.secho(t(f"design.cli.{key}", name=name), fg="red" if key == "appeared" else "green")
    if revision:
        click.echo(t("design.cli.saved_as", revision=revision))


def _pair(pair: str) -> tuple[str, Any]:
    path, equals, value = pair.rpartition("=")
    if not equals:
        raise InputError("param.not_a_pair", where="--set", got=pair)
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value  # a bare word is text


def _print_figures(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None)
    for head in ("figure", "before", "after", "judged"):
        grid.add_column(t(f"design.cli.{head}"), justify="right" if head in ("before", "after") else "left")
    for figure in found.figures:
        name = t(figure.label) + (f" ({figure.unit})" if figure.unit else "")
        grid.add_row(name, shown(figure.before), shown(figure.after), t(f"design.cli.is.{figure.judged}"))
    Console().print(grid)
