"""Holding one name on a lake for as long as a night takes.

The lock belongs to a PostgreSQL session, and a session must not be shared with the processes that the holder forks.
So a small process of its own keeps the session; it ends, and the server gives the lock back, when its input closes:
that is when the holder leaves the block or dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.errors import BusyError, StoreError

if TYPE_CHECKING:
    from workbench.store.lake import LakeEngine

_keepers: weakref.WeakSet[subprocess.Popen] = weakref.WeakSet()


@contextmanager
def held(engine: LakeEngine, name: str, number: int) -> Iterator[None]:
    """The lock `number`, held until the block ends. Raises BusyError naming the holder."""
    order = {"url": engine.location.url, "number": number, "name": name, "pid": os.getpid()}
    keeper = subprocess.Popen([sys.executable, "-m", "workbench.store.lake_holder"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True)  # fmt: skip
    _keepers.add(keeper)
    try:
        keeper.stdin.write(json.dumps(order) + "\n")
        keeper.stdin.flush()
        line = keeper.stdout.readline()
        answer = json.loads(line) if line else {"fault": ["store.fault", engine.where, "the lock's keeper ended"]}
        if "holder" in answer:
            raise BusyError("store.held", name=name, holder=answer["holder"])
        if "fault" in answer:
            rule, where, got = answer["fault"]
            raise StoreError(rule, where=where, got=got)
        yield
    finally:
        keeper.stdin.close()
        keeper.stdout.close()
        keeper.wait(timeout=30)
        _keepers.discard(keeper)


def _let_go_in_child() -> None:
    for keeper in list(_keepers):  # else a forked child would keep the input open after its parent's end
        os.close(keeper.stdin.fileno())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def _keep() -> None:
    """The keeper's whole life: take the lock, say so, wait for the end of the input."""
    from workbench.store.lake import LakeEngine
    from workbench.store.location import locate

    order = json.loads(sys.stdin.readline())
    engine = LakeEngine(locate(order["url"]))

    def say(**answer: object) -> None:
        print(json.dumps(answer), flush=True)

    try:
        with engine.lone_lock(order["number"], f"{order['name']}, pid {order['pid']}") as holder:
            if holder is not None:
                say(holder=holder)
                return
            say(held=True)
            sys.stdin.read()
    except StoreError as error:
        say(fault=[error.rule, error.where, error.got])


if __name__ == "__main__":
    _keep()
