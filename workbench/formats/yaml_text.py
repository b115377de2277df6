"""YAML of unknown origin as plain data: bounded, without anchors, tags or repeated keys, each value with its place.

Plain words are read by the core schema of YAML 1.2.2 (section 10.3.2): ``yes``, ``on``, ``1:30`` and ``2026-01-01``
stay texts, ``~`` is None. Every refusal is an InputError whose `where` is ``file:line:column``, counted from 1.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from workbench.errors import InputError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Steps = tuple[str | int, ...]
Plain = dict | list | str | int | float | bool | None


@dataclass(frozen=True)
class Limits:
    """Bounds of one document; the defaults hold for files made by hand or by a design tool."""

    characters: int = 32 * 1024 * 1024
    depth: int = 40
    nodes: int = 1_000_000
    scalar_characters: int = 100_000


class _Mark(NamedTuple):
    """Where a value stands, where its key does (-1: no key), and the marks of what it holds. A place is packed into
    one number, line * 2**32 + column, both from 0: a million values stay small."""

    value: int
    key: int = -1
    inner: dict[str, _Mark] | list[_Mark] | None = None


@dataclass(frozen=True)
class Located:
    """Plain data (`dict` in the order of the file, `list`, `str`, `int`, `float`, `bool`, None) and its places."""

    data: Plain
    where: str
    _root: _Mark

    def place(self, path: Steps = (), *, key: bool = False) -> str:
        """``file:line:column`` of the value at `path` (keys and indices), or of its key where the value starts on a
        later line or `key` asks for it. Where the path leaves the data, the place of the last part that is there.
        """
        mark = self._root
        for step in path:
            inner = mark.inner
            known = step in inner if isinstance(inner, dict) else inner is not None and step in range(len(inner))
            if not known:
                break
            mark = inner[step]
        packed = mark.key if mark.key >= 0 and (key or mark.key >> 32 != mark.value >> 32) else mark.value
        return at(self.where, packed >> 32, packed & 0xFFFFFFFF)


def read_text(path: Path | str, *, limit_bytes: int = Limits.characters) -> str:
    """The text of a file, at most `limit_bytes` of UTF-8 (a byte order mark is dropped).

    Raises InputError: no such file, not a regular file, too large, not UTF-8 (with line and column).
    """
    raw = read_start(path, limit_bytes + 1)
    if len(raw) > limit_bytes:
        raise InputError("text.too_large", where=shown(path), got=f"> {limit_bytes:,} B",
                         allowed=f"<= {limit_bytes:,} B")  # fmt: skip
    return decoded(raw, where=shown(path))


def read_start(path: Path | str, count: int) -> bytes:
    """The first `count` bytes of a file, or all. Raises InputError: no such file, not a regular file, unreadable."""
    path = Path(path)
    try:
        if not path.is_file():  # a pipe or device may never end
            rule = "text.not_a_file" if path.exists() else "text.no_file"
            raise InputError(rule, where=shown(path))
        with path.open("rb") as file:
            return file.read(count)
    except (OSError, ValueError) as fault:
        raise InputError("text.unreadable", where=shown(path), got=getattr(fault, "strerror", None) or fault) from None


def decoded(raw: bytes, *, where: str) -> str:
    """Bytes as UTF-8 text. Raises InputError with line and column of the first byte that is none."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        before = raw[: fault.start].decode("utf-8", "replace")
        raise InputError("text.not_utf8", where=at_offset(where, before, len(before)),
                         got=f"0x{raw[fault.start]:02x}") from None  # fmt: skip


# Everything libyaml calls unprintable, and the line breaks that only YAML 1.1 knows.
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def refuse_control_characters(text: str, *, where: str) -> None:
    """Raises InputError at the first control character, line separator, lone surrogate or inner byte order mark."""
    found = FORBIDDEN.search(text)
    if found:
        raise InputError("text.control", where=at_offset(where, text, found.start()), got=f"U+{ord(found.group()):04X}")


