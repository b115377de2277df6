"""The views of a design's economics: what they say and draw must be what was computed, in both languages."""

from __future__ import annotations

import json
import re

import pytest
from IPython.utils.capture import capture_output

from widgets.design import economics as views
from workbench import facts
from workbench.cost.review import StackDesignReview, review
from workbench.i18n import t

EVERYWHERE = (views.volume, views.sensitivity, views.nre, views.wafer_test)
ALL = (*EVERYWHERE, views.stack_tiers, views.hybrid_bond_yield)


def reviewed(name: str, change=None, **parameters):
    document = facts.load(f"designs/{name}")
    if change:
        change(document)
    return review(document, StackDesignReview(design_id=name, **parameters))


def shown(view, result) -> tuple[str, list[dict]]:
    """The HTML and the chart specifications that a view displays."""
    with capture_output() as captured:
        view(result)
    html = "".join(output.data.get("text/html", "") for output in captured.outputs)
    charts = [value for output in captured.outputs for kind, value in output.data.items() if "vegalite" in kind]
    return html, charts


def text(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html)


def values(charts: list[dict]) -> list[dict]:
    """All data rows of a chart."""
    return [row for data in charts[0]["datasets"].values() for row in data]


def large(document: dict) -> None:
    """Two dies of 440 mm2 at 5 nm on a body that holds them: the published case in which volume decides."""
    document.update(width_mm=70.0, length_mm=60.0)
    for layer in document["layers"]:
        layer.pop("width_mm", None)
        layer.pop("length_mm", None)
        for x, placement in zip((-12, 12), layer.get("dies", []), strict=False):
            placement.update(x_mm=x, y_mm=0.0)
    for die in document["dies"]:
        die.update(width_mm=20.0, length_mm=22.0, node_nm=5, power_blocks=[], tsv=None)


@pytest.mark.parametrize("view", ALL, ids=lambda view: view.__name__)
def test_every_view_concludes_in_both_languages(view):
    html, _ = shown(view, reviewed("poc-face-to-face"))
    said = re.search(r'<p class="wb-say">(.*?)</p>', html)
    assert '<span lang="en">' in said[1]
    assert '<span lang="zh-Hant">' in said[1]
    assert not re.search(r"\{[a-z_]+\}|\bnan\b|\bNone\b", html)


@pytest.mark.parametrize("view", EVERYWHERE, ids=lambda view: view.__name__)
@pytest.mark.parametrize("name", ["ascend-910", "simba-36", "poc-side-by-side"])
def test_flat_designs_show_too(view, name):
    html, _ = shown(view, reviewed(name, test_convention="modelled", bought_in_price_usd=40.0))
    assert 'class="wb-say"' in html


def test_only_stacks_show_tiers_and_bonds():
    flat = reviewed("ascend-910")
    assert shown(views.stack_tiers, flat) == shown(views.hybrid_bond_yield, flat) == ("", [])
    assert shown(views.hybrid_bond_yield, reviewed("poc-face-to-back"))[0] == ""  # micro-bumps
    assert shown(views.stack_tiers, reviewed("poc-face-to-back"))[1]


def test_the_break_even_is_marked_and_said():
    r = reviewed("poc-side-by-side", large, d2d_area_ratio=0.1)
    html, charts = shown(views.volume, r)
    (crossing,) = r.economics.curves.crossings
    assert f"{crossing.quantity:.0f}" == "994541"
    marks = [row for row in values(charts) if row.get("said") == "995,000"]
    assert marks
    assert marks[0]["quantity"] == pytest.approx(crossing.quantity)
    assert "MCM beats One die (SoC) from 995,000 modules on" in text(html)
    scales = re.findall(r'"scale": \{[^}]*"type": "log"', json.dumps(charts[0]))
    assert len(scales) >= 3  # both quantity axes and the cost
    assert "USD" in json.dumps(charts[0])


def test_never_is_said_where_no_flow_breaks_even():
    html, charts = shown(views.volume, reviewed("poc-face-to-face"))
    assert "no other flow ever breaks even" in text(html)
    assert not [row for row in values(charts) if "said" in row]


def test_a_curve_is_the_cost_per_module():
    r = reviewed("poc-side-by-side")
    rows = [row for row in values(shown(views.volume, r)[1]) if row.get("flow", "").startswith("MCM")]
    for row in rows[:: len(rows) // 5]:
        assert row["usd"] == pytest.approx(r.economics.unit_usd("mcm", row["quantity"]))
        assert row["above"] >= 0


def test_the_tornado_draws_the_swings_in_order():
    r = reviewed("poc-face-to-face")
    html, charts = shown(views.sensitivity, r)
    rows = max(charts[0]["datasets"].values(), key=len)
    swings = r.economics.swings
    assert len(rows) == 2 * len(swings)
    assert [row["to"] for row in rows[:2]] == [swings[0].low_usd, swings[0].high_usd]
    order = re.search(r'"sort": (\[[^\]]*\])', json.dumps(charts[0], ensure_ascii=False))
    assert json.loads(order[1])[0].startswith(t(f"cost.input.{swings[0].input}", "en"))
    assert 'class="wb-chip unverified"' in html  # the ranges are ours


def test_tiers_stand_as_they_are_built():
    r = reviewed("poc-face-to-face", test_convention="modelled")
    html, charts = shown(views.stack_tiers, r)
    steps = r.economics.stacks["stack_d2w"][0].steps
    rows = [row for row in values(charts) if "percent" in row]
    assert [row["percent"] for row in rows] == [pytest.approx(100 * step.stack_yield) for step in steps]
    assert [row["added"] for row in rows] == [
        pytest.approx(step.dies_usd + step.stacking_usd + step.test_usd) for step in steps
    ]
    assert "2  Compute die 7 nm" in str(charts[0])
    assert 'class="wb-chip unverified"' in html  # the bond's price


def test_nre_is_a_table_of_all_flows():
    r = reviewed("poc-face-to-face", test_hardware_usd=150_000.0)
    html, charts = shown(views.nre, r)
    assert charts == []
    body = html.split("<tbody>")[1]
    assert body.count("<tr>") == len(r.flows)
    assert "300,000" in body  # two die types
    assert 'class="wb-chip unverified"' in html
    assert 'class="wb-chip unverified"' not in shown(views.nre, reviewed("poc-face-to-face"))[0]


def test_wafer_test_marks_where_it_pays():
    r = reviewed("poc-side-by-side")
    html, charts = shown(views.wafer_test, r)
    crossing = 100 * r.economics.test.break_even_coverage_ratio
    assert [row for row in values(charts) if row.get("said") == f"{crossing:.1f} %"]
    assert "pays from" in text(html)
    assert "never pays" in text(shown(views.wafer_test, reviewed("poc-side-by-side", tester_usd_per_h=9000.0))[0])


def test_wafers_bonded_whole_have_no_test_to_weigh():
    html, charts = shown(views.wafer_test, reviewed("poc-face-to-face", stack_bonding="w2w"))
    assert "no die is tested before it is joined" in text(html)
    assert charts == []


def test_a_module_of_bought_in_dies_says_that_there_is_no_cost():
    def bare(document):
        for die in document["dies"]:
            die.pop("node_nm", None)

    r = reviewed("cpu-dram-150w", bare)
    for view in (views.volume, views.sensitivity, views.nre):
        assert "No flow can be costed" in text(shown(view, r)[0])
    assert shown(views.wafer_test, r) == ("", [])
