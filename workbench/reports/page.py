"""One run's report as one self-contained HTML page."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from workbench.reports import chrome, outputs
from workbench.units import symbol_of

CSS = ("blocks.css", "page.css", "report.css", "print.css")
JS = ("chrome.js",)


@dataclass(frozen=True)
class Links:
    """Addresses beside the page, relative to it; an empty one is not shown."""

    home: str = ""
    latest: str = ""
    pdf: str = ""
    notebook: str = ""
    compare: str = ""  # with the run before it
    complete: str = ""  # the last run of this subject that finished, shown when this one did not


def render(record: Mapping[str, Any], executed: Any, *, links: Links | None = None) -> str:
    """The report of a run as HTML: one file, no address outside it.

    `record` is the notebook run's record (unknown or missing fields show as a dash), `executed` the executed
    notebook (nbformat 4), or None when the run ended before it was written. Never raises for what they contain.
    """
    body = outputs.read(executed) if executed is not None else outputs.Body()
    summary = _summary(record, body)
    outcome = str(record.get("outcome") or "DONE")
    failed = outcome != "DONE" or body.failure is not None
    verdict = (outcome if outcome in ("ERROR", "TIMEOUT") else "ERROR") if failed else _verdict(record, summary)
    title = _title(record, executed)
    english = chrome.in_all_languages(title)["en"]
    subject = str(record.get("subject_id") or "")
    values = {
        "title": title,
        "tab_title": " · ".join(part for part in (subject, english) if part),
        "subject": subject,
        "subject_title": _subject_title(record, summary, title),
        "verdict": verdict,
        "figures": [] if failed else [_figure(f) for f in _dicts(summary.get("figures"))],
        "reasons": [] if failed else [r for r in _list(summary.get("reasons")) if isinstance(r, str | dict)],
        "has_summary": bool(summary),
        "failed": failed,
        "timed_out": outcome == "TIMEOUT",
        "failure": body.failure,
        "error": str(record.get("error") or ""),
        "command": _command(record),
        "record": _Shown(record),
        "parameters": _parameters(record, executed),
        "parameter_table": Markup(body.parameters) if body.parameters else None,
        "packages": sorted(_mapping(record.get("packages")).items(), key=lambda item: str(item[0]).lower()),
        "machine": _mapping(record.get("machine")).items(),
        "body": Markup("\n".join(body.html)),
        "headings": [(h.level, h.anchor, Markup(h.html)) for h in body.headings],
        "code": body.code,
        "messages": "\n".join(body.messages)[-outputs.MAX_TEXT :],
        "links": links or Links(),
        "print_label": Markup(css_string(f"{subject or english} · {record.get('run_id', '')}")),
    }
    return chrome.page("report.html.j2", css=CSS, js=JS, **values)


def css_string(text: str) -> str:
    """`text` as a CSS string that cannot end its style element."""
    safe = "".join(c if c.isalnum() or c in " ·._-" else f"\\{ord(c):x} " for c in text[:120] if c.isprintable())
    return f'"{safe}"'


def read_json(value: Any) -> Any:
    """A JSON column of a record, whether the store gave text or the value; None when it cannot be read."""
    if isinstance(value, str | bytes):
        try:
            return json.loads(value)
        except ValueError:
            return None
    return value


class _Shown(dict):
    """A record in which what is missing shows as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        return "–" if value is None or value == "" else value


def _summary(record: Mapping[str, Any], body: outputs.Body) -> dict[str, Any]:
    return body.summary or _mapping(record.get("summary"))


def _verdict(record: Mapping[str, Any], summary: dict[str, Any]) -> str:
    return str(record.get("verdict") or summary.get("verdict") or "NONE")


def _title(record: Mapping[str, Any], executed: Any) -> dict[str, str] | str:
    declared = _metadata(executed).get("title")
    if isinstance(declared, dict | str) and declared:
        return declared
    return str(record.get("title") or record.get("notebook") or "–")


def _subject_title(record: Mapping[str, Any], summary: dict[str, Any], title: Any) -> Any:
    """What the subject is called, when that says more than its id and the notebook's title."""
    known = {str(record.get("subject_id") or ""), *chrome.in_all_languages(title).values()}
    candidates = (summary.get("title"), record.get("title"))
    return next((c for c in candidates if c and isinstance(c, str | dict) and str(c) not in known), "")


def _metadata(executed: Any) -> dict[str, Any]:
    return _mapping(executed.metadata.get("workbench")) if executed is not None else {}


def _figure(figure: dict[str, Any]) -> dict[str, Any]:
    low, high = figure.get("shown_low"), figure.get("shown_high")
    label = figure.get("label")
    return {
        "label": label if isinstance(label, dict) else str(label or ""),
        "shown": str(figure.get("shown") or "–"),
        "said": isinstance(figure.get("value"), str),  # words, not a number: set smaller
        "unit": chrome.unit_symbol(str(figure.get("unit") or "")),
        "range": f"{low or '–'} … {high or '–'}" if low or high else "",
        "verified": figure.get("verified", True) is not False,
        "synthetic": bool(figure.get("synthetic")),
    }


def _parameters(record: Mapping[str, Any], executed: Any) -> list[tuple[Any, str, str]]:
    """(label, value, unit) of each parameter, with the declared labels where the declaration can be found."""
    values = _mapping(record.get("parameters"))
    declared = _declared(str(_metadata(executed).get("parameters") or ""))
    return [(declared.get(name, name), _value(value), symbol_of(str(name))) for name, value in values.items()]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.12g}"
    return "–" if value is None else str(value)


def _declared(where: str) -> dict[str, Any]:
    """Labels of a Parameters class named ``workbench.area.module:Class``; empty when it is not there."""
    if not re.fullmatch(r"workbench(\.\w+)+:\w+", where):
        return {}
    module, _, name = where.partition(":")
    try:
        fields = getattr(importlib.import_module(module), name).fields()
        return {field.name: field.label for field in fields}
    except Exception:  # an old report must open although its parameters have moved since
        return {}


def _command(record: Mapping[str, Any]) -> str:
    """The command that makes this run again."""
    values = _mapping(record.get("parameters"))
    pairs = "".join(f" -p {_quoted(f'{name}={value}')}" for name, value in values.items())
    return f"workbench run {_quoted(str(record.get('notebook') or 'NOTEBOOK'))}{pairs}"


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\\''") + "'"


def _mapping(value: Any) -> dict[str, Any]:
    value = read_json(value)
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
