"""What comes from an address is text from anywhere: it is checked, written anew, and never run."""

from __future__ import annotations

import ast

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.schema import Parameters, choice, flag, quantity, text
from workbench.serving.query import given_values, inject


class Study(Parameters):
    design_id: str = choice("Design", "設計", of="design", default="poc")
    wafer_diameter_mm: float = quantity("Wafer diameter", "晶圓直徑", ge=100, le=450, default=300)
    runs_count: int = quantity("Runs", "次數", ge=1, le=9, default=3)
    method: str = choice("Method", "方法", options=("mcm", "fan_out"), default="mcm")
    note: str = text("Note", "備註", default="")
    show_all: bool = flag("Show all", "全部", default=False)


def notebook(*tags: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell("# T"), nbformat.v4.new_code_cell("x = 1", metadata={"tags": list(tags)})]
    return nbformat.v4.new_notebook(cells=cells)


def test_only_what_is_named_is_set_and_the_language_is_not_a_parameter():
    values = given_values(Study, {"wafer_diameter_mm": ["200"], "show_all": ["true"], "lang": ["zh-Hant"]})
    assert values == {"wafer_diameter_mm": 200.0, "show_all": True}


@pytest.mark.parametrize(
    ("arguments", "rule", "where"),
    [
        ({"wafer_diameter_mm": ["9999"]}, "param.out_of_range", "wafer_diameter_mm"),
        ({"wafer_diameter_mm": ["__import__('os').system('true')"]}, "param.not_a_number", "wafer_diameter_mm"),
        ({"wafer_diameter_mm": ["nan"]}, "param.not_a_number", "wafer_diameter_mm"),
        ({"runs_count": ["2.5"]}, "param.not_whole", "runs_count"),
        ({"method": ["mcm'; import os"]}, "param.not_a_choice", "method"),
        ({"note": ["a\nimport os"]}, "param.wrong_type", "note"),
        ({"note": ["x" * 5000]}, "param.wrong_type", "note"),
        ({"store": ["/etc/passwd"]}, "param.unknown", "store"),
        ({"__class__": ["1"]}, "param.unknown", "__class__"),
        ({"method": ["mcm", "fan_out"]}, "serve.given_twice", "method"),
    ],
)
def test_hostile_and_wrong_values_are_refused(arguments, rule, where):
    with pytest.raises(InputError) as refused:
        given_values(Study, arguments)
    assert (refused.value.rule, refused.value.where) == (rule, where)


def test_a_page_without_parameters_takes_none():
    assert given_values(None, {"lang": ["en"]}) == {}
    with pytest.raises(InputError, match="takes no parameters"):
        given_values(None, {"x": ["1"]})


def test_the_values_follow_the_parameters_cell_as_literals():
    changed = inject(notebook("parameters"), {"method": "fan_out", "wafer_diameter_mm": 200.0, "show_all": True})
    assert [cell.source for cell in changed.cells][1:] == [
        "x = 1",
        "method = 'fan_out'\nwafer_diameter_mm = 200.0\nshow_all = True",
    ]
    assert changed.cells[2].metadata.tags == ["injected-parameters"]
    nbformat.validate(changed)


def test_without_values_or_without_the_cell_nothing_is_injected():
    assert len(inject(notebook("parameters"), {}).cells) == 2
    with pytest.raises(InputError):
        inject(notebook("other"), {"method": "mcm"})


@given(st.text(max_size=200))
def test_whatever_text_passes_the_declaration_is_one_literal_of_that_text(typed):
    """The injected cell of any accepted text parses to a single assignment of a constant equal to it."""
    try:
        values = given_values(Study, {"note": [typed], "design_id": [typed]})
    except InputError:
        return
    source = inject(notebook("parameters"), values).cells[2].source
    tree = ast.parse(source)
    assert [type(node) for node in tree.body] == [ast.Assign, ast.Assign]
    assert {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body} == values


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1], object(), b"x"])
def test_only_plain_values_have_a_literal(value):
    with pytest.raises(InputError) as refused:
        inject(notebook("parameters"), {"x": value})
    assert refused.value.rule == "serve.no_literal"
    with pytest.raises(InputError):
        inject(notebook("parameters"), {"x; import os": 1})
