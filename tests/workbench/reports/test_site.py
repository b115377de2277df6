"""The site is complete, its links hold, and a second publication redoes nothing."""

from __future__ import annotations

import html
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from workbench.errors import InputError, RunError
from workbench.reports import site
from workbench.reports.index import render_index
from workbench.reports.site import address, publish, write_comparison, write_whole

HOSTILE = ["<script>alert(1)</script>", "../../etc/passwd", "台積電 CoWoS", "a" * 300, "CON", ".", 'a"b', "POC", "poc"]


class References(HTMLParser):
    """Every address a page names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.found.append(value)
            if name == "content" and value and "url=" in value:
                self.found.append(value.partition("url=")[2])


def crawl(root: Path) -> tuple[set[Path], list[str]]:
    """Files that can be reached from the index by links, and the links that lead nowhere."""
    reached, waiting, broken = set(), [root / "index.html"], []
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix != ".html":
            continue
        text = page.read_text("utf-8")
        for link in [*References(text).found, *from_data(text)]:
            parts = urlsplit(link)
            if parts.scheme == "data" or not parts.path:
                continue
            target = (page.parent / unquote(parts.path)).resolve()
            if parts.scheme or parts.netloc or not target.is_file() or not target.is_relative_to(root.resolve()):
                broken.append(f"{page.relative_to(root)}: {link}")
            else:
                waiting.append(target)
    return reached, broken


def from_data(text: str) -> list[str]:
    """Addresses the index's script makes from its data."""
    rows = data_of(text).get("rows", [])
    pages = [f"runs/{row[0]}/index.html" for row in rows]
    return pages + [f"runs/{row[0]}/report.pdf" for row in rows if row[5]] + [row[6] for row in rows if row[6]]


def data_of(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found[1]) if found else {}


@pytest.fixture
def filled(store, examples):
    """Two subjects with history, one of them failing last, and subjects with names that attack paths and pages."""
    runs = store.notebook_runs
    for verdict in ("PASS", "MARGINAL", "FAIL"):
        runs.add(examples.realistic(1, verdict), verdict=verdict, summary=examples.summary(verdict))
    runs.add(examples.failing(), outcome="ERROR", verdict=None, summary=None)
    for number in range(2):
        runs.add(examples.notebook(), subject_id="ascend-910", notebook="notebooks/validation/benchmark_review.ipynb",
                 snapshot=number)  # fmt: skip
    for subject in HOSTILE:
        runs.add(examples.notebook(), subject_id=subject)
    return store


def test_every_link_of_the_site_holds(filled, home):
    done = publish(filled, home, pdf=False)
    assert len(done.written) == len(filled.notebook_runs.records)
    assert done.problems == []
    reached, broken = crawl(done.site)
    assert broken == []
    pages = {page for page in done.site.rglob("*.html") if "latest" not in page.parts}
    assert pages <= reached
    assert len([p for p in done.site.rglob("*.ipynb") if p in reached]) == len(done.written)


def test_the_stable_address_leads_to_the_newest_run(filled, home):
    done = publish(filled, home, pdf=False)
    page = done.site / "latest/design/stack_design/poc-face-to-face/index.html"
    newest = filled.notebook_runs.records[3]["run_id"]
    assert {link for link in References(page.read_text("utf-8")).found if "runs/" in link} == {
        f"../../../../runs/{newest}/index.html"
    }
    assert len(list((done.site / "latest/design/stack_design").iterdir())) == 1 + len(HOSTILE)
    assert (done.site / "latest/validation/benchmark_review/ascend-910/index.html").is_file()


def test_a_failed_run_links_to_the_last_complete_one(filled, home):
    done = publish(filled, home, pdf=False)
    failed, complete = (filled.notebook_runs.records[n]["run_id"] for n in (3, 2))
    page = (done.site / "runs" / failed / "index.html").read_text("utf-8")
    assert f'href="../{complete}/index.html"' in page
    assert f'href="../../compare/{complete}..{failed}.html"' in page


