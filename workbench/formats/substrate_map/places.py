"""How a map counts its places: where the origin lies, which way the axes go, how the substrate is turned.

A map is a table of columns and rows as one sees it: row 0 on top, column 0 on the left. What a place is called, its
x and y, follows from the origin (a corner, or the middle) and from the directions in which x and y grow. Orientation
tells how far the substrate is turned clockwise from the notch (or flat) being below: 0 below, 90 left, 180 above,
270 right. Sources of the codes: the CM schema of SEMI E142 (Critical Manufacturing documentation) for names and
defaults; for the numbers of G85, which are those of ORLOC in SECS-II, the G85 page of artwork.com and open readers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

ORIGINS = ("LowerLeft", "LowerRight", "UpperLeft", "UpperRight", "Center")
AXES = ("UpRight", "UpLeft", "DownRight", "DownLeft")
G85_ORIGINS = ("Center", "UpperRight", "UpperLeft", "LowerLeft", "LowerRight")  # by number
ORIENTATIONS = (0, 90, 180, 270)
MOST_PLACES = 10_000_000

_INWARD = {"LowerLeft": "UpRight", "LowerRight": "UpLeft", "UpperLeft": "DownRight", "UpperRight": "DownLeft"}


@dataclass(frozen=True)
class Frame:
    """The counting of a map of `columns` x `rows` places (both at least 1)."""

    columns: int
    rows: int
    origin: str = "LowerLeft"
    axes: str = "UpRight"
    orientation_deg: int = 0

    @property
    def origin_place(self) -> tuple[int, int]:
        """Column and row of the place called 0, 0. The middle of an even count is the place before it, counted from
        the corner the axes start from."""
        if self.origin == "Center":
            before_x, before_y = (self.columns - 1) // 2, (self.rows - 1) // 2
            right, down = self.axes.endswith("Right"), self.axes.startswith("Down")
            return (before_x if right else self.columns - 1 - before_x,
                    before_y if down else self.rows - 1 - before_y)  # fmt: skip
        return (0 if self.origin.endswith("Left") else self.columns - 1,
                0 if self.origin.startswith("Upper") else self.rows - 1)  # fmt: skip

    def xy(self, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the map calls the places at columns and rows (any shape)."""
        column_0, row_0 = self.origin_place
        x, y = np.asarray(column) - column_0, np.asarray(row) - row_0
        return (x if self.axes.endswith("Right") else -x), (y if self.axes.startswith("Down") else -y)

    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of the places called x, y (any shape); they may lie outside the map."""
        column_0, row_0 = self.origin_place
        x, y = np.asarray(x), np.asarray(y)
        return (column_0 + (x if self.axes.endswith("Right") else -x),
                row_0 + (y if self.axes.startswith("Down") else -y))  # fmt: skip

    def turned(self, orientation_deg: int) -> Frame:
        """A map of the same substrate seen at another orientation, counted by the same words."""
        odd = (orientation_deg - self.orientation_deg) % 180 != 0
        columns, rows = (self.rows, self.columns) if odd else (self.columns, self.rows)
        return replace(self, columns=columns, rows=rows, orientation_deg=orientation_deg)

    def carried(self, x: np.ndarray, y: np.ndarray, to: Frame) -> tuple[np.ndarray, np.ndarray]:
        """What `to`, a map of the same substrate, calls the places that this one calls x, y (any shape).

        Raises ValueError where the two are not of one size.
        """
        turns = (to.orientation_deg - self.orientation_deg) // 90 % 4
        if (to.columns, to.rows) != ((self.rows, self.columns) if turns % 2 else (self.columns, self.rows)):
            raise ValueError(f"{self.columns} x {self.rows} cannot be {to.columns} x {to.rows}")
        column, row = self.place(x, y)
        columns, rows = self.columns, self.rows
        for _ in range(turns):  # a quarter turn clockwise: the left edge comes to lie above
            column, row = rows - 1 - row, column
            columns, rows = rows, columns
        return to.xy(column, row)


def inward(origin: str) -> str:
    """Axes that go from a corner into the map; right and down from the middle."""
    return _INWARD.get(origin, "DownRight")
