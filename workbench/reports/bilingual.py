"""Words that say the same in English and in Chinese, marked so that a page can show one of them.

A notebook's Markdown cell holds both languages, because JupyterLab shows it as it is: the English paragraphs, then
the Chinese ones. The first Chinese paragraph names the cell's heading: ``## The stack`` is followed by
``堆疊：各層的順序`` or by ``堆疊`` alone.
"""

from __future__ import annotations

import re

_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.S)
_HEADING = re.compile(r"\s*<h([1-6])>([^<]*)</h\1>")
_NAME = re.compile(r"([^：:，。<]{1,16})(?:[：:]\s*|$)")


def bilingual(html: str) -> str:
    """`html` of one Markdown cell with its paragraphs marked by language.

    A cell in one language, with both in one paragraph, or with too little Chinese to be all of it, stays as it is:
    nothing may vanish for a reader.
    """
    shares = {p.start(): chinese_share(p[1]) for p in _PARAGRAPH.finditer(html)}
    length = {p.start(): len(p[1]) for p in _PARAGRAPH.finditer(html)}
    chinese = [start for start, share in shares.items() if share > 0.6]
    english = [start for start, share in shares.items() if share < 0.1]
    complete = sum(map(length.get, chinese)) >= 0.15 * sum(map(length.get, english))
    if not chinese or len(chinese) + len(english) < len(shares) or not complete:
        return html
    heading = _HEADING.match(html)
    first = next(p for p in _PARAGRAPH.finditer(html) if p.start() == chinese[0])
    name = _NAME.match(first[1]) if heading and chinese_share(heading[2]) == 0 else None
    if not english and not name:
        return html

    def marked(paragraph: re.Match[str]) -> str:
        if paragraph.start() in english:
            return f'<p lang="en">{paragraph[1]}</p>'
        words = paragraph[1][name.end() :] if name and paragraph.start() == chinese[0] else paragraph[1]
        return f'<p lang="zh-Hant">{words}</p>' if words else ""

    html = _PARAGRAPH.sub(marked, html)
    if name:
        spoken = f'<span lang="en">{heading[2]}</span><span lang="zh-Hant">{name[1]}</span>'
        html = html.replace(heading[0], f"<h{heading[1]}>{spoken}</h{heading[1]}>", 1)
    return html


def chinese_share(html: str) -> float:
    """Share of Chinese characters among the visible ones, 0 to 1."""
    text = re.sub(r"<[^>]+>|&\w+;|\s", "", html)
    return sum("\u3400" <= character <= "\u9fff" for character in text) / max(1, len(text))
