"""Designs are branched, compared and found again: by words, facets and resemblance, now and as of a snapshot."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable

import pytest

from workbench import facts
from workbench.errors import InputError
from workbench.i18n import LANGUAGES
from workbench.stack import read, to_document
from workbench.stack.features import FEATURES_VERSION
from workbench.store import Store
from workbench.store.append import append, prepare
from workbench.store.check import check
from workbench.store.design_facets import FACETS, FacetCount
from workbench.store.tables import BY_NAME

NAMES = ("poc-face-to-face", "poc-face-to-back", "poc-side-by-side", "ascend-910", "simba-36")
DOCUMENTS = {name: to_document(read(facts.load(f"designs/{name}"))) for name in NAMES}
SAVED = {"author": "me", "note": ""}


def save(store: Store, design_id: str, document: dict, **more) -> str:
    said = {"title": document.get("title", design_id), "kind": document.get("assembly", "poc"), **SAVED} | more
    return store.designs.add_revision(design_id, document, **said)


def changed(name: str, change) -> dict:
    document = copy.deepcopy(DOCUMENTS[name])
    change(document)
    return document


def five_designs(store: Store) -> None:
    for name in NAMES:
        save(store, name, DOCUMENTS[name], origin="reference" if name in ("ascend-910", "simba-36") else "example")


@pytest.fixture
def filled(filled_by: Callable[[Callable], Store]) -> Store:
    return filled_by(five_designs)


def ids(result) -> list[str]:
    return [hit["design_id"] for hit in result.hits]


def test_a_branch_begins_with_a_revision_of_another_design(filled: Store):
    store = filled
    first = store.designs.revisions("poc-face-to-face")[0]["revision_id"]
    root = store.designs.branch("poc-face-to-face", "mine", author="me", note="thinner", title="My stack")
    assert store.designs.branch("poc-face-to-face", "mine", author="me", note="again", title="My stack") == root
    assert store.designs.document("mine") == DOCUMENTS["poc-face-to-face"]
    thinner = changed("poc-face-to-face", lambda d: d["layers"][6].update(thickness_um=60.0))
    second = save(store, "mine", thinner, title="My stack")
    listed = {row["design_id"]: row for row in store.designs.list()}
    assert (listed["mine"]["branched_from"], listed["mine"]["origin"], listed["mine"]["number"]) == (
        "poc-face-to-face", "own", 2)  # fmt: skip
    assert (listed["simba-36"]["branched_from"], listed["simba-36"]["origin"]) == (None, "reference")
    history = [(row["design_id"], row["revision_id"]) for row in store.designs.history("mine")]
    assert history == [("poc-face-to-face", first), ("mine", root), ("mine", second)]
    assert [row["design_id"] for row in store.designs.branches("poc-face-to-face")] == ["mine"]
    assert store.designs.branches("poc-face-to-face")[0]["revision_id"] == first
    said = [one.sentence("en") for one in store.designs.compare("poc-face-to-face", "mine")]
    assert said == ["layer Mould cap: thickness 100 → 60 µm"]
    assert store.designs.compare("mine", "mine", a_revision=root, b_revision=second)[0].before == 100
    assert check(store) == []


def test_a_branch_that_cannot_be_is_refused(filled: Store):
    store = filled
    with pytest.raises(InputError) as refused:
        store.designs.branch("nobody", "mine", author="me", note="")
    assert refused.value.rule == "store.not_there"
    with pytest.raises(InputError) as refused:
        store.designs.branch("ascend-910", "simba-36", author="me", note="")
    assert refused.value.rule == "reuse.exists"
    with pytest.raises(InputError) as refused:
        store.designs.branch("ascend-910", "mine", author="me", note="", project_id="nobody")
    assert refused.value.rule == "store.no_such"
    assert "mine" not in {row["design_id"] for row in store.designs.list()}


def test_a_revision_of_a_reference_design_is_own_work(filled: Store):
    save(filled, "simba-36", changed("simba-36", lambda d: d.update(note="ours now")))
    row = next(row for row in filled.designs.list() if row["design_id"] == "simba-36")
    assert (row["origin"], row["number"]) == ("own", 2)


def test_saying_a_reference_design_again_leaves_it_one(filled: Store, monkeypatch: pytest.MonkeyPatch):
    """No revision is saved, so nothing is looked at anew and nothing becomes anyone's own work."""
    made = []
    monkeypatch.setattr("workbench.store.design_features.made", lambda *said: made.append(said))
    filled.projects.add("P", name="P")
    first = filled.designs.revisions("simba-36")[0]["revision_id"]

    def row() -> dict:
        return next(row for row in filled.designs.list() if row["design_id"] == "simba-36")

    before = filled.snapshot()
    assert save(filled, "simba-36", DOCUMENTS["simba-36"]) == first
    assert (row()["origin"], row()["number"], row()["project_id"]) == ("reference", 1, None)
    assert filled.snapshot() == before
    assert save(filled, "simba-36", DOCUMENTS["simba-36"], project_id="P") == first
    assert save(filled, "simba-36", DOCUMENTS["simba-36"]) == first
    assert (row()["origin"], row()["number"], row()["project_id"]) == ("reference", 1, "P")
    assert made == []


