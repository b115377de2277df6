"""What a check found: each comparison with its place, figure, limit and marker, and the report of all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.i18n import LANGUAGES, language, t
from workbench.schema import Verdict
from workbench.schema.summary import shown

Outcome = Literal["met", "near", "care", "broken"]
OUTCOMES: tuple[Outcome, ...] = ("met", "near", "care", "broken")  # from good to bad
MARGIN = 0.05  # `near`: within this share below an upper limit
SYMBOLS = {"um": " µm", "mm": " mm", "mm2": " mm²", "percent": " %", "deg": "°"}

Place = tuple[float, float, float]


@dataclass(frozen=True)
class Finding:
    """One comparison with a limit, or one defect of the assembly.

    `id` says which check, `rule` which rule of the deck ("" for a requirement or a rule of every assembly). `got` and
    `allowed` share `unit` (a suffix of the units table, "" for counts); None where there is nothing to compare. `at` is
    a marker in the module: x, y from the centre of the body, z above its bottom, in um. One finding may stand for
    `count` equal ones, of which `examples` holds the first few markers. `values` fill the sentences.
    """

    id: str
    outcome: Outcome
    place: str = ""
    at: Place | None = None
    got: float | None = None
    allowed: float | None = None
    unit: str = ""
    at_most: bool = True
    verified: bool = True
    source: str = ""
    rule: str = ""
    count: int = 1
    examples: tuple[Place, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> str:
        """error, care, near, or met."""
        return "error" if self.outcome == "broken" else self.outcome

    def figure(self, value: float | None) -> str:
        """`got` or `allowed` with its unit; a dash where there is none."""
        return number(value) if value is None else number(value) + SYMBOLS.get(self.unit, "")

    def _said(self, key: str, lang: str | None) -> str:
        lang = lang or language()
        return t(
            key, lang, place=self.place or "–", count=f"{self.count:,}",
            got=self.figure(self.got), allowed=self.figure(self.allowed),
            **{name: _word(value, lang) for name, value in self.values.items()},
        )  # fmt: skip

    def name(self, lang: str | None = None) -> str:
        """What is limited, as the heading of a row."""
        return t(f"rules.name.{self.id}", lang)

    def what(self, lang: str | None = None) -> str:
        """What was found, in a sentence without its outcome."""
        return self._said(f"rules.what.{self.id}", lang)

    def fix(self, lang: str | None = None) -> str:
        """What to do next."""
        return self._said(f"rules.fix.{self.id}", lang)

    def sentence(self, lang: str | None = None) -> str:
        """Outcome, what was found, and whether the limit's source was read."""
        lang = lang or language()
        state = t(f"design.outcome.{self.outcome}", lang)
        note = "" if self.verified else t("design.limit_unverified", lang)
        return f"{state}{': ' if lang == 'en' else '：'}{self.what(lang)}{note}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the sentences in every language."""
        return {
            "id": self.id, "rule": self.rule, "severity": self.severity, "outcome": self.outcome, "place": self.place,
            "at": self.at, "got": self.got, "allowed": self.allowed, "unit": self.unit, "at_most": self.at_most,
            "verified": self.verified, "source": self.source, "count": self.count, "examples": list(self.examples),
            "what": {lang: self.what(lang) for lang in LANGUAGES},
            "fix": {lang: self.fix(lang) for lang in LANGUAGES},
        }  # fmt: skip


@dataclass(frozen=True)
class Key:
    """A catalogue key among the values of a finding, said in the sentence's language."""

    key: str


def _word(value: Any, lang: str) -> Any:
    if isinstance(value, Key):
        return t(value.key, lang)
    return number(value) if isinstance(value, float) else value


def number(value: float | None, digits: int = 4) -> str:
    """A number inside a sentence: significant digits without zeros that say nothing: ``61``, ``0.24``, ``8.258``."""
    words = shown(value, digits)
    return words.rstrip("0").rstrip(".") if "." in words and "e" not in words else words


@dataclass(frozen=True)
class Ran:
    """One check of the report. `looked_at` counts the places compared; `reason` says why it does not apply."""

    id: str
    status: Literal["passed", "found", "not_applicable"]
    looked_at: int = 0
    reason: Key | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def name(self, lang: str | None = None) -> str:
        return t(f"rules.check.{self.id}", lang)

    def why(self, lang: str | None = None) -> str:
        """Why the check does not apply; empty when it ran."""
        lang = lang or language()
        return "" if self.reason is None else t(self.reason.key, lang, **self.values)

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id, "status": self.status, "looked_at": self.looked_at,
            "name": {lang: self.name(lang) for lang in LANGUAGES}, "why": {lang: self.why(lang) for lang in LANGUAGES},
        }  # fmt: skip


@dataclass(frozen=True)
class CheckReport:
    """All checks of a design against one deck. `compared` holds every comparison, also the met ones."""

    deck_id: str
    deck_version: str
    deck_sha256: str
    compared: tuple[Finding, ...]
    ran: tuple[Ran, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is not met, worst first."""
        return tuple(sorted((f for f in self.compared if f.outcome != "met"),
                            key=lambda f: -OUTCOMES.index(f.outcome)))  # fmt: skip

    @property
    def verdict(self) -> Verdict:
        """FAIL when something is broken, MARGINAL when something is near or needs care, else PASS."""
        outcomes = {finding.outcome for finding in self.compared}
        if "broken" in outcomes:
            return Verdict.FAIL
        return Verdict.PASS if outcomes <= {"met"} else Verdict.MARGINAL

    @property
    def ok(self) -> bool:
        """Nothing is broken."""
        return self.verdict != Verdict.FAIL

    def as_dict(self) -> dict[str, Any]:
        return {
            "deck_id": self.deck_id, "deck_version": self.deck_version, "deck_sha256": self.deck_sha256,
            "verdict": str(self.verdict), "findings": [finding.as_dict() for finding in self.findings],
            "met": sum(finding.outcome == "met" for finding in self.compared), "compared": len(self.compared),
            "checks": [ran.as_dict() for ran in self.ran],
        }  # fmt: skip


@dataclass(frozen=True)
class Marker:
    """A finding's place in a picture of the module; `finding` counts in the report's `findings`."""

    id: str
    severity: str
    x_um: float
    y_um: float
    z_um: float
    sentence: str
    finding: int


def markers(report: CheckReport, lang: str | None = None) -> tuple[Marker, ...]:
    """Every marker of every finding that has a place, worst findings first; examples of one finding follow it."""
    found = []
    for index, finding in enumerate(report.findings):
        places = dict.fromkeys(([finding.at] if finding.at else []) + list(finding.examples))
        words = finding.sentence(lang)
        found += [Marker(finding.id, finding.severity, *place, words, index) for place in places]
    return tuple(found)
