"""What changed between two designs, in words of the field.

Parts are matched by name; a part that vanished and one that appeared are the same, renamed, where most of what they say
agrees. The walk follows the model's own fields, so a field that the model gains later is compared too. Fields of bumps
are compared as patterns: two and a half thousand bumps more are one change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from workbench.i18n import t
from workbench.stack import change_words
from workbench.stack.connections import Connection, End, Net, PathAssertion, Pin, Step
from workbench.stack.document import Design, Die, Layer, Metal, Placement, PowerBlock
from workbench.stack.part import Part
from workbench.stack.patterns import Grid, Points, Region
from workbench.stack.renaming import renamed
from workbench.units import unit_of

MOST_ALIKE = 12  # more changes of one kind than this become one line

# What a part is called in a sentence (`diff.part.<word>`).
WORD_OF: dict[type[Part], str] = {
    Design: "design", Die: "die", Layer: "layer", Placement: "placement", Region: "region", Grid: "bumps",
    Points: "bumps", PowerBlock: "power_block", Metal: "metal", Connection: "connection", Net: "net",
    PathAssertion: "path",
}  # fmt: skip
_ORDERED = {"layers", "metals"}  # lists whose order says something; elsewhere only what is in them counts
_KEYS = {Die: "id"}
_COUNTED = {"columns", "rows", "omit"}  # what says how many bumps a grid has


@dataclass(frozen=True)
class Change:
    """One difference. `what` is the kind of part (a word of `WORD_OF`), `name` which one (``die.region.field`` for a
    part inside a part), `field` its field (``bond.pitch_um`` inside a nested record; empty when the whole part was
    added or removed). `unit` is that of before and after as a suffix (``um``), empty for none.

    `count` is how many features or parts the line speaks of; `by` the common difference of a number.
    """

    kind: Literal["added", "removed", "changed"]
    what: str
    name: str
    field: str = ""
    before: Any = None
    after: Any = None
    unit: str = ""
    count: int = 1
    by: float | None = None

    def part(self, lang: str | None = None) -> str:
        """The part in words: ``die U2``, ``layer Hybrid bond``."""
        return change_words.part(self, lang)

    def sentence(self, lang: str | None = None) -> str:
        """``Hybrid bond: pitch 9 → 6 µm``."""
        return change_words.sentence(self, lang)

    def as_dict(self, lang: str | None = None) -> dict[str, Any]:
        """For JSON: every field and the sentence."""
        plain = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        return plain | {"sentence": self.sentence(lang)}


def diff(a: Design, b: Design) -> tuple[Change, ...]:
    """Every difference of `b` against `a`, from the module down to nets and paths; empty when they say the same.

    The order of dies, placements, regions, fields and nets says nothing and is not compared; that of layers and metals
    is. More than `MOST_ALIKE` changes of one kind become one that counts them.
    """
    a, names = renamed(a, b)
    found = [Change("changed", what, old, "name", old, new) for what, old, new in names]
    found += _fields("design", "", a, b, leave=("dies", "layers"))
    found += _listed("", "dies", a.dies, b.dies)
    found += _listed("", "layers", a.layers, b.layers)
    found += _placements(a, b)
    return tuple(_condensed(sorted(found, key=lambda change: _RANK.get(change.what, 99))))


def sentences(changes: Sequence[Change], lang: str | None = None) -> list[str]:
    """One sentence for each change, or the one that says that nothing changed."""
    return [change.sentence(lang) for change in changes] or [t("diff.same", lang)]


_RANK = {what: rank for rank, what in enumerate(dict.fromkeys((*WORD_OF.values(), "vias")))}


def _placements(a: Design, b: Design) -> Iterator[Change]:
    """Placements have one name space in the whole module, so one that went to another layer is still the same."""
    before = {placement.name: (layer.name, placement) for layer in a.layers for placement in layer.dies}
    after = {placement.name: (layer.name, placement) for layer in b.layers for placement in layer.dies}
    for name, (layer, placement) in before.items():
        if name not in after:
            yield Change("removed", "placement", name, before=placement.die, count=placement.columns * placement.rows)
            continue
        if layer != after[name][0]:
            yield Change("changed", "placement", name, "layer", layer, after[name][0])
        yield from _fields("placement", name, placement, after[name][1], leave=("name",))
    for name, (_, placement) in after.items():
        if name not in before:
            yield Change("added", "placement", name, after=placement.die, count=placement.columns * placement.rows)


def _fields(what: str, name: str, a: Part, b: Part, *, prefix: str = "", leave: Sequence[str] = ()) -> Iterator[Change]:
    """Differences of two parts that are the same one, field by field as the model declares them."""
    if a == b:
        return
    fields = [*type(b).model_fields, *(field for field in type(a).model_fields if field not in type(b).model_fields)]
    if isinstance(a, Grid | Points):
        yield from _how_many(what, name, a, b)
        grids = isinstance(a, Grid) and isinstance(b, Grid)
        leave = (*leave, *_COUNTED) if grids else (*leave, *_COUNTED, "x_um", "y_um")
    for field in fields:
        x, y = getattr(a, field, None), getattr(b, field, None)
        if field in leave or x == y:
            continue
        if _of_parts(x) or _of_parts(y):
            yield from _listed(name, field, x or (), y or (), what=what, prefix=prefix)
        elif isinstance(x, Part) and isinstance(y, Part) and (not isinstance(y, End) or str(x) == str(y)):
            yield from _fields(what, name, x, y, prefix=f"{prefix}{field}.")
        else:
            yield _value(what, name, prefix + field, x, y)


def _value(what: str, name: str, field: str, x: Any, y: Any) -> Change:
    leaf = field.rsplit(".", 1)[-1]
    unit = unit_of(leaf)
    kind = "added" if x in (None, (), "") else "removed" if y in (None, (), "") else "changed"
    by = None
    if isinstance(x, int | float) and isinstance(y, int | float) and not isinstance(y, bool):
        by = float(y) - float(x)
    count = 1
    if isinstance(x, tuple) and isinstance(y, tuple):
        count = sum(p != q for p, q in zip(x, y, strict=False)) + abs(len(x) - len(y))
    return Change(kind, what, name, field, _plain(x), _plain(y), unit.suffix if unit else "", count, by)


def _listed(owner: str, field: str, a: Sequence[Part], b: Sequence[Part], *, what: str = "",
            prefix: str = "") -> Iterator[Change]:  # fmt: skip
    """Differences of two lists of parts."""
    some = (a or b)[0]
    if isinstance(some, Pin):
        yield from _pins(owner, a, b)
        return
    if isinstance(some, Step) or type(some) not in WORD_OF:  # a sequence: told as one value
        said = tuple(map(str, a)), tuple(map(str, b))
        if said[0] != said[1]:
            yield _value(what, owner, prefix + field, *said)
        else:
            yield from _inside(what, owner, f"{prefix}{field}.", zip(a, b, strict=True))
        return
    word = "vias" if isinstance(some, Grid | Points) and field in ("vias", "fields") else WORD_OF[type(some)]
    before, after = _by_key(a), _by_key(b)
    for key, part in before.items():
        if key not in after:
            yield Change("removed", word, _path(owner, key), before=_detail(part), count=_count(part))
        else:
            leave = (_KEYS.get(type(part), "name"), "dies")  # placements are compared over all layers at once
            yield from _fields(word, _path(owner, key), part, after[key], leave=leave)
    for key, part in after.items():
        if key not in before:
            yield Change("added", word, _path(owner, key), after=_detail(part), count=_count(part))
    if field in _ORDERED:
        yield from _moved(word, owner, list(before), list(after))


def _by_key(parts: Sequence[Part]) -> dict[tuple[str, int], Part]:
    """Parts by name and, where a name is there twice, its how-manieth."""
    seen: dict[str, int] = defaultdict(int)
    keyed = {}
    for part in parts:
        name = getattr(part, _KEYS.get(type(part), "name"))
        keyed[name, seen[name]] = part
        seen[name] += 1
    return keyed


def _path(owner: str, key: tuple[str, int]) -> str:
    name, nth = key
    return (f"{owner}." if owner else "") + name + (f" ({nth + 1})" if nth else "")


def _detail(part: Part) -> tuple[str, ...] | None:
    """What a net or connection joins; nothing for other parts."""
    if isinstance(part, Net):
        return tuple(f"{pin.part}.{pin.port}" for pin in part.pins)
    if isinstance(part, Connection):
        return tuple(str(end) for end in (part.top, part.bottom) if end is not None)
    return None


def _count(part: Part) -> int:
    """Bumps of a field or region; 1 for any other part."""
    if isinstance(part, Grid | Points):
        return part.count
    return part.bump_count if isinstance(part, Region) else 1


def _how_many(what: str, name: str, a: Grid | Points, b: Grid | Points) -> Iterator[Change]:
    """The number of features, and a grid that became a list of points or the reverse."""
    before, after = a.count, b.count
    if type(a) is not type(b):
        kinds = (type(a).__name__.lower(), type(b).__name__.lower())
        yield Change("changed", what, name, "pattern", *kinds)
    if before != after:
        yield Change("changed", what, name, "count", before, after, count=abs(after - before),
                     by=float(after - before))  # fmt: skip
    elif isinstance(a, Grid) and isinstance(b, Grid):
        said = [(g.columns, g.rows, tuple(sorted(g.omit))) for g in (a, b)]
        if said[0] != said[1]:
            moved = len(set(zip(*map(tuple, a.sites()), strict=True)) ^ set(zip(*map(tuple, b.sites()), strict=True)))
            yield Change("changed", what, name, "sites", f"{a.columns} x {a.rows}", f"{b.columns} x {b.rows}",
                         count=moved)  # fmt: skip
    elif isinstance(a, Points) and isinstance(b, Points) and (a.x_um, a.y_um) != (b.x_um, b.y_um):
        shift_um = np.hypot(*(b.xy_um() - a.xy_um()).T)
        yield Change("changed", what, name, "positions", unit="um", count=int((shift_um > 0).sum()),
                     by=float(shift_um.max()))  # fmt: skip


def _pins(net: str, a: Sequence[Pin], b: Sequence[Pin]) -> Iterator[Change]:
    before, after = ({f"{pin.part}.{pin.port}": pin for pin in pins} for pins in (a, b))
    for kind, these, others in (("added", after, before), ("removed", before, after)):
        pins = tuple(pin for pin in these if pin not in others)
        if pins:
            said = {"after": pins} if kind == "added" else {"before": pins}
            yield Change(kind, "net", net, "pins", count=len(pins), **said)
    yield from _inside("net", net, "pins.", ((pin, after[key]) for key, pin in before.items() if key in after))


def _inside(what: str, name: str, prefix: str, pairs: Iterable[tuple[Part, Part]]) -> Iterator[Change]:
    """What differs in entries that are told by their text (ends, steps, pins) beside that text."""
    for a, b in pairs:
        yield from _fields(what, name, a, b, prefix=prefix)


def _moved(word: str, owner: str, before: list, after: list) -> Iterator[Change]:
    """The fewest parts whose move explains a new order: those outside the longest run that kept its order."""
    place = {key: index for index, key in enumerate(after)}
    common = [key for key in before if key in place]
    kept = set(_longest_rising([place[key] for key in common]))
    was = {key: index for index, key in enumerate(before)}
    for key in common:
        if place[key] not in kept:
            yield Change("changed", word, _path(owner, key), "position", was[key] + 1, place[key] + 1)


def _longest_rising(numbers: list[int]) -> list[int]:
    """The longest rising subsequence (quadratic: lists here have at most some hundred entries)."""
    best: list[list[int]] = []
    for index, number in enumerate(numbers):
        before = max((run for run in best[:index] if run[-1] < number), key=len, default=[])
        best.append([*before, number])
    return max(best, key=len, default=[])


def _condensed(changes: Iterable[Change]) -> Iterator[Change]:
    """Many changes of one kind as one that counts them; `by` stays where it is common to all."""
    groups: dict[tuple, list[Change]] = defaultdict(list)
    for change in changes:
        groups[change.kind, change.what, change.field].append(change)
    for alike in groups.values():
        if len(alike) <= MOST_ALIKE:
            yield from alike
            continue
        first = alike[0]
        steps = [change.by for change in alike if change.by is not None]
        by = steps[0] if len(steps) == len(alike) and np.ptp(steps) <= 1e-9 * max(1.0, abs(steps[0])) else None
        yield replace(
            first, name=", ".join(change.name for change in alike[:3]), count=len(alike), by=by,
            before=first.before if all(change.before == first.before for change in alike) else None,
            after=first.after if all(change.after == first.after for change in alike) else None,
            what=f"many_{first.what}",
        )  # fmt: skip


def _of_parts(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Part)


def _plain(value: Any) -> Any:
    """A value as it can be shown and written: parts as their names, tuples as they are."""
    if isinstance(value, End):
        return str(value)
    if isinstance(value, Part):
        return value.model_dump(mode="json", exclude_defaults=True)
    return value
