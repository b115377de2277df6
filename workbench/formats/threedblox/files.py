"""A 3Dblox file with everything it includes: read, checked as one, and written back.

What a hostile file may reach: includes and bump maps are opened only by a relative path that ends, links followed,
inside the folder of the file that was opened first (or below it). References for other tools (`external`) commonly
point elsewhere (``../tech``, macros): they are kept as written, and opened only where they end inside that folder or
one of the folders the caller names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from workbench.errors import InputError
from workbench.formats import yaml_text
from workbench.formats.exports.writing import write_texts
from workbench.formats.report import Notes, Report
from workbench.formats.threedblox import bmap, document, model
from workbench.formats.threedblox.bmap import BumpMap
from workbench.formats.threedblox.document import Document
from workbench.formats.threedblox.model import Chiplet, Definitions, Reference, RegionPath, Unknown

MOST_FILES = 1_000  # read, references included
MOST_DEPTH = 20
MOST_CHARACTERS = 512 * 1024 * 1024  # of all of them together
MOST_LISTED = 10_000  # files of one folder that a * looks at


@dataclass(frozen=True)
class Blox:
    """The files of one assembly by their names, relative to the folder of `root`, and what they say together.
    Equal when all files say the same."""

    root: str
    documents: Mapping[str, Document]
    bump_maps: Mapping[str, BumpMap]
    folder: Path | None = field(default=None, compare=False)
    definitions: Mapping[str, Definitions] = field(default_factory=dict, compare=False, repr=False)
    folders: tuple[Path, ...] = field(default=(), compare=False)  # where references may be opened
    extras: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)  # referenced files not on disk
    characters: int = field(default=0, compare=False)  # of the files read; references are charged to the same bound

    @property
    def top(self) -> Definitions | None:
        """What the first file says; None for a lone bump map."""
        return self.definitions.get(self.root)

    @property
    def chiplets(self) -> dict[str, Chiplet]:
        return {name: c for found in self.definitions.values() for name, c in found.chiplets.items()}

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        return tuple(entry for found in self.definitions.values() for entry in found.unknown)

    def bump_map(self, region: model.BloxRegion) -> BumpMap | None:
        return self.bump_maps[_beside(region.document, region.bmap)] if region.bmap else None

    def extra(self, reference: Reference) -> tuple[str, str] | None:
        """Name and text of a referenced file that is only in memory."""
        name = _beside(reference.document, reference.path)
        return (name, self.extras[name]) if name in self.extras else None

    def resolve(self, reference: Reference) -> list[Path]:
        """The files a reference names that are there and may be opened."""
        if self.folder is None:
            return []
        start = (self.folder / reference.document).parent
        found = _matching(start / reference.path) if "*" in reference.path else [start / reference.path]
        return [path for path in found if _inside(path, (self.folder, *self.folders)) and os.path.isfile(path)]

    def report(self) -> Report:
        """What of the files is outside the grammar, or is not kept when they are written again."""
        notes = Notes()
        notes.take("threedblox.files", documents=len(self.documents), maps=len(self.bump_maps),
                   bumps=f"{sum(m.count for m in self.bump_maps.values()):,}")  # fmt: skip
        for entry in self.unknown:
            notes.leave("threedblox.unknown_key", key=entry.path, place=entry.place)
        for name, found in self.documents.items():
            if found.comments:
                notes.leave("threedblox.comments", file=name, count=found.comments)
        return notes.report()


def read(path: Path | str, *, folders: Iterable[Path | str] = ()) -> Blox:
    """A .3dbx, .3dbv or .bmap file with everything it includes. `folders`: where references may be opened, beside the
    file's own folder.

    Raises InputError with file, line and column: what `document.parse`, `bmap.parse` and `model.read` refuse; an
    include or bump map that is absolute, leaves the folder (by ``..`` or a link), is missing, includes itself, goes
    deeper than 20 or adds up to more than 1,000 files; a name that refers to nothing.
    """
    path = Path(path)
    folder, name = _real(path.parent), path.name
    allowed = tuple(map(_real, folders))
    if name.lower().endswith(".bmap"):
        text = yaml_text.read_text(path, limit_bytes=bmap.MOST_CHARACTERS)
        return Blox(name, {}, {name: bmap.parse(text, where=name)}, folder, {}, allowed, characters=len(text))
    if not name.lower().endswith(document.KINDS):
        raise InputError("threedblox.suffix", where=name, allowed=".3dbx, .3dbv, .bmap")
    reading = _Reading(folder)
    reading.document(name, path, trail=(), place=name)
    return _checked(Blox(name, reading.documents, reading.maps, folder, reading.definitions, allowed,
                         characters=reading.characters))  # fmt: skip


def made(
    root: str, documents: Iterable[Document], bump_maps: Mapping[str, BumpMap], extras: Mapping[str, str] | None = None
) -> Blox:
    """A set of files that exist only in memory, checked as if it were read. `extras`: texts of referenced files."""
    by_name = {entry.name: entry for entry in documents}
    defined = {name: model.read(entry) for name, entry in by_name.items()}
    return _checked(Blox(root, by_name, dict(bump_maps), None, defined, (), dict(extras or {})))


def texts(blox: Blox) -> dict[str, str]:
    """The text of every file, by its name relative to the folder of the root."""
    found = {name: document.write(entry) for name, entry in blox.documents.items()}
    return found | {name: bmap.write(entry) for name, entry in blox.bump_maps.items()} | dict(blox.extras)


def write(blox: Blox, folder: Path | str, *, overwrite: bool = False) -> list[Path]:
    """Writes every file below `folder`, each whole or not at all, and gives their paths.

    Raises InputError, before anything is written, where a file is already there (unless `overwrite`), and where the
    disk refuses.
    """
    said = {Path(folder) / name: text for name, text in texts(blox).items()}
    write_texts(said, overwrite=overwrite)
    return list(said)


def _real(folder: Path | str) -> Path:
    try:
        return Path(os.path.realpath(folder))
    except (OSError, ValueError) as fault:
        raise InputError("text.unreadable", where=yaml_text.shown(folder), got=fault) from None


class _Reading:
    """Follows includes and bump maps; every path is judged before it is opened."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.documents: dict[str, Document] = {}
        self.definitions: dict[str, Definitions] = {}
        self.maps: dict[str, BumpMap] = {}
        self.characters = 0

    def document(self, name: str, path: Path, *, trail: tuple[str, ...], place: str) -> None:
        if name in trail:
            raise InputError("threedblox.include_cycle", where=place, got=" > ".join((*trail, name)))
        if name in self.documents:
            return
        if len(trail) >= MOST_DEPTH:
            raise InputError("threedblox.include_deep", where=place, allowed=f"<= {MOST_DEPTH}")
        found = document.parse(self._text(path, document.LIMITS.characters, place), where=name)
        defined = model.read(found)
        self.documents[name], self.definitions[name] = found, defined
        for index, include in enumerate(defined.header.include):
            self._include(name, include, index, trail)
        for chiplet in defined.chiplets.values():
            for region in chiplet.regions.values():
                if region.bmap:
                    self._bump_map(region)

    def _include(self, name: str, include: str, index: int, trail: tuple[str, ...]) -> None:
        listed = isinstance(self.documents[name].data["Header"]["include"], list)
        place = self.documents[name].located.place(("Header", "include", *((index,) if listed else ())))
        target = _beside(name, include)
        if "*" in include:
            matches = _matching(self._inside(target, place, include))
            names = [str(PurePosixPath(target).parent / match.name) for match in matches]
            names = [n for n in names if n.lower().endswith(document.KINDS) and n not in (name, *trail)]
            if not names:
                raise InputError("threedblox.no_match", where=place, got=include[:120])
        elif not include.lower().endswith(document.KINDS):
            raise InputError("threedblox.suffix", where=place, got=include[:120], allowed=", ".join(document.KINDS))
        else:
            names = [target]
        for found in names:
            path = self._inside(found, place, include)
            if not os.path.isfile(path):
                raise InputError("threedblox.no_include", where=place, got=include[:120])
            self.document(found, path, trail=(*trail, name), place=place)

    def _bump_map(self, region: model.BloxRegion) -> None:
        name = _beside(region.document, region.bmap)
        path = self._inside(name, region.bmap_place, region.bmap)
        if name in self.maps:
            return
        if not os.path.isfile(path):
            raise InputError("threedblox.no_bmap", where=region.bmap_place, got=region.bmap[:120])
        text = self._text(path, bmap.MOST_CHARACTERS, region.bmap_place)
        self.maps[name] = bmap.parse(text, where=name)

    def _text(self, path: Path, limit_bytes: int, place: str) -> str:
        if len(self.documents) + len(self.maps) >= MOST_FILES:
            raise InputError("threedblox.include_many", where=place, allowed=f"<= {MOST_FILES:,}")
        text = yaml_text.read_text(path, limit_bytes=limit_bytes)
        self.characters += len(text)
        if self.characters > MOST_CHARACTERS:
            raise InputError("text.too_large", where=place, allowed=f"<= {MOST_CHARACTERS:,}")
        return text

    def _inside(self, name: str, place: str, written: str) -> Path:
        """The path of a name of the set. Raises InputError where it leaves the folder, by its words or by a link."""
        path = self.folder / name
        words = PurePosixPath(name)
        if words.is_absolute() or ".." in words.parts or "\\" in written or not _inside(path, (self.folder,)):
            raise InputError("threedblox.escape", where=place, got=written[:120])
        return path


