"""A form that follows from a `Parameters` class: one control per declared field, checked as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as w

from workbench.errors import InputError
from workbench.i18n import catalogue, language, t
from workbench.schema import Field, Parameters

_WIDE = w.Layout(width="22em")


class Form(w.VBox):
    """Controls for every field of a `Parameters` value; `on_change` hears each new valid value.

    `choices(kind)` gives the (title, key) pairs a ``choice(of=kind)`` offers.
    """

    def __init__(self, parameters: Parameters, choices: Callable[[str], list[tuple[str, str]]]):
        self.value = parameters
        self._type = type(parameters)
        self._listeners: list[Callable[[Parameters], None]] = []
        self._refused: Callable[[InputError], None] = lambda error: None
        self._controls: dict[str, w.Widget] = {}
        self._messages: dict[str, w.HTML] = {}
        rows = [self._row(declared, getattr(parameters, declared.name), choices) for declared in self._type.fields()]
        super().__init__(rows)
        self.add_class("wb-form")

    def on_change(self, heard: Callable[[Parameters], None], refused: Callable[[InputError], None]) -> None:
        """Call `heard(parameters)` after each valid change, `refused(error)` after one that is not valid."""
        self._listeners.append(heard)
        self._refused = refused

    def _row(self, declared: Field, value: Any, choices: Callable[[str], list[tuple[str, str]]]) -> w.HBox:
        lang = language()
        control = _control(declared, value, choices)
        control.layout = _WIDE
        control.observe(lambda change: self._changed(), "value")
        # A Label widget names the control for people; the tooltip carries the help text.
        control.tooltip = (declared.help or declared.label)[lang]
        caption = w.Label(
            declared.label[lang] + (f" ({declared.unit})" if declared.unit else ""), layout=w.Layout(width="17em")
        )
        self._controls[declared.name] = control
        self._messages[declared.name] = w.HTML()
        wrapped = w.Layout(flex_flow="row wrap")  # a message that does not fit beside its field stands below it
        return w.HBox([caption, control, self._messages[declared.name]], layout=wrapped)

    def _changed(self) -> None:
        for message in self._messages.values():
            message.value = ""
        try:
            value = self._type(**{name: control.value for name, control in self._controls.items()})
        except InputError as error:
            if error.where in self._messages:
                self._messages[error.where].value = _mark(error)
            self._refused(error)
            return
        if value != self.value:
            self.value = value
            for heard in self._listeners:
                heard(value)


def _control(declared: Field, value: Any, choices: Callable[[str], list[tuple[str, str]]]) -> w.Widget:
    if declared.kind == "flag":
        return w.Checkbox(value=value, indent=False)
    if declared.kind == "integer":
        return w.IntText(value=value)
    if declared.kind == "number":
        return w.FloatText(value=value)
    if declared.kind == "choice":
        offered = [(option_words(o), o) for o in declared.options] if declared.options else choices(declared.of or "")
        if value not in [key for _, key in offered]:
            offered = [(value, value), *offered]
        return w.Dropdown(options=offered, value=value)
    return w.Text(value=value, continuous_update=False)


def option_words(option: str) -> str:
    """What a choice is called on screen; its own name where the catalogue has no words for it."""
    key = f"option.{option}"
    return t(key) if key in catalogue() else option


def _mark(error: InputError) -> str:
    from html import escape

    facts = error.as_dict(language())
    return f'<span style="color:var(--fail,#B3261E)">{escape(facts["what"])}: {escape(facts["allowed"])}</span>'
