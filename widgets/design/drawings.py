"""Drawings to scale: cross-section, top view, wafer map. SVG without script, labels beside what they name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from widgets.design import svg
from widgets.design.tables import material_name, whole_numbers
from widgets.design.words import sentence
from widgets.page import picture, say
from widgets.theme import DIE_COLOURS, MATERIAL_COLOURS
from workbench import materials
from workbench.cost.review import StackReview
from workbench.cost.wafers import WaferGrid
from workbench.reports.look import MATERIAL_OPACITY
from workbench.stack import Design, Layer, Level, Placement, die_counts, geometry, levels

_WIDTH = 960
_EXAGGERATIONS = (1, 2, 5, 10, 20, 50, 100, 200)


def die_colours(design: Design) -> dict[str, str]:
    """One shade of silicon per die type."""
    return {die.id: DIE_COLOURS[i % len(DIE_COLOURS)] for i, die in enumerate(design.dies)}


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a fill."""
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "fill:#FFFFFF" if 0.2126 * r**2.2 + 0.7152 * g**2.2 + 0.0722 * b**2.2 < 0.30 else "fill:#14181D"


def _fill(material: str) -> tuple[str, str]:
    family = materials.find(material).family
    return MATERIAL_COLOURS[family], f'fill-opacity="{MATERIAL_OPACITY.get(family, 1)}"'


# --- cross-section ---------------------------------------------------------------------------------------------------


def cut_interval(design: Design, placement: Placement, y_mm: float) -> tuple[float, float] | None:
    """Where the line y = y_mm cuts a placed die (x from, x to), or None."""
    corners = geometry.outline(design, placement)
    crossed = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = sorted((start[1], end[1]))
        if low <= y_mm <= high and high > low:
            crossed.append(start[0] + (end[0] - start[0]) * (y_mm - start[1]) / (end[1] - start[1]))
    return (min(crossed), max(crossed)) if len(crossed) >= 2 and max(crossed) > min(crossed) else None


def section_y_mm(design: Design) -> float:
    """The height of the section that cuts most dies; the one nearest the middle among equals."""
    candidates = sorted({round(p.y_mm, 6) for p in design.placements}, key=abs)
    cut = [sum(cut_interval(design, p, y) is not None for p in design.placements) for y in candidates]
    return candidates[int(np.argmax(cut))]


def cross_section(r: StackReview) -> None:
    """The module cut along x. Widths to scale; heights enlarged by the factor written in the drawing."""
    drawing, factor = section_svg(r.design)
    key = "design.say.section" if factor > 1 else "design.say.section_true"
    tiers = len(r.design.die_layers)
    width = float(r.design.width_mm)
    said = sentence(key, thickness=r.derived.total_thickness_um, width=width, factor=factor, tiers=tiers)
    frame = pd.DataFrame({
        "layer_name": [level.layer.name for level in r.levels],
        "layer_thickness_um": [level.layer.thickness_um for level in r.levels],
        "z_bottom_um": [level.z_bottom_um for level in r.levels],
        "z_top_um": [level.z_top_um for level in r.levels],
    })  # fmt: skip
    picture(drawing, say=said, table=whole_numbers(frame))


