"""Times between steps: how long a unit waited from the end of one to the begin of another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.errors import InputError
from workbench.process.history.events import Event, utc

_LIMIT = re.compile(r"queue_time\.(?P<before>[^.]+)\.(?P<after>[^.]+)_h$")


@dataclass(frozen=True)
class QueueTime:
    """`hours` from the end of `before` (its start, where no end was said) to the start of `after` (or its end).
    `limit_h` is the longest allowed, None without one; `holds` says whether it was kept.
    """

    before: str
    after: str
    left_at: datetime
    began_at: datetime
    hours: float
    limit_h: float | None = None

    @property
    def holds(self) -> bool | None:
        return None if self.limit_h is None else self.hours <= self.limit_h


def queue_limits(specifications: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Limits among the specifications of a lot: the upper limit of the parameter ``queue_time.BEFORE.AFTER_h``."""
    found = {}
    for row in specifications:
        match = _LIMIT.match(row["parameter"])
        if match and row.get("upper") is not None:
            found[match["before"], match["after"]] = float(row["upper"])
    return found


def queue_times(events: Sequence[Event], limits: Mapping[tuple[str, str], float] | None = None) -> list[QueueTime]:
    """Waits between the steps of `events` (those of one unit, or of a lot taken as one), in the order of time: of every
    step and the one after it, and of every pair that has a limit, however many steps lie between.

    A limit counts from the last visit of its first step before each visit of its second. Raises InputError for a limit
    that is not positive.
    """
    limits = dict(limits or {})
    for pair, hours in limits.items():
        if not hours > 0:
            raise InputError("lots.queue_limit", where=" > ".join(pair), got=hours)
    visits = _visits(events)
    found = []
    for index, (after, began_at, _) in enumerate(visits):
        last: dict[str, tuple[int, datetime]] = {}
        for at, (name, _, left_at) in enumerate(visits[:index]):
            last[name] = (at, left_at)
        for before, (at, left_at) in last.items():
            if at == index - 1 or (before, after) in limits:
                hours = (began_at - left_at).total_seconds() / 3600
                found.append(QueueTime(before, after, left_at, began_at, hours, limits.get((before, after))))
    return found


def _visits(events: Sequence[Event]) -> list[tuple[str, datetime, datetime]]:
    """Steps as (name, begin, end): a begin and the next end of the same step are one visit."""
    steps = sorted((event for event in events if event.kind in ("step_in", "step_out") and event.step),
                   key=lambda event: (utc(event.occurred_at), event.number))  # fmt: skip
    visits: list[list[Any]] = []
    for event in steps:
        moment = utc(event.occurred_at)
        if event.kind == "step_out":
            started = next((visit for visit in reversed(visits) if visit[0] == event.step and visit[2] is None), None)
            if started:
                started[2] = moment
                continue
        visits.append([event.step, moment, None if event.kind == "step_in" else moment])
    return sorted(((name, begin, end or begin) for name, begin, end in visits), key=lambda visit: visit[1:])
