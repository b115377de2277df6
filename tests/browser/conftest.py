"""A real browser that can reach this machine only, and the servers it visits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from workbench.reports import pdf

sys.path.insert(0, str(Path(__file__).parent))  # pages_of_tests, for the tests beside it
REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 60  # a page of widgets on two busy cores; a test that waits this long has failed
LOCAL_HOSTS = {"127.0.0.1", "localhost", ""}


class Visitor:
    """A browser, with what it asked the network for and what it complained about."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.requests: list[str] = []

    def open(self, address: str) -> None:
        self.driver.get_log("browser")  # complaints of an earlier page are not this one's
        self.requests = []
        self.driver.get_log("performance")
        self.driver.get(address)

    def until(self, condition: Callable[[webdriver.Chrome], object], message: str = "") -> object:
        wait = WebDriverWait(self.driver, PATIENCE_S, 0.1, (NoSuchElementException, StaleElementReferenceException))
        try:
            return wait.until(condition)
        except TimeoutException:
            picture = Path(tempfile.gettempdir()) / "workbench-browser-test.png"
            self.driver.save_screenshot(str(picture))
            raise AssertionError(f"waited in vain for: {message}. {picture} shows:\n{self.text()[:600]}") from None

    def see(self, css: str, count: int = 1) -> list:
        return self.until(lambda d: (found := d.find_elements(By.CSS_SELECTOR, css))[count - 1 :] and found, css)

    def read(self, css: str, words: str) -> None:
        """Wait until the first element of `css` holds `words`."""
        self.until(lambda d: words in d.find_element(By.CSS_SELECTOR, css).text, f"{css} reads {words}")

    def size(self, css: str) -> tuple[int, int]:
        box = self.driver.find_element(By.CSS_SELECTOR, css).size
        return box["width"], box["height"]

    def fill(self, field: WebElement, typed: str) -> None:
        """Replace the text of a field and confirm. (`clear` would send an empty number, which a form puts back.)"""
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(typed, Keys.ENTER)

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def asked_for(self) -> list[str]:
        """Every address requested since `open`, data: and blob: left out."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                self.requests.append(message["params"]["url"])
        return [url for url in self.requests if urlsplit(url).scheme in ("http", "https", "ws", "wss")]

    def outside(self) -> list[str]:
        """Requests to any other machine than this one (there must be none)."""
        return [url for url in self.asked_for() if urlsplit(url).hostname not in LOCAL_HOSTS]

    def complaints(self) -> list[str]:
        """Errors in the browser's console since `open`."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    program, control = pdf.find("CHROME", pdf.BROWSERS), pdf.find("CHROMEDRIVER", pdf.DRIVERS)
    if not (program and control):
        pytest.skip("Chromium and chromedriver are not installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
        "--disable-component-update", "--no-first-run", "--window-size=1280,1600", "--lang=en",
        "--enable-unsafe-swiftshader",  # 3D without a graphics card
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(control))
    driver.set_page_load_timeout(PATIENCE_S)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[Visitor]:
    yield Visitor(chromium)
    chromium.get("about:blank")  # leaving a page ends its kernel


class Served:
    """A `workbench` command that serves, as a process of its own."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workbench", *arguments],
            stdout=log.open("w"), stderr=subprocess.STDOUT, env={**os.environ, **environment}, cwd=REPOSITORY,
            start_new_session=True,
        )  # fmt: skip

    def wait_for(self, sign: str) -> str:
        """The word of the log that begins with `sign`, once it is there."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for word in self.log.read_text("utf-8").split():
                if word.startswith(sign):
                    return word
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"the server did not come up:\n{self.log.read_text('utf-8')}")

    def stop(self) -> int:
        """End it as Ctrl+C would; its exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Start `workbench serve` or `workbench lab`; stopped at the end of the tests."""
    running: list[Served] = []

    def start(*arguments: str, **environment: str) -> Served:
        log = tmp_path_factory.mktemp("served") / "server.log"
        running.append(Served(list(arguments), environment, log))
        return running[-1]

    yield start
    for server in running:
        server.stop()
