"""The whole study of one experiment: models, their diagnostics, the window and the set point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import DomainError
from workbench.process.window.diagnostics import Diagnostics, diagnose
from workbench.process.window.factors import (
    Category,
    Factor,
    Region,
    Setting,
    column_names,
    column_owners,
    expanded,
    point_of,
    uncoded,
)
from workbench.process.window.gaussian_process import GaussianProcess, fit_process
from workbench.process.window.predictor import Held, Predictor
from workbench.process.window.probability import (
    Limits,
    conformance,
    conformance_interval,
    posterior,
    residual_correlation,
)
from workbench.process.window.selection import ORDERS, Term, backward, terms_of
from workbench.process.window.setpoint import Drift, SetPoint, operating_range, recommend, yield_with_drift
from workbench.process.window.stationary import StationaryPoint, stationary_point
from workbench.process.window.surface import Surface, design_matrix, fit
from workbench.process.window.transform import Power

Array = np.ndarray
MODELS = ("selected", "full_quadratic", "gaussian_process")
JOINTS = ("independent", "correlated")


@dataclass(frozen=True)
class Response:
    """One response: the model in use, its rivals and what is known of its quality.

    Models are of the response transformed by `power` where there is one. `process` is the Gaussian process where that
    is the model in use; `surface` is then the polynomial beside it.
    """

    name: str
    limits: Limits | None
    surface: Surface
    full: Surface
    selected: Surface
    path: tuple[tuple[tuple[Term, ...], float], ...]  # backward selection: models visited with their AICc
    diagnostics: Diagnostics
    stationary: StationaryPoint | None  # None with categories: each level has its own
    process: GaussianProcess | None = None
    power: Power | None = None

    @property
    def model(self) -> Predictor:
        """The model in use, over all columns."""
        return self.process or self.surface

    @property
    def bounds(self) -> Limits | None:
        """The limits on the scale of the model."""
        if self.limits is None or self.power is None:
            return self.limits
        lower, upper = self.limits.lower, self.limits.upper
        ends = [None if v is None or v <= 0 else float(self.power.forward(v)) for v in (lower, upper)]
        if upper is not None and upper <= 0:
            raise DomainError("process.window_not_positive", where=self.name, got=upper, allowed="> 0")
        return Limits(*ends)

    def back(self, z: Array) -> Array:
        """Values of the model in the unit of the response: its mean, or the median where it was transformed."""
        return z if self.power is None else self.power.inverse(z)


@dataclass(frozen=True)
class Field:
    """Values on a grid of two factors (in their units), the others held.

    `margin` (coded) is negative where a node lies outside the explored region: values there are extrapolated and
    count for nothing.
    """

    x: Array
    y: Array
    means: dict[str, Array]
    probability: Array
    mean_inside: Array
    margin: Array

    @property
    def explored(self) -> Array:
        return self.margin >= -1e-9


@dataclass(frozen=True)
class DriftCurve:
    """Yield at the set point against the drift, as multiples of the stated one, with its credible interval."""

    multiple: Array
    value: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class WindowStudy:
    """Result of `study`. `wanted` is the probability of conformance that makes a setting part of the window.

    `factors` are those that have a scale, `x` (n, factors) their coded settings; `categories` the others, at `level`
    (the one with the best set point). `field`, `box` and the shares are of the first two factors, the others at the set
    point; `slice_field` gives other slices, `operating` the ranges of all factors at once.
    """

    factors: tuple[Factor, ...]
    x: Array
    responses: tuple[Response, ...]
    region: Region
    drift: Drift
    joint: str
    correlation: Array
    wanted: float
    confidence: float
    set_point: SetPoint
    field: Field
    window_exists: bool
    window_share: float  # of the explored region
    mean_window_share: float  # the same for the mean overlay, without uncertainty
    box: tuple[tuple[float, float], ...] | None  # largest range of both factors inside the window
    on_edge: bool
    curve: DriftCurve | None
    space: tuple[Setting, ...] = ()
    level: tuple[tuple[str, str], ...] = ()

    @property
    def categories(self) -> tuple[Category, ...]:
        return tuple(f for f in self.space if isinstance(f, Category))

    @property
    def coupling(self) -> Array | None:
        """The correlation in use; None where the responses count as independent."""
        return self.correlation if self.joint == "correlated" and len(self.limited) > 1 else None

    @property
    def bounds(self) -> tuple[Limits, ...]:
        """Limits of the limited responses on the scale of their models."""
        return tuple(r.bounds for r in self.limited)

    def models(self, responses: Sequence[Response] | None = None, **level: str) -> tuple[Predictor, ...]:
        """Models over the factors that have a scale, categories held at the study's `level` or at the one given."""
        chosen = self.limited if responses is None else responses
        return _models(self.space or self.factors, chosen, dict(self.level) | level)

    @property
    def limited(self) -> tuple[Response, ...]:
        """The responses that have a limit."""
        return tuple(r for r in self.responses if r.limits)

    @property
    def setting(self) -> Array:
        """The recommended set point in the factors' units."""
        return uncoded(self.factors, self.set_point.x[None])[0]


