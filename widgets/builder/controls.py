"""Controls with a label and a tooltip in the page's language; the tab order is the order in which they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as w

from workbench.i18n import catalogue, language, t

LABEL = "128px"
WIDE = "372px"


def words(key: str, **values: object) -> str:
    return t(key, language(), **values)


def tooltip(key: str) -> str:
    """The help of a control where there is one, else its label."""
    return words(key + "_help" if key + "_help" in catalogue() else key)


def title(key: str) -> w.HTML:
    return w.HTML(f'<div class="wb wb-b-title" role="heading" aria-level="3">{escape(words(key))}</div>')


def number(key: str, value: float, *, step: float = 0.1, width: str = WIDE, label: str = LABEL) -> w.FloatText:
    return w.FloatText(value=value, step=step, description=words(key), tooltip=tooltip(key),
                       layout=w.Layout(width=width), style={"description_width": label})  # fmt: skip


def choice(key: str, options: Sequence[tuple[str, Any]], value: Any = None, *, width: str = WIDE) -> w.Dropdown:
    chosen = value if value is not None else (options[0][1] if options else None)
    return w.Dropdown(options=list(options), value=chosen, description=words(key), tooltip=tooltip(key),
                      layout=w.Layout(width=width), style={"description_width": LABEL})  # fmt: skip


def button(key: str, act: Callable[[], None], *, primary: bool = False, width: str = "auto") -> w.Button:
    made = w.Button(description=words(key), tooltip=tooltip(key), button_style="primary" if primary else "",
                    layout=w.Layout(width=width))  # fmt: skip
    made.on_click(lambda _: act())
    return made


def folded(key: str, box: w.Widget) -> w.ToggleButton:
    """A button that shows and hides a box, hidden at first. (The heads of an accordion have no place in the tab order.)
    """
    made = w.ToggleButton(value=False, description=words(key), tooltip=tooltip(key), layout=w.Layout(width="auto"))
    box.layout.display = "none"

    def turn(change: dict) -> None:
        box.layout.display = "" if change["new"] else "none"

    made.observe(turn, names="value")
    return made


def check(key: str, value: bool, heard: Callable[[bool], None]) -> w.Checkbox:
    made = w.Checkbox(value=value, description=words(key), tooltip=tooltip(key), indent=False,
                      layout=w.Layout(width="auto", margin="0 14px 0 0"))  # fmt: skip
    made.observe(lambda change: heard(change["new"]), names="value")
    return made


def slider(key: str, value: float, low: float, high: float, step: float, heard: Callable[[float], None], *,
           width: str = "400px", form: str = ".2f", label: str = "110px") -> w.FloatSlider:  # fmt: skip
    made = w.FloatSlider(value=value, min=low, max=high, step=step, description=words(key), tooltip=tooltip(key),
                         readout_format=form, continuous_update=True, layout=w.Layout(width=width),
                         style={"description_width": label})  # fmt: skip
    made.observe(lambda change: heard(change["new"]), names="value")
    return made


def row(*children: w.Widget, **layout: str) -> w.HBox:
    return w.HBox(list(children), layout=w.Layout(**{"flex_flow": "row wrap", "align_items": "center", **layout}))
