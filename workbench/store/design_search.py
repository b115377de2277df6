"""Designs found again: by words, by facets, by resemblance; and the dies they are made of.

Words are compared as `stack.features.tokens` writes them. A word finds all that begin with it; ``"words in quotes"``,
parts of one word (``v-cache``) and runs of Chinese characters are found in a row; ``-word`` leaves out; all must be
met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.store import design_facets as facets
from workbench.store import design_features as kept
from workbench.store.literals import text
from workbench.store.milestones import VERDICTS
from workbench.store.session import Session
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.stack import Design
    from workbench.stack.similarity import Resemblance
    from workbench.store.store import Store

_MOST_WORDS = 12
# BM25F (Robertson and Zaragoza 2009, Found. Trends Inf. Retr. 3, 333): a word in the title says more than in a note.
_FIELDS = {"title_words": 6.0, "name_words": 2.0, "note_words": 1.0}
_K1, _B = 1.2, 0.75

# The latest verdict on a design, by a notebook or by a check.
_VERDICTS = (
    "SELECT design_id, arg_max(verdict, moment) AS verdict FROM ("
    "SELECT subject_id AS design_id, verdict, started_at AS moment FROM notebook_runs "
    f"WHERE subject_kind = 'design' AND verdict IN ({', '.join(map(text, VERDICTS))}) UNION ALL "
    "SELECT design_id, verdict, occurred_at FROM design_milestones WHERE milestone = 'checked') GROUP BY design_id"
)


@dataclass(frozen=True)
class SearchResult:
    """One page of what was found, best first. `facets` counts what each further choice would leave; a facet's own
    choice is not applied to its own counts. `unverified_count` figures of all designs found, on this page or not, rest
    on no source that was read. `not_indexed` designs could not be looked into (a store one may only read).
    """

    total: int
    unverified_count: int
    hits: tuple[dict[str, Any], ...]
    facets: dict[str, tuple[facets.FacetCount, ...]]
    not_indexed: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Match:
    """A design that resembles, and why."""

    design_id: str
    title: str
    revision_id: str
    number: int
    origin: str
    resemblance: Resemblance

    def as_dict(self, lang: str | None = None) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in ("design_id", "title", "revision_id", "number", "origin")}
        return plain | self.resemblance.as_dict(lang)


def search(store: Store, words: str, chosen: Mapping[str, str | Sequence[str]], ranges: Mapping[str, Sequence],
           *, limit: int, offset: int) -> SearchResult:  # fmt: skip
    needles, without = _needles(words)
    tests, bounds = facets.tests(chosen), facets.bounds(ranges)
    not_indexed = 0
    for again in (False, True):
        with store.reading() as session:
            absent = kept.missing(session)
            if not absent or again:
                return _searched(session, needles, without, tests, bounds, limit, offset, not_indexed)
        not_indexed = kept.make_up(store, absent)
    raise AssertionError("the second look always answers")


def _searched(session: Session, needles: list[str], without: list[str], tests: Mapping[str, str], bounds: list[str],
              limit: int, offset: int, not_indexed: int) -> SearchResult:  # fmt: skip
    """One pass over the words of all current designs counts the needles; the rest works on those numbers."""
    often = [f"{_times(field, needle)} AS often_{i}_{field}" for i, needle in enumerate(needles) for field in _FIELDS]
    lengths = [f"length({field}) AS length_{field}" for field in _FIELDS] if needles else []
    unwanted = [f"contains({field}, {text(needle)})" for needle in without for field in _FIELDS]
    left_out = f"{' OR '.join(unwanted) or 'false'} AS left_out"
    # Counted where the words lie, before any join: strings that go through a join are copied.
    of_words = ", ".join([*often, *lengths, left_out])
    columns = ", ".join(name for name in _SHOWN if name not in ("origin", "verdict"))
    session.run(
        f"CREATE TEMP TABLE looked AS SELECT {columns}, COLUMNS('^(often_|length_|left_out).*'), "
        f"coalesce(origin, 'own') AS origin, coalesce(verdict, '') AS verdict FROM ({_looked_at(session, of_words)})"
    )
    has = [f"({' + '.join(f'often_{i}_{field}' for field in _FIELDS)} > 0)" for i in range(len(needles))]
    where = " AND ".join(["NOT left_out", *has, *bounds])
    passes = "".join(f", {test} AS ok_{name}" for name, test in tests.items())
    rank = _rank(session, has)
    session.run(f"CREATE TEMP VIEW found AS SELECT *{passes}, {rank} AS score FROM looked WHERE {where}")
    all_pass = " AND ".join(f"ok_{name}" for name in tests) or "true"
    ((total, unverified),) = session.tuples(
        f"SELECT count(*), coalesce(sum(unverified_count), 0)::BIGINT FROM found WHERE {all_pass}"
    )
    shown = ", ".join([*_SHOWN, "score"])
    order = "score DESC, revised_at DESC" if needles else "revised_at DESC"
    rows = session.rows(f"SELECT {shown} FROM found WHERE {all_pass} ORDER BY {order}, design_id "
                        f"LIMIT {int(limit)} OFFSET {int(offset)}")  # fmt: skip
    return SearchResult(total, unverified, tuple(map(_plain, rows)), facets.counts(session, tests), not_indexed)


def _times(field: str, needle: str) -> str:
    """How often a needle occurs; taking a text apart is ten times the work of seeing that it does not."""
    words = text(needle)
    return f"CASE WHEN contains({field}, {words}) THEN len(string_split({field}, {words})) - 1 ELSE 0 END"


_SHOWN = (
    "design_id", "title", "kind", "project_id", "revision_id", "number", "author", "note", "revised_at", "origin",
    "verdict", "assembly", "carrier", "nodes", "roles", "methods", "finest_pitch_um", "silicon_area_mm2",
    "footprint_mm2", "power_w", "power_density_w_per_mm2", "die_count", "tier_count", "unverified_count",
)  # fmt: skip


_KEPT = {column.name for column in BY_NAME["design_features"].columns}


def _looked_at(session: Session, *more: str) -> str:
    """SELECT of the current revision of every design with its features, and `more` columns made of those."""
    of_features = ", ".join(["revision_id", "readable", *(name for name in _SHOWN if name in _KEPT), *more])
    return (
        "SELECT d.title, d.kind, d.project_id, d.origin, n.design_id, n.number, n.author, n.note, "
        "n.recorded_at AS revised_at, v.verdict, f.* FROM current_designs AS d "
        f"JOIN ({kept.NEWEST}) AS n ON n.design_id = d.design_id "
        f"JOIN (SELECT {of_features} FROM {kept.live(session)} WHERE features_version = {kept.version()}) AS f "
        "ON f.revision_id = n.revision_id "
        f"LEFT JOIN ({_VERDICTS}) AS v ON v.design_id = d.design_id"
    )


def _rank(session: Session, has: list[str]) -> str:
    """The score as SQL. How rare a word is and how long texts are is asked over all current designs first."""
    if not has:
        return "0.0"
    asked = ["count(*)", *(f"greatest(avg(length_{field}), 1)" for field in _FIELDS),
             *(f"count(*) FILTER (WHERE {test})" for test in has)]  # fmt: skip
    ((count, *said),) = session.tuples(f"SELECT {', '.join(asked)} FROM looked")
    lengths, frequencies = said[: len(_FIELDS)], said[len(_FIELDS) :]
    terms = []
    for i, frequency in enumerate(frequencies):
        rarity = f"ln(1 + ({count - frequency} + 0.5) / ({frequency} + 0.5))"
        often = " + ".join(
            f"{weight} * often_{i}_{field} / ({1 - _B} + {_B} * length_{field} / {float(length or 1)!r})"
            for (field, weight), length in zip(_FIELDS.items(), lengths, strict=True)
        )
        terms.append(f"{rarity} * ({often}) / ({_K1} + {often})")
    return " + ".join(terms)


def _needles(words: str) -> tuple[list[str], list[str]]:
    """What must and must not occur, as it stands in the kept words: a prefix of a word, or words in a row.

    Raises InputError for more words than anyone types.
    """
    from workbench.stack.features import tokens

    found: list[str] = []
    without: list[str] = []
    for minus, phrase, plain in re.findall(r'(?:(?<=\s)|^)(-?)(?:"([^"]*)"|(\S+))', words):
        said = tokens(phrase or plain)
        # What is typed without a space stays together (v-cache); Chinese beside Latin letters are two words.
        rows = [said] if phrase else _runs(said)
        for row in rows:
            needle = f" {' '.join(row)}" + (" " if phrase else "")
            (without if minus else found).append(needle)
    found, without = list(dict.fromkeys(n for n in found if n.strip())), [n for n in without if n.strip()]
    if len(found) + len(without) > _MOST_WORDS:
        raise InputError("reuse.words", got=len(found) + len(without), allowed=f"<= {_MOST_WORDS}")
    return found, without


def _runs(words: Iterable[str]) -> list[list[str]]:
    rows: list[list[str]] = []
    script = None
    for word in words:
        here = "\u3400" <= word <= "\ufaff"
        if here is script:
            rows[-1].append(word)
        else:
            rows.append([word])
        script = here
    return rows


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A hit with its lists as lists and no verdict as None."""
    lists = {name: [word for word in row[name].split("|") if word] for name in ("nodes", "roles", "methods")}
    nodes = lists.pop("nodes")
    return {name: value for name, value in row.items() if name != "nodes"} | lists | {
        "nodes_nm": [float(node) for node in nodes], "verdict": row["verdict"] or None,
    }  # fmt: skip


