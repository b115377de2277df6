"""What the templates share: fields turned into a die's layout, the package below, the supplies' nets."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.errors import InputError
from workbench.stack.bumps import followed
from workbench.stack.connections import Net, Pin
from workbench.stack.document import Bond, Die, Layer, Metal, Placement, PowerBlock
from workbench.stack.fitting import Rectangle, filled, supply_pattern
from workbench.stack.patterns import Grid, Region

OURS = "template: a plausible choice, no source"
BALL_UM, BALL_PITCH_UM, BALL_EDGE_UM = 261.0, 500.0, 100.0
PILLAR_UM, PILLAR_PITCH_UM, PILLAR_HEIGHT_UM = 44.0, 75.0, 44.0
EDGE_UM = 60.0  # from a bump's rim to the edge of its die
SUBSTRATE, BALLS = "Organic substrate", "BGA balls"

BALL_SOURCE = "Amkor WLCSP deck (google/skywater-pdk amkor.csv): ball 261 um at pitch 400 or 500 um"
PILLAR_SOURCE = "IHP-GmbH/chiplet-spec interconnect_methods.json: Cu pillar option 1"


def carrying(field: Grid, nets: tuple[str, ...]) -> Grid:
    """The field with its nets; each port is called like the net inside its part."""
    return field.model_copy(update={"nets": nets, "ports": nets})


def supplied(field: Grid, every: int = 1, signal: str = "") -> Grid:
    """The field with power and ground at one site of `every`."""
    return carrying(field, supply_pattern(field.columns, every=every, signal=signal))


def region(name: str, side: str, fields: Iterable[Grid], placement: Placement | None, place: Rectangle) -> Region:
    """A region of a part, from its place and fields as seen from above the module."""
    if placement is None:
        at, turned = (place.x_um, place.y_um), tuple(fields)
    else:
        probe = Grid(name="centre", diameter_um=1, columns=1, rows=1, pitch_x_um=1, pitch_y_um=1, x_um=place.x_um,
                     y_um=place.y_um)  # fmt: skip
        centre = followed(probe, None, placement)
        at, turned = (centre.x_um, centre.y_um), tuple(followed(field, None, placement) for field in fields)
    return Region(name=name, side=side, x_um=at[0], y_um=at[1], width_um=place.width_um, length_um=place.length_um,
                  bumps=turned)  # fmt: skip


def inside(name: str, width_mm: float, length_mm: float, body: tuple[float, float]) -> None:
    """Raises InputError when a part is larger than what must hold it."""
    if width_mm > body[0] or length_mm > body[1]:
        raise InputError("planning.part_too_large", where=name, got=f"{width_mm:g} x {length_mm:g} mm",
                         allowed=f"<= {body[0]:g} x {body[1]:g} mm")  # fmt: skip


def die(
    id: str, name: str, *, role: str, width_mm: float, length_mm: float, thickness_um: float, node_nm: float | None,
    power_w: float, regions: tuple[Region, ...], blocks: tuple[tuple[str, float, float, float, float, float], ...],
    **more,
) -> Die:  # fmt: skip
    """A die whose blocks are given as shares: (name, left, bottom, width, length, power), of the die's own."""
    placed = tuple(
        PowerBlock(name=block, x_mm=(x - 0.5) * width_mm, y_mm=(y - 0.5) * length_mm, width_mm=w * width_mm,
                   length_mm=h * length_mm, power_w=share * power_w)
        for block, x, y, w, h, share in blocks
    )  # fmt: skip
    given = ["width_mm", "length_mm", "thickness_um", "power_w", "power_blocks", "regions"]
    given += ["node_nm"] * (node_nm is not None) + ["tsv"] * bool(more.get("tsv"))
    defaults = {"source": OURS, "unverified": tuple(given)}
    return Die(id=id, name=name, role=role, width_mm=width_mm, length_mm=length_mm, thickness_um=thickness_um,
               node_nm=node_nm, power_w=power_w, power_blocks=placed, regions=regions, **(defaults | more))  # fmt: skip


def supplies(parts: Iterable[str]) -> tuple[Net, ...]:
    """Power and ground as nets of the module."""
    names = tuple(parts)
    return tuple(
        Net(name=net, role=role, pins=tuple(Pin(part=part, port=net) for part in names))
        for net, role in (("VDD", "power"), ("VSS", "ground"))
    )


