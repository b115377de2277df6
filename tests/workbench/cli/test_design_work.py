"""A design from the command line: begun, checked, costed, exported, changed, compared, found again, released."""

from __future__ import annotations

import json

import gdstk
import pytest

from workbench.cli import main
from workbench.cli.design.exchange import FORMATS
from workbench.formats import FORMATS as WRITTEN
from workbench.stack import read
from workbench.store import Store


@pytest.fixture
def run(home, capsys, tmp_path, monkeypatch):
    """run(words) -> (exit code, stdout, stderr), in an empty folder with an empty store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_AUTHOR", "Lin")

    def go(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["design", *words])
        out = capsys.readouterr()
        return ended.value.code, out.out, out.err

    return go


@pytest.fixture
def begun(run):
    code, out, _ = run("new", "--template", "face-to-face", "-p", "bump_count=10000", "--id", "poc", "--project",
                       "customer-a", "--json")  # fmt: skip
    assert code == 0
    return json.loads(out)


def test_templates_are_listed_with_their_parameters(run):
    code, out, _ = run("new")
    assert code == 0
    assert "face-to-face" in out
    assert "bump_pitch_um = 9.0" in out
    schemas = json.loads(run("new", "--json")[1])
    assert schemas["face-to-face"]["properties"]["bump_pitch_um"]["unit"] == "µm"


def test_a_design_begun_from_a_template_has_the_bumps_asked_for(run, begun):
    assert begun["design_id"] == "poc"
    assert begun["number"] == 1
    design = read(Store.open().designs.document("poc"))
    top = design.connections[-1].top
    assert any(design.region(joint.top).bump_count == 10_000 for joint in design.connections), top


def test_a_template_said_twice_adds_nothing_and_another_of_the_same_id_is_refused(run, begun):
    again = json.loads(run("new", "--template", "face-to-face", "-p", "bump_count=10000", "--id", "poc", "--json")[1])
    assert again["revision_id"] == begun["revision_id"]
    assert not again["added"]
    code, _, err = run("new", "--template", "face-to-back", "--id", "poc")
    assert code == 2
    assert "--id" in err


WRONG = [  # words, exit code, what the message names
    (("new", "--template", "pyramid"), 2, "face-to-face"),
    (("new", "--template", "face-to-face", "-p", "bump_pitch_um=-3"), 2, "bump_pitch_um"),
    (("show", "nothing"), 2, "poc"),
    (("show", "poc@7"), 2, "1"),
    (("check", "poc", "--deck", "no-deck"), 2, "published"),
    (("import", "absent.3dbx"), 2, "absent.3dbx"),
    (("list", "--facet", "colour=red"), 2, "assembly"),
    (("list", "--range", "power_w=much"), 2, "power_w=much"),
    (("cost", "poc", "-p", "yield_model=hope"), 2, "poisson"),
]


@pytest.mark.parametrize(("words", "expected", "named"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_what_is_refused(run, begun, words, expected, named):
    code, _, err = run(*words)
    assert code == expected
    assert named in err
    assert "Traceback" not in err


def test_a_sound_design_passes_its_checks_with_0_and_a_broken_one_ends_with_1(run, begun, tmp_path):
    code, out, _ = run("check", "poc", "--json")
    report = json.loads(out)
    assert code == 0, [f["what"]["en"] for f in report["findings"]]
    assert report["verdict"] in ("PASS", "MARGINAL")
    assert report["compared"] > 10

    document = Store.open().designs.document("poc")
    face = next(region for die in document["dies"] if die["id"] == document["dies"][-1]["id"]
                for region in die["regions"] if region["bumps"])  # fmt: skip
    face["bumps"][0]["x_um"] = face["bumps"][0].get("x_um", 0.0) + 3.0
    (tmp_path / "moved.json").write_text(json.dumps(document))
    assert run("import", "moved.json", "--id", "poc", "--note", "moved by mistake")[0] == 0
    code, out, _ = run("check", "poc", "--json")
    broken = [f for f in json.loads(out)["findings"] if f["outcome"] == "broken"]
    assert code == 1
    assert broken
    assert broken[0]["at"] is not None
    assert run("check", "poc@1")[0] == 0  # the revision before is still sound

    code, out, _ = run("diff", "poc@1", "poc@2")
    assert code == 0
    assert out.strip()
    code, _, err = run("release", "poc")
    assert code == 1
    code, out, _ = run("release", "poc@1", "--note", "first samples")
    assert code == 0, err
    events = json.loads(run("history", "poc", "--json")[1])["events"]
    kinds = [event["milestone"] for event in events]
    assert kinds[0] == "requested"
    assert {"saved", "checked", "released"} <= set(kinds)
    assert next(e for e in events if e["number"] == 2 and e["milestone"] == "saved")["changes"]
    lead = json.loads(run("lead-time", "--json")[1])
    assert lead["finished"] == 1
    assert 0 <= lead["median_days"] < 1


def test_cost_names_flows_and_conventions(run, begun):
    code, out, _ = run("cost", "poc", "--json", "-p", "module_quantity=1000")
    cost = json.loads(out)
    assert code == 0
    assert cost["parameters"]["module_quantity"] == 1000
    flows = {flow["flow"]: flow for flow in cost["flows"]}
    # 36 mm2 at 28 nm and 25 mm2 at 7 nm side by side: the reference case of the cost model
    assert flows["mcm"]["recurring_usd"] == pytest.approx(8.25775, abs=5e-6)
    assert all(flow["unit_usd"] > flow["recurring_usd"] for flow in flows.values())
    assert cost["conventions"]
    assert "MCM" in run("cost", "poc")[1]


def test_what_if_shows_both_sides_and_saves_only_when_asked(run, begun):
    change = 'layers["Mould cap"].thickness_um=60'
    found = json.loads(run("what-if", "poc", "--set", change, "--json")[1])
    thickness = next(f for f in found["figures"] if f["label"] == "design.total_thickness")
    assert thickness["after"] - thickness["before"] == pytest.approx(-40)
    assert len(Store.open().designs.revisions("poc")) == 1
    code, out, _ = run("what-if", "poc", "--set", change, "--save")
    assert code == 0
    assert "1,016" in out
    rows = Store.open().designs.revisions("poc")
    assert len(rows) == 2
    assert "60" in rows[-1]["note"]
    assert run("what-if", "poc", "--set", "layers[99].thickness_um=1")[0] == 2


def test_a_saved_change_stays_in_its_project_and_counts_for_it(run, begun):
    assert run("what-if", "poc", "--set", "width_mm=12", "--save")[0] == 0
    (row,) = Store.open().designs.list()
    assert (row["project_id"], row["number"], row["author"]) == ("customer-a", 2, "Lin")
    assert run("check", "poc")[0] == 0
    assert run("release", "poc")[0] == 0
    lead = json.loads(run("lead-time", "--json")[1])
    assert [row["subject_id"] for row in lead["rows"]] == ["customer-a"]
    assert lead["finished"] == 1


SAVING = [  # what changes an old revision
    ("what-if", "poc@1", "--set", "width_mm=13", "--save"),
    ("plan-bumps", "poc@1", "--connection", "{joint}", "--pitch-um", "18", "--diameter-um", "9", "--count", "2500",
     "--save"),
]  # fmt: skip


@pytest.mark.parametrize("words", SAVING, ids=lambda words: words[0])
def test_a_newer_revision_is_not_passed_over(run, begun, words):
    design = read(Store.open().designs.document("poc"))
    joint = next(j.name for j in design.connections if j.bottom and design.region(j.top).bump_count == 10_000)
    words = [word.format(joint=joint) for word in words]
    assert run("what-if", "poc", "--set", "width_mm=12", "--save")[0] == 0
    code, _, err = run(*words)
    assert code == 2
    assert "Someone saved another revision" in err
    assert "2 (Lin)" in err
    assert len(Store.open().designs.revisions("poc")) == 2
    assert run(*words[:-1])[0] == 0  # looking is free


PATHS = ("../../esc", "a/b", "poc@1", "-x", ".hidden", "a b")


@pytest.mark.parametrize("word", PATHS)
def test_an_id_is_no_path_and_no_revision(run, begun, tmp_path, word):
    path = json.loads(run("export", "poc", "--to", "json", "--json")[1])["paths"][0]
    for words in (("new", "--template", "side-by-side", f"--id={word}", "--project", "customer-b"),
                  ("import", path, f"--id={word}", "--project", "customer-b"),
                  ("branch", "--", "poc", word)):  # fmt: skip
        code, _, err = run(*words)
        assert code == 2, words
        assert "cannot be the id of a design" in err
    assert [row["design_id"] for row in Store.open().designs.list()] == ["poc"]
    assert [row["project_id"] for row in Store.open().projects.list()] == ["customer-a"]


@pytest.mark.parametrize("to", [f for f in FORMATS if f != "step"])
def test_an_old_id_that_is_a_path_is_exported_into_this_folder(run, begun, tmp_path, monkeypatch, to):
    store = Store.open()
    store.designs.add_revision("../../esc", store.designs.document("poc"), title="t", kind="face_to_face", author="x",
                               note="")  # fmt: skip
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    code, _, err = run("export", "../../esc", "--to", to)
    assert code == 0, err
    assert list(below.iterdir())
    assert not [file for file in tmp_path.rglob("*esc*") if file.parent != below]


def test_bumps_are_planned_on_both_sides_of_an_interface(run, begun):
    design = read(Store.open().designs.document("poc"))
    name = next(joint.name for joint in design.connections if joint.bottom is not None
                and design.region(joint.top).bump_count == 10_000)  # fmt: skip
    code, out, err = run("plan-bumps", "poc", "--connection", name, "--pitch-um", "18", "--diameter-um", "9",
                         "--count", "2500", "--save", "--note", "coarser", "--json")  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["verdict"]["after"] == "PASS"
    design = read(Store.open().designs.document("poc"))
    joint = next(joint for joint in design.connections if joint.name == name)
    assert [design.region(end).bump_count for end in (joint.top, joint.bottom)] == [2500, 2500]
    code, _, err = run("plan-bumps", "poc", "--connection", "nowhere", "--pitch-um", "20", "--diameter-um", "10")
    assert code == 2
    assert name in err


def test_dies_are_placed_with_a_bound(run):
    assert run("new", "--template", "side-by-side", "--id", "pair")[0] == 0
    design = read(Store.open().designs.document("pair"))
    names = [placement.name for placement in design.placements]
    code, out, err = run("floorplan", "pair", "--wires", f"{names[0]},{names[1]}=100", "--effort", "quick", "--json")
    assert code == 0, err
    found = json.loads(out)["floorplan"]
    # Two dies of 6 and 5 mm side by side with 0.1 mm between them: the centres are 5.6 mm apart at the least
    assert found["wirelength_mm"] == pytest.approx(560.0, rel=1e-4)
    assert found["bound_mm"] == pytest.approx(560.0, rel=1e-4)
    assert found["given_wirelength_mm"] > 560.0
    assert len(Store.open().designs.revisions("pair")) == 1
    assert run("floorplan", "pair", "--wires", "A=B")[0] == 2


def test_every_format_is_known_to_the_command_line():
    assert FORMATS == WRITTEN


@pytest.mark.parametrize("to", [f for f in FORMATS if f != "step"])
def test_a_design_is_exported(run, begun, tmp_path, to):
    code, out, err = run("export", "poc", "--to", to, "--json")
    assert code == 0, err
    paths = [tmp_path / name for name in json.loads(out)["paths"]]
    assert all(path.stat().st_size > 100 for path in paths)
    code, _, _ = run("export", "poc", "--to", to)
    assert code == 2  # never over what is there
    assert run("export", "poc", "--to", to, "--overwrite")[0] == 0
    if to == "gds":
        assert gdstk.read_gds(paths[0]).top_level()


@pytest.mark.parametrize("to", ["3dblox", "chiplet", "json"])
def test_what_is_exported_comes_back(run, begun, tmp_path, to):
    path = json.loads(run("export", "poc", "--to", to, "--json")[1])["paths"]
    path = next(name for name in path if not name.endswith((".3dbv", ".bmap", ".v")))
    code, _, err = run("import", path, "--id", "back", "--json")
    assert code == 0, err
    store = Store.open()
    before, after = read(store.designs.document("poc")), read(store.designs.document("back"))
    assert [die.width_mm for die in after.dies] == [die.width_mm for die in before.dies]
    assert len(after.placements) == len(before.placements)
    if to == "json":
        assert after == before
    again = json.loads(run("import", path, "--id", "back", "--json")[1])
    assert not again[0]["added"]


def test_one_refused_file_does_not_keep_the_others_out(run, begun, tmp_path):
    path = json.loads(run("export", "poc", "--to", "json", "--json")[1])["paths"][0]
    (tmp_path / "torn.json").write_text('{"title": "torn", ')
    code, out, _ = run("import", "torn.json", path, "--json")
    rows = json.loads(out)
    assert code == 2
    assert "torn.json" in rows[0]["refused"]["where"]
    assert rows[1]["title"] == "Two-die stack, face to face"


def test_a_design_is_found_again_by_words_facets_and_resemblance(run, begun):
    run("new", "--template", "side-by-side", "--id", "fan-out-module")
    run("branch", "poc", "poc-b", "--note", "for customer B", "--title", "Stack for customer B")
    found = json.loads(run("list", "customer", "--json")[1])
    assert [hit["design_id"] for hit in found["hits"]] == ["poc-b"]
    stacked = json.loads(run("list", "--facet", "assembly=face_to_face", "--json")[1])
    assert {hit["design_id"] for hit in stacked["hits"]} == {"poc", "poc-b"}
    fine = json.loads(run("list", "--range", "finest_pitch_um=..10", "--json")[1])
    assert {hit["design_id"] for hit in fine["hits"]} == {"poc", "poc-b"}
    matches = json.loads(run("similar", "poc", "--json")[1])
    assert matches[0]["design_id"] == "poc-b"
    assert matches[0]["total"] > matches[1]["total"]
    assert matches[0]["reasons"]
    assert "poc-b" in run("history", "poc")[1]


def test_chinese_users_read_chinese(run, begun, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "zh-Hant")
    assert "面對面" in run("show", "poc")[1]
    assert "符合" in run("check", "poc")[1]
