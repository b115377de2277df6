"""Models of steps against published, exact and independently computed values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special

from workbench.cost import overlay
from workbench.errors import DomainError
from workbench.process.fan_out import bond_yield, copper_gap
from workbench.process.fan_out.grinding import profile_um, ttv_um
from workbench.process.fan_out.hybrid_bond import copper_gap_nm
from workbench.process.fan_out.lithography import (
    aerial_image,
    depth_of_focus_um,
    focus_phase_rad,
    lithography,
    local_focus_um,
    printed_space_um,
    space_in_image_um,
)
from workbench.process.fan_out.mould_shift import drag_shift_um, flow_shear_pa, magnification_ppm, shift_um
from workbench.process.fan_out.plating import (
    COPPER_OHM_M,
    plated_um,
    primary_ratio,
    terminal_ratio,
    thickness_profile_um,
    uniformity_percent,
    wagner_number,
)
from workbench.process.fan_out.thermocompression import (
    gap_um,
    heated_ratio,
    squeeze_shape_mm4,
    squeeze_time_s,
    viscosity_at_pa_s,
)


# moulding
def test_first_order_shift_of_an_expanding_mould():
    """3.8 ppm/K over 105 K at 150 mm: 399 ppm, 59.85 um (closed form)."""
    grown = magnification_ppm(mould_cte_ppm_per_k=7.0, carrier_cte_ppm_per_k=3.2, dt_k=105)
    assert grown == pytest.approx(399)
    assert shift_um(radius_mm=150, magnification_ppm=grown) == pytest.approx(59.85)
    assert magnification_ppm(mould_cte_ppm_per_k=7.0, carrier_cte_ppm_per_k=3.2, dt_k=-105,
                             cure_shrinkage_ppm=100) == pytest.approx(-499)  # fmt: skip


def test_the_shear_of_the_flow_balances_its_pressure():
    """Force on both plates over r of a slice equals the pressure gradient of Stefan's solution: 2 tau = h dp/dr."""
    radius, speed, gap, mu = 0.06, 2e-4, 4e-4, 12.0
    gradient = 6 * mu * speed * radius / gap**3  # of p = 3 mu V (R^2 - r^2) / h^3
    shear = flow_shear_pa(radius_mm=60, closing_speed_um_per_s=200, gap_um=400, viscosity_pa_s=12)
    assert 2 * shear == pytest.approx(gap * gradient)
    assert drag_shift_um(shear_pa=1e5, adhesive_um=50, adhesive_shear_mpa=0.5) == pytest.approx(10)
    with pytest.raises(DomainError):
        flow_shear_pa(radius_mm=60, closing_speed_um_per_s=200, gap_um=0, viscosity_pa_s=12)


# lithography
PITCH, NA = 6.0, 0.13


@pytest.mark.parametrize("defocus", [0.0, 4.0, -9.0, 15.0])
def test_the_closed_image_is_that_of_abbe(defocus):
    """Coherent source, 3 um lines and spaces: root of a quadratic against the sum over all orders of the pupil."""
    x = np.linspace(0, PITCH / 2, 6001)
    image = aerial_image(x, pitch_um=PITCH, na=NA, defocus_um=defocus)
    dose = np.array([160.0, 250.0, 400.0, 520.0])
    closed = printed_space_um(dose_mj_per_cm2=dose, defocus_um=defocus, threshold_mj_per_cm2=100, pitch_um=PITCH)
    assert closed == pytest.approx(space_in_image_um(image, pitch_um=PITCH, threshold_ratio=100 / dose), abs=1e-5)


def test_the_image_at_the_edge_of_a_space():
    """In focus at a quarter pitch the cosine is 0: the intensity is 1/4 exactly, so four times the threshold prints
    lines and spaces of equal width."""
    assert aerial_image(np.array([PITCH / 4]), pitch_um=PITCH, na=NA)[0] == pytest.approx(0.25, rel=1e-12)
    assert printed_space_um(dose_mj_per_cm2=400, defocus_um=0, threshold_mj_per_cm2=100,
                            pitch_um=PITCH) == pytest.approx(PITCH / 2)  # fmt: skip


