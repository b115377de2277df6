"""What can happen to a lot, and what is written down of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from workbench.errors import InputError

KINDS = ("create", "import", "step_in", "step_out", "split", "merge", "rework", "hold", "release", "scrap", "note",
         "transfer")  # fmt: skip
FACTS = ("route", "step", "equipment", "chamber", "recipe", "material_batch", "operator")


@dataclass(frozen=True)
class Scope:
    """What of a lot an event is about: carriers, single units, or (nothing named) the whole lot.

    A unit is covered when it is named or its carrier is.
    """

    carriers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @cached_property
    def _units(self) -> frozenset[str]:
        return frozenset(self.units)

    @property
    def whole(self) -> bool:
        return not self.carriers and not self.units

    def covers(self, unit: str, carrier: str | None) -> bool:
        return self.whole or unit in self._units or (carrier is not None and carrier in self.carriers)

    def as_dict(self) -> dict[str, list[str]]:
        named = {"carriers": list(self.carriers), "units": list(self.units)}
        return {key: value for key, value in named.items() if value}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Scope:
        return cls(tuple(document.get("carriers", ())), tuple(document.get("units", ())))


@dataclass(frozen=True)
class Event:
    """One event of a lot. `number` counts from 1; moments are in UTC. `detail` is plain data: for a step its settings,
    for a split or merge `to_lot` or `from_lot` and what came along (`stopped`), for an import what it brought.

    `previous_sha256` is the chain hash of the event before (of `first_sha256` for the first), `chain_sha256` covers
    everything here, so that it stands for the whole history up to this event.
    """

    lot_id: str
    number: int
    event_id: str
    kind: str
    scope: Scope
    actor: str
    occurred_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
    route: str | None = None
    step: str | None = None
    equipment: str | None = None
    chamber: str | None = None
    recipe: str | None = None
    material_batch: str | None = None
    operator: str | None = None
    previous_sha256: str = ""
    chain_sha256: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise InputError("lots.kind", where="kind", got=self.kind, allowed=", ".join(KINDS))

    @property
    def facts(self) -> dict[str, str]:
        """What is known of how it was made: route, step, equipment, chamber, recipe, material batch, operator."""
        return {name: getattr(self, name) for name in FACTS if getattr(self, name) is not None}

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the moment as ISO 8601 in UTC."""
        return {"lot_id": self.lot_id, "number": self.number, "event_id": self.event_id, "kind": self.kind,
                "scope": self.scope.as_dict(), **self.facts, "actor": self.actor,
                "occurred_at": utc(self.occurred_at).isoformat(), "detail": dict(self.detail),
                "previous_sha256": self.previous_sha256, "chain_sha256": self.chain_sha256}  # fmt: skip


def utc(moment: datetime) -> datetime:
    """`moment` in UTC without zone; one without zone is taken as UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
