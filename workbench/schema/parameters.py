"""Parameters of a study, declared once.

A subclass of `Parameters` lists its fields with `quantity`, `choice`, `text` or `flag`. From that one declaration
follow validation with readable messages, the JSON Schema, the command line's ``-p name=value``, the form on
screen (`widgets.forms`) and the reference page.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as _field
from pydantic_core import PydanticUndefined

from workbench.errors import InputError
from workbench.i18n import t
from workbench.schema.summary import shown
from workbench.units import symbol_of

_REQUIRED = object()
_MAX_TEXT = 400


@dataclass(frozen=True)
class Field:
    """One declared parameter, as every screen and page needs it. `default` is None when it is required."""

    name: str
    kind: str  # number | integer | choice | text | flag
    label: dict[str, str]
    unit: str
    default: Any
    required: bool
    ge: float | None = None
    le: float | None = None
    gt: float | None = None
    lt: float | None = None
    options: tuple[str, ...] = ()
    of: str | None = None
    help: dict[str, str] | None = None

    def allowed(self, lang: str | None = None) -> str:
        """The allowed values in words: ``1 ... 100 µm``."""
        if self.kind in ("number", "integer"):
            return f"{_interval(self)} {self.unit}".strip() or t(f"kind.{self.kind}", lang)
        if self.options:
            return ", ".join(self.options)
        if self.of:
            return t("allowed.of_store", lang, kind=self.of)
        if self.kind == "text":
            return t("allowed.characters", lang, count=_MAX_TEXT)
        return t(f"kind.{self.kind}", lang)


def quantity(
    en: str,
    zh: str,
    *,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
    default: Any = _REQUIRED,
    help_en: str = "",
    help_zh: str = "",
) -> Any:
    """A number. Its unit is the suffix of the field's name; annotate `int` for whole numbers."""
    bounds = {"ge": ge, "le": le, "gt": gt, "lt": lt}
    return _declare("quantity", en, zh, default, help_en, help_zh, allow_inf_nan=False, **bounds)


def choice(
    en: str,
    zh: str,
    *,
    options: tuple[str, ...] = (),
    of: str | None = None,
    default: Any = _REQUIRED,
    help_en: str = "",
    help_zh: str = "",
) -> Any:
    """One of fixed `options`, or the key of a subject of the store (`of="design"`)."""
    if bool(options) == bool(of):
        raise TypeError("choice() takes either options=... or of=...")
    return _declare("choice", en, zh, default, help_en, help_zh, options=options, of=of)


def text(en: str, zh: str, *, default: Any = _REQUIRED, help_en: str = "", help_zh: str = "") -> Any:
    """A short line of text."""
    return _declare("text", en, zh, default, help_en, help_zh)


def flag(en: str, zh: str, *, default: Any = _REQUIRED, help_en: str = "", help_zh: str = "") -> Any:
    """A yes or no."""
    return _declare("flag", en, zh, default, help_en, help_zh)


def _declare(kind: str, en: str, zh: str, default: Any, help_en: str, help_zh: str, **more: Any) -> Any:
    constraints = {k: more.pop(k) for k in ("ge", "le", "gt", "lt", "allow_inf_nan") if k in more}
    extra = {"kind": kind, "label": {"en": en, "zh-Hant": zh}, **{k: v for k, v in more.items() if v}}
    if help_en or help_zh:
        extra["help"] = {"en": help_en, "zh-Hant": help_zh or help_en}
    if default is not _REQUIRED:
        constraints["default"] = default
    return _field(
        title=en, json_schema_extra=extra, **{k: v for k, v in constraints.items() if v is not None or k == "default"}
    )


