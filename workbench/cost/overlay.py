"""Hybrid bonding: the share of bonds whose pads land within the overlay limit and whose copper meets.

After YAP (Z. Chen et al., UCLA NanoCAD; github.com/nanocad-lab/YAP, Apache-2.0). Translation, rotation and
magnification move a pad at (x, y) by (tx - r y + m x, ty + r x + m y); the farthest pad of a die decides, with one
random error on top. The four terms are independent and normal. Its inputs are in `data/cost/yap.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import norm, qmc

from workbench import facts
from workbench.errors import DomainError

_DIES_AT_ONCE = 64  # keeps the arrays of a wafer of small dies within some tens of MB


@dataclass(frozen=True)
class BondAlignment:
    """Overlay error of a bonder: means and standard deviations. ppm of magnification, rad of rotation about the
    centre of what is bonded (the die, or the wafer)."""

    random_mean_nm: float = 0.0
    random_std_nm: float = 0.0
    shift_x_nm: float = 0.0
    shift_y_nm: float = 0.0
    shift_std_nm: float = 0.0
    rotation_rad: float = 0.0
    rotation_std_rad: float = 0.0
    magnification_ppm: float = 0.0
    magnification_std_ppm: float = 0.0

    def __post_init__(self):
        spreads = (self.random_std_nm, self.shift_std_nm, self.rotation_std_rad, self.magnification_std_ppm)
        if not (min(spreads) >= 0 and np.all(np.isfinite(list(vars(self).values())))):
            raise DomainError("cost.domain", where="alignment", got=self, allowed="deviations >= 0")


@dataclass(frozen=True)
class CopperRecess:
    """Height of the copper below the dielectric before anneal (negative: recessed), and what the anneal adds.

    `expansion_nm` of both pads together; pads meet when the summed recess lies between `delamination_nm` and it.
    """

    top_nm: float
    top_std_nm: float
    bottom_nm: float
    bottom_std_nm: float
    expansion_nm: float
    delamination_nm: float = 0.0


@cache
def yap(bonding: str) -> tuple[BondAlignment, CopperRecess]:
    """YAP's example inputs for "die_to_wafer" or "wafer_to_wafer"."""
    raw = facts.load("cost/yap")
    if bonding not in ("die_to_wafer", "wafer_to_wafer"):
        raise DomainError("cost.unknown_flow", where="bonding", got=bonding, allowed="die_to_wafer, wafer_to_wafer")
    return BondAlignment(**raw[bonding]), CopperRecess(**raw["recess"])


@cache
def particle_density_per_um2() -> float:
    """Particles that YAP's examples take for both ways of bonding."""
    return facts.load("cost/yap")["particle_density_per_um2"]


@dataclass(frozen=True)
class OverlayYield:
    """`die_yield` (n,) per bonded die, in the order given; `yield_ratio` their mean; `far_pad_nm` (n,) the mean
    misalignment of the worst pad, without its random error."""

    yield_ratio: float
    die_yield: np.ndarray
    far_pad_nm: np.ndarray


def overlay_yield(
    *,
    limit_nm: float,
    alignment: BondAlignment,
    width_mm: float,
    length_mm: float,
    centres_mm: np.ndarray | None = None,
    samples_log2: int = 14,
) -> OverlayYield:
    """Share of dies whose every pad lands within `limit_nm` (`hybrid_bond.overlay_limit_nm`).

    `width_mm` x `length_mm` is the pad array of one die; `centres_mm` (n, 2) from the centre of rotation: the dies of
    a wafer for wafer-to-wafer bonding, None for one die bonded about its own centre. The map is affine, so the
    farthest pad is a corner. Translation in x is integrated exactly; the other four are sampled by a fixed scrambled
    Sobol sequence of 2^samples_log2 points (error about 2e-4 at 14), so equal inputs give equal results.
    YAP also rejects pads whose random error throws them beyond the limit on the other side; that is left out:
    valid for random errors well below the limit. Raises DomainError: no size, limit not > 0.
    """
    if not (limit_nm > 0 and width_mm > 0 and length_mm > 0 and 4 <= samples_log2 <= 20):
        raise DomainError("cost.domain", where="overlay_yield", got=f"limit {limit_nm} nm, {width_mm} x {length_mm} mm",
                          allowed="> 0, 4 <= samples_log2 <= 20")  # fmt: skip
    a = alignment
    u = qmc.Sobol(5, scramble=True, rng=np.random.default_rng(20_240_926)).random_base2(samples_log2)
    z = norm.ppf(np.clip(u, 1e-16, 1 - 1e-16))[:, :, None, None]  # samples, term, die, corner
    ty = a.shift_y_nm + a.shift_std_nm * z[:, 0]
    rotation = a.rotation_rad + a.rotation_std_rad * z[:, 1]
    magnification = (a.magnification_ppm + a.magnification_std_ppm * z[:, 2]) * 1e-6
    reach = np.maximum(limit_nm - a.random_mean_nm - a.random_std_nm * z[:, 3], 0.0)
    tx = a.shift_x_nm + a.shift_std_nm * z[:, 4]

    centres = np.zeros((1, 2)) if centres_mm is None else np.asarray(centres_mm, float).reshape(-1, 2)
    half = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * (width_mm / 2, length_mm / 2)
    corners = (centres[:, None] + half) * 1e6  # nm
    yields, far = [], []
    for some in np.array_split(corners, int(np.ceil(len(corners) / _DIES_AT_ONCE))):
        x, y = some[None, ..., 0], some[None, ..., 1]
        dx, dy = magnification * x - rotation * y, ty + rotation * x + magnification * y
        room = reach**2 - dy**2
        side = np.sqrt(np.maximum(room, 0.0))
        low, high = (-side - dx).max(-1), (side - dx).min(-1)
        if a.shift_std_nm > 0:
            inside = norm.cdf((high - a.shift_x_nm) / a.shift_std_nm) - norm.cdf((low - a.shift_x_nm) / a.shift_std_nm)
        else:
            inside = ((low <= a.shift_x_nm) & (a.shift_x_nm <= high)).astype(float)
        yields.append(np.where(np.all(room >= 0, axis=-1) & (high >= low), inside, 0.0).mean(0))
        far.append(np.hypot(tx + dx, dy).max(-1).mean(0))
    die_yield = np.concatenate(yields)
    return OverlayYield(float(die_yield.mean()), die_yield, np.concatenate(far))


def recess_yield(recess: CopperRecess, *, pad_count: float) -> float:
    """Share of dies in which the copper of every pad meets and none lifts the dielectric.

    The summed recess of two pads is normal; a pad fails when it is deeper than the expansion closes, or shallower than
    `delamination_nm`. Pads are independent. YAP derives the delamination bound from roughness and adhesion; here it is
    an input (its examples arrive at 0). Raises DomainError: no pads, no spread.
    """
    spread = float(np.hypot(recess.top_std_nm, recess.bottom_std_nm))
    if not (pad_count > 0 and spread > 0):
        raise DomainError("cost.domain", where="recess_yield", got=f"{pad_count} pads, spread {spread} nm",
                          allowed="> 0")  # fmt: skip
    mean = recess.top_nm + recess.bottom_nm
    deep = norm.cdf((-recess.expansion_nm - mean) / spread)  # tails, so that 1 - 5e-11 keeps its digits
    shallow = norm.sf((-recess.delamination_nm - mean) / spread)
    failing = min(float(deep + shallow), 1.0)
    return float(np.exp(pad_count * np.log1p(-failing))) if failing < 1 else 0.0
