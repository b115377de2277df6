"""Views of single units: the worst of a lot with where they came from, and the whole history of one."""

from __future__ import annotations

import os
from html import escape
from urllib.parse import urlencode

import pandas as pd

from widgets.page import html, note, say, spans, table, words
from widgets.process.linked import axis_unit
from workbench.i18n import LANGUAGES, language, t
from workbench.process.lot_review import LotReview
from workbench.process.review import name_of
from workbench.reports.site import address
from workbench.runs.context import VARIABLE
from workbench.schema.summary import shown

PAGES = {"design": ("design/stack_design", "design_id"), "system": ("validation/benchmark_review", "system_id"),
         "lot": ("process/lot_review", "lot_id")}  # the page about a subject, and the parameter that names it
WHOLE = '<span style="white-space:nowrap">'  # a unit's name is not broken at its hyphens
TOLD = ("equipment", "chamber", "recipe", "material_batch", "operator")


class Link:
    """A link to what is known of a subject: its newest report from a report, its page from a page that is worked with.
    A subject without a page is only its words.
    """

    def __init__(self, kind: str, subject: str, shown_as: str | None = None):
        self.kind, self.subject, self.text = kind, subject, shown_as or subject

    def __html__(self) -> str:
        if self.kind not in PAGES:
            return f"{WHOLE}{escape(self.text)}</span>"
        study, name = PAGES[self.kind]
        if VARIABLE in os.environ:
            where = "/".join(address(part) for part in study.split("/"))
            link = f"../../latest/{where}/{address(self.subject)}/index.html"
        else:
            link = f"../{study}.ipynb?{urlencode({name: self.subject, 'lang': language()})}"
        return f'{WHOLE}<a href="{link}">{escape(self.text)}</a></span>'

    def __str__(self) -> str:
        return self.text


def worst_units(r: LotReview) -> None:
    """The worst units, each back to the die it was made of and the chambers it went through."""
    if not r.worst:
        say("lot_review.say.no_histories")
        return
    rows = []
    for unit in r.worst:
        source = unit.family.ancestors[-1] if unit.family.ancestors else None
        limits = [reading for reading in unit.readings if reading.stands and reading.passed is False]
        chambers = list(dict.fromkeys(f"{step.step}: {step.equipment or '–'} / {step.chamber}"
                                      for step in unit.route if step.chamber))  # fmt: skip
        rows.append({
            "lot_review.unit": Link("unit", unit.unit_id),
            "lot_review.off": {lang: "; ".join(
                f"{name_of(v.parameter, lang)} {shown(v.value, 4)} {axis_unit(r.record, v.parameter)}".strip()
                for v in limits[:3]) or "–" for lang in LANGUAGES},
            "lot_review.made_of": _ancestor(source),
            "lot_review.source_place": _place(source),
            "lot_review.chambers": "; ".join(chambers) or "–",
            "lot_review.state": words(f"lots.state.{unit.state.word}"),
        })  # fmt: skip
    failed = any(name in r.record.failing.index and r.record.failing[name] for name in (u.unit_id for u in r.worst))
    say("lot_review.say.worst" if failed else "lot_review.say.farthest", count=len(rows))
    table(pd.DataFrame(rows))


def unit(r: LotReview) -> None:
    """The history of the chosen unit: what it is made of, its route, its readings, what it is part of."""
    one = r.unit
    if one is None:
        say("lot_review.say.no_histories")
        return
    say({lang: _unit_words(r, lang) for lang in LANGUAGES})
    facts = [("lot", Link("lot", one.lot_id or "–")), ("carrier", one.carrier or "–"),
             ("place", f"{one.x}, {one.y}" if one.x is not None else "–"),
             ("serial", one.part_id or "–"),
             ("state", words(f"lots.state.{one.state.word}"))]  # fmt: skip
    html('<dl class="wb-figures">' + "".join(
        f'<div><dt>{spans(f"label.lot_review.{key}")}</dt><dd class="said">{_said(value)}</dd></div>'
        for key, value in facts
    ) + "</dl>")  # fmt: skip
    _genealogy(one)
    _route(one)
    _readings(one)
    if one.links:
        table(pd.DataFrame({
            "lot_review.kind": [words(f"lot_review.link.{link.kind}") for link in one.links],
            "lot_review.subject": [Link(link.kind, link.subject_id.partition("@")[0], link.title)
                                   for link in one.links],
            "lot_review.relation": [link.relation for link in one.links],
        }), caption="lot_review.caption.links")  # fmt: skip