class Parameters(BaseModel):
    """Base of every study's parameters: frozen, nothing undeclared, defaults validated like any other value."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            _check(type(self), name, value)
        try:
            super().__init__(**values)
        except ValidationError as refused:
            raise _readable(type(self), refused) from None

    @classmethod
    def fields(cls) -> tuple[Field, ...]:
        return tuple(_describe(name, info) for name, info in cls.model_fields.items())

    @classmethod
    def field(cls, name: str) -> Field:
        for declared in cls.fields():
            if declared.name == name:
                return declared
        raise InputError("param.unknown", where=name, got=name, allowed=", ".join(cls.model_fields))

    @classmethod
    def from_cell(cls, namespace: Mapping[str, Any]) -> Self:
        """From a notebook's parameters cell: takes the declared names out of `globals()`."""
        return cls(**{name: namespace[name] for name in cls.model_fields if name in namespace})

    @classmethod
    def from_strings(cls, given: Mapping[str, str]) -> Self:
        """From text as typed on a command line, in an address or in a form."""
        return cls(**{name: _parse(cls.field(name), value) for name, value in given.items()})

    @classmethod
    def from_pairs(cls, pairs: tuple[str, ...] | list[str]) -> Self:
        """From ``name=value`` words of a command line."""
        given = {}
        for pair in pairs:
            name, separator, value = pair.partition("=")
            if not separator:
                raise InputError("param.not_a_pair", where="-p", got=pair)
            given[name.strip()] = value.strip()
        return cls.from_strings(given)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) with `unit`, `label` and `of` beside the standard keys."""
        schema = cls.model_json_schema()
        for declared in cls.fields():
            entry = schema["properties"][declared.name]
            entry.pop("kind", None)
            if declared.unit:
                entry["unit"] = declared.unit
            if declared.options:
                entry["enum"] = list(declared.options)
                entry.pop("options", None)
        return schema

    def as_dict(self) -> dict[str, Any]:
        return self.model_dump()


def _describe(name: str, info: Any) -> Field:
    extra = info.json_schema_extra or {}
    limits: dict[str, float] = {}
    for constraint in info.metadata:
        limits |= {k: getattr(constraint, k) for k in ("ge", "le", "gt", "lt") if hasattr(constraint, k)}
    kind = extra["kind"]
    if kind == "quantity":
        kind = "integer" if info.annotation is int else "number"
    required = info.default is PydanticUndefined
    return Field(
        name=name,
        kind=kind,
        label=extra["label"],
        unit=symbol_of(name) if kind in ("number", "integer") else "",
        default=None if required else info.default,
        required=required,
        options=tuple(extra.get("options", ())),
        of=extra.get("of"),
        help=extra.get("help"),
        **limits,
    )


def _interval(declared: Field) -> str:
    low, high = (declared.ge, declared.gt), (declared.le, declared.lt)
    below = next((b for b in low if b is not None), None)
    above = next((a for a in high if a is not None), None)
    if below is None and above is None:
        return ""
    if above is None:
        return f"{'>=' if declared.ge is not None else '>'} {shown(below, 6)}"
    if below is None:
        return f"{'<=' if declared.le is not None else '<'} {shown(above, 6)}"
    return f"{shown(below, 6)} ... {shown(above, 6)}"


def _check(cls: type[Parameters], name: str, value: Any) -> None:
    """What pydantic cannot say readably: unknown names, wrong kinds, choices, text length."""
    declared = cls.field(name)
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if declared.kind in ("number", "integer"):
        if not numeric or not math.isfinite(value):
            raise InputError("param.not_a_number", where=name, got=_short(value), allowed=declared.allowed())
        if declared.kind == "integer" and not float(value).is_integer():
            raise InputError("param.not_whole", where=name, got=_short(value), allowed=declared.allowed())
    elif declared.kind == "flag":
        if not isinstance(value, bool):
            raise InputError("param.wrong_type", where=name, got=_short(value), allowed=t("kind.flag"))
    else:
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
            raise InputError("param.wrong_type", where=name, got=_short(value), allowed=declared.allowed())
        if declared.options and value not in declared.options:
            raise InputError("param.not_a_choice", where=name, got=_short(value), allowed=declared.allowed())


def _readable(cls: type[Parameters], refused: ValidationError) -> InputError:
    """The first of pydantic's findings in our words; `_check` has caught every kind but bounds and absence."""
    finding = refused.errors(include_url=False)[0]
    declared = cls.field(str(finding["loc"][0]))
    if finding["type"] == "missing":
        return InputError("param.missing", where=declared.name, allowed=declared.allowed(), name=declared.name)
    got = f"{_short(finding['input'])} {declared.unit}".strip()
    return InputError("param.out_of_range", where=declared.name, got=got, allowed=declared.allowed())


def _parse(declared: Field, value: str) -> Any:
    if declared.kind in ("number", "integer"):
        try:
            number = ast.literal_eval(value.strip().lstrip("+"))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value  # refused, in our words, by _check
        return number if len(value) < 40 else value
    if declared.kind == "flag":
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(value.lower(), value)
    return value


def _short(value: Any) -> str:
    words = value if isinstance(value, str) else repr(value)
    words = "".join(c if c.isprintable() else "?" for c in words)
    return words if len(words) <= 60 else words[:57] + "..."
