"""Tables as lots: wide and long, sites, attempts; how texts and workbooks are written; what is refused, and where."""

from __future__ import annotations

import csv
import zipfile
from datetime import UTC, datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError, WorkbenchError
from workbench.formats import tabular
from workbench.formats.lot_data import PART_COLUMNS, READING_COLUMNS
from workbench.formats.report import Notes
from workbench.formats.tabular import guess, lot
from workbench.formats.tabular.grid import of_text


@pytest.fixture
def written(tmp_path):
    def write(content: str | bytes, name: str = "table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def mapping(**roles: str | dict) -> dict:
    columns = [{"name": name, **({"role": role} if isinstance(role, str) else {"role": "reading", **role})}
               for name, role in roles.items()]  # fmt: skip
    return {"columns": columns}


def readings(found) -> list[list]:
    return found.readings.astype({"carrier": str, "parameter": str}).values.tolist()


# -- the corpus --------------------------------------------------------------------------------------------------------
def test_184_wafers_with_nine_sites_as_carriers_and_as_parts(corpus):
    path = corpus / "wafer_thickness" / "silicon-wafer-thickness.csv"
    rows = list(csv.DictReader(path.open()))
    with pytest.raises(InputError) as asked:
        tabular.read(path)
    assert asked.value.rule == "tabular.unknown_column"
    assert asked.value.got == "G1, G2, G3, G4, G5, G6, G7, G8, G9"
    sites = {name: {"parameter": "thickness", "unit": "um", "site": name} for name in rows[0]}
    found = tabular.read(path, mapping(**sites) | {"carrier": "wafer {row}", "lot": "L1"})
    assert (len(found.carriers), len(found.parts), len(found.readings), len(found.tests)) == (184, 1656, 1656, 1)
    assert found.carriers[183].name == "wafer 184"
    assert found.parts.part_id.tolist()[:9] == list(rows[0])
    table = found.readings.pivot(index="carrier", columns="position", values="value").loc[
        [one.name for one in found.carriers]].to_numpy()  # fmt: skip
    assert (table == np.array([list(map(float, row.values())) for row in rows])).all()
    plain = tabular.read(path, mapping(**dict.fromkeys(rows[0], "reading")))
    assert (len(plain.carriers), len(plain.parts), len(plain.readings), len(plain.tests)) == (1, 184, 1656, 9)
    assert plain.readings.value.sum() == pytest.approx(found.readings.value.sum(), rel=1e-12)


# -- forms -------------------------------------------------------------------------------------------------------------
WIDE = """Lot,Wafer,Die X,Die Y,Vth (mV),Ron [mOhm],Hard bin,Pass/Fail,Test time
L1,W1,0,0,412.5,3.1,1,PASS,0.5
L1,W1,0,1,399,3.3,7,FAIL,0.25
L1,W1,0,0,401,NA,1,合格,
L1,W2,0,0,1e2,-.5,,良,1
"""


def test_a_wide_table_whose_names_say_all_needs_no_mapping(written):
    found = tabular.read(written(WIDE))
    assert (found.format, found.lot, [one.name for one in found.carriers]) == ("csv", "L1", ["W1", "W2"])
    assert [(test.parameter, test.unit) for test in found.tests] == [("Vth", "mV"), ("Ron", "mOhm")]
    parts = found.parts
    assert {name: str(kind) for name, kind in parts.dtypes.items()} == PART_COLUMNS
    assert {name: str(kind) for name, kind in found.readings.dtypes.items()} == READING_COLUMNS
    assert parts[["position", "attempt", "x", "y"]].values.tolist() == [
        [0, 0, 0, 0], [1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]]  # fmt: skip
    assert parts.passed.tolist() == [True, False, True, True]
    assert parts.hard_bin.astype(object).where(parts.hard_bin.notna(), None).tolist() == [1, 7, 1, None]
    assert readings(found) == [
        ["W1", 0, 0, "Vth", 412.5], ["W1", 0, 0, "Ron", 3.1], ["W1", 1, 0, "Vth", 399], ["W1", 1, 0, "Ron", 3.3],
        ["W1", 0, 1, "Vth", 401], ["W2", 0, 0, "Vth", 100], ["W2", 0, 0, "Ron", -0.5],
    ]  # fmt: skip


def test_a_long_table_has_units_limits_and_attempts(written):
    text = ("wafer;序號;項目;量測值;單位;LSL;USL\nW1;4;gap;12,5;um;10;15\nW1;4;gap;12,75;um;10;15\n"
            "W1;9;gap;11;um;10;15\nW1;9;void;0,5;%;;2\n")  # fmt: skip
    found = tabular.read(written(text))
    assert [(t.parameter, t.unit, t.lower, t.upper) for t in found.tests] == [
        ("gap", "um", 10, 15), ("void", "%", None, 2)]  # fmt: skip
    assert readings(found) == [["W1", 0, 0, "gap", 12.5], ["W1", 0, 1, "gap", 12.75], ["W1", 1, 0, "gap", 11],
                               ["W1", 1, 0, "void", 0.5]]  # fmt: skip
    assert found.parts[["position", "attempt", "part_id"]].values.tolist() == [[0, 0, "4"], [0, 1, "4"], [1, 0, "9"]]


def test_a_long_table_without_parts_pairs_values_by_their_order_and_says_so(written):
    found = tabular.read(written("parameter,value\na,1\na,2\nb,3\nb,4\n"))
    assert readings(found) == [["table", 0, 0, "a", 1], ["table", 1, 0, "a", 2], ["table", 0, 0, "b", 3],
                               ["table", 1, 0, "b", 4]]  # fmt: skip
    assert any("No column tells the parts apart" in line for line in found.report.lines())


def test_a_wafer_with_sites_measured_again_is_a_further_attempt(written):
    sites = {name: {"parameter": "t", "site": name} for name in ("top", "left")}
    found = tabular.read(written("wafer,top,left\nA,1,2\nB,3,4\nA,5,\n"), mapping(wafer="carrier", **sites))
    assert readings(found) == [["A", 0, 0, "t", 1], ["A", 1, 0, "t", 2], ["B", 0, 0, "t", 3], ["B", 1, 0, "t", 4],
                               ["A", 0, 1, "t", 5]]  # fmt: skip


def test_limits_conditions_and_moments_of_a_mapping(written):
    text = "time,tool,op,v\n2025-03-04 10:00,T1,a,1\n2025/03/04 11:30:00,T1,b,2\nsoon,T1,b,1e999\n"
    said = mapping(time="time", tool="equipment", op="operator",
                   v={"parameter": "V", "unit": "mV", "lower": 0.5, "upper": 2, "target": 1})  # fmt: skip
    found = tabular.read(written(text), said | {"carrier": "W7", "carrier_kind": "tray", "product": "p"})
    assert (found.tests[0].lower, found.tests[0].target, found.carriers[0].kind) == (0.5, 1, "tray")
    assert found.conditions == {"equipment": "T1"}
    assert (found.started_at, found.ended_at) == (datetime(2025, 3, 4, 10, tzinfo=UTC),
                                                  datetime(2025, 3, 4, 11, 30, tzinfo=UTC))  # fmt: skip
    told = "\n".join(found.report.lines())
    assert "op: 2 different values" in told
    assert "time: 1 moments" in told
    assert "v: 1 values that are infinite" in told


# -- how tables are written --------------------------------------------------------------------------------------------
WRITTEN = [  # bytes, delimiter, decimal mark, names, first value of the second column
    (b"a,b\n1,2.5\n3,4.5\n", ",", ".", ["a", "b"], "2.5"),
    (b"\xef\xbb\xbfa;b\n1;2,5\n3;4,5\n", ";", ",", ["a", "b"], "2,5"),
    ("a\tb\n1\t2,5\n3\t4,5\n".encode("utf-16"), "\t", ",", ["a", "b"], "2,5"),
    ("厚度|批號\n1|L\n2|L\n".encode("cp950"), "|", ".", ["厚度", "批號"], "L"),
    ("t [\u00b5m],T [\u00b0C]\n1,25\n".encode("cp1252"), ",", ".", ["t [µm]", "T [°C]"], "25"),
    (b'a,"b, ""c"""\r\n1,"2\n3"\r\n', ",", ".", ["a", 'b, "c"'], "2\n3"),
    (b"Tool: X\nDate: today\n\na,b\n1,2\n3,4\n5,6\n", ",", ".", ["a", "b"], "2"),
    (b"1,2\n3,4\n", ",", ".", ["column 1", "column 2"], "2"),
    (b"a,a,\n1,2,\n3,4,\n", ",", ".", ["a", "a (2)"], "2"),
    (b"a,b\n\n1,2\n,\n3,4\n", ",", ".", ["a", "b"], "2"),
]


@pytest.mark.parametrize(("content", "delimiter", "decimal", "names", "first"), WRITTEN)
def test_how_a_text_is_written_is_found(written, content, delimiter, decimal, names, first):
    found = tabular.propose(written(content))
    assert (found.details["delimiter"], found.details["decimal"]) == (delimiter, decimal)
    assert [each.name for each in found.columns] == names
    assert found.columns[1].first[0] == first


def test_the_mapping_says_what_cannot_be_seen(written):
    path = written("x;y\n1,5;2\n")
    said = mapping(x={"parameter": "a"}, y={"parameter": "b"})
    assert readings(tabular.read(path, said))[0][-1] == 1.5
    with pytest.raises(InputError, match="x"):
        tabular.read(path, said | {"decimal": "."})
    assert readings(tabular.read(path, {"columns": [{"name": "column 1", "role": "reading"},
                                                    {"name": "column 2", "role": "ignore"}],
                                        "header_line": 0, "decimal": ","}))[0][-1] == 1.5  # fmt: skip


def test_excel_and_parquet_say_the_same_as_csv(tmp_path, written):
    frame = pd.DataFrame({"wafer": ["W1", "W1", "W2"], "position": [1, 2, 1], "gap_um": [12.5, np.nan, 1e-3],
                          "pass": [True, False, True]})  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    book = openpyxl.Workbook()
    book.active.append(["a report"])
    for row in ([], list(frame), *frame.astype(object).where(frame.notna(), None).values.tolist()):
        book.active.append(row)
    book.create_sheet("more")["A1"] = 1
    book.save(tmp_path / "t.xlsx")
    texts, sheet, parquet = (tabular.read(tmp_path / f"t.{kind}") for kind in ("csv", "xlsx", "parquet"))
    assert [texts.format, sheet.format, parquet.format] == ["csv", "excel", "parquet"]
    for other in (sheet, parquet):
        pd.testing.assert_frame_equal(texts.parts, other.parts)
        pd.testing.assert_frame_equal(texts.readings, other.readings)
    assert any("more" in line for line in sheet.report.lines())
    assert tabular.columns(tmp_path / "t.xlsx", mapping={"columns": [{"name": "1", "role": "ignore"}],
                                                         "sheet": "more"})[0].first == ("1",)  # fmt: skip


# -- meanings ----------------------------------------------------------------------------------------------------------
NAMES = [  # header and a value, role, unit, sure
    ("Wafer ID", "W1", "carrier", "", True), ("晶圓編號", "W1", "carrier", "", True), ("批號", "L", "lot", "", True),
    ("X", "3", "x", "", False), ("serial_number", "a", "part_id", "", True), ("軟分類", "3", "soft_bin", "", True),
    ("bond gap (um)", "1", "reading", "um", True), ("厚度（µm）", "1", "reading", "µm", True),
    ("thickness_um", "1", "reading", "um", True), ("Vth mV", "1", "reading", "mV", True),
    ("G1", "1", "reading", "", False), ("remark", "good", "ignore", "", False), ("Hard Bin", "a", "ignore", "", False),
    ("判定", "OK", "passed", "", True), ("機台", "T1", "equipment", "", True),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "role", "unit", "sure"), NAMES)
