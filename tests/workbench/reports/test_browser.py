"""The pages in a real browser: nothing is fetched, nothing hostile runs, Chinese is drawn, every control works."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from workbench.errors import MissingToolError, RunError
from workbench.reports.pdf import Printer, browser_path
from workbench.reports.site import publish

pytestmark = pytest.mark.browser


class Reader:
    """One reader's browser."""

    def __init__(self, driver) -> None:
        self.driver = driver
        self._log: list[dict] = []

    def open(self, page: Path, fragment: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.get_log("performance"), self.driver.get_log("browser")
        self._log = []
        self.driver.get(page.resolve().as_uri() + fragment)

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def messages(self, method: str) -> list[dict]:
        """Events of the browser's network since `open`."""
        self._log += [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [message for message in self._log if message["method"] == method]

    def requests(self) -> list[str]:
        return [m["params"]["request"]["url"] for m in self.messages("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def seen(self) -> str:
        """The text a reader sees."""
        return self.run("return document.body.innerText")

    def click(self, css: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", css)


@pytest.fixture
def reader(chromium):
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    chromium.get("about:blank")
    yield Reader(chromium)
    chromium.get("about:blank")


@pytest.fixture
def site(store, home, examples) -> Path:
    runs = store.notebook_runs
    for verdict, cost in (("PASS", 412.0), ("FAIL", 500.0)):
        runs.add(examples.realistic(1, verdict, cost), verdict=verdict, summary=examples.summary(verdict, cost))
    hostile = "<img src=http://example.com/x onerror=document.title='hacked'>"
    attack = '<p>ok</p><script>document.title="hacked"</script><img src="http://example.com/y.png">'
    runs.add(examples.notebook(examples.code("x", examples.shows("text/html", attack))), subject_id=hostile)
    runs.add(examples.failing(), subject_id="ascend-910", outcome="ERROR", verdict=None, summary=None)
    return publish(store, home, pdf=False).site


def test_no_page_asks_for_anything_outside_its_folder(reader, site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 1 + 4 + 3 + 1
    for page in pages:
        reader.open(page)
        requests = reader.requests()
        assert requests, page  # the page itself is seen, so the log works
        outside = [url for url in requests if not url.startswith(("file://", "data:"))]
        assert outside == [], page
        assert {url for url in requests if url.startswith("file://")} <= {p.resolve().as_uri() for p in pages}
        assert reader.complaints() == [], page
        assert reader.run("return document.title") != "hacked"


def test_the_policy_stops_what_would_get_past_the_cleaning(reader, site, tmp_path):
    """The same page with a script and a picture put in by hand: neither runs nor is fetched."""
    page = next((site / "runs").iterdir()) / "index.html"
    bad = '<script>document.title="hacked"</script><img src="http://example.com/x.png"></main>'
    attacked = tmp_path / "attacked.html"
    attacked.write_text(page.read_text("utf-8").replace("</main>", bad, 1), "utf-8")
    reader.open(attacked)
    assert reader.run("return document.title") != "hacked"
    assert [m["params"]["blockedReason"] for m in reader.messages("Network.loadingFailed")] == ["csp"]
    assert reader.messages("Network.responseReceived")[-1]["params"]["response"]["url"].startswith("file://")
    assert sum("Content Security Policy" in line for line in reader.complaints()) == 2


GLYPHS = """
const family = arguments[0], canvas = document.createElement("canvas");
const pen = canvas.getContext("2d", {willReadFrequently: true});
canvas.width = canvas.height = 48;
const drawn = (text) => {
  pen.clearRect(0, 0, 48, 48);
  pen.font = "32px " + family;
  pen.fillText(text, 4, 38);
  return pen.getImageData(0, 0, 48, 48).data.join();
};
return ["製", "程", "\\uE0FF", " "].map(drawn);
"""


def test_chinese_is_drawn_in_text_and_in_charts(reader, site):
    """A missing glyph is drawn as the same box for every character."""
    reader.open(sorted((site / "runs").iterdir())[0] / "index.html")
    families = reader.run(
        "return [document.body, document.querySelector('.chart svg text')].map(e => getComputedStyle(e).fontFamily)"
    )
    assert all(families)
    for family in families:
        one, two, box, empty = reader.run(GLYPHS, family)
        assert len({one, two, box, empty}) == 4, family


def test_the_language_switch_is_remembered(reader, site):
    pages = [path / "index.html" for path in sorted((site / "runs").iterdir())]
    reader.open(pages[0])
    assert "Data snapshot" in reader.seen()
    assert "資料快照" not in reader.seen()
    reader.click("[data-speak='zh-Hant']")
    try:
        assert "資料快照" in reader.seen()
        assert "Data snapshot" not in reader.seen()
        assert "合格" in reader.seen()
        reader.open(pages[1])
        assert "資料快照" in reader.seen()
        assert reader.run("return document.documentElement.lang") == "zh-Hant"
    finally:
        reader.run("localStorage.clear()")


BACKGROUND = "return getComputedStyle(document.documentElement).backgroundColor"


def test_dark_by_the_system_or_the_switch_and_never_on_paper(reader, site):
    def media(medium: str, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})

    dark, light = "rgb(20, 24, 29)", "rgb(255, 255, 255)"
    media("", "dark")
    reader.open(sorted((site / "runs").iterdir())[0] / "index.html")
    assert reader.run(BACKGROUND) == dark
    label = "return getComputedStyle([...document.querySelectorAll('.chart svg text')].at(-1)).fill"
    assert reader.run(label) == "rgb(228, 233, 238)"  # chart text follows into the dark
    halo = """
    const path = document.querySelector(".chart path").cloneNode();
    document.querySelector(".chart svg").append(path);
    path.setAttribute("stroke", "#FFFFFF");
    path.setAttribute("fill", "black");
    return [getComputedStyle(path).stroke, getComputedStyle(path).fill];
    """
    assert reader.run(halo) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]  # what stands on a coloured map stays
    reader.click("[data-act='theme']")
    try:
        assert reader.run(BACKGROUND) == light
        media("", "light")
        reader.click("[data-act='theme']")
        assert reader.run(BACKGROUND) == dark
        media("print", "dark")
        assert reader.run(BACKGROUND) == light
        assert reader.run("return getComputedStyle(document.querySelector('.bar')).display") == "none"
        assert reader.run("return getComputedStyle(document.querySelector('.chart')).breakInside") == "avoid"
    finally:
        reader.run("localStorage.clear()")


def test_nothing_is_wider_than_a_narrow_window(reader, site):
    reader.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        for page in [
            site / "index.html",
            *(p / "index.html" for p in (site / "runs").iterdir()),
            *site.glob("compare/*"),
        ]:
            reader.open(page)
            assert reader.run("return document.documentElement.scrollWidth") <= 400, page
    finally:
        reader.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_link_into_a_closed_part_opens_it_and_the_keyboard_reaches_the_contents(reader, site):
    reader.open(sorted((site / "runs").iterdir())[0] / "index.html")
    assert reader.run("return document.querySelector('#parameters').open") is False
    reader.click("a[href='#parameters']")
    deadline = time.monotonic() + 5
    while not reader.run("return document.querySelector('#parameters').open") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert reader.run("return document.querySelector('#parameters').open") is True
    reachable = (
        "return [...document.querySelectorAll('.contents a')].every(a => a.tabIndex === 0 && a.getAttribute('href'))"
    )
    assert reader.run(reachable) is True
    assert reader.run("return document.querySelectorAll('.contents a').length") == 1
    assert reader.run("return document.querySelector('a').className") == "skip"  # the first stop of the Tab key


ROWS = r"""
const said = (cell) => (cell.querySelector(":scope > a") || cell).innerText.trim();
return [...document.querySelectorAll("#runs tbody tr")].map((row) => [...row.cells].map(said));
"""


def rows(reader) -> list[list[str]]:
    """The index's rows as seen; of a subject its id, without its name below."""
    return reader.run(ROWS)


def choose(reader, **values: str | bool) -> None:
    for name, value in values.items():
        reader.run(
            "const f = document.getElementById('filters').elements[arguments[0]];"
            "if (f.type === 'checkbox') f.checked = arguments[1]; else f.value = arguments[1];"
            "f.dispatchEvent(new Event('input', {bubbles: true}))",
            name,
            value,
        )


def test_the_index_searches_filters_sorts_and_shows_history(reader, site):
    reader.open(site / "index.html")
    assert rows(reader)[0][1] == "ascend-910"  # the newest run first
    assert len(rows(reader)) == 3
    choose(reader, q="POC face")
    assert [row[1] for row in rows(reader)] == ["poc-face-to-face"]
    assert "500" in rows(reader)[0][3]
    reader.click("#runs .more button")
    assert len(rows(reader)) == 2
    assert "PASS" in rows(reader)[1][0]
    reader.click("#runs .more button")
    assert len(rows(reader)) == 1
    choose(reader, q="")
    choose(reader, verdict="FAIL")
    assert [row[0] for row in rows(reader)] == ["FAIL"]
    choose(reader, verdict="PASS", q="poc")
    assert "No report matches" in rows(reader)[0][0]
    choose(reader, all=True)
    assert [row[0] for row in rows(reader)] == ["PASS"]
    choose(reader, verdict="", q="")
    choose(reader, **{"from": "2026-03-03", "to": "2026-03-03"})
    assert len(rows(reader)) == 1
    reader.click("#filters [type=reset]")
    time.sleep(0.1)
    assert len(rows(reader)) == 3
    reader.click("th[data-sort=subject] button")
    names = [row[1] for row in rows(reader)]
    assert names.index("ascend-910") < names.index("poc-face-to-face")
    assert reader.run("return document.querySelector('th[data-sort=subject]').getAttribute('aria-sort')") == "ascending"
    reader.click("th[data-sort=subject] button")
    assert [row[1] for row in rows(reader)] == names[::-1]
    reader.click("#counts [data-verdict=FAIL]")
    assert [row[0] for row in rows(reader)] == ["FAIL"]


def test_a_filtered_index_has_an_address(reader, site):
    reader.open(site / "index.html", "#verdict=ERROR")
    assert [row[1] for row in rows(reader)] == ["ascend-910"]


def test_ten_thousand_runs_stay_quick_and_are_drawn_in_parts(reader, tmp_path, examples):
    from workbench.reports.index import render_index

    runs = [examples.record(run_id=f"r{n}", subject_id=f"design-{n}") for n in range(10_000)]
    pages = {run["run_id"]: {"folder": run["run_id"], "pdf": True, "title": "x", "compare": ""} for run in runs}
    page = tmp_path / "index.html"
    page.write_text(render_index(runs, pages, made_at=None), "utf-8")
    reader.open(page)
    assert len(rows(reader)) == 100
    reader.click("#more")
    assert len(rows(reader)) == 200
    choose(reader, q="design-9999")
    assert [row[1] for row in rows(reader)] == ["design-9999"]


def test_the_latest_address_leads_to_the_page(reader, site):
    reader.open(site / "latest/design/stack_design/poc-face-to-face/index.html")
    deadline = time.monotonic() + 5
    while "/runs/" not in reader.driver.current_url and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "/runs/" in reader.driver.current_url


@pytest.fixture(scope="module")
def printer():
    try:
        browser_path()
    except MissingToolError as error:
        pytest.skip(error.sentence("en"))
    with Printer(timeout_s=30) as made:
        yield made


def test_the_pdf_is_a4_with_text_and_an_outline(printer, site, tmp_path):
    page = sorted((site / "runs").iterdir())[0] / "index.html"
    target = tmp_path / "report.pdf"
    printer.print(page, target)
    data = target.read_bytes()
    assert data.startswith(b"%PDF-")
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", data)
    assert {(round(float(w)), round(float(h))) for w, h in boxes} == {(595, 842)}
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", data)) >= 2
    assert b"/Outlines" in data
    assert b"/FontDescriptor" in data  # text, not a picture of it
    assert not list(tmp_path.glob("*.part"))


def test_a_browser_that_died_is_replaced(printer, site, tmp_path):
    page = sorted((site / "runs").iterdir())[0] / "index.html"
    printer.print(page, tmp_path / "one.pdf")
    first = printer._processes
    for process in first:
        if process.is_running():
            process.kill()
    printer.print(page, tmp_path / "two.pdf")
    assert (tmp_path / "two.pdf").read_bytes().startswith(b"%PDF-")
    assert {p.pid for p in printer._processes}.isdisjoint({p.pid for p in first})
    assert not any(p.is_running() and p.status() != "zombie" for p in first)


def test_a_page_that_is_not_there_is_refused_and_leaves_nothing(printer, tmp_path):
    with pytest.raises(RunError) as refused:
        printer.print(tmp_path / "absent.html", tmp_path / "absent.pdf")
    assert refused.value.rule == "report.not_printed"
    assert list(tmp_path.iterdir()) == []
