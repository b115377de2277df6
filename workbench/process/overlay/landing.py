"""The chance that a pad, via or whole die lands where it may: two-dimensional errors within a distance.

The distance of two normal errors with equal deviation follows Rice's distribution around a mean shift, Rayleigh's
around none. (YAP adds a signed normal error to the distance; a distance is not signed, so that is not done here.)
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from workbench.errors import DomainError

Array = np.ndarray
_REACH = 8.0  # deviations that are integrated; beyond lie 1e-15
_Y = np.polynomial.legendre.leggauss(24)
_TURN = np.polynomial.legendre.leggauss(12)
_DIES_AT_ONCE = 128


def enclosure_limit_um(*, pad_diameter_um: float, via_diameter_um: float, enclosure_um: float = 0.0) -> float:
    """Largest misalignment of a via that leaves `enclosure_um` of the pad all around it.

    How far apart two round pads may lie when a share of overlap is enough: `cost.hybrid_bond.overlay_limit_nm`.
    """
    limit = (pad_diameter_um - via_diameter_um) / 2 - enclosure_um
    if not (via_diameter_um > 0 and enclosure_um >= 0 and limit > 0):
        raise DomainError("process.landing_limit", got=f"{pad_diameter_um}, {via_diameter_um}, {enclosure_um} um")
    return limit


def pad_landing(*, limit_um: Array, shift_um: Array = 0.0, sigma_um: Array) -> Array:
    """Probability that a pad lies within `limit_um`: mean shift (its length) `shift_um`, deviation `sigma_um` in each
    of two independent axes. Rice: noncentral chi square of two degrees of freedom; without shift
    1 - exp(-limit^2 / 2 sigma^2). Arguments broadcast. Raises DomainError: sigma or limit not above 0.
    Source: Rice 1945, Bell Syst. Tech. J. 24, 46 (the distribution); exact.
    """
    limit, shift, sigma = (np.asarray(v, float) for v in (limit_um, shift_um, sigma_um))
    if not ((limit > 0).all() and (sigma > 0).all() and np.isfinite(shift).all()):
        raise DomainError("process.landing_limit", got=f"{limit.min()}, {sigma.min()} um", allowed="> 0")
    return stats.ncx2.cdf((limit / sigma) ** 2, 2, (shift / sigma) ** 2)


def die_landing(
    *,
    limit_um: float,
    shift_x_um: Array = 0.0,
    shift_y_um: Array = 0.0,
    turn_deg: Array = 0.0,
    sigma_x_um: Array,
    sigma_y_um: Array,
    sigma_turn_deg: Array = 0.0,
    width_um: float = 0.0,
    length_um: float = 0.0,
) -> Array:
    """Probability (n,) that every pad of a die lies within `limit_um`, the die shifted and turned as one.

    The pads fill `width_um` x `length_um` around the die's centre; as the motion is affine a corner is the worst.
    Means and independent normal deviations of shift and turn broadcast to (n,). x is integrated exactly, y and the
    turn by Gauss-Legendre (errors below 1e-6). For one die with an error of each pad beside:
    `cost.overlay.overlay_yield`.
    Raises DomainError: limit or deviation not above 0 (that of the turn may be 0), size below 0.
    """
    means = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, float)) for v in (
        shift_x_um, shift_y_um, turn_deg, sigma_x_um, sigma_y_um, sigma_turn_deg)))  # fmt: skip
    sx, sy, st = means[3:]
    if not (limit_um > 0 and (sx > 0).all() and (sy > 0).all() and (st >= 0).all() and min(width_um, length_um) >= 0):
        raise DomainError("process.landing_limit", got=f"{limit_um} um, {sx.min()}, {sy.min()} um", allowed="> 0")
    parts = int(np.ceil(len(sx) / _DIES_AT_ONCE))
    return np.concatenate([_landing(limit_um, width_um / 2, length_um / 2, *some) for some in zip(
        *(np.array_split(m, parts) for m in means), strict=True)])  # fmt: skip


def _landing(limit: float, half_width: float, half_length: float, mx, my, mt, sx, sy, st) -> Array:
    """With the turn a, the worst corner lies within the limit when (|x| + |a| l)^2 + (|y| + |a| w)^2 <= limit^2; the
    corners of that region, at y = 0 and a = 0, are ends of integration."""
    turn, share = _turns(mt, st, limit / max(float(np.hypot(half_width, half_length)), 1e-300))
    px, py = np.abs(turn) * half_length, np.abs(turn) * half_width
    top = np.sqrt(np.maximum(limit**2 - px**2, 0.0)) - py
    node, weight = _Y
    total = np.zeros_like(turn)
    for side in (-1.0, 1.0):
        low = np.maximum(0.0, side * my - _REACH * sy)[:, None]
        high = np.minimum(top, (side * my + _REACH * sy)[:, None])
        middle, reach = (low + high)[..., None] / 2, np.maximum(high - low, 0.0)[..., None] / 2
        # the width in x goes to nothing like a square root at the end: |y| runs as a sine there
        y = middle + reach * np.sin(np.pi / 2 * node)
        step = reach * np.pi / 2 * np.cos(np.pi / 2 * node) * weight
        x = np.sqrt(np.maximum(limit**2 - (y + py[..., None]) ** 2, 0.0)) - px[..., None]
        m, s = mx[:, None, None], sx[:, None, None]
        inside = np.where(x > 0, special.ndtr((x - m) / s) - special.ndtr((-x - m) / s), 0.0)
        m, s = my[:, None, None], sy[:, None, None]
        total += (inside * np.exp(-(((side * y - m) / s) ** 2) / 2) / (np.sqrt(2 * np.pi) * s) * step).sum(axis=2)
    return np.clip((total * share).sum(axis=1), 0.0, 1.0)


def _turns(mean: Array, sigma: Array, largest_rad: float) -> tuple[Array, Array]:
    """Turns (n, k) in rad and their shares, in two intervals that meet where the turn changes its sign and end where
    it alone throws the corners beyond the limit."""
    if not sigma.any():
        return np.radians(mean)[:, None], np.ones((len(mean), 1))
    node, weight = _TURN
    spread = np.where(sigma > 0, sigma, 1e-12)
    ends = [(np.degrees(way * min(largest_rad, np.pi)) - mean) / spread for way in (-1, 1)]
    low, zero, high = (np.clip(e, -_REACH, _REACH)[:, None] for e in (ends[0], -mean / spread, ends[1]))
    below, above = (zero - low) / 2, (high - zero) / 2
    z = np.concatenate([low + below * (1 + node), zero + above * (1 + node)], axis=1)
    share = np.concatenate([below * weight, above * weight], axis=1)
    return np.radians(mean[:, None] + spread[:, None] * z), share * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
