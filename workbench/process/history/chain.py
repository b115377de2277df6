"""The chain of a lot's events: each holds the hash of the one before, so that none can be altered, left out or put
elsewhere without the chain showing where.

What a chain alone cannot show: that its last events were cut off, or that all of it was written anew from some event
on. Whoever keeps its head elsewhere (a print, a mail, a customer's transfer package) can: `verify(..., head=...)`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from workbench.process.history.events import Event


@dataclass(frozen=True)
class Break:
    """The first place that does not fit. `kind`: ``number`` (an event is missing, twice or moved), ``previous`` (it
    does not follow from the one before), ``content`` (it is not what it was), ``head`` (the head that was kept is of
    no event). `number` is the event's.
    """

    kind: str
    number: int
    detail: str = ""


@dataclass(frozen=True)
class ChainReport:
    """`count` events and their `head` (the hash that stands for all of them); `broken` is None for a sound chain.
    `head_at` is the number of the event whose hash the head that was given is: what came later was added since.
    """

    lot_id: str
    count: int
    head: str
    broken: Break | None = None
    head_at: int | None = None


def first_sha256(lot_id: str) -> str:
    """What the first event of a lot follows."""
    return _sha256(["lot", lot_id])


def link(event: Event, previous: str) -> Event:
    """`event` as the next of a chain whose head is `previous`."""
    event = replace(event, previous_sha256=previous, chain_sha256="")
    return replace(event, chain_sha256=content_sha256(event))


def content_sha256(event: Event) -> str:
    """Hash over everything an event says and the hash before it. Empty facts take no part."""
    said = event.as_dict()
    del said["chain_sha256"]
    return _sha256(said)


def verify(lot_id: str, events: Iterable[Event], *, head: str | None = None) -> ChainReport:
    """Compute the chain anew from `events` (in the order of their numbers) and say where it first does not fit.

    With `head` (of an earlier or the present state) the events up to it must still be there.
    """
    previous, count, head_at = first_sha256(lot_id), 0, None
    for event in events:
        broken = None
        if event.number != count + 1 or event.lot_id != lot_id:
            broken = Break("number", count + 1, f"{event.lot_id} {event.number}")
        elif event.previous_sha256 != previous:
            broken = Break("previous", event.number, event.previous_sha256[:12])
        elif content_sha256(event) != event.chain_sha256:
            broken = Break("content", event.number, event.chain_sha256[:12])
        if broken:
            return ChainReport(lot_id, count, previous, broken)
        previous, count = event.chain_sha256, event.number
        if head is not None and previous == head.lower():
            head_at = count
    if head is not None and head_at is None:
        return ChainReport(lot_id, count, previous, Break("head", count, head[:64]))
    return ChainReport(lot_id, count, previous, None, head_at)


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
