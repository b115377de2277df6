"""Where a line may run: slices of the window, the ranges of all factors at once, distances to the limits, Cpk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from workbench.errors import DomainError
from workbench.process.window.factors import Category, Factor, uncoded
from workbench.process.window.predictor import Held, Predictor
from workbench.process.window.probability import Limits, conformance, conformance_and_room
from workbench.process.window.setpoint import SetPoint, at_set_point
from workbench.process.window.shapes import Box, Ellipsoid, largest_box, largest_ellipsoid
from workbench.process.window.study import Field, WindowStudy, grid_field

Array = np.ndarray
_MOST = 0.9999  # shapes are sought up to this probability
Setpoint = Mapping[str, float | str]  # factor or category -> setting in its unit or level


@dataclass(frozen=True)
class Operating:
    """Ranges of `factors` (low, high, in their units) that hold together with a probability of conformance of `wanted`
    everywhere, the other factors held. `shape` is in units; `share` its volume over that of the tested ranges."""

    factors: tuple[Factor, ...]
    low: Array
    high: Array
    shape: Box | Ellipsoid
    wanted: float
    share: float


@dataclass(frozen=True)
class Margin:
    """Distance of what is expected at a setting from one limit: positive inside.

    `distance` is in the unit of the response, `in_sigma` over `sigma`: unit to unit, drift and the uncertainty of the
    model together, on the scale of the model (Cpk of this side is a third of it).
    """

    response: str
    side: str  # lower | upper
    limit: float
    expected: float
    distance: float
    sigma: float
    in_sigma: float


@dataclass(frozen=True)
class Room:
    """How far one factor may go alone (in its unit) before conformance falls below `wanted` or the tested range ends.

    `low_bound` and `high_bound` say which: "window" or "tested". None where the setting itself is not in the window.
    """

    factor: str
    setting: float
    low: float | None
    high: float | None
    low_bound: str
    high_bound: str


def coded_at(study: WindowStudy, at: Setpoint | None) -> tuple[Array, dict[str, str]]:
    """`at` as coded point (k,) and levels; what it does not name stays at the set point.

    Raises DomainError: a name that is no factor, a level that does not exist.
    """
    x = study.set_point.x.astype(float).copy()
    level: dict[str, str] = {}
    names = [f.name for f in study.factors]
    categories = {c.name: c for c in study.categories}
    for name, value in (at or {}).items():
        if name in names:
            f = study.factors[names.index(name)]
            x[names.index(name)] = (float(value) - f.centre) / f.half_range
        elif name in categories and str(value) in categories[name].levels:
            level[name] = str(value)
        else:
            raise DomainError("process.window_factor", got=f"{name}: {value}", allowed=", ".join([*names, *categories]))
    return x, level


def slice_field(
    study: WindowStudy, axes: tuple[str, str], at: Setpoint | None = None, *, grid_count: int = 37
) -> Field:
    """The window in the plane of two factors, the others at `at` (in units; default the set point). Made for sliders:
    three or more correlated responses are integrated on 128 points (error about 1e-3)."""
    names = [f.name for f in study.factors]
    if len(set(axes)) != 2 or not set(axes) <= set(names):
        raise DomainError("process.window_factor", got=", ".join(axes), allowed=", ".join(names))
    x, level = coded_at(study, at)
    models = dict(zip([r.name for r in study.responses], study.models(study.responses, **level), strict=True))
    places = (names.index(axes[0]), names.index(axes[1]))
    return grid_field(study.factors, models, study.responses, study.region, x, places, study.coupling, grid_count,
                      nodes_log2=7)  # fmt: skip


def conformance_at(study: WindowStudy, at: Setpoint | None = None) -> SetPoint:
    """What to expect at any setting, with the study's drift."""
    x, level = coded_at(study, at)
    return at_set_point(study.models(**level), study.bounds, x, study.drift, region=study.region,
                        correlation=study.coupling, confidence=study.confidence)  # fmt: skip


def operating_box(study: WindowStudy, *, wanted: float | None = None, held: Setpoint | None = None) -> Operating | None:
    """The largest box of factors in the window; those in `held` keep their setting. None where there is no window."""
    return _operating(study, wanted, held, "box")


