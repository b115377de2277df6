"""Which part is which: wafers, positions, and parts tested again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import InputError
from workbench.formats.stdf import tables as t
from workbench.formats.stdf.columns import Columns
from workbench.formats.stdf.decoding import text
from workbench.formats.stdf.layouts import NO_I2
from workbench.formats.stdf.session import Session

MOST_ATTEMPTS = 1 << 15
SAME_ID, SAME_PLACE = 0x01, 0x02  # PART_FLG: supersedes the part of the same id, of the same coordinates
ABNORMAL = 0x04


@dataclass(frozen=True)
class Placed:
    """For each part of the scan: index of its carrier, position, attempt, id (None: not given). `carriers` are (name,
    kind, attributes)."""

    carrier: np.ndarray
    position: np.ndarray
    attempt: np.ndarray
    ids: list[str | None]
    carriers: list[tuple[str, str, dict[str, Any]]]
    left: dict[str, int]
    assumed: dict[str, int]


def placed(found: Columns, session: Session, *, loose: str) -> Placed:
    """Positions and attempts by the rule of the specification: PART_FLG bit 0 supersedes the part of the same id, bit
    1 that of the same coordinates. Without a flag, a die of a wafer whose coordinates were tested before is that die;
    loose parts are told apart even where they share an id.

    Raises InputError where one part has more than 32,768 attempts.
    """
    carriers, of_wafer, loose_index = _carriers(found, session, loose)
    n = len(found.parts)
    wafer = found.parts[:, t.WAFER]
    carrier = np.where(wafer >= 0, of_wafer[wafer], loose_index).astype(np.int32) if n else np.empty(0, np.int32)
    ids = _ids(found)
    position, attempt = np.zeros(n, np.int32), np.zeros(n, np.int16)
    next_position = [0] * len(carriers)
    by_id: dict[tuple[int, str], int] = {}
    by_place: dict[tuple[int, int, int], int] = {}
    attempts: dict[tuple[int, int], int] = {}
    unknown = unflagged = shared = 0
    columns = (found.parts[:, c].tolist() for c in (t.FLAGS, t.X, t.Y))
    for row, (c, flags, x, y, name) in enumerate(zip(carrier.tolist(), *columns, ids, strict=True)):
        here = (c, x, y) if x != NO_I2 and y != NO_I2 else None
        known_place = by_place.get(here) if here else None
        known_id = by_id.get((c, name)) if name is not None else None
        where = None
        if flags & (SAME_ID | SAME_PLACE):
            first, second = (known_place, known_id) if flags & SAME_PLACE else (known_id, known_place)
            where = first if first is not None else second
            unknown += where is None
        elif known_place is not None and c != loose_index:
            where = known_place
            unflagged += 1
        elif known_id is not None:
            shared += 1
        if where is None:
            where = next_position[c]
            next_position[c] += 1
            nth = 0
        else:
            nth = attempts[c, where] + 1
            if nth >= MOST_ATTEMPTS:
                raise InputError("stdf.too_many_attempts", where=found.source.where, got=name or f"{x}, {y}",
                                 allowed=f"{MOST_ATTEMPTS:,}")  # fmt: skip
        attempts[c, where] = nth
        position[row], attempt[row] = where, nth
        if here:
            by_place[here] = where
        if name is not None:
            by_id[c, name] = where
    flags = found.parts[:, t.FLAGS]
    return Placed(
        carrier, position, attempt, ids, carriers,
        left={"no_end": int(np.count_nonzero(found.parts[:, t.END_AT] < 0))},
        assumed={"unknown_retest": unknown, "unflagged_retest": unflagged, "shared_id": shared,
                 "abnormal": int(np.count_nonzero(flags & ABNORMAL))},
    )  # fmt: skip


def _carriers(found: Columns, session: Session, loose: str) -> tuple[list, np.ndarray, int]:
    """Carriers, the carrier of each WIR (a wafer that comes again is one carrier), and the index of that of loose parts
    (-1: there are none)."""
    carriers: list[tuple[str, str, dict[str, Any]]] = []
    index: dict[str, int] = {}
    of_wafer = np.empty(len(session.wafers) + 1, np.int32)
    for i, wafer in enumerate(session.wafers):
        name = wafer.name or f"wafer {i + 1}"
        if name not in index:
            index[name] = len(carriers)
            carriers.append((name, "wafer", session.geometry | wafer.attributes))
        else:
            carriers[index[name]][2].update({k: v for k, v in wafer.attributes.items() if k != "started_at"})
        of_wafer[i] = index[name]
    loose_index = -1
    if len(found.parts) and (found.parts[:, t.WAFER] < 0).any():
        name = loose or "parts"
        while name in index:
            name += "'"
        loose_index = len(carriers)
        carriers.append((name, "tray", {}))
    return carriers, of_wafer, loose_index


def _ids(found: Columns) -> list[str | None]:
    data = found.source.data
    places = zip(found.parts[:, t.ID_AT].tolist(), found.parts[:, t.ID_BYTES].tolist(), strict=True)
    return [(text(bytes(data[at : at + size])) or None) if size else None for at, size in places]
