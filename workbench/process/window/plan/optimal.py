"""D- and I-optimal plans by coordinate exchange: any model, categories, blocks, hard-to-change factors, runs at hand.

Sources: Meyer and Nachtsheim 1995, Technometrics 37, 60 (coordinate exchange); Jones and Goos 2007, Appl. Statist. 56,
347 (split-plot). The exchange finds a local optimum from each of several random starts; the best one is kept, so a
better plan may exist, and the efficiency it states is that of the plan itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.errors import DomainError
from workbench.process.window.factors import Category, Setting, expanded
from workbench.process.window.plan.efficiency import block_columns, evaluate, information, moments
from workbench.process.window.plan.record import Plan
from workbench.process.window.selection import Term
from workbench.process.window.surface import design_matrix

Array = np.ndarray
CRITERIA = ("D", "I")
_STEPS = np.array([-1.0, -0.5, 0.5, 1.0])
_COARSE, _FINE = 0.4 * 0.5 ** np.arange(4), 0.025 * 0.4 ** np.arange(14)
_RIDGE = 1e-9  # keeps the search defined while a random start is singular; the result is judged without it


@dataclass(frozen=True)
class _Problem:
    factors: tuple[Setting, ...]
    terms: tuple[Term, ...]
    criterion: str
    block: Array | None
    plot: Array
    hard: tuple[int, ...]
    ratio: float
    fixed: int  # the first runs are at hand and stay
    levels: tuple[Array, ...]  # values a coordinate may take in the exchange
    free: tuple[bool, ...]  # coordinates to be polished between those values
    allowed: Callable[[Array], Array] | None
    weight: Array  # moments, padded for the blocks

    @cached_property
    def blocks(self) -> Array:
        return block_columns(self.block)

    def rows(self, points: Array, numbers: Array) -> Array:
        """Model rows (..., p) of points (..., k) that stand at the runs `numbers`."""
        flat = points.reshape(-1, points.shape[-1])
        m = design_matrix(self.terms, expanded(self.factors, flat)).reshape(*points.shape[:-1], -1)
        if self.block is None:
            return m
        extra = np.broadcast_to(self.blocks[numbers], (*m.shape[:-1], self.blocks.shape[1]))
        return np.concatenate([m, extra], axis=-1)

    def share(self, rows: Array) -> Array:
        """What the runs of one whole plot (..., m, p) add to the information."""
        found = np.swapaxes(rows, -1, -2) @ rows
        if self.ratio == 0:
            return found
        s = rows.sum(axis=-2)
        return found - self.ratio / (1 + self.ratio * rows.shape[-2]) * s[..., :, None] * s[..., None, :]

    def merit(self, info: Array) -> Array:
        """The criterion of information matrices (..., p, p), to be made large."""
        info = info + _RIDGE * np.eye(info.shape[-1])
        if self.criterion == "D":
            sign, log_det = np.linalg.slogdet(info)
            return np.where(sign > 0, log_det, -np.inf)
        return -np.log(np.maximum(np.trace(np.linalg.solve(info, np.broadcast_to(self.weight, info.shape)),
                                           axis1=-2, axis2=-1), 1e-300))  # fmt: skip


def optimal_plan(
    factors: Sequence[Setting],
    terms: Sequence[Term],
    run_count: int,
    *,
    criterion: str = "D",
    at_hand: Plan | None = None,
    block_sizes: Sequence[int] = (),
    hard_to_change: Sequence[str] = (),
    whole_plot_count: int | None = None,
    variance_ratio: float = 1.0,
    levels: int | None = None,
    allowed: Callable[[Array], Array] | None = None,
    start_count: int = 10,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Plan:
    """`run_count` new runs that tell most about the model `terms` (over the columns of `expanded`).

    `criterion`: "D" (smallest joint region of the coefficients) or "I" (smallest mean variance of prediction over the
    region). `at_hand`: runs already made, kept as they are and counted in the criterion; they become block 0, the new
    ones block 1 where `block_sizes` is ``(run_count,)``. `hard_to_change` names factors that keep their setting within
    each of `whole_plot_count` whole plots, with `variance_ratio` between plots over within. `levels` limits settings to
    so many equal steps; None lets them be anything. `allowed` (points (n, k) -> bool (n,)) forbids combinations.

    Raises DomainError: too few runs for the model, block sizes or whole plots that do not add up, nothing allowed.
    """
    factors, terms = tuple(factors), tuple(terms)
    held = 0 if at_hand is None else len(at_hand)
    p = len(terms) + max(len(block_sizes) - (0 if held else 1), 0)
    names = [f.name for f in factors]
    hard = tuple(names.index(name) for name in hard_to_change if name in names)
    plots = whole_plot_count if hard else run_count
    if criterion not in CRITERIA or variance_ratio < 0 or len(hard) < len(hard_to_change):
        raise DomainError("process.choice", got=f"{criterion}, {', '.join(hard_to_change)}",
                          allowed=f"{', '.join(CRITERIA)}; {', '.join(names)}")  # fmt: skip
    if run_count < 1 or run_count + held < p:
        raise DomainError("process.too_few_runs", where="optimal_plan", got=run_count + held, allowed=f">= {p}")
    if (block_sizes and sum(block_sizes) != run_count) or not plots or plots > run_count or (hard and block_sizes):
        raise DomainError("process.plan_groups", got=f"{list(block_sizes)}, {plots}", allowed=run_count)
    block = None
    if block_sizes:
        block = np.repeat(np.arange(len(block_sizes)) + (1 if held else 0), block_sizes)
        block = np.concatenate([np.zeros(held, int), block])
    # whole plots as equal as they can be; runs at hand are plots of their own unless their plan says otherwise
    plot = np.sort(np.arange(run_count) % plots)
    if held:
        earlier = np.arange(held) if at_hand.whole_plot is None else at_hand.whole_plot
        plot = np.concatenate([earlier, plot + int(earlier.max()) + 1])
    weight = np.zeros((p, p))
    weight[: len(terms), : len(terms)] = moments(factors, terms)
    grid = np.linspace(-1, 1, levels or 5)
    problem = _Problem(
        factors, terms, criterion, block, plot, hard, variance_ratio if hard else 0.0, held,
        tuple(np.arange(len(f.levels), dtype=float) if isinstance(f, Category) else grid for f in factors),
        tuple(levels is None and not isinstance(f, Category) for f in factors), allowed, weight,
    )  # fmt: skip
    first = np.empty((0, len(factors))) if at_hand is None else at_hand.points
    tried: list[tuple[float, Array]] = []
    for number, child in enumerate(np.random.SeedSequence(seed).spawn(start_count)):
        points = _exchange(problem, _start(problem, first, run_count, np.random.default_rng(child)))
        tried.append((float(problem.merit(_information(problem, points))), points))
        if progress:
            progress((number + 1) / start_count)
    # rounded, so that the last digits do not decide: equal seeds then give equal plans on any machine
    tried = list({round(score, 7): points for score, points in sorted(tried, key=lambda pair: pair[0])}.values())
    if any(problem.free):
        tried = [_polished(problem, points, _COARSE) for points in tried[-8:]]
    best = max(tried, key=lambda points: round(float(problem.merit(_information(problem, points))), 7))
    best = _polished(problem, best, _FINE) if any(problem.free) else best
    plan = Plan.of(
        {"D": "d_optimal", "I": "i_optimal"}[criterion], factors, np.round(best, 9) + 0.0, block=block,
        whole_plot=plot if hard else None, hard_to_change=tuple(hard_to_change),
        detail={"criterion": criterion, "terms": terms, "variance_ratio": problem.ratio, "starts": start_count,
                "search_seed": seed, "at_hand": held},
    )  # fmt: skip
    evaluate(plan, terms, variance_ratio=problem.ratio)  # refuses a plan that cannot tell the terms apart
    return plan


def augmented(plan: Plan, terms: Sequence[Term], run_count: int, *, new_block: bool = True, **options: object) -> Plan:
    """`plan` and `run_count` more runs, chosen for the model `terms` given those at hand; as a block of their own since
    they are made later, unless `new_block` is False. Options as of `optimal_plan`."""
    sizes = (run_count,) if new_block else ()
    return optimal_plan(plan.factors, terms, run_count, at_hand=plan, block_sizes=sizes, **options)


def _start(problem: _Problem, first: Array, count: int, rng: np.random.Generator) -> Array:
    """Random runs behind those at hand; the hard factors agree within a whole plot."""
    points = np.vstack([first, np.empty((count, len(problem.factors)))])
    todo = np.arange(len(first), len(points))
    for _ in range(200):
        for j, values in enumerate(problem.levels):
            points[todo, j] = rng.uniform(-1, 1, len(todo)) if problem.free[j] else rng.choice(values, len(todo))
            if j in problem.hard:
                for g in np.unique(problem.plot[todo]):
                    members = np.nonzero(problem.plot == g)[0]
                    points[members, j] = points[members[0], j]
        if problem.allowed is None:
            return points
        bad = todo[~problem.allowed(points[todo])]
        if not len(bad):
            return points
        todo = np.nonzero(np.isin(problem.plot, problem.plot[bad]))[0] if problem.hard else bad
    raise DomainError("process.plan_nothing_allowed", got=count)


def _information(problem: _Problem, points: Array) -> Array:
    m = problem.rows(points, np.arange(len(points)))
    return information(m, problem.plot, problem.ratio)


def _coordinates(problem: _Problem, count: int) -> list[tuple[Array, int, Array]]:
    """(runs that change together, factor, all runs of their plot) of every coordinate that may change."""
    found = []
    for j in range(len(problem.factors)):
        for i in range(problem.fixed, count):
            members = np.nonzero(problem.plot == problem.plot[i])[0]
            if j not in problem.hard:
                found.append((np.array([i]), j, members if problem.ratio else np.array([i])))
            elif i == members[0]:
                found.append((members, j, members))
    return found


@dataclass(frozen=True)
class _State:
    """The information of a set of runs with what every trial of a coordinate needs from it."""

    info: Array
    inverse: Array
    outer: Array  # inverse W inverse, for the I criterion
    trace: float
    score: float

    @classmethod
    def of(cls, problem: _Problem, points: Array) -> _State:
        info = _information(problem, points)
        inverse = np.linalg.inv(info + _RIDGE * np.eye(len(info)))
        product = inverse @ problem.weight
        return cls(info, inverse, product @ inverse, float(np.trace(product)), float(problem.merit(info)))


def _merits(problem: _Problem, points: Array, state: _State, place: tuple[Array, int, Array], values: Array) -> Array:
    """The criterion with each of `values` at one coordinate."""
    changed, j, members = place
    trial = np.repeat(points[members][None], len(values), axis=0)
    inside = np.isin(members, changed)
    trial[:, inside, j] = values[:, None]
    rows, old = problem.rows(trial, members), problem.rows(points[members], members)
    if problem.ratio or len(members) > 1:
        merits = problem.merit(state.info - problem.share(old) + problem.share(rows))
    else:
        merits = _of_one_row(problem, state, rows[:, 0], old[0])
    if problem.allowed is not None:
        ok = problem.allowed(trial[:, inside].reshape(-1, points.shape[1])).reshape(len(values), -1).all(axis=1)
        merits = np.where(ok, merits, -np.inf)
    return merits


def _of_one_row(problem: _Problem, state: _State, rows: Array, old: Array) -> Array:
    """The criterion with one model row (p,) replaced by each of `rows` (n, p): Woodbury's identity of rank two."""
    d = rows @ state.inverse
    a, b, c = (d * rows).sum(axis=1), d @ old, float(old @ state.inverse @ old)
    ratio = (1 + a) * (1 - c) + b * b
    if problem.criterion == "D":
        return state.score + np.log(np.maximum(ratio, 1e-300))
    e = rows @ state.outer
    ea, eb, ec = (e * rows).sum(axis=1), e @ old, float(old @ state.outer @ old)
    safe = np.maximum(ratio, 1e-12)
    trace = state.trace + ((c - 1) * ea - 2 * b * eb + (1 + a) * ec) / safe
    return np.where((ratio > 1e-12) & (trace > 0), -np.log(np.maximum(trace, 1e-300)), -np.inf)


