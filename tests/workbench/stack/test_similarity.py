"""Resemblance: equal is 1, scaled is nearer than differently built, missing figures are said, every reason in words."""

from __future__ import annotations

import copy
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import facts
from workbench.errors import InputError
from workbench.i18n import LANGUAGES
from workbench.runs.demo.designs import DESIGNS
from workbench.stack import read, to_document
from workbench.stack.features import Features, features, search_text, spaced, tokens
from workbench.stack.similarity import HALF, WEIGHTS, compare, moved_share
from workbench.stack.topology import alikeness, graph, subtrees

DOCUMENTS = {name: to_document(read(facts.load(f"designs/{name}"))) for name in DESIGNS}
FEATURES = {name: features(read(document)) for name, document in DOCUMENTS.items()}


def with_change(name: str, change) -> Features:
    document = copy.deepcopy(DOCUMENTS[name])
    change(document)
    return features(read(document))


def scale(factor: float):
    def change(d):
        for part in (d, *d["dies"], *d["layers"]):
            for field in ("width_mm", "length_mm"):
                if field in part:
                    part[field] *= factor
        for layer in d["layers"]:
            for place in layer.get("dies", ()):
                for field in ("x_mm", "y_mm"):
                    place[field] = place.get(field, 0.0) * factor
        for die in d["dies"]:
            for block in die.get("power_blocks", ()):
                for field in ("x_mm", "y_mm", "width_mm", "length_mm"):
                    block[field] = block[field] * factor

    return change


def score_of(resemblance, feature: str):
    return next(score for score in resemblance.scores if score.feature == feature)


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_resembles_itself_fully_also_with_missing_figures(name):
    found = compare(FEATURES[name], FEATURES[name])
    assert found.total == 1.0
    assert found.compared <= 1.0
    assert all(score.score in (1.0, None) for score in found.scores)


@pytest.mark.parametrize("a", DESIGNS)
def test_resemblance_is_symmetric(a):
    for b in DESIGNS:
        there, back = compare(FEATURES[a], FEATURES[b]), compare(FEATURES[b], FEATURES[a])
        assert there.total == pytest.approx(back.total, abs=1e-12)
        assert 0 <= there.total <= 1
        assert there.compared == back.compared


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("factor", [0.5, 1.3])
def test_a_scaled_copy_has_the_same_topology_and_is_nearest(name, factor):
    if factor > 1 and name not in ("poc-face-to-face", "poc-face-to-back", "simba-36"):
        factor = 0.8  # the model holds no body beyond its bounds
    scaled = with_change(name, scale(factor))
    found = compare(FEATURES[name], scaled)
    assert score_of(found, "topology").score == 1.0
    assert score_of(found, "area_ratio").score == pytest.approx(1.0)
    others = [compare(FEATURES[name], FEATURES[other]).total for other in DESIGNS if other != name]
    assert found.total > max(others)


SCALING = [  # feature, change of the two-die stack, expected score: by definition of the scale
    ("node", lambda d: [die.update(node_nm=die["node_nm"] * 0.7) for die in d["dies"]], 0.5),
    ("pitch", lambda d: d["layers"][4]["bond"].update(pitch_um=18.0), 0.5),
    ("pitch", lambda d: d["layers"][4]["bond"].update(pitch_um=10.0), 0.9),
    ("power_density", lambda d: [die.update(power_w=die["power_w"] * 4) for die in d["dies"]], 0.25),
    ("area_ratio", lambda d: d.update(width_mm=15.0), 0.5),
    ("silicon_area", lambda d: None, 1.0),
]


@pytest.mark.parametrize(("feature", "change", "expected"), SCALING)
def test_the_scale_of_each_figure(feature, change, expected):
    found = compare(FEATURES["poc-face-to-face"], with_change("poc-face-to-face", change))
    assert score_of(found, feature).score == pytest.approx(expected, rel=1e-9)


