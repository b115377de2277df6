"""The whole study of one experiment: models, their diagnostics, the window and the set point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import DomainError
from workbench.process.window.diagnostics import Diagnostics, diagnose
from workbench.process.window.factors import Factor, Region, coded, uncoded
from workbench.process.window.probability import (
    Limits,
    conformance,
    conformance_interval,
    posterior,
    residual_correlation,
)
from workbench.process.window.selection import Term, backward, full_quadratic, interactions, linear
from workbench.process.window.setpoint import Drift, SetPoint, operating_range, recommend, yield_with_drift
from workbench.process.window.stationary import StationaryPoint, stationary_point
from workbench.process.window.surface import Surface, design_matrix, fit

Array = np.ndarray
MODELS = ("selected", "full_quadratic")
JOINTS = ("independent", "correlated")


@dataclass(frozen=True)
class Response:
    """One response: the model in use, its rivals and what is known of its quality."""

    name: str
    limits: Limits | None
    surface: Surface
    full: Surface
    selected: Surface
    path: tuple[tuple[tuple[Term, ...], float], ...]  # backward selection: models visited with their AICc
    diagnostics: Diagnostics
    stationary: StationaryPoint


@dataclass(frozen=True)
class Field:
    """Values on a grid of the first two factors (in their units), the others at the set point.

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
    """Result of `study`. `wanted` is the probability of conformance that makes a setting part of the window."""

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

    @property
    def limited(self) -> tuple[Response, ...]:
        """The responses that have a limit."""
        return tuple(r for r in self.responses if r.limits)

    @property
    def setting(self) -> Array:
        """The recommended set point in the factors' units."""
        return uncoded(self.factors, self.set_point.x[None])[0]


def study(
    factors: Sequence[Factor],
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
) -> WindowStudy:
    """Fit every response, find the window of all `limits` and recommend a set point.

    `settings` (n, k) and `drift_sd` (k,) are in the factors' units. `model`: "full_quadratic" (the largest model the
    runs allow) or "selected" (backward from there by AICc, hierarchy kept). `joint`: responses "independent" given
    the setting, or "correlated" as their residuals are. Raises DomainError: no response has a limit, an unknown
    choice, and what `fit` refuses.
    """
    if model not in MODELS or joint not in JOINTS:
        raise DomainError("process.choice", got=f"{model}, {joint}", allowed=", ".join(MODELS + JOINTS))
    factors = tuple(factors)
    x = coded(factors, settings)
    modelled = tuple(_response(name, x, y, limits.get(name), factors, model) for name, y in responses.items())
    limited = [r for r in modelled if r.limits]
    if not limited:
        raise DomainError("process.no_limit")
    surfaces, bounds = [r.surface for r in limited], [r.limits for r in limited]
    correlation = residual_correlation(surfaces)
    coupling = correlation if joint == "correlated" and len(surfaces) > 1 else None
    region = Region.of(x)
    drift = Drift(np.asarray(drift_sd, float) / [f.half_range for f in factors])
    point = recommend(surfaces, bounds, region, drift, correlation=coupling, confidence=confidence)
    field = _field(modelled, surfaces, bounds, region, point, coupling, factors, grid_count)
    explored = field.explored
    window = explored & (field.probability >= wanted)
    held = operating_range(window)
    return WindowStudy(
        factors=factors,
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
    )


def _response(name: str, x: Array, y: Array, limits: Limits | None, factors: Sequence[Factor], model: str) -> Response:
    names = [f.name for f in factors]
    terms = largest_model(x)
    full = fit(x, y, terms, response=name, factors=names)
    path = backward(terms, lambda t: fit(x, y, t, response=name, factors=names).aicc)
    selected = fit(x, y, path[-1][0], response=name, factors=names)
    surface = selected if model == "selected" else full
    return Response(name, limits, surface, full, selected, tuple(path), diagnose(surface), stationary_point(surface))


def largest_model(x: Array) -> tuple[Term, ...]:
    """The full quadratic where the coded runs can tell its terms apart and leave residual degrees of freedom; else
    without the squares (a factorial), else the slopes alone. A group of terms is taken whole or not at all."""
    for terms in (full_quadratic(x.shape[1]), interactions(x.shape[1])):
        m = design_matrix(terms, x)
        if len(m) > m.shape[1] and np.linalg.matrix_rank(m) == m.shape[1]:
            return terms
    return linear(x.shape[1])


def _field(
    modelled: Sequence[Response],
    surfaces: Sequence[Surface],
    bounds: Sequence[Limits],
    region: Region,
    point: SetPoint,
    coupling: Array | None,
    factors: Sequence[Factor],
    count: int,
) -> Field:
    axes = [np.linspace(a, b, count) for a, b in zip(region.low[:2], region.high[:2], strict=True)]
    nodes = np.tile(point.x, (count * count, 1))
    nodes[:, :2] = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    means = {r.name: r.surface.mean(nodes) for r in modelled}
    overlay = np.all([limit.hold(means[s.response]) for s, limit in zip(surfaces, bounds, strict=True)], axis=0)
    joint = conformance(surfaces, bounds, nodes, correlation=coupling)[0]
    ends = [uncoded(factors[i : i + 1], axes[i][:, None])[:, 0] for i in range(2)]
    square = (count, count)
    gridded = {name: values.reshape(square) for name, values in means.items()}
    margin = region.margin(nodes).reshape(square)
    return Field(*ends, gridded, joint.reshape(square), overlay.reshape(square), margin)


def _curve(
    surfaces: Sequence[Surface],
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
