"""One door for every file: a design from a path, a file of any format from a design."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.formats import yaml_text
from workbench.formats.report import Notes, Report
from workbench.stack import Design

SUFFIXES = {"3dblox": ".3dbx", "chiplet": ".chiplet", "gds": ".gds", "oasis": ".oas", "glb": ".glb", "step": ".step",
            "csv": ".csv", "json": ".json"}  # fmt: skip
FORMATS = tuple(SUFFIXES)
READABLE = (".3dbx", ".3dbv", ".chiplet", ".json")
_LOOK_BYTES = 4096


def read_design(path: Path | str) -> tuple[Design, Report]:
    """The design in a file, by its suffix, else by how it begins; the report says what was taken, left and assumed.

    Raises InputError: no such file, no format that can be read, and everything the format's own reader refuses.
    """
    path = Path(path)
    suffix = path.suffix.lower() if path.suffix.lower() in READABLE else _looks_like(path)
    if suffix in (".3dbx", ".3dbv"):
        from workbench.formats import threedblox

        return threedblox.to_design(threedblox.read(path))
    if suffix == ".chiplet":
        from workbench.formats import chiplet

        return chiplet.read(path)
    from workbench.formats.exports import design_json

    notes, design = Notes(), design_json.read_json(path)
    notes.take("exchange.json.taken")
    return design, notes.report()


def _looks_like(path: Path) -> str:
    """The suffix a file should have had. 3Dblox is recognised by its suffix only: its files include one another."""
    start = yaml_text.read_start(path, _LOOK_BYTES)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return ".json"
    if re.search(rb"^format_version[ \t]*:", start, re.M):
        return ".chiplet"
    raise InputError("exchange.unreadable", where=path, got=path.suffix, allowed=", ".join(READABLE))


@dataclass(frozen=True)
class Exported:
    """The files that were written, and what they leave out."""

    paths: tuple[Path, ...]
    report: Report


def export(
    design: Design, path: Path | str, *, to: str, overwrite: bool = False, kept: Mapping[str, Any] | None = None
) -> Exported:
    """Write a design in one of `FORMATS`. Files appear whole or not at all.

    3Dblox is several files: `path` is a .3dbx file, whose companions come to lie beside it, or a folder. `kept` is
    `Report.kept` of the file a design was read from: what only that format can hold is put back.

    Raises InputError: an unknown format, a file that exists (without `overwrite`), a disk that refuses, or a design
    the format cannot hold (3Dblox: an angle that is no quarter turn); MissingToolError for STEP without its extra.
    """
    path = Path(path)
    if to not in FORMATS:
        raise InputError("exchange.unknown_format", got=to, allowed=", ".join(FORMATS))
    if to == "3dblox":
        return _threedblox(design, path, overwrite, kept)
    return Exported((path,), _writer(to, kept)(design, path, overwrite=overwrite))


def _writer(to: str, kept: Mapping[str, Any] | None) -> Callable[..., Report]:
    if to == "chiplet":
        from workbench.formats import chiplet
        from workbench.formats.exports.writing import fresh

        def write(design: Design, path: Path, *, overwrite: bool) -> Report:
            text, report = chiplet.write_text(design, kept)
            with fresh(path, overwrite=overwrite) as draft:
                draft.write_text(text, "utf-8", newline="\n")
            return report

        return write
    if to in ("gds", "oasis"):
        from workbench.formats.exports import gds

        return gds.write_gds if to == "gds" else gds.write_oasis
    if to == "glb":
        from workbench.formats.exports.glb import write_glb

        return write_glb
    if to == "step":
        from workbench.formats.exports.step import write_step

        return write_step
    if to == "csv":
        from workbench.formats.exports.bump_table import write_bump_table

        return write_bump_table
    from workbench.formats.exports.design_json import write_json

    return write_json


def _threedblox(design: Design, path: Path, overwrite: bool, kept: Mapping[str, Any] | None) -> Exported:
    from workbench.formats import threedblox
    from workbench.formats.exports.writing import write_texts

    blox, report = threedblox.from_design(design, kept)
    named = path.suffix.lower() == ".3dbx"
    folder = path.parent if named else path
    said = threedblox.texts(blox)
    # The root is first and so takes its name last: it never names a file that is not there yet.
    order = {folder / (path.name if named and name == blox.root else name): said[name]
             for name in (blox.root, *(name for name in said if name != blox.root))}  # fmt: skip
    write_texts(order, overwrite=overwrite)
    return Exported(tuple(order), report)
