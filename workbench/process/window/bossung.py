"""Focus and dose: the fitted Bossung curves of one or several features and the window they leave.

The width of a feature is a polynomial in focus and in the logarithm of dose. At every focus its limits become a lowest
and a highest dose; a window of several features or layers is what all of them allow. Within it the largest rectangle
and the largest ellipse (axes along focus and log dose, the convention of lithography) and, for every depth of focus,
the exposure latitude that is left. Extremes over focus are those of the edges themselves, found to 1e-9 of the range.

Latitude is stated twice: `latitude_log` = ln(highest / lowest dose) and `latitude_percent` = 100 (highest - lowest) /
their mean. Source: Mack 2007, Fundamental Principles of Optical Lithography, ch. 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage, optimize

from workbench.errors import DomainError
from workbench.process.window.factors import Factor
from workbench.process.window.operating import spare_deviate
from workbench.process.window.probability import Limits
from workbench.process.window.selection import Term, backward
from workbench.process.window.shapes import Box, Ellipsoid, largest_box, largest_ellipsoid
from workbench.process.window.surface import Surface, fit

Array = np.ndarray
_GRID = 2001  # focus values on which edges are first judged
_ARC = np.linspace(0.0, np.pi, 601)[1:-1]  # angles along an ellipse


@dataclass(frozen=True)
class Bossung:
    """One feature: its fitted width over coded focus and coded log dose, and the limits it has to keep."""

    feature: str
    focus: Factor  # um
    log_dose: Factor  # natural logarithm of the dose in mJ/cm2
    limits: Limits
    surface: Surface
    rising: bool  # a higher dose makes the feature wider

    def width(self, focus_um: Array, dose_mj_per_cm2: Array) -> Array:
        """Expected width, in the unit that was measured."""
        f, y = np.broadcast_arrays(np.asarray(focus_um, float), np.log(np.asarray(dose_mj_per_cm2, float)))
        return self.surface.mean(self.coded(f.ravel(), y.ravel())).reshape(f.shape)

    def coded(self, focus_um: Array, log_dose: Array) -> Array:
        """Points (n, 2) of the surface."""
        return np.column_stack([
            (focus_um - self.focus.centre) / self.focus.half_range,
            (log_dose - self.log_dose.centre) / self.log_dose.half_range,
        ])  # fmt: skip

    def edges(self, focus_um: Array) -> tuple[Array, Array]:
        """Lowest and highest log dose (n,) within the limits at each focus, not beyond the tested doses; lowest above
        highest where no tested dose will do."""
        f = (np.atleast_1d(np.asarray(focus_um, float)) - self.focus.centre) / self.focus.half_range
        small, large = self.limits.bounds if self.rising else self.limits.bounds[::-1]
        low, high = self._crossing(f, small, upward=True), self._crossing(f, large, upward=False)
        return (self.log_dose.centre + self.log_dose.half_range * v for v in (low, high))

    def _crossing(self, f: Array, limit: float, *, upward: bool) -> Array:
        """Where the width passes `limit`, coded: the first dose that is inside (`upward`), or the last."""
        if not np.isfinite(limit):
            return np.full(len(f), -1.0 if upward else 1.0)
        a = self._in_dose(f)
        sign = 1.0 if self.rising else -1.0
        ends = [sign * (_horner(a, v) - limit) for v in (-1.0, 1.0)]
        if a.shape[1] == 2:
            root = np.clip((limit - a[:, 0]) / a[:, 1], -1.0, 1.0)
        else:  # bisection brackets the root of the monotone polynomial, Newton finishes
            low, high = np.full(len(f), -1.0), np.full(len(f), 1.0)
            for _ in range(12):
                middle = (low + high) / 2
                below = sign * (_horner(a, middle) - limit) < 0
                low, high = np.where(below, middle, low), np.where(below, high, middle)
            root = (low + high) / 2
            slopes = a[:, 1:] * np.arange(1, a.shape[1])
            for _ in range(4):
                root = np.clip(root - (_horner(a, root) - limit) / _horner(slopes, root), low, high)
        if upward:
            return np.where(ends[0] >= 0, -1.0, np.where(ends[1] < 0, 3.0, root))
        return np.where(ends[1] <= 0, 1.0, np.where(ends[0] > 0, -3.0, root))

    def _in_dose(self, f: Array) -> Array:
        """Coefficients (n, order + 1) of the polynomial in coded log dose at each coded focus."""
        order = max(term[1] for term in self.surface.terms)
        found = np.zeros((len(f), max(order, 1) + 1))
        for (i, j), b in zip(self.surface.terms, self.surface.coefficients, strict=True):
            found[:, j] += b * f**i
        return found


def fit_bossung(
    focus_um: Array,
    dose_mj_per_cm2: Array,
    width: Array,
    limits: Limits,
    *,
    feature: str = "feature",
    focus_order: int = 4,
    dose_order: int = 2,
    selected: bool = True,
) -> Bossung:
    """Fit the Bossung curves of one feature: arrays (n,) of focus, dose and measured width.

    Terms are focus^i (ln dose)^j with i <= `focus_order`, j <= `dose_order`, i / focus_order + j / dose_order <= 1.5;
    backward selection by AICc unless `selected` is False. Raises DomainError: a dose that is not positive, a width that
    does not change in one direction with dose over the tested range, and what `fit` refuses.
    """
    focus_um, dose, width = (np.asarray(v, float).ravel() for v in (focus_um, dose_mj_per_cm2, width))
    if not (np.isfinite(dose).all() and dose.min() > 0):
        raise DomainError("process.dose", where=feature, got=float(np.nanmin(dose)), allowed="> 0")
    focus = Factor("focus_um", float(focus_um.min()), float(focus_um.max()))
    log_dose = Factor("log_dose", float(np.log(dose.min())), float(np.log(dose.max())))
    x = np.column_stack([(focus_um - focus.centre) / focus.half_range,
                         (np.log(dose) - log_dose.centre) / log_dose.half_range])  # fmt: skip
    terms: list[Term] = [
        (i, j) for j in range(dose_order + 1) for i in range(focus_order + 1)
        if i / focus_order + j / max(dose_order, 1) <= 1.5
    ]  # fmt: skip
    if selected:
        terms = backward(terms, lambda t: fit(x, width, t, response=feature).aicc)[-1][0]
    surface = fit(x, width, terms, response=feature, factors=("focus_um", "log_dose"))
    return bossung_of(surface, focus, log_dose, limits)


def bossung_of(surface: Surface, focus: Factor, log_dose: Factor, limits: Limits) -> Bossung:
    """A feature from a surface over coded focus and coded log dose. Raises DomainError `process.dose_turns`."""
    grid = np.linspace(-1, 1, 101)
    f, y = np.meshgrid(grid, grid, indexing="ij")
    change = np.diff(surface.mean(np.column_stack([f.ravel(), y.ravel()])).reshape(f.shape), axis=1)
    if not ((change > 0).all() or (change < 0).all()):
        raise DomainError("process.dose_turns", where=surface.response)
    return Bossung(surface.response, focus, log_dose, limits, surface, bool(change[0, 0] > 0))


@dataclass(frozen=True)
class FocusDose:
    """A rectangle or ellipse in focus and log dose: centre, full depth of focus, full latitude."""

    kind: str
    focus_um: float
    depth_um: float
    log_dose: float
    latitude_log: float

    @property
    def dose_mj_per_cm2(self) -> float:
        """The dose half way between the lowest and the highest: the one to set."""
        return float(np.exp(self.log_dose) * np.cosh(self.latitude_log / 2))

    @property
    def latitude_percent(self) -> float:
        """100 (highest - lowest) / their mean."""
        return float(200 * np.tanh(self.latitude_log / 2))

    @property
    def area(self) -> float:
        return self.depth_um * self.latitude_log * (np.pi / 4 if self.kind == "ellipse" else 1.0)


@dataclass(frozen=True)
class LatitudeCurve:
    """For every full depth of focus the largest latitude of a rectangle and of an ellipse; zero where none is left."""

    depth_um: Array
    rectangle_log: Array
    ellipse_log: Array

    @property
    def rectangle_percent(self) -> Array:
        return 200 * np.tanh(self.rectangle_log / 2)

    @property
    def ellipse_percent(self) -> Array:
        return 200 * np.tanh(self.ellipse_log / 2)


@dataclass(frozen=True)
class FocusDoseWindow:
    """The common window of several features over the focus that all have tested."""

    features: tuple[Bossung, ...]
    focus: Factor

    @cached_property
    def focus_um(self) -> Array:
        return np.linspace(self.focus.low, self.focus.high, _GRID)

    def edges(self, focus_um: Array) -> tuple[Array, Array]:
        """Lowest and highest common log dose (n,) at each focus; lowest above highest where there is none."""
        pairs = [tuple(b.edges(focus_um)) for b in self.features]
        return np.max([p[0] for p in pairs], axis=0), np.min([p[1] for p in pairs], axis=0)

    @property
    def exists(self) -> bool:
        low, high = self._sampled
        return bool((high > low).any())

    @cached_property
    def _sampled(self) -> tuple[Array, Array]:
        return self.edges(self.focus_um)

    @cached_property
    def _peaks(self) -> list[tuple[Array, Array]]:
        """Inner extremes of every feature's edges: (focus, log dose) of the highest lows and the lowest highs."""
        found: list[list[tuple[float, float]]] = [[], []]
        step = self.focus_um[1] - self.focus_um[0]
        for b in self.features:
            for side, (edge, sign) in enumerate(zip(b.edges(self.focus_um), (-1.0, 1.0), strict=True)):
                v = sign * edge
                for i in np.nonzero((v[1:-1] < v[:-2]) & (v[1:-1] <= v[2:]))[0] + 1:
                    at = optimize.minimize_scalar(
                        lambda f, b=b, side=side, sign=sign: sign * float(tuple(b.edges(np.array([f])))[side][0]),
                        bounds=(self.focus_um[i] - step, self.focus_um[i] + step), method="bounded",
                        options={"xatol": 1e-12},
                    )  # fmt: skip
                    found[side].append((float(at.x), sign * float(at.fun)))
        return [tuple(np.array(side, float).reshape(-1, 2).T) for side in found]

    def between(self, first_um: float, last_um: float) -> tuple[float, float]:
        """Lowest and highest log dose that hold over a whole range of focus."""
        low, high = self.edges(np.array([first_um, last_um]))
        (f_low, v_low), (f_high, v_high) = self._peaks
        inside = [(f > first_um) & (f < last_um) for f in (f_low, f_high)]
        return (max(low.max(), v_low[inside[0]].max(initial=-np.inf)),
                min(high.min(), v_high[inside[1]].min(initial=np.inf)))  # fmt: skip

    def rectangle_at(self, depth_um: float, *, coarse: bool = False, near_um: float | None = None) -> FocusDose:
        """The rectangle of most latitude with a given depth of focus (latitude negative where none is left); `coarse`
        searches its place on a grid only, `near_um` next to a given focus."""
        self._depth(depth_um)

        def latitude(first: float) -> float:
            low, high = self.between(first, first + depth_um)
            return high - low

        width = round(depth_um / self.focus.half_range / 2 * (_GRID - 1)) + 1
        low, high = self._sampled
        # filters look at a centred stretch; entries whose stretch leaves the range are not judged
        tall = ndimage.minimum_filter1d(high, width) - ndimage.maximum_filter1d(low, width)
        first = np.arange(width // 2, _GRID - (width - 1) // 2)
        best = self.focus_um[first[int(np.argmax(tall[first]))] - width // 2]
        if near_um is not None:
            best = near_um - depth_um / 2
        reach = 4 * (self.focus_um[1] - self.focus_um[0])
        ends = max(self.focus.low, best - reach), min(self.focus.high - depth_um, best + reach)
        if ends[1] > ends[0] and not coarse:
            best = float(_climbed(latitude, *ends))
        best = min(max(best, self.focus.low), self.focus.high - depth_um)
        low, high = self.between(best, best + depth_um)
        return FocusDose("rectangle", best + depth_um / 2, depth_um, float(low + high) / 2, float(high - low))

    def ellipse_at(self, depth_um: float, *, coarse: bool = False, near_um: float | None = None) -> FocusDose:
        """The ellipse of most latitude with a given depth of focus (latitude zero or less where none is left)."""
        self._depth(depth_um)
        a = depth_um / 2

        def fitted(centre: float) -> tuple[float, float]:
            low, high = self.edges(np.append(centre + a * np.cos(_ARC), [centre - a, centre + a]))
            w = np.append(np.sin(_ARC), [0.0, 0.0])

            def gap(b: float) -> float:
                return _extreme(high - b * w) + _extreme(-(low + b * w))

            room = gap(0.0)
            if room <= 0:
                return room / 2, (_extreme(high) - _extreme(-low)) / 2
            b = optimize.brentq(gap, 0.0, float((high - low).max()) + 1e-9, xtol=1e-14, rtol=1e-14)
            return b, (_extreme(high - b * w) - _extreme(-(low + b * w))) / 2

        first, last = self.focus.low + a, self.focus.high - a
        reach = (last - first) / 40
        if near_um is None:
            centres = np.linspace(first, last, 41)
            best = float(centres[int(np.argmax([fitted(c)[0] for c in centres]))])
        else:
            best = min(max(near_um, first), last)
        if reach > 0 and not coarse:
            best = _climbed(lambda c: fitted(c)[0], max(first, best - 2 * reach), min(last, best + 2 * reach), 1e-8)
        b, y = fitted(best)
        return FocusDose("ellipse", best, depth_um, y, 2 * b)

    @cached_property
    def rectangle(self) -> FocusDose | None:
        """The rectangle of the largest area; None where there is no window."""
        return self._largest(self.rectangle_at)

    @cached_property
    def ellipse(self) -> FocusDose | None:
        """The ellipse of the largest area; None where there is no window."""
        return self._largest(self.ellipse_at)

    def _largest(self, at: Callable[..., FocusDose]) -> FocusDose | None:
        if not self.exists:
            return None
        full = 2 * self.focus.half_range
        depths = full * np.linspace(0.02, 1.0, 50)
        areas = [d * max(at(d, coarse=True).latitude_log, 0.0) for d in depths]
        i = int(np.argmax(areas))
        if areas[i] <= 0:
            return None
        ends = depths[max(i - 1, 0)], depths[min(i + 1, len(depths) - 1)]
        near = at(depths[i]).focus_um
        depth = _climbed(lambda d: d * at(d, near_um=near).latitude_log, *ends, 1e-8)
        return max((at(depth), at(depths[i])), key=lambda shape: shape.area)

    def curve(self, count: int = 41) -> LatitudeCurve:
        """Latitude against depth of focus, from no depth to the deepest that leaves any."""
        depths = np.linspace(0.0, 2 * self.focus.half_range, count)
        pairs = [
            (max(self.rectangle_at(d).latitude_log, 0.0), max(self.ellipse_at(d).latitude_log, 0.0)) for d in depths
        ]
        rectangle, ellipse = np.array(pairs).T
        return LatitudeCurve(depths, rectangle, ellipse)

    def depth_at(self, latitude_percent: float, kind: str = "rectangle") -> FocusDose | None:
        """The deepest focus with at least this latitude; None where even a single focus has less."""
        if kind not in ("rectangle", "ellipse") or not 0 < latitude_percent < 200:
            raise DomainError(
                "process.choice", got=f"{kind}, {latitude_percent}", allowed="rectangle, ellipse; 0 ... 200"
            )
        at = self.rectangle_at if kind == "rectangle" else self.ellipse_at
        wanted = 2 * np.arctanh(latitude_percent / 200)
        full = 2 * self.focus.half_range
        if at(0.0).latitude_log < wanted:
            return None
        if at(full).latitude_log >= wanted:
            return at(full)
        depth = optimize.brentq(lambda d: at(d).latitude_log - wanted, 0.0, full, xtol=1e-9 * full)
        return at(depth)

    def probable(self, wanted: float = 0.95, *, kind: str = "box") -> Box | Ellipsoid | None:
        """Largest "box" or "ellipse" in (focus um, log dose) where all features conform with probability `wanted`
        (independent given focus and dose): the window less what the fit and the spread of units take."""

        def margins(points: Array) -> Array:
            models = [_At(b.surface, b.coded(points[:, 0], points[:, 1])) for b in self.features]
            return spare_deviate(models, [b.limits for b in self.features], points, wanted, None)[:, None]

        low = np.array([self.focus.low, max(b.log_dose.low for b in self.features)])
        high = np.array([self.focus.high, min(b.log_dose.high for b in self.features)])
        return largest_box(margins, low, high) if kind == "box" else largest_ellipsoid(margins, low, high, aligned=True)

    def _depth(self, depth_um: float) -> None:
        if not 0 <= depth_um <= 2 * self.focus.half_range * (1 + 1e-12):
            raise DomainError("process.depth", got=depth_um, allowed=f"0 ... {2 * self.focus.half_range:g}")


@dataclass(frozen=True)
class _At:
    """A surface asked at points of its own coding in place of those given."""

    surface: Surface
    x: Array

    @property
    def dof(self) -> float:
        return self.surface.dof

    def mean(self, _: Array) -> Array:
        return self.surface.mean(self.x)

    def scale(self, _: Array, *, predict: bool = True) -> Array:
        return self.surface.scale(self.x, predict=predict)

    def predicted(self, _: Array) -> tuple[Array, Array]:
        return self.surface.predicted(self.x)


def focus_dose_window(features: Sequence[Bossung]) -> FocusDoseWindow:
    """The common window of `features`. Raises DomainError: none, or no focus or dose that all have tested."""
    if not features:
        raise DomainError("process.focus_apart", got=0)
    low, high = max(b.focus.low for b in features), min(b.focus.high for b in features)
    doses = max(b.log_dose.low for b in features), min(b.log_dose.high for b in features)
    if not (low < high and doses[0] < doses[1]):
        raise DomainError("process.focus_apart", got=f"{low:g} ... {high:g}, {doses[0]:g} ... {doses[1]:g}")
    return FocusDoseWindow(tuple(features), Factor("focus_um", low, high))


def _horner(coefficients: Array, y: Array | float) -> Array:
    found = np.zeros(len(coefficients)) + coefficients[:, -1]
    for column in coefficients[:, -2::-1].T:
        found = found * y + column
    return found


def _extreme(values: Array) -> float:
    """The least of values at equal steps, by a parabola through its neighbours."""
    i = int(np.argmin(values))
    if not 0 < i < len(values) - 3:  # the last two entries are the ends of the ellipse
        return float(values[i])
    a, b, c = values[i - 1 : i + 2]
    bend = a - 2 * b + c
    return float(b - (a - c) ** 2 / (8 * bend)) if bend > 0 else float(b)


def _climbed(function: Callable[[float], float], low: float, high: float, share: float = 1e-9) -> float:
    """Where a function with one top is highest: golden section, which kinks do not disturb."""
    ratio = (np.sqrt(5) - 1) / 2
    a, b = low, high
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    at_c, at_d = function(c), function(d)
    while b - a > share * max(1.0, abs(low), abs(high)):
        if at_c >= at_d:
            b, d, at_d = d, c, at_c
            c = b - ratio * (b - a)
            at_c = function(c)
        else:
            a, c, at_c = c, d, at_d
            d = a + ratio * (b - a)
            at_d = function(d)
    return (a + b) / 2
