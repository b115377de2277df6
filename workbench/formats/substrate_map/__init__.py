"""Substrate maps in XML, SEMI G85 and E142: bins by place, names of devices, and where each die came from."""

from __future__ import annotations

from pathlib import Path

from workbench.formats import lot_file
from workbench.formats.lot_data import LotData
from workbench.formats.yaml_text import shown

__all__ = ["MOST_BYTES", "read", "read_bytes"]

MOST_BYTES = 128 * 1024 * 1024
ROOTS = {"Map": "g85", "Maps": "g85", "MapData": "e142", "SubstrateMaps": "e142", "SubstrateMap": "e142"}


def read(path: Path | str, *, most_bytes: int = MOST_BYTES) -> LotData:
    """The lot in a substrate map, plain, gzip or bzip2: parts with their places and bins, devices by name, and dies
    transferred from other substrates.

    x and y of a part are those that the map itself counts from its origin along its axes (`places.Frame`); the
    attributes of the carrier say which, and how the substrate is turned. `passed` is the quality of the part's bin.
    Of E142, TransferMap and DeviceIdMap become `transfers`, a row a die that was placed.

    Raises InputError: what `lot_file` refuses, XML that is not well formed or has entities or a document type, more
    elements than `tree.MOST_ELEMENTS`, and with line and column a row or map that does not fit its columns and rows,
    a code that is none of its type, a place outside of the map, a number or name that is missing.
    """
    return read_bytes(lot_file.whole(path, most_bytes=most_bytes), where=shown(path))


def read_bytes(data: bytes, *, where: str) -> LotData:
    """The lot in the bytes of a map; see `read`."""
    from workbench.formats.substrate_map import e142, g85, lot
    from workbench.formats.substrate_map.tree import Document

    document = Document(data, where)
    kind = ROOTS.get(document.root.name)
    if kind is None:
        document.refuse("substrate_map.root", document.root, got=document.root.name, allowed=", ".join(ROOTS))
    return lot.lot_data((g85 if kind == "g85" else e142).mapped(document), document)
