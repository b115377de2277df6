"""Errors say what, where, got, allowed and the next step, in both languages, with fixed exit codes."""

from __future__ import annotations

import pickle

import pytest

from workbench import errors
from workbench.errors import InputError

EXIT_CODES = {  # the interface of every script that calls us: never change a row
    "RuleViolation": 1, "InputError": 2, "DomainError": 2, "StoreError": 3, "RunError": 4, "BusyError": 5,
    "MissingToolError": 6, "WorkbenchError": 70,
}  # fmt: skip


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_exit_codes_are_fixed(name, code):
    assert getattr(errors, name).exit_code == code


def test_no_error_class_is_left_out_of_the_table():
    family = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.WorkbenchError)}
    assert family == set(EXIT_CODES)


def test_a_sentence_names_all_parts_in_each_language():
    error = InputError("param.out_of_range", where="bond_line_um", got="120 µm", allowed="1 ... 100 µm")
    assert error.sentence("en") == (
        "The value lies outside the allowed range. Where: bond_line_um. Got: 120 µm. Allowed: 1 ... 100 µm. "
        "Next step: Choose a value inside the range."
    )
    assert error.sentence("zh-Hant") == (
        "數值超出允許範圍。位置: bond_line_um。實際值: 120 µm。允許範圍: 1 ... 100 µm。下一步: 請選擇範圍內的數值。"
    )


def test_errors_cross_process_borders():
    error = InputError("param.missing", where="design_id", allowed="a design", name="design_id")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is InputError
    assert again.as_dict("zh-Hant") == error.as_dict("zh-Hant")
    assert "-p design_id=" in again.fix("en")


def test_hostile_text_is_never_a_template():
    error = InputError("param.unknown", where="{0.__class__}", got="{name!r}", allowed="%s")
    assert "{0.__class__}" in error.sentence("en")
    assert "{name!r}" in error.sentence("zh-Hant")
