"""What was made of what: from the die on its source wafer to the module, and back, over any number of steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store import row_batches
from workbench.store.literals import literal
from workbench.store.session import Session
from workbench.store.units import is_unit, unit_key, unit_keys

if TYPE_CHECKING:
    import pandas

    from workbench.store.store import Store

EDGE_COLUMNS = ("parent_id", "child_id", "relation")
PLACEMENT_COLUMNS = ("unit_id", "carrier", "part", "origin_x_um", "origin_y_um", "origin_angle_deg", "x_um", "y_um",
                     "angle_deg")  # fmt: skip


@dataclass(frozen=True)
class Edge:
    """`child_id` was made of `parent_id`, `depth` steps from the unit that was asked for (1 is next to it)."""

    parent_id: str
    child_id: str
    relation: str
    depth: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Relatives:
    """A unit's family: `ancestors` and `descendants` by name, the nearest first, with the edges that lead there."""

    unit_id: str
    ancestors: tuple[str, ...]
    descendants: tuple[str, ...]
    up: tuple[Edge, ...]
    down: tuple[Edge, ...]


@dataclass(frozen=True)
class AsBuilt:
    """Where a part lies on its carrier, beside where the design has it.

    `x_um, y_um, angle_deg` are measured in the frame of the carrier. The designed place is that of `part` in the
    design `revision_id`, whose body centre lies at the origin of the placement, turned by its angle. Differences are
    built minus designed, the angle in (-180, 180]. None where no design, or no part of it, is named.
    """

    unit_id: str
    carrier: str
    x_um: float
    y_um: float
    angle_deg: float
    revision_id: str | None = None
    part: str | None = None
    designed_x_um: float | None = None
    designed_y_um: float | None = None
    designed_angle_deg: float | None = None
    dx_um: float | None = None
    dy_um: float | None = None
    dangle_deg: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Genealogy:
    """Edges between units, and where units were placed."""

    def __init__(self, store: Store):
        self._store = store

    def add(self, lot_id: str, frame: pandas.DataFrame, *, source: str) -> int:
        """Add edges (`parent_id`, `child_id`, `relation`), any number; how many were new. `lot_id` is the lot in which
        the children are made. The same frame again adds nothing. Units need not be known before: a source wafer may
        never have been tested here.

        Raises InputError: a frame it refuses, a unit made of itself, an unknown lot.
        """
        ready = edge_batches(lot_id, frame, source=source)
        keys = [f"row_batches:{batch.batch_id}" for batch in ready]
        if not ready:
            return 0
        with self._store.writing("add genealogy", *keys, bulk=True) as session:  # both ends of an edge or none
            return sum(row_batches.write(session, batch) for batch in ready) // 2

    def relatives(self, name: str) -> Relatives:
        """Everything a unit was made of and everything that was made of it, in one query."""
        with self._store.reading() as session:
            return relatives(session, name)

    def of_lot(self, lot_id: str) -> pandas.DataFrame:
        """Edges to the units that were made in a lot: `EDGE_COLUMNS`, none for a lot that is not there."""
        with self._store.reading() as session:
            return session.frame(
                "SELECT DISTINCT unit_id AS parent_id, relative_id AS child_id, relation FROM genealogy_edges WHERE "
                f"NOT up AND {row_batches.among(session, 'genealogy_edges', lot_id)} ORDER BY ALL"
            )

    def ancestors(self, name: str) -> tuple[str, ...]:
        """What a unit was made of, the nearest first."""
        return self.relatives(name).ancestors

    def descendants(self, name: str) -> tuple[str, ...]:
        """What was made of a unit, the nearest first."""
        return self.relatives(name).descendants

    def add_placements(self, lot_id: str, frame: pandas.DataFrame, *, source: str,
                       revision_id: str | None = None) -> int:  # fmt: skip
        """Add measured places (`PLACEMENT_COLUMNS`; um and degrees in the frame of the carrier); how many were new.
        With `revision_id`, `part` names a placement of that design, or one of its layers, and the origin is where the
        centre of the design's body lies on the carrier.

        A unit measured again lies where the later placement says; both stay. Raises InputError for a frame it refuses,
        an unknown lot or revision.
        """
        strange = [str(name) for name in frame.columns if name not in PLACEMENT_COLUMNS]
        if strange or not {"unit_id", "carrier", "x_um", "y_um", "angle_deg"} <= set(frame.columns):
            raise InputError("store.columns", got=", ".join(map(str, frame.columns)),
                             allowed=", ".join(PLACEMENT_COLUMNS))  # fmt: skip
        names = frame["unit_id"].tolist()
        columns = {name: frame[name] for name in frame.columns}
        columns |= {"unit_id": names, "unit_key": unit_keys(names), "revision_id": [revision_id] * len(names)}
        ready = row_batches.batches("placements", lot_id, columns, source=source, order="unit_key")
        added = 0
        with self._store.writing("add placements", f"lots:{lot_id}", bulk=True) as session:
            if revision_id is not None and session.value(
                f"SELECT 1 FROM design_revisions WHERE revision_id = {literal(revision_id)}"
            ) is None:  # fmt: skip
                raise InputError("store.no_such", where="placements.revision_id", got=revision_id,
                                 table="design_revisions")  # fmt: skip
            for batch in ready:
                added += row_batches.write(session, batch)
        return added

    def family_of_lot(self, lot_id: str) -> pandas.DataFrame:
        """Edges of a lot and of everything its units were made of: parent_id, child_id, relation."""
        with self._store.reading() as session:
            return session.frame(
                "WITH RECURSIVE made(parent_key, parent_id, child_id, relation) AS ("
                "SELECT relative_key, relative_id, unit_id, relation FROM genealogy_edges WHERE up AND "
                f"{row_batches.among(session, 'genealogy_edges', lot_id)} UNION "
                "SELECT e.relative_key, e.relative_id, e.unit_id, e.relation FROM made AS m JOIN genealogy_edges AS e "
                "ON e.unit_key = m.parent_key AND e.unit_id = m.parent_id AND e.up) "
                "SELECT parent_id, child_id, relation FROM made ORDER BY ALL"
            )

    def placements(self, lot_id: str) -> pandas.DataFrame:
        """Every placement measured in a lot: `PLACEMENT_COLUMNS`, revision_id and design_id, a unit's last one last."""
        with self._store.reading() as session:
            names = ", ".join(f"p.{name}" for name in (*PLACEMENT_COLUMNS, "revision_id"))
            return session.frame(
                f"SELECT {names}, r.design_id FROM placements AS p JOIN row_batches AS b USING (batch_id) LEFT JOIN "
                "(SELECT revision_id, design_id FROM design_revisions) AS r ON r.revision_id = p.revision_id "
                f"WHERE b.lot_id = {literal(lot_id)} ORDER BY p.unit_id, b.recorded_at, p.ordinal"
            )

    def as_built(self, name: str) -> AsBuilt | None:
        """Where a unit was put, beside where the design has it; None where no placement was measured.

        Raises InputError when the design has no part of the placement's name.
        """
        with self._store.reading() as session:
            return as_built(session, name)


