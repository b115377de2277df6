"""The views of the design area: what they say and draw must be what the review found, in both languages."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from widgets import design as views
from widgets.design import drawings, svg
from widgets.design.words import both, sentence
from workbench import facts
from workbench.cost.review import StackDesignReview, review
from workbench.reports.markup import clean
from workbench.runs.demo.designs import DESIGNS

ALL = (
    views.cross_section, views.stack_table, views.checks, views.top_view, views.wafer_map, views.dies,
    views.yield_models, views.cost_and_yield, views.cost_breakdown, views.defect_sensitivity, views.conventions,
    views.conclusion,
)  # fmt: skip


@pytest.fixture(scope="module")
def reviewed():
    InteractiveShell.instance()
    return {name: review(facts.load(f"designs/{name}"), StackDesignReview(design_id=name)) for name in DESIGNS}


def shown(view, result) -> list[dict]:
    with capture_output() as captured:
        view(result)
    return [output.data for output in captured.outputs]


@pytest.mark.parametrize("view", ALL, ids=lambda view: view.__name__)
def test_every_view_concludes_in_both_languages(view, reviewed):
    for name in ("poc-face-to-face", "ascend-910", "simba-36"):
        html = "".join(data.get("text/html", "") for data in shown(view, reviewed[name]))
        said = re.search(r'<p class="wb-say">(.*?)</p>', html)
        assert said, (view.__name__, name)
        assert '<span lang="en">' in said[1]
        assert '<span lang="zh-Hant">' in said[1]
        assert not re.search(r"\{[a-z_]+\}|\bnan\b|\bNone\b", html)


@pytest.mark.parametrize("name", DESIGNS)
def test_drawings_are_well_formed_and_survive_the_report(name, reviewed):
    r = reviewed[name]
    for drawing in (drawings.section_svg(r.design)[0], drawings.top_svg(r.design), drawings.wafer_svg(r.grid)):
        root = ET.fromstring(drawing)
        assert root.get("aria-label")
        assert "nan" not in drawing
        safe = clean(drawing)
        assert safe.count("<") == drawing.count("<") + drawing.count("/>")  # the cleaner writes closing tags out
        assert len(drawing) < 120_000


def test_the_section_is_true_to_scale(reviewed):
    r = reviewed["poc-face-to-face"]
    drawing, factor = drawings.section_svg(r.design)
    root = ET.fromstring(drawing)
    height = {}
    for rect in root.findall("rect"):
        height.setdefault(rect.get("fill"), []).append((float(rect.get("width")), float(rect.get("height"))))
    dies = [max(height[colour]) for colour in drawings.die_colours(r.design).values()]
    base, compute = dies
    assert base[0] / compute[0] == pytest.approx(6 / 5, rel=1e-3)
    assert base[1] / compute[1] == pytest.approx(100 / 150, rel=1e-2)
    assert (base[1] / base[0]) == pytest.approx(factor * 100 / 6000, rel=1e-2)
    assert f"× {factor}" in drawing


def test_the_section_cuts_most_dies(reviewed):
    design = reviewed["simba-36"].design
    y = drawings.section_y_mm(design)
    assert sum(drawings.cut_interval(design, p, y) is not None for p in design.placements) == 6
    first = design.placements[0]
    assert drawings.cut_interval(design, first, first.y_mm) == pytest.approx((first.x_mm - 1.25, first.x_mm + 1.25))
    assert drawings.cut_interval(design, first, first.y_mm + 1.3) is None


def test_the_wafer_map_holds_every_whole_die(reviewed):
    r = reviewed["multi-gpu"]
    root = ET.fromstring(drawings.wafer_svg(r.grid))
    runs = next(path.get("d") for path in root.findall("path") if path.get("fill") == "#5B84C4")
    px = (470 - 24) / 300
    widths = [float(w) / px for w in re.findall(r"h(\d[\d.]*)v", runs)]
    dies = sum(round((w + 0.2) / (18.2 + 0.2)) for w in widths)
    assert dies == r.grid.count


def test_charts_carry_units_and_the_reviewed_numbers(reviewed):
    r = reviewed["poc-face-to-face"]
    specs = [d[k] for d in shown(views.cost_and_yield, r) for k in d if "vegalite" in k]
    assert len(specs) == 1
    titles = re.findall(r"'title': '([^']+)'", str(specs[0]))
    assert any("USD" in title for title in titles)
    assert any("%" in title for title in titles)
    assert "8.26" in str(specs[0])


def test_flags_sit_beside_what_has_no_read_source(reviewed):
    html = shown(views.stack_table, reviewed["poc-face-to-face"])[1]["text/html"]
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    assert "unverified" in next(row for row in rows if "BGA balls" in row)
    assert "unverified" not in next(row for row in rows if "Copper pillars" in row)


def test_hybrid_bonds_show_only_where_there_are_some(reviewed):
    assert shown(views.hybrid_bonds, reviewed["ascend-910"]) == []
    bond = reviewed["poc-face-to-face"].hybrid_bonds[0]
    html = "".join(data["text/html"] for data in shown(views.hybrid_bonds, reviewed["poc-face-to-face"]))
    assert f"{bond.overlay_limit_nm:,.0f}" in html
    assert html.count('class="wb-chip unverified"') == 1


def test_names_in_a_design_are_only_text():
    document = facts.load("designs/poc-side-by-side")
    document["title"] = "<script>alert(1)</script>"
    document["dies"][0]["name"] = "<img src=x onerror=alert(1)>"
    document["layers"][2]["dies"][0]["name"] = '"><script>x</script>'
    r = review(document, StackDesignReview(design_id="poc-side-by-side"))
    for view in ALL:
        for data in shown(view, r):
            assert "<script" not in data.get("text/html", "")
            assert "<img" not in data.get("text/html", "")


def test_a_module_without_cost_still_shows():
    document = facts.load("designs/cpu-dram-150w")
    for die in document["dies"]:
        die.pop("node_nm", None)
    r = review(document, StackDesignReview(design_id="cpu-dram-150w"))
    for view in ALL:
        shown(view, r)


def test_spread_keeps_labels_apart_and_near():
    wanted = [10.0, 11.0, 12.0, 80.0]
    placed = svg.spread(wanted, 15)
    assert np.all(np.diff(placed) >= 15 - 1e-9)
    assert placed[1] == pytest.approx(11.0)
    assert placed[3] == 80.0


@pytest.mark.parametrize(("wanted", "nice"), [(1.0, 1), (4.9, 2), (5.0, 5), (120, 100), (0.3, 0.2), (999, 500)])
def test_scale_bars_have_round_lengths(wanted, nice):
    assert svg.nice_length(wanted) == pytest.approx(nice)


def test_words():
    assert both("design.axis.cost", "USD").endswith("(USD)")
    assert both("design.model.poisson") == "Poisson"
    assert sentence("design.note.source", source=61.0) == {"en": "Source: 61", "zh-Hant": "來源：61"}
