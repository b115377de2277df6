"""HTML and SVG that came out of a notebook, made safe to place in a page; Markdown; text with terminal colours.

The page's Content-Security-Policy already stops scripts and addresses. This is the second fence: only known
elements pass, every attribute is checked, and nothing can close an element it did not open.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

_WORDS = "a abbr b bdi blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure"
_WORDS += " h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp section small span strong sub"
_WORDS += " summary sup table tbody td tfoot th thead time tr u ul var wbr"
_DRAWN = "svg g path rect circle ellipse line polyline polygon text tspan textpath defs clippath mask pattern marker"
_DRAWN += " lineargradient radialgradient stop use symbol title desc image"
ALLOWED_ELEMENTS = frozenset(f"{_WORDS} {_DRAWN}".split())
# Their text is code, style or another document: dropped with everything inside.
_SILENT = frozenset(
    ("script", "style", "iframe", "object", "embed", "template", "noscript", "math", "foreignobject", "textarea")
)
_VOID = frozenset(("br", "col", "hr", "img", "wbr"))
_ADDRESSES = frozenset(
    ("href", "src", "xlink:href", "action", "formaction", "poster", "srcset", "background", "data", "cite", "ping")
)
_PAINTS = frozenset(("fill", "stroke", "clip-path", "mask", "filter", "marker-end", "marker-start", "marker-mid"))
_REFERENCE = re.compile(r"url\(\s*['\"]?\s*(?!#)", re.I)
_IMAGE_DATA = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", re.I)
_SCHEME = re.compile(r"[^/?#]*:")
_ID_USES = re.compile(r"""(\bid=["']|\bhref=["']#|url\(["']?#|\baria-labelledby=["'])([\w.:-]+)""")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07?|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def clean(html: str) -> str:
    """`html` with only harmless elements and attributes, well nested. External addresses lose their link."""
    cleaner = _Cleaner()
    cleaner.feed(html)
    cleaner.close()
    return cleaner.result()


def scoped(svg: str, scope: str) -> str:
    """`svg` with ids of its own: drawings on one page share a name space, and `clip0` occurs in each.

    They are numbered anew, because the drawing process counts on from chart to chart.
    """
    numbers: dict[str, int] = {}

    def renamed(use: re.Match[str]) -> str:
        return f"{use[1]}{scope}-{numbers.setdefault(use[2], len(numbers) + 1)}"

    return _ID_USES.sub(renamed, svg)


def plain(text: str) -> str:
    """`text` without terminal colours and control characters."""
    return _ANSI.sub("", text)


def slug(words: str) -> str:
    """An anchor made of `words`; letters of any script stay. Empty words give an empty slug."""
    return re.sub(r"[^\w]+", "-", words.lower()).strip("-")[:60]


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[str] = []
        self._silent: list[str] = []

    def result(self) -> str:
        self._out += [f"</{tag}>" for tag in reversed(self._open)]
        self._open = []
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        if self._silent or tag not in ALLOWED_ELEMENTS:
            return
        kept = "".join(self._attribute(name, value) for name, value in attrs)
        self._out.append(f"<{tag}{kept}>")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
            return
        if tag in self._open:
            while True:
                closed = self._open.pop()
                self._out.append(f"</{closed}>")
                if closed == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._out.append(escape(data, quote=False))

    def _attribute(self, name: str, value: str | None) -> str:
        value = value or ""
        if name.startswith("on") or not re.fullmatch(r"[a-z][\w:.-]*", name) or name in ("is", "xmlns", "xmlns:xlink"):
            return ""
        if name in _ADDRESSES and not _harmless_address(name, value):
            return f' data-address="{escape(value)}"'
        if name == "style" and _REFERENCE.search(re.sub(r"\\|/\*.*?\*/", "", value)):
            return ""
        if name in _PAINTS and _REFERENCE.search(value):
            return ""
        return f' {name}="{escape(value)}"'


def _harmless_address(name: str, value: str) -> bool:
    value = re.sub(r"[\s\x00-\x20]", "", value)
    if value.startswith("#"):
        return True
    if name in ("src", "href", "xlink:href") and _IMAGE_DATA.match(value):
        return True
    # A page beside this one may be linked; nothing else may be loaded.
    return name == "href" and bool(value) and not value.startswith(("/", "\\")) and not _SCHEME.match(value)


def markdown(text: str) -> str:
    """Markdown as HTML; raw HTML in it is shown as text, external addresses are printed instead of linked."""
    return _markdown()(text)


def _markdown():
    global _renderer
    if _renderer is None:
        import mistune

        class Words(mistune.HTMLRenderer):
            def link(self, text: str, url: str, title: str | None = None) -> str:
                if _harmless_address("href", url):
                    return f'<a href="{escape(url)}">{text}</a>'
                shown = "" if url in text else f' <span class="address">({escape(url)})</span>'
                return f"{text}{shown}"

            def image(self, text: str, url: str, title: str | None = None) -> str:
                if _IMAGE_DATA.match(url):
                    return f'<img src="{escape(url)}" alt="{escape(text)}">'
                return escape(text)

        plugins = ["table", "footnotes", "strikethrough"]
        _renderer = mistune.create_markdown(renderer=Words(escape=True), plugins=plugins)
    return _renderer


_renderer = None
