"""A run with parameters of its own is a what-if: kept and shown, but it never stands for its subject."""

from __future__ import annotations

import pytest

from workbench.reports.index import newest_of_each
from workbench.runs.notebooks import is_what_if

STACK = "design/stack_design"
CASES = [  # parameters given, whether it is a what-if
    ({}, False),
    ({"design_id": "multi-gpu"}, False),  # the subject is what the nightly varies
    ({"design_id": "multi-gpu", "defect_ratio": 1.0}, False),
    ({"design_id": "multi-gpu", "defect_ratio": 2.0}, True),
    ({"yield_model": "poisson"}, True),
]


def record(run_id, notebook=STACK, **parameters):
    subject = parameters.get("design_id", "x")
    return {"run_id": run_id, "notebook": notebook, "subject_id": subject, "parameters": parameters}


@pytest.mark.parametrize(("parameters", "expected"), CASES)
def test_what_if(parameters, expected):
    assert is_what_if(record("a", **parameters)) is expected


def test_a_notebook_that_is_gone_has_no_what_ifs():
    assert not is_what_if(record("a", notebook="design/gone", defect_ratio=2.0))


def test_the_newest_of_a_subject_is_not_a_what_if():
    newer, older = record("newer", defect_ratio=2.0), record("older", defect_ratio=1.0)
    alone = record("alone", design_id="only", defect_ratio=3.0)
    assert [r["run_id"] for r in newest_of_each([newer, alone, older])] == ["alone", "older"]
