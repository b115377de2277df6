"""`workbench bench`: measure this machine by the MLPerf method, list and show results."""

from __future__ import annotations

import json
from typing import Any

import click

from workbench.i18n import t
from workbench.schema.summary import shown

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")


@click.group()
def command() -> None:
    """Measure by the MLPerf method, list and show benchmark results. 量測與列出效能基準。"""


@command.command()
@click.option(
    "--scenario", type=click.Choice(SCENARIOS, case_sensitive=False), default="SingleStream", show_default=True
)
@click.option("--duration-s", type=float, default=10.0, show_default=True, help="MLPerf's rule is 600 s.")
@click.option("--backend", default="onnxruntime", show_default=True)
@click.option("--threads", type=int, default=1, show_default=True, help="Threads inside an operator.")
@click.option("--target-per-s", type=float, default=None, help="Arrival rate in Server (default: from the warm-up).")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def measure(
    scenario: str, duration_s: float, backend: str, threads: int, target_per_s: float | None, as_json: bool
) -> None:
    """Measure the digits classifier on this machine and store the run (unofficial, MLPerf method)."""
    from workbench.store import Store
    from workbench.validation.harness import measure as harness
    from workbench.validation.harness import record

    store = Store.open()  # before the run: a store that cannot be written must not cost the user ten minutes
    plan = harness.Plan(
        scenario=scenario, duration_s=duration_s, backend=backend, thread_count=threads, target_per_s=target_per_s
    )
    measured = harness.measure(plan, progress=None if as_json else _progress(duration_s))
    record.keep(store, measured)
    if as_json:
        click.echo(json.dumps(_facts(measured), indent=1, ensure_ascii=False))
        return
    _print_results(measured.results())
    _print_findings(measured)
    click.echo(t("bench.stored", run_id=measured.run_id, system_id=measured.system_id))


@command.command("list")
@click.option("--system", "system_id", default=None, help="Only this system.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(system_id: str | None, as_json: bool) -> None:
    """List every result in the store."""
    from workbench.store import Store

    frame = Store.open().benchmarks.results()
    if system_id:
        frame = frame[frame["system_id"] == system_id]
    if as_json:
        click.echo(frame.to_json(orient="records", force_ascii=False, indent=1))
        return
    if frame.empty:
        click.echo(t("bench.none"))
        return
    columns = ("system_id", "benchmark", "scenario", "metric", "value", "unit", "run_id")
    _print_table(columns, [[_cell(row[c]) for c in columns] for row in frame.to_dict("records")])


@command.command()
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is stored, as JSON.")
def show(run_id: str, as_json: bool) -> None:
    """Show one run: its results and, for a run measured here, every rule applied to it."""
    from workbench.store import Store
    from workbench.validation import run as runs

    stored = Store.open().benchmarks.run(run_id)
    if as_json:
        click.echo(json.dumps(stored, indent=1, ensure_ascii=False, default=str))
        return
    for name in ("system_id", "suite", "round", "division", "benchmark", "scenario", "source"):
        click.echo(f"{name:>10}  {stored[name]}")
    _print_results(stored["results"])
    if stored["suite"] == runs.SUITE:
        _print_findings(runs.from_document(stored["document"]))


def _progress(duration_s: float):
    def say(fraction: float, label: str) -> None:
        if label != "done":
            click.echo(t(f"bench.progress.{label}", duration=f"{duration_s:g}"), err=True)

    return say


def _facts(measured: Any) -> dict[str, Any]:
    from workbench.validation import rules

    document = measured.document()
    for files in document["logs"].values():
        files["mlperf_log_detail.txt"].pop("text")  # in the store; too long for a terminal
    valid = {name: measured.valid_under(name) for name in (rules.OFFICIAL, rules.SHORT)}
    return {"run_id": measured.run_id, "system_id": measured.system_id, "valid": valid,
            "results": measured.results(), **document}  # fmt: skip


def _print_results(rows: list[dict[str, Any]]) -> None:
    columns = ("metric", "value", "unit", "low", "high")
    _print_table(columns, [[_cell(row[c]) for c in columns] for row in rows])


def _print_findings(measured: Any) -> None:
    from workbench.validation import rules
    from workbench.validation.review import finding_got, finding_required

    for name in (rules.OFFICIAL, rules.SHORT):
        valid = measured.valid_under(name)
        verdict = t("bench.valid" if valid else "bench.invalid", rules=rules.load(name).title)
        click.secho(verdict, fg="green" if valid else "red")
        for finding in measured.findings[name]:
            if not finding.ok:
                rule = t(f"validation.rule.{finding.rule}")
                click.echo(f"  {rule}: {finding_got(finding)} ({finding_required(finding)})")


def _print_table(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    """Plain columns, never cut: keys are there to be copied, and lines to be piped on."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for number, row in enumerate([list(columns), *rows]):
        line = "  ".join(
            text.rjust(width) if name in ("value", "low", "high") else text.ljust(width)
            for name, text, width in zip(columns, row, widths, strict=True)
        ).rstrip()
        click.secho(line, bold=number == 0)


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN is the only value unlike itself
        return "–"
    return shown(value, 6) if isinstance(value, float) else str(value)
