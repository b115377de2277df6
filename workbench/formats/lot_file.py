"""The bytes of a lot's file, plain, gzip or bzip2, never more than a declared number of them; and its text."""

from __future__ import annotations

import bz2
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from workbench.errors import InputError
from workbench.formats.yaml_text import at_offset, read_start, refuse_control_characters, shown

MOST_BYTES = 1 << 30  # of a text or table, unpacked
MOST_RATIO = 500  # unpacked to packed; results pack 3 to 40 times
RATIO_FROM = 1 << 24  # bytes unpacked below which the ratio says nothing
_STEP = 1 << 20


def whole(path: Path | str, *, most_bytes: int = MOST_BYTES) -> bytes:
    """The file, unpacked.

    Raises InputError: no such file, not a regular file, unreadable, more than `most_bytes`, packed more than
    `MOST_RATIO` times, or a packing that is damaged or ends early.
    """
    data = _some(path, most_bytes + 1, must_end=True)
    if len(data) > most_bytes:
        raise InputError("lot_file.too_large", where=shown(path), allowed=f"{most_bytes:,}")
    return data


def start(path: Path | str, count: int) -> bytes:
    """The first `count` bytes, unpacked, or as many as there are. Raises InputError: see `whole`."""
    return _some(path, count, must_end=False)


def _some(path: Path | str, count: int, *, must_end: bool) -> bytes:
    mark = read_start(path, 3)
    if mark[:2] != b"\x1f\x8b" and mark != b"BZh":
        return read_start(path, count)
    try:
        with Path(path).open("rb") as file:
            return _unpacked(file, shown(path), count, packed_by_gzip=mark != b"BZh", must_end=must_end)
    except (zlib.error, OSError, EOFError, ValueError) as fault:
        raise InputError("lot_file.packing", where=shown(path), got=fault) from None


def _unpacked(file: BinaryIO, where: str, count: int, *, packed_by_gzip: bool, must_end: bool) -> bytes:
    data, taken, waiting, inside = bytearray(), 0, b"", False
    unpack: Any = None
    while len(data) < count:
        if not waiting and (unpack is None or getattr(unpack, "needs_input", True)):
            waiting = file.read(_STEP)
            taken += len(waiting)
            if not waiting:
                break
        if unpack is None:  # another member may follow; zeros after the last are padding
            if data and not waiting.strip(b"\0"):
                waiting = b""
                continue
            unpack, inside = (zlib.decompressobj(31) if packed_by_gzip else bz2.BZ2Decompressor()), True
        data += unpack.decompress(waiting, min(_STEP, count - len(data)))
        waiting = getattr(unpack, "unconsumed_tail", b"")  # bz2 keeps what is left inside
        if len(data) > max(RATIO_FROM, MOST_RATIO * taken):
            got = f"{len(data):,} / {taken:,}"
            raise InputError("lot_file.bomb", where=where, got=got, allowed=f"{MOST_RATIO} : 1")
        if unpack.eof:
            waiting, unpack, inside = unpack.unused_data, None, False
    if must_end and inside and len(data) < count:
        raise InputError("lot_file.packing", where=where, got="…")
    return bytes(data)


_LATIN_SIGNS = frozenset(b"\xb0\xb1\xb2\xb3\xb5\xd7")  # degree, plus-minus, powers, micro, times: units in Latin text


def decoded(data: bytes, *, where: str) -> tuple[str, str]:
    """The text, and the encoding it was taken in: by its byte order mark, else UTF-8, Big5 (cp950) or Western (cp1252).

    Bytes above 127 that are signs of units only are Western. Raises InputError: no text, or control characters, with
    line and column.
    """
    text, encoding = _decoded(data, where)
    text = text.rstrip("\0\x1a")  # padding, and the end mark of old systems
    refuse_control_characters(text, where=where)
    return text, encoding


def _decoded(data: bytes, where: str) -> tuple[str, str]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _strictly(data, "utf-16", where), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    if not {byte for byte in data if byte > 0x7F} <= _LATIN_SIGNS:
        try:
            return data.decode("cp950"), "cp950"
        except UnicodeDecodeError:
            pass
    return _strictly(data, "cp1252", where), "cp1252"


def _strictly(data: bytes, encoding: str, where: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as fault:
        before = data[: fault.start].decode(encoding, "replace")
        raise InputError("lot_file.no_text", where=at_offset(where, before, len(before)),
                         got=f"0x{data[fault.start]:02x}") from None  # fmt: skip
