"""A logic die and stacks of high-bandwidth memory on a silicon interposer."""

from __future__ import annotations

from workbench.errors import InputError
from workbench.schema import Parameters, quantity
from workbench.stack.connections import Connection, End, Net, Pin
from workbench.stack.document import Bond, Design, Die, Layer, Metal, Placement
from workbench.stack.fitting import Rectangle, counted, filled, most_sites
from workbench.stack.patterns import Grid
from workbench.stack.templates import parts

LOGIC, INTERPOSER = "U1 logic", "Silicon interposer"
C4_UM, C4_PITCH_UM, SUPPLY_PITCH_UM = 80.0, 130.0, 110.0
C4_SOURCE = "IHP-GmbH/chiplet-spec interconnect_methods.json: SAC305 bump, diameter 80 um, pitch 130 um"


class DieAndHbm(Parameters):
    """A logic die with memory stacks at both sides on a silicon interposer with wires of 0.4 um."""

    logic_width_mm: float = quantity("Logic die width", "邏輯晶粒寬度", ge=4, le=26, default=16.0)
    logic_length_mm: float = quantity("Logic die length", "邏輯晶粒長度", ge=4, le=33, default=24.0)
    logic_node_nm: float = quantity("Logic die node", "邏輯晶粒製程節點", ge=2, le=250, default=5.0)
    logic_power_w: float = quantity("Logic die power", "邏輯晶粒功耗", ge=0, le=2000, default=200.0)
    hbm_count: int = quantity("Memory stacks", "記憶體堆疊數", ge=1, le=8, default=2)
    hbm_width_mm: float = quantity("Memory stack width", "記憶體堆疊寬度", ge=2, le=15, default=7.75)
    hbm_length_mm: float = quantity("Memory stack length", "記憶體堆疊長度", ge=2, le=15, default=11.87)
    hbm_thickness_um: float = quantity("Memory stack thickness", "記憶體堆疊厚度", ge=100, le=1000, default=720.0)
    hbm_power_w: float = quantity("Power of each stack", "每個堆疊功耗", ge=0, le=100, default=20.0)
    wire_count: int = quantity("Signals of each stack", "每個堆疊訊號數", ge=1, le=8_192, default=1_024)
    bump_pitch_um: float = quantity("Micro-bump pitch", "微凸塊間距", ge=10, le=150, default=55.0)
    gap_mm: float = quantity("Gap between dies", "晶粒間距", ge=0.05, le=5, default=0.5)
    io_count: int = quantity("Signals to the package", "對外訊號數", ge=1, le=10_000, default=400)
    body_width_mm: float = quantity("Body width", "封裝寬度", ge=10, le=120, default=45.0)
    body_length_mm: float = quantity("Body length", "封裝長度", ge=10, le=120, default=45.0)