def study(
    factors: Sequence[Setting],
    settings: Array,
    responses: Mapping[str, Array],
    limits: Mapping[str, Limits],
    drift_sd: Sequence[float],
    *,
    model: str = "selected",
    joint: str = "independent",
    wanted: float = 0.9,
    confidence: float = 0.95,
    grid_count: int = 37,
    block: Array | None = None,
    powers: Mapping[str, float] | None = None,
) -> WindowStudy:
    """Fit every response, find the window of all `limits` and recommend a set point.

    `settings` (n, k) and `drift_sd` (k,) are in the factors' units; a category has names of its levels and no drift.
    `model`: "full_quadratic" (the largest model the runs allow), "selected" (backward from there by AICc, hierarchy
    kept) or "gaussian_process". `joint`: responses "independent" given the setting, or "correlated" as their residuals
    are. `block` (n,) names the block of each run (polynomials only). `powers` transforms responses (Box-Cox). Raises
    DomainError: no response has a limit, an unknown choice, and what `fit` and `fit_process` refuse.
    """
    if model not in MODELS or joint not in JOINTS:
        raise DomainError("process.choice", got=f"{model}, {joint}", allowed=", ".join(MODELS + JOINTS))
    space = tuple(factors)
    scaled = [i for i, f in enumerate(space) if isinstance(f, Factor)]
    if not scaled or (block is not None and model == "gaussian_process"):
        raise DomainError("process.choice", got=f"{model}, {len(scaled)}", allowed="selected, full_quadratic")
    points = point_of(space, settings)
    powers = {name: Power(float(value)) for name, value in (powers or {}).items() if value != 1}
    modelled = tuple(
        _response(name, points, np.asarray(y, float), limits.get(name), space, model, block, powers.get(name))
        for name, y in responses.items()
    )
    limited = [r for r in modelled if r.limits]
    if not limited:
        raise DomainError("process.no_limit")
    bounds = [r.bounds for r in limited]
    correlation = residual_correlation([r.model for r in limited])
    coupling = correlation if joint == "correlated" and len(limited) > 1 else None
    numeric = tuple(space[i] for i in scaled)
    x = points[:, scaled]
    region = Region.of(x)
    drift = Drift(np.asarray(drift_sd, float)[scaled] / [f.half_range for f in numeric])
    best = None
    for level in _levels(space, points):
        models = _models(space, limited, level)
        found = recommend(models, bounds, region, drift, correlation=coupling, confidence=confidence)
        if best is None or found.drifted.value > best[0].drifted.value:
            best = found, level, models
    point, level, surfaces = best
    field = grid_field(
        numeric, dict(zip([r.name for r in modelled], _models(space, modelled, level), strict=True)), modelled,
        region, point.x, (0, min(1, len(numeric) - 1)), coupling, grid_count,
    )  # fmt: skip
    explored = field.explored
    window = explored & (field.probability >= wanted)
    held = operating_range(window)
    return WindowStudy(
        factors=numeric,
        x=x,
        responses=modelled,
        region=region,
        drift=drift,
        joint=joint,
        correlation=correlation,
        wanted=wanted,
        confidence=confidence,
        set_point=point,
        field=field,
        window_exists=bool(window.any() or point.still >= wanted),
        window_share=float(window.sum() / explored.sum()),
        mean_window_share=float((explored & field.mean_inside).sum() / explored.sum()),
        box=None if held is None else tuple(_ends(axis[s]) for axis, s in zip((field.x, field.y), held, strict=True)),
        on_edge=bool(region.margin(point.x)[0] < 1e-3),
        curve=_curve(surfaces, bounds, point, drift, coupling, confidence),
        space=space,
        level=tuple(level.items()),
    )


def _levels(space: Sequence[Setting], points: Array) -> list[dict[str, str]]:
    """The combinations of levels that were run; one empty combination without categories."""
    places = [i for i, f in enumerate(space) if isinstance(f, Category)]
    rows = np.unique(points[:, places].round().astype(int), axis=0) if places else np.empty((1, 0), int)
    return [{space[i].name: space[i].levels[v] for i, v in zip(places, row, strict=True)} for row in rows]


