"""The assembly as solids, faces and joints: every part with its corners and heights, every region where it lies and
which way it looks, every interface with what is wrong with it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from workbench.rules.findings import Place
from workbench.stack import Connection, Design, Die, End, Layer, Level, Placement, Region, geometry, levels
from workbench.stack.bumps import die_span_um, face_looks, face_z_um

SLACK_UM = 1e-6  # for coordinates: a thousandth of a nanometre is drawn on purpose by nobody
TOUCH_UM = 1e-3  # a nanometre: regions that share less than this only touch, and join nothing
JOINING = ("bond", "balls")  # kinds of layer that lie between two faces that meet


@dataclass(frozen=True)
class Part:
    """A placed die or a layer as a solid: corners (4, 2) in um, z range, centre."""

    name: str
    layer: Layer
    placement: Placement | None
    die: Die | None
    corners_um: np.ndarray
    z_bottom_um: float
    z_top_um: float

    @property
    def centre(self) -> Place:
        x, y = self.corners_um.mean(axis=0).tolist()
        return (x, y, self.z_top_um)

    @property
    def size_um(self) -> tuple[float, float]:
        """Width and length in its own layout."""
        sides = np.linalg.norm(self.corners_um[1:3] - self.corners_um[0:2], axis=1)
        return float(sides[0]), float(sides[1])

    def in_module(self, xy: np.ndarray) -> np.ndarray:
        """Points (n, 2) in um of its own layout, as they lie in the module."""
        return xy if self.placement is None else geometry.to_module(xy, self.placement, scale=1000.0)


@dataclass(frozen=True)
class Face:
    """A region in the module. `looks` is up, down or, inside a part, none; `z_um` the height of its face."""

    end: End
    region: Region
    part: Part
    corners_um: np.ndarray
    z_um: float
    looks: str
    method: str | None  # of the bond layer it looks at

    @property
    def centre(self) -> Place:
        x, y = self.corners_um.mean(axis=0).tolist()
        return (x, y, self.z_um)


@dataclass(frozen=True)
class Joint:
    """Two faces that meet, or one and the world below. `connection` is None where bumps imply the joint. `fault` is
    what is wrong with it: inside, same_part, direction, apart, gap, gap_unstated; "" when it holds. `gap_um` is the
    space between the two faces.
    """

    name: str
    top: Face
    bottom: Face | None
    connection: Connection | None
    fault: str = ""
    gap_um: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it joins its parts: a thickness left unstated only asks for care."""
        return self.fault in ("", "gap_unstated")

    @property
    def method(self) -> str | None:
        return self.top.method or (self.bottom.method if self.bottom else None)

    @property
    def centre(self) -> Place:
        return self.top.centre


def dies(design: Design) -> dict[str, Part]:
    """Every placed die, bottom to top."""
    found = {}
    for level in levels(design):
        for placement in level.layer.placements:
            die = design.die(placement.die)
            bottom, top = die_span_um(level, die.thickness_um)
            corners = geometry.outline(design, placement) * 1000
            found[placement.name] = Part(placement.name, level.layer, placement, die, corners, bottom, top)
    return found


def layers(design: Design) -> dict[str, Part]:
    """Every layer as a solid of its own extent."""
    found = {}
    for level in levels(design):
        width, length = design.extent_mm(level.layer)
        corners = geometry.rectangle(x_mm=0, y_mm=0, width_mm=width, length_mm=length) * 1000
        found[level.layer.name] = Part(level.layer.name, level.layer, None, None, corners, level.z_bottom_um,
                                       level.z_top_um)  # fmt: skip
    return found


def faces(design: Design, die_parts: dict[str, Part], layer_parts: dict[str, Part]) -> dict[str, Face]:
    """Every region of every part, by `part.region`, bottom to top."""
    found, stack = {}, levels(design)
    for index, level in enumerate(stack):
        below = stack[index - 1].layer if index else None
        above = stack[index + 1].layer if index + 1 < len(stack) else None
        owners = [(layer_parts[level.layer.name], level.layer.regions)]
        owners += [(die_parts[p.name], design.die(p.die).regions) for p in level.layer.placements]
        for part, regions in owners:
            for region in regions:
                end = End(part=part.name, region=region.name)
                found[str(end)] = _face(design, end, region, part, level, below, above)
    return found


