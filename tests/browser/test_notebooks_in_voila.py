"""The real notebooks as pages: the form, the verdict and the charts are there, and a change computes again."""

from __future__ import annotations

from importlib import import_module

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from workbench.store import Store

pytestmark = pytest.mark.browser

# A field of each page that decides a figure on it: its label, and a value that changes what is shown.
CHANGES = {
    "design/stack_design.ipynb": ("Defect density, times the table", "4"),
    "process/process_window.ipynb": ("Uniformity, upper limit (%)", "5"),
    "validation/benchmark_review.ipynb": ("System", "GATE Overflow, 2x RTX 4090"),
}


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    store = Store.open(home / "workbench.duckdb")
    import_module("workbench.runs.demo.designs").seed(store)
    import_module("workbench.runs.demo.process").seed(store)
    import_module("workbench.runs.demo.benchmarks").seed_published(store)  # without measuring this machine
    return serve("serve", "--no-browser", WORKBENCH_HOME=str(home), WORKBENCH_LANG="en").wait_for("http://127.0.0.1")


def change(browser, label, value):
    """Set the field that is called `label` in the page's form."""
    rows = browser.driver.find_elements(By.CSS_SELECTOR, ".wb-form .widget-hbox")
    row = next(row for row in rows if row.find_element(By.CSS_SELECTOR, ".widget-label").text == label)
    field = row.find_element(By.CSS_SELECTOR, "input, select")
    if field.tag_name == "select":
        Select(field).select_by_visible_text(value)
    else:
        browser.fill(field, value)


@pytest.mark.parametrize("path", CHANGES)
def test_a_notebook_is_a_page_that_computes_again(browser, address, path):
    browser.open(f"{address}voila/render/{path}")
    browser.see("body[data-ready]")
    browser.see(".wb-form input, .wb-form select", count=3)
    browser.see(".wb-verdict")
    picture = ".wb-picture svg, .jp-RenderedSVG svg, .jp-RenderedSVG img"
    browser.until(lambda d: browser.size(picture)[1] > 60, "the first picture is drawn")
    shown = browser.driver.find_element(By.ID, "rendered_cells").text
    for trouble in ("Traceback", "could not be done", "Error"):
        assert trouble not in shown

    label, value = CHANGES[path]
    change(browser, label, value)
    browser.until(
        lambda d: d.find_element(By.ID, "rendered_cells").text != shown and "Up to date" in browser.text(),
        f"the page shows other figures for {label} = {value}",
    )
    assert browser.outside() == []
    assert browser.complaints() == []
