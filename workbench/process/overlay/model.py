"""Overlay models: how a wafer or panel, and a field of the exposure on it, is moved, turned and stretched.

Sign convention (X, Y of the field's centre, x, y in the field):
    dx = Tx + Mx X - (R + N) Y      + (Mf + Ma) x - (Rf + Ra) y
    dy = Ty + My Y +  R      X      + (Mf - Ma) y + (Rf - Ra) x
R turns the x axis, N is the further turn of the y axis. Other houses give N the opposite sign or halve it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, normality
from workbench.process.quality.one_way import equal_spread

Array = np.ndarray
WAFER = ("tx_um", "ty_um", "mx_ppm", "my_ppm", "rotation_rad", "nonorthogonality_rad")
FIELD = ("field_magnification_ppm", "field_asymmetric_magnification_ppm", "field_rotation_rad",
         "field_asymmetric_rotation_rad")  # fmt: skip
MODELS = ("shift", "rigid", "similarity", "linear_6", "linear_10", "second_order", "third_order")
ROBUST = {"huber": sm.robust.norms.HuberT, "biweight": sm.robust.norms.TukeyBiweight}
CONVENTIONS = {None: "overlay_least_squares", "huber": "overlay_huber", "biweight": "overlay_biweight"}


@dataclass(frozen=True)
class Estimate:
    """One parameter with its standard error and interval."""

    name: str
    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Errors of one axis: `total_um` = |mean| + 3 sigma, sigma with n - 1."""

    mean_um: float
    sigma_um: float
    total_um: float
    largest_um: float

    @classmethod
    def of(cls, values_um: Array) -> Spread:
        v = np.asarray(values_um, float)
        mean, sigma = float(v.mean()), float(v.std(ddof=1))
        return cls(mean, sigma, abs(mean) + 3 * sigma, float(np.abs(v).max()))


