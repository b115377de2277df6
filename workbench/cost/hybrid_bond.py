"""Hybrid bonding: how much overlay error the pads forgive, and the yield left by particles.

After YAP (Z. Chen et al., UCLA NanoCAD; github.com/nanocad-lab/YAP, Apache-2.0). The overlay limit is its criterion;
the particle yield here is the closed form of its void model, without its pixel map (see docs/theory).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from workbench.errors import DomainError


def overlap_area_um2(*, radius_a_um: float, radius_b_um: float, distance_um: float) -> float:
    """Area common to two circles whose centres lie `distance_um` apart (a lens; elementary geometry)."""
    a, b, d = radius_a_um, radius_b_um, distance_um
    if min(a, b) <= 0 or d < 0:
        raise DomainError("cost.domain", where="overlap_area_um2", got=f"{a}, {b}, {d}",
                          allowed="radii > 0, distance >= 0")  # fmt: skip
    if d >= a + b:
        return 0.0
    if d <= abs(a - b):
        return float(np.pi * min(a, b) ** 2)
    alpha = np.arccos(np.clip((a * a + d * d - b * b) / (2 * a * d), -1, 1))
    beta = np.arccos(np.clip((b * b + d * d - a * a) / (2 * b * d), -1, 1))
    return float(a * a * (alpha - np.sin(2 * alpha) / 2) + b * b * (beta - np.sin(2 * beta) / 2))


def overlay_limit_nm(
    *,
    pitch_um: float,
    bottom_radius_um: float,
    top_radius_um: float,
    contact_ratio: float = 0.5,
    spacing_ratio: float = 0.5,
) -> float:
    """Largest pad misalignment that keeps contact and spacing, in nm.

    Contact: the overlap must stay >= contact_ratio of the smaller (top) pad. Spacing to the neighbour:
    (1 - k) pitch - r_top + (2k - 1) r_bottom with k = spacing_ratio. Valid for top radius <= bottom radius and pads
    that do not touch (2 r_bottom < pitch). Source: YAP. Raises DomainError outside.
    """
    if not (0 < top_radius_um <= bottom_radius_um and 2 * bottom_radius_um < pitch_um and 0 < contact_ratio < 1
            and 0 <= spacing_ratio <= 1):  # fmt: skip
        raise DomainError("cost.domain", where="overlay_limit_nm",
                          got=f"pitch {pitch_um}, radii {bottom_radius_um} / {top_radius_um}, contact {contact_ratio}",
                          allowed="0 < r_top <= r_bottom < pitch / 2, 0 < contact < 1")  # fmt: skip
    wanted = contact_ratio * np.pi * top_radius_um**2
    contact = brentq(
        lambda d: overlap_area_um2(radius_a_um=bottom_radius_um, radius_b_um=top_radius_um, distance_um=d) - wanted,
        bottom_radius_um - top_radius_um, bottom_radius_um + top_radius_um, xtol=1e-15, rtol=1e-14,
    )  # fmt: skip
    spacing = (1 - spacing_ratio) * pitch_um - top_radius_um + (2 * spacing_ratio - 1) * bottom_radius_um
    return 1000 * min(contact, spacing)


def particle_yield(
    *,
    width_um: float,
    length_um: float,
    particle_density_per_um2: float,
    top_radius_um: float,
    smallest_particle_um: float = 0.1,
    thickness_exponent: float = 3.0,
    void_growth: float = 1.8e-4,
    void_offset: float = 230.0,
    bonded_radius_um: float | None = None,
) -> float:
    """Share of bonds without a void over a pad, every pad critical.

    A particle of thickness t (Pareto, density ~ t^-z above the smallest) at distance L from the first contact leaves
    a void of radius (k L + k0) sqrt(t). With pads far denser than a void is wide, the fatal area is the pad array
    grown by void and pad radius: w l + 2 (w + l) r + pi r^2, here averaged in closed form over t and L (L over the
    disc of the die's area, or over `bonded_radius_um`: the wafer, whose bond starts at its centre), then Poisson.
    The tail of smaller voids that YAP adds in wafer-to-wafer bonding is left out. Void constants: YAP's defaults (k in
    um^-1/2, k0 in um^1/2).
    Valid: thickness_exponent > 2, void radius >> pad pitch. Raises DomainError outside.
    """
    z, t0 = thickness_exponent, smallest_particle_um
    if not (z > 2 and min(width_um, length_um, top_radius_um, t0) > 0 and particle_density_per_um2 >= 0):
        raise DomainError("cost.domain", where="particle_yield", got=f"z = {z}",
                          allowed="z > 2, lengths > 0, density >= 0")  # fmt: skip
    disc = np.sqrt(width_um * length_um / np.pi) if bonded_radius_um is None else bonded_radius_um
    mean_growth = void_growth * 2 * disc / 3 + void_offset
    mean_growth2 = void_growth**2 * disc**2 / 2 + 2 * void_growth * void_offset * 2 * disc / 3 + void_offset**2
    radius = mean_growth * (z - 1) / (z - 1.5) * np.sqrt(t0)
    radius2 = mean_growth2 * (z - 1) / (z - 2) * t0
    grown, grown2 = radius + top_radius_um, radius2 + 2 * top_radius_um * radius + top_radius_um**2
    fatal_um2 = width_um * length_um + 2 * (width_um + length_um) * grown + np.pi * grown2
    return float(np.exp(-particle_density_per_um2 * fatal_um2))
