"""Two dies beside each other in moulding compound, wired by redistribution layers (fan-out, chip first)."""

from __future__ import annotations

from workbench.errors import InputError
from workbench.schema import Parameters, quantity
from workbench.stack.connections import Connection, End
from workbench.stack.document import Design, Layer, Metal, Placement
from workbench.stack.fitting import Rectangle, counted, filled, most_sites
from workbench.stack.patterns import Grid
from workbench.stack.templates import parts

LEFT, RIGHT, RDL = "U1 base", "U2 compute", "Redistribution layers"
PAD_UM, POWER_PITCH_UM = 40.0, 150.0


class SideBySide(Parameters):
    """Two dies side by side on redistribution layers, joined by a die-to-die link at their facing edges."""

    left_width_mm: float = quantity("Left die width", "左側晶粒寬度", ge=1, le=30, default=6.0)
    left_length_mm: float = quantity("Left die length", "左側晶粒長度", ge=1, le=33, default=6.0)
    left_node_nm: float = quantity("Left die node", "左側晶粒製程節點", ge=2, le=250, default=28.0)
    left_power_w: float = quantity("Left die power", "左側晶粒功耗", ge=0, le=1000, default=2.0)
    right_width_mm: float = quantity("Right die width", "右側晶粒寬度", ge=1, le=30, default=5.0)
    right_length_mm: float = quantity("Right die length", "右側晶粒長度", ge=1, le=33, default=5.0)
    right_node_nm: float = quantity("Right die node", "右側晶粒製程節點", ge=2, le=250, default=7.0)
    right_power_w: float = quantity("Right die power", "右側晶粒功耗", ge=0, le=1000, default=6.0)
    thickness_um: float = quantity("Die thickness", "晶粒厚度", ge=20, le=775, default=300.0)
    gap_mm: float = quantity("Gap between the dies", "晶粒間距", ge=0.05, le=10, default=0.3)
    wire_count: int = quantity("Die-to-die wires", "晶粒間訊號數", ge=1, le=100_000, default=600)
    link_pitch_um: float = quantity("Link pad pitch", "互連銲墊間距", ge=10, le=500, default=55.0)
    io_count: int = quantity("Signals to the board, each die", "每顆晶粒對外訊號數", ge=1, le=2_000, default=100)
    body_width_mm: float = quantity("Body width", "封裝寬度", ge=2, le=100, default=14.0)
    body_length_mm: float = quantity("Body length", "封裝長度", ge=2, le=100, default=9.0)


def side_by_side(p: SideBySide) -> Design:
    body = (p.body_width_mm, p.body_length_mm)
    width_mm = p.left_width_mm + p.gap_mm + p.right_width_mm
    parts.inside("Die tier", width_mm, max(p.left_length_mm, p.right_length_mm), body)
    left = Placement(name=LEFT, die="base", x_mm=(p.left_width_mm - width_mm) / 2, facing="down", mirrored=True)
    right = Placement(name=RIGHT, die="compute", x_mm=(width_mm - p.right_width_mm) / 2, facing="down", mirrored=True)
    sizes = {LEFT: (p.left_width_mm, p.left_length_mm), RIGHT: (p.right_width_mm, p.right_length_mm)}
    faces, fields = {}, {}
    strip_um = _strip_um(p)
    for placement, inward, signal in ((left, 1, "A"), (right, -1, "B")):
        width, length = (side * 1000 for side in sizes[placement.name])
        faces[placement.name] = Rectangle(placement.x_mm * 1000, 0.0, width, length)
        fields[placement.name] = _fields(p, faces[placement.name], strip_um, inward, signal)
    dies = (
        parts.die("base", "Base die", role="io", width_mm=p.left_width_mm, length_mm=p.left_length_mm,
                  thickness_um=p.thickness_um, node_nm=p.left_node_nm, power_w=p.left_power_w,
                  regions=(parts.region("face", "front", fields[LEFT], left, faces[LEFT]),),
                  # The layout is mirrored: its left edge faces the other die.
                  blocks=(("PHY strip", 0, 0, 0.2, 1, 0.6), ("I/O ring logic", 0.2, 0, 0.8, 1, 0.4))),
        parts.die("compute", "Compute die", role="logic", width_mm=p.right_width_mm, length_mm=p.right_length_mm,
                  thickness_um=p.thickness_um, node_nm=p.right_node_nm, power_w=p.right_power_w,
                  regions=(parts.region("face", "front", fields[RIGHT], right, faces[RIGHT]),),
                  blocks=(("PHY strip", 0.8, 0, 0.2, 1, 0.2), ("Core cluster", 0, 0, 0.5, 0.6, 0.6))),
    )  # fmt: skip
    layers = (
        parts.ball_layer(),
        Layer(
            name=RDL, kind="rdl", material="polyimide", thickness_um=40.0, source=parts.OURS,
            unverified=("thickness_um", "regions"),
            metals=tuple(
                Metal(name=f"RDL{n}", line_um=2.0, space_um=2.0, thickness_um=3.0, via_um=10.0, pad_um=25.0,
                      source="L/S 2/2 um: ASE FOCoS chip first (ase.aseglobal.com)",
                      unverified=("thickness_um", "via_um", "pad_um"))
                for n in (1, 2, 3)
            ),
            regions=(
                parts.region("left site", "front", fields[LEFT], None, faces[LEFT]),
                parts.region("right site", "front", fields[RIGHT], None, faces[RIGHT]),
                _balls(body, p.io_count),
            ),
        ),
        Layer(name="Die tier", kind="die", material="emc", thickness_um=p.thickness_um, dies=(left, right),
              source=parts.OURS, unverified=("thickness_um",)),
        parts.mould_cap(),
    )  # fmt: skip
    return Design(
        title="Two dies side by side, fan-out", title_zh="雙晶粒並排，扇出", assembly="side_by_side", carrier="fan_out",
        flow="fan_out_first", width_mm=body[0], length_mm=body[1], source=parts.OURS,
        unverified=("width_mm", "length_mm"), dies=dies, layers=layers,
        connections=(
            Connection(name="left to wiring", top=End(part=LEFT, region="face"),
                       bottom=End(part=RDL, region="left site")),
            Connection(name="right to wiring", top=End(part=RIGHT, region="face"),
                       bottom=End(part=RDL, region="right site")),
            Connection(name="wiring to board", top=End(part=RDL, region="ball side"),
                       thickness_um=layers[0].thickness_um),
        ),
        netlist=parts.supplies((LEFT, RIGHT, RDL)),
    )  # fmt: skip


