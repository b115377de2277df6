"""The form of columns: unknown ones first, and answers that make the mapping they say."""

from __future__ import annotations

import pytest

from widgets.lot_files.columns import GROUPS, MOST_ROWS, ColumnsForm
from workbench.errors import InputError
from workbench.formats import tabular
from workbench.formats.tabular.guess import Described

COLUMNS = tuple(Described(name, True, ("1", "2", "")) for name in ("wafer", "G1", "Vth (mV)"))
DOCUMENT = {"columns": [
    {"name": "wafer", "role": "carrier"}, {"name": "G1", "role": "reading"},
    {"name": "Vth (mV)", "role": "reading", "parameter": "Vth", "unit": "mV", "lower": 1.5},
]}  # fmt: skip


@pytest.fixture
def form():
    made = ColumnsForm()
    made.ask(COLUMNS, DOCUMENT, ["G1"])
    return made


def change(form, row, **fields):
    form.answers = [{**answer, **(fields if i == row else {})} for i, answer in enumerate(form.answers)]


def test_every_role_can_be_chosen_once():
    offered = [role for roles in GROUPS.values() for role in roles]
    assert sorted(offered) == sorted(tabular.ROLES)


def test_the_unknown_come_first_with_their_first_values(form):
    assert [(row["name"], row["ask"], row["first"]) for row in form.rows] == [
        ("G1", True, ["1", "2"]), ("wafer", False, ["1", "2"]), ("Vth (mV)", False, ["1", "2"])]  # fmt: skip


def test_what_is_not_answered_stays_as_it_was(form):
    said = tabular.made({"columns": form.answer()})
    assert said.columns[2] == tabular.made(DOCUMENT).columns[2]
    assert [column.name for column in said.columns] == ["wafer", "G1", "Vth (mV)"]  # the order of the table


def test_answers_become_the_mapping(form):
    change(form, 0, role="reading", parameter=" thickness ", unit="um", site="left", upper="780", lower="")
    assert form.answer()[1] == {"name": "G1", "role": "reading", "parameter": "thickness", "unit": "um",
                                "site": "left", "upper": 780.0}  # fmt: skip
    change(form, 0, role="ignore")
    assert form.answer()[1] == {"name": "G1", "role": "ignore"}


@pytest.mark.parametrize("word", ["x", "1,5", "nan", "inf", "1e999"])
def test_a_limit_that_is_no_number_is_refused_with_its_column(form, word):
    change(form, 0, upper=word)
    with pytest.raises(InputError) as refused:
        form.answer()
    assert (refused.value.rule, refused.value.got) == ("importing.number", word)
    assert "G1" in refused.value.where


def test_a_role_that_there_is_not_is_refused(form):
    change(form, 0, role="drop table")
    with pytest.raises(InputError, match="role"):
        tabular.made({"columns": form.answer()})


def test_a_table_of_very_many_columns_keeps_the_rest_as_proposed():
    many = [Described(f"c{i}", True, ()) for i in range(MOST_ROWS + 50)]
    document = {"columns": [{"name": each.name, "role": "reading"} for each in many]}
    form = ColumnsForm()
    form.ask(many, document, [many[-1].name])
    assert (len(form.rows), form.beyond, form.rows[0]["name"]) == (MOST_ROWS, 50, many[-1].name)
    assert [column["name"] for column in form.answer()] == [each.name for each in many]
