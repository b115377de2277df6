"""The review as a whole: lots in, verdict and reasons out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import facts
from workbench.errors import InputError
from workbench.process.lots import Experiment, Monitor
from workbench.process.review import ProcessWindowReview, review
from workbench.schema import Verdict


class Shelf:
    """Lots held in memory, read like the store's."""

    def __init__(self):
        cvd, bake = facts.load("process/cvd_tungsten"), facts.load("process/hard_bake_flow_width")
        runs = pd.DataFrame(cvd["runs"]).assign(carrier=[f"W{n:02}" for n in range(1, len(cvd["runs"]) + 1)])
        factors = ["pressure_torr", "h2_wf6_ratio"]
        long = runs.drop(columns=factors).melt("carrier", var_name="parameter").assign(position=0)
        self.rows = {"cvd-tungsten": (cvd, runs[["carrier", *factors]], long, [])}
        for lot_id, groups in (("hard-bake", []), ("hard-bake-later", bake["later_subgroups"])):
            values = [
                (f"S{i:02}", j, bake["parameter"], v)
                for i, group in enumerate(bake["subgroups"] + groups)
                for j, v in enumerate(group)
            ]
            frame = pd.DataFrame(values, columns=["carrier", "position", "parameter", "value"])
            spec = [{"parameter": bake["parameter"], **bake["specification"]}]
            self.rows[lot_id] = (bake, pd.DataFrame(), frame, spec)

    def lot(self, lot_id):
        table = self.rows[lot_id][0]
        return {"title": table["title"]["en"], "source": table["source"], "verified": table["verified"]}

    def settings(self, lot_id):
        return self.rows[lot_id][1]

    def measurements(self, lot_id, parameter=None):
        frame = self.rows[lot_id][2]
        return frame if parameter is None else frame[frame["parameter"] == parameter]

    def specifications(self, lot_id):
        return self.rows[lot_id][3]


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


def reviewed(shelf, **given):
    p = ProcessWindowReview(**given)
    return review(Experiment.of(shelf, p.lot_id), Monitor.of(shelf, p.monitor_id), p)


def test_the_default_review_says_what_it_knows_and_what_not(shelf):
    result = reviewed(shelf)
    summary = result.summary
    assert (result.window_verdict, result.monitor_verdict) == (Verdict.MARGINAL, Verdict.MARGINAL)
    assert summary.verdict is Verdict.MARGINAL
    conformance, point, cpk = summary.figures
    assert conformance.low < 90 < conformance.value < conformance.high
    assert conformance.value == pytest.approx(100 * result.window.set_point.drifted.value)
    assert point.value.startswith("Pressure ")
    assert "Torr" in point.value
    assert cpk.value == pytest.approx(result.quality.within.cpk_lower)
    assert cpk.value < result.quality.within.cpk.value
    assert all(figure.verified for figure in summary.figures)
    said = " ".join(r["en"] for r in summary.reasons)
    assert "11 runs" in said
    assert "edge of the tested region" in said
    assert "in control" in said


@pytest.mark.parametrize(
    ("given", "window", "monitor", "words"),
    [
        ({"stress_upper": 7.0}, Verdict.FAIL, Verdict.MARGINAL, "There is no window"),
        ({"wanted_conformance_percent": 75.0}, Verdict.PASS, Verdict.MARGINAL, "even its lower end"),
        (
            {"wanted_conformance_percent": 97.0, "pressure_drift_torr": 12.0},
            Verdict.FAIL,
            Verdict.MARGINAL,
            "closes it",
        ),
        ({"wanted_cpk": 1.0}, Verdict.MARGINAL, Verdict.PASS, "is capable"),
        ({"wanted_cpk": 2.0}, Verdict.MARGINAL, Verdict.FAIL, "is not capable"),
        ({"monitor_id": "hard-bake-later"}, Verdict.MARGINAL, Verdict.FAIL, "out of control: 6 of 45"),
    ],
)
def test_verdicts_follow_the_evidence(shelf, given, window, monitor, words):
    result = reviewed(shelf, **given)
    assert (result.window_verdict, result.monitor_verdict) == (window, monitor)
    assert words in " ".join(r["en"] for r in result.summary.reasons)
    for reason in result.summary.reasons:
        assert set(reason) == {"en", "zh-Hant"}
        assert not any("{" in sentence for sentence in reason.values())


def test_the_parameters_limit_what_they_name_and_the_lot_the_rest(shelf):
    extended = Shelf()
    cvd, settings, long, _ = extended.rows["cvd-tungsten"]
    third = pd.DataFrame({"carrier": settings["carrier"], "parameter": "thickness_nm", "position": 0,
                          "value": 400 + 2 * np.sin(np.arange(11.0))})  # fmt: skip
    specification = [{"parameter": "thickness_nm", "lower": 390, "upper": None, "target": None, "source": "test"}]
    extended.rows["cvd-tungsten"] = (cvd, settings, pd.concat([long, third]), specification)
    limited = {r.name: r.limits.bounds for r in reviewed(extended).window.limited}
    assert limited == {
        "uniformity_percent": (-np.inf, 6.0),
        "stress": (-np.inf, 8.0),
        "thickness_nm": (390.0, np.inf),
    }


def test_unverified_data_are_never_shown_as_verified(shelf):
    doubtful = Shelf()
    table, *rest = doubtful.rows["cvd-tungsten"]
    doubtful.rows["cvd-tungsten"] = ({**table, "verified": False}, *rest)
    figures = reviewed(doubtful).summary.figures
    assert [f.verified for f in figures] == [False, False, True]


@pytest.mark.parametrize(
    "given",
    [
        {"joint": "correlated"},
        {"model": "full_quadratic"},
        {"chart": "xbar_s"},
        {"rules": "nelson"},
        {"baseline_count": 0},
        {"confidence_percent": 90.0},
    ],
)
def test_every_choice_works(shelf, given):
    result = reviewed(shelf, **given)
    assert 0 <= result.window.set_point.low <= result.window.set_point.high <= 1


def test_the_same_input_gives_the_same_numbers(shelf):
    assert reviewed(shelf).summary == reviewed(shelf).summary


BROKEN = [  # lot, which part, what becomes of it, rule
    ("cvd-tungsten", "settings", lambda settings: settings.iloc[:0], "process.not_an_experiment"),
    ("cvd-tungsten", "settings", lambda s: s.assign(pressure_torr=1, h2_wf6_ratio=1), "process.not_an_experiment"),
    ("cvd-tungsten", "values", lambda values: values.iloc[1:], "process.runs_incomplete"),
    ("hard-bake", "values", lambda values: values.iloc[1:], "process.subgroups_uneven"),
    ("hard-bake", "specification", lambda rows: [], "process.no_limit"),
]  # fmt: skip


@pytest.mark.parametrize(("lot_id", "part", "change", "rule"), BROKEN)
def test_lots_that_cannot_be_reviewed_are_refused(lot_id, part, change, rule):
    broken = Shelf()
    row = list(broken.rows[lot_id])
    at = ("table", "settings", "values", "specification").index(part)
    row[at] = change(row[at])
    broken.rows[lot_id] = tuple(row)
    with pytest.raises(InputError) as refused:
        reviewed(broken)
    assert refused.value.rule == rule
    assert refused.value.where


def test_a_baseline_longer_than_the_lot_is_refused(shelf):
    with pytest.raises(InputError) as refused:
        reviewed(shelf, baseline_count=26)
    assert refused.value.rule == "process.baseline"
    assert refused.value.where == "baseline_count"
