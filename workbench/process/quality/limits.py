"""Limits from setting up to freezing: phase I cleans the baseline, phase II judges what follows by frozen limits.

Frozen limits are a plain document with a version, the range of data and the number of units behind them; a revision
names the document it replaces by its hash, so no limit changes silently.
Source: Montgomery, Introduction to Statistical Quality Control, 6.2 (trial limits and their revision).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace

import numpy as np

from workbench.errors import DomainError, InputError
from workbench.process.quality.attributes import AttributeChart, attribute_chart
from workbench.process.quality.charts import Chart, ChartPair
from workbench.process.quality.constants import (
    chart_constants,
    mean_deviation_dof,
    mean_range_dof,
    moving_range_dof,
)
from workbench.process.quality.memory import CusumChart, EwmaChart, cusum, ewma
from workbench.process.quality.rules import SETS, SHEWHART, violations
from workbench.process.quality.shrinkage import BorrowedLimits

Array = np.ndarray
VARIABLES = ("individuals", "xbar_r", "xbar_s")
KINDS = (*VARIABLES, "ewma", "cusum", "p", "np", "c", "u", "borrowed")


@dataclass(frozen=True)
class FrozenLimits:
    """The document of one parameter's limits. Absent numbers are None; `settings` holds those of the chart's kind.

    `units` stand behind the limits (`units_borrowed` more by strength borrowed from other module types), `points` were
    plotted in the baseline, `removed` names those left out and why.
    """

    kind: str
    parameter: str
    module_type: str
    version: int
    centre: float
    sigma: float
    sigma_dof: float | None
    lower: float | None
    upper: float | None
    spread_centre: float | None
    spread_lower: float | None
    spread_upper: float | None
    subgroup_size: int
    units: int
    units_borrowed: float
    points: int
    data_from: str
    data_to: str
    removed: tuple[tuple[str, str], ...]
    convention: str
    rules: str
    settings: dict[str, float] = field(default_factory=dict)
    supersedes: str = ""

    def to_document(self) -> dict:
        """Plain values only, for JSON; `content_sha256` covers all the others."""
        document = asdict(self) | {"document": "control_limits", "document_version": 1}
        document["removed"] = [list(pair) for pair in self.removed]
        return document | {"content_sha256": self.content_sha256}

    @property
    def content_sha256(self) -> str:
        plain = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(plain.encode()).hexdigest()

    @classmethod
    def from_document(cls, document: dict) -> FrozenLimits:
        """Raises InputError: not such a document, unknown or missing fields, numbers that make no chart, wrong hash."""
        names = {f.name for f in fields(cls)}
        given = dict(document) if isinstance(document, dict) else {}
        kind, claimed = given.pop("document", None), given.pop("content_sha256", None)
        if kind != "control_limits" or given.pop("document_version", None) != 1 or set(given) != names:
            odd = ", ".join(sorted(map(str, set(given) ^ names)))
            raise InputError("process.limits_document", where=odd, got=kind, allowed="control_limits, 1")
        try:
            given["removed"] = tuple((str(a), str(b)) for a, b in given["removed"])
            given["settings"] = {str(k): float(v) for k, v in given["settings"].items()}
            found = cls(**given)
            _check(found)
            whole = found.content_sha256 == claimed
        except (TypeError, ValueError, AttributeError):
            raise InputError("process.limits_document", where=str(given.get("parameter", ""))) from None
        if not whole:
            raise InputError("process.limits_document", where="content_sha256", got=claimed)
        return found


@dataclass(frozen=True)
class PhaseOne:
    """The cleaned baseline: limits, what was left out, and whether the clean-up came to rest.

    `stable` is False when the rounds ran out or more than the allowed share had to go: find causes, not limits.
    """

    limits: FrozenLimits
    chart: ChartPair  # all points against the final limits
    removed: tuple[tuple[int, str], ...]  # index, chart that saw it
    rounds: int
    stable: bool


def phase_one(
    values: Array,
    *,
    kind: str = "individuals",
    parameter: str = "",
    module_type: str = "",
    labels: Sequence[str] | None = None,
    rules: str = "western_electric",
    most_rounds: int = 10,
    most_removed: float = 0.2,
    clean: bool = True,
) -> PhaseOne:
    """Trial limits from `values` (m,) or subgroups (m, n), revised until no point of the baseline lies beyond them.

    Each round leaves out the points beyond a 3 sigma limit of the location or the spread chart and computes the limits
    anew; moving ranges across a gap are not used. Only limits remove points: run rules judge afterwards. Leave a point
    in (`clean` False) when no cause is known: cleaning chance away makes limits too narrow (some 0.3 % of points go
    from a stable baseline).
    """
    data = np.asarray(values, float)
    data = data[:, None] if data.ndim == 1 else data
    if kind not in VARIABLES or rules not in SETS:
        raise DomainError("process.choice", got=f"{kind}, {rules}", allowed=", ".join([*VARIABLES, *SETS]))
    if data.ndim != 2 or not np.isfinite(data).all() or (kind == "individuals") != (data.shape[1] == 1):
        raise DomainError("process.subgroups_uneven", got=data.shape)
    names = [str(i) for i in range(len(data))] if labels is None else [str(v) for v in labels]
    if len(data) < 3 or len(names) != len(data):
        raise DomainError("process.baseline", got=len(data), allowed=">= 3")
    kept, why, rounds, rest = np.ones(len(data), bool), {}, 0, False
    while not rest:
        numbers = _estimate(kind, data, kept)
        place, spread = _plotted(kind, data, kept)
        out_place = kept & ((place < numbers["lower"]) | (place > numbers["upper"]))
        out_spread = kept & ((spread < numbers["spread_lower"]) | (spread > numbers["spread_upper"]))
        if kind == "individuals":
            out_spread &= out_place  # a wide moving range blames its pair; the individuals chart says which
        out = out_place | out_spread
        rest = not clean or not out.any()
        if rest or rounds == most_rounds or (kept & ~out).sum() < max(3, (1 - most_removed) * len(data)):
            break
        why |= {int(i): ("location" if out_place[i] else "spread") for i in np.flatnonzero(out)}
        kept &= ~out
        rounds += 1
    base = np.flatnonzero(kept)
    limits = FrozenLimits(
        kind=kind, parameter=parameter, module_type=module_type, version=1, **numbers, subgroup_size=data.shape[1],
        units=int(kept.sum() * data.shape[1]), units_borrowed=0.0, points=int(kept.sum()),
        data_from=names[base[0]], data_to=names[base[-1]],
        removed=tuple((names[i], reason) for i, reason in sorted(why.items())), rules=rules,
    )  # fmt: skip
    return PhaseOne(limits, phase_two(data, limits), tuple(sorted(why.items())), rounds, bool(rest))


def phase_two(values: Array, limits: FrozenLimits, sizes: Array | None = None):
    """Judge new `values` by frozen `limits`; they are never estimated again. `sizes` of samples for p and u charts.

    Returns the chart of the kind: ChartPair, EwmaChart, CusumChart or AttributeChart; for borrowed limits a Chart.
    """
    if limits.kind in VARIABLES:
        return _judge(values, limits)
    if limits.kind == "borrowed":
        x, half = np.asarray(values, float).ravel(), (limits.upper - limits.lower) / 6
        # scaled so that the rule of one point beyond a limit stands exactly at the (unequal) limits
        side = np.where(x > limits.centre, (limits.upper - limits.centre) / 3, (limits.centre - limits.lower) / 3)
        found = violations((x - limits.centre) / side, SHEWHART)
        return Chart("individual", x, limits.centre, limits.lower, limits.upper, half, found)
    if limits.kind in ("ewma", "cusum"):
        chart = {"ewma": ewma, "cusum": cusum}[limits.kind]
        return chart(values, target=limits.centre, sigma=limits.sigma, **limits.settings)
    sizes = limits.subgroup_size if sizes is None else sizes
    return attribute_chart(values, sizes, kind=limits.kind, centre=limits.centre, rules=SETS[limits.rules],
                           judged_by=limits.convention)  # fmt: skip


def freeze(
    chart: EwmaChart | CusumChart | AttributeChart,
    *,
    parameter: str = "",
    module_type: str = "",
    data_from: str = "0",
    data_to: str | None = None,
    rules: str = "western_electric",
) -> FrozenLimits:
    """The document of an EWMA, CUSUM or attribute chart's baseline; `phase_one` makes that of Shewhart charts."""
    low = high = None
    size = 1
    if isinstance(chart, EwmaChart):
        kind, sigma, convention = "ewma", chart.sigma, chart.sigma_convention
        settings = {"smoothing": chart.smoothing, "limit": chart.limit}
        low, high = float(chart.lower[-1]), float(chart.upper[-1])
    elif isinstance(chart, CusumChart):
        kind, sigma, convention = "cusum", chart.sigma, chart.sigma_convention
        settings = {"reference": chart.reference / sigma, "decision": chart.decision / sigma,
                    "head_start": chart.head_start}  # fmt: skip
    else:
        if chart.kind.startswith("laney"):
            raise DomainError("process.choice", got=chart.kind, allowed=", ".join(("p", "np", "c", "u")))
        kind, sigma, convention, settings = chart.kind, float(chart.sigma[0]), chart.judged_by, {}
        low, high = float(chart.lower[0]), float(chart.upper[0])
        size = int(chart.sizes[0]) if kind == "np" else 1
    base = chart.baseline_count
    units = int(chart.sizes[:base].sum()) if isinstance(chart, AttributeChart) else base
    centre = chart.centre / size if kind == "np" else chart.centre
    return FrozenLimits(
        kind, parameter, module_type, 1, float(centre), float(sigma), None, low, high, None, None, None, size, units,
        0.0, base, data_from, str(base - 1) if data_to is None else data_to, (), convention, rules,
        {k: float(v) for k, v in settings.items()},
    )  # fmt: skip


