"""Grinding: the thickness profile that a tilted spindle leaves on a rotating wafer.

The rim of a cup wheel of radius W passes through the wafer's centre and cuts along one half of its arc. A point of the
arc at distance r from the centre lies r^2 / 2W towards the wheel's axis and r sqrt(1 - r^2 / 4W^2) along the tangent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.process.fan_out.model import Model, declared, require

Array = np.ndarray


def profile_um(
    *, radius_mm: ArrayLike, wheel_mm: float, pitch_tilt_rad: ArrayLike, roll_tilt_rad: ArrayLike,
    cone_rad: ArrayLike = 0.0,
) -> Array:  # fmt: skip
    """Thickness at `radius_mm` less that of the centre, in um.

    `pitch_tilt_rad` lifts the rim towards the wheel's axis, `roll_tilt_rad` along the tangent on the cutting side,
    `cone_rad` is the fall of a conical chuck from its centre; arguments broadcast. A pitch alone gives a bowl,
    r^2 / 2W times the tilt; roll and cone nearly a cone: only their sum can be told from a profile of small r / W.
    Valid: small tilts, rim without width, stiff machine. Raises DomainError: r outside 0 ... 2W. Geometry, exact to
    first order in the tilts.
    """
    r = np.asarray(radius_mm, float)
    within = bool(wheel_mm > 0 and (r >= 0).all() and (r <= 2 * wheel_mm).all())
    require(within, "profile_um", r.max(), f"0 ... {2 * wheel_mm}")
    inward, along = r**2 / (2 * wheel_mm), r * np.sqrt(1 - (r / (2 * wheel_mm)) ** 2)
    rise = np.asarray(pitch_tilt_rad, float) * inward + np.asarray(roll_tilt_rad, float) * along
    return 1e3 * (rise + np.asarray(cone_rad, float) * r)


def ttv_um(
    *, wafer_mm: float, wheel_mm: float, pitch_tilt_rad: float, roll_tilt_rad: float, cone_rad: float = 0.0
) -> float:
    """Total thickness variation over a wafer of radius `wafer_mm`: highest less lowest of 2001 radii."""
    r = np.linspace(0, wafer_mm, 2001)
    return float(np.ptp(profile_um(radius_mm=r, wheel_mm=wheel_mm, pitch_tilt_rad=pitch_tilt_rad,
                                   roll_tilt_rad=roll_tilt_rad, cone_rad=cone_rad)))  # fmt: skip


def grinding(*, wheel_mm: float = 150.0, cone_rad: float = 0.0) -> Model:
    """Thickness over radius for a wheel of radius `wheel_mm` over a chuck of known cone."""

    def thickness(radius_mm, centre_um, pitch_tilt_rad, roll_tilt_rad):
        return centre_um + profile_um(radius_mm=radius_mm, wheel_mm=wheel_mm, pitch_tilt_rad=pitch_tilt_rad,
                                      roll_tilt_rad=roll_tilt_rad, cone_rad=cone_rad)  # fmt: skip

    return declared("grinding", response="thickness_um", function=thickness, factors=("radius_mm",))
