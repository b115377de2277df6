"""The page that brings files into lots: chosen, recognised, asked about where they must be, taken; what was left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets as w
import pandas as pd
from IPython.display import display

from widgets import page
from widgets.lot_files import Upload
from widgets.process.import_card import ImportCard
from widgets.process.import_words import refusal, tell
from workbench.i18n import language, t
from workbench.schema import Figure, Summary, Verdict
from workbench.store import Store


def lot_import(run: Any, lot_id: str = "") -> LotImport | None:
    """Bring files into lots of the run's store; the screen is displayed and given back. In a report: the lots there
    are, with their readings. `lot_id` is the lot of files that name none.
    """
    if run.mode != "interactive":
        _report(run.store)
        return None
    made = LotImport(run.store, lot_id=lot_id)
    display(made.widget)
    return made


class LotImport:
    """The whole screen; `widget` is what is displayed. A file that is refused keeps no other out."""

    def __init__(self, store: Store, *, lot_id: str = ""):
        self.store, self.lot_id = store, lot_id
        self.cards: list[ImportCard] = []
        self.upload = Upload()
        self.upload.on_file(self.add)
        self.upload.on_refused(self._refused)
        self._list, self._state = w.VBox(), w.HTML()
        self.go = w.Button(description=t("importing.go", language()), tooltip=t("importing.go_help", language()),
                           button_style="primary", layout=w.Layout(width="auto"))  # fmt: skip
        self.go.add_class("wb-i-go")
        self.go.on_click(lambda _: self.bring())
        self._act = w.HBox([self.go, self._state], layout=w.Layout(align_items="center", display="none"))
        self._act.add_class("wb-i-act")
        self.widget = w.VBox([w.HTML(page.style() + STYLE), self.upload, self._list, self._act])
        self.widget.add_class("wb-importing")

    def add(self, path: Path) -> None:
        """Look at a file that came."""
        card = ImportCard(self, path, path.stat().st_size)
        self._show([*self.cards, card])
        card.look()
        self.tell()

    def bring(self) -> None:
        """Import every file that is ready."""
        ready = [card for card in self.cards if card.state == "ready"]
        if not ready:
            self._state.value = tell("importing.say.none_ready")
            return
        self.go.disabled = True
        try:
            for number, card in enumerate(ready, 1):
                self._state.value = tell("importing.say.at_work", number=number, count=len(ready), name=card.path.name)
                card.bring()
        finally:
            self.go.disabled = False
        self.tell()

    def remembered(self, source_key: str) -> None:
        """An answer was remembered: files of its source that wait for one are looked at again."""
        for card in self.cards:
            if card.state == "asking" and card.source_key == source_key:
                card.look()
        self.tell()

    def lot_named(self, lot_id: str) -> None:
        """A lot was typed for one file: others that name none go into the same, until that is changed."""
        self.lot_id = lot_id
        for card in self.cards:
            card.offer_lot(lot_id)

    def drop(self, card: ImportCard) -> None:
        """Take a file off the page."""
        self.upload.remove(card.path)
        self._show([one for one in self.cards if one is not card])
        self.tell()

    def tell(self) -> None:
        """How many files stand where."""
        counts = {state: sum(card.state == state for card in self.cards)
                  for state in ("ready", "asking", "refused", "done")}  # fmt: skip
        self._state.value = tell("importing.say.counts", **counts) if self.cards else ""

    def _show(self, cards: Sequence[ImportCard]) -> None:
        self.cards = list(cards)
        self._list.children = [card.widget for card in self.cards]
        self._act.layout.display = "" if self.cards else "none"

    def _refused(self, name: str, fault: Exception) -> None:
        """A file that did not come: its name is only ever text."""
        card = ImportCard(self, Path(name or "–"))
        card.refuse(refusal(fault))
        self._show([*self.cards, card])
        self.tell()


def _report(store: Store) -> None:
    """Which lots there are, and how many files each is made of."""
    lots = store.lots.list()
    figure = Figure("importing.figure.lots", len(lots), "")
    page.summary(Summary(Verdict.NONE, t("importing.title", language()), figures=(figure,)))
    if not lots:
        page.say("lots.cli.none")
        return
    page.say("importing.say.report")
    page.table(pd.DataFrame({
        "lot_review.lot": [row["lot_id"] for row in lots], "lot_review.name": [row["title"] for row in lots],
        "lot_review.readings": [row["reading_count"] for row in lots],
    }), flags={(i, "lot_review.lot"): "synthetic" for i, row in enumerate(lots) if row["synthetic"]})  # fmt: skip


STYLE = """<style>
.wb-importing, .wb-importing .widget-box { overflow: visible; }
.wb-importing .wb-i-card { margin: 14px 0 0; padding: 12px 0 10px; border-top: 1px solid var(--line); }
.wb-importing .wb-i-name { margin: 0; font-size: 16px; font-weight: 600; overflow-wrap: anywhere; }
.wb-importing .wb-i-name .wb-note { margin: 0 0 0 .7em; display: inline; font-weight: 400; }
.wb-importing .wb-i-name .wb-chip { vertical-align: .12em; font-size: 12px; }
.wb-importing .wb-chip.ready, .wb-importing .wb-chip.done { color: var(--pass); }
.wb-importing .wb-chip.asking { color: var(--marginal); }
.wb-importing .wb-chip.refused { color: var(--fail); }
.wb-importing dl.wb-figures { gap: .2em 2.4em; margin: .3em 0; } .wb-importing .wb-figures div { min-width: 4.5em; }
.wb-importing .wb-figures dd { font-size: 19px; }
.wb-importing .wb-i-hash { font: 12px var(--mono); overflow-wrap: anywhere; }
.wb-importing .wb-say { margin: .2em 0; } .wb-importing .wb-reasons { font-size: 14px; }
.wb-importing .wb-note { margin: .1em 0; } .wb-importing .wb-i-done { margin: .5em 0; }
.wb-importing .wb-i-done a { color: var(--link); font-weight: 600; text-decoration: underline; }
.wb-importing .widget-label { min-width: 0; } .wb-importing .widget-checkbox { width: auto; }
.wb-importing .wb-i-act { gap: 12px; margin-top: 14px; padding-top: 12px; border-top: 1px solid var(--line); }
.wb-importing .wb-i-form { gap: 6px; margin: 4px 0 6px; }
.wb-importing :is(button, input, select):focus-visible { outline: 2px solid #0072B2; outline-offset: 1px; }
</style>"""
