"""Parameters of a page from its address: ``?design_id=poc-face-to-face&wafer_diameter_mm=300``.

What arrives is text from anywhere. It passes the page's own declaration, and what is handed to the notebook is
written again from the checked values as Python literals: no character of the address reaches the interpreter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import nbformat
from nbformat import NotebookNode

from workbench.errors import InputError
from workbench.schema import Parameters

RESERVED = frozenset({"lang"})  # names of the address that are ours, not the notebook's


def given_values(
    declaration: type[Parameters] | None, arguments: Mapping[str, Sequence[str]]
) -> dict[str, str | int | float | bool | None]:
    """The values named in the address, checked by `declaration`; the defaults stay the notebook's.

    Errors: InputError for an unknown name, a name given twice, or a value the declaration refuses.
    """
    named = {name: values for name, values in arguments.items() if name not in RESERVED}
    if not named:
        return {}
    if declaration is None:
        raise InputError("serve.no_parameters", where=next(iter(named)))
    for name, values in named.items():
        if len(values) != 1:
            raise InputError("serve.given_twice", where=name, got=len(values), allowed=1)
    checked = declaration.from_strings({name: values[0] for name, values in named.items()}).as_dict()
    return {name: checked[name] for name in named}


def inject(notebook: NotebookNode, values: Mapping[str, str | int | float | bool | None]) -> NotebookNode:
    """`notebook` with a cell after its `parameters` cell that sets `values` (the notebook itself when there are none).

    Errors: InputError when the notebook has no such cell or a value has no literal form.
    """
    if not values:
        return notebook
    position = next((i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())), None)
    if position is None:
        raise InputError("serve.no_parameters", where=next(iter(values)))
    source = "\n".join(f"{name} = {_literal(name, value)}" for name, value in values.items())
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(position + 1, cell)
    return notebook


def _literal(name: str, value: str | int | float | bool | None) -> str:
    plain = value is None or type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
    if not plain or not name.isidentifier():
        raise InputError("serve.no_literal", where=name, got=type(value).__name__)
    return repr(value)
