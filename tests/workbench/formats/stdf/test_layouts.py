"""Every record of STDF V4 against bytes written by hand from the specification, both ways and in both byte orders."""

from __future__ import annotations

import struct

import pytest

from workbench.errors import InputError
from workbench.formats import stdf
from workbench.formats.stdf.layouts import BY_NAME, BY_NUMBER
from workbench.formats.stdf.writing import encode


def text(said: str) -> bytes:
    return bytes([len(said)]) + said.encode()


def numbers(code: str, *values: float):
    """Numbers in the order of the file: a function of `<` or `>`."""
    return lambda order: struct.pack(order + code, *values)


# Standard Test Data Format (STDF) Specification V4, chapter 3: record, REC_TYP, REC_SUB, fields as given, and the same
# fields as bytes one after another (numbers depend on the byte order).
CASES = [
    ("ATR", 0, 20, {"MOD_TIM": 7, "CMD_LINE": "split x"}, [numbers("I", 7), text("split x")]),
    ("MIR", 1, 10,
     {"SETUP_T": 1, "START_T": 0x01020304, "STAT_NUM": 9, "MODE_COD": "P", "RTST_COD": "N", "PROT_COD": "3",
      "BURN_TIM": 65535, "CMOD_COD": "a", "LOT_ID": "LOT", "PART_TYP": "PT", "NODE_NAM": "", "TSTR_TYP": "T"},
     [numbers("IIB", 1, 0x01020304, 9), b"PN3", numbers("H", 65535), b"a", text("LOT"), text("PT"), text(""),
      text("T")]),
    ("MRR", 1, 20, {"FINISH_T": 5, "DISP_COD": "Q", "USR_DESC": "u", "EXC_DESC": "e"},
     [numbers("I", 5), b"Q", text("u"), text("e")]),
    ("PCR", 1, 30, {"HEAD_NUM": 255, "SITE_NUM": 1, "PART_CNT": 2, "RTST_CNT": 3, "ABRT_CNT": 4, "GOOD_CNT": 5,
                    "FUNC_CNT": 6}, [numbers("BBIIIII", 255, 1, 2, 3, 4, 5, 6)]),
    ("HBR", 1, 40, {"HEAD_NUM": 1, "SITE_NUM": 2, "HBIN_NUM": 300, "HBIN_CNT": 70_000, "HBIN_PF": "F",
                    "HBIN_NAM": "open"}, [numbers("BBHI", 1, 2, 300, 70_000), b"F", text("open")]),
    ("SBR", 1, 50, {"HEAD_NUM": 1, "SITE_NUM": 2, "SBIN_NUM": 300, "SBIN_CNT": 70_000, "SBIN_PF": "P",
                    "SBIN_NAM": "ok"}, [numbers("BBHI", 1, 2, 300, 70_000), b"P", text("ok")]),
    ("PMR", 1, 60, {"PMR_INDX": 258, "CHAN_TYP": 1, "CHAN_NAM": "c", "PHY_NAM": "p", "LOG_NAM": "A1", "HEAD_NUM": 1,
                    "SITE_NUM": 3}, [numbers("HH", 258, 1), text("c"), text("p"), text("A1"), numbers("BB", 1, 3)]),
    ("PGR", 1, 62, {"GRP_INDX": 32768, "GRP_NAM": "bus", "INDX_CNT": 2, "PMR_INDX": (1, 2)},
     [numbers("H", 32768), text("bus"), numbers("HHH", 2, 1, 2)]),
    ("PLR", 1, 63,
     {"GRP_CNT": 2, "GRP_INDX": (1, 2), "GRP_MODE": (0, 10), "GRP_RADX": (2, 16), "PGM_CHAR": ("a", "b"),
      "RTN_CHAR": ("c", ""), "PGM_CHAL": ("", ""), "RTN_CHAL": ("d", "e")},
     [numbers("HHHHHBB", 2, 1, 2, 0, 10, 2, 16), text("a"), text("b"), text("c"), text(""), text(""), text(""),
      text("d"), text("e")]),
    ("RDR", 1, 70, {"NUM_BINS": 2, "RTST_BIN": (5, 700)}, [numbers("HHH", 2, 5, 700)]),
    ("SDR", 1, 80, {"HEAD_NUM": 1, "SITE_GRP": 2, "SITE_CNT": 3, "SITE_NUM": (1, 2, 3), "HAND_TYP": "h", "HAND_ID": "",
                    "CARD_TYP": "", "CARD_ID": "pc7"},
     [numbers("BBBBBB", 1, 2, 3, 1, 2, 3), text("h"), text(""), text(""), text("pc7")]),
    ("WIR", 2, 10, {"HEAD_NUM": 1, "SITE_GRP": 255, "START_T": 9, "WAFER_ID": "W1"}, [numbers("BBI", 1, 255, 9),
                                                                                   text("W1")]),
    ("WRR", 2, 20, {"HEAD_NUM": 1, "SITE_GRP": 255, "FINISH_T": 9, "PART_CNT": 1, "RTST_CNT": 2, "ABRT_CNT": 3,
                    "GOOD_CNT": 4, "FUNC_CNT": 5, "WAFER_ID": "W1", "FABWF_ID": "f", "FRAME_ID": "r", "MASK_ID": "m"},
     [numbers("BBIIIIII", 1, 255, 9, 1, 2, 3, 4, 5), text("W1"), text("f"), text("r"), text("m")]),
    ("WCR", 2, 30, {"WAFR_SIZ": 300.0, "DIE_HT": 5.5, "DIE_WID": 6.25, "WF_UNITS": 3, "WF_FLAT": "D", "CENTER_X": -1,
                    "CENTER_Y": 2, "POS_X": "R", "POS_Y": "U"},
     [numbers("fffB", 300.0, 5.5, 6.25, 3), b"D", numbers("hh", -1, 2), b"RU"]),
    ("PIR", 5, 10, {"HEAD_NUM": 1, "SITE_NUM": 200}, [numbers("BB", 1, 200)]),
    ("PRR", 5, 20, {"HEAD_NUM": 1, "SITE_NUM": 2, "PART_FLG": 0x18, "NUM_TEST": 500, "HARD_BIN": 1, "SOFT_BIN": 65535,
                    "X_COORD": -5, "Y_COORD": 260, "TEST_T": 1234, "PART_ID": "17", "PART_TXT": "t",
                    "PART_FIX": b"\x01\x02"},
     [numbers("BBBHHHhhI", 1, 2, 0x18, 500, 1, 65535, -5, 260, 1234), text("17"), text("t"), b"\x02\x01\x02"]),
    ("TSR", 10, 30, {"HEAD_NUM": 255, "SITE_NUM": 0, "TEST_TYP": "P", "TEST_NUM": 1000, "EXEC_CNT": 5, "FAIL_CNT": 1,
                     "ALRM_CNT": 0, "TEST_NAM": "idd", "SEQ_NAME": "s", "TEST_LBL": "l", "OPT_FLAG": 0xC0,
                     "TEST_TIM": 0.5, "TEST_MIN": 1.0, "TEST_MAX": 2.0, "TST_SUMS": 3.0, "TST_SQRS": 4.0},
     [numbers("BB", 255, 0), b"P", numbers("IIII", 1000, 5, 1, 0), text("idd"), text("s"), text("l"),
      numbers("Bfffff", 0xC0, 0.5, 1.0, 2.0, 3.0, 4.0)]),
    ("PTR", 15, 10, {"TEST_NUM": 70_000, "HEAD_NUM": 1, "SITE_NUM": 2, "TEST_FLG": 0x80, "PARM_FLG": 0x08,
                     "RESULT": 1.5, "TEST_TXT": "Vdd", "ALARM_ID": "", "OPT_FLAG": 0x0E, "RES_SCAL": -3, "LLM_SCAL": 3,
                     "HLM_SCAL": 3, "LO_LIMIT": -0.25, "HI_LIMIT": 0.75, "UNITS": "V", "C_RESFMT": "%7.2f",
                     "C_LLMFMT": "", "C_HLMFMT": "", "LO_SPEC": -1.0, "HI_SPEC": 1.0},
     [numbers("IBBBBf", 70_000, 1, 2, 0x80, 0x08, 1.5), text("Vdd"), text(""),
      numbers("Bbbbff", 0x0E, -3, 3, 3, -0.25, 0.75), text("V"), text("%7.2f"), text(""), text(""),
      numbers("ff", -1.0, 1.0)]),
    # three nibbles take two bytes, the first in the low half
    ("MPR", 15, 15, {"TEST_NUM": 2000, "HEAD_NUM": 1, "SITE_NUM": 2, "TEST_FLG": 0, "PARM_FLG": 0, "RTN_ICNT": 3,
                     "RSLT_CNT": 2, "RTN_STAT": (1, 2, 3), "RTN_RSLT": (0.5, -0.5), "TEST_TXT": "ramp",
                     "ALARM_ID": "a", "OPT_FLAG": 0x0E, "RES_SCAL": 0, "LLM_SCAL": 0, "HLM_SCAL": 0, "LO_LIMIT": -1.0,
                     "HI_LIMIT": 1.0, "START_IN": 0.0, "INCR_IN": 0.125, "RTN_INDX": (7, 8, 9), "UNITS": "A",
                     "UNITS_IN": "V"},
     [numbers("IBBBBHH", 2000, 1, 2, 0, 0, 3, 2), b"\x21\x03", numbers("ff", 0.5, -0.5), text("ramp"), text("a"),
      numbers("Bbbbffff", 0x0E, 0, 0, 0, -1.0, 1.0, 0.0, 0.125), numbers("HHH", 7, 8, 9), text("A"), text("V")]),
    # FAIL_PIN: a count of bits, then the bits, lowest first
    ("FTR", 15, 20, {"TEST_NUM": 3000, "HEAD_NUM": 1, "SITE_NUM": 2, "TEST_FLG": 0x80, "OPT_FLAG": 0, "CYCL_CNT": 1,
                     "REL_VADR": 2, "REPT_CNT": 3, "NUM_FAIL": 4, "XFAIL_AD": -5, "YFAIL_AD": 6, "VECT_OFF": -7,
                     "RTN_ICNT": 1, "PGM_ICNT": 2, "RTN_INDX": (10,), "RTN_STAT": (4,), "PGM_INDX": (11, 12),
                     "PGM_STAT": (5, 6), "FAIL_PIN": (0, 1, 0, 0, 0, 0, 0, 0, 1), "VECT_NAM": "v", "TIME_SET": "",
                     "OP_CODE": "", "TEST_TXT": "scan", "ALARM_ID": "", "PROG_TXT": "", "RSLT_TXT": "r",
                     "PATG_NUM": 255, "SPIN_MAP": (1,)},
     [numbers("IBBBBIIIIiihHH", 3000, 1, 2, 0x80, 0, 1, 2, 3, 4, -5, 6, -7, 1, 2), numbers("H", 10), b"\x04",
      numbers("HH", 11, 12), b"\x65", numbers("H", 9), b"\x02\x01", text("v"), text(""), text(""), text("scan"),
      text(""), text(""), text("r"), b"\xff", numbers("H", 1), b"\x01"]),
    ("BPS", 20, 10, {"SEQ_NAME": "dc"}, [text("dc")]),
    ("EPS", 20, 20, {}, []),
    ("DTR", 50, 30, {"TEXT_DAT": "note"}, [text("note")]),
]  # fmt: skip


