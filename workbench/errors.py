"""The one family of errors a user may see: rule, where, got, allowed and the next step, in both languages.

The rule names two sentences of the catalogue (what happened, what to do next); the rest are the facts of the case.
Exit codes are fixed and part of the interface; the table in `docs/reference/exit-codes.md` is generated from here.
"""

from __future__ import annotations

from workbench.i18n import LANGUAGES, t


class WorkbenchError(Exception):
    """Something a user can understand and mend. `values` fill the placeholders of the rule's sentences."""

    exit_code = 70

    def __init__(self, rule: str, *, where: object = "", got: object = "", allowed: object = "", **values: object):
        self.rule, self.where, self.got, self.allowed, self.values = rule, str(where), str(got), str(allowed), values
        super().__init__(self.sentence("en"))

    def __reduce__(self):  # errors cross process borders: keyword arguments must survive pickling
        return _rebuild, (type(self), self.rule, self.where, self.got, self.allowed, self.values)

    def what(self, lang: str | None = None) -> str:
        return t(f"error.{self.rule}.what", lang, **self.values)

    def fix(self, lang: str | None = None) -> str:
        return t(f"error.{self.rule}.fix", lang, **self.values)

    def sentence(self, lang: str | None = None) -> str:
        """One line: what, where, got, allowed, next step."""
        stop = "。" if (lang or "en") == "zh-Hant" else ". "
        parts = [self.what(lang)]
        parts += [
            f"{t('label.' + name, lang)}: {value}"
            for name, value in (("where", self.where), ("got", self.got), ("allowed", self.allowed))
            if value
        ]
        parts.append(f"{t('label.fix', lang)}: {self.fix(lang)}")
        return stop.join(parts).strip() + stop.strip()

    def as_dict(self, lang: str | None = None) -> dict[str, str]:
        return {
            "rule": self.rule,
            "what": self.what(lang),
            "where": self.where,
            "got": self.got,
            "allowed": self.allowed,
            "fix": self.fix(lang),
        }

    def both(self) -> str:
        """The sentence in every language, one line each."""
        return "\n".join(self.sentence(lang) for lang in LANGUAGES)


def _rebuild(cls: type[WorkbenchError], rule: str, where: str, got: str, allowed: str, values: dict) -> WorkbenchError:
    return cls(rule, where=where, got=got, allowed=allowed, **values)


class RuleViolation(WorkbenchError):
    """The input was read and understood, and breaks a rule (a design rule, a limit)."""

    exit_code = 1


class InputError(WorkbenchError):
    """A parameter, file or document was refused."""

    exit_code = 2


class DomainError(InputError):
    """A physical or statistical function was asked for a value outside its range of validity."""


class StoreError(WorkbenchError):
    """The store cannot be read or written; nothing was lost."""

    exit_code = 3


class RunError(WorkbenchError):
    """A notebook run could not be completed, so a report could not be made."""

    exit_code = 4


class BusyError(WorkbenchError):
    """Someone else holds what may have only one holder at a time."""

    exit_code = 5


class MissingToolError(WorkbenchError):
    """A program this step needs is not installed."""

    exit_code = 6


EXIT_FAULT = 70  # a defect of the workbench itself; the traceback is in the log, or shown by --debug
EXIT_INTERRUPTED = 130
