"""A Gaussian process as model of a response: kriging with a trend, one length per factor, and noise.

y(x) = f(x)' b + z(x) + e, with z of variance s^2 and correlation R, e of variance s^2 g. The trend b and the scale s
are integrated out under p(b, s) ~ 1/s, as for a polynomial surface, so a prediction is Student t with n - q degrees of
freedom: with few runs it is honestly wide, which a plug-in likelihood is not. Lengths and g are the mode of the
restricted likelihood times a weak prior; that they are estimated is not in the intervals, hence the check by leaving
runs out. Sources: Handcock and Stein 1993, Technometrics 35, 403 (Student t); Rasmussen and Williams 2006, ch. 2, 5;
Dubrule 1983, Math. Geology 15, 687 (leave-one-out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import linalg, optimize, special, stats

from workbench.errors import DomainError

Array = np.ndarray
KERNELS = ("matern52", "gaussian")
TRENDS = ("none", "constant", "linear")
MOST_RUNS = 2000

# Log-normal priors (median, log standard deviation) keep the estimate defined where few runs say little: lengths in
# coded units, where the tested range is 2, and the variance of the noise over that of the process.
_LENGTH_PRIOR, _NOISE_PRIOR = (2.0, 1.0), (0.02, 2.0)
_LENGTH_BOUNDS, _NOISE_BOUNDS = (0.1, 30.0), (1e-8, 10.0)


@dataclass(frozen=True)
class LeaveOneOut:
    """Every run predicted from the others, lengths and noise ratio kept. Arrays (n,) in the order of the runs.

    `standardised` errors follow Student t with `dof` where the model is right. `coverage` is the share of runs inside
    their 95 % interval; `q2` = 1 - sum of squared errors / total sum of squares.
    """

    mean: Array
    scale: Array
    error: Array
    standardised: Array
    dof: int
    q2: float
    coverage: float
    outlying: Array  # beyond the t quantile at 5 % shared among n runs


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process. `sigma` is the standard deviation of a unit around the smooth mean; `process_sigma` that of the
    smooth part around its trend; `lengths` (k,) are in coded units (a large one: the factor hardly bends the surface).
    """

    response: str
    factors: tuple[str, ...]
    kernel: str
    trend: str
    lengths: Array
    noise_ratio: float
    coefficients: Array  # of the trend
    process_sigma: float
    dof: int
    log_likelihood: float  # restricted, without the prior
    x: Array
    y: Array
    _parts: _Parts = field(repr=False, compare=False)

    @property
    def sigma(self) -> float:
        return self.process_sigma * float(np.sqrt(self.noise_ratio))

    @property
    def fitted(self) -> Array:
        """The smooth mean at the runs."""
        return self.mean(self.x)

    @property
    def residuals(self) -> Array:
        """Errors of leaving each run out: a process that passes through its runs leaves no others."""
        return self.leave_one_out().error

    def mean(self, x: Array) -> Array:
        """Expected response (n,) at coded points (n, k)."""
        return np.concatenate([self._mean(*self._at(part)) for part in _parted(x)])

    def scale(self, x: Array, *, predict: bool = True) -> Array:
        """Scale of Student t (n,) at coded points (n, k): of one new unit (`predict`), or of the smooth mean."""
        return np.concatenate([self._scale(*self._at(part), predict) for part in _parted(x)])

    def predicted(self, x: Array) -> tuple[Array, Array]:
        """`mean` and `scale` of one new unit at coded points (n, k), from one matrix of correlations."""
        parts = [self._at(part) for part in _parted(x)]
        return (np.concatenate([self._mean(*part) for part in parts]),
                np.concatenate([self._scale(*part, True) for part in parts]))  # fmt: skip

    def _mean(self, f: Array, r: Array) -> Array:
        return f @ self.coefficients + r @ self._parts.weights

    def _scale(self, f: Array, r: Array, predict: bool) -> Array:
        half = linalg.solve_triangular(self._parts.root, r.T, lower=True)
        u = f - half.T @ self._parts.trend_half
        variance = 1.0 - (half**2).sum(axis=0) + np.einsum("ij,jk,ik->i", u, self._parts.trend_covariance, u)
        return self.process_sigma * np.sqrt(np.maximum(variance, 0.0) + (self.noise_ratio if predict else 0.0))

    def interval(self, x: Array, *, confidence: float = 0.95, predict: bool = True) -> tuple[Array, Array]:
        """Two-sided interval at coded points (n, k): for one new unit (`predict`), or for the smooth mean."""
        half = stats.t.ppf((1 + confidence) / 2, self.dof) * self.scale(x, predict=predict)
        mean = self.mean(x)
        return mean - half, mean + half

    def covariance_at(self, x: Array) -> Array:
        """Posterior covariance (n, n) of the smooth mean at coded points, over `process_sigma`^2."""
        f, r = self._at(x)
        half = linalg.solve_triangular(self._parts.root, r.T, lower=True)
        u = f - half.T @ self._parts.trend_half
        x = np.atleast_2d(np.asarray(x, float))
        return _correlation(x, x, self.lengths, self.kernel) - half.T @ half + u @ self._parts.trend_covariance @ u.T

    @property
    def uniforms(self) -> int:
        return 2

    def draws(self, u: Array) -> ProcessDraws:
        """Plausible functions from the posterior, by numbers `u` (draws, 2) in 0 ... 1: scale, and seed of the rest."""
        u = np.clip(u, 1e-12, 1 - 1e-12)
        spread = np.sqrt(self.dof / special.chdtri(self.dof, u[:, 0]))
        return ProcessDraws(self, spread, self.sigma * spread, int(u[:, 1].sum() * 2**20))

    def leave_one_out(self) -> LeaveOneOut:
        """Predict every run from the others (closed form)."""
        precision = self._parts.precision
        error = (precision @ self.y) / np.diag(precision)
        scale = self.process_sigma / np.sqrt(np.diag(precision))
        # the scale without the run itself: then error over scale is exactly Student t with one degree fewer
        n_q = self.dof
        rest = np.maximum((n_q * self.process_sigma**2 - error**2 * np.diag(precision)) / (n_q - 1), 1e-300)
        scale = scale * np.sqrt(rest) / self.process_sigma
        standardised = error / scale
        total = float(((self.y - self.y.mean()) ** 2).sum())
        n = len(self.y)
        return LeaveOneOut(
            mean=self.y - error,
            scale=scale,
            error=error,
            standardised=standardised,
            dof=n_q - 1,
            q2=float(1 - (error**2).sum() / total) if total > 0 else float("nan"),
            coverage=float((np.abs(standardised) <= stats.t.ppf(0.975, n_q - 1)).mean()),
            outlying=np.abs(standardised) > stats.t.ppf(1 - 0.05 / (2 * n), n_q - 1),
        )

    def _at(self, x: Array) -> tuple[Array, Array]:
        x = np.atleast_2d(np.asarray(x, float))
        return _trend(x, self.trend), _correlation(x, self.x, self.lengths, self.kernel)


