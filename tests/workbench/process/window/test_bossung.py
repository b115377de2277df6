"""Focus-dose windows whose largest rectangle and ellipse are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DomainError
from workbench.process.window import Factor, Limits
from workbench.process.window.bossung import bossung_of, fit_bossung, focus_dose_window
from workbench.process.window.surface import fit

H, C, BASE = 0.2, 1.25, 3.0  # the band c F^2 <= ln E - y0 <= c F^2 + h
FOCUS, DOSE = np.meshgrid(np.linspace(-0.6, 0.6, 13), np.exp(np.linspace(BASE - 0.4, BASE + 0.8, 11)))


def band(*, centre_um=0.0, sign=-1.0, noise=1e-7, feature="line", seed=0):
    """A feature whose width, linear in ln E with a parabola of focus, leaves exactly the band."""
    u = np.log(DOSE) - BASE - C * (FOCUS - centre_um) ** 2
    rng = np.random.default_rng(seed)
    width = 100 + sign * 50 * u + noise * rng.normal(size=u.shape)
    limits = Limits(100 - 50 * H, 100.0) if sign < 0 else Limits(100.0, 100 + 50 * H)
    return fit_bossung(FOCUS, DOSE, width, limits, feature=feature, focus_order=2, dose_order=1)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_rectangle_and_ellipse_of_the_parabolic_band(sign):
    """Rectangle: latitude 2h/3, depth 2 sqrt(h / 3c). Ellipse: latitude 8h/9, depth 4/3 sqrt(h / c). Closed form."""
    window = focus_dose_window([band(sign=sign)])
    rectangle, ellipse = window.rectangle, window.ellipse
    assert rectangle.latitude_log == pytest.approx(0.133333, abs=1e-6)
    assert rectangle.depth_um == pytest.approx(0.461880, abs=1e-6)
    assert rectangle.area == pytest.approx(4 * H / 3 * np.sqrt(H / (3 * C)), rel=1e-7)
    assert ellipse.latitude_log / 2 == pytest.approx(0.088889, abs=1e-6)
    assert ellipse.depth_um / 2 == pytest.approx(0.266667, abs=1e-6)
    assert rectangle.focus_um == pytest.approx(0, abs=1e-6)
    assert rectangle.log_dose == pytest.approx(BASE + 2 * H / 3, abs=1e-6)
    assert ellipse.log_dose == pytest.approx(BASE + 5 * H / 9, abs=1e-6)


def test_latitude_against_depth():
    """Rectangle of depth d: h - c d^2 / 4. Ellipse, with k = c d^2 / 4: h while k <= h / 4, then 4 (sqrt(h k) - k)."""
    curve = focus_dose_window([band()]).curve(13)
    k = C * curve.depth_um**2 / 4
    assert curve.rectangle_log == pytest.approx(np.maximum(H - k, 0), abs=1e-7)
    expected = np.where(k <= H / 4, H, np.maximum(4 * (np.sqrt(H * k) - k), 0))
    assert curve.ellipse_log == pytest.approx(expected, abs=1e-6)
    assert curve.rectangle_percent[0] == pytest.approx(200 * (np.exp(H) - 1) / (np.exp(H) + 1))


@pytest.mark.parametrize("percent", [5.0, 10.0, 15.0])
def test_depth_of_focus_at_a_latitude(percent):
    window = focus_dose_window([band()])
    latitude = np.log((1 + percent / 200) / (1 - percent / 200))
    found = window.depth_at(percent)
    assert found.depth_um == pytest.approx(2 * np.sqrt((H - latitude) / C), abs=1e-6)
    assert found.latitude_percent == pytest.approx(percent, abs=1e-5)
    assert found.dose_mj_per_cm2 == pytest.approx(np.mean(np.exp(found.log_dose + np.array([-1, 1]) * latitude / 2)))
    s = np.sqrt(H) + np.sqrt(H - latitude)  # the root of 4 (sqrt(h k) - k) = latitude
    assert window.depth_at(percent, "ellipse").depth_um == pytest.approx(2 * (s / 2) / np.sqrt(C), abs=1e-5)
    assert window.depth_at(25.0) is None


def test_features_with_their_best_focus_apart():
    """Bands centred at +-s: the highest low is c (d/2 + s)^2, the lowest high h while d/2 >= s."""
    s = 0.08
    window = focus_dose_window([band(centre_um=-s), band(centre_um=s, feature="via")])
    for depth in (0.2, 0.4):
        found = window.rectangle_at(depth)
        assert found.latitude_log == pytest.approx(H - C * (depth / 2 + s) ** 2, abs=1e-7)
        assert found.focus_um == pytest.approx(0, abs=1e-6)
    # area d (h - c (d/2 + s)^2) is largest where h = c (d/2 + s)(3 d/2 + s)
    x = (-4 * s + np.sqrt(16 * s**2 - 12 * (s**2 - H / C))) / 6
    assert window.rectangle.depth_um == pytest.approx(2 * x, abs=1e-6)
    assert window.rectangle.area < focus_dose_window([band()]).rectangle.area


def test_no_sample_of_the_ellipse_is_outside_and_none_beyond_it_is_larger():
    window = focus_dose_window([band(centre_um=-0.05), band(centre_um=0.1, feature="via")])
    best = window.ellipse
    angle = np.linspace(0, 2 * np.pi, 3000)
    f, y = (best.focus_um + best.depth_um / 2 * np.cos(angle), best.log_dose + best.latitude_log / 2 * np.sin(angle))
    low, high = window.edges(f)
    assert (y >= low - 1e-8).all()
    assert (y <= high + 1e-8).all()
    rng = np.random.default_rng(1)
    for _ in range(300):
        a, b, f0, y0 = np.array([best.depth_um / 2, best.latitude_log / 2, best.focus_um, best.log_dose]) * (
            1 + 0.02 * rng.normal(size=4)
        )
        low, high = window.edges(f0 + a * np.cos(angle))
        y = y0 + b * np.sin(angle)
        if (y >= low).all() and (y <= high).all():
            assert np.pi * a * b <= best.area * (1 + 1e-6)


def test_an_isofocal_curve_is_limited_by_what_was_tested():
    flat = fit_bossung(FOCUS, DOSE, 100 - 50 * (np.log(DOSE) - BASE) + 1e-7 * np.sin(99 * FOCUS * DOSE),
                       Limits(95, 105), focus_order=2, dose_order=1)  # fmt: skip
    found = focus_dose_window([flat]).rectangle
    assert found.depth_um == pytest.approx(1.2)
    assert found.latitude_log == pytest.approx(0.2, abs=1e-5)
    wide = bossung_of(flat.surface, flat.focus, flat.log_dose, Limits(upper=1000.0))
    assert focus_dose_window([wide]).rectangle.latitude_log == pytest.approx(1.2)


def test_no_window_is_said():
    low = fit_bossung(FOCUS, DOSE, 100 - 50 * (np.log(DOSE) - BASE - C * FOCUS**2), Limits(200, 210), focus_order=2,
                      dose_order=1, selected=False)  # fmt: skip
    window = focus_dose_window([low])
    assert not window.exists
    assert window.rectangle is None
    assert window.ellipse is None
    assert window.depth_at(5.0) is None


def test_orders_are_found_in_noisy_curves():
    rng = np.random.default_rng(7)
    u = np.log(DOSE) - BASE
    truth = 100 - 50 * u + 6 * u**2 + 62 * FOCUS**2 - 40 * FOCUS**2 * u
    found = fit_bossung(FOCUS, DOSE, truth + 0.3 * rng.normal(size=u.shape), Limits(90, 110))
    assert found.width(0.3, np.exp(BASE + 0.1)) == pytest.approx(100 - 5 + 0.06 + 5.58 - 0.36, abs=0.4)
    low, high = found.edges(np.array([0.0]))
    assert found.width(0.0, np.exp(low)) == pytest.approx([110], abs=1e-9)
    assert found.width(0.0, np.exp(high)) == pytest.approx([90], abs=1e-9)


def test_the_probable_window_is_smaller_and_tends_to_the_window_itself():
    exact = focus_dose_window([band()])
    sharp = exact.probable(0.95)
    assert sharp.high - sharp.low == pytest.approx([0.461880, 0.133333], abs=2e-5)
    ellipse = exact.probable(0.95, kind="ellipse")
    assert ellipse.volume == pytest.approx(np.pi * 0.266667 * 0.088889, rel=1e-4)
    noisy = focus_dose_window([band(noise=0.5)]).probable(0.95)
    assert noisy.volume < 0.8 * sharp.volume


def test_what_cannot_be_a_window():
    grid = np.linspace(-1, 1, 5)
    x = np.array([(f, y) for f in grid for y in grid])
    turning = fit(x, x[:, 1] ** 2 + 0.01 * np.sin(9 * x[:, 0]), ((0, 0), (1, 0), (0, 1), (0, 2)))
    other = bossung_of(band().surface, Factor("focus_um", 5, 6), Factor("log_dose", 2, 4), Limits(upper=100))
    cases = [
        (lambda: bossung_of(turning, Factor("focus_um", -1, 1), Factor("log_dose", 2, 4), Limits(upper=1)),
         "process.dose_turns"),
        (lambda: fit_bossung(FOCUS, -DOSE, DOSE, Limits(upper=1)), "process.dose"),
        (lambda: focus_dose_window([]), "process.focus_apart"),
        (lambda: focus_dose_window([band(), other]), "process.focus_apart"),
        (lambda: focus_dose_window([band()]).rectangle_at(2.0), "process.depth"),
        (lambda: focus_dose_window([band()]).depth_at(10.0, "circle"), "process.choice"),
    ]  # fmt: skip
    for ask, rule in cases:
        with pytest.raises(DomainError) as refused:
            ask()
        assert refused.value.rule == rule
