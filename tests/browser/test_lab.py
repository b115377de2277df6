"""JupyterLab as `workbench lab` starts it: our kernel, every cell runs, and the file stays clean."""

from __future__ import annotations

import time

import nbformat
import pytest
from pages_of_tests import write
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def address(serve, folder):
    server = serve(
        "lab", "--no-browser", WORKBENCH_NOTEBOOKS=str(folder / "notebooks"), WORKBENCH_HOME=str(folder / "home"),
        PYTHONPATH=str(folder), WORKBENCH_LANG="en",
    )  # fmt: skip
    return server.wait_for("http://127.0.0.1")


def run_all_cells(browser):
    """Ask the Run menu; true once the last cell is numbered. (A kernel that is not yet there gets none, or only the
    first: then the caller asks again.)
    """
    d = browser.driver
    for answer in d.find_elements(By.CSS_SELECTOR, ".jp-Dialog .jp-Dialog-footer button"):
        d.execute_script("arguments[0].click()", answer)  # "the kernel is not ready yet": ask again
        time.sleep(0.5)
    try:
        next(item for item in d.find_elements(By.CSS_SELECTOR, ".lm-MenuBar-itemLabel") if item.text == "Run").click()
        browser.see("li[data-command='runmenu:run-all']")[0].click()
    except (ElementClickInterceptedException, StaleElementReferenceException):  # such a dialog came in between
        return False
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and d.find_elements(By.CSS_SELECTOR, ".jp-Dialog") == []:
        prompts = [prompt.text for prompt in d.find_elements(By.CSS_SELECTOR, ".jp-CodeCell .jp-InputPrompt")]
        if prompts and prompts[-1].strip("[]: ").isdigit():
            return True
        if "[*]:" not in prompts and time.monotonic() > deadline - 17:
            return False  # nothing is running or waiting
        time.sleep(0.3)
    return False


def test_a_notebook_runs_in_jupyterlab_and_is_saved_without_outputs(browser, address, folder):
    browser.open(address.replace("/lab?", "/lab/tree/notebooks/design/live.ipynb?"))
    browser.see(".jp-Notebook .jp-CodeCell", count=4)
    idle = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
    browser.until(lambda d: d.find_elements(By.CSS_SELECTOR, idle), "the kernel is ready")
    browser.until(lambda d: run_all_cells(browser), "every cell runs")

    browser.read("#area", "70686")
    browser.until(lambda d: browser.size(".jp-Notebook .jp-RenderedSVG")[1] > 100, "the chart is drawn")
    browser.until(lambda d: browser.size(".jp-Notebook canvas") == (200, 150), "the scene is drawn")
    browser.read(".jp-Toolbar-kernelName, .jp-KernelName", "Chiplet Workbench")

    file = folder / "notebooks" / "design" / "live.ipynb"
    before = file.stat().st_mtime_ns
    browser.driver.find_element(By.CSS_SELECTOR, ".jp-Notebook").send_keys(Keys.CONTROL, "s")
    browser.until(lambda d: file.stat().st_mtime_ns != before, "the notebook is saved")
    saved = nbformat.read(file, 4)
    assert [cell.outputs for cell in saved.cells if cell.cell_type == "code"] == [[], [], [], []]
    assert {cell.execution_count for cell in saved.cells if cell.cell_type == "code"} == {None}
    assert browser.outside() == []
    assert browser.complaints() == []