def test_all_orders_give_the_mask_again():
    x = np.array([0.0, 20.0, 30.0, 45.0])
    image = aerial_image(x, pitch_um=100.0, na=0.8, space_ratio=0.5)
    assert image == pytest.approx([1, 1, 0, 0], abs=0.03)


def test_a_partly_coherent_image_keeps_its_light():
    """The mean over a pitch is the sum of what each order passes: below NA (1 - s) all of it, above NA (1 + s) none."""
    x = (np.arange(400) + 0.5) / 400 * PITCH
    mean = aerial_image(x, pitch_um=PITCH, na=NA, coherence=0.3).mean()
    assert mean == pytest.approx(0.25 + 2 / np.pi**2, rel=1e-9)
    wide = aerial_image(x, pitch_um=2.0, na=NA, coherence=0.3).mean()
    assert wide == pytest.approx(0.25, rel=1e-9)
    defocused = aerial_image(x, pitch_um=PITCH, na=NA, coherence=0.3, defocus_um=8.0)
    assert np.ptp(defocused) < np.ptp(aerial_image(x, pitch_um=PITCH, na=NA, coherence=0.3))


def test_sources_of_more_points_agree():
    x = np.linspace(0, 2, 9)
    coarse, fine = (aerial_image(x, pitch_um=4.0, na=NA, coherence=0.5, defocus_um=6.0, source_points=n)
                    for n in (48, 160))  # fmt: skip
    assert coarse == pytest.approx(fine, abs=4e-3)


def test_focus_in_numbers():
    """Rayleigh: 0.365 um at NA 0.1 gives 36.5 um of depth; either way a quarter wave at the edge of the pupil."""
    assert depth_of_focus_um(na=0.1) == pytest.approx(36.5)
    edge = focus_phase_rad(defocus_um=36.5 / 2, pitch_um=3.65)
    assert edge == pytest.approx(np.pi / 2, rel=3e-3)  # paraxial
    assert local_focus_um(x_mm=10, y_mm=-5, offset_um=1, tilt_x_rad=1e-4, tilt_y_rad=2e-4, curvature_per_m=0.02,
                          topography_um=3) == pytest.approx(1 + 1 - 1 + 0.02 / 2 * 125e-6 * 1e6 + 3)  # fmt: skip


def test_the_isofocal_dose():
    """Where c = 0 the width does not depend on focus: dose = threshold / (1/4 + 2/pi^2 - 2/pi^2) = 4 thresholds."""
    widths = printed_space_um(dose_mj_per_cm2=400, defocus_um=np.linspace(-15, 15, 7), threshold_mj_per_cm2=100,
                              pitch_um=PITCH)  # fmt: skip
    assert widths == pytest.approx(np.full(7, 3.0))


@pytest.mark.parametrize("call", [
    lambda: printed_space_um(dose_mj_per_cm2=100, defocus_um=60, threshold_mj_per_cm2=100, pitch_um=PITCH),
    lambda: printed_space_um(dose_mj_per_cm2=0, defocus_um=0, threshold_mj_per_cm2=100, pitch_um=PITCH),
    lambda: lithography(pitch_um=2.0, na=NA),
    lambda: lithography(pitch_um=10.0, na=NA),
    lambda: aerial_image(np.zeros(1), pitch_um=PITCH, na=1.2),
])  # fmt: skip
def test_images_out_of_range_are_refused(call):
    with pytest.raises(DomainError):
        call()


# plating
def test_faraday():
    """The shop rule: 1 A/dm2 (10 mA/cm2) plates 0.22 um of copper a minute; exactly i M / (2 F rho)."""
    one = plated_um(current_ma_per_cm2=10, time_min=1)
    assert one == pytest.approx(100 * 60 * 0.063546 / (2 * 96485.33212 * 8960) * 1e6)
    assert one == pytest.approx(0.22, abs=0.002)


