"""A change of a design as a sentence, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.i18n import catalogue, language, t
from workbench.units import UNITS

if TYPE_CHECKING:
    from workbench.stack.diff import Change

_AXES = {"x_mm": "x", "y_mm": "y", "x_um": "x", "y_um": "y"}
_CHOICES = {"facing", "side", "role", "method", "pattern", "carrier", "assembly", "kind", "flow"}  # words of the model
_SHOWN = 6  # pins or names in a sentence before it says how many more


def part(change: Change, lang: str | None = None) -> str:
    """The part in words. A group of parts is its number and the first names."""
    if change.what.startswith("many_"):
        what = change.what.removeprefix("many_")
        return t("diff.many", lang, count=f"{change.count:,}", parts=t(f"diff.parts.{what}", lang), names=change.name)
    return t(f"diff.part.{change.what}", lang, name=change.name)


def sentence(change: Change, lang: str | None = None) -> str:
    words = part(change, lang)
    if not change.field:
        detail = _detail(change, lang)
        return t(f"diff.with.{change.kind}" if detail else f"diff.whole.{change.kind}", lang, part=words, detail=detail)
    leaf = change.field.rsplit(".", 1)[-1]
    if change.what.startswith("many_") and change.before is change.after is None:
        by = _signed(change.by, change.unit) if change.by is not None else ""
        return t("diff.all_by" if by else "diff.all_changed", lang, part=words, field=field_words(change.field, lang),
                 by=by)  # fmt: skip
    if leaf == "name" and change.kind == "changed":
        return t("diff.renamed", lang, part=t(f"diff.part.{change.what}", lang, name=change.before), name=change.after)
    if leaf == "position":
        return t("diff.position", lang, part=words, before=change.before, after=change.after)
    if leaf in ("count", "sites", "positions") and change.what in ("bumps", "vias"):
        return _features(change, words, leaf, lang)
    if leaf in _AXES and change.by is not None:
        return t("diff.shifted", lang, part=words, by=_signed(change.by, change.unit), axis=_AXES[leaf])
    if leaf == "angle_deg" and change.by is not None:
        return t("diff.turned", lang, part=words, by=_signed(change.by, "deg"))
    if leaf == "pins":
        pins = change.after if change.kind == "added" else change.before
        return t(f"diff.pins.{change.kind}", lang, part=words, pins=_some(pins, lang))
    if leaf == "unverified":
        return _flags(change, words, lang)
    shown = {"part": words, "field": field_words(change.field, lang)}
    if isinstance(change.before, dict) or isinstance(change.after, dict):
        return t(f"diff.inner.{change.kind}", lang, **shown)
    if isinstance(change.before, tuple) and isinstance(change.after, tuple) and max(
        len(change.before), len(change.after)
    ) > _SHOWN:  # fmt: skip
        whole = max(len(change.before), len(change.after))
        return t("diff.entries", lang, count=f"{change.count:,}", whole=f"{whole:,}", **shown)
    unit = UNITS[change.unit].symbol if change.unit else ""
    before, after = (value_words(value, leaf, lang) for value in (change.before, change.after))
    tail = "" if not unit or change.after is None else unit if unit in ("°", "%") else f" {unit}"
    return t("diff.changed", lang, before=before, after=after + tail, **shown)


def _detail(change: Change, lang: str | None) -> str:
    """How many bumps came or went with a part, what a net or connection joins, of which type a die is."""
    said = change.after if change.kind == "added" else change.before
    if change.what.startswith("many_"):
        return ""
    if change.what in ("bumps", "vias", "region"):
        sign = 1 if change.kind == "added" else -1
        some = change.count > 1 or change.what != "region"
        return t(f"diff.features.{change.what}", lang, count=_signed(sign * change.count, "")) if some else ""
    return _some(said, lang) if isinstance(said, tuple) else str(said or "")


def field_words(field: str, lang: str | None = None) -> str:
    """``bond.pitch_um`` is the pitch; inside other records the record is named too (``tsv.pitch_um``: TSV pitch)."""
    steps = [step for step in field.split(".") if step != "bond" or field == "bond"]
    return " ".join(_word(f"diff.field.{step}", step, lang) for step in steps)


def value_words(value: Any, leaf: str, lang: str | None = None) -> str:
    """A value as it is read: numbers to six digits, a choice in words, nothing as "none"."""
    if value is None or value in ((), ""):
        return t("diff.none", lang)
    if isinstance(value, bool):
        return t("diff.yes" if value else "diff.no", lang)
    if isinstance(value, int | float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, tuple | list):
        return _some([str(one) for one in value], lang)
    if leaf in _CHOICES:
        of_model = {"assembly": f"design.assembly.{value}", "kind": f"design.layer.{value}",
                    "flow": f"design.flow.{value}"}  # fmt: skip
        return _word(of_model.get(leaf, f"diff.word.{value}"), str(value), lang)
    return str(value)


def _word(key: str, fallback: str, lang: str | None) -> str:
    """A field the catalogue does not know yet is shown by its own name rather than not at all."""
    return t(key, lang) if key in catalogue() else fallback


def _features(change: Change, words: str, leaf: str, lang: str | None) -> str:
    if leaf == "count":
        by = t(f"diff.features.{change.what}", lang, count=_signed(change.by, ""))
        return t("diff.counted", lang, part=words, by=by, before=f"{change.before:,}", after=f"{change.after:,}")
    if leaf == "positions":
        features = t(f"diff.features.{change.what}", lang, count=f"{change.count:,}")
        return t("diff.positions", lang, part=words, features=features, by=f"{change.by:,.6g} µm")
    return t("diff.sites", lang, part=words, before=change.before, after=change.after)


def _flags(change: Change, words: str, lang: str | None) -> str:
    """Which figures rest on a source now and which no longer do."""
    before, after = set(change.before or ()), set(change.after or ())
    stop = "；" if (lang or language()) == "zh-Hant" else "; "
    said = []
    for key, names in (("diff.now_verified", before - after), ("diff.now_unverified", after - before)):
        if names:
            fields = _some([field_words(name, lang) for name in sorted(names)], lang)
            said.append(t(key, lang, part=words, fields=fields))
    return stop.join(said) or t("diff.all_changed", lang, part=words, field=field_words(change.field, lang), by="")


def _some(names: Any, lang: str | None) -> str:
    comma = "、" if (lang or language()) == "zh-Hant" else ", "
    names = list(names)
    more = [t("diff.more", lang, count=f"{len(names) - _SHOWN:,}")] if len(names) > _SHOWN else []
    return comma.join(names[:_SHOWN] + more)


def _signed(by: float, unit: str) -> str:
    number = f"{by:+,.6g}" if abs(by) < 1e6 else f"{by:+,.0f}"
    symbol = UNITS[unit].symbol if unit else ""
    return number.replace("-", "−") + (symbol if symbol in ("", "°") else f" {symbol}")