def operating_ellipsoid(
    study: WindowStudy, *, wanted: float | None = None, held: Setpoint | None = None, aligned: bool = False
) -> Operating | None:
    """The largest ellipsoid, as `operating_box`; `aligned` keeps its axes along the factors."""
    return _operating(study, wanted, held, "aligned" if aligned else "ellipsoid")


def _operating(study: WindowStudy, wanted: float | None, held: Setpoint | None, kind: str) -> Operating | None:
    wanted = study.wanted if wanted is None else wanted
    x, level = coded_at(study, held)
    free = tuple(i for i, f in enumerate(study.factors) if f.name not in (held or {}))
    if not free or not 0 < wanted <= _MOST:
        raise DomainError("process.choice", got=f"{len(free)}, {wanted}", allowed=f"0 ... {_MOST}")
    models = [m if len(free) == len(x) else Held(m, free, x) for m in study.models(**level)]
    still = float((np.delete(x, free) ** 2).sum())

    def margins(points: Array) -> Array:
        deviate = spare_deviate(models, study.bounds, points, wanted, study.coupling)
        return np.column_stack([deviate, study.region.reach**2 - still - (points**2).sum(axis=1)])

    low, high = study.region.low[list(free)], study.region.high[list(free)]
    options = {"starts": study.set_point.x[list(free)][None]}
    if kind == "box":
        shape = largest_box(margins, low, high, **options)
    else:
        shape = largest_ellipsoid(margins, low, high, aligned=kind == "aligned", **options)
    if shape is None:
        return None
    factors = tuple(study.factors[i] for i in free)
    half = np.array([f.half_range for f in factors])
    share = shape.volume / float(np.prod(high - low))
    if kind == "box":
        inside = Box(*uncoded(factors, np.array([shape.low, shape.high])))
        return Operating(factors, inside.low, inside.high, inside, wanted, share)
    inside = Ellipsoid(uncoded(factors, shape.centre[None])[0], half[:, None] * shape.root)
    return Operating(factors, inside.centre - inside.reach, inside.centre + inside.reach, inside, wanted, share)


def spare_deviate(
    models: Sequence[Predictor], bounds: Sequence[Limits], x: Array, wanted: float, coupling: Array | None
) -> Array:
    """How far (n,) the probability of conformance at coded points (n, k) is above `wanted`, as a normal deviate.

    The probability itself is all plateaus and cliffs; its deviate is nearly as smooth as the mean. Where it cannot be
    told from 0 or 1 the distance to the nearest limit in sigma takes over, so the way back is never lost.
    """
    p, nearest = conformance_and_room(models, bounds, x, correlation=coupling, nodes_log2=8)
    deviate = special.ndtri(np.minimum(np.maximum(p, 1e-8), 1 - 1e-8))
    share = np.minimum(np.maximum((np.abs(deviate) - 4.0) / 1.2, 0.0), 1.0)
    share = share * share * (3 - 2 * share)
    return (1 - share) * deviate + share * nearest - special.ndtri(wanted)


def total_sigma(models: Sequence[Predictor], drift_sd: Array, x: Array) -> Array:
    """Standard deviation (n, models) of one unit at coded points (n, k): prediction and drift, the latter to first
    order (the slope of the mean times the drift of each factor)."""
    x = np.atleast_2d(np.asarray(x, float))
    step = 1e-4
    found = []
    for model in models:
        variance = model.scale(x) ** 2
        for i in np.nonzero(drift_sd)[0]:
            moved = step * np.eye(x.shape[1])[i]
            slope = (model.mean(x + moved) - model.mean(x - moved)) / (2 * step)
            variance = variance + (slope * drift_sd[i]) ** 2
        found.append(np.sqrt(variance))
    return np.column_stack(found)