@dataclass(frozen=True)
class ProcessDraws:
    """Plausible functions. Those of one call of `means` belong together; another call draws anew."""

    process: GaussianProcess
    spread: Array
    sigma: Array
    seed: int

    def means(self, x: Array) -> Array:
        """Smooth mean (draws, n) of every draw at coded points (n, k)."""
        values, vectors = np.linalg.eigh(self.process.covariance_at(x))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        z = np.random.default_rng(self.seed).standard_normal((len(self.spread), len(values)))
        return self.process.mean(x) + self.process.process_sigma * self.spread[:, None] * (z @ root.T)


@dataclass(frozen=True)
class _Parts:
    root: Array  # Cholesky factor of C = R + g I
    weights: Array  # C^-1 (y - F b)
    trend_half: Array  # root^-1 F
    trend_covariance: Array  # (F' C^-1 F)^-1
    precision: Array  # Q = C^-1 - C^-1 F (F' C^-1 F)^-1 F' C^-1
    quadratic: float  # y' Q y
    log_det: float  # log |C| + log |F' C^-1 F|


def fit_process(
    x: Array,
    y: Array,
    *,
    response: str = "response",
    factors: Sequence[str] = (),
    kernel: str = "matern52",
    trend: str = "constant",
    lengths: Array | None = None,
    noise_ratio: float | None = None,
    start_count: int = 4,
) -> GaussianProcess:
    """Fit a Gaussian process to the runs: coded settings `x` (n, k), response `y` (n,), n up to 2,000.

    `kernel`: "matern52" (twice differentiable) or "gaussian" (smooth). `trend`: "none", "constant" or "linear".
    `lengths` (k,) and `noise_ratio` are estimated unless given. Raises DomainError: missing values, fewer than trend
    terms + 3 runs, too many runs, no variation, an unknown choice.
    """
    x, y = np.atleast_2d(np.asarray(x, float)), np.asarray(y, float)
    n, k = x.shape
    if len(y) != n or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DomainError("process.runs_incomplete", where=response, got=f"{n}, {len(y)}")
    if kernel not in KERNELS or trend not in TRENDS:
        raise DomainError("process.choice", got=f"{kernel}, {trend}", allowed=", ".join(KERNELS + TRENDS))
    f = _trend(x, trend)
    if not f.shape[1] + 3 <= n <= MOST_RUNS:
        raise DomainError("process.too_few_runs", where=response, got=n, allowed=f"{f.shape[1] + 3} ... {MOST_RUNS}")
    if np.ptp(y) == 0:
        raise DomainError("process.no_variation", where=response)
    if np.linalg.matrix_rank(f) < f.shape[1]:
        raise DomainError("process.terms_aliased", where=response, got=trend)
    if lengths is None or noise_ratio is None:
        lengths, noise_ratio = _estimated(x, y, f, kernel, lengths, noise_ratio, start_count)
    lengths = np.broadcast_to(np.asarray(lengths, float), (k,)).copy()
    c = _correlation(x, x, lengths, kernel) + max(float(noise_ratio), _NOISE_BOUNDS[0]) * np.eye(n)
    parts, b = _solved(c, f, y)
    dof = n - f.shape[1]
    sigma = float(np.sqrt(parts.quadratic / dof))
    likelihood = -0.5 * (dof * np.log(2 * np.pi * sigma**2) + dof + parts.log_det)
    return GaussianProcess(
        response, tuple(factors) or tuple(f"x{i + 1}" for i in range(k)), kernel, trend, lengths,
        max(float(noise_ratio), _NOISE_BOUNDS[0]), b, sigma, dof, float(likelihood), x, y, parts,
    )  # fmt: skip


