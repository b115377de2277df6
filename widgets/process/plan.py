"""The plan of an experiment: the runs to make, where they lie, what is confounded, and how it compares."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
import pandas as pd

from widgets.page import html, note, picture, say, spans, table
from widgets.process import maps
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.experiment_review import SHARES, ExperimentResult, Judged, effect_words, order_words
from workbench.process.review import name_of
from workbench.process.window.factors import Category, Setting
from workbench.process.window.plan import Plan
from workbench.process.window.plan.factorial import LETTERS
from workbench.schema.summary import shown

MOST_PAIRS = 6  # planes drawn
MOST_EFFECTS = 15  # named beside a heat map


def plan_table(interactive: bool) -> Callable[[ExperimentResult], None]:
    """The view: the runs in the order to make them; on screen with a link that saves them as CSV."""
    return partial(_table, interactive)


def _table(interactive: bool, result: ExperimentResult) -> None:
    plan = result.judged.plan
    made = plan.table()
    p = result.parameters
    say({lang: t("process.say.plan_table", lang, kind=plan.words(lang), runs=len(plan), wafers=result.wafers,
                 seed=p.order_seed) for lang in LANGUAGES})  # fmt: skip
    table(titled(made), right=_numeric(plan))
    if interactive:
        html(f"<p>{csv_link(made, 'plan.csv')}</p>")
    if plan.whole_plot is not None:
        note("process.note.whole_plots", factors=", ".join(plan.hard_to_change))


def titled(made: pd.DataFrame) -> pd.DataFrame:
    """A plan's table with the column names of the pages, settings written as they are set."""
    shown_rows = made.rename(columns={"run": "process.run", "standard": "process.standard_order",
                                      "block": "process.block", "whole_plot": "process.whole_plot"})  # fmt: skip
    for name in shown_rows.columns:
        if pd.api.types.is_float_dtype(shown_rows[name]):
            shown_rows[name] = [f"{v:.6g}" for v in shown_rows[name]]
    return shown_rows


def _numeric(plan: Plan) -> tuple[str, ...]:
    return tuple(f.name for f in plan.factors if not isinstance(f, Category))


def csv_link(frame: pd.DataFrame, name: str) -> str:
    """A link that saves a table as CSV, made in the page itself."""
    data = base64.b64encode(frame.to_csv(index=False).encode("utf-8-sig")).decode()
    return (f'<a class="wb-save" download="{name}" href="data:text/csv;charset=utf-8;base64,{data}">'
            f"{spans('process.control.save_csv')}</a>")  # fmt: skip


def plan_points(result: ExperimentResult) -> None:
    """Where the runs lie in the plane of every pair of factors; numbers count runs on one place."""
    plan = result.judged.plan
    settings = plan.settings()
    pairs = [(a, b) for i, a in enumerate(plan.factors) for b in plan.factors[i + 1 :]]
    charts = [_points(settings, a, b) for a, b in pairs[:MOST_PAIRS]]
    rows = [alt.hconcat(*charts[i : i + 3], spacing=24) for i in range(0, len(charts), 3)]
    distinct = len(settings.drop_duplicates())
    key = "process.say.plan_points" if distinct < len(settings) else "process.say.plan_points_single"
    picture(alt.vconcat(*rows, spacing=24), say=key, runs=len(settings), distinct=distinct,
            repeated=len(settings) - distinct, table=titled(settings))  # fmt: skip
    if len(pairs) > MOST_PAIRS:
        note("process.note.plan_pairs", shown=MOST_PAIRS, pairs=len(pairs))


def _points(settings: pd.DataFrame, a: Setting, b: Setting) -> alt.LayerChart:
    counted = settings.groupby([a.name, b.name]).size().reset_index(name="count").set_axis(["x", "y", "count"], axis=1)
    axes = []
    for f, channel, field in ((a, alt.X, "x"), (b, alt.Y, "y")):
        title = maps.axis_title(f.name)
        if isinstance(f, Category):
            axes.append(channel(f"{field}:N", title=title))
        else:
            room = 0.12 * (f.high - f.low)
            low, high = min(f.low, settings[f.name].min()), max(f.high, settings[f.name].max())
            scale = alt.Scale(domain=[float(low - room), float(high + room)], nice=False)
            axes.append(channel(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5)))
    base = alt.Chart(counted).encode(x=axes[0], y=axes[1])
    dots = base.mark_point(filled=True, size=190, color=COLOURS[0], opacity=1)
    words = base.mark_text(color="#FFFFFF", fontSize=10, fontWeight="bold").encode(text="count:Q")
    return (dots + words).properties(width=200, height=170)


