"""Die shift: what moulding moves, and where pick and place must put each die so that it ends where it belongs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from workbench.errors import DomainError
from workbench.process.overlay.landing import die_landing
from workbench.process.overlay.local import LocalResidual, local_residual
from workbench.process.overlay.model import OverlayFit, Spread, fit_overlay

Array = np.ndarray


@dataclass(frozen=True)
class Compensation:
    """`table` (a row a die): die, x_um, y_um (nominal), place_dx_um, place_dy_um, place_dtheta_deg (to be added to
    the nominal place), residual_x_um, residual_y_um, residual_deg (measured less modelled, mean over repeats),
    sigma_x_um, sigma_y_um, sigma_deg (of the next lot: what the model does not explain and its own uncertainty) and,
    with a limit, landing_before, landing (chance that all pads lie within it), landing_low (its lower bound at
    `confidence`). `yield_ratio`, `yield_low`, `yield_before` are their means."""

    table: pd.DataFrame
    shift: OverlayFit
    local: LocalResidual | None
    turn_deg: Array  # (3,) mean turn, and its slope over x and y per um
    sigma_turn_deg: float
    after: tuple[Spread, Spread]
    yield_before: float | None
    yield_ratio: float | None
    yield_low: float | None
    confidence: float
    convention: str


def compensation_table(
    die: Array,
    x_um: Array,
    y_um: Array,
    dx_um: Array,
    dy_um: Array,
    dtheta_deg: Array | None = None,
    *,
    model: str = "linear_6",
    robust: str | None = None,
    local: bool = False,
    limit_um: float | None = None,
    width_um: float = 0.0,
    length_um: float = 0.0,
    confidence: float = 0.95,
) -> Compensation:
    """Where to place each die so that after moulding it lies at (`x_um`, `y_um`).

    `dx_um`, `dy_um`, `dtheta_deg` (n,): measured shift and turn of dies that were placed at the nominal place; a die
    may appear in several rows (wafers). `model` as in `fit_overlay`; the turn is a plane over the wafer. `local` adds
    the smoothed residual of the neighbourhood where it predicts dies left out better than nothing does. The place is
    found by inverting the modelled map, not by changing the sign of the shift: at 400 ppm that alone would leave
    0.02 um at 150 mm. `limit_um`: largest misalignment of a pad; pads fill `width_um` x `length_um`.
    Valid: the next lots shift as these did, and placement errors are as in these rows.
    Raises DomainError: as `fit_overlay`; a die at two nominal places.
    """
    x, y, dx, dy = (np.asarray(v, float) for v in (x_um, y_um, dx_um, dy_um))
    turn = np.zeros_like(x) if dtheta_deg is None else np.asarray(dtheta_deg, float)
    if np.shape(die) != x.shape or turn.shape != x.shape or not np.isfinite(turn).all():
        raise DomainError("process.overlay_points", got=f"{np.shape(die)}, {turn.shape}", allowed=x.shape)
    fit = fit_overlay(x, y, dx, dy, model=model, robust=robust, confidence=confidence)
    names, of = np.unique(np.asarray(die), return_inverse=True)
    count = np.bincount(of)
    place = np.column_stack([np.bincount(of, x) / count, np.bincount(of, y) / count])
    if np.hypot(x - place[of, 0], y - place[of, 1]).max() > 1e-3:
        raise DomainError("process.die_moved", where=names[of[np.hypot(*(np.array([x, y]) - place[of].T)).argmax()]])
    plane, turn_se, sigma_turn, turn_dof = _turn_plane(x, y, turn, place, given=dtheta_deg is not None)
    residual = np.column_stack([np.bincount(of, r) / count for r in (fit.residual_x_um, fit.residual_y_um)])
    near = local_residual(place, residual) if local else None
    at = _inverted(fit, near, place)
    own = np.column_stack([np.ones(len(at)), at]) @ plane

    se_x, se_y = fit.standard_error_um(*at.T)
    guess = np.zeros_like(residual) if near is None else near.left_out
    sigma_x = np.hypot(_sigma(fit.residual_x_um - guess[of, 0], fit), se_x)
    sigma_y = np.hypot(_sigma(fit.residual_y_um - guess[of, 1], fit), se_y)
    left_turn = turn - np.column_stack([np.ones(len(x)), x, y]) @ plane
    table = pd.DataFrame({
        "die": names, "x_um": place[:, 0], "y_um": place[:, 1],
        "place_dx_um": at[:, 0] - place[:, 0], "place_dy_um": at[:, 1] - place[:, 1], "place_dtheta_deg": -own,
        "residual_x_um": residual[:, 0], "residual_y_um": residual[:, 1],
        "residual_deg": np.bincount(of, left_turn) / count,
        "sigma_x_um": sigma_x, "sigma_y_um": sigma_y, "sigma_deg": np.hypot(sigma_turn, turn_se),
    })  # fmt: skip
    found = Compensation(table, fit, near, plane, sigma_turn, fit.after, None, None, None, confidence,
                         "inverse_of_modelled_shift")  # fmt: skip
    return found if limit_um is None else _landed(found, fit, place, turn_dof, limit_um, width_um, length_um)


def _landed(found: Compensation, fit: OverlayFit, place: Array, turn_dof: int, limit_um: float, width_um: float,
            length_um: float) -> Compensation:  # fmt: skip
    table = found.table.copy()
    spread = {"sigma_x_um": np.maximum(table["sigma_x_um"], 1e-9), "sigma_y_um": np.maximum(table["sigma_y_um"], 1e-9),
              "sigma_turn_deg": table["sigma_deg"]}  # fmt: skip
    array = {"limit_um": limit_um, "width_um": width_um, "length_um": length_um}
    shift_x, shift_y = _shift(fit, found.local, place).T
    turned = np.column_stack([np.ones(len(place)), place]) @ found.turn_deg
    table["landing_before"] = die_landing(**array, shift_x_um=shift_x, shift_y_um=shift_y, turn_deg=turned, **spread)
    table["landing"] = die_landing(**array, **spread)
    # the deviations at their upper confidence bounds, as far as the marks behind them allow
    grown = [np.sqrt(dof / stats.chi2.ppf(1 - found.confidence, dof)) for dof in (fit.dof, max(turn_dof, 1))]
    worst = {k: np.asarray(v) * grown[k == "sigma_turn_deg"] for k, v in spread.items()}
    table["landing_low"] = die_landing(**array, **worst)
    mean = {name: float(table[name].mean()) for name in ("landing_before", "landing", "landing_low")}
    return replace(found, table=table, yield_before=mean["landing_before"], yield_ratio=mean["landing"],
                   yield_low=mean["landing_low"])  # fmt: skip


def _shift(fit: OverlayFit, near: LocalResidual | None, at: Array) -> Array:
    modelled = np.column_stack(fit.predict_um(*at.T))
    return modelled if near is None else modelled + near(at)


def _inverted(fit: OverlayFit, near: LocalResidual | None, place: Array) -> Array:
    """Places whose modelled shift ends at `place`: a fixed point, as shifts change by less than 1 % of the way."""
    at = place.copy()
    for _ in range(50):
        moved = place - _shift(fit, near, at)
        if np.abs(moved - at).max() < 1e-7:
            return moved
        at = moved
    raise DomainError("process.shift_folds", where=fit.model)


def _sigma(left: Array, fit: OverlayFit) -> float:
    """Deviation of one axis; each axis pays for half of the parameters. A robust fit keeps its own."""
    if fit.convention != "overlay_least_squares":
        return fit.sigma_um
    return float(np.sqrt((left**2).sum() / (fit.dof / 2)))


def _turn_plane(x: Array, y: Array, turn: Array, place: Array, *, given: bool) -> tuple[Array, Array, float, int]:
    """Plane (3,) of the turn, its standard error at `place`, the deviation around it and its degrees of freedom."""
    if not given:
        return np.zeros(3), np.zeros(len(place)), 0.0, 0
    reach = max(np.abs(x).max(), np.abs(y).max(), 1.0)
    m = np.column_stack([np.ones(len(x)), x / reach, y / reach])
    dof = len(x) - 3
    if dof < 1:
        raise DomainError("process.overlay_marks", where="dtheta_deg", got=len(x), allowed=">= 4")
    beta, *_ = np.linalg.lstsq(m, turn, rcond=None)
    sigma = float(np.sqrt(((turn - m @ beta) ** 2).sum() / dof))
    rows = np.column_stack([np.ones(len(place)), place / reach])
    se = sigma * np.sqrt(np.einsum("ij,jk,ik->i", rows, np.linalg.pinv(m.T @ m), rows))
    return beta / (1, reach, reach), se, sigma, dof