def edge_batches(lot_id: str, frame: pandas.DataFrame, *, source: str, **more: Any) -> list[row_batches.RowBatch]:
    """Rows of `genealogy_edges` ready to be written (see `Genealogy.add`), two for an edge."""
    import numpy

    if sorted(map(str, frame.columns)) != sorted(EDGE_COLUMNS):
        raise InputError("store.columns", got=", ".join(map(str, frame.columns)), allowed=", ".join(EDGE_COLUMNS))
    parents, children = frame["parent_id"].tolist(), frame["child_id"].tolist()
    itself = next((parent for parent, child in zip(parents, children, strict=True) if parent == child), None)
    if itself is not None:
        raise InputError("lots.own_parent", where="parent_id", got=itself)
    if not parents:
        return []
    down, up = unit_keys(parents), unit_keys(children)
    columns = {"unit_id": parents + children, "relative_id": children + parents,
               "relation": [*frame["relation"], *frame["relation"]],
               "unit_key": numpy.concatenate([down, up]), "relative_key": numpy.concatenate([up, down]),
               "up": numpy.repeat([False, True], len(parents))}  # fmt: skip
    return row_batches.batches("genealogy_edges", lot_id, columns, source=source, order="unit_key", **more)


def relatives(session: Session, name: str) -> Relatives:
    """Both directions in one recursion with one join: a step of it costs a scan, however few rows it finds. Keys are
    compared first, by which nearly all rows are skipped, then names.
    """
    start = f"{unit_key(name)}, {literal(name)}, CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR)"
    rows = session.tuples(
        "WITH RECURSIVE family(up, unit_key, unit_id, near_id, relation) AS ("
        f"SELECT TRUE, {start} UNION ALL SELECT FALSE, {start} UNION "
        "SELECT e.up, e.relative_key, e.relative_id, e.unit_id, e.relation FROM family AS f JOIN genealogy_edges AS e "
        "ON e.unit_key = f.unit_key AND e.unit_id = f.unit_id AND e.up = f.up) "
        "SELECT up, near_id, unit_id, relation FROM family WHERE near_id IS NOT NULL"
    )
    up, ancestors = _by_depth(name, [row[1:] for row in rows if row[0]])
    down, descendants = _by_depth(name, [row[1:] for row in rows if not row[0]])
    return Relatives(
        name, ancestors, descendants,
        tuple(Edge(far, near, relation, depth) for near, far, relation, depth in up),
        tuple(Edge(near, far, relation, depth) for near, far, relation, depth in down),
    )  # fmt: skip


