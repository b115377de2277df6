"""An editing session: the design being built, its checks and figures after each step, and saving it as a revision."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench import rules
from workbench.cost.economics import DesignCost, of_design
from workbench.cost.review import StackDesignReview
from workbench.errors import InputError, WorkbenchError
from workbench.schema import Parameters
from workbench.stack import Derived, Design, Die, bump_count, content_sha256, derive, editing, read
from workbench.store import saving

log = logging.getLogger(__name__)
_WORST = ("near", "care", "error")


@dataclass(frozen=True)
class Offer:
    """A die type that can be added: of this design, or of another one in the store."""

    die_id: str
    name: str
    size: str
    design_id: str | None = None
    design_title: str = ""


@dataclass(frozen=True)
class State:
    """A design with what follows from it. `report` is None, with the `fault`, where the checks could not be run; `cost`
    is None where it could not be computed."""

    design: Design
    derived: Derived
    bumps: int
    report: rules.CheckReport | None
    cost: DesignCost | None
    fault: Exception | None = None

    @cached_property
    def markers(self) -> tuple[rules.Marker, ...]:
        return rules.markers(self.report) if self.report else ()

    @property
    def cost_usd(self) -> float | None:
        best = self.cost.best if self.cost else None
        return float(best.total_usd) if best else None

    @cached_property
    def severities(self) -> Mapping[str, str]:
        """The worst rule state of each part that has one."""
        found: dict[str, str] = {}
        for finding in self.report.findings if self.report else ():
            for part in self.parts_of(finding.place):
                if part not in found or _WORST.index(finding.severity) > _WORST.index(found[part]):
                    found[part] = finding.severity
        return found

    def parts_of(self, place: str) -> list[str]:
        """The parts that a finding's place names: one, a pair, a region of one, or a type of die."""
        names = {layer.name for layer in self.design.layers} | {p.name for p in self.design.placements}
        types: dict[str, list[str]] = {}
        for placement in self.design.placements:
            die = self.design.die(placement.die)
            for word in {die.id, die.name}:
                types.setdefault(word, []).append(placement.name)
        found: list[str] = []
        for word in (place, *re.split(r" / | - | to ", place)):
            stem = word.split(".", 1)[0].strip()
            for name in (word.strip(), stem):
                found += [name] if name in names else types.get(name, [])
        return list(dict.fromkeys(found))

    def findings_of(self, part: str) -> list[rules.Finding]:
        return [f for f in (self.report.findings if self.report else ()) if part in self.parts_of(f.place)]


