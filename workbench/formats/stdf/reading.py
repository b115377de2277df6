"""An STDF file as a `LotData`: parts with their attempts, readings by parameter, and what was left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.formats.lot_data import Carrier, LotData, Test
from workbench.formats.report import Notes
from workbench.formats.stdf import naming, repeats
from workbench.formats.stdf import tables as t
from workbench.formats.stdf.columns import MOST_PARAMETERS, REASONS, Columns, decoded
from workbench.formats.stdf.layouts import BY_NAME, NO_I2, NO_U2
from workbench.formats.stdf.parts import Placed, placed
from workbench.formats.stdf.session import Session

NOT_IN_LOT = ("ATR", "PCR", "PGR", "PLR", "RDR", "BPS", "EPS", "GDR", "DTR")  # known, and without a place in a lot


def lot_data(found: Columns) -> LotData:
    """The lot of a file that was scanned; see `stdf.read`."""
    session, notes = Session(), Notes()
    session.add(decoded(found))
    where = placed(found, session,
                   loose=session.conditions.get("sublot") or session.lot or Path(found.source.where).stem)  # fmt: skip
    tests, parameter, rows = _parameters(found, session, notes)
    carriers = tuple(Carrier(name, kind, attributes) for name, kind, attributes in where.carriers)
    lot = LotData(
        format="stdf", lot=session.lot or None, product=session.product or None, carriers=carriers, tests=tuple(tests),
        bins=tuple(session.bins[key] for key in sorted(session.bins)), parts=_parts(found, where),
        readings=_readings(found, where, tests, parameter, rows), conditions=session.conditions,
        started_at=session.started_at, ended_at=session.ended_at,
    )  # fmt: skip
    _tell(notes, found, session, where, lot)
    notes.kept["stdf"] |= {"texts": session.texts, "generic": session.generic, "modified": session.modified}
    return replace(lot, report=notes.report())


def _parameters(found: Columns, session: Session, notes: Notes) -> tuple[list[Test], np.ndarray, slice | np.ndarray]:
    """The parameters, for each reading which one, and the readings that are kept."""
    tests, of_row = naming.parameters(found.tests, found.owner, found.pin, found.text, session)
    parameter = of_row[found.parameter]
    notes.kept["stdf"] = {"display_exponent": naming.display_exponents(tests, found.tests, found.owner, of_row)}
    before, most = repeats.occurrences(parameter, found.part, len(tests), len(found.parts))
    if not (most > 1).any():
        return tests, parameter, slice(None)
    counts = np.minimum(most, repeats.MOST_REPEATS)
    rows: slice | np.ndarray = slice(None)
    if (most > counts).any():
        rows = before < repeats.MOST_REPEATS
        notes.leave("stdf.left.repeats", count=f"{np.count_nonzero(~rows):,}", most=f"{repeats.MOST_REPEATS:,}")
        parameter, before = parameter[rows], before[rows]
    tests, parameter = repeats.again(tests, parameter, before, counts, most=MOST_PARAMETERS, where=found.source.where)
    notes.assume("stdf.repeated", count=f"{np.count_nonzero(before):,}")
    return tests, parameter, rows


def _readings(
    found: Columns, where: Placed, tests: list[Test], parameter: np.ndarray, rows: slice | np.ndarray
) -> pd.DataFrame:
    part = found.part[rows]
    return pd.DataFrame(
        {
            "carrier": _category(where.carrier[part], [name for name, _, _ in where.carriers]),
            "position": where.position[part], "attempt": where.attempt[part],
            "parameter": _category(parameter, [test.parameter for test in tests]),
            "value": found.value[rows].astype(np.float64),
        },
        copy=False,
    )  # fmt: skip


def _category(codes: np.ndarray, names: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(pd.Index(names, dtype="str")), validate=False)


def _parts(found: Columns, where: Placed) -> pd.DataFrame:
    table = found.parts
    open_end = table[:, t.END_AT] < 0
    flags = table[:, t.FLAGS]
    time_ms = table[:, t.TIME_MS].astype(float)
    return pd.DataFrame(
        {
            "carrier": _category(where.carrier, [name for name, _, _ in where.carriers]),
            "position": where.position, "attempt": where.attempt, "part_id": pd.array(where.ids, dtype="str"),
            "x": _whole(table[:, t.X], NO_I2, "int32"), "y": _whole(table[:, t.Y], NO_I2, "int32"),
            "head": _whole(table[:, t.HEAD], -1, "int16"), "site": _whole(table[:, t.SITE], -1, "int16"),
            "hard_bin": _whole(table[:, t.HARD_BIN], NO_U2, "int32"),
            "soft_bin": _whole(table[:, t.SOFT_BIN], NO_U2, "int32"),
            "passed": pd.arrays.BooleanArray(flags & 0x08 == 0, open_end | (flags & 0x10 != 0)),
            "test_time_s": np.where(time_ms > 0, time_ms / 1000, np.nan),
        }
    )  # fmt: skip


def _whole(values: np.ndarray, missing: int, kind: str) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values.astype(kind), values == missing)


def _tell(notes: Notes, found: Columns, session: Session, where: Placed, lot: LotData) -> None:
    """What was taken, left and assumed."""
    source, counts = found.source, found.counts
    known = {name: count for name, count in counts.items() if name in BY_NAME}
    wafers = sum(kind == "wafer" for _, kind, _ in where.carriers)
    notes.take("stdf.taken", records=f"{found.records:,}", parts=f"{len(lot.parts):,}", wafers=f"{wafers:,}",
               readings=f"{len(lot.readings):,}", parameters=f"{len(lot.tests):,}")  # fmt: skip
    notes.take("stdf.order.big" if source.big else "stdf.order.little")
    notes.take("stdf.records", list=_listed(known))
    if found.cut_at is not None:
        notes.leave("stdf.left.cut", at=f"{found.cut_at:,}", number=f"{found.records:,}",
                    count=f"{len(source.data) - found.cut_at:,}")  # fmt: skip
    if source.packed_fault:
        notes.leave(f"stdf.packing.{source.packed_fault}", packing=source.packing, count=f"{len(source.data):,}")
    unknown = {name: count for name, count in counts.items() if name not in BY_NAME}
    if unknown:
        notes.leave("stdf.left.unknown", count=f"{sum(unknown.values()):,}", list=_listed(unknown))
    if aside := {name: counts[name] for name in NOT_IN_LOT if counts.get(name)}:
        notes.leave("stdf.left.aside", list=_listed(aside))
    for name, most in found.kept_of.items():
        if counts[name] > most and name not in NOT_IN_LOT:
            notes.leave("stdf.left.beyond", type=name, count=f"{counts[name] - most:,}", most=f"{most:,}")
    for reason in REASONS:
        count = found.left[reason] + (session.broken if reason == "broken" else 0)
        if count:
            notes.leave(f"stdf.left.{reason}", count=f"{count:,}")
    for reason, count in where.left.items():
        if count:
            notes.leave(f"stdf.left.{reason}", count=f"{count:,}")
    if session.unit_unknown:
        notes.leave("stdf.left.wafer_unit")
    _assume(notes, found, where)


def _assume(notes: Notes, found: Columns, where: Placed) -> None:
    if found.source.cpu_differs:
        notes.assume("stdf.cpu", cpu=found.source.cpu_type)
    notes.assume("stdf.si")
    notes.assume("stdf.local_time")
    if changed := int(np.count_nonzero(found.tests[:, t.CHANGED])):
        notes.assume("stdf.changed", count=f"{changed:,}", records=f"{int(found.tests[:, t.CHANGED].sum()):,}")
    if any(kind == "tray" for _, kind, _ in where.carriers):
        notes.assume("stdf.loose")
    for reason, count in where.assumed.items():
        if count:
            notes.assume(f"stdf.assumed.{reason}", count=f"{count:,}")


def _listed(counts: dict[str, int]) -> str:
    """The most frequent first; a hostile file can have 65,000 types."""
    said = [f"{name} {count:,}" for name, count in Counter(counts).most_common(40)]
    return ", ".join([*said, "…"] if len(counts) > 40 else said)
