"""`workbench design what-if | plan-bumps | floorplan`: change a design and see what it does; saved only when asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.design.naming import Picked, as_json_option, pick, tell
from workbench.errors import InputError
from workbench.i18n import language, t
from workbench.schema.summary import shown

if TYPE_CHECKING:
    from workbench.planning.what_if import WhatIf
    from workbench.stack import Design


def _saving(command: Callable) -> Callable:
    """The options of every command that changes a design."""
    command = as_json_option(command)
    command = click.option("--note", default="", help="What this revision is about.")(command)
    return click.option("--save", is_flag=True, help="Save the changed design as its next revision.")(command)


@click.command("what-if")
@click.argument("design")
@click.option("--set", "pairs", multiple=True, required=True, metavar="PATH=VALUE",
              help='A field of the design, as layers["Mould cap"].thickness_um=60; may be repeated.')  # fmt: skip
@click.option("-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the stack design review.")
@_saving
def what_if(design: str, pairs: tuple[str, ...], parameters: tuple[str, ...], save: bool, note: str,
            as_json: bool) -> None:  # fmt: skip
    """Change fields of a design and see findings, cost and size before and after, side by side."""
    from workbench.planning.what_if import changed
    from workbench.store import Store

    picked = pick(Store.open(), design)
    before = picked.design()
    after = changed(before, dict(map(_pair, pairs)))
    _compare(picked, before, after, save=save, note=note, as_json=as_json, parameters=parameters)


@click.command("plan-bumps")
@click.argument("design")
@click.option("--connection", required=True, help="The interface, by the name of its connection.")
@click.option("--pitch-um", type=float, required=True)
@click.option("--diameter-um", type=float, required=True)
@click.option("--count", type=click.IntRange(min=1), help="So many bumps, centred; without it the overlap is filled.")
@click.option("--edge-um", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Kept free along the border of the overlap.")  # fmt: skip
@click.option("--supply-every", type=click.IntRange(min=0), default=4, show_default=True,
              help="One bump of so many is power or ground, in turn (0: none).")  # fmt: skip
@click.option("--escape-layer", help="Also estimate whether the signals can leave in the metals of this layer.")
@_saving
def plan_bumps(design: str, connection: str, pitch_um: float, diameter_um: float, count: int | None, edge_um: float,
               supply_every: int, escape_layer: str | None, save: bool, note: str, as_json: bool) -> None:  # fmt: skip
    """Draw a new bump array on both sides of an interface, in place of the bumps that are there."""
    from workbench.planning import bump_arrays
    from workbench.store import Store

    picked = pick(Store.open(), design)
    before = picked.design()
    after = bump_arrays.create(before, connection, pitch_um=pitch_um, diameter_um=diameter_um, count=count,
                               edge_um=edge_um, supply_every=supply_every)  # fmt: skip
    more: dict[str, Any] = {}
    if escape_layer:
        found = bump_arrays.escape(after, connection, escape_layer)
        more = {"escape": {"signals": found.signals, "escaped": found.escaped, "metals_needed": found.metals_needed,
                           "fits": found.fits}}  # fmt: skip
        if not as_json:
            click.echo(t("design.cli.escape", signals=f"{found.signals:,}", escaped=f"{found.escaped:,}",
                         metals=found.metals_needed))  # fmt: skip
    _compare(picked, before, after, save=save, note=note, as_json=as_json, more=more)


@click.command("floorplan")
@click.argument("design")
@click.option("--wires", "pairs", multiple=True, metavar="A,B=COUNT",
              help="Wires between two placements; may be repeated. Without it the netlist counts.")  # fmt: skip
@click.option("--gap-mm", type=click.FloatRange(min=0), default=0.1, show_default=True, help="Least gap between dies.")
@click.option("--angles", type=click.Choice(("fixed", "quarter", "free")), default="fixed", show_default=True)
@click.option("--effort", type=click.Choice(("quick", "normal", "thorough")), default="normal", show_default=True)
@click.option("--thermal-weight", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Longer wires, in mm, that may be paid to spread the heat (a proxy, no temperature).")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@_saving
def floorplan(design: str, pairs: tuple[str, ...], gap_mm: float, angles: str, effort: str, thermal_weight: float,
              seed: int, save: bool, note: str, as_json: bool) -> None:  # fmt: skip
    """Place the dies of a side-by-side module anew for short wires, with a proven bound on how short they can be."""
    from workbench.planning.floorplan import floorplan as place
    from workbench.planning.floorplan import wires_of
    from workbench.store import Store

    picked = pick(Store.open(), design)
    before = picked.design()
    wires = dict(map(_wires, pairs)) or wires_of(before)
    if not wires:
        raise InputError("planning.no_wires", where=design)
    with _solver_aside():
        found = place(before, wires, gap_mm=gap_mm, angles=angles, effort=effort, thermal_weight=thermal_weight,
                      seed=seed)  # fmt: skip
    figures = {"wirelength_mm": found.wirelength_mm, "given_wirelength_mm": found.given_wirelength_mm,
               "bound_mm": found.bound_mm, "bound_method": found.bound_method, "spread_mm": found.spread_mm,
               "is_proven_best": found.is_proven_best, "seed": seed}  # fmt: skip
    if not as_json:
        click.echo(t("design.cli.floorplan", now=shown(found.wirelength_mm), given=shown(found.given_wirelength_mm),
                     bound=shown(found.bound_mm)))  # fmt: skip
    better = thermal_weight or not found.given_is_legal or found.wirelength_mm < found.given_wirelength_mm * (1 - 1e-6)
    after = found.design if better else before
    if not better and not as_json:
        click.echo(t("design.cli.floorplan_stays"))
    _compare(picked, before, after, save=save and bool(better), note=note, as_json=as_json,
             more={"floorplan": figures})  # fmt: skip


@contextmanager
def _solver_aside() -> Iterator[None]:
    """Send what the solver writes from C to the standard error: the output may be somebody's JSON."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _compare(picked: Picked, before: Design, after: Design, *, save: bool, note: str, as_json: bool,
             parameters: tuple[str, ...] = (), more: dict[str, Any] | None = None) -> None:  # fmt: skip
    """Both designs side by side, and the revision where it is to be saved."""
    from workbench.cost.review import StackDesignReview
    from workbench.planning.what_if import what_if as compare
    from workbench.store.decks import decks_of
    from workbench.store.saving import author, save_revision

    found = compare(before, after, parameters=StackDesignReview.from_pairs(parameters),
                    deck=decks_of(picked.store).pick(None))  # fmt: skip
    revision = None
    if save:
        said = note or "; ".join(change.sentence("en") for change in found.changes)[:400]
        revision = save_revision(picked.store, picked.design_id, after, author=author(), note=said,
                                 based_on=picked.revision_id).revision_id  # fmt: skip
    if as_json:
        tell({"design_id": picked.design_id, "revision_id": revision, **found.as_dict(language()), **(more or {})})
        return
    for change in found.changes:
        click.echo(change.sentence())
    _print_figures(found)
    for key, names in (("appeared", found.appeared), ("solved", found.solved)):
        for name in names:
            click.secho(t(f"design.cli.{key}", name=name), fg="red" if key == "appeared" else "green")
    if revision:
        click.echo(t("design.cli.saved_as", revision=revision))


def _wires(pair: str) -> tuple[tuple[str, str], float]:
    names, _, count = pair.rpartition("=")
    first, comma, second = names.partition(",")
    try:
        if not comma:
            raise ValueError
        return (first.strip(), second.strip()), float(count)
    except ValueError:
        raise InputError("param.not_a_pair", where="--wires", got=pair, allowed="A,B=COUNT") from None


def _pair(pair: str) -> tuple[str, Any]:
    path, equals, value = pair.rpartition("=")
    if not equals:
        raise InputError("param.not_a_pair", where="--set", got=pair)
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value  # a bare word is text


def _print_figures(found: WhatIf) -> None:
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None)
    for head in ("figure", "before", "after", "judged"):
        grid.add_column(t(f"design.cli.{head}"), justify="right" if head in ("before", "after") else "left")
    for figure in found.figures:
        name = t(figure.label) + (f" ({figure.unit})" if figure.unit else "")
        grid.add_row(name, shown(figure.before), shown(figure.after), t(f"design.cli.is.{figure.judged}"))
    Console().print(grid)
