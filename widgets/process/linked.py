"""The map of a lot's carriers, linked with the chart of its readings and the list of its units.

In a report every carrier is drawn beside the chart; on screen one is brushed, and chart and list follow the brush.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import ipywidgets as w
import numpy as np
import pandas as pd
from IPython.display import display

from widgets import page
from widgets.process.pair import pair
from widgets.wafer_map import Category, DieGrid, Scale, WaferMap, map_svg
from workbench.i18n import LANGUAGES, language, t
from workbench.process.causes import FAILING, map_of
from workbench.process.lot_record import LotRecord
from workbench.process.review import name_of
from workbench.schema.summary import shown

GOOD, BAD = "#1B7F4B", "#B3261E"
MOST_CARRIERS = 4  # drawn side by side in a report
MOST_LISTED = 12


def axis_words(record: LotRecord, parameter: str) -> dict[str, str]:
    """A parameter's name and unit in every language, for an axis or legend."""
    unit = record.unit_of(parameter) or ""
    symbol = page.unit_of(parameter)
    unit = symbol.symbol if symbol else unit
    return {lang: name_of(parameter, lang) + (f" ({unit})" if unit else "") for lang in LANGUAGES}


def grid_of(record: LotRecord, carrier: str, response: str) -> tuple[DieGrid, pd.Index]:
    """The map of a carrier: passed and failed, or the readings of a parameter. The units in the order of its dies."""
    placed = map_of(record, carrier)
    about = record.carriers.get(carrier, {})
    more = {"shape": "wafer" if about.get("kind", "wafer") == "wafer" else "panel", "notch": about.get("notch")}
    x, y = placed["x"].to_numpy(int), placed["y"].to_numpy(int)
    if response == FAILING:
        passed = record.units.loc[placed.index, "passed"].astype("Float64").to_numpy(float, na_value=np.nan)
        kinds = [Category(value, {lang: t(f"lot_review.{word}", lang) for lang in LANGUAGES}, colour)
                 for value, word, colour in ((1, "passed", GOOD), (0, "failed", BAD))]  # fmt: skip
        return DieGrid.of_kinds(x, y, passed, kinds, **more), placed.index
    values = record.values[response]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    label = {lang: name_of(response, lang) for lang in LANGUAGES}
    symbol = page.unit_of(response)
    scale = Scale(label, symbol.symbol if symbol else record.unit_of(response), low, high)
    return DieGrid.measured(x, y, values.loc[placed.index].to_numpy(float), scale, **more), placed.index


def chart_of(record: LotRecord, parameter: str, chosen: np.ndarray | None = None) -> str:
    """Readings of all units with those at the rows `chosen` of the record in front."""
    values = record.values[parameter].to_numpy(float)
    inside = None
    if chosen is not None:
        inside = np.zeros(len(values), bool)
        inside[chosen] = True
    spec = record.specifications.get(parameter)
    return pair(values, inside, axis_words(record, parameter), lower=spec.lower if spec else None,
                upper=spec.upper if spec else None)  # fmt: skip


def units_html(record: LotRecord, chosen: np.ndarray, parameter: str | None) -> str:
    """The units at the rows `chosen` of the record, the first dozen of them, as a table."""
    rows = record.units.iloc[chosen[:MOST_LISTED]]
    frame = pd.DataFrame({
        "lot_review.unit": rows.index, "lot_review.carrier": rows["carrier"].astype(str),
        "lot_review.place": [f"{x}, {y}" if pd.notna(x) else "–" for x, y in zip(rows["x"], rows["y"], strict=True)],
        "lot_review.bin": [None if pd.isna(b) else int(b) for b in rows["hard_bin"]],
        "lot_review.state": ["–" if pd.isna(v) else page.words("lot_review.passed" if v else "lot_review.failed")
                             for v in rows["passed"]],
    })  # fmt: skip
    frame["lot_review.bin"] = frame["lot_review.bin"].astype(object)
    if parameter:
        frame[parameter] = record.values[parameter].to_numpy()[chosen[:MOST_LISTED]]
    more = len(chosen) - len(rows)
    tail = f'<p class="wb-note">{page.spans("lot_review.more_units", count=f"{more:,}")}</p>' if more > 0 else ""
    return page.table_html(frame, units={parameter: axis_unit(record, parameter)} if parameter else {}) + tail


def axis_unit(record: LotRecord, parameter: str) -> str:
    symbol = page.unit_of(parameter)
    return symbol.symbol if symbol else record.unit_of(parameter)


