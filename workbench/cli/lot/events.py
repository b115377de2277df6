"""`workbench lot event`: what happened to a lot, added behind all that happened before."""

from __future__ import annotations

from datetime import datetime

import click

from workbench.cli.design.naming import as_json_option, tell
from workbench.errors import InputError
from workbench.i18n import t

KINDS = ("step-in", "step-out", "split", "merge", "rework", "hold", "release", "scrap", "note")


@click.command("event")
@click.argument("lot_id", metavar="LOT")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--carrier", "carriers", multiple=True, help="Only this carrier; may be given several times.")
@click.option("--unit", "units", multiple=True, help="Only this unit; may be given several times.")
@click.option("--to", "to_lot", metavar="LOT", help="split: the new lot; merge: the lot that takes it in.")
@click.option("--step", help="The step's name.")
@click.option("--route", help="The route it belongs to.")
@click.option("--equipment", help="The tool.")
@click.option("--chamber", help="Its chamber.")
@click.option("--recipe", help="The recipe.")
@click.option("--material-batch", help="The batch of the material used.")
@click.option("--operator", help="Who ran it.")
@click.option("--at", "moment", metavar="TIME", help="When it happened, ISO 8601 (default: now).")
@click.option("--note", default="", help="Words to it.")
@as_json_option
def event(lot_id: str, kind: str, carriers: tuple[str, ...], units: tuple[str, ...], to_lot: str | None,
          moment: str | None, note: str, as_json: bool, **facts: str | None) -> None:  # fmt: skip
    """Add an event to a lot: of the whole lot, or of the carriers and units named. Nothing is ever changed: a mistake
    is told by a note, a hold ends with a release.
    """
    from workbench.store import Store
    from workbench.store.literals import utc
    from workbench.store.saving import author

    store, word = Store.open(), kind.replace("-", "_")
    at: datetime | None = utc(moment)
    if kind in ("split", "merge"):
        if not to_lot:
            raise InputError("lots.to_missing", where="--to", got=kind)
        move = store.history.split if kind == "split" else store.history.merge
        done = move(lot_id, to_lot, carriers=carriers, units=units, actor=author(), occurred_at=at, note=note)[0]
    else:
        done = store.history.add(lot_id, word, carriers=carriers, units=units, actor=author(), occurred_at=at,
                                 detail={"note": note} if note else None, **facts)  # fmt: skip
    if as_json:
        tell(done.as_dict())
        return
    click.echo(t("lots.cli.added", lot=lot_id, number=done.number, kind=t(f"lots.event.{done.kind}"),
                 head=done.chain_sha256[:16]))  # fmt: skip
