"""`workbench design`: what the store holds, and one design in words or as JSON."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from workbench.errors import InputError
from workbench.i18n import language, t
from workbench.schema.summary import shown
from workbench.stack import content_sha256, derive, levels, read
from workbench.store import Store


@click.group()
def command() -> None:
    """Designs of the store."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_designs(as_json: bool) -> None:
    """List every design with its newest revision."""
    rows = Store.open().designs.list()
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, default=str, indent=1))
        return
    if not rows:
        click.echo(t("design.cli.empty"))
        return
    grid = Table(box=None)
    for head in ("design.cli.id", "design.cli.title", "design.cli.kind"):
        grid.add_column(t(head), overflow="fold")
    for row in rows:
        grid.add_row(row["design_id"], row["title"], t(f"design.assembly.{row['kind']}"))
    Console().print(grid)


@command.command("show")
@click.argument("design_id")
@click.option("--revision", help="A revision; the newest when left out.")
@click.option("--json", "as_json", is_flag=True, help="Print the document and its derived figures as JSON.")
def show(design_id: str, revision: str | None, as_json: bool) -> None:
    """Show one design: its layers bottom to top, its dies, and the figures that follow."""
    store = Store.open()
    known = [row["design_id"] for row in store.designs.list()]
    if design_id not in known:
        raise InputError("design.not_found", got=design_id, allowed=", ".join(known))
    document = store.designs.document(design_id, revision)
    design = read(document)
    derived = derive(design)
    if as_json:
        figures = {
            "total_thickness_um": derived.total_thickness_um,
            "footprint_mm2": derived.footprint_mm2,
            "silicon_area_mm2": derived.silicon_area_mm2,
            "die_count": derived.die_count,
            "power_w": derived.power_w,
        }
        found = {
            "design_id": design_id,
            "content_sha256": content_sha256(design),
            "derived": figures,
            "document": document,
        }
        click.echo(json.dumps(found, ensure_ascii=False, default=str, indent=1))
        return
    click.echo(design.title_zh if language() == "zh-Hant" and design.title_zh else design.title)
    click.echo(
        f"{t(f'design.assembly.{design.assembly}')}, {shown(derived.total_thickness_um)} µm, "
        f"{design.width_mm:g} x {design.length_mm:g} mm, {shown(derived.silicon_area_mm2)} mm² Si, "
        f"{shown(derived.power_w)} W"
    )
    grid = Table(box=None)
    for head, side in (("design.cli.layer", "left"), ("design.cli.kind", "left"), ("design.cli.thickness", "right"),
                       ("design.cli.z", "right"), ("design.cli.dies", "left")):  # fmt: skip
        grid.add_column(t(head), justify=side, overflow="fold")
    for level in reversed(levels(design)):  # as it stands: top of the stack first
        layer = level.layer
        mark = "" if layer.is_verified("thickness_um") else " *"
        grid.add_row(layer.name, t(f"design.layer.{layer.kind}"), f"{layer.thickness_um:g}{mark}",
                     f"{level.z_bottom_um:g}", ", ".join(p.name for p in layer.placements))  # fmt: skip
    Console().print(grid)
    click.echo(t("design.cli.unverified"))
