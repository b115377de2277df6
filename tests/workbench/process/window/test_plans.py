"""Classical plans against their published structure."""

from __future__ import annotations

import numpy as np
import pytest
from pyDOE3 import bbdesign, ccdesign, ff2n
from statsmodels.stats.power import FTestAnovaPower, TTestIndPower

from workbench.errors import DomainError
from workbench.process.window import Factor
from workbench.process.window.factors import Category, expanded
from workbench.process.window.plan import (
    FRACTIONS,
    Plan,
    aliases,
    box_behnken,
    central_composite,
    evaluate,
    fractional_factorial,
    full_factorial,
    model_terms,
    moments,
    plackett_burman,
    power,
    replicates_for,
    standard_fraction,
    term_names,
)
from workbench.process.window.surface import design_matrix, fit


def factors(count):
    return [Factor(f"f{i}", -1, 1) for i in range(count)]


def rows(points):
    return sorted(map(tuple, np.round(points, 9) + 0.0))


LINEAR = ((0, 0), (1, 0), (0, 1))
FILTRATION = [45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96]
EFFECTS = {  # Montgomery, Design and Analysis of Experiments, example 6.2; standard order (1) a b ab ... abcd
    "f0": 21.625, "f1": 3.125, "f2": 9.875, "f3": 14.625, "f0 × f2": -18.125, "f0 × f3": 16.625,
}  # fmt: skip
SQUARES = {"f0": 1870.5625, "f3": 855.5625, "f0 × f2": 1314.0625, "f0 × f3": 1105.5625}


def test_the_filtration_experiment():
    plan = full_factorial(factors(4))
    terms = model_terms(plan.factors, "interactions")
    surface = fit(plan.x, np.array(FILTRATION, float), terms)
    effect = dict(zip(term_names(plan.factors, terms), 2 * surface.coefficients, strict=True))
    assert {name: effect[name] for name in EFFECTS} == pytest.approx(EFFECTS, rel=1e-12)
    assert {name: 4 * effect[name] ** 2 for name in SQUARES} == pytest.approx(SQUARES, rel=1e-12)


# resolution, numbers of words of length 3, 4, 5, 6: Montgomery, table of selected 2^(k-p) designs; word lengths of
# minimum aberration: Chen, Sun and Wu 1993, where their catalogue of 16, 32 and 64 runs has them
PUBLISHED = {
    (3, 4): (3, 1, 0), (4, 8): (4, 0, 1), (5, 16): (5, 0, 0, 1), (5, 8): (3, 2, 1), (6, 32): (6, 0, 0, 0, 1),
    (6, 16): (4, 0, 3, 0), (6, 8): (3, 4, 3, 0), (7, 64): (7, 0, 0, 0, 0), (7, 32): (4, 0, 1, 2), (7, 16): (4, 0, 7, 0),
    (7, 8): (3, 7, 7, 0), (8, 64): (5, 0, 0, 2, 1), (8, 32): (4, 0, 3, 4), (8, 16): (4, 0, 14, 0),
    (9, 128): (6, 0, 0, 0, 3), (9, 64): (4, 0, 1, 4, 2), (9, 32): (4, 0, 6, 8), (9, 16): (3, 4, 14, 8),
    (10, 128): (5, 0, 0, 3, 3), (10, 64): (4, 0, 2, 8, 4), (10, 32): (4, 0, 10, 16), (10, 16): (3, 8, 18, 16),
    (11, 64): (4, 0, 4, 14, 8), (11, 32): (4, 0, 25, 0, 27), (11, 16): (3, 12, 26, 28),
}  # fmt: skip


@pytest.mark.parametrize(("k", "runs"), FRACTIONS)
def test_standard_fractions(k, runs):
    plan = standard_fraction(factors(k), runs)
    found = aliases(plan)
    resolution, *lengths = PUBLISHED[k, runs]
    assert len(plan) == runs
    assert len(np.unique(plan.points, axis=0)) == runs
    assert found.resolution == resolution
    assert list(found.word_lengths[2 : 2 + len(lengths)]) == lengths[: k - 2]
    assert len(found.words) == 2**k // runs - 1
    assert np.allclose(plan.points.T @ plan.points, runs * np.eye(k))  # main effects are clear of each other


