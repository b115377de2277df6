"""Agreement of judgements: AIAG's attribute study, Cohen's and Fleiss' kappa."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats import inter_rater

from workbench.errors import DomainError
from workbench.process.quality.gauge import attribute_agreement
from workbench.process.quality.gauge.attribute import cohen_kappa, fleiss_kappa

AIAG = "AIAG MSA 4th ed., attribute study: 50 parts, 3 appraisers, 3 trials"
PAIRS = [  # table of counts (0 = bad, 1 = good), kappa as printed
    ("A × B", [[44, 6], [3, 97]], 0.86),
    ("A × C", [[43, 7], [8, 92]], 0.78),
    ("B × C", [[42, 5], [9, 94]], 0.79),
    ("A × reference", [[45, 5], [3, 97]], 0.88),
    ("B × reference", [[45, 2], [3, 100]], 0.92),
    ("C × reference", [[42, 9], [6, 93]], 0.77),
]


@pytest.mark.parametrize(("name", "table", "kappa"), PAIRS)
def test_kappa_of_the_aiag_example(name, table, kappa):
    found = cohen_kappa(table, name=name)
    assert found.kappa.value == pytest.approx(kappa, abs=5e-3), AIAG
    assert found.kappa.low < found.kappa.value < found.kappa.high <= 1
    assert found.p < 1e-10


def test_cohen_1960():
    """Cohen 1960, Educ. Psychol. Meas. 20, 37 in the form of Fleiss: 20 5 / 10 15 gives po .7, pe .5, kappa .4."""
    found = cohen_kappa([[20, 5], [10, 15]])
    assert (found.agreement, found.by_chance, found.kappa.value) == pytest.approx((0.7, 0.5, 0.4))


FLEISS = np.array([[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
                   [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]])  # fmt: skip


def test_fleiss_kappa():
    """Worked example of Fleiss 1971 as reprinted widely: 10 subjects, 14 raters, 5 classes; P .378, Pe .213, k .210."""
    found = fleiss_kappa(FLEISS)
    assert found.agreement == pytest.approx(0.378, abs=5e-4)
    assert found.by_chance == pytest.approx(0.213, abs=5e-4)
    assert found.kappa.value == pytest.approx(0.210, abs=5e-4)
    assert found.kappa.value == pytest.approx(inter_rater.fleiss_kappa(FLEISS), rel=1e-12)


def test_the_error_of_fleiss_kappa_is_that_of_the_jackknife():
    counts = np.random.default_rng(2).multinomial(6, [0.5, 0.3, 0.2], size=150)
    left_out = np.array([fleiss_kappa(np.delete(counts, k, axis=0)).kappa.value for k in range(150)])
    jackknife = np.sqrt(149 / 150 * ((left_out - left_out.mean()) ** 2).sum())
    assert fleiss_kappa(counts).error == pytest.approx(jackknife, rel=0.02)


def test_chance_agreement_gives_uniform_p_values():
    rng = np.random.default_rng(1)
    p = [fleiss_kappa(rng.multinomial(4, [0.6, 0.4], size=60)).p for _ in range(400)]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.05)


def judged():
    """50 parts, the last 16 bad; A right but for part 0, B never sees 3 of the bad, C calls good ones bad at times."""
    truth = np.repeat([1, 0], [34, 16])
    x = np.repeat(truth[:, None], 9, axis=1).reshape(50, 3, 3)
    x[0, 0, 1] = 0
    x[[40, 41, 42], 1, :] = 1
    x[[3, 9, 20], 2, 2] = 0
    return x, truth


def test_appraisers_are_rated():
    x, truth = judged()
    study = attribute_agreement(x, reference=truth)
    a, b, c = study.appraisers
    assert (a.effectiveness.value, b.effectiveness.value, c.effectiveness.value) == (0.98, 0.94, 0.94)
    assert (a.repeats.value, b.repeats.value) == (0.98, 1.0)
    assert b.miss.value == pytest.approx(9 / 48)
    assert (a.false_alarm.value, c.false_alarm.value) == pytest.approx((1 / 102, 3 / 102))
    assert (a.rating, b.rating, c.rating) == ("acceptable", "unacceptable", "acceptable")
    assert study.all_agree.value == study.all_right.value == pytest.approx(43 / 50)
    assert len(study.pairs) == 3
    assert a.rating_word("zh-Hant") == "可接受"
    assert [s.holds for s in study.assumptions] == [True, True, True]


def test_labels_may_be_words_and_the_bad_one_named():
    x, truth = judged()
    words = np.where(x == 1, "good", "rework")
    study = attribute_agreement(words, reference=np.where(truth == 1, "good", "rework"), bad="rework")
    assert study.appraisers[1].miss.value == pytest.approx(9 / 48)
    assert study.categories == ("good", "rework")


def test_without_a_reference_only_agreement_is_known():
    study = attribute_agreement(judged()[0])
    assert study.appraisers[0].rating == "unknown"
    assert study.all_right is None


def test_one_class_only_has_no_kappa():
    assert np.isnan(attribute_agreement(np.ones((5, 2, 2))).all_judgements.kappa.value)


REFUSED = [
    (lambda: attribute_agreement(np.ones((1, 2, 2))), "process.gauge_shape"),
    (lambda: attribute_agreement(np.full((4, 2, 2), np.nan)), "process.gauge_shape"),
    (lambda: attribute_agreement(np.ones((4, 2, 2)), reference=[1]), "process.values_and_labels"),
    (lambda: fleiss_kappa([[2, 1], [1, 1]]), "process.gauge_unbalanced"),
]


@pytest.mark.parametrize(("call", "rule"), REFUSED)
def test_questions_without_an_answer_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