# by resemblance


def similar(store: Store, to: str | Design, revision_id: str | None, *, limit: int,
            weights: Mapping[str, float] | None, origin: str | None) -> tuple[Match, ...]:  # fmt: skip
    from workbench.stack import read
    from workbench.stack.features import Features, features
    from workbench.stack.similarity import WEIGHTS, compare

    if origin is not None and origin not in facets.ORIGINS:
        raise InputError("reuse.facet_value", where="origin", got=origin, allowed=", ".join(facets.ORIGINS))
    mine = features(read(store.designs.document(to, revision_id)) if isinstance(to, str) else to)
    weights = WEIGHTS if weights is None else weights
    compare(mine, mine, weights=weights)  # refuses weights that say nothing, also where there is nothing to compare
    found = []
    for row in _with_features(store, "features"):
        if row["design_id"] == to or (origin and row["origin"] != origin):
            continue
        said = compare(mine, Features.from_document(row["features"]), weights=weights)
        found.append(Match(row["design_id"], row["title"], row["revision_id"], row["number"], row["origin"], said))
    found.sort(key=lambda match: (-match.resemblance.total, -match.resemblance.compared, match.design_id))
    return tuple(found[:limit])


def _with_features(store: Store, column: str) -> list[dict[str, Any]]:
    """Current revisions that are designs, with one of the documents kept of them: ``features`` or ``dies``."""
    for again in (False, True):
        with store.reading() as session:
            absent = kept.missing(session)
            if not absent or again:
                return session.rows(
                    "SELECT design_id, title, revision_id, number, coalesce(origin, 'own') AS origin, "
                    f"{column} FROM ({_looked_at(session, column)}) WHERE readable ORDER BY design_id"
                )
        kept.make_up(store, absent)
    raise AssertionError("the second look always answers")


