"""One revision of a design looked up, or the refusal of one that is not there."""

from __future__ import annotations

from typing import Any

from workbench.errors import InputError
from workbench.store.literals import literal
from workbench.store.session import Session

# Everything of revisions but their documents.
REVISIONS = ("SELECT revision_id, design_id, parent_id, number, schema_version, document_sha256, author, note, "
             "recorded_at FROM design_revisions")  # fmt: skip
DOCUMENTS = "SELECT revision_id, document FROM design_revisions"


def revision_row(session: Session, design_id: str, revision_id: str | None, *,
                 select: str = REVISIONS) -> dict[str, Any]:  # fmt: skip
    """The named or the current revision. Raises InputError when there is none."""
    which = f" AND revision_id = {literal(revision_id)}" if revision_id else ""
    rows = session.rows(f"{select} WHERE design_id = {literal(design_id)}{which} ORDER BY number DESC LIMIT 1")
    if not rows:
        raise no_revision(session, design_id, revision_id)
    return rows[0]


def no_revision(session: Session, design_id: str, revision_id: str | None) -> InputError:
    """The refusal of a design or revision that is not there, with the known ones."""
    known = [
        name for (name,) in session.tuples("SELECT DISTINCT design_id FROM design_revisions ORDER BY ALL LIMIT 20")
    ]
    got = design_id if revision_id is None or design_id not in known else f"{design_id} / {revision_id}"
    return InputError("store.not_there", where="designs", got=got, allowed=", ".join(known))
