"""The command line as a whole: fixed exit codes, words instead of tracebacks, both languages, quick to answer."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from workbench import cli
from workbench.errors import BusyError, InputError, MissingToolError, RunError, StoreError


@pytest.fixture
def failing(monkeypatch):
    """A command that raises what it is told."""

    def install(fault: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise fault

        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda self, ctx, name: command)

    return install


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return ended.value.code


CODES = [  # what is raised, exit code
    (InputError("param.missing", where="lot_id", name="lot_id"), 2),
    (StoreError("store.missing", where="x.duckdb"), 3),
    (RunError("run.failed", where="n", got="e", run_id="r"), 4),
    (BusyError("store.held", name="nightly", holder="pid 1"), 5),
    (MissingToolError("report.no_chromium"), 6),
    (ZeroDivisionError("secret"), 70),
    (KeyboardInterrupt(), 130),
]


@pytest.mark.parametrize(("fault", "code"), CODES, ids=lambda case: getattr(case, "rule", type(case).__name__))
def test_each_kind_of_fault_has_its_exit_code_and_no_traceback(failing, capsys, fault, code):
    failing(fault)
    assert run("anything") == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out


def test_an_error_says_all_its_parts_in_the_language_asked_for(failing, capsys, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "en")
    failing(InputError("param.out_of_range", where="bond_line_um", got="120 µm", allowed="1 ... 100 µm"))
    run("--lang", "zh-Hant", "anything")
    said = capsys.readouterr().err
    parts = ("數值超出允許範圍", "位置: bond_line_um", "實際值: 120 µm", "允許範圍: 1 ... 100 µm", "下一步", "exit 2")
    assert [part for part in parts if part not in said] == []


def test_a_defect_leaves_its_traceback_in_a_file(failing, capsys, home):
    failing(ZeroDivisionError("what went wrong"))
    assert run("anything") == 70
    assert "what went wrong" not in capsys.readouterr().err
    assert "ZeroDivisionError: what went wrong" in (home / "faults.log").read_text("utf-8")


def test_debug_shows_the_traceback(failing, capsys, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DEBUG", "")  # restored after the test, whatever --debug sets
    failing(InputError("param.missing", where="lot_id", name="lot_id"))
    assert run("--debug", "anything") == 2
    assert "Traceback" in capsys.readouterr().err


def test_unknown_commands_and_options_are_refused(capsys):
    assert run("no-such-command") == 2
    assert run("run") == 2
    assert run("store", "info", "--no-such-option") == 2


def test_help_imports_no_heavy_library():
    code = (
        "import sys\nfrom workbench.cli import workbench\n"
        "workbench.main(['--help'], standalone_mode=False)\n"
        "heavy = {'pandas', 'altair', 'duckdb', 'papermill', 'scipy', 'ipywidgets'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_fault():
    code = "import sys; from workbench.cli import main; main(['design', '--help'])"
    piped = f'{sys.executable} -c "{code}" | head -c 1'
    done = subprocess.run(piped, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr
