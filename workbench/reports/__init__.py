"""Static reports: one self-contained HTML file per run, its PDF, the site index and the compare page.

Nothing is imported here: screens need only `workbench.reports.look`, and the worker process that draws
charts must start without templates or Markdown.
"""

from __future__ import annotations

__all__ = ["render"]


def __getattr__(name: str) -> object:
    if name == "render":
        from workbench.reports.page import render

        return render
    raise AttributeError(name)
