"""Words that several views of the process window share."""

from __future__ import annotations

from workbench.i18n import t
from workbench.process.review import name_of
from workbench.units import symbol_of


def limit_words(response: str, side: str, limit: float, lang: str) -> str:
    """``Uniformity ≤ 6 %``."""
    sign = "≥" if side == "lower" else "≤"
    return f"{name_of(response, lang)} {sign} {limit:g} {symbol_of(response)}".strip()


def end_words(bound: str, lang: str) -> str:
    """What ends a range: the window, or what was tested."""
    return t(f"process.end.{bound}", lang)
