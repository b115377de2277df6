"""The 3D model builder as a screen: scene, controls and panels around one editing session."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import ipywidgets as w
import numpy as np

from widgets.builder import readings
from widgets.builder.colours import MODES, SEVERITY_COLOURS, Painting
from widgets.builder.controls import button, check, choice, folded, row, slider, title, words
from widgets.builder.panels import AddPanel, PartPanel, SavePanel
from widgets.builder.picking import Picked, cast
from widgets.builder.scene import Cut, Scene, scene
from widgets.builder.session import Session
from widgets.builder.shelf import BeginPanel, HandOverPanel
from widgets.builder.view3d import View3D
from widgets.design.drawings import section_svg, top_svg
from widgets.page import style
from workbench.errors import WorkbenchError
from workbench.i18n import language, t
from workbench.stack import Design

log = logging.getLogger(__name__)
WIDTH, HEIGHT = 772, 540
MOST_MARKS = 2000


class Builder:
    """The whole screen; `widget` is what is displayed."""

    def __init__(self, session: Session):
        self.session = session
        self.view = View3D(WIDTH, HEIGHT)
        self.scene: Scene = scene(session.design)
        self._part: str | None = None
        self._picked: Picked | None = None
        self._points: list[tuple[float, float, float]] = []
        self._hidden: frozenset[str] = frozenset()
        self._head, self._message, self._legend = w.HTML(), w.HTML(), w.HTML()
        self._findings, self._section, self._top, self._measured = w.HTML(), w.HTML(), w.HTML(), w.HTML()
        self._message.add_class("wb-b-message")
        self.viewing = _Viewing(self)
        self.add, self.part_panel, self.saving = AddPanel(self), PartPanel(self), SavePanel(self)
        self.designs = choice("builder.design", session.designs(), session.design_id)
        self.designs.observe(lambda change: None if self._offering else self.open(change["new"]), names="value")
        self._offering = False
        self.begin, self.hand_over = BeginPanel(self), HandOverPanel(self)
        self.view.on_pick(self._on_pick)
        self._draw()
        self._read()
        self.choose(None)
        self.widget = self._laid_out()

    def _laid_out(self) -> w.Widget:
        left = w.VBox([
            self.viewing.views, self.view.renderer, self._legend, self.viewing.sliders, self.viewing.layers,
            self._measured, title("builder.findings"), self._findings, title("builder.section"), self._section,
            title("builder.top"), self._top,
        ], layout=w.Layout(width=f"{WIDTH + 8}px"))  # fmt: skip
        right = w.VBox([self.saving.history, self._message, self.part_panel.box, self.add.box, self.saving.box],
                       layout=w.Layout(width="392px", margin="0 0 0 16px"))  # fmt: skip
        body = w.HBox([left, right], layout=w.Layout(flex_flow="row wrap", align_items="flex-start"))
        begin = folded("builder.begin.title", self.begin.box)
        hand_over = folded("builder.export.title", self.hand_over.box)
        shelf = w.VBox([row(self.designs, begin, hand_over), self.begin.box, self.hand_over.box])
        shelf.add_class("wb-b-shelf")
        whole = w.VBox([w.HTML(style() + readings.STYLE), shelf, self._head, body])
        whole.add_class("wb-builder")
        return whole

    def offer_designs(self) -> None:
        """List the designs of the store anew, without opening another."""
        self._offering = True
        try:
            self.designs.options = self.session.designs()
            self.designs.value = self.session.design_id
        finally:
            self._offering = False

    def open(self, design_id: str, said: str = "") -> bool:
        """Go on with another design, or anew with this one, and say so; refused while this one has unsaved changes."""

        def act() -> None:
            self.session = self.session.other(design_id)
            self.follow(said or words("builder.opened", name=self.session.design.title), "", fit=True)
            self.view.look("corner")

        done = self.attempt(act)
        self.offer_designs()
        return done

    # --- edits -------------------------------------------------------------------------------------------------------

    def attempt(self, act: Callable[[], None]) -> bool:
        """Do something that may be refused; a refusal is shown and the fields say again what is."""
        try:
            act()
            return True
        except WorkbenchError as fault:
            self.tell(readings.refusal(fault))
        except Exception as fault:  # whatever happens, the screen stays usable
            log.exception("edit failed")
            self.tell(readings.refusal(fault))
        if self._part not in readings.part_names(self.session.design):
            self._part = self._picked = None
        self.part_panel.show(self._part, self._picked)
        self.saving.refresh()
        return False

    def edit(self, operation: Callable[..., Design], *given: Any, label: str, choose: str | None = None,
             **named: Any) -> bool:  # fmt: skip
        def act() -> None:
            if self.session.apply(operation, *given, label=label, **named):
                self.follow(label, choose)

        return self.attempt(act)

    def follow(self, said: str, choose: str | None = None, *, fit: bool = False) -> None:
        """Show the design as it now is. `choose` a part ("" for none), else keep the chosen one while it is there.
        `fit` gives its heights the enlargement that suits them.
        """
        part = self._part if choose is None else choose or None
        names = set(readings.part_names(self.session.design))
        self.scene = scene(self.session.design).exploded(self.scene.explode).without(self._hidden & names)
        self._hidden = self._hidden & names
        self._points = []
        if fit:
            self.viewing.set_height(self.scene.natural_exaggeration)
        self.viewing.refresh()
        self._draw()
        self._read()
        self.add.refresh()
        self.choose(part if part in names else None)
        self.tell(readings.done(said))

    def tell(self, said: str) -> None:
        self._message.value = said

    # --- drawing and reading -----------------------------------------------------------------------------------------

    @property
    def painting(self) -> Painting:
        return Painting(self.viewing.mode.value, self.session.design, self.session.state.severities,
                        self.viewing.solid.value, self.session.temperatures_c)  # fmt: skip

    def _draw(self) -> None:
        painting = self.painting
        self.view.show(self.scene, painting, exaggeration=self.viewing.height.value, cut=self.cut)
        self._legend.value = readings.legend(painting, self.scene)

    def moved(self) -> None:
        """After a slider: nothing is made anew."""
        self.scene = self.scene.exploded(self.viewing.explode.value).without(self._hidden)
        self.view.lift(self.scene, self.viewing.height.value, self.cut)
        self._mark()
        self._outline()

    @property
    def cut(self) -> Cut | None:
        axis = self.viewing.axis.value
        if not axis:
            return None
        low, high = self.scene.bounds_mm()
        index = "xyz".index(axis)
        share = self.viewing.at.value / 100
        return Cut(axis, float(low[index] + share * (high[index] - low[index])))

    def hide(self, layer: str, shown: bool) -> None:
        self._hidden = self._hidden - {layer} if shown else self._hidden | {layer}
        self.moved()

    def _read(self) -> None:
        state = self.session.state
        self._head.value = readings.figures(self.session)
        self._findings.value = readings.findings(state)
        self.saving.refresh()
        self._section.value = f'<div class="wb wb-picture">{section_svg(state.design)[0]}</div>'
        self._top.value = f'<div class="wb wb-picture">{top_svg(state.design)}</div>'

    def _mark(self) -> None:
        """Markers of all findings, or of the chosen part's."""
        groups: dict[str, list[np.ndarray]] = {}
        if self.viewing.marks.value and self.session.state.report is not None:
            state = self.session.state
            own = set(map(id, state.findings_of(self._part))) if self._part else None
            findings = state.report.findings
            for marker in state.markers[:MOST_MARKS]:
                if own is None or id(findings[marker.finding]) in own:
                    z = marker.z_um / 1000 + self._lift_at(marker.z_um)
                    point = np.array([marker.x_um / 1000, marker.y_um / 1000, z])
                    groups.setdefault(SEVERITY_COLOURS[marker.severity], []).append(point)
        self.view.mark((colour, np.array(points)) for colour, points in groups.items())

    def _lift_at(self, z_um: float) -> float:
        level = next((x for x in self.scene.levels if z_um <= x.z_top_um + 1e-9), self.scene.levels[-1])
        return self.scene.lift_mm(level.layer.name)

    def _outline(self) -> None:
        boxes = [(b.corners_mm, *self.scene.span_mm(b)) for b in self.scene.bodies
                 if b.part == self._part and b.kind in ("die", "layer")]  # fmt: skip
        if self._part and not boxes and self._part in self.scene.order:  # balls: a layer without a box
            low, high = self.scene.bounds_mm()
            level = self.scene.levels[self.scene.order[self._part]]
            corners = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
            lift = self.scene.lift_mm(self._part)
            boxes = [(corners, level.z_bottom_um / 1000 + lift, level.z_top_um / 1000 + lift)]
        self.view.outline(boxes)

    # --- picking and measuring ---------------------------------------------------------------------------------------

    def _on_pick(self, origin: np.ndarray, direction: np.ndarray) -> None:
        self.attempt(lambda: self.pick(origin, direction))

    def pick(self, origin: np.ndarray, direction: np.ndarray) -> Picked | None:
        """Choose what the ray meets; while measuring, take its point."""
        picked = cast(self.scene, origin, direction, self.cut, see_through=not self.viewing.solid.value)
        if self.viewing.measure.value and picked is not None:
            self._points = [*self._points, picked.point_um] if len(self._points) < 2 else [picked.point_um]
            self._measured.value = readings.distance(self._points)
        self.choose(picked.part if picked else None, picked)
        return picked

    def measuring(self, on: bool) -> None:
        self._points = []
        self._measured.value = readings.distance([]) if on else ""

    def choose(self, part: str | None, picked: Picked | None = None) -> None:
        """Show a part as chosen: outlined, its data and markers beside."""
        self._part, self._picked = part, picked
        self.part_panel.show(part, picked)
        self._outline()
        self._mark()
        site = picked.site if picked and picked.site else (-1, -1)
        self.view.choose_site(picked.field if picked else None, *site)


