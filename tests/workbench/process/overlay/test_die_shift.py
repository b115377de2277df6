"""Die shift: the first-order case, compensated places that end where they should, yield that is met by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DomainError
from workbench.process.overlay import compensation_table, fit_overlay

LAYOUT = np.array([(x, y) for x in np.arange(-130e3, 131e3, 20e3) for y in np.arange(-130e3, 131e3, 20e3)
                   if np.hypot(x, y) < 140e3])  # fmt: skip
NAMES = [f"D{k:03}" for k in range(len(LAYOUT))]
MAGNIFICATION = 3.8 * 105  # ppm: difference of expansion times that of temperature


def test_a_shift_in_proportion_to_the_radius_is_pure_magnification():
    """3.8 ppm/K over 105 K: 399 ppm, 59.85 um at 150 mm, nothing left after an affine fit (exact)."""
    edge = np.vstack([LAYOUT, [(150e3, 0.0)]])
    fit = fit_overlay(*edge.T, *(MAGNIFICATION * 1e-6 * edge.T))
    assert fit.predict_um([150e3], [0.0])[0][0] == pytest.approx(59.85, rel=1e-12)
    assert (fit["mx_ppm"], fit["my_ppm"]) == (pytest.approx(399), pytest.approx(399))
    assert (fit["rotation_rad"], fit["nonorthogonality_rad"]) == (pytest.approx(0, abs=1e-15),) * 2
    assert max(np.abs(fit.residual_x_um).max(), np.abs(fit.residual_y_um).max()) < 1e-9


def shift(places):
    """A planted shift: magnification, a turn of the whole, and a cubic that only a higher order holds."""
    x, y = places.T
    r2 = (x**2 + y**2) / 150e3**2
    return np.column_stack([399e-6 * x - 2e-5 * y + 5 * r2 * x / 150e3, 399e-6 * y + 2e-5 * x + 5 * r2 * y / 150e3])


def test_compensated_dies_end_where_they_belong():
    found = compensation_table(NAMES, *LAYOUT.T, *shift(LAYOUT).T, model="third_order")
    at = LAYOUT + found.table[["place_dx_um", "place_dy_um"]].to_numpy()
    assert np.abs(at + shift(at) - LAYOUT).max() < 1e-8
    naive = LAYOUT - shift(LAYOUT)
    assert np.abs(naive + shift(naive) - LAYOUT).max() > 0.02
    assert found.table["die"].tolist() == NAMES


def test_the_turn_of_dies_is_taken_back():
    turn = 0.01 + 2e-7 * LAYOUT[:, 0]
    found = compensation_table(NAMES, *LAYOUT.T, *shift(LAYOUT).T, turn, model="third_order")
    at = LAYOUT + found.table[["place_dx_um", "place_dy_um"]].to_numpy()
    assert found.table["place_dtheta_deg"].to_numpy() == pytest.approx(-(0.01 + 2e-7 * at[:, 0]), abs=1e-9)
    assert found.sigma_turn_deg < 1e-9


def test_the_predicted_yield_is_met():
    """Three wafers are measured, the table made, and 300 further wafers placed by it: every die, its three errors."""
    rng = np.random.default_rng(4)
    noise, sigma_turn, limit, width, length = 2.0, 0.02, 7.0, 9e3, 6e3
    rows = np.tile(LAYOUT, (3, 1))
    error = shift(rows) + rng.normal(0, noise, rows.shape)
    turn = rng.normal(0.01, sigma_turn, len(rows))
    found = compensation_table(NAMES * 3, *rows.T, *error.T, turn, model="third_order", limit_um=limit,
                               width_um=width, length_um=length)  # fmt: skip
    at = LAYOUT + found.table[["place_dx_um", "place_dy_um"]].to_numpy()
    good = 0
    for _ in range(300):
        dx, dy = (at + shift(at) - LAYOUT + rng.normal(0, noise, at.shape)).T
        theta = np.radians(rng.normal(0.01, sigma_turn, len(at)) + found.table["place_dtheta_deg"].to_numpy())
        fine = np.ones(len(at), bool)
        for u, v in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            fine &= np.hypot(dx - theta * v * length / 2, dy + theta * u * width / 2) <= limit
        good += fine.sum()
    share = good / (300 * len(at))
    assert found.yield_ratio == pytest.approx(share, abs=0.02)
    assert found.yield_low < share < 1
    assert found.yield_before < 0.1
    assert (found.table["sigma_x_um"] > noise * 0.9).all()


def test_the_lower_bound_of_the_yield_holds_as_often_as_stated():
    """120 seeded lots: the landing of perfectly placed dies (Rayleigh) is above the bound in at least 88 % of them
    (95 % stated; exact binomial, 99.9 %)."""
    rng = np.random.default_rng(9)
    noise, limit = 2.0, 6.0
    true = 1 - np.exp(-(limit**2) / (2 * noise**2))
    held = 0
    for _ in range(120):
        error = 399e-6 * LAYOUT + rng.normal(0, noise, LAYOUT.shape)
        held += compensation_table(NAMES, *LAYOUT.T, *error.T, limit_um=limit).yield_low <= true
    assert held / 120 > 0.88


def test_the_neighbourhood_helps_where_the_model_does_not():
    """A wave of 60 mm that no polynomial here holds: the local residual takes most of it, and places are better."""
    rng = np.random.default_rng(12)

    def waved(at):
        return shift(at) + 6 * np.sin(2 * np.pi * at[:, :1] / 120e3 + [0, 1])

    rows = np.tile(LAYOUT, (4, 1))
    error = waved(rows) + rng.normal(0, 0.5, rows.shape)
    left = {}
    for local in (False, True):
        found = compensation_table(NAMES * 4, *rows.T, *error.T, model="linear_6", local=local)
        at = LAYOUT + found.table[["place_dx_um", "place_dy_um"]].to_numpy()
        left[local] = np.sqrt(((at + waved(at) - LAYOUT) ** 2).mean()), found.table["sigma_x_um"].mean()
    assert found.local.explained > 0.5
    assert left[True][0] < left[False][0] / 2
    assert left[True][1] < left[False][1]


def test_noise_alone_is_not_smoothed():
    """40 seeded lots: a width is taken in at most 20 % of them, and then promises next to nothing."""
    rng = np.random.default_rng(13)
    found = []
    for _ in range(40):
        error = 399e-6 * LAYOUT + rng.normal(0, 2, LAYOUT.shape)
        found.append(compensation_table(NAMES, *LAYOUT.T, *error.T, local=True).local)
    assert sum(f.width_um is not None for f in found) <= 8
    assert max(f.explained for f in found) < 0.1


def test_a_die_has_one_place():
    with pytest.raises(DomainError) as refused:
        compensation_table(["A"] * len(LAYOUT), *LAYOUT.T, *shift(LAYOUT).T)
    assert refused.value.rule == "process.die_moved"


def test_a_shift_in_the_wrong_unit_is_refused():
    with pytest.raises(DomainError) as refused:
        compensation_table(NAMES, *LAYOUT.T, *(2 * LAYOUT.T))
    assert refused.value.rule == "process.shift_folds"