class Session:
    """Edits one design of a store. A refused edit leaves the last good design and its state as they were."""

    def __init__(
        self, store: Any, design_id: str, *, deck: rules.Deck | None = None, parameters: Parameters | None = None,
        author: str | None = None, temperatures_c: Mapping[str, float] | None = None,
    ):  # fmt: skip
        self._store, self.design_id, self._deck = store, design_id, deck
        self.temperatures_c = dict(temperatures_c or {})
        self._parameters = parameters if isinstance(parameters, StackDesignReview) else None
        self.author = author or saving.author()
        self._hashed: tuple[Design, str] | None = None
        self._open()

    def _open(self) -> None:
        newest = self._store.designs.revisions(self.design_id)[-1]
        design = read(self._store.designs.document(self.design_id, newest["revision_id"]))
        self.revision_id, self.number = newest["revision_id"], newest["number"]
        self.history = editing.History(design)
        self._saved = self._sha256(design)
        self.saved = self.state = self._judged(design)

    def other(self, design_id: str) -> Session:
        """A session on another design. Raises InputError while this one has changes that were not saved."""
        if not self.is_saved:
            raise InputError("builder.unsaved_changes", where=self.design_id)
        parameters = self._parameters and self._parameters.model_copy(update={"design_id": design_id})
        known = self.temperatures_c if design_id == self.design_id else None  # of parts by name: of this design alone
        return Session(self._store, design_id, deck=self._deck, parameters=parameters, author=self.author,
                       temperatures_c=known)  # fmt: skip

    def designs(self) -> list[tuple[str, str]]:
        """(title, id) of every design in the store."""
        return [(row["title"], row["design_id"]) for row in self._store.designs.list()]

    @property
    def design(self) -> Design:
        return self.history.design

    @property
    def is_saved(self) -> bool:
        return self._sha256(self.design) == self._saved

    def apply(self, operation: Callable[..., Design], *given: Any, label: str = "", **named: Any) -> bool:
        """Do an edit; whether the design changed. Raises InputError when it is refused."""
        before = self.design
        self.history.apply(operation, *given, label=label, **named)
        return self._follow(before)

    def undo(self) -> bool:
        before = self.design
        self.history.undo()
        return self._follow(before)

    def redo(self) -> bool:
        before = self.design
        self.history.redo()
        return self._follow(before)

    def revert(self) -> bool:
        """Back to the newest saved revision. It is a step like any other and can be undone."""
        before = self.design
        newest = self._store.designs.revisions(self.design_id)[-1]
        saved = read(self._store.designs.document(self.design_id, newest["revision_id"]))
        self.revision_id, self.number, self._saved = newest["revision_id"], newest["number"], self._sha256(saved)
        self.history.apply(lambda design: saved, label="revert")
        changed = self._follow(before)
        self.saved = self.state
        return changed

    def save(self, note: str) -> str:
        """Save the design as a revision that follows the one it was made from; its id.

        Raises InputError without a note or a change, and where someone saved another revision in between: theirs must
        not be passed over silently.
        """
        if not note.strip():
            raise InputError("builder.no_note", where=self.design_id)
        if self.is_saved:
            raise InputError("builder.no_change", where=self.design_id, got=f"{self.design_id}@{self.number}")
        design = self.design
        saved = saving.save_revision(self._store, self.design_id, design, author=self.author, note=note.strip(),
                                     based_on=self.revision_id)  # fmt: skip
        self.revision_id, self.number = saved.revision_id, saved.number
        self._saved, self.saved = self._sha256(design), self.state
        return saved.revision_id

    def begin(self, design_id: str, design: Design, note: str) -> int:
        """Save a design of its own beside this one; its revision number. The same again adds nothing.

        Raises InputError where the id is another design's, or cannot be one.
        """
        return saving.save_revision(self._store, design_id, design, author=self.author, note=note, fresh=True).number

    # --- dies to choose from -----------------------------------------------------------------------------------------

    def offers(self) -> list[Offer]:
        """Die types of this design, then of every design in the store."""
        own = [Offer(d.id, d.name, _size(d.width_mm, d.length_mm)) for d in self.design.dies]
        return own + [
            Offer(row["die_id"], row["name"], _size(row["width_mm"], row["length_mm"]), row["design_id"],
                  row["design_title"])
            for row in self._stored if row["design_id"] != self.design_id
        ]  # fmt: skip

    @cached_property
    def _stored(self) -> list[dict[str, Any]]:
        return self._store.designs.dies()

    def die(self, offer: Offer) -> Die | str:
        """What `editing.add_die` takes for an offer. Regions of a die from elsewhere come with it."""
        if offer.design_id is None:
            return offer.die_id
        return Die.model_validate_json(_json(self._store.designs.die(offer.design_id, offer.die_id)))

    # --- within ------------------------------------------------------------------------------------------------------

    def _sha256(self, design: Design) -> str:
        """The hash of a design's content, computed once while the design is the last that was asked for."""
        if self._hashed is None or self._hashed[0] is not design:
            self._hashed = design, content_sha256(design)
        return self._hashed[1]

    def _follow(self, before: Design) -> bool:
        if self.design is before:
            return False
        self.state = self._judged(self.design)
        return True

    def _judged(self, design: Design) -> State:
        report = cost = fault = None
        try:
            report = rules.check(design, self._deck)
        except Exception as error:  # the model must stay editable, and the screen says that nothing was checked
            log.exception("checks failed")
            fault = error
        try:
            p = self._parameters or StackDesignReview(design_id=self.design_id)
            cost = of_design(design, p)
        except WorkbenchError as error:
            log.info("no cost: %s", error)
        except Exception:
            log.exception("cost failed")
        return State(design, derive(design), bump_count(design), report, cost, fault)


def _size(width_mm: float, length_mm: float) -> str:
    return f"{width_mm:g} × {length_mm:g} mm"


def _json(document: Any) -> str:
    import json

    return json.dumps(document)