class _Viewing:
    """The controls of the view."""

    def __init__(self, screen: Builder):
        self._screen, view = screen, screen.view
        views = [button(f"builder.view.{name}", lambda name=name: view.look(name))
                 for name in ("corner", "front", "right", "top", "bottom")]  # fmt: skip
        self.perspective = check("builder.view.perspective", False, lambda on: view.look(perspective=on))
        steps = [button(key, act, width="42px") for key, act in (
            ("builder.view.closer", lambda: view.zoom_by(1.25)),
            ("builder.view.farther", lambda: view.zoom_by(0.8)),
            ("builder.view.left", lambda: view.turn_by(-15, 0)),
            ("builder.view.turn_right", lambda: view.turn_by(15, 0)),
            ("builder.view.up", lambda: view.turn_by(0, 10)),
            ("builder.view.down", lambda: view.turn_by(0, -10)),
        )]  # fmt: skip
        self.views = row(button("builder.view.fit", view.look), *views, self.perspective, *steps)
        natural = screen.scene.natural_exaggeration
        self._quiet = False
        self.height = slider("builder.view.height", natural, 1, 50, 1,
                             lambda _: None if self._quiet else screen.moved(), form=".0f")  # fmt: skip
        self.explode = slider("builder.view.explode", 0, 0, 2, 0.05, lambda _: screen.moved())
        axes = [(words("builder.view.no_section"), "")] + [(words(f"builder.across.{a}"), a) for a in "xyz"]
        self.axis = choice("builder.view.section", axes, width="340px")
        self.axis.style.description_width = "110px"
        self.axis.observe(lambda change: screen.moved(), names="value")
        self.at = slider("builder.view.section_at", 50, 0, 100, 1, lambda _: screen.moved(), form=".0f", label="90px",
                         width="340px")  # fmt: skip
        self.mode = choice("builder.view.colour", self._modes(), width="340px")
        self.mode.style.description_width = "110px"
        self.mode.observe(lambda change: screen._draw(), names="value")
        self.solid = check("builder.view.solid_mould", False, lambda _: screen._draw())
        self.marks = check("builder.view.marks", True, lambda _: screen._mark())
        self.measure = check("builder.view.measure", False, screen.measuring)
        self._no_temperatures = w.HTML()
        self.sliders = w.VBox([
            row(self.height, self.explode), row(self.axis, self.at), row(self.mode, self._no_temperatures),
            row(self.solid, self.marks, self.measure),
        ])  # fmt: skip
        self.layers = w.VBox()
        self._names: list[str] = []
        self.refresh()

    def set_height(self, factor: float) -> None:
        """Set the slider for a scene that is drawn next."""
        self._quiet = True
        try:
            self.height.value = factor
        finally:
            self._quiet = False

    def _modes(self) -> list[tuple[str, str]]:
        """Colours by temperature are offered where temperatures are known."""
        known = bool(self._screen.session.temperatures_c)
        return [(words(f"builder.colour.{mode}"), mode) for mode in MODES if known or mode != "temperature"]

    def refresh(self) -> None:
        """The colours there are, and one checkbox per layer, from the top down as they lie."""
        modes, chosen = self._modes(), self.mode.value
        if modes != list(self.mode.options):
            self.mode.options = modes
            self.mode.value = chosen if chosen in dict(modes).values() else modes[0][1]
        absent = readings.say("builder.colour.no_temperature")
        known = "temperature" in dict(modes).values()
        self._no_temperatures.value = "" if known else f'<span class="wb-note">{absent}</span>'
        names = [level.layer.name for level in reversed(self._screen.scene.levels)]
        if names == self._names:
            return
        self._names = names
        boxes = []
        for name in names:
            box = w.Checkbox(value=self._screen.scene.shown(name), description=name, indent=False,
                             tooltip=t("builder.view.layer_help", language(), layer=name),
                             layout=w.Layout(width="auto", margin="0 12px 0 0"))  # fmt: skip
            box.observe(lambda change, name=name: self._screen.hide(name, change["new"]), names="value")
            boxes.append(box)
        self.layers.children = [title("builder.view.layers"), row(*boxes)]
