"""The quality review: limits that hold from the first lot on, all parameters at once, capability, gauge and maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import DomainError, InputError
from workbench.i18n import LANGUAGES, t
from workbench.process.causes import pattern_of, screened
from workbench.process.lot_record import LotRecord, Specification
from workbench.process.quality.charts import Chart
from workbench.process.quality.gauge import GaugeStudy, average_and_range, crossed_anova, crossed_table
from workbench.process.quality.indices import Capability, capability
from workbench.process.quality.limits import FrozenLimits, phase_two
from workbench.process.quality.nonnormal import NonNormalCapability, nonnormal_capability
from workbench.process.quality.rules import SETS
from workbench.process.quality.screening import Screen
from workbench.process.quality.short_run import ShortRunChart, q_chart
from workbench.process.quality.shrinkage import LEAST_TYPES, borrowed_chart, borrowed_limits
from workbench.process.quality.spatial import Signature
from workbench.process.review import name_of
from workbench.schema import Figure, Parameters, Summary, Verdict, choice, quantity, text
from workbench.schema.summary import shown

MOST_LOTS = 40  # earlier lots that limits borrow from
MOST_SCORED = 150  # units scored one by one by the limits before them; more are charted by Q statistics
MOST_LIMITS = 12  # parameters whose limits are shown: those that stand out most
LEAST_FOR_FIT = 20  # values from which another distribution than the normal is fitted
NORMAL_LEVEL = 0.01
GAUGE_WORDS = {Verdict.PASS: "gauge_good", Verdict.MARGINAL: "gauge_marginal", Verdict.FAIL: "gauge_unfit"}
FROZEN_CHARTS = ("borrowed", "individuals")  # kinds of frozen limits single units can be held against


class QualityReviewed(Parameters):
    """A lot, the parameter to look at, and what is wanted of it."""

    lot_id: str = choice("Lot", "批次", of="lot", default="SYN-2026-005")
    parameter: str = text(
        "Parameter", "參數", default="", help_en="Empty: the one that stands out most", help_zh="空白：最異常的參數"
    )
    wanted_cpk: float = quantity("Wanted Cpk", "要求的 Cpk", ge=0.1, le=10, default=1.0)
    false_discovery_percent: float = quantity(
        "False discoveries among the suspects", "可疑參數中的錯誤發現率", ge=0.1, le=50, default=5.0
    )
    confidence_percent: float = quantity("Confidence", "信賴水準", ge=60, le=99.9, default=95.0)
    rules: str = choice(
        "Run rules", "判異準則", options=("western_electric", "nelson", "shewhart"), default="western_electric"
    )
    subgroup_alarm_percent: float = quantity(
        "False alarms of a chart, per unit", "管制圖每單元誤報率", ge=0.001, le=5, default=0.27
    )


@dataclass(frozen=True)
class EarlierLot:
    """A lot of the same line that was made before: its product and the readings of the units that did not fail."""

    lot_id: str
    product: str
    started_at: datetime
    values: pd.DataFrame
    specifications: Mapping[str, Specification]


@dataclass(frozen=True)
class ParameterLimits:
    """Limits of one parameter and what stands behind them.

    `kind`: "frozen" (version `version` of the product's limits), "borrowed" (from the lots made before), "own" (each
    unit by those before it, on the scale of Q), "none" (too few units). `units_own` of this module type and
    `units_borrowed`, the number of such units that the other types are worth; `types` and `lots` were used.
    `values` are as charted: readings, or Q statistics for "own".
    """

    parameter: str
    kind: str
    centre: float | None
    lower: float | None
    upper: float | None
    units_own: int
    units_borrowed: float
    types: int
    lots: int
    signals: tuple[int, ...]
    values: np.ndarray
    convention: str
    version: int | None = None
    frozen: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class QualityReview:
    """Everything the screens show. `short_run` charts all types of the line together, the units of this lot last:
    `line` names their lots. `indices` by parameter; `fitted` where the chosen one is not normal."""

    parameters: QualityReviewed
    record: LotRecord
    parameter: str | None
    screen: Screen | None
    limits: tuple[ParameterLimits, ...]
    chosen: ParameterLimits | None
    short_run: ShortRunChart | None
    line: tuple[str, ...]
    indices: Mapping[str, Capability]
    fitted: NonNormalCapability | None
    gauge: Mapping[str, tuple[GaugeStudy, GaugeStudy]]
    patterns: Mapping[str, Signature]
    verdict: Verdict
    summary: Summary


def earlier_lots(store: Any, record: LotRecord) -> tuple[EarlierLot, ...]:
    """Lots with a parameter of this one that were begun before it, real ones for a real lot and synthetic ones for a
    synthetic one; at most the last 40, the oldest first. Units that failed are left out.
    """
    found = []
    for row in store.lots.list():
        lot_id = row["lot_id"]
        if lot_id == record.origin.lot_id or bool(row["synthetic"]) != record.origin.synthetic:
            continue
        if not {s["parameter"] for s in store.lots.specifications(lot_id)} & set(record.parameters):
            continue
        moments = [one["measured_at"] for one in store.lots.imports(lot_id) if one["measured_at"]]
        started = min(moments or [row["recorded_at"]])
        if started < record.started_at:
            found.append((started, lot_id))
    found = sorted(found)[-MOST_LOTS:]
    lots = []
    for started, lot_id in found:
        earlier = LotRecord.of(store, lot_id, verify=False, route=False)
        good = ~earlier.units["passed"].eq(False).fillna(False).to_numpy(bool)
        lots.append(EarlierLot(lot_id, earlier.product, started, earlier.values[good], earlier.specifications))
    return tuple(lots)


def line_of(store: Any, lot_id: str) -> tuple[LotRecord, tuple[EarlierLot, ...]]:
    """A lot and those of its line that were made before it. Raises InputError for an unknown or empty lot."""
    record = LotRecord.of(store, lot_id, verify=False, route=False)
    return record, earlier_lots(store, record)


def review(record: LotRecord, earlier: Sequence[EarlierLot], p: QualityReviewed,
           frozen_of: Callable[[str, str, str], Mapping[str, Any] | None] = lambda *_: None
           ) -> QualityReview:  # fmt: skip
    """Judge the parameters of a lot. `frozen_of` (product, parameter, kind) gives the limits in force, if there are.

    Raises InputError: a parameter that was not measured on this lot, a frozen document that is none.
    """
    if p.parameter and p.parameter not in record.parameters:
        raise InputError("process.parameter_absent", where="parameter", got=p.parameter,
                         allowed=", ".join(record.parameters[:20]))  # fmt: skip
    seen = screened(record, false_discovery=p.false_discovery_percent / 100)
    confidence = p.confidence_percent / 100
    indices = {name: found for name in record.parameters if (found := _index(record, name, confidence))}
    parameter = p.parameter or _standing_out(record, seen, indices)
    order = _by_interest(record, seen, parameter)[:MOST_LIMITS]
    alpha = p.subgroup_alarm_percent / 100
    limits = tuple(limits_of(record, name, earlier, frozen_of, alpha=alpha, rules=p.rules) for name in order)
    chosen = next((one for one in limits if one.parameter == parameter), None)
    short_run, line = (None, ()) if parameter is None else _line(record, parameter, earlier, p.rules)
    gauge = {name: _gauge(record, name, frame, confidence) for name, frame in record.gauge.items()}
    patterns = {}
    for carrier in record.mapped()[:4] if parameter else []:
        found = pattern_of(record, parameter, carrier)
        if found is not None:
            patterns[carrier] = found
    verdict = quality_verdict(indices, seen, chosen, gauge, p.wanted_cpk)
    return QualityReview(p, record, parameter, seen, limits, chosen, short_run, line, indices,
                         _fitted(record, parameter, indices, confidence), gauge, patterns, verdict,
                         _summary(record, parameter, seen, chosen, indices, gauge, verdict, p))  # fmt: skip


def quality_verdict(indices: Mapping[str, Capability], seen: Screen | None, chosen: ParameterLimits | None,
                    gauge: Mapping[str, tuple[GaugeStudy, GaugeStudy]], wanted_cpk: float) -> Verdict:  # fmt: skip
    """FAIL when the whole interval of a Cpk lies below what is wanted, or a gauge is not fit for use; PASS when every
    lower bound reaches it, no parameter is suspect, no unit lies beyond the limits of the chosen one and the gauges
    are good; NONE without limits, suspects and gauges; MARGINAL otherwise."""
    gauges = [study.verdict for study, _ in gauge.values()]
    if any(found.cpk.high < wanted_cpk for found in indices.values()) or Verdict.FAIL in gauges:
        return Verdict.FAIL
    suspects = bool(seen and seen.suspects)
    if not indices and not gauges and not suspects:
        return Verdict.NONE
    sure = all(found.cpk_lower >= wanted_cpk for found in indices.values())
    quiet = not suspects and not (chosen and chosen.signals)
    return Verdict.PASS if sure and quiet and Verdict.MARGINAL not in gauges else Verdict.MARGINAL


def limits_of(record: LotRecord, parameter: str, earlier: Sequence[EarlierLot],
              frozen_of: Callable[[str, str, str], Mapping[str, Any] | None], *, alpha: float = 0.0027,
              rules: str = "western_electric") -> ParameterLimits:  # fmt: skip
    """Limits for the units of this lot, known before its first unit where the line has a past: frozen ones, else those
    that borrow strength from all module types made before, else each unit by the units before it. Limits that were
    made of this very lot judge only the lots after it."""
    x = record.values[parameter].dropna().to_numpy()
    for kind in FROZEN_CHARTS:
        row = frozen_of(record.product, parameter, kind)
        if row is not None and record.origin.lot_id not in row["from_data"].get("lots", ()):
            frozen = FrozenLimits.from_document(row["document"])
            found = phase_two(x, frozen)
            chart: Chart = found if isinstance(found, Chart) else found.location
            return ParameterLimits(
                parameter, "frozen", frozen.centre, frozen.lower, frozen.upper, frozen.units, frozen.units_borrowed,
                0, len(row["from_data"].get("lots", ())), _at(chart), x, frozen.convention, row["version"], row,
            )  # fmt: skip
    past, types, targets, lots = _past(record, parameter, earlier)
    own = [kind == record.product for kind in types]
    enough = len(set(types)) >= LEAST_TYPES or sum(own) >= 2
    if len(past) >= 4 and enough:
        try:
            new = [] if any(own) else [record.product]
            found = borrowed_limits(past, types, targets=targets, new_types=new, alpha=alpha)
            one = found.types[record.product]
            signals = tuple(int(i) for i in np.flatnonzero(one.signals(x)))
            return ParameterLimits(parameter, "borrowed", one.centre, one.lower, one.upper, one.units_own,
                                   one.units_borrowed, len(set(types)), lots, signals, x, found.convention)  # fmt: skip
        except DomainError:  # a past without variation sets no limits
            pass
    if len(x) >= 4 and np.ptp(x) > 0:
        found = q_chart(x, [record.product] * len(x), rules=SETS[rules])
        return ParameterLimits(parameter, "own", 0.0, -3.0, 3.0, len(x), 0.0, 1, 1, _at(found.location),
                               found.location.values, found.convention)  # fmt: skip
    return ParameterLimits(parameter, "none", None, None, None, len(x), 0.0, 0, 0, (), x, "")


def _past(record: LotRecord, parameter: str, earlier: Sequence[EarlierLot]):
    """Readings, module types and targets of the lots before. Without a target for every type there is none for any:
    a deviation and a plain reading cannot stand side by side."""
    values, types, targets, lots = [], [], {}, 0
    known = True
    for lot in earlier:
        if parameter not in lot.values.columns:
            continue
        found = lot.values[parameter].dropna()
        values += found.tolist()
        types += [lot.product] * len(found)
        lots += 1
        aim = _aim(lot.specifications.get(parameter))
        known = known and aim is not None
        targets[lot.product] = aim
    own = _aim(record.specifications.get(parameter))
    targets[record.product] = own
    return np.array(values), types, targets if known and own is not None else None, lots


def _aim(spec: Specification | None) -> float | None:
    if spec is None:
        return None
    if spec.target is not None:
        return spec.target
    return None if spec.lower is None or spec.upper is None else (spec.lower + spec.upper) / 2


def _line(record: LotRecord, parameter: str, earlier: Sequence[EarlierLot],
          rules: str) -> tuple[ShortRunChart | None, tuple[str, ...]]:  # fmt: skip
    """All module types on one chart in the order made. With three types a unit is scored by the limits known before it,
    else by Q statistics of its own type."""
    past, types, targets, _ = _past(record, parameter, earlier)
    x = record.values[parameter].dropna().to_numpy()
    values, kinds = np.concatenate([past, x]), [*types, *[record.product] * len(x)]
    lots = [lot.lot_id for lot in earlier if parameter in lot.values.columns for _ in range(
        int(lot.values[parameter].notna().sum()))] + [record.origin.lot_id] * len(x)  # fmt: skip
    if len(values) < 4 or np.ptp(values) == 0:
        return None, ()
    try:
        if len(set(kinds)) >= LEAST_TYPES and len(values) <= MOST_SCORED:
            return borrowed_chart(values, kinds, targets=targets, rules=SETS[rules]), tuple(lots)
        return q_chart(values, kinds, rules=SETS[rules]), tuple(lots)
    except DomainError:
        return None, ()


def _index(record: LotRecord, name: str, confidence: float) -> Capability | None:
    spec, x = record.specifications.get(name), record.values[name].dropna().to_numpy()
    if spec is None or not spec.limited or len(x) < 3 or np.ptp(x) == 0:
        return None
    return capability(x, lower=spec.lower, upper=spec.upper, target=spec.target, confidence=confidence)


def _fitted(record: LotRecord, parameter: str | None, indices: Mapping[str, Capability],
            confidence: float) -> NonNormalCapability | None:  # fmt: skip
    found = indices.get(parameter) if parameter else None
    if found is None or found.n < LEAST_FOR_FIT or not found.normality_p < NORMAL_LEVEL:
        return None
    spec = record.specifications[parameter]
    try:
        return nonnormal_capability(record.values[parameter].dropna().to_numpy(), lower=spec.lower, upper=spec.upper,
                                    confidence=confidence, resample_count=100)  # fmt: skip
    except DomainError:  # no family holds these values
        return None


def _gauge(record: LotRecord, name: str, frame: pd.DataFrame, confidence: float) -> tuple[GaugeStudy, GaugeStudy]:
    spec = record.specifications.get(name)
    width = spec.upper - spec.lower if spec and spec.lower is not None and spec.upper is not None else None
    block = crossed_table(frame, part="part", operator="operator", value="value")
    return (crossed_anova(block, tolerance_width=width, confidence=confidence),
            average_and_range(block, tolerance_width=width, confidence=confidence))  # fmt: skip


def _standing_out(record: LotRecord, seen: Screen | None, indices: Mapping[str, Capability]) -> str | None:
    if seen is not None and seen.suspects:
        return seen.suspects[0]
    if indices:
        return min(indices, key=lambda name: indices[name].cpk_lower)
    return record.parameters[0] if record.parameters else None


def _by_interest(record: LotRecord, seen: Screen | None, first: str | None) -> list[str]:
    p = {} if seen is None else dict(zip(seen.table["parameter"], seen.table["p"].fillna(1.0), strict=True))
    return sorted(record.parameters, key=lambda name: (name != first, p.get(name, 1.0)))


def _at(chart: Chart) -> tuple[int, ...]:
    return tuple(sorted({v.index for v in chart.violations}))


def _summary(record: LotRecord, parameter: str | None, seen: Screen | None, chosen: ParameterLimits | None,
             indices: Mapping[str, Capability], gauge: Mapping[str, tuple[GaugeStudy, GaugeStudy]], verdict: Verdict,
             p: QualityReviewed) -> Summary:  # fmt: skip
    shared = {"verified": record.origin.verified, "synthetic": record.origin.synthetic}
    figures: list[Figure] = []
    said: list[dict[str, str]] = []
    if indices:
        worst = min(indices, key=lambda name: indices[name].cpk_lower)
        found = indices[worst]
        figures.append(Figure("label.quality_review.cpk_lower", found.cpk_lower, "", 3, **shared))
        short = [name for name, one in indices.items() if one.cpk_lower < p.wanted_cpk]
        key = "incapable" if found.cpk.high < p.wanted_cpk else "undecided" if short else "capable"
        said.append({lang: t(f"quality_review.reason.{key}", lang, name=name_of(worst, lang), count=len(short),
                             parameters=len(indices), bound=shown(found.cpk_lower, 3), cpk=shown(found.cpk.value, 3),
                             high=shown(found.cpk.high, 3), n=found.n, wanted=f"{p.wanted_cpk:g}",
                             confidence=f"{p.confidence_percent:g}") for lang in LANGUAGES})  # fmt: skip
    if seen is not None:
        figures.append(Figure("label.quality_review.suspects", f"{len(seen.suspects)} / {len(seen.table)}", **shared))
        key = "suspects" if seen.suspects else "no_suspects"
        said.append({lang: t(f"quality_review.reason.{key}", lang, count=len(seen.suspects),
                             names=", ".join(name_of(n, lang) for n in seen.suspects[:3]),
                             rate=f"{p.false_discovery_percent:g}") for lang in LANGUAGES})  # fmt: skip
    if chosen is not None and chosen.kind != "none":
        count = f"{len(chosen.signals)} / {len(chosen.values)}"
        figures.append(Figure("label.quality_review.signals", count, **shared))
        said.append({lang: limits_words(chosen, lang) for lang in LANGUAGES})
    for name, (study, _) in gauge.items():
        figures.append(Figure("label.quality_review.gauge", study.gauge_percent, "%", 3, low=study.gauge_percent_low,
                              high=study.gauge_percent_high, **shared))  # fmt: skip
        said.append({lang: t(f"quality_review.reason.{GAUGE_WORDS[study.verdict]}", lang, name=name_of(name, lang),
                             percent=shown(study.gauge_percent, 3), classes=study.class_count)
                     for lang in LANGUAGES})  # fmt: skip
    if not said:
        said.append({lang: t("quality_review.reason.nothing", lang) for lang in LANGUAGES})
    return Summary(verdict, record.origin.title, tuple(figures), tuple(said))


def limits_words(one: ParameterLimits, lang: str) -> str:
    """What the limits of a parameter rest on, and what lies beyond them."""
    said = t(f"quality_review.limits.{one.kind}", lang, name=name_of(one.parameter, lang), own=one.units_own,
             borrowed=shown(float(one.units_borrowed), 2), types=one.types, lots=one.lots,
             version=one.version or 0)  # fmt: skip
    key = "beyond" if one.signals else "within"
    return said + " " + t(f"quality_review.limits.{key}", lang, count=len(one.signals), units=len(one.values))
