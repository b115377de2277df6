"""Only this machine: which addresses a server may listen on, and a free port to do so."""

from __future__ import annotations

import ipaddress
import socket

from workbench.errors import InputError

LOOPBACK = "127.0.0.1"


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

    Errors: InputError serve.port_taken when `wanted` is in use or no free port is near `preferred`.
    """
    candidates = [wanted] if wanted is not None else range(preferred, preferred + 20)
    for port in candidates:
        if _is_free(address, port):
            return port
    raise InputError("serve.port_taken", where="--port", got=wanted or preferred, allowed="1024 ... 65535")


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
