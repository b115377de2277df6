"""What is held or scrapped takes no further step, and the refusal names the event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workbench.errors import InputError
from workbench.process.history import (
    Event,
    QueueTime,
    Scope,
    queue_limits,
    queue_times,
    require_allowed,
    state_of,
    stopped_units,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CARRIER = {"u1": "W1", "u2": "W1", "u3": "W2"}
LOT, W1, W2, U1, U2, U3 = (Scope(), Scope(("W1",)), Scope(("W2",)), *(Scope(units=(one,)) for one in CARRIER))


def events(*said: tuple) -> list[Event]:
    return [Event("A", number, f"e{number}", kind, scope, "li", BEGIN + timedelta(hours=number), *rest)
            for number, (kind, scope, *rest) in enumerate(said, 1)]  # fmt: skip


STATES = [  # events; state of u1, u2 (both on W1) and u3 (on W2), with the number of the event
    ([], "active 0", "active 0", "active 0"),
    ([("hold", LOT)], "held 1", "held 1", "held 1"),
    ([("hold", LOT), ("release", U1)], "active 0", "held 1", "held 1"),
    ([("hold", U1), ("hold", W1)], "held 2", "held 2", "active 0"),
    ([("hold", U1), ("release", LOT)], "active 0", "active 0", "active 0"),
    ([("hold", W1), ("scrap", U1), ("release", W1)], "scrapped 2", "active 0", "active 0"),
    ([("scrap", W2), ("hold", LOT), ("release", LOT)], "active 0", "active 0", "scrapped 1"),
    ([("scrap", U1), ("scrap", LOT)], "scrapped 1", "scrapped 2", "scrapped 2"),
]


@pytest.mark.parametrize(("said", "u1", "u2", "u3"), STATES)
def test_states(said, u1, u2, u3):
    for unit, wanted in (("u1", u1), ("u2", u2), ("u3", u3)):
        state = state_of(events(*said), unit, CARRIER[unit])
        assert f"{state.word} {state.number}" == wanted


REFUSED = [  # events, what is asked for; the rule and the event it names, None where it is allowed
    ([("hold", U1)], "step_in", U1, "lots.unit_held", "A #1"),
    ([("hold", U1)], "step_in", U2, None, None),
    ([("hold", U1)], "step_in", LOT, "lots.unit_held", "A #1"),  # the lot would take it along
    ([("hold", U1)], "step_out", W1, "lots.unit_held", "A #1"),
    ([("hold", U1)], "step_out", W2, None, None),
    ([("hold", W2)], "rework", U3, "lots.unit_held", "A #1"),
    ([("hold", LOT), ("release", W1)], "step_in", W1, None, None),
    ([("hold", LOT), ("release", W1)], "step_in", W2, "lots.unit_held", "A #1"),
    ([("scrap", U1)], "step_in", U1, "lots.unit_scrapped", "A #1"),
    ([("scrap", U1)], "step_in", LOT, None, None),  # it has left the lot
    ([("scrap", U1)], "step_in", W1, None, None),
    ([("scrap", W1)], "step_in", W1, "lots.unit_scrapped", "A #1"),
    ([("scrap", W1)], "step_in", LOT, None, None),
    ([("scrap", LOT)], "transfer", LOT, "lots.unit_scrapped", "A #1"),
    ([("scrap", U1)], "scrap", U1, "lots.unit_scrapped", "A #1"),
    ([("scrap", U1)], "hold", LOT, None, None),
    ([("scrap", U1)], "note", U1, None, None),
    ([("hold", U1)], "scrap", U1, None, None),
    ([], "release", LOT, "lots.nothing_held", ""),
    ([("hold", U1)], "release", U2, "lots.nothing_held", ""),
    ([("hold", U1)], "release", LOT, None, None),
]


@pytest.mark.parametrize(("said", "kind", "scope", "rule", "names"), REFUSED)
def test_what_is_refused(said, kind, scope, rule, names):
    if rule is None:
        require_allowed(events(*said), kind, scope, CARRIER)
        return
    with pytest.raises(InputError) as refused:
        require_allowed(events(*said), kind, scope, CARRIER)
    assert (refused.value.rule, refused.value.got) == (rule, names)


def test_a_unit_that_moves_brings_its_state_along():
    came = events(("hold", LOT), ("merge", Scope(("W2",), ("u1", "u2")), {
        "from_lot": "B", "stopped": [{"scope": {"units": ["u1"]}, "word": "scrapped", "lot_id": "B", "number": 7}]}))
    assert state_of(came, "u1", "W1") == state_of(came, "u1", "W1").__class__("scrapped", "B", 7)
    assert not state_of(came, "u2", "W1").stopped, "held there before it left, and released in the other lot"
    assert not state_of(came, "u3", "W2").stopped
    assert state_of(came, "u4", "W4").number == 1
    assert {(what, state.word) for what, state in stopped_units(came, LOT, CARRIER)} \
        == {(U1, "scrapped"), (LOT, "held")}  # fmt: skip


def hours(*said: tuple[str, str, float]) -> list[Event]:
    return [Event("A", number, f"e{number}", kind, LOT, "li", BEGIN + timedelta(hours=at), step=step)
            for number, (kind, step, at) in enumerate(said, 1)]  # fmt: skip


CLEAN_TO_BOND = hours(("step_in", "clean", 0), ("step_out", "clean", 1), ("step_in", "bond", 3.5),
                      ("step_out", "bond", 4), ("step_out", "cure", 10))  # fmt: skip


def test_times_between_steps():
    found = queue_times(CLEAN_TO_BOND, {("clean", "bond"): 2.0, ("clean", "cure"): 9.0})
    assert [(one.before, one.after, one.hours, one.limit_h, one.holds) for one in found] == [
        ("clean", "bond", 2.5, 2.0, False), ("clean", "cure", 9.0, 9.0, True), ("bond", "cure", 6.0, None, None),
    ]  # fmt: skip


def test_events_that_were_written_down_late_stand_where_they_happened():
    turned = [CLEAN_TO_BOND[index] for index in (4, 2, 0, 3, 1)]
    assert queue_times(turned) == queue_times(CLEAN_TO_BOND)


def test_a_limit_counts_from_the_last_visit():
    twice = hours(("step_out", "clean", 0), ("step_out", "clean", 5), ("step_in", "bond", 6))
    bond = [one for one in queue_times(twice, {("clean", "bond"): 2}) if one.after == "bond"]
    assert [(one.hours, one.holds) for one in bond] == [(1.0, True)]


def test_one_step_alone_waits_for_nothing():
    assert queue_times(hours(("step_in", "clean", 0))) == []


def test_limits_stand_among_the_specifications():
    rows = [{"parameter": "queue_time.clean.bond_h", "upper": 4.0}, {"parameter": "thickness_um", "upper": 3.0},
            {"parameter": "queue_time.a.b_h", "upper": None}]  # fmt: skip
    assert queue_limits(rows) == {("clean", "bond"): 4.0}
    with pytest.raises(InputError) as refused:
        queue_times([], {("a", "b"): 0.0})
    assert refused.value.rule == "lots.queue_limit"
    assert QueueTime("a", "b", BEGIN, BEGIN, 4.0, 4.0).holds is True
