"""`workbench design new | import | export`: designs from templates and files, and files from designs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.design.naming import as_json_option, pick, tell
from workbench.errors import InputError, WorkbenchError
from workbench.i18n import language, t

if TYPE_CHECKING:
    from workbench.formats.report import Report
    from workbench.stack import Design
    from workbench.store import Store

# The closed list of `workbench.formats`, said here too so that help needs no import (a test compares them).
FORMATS = ("3dblox", "chiplet", "gds", "oasis", "glb", "step", "csv", "json")


@click.command("new")
@click.option("--template", help="Where to begin; without it the templates are listed.")
@click.option("-p", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter of the template; may be repeated.")
@click.option("--id", "design_id", help="The design's id (default: from its title).")
@click.option("--title", help="The design's title (default: the template's).")
@click.option("--project", "project_id", help="The project it belongs to; made when it is new.")
@click.option("--note", default="", help="What this revision is about.")
@as_json_option
def new(template: str | None, pairs: tuple[str, ...], design_id: str | None, title: str | None,
        project_id: str | None, note: str, as_json: bool) -> None:  # fmt: skip
    """Begin a design from a template: two dies face to face or face to back, side by side, or a die with memory."""
    from workbench.stack.templates import TEMPLATES, build
    from workbench.store import Store
    from workbench.store.saving import id_from

    if template is None:
        _list_templates(as_json)
        return
    if template not in TEMPLATES:
        raise InputError("planning.template_unknown", where="--template", got=template, allowed=", ".join(TEMPLATES))
    design = build(template, TEMPLATES[template].from_pairs(pairs))
    if title:
        design = design.model_copy(update={"title": title, "title_zh": ""})
    said = note or t("design.cli.from_template", "en", template=template)
    saved = _save(Store.open(), design, design_id or id_from(design.title), project_id, said, fresh=True)
    if as_json:
        tell(saved)
    else:
        _say_saved(saved)


def _list_templates(as_json: bool) -> None:
    from workbench.stack.templates import TEMPLATES

    if as_json:
        tell({name: kind.json_schema() for name, kind in TEMPLATES.items()})
        return
    for name, kind in TEMPLATES.items():
        click.secho(name, bold=True)
        for f in kind.fields():
            click.echo(f"  {f.name} = {f.default}   {f.label[language()]} ({f.allowed()})")


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--id", "design_id", help="The design's id (default: from its title); with one file only.")
@click.option("--project", "project_id", help="The project they belong to; made when it is new.")
@click.option("--note", default="", help="What this revision is about.")
@as_json_option
def import_files(files: tuple[Path, ...], design_id: str | None, project_id: str | None, note: str,
                 as_json: bool) -> None:  # fmt: skip
    """Read FILES (3Dblox .3dbx, .chiplet, design .json) into the store, each as a design or its next revision.

    Says what was taken, what was left and what was assumed. The same file twice adds nothing. A file that is refused
    does not keep the others out; the command then ends with 2.
    """
    from workbench.store import Store

    if design_id and len(files) > 1:
        raise InputError("design.one_id_many_files", where="--id", got=len(files))
    store = Store.open()
    done: list[dict[str, Any]] = []
    refused: list[WorkbenchError] = []
    for file in files:
        try:
            done.append(_import_one(store, file, design_id, project_id, note))
        except InputError as error:
            if len(files) == 1:
                raise
            refused.append(error)
            done.append({"file": str(file), "refused": error.as_dict(language())})
        if not as_json:
            _say_imported(done[-1])
    if as_json:
        tell([{**row, "report": row["report"].as_dict()} if "report" in row else row for row in done])
    raise click.exceptions.Exit(2 if refused else 0)


def _import_one(store: Store, file: Path, design_id: str | None, project_id: str | None, note: str) -> dict[str, Any]:
    from workbench.formats import read_design
    from workbench.store.saving import id_from

    design, report = read_design(file)
    said = note or t("design.cli.from_file", "en", name=file.name)
    saved = _save(store, design, design_id or id_from(design.title), project_id, said, fresh=False)
    return {"file": str(file), **saved, "report": report}


def _say_imported(row: dict[str, Any]) -> None:
    click.secho(row["file"], bold=True)
    if "refused" in row:
        for name, value in row["refused"].items():
            if value and name != "rule":
                click.secho(f"  {t('label.' + name) if name != 'what' else t('design.cli.refused')}: {value}", fg="red")
        return
    _say_saved(row)
    _say_report(row["report"])


def _say_report(report: Report) -> None:
    lang = language()
    for kind in ("taken", "left", "assumptions"):
        for sentence in getattr(report, kind):
            click.echo(f"  {t('design.cli.' + kind)}: {sentence[lang]}")


def _save(store: Store, design: Design, design_id: str, project_id: str | None, note: str, *,
          fresh: bool) -> dict[str, Any]:  # fmt: skip
    from workbench.stack import bump_count, content_sha256
    from workbench.store.saving import author, save_revision

    saved = save_revision(store, design_id, design, author=author(), note=note, project_id=project_id, fresh=fresh)
    return {"design_id": design_id, "title": design.title, "revision_id": saved.revision_id, "number": saved.number,
            "added": saved.added, "content_sha256": content_sha256(design),
            "bump_count": bump_count(design)}  # fmt: skip


def _say_saved(saved: dict[str, Any]) -> None:
    key = "design.cli.saved" if saved["added"] else "design.cli.already"
    click.echo(t(key, name=f"{saved['design_id']}@{saved['number']}", title=saved["title"],
                 bumps=f"{saved['bump_count']:,}"))  # fmt: skip


@click.command("export")
@click.argument("design")
@click.option("--to", "format_", required=True, type=click.Choice(FORMATS), help="The format.")
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="The file (3dblox: its .3dbx, the others beside it). Default: the id, in this folder.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@as_json_option
def export(design: str, format_: str, output: Path | None, overwrite: bool, as_json: bool) -> None:
    """Write a design as 3Dblox, .chiplet, GDSII, OASIS, GLB, STEP, CSV bump map or JSON."""
    from workbench.formats import SUFFIXES
    from workbench.formats import export as write
    from workbench.store import Store
    from workbench.store.saving import file_stem

    picked = pick(Store.open(), design)
    path = output or Path(f"{file_stem(picked.design_id)}{SUFFIXES[format_]}")
    written = write(picked.design(), path, to=format_, overwrite=overwrite)
    if as_json:
        tell({"design_id": picked.design_id, "to": format_, "paths": list(map(str, written.paths)),
              "report": written.report.as_dict()})  # fmt: skip
        return
    for file in written.paths:
        click.echo(t("design.cli.written", path=file, size=f"{file.stat().st_size:,}"))
    _say_report(written.report)
