"""Frames between a notebook run and its kernel process: kernel messages over a socket pair, no port, no file.

A frame is one channel byte, the number of parts and the parts with their lengths. The parts are those that
jupyter_client's Session makes and reads, so buffers (widgets) pass unchanged.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

START = b"R"  # to the kernel: one JSON part, working directory and environment of the run
SHELL = b"S"  # requests to the kernel, replies from it
IOPUB = b"P"  # from the kernel: outputs and states
QUIT = b"Q"  # to the kernel: finish, in order

_HEAD = struct.Struct("!cI")
_LENGTH = struct.Struct("!Q")


def frame(channel: bytes, parts: Iterable[bytes]) -> bytes:
    """The bytes of one frame."""
    buffers = [memoryview(part).cast("B") for part in parts]
    out = [_HEAD.pack(channel, len(buffers))]
    for part in buffers:
        out += (_LENGTH.pack(part.nbytes), part)
    return b"".join(out)


class Frames:
    """Cuts a byte stream into frames: feed it what was received, iterate over what is complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
        self._buffer += data
        while (complete := self._first()) is not None:
            yield complete

    def _first(self) -> tuple[bytes, list[bytes]] | None:
        buffer = self._buffer
        if len(buffer) < _HEAD.size:
            return None
        channel, count = _HEAD.unpack_from(buffer)
        at, parts = _HEAD.size, []
        for _ in range(count):
            if len(buffer) < at + _LENGTH.size:
                return None
            (length,) = _LENGTH.unpack_from(buffer, at)
            at += _LENGTH.size
            if len(buffer) < at + length:
                return None
            parts.append(bytes(buffer[at : at + length]))
            at += length
        del buffer[:at]
        return channel, parts