@pytest.mark.parametrize(("sheet", "area"), [(0.02, 6.0), (0.2, 6.0), (2.0, 1.0), (50.0, 0.5)])
def test_the_terminal_effect_solves_ohms_law(sheet, area):
    """Mean 1 over the disc, and r (k^2 phi) integrated to r is the radial current: phi' r = k^2 int phi r dr."""
    wafer, k2 = 147.0, sheet / (area * 100)

    def ratio(r):
        return terminal_ratio(radius_mm=r, wafer_mm=wafer, sheet_ohm=sheet, area_resistance_ohm_cm2=area)

    mean, _ = integrate.quad(lambda r: ratio(r) * 2 * r / wafer**2, 0, wafer, epsabs=1e-11, limit=200)
    assert mean == pytest.approx(1, rel=1e-8)
    r, h = 100.0, 1e-3
    inside, _ = integrate.quad(lambda s: ratio(s) * s, 0, r, epsabs=1e-11, limit=200)
    assert (ratio(r + h) - ratio(r - h)) / (2 * h) * r == pytest.approx(k2 * inside, rel=1e-5)


def test_edge_to_centre_is_a_bessel_function():
    """i(R) / i(0) = I0(k R): 2.2796 at k R = 2 (Abramowitz and Stegun, table 9.8)."""
    wafer = 100.0
    sheet = 4.0 / wafer**2 * 600  # k R = 2 at 6 ohm cm2
    edge, centre = terminal_ratio(radius_mm=[wafer, 0.0], wafer_mm=wafer, sheet_ohm=sheet, area_resistance_ohm_cm2=6.0)
    assert edge / centre == pytest.approx(2.27958530, rel=1e-8)
    half = terminal_ratio(radius_mm=0.0, wafer_mm=wafer, sheet_ohm=sheet, area_resistance_ohm_cm2=6.0, open_ratio=0.5)
    assert half > centre


def grown_unevenly(wafer, seed, current, minutes, area, cells=300, steps=400):
    """The same film cell by cell: current through a sheet whose resistance follows its own thickness."""
    edges = np.linspace(0, wafer, cells + 1)
    r, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    film = np.full(cells, seed)
    for _ in range(steps):
        sheet = COPPER_OHM_M / (film * 1e-6)
        between = 2 / (sheet[1:] + sheet[:-1]) * edges[1:-1] / width  # conductance over 2 pi
        loss = r * width / (area * 100)
        m = np.diag(loss)
        i = np.arange(cells - 1)
        m[i, i] += between
        m[i + 1, i + 1] += between
        m[i, i + 1] -= between
        m[i + 1, i] -= between
        rim = 1 / sheet[-1] * wafer / (width / 2)
        m[-1, -1] += rim
        source = np.zeros(cells)
        source[-1] = rim
        density = np.linalg.solve(m, source)
        mean = (density * r).sum() / r.sum()
        film = film + plated_um(current_ma_per_cm2=current * density / mean, time_min=minutes / steps)
    return r, film - seed


def test_the_growing_film_against_cells():
    r, cells = grown_unevenly(147.0, 0.3, 10.0, 20.0, 5.0, cells=120, steps=60)
    closed = thickness_profile_um(radius_mm=r, wafer_mm=147.0, seed_um=0.3, current_ma_per_cm2=10.0, time_min=20.0,
                                  area_resistance_ohm_cm2=5.0)  # fmt: skip
    assert 5 < uniformity_percent(cells) < 30
    assert closed == pytest.approx(cells, rel=0.03)


