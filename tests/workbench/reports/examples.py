"""Executed notebooks and run records as the rest of the workbench makes them, built in code."""

from __future__ import annotations

import base64
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.reports.look import CHART_FONT, CHART_INK, CHART_LINE, CHART_MUTED

SUMMARY_MIME = "application/vnd.workbench.summary+json"
VEGALITE_MIME = "application/vnd.vegalite.v6+json"
PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
).decode()


def words(en: str, zh: str) -> dict[str, str]:
    return {"en": en, "zh-Hant": zh}


def figure(label: dict[str, str], shown: str, unit: str, value: float | None = None, **more: Any) -> dict[str, Any]:
    made = {"label": label, "key": label["en"].lower().replace(" ", "."), "value": value, "shown": shown, "unit": unit}
    made |= {"digits": 4, "verified": True, "synthetic": False, "low": None, "high": None}
    return made | {"shown_low": None, "shown_high": None} | more


def summary(verdict: str = "PASS", cost_usd: float = 412.0) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "title": "The fan-out assembly costs 18 % less than one large die",
        "figures": [
            figure(words("Cost of a good unit", "每個良品成本"), f"{cost_usd:.0f}", "usd", cost_usd,
                   low=cost_usd - 23, high=cost_usd + 31, shown_low="389", shown_high="443"),
            figure(words("Assembly yield", "封裝良率"), "94.1", "%", 94.1, verified=False),
            figure(words("Package area", "封裝面積"), "1,225", "mm2", 1225.0, synthetic=True),
        ],
        "reasons": [words("Yield stays above the limit of 90 %.", "良率高於 90 % 的下限。")],
    }  # fmt: skip


def chart(rows: int = 60, title: str = "製程溫度 (°C)") -> dict[str, Any]:
    rng = np.random.default_rng(1)
    values = [{"x": i, "y": float(20 + 3 * rng.standard_normal()), "lot": "AB"[i % 2]} for i in range(rows)]
    ink, muted, line = CHART_INK, CHART_MUTED, CHART_LINE
    axis = {"labelColor": muted, "titleColor": ink, "gridColor": line, "domainColor": muted, "tickColor": line,
            "titleFontWeight": "normal", "labelFontSize": 12, "titleFontSize": 13}  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.1.0.json",
        "data": {"values": values},
        "width": 560,
        "height": 240,
        "config": {"axis": axis, "view": {"stroke": None}, "range": {"category": ["#0072B2", "#E69F00"]},
                   "font": CHART_FONT},
        "layer": [
            {
                "mark": {"type": "line", "point": True, "clip": True},
                "encoding": {
                    "x": {"field": "x", "type": "quantitative", "title": "Wafer position 晶圓位置"},
                    "y": {"field": "y", "type": "quantitative", "title": title, "scale": {"domain": [10, 30]}},
                    "color": {"field": "lot", "type": "nominal", "title": "Lot 批次"},
                },
            },
            {"data": {"values": [{}]}, "mark": {"type": "rule", "color": ink, "strokeDash": [4, 3]},
             "encoding": {"y": {"datum": 27}}},
            {"data": {"values": [{}]}, "encoding": {"y": {"datum": 27}},
             "mark": {"type": "text", "align": "left", "dx": 4, "dy": -6, "x": 0, "color": ink,
                      "text": "upper limit 27 °C 上限"}},
        ],
    }  # fmt: skip


def table(rows: int = 6) -> str:
    body = "".join(
        f'<tr><td>fan_out_last</td><td class="num">{i * 1.25:.2f}</td><td class="num">{400 + i}</td></tr>'
        for i in range(rows)
    )
    return (
        '<div class="wb"><div class="wb-scroll"><table class="wb-table"><thead><tr><th scope="col">'
        '<span lang="en">Method</span><span lang="zh-Hant">方法</span></th><th scope="col" class="num">Area '
        '<span class="unit">(mm²)</span></th><th scope="col" class="num">Cost <span class="unit">(USD)</span>'
        f'<span class="wb-chip unverified">unverified</span></th></tr></thead><tbody>{body}</tbody></table></div></div>'
    )