def test_weights_and_scales_are_stated_for_every_feature():
    assert math.isclose(sum(WEIGHTS.values()), 1.0)
    assert set(HALF) < set(WEIGHTS)
    only_pitch = compare(FEATURES["poc-face-to-face"], FEATURES["ascend-910"], weights={"pitch": 3})
    assert [score.feature for score in only_pitch.scores] == ["pitch"]
    for wrong in ({}, {"pitch": 0}, {"colour": 1}, {"pitch": 1, "node": -1}):
        with pytest.raises((InputError, ValueError)) as refused:
            compare(FEATURES["poc-face-to-face"], FEATURES["ascend-910"], weights=wrong)
        assert refused.type is InputError


def test_a_missing_figure_is_not_compared_and_said():
    found = compare(FEATURES["simba-36"], FEATURES["ascend-910"])  # Simba's power was not read
    power = score_of(found, "power_density")
    assert power.score is None
    assert found.compared == pytest.approx(1 - WEIGHTS["power_density"])
    known = [score for score in found.scores if score.score is not None]
    assert found.total == pytest.approx(sum(s.weight * s.score for s in known) / sum(s.weight for s in known))
    assert power.sentence("en") == "power density not compared: one of the two does not give it"
    assert found.reasons("en")[-1] == power.sentence("en")
    assert power.sentence("zh-Hant") == "功率密度未比較：其中一方未提供"


def test_the_reasons_are_sentences():
    other = with_change("poc-face-to-face", lambda d: d["layers"][4]["bond"].update(pitch_um=10.0))
    found = compare(FEATURES["poc-face-to-face"], other)
    assert score_of(found, "node").sentence("en") == "same node 7, 28 nm"
    assert score_of(found, "pitch").sentence("en") == "bump pitch 9 against 10 µm"
    assert score_of(found, "pitch").sentence("zh-Hant") == "凸塊間距 9 對 10 µm"
    assert score_of(found, "topology").sentence("en") == "same topology: 2-tier face to face"
    for a in DESIGNS:
        for b in DESIGNS:
            for lang in LANGUAGES:
                words = compare(FEATURES[a], FEATURES[b]).reasons(lang)
                assert len(words) == len(WEIGHTS)
                assert not [line for line in words if "{" in line or not line.strip()]


EARTH_MOVER = [  # shares by node, expected distance: by hand, the integral of the difference of cumulative shares
    ({7.0: 1.0}, {5.0: 9.0}, math.log(7 / 5)),
    ({7.0: 1.0, 28.0: 1.0}, {7.0: 1.0}, 0.5 * math.log(4)),
    ({5.0: 1.0, 7.0: 1.0}, {7.0: 3.0, 10.0: 3.0}, 0.5 * math.log(7 / 5) + 0.5 * math.log(10 / 7)),
    ({7.0: 2.0, 28.0: 2.0}, {28.0: 5.0, 7.0: 5.0}, 0.0),
]


@pytest.mark.parametrize(("a", "b", "expected"), EARTH_MOVER)
def test_how_far_the_area_moves_between_nodes(a, b, expected):
    assert moved_share(a, b) == pytest.approx(expected, abs=1e-12)
    assert moved_share(b, a) == pytest.approx(expected, abs=1e-12)


# Two tiers of one die each. Depth 0: the labels; depth 1 and 2: one neighbourhood per die.
FACE_TO_FACE = (["0^", "1v"], [(0, 1, "under"), (1, 0, "over")])
FACE_TO_BACK = (["0^", "1^"], [(0, 1, "under"), (1, 0, "over")])


