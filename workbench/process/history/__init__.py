"""A lot's history: events in a chain of hashes, the state they leave its units in, and the times between steps."""

from workbench.process.history.chain import Break, ChainReport, first_sha256, link, verify
from workbench.process.history.events import FACTS, KINDS, Event, Scope
from workbench.process.history.queue import QueueTime, queue_limits, queue_times
from workbench.process.history.state import State, named_units, require_allowed, state_of, stopped_units

__all__ = ["FACTS", "KINDS", "Break", "ChainReport", "Event", "QueueTime", "Scope", "State", "first_sha256", "link",
           "named_units", "queue_limits", "queue_times", "require_allowed", "state_of", "stopped_units",
           "verify"]  # fmt: skip
