"""What to run next: the power of the plan, runs added to the experiment at hand, and the lot proposed from it."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from widgets.design.svg import open_svg
from widgets.page import note, picture, say, table
from widgets.process import maps
from widgets.process import plane as planes
from widgets.process.plan import titled
from widgets.process.slices import SIDE, widest
from widgets.theme import COLOURS
from workbench.errors import DomainError, WorkbenchError
from workbench.i18n import LANGUAGES, t
from workbench.process.experiment_review import ExperimentResult, Judged, Proposal, effect_words, order_words
from workbench.process.window.operating import slice_field
from workbench.process.window.plan import power
from workbench.process.window.study import WindowStudy
from workbench.schema.summary import shown

EDGE_LOW, EDGE_HIGH = 0.1, 0.9  # conformance that counts as in doubt
LITTLE_PERCENT = 5.0  # fall of the variance that is not worth its wafers


def plan_power(result: ExperimentResult) -> None:
    """Power for effects of growing size: the easiest and the hardest effect of each kind."""
    judged, p = result.judged, result.parameters
    if not judged.powers:
        say("process.say.power_none")
        return
    sizes = np.linspace(0.0, max(2 * p.effect_in_sigma, 4.0), 41)[1:]
    rows = [
        {"size": float(size), "power": 100 * e.probability, "group": _group(e.name)}
        for size in sizes for e in _powers(judged, float(size), p.alpha_percent / 100)
    ]  # fmt: skip
    frame = pd.DataFrame(rows).groupby(["size", "group"], sort=False)["power"].min().reset_index()
    frame["name"] = [maps.both(f"process.effect_group.{g}") for g in frame["group"]]
    order = list(dict.fromkeys(frame["name"]))
    x = alt.X("size:Q", title=maps.both("label.process.effect_size") + " (σ)")
    y = alt.Y("power:Q", title=maps.both("label.process.power") + " (%)", scale=alt.Scale(domain=[0, 100]))
    scale = alt.Scale(domain=order, range=list(COLOURS[: len(order)]))
    colour = alt.Color("name:N", sort=order, title=None, scale=scale,
                       legend=alt.Legend(orient="bottom-right", labelLimit=300))  # fmt: skip
    lines = alt.Chart(frame).mark_line().encode(x=x, y=y, color=colour)
    wished = alt.Chart(pd.DataFrame({"size": [p.effect_in_sigma]}))
    rule = wished.mark_rule(strokeDash=[2, 3]).encode(x="size:Q")
    rule_word = wished.mark_text(align="right", dx=-5, y=10).encode(
        x="size:Q", text=alt.value(f"{maps.both('label.process.wished_effect')} {p.effect_in_sigma:g} σ"))  # fmt: skip
    wanted = alt.Chart(pd.DataFrame({"power": [p.wanted_power_percent]}))
    level = wanted.mark_rule(color=COLOURS[5], strokeDash=[6, 4]).encode(y="power:Q")
    level_word = wanted.mark_text(color=COLOURS[5], align="left", x=4, dy=-7).encode(
        y="power:Q", text=alt.value(f"{maps.both('label.process.wanted')} {p.wanted_power_percent:g} %"))  # fmt: skip
    effects = pd.DataFrame([{
        "process.effect": {lang: effect_words(e.name, judged.plan.factors, lang) for lang in LANGUAGES},
        "process.power_percent": 100 * e.probability, "process.enough": e.probability >= p.wanted_power_percent / 100,
        "process.error_dof": e.error_dof,
    } for e in judged.powers])  # fmt: skip
    picture((lines + rule + rule_word + level + level_word).properties(width=520, height=270),
            say={lang: _power_words(result, frame, lang) for lang in LANGUAGES}, table=effects)  # fmt: skip
    note("process.note.power", alpha=f"{p.alpha_percent:g}")


def _powers(judged: Judged, size: float, alpha: float):
    try:
        return power(judged.plan, judged.terms, effect=size, sigma=1.0, alpha=alpha)
    except DomainError:  # no run left for the error; `judged.powers` is empty then, too
        return ()


def _group(name: str) -> str:
    return "interaction" if "×" in name else "square" if "²" in name else "slope"


def _power_words(result: ExperimentResult, frame: pd.DataFrame, lang: str) -> str:
    p = result.parameters
    said = []
    for group in dict.fromkeys(frame["group"]):
        own = frame[(frame["group"] == group) & (frame["power"] >= p.wanted_power_percent)]
        key = "process.say.power_found" if len(own) else "process.say.power_beyond"
        said.append(t(key, lang, group=t(f"process.effect_group.{group}", lang),
                      size=shown(float(own["size"].min()), 2) if len(own) else shown(float(frame["size"].max()), 2),
                      wanted=f"{p.wanted_power_percent:g}"))  # fmt: skip
    return " ".join(said)


def augmentation(result: ExperimentResult) -> None:
    """What further runs beside those of the experiment at hand would tell, and which."""
    grown = result.augmentation
    if grown is None:
        _refused("process.say.augmentation_none", result.refused["augmentation"])
        return
    old, new = grown.variance_before, grown.variance_after
    rows = [_quality("before", grown.before, old), _quality("after", grown.after, new)]
    fall = None if old is None else 100 * (1 - new / old)
    key = "augmentation_model" if fall is None else "augmentation" if fall >= LITTLE_PERCENT else "augmentation_little"
    orders = {lang: [order_words(judged.order, lang) for judged in (grown.before, grown.after)] for lang in LANGUAGES}
    say({lang: t(f"process.say.{key}", lang, count=len(grown.new), runs=len(result.experiment.settings),
                 before=shown(old, 2), after=shown(new, 2), share=shown(fall, 2), lacking=orders[lang][0],
                 model=orders[lang][1]) for lang in LANGUAGES})  # fmt: skip
    table(pd.DataFrame(rows))
    table(titled(grown.new.table()), caption="process.caption.new_runs",
          right=tuple(f.name for f in grown.new.factors))  # fmt: skip
    note("process.note.augmentation")


def _quality(kind: str, judged: Judged, variance: float | None) -> dict:
    e = judged.evaluation
    return {
        "process.runs_of": {lang: t(f"process.runs_of.{kind}", lang) for lang in LANGUAGES},
        "process.runs": len(judged.plan),
        "process.estimates": {lang: order_words(judged.order, lang) for lang in LANGUAGES},
        "process.error_dof": None if e is None else e.dof,
        "process.average_variance": variance,
        "process.least_power_percent": None if judged.least_power is None else 100 * judged.least_power,
    }


def next_lot(result: ExperimentResult) -> None:
    """The runs of the next lot, with the reason of each, in the plane where they lie widest."""
    found = result.proposal
    if found is None:
        _refused("process.say.no_next_lot", result.refused["proposal"])
        return
    lot, study = found.lot, found.study
    settings = lot.plan.settings()
    rows = pd.DataFrame({
        "process.run": range(1, len(settings) + 1), **{f.name: settings[f.name] for f in study.factors},
        "process.gain_percent": 100 * lot.gain, "process.expected_percent": 100 * found.probability,
        "process.distance_coded": found.distance,
        "process.reason": [_reason(found, i) for i in range(len(settings))],
    })  # fmt: skip
    left = shown(100 * (1 - lot.left), 2) if np.isfinite(lot.left) else "–"
    dense = not np.isfinite(lot.gain).any()
    key = "process.say.next_dense" if dense else f"process.say_next.{lot.criterion}"
    said = {lang: t(key, lang, runs=len(settings), wafers=lot.wafers, share=left,
                    first=shown(100 * float(lot.gain[0]), 2)) for lang in LANGUAGES}  # fmt: skip
    picture(_proposed(result, found), say=said)
    flag = result.experiment.origin.flag
    table(_written(rows, study),
          right=(*(f.name for f in study.factors),),
          flags={"process.expected_percent": flag} if flag else {}, digits={"process.gain_percent": 2,
          "process.distance_coded": 2, "process.expected_percent": 3})  # fmt: skip
    note("process.note.next", runs=len(result.experiment.settings))


def _written(rows: pd.DataFrame, study: WindowStudy) -> pd.DataFrame:
    rows = rows.copy()
    for f in study.factors:
        rows[f.name] = [f"{v:.4g}" for v in rows[f.name]]
    return rows


def _reason(found: Proposal, i: int) -> dict[str, str]:
    gain, p = found.lot.gain[i], found.probability[i]
    if np.isnan(gain):
        key = "control"
    elif EDGE_LOW <= p <= EDGE_HIGH:
        key = "edge"
    else:
        key = "far" if found.distance[i] >= np.median(found.distance) else "uncertain"
    return {lang: t(f"process.next_reason.{key}", lang) for lang in LANGUAGES}


def _proposed(result: ExperimentResult, found: Proposal) -> str:
    study = found.study
    axes = widest(study) if len(study.factors) > 1 else (0, 0)
    names = tuple(study.factors[i].name for i in axes)
    field = slice_field(study, names)
    plane = planes.Plane.of(field, SIDE)
    settings = found.lot.plan.settings()[list(names)].to_numpy(float)
    parts = [open_svg(planes.LEFT + SIDE + 110, planes.TOP + SIDE + planes.BOTTOM,
                      {lang: t("process.alt.proposal", lang) for lang in LANGUAGES})]  # fmt: skip
    parts.append(planes.probability(plane, field, study, labels=True))
    parts.append(planes.runs_made(plane, result.experiment.settings[list(names)].to_numpy()))
    for number, at in enumerate(settings, 1):
        parts.append(plane.mark(at, str(number), shape="dot"))
    parts.append(plane.axes(names))
    legend = {lang: t("label.process.conformance_short", lang) for lang in LANGUAGES}
    parts.append(planes.legend(planes.LEFT + SIDE + 22, planes.TOP + 12, 180, legend))
    return "".join(parts) + "</svg>"


def _refused(key: str, error: WorkbenchError) -> None:
    say({lang: t(key, lang, what=error.what(lang), fix=error.fix(lang)) for lang in LANGUAGES})