def section_svg(design: Design) -> tuple[str, int]:
    """The drawing and its exaggeration factor."""
    stack = levels(design)
    total = stack[-1].z_top_um
    left, top, label_width = 62.0, 16.0, 330.0
    px_mm = (_WIDTH - left - label_width) / design.width_mm
    factor = max((f for f in _EXAGGERATIONS if total / 1000 * px_mm * f <= 360), default=1)
    px_um = px_mm * factor / 1000
    height = total * px_um
    bottom = top + height
    shades, y_mm = die_colours(design), section_y_mm(design)
    words = sentence("design.drawing.section", name=design.title)
    out = [svg.open_svg(_WIDTH, max(bottom, top + 17 * len(stack)) + 48, words)]
    centre = left + design.width_mm * px_mm / 2

    def x(mm: float) -> float:
        return centre + mm * px_mm

    for level in stack:
        out.append(_layer(design, level, x, px_mm, bottom, px_um, shades, y_mm))
    wanted = [bottom - (level.z_bottom_um + level.z_top_um) / 2 * px_um for level in reversed(stack)]
    right = left + design.width_mm * px_mm
    for level, at, place in zip(reversed(stack), wanted, svg.spread(wanted, 17), strict=True):
        out.append(_layer_label(level, right, at, place))
    out.append(svg.scale_bar(left, bottom + 30, px_mm, 140, "mm"))
    out.append(svg.scale_bar(left - 18, bottom, px_um, min(110, height * 0.6), "µm", upright=True))
    note = sentence("design.drawing.exaggerated" if factor > 1 else "design.drawing.true", factor=factor, y=y_mm)
    out.append(svg.text(right, bottom + 34, note, anchor="end", style=svg.MUTED))
    return "".join(out) + "</svg>", factor


def _layer(design, level: Level, x, px_mm, bottom, px_um, shades, y_mm) -> str:
    layer, (width, _) = level.layer, design.extent_mm(level.layer)
    y, height = bottom - level.z_top_um * px_um, layer.thickness_um * px_um
    out = []
    if layer.around:
        fill, opacity = _fill(layer.around)
        for start, end in ((-design.width_mm / 2, -width / 2), (width / 2, design.width_mm / 2)):
            out.append(svg.rect(x(start), y, (end - start) * px_mm, height, fill, opacity))
    fill, opacity = _fill(layer.material)
    if layer.kind != "balls":
        out.append(svg.rect(x(-width / 2), y, width * px_mm, height, fill, opacity))
    if layer.bond and layer.bond.method != "hybrid":
        out.append(_bumps(layer, width, x, y, height, px_mm))
    elif layer.kind == "balls":  # without a pitch: a quiet band
        out.append(svg.rect(x(-width / 2), y, width * px_mm, height, fill, 'fill-opacity="0.5"'))
    for placement in layer.placements:
        cut = cut_interval(design, placement, y_mm)
        if cut:
            out.append(_die_cut(design, placement, cut, level, x, px_mm, bottom, px_um, shades))
    return "".join(out)


def _bumps(layer: Layer, width: float, x, y: float, height: float, px_mm: float) -> str:
    """Bumps at their pitch where they can be told apart, else the share of the layer they fill, as a solder tint."""
    pitch, diameter = (
        (layer.bond.pitch_um or 0) / 1000,
        (layer.bond.diameter_um or 0.6 * (layer.bond.pitch_um or 0)) / 1000,
    )
    solder = MATERIAL_COLOURS["copper" if layer.bond.method == "copper_pillar" else "solder"]
    edge = 'stroke="#8A8F98" stroke-width="0.5"'
    if pitch <= 0 or pitch * px_mm < 4:
        return svg.rect(x(-width / 2), y, width * px_mm, height, solder, 'fill-opacity="0.45"')
    count = int((width - diameter) / pitch) + 1
    starts = (np.arange(count) - (count - 1) / 2) * pitch
    if layer.kind == "balls":
        return "".join(
            f'<ellipse cx="{x(c):.2f}" cy="{y + height / 2:.2f}" rx="{diameter / 2 * px_mm:.2f}" ry="{height / 2:.2f}" '
            f'fill="{solder}" {edge}/>' for c in starts
        )  # fmt: skip
    return "".join(svg.rect(x(c - diameter / 2), y, diameter * px_mm, height, solder, edge) for c in starts)


def _die_cut(design, placement, cut, level, x, px_mm, bottom, px_um, shades) -> str:
    die = design.die(placement.die)
    height, width = die.thickness_um * px_um, (cut[1] - cut[0]) * px_mm
    # A die thinner than its layer sits on the face it is bonded by: the lower end of the layer.
    y = bottom - level.z_bottom_um * px_um - height
    colour = shades[die.id]
    out = [svg.rect(x(cut[0]), y, width, height, colour, 'stroke="#FFFFFF" stroke-width="0.6"')]
    active = y if placement.facing == "up" else y + height
    out.append(svg.line(x(cut[0]), active, x(cut[1]), active, width=2.5, style="stroke:#14181D"))
    name = placement.name
    if svg.text_width(name) < width - 6 and height > 15:
        out.append(svg.text(x(sum(cut) / 2), y + height / 2 + 4, name, anchor="middle", style=ink_on(colour)))
    return "".join(out)


