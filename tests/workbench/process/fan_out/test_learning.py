"""Learning: planted parameters come back at the stated rate; what is not physics, or blind, is noticed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.cost.overlay import BondAlignment
from workbench.errors import DomainError
from workbench.process.fan_out import (
    copper_gap,
    generate,
    grinding,
    learn,
    learn_alignment,
    learn_defects,
    lithography,
    mould_shift,
    plating,
    squeeze,
)
from workbench.process.fan_out.hybrid_bond import generate_bonds, generate_marks


def grid(**levels):
    names = list(levels)
    mesh = np.meshgrid(*levels.values(), indexing="ij")
    return {name: m.ravel() for name, m in zip(names, mesh, strict=True)}


STEPS = {  # model, settings, noise
    "mould_shift": (mould_shift(), grid(radius_mm=[60, 110, 145], dt_k=[-110, -60], gap_um=[400.0],
                                        closing_speed_um_per_s=[50, 4000]), 2.0),
    "lithography": (lithography(pitch_um=4.0, na=0.13), grid(focus_um=[-8, -4, 0, 4, 8],
                                                             dose_mj_per_cm2=[300, 360, 420, 500]), 0.02),
    "plating": (plating(), grid(radius_mm=[0, 50, 100, 140], seed_um=[0.2, 0.5], current_ma_per_cm2=[5, 15],
                                time_min=[10.0]), 0.03),
    "squeeze": (squeeze(width_mm=10, length_mm=8), grid(force_n=[20, 100], time_s=[0.2, 1, 4],
                                                        temperature_c=[130, 150, 170]), 0.5),
    "copper_gap": (copper_gap(), grid(temperature_c=[25, 100, 200, 250, 300, 350]), 0.5),
    "grinding": (grinding(), grid(radius_mm=np.linspace(0, 148, 25)), 0.1),
}  # fmt: skip


def plausible(model, rng):
    """Parameters drawn from the priors themselves."""
    return {p.name: float(p.outer(p.prior[0] + p.prior[1] * rng.standard_normal())) for p in model.parameters}


@pytest.mark.parametrize("name", STEPS)
def test_without_noise_the_planted_parameters_come_back(name):
    model, settings, noise = STEPS[name]
    planted = {p.name: float(p.outer(p.prior[0] + 0.4 * p.prior[1])) for p in model.parameters}
    if name == "lithography":
        planted["focus_offset_um"] = 1.5
    runs = generate(model, settings, noise=noise * 1e-6, seed=1, parameters=planted).runs
    found = learn(model, runs, runs[model.response], priors=False)
    for p in found.parameters:
        scale = abs(model[p.name].high - model[p.name].low)
        assert p.value == pytest.approx(planted[p.name], abs=1e-3 * scale), p.name


LOTS = 60
DOSES = STEPS["lithography"][1]["dose_mj_per_cm2"]
RATE = stats.binom(LOTS, 0.95).ppf([0.0005, 0.9995]) / LOTS  # 0.85 ... 1


@pytest.mark.parametrize("name", STEPS)
def test_least_squares_intervals_cover(name):
    """60 seeded experiments with the typical parameters: each 95 % interval covers at its rate (99.9 % binomial)."""
    model, settings, noise = STEPS[name]
    planted = model.typical()
    hits = dict.fromkeys(planted, 0)
    for seed in range(LOTS):
        runs = generate(model, settings, noise=noise, seed=seed).runs
        for p in learn(model, runs, runs[model.response], priors=False).parameters:
            hits[p.name] += p.low <= planted[p.name] <= p.high
    assert {k: v / LOTS for k, v in hits.items() if not RATE[0] <= v / LOTS <= RATE[1]} == {}


@pytest.mark.parametrize("name", STEPS)
def test_posterior_intervals_cover_what_the_priors_draw(name):
    """60 lots whose true parameters are drawn from the priors: over them the 95 % intervals hold the truth. Lithography
    is too curved for that (diffusion, bias and threshold make up for each other): there they are held to 87 %."""
    model, settings, noise = STEPS[name]
    rng = np.random.default_rng(77)
    hits = dict.fromkeys((p.name for p in model.parameters), 0)
    for seed in range(LOTS):
        planted = plausible(model, rng)
        if name == "lithography":  # an engineer centres the doses by a first exposure
            settings = settings | {"dose_mj_per_cm2": DOSES * planted["threshold_mj_per_cm2"] / 100}
        runs = generate(model, settings, noise=noise, seed=seed, parameters=planted).runs
        for p in learn(model, runs, runs[model.response]).parameters:
            hits[p.name] += p.low <= planted[p.name] <= p.high
    least = stats.binom(LOTS, 0.87 if name == "lithography" else 0.95).ppf(0.0005) / LOTS
    assert {k: v / LOTS for k, v in hits.items() if v / LOTS < least} == {}


def test_new_measurements_fall_where_predicted():
    model, settings, noise = STEPS["squeeze"]
    other = grid(force_n=[50], time_s=[0.5, 2], temperature_c=np.linspace(130, 170, 50))
    inside = []
    for seed in range(30):
        runs = generate(model, settings, noise=noise, seed=seed).runs
        found = learn(model, runs, runs["gap_um"])
        mean, sigma = found.predict(other)
        new = generate(model, other, noise=noise, seed=1000 + seed).runs["gap_um"]
        inside.append((np.abs(new - mean) < stats.t.ppf(0.975, found.dof) * sigma).mean())
    assert 0.93 < np.mean(inside) < 0.97


def test_a_prior_is_said_to_be_all_there_is():
    """One closing speed so slow that the flow drags nothing: the viscosity stays what was assumed, and says so."""
    model = mould_shift()
    settings = grid(radius_mm=[40, 80, 120, 145], dt_k=[-110, -60], gap_um=[500.0], closing_speed_um_per_s=[1.0])
    runs = generate(model, settings, noise=0.5, seed=2).runs
    found = learn(model, runs, runs["shift_um"])
    assert found["viscosity_pa_s"].learnt < 0.01
    assert found["cte_difference_ppm_per_k"].learnt > 0.9
    assert not found["viscosity_pa_s"].verified
    with pytest.raises(DomainError) as refused:
        learn(model, runs.assign(closing_speed_um_per_s=0.0), runs["shift_um"], priors=False)
    assert refused.value.rule == "process.model_blind"


def test_a_known_parameter_is_held():
    model, settings, noise = STEPS["plating"]
    runs = generate(model, settings, noise=noise, seed=5).runs
    found = learn(model, runs, runs["thickness_um"], fixed={"efficiency_ratio": 0.97})
    assert [p.name for p in found.parameters] == ["area_resistance_ohm_cm2"]
    assert found.values["efficiency_ratio"] == 0.97


def test_physics_that_suffices_is_not_doubted_more_often_than_stated():
    model, settings, noise = STEPS["grinding"]
    runs = [generate(model, settings, noise=noise, seed=s).runs for s in range(100)]
    doubted = sum(not learn(model, r, r["thickness_um"], priors=False).assumptions[1].holds for r in runs)
    assert doubted <= stats.binom(100, 0.05).ppf(0.9995)


def test_what_physics_leaves_is_found_and_used():
    """A lens that changes its focus with the dose adds a term in dose x focus that no parameter holds."""
    model, settings, _ = STEPS["lithography"]

    def bent(**k):
        return model.function(**k) + 0.025 * k["focus_um"] * (k["dose_mj_per_cm2"] - 400) / 100

    odd = replace(model, function=bent)
    runs = generate(odd, settings, noise=0.02, seed=6).runs
    found = learn(model, runs, runs["space_um"])
    assert not found.assumptions[1].holds
    truth = odd.predict(settings, odd.typical())
    plain, helped = (np.abs(found.predict(settings, leftover=use)[0] - truth).max() for use in (False, True))
    assert helped < plain / 2


def test_generated_lots_say_so_and_repeat():
    one, two = (generate(copper_gap(), {"temperature_c": [25, 300]}, noise=1.0, seed=9) for _ in range(2))
    pd.testing.assert_frame_equal(one.runs, two.runs)
    assert one.synthetic
    assert one.planted == {"recess_nm": 20, "expansion_nm_per_k": 0.106}
    assert all(model.flag == "unverified" for model, *_ in STEPS.values())


@pytest.mark.parametrize(
    ("factors", "response", "rule"),
    [
        ({"radius_mm": [1, 2]}, [1, 2], "process.too_few_runs"),
        ({}, [1, 2, 3, 4], "process.model_factors"),
        ({"radius_mm": [1, 2, 3, np.nan]}, [1, 2, 3, 4], "process.model_factors"),
    ],
)
def test_what_cannot_be_learnt_is_refused(factors, response, rule):
    with pytest.raises(DomainError) as refused:
        learn(grinding(), factors, response, priors=False)
    assert refused.value.rule == rule


# hybrid bonding
MARKS = np.array([(-4e3, -3e3), (4e3, -3e3), (-4e3, 3e3), (4e3, 3e3)])
BONDER = BondAlignment(random_std_nm=15, shift_x_nm=40, shift_y_nm=-25, shift_std_nm=60, rotation_rad=4e-6,
                       rotation_std_rad=8e-6)  # fmt: skip


def test_a_bonders_errors_are_learnt_at_the_stated_rate():
    """60 lots of 20 dies: means and deviations of shift and turn (99.9 % binomial)."""
    truth = {"shift_x_nm": (40, 60), "shift_y_nm": (-25, 60), "rotation_rad": (4e-6, 8e-6)}
    hits = dict.fromkeys([(k, w) for k in truth for w in ("mean", "sigma")], 0)
    for seed in range(LOTS):
        found = learn_alignment(generate_marks(BONDER, marks_um=MARKS, die_count=20, seed=seed))
        for name, (mean, sigma) in truth.items():
            spread = getattr(found, name)
            hits[name, "mean"] += spread.mean_low <= mean <= spread.mean_high
            hits[name, "sigma"] += spread.sigma_low <= sigma <= spread.sigma_high
    assert {k: v for k, v in hits.items() if not RATE[0] <= v / LOTS <= RATE[1]} == {}
    assert found.mark_nm == pytest.approx(15, rel=0.2)
    assert found.alignment.shift_std_nm == pytest.approx(60, rel=0.4)


def test_the_noise_of_marks_is_not_taken_for_a_bonder():
    steady = BondAlignment(random_std_nm=30)
    found = [learn_alignment(generate_marks(steady, marks_um=MARKS, die_count=40, seed=s)) for s in range(40)]
    assert np.median([f.shift_x_nm.sigma for f in found]) < 5
    assert all(f.shift_x_nm.sigma_low == 0 for f in found[:5])


def test_defects_are_learnt_at_the_stated_rate():
    """300 shuttles of three die sizes: intervals cover 0.02 /mm2 in 91 to 98.7 % (99.9 % binomial)."""
    area, tested = np.array([10.0, 40.0, 80.0]), np.array([60, 40, 20])
    hits = 0
    for seed in range(300):
        good = generate_bonds(area_mm2=area, tested=tested, density_per_mm2=0.02, seed=seed)
        found = learn_defects(area_mm2=area, tested=tested, good=good)
        hits += found.low <= 0.02 <= found.high
    assert 0.91 <= hits / 300 <= 0.987


def test_one_size_has_a_closed_form():
    """One area: density = -ln(yield) / area, exactly."""
    found = learn_defects(area_mm2=[25.0], tested=[50], good=[40])
    assert found.density_per_mm2 == pytest.approx(-np.log(0.8) / 25, rel=1e-6)
    assert found.low < found.density_per_mm2 < found.high
    clean = learn_defects(area_mm2=[25.0], tested=[50], good=[50])
    assert (clean.density_per_mm2, clean.low) == (0, 0)
    assert clean.high == pytest.approx(stats.chi2.ppf(0.95, 1) / 2 / 25 / 50, rel=1e-9)


def test_two_densities_are_not_one():
    found = learn_defects(area_mm2=[20.0, 20.0], tested=[200, 200], good=[190, 120])
    assert found.p < 1e-6
    with pytest.raises(DomainError):
        learn_defects(area_mm2=[20.0], tested=[5], good=[0])
