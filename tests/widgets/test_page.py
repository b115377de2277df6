"""The blocks of a page: both languages, units in the heads, everything from outside escaped."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import pytest
from IPython.utils.capture import capture_output

from widgets import page
from workbench.reports import look
from workbench.schema import Figure, Summary, Verdict

HOSTILE = "<script>alert(1)</script>"


def shown_html(show, *args, **kwargs):
    with capture_output() as captured:
        show(*args, **kwargs)
    return "".join(o.data.get("text/html", "") for o in captured.outputs)


def test_a_sentence_shows_in_both_languages():
    body = shown_html(page.say, "live.fault", kind=HOSTILE)
    assert '<span lang="en">This could not be computed' in body
    assert '<span lang="zh-Hant">無法完成計算' in body
    assert HOSTILE not in body
    assert "&lt;script&gt;" in body


def test_plain_text_is_escaped_and_not_doubled():
    assert page.spans(HOSTILE) == "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.mark.parametrize(
    ("column", "head"),
    [
        ("thickness_um", 'Thickness <span class="unit">(µm)</span>'),
        ("no_such_word", "No such word"),
        ("<b>_mm2", '&lt;b&gt; <span class="unit">(mm²)</span>'),
    ],
)
def test_heads_carry_the_unit(column, head):
    found = page.column_label(column)
    assert found == head or ('lang="en"' in found and head.split(" <")[-1] in found)


def test_a_table_aligns_numbers_and_marks_what_is_not_verified():
    frame = pd.DataFrame({"name": [HOSTILE, "b"], "area_mm2": [36.0, np.nan], "ok": [True, False], "n": [1, 20000]})
    body = shown_html(
        page.table, frame, digits={"area_mm2": 3}, flags={(0, "area_mm2"): "unverified", "n": "synthetic"}
    )
    assert HOSTILE not in body
    assert '<td class="num">36.0<span class="wb-chip unverified">' in body
    assert '<td class="num">–</td>' in body
    assert '<td class="num">20,000</td>' in body
    assert '<span lang="zh-Hant">是</span>' in body  # booleans are words, not numbers
    assert "wb-chip synthetic" in body.split("<tbody>")[0]


def test_a_picture_has_its_conclusion_above_and_its_table_below():
    chart = alt.Chart(pd.DataFrame({"x": [1], "y": [2]})).mark_point().encode(x="x:Q", y="y:Q")
    with capture_output() as captured:
        page.picture(chart, say="Cost falls", table=pd.DataFrame({"cost_usd": [1.5]}))
    kinds = [next(iter(o.data)) for o in captured.outputs]
    assert len(kinds) == 3
    assert "Cost falls" in captured.outputs[0].data["text/html"]
    assert any("vegalite" in mime for mime in captured.outputs[1].data)
    assert "<details" in captured.outputs[2].data["text/html"]


def test_the_summary_reaches_the_run_record_and_the_screen():
    summary = Summary(
        Verdict.MARGINAL, HOSTILE, (Figure("label.value", 1.2345, "mm²", 3, verified=False, low=1.1),), (HOSTILE,)
    )
    with capture_output() as captured:
        page.summary(summary)
    data = captured.outputs[0].data
    assert data[Summary.MIME]["verdict"] == "MARGINAL"
    assert data[Summary.MIME]["figures"][0]["value"] == 1.2345
    assert "1.23" in data["text/html"]
    assert "wb-chip unverified" in data["text/html"]
    assert "[1.10, –]" in data["text/html"]
    assert HOSTILE not in data["text/html"]


def test_charts_use_the_one_look():
    import widgets.theme  # noqa: F401  registers itself

    config = alt.Chart(pd.DataFrame({"x": [1]})).mark_point().to_dict()["config"]
    assert config["range"]["category"] == list(look.CATEGORIES)
    assert config["font"] == look.CHART_FONT


def test_the_style_shows_one_language(monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "zh-Hant")
    assert '.wb [lang="en"]{display:none!important}' in page.style()
    assert "http" not in page.style()
