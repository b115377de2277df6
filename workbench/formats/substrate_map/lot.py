"""Maps as a `LotData`: parts by place with their bins, bins with verdicts, and transfers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.formats.lot_data import PART_COLUMNS, TRANSFER_COLUMNS, Bin, Carrier, LotData
from workbench.formats.report import Notes
from workbench.formats.substrate_map.mapped import Mapped, Substrate
from workbench.formats.substrate_map.tree import Document


def lot_data(found: Mapped, document: Document) -> LotData:
    """The lot of a file of maps; see `substrate_map.read`."""
    notes = found.notes
    frames = [_parts(document, substrate, notes) for substrate in found.substrates]
    parts = _frame(found.substrates, frames)
    transfers = _transfers(found.substrates)
    lots = {substrate.lot for substrate in found.substrates if substrate.lot}
    if len(lots) > 1:
        notes.assume("substrate_map.lots", list=", ".join(sorted(lots))[:300])
    for substrate in found.substrates:
        if substrate.lot and len(lots) > 1:
            substrate.attributes["lot"] = substrate.lot
    bins = _bins(found.substrates, notes)
    notes.take("substrate_map.taken", format=found.format.upper(), substrates=f"{len(found.substrates):,}",
               parts=f"{len(parts):,}", bins=f"{len(bins):,}", transfers=f"{len(transfers):,}")  # fmt: skip
    return LotData(
        format=found.format, lot=lots.pop() if len(lots) == 1 else None, product=found.product or None,
        carriers=tuple(Carrier(one.name, one.kind, one.attributes) for one in found.substrates), bins=bins,
        parts=parts if len(parts) else None, transfers=transfers if len(transfers) else None,
        conditions=found.conditions, started_at=found.created, report=notes.report(),
    )  # fmt: skip


def _parts(document: Document, substrate: Substrate, notes: Notes) -> dict[str, Any]:
    """Columns of the parts of a substrate: places of its maps in their order, then devices that only have a name."""
    index: dict[tuple[int, int], int] = {}
    for bins in substrate.maps:
        for place in zip(bins.x.tolist(), bins.y.tolist(), strict=True):
            index.setdefault(place, len(index))
    for place in substrate.ids:
        index.setdefault(place, len(index))
    count = len(index)
    made: dict[str, Any] = {
        "x": np.fromiter((x for x, _ in index), "int64", count),
        "y": np.fromiter((y for _, y in index), "int64", count),
        "part_id": [substrate.ids.get(place) for place in index],
        "passed": np.full(count, -1, "int8"),
    }
    for bins in sorted(substrate.maps, key=lambda one: not one.soft):  # the verdict of a hard bin is the last word
        rows = np.fromiter((index[place] for place in zip(bins.x.tolist(), bins.y.tolist(), strict=True)), "int64",
                           len(bins.x))  # fmt: skip
        numbers, inverse, counts = np.unique(bins.number, return_inverse=True, return_counts=True)
        column = np.full(count, -1, "int64")
        column[rows] = bins.number
        made["soft_bin" if bins.soft else "hard_bin"] = column
        said = [bins.definitions.get(number) for number in numbers.tolist()]
        verdicts = np.array([-1 if one is None or one.passed is None else int(one.passed) for one in said], "int8")
        if len(numbers):
            made["passed"][rows] = verdicts[inverse]
        if bins.definitions and None in said:
            undefined = int(sum(n for n, one in zip(counts.tolist(), said, strict=True) if one is None))
            notes.assume("substrate_map.undefined", carrier=substrate.name[:60], count=f"{undefined:,}")
        counted = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        for one in bins.definitions.values():
            if one.count is not None and one.count != counted.get(one.number, 0):
                notes.assume("substrate_map.count_differs", carrier=substrate.name[:60], code=one.code[:20],
                             said=f"{one.count:,}", counted=f"{counted.get(one.number, 0):,}")  # fmt: skip
    return made


def _frame(substrates: list[Substrate], each: list[dict[str, Any]]) -> pd.DataFrame:
    sizes = [len(columns["x"]) for columns in each]
    names = [substrate.name for substrate in substrates]
    total = sum(sizes)

    def joined(name: str, missing: int) -> np.ndarray:
        pieces = [columns.get(name, np.full(size, missing)) for columns, size in zip(each, sizes, strict=True)]
        return np.concatenate(pieces) if pieces else np.zeros(0, "int64")

    def bins(name: str) -> pd.arrays.IntegerArray:
        values = joined(name, -1)
        return pd.arrays.IntegerArray(np.maximum(values, 0).astype("int32"), values < 0)

    passed = joined("passed", -1)
    absent = np.ones(total, bool)
    return pd.DataFrame({
        "carrier": pd.Categorical.from_codes(np.repeat(np.arange(len(names)), sizes),
                                             dtype=pd.CategoricalDtype(pd.Index(names, dtype="str"))),
        "position": np.concatenate([np.arange(size) for size in sizes] or [np.zeros(0)]).astype("int32"),
        "attempt": np.zeros(total, "int16"),
        "part_id": pd.array([name for columns in each for name in columns["part_id"]], dtype="str"),
        "x": pd.arrays.IntegerArray(joined("x", 0).astype("int32"), ~absent),
        "y": pd.arrays.IntegerArray(joined("y", 0).astype("int32"), ~absent),
        "head": pd.arrays.IntegerArray(np.zeros(total, "int16"), absent),
        "site": pd.arrays.IntegerArray(np.zeros(total, "int16"), absent.copy()),
        "hard_bin": bins("hard_bin"), "soft_bin": bins("soft_bin"),
        "passed": pd.arrays.BooleanArray(passed == 1, passed < 0), "test_time_s": np.full(total, np.nan),
    })[list(PART_COLUMNS)]  # fmt: skip


def _bins(substrates: list[Substrate], notes: Notes) -> tuple[Bin, ...]:
    """Bins of all maps; where two maps differ in one, the first is taken and the difference told."""
    made: dict[tuple[bool, int], Bin] = {}
    for substrate in substrates:
        for bins in substrate.maps:
            for one in bins.definitions.values():
                new = Bin(one.number, one.name, not bins.soft, one.passed)
                if made.setdefault((not bins.soft, one.number), new).passed != new.passed:
                    notes.assume("substrate_map.bins_differ", code=one.code[:20], carrier=substrate.name[:60])
    return tuple(made[key] for key in sorted(made))


def _transfers(substrates: list[Substrate]) -> pd.DataFrame:
    rows = [(origin, fx, fy, one.name, tx, ty, one.ids.get((tx, ty)))
            for one in substrates for origin, fx, fy, tx, ty in one.transfers]  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(TRANSFER_COLUMNS)
    return pd.DataFrame({name: pd.array(list(values), dtype=kind)
                         for (name, kind), values in zip(TRANSFER_COLUMNS.items(), columns, strict=True)})  # fmt: skip
