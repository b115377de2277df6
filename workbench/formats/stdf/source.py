"""The bytes of an STDF file: plain, gzip or bzip2, never more than a declared number, and which byte comes first."""

from __future__ import annotations

import bz2
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from workbench.errors import InputError
from workbench.formats.stdf.layouts import HEADER_BYTES
from workbench.formats.yaml_text import shown

MOST_BYTES = 1 << 32  # of a file, unpacked
MOST_RATIO = 500  # unpacked to packed; measured results pack 3 to 40 times, deflate can be made to reach 1,000
RATIO_FROM = 1 << 24  # bytes unpacked below which the ratio says nothing
_STEP = 1 << 18

VAX, SUN, PC = 0, 1, 2  # CPU_TYPE


@dataclass(frozen=True)
class Source:
    """An STDF file in memory. `big`: the high byte comes first. `packed_fault`: why unpacking ended early, ""
    where it did not; `cpu_differs`: CPU_TYPE says otherwise than the lengths of the records."""

    where: str
    data: bytearray | memoryview
    big: bool = False
    cpu_type: int = PC
    cpu_differs: bool = False
    packing: str = ""
    packed_fault: str = ""


def load(path: Path | str, *, most_bytes: int = MOST_BYTES) -> Source:
    """The file, unpacked, with its byte order.

    Raises InputError: no such file, not a regular file, unreadable, more than `most_bytes` unpacked or packed more
    than `MOST_RATIO` times, not STDF (its first record must be a FAR), another version than 4, numbers of a VAX.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(path.stat().st_mode):
                raise InputError("text.not_a_file", where=shown(path))
            source = _unpacked(file, shown(path), most_bytes)
    except (OSError, ValueError) as fault:  # ValueError: a name that no file may have
        missing = isinstance(fault, FileNotFoundError)
        folder = isinstance(fault, IsADirectoryError)
        rule = "text.no_file" if missing else "text.not_a_file" if folder else "text.unreadable"
        raise InputError(rule, where=shown(path), got=getattr(fault, "strerror", None) or fault) from fault
    return _ordered(source)


def _unpacked(file: BinaryIO, where: str, most_bytes: int) -> Source:
    start = file.read(3)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        return _stream(file, where, most_bytes, "gzip", lambda: zlib.decompressobj(31))
    if start == b"BZh":
        return _stream(file, where, most_bytes, "bzip2", bz2.BZ2Decompressor)
    size = file.seek(0, 2)
    file.seek(0)
    if size > most_bytes:
        raise InputError("stdf.too_large", where=where, got=f"{size:,}", allowed=f"{most_bytes:,}")
    data = memoryview(np.empty(size, np.uint8))  # numpy asks for large pages and clears nothing
    return Source(where, data[: file.readinto(data)])


def _stream(file: BinaryIO, where: str, most_bytes: int, packing: str, fresh: Callable[[], Any]) -> Source:
    """Unpack in steps of bounded size. Damage ends the stream: what came before it is kept."""
    data, taken, fault = bytearray(), 0, ""
    unpack, waiting, inside = fresh(), b"", False
    while True:
        if _hungry(unpack, waiting):
            waiting = file.read(_STEP)
            taken += len(waiting)
            if not waiting and not inside:
                break
        last = not waiting and _hungry(unpack, waiting)
        before = unpack.copy() if hasattr(unpack, "copy") else None
        try:
            piece = unpack.decompress(waiting, _STEP)
        except (zlib.error, OSError):
            saved = _before_damage(before, waiting) if before else b""
            data += saved
            # Zeros or other bytes after a whole member are padding; damage inside one is not.
            fault = "damaged" if inside or saved or not data else ""
            break
        waiting = getattr(unpack, "unconsumed_tail", b"")  # bz2 keeps what is left inside
        inside = True
        data += piece
        if len(data) > most_bytes:
            raise InputError("stdf.too_large", where=where, got=f"> {most_bytes:,}", allowed=f"{most_bytes:,}")
        if len(data) > max(RATIO_FROM, MOST_RATIO * taken):
            raise InputError("stdf.bomb", where=where, got=f"{len(data):,} / {taken:,}", allowed=f"{MOST_RATIO} : 1")
        if unpack.eof:  # another member may follow
            unpack, waiting, inside = fresh(), unpack.unused_data, False
        elif last and not piece:
            fault = "cut"
            break
    if fault and not data:
        raise InputError("stdf.damaged_packing", where=where, got=packing)
    return Source(where, data, packing=packing, packed_fault=fault)


def _before_damage(unpack: Any, waiting: bytes) -> bytes:
    """What of a step that failed can be unpacked: zlib gives nothing of it, so in small pieces up to the damage."""
    good = bytearray()
    try:
        for start in range(0, len(waiting), 64):
            if len(good) >= _STEP:  # more than the step that failed could have given
                break
            good += unpack.decompress(waiting[start : start + 64])
    except zlib.error:
        pass
    return bytes(good)


def _hungry(unpack: Any, waiting: bytes) -> bool:
    return getattr(unpack, "needs_input", True) and not waiting


def _ordered(source: Source) -> Source:
    """Byte order from the FAR, whose length is 2 and so shows it; CPU_TYPE is asked last: some writers leave it."""
    data, where = source.data, source.where
    if len(data) < HEADER_BYTES + 2 or data[2] != 0 or data[3] != 10:
        raise InputError("stdf.no_far", where=where, got=bytes(data[:6]).hex(" "))
    low, high = data[0], data[1]
    if (low, high) not in ((2, 0), (0, 2)):
        raise InputError("stdf.no_far", where=where, got=bytes(data[:6]).hex(" "))
    big, cpu_type, version = high == 2, data[4], data[5]
    if cpu_type == VAX:
        raise InputError("stdf.vax", where=where, got=cpu_type, allowed=f"{SUN}, {PC}")
    if version != 4:
        raise InputError("stdf.version", where=where, got=version, allowed=4)
    return replace(source, big=big, cpu_type=cpu_type, cpu_differs=cpu_type != (SUN if big else PC))
