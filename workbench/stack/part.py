"""What every part of a design document shares: frozen, closed to unknown fields, each figure with its source.

Each part names the figures that rest on no source that was read (`unverified`), so that screens can flag exactly those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workbench.errors import InputError

TOLERANCE_MM = 1e-6  # one nanometre: touching is allowed, overlap is not

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]*$")]
Label = Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f]*$")]  # a net, port or bump; empty: none
Words = Annotated[str, Field(max_length=1000)]
Thickness = Annotated[float, Field(gt=0, le=20_000)]
Span = Annotated[float, Field(ge=TOLERANCE_MM, le=1_000)]  # below it no overlap can be told
Offset = Annotated[float, Field(ge=-1_000, le=1_000)]
OffsetUm = Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
SpanUm = Annotated[float, Field(gt=0, le=1_000_000)]
Pitch = Annotated[float, Field(gt=0, le=5_000)]
Power = Annotated[float, Field(ge=0, le=100_000)]


class Part(BaseModel):
    """A part of a document: frozen, no unknown field, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    source: Words = ""
    unverified: tuple[Name, ...] = Field(default=(), max_length=40)

    @model_validator(mode="after")
    def _unverified_names_exist(self):
        for name in self.unverified:
            if name not in type(self).model_fields:
                fields = ", ".join(f for f in type(self).model_fields if f not in ("source", "unverified"))
                raise InputError("design.unverified_unknown", where=type(self).__name__, got=name, allowed=fields)
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed (not validated again). What was worked out from the old ones is forgotten."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields:
            del copied.__dict__[name]
        return copied

    def is_verified(self, field: str) -> bool:
        return field not in self.unverified


def all_different(place: str, names: list[str]) -> None:
    """Raises InputError naming the first name that is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError("design.duplicate", where=place, got=name)
        seen.add(name)
