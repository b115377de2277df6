"""Two runs: the differences an engineer asks for, and nothing that cannot be compared."""

from __future__ import annotations

import math
import re

import pytest

from workbench.reports.compare import compare, render_compare


def runs(examples, a: dict, b: dict):
    return compare(examples.record(**a), examples.record(**b))


def test_the_same_run_differs_in_nothing(examples):
    found = runs(examples, {}, {})
    assert not found.verdict_changed
    assert found.causes == ()
    assert found.packages == found.machine == ()
    assert not [d for d in (*found.figures, *found.parameters, *found.provenance) if d.changed]


def figures(examples, a: dict, b: dict):
    made = [{"figures": [examples.figure({"en": "X", "zh-Hant": "X"}, **side)]} for side in (a, b)]
    return runs(examples, {"summary": made[0]}, {"summary": made[1]}).figures[0]


CASES = [  # shown a, value a, shown b, value b, unit, difference, percent
    ("412", 412.0, "455", 455.0, "usd", "+43 USD", "+10.4 %"),
    ("94.10", 94.1, "93.95", 93.95, "%", "−0.15 %", "−0.159 %"),
    ("1,225", 1225.0, "1,225", 1225.0, "mm2", "", ""),
    ("0", 0.0, "3", 3.0, "", "+3", ""),  # a percentage of nothing says nothing
    ("-2.0", -2.0, "-1.0", -1.0, "um", "+1.0 µm", "+50.0 %"),
    ("–", None, "3", 3.0, "", "", ""),
    ("–", math.nan, "3", 3.0, "", "", ""),
]


@pytest.mark.parametrize(("shown_a", "a", "shown_b", "b", "unit", "change", "percent"), CASES)
def test_figures_and_their_difference(examples, shown_a, a, shown_b, b, unit, change, percent):
    row = figures(examples, {"shown": shown_a, "unit": unit, "value": a}, {"shown": shown_b, "unit": unit, "value": b})
    assert (row.change, row.percent) == (change, percent)
    assert row.changed == (shown_a != shown_b)


def test_figures_of_different_units_are_shown_and_not_subtracted(examples):
    a, b = ({"shown": "1", "unit": unit, "value": 1.0} for unit in ("um", "mm"))
    row = figures(examples, a, b)
    assert (row.a, row.b, row.change, row.changed) == ("1 µm", "1 mm", "", True)


def test_parameters_packages_and_machine(examples):
    before = {"wafer_diameter_mm": 300, "method": "mcm", "old": True}
    after = {"wafer_diameter_mm": 200, "method": "mcm", "new": 1}
    found = runs(
        examples,
        {"parameters": before, "packages": {"numpy": "2.2", "x": "1"}},
        {"parameters": after, "packages": {"numpy": "2.3", "x": "1"}, "machine": {"cpus": 4}, "code_version": "0.2",
         "snapshot": 43},
    )  # fmt: skip
    by_name = {d.label: d for d in found.parameters}
    assert by_name["wafer_diameter_mm"].change == "−100 mm"
    assert not by_name["method"].changed
    assert (by_name["old"].a, by_name["old"].b) == ("True", "–")
    assert by_name["new"].a == "–"
    assert [(d.label, d.a, d.b) for d in found.packages] == [("numpy", "2.2", "2.3")]
    assert {d.label for d in found.machine} >= {"cpus"}
    assert found.causes == ("report.parameters", "report.code_version", "report.packages", "report.machine")


def test_the_data_are_named_when_nothing_else_explains_another_run_key(examples):
    later = {"snapshot": 99, "started_at": "2026-04-01T00:00:00+00:00", "duration_s": 9.0}
    assert runs(examples, {}, later).causes == ()  # the store moved on, the subject did not
    assert runs(examples, {}, {**later, "key": "0"}).causes == ("report.data_of_subject",)
    assert runs(examples, {}, {**later, "key": "0", "source_hash": "0"}).causes == ("report.code_version",)


def test_a_failed_run_compares_by_its_outcome(examples):
    found = runs(examples, {}, {"outcome": "ERROR", "verdict": None, "summary": None})
    assert (found.verdict_a, found.verdict_b) == ("PASS", "ERROR")
    assert {d.b for d in found.figures} == {"–"}


def test_the_page_says_it_in_both_languages_and_escapes(examples):
    evil = "<script>alert(1)</script>"
    a, b = examples.record(subject_id=evil, parameters={evil: evil}), examples.record(verdict="FAIL", dirty=True)
    page = render_compare(a, b, link_a="../runs/a/index.html", home="../index.html")
    assert "The verdict changed." in page
    assert "判定已改變。" in page
    assert "uncommitted changes" in page
    assert page.count("<script") == 1
    assert set(re.findall(r'href="([^#"]+)"', page)) == {"data:,", "../runs/a/index.html", "../index.html"}
