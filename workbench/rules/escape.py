"""How many signals of a pad array can leave it in the metals of a carrier: a channel estimate.

Between two neighbouring pads of pitch p and diameter d fit k lines of width w and space s when
k w + (k + 1) s <= p - d, so k = floor((p - d - s) / (w + s)). A metal lets the outermost row of an open edge leave
directly and k lines per gap follow, so it peels 1 + floor(k / share) rows off every open edge, `share` being the part
of the pads that carry signals (power and ground go down through vias and need no line). What is left leaves in the
next metal.

The count of lines is exact geometry; peeling whole rows is our estimate. It knows no corner effects, differential
pairs, planes or vias in the way, so a design it passes may still be hard, and one it fails needs a closer look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree

from workbench.errors import DomainError
from workbench.rules.nets import Netlist
from workbench.stack import Grid, Layer, Metal, Points

MOST_LOOKED_AT = 10_000  # points whose nearest neighbour is looked for; their median does not need every one
EDGES = ("left", "right", "bottom", "top")


@dataclass(frozen=True)
class MetalEscape:
    """What leaves in one metal: lines between two pads across and along, rows peeled off, signals."""

    metal: str
    tracks_x: int  # between neighbours of a row: lines leaving through bottom and top
    tracks_y: int  # between neighbours of a column: lines leaving left and right
    rows: int
    signals: int


@dataclass(frozen=True)
class Escape:
    """The estimate for an array. `metals_needed` counts on with the last metal when those given do not suffice."""

    signals: int
    escaped: int
    metals: tuple[MetalEscape, ...]
    metals_needed: int

    @property
    def fits(self) -> bool:
        return self.escaped >= self.signals


def tracks_between(*, pitch_um: float, pad_um: float, line_um: float, space_um: float) -> int:
    """Lines of one metal that fit between two neighbouring pads, at least 0.

    >>> tracks_between(pitch_um=130, pad_um=80, line_um=10, space_um=10)
    2
    """
    if min(pitch_um, pad_um, line_um, space_um) <= 0:
        raise DomainError("rules.escape_range", got=f"{pitch_um:g}, {pad_um:g}, {line_um:g}, {space_um:g}",
                          allowed="> 0")  # fmt: skip
    return max(0, math.floor((pitch_um - pad_um - space_um) / (line_um + space_um) + 1e-9))


def escape_estimate(
    *, columns: int, rows: int, pitch_x_um: float, pitch_y_um: float, pad_um: float, metals: Sequence[Metal],
    signals: int | None = None, edges: Sequence[str] = EDGES,
) -> Escape:  # fmt: skip
    """Signals of a columns x rows array that leave it through the open edges, metal by metal.

    `metals` in the order they are reached from the pads; a metal's own `pad_um` replaces `pad_um` (the bump's). All
    pads carry signals unless `signals` says how many. Raises DomainError for an empty array, no metal, no edge, or more
    signals than pads.
    """
    pads = columns * rows
    wanted = pads if signals is None else signals
    if columns < 1 or rows < 1 or not metals or not 0 <= wanted <= pads or not edges or set(edges) - set(EDGES):
        raise DomainError("rules.escape_array", got=f"{columns} x {rows}, {wanted}, {len(metals)}, {', '.join(edges)}",
                          allowed=f"{', '.join(EDGES)}; <= {pads}")  # fmt: skip
    share = wanted / pads
    left, right, low, high = 0, columns, 0, rows  # what is still inside
    inside, escaped, found, needed = pads, 0, [], 0
    while inside and escaped < wanted and right > left and high > low:
        metal = metals[min(needed, len(metals) - 1)]
        pad = metal.pad_um or pad_um
        across, along = (tracks_between(pitch_um=p, pad_um=pad, line_um=metal.line_um, space_um=metal.space_um)
                         for p in (pitch_x_um, pitch_y_um))  # fmt: skip
        through_y, through_x = (1 + math.floor(k / share + 1e-9) for k in (across, along))
        left += through_x if "left" in edges else 0
        right -= through_x if "right" in edges else 0
        low += through_y if "bottom" in edges else 0
        high -= through_y if "top" in edges else 0
        now_inside = max(right - left, 0) * max(high - low, 0)
        total = min(wanted, round((pads - now_inside) * share))
        if not now_inside:
            total = wanted
        if needed < len(metals):
            peeled = max(through_x if {"left", "right"} & set(edges) else 0,
                         through_y if {"bottom", "top"} & set(edges) else 0)  # fmt: skip
            found.append(MetalEscape(metal.name, across, along, peeled, total - escaped))
        inside, escaped, needed = now_inside, total, needed + 1
    return Escape(wanted, sum(metal.signals for metal in found), tuple(found), needed)


def field_escape(field: Grid | Points, layer: Layer, looks: str, signals: int) -> Escape:
    """The estimate for a bump field on the face of a layer with metals that `looks` up or down: the metal of that face
    is reached first. Points count as a square array of as many pads, their median distance to the next its pitch, the
    sides of the least box around them (at any angle) its shape.
    """
    if isinstance(field, Grid):
        columns, rows, pitch_x, pitch_y = field.columns, field.rows, field.pitch_x_um, field.pitch_y_um
    else:
        xy = field.xy_um()
        pitch_x = pitch_y = _median_pitch_um(xy) or field.diameter_um
        width, length = (side + pitch_x for side in _least_box_um(xy))
        columns = max(1, min(field.count, round(math.sqrt(field.count * width / length))))
        rows = -(-field.count // columns)
    metals = layer.metals[::-1] if looks == "up" else layer.metals
    return escape_estimate(columns=columns, rows=rows, pitch_x_um=pitch_x, pitch_y_um=pitch_y,
                           pad_um=field.diameter_um, metals=metals, signals=signals)  # fmt: skip


def _median_pitch_um(xy: np.ndarray) -> float:
    """Median distance of points (n, 2) to their nearest other place; 0 where there is one place only."""
    places = np.unique(xy, axis=0)
    if len(places) < 2:
        return 0.0
    some = places[:: -(-len(places) // MOST_LOOKED_AT)]
    return float(np.median(cKDTree(places, balanced_tree=False, compact_nodes=False).query(some, k=2)[0][:, 1]))


def _least_box_um(xy: np.ndarray) -> tuple[float, float]:
    """Sides of the rectangle of least area around points (n, 2): one of its sides lies on an edge of their hull."""
    try:
        hull = xy[ConvexHull(xy).vertices]
    except (QhullError, ValueError):  # fewer than three points, or all on one line
        away = np.linalg.norm(xy - xy[0], axis=1)
        return float(np.linalg.norm(xy - xy[away.argmax()], axis=1).max()), 0.0
    edges = np.roll(hull, -1, axis=0) - hull
    along = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    sides = np.stack([np.ptp(hull @ np.stack([way, [-way[1], way[0]]], axis=1), axis=0) for way in along])
    width, length = sides[sides.prod(axis=1).argmin()].tolist()
    return width, length


def signal_count(netlist: Netlist, part: str, field: Grid | Points, supplies: Sequence[str] = ()) -> int:
    """Bumps of a part's field that carry a signal: those with a net or port that is no supply, neither by the netlist
    of the module (the port decides before the net) nor by a name among `supplies`. All, where the field names nothing.
    """
    if not (field.nets or field.ports):
        return field.count
    named, supply = np.zeros(field.count, bool), np.zeros(field.count, bool)
    for words in (field.nets, field.ports):
        codes, texts = field.coded(words)
        named |= np.array([text != "" for text in texts], bool)[codes]
        supply |= np.array([text in supplies for text in texts], bool)[codes]
    if netlist.design.netlist:
        nets = netlist.codes(part, field, np.arange(field.count))
        supply |= (nets >= 0) & (netlist.roles[nets] != 0)
    return int((named & ~supply).sum())
