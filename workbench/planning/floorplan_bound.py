"""A lower bound on the wires of every floorplan of right-angled dies, by branch and bound.

A mixed-integer program with one choice per pair (left, right, below, above) and per die (turned or not) is relaxed and
branched by HiGHS; the bound it has proven when it stops is a bound on every such placement, and the optimum when it
finishes. It is stronger than letting each pair touch, because the dies around one die get in each other's way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from workbench.errors import DomainError
from workbench.planning.arrangement import Blocks

FORGIVEN = 1e-6  # relative: what the solver's tolerances may be worth


@dataclass(frozen=True)
class RightAngledBound:
    """`wire_mm` no placement with sides along x and y undercuts; `is_optimum`: some placement reaches it, with the
    keep-outs left out."""

    wire_mm: float
    is_optimum: bool


def right_angled_bound(blocks: Blocks, *, node_limit: int = 20_000, time_limit_s: float = 60.0) -> RightAngledBound:
    """The bound for blocks whose angles are all multiples of 90 degrees; keep-outs are ignored, which keeps it valid.

    Ending at the node limit is repeatable, at the time limit not. Raises DomainError for another angle.
    """
    if any(turn % 90 for turns in blocks.turns_deg for turn in turns):
        raise DomainError("planning.right_angles", got=next(t for turns in blocks.turns_deg for t in turns if t % 90),
                          allowed="0, 90, 180, 270")  # fmt: skip
    n, (first, second, count) = blocks.count, blocks.wires
    pairs = np.stack(np.triu_indices(n, 1), axis=1)
    e, p = len(count), len(pairs)
    # columns: x (n), y (n), turned (n), length of each wire in x and y (2e), left, right, below, above (4p)
    at_x, at_turn, at_wire, at_side = 0, 2 * n, 3 * n, 3 * n + 2 * e
    total = at_side + 4 * p
    rows, columns, values, low = [], [], [], []

    def at_least(bound: float, terms: list[tuple[int, float]]) -> None:
        for column, value in terms:
            rows.append(len(low))
            columns.append(column)
            values.append(value)
        low.append(bound)

    size = blocks.sides_mm
    grown = size[:, ::-1] - size  # what turning adds to width and to length
    field = np.array([blocks.width_mm, blocks.length_mm]) - 2 * blocks.edge_mm
    for (i, j), side in zip(pairs.tolist(), range(p), strict=True):
        at_least(1.0, [(at_side + 4 * side + way, 1.0) for way in range(4)])
        for way, (axis, a, b) in enumerate(((0, i, j), (0, j, i), (1, i, j), (1, j, i))):
            far = field[axis] + blocks.gap_mm  # centres differ by at most the field less both halves: enough slack
            half = (size[a, axis] + size[b, axis]) / 2 + blocks.gap_mm
            at_least(half - far, [
                (at_x + axis * n + b, 1.0), (at_x + axis * n + a, -1.0), (at_turn + a, -grown[a, axis] / 2),
                (at_turn + b, -grown[b, axis] / 2), (at_side + 4 * side + way, -far),
            ])  # fmt: skip
    shorter = size.min(-1)
    for wire, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        for axis in (0, 1):
            length = (at_wire + axis * e + wire, 1.0)
            at_least(0.0, [length, (at_x + axis * n + i, 1.0), (at_x + axis * n + j, -1.0)])
            at_least(0.0, [length, (at_x + axis * n + i, -1.0), (at_x + axis * n + j, 1.0)])
        at_least((shorter[i] + shorter[j]) / 2 + blocks.gap_mm,
                 [(at_wire + wire, 1.0), (at_wire + e + wire, 1.0)])  # fmt: skip
    for i in range(n):
        for axis in (0, 1):
            for sign in (1.0, -1.0):  # half the side, turned or not, stays in the field
                at_least(size[i, axis] / 2 - field[axis] / 2,
                         [(at_x + axis * n + i, sign), (at_turn + i, -grown[i, axis] / 2)])  # fmt: skip
    lower, upper = np.full(total, 0.0), np.full(total, np.inf)
    lower[: 2 * n], upper[: 2 * n] = -field.max() / 2, field.max() / 2
    upper[at_turn : at_turn + n] = [len({t % 180 for t in turns}) - 1 for turns in blocks.turns_deg]
    for i, turns in enumerate(blocks.turns_deg):
        if {t % 180 for t in turns} == {90.0}:
            lower[at_turn + i] = upper[at_turn + i] = 1.0
    upper[at_side:] = 1.0
    whole = np.zeros(total)
    whole[at_turn : at_turn + n] = whole[at_side:] = 1
    cost = np.zeros(total)
    cost[at_wire : at_wire + e] = cost[at_wire + e : at_side] = count
    matrix = coo_array((values, (rows, columns)), shape=(len(low), total)).tocsr()
    found = milp(cost, constraints=LinearConstraint(matrix, np.array(low), np.inf), bounds=Bounds(lower, upper),
                 integrality=whole, options={"node_limit": node_limit, "time_limit": time_limit_s})  # fmt: skip
    bound = found.mip_dual_bound if found.mip_dual_bound is not None else 0.0
    return RightAngledBound(max(bound, 0.0) * (1 - FORGIVEN), found.status == 0)
