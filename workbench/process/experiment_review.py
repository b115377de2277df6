"""The design of an experiment: which runs to make, what they can tell, and what to add to those at hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from workbench.errors import DomainError, InputError, WorkbenchError
from workbench.i18n import LANGUAGES, t
from workbench.process.lots import Experiment
from workbench.process.review import name_of
from workbench.process.window import Limits
from workbench.process.window.factors import Category, Factor, Setting, coded, expanded
from workbench.process.window.plan import (
    FRACTIONS,
    Aliases,
    EffectPower,
    Evaluation,
    NextLot,
    Plan,
    aliases,
    augmented,
    box_behnken,
    central_composite,
    evaluate,
    full_factorial,
    model_terms,
    moments,
    next_lot,
    optimal_plan,
    plackett_burman,
    power,
    replicates_for,
    standard_fraction,
)
from workbench.process.window.plan.efficiency import block_columns, information
from workbench.process.window.probability import conformance
from workbench.process.window.selection import ORDERS, Term
from workbench.process.window.study import WindowStudy, study
from workbench.process.window.surface import design_matrix
from workbench.schema import Figure, Parameters, Summary, Verdict, choice, quantity, text
from workbench.schema.summary import shown

Array = np.ndarray
PLANS = ("i_optimal", "d_optimal", "central_composite", "box_behnken", "full_factorial", "fraction", "plackett_burman")
SHARES = np.linspace(0.0, 1.0, 51)  # of the region, in a picture of the variance
_APART = (0.2, 0.1, 0.05)  # coded distance of new runs from each other and those made, the first that leaves any
_RIVAL_STARTS = 4  # of the search for optimal plans that are only compared with
_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SCALED = re.compile(rf"({_NAME})\s+({_NUMBER})\s*(?:\.\.\.|\s)\s*({_NUMBER})")
_NAMED = re.compile(rf"({_NAME})\s+(\S[^|;]*(?:\|[^|;]+)+)")
_LIMIT = re.compile(rf"({_NAME})\s*(<=?|>=?|≤|≥)\s*({_NUMBER})")


class ExperimentReview(Parameters):
    """The plan of an experiment: factors, kind, budget, the effect to find; and the lot it goes on from."""

    lot_id: str = choice("Experiment at hand", "現有實驗批次", of="experiment", default="cvd-tungsten")
    factors: str = text(
        "Factors and ranges", "因子與範圍", default="",
        help_en="name low high; name A|B|C. Empty: the factors of the experiment at hand",
        help_zh="名稱 下限 上限; 名稱 A|B|C。留空：沿用現有實驗的因子",
    )  # fmt: skip
    plan_kind: str = choice("Plan", "計畫類型", options=PLANS, default="i_optimal")
    model: str = choice("Model to fit", "欲擬合的模型", options=ORDERS, default="quadratic")
    run_count: int = quantity(
        "Runs", "實驗次數", ge=0, le=512, default=0,
        help_en="For fractions and optimal plans; 0 takes what the wafers allow",
        help_zh="適用於部分因子與最佳化計畫；0 表示依晶圓數決定",
    )  # fmt: skip
    centre_count: int = quantity(
        "Centre runs", "中心點次數", ge=0, le=50, default=3,
        help_en="For factorials, composites and Box-Behnken plans of continuous factors",
        help_zh="適用於連續因子的因子設計、中央合成與 Box-Behnken 計畫",
    )  # fmt: skip
    replicate_count: int = quantity(
        "Times each run is made", "每組實驗的重複次數", ge=1, le=20, default=1,
        help_en="For factorials and fractions", help_zh="適用於因子設計與部分因子設計",
    )  # fmt: skip
    hard_to_change: str = text(
        "Hard-to-change factors", "難變更因子", default="",
        help_en="Names, comma between; optimal plans only", help_zh="因子名稱，以逗號分隔；僅適用於最佳化計畫",
    )  # fmt: skip
    whole_plot_count: int = quantity(
        "Times they are set", "其設定次數", ge=0, le=100, default=0,
        help_en="Number of whole plots; needed with hard-to-change factors", help_zh="主區數；有難變更因子時必填",
    )  # fmt: skip
    wafer_budget: int = quantity("Wafer budget", "晶圓預算", ge=1, le=5000, default=16)
    wafers_per_run: int = quantity("Wafers per run", "每次實驗的晶圓數", ge=1, le=100, default=1)
    effect_in_sigma: float = quantity(
        "Effect to find, in sigma of one run", "欲偵測的效應（單次實驗 σ 的倍數）", gt=0, le=100, default=3.0,
        help_en="Change of a response from the low to the high setting", help_zh="由低設定到高設定的響應變化",
    )  # fmt: skip
    wanted_power_percent: float = quantity("Wanted power", "要求的檢定力", ge=50, le=99.9, default=80.0)
    alpha_percent: float = quantity("Risk of a false alarm", "誤報風險", gt=0, le=50, default=5.0)
    order_seed: int = quantity("Seed of the run order", "執行順序的亂數種子", ge=0, le=1_000_000, default=1)
    limits: str = text(
        "Limits", "規格界限", default="uniformity_percent < 6; stress < 8",
        help_en="name < value; name > value, where the lot has that response; others keep its specification",
        help_zh="名稱 < 數值; 名稱 > 數值，適用於批次中有該響應者；其餘沿用批次規格",
    )  # fmt: skip
    wanted_conformance_percent: float = quantity(
        "Wanted probability of conformance", "要求的合格機率", ge=50, le=99.99, default=90.0
    )
    augment_count: int = quantity("Runs to add to the experiment", "擬增補的實驗次數", ge=1, le=200, default=6)
    next_criterion: str = choice(
        "Next lot looks for", "下一批次的目的", options=("feasibility", "uncertainty"), default="feasibility"
    )
    next_wafer_budget: int = quantity("Wafers of the next lot", "下一批次的晶圓數", ge=1, le=500, default=8)
    control_runs: int = quantity(
        "Runs that repeat the set point", "重複設定點的次數", ge=0, le=50, default=1,
        help_en="They tie the next lot to the ones before", help_zh="用以連結下一批次與先前批次",
    )  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A plan with what it can tell. `order` is the largest model it can estimate up to the one asked for; the rest is
    for that model, None where not even slopes are told apart. `variance` is that of the predicted mean (in variances of
    one run) not exceeded over each of `SHARES` of the region."""

    kind: str
    plan: Plan
    order: str | None
    terms: tuple[Term, ...]
    evaluation: Evaluation | None
    powers: tuple[EffectPower, ...]
    variance: Array | None

    @property
    def least_power(self) -> float | None:
        return min((e.probability for e in self.powers), default=None)


