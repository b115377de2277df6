"""The form that asks what the columns of a table mean: a row for each, those nobody can know first and marked.

One widget, whatever the number of columns: the browser makes a table of plain fields, each with its label, and sends
back what was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from workbench.cli.lot.files import finite
from workbench.formats.tabular import ROLES
from workbench.formats.tabular.guess import Described
from workbench.i18n import language, t

_HERE = Path(__file__).parent
MOST_ROWS = 300
FIELDS = ("parameter", "unit", "site", "lower", "target", "upper")  # of a reading
_FIGURES = frozenset({"lower", "target", "upper"})
_WORDS = ("caption", "column", "first", "role", "ask", "empty", *FIELDS)
GROUPS = {
    "measured": ("reading", "parameter", "value", "unit", "lower", "target", "upper", "ignore"),
    "where": ("lot", "product", "carrier", "position", "x", "y", "part_id", "attempt"),
    "tester": ("hard_bin", "soft_bin", "passed", "head", "site", "test_time_s"),
    "how": ("time", "equipment", "chamber", "operator", "recipe", "step", "material_batch"),
}


class ColumnsForm(anywidget.AnyWidget):
    """`ask(columns, document, unknown)` shows the columns as the mapping has them; `answer()` gives them as answered.
    Beyond `MOST_ROWS` columns keep what the mapping says of them; `beyond` counts them.
    """

    _esm = _HERE / "columns.js"
    _css = _HERE / "style.css"

    words = traitlets.Dict().tag(sync=True)
    roles = traitlets.List().tag(sync=True)  # [group, [[role, words], ...]]
    rows = traitlets.List().tag(sync=True)
    answers = traitlets.List().tag(sync=True)  # a document of texts a row

    def __init__(self):
        lang = language()
        super().__init__(
            words={name: t(f"importing.columns.{name}", lang) for name in _WORDS},
            roles=[[t(f"importing.group.{group}", lang), [[role, role_words(role)] for role in roles]]
                   for group, roles in GROUPS.items()],
        )  # fmt: skip
        self._said: dict[str, Mapping[str, Any]] = {}
        self._shown: list[str] = []

    @property
    def beyond(self) -> int:
        return len(self._said) - len(self._shown)

    def ask(self, columns: Iterable[Described], document: Mapping[str, Any], unknown: Iterable[str]) -> None:
        """Show `columns` with what the mapping `document` says of each, the `unknown` first."""
        asked = frozenset(unknown)
        self._said = {column["name"]: column for column in document["columns"]}
        ordered = sorted((each for each in columns if each.name in self._said), key=lambda each: each.name not in asked)
        self._shown = [each.name for each in ordered[:MOST_ROWS]]
        rows = [{"name": each.name, "first": [word for word in each.first if word], "ask": each.name in asked}
                for each in ordered[:MOST_ROWS]]  # fmt: skip
        with self.hold_sync():
            self.answers = [_texts(self._said[name]) for name in self._shown]
            self.rows = rows

    def answer(self) -> list[dict[str, Any]]:
        """The columns of a mapping as answered, in the order of the table. Raises InputError: a limit that is no
        number.
        """
        given = dict(zip(self._shown, self.answers, strict=True))
        return [_document(name, given[name]) if name in given else dict(said) for name, said in self._said.items()]


def role_words(role: str) -> str:
    """What a role is called."""
    return t(f"importing.role.{role}", language())


def _texts(column: Mapping[str, Any]) -> dict[str, str]:
    texts = {field: str(column.get(field, "")) for field in FIELDS}
    if column["role"] == "reading" and not texts["parameter"]:
        texts["parameter"] = column["name"]
    return {"role": column["role"], **texts}


def _document(name: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    role = str(answer.get("role", ""))
    made: dict[str, Any] = {"name": name, "role": role if role in ROLES else role[:60]}
    if role != "reading":
        return made
    for field in FIELDS:
        word = str(answer.get(field, "")).strip()
        if word:
            made[field] = finite(word, f"{name} [{t('importing.columns.' + field, language())}]") \
                if field in _FIGURES else word  # fmt: skip
    return made
