"""The nightly makes what is due, once; a killed, hung or failing run costs only itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import nbformat
import pytest

from tests.workbench.runs.conftest import notebook
from workbench.cli import main
from workbench.errors import BusyError
from workbench.runs import nightly, notebooks, provenance
from workbench.store import Store

CELLS = (
    'design_id = "a"\nthickness_um = 20.0',
    "from tests.workbench.runs.study import Study, conclude\nfrom workbench import runs\n"
    "p = Study.from_cell(globals())\nrun = runs.current(p)",
    "conclude(run, p)",
)
DECLARED = {
    "title": {"en": "Study", "zh-Hant": "研究"},
    "parameters": "tests.workbench.runs.study:Study",
    "subject": "design_id",
}


class Told:
    """Progress that remembers."""

    def __init__(self):
        self.said: list[tuple[str, str]] = []

    def begin(self, total):
        self.said.append(("begin", str(total)))

    def over(self, done):
        self.said.append(("over", done.job.label))

    def retry(self, job, record, pause_s):
        self.said.append(("retry", job.label))


@pytest.fixture
def farm(tmp_path, home, monkeypatch):
    """A store with a folder of one notebook; farm.design(id, **document), farm.night(**options) -> Digest."""
    folder = tmp_path / "notebooks"
    (folder / "design").mkdir(parents=True)
    made = notebook(*CELLS, tags={0: ["parameters"]}, metadata={"workbench": DECLARED})
    nbformat.write(made, folder / "design" / "study.ipynb")
    monkeypatch.setenv("WORKBENCH_NOTEBOOKS", str(folder))

    class Farm:
        store = Store.open()
        told = Told()
        path = folder / "design" / "study.ipynb"

        def design(self, design_id, size=1, **document):
            self.store.designs.add_revision(
                design_id, {"schema_version": 1, "size": size, **document},
                title=design_id.upper(), kind="test", author="test", note="",
            )  # fmt: skip

        def night(self, **options):
            self.told = Told()
            good, refused = notebooks.everything()
            with ThreadPoolExecutor(2) as executor:
                return nightly.run_night(
                    self.store, home, good, executor, at_once=2, refused=refused,
                    progress=self.told, **{"pause_s": 0.05, **options},
                )  # fmt: skip

        def runs(self):
            return self.store.notebook_runs.list()

        def count(self, kind):
            return sum(said == kind for said, _ in self.told.said)

    return Farm()


@pytest.fixture
def command(capsys):
    """command(*words) -> (exit code, stdout, stderr) of `workbench WORDS`, in this process."""

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        return ended.value.code, *capsys.readouterr()

    return run


# The code under test may be edited while the tests run: the night's two processes must see one version of it.
NIGHT = """
import sys
from workbench.runs import provenance
provenance.source_hash = lambda: "as it is"
from workbench.runs.forkengine import ForkServer
ForkServer._shared = ForkServer(preload=("workbench.runs.forkchild", "workbench.runs"))
from workbench.cli import main
main(["nightly", "--workers", "2", "--no-publish", "--json"])
"""


@pytest.fixture(autouse=True)
def one_version_of_the_code(monkeypatch):
    monkeypatch.setattr(provenance, "source_hash", lambda: "as it is")


def ids(entries):
    return [entry["subject_id"] for entry in entries]


def test_what_is_done_is_not_done_again(farm, home, monkeypatch):
    for design_id in "abc":
        farm.design(design_id, size=2)
    first = farm.night()
    assert sorted(ids(first.new)) == ["a", "b", "c"]
    assert first.complete
    assert (first.unchanged, first.nights_missed, first.continued) == (0, 0, False)
    records = {r["subject_id"]: r for r in farm.runs()}
    assert records["a"]["verdict"] == "PASS"
    assert records["a"]["summary"]["figures"][0]["value"] == 40

    again = farm.night()
    assert (again.unchanged, farm.count("over"), len(farm.runs())) == (3, 0, 3)

    farm.design("b", size=3, verdict="FAIL")  # the data of one subject
    third = farm.night()
    assert ids(third.changed_verdict) == ["b"]
    assert third.changed_verdict[0]["before"] == "PASS"
    assert third.unchanged == 2
    assert third.complete  # a FAIL is a result

    (home / records["a"]["executed_path"]).unlink()  # a report that could no longer be drawn
    assert ids(farm.night().same_verdict) == ["a"]

    document = nbformat.read(farm.path, as_version=4)
    document.cells[2].source += "  # changed"
    nbformat.write(document, farm.path)
    assert len(farm.night().same_verdict) == 3

    monkeypatch.setattr(provenance, "source_hash", lambda: "other code")
    assert len(farm.night().same_verdict) == 3
    assert farm.night().unchanged == 3


def test_outputs_and_counts_in_the_notebook_change_nothing(farm):
    farm.design("a")
    farm.night()
    document = nbformat.read(farm.path, as_version=4)
    document.cells[2].execution_count = 7
    document.cells[2].outputs = [nbformat.v4.new_output("stream", text="old")]
    nbformat.write(document, farm.path)
    assert farm.night().unchanged == 1


def test_faults_are_tried_again_and_verdicts_are_not(farm, tmp_path):
    farm.design("a", verdict="FAIL")
    farm.design("b", behaviour="crash once", mark=str(tmp_path / "mark"))
    farm.design("c", behaviour="raise")
    farm.design("d", behaviour="hang")
    digest = farm.night(retries=1, limit_s=3)
    attempts = {d: [r["outcome"] for r in farm.runs() if r["subject_id"] == d] for d in "abcd"}
    assert attempts == {"a": ["DONE"], "b": ["DONE", "ERROR"], "c": ["ERROR"] * 2, "d": ["TIMEOUT"] * 2}
    assert sorted(ids(digest.failed)) == ["c", "d"]
    assert not digest.complete
    errors = {f["subject_id"]: f for f in digest.failed}
    assert errors["c"]["error"] == "ValueError: no such wafer"
    assert errors["d"]["outcome"] == "TIMEOUT"
    assert all(r["verdict"] is None for r in farm.runs() if r["outcome"] != "DONE")
    assert farm.count("retry") == 3
    assert sorted(ids(farm.night(retries=0, limit_s=3).failed)) == ["c", "d"]  # and again the next night


def test_a_refused_input_is_not_retried_and_is_named(farm):
    farm.design("a")
    document = nbformat.read(farm.path, as_version=4)
    document.cells[2].source = "from workbench.errors import InputError; raise InputError('store.kind', got='x')"
    nbformat.write(document, farm.path)
    digest = farm.night(retries=5)
    assert digest.failed[0]["error"].startswith("InputError")
    assert len(farm.runs()) == 1


def test_a_notebook_that_cannot_be_read_is_named_and_stops_nobody(farm):
    farm.design("a")
    farm.path.with_name("broken.ipynb").write_text('{"metadata": {"workbench"')
    farm.path.with_name("lost.ipynb").write_text(farm.path.read_text().replace("study:Study", "study:Nobody"))
    digest = farm.night()
    assert {refused["rule"] for refused in digest.refused} == {"run.not_a_notebook", "run.no_parameters"}
    assert ids(digest.new) == ["a"]
    assert not digest.complete


def test_the_whole_kind_counts_when_a_notebook_reads_all(farm):
    document = nbformat.read(farm.path, as_version=4)
    document.metadata.workbench["reads"] = ["design"]
    nbformat.write(document, farm.path)
    farm.design("a")
    farm.design("b")
    farm.night()
    farm.design("b", size=5)
    assert sorted(ids(farm.night().same_verdict)) == ["a", "b"]


def test_a_page_that_is_only_worked_with_is_no_report(farm, command):
    farm.design("a")
    document = nbformat.read(farm.path, as_version=4)
    document.metadata.workbench["nightly"] = False
    nbformat.write(document, farm.path)
    code, out, _ = command("nightly", "--no-publish", "--json")
    assert (code, json.loads(out)["new"]) == (0, [])
    code, out, _ = command("nightly", "--only", str(farm.path), "--no-publish", "--json")  # made when asked for
    assert len(json.loads(out)["new"]) == 1


def test_missed_nights_are_counted(farm):
    farm.design("a")
    last = date.today() - timedelta(days=4)
    nightly.Night(farm.store, last).end(nightly.Digest(str(last)))
    digest = farm.night()
    assert (digest.nights_missed, digest.last_complete) == (3, str(last))
    assert farm.night().nights_missed == 0


def test_one_night_at_a_time(farm, command):
    farm.design("a")
    with farm.store.exclusive("nightly"):
        with pytest.raises(BusyError) as busy:
            farm.night()
        assert str(os.getpid()) in busy.value.sentence("en")
        code, _, said = command("nightly", "--no-publish")
    assert code == 5
    assert str(os.getpid()) in said


def test_a_killed_night_goes_on_where_it_stopped(farm, command):
    designs = [f"d{i}" for i in range(6)]
    for design_id in designs:
        farm.design(design_id, seconds=0.4)
    night = subprocess.Popen([sys.executable, "-c", NIGHT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 100
    while len(farm.runs()) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(night.pid, signal.SIGKILL)
    night.wait()
    before = farm.runs()
    assert 2 <= len(before) < 6
    code, out, err = command("nightly", "--workers", "2", "--no-publish", "--json")
    digest = json.loads(out)
    assert (code, digest["continued"], digest["unchanged"]) == (0, True, len(before))
    assert len(digest["new"]) == 6 - len(before)
    assert sorted(r["subject_id"] for r in farm.runs()) == designs  # each exactly once
    assert "[1/" in err  # plain lines where there is no terminal
    assert "━" not in err


def test_the_command_ends_with_4_when_a_report_is_missing(farm, command, monkeypatch):
    farm.design("a", behaviour="raise")
    farm.design("b", verdict="FAIL")
    code, out, _err = command("nightly", "--no-publish", "--retries", "0")
    assert code == 4
    assert "no such wafer" in out
    assert "FAIL" in out
    monkeypatch.setenv("WORKBENCH_LANG", "zh-Hant")
    code, out, _ = command("nightly", "--no-publish", "--retries", "0", "--dry-run")
    assert code == 0
    assert "待執行：1，未變更：1" in out


def test_one_run_and_its_record(farm, home, command):
    farm.design("a", size=2)
    farm.design("f", size=2, verdict="FAIL")
    code, out, _ = command("run", "study", "-p", "thickness_um=30", "--json")
    record = json.loads(out)
    assert code == 0
    assert record["parameters"] == {"design_id": "a", "thickness_um": 30}
    assert record["summary"]["figures"][0]["value"] == 60
    assert (record["outcome"], record["verdict"], record["notebook"]) == ("DONE", "PASS", "design/study")
    assert (home / record["executed_path"]).is_file()
    for name in (
        "code_version",
        "source_hash",
        "lock_sha256",
        "snapshot",
        "packages",
        "machine",
        "cpu_s",
        "peak_memory_mb",
    ):
        assert record[name], name
    assert (
        record["executed_sha256"]
        == __import__("hashlib").sha256((home / record["executed_path"]).read_bytes()).hexdigest()
    )
    assert farm.store.notebook_runs.get(record["run_id"])["key"] == record["key"]

    assert command("run", "study", "-p", "design_id=f")[0] == 1
    for wrong in ("design_id=nobody", "thickness_um=1000", "colour=red", "nonsense"):
        code, _, said = command("run", "design/study", "-p", wrong)
        assert (code, "Traceback" in said) == (2, False), wrong
    assert command("run", "nobody")[0] == 2
    assert len(farm.runs()) == 2


def test_runs_are_listed_compared_and_made_again(farm, command):
    farm.design("a", size=2)
    first = farm.night().new[0]["run_id"]
    farm.design("a", size=3, verdict="MARGINAL")
    second = farm.night().changed_verdict[0]["run_id"]

    def said(*words, code=0):
        ended, out, _ = command("runs", *words)
        assert ended == code
        return out

    assert [r["run_id"] for r in json.loads(said("list", "--json"))] == [second, first]
    assert second[-8:] in said("list", "--subject", "a")
    assert "size" not in said("list", "--subject", "nobody")
    assert json.loads(said("show", first, "--json"))["subject_id"] == "a"
    assert f"{first}.ipynb" in said("show", first[-8:])
    found = json.loads(said("compare", first, second, "--json"))
    assert (found["verdict_a"], found["verdict_b"]) == ("PASS", "MARGINAL")
    assert [f["changed"] for f in found["figures"]] == [True]
    assert "→ 60" in said("compare", first, second)
    said("show", "nobody", code=2)
    # the data have changed since; on its own snapshot the first run still gives its own numbers
    before = len(farm.runs())
    assert "Same verdict" in said("remake", first)
    assert len(farm.runs()) == before
