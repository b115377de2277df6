"""The first page of the site: every subject's newest report, with search, filters and history.

The runs travel in the page as compact JSON, so that it works from a folder without a server; the newest ones
are also plain HTML for readers without scripts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from workbench.reports import chrome
from workbench.reports.compare import verdict_of
from workbench.reports.page import read_json
from workbench.runs.notebooks import is_what_if

STATIC_ROWS = 100
VERDICTS = ("ERROR", "TIMEOUT", "FAIL", "MARGINAL", "NONE", "PASS")  # what needs attention comes first


def render_index(runs: Sequence[Mapping[str, Any]], pages: Mapping[str, Mapping[str, Any]], *, made_at: Any) -> str:
    """The index as HTML.

    `runs` are records, newest first; `pages` gives for each run id its `folder`, `pdf` (bool), `compare` (address
    or "") and `title` (words). Runs without a page are left out.
    """
    shown = [run for run in runs if run["run_id"] in pages]
    newest = newest_of_each(shown)
    counts = {v: sum(verdict_of(run) == v for run in newest) for v in VERDICTS}
    return chrome.page(
        "index.html.j2",
        css=("blocks.css", "page.css", "index.css", "print.css"),
        js=("chrome.js", "index.js"),
        rows=[_row(run, pages[run["run_id"]]) for run in newest[:STATIC_ROWS]],
        left_out=max(0, len(newest) - STATIC_ROWS),
        counts={verdict: count for verdict, count in counts.items() if count},
        subjects=len(newest),
        runs=len(shown),
        made_at=made_at,
        data=Markup(_inline_json(_data(shown, newest, pages))),
    )


def newest_of_each(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first record of each notebook and subject, in the order given; a what-if only where nothing else is."""
    seen: dict[tuple[str, str], Mapping[str, Any]] = {}
    for run in (*(r for r in runs if not is_what_if(r)), *(r for r in runs if is_what_if(r))):
        seen.setdefault(subject_of(run), run)
    chosen = {run["run_id"] for run in seen.values()}
    return [run for run in runs if run["run_id"] in chosen]


def subject_of(run: Mapping[str, Any]) -> tuple[str, str]:
    return str(run.get("notebook") or ""), str(run.get("subject_id") or "")


def _row(run: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "verdict": verdict_of(run),
        "subject": run.get("subject_id") or "–",
        "name": _name(run, page),
        "title": page["title"],
        "address": f"runs/{page['folder']}/index.html",
        "pdf": f"runs/{page['folder']}/report.pdf" if page["pdf"] else "",
        "made": chrome.clock(run.get("started_at")),
        "figures": [
            {"label": f["label"], "shown": f.get("shown", "–"), "unit": chrome.unit_symbol(str(f.get("unit") or ""))}
            for f in _figures(run)
        ],
    }


def _name(run: Mapping[str, Any], page: Mapping[str, Any]) -> str:
    """What the subject is called, when neither its id nor the study's title says it already."""
    title = str(run.get("title") or "")
    return "" if title in (str(run.get("subject_id")), *chrome.in_all_languages(page["title"]).values()) else title


def _figures(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    summary = read_json(run.get("summary"))
    figures = summary.get("figures") if isinstance(summary, Mapping) else None
    if verdict_of(run) in ("ERROR", "TIMEOUT") or not isinstance(figures, list):
        return []
    return [f for f in figures if isinstance(f, dict) and f.get("label")][:2]


def _data(runs: Sequence[Mapping[str, Any]], newest: Sequence[Mapping[str, Any]], pages: Mapping[str, Any]) -> dict:
    """Columns as small numbers into lists of names: 10,000 runs stay below 3 MB."""
    studies, subjects, labels = _Numbered(), _Numbered(), _Numbered()
    titles: dict[int, Any] = {}
    first = {id(run) for run in newest}
    rows = []
    for run in runs:
        page = pages[run["run_id"]]
        study = studies[str(run.get("notebook") or "–")]
        titles.setdefault(study, chrome.in_all_languages(page["title"]))
        when = chrome.moment(run.get("started_at"))
        row = [
            page["folder"],
            study,
            subjects[json.dumps([str(run.get("subject_id") or "–"), _name(run, page)])],
            VERDICTS.index(v) if (v := verdict_of(run)) in VERDICTS else VERDICTS.index("NONE"),
            int(when.timestamp()) if when else 0,
            int(bool(page["pdf"])),
            page["compare"],
        ]
        if id(run) in first:
            row.append([_short(figure, labels) for figure in _figures(run)])
        rows.append(row)
    return {
        "studies": [{"name": name, "title": titles[number]} for number, name in enumerate(studies)],
        "subjects": [json.loads(subject) for subject in subjects],
        "labels": [json.loads(label) for label in labels],
        "verdicts": [{"name": v, "chip": str(chrome.verdict_chip(v))} for v in VERDICTS],
        "chips": {kind: str(chrome.chip(kind)) for kind in ("unverified", "synthetic")},
        "words": {
            name: str(chrome.both(f"report.{name}")) for name in ("history", "compare_before_short", "none_found")
        },
        "all": chrome.in_all_languages("report.all"),
        "rows": rows,
    }


def _short(figure: dict[str, Any], labels: _Numbered) -> list[Any]:
    return [
        labels[json.dumps(chrome.in_all_languages(figure["label"]))],
        str(figure.get("shown", "–")),
        chrome.unit_symbol(str(figure.get("unit") or "")),
        int(figure.get("verified") is False),
        int(bool(figure.get("synthetic"))),
    ]


class _Numbered(dict):
    """Names numbered in the order in which they are first asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def _inline_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