def test_a_second_publication_touches_nothing(filled, home):
    publish(filled, home, pdf=False)
    before = {p: p.stat().st_mtime_ns for p in (home / "site").rglob("*") if p.is_file()}
    time.sleep(0.01)
    done = publish(filled, home, pdf=False)
    assert (done.written, done.unchanged) == ([], len(filled.notebook_runs.records))
    assert {p: p.stat().st_mtime_ns for p in (home / "site").rglob("*") if p.is_file()} == before


def test_only_what_changed_is_made_again(filled, home, examples, monkeypatch):
    publish(filled, home, pdf=False)
    runs = filled.notebook_runs
    new = runs.add(examples.notebook(), subject_id="poc")
    runs.records[0]["executed_sha256"] = "9" * 64
    assert publish(filled, home, pdf=False).written == [runs.records[0]["run_id"], new["run_id"]]
    lost = home / "site" / "runs" / new["run_id"] / "index.html"
    lost.unlink()
    assert publish(filled, home, pdf=False).written == [new["run_id"]]
    monkeypatch.setattr(site, "look_version", lambda: "another look")
    assert len(publish(filled, home, pdf=False).written) == 2 + len(HOSTILE)  # the newest of each subject
    assert len(publish(filled, home, pdf=False, rebuild=True).written) == len(runs.records)


def test_a_publication_that_was_interrupted_continues(filled, home, monkeypatch):
    real, left = site.render, [5]

    def render(*args, **named):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(site, "render", render)
    with pytest.raises(KeyboardInterrupt):
        publish(filled, home, pdf=False)
    monkeypatch.setattr(site, "render", real)
    done = publish(filled, home, pdf=False)
    assert (len(done.written), done.unchanged) == (len(filled.notebook_runs.records) - 5, 5)
    assert crawl(done.site)[1] == []
    assert not list(done.site.rglob("*.part"))


def test_one_run_can_be_published_alone(filled, home):
    wanted = filled.notebook_runs.records[2]["run_id"]
    done = publish(filled, home, [wanted], pdf=False)
    assert done.written == [wanted]
    assert crawl(done.site)[1] == []
    assert [row[0] for row in data_of((done.site / "index.html").read_text("utf-8"))["rows"]] == [wanted]


