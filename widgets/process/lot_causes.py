"""Views of what a lot's bad units have in common: commonality, drift, patterns on the map, all parameters at once."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from widgets.page import html, note, picture, say, spans, table, words
from widgets.process import maps
from widgets.process.linked import axis_unit
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.causes import FAILING
from workbench.process.factor_words import factor_words, level_words, shared_words
from workbench.process.lot_review import LotReview, cause_words
from workbench.process.quality.assumptions import Assumption, convention_sentence
from workbench.process.quality.commonality import Commonality, LevelTest
from workbench.process.review import name_of

ACCUSED = COLOURS[5]
MOST_LEVELS = 12
ROOM = {"left": 24, "right": 8, "top": 6, "bottom": 6}  # labels in two scripts are measured too short
WIDE_LABELS = alt.Axis(labelLimit=420, ticks=False, domain=False)


def both_words(said: dict[str, str]) -> str:
    """A label of a chart in both languages: charts cannot switch with the page."""
    return " ".join(dict.fromkeys(said.values()))


def axis_label(record, parameter: str) -> str:
    """A parameter in both languages with its unit, for an axis."""
    unit = axis_unit(record, parameter)
    return both_words(names(parameter)) + (f" ({unit})" if unit else "")


def in_all(make) -> dict[str, str]:
    return {lang: make(lang) for lang in LANGUAGES}


def names(parameter: str) -> dict[str, str]:
    """A parameter's name in every language."""
    return in_all(lambda lang: name_of(parameter, lang))


def causes(r: LotReview) -> None:
    """The likely causes in words, then the commonality of what failed and of the parameter that stands out."""
    found = r.causes
    if not sum(found.asked.values()):
        say("lot_review.say.nothing_asked")
        return
    if found.found:
        say("lot_review.say.accused", count=len(found.found), rate=f"{100 * found.rate:g}")
        for cause in found.found[:8]:
            note(in_all(lambda lang, cause=cause: cause_words(r.record, cause, lang)), chip=r.record.origin.flag)
    else:
        say("lot_review.say.none_accused", rate=f"{100 * found.rate:g}")
    studies = [found.failing] if found.failing else []
    if r.parameter in found.measured:
        studies.append(found.measured[r.parameter])
    for study in studies:
        _commonality(r, study)
    note("lot_review.note.rate", rate=f"{100 * found.rate:g}")


def drift(r: LotReview) -> None:
    """The tool that moves away from its fellows, reading by reading; nothing where none does."""
    found = [cause for cause in r.causes.found if cause.kind == "drift"]
    if not found:
        if r.causes.drifting:
            say("lot_review.say.no_drift", count=len(r.causes.drifting), rate=f"{100 * r.causes.rate:g}")
        return
    cause = found[0]
    record, name = r.record, cause.response
    label = axis_label(record, name)
    frame = pd.DataFrame({"n": np.arange(1, len(record.values) + 1), "value": record.values[name].to_numpy(),
                          "own": (record.factors[cause.factor] == cause.level).to_numpy()}).dropna()  # fmt: skip
    mine = frame[frame["own"]]
    middle = float(mine["value"].median() - cause.effect * mine["n"].median())
    ends = np.array([mine["n"].min(), mine["n"].max()], float)
    line = pd.DataFrame({"n": ends, "value": middle + cause.effect * ends})
    legend = {True: cause.level, False: maps.both("lot_review.others")}
    frame["who"] = frame["own"].map(legend)
    x = alt.X("n:Q", title=maps.both("lot_review.chart.order"), axis=alt.Axis(grid=False),
              scale=alt.Scale(domain=[0, len(record.values) + 1], nice=False))  # fmt: skip
    y = alt.Y("value:Q", title=label, scale=alt.Scale(zero=False), axis=alt.Axis(grid=False))
    colour = alt.Color("who:N", title=None, sort=[legend[False], legend[True]],
                       scale=alt.Scale(domain=[legend[False], legend[True]], range=["#9FB8CE", ACCUSED]),
                       legend=alt.Legend(orient="top", labelLimit=300))  # fmt: skip
    points = alt.Chart(frame).mark_point(filled=True, size=48, opacity=1).encode(x=x, y=y, color=colour)
    trend = alt.Chart(line).mark_line(color=ACCUSED, strokeWidth=2).encode(x="n:Q", y="value:Q")
    study = r.causes.drifting[name, cause.factor]
    levels = pd.DataFrame({
        "lot_review.level": [str(d.level) for d in study.levels], "lot_review.units": [d.count for d in study.levels],
        "lot_review.slope": [d.slope for d in study.levels], "lot_review.low": [d.low for d in study.levels],
        "lot_review.high": [d.high for d in study.levels], "lot_review.p": [_p(d.p) for d in study.levels],
        "lot_review.p_holm": [_p(d.p_holm) for d in study.levels],
    })  # fmt: skip
    picture((points + trend).properties(width=620, height=230),
            say=in_all(lambda lang: cause_words(record, cause, lang)), table=levels)  # fmt: skip
    assumptions(study.assumptions, study.convention)


