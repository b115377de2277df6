"""The front door: every format by its name, every readable file by its suffix or its beginning."""

from __future__ import annotations

import json
import os
import pkgutil
from importlib.util import find_spec
from pathlib import Path

import gdstk
import pytest
import trimesh

from workbench import facts, formats
from workbench.errors import InputError, MissingToolError
from workbench.formats import FORMATS, SUFFIXES, export, read_design
from workbench.formats.exports.writing import fresh
from workbench.stack import read

POC = facts.load("designs/poc-face-to-face")


@pytest.fixture(scope="module")
def design():
    return read(POC)


def test_the_list_is_closed():
    assert FORMATS == ("3dblox", "chiplet", "gds", "oasis", "glb", "step", "csv", "json")


OPENED = {
    "chiplet": lambda path: read_design(path)[0].placements,
    "gds": lambda path: gdstk.read_gds(path).top_level(),
    "oasis": lambda path: gdstk.read_oas(path).top_level(),
    "glb": lambda path: trimesh.load(path, file_type="glb").geometry,
    "csv": lambda path: path.read_text("utf-8").startswith('"part","region"') or path.read_text().startswith("part,"),
    "json": lambda path: read_design(path)[0].placements,
    "3dblox": lambda path: read_design(path)[0].placements,
}


@pytest.mark.parametrize("to", [to for to in FORMATS if to != "step"])
def test_every_format_is_written_whole_and_never_over_a_file(design, tmp_path, to):
    path = tmp_path / f"module{SUFFIXES[to]}"
    done = export(design, path, to=to)
    assert path in done.paths
    assert sorted(done.paths) == sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert done.report.taken
    assert OPENED[to](path)
    before = {p: p.read_bytes() for p in done.paths}
    with pytest.raises(InputError) as refused:
        export(design, path, to=to)
    assert refused.value.rule == "exchange.exists"
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before  # and no drafts
    assert export(design, path, to=to, overwrite=True).paths == done.paths


def test_step_is_written_or_its_command_named(design, tmp_path):
    path = tmp_path / "module.step"
    if find_spec("OCP"):
        export(design, path, to="step")
        assert path.read_text("utf-8").startswith("ISO-10303-21;")
        return
    with pytest.raises(MissingToolError) as missing:
        export(design, path, to="step")
    assert "make step" in missing.value.allowed
    assert not path.exists()


def test_designs_come_back_equal_from_our_own_document(design, tmp_path):
    export(design, tmp_path / "a.json", to="json")
    again, report = read_design(tmp_path / "a.json")
    assert again == design
    assert not report.left


def test_an_angle_goes_to_chiplet_and_not_to_3dblox(tmp_path):
    document = json.loads(json.dumps(POC))
    tier = next(layer for layer in document["layers"] if layer.get("dies"))
    tier["dies"][0]["angle_deg"] = 30.0
    turned = read(document)
    with pytest.raises(InputError) as refused:
        export(turned, tmp_path / "a.3dbx", to="3dblox")
    assert tier["dies"][0]["name"] in refused.value.sentence()
    assert list(tmp_path.iterdir()) == []
    export(turned, tmp_path / "a.chiplet", to="chiplet")
    again, _ = read_design(tmp_path / "a.chiplet")
    assert again.placements[0].angle_deg == 30.0


def test_3dblox_may_be_given_a_folder(design, tmp_path):
    done = export(design, tmp_path / "set", to="3dblox")
    (root,) = [p for p in done.paths if p.suffix == ".3dbx"]
    assert root.parent == tmp_path / "set"
    assert len(read_design(root)[0].placements) == len(design.placements)


def test_a_file_is_known_by_how_it_begins(design, tmp_path):
    for to in ("json", "chiplet"):
        export(design, tmp_path / f"{to}.txt", to=to)
        assert read_design(tmp_path / f"{to}.txt")[0].placements
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "bumps.csv").write_text("x_um,y_um\n")
    for name in ("notes.txt", "bumps.csv"):
        with pytest.raises(InputError) as refused:
            read_design(tmp_path / name)
        assert refused.value.rule == "exchange.unreadable"
        assert ".3dbx, .3dbv, .chiplet, .json" in refused.value.allowed


@pytest.mark.parametrize("name", ["none.json", "none.chiplet", "none.3dbx", "none.txt", "none"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(InputError) as refused:
        read_design(tmp_path / name)
    assert refused.value.rule.startswith("text.")


NAMES = ("a\0b", "n" * 300, "x" * 200 + "/\0/y", "")
KINDS = ("", ".3dbx", ".3dbv", ".chiplet", ".json", ".txt", ".gds")


@pytest.mark.parametrize("name", [f"{name}{suffix}" for name in NAMES for suffix in KINDS])
def test_a_name_that_no_file_may_have_is_refused_in_our_words(design, tmp_path, name):
    with pytest.raises(InputError) as refused:
        read_design(tmp_path / name)
    assert refused.value.rule.startswith(("text.", "threedblox."))
    if name not in KINDS[1:]:
        for to in ("json", "3dblox", "chiplet", "gds", "glb", "csv"):
            if to == "3dblox" and name == "":
                continue  # a folder, which may be there
            with pytest.raises(InputError) as refused:
                export(design, tmp_path / name, to=to)
            assert refused.value.rule in ("exchange.cannot_write", "exchange.exists")


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path, suffix):
    os.mkfifo(tmp_path / f"pipe{suffix}")
    with pytest.raises(InputError) as refused:
        read_design(tmp_path / f"pipe{suffix}")
    assert refused.value.rule == "text.not_a_file"


CONTENTS = {  # of a file that holds no design -> the rule by the reader that its suffix names
    "nothing": (b"", {".3dbx": "threedblox.kind", ".chiplet": "chiplet.kind", ".json": "exchange.json.syntax"}),
    "only a mark": (b"\xef\xbb\xbf", {".3dbx": "threedblox.kind", ".chiplet": "chiplet.kind",
                                     ".json": "exchange.json.syntax"}),
    "NUL": (b"\0" * 9, {".3dbx": "text.control", ".chiplet": "text.control", ".json": "exchange.json.syntax"}),
    "UTF-16": ("{}".encode("utf-16"), dict.fromkeys((".3dbx", ".chiplet", ".json"), "text.not_utf8")),
    "another kind": (b"[1]\n", {".3dbx": "threedblox.kind", ".chiplet": "chiplet.kind", ".json": "design.not_json"}),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".3dbx", ".3dbv", ".chiplet", ".json", ".txt", ".bmap", ".csv", ".gds", ""])