def test_progress_is_told_from_nothing_to_all(filled, home):
    told = []
    publish(filled, home, pdf=False, progress=lambda fraction, label: told.append((fraction, label)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert all(isinstance(label, str) and label for _, label in told)


def test_a_lost_notebook_costs_only_its_results(store, home, examples):
    store.notebook_runs.add(executed_path="runs/lost.ipynb")
    broken = store.notebook_runs.add(examples.notebook())
    (home / broken["executed_path"]).write_text("{", "utf-8")
    done = publish(store, home, pdf=False)
    assert [problem.rule for problem in done.problems] == ["report.no_notebook"] * 2
    assert crawl(done.site)[1] == []


def test_without_chromium_there_is_every_page_and_one_problem(filled, home, monkeypatch):
    monkeypatch.setenv("CHROME", str(home / "no" / "chromium"))
    done = publish(filled, home)
    assert [(p.rule, p.exit_code) for p in done.problems] == [("report.no_chromium", 6)]
    assert "apt install chromium" in done.problems[0].sentence("en")
    assert len(done.written) == len(filled.notebook_runs.records)
    assert (done.printed, crawl(done.site)[1]) == (0, [])
    assert publish(filled, home).written == []  # and it is not tried again while it is absent


def test_a_page_that_cannot_be_printed_keeps_its_page(filled, home, monkeypatch):
    monkeypatch.setattr(site, "browser_path", lambda: "chromium")
    monkeypatch.setattr(site, "driver_path", lambda: "chromedriver")

    class Jammed:
        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

        def print(self, page, target):
            raise RunError("report.not_printed", where=page, got="jammed")

    monkeypatch.setattr(site, "Printer", Jammed)
    done = publish(filled, home)
    assert {p.rule for p in done.problems} == {"report.not_printed"}
    assert crawl(done.site)[1] == []
    assert not [
        link for p in done.site.rglob("*.html") for link in References(p.read_text("utf-8")).found if "pdf" in link
    ]


def test_a_folder_that_cannot_be_written_is_named(filled, home):
    home.mkdir(exist_ok=True)
    (home / "site").write_text("a file where the folder should be", "utf-8")
    with pytest.raises(RunError) as refused:
        publish(filled, home, pdf=False)
    assert (refused.value.rule, refused.value.exit_code) == ("report.not_written", 4)
    assert str(home / "site") in refused.value.sentence("en")


def test_an_empty_store_says_what_to_do_first(store, home):
    page = (publish(store, home).site / "index.html").read_text("utf-8")
    assert "workbench demo" in page
    assert "workbench nightly" in page
    assert "尚無報告" in page


def test_the_index_holds_both_languages_figures_and_hostile_names(filled, home):
    page = (publish(filled, home, pdf=False).site / "index.html").read_text("utf-8")
    data = data_of(page)
    assert data["studies"][0]["title"] == {"en": "Stack design", "zh-Hant": "堆疊設計"}
    assert set(HOSTILE) <= {subject for subject, _ in data["subjects"]}
    assert page.count("<script") == 2
    assert html.escape(HOSTILE[0]) in page
    assert not re.search(r"""(?:href|src)\s*=\s*["']?\s*(?:https?:)?//""", page)


def test_the_index_of_ten_thousand_runs_stays_small(examples):
    runs, pages = [], {}
    for number in range(10_000):
        run_id = f"01977c1e-5a1b-7c33-9f10-{number:012d}"
        runs.append(examples.record(run_id=run_id, subject_id=f"design-{number % 3000}"))
        pages[run_id] = {"folder": run_id, "pdf": True, "title": "Stack design", "compare": ""}
        if number >= 3000:
            pages[run_id]["compare"] = f"compare/{run_id}..01977c1e-5a1b-7c33-9f10-{number - 3000:012d}.html"
    page = render_index(runs, pages, made_at="2026-03-01T02:14:09+08:00")
    assert len(page.encode()) < 3_000_000
    assert page.count("<tr>") <= 101
    assert len(data_of(page)["rows"]) == 10_000


def test_two_runs_compared_on_request(filled, home):
    publish(filled, home, pdf=False)
    a, b = (filled.notebook_runs.records[n]["run_id"] for n in (0, 5))
    path = write_comparison(filled, home, a, b)
    assert path == home / "site" / "compare" / f"{a}..{b}.html"
    links = [link for link in References(path.read_text("utf-8")).found if not link.startswith(("#", "data:"))]
    assert all((path.parent / link).is_file() for link in links)
    with pytest.raises(InputError):
        write_comparison(filled, home, a, "nobody")


@pytest.mark.parametrize("text", [*HOSTILE, "", "a/b", "a b", "...", "-", "x.y_z-1"])
def test_an_address_is_a_safe_name(text):
    name = address(text)
    assert re.fullmatch(r"[a-z0-9_-][a-z0-9._-]{0,90}", name), name
    assert address("x.y_z-1") == "x.y_z-1"


def test_different_names_get_different_addresses():
    names = [*HOSTILE, "", "a/b", "a b", "a-b", "..."]
    assert len({address(name) for name in names}) == len(names)


def test_a_file_is_written_whole_and_only_when_it_differs(tmp_path):
    path = tmp_path / "a" / "b.html"
    assert write_whole(path, "one")
    assert not write_whole(path, "one")
    assert write_whole(path, "two 二")
    assert path.read_text("utf-8") == "two 二"
    assert [p.name for p in path.parent.iterdir()] == ["b.html"]