CHAINS = [  # generators, chains: Montgomery, chapter 8
    (("C=AB",), [("A", "BC"), ("B", "AC"), ("C", "AB")]),
    (("C=-AB",), [("A", "-BC"), ("B", "-AC"), ("C", "-AB")]),
    (("D=ABC",), [("A",), ("B",), ("C",), ("D",), ("AB", "CD"), ("AC", "BD"), ("AD", "BC")]),
    (("D=AB", "E=AC"), [("A", "BD", "CE"), ("B", "AD"), ("C", "AE"), ("D", "AB"), ("E", "AC"), ("BC", "DE"),
                        ("BE", "CD")]),
]  # fmt: skip


@pytest.mark.parametrize(("generators", "chains"), CHAINS, ids=lambda v: str(v[0]))
def test_alias_chains(generators, chains):
    k = {1: 4 if "D" in generators[0] else 3, 2: 5}[len(generators)]
    plan = fractional_factorial(factors(k), generators)
    assert list(aliases(plan).chains) == [tuple(chain) for chain in chains]
    for chain in chains:  # the columns of the plan say the same
        columns = []
        for word in chain:
            sign, letters = (-1, word[1:]) if word.startswith("-") else (1, word)
            columns.append(sign * plan.points[:, ["ABCDEFG".index(c) for c in letters]].prod(axis=1))
        assert all(np.array_equal(columns[0], c) for c in columns)


def test_defining_relation_of_a_quarter_fraction():
    found = aliases(fractional_factorial(factors(6), ("E=ABC", "F=BCD")))
    assert found.words == ("ABCE", "ADEF", "BCDF")  # Montgomery, section 8.3: I = ABCE = BCDF = ADEF


def test_a_full_factorial_in_blocks_gives_up_only_the_word_named():
    plan = fractional_factorial(factors(3), block_words=("ABC",))
    assert plan.block.tolist() == (plan.points.prod(axis=1) > 0).astype(int).tolist()
    terms = model_terms(plan.factors, "interactions")
    assert evaluate(plan, terms).inflation[1:] == pytest.approx(np.ones(6))
    four = fractional_factorial(factors(4), block_words=("ABD", "BCD"))
    assert np.bincount(four.block).tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("generators", "words"),
    [(("D=AX",), ()), (("D=A",), ()), (("A=BC",), ()), (("C=AB", "D=AB"), ()), ((), ("A",)), ((), ("AB", "AB")),
     (("D=ABC",), ("ABCD",))],
)  # fmt: skip
def test_generators_that_cannot_be_are_refused(generators, words):
    with pytest.raises(DomainError) as refused:
        fractional_factorial(factors(4), generators, block_words=words)
    assert refused.value.rule == "process.plan_generators"


def test_factorials_equal_pydoe():
    assert rows(full_factorial(factors(4)).points) == rows(ff2n(4))
    mixed = full_factorial([Factor("a", 0, 10), Category("tool", ("A", "B", "C")), Factor("b", 0, 1)], [3, 2, 2])
    assert len(mixed) == 18
    assert mixed.settings()["a"].tolist()[:4] == [0, 5, 10, 0]
    assert set(mixed.settings()["tool"]) == {"A", "B", "C"}


@pytest.mark.parametrize(("k", "runs"), [(3, 4), (7, 8), (11, 12), (15, 16), (19, 20), (23, 24)])
def test_plackett_burman_is_orthogonal(k, runs):
    plan = plackett_burman(factors(k))
    assert len(plan) == runs
    assert np.allclose(plan.points.T @ plan.points, runs * np.eye(k))
    assert np.allclose(plan.points.sum(axis=0), 0)


ALPHAS = [  # k, alpha; R package rsm and Montgomery, table of rotatable composites
    (2, "rotatable", 1.414214), (3, "rotatable", 1.681793), (4, "rotatable", 2.0), (5, "rotatable", 2.378414),
    (3, "spherical", 1.732051), (3, "face", 1.0), (4, "spherical", 2.0),
]  # fmt: skip


@pytest.mark.parametrize(("k", "alpha", "value"), ALPHAS)
def test_composite_alpha(k, alpha, value):
    plan = central_composite(factors(k), alpha=alpha)
    assert plan.detail["alpha"] == pytest.approx(value, abs=5.1e-7)
    assert len(plan) == 2**k + 2 * k + 4


