"""Views of the lot review: what was imported, the map with its units, bins, and what happened to the lot."""

from __future__ import annotations

from html import escape

import altair as alt
import pandas as pd

from widgets.page import html, note, picture, say, spans, table, words
from widgets.process import maps
from widgets.process.linked import BAD, GOOD, drawn, show_linked
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.causes import FAILING
from workbench.process.lot_review import BinCount, LotReview
from workbench.process.review import name_of
from workbench.schema.summary import shown

MOST_EVENTS = 60


def lot_map(r: LotReview, mode: str = "report") -> None:
    """The carriers' maps beside the chart of the readings; with `mode` "interactive" one is brushed and they follow."""
    record = r.record
    if record.units.empty:
        say("lot_review.say.no_units")
        return
    response = FAILING if r.judged and r.good < r.judged else (r.parameter or FAILING)
    said = {lang: _map_words(r, lang) for lang in LANGUAGES}
    if mode == "interactive" and record.mapped():
        say(said)
        show_linked(record, response, r.parameter)
    else:
        picture(drawn(record, response, r.parameter), say=said, table=_unit_table(r))
    note("lot_review.note.order")
    note("process.note.source", chip=record.origin.flag, source=record.origin.source)


def bins(r: LotReview) -> None:
    """Units by bin, the passing first, then the fullest."""
    if not r.bins:
        say("lot_review.say.no_bins")
        return
    frame = pd.DataFrame({"bin": [_bin_label(b) for b in r.bins], "count": [b.count for b in r.bins],
                          "colour": [GOOD if b.passed else BAD if b.passed is False else COLOURS[0] for b in r.bins]})
    total = int(frame["count"].sum())
    frame["word"] = [f"{c:,} ({100 * c / total:.1f} %)" for c in frame["count"]]
    order = alt.Y("bin:N", sort=frame["bin"].tolist(), title=None,
                  axis=alt.Axis(labelLimit=260, ticks=False, domain=False))  # fmt: skip
    most = float(frame["count"].max())
    base = alt.Chart(frame).encode(
        y=order,
        x=alt.X("count:Q", title=maps.both("lot_review.axis.units"), axis=alt.Axis(grid=False, tickMinStep=1),
                scale=alt.Scale(domain=[0, 1.25 * most], nice=False)),
    )  # fmt: skip
    bars = base.mark_bar(height=18).encode(color=alt.Color("colour:N", scale=None))
    text = base.mark_text(align="left", dx=5).encode(text="word:N")
    bad = [b for b in r.bins if b.passed is False]
    key = "lot_review.say.bins" if bad else "lot_review.say.bins_good"
    said = {lang: t(key, lang, name=_bin_name(bad[0], lang) if bad else "", count=bad[0].count if bad else 0,
                    failed=sum(b.count for b in bad), total=total) for lang in LANGUAGES}  # fmt: skip
    shown_table = pd.DataFrame({
        "lot_review.bin": [b.number for b in r.bins], "lot_review.name": [b.name or "–" for b in r.bins],
        "lot_review.passes": [b.passed for b in r.bins], "lot_review.units": [b.count for b in r.bins],
    })  # fmt: skip
    picture((bars + text).properties(width=480, height=30 * len(frame)), say=said, table=shown_table)


def imports(r: LotReview) -> None:
    """What files brought and what they left."""
    rows = r.record.imports
    if not rows:
        say("lot_review.say.no_imports")
        return
    left = sum(len(row["left"] or ()) for row in rows)
    say("lot_review.say.imports", files=len(rows), left=left)
    table(pd.DataFrame({
        "lot_review.file": [row["file_name"] for row in rows], "lot_review.format": [row["format"] for row in rows],
        "lot_review.measured_at": [_moment(row["measured_at"]) for row in rows],
        **{f"lot_review.{name}": [row["counts"].get(name, 0) for row in rows]
           for name in ("carriers", "units", "readings", "edges", "defects")},
        "lot_review.sha256": [str(row["file_sha256"])[:12] for row in rows],
    }))  # fmt: skip
    said = [(row["file_name"], kind, sentence) for row in rows for kind in ("taken", "left")
            for sentence in row[kind] or ()]  # fmt: skip
    if said:
        items = "".join(f"<li>{escape(file)} · {spans('lot_review.' + kind)}: {spans(sentence)}</li>"
                        for file, kind, sentence in said[:40])  # fmt: skip
        html(f'<details class="wb-details"><summary>{spans("lot_review.taken_and_left", count=len(said))}</summary>'
             f'<ul class="wb-reasons">{items}</ul></details>')  # fmt: skip


