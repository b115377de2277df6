"""The views of the process window review: every block shows, in both languages, and says what the data say."""

from __future__ import annotations

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import widgets as views
from workbench.process.lots import Experiment, Monitor
from workbench.process.review import ProcessWindowReview, review
from workbench.runs.demo.process import seed
from workbench.store import Store

VIEWS = ("window", "set_point", "drift", "runs", "surfaces", "models", "diagnostics", "control_chart", "capability",
         "capability_table")  # fmt: skip
CHARTS = {"window": 1, "drift": 1, "surfaces": 1, "diagnostics": 1, "control_chart": 1, "capability": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = Store.open(f"{tmp_path_factory.mktemp('process')}/workbench.duckdb")
    assert seed(found) == ["cvd-tungsten", "hard-bake", "hard-bake-later"]
    assert seed(found) == []
    return found


def reviewed(store, **given):
    p = ProcessWindowReview(**given)
    return review(Experiment.of(store.lots, p.lot_id), Monitor.of(store.lots, p.monitor_id), p)


def shown(view, result):
    """HTML of the blocks and the chart specifications a view displays."""
    InteractiveShell.instance()
    with capture_output() as captured:
        view(result)
    assert not captured.stderr
    html = [o.data["text/html"] for o in captured.outputs if "text/html" in o.data and "vega" not in str(list(o.data))]
    charts = [v for o in captured.outputs for k, v in o.data.items() if "vegalite" in k]
    return "\n".join(html), charts


@pytest.fixture(scope="module")
def result(store):
    return reviewed(store)


def test_the_store_holds_the_subjects(store):
    assert [s.subject_id for s in store.subjects("experiment")] == ["cvd-tungsten"]
    assert [s.subject_id for s in store.subjects("monitor")] == ["hard-bake", "hard-bake-later"]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_itself_in_both_languages(name, result):
    html, charts = shown(getattr(views.process, name), result)
    assert len(charts) == CHARTS.get(name, 0)
    assert 'lang="en"' in html
    assert re.search(r'lang="zh-Hant">[^<]*[\u4e00-\u9fff]', html)
    assert not re.search(r"\{[a-z_]+\}", html), "a placeholder was left open"
    assert "process." not in re.sub(r"<[^>]*>", "", html), "a catalogue key is shown as it is"
    assert "nan" not in html.lower()


@pytest.mark.parametrize(
    ("given", "name", "words"),
    [
        ({"stress_upper": 7.0}, "window", "There is no window"),
        ({}, "window", "the mean surfaces alone would promise"),
        ({"pressure_drift_torr": 0.0, "h2_wf6_ratio_drift": 0.0}, "drift", "No drift was stated"),
        ({"monitor_id": "hard-bake-later"}, "control_chart", "6 of 45 subgroups break a rule, the first is S40"),
        ({"monitor_id": "hard-bake-later"}, "capability", "predict nothing"),
        ({"model": "full_quadratic", "joint": "correlated"}, "window", "with the residual correlation -0."),
    ],
)  # fmt: skip
def test_the_sentence_follows_the_data(store, given, name, words):
    html, _ = shown(getattr(views.process, name), reviewed(store, **given))
    assert words in html


def test_broken_rules_are_marked_on_the_chart(store):
    _, (chart,) = shown(views.process.control_chart, reviewed(store, monitor_id="hard-bake-later"))
    rows = [row for data in chart["datasets"].values() for row in data]
    assert {row["word"] for row in rows if "word" in row} >= {"1,2,3,4", "1,2,3", "2,3"}
    assert sum(bool(row.get("alarm")) for row in rows) == 6


def test_axes_carry_name_and_unit(result):
    for name in ("window", "surfaces", "control_chart", "capability"):
        _, (chart,) = shown(getattr(views.process, name), result)
        titles = set(re.findall(r"'title': '([^']+)'", str(chart)))
        assert titles & {"Pressure 壓力 (Torr)", "Mean 平均值 (µm)", "Flow width 流動寬度 (µm)"}, name


def test_unverified_data_carry_their_chip(store):
    store.lots.add_lot("cvd-tungsten", title="t", product="p", source="typed from memory", verified=False)
    doubtful = reviewed(store)
    for name in ("runs", "set_point"):
        assert "wb-chip unverified" in shown(getattr(views.process, name), doubtful)[0], name
    assert "wb-chip unverified" in shown(views.summary, doubtful)[0]
    assert "wb-chip" not in shown(views.process.capability_table, doubtful)[0]
