"""The 3D model builder in a real browser: build, edit, pick, measure, save, and what the picture's pixels say."""

from __future__ import annotations

import io
import time
from importlib import import_module

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from test_lab import run_all_cells

from workbench.materials.colours import MATERIAL_COLOURS
from workbench.reports.look import DIE_COLOURS
from workbench.stack import read
from workbench.store import Store

pytestmark = pytest.mark.browser

DECLARATION = """
from workbench.schema import Parameters, choice
class Study(Parameters):
    design_id: str = choice("Design", "設計", of="design", default="poc-face-to-face")
"""
CALLS = """
import widgets as views
from workbench import runs
from builder_of_tests import Study
p = Study.from_cell(globals())
builder = views.builder.builder(runs.current(p), p.design_id)
"""


# A control's name as it is seen: the words on a button, the label before a field or beside a box.
NAMED = """
const named = (element) => {
  if (element.tagName === 'BUTTON') return element.innerText.trim();
  const around = element.closest('.jupyter-widgets');
  return (around.querySelector(':scope > label') || around).innerText.trim();
};
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("builder")
    (folder / "builder_of_tests.py").write_text(DECLARATION, "utf-8")
    parameters = new_code_cell('design_id = "poc-face-to-face"', metadata={"tags": ["parameters"]})
    metadata = {
        "workbench": {"title": {"en": "Builder", "zh-Hant": "建構"}, "parameters": "builder_of_tests:Study"},
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    }
    cells = [parameters, new_markdown_cell("# Builder 建構"), new_code_cell(CALLS)]
    file = folder / "notebooks" / "design" / "builder.ipynb"
    file.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells, metadata=metadata), file)
    (folder / "home").mkdir()
    import_module("workbench.runs.demo.designs").seed(Store.open(folder / "home" / "workbench.duckdb"))
    return folder


@pytest.fixture(scope="module")
def given(folder):
    return {"WORKBENCH_NOTEBOOKS": str(folder / "notebooks"), "WORKBENCH_HOME": str(folder / "home"),
            "PYTHONPATH": str(folder), "WORKBENCH_LANG": "en"}  # fmt: skip


@pytest.fixture(scope="module")
def address(serve, given):
    return serve("serve", "--no-browser", **given).wait_for("http://127.0.0.1")


@pytest.fixture
def page(browser, address):
    def opened(design="poc-face-to-face", lang="en"):
        browser.open(f"{address}voila/render/design/builder.ipynb?design_id={design}&lang={lang}")
        browser.see(".wb-builder canvas")
        return Page(browser)

    return opened


class Page:
    """The screen as its user sees it."""

    def __init__(self, browser):
        self.browser, self.driver = browser, browser.driver
        self.until_drawn()

    def control(self, label, within=".wb-builder"):
        """The input, select or slider named `label`, the last where two have the name."""
        rows = self.driver.find_elements(By.CSS_SELECTOR, f"{within} .jupyter-widgets")
        found = [r for r in rows if r.is_displayed() and (
            names := r.find_elements(By.CSS_SELECTOR, ":scope > label")) and names[0].text == label]  # fmt: skip
        assert found, label
        return found[0].find_element(By.CSS_SELECTOR, "input, select, [role=slider], .noUi-handle")

    def choose(self, label, words):
        Select(self.control(label)).select_by_visible_text(words)

    def press(self, words):
        buttons = self.driver.find_elements(By.CSS_SELECTOR, ".wb-builder button")
        next(b for b in buttons if b.is_displayed() and b.text == words).click()

    def tick(self, words):
        boxes = self.driver.find_elements(By.CSS_SELECTOR, ".wb-builder .widget-checkbox")
        box = next(b for b in boxes if b.is_displayed() and b.text.strip() == words)
        box.find_element(By.TAG_NAME, "input").click()

    def figure(self, name):
        return self.driver.find_element(By.CSS_SELECTOR, f"[data-figure={name}] dd").text

    def until_drawn(self):
        def drawn(driver):
            return np.unique(self.pixels().reshape(-1, 3), axis=0).shape[0] > 50

        self.browser.until(drawn, "the scene is drawn")

    def until_pixels(self, before, message):
        self.browser.until(lambda d: self.changed(before) > 0.005, message)

    def pixels(self):
        """The canvas as a page visitor sees it, (height, width, 3)."""
        canvas = self.driver.find_element(By.CSS_SELECTOR, ".wb-builder canvas")
        return png_pixels(canvas.screenshot_as_png)

    def changed(self, before):
        """Share of pixels that differ clearly."""
        now = self.pixels()
        if now.shape != before.shape:
            return 1.0
        return float((np.abs(now.astype(int) - before).max(-1) > 24).mean())

    def share_of(self, colour, tolerance=14):
        """Share of pixels of a colour, in full light or in a side's shade."""
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        return float((np.abs(self.pixels().astype(int) - rgb).max(-1) <= tolerance).mean())

    def click(self, x_share, y_share):
        """Click at a place of the canvas, given from its centre as a share of its size."""
        canvas = self.driver.find_element(By.CSS_SELECTOR, ".wb-builder canvas")
        size = canvas.size
        time.sleep(0.4)  # a click that ends a drag is not a pick: let an earlier camera move be over
        ActionChains(self.driver).move_to_element_with_offset(
            canvas, int(x_share * size["width"]), int(y_share * size["height"])
        ).click().perform()

    def told(self, words):
        self.browser.until(lambda d: words in d.find_element(By.CSS_SELECTOR, ".wb-b-message").text, words)

    def focused(self):
        """The name of the control that has the focus; "" outside the builder."""
        return self.driver.execute_script(
            NAMED + "const e = document.activeElement; return e.closest('.wb-builder') ? named(e) : '';"
        )

    def controls(self):
        """The names of all controls that are seen and can be used, in the order in which they stand."""
        return self.driver.execute_script(NAMED + """
          const able = '.wb-builder :is(button, input, select, .noUi-handle, [contenteditable])';
          return [...document.querySelectorAll(able)].filter((e) => e.offsetParent !== null && !e.disabled).map(named);
        """)


