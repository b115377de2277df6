"""SEMI G85 and E142: the corpus, bins of every type, transfers and names, and the place of what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError, WorkbenchError
from workbench.formats import substrate_map
from workbench.formats.lot_data import PART_COLUMNS, TRANSFER_COLUMNS


def read(text: str):
    return substrate_map.read_bytes(text.encode(), where="f")


@pytest.mark.parametrize(("name", "lot", "product", "wafer"), [
    ("SEMI_G85_1101_ALL.xml", "DEADBEEF", "FOOBAR", "ABCD123"),
    ("SEMI_G85_1101_MIN.xml", None, None, "P6AB36-01"),
])  # fmt: skip
def test_maps_of_others_have_the_counts_they_say(corpus, name, lot, product, wafer):
    found = substrate_map.read(corpus / "substrate_map" / name)
    assert (found.format, found.lot, found.product) == ("g85", lot, product)
    assert [carrier.name for carrier in found.carriers] == [wafer]
    assert found.parts.groupby(["hard_bin", "passed"]).size().to_dict() == {
        (0x00, True): 2765, (0xAD, False): 5, (0xDE, False): 38}  # fmt: skip
    assert {name: str(kind) for name, kind in found.parts.dtypes.items()} == PART_COLUMNS
    # 60 x 60 from the middle, right and down: the first row has six dies from column 27 on
    assert found.parts.loc[0, ["x", "y"]].tolist() == [-2, -29]
    assert not found.parts.duplicated(["x", "y"]).any()
    assert not any("counts" in line for line in found.report.lines())


def g85(rows: str, *, device: str = 'BinType="Ascii" NullBin="."', bins: str = "", size=(3, 2), **more: str) -> str:
    words = " ".join(f'{name}="{value}"' for name, value in more.items())
    return (f'<Map WaferId="W1"><Device Columns="{size[0]}" Rows="{size[1]}" {device} {words}>\n{bins}<Data>\n'
            + "\n".join(f"<Row>{row}</Row>" for row in rows.split("/")) + "\n</Data></Device></Map>")  # fmt: skip


TYPES = [  # bin type, null, rows, numbers of the five parts
    ("Ascii", ".", "A.B/C1 ", [65, 66, 67, 49, 32]),
    ("Decimal", "255", "001255002/003010007", [1, 2, 3, 10, 7]),
    ("Decimal", "255", "1 255 2 /3 10 7", [1, 2, 3, 10, 7]),
    ("HexaDecimal", "FF", "01FF0A/ff00DE", [1, 10, 0, 0xDE]),
    ("HexaDecimal", "FF", "<![CDATA[01FF0A]]>/0100DE", [1, 10, 1, 0, 0xDE]),
    ("Integer2", "FFFF", "0001FFFF000C/000100020BB8", [1, 12, 1, 2, 3000]),
    ("Decimal", "9", "192/345", [1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(("kind", "null", "rows", "numbers"), TYPES)
def test_codes_of_every_type(kind, null, rows, numbers):
    found = read(g85(rows, device=f'BinType="{kind}" NullBin="{null}"', OriginLocation="2"))
    assert found.parts.hard_bin.tolist() == numbers


def test_qualities_counts_and_the_other_facts_of_a_wafer():
    bins = """<Bin BinCode="A" BinQuality="Pass" BinCount="2"/>
        <Bin BinCode="B" BinQuality="Fail" BinDescription="open"/><Bin BinCode="C" BinQuality="Untested"/>
        <ReferenceDevice ReferenceDeviceX="1" ReferenceDeviceY="-1"/>"""
    found = read(g85("A.B/CAD", bins=bins, OriginLocation="3", Orientation="270", LotId="L", DeviceSizeX="9500.5",
                     WaferSize="300", CreateDate="20250304101112"))  # fmt: skip
    assert found.parts.passed.astype(object).where(found.parts.passed.notna(), None).tolist() == [
        True, False, None, True, None]  # fmt: skip
    assert found.parts[["x", "y"]].values.tolist() == [[0, 1], [2, 1], [0, 0], [1, 0], [2, 0]]
    assert [(one.number, one.name, one.passed) for one in found.bins] == [
        (65, "A", True), (66, "open", False), (67, "C", None)]  # fmt: skip
    attributes = found.carriers[0].attributes
    assert (attributes["orientation_deg"], attributes["origin"], attributes["diameter_mm"]) == (270, "LowerLeft", 300)
    assert attributes["device_size_x_um"] == 9500.5
    assert attributes["reference_devices"] == [{"x": 1, "y": -1}]
    assert any("1 parts have a bin that the file does not define" in line for line in found.report.lines())
    assert found.started_at.isoformat() == "2025-03-04T10:11:12+00:00"


def test_a_file_of_several_wafers():
    two = g85("A.B/CAD", OriginLocation="2") + g85("AAA/BBB", OriginLocation="1").replace("W1", "W2")
    found = read(f"<Maps>{two}</Maps>")
    assert found.parts.groupby("carrier", observed=True).size().to_dict() == {"W1": 5, "W2": 6}
    assert found.parts.position.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]


E142 = """<MapData xmlns="urn:semi-org:xsd.E142-1.V1005.SubstrateMap">
<Layouts><Layout LayoutId="S" DefaultUnits="mm"><Dimension X="2" Y="1"/></Layout>
<Layout LayoutId="D" DefaultUnits="mm"><Dimension X="2" Y="2"/><DeviceSize X="8" Y="6.5"/>
<StepSize X="9000" Y="7000" Units="micron"/></Layout></Layouts>
<Substrates><Substrate SubstrateType="Panel" SubstrateId="P1"><LotId>L1</LotId><SlotNumber>4</SlotNumber></Substrate>
<Substrate SubstrateType="Wafer" SubstrateId="W5"><LotId>L0</LotId></Substrate></Substrates>
<SubstrateMaps><SubstrateMap SubstrateType="Panel" SubstrateId="P1" LayoutSpecifier="S/D" Orientation="90"
 OriginLocation="UpperLeft" AxisDirection="DownRight">
