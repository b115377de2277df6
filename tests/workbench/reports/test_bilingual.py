"""A cell in both languages can be shown in one; nothing vanishes from any other cell."""

from __future__ import annotations

import re

import pytest

from workbench.reports.bilingual import bilingual, chinese_share
from workbench.reports.markup import markdown

LONG = "A long English paragraph that nobody translated, with all that an engineer has to know about the figures below."

CASES = [  # Markdown, seen in English, seen in Chinese
    ("## The stack\nWhat lies on what.\n\n堆疊：各層的順序。", "The stack What lies on what.", "堆疊 各層的順序。"),
    ("## All figures\n\n全部數值", "All figures", "全部數值"),
    ("Cost.\n\n成本。", "Cost.", "成本。"),
    ("One.\n\nTwo.\n\n一與二。", "One. Two.", "一與二。"),
    ("## Cost 成本\nWhat it costs.\n\n每個良品的價格。", "Cost 成本 What it costs.", "Cost 成本 每個良品的價格。"),
    ("只有中文", "只有中文", "只有中文"),
    ("Only English, with a `溫度` in it.", "Only English, with a 溫度 in it.", "Only English, with a 溫度 in it."),
    ("Both in one. 兩種語言在一段中。", "Both in one. 兩種語言在一段中。", "Both in one. 兩種語言在一段中。"),
    ("One.\n\nTwo. 二。\n\n三。", "One. Two. 二。 三。", "One. Two. 二。 三。"),
    (f"{LONG}\n\n圖", f"{LONG} 圖", f"{LONG} 圖"),
    (
        "## Heading\n\n這一段沒有名稱，只有說明。",
        "Heading 這一段沒有名稱，只有說明。",
        "Heading 這一段沒有名稱，只有說明。",
    ),
]


def seen(html: str, lang: str) -> str:
    other = {"en": "zh-Hant", "zh-Hant": "en"}[lang]
    html = re.sub(rf'<(\w+) lang="{other}">.*?</\1>', "", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace(" 。", "。").split())


@pytest.mark.parametrize(("text", "english", "chinese"), CASES)
def test_what_a_reader_of_each_language_sees(text, english, chinese):
    html = bilingual(markdown(text))
    assert (seen(html, "en"), seen(html, "zh-Hant")) == (english, chinese)


@pytest.mark.parametrize(("text", "share"), [("製程", 1.0), ("a 製", 0.5), ("<b>ab</b>", 0.0), ("", 0.0)])
def test_share_of_chinese(text, share):
    assert chinese_share(text) == share
