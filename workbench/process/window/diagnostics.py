"""How far a fitted surface can be trusted: fit statistics, lack of fit, influence and normality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workbench.process.quality.assumptions import Assumption
from workbench.process.window.surface import Surface

Array = np.ndarray


@dataclass(frozen=True)
class LackOfFit:
    """F test of the model against replicated runs (pure error). None of it exists without replicates."""

    f: float
    p: float
    dof: int
    pure_dof: int
    pure_sigma: float


@dataclass(frozen=True)
class Diagnostics:
    """Statistics of one fit. Arrays have one entry per run, in the order of the runs."""

    r2: float
    r2_adjusted: float
    r2_predicted: float
    press: float
    rmse: float
    dof: int
    lack_of_fit: LackOfFit | None
    leverage: Array
    studentised: Array  # externally: each run judged by a fit without it
    cook: Array
    normality_p: float  # Shapiro-Wilk on the internally studentised residuals
    high_leverage: Array  # leverage > 2 p / n
    outlying: Array  # |studentised| beyond the t quantile at 5 % shared among n runs (Bonferroni)
    influential: Array  # Cook's distance > 1


def diagnose(surface: Surface) -> Diagnostics:
    """Diagnostics of a fit.

    Conventions: predicted R2 = 1 - PRESS / total sum of squares; an influence flag needs Cook's distance > 1
    (Cook and Weisberg 1982); normality by Shapiro-Wilk, approximate because residuals are correlated.
    A run with leverage 1 has no residual of its own: its studentised residual and Cook's distance are NaN.
    """
    ols = surface.ols
    n, p = ols.model.exog.shape
    leverage = np.einsum("ij,jk,ik->i", ols.model.exog, surface.covariance, ols.model.exog)
    free = np.where(1 - leverage > 1e-9, 1 - leverage, np.nan)
    e = surface.residuals
    internal = e / (surface.sigma * np.sqrt(free))
    with np.errstate(invalid="ignore", divide="ignore"):
        spare = n - p - internal**2
        external = internal * np.sqrt(np.where(spare > 0, (n - p - 1) / spare, np.inf))
    cook = internal**2 * leverage / (free * p)
    press = float(((e / free) ** 2).sum())
    total = float(((surface.y - surface.y.mean()) ** 2).sum())
    bound = stats.t.ppf(1 - 0.05 / (2 * n), n - p - 1) if n - p > 1 else np.inf
    known = internal[np.isfinite(internal)]
    return Diagnostics(
        r2=surface.r2,
        r2_adjusted=surface.r2_adjusted,
        r2_predicted=1 - press / total if total > 0 else float("nan"),
        press=press,
        rmse=surface.sigma,
        dof=surface.dof,
        lack_of_fit=lack_of_fit(surface),
        leverage=leverage,
        studentised=external,
        cook=cook,
        normality_p=float(stats.shapiro(known).pvalue) if len(known) >= 3 and np.ptp(known) > 0 else float("nan"),
        high_leverage=leverage > 2 * p / n,
        outlying=np.abs(np.nan_to_num(external)) > bound,
        influential=np.nan_to_num(cook) > 1,
    )


def assumptions(found: Diagnostics, *, level: float = 0.05) -> tuple[Assumption, ...]:
    """What intervals of the fit rest on: normal residuals, no lack of fit (None without replicates), no outlier."""
    p = found.normality_p
    lof = found.lack_of_fit
    outlying = int(found.outlying.sum())
    return (
        Assumption("normal", None if np.isnan(p) else p >= level, None if np.isnan(p) else p, "Shapiro-Wilk"),
        Assumption("surface_fits", None, None, "no replicates") if lof is None
        else Assumption("surface_fits", lof.p >= level, lof.p, f"F = {lof.f:.3g} ({lof.dof}, {lof.pure_dof})"),
        Assumption("no_outlying_run", outlying == 0, None, f"{outlying} / {len(found.outlying)}"),
    )  # fmt: skip


def lack_of_fit(surface: Surface) -> LackOfFit | None:
    """F test of lack of fit against pure error from runs with equal settings (and equal block); None without them."""
    exog = np.round(np.column_stack([surface.x, surface.ols.model.exog[:, len(surface.terms) :]]), 9)
    _, group = np.unique(exog, axis=0, return_inverse=True)
    group = group.ravel()
    count = np.bincount(group)
    pure_dof = int(len(surface.y) - len(count))
    dof = surface.dof - pure_dof
    if pure_dof == 0 or dof <= 0:
        return None
    means = np.bincount(group, surface.y) / count
    pure_ss = float(((surface.y - means[group]) ** 2).sum())
    lof_ss = max(float((surface.residuals**2).sum()) - pure_ss, 0.0)
    if pure_ss <= 0:
        return None
    f = (lof_ss / dof) / (pure_ss / pure_dof)
    return LackOfFit(f, float(stats.f.sf(f, dof, pure_dof)), dof, pure_dof, float(np.sqrt(pure_ss / pure_dof)))
