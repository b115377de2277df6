"""A run record in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workbench.i18n import language, t
from workbench.schema import Verdict


def as_json(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with plain values only."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in record.items()}


def verdict(record: Mapping[str, Any]) -> str:
    """The verdict in the language in force, or how the run failed."""
    if record["outcome"] != "DONE":
        return t(f"run.outcome.{record['outcome']}")
    return Verdict(record["verdict"] or "NONE").word()


def say(record: Mapping[str, Any]) -> list[str]:
    """Verdict, deciding figures, reasons, cost and id: what a terminal shows after a run."""
    lines = [f"{verdict(record)}  {record['notebook']}  {record['title']}"]
    summary = record.get("summary") or {}
    for figure in summary.get("figures", ()):
        lines.append(f"  {figure['label'][language()]}: {figure['shown']} {_unit(figure['unit'])}".rstrip())
    lines += [f"  {reason[language()]}" for reason in summary.get("reasons", ())]
    cost = t(
        "run.cost",
        duration=f"{record['duration_s']:.1f}",
        cpu="–" if record["cpu_s"] is None else f"{record['cpu_s']:.1f}",
        memory="–" if record["peak_memory_mb"] is None else f"{record['peak_memory_mb']:.0f}",
    )
    return [*lines, f"  {cost}", f"  {t('run.id')}: {record['run_id']}"]


def _unit(name: str) -> str:
    from workbench.units import symbol_of

    return symbol_of(f"x_{name}") or name if name else ""
