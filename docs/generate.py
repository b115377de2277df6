"""Write the reference pages that follow from the code: commands, parameters, units, errors and exit codes.

`make docs` runs this; a test fails when a page no longer says what the code does.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import click

from workbench import errors
from workbench.cli import COMMANDS, workbench
from workbench.i18n import catalogue, use_language
from workbench.runs import notebooks
from workbench.units import UNITS

FOLDER = Path(__file__).resolve().parent / "reference"
HEAD = "<!-- Written by docs/generate.py (make docs). Change the code, not this page. -->\n\n"


def commands() -> str:
    lines = ["# Commands\n", "Every command takes `--help`; `workbench --lang zh-Hant …` speaks Traditional Chinese.\n"]
    context = click.Context(workbench, info_name="workbench")
    for name in COMMANDS:
        lines += _command(workbench.get_command(context, name), context, name, 2)
    return "\n".join(lines)


def _command(command: click.Command, parent: click.Context, name: str, level: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{'#' * level} `{context.command_path}`\n", f"```\n{usage}\n```\n"]
    lines += [inspect.cleandoc(command.help or ""), ""]
    rows = [p.get_help_record(context) for p in command.get_params(context)]
    options = [row for row in rows if row and row[0] not in ("-h, --help", "--help")]
    if options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{option}` | {' '.join(text.split())} |" for option, text in options]
        lines.append("")
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            lines += _command(command.get_command(context, inner), context, inner, level + 1)
    return lines


def parameters() -> str:
    lines = ["# Parameters of the notebooks\n"]
    lines += ["Each is declared once, in the class named; give it with `-p name=value`.\n"]
    for notebook in notebooks.everything()[0]:
        declared = notebook.parameters
        lines += [f"## `notebooks/{notebook.name}.ipynb`\n"]
        lines += [f"{notebook.title['en']} · {notebook.title['zh-Hant']}\n"]
        lines += [f"`{notebook.declared['parameters']}`: {inspect.cleandoc(declared.__doc__ or '').splitlines()[0]}\n"]
        lines += ["| parameter | 參數 | name | unit | allowed | default |", "|---|---|---|---|---|---|"]
        for f in declared.fields():
            default = "required" if f.required else f"`{f.default}`"
            cells = (f.label["en"], f.label["zh-Hant"], f"`{f.name}`", f.unit or "–", f.allowed("en"), default)
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def units() -> str:
    lines = ["# Units\n"]
    lines += ["The closed table of suffixes in `workbench/units.py`; a name ends with the unit of its number.\n"]
    lines += ["| suffix | symbol | dimension | factor to SI |", "|---|---|---|---|"]
    lines += [f"| `_{u.suffix}` | {u.symbol} | {u.dimension} | {u.factor:.12g} |" for u in UNITS.values()]
    return "\n".join(lines) + "\n"


def exit_codes() -> str:
    family = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.WorkbenchError)]
    lines = ["# Exit codes and errors\n", "| code | class | meaning |", "|---|---|---|", "| 0 | – | Done. |"]
    for c in sorted(family, key=lambda c: c.exit_code):
        if c is not errors.WorkbenchError:
            lines.append(f"| {c.exit_code} | `{c.__name__}` | {inspect.cleandoc(c.__doc__).splitlines()[0]} |")
    lines += [
        f"| {errors.EXIT_FAULT} | – | A defect of ours; the traceback is in `var/faults.log`, or shown by `--debug`. |",
        f"| {errors.EXIT_INTERRUPTED} | – | Interrupted (Ctrl-C). |",
        "\n`workbench run` and `workbench design check` exit with 1 when the verdict is FAIL.\n",
        "## Every error\n",
        "| rule | what · 問題 | next step · 下一步 |",
        "|---|---|---|",
    ]
    rules = sorted({k.removeprefix("error.").rsplit(".", 1)[0] for k in catalogue() if k.startswith("error.")})
    for rule in rules:
        what, fix = catalogue()[f"error.{rule}.what"], catalogue()[f"error.{rule}.fix"]
        said = (f"{sentence['en']} · {sentence['zh-Hant']}" for sentence in (what, fix))
        lines.append(f"| `{rule}` | {' | '.join(said)} |".replace("\n", " "))
    return "\n".join(lines) + "\n"


PAGES = {"commands.md": commands, "parameters.md": parameters, "units.md": units, "exit-codes.md": exit_codes}


def pages() -> dict[str, str]:
    """Every generated page: file name -> text."""
    with use_language("en"):
        return {name: HEAD + write().rstrip() + "\n" for name, write in PAGES.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(FOLDER / name)
