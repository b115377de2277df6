"""Files from a browser, piece by piece onto the disk: a file of any size within the bound fits through a page's
connection, which takes 10 MB a message, and none is held in memory.

What the browser says of a file is not believed: name, size and order of the pieces are checked here.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import anywidget
import traitlets

from workbench.errors import InputError
from workbench.i18n import language, t

_HERE = Path(__file__).parent
_WORDS = ("choose", "drop", "sending", "waiting")
PIECE_BYTES = 1 << 20
MOST_BYTES = 1 << 30  # of one file
MOST_WAITING = 100  # files that are here and not yet taken away
SPARE_BYTES = 1 << 28  # left free on the disk
_LONGEST_NAME = 200


class Upload(anywidget.AnyWidget):
    """A button and a place to drop files. `on_file(hear)` gives `hear` the path of each file that came whole, under
    its own name in a folder of its own; `on_refused(hear)` the name and the InputError of one that did not.
    `remove(path)` deletes a file; all are deleted when the widget goes.
    """

    _esm = _HERE / "upload.js"
    _css = _HERE / "style.css"

    words = traitlets.Dict().tag(sync=True)
    piece_bytes = traitlets.Int(PIECE_BYTES).tag(sync=True)

    def __init__(self, *, most_bytes: int = MOST_BYTES):
        self._most_bytes = most_bytes
        # deleted when this object goes and when the kernel ends; readable by its owner alone
        self._folder = tempfile.TemporaryDirectory(prefix="workbench-upload-")
        self._numbers = itertools.count()
        self._incoming: _Incoming | None = None
        self._hear: Callable[[Path], None] = lambda path: None
        self._hear_refused: Callable[[str, InputError], None] = lambda name, error: None
        super().__init__(words={name: t(f"importing.upload.{name}", language()) for name in _WORDS})
        self.on_msg(self._told)

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    def on_file(self, hear: Callable[[Path], None]) -> None:
        self._hear = hear

    def on_refused(self, hear: Callable[[str, InputError], None]) -> None:
        self._hear_refused = hear

    def remove(self, path: Path) -> None:
        """Delete a file that came."""
        if path.parent.parent == self.folder:
            shutil.rmtree(path.parent, ignore_errors=True)

    def close(self) -> None:
        self._give_up()
        self._folder.cleanup()
        super().close()

    def _told(self, _: Any, content: Any, buffers: list[Any]) -> None:
        content = content if isinstance(content, dict) else {}
        name = str(content.get("name", ""))
        try:
            if content.get("kind") == "begin":
                self._give_up()  # a page that was loaded anew begins anew
                self._incoming = self._begin(name, content.get("size"))
            elif content.get("kind") == "piece":
                if self._incoming is None:
                    return
                name = self._incoming.path.name
                self._incoming.take(content.get("at"), buffers)
            else:
                return
        except InputError as error:
            self._give_up()
            self.send({"kind": "next"})
            self._hear_refused(_printable(name), error)
            return
        if not self._incoming.whole:
            self.send({"kind": "more", "at": self._incoming.got})
            return
        path, self._incoming = self._incoming.closed(), None
        try:
            self._hear(path)
        finally:
            self.send({"kind": "next"})

    def _begin(self, name: str, size: Any) -> _Incoming:
        where = _printable(name)
        if (not name or name != Path(name).name or "\\" in name or name.startswith(".")
                or len(name.encode("utf-8", "replace")) > _LONGEST_NAME or not name.isprintable()):  # fmt: skip
            raise InputError("importing.name", where=where)
        if type(size) is not int or size < 0:
            raise InputError("importing.cut", where=where, got=str(size)[:40])
        if size > self._most_bytes:
            raise InputError("importing.too_large", where=where, got=f"{size:,}", allowed=f"{self._most_bytes:,}")
        if sum(1 for _ in self.folder.iterdir()) >= MOST_WAITING:
            raise InputError("importing.too_many", where=where, allowed=MOST_WAITING)
        free = shutil.disk_usage(self.folder).free - SPARE_BYTES
        if size > free:
            raise InputError("importing.no_room", where=where, got=f"{size:,}", allowed=f"{max(free, 0):,}")
        place = self.folder / str(next(self._numbers))
        place.mkdir(mode=0o700)
        return _Incoming(place / name, size)

    def _give_up(self) -> None:
        if self._incoming is not None:
            path, self._incoming = self._incoming.closed(), None
            self.remove(path)


class _Incoming:
    """A file on its way."""

    def __init__(self, path: Path, size: int):
        self.path, self.size, self.got = path, size, 0
        self._file: BinaryIO = path.open("xb")

    @property
    def whole(self) -> bool:
        return self.got == self.size

    def take(self, at: Any, buffers: list[Any]) -> None:
        piece = memoryview(buffers[0]) if buffers else memoryview(b"")
        if at != self.got or not 0 < piece.nbytes <= PIECE_BYTES or self.got + piece.nbytes > self.size:
            raise InputError("importing.cut", where=self.path.name, got=f"{self.got:,}", allowed=f"{self.size:,}")
        try:
            self._file.write(piece)
        except OSError as fault:
            raise InputError("importing.no_room", where=self.path.name, got=fault.strerror) from None
        self.got += piece.nbytes

    def closed(self) -> Path:
        self._file.close()
        return self.path


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:_LONGEST_NAME]