def _exchange(problem: _Problem, points: Array, passes: int = 100) -> Array:
    """Change one coordinate at a time to its best value until a whole pass brings nothing."""
    places = _coordinates(problem, len(points))
    return _changed(problem, points, places, lambda j, _: problem.levels[j], passes)


def _polished(problem: _Problem, points: Array, reaches: Array) -> Array:
    """Move the free coordinates between the levels, in steps up to each of `reaches` in turn."""
    places = [place for place in _coordinates(problem, len(points)) if problem.free[place[1]]]
    for reach in reaches:
        points = _changed(problem, points, places, lambda _, at, reach=reach: np.clip(at + reach * _STEPS, -1, 1), 6)
    return points


def _changed(
    problem: _Problem,
    points: Array,
    places: list[tuple[Array, int, Array]],
    values_at: Callable[[int, float], Array],
    passes: int,
) -> Array:
    points = points.copy()
    state = _State.of(problem, points)
    for _ in range(passes):
        before = state.score
        for place in places:
            first, j = place[0][0], place[1]
            values = values_at(j, points[first, j])
            merits = _merits(problem, points, state, place, values)
            best = int(np.argmax(merits))
            if merits[best] > state.score + 1e-10:
                was = points[first, j]
                points[place[0], j] = values[best]
                after = _State.of(problem, points)
                if after.score > state.score:
                    state = after
                else:  # rounding of a nearly singular start
                    points[place[0], j] = was
        if state.score <= before + 1e-9:
            break
    return points
