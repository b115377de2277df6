"""Files of a real tester (noonchen/rust-stdf `demo_stdf`, MIT): big-endian, one wafer each."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.formats import stdf

FILES = [  # file, PTR (counted with pystdf: SOURCES.md of the corpus), parts, results with an alarm
    ("lot2.stdf.gz", 52_403, 1569, 15),
    ("lot3.stdf.gz", 54_123, 1619, 14),
]


@pytest.fixture(scope="module", params=FILES, ids=[file[0] for file in FILES])
def file(request, corpus):
    path = corpus / "stdf" / request.param[0]
    if not path.is_file():
        pytest.skip(f"the file of a tester is absent ({path})")
    return path, *request.param[1:]


def test_record_counts(file):
    path, ptr, parts, _ = file
    found = stdf.counts(path)
    assert (found["PTR"], found["PIR"], found["PRR"], found["WIR"], found["MRR"]) == (ptr, parts, parts, 1, 1)


def test_the_lot(file):
    path, ptr, parts, alarms = file
    lot = stdf.read(path)
    assert (lot.lot, lot.product, len(lot.tests), len(lot.parts)) == ("GAL-LOT", "GOLD8BAR", 74, parts)
    assert len(lot.readings) == ptr - alarms
    assert any(f"{alarms} results the file marks as not usable" in line for line in lot.report.lines())
    assert lot.carriers[0].attributes["parts_said"] == parts  # the wafer's own count


def test_every_result_is_that_of_the_record(file):
    """The scan against the record-by-record reader: number, site and value of each result."""
    path, *_ = file
    lot = stdf.read(path)
    numbers = {test.parameter: test.number for test in lot.tests}
    results = [(r["TEST_NUM"], r["RESULT"]) for r in stdf.records(path, only=("PTR",)) if not r["TEST_FLG"] & 0x3F]
    assert [numbers[name] for name in lot.readings.parameter] == [number for number, _ in results]
    np.testing.assert_array_equal(lot.readings.value, [value for _, value in results])


def test_the_verdict_of_the_tester_agrees_with_the_limits(file):
    """TEST_FLG bit 7 (failed) of each PTR against the limits that the first PTR of its test set."""
    path, *_ = file
    tests = {test.number: test for test in stdf.read(path).tests}
    differ = 0
    for r in stdf.records(path, only=("PTR",)):
        test = tests[r["TEST_NUM"]]
        outside = not (-np.inf if test.lower is None else test.lower) <= r["RESULT"] <= (
            np.inf if test.upper is None else test.upper)  # fmt: skip
        if not r["TEST_FLG"] & 0x7F:
            differ += outside != bool(r["TEST_FLG"] & 0x80)
    assert differ == 0
