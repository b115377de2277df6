"""Studies in several factors, with categories, transformations and processes; ranges, distances, Cpk, overlap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from workbench.errors import DomainError
from workbench.process.window import Factor, Limits, Region, conformance, yield_with_drift
from workbench.process.window.factors import Category
from workbench.process.window.operating import (
    capable_point,
    conformance_at,
    cpk_at,
    margins,
    operating_box,
    operating_ellipsoid,
    overlap,
    room,
    slice_field,
    total_sigma,
)
from workbench.process.window.plan import box_behnken, central_composite, full_factorial, model_terms
from workbench.process.window.study import study
from workbench.process.window.surface import fit

SPACE = [Factor("pressure_torr", 4, 80), Factor("ratio", 2, 10), Factor("power_w", 100, 300)]
PLAN = central_composite(SPACE, centre=(0, 6)).repeated(40)
NOISE = 0.05 * np.random.default_rng(8).normal(size=(len(PLAN), 2))


def bowl(x):
    return 5 + (x**2).sum(axis=1)


def plane(x):
    return 10 + x @ [1.0, -0.5, 0.25]


def the_study(limits=None, drift=(0, 0, 0), **options):
    settings = PLAN.settings().to_numpy()
    y = {"bowl": bowl(PLAN.points) + NOISE[:, 0], "plane": plane(PLAN.points) + NOISE[:, 1]}
    return study(SPACE, settings, y, limits or {"bowl": Limits(upper=6.0)}, drift, **options)


STUDY = the_study()


def coded(low, high):
    own = SPACE[: len(low)]
    return [((v - [f.centre for f in own]) / [f.half_range for f in own]).tolist() for v in (low, high)]


def test_the_box_and_the_ellipsoid_in_a_bowl():
    """|x|^2 <= 1 less the margin that the noise takes: half sides r / sqrt 3, and the ball itself."""
    r = np.sqrt(1 - 0.05 * ndtri(0.9) * (1 + 1 / 800))
    box, ellipsoid = operating_box(STUDY), operating_ellipsoid(STUDY)
    low, high = coded(box.low, box.high)
    assert high == pytest.approx([r / np.sqrt(3)] * 3, rel=0.02)
    assert low == pytest.approx([-r / np.sqrt(3)] * 3, rel=0.02)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    inside = conformance(STUDY.models(), STUDY.bounds, corners)[0]
    assert (inside >= 0.9 - 1e-5).all()
    assert inside.min() == pytest.approx(0.9, abs=1e-4)
    low, high = coded(ellipsoid.low, ellipsoid.high)
    assert high == pytest.approx([r] * 3, rel=0.02)
    assert ellipsoid.share == pytest.approx(4 / 3 * np.pi * r**3 / np.prod(np.ptp(STUDY.x, axis=0)), rel=0.03)


def test_some_factors_may_be_held():
    held = operating_box(STUDY, held={"power_w": 200 + 100 * 0.6})
    r = np.sqrt(1 - 0.36 - 0.05 * ndtri(0.9))
    assert [f.name for f in held.factors] == ["pressure_torr", "ratio"]
    assert (held.high - held.low) / [38, 4] == pytest.approx([2 * r / np.sqrt(2)] * 2, rel=0.02)
    assert operating_box(STUDY, held={"power_w": 300 + 60}) is None
    assert operating_box(STUDY, wanted=0.999).share < operating_box(STUDY, wanted=0.5).share


def test_slices_agree_with_the_whole():
    found = slice_field(STUDY, ("ratio", "power_w"), {"pressure_torr": 42 + 38 * 0.5}, grid_count=9)
    assert found.x == pytest.approx(6 + 4 * np.linspace(STUDY.region.low[1], STUDY.region.high[1], 9))
    assert found.y == pytest.approx(200 + 100 * np.linspace(STUDY.region.low[2], STUDY.region.high[2], 9))
    x = np.array([[0.5, (found.x[2] - 6) / 4, (found.y[6] - 200) / 100]])
    assert found.probability[2, 6] == pytest.approx(conformance(STUDY.models(), STUDY.bounds, x)[0][0])
    assert found.means["plane"][2, 6] == pytest.approx(plane(x)[0], abs=0.03)
    assert found.margin[2, 6] == pytest.approx(STUDY.region.margin(x)[0])
    whole = slice_field(STUDY, ("pressure_torr", "ratio"))
    assert whole.probability == pytest.approx(STUDY.field.probability)


def test_distances_to_the_limits():
    found = the_study({"plane": Limits(9.0, 12.0)}, drift=(3.8, 0, 0))
    at = {"pressure_torr": 42, "ratio": 6, "power_w": 200}
    first, second = margins(found, at)
    sigma = np.hypot(0.05, 1.0 * 3.8 / 38)
    assert (first.side, second.side) == ("lower", "upper")
    assert first.distance == pytest.approx(1.0, abs=0.01)
    assert second.distance == pytest.approx(2.0, abs=0.01)
    assert first.sigma == pytest.approx(sigma, rel=0.02)
    assert first.in_sigma == pytest.approx(first.distance / first.sigma)
    assert cpk_at(found, np.zeros((1, 3)))[0] == pytest.approx([first.in_sigma / 3])


def test_room_of_each_factor_alone():
    found = {r.factor: r for r in room(STUDY, {"pressure_torr": 42, "ratio": 6, "power_w": 250})}
    r = np.sqrt(1 - 0.25 - 0.05 * ndtri(0.9))
    assert found["pressure_torr"].high == pytest.approx(42 + 38 * r, rel=0.01)
    assert found["pressure_torr"].low_bound == "window"
    assert found["ratio"].low == pytest.approx(6 - 4 * r, rel=0.03)
    wide = {r.factor: r for r in room(the_study({"bowl": Limits(upper=50.0)}), {n.name: n.centre for n in SPACE})}
    assert wide["ratio"].high == pytest.approx(6 + 4 * STUDY.region.high[1])
    assert wide["ratio"].high_bound == "tested"
    outside = room(STUDY, {"power_w": 400})[0]
    assert outside.low is None
    assert outside.high is None


def test_the_capable_point_balances_two_limits():
    """Along a slope, sides at distances a and b from limits of sigmas s and t: where a / s w = b / t v."""
    x = np.linspace(-1, 1, 41)[:, None]
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(41, 2))
    y = {"up": x[:, 0] + 0.02 * noise[:, 0], "down": -x[:, 0] + 0.06 * noise[:, 1]}
    made = study([Factor("a", -1, 1)], x, y, {"up": Limits(upper=0.5), "down": Limits(upper=0.4)}, [0.0],
                 model="full_quadratic")  # fmt: skip
    found = capable_point(made)
    assert found.cpk[0] == pytest.approx(found.cpk[1], rel=1e-5)
    sigmas = total_sigma(made.models(), made.drift.sd, found.x)[0]
    expected = (0.5 * sigmas[1] - 0.4 * sigmas[0]) / sigmas.sum()
    assert found.x[0] == pytest.approx(expected, abs=0.02)
    weighted = capable_point(made, weights={"up": 2.0})
    assert weighted.cpk[0] == pytest.approx(2 * weighted.cpk[1], rel=1e-4)
    assert weighted.least == pytest.approx(weighted.cpk[1], rel=1e-4)
    grid = cpk_at(made, np.linspace(-1, 1, 4001)[:, None]).min(axis=1)
    assert found.least == pytest.approx(grid.max(), rel=1e-3)


def test_a_category_shifts_the_window_and_the_best_level_is_found():
    space = [Factor("a", 0, 10), Category("tool", ("A", "B", "C")), Factor("b", 0, 1)]
    plan = full_factorial(space, [3, 3, 3]).repeated(2)
    shift = np.array([0.0, 0.8, 2.0])[plan.points[:, 1].astype(int)]
    y = 5 + plan.points[:, 0] ** 2 + plan.points[:, 2] ** 2 + shift
    y = y + 0.1 * np.random.default_rng(1).normal(size=len(plan))
    found = study(space, plan.settings().to_numpy(), {"y": y}, {"y": Limits(upper=5.9)}, [0, 0, 0])
    assert dict(found.level) == {"tool": "A"}
    assert [f.name for f in found.factors] == ["a", "b"]
    assert found.window_share > 0
    shares = [slice_field(found, ("a", "b"), {"tool": tool}).probability.mean() for tool in "ABC"]
    assert shares[0] > shares[1] > shares[2]
    assert operating_box(found, held={"tool": "C"}) is None
    assert conformance_at(found, {"tool": "B"}).still < conformance_at(found).still
    names = found.responses[0].surface.term_names
    assert {"tool [A]", "tool [B]"} <= set(names)  # the columns of a category stay or leave together


def test_effect_codes_are_the_level_means():
    """One category alone is analysis of variance: coefficients are the deviations of the level means."""
    space = [Category("tool", ("A", "B", "C"))]
    plan = full_factorial(space).repeated(5)
    y = np.random.default_rng(6).normal(size=15) + plan.points[:, 0]
    surface = fit(plan.x, y, model_terms(space, "linear"))
    means = [y[plan.points[:, 0] == level].mean() for level in range(3)]
    assert surface.coefficients == pytest.approx([np.mean(means), means[0] - np.mean(means), means[1] - np.mean(means)])


def test_a_transformed_response_keeps_its_limits():
    settings = PLAN.settings().to_numpy()
    y = np.exp(plane(PLAN.points) - 10 + NOISE[:, 1])
    made = study(SPACE, settings, {"y": y}, {"y": Limits(0.5, 2.0)}, [0, 0, 0], powers={"y": 0.0})
    at = np.array([[0.3, 0.2, -0.1]])
    mean, scale = np.log(np.exp(plane(at) - 10))[0], 0.05
    expected = ndtr((np.log(2) - mean) / scale) - ndtr((np.log(0.5) - mean) / scale)
    assert conformance(made.models(), made.bounds, at)[0][0] == pytest.approx(expected, abs=0.01)
    upper = next(m for m in margins(made, {f.name: f.centre for f in SPACE}) if m.side == "upper")
    assert upper.expected == pytest.approx(1.0, abs=0.01)
    assert upper.distance == pytest.approx(1.0, abs=0.01)
    assert upper.in_sigma == pytest.approx(np.log(2) / 0.05, rel=0.05)
    with pytest.raises(DomainError) as refused:
        study(SPACE, settings, {"y": y - 1}, {"y": Limits(0.5, 2.0)}, [0, 0, 0], powers={"y": 0.0})
    assert refused.value.rule == "process.window_not_positive"


def test_a_gaussian_process_finds_the_same_window():
    plan = box_behnken(SPACE, centre=5)
    rng = np.random.default_rng(4)
    y = bowl(plan.points) + 0.02 * rng.normal(size=len(plan))
    made = study(SPACE, plan.settings().to_numpy(), {"y": y}, {"y": Limits(upper=6.0)}, [1.0, 0.1, 2.0],
                 model="gaussian_process")  # fmt: skip
    assert made.set_point.drifted.value > 0.95
    assert np.linalg.norm(made.set_point.x) < 0.5
    assert made.responses[0].process.leave_one_out().coverage > 0.8
    box = operating_box(made, held={"power_w": 200})
    corners = np.array(np.meshgrid(*zip(*coded(box.low, box.high), strict=True), [0.0])).reshape(3, -1).T
    assert conformance(made.models(), made.bounds, corners)[0].min() == pytest.approx(0.9, abs=1e-3)
    drifted = yield_with_drift(made.models(), made.bounds, made.set_point.x, made.drift)
    assert drifted.value == pytest.approx(made.set_point.drifted.value)


def test_blocks_are_taken_out():
    plan = central_composite(SPACE, alpha="orthogonal_blocks", centre=(3, 3), blocks=True)
    y = bowl(plan.points) + 3.0 * plan.block + 0.02 * np.random.default_rng(4).normal(size=len(plan))
    made = study(SPACE, plan.settings().to_numpy(), {"y": y}, {"y": Limits(upper=6.0)}, [0, 0, 0], block=plan.block)
    assert made.responses[0].surface.block_effects == pytest.approx([3.0], abs=0.05)
    assert made.set_point.still > 0.99


def test_the_common_window_of_two_layers():
    settings = PLAN.settings().to_numpy()

    def layer(centre):
        y = 5 + ((PLAN.points - centre) ** 2).sum(axis=1) + NOISE[:, 0]
        return study(SPACE, settings, {"cd": y}, {"cd": Limits(upper=6.0)}, [0, 0, 0])

    common = overlap([layer([-0.4, 0, 0]), layer([0.4, 0, 0])])
    at = np.array([[42, 6, 200], [42 + 38 * 0.9, 6, 200]])
    p = common.probability(at)
    assert (p[0] > 0.99).all()
    assert p[1, 0] < 0.01 < p[1, 1]
    found = common.largest("ellipsoid")
    reach = (found.reach / [38, 4, 100]).tolist()
    assert found.centre == pytest.approx([42, 6, 200], rel=0.02)
    assert reach[0] == pytest.approx(0.96 - 0.4, abs=0.05)  # the lens of two balls: one ends where the other's does
    assert min(reach[1:]) > reach[0]
    box = common.largest("box")
    assert (common.probability(np.array([box.low, box.high])) >= 0.9 - 1e-4).all()


def test_what_cannot_be_asked():
    other = study(SPACE[:2], PLAN.settings().to_numpy()[:, :2], {"y": plane(PLAN.points)}, {"y": Limits(5, 15)}, [0, 0])
    cases = [
        (lambda: slice_field(STUDY, ("ratio", "ratio")), "process.window_factor"),
        (lambda: slice_field(STUDY, ("ratio", "speed")), "process.window_factor"),
        (lambda: margins(STUDY, {"speed": 1.0}), "process.window_factor"),
        (lambda: capable_point(STUDY, weights={"plane": 1.0}), "process.window_weights"),
        (lambda: capable_point(STUDY, weights={"bowl": 0.0}), "process.window_weights"),
        (lambda: overlap([STUDY, other]), "process.window_studies"),
        (lambda: overlap([]), "process.window_studies"),
        (lambda: operating_box(STUDY, wanted=1.0), "process.choice"),
        (lambda: the_study(model="gaussian_process", block=np.zeros(len(PLAN))), "process.choice"),
    ]
    for ask, rule in cases:
        with pytest.raises(DomainError) as refused:
            ask()
        assert refused.value.rule == rule


def test_the_region_is_that_of_the_runs():
    assert isinstance(STUDY.region, Region)
    assert STUDY.region.reach == pytest.approx(max(np.sqrt(3), 8**0.25))
