"""The command line: `workbench COMMAND`. Commands are imported when called, so that the first answer is quick."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from workbench import __version__
from workbench.errors import EXIT_FAULT, EXIT_INTERRUPTED, WorkbenchError
from workbench.i18n import LANGUAGES, language, t, use_language

COMMANDS = {
    "demo": "workbench.cli.demo",
    "run": "workbench.cli.run",
    "nightly": "workbench.cli.nightly",
    "runs": "workbench.cli.runs",
    "report": "workbench.cli.report",
    "serve": "workbench.cli.serve",
    "lab": "workbench.cli.lab",
    "store": "workbench.cli.store",
    "design": "workbench.cli.design",
    "lot": "workbench.cli.lot",
    "bench": "workbench.cli.bench",
    "doctor": "workbench.cli.doctor",
}


class LazyGroup(click.Group):
    """Knows its commands by name, and where each lies (`module` or `module:name`); imports one when it is asked for."""

    def __init__(self, *given: Any, places: Mapping[str, str], **named: Any):
        super().__init__(*given, **named)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.places:
            return None
        module, _, attribute = self.places[name].partition(":")
        return getattr(importlib.import_module(module), attribute or "command")


@click.group(cls=LazyGroup, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="workbench")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of messages (default: $WORKBENCH_LANG, or en).")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def workbench(lang: str | None, debug: bool) -> None:
    """Chiplet Workbench: design, manufacture and verify multi-chip modules. 小晶片工作台。"""
    if lang:
        os.environ["WORKBENCH_LANG"] = lang
    if debug:
        os.environ["WORKBENCH_DEBUG"] = "1"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every outcome ends in a documented exit code and no traceback reaches the user."""
    try:
        code = workbench.main(arguments, standalone_mode=False)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as refused:
        refused.show()
        code = refused.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = EXIT_INTERRUPTED
    except WorkbenchError as error:
        code = _tell(error)
    except BrokenPipeError:  # the reader of our output went away (`| head`): not our fault, nothing to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as fault:
        code = _fault(fault)
    sys.exit(code if isinstance(code, int) else 0)


def _debug() -> bool:
    return bool(os.environ.get("WORKBENCH_DEBUG"))


def _tell(error: WorkbenchError) -> int:
    lines = error.as_dict(language())
    click.secho(lines.pop("what"), fg="red", err=True)
    rule = lines.pop("rule")
    for name, value in lines.items():
        if value:
            click.echo(f"  {t('label.' + name)}: {value}", err=True)
    click.echo(f"  [{rule}, exit {error.exit_code}]", err=True)
    if _debug():
        import traceback

        traceback.print_exception(error)
    return error.exit_code


def _fault(fault: Exception) -> int:
    """A defect of ours: say so shortly, keep the traceback in a file the user can send."""
    import traceback

    from workbench.store.location import home

    if _debug():
        traceback.print_exception(fault)
    log = home() / "faults.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        traceback.print_exception(fault, file=file)
    with use_language(None):
        click.secho(t("fault.sentence", kind=type(fault).__name__, log=log), fg="red", err=True)
    return EXIT_FAULT