def patterns(r: LotReview) -> None:
    """Every map that was judged, in words, with its p-value."""
    if not r.causes.maps:
        say("lot_review.say.no_maps")
        return
    rows = []
    for (response, carrier), found in sorted(r.causes.maps.items(), key=lambda item: item[1].p):
        what = words("lot_review.failing_units") if response == FAILING else names(response)
        seen = next((e for e in found.evidence if e.kind == found.kind), None)
        said = words("lot_review.no_pattern") if seen is None else in_all(seen.word)
        rows.append((carrier, what, said, found.n, f"{found.p:.3g}"))
    frame = pd.DataFrame(rows, columns=["lot_review.carrier", "lot_review.response", "lot_review.pattern",
                                        "lot_review.units", "lot_review.p_adjusted"])  # fmt: skip
    accused = [cause for cause in r.causes.found if cause.kind == "map"]
    key = "lot_review.say.patterns" if accused else "lot_review.say.no_patterns"
    say(key, count=len(accused), maps=len(r.causes.maps))
    for cause in accused[:4]:
        note(in_all(lambda lang, c=cause: f"{c.factor}: {c.found.sentence(lang)}"))
    table(frame.head(10), right=("lot_review.p_adjusted",))
    first = next(iter(r.causes.maps.values()))
    note("lot_review.note.patterns", count=first.permutation_count)
    assumptions(first.assumptions, first.convention)


def screening(r) -> None:
    """All parameters at once: which ones are out of control at a held rate of false discoveries."""
    seen = r.causes.screen if hasattr(r, "causes") else r.screen
    if seen is None:
        say("lot_review.say.no_screen")
        return
    rows = seen.table
    charted = int((rows["state"] == "charted").sum())
    flags = int(seen.expected["seen"].sum())
    key = "lot_review.say.suspects" if seen.suspects else "lot_review.say.no_suspects"
    said = in_all(lambda lang: t(key, lang, count=len(seen.suspects), parameters=charted,
                                 names=", ".join(name_of(n, lang) for n in seen.suspects[:4]),
                                 rate=f"{100 * seen.false_discovery:g}", flags=flags,
                                 expected=f"{seen.expected_alarms:.1f}"))  # fmt: skip
    say(said)
    shown_rows = rows.sort_values("p", kind="stable", na_position="last").head(15)
    table(pd.DataFrame({
        "lot_review.parameter": [names(n) for n in shown_rows["parameter"]],
        "lot_review.in_unit": [axis_unit(r.record, n) or "–" for n in shown_rows["parameter"]],
        "lot_review.units": shown_rows["units"].to_numpy(),
        "lot_review.centre": shown_rows["centre"].to_numpy(), "lot_review.sigma": shown_rows["sigma"].to_numpy(),
        "lot_review.p": [_p(v) for v in shown_rows["p"]], "lot_review.q": [_p(v) for v in shown_rows["p_adjusted"]],
        "lot_review.normal_p": [_p(v) for v in shown_rows["normal_p"]],
        "lot_review.independent_p": [_p(v) for v in shown_rows["independent_p"]],
        "lot_review.state": [words("lot_review.suspect" if n in seen.suspects else f"lot_review.screen.{state}")
                             for n, state in zip(shown_rows["parameter"], shown_rows["state"], strict=True)],
    }), right=("lot_review.p", "lot_review.q", "lot_review.normal_p", "lot_review.independent_p"))  # fmt: skip
    if len(rows) > len(shown_rows):
        note("lot_review.note.more_parameters", count=len(rows) - len(shown_rows))
    assumptions((), seen.convention)


def assumptions(checks: tuple[Assumption, ...], convention: str = "") -> None:
    """What a result rests on: the convention its numbers follow, and each check with its verdict."""
    items = []
    if convention:
        said = in_all(lambda lang: f"{t('lot_review.convention', lang)} {convention_sentence(convention, lang)}")
        items.append(f"<li>{spans(said)}</li>")
    for check in checks:
        state = "open" if check.holds is None else "holds" if check.holds else "fails"
        figures = "; ".join(part for part in ("" if check.p is None else f"p = {check.p:.2g}", check.detail) if part)
        said = in_all(lambda lang, c=check, s=state, f=figures: f"{t(f'lot_review.check.{s}', lang)} {c.sentence(lang)}"
                      + (f" ({f})" if f else ""))  # fmt: skip
        chip = '<span class="wb-chip invalid">!</span>' if check.holds is False else ""
        items.append(f"<li>{spans(said)}{chip}</li>")
    if items:
        html(f'<ul class="wb-reasons wb-checks">{"".join(items)}</ul>')


