"""A wirelength below which no legal floorplan can be: mixed-integer programmes over where each pair passes.

For every pair of dies a convex region of centre differences is forbidden in any legal floorplan (`floorplan_shapes`,
the *inner* polygon), so that each legal floorplan lies beyond one of its facets, chosen by a binary variable. What the
programme leaves out (the round part of the gap, free angles beyond the inscribed disc, pairs not wired) only makes
its optimum smaller. Its dual bound, which branch and bound keeps all the way, is therefore a bound on every legal
floorplan, also when the search stops early. Systems of many dies are cut into groups of wires, each wire in one
group: the bounds of the groups add up.

Source of the programme: Sutanthavibul, Shragowitz and Rosen, IEEE TCAD 10 (1991) 761. The proof is in
docs/theory/floorplan.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from workbench.planning.floorplan_shapes import Site, between, directions, half_span, reach
from workbench.stack.part import TOLERANCE_MM

WHOLE = 8  # dies up to which one programme holds the whole system
GROUP = 5  # dies of a group, above
MOST_KEEP_OUTS = 6  # more are left out, which keeps the bound a bound
SAFETY = 1e-6  # of the bound, for the tolerances of the solver


@dataclass(frozen=True)
class Bound:
    """`wirelength_mm` is at most that of any legal floorplan. `method`: ``touching`` (every pair at its least
    distance), ``programme`` (one for the whole) or ``groups`` (several). `xy_mm`, `angle_deg`: what the programme
    holds for a shorter floorplan, where there is one; it may break a gap where two corners face each other."""

    wirelength_mm: float
    method: str
    xy_mm: np.ndarray | None = None
    angle_deg: np.ndarray | None = None


def touching_mm(site: Site) -> np.ndarray:
    """Least Manhattan distance of centres (n, n) of two dies that keep the gap, at the best angles allowed."""
    least = np.zeros((site.count, site.count))
    for i in range(site.count):
        for j in range(i + 1, site.count):
            u, b = _facets(site, i, j)
            low = b.min(1) if b.ndim == 2 else b
            least[i, j] = least[j, i] = max(float((low / np.abs(u).max(1)).min()), 0.0)
    return least


def touching_bound_mm(site: Site) -> float:
    return float((np.triu(site.wires, 1) * touching_mm(site)).sum())


def bound(site: Site, xy_mm: np.ndarray, *, nodes: int, progress: Callable[[float], None]) -> Bound:
    """The best bound found within `nodes` of branch and bound (each group); `xy_mm` is a legal floorplan to beat."""
    simple = touching_bound_mm(site)
    if not site.wires.any():
        return Bound(0.0, "touching")
    if site.count <= WHOLE:
        found = _programme(site, xy_mm, nodes)
        return found if found.wirelength_mm > simple else replace(found, wirelength_mm=simple, method="touching")
    total, groups = 0.0, list(_groups(site))
    for k, (members, wires) in enumerate(groups):
        progress(k / len(groups))
        part = site.sub(members, wires)
        total += max(_programme(part, xy_mm[members], nodes).wirelength_mm, touching_bound_mm(part))
    return Bound(total, "groups") if total > simple else Bound(simple, "touching")


def _groups(site: Site):
    """Dies (k,) and the wires (n, n) that count for them: each wire in exactly one group, the most wired die first."""
    left = np.triu(site.wires, 1)
    left = left + left.T
    while left.any():
        hub = int(left.sum(1).argmax())
        near = np.argsort(-left[hub], kind="stable")
        members = np.array([hub, *(die for die in near[: GROUP - 1] if left[hub, die] > 0)])
        wires = np.zeros_like(left)
        wires[np.ix_(members, members)] = left[np.ix_(members, members)]
        left = left - wires
        yield members, wires


def _facets(site: Site, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Normals (m, 2) and offsets of the region that no legal pair enters: (m,), or (m, 4) by which of i, j is turned.

    The offsets are those of a gap short by the document's tolerance, so that floorplans it accepts are covered.
    """
    gap = site.gap_mm
    if site.angles == "free":  # each die holds the disc that is inscribed in it
        u, cosine = between(directions(0.0, 45.0))
        radius = _inner(site, i) + _inner(site, j) + gap
        return u, radius * cosine - 2 * TOLERANCE_MM
    sides = directions(site.angle_deg[i], site.angle_deg[j])
    middle, cosine = between(sides)
    u = np.concatenate([sides, middle])
    apart = np.concatenate([np.full(len(sides), gap), gap * cosine])
    turns = ((0, 0), (90, 0), (0, 90), (90, 90)) if site.angles == "quarter" else ((0, 0),)
    b = np.stack([
        apart + reach(site.width_mm[i], site.length_mm[i], site.angle_deg[i] + a, u)
        + reach(site.width_mm[j], site.length_mm[j], site.angle_deg[j] + c, u)
        for a, c in turns
    ], axis=1) - 2 * TOLERANCE_MM  # fmt: skip
    return u, b if site.angles == "quarter" else b[:, 0]