def freeze_borrowed(
    limits: BorrowedLimits, module_type: str, *, parameter: str = "", data_from: str = "", data_to: str = ""
) -> FrozenLimits:
    """The document of one module type's limits with borrowed strength; a type never made has `units` 0."""
    one = limits.types[module_type]
    settings = {"alpha": limits.alpha, "between": limits.between, "weight": one.weight,
                "dof_own": float(one.dof_own), "dof_borrowed": one.dof_borrowed}  # fmt: skip
    settings = {k: v for k, v in settings.items() if np.isfinite(v)}
    return FrozenLimits(
        "borrowed", parameter, module_type, 1, one.centre, one.sigma, one.dof_own + one.dof_borrowed, one.lower,
        one.upper, None, None, None, limits.units_per_point, one.units_own, one.units_borrowed, limits.units, data_from,
        data_to, (), limits.convention, "shewhart", settings,
    )  # fmt: skip


def revise(previous: FrozenLimits, new: FrozenLimits) -> FrozenLimits:
    """`new` as the version that follows `previous` and names it by its hash; both of the same parameter and type."""
    if (previous.parameter, previous.module_type) != (new.parameter, new.module_type):
        got = f"{new.parameter}, {new.module_type}"
        raise InputError("process.limits_revision", got=got, allowed=f"{previous.parameter}, {previous.module_type}")
    return replace(new, version=previous.version + 1, supersedes=previous.content_sha256)


