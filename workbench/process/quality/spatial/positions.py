"""Places on a wafer or panel, in shares of its size: 0 at the centre, 1 at the edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.errors import DomainError

Array = np.ndarray


@dataclass(frozen=True)
class Carrier:
    """A round wafer of `radius_mm`, or a panel of `width_mm` by `length_mm`; its centre is the origin."""

    radius_mm: float | None = None
    width_mm: float | None = None
    length_mm: float | None = None

    def __post_init__(self):
        sizes = (self.radius_mm,) if self.radius_mm is not None else (self.width_mm, self.length_mm)
        if any(size is None or not size > 0 for size in sizes):
            raise DomainError("process.carrier", got=sizes, allowed="> 0")

    @property
    def is_round(self) -> bool:
        return self.radius_mm is not None


@dataclass(frozen=True)
class Positions:
    """Places of n units. `rho` is the distance from the centre as a share of that to the edge (on a panel the larger
    of the two axes, so that lines of equal rho are rectangles), `area` the share of the carrier within that line."""

    x_mm: Array
    y_mm: Array
    carrier: Carrier

    @property
    def rho(self) -> Array:
        if self.carrier.is_round:
            return np.hypot(self.x_mm, self.y_mm) / self.carrier.radius_mm
        return np.maximum(np.abs(self.x_mm) * 2 / self.carrier.width_mm, np.abs(self.y_mm) * 2 / self.carrier.length_mm)

    @property
    def area(self) -> Array:
        return self.rho**2

    @property
    def angle_deg(self) -> Array:
        """0 ... 360, counterclockwise from +x; the notch is at 270 when it points down."""
        return np.degrees(np.arctan2(self.y_mm, self.x_mm)) % 360

    @property
    def edge_distance_mm(self) -> Array:
        if self.carrier.is_round:
            return self.carrier.radius_mm - np.hypot(self.x_mm, self.y_mm)
        return np.minimum(self.carrier.width_mm / 2 - np.abs(self.x_mm), self.carrier.length_mm / 2 - np.abs(self.y_mm))

    def __len__(self) -> int:
        return len(self.x_mm)


def positions(x_mm: Array, y_mm: Array, carrier: Carrier | None = None) -> Positions:
    """Places of units with centres `x_mm`, `y_mm` (n,) from the carrier's centre.

    Without a carrier a wafer is assumed that just holds the outermost centre. Raises DomainError: different lengths,
    values not finite, a centre more than 1 % outside the carrier.
    """
    x, y = np.asarray(x_mm, float).ravel(), np.asarray(y_mm, float).ravel()
    if len(x) != len(y) or not len(x) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DomainError("process.values_and_labels", got=f"{len(x)}, {len(y)}")
    if carrier is None:
        carrier = Carrier(radius_mm=float(max(np.hypot(x, y).max(), 1e-9)))
    placed = Positions(x, y, carrier)
    if placed.rho.max() > 1.01:
        raise DomainError("process.outside_carrier", got=f"{placed.rho.max():.3g}", allowed="<= 1")
    return placed
