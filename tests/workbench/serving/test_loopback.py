from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.serving.loopback import LOOPBACK, loopback_address, usable_port


@pytest.mark.parametrize(
    ("wanted", "used"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("127.8.8.8", "127.8.8.8"), ("::1", "::1")],
)
def test_this_machine_is_accepted(wanted, used):
    assert loopback_address(wanted) == used


@pytest.mark.parametrize(
    "wanted", ["0.0.0.0", "::", "10.0.0.7", "192.168.1.2", "example.org", "", "127.0.0.1.evil.org"]
)
def test_every_other_address_is_refused_with_the_reason(wanted):
    with pytest.raises(InputError) as refused:
        loopback_address(wanted)
    assert refused.value.rule == "serve.not_loopback"
    assert "this machine only" in refused.value.sentence("en")


def test_a_port_in_use_is_passed_over_unless_it_was_asked_for():
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(InputError, match="another program"):
            usable_port(taken, preferred=taken)
        assert taken < usable_port(None, preferred=taken) < taken + 20


def test_two_servers_started_together_choose_different_ports():
    """Neither listens yet: what the first chose must be kept from the second all the same."""
    choose = "from workbench.serving.loopback import usable_port; print(usable_port(None, preferred=28866), flush=True)"
    wait = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", f"{choose}\n{wait}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as first:  # fmt: skip
        mine = int(first.stdout.readline())
        second = subprocess.run([sys.executable, "-c", choose], capture_output=True, text=True, check=True)
        assert int(second.stdout) != mine
        first.stdin.close()
    again = subprocess.run([sys.executable, "-c", choose], capture_output=True, text=True, check=True)
    assert int(again.stdout) == mine  # the claim ends with its process


def free_port() -> int:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        return other.getsockname()[1]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have no numbers here, and a temporary folder each")
def test_what_another_user_claimed_is_free_until_they_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Their claim cannot be asked about; whoever binds first has the port."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    port = free_port()
    assert usable_port(None, preferred=port) == port
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert usable_port(None, preferred=port) == port
    with socket.socket() as theirs:
        theirs.bind((LOOPBACK, port))
        theirs.listen()
        assert usable_port(None, preferred=port) > port


def test_a_claim_that_cannot_be_kept_shuts_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "away"))
    port = free_port()
    assert usable_port(None, preferred=port) == port
