"""`workbench report` on a real store: make, find, compare; each refusal with its exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.cli import main
from workbench.schema import Figure, Summary, Verdict
from workbench.store import Store

RUNS = ("01977c1e-5a1b-7c33-9f10-000000000001", "01977c1e-5a1b-7c33-9f10-000000000002")


@pytest.fixture
def runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two runs of one subject in a real store; no Chromium, so that the test is quick."""
    monkeypatch.setenv("CHROME", str(home / "absent"))
    store = Store.open()
    (home / "runs").mkdir(parents=True, exist_ok=True)
    for number, run_id in enumerate(RUNS):
        summary = Summary(Verdict.PASS, "POC", (Figure("label.value", 10.0 + number, "um"),)).as_dict()
        shown = new_output("display_data", data={Summary.MIME: summary, "text/plain": "PASS"})
        cells = [new_markdown_cell("## Cost\n\n成本"), new_code_cell("show()", outputs=[shown])]
        path = home / "runs" / f"{run_id}.ipynb"
        nbformat.write(new_notebook(cells=cells, metadata={"workbench": {"title": {"en": "Stack design"}}}), path)
        store.notebook_runs.add({
            "run_id": run_id, "notebook": "design/stack_design", "subject_kind": "design", "subject_id": "poc",
            "title": "POC", "parameters": {"design_id": "poc"}, "key": f"{number}", "code_version": "0.1.0",
            "dirty": False, "source_hash": "a", "lock_sha256": "b", "snapshot": store.snapshot(), "packages": {},
            "machine": {}, "started_at": datetime(2026, 3, 1 + number, 2, tzinfo=UTC), "duration_s": 1.0,
            "outcome": "DONE", "verdict": "PASS", "summary": summary, "executed_sha256": str(number),
            "executed_path": f"runs/{run_id}.ipynb",
        })  # fmt: skip
    return RUNS


def workbench(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_build_makes_the_site_and_names_what_is_missing(runs, home, capsys):
    code, out, err = workbench(capsys, "report", "build")
    assert code == 0
    assert "2 reports made, 0 printed, 0 unchanged" in out
    assert out.strip().endswith(str(home / "site" / "index.html"))
    assert "apt install chromium" in err
    page = (home / "site" / "runs" / runs[1] / "index.html").read_text("utf-8")
    assert "11.00" in page
    assert "µm" in page
    code, out, _ = workbench(capsys, "report", "build")
    assert (code, "0 reports made, 0 printed, 2 unchanged" in out) == (0, True)


def test_build_one_run_as_json(runs, home, capsys):
    code, out, _ = workbench(capsys, "report", "build", runs[0], "--no-pdf", "--json")
    answer = json.loads(out)
    assert (code, answer["written"], answer["problems"]) == (0, [runs[0]], [])
    assert Path(answer["index"]).is_file()


def test_path_names_a_page_that_is_there(runs, capsys):
    code, _, err = workbench(capsys, "report", "path")
    assert code == 2
    assert "workbench report build" in err
    workbench(capsys, "report", "build", "--no-pdf")
    for words in ([], [runs[0]]):
        code, out, _ = workbench(capsys, "report", "path", *words)
        assert code == 0
        assert Path(out.strip()).is_file()
    assert workbench(capsys, "report", "path", "nobody")[0] == 2


def test_compare_writes_a_page(runs, capsys):
    code, out, _ = workbench(capsys, "report", "compare", *runs)
    assert code == 0
    assert "+1.00 µm" in Path(out.strip()).read_text("utf-8")


@pytest.mark.parametrize("words", [("build", "nobody"), ("compare", "nobody", "nobody")])
def test_an_unknown_run_is_refused(runs, capsys, words):
    code, _, err = workbench(capsys, "report", *words)
    assert code == 2
    assert "nobody" in err
