"""The facets designs are narrowed by: words (assembly, node, role ...) and ranges of figures (pitch, area, power)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError
from workbench.i18n import t
from workbench.store.literals import finite, literal, text
from workbench.store.session import Session

ORIGINS = ("own", "reference", "example")
_WORDS = {"assembly": "assembly", "carrier": "carrier", "origin": "origin", "project": "coalesce(project_id, '')",
          "verdict": "verdict"}  # fmt: skip
_LISTS = {"node": "nodes", "role": "roles", "method": "methods"}
_STEPS = {  # figure: column, upper ends of its classes; the last class is open
    "pitch": ("finest_pitch_um", (3, 10, 25, 55, 100, 200)),
    "area": ("silicon_area_mm2", (10, 50, 100, 400, 800, 1600)),
    "power": ("power_w", (1, 5, 20, 100, 400, 1000)),
    "dies": ("die_count", (1, 2, 4, 8, 16)),
}
_UNITS = {"pitch": "µm", "area": "mm²", "power": "W", "node": "nm"}
RANGES = ("finest_pitch_um", "silicon_area_mm2", "footprint_mm2", "power_w", "power_density_w_per_mm2", "die_count",
          "tier_count", "unverified_count")  # fmt: skip
FACETS = (*_WORDS, *_LISTS, *_STEPS)


@dataclass(frozen=True)
class FacetCount:
    """One value of a facet and how many designs it would leave. An empty value: none (no verdict, no project)."""

    facet: str
    value: str
    count: int

    def words(self, lang: str | None = None) -> str:
        """The value as it is read: ``face to face``, ``7 nm``, ``3 – 10 µm``."""
        return words(self.facet, self.value, lang)


def words(facet: str, value: str, lang: str | None = None) -> str:
    if not value:
        return t("reuse.none", lang)
    if facet in _STEPS:
        low, high = value.split("..")
        number = f"{low} – {high}" if low and high else f"> {low}" if low else f"≤ {high}"
        if facet == "dies" and high and int(high) - int(low or 0) == 1:
            number = high
        return f"{number} {_UNITS.get(facet, '')}".strip()
    if facet == "node":
        return f"{value} nm"
    if facet == "origin":
        return t(f"reuse.origin.{value}", lang)
    if facet == "verdict":
        return t(f"verdict.{value}", lang)
    if facet == "project":
        return value
    from workbench.stack.change_words import value_words

    return value_words(value, facet, lang)


def tests(chosen: Mapping[str, str | Sequence[str]]) -> dict[str, str]:
    """SQL conditions by facet; several values of one facet are alternatives. Raises InputError for an unknown facet or
    class.
    """
    found = {}
    for facet, values in chosen.items():
        if facet not in FACETS:
            raise InputError("reuse.facet", got=facet, allowed=", ".join(FACETS))
        values = [values] if isinstance(values, str) else list(values)
        if values:
            found[facet] = f"coalesce({' OR '.join(_test(facet, str(value)) for value in values)}, false)"
    return found


def _test(facet: str, value: str) -> str:
    if facet in _WORDS:
        return f"{_WORDS[facet]} = {text(value)}"
    if facet in _LISTS:
        listed = _LISTS[facet]
        return f"contains({listed}, {text(f'|{value}|')})" if value else f"{listed} = '|'"
    column, ends = _STEPS[facet]
    known = [f"{low}..{high}" for low, high in zip(("", *ends), (*ends, ""), strict=True)]
    if value == "":
        return f"{column} IS NULL"
    if value not in known:
        raise InputError("reuse.facet_value", where=facet, got=value, allowed=", ".join(known))
    low, high = value.split("..")
    limits = [f"{column} > {low}"] * bool(low) + [f"{column} <= {high}"] * bool(high)
    return f"({' AND '.join(limits)})"


def bounds(ranges: Mapping[str, Sequence]) -> list[str]:
    """SQL conditions of figures between two values, either of which may be None. Raises InputError for an unknown
    figure or what is no number.
    """
    found = []
    for name, limits in ranges.items():
        if name not in RANGES:
            raise InputError("reuse.facet", got=name, allowed=", ".join(RANGES))
        try:
            low, high = (None if limit is None else float(limit) for limit in limits)
        except (TypeError, ValueError):
            raise InputError("reuse.range", where=name, got=limits) from None
        if any(limit is not None and not finite(limit) for limit in (low, high)):
            raise InputError("reuse.range", where=name, got=limits)
        found += [f"{name} >= {literal(low)}"] if low is not None else []
        found += [f"{name} <= {literal(high)}"] if high is not None else []
    return found


def counts(session: Session, tests: Mapping[str, str]) -> dict[str, tuple[FacetCount, ...]]:
    """Every facet's values in the table `found`, each with how many designs it leaves; words by how many, classes and
    nodes in their order. Columns ``ok_<facet>`` say whether a design passes that facet.
    """
    asked = []
    for facet in FACETS:
        others = " AND ".join(f"ok_{name}" for name in tests if name != facet) or "true"
        asked.append(f"SELECT '{facet}' AS facet, value, count(*) AS count FROM "
                     f"(SELECT {_value(facet)} AS value FROM found WHERE {others}) GROUP BY value")  # fmt: skip
    found: dict[str, list[FacetCount]] = {facet: [] for facet in FACETS}
    for facet, value, count in session.tuples(" UNION ALL ".join(asked)):
        if value is not None:
            found[facet].append(FacetCount(facet, value, count))
    return {facet: tuple(sorted(rows, key=lambda row: _order(facet, row))) for facet, rows in found.items()}


def _value(facet: str) -> str:
    if facet in _WORDS:
        return _WORDS[facet]
    if facet in _LISTS:
        return f"unnest(string_split(trim({_LISTS[facet]}, '|'), '|'))"
    column, ends = _STEPS[facet]
    steps = " ".join(f"WHEN {column} <= {high} THEN '{low}..{high}'"
                     for low, high in zip(("", *ends), ends, strict=False))  # fmt: skip
    return f"CASE WHEN {column} IS NULL THEN '' {steps} ELSE '{ends[-1]}..' END"


def _order(facet: str, row: FacetCount) -> tuple[Any, ...]:
    if not row.value:
        return (2, 0, "")
    if facet == "node":
        return (1, float(row.value), "")
    if facet in _STEPS:
        return (1, float(row.value.split("..")[0] or 0), "")
    return (1, -row.count, row.value)
