"""The tutorials, run as they stand: every command in order, in an empty home and folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest


def run(root, page: str, folder) -> dict[str, list[str]]:
    """What each command of a tutorial said, run in `folder`."""
    text = (root / "docs" / page).read_text("utf-8")
    lines = [x for block in re.findall(r"```console\n(.*?)```", text, re.S) for x in block.splitlines()]
    assert len(lines) >= 9
    said: dict[str, list[str]] = {}
    for line in lines:
        command, _, remark = line.removeprefix("$ ").partition("#")
        expected = int(remark.rsplit(" ", 1)[1]) if "exit" in remark else 0
        arguments = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env=os.environ, check=False)
        assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
        said.setdefault(line, []).append(done.stdout + done.stderr)
    return said


@pytest.mark.timeout(600)
def test_the_tutorial_works(root, home, tmp_path):
    said = run(root, "tutorial.md", tmp_path)
    assert any("100 ... 450 mm" in s for line in said for s in said[line])
    assert len(said["$ workbench nightly"]) == 2
    assert (home / "site" / "index.html").is_file()


@pytest.mark.timeout(300)
def test_a_stack_goes_from_idea_to_release(root, home, tmp_path):
    said = run(root, "tutorial-design.md", tmp_path)
    assert (tmp_path / "my-stack.gds").stat().st_size > 1000
    history = next(out[0] for line, out in said.items() if "history" in line)
    assert "released" in history
    assert (home / "site" / "index.html").is_file()


@pytest.mark.timeout(300)
def test_a_lot_goes_from_its_file_to_a_transfer_package(root, home, tmp_path):
    text = (root / "docs" / "tutorial-process.md").read_text("utf-8")
    table = re.search(r"```csv\n(.*?)```", text, re.S)[1]  # what the reader is asked to save
    assert table.count("\n") == 49
    (tmp_path / "gap.csv").write_text(table, "utf-8")
    said = run(root, "tutorial-process.md", tmp_path)

    def of(words: str) -> str:
        return next(out[0] for line, out in said.items() if words in line)

    assert "FAIL" in of("run lot_review")
    assert "chamber B (plating)" in of("run lot_review")
    assert "PLATE-2" in of("lot unit")
    assert (tmp_path / "pilot-7.zip").stat().st_size > 1000
