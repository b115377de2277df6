"""Two runs side by side: verdict, figures with their difference, parameters, and what else was not the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.reports import chrome
from workbench.reports.page import read_json
from workbench.schema.summary import shown
from workbench.units import symbol_of

_CAUSES = {
    "parameters": "report.parameters",
    "code": "report.code_version",
    "data": "report.data_of_subject",
    "packages": "report.packages",
    "machine": "report.machine",
}
_CODE = ("report.code_version", "report.source_hash", "report.lock_hash")


@dataclass(frozen=True)
class Difference:
    """One compared item. `change` is empty when it cannot be computed, `changed` says whether it differs."""

    label: Any
    a: Any  # text, or {language: text}
    b: Any
    change: str = ""
    percent: str = ""
    changed: bool = False


@dataclass(frozen=True)
class Comparison:
    """What differs between run `a` (the earlier) and run `b`."""

    verdict_a: str
    verdict_b: str
    figures: tuple[Difference, ...]
    parameters: tuple[Difference, ...]
    provenance: tuple[Difference, ...]
    packages: tuple[Difference, ...]
    machine: tuple[Difference, ...]
    data_changed: bool = False

    @property
    def verdict_changed(self) -> bool:
        return self.verdict_a != self.verdict_b

    @property
    def causes(self) -> tuple[str, ...]:
        """Catalogue keys of what was not the same and may explain a difference."""
        differs = {
            "parameters": any(d.changed for d in self.parameters),
            "code": any(d.changed for d in self.provenance if d.label in _CODE),
            "data": self.data_changed,
            "packages": bool(self.packages),
            "machine": bool(self.machine),
        }
        return tuple(_CAUSES[name] for name, different in differs.items() if different)


def verdict_of(record: Mapping[str, Any]) -> str:
    """The verdict of a run that finished, else how it failed."""
    outcome = str(record.get("outcome") or "DONE")
    return str(record.get("verdict") or "NONE") if outcome == "DONE" else outcome


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> Comparison:
    """Compare two run records; fields that are missing count as empty. Never raises for their content."""
    one, two = _mapping(a, "parameters"), _mapping(b, "parameters")
    names = [*one, *(name for name in two if name not in one)]
    provenance = tuple(_provenance(a, b))
    # The snapshot counts every writing to the store. That this subject's own data differ is known when the run keys
    # differ although all else that goes into them is the same.
    explained = one != two or any(row.changed for row in provenance if row.label in _CODE)
    return Comparison(
        verdict_a=verdict_of(a),
        verdict_b=verdict_of(b),
        figures=_figures(_mapping(a, "summary"), _mapping(b, "summary")),
        parameters=tuple(_numeric(name, one.get(name), two.get(name), unit=symbol_of(str(name))) for name in names),
        provenance=provenance,
        packages=_differing(_mapping(a, "packages"), _mapping(b, "packages")),
        machine=_differing(_mapping(a, "machine"), _mapping(b, "machine")),
        data_changed=a.get("key") != b.get("key") and not explained,
    )


def render_compare(
    a: Mapping[str, Any], b: Mapping[str, Any], *, link_a: str = "", link_b: str = "", home: str = ""
) -> str:
    """The compare page of two runs as HTML."""
    return chrome.page(
        "compare.html.j2",
        css=("blocks.css", "page.css", "compare.css", "print.css"),
        js=("chrome.js",),
        found=compare(a, b),
        a=a,
        b=b,
        link_a=link_a,
        link_b=link_b,
        home=home,
    )


def _figures(a: dict[str, Any], b: dict[str, Any]) -> tuple[Difference, ...]:
    one, two = _by_key(a), _by_key(b)
    rows = []
    for key in [*one, *(key for key in two if key not in one)]:
        left, right = one.get(key, {}), two.get(key, {})
        label = (right or left).get("label") or key
        units = {chrome.unit_symbol(str(side.get("unit") or "")) for side in (left, right) if side}
        unit = units.pop() if len(units) == 1 else None
        row = _numeric(
            label, left.get("value"), right.get("value"),
            unit=unit or "", comparable=unit is not None,
            decimals=max(_decimals(side.get("shown")) for side in (left, right)),
        )  # fmt: skip
        shown_a, shown_b = (_shown_figure(side) for side in (left, right))
        changed = row.changed or shown_a != shown_b
        rows.append(Difference(label, shown_a, shown_b, row.change, row.percent, changed))
    return tuple(rows)


def _by_key(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    figures = summary.get("figures")
    found = [f for f in figures if isinstance(f, dict)] if isinstance(figures, list) else []
    return {str(f.get("key") or f.get("label")): f for f in found}


def _shown_figure(figure: dict[str, Any]) -> str:
    if not figure:
        return "–"
    return f"{figure.get('shown') or '–'} {chrome.unit_symbol(str(figure.get('unit') or ''))}".strip()


def _decimals(text: Any) -> int:
    """Decimals of a number as shown: a difference is shown to the same place."""
    return len(str(text).partition(".")[2]) if re.fullmatch(r"-?[\d,]+\.\d+", str(text)) else 0


def _numeric(
    label: Any, a: Any, b: Any, *, unit: str, decimals: int | None = None, comparable: bool = True
) -> Difference:
    left, right = (f"{_text(v)} {unit if _number(v) else ''}".strip() for v in (a, b))
    change = percent = ""
    if comparable and _number(a) and _number(b) and a != b:
        size = f"{abs(b - a):,.6g}" if decimals is None else f"{abs(b - a):,.{decimals}f}"
        change = f"{_sign(b - a)}{size} {unit}".strip()
        percent = f"{_sign(b - a)}{shown(abs(100 * (b - a) / a), 3)} %" if a else ""
    return Difference(label, left, right, change, percent, a != b)


def _provenance(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    def row(label: str, show: Any, *, marked: bool = True) -> Difference:
        one, two = show(a), show(b)
        return Difference(label, one, two, changed=marked and one != two)

    def field(name: str) -> Any:
        return lambda record: _text(record.get(name))

    def hashed(name: str) -> Any:
        return lambda record: _text(record.get(name))[:16]

    def code(record: Mapping[str, Any]) -> Any:
        version = _text(record.get("code_version"))
        dirty = chrome.in_all_languages("chip.dirty")
        return {lang: f"{version} ({said})" for lang, said in dirty.items()} if record.get("dirty") is True else version

    return [
        row("report.subject", field("subject_id")),
        row("report.notebook", field("notebook")),
        row("report.made", lambda record: chrome.clock(record.get("started_at")), marked=False),
        row("report.code_version", code),
        row("report.source_hash", hashed("source_hash")),
        row("report.lock_hash", hashed("lock_sha256")),
        row("report.snapshot", field("snapshot"), marked=False),
        row("report.duration", lambda record: chrome.duration(record.get("duration_s")), marked=False),
    ]


def _differing(a: dict[str, Any], b: dict[str, Any]) -> tuple[Difference, ...]:
    names = sorted({*map(str, a), *map(str, b)})
    rows = (Difference(name, _text(a.get(name)), _text(b.get(name)), changed=True) for name in names)
    return tuple(row for row in rows if row.a != row.b)


def _mapping(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = read_json(record.get(name))
    return dict(value) if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.12g}"
    return "–" if value is None or value == "" else str(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _sign(value: float) -> str:
    return "+" if value > 0 else "−"