def _plotted(kind: str, data: Array, kept: Array) -> tuple[Array, Array]:
    if kind == "individuals":
        x = np.where(kept, data[:, 0], np.nan)
        return x, np.concatenate([[np.nan], np.abs(np.diff(x))])
    return data.mean(axis=1), np.ptp(data, axis=1) if kind == "xbar_r" else data.std(axis=1, ddof=1)


def _estimate(kind: str, data: Array, kept: Array) -> dict:
    """Centre, sigma and limits from the kept points."""
    n = data.shape[1]
    place, spread = _plotted(kind, data, kept)
    ranges = spread[kept & np.isfinite(spread)]
    if len(ranges) < 2 or not ranges.mean() > 0:
        raise DomainError("process.no_variation", got=len(ranges))
    c = chart_constants(max(n, 2))
    typical, centre = float(ranges.mean()), float(place[kept].mean())
    if kind == "xbar_s":
        sigma, low, high, dof = typical / c.c4, c.B3, c.B4, mean_deviation_dof(n, len(ranges))
    else:
        dof = moving_range_dof(len(ranges) + 1) if n == 1 else mean_range_dof(n, len(ranges))
        sigma, low, high = typical / c.d2, c.D3, c.D4
    half = 3 * sigma / np.sqrt(n)
    convention = {"xbar_s": "mean_deviation", "xbar_r": "mean_range"}.get(kind, "moving_range")
    numbers = {"centre": centre, "sigma": sigma, "sigma_dof": dof, "lower": centre - half, "upper": centre + half,
               "spread_centre": typical, "spread_lower": low * typical, "spread_upper": high * typical}  # fmt: skip
    return {k: float(v) for k, v in numbers.items()} | {"convention": convention}


