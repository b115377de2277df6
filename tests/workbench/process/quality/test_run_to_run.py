"""EWMA run-to-run control: closed forms, and the simulated loop equal to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DomainError
from workbench.process.quality.run_to_run import (
    EwmaController,
    best_weight,
    error_variance,
    fit_theta,
    loop_behaviour,
    simulate,
)

SACHS = "Ingolfsson and Sachs 1993, J. Quality Technology 25, 271"
CLOSED = [  # what, value, expected, source
    ("added variance, lambda .3", loop_behaviour(weight=0.3).noise_gain - 1, 0.3 / 1.7, "lambda / (2 - lambda)"),
    ("added variance, lambda 1", loop_behaviour(weight=1.0).noise_gain - 1, 1.0, "deadbeat doubles the variance"),
    ("drift offset", loop_behaviour(weight=0.2).drift_offset_per_run, 5.0, SACHS + ": d / lambda"),
    ("xi", loop_behaviour(weight=0.5, slope=3, model_slope=2).xi, 0.75, SACHS),
    ("IMA, best", error_variance(weight=0.4, theta=0.6), 1.0, "Box and Jenkins: minimum mean square error"),
    ("IMA, deadbeat", error_variance(weight=1.0, theta=0.6), 1.36, "1 + theta^2"),
    ("white, mismatch", error_variance(weight=0.5, slope=2), 2.0, "2 / (2 - xi), xi = 1"),
    ("best weight", best_weight(theta=0.6, slope=2, model_slope=3), 0.6, "(1 - theta) b_hat / b"),
]


@pytest.mark.parametrize(("what", "value", "expected", "source"), CLOSED)
def test_closed_form(what, value, expected, source):
    assert value == pytest.approx(expected, rel=1e-12), source


def controller(weight, model_slope=2.0, **kept):
    return EwmaController(target=10.0, slope=model_slope, weight=weight, intercept=10.0, **kept)


def test_deadbeat_corrects_a_step_in_one_run():
    outputs, settings_ = simulate(np.full(5, 3.0), controller=controller(1.0), slope=2.0, intercept=10.0)
    assert outputs.tolist() == [13, 10, 10, 10, 10]
    assert settings_.tolist() == [0, -1.5, -1.5, -1.5, -1.5]
    assert loop_behaviour(weight=1.0).deadbeat
    assert loop_behaviour(weight=1.0).runs_to_settle == 1


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 1), st.floats(0.2, 4))
def test_a_step_decays_as_powers_of_one_less_xi(weight, slope):
    model = 2.0
    xi = weight * slope / model
    outputs, _ = simulate(np.ones(12), controller=controller(weight), slope=slope, intercept=10.0)
    np.testing.assert_allclose(outputs - 10, (1 - xi) ** np.arange(12), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("ratio", "stable"), [(1.99, True), (2.01, False), (0.01, True), (-0.1, False)])
def test_the_loop_is_stable_for_xi_between_0_and_2(ratio, stable):
    """Stable: 0 < lambda b / b_hat < 2; the step decays or grows accordingly."""
    assert loop_behaviour(weight=1.0, slope=ratio).stable is stable
    outputs, _ = simulate(np.ones(2000), controller=controller(1.0), slope=2 * ratio, intercept=10.0)
    assert bool(abs(outputs[-1] - 10) < 1e-3) is stable


@pytest.mark.parametrize(("weight", "slope"), [(0.1, 2.0), (0.5, 2.0), (0.5, 3.0), (1.0, 2.0), (0.9, 3.5)])
def test_white_noise_is_amplified_as_computed(weight, slope):
    noise = np.random.default_rng(1).normal(size=100_000)
    outputs, _ = simulate(noise, controller=controller(weight), slope=slope, intercept=10.0)
    assert outputs[100:].var() == pytest.approx(error_variance(weight=weight, slope=slope, model_slope=2.0), rel=0.04)
    assert outputs.mean() == pytest.approx(10, abs=0.02)


@pytest.mark.parametrize("theta", [0.2, 0.7])
def test_a_wandering_tool_is_held_as_computed_and_its_theta_recovered(theta):
    shocks = np.random.default_rng(2).normal(size=50_000)
    wander = np.cumsum(shocks - theta * np.concatenate([[0], shocks[:-1]]))
    weight = best_weight(theta=theta)
    for used in (weight, 0.95):
        outputs, _ = simulate(wander, controller=controller(used), slope=2.0, intercept=10.0)
        assert outputs[100:].var() == pytest.approx(error_variance(weight=used, theta=theta), rel=0.04)
    assert fit_theta(wander[:5000]) == pytest.approx(theta, abs=0.03)


def test_a_drift_leaves_its_offset():
    outputs, _ = simulate(0.1 * np.arange(400), controller=controller(0.25), slope=2.0, intercept=10.0)
    assert outputs[-1] - 10 == pytest.approx(0.1 * loop_behaviour(weight=0.25).drift_offset_per_run)


def test_limits_deadband_and_missing_runs():
    held = controller(1.0, setting_low=-1.0, setting_high=1.0)
    outputs, settings_ = simulate(np.full(6, 5.0), controller=held, slope=2.0, intercept=10.0)
    assert settings_[-1] == -1
    assert outputs[-1] == pytest.approx(13)
    lazy = controller(1.0, deadband=0.5).after(10.1)
    assert lazy.next_setting == lazy.last_setting == 0
    assert lazy.after(11.0).next_setting == pytest.approx(-0.5)
    blind = controller(0.5).after(float("nan"))
    assert (blind.intercept, blind.last_setting) == (10.0, 0.0)


def test_unstable_loops_have_no_figures():
    found = loop_behaviour(weight=1.0, slope=2.5)
    assert not found.stable
    assert np.isnan(found.noise_gain)
    assert error_variance(weight=1.0, slope=2.5) == float("inf")


REFUSED = [
    lambda: controller(0.0),
    lambda: controller(0.5, model_slope=0.0),
    lambda: loop_behaviour(weight=0.5, model_slope=0),
    lambda: best_weight(theta=1.5),
    lambda: fit_theta(np.ones(50)),
    lambda: fit_theta([1, 2, 3]),
]


@pytest.mark.parametrize("call", REFUSED)
def test_questions_without_an_answer_are_refused(call):
    with pytest.raises(DomainError):
        call()
