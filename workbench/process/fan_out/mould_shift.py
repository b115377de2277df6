"""Die shift of compression moulding: what the compound shrinks or grows against the carrier, and what its flow drags.

All terms are in proportion to the distance from the centre, so that to first order moulding is a magnification.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.process.fan_out.model import Model, declared, require

ADHESIVE_UM = 50.0
ADHESIVE_SHEAR_MPA = 0.5


def magnification_ppm(
    *, mould_cte_ppm_per_k: ArrayLike, carrier_cte_ppm_per_k: ArrayLike, dt_k: ArrayLike,
    cure_shrinkage_ppm: ArrayLike = 0.0,
) -> np.ndarray:  # fmt: skip
    """Strain of the moulded wafer against the layout, as dies follow the compound: positive outwards.

    `dt_k`: temperature at which the places are used less that at which the compound set (negative on cooling);
    `cure_shrinkage_ppm` is linear, positive for shrinking. Arguments broadcast. Valid: thin dies, a compound that
    shrinks freely, no warpage; the share of silicon is in the mould's figure. Elementary (free thermal strain).
    """
    cte = np.asarray(mould_cte_ppm_per_k, float) - np.asarray(carrier_cte_ppm_per_k, float)
    return cte * np.asarray(dt_k, float) - np.asarray(cure_shrinkage_ppm, float)


def shift_um(*, radius_mm: ArrayLike, magnification_ppm: ArrayLike) -> np.ndarray:
    """Radial shift of a die at `radius_mm`: ppm of the distance."""
    return np.asarray(radius_mm, float) * np.asarray(magnification_ppm, float) * 1e-3


def flow_shear_pa(
    *, radius_mm: ArrayLike, closing_speed_um_per_s: ArrayLike, gap_um: ArrayLike, viscosity_pa_s: ArrayLike
) -> np.ndarray:
    """Shear stress on the plate under a disc of compound pressed flat: 3 mu r V / h^2, outwards.

    Continuity gives the mean velocity r V / 2h; its parabola over the gap has the slope 6 v / h at the wall. Valid:
    Newtonian, gap much smaller than radius, no slip, dies much lower than the gap. Source: Stefan 1874 (squeeze flow).
    Raises DomainError: gap or viscosity not above 0.
    """
    h, mu = np.asarray(gap_um, float), np.asarray(viscosity_pa_s, float)
    require(bool((h > 0).all() and (mu > 0).all()), "flow_shear_pa", f"{h.min()} um, {mu.min()} Pa s", "> 0")
    radius, speed = np.asarray(radius_mm, float), np.asarray(closing_speed_um_per_s, float)
    return 3 * mu * (radius * 1e-3) * (speed * 1e-6) / (h * 1e-6) ** 2


def drag_shift_um(*, shear_pa: ArrayLike, adhesive_um: ArrayLike, adhesive_shear_mpa: ArrayLike) -> np.ndarray:
    """Shift of a die on an elastic tape sheared by the flow above it: tau t / G. Raises DomainError: G not above 0."""
    modulus = np.asarray(adhesive_shear_mpa, float)
    require(bool((modulus > 0).all()), "drag_shift_um", modulus.min(), "> 0 MPa")
    return np.asarray(shear_pa, float) * np.asarray(adhesive_um, float) / (modulus * 1e6)


def _shift(radius_mm, dt_k, closing_speed_um_per_s, gap_um, cte_difference_ppm_per_k, cure_shrinkage_ppm,
           viscosity_pa_s):  # fmt: skip
    strain = magnification_ppm(mould_cte_ppm_per_k=cte_difference_ppm_per_k, carrier_cte_ppm_per_k=0.0, dt_k=dt_k,
                               cure_shrinkage_ppm=cure_shrinkage_ppm)  # fmt: skip
    shear = flow_shear_pa(radius_mm=radius_mm, closing_speed_um_per_s=closing_speed_um_per_s, gap_um=gap_um,
                          viscosity_pa_s=viscosity_pa_s)  # fmt: skip
    drag = drag_shift_um(shear_pa=shear, adhesive_um=ADHESIVE_UM, adhesive_shear_mpa=ADHESIVE_SHEAR_MPA)
    return shift_um(radius_mm=radius_mm, magnification_ppm=strain) + drag


def mould_shift() -> Model:
    """Radial shift over radius, temperature and closing speed; on a 50 um tape of 0.5 MPa shear modulus."""
    return declared("mould_shift", response="shift_um", function=_shift,
                    factors=("radius_mm", "dt_k", "closing_speed_um_per_s", "gap_um"))  # fmt: skip
