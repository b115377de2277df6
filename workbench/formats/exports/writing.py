"""Files that appear whole or not at all, and never over another by accident."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import InputError


@contextmanager
def fresh(path: Path | str, *, overwrite: bool = False) -> Iterator[Path]:
    """A new empty file beside `path` to write into; it takes the name `path` when the block ends without an error.

    Raises InputError when the folder is missing or cannot be written, or when `path` exists and `overwrite` is False.
    """
    path = Path(path)
    if not overwrite and path.exists():
        raise InputError("exchange.exists", where=path)
    draft = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}{path.suffix}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield draft
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            if overwrite:
                os.replace(draft, path)
            else:
                _claim(draft, path)
        finally:
            with suppress(OSError):
                draft.unlink()
    except OSError as fault:
        raise InputError("exchange.cannot_write", where=path, got=fault.strerror or fault) from fault


def _claim(draft: Path, path: Path) -> None:
    """Give the draft its name unless someone took it meanwhile; a file system without hard links claims it first."""
    try:
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.replace(draft, path)
    except FileExistsError:
        raise InputError("exchange.exists", where=path) from None