def png_pixels(data):
    """Pixels (height, width, 3) of a PNG: zlib and the five filters of its standard, so no library for pictures."""
    import struct
    import zlib

    stream, packed, header = io.BytesIO(data[8:]), b"", b""
    while head := stream.read(8):
        length, kind = struct.unpack(">I4s", head)
        body = stream.read(length)
        stream.read(4)
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            packed += body
    width, height, _, colours = struct.unpack(">IIBB", header[:10])
    channels = {2: 3, 6: 4}[colours]
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, width * channels + 1)
    out = np.zeros((height + 1, width + 1, channels), np.int64)
    for y in range(height):
        kind, line = lines[y, 0], lines[y, 1:].reshape(width, channels).astype(np.int64)
        above = out[y, 1:]
        if kind == 0:
            row = line
        elif kind == 2:
            row = line + above
        elif kind == 1:
            row = np.cumsum(line, axis=0)
        else:
            row = _unfiltered(kind, line.tolist(), out[y].tolist(), width, channels)
        out[y + 1, 1:] = row % 256
    return out[1:, 1:, :3].astype(np.uint8)


def _unfiltered(kind, line, above, width, channels):
    row, left = [], [0] * channels
    for x in range(width):
        pixel = []
        for c in range(channels):
            a, b, d = left[c], above[x + 1][c], above[x][c]
            if kind == 3:
                guess = (a + b) // 2
            else:
                p, q, r = abs(b - d), abs(a - d), abs(a + b - 2 * d)
                guess = a if p <= q and p <= r else (b if q <= r else d)
            pixel.append((line[x][c] + guess) & 255)
        row.append(pixel)
        left = pixel
    return np.array(row)


def test_the_first_view_shows_the_module_well_filled_and_in_its_colours(page, browser):
    screen = page()
    pixels = screen.pixels()
    background = pixels[2, 2].astype(int)
    height, width, _ = pixels.shape
    body = np.abs(pixels.astype(int) - background).max(-1) > 40
    rows, columns = np.flatnonzero(body.mean(1) > 0.05), np.flatnonzero(body.mean(0) > 0.02)
    filled = max(np.ptp(rows) / height, np.ptp(columns) / width)
    assert 0.55 < filled < 0.9
    assert screen.share_of(MATERIAL_COLOURS["substrate"], 40) > 0.01  # the front face, in its shade
    assert screen.share_of(MATERIAL_COLOURS["solder"], 40) > 0.002
    assert screen.share_of(DIE_COLOURS[0]) < 0.002  # under the mould it is tinted
    screen.tick("Mould cap")
    screen.tick("Compute tier")
    browser.until(lambda d: screen.share_of(DIE_COLOURS[0]) > 0.01, "the base die shows in its own colour")
    assert browser.outside() == []
    assert browser.complaints() == []


