"""Where a design comes from and where it goes: begin one from a template or from files, hand one over as a file."""

from __future__ import annotations

import base64
import io
import itertools
import tempfile
import zipfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from widgets.builder import readings
from widgets.builder.controls import LABEL, WIDE, button, choice, row, title, words
from widgets.forms import Form
from workbench.errors import InputError
from workbench.formats import READABLE, SUFFIXES, export, read_design
from workbench.formats.exports.writing import fresh
from workbench.formats.report import Report
from workbench.i18n import language
from workbench.stack import Design
from workbench.stack.templates import TEMPLATES, build
from workbench.store.location import home
from workbench.store.saving import file_stem, id_from

if TYPE_CHECKING:
    from widgets.builder.screen import Builder

MOST_UPLOADED = 200  # files of one design
MOST_LINK_BYTES = 8_000_000  # beyond, a file is written beside the store and its place is said
MOST_SENTENCES = 6


def _text(key: str, value: str = "") -> w.Text:
    return w.Text(value=value, description=words(key), tooltip=words(key), layout=w.Layout(width=WIDE),
                  style={"description_width": LABEL})  # fmt: skip


class BeginPanel:
    """A new design: from a template with its parameters, or from the files of a customer."""

    def __init__(self, screen: Builder):
        self._screen = screen
        templates = [(words(f"builder.begin.of.{name}"), name) for name in TEMPLATES]
        self.template = choice("builder.begin.template", templates)
        self.template.observe(lambda change: self._choose(), names="value")
        self.id = _text("builder.begin.id")
        self.id.add_class("wb-b-new-id")
        self.create = button("builder.begin.go", lambda: screen.attempt(self._create), primary=True, width="240px")
        self.create.add_class("wb-b-create")
        accepted = ",".join((*READABLE, ".bmap", ".v", ".lef", ".def"))
        self.files = w.FileUpload(multiple=True, description=words("builder.begin.files"), accept=accepted,
                                  tooltip=words("builder.begin.files_help"), layout=w.Layout(width="240px"))
        self.take = button("builder.begin.take", lambda: screen.attempt(self._take))
        self._form = w.VBox()
        self._choose()
        self.box = w.VBox([self.template, self._form, self.id, self.create, title("builder.begin.from_files"),
                           row(self.files, self.take)])  # fmt: skip

    def _choose(self) -> None:
        self._form.children = (Form(TEMPLATES[self.template.value](), lambda kind: []),)

    def _create(self) -> None:
        form = self._form.children[0]
        note = words("builder.begin.note", template=self.template.value)
        self._begin(build(self.template.value, form.value), self.id.value, note)

    def _take(self) -> None:
        design, report = _read(self.files.value)
        name = self.files.value[0]["name"]
        self._begin(design, self.id.value or id_from(Path(name).stem), words("builder.begin.from", name=name),
                    said=_sentences(report))  # fmt: skip
        self.files.value = ()

    def _begin(self, design: Design, design_id: str, note: str, said: str = "") -> None:
        screen, design_id = self._screen, design_id.strip()
        if not screen.session.is_saved:
            raise InputError("builder.unsaved_changes", where=screen.session.design_id)
        if not design_id:
            raise InputError("builder.no_id", where=words("builder.begin.id"))
        number = screen.session.begin(design_id, design, note)
        if screen.open(design_id, words("builder.begin.done", name=f"{design_id}@{number}") + said):
            self.id.value = ""


def _read(uploaded: tuple[Any, ...]) -> tuple[Design, Report]:
    """The design of files sent by a browser: one that can be read, and the files it names."""
    if not uploaded or len(uploaded) > MOST_UPLOADED:
        raise InputError("builder.no_files", got=len(uploaded), allowed=f"1 ... {MOST_UPLOADED}")
    with tempfile.TemporaryDirectory() as folder:
        roots = []
        for file in uploaded:
            name = file["name"]
            if name != Path(name).name or "\\" in name or name.startswith("."):  # a name, never a path
                raise InputError("builder.no_files", where=name[:80])
            path = Path(folder) / name
            path.write_bytes(file["content"])
            if path.suffix.lower() in (".3dbx", ".chiplet", ".json"):
                roots.append(path)
        if len(roots) != 1:
            raise InputError("builder.one_root", got=", ".join(path.name for path in roots) or "–",
                             allowed=".3dbx, .chiplet, .json")  # fmt: skip
        return read_design(roots[0])


def _sentences(report: Report) -> str:
    """What was left and assumed, the first few."""
    found = [sentence[language()] for sentence in (*report.left, *report.assumptions)]
    more = [words("builder.begin.more", count=len(found) - MOST_SENTENCES)] if len(found) > MOST_SENTENCES else []
    return "".join(f"\n· {sentence}" for sentence in found[:MOST_SENTENCES] + more)


class HandOverPanel:
    """The design as it now is, as a file of any format."""

    def __init__(self, screen: Builder):
        self._screen = screen
        self.format = choice("builder.export.format", [(words(f"builder.export.{name}"), name) for name in SUFFIXES])
        self.go = button("builder.export.go", lambda: screen.attempt(self._export), primary=True, width="240px")
        self.go.add_class("wb-b-export")
        self.link = w.HTML()
        self.link.add_class("wb-b-link")
        self.box = w.VBox([self.format, self.go, self.link])

    def _export(self) -> None:
        session = self._screen.session
        saved = f"@{session.number}" if session.is_saved else "-draft"
        with tempfile.TemporaryDirectory() as folder:
            stem = file_stem(session.design_id)  # an id may be anything: it names no path
            path = Path(folder) / f"{stem}{SUFFIXES[self.format.value]}"
            written = export(session.design, path, to=self.format.value)
            name, content = _packed(written.paths, f"{stem}{saved}")
        if len(content) <= MOST_LINK_BYTES:
            data = base64.b64encode(content).decode()
            self.link.value = (
                f'<a class="wb-b-download" download="{escape(name)}" '
                f'href="data:application/octet-stream;base64,{data}">'
                f"{escape(words('builder.export.download', name=name, size=f'{len(content):,}'))}</a>"
            )
        else:
            place = _put(content, home() / "exports" / name)
            self.link.value = escape(words("builder.export.written", path=place, size=f"{len(content):,}"))
        self._screen.tell(readings.done(words("builder.export.done", name=name) + _sentences(written.report)))


def _put(content: bytes, wanted: Path) -> Path:
    """Write a file of that name, with a number where another has it; where the same lies already, that one."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for count in itertools.count(1):
        path = wanted if count == 1 else wanted.with_name(f"{wanted.stem}-{count}{wanted.suffix}")
        if not path.exists():
            with fresh(path) as draft:
                draft.write_bytes(content)
            return path
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return path
    raise AssertionError("there is always another number")


def _packed(paths: tuple[Path, ...], stem: str) -> tuple[str, bytes]:
    """One file as it is, several as a zip."""
    if len(paths) == 1:
        return f"{stem}{paths[0].suffix}", paths[0].read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.name)
    return f"{stem}.zip", packed.getvalue()