SEARCHES = [  # what is typed, what is found (in this order), what must not be
    ("simba", ["simba-36"], ()), ("SIMBA organic", ["simba-36"], ()), ("ＳＩＭＢＡ", ["simba-36"], ()),
    ("tap-2.5d", ["ascend-910"], ()), ("混合鍵合", ["poc-face-to-face"], ()), ("面對面", ["poc-face-to-face"], ()),
    ("對背", ["poc-face-to-back"], ()), ('"face to face"', ["poc-face-to-face"], ()), ("nobody", [], ()),
    ("simba ascend", [], ()), ("simb", ["simba-36"], ()), ("imba", [], ()), ('"simb"', [], ()),
    ("two-die -back", None, ("poc-face-to-back",)), ("two-die -合鍵", None, ("poc-face-to-face",)),
]  # fmt: skip


def test_words_find_designs(filled: Store):
    for words, expected, unwanted in SEARCHES:
        found = filled.designs.search(words)
        assert found.total == len(found.hits)
        assert not set(unwanted) & set(ids(found)), words
        assert found.total or not unwanted
        if expected is not None:
            assert ids(found) == expected, words


def test_anything_may_be_typed(filled: Store):
    """What is typed is data, never SQL, and never an exception."""
    everything = filled.designs.search()
    assert everything.total == len(NAMES)
    hostile = ["'", "''); DROP TABLE designs; --", "simba' OR '1'='1", '"simba', "%_\\", "-", "\x07", "'||'", "𝔖🙂",
               '"', "--", "{}", "[(", "?", "$1 :x"]  # fmt: skip
    for words in hostile if filled.mode == "file" else hostile[:4]:  # a search of a lake takes a quarter of a second
        found = filled.designs.search(words)
        assert found.total <= len(NAMES)
    assert filled.designs.search("'; DROP TABLE designs").total == 0
    assert filled.designs.search().total == len(NAMES)
    with pytest.raises(InputError) as refused:
        filled.designs.search(" ".join(f"w{i}" for i in range(40)))
    assert refused.value.rule == "reuse.words"
    for page in range(3):
        part = filled.designs.search(limit=2, offset=2 * page)
        assert ids(part) == ids(everything)[2 * page : 2 * page + 2]
        assert part.total == len(NAMES)


def test_a_word_in_the_title_ranks_before_one_in_a_note(store: Store):
    save(store, "noted", changed("simba-36", lambda d: d.update(title="Something", note="beside a photonics engine")))
    save(store, "titled", changed("simba-36", lambda d: d.update(title="Photonics engine")))
    save(store, "other", DOCUMENTS["simba-36"])
    found = store.designs.search("photonics")
    assert ids(found) == ["titled", "noted"]
    assert found.hits[0]["score"] > found.hits[1]["score"] > 0


def test_the_score_is_bm25f(store: Store):
    """By the formula, over two designs that are no modules and have only titles."""
    import math

    for name, title in (("a", "alpha beta"), ("b", "gamma delta epsilon")):
        save(store, name, {"title": title})
    (hit,) = store.designs.search("alpha").hits
    texts = [" a alpha beta ", " b gamma delta epsilon "]
    mean = sum(map(len, texts)) / 2
    weighed = 6 * 1 / (0.25 + 0.75 * len(texts[0]) / mean)
    expected = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5)) * weighed / (1.2 + weighed)
    assert hit["score"] == pytest.approx(expected, rel=1e-9)


