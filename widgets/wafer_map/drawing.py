"""A map as SVG for a report: one pixel a die in a picture that scales without blur, so that 50,000 dies stay small."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from widgets.design import svg
from widgets.wafer_map.grid import EMPTY, MISSING, DieGrid
from workbench.i18n import LANGUAGES, t
from workbench.schema.summary import shown

_STREETS_PX = 6  # a die from which the streets between dies are drawn
_KEY_PX = 170  # room for the legend


def map_svg(grid: DieGrid, *, title: dict[str, str], side_px: float = 360, chosen: np.ndarray | None = None) -> str:
    """The map with its outline, notch, legend and scale bar. `chosen` are indices of dies to be framed."""
    if not len(grid.x):
        return ""
    wide, tall = float(grid.columns), grid.rows * grid.aspect
    px = side_px / max(wide, tall)
    width, height = wide * px, tall * px
    margin = 22.0
    left, top = margin, margin  # as wide and high as the map is: a tray takes no more room than it needs
    tall_px = max(height, 180.0 if grid.scale else 20.0 * len(grid.categories))
    bar = 34 if grid.pitch_mm else 0
    out = [svg.open_svg(width + 2 * margin + _KEY_PX, tall_px + 2 * margin + bar, title)]
    out.append(_outline(grid, left + width / 2, top + height / 2, width, height))
    out.append(
        f'<image x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{_png(grid)}"/>'
    )
    if min(px, px * grid.aspect) >= _STREETS_PX:
        streets = "".join(f"M{left + i * px:.1f} {top:.1f}v{height:.1f}" for i in range(1, grid.columns))
        streets += "".join(f"M{left:.1f} {top + i * px * grid.aspect:.1f}h{width:.1f}" for i in range(1, grid.rows))
        out.append(f'<path d="{streets}" fill="none" stroke-width="1" style="stroke:var(--page,#FFFFFF)"/>')
    if chosen is not None and len(chosen):
        column, row = (each[chosen] for each in grid.places())
        high = px * grid.aspect
        frames = "".join(f"M{left + c * px:.1f} {top + r * high:.1f}h{px:.2f}v{high:.2f}h{-px:.2f}z"
                         for c, r in zip(column, row, strict=True))  # fmt: skip
        out.append(f'<path d="{frames}" fill="none" stroke="#D55E00" stroke-width="{max(0.6, px / 8):.2f}"/>')
    if grid.pitch_mm:
        out.append(svg.scale_bar(margin, tall_px + 2 * margin + 22, px / grid.pitch_mm[0], side_px / 4, "mm"))
    out.append(_legend(grid, width + 2 * margin + 8, margin + 6))
    return "".join(out) + "</svg>"


def _outline(grid: DieGrid, x: float, y: float, width: float, height: float) -> str:
    if grid.shape != "wafer":
        return svg.rect(x - width / 2 - 4, y - height / 2 - 4, width + 8, height + 8, "none",
                        'rx="3" stroke="#9AA0A6" stroke-width="1.2"')  # fmt: skip
    column, row = grid.places()
    across = np.hypot((column - (grid.columns - 1) / 2) * width / grid.columns,
                      (row - (grid.rows - 1) / 2) * height / grid.rows)  # fmt: skip
    radius = float(across.max()) + 0.75 * max(width / grid.columns, height / grid.rows) + 2
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="none" stroke="#9AA0A6" stroke-width="1.2"/>'
    if grid.notch:
        angle = {"down": 90, "left": 180, "up": 270, "right": 0}[grid.notch]
        ring += (f'<path transform="rotate({angle} {x:.1f} {y:.1f})" d="M{x + radius + 1:.1f} {y - 5:.1f}l-7 5l7 5z" '
                 f'style="{svg.MUTED}"/>')  # fmt: skip
    return ring


def _legend(grid: DieGrid, x: float, y: float) -> str:
    out = []
    if grid.scale:
        unit = f" ({grid.scale.unit})" if grid.scale.unit else ""
        said = {lang: grid.scale.label[lang] + unit for lang in LANGUAGES}
        out.append(svg.text(x, y + 4, said))
        steps = grid.palette[::-1]
        for i, colour in enumerate(steps):
            out.append(svg.rect(x, y + 14 + i * 150 / len(steps), 14, 150 / len(steps) + 0.4, colour))
        for share in (0.0, 0.5, 1.0):
            value = grid.scale.high - share * (grid.scale.high - grid.scale.low)
            out.append(svg.text(x + 20, y + 18 + 150 * share, shown(value, 4)))
        y += 190
    for kind, colour in zip(grid.categories, grid.palette, strict=False):
        count = int((grid.values == kind.value).sum())
        out.append(svg.rect(x, y, 12, 12, colour))
        out.append(svg.label(x + 18, y + 10, f"{count:,}", dict(kind.label)))
        y += 20
    missing = int((grid.codes == MISSING).sum())
    if missing:
        out.append(svg.rect(x, y, 12, 12, grid.colour_of_missing()))
        said = {lang: t("wafer_map.missing", lang) for lang in LANGUAGES}
        out.append(svg.label(x + 18, y + 10, f"{missing:,}", said))
    return "".join(out)


def _png(grid: DieGrid) -> str:
    """Base64 of an indexed PNG, one pixel a place (PNG specification, third edition: IHDR, PLTE, tRNS, IDAT, IEND)."""
    colours = [grid.colour_of_missing()] * 256
    colours[: len(grid.palette)] = grid.palette
    table = bytes.fromhex("".join(colour.lstrip("#") for colour in colours))
    seen = grid.picture()
    lines = np.hstack([np.zeros((len(seen), 1), np.uint8), seen]).tobytes()  # each line begins with its filter: none
    pieces = (
        (b"IHDR", struct.pack(">IIBBBBB", seen.shape[1], seen.shape[0], 8, 3, 0, 0, 0)),
        (b"PLTE", table),
        (b"tRNS", b"\xff" * EMPTY + b"\x00"),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    made = b"\x89PNG\r\n\x1a\n"
    for kind, data in pieces:
        made += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return base64.b64encode(made).decode("ascii")
