"""`workbench design diff | similar | history | branch | release | lead-time`: designs over time and beside others."""

from __future__ import annotations

import click

from workbench.cli.design.naming import as_json_option, pick, tell
from workbench.i18n import language, t
from workbench.schema.summary import shown


@click.command("diff")
@click.argument("before")
@click.argument("after")
@as_json_option
def diff(before: str, after: str, as_json: bool) -> None:
    """What changed from design BEFORE to design AFTER, in words of the field. Give id@N for a revision."""
    from workbench.stack.diff import diff as compare
    from workbench.stack.diff import sentences
    from workbench.store import Store

    store = Store.open()
    changes = compare(pick(store, before).design(), pick(store, after).design())
    if as_json:
        tell([change.as_dict(language()) for change in changes])
        return
    for sentence in sentences(changes):
        click.echo(sentence)


@click.command("similar")
@click.argument("design")
@click.option("--limit", type=click.IntRange(min=1), default=5, show_default=True, help="At most so many.")
@click.option("--origin", type=click.Choice(("own", "reference", "example")), help="Only designs of this origin.")
@as_json_option
def similar(design: str, limit: int, origin: str | None, as_json: bool) -> None:
    """Earlier designs that resemble this one, the closest first, and why."""
    from workbench.store import Store

    picked = pick(Store.open(), design)
    matches = picked.store.designs.similar(picked.design_id, picked.revision_id, limit=limit, origin=origin)
    if as_json:
        tell([match.as_dict(language()) for match in matches])
        return
    if not matches:
        click.echo(t("design.cli.none"))
    for match in matches:
        click.secho(f"{100 * match.resemblance.total:3.0f} %  {match.design_id}  {match.title}", bold=True)
        for reason in match.resemblance.reasons(language()):
            click.echo(f"       {reason}")


@click.command("history")
@click.argument("design")
@as_json_option
def history(design: str, as_json: bool) -> None:
    """Everything dated of a design, oldest first: requested, saved with what changed, checked, released."""
    from workbench.stack import read
    from workbench.stack.diff import diff as compare
    from workbench.stack.diff import sentences
    from workbench.store import Store

    picked = pick(Store.open(), design)
    designs = picked.store.designs
    revisions = {row["revision_id"]: row for row in designs.history(picked.design_id, picked.revision_id)}
    events = designs.milestones(picked.design_id)
    found, before = [], None
    for row in revisions.values():  # oldest first, through the designs it branched from
        now = read(designs.document(row["design_id"], row["revision_id"]))
        row["changes"] = [] if before is None else sentences(compare(before, now))
        before = now
    for event in events:
        row = revisions.get(event["revision_id"], {})
        changes = row.get("changes", []) if event["milestone"] == "saved" else []
        found.append({**event, "number": row.get("number"), "changes": changes})
    if as_json:
        tell({"design_id": picked.design_id, "events": found, "branches": designs.branches(picked.design_id)})
        return
    for event in found:
        number = f"@{event['number']} " if event["number"] else ""
        verdict = f" {t('verdict.' + event['verdict'])}" if event["verdict"] else ""
        note = f": {event['note']}" if event["note"] else ""
        click.secho(f"{event['at']:%Y-%m-%d %H:%M}  {number}{t('design.milestone.' + event['milestone'])}"
                    f"{verdict} ({event['actor'] or '–'}){note}", bold=True)  # fmt: skip
        for change in event["changes"]:
            click.echo(f"    {change}")
    for row in designs.branches(picked.design_id):
        click.echo(t("design.cli.branch", name=row["design_id"], number=row["number"]))


@click.command("branch")
@click.argument("design")
@click.argument("new_id")
@click.option("--title", help="The new design's title (default: the same).")
@click.option("--note", default="", help="Why.")
@as_json_option
def branch(design: str, new_id: str, title: str | None, note: str, as_json: bool) -> None:
    """Begin a design NEW_ID of your own from a revision of another; the link is kept."""
    from workbench.store import Store
    from workbench.store.saving import author, valid_id

    picked = pick(Store.open(), design)
    document = picked.store.designs.document(picked.design_id, picked.revision_id)
    if title:
        document = {**document, "title": title}
    revision = picked.store.designs.branch(picked.design_id, valid_id(new_id), author=author(), note=note, title=title,
                                           revision_id=picked.revision_id, document=document)  # fmt: skip
    if as_json:
        tell({"design_id": new_id, "revision_id": revision, "branched_from": picked.design_id})
        return
    click.echo(t("design.cli.branched", name=new_id, parent=design))


@click.command("release")
@click.argument("design")
@click.option("--note", default="", help="What it is released for.")
@as_json_option
def release(design: str, note: str, as_json: bool) -> None:
    """Release a revision; a revision is released once. A design that breaks a rule is refused with 1."""
    from workbench.errors import RuleViolation
    from workbench.rules import check
    from workbench.store import Store
    from workbench.store.decks import decks_of
    from workbench.store.saving import author

    picked = pick(Store.open(), design)
    deck = decks_of(picked.store).pick(None)
    report = check(picked.design(), deck)
    picked.store.designs.record_check(picked.design_id, picked.revision_id, verdict=str(report.verdict),
                                      deck=f"{deck.deck_id} {deck.version}", actor=author())  # fmt: skip
    if not report.ok:
        broken = [finding for finding in report.findings if finding.outcome == "broken"]
        raise RuleViolation("design.not_releasable", where=design, got=broken[0].sentence(language()),
                            count=len(broken))  # fmt: skip
    released = picked.store.designs.release(picked.design_id, picked.revision_id, released_by=author(), note=note)
    if as_json:
        tell({"design_id": picked.design_id, "release_id": released, "verdict": str(report.verdict)})
        return
    click.echo(t("design.cli.released", name=design, verdict=t(f"verdict.{report.verdict}")))


@click.command("lead-time")
@click.option("--by", type=click.Choice(("project", "design")), default="project", show_default=True)
@as_json_option
def lead_time(by: str, as_json: bool) -> None:
    """Days from request to first check and to release, with the median and its trend."""
    from rich.console import Console
    from rich.table import Table

    from workbench.store import Store

    found = Store.open().designs.lead_times(by=by)
    if as_json:
        tell(found.as_dict())
        return
    if not found.rows:
        click.echo(t("design.cli.no_lead_times"))
        return
    grid = Table(box=None)
    for head in ("subject", "requested", "checked", "released"):
        grid.add_column(t(f"design.cli.lead.{head}"), justify="left" if head == "subject" else "right")
    for row in found.rows:
        asked = f"{row.requested_at:%Y-%m-%d}" if row.requested_at else "–"
        grid.add_row(row.title, asked, _days(row.requested_to_checked_days), _days(row.requested_to_released_days))
    Console().print(grid)
    if found.median_days is not None:
        click.echo(t("design.cli.lead.median", days=shown(found.median_days, 3), count=found.finished,
                     open=found.unfinished))  # fmt: skip
    if found.trend is None:
        click.echo(t("design.cli.lead.no_trend"))
    else:
        click.echo(t(f"design.cli.lead.{found.trend.verdict}", days=shown(found.trend.days_per_year, 3),
                     low=shown(found.trend.low, 3), high=shown(found.trend.high, 3)))  # fmt: skip


def _days(value: float | None) -> str:
    return "–" if value is None else shown(value, 3)