@dataclass(frozen=True)
class OverlayFit:
    """A fitted model. Residuals (n,) are measured less modelled; `before`, `after`: spreads (x, y) of errors and
    residuals; `sigma_um` the noise of one coordinate; `weights` (n, 2) below 1 where a robust fit doubted a mark."""

    model: str
    estimates: tuple[Estimate, ...]
    covariance: Array
    sigma_um: float
    dof: int
    residual_x_um: Array
    residual_y_um: Array
    before: tuple[Spread, Spread]
    after: tuple[Spread, Spread]
    weights: Array
    confidence: float
    convention: str
    assumptions: tuple[Assumption, ...]
    radius_um: float
    _rows: Callable[..., Array]

    def __getitem__(self, name: str) -> float:
        return next(e.value for e in self.estimates if e.name == name)

    def predict_um(self, x_um: Array, y_um: Array, field_x_um: Array | None = None,
                   field_y_um: Array | None = None) -> tuple[Array, Array]:  # fmt: skip
        """Modelled dx, dy at the places."""
        beta = np.array([e.value for e in self.estimates])
        rows = self._rows(*_places(x_um, y_um, field_x_um, field_y_um))
        n = len(rows) // 2
        return (rows @ beta)[:n], (rows @ beta)[n:]

    def standard_error_um(self, x_um: Array, y_um: Array, field_x_um: Array | None = None,
                          field_y_um: Array | None = None) -> tuple[Array, Array]:  # fmt: skip
        """Standard errors of the modelled dx, dy: what of a prediction is due to the model's own uncertainty."""
        rows = self._rows(*_places(x_um, y_um, field_x_um, field_y_um))
        scale = np.sqrt(np.einsum("ij,jk,ik->i", rows, self.covariance, rows))
        return scale[: len(rows) // 2], scale[len(rows) // 2 :]


def fit_overlay(
    x_um: Array,
    y_um: Array,
    dx_um: Array,
    dy_um: Array,
    *,
    model: str = "linear_6",
    field_x_um: Array | None = None,
    field_y_um: Array | None = None,
    robust: str | None = None,
    confidence: float = 0.95,
) -> OverlayFit:
    """Fit `model` to errors `dx_um`, `dy_um` (n,) of marks at `x_um`, `y_um` (n,) on the wafer or panel.

    Models: shift (2), rigid (3), similarity (4), linear_6 and linear_10 (above; the latter needs the place of the mark
    in its field), second_order (12) and third_order (20): full polynomials whose coefficients k1, k2 ... are errors
    in um where X or Y is the radius of the outermost mark: odd k for dx with 1, X, Y, X2, XY, Y2, X3, X2Y, XY2, Y3;
    even k for dy with X and Y exchanged (the naming of scanner makers, from general knowledge).
    Ordinary least squares; with `robust` ("huber", "biweight") reweighted so that gross errors of single marks lose
    their pull. Intervals by Student t, valid for independent noise equal in x and y.
    Raises DomainError: unknown model, too few marks, marks that cannot tell the terms apart; robust, when most marks
    lie exactly on the model, so that their noise is 0.
    """
    if model not in MODELS:
        raise DomainError("process.choice", where="model", got=model, allowed=", ".join(MODELS))
    if robust is not None and robust not in ROBUST:
        raise DomainError("process.choice", where="robust", got=robust, allowed=", ".join(ROBUST))
    places = _places(x_um, y_um, field_x_um, field_y_um)
    dx, dy = np.asarray(dx_um, float), np.asarray(dy_um, float)
    if dx.shape != places[0].shape or dy.shape != places[0].shape or not np.isfinite([dx, dy]).all():
        raise DomainError("process.overlay_points", got=f"{dx.shape}, {dy.shape}", allowed=places[0].shape)
    if model == "linear_10" and field_x_um is None:
        raise DomainError("process.overlay_field", where=model)
    radius = float(np.hypot(places[0], places[1]).max()) or 1.0
    names, rows = _model(model, radius)
    m, target = rows(*places), np.concatenate([dx, dy])
    dof = len(target) - len(names)
    if dof < 1:
        raise DomainError("process.overlay_marks", where=model, got=len(dx), allowed=f">= {len(names) // 2 + 1}")
    size = np.sqrt((m**2).mean(axis=0))
    if not (size > 0).all() or np.linalg.cond(m / np.where(size > 0, size, 1)) > 1e8:
        raise DomainError("process.overlay_terms", where=model, got=len(dx))
    scaled = m / size
    found = sm.OLS(target, scaled).fit()
    exact = np.sqrt(found.mse_resid) <= 1e-12 * max(float(np.abs(target).max()), 1e-300)  # nothing left to doubt
    if robust is None or exact or not target.any():
        sigma, weights = float(np.sqrt(found.mse_resid)), np.ones(len(target))
    else:
        found = sm.RLM(target, scaled, M=ROBUST[robust]()).fit()
        sigma, weights = float(found.scale), np.asarray(found.weights)
        if not sigma > 0 or weights.shape != target.shape:  # most marks lie exactly on the model
            raise DomainError("process.no_variation", where=robust, got=sigma)
    beta, se = found.params / size, found.bse / size
    t = float(stats.t.ppf((1 + confidence) / 2, dof))
    left = target - m @ beta
    rx, ry = left[: len(dx)], left[len(dx) :]
    return OverlayFit(
        model=model,
        estimates=tuple(Estimate(n, float(b), float(s), float(b - t * s), float(b + t * s))
                        for n, b, s in zip(names, beta, se, strict=True)),
        covariance=np.asarray(found.cov_params()) / np.outer(size, size),
        sigma_um=sigma,
        dof=dof,
        residual_x_um=rx,
        residual_y_um=ry,
        before=(Spread.of(dx), Spread.of(dy)),
        after=(Spread.of(rx), Spread.of(ry)),
        weights=weights.reshape(2, -1).T,
        confidence=confidence,
        convention=CONVENTIONS[robust],
        assumptions=(normality(left), equal_spread(left, np.repeat([0, 1], len(dx)))),
        radius_um=radius,
        _rows=rows,
    )  # fmt: skip


def fit_by_field(
    field: Array, field_x_um: Array, field_y_um: Array, dx_um: Array, dy_um: Array, *, model: str = "linear_6",
    confidence: float = 0.95,
) -> dict[object, OverlayFit]:  # fmt: skip
    """Correction per exposure: `model` fitted in each field alone, its marks placed from the field's centre."""
    of = np.asarray(field)
    x, y, dx, dy = (np.asarray(v, float) for v in (field_x_um, field_y_um, dx_um, dy_um))
    return {
        name: fit_overlay(x[on], y[on], dx[on], dy[on], model=model, confidence=confidence)
        for name in dict.fromkeys(of.tolist())
        for on in [of == name]
    }


def _places(x_um, y_um, field_x_um, field_y_um) -> tuple[Array, Array, Array, Array]:
    x, y = np.atleast_1d(np.asarray(x_um, float)), np.atleast_1d(np.asarray(y_um, float))
    fx = np.zeros_like(x) if field_x_um is None else np.atleast_1d(np.asarray(field_x_um, float))
    fy = np.zeros_like(y) if field_y_um is None else np.atleast_1d(np.asarray(field_y_um, float))
    if not (x.shape == y.shape == fx.shape == fy.shape) or x.ndim != 1 or not np.isfinite([x, y, fx, fy]).all():
        raise DomainError("process.overlay_points", got=f"{x.shape}, {y.shape}, {fx.shape}, {fy.shape}")
    return x, y, fx, fy


def _model(model: str, radius: float) -> tuple[tuple[str, ...], Callable[..., Array]]:
    """Names of the parameters and the rows (2n, parameters) they multiply: all dx, then all dy."""
    if model in ("second_order", "third_order"):
        order = 2 if model == "second_order" else 3
        powers = [(i, j) for total in range(order + 1) for j in range(total + 1) for i in [total - j]]
        names = tuple(f"k{2 * k + axis + 1}" for k in range(len(powers)) for axis in (0, 1))

        def rows(x, y, fx, fy):
            out = np.zeros((2 * len(x), 2 * len(powers)))
            u, v = x / radius, y / radius
            for k, (i, j) in enumerate(powers):
                out[: len(x), 2 * k], out[len(x) :, 2 * k + 1] = u**i * v**j, v**i * u**j
            return out

        return names, rows
    columns = {  # name -> (dx, dy) per unit of the parameter
        "tx_um": lambda x, y, fx, fy: (1 + 0 * x, 0 * x), "ty_um": lambda x, y, fx, fy: (0 * x, 1 + 0 * x),
        "rotation_rad": lambda x, y, fx, fy: (-y, x), "magnification_ppm": lambda x, y, fx, fy: (x * 1e-6, y * 1e-6),
        "mx_ppm": lambda x, y, fx, fy: (x * 1e-6, 0 * x), "my_ppm": lambda x, y, fx, fy: (0 * x, y * 1e-6),
        "nonorthogonality_rad": lambda x, y, fx, fy: (-y, 0 * x),
        "field_magnification_ppm": lambda x, y, fx, fy: (fx * 1e-6, fy * 1e-6),
        "field_asymmetric_magnification_ppm": lambda x, y, fx, fy: (fx * 1e-6, -fy * 1e-6),
        "field_rotation_rad": lambda x, y, fx, fy: (-fy, fx),
        "field_asymmetric_rotation_rad": lambda x, y, fx, fy: (-fy, -fx),
    }  # fmt: skip
    names = {
        "shift": WAFER[:2], "rigid": (*WAFER[:2], "rotation_rad"),
        "similarity": (*WAFER[:2], "magnification_ppm", "rotation_rad"),
        "linear_6": WAFER, "linear_10": WAFER + FIELD,
    }[model]  # fmt: skip

    def linear_rows(x, y, fx, fy):
        return np.column_stack([np.concatenate(columns[name](x, y, fx, fy)) for name in names])

    return names, linear_rows
