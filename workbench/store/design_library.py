"""The study of all designs at once: what there is, what resembles a new one, how long a design takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.i18n import LANGUAGES, t
from workbench.schema import Figure, Parameters, Summary, Verdict, choice, text
from workbench.schema.summary import shown

if TYPE_CHECKING:
    from workbench.planning.lead_time import LeadTimes
    from workbench.store.design_search import Match, SearchResult
    from workbench.store.store import Store

ORIGINS = ("all", "own", "reference", "example")


class DesignLibrary(Parameters):
    """Find designs by words, see what resembles one of them, and how long designs take from request to release."""

    words: str = text(
        "Words to find", "搜尋字詞", default="",
        help_en='Every word must occur, as a beginning; "in quotes" a phrase, -word leaves out',
        help_zh="每個字詞都必須出現（字首即可）；引號內為片語，-字詞 為排除",
    )  # fmt: skip
    origin: str = choice("Origin", "設計來源", options=ORIGINS, default="all")
    similar_to: str = choice("Resembles", "相似於", of="design", default="poc-face-to-face")


@dataclass(frozen=True)
class Library:
    """What the views show."""

    parameters: DesignLibrary
    found: SearchResult
    subject_title: str
    matches: tuple[Match, ...]
    lead_times: LeadTimes

    @cached_property
    def summary(self) -> Summary:
        """No verdict: a shelf is neither good nor bad."""
        lead, unread = self.lead_times, self.found.unverified_count
        figures = [Figure("reuse.figure.designs", self.found.total, digits=6)]
        if lead.median_days is not None:
            figures.append(Figure("reuse.figure.lead_time", lead.median_days, unit="d", digits=3, low=lead.low_days,
                                  high=lead.high_days))  # fmt: skip
        if self.matches:
            nearest = self.matches[0]
            figures.append(Figure("reuse.figure.nearest", 100 * nearest.resemblance.total, unit="%", digits=2))
        reasons = []
        if self.matches:
            name = self.matches[0].title
            reasons.append({lang: t("reuse.reason.nearest", lang, subject=self.subject_title, name=name)
                            for lang in LANGUAGES})  # fmt: skip
        reasons.append({lang: t("reuse.reason.unread", lang, count=f"{unread:,}") for lang in LANGUAGES})
        if lead.median_days is None:
            reasons.append({lang: t("reuse.reason.no_lead_time", lang, open=lead.unfinished) for lang in LANGUAGES})
        else:
            reasons.append({lang: t("reuse.reason.lead_time", lang, days=shown(lead.median_days, 3),
                                    count=lead.finished) for lang in LANGUAGES})  # fmt: skip
        title = t("reuse.title", "en")
        return Summary(Verdict.NONE, title, tuple(figures), tuple(reasons))


def look_up(store: Store, p: DesignLibrary) -> Library:
    """All of it at the store's moment. Raises InputError for an unknown design to compare with."""
    facets = {} if p.origin == "all" else {"origin": p.origin}
    subject = store.designs.document(p.similar_to)
    return Library(
        parameters=p,
        found=store.designs.search(p.words, facets=facets, limit=200),
        subject_title=str(subject.get("title", p.similar_to)),
        matches=store.designs.similar(p.similar_to, limit=5),
        lead_times=store.designs.lead_times(),
    )
