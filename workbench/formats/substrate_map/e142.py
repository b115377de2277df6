"""SEMI E142: maps of wafers, frames, strips, panels and trays, with the dies that were transferred between them.

Names of elements and attributes and their defaults follow the published schema of E142.1 as Critical Manufacturing
documents it and as open readers and writers of V0805 to V1005 use it; the standard's own text was not read.
"""

from __future__ import annotations

from math import prod

import numpy as np

from workbench.formats.report import Notes
from workbench.formats.substrate_map import codes
from workbench.formats.substrate_map.mapped import (
    BinMap,
    Definition,
    Mapped,
    Substrate,
    frame_attributes,
    frame_of,
    from_table,
    length_um,
    moment,
    verdict,
    whole,
)
from workbench.formats.substrate_map.places import AXES, ORIENTATIONS, ORIGINS, Frame
from workbench.formats.substrate_map.tree import Document, Element

KINDS = {"wafer": "wafer", "frame": "wafer", "strip": "strip", "leadframe": "strip", "panel": "panel", "pcb": "panel",
         "tray": "tray", "tnr": "tray"}  # fmt: skip
_MAPS = ("BinCodeMap", "DeviceIdMap", "TransferMap")


def mapped(document: Document) -> Mapped:
    """What an E142 document says. Raises InputError; see `substrate_map.read`."""
    found = Mapped("e142", Notes())
    root = document.root
    layouts = {element.said("LayoutId"): element for element in _each(root, "Layouts", "Layout")}
    known = {}
    for element in _each(root, "Substrates", "Substrate"):
        known[element.said("SubstrateId")] = element
    maps = [root] if root.name == "SubstrateMap" else root.all("SubstrateMap") + _each(root, "SubstrateMaps",
                                                                                      "SubstrateMap")  # fmt: skip
    if not maps:
        document.refuse("substrate_map.no_map", root)
    taken: dict[tuple[str, str], Substrate] = {}
    for element in maps:
        _map(document, element, found, layouts, known, taken)
    return found


def _each(root: Element, group: str, name: str) -> list[Element]:
    return [element for outer in root.all(group) for element in outer.all(name)]


def _map(document: Document, element: Element, found: Mapped, layouts: dict, known: dict, taken: dict) -> None:
    name, path = element.said("SubstrateId"), element.said("LayoutSpecifier")
    if not name:
        document.refuse("substrate_map.no_name", element, allowed="SubstrateId")
    frame = _frame(document, element, layouts, found.notes)
    substrate = taken.get((name, path))
    if substrate is None:
        shown = name
        if any(other == name for other, _ in taken):  # another layout of the same substrate has places of its own
            shown = f"{name}/{path or len(taken)}"
            found.notes.assume("substrate_map.second_layout", carrier=shown[:80])
        substrate = _substrate(element, shown, known.get(name), found)
        substrate.attributes |= _sizes(path, layouts)
        taken[name, path] = substrate
        found.substrates.append(substrate)
    substrate.frame = substrate.frame or frame
    for overlay in element.all("Overlay"):
        _overlay(document, overlay, substrate, frame, found)
    if substrate.frame:
        substrate.attributes |= frame_attributes(substrate.frame)
        for x, y in (*substrate.ids, *((tx, ty) for *_, tx, ty in substrate.transfers)):
            column, row = substrate.frame.place(x, y)
            if not (0 <= column < substrate.frame.columns and 0 <= row < substrate.frame.rows):
                document.refuse("substrate_map.outside", element, got=f"{x}, {y}",
                                allowed=f"{substrate.frame.columns} x {substrate.frame.rows}")  # fmt: skip


