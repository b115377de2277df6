"""Where a design comes from and goes to in the builder: templates, a customer's files, exports to download."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from datetime import UTC, datetime

import gdstk
import pytest

from widgets.builder import shelf
from widgets.builder.screen import Builder
from widgets.builder.session import Session
from workbench.errors import InputError
from workbench.formats import SUFFIXES, read_design
from workbench.runs.demo import designs
from workbench.stack import read, to_document
from workbench.stack.templates import build
from workbench.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "workbench.duckdb")
    designs.seed(store)
    return store


@pytest.fixture
def screen(store):
    return Builder(Session(store, "poc-face-to-face", author="engineer"))


def uploaded(*files):
    return tuple({"name": name, "type": "", "size": len(content), "content": memoryview(content),
                  "last_modified": datetime(2026, 1, 1, tzinfo=UTC)} for name, content in files)  # fmt: skip


def document_of(store) -> bytes:
    return json.dumps(store.designs.document("poc-side-by-side")).encode()


def downloaded(screen) -> tuple[str, bytes]:
    link = screen.hand_over.link.value
    name = re.search(r'download="([^"]+)"', link).group(1)
    return name, base64.b64decode(re.search(r"base64,([^\"]+)", link).group(1))


def test_a_design_of_ten_thousand_bumps_begins_from_a_template(screen, store):
    screen.begin.template.value = "face-to-face"
    form = screen.begin._form.children[0]
    form._controls["bump_count"].value = 10_000
    screen.begin.id.value = "my-stack"
    screen.begin.create.click()
    assert screen.session.design_id == "my-stack"
    assert screen.designs.value == "my-stack"
    design = read(store.designs.document("my-stack"))
    assert design == screen.session.design
    assert any(design.region(joint.top).bump_count == 10_000 for joint in design.connections)
    assert "my-stack@1" in screen._message.value


def test_an_id_is_needed_and_another_design_is_never_overwritten(screen, store):
    before = store.designs.document("poc-side-by-side")
    screen.begin.create.click()
    assert "needs an id" in screen._message.value
    screen.begin.id.value = "poc-side-by-side"
    screen.begin.create.click()
    assert "another design" in screen._message.value
    assert store.designs.document("poc-side-by-side") == before
    assert screen.session.design_id == "poc-face-to-face"


@pytest.mark.parametrize("word", ["../../esc", "a/b", "x@1", ".hidden"])
def test_an_id_is_no_path_and_no_revision(screen, store, word):
    before = [row["design_id"] for row in store.designs.list()]
    screen.begin.id.value = word
    screen.begin.create.click()
    assert 'data-rule="design.bad_id"' in screen._message.value
    screen.begin.files.value = uploaded(("POC v2.json", document_of(store)))
    screen.begin.take.click()
    assert 'data-rule="design.bad_id"' in screen._message.value
    assert [row["design_id"] for row in store.designs.list()] == before
    screen.begin.id.value = ""
    screen.begin.take.click()
    assert screen.session.design_id == "poc-v2"  # made of the file's name


@pytest.mark.parametrize("to", [name for name in SUFFIXES if name != "step"])
@pytest.mark.parametrize("most_bytes", [shelf.MOST_LINK_BYTES, 0])
def test_an_old_id_that_is_a_path_leads_nowhere(store, tmp_path, monkeypatch, home, to, most_bytes):
    scratch = tmp_path / "scratch" / "below"
    scratch.mkdir(parents=True)
    monkeypatch.setattr(shelf.tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(shelf, "MOST_LINK_BYTES", most_bytes)
    store.designs.add_revision("../../esc", store.designs.document("poc-side-by-side"), title="t",
                               kind="side_by_side", author="x", note="")  # fmt: skip
    screen = Builder(Session(store, "../../esc"))
    screen.hand_over.format.value = to
    screen.hand_over.go.click()
    assert "Exported" in screen._message.value
    if most_bytes:
        assert re.fullmatch(r"esc@1\.\w+", downloaded(screen)[0])
    else:
        (written,) = (home / "exports").iterdir()
        assert re.fullmatch(r"esc@1\.\w+", written.name)
    strays = [file for file in tmp_path.rglob("*") if file.is_file() and file.parent != home / "exports"]
    assert {file.name.partition(".")[0] for file in strays} == {"workbench"}  # the store and its locks


def test_a_begun_design_that_cannot_be_opened_is_not_said_to_be(screen, monkeypatch):
    def refuse(design_id):
        raise InputError("store.not_there", where=design_id)

    monkeypatch.setattr(screen.session, "other", refuse)
    screen.begin.id.value = "mine"
    screen.begin.create.click()
    assert 'data-rule="store.not_there"' in screen._message.value
    assert "Began and saved" not in screen._message.value
    assert screen.begin.id.value == "mine"
    assert screen.designs.value == screen.session.design_id == "poc-face-to-face"
    assert "mine" in dict(screen.designs.options).values()


def test_unsaved_changes_are_not_left_behind(screen):
    screen.saving.width.value = 12.0
    screen.begin.id.value = "other"
    screen.begin.create.click()
    assert screen.session.design_id == "poc-face-to-face"
    assert not screen.session.is_saved


@pytest.mark.parametrize("to", [name for name in SUFFIXES if name != "step"])
def test_every_format_is_downloaded(screen, to):
    screen.hand_over.format.value = to
    screen.hand_over.go.click()
    name, content = downloaded(screen)
    assert name.startswith("poc-face-to-face@1.")
    assert len(content) > 20
    if to == "3dblox":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert any(entry.endswith(".3dbx") for entry in archive.namelist())


def test_what_is_downloaded_can_be_read(screen, tmp_path):
    screen.hand_over.format.value = "gds"
    screen.hand_over.go.click()
    (tmp_path / "module.gds").write_bytes(downloaded(screen)[1])
    assert gdstk.read_gds(tmp_path / "module.gds").top_level()
    screen.hand_over.format.value = "json"
    screen.hand_over.go.click()
    (tmp_path / "module.json").write_bytes(downloaded(screen)[1])
    assert read_design(tmp_path / "module.json")[0] == screen.session.design


def test_the_files_of_a_customer_become_a_design(screen, store, tmp_path):
    screen.hand_over.format.value = "3dblox"
    screen.hand_over.go.click()
    with zipfile.ZipFile(io.BytesIO(downloaded(screen)[1])) as archive:
        files = [(name, archive.read(name)) for name in archive.namelist()]
    screen.begin.files.value = uploaded(*files)
    screen.begin.id.value = "from-customer"
    screen.begin.take.click()
    assert screen.session.design_id == "from-customer", screen._message.value
    assert len(read(store.designs.document("from-customer")).placements) == 2


REFUSED = [  # files, what the message says
    ((), "not files that can be taken"),
    ((("../escape.json", b"{}"),), "not files that can be taken"),
    ((("a.json", b"{}"), ("b.json", b"{}")), "Exactly one"),
    ((("notes.bmap", b""),), "Exactly one"),
    ((("torn.json", b'{"title": '),), "torn.json"),
]


@pytest.mark.parametrize(("files", "said"), REFUSED)
def test_files_that_cannot_be_taken_are_refused_and_nothing_changes(screen, store, files, said):
    before = [row["design_id"] for row in store.designs.list()]
    screen.begin.files.value = uploaded(*files)
    screen.begin.take.click()
    assert said in screen._message.value
    assert [row["design_id"] for row in store.designs.list()] == before
    assert screen.session.design_id == "poc-face-to-face"


def test_a_large_file_never_takes_the_place_of_another(screen, store, monkeypatch, home):
    """Two states without a number, and two ids that leave the same name: each its own file, the same again once."""
    monkeypatch.setattr(shelf, "MOST_LINK_BYTES", 10)
    screen.hand_over.format.value = "json"
    written = []
    for width_mm in (12.0, 13.0, 13.0):
        screen.saving.width.value = width_mm
        screen.hand_over.go.click()
        written.append(re.search(r"[^ ]+\.json", screen.hand_over.link.value)[0])
    assert [name.rpartition("/")[2] for name in written] == [
        "poc-face-to-face-draft.json", "poc-face-to-face-draft-2.json", "poc-face-to-face-draft-2.json",
    ]  # fmt: skip
    assert [read_design(name)[0].width_mm for name in written] == [12.0, 13.0, 13.0]
    for old_id, source in (("a/b", "poc-side-by-side"), ("a-b", "poc-face-to-back")):
        store.designs.add_revision(old_id, store.designs.document(source), title=old_id, kind="x", author="x", note="")
        other = Builder(Session(store, old_id))
        other.hand_over.format.value = "json"
        other.hand_over.go.click()
    assert {file.name for file in (home / "exports").glob("a-b*")} == {"a-b@1.json", "a-b@1-2.json"}


def test_files_of_two_designs_can_be_unpacked_into_one_folder(screen):
    names = []
    for design_id in ("poc-face-to-face", "poc-side-by-side"):
        screen.designs.value = design_id
        screen.hand_over.go.click()
        with zipfile.ZipFile(io.BytesIO(downloaded(screen)[1])) as archive:
            names += [name for name in archive.namelist() if name.endswith(".3dbx")]
    assert names == ["poc-face-to-face.3dbx", "poc-side-by-side.3dbx"]


def test_an_id_in_any_script_names_the_files(screen, store):
    screen.begin.id.value = "雙晶粒"
    screen.begin.create.click()
    for to in (name for name in SUFFIXES if name != "step"):
        screen.hand_over.format.value = to
        screen.hand_over.go.click()
        assert downloaded(screen)[0].startswith("雙晶粒@1."), screen._message.value


def test_a_large_file_is_written_and_its_place_is_said(screen, monkeypatch, home):
    monkeypatch.setattr(shelf, "MOST_LINK_BYTES", 10)
    screen.hand_over.go.click()
    (written,) = (home / "exports").iterdir()
    assert written.name in screen.hand_over.link.value


def test_the_template_shown_is_the_template_made(screen):
    assert to_document(build("face-to-back"))["assembly"] == "face_to_back"
    screen.begin.template.value = "face-to-back"
    screen.begin.id.value = "back"
    screen.begin.create.click()
    assert screen.session.design.assembly == "face_to_back"
