"""Experiments on screen: every view shows itself in both languages; sliders move the slice; shapes are cut exactly."""

from __future__ import annotations

import re

import numpy as np
import pytest
from IPython.utils.capture import capture_output

import widgets as views
from widgets.process.plane import section
from widgets.process.slices import SliceScreen, plane_field, widest
from workbench.process.experiment_review import ExperimentReview
from workbench.process.experiment_review import review as plan_review
from workbench.process.lots import Experiment, Monitor
from workbench.process.review import ProcessWindowReview, review
from workbench.process.window.operating import slice_field
from workbench.runs.demo import experiments, process
from workbench.store import Store

LOTS = ("tire-tread", "rdl-focus-dose")
WINDOW = ("ranges", "margins", "set_points", "bossung", "focus_dose_window", "latitude", "runs", "diagnostics",
          "models")  # fmt: skip
PLAN = ("plan_points", "plan_aliases", "plan_power", "plan_variance", "plan_alternatives", "augmentation", "next_lot")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = Store.open(f"{tmp_path_factory.mktemp('experiments')}/workbench.duckdb")
    process.seed(found)
    assert experiments.seed(found) == ["tire-tread", "filtration-rate", "rdl-focus-dose"]
    assert experiments.seed(found) == []
    return found


@pytest.fixture(scope="module")
def windows(store):
    monitor = Monitor.of(store.lots, "hard-bake")
    return {lot: review(Experiment.of(store.lots, lot), monitor, ProcessWindowReview(lot_id=lot)) for lot in LOTS}


@pytest.fixture(scope="module")
def plan(store):
    return plan_review(Experiment.of(store.lots, "cvd-tungsten"), ExperimentReview())


def shown(view, result):
    with capture_output() as captured:
        view(result)
    assert not captured.stderr
    return "\n".join(o.data["text/html"] for o in captured.outputs if "text/html" in o.data), captured.outputs


def check(html):
    words = re.sub(r"<[^>]*>", "|", html)
    assert 'lang="en"' in html
    assert re.search(r'lang="zh-Hant"[^>]*>[^<]*[\u4e00-\u9fff]', html)
    assert not re.search(r"\{[a-z_]+\}", words), "a placeholder was left open"
    assert not re.search(r"\b(process|label|option)\.[a-z_]+\.[a-z_]+", words), "a catalogue key is shown as it is"
    assert "nan" not in words.lower()


@pytest.mark.parametrize("lot", LOTS)
@pytest.mark.parametrize("name", WINDOW)
def test_a_view_of_the_window_shows_itself_in_both_languages(windows, lot, name):
    html, _ = shown(getattr(views.process, name), windows[lot])
    if html:  # latitude has nothing to say of other factors than focus and dose
        check(html.replace("workbench.process.fan_out", ""))
    else:
        assert (lot, name) in {("tire-tread", "focus_dose_window"), ("tire-tread", "latitude")}


@pytest.mark.parametrize("name", PLAN)
def test_a_view_of_a_plan_shows_itself_in_both_languages(plan, name):
    check(shown(getattr(views.process, name), plan)[0])


def test_the_plan_can_be_saved_where_someone_can_click(plan):
    assert "data:text/csv" in shown(views.process.plan_table(True), plan)[0]
    assert "data:text/csv" not in shown(views.process.plan_table(False), plan)[0]


def test_synthetic_numbers_carry_their_chip(windows):
    for name in ("bossung", "set_points"):
        assert "wb-chip synthetic" in shown(getattr(views.process, name), windows["rdl-focus-dose"])[0], name


def test_two_layers_leave_less_than_each_alone(windows):
    study = windows["rdl-focus-dose"].focus_dose
    assert len(study.features) == 2
    for alone in study.alone:
        assert study.rectangle.area <= alone.area * (1 + 1e-6)
    assert study.at_latitude.latitude_percent >= 10 - 1e-6


def test_sliders_move_the_slice(windows):
    result = windows["tire-tread"]
    screen = SliceScreen(result)
    before = screen.map.value, screen.reading.value
    held = next(i for i in range(3) if i not in widest(result.window))
    screen.sliders[held].value = result.window.factors[held].centre
    assert screen.map.value != before[0]
    assert screen.reading.value != before[1]
    screen.go(result.window.setting)
    assert screen.reading.value == before[1]
    screen.across.value = held
    assert len({screen.across.value, screen.up.value}) == 2  # never the same factor twice
    screen.up.value = screen.across.value
    assert len({screen.across.value, screen.up.value}) == 2
    screen.close_all()


def test_a_report_shows_slices_without_controls(windows):
    html, outputs = shown(views.process.slices(False), windows["tire-tread"])
    check(html)
    assert html.count("<svg") == 1
    assert not any("widget" in kind for o in outputs for kind in o.data)


def test_the_margin_of_a_slice_is_that_of_its_plane(windows):
    study = windows["tire-tread"].window
    f = study.factors[2]
    inside = plane_field(study, (0, 1), {f.name: f.centre})
    sliced = slice_field(study, ("silica_phr", "silane_phr"), {f.name: f.centre})
    assert np.allclose(inside.margin >= 0, sliced.explored)
    assert plane_field(study, (0, 1), {f.name: f.high}).margin.max() > 0 or study.region.reach == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_an_ellipsoid_is_cut_exactly(seed):
    """Every point of the section is on the surface: |root^-1 (p - centre)| = 1."""
    rng = np.random.default_rng(seed)
    root = np.tril(rng.normal(size=(4, 4))) + 3 * np.eye(4)
    centre = rng.normal(size=4)
    at = centre + rng.normal(size=4) * 0.5
    ring = section(centre, root, at, (1, 3))
    points = np.tile(at, (len(ring), 1))
    points[:, [1, 3]] = ring
    assert np.linalg.norm(np.linalg.solve(root, (points - centre).T), axis=0) == pytest.approx(np.ones(len(ring)))
    assert section(centre, root, centre + 100.0, (1, 3)) is None
