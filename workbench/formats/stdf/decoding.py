"""The fields of one record as plain data, for inspection and for the records of which a file has few."""

from __future__ import annotations

import struct
from typing import Any

from workbench.formats.stdf.layouts import GENERIC, Layout

_NUMBERS = {"U1": "B", "U2": "H", "U4": "I", "I1": "b", "I2": "h", "I4": "i", "R4": "f", "R8": "d", "B1": "B"}
NUMBERS = {  # type -> its struct in files of little and of big bytes first
    kind: (struct.Struct("<" + code), struct.Struct(">" + code)) for kind, code in _NUMBERS.items()
}


class Overrun(Exception):
    """A field does not fit in its record; the argument is the name of the field."""


def text(raw: bytes) -> str:
    """A text as testers write it: the specification says ASCII, files say UTF-8 or Latin-1; blanks at the ends and
    control characters are no part of it."""
    try:
        said = raw.decode("utf-8")
    except UnicodeDecodeError:
        said = raw.decode("latin-1")
    if not said.isprintable():
        said = "".join(c if c.isprintable() else " " for c in said)
    return said.strip()


def fields(layout: Layout, body: bytes, *, big: bool) -> tuple[dict[str, Any], str]:
    """The fields of a record that are there, and "" or the name of the field that did not fit.

    Texts are str, flags int, `Bn` bytes, `Dn` a tuple of bits lowest first, arrays tuples. A field that is absent
    because the record ends before it is not a key.
    """
    found: dict[str, Any] = {}
    at, end = 0, len(body)
    for field in layout.fields:
        if at >= end:
            break
        try:
            if field.count:
                found[field.name], at = _array(field.kind, body, at, found.get(field.count, 0), big)
            else:
                found[field.name], at = _value(field.kind, body, at, big)
        except Overrun:
            return found, field.name
    return found, ""


def _value(kind: str, body: bytes, at: int, big: bool) -> tuple[Any, int]:
    number = NUMBERS.get(kind)
    if number:
        form = number[big]
        stop = _stop(body, at, form.size)
        return form.unpack_from(body, at)[0], stop
    if kind == "C1":
        return body[at : _stop(body, at, 1)].decode("latin-1"), at + 1
    if kind in ("Cn", "Bn"):
        stop = _stop(body, at + 1, body[_stop(body, at, 1) - 1])
        raw = body[at + 1 : stop]
        return (text(raw) if kind == "Cn" else raw), stop
    if kind == "Dn":
        bits, start = _value("U2", body, at, big)
        stop = _stop(body, start, (bits + 7) // 8)
        return tuple(body[start + i // 8] >> (i % 8) & 1 for i in range(bits)), stop
    if kind == "N1":
        return body[_stop(body, at, 1) - 1] & 0xF, at + 1
    raise ValueError(kind)


def _array(kind: str, body: bytes, at: int, count: int, big: bool) -> tuple[tuple, int]:
    if kind == "N1":
        stop = _stop(body, at, (count + 1) // 2)
        return tuple(body[at + i // 2] >> (4 * (i % 2)) & 0xF for i in range(count)), stop
    if kind in NUMBERS:
        stop = _stop(body, at, count * NUMBERS[kind][0].size)
        return struct.unpack_from(f"{'>' if big else '<'}{count}{_NUMBERS[kind]}", body, at), stop
    values = []
    for _ in range(count):
        value, at = _generic(body, at, big) if kind == "Vn" else _value(kind, body, at, big)
        values.append(value)
    return tuple(values), at


def _generic(body: bytes, at: int, big: bool) -> tuple[Any, int]:
    """One value of a GDR, which names its type; padding is a value None, as the specification counts it."""
    kind = GENERIC.get(body[_stop(body, at, 1) - 1])
    if kind is None:
        raise Overrun
    return (None, at + 1) if kind == "B0" else _value(kind, body, at + 1, big)


def _stop(body: bytes, at: int, size: int) -> int:
    if at + size > len(body):
        raise Overrun
    return at + size