def drawn(record: LotRecord, response: str, parameter: str | None, *, title: str = "") -> str:
    """Maps of the carriers with most units, and the chart, side by side: for a report."""
    parts = []
    carriers = record.mapped()[:MOST_CARRIERS]
    for carrier in carriers:
        grid, _ = grid_of(record, carrier, response)
        about = {lang: f"{t('label.lot_review.carrier', lang)} {carrier}" for lang in LANGUAGES}
        picture = map_svg(grid, title=about, side_px=300 if len(carriers) == 1 else 220)
        parts.append(f'<div><p class="wb-note" style="margin:0">{page.spans(about)}</p>{picture}</div>')
    out = f'<div style="display:flex;flex-wrap:wrap;gap:8px 20px">{"".join(parts)}</div>' if parts else ""
    if parameter:
        out += f'<div style="margin-top:12px">{chart_of(record, parameter)}</div>'
    return f'<div class="wb-picture">{out}</div>'


class LinkedMap(w.VBox):
    """Carrier and colouring to choose, the map to brush, and the chart and units that follow."""

    def __init__(self, record: LotRecord, response: str, parameter: str | None):
        self._record = record
        lang = language()
        self._failed = record.units["passed"].eq(False).fillna(False).to_numpy(bool)
        carriers = record.mapped()
        responses = [(t("lot_review.by_result", lang), FAILING)] if record.units["passed"].notna().any() else []
        responses += [(name_of(name, lang), name) for name in record.parameters]
        self._parameter = parameter
        narrow = w.Layout(width="auto", max_width="26em")
        self.carrier = w.Dropdown(options=carriers, description=t("label.lot_review.carrier", lang), layout=narrow)
        start = response if response in [key for _, key in responses] else responses[0][1]
        self.response = w.Dropdown(options=responses, value=start, description=t("lot_review.colour", lang),
                                   layout=narrow)  # fmt: skip
        self.map = WaferMap(side_px=360)
        self.chart, self.list = w.HTML(), w.HTML()
        self.said = w.HTML()
        self.carrier.observe(lambda change: self._show(), names="value")
        self.response.observe(lambda change: self._show(), names="value")
        self.map.on_choose(self._follow)
        super().__init__([
            w.HBox([self.carrier, self.response], layout=w.Layout(flex_flow="row wrap")),
            w.HBox([w.VBox([self.map]), w.VBox([self.chart])], layout=w.Layout(flex_flow="row wrap")),
            self.said, self.list,
        ])  # fmt: skip
        self.add_class("wb-linked")
        self._show()

    def _show(self) -> None:
        response = self.response.value
        grid, units = grid_of(self._record, self.carrier.value, response)
        self._rows = self._record.units.index.get_indexer(units)  # of the record, in the order of the map's dies
        if response != FAILING:
            self._parameter = response
        self.map.title = f"{t('label.lot_review.carrier', language())} {self.carrier.value}"
        self.map.show(grid)
        self._follow(np.empty(0, int))

    def _follow(self, chosen: np.ndarray) -> None:
        """Chart and list of the dies at the indices `chosen` of the map."""
        rows = self._rows[chosen]
        record, count = self._record, len(rows)
        if self._parameter:
            self.chart.value = _wrapped(chart_of(record, self._parameter, rows if count else None))
        if not count:
            self.said.value = _wrapped(f'<p class="wb-say">{escape(t("lot_review.brush", language()))}</p>')
            self.list.value = ""
            return
        facts = {"count": f"{count:,}", "failed": f"{int(self._failed[rows].sum()):,}", "all": f"{len(self._rows):,}"}
        sentence = t("lot_review.chosen", language(), **facts)
        if self._parameter:
            values = record.values[self._parameter].to_numpy(float)
            outside = np.ones(len(values), bool)
            outside[rows] = False
            inside, rest = (_median(part) for part in (values[rows], values[outside]))
            sentence += " " + t("lot_review.chosen_median", language(), name=name_of(self._parameter, language()),
                                inside=shown(float(inside), 4), rest=shown(float(rest), 4),
                                unit=axis_unit(record, self._parameter))  # fmt: skip
        self.said.value = _wrapped(f'<p class="wb-say" role="status">{escape(sentence)}</p>')
        self.list.value = _wrapped(units_html(record, rows, self._parameter))


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def show_linked(record: LotRecord, response: str, parameter: str | None) -> None:
    """The map to brush, for a page that is worked with."""
    display(LinkedMap(record, response, parameter))


def _wrapped(body: str) -> str:
    return f'<div class="wb">{body}</div>'


def on(run: Any, view: Callable[..., None]) -> Callable[[Any], None]:
    """`view` as the run's page needs it: with the map to brush where someone can, drawn in a report."""
    return partial(view, mode=run.mode)
