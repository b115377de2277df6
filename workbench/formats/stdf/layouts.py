"""The records of STDF V4: number, name, fields in order, and the value that stands for "not given".

Source: Standard Test Data Format (STDF) Specification, version 4, Teradyne. A field is a name and a type of the
specification without its star: U1 U2 U4 I1 I2 I4 R4 R8, C1 (one character), Cn (text after a length byte), B1 (a byte
of flags), Bn (bytes after a length byte), Dn (bits after a two-byte count of bits), Vn (values that name their type),
N1 (nibbles, two a byte). `kU2*GRP_CNT` is an array as long as the field named says. Fields at the end of a record may
be absent.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADER_BYTES = 4  # REC_LEN U2, REC_TYP U1, REC_SUB U1
NO_U2, NO_U4, NO_I2 = 0xFFFF, 0xFFFFFFFF, -0x8000  # "not given" of bins and counts, of counts, of coordinates

# Types of the values of a GDR (field type code -> type); 0 is a byte of padding.
GENERIC = {0: "B0", 1: "U1", 2: "U2", 3: "U4", 4: "I1", 5: "I2", 6: "I4", 7: "R4", 8: "R8", 10: "Cn", 11: "Bn",
           12: "Dn", 13: "N1"}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field: `count` names the earlier field that holds the length of an array, "" where it is no array."""

    name: str
    kind: str
    count: str = ""


@dataclass(frozen=True)
class Layout:
    """One type of record."""

    name: str
    number: tuple[int, int]  # REC_TYP, REC_SUB
    fields: tuple[Field, ...]


def _layout(name: str, typ: int, sub: int, text: str) -> Layout:
    fields = []
    for word in text.split():
        label, kind = word.split(":")
        kind, _, count = kind.partition("*")
        fields.append(Field(label, kind.removeprefix("k"), count))
    return Layout(name, (typ, sub), tuple(fields))


_HEAD = "HEAD_NUM:U1 SITE_NUM:U1"
_BIN = f"{_HEAD} %sBIN_NUM:U2 %sBIN_CNT:U4 %sBIN_PF:C1 %sBIN_NAM:Cn"
_SCALES = "OPT_FLAG:B1 RES_SCAL:I1 LLM_SCAL:I1 HLM_SCAL:I1 LO_LIMIT:R4 HI_LIMIT:R4"
_FORMATS = "C_RESFMT:Cn C_LLMFMT:Cn C_HLMFMT:Cn LO_SPEC:R4 HI_SPEC:R4"

