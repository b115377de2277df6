"""The chain of a lot's events: any change of any event shows, and where it first does."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.process.history import Event, Scope, first_sha256, link, verify

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def chain(count: int, lot: str = "A") -> list[Event]:
    found, previous = [], first_sha256(lot)
    for number in range(1, count + 1):
        event = Event(lot, number, f"e{number}", "step_out", Scope(units=(f"u{number}",)), "li",
                      BEGIN + timedelta(hours=number), {"dose_mj": number}, step="expose", chamber="B")  # fmt: skip
        found.append(link(event, previous))
        previous = found[-1].chain_sha256
    return found


def test_the_hash_is_that_of_the_documented_text():
    """Anyone can compute it without this program: SHA-256 of the JSON with sorted keys and no spaces."""
    (event,) = chain(1)
    previous = hashlib.sha256(b'["lot","A"]').hexdigest()
    text = ('{"actor":"li","chamber":"B","detail":{"dose_mj":1},"event_id":"e1","kind":"step_out","lot_id":"A",'
            '"number":1,"occurred_at":"2026-01-01T01:00:00","previous_sha256":"' + previous
            + '","scope":{"units":["u1"]},"step":"expose"}')  # fmt: skip
    assert event.chain_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_sound_chain():
    events = chain(5)
    report = verify("A", events)
    assert (report.count, report.head, report.broken) == (5, events[-1].chain_sha256, None)
    assert verify("A", []).head == first_sha256("A")


CHANGES = {
    "actor": "wang", "kind": "rework", "step": "develop", "chamber": None, "equipment": "X", "event_id": "other",
    "occurred_at": BEGIN, "detail": {"dose_mj": 9}, "scope": Scope(), "route": "r", "recipe": "r",
    "material_batch": "m", "operator": "o",
}  # fmt: skip


def test_the_changes_below_are_of_every_field():
    assert set(CHANGES) == {one.name for one in fields(Event)} \
        - {"lot_id", "number", "previous_sha256", "chain_sha256"}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("at", [0, 2, 4])
def test_an_altered_event_is_found(name, at):
    events = chain(5)
    events[at] = replace(events[at], **{name: CHANGES[name]})
    broken = verify("A", events).broken
    assert (broken.kind, broken.number) == ("content", at + 1)


@pytest.mark.parametrize("at", [0, 1, 3])
def test_an_event_written_anew_with_its_hash_breaks_the_next(at):
    events = chain(5)
    forged = link(replace(events[at], actor="wang"), events[at].previous_sha256)
    events[at] = forged
    broken = verify("A", events).broken
    assert (broken.kind, broken.number) == ("previous", at + 2)


@given(st.integers(2, 8), st.data())
def test_removed_moved_and_added_events_are_found(count, data):
    events = chain(count)
    gone = data.draw(st.integers(0, count - 2))
    broken = verify("A", events[:gone] + events[gone + 1 :]).broken
    assert (broken.kind, broken.number) == ("number", gone + 1)
    first = data.draw(st.integers(0, count - 2))
    second = data.draw(st.integers(first + 1, count - 1))
    moved = list(events)
    moved[first], moved[second] = moved[second], moved[first]
    assert verify("A", moved).broken.number == first + 1
    renumbered = [replace(event, number=index + 1) for index, event in enumerate(moved)]
    assert verify("A", renumbered).broken.number == first + 1
    assert verify("A", [*events, events[-1]]).broken.number == count + 1


def test_what_only_a_kept_head_shows():
    """A chain cut off at its end, or written anew from an event on, is sound in itself."""
    events = chain(5)
    head, earlier = events[-1].chain_sha256, events[2].chain_sha256
    cut = events[:4]
    assert verify("A", cut).broken is None
    assert verify("A", cut, head=head).broken.kind == "head"
    forged, previous = list(events[:2]), events[1].chain_sha256
    for event in events[2:]:
        forged.append(link(replace(event, actor="wang"), previous))
        previous = forged[-1].chain_sha256
    assert verify("A", forged).broken is None
    assert verify("A", forged, head=earlier).broken.kind == "head"
    grown = verify("A", events, head=earlier)
    assert (grown.broken, grown.head_at, grown.count) == (None, 3, 5)


def test_events_of_another_lot_do_not_fit():
    assert verify("B", chain(1)).broken.number == 1


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError) as refused:
        Event("A", 1, "e", "paint", Scope(), "li", BEGIN)
    assert refused.value.rule == "lots.kind"
