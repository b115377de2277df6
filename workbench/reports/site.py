"""The static site: one permanent page per run, a stable address per subject, compare pages and the index.

Every file is written beside its place and moved there whole. A run's folder holds `made.json`, written last,
which says what it was made from; a publication that was interrupted continues where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from workbench.errors import MissingToolError, RunError, WorkbenchError
from workbench.i18n import language
from workbench.reports import chrome
from workbench.reports.compare import render_compare
from workbench.reports.index import newest_of_each, render_index, subject_of
from workbench.reports.page import Links, render
from workbench.reports.pdf import Printer, browser_path, driver_path

Progress = Callable[[float, str], None]
MADE = "made.json"


@dataclass
class Published:
    """What a publication did. `problems` are errors that left a page without its PDF or its notebook."""

    site: Path
    written: list[str] = field(default_factory=list)  # run ids whose page was made anew
    unchanged: int = 0
    printed: int = 0
    problems: list[WorkbenchError] = field(default_factory=list)


def publish(
    store: Any,
    home: Path,
    run_ids: Collection[str] | None = None,
    pdf: bool = True,
    progress: Progress | None = None,
    *,
    rebuild: bool = False,
) -> Published:
    """Bring `home`/site up to date with the store's notebook runs; `run_ids` limits the pages that are made.

    A run's page is made once, and again when its executed notebook differs, when a PDF is wanted that it lacks,
    or, for the newest run of each subject, when the look has changed since; `rebuild` makes all of them again.
    A missing Chromium or a page that cannot be printed is named in `problems` and costs only that PDF.
    Raises RunError: the site's folder cannot be written.
    """
    runs = store.notebook_runs.list()
    site = _Site(Path(home), runs, pdf=pdf)
    done = Published(site.root, problems=site.problems)
    wanted = [run for run in reversed(runs) if run_ids is None or run["run_id"] in run_ids]
    due = [run for run in wanted if rebuild or site.is_due(run)]
    done.unchanged = len(wanted) - len(due)
    tell = progress or (lambda fraction, label: None)
    try:
        _make_pages(site, due, done, tell)
        site.write_comparisons()
        site.write_newest()
        site.write_index()
    except OSError as error:  # a full disk, a folder that may not be written
        raise RunError("report.not_written", where=error.filename or site.root, got=error.strerror or error) from error
    tell(1.0, str(site.root / "index.html"))
    return done


def _make_pages(site: _Site, due: list[dict[str, Any]], done: Published, tell: Progress) -> None:
    with Printer() as printer, ThreadPoolExecutor(1) as printing:
        waiting: list[Future[bool]] = []
        try:
            for number, run in enumerate(due):
                tell(number / len(due), str(run["run_id"]))
                site.write_page(run)
                done.written.append(run["run_id"])
                if site.prints:  # Chromium prints one page while the next is being drawn
                    waiting.append(printing.submit(site.finish, run, printer))
                else:
                    site.finish(run, printer)
            done.printed = sum(future.result() for future in waiting)
        except BaseException:
            printing.shutdown(cancel_futures=True)  # what was not finished is made by the next publication
            raise


def write_comparison(store: Any, home: Path, run_a: str, run_b: str) -> Path:
    """The compare page of two runs, made now; its path. Raises InputError for an unknown run."""
    a, b = store.notebook_runs.get(run_a), store.notebook_runs.get(run_b)
    return _Site(Path(home), [b, a], pdf=False).write_comparison(a, b)


def address(text: str) -> str:
    """`text` as one folder or file name that is safe on every system; different texts stay different."""
    safe = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip(".-")[:80]
    reserved = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", safe)
    if safe and safe == text and not reserved:
        return safe
    return f"{safe}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}".strip("-")


def write_whole(path: Path, content: str | bytes) -> bool:
    """Write a file whole or not at all, and only when its content differs; whether it was written."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    try:
        if path.read_bytes() == data:
            return False
    except OSError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    os.replace(part, path)
    return True