def _substrate(element: Element, name: str, described: Element | None, found: Mapped) -> Substrate:
    said = element.said("SubstrateType")
    kind = KINDS.get(said.lower())
    if kind is None:
        kind = "tray"
        found.notes.assume("substrate_map.kind", said=said[:40])
    made = Substrate(name[:200], kind, None, {"substrate_type": said[:40]} if said else {})
    if element.said("SubstrateSide"):
        made.attributes["side"] = element.said("SubstrateSide")[:40]
    if described is not None:
        for word, attribute in (("CarrierId", "carrier_id"), ("CarrierType", "carrier_type"), ("SlotNumber", "slot"),
                                ("SubstrateNumber", "substrate_number"), ("Status", "status"),
                                ("SupplierName", "supplier")):  # fmt: skip
            inner = described.one(word)
            value = (inner.text.strip() if inner else "") or described.said(word)
            if value:
                made.attributes[attribute] = value[:200]
        lot, created = described.one("LotId"), described.one("CreateDate")
        made.lot = lot.text.strip() if lot else described.said("LotId")
        said = created.text if created else described.said("CreateDate")
        found.created = found.created or (moment(said) if said.strip() else None)
        aliases = {alias.said("Type"): alias.said("Value") for alias in _each(described, "AliasIds", "AliasId")}
        if aliases:
            made.attributes["aliases"] = aliases
    return made


def _frame(document: Document, element: Element, layouts: dict, notes: Notes) -> Frame | None:
    """The counting of a map; None where no layout gives its columns and rows."""
    words = {}
    for word, allowed, name in (("OriginLocation", ORIGINS, "origin"), ("AxisDirection", AXES, "axes")):
        said = element.said(word)
        good = next((each for each in allowed if each.lower() == said.lower()), None)
        if said and good is None:
            document.refuse("substrate_map.origin", element, got=said, allowed=", ".join(allowed))
        if good is None:
            good = allowed[0]
            notes.assume("substrate_map.default", name=word, value=good)
        words[name] = good
    said = element.said("Orientation") or "0"
    if said not in map(str, ORIENTATIONS):
        document.refuse("substrate_map.orientation", element, got=said, allowed=", ".join(map(str, ORIENTATIONS)))
    words["orientation_deg"] = int(said)
    counts = [_dimension(document, layouts[word]) for word in element.said("LayoutSpecifier").split("/")
              if word in layouts]  # fmt: skip
    if counts and None not in counts:
        # Layouts inside layouts multiply: a strip of 2 x 1 panels of 10 x 5 devices is a map of 20 x 5.
        columns, rows = prod(columns for columns, _ in counts), prod(rows for _, rows in counts)
        return frame_of(document, element, columns, rows, **words)
    for table in (inner for overlay in element.all("Overlay") for inner in overlay.all("BinCodeMap")):
        lines = table.all("BinCode")
        if lines and not _placed(lines[0]):
            kind = codes.type_of(document, table)
            columns = len(codes.row(document, lines[0], kind, table.said("NullBin"), None))
            if columns:
                notes.assume("substrate_map.no_layout", columns=columns, rows=len(lines))
                return frame_of(document, element, columns, len(lines), **words)
    return None


def _dimension(document: Document, layout: Element) -> tuple[int, int] | None:
    inner = layout.one("Dimension")
    if inner is None:
        return None
    columns, rows = (whole(document, inner, side, low=1, high=100_000) for side in "XY")
    return columns, rows


def _sizes(path: str, layouts: dict[str, Element]) -> dict[str, float]:
    """Sizes of the innermost layout that has them, in micrometres."""
    made: dict[str, float] = {}
    for layout in (layouts[word] for word in path.split("/") if word in layouts):
        for word, name in (("DeviceSize", "device_size"), ("StepSize", "step_size"), ("LowerLeft", "lower_left")):
            inner = layout.one(word)
            if inner is None:
                continue
            units = inner.said("Units") or layout.said("DefaultUnits")
            lengths = [length_um(inner.said(side), units) for side in "XY"]
            if None not in lengths:
                made |= {f"{name}_x_um": lengths[0], f"{name}_y_um": lengths[1]}
    return made


