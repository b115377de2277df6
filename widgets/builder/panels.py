"""The panels beside the scene: add a die, change the chosen part, save. Each calls the screen to do its edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import ipywidgets as w

from widgets.builder import readings
from widgets.builder.controls import button, choice, number, row, title, words
from widgets.builder.picking import Picked
from widgets.builder.session import Offer, Session
from workbench.errors import InputError
from workbench.stack import Design, Die, editing, geometry

ORIENTATIONS = [*geometry.ORIENTATIONS, *(f"MZ_{n}" if n != "R0" else "MZ" for n in geometry.ORIENTATIONS)]
METHODS = ("micro_bump", "hybrid", "copper_pillar", "solder_bump", "adhesive")
# What the joint fields start from: thickness, pitch, diameter in um; plausible, to be replaced by the process's own.
JOINTS = {"micro_bump": (20.0, 40.0, 20.0), "hybrid": (2.0, 9.0, 4.5), "copper_pillar": (44.0, 75.0, 44.0),
          "solder_bump": (70.0, 130.0, 80.0), "adhesive": (10.0, None, None)}  # fmt: skip
FILLERS = {"hybrid": "sio2"}


class Screen(Protocol):
    """What the panels ask of the screen."""

    session: Session

    def follow(self, said: str, choose: str | None = None) -> None: ...
    def edit(self, operation: Callable[..., Design], *given: Any, label: str, choose: str | None = None,
             **named: Any) -> bool: ...  # fmt: skip
    def attempt(self, act: Callable[[], None]) -> bool: ...
    def choose(self, part: str | None, picked: Picked | None = None) -> None: ...
    def tell(self, said: str) -> None: ...


class AddPanel:
    """Add a die from the store, or a new one by its size, into a layer or onto a die."""

    def __init__(self, screen: Screen):
        self._screen = screen
        self.die = choice("builder.add.die", self._offers())
        self.width = number("builder.add.width", 3.0)
        self.length = number("builder.add.length", 3.0)
        self.thickness = number("builder.add.thickness", 100.0, step=10)
        self.node = number("builder.add.node", 7.0, step=1)
        self.new = w.VBox([self.width, self.length, self.thickness, self.node])
        self.where = choice("builder.add.where", self._places(), self._uppermost())
        self.x, self.y = number("builder.x", 0.0), number("builder.y", 0.0)
        self.angle = number("builder.angle", 0.0, step=15)
        self.orientation = choice("builder.orientation", [(o, o) for o in ORIENTATIONS], "MZ_MY")
        self.method = choice("builder.add.method", [(words(f"builder.method.{m}"), m) for m in METHODS])
        self.bond = number("builder.add.bond", 20.0, step=1)
        self.pitch, self.diameter = number("builder.pitch", 40.0, step=1), number("builder.diameter", 20.0, step=1)
        self.joint = w.VBox([self.method, self.bond, self.pitch, self.diameter])
        self.go = button("builder.add.go", self._add, primary=True, width="200px")
        self.go.add_class("wb-b-add")
        self.die.observe(lambda change: self._switch(), names="value")
        self.where.observe(lambda change: self._switch(), names="value")
        self.method.observe(self._joint_defaults, names="value")
        self._switch()
        self.box = w.VBox([title("builder.add.title"), self.die, self.new, self.where, self.joint, self.x, self.y,
                           self.orientation, self.angle, self.go])  # fmt: skip

    def _offers(self) -> list[tuple[str, Any]]:
        own = [(f"{o.name}, {o.size}" + (f" · {o.design_title}" if o.design_id else ""), o)
               for o in self._screen.session.offers()]  # fmt: skip
        return [*own, (words("builder.add.new"), None)]

    def _places(self) -> list[tuple[str, tuple[str, str]]]:
        design = self._screen.session.design
        tops = [(words("builder.add.on", part=p.name), ("on", p.name)) for p in reversed(design.placements)]
        return [(words("builder.add.in", layer=x.name), ("in", x.name)) for x in design.die_layers] + tops[:200]

    def _uppermost(self) -> tuple[str, str]:
        return ("on", self._screen.session.design.placements[-1].name)

    def _switch(self) -> None:
        on = self.where.value is not None and self.where.value[0] == "on"
        self.joint.layout.display = "" if on else "none"
        self.new.layout.display = "" if self.die.value is None else "none"

    def _joint_defaults(self, change: Any) -> None:
        bond, pitch, diameter = JOINTS[self.method.value]
        self.bond.value, self.pitch.value, self.diameter.value = bond, pitch or 0.0, diameter or 0.0

    def refresh(self) -> None:
        """Offer what the design now has, keeping what was chosen."""
        places, was = self._places(), self.where.value
        if [entry[1] for entry in places] != [entry[1] for entry in self.where.options]:
            self.where.options = places
            self.where.value = was if was in [entry[1] for entry in places] else self._uppermost()
        offers, chosen = self._offers(), self.die.value
        if [entry[1] for entry in offers] != [entry[1] for entry in self.die.options]:
            self.die.options = offers
            self.die.value = chosen if chosen in [entry[1] for entry in offers] else offers[0][1]

    def _given(self) -> Die | str:
        offer: Offer | None = self.die.value
        if offer is not None:
            return self._screen.session.die(offer)
        taken = {die.id for die in self._screen.session.design.dies}
        die_id = next(i for n in range(1, len(taken) + 2) if (i := f"new-{n}") not in taken)
        return editing.new_die(
            id=die_id, name=words("builder.add.new_name", number=die_id.removeprefix("new-")),
            width_mm=self.width.value, length_mm=self.length.value, thickness_um=self.thickness.value,
            node_nm=self.node.value or None,
        )  # fmt: skip

    def _add(self) -> None:
        def act() -> None:
            design, die = self._screen.session.design, self._given()
            how, target = self.where.value
            angle, mirrored, facing = geometry.pose(self.orientation.value)
            pose = {"angle_deg": angle + self.angle.value, "mirrored": mirrored, "facing": facing}
            name = editing.free_name(design)
            if how == "in":
                self._screen.edit(editing.add_die, die, layer=target, name=name, x_mm=self.x.value, y_mm=self.y.value,
                                  label=words("builder.step.add", part=name), choose=name, **pose)  # fmt: skip
                return
            bare = self.method.value == "adhesive"
            self._screen.edit(
                editing.stack_on, die, below=target, method=self.method.value, bond_um=self.bond.value, name=name,
                pitch_um=None if bare else self.pitch.value, diameter_um=None if bare else self.diameter.value,
                filler=FILLERS.get(self.method.value, "underfill"), dx_mm=self.x.value, dy_mm=self.y.value,
                label=words("builder.step.stack", part=name, below=target), choose=name, **pose,
            )  # fmt: skip

        self._screen.attempt(act)


class PartPanel:
    """The chosen part: its data and markers, its pose, snapping, bumps, deleting."""

    def __init__(self, screen: Screen):
        self._screen, self._quiet = screen, False
        self.part = choice("builder.part.chosen", self._parts())
        self.table = w.HTML()
        self.x, self.y = number("builder.x", 0.0), number("builder.y", 0.0)
        self.angle = number("builder.angle", 0.0, step=15)
        self.orientation = choice("builder.orientation", [(words("builder.free_angle"), "")]
                                  + [(o, o) for o in ORIENTATIONS], "")  # fmt: skip
        self.step = number("builder.snap.step", 100.0, step=50, width="240px")
        self.neighbour = choice("builder.snap.neighbour", [("–", "")])
        sides = [(words(f"builder.side.{side}"), side) for side in ("left", "right", "below", "above")]
        self.side = choice("builder.snap.side", sides, width="240px")
        self.gap = number("builder.snap.gap", 100.0, step=10, width="240px")
        self.pitch = number("builder.pitch", 40.0, step=1)
        self.diameter = number("builder.diameter", 20.0, step=1)
        self.below = choice("builder.join.below", [("–", "")])
        self.height = number("builder.part.layer_thickness", 100.0, step=10)
        self.join_box = w.VBox([title("builder.join.title"), self.below, self.pitch, self.diameter,
                                button("builder.join.go", self._join)])  # fmt: skip
        self.snap_box = w.VBox([
            title("builder.snap.title"),
            row(self.step, button("builder.snap.grid", self._snap_grid)),
            button("builder.snap.align", self._align),
            self.neighbour, self.side, row(self.gap, button("builder.snap.beside", self._beside)),
        ])  # fmt: skip
        self.delete = button("builder.delete", self._delete)
        self.delete.add_class("wb-b-delete")
        self.die_box = w.VBox([title("builder.pose.title"), self.x, self.y, self.orientation, self.angle, self.snap_box,
                               self.join_box, self.delete])  # fmt: skip
        self.layer_box = w.VBox([self.height])
        self.part.observe(self._chosen, names="value")
        for control, apply in ((self.x, self._move), (self.y, self._move), (self.angle, self._turn),
                               (self.orientation, self._orient), (self.height, self._thicken)):  # fmt: skip
            control.observe(lambda change, apply=apply: None if self._quiet else apply(), names="value")
        self.box = w.VBox([title("builder.part.title"), self.part, self.table, self.die_box, self.layer_box])

    def _parts(self) -> list[tuple[str, str]]:
        design = self._screen.session.design
        return [(words("builder.part.none"), "")] + [(name, name) for name in readings.part_names(design)]

    def show(self, part: str | None, picked: Picked | None) -> None:
        """Show a part's data and pose; what the fields say never edits here."""
        design, state = self._screen.session.design, self._screen.session.state
        self._quiet = True
        try:
            parts = self._parts()
            if parts != list(self.part.options):
                self.part.options = parts
            if self.part.value != (part or ""):
                self.part.value = part or ""
            layer, placement = design.part(part) if part else (None, None)
            self.table.value = readings.part_table(state, part, picked) if part else readings.done(
                words("builder.part.pick"))  # fmt: skip
            self.die_box.layout.display = "" if placement else "none"
            self.layer_box.layout.display = "" if layer and not placement else "none"
            if layer:
                self.height.value = layer.thickness_um
            if placement:
                self.x.value, self.y.value, self.angle.value = placement.x_mm, placement.y_mm, placement.angle_deg
                self.orientation.value = placement.orientation or ""
                others = [(p.name, p.name) for p in layer.placements if p.name != part][:200]
                self.neighbour.options = others or [("–", "")]
                self.below.options = self._under(design, layer) or [("–", "")]
                self.join_box.layout.display = "" if self.below.options[0][1] else "none"
        finally:
            self._quiet = False

    @staticmethod
    def _under(design: Design, layer: Any) -> list[tuple[str, str]]:
        at = design.layers.index(layer)
        if at < 2 or design.layers[at - 1].kind != "bond":
            return []
        return [(p.name, p.name) for p in design.layers[at - 2].placements][:200]

    def _chosen(self, change: Any) -> None:
        if not self._quiet:
            self._screen.choose(change["new"] or None)

    def _edit(self, operation: Callable[..., Design], key: str, *given: Any, **named: Any) -> None:
        part = self.part.value
        self._screen.edit(operation, part, *given, label=words(f"builder.step.{key}", part=part), choose=part, **named)

    def _move(self) -> None:
        self._edit(editing.place_at, "move", x_mm=self.x.value, y_mm=self.y.value)

    def _turn(self) -> None:
        self._edit(editing.rotate, "turn", self.angle.value)

    def _orient(self) -> None:
        if self.orientation.value:
            self._edit(editing.orient, "turn", self.orientation.value)

    def _snap_grid(self) -> None:
        self._edit(editing.snap_to_grid, "snap", self.step.value)

    def _align(self) -> None:
        self._edit(editing.snap_to_neighbours, "snap")

    def _beside(self) -> None:
        if not self.neighbour.value:
            self._screen.tell(readings.refusal(InputError("design.edit_not_beside", where=self.part.value)))
            return
        self._edit(editing.snap_beside, "snap", self.neighbour.value, side=self.side.value, gap_um=self.gap.value)

    def _join(self) -> None:
        self._edit(editing.join, "join", self.below.value, pitch_um=self.pitch.value, diameter_um=self.diameter.value)

    def _thicken(self) -> None:
        self._edit(editing.set_thickness, "thickness", self.height.value)

    def _delete(self) -> None:
        part = self.part.value
        self._screen.edit(editing.remove, part, label=words("builder.step.delete", part=part), choose="")