def test_section_heights_and_pulling_apart_change_the_picture(page, browser):
    screen = page()
    before = screen.pixels()
    screen.choose("Section", "across y")
    screen.until_pixels(before, "the section changes the picture")
    assert screen.share_of(DIE_COLOURS[0], 6) > 0.001  # the cut base die in its own colour, hatched
    cut = screen.pixels()
    handle = screen.control("at (%)")
    handle.send_keys(*[Keys.PAGE_DOWN] * 3)
    screen.until_pixels(cut, "the plane moves with its slider, by keyboard")
    screen.choose("Section", "no section")
    browser.until(lambda d: screen.changed(before) < 0.002, "without a section it is as before")
    screen.control("Pull apart").send_keys(*[Keys.PAGE_UP] * 3)
    screen.until_pixels(before, "the layers come apart")
    apart = screen.pixels()
    screen.press("Fit")
    screen.until_pixels(apart, "the picture is fitted anew")
    fitted = screen.pixels()
    screen.tick("Perspective")
    screen.until_pixels(fitted, "perspective differs")


def test_a_click_picks_a_part_and_two_measure(page, browser):
    screen = page()
    screen.press("Top")
    screen.until_drawn()
    time.sleep(1)
    screen.click(0, 0)
    browser.read("[data-part]", "U2 compute")
    assert "5 × 5 mm" in screen.driver.find_element(By.CSS_SELECTOR, "[data-part]").text
    assert Select(screen.control("Part")).first_selected_option.text == "U2 compute"
    screen.click(0.47, 0.45)
    browser.until(lambda d: Select(screen.control("Part")).first_selected_option.text == "nothing selected", "nothing")
    screen.tick("Measure")
    screen.click(-0.10, 0)
    browser.until(lambda d: "second point" in browser.text(), "asks for the second point")
    screen.click(0.10, 0)
    found = float(browser.see("[data-distance]")[0].get_attribute("data-distance"))
    width, height = browser.size(".wb-builder canvas")
    # Seen from above 10 mm fill 0.72 of the frame's height; the clicks lie a fifth of its width apart.
    assert found == pytest.approx(0.2 * width * 10_000 / (0.72 * height), rel=0.01)


def test_build_edit_undo_and_save(page, browser, folder):
    screen = page("poc-side-by-side")
    dies = int(screen.figure("dies"))
    screen.choose("Die", "New die by its size")
    screen.choose("Where", "stacked on U1 base")
    screen.press("Add die")
    screen.told("U3 stacked on U1 base")
    assert int(screen.figure("dies").split()[0]) == dies + 1

    # A refused move: told in both languages, and the design stays.
    browser.fill(screen.control("x (mm)"), "90")
    screen.told("leaves the outline of its layer")
    message = screen.driver.find_element(By.CSS_SELECTOR, ".wb-b-message [role=alert]").text
    assert "晶粒" in message
    assert screen.control("x (mm)").get_attribute("value") == "-2.9"

    before = screen.pixels()
    browser.fill(screen.control("x (mm)"), "-2.5")
    screen.told("U3 moved")
    browser.fill(screen.control("Angle (°)"), "30")
    screen.told("U3 turned")
    screen.until_pixels(before, "the die is drawn turned")
    screen.press("Fill overlap with bumps")
    screen.told("U3 joined with bumps")
    bumps = int(screen.figure("bumps").split()[0].replace(",", ""))
    assert bumps > 5_000
    screen.press("Undo")
    screen.told("Undone")
    browser.until(lambda d: screen.figure("bumps").split()[0] != f"{bumps:,}", "the bumps are gone")
    screen.press("Redo")
    browser.until(lambda d: screen.figure("bumps").split()[0] == f"{bumps:,}", "the bumps are back")

    screen.press("Save as revision")
    screen.told("needs a note")
    note = screen.driver.find_element(By.CSS_SELECTOR, ".wb-b-note input")
    note.send_keys("a die on the base die", Keys.TAB)
    screen.press("Save as revision")
    screen.told("Saved as revision 2")
    assert browser.outside() == []
    assert browser.complaints() == []

    designs = Store.open(folder / "home" / "workbench.duckdb").designs
    first, second = designs.revisions("poc-side-by-side")
    assert (second["parent_id"], second["note"]) == (first["revision_id"], "a die on the base die")
    saved = read(designs.document("poc-side-by-side"))
    _, placed = saved.part("U3")
    assert (placed.x_mm, placed.y_mm, placed.angle_deg) == (-2.5, 0.0, 30.0)
    assert [layer.kind for layer in saved.layers][-3:] == ["bond", "die", "mould"]


