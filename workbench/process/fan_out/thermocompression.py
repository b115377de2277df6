"""Thermocompression: how fast a die squeezes paste or film out of its joint, and how fast heat reaches the joint."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfc

from workbench.process.fan_out.model import Model, declared, require

Array = np.ndarray
GAS_J_PER_MOL_K = 8.314462618  # exact by the SI of 2019
REFERENCE_C = 150.0


def squeeze_shape_mm4(*, width_mm: float, length_mm: float) -> float:
    """The figure J of a rectangle in Stefan's equation, F = 3 J mu V / h^3: its torsion constant, for pressure under a
    plate and stress in a twisted bar obey one equation. A disc has pi R^4 / 2. Source: Timoshenko and Goodier, Theory
    of Elasticity, series of the rectangular bar (a square of side a: 0.140577 a^4)."""
    require(min(width_mm, length_mm) > 0, "squeeze_shape_mm4", f"{width_mm} x {length_mm} mm", "> 0")
    a, b = max(width_mm, length_mm), min(width_mm, length_mm)
    odd = np.arange(1, 200, 2)
    series = (np.tanh(odd * np.pi * a / (2 * b)) / odd**5).sum()
    tail = 1 / (8 * 200.0**4)  # of the terms beyond, where tanh is 1
    return float(a * b**3 * (1 / 3 - 64 / np.pi**5 * b / a * (series + tail)))


def gap_um(*, start_um: ArrayLike, force_n: ArrayLike, time_s: ArrayLike, viscosity_pa_s: ArrayLike,
           shape_mm4: float) -> Array:  # fmt: skip
    """Gap after a constant force: 1 / h^2 = 1 / h0^2 + 2 F t / (3 J mu). Arguments broadcast.

    With force or viscosity changing, give the time at the end and force / viscosity as their mean over it. Valid:
    Newtonian, plate filled, parallel, no filler that bridges the gap. Source: Stefan 1874 (F = 3 pi mu R^4 V / 2 h^3
    for a disc). Raises DomainError: gap, viscosity or shape not above 0, force or time below 0.
    """
    h0, mu, force = (np.asarray(v, float) for v in (start_um, viscosity_pa_s, force_n))
    time = np.asarray(time_s, float)
    require(bool((h0 > 0).all() and (mu > 0).all() and (force >= 0).all() and (time >= 0).all() and shape_mm4 > 0),
            "gap_um", f"{h0.min()} um, {mu.min()} Pa s, {force.min()} N", "> 0")  # fmt: skip
    return 1e6 / np.sqrt(1 / (h0 * 1e-6) ** 2 + 2 * force * time / (3 * shape_mm4 * 1e-12 * mu))


def squeeze_time_s(*, start_um: ArrayLike, end_um: ArrayLike, force_n: ArrayLike, viscosity_pa_s: ArrayLike,
                   shape_mm4: float) -> Array:  # fmt: skip
    """Time from one gap to another under a constant force; as `gap_um`."""
    h0, h1, force = (np.asarray(v, float) for v in (start_um, end_um, force_n))
    ordered = bool((h1 > 0).all() and (h0 >= h1).all() and (force > 0).all())
    require(ordered, "squeeze_time_s", f"{h0.min()}, {h1.min()} um", "start >= end > 0")
    room = 1 / (h1 * 1e-6) ** 2 - 1 / (h0 * 1e-6) ** 2
    return 3 * shape_mm4 * 1e-12 * np.asarray(viscosity_pa_s, float) / (2 * force) * room


def viscosity_at_pa_s(*, viscosity_pa_s: ArrayLike, activation_kj_per_mol: ArrayLike, temperature_c: ArrayLike,
                      reference_c: float = REFERENCE_C) -> Array:  # fmt: skip
    """Arrhenius viscosity at `temperature_c` from that at `reference_c`; before cure sets in."""
    t, t0 = np.asarray(temperature_c, float) + 273.15, reference_c + 273.15
    return np.asarray(viscosity_pa_s, float) * np.exp(
        np.asarray(activation_kj_per_mol, float) * 1e3 / GAS_J_PER_MOL_K * (1 / t - 1 / t0)
    )


def heated_ratio(*, time_s: ArrayLike, thickness_um: ArrayLike, diffusivity_mm2_per_s: ArrayLike) -> Array:
    """Share of the head's step in temperature that has arrived at the far, insulated face of a die:
    1 - (4/pi) sum (-1)^n / (2n + 1) exp(-(2n + 1)^2 pi^2 Fo / 4). At short times by the image series.

    Valid: one layer, head at one temperature, no loss to the substrate (the joint is cooler in truth). Source: Carslaw
    and Jaeger, Conduction of Heat in Solids, 3.4. Raises DomainError: a size or diffusivity not above 0, time below 0.
    """
    t, thickness = np.asarray(time_s, float), np.asarray(thickness_um, float) * 1e-3
    diffusivity = np.asarray(diffusivity_mm2_per_s, float)
    require(bool((t >= 0).all() and (thickness > 0).all() and (diffusivity > 0).all()), "heated_ratio", t.min(), ">= 0")
    fourier = diffusivity * t / thickness**2
    n = np.arange(12)
    sign, odd = (-1.0) ** n, 2 * n + 1
    late = 1 - 4 / np.pi * (sign / odd * np.exp(-(odd**2) * np.pi**2 / 4 * fourier[..., None])).sum(axis=-1)
    root = np.sqrt(np.maximum(fourier, 1e-30))[..., None]
    early = 2 * (sign * erfc(odd / (2 * root))).sum(axis=-1)
    return np.where(fourier < 0.1, early, late)


def squeeze(*, width_mm: float, length_mm: float) -> Model:
    """Gap over force, time and temperature under a die of `width_mm` x `length_mm`."""
    shape = squeeze_shape_mm4(width_mm=width_mm, length_mm=length_mm)

    def gap(force_n, time_s, temperature_c, viscosity_pa_s, activation_kj_per_mol, start_gap_um):
        mu = viscosity_at_pa_s(viscosity_pa_s=viscosity_pa_s, activation_kj_per_mol=activation_kj_per_mol,
                               temperature_c=temperature_c)  # fmt: skip
        return gap_um(start_um=start_gap_um, force_n=force_n, time_s=time_s, viscosity_pa_s=mu, shape_mm4=shape)

    return declared("squeeze", response="gap_um", function=gap, factors=("force_n", "time_s", "temperature_c"))
