"""Two dies on each other: face to face, or face to back through silicon vias."""

from __future__ import annotations

import math

from workbench.errors import InputError
from workbench.schema import Parameters, choice, quantity
from workbench.stack.bumps import followed
from workbench.stack.connections import Connection, End, PathAssertion, Step
from workbench.stack.document import Bond, Design, Layer, Placement, Tsv
from workbench.stack.fitting import Rectangle, counted
from workbench.stack.patterns import Grid
from workbench.stack.templates import parts

BASE, COMPUTE, JOINT = "U1 base", "U2 compute", "Die to die"


class FaceToFace(Parameters):
    """Two dies face to face on a laminate; the base die's silicon vias lead down to copper pillars."""

    base_width_mm: float = quantity("Base die width", "底層晶粒寬度", ge=1, le=30, default=6.0)
    base_length_mm: float = quantity("Base die length", "底層晶粒長度", ge=1, le=33, default=6.0)
    base_thickness_um: float = quantity("Base die thickness", "底層晶粒厚度", ge=20, le=775, default=100.0)
    base_node_nm: float = quantity("Base die node", "底層晶粒製程節點", ge=2, le=250, default=28.0)
    base_power_w: float = quantity("Base die power", "底層晶粒功耗", ge=0, le=1000, default=2.0)
    top_width_mm: float = quantity("Top die width", "上層晶粒寬度", ge=1, le=30, default=5.0)
    top_length_mm: float = quantity("Top die length", "上層晶粒長度", ge=1, le=33, default=5.0)
    top_thickness_um: float = quantity("Top die thickness", "上層晶粒厚度", ge=20, le=775, default=150.0)
    top_node_nm: float = quantity("Top die node", "上層晶粒製程節點", ge=2, le=250, default=7.0)
    top_power_w: float = quantity("Top die power", "上層晶粒功耗", ge=0, le=1000, default=6.0)
    joint: str = choice("Die-to-die joint", "晶粒間接合", options=("hybrid", "micro_bump"), default="hybrid")
    bump_count: int = quantity("Die-to-die bumps", "晶粒間凸塊數", ge=1, le=10_000_000, default=10_000)
    bump_pitch_um: float = quantity("Bump pitch", "凸塊間距", ge=0.4, le=500, default=9.0)
    supply_every: int = quantity(
        "One supply bump in", "每幾個凸塊一個電源／接地", ge=1, le=64, default=4,
        help_en="Power and ground in turn, spread over the field", help_zh="電源與接地交替，均勻分布於陣列",
    )  # fmt: skip
    tsv_diameter_um: float = quantity("Silicon via diameter", "矽穿孔直徑", gt=0, le=100, default=10.0)
    io_count: int = quantity("Signals to the package", "對外訊號數", ge=1, le=10_000, default=95)
    body_width_mm: float = quantity("Body width", "封裝寬度", ge=2, le=100, default=10.0)
    body_length_mm: float = quantity("Body length", "封裝長度", ge=2, le=100, default=10.0)


class FaceToBack(FaceToFace):
    """Two dies face down on each other; each bump on the base die's back stands on a silicon via."""

    joint: str = choice("Die-to-die joint", "晶粒間接合", options=("hybrid", "micro_bump"), default="micro_bump")
    bump_pitch_um: float = quantity("Bump pitch", "凸塊間距", ge=0.4, le=500, default=40.0)


def face_to_face(p: FaceToFace) -> Design:
    return _stack(p, "face_to_face", "Two-die stack, face to face", "雙晶粒堆疊，面對面")


def face_to_back(p: FaceToBack) -> Design:
    return _stack(p, "face_to_back", "Two-die stack, face to back", "雙晶粒堆疊，面對背")