def _by_depth(start: str, edges: list[tuple]) -> tuple[list[tuple], tuple[str, ...]]:
    """Edges as (near, far, relation, depth) in order of their distance from `start`, and the units they lead to. A
    unit that is reached on several ways stands where it is nearest; one that is its own ancestor ends the walk.
    """
    at: dict[str, list[tuple]] = {}
    for near, far, relation in sorted(set(edges)):
        at.setdefault(near, []).append((far, relation))
    there, order, ways, depth = {start}, [], [], 1
    front = [start]
    while front:
        following = []
        for near in front:
            for far, relation in at.get(near, ()):
                ways.append((near, far, relation, depth))
                if far not in there:
                    there.add(far)
                    following.append(far)
        order += following
        front, depth = following, depth + 1
    return ways, tuple(order)


def as_built(session: Session, name: str) -> AsBuilt | None:
    """The last placement of a unit beside its design."""
    rows = session.rows(
        "SELECT p.unit_id, p.carrier, p.x_um, p.y_um, p.angle_deg, p.revision_id, p.part, p.origin_x_um, "
        "p.origin_y_um, p.origin_angle_deg FROM placements AS p JOIN row_batches AS b USING (batch_id) "
        f"WHERE {is_unit(name)} ORDER BY b.recorded_at DESC, p.ordinal DESC LIMIT 1"
    )
    if not rows:
        return None
    row = rows[0]
    built = {key: row[key] for key in ("unit_id", "carrier", "x_um", "y_um", "angle_deg", "revision_id", "part")}
    if row["revision_id"] is None or row["part"] is None:
        return AsBuilt(**built)
    found = session.rows(f"SELECT document FROM design_revisions WHERE revision_id = {literal(row['revision_id'])}")
    x_um, y_um, angle_deg = designed_place(
        found[0]["document"], row["part"],
        origin=tuple(row[f"origin_{axis}"] or 0.0 for axis in ("x_um", "y_um", "angle_deg")),
    )  # fmt: skip
    return AsBuilt(**built, designed_x_um=x_um, designed_y_um=y_um, designed_angle_deg=angle_deg,
                   dx_um=row["x_um"] - x_um, dy_um=row["y_um"] - y_um,
                   dangle_deg=-((angle_deg - row["angle_deg"] + 180) % 360 - 180))  # fmt: skip


def designed_place(document: Mapping, part: str, *, origin: tuple[float, float, float]) -> tuple[float, float, float]:
    """Centre x, y (um) and angle (deg) of a placement of a design, on a carrier where the centre of the design's body
    lies at `origin` (x um, y um) and its x axis at `origin` angle (deg). Raises InputError for an unknown part.
    """
    from workbench.stack import read

    placements = {place.name: place for place in read(document).placements}
    if part not in placements:
        raise InputError("lots.part_unknown", where="part", got=part, allowed=", ".join(list(placements)[:20]))
    place, (x_um, y_um, angle_deg) = placements[part], origin
    turn = math.radians(angle_deg)
    x, y = place.x_mm * 1000, place.y_mm * 1000
    return (x_um + x * math.cos(turn) - y * math.sin(turn), y_um + x * math.sin(turn) + y * math.cos(turn),
            (angle_deg + place.angle_deg) % 360)  # fmt: skip
