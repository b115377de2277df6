"""`workbench design list | show`: find designs, and one in words or as JSON."""

from __future__ import annotations

import click

from workbench.cli.design.naming import as_json_option, pick, tell
from workbench.errors import InputError
from workbench.i18n import language, t
from workbench.schema.summary import shown


@click.command("list")
@click.argument("words", nargs=-1)
@click.option("--facet", "facets", multiple=True, metavar="NAME=VALUE",
              help="Only designs with this value; may be repeated (same NAME: any of the values).")  # fmt: skip
@click.option("--range", "ranges", multiple=True, metavar="FIGURE=LOW..HIGH",
              help="Only designs whose figure lies between; an end may be left out.")  # fmt: skip
@click.option("--facets", "show_facets", is_flag=True, help="Also print the facets and how many designs each leaves.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@as_json_option
def list_designs(words: tuple[str, ...], facets: tuple[str, ...], ranges: tuple[str, ...], show_facets: bool,
                 limit: int, as_json: bool) -> None:  # fmt: skip
    """List designs, the newest first; with WORDS those that speak of them, the best first.

    A word finds every word that begins with it, "words in quotes" a phrase, -word leaves out.
    """
    from rich.console import Console
    from rich.table import Table

    from workbench.store import Store

    found = Store.open().designs.search(" ".join(words), facets=_facets(facets), ranges=_ranges(ranges), limit=limit)
    if as_json:
        tell(found.as_dict())
        return
    if not found.hits:
        click.echo(t("design.cli.none" if words or facets or ranges else "design.cli.empty"))
        return
    grid = Table(box=None)
    for head, side in (("id", "left"), ("title", "left"), ("pitch", "right"), ("silicon", "right"),
                       ("verdict", "left")):  # fmt: skip
        grid.add_column(t(f"design.cli.{head}"), justify=side, overflow="fold", no_wrap=head == "id")
    for row in found.hits:
        grid.add_row(
            f"{row['design_id']}@{row['number']}", row["title"], _figure(row["finest_pitch_um"]),
            _figure(row["silicon_area_mm2"]), t(f"verdict.{row['verdict']}") if row["verdict"] else "–",
        )  # fmt: skip
    Console().print(grid)
    if found.total > len(found.hits):
        click.echo(t("design.cli.more", shown=len(found.hits), total=found.total))
    if show_facets:
        for count in (count for counts in found.facets.values() for count in counts):
            click.echo(f"  {count.facet}={count.value or '-'}  ({count.words()})  {count.count}")


def _figure(value: float | None) -> str:
    return "–" if value is None else shown(value, 3)


def _facets(given: tuple[str, ...]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError("param.not_a_pair", where="--facet", got=pair)
        chosen.setdefault(name, []).append("" if value == "-" else value)
    return chosen


def _ranges(given: tuple[str, ...]) -> dict[str, tuple[float | None, float | None]]:
    chosen = {}
    for pair in given:
        name, equals, span = pair.partition("=")
        low, dots, high = span.partition("..")
        try:
            if not (equals and dots):
                raise ValueError
            chosen[name] = tuple(float(end) if end else None for end in (low, high))
        except ValueError:
            raise InputError("design.not_a_range", where="--range", got=pair) from None
    return chosen


@click.command("show")
@click.argument("design")
@as_json_option
def show(design: str, as_json: bool) -> None:
    """Show one design: its layers from the top, its dies and bumps, and the figures that follow."""
    from rich.console import Console
    from rich.table import Table

    from workbench.stack import bump_count, content_sha256, derive, levels, to_document
    from workbench.store import Store

    picked = pick(Store.open(), design)
    found = picked.design()
    derived = derive(found)
    bumps = bump_count(found)
    if as_json:
        figures = {
            "total_thickness_um": derived.total_thickness_um,
            "footprint_mm2": derived.footprint_mm2,
            "silicon_area_mm2": derived.silicon_area_mm2,
            "die_count": derived.die_count,
            "bump_count": bumps,
            "power_w": derived.power_w,
        }
        tell({"design_id": picked.design_id, "content_sha256": content_sha256(found), "derived": figures,
              "document": to_document(found)})  # fmt: skip
        return
    click.echo(found.title_zh if language() == "zh-Hant" and found.title_zh else found.title)
    click.echo(
        f"{t(f'design.assembly.{found.assembly}')}, {shown(derived.total_thickness_um)} µm, "
        f"{found.width_mm:g} x {found.length_mm:g} mm, {shown(derived.silicon_area_mm2)} mm² Si, "
        f"{shown(derived.power_w)} W, {t('design.cli.bumps', count=f'{bumps:,}')}"
    )
    grid = Table(box=None)
    for head, side in (("layer", "left"), ("kind", "left"), ("thickness", "right"), ("z", "right"), ("dies", "left")):
        grid.add_column(t(f"design.cli.{head}"), justify=side, overflow="fold")
    for level in reversed(levels(found)):  # as it stands: top of the stack first
        layer = level.layer
        mark = "" if layer.is_verified("thickness_um") else " *"
        grid.add_row(layer.name, t(f"design.layer.{layer.kind}"), f"{layer.thickness_um:g}{mark}",
                     f"{level.z_bottom_um:g}", ", ".join(p.name for p in layer.placements))  # fmt: skip
    Console().print(grid)
    click.echo(t("design.cli.unverified"))
