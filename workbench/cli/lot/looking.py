"""`workbench lot list | show | unit | verify`: what is there, where it came from, and whether it is what it was."""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.design.naming import as_json_option, tell
from workbench.i18n import t
from workbench.schema.summary import shown


@click.command("list")
@as_json_option
def list_lots(as_json: bool) -> None:
    """Every lot with its product, readings and state."""
    from rich.console import Console
    from rich.table import Table

    from workbench.store import Store

    rows = Store.open().lots.list()
    if as_json:
        tell(rows)
        return
    if not rows:
        click.echo(t("lots.cli.none"))
        return
    grid = Table(box=None)
    for head in ("lot", "product", "readings", "title"):
        grid.add_column(t(f"lots.cli.column.{head}"), justify="right" if head == "readings" else "left")
    for row in rows:
        mark = f" [{t('lots.cli.synthetic')}]" if row["synthetic"] else ""
        grid.add_row(row["lot_id"], row["product"], f"{row['reading_count']:,}", row["title"] + mark)
    Console().print(grid)


@click.command("show")
@click.argument("lot_id", metavar="LOT")
@click.option("--units", "with_units", is_flag=True, help="List its units too.")
@as_json_option
def show(lot_id: str, with_units: bool, as_json: bool) -> None:
    """A lot: carriers, limits, imports, events, what is held or scrapped, and the times between its steps."""
    from workbench.store import Store

    store = Store.open()
    lot = store.lots.lot(lot_id)
    units = store.units.of_lot(lot_id) if with_units else None
    count = store.units.count(lot_id) if units is None else len(units)
    events, stopped = store.history.events(lot_id), store.history.state(lot_id)
    waits, imports = store.history.queue_times(lot_id), store.lots.imports(lot_id)
    if as_json:
        told = {**lot, "unit_count": count, "imports": imports, "bins": store.lots.bins(lot_id),
                "events": [event.as_dict() for event in events],
                "stopped": [{"scope": what.as_dict(), **vars(state)} for what, state in stopped],
                "queue_times": [{**vars(wait), "holds": wait.holds} for wait in waits]}  # fmt: skip
        tell(told | ({"units": units.to_dict("records")} if with_units else {}))
        return
    click.secho(f"{lot['lot_id']}  {lot['title']}", bold=True)
    click.echo(t("lots.cli.summary", product=lot["product"] or "–", carriers=len(lot["carriers"]),
                 units=f"{count:,}", parameters=len(lot["parameters"])))  # fmt: skip
    for row in imports:
        click.echo(f"  {row['occurred_at']:%Y-%m-%d %H:%M}  {row['file_name']} ({row['format']}, {row['actor']})")
    for event in events:
        _say_event(event)
    for what, state in stopped:
        named = ", ".join((*what.carriers, *what.units)) or t("lots.cli.whole")
        click.secho(t("lots.cli.stopped", what=named, state=t(f"lots.state.{state.word}"),
                      event=f"{state.lot_id} #{state.number}"), fg="yellow")  # fmt: skip
    _say_waits(waits)
    if with_units:
        for row in units.to_dict("records"):
            click.echo(f"  {row['unit_id']}")


@click.command("unit")
@click.argument("unit_id", metavar="UNIT")
@as_json_option
def unit(unit_id: str, as_json: bool) -> None:
    """A unit's history: where it was, what was done to it and what it was made of, tests, and its family both ways.

    UNIT is its name (LOT/CARRIER/X,Y) or a serial number or device id that no other unit has.
    """
    from workbench.store import Store

    told = Store.open().history.unit(unit_id)
    if as_json:
        tell(unit_document(told))
        return
    click.secho(told.unit_id, bold=True)
    click.echo(t("lots.cli.where", lot=told.lot_id or "–", carrier=told.carrier or "–",
                 state=t(f"lots.state.{told.state.word}"), serial=told.part_id or "–"))  # fmt: skip
    for title, edges in (("ancestors", told.family.up), ("descendants", told.family.down)):
        if edges:
            click.secho(t(f"lots.cli.{title}"), bold=True)
        for edge in edges:
            other = edge.parent_id if title == "ancestors" else edge.child_id
            click.echo(f"  {'  ' * (edge.depth - 1)}{other}  ({edge.relation})")
    if told.route:
        click.secho(t("lots.cli.route"), bold=True)
    for step in told.route:
        facts = ", ".join(f"{t('lots.fact.' + name)} {getattr(step, name)}"
                          for name in ("equipment", "chamber", "recipe", "material_batch", "operator")
                          if getattr(step, name))  # fmt: skip
        moment = f"{step.occurred_at:%Y-%m-%d %H:%M}" if step.occurred_at else "–"
        click.echo(f"  {moment}  {step.unit_id}  {step.step}" + (f": {facts}" if facts else ""))
    _say_waits(told.queue_times)
    for one in told.seen:
        if "hard_bin" in one.attributes or "passed" in one.attributes:
            verdict = {True: "PASS", False: "FAIL", None: "NONE"}[one.attributes.get("passed")]
            click.echo(t("lots.cli.tested", name=one.file_name or one.source, attempt=one.attempt + 1,
                         bin=one.attributes.get("hard_bin", "–"), verdict=t(f"verdict.{verdict}")))  # fmt: skip
    for reading in told.readings:
        if reading.stands and reading.passed is False:
            click.secho(t("lots.cli.outside", parameter=reading.parameter, value=shown(reading.value),
                          lower=_limit(reading.lower), upper=_limit(reading.upper)), fg="red")  # fmt: skip
    click.echo(t("lots.cli.readings", count=len(told.readings)))
    if told.placed and told.placed.dx_um is not None:
        click.echo(t("lots.cli.placed", dx=shown(told.placed.dx_um), dy=shown(told.placed.dy_um),
                     angle=shown(told.placed.dangle_deg)))  # fmt: skip
    for link in told.links:
        click.echo(f"  {link.kind} {link.subject_id}  {link.title} ({link.relation})")