def test_the_primary_distribution_of_a_disc():
    """Newman 1966: half the mean in the centre, 1 / (2 sqrt(1 - 0.64)) = 0.8333 at 0.8 R; the mean is 1."""
    assert primary_ratio(radius_mm=[0.0, 8.0], disc_mm=10.0) == pytest.approx([0.5, 1 / 1.2])
    mean, _ = integrate.quad(lambda u: primary_ratio(radius_mm=np.sqrt(1 - u**2), disc_mm=1.0) * 2 * u, 1e-12, 1)
    assert mean == pytest.approx(1)
    with pytest.raises(DomainError):
        primary_ratio(radius_mm=10.0, disc_mm=10.0)


def test_uniformity_and_wagner():
    """3.0 um at the edge and 3.2 um in the centre (MEMSnet 8405): 3.2 % of the mid range; thicker in the centre, which
    no terminal effect gives."""
    assert uniformity_percent([3.0, 3.2]) == pytest.approx(100 * 0.2 / 6.2)
    assert wagner_number(bath_ohm_m=0.02, slope_ohm_cm2=6.0, length_mm=150.0) == pytest.approx(0.2)


# thermocompression
def test_shapes_of_stefans_equation():
    """Torsion: a square of side a has 0.140577 a^4, 2 : 1 has 0.2287 a b^3 (Timoshenko and Goodier, table), a strip
    b^3 a / 3."""
    assert squeeze_shape_mm4(width_mm=1, length_mm=1) == pytest.approx(0.1405770, abs=5e-7)
    assert squeeze_shape_mm4(width_mm=2, length_mm=1) == pytest.approx(2 * 0.2287, abs=1e-4)
    assert squeeze_shape_mm4(width_mm=1, length_mm=1e4) == pytest.approx(1e4 / 3, rel=1e-4)


def test_the_square_against_poissons_equation():
    """J = 4 x integral of u over the plate, laplace u = -1, on a grid of 80 x 80 cells with sines (exact modes)."""
    n = np.arange(1, 160, 2)
    i, j = np.meshgrid(n, n)
    integral = (64 / np.pi**6 / (i**2 * j**2 * (i**2 + j**2))).sum()
    assert squeeze_shape_mm4(width_mm=1, length_mm=1) == pytest.approx(4 * integral, rel=1e-6)


def test_gap_and_time_undo_each_other():
    """Disc of 5 mm, 10 Pa s, 20 N, from 50 to 20 um: t = 3 pi mu R^4 / 4 F (1/h1^2 - 1/h0^2) = 1.546 s."""
    disc = np.pi * 5.0**4 / 2
    time = squeeze_time_s(start_um=50, end_um=20, force_n=20, viscosity_pa_s=10, shape_mm4=disc)
    assert time == pytest.approx(3 * np.pi * 10 * 0.005**4 / 80 * (1 / 20e-6**2 - 1 / 50e-6**2))
    assert gap_um(start_um=50, force_n=20, time_s=time, viscosity_pa_s=10, shape_mm4=disc) == pytest.approx(20)


def test_the_speed_is_stefans():
    shape, h, step = squeeze_shape_mm4(width_mm=10, length_mm=8), 30.0, 1e-4
    ahead = gap_um(start_um=h, force_n=50, time_s=step, viscosity_pa_s=20, shape_mm4=shape)
    speed = (h - ahead) * 1e-6 / step
    assert 3 * shape * 1e-12 * 20 * speed / (h * 1e-6) ** 3 == pytest.approx(50, rel=1e-3)


def test_viscosity_falls_with_temperature():
    ratio = viscosity_at_pa_s(viscosity_pa_s=20, activation_kj_per_mol=40, temperature_c=[150, 180])
    assert ratio[0] == 20
    assert ratio[1] == pytest.approx(20 * np.exp(40e3 / 8.314462618 * (1 / 453.15 - 1 / 423.15)))


HEATED = [  # Fourier number, share arrived at the insulated face: first terms of the two series (Carslaw and Jaeger)
    (1.0, 1 - 4 / np.pi * np.exp(-np.pi**2 / 4)),
    (0.01, 2 * special.erfc(5.0)),
]