def _stack(p: FaceToFace, assembly: str, title: str, title_zh: str) -> Design:
    body = (p.body_width_mm, p.body_length_mm)
    parts.inside(BASE, p.base_width_mm, p.base_length_mm, body)
    parts.inside(COMPUTE, p.top_width_mm, p.top_length_mm, (p.base_width_mm, p.base_length_mm))
    face_up = assembly == "face_to_face"
    # A layout is drawn as seen from the die's face: looking down it is seen mirrored.
    base = Placement(name=BASE, die="base", facing="up" if face_up else "down", mirrored=not face_up)
    compute = Placement(name=COMPUTE, die="compute", facing="down", mirrored=True)
    joints, over, height_um = _joints(p)
    base_face = Rectangle(0.0, 0.0, p.base_width_mm * 1000, p.base_length_mm * 1000)
    pillars = parts.pillars(base_face, p.io_count)
    up, down = ("front", "back") if face_up else ("back", "front")
    tsv = _tsv(p, [followed(f, None, base) for f in (pillars if face_up else (joints,))])
    dies = (
        parts.die("base", "Base die", role="io", width_mm=p.base_width_mm, length_mm=p.base_length_mm,
                  thickness_um=p.base_thickness_um, node_nm=p.base_node_nm, power_w=p.base_power_w, tsv=tsv,
                  regions=(parts.region("upper", up, [joints], base, over),
                           parts.region("lower", down, pillars, base, base_face)),
                  blocks=(("PHY strip", 0, 0.75, 1, 0.25, 0.6), ("I/O ring logic", 0, 0, 1, 0.75, 0.4))),
        parts.die("compute", "Compute die", role="logic", width_mm=p.top_width_mm, length_mm=p.top_length_mm,
                  thickness_um=p.top_thickness_um, node_nm=p.top_node_nm, power_w=p.top_power_w,
                  regions=(parts.region("face", "front", [joints], compute, over),),
                  blocks=(("Core cluster", 0, 0, 0.5, 0.6, 0.7), ("SRAM", 0.5, 0, 0.5, 1, 0.2))),
    )  # fmt: skip
    bond = Layer(
        name=JOINT, kind="bond", material="sio2" if p.joint == "hybrid" else "underfill", thickness_um=height_um,
        width_mm=p.top_width_mm, length_mm=p.top_length_mm, around="emc", source=parts.OURS,
        unverified=("thickness_um",),
        bond=Bond(method=p.joint, pitch_um=p.bump_pitch_um, diameter_um=joints.diameter_um, source=parts.OURS,
                  unverified=("pitch_um", "diameter_um")),
    )  # fmt: skip
    layers = (
        parts.ball_layer(),
        parts.substrate_layer(body, pillars, base_face, p.io_count),
        parts.pillar_layer(p.base_width_mm, p.base_length_mm),
        _tier("Base tier", p.base_thickness_um, base),
        bond,
        _tier("Compute tier", p.top_thickness_um, compute),
        parts.mould_cap(),
    )
    return Design(
        title=title, title_zh=title_zh, assembly=assembly, carrier="substrate", width_mm=body[0], length_mm=body[1],
        source=parts.OURS, unverified=("width_mm", "length_mm"), dies=dies, layers=layers,
        connections=(
            Connection(name="compute to base", top=End(part=COMPUTE, region="face"),
                       bottom=End(part=BASE, region="upper"), thickness_um=height_um),
            Connection(name="base to substrate", top=End(part=BASE, region="lower"),
                       bottom=End(part=parts.SUBSTRATE, region="die side"), thickness_um=parts.PILLAR_HEIGHT_UM),
            Connection(name="substrate to board", top=End(part=parts.SUBSTRATE, region="ball side"),
                       thickness_um=layers[0].thickness_um),
        ),
        netlist=parts.supplies((COMPUTE, BASE, parts.SUBSTRATE)),
        paths=(PathAssertion(name="compute to board", steps=(
            Step(part=COMPUTE, region="face"), Step(part=BASE, region="upper"), Step(part=BASE, region="lower"),
            Step(part=parts.SUBSTRATE, region="die side"), Step(part=parts.SUBSTRATE, region="ball side"),
        )),),
    )  # fmt: skip


def _joints(p: FaceToFace) -> tuple[Grid, Rectangle, float]:
    """The bump field as seen from above, the region it lies in and the height of the joint."""
    diameter_um = p.bump_pitch_um / 2
    face = Rectangle(0.0, 0.0, p.top_width_mm * 1000, p.top_length_mm * 1000)
    field = counted("die to die", face, p.bump_count, pitch_um=p.bump_pitch_um, diameter_um=diameter_um,
                    edge_um=parts.EDGE_UM)  # fmt: skip
    margin = 2 * p.bump_pitch_um
    over = Rectangle(0.0, 0.0, min(field.columns * p.bump_pitch_um + margin, face.width_um),
                     min(field.rows * p.bump_pitch_um + margin, face.length_um))  # fmt: skip
    return parts.supplied(field, p.supply_every, "D{index}"), over, 2.0 if p.joint == "hybrid" else diameter_um


def _tsv(p: FaceToFace, fields: list[Grid]) -> Tsv:
    """One via at every site of the fields. Raises InputError where vias of that diameter would touch."""
    pitch_um = min(field.pitch_x_um for field in fields)
    if p.tsv_diameter_um >= pitch_um:
        raise InputError("planning.vias_touch", where="tsv_diameter_um", got=f"{p.tsv_diameter_um:g} um",
                         allowed=f"< {pitch_um:g} um")  # fmt: skip
    vias = tuple(
        field.model_copy(update={"name": f"vias {number}", "diameter_um": p.tsv_diameter_um, "ports": ()})
        for number, field in enumerate(fields, start=1)
    )
    free_um = (pitch_um - p.tsv_diameter_um) / 2
    return Tsv(diameter_um=p.tsv_diameter_um, pitch_um=pitch_um, count=sum(via.count for via in vias), fields=vias,
               keep_out_um=min(5.0, math.floor(free_um * 100) / 100), source=f"{parts.OURS}; one via per bump",
               unverified=("diameter_um", "pitch_um", "count", "keep_out_um"))  # fmt: skip


def _tier(name: str, thickness_um: float, placement: Placement) -> Layer:
    return Layer(name=name, kind="die", material="emc", thickness_um=thickness_um, dies=(placement,),
                 source=parts.OURS, unverified=("thickness_um",))  # fmt: skip
