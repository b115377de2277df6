"""Run-to-run control by exponentially weighted averages: the controller, and what it will do in closed form.

The tool is y = a + b u + disturbance, the controller believes slope b_hat and corrects its intercept after each run by
the share lambda of the error. All that counts is xi = lambda b / b_hat: stable for 0 < xi < 2, deadbeat at xi = 1.
Source: Ingolfsson and Sachs 1993, J. Quality Technology 25, 271; Del Castillo 2002, Statistical Process Adjustment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, signal

from workbench.errors import DomainError

Array = np.ndarray


@dataclass(frozen=True)
class EwmaController:
    """State of a single EWMA controller. `next_setting` drives the tool to `target`, kept within the limits of the
    recipe and not changed by less than `deadband` (in units of the output)."""

    target: float
    slope: float
    weight: float
    intercept: float
    setting_low: float = -np.inf
    setting_high: float = np.inf
    deadband: float = 0.0
    last_setting: float | None = None

    def __post_init__(self):
        if self.slope == 0 or not 0 < self.weight <= 1 or not self.setting_low < self.setting_high:
            raise DomainError("process.controller", got=f"b {self.slope}, lambda {self.weight}",
                              allowed="b != 0, 0 < lambda <= 1")  # fmt: skip

    @property
    def next_setting(self) -> float:
        wanted = (self.target - self.intercept) / self.slope
        if self.last_setting is not None and abs(self.slope * (wanted - self.last_setting)) < self.deadband:
            wanted = self.last_setting
        return float(min(max(wanted, self.setting_low), self.setting_high))

    def after(self, output: float, *, setting: float | None = None) -> EwmaController:
        """The controller after a run at `setting` (its own by default) gave `output`; nan (not measured) leaves the
        model as it is."""
        used = self.next_setting if setting is None else setting
        intercept = self.intercept
        if np.isfinite(output):
            intercept += self.weight * (output - self.slope * used - intercept)
        return EwmaController(self.target, self.slope, self.weight, float(intercept), self.setting_low,
                              self.setting_high, self.deadband, used)  # fmt: skip


@dataclass(frozen=True)
class LoopBehaviour:
    """What an EWMA loop does in the long run. `xi` = lambda b / b_hat; errors are output less target.

    `noise_gain`: variance of the error per variance of white noise, 2 / (2 - xi); its excess over 1,
    xi / (2 - xi), is the price of control. `runs_to_settle`: until a step is down to 5 % (nan when unstable).
    """

    xi: float
    stable: bool
    deadbeat: bool
    oscillates: bool
    noise_gain: float
    drift_offset_per_run: float
    runs_to_settle: float
    convention: str = "single_ewma"


def loop_behaviour(*, weight: float, slope: float = 1.0, model_slope: float = 1.0) -> LoopBehaviour:
    """Closed-form behaviour for `weight` lambda, true `slope` b and `model_slope` b_hat.

    A steady drift of d per run leaves an offset of d / xi. Raises DomainError: a slope of zero, lambda not positive.
    """
    xi = _xi(weight, slope, model_slope)
    stable = 0 < xi < 2
    nan = float("nan")
    deadbeat = bool(np.isclose(xi, 1.0, rtol=0, atol=1e-12))
    if not stable:
        return LoopBehaviour(xi, False, deadbeat, xi > 1, nan, nan, nan)
    settle = 1.0 if deadbeat else float(np.ceil(np.log(0.05) / np.log(abs(1 - xi))))
    return LoopBehaviour(xi, True, deadbeat, xi > 1, 2 / (2 - xi), 1 / xi, settle)


def error_variance(
    *, weight: float, theta: float | None = None, slope: float = 1.0, model_slope: float = 1.0, sigma: float = 1.0
) -> float:
    """Long-run variance of the error. `theta` None: white noise of `sigma`. Otherwise the disturbance wanders as
    IMA(1,1), w_t = w_(t-1) + e_t - theta e_(t-1): sigma^2 (1 + theta^2 - 2 phi theta) / (1 - phi^2), phi = 1 - xi,
    least (sigma^2) at xi = 1 - theta. Infinite when unstable. Source: Box, Jenkins, Time Series Analysis, ch. 13.
    """
    phi = 1 - _xi(weight, slope, model_slope)
    if not -1 < phi < 1:
        return float("inf")
    theta = 1.0 if theta is None else theta  # white noise is the wandering that wholly takes itself back
    return float(sigma**2 * (1 + theta**2 - 2 * phi * theta) / (1 - phi**2))


def best_weight(*, theta: float, slope: float = 1.0, model_slope: float = 1.0) -> float:
    """The weight of least variance for an IMA(1,1) disturbance: (1 - theta) b_hat / b, at most 1."""
    if not -1 < theta < 1 or not slope / model_slope > 0:
        raise DomainError("process.controller", got=f"theta {theta}, b / b_hat {slope / model_slope}",
                          allowed="-1 < theta < 1, > 0")  # fmt: skip
    return float(min(1.0, (1 - theta) * model_slope / slope))


def fit_theta(disturbance: Array) -> float:
    """IMA(1,1) parameter of a `disturbance` (n,) recorded without control, by conditional least squares: the value
    whose one-step EWMA forecast (weight 1 - theta) errs least. Raises DomainError: fewer than 10 values, none varies.
    """
    x = np.asarray(disturbance, float).ravel()
    if len(x) < 10 or not np.isfinite(x).all():
        raise DomainError("process.too_few_values", got=len(x), allowed=">= 10")
    step = np.diff(x)
    if not step.any():
        raise DomainError("process.no_variation", got=0)

    def loss(theta: float) -> float:
        return float((signal.lfilter([1.0], [1.0, -theta], step) ** 2).sum())

    return float(optimize.minimize_scalar(loss, bounds=(-0.99, 0.999), method="bounded").x)


def simulate(
    disturbance: Array, *, controller: EwmaController, slope: float, intercept: float = 0.0
) -> tuple[Array, Array]:
    """(outputs, settings) (n,) of a tool y = `intercept` + `slope` u + `disturbance` under `controller`."""
    w = np.asarray(disturbance, float).ravel()
    outputs, settings = np.empty(len(w)), np.empty(len(w))
    for run, noise in enumerate(w):
        settings[run] = controller.next_setting
        outputs[run] = intercept + slope * settings[run] + noise
        controller = controller.after(outputs[run])
    return outputs, settings


def _xi(weight: float, slope: float, model_slope: float) -> float:
    if model_slope == 0 or slope == 0 or not weight > 0:
        raise DomainError("process.controller", got=f"lambda {weight}, b {slope}, b_hat {model_slope}",
                          allowed="> 0, != 0")  # fmt: skip
    return weight * slope / model_slope