# -- overlays ----------------------------------------------------------------------------------------------------------
def _overlay(
    document: Document, overlay: Element, substrate: Substrate, frame: Frame | None, found: Mapped
) -> None:
    for table in overlay.all("BinCodeMap"):
        soft = "soft" in overlay.said("MapName").lower()
        if any(other.soft == soft for other in substrate.maps):
            found.notes.leave("substrate_map.left.more_maps", name=overlay.said("MapName")[:60] or "BinCodeMap")
            continue
        substrate.maps.append(_bins(document, table, frame, soft, found.notes))
    for table in overlay.all("DeviceIdMap"):
        for each in [*table.all("Id"), *(inner for group in table.all("DeviceIds") for inner in group.all("DeviceId"))]:
            place = whole(document, each, "X"), whole(document, each, "Y")
            name = each.text.strip() or each.said("Id")
            if substrate.ids.setdefault(place, name) != name:
                document.refuse("substrate_map.two_ids", each, got=name, allowed=substrate.ids[place])
    for table in overlay.all("TransferMap"):
        origin = table.said("FromSubstrateId")
        if not origin:
            document.refuse("substrate_map.no_name", table, allowed="FromSubstrateId")
        for each in table.all("T"):
            places = (whole(document, each, side) for side in ("FX", "FY", "TX", "TY"))
            substrate.transfers.append((origin[:200], *places))
    references = [{"name": each.said("Name")[:60], "x": whole(document, inner, "X"), "y": whole(document, inner, "Y")}
                  for group in overlay.all("ReferenceDevices") for each in group.all("ReferenceDevice")
                  for inner in each.all("Coordinates")]  # fmt: skip
    if references:
        substrate.attributes["reference_devices"] = references[:1_000]
    other = sorted({inner.name for inner in overlay.inner} - {*_MAPS, "ReferenceDevices"})
    if other:
        found.notes.leave("substrate_map.left.elements", list=", ".join(other)[:500])


def _placed(line: Element) -> bool:
    return bool(line.said("X") or line.said("Y"))


def _bins(document: Document, table: Element, frame: Frame | None, soft: bool, notes: Notes) -> BinMap:
    kind, null = codes.type_of(document, table), table.said("NullBin")
    definitions = {}
    for element in [*table.all("BinDefinition"), *_each(table, "BinDefinitions", "BinDefinition")]:
        code = element.said("BinCode")
        number = codes.number(code, kind)
        if number is None:
            document.refuse("substrate_map.code", element, got=code, allowed=kind)
        count = whole(document, element, "BinCount", low=0) if element.said("BinCount") else None
        name = element.said("BinDescription") or code
        definitions[number] = Definition(number, code, name[:200], verdict(element.said("BinQuality")), count)
    null_number = codes.number(null, kind) if null else None
    lines, known = table.all("BinCode"), {}
    if lines and all(map(_placed, lines)):
        return _listed(document, lines, kind, null, frame, soft, definitions, notes)
    if frame is None:
        document.refuse("substrate_map.rows", table, got=len(lines))
    if len(lines) != frame.rows:
        document.refuse("substrate_map.rows", table, got=f"{len(lines):,}", allowed=f"{frame.rows:,}")
    made = []
    for line in lines:
        if _placed(line):
            document.refuse("substrate_map.mixed", line)
        words = codes.row(document, line, kind, null, frame.columns)
        made.append(codes.numbers(document, line, words, kind, known))
    return from_table(frame, np.stack(made), null_number, soft, definitions)


def _listed(document: Document, lines: list[Element], kind: str, null: str, frame: Frame | None, soft: bool,
            definitions: dict, notes: Notes) -> BinMap:  # fmt: skip
    """Codes with places of their own; several codes in one element go on along x."""
    known: dict[str, int] = {}
    xs, ys, made = [], [], []
    for line in lines:
        x, y = whole(document, line, "X"), whole(document, line, "Y")
        words = codes.row(document, line, kind, null, None)
        if len(words) > 1:
            notes.assume("substrate_map.run")
        made.append(codes.numbers(document, line, words, kind, known))
        xs.append(x + np.arange(len(words)))
        ys.append(np.full(len(words), y))
    x, y, number = np.concatenate(xs), np.concatenate(ys), np.concatenate(made)
    if frame is not None:
        column, row = frame.place(x, y)
        out = np.flatnonzero((column < 0) | (column >= frame.columns) | (row < 0) | (row >= frame.rows))
        if len(out):
            document.refuse("substrate_map.outside", lines[0], got=f"{x[out[0]]}, {y[out[0]]}",
                            allowed=f"{frame.columns} x {frame.rows}")  # fmt: skip
    if len(np.unique(np.stack([x, y]), axis=1).T) != len(x):
        document.refuse("substrate_map.place_twice", lines[0])
    null_number = codes.number(null, kind) if null else None
    there = number != null_number if null_number is not None else np.ones(len(number), bool)
    return BinMap(soft, x[there], y[there], number[there], definitions)
