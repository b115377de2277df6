"""YAML of others: what is read, what is refused and where. Scalars follow YAML 1.2.2, section 10.3.2."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats.yaml_text import Limits, Style, parse, read_text, write


def data(text, **limits):
    return parse(text, where="f", limits=Limits(**limits)).data


@pytest.mark.parametrize(("word", "value"), [
    # YAML 1.2.2, table in 10.3.2 (core schema) and example 10.9
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None),
    ("true", True), ("True", True), ("false", False), ("FALSE", False),
    ("0", 0), ("0o7", 7), ("0x3A", 58), ("-19", -19), ("+12", 12), ("010", 10),
    ("0.", 0.0), ("-0.0", 0.0), (".5", 0.5), ("+12e03", 12000.0), ("-2E+05", -200000.0),
    # what YAML 1.1 would turn into something else
    ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("N", "N"),
    ("1:30", "1:30"), ("190:20:30", "190:20:30"), ("1_000", "1_000"), ("0b11", "0b11"), ("2026-01-01", "2026-01-01"),
    ("<<", "<<"), ("=", "="), ("108;101", "108;101"), ("1.2.3", "1.2.3"), ("-", ["-"]), ("'~'", "~"), ('"1"', "1"),
])  # fmt: skip
def test_plain_words_follow_the_core_schema(word, value):
    if word == "-":  # a dash alone opens a list with an empty item
        assert data("a:\n  -\n") == {"a": [None]}
        return
    read = data(f"a: {word}")["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_stay_texts_in_the_order_of_the_file():
    assert list(data("2: a\n1: b\nyes: c\n0x10: d\n")) == ["2", "1", "yes", "0x10"]


@pytest.mark.parametrize(("text", "rule", "place"), [
    ("a: &x 1", "yaml.alias", "f:1:4"),
    ("a: *x", "yaml.alias", "f:1:4"),
    ("a: &x\n  b: 1", "yaml.alias", "f:1:4"),
    ("a: !!str 1", "yaml.tag", "f:1:4"),
    ("a: ! 1", "yaml.tag", "f:1:4"),
    ("- !!python/object:os.system x", "yaml.tag", "f:1:3"),
    ("%TAG ! tag:example.org,2000:\n--- a", "yaml.tag", "f:1:1"),
    ("a: 1\nb:\n  c: 1\n  c: 2", "yaml.twice", "f:4:3"),
    ("1: a\n'1': b", "yaml.twice", "f:2:1"),
    ("--- 1\n--- 2", "yaml.documents", "f:2:1"),
    ("? [1]\n: 2", "yaml.key", "f:1:3"),
    ("'': 2", "yaml.key", "f:1:1"),
    ("a: b\x01", "text.control", "f:1:5"),
    ("a: 1\nb: \x85", "text.control", "f:2:4"),
    ("a: \ud800", "text.control", "f:1:4"),
    ("a: .inf", "yaml.number", "f:1:4"),
    ("a: -.INF", "yaml.number", "f:1:4"),
    ("a: .nan", "yaml.number", "f:1:4"),
    ("a: 1e999", "yaml.number", "f:1:4"),
    ("a: 9223372036854775808", "yaml.number", "f:1:4"),
    ("a: " + "9" * 5000, "yaml.number", "f:1:4"),
    ("a: [1,", "yaml.syntax", "f:2:1"),
    ("a:\n  b: 1\n c: 2", "yaml.syntax", "f:3:2"),
    ("\t- a", "yaml.syntax", "f:1:1"),
])  # fmt: skip
def test_refused_with_rule_and_place(text, rule, place):
    with pytest.raises(InputError) as refused:
        parse(text, where="f")
    assert (refused.value.rule, refused.value.where) == (rule, place)


@pytest.mark.parametrize(("text", "limits", "rule"), [
    ("[" * 8 + "]" * 8, {"depth": 7}, "yaml.too_deep"),
    ("{a: " * 8 + "1" + "}" * 8, {"depth": 7}, "yaml.too_deep"),
    ("[" * 2000, {}, "yaml.too_deep"),
    ("[1, 2, 3]", {"nodes": 3}, "yaml.too_many"),
    ("abcd", {"scalar_characters": 3}, "yaml.too_long"),
    ("abcd", {"characters": 3}, "text.too_large"),
])  # fmt: skip
def test_bounds(text, limits, rule):
    with pytest.raises(InputError) as refused:
        data(text, **limits)
    assert refused.value.rule == rule


def test_the_bounds_themselves_are_allowed():
    assert data("[" * 7 + "]" * 7, depth=7) == [[[[[[[]]]]]]]
    assert data("[1, 2, 3]", nodes=4) == [1, 2, 3]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\ufeff", "---\n", "~\n"])
def test_nothing_is_none(text):
    assert data(text) is None


def test_places_of_values_keys_and_missing_parts():
    text = "chiplets:\n  soc:\n    size: [955,\n           1082]\n    regions:\n    - front\n"
    located = parse(text, where="soc.3dbv")
    assert located.place() == "soc.3dbv:1:1"
    assert located.place(("chiplets", "soc")) == "soc.3dbv:2:3", "a block is placed at its key"
    assert located.place(("chiplets", "soc", "size")) == "soc.3dbv:3:11"
    assert located.place(("chiplets", "soc", "size"), key=True) == "soc.3dbv:3:5"
    assert located.place(("chiplets", "soc", "size", 1)) == "soc.3dbv:4:12"
    assert located.place(("chiplets", "soc", "regions", 0)) == "soc.3dbv:6:7"
    assert located.place(("chiplets", "soc", "thickness")) == "soc.3dbv:2:3", "a missing part: where it should be"


def test_columns_count_characters_not_bytes():
    with pytest.raises(InputError) as refused:
        parse("晶粒: *x", where="f")
    assert refused.value.where == "f:1:5"


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["yes", "~", "1e5", "0o7", "- a", "a: b", "#x", "[a]", "x[0]", " a ", "1:30"])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4), max_leaves=12,
)  # fmt: skip


def same(a, b):
    """Equal, with equal types all the way down and an order of keys that agrees."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_back_equal(value):
    assert same(data(write(value)), value)