def test_what_a_column_may_mean(name, value, role, unit, sure):
    proposal = guess.proposed(of_text(f"{name},z_um\n{value},1\n{value},2\n", "f"))
    column = proposal.mapping.columns[0]
    if name == "X":  # x without y is no place
        assert column.role == "ignore"
    else:
        assert (column.role, column.unit) == (role, unit)
    assert (name not in proposal.unknown) == sure


def test_a_proposal_is_a_document_that_reads_back(written):
    proposal = tabular.propose(written(WIDE))
    assert proposal.unknown == ()
    document = proposal.mapping.document()
    assert tabular.made(document) == proposal.mapping
    assert document["columns"][0] == {"name": "Lot", "role": "lot"}
    assert proposal.source_key == tabular.source_key([each.name for each in proposal.columns])
    assert proposal.source_key != tabular.source_key(["Lot"])


# -- refusals ----------------------------------------------------------------------------------------------------------
AB = mapping(a="carrier", b="reading")
REFUSED = [  # text, mapping, rule, where ends with
    ("a,b,c\nW,1,2\n", AB, "unknown_column", "table.csv"),
    ("a\nW\n", AB, "column_missing", "table.csv"),
    ("a,b\nW,1\nW\n", AB, "row", "table.csv:3"),
    ("a,b\nW,1\nW,1,2\n", AB, "row", "table.csv:3"),
    ('a,b\n"W,1\n', AB, "csv", "table.csv:2"),
    ("a,b\nW,x\nW,y\n", AB, "not_numbers", "table.csv:2 [b]"),
    ("a,b\n\nW,1\n,2\n", AB, "no_carrier", "table.csv:4 [a]"),
    ("a,b\nL,1\nM,2\n", mapping(a="lot", b="reading"), "several", "table.csv:3 [a]"),
    ("a,b\n1,1\n1.5,2\n", mapping(a="hard_bin", b="reading"), "not_whole", "table.csv:3 [a]"),
    ("a,b\n1,1\n99999999999,2\n", mapping(a="hard_bin", b="reading"), "not_whole", "table.csv:3 [a]"),
    ("a,b\n,1\n", mapping(a="parameter", b="value"), "no_parameter", "table.csv:2 [a]"),
    ("a,b\n1,2\n", mapping(a={"lower": 2, "upper": 1}, b="ignore"), "limits", "table.csv [a]"),
    ("a,b\n1,2\n", AB | {"header_line": 9}, "no_header", "table.csv"),
    ("\n\n", AB, "empty", "table.csv"),
    ("a,b\n", {"columns": [{"name": "a", "role": "carier"}]}, "mapping", "columns.0.role"),
    ("a,b\n", {"columns": [{"name": "a", "role": "lot", "color": 1}]}, "mapping", "columns.0.color"),
    ("a,b\n", {"columns": []}, "mapping", "columns"),
    ("a,b\n", mapping(a="x", b="ignore"), "mapping_xy", "mapping"),
    ("a,b\n", mapping(a="lot", b="lot"), "mapping_role", "mapping"),
    ("a,b\n", mapping(a="value", b="ignore"), "mapping_form", "mapping"),
    ("a,b\n", mapping(a={"parameter": "p"}, b={"parameter": "p"}), "mapping_parameter", "mapping"),
    ("a,b\n", {"columns": [{"name": "a", "role": "lot"}, {"name": "a", "role": "ignore"}]}, "mapping_twice", "mapping"),
]


