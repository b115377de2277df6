"""`workbench lot transfer | check-package`: a lot handed over to volume production, and held against its manifest."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.design.naming import as_json_option, tell
from workbench.i18n import language, t


@click.command("transfer")
@click.argument("lot_id", metavar="LOT")
@click.option("--to", "path", required=True, type=click.Path(path_type=Path), help="The file, FILE.zip.")
@click.option("--design", help="The design's id, or id@N (default: the one its parts were placed after).")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.option("--record/--no-record", default=True, help="Add the transfer to the lot's history.")
@as_json_option
def transfer(lot_id: str, path: Path, design: str | None, overwrite: bool, record: bool, as_json: bool) -> None:
    """Write a lot's transfer package: design, recipe and window, control limits, history, genealogy, test flow.

    What is missing is said in the manifest. A lot whose history does not fit is refused.
    """
    from workbench.cli.design.naming import pick
    from workbench.reports.transfer_package import write_package
    from workbench.store import Store
    from workbench.store.saving import author

    store = Store.open()
    picked = pick(store, design) if design else None
    named = (picked.design_id, picked.revision_id) if picked else None
    done = write_package(store, lot_id, path, design=named, overwrite=overwrite)
    if record:
        store.history.add(lot_id, "transfer", actor=author(), event_id=f"transfer:{done.sha256}",
                          detail={"file_name": path.name, "file_sha256": done.sha256})  # fmt: skip
    if as_json:
        tell({"path": str(path), "sha256": done.sha256, "manifest": done.manifest})
        return
    click.echo(t("lots.cli.packed", path=path, files=len(done.manifest["files"]), head=done.manifest["head"][:16]))
    for row in done.manifest["missing"]:
        click.secho(f"  {t('lots.cli.missing')}: {row[language()]}", fg="yellow")


@click.command("check-package")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@as_json_option
def check_package(path: Path, as_json: bool) -> None:
    """Hold a transfer package against its manifest and compute its chain anew; ends with 1 where something differs."""
    from workbench.reports.transfer_package import read_package

    found = read_package(path)
    if as_json:
        tell(found.as_dict())
    else:
        for fault in found.faults:
            click.secho(t(f"lots.package.{fault.kind}", place=fault.place, detail=fault.detail), fg="red")
        if found.sound:
            click.echo(t("lots.cli.package_sound", lot=found.manifest["lot"], files=len(found.manifest["files"]),
                         head=found.manifest["head"][:16]))  # fmt: skip
        for row in found.manifest.get("missing", ()):
            click.secho(f"  {t('lots.cli.missing')}: {row[language()]}", fg="yellow")
    raise click.exceptions.Exit(0 if found.sound else 1)
