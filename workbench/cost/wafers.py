"""Dies per wafer: the usual formula, and the exact count of a grid of rectangles inside a circle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import DomainError


@dataclass(frozen=True)
class Wafer:
    """A wafer to be diced. `edge_exclusion_mm` is the unusable ring, `scribe_mm` the street between two dies."""

    diameter_mm: float = 300.0
    edge_exclusion_mm: float = 5.0
    scribe_mm: float = 0.2

    def __post_init__(self):
        if not (self.diameter_mm > 0 and self.scribe_mm >= 0 and 0 <= self.edge_exclusion_mm < self.diameter_mm / 2):
            raise DomainError("cost.domain", where="wafer", got=self, allowed="edge exclusion < radius, scribe >= 0")

    @property
    def usable_radius_mm(self) -> float:
        return self.diameter_mm / 2 - self.edge_exclusion_mm

    @property
    def area_mm2(self) -> float:
        return np.pi * self.diameter_mm**2 / 4


def dies_per_wafer(wafer: Wafer, *, area_mm2: ArrayLike) -> np.ndarray:
    """Dies per wafer by the formula pi r^2/A - 2 pi r/sqrt(2 A), r the usable radius, A the die with its streets.

    The die is taken as square: A = a + 2 s sqrt(a) + s^2. A real number, not a count. Valid while the die is small
    against the wafer. Source: as used by Chiplet Actuary (DAC 2022). Raises DomainError when nothing is left.
    """
    a = np.asarray(area_mm2, float)
    if np.any(~(a > 0)):
        raise DomainError("cost.domain", where="die area", got=area_mm2, allowed="> 0 mm2")
    with_streets, r = a + 2 * wafer.scribe_mm * np.sqrt(a) + wafer.scribe_mm**2, wafer.usable_radius_mm
    count = np.pi * r**2 / with_streets - 2 * np.pi * r / np.sqrt(2 * with_streets)
    if np.any(count < 1):
        raise DomainError("cost.die_too_large", where="die area", got=f"{a.max():g} mm2",
                          allowed=f"{wafer.diameter_mm:g} mm wafer")  # fmt: skip
    return count


MOST_ON_A_MAP = 300_000  # dies of a wafer that are counted one by one; of smaller dies the formula is exact enough


def countable(wafer: Wafer, *, width_mm: float, length_mm: float) -> bool:
    """Whether the dies of this size are few enough on a wafer to be placed one by one."""
    pitch_mm2 = (width_mm + wafer.scribe_mm) * (length_mm + wafer.scribe_mm)
    return wafer.area_mm2 <= MOST_ON_A_MAP * pitch_mm2


@dataclass(frozen=True)
class WaferGrid:
    """The best of the tried grid offsets. `corners_mm` (n, 2) are lower left corners of whole dies, `partial_mm` of
    dies the usable edge cuts; origin at the wafer's centre. `count_low` is the worst offset tried."""

    wafer: Wafer
    width_mm: float
    length_mm: float
    offset_x_mm: float
    offset_y_mm: float
    count: int
    count_low: int
    corners_mm: np.ndarray
    partial_mm: np.ndarray


def grid_count(
    wafer: Wafer, *, width_mm: float, length_mm: float, offset_x_mm: ArrayLike, offset_y_mm: ArrayLike
) -> np.ndarray:
    """Whole dies of a grid shifted by the offsets (broadcast), exact: all four corners within the usable radius.

    The grid has a die's lower left corner at (offset_x, offset_y); streets lie between dies and may cross the edge.
    Flat, notch and alignment marks are not subtracted. Raises DomainError for a die of no size.
    """
    if not (width_mm > 0 and length_mm > 0):
        raise DomainError("cost.domain", where="die size", got=f"{width_mm} x {length_mm} mm", allowed="> 0")
    offset_x, offset_y = np.broadcast_arrays(np.asarray(offset_x_mm, float), np.asarray(offset_y_mm, float))
    pitch_x, pitch_y, r = width_mm + wafer.scribe_mm, length_mm + wafer.scribe_mm, wafer.usable_radius_mm
    reach = int(np.ceil(r / pitch_x)) + 1
    left = offset_x[..., None] % pitch_x + pitch_x * np.arange(-reach, reach)  # every column that can hold a die
    farthest = np.maximum(np.abs(left), np.abs(left + width_mm))
    chord = np.sqrt(np.maximum(r**2 - farthest**2, 0.0))
    # Rows j with -chord <= y0 + j*pitch and y0 + j*pitch + length <= chord. The margin (1e-9 mm) forgives rounding.
    first = np.ceil((-chord - offset_y[..., None]) / pitch_y - 1e-9)
    last = np.floor((chord - length_mm - offset_y[..., None]) / pitch_y + 1e-9)
    rows = np.where(farthest <= r, np.maximum(last - first + 1, 0), 0)
    return rows.sum(-1).astype(int)


def best_grid(wafer: Wafer, *, width_mm: float, length_mm: float, offset_count: int = 20) -> WaferGrid:
    """The best of offset_count x offset_count equally spaced grid offsets, with the dies for a wafer map.

    More offsets can find a few dies more; the count of each offset is exact. Raises DomainError when no die fits.
    """
    pitch_x, pitch_y = width_mm + wafer.scribe_mm, length_mm + wafer.scribe_mm
    share = np.arange(offset_count) / offset_count
    offset_x, offset_y = (share * pitch_x)[:, None], (share * pitch_y)[None, :]
    counts = grid_count(wafer, width_mm=width_mm, length_mm=length_mm, offset_x_mm=offset_x, offset_y_mm=offset_y)
    if counts.max() < 1:
        raise DomainError("cost.die_too_large", where="die size", got=f"{width_mm:g} x {length_mm:g} mm",
                          allowed=f"{wafer.diameter_mm:g} mm wafer")  # fmt: skip
    i, j = np.unravel_index(counts.argmax(), counts.shape)
    x0, y0 = float(offset_x[i, 0]), float(offset_y[0, j])
    whole, partial = _corners(wafer, width_mm, length_mm, x0, y0)
    return WaferGrid(wafer, width_mm, length_mm, x0, y0, int(counts[i, j]), int(counts.min()), whole, partial)


def _corners(wafer: Wafer, width_mm: float, length_mm: float, x0: float, y0: float) -> tuple[np.ndarray, np.ndarray]:
    pitch_x, pitch_y, r = width_mm + wafer.scribe_mm, length_mm + wafer.scribe_mm, wafer.usable_radius_mm
    nx, ny = int(np.ceil(r / pitch_x)) + 1, int(np.ceil(r / pitch_y)) + 1
    x, y = np.meshgrid(x0 + pitch_x * np.arange(-nx - 1, nx + 1), y0 + pitch_y * np.arange(-ny - 1, ny + 1))
    x, y = x.ravel(), y.ravel()
    farthest = np.hypot(np.maximum(abs(x), abs(x + width_mm)), np.maximum(abs(y), abs(y + length_mm)))
    nearest = np.hypot(np.maximum(0, np.maximum(x, -x - width_mm)), np.maximum(0, np.maximum(y, -y - length_mm)))
    whole = farthest <= r + 1e-9
    partial = ~whole & (nearest < r)
    return np.stack([x, y], 1)[whole], np.stack([x, y], 1)[partial]
