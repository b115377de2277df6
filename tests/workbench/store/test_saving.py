"""Saving a revision: the project stays, nobody's revision is passed over, an id is an id and never a path."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import facts
from workbench.errors import InputError
from workbench.stack import editing, read
from workbench.store import Store, saving
from workbench.store.saving import LONGEST_ID, file_stem, id_from, save_revision, valid_id

DESIGN = read(facts.load("designs/poc-face-to-face"))


@pytest.fixture
def store(new_file):
    return Store.open(new_file())


def wider(width_mm: float):
    return editing.resize(DESIGN, width_mm=width_mm, length_mm=10.0)


def save(store, design, design_id="poc", **more):
    return save_revision(store, design_id, design, **{"author": "Lin", "note": "a note", **more})


def test_a_design_is_made_and_followed(store):
    first = save(store, DESIGN, fresh=True)
    second = save(store, wider(12.0), based_on=first.revision_id)
    assert [(s.number, s.added) for s in (first, second)] == [(1, True), (2, True)]
    rows = store.designs.revisions("poc")
    assert [(row["revision_id"], row["parent_id"]) for row in rows] == [
        (first.revision_id, None), (second.revision_id, first.revision_id)]  # fmt: skip
    assert read(store.designs.document("poc")).width_mm == 12.0


def test_a_design_stays_in_its_project_until_another_is_named(store):
    save(store, DESIGN, project_id="customer-a")
    save(store, wider(12.0))
    assert [row["project_id"] for row in store.designs.list()] == ["customer-a"]
    save(store, wider(12.0), project_id="customer-b")
    assert [(row["project_id"], row["number"]) for row in store.designs.list()] == [("customer-b", 2)]


def test_a_new_project_is_requested_by_who_saves_first(store):
    save(store, DESIGN, project_id="customer-a")
    save(store, wider(12.0), project_id="customer-a")
    requested = [row for row in store.designs.milestones("poc") if row["milestone"] == "requested"]
    assert [row["actor"] for row in requested] == ["Lin"]


def test_a_newer_revision_is_never_passed_over(store):
    first = save(store, DESIGN)
    save(store, wider(12.0), based_on=first.revision_id, author="Chen")
    with pytest.raises(InputError) as refused:
        save(store, wider(13.0), based_on=first.revision_id)
    assert (refused.value.rule, refused.value.where) == ("builder.overtaken", "poc")
    assert (refused.value.got, refused.value.allowed) == ("2 (Chen)", "1")
    assert len(store.designs.revisions("poc")) == 2


def test_what_is_there_said_again_adds_nothing(store):
    first = save(store, DESIGN, fresh=True)
    second = save(store, wider(12.0), based_on=first.revision_id)
    for more in ({"fresh": True}, {"based_on": first.revision_id}, {"based_on": second.revision_id}, {}):
        again = save(store, wider(12.0), **more)
        assert (again.revision_id, again.number, again.added) == (second.revision_id, 2, False)
    assert len(store.designs.revisions("poc")) == 2


def test_a_fresh_design_takes_no_other_designs_id(store):
    save(store, DESIGN, fresh=True)
    with pytest.raises(InputError) as refused:
        save(store, wider(12.0), fresh=True, project_id="another")
    assert refused.value.rule == "design.id_taken"
    assert store.projects.list() == []
    assert len(store.designs.revisions("poc")) == 1


GOOD = ("poc", "my-stack", "v2.1_final", "雙晶粒-驗證", "Ω", "हिन्दी", "_draft", "a..b", "x" * LONGEST_ID)
BAD = ("", " ", "../../esc", "..", ".hidden", "-rf", "a/b", "a\\b", "x@1", "a b", "a\n", "a\x00b", "C:poc", "%2e%2e",
       "<b>", "x" * (LONGEST_ID + 1), "\ud800", "a\u202eb")  # fmt: skip


@pytest.mark.parametrize("word", GOOD)
def test_what_can_be_an_id(word):
    assert valid_id(word) == word
    assert file_stem(word) == word


@pytest.mark.parametrize("word", BAD, ids=ascii)
def test_what_cannot_be_an_id(store, word):
    with pytest.raises(InputError) as refused:
        save(store, DESIGN, design_id=word)
    assert refused.value.rule == "design.bad_id"
    assert str(LONGEST_ID) in refused.value.fix("en")
    assert str(LONGEST_ID) in refused.value.fix("zh-Hant")
    assert store.designs.list() == []


def test_a_design_whose_id_was_never_checked_can_still_be_saved(store):
    document = {"title": "old", **facts.load("designs/poc-face-to-face")}
    first = store.designs.add_revision("../old", document, title="old", kind="face_to_face", author="x", note="")
    assert save(store, wider(12.0), design_id="../old", based_on=first).number == 2


@given(st.text())
def test_a_files_name_is_one_whatever_the_id(word):
    stem = file_stem(word)
    assert not set(stem) & set('/\\:@\0 \n<>"|?*')
    assert stem == file_stem(stem) == valid_id(stem)


@given(st.text())
def test_an_id_made_of_a_title_is_an_id(title):
    assert valid_id(id_from(title))


@pytest.mark.parametrize(("title", "expected"), [
    ("Two-die POC, v2", "two-die-poc-v2"), ("  雙晶粒 驗證 ", "雙晶粒-驗證"), ("///", "design"),
])  # fmt: skip
def test_an_id_follows_from_a_title(title, expected):
    assert id_from(title) == expected


def test_who_acts(monkeypatch):
    monkeypatch.setenv("WORKBENCH_AUTHOR", "Lin")
    assert saving.author() == "Lin"
    monkeypatch.delenv("WORKBENCH_AUTHOR")
    monkeypatch.setattr(saving.getpass, "getuser", lambda: "login")
    assert saving.author() == "login"
    for fault in (KeyError, OSError, ImportError):
        monkeypatch.setattr(saving.getpass, "getuser", lambda fault=fault: (_ for _ in ()).throw(fault()))
        assert re.fullmatch(r"\w+", saving.author())
