"""The designs the workbench brings: readable, sourced, told from own work, found again, and never put on top of it."""

from __future__ import annotations

import pytest

from workbench import facts
from workbench.cost.review import StackDesignReview, review
from workbench.runs.demo import designs
from workbench.runs.demo.designs import DESIGNS, REFERENCES, seed, seed_references
from workbench.stack import derive, read, to_document
from workbench.stack.features import features
from workbench.stack.similarity import compare
from workbench.store import Store

ALL = (*DESIGNS, *REFERENCES)
READ = {name: read(facts.load(f"designs/{name}")) for name in ALL}
FEATURES = {name: features(design) for name, design in READ.items()}

# What the sources say, against what the document gives: figure, relative tolerance, source.
FIGURES = [
    ("amd-v-cache-zen3", lambda d: d.die("l3d").area_mm2, 41, 0.01, "allpcb: L3D 41 mm2"),
    ("amd-v-cache-zen3", lambda d: d.die("ccd").tsv.count, 8192, 0, "allpcb: 8192 TSV"),
    ("amd-v-cache-zen3", lambda d: d.die("ccd").area_mm2, 83.74, 0.01, "TweakTown copy"),
    ("amd-v-cache-zen4", lambda d: d.die("l3d").area_mm2, 36, 0.01, "allpcb: L3D 36 mm2"),
    ("amd-v-cache-zen4", lambda d: d.die("ccd").area_mm2, 72.5, 0.01, "TweakTown copy"),
    ("intel-lakefield", lambda d: d.die("compute").area_mm2, 82, 0.01, "AnandTech 15877"),
    ("intel-lakefield", lambda d: d.die("base").area_mm2, 92, 0.01, "AnandTech 15877"),
    ("intel-lakefield", lambda d: d.width_mm * d.length_mm, 144, 0, "AnandTech 15877: 12 x 12 mm"),
    ("intel-sapphire-rapids", lambda d: d.width_mm * d.length_mm, 4446, 0, "wccftech: package 4446 mm2"),
    ("intel-sapphire-rapids", lambda d: sum(p.die == "emib" for p in d.placements), 10, 0, "wccftech: 10 EMIB"),
    ("intel-ponte-vecchio", lambda d: d.die("base").area_mm2, 646, 0.001, "IEEE Spectrum copy: base 646 mm2"),
    ("intel-ponte-vecchio", lambda d: len(d.placements), 2 + 16 + 8 + 8 + 2, 0, "tiles without EMIB and thermal"),
    ("nvidia-h100", lambda d: d.die("gpu").area_mm2, 814, 0.001, "NVIDIA H100 814 mm2"),
    ("apple-m1-ultra", lambda d: d.die("soc").area_mm2, 432, 0.001, "Tom's Hardware copy"),
    ("amd-mi300x", lambda d: d.die("xcd").area_mm2, 115, 0.01, "general knowledge"),
    ("amd-mi300x", lambda d: d.die("iod").area_mm2, 370, 0.01, "general knowledge"),
    ("tesla-dojo-tile", lambda d: d.die("d1").area_mm2, 645, 0.001, "645 mm2"),
    ("tesla-dojo-tile", lambda d: len(d.placements), 25, 0, "5 x 5"),
    ("hbm-cube", lambda d: derive(d).total_thickness_um, 720, 0, "Samsung HBM2E 720 um"),
    ("simba-36", lambda d: d.die("simba").area_mm2, 6.0, 0, "AnandTech 14767: 2.5 x 2.4 mm"),
    ("xilinx-virtex-7-2000t", lambda d: len(d.placements), 4, 0, "IRPS 2012"),
    ("samsung-i-cube4", lambda d: sum(p.die == "hbm" for p in d.placements), 4, 0, "Samsung release"),
    ("sg13g2-pair", lambda d: d.die("sg13g2").width_mm, 1.54, 0, "interposer_demo_design.chiplet"),
    ("cross-face-to-face", lambda d: d.die("flop_chip_a").thickness_um, 300, 0, "3dic_cross_flop.3dbv"),
]


@pytest.mark.parametrize(("name", "figure", "expected", "within", "source"), FIGURES)
def test_the_document_gives_the_figure_of_its_source(name, figure, expected, within, source):
    assert figure(READ[name]) == pytest.approx(expected, rel=within or 1e-12), source


