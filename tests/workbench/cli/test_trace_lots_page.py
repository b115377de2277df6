"""The commands of the how-to page exist, with the options it gives."""

from __future__ import annotations

import re
import shlex

import click

from workbench.cli import workbench


def test_every_command_of_the_page_is_understood(root):
    page = (root / "docs" / "how-to" / "trace-lots.md").read_text("utf-8")
    commands = re.findall(r"^workbench (lot .+?)(?:  +#.*)?$", page, re.MULTILINE)
    assert len(commands) >= 12
    for command in commands:
        words, group = shlex.split(command), workbench
        context = click.Context(group)
        while isinstance(group, click.Group):
            name = words.pop(0)
            group = group.get_command(context, name)
            assert group is not None, command
        group.make_context(name, words, resilient_parsing=False)
