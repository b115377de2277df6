"""Certified data of NIST (StRD): analysis of variance, straight line, multiple regression, summary statistics."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
import statsmodels.api as sm

from workbench.errors import DomainError, InputError
from workbench.process.quality.exact import subtract_exactly
from workbench.process.quality.indices import capability
from workbench.process.quality.one_way import equal_spread, one_way
from workbench.process.quality.straight_line import straight_line

DATA = resources.files("scipy.stats.tests") / "data"


def columns(path: str) -> tuple[list[str], list[str]]:
    """The two columns of a NIST file, as text."""
    lines = (DATA / path).read_text().splitlines()
    first = 1 + max(k for k, line in enumerate(lines) if line.startswith("Data:"))
    pairs = [line.split() for line in lines[first:] if line.strip()]
    return [a for a, _ in pairs], [b for _, b in pairs]


def analysed(name: str):
    instrument, resistance = columns(f"nist_anova/{name}.dat")
    return one_way(subtract_exactly(resistance), instrument)


SIRSTV, ATMWTAG, SMLS09 = analysed("SiRstv"), analysed("AtmWtAg"), analysed("SmLs09")
NORRIS = straight_line(*(np.array(c, float) for c in columns("nist_linregress/Norris.dat")[::-1]))
LONGLEY = sm.OLS((d := sm.datasets.longley.load_pandas()).endog, sm.add_constant(d.exog)).fit()
# Michelson's speed of light in air, 10^-3 million m/s above 299.000
LIGHT = """850 740 900 1070 930 850 950 980 980 880 1000 980 930 650 760 810 1000 1000 960 960 960 940 960 940 880 800
850 880 900 840 830 790 810 880 880 830 800 790 760 800 880 880 880 860 720 720 620 860 970 950 880 910 850
870 840 840 850 840 840 840 890 810 810 820 800 770 760 740 750 760 910 920 890 860 880 720 840 850 850 780
890 840 780 810 760 810 790 810 820 850 870 870 810 740 810 940 950 800 810 870"""
MICHELSO = capability(299 + np.array(LIGHT.split(), float) / 1000, lower=299, upper=301)

CASES = [  # data set, figure, value, certified, relative tolerance
    ("SiRstv", "SSB", SIRSTV.ss_between, 5.11462616e-2, 1e-9),
    ("SiRstv", "SSW", SIRSTV.ss_within, 2.1663656e-1, 1e-9),
    ("SiRstv", "F", SIRSTV.f, 1.18046237440255, 1e-12),
    ("SiRstv", "R2", SIRSTV.eta2, 0.190999039051129, 1e-12),
    ("SiRstv", "s", SIRSTV.sigma_within, 0.104076068334656, 1e-12),
    ("AtmWtAg", "F", ATMWTAG.f, 15.9467335677930, 1e-12),
    ("AtmWtAg", "SSB", ATMWTAG.ss_between, 3.638341875e-9, 1e-9),
    ("AtmWtAg", "SSW", ATMWTAG.ss_within, 1.04951729166667e-8, 1e-9),
    ("AtmWtAg", "R2", ATMWTAG.eta2, 0.257426544538321, 1e-12),
    ("SmLs09, 13 leading digits", "F", SMLS09.f, 2001.0, 1e-9),
    ("Norris", "B0", NORRIS.intercept, -0.262323073774029, 1e-11),
    ("Norris", "se B0", NORRIS.intercept_error, 0.232818234301152, 1e-11),
    ("Norris", "B1", NORRIS.slope, 1.00211681802045, 1e-13),
    ("Norris", "se B1", NORRIS.slope_error, 0.429796848199937e-3, 1e-11),
    ("Norris", "s", NORRIS.sigma, 0.884796396144373, 1e-11),
    ("Norris", "R2", NORRIS.r2, 0.999993745883712, 1e-14),
    ("Norris", "F", NORRIS.f, 5436385.54079785, 1e-11),
    ("Longley", "const", LONGLEY.params["const"], -3482258.63459582, 1e-8),
    ("Longley", "GNPDEFL", LONGLEY.params["GNPDEFL"], 15.0618722713733, 1e-8),
    ("Longley", "GNP", LONGLEY.params["GNP"], -0.0358191792925910, 1e-8),
    ("Longley", "UNEMP", LONGLEY.params["UNEMP"], -2.02022980381683, 1e-8),
    ("Longley", "ARMED", LONGLEY.params["ARMED"], -1.03322687, 1e-8),
    ("Longley", "POP", LONGLEY.params["POP"], -0.0511041057, 1e-8),
    ("Longley", "YEAR", LONGLEY.params["YEAR"], 1829.15146461, 1e-8),
    ("Longley", "s", LONGLEY.mse_resid**0.5, 304.854073561965, 1e-9),
    ("Michelso", "mean", MICHELSO.mean, 299.8524, 1e-14),
    ("Michelso", "s", MICHELSO.sigma, 0.0790105478190518, 1e-12),
]


@pytest.mark.parametrize(("name", "figure", "value", "certified", "tolerance"), CASES)
def test_certified_value(name, figure, value, certified, tolerance):
    assert value == pytest.approx(certified, rel=tolerance), f"NIST StRD {name}"


def test_thirteen_digits_are_lost_without_the_exact_subtraction():
    """The reason for `subtract_exactly`: read as doubles, the readings no longer hold the answer."""
    group, text = columns("nist_anova/SmLs09.dat")
    assert len(text) == 18_009
    read_first = one_way(np.array(text, float), group)
    assert abs(read_first.f / 2001 - 1) > 1e-5
    assert one_way(subtract_exactly(text, "1000000000000.4"), group).f == pytest.approx(2001, rel=1e-9)


def test_subtraction_of_text_is_exact():
    assert subtract_exactly(["1000000000000.4", "1000000000000.3"]).tolist() == [0.0, -0.1]
    assert subtract_exactly([]).size == 0
    for wrong in (["1", "x"], ["NaN", "1"]):
        with pytest.raises(InputError):
            subtract_exactly(wrong)


def test_the_permutation_p_value_is_the_share_of_all_relabellings():
    """Six values in two groups: 20 relabellings, the two extreme ones reach the observed F; 2 / 20."""
    found = one_way([1, 2, 3, 11, 12, 13], list("aaabbb"), permutation_count=20_000)
    assert found.p_permutation == pytest.approx(0.1, abs=0.007)
    assert found.significance == found.p_permutation


def test_permutation_agrees_with_f_on_normal_values():
    x, g = np.random.default_rng(8).normal(size=90), np.repeat(np.arange(3), 30)
    found = one_way(x, g, permutation_count=9999)
    assert found.p_permutation == pytest.approx(found.p, abs=0.02)
    assert found.omega2 <= found.eta2
    np.testing.assert_allclose(found.means, [x[g == k].mean() for k in range(3)])


def test_a_straight_line_band():
    """At the mean of x the pointwise band is t s / sqrt(n); Working-Hotelling is wider by sqrt(2 F) / t."""
    low, high = NORRIS.band(NORRIS.x_mean)
    assert (high - low) / 2 == pytest.approx(2.0322445 * NORRIS.sigma / 6, rel=1e-6)  # t(.975, 34), n = 36
    wide = NORRIS.band(NORRIS.x_mean, joint=True)
    assert wide[1] - wide[0] > high - low


REFUSED = [
    lambda: one_way([1, 2], ["a", "b"]),
    lambda: one_way([1, 2, 3], ["a", "a", "a"]),
    lambda: one_way([1, 2, 3], ["a", "b"]),
    lambda: one_way([1, np.nan, 3], ["a", "b", "b"]),
    lambda: straight_line([1, 1, 1], [1, 2, 3]),
    lambda: straight_line([1, 2], [1, 2]),
]


@pytest.mark.parametrize("call", REFUSED)
def test_questions_without_an_answer_are_refused(call):
    with pytest.raises(DomainError):
        call()


def test_spread_is_undecided_with_two_values_a_group():
    assert equal_spread([1, 2, 3, 4], list("aabb")).holds is None