<Overlay MapName="bins" MapVersion="1"><BinCodeMap BinType="HexaDecimal" NullBin="FF">
<BinDefinitions><BinDefinition BinCode="01" BinQuality="Pass" BinCount="3"/></BinDefinitions>
<BinCode>01FF0102</BinCode><BinCode>FFFFFF03</BinCode></BinCodeMap></Overlay>
<Overlay MapName="SoftBin"><BinCodeMap BinType="Decimal" NullBin="0"><BinCode X="0" Y="0">012</BinCode>
<BinCode X="2" Y="1">003004</BinCode></BinCodeMap></Overlay>
<Overlay MapName="from"><TransferMap FromSubstrateType="Wafer" FromSubstrateId="W5" FromLayoutSpecifier="w">
<T FX="10" FY="-3" TX="0" TY="0"/><T FX="11" FY="-3" TX="2" TY="0"/></TransferMap>
<TransferMap FromSubstrateType="Wafer" FromSubstrateId="W6"><T FX="7" FY="8" TX="2" TY="0"/></TransferMap></Overlay>
<Overlay MapName="ids"><DeviceIdMap><Id X="0" Y="0">U1</Id><Id X="1" Y="1">U2</Id></DeviceIdMap></Overlay>
</SubstrateMap></SubstrateMaps></MapData>"""


def test_e142_bins_names_and_transfers():
    found = read(E142)
    assert (found.format, found.lot) == ("e142", "L1")
    panel = found.carriers[0]
    assert (panel.name, panel.kind, panel.attributes["slot"]) == ("P1", "panel", "4")
    assert (panel.attributes["columns"], panel.attributes["rows"]) == (4, 2)  # layouts inside layouts multiply
    assert (panel.attributes["device_size_y_um"], panel.attributes["step_size_x_um"]) == (6500.0, 9000.0)
    parts = found.parts.astype(object).where(found.parts.notna(), None)
    assert parts[["x", "y", "hard_bin", "soft_bin", "passed", "part_id"]].values.tolist() == [
        [0, 0, 1, 12, True, "U1"], [2, 0, 1, None, True, None], [3, 0, 2, None, None, None],
        [3, 1, 3, 4, None, None], [2, 1, None, 3, None, None], [1, 1, None, None, None, "U2"],
    ]  # fmt: skip
    rows = found.transfers.astype(object).where(found.transfers.notna(), None).values.tolist()
    assert rows == [["W5", 10, -3, "P1", 0, 0, "U1"], ["W5", 11, -3, "P1", 2, 0, None], ["W6", 7, 8, "P1", 2, 0, None]]
    assert {name: str(kind) for name, kind in found.transfers.dtypes.items()} == TRANSFER_COLUMNS
    assert any("counts 3 of bin 01 and the map has 2" in line for line in found.report.lines())


def test_e142_defaults_are_those_of_the_standard_and_told():
    found = read(E142.replace(' Orientation="90"\n OriginLocation="UpperLeft" AxisDirection="DownRight"', ""))
    attributes = found.carriers[0].attributes
    assert (attributes["origin"], attributes["axis_direction"], attributes["orientation_deg"]) == (
        "LowerLeft", "UpRight", 0)  # fmt: skip
    assert found.parts.loc[0, ["x", "y"]].tolist() == [0, 1]
    assert sum("default" in line for line in found.report.lines()) == 2


def test_e142_without_a_layout_takes_the_size_of_its_codes():
    found = read(E142.replace(' LayoutSpecifier="S/D"', ""))
    assert (found.carriers[0].attributes["columns"], found.carriers[0].attributes["rows"]) == (4, 2)
    assert any("No layout" in line for line in found.report.lines())


GOOD = g85("A.B/CAD", OriginLocation="2")
HEX = g85("01FF/FF01", device='BinType="HexaDecimal" NullBin="FF"', size=(2, 2))
REFUSED = [  # text, rule, the beginning of the element that is named
    (GOOD.replace("A.B", "A.BB"), "row", "<Row>A.BB"),
    (GOOD.replace("<Row>CAD</Row>", ""), "rows", "<Data>"),
    (HEX.replace("FF01<", "FFx1<"), "code", "<Row>FFx1"),
    (GOOD.replace('"Ascii"', '"Octal"'), "bin_type", "<Device"),
    (GOOD.replace('OriginLocation="2"', 'OriginLocation="5"'), "origin", "<Device"),
    (GOOD.replace('OriginLocation="2"', 'Orientation="45"'), "orientation", "<Device"),
    (GOOD.replace('Rows="2"', 'Rows="x"'), "whole", "<Device"),
    (GOOD.replace('Columns="3" Rows="2"', 'Columns="99999" Rows="99999"'), "too_large", "<Device"),
    (GOOD.replace(' WaferId="W1"', ""), "no_name", "<Map>"),
    ("<Maps>" + GOOD + "\n" + GOOD.replace("<Map ", '<Map x="" ') + "</Maps>", "twice", '<Map x=""'),
    ("<Maps/>", "no_map", "<Maps"),
    ("<html/>", "root", "<html"),
    (E142.replace('TX="2" TY="0"', 'TX="4" TY="0"', 1), "outside", "<SubstrateMap "),
    (E142.replace('X="2" Y="1">003004', 'X="3" Y="1">003004'), "outside", '<BinCode X="0"'),
    (E142.replace('X="2" Y="1">003004', 'X="0" Y="0">003004'), "place_twice", '<BinCode X="0"'),
    (E142.replace('FY="-3"', "", 1), "whole", '<T FX="10"'),
    (E142.replace(' FromSubstrateId="W5"', ""), "no_name", "<TransferMap"),
    (E142.replace('<Id X="1" Y="1">', '<Id Y="0" X="0">'), "two_ids", '<Id Y="0"'),
    (E142.replace("<BinCode>FFFFFF03</BinCode>", ""), "rows", "<BinCodeMap"),
    (E142.replace("<BinCode>01", '<BinCode Y="0">01'), "mixed", '<BinCode Y="0"'),
    (E142.replace("DownRight", "Sideways"), "origin", "<SubstrateMap "),
]


@pytest.mark.parametrize(("text", "rule", "element"), REFUSED, ids=[f"{i}-{row[1]}" for i, row in enumerate(REFUSED)])
def test_what_is_refused_names_its_element(text, rule, element):
    with pytest.raises(InputError) as refused:
        read(text)
    before = text[: text.index(element)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    name = element[1:].partition(" ")[0].partition(">")[0]
    assert refused.value.rule == f"substrate_map.{rule}"
    assert refused.value.where == f"f:{line}:{column} {name}"


@pytest.mark.parametrize(("text", "rule"), [
    (GOOD.replace("</Map>", ""), "xml"),
    ("", "xml"),
    ('<?xml version="1.0" encoding="nothing"?><Map/>', "xml"),
    ('<!DOCTYPE Map [<!ENTITY a "b">]><Map>&a;</Map>', "entities"),
    ('<!DOCTYPE Map SYSTEM "x.dtd"><Map/>', "entities"),
    ("<Map>" * 40, "too_much"),
    ("<Map " + " ".join(f'a{i}=""' for i in range(300)) + "/>", "too_much"),
])  # fmt: skip
def test_hostile_documents_are_refused(text, rule):
    with pytest.raises(InputError) as refused:
        read(text)
    assert refused.value.rule == f"substrate_map.{rule}"


EDITS = st.tuples(st.floats(0, 1), st.integers(0, 30), st.text(max_size=4) | st.sampled_from(
    ("<", ">", "]]>", "<Row>", "<T/>", 'X="1"', "FF", "&#0;", "&x;", "<![CDATA[", "-1", "Center")))  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from((GOOD, E142)), st.lists(EDITS, min_size=1, max_size=3))
def test_nothing_but_the_error_family_comes_out(text, edits):
    for share, length, new in edits:
        at = int(share * len(text))
        text = text[:at] + new + text[at + length :]
    try:
        found = substrate_map.read_bytes(text.encode("utf-8", "replace"), where="f")
    except WorkbenchError as refused:
        where = refused.where
    else:
        where = "f"
        assert found.parts is None or list(found.parts.columns) == list(PART_COLUMNS)
    assert where.startswith("f")
