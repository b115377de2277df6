"""The search for a good floorplan: dies are taken out and put back at the best corner, and rows of facets are solved.

A die put back is tried at the corners of the arrangement: the crossings of the lines that its neighbours, the edge and
the keep-outs draw, and of the lines through the centres it is wired to. With the others fixed the least wirelength is
reached at such a crossing, for wires count by Manhattan length. Taking out one to three dies and accepting worse plans
less and less often (simulated annealing) gets out of local optima; then, with the side on which each pair passes kept,
a linear programme moves all dies at once to the optimum. Every plan on the way is legal.

Sources: Schrimpf et al., J. Comput. Phys. 159 (2000) 139 (ruin and recreate); Kirkpatrick et al., Science 220 (1983)
671; the linear programme for given relative positions is that of Sutanthavibul et al., IEEE TCAD 10 (1991) 761.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from workbench.planning.floorplan_shapes import (
    Site,
    between,
    crowding,
    directions,
    half_span,
    is_legal,
    reach,
    wirelength_mm,
)
from workbench.stack.part import TOLERANCE_MM

SLACK_MM = 1e-8  # forgiven when a corner is looked at: rounding, far below the document's tolerance
CHUNK = 32  # corners looked at together, cheapest first
GRID = 9  # lines across the field that dies may also go to when heat counts
START_SHARE, END_SHARE = 0.03, 0.003  # temperatures of the annealing, of the first plan's cost
FREE_STEPS_DEG = (15.0, 30.0, 45.0, 60.0, 75.0)


@dataclass
class Plan:
    """Centres (n, 2), angles (n,) and the goal to lower: wirelength plus the weighed crowding."""

    xy_mm: np.ndarray
    angle_deg: np.ndarray
    goal_mm: float


class Search:
    """One run on a site. `evaluations` counts whole plans rated, `tries` the orders tried for a first plan."""

    def __init__(self, site: Site, heat_weight: float, seed: int):
        self.site, self.weight = site, heat_weight
        self.dice = np.random.default_rng(seed)
        self.evaluations = self.tries = 0
        self.near = 1e-7 * max(float(site.wires.sum()) / max(site.count, 1), 1.0)  # ties: the nearest to the middle

    def cost(self, xy_mm: np.ndarray) -> float:
        self.evaluations += 1
        heat = self.weight * crowding(self.site, xy_mm) if self.weight and self.site.count > 1 else 0.0
        return wirelength_mm(self.site, xy_mm) + heat

    # --- a first plan ------------------------------------------------------------------------------------------------

    def first(self, given_xy_mm: np.ndarray, tries: int) -> Plan | None:
        """The given places where they are legal, or dies put in one by one, whichever is better. None: none found."""
        site, best = self.site, None
        if is_legal(site, given_xy_mm, site.angle_deg, TOLERANCE_MM):
            best = Plan(given_xy_mm.copy(), site.angle_deg.copy(), self.cost(given_xy_mm))
        area = site.width_mm * site.length_mm
        wired = site.wires.sum(1)
        for attempt in range(tries):
            if best is not None and attempt >= 6:
                break
            self.tries += 1
            noise = self.dice.uniform(0.5, 1.5, site.count) if attempt > 1 else 1.0
            order = np.argsort(-(area * noise if attempt % 2 == 0 else wired * noise), kind="stable")
            plan = self._put(np.zeros((site.count, 2)), site.angle_deg.copy(), [], list(order), pack=attempt % 3 == 1)
            if plan is not None and (best is None or plan.goal_mm < best.goal_mm):
                best = plan
        return best

    # --- putting dies in ---------------------------------------------------------------------------------------------

    def _put(self, xy_mm: np.ndarray, angle_deg: np.ndarray, held: list[int], order: list[int], *, pack: bool = False,
             skip: float = 0.0, exact: bool = False) -> Plan | None:  # fmt: skip
        """Put the dies `order` in, one by one, each at its cheapest corner (with chance `skip`: the next one)."""
        held = list(held)
        middle = np.zeros(2)
        if not exact and self.dice.random() < 0.5:  # ties go elsewhere now and then
            middle = self.dice.uniform(-0.5, 0.5, 2) * self.site.extent_mm
        for die in order:
            best = None
            for angle in self._angles(die, angle_deg[die], exact=exact):
                spot = self._spot(die, angle, xy_mm, angle_deg, held, middle, pack, skip)
                if spot is not None and (best is None or spot[0] < best[0]):
                    best = (*spot, angle)
            if best is None:
                return None
            xy_mm[die], angle_deg[die] = best[1], best[2]
            held.append(die)
        return Plan(xy_mm, angle_deg, self.cost(xy_mm))

    def _angles(self, die: int, now_deg: float, *, exact: bool) -> list[float]:
        """Half turns change nothing here, so that a die keeps its given angle or turns by 90 degrees."""
        given = float(self.site.angle_deg[die])
        if self.site.angles == "fixed":
            return [given]
        turned = [given, (given + 90.0) % 360]
        if self.site.angles == "free":
            turned += [float(now_deg), 0.0, 90.0]
            if not exact and self.dice.random() < 0.3:
                step = self.dice.choice(FREE_STEPS_DEG) if self.dice.random() < 0.5 else self.dice.uniform(0.0, 90.0)
                turned.append(round(float(now_deg + step) % 180, 6))
        return list(dict.fromkeys(turned))

    def _spot(self, die: int, angle: float, xy_mm: np.ndarray, angle_deg: np.ndarray, held: list[int],
              middle: np.ndarray, pack: bool, skip: float) -> tuple[float, np.ndarray] | None:  # fmt: skip
        """The cheapest legal corner for one die beside the dies `held`: cost and place, or None."""
        site, others = self.site, np.array(held, int)
        half = half_span(site.width_mm[die], site.length_mm[die], angle)
        limit = np.array(site.extent_mm) / 2 - half
        if np.any(limit < -SLACK_MM):
            return None
        limit = np.maximum(limit, 0.0)
        centre = np.concatenate([xy_mm[others], site.keep_outs_mm[:, :2]])
        wide = np.concatenate([site.width_mm[others], site.keep_outs_mm[:, 2]])
        long = np.concatenate([site.length_mm[others], site.keep_outs_mm[:, 3]])
        turn = np.concatenate([angle_deg[others], np.zeros(len(site.keep_outs_mm))])
        gap = np.concatenate([np.full(len(others), site.gap_mm), np.zeros(len(site.keep_outs_mm))])
        straight = angle % 90 == 0 and not np.any(turn % 90)
        facets = [directions(angle) if straight else _eight(angle, other) for other in turn]
        normals = np.stack(facets) if facets else np.empty((0, 4, 2))
        body = reach(site.width_mm[die], site.length_mm[die], angle, normals)
        away = reach(wide, long, turn, normals) + body + gap[:, None]
        wires = site.wires[die, others]
        corners = self._corners(centre, normals, away, limit, xy_mm[others][wires > 0], straight)
        price = self._price(die, corners, xy_mm[others], wires, others, middle, pack)
        order = np.argsort(price, kind="stable")
        for start in range(0, len(order), CHUNK):
            some = order[start : start + CHUNK]
            if len(centre):
                apart = np.einsum("cnd,nmd->cnm", corners[some][:, None] - centre, normals) - away
                some = some[(apart.max(-1) >= -SLACK_MM).all(1)]
            for index in some:
                if skip == 0.0 or self.dice.random() >= skip:
                    return float(price[index]), corners[index]
        return None

    def _corners(self, centre: np.ndarray, normals: np.ndarray, away: np.ndarray, limit: np.ndarray, pulls: np.ndarray,
                 straight: bool) -> np.ndarray:  # fmt: skip
        """Crossings (c, 2) of the lines on which a die touches something, or is level with one it is wired to."""
        ticks = [np.array([0.0, -limit[k], limit[k]]) for k in (0, 1)]
        if self.weight:
            ticks = [np.concatenate([tick, np.linspace(-limit[k], limit[k], GRID)]) for k, tick in enumerate(ticks)]
        ticks = [np.concatenate([tick, pulls[:, k]]) for k, tick in enumerate(ticks)]
        if straight:
            for k in (0, 1):
                along = normals[..., k]
                touch = (centre[:, k, None] + along * away)[np.abs(along) > 0.5]
                ticks[k] = np.concatenate([ticks[k], touch])
            x, y = (np.unique(np.round(tick[np.abs(tick) <= limit[k] + SLACK_MM], 9)) for k, tick in enumerate(ticks))
            return np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
        offset = (away + np.einsum("nmd,nd->nm", normals, centre)).ravel()
        x, y = np.unique(np.round(ticks[0], 9)), np.unique(np.round(ticks[1], 9))
        lines = np.concatenate([normals.reshape(-1, 2), np.tile([1.0, 0.0], (len(x), 1)), np.tile([0.0, 1.0],
                                (len(y), 1))])  # fmt: skip
        offset = np.concatenate([offset, x, y])
        first, second = np.triu_indices(len(lines), 1)
        a, b, p, q = lines[first], lines[second], offset[first], offset[second]
        det = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        crossing = np.abs(det) > 1e-6
        a, b, p, q, det = a[crossing], b[crossing], p[crossing], q[crossing], det[crossing]
        found = np.stack([p * b[:, 1] - q * a[:, 1], q * a[:, 0] - p * b[:, 0]], 1) / det[:, None]
        return np.round(found[(np.abs(found) <= limit + SLACK_MM).all(1)], 9)

    def _price(self, die: int, corners: np.ndarray, others_xy: np.ndarray, wires: np.ndarray, others: np.ndarray,
               middle: np.ndarray, pack: bool) -> np.ndarray:  # fmt: skip
        if pack:  # lowest, then leftmost
            return corners[:, 1] + 1e-4 * corners[:, 0]
        price = self.near * np.abs(corners - middle).sum(1)
        if len(others):
            away = np.abs(corners[:, None] - others_xy)
            price = price + away.sum(-1) @ wires
            if self.weight:
                distance = np.maximum(np.linalg.norm(away, axis=-1), 1e-9)
                price = price + self.weight * self.site.power_w[die] * (1 / distance) @ self.site.power_w[others]
        return price

    # --- improving ---------------------------------------------------------------------------------------------------

    def improve(self, plan: Plan, rounds: int, progress: Callable[[float], None]) -> Plan:
        """Annealing by taking dies out and putting them back; the best plan seen, settled."""
        best = now = self.settled(plan)
        n = self.site.count
        scale = max(now.goal_mm, 1e-12)
        for step in range(rounds):
            if step % 64 == 0:
                progress(step / rounds)
            if n < 2:
                break
            heat = scale * START_SHARE * (END_SHARE / START_SHARE) ** (step / rounds)
            taken = self._taken(now)
            held = [die for die in range(n) if die not in taken]
            plan = self._put(now.xy_mm.copy(), now.angle_deg.copy(), held, taken, skip=0.15)
            if plan is None:
                continue
            if plan.goal_mm < now.goal_mm or self.dice.random() < math.exp(-(plan.goal_mm - now.goal_mm) / heat):
                now = plan
                if now.goal_mm < best.goal_mm * (1 + 0.01) and now.goal_mm != best.goal_mm and step % 8 == 0:
                    now = self.settled(now)
                if now.goal_mm < best.goal_mm - 1e-9:
                    best = now = self.settled(now)
        return self._descended(best)

    def _taken(self, plan: Plan) -> list[int]:
        n = self.site.count
        size = min(int(self.dice.choice([1, 2, 2, 3, 4])), n)
        first = int(self.dice.integers(n))
        if self.dice.random() < 0.5:
            others = self.dice.permutation(n)
        else:  # a neighbourhood
            away = np.linalg.norm(plan.xy_mm - plan.xy_mm[first], axis=1) * self.dice.uniform(0.7, 1.3, n)
            others = np.argsort(away, kind="stable")
        taken = [first, *(int(die) for die in others if die != first)][:size]
        return [taken[k] for k in self.dice.permutation(size)]

    def _descended(self, plan: Plan) -> Plan:
        """Until no die, put back alone, finds a better corner."""
        better = True
        while better:
            better = False
            for die in range(self.site.count):
                held = [k for k in range(self.site.count) if k != die]
                tried = self._put(plan.xy_mm.copy(), plan.angle_deg.copy(), held, [die], exact=True)
                if tried is not None and tried.goal_mm < plan.goal_mm - 1e-9:
                    plan, better = self.settled(tried), True
        return plan

    def settled(self, plan: Plan) -> Plan:
        """All dies moved at once by linear programmes: each pair keeps the side on which it has most room."""
        for _ in range(6):
            xy_mm = self._programme(plan)
            if xy_mm is None or not is_legal(self.site, xy_mm, plan.angle_deg, TOLERANCE_MM):
                break
            cost = self.cost(xy_mm)
            if cost >= plan.goal_mm - 1e-9:
                break
            plan = Plan(xy_mm, plan.angle_deg, cost)
        return plan

    def _programme(self, plan: Plan) -> np.ndarray | None:
        """min sum w (Dx + Dy), the pairs beyond one facet each. Variables: x (n), y (n), Dx (e), Dy (e)."""
        site, n = self.site, self.site.count
        first, second = np.nonzero(np.triu(site.wires, 1))
        edges = len(first)
        if not edges:
            return None
        rows, limits = [], []

        def add(row: list[tuple[int, float]], at_most: float) -> None:
            rows.append(row)
            limits.append(at_most)

        for i in range(n):
            for j in range(i + 1, n):
                u, b = self._side(plan, i, j)
                add([(j, -u[0]), (i, u[0]), (n + j, -u[1]), (n + i, u[1])], -b)
        for i in range(n):
            for x, y, wide, long in site.keep_outs_mm:
                u, b = _facet(plan.xy_mm[i] - (x, y), plan.angle_deg[i], 0.0, (site.width_mm[i], wide),
                              (site.length_mm[i], long), 0.0)  # fmt: skip
                add([(i, -u[0]), (n + i, -u[1])], -b - u[0] * x - u[1] * y)
        for e, (i, j) in enumerate(zip(first, second, strict=True)):
            for axis in (0, 1):
                for sign in (1.0, -1.0):
                    add([(axis * n + i, sign), (axis * n + j, -sign), (2 * n + axis * edges + e, -1.0)], 0.0)
        limit = np.array(site.extent_mm) / 2 - half_span(site.width_mm, site.length_mm, plan.angle_deg)
        span = np.maximum(limit, 0.0).T.ravel()
        bounds = [*zip(-span, span, strict=True), *[(0.0, None)] * (2 * edges)]
        where = np.array([(r, column) for r, row in enumerate(rows) for column, _ in row])
        values = np.array([value for row in rows for _, value in row])
        matrix = coo_array((values, where.T), shape=(len(rows), 2 * n + 2 * edges)).tocsr()
        price = np.concatenate([np.zeros(2 * n), np.tile(site.wires[first, second], 2)])
        found = linprog(price, A_ub=matrix, b_ub=np.array(limits), bounds=bounds, method="highs-ds")
        return np.round(found.x[: 2 * n].reshape(2, n).T, 9) if found.status == 0 else None

    def _side(self, plan: Plan, i: int, j: int) -> tuple[np.ndarray, float]:
        site = self.site
        wide, long = (site.width_mm[i], site.width_mm[j]), (site.length_mm[i], site.length_mm[j])
        away = plan.xy_mm[j] - plan.xy_mm[i]
        return _facet(away, plan.angle_deg[i], plan.angle_deg[j], wide, long, site.gap_mm)


def _eight(angle_deg: float, other_deg: float) -> np.ndarray:
    """Normals (8, 2) of a pair, repeated where both are parallel."""
    found = directions(angle_deg, other_deg)
    return found if len(found) == 8 else np.tile(found, (2, 1))


def _facet(d_mm: np.ndarray, angle_deg: float, other_deg: float, wide: tuple[float, float], long: tuple[float, float],
           gap_mm: float) -> tuple[np.ndarray, float]:  # fmt: skip
    """The tangent (u, b) of the region to keep out of that a pair at d is farthest beyond."""
    sides = directions(angle_deg, other_deg)
    normals = np.concatenate([sides, between(sides)[0]])
    away = gap_mm + reach(wide[0], long[0], angle_deg, normals) + reach(wide[1], long[1], other_deg, normals)
    best = int(np.argmax(normals @ d_mm - away))
    return normals[best], float(away[best])
