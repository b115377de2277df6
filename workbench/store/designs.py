"""Projects, designs and their revisions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.store.append import append, document_sha256, prepare, sha256
from workbench.store.literals import canonical, literal
from workbench.store.session import Session
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.store.store import Store


class Projects:
    """What customers ordered."""

    def __init__(self, store: Store):
        self._store = store

    def add(self, project_id: str, *, name: str, customer: str | None = None,
            requested_at: datetime | str | None = None) -> None:  # fmt: skip
        """Add a project, or say its name, customer or date anew. `customer` is a customer's id; an unknown one is
        added with its id as name.
        """
        project = prepare(BY_NAME["projects"], [{"project_id": project_id, "name": name, "customer_id": customer,
                                                 "requested_at": requested_at}])  # fmt: skip
        keys = [f"projects:{project_id}"] + ([f"customers:{customer}"] if customer else [])
        with self._store.writing("add project", *keys) as session:
            if customer and session.value(f"SELECT 1 FROM customers WHERE customer_id = {literal(customer)}") is None:
                append(session, BY_NAME["customers"], [{"customer_id": customer, "name": customer}])
            append(session, BY_NAME["projects"], project)

    def list(self) -> list[dict]:
        """project_id, name, customer_id, requested_at of every project."""
        with self._store.reading() as session:
            return session.rows("SELECT project_id, name, customer_id, requested_at, version, recorded_at "
                                "FROM current_projects ORDER BY project_id")  # fmt: skip


class Designs:
    """Designs, each a chain of revisions of one document."""

    def __init__(self, store: Store):
        self._store = store

    def add_revision(self, design_id: str, document: dict, *, title: str, kind: str, author: str, note: str,
                     project_id: str | None = None, parent_id: str | None = None) -> str:  # fmt: skip
        """Add a revision and give its id; the design itself is made by its first.

        Without `parent_id` the revision follows the current one, and the current document said again adds nothing.
        With `parent_id` the same call may be repeated at any time: its id is the hash of design, parent and content.
        `document["schema_version"]` (default 1) says how to read it.

        Raises InputError: an unknown project, or a parent that is not a revision of this design.
        """
        revisions, digest = BY_NAME["design_revisions"], document_sha256(document)
        design = prepare(BY_NAME["designs"], [{"design_id": design_id, "title": title, "kind": kind,
                                               "project_id": project_id}])  # fmt: skip
        with self._store.writing("add design revision", f"designs:{design_id}") as session:
            append(session, BY_NAME["designs"], design)
            there = session.rows("SELECT revision_id, parent_id, number, document_sha256 FROM design_revisions "
                                 f"WHERE design_id = {literal(design_id)} ORDER BY number")  # fmt: skip
            session.seen.setdefault(revisions.name, set()).update(row["revision_id"] for row in there)
            if parent_id is None and there:
                if there[-1]["document_sha256"] == digest:
                    return there[-1]["revision_id"]
                parent_id = there[-1]["revision_id"]
            elif parent_id is not None and parent_id not in {row["revision_id"] for row in there}:
                raise InputError("store.no_parent", where=design_id, got=parent_id,
                                 allowed=", ".join(row["revision_id"] for row in there[-3:]))  # fmt: skip
            revision_id = sha256(canonical([design_id, parent_id, digest]))[:32]
            if revision_id not in {row["revision_id"] for row in there}:
                append(session, revisions, [{
                    "revision_id": revision_id, "design_id": design_id, "parent_id": parent_id,
                    "number": len(there) + 1, "schema_version": str(document.get("schema_version", 1)),
                    "document": document, "document_sha256": digest, "author": author, "note": note,
                }], absent=True)  # fmt: skip
            return revision_id

    def list(self) -> list[dict]:
        """design_id, title, kind, project_id and the current revision of every design."""
        with self._store.reading() as session:
            return session.rows(
                "SELECT design_id, title, kind, project_id, revision_id, number, author, note, "
                "r.recorded_at AS revised_at FROM current_designs JOIN design_revisions AS r USING (design_id) "
                "QUALIFY number = max(number) OVER (PARTITION BY design_id) ORDER BY design_id"
            )

    def document(self, design_id: str, revision_id: str | None = None) -> dict:
        """The document of the current or the named revision. Raises InputError when there is none."""
        which = f" AND revision_id = {literal(revision_id)}" if revision_id else ""
        with self._store.reading() as session:
            rows = session.rows(f"SELECT document FROM design_revisions WHERE design_id = {literal(design_id)}"
                                f"{which} ORDER BY number DESC LIMIT 1")  # fmt: skip
            if not rows:
                raise _no_design(session, design_id, revision_id)
        return rows[0]["document"]

    def revisions(self, design_id: str) -> list[dict]:
        """Every revision without its document, oldest first. Raises InputError for an unknown design."""
        with self._store.reading() as session:
            rows = session.rows(
                "SELECT revision_id, design_id, parent_id, number, schema_version, document_sha256, author, note, "
                f"recorded_at FROM design_revisions WHERE design_id = {literal(design_id)} ORDER BY number"
            )
            if not rows:
                raise _no_design(session, design_id, None)
        return rows


def _no_design(session: Session, design_id: str, revision_id: str | None) -> InputError:
    known = [
        name for (name,) in session.tuples("SELECT DISTINCT design_id FROM design_revisions ORDER BY ALL LIMIT 20")
    ]
    got = design_id if revision_id is None or design_id not in known else f"{design_id} / {revision_id}"
    return InputError("store.not_there", where="designs", got=got, allowed=", ".join(known))