@cache
def look_version() -> str:
    """Changes whenever a page would look different: hash of this package's code, templates and assets."""
    digest = hashlib.sha256()
    package = resources.files(__package__)
    for part in (package, package / "assets", package / "templates"):
        for file in sorted(part.iterdir(), key=lambda f: f.name):
            if file.name.endswith((".py", ".j2", ".css", ".js")):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


class _Site:
    """The folder and what is in it, for one publication."""

    def __init__(self, home: Path, runs: list[dict[str, Any]], *, pdf: bool) -> None:
        self.home, self.root, self.runs = home, home / "site", runs
        self.problems: list[WorkbenchError] = []
        self._newest = {run["run_id"] for run in newest_of_each(runs)}
        self._before = self._predecessors(only=lambda run: True)
        self._complete = self._predecessors(only=lambda run: run.get("outcome") == "DONE")
        self._made = {run["run_id"]: made for run in runs if (made := self._read_made(run))}
        self.prints = pdf and self._can_print()

    def is_due(self, run: Mapping[str, Any]) -> bool:
        made = self._made.get(run["run_id"])
        if made is None or made["executed"] != _executed_hash(run) or (self.prints and not made["pdf"]):
            return True
        return run["run_id"] in self._newest and (made["look"], made["language"]) != (look_version(), language())

    def write_page(self, run: Mapping[str, Any]) -> None:
        """The page of a run and the executed notebook beside it."""
        folder, executed, name = self._folder(run), None, ""
        if source := self._executed(run):
            try:
                executed = _notebook(source)
            except Exception as error:  # lost, cut off, or not a notebook: the record is shown without it
                self.problems.append(RunError("report.no_notebook", where=run["run_id"], got=str(error)[:200]))
            else:
                name = f"{address(source_name(run))}.ipynb"
                folder.mkdir(parents=True, exist_ok=True)
                _copy_whole(source, folder / name)
        title = executed.metadata.get("workbench", {}).get("title") if executed is not None else None
        self._made[run["run_id"]] = {
            "executed": _executed_hash(run),
            "look": look_version(),
            "language": language(),
            "pdf": self.prints,
            "title": title or run.get("title") or run.get("notebook") or "–",
            "notebook": name,
        }
        page = render(run, executed, links=self._links(run, name, pdf=self.prints))
        (folder / MADE).unlink(missing_ok=True)
        write_whole(folder / "index.html", page)

    def finish(self, run: Mapping[str, Any], printer: Printer) -> bool:
        """Print the page and mark the run as made; whether there is a PDF. Runs in the printing thread."""
        folder, made = self._folder(run), self._made[run["run_id"]]
        if made["pdf"]:
            try:
                printer.print(folder / "index.html", folder / "report.pdf")
            except WorkbenchError as error:
                self.problems.append(error)
                made["pdf"] = False
                page = (folder / "index.html").read_text("utf-8")
                write_whole(folder / "index.html", page.replace('<a href="report.pdf">PDF</a>', "", 1))
        write_whole(folder / MADE, json.dumps(made, ensure_ascii=False))
        return made["pdf"]

    def write_comparisons(self) -> None:
        """Each run with the one before it of the same subject, once both have a page."""
        by_id = {run["run_id"]: run for run in self.runs}
        for run_id, before in self._before.items():
            if before and run_id in self._made and before in self._made:
                a, b = by_id[before], by_id[run_id]
                if not (self.root / "compare" / _pair(a, b)).is_file():
                    self.write_comparison(a, b)

    def write_comparison(self, a: Mapping[str, Any], b: Mapping[str, Any]) -> Path:
        def link(run: Mapping[str, Any]) -> str:
            page = self._folder(run) / "index.html"
            return f"../runs/{page.parent.name}/index.html" if page.is_file() else ""

        home = "../index.html" if (self.root / "index.html").is_file() or self.runs else ""
        path = self.root / "compare" / _pair(a, b)
        write_whole(path, render_compare(a, b, link_a=link(a), link_b=link(b), home=home))
        return path

    def write_newest(self) -> None:
        """The stable address of each subject leads to its newest page."""
        for run in newest_of_each([run for run in self.runs if run["run_id"] in self._made]):
            path = self._latest(run) / "index.html"
            target = _relative(self._folder(run) / "index.html", path.parent)
            subject = str(run.get("subject_id") or source_name(run))
            page = chrome.page(
                "moved.html.j2",
                css=("page.css",), js=("chrome.js",),
                target=target, subject=subject, run_id=run["run_id"],
            )  # fmt: skip
            write_whole(path, page)

    def write_index(self) -> None:
        pages = {
            run_id: {"folder": address(run_id), "compare": self._compare(run_id), **made}
            for run_id, made in self._made.items()
        }
        when = max((m for run in self.runs if (m := chrome.moment(run.get("started_at")))), default=datetime.min)
        write_whole(self.root / "index.html", render_index(self.runs, pages, made_at=when))

    def _links(self, run: Mapping[str, Any], notebook: str, *, pdf: bool) -> Links:
        folder = self._folder(run)
        complete = self._complete.get(run["run_id"])
        return Links(
            home="../../index.html",
            latest=_relative(self._latest(run) / "index.html", folder),
            pdf="report.pdf" if pdf else "",
            notebook=notebook,
            compare=f"../../{there}" if (there := self._compare(run["run_id"])) else "",
            complete=f"../{address(complete)}/index.html" if complete in self._made else "",
        )

    def _compare(self, run_id: str) -> str:
        before = self._before.get(run_id)
        return f"compare/{address(before)}..{address(run_id)}.html" if before and before in self._made else ""

    def _predecessors(self, only: Callable[[Mapping[str, Any]], bool]) -> dict[str, str | None]:
        """For each run the run before it of the same subject that satisfies `only`; runs come newest first."""
        last: dict[tuple[str, str], str] = {}
        found: dict[str, str | None] = {}
        for run in reversed(self.runs):
            found[run["run_id"]] = last.get(subject_of(run))
            if only(run):
                last[subject_of(run)] = run["run_id"]
        return found

    def _folder(self, run: Mapping[str, Any]) -> Path:
        return self.root / "runs" / address(str(run["run_id"]))

    def _latest(self, run: Mapping[str, Any]) -> Path:
        subject = address(str(run.get("subject_id") or "all"))
        return self.root.joinpath("latest", *(address(part) for part in study_name(run).split("/") if part), subject)

    def _executed(self, run: Mapping[str, Any]) -> Path | None:
        if not run.get("executed_path"):
            return None
        path = Path(str(run["executed_path"]))
        return path if path.is_absolute() else self.home / path

    def _read_made(self, run: Mapping[str, Any]) -> dict[str, Any] | None:
        folder = self._folder(run)
        try:
            made = json.loads((folder / MADE).read_text("utf-8"))
            files = ["index.html", *(["report.pdf"] if made["pdf"] else []), *filter(None, [made["notebook"]])]
            if set(made) >= {"executed", "look", "language", "title"} and all((folder / f).is_file() for f in files):
                return made
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def _can_print(self) -> bool:
        try:
            return bool(browser_path() and driver_path())
        except MissingToolError as error:
            self.problems.append(error)
            return False


def study_name(run: Mapping[str, Any]) -> str:
    """A notebook's name without its folder `notebooks/` and its ending: ``design/stack_design``."""
    name = str(run.get("notebook") or "notebook").replace("\\", "/").removesuffix(".ipynb")
    return name.rpartition("notebooks/")[2].strip("/") or "notebook"


def source_name(run: Mapping[str, Any]) -> str:
    return study_name(run).rpartition("/")[2]


def _executed_hash(run: Mapping[str, Any]) -> str:
    return f"{run.get('outcome')}:{run.get('executed_sha256')}"


def _pair(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    return f"{address(str(a['run_id']))}..{address(str(b['run_id']))}.html"


def _relative(target: Path, folder: Path) -> str:
    return Path(os.path.relpath(target, folder)).as_posix()


def _notebook(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)


def _copy_whole(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.copyfile(source, part)
    os.replace(part, target)
