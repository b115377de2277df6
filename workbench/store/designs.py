"""Projects, designs and their revisions: saved, branched, compared, found, checked, released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store import design_features, milestones
from workbench.store.append import append, document_sha256, prepare, sha256
from workbench.store.literals import canonical, literal
from workbench.store.revisions import DOCUMENTS, REVISIONS, no_revision, revision_row
from workbench.store.session import Session
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.planning.lead_time import LeadTimes
    from workbench.stack import Change, Design
    from workbench.store.design_search import Match, SearchResult
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
    """Designs, each a chain of revisions of one document; a branch begins with a revision of another design."""

    def __init__(self, store: Store):
        self._store = store

    # saving

    def add_revision(self, design_id: str, document: dict, *, title: str, kind: str, author: str, note: str,
                     project_id: str | None = None, parent_id: str | None = None,
                     origin: str | None = None) -> str:  # fmt: skip
        """Add a revision and give its id; the design itself is made by its first.

        Without `parent_id` the revision follows the current one, and the current document said again adds none.
        With `parent_id` the same call may be repeated at any time: its id is the hash of design, parent and content.
        `document["schema_version"]` (default 1) says how to read it. `origin` is for what the workbench brings
        (``reference``, ``example``); a revision saved without it makes the design one's own work. Where none is added,
        project and origin stay unless given.

        Raises InputError: an unknown project, or a parent that is not a revision of this design.
        """
        digest = document_sha256(document)
        with self._store.writing("add design revision", f"designs:{design_id}") as session:
            there = _chain(session, design_id)
            known = {row["revision_id"] for row in there}
            if parent_id is not None and parent_id not in known:
                raise InputError("store.no_parent", where=design_id, got=parent_id,
                                 allowed=", ".join(row["revision_id"] for row in there[-3:]))  # fmt: skip
            if parent_id is None and there and there[-1]["document_sha256"] == digest:
                revision_id = there[-1]["revision_id"]
            else:
                parent_id = parent_id or (there[-1]["revision_id"] if there else None)
                revision_id = _revision_id(design_id, parent_id, digest)
            if revision_id in known:
                now = f"SELECT project_id, origin FROM current_designs WHERE design_id = {literal(design_id)}"
                ((its_project, its_origin),) = session.tuples(now)
                project_id, origin = project_id or its_project, origin or its_origin
            append(session, BY_NAME["designs"], _described(design_id, title, kind, project_id, origin))
            if revision_id not in known:
                _add(session, design_id, there, parent_id, document, digest, author=author, note=note)
            return revision_id

    def branch(self, design_id: str, new_id: str, *, author: str, note: str, revision_id: str | None = None,
               document: dict | None = None, title: str | None = None, kind: str | None = None,
               project_id: str | None = None) -> str:  # fmt: skip
        """Begin a design of one's own, `new_id`, from the current or the named revision of another; gives the first
        revision, whose parent is that one. `document`, `title` and `kind` are those of the parent unless given.

        Said again it adds nothing. Raises InputError: nothing to branch from, a design `new_id` that began otherwise,
        an unknown project.
        """
        with self._store.reading() as session:
            parent = revision_row(session, design_id, revision_id, select=DOCUMENTS)
            described = session.rows(f"SELECT title, kind FROM current_designs WHERE design_id = {literal(design_id)}")
        document = parent["document"] if document is None else document
        title, kind = title or described[0]["title"], kind or str(document.get("assembly") or described[0]["kind"])
        digest = document_sha256(document)
        with self._store.writing("branch design", f"designs:{new_id}") as session:
            there = _chain(session, new_id)
            if there and there[0]["revision_id"] != _revision_id(new_id, parent["revision_id"], digest):
                raise InputError("reuse.exists", got=new_id)
            if there:
                return there[0]["revision_id"]
            append(session, BY_NAME["designs"], _described(new_id, title, kind, project_id, None))
            session.seen.setdefault("design_revisions", set()).add(parent["revision_id"])
            return _add(session, new_id, [], parent["revision_id"], document, digest, author=author, note=note)

    # reading

    def list(self) -> list[dict]:
        """design_id, title, kind, project_id, origin (own, reference, example), branched_from (a design or None) and
        the current revision of every design.
        """
        with self._store.reading() as session:
            return session.rows(
                "SELECT design_id, title, kind, project_id, coalesce(origin, 'own') AS origin, b.branched_from, "
                "r.revision_id, r.number, r.author, r.note, r.recorded_at AS revised_at FROM current_designs "
                f"JOIN ({design_features.NEWEST}) AS r USING (design_id) LEFT JOIN ({_BRANCHES}) AS b "
                "USING (design_id) ORDER BY design_id"
            )

    def document(self, design_id: str, revision_id: str | None = None) -> dict:
        """The document of the current or the named revision. Raises InputError when there is none."""
        with self._store.reading() as session:
            return revision_row(session, design_id, revision_id, select=DOCUMENTS)["document"]

    def revisions(self, design_id: str) -> list[dict]:
        """Every revision without its document, oldest first. Raises InputError for an unknown design."""
        with self._store.reading() as session:
            rows = session.rows(f"{REVISIONS} WHERE design_id = {literal(design_id)} ORDER BY number")
            if not rows:
                raise no_revision(session, design_id, None)
        return rows

    def history(self, design_id: str, revision_id: str | None = None) -> list[dict]:
        """The revisions that led to the current or the named one, oldest first, through all branches: as `revisions`,
        each with its own design_id. Raises InputError for an unknown design or revision.
        """
        with self._store.reading() as session:
            found = [revision_row(session, design_id, revision_id)]
            while (parent := found[-1]["parent_id"]) is not None:
                found += session.rows(f"{REVISIONS} WHERE revision_id = {literal(parent)}")
        return found[::-1]

    def branches(self, design_id: str) -> list[dict]:
        """Designs that began from a revision of this one: design_id, title, revision_id of the parent, number."""
        with self._store.reading() as session:
            return session.rows(f"SELECT b.design_id, d.title, b.revision_id, b.number FROM ({_BRANCHES}) AS b "
                                f"JOIN current_designs AS d USING (design_id) WHERE b.branched_from = "
                                f"{literal(design_id)} ORDER BY b.design_id")  # fmt: skip

    def compare(self, a: str, b: str, *, a_revision: str | None = None,
                b_revision: str | None = None) -> tuple[Change, ...]:  # fmt: skip
        """What changed from design `a` to design `b` (each its current or the named revision; `a` may be `b`).

        Raises InputError for what is not there, or is no design.
        """
        from workbench.stack import diff, read

        return diff(read(self.document(a, a_revision)), read(self.document(b, b_revision)))

    # finding

    def search(self, words: str = "", *, facets: Mapping[str, str | Sequence[str]] | None = None,
               ranges: Mapping[str, Sequence[float | None]] | None = None, limit: int = 50,
               offset: int = 0) -> SearchResult:  # fmt: skip
        """Designs by words and facets, best first (newest first without words), with the counts of all facets.

        `facets` by name (`design_facets.FACETS`): a value, or several as alternatives; classes of figures are named
        ``3..10``. `ranges` by figure (`design_facets.RANGES`): low and high, either may be None. Raises InputError for
        an unknown facet, class or figure, or too many words.
        """
        from workbench.store import design_search

        return design_search.search(self._store, words, facets or {}, ranges or {}, limit=limit, offset=offset)

    def similar(self, to: str | Design, revision_id: str | None = None, *, limit: int = 10,
                weights: Mapping[str, float] | None = None,
                origin: str | None = None) -> tuple[Match, ...]:  # fmt: skip
        """Designs that resemble a stored one (by id) or one not saved yet, best first, each with its reasons.

        `weights` as of `stack.similarity.compare`; `origin` keeps to own, reference or example designs.
        """
        from workbench.store import design_search

        return design_search.similar(self._store, to, revision_id, limit=limit, weights=weights, origin=origin)

    def dies(self, words: str = "", *, role: str | None = None, node_nm: float | None = None,
             limit: int = 500) -> list[dict[str, Any]]:  # fmt: skip
        """Die types of all current revisions to pick from: die_id, name, role, width_mm, length_mm, thickness_um,
        node_nm, power_w (None: not given), placed, bump_count, has_tsv, source, unverified, and where they are:
        design_id, design_title, revision_id, origin, also_in (further designs with the same die).
        """
        from workbench.store import design_search

        return design_search.dies(self._store, words, role=role, node_nm=node_nm, limit=limit)

    def die(self, design_id: str, die_id: str, revision_id: str | None = None) -> dict[str, Any]:
        """The document of one die type, as it stands in ``dies`` of a design. Raises InputError when it is not there,
        or the document is no design.
        """
        from workbench.store import design_search

        return design_search.die(self._store, design_id, die_id, revision_id)

    # from request to release

    def record_request(self, *, project_id: str | None = None, design_id: str | None = None, actor: str,
                       requested_at: datetime | str | None = None, note: str | None = None) -> str:  # fmt: skip
        """Record that a project or a single design was requested (now, or at `requested_at`). Gives the milestone."""
        return milestones.record_request(self._store, project_id=project_id, design_id=design_id, actor=actor,
                                         requested_at=requested_at, note=note)  # fmt: skip

    def record_check(self, design_id: str, revision_id: str | None = None, *, verdict: str, deck: str = "",
                     actor: str, checked_at: datetime | str | None = None) -> str:  # fmt: skip
        """Record a check of the current or the named revision; the same outcome said again adds nothing.

        `verdict` PASS, MARGINAL or FAIL; `deck` names the rule decks and versions. Raises InputError for another
        verdict or an unknown design or revision.
        """
        return milestones.record_check(self._store, design_id, revision_id, verdict=verdict, deck=deck, actor=actor,
                                       checked_at=checked_at)  # fmt: skip

    def release(self, design_id: str, revision_id: str | None = None, *, released_by: str, note: str = "",
                document: Mapping | None = None, run_id: str | None = None,
                released_at: datetime | str | None = None) -> str:  # fmt: skip
        """Release the current or the named revision; gives the release. A revision released before stays as it was.

        `document` is kept with it; `run_id` names the report it rests on. Raises InputError for an unknown design,
        revision or run.
        """
        return milestones.release(self._store, design_id, revision_id, released_by=released_by, note=note,
                                  document=document, run_id=run_id, released_at=released_at)  # fmt: skip

    def milestones(self, design_id: str) -> list[dict[str, Any]]:
        """Everything dated of a design, oldest first: requested, saved (each revision), checked, released; at, actor,
        revision_id, verdict, deck, note. Raises InputError for an unknown design.
        """
        return milestones.milestones(self._store, design_id)

    def lead_times(self, *, by: str = "project", now: datetime | None = None) -> LeadTimes:
        """Days from request to first save, check and release per ``project`` or ``design``, with medians, interval and
        trend. What the workbench brought does not count.
        """
        return milestones.lead_times(self._store, by=by, now=now)


# First revisions whose parent is of another design.
_BRANCHES = (
    "SELECT first.design_id, parent.design_id AS branched_from, parent.revision_id, parent.number "
    "FROM design_revisions AS first JOIN design_revisions AS parent ON parent.revision_id = first.parent_id "
    "WHERE first.number = 1"
)


def _chain(session: Session, design_id: str) -> list[dict]:
    there = session.rows("SELECT revision_id, parent_id, number, document_sha256 FROM design_revisions "
                         f"WHERE design_id = {literal(design_id)} ORDER BY number")  # fmt: skip
    session.seen.setdefault("design_revisions", set()).update(row["revision_id"] for row in there)
    return there


def _revision_id(design_id: str, parent_id: str | None, digest: str) -> str:
    return sha256(canonical([design_id, parent_id, digest]))[:32]


def _described(design_id: str, title: str, kind: str, project_id: str | None, origin: str | None) -> list[dict]:
    return [{"design_id": design_id, "title": title, "kind": kind, "project_id": project_id, "origin": origin}]


def _add(session: Session, design_id: str, there: list[dict], parent_id: str | None, document: dict, digest: str, *,
         author: str, note: str) -> str:  # fmt: skip
    """A revision that is not there yet, with its features; its id. `digest` is the hash of the document."""
    revision_id = _revision_id(design_id, parent_id, digest)
    append(session, BY_NAME["design_revisions"], [{
        "revision_id": revision_id, "design_id": design_id, "parent_id": parent_id, "number": len(there) + 1,
        "schema_version": str(document.get("schema_version", 1)), "document": document,
        "document_sha256": digest, "author": author, "note": note,
    }], absent=True)  # fmt: skip
    design_features.write(session, revision_id, design_features.made(design_id, document, note))
    return revision_id
