"""The tutorial, run as it stands: every command in order, in an empty home."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest


@pytest.mark.timeout(420)
def test_the_tutorial_works(root, home):
    text = (root / "docs" / "tutorial.md").read_text("utf-8")
    lines = [x for block in re.findall(r"```console\n(.*?)```", text, re.S) for x in block.splitlines()]
    assert len(lines) >= 9
    said = {}
    for line in lines:
        command, _, remark = line.removeprefix("$ ").partition("#")
        expected = int(remark.rsplit(" ", 1)[1]) if "exit" in remark else 0
        arguments = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(arguments, capture_output=True, text=True, cwd=root, env=os.environ, check=False)
        assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
        said.setdefault(line, []).append(done.stdout + done.stderr)
    assert any("100 ... 450 mm" in s for line in said for s in said[line])
    assert len(said["$ workbench nightly"]) == 2
    assert (home / "site" / "index.html").is_file()
