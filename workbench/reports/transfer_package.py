"""A lot handed over to volume production: one zip that holds all of it, says what is missing, and can be checked.

The same history gives the same bytes: entries are sorted, dated 1980, and nothing says when it was written.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.i18n import LANGUAGES, t

if TYPE_CHECKING:
    import pandas

    from workbench.process.history import Event
    from workbench.store import Store

FORMAT, VERSION = "chiplet-workbench-transfer", 1
_DATE = (1980, 1, 1, 0, 0, 0)
_MOST_BYTES = 8 << 30  # of a package that is read, unpacked
_MOST_TEXT = 512 << 20  # of a file of it that is read as a whole
_MOST_FILES = 64


@dataclass(frozen=True)
class Package:
    """A package that was written: its manifest and the hash of the file."""

    path: Path
    sha256: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class PackageFault:
    """What does not fit. `kind` has its sentence in the catalogue (``lots.package.<kind>``)."""

    kind: str
    place: str
    detail: str = ""


@dataclass(frozen=True)
class PackageCheck:
    """A package held against its manifest: `faults` is empty for a sound one."""

    manifest: Mapping[str, Any]
    faults: tuple[PackageFault, ...]

    @property
    def sound(self) -> bool:
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        return {"sound": self.sound, "faults": [asdict(one) for one in self.faults], "manifest": dict(self.manifest)}


def write_package(store: Store, lot_id: str, path: Path, *, design: tuple[str, str] | None = None,
                  overwrite: bool = False) -> Package:  # fmt: skip
    """Write the transfer package of a lot: design revision (`design`: its id and revision id; else the one its parts
    were placed after), recipe, process window (of the newest run of it), control limits, history, units, readings,
    genealogy, placements, test flow, imports, a manifest with the hash of each file and the head of the chain, and a
    page to read.

    Raises InputError: an unknown lot or revision, a history that does not fit, a file that is there.
    """
    if path.exists() and not overwrite:
        raise InputError("lots.package_there", where=path)
    verified = store.history.verify(lot_id)
    if not verified.sound:
        raise InputError("lots.history_broken", where=lot_id, got=verified.first.place)
    lot = store.lots.lot(lot_id)
    files, missing = _contents(store, lot, design)
    manifest = {
        "format": FORMAT, "version": VERSION, "lot": lot_id, "title": lot["title"], "product": lot["product"],
        "verified": lot["verified"], "synthetic": lot["synthetic"], "head": verified.head,
        "event_count": verified.event_count, "row_count": verified.row_count,
        "outside_the_chain": list(verified.outside), "missing": missing,
    }  # fmt: skip
    files["index.html"] = _page(manifest, files).encode()
    manifest["files"] = {name: {"sha256": hashlib.sha256(content).hexdigest(), "size_b": len(content)}
                         for name, content in sorted(files.items())}  # fmt: skip
    files["manifest.json"] = _json(manifest)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, content)
    data = packed.getvalue()
    aside = path.with_name(f"{path.name}.part{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as why:
        raise InputError("lots.package_unwritable", where=path, got=why.strerror or type(why).__name__) from None
    finally:
        aside.unlink(missing_ok=True)
    return Package(path, hashlib.sha256(data).hexdigest(), manifest)


def _contents(store: Store, lot: Mapping[str, Any],
              named: tuple[str, str] | None) -> tuple[dict[str, bytes], list[dict]]:
    lot_id = lot["lot_id"]
    files: dict[str, bytes] = {}
    missing: list[dict] = []

    def lacks(part: str) -> None:
        missing.append({"part": part, **{lang: t(f"lots.missing.{part}", lang) for lang in LANGUAGES}})

    events = store.history.events(lot_id)
    files["history.json"] = _json([event.as_dict() for event in events])
    files["imports.json"] = _json(store.lots.imports(lot_id))
    design = _design(store, lot_id, named)
    files |= {"design.json": _json(design)} if design else {}
    recipe = _recipe(lot, events)
    files |= {"recipe.json": _json(recipe)} if recipe["steps"] or recipe["events"] else {}
    window = _window(store, lot_id)
    files |= {"window.json": _json(window)} if window else {}
    limits = [*store.limits.list(lot["product"]), *store.limits.list(lot_id)]
    files |= {"control_limits.json": _json(limits)} if limits else {}
    bins, specifications = store.lots.bins(lot_id), store.lots.specifications(lot_id)
    files |= {"test_flow.json": _json({"specifications": specifications, "bins": bins})} \
        if bins or specifications else {}  # fmt: skip
    tables = {"units.csv": store.units.of_lot(lot_id), "readings.csv": store.lots.attempts(lot_id),
              "genealogy.csv": store.genealogy.family_of_lot(lot_id),
              "placements.csv": store.genealogy.placements(lot_id)}  # fmt: skip
    files |= {name: _csv(frame) for name, frame in tables.items() if len(frame)}
    for part in ("design.json", "recipe.json", "window.json", "control_limits.json", "test_flow.json", *tables):
        if part not in files:
            lacks(part.partition(".")[0])
    return files, missing


def _design(store: Store, lot_id: str, named: tuple[str, str] | None) -> dict | None:
    """The revision that is named, else the only one that parts of the lot were placed after."""
    if named is None:
        frame = store.genealogy.placements(lot_id)
        after = frame[["design_id", "revision_id"]].dropna().drop_duplicates()
        if len(after) != 1:
            return None
        named = (after["design_id"].iloc[0], after["revision_id"].iloc[0])
    design_id, revision_id = named
    document = store.designs.document(design_id, revision_id)
    row = next(row for row in store.designs.revisions(design_id) if row["revision_id"] == revision_id)
    return {"design_id": design_id, "number": row["number"], "revision_id": revision_id, "document": document}


def _recipe(lot: Mapping[str, Any], events: list[Event]) -> dict[str, Any]:
    ran = [{"number": event.number, "kind": event.kind, "scope": event.scope.as_dict(), **event.facts,
            "settings": {key: value for key, value in event.detail.items() if key not in ("batches", "counts")}}
           for event in events if event.kind in ("step_in", "step_out", "rework")]  # fmt: skip
    return {"steps": lot["steps"], "events": ran}


def _window(store: Store, lot_id: str) -> dict | None:
    """The summary of the newest finished process-window run that names the lot, else of the newest of all, which the
    page says."""
    runs = [run for run in store.notebook_runs.list()
            if run["outcome"] == "DONE" and run["summary"] and Path(run["notebook"]).stem == "process_window"]
    mine = [run for run in runs if lot_id in (run["subject_id"], *(run["parameters"] or {}).values())]
    if not runs:
        return None
    run = (mine or runs)[0]
    return {"run_id": run["run_id"], "of_this_lot": bool(mine), "parameters": run["parameters"],
            "verdict": run["verdict"], "summary": run["summary"]}  # fmt: skip


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=_plain) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    return value.item() if hasattr(value, "item") else str(value)


def _csv(frame: pandas.DataFrame) -> bytes:
    """A table that any tool reads: UTF-8, floats to the last digit."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _page(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    parts = []
    for lang in LANGUAGES:
        rows = "".join(f"<tr><td><a href='{name}'>{name}</a></td><td>{html.escape(_what(name, lang))}</td>"
                       f"<td>{len(files[name]):,}</td></tr>" for name in sorted(files))  # fmt: skip
        lacks = "".join(f"<li>{html.escape(row[lang])}</li>" for row in manifest["missing"])
        marks = [t("lots.cli.synthetic", lang)] * manifest["synthetic"]
        marks += [] if manifest["verified"] else [t("lots.page.unverified", lang)]
        facts = t("lots.page.facts", lang, product=manifest["product"] or "–", events=manifest["event_count"],
                  rows=f"{manifest['row_count']:,}")  # fmt: skip
        parts.append(
            f"<section lang='{lang}'><h1>{html.escape(t('lots.page.title', lang, lot=manifest['lot']))}</h1>"
            f"<p>{html.escape(' · '.join([manifest['title'], facts, *marks]))}</p>"
            f"<p>{html.escape(t('lots.page.head', lang))}<br><code>{manifest['head']}</code></p>"
            f"<table>{rows}</table>"
            + (f"<h2>{html.escape(t('lots.page.missing', lang))}</h2><ul>{lacks}</ul>" if lacks else "")
            + "</section>"
        )
    style = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}td{padding:.2em 1em .2em 0}" \
            "code{word-break:break-all}"  # fmt: skip
    return ("<!doctype html><html><head><meta charset='utf-8'><title>" + html.escape(manifest["lot"])
            + f"</title><style>{style}</style></head><body>{''.join(parts)}</body></html>\n")  # fmt: skip


