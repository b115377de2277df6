"""Every sentence a user reads, in English and Traditional Chinese.

One TOML catalogue per area of the workbench lies beside this file. A key is the dotted path of its table:
``[label.what]`` with ``en`` and ``zh-Hant`` is read by ``t("label.what")``.
"""

from __future__ import annotations

import os
import string
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh-Hant")
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


def languages() -> tuple[str, ...]:
    return LANGUAGES


def language() -> str:
    """The language in force: `use_language`, else $WORKBENCH_LANG, else English."""
    wanted = _chosen.get() or os.environ.get("WORKBENCH_LANG", "en")
    return "zh-Hant" if wanted.lower().replace("_", "-").startswith("zh") else "en"


@contextmanager
def use_language(wanted: str | None) -> Iterator[None]:
    """Speak `wanted` inside the block (None leaves the language as it is)."""
    token = _chosen.set(wanted or _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(token)


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """All sentences: key -> {language: template}."""
    sentences: dict[str, dict[str, str]] = {}
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        for key, entry in _leaves("", tomllib.loads(file.read_text("utf-8"))):
            if key in sentences:
                raise ValueError(f"{file.name}: the key {key} is declared twice")
            sentences[key] = entry
    return sentences


def _leaves(prefix: str, table: dict) -> Iterator[tuple[str, dict[str, str]]]:
    if any(name in table for name in LANGUAGES):
        yield prefix, table
        return
    for name, inner in table.items():
        yield from _leaves(f"{prefix}.{name}" if prefix else name, inner)


def t(key: str, lang: str | None = None, /, **values: object) -> str:
    """The sentence `key` in `lang` (default: the language in force), its placeholders filled.

    An unknown key is a programming error and raises KeyError; a missing value shows as ``{name}``.
    """
    entry = catalogue()[key]
    return string.Formatter().vformat(entry[lang or language()], (), _Shown(values))


class _Shown(dict):
    def __missing__(self, name: str) -> str:
        return "{" + name + "}"
