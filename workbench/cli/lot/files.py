"""`workbench lot import | map-columns`: files of tools and testers into lots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.design.naming import as_json_option, tell
from workbench.errors import InputError
from workbench.formats.lot_data import CARRIER_KINDS
from workbench.i18n import language, t

if TYPE_CHECKING:
    from workbench.store import Store


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--lot", "lot_id", help="The lot (default: the one the file names); made when it is new.")
@click.option("--product", help="The product of a new lot (default: the one the file names).")
@click.option("--title", help="The title of a new lot.")
@click.option("--source", help="What wrote a table, to read its columns as they were mapped for it.")
@click.option("--from", "homes", multiple=True, metavar="CARRIER=LOT",
              help="The lot of a carrier that dies were taken from, where several have one of its name.")  # fmt: skip
@click.option("--synthetic", is_flag=True, help="Mark a new lot: its figures were generated, not measured.")
@as_json_option
def import_files(files: tuple[Path, ...], lot_id: str | None, product: str | None, title: str | None,
                 source: str | None, homes: tuple[str, ...], synthetic: bool, as_json: bool) -> None:  # fmt: skip
    """Read FILES (STDF, KLARF, G85 and E142 maps, CSV, Parquet, Excel; packed by gz or bz2) into lots.

    Says what was taken and left. The same file twice adds nothing, nor does its content under another name. A file
    that is refused does not keep the others out; the command then ends with 2.
    """
    from workbench.store import Store

    known = dict(_pair(word, "--from") for word in homes)
    store = Store.open()
    done: list[dict[str, Any]] = []
    refused = False
    for file in files:
        try:
            with progress_bar(file.name, quiet=as_json) as progress:
                done.append(_import_one(store, file, lot_id, product=product, title=title, source=source, homes=known,
                                        synthetic=synthetic, progress=progress))  # fmt: skip
        except InputError as error:
            if len(files) == 1:
                raise
            refused = True
            done.append({"file": str(file), "refused": error.as_dict(language())})
        if not as_json:
            _say(done[-1])
    if as_json:
        tell(done)
    raise click.exceptions.Exit(2 if refused else 0)


def _import_one(store: Store, file: Path, lot_id: str | None, *, product: str | None, title: str | None,
                source: str | None, homes: Mapping[str, str], synthetic: bool, progress: Any) -> dict[str, Any]:
    from workbench.cli.lot.intake import bring, remembered

    data, done, _ = bring(store, file, lot_id, mapping=remembered(store, file, source), product=product, title=title,
                          homes=homes, synthetic=synthetic, progress=progress)  # fmt: skip
    return {"file": str(file), "format": data.format, **done.as_dict()}


@click.command("map-columns")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", help="A name for what wrote it (default: any table with the same columns).")
@click.option("--set", "pairs", multiple=True, metavar="COLUMN=ROLE[:PARAMETER[:UNIT]]",
              help="What a column is, e.g. 'CD top=reading:cd:nm' or 'Wafer=carrier'. What is not said is kept.")
@click.option("--site", "sites", multiple=True, metavar="COLUMN=SITE",
              help="The place that a column's readings were taken at; columns of several sites are one parameter.")
@click.option("--lower", multiple=True, metavar="COLUMN=LIMIT", help="The lower limit of a column's parameter.")
@click.option("--upper", multiple=True, metavar="COLUMN=LIMIT", help="The upper limit of a column's parameter.")
@click.option("--target", multiple=True, metavar="COLUMN=VALUE", help="The target of a column's parameter.")
@click.option("--carrier", default="", help="The carrier of all rows, where no column names it; {row}: of each row.")
@click.option("--carrier-kind", type=click.Choice(CARRIER_KINDS), help="What the carriers are (default: wafer).")
@as_json_option
def map_columns(file: Path, source: str | None, pairs: tuple[str, ...], carrier: str, carrier_kind: str | None,
                as_json: bool, **of_readings: tuple[str, ...]) -> None:  # fmt: skip
    """Say once what the columns of a table are; shows what is guessed and remembers the answer for its source.

    Said again, it changes the answer that is remembered.
    """
    from workbench.formats import tabular
    from workbench.store import Store
    from workbench.store.saving import author

    store, proposal = Store.open(), tabular.propose(file)
    key, names = source or proposal.source_key, {column.name for column in proposal.columns}
    earlier = store.mappings.get(key)
    if earlier is not None and {column["name"] for column in earlier["columns"]} == names:
        document, unknown = earlier, set()
    else:
        document, unknown = proposal.mapping.document(), set(proposal.unknown)
    document |= ({"carrier": carrier} if carrier else {}) | ({"carrier_kind": carrier_kind} if carrier_kind else {})
    columns = {column["name"]: column for column in document["columns"]}
    for name, said in _of_columns(pairs, "--set", columns):
        columns[name] = _column(columns[name], said)
        unknown.discard(name)
    for option, words in of_readings.items():
        for name, said in _of_columns(words, f"--{option.removesuffix('s')}", columns):
            columns[name] = _with(columns[name], option.removesuffix("s"), said)
            unknown.discard(name)
    mapping = tabular.made(document | {"columns": list(columns.values())}).document()
    if not unknown:
        store.mappings.set(key, mapping, actor=author())
    if as_json:
        tell({"file": str(file), "mapping": mapping, "unknown": sorted(unknown), "remembered": not unknown,
              "source": key})  # fmt: skip
    else:
        for column in columns.values():
            mark = t("lots.cli.asked") if column["name"] in unknown else ""
            click.echo(f"  {column['name']:<28} {_said(column):<40} {mark}".rstrip())
        click.echo(t("lots.cli.not_mapped", count=len(unknown)) if unknown else t("lots.cli.mapped", source=key))
    raise click.exceptions.Exit(2 if unknown else 0)


def _of_columns(words: tuple[str, ...], where: str, columns: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, said in (_pair(word, where) for word in words):
        if name not in columns:
            raise InputError("lots.column_unknown", where=where, got=name, allowed=", ".join(columns)[:500])
        yield name, said


def _column(before: Mapping[str, Any], said: str) -> dict[str, Any]:
    """A column as ROLE[:PARAMETER[:UNIT]] says; what a reading is called and measured in stays what it was."""
    from workbench.formats.tabular.guess import name_and_unit

    name = before["name"]
    role, *given = said.split(":", 2)
    if role != "reading":
        if given:
            raise InputError("importing.readings_only", where=f"--set {name}", got=said)
        return {"name": name, "role": role}
    kept = dict(before)
    if before["role"] != "reading":
        kept = dict(zip(("parameter", "unit"), name_and_unit(name), strict=True))
    kept |= {word: value for word, value in zip(("parameter", "unit"), given, strict=False)
             if value or word == "unit"}  # fmt: skip
    return kept | {"name": name, "role": role}


def _with(column: Mapping[str, Any], what: str, said: str) -> dict[str, Any]:
    """A column of readings with its site, a limit or the target."""
    where = f"--{what} {column['name']}"
    if column["role"] != "reading":
        raise InputError("importing.readings_only", where=where, got=column["role"])
    return {**column, what: said if what == "site" else finite(said, where)}


def finite(word: str, where: str) -> float:
    """A finite number as it was typed. Raises InputError."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError("importing.number", where=where, got=word[:60])
    return value


