"""The code of the how-to page runs as it stands, and says what the page says."""

from __future__ import annotations

import re

from workbench.formats.lot_door import SUFFIXES

KLARF = """FileVersion 1 2; LotID L1; WaferID "W1"; DefectRecordSpec 5 DEFECTID XINDEX YINDEX XREL YREL;
DefectList 1 0 0 10 20; EndOfFile;"""


def test_the_page(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scan.klarf").write_text(KLARF)
    (tmp_path / "thickness.csv").write_text("G1,G2\n775,776\n774,773\n")
    page = (root / "docs" / "how-to" / "import-lots.md").read_text("utf-8")
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(block, names)
    shown = capsys.readouterr().out
    assert "1 片晶圓、1 個缺陷" in shown
    assert "('G1', 'G2') ('775', '774')" in shown
    assert "wafer 2" in shown
    lot = names["read_lot"]("thickness.csv", mapping=names["mapping"])
    assert lot.readings.value.tolist() == [775, 776, 774, 773]
    for suffix in (suffix for name, each in SUFFIXES.items() if name != "stdf" for suffix in each):
        assert suffix in page