def _commonality(r: LotReview, study: Commonality) -> None:
    failing = study.response == FAILING
    levels = [level for level in study.levels if np.isfinite(level.effect)][:MOST_LEVELS]
    scale = 100 if failing else 1
    accused = {(c.factor, c.level) for c in r.causes.found if c.response == study.response}
    frame = pd.DataFrame([{
        "what": _level_label(level), "effect": scale * level.effect, "low": scale * level.low,
        "high": scale * level.high, "accused": (level.factor, str(level.level)) in accused,
    } for level in levels])  # fmt: skip
    unit = "%" if failing else axis_unit(r.record, study.response)
    title = maps.both("lot_review.axis.share_more" if failing else "lot_review.axis.shift")
    title += f" ({unit})" if unit else ""
    y = alt.Y("what:N", sort=frame["what"].tolist(), title=None, axis=WIDE_LABELS)
    colour = alt.condition("datum.accused", alt.value(ACCUSED), alt.value(COLOURS[0]))
    base = alt.Chart(frame)
    x = alt.X("effect:Q", title=title, axis=alt.Axis(grid=True, tickCount=6))
    bars = base.mark_rule(strokeWidth=2).encode(y=y, x=alt.X("low:Q", title=title), x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(y=y, x=x, color=colour)
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(strokeDash=[4, 3]).encode(x="x:Q")
    said = in_all(lambda lang: _commonality_words(r, study, lang))
    picture((zero + bars + points).properties(width=360, height=26 * len(frame) + 8, padding=ROOM), say=said,
            table=_levels_table(study, levels, scale, unit))  # fmt: skip
    pairs = [c for c in study.confounded if c.complete][:3]
    if pairs:
        note(in_all(lambda lang: t("lot_review.note.confounded", lang, pairs="; ".join(
            f"{factor_words(c.first, lang)} / {factor_words(c.second, lang)}" for c in pairs))))  # fmt: skip
    assumptions(study.assumptions, study.convention)


def _commonality_words(r: LotReview, study: Commonality, lang: str) -> str:
    failing = study.response == FAILING
    what = t("lot_review.failing_units", lang) if failing else name_of(study.response, lang)
    first = study.levels[0]
    mine = [c for c in r.causes.found if c.response == study.response and c.kind in ("failing", "measured")]
    if mine:
        shared = shared_words(mine[0].factor, mine[0].level, lang)
        return t("lot_review.say.common", lang, what=_capital(what), p=f"{mine[0].p:.2g}",
                 questions=study.question_count, shared=shared)  # fmt: skip
    return t("lot_review.say.not_common", lang, what=_capital(what), questions=study.question_count,
             p=_p(first.p_holm), shared=shared_words(first.factor, str(first.level), lang))  # fmt: skip


def _capital(what: str) -> str:
    return what[:1].upper() + what[1:]


def _levels_table(study: Commonality, levels: list[LevelTest], scale: float, unit: str) -> pd.DataFrame:
    frame = pd.DataFrame({
        "lot_review.factor": [in_all(lambda lang, f=v.factor: factor_words(f, lang)) for v in levels],
        "lot_review.level": [in_all(lambda lang, v=v: level_words(v.factor, str(v.level), lang)) for v in levels],
        "lot_review.units": [v.count for v in levels],
        "lot_review.inside": [scale * v.value for v in levels], "lot_review.rest": [scale * v.rest for v in levels],
        "lot_review.effect": [scale * v.effect for v in levels], "lot_review.low": [scale * v.low for v in levels],
        "lot_review.high": [scale * v.high for v in levels], "lot_review.p": [_p(v.p) for v in levels],
        "lot_review.p_holm": [_p(v.p_holm) for v in levels], "lot_review.q": [_p(v.p_bh) for v in levels],
        "lot_review.same_units": [in_all(lambda lang, v=v: ", ".join(
            shared_words(f, str(a), lang) for f, a in v.aliases[:3]) or "–") for v in levels],
    })  # fmt: skip
    return frame


def _level_label(level: LevelTest) -> str:
    """Both languages where the step's name is the same in both: the step once, the fact in both."""
    before, _, fact = level.factor.rpartition(": ")
    own = both_words(in_all(lambda lang: factor_words(fact, lang)))
    value = both_words(in_all(lambda lang: level_words(level.factor, str(level.level), lang)))
    return f"{before + ': ' if before else ''}{own} = {value}"


def _p(value: float) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.2g}"