def shows(mime: str, value: Any, plain: str = "") -> Any:
    return new_output("display_data", data={"text/plain": plain, mime: value})


def code(source: str, *outputs: Any, tags: tuple[str, ...] = (), cell_id: str | None = None) -> Any:
    cell = new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})
    if cell_id:
        cell["id"] = cell_id
    return cell


def notebook(*cells: Any, title: dict[str, str] | None = None) -> nbformat.NotebookNode:
    declared = {"title": title or words("Stack design", "堆疊設計"), "subject": "design_id"}
    return new_notebook(cells=list(cells), metadata={"workbench": declared})


def realistic(charts: int = 5, verdict: str = "PASS", cost_usd: float = 412.0) -> nbformat.NotebookNode:
    """A report of the usual size: summary, five charts with tables, words in both languages."""
    cells = [
        new_markdown_cell("# Stack design 堆疊設計\nWhat the assembly costs and why.\n\n此封裝的成本與原因。"),
        code('design_id = "poc"\nwafer_diameter_mm = 300', tags=("parameters",)),
        code("live.show(views.summary)", shows(SUMMARY_MIME, summary(verdict, cost_usd), "PASS")),
    ]
    for number in range(1, charts + 1):
        cells.append(new_markdown_cell(f"## Step {number} 步驟 {number}\nThe figure shows lot after lot. 圖示各批次。"))
        say = '<div class="wb"><p class="wb-say"><span lang="en">Every lot stays inside the limit.</span>'
        say += '<span lang="zh-Hant">各批次皆在規格內。</span></p></div>'
        details = f'<details class="wb-details"><summary>Table of values</summary>{table(30)}</details>'
        cells.append(
            code(
                "live.show(views.design.stack_table)",
                shows("text/html", say),
                shows(VEGALITE_MIME, chart(title=f"製程溫度 {number} (°C)")),
                shows("text/html", details),
                shows("text/html", table(6)),
                cell_id=f"chart{number}",
            )
        )
    return notebook(*cells)


def record(**changes: Any) -> dict[str, Any]:
    made = {
        "run_id": "01977c1e-5a1b-7c33-9f10-6a1e5d0c1a01",
        "notebook": "design/stack_design",
        "subject_kind": "design",
        "subject_id": "poc-face-to-face",
        "title": "Stack design",
        "parameters": {"design_id": "poc-face-to-face", "wafer_diameter_mm": 300, "method": "fan_out_last"},
        "key": "f" * 64,
        "code_version": "0.1.0+g34a0e2a",
        "dirty": False,
        "source_hash": "a" * 64,
        "lock_sha256": "b" * 64,
        "snapshot": 42,
        "packages": {"numpy": "2.2.1", "pandas": "2.3.0", "altair": "6.3.0"},
        "machine": {"system": "Linux 6.1", "processor": "x86_64", "cpus": 2, "memory_gb": 8},
        "started_at": "2026-03-01T02:14:09+08:00",
        "duration_s": 2.31,
        "cpu_s": 2.02,
        "peak_memory_mb": 214.4,
        "outcome": "DONE",
        "verdict": "PASS",
        "summary": summary(),
        "error": None,
        "executed_sha256": "c" * 64,
        "executed_path": "",
    }
    return made | changes


def failing() -> nbformat.NotebookNode:
    """A run that stopped: the message names what to mend, the traceback is coloured for a terminal."""
    error = new_output(
        "error",
        ename="InputError",
        evalue="The value lies outside the allowed range. Where: bond_line_um. Got: 120 µm. Allowed: 1 ... 100 µm",
        traceback=["\x1b[0;31mInputError\x1b[0m: <b>The value</b> lies outside"],
    )
    return notebook(new_markdown_cell("## Geometry 幾何"), code("review(p)", error, cell_id="broken"))
