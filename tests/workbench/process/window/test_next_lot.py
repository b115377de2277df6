"""The next lot: criteria in closed form against fitting again, and what the lots find on known functions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from workbench.errors import DomainError
from workbench.process.window import Factor, Limits
from workbench.process.window.factors import Category
from workbench.process.window.gaussian_process import fit_process
from workbench.process.window.plan import box_behnken, central_composite, full_factorial, next_lot
from workbench.process.window.plan.next_lot import _Belief, expected_improvement
from workbench.process.window.study import study

SPACE = [Factor("pressure_torr", 4, 80), Factor("ratio", 2, 10)]


def truth(x):
    return 5 + 1.5 * x[:, 0] + np.sin(2.5 * x[:, 1])


def made(points, function=truth, limits=None, **options):
    settings = points * [38, 4] + [42, 6]
    noise = 0.01 * np.random.default_rng(1).normal(size=len(points))
    return study(SPACE, settings, {"y": function(points) + noise}, {"y": limits or Limits(4.5, 5.5)}, [0, 0],
                 model="gaussian_process", **options)  # fmt: skip


START = full_factorial(SPACE, 3).points
STUDY = made(START)


@pytest.mark.parametrize(("mean", "scale", "best", "dof"), [(0.0, 1.0, 0.5, 6), (2.0, 0.3, 1.0, 12), (-1, 2, -1, 3)])
def test_expected_improvement_is_the_integral(mean, scale, best, dof):
    def integrand(v):
        return (best - v) * stats.t.pdf((v - mean) / scale, dof) / scale

    expected, _ = quad(integrand, -np.inf, best)
    assert expected_improvement(np.array([mean]), np.array([scale]), best, dof)[0] == pytest.approx(expected, rel=1e-6)


def test_taking_a_run_equals_fitting_with_it():
    """The covariance after a run does not depend on its value, nor on the scale: lengths and noise ratio kept."""
    model = STUDY.responses[0].process
    at = np.random.default_rng(3).uniform(-1, 1, (6, 2))
    belief = _Belief.of(model, at)
    expected_fall = belief.fall(2, np.ones(4))[1]
    before = belief.variance[2:].sum()
    belief.take(1)
    assert before - belief.variance[2:].sum() == pytest.approx(expected_fall, rel=1e-9)
    again = fit_process(np.vstack([model.x, at[1:2]]), np.append(model.y, model.mean(at[1:2])), lengths=model.lengths,
                        noise_ratio=model.noise_ratio)  # fmt: skip
    assert belief.covariance == pytest.approx(again.covariance_at(at), abs=1e-9)
    assert model.mean(at) == pytest.approx(again.mean(at), abs=1e-9)


def test_a_lot_lowers_the_uncertainty_it_says():
    lot = next_lot(STUDY, 4, criterion="uncertainty")
    assert len(lot.plan) == lot.wafers == 4
    assert lot.gain.sum() == pytest.approx(1 - lot.left, rel=1e-9)
    assert (np.diff(lot.gain) <= 1e-9).all()  # each run adds less than the one before
    model = STUDY.responses[0].process
    again = fit_process(np.vstack([model.x, lot.plan.x]), np.append(model.y, model.mean(lot.plan.x)),
                        lengths=model.lengths, noise_ratio=model.noise_ratio)  # fmt: skip
    at = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    at = at[STUDY.region.contains(at)]
    ratio = [float((m.scale(at, predict=False) / m.process_sigma) ** 2 @ np.ones(len(at))) for m in (again, model)]
    assert ratio[0] / ratio[1] == pytest.approx(lot.left, abs=0.05)


def test_runs_keep_their_distance_and_the_budget():
    lot = next_lot(STUDY, 13, criterion="uncertainty", wafers_per_run=2, control_runs=2, minimum_distance=0.4)
    assert lot.wafers == 12
    assert len(lot.plan) == 6
    new, control = lot.plan.x[:4], lot.plan.x[4:]
    everything = np.vstack([START, new])
    gaps = np.linalg.norm(everything[:, None] - everything[None], axis=2)[len(START) :]
    assert np.sort(gaps, axis=1)[:, 1].min() >= 0.4 - 1e-9
    assert control == pytest.approx(np.tile(STUDY.set_point.x, (2, 1)), abs=1e-9)
    assert np.isnan(lot.gain[4:]).all()
    assert len(next_lot(STUDY, 50, minimum_distance=1.2).plan) < 50  # no more room


def test_equal_seeds_give_equal_lots():
    first, again = next_lot(STUDY, 3, seed=4), next_lot(STUDY, 3, seed=4)
    assert np.array_equal(first.plan.points, again.plan.points)
    assert first.plan.table()["pressure_torr"].between(4, 80).all()
    assert first.plan.words("en") == "Next lot"


def test_feasibility_looks_along_the_edge_of_the_window():
    lot = next_lot(STUDY, 4, criterion="feasibility")
    away = np.minimum(np.abs(truth(lot.plan.x) - 4.5), np.abs(truth(lot.plan.x) - 5.5))
    everywhere = next_lot(STUDY, 4, criterion="uncertainty").plan.x
    far = np.minimum(np.abs(truth(everywhere) - 4.5), np.abs(truth(everywhere) - 5.5))
    assert away.mean() < far.mean()
    assert lot.left < 1


def test_two_lots_tell_the_window_better_than_random_wafers():
    """Share of settings whose side of the limits is told wrongly, after 2 lots of 4: against 8 random runs, 6 draws."""
    at = np.random.default_rng(9).uniform(-1, 1, (3000, 2))
    right = Limits(4.5, 5.5).hold(truth(at))

    def wrong(points):
        noise = 0.01 * np.random.default_rng(1).normal(size=len(points))
        model = fit_process(points, truth(points) + noise)
        return float((Limits(4.5, 5.5).hold(model.mean(at)) != right).mean())

    points = START
    for _ in range(2):
        points = np.vstack([points, next_lot(made(points), 4).plan.points])
    rng = np.random.default_rng(2)
    rivals = [wrong(np.vstack([START, rng.uniform(-1, 1, (8, 2))])) for _ in range(6)]
    assert wrong(points) < wrong(START)
    assert wrong(points) <= np.median(rivals)


def test_improvement_finds_the_bottom_of_a_known_valley():
    def valley(x):
        return (x[:, 0] - 0.35) ** 2 + 2 * (x[:, 1] + 0.45 - 0.3 * x[:, 0] ** 2) ** 2

    points = START
    for _ in range(3):
        found = made(points, valley, Limits(upper=5.0))
        points = np.vstack(
            [points, next_lot(found, 3, criterion="improvement", improve="y", minimum_distance=0.05).plan.x]
        )
    assert valley(START).min() > 0.1
    assert valley(points).min() < 0.02


def test_categories_and_polynomials_take_part():
    space = [Factor("a", 0, 1), Category("tool", ("A", "B")), Factor("b", 0, 1)]
    plan = full_factorial(space, [3, 2, 3])
    y = plan.points[:, 0] ** 2 + plan.points[:, 1] + 0.01 * np.random.default_rng(1).normal(size=len(plan))
    found = study(space, plan.settings().to_numpy(), {"y": y}, {"y": Limits(upper=0.8)}, [0, 0, 0])
    assert found.responses[0].process is None
    lot = next_lot(found, 4, criterion="uncertainty", control_runs=1)
    assert set(lot.plan.settings()["tool"]) <= {"A", "B"}
    assert lot.plan.settings()["tool"].iloc[-1] == dict(found.level)["tool"]


def test_forbidden_settings_stay_out_and_what_cannot_be_is_refused():
    lot = next_lot(STUDY, 4, allowed=lambda p: p[:, 0] < 0)
    assert (lot.plan.points[:, 0] < 0).all()
    cases = [
        ({"wafer_budget": 4, "criterion": "luck"}, "process.choice"),
        ({"wafer_budget": 4, "criterion": "improvement"}, "process.choice"),
        ({"wafer_budget": 4, "criterion": "improvement", "improve": "z"}, "process.choice"),
        ({"wafer_budget": 3, "wafers_per_run": 4}, "process.lot_budget"),
        ({"wafer_budget": 3, "control_runs": 3}, "process.lot_budget"),
        ({"wafer_budget": 3, "allowed": lambda p: np.zeros(len(p), bool)}, "process.plan_nothing_allowed"),
    ]
    for options, rule in cases:
        with pytest.raises(DomainError) as refused:
            next_lot(STUDY, **options)
        assert refused.value.rule == rule


def test_composites_and_box_behnken_can_be_continued():
    for plan in (central_composite([*SPACE, Factor("c", 0, 1)]), box_behnken([*SPACE, Factor("c", 0, 1)])):
        y = plan.points @ [1.0, -1.0, 0.5] + 0.05 * np.random.default_rng(5).normal(size=len(plan))
        found = study(plan.factors, plan.settings().to_numpy(), {"y": y}, {"y": Limits(-0.5, 0.5)}, [0, 0, 0],
                      model="gaussian_process")  # fmt: skip
        lot = next_lot(found, 3)
        assert found.region.contains(lot.plan.points).all()
