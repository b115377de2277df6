"""What units have in common, in words: the names of `lot_record`'s factors and their levels."""

from __future__ import annotations

from workbench.i18n import catalogue, t


def factor_words(factor: str, lang: str | None = None) -> str:
    """``moulding: chamber`` as "chamber of moulding"; a fact without a step is one of the unit's own place."""
    before, _, fact = factor.rpartition(": ")
    key = next((k for k in (f"lots.fact.{fact}", f"lot_review.place.{fact}") if k in catalogue()), None)
    word = t(key, lang) if key else fact
    return t("lot_review.fact_of", lang, fact=word, step=before) if before else word


def level_words(factor: str, level: str, lang: str | None = None) -> str:
    """A level as it is written; rings and quadrants have names in words."""
    fact = factor.rpartition(": ")[2]
    if fact in ("ring", "quadrant"):
        return " + ".join(t(f"quality.zone.{part}", lang) if f"quality.zone.{part}" in catalogue() else part
                          for part in level.split(" + "))  # fmt: skip
    return level


def shared_words(factor: str, level: str, lang: str | None = None) -> str:
    """What units share, with its level: ``chamber B (plating)``."""
    before, _, fact = factor.rpartition(": ")
    facts = {"fact": factor_words(fact, lang), "level": level_words(factor, level, lang)}
    if before:
        return t("lot_review.shared_of", lang, step=before, **facts)
    return t("lot_review.shared_place" if fact in ("ring", "quadrant") else "lot_review.shared", lang, **facts)