def die_and_hbm(p: DieAndHbm) -> Design:
    body = (p.body_width_mm, p.body_length_mm)
    logic = Placement(name=LOGIC, die="logic", facing="down", mirrored=True)
    stacks = _stacks(p)
    carrier = _carrier_mm(p, stacks)
    parts.inside(INTERPOSER, *carrier, body)
    logic_face = Rectangle(0.0, 0.0, p.logic_width_mm * 1000, p.logic_length_mm * 1000)
    links = [_link(p, n, stack, on_logic=True) for n, stack in enumerate(stacks)]
    logic_fields = (*links, *_logic_supply(p, links))
    memory_fields = [(_link(p, n, s, on_logic=False), _memory_supply(p, s)) for n, s in enumerate(stacks)]
    dies = [
        parts.die("logic", "Logic die", role="logic", width_mm=p.logic_width_mm, length_mm=p.logic_length_mm,
                  thickness_um=p.hbm_thickness_um, node_nm=p.logic_node_nm, power_w=p.logic_power_w,
                  regions=(parts.region("face", "front", logic_fields, logic, logic_face),),
                  blocks=(("Core array", 0.2, 0.1, 0.6, 0.8, 0.7), ("Memory PHYs west", 0, 0, 0.1, 1, 0.08),
                          ("Memory PHYs east", 0.9, 0, 0.1, 1, 0.08))),
        _memory(p, stacks[0], memory_fields[0]),
    ]  # fmt: skip
    regions = [parts.region("logic site", "front", logic_fields, None, logic_face)]
    for number, (stack, (link, supply)) in enumerate(zip(stacks, memory_fields, strict=True)):
        named = parts.carrying(link, (f"H{number}_DQ{{index}}",))
        regions.append(parts.region(f"memory {number} site", "front", (named, supply), None, _face(p, stack)))
    interposer_fields = _c4(p, carrier)
    whole = Rectangle(0.0, 0.0, carrier[0] * 1000, carrier[1] * 1000)
    regions.append(parts.region("package side", "back", interposer_fields, None, whole))
    layers = (
        parts.ball_layer(),
        parts.substrate_layer(body, interposer_fields, whole, p.io_count),
        _bond("C4 bumps", "solder_bump", 80.0, C4_PITCH_UM, C4_UM, carrier, C4_SOURCE, ()),
        Layer(
            name=INTERPOSER, kind="interposer", material="silicon", thickness_um=100.0, width_mm=carrier[0],
            length_mm=carrier[1], source="thickness about 100 um: Samsung I-Cube4 release; regions ours",
            unverified=("thickness_um", "width_mm", "length_mm", "vias", "regions"), regions=tuple(regions),
            vias=tuple(
                field.model_copy(update={"name": f"vias {n}", "diameter_um": 10.0, "ports": ()})
                for n, field in enumerate(interposer_fields, start=1)
            ),
            metals=tuple(
                Metal(name=f"M{n}", line_um=0.4, space_um=0.4, thickness_um=0.8, via_um=0.4, pad_um=0.8,
                      source="lambdapdk generic interposer: L/S 0.4 um on 3 to 5 metals; the rest ours",
                      unverified=("thickness_um", "via_um", "pad_um"))
                for n in range(1, 5)
            ),
        ),
        _bond("Micro-bumps", "micro_bump", p.bump_pitch_um / 2, p.bump_pitch_um, p.bump_pitch_um / 2, carrier,
              parts.OURS, ("pitch_um", "diameter_um")),
        Layer(name="Die tier", kind="die", material="emc", thickness_um=p.hbm_thickness_um, dies=(logic, *stacks),
              width_mm=carrier[0], length_mm=carrier[1], source=parts.OURS, unverified=("thickness_um",)),
        Layer(name="Thermal interface", kind="tim", material="tim", thickness_um=100.0, width_mm=carrier[0],
              length_mm=carrier[1], source=parts.OURS, unverified=("thickness_um",)),
        Layer(name="Lid", kind="lid", material="lid_copper", thickness_um=500.0, source=parts.OURS,
              unverified=("thickness_um",)),
    )  # fmt: skip
    return Design(
        title="Logic die and high-bandwidth memory", title_zh="邏輯晶粒與高頻寬記憶體",
        assembly="side_by_side", carrier="interposer", flow="si_interposer", width_mm=body[0], length_mm=body[1],
        source=parts.OURS, unverified=("width_mm", "length_mm"), dies=tuple(dies), layers=layers,
        connections=(
            Connection(name="logic to interposer", top=End(part=LOGIC, region="face"),
                       bottom=End(part=INTERPOSER, region="logic site"), thickness_um=layers[4].thickness_um),
            *(Connection(name=f"memory {n} to interposer", top=End(part=stack.name, region="face"),
                         bottom=End(part=INTERPOSER, region=f"memory {n} site"),
                         thickness_um=layers[4].thickness_um) for n, stack in enumerate(stacks)),
            Connection(name="interposer to substrate", top=End(part=INTERPOSER, region="package side"),
                       bottom=End(part=parts.SUBSTRATE, region="die side"), thickness_um=layers[2].thickness_um),
            Connection(name="substrate to board", top=End(part=parts.SUBSTRATE, region="ball side"),
                       thickness_um=layers[0].thickness_um),
        ),
        netlist=(*parts.supplies((LOGIC, *(s.name for s in stacks), INTERPOSER, parts.SUBSTRATE)),
                 *_memory_nets(p, stacks)),
    )  # fmt: skip


