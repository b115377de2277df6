"""What comes out of a notebook cannot run, fetch, or break the page around it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.reports import markup

HOSTILE = [
    ("<script>alert(1)</script>", ""),
    ("<img src=x onerror=alert(1)>", '<img data-address="x">'),
    ('<a href="javascript:alert(1)">a</a>', '<a data-address="javascript:alert(1)">a</a>'),
    ('<a href=" java\tscript:alert(1)">a</a>', '<a data-address=" java\tscript:alert(1)">a</a>'),
    ('<a href="https://example.com">a</a>', '<a data-address="https://example.com">a</a>'),
    ('<a href="//example.com">a</a>', '<a data-address="//example.com">a</a>'),
    ('<a href="../x/index.html#y">a</a>', '<a href="../x/index.html#y">a</a>'),
    ('<div style="background:url(http://x)">a</div>', "<div>a</div>"),
    (r'<div style="background:u\rl(http://x)">a</div>', "<div>a</div>"),
    ('<p style="color:red">a</p>', '<p style="color:red">a</p>'),
    ("</div></main><b>a", "<b>a</b>"),
    ("<table><tr><td>1", "<table><tr><td>1</td></tr></table>"),
    ("<iframe src=a></iframe><object data=b></object>c", "c"),
    ("<svg><style><img src=x onerror=alert(1)></style></svg>", "<svg></svg>"),
    ("<!--><img src=x onerror=alert(1)>-->", ""),
    ('<form action="https://x"><input name=a></form>', ""),
    ('<base href="https://x"><meta http-equiv=refresh content="0">', ""),
    ('<img src="data:image/png;base64,AAAA">', '<img src="data:image/png;base64,AAAA">'),
    ('<img src="data:text/html,<script>">', '<img data-address="data:text/html,&lt;script&gt;">'),
    ('<g fill="url(https://x#a)"></g><g fill="url(#a)"></g>', '<g></g><g fill="url(#a)"></g>'),
    ("a &lt;script&gt; b", "a &lt;script&gt; b"),
]


@pytest.mark.parametrize(("given", "kept"), HOSTILE)
def test_only_harmless_markup_is_kept(given, kept):
    assert markup.clean(given) == kept


PIECES = st.sampled_from(
    ["<", ">", '"', "'", "/", "=", "<script", "</script>", "<svg>", "<style>", "onload=", "a", " ", "<p>", "</p>",
     "<!--", "-->", "&lt;", "&#60;", "<b title='", "href=javascript:x", "<![CDATA[", "<?", "\x00", "<table>", "<td"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_cleaning_twice_changes_nothing_and_leaves_nothing_that_runs(text):
    once = markup.clean(text)
    assert markup.clean(once) == once
    opened = re.findall(r"<([a-z][^\s>]*)([^>]*)>", re.sub(r'"[^"]*"', '""', once))
    assert {tag for tag, _ in opened} <= markup.ALLOWED_ELEMENTS
    assert not [a for _, rest in opened for a in re.findall(r"([\w:-]+)=", rest) if a.startswith("on")]


def test_ids_of_two_drawings_do_not_meet():
    svg = '<svg><clipPath id="c0"></clipPath><g clip-path="url(#c0)"></g><use href="#c0"></use></svg>'
    scoped = markup.scoped(svg, "f1")
    assert scoped.count("f1-1") == 3
    assert "c0" not in scoped


def test_drawings_that_differ_only_in_their_ids_become_equal():
    one, two = (f'<svg><clippath id="clip{n}"></clippath><g clip-path="url(#clip{n})"></g></svg>' for n in (7, 12))
    assert markup.scoped(one, "f1") == markup.scoped(two, "f1")


def test_markdown_shows_raw_html_and_prints_addresses():
    html = markup.markdown("<script>x</script>\n\nSee [the paper](https://doi.org/10.1/x), [below](#cost)")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "https://doi.org/10.1/x" in html
    assert 'href="https' not in html
    assert '<a href="#cost">below</a>' in html


def test_markdown_tables_and_chinese():
    html = markup.markdown("| 製程 | 溫度 |\n|---|---:|\n| 鎢 | 450 |\n")
    assert "<td>鎢</td>" in html
    assert "450</td>" in html


def test_terminal_colours_and_control_characters_go():
    assert markup.plain("\x1b[0;31mError\x1b[0m \x1b]0;title\x07a\x08b\n") == "Error ab\n"


@pytest.mark.parametrize(
    ("words", "anchor"), [("Yield and cost 良率", "yield-and-cost-良率"), ("<>", ""), ("A/B", "a-b")]
)
def test_anchors(words, anchor):
    assert markup.slug(words) == anchor