@pytest.mark.parametrize(("fourier", "expected"), HEATED)
def test_heat_through_a_die(fourier, expected):
    found = heated_ratio(time_s=fourier * 0.09 / 80, thickness_um=300, diffusivity_mm2_per_s=80)
    assert found == pytest.approx(expected, rel=1e-6)


def test_both_series_of_heat_meet():
    times = np.array([0.0999999999, 0.1000000001])
    below, above = heated_ratio(time_s=times, thickness_um=1e3, diffusivity_mm2_per_s=1)
    assert below == pytest.approx(above, rel=1e-7)
    assert heated_ratio(time_s=0.0, thickness_um=100, diffusivity_mm2_per_s=80) == 0


# hybrid bonding
def test_the_copper_meets():
    """YAP: 10 nm a side, 0.053 nm/K a side, 25 to 300 C: 29.15 nm of expansion, -9.15 nm of gap (closed form)."""
    gap = copper_gap_nm(recess_nm=20, expansion_nm_per_k=0.106, temperature_c=300)
    assert gap == pytest.approx(-9.15)
    one_side = copper_gap_nm(recess_nm=10, expansion_nm_per_k=0.053, temperature_c=300)
    assert 10 - one_side == pytest.approx(14.575)
    assert copper_gap().predict({"temperature_c": [300]}, copper_gap().typical())[0] == pytest.approx(-9.15)


def test_the_yield_is_that_of_cost():
    found = bond_yield(width_mm=10, length_mm=8, alignment=overlay.BondAlignment(shift_std_nm=300))
    alone = overlay.overlay_yield(limit_nm=found.limit_nm, width_mm=10, length_mm=8,
                                  alignment=overlay.BondAlignment(shift_std_nm=300))  # fmt: skip
    assert found.overlay_ratio == alone.yield_ratio
    assert found.yield_ratio == pytest.approx(found.overlay_ratio * found.recess_ratio * found.particle_ratio)
    assert bond_yield(width_mm=10, length_mm=8, particle_density_per_um2=0.0).particle_ratio == 1


# grinding
def ground(radius, wheel, pitch, roll, cone):
    """The rim in space, rotated rigidly by both tilts, above a cone: no angle is taken as small."""
    wheel_angle = 2 * np.arcsin(radius / (2 * wheel))
    x, y = wheel * (1 - np.cos(wheel_angle)), wheel * np.sin(wheel_angle)
    normal = np.array([-np.tan(pitch), -np.tan(roll), 1.0])
    height = -(normal[0] * x + normal[1] * y)
    return 1e3 * (height + np.tan(cone) * radius)


@pytest.mark.parametrize(("pitch", "roll", "cone"), [(5e-5, 0, 0), (-2e-5, 3e-5, 0), (1e-4, -4e-5, 2e-5)])
def test_the_profile_against_the_rim_in_space(pitch, roll, cone):
    r = np.linspace(0, 150, 31)
    found = profile_um(radius_mm=r, wheel_mm=150, pitch_tilt_rad=pitch, roll_tilt_rad=roll, cone_rad=cone)
    assert found == pytest.approx(ground(r, 150.0, pitch, roll, cone), abs=1e-6)


def test_a_pitch_alone_leaves_a_bowl():
    """TTV = pitch R^2 / 2W: 1e-5 rad, 150 mm wafer radius and wheel: 0.75 um (closed form)."""
    assert ttv_um(wafer_mm=150, wheel_mm=150, pitch_tilt_rad=1e-5, roll_tilt_rad=0) == pytest.approx(0.75)
    balanced = ttv_um(wafer_mm=150, wheel_mm=150, pitch_tilt_rad=1e-5, roll_tilt_rad=-5e-6)
    assert balanced < 0.4


def test_a_rim_that_misses_the_wafer_is_refused():
    with pytest.raises(DomainError):
        profile_um(radius_mm=150, wheel_mm=70, pitch_tilt_rad=0, roll_tilt_rad=0)
