"""Reviews of lots: how often a clean synthetic lot accuses anything, how often a planted chamber is found, and how
long Python takes from a brush on a map of 50,000 dies to chart and list. With targets.

    python tests/benchmarks/lot_review_alarms.py [--lots 200] [--rate 0.05]

A lot is four carriers of a pilot line, judged at the stated rate of false alarms. The share may exceed the rate by what
chance allows (binomial, 1 %). Some minutes; CPU seconds beside each other; medians. Exits with 1 on a miss.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from scipy import stats

from workbench.process.causes import causes_of
from workbench.process.lot_record import LotRecord, Specification
from workbench.process.lots import Origin
from workbench.process.synthetic import BAD_CHAMBER, SyntheticLot, synthetic_lots

BRUSH_MS_MOST = 50.0
FACTS = {"chamber": "chamber", "batch": "material_batch", "equipment": "equipment"}  # column of a lot -> its fact


def record_of(lot: SyntheticLot) -> LotRecord:
    """The record that the store would give of an imported lot."""
    units = lot.units()
    units.index = [f"{lot.lot}/{c}/{x},{y}" for c, x, y in units[["carrier", "x", "y"]].itertuples(index=False)]
    names = [test.parameter for test in lot.data.tests]
    facts = {column: f"{column.rpartition('_')[0]}: {FACTS[column.rpartition('_')[2]]}" for column in units.columns
             if column.rpartition("_")[2] in FACTS}  # fmt: skip
    factors = units[list(facts)].rename(columns=facts).assign(carrier=units["carrier"])
    factors = factors[[c for c in factors if factors[c].nunique() > 1]]
    return _record(lot.lot, units, units[names], factors, {
        t.parameter: Specification(t.parameter, t.lower, t.upper, t.target, t.unit, "") for t in lot.data.tests
    }, units["passed"])  # fmt: skip


def _record(name: str, units: pd.DataFrame, values: pd.DataFrame, factors: pd.DataFrame,
            specifications: dict[str, Specification], passed: pd.Series | None) -> LotRecord:  # fmt: skip
    rows = pd.DataFrame({
        "carrier": units["carrier"], "position": range(len(units)), "x": units["x"], "y": units["y"], "site": pd.NA,
        "hard_bin": pd.NA, "passed": pd.NA if passed is None else passed, "attempt_count": 1, "born_in": name,
    }, index=units.index)  # fmt: skip
    rows["passed"] = rows["passed"].astype("boolean")
    return LotRecord(Origin(name, name, "synthetic", True, True), "M", datetime(2026, 1, 1, tzinfo=UTC), rows, values,
                     factors, specifications, (), {}, (), (), (), None, {})  # fmt: skip


def brush_ms(across: int = 252, repeat: int = 15) -> tuple[float, int]:
    """Median time of the answer to a brush, and the number of dies."""
    from widgets.process.linked import LinkedMap

    y, x = np.mgrid[0:across, 0:across]
    inside = np.hypot(x - across / 2 + 0.5, y - across / 2 + 0.5) <= across / 2
    dies = pd.DataFrame({"carrier": "W1", "x": x[inside], "y": y[inside]})
    dies.index = [f"L/W1/{a},{b}" for a, b in zip(dies["x"], dies["y"], strict=True)]
    values = pd.DataFrame({"thickness_um": np.random.default_rng(1).normal(50, 0.3, len(dies))}, index=dies.index)
    record = _record("L", dies, values, pd.DataFrame(index=dies.index), {}, values["thickness_um"] < 50.8)
    linked = LinkedMap(record, "thickness_um", "thickness_um")
    times = []
    for k in range(repeat):
        begin = time.perf_counter()
        linked.map.brush = [10 + k, 10, 150 + k, 90]
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times), len(dies)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--lots", type=int, default=200)
    options.add_argument("--rate", type=float, default=0.05)
    given = options.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    begin, accused = time.process_time(), 0
    for seed in range(given.lots):
        (lot,) = synthetic_lots(1, seed=seed, carriers_per_lot=4, units_per_carrier=8)
        accused += bool(causes_of(record_of(lot), rate=given.rate).found)
    cpu = (time.process_time() - begin) / given.lots
    most = int(stats.binom.ppf(0.99, given.lots, given.rate))
    print(f"clean lots accused: {accused} of {given.lots} (stated {given.rate:g}; at most {most}); {cpu:.2f} CPU s")
    found = tried = 0
    for seed in range(60):
        (lot,) = synthetic_lots(1, seed=seed, planted=[BAD_CHAMBER], carriers_per_lot=4, units_per_carrier=8)
        made = record_of(lot)
        if not (made.factors["plate: chamber"] == "ECD-1/C").any():
            continue
        tried += 1
        found += any("ECD-1/C" in {c.level, *(str(v) for _, v in c.aliases)} for c in causes_of(made).found)
    print(f"planted chamber found: {found} of {tried} (at least 90 %)")
    took, dies = brush_ms()
    print(f"brush of {dies:,} dies: {took:.1f} ms in Python (at most {BRUSH_MS_MOST:g})")
    return int(accused > most or found < 0.9 * tried or took > BRUSH_MS_MOST)


if __name__ == "__main__":
    sys.exit(main())
