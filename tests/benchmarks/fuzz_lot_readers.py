"""Hostile files against the readers of lots: KLARF, SEMI G85 and E142, CSV, Excel, Parquet.

As `fuzz_readers.py`, whose ways of spoiling a text and whose bounds it uses: nothing but the error family may come
out, none may hang or fill the memory. A workbook is spoiled inside (its XML) and outside (its bytes).
`python tests/benchmarks/fuzz_lot_readers.py [cases] [reader ...]`. Ends with 1 where a reader failed.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import fuzz_readers
from fuzz_readers import CASES, WORST_LARGE_S, WORST_MB, WORST_S, Outcome, Reader

from workbench.formats import klarf, lot_file, substrate_map, tabular
from workbench.formats.lot_door import read_lot
from workbench.formats.report import Notes
from workbench.formats.tabular import guess, lot
from workbench.formats.tabular.grid import of_text

# -- seeds -------------------------------------------------------------------------------------------------------------
FLAT = """FileVersion 1 2;
FileTimestamp 03-04-2025 10:11:12;
InspectionStationID "maker" "model" "7";
SampleType WAFER;
ResultTimestamp 03-04-25 10:00:00;
LotID "L1";
SampleSize 1 300;
DeviceID "chiplet";
SetupID "after RDL" 01-02-2025 00:00:00;
StepID "RDL1";
SampleOrientationMarkType NOTCH;
OrientationMarkLocation DOWN;
DiePitch 1.2E4 8.5E3;
DieOrigin 0 0;
WaferID "W1";
Slot 3;
SampleCenterLocation 10.5 -2.25;
ClassLookup 2
 0 "none"
 7 "a; b";
InspectionTest 1;
SampleTestPlan 3
 0 0
 0 1
 -1 1;
AreaPerTest 3.06e8;
Vendor "x" 1 2 3;
DefectRecordSpec 12 DEFECTID XREL YREL XINDEX YINDEX XSIZE YSIZE DEFECTAREA CLASSNUMBER TEST IMAGECOUNT IMAGELIST ;
DefectList;
TiffFileName one.tif;
DefectList
 1 10.5 20.25 0 0 1.5 2 3 7 1 2 2 1 0 2 0
 2 NA 8000 0 1 NA NA NA NA 1 0 0;
SummarySpec 5 TESTNO NDEFECT DEFDENSITY NDIE NDEFDIE;
SummaryList
 1 2 0.65 3 2;
WaferID "W2";
DefectList;
EndOfFile;
"""
NESTED = """Record FileRecord "1.8"
{
  Field FileTimestamp 2 {"2025-03-04", "10:11:12"}
  Record LotRecord "L1"
  {
    Field DiePitch 2 {12000000, 8500000}
    Field SampleSize 2 {300000000, 0}
    Record WaferRecord "W1"
    {
      Field SlotNumber 1 {3}
      Field SampleCenterLocation 2 {10500, -2250}
      List DefectList
      {
        Columns 9 { int32 DEFECTID, int32 XREL, int32 YREL, int32 XINDEX, int32 YINDEX, float DEFECTAREA,
          int32 CLASSNUMBER, string NOTE, ImageList IMAGEINFO }
        Data 2
        {
          1 10500 20250 0 0 3.5e6 7 "a; b" Images 2 { "p/1" "JPG" 1 "x", "p/2" "JPG" 1 "y" };
          2 NA 8000000 0 1 NA NA "" N;
        }
      }
      Record TestRecord "1"
      {
        Field AreaPerTest 1 {3.06e14}
        List SampleTestPlanList { Columns 2 { int32 XINDEX, int32 YINDEX } Data 2 { 0 0; 0 1; } }
      }
      Record SummaryRecord { List TestSummaryList { Columns 2 { int32 TESTNO, int32 NDEFECT } Data 1 { 1 2; } } }
    }
    List ClassLookupList { Columns 2 { int32 CLASSNUMBER, string CLASSNAME } Data 1 { 7 "void"; } }
  }
}
EndOfFile;
"""
G85 = """<?xml version="1.0"?><Maps><Map xmlns:semi="http://www.semi.org" WaferId="W1" FormatRevision="G85-1101">
<Device ProductId="p" LotId="L1" CreateDate="2025030410111200" Rows="3" Columns="4" Orientation="90"
 OriginLocation="3" BinType="Decimal" NullBin="255" WaferSize="300">
