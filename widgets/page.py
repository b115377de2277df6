"""The blocks a notebook is made of: a sentence that concludes, a picture with its table, a table, a note.

Each block shows itself at once. Words come from the catalogue in both languages, so that a page can switch;
everything else is escaped: names in a customer's file are only ever text.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML, display

import widgets.theme  # noqa: F401  one look for every chart
from workbench.i18n import LANGUAGES, catalogue, language, t
from workbench.reports.look import VERDICT_SHAPES, tokens_css
from workbench.schema import Summary
from workbench.schema.summary import shown
from workbench.units import unit_of

Words = str | Mapping[str, str]
VALIDATE_CHARTS = False  # half of a notebook's CPU time; the tests draw every chart with it on


def words(key_or_text: Words, **values: Any) -> dict[str, str]:
    """A text in every language: a catalogue key, a ready mapping, or plain text that is the same in all."""
    if isinstance(key_or_text, Mapping):
        return dict(key_or_text)
    if key_or_text in catalogue():
        return {lang: t(key_or_text, lang, **values) for lang in LANGUAGES}
    return dict.fromkeys(LANGUAGES, key_or_text)


def spans(key_or_text: Words, **values: Any) -> str:
    """HTML of a text in every language; the page's language decides which one shows."""
    said = words(key_or_text, **values)
    if len(set(said.values())) == 1:
        return escape(next(iter(said.values())))
    return "".join(f'<span lang="{lang}">{escape(sentence)}</span>' for lang, sentence in said.items())


def html(body: str) -> None:
    """Show trusted HTML made by this package."""
    display(HTML(f'<div class="wb">{body}</div>'))


def style() -> str:
    """The blocks' style for JupyterLab and Voila; reports bring their own copy."""
    blocks = resources.files("workbench.reports").joinpath("assets/blocks.css").read_text("utf-8")
    hidden = next(lang for lang in LANGUAGES if lang != language())
    only = f'.wb [lang="{language()}"]{{display:inline!important}}.wb [lang="{hidden}"]{{display:none!important}}'
    return f"<style>{tokens_css()}{blocks}{only}</style>"


def say(key_or_text: Words, **values: Any) -> None:
    """What the reader should conclude; stands above a picture or table."""
    html(f'<p class="wb-say">{spans(key_or_text, **values)}</p>')


def note(key_or_text: Words, chip: str | None = None, **values: Any) -> None:
    """A quieter remark: a convention, an assumption, a source. `chip` as in `table`."""
    html(f'<p class="wb-note">{spans(key_or_text, **values)}{_chip(chip)}</p>')


def picture(chart: Any, *, say: Words | None = None, table: pd.DataFrame | None = None, **values: Any) -> None:
    """A chart (Altair) or an SVG string, its conclusion above and its table one click away.

    `values` fill the placeholders of `say`.
    """
    if say is not None:
        globals()["say"](say, **values)
    if isinstance(chart, str):
        html(f'<div class="wb-picture wb-scroll">{chart}</div>')
    else:
        # Drawn here and not by display(chart), which would turn a broken chart into a silent gap.
        drawn = alt.renderers.get()(chart.to_dict(validate=VALIDATE_CHARTS))
        data, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        display(data, metadata=metadata, raw=True)
    if table is not None:
        html(
            f'<details class="wb-details"><summary>{spans("label.table_of_values")}</summary>'
            f"{_table_html(table, {}, {}, '', {}, ())}</details>"
        )


def table(
    frame: pd.DataFrame,
    *,
    units: Mapping[str, str] | None = None,
    digits: Mapping[str, int] | None = None,
    caption: Words = "",
    flags: Mapping[Any, str] | None = None,
    right: tuple[str, ...] = (),
    **values: Any,
) -> None:
    """A table with units in the column heads and numbers right-aligned.

    A column's head is the catalogue's ``label.<column without unit>`` where there is one; its unit is the suffix
    of its name or `units[column]`. `digits` are significant digits (default 4). `flags` put a chip
    ("unverified", "synthetic", ...) beside a column's head (key: column) or one cell (key: (row index, column)).
    `right` names columns of numbers already written as text.
    """
    head = spans(caption, **values) if caption else ""
    html(_table_html(frame, units or {}, digits or {}, head, flags or {}, right))


