"""One door for files of tools and testers: recognised by what is in them, whatever they are called."""

from __future__ import annotations

import bz2
import gzip

import pytest

from workbench.errors import InputError
from workbench.formats.lot_door import FORMATS, PACKINGS, SUFFIXES, TABLES, read_lot, recognised
from workbench.formats.stdf import open_stdf

KLARF = b'FileVersion 1 2;\nLotID "L1";\nWaferID "W1";\nDefectRecordSpec 3 DEFECTID XINDEX YINDEX;\nDefectList 1 0 0;\n\
EndOfFile;\n'
MAP = b'<Map WaferId="W1"><Device Columns="1" Rows="1" BinType="Ascii"><Data><Row>1</Row></Data></Device></Map>'
TABLE = b"Lot,wafer,position,gap_um\nL1,W1,1,2.5\n"


def test_the_lists_are_closed():
    assert FORMATS == ("stdf", "klarf", "substrate_map", "csv", "parquet", "excel")
    assert TABLES == ("csv", "parquet", "excel")
    assert PACKINGS == (".gz", ".bz2")
    assert len({suffix for each in SUFFIXES.values() for suffix in each}) == sum(map(len, SUFFIXES.values()))


CONTENT = [
    (KLARF, "klarf"), (b'\r\n Record FileRecord "1.8" {}', "klarf"), (MAP, "substrate_map"),
    (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x --><semi:MapData>", "substrate_map"), (TABLE, "csv"),
    ("a;b\n1;2\n".encode("utf-16"), "csv"), (b"PAR1....PAR1", "parquet"), (b"PK\x03\x04....", "excel"),
    (b"\x02\x00\x00\x0a\x02\x04", "stdf"), (b"\x00\x02\x00\x0a\x01\x04", "stdf"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "kind"), CONTENT)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_content_decides(tmp_path, content, kind, pack):
    path = tmp_path / "anything.bin"
    path.write_bytes(pack(content))
    assert recognised(path) == kind


@pytest.mark.parametrize(("content", "name", "rule"), [
    (b"\x00\x01\x02\x03", "a.bin", "unknown"), (b"plain words", "a.dat", "unknown"), (b"", "a.dat", "unknown"),
    (b"<html></html>", "a.xml", "unknown"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls", "old_excel"),
])  # fmt: skip
def test_other_files_are_refused(tmp_path, content, name, rule):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_lot(path)
    assert refused.value.rule == f"lot_file.{rule}"


def test_a_file_that_is_not_there_or_no_file(tmp_path):
    for path, rule in ((tmp_path / "none", "text.no_file"), (tmp_path, "text.not_a_file")):
        with pytest.raises(InputError) as refused:
            read_lot(path)
        assert refused.value.rule == rule


def test_every_format_is_read_through_the_door_packed_or_not(tmp_path):
    with open_stdf(tmp_path / "a") as file:
        file.record("MIR", LOT_ID="L1")
    assert (read_lot(tmp_path / "a").format, read_lot(tmp_path / "a").lot) == ("stdf", "L1")
    for content, kind, pack in ((KLARF, "klarf", gzip.compress), (MAP, "g85", bz2.compress), (TABLE, "csv", bytes),
                                (TABLE, "csv", gzip.compress)):  # fmt: skip
        path = tmp_path / "file"
        path.write_bytes(pack(content))
        found = read_lot(path)
        assert found.format == kind
        assert [one.name for one in found.carriers] == ["W1"]
        assert found.report.taken


def test_only_tables_take_a_mapping(tmp_path):
    path = tmp_path / "a.klarf"
    path.write_bytes(KLARF)
    with pytest.raises(InputError) as refused:
        read_lot(path, mapping={"columns": [{"name": "a", "role": "lot"}]})
    assert refused.value.rule == "lot_file.no_mapping"


@pytest.mark.parametrize(("content", "rule"), [
    (gzip.compress(KLARF)[:-12], "packing"), (gzip.compress(KLARF)[:30] + b"\xff" * 40, "packing"),
    (gzip.compress(b"FileVersion 1 2;" + b" " * 40_000_000), "bomb"),
], ids=["cut off", "overwritten", "bomb"])  # fmt: skip
def test_damaged_and_bursting_packings_are_refused(tmp_path, content, rule):
    path = tmp_path / "a.klarf.gz"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_lot(path)
    assert refused.value.rule == f"lot_file.{rule}"


def test_packed_members_follow_one_another_and_zeros_are_padding(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(KLARF[:40]) + gzip.compress(KLARF[40:]) + bytes(512))
    assert read_lot(path).lot == "L1"


def test_files_of_others_go_through_the_door(corpus):
    kinds = {"klarf/simple18.klarf": "klarf", "stdf/lot2.stdf.gz": "stdf",
             "substrate_map/SEMI_G85_1101_ALL.xml": "g85"}  # fmt: skip
    assert {name: read_lot(corpus / name).format for name in kinds} == kinds
