"""What the columns of a table mean: a document that is made once per source and kept."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping as Document
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import InputError

ROLES = (
    "reading",  # a parameter measured on the part of the row (wide tables)
    "parameter", "value",  # the parameter's name and what was measured (long tables)
    "unit", "lower", "upper", "target",  # of the parameter of the row (long tables)
    "lot", "product", "carrier", "position", "x", "y", "part_id", "attempt",
    "head", "site", "hard_bin", "soft_bin", "passed", "test_time_s",
    "time", "equipment", "chamber", "operator", "recipe", "step", "material_batch",
    "ignore",
)  # fmt: skip
CONDITIONS = ("equipment", "chamber", "operator", "recipe", "step", "material_batch")
_ONCE = frozenset(ROLES) - {"reading", "ignore"}
MOST_COLUMNS = 16_384
_Name = Field(min_length=1, max_length=500)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Column(_Frozen):
    """A column by its name in the file, and what it is. `parameter`, `unit` and limits are of a reading; `parameter`
    is the column's name where it is empty. `site` names the place on the part or wafer that a reading was taken at:
    columns of several sites then are one parameter on several parts."""

    name: str = _Name
    role: Literal[ROLES]
    parameter: str = Field("", max_length=500)
    unit: str = Field("", max_length=60)
    site: str = Field("", max_length=100)
    lower: float | None = None
    upper: float | None = None
    target: float | None = None


class Mapping(_Frozen):
    """What a source's columns mean, and how its tables are written where that cannot be seen.

    Of several rows of one part (by position, else x and y, else part_id) each is a further attempt. Without any of
    these every row is a part. `carrier` names the carrier of all rows where no column does; `{row}` in it stands for
    the number of the row from 1, for tables in which each row is a wafer. `lot` and `product` likewise.
    """

    schema_version: Literal[1] = 1
    columns: tuple[Column, ...] = Field(min_length=1, max_length=MOST_COLUMNS)
    carrier: str = Field("", max_length=200)
    carrier_kind: Literal["wafer", "panel", "tray", "strip"] = "wafer"
    lot: str = Field("", max_length=200)
    product: str = Field("", max_length=200)
    delimiter: Literal["", ",", ";", "\t", "|"] = ""
    decimal: Literal["", ".", ","] = ""
    header_line: int | None = Field(None, ge=0, le=1_000)  # 0: the table has no names; None: found
    sheet: str = Field("", max_length=100)

    @model_validator(mode="after")
    def _fits(self) -> Mapping:
        twice = [name for name, count in Counter(column.name for column in self.columns).items() if count > 1]
        if twice:
            raise ValueError(f"mapping_twice:{twice[0]}")
        roles = Counter(column.role for column in self.columns)
        for role in _ONCE:
            if roles[role] > 1:
                raise ValueError(f"mapping_role:{role}")
        if bool(roles["value"]) != bool(roles["parameter"]) or (roles["value"] and roles["reading"]):
            raise ValueError("mapping_form:")
        if ("x" in roles) != ("y" in roles):
            raise ValueError("mapping_xy:")
        pairs = Counter((column.parameter or column.name, column.site) for column in self.columns
                        if column.role == "reading")  # fmt: skip
        same = [pair for pair, count in pairs.items() if count > 1]
        if same:
            raise ValueError(f"mapping_parameter:{same[0][0]}")
        return self

    @property
    def long(self) -> bool:
        return any(column.role == "value" for column in self.columns)

    def of(self, role: str) -> Column | None:
        """The column of a role that is there once at most."""
        return next((column for column in self.columns if column.role == role), None)

    def document(self) -> dict[str, Any]:
        """Plain data for JSON; what is not said is left out."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"schema_version": 1}


def made(document: Mapping | Document[str, Any]) -> Mapping:
    """A mapping from its document. Raises InputError that says what is wrong with it, and where."""
    if isinstance(document, Mapping):
        return document
    try:
        return Mapping.model_validate(json.loads(json.dumps(document)))
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "mapping"
        kind, _, got = str(first.get("ctx", {}).get("error", "")).partition(":")
        if kind.startswith("mapping_"):
            raise InputError(f"tabular.{kind}", where=where, got=got[:80]) from None
        got = first.get("input")
        allowed = ", ".join(ROLES) if first["loc"][-1:] == ("role",) else ""
        raise InputError("tabular.mapping", where=where, got=str(got)[:80], allowed=allowed) from None
    except (TypeError, ValueError) as fault:
        raise InputError("tabular.mapping", where="mapping", got=str(fault)[:80]) from None


def source_key(names: Sequence[str]) -> str:
    """A key for what a source writes, by the names of its columns in their order: mappings are kept under it."""
    return hashlib.sha256(json.dumps(list(names), ensure_ascii=False).encode()).hexdigest()[:32]