def table_html(frame: pd.DataFrame, *, units: Mapping[str, str] | None = None) -> str:
    """The HTML of a table, for a block that holds more than one thing; as `table`."""
    return _table_html(frame, units or {}, {}, "", {}, ())


def _table_html(
    frame: pd.DataFrame,
    units: Mapping[str, str],
    digits: Mapping[str, int],
    caption: str,
    flags: Mapping[Any, str],
    right: tuple[str, ...],
) -> str:
    numeric = {
        c: c in right or (pd.api.types.is_numeric_dtype(frame[c]) and frame[c].dtype != bool) for c in frame.columns
    }
    heads = "".join(
        f'<th scope="col"{_num(numeric[c])}>{column_label(c, units.get(c))}{_chip(flags.get(c))}</th>'
        for c in frame.columns
    )
    rows = []
    for index, row in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        cells = "".join(
            f"<td{_num(numeric[c])}>{_cell(value, digits.get(c, 4))}{_chip(flags.get((index, c)))}</td>"
            for c, value in zip(frame.columns, row, strict=True)
        )
        rows.append(f"<tr>{cells}</tr>")
    head = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="wb-scroll"><table class="wb-table">{head}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def column_label(column: str, symbol: str | None = None) -> str:
    """HTML head of a column: its name in both languages and its unit in brackets."""
    unit = unit_of(column)
    stem = column.removesuffix("_" + unit.suffix) if unit else column
    symbol = symbol if symbol is not None else (unit.symbol if unit else "")
    key = next((k for k in (f"label.{column}", f"label.{stem}") if k in catalogue()), None)
    name = spans(key) if key else escape(stem.replace("_", " ").strip().capitalize() or column)
    return f'{name} <span class="unit">({escape(symbol)})</span>' if symbol else name


def _num(numeric: bool) -> str:
    return ' class="num"' if numeric else ""


def _cell(value: Any, digits: int) -> str:
    if isinstance(value, Mapping):
        return spans(value)
    if hasattr(value, "__html__"):  # markup this package made, a link for instance
        return value.__html__()
    if isinstance(value, bool | np.bool_):
        return spans("label.yes" if value else "label.no")
    if value is None or value is pd.NA or value is pd.NaT:
        return "–"
    if isinstance(value, np.generic):
        value = value.item()
    return escape(shown(value, digits) if isinstance(value, int | float) else str(value))


def _chip(kind: str | None) -> str:
    return f'<span class="wb-chip {escape(kind)}">{spans("chip." + kind)}</span>' if kind else ""


def summary(result: Any) -> None:
    """Verdict, deciding figures, reasons. Also hands them to the run record and the report's head."""
    concluded: Summary = getattr(result, "summary", result)
    facts = concluded.as_dict()
    bundle = {Summary.MIME: facts, "text/html": f'<div class="wb">{_summary_html(facts)}</div>'}
    bundle["text/plain"] = f"{concluded.verdict}: {concluded.title}"
    display(bundle, raw=True)


def _summary_html(facts: dict[str, Any]) -> str:
    verdict = facts["verdict"]
    chip = (
        f'<span class="wb-verdict {verdict}"><svg viewBox="0 0 16 16" aria-hidden="true">'
        f'<path fill-rule="evenodd" d="{VERDICT_SHAPES[verdict]}"/></svg>{spans("verdict." + verdict)}</span>'
    )
    figures = "".join(
        f"<div><dt>{spans(f['label'])}</dt><dd>{escape(f['shown'])} <small>{escape(f['unit'])}"
        f"{_range(f)}</small>{_chip(None if f['verified'] else 'unverified')}"
        f"{_chip('synthetic' if f['synthetic'] else None)}</dd></div>"
        for f in facts["figures"]
    )
    reasons = "".join(f"<li>{spans(r)}</li>" for r in facts["reasons"])
    return f'<p>{chip}</p><dl class="wb-figures">{figures}</dl><ul class="wb-reasons">{reasons}</ul>'


def _range(figure: dict[str, Any]) -> str:
    low, high = figure["shown_low"], figure["shown_high"]
    return "" if low is None and high is None else escape(f" [{low or '–'}, {high or '–'}]")
