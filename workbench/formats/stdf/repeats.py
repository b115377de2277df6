"""Readings that repeat a parameter within one part, as loops of a test program make them."""

from __future__ import annotations

import numpy as np

from workbench.errors import InputError
from workbench.formats.lot_data import Test
from workbench.formats.stdf import tables as t

MOST_REPEATS = 1000  # of one parameter in one part


def occurrences(parameter: np.ndarray, part: np.ndarray, parameters: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """For each reading, how many of the same parameter came before it in the same part; for each parameter, the most
    readings of it that one part has."""
    order, before = np.empty(len(part), np.int32), np.empty(len(part), np.int32)
    seen, most = np.zeros((parameters, 2), np.int32), np.zeros(parameters, np.int32)
    _count(parameter, part, np.zeros(parts + 1, np.int32), order, seen, before, most)
    return before, most


@t.outer
def _count(parameter, part, starts, order, seen, before, most):
    """Readings in the order of their parts, then what was seen of each parameter in the part at hand (part + 1, and how
    often)."""
    for i in range(part.shape[0]):
        starts[part[i] + 1] += 1
    for p in range(1, starts.shape[0]):
        starts[p] += starts[p - 1]
    for i in range(part.shape[0]):
        order[starts[part[i]]] = i
        starts[part[i]] += 1
    for k in range(part.shape[0]):
        i = order[k]
        p = parameter[i]
        if seen[p, 0] != part[i] + 1:
            seen[p, 0], seen[p, 1] = part[i] + 1, 0
        before[i] = seen[p, 1]
        seen[p, 1] += 1
        most[p] = max(most[p], seen[p, 1])


def again(
    tests: list[Test], parameter: np.ndarray, before: np.ndarray, counts: np.ndarray, *, most: int, where: str
) -> tuple[list[Test], np.ndarray]:
    """Readings that are not the first of their parameter in their part, under names of their own: `1000 x (2)`.
    `counts`: of each parameter, the most readings in one part.

    Raises InputError where that makes more than `most` parameters.
    """
    further = np.maximum(counts.astype(np.int64) - 1, 0)
    if len(tests) + int(further.sum()) > most:
        raise InputError("stdf.too_many_parameters", where=where, allowed=f"{most:,}")
    taken, more = {test.parameter for test in tests}, []
    for row in np.flatnonzero(further).tolist():
        test = tests[row]
        for nth in range(2, int(further[row]) + 2):
            name = f"{test.parameter} ({nth})"
            while name in taken:
                name += "'"
            taken.add(name)
            more.append(Test(name, test.unit, test.lower, test.upper, number=test.number))
    first = len(tests) + np.cumsum(further) - further  # of the further parameters of each
    renamed, rows = parameter.copy(), np.flatnonzero(before)
    renamed[rows] = first[parameter[rows]] + before[rows] - 1
    return [*tests, *more], renamed
