"""One door for every file of tools and testers: recognised by what is in it, read by the reader of its format."""

from __future__ import annotations

import re
from collections.abc import Mapping as Document
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.formats import lot_file
from workbench.formats.lot_data import LotData
from workbench.formats.yaml_text import shown

if TYPE_CHECKING:
    from workbench.formats.tabular import Mapping

SUFFIXES = {
    "stdf": (".stdf", ".std"),
    "klarf": (".klarf", ".klr", ".kla", ".000", ".001"),
    "substrate_map": (".xml",),
    "csv": (".csv", ".tsv", ".txt"),
    "parquet": (".parquet", ".pq"),
    "excel": (".xlsx", ".xlsm"),
}
FORMATS = tuple(SUFFIXES)
TABLES = ("csv", "parquet", "excel")  # read with a mapping of their columns
PACKINGS = (".gz", ".bz2")  # of STDF, KLARF, maps and texts
_LOOK_BYTES = 1 << 16

_MAP = re.compile(r"<(?:[\w.-]+:)?(?:MapData|SubstrateMaps|SubstrateMap|Maps|Map)[\s>/]")
_KLARF = re.compile(r"\s*(?:FileVersion\s+\d|Record\s+FileRecord\b)")
_DELIMITERS = (",", ";", "\t", "|")


def read_lot(path: Path | str, *, mapping: Mapping | Document[str, Any] | None = None) -> LotData:
    """The lot in a file of any of `FORMATS`, recognised by its content; the report says what was taken and left.

    `mapping` says what the columns of a table mean (`tabular.Mapping`, or the document of one); without it they are
    guessed by their names, and a column that cannot be guessed is refused by the rule `tabular.unknown_column`, so
    that the caller may ask. Other formats describe themselves and take no mapping.

    Raises InputError: no such file, none of the formats, a mapping where none belongs, and all that the format's own
    reader refuses.
    """
    kind = recognised(path)
    if kind in TABLES:
        from workbench.formats import tabular

        return tabular.read(path, mapping, kind=kind)
    if mapping is not None:
        raise InputError("lot_file.no_mapping", where=shown(path), got=kind, allowed=", ".join(TABLES))
    if kind == "stdf":
        from workbench.formats import stdf

        return stdf.read(path)
    if kind == "klarf":
        from workbench.formats import klarf

        return klarf.read(path)
    from workbench.formats import substrate_map

    return substrate_map.read(path)


def recognised(path: Path | str) -> str:
    """Which of `FORMATS` a file is, by how it begins. The suffix decides only whether a text without another mark is
    a table. Raises InputError: no such file, or none of the formats.
    """
    begin = lot_file.start(path, _LOOK_BYTES)
    if begin[:4] == b"PAR1":
        return "parquet"
    if begin[:4] == b"PK\x03\x04":
        return "excel"
    if begin[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise InputError("lot_file.old_excel", where=shown(path))
    if begin[:4] in (b"\x02\x00\x00\x0a", b"\x00\x02\x00\x0a"):  # a FAR record in either byte order
        return "stdf"
    text = _text(begin)
    if text is None:
        raise _unknown(path)
    if text.lstrip().startswith("<"):
        if _MAP.search(text):
            return "substrate_map"
        raise _unknown(path)
    if _KLARF.match(text):
        return "klarf"
    if _suffix(path) in SUFFIXES["csv"] or _is_table(text):
        return "csv"
    raise _unknown(path)


def _suffix(path: Path | str) -> str:
    path = Path(path)
    return Path(path.stem).suffix.lower() if path.suffix.lower() in PACKINGS else path.suffix.lower()


def _text(begin: bytes) -> str | None:
    """The beginning as text where it is one; bytes of an unknown 8-bit alphabet do for recognising."""
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return begin.decode("utf-16", "replace")
    if b"\0" in begin:
        return None
    return begin.decode("utf-8-sig", "replace")


def _is_table(text: str) -> bool:
    lines = [line for line in text.splitlines()[:3] if line.strip()]
    return len(lines) > 1 and any(line_count and lines[1].count(mark) == line_count for mark in _DELIMITERS
                                  for line_count in (lines[0].count(mark),))  # fmt: skip


def _unknown(path: Path | str) -> InputError:
    allowed = "; ".join(f"{name} ({' '.join(suffixes)})" for name, suffixes in SUFFIXES.items())
    return InputError("lot_file.unknown", where=shown(path), got=Path(shown(path)).suffix, allowed=allowed)
