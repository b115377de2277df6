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

from workbench.errors import DomainError
from workbench.stack import Metal

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
