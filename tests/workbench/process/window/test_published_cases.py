"""Published regressions and designed experiments, to the digits given: the table is the specification."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import statsmodels.datasets

from workbench import facts
from workbench.process.window import (
    Factor,
    Limits,
    coded,
    fit,
    full_quadratic,
    linear,
    stationary_point,
    uncoded,
)
from workbench.process.window.bossung import bossung_of, focus_dose_window
from workbench.process.window.diagnostics import assumptions, diagnose
from workbench.process.window.factors import Category
from workbench.process.window.plan import box_behnken, central_composite, full_factorial, model_terms
from workbench.process.window.study import study

STRD = Path(scipy.stats.__file__).parent / "tests" / "data"


def test_case_1_norris():
    """NIST StRD Norris, certified; F from the sums of squares."""
    file = STRD / "nist_linregress" / "Norris.dat"
    if not file.is_file():
        pytest.skip("this SciPy comes without its test data")
    y, x = np.loadtxt(file, skiprows=60).T
    line = fit(x[:, None], y, linear(1))
    assert line.coefficients == pytest.approx([-0.262323073774029, 1.00211681802045], rel=1e-11)
    assert line.standard_errors == pytest.approx([0.232818234301152, 0.429796848199937e-3], rel=1e-9)
    assert line.sigma == pytest.approx(0.884796396144373, rel=1e-9)
    assert line.r2 == pytest.approx(0.999993745883712, rel=1e-12)
    assert float(line.ols.fvalue) == pytest.approx(5436385.54079785, rel=1e-8)


def test_case_2_longley():
    """NIST StRD Longley, certified: six predictors that nearly repeat each other."""
    data = statsmodels.datasets.longley.load_pandas()
    x, y = data.exog.to_numpy(float), data.endog.to_numpy(float)
    factors = [Factor(name, float(v.min()), float(v.max())) for name, v in data.exog.items()]
    surface = fit(coded(factors, x), y, linear(6))
    slopes = surface.coefficients[1:] / [f.half_range for f in factors]
    constant = surface.coefficients[0] - slopes @ [f.centre for f in factors]
    certified = [15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359, -0.0511041056535807,
                 1829.15146461355]  # fmt: skip
    assert slopes == pytest.approx(certified, rel=1e-8)
    assert constant == pytest.approx(-3482258.63459582, rel=1e-9)
    assert surface.sigma == pytest.approx(304.854073561965, rel=1e-10)


ANOVA = [  # file, between SS, dof, within SS, dof, F, R2, residual SD; NIST StRD, certified
    ("SiRstv", 5.11462616e-2, 4, 2.1663656e-1, 20, 1.18046237440255, 0.190999039051129, 0.104076068334656),
    ("AtmWtAg", 3.638341875e-9, 1, 1.04951729166667e-8, 46, 15.9467335677930, 0.257426544538321, 1.51048314446410e-5),
]


@pytest.mark.parametrize(("name", "between", "k", "within", "dof", "f", "r2", "sd"), ANOVA, ids=lambda v: str(v))
def test_cases_3_and_4_one_category(name, between, k, within, dof, f, r2, sd):
    """Analysis of variance is a model of one category. AtmWtAg has 7 constant leading digits: 4 digits remain."""
    file = STRD / "nist_anova" / f"{name}.dat"
    if not file.is_file():
        pytest.skip("this SciPy comes without its test data")
    group, y = np.loadtxt(file, skiprows=60).T
    space = [Category("instrument", tuple(str(int(v)) for v in np.unique(group)))]
    x = space[0].code(group - 1)
    surface = fit(x, y - y.mean(), model_terms(space, "linear"))
    assert (float(surface.ols.ess), int(surface.ols.df_model)) == (pytest.approx(between, rel=1e-6), k)
    assert (float(surface.ols.ssr), surface.dof) == (pytest.approx(within, rel=1e-6), dof)
    assert float(surface.ols.fvalue) == pytest.approx(f, rel=1e-6)
    assert surface.r2 == pytest.approx(r2, rel=1e-6)
    assert surface.sigma == pytest.approx(sd, rel=1e-6)


def test_case_35_tungsten_from_runs_to_window():
    """NIST 5.4.7: the selected models of the study are the published ones."""
    cvd = facts.load("process/cvd_tungsten")
    factors = [Factor(f["name"], f["low"], f["high"]) for f in cvd["factors"]]
    settings = [[run[f.name] for f in factors] for run in cvd["runs"]]
    y = {name: np.array([run[name] for run in cvd["runs"]]) for name in ("uniformity_percent", "stress")}
    found = study(factors, settings, y, {"uniformity_percent": Limits(upper=6.0), "stress": Limits(upper=8.0)}, [0, 0])
    uniformity, stress = found.responses
    assert uniformity.surface.coefficients == pytest.approx([5.9273, -1.9124, -0.2249, 1.6991], abs=5.1e-5)
    assert (uniformity.surface.r2, uniformity.surface.sigma) == pytest.approx((0.86950, 0.61642), abs=6e-6)
    assert stress.surface.coefficients == pytest.approx([7.7335, 0.7375, 0.4978, -0.4947], abs=5.1e-5)
    assert (stress.surface.r2, stress.surface.sigma) == pytest.approx((0.98488, 0.08818), abs=6e-6)
    assert uniformity.full.coefficients == pytest.approx([5.8666, -1.9124, -0.2249, 1.6991, 0.1333, 0.0334], abs=5.1e-5)
    assert stress.full.coefficients == pytest.approx([7.7900, 0.7375, 0.4978, 0.0700, -0.5300, -0.1200], abs=5.1e-5)
    assert (uniformity.full.r2, stress.full.r2) == pytest.approx((0.87074, 0.99189), abs=5.1e-6)


def test_case_37_filtration_by_selection():
    """Montgomery, example 6.2: A, C, D, AC and AD carry the filtration rate."""
    y = np.array([45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96], float)
    plan = full_factorial([Factor(n, -1, 1) for n in "ABCD"])
    found = study(plan.factors, plan.settings().to_numpy(), {"rate": y}, {"rate": Limits(lower=80.0)}, [0] * 4)
    effects = dict(zip(found.responses[0].full.term_names, 2 * found.responses[0].full.coefficients, strict=True))
    published = {"A": 21.625, "B": 3.125, "C": 9.875, "D": 14.625, "A × C": -18.125, "A × D": 16.625}
    assert {name: effects[name] for name in published} == pytest.approx(published)
    assert {"A", "C", "D", "A × C", "A × D"} <= set(found.responses[0].selected.term_names)
    assert "B" not in found.responses[0].selected.term_names


def test_case_39_chemreact_in_two_blocks():
    """R package rsm, vignette."""
    runs = np.array([
        (80, 170, 1, 80.5), (80, 180, 1, 81.5), (90, 170, 1, 82.0), (90, 180, 1, 83.5), (85, 175, 1, 83.9),
        (85, 175, 1, 84.3), (85, 175, 1, 84.0), (85, 175, 2, 79.7), (85, 175, 2, 79.8), (85, 175, 2, 79.5),
        (92.07, 175, 2, 78.4), (77.93, 175, 2, 75.6), (85, 182.07, 2, 78.5), (85, 167.93, 2, 77.0),
    ])  # fmt: skip
    factors = [Factor("time_min", 80, 90), Factor("temperature_c", 170, 180)]
    plan = central_composite(factors, alpha="orthogonal_blocks", centre=(3, 3), blocks=True)
    assert sorted(map(tuple, np.round(plan.settings().to_numpy(), 2))) == sorted(map(tuple, runs[:, :2]))
    surface = fit(coded(factors, runs[:, :2]), runs[:, 3], full_quadratic(2), block=runs[:, 2])
    assert surface.coefficients == pytest.approx([84.095427, 0.932541, 0.577712, 0.125, -1.308555, -0.933442], abs=6e-7)
    assert surface.block_effects == pytest.approx([-4.457530], abs=6e-7)
    assert surface.r2 == pytest.approx(0.9981, abs=5.1e-5)
    flat = stationary_point(surface)
    assert flat.x == pytest.approx([0.3722954, 0.3343802], abs=6e-8)
    assert flat.eigenvalues == pytest.approx([-0.9233027, -1.3186949], abs=6e-8)
    assert uncoded(factors, flat.x[None])[0] == pytest.approx([86.86148, 176.67190], abs=6e-6)


def test_case_40_counts():
    for k, alpha in ((2, 1.414214), (3, 1.681793), (4, 2.0)):
        factors = [Factor(f"f{i}", -1, 1) for i in range(k)]
        assert central_composite(factors).detail["alpha"] == pytest.approx(alpha, abs=5.1e-7)
    for k, runs in ((3, 12), (4, 24), (5, 40)):
        assert len(box_behnken([Factor(f"f{i}", -1, 1) for i in range(k)], centre=5)) == runs + 5


def test_case_41_focus_and_dose():
    """h = 0.2, c = 1.25: rectangle 0.133333 x 0.461880; half axes of the ellipse 0.088889, 0.266667."""
    focus, log_dose = Factor("focus_um", -1, 1), Factor("log_dose", 2, 4)
    grid = np.linspace(-1, 1, 7)
    x = np.array([(f, y) for f in grid for y in grid])
    width = -(x[:, 1] - 1.25 * x[:, 0] ** 2) + 1e-8 * np.sin(37 * np.arange(len(x)))  # coded log dose is ln E - 3
    surface = fit(x, width, ((0, 0), (1, 0), (2, 0), (0, 1)))
    window = focus_dose_window([bossung_of(surface, focus, log_dose, Limits(-0.2, 0.0))])
    assert f"{window.rectangle.latitude_log:.6f}" == "0.133333"
    assert f"{window.rectangle.depth_um:.6f}" == "0.461880"
    assert f"{window.ellipse.latitude_log / 2:.6f}" == "0.088889"
    assert f"{window.ellipse.depth_um / 2:.6f}" == "0.266667"


def test_a_fit_says_what_it_rests_on():
    x = np.repeat(np.linspace(-1, 1, 7), 3)[:, None]
    quantiles = scipy.stats.norm.ppf((np.arange(21) + 0.5) / 21)  # normal by construction, in an order without meaning
    y = 1 + 2 * x[:, 0] + 0.1 * np.random.default_rng(0).permutation(quantiles)
    sound = {a.name: a for a in assumptions(diagnose(fit(x, y, linear(1))))}
    assert [a.holds for a in sound.values()] == [True, True, True]
    bent = {a.name: a for a in assumptions(diagnose(fit(x, y + x[:, 0] ** 2, linear(1))))}
    assert bent["surface_fits"].holds is False
    assert bent["surface_fits"].p < 1e-3
    y[10] += 2
    assert {a.name: a.holds for a in assumptions(diagnose(fit(x, y, linear(1))))}["no_outlying_run"] is False
    alone = assumptions(diagnose(fit(x[::3], y[::3], linear(1))))
    assert alone[1].holds is None
    assert "surface" in alone[1].sentence("en")
