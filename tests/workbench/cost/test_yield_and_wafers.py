"""Properties of the yield models, the wafer grid and the overlap of pads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.cost import yield_models as models
from workbench.cost.hybrid_bond import overlap_area_um2, overlay_limit_nm, particle_yield
from workbench.cost.wafers import Wafer, best_grid, dies_per_wafer, grid_count
from workbench.errors import DomainError

X = np.array([0.0, 1e-9, 0.01, 0.3, 1.0, 5.0, 50.0])


@pytest.mark.parametrize("model", models.MODELS.values())
def test_yield_falls_from_one(model):
    y = model(X)
    assert y[0] == 1
    assert np.all(np.diff(y) < 0)
    assert np.all((y > 0) & (y <= 1))


def test_clustering_orders_the_models():
    """For the same mean, more clustered defects spare more dies: Poisson < NB10 < NB2 < Seeds, Murphy between."""
    x = X[3:]
    order = [models.poisson(x), models.negative_binomial(x, 10), models.negative_binomial(x, 2), models.seeds(x)]
    assert np.all(np.diff(order, axis=0) > 0)
    assert np.all((models.murphy(x) > models.poisson(x)) & (models.murphy(x) < models.seeds(x)))


def test_negative_binomial_tends_to_poisson():
    np.testing.assert_allclose(models.negative_binomial(X, 1e12), models.poisson(X), rtol=1e-8)
    np.testing.assert_allclose(models.negative_binomial(X, 1), models.seeds(X), rtol=1e-14)


def test_williams_brown_limits():
    assert models.williams_brown(yield_ratio=0.7, coverage_ratio=1) == 0
    assert models.williams_brown(yield_ratio=0.7, coverage_ratio=0) == pytest.approx(0.3)
    assert models.williams_brown(yield_ratio=1, coverage_ratio=0.5) == 0


REFUSED = [
    lambda: models.poisson(-1e-3),
    lambda: models.negative_binomial(1, 0),
    lambda: models.bose_einstein(1, 0),
    lambda: models.die_yield("mooore", area_mm2=1, defect_density_per_cm2=1),
    lambda: models.poisson(float("nan")),
    lambda: models.williams_brown(yield_ratio=0, coverage_ratio=0.9),
    lambda: models.williams_brown(yield_ratio=0.9, coverage_ratio=1.1),
    lambda: dies_per_wafer(Wafer(), area_mm2=0),
    lambda: dies_per_wafer(Wafer(), area_mm2=60_000),
    lambda: best_grid(Wafer(), width_mm=250, length_mm=250),
    lambda: grid_count(Wafer(), width_mm=0, length_mm=1, offset_x_mm=0, offset_y_mm=0),
    lambda: Wafer(300, 150, 0.1),
    lambda: overlay_limit_nm(pitch_um=1, bottom_radius_um=0.2, top_radius_um=0.3),
    lambda: overlap_area_um2(radius_a_um=0, radius_b_um=1, distance_um=1),
    lambda: particle_yield(width_um=1, length_um=1, particle_density_per_um2=0, top_radius_um=1, thickness_exponent=2),
]


@pytest.mark.parametrize("call", REFUSED)
def test_outside_the_range_is_refused(call):
    with pytest.raises(DomainError) as caught:
        call()
    assert caught.value.sentence("zh-Hant") != caught.value.sentence("en")


def brute_force(wafer: Wafer, width: float, length: float, x0: float, y0: float) -> int:
    px, py, r = width + wafer.scribe_mm, length + wafer.scribe_mm, wafer.usable_radius_mm
    n = int(2 * r / min(px, py)) + 3
    count = 0
    for i in range(-n, n):
        for j in range(-n, n):
            x, y = x0 + i * px, y0 + j * py
            corners = [(x, y), (x + width, y), (x, y + length), (x + width, y + length)]
            count += all(a * a + b * b <= r * r * (1 + 1e-11) for a, b in corners)
    return count


@settings(max_examples=25, deadline=None)
@given(
    width=st.floats(8, 60), length=st.floats(8, 60), scribe=st.floats(0, 1), edge=st.floats(0, 10),
    shift=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)  # fmt: skip
def test_grid_count_is_exact(width, length, scribe, edge, shift):
    wafer = Wafer(200, edge, scribe)
    x0, y0 = shift[0] * (width + scribe), shift[1] * (length + scribe)
    found = grid_count(wafer, width_mm=width, length_mm=length, offset_x_mm=x0, offset_y_mm=y0)
    assert int(found) == brute_force(wafer, width, length, x0, y0)


def test_best_grid_lists_what_it_counts():
    grid = best_grid(Wafer(300, 5, 0.2), width_mm=14.5, length_mm=31.4)
    far = np.abs(grid.corners_mm[:, None] + np.array([[0, 0], [14.5, 0], [0, 31.4], [14.5, 31.4]]))
    assert np.hypot(far[..., 0], far[..., 1]).max() <= 145 + 1e-9
    assert len(grid.corners_mm) == grid.count >= grid.count_low > 0
    lowest = np.lexsort(grid.corners_mm.T)
    gaps = np.diff(grid.corners_mm[lowest][:, 0])
    assert np.all(gaps[gaps > 0] >= 14.7 - 1e-9)
    assert len(grid.partial_mm) > 0


@settings(max_examples=60, deadline=None)
@given(a=st.floats(0.05, 5), b=st.floats(0.05, 5), share=st.floats(0, 1))
def test_pads_overlap_less_the_farther_they_are(a, b, share):
    here = overlap_area_um2(radius_a_um=a, radius_b_um=b, distance_um=share * (a + b))
    farther = overlap_area_um2(radius_a_um=a, radius_b_um=b, distance_um=min(share + 0.05, 1) * (a + b))
    assert 0 <= farther <= here * (1 + 1e-9) + 1e-12
    assert here <= np.pi * min(a, b) ** 2 * (1 + 1e-12)
    assert here == pytest.approx(overlap_area_um2(radius_a_um=b, radius_b_um=a, distance_um=share * (a + b)), abs=1e-12)


def test_particles_cost_at_least_the_die_area():
    bond = {"width_um": 1e4, "length_um": 1e4, "top_radius_um": 0.2}
    assert particle_yield(**bond, particle_density_per_um2=0) == 1
    assert particle_yield(**bond, particle_density_per_um2=1e-9) < np.exp(-0.1)
