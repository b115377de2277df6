"""The next lot: which settings to run with so many wafers, from what the runs so far leave unknown.

Settings are chosen one after another from a fixed set of candidates, each as if the earlier ones had been run and had
given what was expected; their values are not known yet, but what they take away from the uncertainty is (it depends on
the settings alone). Criteria, all in closed form of the Gaussian process:

- "uncertainty": largest fall of the variance of the smooth mean, averaged over the region and the responses, each over
  the variance of its process (integrated mean squared error; Sacks et al. 1989, Statist. Sci. 4, 409);
- "feasibility": the same, weighted by 4 p (1 - p), p the probability that the mean of every response is within its
  limits: the edge of the window is where a wafer tells most (targeted error; Picheny et al. 2010, J. Mech. Des. 132);
- "improvement": expected improvement of one response over the best expected so far, times the probability that the
  others conform (Schonlau et al. 1998; Student t form), in a batch by the expected value (Ginsbourger et al. 2010).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import special, stats
from scipy.stats import qmc

from workbench.errors import DomainError
from workbench.process.window.factors import Category, expanded
from workbench.process.window.gaussian_process import GaussianProcess, fit_process
from workbench.process.window.plan.record import Plan
from workbench.process.window.study import WindowStudy

Array = np.ndarray
CRITERIA = ("uncertainty", "feasibility", "improvement")


@dataclass(frozen=True)
class NextLot:
    """The runs proposed, in the order they were chosen. `gain` (n,) is what each adds to the criterion given those
    before it; control runs at the set point come last and have none (NaN). `left` is the share of the criterion's
    uncertainty that remains after all (1 before; NaN for "improvement")."""

    plan: Plan
    criterion: str
    gain: Array
    left: float
    wafers: int


def next_lot(
    study: WindowStudy,
    wafer_budget: int,
    *,
    criterion: str = "feasibility",
    wafers_per_run: int = 1,
    control_runs: int = 0,
    minimum_distance: float = 0.2,
    improve: str | None = None,
    smaller: bool = True,
    allowed: Callable[[Array], Array] | None = None,
    seed: int = 0,
) -> NextLot:
    """Propose the runs of the next lot within `wafer_budget` wafers.

    Responses without a Gaussian process get one. `control_runs` of the runs repeat the set point, to tie the lots
    together. `minimum_distance` (coded, where the tested range is 2) keeps runs apart from each other and from those
    made; fewer runs come back where no candidate is that far. `improve` names the response of "improvement", made
    `smaller` or larger. `allowed` (points (n, k) -> bool (n,)) forbids combinations. Equal seeds give equal lots.

    Raises DomainError: an unknown criterion or response, a budget of less than one run, nothing allowed.
    """
    names = [r.name for r in study.responses]
    if criterion not in CRITERIA or (criterion == "improvement") != (improve is not None) or minimum_distance < 0:
        raise DomainError("process.choice", got=f"{criterion}, {improve}", allowed=", ".join(CRITERIA))
    if improve is not None and improve not in names:
        raise DomainError("process.choice", where="improve", got=improve, allowed=", ".join(names))
    count = wafer_budget // wafers_per_run - control_runs if wafers_per_run > 0 else 0
    if count < 1 or control_runs < 0:
        raise DomainError(
            "process.lot_budget", got=f"{wafer_budget} / {wafers_per_run} - {control_runs}", allowed=">= 1"
        )
    space = study.space or study.factors
    candidates = _candidates(study, seed, 10)
    if allowed is not None:
        candidates = candidates[allowed(candidates)]
    if not len(candidates):
        raise DomainError("process.plan_nothing_allowed", got=0)
    # what the region is judged by must not be the candidates themselves
    reference = _candidates(study, seed + 1, 9, corners=False)
    x = expanded(space, np.vstack([candidates, reference]))
    models = {r.name: r.process or fit_process(r.surface.x, r.surface.y, response=r.name, factors=r.surface.factors)
              for r in study.responses}  # fmt: skip
    limited = {r.name: r.bounds for r in study.limited}
    judged = [improve] if criterion == "improvement" else list(limited)
    beliefs = {name: _Belief.of(model, x) for name, model in models.items() if name in judged or name in limited}
    made = np.unique(next(iter(models.values())).x, axis=0)
    n = len(candidates)
    open_to_choice = _apart(x[:n], made, minimum_distance)
    weight = np.ones(len(reference)) if criterion != "feasibility" else _edge_weight(beliefs, limited, n)
    before = sum(float(weight @ beliefs[name].variance[n:]) for name in judged)
    best = None
    if criterion == "improvement":
        sign = 1.0 if smaller else -1.0
        conforming = np.ones(len(models[improve].x))
        for name, bound in limited.items():
            if name != improve:
                mean, scale = models[name].mean(models[name].x), models[name].scale(models[name].x)
                ends = ((v - mean) / scale for v in bound.bounds)
                low, high = (special.stdtr(models[name].dof, v) for v in ends)
                conforming = conforming * (high - low)
        at_runs = sign * models[improve].mean(models[improve].x)
        best = float(at_runs[conforming >= min(0.5, conforming.max())].min())
    chosen: list[int] = []
    gains: list[float] = []
    for _ in range(count):
        if not open_to_choice.any():
            break
        if criterion == "improvement":
            own = beliefs[improve]
            score = expected_improvement(sign * own.mean[:n], own.scale()[:n], best, own.model.dof)
            for name, bound in limited.items():
                if name != improve:
                    score = score * beliefs[name].inside(bound.bounds)[:n]
        else:
            score = sum(beliefs[name].fall(n, weight) for name in judged) / max(before, 1e-300)
        score = np.where(open_to_choice, score, -np.inf)
        pick = int(np.argmax(np.round(score, 12)))
        chosen.append(pick)
        gains.append(float(score[pick]))
        for belief in beliefs.values():
            belief.take(pick)
        if best is not None:
            best = min(best, sign * float(beliefs[improve].mean[pick]))
        open_to_choice &= _apart(x[:n], x[pick : pick + 1], max(minimum_distance, 1e-9))
    left = sum(float(weight @ beliefs[name].variance[n:]) for name in judged) / max(before, 1e-300)
    points = candidates[chosen]
    if control_runs:
        points = np.vstack([points, np.tile(_set_point(study), (control_runs, 1))])
    plan = Plan.of("next_lot", space, points, detail={"criterion": criterion, "search_seed": seed,
                                                      "minimum_distance": minimum_distance})  # fmt: skip
    gain = np.append(gains, np.full(control_runs, np.nan))
    return NextLot(
        plan, criterion, gain, float("nan") if best is not None else float(left), len(points) * wafers_per_run
    )


def expected_improvement(mean: Array, scale: Array, best: float, dof: float) -> Array:
    """Expected amount by which Student t values (n,) with `dof` > 1 fall below `best` (>= 0 everywhere)."""
    scale = np.maximum(scale, 1e-300)
    u = (best - mean) / scale
    tail = (dof + u**2) / (dof - 1) * stats.t.pdf(u, dof)
    return np.maximum(scale * (u * special.stdtr(dof, u) + tail), 0.0)


@dataclass
class _Belief:
    """What is known of one response at a set of points, while runs are added to it."""

    model: GaussianProcess
    mean: Array
    covariance: Array  # of the smooth mean over the variance of the process

    @classmethod
    def of(cls, model: GaussianProcess, x: Array) -> _Belief:
        return cls(model, model.mean(x), model.covariance_at(x))

    @property
    def variance(self) -> Array:
        return np.maximum(np.diag(self.covariance), 0.0)

    def scale(self) -> Array:
        """Scale (n,) of the smooth mean in the unit of the response."""
        return self.model.process_sigma * np.sqrt(self.variance)

    def fall(self, n: int, weight: Array) -> Array:
        """Weighted fall (n,) of the variance at the points behind the first n, if a run is made at each of those."""
        own = self.variance[:n] + self.model.noise_ratio
        return (self.covariance[:n, n:] ** 2 @ weight) / np.maximum(own, 1e-300)

    def take(self, i: int) -> None:
        """A run at point i, with the value that was expected: the mean stays, the uncertainty falls."""
        column = self.covariance[:, i].copy()
        self.covariance -= np.outer(column, column) / (max(column[i], 0.0) + self.model.noise_ratio)

    def inside(self, bounds: tuple[float, float]) -> Array:
        """Probability (n,) that the smooth mean lies within the limits."""
        scale = np.maximum(self.scale(), 1e-300)
        low, high = (special.stdtr(self.model.dof, (v - self.mean) / scale) for v in bounds)
        return high - low


def _edge_weight(beliefs: dict[str, _Belief], limited: dict, n: int) -> Array:
    p = np.prod([beliefs[name].inside(bound.bounds)[n:] for name, bound in limited.items()], axis=0)
    weight = 4 * p * (1 - p)
    # where nothing is in doubt there is no edge to find: the whole region counts alike
    return weight if weight.max() > 1e-9 else np.ones(len(p))


def _candidates(study: WindowStudy, seed: int, count_log2: int, *, corners: bool = True) -> Array:
    """Points over the explored region and all levels of the categories."""
    region, k = study.region, len(study.factors)
    inner = qmc.scale(qmc.Sobol(k, scramble=True, rng=seed).random_base2(count_log2), region.low, region.high)
    if corners and k <= 6:
        ends = np.array(list(product(*zip(region.low, (region.low + region.high) / 2, region.high, strict=True))))
        inner = np.vstack([region.inward(ends), inner])
    inner = np.unique(np.round(inner[region.contains(inner)], 9), axis=0)
    space = study.space or study.factors
    combos = list(product(*(range(len(f.levels)) for f in space if isinstance(f, Category))))
    inner = inner[:: max(1, len(inner) * len(combos) // 2048)] if len(combos) > 1 else inner
    parts = []
    for combo in combos:
        levels, numbers = iter(combo), iter(range(k))
        columns = [np.full(len(inner), float(next(levels))) if isinstance(f, Category) else inner[:, next(numbers)]
                   for f in space]  # fmt: skip
        parts.append(np.column_stack(columns))
    return np.vstack(parts)


def _apart(x: Array, others: Array, distance: float) -> Array:
    near = np.array([np.linalg.norm(others - point, axis=1).min() for point in x])
    return near >= distance


def _set_point(study: WindowStudy) -> Array:
    level, numbers = dict(study.level), iter(study.set_point.x)
    return np.array([float(f.levels.index(level[f.name])) if isinstance(f, Category) else next(numbers)
                     for f in study.space or study.factors])  # fmt: skip
