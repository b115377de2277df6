"""Write STDF V4: one record after another, both byte orders, plain or packed."""

from __future__ import annotations

import bz2
import gzip
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from workbench.errors import InputError
from workbench.formats.exports.writing import fresh
from workbench.formats.stdf.decoding import NUMBERS
from workbench.formats.stdf.layouts import BY_NAME, GENERIC, NOT_GIVEN, Layout
from workbench.formats.stdf.source import PC, SUN

MOST_RECORD = 0xFFFF
MOST_TEXT = 0xFF

_GENERIC_CODE = {kind: code for code, kind in GENERIC.items()}


def encode(name: str, values: Mapping[str, Any], *, big: bool = False) -> bytes:
    """One record with its header. Fields after the last one given are left out, gaps take the value the specification
    has for "not given", and lengths of arrays are those of the arrays. Values of a GDR are pairs (type, value).

    Raises InputError: an unknown record or field, a text over 255 bytes, a record over 65,535, a number its type
    cannot hold.
    """
    layout = BY_NAME.get(name)
    if layout is None:
        raise InputError("stdf.unknown_record", got=name, allowed=", ".join(BY_NAME))
    known = {field.name for field in layout.fields}
    if not values.keys() <= known:
        raise InputError("stdf.unknown_field", where=name, got=", ".join(sorted(values.keys() - known)),
                         allowed=", ".join(sorted(known)))  # fmt: skip
    body = _body(layout, values, big)
    if len(body) > MOST_RECORD:
        raise InputError("stdf.long_record", where=name, got=len(body), allowed=f"<= {MOST_RECORD}")
    return struct.pack(">HBB" if big else "<HBB", len(body), *layout.number) + body


def _body(layout: Layout, values: Mapping[str, Any], big: bool) -> bytes:
    lengths = {field.count: len(values[field.name]) for field in layout.fields if field.count and field.name in values}
    given = [i for i, field in enumerate(layout.fields) if values.get(field.name) is not None]
    pieces = []
    for field in layout.fields[: given[-1] + 1 if given else 0]:
        value = values.get(field.name, lengths.get(field.name))
        try:
            if field.count:
                count = values.get(field.count, lengths.get(field.count, 0))
                absent = (NOT_GIVEN.get(field.name, 0),) * count
                pieces.append(_array(field.kind, absent if value is None else value, big))
            else:
                pieces.append(_value(field.kind, NOT_GIVEN.get(field.name) if value is None else value, big))
        except (struct.error, OverflowError, TypeError, ValueError) as fault:
            raise InputError("stdf.cannot_hold", where=f"{layout.name} {field.name}", got=value,
                             allowed=field.kind) from fault  # fmt: skip
    return b"".join(pieces)


def _value(kind: str, value: Any, big: bool) -> bytes:
    if kind in NUMBERS:
        return NUMBERS[kind][big].pack(value or 0)
    if kind == "C1":
        return (value or " ").encode("latin-1")[:1]
    if kind in ("Cn", "Bn"):
        raw = (value or "").encode("utf-8") if kind == "Cn" else value or b""
        return bytes([len(raw)]) + raw  # more than 255 bytes: ValueError
    bits = tuple(value or ())  # Dn
    raw = bytearray((len(bits) + 7) // 8)
    for i, bit in enumerate(bits):
        raw[i // 8] |= bool(bit) << i % 8
    return NUMBERS["U2"][big].pack(len(bits)) + bytes(raw)


def _array(kind: str, values: Any, big: bool) -> bytes:
    if kind == "N1":
        nibbles = [*values, 0]
        return bytes(nibbles[i] | nibbles[i + 1] << 4 for i in range(0, len(values), 2))
    if kind == "Vn":
        return b"".join(_generic(*pair, big) for pair in values)
    return b"".join(_value(kind, value, big) for value in values)


def _generic(kind: str, value: Any, big: bool) -> bytes:
    code = bytes([_GENERIC_CODE[kind]])
    if kind == "B0":
        return code
    return code + (bytes([value]) if kind == "N1" else _value(kind, value, big))


class StdfWriter:
    """Records into an open file; made by `open_stdf`. The FAR is written at once."""

    def __init__(self, file: BinaryIO, *, big: bool = False):
        self._file, self.big = file, big
        self.record("FAR", CPU_TYPE=SUN if big else PC, STDF_VER=4)

    def record(self, name: str, /, **values: Any) -> None:
        """One record; see `encode`."""
        self._file.write(encode(name, values, big=self.big))

    def raw(self, records: bytes) -> None:
        """Records that are encoded already."""
        self._file.write(records)


@contextmanager
def open_stdf(path: Path | str, *, big: bool = False, overwrite: bool = False) -> Iterator[StdfWriter]:
    """A writer of a new file, packed where its name ends with .gz or .bz2; it appears whole when the block ends.

    Raises InputError where the file exists (unless `overwrite`) or the disk refuses.
    """
    path = Path(path)
    with fresh(path, overwrite=overwrite) as draft, draft.open("wb") as plain:
        if path.suffix.lower() == ".gz":  # no moment in the header: the same lot is the same bytes
            with gzip.GzipFile(filename="", fileobj=plain, mode="wb", compresslevel=6, mtime=0) as file:
                yield StdfWriter(file, big=big)
        elif path.suffix.lower() == ".bz2":
            with bz2.BZ2File(plain, "wb") as file:
                yield StdfWriter(file, big=big)
        else:
            yield StdfWriter(plain, big=big)