_ALL = (
    _layout("FAR", 0, 10, "CPU_TYPE:U1 STDF_VER:U1"),
    _layout("ATR", 0, 20, "MOD_TIM:U4 CMD_LINE:Cn"),
    _layout("MIR", 1, 10,
            "SETUP_T:U4 START_T:U4 STAT_NUM:U1 MODE_COD:C1 RTST_COD:C1 PROT_COD:C1 BURN_TIM:U2 CMOD_COD:C1 LOT_ID:Cn "
            "PART_TYP:Cn NODE_NAM:Cn TSTR_TYP:Cn JOB_NAM:Cn JOB_REV:Cn SBLOT_ID:Cn OPER_NAM:Cn EXEC_TYP:Cn EXEC_VER:Cn "
            "TEST_COD:Cn TST_TEMP:Cn USER_TXT:Cn AUX_FILE:Cn PKG_TYP:Cn FAMLY_ID:Cn DATE_COD:Cn FACIL_ID:Cn "
            "FLOOR_ID:Cn PROC_ID:Cn OPER_FRQ:Cn SPEC_NAM:Cn SPEC_VER:Cn FLOW_ID:Cn SETUP_ID:Cn DSGN_REV:Cn ENG_ID:Cn "
            "ROM_COD:Cn SERL_NUM:Cn SUPR_NAM:Cn"),
    _layout("MRR", 1, 20, "FINISH_T:U4 DISP_COD:C1 USR_DESC:Cn EXC_DESC:Cn"),
    _layout("PCR", 1, 30, f"{_HEAD} PART_CNT:U4 RTST_CNT:U4 ABRT_CNT:U4 GOOD_CNT:U4 FUNC_CNT:U4"),
    _layout("HBR", 1, 40, _BIN.replace("%s", "H")),
    _layout("SBR", 1, 50, _BIN.replace("%s", "S")),
    _layout("PMR", 1, 60, f"PMR_INDX:U2 CHAN_TYP:U2 CHAN_NAM:Cn PHY_NAM:Cn LOG_NAM:Cn {_HEAD}"),
    _layout("PGR", 1, 62, "GRP_INDX:U2 GRP_NAM:Cn INDX_CNT:U2 PMR_INDX:kU2*INDX_CNT"),
    _layout("PLR", 1, 63,
            "GRP_CNT:U2 GRP_INDX:kU2*GRP_CNT GRP_MODE:kU2*GRP_CNT GRP_RADX:kU1*GRP_CNT PGM_CHAR:kCn*GRP_CNT "
            "RTN_CHAR:kCn*GRP_CNT PGM_CHAL:kCn*GRP_CNT RTN_CHAL:kCn*GRP_CNT"),
    _layout("RDR", 1, 70, "NUM_BINS:U2 RTST_BIN:kU2*NUM_BINS"),
    _layout("SDR", 1, 80,
            "HEAD_NUM:U1 SITE_GRP:U1 SITE_CNT:U1 SITE_NUM:kU1*SITE_CNT HAND_TYP:Cn HAND_ID:Cn CARD_TYP:Cn CARD_ID:Cn "
            "LOAD_TYP:Cn LOAD_ID:Cn DIB_TYP:Cn DIB_ID:Cn CABL_TYP:Cn CABL_ID:Cn CONT_TYP:Cn CONT_ID:Cn LASR_TYP:Cn "
            "LASR_ID:Cn EXTR_TYP:Cn EXTR_ID:Cn"),
    _layout("WIR", 2, 10, "HEAD_NUM:U1 SITE_GRP:U1 START_T:U4 WAFER_ID:Cn"),
    _layout("WRR", 2, 20,
            "HEAD_NUM:U1 SITE_GRP:U1 FINISH_T:U4 PART_CNT:U4 RTST_CNT:U4 ABRT_CNT:U4 GOOD_CNT:U4 FUNC_CNT:U4 "
            "WAFER_ID:Cn FABWF_ID:Cn FRAME_ID:Cn MASK_ID:Cn USR_DESC:Cn EXC_DESC:Cn"),
    _layout("WCR", 2, 30,
            "WAFR_SIZ:R4 DIE_HT:R4 DIE_WID:R4 WF_UNITS:U1 WF_FLAT:C1 CENTER_X:I2 CENTER_Y:I2 POS_X:C1 POS_Y:C1"),
    _layout("PIR", 5, 10, _HEAD),
    _layout("PRR", 5, 20,
            f"{_HEAD} PART_FLG:B1 NUM_TEST:U2 HARD_BIN:U2 SOFT_BIN:U2 X_COORD:I2 Y_COORD:I2 TEST_T:U4 PART_ID:Cn "
            "PART_TXT:Cn PART_FIX:Bn"),
    _layout("TSR", 10, 30,
            f"{_HEAD} TEST_TYP:C1 TEST_NUM:U4 EXEC_CNT:U4 FAIL_CNT:U4 ALRM_CNT:U4 TEST_NAM:Cn SEQ_NAME:Cn TEST_LBL:Cn "
            "OPT_FLAG:B1 TEST_TIM:R4 TEST_MIN:R4 TEST_MAX:R4 TST_SUMS:R4 TST_SQRS:R4"),
    _layout("PTR", 15, 10,
            f"TEST_NUM:U4 {_HEAD} TEST_FLG:B1 PARM_FLG:B1 RESULT:R4 TEST_TXT:Cn ALARM_ID:Cn {_SCALES} UNITS:Cn "
            f"{_FORMATS}"),
    _layout("MPR", 15, 15,
            f"TEST_NUM:U4 {_HEAD} TEST_FLG:B1 PARM_FLG:B1 RTN_ICNT:U2 RSLT_CNT:U2 RTN_STAT:kN1*RTN_ICNT "
            f"RTN_RSLT:kR4*RSLT_CNT TEST_TXT:Cn ALARM_ID:Cn {_SCALES} START_IN:R4 INCR_IN:R4 RTN_INDX:kU2*RTN_ICNT "
            f"UNITS:Cn UNITS_IN:Cn {_FORMATS}"),
    _layout("FTR", 15, 20,
            f"TEST_NUM:U4 {_HEAD} TEST_FLG:B1 OPT_FLAG:B1 CYCL_CNT:U4 REL_VADR:U4 REPT_CNT:U4 NUM_FAIL:U4 XFAIL_AD:I4 "
            "YFAIL_AD:I4 VECT_OFF:I2 RTN_ICNT:U2 PGM_ICNT:U2 RTN_INDX:kU2*RTN_ICNT RTN_STAT:kN1*RTN_ICNT "
            "PGM_INDX:kU2*PGM_ICNT PGM_STAT:kN1*PGM_ICNT FAIL_PIN:Dn VECT_NAM:Cn TIME_SET:Cn OP_CODE:Cn TEST_TXT:Cn "
            "ALARM_ID:Cn PROG_TXT:Cn RSLT_TXT:Cn PATG_NUM:U1 SPIN_MAP:Dn"),
    _layout("BPS", 20, 10, "SEQ_NAME:Cn"),
    _layout("EPS", 20, 20, ""),
    _layout("GDR", 50, 10, "FLD_CNT:U2 GEN_DATA:kVn*FLD_CNT"),
    _layout("DTR", 50, 30, "TEXT_DAT:Cn"),
)  # fmt: skip

BY_NUMBER = {layout.number: layout for layout in _ALL}
BY_NAME = {layout.name: layout for layout in _ALL}


def record_name(typ: int, sub: int) -> str:
    """The name of a type of record, its two numbers where the specification has none."""
    known = BY_NUMBER.get((typ, sub))
    return known.name if known else f"{typ}/{sub}"


# What the specification writes into a field that is not given while a later one is; other numbers are 0, texts empty.
NOT_GIVEN = {
    "BURN_TIM": NO_U2, "SOFT_BIN": NO_U2, "X_COORD": NO_I2, "Y_COORD": NO_I2, "CENTER_X": NO_I2, "CENTER_Y": NO_I2,
    "RTST_CNT": NO_U4, "ABRT_CNT": NO_U4, "GOOD_CNT": NO_U4, "FUNC_CNT": NO_U4, "EXEC_CNT": NO_U4, "FAIL_CNT": NO_U4,
    "ALRM_CNT": NO_U4, "OPT_FLAG": 0xFF, "PATG_NUM": 255, "SITE_GRP": 255,
}  # fmt: skip