def _inner(site: Site, die: int) -> float:
    return float(min(site.width_mm[die], site.length_mm[die])) / 2


def _half(site: Site) -> tuple[np.ndarray, np.ndarray]:
    """Half spans (n, 2) at the given angles and after a quarter turn; the inscribed disc where angles are free."""
    if site.angles == "free":
        inner = np.minimum(site.width_mm, site.length_mm) / 2
        return np.stack([inner, inner], 1), np.stack([inner, inner], 1)
    given = half_span(site.width_mm, site.length_mm, site.angle_deg)
    return given, half_span(site.width_mm, site.length_mm, site.angle_deg + 90.0) if site.angles == "quarter" else given


class _Rows:
    """Rows ``sum value * variable <= limit`` of a sparse programme."""

    def __init__(self):
        self.rows, self.columns, self.values, self.limits = [], [], [], []

    def add(self, terms: dict[int, float], at_most: float) -> None:
        for column, value in terms.items():
            self.rows.append(len(self.limits))
            self.columns.append(column)
            self.values.append(value)
        self.limits.append(at_most)

    def constraint(self, variables: int) -> LinearConstraint:
        matrix = coo_array((self.values, (self.rows, self.columns)), shape=(len(self.limits), variables)).tocsr()
        return LinearConstraint(matrix, ub=np.array(self.limits))


def _programme(site: Site, xy_mm: np.ndarray, nodes: int) -> Bound:
    """Dual bound of the programme, no more than the given floorplan's wirelength, and the floorplan it found.

    Only floorplans shorter than the given one are looked for, which keeps every distance, and so the constants that
    switch facets off, small: the bound is the lesser of that length and the programme's.
    """
    n = site.count
    first, second = np.nonzero(np.triu(site.wires, 1))
    edges = len(first)
    wires = site.wires[first, second]
    given = float((wires * np.abs(xy_mm[first] - xy_mm[second]).sum(1)).sum())
    least = touching_mm(site)[first, second]
    farthest = least + np.maximum(given - (wires * least).sum(), 0.0) / wires  # of an edge in a shorter floorplan
    within = _within(n, first, second, farthest)  # of any pair: along the wires
    half, turned = _half(site)
    room = np.maximum(np.array(site.extent_mm) / 2 + TOLERANCE_MM - np.minimum(half, turned), 0.0)

    x, dx, dy = 0, 2 * n, 2 * n + edges  # x, y of the dies; distances of the edges; then whether turned; then facets
    turn = 2 * n + 2 * edges
    z = turn + n
    rows = _Rows()
    for e, (i, j) in enumerate(zip(first, second, strict=True)):
        for axis, distance in ((0, dx), (1, dy)):
            for sign in (1.0, -1.0):
                rows.add({x + axis * n + i: sign, x + axis * n + j: -sign, distance + e: -1.0}, 0.0)
        rows.add({dx + e: -1.0, dy + e: -1.0}, -least[e])
    for i in range(n):
        for axis in (0, 1):
            wider = turned[i, axis] - half[i, axis]
            limit = site.extent_mm[axis] / 2 + TOLERANCE_MM - half[i, axis]
            for sign in (1.0, -1.0):
                rows.add({axis * n + i: sign, turn + i: wider}, limit)
    rows.add({dx + e: w for e, w in enumerate(wires)} | {dy + e: w for e, w in enumerate(wires)}, given)
    edge_of = {(int(i), int(j)): e for e, (i, j) in enumerate(zip(first, second, strict=True))}
    beside: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, int]] = {}
    for i in range(n):
        for j in range(i + 1, n):
            u, b = _facets(site, i, j)
            b = b if b.ndim == 2 else np.repeat(b[:, None], 4, axis=1)
            base, by_i, by_j, most = b[:, 0], b[:, 1] - b[:, 0], b[:, 2] - b[:, 0], b.max(1)
            across = np.minimum(np.abs(u) @ (room[i] + room[j]), within[i, j] * np.abs(u).max(1))
            kept = np.flatnonzero(b.min(1) <= across)
            for k, facet in enumerate(kept):
                ux, uy = u[facet]
                rows.add({j: -ux, i: ux, n + j: -uy, n + i: uy, turn + i: by_i[facet], turn + j: by_j[facet],
                          z + k: most[facet] + across[facet]}, most[facet] + across[facet] - base[facet])  # fmt: skip
            for sign in (1.0, -1.0):  # one facet that holds is chosen: exactly one, to make the rows below strong
                rows.add({z + k: sign for k in range(len(kept))}, sign)
            beside[i, j] = (u[kept], b[kept], z)
            z += len(kept)
    _distances(rows, edge_of, beside, (dx, dy), turn)
    z = _keep_outs(site, rows, room, half, turned, turn, z)
    _symmetry(site, rows)
    upper = np.concatenate([room.T.ravel(), np.tile(farthest, 2), np.full(n, float(site.angles == "quarter")),
                            np.ones(z - turn - n)])  # fmt: skip
    lower = np.concatenate([-room.T.ravel(), np.zeros(z - 2 * n)])
    price = np.concatenate([np.zeros(2 * n), np.tile(wires, 2), np.zeros(z - turn)])
    whole = np.concatenate([np.zeros(turn), np.ones(z - turn)])
    found = milp(price, integrality=whole, bounds=Bounds(lower, upper), constraints=rows.constraint(z),
                 options={"node_limit": nodes, "mip_rel_gap": 1e-7})  # fmt: skip
    if found.status == 2:  # none shorter than the given one
        return Bound(given * (1 - SAFETY), "programme")
    dual = found.mip_dual_bound if found.mip_dual_bound is not None else -np.inf
    result = Bound(float(np.clip(dual, 0.0, given) * (1 - SAFETY)), "programme")
    if found.x is None or site.angles == "free" or found.fun >= given:
        return result
    return replace(result, xy_mm=found.x[: 2 * n].reshape(2, n).T,
                   angle_deg=site.angle_deg + 90.0 * np.round(found.x[turn : turn + n]))  # fmt: skip