def test_the_kernel_of_two_small_graphs_by_hand():
    one, other = subtrees(*FACE_TO_FACE), subtrees(*FACE_TO_BACK)
    assert sorted(one.values()) == [1] * 6
    assert alikeness(one, one) == 1.0
    # Of six neighbourhoods each, only the bare lower die 0^ is common: its neighbour looks the other way.
    assert alikeness(one, other) == pytest.approx(1 / 6)
    # A path a-b-a: depth 0 gives a twice and b once, depth 1 two ends alike and a middle.
    path = subtrees(["a", "b", "a"], [(0, 1, "-"), (1, 0, "-"), (1, 2, "-"), (2, 1, "-")], depth=1)
    assert sorted(path.values()) == [1, 1, 2, 2]
    # With a-b alone the middle differs: common are a (2 x 1), b (1 x 1) and the end (2 x 1).
    pair = subtrees(["a", "b"], [(0, 1, "-"), (1, 0, "-")], depth=1)
    assert alikeness(path, pair) == pytest.approx(5 / math.sqrt((4 + 1 + 4 + 1) * 4))


@given(st.integers(0, 1_000))
def test_topology_does_not_depend_on_the_order_of_the_dies(seed):
    labels, edges = graph(read(DOCUMENTS["ascend-910"]))
    order = list(range(len(labels)))
    random.Random(seed).shuffle(order)
    to = {old: new for new, old in enumerate(order)}
    turned = subtrees([labels[old] for old in order], [(to[i], to[j], how) for i, j, how in edges])
    assert turned == subtrees(labels, edges)


def test_neighbours_are_those_that_lie_beside_each_other():
    labels, edges = graph(read(DOCUMENTS["simba-36"]))
    assert labels == ["0v"] * 36
    degrees = sorted(sum(start == i for start, _, _ in edges) for i in range(36))
    # 6 x 6 with gaps of about 1 mm between dies of 2.5 mm: straight neighbours only.
    assert degrees == [2] * 4 + [3] * 16 + [4] * 16


DRAWN = [  # columns, rows, staggered, pitches, the finest pitch above the balls by hand
    (4, 4, False, (30.0, 8.0), 8.0), (1, 9, False, (1.0, 8.0), 8.0), (9, 1, False, (8.0, 1.0), 8.0),
    (4, 4, True, (8.0, 3.0), 5.0), (4, 2, True, (8.0, 1.5), math.hypot(4.0, 1.5)),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "rows", "staggered", "pitches", "finest"), DRAWN)
def test_the_finest_pitch_is_that_of_two_bumps_that_are_drawn(columns, rows, staggered, pitches, finest):
    def draw(document):
        field = {"name": "f", "diameter_um": 1.0, "columns": columns, "rows": rows, "staggered": staggered,
                 "pitch_x_um": pitches[0], "pitch_y_um": pitches[1]}  # fmt: skip
        document["dies"][0]["regions"] = [
            {"name": "face", "side": "front", "width_um": 2000.0, "length_um": 2000.0, "bumps": [field]}
        ]

    assert with_change("poc-face-to-face", draw).finest_pitch_um == pytest.approx(finest)


def test_features_survive_json():
    import json

    for found in FEATURES.values():
        assert Features.from_document(json.loads(json.dumps(found.as_document()))) == found


def test_what_a_design_is_found_by():
    found = search_text(read(DOCUMENTS["poc-face-to-face"]), design_id="poc-face-to-face")
    for words in (" face to face ", " 雙 晶 粒 "):
        assert words in found.title
    for words in (" 7 nm 7nm ", " hybrid bond ", " 混 合 鍵 合 ", " u2 compute ", " emc ", " tsv "):
        assert words in found.names
    assert " soic " in found.notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hybrid-Bond, 9 µm", ["hybrid", "bond", "9", "um"]), ("混合接合", ["混", "合", "接", "合"]),
        ("ＡＭＤ V‑Cache", ["amd", "v", "cache"]), ("TAP-2.5D", ["tap", "2.5d", "2", "5d"]), ("Éé", ["ee"]),
        ("a_b[0,1]", ["a", "b", "0", "1"]), ("'; --", []),
    ],
)  # fmt: skip
def test_words_as_they_are_compared(text, expected):
    assert tokens(text) == expected
    assert spaced([text]) == (f" {' '.join(expected)} " if expected else "")
