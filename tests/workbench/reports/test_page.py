"""A report says what an engineer needs, in both languages, and survives whatever a notebook holds."""

from __future__ import annotations

import base64
import hashlib
import html
import math
import re

import pytest

from workbench.reports import render
from workbench.reports.page import Links, css_string

OUTSIDE = re.compile(r"""(?:\b(?:src|href|action|poster|srcset)\s*=\s*["']?|url\(\s*["']?)\s*(?:https?:)?//""", re.I)


@pytest.fixture(scope="module")
def realistic(examples):
    return render(examples.record(), examples.realistic(charts=2))


def words_of(page: str) -> str:
    """The page's text, without markup, style and script."""
    text = re.sub(r"<(script|style|title)\b.*?</\1>", " ", page, flags=re.S)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def test_the_head_answers_first(realistic, examples):
    said = words_of(realistic)
    order = ["Stack design", "PASS", "poc-face-to-face", "Cost of a good unit", "412", "USD", "389 … 443", "94.1",
             "unverified", "1,225", "mm²", "synthetic", "Yield stays above", examples.record()["run_id"],
             "0.1.0+g34a0e2a", "Data snapshot", "42", "design/stack_design", "Step 1"]  # fmt: skip
    places = [said.find(word) for word in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_the_time_has_its_zone(realistic):
    assert re.search(r"2026-0[23]-\d\d \d\d:14:09 UTC", words_of(realistic))


def test_the_verdict_has_colour_word_and_shape(realistic):
    chip = re.search(r'<span class="wb-verdict PASS filled">(.*?)</svg>(.*?)</span></span>', realistic, re.S)
    assert "<path" in chip[1]
    assert 'lang="zh-Hant">合格' in chip[2]


def test_both_languages_are_in_the_chrome(realistic):
    for english, chinese in (("Parameters", "參數"), ("Data snapshot", "資料快照"), ("unverified", "未驗證")):
        assert f'<span lang="en">{english}</span><span lang="zh-Hant">{chinese}</span>' in realistic


def test_the_page_starts_in_the_language_in_force(examples, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "zh-Hant")
    assert '<html lang="zh-Hant" data-lang="zh-Hant">' in render(examples.record(), examples.notebook())


def test_charts_are_drawn_and_their_labels_kept(realistic):
    assert realistic.count('<figure class="chart"') == 2
    assert "製程溫度 1 (°C)" in realistic
    assert "vegalite" not in realistic


def test_ids_are_unique_and_every_local_link_has_its_target(realistic):
    ids = re.findall(r'\bid="([^"]+)"', realistic)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', realistic):
        assert "".join(target) in ids


def test_anchors_stay_the_same_from_run_to_run(examples):
    one = render(examples.record(), examples.realistic(charts=1))
    two = render(examples.record(run_id="other", snapshot=43), examples.realistic(charts=1))
    figures = re.findall(r'<figure class="chart" id="([^"]+)"', one)
    assert figures == ["out-chart1-2"] == re.findall(r'<figure class="chart" id="([^"]+)"', two)
    assert re.findall(r'<h2 id="([^"]+)"', one) == ["step-1-步驟-1"]


def test_the_title_and_the_names_of_the_subject_are_said_once(examples):
    cells = [examples.new_markdown_cell("# Stack design\n\n堆疊設計"), examples.new_markdown_cell("What it costs.")]
    page = render(examples.record(), examples.notebook(*cells))
    main = page[page.index("<main") :]
    assert "堆疊設計" not in main
    assert "What it costs." in main
    titled = {"title": "Two-die POC", "verdict": "PASS", "figures": []}
    head = words_of(render(examples.record(summary=titled), examples.notebook()))
    assert "Two-die POC poc-face-to-face" in head


def test_a_sentence_stays_with_its_picture_and_a_long_table_may_break(examples):
    say = examples.shows("text/html", '<div class="wb"><p class="wb-say">All inside.</p></div>')
    svg = examples.shows("image/svg+xml", '<svg viewBox="0 0 9 9"><path d="M0 0"></path></svg>')
    together = render(examples.record(), examples.notebook(examples.code("x", say, svg)))
    assert re.search(r'<div class="kept"><div class="block".*?All inside\..*?<figure', together)
    long = examples.shows("text/html", examples.table(200))
    assert 'class="kept"' not in render(examples.record(), examples.notebook(examples.code("x", say, long)))


def test_figures_in_words_are_set_smaller_than_numbers(examples):
    figure = examples.figure(examples.words("Set point", "設定點"), "70 Torr, ratio 3", "", "70 Torr, ratio 3")
    page = render(examples.record(summary={"verdict": "PASS", "figures": [figure]}), examples.notebook())
    assert '<dd class="said">70 Torr, ratio 3' in page


def test_no_address_outside_the_page(realistic):
    assert not OUTSIDE.search(realistic)
    assert OUTSIDE.search('<img src="//x">')


def test_the_policy_allows_one_script_by_its_hash(realistic):
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', realistic)[1])
    script = re.search(r"<script>(.*?)</script>", realistic, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert realistic.count("<script") == 1


def test_the_same_run_gives_the_same_page(examples):
    notebook = examples.realistic(1)
    assert render(examples.record(), notebook) == render(examples.record(), notebook)


def test_links_beside_the_page(examples):
    page = render(
        examples.record(), examples.notebook(), links=Links("i.html", "l.html", "report.pdf", "n.ipynb", "c.html")
    )
    for address in ("i.html", "l.html", "report.pdf", "n.ipynb", "c.html"):
        assert f'href="{address}"' in page
    alone = render(examples.record(), examples.notebook())
    assert set(re.findall(r'href="([^#"][^"]*)"', alone)) == {"data:,"}


EVIL = '<script>alert("1")</script>\'"&</style></title>-->'


def test_hostile_names_are_only_text(examples):
    figures = [examples.figure({"en": EVIL, "zh-Hant": EVIL}, EVIL, EVIL)]
    record = examples.record(
        subject_id=EVIL, title=EVIL, notebook=EVIL, code_version=EVIL, parameters={EVIL: EVIL}, packages={EVIL: EVIL},
        machine={EVIL: EVIL}, verdict=EVIL, run_id=EVIL,
        summary={"verdict": EVIL, "title": EVIL, "figures": figures, "reasons": [EVIL, {"en": EVIL}]},
    )  # fmt: skip
    shown = examples.shows("text/html", f"<p>{html.escape(EVIL)}</p>")
    cells = [
        examples.new_markdown_cell(f"## {EVIL}\n{EVIL}"),
        examples.code(EVIL, shown, examples.shows("text/plain", EVIL), cell_id="c1"),
    ]
    page = render(record, examples.notebook(*cells, title={"en": EVIL, "zh-Hant": EVIL}))
    assert page.count("<script") == page.count("</script") == 1
    assert page.count("<style") == page.count("</style") == page.count("<title") == 1
    assert words_of(page).count(EVIL) >= 11


def test_raw_html_outputs_cannot_break_out(examples):
    bad = "</div></main></body><script>alert(1)</script><img src=x onerror=alert(1)>"
    page = render(examples.record(), examples.notebook(examples.code("x", examples.shows("text/html", bad))))
    assert page.count("</main>") == page.count("</body>") == 1
    assert "alert(1)" not in page


def test_a_missing_summary_and_an_empty_record_still_make_a_page(examples):
    page = render({}, None)
    assert "NO VERDICT" in page
    said = words_of(render(examples.record(summary=None, verdict=None), examples.notebook()))
    assert "draws no conclusion" in said


def test_json_columns_may_be_text_and_may_be_broken(examples):
    page = render(examples.record(parameters='{"wafer_diameter_mm": 300}', packages="{broken", summary="[]"), None)
    assert "300 mm" in words_of(page)


def test_the_summary_of_the_record_serves_when_the_notebook_has_none(examples):
    assert "Cost of a good unit" in render(examples.record(), examples.notebook())


def test_what_is_not_a_number(examples):
    figure = examples.figure(examples.words("Warpage", "翹曲"), None, "um", math.nan, low=math.nan, shown_low=None)
    page = render(
        examples.record(summary={"verdict": "NONE", "figures": [figure]}, verdict="NONE"), examples.notebook()
    )
    assert re.search(r"Warpage.*?<dd>– <small>µm", page, re.S)
    assert "nan" not in words_of(page).lower().split()


def test_outputs_too_large_for_a_page_are_named(examples):
    cells = [
        examples.code("a", examples.shows("text/html", "<p>" + "x" * 1_600_000)),
        examples.code("b", examples.shows("text/plain", "y" * 500_000)),
    ]
    page = render(examples.record(), examples.notebook(*cells))
    assert len(page) < 250_000
    assert words_of(page).count("too large for a page") == 2


def test_the_richest_form_is_shown(examples):
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9"/></svg>'
    cells = [
        examples.code("a", examples.shows("image/svg+xml", svg, "plain-a"), cell_id="a"),
        examples.code("b", examples.shows("image/png", examples.PIXEL, "plain-b"), cell_id="b"),
        examples.code("c", examples.shows("text/plain", "plain-c"), cell_id="c"),
        examples.code("d", examples.shows("application/vnd.jupyter.widget-view+json", {"model_id": "1"}, "Slider()")),
        examples.code("e", examples.shows("text/markdown", "**bold**", "plain-e")),
        examples.code("f", examples.new_output("stream", name="stdout", text="printed\n")),
        examples.code("g", examples.new_output("stream", name="stderr", text="DeprecationWarning: x\n")),
    ]
    page = render(examples.record(), examples.notebook(*cells))
    for kept in ('<path d="M0 0h9">', f"base64,{examples.PIXEL}", "plain-c", "<strong>bold</strong>", "printed"):
        assert kept in page
    assert "works in JupyterLab and on the live page only" in page
    assert "Slider()" not in page
    assert page.index("DeprecationWarning") > page.index('id="messages"')


def test_a_chart_that_cannot_be_drawn_falls_back_and_says_so(examples):
    output = examples.shows(examples.VEGALITE_MIME, {"mark": "nonsense", "data": {"values": [1]}})
    output["data"]["image/png"] = examples.PIXEL
    page = render(examples.record(), examples.notebook(examples.code("x", output)))
    assert "This chart could not be drawn:" in page
    assert examples.PIXEL in page


def test_the_table_of_parameters_goes_behind_the_results(examples):
    from workbench.reports.chrome import both

    form = f'<table class="wb-table"><caption>{both("label.parameters")}</caption><tr><td>wafer_x</td></tr></table>'
    cells = [examples.code("live.form()", examples.shows("text/html", form)), examples.new_markdown_cell("## Cost")]
    page = render(examples.record(), examples.notebook(*cells))
    assert page.count("wafer_x") == 1
    assert page.index("wafer_x") > page.index('id="parameters"') > page.index('id="cost"')


def test_a_failed_run_names_the_error_and_the_next_step(examples):
    page = render(examples.record(outcome="ERROR", verdict=None, summary=None), examples.failing())
    said = words_of(page)
    for needed in ("RUN FAILED", "stopped at cell 2", "InputError", "Where: bond_line_um", "Allowed: 1 ... 100 µm",
                   "Run it again", "workbench run design/stack_design -p design_id=poc-face-to-face"):  # fmt: skip
        assert needed in said, needed
    assert said.index("Where: bond_line_um") < said.rindex("Geometry")
    assert "\x1b" not in page
    assert "PASS" not in said


def test_a_run_that_left_no_notebook(examples):
    record = examples.record(outcome="TIMEOUT", verdict=None, summary=None, error="exceeded 600 s")
    said = words_of(render(record, None))
    assert "TIMED OUT" in said
    assert "exceeded 600 s" in said
    assert "allow more time" in said


def test_a_dirty_tree_is_marked(examples, realistic):
    assert "uncommitted changes" in render(examples.record(dirty=True), examples.notebook())
    assert "uncommitted changes" not in realistic


def test_declared_labels_of_parameters(examples):
    notebook = examples.notebook()
    notebook.metadata["workbench"]["parameters"] = "workbench.nowhere:Nothing"
    assert "wafer_diameter_mm" in render(examples.record(), notebook)
    notebook.metadata["workbench"]["parameters"] = "os:system"
    assert "wafer_diameter_mm" in render(examples.record(), notebook)


@pytest.mark.parametrize("text", ['a"b', "</style>", "a\nb\\", "製程 · x", "}"])
def test_a_css_string_ends_only_where_it_should(text):
    made = css_string(text)
    assert re.fullmatch(r'"(?:[\w ·.-]|\\[0-9a-f]+ )*"', made)