@pytest.mark.parametrize("length", [999, 1000, 1023, 1024, 5000])
def test_long_keys_are_written_so_that_they_are_read(length):
    value = {"a": {"k" * length: 1, "é" * length: [1], "x y" * length: {"z": [{"w" * length: 2}, []]}}}
    assert data(write(value)) == value


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_other_readers_take_our_texts_for_texts(value):
    """PyYAML resolves by YAML 1.1; every text must come back as a text there, too."""
    import yaml

    texts = [t for t in _texts(value) if t]
    assert yaml.safe_load(write(texts)) == texts


WORDED = Style(quoted=True, names=frozenset({"named"}), on_one_line=frozenset({"x", "y"}))
WORDS = st.sampled_from(["x", "y", "named", "no", "a"])


@given(VALUES | st.recursive(VALUES, lambda inner: st.dictionaries(WORDS, inner, max_size=3), max_leaves=6))
@settings(max_examples=150, deadline=None)
def test_any_style_is_read_back_equal(value):
    assert same(data(write(value, WORDED)), value)


def test_a_style_quotes_texts_and_names_and_keeps_the_words_of_a_format_together():
    value = {"at": {"x": 1e-05, "y": 2}, "named": {"x": {"kind": "plain"}}, "no": {"x": {"y": ["b"]}, "other": []}}
    assert write(value, WORDED) == (
        'at: {x: 0.00001, y: 2}\nnamed:\n  "x":\n    kind: "plain"\n"no":\n  x:\n    y: ["b"]\n  other: []\n')


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4))
@settings(max_examples=200, deadline=None)
def test_other_readers_take_our_numbers_for_numbers(values):
    import yaml

    assert same(yaml.safe_load(write(values)), values)


def _texts(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(t for inner in value.values() for t in _texts(inner))]
    return [t for inner in value for t in _texts(inner)] if isinstance(value, list) else []


def test_files_are_read_within_bounds(tmp_path):
    good, latin = tmp_path / "good.yaml", tmp_path / "latin.yaml"
    good.write_bytes("\ufeffa: µ\n".encode())
    latin.write_bytes("ok: 1\nname: Stra\xdfe\n".encode("latin-1"))
    assert read_text(good) == "a: µ\n"
    cases = [
        (latin, 10_000, "text.not_utf8", ":2:11"),
        (good, 5, "text.too_large", "good.yaml"),
        (tmp_path / "none", 10, "text.no_file", "none"),
        (tmp_path, 10, "text.not_a_file", ""),
        ("bad\0name", 10, "text.no_file", "bad?name"),
    ]
    for path, limit, rule, end in cases:
        with pytest.raises(InputError) as refused:
            read_text(path, limit_bytes=limit)
        assert refused.value.rule == rule
        assert refused.value.where.endswith(end)
