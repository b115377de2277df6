"""Files that appear whole or not at all, and never over another by accident."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from workbench.errors import InputError
from workbench.formats.yaml_text import shown


@contextmanager
def fresh(path: Path | str, *, overwrite: bool = False) -> Iterator[Path]:
    """A new empty file beside `path` to write into; it takes the name `path` when the block ends without an error.

    Raises InputError when the folder is missing or cannot be written, when `path` exists and `overwrite` is False, and
    when it is no file.
    """
    path = Path(path)
    try:
        if path.exists():
            if not overwrite:
                raise InputError("exchange.exists", where=shown(path))
            if not path.is_file():  # a folder, or a pipe or device that a file would take the place of
                code = errno.EISDIR if path.is_dir() else errno.EEXIST
                raise OSError(code, os.strerror(code))
        draft = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}{path.suffix}")
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except (OSError, ValueError) as fault:
        raise _refused(path, fault) from fault
    try:
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
        raise _refused(path, fault) from fault


def write_texts(said: Mapping[Path, str], *, overwrite: bool = False) -> None:
    """Write several files that belong together, with their folders; the first takes its name last.

    Raises InputError, before any has its name, where a file is already there (unless `overwrite`), and where the disk
    refuses.
    """
    with ExitStack() as drafts:
        for path, text in said.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except (OSError, ValueError) as fault:
                raise _refused(path.parent, fault) from fault
            drafts.enter_context(fresh(path, overwrite=overwrite)).write_text(text, "utf-8", newline="\n")


def _refused(path: Path, fault: OSError | ValueError) -> InputError:
    """What a disk refuses; a ValueError is a name that no file may have."""
    return InputError("exchange.cannot_write", where=shown(path), got=getattr(fault, "strerror", None) or fault)


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
        raise InputError("exchange.exists", where=shown(path)) from None
