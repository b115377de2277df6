"""The review of a lot: how much of it is good, what stands out, which cause is likely, where bad units came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.i18n import LANGUAGES, t
from workbench.process.causes import FAILING, Cause, Causes, causes_of
from workbench.process.factor_words import shared_words
from workbench.process.lot_record import LotRecord
from workbench.process.quality.indices import Interval
from workbench.process.quality.nonconforming import share_interval
from workbench.process.review import name_of
from workbench.schema import Figure, Parameters, Summary, Verdict, choice, quantity, text
from workbench.schema.summary import shown
from workbench.units import symbol_of

MOST_WORST = 5
MOST_REASONS = 4  # causes told in the verdict; all stand in their table


class LotReviewed(Parameters):
    """A lot, what is wanted of it, and what to look at more closely."""

    lot_id: str = choice("Lot", "批次", of="lot", default="fo-module-a")
    wanted_yield_percent: float = quantity("Wanted yield", "要求良率", ge=0, le=100, default=85.0)
    parameter: str = text(
        "Parameter", "參數", default="", help_en="Empty: the one that stands out most", help_zh="空白：最異常的參數"
    )
    unit_id: str = text(
        "Unit", "單元", default="", help_en="By its name or serial number; empty: the worst one",
        help_zh="單元名稱或序號；空白：最差的單元",
    )  # fmt: skip
    false_alarm_percent: float = quantity(
        "False alarms of a clean lot", "乾淨批次的誤報率", ge=0.1, le=20, default=5.0,
        help_en="The chance that a lot without any cause accuses one", help_zh="無任何異常原因的批次被誤判的機率",
    )  # fmt: skip
    confidence_percent: float = quantity("Confidence", "信賴水準", ge=60, le=99.9, default=95.0)


@dataclass(frozen=True)
class BinCount:
    """A bin with its units. `name` is the tester's, "" where it has none."""

    number: int
    name: str
    passed: bool | None
    count: int


@dataclass(frozen=True)
class LotReview:
    """Everything the screens show. `judged` units have a pass mark or limits; `pass_share` is None without any.
    `worst` are histories of the worst units, `unit` that of the chosen one; `severity` orders all units.
    """

    parameters: LotReviewed
    record: LotRecord
    judged: int
    good: int
    pass_share: Interval | None
    bins: tuple[BinCount, ...]
    causes: Causes
    parameter: str | None
    severity: pd.Series
    worst: tuple[Any, ...]
    unit: Any | None
    verdict: Verdict
    summary: Summary


def review(record: LotRecord, p: LotReviewed, history_of: Callable[[str], Any]) -> LotReview:
    """Judge a lot. `history_of` gives everything known of a unit by its name (the store's ``history.unit``).

    Raises InputError: a parameter that was not measured on this lot, a unit that is not there.
    """
    if p.parameter and p.parameter not in record.parameters:
        raise InputError("process.parameter_absent", where="parameter", got=p.parameter,
                         allowed=", ".join(record.parameters[:20]))  # fmt: skip
    failing = record.failing
    judged, good = len(failing), int((~failing).sum())
    confidence = p.confidence_percent / 100
    pass_share = share_interval(good, judged, confidence=confidence) if judged else None
    causes = causes_of(record, rate=p.false_alarm_percent / 100)
    severity = severity_of(record)
    chosen = severity.index[0] if len(severity) else None
    known = len(record.units) and set(record.units["attempt_count"].dropna())  # without units there are no histories
    worst = tuple(history_of(name) for name in _worst(record, severity)) if known else ()
    if p.unit_id:
        unit = next((one for one in worst if one.unit_id == p.unit_id), None) or history_of(p.unit_id)
    else:
        unit = (worst[0] if worst else history_of(str(chosen))) if known and chosen else None
    parameter = p.parameter or causes.parameter or (record.parameters[0] if record.parameters else None)
    verdict = lot_verdict(record, pass_share, causes, p)
    return LotReview(p, record, judged, good, pass_share, bins_of(record), causes, parameter, severity, worst, unit,
                     verdict, _summary(record, judged, good, pass_share, causes, verdict, p))  # fmt: skip


