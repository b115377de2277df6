"""The notebooks that are offered as pages: what they are called and which parameters they take."""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import InputError
from workbench.i18n import LANGUAGES
from workbench.schema import Parameters

AREAS = ("design", "process", "validation")  # folders of notebooks/, in the order of the work


@dataclass(frozen=True)
class Page:
    """One notebook as a page. `path` is relative to the notebooks folder, with forward slashes."""

    path: str
    title: dict[str, str]
    description: dict[str, str]
    parameters: str = ""  # "module:Class" of its Parameters, empty when it takes none

    @property
    def area(self) -> str:
        return self.path.partition("/")[0]

    def declaration(self) -> type[Parameters] | None:
        """The class that declares this page's parameters."""
        if not self.parameters:
            return None
        module, _, name = self.parameters.partition(":")
        return getattr(importlib.import_module(module), name)


def notebooks_folder() -> Path:
    """Where the notebooks lie: $WORKBENCH_NOTEBOOKS, else `notebooks/` beside the package."""
    chosen = os.environ.get("WORKBENCH_NOTEBOOKS")
    folder = Path(chosen).expanduser() if chosen else Path(__file__).resolve().parents[2] / "notebooks"
    if not folder.is_dir():
        raise InputError("serve.no_notebooks", where="WORKBENCH_NOTEBOOKS", got=folder)
    return folder.resolve()


def pages(folder: Path) -> tuple[Page, ...]:
    """The pages of `folder`: its notebooks with a title for readers, in the order of the work.

    A notebook without `metadata.workbench.title`, or that is not readable, is nobody's page and is left out.
    """
    found = [page for file in sorted(folder.rglob("*.ipynb")) if (page := _read(file, folder))]
    return tuple(sorted(found, key=lambda p: (AREAS.index(p.area) if p.area in AREAS else len(AREAS), p.path)))


def _read(file: Path, folder: Path) -> Page | None:
    relative = file.relative_to(folder)
    if any(part.startswith(".") for part in relative.parts):  # checkpoints and other hidden things
        return None
    try:
        metadata = json.loads(file.read_text("utf-8"))["metadata"]["workbench"]
        title = {lang: str(metadata["title"][lang]) for lang in LANGUAGES}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    described = metadata.get("description") or {}
    description = {lang: str(described.get(lang, "")) for lang in LANGUAGES}
    return Page(relative.as_posix(), title, description, str(metadata.get("parameters", "")))