@dataclass(frozen=True)
class Augmentation:
    """Runs added to the experiment at hand: `before` is what its runs tell alone, `after` with the new ones.

    Variances are the mean one of the predicted response over the region, over that of one run, as made with the runs at
    hand: the offset of the new ones is estimated, too. `variance_before` is None where the model cannot be fitted yet.
    """

    before: Judged
    after: Judged
    new: Plan
    variance_before: float | None
    variance_after: float


@dataclass(frozen=True)
class Proposal:
    """The next lot, with the study it rests on: for each run the probability of conformance expected there, and the
    distance to the nearest run made (coded, the tested range is 2)."""

    study: WindowStudy
    lot: NextLot
    probability: Array
    distance: Array


@dataclass(frozen=True)
class ExperimentResult:
    """Everything the screens show. What could not be made is None, and `refused` says why, by its name."""

    parameters: ExperimentReview
    experiment: Experiment
    factors: tuple[Setting, ...]
    judged: Judged
    aliases: Aliases | None
    rivals: tuple[Judged, ...]
    replicates: int | None  # of the whole plan, until every effect has the wanted power
    augmentation: Augmentation | None
    proposal: Proposal | None
    refused: dict[str, WorkbenchError]
    verdict: Verdict
    summary: Summary

    @property
    def wafers(self) -> int:
        return len(self.judged.plan) * self.parameters.wafers_per_run