def test_composites_equal_pydoe():
    for k in (2, 3, 4):
        theirs = ccdesign(k, center=(4, 4), alpha="rotatable", face="circumscribed")
        assert rows(central_composite(factors(k), centre=(4, 4)).points) == rows(theirs)
        theirs = ccdesign(k, center=(2, 2), alpha="orthogonal", face="inscribed")
        ours = central_composite(factors(k), centre=(2, 2), alpha="orthogonal_blocks", inscribed=True)
        assert rows(ours.points) == rows(theirs)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_a_rotatable_composite_predicts_equally_well_in_every_direction(k):
    plan = central_composite(factors(k), centre=(0, 5))
    terms = model_terms(plan.factors)
    m = design_matrix(terms, plan.x)
    directions = np.random.default_rng(k).normal(size=(50, k))
    at = design_matrix(terms, 0.8 * directions / np.linalg.norm(directions, axis=1, keepdims=True))
    variance = np.einsum("ij,jk,ik->i", at, np.linalg.inv(m.T @ m), at)
    assert np.ptp(variance) < 1e-9 * variance[0]  # Box and Hunter 1957


@pytest.mark.parametrize(("k", "fraction", "centre"), [(2, None, (3, 3)), (3, None, (4, 2)), (5, 16, (6, 1))])
def test_blocks_of_a_composite_do_not_disturb_the_model(k, fraction, centre):
    options = {"alpha": "orthogonal_blocks", "centre": centre, "fraction_runs": fraction}
    blocked = central_composite(factors(k), blocks=True, **options)
    y = np.random.default_rng(1).normal(size=len(blocked))
    terms = model_terms(blocked.factors)
    with_blocks = fit(blocked.x, y, terms, block=blocked.block).coefficients[1:]
    assert with_blocks == pytest.approx(fit(blocked.x, y, terms).coefficients[1:], abs=1e-9)


BOX_BEHNKEN = [(3, 12), (4, 24), (5, 40), (6, 48), (7, 56)]  # runs without centre: Box and Behnken 1960


@pytest.mark.parametrize(("k", "runs"), BOX_BEHNKEN)
def test_box_behnken(k, runs):
    plan = box_behnken(factors(k), centre=3)
    assert len(plan) == runs + 3
    assert len(np.unique(plan.points, axis=0)) == runs + 1
    assert set(plan.points.ravel()) == {-1.0, 0.0, 1.0}
    assert np.ptp((plan.points != 0).sum(axis=0)) == 0  # every factor is varied equally often
    assert np.linalg.matrix_rank(design_matrix(model_terms(plan.factors), plan.x)) == (k + 1) * (k + 2) // 2
    if k <= 5:  # pyDOE3 takes every pair for 6 and 7 factors too: 60 and 84 runs
        assert rows(plan.points) == rows(bbdesign(k, center=3))


def test_the_moments_are_integrals():
    space = [Factor("a", 0, 1), Category("tool", ("A", "B", "C")), Factor("b", 0, 1)]
    terms = model_terms(space)
    nodes, weights = np.polynomial.legendre.leggauss(4)
    total = np.zeros((len(terms), len(terms)))
    for a, wa in zip(nodes, weights, strict=True):
        for b, wb in zip(nodes, weights, strict=True):
            for level in range(3):
                f = design_matrix(terms, expanded(space, np.array([[a, level, b]])))
                total += wa * wb / 12 * f.T @ f
    assert moments(space, terms) == pytest.approx(total, abs=1e-14)


def test_an_orthogonal_plan_is_fully_efficient():
    found = evaluate(full_factorial(factors(3)), model_terms(factors(3), "interactions"))
    assert found.d_efficiency == pytest.approx(100)
    assert found.a_efficiency == pytest.approx(100)
    assert found.g_efficiency == pytest.approx(100)
    assert found.inflation == pytest.approx(np.ones(7))
    assert found.average_variance == pytest.approx((1 + 3 / 3 + 3 / 9) / 8)
    assert found.dof == 1