def lot_verdict(record: LotRecord, pass_share: Interval | None, causes: Causes, p: LotReviewed) -> Verdict:
    """FAIL when the history does not verify or the whole interval of the yield lies below what is wanted; PASS when
    the interval reaches it, nothing is accused and nothing held; NONE when nothing was judged and nothing accused;
    MARGINAL otherwise."""
    wanted = p.wanted_yield_percent / 100
    if record.verification is not None and not record.verification.sound:
        return Verdict.FAIL
    if pass_share is not None and pass_share.high < wanted:
        return Verdict.FAIL
    if pass_share is None and not causes.found:
        return Verdict.NONE
    held = any(state.word == "held" for _, state in record.stopped)
    sure = pass_share is not None and pass_share.low >= wanted
    return Verdict.PASS if sure and not causes.found and not held else Verdict.MARGINAL


def severity_of(record: LotRecord) -> pd.Series:
    """How far each unit is off, the worst first: the largest distance of a reading from the middle of its limits, in
    half widths (1 at the limit; a one-sided limit is measured from the median), then failing before good.
    """
    score = pd.Series(0.0, index=record.units.index)
    for name, spec in record.specifications.items():
        if name not in record.values.columns or not spec.limited:
            continue
        x = record.values[name]
        middle = (spec.lower + spec.upper) / 2 if spec.lower is not None and spec.upper is not None else x.median()
        ends = [abs(end - middle) for end in (spec.lower, spec.upper) if end is not None]
        if not min(ends) > 0:
            continue
        distance = (x - middle).abs() / min(ends)
        if spec.lower is None:
            distance = distance.where(x > middle, 0.0)
        elif spec.upper is None:
            distance = distance.where(x < middle, 0.0)
        score = np.maximum(score, distance.fillna(0.0))
    if not (score > 0).any() and len(record.values.columns):  # no limits: the most remote reading counts
        spread = (record.values - record.values.median()).abs() / record.values.std().replace(0, np.nan)
        score = spread.max(axis=1).fillna(0.0)
    failed = record.failing.reindex(score.index).fillna(False).astype(float)
    order = np.lexsort((np.arange(len(score)), -score.to_numpy(), -failed.to_numpy()))
    return score.iloc[order]


def bins_of(record: LotRecord) -> tuple[BinCount, ...]:
    """Hard bins with their units, good ones first, then the fullest."""
    named = {row["number"]: row for row in record.bins if row["hard"]}
    counted = record.units["hard_bin"].dropna().astype(int).value_counts()
    passed = {number: named[number]["passed"] if number in named else None for number in counted.index}
    for number in counted.index:
        if passed[number] is None:
            marks = record.units.loc[record.units["hard_bin"] == number, "passed"].dropna().unique()
            passed[number] = bool(marks[0]) if len(marks) == 1 else None
    rows = [BinCount(int(n), str(named.get(n, {}).get("name") or ""), passed[n], int(c)) for n, c in counted.items()]
    return tuple(sorted(rows, key=lambda b: (b.passed is not True, -b.count, b.number)))


