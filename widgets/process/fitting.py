"""The experiment, its fitted surfaces and how far they can be trusted."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
from scipy import special, stats

from widgets.page import note, picture, say, table
from widgets.process import maps
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.review import Review, name_of
from workbench.process.window.selection import term_name
from workbench.process.window.study import Response
from workbench.schema.summary import shown
from workbench.units import symbol_of


def runs(result: Review) -> None:
    """The runs as they were made: settings and responses."""
    experiment = result.experiment
    frame = pd.concat([experiment.settings, experiment.responses], axis=1)
    shown_runs = frame.rename_axis("process.run").reset_index()
    repeated = int(frame.duplicated(list(experiment.settings.columns), keep=False).sum())
    flag = experiment.origin.flag
    key = "process.say.runs" if repeated else "process.say.runs_single"
    say(key, runs=len(frame), factors=len(experiment.factors), repeated=repeated)
    digits = {column: _significant(frame[column]) for column in frame.columns}
    table(shown_runs, digits=digits, flags=dict.fromkeys(experiment.responses.columns, flag) if flag else {})
    note("process.note.source", chip=flag, source=experiment.origin.source)
    if experiment.origin.note:
        note(experiment.origin.note)


def surfaces(result: Review) -> None:
    """Every response over the first two factors, equal small multiples, with its contour lines and limit."""
    field, names = result.window.field, _first_two(result)
    settings = result.experiment.settings
    panels = []
    for response in result.window.responses:
        z = field.means[response.name]
        levels = maps.nice_levels(z[field.explored])
        limits = _limit_values(response)
        plane = maps.Map(field, z, names, side=300, busy=settings[list(names)].to_numpy()).fill(levels)
        for limit in limits:
            word = f"{t('label.process.limit', 'en')} {limit:g}"
            plane.line(limit, word, color=COLOURS[5], strokeWidth=3, opacity=1)
        for level in levels[1:-1]:
            if level not in limits:
                plane.line(level, f"{level:g}")
        panels.append(plane.runs(settings).chart().properties(title=maps.axis_title(response.name)))
    steepest = {lang: _steepest_words(result, lang) for lang in LANGUAGES}
    row = alt.hconcat(*panels, spacing=30).resolve_scale(fill="independent", stroke="independent")
    picture(row, say=steepest, table=_coefficients(result))
    note("process.note.surfaces")


def models(result: Review) -> None:
    """The rival models of each response side by side; the one in use says so."""
    rows = []
    for response in result.window.responses:
        for label, surface in (("full_quadratic", response.full), ("selected", response.selected)):
            used = surface.terms == response.surface.terms
            rows.append(
                {
                    "process.response": {lang: name_of(response.name, lang) for lang in LANGUAGES},
                    "process.model": {lang: t(f"process.model.{label}", lang) for lang in LANGUAGES},
                    "process.terms": ", ".join(_term_words(surface.terms, result)[1:]),
                    "process.aicc": surface.aicc,
                    "process.r2": surface.r2,
                    "process.r2_adjusted": surface.r2_adjusted,
                    "process.rmse": surface.sigma,
                    "process.dof": surface.dof,
                    "process.in_use": used,
                }
            )
    differ = any(len(r.path) > 1 for r in result.window.responses)
    say("process.say.models_reduced" if differ else "process.say.models_full")
    table(pd.DataFrame(rows), digits={"process.r2": 3, "process.r2_adjusted": 3, "process.rmse": 3})
    note("process.note.selection")


def diagnostics(result: Review) -> None:
    """Fit statistics and the residuals of the models in use."""
    studied = result.window.responses
    say(_trust_words(studied))
    table(pd.DataFrame([_statistics(r) for r in studied]), digits=dict.fromkeys(_STATISTIC_COLUMNS, 3))
    rows = []
    for response in studied:
        d = response.diagnostics
        known = np.isfinite(d.studentised)
        order = np.argsort(np.argsort(np.where(known, d.studentised, np.inf)))
        for i, run in enumerate(result.experiment.settings.index):
            rows.append(
                {
                    "process.response": name_of(response.name, "en"),
                    "process.run": run,
                    "process.fitted": response.surface.fitted[i],
                    "process.residual": response.surface.residuals[i],
                    "process.studentised": d.studentised[i],
                    "process.leverage": d.leverage[i],
                    "process.cook": d.cook[i],
                    "process.flag": ", ".join(_flags(d, i)) or "–",
                    "normal": float(special.ndtri((order[i] + 0.625) / (known.sum() + 0.25))),
                }
            )
    frame = pd.DataFrame(rows)
    charts = [_residual_charts(frame, r, len(result.window.x)) for r in studied]
    picture(
        alt.vconcat(*charts, spacing=24),
        say={lang: _residual_words(studied, lang) for lang in LANGUAGES},
        table=frame.drop(columns="normal"),
    )
    note("process.note.diagnostics")


_STATISTIC_COLUMNS = ("process.r2", "process.r2_adjusted", "process.r2_predicted", "process.rmse", "process.lof_p",
                      "process.normality_p")  # fmt: skip


def _significant(column: pd.Series) -> int:
    """Significant digits with which the values were given."""
    return max(len(f"{value:.10g}".replace(".", "").strip("-0")) for value in column)


def _statistics(response: Response) -> dict:
    d = response.diagnostics
    lof = d.lack_of_fit
    return {
        "process.response": {lang: name_of(response.name, lang) for lang in LANGUAGES},
        "process.r2": d.r2,
        "process.r2_adjusted": d.r2_adjusted,
        "process.r2_predicted": d.r2_predicted,
        "process.rmse": d.rmse,
        "process.lof_p": lof.p if lof else None,
        "process.normality_p": d.normality_p,
        "process.influential": int((d.influential | d.outlying).sum()),
        "process.stationary": {lang: t(f"process.stationary.{response.stationary.kind}", lang) for lang in LANGUAGES},
    }


def _trust_words(studied: tuple[Response, ...]) -> dict[str, str]:
    worst = min(studied, key=lambda r: r.diagnostics.r2_predicted)
    doubtful = [r for r in studied if r.diagnostics.lack_of_fit and r.diagnostics.lack_of_fit.p < 0.05]
    tested = any(r.diagnostics.lack_of_fit for r in studied)
    key = "process.say.lack_of_fit" if doubtful else "process.say.fit_holds" if tested else "process.say.fit_unchecked"
    return {
        lang: t(
            key,
            lang,
            names=", ".join(name_of(r.name, lang) for r in doubtful),
            worst=name_of(worst.name, lang),
            predicted=shown(100 * worst.diagnostics.r2_predicted, 2),
        )
        for lang in LANGUAGES
    }


def _residual_words(studied: tuple[Response, ...], lang: str) -> str:
    count = sum(int((r.diagnostics.influential | r.diagnostics.outlying).sum()) for r in studied)
    return t("process.say.residuals_flagged" if count else "process.say.residuals_clean", lang, count=count)


def _flags(d, i: int) -> list[str]:
    said = (("high_leverage", d.high_leverage), ("outlying", d.outlying), ("influential", d.influential))
    return [t(f"process.flag.{name}", "en") for name, hit in said if hit[i]]


def _residual_charts(frame: pd.DataFrame, response: Response, runs_count: int) -> alt.HConcatChart:
    name = name_of(response.name, "en")
    own = frame[frame["process.response"] == name].rename(columns=lambda c: c.removeprefix("process."))
    bound = float(stats.t.ppf(1 - 0.05 / (2 * runs_count), max(response.diagnostics.dof - 1, 1)))
    rules = pd.DataFrame({"y": [-bound, 0.0, bound], "dash": ["bound", "zero", "bound"]})
    rule = (
        alt.Chart(rules)
        .mark_rule(strokeWidth=1)
        .encode(y="y:Q", strokeDash=alt.StrokeDash("dash:N", legend=None, scale=alt.Scale(range=[[5, 4], [1, 0]])))
    )
    flagged = alt.condition(alt.datum.flag == "–", alt.value(COLOURS[0]), alt.value(COLOURS[5]))
    top = max(bound, float(np.nanmax(np.abs(own["studentised"])))) * 1.1
    y = alt.Y("studentised:Q", title=maps.both("label.process.studentised"), scale=alt.Scale(domain=[-top, top]))
    unit = f" ({symbol_of(response.name)})" if symbol_of(response.name) else ""
    base = alt.Chart(own)
    against = base.mark_point(filled=True, size=50, opacity=1).encode(
        x=alt.X("fitted:Q", title=maps.both("label.process.fitted") + unit, scale=alt.Scale(zero=False)),
        y=y,
        color=flagged,
    )
    far = base.transform_filter("abs(datum.studentised) > 1.5 || datum.flag != '–'")
    words = far.mark_text(dx=7, align="left", fontSize=11).encode(x="fitted:Q", y="studentised:Q", text="run:N")
    reach = [own["normal"].min(), own["normal"].max()]
    straight = alt.Chart(pd.DataFrame({"x": reach, "y": reach})).mark_line(strokeWidth=1).encode(x="x:Q", y="y:Q")
    quantile = base.mark_point(filled=True, size=50, opacity=1).encode(
        x=alt.X("normal:Q", title=maps.both("label.process.normal_quantile")), y=y, color=flagged
    )
    size = {"width": 330, "height": 220}
    left = (rule + against + words).properties(title=maps.axis_title(response.name), **size)
    return alt.hconcat(left, (straight + quantile).properties(**size), spacing=30)


def _coefficients(result: Review) -> pd.DataFrame:
    rows = []
    for response in result.window.responses:
        s = response.surface
        half = stats.t.ppf((1 + result.window.confidence) / 2, s.dof) * s.standard_errors
        for i, term in enumerate(_term_words(s.terms, result)):
            rows.append(
                {
                    "process.response": {lang: name_of(response.name, lang) for lang in LANGUAGES},
                    "process.term": term,
                    "process.coefficient": float(s.coefficients[i]),
                    "process.low": float(s.coefficients[i] - half[i]),
                    "process.high": float(s.coefficients[i] + half[i]),
                    "process.p": float(s.p_values[i]),
                }
            )
    return pd.DataFrame(rows)


def _term_words(terms, result: Review) -> list[str]:
    return [term_name(term, [name_of(f.name, "en") for f in result.window.factors]) for term in terms]


def _steepest_words(result: Review, lang: str) -> str:
    said = []
    for response in result.window.responses:
        x = result.window.set_point.x[None]
        low, high = response.surface.interval(x, confidence=result.window.confidence)
        said.append(
            t(
                "process.say.surface",
                lang,
                name=name_of(response.name, lang),
                mean=shown(float(response.surface.mean(x)[0]), 3),
                low=shown(float(low[0]), 3),
                high=shown(float(high[0]), 3),
                unit=f" {symbol_of(response.name)}".rstrip(),
            )
        )
    return " ".join(said)


def _limit_values(response: Response) -> list[float]:
    return [v for v in (response.limits.lower, response.limits.upper) if v is not None] if response.limits else []


def _first_two(result: Review) -> tuple[str, str]:
    return result.window.factors[0].name, result.window.factors[1].name
