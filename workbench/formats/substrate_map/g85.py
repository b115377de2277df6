"""SEMI G85: wafer maps, one or several a file."""

from __future__ import annotations

import re

import numpy as np

from workbench.formats.report import Notes
from workbench.formats.substrate_map import codes
from workbench.formats.substrate_map.mapped import (
    Definition,
    Mapped,
    Substrate,
    frame_attributes,
    frame_of,
    from_table,
    moment,
    verdict,
    whole,
)
from workbench.formats.substrate_map.places import G85_ORIGINS, ORIENTATIONS, ORIGINS, inward
from workbench.formats.substrate_map.tree import Document, Element

_NAMES = ("WaferId", "SubstrateId")
_CONDITIONS = {"SupplierName": "supplier", "Status": "status"}


def mapped(document: Document) -> Mapped:
    """What a G85 document says. Raises InputError; see `substrate_map.read`."""
    found = Mapped("g85", Notes())
    maps = [document.root] if document.root.name == "Map" else document.root.all("Map")
    if not maps:
        document.refuse("substrate_map.no_map", document.root)
    for each in maps:
        _wafer(document, each, found)
    return found


def _wafer(document: Document, each: Element, found: Mapped) -> None:
    devices = each.all("Device")
    if not devices:
        document.refuse("substrate_map.no_map", each)
    device = devices[0]
    if len(devices) > 1:
        found.notes.leave("substrate_map.left.more_devices", count=len(devices) - 1)
    name = next((each.said(word) or device.said(word) for word in _NAMES if each.said(word) or device.said(word)), "")
    if not name:
        document.refuse("substrate_map.no_name", each, allowed=" or ".join(_NAMES))
    if any(other.name == name for other in found.substrates):
        document.refuse("substrate_map.twice", each, got=name)
    columns, rows = (whole(document, device, side, low=1, high=100_000) for side in ("Columns", "Rows"))
    origin, orientation_deg = _origin(document, device, found.notes), _orientation(document, device)
    frame = frame_of(document, device, columns, rows, origin=origin, axes=inward(origin),
                     orientation_deg=orientation_deg)  # fmt: skip
    wafer = Substrate(name, "wafer", frame, frame_attributes(frame), lot=device.said("LotId"))
    wafer.maps.append(_bins(document, device, frame))
    wafer.attributes |= _attributes(device)
    found.substrates.append(wafer)
    found.product = found.product or device.said("ProductId")
    found.created = found.created or moment(device.said("CreateDate"))
    for word, condition in _CONDITIONS.items():
        if device.said(word):
            found.conditions.setdefault(condition, device.said(word))
    known = {"ReferenceDevice", "Bin", "Data"}
    other = sorted({element.name for element in device.inner} - known | {e.name for e in each.inner} - {"Device"})
    if other:
        found.notes.leave("substrate_map.left.elements", list=", ".join(other)[:500])


def _origin(document: Document, device: Element, notes: Notes) -> str:
    said = device.said("OriginLocation")
    if said in ORIGINS:
        origin = said
    elif re.fullmatch("[0-4]", said):
        origin = G85_ORIGINS[int(said)]
    elif not said:
        origin = "UpperLeft"
        notes.assume("substrate_map.no_origin")
    else:
        document.refuse("substrate_map.origin", device, got=said, allowed="0 … 4")
    if origin == "Center":
        notes.assume("substrate_map.center_axes")
    return origin


def _orientation(document: Document, device: Element) -> int:
    said = device.said("Orientation") or "0"
    if said not in map(str, ORIENTATIONS):
        document.refuse("substrate_map.orientation", device, got=said, allowed=", ".join(map(str, ORIENTATIONS)))
    return int(said)


def _bins(document: Document, device: Element, frame):
    kind, null = codes.type_of(document, device), device.said("NullBin")
    null_number = codes.number(null, kind) if null else None
    definitions = {}
    for element in device.all("Bin"):
        code = element.said("BinCode")
        number = codes.number(code, kind)
        if number is None:
            document.refuse("substrate_map.code", element, got=code, allowed=kind)
        count = whole(document, element, "BinCount", low=0) if element.said("BinCount") else None
        name = element.said("BinDescription") or code
        definitions[number] = Definition(number, code, name[:200], verdict(element.said("BinQuality")), count)
    data = device.all("Data")
    if len(data) != 1:
        document.refuse("substrate_map.one_data", device, got=len(data), allowed=1)
    lines = data[0].all("Row")
    if len(lines) != frame.rows:
        document.refuse("substrate_map.rows", data[0], got=f"{len(lines):,}", allowed=f"{frame.rows:,}")
    known: dict[str, int] = {}
    table = np.stack([
        codes.numbers(document, line, codes.row(document, line, kind, null, frame.columns), kind, known)
        for line in lines
    ])  # fmt: skip
    return from_table(frame, table, null_number, False, definitions)


def _attributes(device: Element) -> dict:
    made = {}
    for word, name in (("DeviceSizeX", "device_size_x_um"), ("DeviceSizeY", "device_size_y_um"),
                       ("StepSizeX", "step_size_x_um"), ("StepSizeY", "step_size_y_um"),
                       ("WaferSize", "diameter_mm")):  # fmt: skip
        said = device.said(word)
        if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", said) and float(said) > 0:
            made[name] = float(said)
    for word, name in (("FrameId", "frame"), ("SlotNumber", "slot"), ("SubstrateNumber", "substrate_number")):
        if device.said(word):
            made[name] = device.said(word)[:200]
    references = []
    for element in device.all("ReferenceDevice"):
        words = {name: element.said(word) for word, name in
                 (("ReferenceDeviceX", "x"), ("ReferenceDeviceY", "y"), ("Name", "name"))}  # fmt: skip
        references.append({name: int(word) if name in "xy" and re.fullmatch(r"[+-]?[0-9]{1,9}", word) else word
                           for name, word in words.items() if word})  # fmt: skip
    if references:
        made["reference_devices"] = references[:1_000]
    return made