@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize(("name", "typ", "sub", "values", "pieces"), CASES, ids=[case[0] for case in CASES])
def test_the_layout_of_a_record(tmp_path, name, typ, sub, values, pieces, big):
    order = ">" if big else "<"
    body = b"".join(piece if isinstance(piece, bytes) else piece(order) for piece in pieces)
    raw = struct.pack(order + "HBB", len(body), typ, sub) + body
    far = (b"\x00\x02" if big else b"\x02\x00") + b"\x00\x0a" + (b"\x01" if big else b"\x02") + b"\x04"
    assert encode(name, values, big=big) == raw
    path = tmp_path / "one.stdf"
    path.write_bytes(far + raw)
    first, record = stdf.records(path)
    assert first == {"type": "FAR", "at": 0, "number": 0, "CPU_TYPE": 1 if big else 2, "STDF_VER": 4}
    assert record == {"type": name, "at": 6, "number": 1} | values


def test_all_records_of_the_specification_are_known():
    named = {case[0] for case in CASES}
    assert set(BY_NAME) - named == {"FAR", "GDR"}  # FAR begins each file above, GDR is below
    assert {case[0]: (case[1], case[2]) for case in CASES}.items() <= {n: BY_NAME[n].number for n in BY_NAME}.items()
    assert len(BY_NUMBER) == len(BY_NAME) == 25


