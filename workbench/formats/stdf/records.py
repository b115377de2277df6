"""The records of a file one by one, as the specification names their fields: for inspection and for checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from workbench.formats.stdf.decoding import fields
from workbench.formats.stdf.layouts import BY_NUMBER, HEADER_BYTES, record_name
from workbench.formats.stdf.source import MOST_BYTES, Source, load

CUT = "cut"  # the fault of a record that the file ends inside of


def records(
    path: Path | str, *, only: Collection[str] = (), most_bytes: int = MOST_BYTES
) -> Iterator[dict[str, Any]]:
    """Each record as a dict: `type` (`PTR`; numbers such as `180/12` where the specification has no name), `at` (byte
    of its header in the unpacked file), `number` (from 0), the fields that are there by their names, and `fault` only
    where something is wrong: the name of the field that runs past the record, or `cut` for a last record that the
    file ends inside of. `only` names the types wanted.

    Raises InputError as `source.load`.
    """
    source = load(path, most_bytes=most_bytes)
    for number, (at, typ, sub, size) in enumerate(headers(source)):
        name = record_name(typ, sub)
        if only and name not in only:
            continue
        record: dict[str, Any] = {"type": name, "at": at, "number": number}
        if at + HEADER_BYTES + size > len(source.data) or size < 0:
            yield record | {"fault": CUT}
            return
        layout = BY_NUMBER.get((typ, sub))
        if layout:
            found, fault = fields(layout, bytes(source.data[at + HEADER_BYTES : at + HEADER_BYTES + size]),
                                  big=source.big)  # fmt: skip
            record |= found
            if fault:
                record["fault"] = fault
        yield record


def counts(path: Path | str, *, most_bytes: int = MOST_BYTES) -> dict[str, int]:
    """How many whole records of each type a file holds, in the order of the types' numbers.

    Raises InputError as `source.load`.
    """
    source = load(path, most_bytes=most_bytes)
    found = Counter(
        (typ, sub) for at, typ, sub, size in headers(source)
        if size >= 0 and at + HEADER_BYTES + size <= len(source.data)
    )  # fmt: skip
    return {record_name(*key): found[key] for key in sorted(found)}


def headers(source: Source) -> Iterator[tuple[int, int, int, int]]:
    """(byte, REC_TYP, REC_SUB, REC_LEN) of each record. The last may be cut: its length is then past the end, or -1
    where not even its header is whole."""
    data, at, high, low = source.data, 0, 0 if source.big else 1, 1 if source.big else 0
    while at + HEADER_BYTES <= len(data):
        size = data[at + high] << 8 | data[at + low]
        yield at, data[at + 2], data[at + 3], size
        at += HEADER_BYTES + size
    if at < len(data):
        yield at, -1, -1, -1