def _parted(x: Array, size: int = 8192) -> list[Array]:
    """Points in parts, to bound the memory of their correlations with the runs."""
    x = np.atleast_2d(np.asarray(x, float))
    return [x[i : i + size] for i in range(0, max(len(x), 1), size)]


def _trend(x: Array, trend: str) -> Array:
    one = np.ones((len(x), 1))
    return {"none": one[:, :0], "constant": one, "linear": np.column_stack([one, x])}[trend]


def _correlation(a: Array, b: Array, lengths: Array, kernel: str) -> Array:
    squared = sum(np.subtract.outer(a[:, i] / lengths[i], b[:, i] / lengths[i]) ** 2 for i in range(a.shape[1]))
    if kernel == "gaussian":
        return np.exp(-0.5 * squared)
    r = np.sqrt(5 * squared)
    return (1 + r + r * r / 3) * np.exp(-r)


def _solved(c: Array, f: Array, y: Array) -> tuple[_Parts, Array]:
    root = np.linalg.cholesky(c)
    half, own = linalg.solve_triangular(root, f, lower=True), linalg.solve_triangular(root, y, lower=True)
    inner = half.T @ half
    covariance = np.linalg.inv(inner) if f.shape[1] else inner
    b = covariance @ (half.T @ own)
    weights = linalg.cho_solve((root, True), y - f @ b)
    inverse = linalg.cho_solve((root, True), np.eye(len(y)))
    cf = inverse @ f
    precision = inverse - cf @ covariance @ cf.T
    log_det = 2 * float(np.log(np.diag(root)).sum()) + (float(np.linalg.slogdet(inner)[1]) if f.shape[1] else 0.0)
    return _Parts(root, weights, half, covariance, precision, float(y @ precision @ y), log_det), b


def _estimated(
    x: Array, y: Array, f: Array, kernel: str, lengths: Array | None, noise: float | None, start_count: int
) -> tuple[Array, float]:
    """Mode of the restricted likelihood times the prior, by its gradient from several starts."""
    n, k = x.shape
    dof = n - f.shape[1]
    apart = (x[:, None, :] - x[None, :, :]) ** 2
    centre = np.log([*[_LENGTH_PRIOR[0]] * k, _NOISE_PRIOR[0]])
    width = np.array([*[_LENGTH_PRIOR[1]] * k, _NOISE_PRIOR[1]])

    def objective(theta: Array) -> tuple[float, Array]:
        scaled = apart / np.exp(2 * theta[:k])
        squared = scaled.sum(axis=2)
        g = np.exp(theta[k])
        if kernel == "gaussian":
            r = slope = np.exp(-0.5 * squared)
        else:
            root5 = np.sqrt(5 * squared)
            decay = np.exp(-root5)
            r, slope = (1 + root5 + root5**2 / 3) * decay, 5 / 3 * (1 + root5) * decay
        try:
            parts, _ = _solved(r + g * np.eye(n), f, y)
        except np.linalg.LinAlgError:
            return 1e25, np.zeros(k + 1)
        q, v = parts.precision, parts.precision @ y
        value = 0.5 * (dof * np.log(max(parts.quadratic, 1e-300)) + parts.log_det)
        weight = 0.5 * (q - dof * np.outer(v, v) / parts.quadratic)
        gradient = np.append(np.einsum("ij,ij,ijd->d", weight, slope, scaled), g * np.trace(weight))
        off = (theta - centre) / width
        return value + 0.5 * float(off @ off), gradient + off / width

    bounds = [*[tuple(np.log(_LENGTH_BOUNDS))] * k, tuple(np.log(_NOISE_BOUNDS))]
    for i, given in enumerate([*([None] * k if lengths is None else np.broadcast_to(lengths, (k,))), noise]):
        if given is not None:
            bounds[i] = (np.log(max(given, _NOISE_BOUNDS[0])),) * 2
    low, high = np.array(bounds).T
    starts = centre + width * stats.norm.ppf(stats.qmc.Sobol(k + 1, scramble=True, rng=1).random(start_count))
    starts[0] = centre
    found = [
        optimize.minimize(objective, np.clip(start, low, high), jac=True, method="L-BFGS-B", bounds=bounds)
        for start in starts
    ]
    best = min(found, key=lambda result: result.fun).x
    return np.exp(best[:k]), float(np.exp(best[k]))
