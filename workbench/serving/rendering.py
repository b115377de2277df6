"""One notebook becomes one page: cells run in turn, and whatever goes wrong becomes a sentence on the page."""

from __future__ import annotations

import html
import os
from collections.abc import AsyncIterator
from typing import Any

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.preprocessors.clearoutput import ClearOutputPreprocessor
from voila.execute import VoilaExecutor, strip_code_cell_warnings
from voila.notebook_renderer import NotebookRenderer

from workbench import errors
from workbench.errors import RunError, WorkbenchError
from workbench.i18n import t

# Kernels start in 2-4 s on an idle core; ten times that means it will not come.
KERNEL_START_S = 45
END_OF_FAILED_PAGE = "<script>window.workbench_failed()</script></body></html>"


def error_panel(sentence: str, lang: str) -> str:
    """A panel that says what went wrong, as HTML; `sentence` is plain text."""
    return (
        f'<section class="wb-fault" role="alert" lang="{lang}"><h2>{html.escape(t("serve.error_title", lang))}</h2>'
        f"<p>{html.escape(sentence)}</p></section>"
    )


def sentence_of(output: dict[str, Any], step: int, lang: str) -> str:
    """What to tell a visitor about a cell's error output.

    Errors of our family were put into words by the kernel (`workbench.serving.kernel`); of any other only the
    step is told: a traceback shows file names and values, and helps no visitor.
    """
    kind = getattr(errors, output.get("ename", ""), None)
    if isinstance(kind, type) and issubclass(kind, WorkbenchError) and output.get("traceback"):
        return "\n".join(output["traceback"])
    return RunError("serve.step_failed", where=t("serve.step", lang, number=step)).sentence(lang)


class PageExecutor(VoilaExecutor):
    """Runs cells; shows an error as our panel and hides everything written to stderr."""

    lang: str = "en"

    async def execute_cell(self, cell: Any, resources: Any, cell_index: int, store_history: bool = True) -> Any:
        self.step = cell_index + 1
        return await super().execute_cell(cell, resources, cell_index, store_history)

    def strip_code_cell_errors(self, cell: Any) -> Any:
        if cell["cell_type"] != "code":
            return cell
        for position, output in enumerate(cell["outputs"]):
            if output["output_type"] == "error":
                self.log.error("page failed in step %s: %s", self.step, "\n".join(output.get("traceback", [])))
                panel = error_panel(sentence_of(output, self.step, self.lang), self.lang)
                data = {"text/html": panel}
                cell["outputs"][position] = type(output)(output_type="display_data", data=data, metadata={})
        return cell


class PageRenderer(NotebookRenderer):
    """Voila's renderer with our executor, our words, and an end to every page even when its kernel dies."""

    def __init__(self, *, lang: str, page: dict[str, Any], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.lang, self.page = lang, page
        self.complete = False

    async def initialize(self, **arguments: Any) -> None:
        await super().initialize(**arguments)
        self.resources["language_code"] = self.lang
        self.resources["workbench"] = self.page

    async def _jinja_kernel_start(self, nb: Any, kernel_id: str, kernel_future: Any) -> str:
        manager = await kernel_future if hasattr(kernel_future, "__await__") else kernel_future
        self.executor = PageExecutor(nb, km=manager, config=self.traitlet_config, startup_timeout=KERNEL_START_S)
        self.executor.lang = self.lang
        self.executor.kc = await self.executor.async_start_new_kernel_client()
        self.kernel_started = True
        return kernel_id

    async def _jinja_cell_generator(self, nb: Any, kernel_id: str) -> AsyncIterator[Any]:
        """Cells as they are done, up to the first that fails (Voila's own goes on when the kernel is dead)."""
        nb, _ = ClearOutputPreprocessor().preprocess(nb, {"metadata": {"path": self.cwd}})
        for index, cell in enumerate(nb.cells):
            try:
                yield await self.executor.execute_cell(cell, None, index, store_history=False)
            except CellExecutionError:
                yield self.executor.strip_code_cell_errors(strip_code_cell_warnings(cell))
                break
        await self._cleanup_resources()

    async def snippets(self, kernel_id: str, manager: Any) -> AsyncIterator[str]:
        """The page in pieces, as they become ready. A failure of the kernel or of the page ends it with a panel."""
        try:
            async for piece, _ in self.generate_content_generator(kernel_id, manager):
                yield piece
            self.complete = True
        except Exception as fault:  # the visitor already has half a page: finish it in words, and log the rest
            self.log.exception("page %s ended early", self.notebook_path)
            where = os.path.basename(self.notebook_path)
            if isinstance(fault, DeadKernelError | RuntimeError | TimeoutError):
                error = RunError("serve.kernel_died", where=where)
            else:
                error = RunError("serve.page_failed", where=where)
            yield f"{error_panel(error.sentence(self.lang), self.lang)}{END_OF_FAILED_PAGE}"
