"""The reviews of a lot as pages: a map is brushed by mouse and by keyboard, chart and units follow, in both languages;
a failing module is followed back to its wafer by links.
"""

from __future__ import annotations

from importlib import import_module

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from workbench.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
STAGE, ROWS = ".wb-map .stage", ".wb-linked .wb-table tbody tr"


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    import_module("workbench.runs.demo.lots").seed(Store.open(home / "workbench.duckdb"))
    return serve("serve", "--no-browser", WORKBENCH_HOME=str(home), WORKBENCH_LANG="en").wait_for("http://127.0.0.1")


def ready(browser):
    """The page has run and drawn its widgets."""
    browser.see("body[data-ready]")
    browser.see(".wb-verdict")
    browser.see(".wb-linked .wb-map canvas")


def opened(browser, address, notebook, query=""):
    browser.open(f"{address}voila/render/process/{notebook}.ipynb{query}")
    ready(browser)
    shown = browser.driver.find_element(By.ID, "rendered_cells").text
    for trouble in ("Traceback", "could not be done", "Error"):
        assert trouble not in shown


def drag(browser, begin, end):
    """Over shares of the map's stage, from `begin` to `end`, each (x, y) from its centre."""
    stage = browser.see(STAGE)[0]
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    wide, tall = stage.size["width"], stage.size["height"]
    at = [(round(x * wide / 2), round(y * tall / 2)) for x, y in (begin, end)]
    moves = ActionChains(browser.driver).move_to_element_with_offset(stage, *at[0]).click_and_hold()
    moves.move_to_element_with_offset(stage, *at[1]).release().perform()


def status(browser):
    """The sentence on the brush, "" where nothing is chosen. (The map has a status of its own.)"""
    found = [e.text for e in browser.driver.find_elements(By.CSS_SELECTOR, ".wb-linked .wb-say[role=status]")]
    return found[0] if found else ""


def test_a_brush_by_mouse_and_by_keyboard_is_followed(browser, address):
    opened(browser, address, "lot_review")
    browser.see(".wb-linked svg")
    drag(browser, (-0.85, -0.4), (0.1, 0.1))
    browser.until(lambda d: "of 32 units chosen" in status(browser), "the units of the brush are counted")
    by_mouse, listed = status(browser), len(browser.driver.find_elements(By.CSS_SELECTOR, ROWS))
    assert listed >= 4
    assert browser.driver.find_elements(By.CSS_SELECTOR, ".wb-linked svg path[stroke='#D55E00']")

    stage = browser.driver.find_element(By.CSS_SELECTOR, STAGE)
    stage.send_keys(Keys.ESCAPE)
    browser.until(lambda d: not status(browser), "the brush is taken away")
    assert not browser.driver.find_elements(By.CSS_SELECTOR, ROWS)
    stage.send_keys(Keys.ARROW_LEFT)
    ActionChains(browser.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT, Keys.ARROW_DOWN).key_up(
        Keys.SHIFT).perform()  # fmt: skip
    browser.until(lambda d: status(browser).startswith("4 of 32 units chosen"), "two by two dies are chosen by keys")
    assert status(browser) != by_mouse
    assert browser.outside() == []
    assert browser.complaints() == []


def test_the_page_speaks_the_other_language_and_keeps_its_lot(browser, address):
    opened(browser, address, "lot_review", "?lot_id=fo-logic")
    assert "Yield" in browser.driver.find_element(By.CSS_SELECTOR, ".wb-figures").text
    link = browser.driver.find_element(By.CSS_SELECTOR, ".wb-lang").get_attribute("href")
    assert "lot_id=fo-logic" in link
    browser.open(link)
    ready(browser)
    drag(browser, (-0.5, -0.5), (0.5, 0.5))
    browser.until(lambda d: "已選取 88 個單元中的" in status(browser), "the brush is told in Chinese")
    words = browser.driver.find_element(By.ID, "rendered_cells").text
    assert "良率" in words
    assert "Yield" not in words


def test_a_failing_module_is_followed_back_to_its_wafer(browser, address):
    opened(browser, address, "lot_review")
    links = browser.see(".wb-table a[href*='lot_id=fo-logic']")
    assert links[0].text.startswith("fo-logic/W0")
    browser.open(links[0].get_attribute("href"))
    ready(browser)
    lot = browser.driver.find_element(By.CSS_SELECTOR, ".wb-form select")
    assert Select(lot).first_selected_option.text.startswith("Synthetic: logic dies")


def test_quality_follows_its_form(browser, address):
    opened(browser, address, "quality_review")
    browser.see(".wb-linked .wb-map")
    rows = browser.driver.find_elements(By.CSS_SELECTOR, ".wb-form .widget-hbox")
    row = next(row for row in rows if row.find_element(By.CSS_SELECTOR, ".widget-label").text == "Parameter")
    browser.fill(row.find_element(By.CSS_SELECTOR, "input"), "bond_line_um")
    browser.until(lambda d: "frozen limits, version 1" in browser.text(), "the frozen limits are named")
    browser.fill(row.find_element(By.CSS_SELECTOR, "input"), "nothing_um")
    browser.see(".wb-error")
    assert "was not measured on the lot" in browser.text()
