"""An STDF file as columns: the compiled scan, called until it is through, with room made as it asks."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np

from workbench.errors import InputError
from workbench.formats.stdf import scanning
from workbench.formats.stdf import tables as t
from workbench.formats.stdf.layouts import BY_NAME, BY_NUMBER, HEADER_BYTES, record_name
from workbench.formats.stdf.source import MOST_BYTES, Source, load
from workbench.i18n import t as said

_log = logging.getLogger(__name__)

MOST_TESTS = 1 << 18
MOST_PARAMETERS = 1 << 20
FEW_TESTS, FEW_PARAMETERS = 1 << 12, 1 << 15  # what there is room for at first: large tables cost more than they help
MOST_PARTS = 1 << 22
MOST_WAFERS = 100_000

# Records decoded one by one after the scan, and how many of each at most; of the others only the number is told.
KEPT = {"ATR": 100, "MIR": 1, "MRR": 1, "HBR": 100_000, "SBR": 100_000, "PMR": 200_000, "SDR": 1000,
        "WIR": MOST_WAFERS, "WRR": MOST_WAFERS, "WCR": 10, "TSR": 200_000, "GDR": 100, "DTR": 100}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """What the scan found. `parameter` (int32), `part` (int32) and `value` (float32, as STDF has them) are as long as
    there are readings; `parts` and `tests` are tables of int64 with the columns of `tables`; `owner` and `pin` tell of
    what test each parameter is and at what pin (-1: the test has one value); `places` are bytes of the records of
    `KEPT`.
    """

    source: Source
    parameter: np.ndarray
    part: np.ndarray
    value: np.ndarray
    parts: np.ndarray
    tests: np.ndarray
    owner: np.ndarray
    pin: np.ndarray
    places: np.ndarray
    counts: dict[str, int]
    left: dict[str, int]
    cut_at: int | None = None
    records: int = 0
    kept_of: dict[str, int] = field(default_factory=dict)

    def text(self, at: int, size: int) -> bytes:
        return bytes(self.source.data[at : at + size])


def columns(path: Path | str, *, most_bytes: int = MOST_BYTES) -> Columns:
    """Every reading of a file as columns.

    Raises InputError as `source.load`, and where there are more tests, parameters, parts or wafers than a lot has.
    """
    return scan(load(path, most_bytes=most_bytes))


def scan(source: Source) -> Columns:
    """The columns of a file in memory."""
    if not _compiled():
        _log.warning(said("stdf.compiling"))
    return _scan(source, FEW_TESTS, FEW_PARAMETERS) or _scan(source, MOST_TESTS, MOST_PARAMETERS)


def _compiled() -> bool:
    """Whether the scan is compiled, in this process or on disk since its source last changed."""
    if scanning.scan.signatures:
        return True
    made = Path(scanning.scan.stats.cache_path).glob("scanning.scan-*.nbi")
    return any(file.stat().st_mtime >= Path(scanning.__file__).stat().st_mtime for file in made)


def _scan(source: Source, most_tests: int, most_parameters: int) -> Columns | None:
    """None where there are more tests or parameters than these, and a lot may have more."""
    data = np.frombuffer(source.data, np.uint8)
    kept = np.zeros(1 << 16, np.int64)
    for name, most in KEPT.items():
        typ, sub = BY_NAME[name].number
        kept[typ << 8 | sub] = most
    state = np.zeros(t.STATE, np.int64)
    counts = np.zeros(1 << 16, np.int64)
    places = np.empty(int(kept.sum()), np.int64)
    live = tuple(np.full(size, -1, np.int64) for size in (1 << 16, 1 << 16, 1 << 8, 1 << 16))
    tests = np.zeros((most_tests, t.TEST), np.int64)
    parameters = np.zeros((most_parameters, 3), np.int32)
    by_text, by_number, by_pin = (np.zeros(4 * n, np.int32) for n in (most_tests, most_tests, most_parameters))
    tables = tests, parameters, by_text, by_number, by_pin
    parts = np.empty((1 << 12, t.PART), np.int64)
    room = len(data) // 24 + 2 * t.MOST_OF_A_RECORD
    readings = tuple(np.empty(room, kind) for kind in (np.int32, np.int32, np.float32))
    while True:
        answer = scanning.scan(data, source.big, state, counts, kept, places, live, tables, parts, readings)
        if answer == t.MORE_READINGS:
            readings = tuple(_doubled(column, int(state[t.READINGS])) for column in readings)
        elif answer == t.MORE_PARTS and len(parts) < MOST_PARTS:
            parts = _doubled(parts, int(state[t.PARTS]))
        elif answer in (t.DONE, t.CUT):
            break
        elif answer in (t.TOO_MANY_TESTS, t.TOO_MANY_PARAMETERS) and most_tests < MOST_TESTS:
            return None
        else:
            _too_many(source, answer)
    rows = int(state[t.READINGS])
    owners = parameters[: int(state[t.PARAMETERS])]
    found = np.flatnonzero(counts)
    return Columns(
        source, *(column[:rows] for column in readings), parts=parts[: int(state[t.PARTS])],
        tests=tests[: int(state[t.TESTS])].copy(), owner=owners[:, 0].copy(), pin=owners[:, 1].copy(),
        places=places[: int(state[t.PLACES])].copy(),
        counts={record_name(int(key) >> 8, int(key) & 255): int(counts[key]) for key in found},
        left={name: int(state[row]) for row, name in enumerate(REASONS, t.LEFT)},
        cut_at=int(state[t.AT]) if answer == t.CUT else None, records=int(state[t.RECORDS]),
        kept_of={name: int(min(counts[key], kept[key])) for key in found
                 if kept[key] and (name := record_name(int(key) >> 8, int(key) & 255))},
    )  # fmt: skip


REASONS = ("broken", "unusable", "not_finite", "no_part", "no_result", "no_start")  # in the order of `scanning.LEFT`


def _doubled(column: np.ndarray, used: int) -> np.ndarray:
    larger = np.empty((2 * len(column), *column.shape[1:]), column.dtype)
    larger[:used] = column[:used]
    return larger


def _too_many(source: Source, answer: int) -> NoReturn:
    rule, most = {
        t.TOO_MANY_TESTS: ("stdf.too_many_tests", MOST_TESTS), t.MORE_PARTS: ("stdf.too_many_parts", MOST_PARTS),
        t.TOO_MANY_PARAMETERS: ("stdf.too_many_parameters", MOST_PARAMETERS),
        t.TOO_MANY_WAFERS: ("stdf.too_many_wafers", MOST_WAFERS),
    }[answer]  # fmt: skip
    raise InputError(rule, where=source.where, allowed=f"{most:,}")


def decoded(found: Columns):
    """The records of `KEPT` in the order of the file: (name, byte, fields)."""
    from workbench.formats.stdf.decoding import fields

    data, big = found.source.data, found.source.big
    for at in found.places.tolist():
        size = data[at] << 8 | data[at + 1] if big else data[at + 1] << 8 | data[at]
        layout = BY_NUMBER[data[at + 2], data[at + 3]]
        body = bytes(data[at + HEADER_BYTES : at + HEADER_BYTES + size])
        yield layout.name, at, *fields(layout, body, big=big)
