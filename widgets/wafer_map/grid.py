"""The dies of a map and the colour of each: what the drawing in a report and the map on screen share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from widgets.builder.colours import viridis
from workbench.errors import InputError
from workbench.reports.look import CATEGORIES, DIVERGING

MOST_DIES = 200_000
MOST_SIDE = 4_000  # columns or rows
_STEPS = 64  # colours of a scale: more cannot be told apart
EMPTY = 255  # the code of a place without a die
MISSING = 254  # a die without a value
_MISSING_COLOUR = "#C9CED6"


@dataclass(frozen=True)
class Scale:
    """A run of colours from `low` to `high`, in the unit of `label` (in every language). With `centred` the middle of
    a blue-white-orange run stands for zero."""

    label: Mapping[str, str]
    unit: str = ""
    low: float | None = None
    high: float | None = None
    centred: bool = False


@dataclass(frozen=True)
class Category:
    """One kind of die, a bin or a cluster: its value in the map, its words and its colour (None: the next free)."""

    value: int
    label: Mapping[str, str]
    colour: str | None = None


@dataclass(frozen=True)
class DieGrid:
    """Dies at whole-number places `x` (columns, to the right) and `y` (rows, `y_up` or down), shape (n,), and the value
    of each, shape (n,), NaN where there is none. `codes` (n,) are the places of their colours in `palette`.

    `pitch_mm` is width and length of a place; without it places are square. `shape` is "wafer" or "panel".
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    codes: np.ndarray
    palette: tuple[str, ...]
    scale: Scale | None = None
    categories: tuple[Category, ...] = ()
    shape: str = "wafer"
    y_up: bool = True
    pitch_mm: tuple[float, float] | None = None
    notch: str | None = None  # the side the notch is on: "down", "left", "up", "right"
    names: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def measured(cls, x: np.ndarray, y: np.ndarray, values: np.ndarray, scale: Scale, **more: object) -> DieGrid:
        """A map of a quantity. Limits the scale leaves open are those of the values.

        Raises InputError: arrays of different length, two dies at one place, too many dies or places.
        """
        x, y, values = _checked(x, y, values)
        finite = values[np.isfinite(values)]
        low = scale.low if scale.low is not None else float(finite.min()) if finite.size else 0.0
        high = scale.high if scale.high is not None else float(finite.max()) if finite.size else 1.0
        if scale.centred:
            high = max(abs(low), abs(high)) or 1.0
            low = -high
        share = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
        codes = np.where(np.isfinite(values), np.nan_to_num(share) * (_STEPS - 1) + 0.5, MISSING).astype(np.uint8)
        runs = [_diverging(i / (_STEPS - 1)) if scale.centred else viridis(i / (_STEPS - 1)) for i in range(_STEPS)]
        return cls(x, y, values, codes, tuple(runs), replace(scale, low=low, high=high), **more)

    @classmethod
    def of_kinds(cls, x: np.ndarray, y: np.ndarray, values: np.ndarray, kinds: Sequence[Category],
                 **more: object) -> DieGrid:  # fmt: skip
        """A map of kinds of die: `values` are those of `kinds`; others count as missing. Raises as `measured`."""
        x, y, values = _checked(x, y, values)
        free = iter(_spread_colours(len(kinds)))
        kinds = tuple(kind if kind.colour else replace(kind, colour=next(free)) for kind in kinds)
        codes = np.full(len(x), MISSING, np.uint8)
        for code, kind in enumerate(kinds[:MISSING]):
            codes[values == kind.value] = code
        return cls(x, y, values, codes, tuple(str(kind.colour) for kind in kinds), categories=kinds, **more)

    @property
    def columns(self) -> int:
        return int(np.ptp(self.x)) + 1 if len(self.x) else 0

    @property
    def rows(self) -> int:
        return int(np.ptp(self.y)) + 1 if len(self.y) else 0

    @property
    def aspect(self) -> float:
        """Length of a place over its width."""
        return self.pitch_mm[1] / self.pitch_mm[0] if self.pitch_mm else 1.0

    def picture(self) -> np.ndarray:
        """Codes (rows, columns) as seen, first row on top; `EMPTY` where there is no die."""
        seen = np.full((self.rows, self.columns), EMPTY, np.uint8)
        column, row = self.places()
        seen[row, column] = self.codes
        return seen

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Column and row (n,) of each die as seen, from the top left."""
        row = self.y - self.y.min() if len(self.y) else self.y
        return (self.x - self.x.min() if len(self.x) else self.x), (self.rows - 1 - row if self.y_up else row)

    def within(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """Indices of the dies whose places, as seen, lie in the rectangle of columns and rows, ends included."""
        column, row = self.places()
        return np.flatnonzero((column >= left) & (column <= right) & (row >= top) & (row <= bottom))

    def colour_of_missing(self) -> str:
        return _MISSING_COLOUR


def _checked(x: np.ndarray, y: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, values = np.asarray(x), np.asarray(y), np.asarray(values, float)
    if not x.shape == y.shape == values.shape or x.ndim != 1:
        raise InputError("wafer_map.lengths", got=f"{x.shape}, {y.shape}, {values.shape}")
    if len(x) and not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("wafer_map.places", got="NaN")
    x, y = x.astype(np.int64), y.astype(np.int64)
    if len(x) > MOST_DIES or (len(x) and max(np.ptp(x), np.ptp(y)) >= MOST_SIDE):
        raise InputError("wafer_map.size", got=len(x), allowed=f"<= {MOST_DIES:,}, {MOST_SIDE:,} x {MOST_SIDE:,}")
    if len(np.unique(x * 2**32 + y)) != len(x):
        raise InputError("wafer_map.twice", got=len(x) - len(np.unique(x * 2**32 + y)))
    return x, y, values


def _spread_colours(count: int) -> list[str]:
    """The categories' colours, in their order; darker shades of them when there are more kinds."""
    shades = [1.0, 0.62, 0.35]
    return [_darker(CATEGORIES[i % len(CATEGORIES)], shades[min(i // len(CATEGORIES), 2)]) for i in range(count)]


def _darker(colour: str, factor: float) -> str:
    return "#" + "".join(f"{round(int(colour[i : i + 2], 16) * factor):02X}" for i in (1, 3, 5))


def _diverging(share: float) -> str:
    at = share * (len(DIVERGING) - 1)
    low, high = DIVERGING[int(at)], DIVERGING[min(int(at) + 1, len(DIVERGING) - 1)]
    mixed = (int(low[i : i + 2], 16) * (1 - at % 1) + int(high[i : i + 2], 16) * (at % 1) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part):02X}" for part in mixed)