def events(r: LotReview) -> None:
    """The lot's history in the order of its chain, and whether it verifies."""
    record, found = r.record, r.record.verification
    if not record.events:
        say("lot_review.say.no_events")
        return
    if found is None:
        say("lot_review.say.not_verified", count=len(record.events))
    elif found.sound:
        say("lot_review.say.verified", count=found.event_count, rows=f"{found.row_count:,}", head=found.head[:12])
    else:
        say("lot_review.say.broken", place=found.first.place, head=found.head[:12])
        note(words(f"lots.fault.{found.first.kind}"))
    last = record.events[-MOST_EVENTS:]
    table(pd.DataFrame({
        "lot_review.number": [e.number for e in last],
        "lot_review.when": [_moment(e.occurred_at) for e in last],
        "lot_review.event": [words(f"lots.event.{e.kind}") for e in last],
        "lot_review.scope": [_scope(e.scope) for e in last],
        "lot_review.step": [e.step or "–" for e in last],
        "lot_review.tool": [" / ".join(v for v in (e.equipment, e.chamber) if v) or "–" for e in last],
        "lot_review.material_batch": [e.material_batch or "–" for e in last],
        "lot_review.said": [str(e.detail.get("reason") or e.detail.get("note") or e.detail.get("file_name")
                                or e.detail.get("to_lot") or e.detail.get("from_lot") or "–") for e in last],
    }))  # fmt: skip
    if len(record.events) > len(last):
        note("lot_review.note.earlier_events", count=len(record.events) - len(last))
    stopped = [(scope, state) for scope, state in record.stopped]
    for scope, state in stopped[:6]:
        note(words(f"lot_review.stopped.{state.word}", what=_plain_scope(scope), number=state.number))


def _map_words(r: LotReview, lang: str) -> str:
    found = [cause for cause in r.causes.found if cause.kind == "map"]
    if found:
        cause = found[0]
        what = t("lot_review.failing_units", lang) if cause.response == FAILING else name_of(cause.response, lang)
        pattern = next(e for e in cause.found.evidence if e.kind == cause.level).word(lang)
        return t("lot_review.say.pattern", lang, what=what, carrier=cause.factor, pattern=pattern, p=f"{cause.p:.2g}")
    if not r.record.mapped():
        return t("lot_review.say.no_map", lang)
    key = "map_random" if r.causes.maps else "map_small"
    return t(f"lot_review.say.{key}", lang, maps=len(r.causes.maps), rate=f"{100 * r.causes.rate:g}")


def _unit_table(r: LotReview) -> pd.DataFrame:
    rows = r.record.units.loc[r.severity.index[:25]]
    frame = pd.DataFrame({"lot_review.unit": rows.index, "lot_review.carrier": rows["carrier"].astype(str)})
    for name in r.record.parameters[:6]:
        frame[name] = r.record.values.loc[rows.index, name].to_numpy()
    return frame


def _bin_label(b: BinCount) -> str:
    return f"{b.number} {b.name}".strip()


def _bin_name(b: BinCount, lang: str) -> str:
    return f"{b.number} ({b.name})" if b.name else str(b.number)


def _moment(moment) -> str:
    return "–" if moment is None or pd.isna(moment) else pd.Timestamp(moment).strftime("%Y-%m-%d %H:%M")


def _scope(scope) -> dict[str, str]:
    return words("lot_review.whole_lot") if scope.whole else words(_plain_scope(scope))


def _plain_scope(scope) -> str:
    named = [*scope.carriers, *("/".join(unit.split("/")[-2:]) for unit in scope.units)]
    return "; ".join(named[:4]) + (f" … ({len(named)})" if len(named) > 4 else "")


def percent(value: float) -> str:
    return f"{shown(100 * value, 3)} %"
