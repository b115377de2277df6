"""The notebooks that can be run: where they lie, what they declare, and what identifies their content."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from workbench.errors import InputError, WorkbenchError
from workbench.i18n import LANGUAGES
from workbench.schema import Parameters
from workbench.schema.parameters import Field


def folder() -> Path:
    """Where the notebooks lie: $WORKBENCH_NOTEBOOKS, else `notebooks/` beside the package."""
    told = os.environ.get("WORKBENCH_NOTEBOOKS")
    return Path(told).expanduser().resolve() if told else Path(__file__).resolve().parents[2] / "notebooks"


@dataclass(frozen=True)
class Notebook:
    """A notebook with our metadata."""

    path: Path
    name: str  # design/stack_design: path below the notebooks folder, without ending
    document: dict[str, Any]

    @property
    def declared(self) -> dict[str, Any]:
        return self.document["metadata"]["workbench"]

    @property
    def title(self) -> dict[str, str]:
        title = self.declared.get("title", {})
        return {lang: title.get(lang) or self.name for lang in LANGUAGES}

    @cached_property
    def parameters(self) -> type[Parameters]:
        """The class that declares its parameters. Raises InputError when it cannot be imported."""
        module, _, name = str(self.declared.get("parameters", "")).partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as fault:
            raise InputError("run.no_parameters", where=self.path, got=f"{module}:{name}") from fault
        if not (isinstance(found, type) and issubclass(found, Parameters)):
            raise InputError("run.no_parameters", where=self.path, got=f"{module}:{name}")
        return found

    @property
    def subject(self) -> Field | None:
        """The parameter whose values the nightly enumerates; None for a notebook that runs once."""
        name = self.declared.get("subject")
        return self.parameters.field(name) if name else None

    @property
    def reported(self) -> bool:
        """Whether the nightly run makes reports of it; not for a page that is only worked with."""
        return bool(self.declared.get("nightly", True))

    @property
    def reads(self) -> tuple[str, ...]:
        """Kinds of subjects of which it reads every one, not only the chosen one."""
        return tuple(self.declared.get("reads", ()))

    @cached_property
    def source_sha256(self) -> str:
        """Hash of what it says and does: cells and declaration, not outputs or counts."""
        cells = [
            (cell["cell_type"], "".join(cell["source"]), cell.get("metadata", {}).get("tags", []))
            for cell in self.document["cells"]
        ]
        return hashlib.sha256(json.dumps([cells, self.declared], sort_keys=True).encode()).hexdigest()


def read(path: Path, name: str | None = None) -> Notebook:
    """The notebook at `path`. Raises InputError: not readable, not a notebook, without our metadata."""
    try:
        document = json.loads(path.read_text("utf-8"))
        document["cells"], document["metadata"]["workbench"]["parameters"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise InputError("run.not_a_notebook", where=path, got=type(fault).__name__) from fault
    return Notebook(path, name or _name(path), document)


def _name(path: Path) -> str:
    try:
        return path.relative_to(folder()).with_suffix("").as_posix()
    except ValueError:
        return path.stem


def find(word: str) -> Notebook:
    """A notebook by path, by name (`design/stack_design`) or bare name (`stack_design`)."""
    path = Path(word)
    if path.suffix == ".ipynb":
        return read(path.resolve())
    found = [file for file in _files() if word in (_name(file), file.stem)]
    if len(found) != 1:
        known = ", ".join(_name(file) for file in _files())
        raise InputError("run.unknown_notebook", got=word, allowed=known)
    return read(found[0])


@cache
def _standard(word: str) -> dict[str, Any]:
    """The parameters a nightly would use, but for the subject's; nothing for a notebook that is not there."""
    try:
        notebook = find(word)
        subject = notebook.declared.get("subject")
        return {f.name: f.default for f in notebook.parameters.fields() if not f.required and f.name != subject}
    except WorkbenchError:
        return {}


def is_what_if(record: Mapping[str, Any]) -> bool:
    """Whether a run asked with parameters of its own: such a run never stands for its subject."""
    given = record.get("parameters")
    if not isinstance(given, Mapping):
        return False
    return any(given.get(name, value) != value for name, value in _standard(str(record.get("notebook"))).items())


def everything() -> tuple[list[Notebook], list[WorkbenchError]]:
    """Every notebook below the folder that has our metadata, and what is wrong with the others that claim to."""
    good: list[Notebook] = []
    refused: list[WorkbenchError] = []
    for path in _files():
        try:
            notebook = read(path)
            notebook.subject  # noqa: B018  # importing the declaration may fail
            good.append(notebook)
        except InputError as error:
            if '"workbench"' in path.read_text("utf-8", "replace"):
                refused.append(error)
    return good, refused


def _files() -> list[Path]:
    where = folder()
    if not where.is_dir():
        raise InputError("run.no_notebooks", where="WORKBENCH_NOTEBOOKS", got=where)
    hidden = (".", "_")
    return sorted(
        file
        for file in where.rglob("*.ipynb")
        if not any(part.startswith(hidden) for part in file.relative_to(where).parts)
    )