def _layer_label(level: Level, right: float, at: float, place: float) -> str:
    leader = f"M{right + 2:.1f} {at:.1f}L{right + 14:.1f} {place:.1f}H{right + 20:.1f}"
    head = f"{level.layer.name}, {level.layer.thickness_um:g} µm"
    out = f'<path d="{leader}" fill="none" stroke-width="0.8" style="{svg.LINE}"/>'
    return out + svg.label(right + 24, place + 4, head, material_name(level.layer))


# --- top view --------------------------------------------------------------------------------------------------------


def top_view(r: StackReview) -> None:
    """Every die from above, at its place and angle, with size and power."""
    density = r.derived.hottest_density_w_per_mm2
    gap = r.derived.smallest_gap
    said = sentence(
        "design.say.top" if gap else "design.say.top_stack",
        silicon=r.derived.silicon_area_mm2, percent=shown_percent(r.derived.area_ratio), power=r.derived.power_w,
        gap=gap.gap_mm if gap else 0.0, pair=f"{gap.first} / {gap.second}" if gap else "",
        name=r.derived.hottest_die.name, density=float(density),
    )  # fmt: skip
    if r.derived.power_w == 0:
        said = sentence("design.say.top_no_power", silicon=r.derived.silicon_area_mm2,
                        percent=shown_percent(r.derived.area_ratio))  # fmt: skip
    picture(top_svg(r.design), say=said, table=_placement_table(r.design))


def shown_percent(ratio: float) -> str:
    return f"{100 * ratio:.0f}"


def _placement_table(design: Design) -> pd.DataFrame:
    rows = []
    for layer in design.die_layers:
        for placement in layer.placements:
            die = design.die(placement.die)
            rows.append({
                "placement": placement.name, "die_name": die.name, "layer_name": layer.name,
                "centre_x_mm": placement.x_mm, "centre_y_mm": placement.y_mm, "angle_deg": placement.angle_deg,
                "die_width_mm": die.width_mm, "die_length_mm": die.length_mm, "die_power_w": die.power_w,
                "active_face": sentence(f"design.facing.{placement.facing}"),
            })  # fmt: skip
    return pd.DataFrame(rows)