# the dies


def dies(store: Store, words: str, *, role: str | None, node_nm: float | None, limit: int) -> list[dict[str, Any]]:
    """Die types of the current revisions; the same die in several designs once, with all of them."""
    from workbench.stack.features import spaced

    needles, without = _needles(words)
    found: dict[tuple, dict[str, Any]] = {}
    for row in _with_features(store, "dies"):
        for die in row["dies"]:
            if (role is not None and die["role"] != role) or (node_nm is not None and die["node_nm"] != node_nm):
                continue
            node = f"{die['node_nm']:g} nm {die['node_nm']:g}nm" if die["node_nm"] else ""
            said = spaced([die["id"], die["name"], row["title"], row["design_id"], die["role"], die["source"], node])
            if not all(needle in said for needle in needles) or any(needle in said for needle in without):
                continue
            same = tuple(str(die[name]) for name in die if name not in ("placed", "source", "unverified"))
            if same in found:
                found[same]["also_in"].append(row["design_id"])
                continue
            where = {name: row[name] for name in ("design_id", "revision_id", "origin")}
            found[same] = where | {"design_title": row["title"], "die_id": die["id"], "also_in": []} | {
                name: value for name, value in die.items() if name != "id"
            }  # fmt: skip
    return list(found.values())[:limit]


def die(store: Store, design_id: str, die_id: str, revision_id: str | None) -> dict[str, Any]:
    from workbench.stack import read, to_document

    document = to_document(read(store.designs.document(design_id, revision_id)))
    for one in document["dies"]:
        if one["id"] == die_id:
            return one
    raise InputError("store.not_there", where=f"{design_id} / dies", got=die_id,
                     allowed=", ".join(one["id"] for one in document["dies"]))  # fmt: skip
