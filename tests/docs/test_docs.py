"""Docs say what the code does: generated pages are current, links lead somewhere, commands exist."""

from __future__ import annotations

import importlib.util
import re
import shlex

import click
import pytest

from workbench.cli import COMMANDS, workbench


def documents(root):
    return sorted([root / "README.md", root / "CONTRIBUTING.md", root / "CHANGELOG.md", *(root / "docs").rglob("*.md")])


def test_generated_pages_are_current(root):
    spec = importlib.util.spec_from_file_location("generate", root / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [n for n, text in generate.pages().items() if (generate.FOLDER / n).read_text("utf-8") != text]
    assert not stale, "run `make docs`"


def test_links_between_pages_lead_somewhere(root):
    for page in documents(root):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(root)} -> {target}"


def test_decisions_are_one_page_with_the_four_parts(root):
    for page in sorted((root / "docs" / "decisions").glob("*.md")):
        text = page.read_text("utf-8")
        assert len(text.split()) < 900, page
        for part in ("context", "choice", "cost", "revisit"):
            assert re.search(rf"^(#+ |\*\*){part}", text, re.I | re.M), f"{page.name} lacks {part}"


def commands(root):
    for page in documents(root):
        for block in re.findall(r"```(?:console|sh|bash)\n(.*?)```", page.read_text("utf-8"), re.S):
            for line in block.splitlines():
                line = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
                if line.startswith("workbench "):
                    yield page.relative_to(root), re.sub(r"\s+#.*$", "", line)


def test_every_documented_command_exists(root):
    found = list(commands(root))
    assert len(found) >= 15
    for page, line in found:
        words = shlex.split(re.split(r" [|>] ", line)[0])[1:]  # a bar within quotes is no pipe
        command, context = workbench, click.Context(workbench, info_name="workbench")
        options = [w for w in words if w.startswith("-")]
        for word in words:
            if isinstance(command, click.Group) and not word.startswith("-"):
                inner = command.get_command(context, word)
                assert inner is not None, f"{page}: {line}: no command {word}"
                command, context = inner, click.Context(inner, info_name=word, parent=context)
        known = {o for c in (command, workbench) for p in c.params for o in (*p.opts, *p.secondary_opts)}
        for option in options:
            name = option.split("=")[0]
            assert name in known | {"--help", "-h"}, f"{page}: {line}: no option {name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(root, name):
    texts = "\n".join(p.read_text("utf-8") for p in documents(root) if "reference" not in p.parts)
    assert f"workbench {name}" in texts