def margins(study: WindowStudy, at: Setpoint | None = None) -> tuple[Margin, ...]:
    """Distances to every limit at a setting (default the set point), nearest in sigma first."""
    x, level = coded_at(study, at)
    models = study.models(**level)
    sigmas = total_sigma(models, study.drift.sd, x)[0]
    found = []
    for r, model, bound, sigma in zip(study.limited, models, study.bounds, sigmas, strict=True):
        mean = float(model.mean(x[None])[0])
        expected = float(r.back(np.array(mean)))
        for side, sign, limit, own in (
            ("lower", 1, r.limits.lower, bound.lower),
            ("upper", -1, r.limits.upper, bound.upper),
        ):
            if limit is not None and own is not None:
                distance = sign * (expected - limit)
                found.append(Margin(r.name, side, limit, expected, distance, float(sigma), sign * (mean - own) / sigma))
    return tuple(sorted(found, key=lambda m: m.in_sigma))


def room(study: WindowStudy, at: Setpoint | None = None, *, wanted: float | None = None) -> tuple[Room, ...]:
    """How far each factor may go alone from a setting (default the set point), in its unit."""
    wanted = study.wanted if wanted is None else wanted
    x, level = coded_at(study, at)
    models = study.models(**level)

    def spare(points: Array) -> Array:
        return conformance(models, study.bounds, points, correlation=study.coupling)[0] - wanted

    inside = bool(spare(x[None])[0] >= 0 and study.region.contains(x)[0])
    found = []
    for i, f in enumerate(study.factors):
        setting = float(f.centre + f.half_range * x[i])
        ends: list[tuple[float | None, str]] = [(None, "window"), (None, "window")]
        if inside:
            rest = np.sqrt(max(study.region.reach**2 - float((np.delete(x, i) ** 2).sum()), 0.0))
            ends = [
                _edge(spare, x, i, max(study.region.low[i], -rest)),
                _edge(spare, x, i, min(study.region.high[i], rest)),
            ]
        (low, low_bound), (high, high_bound) = ends
        low, high = (None if v is None else float(f.centre + f.half_range * v) for v in (low, high))
        found.append(Room(f.name, setting, low, high, low_bound, high_bound))
    return tuple(found)


def _edge(spare, x: Array, i: int, end: float) -> tuple[float, str]:
    """The first place between x[i] and `end` where `spare` turns negative."""
    way = np.linspace(x[i], end, 65)
    points = np.tile(x, (len(way), 1))
    points[:, i] = way
    outside = np.nonzero(spare(points) < 0)[0]
    if not len(outside):
        return float(end), "tested"
    if outside[0] == 0:
        return float(x[i]), "window"

    def at(v: float) -> float:
        point = x.copy()
        point[i] = v
        return float(spare(point[None])[0])

    return float(optimize.brentq(at, way[outside[0] - 1], way[outside[0]], xtol=1e-10)), "window"


@dataclass(frozen=True)
class CapablePoint:
    """The setting with the largest weighted Cpk: `x` coded, `cpk` of each limited response there, `least` the smallest
    Cpk over its weight. Sigma is that of `total_sigma`."""

    x: Array
    setting: Array
    cpk: Array
    least: float


def cpk_at(study: WindowStudy, x: Array, **level: str) -> Array:
    """Cpk (n, limited responses) expected at coded points (n, k): the smaller distance to a limit over three
    `total_sigma` (unit to unit, drift and model)."""
    x = np.atleast_2d(np.asarray(x, float))
    models = study.models(**level)
    sigmas = total_sigma(models, study.drift.sd, x)
    columns = []
    for model, bound, sigma in zip(models, study.bounds, sigmas.T, strict=True):
        low, high = bound.bounds
        mean = model.mean(x)
        columns.append(np.minimum(mean - low, high - mean) / (3 * sigma))
    return np.column_stack(columns)


