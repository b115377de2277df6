"""One 3Dblox YAML file (.3dbv, .3dbx): what is written, unexpanded and whole, and what it means, macros replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import InputError
from workbench.formats import yaml_text
from workbench.formats.threedblox import macros
from workbench.formats.threedblox.macros import Define
from workbench.formats.yaml_text import Limits, Located, Steps, refuse_control_characters

LIMITS = Limits()
KINDS = (".3dbv", ".3dbx")


@dataclass(frozen=True)
class Document:
    """`raw` is the data with macros unexpanded, unknown keys included: what `write` gives back. `located` is the same
    with macros replaced, with places. Two documents are equal when they say the same, wherever it stands."""

    name: str = field(compare=False)
    defines: tuple[Define, ...]
    raw: dict[str, Any]
    located: Located = field(compare=False, repr=False)
    comments: int = field(default=0, compare=False)  # lines that are only a comment; they are not kept

    @property
    def data(self) -> dict[str, Any]:
        return self.located.data


def parse(text: str, *, where: str) -> Document:
    """The document of a file's text; `where` names the file in refusals.

    Raises InputError with file, line and column for everything `yaml_text.parse` and `macros.expanded` refuse, and a
    root that is no mapping.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    refuse_control_characters(text, where=where)
    if len(text) > LIMITS.characters:
        raise InputError("text.too_large", where=where, got=f"{len(text):,}", allowed=f"<= {LIMITS.characters:,}")
    meant, defines = macros.expanded(text, where=where, limit_characters=LIMITS.characters)
    located = yaml_text.parse(meant, where=where, limits=LIMITS)
    raw = yaml_text.parse(text, where=where, limits=LIMITS).data if defines else located.data
    for data in (located.data, raw):
        if not isinstance(data, dict):
            raise InputError("threedblox.kind", where=located.place(), got=_kind(data), allowed="mapping")
    comments = sum(line.lstrip().startswith("#") for line in text.split("\n")) - len(defines)
    return Document(where, defines, raw, located, comments)


def write(document: Document) -> str:
    """The text of a document: macros at the head, unexpanded values, unknown keys included.

    Raises InputError where parsing the text would not give the document back (a macro whose key occurs in the words
    that YAML itself needs).
    """
    text = macros.written(document.defines) + yaml_text.write(document.raw)
    if document.defines:
        again = parse(text, where=document.name)
        if again.raw != document.raw or again.data != document.data:
            raise InputError("threedblox.not_writable", where=document.name)
    return text


def made(name: str, data: dict[str, Any]) -> Document:
    """A document of plain data, without macros."""
    return parse(yaml_text.write(data), where=name)


def _kind(value: Any) -> str:
    return {dict: "mapping", list: "list", str: "text", bool: "true/false", type(None): "~"}.get(type(value), "number")


class Section:
    """A mapping of the document while it is read: each getter refuses a value of the wrong kind with its place, and
    `unknown` tells what was never asked for."""

    def __init__(self, located: Located, path: Steps, value: Any):
        self.located, self.path = located, path
        if value is None:
            value = {}  # `regions:` with nothing under it
        if not isinstance(value, dict):
            raise InputError("threedblox.kind", where=located.place(path), got=f"{self.name}: {_kind(value)}",
                             allowed="mapping")  # fmt: skip
        self.value, self.asked = value, set()

    @property
    def name(self) -> str:
        return ".".join(str(step) for step in self.path)

    def place(self, *more: str | int, key: bool = False) -> str:
        return self.located.place((*self.path, *more), key=key)

    def refuse(self, rule: str, key: str | None = None, *, got: object = "", allowed: object = "") -> InputError:
        """The error to raise about a key of this mapping, or about the mapping."""
        steps = () if key is None else (key,)
        return InputError(rule, where=self.place(*steps), got=str(got)[:120], allowed=allowed)

    def get(self, key: str, *, required: bool = False) -> Any:
        self.asked.add(key)
        if required and self.value.get(key) is None:
            place = self.place(key=True) if key not in self.value else self.place(key)
            raise InputError("threedblox.missing", where=place, got=f"{self.name}.{key}")
        return self.value.get(key)

    def _kind_error(self, key: str, value: Any, allowed: str) -> InputError:
        return self.refuse("threedblox.kind", key, got=f"{key}: {_kind(value)}", allowed=allowed)

    def text(self, key: str, *, required: bool = False, options: tuple[str, ...] = ()) -> str:
        """A word; a number counts as its text (`version: 2.5`). Empty where the key is absent or `~`."""
        value = self.get(key, required=required)
        if value is None:
            return ""
        if isinstance(value, bool | dict | list):
            raise self._kind_error(key, value, "text")
        word = str(value)
        if options and word not in options:
            raise self.refuse("threedblox.choice", key, got=f"{key}: {word}", allowed=", ".join(options))
        return word

    def number(self, key: str, *, required: bool = False) -> float | None:
        value = self.get(key, required=required)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._kind_error(key, value, "number")
        return float(value)

    def numbers(self, key: str, count: int, *, required: bool = False) -> tuple[float, ...] | None:
        value = self.get(key, required=required)
        if value is None:
            return None
        return self._row(value, count, key)

    def _row(self, value: Any, count: int, *steps: str | int) -> tuple[float, ...]:
        good = isinstance(value, list) and len(value) == count
        if not good or any(isinstance(x, bool) or not isinstance(x, int | float) for x in value):
            got = f"{len(value)} values" if isinstance(value, list) and len(value) != count else _kind(value)
            raise InputError("threedblox.kind", where=self.place(*steps), got=f"{steps[0]}: {got}",
                             allowed=f"[{', '.join(['number'] * count)}]")  # fmt: skip
        return tuple(float(x) for x in value)

    def points(self, key: str) -> tuple[tuple[float, ...], ...]:
        """A required list of exactly four [x, y]."""
        value = self.get(key, required=True)
        if not isinstance(value, list):
            raise self._kind_error(key, value, "4 x [x, y]")
        if len(value) != 4:
            rule = "threedblox.polygon" if len(value) > 4 else "threedblox.corners"
            place = self.place(key, 4) if len(value) > 4 else self.place(key)
            raise InputError(rule, where=place, got=f"{self.name}.{key}: {len(value)}", allowed="4")
        return tuple(self._row(point, 2, key, i) for i, point in enumerate(value))

    def flag(self, key: str) -> bool:
        value = self.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self._kind_error(key, value, "true, false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A word or a list of words."""
        value = self.get(key)
        values = [] if value is None else value if isinstance(value, list) else [value]
        for index, item in enumerate(values):
            if not isinstance(item, str) or not item:
                steps = (key, index) if isinstance(value, list) else (key,)
                raise InputError("threedblox.kind", where=self.place(*steps), got=f"{key}: {_kind(item)}",
                                 allowed="text")  # fmt: skip
        return tuple(values)

    def section(self, key: str) -> Section:
        return Section(self.located, (*self.path, key), self.get(key))

    def sections(self, key: str) -> Iterator[tuple[str, Section]]:
        """The named mappings under a key."""
        parent = self.section(key)
        for name in parent.value:
            yield name, parent.section(name)

    def unknown(self) -> dict[str, Any]:
        """Keys never asked for, with what they hold."""
        return {key: value for key, value in self.value.items() if key not in self.asked}