def _genealogy(one) -> None:
    edges = [*sorted(one.family.up, key=lambda e: -e.depth), *one.family.down]
    if not edges:
        note("lot_review.note.no_genealogy")
        return
    table(pd.DataFrame({
        "lot_review.made_of": [_ancestor(edge.parent_id) for edge in edges],
        "lot_review.source_place": [_place(edge.parent_id) for edge in edges],
        "lot_review.relation": [words(f"lot_review.relation.{edge.relation}")
                                if edge.relation in ("placed", "singulated") else edge.relation for edge in edges],
        "lot_review.became": [_ancestor(edge.child_id) for edge in edges],
    }), caption="lot_review.caption.genealogy")  # fmt: skip
    placed = one.placed
    if placed is not None:
        note("lot_review.note.placed", x=f"{placed.x_um / 1000:,.4f}", y=f"{placed.y_um / 1000:,.4f}",
             angle=f"{placed.angle_deg:.3f}", carrier=placed.carrier)  # fmt: skip
        if placed.dx_um is not None:
            note("lot_review.note.as_designed", dx=shown(placed.dx_um, 3), dy=shown(placed.dy_um, 3),
                 turn=f"{placed.dangle_deg:.3f}", revision=str(placed.revision_id)[:12])  # fmt: skip


def _route(one) -> None:
    if not one.route:
        note("lot_review.note.no_route")
        return
    table(pd.DataFrame({
        "lot_review.when": [f"{step.occurred_at:%Y-%m-%d %H:%M}" if step.occurred_at else "–" for step in one.route],
        "lot_review.step": [step.step for step in one.route],
        "lot_review.unit": [_ancestor(step.unit_id) for step in one.route],
        **{f"lot_review.{name}": [getattr(step, name) or "–" for step in one.route] for name in TOLD},
    }), caption="lot_review.caption.route")  # fmt: skip
    for wait in one.queue_times:
        if wait.limit_h is not None:
            note("lot_review.note.queue" if wait.holds else "lot_review.note.queue_broken", before=wait.before,
                 after=wait.after, hours=f"{wait.hours:.1f}", limit=f"{wait.limit_h:g}")  # fmt: skip


def _readings(one) -> None:
    if not one.readings:
        return
    rows = [reading for reading in one.readings if reading.stands]
    table(pd.DataFrame({
        "lot_review.parameter": [{lang: name_of(v.parameter, lang) for lang in LANGUAGES} for v in rows],
        "lot_review.value": [v.value for v in rows], "lot_review.in_unit": [v.unit or "–" for v in rows],
        "lot_review.lower": [v.lower for v in rows], "lot_review.upper": [v.upper for v in rows],
        "lot_review.passes": [v.passed for v in rows],
    }), caption="lot_review.caption.readings")  # fmt: skip
    earlier = len(one.readings) - len(rows)
    if earlier:
        note("lot_review.note.attempts", count=earlier)


def _unit_words(r: LotReview, lang: str) -> str:
    one = r.unit
    bad = [name_of(v.parameter, lang) for v in one.readings if v.stands and v.passed is False]
    said = t("lot_review.say.unit_bad" if bad else "lot_review.say.unit_good", lang, unit=one.unit_id,
             names=", ".join(bad[:4]))  # fmt: skip
    if one.family.ancestors:
        source = one.family.ancestors[-1]
        said += " " + t("lot_review.say.unit_from", lang, source=source)
    return said


def _ancestor(name: str | None) -> Link | str:
    if not name:
        return "–"
    return Link("lot", name.rsplit("/", 2)[0], name) if name.count("/") >= 2 else name


def _place(name: str | None) -> str:
    last = (name or "").rpartition("/")[2]
    return last.replace(",", ", ") if "," in last else "–"


def _said(value) -> str:
    return value.__html__() if hasattr(value, "__html__") else spans(value)
