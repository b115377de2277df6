"""When a project or design was requested, first saved, first checked and released. Only ever added to.

The request is a project's date or a milestone of its own; saving is the first revision; a check is a milestone; a
release is a record of the releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store.append import append, document_sha256, new_key, prepare
from workbench.store.literals import literal
from workbench.store.revisions import revision_row
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.planning.lead_time import LeadTime, LeadTimes
    from workbench.store.store import Store

VERDICTS = BY_NAME["design_milestones"].column("verdict").allowed


def record_request(store: Store, *, project_id: str | None, design_id: str | None, actor: str,
                   requested_at: datetime | str | None, note: str | None) -> str:  # fmt: skip
    if (project_id is None) == (design_id is None):
        raise InputError("reuse.request", got=f"project_id = {project_id}, design_id = {design_id}")
    row = {"milestone_id": new_key(), "milestone": "requested", "project_id": project_id, "design_id": design_id,
           "actor": actor, "note": note, "occurred_at": requested_at or datetime.now(UTC)}  # fmt: skip
    ready = prepare(BY_NAME["design_milestones"], [row])
    with store.writing("record request", f"milestones:{project_id or design_id}") as session:
        append(session, BY_NAME["design_milestones"], ready)
    return row["milestone_id"]


def record_check(store: Store, design_id: str, revision_id: str | None, *, verdict: str, deck: str, actor: str,
                 checked_at: datetime | str | None) -> str:  # fmt: skip
    """The check said again adds nothing: a revision with the same verdict by the same deck as last time."""
    if verdict not in VERDICTS:
        raise InputError("reuse.verdict", got=verdict, allowed=", ".join(VERDICTS))
    with store.writing("record check", f"milestones:{design_id}") as session:
        revision = revision_row(session, design_id, revision_id)["revision_id"]
        last = session.tuples(
            "SELECT milestone_id, verdict, deck FROM design_milestones WHERE milestone = 'checked' "
            f"AND revision_id = {literal(revision)} ORDER BY occurred_at DESC, milestone_id DESC LIMIT 1"
        )
        if last and last[0][1:] == (verdict, deck):
            return last[0][0]
        row = {"milestone_id": new_key(), "milestone": "checked", "design_id": design_id, "revision_id": revision,
               "verdict": verdict, "deck": deck, "actor": actor,
               "occurred_at": checked_at or datetime.now(UTC)}  # fmt: skip
        append(session, BY_NAME["design_milestones"], prepare(BY_NAME["design_milestones"], [row]))
        return row["milestone_id"]


def release(store: Store, design_id: str, revision_id: str | None, *, released_by: str, note: str,
            document: Mapping | None, run_id: str | None, released_at: datetime | str | None) -> str:  # fmt: skip
    """A revision is released once: said again, the first release stands."""
    releases = BY_NAME["releases"]
    with store.writing("release design", f"releases:{design_id}") as session:
        revision = revision_row(session, design_id, revision_id)["revision_id"]
        release_id = document_sha256(["release of a revision", design_id, revision])[:32]
        if session.value(f"SELECT 1 FROM releases WHERE release_id = {literal(release_id)}") is None:
            said = {**(document or {}), "revision_id": revision, "note": note}
            row = {"release_id": release_id, "subject_kind": "design", "subject_id": design_id, "run_id": run_id,
                   "document": said, "document_sha256": document_sha256(said), "released_by": released_by,
                   "released_at": released_at or datetime.now(UTC)}  # fmt: skip
            append(session, releases, prepare(releases, [row]), absent=True)
    return release_id


def milestones(store: Store, design_id: str) -> list[dict[str, Any]]:
    """milestone (requested, saved, checked, released), at, actor, revision_id, verdict, deck, note; oldest first."""
    design = literal(design_id)
    with store.reading() as session:
        revision_row(session, design_id, None)
        return session.rows(
            "SELECT milestone, occurred_at AS \"at\", actor, revision_id, verdict, deck, note FROM design_milestones "
            f"WHERE design_id = {design} OR project_id = {_PROJECT_OF.format(design)} "
            "UNION ALL SELECT 'requested', requested_at, coalesce(customer_id, ''), NULL, NULL, NULL, name "
            f"FROM current_projects WHERE project_id = {_PROJECT_OF.format(design)} AND requested_at IS NOT NULL "
            "UNION ALL SELECT 'saved', recorded_at, author, revision_id, NULL, NULL, note FROM design_revisions "
            f"WHERE design_id = {design} "
            "UNION ALL SELECT 'released', released_at, released_by, json_extract_string(document, '$.revision_id'), "
            "NULL, NULL, json_extract_string(document, '$.note') FROM releases "
            f"WHERE subject_kind = 'design' AND subject_id = {design} ORDER BY \"at\", milestone"
        )


_PROJECT_OF = "(SELECT project_id FROM current_designs WHERE design_id = {})"

# First moments per design. A design's own request goes before its project's.
_PER_DESIGN = (
    "SELECT d.design_id, d.title, d.project_id, "
    "coalesce((SELECT min(occurred_at) FROM design_milestones AS m WHERE m.milestone = 'requested' "
    "AND m.design_id = d.design_id), p.asked) AS requested_at, "
    "(SELECT min(recorded_at) FROM design_revisions AS r WHERE r.design_id = d.design_id) AS saved_at, "
    "(SELECT min(occurred_at) FROM design_milestones AS m WHERE m.milestone = 'checked' "
    "AND m.design_id = d.design_id) AS checked_at, "
    "(SELECT min(released_at) FROM releases AS o WHERE o.subject_kind = 'design' AND o.subject_id = d.design_id) "
    "AS released_at FROM current_designs AS d LEFT JOIN ({projects}) AS p ON p.project_id = d.project_id "
    "WHERE d.origin IS NULL"
)
_PROJECTS = (
    "SELECT project_id, name, least(requested_at, (SELECT min(occurred_at) FROM design_milestones AS m "
    "WHERE m.milestone = 'requested' AND m.project_id = c.project_id)) AS asked FROM current_projects AS c"
)


def lead_times(store: Store, *, by: str, now: datetime | None) -> LeadTimes:
    from workbench.planning.lead_time import summary

    if by not in ("project", "design"):
        raise InputError("reuse.by", got=by, allowed="project, design")
    with store.reading() as session:
        rows = session.rows(f"{_PER_DESIGN.format(projects=_PROJECTS)} ORDER BY design_id")
        projects = session.rows(f"{_PROJECTS} ORDER BY project_id") if by == "project" else []
    found = _by_project(rows, projects) if by == "project" else [_lead_time("design_id", "title", row) for row in rows]
    found.sort(key=lambda row: (row.requested_at is None, row.requested_at or datetime.max, row.subject_id))
    return summary(found, now=now or datetime.now(UTC))


def _by_project(rows: list[dict], projects: list[dict]) -> list[LeadTime]:
    """A project is saved, checked and released when the first of its designs is. One without designs of its own shows
    if it was requested.
    """
    found = []
    for project in projects:
        own = [row for row in rows if row["project_id"] == project["project_id"]]
        if not own and project["asked"] is None:
            continue
        asked = [row["requested_at"] for row in own] + [project["asked"]]
        first = {name: min((row[name] for row in own if row[name]), default=None)
                 for name in ("saved_at", "checked_at", "released_at")}  # fmt: skip
        said = project | first | {"requested_at": min((moment for moment in asked if moment), default=None)}
        found.append(_lead_time("project_id", "name", said))
    return found


def _lead_time(key: str, title: str, row: Mapping) -> LeadTime:
    from workbench.planning.lead_time import LeadTime

    return LeadTime(row[key], row[title], row["requested_at"], row["saved_at"], row["checked_at"], row["released_at"])
