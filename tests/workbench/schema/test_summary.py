"""Figures as people read them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.schema import Figure, Summary, Verdict
from workbench.schema.summary import shown

SHOWN = [  # value, digits, expected
    (15.60499, 4, "15.60"), (1234567, 3, "1,230,000"), (0.00012345, 3, "0.000123"), (None, 4, "–"),
    (999.99, 3, "1,000"),
    (12, 4, "12"), (0.0, 4, "0"), (float("nan"), 4, "–"), (float("-inf"), 4, "-∞"), ("as is", 4, "as is"),
    (1e-9, 3, "1.00e-09"), (-0.5, 2, "-0.50"), (65.0, 1, "60"), (103000.4, 6, "103,000"), (0.0, 2, "0"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "digits", "expected"), SHOWN)
def test_shown(value, digits, expected):
    assert shown(value, digits) == expected


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9), st.integers(1, 8))
def test_what_is_shown_is_close_to_the_value(value, digits):
    printed = float(shown(value, digits).replace(",", ""))
    assert math.isclose(printed, value, rel_tol=10 ** (1 - digits), abs_tol=1e-12)


def test_a_summary_is_plain_json_in_both_languages():
    unknown = Figure("label.value", float("nan"), low=1.0, high=2.0, verified=False)
    summary = Summary(Verdict.FAIL, "t", (unknown,), ("plain", {"en": "a", "zh-Hant": "b"}))
    facts = json.loads(json.dumps(summary.as_dict(), allow_nan=False))
    assert facts["figures"][0]["label"] == {"en": "Value", "zh-Hant": "數值"}
    assert facts["figures"][0]["value"] is None
    assert facts["figures"][0]["verified"] is False
    assert facts["reasons"] == [{"en": "plain", "zh-Hant": "plain"}, {"en": "a", "zh-Hant": "b"}]
