"""Views of the assembly: what the checks found and where, what is joined to what, what changed since the last
revision.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from widgets.design.words import sentence
from widgets.page import note, say, table
from workbench.cost.review import StackReview
from workbench.i18n import LANGUAGES
from workbench.rules import Finding
from workbench.stack import End, Grid, Region, read
from workbench.stack.diff import diff

_MOST_ROWS = 40
_MOST_CHANGES = 15


def module(r: StackReview) -> None:
    """The module in three dimensions, as a drawing."""
    from widgets import builder  # which draws with this package

    builder.picture(r.design)


def findings(r: StackReview) -> None:
    """What is not met, worst first: what, where, a marker in the module, what to do."""
    found = r.rules.findings
    broken = sum(finding.outcome == "broken" for finding in found)
    if not found:
        say(sentence("design.say.no_findings", all=len(r.checks), checks=_counted(r, "passed")))
    else:
        say(sentence("design.say.findings" if broken else "design.say.findings_care", broken=broken,
                     care=len(found) - broken, all=len(r.checks)))  # fmt: skip
        rows = [_row(finding) for finding in found[:_MOST_ROWS]]
        flags = {(i, "finding"): "unverified" for i, f in enumerate(found[:_MOST_ROWS]) if not f.verified}
        table(pd.DataFrame(rows), flags=flags, digits=dict.fromkeys(("marker_x_um", "marker_y_um", "marker_z_um"), 6))
        if len(found) > _MOST_ROWS:
            note(sentence("design.note.more_findings", shown=_MOST_ROWS, all=len(found)))
    note(sentence("design.note.deck", deck=r.rules.deck_id, version=r.rules.deck_version))
    skipped = [ran for ran in r.rules.ran if ran.status == "not_applicable"]
    if skipped:
        note({lang: sentence("design.note.not_applicable", names="; ".join(
            f"{ran.name(lang)} ({ran.why(lang)})" if lang == "en" else f"{ran.name(lang)}（{ran.why(lang)}）"
            for ran in skipped))[lang] for lang in LANGUAGES})  # fmt: skip


def _counted(r: StackReview, status: str) -> int:
    return sum(ran.status == status for ran in r.rules.ran)


def _row(finding: Finding) -> dict[str, Any]:
    x, y, z = finding.at or (None, None, None)
    return {
        "finding_outcome": sentence(f"design.outcome.{finding.outcome}"),
        "finding": {lang: finding.what(lang) for lang in LANGUAGES},
        "finding_place": finding.place or "–",
        "marker_x_um": x,
        "marker_y_um": y,
        "marker_z_um": z,
        "finding_fix": {lang: finding.fix(lang) for lang in LANGUAGES},
    }


def connections(r: StackReview) -> None:
    """Every interface: which regions meet, with how many bumps at which pitch; asserted paths."""
    design = r.design
    if not design.connections:
        say("design.say.no_connections")
        return
    rows = []
    for joint in design.connections:
        top = design.region(joint.top)
        bottom = design.region(joint.bottom) if joint.bottom is not None else None
        rows.append({
            "connection": joint.name,
            "connection_top": _end(joint.top),
            "connection_bottom": _end(joint.bottom) if joint.bottom else sentence("design.world_below"),
            "bumps_top": top.bump_count,
            "bumps_bottom": bottom.bump_count if bottom else None,
            "bump_pitch_um": _pitch_um(top) or (_pitch_um(bottom) if bottom else None),
            "gap_um": joint.thickness_um or None,
        })  # fmt: skip
    bumps = sum(row["bumps_top"] for row in rows)
    say(sentence("design.say.connections", joints=len(rows), bumps=f"{bumps:,}", paths=len(design.paths)))
    frame = pd.DataFrame(rows).astype({"bumps_top": "Int64", "bumps_bottom": "Int64"})
    table(frame, digits={"bumps_top": 9, "bumps_bottom": 9})
    for path in design.paths:
        note(sentence("design.note.path", name=path.name, steps=" → ".join(str(step) for step in path.steps)))


def _end(end: End) -> str:
    return f"{end.part} · {end.region}"


def _pitch_um(region: Region) -> float | None:
    """The finest pitch of the region's regular fields."""
    return min((min(f.pitch_x_um, f.pitch_y_um) for f in region.bumps if isinstance(f, Grid)), default=None)


def history(store: Any, r: StackReview) -> None:
    """How the design came to be: what changed since the revision before, and everything dated."""
    design_id = r.parameters.design_id
    line = store.designs.history(design_id)
    if len(line) < 2:
        say(sentence("design.say.first_revision", author=line[-1]["author"] or "–"))
    else:
        before = read(store.designs.document(line[-2]["design_id"], line[-2]["revision_id"]))
        changes = diff(before, r.design)
        say(sentence("design.say.changes", count=len(changes), number=line[-1]["number"], author=line[-1]["author"]))
        said = [{"change": {lang: change.sentence(lang) for lang in LANGUAGES}} for change in changes[:_MOST_CHANGES]]
        if said:
            table(pd.DataFrame(said))
        if len(changes) > _MOST_CHANGES:
            note(sentence("design.note.more_changes", shown=_MOST_CHANGES, all=len(changes)))
    numbers = {row["revision_id"]: row["number"] for row in line}
    events = store.designs.milestones(design_id)
    table(pd.DataFrame([
        {
            "event_at": f"{event['at']:%Y-%m-%d %H:%M}",
            "event": sentence(f"design.milestone.{event['milestone']}"),
            "revision": numbers.get(event["revision_id"], "–"),
            "event_verdict": sentence(f"verdict.{event['verdict']}") if event["verdict"] else "–",
            "event_actor": event["actor"] or "–",
            "event_note": event["note"] or "–",
        }
        for event in events[-_MOST_ROWS:]
    ]), caption="design.caption.history")  # fmt: skip
