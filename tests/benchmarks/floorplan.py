"""How good floorplans are: `python tests/benchmarks/floorplan.py [quick | normal | thorough]` (default normal).

The three systems of TAP-2.5D (sizes and wires as published, gap 0.1 mm, a field of 50 mm) and grids of 16 and 36 dies
with wires to their neighbours. For each: wirelength (wires times Manhattan distance of centres, in mm), the bound
below which no legal floorplan can be, the share between, and rivals on the same measure:

- the project's own placement of the system, drawn by hand;
- shelves: dies by falling height in rows, as a packer does, the rows as wide as the field (the best of 2,000 orders);
- dual annealing (scipy) of the coordinates with a penalty on overlap, which does not know of corners or sides; its
  result counts only where it is legal, and it gets at least the CPU seconds that the floorplan took.

Prints figures; nothing is asserted but that floorplans are legal and no bound is passed. CPU seconds, with the load.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import dual_annealing

from workbench.planning.floorplan import floorplan
from workbench.planning.floorplan_shapes import Site, is_legal, wirelength_mm
from workbench.stack import Design, Die, Layer, Placement, read

ROOT = Path(__file__).resolve().parent.parent.parent
GAP_MM = 0.1


def published() -> list[tuple[str, Design, dict]]:
    systems = json.loads((ROOT / "data/planning/tap25d_wires.json").read_text("utf-8"))["systems"]
    return [
        (s["design"], read(json.loads((ROOT / f"data/designs/{s['design']}.json").read_text("utf-8"))),
         {(a, b): count for a, b, count in s["wires"]})
        for s in systems
    ]  # fmt: skip


def grid(side: int) -> tuple[str, Design, dict]:
    """side x side dies of four sizes, shuffled, each wired to its neighbours in a grid."""
    dice = np.random.default_rng(side)
    sizes = [(4.0, 4.0), (3.0, 6.0), (6.0, 3.0), (5.0, 4.0)]
    dies = tuple(Die(id=f"d{k}", name=f"d{k}", width_mm=w, length_mm=h, thickness_um=100.0)
                 for k, (w, h) in enumerate(sizes))  # fmt: skip
    spots = dice.permutation(side * side)
    field = side * 7.5
    x_mm, y_mm = 6.5 * (spots % side - (side - 1) / 2), 6.5 * (spots // side - (side - 1) / 2)
    places = tuple(Placement(name=f"U{k}", die=f"d{dice.integers(4)}", x_mm=float(x_mm[k]), y_mm=float(y_mm[k]))
                   for k in range(side * side))  # fmt: skip
    wires = {(f"U{k}", f"U{k + 1}"): 64.0 for k in range(side * side) if (k + 1) % side}
    wires |= {(f"U{k}", f"U{k + side}"): 64.0 for k in range(side * (side - 1))}
    tier = Layer(name="tier", kind="die", material="emc", thickness_um=100.0, dies=places)
    design = Design(title="grid", assembly="side_by_side", carrier="substrate", width_mm=field, length_mm=field,
                    dies=dies, layers=(tier,))  # fmt: skip
    return f"grid {side} x {side}", design, wires


def site_of(design: Design, wires: dict) -> Site:
    layer = design.die_layers[0]
    names = [p.name for p in layer.placements]
    dies = [design.die(p.die) for p in layer.placements]
    matrix = np.zeros((len(names), len(names)))
    for (a, b), count in wires.items():
        matrix[names.index(a), names.index(b)] = matrix[names.index(b), names.index(a)] = count
    return Site(tuple(names), np.array([d.width_mm for d in dies]), np.array([d.length_mm for d in dies]),
                np.array([p.angle_deg for p in layer.placements]), np.array([d.power_w for d in dies]), matrix,
                design.extent_mm(layer), GAP_MM, np.empty((0, 4)), "fixed")  # fmt: skip


def bodies(site: Site) -> np.ndarray:
    turned = site.angle_deg % 180 == 90
    size = np.stack([site.width_mm, site.length_mm], 1)
    return np.where(turned[:, None], size[:, ::-1], size)


def shelves(site: Site, orders: int) -> float:
    """Best wirelength of row packings: by falling height first, then shuffled."""
    size, best = bodies(site), np.inf
    dice = np.random.default_rng(0)
    for attempt in range(orders):
        order = np.argsort(-size[:, 1], kind="stable") if attempt == 0 else dice.permutation(site.count)
        xy, x, y, row = np.zeros_like(size), 0.0, 0.0, 0.0
        for die in order:
            if x + size[die, 0] > site.extent_mm[0]:
                x, y, row = 0.0, y + row + GAP_MM, 0.0
            xy[die] = x + size[die, 0] / 2, y + size[die, 1] / 2
            x, row = x + size[die, 0] + GAP_MM, max(row, size[die, 1])
        xy -= np.array(site.extent_mm) / 2
        if y + row <= site.extent_mm[1] and is_legal(site, xy, site.angle_deg, 1e-6):
            best = min(best, wirelength_mm(site, xy))
    return best


def annealed(site: Site, seconds: float) -> tuple[float, float]:
    """Wirelength by dual annealing (infinite where not legal), and the CPU seconds it took."""
    size, n, started = bodies(site), site.count, time.process_time()
    first, second = np.triu_indices(n, 1)
    need = (size[first] + size[second]) / 2 + GAP_MM
    wires = site.wires[first, second]
    steep = 4 * site.wires.sum(1).max()

    def cost(flat: np.ndarray) -> float:
        away = np.abs(flat.reshape(n, 2)[first] - flat.reshape(n, 2)[second])
        overlap = np.maximum((need - away).min(1), 0.0)
        return float((wires * away.sum(1)).sum() + steep * overlap.sum())

    limit = ((np.array(site.extent_mm) - size) / 2).ravel()
    found = dual_annealing(cost, list(zip(-limit, limit, strict=True)), seed=0, maxiter=10**6,
                           callback=lambda x, f, context: time.process_time() - started > seconds)  # fmt: skip
    xy = found.x.reshape(n, 2)
    # A penalty leaves dies a hair too close: spread all by a thousandth, which costs a thousandth.
    for spread in (1.0, 1.001, 1.01):
        if is_legal(site, xy * spread, site.angle_deg, 1e-6):
            return wirelength_mm(site, xy * spread), time.process_time() - started
    return np.inf, time.process_time() - started


def main(effort: str) -> None:
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at start; effort {effort}, CPU seconds")
    for name, design, wires in [*published(), grid(4), grid(6)]:
        site = site_of(design, wires)
        rivals = None
        for angles in ("fixed", "quarter", "free"):
            if angles == "free" and site.count > 20:
                continue
            started = time.process_time()
            found = floorplan(design, wires, gap_mm=GAP_MM, angles=angles, effort=effort)
            took = time.process_time() - started
            assert found.bound_mm <= found.wirelength_mm
            verdict = "proven best" if found.is_proven_best else f"gap {found.gap_to_bound:6.1%}"
            bounded = f"bound {found.bound_mm:>10,.0f} ({found.bound_method})  {verdict}"
            print(f"{name:<14} {angles:<8} {found.wirelength_mm:>10,.0f} mm  {bounded}  {found.evaluations:,} plans  "
                  f"{took:.1f} s", flush=True)  # fmt: skip
            if rivals is None:
                own = f"{found.given_wirelength_mm:,.0f}" + ("" if found.given_is_legal else " (too close)")
                length, seconds = annealed(site, max(took, 5.0))
                rivals = (f"{'':<14} rivals   own placement {own}, shelves {shelves(site, 2000):,.0f}, "
                          f"dual annealing {length:,.0f} in {seconds:.1f} s")  # fmt: skip
        print(rivals, flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "normal")