def _models(space: Sequence[Setting], responses: Sequence[Response], level: Mapping[str, str]) -> tuple[Predictor, ...]:
    if not level:
        return tuple(r.model for r in responses)
    for f in space:
        if isinstance(f, Category) and level[f.name] not in f.levels:
            raise DomainError("process.level_unknown", where=f.name, got=level[f.name], allowed=", ".join(f.levels))
    point = [float(f.levels.index(level[f.name])) if isinstance(f, Category) else 0.0 for f in space]
    at = expanded(space, np.array([point]))[0]
    free = tuple(i for i, owner in enumerate(column_owners(space)) if isinstance(space[owner], Factor))
    return tuple(Held(r.model, free, at) for r in responses)


def _response(
    name: str,
    points: Array,
    y: Array,
    limits: Limits | None,
    space: Sequence[Setting],
    model: str,
    block: Array | None,
    power: Power | None,
) -> Response:
    names, owners = column_names(space), column_owners(space)
    if power is not None:
        if not (np.isfinite(y).all() and y.min() > 0):
            raise DomainError("process.window_not_positive", where=name, got=float(np.nanmin(y)), allowed="> 0")
        y = power.forward(y)
    x = expanded(space, points)
    terms = largest_model(x, owners, block=block)
    options = {"response": name, "factors": names, "block": block}
    full = fit(x, y, terms, **options)
    path = backward(terms, lambda t: fit(x, y, t, **options).aicc, owners=owners)
    selected = fit(x, y, path[-1][0], **options)
    surface = full if model == "full_quadratic" else selected
    process = fit_process(x, y, response=name, factors=names) if model == "gaussian_process" else None
    stationary = None if any(isinstance(f, Category) for f in space) else stationary_point(surface)
    return Response(name, limits, surface, full, selected, tuple(path), diagnose(surface), stationary, process, power)


def largest_model(x: Array, owners: Sequence[int] | None = None, *, block: Array | None = None) -> tuple[Term, ...]:
    """The full quadratic where the coded runs can tell its terms apart and leave residual degrees of freedom; else
    without the squares (a factorial), else the slopes alone. A group of terms is taken whole or not at all."""
    owners = range(x.shape[1]) if owners is None else owners
    offsets = 0 if block is None else len(set(np.asarray(block).tolist())) - 1
    for order in reversed(ORDERS):
        terms = terms_of(owners, order)
        m = design_matrix(terms, x)
        if len(m) > m.shape[1] + offsets and np.linalg.matrix_rank(m) == m.shape[1]:
            return terms
    return terms


def grid_field(
    factors: Sequence[Factor],
    models: Mapping[str, Predictor],
    responses: Sequence[Response],
    region: Region,
    at: Array,
    axes: tuple[int, int],
    coupling: Array | None,
    count: int,
    *,
    nodes_log2: int = 10,
) -> Field:
    """Means and joint probability on `count` by `count` points of the factors `axes`, the others at coded `at` (k,).

    `models` are those of all `responses` over `factors`; those of the limited ones make the probability.
    """
    ends = [np.linspace(region.low[i], region.high[i], count) for i in axes]
    nodes = np.tile(at, (count * count, 1))
    nodes[:, list(axes)] = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 2)
    limited = [r for r in responses if r.limits]
    square = (count, count)
    means = {r.name: r.back(models[r.name].mean(nodes)).reshape(square) for r in responses}
    overlay = np.all([r.limits.hold(means[r.name]) for r in limited], axis=0)
    joint = conformance([models[r.name] for r in limited], [r.bounds for r in limited], nodes,
                        correlation=coupling, nodes_log2=nodes_log2)[0]  # fmt: skip
    units = [uncoded(factors[i : i + 1], e[:, None])[:, 0] for i, e in zip(axes, ends, strict=True)]
    return Field(*units, means, joint.reshape(square), overlay, region.margin(nodes).reshape(square))


def _curve(
    surfaces: Sequence[Predictor],
    bounds: Sequence[Limits],
    point: SetPoint,
    drift: Drift,
    coupling: Array | None,
    confidence: float,
) -> DriftCurve | None:
    if not np.any(drift.sd):
        return None
    # up to a drift of a quarter of the tested range: beyond that nothing was explored
    multiple = np.linspace(0, max(2.0, 0.5 / float(drift.sd.max())), 9)
    draws = posterior(surfaces, draws_log2=9)
    rows = []
    for m in multiple:
        wider = Drift(drift.sd * m)
        value = yield_with_drift(surfaces, bounds, point.x, wider, correlation=coupling, points_log2=7).value
        points = wider.points(point.x, points_log2=6, seed=0)
        _, low, high = conformance_interval(
            surfaces, bounds, points, correlation=coupling, confidence=confidence, draws=draws
        )
        rows.append((value, low, high))
    return DriftCurve(multiple, *(np.array(column) for column in zip(*rows, strict=True)))


def _ends(values: Array) -> tuple[float, float]:
    return float(values[0]), float(values[-1])
