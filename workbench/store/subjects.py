"""What a notebook can be about, and the fingerprint that tells whether its data changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.store.store import Store


@dataclass(frozen=True)
class Subject:
    """One thing to report on. `fingerprint` is the hash of its own data: other subjects' writes leave it alone."""

    kind: str
    subject_id: str
    title: str
    fingerprint: str


# Each part is a SELECT of (id, hash): together they are everything a report on that subject reads.
_LOT_PARTS = (
    "SELECT lot_id AS id, sha256 AS part FROM current_lots",
    "SELECT lot_id, sha256 FROM current_process_steps",
    "SELECT lot_id, sha256 FROM current_specifications",
    "SELECT lot_id, sha256 FROM current_carriers",
    "SELECT lot_id, sha256 FROM measurement_batches",
)
_ALL_OF_A_LOT = (
    *_LOT_PARTS,
    "SELECT lot_id, sha256 FROM row_batches",
    "SELECT lot_id, sha256 FROM imports",
    "SELECT lot_id, sha256 FROM lot_events",
    "SELECT lot_id, sha256 FROM current_bins",
    "SELECT subject_id, sha256 FROM control_limits WHERE subject_kind = 'lot'",
)
# The least and the greatest name tell one parameter from several in one pass without counting them.
_PARAMETERS = (
    "SELECT lot_id FROM measurement_batches JOIN (SELECT batch_id, min(parameter) AS low, max(parameter) AS high "
    "FROM measurements GROUP BY batch_id) USING (batch_id) GROUP BY lot_id HAVING min(low) "
)
_KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "design": (
        (
            "SELECT design_id AS id, sha256 AS part FROM current_designs",
            "SELECT design_id, sha256 FROM design_revisions",
        ),
        "SELECT design_id AS id, title FROM current_designs",
    ),
    "project": (  # what lead times are made of: requests, checks and releases of its designs
        (
            "SELECT project_id AS id, sha256 AS part FROM current_projects",
            "SELECT project_id, sha256 FROM design_milestones WHERE project_id IS NOT NULL",
            "SELECT d.project_id, m.sha256 FROM design_milestones AS m JOIN current_designs AS d USING (design_id)",
            "SELECT d.project_id, r.sha256 FROM releases AS r JOIN current_designs AS d ON r.subject_kind = 'design' "
            "AND d.design_id = r.subject_id",
        ),
        "SELECT project_id AS id, name AS title FROM current_projects",
    ),
    "experiment": (
        _LOT_PARTS,
        "SELECT lot_id AS id, title FROM current_lots WHERE lot_id IN "
        "(SELECT lot_id FROM current_process_steps WHERE CAST(settings AS VARCHAR) <> '{}')",
    ),
    "monitor": (
        _LOT_PARTS,
        "SELECT lot_id AS id, title FROM current_lots WHERE lot_id IN "
        f"({_PARAMETERS} = max(high)) AND lot_id NOT IN "
        "(SELECT lot_id FROM current_process_steps WHERE CAST(settings AS VARCHAR) <> '{}')",
    ),
    "lot": (  # what has units or several parameters
        _ALL_OF_A_LOT,
        "SELECT lot_id AS id, title FROM current_lots WHERE lot_id IN (SELECT lot_id FROM row_batches WHERE "
        f"of_table = 'parts' UNION ALL SELECT to_lot FROM unit_moves) OR lot_id IN ({_PARAMETERS} <> max(high))",
    ),
    "system": (
        (
            "SELECT system_id AS id, sha256 AS part FROM current_benchmark_systems",
            "SELECT system_id, sha256 FROM current_benchmark_runs",
            "SELECT system_id, r.sha256 FROM current_benchmark_results AS r JOIN current_benchmark_runs USING (run_id)",
        ),
        "SELECT system_id AS id, title FROM current_benchmark_systems",
    ),
}


def subjects(store: Store, kind: str) -> list[Subject]:
    """Subjects of `kind` by id. Raises InputError for an unknown kind."""
    if kind not in _KINDS:
        raise InputError("store.kind", got=kind, allowed=", ".join(_KINDS))
    parts, listed = _KINDS[kind]
    sql = (
        f"SELECT s.id, s.title, sha256(string_agg(p.part, '' ORDER BY p.part)) FROM ({listed}) AS s "
        f"JOIN ({' UNION ALL '.join(parts)}) AS p ON p.id = s.id GROUP BY s.id, s.title ORDER BY s.id"
    )
    with store.reading() as session:
        return [Subject(kind, *row) for row in session.tuples(sql)]
