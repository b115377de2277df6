"""The editing session and its screen: checks and figures follow each edit, and a refusal changes nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from IPython.utils.capture import capture_output

from widgets import builder as views
from widgets.builder import readings
from widgets.builder import screen as screen_module
from widgets.builder import session as session_module
from widgets.builder.scene import Cut
from widgets.builder.screen import Builder
from widgets.builder.session import Session
from widgets.design.drawings import section_svg
from workbench.cost.economics import of_design
from workbench.cost.review import StackDesignReview, review
from workbench.errors import InputError
from workbench.i18n import use_language
from workbench.rules import Requirements, check, decks, seed_deck
from workbench.runs.context import Run
from workbench.runs.demo import designs
from workbench.stack import editing, read
from workbench.store import Store

DESIGN = "poc-face-to-face"


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "workbench.duckdb")
    designs.seed(store)
    return store


@pytest.fixture
def session(store):
    return Session(store, DESIGN, author="engineer")


@pytest.fixture
def screen(session):
    return Builder(session)


# --- session ---------------------------------------------------------------------------------------------------------


def test_figures_and_checks_follow_an_edit(session):
    before = session.state
    assert before.report is not None
    assert before.cost_usd is not None
    session.apply(editing.resize, width_mm=12.0, length_mm=10.0)
    assert session.state.derived.footprint_mm2 == pytest.approx(before.derived.footprint_mm2 * 1.2)
    assert not session.is_saved
    session.undo()
    assert session.is_saved
    assert session.state.derived == before.derived


def test_a_refused_edit_leaves_design_and_state(session):
    before = session.design, session.state
    with pytest.raises(InputError):
        session.apply(editing.place_at, "U1 base", x_mm=50.0)
    assert (session.design, session.state) == before


def test_a_saved_revision_follows_the_one_it_was_made_from(session, store):
    first = session.revision_id
    session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    saved = session.save("compute die moved")
    rows = store.designs.revisions(DESIGN)
    assert (rows[-1]["revision_id"], rows[-1]["parent_id"]) == (saved, first)
    assert [rows[-1][key] for key in ("author", "note", "number")] == ["engineer", "compute die moved", 2]
    assert read(store.designs.document(DESIGN)) == session.design
    assert session.is_saved
    assert Session(store, DESIGN).design == session.design


@pytest.mark.parametrize(
    ("note", "edited", "rule"),
    [(" ", True, "builder.no_note"), ("a note", False, "builder.no_change")],
)
def test_saving_refuses_what_says_nothing(session, note, edited, rule):
    if edited:
        session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    with pytest.raises(InputError) as refused:
        session.save(note)
    assert refused.value.rule == rule


def test_saving_does_not_pass_over_someone_elses_revision(session, store):
    other = Session(store, DESIGN, author="colleague")
    other.apply(editing.move_by, "U2 compute", dy_mm=0.1)
    other.save("moved back")
    session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    with pytest.raises(InputError) as refused:
        session.save("moved right")
    assert refused.value.rule == "builder.overtaken"
    session.revert()
    assert session.design == other.design
    session.undo()
    session.save("moved right, after all")
    assert len(store.designs.revisions(DESIGN)) == 3


def test_a_saved_revision_stays_in_its_project(session, store):
    (before,) = (row["project_id"] for row in store.designs.list() if row["design_id"] == DESIGN)
    assert before
    session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    session.save("moved")
    assert [row["project_id"] for row in store.designs.list() if row["design_id"] == DESIGN] == [before]


def test_who_saves_is_the_author_everywhere(store, monkeypatch):
    monkeypatch.setenv("WORKBENCH_AUTHOR", "Lin")
    session = Session(store, DESIGN)
    session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    session.save("moved")
    assert store.designs.revisions(DESIGN)[-1]["author"] == "Lin"


def test_the_cost_of_another_design_is_under_the_same_parameters(store):
    session = Session(store, DESIGN, parameters=StackDesignReview(design_id=DESIGN, defect_ratio=4.0))
    plain = Session(store, "poc-side-by-side")
    other = session.other("poc-side-by-side")
    assert other.state.cost_usd > plain.state.cost_usd
    assert other.other(DESIGN).state.cost_usd == session.state.cost_usd


def test_another_session_keeps_what_was_given_to_the_first(store):
    deck = next(deck for deck in decks() if deck.deck_id != seed_deck().deck_id)
    session = Session(store, DESIGN, deck=deck, author="Lin", temperatures_c={"U1 base": 60.0},
                      parameters=StackDesignReview(design_id=DESIGN, defect_ratio=4.0))  # fmt: skip
    again, other = session.other(DESIGN), session.other("poc-side-by-side")
    assert [s.state.report.deck_id for s in (again, other)] == [deck.deck_id] * 2
    assert [s.author for s in (again, other)] == ["Lin"] * 2
    assert again.temperatures_c == {"U1 base": 60.0}
    assert other.temperatures_c == {}  # it has a U1 base too, whose temperature nobody computed
    assert other.design.part("U1 base")


def test_colours_by_temperature_go_and_come_with_the_design(store):
    screen = Builder(Session(store, DESIGN, temperatures_c={"U1 base": 60.0, "U2 compute": 95.0}))
    screen.viewing.mode.value = "temperature"
    screen.open(DESIGN)
    assert screen.viewing.mode.value == "temperature"
    screen.open("poc-side-by-side")
    assert screen.viewing.mode.value == "material"
    assert "temperature" not in dict(screen.viewing.mode.options).values()
    assert "none was computed" in screen.viewing._no_temperatures.value


def test_dies_of_every_design_can_be_added(session):
    offers = session.offers()
    assert [o.name for o in offers[:2]] == ["Base die 28 nm", "Compute die 7 nm"]
    foreign = next(o for o in offers if o.design_id == "simba-36")
    die = session.die(foreign)
    session.apply(editing.stack_on, die, below="U2 compute")
    assert session.design.die(session.design.placements[-1].die).width_mm == die.width_mm


def test_findings_belong_to_the_parts_they_name(session):
    session.apply(editing.resize, width_mm=10.0, length_mm=10.0)
    state = session.state
    assert state.parts_of("U1 base / U2 compute") == ["U1 base", "U2 compute"]
    assert state.parts_of("Compute die 7 nm") == ["U2 compute"]
    assert state.parts_of("U1 base.upper") == ["U1 base"]
    assert state.parts_of("nothing") == []


def test_broken_checks_do_not_stop_the_building(session, monkeypatch):
    monkeypatch.setattr("widgets.builder.session.rules.check", lambda *a, **k: 1 / 0)
    session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    assert session.state.report is None
    assert isinstance(session.state.fault, ZeroDivisionError)
    assert "could not be run" in readings.findings(session.state)


def test_checks_follow_the_deck_of_the_session_on_the_screen_and_in_a_report(store):
    deck = next(deck for deck in decks() if deck.deck_id != seed_deck().deck_id)
    session = Session(store, DESIGN, deck=deck)
    assert session.state.report.deck_id == deck.deck_id
    session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    assert session.state.report == check(session.design, deck)
    assert session.state.cost_usd == pytest.approx(float(of_design(session.design, StackDesignReview()).best.total_usd))
    asked = Requirements(thickness_limit_um=3000, footprint_limit_mm2=5460)
    expected = check(read(store.designs.document(DESIGN)), deck, requirements=asked)
    assert review(store.designs.document(DESIGN), StackDesignReview(), deck=deck).rules == expected


def test_a_design_without_a_cost_is_still_checked_and_drawn(store, monkeypatch):
    monkeypatch.setattr("widgets.builder.session.of_design", lambda *a, **k: 1 / 0)
    screen = Builder(Session(store, DESIGN))
    before = screen._section.value
    assert "<svg" in before
    screen.edit(editing.resize, width_mm=12.0, length_mm=12.0, label="wider")
    assert screen.session.state.cost_usd is None
    assert screen.session.state.report == check(screen.session.design)
    assert screen._section.value == f'<div class="wb wb-picture">{section_svg(screen.session.design)[0]}</div>'
    assert screen._section.value != before


# --- screen ----------------------------------------------------------------------------------------------------------


def test_the_fields_edit_the_chosen_part_and_follow_undo(screen):
    screen.choose("U2 compute")
    panel = screen.part_panel
    panel.x.value = 0.3
    assert screen.session.design.part("U2 compute")[1].x_mm == 0.3
    panel.orientation.value = "MZ_R90"
    assert screen.session.design.part("U2 compute")[1].angle_deg == 90
    assert panel.angle.value == 90
    screen.saving.undo.click()
    screen.saving.undo.click()
    assert panel.x.value == 0.0
    assert screen.saving.undo.disabled
    assert not screen.saving.redo.disabled


def test_a_refusal_is_told_in_both_languages_and_the_fields_fall_back(screen):
    screen.choose("U2 compute")
    screen.part_panel.x.value = 40.0
    assert 'role="alert"' in screen._message.value
    assert 'data-rule="design.die_outside"' in screen._message.value
    assert "晶粒超出" in screen._message.value
    assert "A die leaves" in screen._message.value
    assert screen.part_panel.x.value == 0.0


def test_adding_stacking_joining_and_removing_by_the_panels(screen):
    screen.add.die.value = None  # a new one by its size
    screen.add.where.value = ("on", "U2 compute")
    screen.add.method.value = "hybrid"
    assert screen.add.bond.value == 2.0
    screen.add.go.click()
    assert [p.name for p in screen.session.design.placements] == ["U1 base", "U2 compute", "U3"]
    assert screen.part_panel.part.value == "U3"
    screen.part_panel.pitch.value, screen.part_panel.diameter.value = 30.0, 15.0
    screen.part_panel._join()
    assert screen.session.state.bumps == 2 * 100 * 100
    screen.part_panel._delete()
    assert len(screen.session.design.placements) == 2
    assert screen.part_panel.part.value == ""


def test_a_pick_shows_the_bump_with_its_net(screen):
    screen.edit(editing.join, "U2 compute", "U1 base", pitch_um=50.0, diameter_um=25.0, nets=("VDD", "VSS"), label="x")
    screen.hide("Compute tier", False)
    screen.hide("Mould cap", False)
    z = screen.scene.height_mm + 1
    picked = screen.pick([0.025, 0.025, z], [0, 0, -1])
    assert picked.kind == "bump"
    said = screen.part_panel.table.value
    assert "U2 compute" in said
    assert "VDD" in said or "VSS" in said
    assert "x 25.000, y 25.000" in said
    drawn = [pair for layer in screen.view._layers.values() for pair in layer.fields]
    marked = [material.uniforms["chosen"]["value"] for field, material in drawn if field is picked.field]
    assert marked == [[float(picked.site[0]), float(picked.site[1])]]


def test_two_points_measure(screen):
    screen.viewing.measure.value = True
    screen.pick([-1.0, 0.5, 10], [0, 0, -1])
    screen.pick([1.0, 0.5, 10], [0, 0, -1])
    assert 'data-distance="2000.000"' in screen._measured.value
    assert "Δx 2,000.00 µm, Δy 0.00 µm" in screen._measured.value


def test_the_section_moves_the_plane_and_draws_its_faces(screen):
    screen.viewing.axis.value = "y"
    assert screen.cut == Cut("y", 0.0)
    assert len(screen.view._caps.children) == 1
    screen.viewing.at.value = 75
    assert screen.view._plane.constant == pytest.approx(-2.5)
    screen.viewing.axis.value = ""
    assert screen.view._caps.children == ()


def test_an_edit_sends_only_the_layer_it_changed(screen):
    kept = {name: drawn.group for name, drawn in screen.view._layers.items()}
    screen.edit(editing.move_by, "U2 compute", dx_mm=0.2, label="x")
    changed = {name for name, drawn in screen.view._layers.items() if kept[name] is not drawn.group}
    assert changed == {"Compute tier"}


def test_words_follow_the_language(session):
    with use_language("zh-Hant"):
        screen = Builder(session)
        assert screen.saving.save.description == "另存新版本"
        assert "晶粒" in screen._head.value


def test_names_in_a_design_are_only_text(store):
    document = store.designs.document(DESIGN)
    document["title"] = "<img src=x onerror=alert(1)>"
    document["layers"][3]["dies"][0]["name"] = "<script>x</script>"
    document["connections"] = []
    store.designs.add_revision(DESIGN, document, title="t", kind="face_to_face", author="x", note="x")
    screen = Builder(Session(store, DESIGN))
    screen.choose("<script>x</script>")
    shown = screen._head.value + screen.part_panel.table.value + screen._findings.value + screen._top.value
    shown += screen._section.value + screen._legend.value
    assert "<script" not in shown
    assert "<img" not in shown


def test_a_report_shows_a_drawing_and_no_widget(store):
    with capture_output() as captured:
        assert views.builder(Run(store, "report", {}), DESIGN) is None
    data = [output.data for output in captured.outputs]
    html = "".join(d.get("text/html", "") for d in data)
    assert "<svg" in html
    assert '<p class="wb-say">' in html
    assert not any("widget" in mime for d in data for mime in d)


def test_a_page_shows_the_screen(store):
    with capture_output() as captured:
        made = views.builder(Run(store, "interactive", {}), DESIGN)
    assert any("application/vnd.jupyter.widget-view+json" in output.data for output in captured.outputs)
    assert made.session.design_id == DESIGN


def test_another_design_is_opened_only_when_nothing_is_lost(screen):
    screen.session.apply(editing.move_by, "U2 compute", dx_mm=0.25)
    screen.designs.value = "simba-36"
    assert "builder.unsaved_changes" in screen._message.value
    assert screen.designs.value == screen.session.design_id == DESIGN
    screen.session.revert()
    screen.designs.value = "simba-36"
    assert len(screen.session.design.placements) == 36
    assert 'data-figure="dies"' in screen._head.value


@pytest.fixture
def counted(screen, monkeypatch):
    """How often the screen does each piece of its work."""
    count = Counter()

    def counting(place, name, what):
        real = getattr(place, name)

        def called(*given, **named):
            count[what] += 1
            return real(*given, **named)

        monkeypatch.setattr(place, name, called)

    view = type(screen.view)
    for place, name, what in (
        (screen_module, "scene", "scene"), (view, "show", "show"), (view, "mark", "mark"), (view, "outline", "outline"),
        (screen_module, "section_svg", "section"), (session_module.rules, "check", "check"),
        (session_module, "of_design", "cost"), (session_module, "content_sha256", "hash"),
    ):  # fmt: skip
        counting(place, name, what)
    return count


EACH_ONCE = dict.fromkeys(("scene", "show", "mark", "outline", "section", "check", "cost", "hash"), 1)
STEPS = {  # what a visitor does: how often each piece of work is done
    "edit": (lambda s: s.edit(editing.move_by, "U2 compute", dx_mm=0.25, label="x"), EACH_ONCE),
    "open": (lambda s: s.open("simba-36"), EACH_ONCE),
    "begin": (lambda s: (setattr(s.begin.id, "value", "mine"), s.begin.create.click()), EACH_ONCE),
    "choose": (lambda s: s.choose("U2 compute"), {"mark": 1, "outline": 1}),
    "colour": (lambda s: setattr(s.viewing.mode, "value", "net"), {"show": 1}),
    "height": (lambda s: setattr(s.viewing.height, "value", 7), {"mark": 1, "outline": 1}),
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_each_piece_of_work_is_done_once_a_step(screen, counted, step):
    act, expected = STEPS[step]
    act(screen)
    assert dict(counted) == expected


def test_temperature_is_offered_where_it_is_known(store, screen):
    assert "temperature" not in dict(screen.viewing.mode.options).values()
    warm = Builder(Session(store, DESIGN, temperatures_c={"U1 base": 60.0, "U2 compute": 95.0}))
    warm.viewing.mode.value = "temperature"
    assert "95.0 °C" in warm._legend.value
