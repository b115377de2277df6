"""False alarms on 200 clean lots, and planted causes found on 50: `python tests/benchmarks/false_alarms.py [lots]`

Every lot is simulated here with its own fixed seed: 25 carriers of 112 dies that passed one of 4 chambers of 2 tools,
2 batches of compound and a placer with 8 nozzles; each die has a bin (6 % fail) and a gap in um with a difference
between carriers. A clean lot has no cause in it, a planted lot one: a bad chamber, an edge ring, a drifting nozzle.

Each analysis is asked at its stated rate (family-wise 5 %; excursions 1 %). The rate holds when not more lots raise an
alarm than a rate that is kept exceeds in 1 of 1,000 such benchmarks (binomial). Causes: at least 90 % found and named.
Exit code 1 on a miss. CPU seconds stand beside.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from scipy import stats

from workbench.process.quality.commonality import commonality
from workbench.process.quality.drift import drifts
from workbench.process.quality.excursion import excursion
from workbench.process.quality.golden import golden_lot
from workbench.process.quality.spatial import (
    Carrier,
    join_counts,
    moran,
    neighbours,
    positions,
    scan_regions,
    signature,
    zone_study,
)

CARRIERS, ACROSS = 25, 12
G = np.arange(ACROSS) - (ACROSS - 1) / 2
X, Y = (a.ravel() for a in np.meshgrid(G, G))
ON = np.hypot(X, Y) <= ACROSS / 2
COLUMN, ROW = ((a[ON] - G[0]).astype(int) for a in (X, Y))
PLACED = positions(25 * X[ON], 25 * Y[ON], Carrier(radius_mm=150))
QUEEN = neighbours(COLUMN, ROW, rule="queen")
REGIONS = scan_regions(PLACED, COLUMN, ROW)
DIES = len(COLUMN)


def lot(seed: int, cause: str | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    carrier = np.repeat(np.arange(CARRIERS), DIES)
    chamber = rng.permutation(np.resize(["T1-A", "T1-B", "T2-A", "T2-B"], CARRIERS))
    compound = rng.choice(["C1", "C2"], CARRIERS)
    compound[:2] = ["C1", "C2"]
    nozzle = np.tile(np.arange(DIES) % 8, CARRIERS)
    order = np.arange(len(carrier))
    share, shift = np.full(len(carrier), 0.06), np.zeros(len(carrier))
    if cause == "bad chamber":
        share[chamber[carrier] == "T2-B"] = 0.25
        shift[chamber[carrier] == "T2-B"] = 1.0
    if cause == "edge ring":
        share[np.tile(PLACED.rho > 0.85, CARRIERS)] = 0.35
    if cause == "drifting nozzle":
        shift += np.where(nozzle == 5, order / len(order), 0.0)
    gap = 20 + 0.3 * rng.standard_normal(CARRIERS)[carrier] + 0.5 * rng.standard_normal(len(carrier)) + shift
    return pd.DataFrame({
        "carrier": carrier, "chamber": chamber[carrier], "tool": np.char.partition(chamber, "-")[:, 0][carrier],
        "compound": compound[carrier], "nozzle": nozzle, "order": order, "fails": rng.random(len(carrier)) < share,
        "gap_um": gap,
    })  # fmt: skip


def per_carrier(units: pd.DataFrame) -> pd.DataFrame:
    """One row per carrier: dies of one carrier resemble each other and count once where carriers are compared."""
    return units.groupby("carrier").agg(
        chamber=("chamber", "first"), tool=("tool", "first"), compound=("compound", "first"),
        gap_um=("gap_um", "mean"), share=("fails", "mean"),
    )  # fmt: skip


FACTORS = ("tool", "chamber", "compound")


def by_carrier(units, response):
    return commonality(per_carrier(units), response=response, factors=FACTORS, permutation_count=499)


def map_of(units):
    """All carriers on top of each other: how many fail at each place, and the first carrier alone."""
    return units["fails"].to_numpy().reshape(CARRIERS, DIES)


def verdict(failing, seed):
    return signature(failing, PLACED, column=COLUMN, row=ROW, weights=QUEEN, regions=REGIONS, permutation_count=299,
                     seed=seed)  # fmt: skip


def lot_figures(seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(16, 6)), columns=list("abcdef"))


def golden_alarm(seed):
    a, b = (lot(s).groupby("carrier")[["gap_um"]].mean() for s in (seed, seed + 50_000))
    rng = np.random.default_rng(seed)
    for name in "pq":
        a[name], b[name] = rng.gamma(4, size=(2, CARRIERS))
    return any(p.kind in ("shifted", "wider", "narrower", "shape") for p in golden_lot(a, b).parameters)


ANALYSES = {  # name: (stated rate, does a clean lot of this seed raise an alarm)
    "commonality, failing dies by nozzle and compound (exact)": (
        0.05, lambda u, k: bool(commonality(u, response="fails", factors=("nozzle", "compound")).suspects)),
    "commonality, gap by carrier (exact ranks)": (0.05, lambda u, k: bool(by_carrier(u, "gap_um").suspects)),
    "commonality, yield by carrier (exact ranks)": (0.05, lambda u, k: bool(by_carrier(u, "share").suspects)),
    "commonality, nozzle within carrier (stratified)": (
        0.05, lambda u, k: bool(commonality(u[u.carrier < 4], response="gap_um", factors=("nozzle",), strata="carrier",
                                            permutation_count=499).suspects)),
    "drift of a nozzle": (0.05, lambda u, k: bool(drifts(straightened(u), value="gap_um", order="order",
                                                         factor="nozzle").suspects)),
    "signature of one map, failing": (0.05, lambda u, k: verdict(map_of(u)[0], k).kind != "random"),
    "signature of the stacked map, counts": (
        0.05, lambda u, k: verdict(map_of(u).sum(axis=0).astype(float), k).kind != "random"),
    "zones of the stacked map": (0.05, lambda u, k: zones_alarm(map_of(u).sum(axis=0), k)),
    "Moran's I of the stacked map": (
        0.05, lambda u, k: moran(map_of(u).sum(axis=0), QUEEN, permutation_count=199, seed=k).p <= 0.05),
    "join count of one map (BB)": (
        0.05, lambda u, k: join_counts(map_of(u)[0], QUEEN, permutation_count=199, seed=k).bb.p <= 0.05),
    "golden lot, 3 parameters": (0.05, lambda u, k: golden_alarm(k)),
    "excursion, 6 parameters, 15 lots before": (
        0.01, lambda u, k: excursion((f := lot_figures(k))[:-1], f.iloc[-1], rate=0.01).alarm),
}  # fmt: skip


def zones_alarm(counts, seed):
    found = zone_study(counts, PLACED, permutation_count=199, seed=seed)
    return min(found.ring_p, found.quadrant_p) <= 0.05


def straightened(units):
    """Gap less its carrier's median: the difference between carriers is none of the nozzles' doing."""
    return units.assign(gap_um=units["gap_um"] - units.groupby("carrier")["gap_um"].transform("median"))


CAUSES = {  # name: is it found and named
    "bad chamber, gap": ("bad chamber", lambda u, k: _first(by_carrier(u, "gap_um")) == ("chamber", "T2-B")),
    "bad chamber, yield": ("bad chamber", lambda u, k: _first(by_carrier(u, "share")) == ("chamber", "T2-B")),
    "edge ring, one map": ("edge ring", lambda u, k: verdict(map_of(u)[0], k).kind == "edge_ring"),
    "edge ring, stacked map": (
        "edge ring", lambda u, k: verdict(map_of(u).sum(axis=0).astype(float), k).kind == "edge_ring"),
    "drifting nozzle": ("drifting nozzle", lambda u, k: [s.level for s in drifts(
        straightened(u), value="gap_um", order="order", factor="nozzle").suspects][:1] == [5]),
}  # fmt: skip


def _first(found):
    return (found.suspects[0].factor, found.suspects[0].level) if found.suspects else None


def main(count: int) -> int:
    missed = 0
    print(f"{count} clean lots of {CARRIERS} x {DIES} dies, seeds 0 ... {count - 1}")
    for name, (rate, alarms) in ANALYSES.items():
        began = time.process_time()
        seen = sum(bool(alarms(lot(k), k)) for k in range(count))
        most = int(stats.binom.ppf(0.999, count, rate))
        missed += seen > most
        print(f"{name:58} alarms {seen:3d} ({100 * seen / count:4.1f} %)  stated {100 * rate:g} %  "
              f"at most {most:3d}  {'ok  ' if seen <= most else 'MISS'} {time.process_time() - began:6.1f} CPU s",
              flush=True)  # fmt: skip
    planted = max(count // 4, 1)
    print(f"{planted} lots with a cause planted")
    for name, (cause, found) in CAUSES.items():
        named = sum(bool(found(lot(100_000 + k, cause), k)) for k in range(planted))
        missed += named < 0.9 * planted
        print(f"{name:58} named  {named:3d} of {planted}  at least 90 %  {'ok' if named >= 0.9 * planted else 'MISS'}",
              flush=True)  # fmt: skip
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
