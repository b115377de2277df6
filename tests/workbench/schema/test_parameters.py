"""One declaration: validation, JSON Schema, command line and form follow from it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InputError, WorkbenchError
from workbench.schema import Parameters, choice, flag, quantity, text


class BondStudy(Parameters):
    """A study used by these tests."""

    design_id: str = choice("Design", "設計", of="design", default="poc")
    bond_line_um: float = quantity("Bond line", "接合層厚度", ge=1, le=100, default=20)
    dies_count: int = quantity("Dies", "晶粒數", ge=1, default=2)
    cte_ppm_per_k: float = quantity("Expansion", "膨脹係數", gt=-5, lt=50, default=2.6)
    method: str = choice("Method", "方法", options=("tcb", "reflow"), default="tcb")
    dry: bool = flag("Dry run", "試運行", default=False)
    remark: str = text("Remark", "備註", default="")


class Needy(Parameters):
    lot_id: str = choice("Lot", "批次", of="lot")


REFUSED = [  # value, rule, what the message must name
    ({"bond_line_um": 120}, "param.out_of_range", ("bond_line_um", "120 µm", "1 ... 100 µm")),
    ({"bond_line_um": 0.999}, "param.out_of_range", ("bond_line_um", "0.999 µm", "1 ... 100 µm")),
    ({"cte_ppm_per_k": -5}, "param.out_of_range", ("cte_ppm_per_k", "-5 ppm/K", "-5 ... 50 ppm/K")),
    ({"dies_count": 0}, "param.out_of_range", ("dies_count", "0", ">= 1")),
    ({"dies_count": 1.5}, "param.not_whole", ("dies_count", "1.5", ">= 1")),
    ({"bond_line_um": "20"}, "param.not_a_number", ("bond_line_um", "20", "1 ... 100 µm")),
    ({"bond_line_um": float("nan")}, "param.not_a_number", ("bond_line_um", "nan", "1 ... 100 µm")),
    ({"bond_line_um": float("inf")}, "param.not_a_number", ("bond_line_um", "inf", "1 ... 100 µm")),
    ({"bond_line_um": True}, "param.not_a_number", ("bond_line_um", "True", "1 ... 100 µm")),
    ({"method": "glue"}, "param.not_a_choice", ("method", "glue", "tcb, reflow")),
    ({"dry": 1}, "param.wrong_type", ("dry", "1", "true or false")),
    ({"design_id": 7}, "param.wrong_type", ("design_id", "7", "a design of the store")),
    ({"remark": "x" * 401}, "param.wrong_type", ("remark", "xxx", "400")),
    ({"remark": "a\x00b"}, "param.wrong_type", ("remark", "a?b", "400")),
    ({"colour": "red"}, "param.unknown", ("colour", "red"[:0], "bond_line_um")),
]


@pytest.mark.parametrize(("values", "rule", "named"), REFUSED)
def test_refused_values_say_where_got_and_allowed(values, rule, named):
    with pytest.raises(InputError) as refused:
        BondStudy(**values)
    error = refused.value
    assert error.rule == rule
    for part in named:
        assert part in error.sentence("en")
        assert part == "true or false" or part == "a design of the store" or part in error.sentence("zh-Hant")
    assert "pydantic" not in error.both().lower()


def test_a_missing_value_names_the_way_to_give_it():
    with pytest.raises(InputError, match="-p lot_id=VALUE") as refused:
        Needy()
    assert refused.value.rule == "param.missing"


def test_bounds_are_inclusive_or_not_as_declared():
    assert BondStudy(bond_line_um=1).bond_line_um == 1.0
    assert BondStudy(bond_line_um=100).bond_line_um == 100.0
    assert BondStudy(cte_ppm_per_k=49.999).cte_ppm_per_k == 49.999


def test_values_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        BondStudy().bond_line_um = 3


def test_from_a_command_line():
    p = BondStudy.from_pairs(["bond_line_um=2.5e1", "dry=yes", "method=reflow", "remark=a=b", "dies_count=3"])
    assert p == BondStudy(bond_line_um=25, dry=True, method="reflow", remark="a=b", dies_count=3)
    with pytest.raises(InputError) as refused:
        BondStudy.from_pairs(["bond_line_um"])
    assert refused.value.rule == "param.not_a_pair"


def test_from_a_notebook_cell_takes_only_what_is_declared():
    assert BondStudy.from_cell({"bond_line_um": 30, "other": object(), "__name__": "x"}) == BondStudy(bond_line_um=30)


@given(st.text(max_size=60))
def test_no_text_gets_past_the_family_of_errors(value):
    for name in BondStudy.model_fields:
        with suppress(WorkbenchError):
            BondStudy.from_strings({name: value})


@given(st.floats(1, 100), st.integers(1, 10**6), st.sampled_from(["tcb", "reflow"]), st.booleans())
def test_round_trip_through_text(bond_line_um, dies_count, method, dry):
    p = BondStudy(bond_line_um=bond_line_um, dies_count=dies_count, method=method, dry=dry)
    assert BondStudy.from_strings({k: str(v) for k, v in p.as_dict().items()}) == p


def test_fields_tell_every_screen_what_it_needs():
    bond, dies = BondStudy.field("bond_line_um"), BondStudy.field("dies_count")
    assert (bond.kind, bond.unit, bond.ge, bond.le, bond.default) == ("number", "µm", 1, 100, 20)
    assert bond.label == {"en": "Bond line", "zh-Hant": "接合層厚度"}
    assert (dies.kind, dies.unit, dies.required) == ("integer", "", False)
    assert Needy.field("lot_id").required
    assert BondStudy.field("method").options == ("tcb", "reflow")
    assert BondStudy.field("design_id").of == "design"


def test_json_schema_carries_units_bounds_and_choices():
    schema = BondStudy.json_schema()
    assert schema["additionalProperties"] is False
    assert schema["properties"]["bond_line_um"] == {
        "default": 20, "label": {"en": "Bond line", "zh-Hant": "接合層厚度"}, "maximum": 100, "minimum": 1,
        "title": "Bond line", "type": "number", "unit": "µm",
    }  # fmt: skip
    assert schema["properties"]["method"]["enum"] == ["tcb", "reflow"]
    assert Needy.json_schema()["required"] == ["lot_id"]


def test_a_choice_is_of_options_or_of_the_store():
    with pytest.raises(TypeError):
        choice("A", "甲")
    with pytest.raises(TypeError):
        choice("A", "甲", options=("a",), of="lot")