def ball_layer() -> Layer:
    return Layer(
        name=BALLS, kind="balls", material="sac305", thickness_um=260.0, unverified=("thickness_um",),
        source=f"{BALL_SOURCE}; height after reflow not sourced",
        bond=Bond(method="solder_ball", pitch_um=BALL_PITCH_UM, diameter_um=BALL_UM, source=BALL_SOURCE),
    )  # fmt: skip


def substrate_layer(body: tuple[float, float], above: tuple[Grid, ...], over: Rectangle, io_count: int) -> Layer:
    """A laminate whose top face meets `above`, with io_count signal balls below and the rest supplies.

    Raises InputError when the body has not so many balls.
    """
    return Layer(
        name=SUBSTRATE, kind="substrate", material="bt_laminate", thickness_um=400.0, source=OURS,
        unverified=("thickness_um", "metals", "regions"),
        metals=tuple(
            Metal(name=f"L{n}", line_um=25.0, space_um=25.0, thickness_um=15.0, via_um=75.0, pad_um=150.0,
                  source=OURS, unverified=("line_um", "space_um", "thickness_um", "via_um", "pad_um"))
            for n in range(1, 5)
        ),
        regions=(region("die side", "front", above, None, over), ball_region(body, "IO", io_count)),
    )  # fmt: skip


def ball_region(body: tuple[float, float], signal: str, io_count: int) -> Region:
    """Balls over the whole lower face: io_count signals in the upper rows, power and ground in the others."""
    whole = Rectangle(0.0, 0.0, body[0] * 1000, body[1] * 1000)
    every = filled("balls", whole, pitch_um=BALL_PITCH_UM, diameter_um=BALL_UM, edge_um=BALL_EDGE_UM)
    signals, others = split_rows(every, io_count)
    fields = [carrying(signals.model_copy(update={"name": "signal balls"}), (signal + "{index}",))]
    if others is not None:
        fields.append(supplied(others.model_copy(update={"name": "supply balls"})))
    return region("ball side", "back", fields, None, whole)


def split_rows(field: Grid, count: int) -> tuple[Grid, Grid | None]:
    """The upper rows with exactly `count` sites (the last of them may be short), and the rows below.

    Raises InputError when fewer than `count` + 1 row remain for the supplies.
    """
    rows = -(-count // field.columns)
    if rows >= field.rows:
        raise InputError("planning.too_many", where=field.name, got=count,
                         allowed=f"<= {field.columns * (field.rows - 1):,}")  # fmt: skip
    omit = tuple((column, rows - 1) for column in range(count - field.columns * (rows - 1), field.columns))
    step = field.pitch_y_um / 2
    upper = field.model_copy(update={"rows": rows, "y_um": field.y_um + (field.rows - rows) * step, "omit": omit})
    lower = field.model_copy(update={"rows": field.rows - rows, "y_um": field.y_um - rows * step})
    return upper, lower


def pillars(place: Rectangle, io_count: int) -> tuple[Grid, Grid]:
    """Copper pillars over a face: io_count signals ``IO{index}`` in the upper rows, supplies below."""
    every = filled("pillars", place, pitch_um=PILLAR_PITCH_UM, diameter_um=PILLAR_UM, edge_um=EDGE_UM)
    signals, others = split_rows(every, io_count)
    return (carrying(signals.model_copy(update={"name": "signal pillars"}), ("IO{index}",)),
            supplied(others.model_copy(update={"name": "supply pillars"})))  # fmt: skip


def pillar_layer(width_mm: float, length_mm: float) -> Layer:
    return Layer(
        name="Copper pillars", kind="bond", material="underfill", thickness_um=PILLAR_HEIGHT_UM, width_mm=width_mm,
        length_mm=length_mm, around="emc", source=f"{PILLAR_SOURCE}: Cu 28 + SnAg 16 um",
        bond=Bond(method="copper_pillar", pitch_um=PILLAR_PITCH_UM, diameter_um=PILLAR_UM, source=PILLAR_SOURCE),
    )  # fmt: skip


def mould_cap() -> Layer:
    return Layer(name="Mould cap", kind="mould", material="emc", thickness_um=100.0, unverified=("thickness_um",),
                 source="Lau, JMEP 17(3), abstract: cap 100 um")  # fmt: skip