class SavePanel:
    """Undo, redo, body size, save as a revision, revert."""

    def __init__(self, screen: Screen):
        self._screen, self._quiet = screen, False
        self.undo = button("builder.undo", lambda: screen.attempt(lambda: self._step("undo")))
        self.redo = button("builder.redo", lambda: screen.attempt(lambda: self._step("redo")))
        self.width, self.length = number("builder.body.width", 1.0), number("builder.body.length", 1.0)
        for control in (self.width, self.length):
            control.observe(lambda change: None if self._quiet else self._resize(), names="value")
        self.note = w.Text(description=words("builder.save.note"), placeholder=words("builder.save.note_help"),
                           tooltip=words("builder.save.note_help"), layout=w.Layout(width="372px"),
                           style={"description_width": "128px"})  # fmt: skip
        self.note.add_class("wb-b-note")
        self.save = button("builder.save.go", lambda: screen.attempt(self._save), primary=True, width="200px")
        self.save.add_class("wb-b-save")
        self.revert = button("builder.save.revert", lambda: screen.attempt(lambda: self._step("revert")))
        self.history = row(self.undo, self.redo)
        self.box = w.VBox([title("builder.body.title"), self.width, self.length, title("builder.save.title"), self.note,
                           row(self.save, self.revert)])  # fmt: skip

    def refresh(self) -> None:
        session = self._screen.session
        self.undo.disabled, self.redo.disabled = not session.history.can_undo, not session.history.can_redo
        self.revert.disabled = session.is_saved
        self._quiet = True
        try:
            self.width.value, self.length.value = session.design.width_mm, session.design.length_mm
        finally:
            self._quiet = False

    def _step(self, which: str) -> None:
        if getattr(self._screen.session, which)():
            self._screen.follow(words(f"builder.step.{which}"))

    def _resize(self) -> None:
        self._screen.edit(editing.resize, width_mm=self.width.value, length_mm=self.length.value,
                          label=words("builder.step.resize"))  # fmt: skip

    def _save(self) -> None:
        revision = self._screen.session.save(self.note.value)
        self.note.value = ""
        self._screen.follow(words("builder.save.done", number=self._screen.session.number, revision=revision))


__all__ = ["AddPanel", "PartPanel", "SavePanel"]