<ReferenceDevice ReferenceDeviceX="1" ReferenceDeviceY="2"/>
<Bin BinCode="001" BinQuality="Pass" BinCount="3"/><Bin BinCode="7" BinQuality="Fail" BinDescription="open"/>
<Data MapName="m"><Row><![CDATA[255 001 001 255 ]]></Row><Row>255001007255</Row><Row>255 7 8 255</Row></Data>
</Device></Map><Map WaferId="W2"><Device Rows="2" Columns="2" BinType="Ascii" NullBin="."><Bin BinCode="1"
 BinQuality="Pass"/><Data><Row>.1</Row><Row>1X</Row></Data></Device></Map></Maps>
"""
E142 = """<?xml version="1.0"?><MapData xmlns="urn:semi-org:xsd.E142-1.V1005.SubstrateMap">
<Layouts><Layout LayoutId="S" DefaultUnits="mm" TopLevel="true"><Dimension X="2" Y="1"/><ChildLayouts>
<ChildLayout LayoutId="D"/></ChildLayouts></Layout><Layout LayoutId="D" DefaultUnits="mm"><Dimension X="2" Y="2"/>
<DeviceSize X="8" Y="6.5"/><StepSize X="9000" Y="7000" Units="micron"/></Layout></Layouts>
<Substrates><Substrate SubstrateType="Strip" SubstrateId="P1"><LotId>L1</LotId><AliasIds><AliasId Type="Tester"
 Value="T"/></AliasIds></Substrate></Substrates>
<SubstrateMaps><SubstrateMap SubstrateType="Strip" SubstrateId="P1" LayoutSpecifier="S/D" Orientation="180"
 OriginLocation="UpperLeft" AxisDirection="DownRight">
<Overlay MapName="bins"><ReferenceDevices><ReferenceDevice Name="first"><Coordinates X="0" Y="0"/></ReferenceDevice>
</ReferenceDevices><BinCodeMap BinType="HexaDecimal" NullBin="FF"><BinDefinitions><BinDefinition BinCode="01"
 BinQuality="Pass" BinCount="2"/></BinDefinitions><BinCode>01FF0102</BinCode><BinCode>FFFFFF03</BinCode></BinCodeMap>
