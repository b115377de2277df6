"""Only this machine: which addresses a server may listen on, and a free port to do so."""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

import portalocker

from workbench.errors import InputError

LOOPBACK = "127.0.0.1"
_claims: list[IO] = []  # locks of this process, held while it lives


def loopback_address(wanted: str) -> str:
    """`wanted` as a loopback address; any other is refused, because these pages have no login.

    Errors: InputError serve.not_loopback.
    """
    if wanted == "localhost":
        return LOOPBACK
    try:
        if ipaddress.ip_address(wanted).is_loopback:
            return wanted
    except ValueError:
        pass
    raise InputError("serve.not_loopback", where="--address", got=wanted, allowed=LOOPBACK)


def usable_port(wanted: int | None, *, preferred: int, address: str = LOOPBACK) -> int:
    """The port to listen on: `wanted` exactly, else `preferred` or the next free one above it.

    A free port is claimed for this process: two servers started together, each still seconds from listening, must not
    choose the same. Errors: InputError serve.port_taken when `wanted` is in use or no free port is near `preferred`.
    """
    if wanted is not None and _is_free(address, wanted):
        return wanted
    for port in range(preferred, preferred + 20) if wanted is None else ():
        if _is_free(address, port) and _claim(port):
            return port
    raise InputError("serve.port_taken", where="--port", got=wanted or preferred, allowed="1024 ... 65535")


def _claim(port: int) -> bool:
    """Whether no other server of this user has chosen it. Between users whoever binds first has the port, and where
    no claim can be kept, too.
    """
    user = os.getuid() if hasattr(os, "getuid") else "own"  # Windows has no numbers, but a temporary folder per user
    try:
        file = (Path(tempfile.gettempdir()) / f"workbench-{user}-port-{port}.lock").open("a")
    except OSError:
        return True
    try:
        portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
    except portalocker.AlreadyLocked:
        file.close()
        return False
    except portalocker.LockException:  # a folder that knows no locks
        file.close()
        return True
    _claims.append(file)
    return True


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
