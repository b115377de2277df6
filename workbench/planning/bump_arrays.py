"""Bump arrays of an interface: made where two regions overlap, kept equal on both sides, given their nets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.errors import InputError
from workbench.planning.assignment import Assignment, assign
from workbench.rules.escape import Escape, field_escape, signal_count
from workbench.rules.nets import Netlist
from workbench.stack import Connection, Design, End, Grid, Points, Region, levels, read, to_document
from workbench.stack.bumps import face_z_um, followed
from workbench.stack.fitting import Rectangle, counted, filled, supply_pattern
from workbench.stack.geometry import to_module

Side = Literal["top", "bottom"]


def connection(design: Design, name: str) -> Connection:
    """The connection of a name, with both ends. Raises InputError for an unknown one, or one to the world below."""
    joined = [joint for joint in design.connections if joint.bottom is not None]
    for joint in joined:
        if joint.name == name:
            return joint
    raise InputError("planning.no_connection", got=name, allowed=", ".join(joint.name for joint in joined[:12]))


def overlap(design: Design, joint: Connection) -> Rectangle:
    """The rectangle, as seen from above, that both regions of a connection cover.

    Raises InputError where they do not overlap, or lie at an angle to the module that is no multiple of 90 degrees.
    """
    low, high = np.full(2, -np.inf), np.full(2, np.inf)
    for end in (joint.top, joint.bottom):
        region, (_, placement) = design.region(end), design.part(end.part)
        if placement is not None and placement.angle_deg % 90:
            raise InputError("planning.region_angle", where=str(end), got=f"{placement.angle_deg:g}",
                             allowed="0, 90, 180, 270")  # fmt: skip
        half = np.array([[-1, -1], [1, 1]]) * (region.width_um, region.length_um) / 2
        corners = half + np.array([region.x_um, region.y_um])
        if placement is not None:
            corners = to_module(corners, placement, scale=1000.0)
        low, high = np.maximum(low, corners.min(0)), np.minimum(high, corners.max(0))
    if (high <= low).any():
        raise InputError("planning.no_overlap", where=joint.name, got=f"{joint.top} / {joint.bottom}")
    return Rectangle(*np.round((low + high) / 2, 6).tolist(), *np.round(high - low, 6).tolist())


def create(
    design: Design, name: str, *, pitch_um: float, diameter_um: float, count: int | None = None, edge_um: float = 0.0,
    supply_every: int = 0, supply_kind: Literal["checkerboard", "stripes"] = "checkerboard", signal: str = "D{index}",
    field: str = "bumps", master: Side = "bottom",
) -> Design:  # fmt: skip
    """The design with one new bump array on both sides of the connection `name`, in place of their present bumps.

    The array fills the overlap of the two regions, or has `count` bumps centred in it; rims stay edge_um from its
    border. One bump of `supply_every` is power or ground in turn (0: none). Net names repeat on both sides.
    Raises InputError where the regions do not overlap or the count does not fit.
    """
    joint = connection(design, name)
    if diameter_um >= pitch_um:
        raise InputError("design.joints_touch", where=name, got=f"{diameter_um:g} um", allowed=f"< {pitch_um:g} um")
    over = overlap(design, joint)
    sizes = {"pitch_um": pitch_um, "diameter_um": diameter_um, "edge_um": edge_um}
    array = filled(field, over, **sizes) if count is None else counted(field, over, count, **sizes)
    nets = (signal,)
    if supply_every:
        nets = supply_pattern(array.columns, every=supply_every, kind=supply_kind, signal=signal)
    array = array.model_copy(update={"nets": nets, "ports": nets})
    end = joint.bottom if master == "bottom" else joint.top
    _, placement = design.part(end.part)
    return synchronise(with_bumps(design, end, (followed(array, None, placement),)), name, master=master)


def synchronise(design: Design, name: str, *, master: Side = "bottom") -> Design:
    """The design with the bumps of the other side of a connection following the master's, site by site with their nets.

    Holds at any angle and mirroring of the two parts; a regular array stays a pattern. The follower's own bump and
    cell names are dropped, its former bumps are replaced. Other placements of the same die type change with it.
    Raises InputError for an unknown connection, or where a bump would leave the other side's region.
    """
    joint = connection(design, name)
    source, target = (joint.bottom, joint.top) if master == "bottom" else (joint.top, joint.bottom)
    (_, here), (_, there) = design.part(source.part), design.part(target.part)
    fields = tuple(
        followed(field, here, there).model_copy(update={"names": (), "cells": ()})
        for field in design.region(source).bumps
    )
    region = design.region(target)
    for field in fields:
        away = np.abs(field.xy_um() - (region.x_um, region.y_um)).max(axis=0) + field.diameter_um / 2
        if (away > np.array([region.width_um, region.length_um]) / 2 + 1e-6).any():
            raise InputError("planning.follower_outside", where=str(target), got=field.name,
                             allowed=f"{region.width_um:g} x {region.length_um:g} um")  # fmt: skip
    return with_bumps(design, target, fields)


def with_bumps(design: Design, end: End, bumps: Sequence[Grid | Points]) -> Design:
    """The design with the bumps of one region replaced (those of a die: on all its placements)."""
    layer, placement = design.part(end.part)
    design.region(end)

    def changed(regions: tuple[Region, ...]) -> tuple[Region, ...]:
        return tuple(
            region.model_copy(update={"bumps": tuple(bumps)}) if region.name == end.region else region
            for region in regions
        )

    if placement is None:
        layers = tuple(one.model_copy(update={"regions": changed(one.regions)}) if one.name == layer.name else one
                       for one in design.layers)  # fmt: skip
        return read(to_document(design.model_copy(update={"layers": layers})))
    dies = tuple(die.model_copy(update={"regions": changed(die.regions)}) if die.id == placement.die else die
                 for die in design.dies)  # fmt: skip
    return read(to_document(design.model_copy(update={"dies": dies})))


@dataclass(frozen=True)
class NetAssignment:
    """The design with nets on the bumps, and how long their wires are: see `assignment.Assignment`."""

    design: Design
    assignment: Assignment
    spare: int  # signal bumps left without a net


def assign_nets(
    design: Design, name: str, *, nets: Sequence[str], pins_um: np.ndarray, master: Side = "bottom",
    supplies: Sequence[str] = ("VDD", "VSS"), spare: str = "",
) -> NetAssignment:  # fmt: skip
    """Give each net the bump that keeps all wires together shortest, on both sides of a connection.

    `pins_um` (n, 2) says where each net leaves the master's circuits, from the centre of its part in its own layout;
    bumps that carry one of `supplies` keep it. Bumps left over are called `spare`. Raises InputError for uneven
    arguments, a net given twice or called like a supply, or fewer signal bumps than nets.
    """
    pins = np.asarray(pins_um, float).reshape(-1, 2)
    double = len(set(nets)) != len(nets) or set(nets) & set(supplies)
    if len(pins) != len(nets) or double:
        raise InputError("planning.nets", where=name, got=f"{len(nets)} / {len(pins)}")
    joint = connection(design, name)
    end = joint.bottom if master == "bottom" else joint.top
    fields = design.region(end).bumps
    said, centres = [], []
    for field in fields:
        codes, words = field.coded(field.nets)
        said.append([words[code] for code in codes.tolist()])
        centres.append(field.xy_um())
    flat = [net for labels in said for net in labels]
    free = np.flatnonzero([net not in supplies for net in flat])
    xy = np.concatenate(centres) if centres else np.empty((0, 2))
    found = assign(pins, xy[free])
    labels = np.array(flat, dtype=object)
    labels[free] = spare
    labels[free[found.bump_of_pin]] = list(nets)
    ends = np.cumsum([field.count for field in fields])
    parts = np.split(labels, ends[:-1]) if len(fields) else []
    bumps = tuple(
        field.model_copy(update={"nets": tuple(part.tolist()), "ports": tuple(part.tolist())})
        for field, part in zip(fields, parts, strict=True)
    )
    wired = synchronise(with_bumps(design, end, bumps), name, master=master)
    return NetAssignment(wired, found, len(free) - len(pins))


def escape(design: Design, name: str, layer: str, *, master: Side = "bottom", supplies: Sequence[str] = ("VDD", "VSS"),
           field: int = 0) -> Escape:  # fmt: skip
    """Whether the signals of a connection's bump array can leave it in the metals of `layer`, from the side the array
    lies on.

    The channel estimate of `rules.escape`, for regular arrays. Supplies are those of the netlist and the nets named
    here. Raises InputError for an irregular field or a layer without metals.
    """
    joint = connection(design, name)
    end = joint.bottom if master == "bottom" else joint.top
    fields = design.region(end).bumps
    wiring, _ = design.part(layer)
    if not wiring.metals or field >= len(fields) or not isinstance(fields[field], Grid):
        raise InputError("planning.no_escape", where=f"{end} / {layer}", got=f"{len(wiring.metals)} / {len(fields)}")
    holder, placement = design.part(end.part)
    stack = {level.layer.name: level for level in levels(design)}
    z_um = face_z_um(design, stack[holder.name], placement, design.region(end).side)
    under = (stack[wiring.name].z_bottom_um + stack[wiring.name].z_top_um) / 2 <= z_um
    signals = signal_count(Netlist(design), end.part, fields[field], supplies)
    return field_escape(fields[field], wiring, "up" if under else "down", signals)