def _strip_um(p: SideBySide) -> float:
    """Depth of the link's strip: equal on both dies, so that all wires are equally long."""
    per_column = most_sites(_shorter_um(p), p.link_pitch_um, _pad_um(p), parts.EDGE_UM)
    if not per_column:
        raise InputError("planning.no_room", where="link", got=f"{_shorter_um(p):g} um")
    columns = -(-p.wire_count // per_column)
    return (columns - 1) * p.link_pitch_um + _pad_um(p) + 2 * parts.EDGE_UM


def _shorter_um(p: SideBySide) -> float:
    return min(p.left_length_mm, p.right_length_mm) * 1000


def _pad_um(p: SideBySide) -> float:
    return min(PAD_UM, p.link_pitch_um / 2)


def _fields(p: SideBySide, face: Rectangle, strip_um: float, inward: int, signal: str) -> tuple[Grid, Grid, Grid]:
    """The link at the edge that faces the other die, then supplies, then the die's signals to the board."""
    strip = Rectangle(face.x_um + inward * (face.width_um - strip_um) / 2, 0.0, strip_um, _shorter_um(p))
    link = counted("link", strip, p.wire_count, pitch_um=p.link_pitch_um, diameter_um=_pad_um(p),
                   edge_um=parts.EDGE_UM)  # fmt: skip
    rest = Rectangle(face.x_um - inward * strip_um / 2, 0.0, max(face.width_um - strip_um, 1.0), face.length_um)
    every = filled("supply", rest, pitch_um=POWER_PITCH_UM, diameter_um=PAD_UM, edge_um=parts.EDGE_UM)
    signals, supply = parts.split_rows(every, p.io_count)
    return (parts.carrying(link, ("D{index}",)), parts.supplied(supply),
            parts.carrying(signals.model_copy(update={"name": "board signals"}), (signal + "{index}",)))  # fmt: skip


def _balls(body: tuple[float, float], io_count: int):
    """Balls below both dies: signals of the left die in the upper rows, of the right in the lower, supplies between."""
    whole = Rectangle(0.0, 0.0, body[0] * 1000, body[1] * 1000)
    every = filled("balls", whole, pitch_um=parts.BALL_PITCH_UM, diameter_um=parts.BALL_UM,
                   edge_um=parts.BALL_EDGE_UM)  # fmt: skip
    upper, rest = parts.split_rows(every, io_count)
    # Turned half round, the upper rows of the rest are its lower ones.
    turned, supply = parts.split_rows(rest.model_copy(update={"y_um": -rest.y_um}), io_count)
    lower = turned.model_copy(update={"y_um": -turned.y_um, "angle_deg": 180.0})
    supply = supply.model_copy(update={"y_um": -supply.y_um})
    return parts.region("ball side", "back", (
        parts.carrying(upper.model_copy(update={"name": "left die signals"}), ("A{index}",)),
        parts.carrying(lower.model_copy(update={"name": "right die signals"}), ("B{index}",)),
        parts.supplied(supply.model_copy(update={"name": "supply balls"})),
    ), None, whole)  # fmt: skip
