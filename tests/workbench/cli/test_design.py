"""`workbench design`: list and show, as words and as JSON; seeding twice adds nothing and undoes nothing."""

from __future__ import annotations

import json

import pytest

from workbench import facts
from workbench.cli import main
from workbench.runs.demo.designs import DESIGNS, seed
from workbench.stack import content_sha256, read
from workbench.store import Store


@pytest.fixture
def store(home):
    found = Store.open()
    assert seed(found) == list(DESIGNS)
    return found


def run(capsys, *words) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out = capsys.readouterr()
    return ended.value.code, out.out, out.err


def test_list(store, capsys):
    code, out, _ = run(capsys, "design", "list", "--json")
    assert code == 0
    assert {row["design_id"] for row in json.loads(out)["hits"]} == set(DESIGNS)
    code, out, _ = run(capsys, "design", "list")
    assert code == 0
    assert "multi-gpu" in out


def test_an_empty_store_says_what_to_do(home, capsys):
    code, out, _ = run(capsys, "design", "list")
    assert code == 0
    assert "workbench demo" in out


def test_show(store, capsys):
    code, out, _ = run(capsys, "design", "show", "poc-face-to-face", "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["derived"]["total_thickness_um"] == 1056
    assert shown["content_sha256"] == content_sha256(read(facts.load("designs/poc-face-to-face")))
    code, out, _ = run(capsys, "design", "show", "ascend-910")
    assert code == 0
    lines = out.splitlines()
    top, bottom = (next(i for i, line in enumerate(lines) if name in line) for name in ("Die tier", "BGA balls"))
    assert top < bottom  # as it stands on the board


def test_an_unknown_design_is_refused(store, capsys):
    code, _, err = run(capsys, "design", "show", "nope")
    assert code == 2
    assert "multi-gpu" in err
    assert "Traceback" not in err


def test_seeding_again_leaves_a_newer_revision_alone(store):
    document = store.designs.document("poc-face-to-face")
    document["note"] = "thinner mould next"
    store.designs.add_revision("poc-face-to-face", document, title="POC", kind="face_to_face", author="me", note="x")
    assert seed(store) == []
    assert store.designs.document("poc-face-to-face")["note"] == "thinner mould next"