</Overlay><Overlay MapName="soft"><BinCodeMap BinType="Integer2" NullBin="FFFF"><BinCode X="0" Y="0">000C</BinCode>
<BinCode X="2" Y="1">00010002</BinCode></BinCodeMap></Overlay>
<Overlay MapName="from"><TransferMap FromSubstrateType="Wafer" FromSubstrateId="W5" FromLayoutSpecifier="w">
<T FX="10" FY="-3" TX="0" TY="0"/><T FX="11" FY="-3" TX="2" TY="0"/></TransferMap></Overlay>
<Overlay MapName="ids"><DeviceIdMap><Id X="0" Y="0">U1</Id><Id X="3" Y="1">U2</Id></DeviceIdMap></Overlay>
</SubstrateMap></SubstrateMaps></MapData>
"""
TABLES = [
    "Lot,Wafer,Die X,Die Y,Vth (mV),Ron [mOhm],Pass/Fail\nL1,W1,0,0,412.5,3.1,PASS\nL1,W1,0,1,399,3.3,FAIL\n"
    "L1,W1,0,0,401,NA,PASS\n",
    "# of the tool\n批號;晶圓;序號;厚度[um]\nL1;W1;1;12,5\nL1;W1;2;12,75\n",
    "wafer\tparameter\tvalue\tunit\tlsl\tusl\nW1\tgap\t1e-3\tum\t0\t2\nW2\tgap\tinf\tum\t0\t2\n",
    'part,x_um,"a ""b"", c"\n1,2,3\n2,3,<5\n',
]
PART = "%%part "


@cache
def workbook() -> bytes:
    import openpyxl

    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["wafer", "position", "gap_um", "note"])
    for row in (["W1", 1, 12.5, "a"], ["W1", 2, 1e-3, None], ["W2", 1, True, "=A1+1"]):
        book.active.append(row)
    book.create_sheet("other").append([1, 2])
    book.save(file)
    return file.getvalue()


def inside() -> list[str]:
    with zipfile.ZipFile(io.BytesIO(workbook())) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    kept = ("sheet1.xml", "sharedStrings.xml", "workbook.xml", "styles.xml", "workbook.xml.rels", "[Content_Types].xml")
    whole = "".join(f"{PART}{name}\n{text}\n" for name, text in parts.items())
    few = "".join(f"{PART}{name}\n{text}\n" for name, text in parts.items() if name.endswith(kept))
    return [whole, few]


@cache
def parquet() -> bytes:
    import pandas

    file = io.BytesIO()
    frame = pandas.DataFrame({"wafer": ["W1", "W1", "W2"], "position": [1, 2, 1], "gap_um": [12.5, None, 3.0],
                              "time": pandas.to_datetime(["2025-01-01"] * 3)})  # fmt: skip
    frame.to_parquet(file, index=False)
    return file.getvalue()


def as_text(data: bytes) -> str:
    return data.decode("latin-1")


# -- readers -----------------------------------------------------------------------------------------------------------
def as_bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def read_klarf(text: str) -> None:
    decoded, _ = lot_file.decoded(text.encode("utf-8", "replace"), where="f")
    klarf.read_text(decoded, where="f")


def read_map(text: str) -> None:
    substrate_map.read_bytes(text.encode("utf-8", "replace"), where="f")


def read_csv(text: str) -> None:
    """A table with the meaning that is likely for it, whether it is sure or not."""
    decoded, _ = lot_file.decoded(text.encode("utf-8", "replace"), where="f")
    table = of_text(decoded, "f")
    proposal = guess.proposed(table)
    tabular.made(proposal.mapping.document())
    lot.lot_data(table, proposal.mapping, Notes(), carrier="f")


def through(suffix: str, data: Callable[[str], bytes]) -> Callable[[str], None]:
    """A reader that takes a file: recognised, then read as what it is."""
    path = Path(tempfile.gettempdir()) / f"fuzz-{os.getpid()}{suffix}"

    def read(text: str) -> None:
        path.write_bytes(data(text))
        try:
            read_lot(path, mapping=tabular.propose(path).mapping)
        finally:
            path.unlink()

    return read


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        for part in f"\n{text}".split(f"\n{PART}")[1:]:
            name, _, said = part.partition("\n")
            name = name.encode("utf-8", "replace").decode()
            if name and name not in book.namelist() and "\0" not in name and len(name) < 1000:
                book.writestr(name, said.encode("utf-8", "replace"))
    return file.getvalue()


# -- made to cost ------------------------------------------------------------------------------------------------------
MEGABYTE = 1_000_000


def klarf_bombs() -> list[str]:
    head = FLAT.partition("DefectList;")[0]
    return [
        head + "DefectList " + "1 " * (MEGABYTE // 2) + ";EndOfFile;", "FileVersion 1 2;" + "A;" * (MEGABYTE // 2),
        '"' * MEGABYTE, "FileVersion 1 2; A " + '"a' * (MEGABYTE // 2), "FileVersion 1 2;" + "A B" * (MEGABYTE // 3),
        'Record FileRecord "1.8" ' + "{ Record A " * (MEGABYTE // 11), 'Record FileRecord "1.8" {' + "}" * MEGABYTE,
        'Record FileRecord "1.8" {List A { Columns 1 {int32 A} Data 9999999 {' + "1;" * (MEGABYTE // 2),
        'Record FileRecord "1.8" {' + "Field A 1 {1}" * (MEGABYTE // 13),
        FLAT.replace("WaferID \"W2\";\nDefectList;", "WaferID W;DefectList;" * (MEGABYTE // 22)),
        head + "DefectSpec;" + "DefectRecordSpec 1 A;" * (MEGABYTE // 22) + "EndOfFile;",
        head + "DefectList " + "1 1 1 1 1 1 1 1 1 1 0 0 " * (MEGABYTE // 24) + ";EndOfFile;",
    ]  # fmt: skip


def map_bombs() -> list[str]:
    laughs = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    return [
        "<Map>" * (MEGABYTE // 5), "<Map " + " ".join(f'a{i}="1"' for i in range(MEGABYTE // 10)) + "/>",
        "<Map>" + "<a/>" * (MEGABYTE // 4) + "</Map>", f'<!DOCTYPE Map [<!ENTITY a0 "x">{laughs}]><Map>&a9;</Map>',
        '<!DOCTYPE Map SYSTEM "file:///etc/passwd"><Map/>', "<Map>" + "&#65;" * (MEGABYTE // 5) + "</Map>",
        G85.replace('Rows="3" Columns="4"', 'Rows="100000" Columns="100000"'),
        E142.replace('X="2" Y="1"', 'X="99999" Y="99999"'),
        E142.replace("<T FX", '<T FX="1" FY="1" TX="0" TY="0"/>' * (MEGABYTE // 34) + "<T FX", 1),
        E142.replace("<BinCode X", '<BinCode X="0" Y="0">000C</BinCode>' * (MEGABYTE // 36) + "<BinCode X", 1),
        G85.replace("<Bin ", '<Bin BinCode="1" BinQuality="Pass"/>' * (MEGABYTE // 36) + "<Bin ", 1),
    ]  # fmt: skip


def table_bombs() -> list[str]:
    return [
        "," * MEGABYTE, ",a" * 15_000 + "\n" + (",1" * 15_000 + "\n") * 30, '"' * MEGABYTE, "a\n" * (MEGABYTE // 2),
        'a,b\n"' + "x\n" * (MEGABYTE // 2), "wafer,x,y,v_um\n" + "W,1,1,1\n" * 30_000,
        "wafer,parameter,value\n" + "".join(f"W{i},p{i},{i}\n" for i in range(60_000)),
        "a,b\n" + "1" * MEGABYTE + ",2\n", "a_um\n" + "1e5\n" * (MEGABYTE // 4), "\n" * MEGABYTE,
        "(" * MEGABYTE + ",b\n1,2\n", "a " * (MEGABYTE // 2) + ",b\n1,2\n",
    ]  # fmt: skip


def workbook_bombs() -> list[str]:
    few = inside()[1]
    start, end = few.index("<sheetData>"), few.index("</sheetData>")
    far = '<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    wide = '<row r="{}"><c r="XFD{}"><v>1</v></c></row>'
    lie = few.replace("<dimension ref=", '<dimension ref="A1:XFD1048576" x=')
    return [
        few[:start] + far + few[end:], lie,
        few[:start] + "<sheetData>" + "".join(wide.format(i, i) for i in range(1, 20_000)) + few[end:],
        few[:start] + "<sheetData>" + '<row><c t="inlineStr"><is><t>a</t></is></c></row>' * 20_000 + few[end:],
        few.replace("<sst ", "<sst>" * 200_000 + "<sst ", 1),
        few[:start] + "<sheetData>" + "<row>" * 200_000 + few[end:],
        few.replace('<?xml version="1.0"?>', '<!DOCTYPE a [<!ENTITY a "b">]>', 1),
    ]  # fmt: skip


def byte_bombs() -> list[str]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", b"0" * 600_000_000)
    return [as_text(file.getvalue())]


KLARF_WORDS = (";", '"', "{", "}", ",", "Record", "Field", "List", "Data 1", "Columns 1", "Images 1 {", "N", "NA",
               "DefectList", "WaferID", "EndOfFile;", "IMAGELIST", "XINDEX", "-1", "1e999", "99999999999", "int32",
               "FileVersion 1 1;", "SummaryList", "SampleTestPlan 9")  # fmt: skip
MAP_WORDS = ("<Row>", "</Row>", "<Map", "/>", "]]>", "<![CDATA[", "<!DOCTYPE a>", "&amp;", "&x;", 'BinType="Ascii"',
             'X="1"', 'Rows="9"', "<T ", "FF", " ", "Center", 'Orientation="45"', "<BinCode>", "SubstrateMap",
             "<?xml encoding='x'?>", "<!--")  # fmt: skip
TABLE_WORDS = (",", ";", "\t", '"', "\n", "\r", "1e999", "inf", "nan", "1,5", "lot", "wafer", "x", "y", "value",
               "parameter", "-1", "_um", "(", "99999999999999999999", "\ufeff")  # fmt: skip
BOOK_WORDS = (PART, "<c r='A1'>", "<v>", "t='s'", "t='d'", "t='e'", "<row r='9'>", "r='XFD1'", "</sheetData>", "&lt;",
              "inlineStr", "<f>", "9999999", "xl/workbook.xml", "1e999", "s='99'", "<!DOCTYPE a>")  # fmt: skip
BYTE_WORDS = ("\x00", "\xff\xff\xff\xff", "PK\x03\x04", "PK\x01\x02", "PAR1", "\x15\x04", "\x80\x80\x80\x80\x08")


READERS = {
    "klarf": lambda: Reader("klarf", read_klarf, lambda: [FLAT, NESTED], KLARF_WORDS, klarf_bombs),
    "g85": lambda: Reader("g85", read_map, lambda: [G85], MAP_WORDS, map_bombs),
    "e142": lambda: Reader("e142", read_map, lambda: [E142], MAP_WORDS, map_bombs),
    "csv": lambda: Reader("csv", read_csv, lambda: TABLES, TABLE_WORDS, table_bombs),
    "xlsx": lambda: Reader("xlsx", through(".xlsx", zipped), inside, BOOK_WORDS, workbook_bombs),
    "xlsx_bytes": lambda: Reader("xlsx_bytes", through(".xlsx", as_bytes), lambda: [as_text(workbook())], BYTE_WORDS,
                                 byte_bombs),
    "parquet": lambda: Reader("parquet", through(".parquet", as_bytes), lambda: [as_text(parquet())], BYTE_WORDS),
}  # fmt: skip


def fuzz(name: str, cases: int) -> Outcome:
    import warnings

    warnings.simplefilter("ignore")  # openpyxl's remarks on styles
    reader = READERS[name]()
    fuzz_readers.READERS = [reader]
    for _ in range(3):  # libraries load at first need, which is no time and memory of a reader
        for seed in reader.seeds():
            reader.read(seed)
    return fuzz_readers.fuzz(name, cases)


def main(cases: int, names: list[str]) -> int:
    print(f"{'reader':<12} {'texts':>8} {'read':>7} {'rules':>6} {'small s':>8} {'large s':>8} {'MB':>6}  failures")
    failed = False
    for name in names:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            done = pool.submit(fuzz, name, cases).result()
        print(f"{done.name:<12} {done.tried:>8,} {done.read:>7,} {len(done.rules):>6} {done.worst_s:>8.3f} "
              f"{done.worst_large_s:>8.2f} {done.grown_mb:>6,.0f}  {len(done.failures)}", flush=True)  # fmt: skip
        for failure in done.failures:
            print(failure)
        failed |= bool(done.failures)
    print(f"targets: >= {CASES:,} texts by hypothesis each, nothing but the error family, <= {WORST_S:g} s a small "
          f"file, <= {WORST_LARGE_S:g} s a megabyte made to cost, <= {WORST_MB:,} MB more")  # fmt: skip
    return int(failed)


if __name__ == "__main__":
    given_cases = [int(word) for word in sys.argv[1:] if word.isdigit()]
    wanted = [word for word in sys.argv[1:] if not word.isdigit()]
    sys.exit(main(given_cases[0] if given_cases else CASES, wanted or list(READERS)))