FACET_CASES = [  # facet, value, how many of the five (by their documents)
    ("assembly", "face_to_face", 1), ("assembly", "side_by_side", 3), ("carrier", "substrate", None),
    ("node", "7", None), ("role", "memory", 1), ("method", "hybrid", 1), ("origin", "reference", 2),
    ("origin", "own", 0), ("verdict", "", 5), ("dies", "16..", 1), ("pitch", "3..10", None), ("area", "100..400", 1),
    ("power", "", 1),
]  # fmt: skip


def test_facets_narrow_and_their_counts_say_by_how_much(filled: Store):
    everything = filled.designs.search()
    assert set(everything.facets) == set(FACETS)
    for facet, value, expected in FACET_CASES:
        narrowed = filled.designs.search(facets={facet: value})
        counted = {count.value: count.count for count in everything.facets[facet]}
        assert narrowed.total == counted.get(value, 0), (facet, value)
        if expected is not None:
            assert narrowed.total == expected, (facet, value)
    for rows in everything.facets.values():
        for row in rows:
            for lang in LANGUAGES:
                assert row.words(lang)
                assert "{" not in row.words(lang)
    assert sum(row.count for row in everything.facets["dies"]) == len(NAMES), "every design is in one class"


def test_every_value_that_is_counted_finds_as_many(filled: Store):
    """Also no value at all: a design without a node or a bond, and a document that is no design."""

    def bare(document: dict) -> None:
        for die in document["dies"]:
            die.pop("node_nm", None)
        for layer in document["layers"]:
            layer.pop("bond", None)

    save(filled, "bare", changed("poc-side-by-side", bare))
    save(filled, "words", {"title": "a note"})
    counted = filled.designs.search().facets
    assert {row.value: row.count for row in counted["node"]}[""] == 2
    assert {row.value: row.count for row in counted["role"]}[""] == 1
    for facet, rows in counted.items():
        for row in rows:
            assert filled.designs.search(facets={facet: row.value}).total == row.count, (facet, row.value)


def test_alternatives_within_a_facet_and_counts_that_leave_it_out(filled: Store):
    one = filled.designs.search(facets={"assembly": "face_to_face"})
    two = filled.designs.search(facets={"assembly": ["face_to_face", "face_to_back"]})
    assert (one.total, two.total) == (1, 2)
    counted = {row.value: row.count for row in one.facets["assembly"]}
    assert counted == {"side_by_side": 3, "face_to_face": 1, "face_to_back": 1}, "its own choice stays open"
    assert sum(row.count for row in one.facets["carrier"]) == 1, "the other facets count what is chosen"
    both = filled.designs.search("die", facets={"assembly": "side_by_side", "role": "memory"})
    assert ids(both) == ["ascend-910"]


def test_ranges_of_figures(filled: Store):
    assert ids(filled.designs.search(ranges={"die_count": (30, None)})) == ["simba-36"]
    assert filled.designs.search(ranges={"finest_pitch_um": (None, 9)}).total == 1
    assert filled.designs.search(ranges={"finest_pitch_um": (9.5, None), "power_w": (100, 1000)}).total == 1


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda s: s.designs.search(facets={"colour": "red"}), "reuse.facet"),
        (lambda s: s.designs.search(facets={"pitch": "1..2"}), "reuse.facet_value"),
        (lambda s: s.designs.search(ranges={"title": (1, 2)}), "reuse.facet"),
        (lambda s: s.designs.search(ranges={"die_count": (1,)}), "reuse.range"),
        (lambda s: s.designs.search(ranges={"die_count": ("x", 2)}), "reuse.range"),
        (lambda s: s.designs.search(ranges={"die_count": (float("nan"), 2)}), "reuse.range"),
        (lambda s: s.designs.similar("simba-36", origin="theirs"), "reuse.facet_value"),
        (lambda s: s.designs.similar("simba-36", weights={"colour": 1}), "reuse.weights"),
        (lambda s: s.designs.similar("nobody"), "store.not_there"),
        (lambda s: s.designs.die("simba-36", "nobody"), "store.not_there"),
        (lambda s: s.designs.compare("simba-36", "nobody"), "store.not_there"),
    ],
)
def test_what_cannot_be_searched_is_refused(call, rule, new_file):
    store = Store.open(new_file())
    save(store, "simba-36", DOCUMENTS["simba-36"])
    with pytest.raises(InputError) as refused:
        call(store)
    assert refused.value.rule == rule


