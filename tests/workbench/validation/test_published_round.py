"""Against the whole published round v5.1: our facts, LoadGen's early stopping, the rules."""

from __future__ import annotations

import re

import pytest

from workbench import facts
from workbench.validation import early_stopping, mllog, rules

UNITS = {"Tokens/s": "tokens/s", "Samples/s": "samples/s", "Queries/s": "queries/s", "Latency (ms)": "ms",
         "Watts": "W", "millijoules": "mJ"}  # fmt: skip
CLASSES = {"resnet50": "resnet", "llama3_1-405b": "llama3.1-405b", "llama3_1-8b": "llama3.1-8b"}


def test_every_verified_figure_is_the_published_one(published_round):
    summary, _ = published_round
    rows = {(r["ID"], r["Suite"], r["Category"], r["Model"], r["Scenario"]): r for r in summary}
    seen = 0
    for system in facts.load("benchmarks/published")["systems"]:
        for run in system["runs"]:
            if run["round"] != "v5.1":
                assert not run["verified"]
                continue
            assert run["verified"]
            suite = run["suite"].removeprefix("MLPerf Inference: ")
            model = run["benchmark"].split("/")[0]
            row = rows[run["published_id"], suite, run["division"], model, run["scenario"]]
            assert (row["inferred"], row["Accuracy"]) == (run["inferred"], run["accuracy"])
            performance, *power = run["results"]
            assert performance["value"] == row["Performance_Result"]
            if model == "whisper":  # the trap: tokens under the head Samples/s
                assert (performance["unit"], row["Performance_Units"]) == ("tokens/s", "Samples/s")
                assert "note" in run
            else:
                assert performance["unit"] == UNITS[row["Performance_Units"]]
            assert [(p["value"], p["unit"]) for p in power] == (
                [(row["Power_Result"], UNITS[row["Power_Units"]])] if row.get("Power_Result") else []
            )
            seen += 1
    assert seen == 47


def test_whisper_counts_tokens(published_round):
    _, logs = published_round
    text = next(text for path, text in logs.items() if "SR680a_V3_B200SXMx8_TRT/whisper" in str(path))
    log = mllog.parse(text)
    assert (log["result_samples_per_second"], log["result_tokens_per_second"]) == (688.623, 43698.6)


def test_early_stopping_discards_what_loadgen_discarded(published_round):
    """Anchor A3: every SingleStream and MultiStream log of the round (many serve an inferred scenario's folder too)."""
    _, logs = published_round
    pattern = re.compile(r'"early_stopping_result", "value": "[^"]*Would discard (\d+) highest')
    checked = 0
    for path, text in logs.items():
        scenario = re.search(r'"effective_scenario", "value": "(\w+)"', text)[1]
        found = pattern.search(text)
        if scenario not in ("SingleStream", "MultiStream") or not found:
            continue
        count = int(re.search(r'"result_query_count", "value": (\d+)', text)[1])
        percentile = float(re.search(r'"effective_target_latency_percentile", "value": ([\d.]+)', text)[1])
        assert early_stopping.discarded_queries(count, percentile=percentile) == int(found[1]), path
        checked += 1
    assert checked == 836


@pytest.mark.parametrize("scenario", ["singlestream", "multistream", "server", "offline", "interactive"])
def test_closed_results_hold_the_rules(published_round, scenario):
    """What MLCommons accepted in the closed division must not be refused here (accuracy is judged elsewhere)."""
    _, logs = published_round
    official = rules.load(rules.OFFICIAL)
    quality = rules.Quality("not judged", 1, 1, 0.99, 1, 1)
    checked = 0
    for path, text in logs.items():
        if "closed" not in path.parts or path.parts[-4].lower() != scenario:
            continue
        benchmark = CLASSES.get(path.parts[-5], path.parts[-5])
        findings = rules.check(mllog.parse(text), rules=official, benchmark=benchmark, quality=quality)
        assert rules.valid(findings), (path, [f for f in findings if not f.ok])
        checked += 1
    assert checked > 10


def test_token_latency_limits_are_those_of_the_logs(published_round):
    _, logs = published_round
    limits = rules.load(rules.OFFICIAL).document["token_latency_limit_ms"]
    checked = 0
    for path, text in logs.items():
        scenario = path.parts[-4].capitalize()
        benchmark = CLASSES.get(path.parts[-5], path.parts[-5])
        if "closed" not in path.parts or scenario not in limits.get(benchmark, {}):
            continue
        limit = limits[benchmark][scenario]
        log = mllog.parse(text)
        assert log["requested_server_ttft_latency"] == limit["first_token"] * 1e6, path
        assert log["requested_server_tpot_latency"] == limit["per_token"] * 1e6, path
        checked += 1
    assert checked > 100
