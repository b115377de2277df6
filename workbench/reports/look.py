"""The look, as plain constants: one place for reports, Voila, JupyterLab, charts and 3D.

Colours are sRGB hex. Text colours keep a contrast of at least 4.5:1 on their background (WCAG 2.2, 1.4.3);
a test computes it. `tokens_css()` gives the same values as CSS custom properties, light and dark.
"""

from __future__ import annotations

from typing import Final

# Shown here as part of the look; the exports, below, draw with them too.
from workbench.materials.colours import MATERIAL_COLOURS as MATERIAL_COLOURS
from workbench.materials.colours import MATERIAL_OPACITY as MATERIAL_OPACITY

FONT_STACK: Final = 'system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK TC", sans-serif'
# Charts are measured where they are drawn and shown elsewhere, so they name families that exist as files: a quick
# Latin one first (measuring a label in the Chinese font takes twice as long), the Chinese one for what that lacks.
CHART_FONT: Final = '"Noto Sans", "DejaVu Sans", "Noto Sans CJK TC", "Segoe UI", "Microsoft JhengHei", sans-serif'
MONO_STACK: Final = 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK TC", monospace'

# Okabe & Ito 2008, Color Universal Design, in the order used for categories.
CATEGORIES: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

SEQUENCE: Final = "viridis"  # scheme names of Vega and Matplotlib
TEMPERATURE_SEQUENCE: Final = "inferno"
# Differences: blue - white - orange, the middle is zero (domain centred by the caller).
DIVERGING: Final = (
    "#0B4F7D", "#0072B2", "#5CA4D0", "#AED3EA", "#F7F7F7", "#FBD9A6", "#F2B04C", "#DE7A12", "#A34A00",
)  # fmt: skip

# Dies of one assembly differ in lightness, not in hue: silicon first, then lighter and darker in turn.
DIE_COLOURS: Final = ("#5B84C4", "#8FAEDB", "#3F67A6", "#B4C9E8", "#2D4E85", "#D3E0F2")

# One shade cannot reach 4.5:1 on white and on #14181D at once, so each verdict has a shade per background.
VERDICT_COLOURS: Final = {
    "PASS": "#1B7F4B",
    "MARGINAL": "#9C5D00",
    "FAIL": "#B3261E",
    "NONE": "#5B6470",
    "ERROR": "#8A1C4A",
    "TIMEOUT": "#8A1C4A",
}
VERDICT_COLOURS_DARK: Final = {
    "PASS": "#4CC38A",
    "MARGINAL": "#E0A23B",
    "FAIL": "#F2786D",
    "NONE": "#A7B0BA",
    "ERROR": "#EE86AE",
    "TIMEOUT": "#EE86AE",
}
# Shape says the verdict without colour: paths in a 16 x 16 box, filled with the even-odd rule.
VERDICT_SHAPES: Final = {
    "PASS": "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM6.9 11.6l5-5.2-1.3-1.2-3.7 3.9-1.8-1.8-1.2 1.3z",
    "MARGINAL": "M8 1.2 15.4 14.6H.6zM7.1 5.8v4.4h1.8V5.8zM7.1 11.4v1.7h1.8v-1.7z",
    "FAIL": "M1 1h14v14H1zM5.2 4 4 5.2 6.8 8 4 10.8 5.2 12 8 9.2 10.8 12 12 10.8 9.2 8 12 5.2 10.8 4 8 6.8z",
    "NONE": "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM8 2.6a5.4 5.4 0 1 0 0 10.8A5.4 5.4 0 0 0 8 2.6zM5 7.2v1.6h6V7.2z",
    "ERROR": "M5 .9h6L15.1 5v6L11 15.1H5L.9 11V5zM7.1 4v5h1.8V4zM7.1 10.3v1.8h1.8v-1.8z",
    "TIMEOUT": "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM7.2 3.6v5l3.6 2.2.8-1.4-2.8-1.7V3.6z",
}

# Surfaces, text and lines; every text colour holds 4.5:1 on `page` and on `band`.
LIGHT: Final = {
    "page": "#FFFFFF",
    "band": "#F5F7F9",  # table heads, code, the quiet background of a note
    "ink": "#1A2027",
    "muted": "#56606C",
    "line": "#D5DBE1",
    "link": "#005C99",
    "focus": "#0072B2",
    "unverified": "#8A4B00",
    "synthetic": "#6B3FA0",
}
DARK: Final = {
    "page": "#14181D",
    "band": "#1C2229",
    "ink": "#E4E9EE",
    "muted": "#A3AEB9",
    "line": "#343D47",
    "link": "#7CC0F0",
    "focus": "#7CC0F0",
    "unverified": "#F0B45C",
    "synthetic": "#C6A6EE",
}

# Charts use these so that a page can follow its reader into the dark (report.css maps them to the tokens).
CHART_INK: Final = "#1A2027"  # titles, labels, rules that carry meaning
CHART_MUTED: Final = "#56606C"  # axis labels and ticks
CHART_LINE: Final = "#D5DBE1"  # grid and axis domain

BODY_PX: Final = 15
MAX_WIDTH_PX: Final = 1280
GUTTER_PX: Final = 24


def _properties(surfaces: dict[str, str], verdicts: dict[str, str]) -> str:
    pairs = [(f"--{name}", value) for name, value in surfaces.items()]
    pairs += [(f"--{name.lower()}", value) for name, value in verdicts.items()]
    return "".join(f"{name}:{value};" for name, value in pairs)


def tokens_css() -> str:
    """CSS custom properties: light by default, dark by the reader's system or by `data-theme`, light in print."""
    light, dark = _properties(LIGHT, VERDICT_COLOURS), _properties(DARK, VERDICT_COLOURS_DARK)
    shared = f"--font:{FONT_STACK};--mono:{MONO_STACK};--body:{BODY_PX}px;"
    shared += f"--max:{MAX_WIDTH_PX}px;--gutter:{GUTTER_PX}px;"
    return (
        f":root{{{shared}{light}color-scheme:light;}}\n"
        "@media screen and (prefers-color-scheme:dark){"
        f":root:not([data-theme=light]){{{dark}color-scheme:dark;}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}color-scheme:dark;}}}}\n"
    )
