"""Pieces of SVG: text in both languages, scale bars, room for text. Colours follow the page's light or dark."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

INK = "fill:var(--ink,#1A2027)"
MUTED = "fill:var(--muted,#56606C)"
LINE = "stroke:var(--muted,#56606C)"
FONT = "font-family:var(--font,sans-serif)"


def open_svg(width: float, height: float, title: Mapping[str, str]) -> str:
    name = " / ".join(dict.fromkeys(title.values()))
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'style="{FONT}" aria-label="{escape(name)}"><title>{escape(name)}</title>'
    )


def text(
    x: float, y: float, words: str | Mapping[str, str], *, size: float = 12, anchor: str = "start",
    style: str = INK, weight: int = 400, turned: bool = False,
) -> str:  # fmt: skip
    """Text at x, y (its baseline); a mapping shows the page's language."""
    if isinstance(words, Mapping):
        body = "".join(f'<tspan lang="{lang}">{escape(said)}</tspan>' for lang, said in words.items())
    else:
        body = escape(words)
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}"{turn} '
        f'style="{style}">{body}</text>'
    )


def label(x: float, y: float, head: str, tail: Mapping[str, str]) -> str:
    """A label: its head in ink, then a quieter remark in the page's language."""
    rest = "".join(f'<tspan lang="{lang}" dx="7" font-size="11" style="{MUTED}">{escape(said)}</tspan>'
                   for lang, said in tail.items())  # fmt: skip
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" style="{INK}">{escape(head)}{rest}</text>'


def rect(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.3f}" fill="{fill}" {extra}/>'


def line(x1: float, y1: float, x2: float, y2: float, *, width: float = 1, style: str = LINE, extra: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="{width:g}" '
        f'style="{style}" {extra}/>'
    )


def text_width(words: str, size: float = 12) -> float:
    """Room a text needs, in px: an estimate on the safe side (Chinese characters are square)."""
    return sum(size if ord(c) > 0x2E7F else 0.56 * size for c in words)


def nice_length(wanted: float) -> float:
    """The largest of 1, 2, 5 x 10^n that is not longer than `wanted`."""
    power = 10.0 ** len(str(int(wanted))) if wanted >= 1 else 1.0
    while True:
        for step in (5, 2, 1):
            if step * power <= wanted:
                return step * power
        power /= 10


def scale_bar(x: float, y: float, px_per_unit: float, wanted_px: float, unit: str, *, upright: bool = False) -> str:
    """A bar of a round length near `wanted_px`, with ticks and its length."""
    length = nice_length(wanted_px / px_per_unit)
    px = length * px_per_unit
    if upright:
        bar = line(x, y, x, y - px, width=2) + line(x - 4, y, x + 4, y) + line(x - 4, y - px, x + 4, y - px)
        return bar + text(x - 8, y - px / 2, f"{length:g} {unit}", anchor="middle", turned=True)
    bar = line(x, y, x + px, y, width=2) + line(x, y - 4, x, y + 4) + line(x + px, y - 4, x + px, y + 4)
    return bar + text(x + px / 2, y - 8, f"{length:g} {unit}", anchor="middle")


def spread(wanted: list[float], room: float) -> list[float]:
    """Positions near the wanted ones (rising), at least `room` apart: labels beside thin layers."""
    groups: list[tuple[float, int]] = []  # (mean wanted position of the first label, number of labels)
    for position in wanted:
        groups.append((position, 1))
        while len(groups) > 1 and groups[-2][0] + room * groups[-2][1] > groups[-1][0]:
            (a, n), (b, m) = groups[-2], groups[-1]
            groups[-2:] = [((a * n + (b - room * n) * m) / (n + m), n + m)]
    return [start + room * i for start, count in groups for i in range(count)]