def top_svg(design: Design) -> str:
    """Body, carrier and dies from above."""
    margin, room, legend = 16.0, 520.0, 330.0
    px = min(room / design.length_mm, (_WIDTH - legend - 2 * margin) / design.width_mm, 60.0)
    width, height = design.width_mm * px + 2 * margin, design.length_mm * px + 2 * margin + 34
    cx, cy = width / 2, margin + design.length_mm * px / 2
    out = [svg.open_svg(width + legend, height, sentence("design.drawing.top", name=design.title))]
    body, _ = _fill(design.layers[-1].material if design.layers[-1].kind == "mould" else "bt_laminate")
    opacity = 'fill-opacity="0.18" stroke="#56606C" stroke-width="1"'
    out.append(svg.rect(cx - design.width_mm * px / 2, cy - design.length_mm * px / 2, design.width_mm * px,
                        design.length_mm * px, body, opacity))  # fmt: skip
    for layer in design.layers:
        if layer.kind in ("interposer", "rdl") and layer.width_mm is not None:
            w, h = (side * px for side in design.extent_mm(layer))
            fill, _ = _fill(layer.material)
            out.append(svg.rect(cx - w / 2, cy - h / 2, w, h, fill, f'fill-opacity="0.25" stroke="{fill}"'))
            out.append(svg.text(cx - w / 2 + 6, cy + h / 2 - 7, f"{layer.name} {w / px:g} × {h / px:g} mm", size=11,
                                style=svg.MUTED))  # fmt: skip
    shades = die_colours(design)
    tiers = design.die_layers
    labels = []
    for tier, layer in enumerate(tiers):
        for placement in layer.placements:
            corners = geometry.outline(design, placement) * (px, -px) + (cx, cy)
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)
            colour = shades[placement.die]
            out.append(f'<polygon points="{points}" fill="{colour}" stroke="#FFFFFF" stroke-width="1"/>')
            covered = tier < len(tiers) - 1
            labels.append(_die_label(design, placement, corners, colour, covered=covered))
    out += labels
    counts = die_counts(design)
    for i, die in enumerate(die for die in design.dies if die.id in counts):
        at = margin + 12 + 42 * i
        size = f"{die.width_mm:g} × {die.length_mm:g} mm" + (f", {die.power_w:g} W" if die.power_w else "")
        out.append(svg.rect(width + 4, at - 10, 12, 12, shades[die.id]))
        out.append(svg.text(width + 24, at, f"{counts[die.id]} × {die.name}", weight=600))
        out.append(svg.text(width + 24, at + 16, size, style=svg.MUTED))
    out.append(svg.scale_bar(margin, height - 8, px, 120, "mm"))
    body_words = f"{design.width_mm:g} × {design.length_mm:g} mm"
    out.append(svg.text(width - margin, height - 8, body_words, anchor="end", style=svg.MUTED))
    return "".join(out) + "</svg>"