def test_classes_are_said_in_words():
    said = [FacetCount(*row).words("en") for row in (("pitch", "3..10", 1), ("pitch", "200..", 1), ("pitch", "..3", 1),
                                                     ("dies", "1..2", 1), ("dies", "2..4", 1), ("node", "7", 1),
                                                     ("assembly", "face_to_face", 1), ("verdict", "", 1),
                                                     ("origin", "own", 1), ("dies", "..1", 1))]  # fmt: skip
    assert said == ["3 – 10 µm", "> 200 µm", "≤ 3 µm", "2", "2 – 4", "7 nm", "face to face", "none", "own work", "1"]


def test_the_last_verdict_counts(filled: Store):
    run = {"notebook": "design/stack_design", "subject_kind": "design", "subject_id": "simba-36", "key": "k",
           "outcome": "DONE", "duration_s": 1.0}  # fmt: skip
    filled.notebook_runs.add_all([
        run | {"run_id": "r1", "started_at": "2020-01-01T00:00:00Z", "verdict": "FAIL"},
        run | {"run_id": "r2", "started_at": "2020-01-02T00:00:00Z", "verdict": "MARGINAL"},
    ])  # fmt: skip
    filled.designs.record_check("ascend-910", verdict="PASS", actor="me")
    assert ids(filled.designs.search(facets={"verdict": "MARGINAL"})) == ["simba-36"]
    assert filled.designs.search("simba").hits[0]["verdict"] == "MARGINAL"
    filled.designs.record_check("simba-36", verdict="FAIL", actor="me")
    counted = {row.value: row.count for row in filled.designs.search().facets["verdict"]}
    assert counted == {"FAIL": 1, "PASS": 1, "": 3}


def test_resemblance_with_its_reasons(filled: Store):
    pitch = changed("poc-face-to-face", lambda d: d["layers"][4]["bond"].update(pitch_um=10.0))
    save(filled, "near", pitch)
    found = filled.designs.similar("poc-face-to-face", limit=3)
    assert len(found) == 3
    assert found[0].design_id == "near"
    assert "poc-face-to-face" not in [match.design_id for match in found]
    assert found[0].resemblance.total > found[1].resemblance.total
    assert "bump pitch 9 against 10 µm" in found[0].resemblance.reasons("en")
    assert "製程節點相同：7、28 nm" in found[0].as_dict("zh-Hant")["reasons"]
    unsaved = filled.designs.similar(read(DOCUMENTS["simba-36"]), limit=1)
    assert (unsaved[0].design_id, unsaved[0].resemblance.total) == ("simba-36", 1.0)
    assert {match.origin for match in filled.designs.similar("near", origin="reference")} == {"reference"}


def test_dies_to_pick_from(filled: Store):
    filled.designs.branch("simba-36", "mine", author="me", note="")
    found = filled.designs.dies("simba")
    said = [(die["die_id"], die["width_mm"], die["node_nm"], die["placed"]) for die in found]
    assert said == [("simba", 2.5, 16, 36)]
    assert {found[0]["design_id"], *found[0]["also_in"]} == {"simba-36", "mine"}
    assert found[0]["power_w"] is None, "no power was given"
    assert "thickness_um" in found[0]["unverified"]
    assert {die["role"] for die in filled.designs.dies(role="memory")} == {"memory"}
    assert all(die["node_nm"] == 7 for die in filled.designs.dies(node_nm=7.0))
    assert filled.designs.dies("nobody") == []
    die = filled.designs.die(found[0]["design_id"], "simba")
    assert die == DOCUMENTS["simba-36"]["dies"][0]