def plan_aliases(result: ExperimentResult) -> None:
    """What the plan cannot tell apart: alias chains of a fraction, correlation of the estimates of any plan."""
    judged, found = result.judged, result.aliases
    if found is not None:
        letters = [{"process.letter": LETTERS[i], "process.factor": {lang: name_of(f.name, lang) for lang in LANGUAGES}}
                   for i, f in enumerate(judged.plan.factors)]  # fmt: skip
        if found.resolution is None:
            say("process.say.aliases_none")
        else:
            chains = pd.DataFrame([{"process.effect": chain[0], "process.aliased_with": " = ".join(chain[1:]) or "–"}
                                   for chain in found.chains])  # fmt: skip
            key = f"process.resolution.{min(found.resolution, 5)}"
            say({lang: t(key, lang, resolution=found.resolution, words=", ".join(f"I = {w}" for w in found.words[:4]))
                 for lang in LANGUAGES})  # fmt: skip
            table(chains)
        table(pd.DataFrame(letters))
    if judged.evaluation is None:
        say("process.say.correlation_none")
        return
    _correlation(judged)


def _correlation(judged: Judged) -> None:
    found = judged.evaluation
    names = [_short(name, judged.plan) for name in found.terms]
    size = np.abs(found.correlation)
    off = np.where(np.eye(len(names), dtype=bool), 0.0, size)
    off[0, :] = off[:, 0] = 0.0  # the intercept is nobody's effect
    i, j = np.unravel_index(int(np.argmax(off)), off.shape)
    rows = pd.DataFrame([{"a": names[m], "b": names[n], "r": float(size[m, n])}
                         for m in range(1, len(names)) for n in range(1, len(names))])  # fmt: skip
    scale = alt.Scale(domain=[0, 1], range=["#F3F6FA", COLOURS[0]])
    axis = alt.Axis(labelAngle=-40, labelLimit=170, ticks=False, domain=False)
    heat = alt.Chart(rows).mark_rect(stroke="#FFFFFF").encode(
        x=alt.X("a:N", sort=None, title=None, axis=axis),
        y=alt.Y("b:N", sort=None, title=None, axis=alt.Axis(labelLimit=190, ticks=False, domain=False)),
        color=alt.Color("r:Q", scale=scale, title=maps.both("label.process.correlation"),
                        legend=alt.Legend(gradientLength=120)),
    )  # fmt: skip
    side = min(420, max(150, 26 * len(names)))
    layers = heat
    if len(names) <= MOST_EFFECTS:
        words = alt.Chart(rows[rows["r"] >= 0.005]).mark_text(fontSize=10).encode(
            x=alt.X("a:N", sort=None), y=alt.Y("b:N", sort=None), text=alt.Text("r:Q", format=".2f"),
            color=alt.condition("datum.r > 0.6", alt.value("#FFFFFF"), alt.value("#1A2027")))  # fmt: skip
        layers = heat + words
    key = "process.say.correlation" if off[i, j] > 0.005 else "process.say.orthogonal"
    said = {lang: t(key, lang, a=effect_words(found.terms[i], judged.plan.factors, lang),
                    b=effect_words(found.terms[j], judged.plan.factors, lang), r=shown(float(off[i, j]), 2))
            for lang in LANGUAGES}  # fmt: skip
    effects = pd.DataFrame({
        "process.term": [{lang: effect_words(name, judged.plan.factors, lang) for lang in LANGUAGES}
                         for name in found.terms],
        "process.standard_error_sigma": found.standard_error, "process.inflation": found.inflation,
    })  # fmt: skip
    picture(layers.properties(width=side, height=side), say=said, table=effects)
    note("process.note.efficiency", d=shown(found.d_efficiency, 3), a=shown(found.a_efficiency, 3),
         g=shown(found.g_efficiency, 3), dof=found.dof, pure=found.pure_error_dof)  # fmt: skip


