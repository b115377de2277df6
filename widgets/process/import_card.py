"""One file on the page that brings in lots: looked at, asked about, ready, and what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from widgets.lot_files import ColumnsForm
from widgets.process import import_words as words_of
from widgets.process.import_words import block, note, say, words
from workbench.cli.lot.intake import Look, bring, look
from workbench.errors import InputError, WorkbenchError
from workbench.formats import tabular
from workbench.formats.lot_data import CARRIER_KINDS
from workbench.formats.lot_door import read_lot
from workbench.store.saving import author

if TYPE_CHECKING:
    from widgets.process.importing import LotImport

log = logging.getLogger(__name__)
MOST_NAMED = 12  # columns that a sentence names


def _text(key: str, value: str = "", *, width: str = "330px") -> w.Text:
    made = w.Text(value=value, description=words(key), tooltip=words(key + "_help"), continuous_update=False,
                  layout=w.Layout(width=width, margin="2px 18px 2px 0"),
                  style={"description_width": "initial"})  # fmt: skip
    made.placeholder = words(key + "_help")
    return made


def _button(key: str, act: Callable[[], None], *, style: str = "") -> w.Button:
    made = w.Button(description=words(key), tooltip=words(key + "_help"), button_style=style,
                    layout=w.Layout(width="auto"))  # fmt: skip
    made.on_click(lambda _: act())
    return made


def _row(*children: w.Widget) -> w.HBox:
    return w.HBox(list(children), layout=w.Layout(flex_flow="row wrap", align_items="center"))


class ImportCard:
    """`state` is looking, asking, ready, refused or done."""

    def __init__(self, screen: LotImport, path: Path, size_b: int | None = None):
        self._screen, self.path, self.state = screen, path, "looking"
        self._size_b = size_b
        self._look: Look | None = None
        self._mapping: dict[str, Any] | None = None  # as answered or remembered
        self._named = False  # the file names its lot
        self._quiet = False
        self._head, self._said = w.HTML(), w.HTML()
        self.lot, self.product, self.title = (_text(f"importing.{name}") for name in ("lot", "product", "lot_title"))
        self.lot.observe(lambda change: self._lot_typed(), names="value")
        self.synthetic = w.Checkbox(value=False, description=words("importing.synthetic"), indent=False,
                                    tooltip=words("importing.synthetic_help"),
                                    layout=w.Layout(width="auto", margin="2px 14px 2px 0"))  # fmt: skip
        self._about = w.HTML()
        self.home = w.Dropdown(description=words("importing.home"), tooltip=words("importing.home_help"),
                               style={"description_width": "initial"}, layout=w.Layout(display="none"))  # fmt: skip
        self._carrier = ""  # the carrier whose lot `home` asks for
        self._fields = w.VBox([_row(self.lot, self.product, self.title), _row(self.synthetic, self._about), self.home])
        self.form: ColumnsForm | None = None
        self._form_box = w.VBox(layout=w.Layout(display="none"))
        self._form_box.add_class("wb-i-form")
        self.columns = w.ToggleButton(value=False, description=words("importing.columns.open"),
                                      tooltip=words("importing.columns.open_help"),
                                      layout=w.Layout(width="auto", display="none"))  # fmt: skip
        self.columns.observe(lambda change: self._open(change["new"]), names="value")
        self.away = _button("importing.away", lambda: screen.drop(self))
        self.widget = w.VBox([self._head, self._said, self._fields, self._form_box, _row(self.columns, self.away)])
        self.widget.add_class("wb-i-card")
        self._stand("looking")

    @property
    def source_key(self) -> str | None:
        """What an answer for this file's columns is kept under."""
        return self._look.proposal.source_key if self._look and self._look.proposal else None

    # --- looking and asking ------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Recognise the file; read it to say what will be taken, or ask what its columns are."""

        def act() -> None:
            self._said.value = words_of.progress(0, "lots.progress.read")
            self._look = look(self._screen.store, self.path)
            proposal = self._look.proposal
            if proposal is None:
                self._read(None)
                return
            self.columns.layout.display = ""
            if self._look.unknown:
                self._ask()
                return
            # the columns as they were answered, or as their names tell: said, so that every row is read by it
            self._read(self._look.remembered or proposal.mapping.document())

        self._attempt(act, "refused")

    def _ask(self) -> None:
        unknown = self._look.unknown
        named = ", ".join(unknown[:MOST_NAMED]) + (" …" if len(unknown) > MOST_NAMED else "")
        self._stand("asking")
        self._said.value = block(say("importing.say.ask", count=len(unknown), names=named))
        self.columns.value = True

    def _open(self, on: bool) -> None:
        if on and self.form is None:
            self._make_form()
        self._form_box.layout.display = "" if on else "none"

    def _make_form(self) -> None:
        proposal = self._look.proposal
        document = self._mapping or self._look.remembered or proposal.mapping.document()
        self.form = ColumnsForm()
        self.form.ask(proposal.columns, document, self._look.unknown)
        self.carrier = _text("importing.carrier", document.get("carrier", ""))
        self.carrier.placeholder = self.path.name.partition(".")[0]
        self.kind = w.Dropdown(options=[(words(f"importing.carrier_kind.{kind}"), kind) for kind in CARRIER_KINDS],
                               value=document.get("carrier_kind", "wafer"), description=words("importing.kind"),
                               layout=w.Layout(width="200px"), style={"description_width": "initial"})  # fmt: skip
        self.remember = w.Checkbox(value=True, description=words("importing.remember"), indent=False,
                                   tooltip=words("importing.remember_help"),
                                   layout=w.Layout(width="auto", margin="2px 0 2px 12px"))  # fmt: skip
        self.read = _button("importing.read", self.answer, style="primary")
        self.read.add_class("wb-i-read")
        beyond = [w.HTML(block(note("importing.columns.beyond", count=self.form.beyond)))] if self.form.beyond else []
        self._form_box.children = [self.form, *beyond, _row(self.carrier, self.kind),
                                   w.HTML(block(note("importing.carrier_note"))), _row(self.read, self.remember)]

    def answer(self) -> None:
        """Read the file with the answers given; remember them where that is wished."""

        def act() -> None:
            proposal = self._look.proposal
            document = {"columns": self.form.answer(), "carrier": self.carrier.value.strip(),
                        "carrier_kind": self.kind.value}  # fmt: skip
            kept = {name: value for name, value in (self._look.remembered or {}).items() if name not in document}
            mapping = tabular.made({**kept, **document}).document()
            self._said.value = words_of.progress(0, "lots.progress.read")
            self._read(mapping)
            self.columns.value = False
            if self.remember.value:
                self._screen.store.mappings.set(proposal.source_key, mapping, actor=author())
                self._screen.remembered(proposal.source_key)

        self._attempt(act, "asking")
        self._screen.tell()

    def _read(self, mapping: dict[str, Any] | None) -> None:
        """Read the file, say what will be taken, and forget what was read: files may be large, and many wait."""
        data = read_lot(self.path, mapping=mapping)
        counts = words_of.counts_of(data)
        self._mapping, self._named = mapping, bool(data.lot)
        self._quiet = True
        self.lot.value = data.lot or self._screen.lot_id
        self.product.value = self.product.value or data.product or ""
        self._quiet = False
        self._stand("ready")
        self._said.value = block(
            say("importing.say.ready"),
            note("importing.say.remembered") if self._look.remembered == mapping and mapping else "",
            words_of.figures(counts),
            words_of.sentences(data.report.taken, data.report.left, data.report.assumptions),
        )
        self._tell_lot()

    # --- the lot -----------------------------------------------------------------------------------------------------

    def offer_lot(self, lot_id: str) -> None:
        """The lot of files that name none, unless another was typed here."""
        if self.state == "ready" and not self._named and not self.lot.value.strip():
            self._quiet, self.lot.value = True, lot_id
            self._quiet = False
            self._tell_lot()

    def _lot_typed(self) -> None:
        if self._quiet:
            return
        self._tell_lot()
        if not self._named and self.lot.value.strip():
            self._screen.lot_named(self.lot.value.strip())

    def _tell_lot(self) -> None:
        """Whether the lot is there; a lot that is there keeps its product and title."""
        lot_id = self.lot.value.strip()
        there = next((row for row in self._screen.store.lots.list() if row["lot_id"] == lot_id), None)
        for field in (self.product, self.title, self.synthetic):
            field.layout.display = "none" if there else ""
        key = "none" if not lot_id else "there" if there else "new"
        self._about.value = block(note(f"importing.lot_is.{key}", **(
            {"title": there["title"], "product": there["product"] or "–"} if there else {})))  # fmt: skip

    # --- importing ---------------------------------------------------------------------------------------------------

    def bring(self) -> None:
        """Add the file to its lot."""

        def act() -> None:
            lot_id = self.lot.value.strip()
            if not lot_id:
                raise InputError("importing.no_lot", where=self.path.name)
            homes = {self._carrier: self.home.value} if self._carrier and self.home.value else {}
            _, done, digest = bring(
                self._screen.store, self.path, lot_id, mapping=self._mapping, homes=homes,
                product=self.product.value.strip() or None, title=self.title.value.strip() or None,
                synthetic=self.synthetic.value, progress=self._progress,
            )  # fmt: skip
            self._stand("done")
            self._said.value = words_of.result(done, digest)
            self._screen.upload.remove(self.path)

        before = self._said.value
        if not self._attempt(act, "ready"):
            self._said.value += before  # what would be taken stands below what is still missing

    def _progress(self, share: float, key: str) -> None:
        self._said.value = words_of.progress(share, key)

    def refuse(self, told: str) -> None:
        """Show why the file was not taken."""
        self._stand("refused")
        self._said.value = told

    def _attempt(self, act: Callable[[], None], otherwise: str) -> bool:
        """Do something that may be refused; then the reason is shown and the card stands as `otherwise` says."""
        try:
            act()
            return True
        except WorkbenchError as fault:
            if fault.rule == "lots.carrier_ambiguous":
                self._ask_home(fault)
            told = words_of.refusal(fault, folder=str(self.path.parent))
        except Exception as fault:  # whatever a file brings, the page stays usable and keeps the others
            log.exception("import of %r failed", self.path.name)
            told = words_of.refusal(fault)
        # a table that is refused can be read otherwise: its columns may have been taken for what they are not
        if otherwise == "refused" and not self.source_key:
            self.refuse(told)
            self._screen.upload.remove(self.path)
            return False
        self._stand("asking" if otherwise == "refused" else otherwise)
        self._said.value = told
        return False

    def _ask_home(self, fault: WorkbenchError) -> None:
        self._carrier = str(fault.values.get("carrier", ""))
        self.home.options = fault.got.split(", ")
        self.home.description = words("importing.home", carrier=self._carrier)
        self.home.layout.display = ""

    def _stand(self, state: str) -> None:
        self.state = state
        self._head.value = words_of.head(self.path.name, self._size_b, self._look.kind if self._look else None, state)
        self._fields.layout.display = "" if state == "ready" else "none"
        if state in ("done", "refused"):
            self.columns.layout.display = self._form_box.layout.display = "none"
