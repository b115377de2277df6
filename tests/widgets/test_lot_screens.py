"""The lot and quality reviews of the demo lots: planted causes are found, and every view says what the data say."""

from __future__ import annotations

import re

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import widgets as views
from widgets.process.linked import LinkedMap
from widgets.process.pair import pair
from widgets.process.unit_page import Link
from workbench.errors import InputError
from workbench.process import lot_review, quality_review
from workbench.process.lot_record import LotRecord
from workbench.runs.context import VARIABLE
from workbench.runs.demo.lots import seed
from workbench.runs.demo.process import seed as seed_published
from workbench.schema import Verdict
from workbench.store import Store

LOT_VIEWS = ("lot_map", "bins", "causes", "drifting_tool", "patterns", "screening", "worst_units", "unit", "imports",
             "events")  # fmt: skip
QUALITY_VIEWS = ("limits_chart", "limits_table", "short_run", "screening", "capabilities", "gauge", "quality_map")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = Store.open(f"{tmp_path_factory.mktemp('lots')}/workbench.duckdb")
    seed_published(found)
    assert "fo-module-a" in seed(found)
    before = found.snapshot()
    assert seed(found) == []
    assert found.snapshot() == before
    return found


@pytest.fixture(scope="module")
def lots(store):
    made = {}

    def reviewed(lot_id, **given):
        key = (lot_id, *given.items())
        if key not in made:
            p = lot_review.LotReviewed(lot_id=lot_id, **given)
            made[key] = lot_review.review(LotRecord.of(store, lot_id), p, store.history.unit)
        return made[key]

    return reviewed


@pytest.fixture(scope="module")
def quality(store):
    made = {}

    def reviewed(lot_id, **given):
        key = (lot_id, *given.items())
        if key not in made:
            p = quality_review.QualityReviewed(lot_id=lot_id, **given)
            made[key] = quality_review.review(*quality_review.line_of(store, lot_id), p, store.limits.current)
        return made[key]

    return reviewed


def shown(view, result):
    InteractiveShell.instance()
    with capture_output() as captured:
        view(result)
    assert not captured.stderr
    html = [o.data["text/html"] for o in captured.outputs if "text/html" in o.data and "vega" not in str(list(o.data))]
    charts = [v for o in captured.outputs for k, v in o.data.items() if "vegalite" in k]
    return "\n".join(html), charts


def in_order(html):
    """Nothing is left open, empty or untranslated."""
    text = re.sub(r"<[^>]*>", " ", html)
    assert not re.search(r"\{[a-z_]+\}", text), "a placeholder was left open"
    assert not re.search(r"\b(?:lot|quality)_review\.[a-z]", text), "a catalogue key is shown as it is"
    assert not re.search(r"\bnan\b|<NA>", text)
    assert ">None<" not in html
    assert len(re.findall('lang="en"', html)) == len(re.findall('lang="zh-Hant"', html))


PLANTED = [  # lot, kind, response, factor, level
    ("fo-logic", "map", "failing", "W01", "edge_ring"),
    ("fo-logic", "map", "leakage_ua", "W02", "edge_ring"),
    ("fo-recon-a", "drift", "die_shift_x_um", "die placement: chamber", "N3"),
    ("fo-module-a", "failing", "failing", "redistribution layer plating: chamber", "B"),
    ("fo-module-a", "measured", "contact_resistance_mohm", "redistribution layer plating: chamber", "B"),
]


@pytest.mark.parametrize(("lot_id", "kind", "response", "factor", "level"), PLANTED)
def test_what_was_planted_is_found(lots, lot_id, kind, response, factor, level):
    found = lots(lot_id).causes.found
    assert (kind, response, factor, level) in {(c.kind, c.response, c.factor, c.level) for c in found}


@pytest.mark.parametrize("lot_id", ["SYN-2026-001", "SYN-2026-004", "piston-rings"])
def test_lots_without_a_planted_cause_are_not_accused(lots, lot_id):
    assert lots(lot_id).causes.found == ()