def _said(column: Mapping[str, Any]) -> str:
    """A column as --set and its companions would say it."""
    said = column["role"]
    if column.get("parameter") or column.get("unit"):
        said += f":{column.get('parameter', '')}" + (f":{column['unit']}" if column.get("unit") else "")
    return " ".join([said, *(f"{what}={column[what]}" for what in ("site", "lower", "target", "upper")
                             if column.get(what) not in (None, ""))])  # fmt: skip


def _pair(word: str, where: str) -> tuple[str, str]:
    name, mark, value = word.rpartition("=")
    if not mark or not name or not value:
        raise InputError("lots.pair", where=where, got=word)
    return name, value


@contextmanager
def progress_bar(name: str, *, quiet: bool) -> Iterator[Any]:
    """A bar on the error stream, gone when it is done; gives what is to be called with a share and a catalogue key."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda share, key: bar.update(task, completed=share, description=f"{name}: {t(key)}")


def _say(row: dict[str, Any]) -> None:
    click.secho(row["file"], bold=True)
    if "refused" in row:
        for name, value in row["refused"].items():
            if value and name != "rule":
                click.secho(f"  {t('label.' + name) if name != 'what' else t('design.cli.refused')}: {value}", fg="red")
        return
    counts = {key: f"{value:,}" for key, value in row["counts"].items()}
    if row["added"]:
        click.echo(t("lots.cli.imported", lot=row["lot_id"], units=counts["units"], readings=counts["readings"],
                     defects=counts["defects"], edges=counts["edges"]))  # fmt: skip
    else:
        click.echo(t("lots.cli.there", lot=row["lot_id"], name=row["file_name"]))
    for kind in ("taken", "left"):
        for sentence in row[kind]:
            click.echo(f"  {t('design.cli.' + kind)}: {sentence[language()]}")


