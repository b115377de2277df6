"""`workbench design check | cost`: a design against its rules, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workbench.cli.design.naming import as_json_option, pick, tell
from workbench.i18n import language, t
from workbench.schema.summary import shown

if TYPE_CHECKING:
    from workbench.cost.economics import DesignCost
    from workbench.rules import CheckReport

_COLOUR = {"error": "red", "care": "yellow", "near": "yellow"}


@click.command("check")
@click.argument("design")
@click.option("--deck", "deck_id", help="The rule deck (default: published limits); `--deck ?` lists them.")
@click.option("--tolerance-um", type=click.FloatRange(min=0), default=0.5, show_default=True,
              help="How far apart two bumps that meet may be drawn.")  # fmt: skip
@as_json_option
def check(design: str, deck_id: str | None, tolerance_um: float, as_json: bool) -> None:
    """Check a design against a rule deck: assembly, bumps across interfaces, nets, paths, spacing, sizes.

    Ends with 0 when nothing is broken, with 1 on a violation.
    """
    from workbench.rules import Requirements
    from workbench.rules import check as run_checks
    from workbench.store import Store
    from workbench.store.decks import decks_of
    from workbench.store.saving import author

    store = Store.open()
    decks = decks_of(store)
    if deck_id == "?":
        for deck in decks.values():
            click.echo(f"{deck.deck_id}  {deck.version}  {deck.name(language())}")
        return
    picked = pick(store, design)
    deck = decks.pick(deck_id)
    report = run_checks(picked.design(), deck, requirements=Requirements(alignment_tolerance_um=tolerance_um))
    store.designs.record_check(picked.design_id, picked.revision_id, verdict=str(report.verdict),
                               deck=f"{deck.deck_id} {deck.version}", actor=author())  # fmt: skip
    if as_json:
        tell({"design_id": picked.design_id, **report.as_dict()})
    else:
        _print_findings(report)
    raise click.exceptions.Exit(0 if report.ok else 1)


def _print_findings(report: CheckReport) -> None:
    for finding in report.findings:
        click.secho(finding.sentence(), fg=_COLOUR.get(finding.severity))
        marker = "  ({:.6g}, {:.6g}, {:.6g} µm)".format(*finding.at) if finding.at else ""
        click.echo(f"  {t('label.where')}: {finding.place or '–'}{marker}")
        if finding.outcome != "met":
            click.echo(f"  {t('label.fix')}: {finding.fix()}")
    for ran in report.ran:
        if ran.status == "not_applicable":
            click.echo(f"  {t('design.cli.not_applicable', name=ran.name(), why=ran.why())}")
    met = sum(finding.outcome == "met" for finding in report.compared)
    click.echo(t("design.cli.checked", verdict=t(f"verdict.{report.verdict}"), met=met, all=len(report.compared),
                 deck=report.deck_id, version=report.deck_version))  # fmt: skip


@click.command("cost")
@click.argument("design")
@click.option("-p", "pairs", multiple=True, metavar="NAME=VALUE",
              help="A parameter of the stack design review; may be repeated.")  # fmt: skip
@as_json_option
def cost(design: str, pairs: tuple[str, ...], as_json: bool) -> None:
    """What a good module costs, by assembly flow, with its share of the non-recurring cost."""
    from workbench.cost.economics import of_design
    from workbench.cost.review import StackDesignReview
    from workbench.store import Store

    parameters = StackDesignReview.from_pairs(pairs)
    picked = pick(Store.open(), design)
    found = of_design(picked.design(), parameters)
    if as_json:
        tell({"design_id": picked.design_id, "parameters": parameters.as_dict(), **found.as_dict()})
        return
    _print_cost(found)


def _print_cost(found: DesignCost) -> None:
    from rich.console import Console
    from rich.table import Table

    lang = language()
    grid = Table(box=None)
    for head in ("flow", "recurring", "assembly_yield", "nre", "unit"):
        grid.add_column(t(f"design.cli.{head}", quantity=f"{found.quantity:,}"),
                        justify="left" if head == "flow" else "right")  # fmt: skip
    for flow in sorted(found.flows, key=lambda f: float(f.total_usd)):
        mark = " *" if found.drawn is not None and flow.flow == found.drawn.flow else ""
        grid.add_row(t(f"design.flow.{flow.flow}") + mark, shown(float(flow.total_usd), 4),
                     shown(100 * float(flow.assembly_yield), 4), shown(found.nre[flow.flow].total_usd, 3),
                     shown(found.unit_usd(flow.flow), 4))  # fmt: skip
    Console().print(grid)
    if found.drawn is not None:
        click.echo(t("design.cli.as_drawn"))
    notes: list[Any] = [*found.conventions, *found.excluded]
    for note in notes:
        click.echo(f"- {note[lang]}")
    if not found.verified:
        click.echo(t("design.cli.cost_unverified"))
