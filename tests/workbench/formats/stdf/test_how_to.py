"""The code of the how-to page runs as it stands."""

from __future__ import annotations

import re

from workbench.formats import stdf
from workbench.formats.stdf.synthetic import MadeLot, MadeTest, MadeWafer, grid, write


def test_the_page(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lot = MadeLot("L", "P", (MadeTest(1, "v"),), (MadeWafer("W", grid(3, 3)),))
    for name in ("lot.stdf", "lot.stdf.gz"):
        write(name, lot)
    page = (root / "docs" / "how-to" / "stdf.md").read_text("utf-8")
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(block, names)
    shown = capsys.readouterr().out
    assert "晶圓" in shown
    assert "'WAFER_ID': 'W'" in shown
    [reading] = stdf.read("out.stdf.gz").readings.to_dict("records")
    assert reading["parameter"] == "1000 Idd"