def cause_words(record: LotRecord, cause: Cause, lang: str) -> str:
    """One finding as a sentence."""
    facts = {"shared": shared_words(cause.factor, cause.level, lang), "p": f"{cause.p:.2g}", "units": cause.units}
    name = "" if cause.response == FAILING else name_of(cause.response, lang)
    unit = "" if cause.response == FAILING else symbol_of(cause.response) or record.unit_of(cause.response)
    if cause.kind == "failing":
        found = cause.found
        said = t("lot_review.cause.failing", lang, inside=f"{100 * found.value:.3g}", rest=f"{100 * found.rest:.3g}",
                 **facts)  # fmt: skip
    elif cause.kind == "measured":
        said = t("lot_review.cause.measured", lang, name=name, effect=_signed(cause.effect), low=_signed(cause.low),
                 high=_signed(cause.high), unit=unit, **facts)  # fmt: skip
    elif cause.kind == "drift":
        said = t("lot_review.cause.drift", lang, name=name, effect=_signed(cause.effect), unit=unit, **facts)
    else:
        what = t("lot_review.failing_units", lang) if cause.response == FAILING else name
        pattern = next(e for e in cause.found.evidence if e.kind == cause.level).word(lang)
        said = t("lot_review.cause.map", lang, what=what, carrier=cause.factor, pattern=pattern, p=facts["p"])
    if cause.aliases:
        others = ", ".join(shared_words(f, str(v), lang) for f, v in cause.aliases[:3])
        said += " " + t("lot_review.cause.alias", lang, others=others)
    return said


def _signed(value: float | None) -> str:
    return "–" if value is None else ("+" if value > 0 else "") + shown(float(value), 3)


def _worst(record: LotRecord, severity: pd.Series) -> list[str]:
    """The worst units that failed; without any, the one that is farthest off."""
    failed = record.failing
    bad = [name for name in severity.index if bool(failed.get(name, False))]
    return [str(name) for name in (bad or list(severity.index[:1]))[:MOST_WORST]]


def _summary(record: LotRecord, judged: int, good: int, pass_share: Interval | None, causes: Causes, verdict: Verdict,
             p: LotReviewed) -> Summary:  # fmt: skip
    shared = {"verified": record.origin.verified, "synthetic": record.origin.synthetic}
    figures: list[Figure] = []
    if pass_share is not None:
        figures.append(Figure("label.lot_review.yield", 100 * pass_share.value, "%", 3, low=100 * pass_share.low,
                              high=100 * pass_share.high, **shared))  # fmt: skip
    count = judged or len(record.units)
    figures.append(Figure("label.lot_review.good", f"{good:,} / {judged:,}" if judged else f"{count:,}", **shared))
    figures.append(Figure("label.lot_review.findings", len(causes.found), **shared))
    return Summary(verdict, record.origin.title, tuple(figures), tuple(_reasons(record, pass_share, causes, p)))


def _reasons(record: LotRecord, pass_share: Interval | None, causes: Causes, p: LotReviewed) -> list[dict[str, str]]:
    said: list[dict[str, str]] = []
    verification = record.verification
    if verification is not None and not verification.sound:
        said.append(_both("lot_review.reason.broken", place=verification.first.place))
    if pass_share is None:
        key = "gauge_only" if record.units.empty else "unjudged"
        said.append(_both(f"lot_review.reason.{key}", units=len(record.units)))
    else:
        wanted = p.wanted_yield_percent / 100
        key = "below" if pass_share.high < wanted else "reached" if pass_share.low >= wanted else "unsure"
        said.append(_both(f"lot_review.reason.{key}", wanted=f"{p.wanted_yield_percent:g}",
                          value=shown(100 * pass_share.value, 3), low=shown(100 * pass_share.low, 3),
                          high=shown(100 * pass_share.high, 3), confidence=f"{p.confidence_percent:g}",
                          units=len(record.failing)))  # fmt: skip
    for cause in causes.found[:MOST_REASONS]:
        said.append({lang: cause_words(record, cause, lang) for lang in LANGUAGES})
    more = len(causes.found) - MOST_REASONS
    if more > 0:
        said.append(_both("lot_review.reason.more", count=more))
    if not causes.found and sum(causes.asked.values()):
        said.append(_both("lot_review.reason.nothing", rate=f"{p.false_alarm_percent:g}"))
    held = [scope for scope, state in record.stopped if state.word == "held"]
    if held:
        count = sum(len(scope.units) for scope in held)
        said.append(_both("lot_review.reason.held", count=count) if count else _both("lot_review.reason.held_whole"))
    return said


def _both(key: str, **values: object) -> dict[str, str]:
    return {lang: t(key, lang, **values) for lang in LANGUAGES}