def test_documents_that_are_no_designs_are_found_by_title_only(store: Store):
    save(store, "odd", {"title": "Odd one", "n": 1})
    save(store, "simba-36", DOCUMENTS["simba-36"])
    assert ids(store.designs.search("odd")) == ["odd"]
    assert ids(store.designs.search(facets={"assembly": "side_by_side"})) == ["simba-36"]
    assert [match.design_id for match in store.designs.similar(read(DOCUMENTS["ascend-910"]))] == ["simba-36"]


def test_a_search_of_the_past_shows_the_past(filled: Store):
    snapshot = filled.snapshot()
    save(filled, "simba-36", changed("simba-36", lambda d: d.update(title="Renamed", title_zh="")), title="Renamed")
    save(filled, "later", DOCUMENTS["ascend-910"])
    filled.designs.record_check("ascend-910", verdict="PASS", actor="me")
    then = filled.at(snapshot)
    assert then.designs.search().total == len(NAMES)
    assert then.designs.search("renamed").total == 0
    assert ids(then.designs.search("organic", facets={"dies": "16.."})) == ["simba-36"]
    assert {row.value for row in then.designs.search().facets["verdict"]} == {""}
    assert "later" not in [match.design_id for match in then.designs.similar("ascend-910")]
    assert then.designs.similar("ascend-910")[0].resemblance.total < 1
    assert [row["number"] for row in then.designs.history("simba-36")] == [1]
    assert filled.designs.search("renamed").total == 1


def without_features(store: Store, names=NAMES) -> None:
    """Revisions as an older workbench left them: no features."""
    with store.writing("as before", "designs") as session:
        for name in names:
            row = {"design_id": name, "title": DOCUMENTS[name]["title"], "kind": "poc"}
            append(session, BY_NAME["designs"], prepare(BY_NAME["designs"], [row]))
            append(session, BY_NAME["design_revisions"], [{
                "revision_id": f"r-{name}", "design_id": name, "number": 1, "schema_version": "1",
                "document": DOCUMENTS[name], "document_sha256": "x", **SAVED,
            }])  # fmt: skip


def test_features_are_made_up_when_a_design_is_looked_for(store: Store):
    without_features(store)
    snapshot = store.snapshot()
    assert store.at(snapshot).designs.search("simba").total == 1, "also for a store that reads the past"
    assert store.snapshot() > snapshot, "and kept"
    after = store.snapshot()
    found = store.designs.search()
    assert (found.total, found.not_indexed, store.snapshot()) == (len(NAMES), 0, after)


def test_unverified_figures_are_counted_over_all_found_not_over_the_page(store: Store):
    for name in ("simba-36", "ascend-910"):
        save(store, name, DOCUMENTS[name])
    every = store.designs.search()
    counts = [hit["unverified_count"] for hit in every.hits]
    assert min(counts) > 0
    assert every.unverified_count == sum(counts)
    assert store.designs.search(limit=1).unverified_count == sum(counts)
    one = store.designs.search("simba")
    assert (one.total, one.unverified_count) == (1, one.hits[0]["unverified_count"])
    assert store.designs.search("nothing").unverified_count == 0


def test_a_store_that_may_not_be_written_is_searched_as_far_as_it_goes(store: Store, monkeypatch):
    from workbench.errors import StoreError

    save(store, "simba-36", DOCUMENTS["simba-36"])
    without_features(store, ("ascend-910",))

    def refuse(self, *words, **more):
        raise StoreError("store.not_writable")

    monkeypatch.setattr(type(store.engine), "writing", refuse)
    found = store.designs.search()
    assert (ids(found), found.not_indexed) == (["simba-36"], 1)


def test_features_of_a_newer_version_are_made_anew(store: Store, monkeypatch):
    save(store, "simba-36", DOCUMENTS["simba-36"])
    monkeypatch.setattr("workbench.stack.features.FEATURES_VERSION", FEATURES_VERSION + 1)
    assert store.designs.search("simba").total == 1
    with store.reading() as session:
        versions = Counter(n for (n,) in session.tuples("SELECT features_version FROM design_features"))
    assert versions == {FEATURES_VERSION: 1, FEATURES_VERSION + 1: 1}
    assert check(store) == []