def parse(text: str, *, where: str, limits: Limits = Limits()) -> Located:
    """The one document in `text`; an empty text is None. `where` names the file in every refusal.

    Keys are kept as the text that is written (``1:`` is "1"); a key must be a non-empty scalar.

    Raises InputError: too large, nested too deep, too many values, an anchor or alias, a tag, a key given twice, a
    second document, a key that is no text, a control character, a number that is not finite or beyond 64 bits, and
    what is no YAML at all.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > limits.characters:
        raise InputError("text.too_large", where=where, got=f"{len(text):,}", allowed=f"<= {limits.characters:,}")
    refuse_control_characters(text, where=where)
    try:
        return _built(yaml.parse(text, Loader=_Loader), where, limits)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        place = at(where, mark.line, mark.column) if mark else where
        raise InputError("yaml.syntax", where=place, got=fault.problem or fault.context or "") from None
    except (yaml.YAMLError, RecursionError, MemoryError) as fault:
        raise InputError("yaml.syntax", where=where, got=str(fault).splitlines()[0] if str(fault) else "") from None


def _built(events: Any, where: str, limits: Limits) -> Located:
    """One pass over the events with a stack of open collections, so that depth never recurses."""
    root: list[tuple[Plain, _Mark]] = []
    stack: list[_Open] = []
    nodes = documents = 0
    for event in events:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            mark = event.start_mark
            if event.tag is not None or event.anchor is not None:
                _refuse_properties(event, where)
            if len(event.value) > limits.scalar_characters:
                raise InputError("yaml.too_long", where=at(where, mark.line, mark.column),
                                 got=f"{len(event.value):,}", allowed=f"<= {limits.scalar_characters:,}")  # fmt: skip
            if stack and stack[-1].wants_key:
                stack[-1].take_key(event.value, mark, where)
                continue
            value = resolved(event.value, where=where, mark=mark) if event.implicit[0] else event.value
            _put(stack, root, value, mark, None)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            mark = event.start_mark
            if event.tag is not None or event.anchor is not None:
                _refuse_properties(event, where)
            if len(stack) >= limits.depth:
                raise InputError("yaml.too_deep", where=at(where, mark.line, mark.column),
                                 allowed=f"<= {limits.depth}")  # fmt: skip
            if stack and stack[-1].wants_key:
                raise InputError("yaml.key", where=at(where, mark.line, mark.column))
            is_map = kind is yaml.MappingStartEvent
            opened = _Open({} if is_map else [], {} if is_map else [])
            _put(stack, root, opened.value, mark, opened.marks)
            stack.append(opened)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            stack.pop()
            continue
        elif kind is yaml.AliasEvent:
            mark = event.start_mark
            raise InputError("yaml.alias", where=at(where, mark.line, mark.column), got=f"*{event.anchor[:40]}")
        else:
            if kind is yaml.DocumentStartEvent:
                documents += 1
                mark = event.start_mark
                if event.tags:
                    raise InputError("yaml.tag", where=at(where, mark.line, mark.column), got="%TAG")
                if documents > 1:
                    raise InputError("yaml.documents", where=at(where, mark.line, mark.column))
            continue
        nodes += 1
        if nodes > limits.nodes:
            raise InputError("yaml.too_many", where=at(where, event.start_mark.line, event.start_mark.column),
                             allowed=f"<= {limits.nodes:,}")  # fmt: skip
    data, mark = root[0] if root else (None, _Mark(0))
    return Located(data, where, mark)


class _Open:
    """A collection that is still being filled."""

    __slots__ = ("key", "key_place", "marks", "value")

    def __init__(self, value: dict | list, marks: dict | list):
        self.value, self.marks, self.key, self.key_place = value, marks, None, -1

    @property
    def wants_key(self) -> bool:
        return self.key is None and type(self.value) is dict

    def take_key(self, key: str, mark: Any, where: str) -> None:
        if not key:
            raise InputError("yaml.key", where=at(where, mark.line, mark.column))
        if key in self.value:
            raise InputError("yaml.twice", where=at(where, mark.line, mark.column), got=key[:80])
        self.key, self.key_place = key, (mark.line << 32) + mark.column


def _put(stack: list[_Open], root: list, value: Plain, mark: Any, inner: dict | list | None) -> None:
    if not stack:
        root.append((value, _Mark((mark.line << 32) + mark.column, -1, inner)))
        return
    top = stack[-1]
    place = _Mark((mark.line << 32) + mark.column, top.key_place, inner)
    if type(top.value) is dict:
        top.value[top.key] = value
        top.marks[top.key] = place
        top.key, top.key_place = None, -1
    else:
        top.value.append(value)
        top.marks.append(place)


def _refuse_properties(event: Any, where: str) -> None:
    place = at(where, event.start_mark.line, event.start_mark.column)
    if event.anchor is not None:
        raise InputError("yaml.alias", where=place, got=f"&{event.anchor[:40]}")
    raise InputError("yaml.tag", where=place, got=event.tag[:40])


_WORDS: dict[str, Plain] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o([0-7]+)|0x([0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBERLIKE = frozenset("0123456789+-.")


def resolved(word: str, *, where: str = "", mark: Any = None) -> Plain:
    """A plain (unquoted) word by the core schema. Raises InputError for a number no float or 64 bits can hold."""
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in _NUMBERLIKE:
        return word
    number: Plain = word
    if _INT.fullmatch(word):
        number = int(word) if len(word) < 25 else math.inf
    elif based := _BASED.fullmatch(word):
        digits, base = (based.group(1), 8) if based.group(1) else (based.group(2), 16)
        number = int(digits, base) if len(word) < 25 else math.inf
    elif _FLOAT.fullmatch(word):
        number = float(word)
    elif _NOT_FINITE.fullmatch(word):
        number = math.inf
    if isinstance(number, str):
        return number
    if (isinstance(number, int) and abs(number) >= 1 << 63) or not math.isfinite(number):
        place = at(where, mark.line, mark.column) if mark else where
        raise InputError("yaml.number", where=place, got=word[:40])
    return number


_PLAIN_WORD = re.compile(r"[A-Za-z_/][A-Za-z0-9_./\[\]+-]*|\.{1,2}/[A-Za-z0-9_./-]*")
_SURPRISES = re.compile(r"(?i:y|n|yes|no|on|off|true|false|null|nan|inf)")  # to a reader of YAML 1.1


@dataclass(frozen=True)
class Style:
    """How data is written. `quoted`: every text is quoted, whatever it says, and so are the keys of the mappings that
    the root has under `names`; other keys are quoted where a reader may take them for no text. `on_one_line`: words
    of the format itself; a mapping of scalars with no other keys than these takes one line.
    """

    quoted: bool = False
    names: frozenset[str] = frozenset()
    on_one_line: frozenset[str] = frozenset()


_PLAIN = Style()


def write(data: Plain, style: Style = _PLAIN) -> str:
    """YAML that `parse` reads back equal, in block style; lists without mappings inside are written on one line.

    Texts are quoted unless every reader (YAML 1.1 or 1.2) takes them for texts, and no number has an exponent:
    YAML 1.1 takes 1e-05 for a text.
    """
    return "".join(_block(data, 0, style)) if isinstance(data, dict | list) and data else f"{scalar(data, style)}\n"


def scalar(value: Plain, style: Style = _PLAIN) -> str:
    """A value on one line; lists and mappings included."""
    if value is None:
        return "~"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value, plain=not style.quoted)
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item, style) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key, style)} {_flow(item, style)}" for key, item in value.items()) + "}"
    word = repr(value)
    if "e" not in word:
        return word
    digits = format(Decimal(word), "f")
    return digits if "." in digits else f"{digits}.0"


def _flow(value: Plain, style: Style) -> str:
    # Inside brackets a plain word must hold no bracket; quoting is always safe there.
    if isinstance(value, str):
        return _quoted(value, plain=not (style.quoted or set(value) & set("[]")))
    return scalar(value, style)


def _quoted(text: str, *, plain: bool = True) -> str:
    if plain and _PLAIN_WORD.fullmatch(text) and not _SURPRISES.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return FORBIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def _key(key: str, style: Style, *, name: bool = False, before_colon: str = " ") -> str:
    """A key with its colon; one beyond 1,000 characters must be announced (YAML 1.2.2, 7.4.2)."""
    said = key if key in style.on_one_line and not name else _quoted(key, plain=not name)
    return f"{said}:" if len(said) < 1_000 else f"? {said}{before_colon}:"


def _block(value: dict | list, indent: int, style: Style, *, names: bool = False) -> Iterator[str]:
    pad = " " * indent
    entries = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in entries:
        head = f"{pad}-" if key is None else f"{pad}{_key(key, style, name=names, before_colon=chr(10) + pad)}"
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        nested = isinstance(item, dict) and not item.keys() <= style.on_one_line
        if inner and (nested or any(isinstance(x, dict | list) for x in inner)):
            yield head + "\n"
            yield from _block(item, indent + 2, style, names=indent == 0 and style.quoted and key in style.names)
        else:
            yield f"{head} {scalar(item, style)}\n"


def at(where: str, line: int, column: int) -> str:
    """``file:line:column`` as a reader counts, from a line and column counted from 0."""
    return f"{where}:{line + 1}:{column + 1}"


def at_offset(where: str, text: str, offset: int) -> str:
    """``file:line:column`` of the character of a text at `offset`, lines ending at ``\\n``."""
    return at(where, text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1))


def shown(path: Path | str) -> str:
    """A path fit for a message: unprintable characters of a hostile name are marked."""
    return "".join(c if c.isprintable() else "?" for c in str(path))[-200:]
