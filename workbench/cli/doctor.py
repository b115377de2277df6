"""`workbench doctor`: is everything here that is needed, and what to do if not."""

from __future__ import annotations

import json

import click

from workbench.errors import MissingToolError
from workbench.i18n import language, t

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "missing": ("✗", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json: bool) -> None:
    """Check Python, packages, fonts, browser, disk, store and sandbox; name the cure for each finding.

    Ends with 0 when nothing that `make run` needs is missing, else with 6.
    """
    from workbench.doctor import examine
    from workbench.store.location import home

    findings = examine(home())
    lang = language()
    if as_json:
        click.echo(json.dumps([finding.as_dict(lang) for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            mark, colour = MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=colour, bold=True)} {finding.title(lang)}: {finding.sentence(lang)}")
            if finding.cure:
                click.echo(f"    {t('doctor.cure', lang)}: {click.style(finding.cure, bold=True)}")
        counts = {state: sum(f.state == state for f in findings) for state in MARKS}
        key = "doctor.summary.missing" if counts["missing"] else "doctor.summary.ready"
        click.echo(f"\n{t(key, lang, missing=counts['missing'], warnings=counts['warning'])}")
    if any(finding.state == "missing" for finding in findings):
        raise click.exceptions.Exit(MissingToolError.exit_code)
