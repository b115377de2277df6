"""One look for charts on screen and in reports; registers itself with Altair on import."""

from __future__ import annotations

import altair as alt

from workbench.reports.look import (
    CATEGORIES,
    CHART_FONT,
    CHART_INK,
    CHART_LINE,
    CHART_MUTED,
    DIE_COLOURS,
    DIVERGING,
    MATERIAL_COLOURS,
    SEQUENCE,
    VERDICT_COLOURS,
)

COLOURS = CATEGORIES
# The specification itself, no HTML that would load a script from a network; reports draw it, Live asks for SVG.
# Its type ends in "+json": Altair's own "application/vnd.vegalite.v6.json" is refused by nbformat, and so by papermill.
MIME = "application/vnd.vegalite.v6+json"
alt.renderers.register("workbench", lambda spec, **_: {MIME: spec, "text/plain": "<chart>"})
alt.renderers.enable("workbench")
__all__ = ["COLOURS", "DIE_COLOURS", "DIVERGING", "MATERIAL_COLOURS", "SEQUENCE", "VERDICT_COLOURS"]


@alt.theme.register("workbench", enable=True)
def _theme() -> alt.theme.ThemeConfig:
    axis = {
        "labelColor": CHART_MUTED,
        "titleColor": CHART_INK,
        "titleFontWeight": "normal",
        "titleFontSize": 13,
        "labelFontSize": 12,
        "gridColor": CHART_LINE,
        "gridOpacity": 0.6,
        "domainColor": CHART_MUTED,
        "tickColor": CHART_LINE,
    }
    return alt.theme.ThemeConfig(
        config={
            "font": CHART_FONT,
            "background": "transparent",
            "view": {"continuousWidth": 560, "continuousHeight": 300, "stroke": None},
            "axis": axis,
            "title": {"anchor": "start", "fontSize": 13, "fontWeight": "bold", "color": CHART_INK},
            "header": {"labelFontSize": 12, "labelColor": CHART_INK, "title": None},
            "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": CHART_INK},
            "range": {
                "category": list(CATEGORIES),
                "heatmap": {"scheme": SEQUENCE},
                "ramp": {"scheme": SEQUENCE},
                "diverging": list(DIVERGING),
            },
            "line": {"strokeWidth": 2},
            "point": {"size": 45, "filled": True},
            "mark": {"color": CATEGORIES[0]},
            "text": {"color": CHART_INK, "fontSize": 12},
            "rule": {"color": CHART_INK},
        }
    )
