"""What designs are found by, kept per revision: written with a new revision, made up for an older one when it is looked
for.

Kept rather than computed on reading: the document of a design costs about a millisecond to validate, ten thousand of
them ten seconds (tests/benchmarks/design_search.py). A row follows from its revision alone, so it can be made anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, StoreError
from workbench.store.append import append, prepare
from workbench.store.literals import literal
from workbench.store.session import Session
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.store.store import Store

_log = logging.getLogger(__name__)
_A_TRANSACTION = 200  # documents read and features written at once

# Current revision of every design.
NEWEST = ("SELECT design_id, revision_id, parent_id, number, author, note, recorded_at FROM design_revisions "
          "QUALIFY number = max(number) OVER (PARTITION BY design_id)")  # fmt: skip


def version() -> int:
    from workbench.stack.features import FEATURES_VERSION

    return FEATURES_VERSION


def live(session: Session) -> str:
    """The table of features as it is now, also for a session that reads the past: rows follow from revisions, so one
    that was made later is as good.
    """
    return f'"{session.value("SELECT current_database()")}".main.design_features'


def made(design_id: str, document: Mapping, note: str) -> dict[str, Any]:
    """The features of a revision's document and note as a row without the revision. A document that is no design has
    only its title.
    """
    from workbench.stack import read
    from workbench.stack.features import features, search_text, spaced

    row: dict[str, Any] = {"features_version": version()}
    try:
        design = read(document)
    except InputError:
        title = str(document.get("title") or "")[:200]
        return row | {"readable": False, "nodes": "|", "roles": "|", "methods": "|", "name_words": "",
                      "title_words": spaced([design_id, title]), "note_words": spaced([note])}  # fmt: skip
    found, text = features(design), search_text(design, design_id=design_id)
    document = found.as_document()
    return row | {
        "readable": True, "assembly": found.assembly, "carrier": found.carrier,
        "nodes": listed(f"{node:g}" for node in found.nodes_nm), "roles": listed(sorted(found.role_area_mm2)),
        "methods": listed(found.methods), "finest_pitch_um": found.finest_pitch_um,
        "silicon_area_mm2": found.silicon_area_mm2, "footprint_mm2": found.footprint_mm2, "power_w": found.power_w,
        "power_density_w_per_mm2": found.power_density_w_per_mm2, "die_count": found.die_count,
        "tier_count": found.tier_count, "unverified_count": found.unverified_count, "title_words": text.title,
        "name_words": text.names, "note_words": text.notes + spaced([note]),
        "dies": document.pop("dies"), "features": document,
    }  # fmt: skip


def listed(words: Iterable[str]) -> str:
    """Several words in one column: ``|7|28|``."""
    return "|" + "".join(f"{word}|" for word in words)


def write(session: Session, revision_id: str, row: Mapping) -> None:
    append(session, BY_NAME["design_features"], prepare(BY_NAME["design_features"],
                                                        [{**row, "revision_id": revision_id}]))  # fmt: skip


def missing(session: Session) -> list[str]:
    """Current revisions without features of the present version."""
    return [revision for (revision,) in session.tuples(
        f"SELECT revision_id FROM ({NEWEST}) WHERE revision_id NOT IN (SELECT revision_id FROM {live(session)} "
        f"WHERE features_version = {version()}) ORDER BY ALL")]  # fmt: skip


def make_up(store: Store, revisions: list[str]) -> int:
    """Write the features of these revisions; how many could not be kept, for want of the right to write.

    Also from a store that reads the past: what is written follows from revisions that are there anyway.
    """
    from workbench.store.store import Store

    now = Store(store.engine)
    for start in range(0, len(revisions), _A_TRANSACTION):
        some = revisions[start : start + _A_TRANSACTION]
        words = ", ".join(map(literal, some))
        with now.reading() as session:
            rows = session.rows(f"SELECT revision_id, design_id, document, note FROM design_revisions "
                                f"WHERE revision_id IN ({words})")  # fmt: skip
        ready = prepare(BY_NAME["design_features"], [
            made(row["design_id"], row["document"], row["note"]) | {"revision_id": row["revision_id"]} for row in rows
        ])  # fmt: skip
        try:
            with now.writing("index designs", "design_features") as session:
                append(session, BY_NAME["design_features"], ready)
        except StoreError as why:
            _log.warning("features of %d designs could not be kept: %s", len(revisions) - start, why)
            return len(revisions) - start
    return 0
