"""Which units may go on: what is held or scrapped, by which event, found by going through the events in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workbench.errors import InputError
from workbench.process.history.events import Event, Scope

MOVING = ("step_in", "step_out", "rework", "transfer")  # what a stopped unit must not take part in


@dataclass(frozen=True)
class State:
    """`word` is ``active``, ``held`` or ``scrapped``; `lot_id` and `number` name the event that made it so."""

    word: str
    lot_id: str = ""
    number: int = 0

    @property
    def stopped(self) -> bool:
        return self.word != "active"


ACTIVE = State("active")


def state_of(events: Iterable[Event], unit: str, carrier: str | None = None) -> State:
    """State of a unit that the events of its lot leave it in. A unit that came by a split or merge brings its state
    along, as that event says. Scrapped is for good.
    """
    state = ACTIVE
    for event in events:
        state = _after(state, event, unit, carrier)
    return state


def _after(state: State, event: Event, unit: str, carrier: str | None) -> State:
    if event.kind in ("split", "merge"):
        if not event.scope.covers(unit, carrier):
            return state
        for entry in event.detail.get("stopped", ()):
            if Scope.of(entry["scope"]).covers(unit, carrier):
                return State(entry["word"], entry["lot_id"], entry["number"])
        return ACTIVE  # came without a stop, or went: what it brings to the other lot is written there
    if event.kind not in ("hold", "release", "scrap") or not event.scope.covers(unit, carrier):
        return state
    if event.kind == "scrap":
        return State("scrapped", event.lot_id, event.number) if state.word != "scrapped" else state
    if state.word == "scrapped":
        return state
    return State("held", event.lot_id, event.number) if event.kind == "hold" else ACTIVE


def _classes(events: Sequence[Event], carrier_of: Mapping[str, str | None]) -> list[tuple[str, str | None]]:
    """Units that stand for all others: every unit that an event stops or releases by name (with its carrier), one of
    every carrier so named, and one that none names. Units of one class have one state, so that a lot of a million
    needs a handful of looks.
    """
    named: dict[tuple[str, str | None], None] = {}
    for event in events:
        scopes = [Scope.of(entry["scope"]) for entry in event.detail.get("stopped", ())]
        if event.kind in ("hold", "release", "scrap"):
            scopes.append(event.scope)
        for scope in scopes:
            named |= {(unit, carrier_of.get(unit)): None for unit in scope.units}
            named |= {("", carrier): None for carrier in scope.carriers}
    return [*named, ("", None)]


def named_units(events: Iterable[Event]) -> set[str]:
    """Units that events stop or release by name: those whose carriers `stopped_units` must be told."""
    return {unit for unit, _ in _classes(list(events), {}) if unit}


def stopped_units(
    events: Sequence[Event], scope: Scope, carrier_of: Mapping[str, str | None]
) -> list[tuple[Scope, State]]:
    """What of `scope` is held or scrapped, in the coarsest words that the events allow. `carrier_of` gives the carrier
    of every unit that `scope` or an event names.
    """
    known = _classes(events, carrier_of)
    if not scope.whole:
        known = [*((unit, carrier_of.get(unit)) for unit in scope.units),
                 *((unit, carrier) for unit, carrier in known if unit and carrier in scope.carriers),
                 *(("", carrier) for carrier in scope.carriers)]  # fmt: skip
    found: dict[Scope, State] = {}
    for unit, carrier in known:
        state = state_of(events, unit, carrier)
        if state.stopped:
            found[Scope(units=(unit,)) if unit else Scope((carrier,)) if carrier is not None else Scope()] = state
    return list(found.items())


def require_allowed(
    events: Sequence[Event], kind: str, scope: Scope, carrier_of: Mapping[str, str | None] | None = None
) -> None:
    """Refuse what must not happen to stopped units. Single scrapped units have left a lot or carrier that goes on;
    held ones have not, and hold it until they are released or split off. A release needs something held.

    Raises InputError naming the event that stopped them.
    """
    carrier_of = carrier_of or {}
    found = stopped_units(events, scope, carrier_of)
    if kind == "release":
        if not any(state.word == "held" for _, state in found):
            raise InputError("lots.nothing_held", where=_said(scope))
        return
    if kind not in (*MOVING, "hold", "scrap"):
        return
    for what, state in found:
        alone = bool(what.units) and what.units[0] not in scope.units  # the step is of its lot or carrier
        if kind in ("hold", "scrap"):
            refused = state.word == "scrapped" and not alone and not (what.carriers and scope.whole)
        else:
            refused = state.word == "held" or not (alone or (what.carriers and scope.whole))
        if refused:
            rule = "lots.unit_held" if state.word == "held" else "lots.unit_scrapped"
            raise InputError(rule, where=_said(what) or _said(scope),
                             got=f"{state.lot_id} #{state.number}")  # fmt: skip


def _said(scope: Scope) -> str:
    named = scope.units or scope.carriers
    return ", ".join(named[:5]) + (f" ... ({len(named)})" if len(named) > 5 else "")
