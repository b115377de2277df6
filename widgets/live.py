"""One notebook, three places: static results under papermill, a form that recomputes in JupyterLab and Voila."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as w
import pandas as pd
from IPython.display import HTML, display
from IPython.utils.capture import capture_output

from widgets import page
from widgets.forms import Form
from workbench.errors import WorkbenchError
from workbench.i18n import LANGUAGES, language, t
from workbench.schema import Parameters

log = logging.getLogger(__name__)


class Live:
    """A result that follows its parameters.

    `run` comes from `workbench.runs.current`; `compute(parameters)` makes the result. In a report every
    `show(view)` draws once. Interactively, changing the form computes again and redraws every view.
    """

    def __init__(self, run: Any, parameters: Parameters, compute: Callable[[Any], Any]):
        self._run, self._parameters, self._compute = run, parameters, compute
        self._shown: list[tuple[Callable[[Any], None], w.Output]] = []
        self._state = w.HTML() if self.interactive else None
        self._result: Any = None
        self._fault: Exception | None = None
        if self.interactive:
            _static_charts()
            display(HTML(page.style()))
        self._recompute()

    @property
    def interactive(self) -> bool:
        return self._run.mode == "interactive"

    @property
    def result(self) -> Any:
        """The newest good result."""
        return self._result

    def form(self) -> None:
        """The form where someone can use it, the parameter table in a report."""
        if not self.interactive:
            page.table(_parameter_table(self._parameters), caption="label.parameters")
            return
        form = Form(self._parameters, self._choices)
        form.on_change(self._follow, lambda error: self._say("live.refused"))
        display(form, self._state)

    def show(self, view: Callable[[Any], None]) -> None:
        """Draw `view(result)` here, now and after every change."""
        if not self.interactive:
            view(self._result)
            return
        output = w.Output()
        self._shown.append((view, output))
        self._draw(view, output)
        display(output)

    def _choices(self, kind: str) -> list[tuple[str, str]]:
        return [(subject.title, subject.subject_id) for subject in self._run.store.subjects(kind)]

    def _follow(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._say("live.computing")
        self._recompute()
        for view, output in self._shown:
            self._draw(view, output)

    def _recompute(self) -> None:
        if not self.interactive:
            self._result = self._compute(self._parameters)  # a fault must fail the run
            return
        try:
            self._result, self._fault = self._compute(self._parameters), None
            self._say("live.ready")
        except Exception as fault:  # whatever happens, the screen stays usable
            log.exception("compute failed")
            self._fault = fault

    def _draw(self, view: Callable[[Any], None], output: w.Output) -> None:
        # The output is assigned whole: capturing by message id would lose it in a callback under Voila.
        with capture_output(stdout=False, stderr=False) as captured:
            if self._fault is None:
                try:
                    view(self._result)
                except Exception as fault:
                    log.exception("view %s failed", getattr(view, "__name__", view))
                    _tell(fault)
            elif view is self._shown[0][0]:
                _tell(self._fault)
        output.outputs = tuple(
            {"output_type": "display_data", "data": o.data, "metadata": o.metadata} for o in captured.outputs
        )
        if self._fault is not None:
            self._say(
                "live.refused" if isinstance(self._fault, WorkbenchError) else "live.fault",
                kind=type(self._fault).__name__,
            )

    def _say(self, key: str, **values: Any) -> None:
        self._state.value = f'<span class="wb-note" role="status">{escape(t(key, language(), **values))}</span>'


def _tell(fault: Exception) -> None:
    """An error as a block: what, where, got, allowed, next step, in both languages; never a traceback."""
    if not isinstance(fault, WorkbenchError):
        page.html(f'<div class="wb-error">{page.spans("live.fault", kind=type(fault).__name__)}</div>')
        return
    what = {lang: fault.what(lang) for lang in LANGUAGES}
    fix = {lang: fault.fix(lang) for lang in LANGUAGES}
    facts = "".join(
        f"<dt>{page.spans('label.' + name)}</dt><dd>{escape(value)}</dd>"
        for name, value in (("where", fault.where), ("got", fault.got), ("allowed", fault.allowed))
        if value
    )
    page.html(
        f'<div class="wb-error"><strong>{page.spans(what)}</strong><dl>{facts}'
        f"<dt>{page.spans('label.fix')}</dt><dd>{page.spans(fix)}</dd></dl></div>"
    )


def _parameter_table(parameters: Parameters) -> pd.DataFrame:
    rows = [(f.label, str(getattr(parameters, f.name)), f.unit or "–", f.allowed()) for f in parameters.fields()]
    return pd.DataFrame(rows, columns=["parameter", "value", "unit", "allowed"])


def _static_charts() -> None:
    """Charts as SVG in JupyterLab and Voila: no renderer extension and no network needed."""
    import altair as alt

    alt.renderers.enable("svg")
