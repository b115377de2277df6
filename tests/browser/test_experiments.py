"""Experiments on screen: a slider moves the slice, by mouse or keyboard; a plan is made anew, and can be saved."""

from __future__ import annotations

from importlib import import_module

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from workbench.store import Store

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    store = Store.open(home / "workbench.duckdb")
    import_module("workbench.runs.demo.process").seed(store)
    import_module("workbench.runs.demo.experiments").seed(store)
    return serve("serve", "--no-browser", WORKBENCH_HOME=str(home), WORKBENCH_LANG="en").wait_for("http://127.0.0.1")


def handle(browser, label):
    """The handle of the slider that is called `label`."""
    rows = browser.driver.find_elements(By.CSS_SELECTOR, ".wb-slices .widget-slider")
    row = next(row for row in rows if row.find_element(By.CSS_SELECTOR, ".widget-label").text == label)
    return row.find_element(By.CSS_SELECTOR, ".noUi-handle")


def drawn(browser):
    """The slice as it is drawn, and what is read from it."""
    asked = "return ['.wb-slices .wb-picture', '.wb-slices [role=status]'].map(css => document.querySelector(css))"
    return tuple(browser.driver.execute_script(asked + ".map(found => found ? found.innerHTML : '')"))


def test_a_slider_moves_the_slice(browser, address):
    browser.open(f"{address}voila/render/process/process_window.ipynb?lot_id=tire-tread")
    browser.see("body[data-ready]")
    browser.see(".wb-slices .noUi-handle", count=3)
    browser.until(lambda d: browser.size(".wb-slices svg")[1] > 200, "the slice is drawn")
    before, reading = drawn(browser)
    assert "Silane (phr) 63" in reading

    key = handle(browser, "Silane (phr)")
    key.click()
    for _ in range(3):
        key.send_keys(Keys.ARROW_LEFT)
    browser.until(lambda d: drawn(browser)[0] != before and "Silane (phr) 63" not in drawn(browser)[1],
                  "the plane and the reading follow the keyboard")  # fmt: skip

    back = browser.driver.find_element(By.CSS_SELECTOR, ".wb-slices button")
    assert back.text == "Back to the recommended set point"
    back.send_keys(Keys.ENTER)
    browser.until(lambda d: drawn(browser)[1] == reading, "the set point is back")
    assert browser.outside() == []
    assert browser.complaints() == []


def test_a_plan_is_made_anew_and_saved(browser, address):
    browser.open(f"{address}voila/render/process/design_of_experiment.ipynb")
    browser.see("body[data-ready]")
    browser.see(".wb-verdict")
    link = browser.see("a.wb-save")[0]
    assert link.get_attribute("download") == "plan.csv"
    first = link.get_attribute("href")
    assert first.startswith("data:text/csv;")

    rows = browser.driver.find_elements(By.CSS_SELECTOR, ".wb-form .widget-hbox")
    row = next(r for r in rows if r.find_element(By.CSS_SELECTOR, ".widget-label").text == "Factors and ranges")
    field = row.find_element(By.CSS_SELECTOR, "input")
    browser.fill(field, "pressure_torr 10")
    browser.until(lambda d: "cannot be read" in d.find_element(By.ID, "rendered_cells").text, "the factors are refused")
    browser.fill(field, "pressure_torr 10 60; temperature_c 380 450; tool A|B")
    browser.until(lambda d: (found := d.find_elements(By.CSS_SELECTOR, "a.wb-save"))
                  and found[0].get_attribute("href") != first, "the plan has the new factors")  # fmt: skip
    assert browser.outside() == []
    assert browser.complaints() == []
