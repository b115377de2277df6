"""Readings that repeat a parameter within one part, as loops of a test program make them."""

from __future__ import annotations

import numba
import numpy as np

from workbench.errors import InputError
from workbench.formats.lot_data import Test

MOST_REPEATS = 1000  # of one parameter in one part


@numba.njit(cache=True)
def occurrences(parameter, part, parameters, parts):
    """For each reading, how many of the same parameter came before it in the same part."""
    n = parameter.shape[0]
    starts = np.zeros(parts + 1, np.int64)
    for i in range(n):
        starts[part[i] + 1] += 1
    for p in range(parts):
        starts[p + 1] += starts[p]
    order = np.empty(n, np.int64)
    for i in range(n):
        order[starts[part[i]]] = i
        starts[part[i]] += 1
    seen_in = np.full(parameters, -1, np.int64)
    seen = np.zeros(parameters, np.int32)
    before = np.zeros(n, np.int32)
    for k in range(n):
        i = order[k]
        p = parameter[i]
        if seen_in[p] != part[i]:
            seen_in[p], seen[p] = part[i], 0
        before[i] = seen[p]
        seen[p] += 1
    return before


def again(
    tests: list[Test], parameter: np.ndarray, before: np.ndarray, *, most: int, where: str
) -> tuple[list[Test], np.ndarray]:
    """Readings that are not the first of their parameter in their part, under names of their own: `1000 x (2)`.

    Raises InputError where that makes more than `most` parameters.
    """
    rows = np.flatnonzero(before)
    width = int(before.max()) + 1
    keys, inverse = np.unique(parameter[rows].astype(np.int64) * width + before[rows], return_inverse=True)
    if len(tests) + len(keys) > most:
        raise InputError("stdf.too_many_parameters", where=where, allowed=f"{most:,}")
    taken, more = {test.parameter for test in tests}, []
    for key in keys.tolist():
        test = tests[key // width]
        name = f"{test.parameter} ({key % width + 1})"
        while name in taken:
            name += "'"
        taken.add(name)
        more.append(Test(name, test.unit, test.lower, test.upper, number=test.number))
    renamed = parameter.copy()
    renamed[rows] = len(tests) + inverse
    return [*tests, *more], renamed
