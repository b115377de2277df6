"""What the page server answers over HTTP, and what it does not: it runs as a user would start it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from urllib.parse import quote

import psutil
import pytest

STUDY = """
from workbench.schema import Parameters, quantity
class Study(Parameters):
    wafer_diameter_mm: float = quantity("Wafer diameter", "晶圓直徑", ge=100, le=450, default=300)
"""
# A kernel started in a folder with this file ends before it answers.
NO_KERNEL = """
import os, sys
if "workbench.serving.kernel" in sys.orig_argv and os.path.exists("no-kernel-starts-here"):
    raise SystemExit(3)
"""
TITLE = {"en": "A study <b>", "zh-Hant": "一項分析"}


@pytest.fixture(scope="module")
def server(tmp_path_factory, root):
    folder = tmp_path_factory.mktemp("served")
    (folder / "study_of_tests.py").write_text(STUDY)
    (folder / "sitecustomize.py").write_text(NO_KERNEL)
    metadata = {"workbench": {"title": TITLE, "parameters": "study_of_tests:Study"}}
    notebook = json.dumps({"metadata": metadata, "cells": [], "nbformat": 4, "nbformat_minor": 5})
    for area in ("design", "broken"):
        (folder / "notebooks" / area).mkdir(parents=True)
        (folder / "notebooks" / area / "s.ipynb").write_text(notebook)
    (folder / "notebooks" / "design" / "secret.png").write_bytes(b"\x89PNG")
    (folder / "notebooks" / "broken" / "no-kernel-starts-here").touch()
    site = folder / "home" / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("<h1>Reports</h1>")
    (folder / "home" / "outside.txt").write_text("not for visitors")
    (folder / "voila.json").write_text('{"Voila": {"ip": "0.0.0.0"}}')  # lies in the current folder: no effect
    environment = {
        **os.environ, "WORKBENCH_NOTEBOOKS": str(folder / "notebooks"), "WORKBENCH_HOME": str(folder / "home"),
        "PYTHONPATH": str(folder), "WORKBENCH_LANG": "en",
    }  # fmt: skip
    log = folder / "log"
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "serve", "--no-browser"],
        stdout=log.open("w"), stderr=subprocess.STDOUT, env=environment, cwd=folder,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text("utf-8"))):
        assert process.poll() is None, log.read_text("utf-8")
        assert time.monotonic() < deadline, log.read_text("utf-8")
        time.sleep(0.05)
    yield int(found[1])
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in (0, 130), log.read_text("utf-8")


def ask(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.read().decode("utf-8", "replace"), dict(reply.getheaders())


def test_the_start_page_lists_the_studies_in_both_languages(server):
    for lang, words in (("en", "Open study"), ("zh-TW", "開啟分析")):
        status, page, headers = ask(server, "/", **{"Accept-Language": lang})
        assert status == 200
        assert words in page
        assert "A study &lt;b&gt;" in page
        assert "一項分析" in page
        assert 'href="/reports/index.html"' in page
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "://" not in page.replace("http://www.w3.org", "")


def test_only_the_loopback_address_listens(server):
    listening = [c.laddr for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == server]
    assert {address.ip for address in listening} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "path",
    [
        "/voila/render/design/other.ipynb", "/voila/render/../../etc/passwd", "/voila/render/%2e%2e/s.ipynb",
        "/voila/files/design/secret.png", "/voila/tree", "/voila/tree/design", "/voila/api/contents/design",
        "/api/contents", "/api/kernels", "/api/kernelspecs", "/api/sessions", "/api/terminals", "/login", "/lab",
        "/reports/../outside.txt", "/reports/%2e%2e/outside.txt", "/voila/query/1-1-1-1-1", "/nowhere",
    ],
)  # fmt: skip
def test_nothing_else_is_served(server, path):
    status, page, _ = ask(server, path)
    assert status in (403, 404)
    assert "not for visitors" not in page
    assert "Traceback" not in page


def test_no_kernel_can_be_started_or_listed_through_the_api(server):
    assert ask(server, "/api/kernels", method="POST")[0] in (403, 404)


@pytest.mark.parametrize("path", ["/", "/reports/index.html", "/voila/render/design/s.ipynb"])
def test_a_foreign_name_for_this_machine_is_refused(server, path):
    """DNS rebinding: a page of another site points its own name at 127.0.0.1 and reads ours."""
    status, page, _ = ask(server, path, Host="evil.example")
    assert status == 403
    assert "this machine" in page
    assert "Reports</h1>" not in page


def test_the_published_reports_are_there(server):
    assert ask(server, "/reports/index.html")[1] == "<h1>Reports</h1>"
    assert ask(server, "/reports/")[0] == 200


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("wafer_diameter_mm=9999", "100 ... 450 mm"),
        ("wafer_diameter_mm=" + quote("__import__('os')"), "not a number"),
        ("nope=1", "no parameter of this name"),
        ("wafer_diameter_mm=1&wafer_diameter_mm=2", "more than once"),
        ("nope=1&lang=zh-Hant", "沒有這個參數"),
        ("nope=" + quote("<script>alert(1)</script>"), "no parameter of this name"),
    ],
)
def test_wrong_values_in_the_address_are_refused_in_words(server, query, told):
    status, page, _ = ask(server, f"/voila/render/design/s.ipynb?{query}")
    assert status == 400
    assert told in page
    assert "<script>" not in page


def test_a_page_streams_and_names_no_other_address(server):
    status, page, headers = ask(server, "/voila/render/design/s.ipynb")
    assert status == 200
    assert "A study &lt;b&gt;" in page
    assert page.rstrip().endswith("</html>")
    assert headers["Cache-Control"] == "no-store"
    named = {a for a in re.findall(r"https?://[^\"'\s<>)]+", page) if "www.w3.org" not in a}
    assert not {a for a in named if "127.0.0.1" not in a}


def test_a_kernel_that_dies_at_its_start_leaves_no_hanging_page(server):
    """Voila's own page would wait for ever."""
    status, page, _ = ask(server, "/voila/render/broken/s.ipynb")
    assert status == 200
    assert "ended before the page was complete" in page
    assert "Traceback" not in page
    assert page.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--address", "0.0.0.0"], "this machine only"), (["--port", "80"], "1024")],
)
def test_the_command_refuses_what_would_open_it_to_others(words, told, root):
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "serve", "--no-browser", *words],
        capture_output=True, text=True, cwd=root, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