def unit_document(told: Any) -> dict[str, Any]:
    """A unit's history as plain data."""
    from dataclasses import asdict

    plain = {name: getattr(told, name) for name in ("unit_id", "lot_id", "born_in", "carrier", "position", "part_id",
                                                    "x", "y", "tests", "defects")}  # fmt: skip
    plain |= {name: [asdict(one) for one in getattr(told, name)] for name in ("seen", "route", "links")}
    plain["readings"] = [{**asdict(one), "passed": one.passed} for one in told.readings]
    plain["queue_times"] = [{**asdict(one), "holds": one.holds} for one in told.queue_times]
    plain["events"] = [event.as_dict() for event in told.events]
    plain |= {"state": asdict(told.state), "placed": told.placed and told.placed.as_dict()}
    plain |= {"ancestors": list(told.family.ancestors), "descendants": list(told.family.descendants)}
    return plain | {"up": [asdict(one) for one in told.family.up], "down": [asdict(one) for one in told.family.down]}


@click.command("verify")
@click.argument("lot_id", metavar="LOT")
@click.option("--head", metavar="HASH", help="A head that was kept elsewhere: its event must still be there.")
@as_json_option
def verify(lot_id: str, head: str | None, as_json: bool) -> None:
    """Compute the chain of a lot's events and the hashes of all rows they name anew; ends with 1 where one differs.

    Prints the head: one hash that stands for all of it. Keep it elsewhere; a chain alone cannot show that its end was
    cut off or written anew.
    """
    from workbench.cli.lot.files import progress_bar
    from workbench.store import Store

    store = Store.open()
    with progress_bar(lot_id, quiet=as_json) as progress:
        found = store.history.verify(lot_id, head=head, progress=progress)
    if as_json:
        tell(found.as_dict())
    else:
        for fault in found.faults:
            click.secho(t(f"lots.fault.{fault.kind}", place=fault.place, detail=fault.detail), fg="red")
        if found.sound:
            click.echo(t("lots.cli.sound", events=found.event_count, rows=f"{found.row_count:,}"))
            if found.head_at is not None:
                click.echo(t("lots.cli.head_at", number=found.head_at, later=found.event_count - found.head_at))
        if found.outside:
            click.echo(t("lots.cli.outside_chain", count=len(found.outside)))
        click.echo(t("lots.cli.head", head=found.head))
    raise click.exceptions.Exit(0 if found.sound else 1)


def _say_event(event: Any) -> None:
    facts = ", ".join(f"{t('lots.fact.' + name)} {value}" for name, value in event.facts.items())
    named = ", ".join((*event.scope.carriers, *event.scope.units)[:6]) or t("lots.cli.whole")
    note = event.detail.get("note") or event.detail.get("file_name") or event.detail.get("to_lot") \
        or event.detail.get("from_lot") or ""  # fmt: skip
    click.echo(f"  #{event.number:<3} {event.occurred_at:%Y-%m-%d %H:%M}  {t('lots.event.' + event.kind)}: {named}"
               + (f"; {facts}" if facts else "") + (f"; {note}" if note else "") + f" ({event.actor})")  # fmt: skip


def _say_waits(waits: Any) -> None:
    for wait in waits:
        if wait.limit_h is not None:
            key = "lots.cli.wait_kept" if wait.holds else "lots.cli.wait_broken"
            words = t(key, before=wait.before, after=wait.after, hours=shown(wait.hours), limit=shown(wait.limit_h))
            click.secho(words, fg=None if wait.holds else "red")


def _limit(value: float | None) -> str:
    return "–" if value is None else shown(value)
