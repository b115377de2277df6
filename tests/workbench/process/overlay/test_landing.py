"""Landing: Rice and Rayleigh in closed form, whole dies against simulation and against the bond yield of `cost`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special

from workbench.cost.overlay import BondAlignment, overlay_yield
from workbench.errors import DomainError
from workbench.process.overlay import die_landing, enclosure_limit_um, pad_landing

CASES = [  # limit, shift, sigma, probability, source
    (1.0, 0.0, 1.0, 1 - np.exp(-0.5), "Rayleigh"),
    (3.0, 0.0, 1.0, 1 - np.exp(-4.5), "Rayleigh"),
    (2.0, 2.0, 1.0, (1 - np.exp(-4.0) * special.i0(4.0)) / 2, "Marcum: Q1(a, a) = (1 + exp(-a^2) I0(a^2)) / 2"),
    (5.0, 5.0, 2.0, (1 - np.exp(-6.25) * special.i0(6.25)) / 2, "Marcum: Q1(a, a)"),
]


@pytest.mark.parametrize(("limit", "shift", "sigma", "expected", "source"), CASES)
def test_exact_values(limit, shift, sigma, expected, source):
    assert pad_landing(limit_um=limit, shift_um=shift, sigma_um=sigma) == pytest.approx(expected, rel=1e-12), source


@pytest.mark.parametrize(("limit", "shift", "sigma"), [(4.0, 1.5, 1.2), (10.0, 9.0, 0.4), (1.0, 4.0, 1.0)])
def test_rice_is_the_integral_of_its_density(limit, shift, sigma):
    def density(r):
        return r / sigma**2 * np.exp(-((r - shift) ** 2) / (2 * sigma**2)) * special.i0e(r * shift / sigma**2)

    expected, _ = integrate.quad(density, 0, limit, epsabs=1e-13, points=[min(shift, limit)])
    assert pad_landing(limit_um=limit, shift_um=shift, sigma_um=sigma) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("sigma", "shift"), [(1.0, (0, 0)), (0.05, (3.0, 0.0)), (2.0, (1.0, -2.0)), (40.0, (5, 5))])
def test_a_die_without_size_is_a_pad(sigma, shift):
    found = die_landing(limit_um=3.0, shift_x_um=shift[0], shift_y_um=shift[1], sigma_x_um=sigma, sigma_y_um=sigma)
    exact = pad_landing(limit_um=3.0, shift_um=np.hypot(*shift), sigma_um=sigma)
    assert found[0] == pytest.approx(exact, abs=1e-7)


SIMULATED = [  # limit, shift x, y, turn, sigma x, y, turn, width, length
    (5.0, 1.0, -2.0, 0.0, 1.5, 2.5, 0.0, 0.0, 0.0),
    (5.0, 1.0, -2.0, 0.01, 1.0, 1.5, 0.02, 12e3, 8e3),
    (8.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.03, 10e3, 10e3),
    (3.0, 0.0, 4.0, 0.0, 1.0, 1.0, 0.005, 20e3, 2e3),
]


@pytest.mark.parametrize("case", SIMULATED)
def test_closed_form_and_simulation_agree(case):
    limit, mx, my, mt, sx, sy, st, width, length = case
    found = die_landing(limit_um=limit, shift_x_um=mx, shift_y_um=my, turn_deg=mt, sigma_x_um=sx, sigma_y_um=sy,
                        sigma_turn_deg=st, width_um=width, length_um=length)[0]  # fmt: skip
    rng = np.random.default_rng(1)
    n = 400_000
    dx, dy, turn = rng.normal(mx, sx, n), rng.normal(my, sy, n), np.radians(rng.normal(mt, st, n))
    good = np.ones(n, bool)
    for u, v in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        good &= np.hypot(dx - turn * v * length / 2, dy + turn * u * width / 2) <= limit
    error = np.sqrt(max(found * (1 - found), 1e-6) / n)
    assert found == pytest.approx(good.mean(), abs=4 * error)


def test_the_bond_yield_of_cost_agrees():
    """`cost.overlay.overlay_yield`: one die, sampled over a Sobol sequence (its error about 2e-4)."""
    alignment = BondAlignment(shift_x_nm=100, shift_y_nm=-50, shift_std_nm=200, rotation_rad=2e-5,
                              rotation_std_rad=3e-5)  # fmt: skip
    other = overlay_yield(limit_nm=500, alignment=alignment, width_mm=10, length_mm=6).yield_ratio
    found = die_landing(limit_um=0.5, shift_x_um=0.1, shift_y_um=-0.05, turn_deg=np.degrees(2e-5), sigma_x_um=0.2,
                        sigma_y_um=0.2, sigma_turn_deg=np.degrees(3e-5), width_um=10e3, length_um=6e3)[0]  # fmt: skip
    assert found == pytest.approx(other, abs=5e-4)


def test_many_dies_are_each_their_own():
    shift = np.linspace(0, 5, 300)
    found = die_landing(limit_um=4.0, shift_x_um=shift, sigma_x_um=1.0, sigma_y_um=1.0)
    assert found == pytest.approx(pad_landing(limit_um=4.0, shift_um=shift, sigma_um=1.0), abs=1e-7)


def test_limits_of_vias():
    assert enclosure_limit_um(pad_diameter_um=30, via_diameter_um=20, enclosure_um=2) == 3
    with pytest.raises(DomainError):
        enclosure_limit_um(pad_diameter_um=20, via_diameter_um=20)
    with pytest.raises(DomainError):
        pad_landing(limit_um=1, sigma_um=0)
    with pytest.raises(DomainError):
        die_landing(limit_um=0, sigma_x_um=1, sigma_y_um=1)