def _stacks(p: DieAndHbm) -> tuple[Placement, ...]:
    """East and west in turn, each with its interface towards the logic die: the western ones are turned half round."""
    x_mm = p.logic_width_mm / 2 + p.gap_mm + p.hbm_width_mm / 2
    counts = (-(-p.hbm_count // 2), p.hbm_count // 2)
    return tuple(
        Placement(name=f"U{number + 2} memory", die="memory", x_mm=x_mm if number % 2 == 0 else -x_mm,
                  y_mm=(number // 2 - (counts[number % 2] - 1) / 2) * (p.hbm_length_mm + p.gap_mm),
                  angle_deg=0.0 if number % 2 == 0 else 180.0, facing="down", mirrored=True)
        for number in range(p.hbm_count)
    )  # fmt: skip


def _carrier_mm(p: DieAndHbm, stacks: tuple[Placement, ...]) -> tuple[float, float]:
    """An interposer centred on the body that holds every die with a gap to its edge."""
    reach_x = max(p.logic_width_mm / 2, *(abs(s.x_mm) + p.hbm_width_mm / 2 for s in stacks))
    reach_y = max(p.logic_length_mm / 2, *(abs(s.y_mm) + p.hbm_length_mm / 2 for s in stacks))
    return round(2 * (reach_x + p.gap_mm), 6), round(2 * (reach_y + p.gap_mm), 6)


def _face(p: DieAndHbm, stack: Placement) -> Rectangle:
    return Rectangle(stack.x_mm * 1000, stack.y_mm * 1000, p.hbm_width_mm * 1000, p.hbm_length_mm * 1000)


def _depth_um(p: DieAndHbm) -> float:
    """Depth of a link's strip along the memory's edge."""
    per_column = most_sites(_strip_length_um(p), p.bump_pitch_um, p.bump_pitch_um / 2, parts.EDGE_UM)
    if not per_column:
        raise InputError("planning.no_room", where="link", got=f"{_strip_length_um(p):g} um")
    return (-(-p.wire_count // per_column) - 0.5) * p.bump_pitch_um + 2 * parts.EDGE_UM


def _strip_length_um(p: DieAndHbm) -> float:
    """Half the memory's length: 1,024 signals of a stack leave at its middle."""
    return p.hbm_length_mm * 1000 / 2


def _link(p: DieAndHbm, number: int, stack: Placement, *, on_logic: bool) -> Grid:
    """One stack's interface as seen from above, at the edge of the memory or of the logic die that faces it. The two
    grids have the same order, so all wires are equally long."""
    east, depth_um = stack.x_mm > 0, _depth_um(p)
    edge_um = p.logic_width_mm * 500
    away_um = edge_um - depth_um / 2 if on_logic else edge_um + p.gap_mm * 1000 + depth_um / 2
    y_um = stack.y_mm * 1000
    if on_logic and abs(y_um) + _strip_length_um(p) / 2 > p.logic_length_mm * 500:
        raise InputError("planning.part_too_large", where=stack.name, got=f"y = {stack.y_mm:g} mm",
                         allowed=f"{p.logic_length_mm:g} mm")  # fmt: skip
    strip = Rectangle(away_um if east else -away_um, y_um, depth_um, _strip_length_um(p))
    field = counted(f"link {number}" if on_logic else "link", strip, p.wire_count, pitch_um=p.bump_pitch_um,
                    diameter_um=p.bump_pitch_um / 2, edge_um=parts.EDGE_UM)  # fmt: skip
    turned = field if east else field.model_copy(update={"angle_deg": 180.0})
    return parts.carrying(turned, (f"H{number}_DQ{{index}}" if on_logic else "DQ{index}",))


def _memory_supply(p: DieAndHbm, stack: Placement) -> Grid:
    """Supplies over the rest of the memory, behind its interface."""
    depth_um, face = _depth_um(p), _face(p, stack)
    away = depth_um / 2 if stack.x_mm > 0 else -depth_um / 2
    rest = Rectangle(face.x_um + away, face.y_um, face.width_um - depth_um, face.length_um)
    field = filled("supply", rest, pitch_um=SUPPLY_PITCH_UM, diameter_um=p.bump_pitch_um / 2, edge_um=parts.EDGE_UM)
    return parts.supplied(field if stack.x_mm > 0 else field.model_copy(update={"angle_deg": 180.0}))


def _logic_supply(p: DieAndHbm, links: list[Grid]) -> tuple[Grid, Grid]:
    """Signals to the package and supplies between the two strips of memory interfaces."""
    middle = Rectangle(0.0, 0.0, p.logic_width_mm * 1000 - 2 * _depth_um(p), p.logic_length_mm * 1000)
    every = filled("supply", middle, pitch_um=SUPPLY_PITCH_UM, diameter_um=p.bump_pitch_um / 2, edge_um=parts.EDGE_UM)
    signals, supply = parts.split_rows(every, p.io_count)
    return (parts.carrying(signals.model_copy(update={"name": "package signals"}), ("IO{index}",)),
            parts.supplied(supply))  # fmt: skip


def _c4(p: DieAndHbm, carrier: tuple[float, float]) -> tuple[Grid, Grid]:
    whole = Rectangle(0.0, 0.0, carrier[0] * 1000, carrier[1] * 1000)
    every = filled("C4", whole, pitch_um=C4_PITCH_UM, diameter_um=C4_UM, edge_um=parts.EDGE_UM)
    signals, supply = parts.split_rows(every, p.io_count)
    return (parts.carrying(signals.model_copy(update={"name": "C4 signals"}), ("IO{index}",)),
            parts.supplied(supply.model_copy(update={"name": "C4 supplies"})))  # fmt: skip


def _memory(p: DieAndHbm, stack: Placement, fields: tuple[Grid, Grid]) -> Die:
    cited = DieAndHbm()  # the source speaks of the defaults only
    changed = [name for name in ("width_mm", "length_mm", "power_w")
               if getattr(p, f"hbm_{name}") != getattr(cited, f"hbm_{name}")]  # fmt: skip
    return Die(
        id="memory", name="High-bandwidth memory stack", role="memory", width_mm=p.hbm_width_mm,
        length_mm=p.hbm_length_mm, thickness_um=p.hbm_thickness_um, power_w=p.hbm_power_w,
        regions=(parts.region("face", "front", fields, stack, _face(p, stack)),),
        source="defaults 7.75 x 11.87 mm, 20 W: bu-icsg/TAP-2.5D configs (Apache-2.0); bumps ours, no JEDEC ball map",
        unverified=("thickness_um", "regions", *changed),
    )  # fmt: skip


def _bond(name, method, height_um, pitch_um, diameter_um, size, source, unverified) -> Layer:
    return Layer(
        name=name, kind="bond", material="underfill", thickness_um=height_um, width_mm=size[0], length_mm=size[1],
        source=parts.OURS, unverified=("thickness_um",),
        bond=Bond(method=method, pitch_um=pitch_um, diameter_um=diameter_um, source=source, unverified=unverified),
    )  # fmt: skip


def _memory_nets(p: DieAndHbm, stacks: tuple[Placement, ...]) -> tuple[Net, ...]:
    """The stacks are of one type, so their nets are called alike: the netlist says which wire of the logic die each
    one meets."""
    return tuple(
        Net(name=f"H{number}_DQ{wire}", pins=(
            Pin(part=LOGIC, port=f"H{number}_DQ{wire}"), Pin(part=stack.name, port=f"DQ{wire}"),
            Pin(part=INTERPOSER, port=f"H{number}_DQ{wire}"),
        ))
        for number, stack in enumerate(stacks) for wire in range(p.wire_count)
    )  # fmt: skip
