"""Files as their readers give them, made here: a wafer as a tester writes it, a map of dies that were placed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from workbench.formats.lot_data import Bin, Carrier, LotData, Test
from workbench.store import Store

MORNING, EVENING = datetime(2026, 1, 1, 8, tzinfo=UTC), datetime(2026, 1, 1, 20, tzinfo=UTC)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def wafer(lot: str | None = "A", carrier: str = "W1", *, count: int = 12, retested: tuple[int, ...] = (3,),
          order: list[int] | None = None, places: bool = True, at: datetime = MORNING, shift: float = 0.0,
          parameter: str = "vth_v") -> LotData:  # fmt: skip
    """`count` dies, four in a row; the value of die i is i + `shift`, of its second attempt 100 more. `order` is the
    order in which they are tested.
    """
    die = np.array(order if order is not None else range(count))
    positions = np.arange(len(die), dtype="int32")
    again = np.array([list(die).index(one) for one in retested], int)
    rows = np.concatenate([np.arange(len(die)), again])
    attempt = np.concatenate([np.zeros(len(die), "int16"), np.ones(len(again), "int16")])
    nothing = pd.array([None] * len(rows), "Int32")
    parts = pd.DataFrame({
        "carrier": pd.Categorical([carrier] * len(rows)), "position": positions[rows], "attempt": attempt,
        "part_id": [f"{one}" if places else "" for one in die[rows]],
        "x": pd.array(die[rows] % 4, "Int32") if places else nothing,
        "y": pd.array(die[rows] // 4, "Int32") if places else nothing,
        "hard_bin": pd.array(np.where(attempt, 1, 2), "Int32"), "passed": pd.array(attempt == 1, "boolean"),
    })  # fmt: skip
    readings = pd.DataFrame({
        "carrier": parts["carrier"], "position": parts["position"], "attempt": attempt,
        "parameter": pd.Categorical([parameter] * len(rows)), "value": die[rows] + shift + 100.0 * attempt,
    })  # fmt: skip
    return LotData(
        "stdf", lot=lot, product="POC", carriers=(Carrier(carrier, attributes={"diameter_mm": 300}),),
        tests=(Test(parameter, "V", -1.0, 50.0),), bins=(Bin(1, "good", True, True), Bin(2, "bad", True, False)),
        parts=parts, readings=readings, conditions={"tester": "T7", "operator": "chen", "chamber": "B"}, started_at=at,
    )  # fmt: skip


def placed(lot: str = "R", carrier: str = "P1", *, taken_from: str = "W1", count: int = 4) -> LotData:
    """Dies 0.. of a wafer on a reconstituted carrier, side by side, each with a device id."""
    die = np.arange(count)
    transfers = pd.DataFrame({
        "from_carrier": taken_from, "from_x": pd.array(die % 4, "Int32"), "from_y": pd.array(die // 4, "Int32"),
        "to_carrier": carrier, "to_x": pd.array(die, "Int32"), "to_y": pd.array(die * 0, "Int32"),
        "device_id": [f"D{one:03d}" for one in die],
    })  # fmt: skip
    return LotData("e142", lot=lot, carriers=(Carrier(carrier, "panel"),), transfers=transfers)


def bring(store: Store, data: LotData, name: str = "file.stdf", lot: str | None = None, **more):
    """Import `data` as the file `name`, its hash made of the name."""
    return store.lots.import_data(lot, data, file_sha256=sha256(name), name=name, actor="li", **more)
