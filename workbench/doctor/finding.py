"""What one check of the machine found, and the command that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.i18n import t

State = Literal["ok", "warning", "missing"]


@dataclass(frozen=True)
class Finding:
    """`check` names what was looked at; `key` is the sentence of the catalogue, filled with `values`.

    "missing" means that `make run` cannot do its work; a "warning" says what will be absent or slower.
    `cure` is a command to copy, empty where there is nothing to mend.
    """

    check: str
    state: State
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    cure: str = ""

    def title(self, lang: str | None = None) -> str:
        return t(f"doctor.title.{self.check}", lang)

    def sentence(self, lang: str | None = None) -> str:
        return t(self.key, lang, **self.values)

    def as_dict(self, lang: str | None = None) -> dict[str, str]:
        return {
            "check": self.check,
            "title": self.title(lang),
            "state": self.state,
            "found": self.sentence(lang),
            "cure": self.cure,
        }


def ok(check: str, key: str, **values: Any) -> Finding:
    return Finding(check, "ok", key, values)


def warning(check: str, key: str, *, cure: str, **values: Any) -> Finding:
    return Finding(check, "warning", key, values, cure)


def missing(check: str, key: str, *, cure: str, **values: Any) -> Finding:
    return Finding(check, "missing", key, values, cure)
