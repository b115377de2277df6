"""The design document as JSON: equal when read back, refused with its place when it is not one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats.exports import design_json
from workbench.stack import content_sha256


def test_the_document_survives(design, tmp_path):
    for canonical in (False, True):
        path = tmp_path / f"design-{canonical}.json"
        design_json.write_json(design, path, canonical=canonical)
        again = design_json.read_json(path)
        assert again == design
        assert content_sha256(again) == content_sha256(design)


def test_pretty_is_pretty_and_canonical_is_one_line(design):
    pretty, canonical = design_json.to_text(design), design_json.to_text(design, canonical=True)
    assert pretty.startswith('{\n  "schema_version": 2,')
    assert "匯出" in pretty
    assert "\n" not in canonical
    assert json.loads(pretty).keys() == json.loads(canonical).keys()


REFUSED = [  # text, rule, place
    ("", "exchange.json.syntax", "d.json:1:1"),
    ('{"a": 1,\n "b": }', "exchange.json.syntax", "d.json:2:7"),
    ('{"a": {"b": 1},\n "c": "\\"a\\":",\n "a": 2}', "exchange.json.twice", "d.json:3:2"),
    ('{"a": [{"k": 1}, {"k": 1, "\\u006b": 2}]}', "exchange.json.twice", "d.json:1:27"),
    ('{"NaN": 1,\n "b": NaN}', "exchange.json.not_finite", "d.json:2:7"),
    ('\ufeff{"a": 1, "a": NaN}', "exchange.json.not_finite", "d.json:1:15"),
    ('\ufeff{"a": 1, "a": 2}', "exchange.json.twice", "d.json:1:10"),
    ('{"b": -Infinity}', "exchange.json.not_finite", "d.json:1:7"),
    ("[" * 100_000, "exchange.json.too_deep", "d.json"),
    ('{"a":' * 40 + "1" + "}" * 40, "exchange.json.too_deep", "d.json"),
    ('{"a": ' + "9" * 5000 + "}", "exchange.json.syntax", "d.json"),
    ("[]", "design.not_json", "d.json"),
    ('{"schema_version": 99}', "design.newer", "d.json: schema_version"),
    ('{"schema_version": []}', "design.not_a_choice", "d.json: schema_version"),
    ('{"title": "a",\n "layers": [{"name": 3}]}', "design.field_missing", "d.json: assembly"),
]


@pytest.mark.parametrize(("text", "rule", "place"), REFUSED, ids=[f"{i}-{row[1]}" for i, row in enumerate(REFUSED)])
def test_refusals_name_the_place(text, rule, place):
    with pytest.raises(InputError) as refused:
        design_json.read_text(text, where="d.json")
    assert refused.value.rule == rule
    assert refused.value.where == place


@pytest.mark.timeout(20)  # copying the rest of the text at every key would take minutes
def test_the_last_of_many_keys_is_found_to_stand_twice():
    count = 100_000
    text = "{" + ",\n".join(f'"k{i}": {{"x":\n"x"}}' for i in range(count)) + ',\n "k0" \t: 1}'
    with pytest.raises(InputError) as refused:
        design_json.read_text(text, where="d")
    assert (refused.value.rule, refused.value.where, refused.value.got) == (
        "exchange.json.twice", f"d:{2 * count + 1}:2", "k0")  # fmt: skip


def test_brackets_inside_texts_are_no_nesting():
    with pytest.raises(InputError) as refused:
        design_json.read_text(json.dumps({"title": "[" * 1000 + '\\"' + "{" * 1000}), where="d")
    assert refused.value.rule != "exchange.json.too_deep"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:\\ntrue0123.eE-+ \n\u2028é', max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["title", "dies", "layers", "width_mm", "schema_version", "x"]), inner, max_size=4),
    max_leaves=12).map(json.dumps))  # fmt: skip
def test_any_text_is_refused_in_our_words(text):
    with pytest.raises(InputError):  # a design does not come about by chance
        design_json.read_text(text, where="d")