VERDICTS = [("fo-module-a", Verdict.FAIL), ("fo-logic", Verdict.FAIL), ("fo-recon-a", Verdict.MARGINAL),
            ("piston-rings", Verdict.PASS), ("SYN-2026-001", Verdict.MARGINAL), ("cvd-tungsten", Verdict.NONE),
            ("aiag-gauge-study", Verdict.NONE)]  # fmt: skip


@pytest.mark.parametrize(("lot_id", "verdict"), VERDICTS)
def test_the_verdict_on_a_lot(lots, lot_id, verdict):
    assert lots(lot_id).verdict is verdict


def test_a_failing_module_is_traced_to_its_chamber_and_its_die(lots):
    worst = lots("fo-module-a").worst[0]
    assert {s.chamber for s in worst.route if s.step == "redistribution layer plating"} == {"B"}
    recon, die = worst.family.ancestors
    assert recon.startswith("fo-recon-a/P0")
    assert re.fullmatch(r"fo-logic/W0[12]/\d,\d", die)


def test_the_yield_has_its_exact_interval(lots):
    """39 of 62: Clopper-Pearson by the F distribution, as R's binom.test prints it."""
    review = lots("fo-module-a")
    assert (review.good, review.judged) == (39, 62)
    assert (review.pass_share.low, review.pass_share.high) == pytest.approx((0.4969, 0.7484), abs=1e-3)


@pytest.mark.parametrize("lot_id", ["fo-module-a", "fo-recon-a", "cvd-tungsten", "aiag-gauge-study", "piston-rings"])
@pytest.mark.parametrize("name", LOT_VIEWS)
def test_a_view_of_a_lot(lots, lot_id, name):
    html, _ = shown(getattr(views.process, name), lots(lot_id))
    in_order(html)


@pytest.mark.parametrize("lot_id", ["SYN-2026-005", "fo-module-a", "cvd-tungsten", "aiag-gauge-study"])
@pytest.mark.parametrize("name", QUALITY_VIEWS)
def test_a_view_of_quality(quality, lot_id, name):
    html, _ = shown(getattr(views.process, name), quality(lot_id))
    in_order(html)


@pytest.mark.parametrize(("name", "lot_id", "words"), [
    ("causes", "fo-module-a", "chamber B (redistribution layer plating)"),
    ("drifting_tool", "fo-recon-a", "chamber N3 (die placement) drifts by"),
    ("bins", "fo-module-a", "23 of 62 units failed, most of them in bin 3 (contact resistance): 23."),
    ("events", "fo-module-a", "The history is whole"),
    ("lot_map", "cvd-tungsten", "no places on a carrier"),
    ("lot_map", "fo-logic", "is no chance: edge ring"),
    ("unit", "fo-module-a", "is outside its limits: Contact resistance"),
    ("worst_units", "piston-rings", "No unit failed"),
])  # fmt: skip
def test_the_sentence_follows_the_lot(lots, name, lot_id, words):
    html, _ = shown(getattr(views.process, name), lots(lot_id))
    assert words in re.sub(r"<[^>]*>", "", html)


@pytest.mark.parametrize(("name", "lot_id", "words"), [
    ("gauge", "aiag-gauge-study", "27.9 % of the study variation, 4 classes"),
    ("limits_chart", "SYN-2026-005", "had limits before its first unit: 14 units of this module type"),
    ("limits_table", "SYN-2026-005", "frozen, version 1"),
    ("short_run", "SYN-2026-005", "over 4 module types and 5 lots on one chart"),
    ("short_run", "SYN-2026-001", "No other lot of the line"),
    ("capabilities", "fo-module-a", "Least to be promised: Cpk 0.18"),
])  # fmt: skip
def test_the_sentence_follows_the_quality(quality, name, lot_id, words):
    html, _ = shown(getattr(views.process, name), quality(lot_id))
    assert words in re.sub(r"<[^>]*>", "", html)


def test_frozen_limits_are_held_as_they_were_frozen(store, quality):
    frozen = store.limits.current("npu-quad", "bond_line_um", "borrowed")
    held = next(one for one in quality("SYN-2026-005", parameter="bond_line_um").limits
                if one.parameter == "bond_line_um")  # fmt: skip
    assert (held.kind, held.version) == ("frozen", 1)
    assert (held.lower, held.upper) == (frozen["document"]["lower"], frozen["document"]["upper"])
    html, _ = shown(views.process.limits_chart, quality("SYN-2026-005", parameter="bond_line_um"))
    assert "Limits version 1, frozen by demo" in html


