"""Python values as SQL literals.

Why not parameters: the first parametrised execute of a process makes DuckDB import pandas (1.1 to 1.7 s measured),
which an engineer who saves one form would feel. Strings are quoted by doubling the quote, the whole of SQL's rule
for a standard string; numbers and times pass through their Python types. Nothing else reaches a statement.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from workbench.errors import InputError

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # NUL as json.dumps writes it, not a backslash before "u0000"


def text(value: str) -> str:
    """A quoted string. Raises InputError for what no store can keep (NUL, half a surrogate pair)."""
    if "\0" in value:
        raise InputError("store.text", got=repr(value[:60]))
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError("store.text", got=ascii(value[:60])) from None
    return "'" + value.replace("'", "''") + "'"


def literal(value: object) -> str:
    """`value` as a literal: str, int, float, bool, datetime or None. Any other type is a programming error."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):  # through a string: a bare 0.1 would be read as a DECIMAL first
        return f"CAST('{float(value)!r}' AS DOUBLE)"
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, str):
        return text(value)
    raise TypeError(f"no SQL literal for {type(value).__name__}")


def values(rows: Iterable[Iterable[object]]) -> str:
    """``(1, 'a'), (2, 'b')``: the rows of a VALUES list."""
    return ", ".join("(" + ", ".join(literal(value) for value in row) + ")" for row in rows)


def utc(moment: datetime | date | str | None) -> datetime | None:
    """A moment as the store keeps it: UTC without zone. A moment without zone is taken as UTC.

    Raises InputError for text that is not ISO 8601.
    """
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise InputError("store.moment", got=repr(moment), allowed="ISO 8601, 2026-01-31T12:00:00+00:00") from None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def canonical(value: object) -> str:
    """JSON with one spelling per value (sorted keys, no spaces): what content hashes are made of.

    Raises InputError for what JSON cannot say (NaN, an object of another type).
    """
    return _json(value, sort_keys=True)


def document(value: Mapping | list | None) -> str | None:
    """JSON as stored: the keys stay in the order they were given."""
    return None if value is None else _json(value, sort_keys=False)


def _json(value: object, *, sort_keys: bool) -> str:
    try:
        written = json.dumps(value, sort_keys=sort_keys, ensure_ascii=False, separators=(",", ":"), allow_nan=False,
                             default=_plain)  # fmt: skip
        written.encode("utf-8")
    except (TypeError, ValueError) as why:
        raise InputError("store.document", got=str(why)) from None
    if _NUL.search(written):  # PostgreSQL cannot keep it
        raise InputError("store.text", got="\\u0000")
    return written


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def finite(value: float) -> bool:
    return not (math.isnan(value) or math.isinf(value))