def _beside(document_name: str, path: str) -> str:
    """The name, relative to the root's folder, of a path written in a document; ``..`` is worked out."""
    if path.startswith("/"):
        return path
    return os.path.normpath(str(PurePosixPath(document_name).parent / path))


def _inside(path: Path, folders: tuple[Path, ...]) -> bool:
    """Whether a path ends, links followed, inside one of the folders (which are real paths)."""
    try:
        real = Path(os.path.realpath(path))
    except (OSError, ValueError):
        return False
    return any(real.is_relative_to(folder) for folder in folders)


def _matching(pattern: Path) -> list[Path]:
    """Files whose name has the beginning and the end around the pattern's star, in alphabetical order."""
    head, _, tail = pattern.name.partition("*")
    if "*" in tail or "*" in str(pattern.parent):
        return []
    found = []
    try:
        with os.scandir(pattern.parent) as entries:
            for count, entry in enumerate(entries):
                if count >= MOST_LISTED:
                    break
                fits = len(entry.name) >= len(head) + len(tail) and entry.name.startswith(head)
                if fits and entry.name.endswith(tail) and entry.is_file():
                    found.append(pattern.parent / entry.name)
    except (OSError, ValueError):
        return []
    return sorted(found)


def _checked(blox: Blox) -> Blox:
    """Raises InputError where a chiplet is defined twice, or a name refers to nothing."""
    seen: dict[str, str] = {}
    for region in (r for c in blox.chiplets.values() for r in c.regions.values() if r.bmap):
        if _beside(region.document, region.bmap) not in blox.bump_maps:  # only where the files are made in memory
            raise InputError("threedblox.no_bmap", where=region.bmap_place, got=region.bmap[:120])
    for found in blox.definitions.values():
        for name, chiplet in found.chiplets.items():
            if name in seen:
                raise InputError("threedblox.chiplet_twice", where=chiplet.place, got=name, allowed=seen[name])
            seen[name] = chiplet.place
    chiplets = blox.chiplets
    for found in blox.definitions.values():
        for instance in found.instances.values():
            if instance.reference not in chiplets and instance.reference not in _designs(blox):
                raise InputError("threedblox.unknown", where=instance.place, got=instance.reference,
                                 allowed=", ".join(list(chiplets)[:12]))  # fmt: skip
        for connection in found.connections:
            for end in (connection.top, connection.bottom):
                _refer(found, chiplets, end, connection.place)
        for path in found.paths:
            for end, _ in path.steps:
                _refer(found, chiplets, end, path.place)
    return blox


def _designs(blox: Blox) -> set[str]:
    """Assemblies that an included file defines: they may be placed as chiplets of type hier."""
    return {found.design for name, found in blox.definitions.items() if found.design and name != blox.root}


def _refer(found: Definitions, chiplets: Mapping[str, Chiplet], end: RegionPath | None, place: str) -> None:
    if end is None or "/" in end.instance:  # a path into a hierarchy is judged when it becomes a design
        return
    instance = found.instances.get(end.instance)
    if instance is None:
        raise InputError("threedblox.unknown", where=place, got=end.instance,
                         allowed=", ".join(list(found.instances)[:12]))  # fmt: skip
    chiplet = chiplets.get(instance.reference)
    if chiplet is not None and end.region not in chiplet.regions:
        raise InputError("threedblox.unknown", where=place, got=f"{end.instance}.regions.{end.region}",
                         allowed=", ".join(list(chiplet.regions)[:12]))  # fmt: skip