def _distances(rows: _Rows, edge_of: dict, beside: dict, distance: tuple[int, int], turn: int) -> None:
    """What the chosen facets say of distances, without constants that switch rows off.

    An edge: Dx + Dy is at least b / max(|u_x|, |u_y|) of the chosen facet, and Dx (Dy) at least b of one across x (y).
    A turned die changes b; the row gains the change only where facet and turn are both chosen. Two neighbours j, k of
    one die h: Dx_hj + Dx_hk >= |x_j - x_k|, at least b of a facet of the pair across x; where all three lie to the
    same side the farther is beyond the nearer: the nearer's distance twice, and b_jk.
    """
    for (i, j), e in edge_of.items():
        u, b, z = beside[i, j]
        least = b.min(1) / np.abs(u).max(1)
        rows.add({distance[0] + e: -1.0, distance[1] + e: -1.0} | {z + k: v for k, v in enumerate(least)}, 0.0)
        for axis in (0, 1):
            across = np.flatnonzero(np.abs(u[:, axis]) > 1 - 1e-12)
            if not len(across):
                continue
            body = b[across[0]]  # equal on both sides: a rectangle is symmetric
            low = float(body.min())
            for extra in ((), (i,), (j,), (i, j)):
                row, limit = {distance[axis] + e: -1.0} | {z + k: low for k in across}, 0.0
                for die in extra:
                    change = float(body[1 if die == i else 2] - body[0])
                    for k in across:
                        row[z + k] += abs(change)
                    row[turn + die] = change  # chosen: turned where that is the larger, else not turned
                    limit += max(change, 0.0)
                if not extra or any(body != low):
                    rows.add(row, limit)
    for (i, j), (u, b, z) in beside.items():
        for hub in {die for edge in edge_of for die in edge} - {i, j}:
            to = [edge_of.get((min(hub, die), max(hub, die))) for die in (i, j)]
            if None in to:
                continue
            for axis in (0, 1):
                both = {distance[axis] + to[0]: -1.0, distance[axis] + to[1]: -1.0}
                pair = {z + k: float(b[k].min()) for k in np.flatnonzero(np.abs(u[:, axis]) > 1 - 1e-12)}
                if pair:
                    rows.add(both | pair, 0.0)
                for side in (1.0, -1.0):
                    toward = []
                    for die in (i, j):
                        u2, b2, z2 = beside[min(hub, die), max(hub, die)]
                        k = np.flatnonzero(u2[:, axis] * (side if die > hub else -side) > 1 - 1e-12)
                        toward += [(z2 + int(m), float(b2[m].min())) for m in k]
                    if pair and len(toward) == 2:
                        apart, near = max(pair.values()), min(low for _, low in toward)
                        rows.add(both | pair | {column: near + apart for column, _ in toward}, 2 * apart)


