"""`workbench lot` as a new user meets it: import, look, trace, stop, split, verify, hand over, check what came."""

from __future__ import annotations

import bz2
import gzip
import json
import re
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.workbench.store.lot_files import bring, placed, wafer
from workbench.cli import main
from workbench.reports.transfer_package import read_package, write_package
from workbench.stack import to_document
from workbench.stack.templates import TEMPLATES, build
from workbench.store import Store

TABLE = "wafer,x,y,cd_nm\nW1,0,0,41.5\nW1,1,0,42.5\nW1,0,1,43.5\n"


def run(capsys, *words) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out = capsys.readouterr()
    return ended.value.code, out.out, out.err


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store.open(tmp_path_factory.mktemp("lots") / "filled.duckdb")
    bring(store, wafer(), "sort.stdf")
    bring(store, placed(), "map.xml")
    return Path(store.url)


@pytest.fixture
def store(home: Path, filled: Path) -> Store:
    home.mkdir()
    shutil.copyfile(filled, home / "workbench.duckdb")
    return Store.open()


def test_import_says_what_it_took_and_adds_nothing_twice(home, tmp_path: Path, capsys):
    file = tmp_path / "cd.csv"
    file.write_text(TABLE)
    code, out, _ = run(capsys, "lot", "import", str(file), "--lot", "L7", "--product", "POC", "--json")
    (row,) = json.loads(out)
    assert (code, row["lot_id"], row["added"], row["counts"]["readings"]) == (0, "L7", True, 3)
    code, out, _ = run(capsys, "--lang", "zh-Hant", "lot", "import", str(file), "--lot", "L7")
    assert code == 0
    assert "未新增" in out
    code, out, _ = run(capsys, "lot", "list", "--json")
    assert [(one["lot_id"], one["reading_count"]) for one in json.loads(out)] == [("L7", 3)]


def test_a_refused_file_does_not_keep_the_others_out(home, tmp_path: Path, capsys):
    good, bad = tmp_path / "cd.csv", tmp_path / "no.stdf"
    good.write_text(TABLE)
    bad.write_bytes(b"\x00" * 40)
    code, out, _ = run(capsys, "lot", "import", str(bad), str(good), "--lot", "L7", "--json")
    told = json.loads(out)
    assert code == 2
    assert ["refused" in one for one in told] == [True, False]


def test_columns_are_asked_for_once_and_remembered(home, tmp_path: Path, capsys):
    file = tmp_path / "odd.csv"
    file.write_text("qq,zz\nW1,4.5\nW2,5.5\n")
    code, _, err = run(capsys, "lot", "import", str(file), "--lot", "L8")
    assert (code, "tabular.unknown_column" in err) == (2, True)
    code, out, _ = run(capsys, "lot", "map-columns", str(file), "--set", "qq=carrier", "--json")
    assert (code, json.loads(out)["unknown"]) == (2, ["zz"])
    code, out, _ = run(capsys, "lot", "map-columns", str(file), "--set", "qq=carrier", "--set", "zz=reading:cd_nm")
    assert code == 0
    code, out, _ = run(capsys, "lot", "import", str(file), "--lot", "L8", "--json")
    assert (code, json.loads(out)[0]["counts"]["readings"]) == (0, 2)
    assert Store.open().lots.lot("L8")["parameters"] == ["cd_nm"]
    code, _, err = run(capsys, "lot", "import", str(file), "--lot", "L8", "--source", "nobody")
    assert (code, "lots.source_unknown" in err) == (2, True)


def mapped(capsys, file: Path, *words: str) -> dict[str, dict]:
    """The columns as `map-columns` says them."""
    code, out, err = run(capsys, "lot", "map-columns", str(file), *words, "--json")
    assert code == 0, err
    return {column["name"]: column for column in json.loads(out)["mapping"]["columns"]}


