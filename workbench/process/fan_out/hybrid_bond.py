"""Hybrid bonding: does the copper meet, what of a bonder's errors the measured marks say, and the yield of a bond.

The yield itself is that of `workbench.cost`: overlay, recess and particles after YAP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize, special, stats

from workbench.cost import hybrid_bond, overlay, yield_models
from workbench.errors import DomainError
from workbench.process.fan_out.model import Model, declared, require
from workbench.process.overlay.similarity import rigid_by_die

Array = np.ndarray
ROOM_C = 25.0


def copper_gap_nm(*, recess_nm: ArrayLike, expansion_nm_per_k: ArrayLike, temperature_c: ArrayLike,
                  room_c: float = ROOM_C) -> Array:  # fmt: skip
    """Gap between two copper pads during the anneal: recess less expansion, of both sides together; below 0 they are
    pressed together. Valid: copper free to rise, no creep. Source: YAP."""
    rise = np.asarray(expansion_nm_per_k, float) * (np.asarray(temperature_c, float) - room_c)
    return np.asarray(recess_nm, float) - rise


def copper_gap() -> Model:
    """Gap over temperature; what it closes at is the anneal that is needed."""

    def gap(temperature_c, recess_nm, expansion_nm_per_k):
        return copper_gap_nm(recess_nm=recess_nm, expansion_nm_per_k=expansion_nm_per_k, temperature_c=temperature_c)

    return declared("copper_gap", response="gap_nm", function=gap, factors=("temperature_c",))


@dataclass(frozen=True)
class BondYield:
    """Shares of good bonds: pads within the overlay limit, copper that meets, no void; and of all three."""

    overlay_ratio: float
    recess_ratio: float
    particle_ratio: float
    limit_nm: float

    @property
    def yield_ratio(self) -> float:
        return self.overlay_ratio * self.recess_ratio * self.particle_ratio


def bond_yield(
    *,
    width_mm: float,
    length_mm: float,
    pitch_um: float = 10.0,
    top_diameter_um: float = 4.0,
    bottom_diameter_um: float = 5.0,
    alignment: overlay.BondAlignment | None = None,
    recess: overlay.CopperRecess | None = None,
    particle_density_per_um2: float | None = None,
    smallest_particle_um: float = 1.0,
) -> BondYield:
    """Yield of one die bonded to a wafer; alignment, recess and particles by default YAP's examples.

    The particle yield has the default void constants of `cost.hybrid_bond.particle_yield`. Causes are independent.
    Raises DomainError as the functions of `workbench.cost`.
    """
    aligned, recessed = overlay.yap("die_to_wafer")
    density = overlay.particle_density_per_um2() if particle_density_per_um2 is None else particle_density_per_um2
    limit = hybrid_bond.overlay_limit_nm(pitch_um=pitch_um, bottom_radius_um=bottom_diameter_um / 2,
                                         top_radius_um=top_diameter_um / 2)  # fmt: skip
    landed = overlay.overlay_yield(limit_nm=limit, alignment=alignment or aligned, width_mm=width_mm,
                                   length_mm=length_mm)  # fmt: skip
    met = overlay.recess_yield(recess or recessed, pad_count=width_mm * length_mm * 1e6 / pitch_um**2)
    clean = hybrid_bond.particle_yield(width_um=width_mm * 1e3, length_um=length_mm * 1e3,
                                       particle_density_per_um2=density, top_radius_um=top_diameter_um / 2,
                                       smallest_particle_um=smallest_particle_um)  # fmt: skip
    return BondYield(landed.yield_ratio, met, clean, limit)


@dataclass(frozen=True)
class ErrorSpread:
    """Mean and deviation of one kind of error, each with its interval."""

    mean: float
    mean_low: float
    mean_high: float
    sigma: float
    sigma_low: float
    sigma_high: float


@dataclass(frozen=True)
class LearntAlignment:
    """A bonder's errors: shift of dies in x and y (nm), turn (rad), and the noise of a mark (nm). `alignment` is what
    `cost.overlay.overlay_yield` takes: the deviations freed of the noise of the marks."""

    alignment: overlay.BondAlignment
    shift_x_nm: ErrorSpread
    shift_y_nm: ErrorSpread
    rotation_rad: ErrorSpread
    mark_nm: float
    die_count: int
    confidence: float
    convention: str = "dies_by_rigid_motion"


def generate_marks(alignment: overlay.BondAlignment, *, marks_um: Array, die_count: int, seed: int) -> pd.DataFrame:
    """Misalignment of `marks_um` (m, 2, from the die's centre) on generated dies: columns die, x_um, y_um, dx_um,
    dy_um. `random_std_nm` is the noise of a mark. Synthetic, equal for equal seeds."""
    rng, a = np.random.default_rng(seed), alignment
    x, y = np.asarray(marks_um, float).T
    tx, ty = (m + a.shift_std_nm * rng.standard_normal((die_count, 1)) for m in (a.shift_x_nm, a.shift_y_nm))
    turn = a.rotation_rad + a.rotation_std_rad * rng.standard_normal((die_count, 1))
    grown = (a.magnification_ppm + a.magnification_std_ppm * rng.standard_normal((die_count, 1))) * 1e-6
    noise = a.random_std_nm * rng.standard_normal((2, die_count, len(x)))
    dx, dy = tx * 1e-3 - turn * y + grown * x + noise[0] * 1e-3, ty * 1e-3 + turn * x + grown * y + noise[1] * 1e-3
    return pd.DataFrame({"die": np.repeat(np.arange(die_count), len(x)), "x_um": np.tile(x, die_count),
                         "y_um": np.tile(y, die_count), "dx_um": dx.ravel(), "dy_um": dy.ravel()})  # fmt: skip


def learn_alignment(marks: pd.DataFrame, *, confidence: float = 0.95) -> LearntAlignment:
    """Errors of a bonder from the marks of many dies (columns as `generate_marks`; as many marks on every die).

    Each die gives a shift and turn (rigid motion); their means have Student intervals, their deviations chi-square
    intervals before the noise of the marks (pooled) is taken off. Raises DomainError: fewer than 3 dies, unequal marks.
    """
    dies = rigid_by_die(marks["die"], *(marks[c] for c in ("x_um", "y_um", "dx_um", "dy_um")))
    n = len(dies)
    if n < 3 or dies["marks"].nunique() > 1:
        raise DomainError("process.overlay_marks", got=n, allowed=">= 3, equal numbers of marks")
    count = int(dies["marks"].iloc[0])
    noise2 = float((dies["residual_um"] ** 2 * count).sum() / (n * (2 * count - 3))) * 1e6
    first = marks[marks["die"] == dies["die"].iloc[0]]
    inertia = float(((first[["x_um", "y_um"]] - first[["x_um", "y_um"]].mean()) ** 2).to_numpy().sum()) * 1e6
    spreads = [
        _spread(values, noise, confidence)
        for values, noise in ((dies["dx_um"] * 1e3, noise2 / count), (dies["dy_um"] * 1e3, noise2 / count),
                              (np.radians(dies["dtheta_deg"]), noise2 / inertia))
    ]  # fmt: skip
    x, y, turn = spreads
    shift = float(np.sqrt((x.sigma**2 + y.sigma**2) / 2))
    found = overlay.BondAlignment(shift_x_nm=x.mean, shift_y_nm=y.mean, shift_std_nm=shift, rotation_rad=turn.mean,
                                  rotation_std_rad=turn.sigma)  # fmt: skip
    return LearntAlignment(found, x, y, turn, float(np.sqrt(noise2)), n, confidence)


def _spread(values: Array, noise2: float, confidence: float) -> ErrorSpread:
    v = np.asarray(values, float)
    n, mean, s2 = len(v), float(v.mean()), float(v.var(ddof=1))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.sqrt(s2 / n))
    ends = [s2 * (n - 1) / stats.chi2.ppf(p, n - 1) for p in ((1 + confidence) / 2, (1 - confidence) / 2)]
    sigma, low, high = (float(np.sqrt(max(e - noise2, 0.0))) for e in (s2, *ends))
    return ErrorSpread(mean, mean - half, mean + half, sigma, low, high)


@dataclass(frozen=True)
class LearntDefects:
    """Fatal defects per mm2 with their interval by profile likelihood, and the deviance of the fit (about its degrees
    of freedom when one density explains all groups; `p` tests it)."""

    density_per_mm2: float
    low: float
    high: float
    deviance: float
    dof: int
    p: float
    confidence: float
    convention: str = "binomial_likelihood"


def generate_bonds(*, area_mm2: Array, tested: Array, density_per_mm2: float, seed: int) -> Array:
    """Good bonds (k,) among `tested` (k,) of each area, Poisson yield. Synthetic, equal for equal seeds."""
    share = yield_models.poisson(np.asarray(area_mm2, float) * density_per_mm2)
    return np.random.default_rng(seed).binomial(np.asarray(tested, int), share)


def learn_defects(*, area_mm2: Array, tested: Array, good: Array, confidence: float = 0.95) -> LearntDefects:
    """Density of fatal defects from good bonds among those tested, by die area (Poisson yield, binomial counts).

    With none bad the density is 0 and only the upper bound says something. Raises DomainError: no bonds, more good
    than tested, none good at all (no upper bound).
    """
    a, n, k = (np.asarray(v, float) for v in (area_mm2, tested, good))
    require(bool(a.shape == n.shape == k.shape and (a > 0).all() and (n > 0).all() and (k >= 0).all() and (k <= n).all()
                 and k.sum() > 0), "learn_defects", f"{k.sum():g} / {n.sum():g}", "0 < good <= tested")  # fmt: skip

    def likelihood(density: float) -> float:
        x = a * density
        bad = special.xlogy(n - k, -np.expm1(-x)) if density > 0 else np.where(n > k, -np.inf, 0.0)
        return float((bad - k * x).sum())

    top = 1.0 / a.min()
    while likelihood(2 * top) > likelihood(top):
        top *= 2
    if (k == n).all():
        best = 0.0
    else:
        best = float(np.exp(optimize.minimize_scalar(lambda u: -likelihood(np.exp(u)), method="bounded",
                                                     bounds=(np.log(top) - 30, np.log(2 * top)),
                                                     options={"xatol": 1e-10}).x))  # fmt: skip
    drop = stats.chi2.ppf(confidence, 1) / 2
    peak = likelihood(best)

    def below(density: float) -> float:
        return likelihood(density) - peak + drop

    ceiling = 2 * top
    while below(ceiling) > 0:
        ceiling *= 2
    high = optimize.brentq(below, best, ceiling, xtol=1e-15, rtol=1e-12)
    low = 0.0 if best == 0 else optimize.brentq(below, best * 1e-12, best, xtol=1e-18, rtol=1e-12)
    full = float((special.xlogy(k, k / n) + special.xlogy(n - k, 1 - k / n)).sum())
    deviance, dof = 2 * max(full - peak, 0.0), len(a) - 1
    return LearntDefects(best, float(low), float(high), deviance, dof,
                         float(stats.chi2.sf(deviance, dof)) if dof else float("nan"), confidence)  # fmt: skip