@pytest.mark.parametrize(("text", "said", "rule", "where"), REFUSED, ids=[f"{i}-{r[2]}" for i, r in enumerate(REFUSED)])
def test_what_is_refused_names_its_place(written, text, said, rule, where):
    with pytest.raises(InputError) as refused:
        tabular.read(written(text), said)
    assert refused.value.rule == f"tabular.{rule}"
    assert refused.value.where.endswith(where)


def test_a_few_words_among_numbers_are_left_and_counted(written):
    found = tabular.read(written("a,b\nW,1\nW,<0.5\nW,3\n"), AB)
    assert found.readings.value.tolist() == [1, 3]
    assert any("b: 1 words among numbers, the first '<0.5'" in line for line in found.report.lines())


def test_workbooks_that_burst_or_are_none_are_refused(tmp_path, written):
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/workbook.xml", bytes(20_000_000))
    broken = written(b"PK\x03\x04 and nothing", "broken.xlsx")
    parquet = written(b"PAR1 and nothing", "broken.parquet")
    for path, rule in ((tmp_path / "bomb.xlsx", "bomb"), (broken, "workbook"), (parquet, "parquet")):
        with pytest.raises(InputError) as refused:
            tabular.read(path, AB)
        assert refused.value.rule == f"tabular.{rule}"