def test_a_column_keeps_what_is_not_said_of_it(home, tmp_path: Path, capsys):
    file = tmp_path / "sites.csv"
    file.write_text("wafer,Vth (mV),G1,G2\nW1,410,1.5,1.6\nW2,415,1.7,1.8\n")
    found = mapped(capsys, file, "--set", "Vth (mV)=reading:vt", "--set", "G1=reading:gap:um", "--set",
                   "G2=reading:gap:um", "--site", "G1=left", "--site", "G2=right", "--lower", "G1=1",
                   "--upper", "G1=2e0", "--target", "G1=1.5")  # fmt: skip
    assert found["Vth (mV)"] == {"name": "Vth (mV)", "role": "reading", "parameter": "vt", "unit": "mV"}
    assert found["G1"] == {"name": "G1", "role": "reading", "parameter": "gap", "unit": "um", "site": "left",
                           "lower": 1.0, "upper": 2.0, "target": 1.5}  # fmt: skip
    # said again, it changes what is remembered and leaves the rest
    found = mapped(capsys, file, "--set", "Vth (mV)=reading::V", "--upper", "G1=3", "--carrier-kind", "panel")
    assert (found["Vth (mV)"]["parameter"], found["Vth (mV)"]["unit"]) == ("vt", "V")
    assert (found["G1"]["upper"], found["G1"]["site"], found["G2"]["site"]) == (3.0, "left", "right")
    assert "unit" not in mapped(capsys, file, "--set", "Vth (mV)=reading:vt:")["Vth (mV)"]
    code, _, _ = run(capsys, "lot", "import", str(file), "--lot", "S1")
    lot = Store.open().lots.lot("S1")
    assert (code, lot["parameters"], lot["carriers"][0]["kind"]) == (0, ["gap", "vt"], "panel")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--set", "zz=carrier:name"), "importing.readings_only"),
        (("--set", "qq=carrier", "--upper", "qq=3"), "importing.readings_only"),
        (("--upper", "zz=three"), "importing.number"),
        (("--upper", "zz=nan"), "importing.number"),
        (("--site", "yy=left"), "lots.column_unknown"),
        (("--set", "zz=bogus"), "tabular.mapping"),
    ],
)
def test_what_cannot_be_said_of_a_column_is_refused(home, tmp_path: Path, capsys, words, rule):
    file = tmp_path / "odd.csv"
    file.write_text("qq,zz\nW1,4.5\nW2,5.5\n")
    code, _, err = run(capsys, "lot", "map-columns", str(file), *words)
    assert (code, rule in err) == (2, True)
    assert Store.open().mappings.list() == []


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)])
def test_an_answer_is_found_again_for_packed_tables(home, tmp_path: Path, capsys, suffix, pack):
    plain, packed = tmp_path / "odd.csv", tmp_path / f"other.csv{suffix}"
    plain.write_text("qq,zz\nW1,4.5\nW2,5.5\n")
    packed.write_bytes(pack(b"qq,zz\nW3,6.5\n"))
    mapped(capsys, plain, "--set", "qq=carrier", "--set", "zz=reading:cd:nm")
    code, out, _ = run(capsys, "lot", "import", str(packed), "--lot", "P1", "--json")
    assert (code, json.loads(out)[0]["counts"]["readings"]) == (0, 1)
    assert Store.open().lots.lot("P1")["parameters"] == ["cd"]


