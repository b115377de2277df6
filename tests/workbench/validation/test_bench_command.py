"""`workbench bench`: measured, listed, shown; data as JSON where it is data."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from workbench.cli.bench import command
from workbench.errors import InputError


def run(*arguments: str):
    done = CliRunner().invoke(command, arguments, catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_an_empty_store_says_what_to_do():
    assert "workbench bench measure" in run("list").stdout


def test_measure_list_show():
    facts = json.loads(run("measure", "--duration-s", "1", "--scenario", "singlestream", "--json").stdout)
    assert facts["scenario"] == "SingleStream"
    assert facts["valid"] == {"rules_v5.1": False, "rules_short": False}
    assert "text" not in facts["logs"]["performance"]["mlperf_log_detail.txt"]
    rows = json.loads(run("list", "--json").stdout)
    assert {row["run_id"] for row in rows} == {facts["run_id"]}
    assert not any(row["official"] for row in rows)
    assert facts["run_id"] in run("list").stdout
    assert json.loads(run("list", "--system", "nobody", "--json").stdout) == []
    page = run("show", facts["run_id"]).stdout
    assert "INVALID under “MLPerf Inference v5.1”" in page
    assert "Minimum duration: 1\u00a0s (≥\u00a0600\u00a0s)" in page
    stored = json.loads(run("show", facts["run_id"], "--json").stdout)
    assert stored["document"]["logs"]["performance"]["mlperf_log_detail.txt"]["text"].startswith(":::MLLOG")


@pytest.mark.parametrize("arguments", [("show", "own-nobody"), ("measure", "--duration-s", "0.1")])
def test_refused(arguments):
    with pytest.raises(InputError):
        run(*arguments)


def test_an_unknown_scenario_is_a_usage_error():
    assert run("measure", "--scenario", "Streaming").exit_code == 2
