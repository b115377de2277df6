"""PDF through one long-lived headless Chromium that can reach no network."""

from __future__ import annotations

import base64
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any, Self

import psutil

from workbench.errors import MissingToolError, RunError

log = logging.getLogger(__name__)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
DRIVERS = ("chromedriver", "chromium.chromedriver", "msedgedriver")
PAGES_PER_BROWSER = 500  # then a fresh one, so that a long night does not grow it

# Every name resolves to nothing and nothing is updated, synchronised or reported in the background.
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
)
PRINT = {"printBackground": True, "preferCSSPageSize": True, "generateDocumentOutline": True}


def find(variable: str, names: tuple[str, ...]) -> str | None:
    """The program named by an environment variable, else the first of `names` on the path."""
    named = os.environ.get(variable)
    if named:
        return shutil.which(named)
    return next((found for name in names if (found := shutil.which(name))), None)


def browser_path() -> str:
    """Where Chromium is ($CHROME, else the path). Raises MissingToolError that names the cure."""
    if path := find("CHROME", BROWSERS):
        return path
    raise MissingToolError("report.no_chromium", got=os.environ.get("CHROME", ""), allowed=", ".join(BROWSERS))


def driver_path() -> str:
    """Where its driver is ($CHROMEDRIVER, else the path). Raises MissingToolError that names the cure."""
    if path := find("CHROMEDRIVER", DRIVERS):
        return path
    raise MissingToolError("report.no_chromedriver", got=os.environ.get("CHROMEDRIVER", ""), allowed=", ".join(DRIVERS))


def start_browser(
    *, timeout_s: float = 30.0, profile: str | None = None, capabilities: dict[str, Any] | None = None
) -> Any:
    """A headless Chromium under Selenium's control, with no way to a network and nothing downloaded."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser_path()
    for flag in FLAGS:
        options.add_argument(flag)
    for name, value in (capabilities or {}).items():
        options.set_capability(name, value)
    if profile:
        options.add_argument(f"--user-data-dir={profile}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # Chromium's own sandbox refuses to run as root
        options.add_argument("--no-sandbox")
    with warnings.catch_warnings():  # deprecated in favour of something webdriver.Chrome does not accept
        warnings.simplefilter("ignore", DeprecationWarning)
        options.ignore_local_proxy_environment_variables()
    driver = webdriver.Chrome(options=options, service=Service(driver_path(), log_output=os.devnull))
    driver.set_page_load_timeout(timeout_s)
    driver.command_executor.client_config.timeout = timeout_s
    return driver


class Printer:
    """Prints pages to PDF with one browser, started when first needed and replaced when it dies or grows old."""

    def __init__(self, *, timeout_s: float = 60.0) -> None:
        self._timeout_s = timeout_s
        self._driver: Any = None
        self._processes: list[psutil.Process] = []
        self._profile: tempfile.TemporaryDirectory[str] | None = None
        self._printed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def print(self, page: Path, target: Path) -> None:
        """Print the HTML file `page` to `target` (written whole or not at all).

        Raises MissingToolError when Chromium or its driver is absent, RunError when the page cannot be printed.
        """
        from selenium.common.exceptions import WebDriverException
        from urllib3.exceptions import HTTPError

        if not page.is_file():  # Chromium would print its own error page
            raise RunError("report.not_printed", where=page, got="no such file")
        for attempt in (1, 2):
            try:
                data = self._print(page)
                break
            except (WebDriverException, HTTPError, OSError) as error:
                log.warning("printing %s failed (attempt %d): %s", page.name, attempt, error)
                self.close()
                if attempt == 2:
                    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
                    raise RunError("report.not_printed", where=page, got=reason) from error
        part = target.with_name(target.name + ".part")
        part.write_bytes(data)
        os.replace(part, target)

    def close(self) -> None:
        """End the browser; the next page starts a new one."""
        driver, self._driver, self._printed = self._driver, None, 0
        if driver is not None:
            try:
                driver.quit()
            except Exception:  # it may be dead already
                log.debug("the browser did not end by itself", exc_info=True)
        for process in self._processes:  # when the driver dies first, its browser would stay
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        self._processes = []
        if self._profile is not None:
            shutil.rmtree(self._profile.name, ignore_errors=True)
            self._profile = None

    def _print(self, page: Path) -> bytes:
        if self._driver is None or self._printed >= PAGES_PER_BROWSER:
            self.close()
            self._profile = tempfile.TemporaryDirectory(prefix="workbench-print-", ignore_cleanup_errors=True)
            self._driver = start_browser(timeout_s=self._timeout_s, profile=self._profile.name)
            service = psutil.Process(self._driver.service.process.pid)
            self._processes = [service, *service.children(recursive=True)]
            features = [{"name": "prefers-color-scheme", "value": "light"}]
            self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
        self._driver.get(page.resolve().as_uri())
        answer = self._driver.execute_cdp_cmd("Page.printToPDF", PRINT)
        self._printed += 1
        return base64.b64decode(answer["data"])
