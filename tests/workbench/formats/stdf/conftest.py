"""Small STDF files, record by record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.formats import stdf
from workbench.formats.lot_data import LotData
from workbench.formats.stdf.writing import StdfWriter


class Session:
    """Records of a small file with what a test does not care about filled in: one head, one site."""

    def __init__(self, out: StdfWriter):
        self.out = out

    def __call__(self, name: str, /, **values: object) -> Session:
        self.out.record(name, **values)
        return self

    def start(self, site: int = 1) -> Session:
        return self("PIR", HEAD_NUM=1, SITE_NUM=site)

    def ptr(self, number: int = 1000, result: float | None = 1.0, site: int = 1, **values: object) -> Session:
        return self("PTR", **{"TEST_NUM": number, "HEAD_NUM": 1, "SITE_NUM": site, "TEST_FLG": 0, "PARM_FLG": 0,
                              "RESULT": result} | values)  # fmt: skip

    def ftr(self, number: int = 3000, site: int = 1, **values: object) -> Session:
        return self("FTR", **{"TEST_NUM": number, "HEAD_NUM": 1, "SITE_NUM": site, "TEST_FLG": 0} | values)

    def end(self, part_id: str | None = None, site: int = 1, **values: object) -> Session:
        return self("PRR", **{"HEAD_NUM": 1, "SITE_NUM": site, "PART_FLG": 0, "NUM_TEST": 1, "HARD_BIN": 1,
                              "PART_ID": part_id} | values)  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., LotData]:
    """The lot of a file with the records that `fill` writes after an MIR."""

    def lot(fill: Callable[[Session], object], *, big: bool = False, name: str = "made.stdf") -> LotData:
        path = tmp_path / name
        with stdf.open_stdf(path, big=big, overwrite=True) as out:
            out.record("MIR", SETUP_T=1, START_T=2, LOT_ID="L1", PART_TYP="P")
            fill(Session(out))
        return stdf.read(path)

    return lot
