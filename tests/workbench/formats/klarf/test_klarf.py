"""KLARF of all versions: the corpus, what each record means, and the line of everything that is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError, WorkbenchError
from workbench.formats import klarf
from workbench.formats.lot_data import DEFECT_COLUMNS

# file, lot, product, wafers, defects of each, first defect as (number, die x, die y, x um, y um, class), images
CORPUS = [
    ("klarf12Example.klarf", "aLot", "aDevice", ["aWafer"], [2], (1, -1, -1, 5500.0, 4400.0, 0), 0),
    ("simple12.klarf", "aLot", "aDevice", ["aWafer"], [1], (1, 0, 0, 3500.123, 75000.123, 10), 0),
    ("klarf12DefectListExample.klarf", "aLot", "aDevice", ["aWafer"], [13], (1, 1, 12, 4958.616, 1483.252, 0), 18),
    ("klarfWithImagelist.klarf", "aLot", "aDevice", ["aWafer"], [6], (2, -2, -9, 7243.34, 1952.05, 0), 6),
    ("simple18.klarf", "aLot.String", "aDevice", ["FirstWaferId", "SecondWaferId"], [3, 1],
     (2, 2, 24, 1254.96, 4346.692, 91), 0),
    ("wierdKlarfWithNAs.klarf", "aLot.String", "aDevice", ["FirstWaferId", "SecondWaferId"], [3, 1],
     (2, 2, 24, 1254.96, 4346.692, 91), 0),
]  # fmt: skip
BAD = [  # the second wafer has no DefectList; the row has a value more than there are columns
    ("bad12.klarf", "klarf.no_defect_list", ":36:1"),
    ("bad12DefectList.klarf", "klarf.row_short", ":29:69"),
]


@pytest.mark.parametrize(("name", "lot", "product", "wafers", "counts", "first", "images"), CORPUS,
                         ids=[row[0] for row in CORPUS])  # fmt: skip
def test_files_of_others_are_read(corpus, name, lot, product, wafers, counts, first, images):
    found = klarf.read(corpus / "klarf" / name)
    assert (found.format, found.lot, found.product) == ("klarf", lot, product)
    assert [carrier.name for carrier in found.carriers] == wafers
    assert found.defects.groupby("carrier", observed=False).size().tolist() == counts
    assert list(found.defects.columns) == list(DEFECT_COLUMNS)
    assert {name: str(kind) for name, kind in found.defects.dtypes.items()} == DEFECT_COLUMNS
    row = found.defects.iloc[0]
    assert (row.defect, row.x, row.y, row.class_number) == (*first[:3], first[5])
    assert (row.x_um, row.y_um) == pytest.approx(first[3:5], rel=1e-12)
    pictures = found.report.kept["klarf"]["images"]
    assert sum(len(each) for wafer in pictures.values() for each in wafer.values()) == images


@pytest.mark.parametrize(("name", "rule", "place"), BAD, ids=[row[0] for row in BAD])
def test_files_broken_on_purpose_are_refused_with_the_line(corpus, name, rule, place):
    with pytest.raises(InputError) as refused:
        klarf.read(corpus / "klarf" / name)
    assert refused.value.rule == rule
    assert refused.value.where.endswith(name + place)


def test_the_attributes_of_a_wafer_are_in_the_units_of_their_names(corpus):
    wafer = klarf.read(corpus / "klarf" / "klarf12Example.klarf").carriers[0].attributes
    assert (wafer["die_pitch_x_um"], wafer["die_pitch_y_um"]) == (11234.0, 2234.5)
    assert (wafer["sample_center_x_um"], wafer["sample_center_y_um"]) == (5765.4, 2777.7)
    assert (wafer["slot"], wafer["diameter_mm"], wafer["scribe"]) == (15, 300.0, "1")
    assert (wafer["orientation_mark"], wafer["orientation_mark_location"]) == ("notch", "down")
    assert wafer["inspection_tests"] == [{"test": "1", "area_mm2": 55_000.0, "dies": 2}]
    assert wafer["inspected_dies"] == [[-1, -1], [1, 1]]
    first, second = klarf.read(corpus / "klarf" / "simple18.klarf").carriers  # nanometres there
    assert (first.attributes["die_pitch_x_um"], first.attributes["die_pitch_y_um"]) == (5744.15, 5410.203)
    assert (first.attributes["slot"], second.attributes["slot"]) == (25, 3)
    assert first.attributes["diameter_mm"] == 300.0
    assert [test["dies"] for test in first.attributes["inspection_tests"]] == [5, 4]


def test_values_written_na_are_absent_and_others_are_not(corpus):
    plain, absent = (klarf.read(corpus / "klarf" / name) for name in ("simple18.klarf", "wierdKlarfWithNAs.klarf"))
    assert plain.defects.equals(absent.defects)  # there the NA stand in columns without a place in a lot
    assert any("DCIRANGE" in line for line in absent.report.lines())


HEAD = """FileVersion 1 2;
ResultTimestamp 03-04-25 10:11:12;
LotID "L1";
SampleSize 2 510 515;
DiePitch 1.2E4 8.5E3;
WaferID "P1";
"""
SPEC = "DefectRecordSpec 6 YINDEX XINDEX DEFECTID YREL CLASSNUMBER XREL;\n"


def flat(body: str, end: str = "EndOfFile;\n") -> str:
    return HEAD + body + end


def test_columns_may_stand_in_any_order_and_na_is_absent():
    found = klarf.read_text(flat(SPEC + "DefectList\n 2 1 5 80.5 7 10.25\n -3 0 6 NA NA 1e3;\n"), where="f")
    assert found.defects[["defect", "x", "y"]].values.tolist() == [[5, 1, 2], [6, 0, -3]]
    assert found.defects.x_um.tolist() == [10.25, 1000.0]
    assert found.defects.y_um[0] == 80.5
    assert np.isnan(found.defects.y_um[1])
    assert found.defects.class_number.isna().tolist() == [False, True]
    assert found.defects.size_x_um.isna().all()
    assert found.carriers[0].attributes["width_mm"] == 510.0
    assert found.started_at == datetime(2025, 3, 4, 10, 11, 12, tzinfo=UTC)


def test_wafers_tests_and_lists_come_in_any_number():
    body = SPEC + "".join(
        f'WaferID "W{w}"; Slot {w};' + "".join(f"InspectionTest {t}; AreaPerTest {t}e6; SampleTestPlan 1 {t} {w};"
                                              for t in range(1, 4)) + "DefectList 0 0 1 1 1 1; DefectList;"
        for w in range(1, 26))  # fmt: skip
    found = klarf.read_text(flat(body).replace('WaferID "P1";\n', ""), where="f")
    assert [one.attributes["slot"] for one in found.carriers] == list(range(1, 26))
    assert len(found.defects) == 25
    tests = found.carriers[6].attributes["inspection_tests"]
    assert [(test["test"], test["area_mm2"], test["dies"]) for test in tests] == [("1", 1, 1), ("2", 2, 1), ("3", 3, 1)]
    assert found.carriers[6].attributes["inspected_dies"] == [[1, 7], [2, 7], [3, 7]]


def test_image_lists_are_kept_by_wafer_and_defect():
    spec = "DefectRecordSpec 5 DEFECTID XINDEX IMAGELIST YINDEX CLASSNUMBER;\n"
    found = klarf.read_text(flat(spec + "TiffFileName a.tif; DefectList 1 0 2 11 0 12 1 9 3\n 2 0 0 8 4;\n"), where="f")
    assert found.defects[["defect", "y", "class_number"]].values.tolist() == [[1, 9, 3], [2, 8, 4]]
    assert found.report.kept["klarf"]["images"] == {"P1": {"1": [["a.tif", "11 0"], ["a.tif", "12 1"]]}}


def test_what_has_no_place_is_counted_kept_and_told():
    found = klarf.read_text(flat(SPEC + 'DefectList; Vendor "a;b" 1; Vendor 2; Odd;'), where="f")
    assert found.report.kept["klarf"]["records"] == {"Vendor": [['"a;b"', "1"], ["2"]], "Odd": [[]]}
    assert any("3 records" in line and "Vendor 2" in line for line in found.report.lines())
    assert found.report.lines("zh-Hant") != found.report.lines()


def test_a_summary_that_counts_otherwise_is_told():
    summary = "SummarySpec 2 TESTNO NDEFECT; SummaryList 1 9;"
    found = klarf.read_text(flat(SPEC + "DefectList 0 0 1 1 1 1;" + summary), where="f")
    assert any("9 defects and the list holds 1" in line for line in found.report.lines())
    assert found.carriers[0].attributes["summary"] == [{"test": 1, "defects": 9}]


REFUSED = [  # text, rule, place
    (HEAD + SPEC, "klarf.no_end", "f:8:1"),
    (flat(SPEC + "DefectList 0 0 1.5 1 1 1;"), "klarf.not_whole", "f:8:16"),
    (flat(SPEC + "DefectList\n 0 0 1 x 1 1;"), "klarf.not_a_number", "f:9:8"),
    (flat(SPEC + "DefectList\n NA 0 1 1 1 1;"), "klarf.value_needed", "f:9:2"),
    (flat(SPEC + "DefectList\n 0 0 99999999999 1 1 1;"), "klarf.not_whole", "f:9:6"),
    (flat(SPEC + "DefectList\n 0 0 1 1e999 1 1;"), "klarf.not_a_number", "f:9:8"),
    (flat(SPEC + "DefectList\n 0 0 1;"), "klarf.row_short", "f:9:6"),
    (flat("DefectList 1;"), "klarf.no_columns", "f:7:1"),
    (flat("DefectRecordSpec 3 A B;"), "klarf.columns", "f:7:18"),
    (flat("DefectRecordSpec 2 A a;"), "klarf.column_twice", "f:7:1"),
    (flat("DefectRecordSpec 1 DEFECTID; DefectList 1;"), "klarf.column_missing", "f:7:41"),
    (flat("SampleTestPlan 2 1 1 2;"), "klarf.rows", "f:7:16"),
    (flat("ClassLookup x;"), "klarf.count", "f:7:13"),
    (flat('LotID "L2";'), "klarf.second_lot", "f:7:7"),
    (flat("1 2 3;"), "klarf.keyword", "f:7:1"),
    (flat('A "b;\n'), "klarf.quote", "f:7:3"),
    (flat(SPEC + "DefectList;", end="EndOfFile; A;"), "klarf.after_end", "f:8:23"),
    ("FileVersion 2 0; EndOfFile;", "klarf.version", "f:1:13"),
    ("LotID a; EndOfFile;", "klarf.version", "f:1:1"),
    ("FileVersion 1 2; Slot 1; DefectList; EndOfFile;", "klarf.no_wafer", "f:1:26"),
    (flat(SPEC + "DefectList;").replace("8.5E3", "x"), "klarf.two_lengths", "f:5:1"),
]


@pytest.mark.parametrize(("text", "rule", "place"), REFUSED, ids=[f"{i}-{row[1]}" for i, row in enumerate(REFUSED)])
def test_version_1_2_is_refused_with_line_and_column(text, rule, place):
    with pytest.raises(InputError) as refused:
        klarf.read_text(text, where="f")
    assert (refused.value.rule, refused.value.where) == (rule, place)
    assert len(refused.value.both().splitlines()) == 2


NESTED = """Record FileRecord "1.8"
{
  Record LotRecord "L1"
  {
    Record WaferRecord "W1"
    {
      List DefectList
      {
        Columns 5 { int32 DEFECTID, int32 XINDEX, int32 YINDEX, float XREL, ImageList IMAGEINFO }
        Data 2
        {
          1 0 -4 2500 Images 2 { "a b" "JPG" 1, "c" "PNG" 2 };
          2 1 5 NA N;
        }
      }
    }
  }
}
EndOfFile;
"""
REFUSED_18 = [
    ("Columns 5", "Columns 4", "klarf.count_differs", "f:9:17"),
    ("Data 2", "Data 3", "klarf.count_differs", "f:10:14"),
    ("int32 XINDEX", "int XINDEX", "klarf.type", "f:9:37"),
    ("1 0 -4", "1 0 -4.5", "klarf.not_of_type", "f:12:15"),
    ("2 1 5", "2 NA 5", "klarf.value_needed", "f:13:13"),
    ("2 1 5", "2 1", "klarf.row_short", "f:13:11"),
    ("Images 2", "Images 1", "klarf.count_differs", "f:12:30"),
    ("Images 2", "Pictures 2", "klarf.images", "f:12:23"),
    ('"L1"', "", "klarf.one_value", "f:4:3"),
    ("Record WaferRecord", "Entry WaferRecord", "klarf.expected", "f:5:5"),
    ('"1.8"', '"1.9"', "klarf.version", "f:1:19"),
    ("EndOfFile;", "", "klarf.no_end", "f:20:1"),
    ("EndOfFile;", "EndOfFile; x", "klarf.after_end", "f:19:12"),
    ("List DefectList", "Record " + "A { Record " * 20 + "DefectList", "klarf.too_deep", None),
]


def test_version_1_8_types_and_nanometres():
    found = klarf.read_text(NESTED, where="f")
    assert found.defects[["defect", "x", "y"]].values.tolist() == [[1, 0, -4], [2, 1, 5]]
    assert found.defects.x_um[0] == 2.5
    assert np.isnan(found.defects.x_um[1])
    assert found.report.kept["klarf"]["images"] == {"W1": {"1": [["a b", "JPG 1"], ["c", "PNG 2"]]}}


@pytest.mark.parametrize(("old", "new", "rule", "place"), REFUSED_18, ids=[f"{r[2]}-{r[1]}"[:40] for r in REFUSED_18])
def test_version_1_8_is_refused_with_line_and_column(old, new, rule, place):
    with pytest.raises(InputError) as refused:
        klarf.read_text(NESTED.replace(old, new, 1), where="f")
    assert refused.value.rule == rule
    assert place is None or refused.value.where == place


SEEDS = (flat(SPEC + "DefectList\n 2 1 5 80.5 7 10.25\n -3 0 6 NA NA 1e3;\n"), NESTED)
WORDS = ("{", "}", ";", '"', ",", "Data 1", "Images 1 {", "NA", "DefectList", "EndOfFile;", "1e999", "Record",
         "WaferID x;")  # fmt: skip
EDITS = st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(WORDS) | st.text(max_size=5))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(EDITS, min_size=1, max_size=4))
def test_nothing_but_the_error_family_comes_out(text, edits):
    for share, length, new in edits:
        at = int(share * len(text))
        text = text[:at] + new + text[at + length :]
    try:
        columns = list(klarf.read_text(text, where="f").defects.columns)
    except WorkbenchError as refused:
        columns = None
        where = refused.where
    assert columns == list(DEFECT_COLUMNS) if columns else where.startswith("f")
