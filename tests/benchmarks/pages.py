"""Time from opening a page to its being interactive, and what its kernel costs; printed beside the targets.

The targets (3 s, 100 MB) belong to the fork server for pages, which this version does not have: the figures here say
how far a kernel started anew is from them. Run it on an idle machine: `python tests/benchmarks/pages.py [repeats]`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from workbench.reports import pdf
from workbench.runs.demo import benchmarks, designs, process
from workbench.store import Store

PAGES = ("design/stack_design.ipynb", "process/process_window.ipynb", "validation/benchmark_review.ipynb")
TARGET_S, TARGET_MB = 3.0, 100


def main(repeats: int = 3) -> None:
    with tempfile.TemporaryDirectory() as home:
        store = Store.open(Path(home) / "workbench.duckdb")
        designs.seed(store)
        process.seed(store)
        benchmarks.seed_published(store)
        log = Path(home) / "log"
        server = subprocess.Popen(
            [sys.executable, "-m", "workbench", "serve", "--no-browser"],
            stdout=log.open("w"), stderr=subprocess.STDOUT, env={**os.environ, "WORKBENCH_HOME": home},
        )  # fmt: skip
        try:
            while not (address := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text("utf-8"))):
                time.sleep(0.1)
            measure(address[0], server.pid, repeats)
        finally:
            server.terminate()
            server.wait(30)


def measure(address: str, server_pid: int, repeats: int) -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = pdf.browser_path()
    for flag in ("--headless=new", "--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(pdf.driver_path()))
    print(f"load average before: {os.getloadavg()[0]:.1f}; targets {TARGET_S:g} s and {TARGET_MB} MB (a later version)")
    try:
        for page in PAGES:
            for _ in range(repeats):
                began = time.monotonic()
                driver.get(f"{address}voila/render/{page}")
                while not driver.execute_script("return document.body.dataset.ready"):
                    time.sleep(0.02)
                ready_s = time.monotonic() - began
                kernel = max(psutil.Process(server_pid).children(), key=lambda child: child.create_time())
                spent, memory = kernel.cpu_times(), kernel.memory_full_info()
                print(
                    f"{page}: interactive after {ready_s:.1f} s; kernel {spent.user + spent.system:.1f} CPU s, "
                    f"{memory.pss / 1e6:.0f} MB"
                )
    finally:
        driver.quit()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
