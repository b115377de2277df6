"""From a list of bumps to fields of a design: a grid where the bumps are regular to a tolerance, words that say a
million labels in one where they follow a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

import numpy as np

from workbench.errors import InputError
from workbench.stack import Grid, Points

TOLERANCE_UM = 2e-6  # two picometres: what is left of a coordinate after arithmetic
_FARTHEST_UM = 1e6
_LEAST = 4  # bumps of a grid; fewer stay points
_LONGEST_PERIOD = 64
_MOST_OMITTED = 100_000
MARKS = ("{index}", "{column}", "{row}")


def grouped(codes: np.ndarray) -> list[np.ndarray]:
    """The rows of each code (n,), ascending, in the order of their first rows."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return sorted(np.split(order, starts[1:]), key=lambda rows: rows[0])


def coded(words: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as codes (n,) into the different words, in the order of their first use."""
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(word, len(known)) for word in words), np.int64, len(words))
    return codes, tuple(known)


def field(name: str, xy_um: np.ndarray, diameter_um: float | None, labels: dict[str, tuple[np.ndarray, Sequence[str]]],
          *, tolerance_um: float = TOLERANCE_UM) -> Grid | Points:  # fmt: skip
    """A field of bumps (n, 2). `labels` give names, cells, ports and nets as codes (n,) into words. Without a diameter
    it is half the pitch (see `assumed_diameter_um`).
    """
    layout = grid_layout(xy_um, tolerance_um)
    order, sites = np.arange(len(xy_um)), (np.arange(len(xy_um)), np.zeros(len(xy_um), int))
    if layout is not None:
        grid = Grid(name=name, diameter_um=1.0, **layout[0])
        if np.abs(grid.xy_um() - xy_um[layout[1]]).max() <= tolerance_um:
            order, sites = layout[1], grid.sites()
        else:
            layout = None
    words = {kind: spelled(codes[order], said, sites) for kind, (codes, said) in labels.items()}
    diameter_um = diameter_um or assumed_diameter_um(xy_um)
    if layout is not None:
        return Grid(name=name, diameter_um=diameter_um, **words, **layout[0])
    x_um, y_um = (tuple(column.tolist()) for column in xy_um.T)
    return Points(name=name, diameter_um=diameter_um, x_um=x_um, y_um=y_um, **words)


def assumed_diameter_um(xy_um: np.ndarray) -> float:
    """Half the distance of the closest two bumps, at most 100 um; 20 um for a single one."""
    from scipy.spatial import cKDTree

    if len(xy_um) < 2:
        return 20.0
    distances, _ = cKDTree(xy_um).query(xy_um[:100_000], k=2)
    apart = distances[:, 1][distances[:, 1] > 1e-3]
    return float(min(max(round(apart.min() / 2, 3), 1e-3), 100.0)) if len(apart) else 20.0


def grid_layout(xy_um: np.ndarray, tolerance_um: float = TOLERANCE_UM) -> tuple[dict, np.ndarray] | None:
    """Shape of the grid that has these centres, to the tolerance, and the order (n,) that sorts them into its sites;
    None where there is none. Staggered fields and missing sites are found, too.
    """
    if len(xy_um) < _LEAST:
        return None
    across, along = (_axis(values, tolerance_um) for values in xy_um.T)
    if across is None or along is None:
        return None
    (ix, columns, pitch_x, x0), (iy, rows, pitch_y, y0) = across, along
    staggered = mirrored = False
    parity = (ix + iy) % 2
    if columns > 2 and rows > 1 and (parity == parity[0]).all():
        staggered, mirrored = True, bool(parity[0])
        if mirrored:
            ix = columns - 1 - ix
            if (ix + iy)[0] % 2:
                return None  # an even number of half pitches: neither way round does row 0 begin at the edge
        columns, pitch_x, half = int(ix.max()) // 2 + 1, 2 * pitch_x, pitch_x
        ix = ix // 2
        width = (columns - 1) * pitch_x + half
        x = x0 + across[2] * (across[1] - 1) - width / 2 if mirrored else x0 + width / 2
    else:
        x = x0 + (columns - 1) * pitch_x / 2
    site = iy * columns + ix
    order = np.argsort(site, kind="stable")
    missing = columns * rows - len(site)
    if missing < 0 or missing > min(len(site), _MOST_OMITTED) or (np.diff(site[order]) == 0).any():
        return None
    omitted = np.setdiff1d(np.arange(columns * rows), site) if missing else np.zeros(0, int)
    shape = {"columns": columns, "rows": rows, "pitch_x_um": pitch_x if columns > 1 else pitch_y,
             "pitch_y_um": pitch_y if rows > 1 else pitch_x, "x_um": x, "y_um": y0 + (rows - 1) * pitch_y / 2,
             "omit": tuple((int(s % columns), int(s // columns)) for s in omitted)}  # fmt: skip
    shape |= {"staggered": True} if staggered else {}
    shape |= {"mirrored": True} if mirrored else {}
    good = 0 < shape["pitch_x_um"] <= 5_000 and 0 < shape["pitch_y_um"] <= 5_000
    return (shape, order) if good else None


def _axis(values: np.ndarray, tolerance_um: float) -> tuple[np.ndarray, int, float, float] | None:
    """Index of each value, count of steps + 1, step and first value, where all lie on one regular axis."""
    if not np.abs(values).max() < _FARTHEST_UM:  # also where a value is not finite
        return None
    steps = np.diff(np.sort(values))
    low, high = float(values.min()), float(values.max())
    steps = steps[steps > tolerance_um]  # neighbours within the tolerance are one
    if not len(steps):
        return np.zeros(len(values), np.int64), 1, 0.0, low
    count = round((high - low) / float(steps.min()))
    if count < 1 or count >= 100_000:
        return None
    step = (high - low) / count
    index = np.rint((values - low) / step).astype(np.int64)
    if np.abs(values - (low + index * step)).max() > tolerance_um:
        return None
    exact = round(step, 6)  # 50.00000000000001 would be no pitch that anyone drew
    return index, count + 1, exact if abs(exact - step) * count < tolerance_um / 2 else step, low


def spelled(codes: np.ndarray, words: Sequence[str], sites: tuple[np.ndarray, np.ndarray]) -> tuple[str, ...]:
    """The shortest way to say the labels of features in order: one word, a repeated run, a word with placeholders,
    else all of them. Empty where every label is.

    Raises InputError for a word that holds a placeholder itself: it could not be told from a pattern.
    """
    used = np.flatnonzero(np.bincount(codes))
    for code in used.tolist():
        if "{" in words[code] and any(mark in words[code] for mark in MARKS):
            raise InputError("threedblox.placeholder", got=words[code][:80])
    if len(used) == 1:
        word = words[int(used[0])]
        return (word,) if word else ()
    if len(used) <= _LONGEST_PERIOD:
        for period in range(2, min(_LONGEST_PERIOD, len(codes) // 2) + 1):
            if np.array_equal(codes[period:], codes[:-period]):
                return tuple(words[code] for code in codes[:period].tolist())
    said = [words[code] for code in codes.tolist()]
    if len(used) > 2:
        for template in _templates(said, sites):
            if _says(template, said, sites):
                return (template,)
    return tuple(said)


def _templates(said: list[str], sites: tuple[np.ndarray, np.ndarray]) -> list[str]:
    """Words with placeholders that give the last label at its site."""
    last = len(said) - 1
    place = {"{index}": str(last), "{column}": str(int(sites[0][last])), "{row}": str(int(sites[1][last]))}
    pieces = re.split(r"([0-9]+)", said[last])
    choices = [[mark for mark, value in place.items() if value == piece] or [piece] for piece in pieces]
    if sum(len(choice) > 1 for choice in choices) > 3:
        return []
    return [found for made in product(*choices) if "{" in (found := "".join(made))]


def _says(template: str, said: list[str], sites: tuple[np.ndarray, np.ndarray]) -> bool:
    form = re.sub(r"[{}]", lambda brace: brace.group() * 2, template)
    for mark in MARKS:
        form = form.replace("{" + mark + "}", mark)
    fill = form.format
    return all(
        fill(index=i, column=c, row=r) == word
        for i, (word, c, r) in enumerate(zip(said, sites[0].tolist(), sites[1].tolist(), strict=True))
    )