def capable_point(study: WindowStudy, *, weights: Mapping[str, float] | None = None) -> CapablePoint:
    """The set point that makes the smallest Cpk over its weight as large as possible, at the study's level.

    `weights`: the Cpk each response has to reach (default 1 for all), so the least ratio is what is left for the worst.
    """
    weights = weights or {}
    unknown = set(weights) - {r.name for r in study.limited}
    if unknown or any(w <= 0 for w in weights.values()):
        allowed = ", ".join(r.name for r in study.limited)
        raise DomainError("process.window_weights", got=", ".join(unknown) or min(weights.values()), allowed=allowed)
    weight = np.array([weights.get(r.name, 1.0) for r in study.limited])
    k = len(study.factors)
    region = study.region
    candidates = np.random.default_rng(0).uniform(region.low, region.high, (4096, k))
    candidates = np.vstack([study.set_point.x, region.inward(candidates)])
    score = (cpk_at(study, candidates) / weight).min(axis=1)
    starts = candidates[np.argsort(-score)[:4]]

    def parts(z: Array) -> Array:
        return _sides(study, z[:k][None])[0] - z[k] * np.repeat(weight, 2)

    best, value = starts[0], float(score.max())
    for start in starts:
        z = np.append(start, float((cpk_at(study, start[None]) / weight).min()))
        found = optimize.minimize(
            lambda z: -z[k], z, jac=lambda z: np.append(np.zeros(k), -1.0), method="SLSQP",
            bounds=[*zip(region.low, region.high, strict=True), (None, None)],
            constraints=[{"type": "ineq", "fun": parts},
                         {"type": "ineq", "fun": lambda z: region.reach**2 - float((z[:k] ** 2).sum())}],
            options={"ftol": 1e-12, "maxiter": 200},
        )  # fmt: skip
        x = region.inward(found.x[:k])[0]
        reached = float((cpk_at(study, x[None]) / weight).min())
        if reached > value:
            best, value = x, reached
    return CapablePoint(best, uncoded(study.factors, best[None])[0], cpk_at(study, best[None])[0], value)


def _sides(study: WindowStudy, x: Array) -> Array:
    """Cpk of each side (n, 2 responses); an open side is far away."""
    models = study.models()
    sigmas = total_sigma(models, study.drift.sd, x)
    columns = []
    for model, bound, sigma in zip(models, study.bounds, sigmas.T, strict=True):
        low, high = bound.bounds
        mean = model.mean(x)
        columns += [np.minimum((mean - low) / (3 * sigma), 1e6), np.minimum((high - mean) / (3 * sigma), 1e6)]
    return np.column_stack(columns)


@dataclass(frozen=True)
class Overlap:
    """The common window of several studies of the same factors: layers, features or products on one setting."""

    studies: tuple[WindowStudy, ...]
    factors: tuple[Factor, ...]  # over the ranges that all have tested

    def probability(self, settings: Array) -> Array:
        """Probability (n, studies) that each conforms at settings (n, k) in units."""
        settings = np.atleast_2d(np.asarray(settings, float))
        columns = []
        for s in self.studies:
            x = (settings - [f.centre for f in s.factors]) / [f.half_range for f in s.factors]
            p = conformance(s.models(), s.bounds, x, correlation=s.coupling, nodes_log2=8)[0]
            columns.append(np.where(s.region.contains(x), p, 0.0))
        return np.column_stack(columns)

    def largest(self, kind: str = "box", *, wanted: float = 0.9) -> Box | Ellipsoid | None:
        """Largest "box" or "ellipsoid" (in units) where every study conforms with probability `wanted`."""

        def margins(settings: Array) -> Array:
            columns = []
            for s in self.studies:
                x = (settings - [f.centre for f in s.factors]) / [f.half_range for f in s.factors]
                columns.append(spare_deviate(s.models(), s.bounds, x, wanted, s.coupling))
                columns.append(s.region.reach**2 - (x**2).sum(axis=1))
            return np.column_stack(columns)

        low, high = (np.array([getattr(f, end) for f in self.factors]) for end in ("low", "high"))
        return (largest_box if kind == "box" else largest_ellipsoid)(margins, low, high)


def overlap(studies: Sequence[WindowStudy]) -> Overlap:
    """The studies' common window. Raises DomainError: other factors, or ranges that have nothing in common."""
    names = [tuple(f.name for f in s.factors) for s in studies]
    if not studies or len(set(names)) != 1 or any(isinstance(f, Category) for s in studies for f in s.space):
        raise DomainError("process.window_studies", got="; ".join(", ".join(n) for n in names))
    common = []
    for i, name in enumerate(names[0]):
        low, high = max(s.factors[i].low for s in studies), min(s.factors[i].high for s in studies)
        if not low < high:
            raise DomainError("process.window_studies", where=name, got=f"{low} ... {high}")
        common.append(Factor(name, low, high))
    return Overlap(tuple(studies), tuple(common))