def test_power_of_a_category_equals_montgomerys_table():
    """Four levels, sigma 25, greatest difference 75, alpha 0.01: Minitab's output in Montgomery, section 3.7."""
    plan = full_factorial([Category("power", ("160", "180", "200", "220"))])
    terms = model_terms(plan.factors, "linear")
    for replicates, published in ((5, 0.804838), (6, 0.915384)):
        (found,) = power(plan.repeated(replicates), terms, effect=75, sigma=25, alpha=0.01)
        assert found.probability == pytest.approx(published, abs=5.1e-7)
    assert replicates_for(plan, terms, effect=75, sigma=25, wanted=0.9, alpha=0.01) == 6


def test_power_equals_statsmodels():
    one = full_factorial([Factor("a", 0, 1)]).repeated(9)
    (found,) = power(one, model_terms(one.factors, "linear"), effect=1.2, sigma=1.0)
    assert found.probability == pytest.approx(TTestIndPower().power(1.2, 9, 0.05), rel=1e-8)
    three = full_factorial([Category("tool", ("A", "B", "C"))]).repeated(7)
    (found,) = power(three, model_terms(three.factors, "linear"), effect=1.5, sigma=1.0)
    expected = FTestAnovaPower().power(np.sqrt(2 * 0.75**2 / 3), 21, 0.05, k_groups=3)
    assert found.probability == pytest.approx(expected, rel=1e-8)


def test_power_equals_simulation():
    plan = full_factorial(factors(2)).repeated(3)
    terms = model_terms(plan.factors, "interactions")
    found = power(plan, terms, effect=2.0, sigma=1.0)[0].probability
    rng = np.random.default_rng(4)
    hits = [fit(plan.x, plan.x[:, 0] + rng.normal(size=12), terms).p_values[1] < 0.05 for _ in range(800)]
    assert np.mean(hits) == pytest.approx(found, abs=4 * np.sqrt(found * (1 - found) / 800))


def test_a_table_is_in_units_and_its_order_reproducible():
    space = [Factor("pressure_torr", 4, 80), Category("tool", ("A", "B"))]
    plan = full_factorial(space).repeated(2)
    table = plan.randomised(7).table()
    assert list(table.columns) == ["run", "standard", "pressure_torr", "tool"]
    assert sorted(table["standard"]) == list(range(1, 9))
    assert table["standard"].tolist() != list(range(1, 9))
    assert table.equals(plan.randomised(7).table())
    assert not table.equals(plan.randomised(8).table())
    assert set(table["pressure_torr"]) == {4.0, 80.0}
    assert plan.words("en") == "Full factorial"


def test_randomising_keeps_blocks_together():
    plan = central_composite(factors(3), centre=(2, 2), blocks=True).randomised(3)
    blocks = plan.table()["block"].tolist()
    assert blocks == sorted(blocks)  # the axial block waits for the cube
    other = fractional_factorial(factors(4), block_words=("ABCD",)).randomised(2)
    assert np.count_nonzero(np.diff(other.table()["block"])) == 1


def test_plans_that_cannot_be():
    with_category = [Factor("a", 0, 1), Category("tool", ("A", "B"))]
    cases = [
        (lambda: box_behnken(factors(8)), "process.plan_runs"),
        (lambda: central_composite(with_category), "process.plan_continuous"),
        (lambda: central_composite(factors(2), alpha="round"), "process.choice"),
        (lambda: central_composite(factors(6), fraction_runs=16), "process.plan_runs"),
        (lambda: full_factorial(factors(2), 1), "process.plan_levels"),
        (lambda: full_factorial(factors(9), 4), "process.plan_runs"),
        (lambda: standard_fraction(factors(5), 10), "process.plan_runs"),
        (lambda: full_factorial(with_category).with_centre(3), "process.plan_centre"),
        (lambda: Plan.of("full_factorial", factors(2), np.zeros((3, 3))), "process.plan_factors"),
        (lambda: Category("tool", ("A", "A")), "process.factor_constant"),
        (lambda: model_terms(factors(2), "cubic"), "process.choice"),
        (lambda: evaluate(full_factorial(factors(2)), model_terms(factors(2))), "process.terms_aliased"),
        (lambda: power(full_factorial(factors(2)), LINEAR, effect=0, sigma=1), "process.power"),
        (lambda: power(full_factorial(factors(2)), (*LINEAR, (1, 1)), effect=1, sigma=1), "process.too_few_runs"),
    ]  # fmt: skip
    for make, rule in cases:
        with pytest.raises(DomainError) as refused:
            make()
        assert refused.value.rule == rule
