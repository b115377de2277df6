"""A notebook's cells as pieces of a page: words, pictures, tables, messages; and its code, kept apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Any

from workbench.reports import markup
from workbench.reports.bilingual import bilingual
from workbench.reports.charts import ChartError, worker
from workbench.reports.chrome import both

SUMMARY_MIME = "application/vnd.workbench.summary+json"
MAX_HTML = 1_500_000  # characters of one output; more is named and left in the executed notebook
MAX_TEXT = 60_000
MAX_KEPT = 8_000  # characters of a table that still fits on the page of its sentence
_VEGALITE = re.compile(r"application/vnd\.vegalite\.v\d+\+json")
_HIDDEN_TAGS = frozenset({"hide", "remove-cell", "papermill-error-cell-tag", "papermill-error-cell"})


@dataclass(frozen=True)
class Heading:
    """One line of the table of contents; `level` 2 or 3."""

    level: int
    anchor: str
    html: str


@dataclass(frozen=True)
class Failure:
    """The error a notebook stopped at: the cell's number (from 1), its code, and the error as Python knows it."""

    cell: int
    code: str
    name: str
    message: str
    traceback: str


@dataclass
class Body:
    """What a notebook shows, in order, and what stands behind it."""

    html: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    code: list[tuple[int, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)  # what was written to standard error
    parameters: str = ""  # the table of parameters: shown at the end, the answer comes first
    summary: dict[str, Any] | None = None
    failure: Failure | None = None


def read(executed: Any) -> Body:
    """Everything of an executed notebook that a page shows. Never raises for what a cell contains."""
    body = Body()
    titles = _titles(executed)
    anchors: dict[str, int] = {}
    for number, cell in enumerate(executed.cells, start=1):
        tags = set(cell.get("metadata", {}).get("tags", ()))
        if tags & _HIDDEN_TAGS:
            continue
        if cell.cell_type == "markdown":
            first = not body.headings and not body.html
            _words(body, cell.source, titles if first else frozenset(), anchors)
        elif cell.cell_type == "code":
            if cell.source.strip():
                body.code.append((number, cell.source))
            _outputs(body, cell, number)
    return body


def _titles(executed: Any) -> frozenset[str]:
    """The notebook's title in every language: the page shows it above, so its first cell need not."""
    declared = executed.metadata.get("workbench", {})
    title = declared.get("title") if isinstance(declared, dict) else None
    return frozenset(map(str, title.values())) if isinstance(title, dict) else frozenset([str(title)])


def _words(body: Body, source: str, titles: frozenset[str], anchors: dict[str, int]) -> None:
    """A Markdown cell. `titles` is empty but for the first cell, whose title is left out."""
    html = bilingual(markup.markdown(source))
    if titles:
        html = re.sub(r"\A\s*<h1>.*?</h1>\s*", "", html, flags=re.S)
        html = re.sub(r"\A\s*<p[^>]*>([^<]*)</p>\s*", lambda p: "" if unescape(p[1]) in titles else p[0], html)

    def anchored(match: re.Match[str]) -> str:
        level = min(max(int(match[1]), 2), 4)
        english = re.search(r'<span lang="en">(.*?)</span>', match[2])
        name = markup.slug(re.sub(r"<[^>]+>|&\w+;", "", english[1] if english else match[2])) or "section"
        anchors[name] = anchors.get(name, 0) + 1
        anchor = name if anchors[name] == 1 else f"{name}-{anchors[name]}"
        if level <= 3:
            body.headings.append(Heading(level, anchor, match[2]))
        return f'<h{level} id="{escape(anchor)}">{match[2]}</h{level}>'

    html = re.sub(r"<h([1-6])>(.*?)</h\1>", anchored, html, flags=re.S)
    if html.strip():
        body.html.append(f'<div class="words">{html}</div>')


def _outputs(body: Body, cell: Any, number: int) -> None:
    pieces = []
    name = re.sub(r"[^\w-]", "", str(cell.get("id") or number)) or str(number)
    for index, output in enumerate(cell.get("outputs", ()), start=1):
        anchor = f"out-{name}-{index}"
        if output.output_type == "error":
            body.failure = _failure(number, cell.source, output)
        elif output.output_type == "stream":
            text = markup.plain(_joined(output.get("text", "")))
            if output.get("name") == "stderr":
                body.messages.append(text)
            elif text.strip():
                pieces.append(_text(text))
        elif data := output.get("data"):
            if SUMMARY_MIME in data:
                body.summary = _mapping(data[SUMMARY_MIME])
            else:
                pieces.append(_rich(body, data, anchor))
    if any(pieces):
        body.html.append(f'<div class="result" id="cell-{name}">{"".join(_kept_together(pieces))}</div>')


def _kept_together(pieces: list[str]) -> list[str]:
    """A sentence and the picture or short table it is about, so that paper does not part them."""
    kept: list[str] = []
    for piece in filter(None, pieces):
        short = piece.startswith("<figure") or len(piece) < MAX_KEPT
        if kept and short and kept[-1].endswith("</p></div></div>") and 'class="wb-say"' in kept[-1]:
            kept[-1] = f'<div class="kept">{kept[-1]}{piece}</div>'
        else:
            kept.append(piece)
    return kept


def _rich(body: Body, data: dict[str, Any], anchor: str) -> str:
    """The richest form a static page can show."""
    reason = ""
    chart = next((data[mime] for mime in data if _VEGALITE.fullmatch(mime)), None)
    if chart is not None:
        try:
            drawn = markup.scoped(markup.clean(worker().svg(chart)), anchor)
            return f'<figure class="chart" id="{anchor}"{_described(chart)}>{drawn}</figure>'
        except ChartError as error:
            reason = f'<p class="note missing">{both("report.chart_not_drawn")} {escape(str(error))}</p>'
    if html := _joined(data.get("text/html", "")):
        if len(html) > MAX_HTML:
            return reason + _too_large(len(html))
        if f"<caption>{both('label.parameters')}</caption>" in html and not body.parameters:
            body.parameters = markup.clean(html)
            return ""
        return reason + f'<div class="block" id="{anchor}">{markup.clean(html)}</div>'
    if svg := _joined(data.get("image/svg+xml", "")):
        if len(svg) > 4 * MAX_HTML:
            return reason + _too_large(len(svg))
        drawn = markup.scoped(markup.clean(svg), anchor)
        return reason + f'<figure class="chart" id="{anchor}">{drawn}</figure>'
    for mime in ("image/png", "image/jpeg", "image/gif"):
        if mime in data:
            encoded = re.sub(r"[^A-Za-z0-9+/=]", "", _joined(data[mime]))
            alt = escape(_joined(data.get("text/plain", ""))[:200])
            image = f'<img src="data:{mime};base64,{encoded}" alt="{alt}">'
            return reason + f'<figure class="chart raster" id="{anchor}">{image}</figure>'
    if words := _joined(data.get("text/markdown", "")):
        return reason + f'<div class="words">{markup.markdown(words)}</div>'
    if "application/vnd.jupyter.widget-view+json" in data:
        return reason + f'<p class="note">{both("report.interactive_only")}</p>'
    text = markup.plain(_joined(data.get("text/plain", "")))
    return reason + (_text(text) if text.strip() and not reason else "")


def _described(chart: dict[str, Any]) -> str:
    """What a chart is called, for readers who do not see it."""
    title = chart.get("title")
    words = chart.get("description") or (title.get("text") if isinstance(title, dict) else title)
    return f' aria-label="{escape(words)}"' if isinstance(words, str) else ""


def _failure(number: int, source: str, output: Any) -> Failure:
    return Failure(
        cell=number,
        code=source,
        name=markup.plain(str(output.get("ename", ""))),
        message=markup.plain(str(output.get("evalue", ""))),
        traceback=markup.plain("\n".join(output.get("traceback", ())))[-MAX_TEXT:],
    )


def _text(text: str) -> str:
    shortened = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " …"
    more = "" if shortened is text else _too_large(len(text))
    return f'<pre class="text">{escape(shortened)}</pre>{more}'


def _too_large(characters: int) -> str:
    return f'<p class="note missing">{both("report.too_large", size=f"{characters / 1e6:.1f}")}</p>'


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(map(str, value))
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