def _judge(values: Array, limits: FrozenLimits) -> ChartPair:
    data = np.asarray(values, float)
    data = data[:, None] if data.ndim == 1 else data
    if data.ndim != 2 or data.shape[1] != limits.subgroup_size or not np.isfinite(data).all():
        raise DomainError("process.subgroups_uneven", got=data.shape, allowed=limits.subgroup_size)
    n, rules = limits.subgroup_size, SETS[limits.rules]
    place, spread = _plotted(limits.kind, data, np.ones(len(data), bool))
    point = limits.sigma / np.sqrt(n)
    spread_point = (limits.spread_upper - limits.spread_centre) / 3
    kinds = {"xbar_r": ("xbar", "range"), "xbar_s": ("xbar", "deviation")}.get(
        limits.kind, ("individual", "moving_range")
    )  # fmt: skip
    location = Chart(kinds[0], place, limits.centre, limits.lower, limits.upper, point,
                     violations((place - limits.centre) / point, rules))  # fmt: skip
    side = Chart(kinds[1], spread, limits.spread_centre, limits.spread_lower, limits.spread_upper, spread_point,
                 violations((spread - limits.spread_centre) / spread_point, SHEWHART))  # fmt: skip
    return ChartPair(location, side, limits.sigma, limits.sigma_dof, limits.convention, n, limits.points)


def _check(limits: FrozenLimits) -> None:
    """A ValueError for numbers that make no chart: documents come from outside."""
    numbers = [limits.centre, limits.sigma, *limits.settings.values()]
    optional = [limits.sigma_dof, limits.lower, limits.upper, limits.spread_centre, limits.spread_lower,
                limits.spread_upper]  # fmt: skip
    numbers += [v for v in optional if v is not None]
    whole = [limits.version, limits.subgroup_size, limits.units, limits.points]
    texts = [limits.kind, limits.parameter, limits.module_type, limits.data_from, limits.data_to, limits.convention,
             limits.rules, limits.supersedes]  # fmt: skip
    right = (
        all(isinstance(v, int | float) and not isinstance(v, bool) and np.isfinite(v) for v in numbers)
        and all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in whole)
        and all(isinstance(v, str) for v in texts)
        and limits.kind in KINDS and limits.rules in SETS and limits.version >= 1 and limits.subgroup_size >= 1
        and limits.sigma > 0 and (limits.lower is None or limits.lower <= limits.centre <= limits.upper)
        and (limits.kind not in VARIABLES or None not in optional)
    )  # fmt: skip
    if not right:
        raise ValueError(limits.parameter)