def test_a_generic_record_holds_values_that_name_their_type(tmp_path):
    """GDR: a count of two bytes, then each value after a byte that says its type; padding (0) has no value."""
    path = tmp_path / "generic.stdf"
    given = [("U1", 1), ("B0", None), ("U2", 515), ("U4", 7), ("I1", -1), ("I2", -2), ("I4", -3), ("R4", 0.5),
             ("R8", 0.1), ("Cn", "text"), ("Bn", b"\x09"), ("Dn", (1, 0, 1)), ("N1", 12)]  # fmt: skip
    with stdf.open_stdf(path) as out:
        out.record("GDR", GEN_DATA=given)
    [record] = stdf.records(path, only=("GDR",))
    assert record["GEN_DATA"] == tuple(value for _, value in given)
    assert record["FLD_CNT"] == 13
    raw = path.read_bytes()[6:]
    assert raw[4:15] == b"\x0d\x00" + b"\x01\x01" + b"\x00" + b"\x02\x03\x02" + b"\x03\x07\x00"


@pytest.mark.parametrize(
    ("name", "values", "rule"),
    [
        ("XYZ", {}, "stdf.unknown_record"),
        ("PTR", {"RESULTS": 1.0}, "stdf.unknown_field"),
        ("DTR", {"TEXT_DAT": "x" * 256}, "stdf.cannot_hold"),
        ("PRR", {"HARD_BIN": 70_000}, "stdf.cannot_hold"),
        ("MPR", {"RTN_RSLT": (0.0,) * 20_000}, "stdf.long_record"),
    ],
)
def test_what_a_record_cannot_hold_is_refused(name, values, rule):
    with pytest.raises(InputError) as refused:
        encode(name, values)
    assert refused.value.rule == rule


def test_gaps_take_the_value_for_not_given():
    """SOFT_BIN 65,535, X_COORD and Y_COORD -32,768 (specification, PRR)."""
    raw = encode("PRR", {"HEAD_NUM": 1, "SITE_NUM": 1, "PART_FLG": 0, "NUM_TEST": 0, "HARD_BIN": 1, "PART_ID": "x"})
    assert raw[4 + 7 :] == b"\xff\xff\x00\x80\x00\x80\x00\x00\x00\x00\x01x"


def test_fields_at_the_end_may_be_absent():
    given = {"TEST_NUM": 1, "HEAD_NUM": 1, "SITE_NUM": 1, "TEST_FLG": 0, "PARM_FLG": 0, "RESULT": 2.0}
    assert encode("PTR", given)[:4] == b"\x0c\x00\x0f\x0a"