def _face(design: Design, end: End, region: Region, part: Part, level: Level, below: Layer | None,
          above: Layer | None) -> Face:  # fmt: skip
    half = np.array([region.width_um, region.length_um]) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + (region.x_um, region.y_um)
    if part.placement is not None:
        corners = geometry.to_module(corners, part.placement, scale=1000.0)
        corners = corners[::-1] if part.placement.mirrored else corners
    looks = face_looks(part.placement, region.side)
    next_layer = {"up": above, "down": below}.get(looks)
    method = next_layer.bond.method if next_layer is not None and next_layer.bond else None
    return Face(end, region, part, corners, face_z_um(design, level, part.placement, region.side), looks, method)


def joints(design: Design, every: dict[str, Face], gap_tolerance_um: float) -> tuple[Joint, ...]:
    """The connections of the design, then the interfaces that bumps imply: two faces with bumps that look at each
    other, overlap, have only a bond layer between them, and are joined by no connection.
    """
    found, declared = [], set()
    for connection in design.connections:
        top = every[str(connection.top)]
        bottom = every[str(connection.bottom)] if connection.bottom is not None else None
        fault, gap_um = ("", None) if bottom is None else _fault(design, top, bottom, connection.thickness_um,
                                                                 gap_tolerance_um)  # fmt: skip
        found.append(Joint(connection.name, top, bottom, connection, fault, gap_um))
        if bottom is not None:
            declared |= {(str(top.end), str(bottom.end)), (str(bottom.end), str(top.end))}
    for top, bottom in _facing(design, every):
        if (str(top.end), str(bottom.end)) not in declared:
            found.append(Joint(f"{top.end} / {bottom.end}", top, bottom, None, "", top.z_um - bottom.z_um))
    return tuple(found)


def _fault(design: Design, first: Face, second: Face, thickness_um: float,
           tolerance_um: float) -> tuple[str, float | None]:  # fmt: skip
    """What keeps a connection from being one, as OpenROAD's check_3dblox asks (either face may be the upper one)."""
    if first.end.part == second.end.part:
        return "same_part", None
    if geometry.gap_mm(first.corners_um, second.corners_um) > -TOUCH_UM:
        return "apart", None
    if "internal_ext" in (first.region.side, second.region.side):
        meets = max(first.part.z_bottom_um, second.part.z_bottom_um) <= min(first.part.z_top_um, second.part.z_top_um)
        return ("" if meets else "direction"), None
    if "internal" in (first.region.side, second.region.side):
        return "inside", None
    if first.looks == second.looks:
        return "direction", None
    upper, lower = (first, second) if first.looks == "down" else (second, first)
    gap_um = upper.z_um - lower.z_um
    if gap_um < -tolerance_um:
        return "direction", gap_um
    if abs(gap_um - thickness_um) <= tolerance_um * (1 + 1e-9):
        return "", gap_um
    unstated = thickness_um == 0 and _between(design, lower.z_um, upper.z_um)
    return ("gap_unstated" if unstated else "gap"), gap_um


def _between(design: Design, low_um: float, high_um: float) -> bool:
    """Whether only layers of bonds lie between two heights, and fill the space."""
    inside = [x for x in levels(design) if x.z_top_um > low_um + TOUCH_UM and x.z_bottom_um < high_um - TOUCH_UM]
    return bool(inside) and all(
        x.layer.kind in JOINING and x.z_bottom_um >= low_um - TOUCH_UM and x.z_top_um <= high_um + TOUCH_UM
        for x in inside
    )


def _facing(design: Design, every: dict[str, Face]) -> list[tuple[Face, Face]]:
    """Pairs (upper, lower) of faces with bumps that look at each other across a bond layer or in contact."""
    lower: dict[float, list[Face]] = defaultdict(list)
    upper: dict[float, list[Face]] = defaultdict(list)
    for face in every.values():
        if face.region.bumps and face.looks:
            (lower if face.looks == "up" else upper)[round(face.z_um, 3)].append(face)
    found = []
    for low_um, bottoms in lower.items():
        for high_um, tops in upper.items():
            meets = high_um == low_um or (high_um > low_um and _between(design, low_um, high_um))
            if meets:
                found += _overlapping(tops, bottoms)
    return found


def _overlapping(tops: list[Face], bottoms: list[Face]) -> list[tuple[Face, Face]]:
    a, b = (np.array([face.corners_um for face in group]) for group in (tops, bottoms))
    pairs = ((tops[i], bottoms[j]) for i, j in geometry.overlapping(a, b, TOUCH_UM).tolist())
    return [(top, bottom) for top, bottom in pairs if top.end.part != bottom.end.part]