@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_without_a_design_is_refused_as_an_input(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    raw, rules = CONTENTS[content]
    path.write_bytes(raw)
    with pytest.raises(InputError) as refused:
        read_design(path)
    rule = rules.get(suffix.replace("v", "x"), "exchange.unreadable")
    assert (refused.value.rule, refused.value.exit_code) == (rule, 2)
    assert path.name in refused.value.where


@pytest.mark.parametrize("suffix", KINDS)
def test_a_folder_a_device_and_a_link_to_itself_are_no_files(tmp_path, suffix):
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"loop{suffix}").symlink_to(tmp_path / f"loop{suffix}")
    (tmp_path / f"endless{suffix}").symlink_to("/dev/zero")
    for name, rule in (("folder", "text.not_a_file"), ("loop", "text.no_file"), ("endless", "text.not_a_file")):
        with pytest.raises(InputError) as refused:
            read_design(tmp_path / f"{name}{suffix}")
        assert (refused.value.rule, refused.value.exit_code) == (rule, 2)


@pytest.mark.parametrize("to", ["3dblox", "chiplet", "json"])
def test_a_byte_order_mark_changes_nothing(design, tmp_path, to):
    for path in export(design, tmp_path / f"a{SUFFIXES[to]}", to=to).paths:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    plain = export(design, tmp_path / "plain" / "a.3dbx", to="3dblox").paths[0] if to == "3dblox" else None
    marked = read_design(tmp_path / f"a{SUFFIXES[to]}")[0]
    if plain is None:
        plain = export(design, tmp_path / f"plain{SUFFIXES[to]}", to=to).paths[0]
    assert marked == read_design(plain)[0].model_copy(update={"source": marked.source})


def test_definitions_without_an_assembly_are_no_design(design, tmp_path):
    """A .3dbv defines chiplets; what is placed stands in a .3dbx, and the refusal says so."""
    paths = export(design, tmp_path / "set", to="3dblox").paths
    (definitions,) = [path for path in paths if path.suffix == ".3dbv"]
    with pytest.raises(InputError) as refused:
        read_design(definitions)
    assert (refused.value.rule, refused.value.exit_code) == ("threedblox.no_assembly", 2)
    assert ".3dbx" in refused.value.fix("en")
    assert ".3dbx" in refused.value.fix("zh-Hant")


WRITTEN = ("3dblox", "chiplet", "gds", "oasis", "glb", "csv", "json")


@pytest.mark.parametrize("to", WRITTEN)
def test_what_is_no_file_is_not_written_over(design, tmp_path, to):
    """Nor is anything left beside it: of several files that belong together, none takes its name."""
    (tmp_path / "set").mkdir()
    target = tmp_path / "set" / f"a{SUFFIXES[to]}"
    for make in (target.mkdir, lambda: os.mkfifo(target), lambda: target.symlink_to("/dev/null")):
        make()
        for overwrite in (False, True):
            with pytest.raises(InputError) as refused:
                export(design, target, to=to, overwrite=overwrite)
            assert refused.value.rule == ("exchange.cannot_write" if overwrite else "exchange.exists")
            assert refused.value.exit_code == 2
        assert list((tmp_path / "set").iterdir()) == [target]
        target.rmdir() if target.is_dir() else target.unlink()


@pytest.mark.parametrize("to", WRITTEN)
def test_a_folder_that_takes_no_files(design, tmp_path, to):
    (tmp_path / "file").write_text("not a folder")
    folders = [tmp_path / "file", tmp_path / "file" / "inner", Path("/proc")]
    if os.geteuid():
        (tmp_path / "shut").mkdir(mode=0o555)
        folders.append(tmp_path / "shut")
    for folder in folders:
        with pytest.raises(InputError) as refused:
            export(design, folder / f"a{SUFFIXES[to]}", to=to)
        assert (refused.value.rule, refused.value.exit_code) == ("exchange.cannot_write", 2)
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_fault_of_a_writer_is_not_taken_for_one_of_the_disk(tmp_path):
    with pytest.raises(ValueError, match="a defect"), fresh(tmp_path / "a.gds"):
        raise ValueError("a defect")
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_refused(design, tmp_path):
    with pytest.raises(InputError) as refused:
        export(design, tmp_path / "a.odb", to="odb++")
    assert refused.value.allowed == ", ".join(FORMATS)


def test_no_module_of_the_package_hides_the_door():
    """A package named like a function takes its place as soon as it is loaded."""
    for module in pkgutil.iter_modules(formats.__path__):
        assert module.name not in formats.__all__
