"""A two-die stack of 10,000 bumps by a new user, in Voila and in JupyterLab: begun, checked, costed, changed, saved,
exported, found again.
"""

from __future__ import annotations

import base64
import io
import re
import zipfile
from importlib import import_module
from shutil import copytree, ignore_patterns

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_lab import run_all_cells

from workbench.i18n import t
from workbench.stack import read
from workbench.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("journey")
    import_module("workbench.runs.demo.designs").seed(Store.open(home / "workbench.duckdb"))
    return home


@pytest.fixture(scope="module", params=["voila", "lab"])
def visit(request, serve, home, root):
    """visit(browser, notebook): open a notebook of the project as a page, or run it in JupyterLab (which leaves
    checkpoints beside it: so a copy).
    """
    notebooks = home / "notebooks"
    copytree(root / "notebooks", notebooks, ignore=ignore_patterns(".*"), dirs_exist_ok=True)
    given = {"WORKBENCH_HOME": str(home), "WORKBENCH_LANG": "en", "WORKBENCH_NOTEBOOKS": str(notebooks)}
    if request.param == "voila":
        address = serve("serve", "--no-browser", **given).wait_for("http://127.0.0.1")

        def go(browser, notebook):
            browser.open(f"{address}voila/render/design/{notebook}.ipynb")
            browser.see("body[data-ready]")
    else:
        address = serve("lab", "--no-browser", **given).wait_for("http://127.0.0.1")

        def go(browser, notebook):
            browser.open(address.replace("/lab?", f"/lab/tree/notebooks/design/{notebook}.ipynb?reset&"))
            browser.see(".jp-Notebook .jp-CodeCell", count=3)
            idle = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
            browser.until(lambda d: d.find_elements(By.CSS_SELECTOR, idle), "the kernel is ready")
            browser.until(lambda d: run_all_cells(browser), "every cell runs")

    go.place = request.param
    return go


def press(browser, words):
    """Reach a button by keyboard and press it."""
    buttons = browser.driver.find_elements(By.CSS_SELECTOR, ".wb-builder button")
    next(b for b in buttons if b.is_displayed() and b.text.strip() == words).send_keys(Keys.ENTER)


def shown(browser, css):
    return browser.until(lambda d: (found := d.find_element(By.CSS_SELECTOR, css)).is_displayed() and found, css)


def told(browser, sentence):
    """Wait until the builder's message begins with the whole sentence, as a line."""
    message = ".wb-b-message"
    browser.until(lambda d: d.find_element(By.CSS_SELECTOR, message).text.split("\n")[0] == sentence, sentence)


def test_a_stack_of_ten_thousand_bumps_from_nothing_to_found_again(browser, visit, home):
    design_id = f"stack-in-{visit.place}"
    visit(browser, "model_builder")
    browser.see(".wb-builder canvas")

    press(browser, "New design …")
    shown(browser, ".wb-b-new-id input").send_keys(design_id, Keys.TAB)
    press(browser, "Create from the template")
    told(browser, t("builder.begin.done", "en", name=f"{design_id}@1"))
    assert browser.driver.find_element(By.CSS_SELECTOR, ".wb-verdict").text == "PASS"
    figures = browser.driver.find_element(By.CSS_SELECTOR, ".wb-builder").text
    assert re.search(r"Lowest cost\s+[\d.]+ USD", figures)
    press(browser, "New design …")

    note = browser.driver.find_element(By.CSS_SELECTOR, ".wb-b-note input")
    rows = browser.driver.find_elements(By.CSS_SELECTOR, ".wb-builder .widget-text")
    width = next(row for row in rows if row.is_displayed() and row.text.startswith("Width"))
    browser.fill(width.find_element(By.TAG_NAME, "input"), "12")
    footprint = "[data-figure=footprint] dd"
    browser.until(lambda d: d.find_element(By.CSS_SELECTOR, footprint).text.startswith("120.0 mm²"), "new footprint")
    note.send_keys("a wider body", Keys.TAB)
    press(browser, "Save as revision")
    browser.read(".wb-b-message", "Saved as revision 2")
    revision = Store.open(home / "workbench.duckdb").designs.revisions(design_id)[-1]
    assert (revision["number"], revision["note"]) == (2, "a wider body")
    told(browser, t("builder.save.done", "en", number=2, revision=revision["revision_id"]))

    press(browser, "Export …")
    shown(browser, "button.wb-b-export").send_keys(Keys.ENTER)
    link = browser.see("a.wb-b-download")[0]
    assert link.get_attribute("download") == f"{design_id}@2.zip"
    packed = base64.b64decode(link.get_attribute("href").split("base64,")[1])
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert any(name.endswith(".3dbx") for name in archive.namelist())

    store = Store.open(home / "workbench.duckdb")
    saved = read(store.designs.document(design_id))
    assert saved.width_mm == 12.0
    assert any(saved.region(joint.top).bump_count == 10_000 for joint in saved.connections)
    assert [row["note"] for row in store.designs.revisions(design_id)][-1] == "a wider body"
    assert browser.outside() == []

    visit(browser, "design_library")
    rows = browser.see(".wb-form .widget-hbox", count=3)
    words = next(row for row in rows if row.text.startswith("Words to find"))
    browser.fill(words.find_element(By.TAG_NAME, "input"), "wider body")
    begun = sum(row["design_id"].startswith("stack-in-") for row in store.designs.list())  # here, and before it
    said = re.compile(rf"(?<!\d){begun} designs speak of")
    browser.until(lambda d: said.search(browser.text()), "the design is found")
    assert design_id in browser.text()
    assert browser.outside() == []