@pytest.mark.parametrize("name", ALL)
def test_every_document_says_its_sources_and_what_is_ours(name):
    design = READ[name]
    assert design.source
    assert read(to_document(design)) == design
    ours = [die.id for die in design.dies if not die.source and not design.source]
    assert not ours
    for layer in design.layers:
        if layer.source == "ours":
            assert not layer.is_verified("thickness_um"), layer.name
    for die in design.dies:
        if any(word in die.source for word in ("second hand", "general knowledge", "ours")):
            assert die.unverified, die.id


def test_what_disagrees_or_was_not_read_is_noted():
    assert "disagree" in READ["amd-v-cache-zen3"].note
    for name in ("intel-lakefield", "intel-ponte-vecchio", "amd-mi300x", "hbm-cube"):
        pitches = [layer.bond for layer in READ[name].layers if layer.bond and layer.kind == "bond"]
        assert all(not bond.is_verified("pitch_um") for bond in pitches), name


@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference_can_be_reviewed(name):
    found = review(facts.load(f"designs/{name}"), StackDesignReview(design_id=name))
    assert found.summary.as_dict()["verdict"] in ("PASS", "MARGINAL", "FAIL")


NEAREST = [  # a design, one that resembles it, one that does not: what any packaging engineer would say
    ("amd-v-cache-zen3", "amd-v-cache-zen4", "tesla-dojo-tile"),
    ("nvidia-h100", "samsung-i-cube4", "intel-lakefield"),
    ("nvidia-blackwell", "nvidia-h100", "hbm-cube"),
    ("poc-face-to-face", "intel-lakefield", "simba-36"),
    ("simba-36", "tesla-dojo-tile", "intel-lakefield"),
    ("intel-ponte-vecchio", "amd-mi300x", "simba-36"),
    ("ascend-910", "nvidia-h100", "poc-face-to-face"),
]


@pytest.mark.parametrize(("name", "near", "far"), NEAREST)
def test_what_resembles_ranks_before_what_does_not(name, near, far):
    assert compare(FEATURES[name], FEATURES[near]).total > compare(FEATURES[name], FEATURES[far]).total


def test_the_two_caches_are_each_others_nearest():
    def nearest(name: str) -> str:
        return max((other for other in ALL if other != name), key=lambda o: compare(FEATURES[name], FEATURES[o]).total)

    assert nearest("amd-v-cache-zen3") == "amd-v-cache-zen4"
    assert nearest("amd-v-cache-zen4") == "amd-v-cache-zen3"


@pytest.fixture
def store(home) -> Store:
    return Store.open()


def test_seeding_twice_adds_nothing_and_marks_what_is_not_own(store):
    assert seed(store) == list(DESIGNS)
    assert seed_references(store) == list(REFERENCES)
    snapshot = store.snapshot()
    assert seed(store) + seed_references(store) == []
    assert store.snapshot() == snapshot
    origins = {row["design_id"]: row["origin"] for row in store.designs.list()}
    assert set(origins) == set(ALL)
    assert {name for name, origin in origins.items() if origin == "example"} == set(designs.EXAMPLES)
    assert "own" not in origins.values()
    found = {hit["design_id"] for hit in store.designs.search("v-cache").hits}
    assert found == {"amd-v-cache-zen3", "amd-v-cache-zen4"}
    assert "intel-ponte-vecchio" in [hit["design_id"] for hit in store.designs.search("rambo").hits]


def test_a_seed_is_never_put_on_top_of_someones_work(store, monkeypatch):
    seed(store)
    document = store.designs.document("simba-36") | {"note": "ours"}
    said = {"title": "Simba", "kind": "side_by_side", "author": "me", "note": ""}
    store.designs.add_revision("simba-36", document, **said)
    store.designs.add_revision("intel-lakefield", document, **said)
    load = facts.load

    def newer(name):
        found = load(name)
        return found | {"note": "a better note of a later workbench"} if name.startswith("designs/") else found

    monkeypatch.setattr(facts, "load", newer)
    again = seed(store)
    assert set(again) == set(DESIGNS) - {"simba-36"}, "an untouched seed gets its later form"
    assert store.designs.document("simba-36")["note"] == "ours"
    assert store.designs.document("ascend-910")["note"].startswith("a better note")
    assert "intel-lakefield" not in seed_references(store), "someone's own design of that name stays"
    assert store.designs.document("intel-lakefield")["note"] == "ours"