def test_the_commands_of_the_how_to_page(home, root: Path, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thickness.csv").write_text("G1,G2\n775,776\n774,773\n")
    page = (root / "docs" / "how-to" / "import-lots.md").read_text("utf-8")
    blocks = "".join(re.findall(r"```sh\n(.*?)```", page, re.S))
    commands = [shlex.split(line)[1:] for line in blocks.splitlines() if "thickness.csv" in line]
    assert [words[:2] for words in commands] == [["lot", "map-columns"]] * 2 + [["lot", "import"]]
    assert [run(capsys, *words)[0] for words in commands] == [0, 0, 0]
    lot = Store.open().lots.lot("A17")
    assert ([row["carrier"] for row in lot["carriers"]], lot["parameters"]) == (["wafer 1", "wafer 2"], ["thickness"])


def test_a_module_is_traced_to_its_chamber_in_both_languages(store: Store, capsys):
    store.history.add("A", "step_out", actor="li", carriers=["W1"], step="etch", equipment="ETCH-2", chamber="B3")
    for lang, words in (("en", "chamber B3"), ("zh-Hant", "腔體 B3")):
        code, out, _ = run(capsys, "--lang", lang, "lot", "unit", "D002")
        assert code == 0
        assert "A/W1/2,0" in out
        assert words in out
    code, out, _ = run(capsys, "lot", "unit", "D002", "--json")
    told = json.loads(out)
    assert (told["ancestors"], told["route"][-1]["chamber"]) == (["A/W1/2,0"], "B3")
    code, _, err = run(capsys, "lot", "unit", "nobody")
    assert (code, "lots.no_unit" in err) == (2, True)


def test_lists_in_words(store: Store, capsys):
    code, out, _ = run(capsys, "--lang", "zh-Hant", "lot", "list")
    assert code == 0
    assert "量測筆數" in out
    assert "POC" in out
    code, out, _ = run(capsys, "--lang", "en", "lot", "show", "A")
    assert code == 0
    assert "Product POC, 1 carriers, 12 units" in out
    assert "equipment T7" in out


def test_an_empty_store_says_what_to_do(home, capsys):
    code, out, _ = run(capsys, "lot", "list")
    assert (code, "workbench demo" in out) == (0, True)


def test_events(store: Store, capsys):
    code, out, _ = run(capsys, "lot", "event", "A", "hold", "--unit", "A/W1/0,0", "--note", "scratch", "--json")
    assert (code, json.loads(out)["scope"]) == (0, {"units": ["A/W1/0,0"]})
    code, _, err = run(capsys, "lot", "event", "A", "step-in", "--step", "bond")
    assert code == 2
    assert "A #3" in err
    code, _, _ = run(capsys, "lot", "event", "A", "split", "--unit", "A/W1/0,0", "--to", "A.1")
    assert code == 0
    code, out, _ = run(capsys, "lot", "event", "A", "step-in", "--step", "bond", "--at", "2026-03-01T08:00:00+08:00",
                       "--json")  # fmt: skip
    assert (code, json.loads(out)["occurred_at"]) == (0, "2026-03-01T00:00:00")
    code, out, _ = run(capsys, "--lang", "en", "lot", "show", "A.1")
    assert code == 0
    assert "held" in out
    code, out, _ = run(capsys, "lot", "show", "A", "--json", "--units")
    told = json.loads(out)
    assert (told["unit_count"], len(told["units"])) == (11, 11)
    assert [one["kind"] for one in told["events"]] == ["create", "import", "hold", "split", "step_in"]
    code, _, err = run(capsys, "lot", "event", "A", "split", "--unit", "A/W1/1,0")
    assert (code, "lots.to_missing" in err) == (2, True)


def test_verify_ends_with_1_where_something_was_altered(store: Store, capsys):
    import duckdb

    code, out, _ = run(capsys, "lot", "verify", "A", "--json")
    head = json.loads(out)["head"]
    assert code == 0
    code, out, _ = run(capsys, "lot", "verify", "A", "--head", head)
    assert (code, head in out) == (0, True)
    code, _, _ = run(capsys, "lot", "verify", "A", "--head", "0" * 64)
    assert code == 1
    with duckdb.connect(store.url) as connection:
        connection.execute("UPDATE parts SET x = x + 1 WHERE unit_id = 'A/W1/0,0'")
    code, out, _ = run(capsys, "--lang", "zh-Hant", "lot", "verify", "A")
    assert code == 1
    assert "#2 parts" in out
    assert "與匯入時不符" in out


def test_a_transfer_package_is_complete_deterministic_and_checked(store: Store, tmp_path: Path, capsys):
    path = tmp_path / "A.zip"
    code, out, _ = run(capsys, "lot", "transfer", "A", "--to", str(path), "--json")
    told = json.loads(out)
    assert code == 0
    assert {one["part"] for one in told["manifest"]["missing"]} \
        == {"design", "recipe", "window", "control_limits", "genealogy", "placements"}  # fmt: skip
    assert store.history.events("A")[-1].detail["file_sha256"] == told["sha256"]
    code, out, _ = run(capsys, "lot", "check-package", str(path))
    assert (code, "A" in out) == (0, True)
    again, other = tmp_path / "B.zip", tmp_path / "C.zip"
    assert write_package(store, "A", again).sha256 == write_package(store, "A", other).sha256
    assert again.read_bytes() == other.read_bytes()
    code, _, err = run(capsys, "lot", "transfer", "A", "--to", str(path))
    assert (code, "lots.package_there" in err) == (2, True)


def test_everything_the_store_has_is_in_the_package(store: Store, tmp_path: Path):
    import pandas

    design = build("side-by-side", TEMPLATES["side-by-side"].from_pairs(()))
    kept = {"title": "d", "kind": design.assembly, "author": "a", "note": ""}
    revision = store.designs.add_revision("d", to_document(design), **kept)
    place = {"unit_id": "R/P1/0,0", "carrier": "P1", "part": design.placements[0].name, "x_um": 1.0, "y_um": 2.0,
             "angle_deg": 0.0}  # fmt: skip
    store.genealogy.add_placements("R", pandas.DataFrame([place]), source="p", revision_id=revision)
    store.history.add("R", "step_out", actor="li", step="mould", recipe="EMC-3", detail={"pressure_mpa": 5.0})
    store.limits.freeze("R", "x_um", "xbar", {"upper": 1.0}, frozen_by="li", from_data={}, subject_kind="lot")
    store.lots.add_specifications("R", [{"parameter": "x_um", "upper": 3.0, "source": "s"}])
    done = write_package(store, "R", tmp_path / "R.zip")
    assert {one["part"] for one in done.manifest["missing"]} == {"window", "readings"}
    with zipfile.ZipFile(tmp_path / "R.zip") as archive:
        read = {name: archive.read(name) for name in archive.namelist()}
    assert json.loads(read["design.json"])["revision_id"] == revision
    assert json.loads(read["recipe.json"])["events"][0]["recipe"] == "EMC-3"
    assert json.loads(read["control_limits.json"])[0]["document"] == {"upper": 1.0}
    assert json.loads(read["test_flow.json"])["specifications"][0]["upper"] == 3.0
    assert b'"A/W1/2,0","R/P1/2,0",placed' in read["genealogy.csv"]
    assert "移轉套件".encode() in read["index.html"]
    assert b"Transfer package of lot R" in read["index.html"]


def repacked(source: Path, target: Path, change) -> Path:
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files = change(files)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def remade(files: dict, name: str, content: bytes) -> dict:
    """With `content` under `name`, and the manifest mended to it."""
    import hashlib

    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_b": len(content)}
    return files | {name: content, "manifest.json": json.dumps(manifest).encode()}


CHANGES = {
    "altered": lambda f: f | {"units.csv": f["units.csv"].replace(b"A/W1/0,0", b"A/W1/9,9")},
    "absent": lambda f: {name: content for name, content in f.items() if name != "readings.csv"},
    "unnamed": lambda f: f | {"../../evil.txt": b"x"},
    "chain": lambda f: remade(f, "history.json", f["history.json"].replace(b'"chen"', b'"wang"')),
    "history": lambda f: remade(f, "history.json", b"[7]"),
    "head": lambda f: f | {"manifest.json": f["manifest.json"].replace(
        json.loads(f["manifest.json"])["head"].encode(), b"0" * 64)},
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_a_package_that_was_changed_is_found(store: Store, tmp_path: Path, kind: str):
    write_package(store, "A", tmp_path / "A.zip")
    found = read_package(repacked(tmp_path / "A.zip", tmp_path / "B.zip", CHANGES[kind]))
    assert [fault.kind for fault in found.faults] == [kind]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not a zip"])
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes, home, capsys):
    (tmp_path / "x.zip").write_bytes(content)
    code, _, err = run(capsys, "lot", "check-package", str(tmp_path / "x.zip"))
    assert (code, "lots.not_a_package" in err) == (2, True)


def test_a_lot_whose_history_does_not_fit_is_not_handed_over(store: Store, tmp_path: Path, capsys):
    import duckdb

    with duckdb.connect(store.url) as connection:
        connection.execute("UPDATE lot_events SET operator = 'x' WHERE lot_id = 'A' AND number = 2")
    code, _, err = run(capsys, "lot", "transfer", "A", "--to", str(tmp_path / "A.zip"))
    assert (code, "lots.history_broken" in err) == (2, True)
    assert not (tmp_path / "A.zip").exists()