def test_a_first_lot_has_limits_only_from_its_own_units(quality):
    assert {one.kind for one in quality("SYN-2026-001").limits} == {"own"}
    assert {one.kind for one in quality("SYN-2026-004").limits} == {"borrowed"}  # three types were made before
    own = {one.units_own for one in quality("SYN-2026-004").limits}
    assert own == {0}


def test_real_and_synthetic_lots_do_not_lend_to_each_other(store):
    record, earlier = quality_review.line_of(store, "SYN-2026-005")
    assert record.origin.synthetic
    assert [lot.lot_id for lot in earlier][:4] == [f"SYN-2026-{n:03}" for n in range(1, 5)]


@pytest.mark.parametrize("given", [{"parameter": "no_such_um"}, {"unit_id": "no/such/unit"}])
def test_what_is_not_there_is_refused(lots, given):
    with pytest.raises(InputError) as refused:
        lots("fo-module-a", **given)
    assert refused.value.what("en")
    assert re.search("[\u4e00-\u9fff]", refused.value.what("zh-Hant"))


def test_a_unit_is_found_by_its_serial_number(lots):
    assert lots("fo-module-a", unit_id="A-047").unit.part_id == "A-047"


def test_synthetic_lots_carry_their_chip_and_published_ones_do_not(lots):
    assert "wb-chip synthetic" in shown(views.process.causes, lots("fo-module-a"))[0]
    assert "wb-chip synthetic" not in shown(views.process.lot_map, lots("piston-rings"))[0]


def test_every_chart_names_its_axes_with_units(lots, quality):
    wanted = [("drifting_tool", lots("fo-recon-a"), "Die shift x 晶粒偏移 x (µm)"),
              ("causes", lots("fo-module-a"), "Shift against all others 與其餘之偏移 (mΩ)"),
              ("limits_chart", quality("SYN-2026-005"), "(µm)")]  # fmt: skip
    for name, result, title in wanted:
        _, charts = shown(getattr(views.process, name), result)
        titles = set(re.findall(r"'title': '([^']+)'", str(charts)))
        assert any(title in one for one in titles), name


def test_a_brush_is_followed_by_chart_and_list(lots):
    linked = LinkedMap(lots("fo-module-a").record, "failing", "contact_resistance_mohm")
    quiet = linked.chart.value
    assert not linked.list.value
    linked.map.brush = [0, 0, 3, 1]
    assert "8 of 32 units chosen" in linked.said.value
    assert linked.list.value.count("<tr>") == 9
    assert linked.chart.value != quiet
    linked.map.brush = []
    assert linked.chart.value == quiet
    assert not linked.list.value
    linked.carrier.value = "TA2"
    linked.response.value = "bond_line_um"
    assert "Bond line" in linked.chart.value


def test_the_chart_beside_the_map_is_drawn_for_any_readings():
    name = {"en": "Gap (µm)", "zh-Hant": "間隙 (µm)"}
    for values in (np.array([np.nan, np.nan]), np.array([1.0]), np.full(5, 2.0), np.arange(9.0) * 1e-9,
                   np.random.default_rng(0).standard_normal(20_000)):  # fmt: skip
        drawn = pair(values, np.arange(len(values)) % 2 == 0, name, lower=-1.0)
        assert drawn.startswith("<svg")
        assert "nan" not in drawn
        assert len(drawn) < 120_000


def test_a_link_leads_to_the_newest_report_or_to_the_page(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert 'href="../process/lot_review.ipynb?lot_id=a%26b&' in Link("lot", "a&b").__html__()
    assert "href" not in Link("certificate", "c-1").__html__()
    monkeypatch.setenv(VARIABLE, "{}")
    assert 'href="../../latest/process/lot_review/fo-logic/index.html"' in Link("lot", "fo-logic").__html__()
    assert "<b>" not in Link("lot", "<b>x").__html__()