def review(experiment: Experiment, p: ExperimentReview) -> ExperimentResult:
    """Plan an experiment, judge it, and say what to add to `experiment`.

    Raises InputError: factors or limits that cannot be read, a plan that does not exist for these factors or budget.
    """
    factors = factors_of(p.factors) if p.factors.strip() else tuple(experiment.factors)
    limits = limits_of(p.limits, experiment)
    plan = planned(p.plan_kind, factors, p).randomised(p.order_seed)
    judged = judge(p.plan_kind, plan, p)
    refused: dict[str, WorkbenchError] = {}
    grown = _tried("augmentation", refused, lambda: augment(experiment, p))
    proposal = _tried("proposal", refused, lambda: propose(experiment, limits, p))
    replicates = None
    if judged.order is not None:
        alpha, wanted = p.alpha_percent / 100, p.wanted_power_percent / 100
        replicates = _tried("replicates", refused, lambda: replicates_for(
            plan, judged.terms, effect=p.effect_in_sigma, sigma=1.0, wanted=wanted, alpha=alpha))  # fmt: skip
    verdict = verdict_of(judged, p)
    structure = aliases(plan) if plan.detail.get("generators") is not None else None
    summary = Summary(verdict, experiment.origin.title, _figures(judged, p), _reasons(judged, replicates, proposal, p))
    return ExperimentResult(p, experiment, factors, judged, structure, _rivals(factors, judged, p), replicates, grown,
                            proposal, refused, verdict, summary)  # fmt: skip


def factors_of(words: str) -> tuple[Setting, ...]:
    """Factors as written: ``pressure_torr 4 80; tool A|B``. Raises InputError."""
    found: list[Setting] = []
    for item in filter(None, (part.strip() for part in words.split(";"))):
        scaled, named = _SCALED.fullmatch(item), _NAMED.fullmatch(item)
        try:
            if scaled:
                found.append(Factor(scaled[1], float(scaled[2]), float(scaled[3])))
            elif named:
                found.append(Category(named[1], tuple(level.strip() for level in named[2].split("|"))))
            else:
                raise InputError("process.plan_words", where="factors", got=item, allowed="name low high; name A|B|C")
        except DomainError as refused:
            raise InputError("process.factor_constant", where="factors", got=item) from refused
    names = [f.name for f in found]
    if not 2 <= len(found) <= 12 or len(set(names)) < len(names):
        raise InputError("process.plan_factor_count", where="factors", got=", ".join(names), allowed="2 ... 12")
    return tuple(found)


def limits_of(words: str, experiment: Experiment) -> dict[str, Limits]:
    """Limits as written, ``stress < 8; thickness_nm > 390``, for the responses the experiment has; the others keep
    the specification of the lot. Raises InputError."""
    sides: dict[str, dict[str, float]] = {}
    for item in filter(None, (part.strip() for part in words.split(";"))):
        read = _LIMIT.fullmatch(item)
        if not read:
            raise InputError("process.plan_limits", where="limits", got=item, allowed="name < value; name > value")
        sides.setdefault(read[1], {})["upper" if read[2][0] in "<≤" else "lower"] = float(read[3])
    try:
        given = {name: Limits(**ends) for name, ends in sides.items() if name in experiment.responses}
    except DomainError as refused:
        raise InputError("process.limits_crossed", where="limits", got=words) from refused
    return dict(experiment.limits) | given


def planned(kind: str, factors: Sequence[Setting], p: ExperimentReview, *, starts: int = 10) -> Plan:
    """A plan of `kind` (of `PLANS`) in standard order. Raises InputError: there is none for these factors and runs."""
    budget = p.wafer_budget // p.wafers_per_run
    continuous = not any(isinstance(f, Category) for f in factors)
    try:
        if kind == "central_composite":
            return central_composite(factors, centre=(0, p.centre_count), inscribed=True)
        if kind == "box_behnken":
            return box_behnken(factors, centre=p.centre_count)
        if kind in ("d_optimal", "i_optimal"):
            hard = [name.strip() for name in p.hard_to_change.split(",") if name.strip()]
            return optimal_plan(factors, model_terms(factors, p.model), p.run_count or budget, start_count=starts,
                                criterion=kind[0].upper(), hard_to_change=hard,
                                whole_plot_count=p.whole_plot_count or None)  # fmt: skip
        if kind == "full_factorial":
            plan = full_factorial(factors)
        elif kind == "plackett_burman":
            plan = plackett_burman(factors)
        else:
            room = (budget - (p.centre_count if continuous else 0)) // p.replicate_count
            plan = standard_fraction(factors, p.run_count or _largest_fraction(len(factors), room))
        plan = plan.repeated(p.replicate_count) if p.replicate_count > 1 else plan
        return plan.with_centre(p.centre_count) if continuous and p.centre_count else plan
    except DomainError as refused:
        raise InputError("process.plan_none", where="plan_kind", got=f"{kind}: {refused.what()}",
                         allowed=refused.allowed or "") from refused  # fmt: skip


