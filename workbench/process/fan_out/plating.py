"""Copper plating: the thickness of Faraday's law, and how the resistance of the seed spreads it from edge to centre."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from workbench.process.fan_out.model import Model, declared, require

Array = np.ndarray
FARADAY_C_PER_MOL = 96_485.33212  # exact by the SI of 2019
COPPER = {"molar_kg": 0.063546, "valence": 2, "density_kg_per_m3": 8960.0}
COPPER_OHM_M = 1.72e-8


_NODES = np.polynomial.legendre.leggauss(8)


def plated_um(*, current_ma_per_cm2: ArrayLike, time_min: ArrayLike, efficiency_ratio: ArrayLike = 1.0) -> Array:
    """Copper plated by a current density over a time: i t M / (z F rho). Source: Faraday's law."""
    metres_per_charge = COPPER["molar_kg"] / (COPPER["valence"] * FARADAY_C_PER_MOL * COPPER["density_kg_per_m3"])
    charge = np.asarray(current_ma_per_cm2, float) * 10 * np.asarray(time_min, float) * 60
    return charge * metres_per_charge * 1e6 * np.asarray(efficiency_ratio, float)


def terminal_ratio(
    *, radius_mm: ArrayLike, wafer_mm: float, sheet_ohm: ArrayLike, area_resistance_ohm_cm2: ArrayLike,
    open_ratio: ArrayLike = 1.0,
) -> Array:  # fmt: skip
    """Local over mean current density on a disc contacted all around: (k R / 2) I0(k r) / I1(k R), with
    k^2 = sheet resistance x open share / area resistance.

    `wafer_mm` is the radius R to the contact ring; `area_resistance_ohm_cm2` is charge transfer and electrolyte
    together, for the open area; arguments broadcast. Valid: linear polarisation, a bath at one potential, a film of
    even thickness. Raises DomainError: a resistance or share not above 0, r outside 0 ... R.
    Source: Ohm's law on a disc (modified Bessel equation), exact; the terminal effect.
    """
    r, open_share = np.asarray(radius_mm, float), np.asarray(open_ratio, float)
    sheet, area = np.asarray(sheet_ohm, float), np.asarray(area_resistance_ohm_cm2, float)
    require(bool((sheet > 0).all() and (area > 0).all() and (open_share > 0).all() and (open_share <= 1).all()),
            "terminal_ratio", f"{sheet.min()} ohm, {area.min()} ohm cm2", "> 0")  # fmt: skip
    require(bool((r >= 0).all() and (r <= wafer_mm * (1 + 1e-9)).all()), "radius_mm", r.max(), f"0 ... {wafer_mm}")
    k = np.sqrt(sheet * open_share / (area * 100))  # per mm
    edge = k * wafer_mm
    return edge / 2 * special.i0e(k * r) / special.i1e(edge) * np.exp(k * r - edge)


def wagner_number(*, bath_ohm_m: float, slope_ohm_cm2: float, length_mm: float) -> float:
    """Slope of the polarisation over the ohmic drop across `length_mm` of a bath of resistivity `bath_ohm_m`:
    far above 1 the current spreads evenly, far below 1 it follows the primary distribution."""
    require(min(bath_ohm_m, slope_ohm_cm2, length_mm) > 0, "wagner_number", bath_ohm_m, "> 0")
    return slope_ohm_cm2 * 1e-4 / (bath_ohm_m * length_mm * 1e-3)


def primary_ratio(*, radius_mm: ArrayLike, disc_mm: float) -> Array:
    """Local over mean current density of a disc in an insulating plane, no polarisation: 1 / (2 sqrt(1 - (r/R)^2)).

    Infinite at the edge: raises DomainError for r >= R. Source: Newman 1966, J. Electrochem. Soc. 113, 501 (potential
    of a charged disc, exact).
    """
    r = np.asarray(radius_mm, float) / disc_mm
    require(bool((r >= 0).all() and (r < 1).all()), "primary_ratio: radius_mm", r.max(), "0 ... disc_mm")
    return 0.5 / np.sqrt(1 - r**2)


def uniformity_percent(thickness_um: Array) -> float:
    """Half range over the mid range, in percent: (max - min) / (max + min)."""
    t = np.asarray(thickness_um, float)
    return float(100 * (t.max() - t.min()) / (t.max() + t.min()))


def thickness_profile_um(
    *, radius_mm: ArrayLike, wafer_mm: float, seed_um: ArrayLike, current_ma_per_cm2: ArrayLike, time_min: ArrayLike,
    area_resistance_ohm_cm2: ArrayLike, efficiency_ratio: ArrayLike = 1.0, open_ratio: ArrayLike = 1.0,
    resistivity_ohm_m: float = COPPER_OHM_M,
) -> Array:  # fmt: skip
    """Copper plated at `radius_mm` while the film grows: the terminal effect at the film's mean thickness, averaged
    over the mean thickness from seed to end (8 Gauss nodes). `current_ma_per_cm2` is of the open area; with a share
    open the pattern sits in resist and only the seed carries the current. Arguments broadcast.

    Valid: uniformity better than about 30 %, as the film is taken as even at each moment (tested against a film that
    grows unevenly). Raises DomainError: as `terminal_ratio`; no seed.
    """
    start = np.asarray(seed_um, float)
    require(bool((start > 0).all()), "seed_um", start.min(), "> 0")
    total = plated_um(current_ma_per_cm2=current_ma_per_cm2, time_min=time_min, efficiency_ratio=efficiency_ratio)
    growing = np.where(np.asarray(open_ratio, float) < 1, 0.0, 1.0)
    node, weight = _NODES
    radius, start, filled, area, share = (
        np.asarray(v, float)[..., None]
        for v in (radius_mm, start, growing * total, area_resistance_ohm_cm2, open_ratio)
    )
    sheet = resistivity_ohm_m / ((start + filled * (node + 1) / 2) * 1e-6)
    ratio = terminal_ratio(radius_mm=radius, wafer_mm=wafer_mm, sheet_ohm=sheet, area_resistance_ohm_cm2=area,
                           open_ratio=share) @ (weight / 2)  # fmt: skip
    return total * ratio


def plating(*, wafer_mm: float = 147.0, open_ratio: float = 1.0) -> Model:
    """Thickness over radius, seed, current and time on a wafer contacted at `wafer_mm`."""

    def thickness(radius_mm, seed_um, current_ma_per_cm2, time_min, area_resistance_ohm_cm2, efficiency_ratio):
        return thickness_profile_um(radius_mm=radius_mm, wafer_mm=wafer_mm, seed_um=seed_um, time_min=time_min,
                                    current_ma_per_cm2=current_ma_per_cm2, efficiency_ratio=efficiency_ratio,
                                    area_resistance_ohm_cm2=area_resistance_ohm_cm2, open_ratio=open_ratio)  # fmt: skip

    return declared("plating", response="thickness_um", function=thickness,
                    factors=("radius_mm", "seed_um", "current_ma_per_cm2", "time_min"))  # fmt: skip
