"""`workbench store`: look at, check, back up, restore and upgrade the store."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from workbench.i18n import t

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
_url = click.option("--url", metavar="URL", help="The store (default: $WORKBENCH_STORE, or var/workbench.duckdb).")


@click.group("store", short_help="Look at, check, back up, restore and upgrade the store.")
def command() -> None:
    """The one store of all data: a DuckDB file, or DuckLake on PostgreSQL (WORKBENCH_STORE)."""


@command.command("info")
@_url
@_as_json
def show_info(url: str | None, as_json: bool) -> None:
    """Place, shape, size and number of rows."""
    from workbench.store.info import info

    facts = info(url)
    if as_json:
        _print_json(facts)
        return
    for name in (
        "url",
        "mode",
        "file_system",
        "data_path",
        "size_b",
        "snapshot",
        "schema",
        "duckdb",
        "storage_version",
    ):
        if facts.get(name) is not None:
            click.echo(f"{t('store.fact.' + name) + ':':<28} {_number(facts[name])}")
    for step in facts["migrations"]:
        click.echo(f"{t('store.fact.migration') + ':':<28} {step['number']} {step['name']} ({step['applied_at']})")
    for name, count in facts["rows"].items():
        click.echo(f"  {name:<26} {count:>12,}")


@command.command("check")
@_url
@_as_json
def run_check(url: str | None, as_json: bool) -> None:
    """Look for broken references, duplicate keys, gaps and content that is not what was written.

    Exit code 1 when something is found.
    """
    from workbench.store import Store
    from workbench.store.check import check
    from workbench.store.location import locate

    _require_present(locate(url))
    findings = check(Store.open(url))
    if as_json:
        _print_json({"sound": not findings, "findings": [finding.as_dict() for finding in findings]})
    else:
        for finding in findings:
            line = t(f"store.finding.{finding.kind}", table=finding.table, key=finding.key, detail=finding.detail)
            click.secho(line, fg="red")
        click.echo(t("store.findings", count=len(findings)) if findings else t("store.sound"))
    sys.exit(1 if findings else 0)


@command.command("backup")
@click.argument("target", type=click.Path(path_type=Path), required=False)
@_url
@_as_json
def make_backup(target: Path | None, url: str | None, as_json: bool) -> None:
    """Write a backup to TARGET (default: backups/ beside the store), with its record beside it."""
    from workbench.store import Store
    from workbench.store.backup import backup
    from workbench.store.location import locate
    from workbench.store.store import engine_for

    _require_present(locate(url))
    record = backup(Store(engine_for(locate(url))), target)  # not Store.open: an older shape is backed up too
    _say(record, as_json, t("store.backup_made", path=record["path"], size=_number(record["size_b"])))


@command.command("restore")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Put it in the place of the present file, which is kept beside.")
@_url
@_as_json
def run_restore(source: Path, replace: bool, url: str | None, as_json: bool) -> None:
    """Bring the backup SOURCE back: into a file, or into an empty PostgreSQL database."""
    from workbench.store.backup import restore

    done = restore(source, url, replace=replace)
    _say(done, as_json, t("store.restored", path=done["path"], url=done["url"]))
    if not as_json and done["kept"]:
        click.echo(t("store.kept", path=done["kept"]))


@command.command("upgrade")
@_url
@_as_json
def run_upgrade(url: str | None, as_json: bool) -> None:
    """Bring an older store to the shape of this program, after a backup."""
    from workbench.store.backup import upgrade

    done = upgrade(url)
    if done["steps"]:
        sentence = t("store.upgraded", steps=", ".join(done["steps"]), backup=done["backup"])
    else:
        sentence = t("store.up_to_date")
    _say(done, as_json, sentence)


def _require_present(location) -> None:
    from workbench.errors import StoreError

    if location.mode == "file" and not location.path.exists():
        raise StoreError("store.missing", where=location.public)


def _say(facts: dict, as_json: bool, sentence: str) -> None:
    _print_json(facts) if as_json else click.echo(sentence)


def _print_json(facts: dict) -> None:
    click.echo(json.dumps(facts, ensure_ascii=False, indent=2))


def _number(value: object) -> object:
    return f"{value:,}" if isinstance(value, int) else value