def _largest_fraction(count: int, budget: int) -> int:
    """The largest listed fraction of at most `budget` runs; the smallest one where none is."""
    sizes = sorted({r for n, r in FRACTIONS if n == count} | {2**count})
    return max((size for size in sizes if size <= budget), default=sizes[0])


def judge(kind: str, plan: Plan, p: ExperimentReview) -> Judged:
    """What a plan can tell of the model asked for, or of the largest one below it that it can estimate."""
    for order in reversed(ORDERS[: ORDERS.index(p.model) + 1]):
        terms = model_terms(plan.factors, order)
        try:
            found = evaluate(plan, terms)
        except DomainError:
            continue
        try:
            powers = power(plan, terms, effect=p.effect_in_sigma, sigma=1.0, alpha=p.alpha_percent / 100)
        except DomainError:  # no run is left for the error
            powers = ()
        return Judged(kind, plan, order, terms, found, powers, spread_of_variance(plan, terms))
    return Judged(kind, plan, None, (), None, (), None)


def spread_of_variance(plan: Plan, terms: Sequence[Term]) -> Array:
    """Variance of the predicted mean, over that of one run, not exceeded over each of `SHARES` of the region (fraction
    of design space; Zahran, Anderson-Cook and Myers 2003, J. Quality Technology 35, 377)."""
    u = qmc.Sobol(len(plan.factors), scramble=True, rng=0).random_base2(11)
    points = np.column_stack([
        np.floor(np.minimum(u[:, i], 1 - 1e-9) * len(f.levels)) if isinstance(f, Category) else 2 * u[:, i] - 1
        for i, f in enumerate(plan.factors)
    ])  # fmt: skip
    return np.quantile(prediction_variance(plan, terms, points), SHARES)


def prediction_variance(plan: Plan, terms: Sequence[Term], points: Array) -> Array:
    """Variance (n,) of the predicted mean at points (n, k), coded and level numbers, over that of one run."""
    m = np.column_stack([design_matrix(terms, plan.x), block_columns(plan.block).reshape(len(plan), -1)])
    inverse = np.linalg.inv(information(m, plan.whole_plot, 1.0))[: len(terms), : len(terms)]
    f = design_matrix(terms, expanded(plan.factors, points))
    return np.einsum("ij,jk,ik->i", f, inverse, f)


def augment(experiment: Experiment, p: ExperimentReview) -> Augmentation:
    """`augment_count` runs that tell most beside those of `experiment`. Raises DomainError as `augmented`."""
    at_hand = Plan.of("at_hand", experiment.factors, coded(experiment.factors, experiment.settings.to_numpy()))
    terms = model_terms(experiment.factors, p.model)
    both = augmented(at_hand, terms, p.augment_count, criterion="I", start_count=_RIVAL_STARTS)
    new = Plan.of("augmentation", experiment.factors, both.points[len(at_hand) :]).randomised(p.order_seed)
    before = judge("at_hand", at_hand, p)
    m = np.column_stack([design_matrix(terms, both.x), np.arange(len(both)) >= len(at_hand)])
    inverse = np.linalg.inv(m.T @ m)[: len(terms), : len(terms)]
    after = float(np.trace(inverse @ moments(experiment.factors, terms)))
    known = before.evaluation.average_variance if before.order == p.model else None
    return Augmentation(before, judge("augmentation", both, p), new, known, after)


def propose(experiment: Experiment, limits: dict[str, Limits], p: ExperimentReview) -> Proposal:
    """The next lot within its wafers, from Gaussian processes of the responses. Raises DomainError."""
    known = study(
        experiment.factors,
        experiment.settings.to_numpy(),
        {name: experiment.responses[name].to_numpy() for name in experiment.responses},
        limits,
        [0.0] * len(experiment.factors),
        model="gaussian_process",
        wanted=p.wanted_conformance_percent / 100,
    )
    for distance in _APART:
        lot = next_lot(known, p.next_wafer_budget, criterion=p.next_criterion, wafers_per_run=p.wafers_per_run,
                       control_runs=p.control_runs, minimum_distance=distance)  # fmt: skip
        if len(lot.plan) > p.control_runs:
            break
    expected = conformance(known.models(), known.bounds, lot.plan.points, correlation=known.coupling)[0]
    apart = np.linalg.norm(lot.plan.points[:, None, :] - known.x[None], axis=2).min(axis=1)
    return Proposal(known, lot, expected, apart)


