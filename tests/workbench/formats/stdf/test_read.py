"""What a file of test results becomes: parameters, limits, validity, parts, wafers."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from workbench.formats import stdf
from workbench.formats.lot_data import PART_COLUMNS, READING_COLUMNS
from workbench.formats.stdf import scanning, tables

NAN, INF = float("nan"), float("inf")


def values(lot, parameter):
    rows = lot.readings[lot.readings.parameter == parameter]
    return rows.value.tolist()


def said(lot, key_part):
    return [line for line in lot.report.lines() if key_part in line]


def test_frames_have_the_declared_columns(made):
    lot = made(lambda s: s.start().ptr(TEST_TXT="Vdd").end("a", X_COORD=1, Y_COORD=-2))
    assert lot.format == "stdf"
    for frame, columns in ((lot.parts, PART_COLUMNS), (lot.readings, READING_COLUMNS)):
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == columns
    [part] = lot.parts.to_dict("records")
    assert (part["part_id"], part["x"], part["y"], part["hard_bin"], bool(part["passed"])) == ("a", 1, -2, 1, True)


# -- parameters --------------------------------------------------------------------------------------------------------
def test_the_first_record_sets_what_later_ones_leave_out(made):
    """Specification, PTR: the first PTR of a test sets its text, scales, limits and unit."""
    def fill(s):
        s.start().ptr(TEST_TXT="leak", OPT_FLAG=0x0E, RES_SCAL=9, LO_LIMIT=-1.0, HI_LIMIT=2.0, UNITS="A").end()
        s.start().ptr(result=0.5).end()
        s.start().ptr(result=0.25, OPT_FLAG=0xFF).end()

    lot = made(fill)
    [test] = lot.tests
    assert (test.parameter, test.unit, test.lower, test.upper, test.number) == ("1000 leak", "A", -1.0, 2.0, 1000)
    assert values(lot, "1000 leak") == [1.0, 0.5, 0.25]  # as stored: RES_SCAL is for display only
    assert lot.report.kept["stdf"]["display_exponent"] == {"1000 leak": 9}


@pytest.mark.parametrize(
    ("option", "lower", "upper"),
    [
        (0x0E, -1.0, 2.0),
        (0x0E | 0x10, None, 2.0),  # bit 4: LO_LIMIT is not valid, use the default; a first record has none
        (0x0E | 0x20, -1.0, None),  # bit 5: the same of HI_LIMIT
        (0x0E | 0x40, None, 2.0),  # bit 6: no low limit
        (0x0E | 0x80, -1.0, None),  # bit 7: no high limit
        (0xFF, None, None),
    ],
)
def test_option_flags_of_limits(made, option, lower, upper):
    limits = {"LO_LIMIT": -1.0, "HI_LIMIT": 2.0}
    [test] = made(lambda s: s.start().ptr(TEST_TXT="v", OPT_FLAG=option, **limits).end()).tests
    assert (test.lower, test.upper) == (lower, upper)


@pytest.mark.parametrize("limit", [NAN, INF, -INF])
def test_a_limit_that_is_no_number_is_none(made, limit):
    [test] = made(lambda s: s.start().ptr(OPT_FLAG=0x0E, LO_LIMIT=limit, HI_LIMIT=limit).end()).tests
    assert (test.lower, test.upper) == (None, None)


def test_limits_that_change_are_said_and_the_first_hold(made):
    def fill(s):
        for high in (2.0, 2.0, 3.0):
            s.start().ptr(TEST_TXT="v", OPT_FLAG=0x0E, LO_LIMIT=0.0, HI_LIMIT=high, UNITS="V").end()

    lot = made(fill)
    assert lot.tests[0].upper == 2.0
    assert said(lot, "1 tests change their limits within the file (1 records)")


def test_limits_may_come_before_the_first_part(made):
    """Specification, PTR: a first record with default information only may stand before the first PIR."""
    lot = made(lambda s: s.ptr(result=None, TEST_FLG=0x10, TEST_TXT="v", OPT_FLAG=0x0E, LO_LIMIT=0.0, HI_LIMIT=5.0,
                               UNITS="V").start().ptr(result=1.25).end())  # fmt: skip
    assert (lot.tests[0].upper, lot.tests[0].unit) == (5.0, "V")
    assert values(lot, "1000 v") == [1.25]


def test_one_number_with_two_texts_is_two_parameters(made):
    lot = made(lambda s: s.start().ptr(TEST_TXT="a").ptr(result=2.0, TEST_TXT="b").ptr(3, 3.0).end())
    assert [test.parameter for test in lot.tests] == ["1000 a", "1000 b", "3"]
    assert values(lot, "1000 b") == [2.0]


def test_a_number_without_text_takes_that_of_the_synopsis(made):
    lot = made(lambda s: s.start().ptr(7).end()("TSR", HEAD_NUM=255, SITE_NUM=0, TEST_NUM=7, TEST_NAM="idd"))
    assert [test.parameter for test in lot.tests] == ["7 idd"]


def test_a_text_that_comes_late_names_the_number(made):
    lot = made(lambda s: s.start().ptr(result=1.0).end().start().ptr(result=2.0, TEST_TXT="late ").end())
    assert values(lot, "1000 late") == [1.0, 2.0]


def test_texts_that_are_not_ascii(made, tmp_path):
    lot = made(lambda s: s.start().ptr(TEST_TXT="電壓 µV").end())
    assert lot.tests[0].parameter == "1000 電壓 µV"
    path = tmp_path / "latin.stdf"
    path.write_bytes((tmp_path / "made.stdf").read_bytes().replace("電壓 µV".encode(), b"\xb5V\x00\nabcdef"))
    assert stdf.read(path).tests[0].parameter == "1000 µV  abcdef"


def test_a_test_repeated_within_a_part_is_a_parameter_of_its_own(made):
    lot = made(lambda s: s.start().ptr(TEST_TXT="v").ptr(result=2.0, TEST_TXT="v").ptr(result=3.0, TEST_TXT="v").end()
               .start().ptr(result=4.0, TEST_TXT="v").end())  # fmt: skip
    assert [values(lot, f"1000 v{n}") for n in ("", " (2)", " (3)")] == [[1.0, 4.0], [2.0], [3.0]]
    assert not lot.readings.duplicated(["carrier", "position", "attempt", "parameter"]).any()
    assert said(lot, "2 readings repeat a parameter")


# -- MPR and FTR -------------------------------------------------------------------------------------------------------
def mpr(s, results, pins=(), site=1, **values):
    return s("MPR", TEST_NUM=2000, HEAD_NUM=1, SITE_NUM=site, TEST_FLG=0, PARM_FLG=0, RTN_RSLT=results,
             **({"RTN_STAT": (0,) * len(pins), "RTN_INDX": pins} if pins else {}), **values)  # fmt: skip


def test_an_array_is_a_parameter_a_pin_named_by_the_pin_map(made):
    """Names of LOG_NAM, else PHY_NAM; both sites have indices of their own for one pin."""
    def fill(s):
        for index, site, name in ((11, 1, "A1"), (12, 1, "A2"), (21, 2, "A1"), (22, 2, "A2")):
            s("PMR", PMR_INDX=index, LOG_NAM=name, PHY_NAM="p", HEAD_NUM=1, SITE_NUM=site)
        s("PMR", PMR_INDX=13, PHY_NAM="pad3", HEAD_NUM=1, SITE_NUM=1)
        s.start(1).start(2)
        mpr(s, (1.0, 2.0, 3.0, 4.0), (11, 12, 13, 99), TEST_TXT="ramp", UNITS="A")
        mpr(s, (5.0, 6.0), (21, 22), site=2, TEST_TXT="ramp")
        s.end(site=1).end(site=2).start()
        mpr(s, (7.0, 8.0, 9.0, 10.0))  # indices are those of the first record
        s.end()

    lot = made(fill)
    assert [(test.parameter, test.unit) for test in lot.tests] == [
        ("2000 ramp[A1]", "A"), ("2000 ramp[A2]", "A"), ("2000 ramp[pad3]", "A"), ("2000 ramp[pin 99]", "A"),
    ]  # fmt: skip
    assert [values(lot, test.parameter) for test in lot.tests] == [[1.0, 5.0, 7.0], [2.0, 6.0, 8.0], [3.0, 9.0],
                                                                   [4.0, 10.0]]  # fmt: skip


def test_an_array_without_pins_counts_its_results(made):
    lot = made(lambda s: mpr(s.start(), (1.0, 2.0), TEST_TXT="sweep").end())
    assert [test.parameter for test in lot.tests] == ["2000 sweep[#1]", "2000 sweep[#2]"]


def test_pins_of_one_name_on_one_site_are_told_apart(made):
    def fill(s):
        for index in (1, 2):
            s("PMR", PMR_INDX=index, LOG_NAM="VSS", HEAD_NUM=1, SITE_NUM=1)
        mpr(s.start(), (1.0, 2.0), (1, 2), TEST_TXT="i").end()

    assert [test.parameter for test in made(fill).tests] == ["2000 i[VSS/1]", "2000 i[VSS/2]"]


def test_a_functional_test_reads_one_or_zero(made):
    def fill(s):
        s.start().ftr(OPT_FLAG=0, CYCL_CNT=9, RTN_ICNT=1, PGM_ICNT=1, RTN_INDX=(1,), RTN_STAT=(1,), PGM_INDX=(2,),
                      PGM_STAT=(3,), FAIL_PIN=(1, 0), VECT_NAM="vec", TEST_TXT="scan").end()  # fmt: skip
        s.start().ftr(TEST_FLG=0x80).end()
        s.start().ftr(TEST_FLG=0x88).end()  # timed out and failed: the verdict is the reading
        for flags in (0x04, 0x10, 0x20, 0x40):  # unreliable, not executed, aborted, no verdict
            s.start().ftr(TEST_FLG=flags).end()

    lot = made(fill)
    assert values(lot, "3000 scan") == [1.0, 0.0, 0.0]
    assert lot.tests[0].lower == 1.0
    assert said(lot, "4 results the file marks as not usable")


# -- validity ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("test_flag", "parametric_flag", "usable"),
    [
        # Specification, PTR: RESULT is useful only if bits 0 to 5 of TEST_FLG and 0 to 2 of PARM_FLG are 0
        *((1 << bit, 0, False) for bit in range(6)),
        (0x40, 0, True), (0x80, 0, True), (0xC0, 0, True),
        *((0, 1 << bit, False) for bit in range(3)),
        *((0, 1 << bit, True) for bit in range(3, 8)),
    ],
)  # fmt: skip
def test_a_result_marked_as_not_usable_is_left_out(made, test_flag, parametric_flag, usable):
    lot = made(lambda s: s.start().ptr(TEST_FLG=test_flag, PARM_FLG=parametric_flag).end())
    assert len(lot.readings) == usable
    assert bool(said(lot, "1 results the file marks as not usable")) is not usable


def test_results_that_are_no_numbers_are_left_out(made):
    lot = made(lambda s: s.start().ptr(1, NAN).ptr(2, INF).ptr(3, -INF).ptr(4, 3.4e38).end())
    assert len(lot.readings) == 1
    assert said(lot, "3 results that are infinite or not a number")


def test_results_outside_a_part_are_left_out(made):
    lot = made(lambda s: s.ptr(1).start().ptr(1).ptr(1, site=2).end().ptr(1))
    assert len(lot.readings) == 1
    assert said(lot, "3 results outside a part")


def test_a_record_whose_fields_run_past_it_is_left_out(made):
    def fill(s):
        s.start().ptr(1)
        s.out.raw(b"\x0d\x00\x0f\x0a" + b"\x01\0\0\0\x01\x01\0\0" + b"\0\0\x80\x3f" + b"\x05")  # a text of 5, no bytes
        s.end()

    lot = made(fill)
    assert len(lot.readings) == 1
    assert said(lot, "1 records whose fields do not fit")


def test_records_of_unknown_type_are_skipped_and_told(made):
    def fill(s):
        s.out.raw(b"\x02\x00\xb4\x0cab" * 3 + b"\x00\x00\xff\xff")
        s.start().ptr().end()

    lot = made(fill)
    assert len(lot.readings) == 1
    assert said(lot, "4 records of types the specification does not name (type/subtype): 180/12 3, 255/255 1")


# -- parts -------------------------------------------------------------------------------------------------------------
def places(lot):
    return list(zip(lot.parts.position, lot.parts.attempt, strict=True))


def test_records_of_several_sites_are_matched_by_head_and_site(made):
    def fill(s):
        s.start(1).start(2).start(3)
        for number in (1, 2):
            for site in (3, 1, 2):
                s.ptr(number, 10.0 * number + site, site)
        s.end("a", 1).end("c", 3).end("b", 2)

    lot = made(fill)
    assert lot.parts.part_id.tolist() == ["a", "b", "c"]  # in the order of the PIR
    assert lot.parts.site.tolist() == [1, 2, 3]
    by_part = lot.readings.groupby("position").value.apply(list).to_dict()
    assert by_part == {0: [11.0, 21.0], 1: [12.0, 22.0], 2: [13.0, 23.0]}


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ({"part_id": "a", "PART_FLG": 0x01}, [(0, 0), (1, 0), (0, 1)]),  # bit 0: the part of this id again
        ({"part_id": "a"}, [(0, 0), (1, 0), (2, 0)]),  # without the flag, loose parts may share an id
        ({"part_id": "z", "PART_FLG": 0x01}, [(0, 0), (1, 0), (2, 0)]),
        ({"part_id": "z", "PART_FLG": 0x02, "X_COORD": 2, "Y_COORD": 2}, [(0, 0), (1, 0), (1, 1)]),  # bit 1: place
    ],
)
def test_loose_parts_tested_again(made, again, expected):
    lot = made(lambda s: s.start().ptr().end("a", X_COORD=1, Y_COORD=1).start().ptr().end("b", X_COORD=2, Y_COORD=2)
               .start().ptr(result=3.0).end(**again))  # fmt: skip
    assert places(lot) == expected
    assert [c.kind for c in lot.carriers] == ["tray"]


def test_a_die_of_a_wafer_tested_again_is_the_same_die_without_a_flag(made):
    def fill(s):
        for name in ("W1", "W2", "W1"):
            s("WIR", HEAD_NUM=1, SITE_GRP=255, START_T=5, WAFER_ID=name)
            s.start().ptr().end("1", X_COORD=3, Y_COORD=4)
            s("WRR", HEAD_NUM=1, SITE_GRP=255, FINISH_T=6, PART_CNT=1, WAFER_ID=name, FRAME_ID=f"f{name}")

    lot = made(fill)
    assert [c.name for c in lot.carriers] == ["W1", "W2"]
    assert lot.parts.carrier.tolist() == ["W1", "W2", "W1"]
    assert places(lot) == [(0, 0), (0, 0), (0, 1)]
    assert lot.carriers[0].attributes["frame"] == "fW1"
    assert said(lot, "1 dies have coordinates tested before")


def test_two_wafers_at_once_by_site_group(made):
    """SDR says which sites are of which group; WIR opens a wafer for a group."""
    def fill(s):
        s("SDR", HEAD_NUM=1, SITE_GRP=1, SITE_NUM=(1, 2))("SDR", HEAD_NUM=1, SITE_GRP=2, SITE_NUM=(3,))
        s("WIR", HEAD_NUM=1, SITE_GRP=1, START_T=5, WAFER_ID="left")
        s("WIR", HEAD_NUM=1, SITE_GRP=2, START_T=5, WAFER_ID="right")
        for site in (3, 1, 2):
            s.start(site).end(site=site)

    assert made(fill).parts.carrier.tolist() == ["right", "left", "left"]


def test_geometry_of_the_wafer_in_millimetres(made):
    """WF_UNITS: 1 inches, 2 centimetres, 3 millimetres, 4 mils."""
    for unit, size, die in ((1, 11.8110236, 0.2), (2, 30.0, 0.508), (3, 300.0, 5.08), (4, 11811.0236, 200.0)):
        def fill(s, unit=unit, size=size, die=die):
            s("WCR", WAFR_SIZ=size, DIE_HT=die, DIE_WID=die, WF_UNITS=unit, WF_FLAT="D", CENTER_X=0, CENTER_Y=-1,
              POS_X="R", POS_Y="U")  # fmt: skip
            s("WIR", HEAD_NUM=1, SITE_GRP=255, START_T=0, WAFER_ID="W").start().end()

        [wafer] = made(fill).carriers
        assert wafer.attributes["wafer_diameter_mm"] == pytest.approx(300, rel=1e-6)
        assert wafer.attributes["die_width_mm"] == pytest.approx(5.08, rel=1e-6)
        assert {k: wafer.attributes[k] for k in ("flat", "centre_x", "centre_y", "positive_x", "positive_y")} == {
            "flat": "down", "centre_x": 0, "centre_y": -1, "positive_x": "right", "positive_y": "up",
        }  # fmt: skip


def test_verdict_bins_and_what_is_not_given(made):
    def fill(s):
        s.start().end("good", SOFT_BIN=3, TEST_T=1500)
        s.start().end("bad", PART_FLG=0x08, HARD_BIN=5)
        s.start().end("none", PART_FLG=0x10)
        s.start().ptr()
        s("HBR", HEAD_NUM=1, SITE_NUM=1, HBIN_NUM=5, HBIN_CNT=1, HBIN_PF="F")
        s("HBR", HEAD_NUM=255, SITE_NUM=0, HBIN_NUM=5, HBIN_CNT=1, HBIN_PF="F", HBIN_NAM="open")
        s("SBR", HEAD_NUM=255, SITE_NUM=0, SBIN_NUM=3, SBIN_CNT=1, SBIN_PF="P", SBIN_NAM="ok")

    lot = made(fill)
    assert lot.parts.passed.astype(object).where(lot.parts.passed.notna(), None).tolist() == [True, False, None, None]
    assert lot.parts.soft_bin.isna().tolist() == [False, True, True, True]
    assert lot.parts.hard_bin.isna().tolist() == [False, False, False, True]
    np.testing.assert_equal(lot.parts.test_time_s.tolist(), [1.5, NAN, NAN, NAN])
    assert lot.parts.x.isna().all()
    assert said(lot, "1 parts have no PRR")
    bins = [(b.number, b.name, b.hard, b.passed) for b in lot.bins]
    assert bins == [(3, "ok", False, True), (5, "open", True, False)]


def test_conditions_and_moments(made):
    def fill(s):
        s("SDR", HEAD_NUM=1, SITE_GRP=255, SITE_NUM=(1,), CARD_ID="pc7", LOAD_ID="lb")("DTR", TEXT_DAT="note")
        s("MRR", FINISH_T=1_700_000_000, USR_DESC="fine")

    lot = made(fill)
    assert (lot.lot, lot.product) == ("L1", "P")
    assert lot.started_at == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert lot.ended_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (lot.conditions["probe_card"], lot.conditions["load_board"]) == ("pc7", "lb")
    assert lot.conditions["lot_description"] == "fine"
    assert lot.report.kept["stdf"]["texts"] == ["note"]


# -- the loop over records of one flow ---------------------------------------------------------------------------------
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("size", [*range(1, 19), 254, 255])
def test_one_byte_makes_another_test_wherever_it_is(made, size, big):
    """A record is compared with one before it eight bytes at a time; the oracle is the text itself."""
    texts = ["a" * size, "a" * size] + ["a" * i + "b" + "a" * (size - 1 - i) for i in range(size)]
    results = [float(i) for i in range(3 * len(texts))]

    def fill(s):
        s.start()
        for i, result in enumerate(results):
            s.ptr(result=result, TEST_TXT=texts[i % len(texts)])
            s.end().start()
        s.end()

    expected: dict[str, list[float]] = {}
    for i, result in enumerate(results):
        expected.setdefault(f"1000 {texts[i % len(texts)]}", []).append(result)
    lot = made(fill, big=big)
    assert {test.parameter: values(lot, test.parameter) for test in lot.tests} == expected


@pytest.mark.parametrize(
    "change",
    [{"TEST_NUM": 1001}, {"TEST_FLG": 0x10}, {"PARM_FLG": 0x01}, {"RESULT": INF}, {"SITE_NUM": 2}, {"HEAD_NUM": 2},
     {"LO_LIMIT": 0.5}, {"UNITS": "W"}, {"OPT_FLAG": 0x4E}, {"RES_SCAL": 3}, {"TEST_TXT": "w"}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_differs_in_a_record_of_a_flow_is_seen(made, tmp_path, change):
    """Three parts of five tests; one record of the third differs in one field: all results but its own stay, and what
    becomes of its own is what the record says."""
    flow = [{"TEST_NUM": 1000 + i % 4, "TEST_TXT": "v" + "x" * (i // 4), "OPT_FLAG": 0x0E, "RES_SCAL": 0,
             "LO_LIMIT": -1.0, "HI_LIMIT": 2.0, "UNITS": "V"} for i in range(5)]  # fmt: skip

    def fill(s):
        for part in range(3):
            s.start()
            for i, record in enumerate(flow):
                s.ptr(**{"result": 10.0 * part + i} | record | (change if (part, i) == (2, 3) else {}))
            s.end()

    lot = made(fill)
    taken = [r["RESULT"] for r in stdf.records(tmp_path / "made.stdf", only=("PTR",)) if np.isfinite(r["RESULT"])
             and not r["TEST_FLG"] & 0x3F and not r["PARM_FLG"] & 0x07
             and (r["HEAD_NUM"], r["SITE_NUM"]) == (1, 1)]  # fmt: skip
    assert sorted(lot.readings.value) == taken
    assert len(taken) == 15 - (next(iter(change)) in ("TEST_FLG", "PARM_FLG", "RESULT", "SITE_NUM", "HEAD_NUM"))
    assert len(lot.tests) == 5 + (next(iter(change)) in ("TEST_NUM", "TEST_TXT"))
    assert bool(said(lot, "change their limits")) is (next(iter(change)) in ("LO_LIMIT", "OPT_FLAG"))


def test_a_record_like_the_first_of_the_file_is_no_result(made):
    """Of a test without PTR no record is known, and place 0 stands for that: the FAR, which may come again."""
    def fill(s):
        for _ in range(2):
            s.start().ptr(1, 2.0).ftr(5).end()
        s.start().ptr(1, 3.0)("FAR", CPU_TYPE=2, STDF_VER=4)("MIR", SETUP_T=1, START_T=2, LOT_ID="L1", PART_TYP="P")
        s.ptr(1, 4.0).end()

    lot = made(fill)
    assert (values(lot, "1"), values(lot, "1 (2)"), values(lot, "5")) == ([2.0, 2.0, 3.0], [4.0], [1.0, 1.0])
    assert said(lot, "MIR beyond the first 1")


# -- house keeping -----------------------------------------------------------------------------------------------------
def test_importing_the_package_loads_no_compiler():
    code = "import sys; import workbench.formats.stdf; print({'numba', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_compiled_code_is_renewed_with_its_tables():
    """The compiler's cache looks at the file of a function only, not at what it calls elsewhere."""
    assert hashlib.sha256(Path(tables.__file__).read_bytes()).hexdigest() == scanning.TABLES_SHA256
