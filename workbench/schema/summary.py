"""What a study concludes: a verdict, the two or three figures that decide, and the reasons in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workbench.i18n import LANGUAGES, t


class Verdict(StrEnum):
    """The engineering outcome. A run that failed to execute has no verdict; that is the run's own outcome."""

    PASS = "PASS"
    MARGINAL = "MARGINAL"
    FAIL = "FAIL"
    NONE = "NONE"

    def word(self, lang: str | None = None) -> str:
        return t(f"verdict.{self.value}", lang)


@dataclass(frozen=True)
class Figure:
    """One deciding number. `label` is a catalogue key; `digits` are significant digits, no more than is known.

    `low` and `high` bound an interval when one was computed. `verified` is False when a source it depends on
    was not read; `synthetic` is True when it comes from generated data.
    """

    label: str
    value: float | int | str | None
    unit: str = ""
    digits: int = 4
    verified: bool = True
    synthetic: bool = False
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "label": {lang: t(self.label, lang) for lang in LANGUAGES},
            "key": self.label,
            "value": _finite(self.value),
            "shown": shown(self.value, self.digits),
            "unit": self.unit,
            "digits": self.digits,
            "verified": self.verified,
            "synthetic": self.synthetic,
            "low": _finite(self.low),
            "high": _finite(self.high),
            "shown_low": None if self.low is None else shown(self.low, self.digits),
            "shown_high": None if self.high is None else shown(self.high, self.digits),
        }


@dataclass(frozen=True)
class Summary:
    """Verdict, title, deciding figures and reasons; reasons are `{language: sentence}` or plain strings."""

    verdict: Verdict
    title: str
    figures: tuple[Figure, ...] = ()
    reasons: tuple[str | dict[str, str], ...] = ()

    MIME = "application/vnd.workbench.summary+json"

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": str(self.verdict),
            "title": self.title,
            "figures": [figure.as_dict() for figure in self.figures],
            "reasons": [r if isinstance(r, dict) else dict.fromkeys(LANGUAGES, r) for r in self.reasons],
        }


def shown(value: float | int | str | None, digits: int = 4) -> str:
    """A number for people: `digits` significant digits, thousands separated, never in exponent form in between.

    >>> shown(15.60499), shown(1234567, 3), shown(0.00012345, 3), shown(None)
    ('15.60', '1,230,000', '0.000123', '–')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**digits:
        return f"{value:,}"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -5 <= exponent <= 9:
        return f"{value:.{max(digits - 1, 0)}e}"
    rounded = round(value, digits - 1 - exponent)
    decimals = max(digits - 1 - math.floor(math.log10(abs(rounded))), 0)
    return f"{rounded:,.{decimals}f}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
