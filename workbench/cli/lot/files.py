"""`workbench lot import | map-columns`: files of tools and testers into lots."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.design.naming import as_json_option, tell
from workbench.errors import InputError
from workbench.i18n import language, t

if TYPE_CHECKING:
    from workbench.store import Store

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".xlsm")


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
    from workbench.formats.lot_door import read_lot
    from workbench.store.saving import author

    mapping = _mapping(store, file, source)
    progress(0.0, "lots.progress.read")
    data = read_lot(file, mapping=mapping) if mapping is not None else read_lot(file)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    done = store.lots.import_data(lot_id, data, file_sha256=digest, name=file.name, actor=author(),
                                  file_size_b=file.stat().st_size, product=product, title=title, synthetic=synthetic,
                                  homes=homes, progress=progress)  # fmt: skip
    return {"file": str(file), "format": data.format, **done.as_dict()}


def _mapping(store: Store, file: Path, source: str | None) -> dict[str, Any] | None:
    """The answer that was given for `source`, or for tables with these columns."""
    if source is not None:
        found = store.mappings.get(source)
        if found is None:
            known = ", ".join(row["source_name"] for row in store.mappings.list()[:20])
            raise InputError("lots.source_unknown", where="--source", got=source, allowed=known)
        return found
    if file.suffix.lower() not in TABLES or not store.mappings.list():
        return None
    from workbench.formats import tabular

    names = [column.name for column in tabular.columns(file)]
    return store.mappings.get(tabular.source_key(names))


@click.command("map-columns")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", help="A name for what wrote it (default: any table with the same columns).")
@click.option("--set", "pairs", multiple=True, metavar="COLUMN=ROLE[:PARAMETER]",
              help="What a column is, e.g. 'CD top=reading:cd_nm' or 'Wafer=carrier'.")  # fmt: skip
@click.option("--carrier", default="", help="The carrier of all rows, where no column names it.")
@as_json_option
def map_columns(file: Path, source: str | None, pairs: tuple[str, ...], carrier: str, as_json: bool) -> None:
    """Say once what the columns of a table are; shows what is guessed and remembers the answer for its source."""
    from workbench.formats import tabular
    from workbench.store import Store
    from workbench.store.saving import author

    store, proposal = Store.open(), tabular.propose(file)
    document = proposal.mapping.document() | ({"carrier": carrier} if carrier else {})
    columns = {column["name"]: column for column in document["columns"]}
    unknown = set(proposal.unknown)
    for name, said in (_pair(word, "--set") for word in pairs):
        if name not in columns:
            raise InputError("lots.column_unknown", where="--set", got=name, allowed=", ".join(columns)[:500])
        role, _, parameter = said.partition(":")
        columns[name] = {"name": name, "role": role} | ({"parameter": parameter} if parameter else {})
        unknown.discard(name)
    mapping = tabular.made(document | {"columns": list(columns.values())}).document()
    if not unknown:
        store.mappings.set(source or proposal.source_key, mapping, actor=author())
    if as_json:
        tell({"file": str(file), "mapping": mapping, "unknown": sorted(unknown), "remembered": not unknown,
              "source": source or proposal.source_key})  # fmt: skip
    else:
        for column in columns.values():
            mark = t("lots.cli.asked") if column["name"] in unknown else ""
            said = column["role"] + (f":{column['parameter']}" if column.get("parameter") else "")
            click.echo(f"  {column['name']:<28} {said:<28} {mark}".rstrip())
        click.echo(t("lots.cli.not_mapped", count=len(unknown)) if unknown
                   else t("lots.cli.mapped", source=source or proposal.source_key))  # fmt: skip
    raise click.exceptions.Exit(2 if unknown else 0)


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


