"""Made-up lots come back from their files as they were made: any mix of tests, sites, wafers, retests, byte order."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats import stdf
from workbench.formats.stdf.synthetic import REPEATED, MadeLot, MadeTest, MadeWafer, grid, write

number = st.floats(-1e6, 1e6, width=32)
limits = st.none() | number


@st.composite
def made_tests(draw, n):
    kind = draw(st.sampled_from(("PTR", "PTR", "MPR", "FTR")))
    pins = tuple(f"P{i}" for i in range(draw(st.integers(1, 5)))) if kind == "MPR" else ()
    name = draw(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20))
    return MadeTest(n, name, draw(st.sampled_from(("", "V", "Ohm"))), draw(limits), draw(limits), draw(number),
                    draw(st.floats(0, 10)), draw(st.integers(-12, 12)), pins, kind == "FTR")  # fmt: skip


@st.composite
def lots(draw):
    numbers = draw(st.lists(st.integers(0, 2**32 - 1), unique=True, min_size=1, max_size=5))
    wafers = tuple(MadeWafer(f"W{i}", grid(draw(st.integers(1, 4)), draw(st.integers(1, 4))))
                   for i in range(draw(st.integers(0, 3))))  # fmt: skip
    return MadeLot("L", "P", tuple(draw(made_tests(n)) for n in numbers), wafers, units=draw(st.integers(1, 9)),
                   sites=draw(st.integers(1, 4)), retested=draw(st.sampled_from((0.0, 0.5, 1.0))),
                   repeated=draw(st.sampled_from(REPEATED)), seed=draw(st.integers(0, 99)))  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lot=lots(), big=st.booleans(), suffix=st.sampled_from((".stdf", ".stdf.gz", ".std.bz2")))
def test_a_lot_comes_back_as_it_was_made(tmp_path, lot, big, suffix):
    path = tmp_path / f"lot{suffix}"
    made = write(path, lot, big=big, overwrite=True)
    read = stdf.read(path)

    assert {test.parameter for test in read.tests} == set(made.parameters)
    by_name = {test.parameter: test for test in read.tests}
    for test in lot.tests:
        for name in (f"{test.number} {test.name}{pin}" for pin in ([f"[{p}]" for p in test.pins] or [""])):
            found = by_name[name]
            expected = (1.0, None, "") if test.functional else (test.lower, test.upper, test.unit)
            assert (found.lower, found.upper, found.unit) == expected
            assert found.number == test.number

    before = np.cumsum([0, *(len(w.dies) for w in lot.wafers)])  # parts on the wafers before
    first = made.part - np.where(made.wafer >= 0, before[made.wafer], 0)
    carriers = [w.name for w in lot.wafers] if lot.wafers else ["L"]
    parts = read.parts
    assert parts.carrier.tolist() == [carriers[max(w, 0)] for w in made.wafer]
    assert parts.position.tolist() == first.tolist()
    assert parts.attempt.tolist() == made.attempt.tolist()
    assert parts.part_id.tolist() == [str(p + 1) for p in made.part]
    assert parts.site.tolist() == made.site.tolist()
    assert parts.passed.tolist() == made.passed.tolist()
    if lot.wafers:
        assert (parts.x.tolist(), parts.y.tolist()) == (made.x.tolist(), made.y.tolist())

    rows = {key: i for i, key in enumerate(zip(parts.carrier, parts.position, parts.attempt, strict=True))}
    columns = {name: i for i, name in enumerate(made.parameters)}
    back = np.full(made.values.shape, np.nan)
    places = zip(*(read.readings[c] for c in ("carrier", "position", "attempt", "parameter", "value")), strict=True)
    for carrier, position, attempt, parameter, value in places:
        back[rows[carrier, position, attempt], columns[parameter]] = value
    assert len(read.readings) == made.values.size
    np.testing.assert_array_equal(back, made.values.astype(float))  # not one bit is lost


@pytest.mark.parametrize("big", [False, True])
def test_one_seed_is_one_file(tmp_path, big):
    lot = MadeLot("L", "P", (MadeTest(1, "v", "V", 0, 1, 0.5, 0.3),), (MadeWafer("W", grid(5, 5)),), retested=1.0)
    digests = set()
    for name in ("a.stdf.gz", "b.stdf.gz"):
        write(tmp_path / name, lot, big=big)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_made_lot_says_that_it_is_synthetic(tmp_path):
    write(tmp_path / "lot.stdf", MadeLot("L", "P", (MadeTest(1, "v"),), units=1))
    assert stdf.read(tmp_path / "lot.stdf").conditions["user_text"] == "synthetic data, not measured"


def test_planted_values_and_planted_verdicts(tmp_path):
    """Values given are written as they are; a part fails where one is outside its limits."""
    values = np.array([[0.5], [1.5], [np.inf], [-0.5]])
    lot = MadeLot("L", "P", (MadeTest(1, "v", "V", 0.0, 1.0),), units=4, values=values)
    write(tmp_path / "lot.stdf", lot)
    read = stdf.read(tmp_path / "lot.stdf")
    assert read.readings.value.tolist() == [0.5, 1.5, -0.5]
    assert read.parts.passed.tolist() == [True, False, False, False]
    bits = [r["PARM_FLG"] for r in stdf.records(tmp_path / "lot.stdf", only=("PTR",))]
    assert bits == [0, 0x08, 0x08, 0x10]  # higher than the high limit, lower than the low limit


@pytest.mark.parametrize("wrong", [{"values": np.zeros((3, 1))}, {"repeated": "never"}, {"sites": 0}, {"sites": 255}])
def test_a_description_that_does_not_fit_is_refused(tmp_path, wrong):
    with pytest.raises(InputError) as refused:
        write(tmp_path / "lot.stdf", MadeLot("L", "P", (MadeTest(1, "v"),), units=4, **wrong))
    assert refused.value.rule == "stdf.lot_does_not_fit"
    assert not (tmp_path / "lot.stdf").exists()


def test_a_round_wafer():
    """Dies of a 4 x 4 grid in the inscribed circle: all but the four corners, in serpentine order."""
    dies = grid(4, 4)
    assert len(dies) == 12
    assert dies[:4] == ((1, 0), (2, 0), (3, 1), (2, 1))