def _what(name: str, lang: str) -> str:
    return t("lots.part." + name.partition(".")[0], lang)


def read_package(path: Path) -> PackageCheck:
    """Hold a package against its manifest: every file there, none besides, each with its hash and size, the chain of
    events computed anew and its head that of the manifest. The file is not trusted: nothing is unpacked to disk, and
    no more is read than the manifest says.

    Raises InputError: no such file, not a transfer package, one of a newer version, one beyond the bounds.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as why:
        raise InputError("lots.not_a_package", where=path, got=str(why)[:80]) from None
    with archive:
        entries = archive.infolist()
        if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
            raise InputError("lots.package_bounds", where=path, got=len(entries), allowed=f"<= {_MOST_FILES}")
        try:
            manifest = json.loads(_text(archive, "manifest.json"))
            told = {str(name): (row["sha256"], int(row["size_b"])) for name, row in manifest["files"].items()}
            ours = (manifest["format"], isinstance(manifest["version"], int), isinstance(manifest["lot"], str),
                    isinstance(manifest["head"], str), isinstance(manifest["missing"], list))  # fmt: skip
            if ours != (FORMAT, True, True, True, True):
                raise ValueError(str(manifest["format"])[:80])
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OSError, zipfile.BadZipFile) as why:
            raise InputError("lots.not_a_package", where=path, got=str(why)[:80]) from None
        if manifest["version"] > VERSION:
            raise InputError("lots.package_newer", where=path, got=manifest["version"], allowed=VERSION)
        faults = list(_file_faults(archive, entries, told))
        if not faults:
            faults += _chain_faults(archive, manifest)
    return PackageCheck(manifest, tuple(faults))


def _file_faults(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], told: Mapping[str, tuple[str, int]]):
    names = [entry.filename for entry in entries]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield PackageFault("twice", name)
    for name in sorted(set(names) - set(told) - {"manifest.json"}):
        yield PackageFault("unnamed", name)
    for name, (digest, size) in sorted(told.items()):
        if name not in names:
            yield PackageFault("absent", name)
            continue
        found, count = hashlib.sha256(), 0
        try:
            with archive.open(name) as file:
                while count <= size and (piece := file.read(1 << 20)):
                    count += len(piece)
                    found.update(piece)
        except Exception as why:  # what a damaged stream raises has no common base: zlib.error, EOFError, BadZipFile
            yield PackageFault("damaged", name, str(why)[:80])
            continue
        if count != size or found.hexdigest() != digest:
            yield PackageFault("altered", name)


def _chain_faults(archive: zipfile.ZipFile, manifest: Mapping[str, Any]):
    from workbench.process.history import FACTS, Event, Scope, verify

    try:
        rows = json.loads(_text(archive, "history.json"))
        events = [
            Event(row["lot_id"], row["number"], row["event_id"], row["kind"], Scope.of(row["scope"]), row["actor"],
                  datetime.fromisoformat(row["occurred_at"]), row["detail"], *(row.get(name) for name in FACTS),
                  previous_sha256=row["previous_sha256"], chain_sha256=row["chain_sha256"])
            for row in rows
        ]  # fmt: skip
        report = verify(manifest["lot"], events)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, InputError) as why:
        yield PackageFault("history", "history.json", str(why)[:80])
        return
    if report.broken:
        yield PackageFault("chain", f"#{report.broken.number}")
    elif report.head != manifest["head"]:
        yield PackageFault("head", "manifest.json", manifest["head"][:16])


def _text(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(_MOST_TEXT + 1)
    if len(data) > _MOST_TEXT:
        raise ValueError(name)
    return data
