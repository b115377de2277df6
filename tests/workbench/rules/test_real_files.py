"""Modules of others, read from their files: what OpenROAD's own examples keep, and what they do not."""

from __future__ import annotations

import pytest

from tests.workbench.rules.modules import NOTHING, found, ids
from workbench.formats.door import read_design
from workbench.rules import check

FILES = [  # file, findings, the place of the first
    ("openroad/example.3dbx", [], ""),
    ("openroad/path_assertions.3dbx", ["path_open"], "Path2"),  # its dies have no vias: no way from back to back
    ("openroad_3dic_cross/3dic_cross.3dbx", ["orphan"], "chipB.front_reg"),
]


@pytest.mark.parametrize(("name", "expected", "place"), FILES)
def test_openroad_examples(corpus, name, expected, place):
    design, _ = read_design(corpus / "3dblox" / name)
    report = check(design, NOTHING)
    assert ids(report) == expected
    assert not expected or report.findings[0].place == place


def test_the_crossed_nets_are_compared_through_the_netlist(corpus):
    """q of chip A meets d of chip B: other names, one net of the module. Only chip B's q, which nothing of chip A lies
    under, is alone."""
    design, _ = read_design(corpus / "3dblox" / "openroad_3dic_cross" / "3dic_cross.3dbx")
    assert found(check(design, NOTHING), "orphan").values["first"] == "bump_q (q)"
    assert found(check(design, NOTHING), "net_mismatch") is None
    without = check(design.model_copy(update={"netlist": ()}), NOTHING)
    assert found(without, "net_mismatch").values == {"first": "bump_d (d)", "second": "bump_q (q)"}