def test_a_sheet_that_lies_about_its_size_costs_nothing(tmp_path):
    book = openpyxl.Workbook()
    for row in (["wafer", "gap_um"], ["W1", 1.5]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with zipfile.ZipFile(tmp_path / "t.xlsx") as old, zipfile.ZipFile(tmp_path / "lie.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"A1:B2"', b'"A1:XFD1048576"'))
    assert readings(tabular.read(tmp_path / "lie.xlsx")) == [["W1", 0, 0, "gap", 1.5]]


EDITS = st.tuples(st.floats(0, 1), st.integers(0, 20), st.text(max_size=4) | st.sampled_from(
    (",", ";", '"', "\n", "1e999", "nan", "1,5", "lot", "value", "parameter", "-", "_um")))  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from((WIDE, "parameter,value\na,1\nb,2\n")), st.lists(EDITS, min_size=1, max_size=3))
def test_nothing_but_the_error_family_comes_out(text, edits):
    for share, length, new in edits:
        at = int(share * len(text))
        text = text[:at] + new + text[at + length :]
    try:
        table = of_text(text, "f")
        found = lot.lot_data(table, guess.proposed(table).mapping, Notes(), carrier="f")
    except WorkbenchError as refused:
        assert_place = refused.where
    else:
        assert_place = "f"
        assert np.isfinite(found.readings.value).all()
        assert not found.parts.duplicated(["carrier", "position", "attempt"]).any()
        parts = set(found.parts[["carrier", "position", "attempt"]].itertuples(index=False, name=None))
        assert set(found.readings[["carrier", "position", "attempt"]].itertuples(index=False, name=None)) <= parts
    assert assert_place.startswith("f")
