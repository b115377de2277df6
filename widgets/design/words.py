"""Sentences and labels in both languages, for tables, drawings and charts of this area."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.cost.review import number
from workbench.i18n import LANGUAGES, t


@dataclass(frozen=True)
class Key:
    """A catalogue key to be put into a sentence in that sentence's language."""

    key: str


def sentence(key: str, **values: object) -> dict[str, str]:
    """`key` in every language; a `Key` among the values is translated too, numbers get at most 4 digits."""
    said = {}
    for lang in LANGUAGES:
        filled = {
            name: t(value.key, lang) if isinstance(value, Key) else number(value) if isinstance(value, float) else value
            for name, value in values.items()
        }
        said[lang] = t(key, lang, **filled)
    return said


def both(key: str, unit: str = "") -> str:
    """A chart label in both languages: charts cannot switch with the page."""
    said = list(dict.fromkeys(t(key, lang) for lang in LANGUAGES))
    return " ".join(said) + (f" ({unit})" if unit else "")
