"""Optimal plans against plans that are known to be optimal."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from workbench.errors import DomainError
from workbench.process.window import Factor
from workbench.process.window.factors import Category
from workbench.process.window.plan import (
    Plan,
    augmented,
    evaluate,
    fractional_factorial,
    full_factorial,
    model_terms,
    optimal_plan,
    standard_fraction,
)
from workbench.process.window.plan.efficiency import information
from workbench.process.window.surface import design_matrix


def factors(count):
    return [Factor(f"f{i}", -1, 1) for i in range(count)]


def determinant(plan, terms):
    m = design_matrix(terms, plan.x)
    return float(np.linalg.det(m.T @ m))


ORTHOGONAL = [(2, 4, "linear"), (3, 4, "linear"), (3, 8, "interactions"), (4, 16, "interactions"), (7, 8, "linear"),
              (11, 12, "linear")]  # fmt: skip


@pytest.mark.parametrize(("k", "runs", "order"), ORTHOGONAL)
def test_main_effects_and_interactions_reach_hadamards_bound(k, runs, order):
    """|M| <= n^p, reached by orthogonal two-level plans: Hadamard 1893."""
    terms = model_terms(factors(k), order)
    plan = optimal_plan(factors(k), terms, runs, start_count=30 if k > 7 else 10, levels=2)
    assert evaluate(plan, terms).d_efficiency == pytest.approx(100, abs=1e-6)


@pytest.mark.parametrize("runs", [3, 6, 9])
def test_a_parabola_is_measured_at_three_points(runs):
    """Equal shares at -1, 0, 1: Fedorov 1972, Theory of Optimal Experiments."""
    plan = optimal_plan(factors(1), model_terms(factors(1)), runs)
    assert np.sort(plan.points[:, 0]) == pytest.approx(np.repeat([-1, 0, 1], runs // 3), abs=1e-6)


@pytest.mark.parametrize("runs", [4, 8])
def test_prediction_of_a_parabola_wants_half_the_runs_in_the_middle(runs):
    """Shares 1/4, 1/2, 1/4: Studden 1977, Optimal designs for integrated variance in polynomial regression."""
    plan = optimal_plan(factors(1), model_terms(factors(1)), runs, criterion="I")
    assert np.sort(plan.points[:, 0]) == pytest.approx(np.repeat([-1, 0, 0, 1], runs // 4), abs=1e-6)
    assert evaluate(plan, model_terms(factors(1))).average_variance == pytest.approx(8 / 15 * 4 / runs)


def test_the_saturated_quadratic_in_two_factors():
    """Six runs: Box and Draper 1971, Technometrics 13, 731, with d = (4 - sqrt 13) / 3."""
    terms = model_terms(factors(2))
    d = (4 - np.sqrt(13)) / 3
    known = np.array([(-1, -1), (1, -1), (-1, 1), (-d, -d), (1, 3 * d), (3 * d, 1)])
    best = determinant(Plan.of("d_optimal", factors(2), known), terms)
    found = determinant(optimal_plan(factors(2), terms, 6, start_count=20), terms)
    assert found == pytest.approx(best, rel=1e-6)
    assert found < best * (1 + 1e-9)


def test_nine_runs_of_a_quadratic_are_the_three_level_factorial():
    terms = model_terms(factors(2))
    plan = optimal_plan(factors(2), terms, 9, start_count=20)
    assert sorted(map(tuple, np.round(plan.points, 6))) == sorted(product((-1.0, 0.0, 1.0), repeat=2))


@pytest.mark.parametrize("criterion", ["D", "I"])
def test_no_choice_of_candidates_is_better(criterion):
    """All choices of 7 runs from nine candidates that can carry the six terms, a category among them."""
    space = [Factor("a", 0, 1), Category("tool", ("A", "B", "C"))]
    terms = model_terms(space, "interactions")
    candidates = np.array([(a, t) for a in (-1.0, 0.0, 1.0) for t in (0, 1, 2)])

    def merit(points):
        plan = Plan.of("d_optimal", space, points)
        m = design_matrix(terms, plan.x)
        info = m.T @ m
        if np.linalg.matrix_rank(info) < len(info):
            return -np.inf
        return np.linalg.slogdet(info)[1] if criterion == "D" else -evaluate(plan, terms).average_variance

    chosen = optimal_plan(space, terms, 7, criterion=criterion, levels=3)
    distinct = [c for c in combinations_with_replacement(range(9), 7) if len(set(c)) >= 6]
    best = max(merit(candidates[list(c)]) for c in distinct)
    assert merit(chosen.points) == pytest.approx(best, rel=1e-9)


def test_a_split_plot_balances_the_easy_factor_within_each_whole_plot():
    """Two-level factors, w whole plots of m runs: the hard factor and the mean are known from plots (n / (1 + m r)),
    the easy one from runs (n), which no plan can better. Goos 2002, ch. 6."""
    space, terms = factors(2), model_terms(factors(2), "linear")
    plan = optimal_plan(space, terms, 8, hard_to_change=("f0",), whole_plot_count=4, variance_ratio=1.5, levels=2)
    info = information(design_matrix(terms, plan.x), plan.whole_plot, 1.5)
    assert np.linalg.det(info) == pytest.approx((8 / (1 + 2 * 1.5)) ** 2 * 8)
    for g in range(4):
        own = plan.points[plan.whole_plot == g]
        assert np.ptp(own[:, 0]) == 0
        assert own[:, 1].sum() == 0


def test_the_information_of_whole_plots_is_that_of_generalised_least_squares():
    rng = np.random.default_rng(2)
    m, plot = rng.normal(size=(9, 3)), np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    z = np.eye(3)[plot]
    v = np.eye(9) + 0.7 * z @ z.T
    assert information(m, plot, 0.7) == pytest.approx(m.T @ np.linalg.inv(v) @ m)


def test_whole_plots_are_run_together():
    space = factors(3)
    plan = optimal_plan(space, model_terms(space, "interactions"), 12, hard_to_change=("f0",), whole_plot_count=4,
                        levels=2, start_count=3)  # fmt: skip
    table = plan.randomised(1).table()
    assert np.count_nonzero(np.diff(table["whole_plot"])) == 3
    assert (table.groupby("whole_plot")["f0"].nunique() == 1).all()


def test_augmenting_a_fraction_recovers_the_full_factorial():
    """The half fraction with the interactions of all pairs wants its other half."""
    half = fractional_factorial(factors(3), ("C=AB",))
    terms = model_terms(factors(3), "interactions")
    plan = augmented(half, terms, 4, new_block=False, levels=2)
    assert np.array_equal(plan.points[:4], half.points)
    assert evaluate(plan, terms).d_efficiency == pytest.approx(100)
    assert len(np.unique(plan.points, axis=0)) == 8


def test_augmented_runs_are_a_block_of_their_own():
    first = standard_fraction(factors(3), 8)
    terms = model_terms(factors(3))
    plan = augmented(first, terms, 8, start_count=4)
    assert plan.block.tolist() == [0] * 8 + [1] * 8
    assert plan.randomised(5).table()["block"].nunique() == 2
    assert evaluate(plan, terms).dof == 16 - 10 - 1


def test_forbidden_combinations_stay_out_and_equal_seeds_give_equal_plans():
    terms = model_terms(factors(2))

    def allowed(points):
        return points.sum(axis=1) <= 0.5

    plan = optimal_plan(factors(2), terms, 10, allowed=allowed, seed=3, start_count=4)
    assert allowed(plan.points - 1e-12).all()
    again = optimal_plan(factors(2), terms, 10, allowed=allowed, seed=3, start_count=4)
    assert np.array_equal(plan.points, again.points)


def test_blocks_are_balanced():
    terms = model_terms(factors(3), "linear")
    plan = optimal_plan(factors(3), terms, 8, block_sizes=(4, 4), levels=2)
    assert [plan.points[plan.block == b].sum(axis=0).tolist() for b in (0, 1)] == [[0, 0, 0]] * 2
    assert evaluate(plan, terms).d_efficiency == pytest.approx(100)


def test_what_cannot_be_planned_is_refused():
    space, terms = factors(2), model_terms(factors(2))
    cases = [
        ({"run_count": 5}, "process.too_few_runs"),
        ({"run_count": 8, "criterion": "E"}, "process.choice"),
        ({"run_count": 8, "hard_to_change": ("oven",), "whole_plot_count": 4}, "process.choice"),
        ({"run_count": 8, "hard_to_change": ("f0",), "whole_plot_count": 9}, "process.plan_groups"),
        ({"run_count": 8, "hard_to_change": ("f0",)}, "process.plan_groups"),
        ({"run_count": 8, "block_sizes": (4, 3)}, "process.plan_groups"),
        ({"run_count": 8, "allowed": lambda p: np.zeros(len(p), bool)}, "process.plan_nothing_allowed"),
        ({"run_count": 8, "levels": 2}, "process.terms_aliased"),
    ]
    for options, rule in cases:
        with pytest.raises(DomainError) as refused:
            optimal_plan(space, terms, **options)
        assert refused.value.rule == rule
    assert len(optimal_plan(space, terms, 8, at_hand=full_factorial(space), start_count=2)) == 12