def _within(n: int, first: np.ndarray, second: np.ndarray, farthest: np.ndarray) -> np.ndarray:
    """The largest Manhattan distance (n, n) of two dies, along the wires between them."""
    within = np.full((n, n), np.inf)
    within[first, second] = within[second, first] = farthest
    for k in range(n):
        within = np.minimum(within, within[:, k, None] + within[None, k])
    return within


def _keep_outs(site: Site, rows: _Rows, room: np.ndarray, half: np.ndarray, turned: np.ndarray, turn: int,
               z: int) -> int:  # fmt: skip
    """Each die beyond one side of each keep-out: with sides along x and y, the bounding box of the die would claim too
    much at other angles, so that these take the inscribed disc."""
    n, straight = site.count, site.is_straight
    for x, y, wide, long in site.keep_outs_mm[:MOST_KEEP_OUTS]:
        for i in range(n):
            inner = np.full(2, _inner(site, i))
            body, after = (half[i], turned[i]) if straight else (inner, inner)
            sides = ((0, 1.0, x, wide), (0, -1.0, x, wide), (1, 1.0, y, long), (1, -1.0, y, long))
            for k, (axis, sign, at, span) in enumerate(sides):
                # A disc may pass a corner obliquely: there each side keeps it off by its inner square only.
                share = 1.0 if straight else float(np.sqrt(0.5))
                b = sign * at + span / 2 + share * body[axis] - 2 * TOLERANCE_MM
                wider = share * (after[axis] - body[axis])
                most = b + max(wider, 0.0) + room[i, axis]
                rows.add({axis * n + i: -sign, turn + i: wider, z + k: most}, most - b)
            rows.add({z + k: -1.0 for k in range(4)}, -1.0)
            z += 4
    return z


def _symmetry(site: Site, rows: _Rows) -> None:
    """Of floorplans equal but for names or a mirror, one is enough. Interchanging or mirroring changes neither
    legality nor length: first a pair that no exchange moves tells left from right, then exchanges bring the leaders
    to the left, and last another pair tells up from down, which leaves left and right alone."""
    n, exchanges = site.count, _Exchanges(site)
    fixed: list[int] = []
    for die in range(n):
        for other in exchanges.of(die, fixed):
            rows.add({die: 1.0, other: -1.0}, 0.0)
        fixed.append(die)
    can_mirror = (site.angles == "free" or site.is_straight) and not len(site.keep_outs_mm)
    if not can_mirror:
        return
    i, j = (int(k) for k in np.unravel_index(np.triu(site.wires, 1).argmax(), (n, n)))
    rows.add({n + i: 1.0, n + j: -1.0}, 0.0)
    still = [die for die in range(n) if not exchanges.of(die, [])]
    if len(still) >= 2 and not exchanges.gave_up:
        i, j = max(((a, b) for a in still for b in still if a < b), key=lambda pair: site.wires[pair])
        rows.add({i: 1.0, j: -1.0}, 0.0)


class _Exchanges:
    """Exchanges of dies that leave sizes, angles and wires as they are, looked for one by one."""

    def __init__(self, site: Site):
        self.wires, self.left = site.wires, 50_000  # steps: then exchanges are missed, which is allowed
        kind = list(zip(site.width_mm, site.length_mm, site.angle_deg * (site.angles != "free"), strict=True))
        self.alike = [[a == b for b in kind] for a in kind]

    @property
    def gave_up(self) -> bool:
        return self.left <= 0

    def of(self, die: int, fixed: list[int]) -> list[int]:
        """The other dies that an exchange which leaves `fixed` in place can put `die` in the place of."""
        image = {k: k for k in fixed}
        return [other for other in range(len(self.wires)) if other != die and self._fits(image, die, other)
                and self._extend(image | {die: other})]  # fmt: skip

    def _fits(self, image: dict[int, int], die: int, other: int) -> bool:
        return (other not in image.values() and self.alike[die][other]
                and all(self.wires[die, k] == self.wires[other, to] for k, to in image.items()))  # fmt: skip

    def _extend(self, image: dict[int, int]) -> bool:
        if len(image) == len(self.wires):
            return True
        self.left -= 1
        if self.gave_up:
            return False
        die = next(k for k in range(len(self.wires)) if k not in image)
        return any(self._fits(image, die, other) and self._extend(image | {die: other})
                   for other in range(len(self.wires)))  # fmt: skip