def _short(name: str, plan: Plan) -> str:
    return effect_words(name, plan.factors, "en")


def plan_variance(result: ExperimentResult) -> None:
    """How precisely the fitted model predicts over the region, beside the other plans of the same model."""
    rivals = [j for j in result.rivals if j.variance is not None and j.order == result.judged.order]
    if result.judged.variance is None:
        say("process.say.variance_none")
        return
    rows = pd.concat([
        pd.DataFrame({"share": 100 * SHARES, "se": np.sqrt(j.variance), "plan": _named(j),
                      "chosen": j is result.judged})
        for j in rivals
    ])  # fmt: skip
    order = [_named(j) for j in rivals]
    scale = alt.Scale(domain=order, range=list(COLOURS[: len(order)]))
    colour = alt.Color("plan:N", sort=order, title=None, scale=scale,
                       legend=alt.Legend(orient="right", labelLimit=320))  # fmt: skip
    x = alt.X("share:Q", title=maps.both("label.process.region_share") + " (%)", scale=alt.Scale(domain=[0, 100]))
    top = float(np.quantile(rows["se"], 0.98)) * 1.1
    upward = alt.Scale(domain=[0, top], clamp=True)
    y = alt.Y("se:Q", title=maps.both("label.process.prediction_error") + " (σ)", scale=upward)
    lines = alt.Chart(rows).mark_line(clip=True).encode(
        x=x, y=y, color=colour, strokeWidth=alt.condition("datum.chosen", alt.value(3.5), alt.value(1.5)))  # fmt: skip
    own = np.sqrt(result.judged.variance)
    said = {lang: t("process.say.variance", lang, half=shown(float(own[25]), 2), most=shown(float(own[45]), 2),
                    worst=shown(float(own[-1]), 2), model=order_words(result.judged.order, lang))
            for lang in LANGUAGES}  # fmt: skip
    picture(lines.properties(width=430, height=260), say=said, table=_alternatives(result))
    note("process.note.variance")


def plan_alternatives(result: ExperimentResult) -> None:
    """The kinds of plan that exist for these factors, side by side."""
    able = [j for j in result.rivals if j.order == result.parameters.model and _fits(result, j)]
    best = min(able, key=lambda j: j.evaluation.average_variance * len(j.plan), default=None)
    key = "process.say.alternatives_none" if best is None else (
        "process.say.alternatives_chosen" if best is result.judged else "process.say.alternatives")  # fmt: skip
    say({lang: t(key, lang, kind=t(f"option.{best.kind}", lang) if best else "–",
                 budget=result.parameters.wafer_budget, model=order_words(result.parameters.model, lang))
         for lang in LANGUAGES})  # fmt: skip
    table(_alternatives(result))
    note("process.note.alternatives")


def _alternatives(result: ExperimentResult) -> pd.DataFrame:
    return pd.DataFrame([
        {
            "process.plan": {lang: t(f"option.{j.kind}", lang) for lang in LANGUAGES},
            "process.runs": len(j.plan), "process.wafers": len(j.plan) * result.parameters.wafers_per_run,
            "process.fits_budget": _fits(result, j),
            "process.estimates": {lang: order_words(j.order, lang) for lang in LANGUAGES},
            "process.error_dof": None if j.evaluation is None else j.evaluation.dof,
            "process.d_efficiency": None if j.evaluation is None else j.evaluation.d_efficiency,
            "process.average_variance": None if j.evaluation is None else j.evaluation.average_variance,
            "process.least_power_percent": None if j.least_power is None else 100 * j.least_power,
        }
        for j in result.rivals
    ]).astype({"process.error_dof": "Int64"})  # fmt: skip


def _fits(result: ExperimentResult, judged: Judged) -> bool:
    return len(judged.plan) * result.parameters.wafers_per_run <= result.parameters.wafer_budget


def _named(judged: Judged) -> str:
    return f"{maps.both(f'option.{judged.kind}')}, {len(judged.plan)}"

