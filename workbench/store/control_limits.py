"""Control limits, frozen by version: what a chart of a lot or product is held against, from which data, by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.store.append import append, document_sha256, prepare
from workbench.store.literals import literal
from workbench.store.tables import BY_NAME

if TYPE_CHECKING:
    from workbench.store.store import Store

_SHOWN = ("subject_kind", "subject_id", "parameter", "chart", "version", "document", "document_sha256", "from_data",
          "frozen_by", "recorded_at")  # fmt: skip


class ControlLimits:
    """Limits of charts. The document is that of `workbench.process.quality.limits`."""

    def __init__(self, store: Store):
        self._store = store

    def freeze(self, subject_id: str, parameter: str, chart: str, document: Mapping[str, Any], *, frozen_by: str,
               from_data: Mapping[str, Any], subject_kind: str = "product") -> int:  # fmt: skip
        """Freeze limits as the next version; its number. The same again adds nothing and gives the present number.
        `from_data` says what they were made of (lots, how many units, between which moments). `subject_kind`:
        "product" or "lot". Raises InputError: not plain data, another kind.
        """
        row = {"subject_kind": subject_kind, "subject_id": subject_id, "parameter": parameter, "chart": chart,
               "document": dict(document), "document_sha256": document_sha256(dict(document)),
               "from_data": dict(from_data), "frozen_by": frozen_by}  # fmt: skip
        ready = prepare(BY_NAME["control_limits"], [row])
        key = f"control_limits:{subject_kind}:{subject_id}:{parameter}:{chart}"
        where = _where(subject_kind, subject_id, parameter, chart)
        with self._store.writing("freeze limits", key) as session:
            there = session.rows(f"SELECT version, document_sha256, from_data FROM current_control_limits {where}")
            if there and there[0]["document_sha256"] == ready[0].values["document_sha256"] \
                    and there[0]["from_data"] == ready[0].values["from_data"]:
                return there[0]["version"]
            append(session, BY_NAME["control_limits"], ready)
            return there[0]["version"] + 1 if there else 1

    def current(self, subject_id: str, parameter: str, chart: str, *, subject_kind: str = "product",
                version: int | None = None) -> dict | None:  # fmt: skip
        """The limits in force, or those of a `version`, with what they were made of; None where none were frozen."""
        where = _where(subject_kind, subject_id, parameter, chart)
        where += "" if version is None else f" AND version = {int(version)}"
        with self._store.reading() as session:
            rows = session.rows(f"SELECT {', '.join(_SHOWN)} FROM control_limits {where} ORDER BY version DESC LIMIT 1")
        return rows[0] if rows else None

    def list(self, subject_id: str | None = None) -> list[dict]:
        """Every version of the limits of a lot or product, or of all, by subject, parameter, chart and version."""
        where = "" if subject_id is None else f"WHERE subject_id = {literal(subject_id)}"
        with self._store.reading() as session:
            return session.rows(f"SELECT {', '.join(_SHOWN)} FROM control_limits {where} "
                                "ORDER BY subject_kind, subject_id, parameter, chart, version")  # fmt: skip


def _where(subject_kind: str, subject_id: str, parameter: str, chart: str) -> str:
    return (f"WHERE subject_kind = {literal(subject_kind)} AND subject_id = {literal(subject_id)} AND "
            f"parameter = {literal(parameter)} AND chart = {literal(chart)}")  # fmt: skip
