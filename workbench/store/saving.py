"""Saving a design as a revision, one way for every screen and command; what an id may be, and who acts."""

from __future__ import annotations

import getpass
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.stack import Design
    from workbench.store.store import Store

LONGEST_ID = 80
_PUNCTUATION = "_.-"


@dataclass(frozen=True)
class Saved:
    """A revision of a design; `added` is False where the design said the same already."""

    design_id: str
    revision_id: str
    number: int
    added: bool


def save_revision(store: Store, design_id: str, design: Design, *, author: str, note: str, based_on: str | None = None,
                  project_id: str | None = None, fresh: bool = False) -> Saved:  # fmt: skip
    """Save `design` as the next revision of `design_id`, which it makes where there is none. The current content said
    again adds nothing.

    `based_on` is the revision that was changed: a newer one is never passed over. `fresh` begins a design: the id of
    another is refused. Without `project_id` a design stays in the project it is in; a project that is not there is
    made, as requested now by the author.

    Raises InputError, and nothing is made: an id that cannot be one, another design's id, a newer revision.
    """
    from workbench.stack import to_document

    there = next((row for row in store.designs.list() if row["design_id"] == design_id), None)
    if there is None:
        valid_id(design_id)
    document = to_document(design)
    same = there is not None and store.designs.document(design_id) == document
    if there is not None and not same:
        if fresh:
            raise InputError("design.id_taken", where=design_id, got=design.title, allowed=there["title"])
        if based_on not in (None, there["revision_id"]):
            numbers = {row["revision_id"]: row["number"] for row in store.designs.revisions(design_id)}
            raise InputError("builder.overtaken", where=design_id, got=f"{there['number']} ({there['author']})",
                             allowed=numbers.get(based_on, based_on))  # fmt: skip
    if project_id and project_id not in {row["project_id"] for row in store.projects.list()}:
        store.projects.add(project_id, name=project_id)
        store.designs.record_request(project_id=project_id, actor=author)
    revision = store.designs.add_revision(
        design_id, document, title=design.title, kind=design.assembly, author=author, note=note,
        parent_id=None if same else based_on, project_id=project_id or (there["project_id"] if there else None),
    )  # fmt: skip
    number = next(row["number"] for row in store.designs.revisions(design_id) if row["revision_id"] == revision)
    return Saved(design_id, revision, number, there is None or revision != there["revision_id"])


def author() -> str:
    """Who acts: $WORKBENCH_AUTHOR, else the name of the login."""
    try:
        return os.environ.get("WORKBENCH_AUTHOR") or getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name; a system without accounts
        return "unknown"


def valid_id(design_id: str) -> str:
    """`design_id`, where it can be the id of a new design: letters of any script, digits, ``_ . -``, beginning with
    none of ``.`` and ``-``, at most `LONGEST_ID` long. An id is typed as ``id@N`` and names files.

    Raises InputError.
    """
    if not design_id or len(design_id) > LONGEST_ID or design_id[0] in ".-" or not all(map(_fits, design_id)):
        raise InputError("design.bad_id", got=repr(design_id[: LONGEST_ID + 1]), longest=LONGEST_ID)
    return design_id


def id_from(title: str) -> str:
    """An id as people write it: ``Two-die POC, v2`` becomes ``two-die-poc-v2``."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-_")[:60] or "design"


def file_stem(design_id: str) -> str:
    """A file's name for a design, without suffix: the id where it can be one, else what is left of it. Ids of designs
    stored long ago may be anything, a path included."""
    stem = "".join(letter if _fits(letter) else "-" for letter in design_id[:LONGEST_ID])
    return stem.lstrip(".-") or "design"


def _fits(letter: str) -> bool:
    return letter in _PUNCTUATION or unicodedata.category(letter)[0] in "LMN"