def test_a_refusal_is_in_view_where_one_works(page, browser):
    screen = page()
    size = browser.driver.get_window_size()
    try:
        browser.driver.set_window_size(1280, 700)
        save = browser.driver.find_element(By.CSS_SELECTOR, ".wb-b-save")
        browser.driver.execute_script("arguments[0].scrollIntoView({block: 'end'}); arguments[0].click()", save)
        screen.told("needs a note")
        top, bottom, bar, below = browser.driver.execute_script("""
          const box = document.querySelector('.wb-b-message').getBoundingClientRect();
          return [box.top, box.bottom, document.querySelector('.wb-bar').getBoundingClientRect().bottom, innerHeight];
        """)
        assert bar <= top < bottom <= below
    finally:
        browser.driver.set_window_size(size["width"], size["height"])


def test_colours_follow_the_choice_and_words_the_language(page, browser):
    screen = page(lang="zh-Hant")
    assert "另存新版本" in browser.text()
    assert "加入晶粒" in browser.text()
    screen.tick("Mould cap")
    screen.tick("Compute tier")
    before = screen.pixels()
    screen.choose("著色依據", "功率密度")
    screen.until_pixels(before, "power colours the dies")
    assert "W/mm²" in screen.driver.find_element(By.CSS_SELECTOR, ".wb-b-legend").text


def test_tab_reaches_every_control_in_the_order_in_which_they_stand_and_each_has_a_name(page, browser):
    screen = page()
    expected = screen.controls()
    first, last = ("Design", "New design …", "Export …", "Fit"), ("Length (mm)", "Note", "Save as revision")
    assert (tuple(expected[:4]), tuple(expected[-3:])) == (first, last)
    assert all(expected)
    select = browser.driver.find_element(By.CSS_SELECTOR, ".wb-builder select")
    browser.driver.execute_script("arguments[0].focus()", select)
    reached = []
    while (name := screen.focused()) and len(reached) < 2 * len(expected):
        reached.append(name)
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    assert reached == expected


def test_the_view_turns_by_keyboard(page, browser):
    screen = page()
    before = screen.pixels()
    buttons = browser.driver.find_elements(By.CSS_SELECTOR, ".wb-builder button")
    next(b for b in buttons if b.text == "→").send_keys(Keys.ENTER)
    screen.until_pixels(before, "the view turns by keyboard")


def test_the_builder_builds_in_jupyterlab(serve, given, browser):
    lab = serve("lab", "--no-browser", **given).wait_for("http://127.0.0.1")
    browser.open(lab.replace("/lab?", "/lab/tree/notebooks/design/builder.ipynb?"))
    browser.see(".jp-Notebook .jp-CodeCell", count=2)
    idle = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
    browser.until(lambda d: d.find_elements(By.CSS_SELECTOR, idle), "the kernel is ready")
    browser.until(lambda d: run_all_cells(browser), "the first cell runs")
    browser.see(".wb-builder canvas")
    screen = Page(browser)
    before = screen.pixels()
    screen.choose("Die", "New die by its size")
    add = browser.see(".wb-b-add")[0]
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", add)
    add.click()
    browser.until(lambda d: "stacked on U2 compute" in d.find_element(By.CSS_SELECTOR, ".wb-b-message").text, "stacked")
    screen.until_pixels(before, "the die is drawn")
    assert int(screen.figure("dies").split()[0]) == 3
    assert browser.outside() == []
    assert browser.complaints() == []
