from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

import workbench.doctor as doctor
from workbench.cli import workbench
from workbench.doctor.finding import missing, ok, warning

FINE = ok("fork", "doctor.fork.ok")
PALE = warning("fonts", "doctor.fonts.absent", cure="apt-get install fonts", font="Noto")
GONE = missing("python", "doctor.python.old", cure="make PYTHON=x run", version="3.9", required=">=3.11")


def run(monkeypatch, findings, *words):
    monkeypatch.setattr(doctor, "examine", lambda home: findings)
    return CliRunner().invoke(workbench, [*words], standalone_mode=False)


@pytest.mark.parametrize(
    ("findings", "code", "told"),
    [
        ([FINE], 0, "is here (0 warnings)"),
        ([FINE, PALE], 0, "is here (1 warnings)"),
        ([FINE, PALE, GONE], 6, "1 needed things are missing, 1 warnings"),
    ],
)
def test_only_what_is_needed_fails(monkeypatch, findings, code, told):
    done = run(monkeypatch, findings, "doctor")
    assert (done.return_value or getattr(done.exception, "exit_code", 0) or done.exit_code) == code
    assert told in done.output
    for finding in findings:
        assert finding.cure in done.output


def test_json_is_data_in_the_language_asked_for(monkeypatch):
    done = run(monkeypatch, [GONE], "--lang", "zh-Hant", "doctor", "--json")
    (told,) = json.loads(done.output)
    assert told == {
        "check": "python", "title": "Python", "state": "missing", "found": "版本 3.9 過舊，需要 >=3.11",
        "cure": "make PYTHON=x run",
    }  # fmt: skip


def test_every_finding_speaks_both_languages(home):
    for finding in doctor.examine(home):
        assert finding.title("zh-Hant")
        for lang in ("en", "zh-Hant"):
            assert "{" not in finding.sentence(lang)


def test_a_missing_package_does_not_stop_the_doctor(home, monkeypatch):
    monkeypatch.delitem(sys.modules, "workbench.doctor.data", raising=False)
    monkeypatch.delattr(doctor, "data", raising=False)
    monkeypatch.setitem(sys.modules, "workbench.store", None)
    last = doctor.examine(home)[-1]
    assert (last.check, last.state) == ("rest", "warning")
    assert "workbench.store" in last.sentence("en")
