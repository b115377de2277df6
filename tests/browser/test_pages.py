"""The page server in a real browser, with notebooks whose results a test can predict."""

from __future__ import annotations

import math
import re

import pytest
from pages_of_tests import write
from selenium.webdriver.common.by import By

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    write(folder)
    server = serve(
        "serve", "--no-browser", WORKBENCH_NOTEBOOKS=str(folder / "notebooks"), WORKBENCH_HOME=str(folder / "home"),
        PYTHONPATH=str(folder), WORKBENCH_LANG="en",
    )  # fmt: skip
    return server.wait_for("http://127.0.0.1")


def area(diameter_mm):
    return f"{math.pi * diameter_mm**2 / 4:.0f}"


def test_from_the_start_page_to_a_study_that_computes_again(browser, address):
    browser.open(address)
    assert len(browser.see("li.item", count=5)) == 5
    browser.driver.find_element(By.LINK_TEXT, "Study that live").click()

    browser.read("#area", area(300))
    field = browser.see("#rendered_cells input[type=number]")[0]
    browser.fill(field, "200")
    browser.read("#area", area(200))

    browser.until(lambda d: browser.size("#rendered_cells .jp-RenderedSVG")[1] > 100, "the chart is drawn")
    browser.until(lambda d: browser.size("#rendered_cells canvas") == (200, 150), "the scene is drawn")
    assert not browser.driver.find_elements(By.ID, "wb-loading")
    assert not browser.driver.find_elements(By.CSS_SELECTOR, ".jp-InputArea-editor")  # no code on the page
    assert browser.outside() == []
    assert browser.complaints() == []


def test_the_address_sets_parameters_and_language_and_the_other_language_keeps_them(browser, address):
    browser.open(f"{address}voila/render/design/live.ipynb?wafer_diameter_mm=150&lang=zh-Hant")
    browser.read("#area", area(150))
    assert "小晶片工作台" in browser.text()
    link = browser.driver.find_element(By.CSS_SELECTOR, ".wb-lang").get_attribute("href")
    assert link.endswith("?wafer_diameter_mm=150&lang=en")


@pytest.mark.parametrize(
    ("name", "lang", "told"),
    [
        ("refuses", "zh-Hant", "數值超出允許範圍。位置: bond_line_um。"),
        ("refuses", "en", "Allowed: 1 ... 100 um"),
        ("fails", "en", "step 2 of the page"),
        ("dies", "en", "ended before the page was complete"),
    ],
)
def test_what_goes_wrong_is_told_in_words(browser, address, name, lang, told):
    browser.open(f"{address}voila/render/design/{name}.ipynb?lang={lang}")
    browser.read(".wb-fault", told)
    shown = browser.text()
    assert "Before" in shown
    assert "After" not in shown
    for hidden in ("Traceback", "ZeroDivisionError", "hidden", ".py"):
        assert hidden not in shown
    assert not browser.driver.find_elements(By.ID, "wb-loading")
    assert browser.outside() == []


def kernel_of(browser):
    return re.search(r"workbench_watch\(\"([^\"]+)\"", browser.driver.page_source)[1]


def is_gone(browser, address, kernel):
    """Does the server say that this kernel does not exist?"""
    script = "fetch(arguments[0]).then((reply) => arguments[1](reply.status))"
    return browser.driver.execute_async_script(script, kernel) == 404


def test_a_page_that_is_left_ends_its_kernel(browser, address):
    browser.open(f"{address}voila/render/design/plain.ipynb")
    browser.read("#area", "plain")
    kernel = kernel_of(browser)
    assert not is_gone(browser, address, kernel)
    browser.open(address)
    browser.until(lambda d: is_gone(browser, address, kernel), "the kernel has ended")


def test_a_page_says_when_its_kernel_has_ended(browser, address):
    browser.open(f"{address}voila/render/design/plain.ipynb")
    browser.read("#area", "plain")
    kernel = kernel_of(browser)
    status = browser.driver.execute_async_script(
        "fetch(arguments[0].replace('/api/kernels/', '/voila/api/shutdown/'), {method: 'POST', headers:"
        "{'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)[1]}}).then((reply) => arguments[1](reply.status))",
        kernel,
    )
    assert status == 204
    browser.driver.execute_script("workbench_watch(arguments[0], 200)", kernel)  # the page itself asks every 20 s
    browser.read("#wb-lost", "Reload the page")