def verdict_of(judged: Judged, p: ExperimentReview) -> Verdict:
    """PASS when the plan keeps the budget, estimates the model asked for and finds every effect with the wanted power;
    FAIL when it breaks the budget or cannot estimate the model; MARGINAL otherwise."""
    if len(judged.plan) * p.wafers_per_run > p.wafer_budget or judged.order != p.model:
        return Verdict.FAIL
    least = judged.least_power
    return Verdict.PASS if least is not None and least >= p.wanted_power_percent / 100 else Verdict.MARGINAL


def _rivals(factors: Sequence[Setting], judged: Judged, p: ExperimentReview) -> tuple[Judged, ...]:
    """The other kinds of plan that exist for these factors, the chosen one first."""
    found = [judged]
    for kind in PLANS:
        if kind != judged.kind:
            try:
                found.append(judge(kind, planned(kind, factors, p, starts=_RIVAL_STARTS), p))
            except InputError:
                continue
    return tuple(found)


def _tried(name: str, refused: dict[str, WorkbenchError], make):
    try:
        return make()
    except WorkbenchError as error:
        refused[name] = error
        return None


def _figures(judged: Judged, p: ExperimentReview) -> tuple[Figure, ...]:
    least = judged.least_power
    found = judged.evaluation
    return (
        Figure("label.process.plan_wafers", len(judged.plan) * p.wafers_per_run),
        Figure("label.process.plan_least_power", None if least is None else 100 * least, "%", 3),
        Figure("label.process.plan_average_variance", None if found is None else found.average_variance, "σ²", 3),
    )


def _reasons(
    judged: Judged, replicates: int | None, proposal: Proposal | None, p: ExperimentReview
) -> tuple[dict[str, str], ...]:
    said = []
    runs, wafers = len(judged.plan), len(judged.plan) * p.wafers_per_run
    kind = {lang: judged.plan.words(lang) for lang in LANGUAGES}
    key = "over" if wafers > p.wafer_budget else "within"
    said.append({lang: t(f"process.plan_reason.{key}", lang, kind=kind[lang], runs=runs, wafers=wafers,
                         budget=p.wafer_budget) for lang in LANGUAGES})  # fmt: skip
    if judged.order != p.model:
        key = "nothing" if judged.order is None else "smaller"
        said.append({lang: t(f"process.plan_reason.{key}", lang, wanted=order_words(p.model, lang),
                             model=order_words(judged.order, lang)) for lang in LANGUAGES})  # fmt: skip
    if judged.order is not None:
        said.append(_power_reason(judged, replicates, p))
    if proposal is not None and np.isfinite(proposal.lot.left):
        said.append(_both(f"process.plan_next.{p.next_criterion}", runs=len(proposal.lot.plan),
                          wafers=proposal.lot.wafers, share=shown(100 * (1 - proposal.lot.left), 2)))  # fmt: skip
    return tuple(said)


def _power_reason(judged: Judged, replicates: int | None, p: ExperimentReview) -> dict[str, str]:
    if not judged.powers:
        return _both("process.plan_reason.no_error", runs=len(judged.plan))
    worst = min(judged.powers, key=lambda e: e.probability)
    count = sum(e.probability >= p.wanted_power_percent / 100 for e in judged.powers)
    facts = {
        "effect": f"{p.effect_in_sigma:g}", "power": shown(100 * worst.probability, 2),
        "wanted": f"{p.wanted_power_percent:g}", "count": count, "total": len(judged.powers),
        "replicates": replicates,
    }  # fmt: skip
    key = "sure" if count == len(judged.powers) else "unsure" if replicates is None else "replicate"
    name = {lang: effect_words(worst.name, judged.plan.factors, lang) for lang in LANGUAGES}
    return {lang: t(f"process.plan_reason.{key}", lang, name=name[lang], **facts) for lang in LANGUAGES}


def order_words(order: str | None, lang: str) -> str:
    """A model's order in words."""
    return t(f"process.plan_model.{order or 'none'}", lang)


def effect_words(name: str, factors: Sequence[Setting], lang: str) -> str:
    """The name of a term with the factors' names in words."""
    for f in sorted(factors, key=lambda f: -len(f.name)):
        name = re.sub(rf"\b{re.escape(f.name)}(?=$|[²³ \[])", name_of(f.name, lang), name)
    return name


def _both(key: str, **values: object) -> dict[str, str]:
    return {lang: t(key, lang, **values) for lang in LANGUAGES}
