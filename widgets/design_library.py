"""Views of the design library: the designs found, what they share, what resembles one, how long designs take."""

from __future__ import annotations

import altair as alt
import pandas as pd

import widgets.theme  # noqa: F401  (registers the look)
from widgets.page import note, picture, say, table
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.schema.summary import shown
from workbench.store.design_facets import FACETS
from workbench.store.design_library import Library

_MOST_VALUES = 6  # of one facet


def _said(key: str, **values: object) -> dict[str, str]:
    return {lang: t(key, lang, **values) for lang in LANGUAGES}


def shelf(library: Library) -> None:
    """Every design found, the best or newest first."""
    found = library.found
    words = library.parameters.words
    if not found.hits:
        say(_said("reuse.say.nothing", words=words))
        return
    say(_said("reuse.say.found" if words else "reuse.say.all", count=f"{found.total:,}", words=words))
    rows, flags = [], {}
    for index, hit in enumerate(found.hits):
        rows.append({
            "design": f"{hit['design_id']}@{hit['number']}",
            "design_title": hit["title"],
            "design_kind": _said(f"design.assembly.{hit['kind']}"),
            "design_origin": _said(f"reuse.origin.{hit['origin']}"),
            "finest_pitch_um": hit["finest_pitch_um"],
            "silicon_area_mm2": hit["silicon_area_mm2"],
            "design_power_w": hit["power_w"],
            "design_dies": hit["die_count"],
            "last_verdict": _said(f"verdict.{hit['verdict']}") if hit["verdict"] else "–",
        })  # fmt: skip
        if hit["unverified_count"]:
            flags[index, "design_title"] = "unverified"
    frame = pd.DataFrame(rows).astype({"design_dies": "Int64"})
    table(frame, flags=flags, digits={"finest_pitch_um": 3, "silicon_area_mm2": 4, "design_power_w": 3})
    if found.total > len(found.hits):
        note(_said("reuse.note.more", shown=len(found.hits), total=f"{found.total:,}"))


def facets(library: Library) -> None:
    """What the designs found have in common: each facet with its most frequent values."""
    rows = []
    for name in FACETS:
        counts = sorted(library.found.facets.get(name, ()), key=lambda count: -count.count)
        if not counts:
            continue
        rows.append({
            "facet": _said(f"reuse.facet.{name}"),
            "facet_values": {lang: ", ".join(f"{c.words(lang)}\u00a0({c.count})" for c in counts[:_MOST_VALUES])
                             + (" …" if len(counts) > _MOST_VALUES else "") for lang in LANGUAGES},
        })  # fmt: skip
    if rows:
        say("reuse.say.facets")
        table(pd.DataFrame(rows))


def resembling(library: Library) -> None:
    """Which designs resemble the chosen one, and why."""
    if not library.matches:
        say(_said("reuse.say.no_match", subject=library.subject_title))
        return
    best = library.matches[0]
    say(_said("reuse.say.match", subject=library.subject_title, name=best.title,
              percent=f"{100 * best.resemblance.total:.0f}"))  # fmt: skip
    rows = [
        {
            "design": match.design_id,
            "design_title": match.title,
            "resemblance_percent": 100 * match.resemblance.total,
            "compared_percent": 100 * match.resemblance.compared,
            "why": {lang: "; ".join(match.resemblance.reasons(lang)) for lang in LANGUAGES},
        }
        for match in library.matches
    ]
    table(pd.DataFrame(rows), digits={"resemblance_percent": 2, "compared_percent": 2})


def lead_times(library: Library) -> None:
    """Days from request to released design, with the median and the trend where there are enough."""
    lead = library.lead_times
    if not lead.rows:
        say("reuse.say.no_projects")
        return
    done = [row for row in lead.rows if row.requested_to_released_days is not None]
    if lead.trend is not None:
        said = _said(f"reuse.say.lead.{lead.trend.verdict}", days=shown(lead.median_days, 3), count=lead.finished,
                     slope=shown(lead.trend.days_per_year, 2), low=shown(lead.trend.low, 2),
                     high=shown(lead.trend.high, 2))  # fmt: skip
    elif lead.median_days is not None:
        said = _said("reuse.say.lead.few", days=shown(lead.median_days, 3), count=lead.finished, open=lead.unfinished)
    else:
        said = _said("reuse.say.lead.none", open=lead.unfinished)
    frame = pd.DataFrame({
        "project": [row.title for row in lead.rows],
        "requested": [f"{row.requested_at:%Y-%m-%d}" if row.requested_at else "–" for row in lead.rows],
        "to_saved_d": [row.requested_to_saved_days for row in lead.rows],
        "to_check_d": [row.requested_to_checked_days for row in lead.rows],
        "to_release_d": [row.requested_to_released_days for row in lead.rows],
    })  # fmt: skip
    if len(done) < 2:
        say(said)
        table(frame, digits=dict.fromkeys(("to_saved_d", "to_check_d", "to_release_d"), 3),
              units=dict.fromkeys(("to_saved_d", "to_check_d", "to_release_d"), "d"))  # fmt: skip
        return
    points = pd.DataFrame({
        "requested": [row.requested_at.date().isoformat() for row in done],
        "days": [row.requested_to_released_days for row in done], "project": [row.title for row in done],
    })  # fmt: skip
    x = alt.X("requested:T", title=" / ".join(_said("reuse.axis.requested").values()))
    y = alt.Y("days:Q", title=" / ".join(_said("reuse.axis.days").values()), scale=alt.Scale(domainMin=0))
    dots = alt.Chart(points).mark_point(color=COLOURS[0]).encode(x=x, y=y)
    middle = alt.Chart(pd.DataFrame({"days": [lead.median_days]})).mark_rule(strokeDash=[4, 3]).encode(y="days:Q")
    picture((dots + middle).properties(width=620, height=240), say=said, table=frame)