def _die_label(design: Design, placement: Placement, corners: np.ndarray, colour: str, *, covered: bool) -> str:
    """As many lines as fit: name, size, power. A die under another is named along its upper rim."""
    die = design.die(placement.die)
    low, high = corners.min(0), corners.max(0)
    width, height = high - low
    size = f"{die.width_mm:g} × {die.length_mm:g} mm"
    power = f"{die.power_w:g} W" if die.power_w else ""
    style = ink_on(colour)
    if covered:
        line = ", ".join(filter(None, (placement.name, size, power)))
        line = line if svg.text_width(line, 11) < width - 8 else placement.name
        return svg.text(float(low[0]) + 6, float(low[1]) + 15, line, size=11, style=style)
    lines = [placement.name, *(line for line in (size, power) if line and svg.text_width(line) < width - 6)]
    lines = [line for line in lines if svg.text_width(line) < width - 2][: max(int((height - 4) // 15), 0)]
    if not lines:
        return ""
    x, y = float(low[0] + width / 2), float(low[1] + height / 2) - 7.5 * (len(lines) - 1) + 4
    return "".join(
        svg.text(x, y + 15 * i, line, anchor="middle", style=style, weight=600 if i == 0 else 400)
        for i, line in enumerate(lines)
    )


# --- wafer map -------------------------------------------------------------------------------------------------------


def wafer_map(r: StackReview) -> None:
    """Every whole die of the best grid on the wafer; dies cut by the usable edge in outline."""
    if r.grid is None:
        bought_in = all(row.chip.node_nm is None for row in r.dies)
        say("design.say.no_dies" if bought_in else "design.say.too_many_dies")
        return
    grid, row = r.grid, next(row for row in r.dies if row.chip.name == r.grid_die)
    said = sentence(
        "design.say.wafer", name=r.grid_die, count=f"{grid.count:,}", formula=float(row.dies_per_wafer),
        worst=f"{grid.count_low:,}", good=f"{int(grid.count * row.yield_ratio):,}",
    )  # fmt: skip
    frame = pd.DataFrame({
        "die_name": [r.grid_die], "grid_dies": [grid.count], "grid_dies_low": [grid.count_low],
        "formula_dies": [row.dies_per_wafer], "offset_x_mm": [grid.offset_x_mm], "offset_y_mm": [grid.offset_y_mm],
        "good_dies": [int(grid.count * row.yield_ratio)],
    })  # fmt: skip
    picture(wafer_svg(grid), say=said, table=frame)


def wafer_svg(grid: WaferGrid) -> str:
    """The wafer to scale. Whole dies are runs of a row, parted by streets, so that 10,000 dies stay a few kB."""
    wafer, size, margin = grid.wafer, 470.0, 12.0
    px = (size - 2 * margin) / wafer.diameter_mm
    centre, radius = size / 2, wafer.diameter_mm / 2 * px
    pitch_x = grid.width_mm + wafer.scribe_mm
    out = [svg.open_svg(size + 250, size + 34, sentence("design.drawing.wafer"))]
    out.append(
        f'<circle cx="{centre}" cy="{centre}" r="{radius:.1f}" fill="#9AA0A6" fill-opacity="0.14" stroke="#56606C"/>'
        f'<circle cx="{centre}" cy="{centre}" r="{wafer.usable_radius_mm * px:.1f}" fill="none" stroke="#56606C" '
        'stroke-dasharray="4 3"/>'
    )
    w, h = grid.width_mm * px, grid.length_mm * px
    clip = f"wafer-{grid.count}-{len(grid.partial_mm)}"
    out.append(f'<defs><clipPath id="{clip}"><circle cx="{centre}" cy="{centre}" r="{radius:.1f}"/></clipPath></defs>')
    if len(grid.partial_mm) <= 600:
        boxes = "".join(
            f"M{centre + x * px:.1f} {centre - y * px:.1f}h{w:.1f}v{-h:.1f}h{-w:.1f}z" for x, y in grid.partial_mm
        )
        out.append(f'<path d="{boxes}" fill="none" stroke="#9AA0A6" stroke-width="0.7" clip-path="url(#{clip})"/>')
    runs = []
    for y in np.unique(np.round(grid.corners_mm[:, 1], 9)):
        row = grid.corners_mm[np.abs(grid.corners_mm[:, 1] - y) < 1e-6][:, 0]
        run = (row.max() - row.min() + grid.width_mm) * px
        runs.append(f"M{centre + row.min() * px:.2f} {centre - y * px:.2f}h{run:.2f}v{-h:.2f}h{-run:.2f}z")
    out.append(f'<path d="{"".join(runs)}" fill="#5B84C4"/>')
    streets, street = [], max(wafer.scribe_mm * px, 0.6)
    for x in np.unique(np.round(grid.corners_mm[:, 0], 9)):
        column = grid.corners_mm[np.abs(grid.corners_mm[:, 0] - x) < 1e-6][:, 1]
        at = centre + (x - (pitch_x - grid.width_mm) / 2) * px
        streets.append(
            f"M{at:.2f} {centre - column.min() * px:.2f}V{centre - (column.max() + grid.length_mm) * px:.2f}"
        )
    out.append(
        f'<path d="{"".join(streets)}" fill="none" stroke-width="{street:.2f}" style="stroke:var(--page,#FFFFFF)"/>'
    )
    out.append(svg.scale_bar(margin, size + 24, px, 90, "mm"))
    notes = (
        sentence("design.drawing.whole", count=f"{grid.count:,}"),
        sentence("design.drawing.partial", count=f"{len(grid.partial_mm):,}"),
        sentence("design.drawing.edge", edge=f"{wafer.edge_exclusion_mm:g}", diameter=f"{wafer.diameter_mm:g}"),
        sentence("design.drawing.street", street=f"{wafer.scribe_mm:g}", width=f"{grid.width_mm:g}",
                 length=f"{grid.length_mm:g}"),
    )  # fmt: skip
    swatches = (
        f'<rect x="{size + 6}" y="58" width="12" height="12" fill="#5B84C4"/>'
        f'<rect x="{size + 6}" y="82" width="12" height="12" fill="none" stroke="#9AA0A6"/>'
        f'<line x1="{size + 4}" y1="112" x2="{size + 20}" y2="112" stroke="#56606C" stroke-dasharray="4 3"/>'
    )
    out.append(swatches)
    out += [svg.text(size + 26, 68 + 24 * i, said) for i, said in enumerate(notes)]
    return "".join(out) + "</svg>"
