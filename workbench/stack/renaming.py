"""Which parts of a design only got another name: what vanished beside what appeared and says mostly the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from workbench.stack.connections import End
from workbench.stack.document import Design, Die, Layer
from workbench.stack.part import Part

LEAST_ALIKE = 0.6  # of the fields that either part says
_MOST_PAIRS = 20_000  # above, only parts that agree in everything are taken as renamed
_SAY_NOTHING = frozenset({"id", "name", "source", "unverified", "schema_version"})


def renamed(a: Design, b: Design) -> tuple[Design, list[tuple[str, str, str]]]:
    """`a` with the names of `b` where a part is the same by another name, and (kind of part, old, new) for each.

    Dies, layers, placements, regions of a die or layer, and nets; what refers to them is renamed with them. The design
    given back is for comparing: it is not validated again.
    """
    dies = _pairs(a.dies, b.dies, key="id")
    a = _with_dies(a, dies)
    layers = _pairs(a.layers, b.layers)
    placed = _pairs([p for layer in a.layers for p in layer.dies], [p for layer in b.layers for p in layer.dies])
    nets = _pairs(a.netlist, b.netlist)
    regions = _regions(a, b, {layer.name: layers.get(layer.name, layer.name) for layer in a.layers})
    found = [("die", *pair) for pair in dies.items()] + [("layer", *pair) for pair in layers.items()]
    found += [("placement", *pair) for pair in placed.items()] + [("net", *pair) for pair in nets.items()]
    found += [("region", f"{owner}.{old}", f"{owner}.{new}") for (owner, old), new in regions.items()]
    return (_with(a, layers, placed, nets, regions) if len(found) > len(dies) else a), found


def _pairs(a: Sequence[Part], b: Sequence[Part], *, key: str = "name") -> dict[str, str]:
    """Old name -> new name. A pair is taken when each is the other's best, so two rivals are no rename."""
    before, after = ({getattr(part, key): part for part in parts} for parts in (a, b))
    gone = [part for name, part in before.items() if name not in after]
    new = [part for name, part in after.items() if name not in before]
    if not gone or not new:
        return {}
    if len(gone) * len(new) > _MOST_PAIRS:
        return _identical(gone, new, key)
    alike = [[_likeness(old, young) for young in new] for old in gone]
    found = {}
    for i, row in enumerate(alike):
        best = max(row)
        column = [other[row.index(best)] for other in alike]
        if best >= LEAST_ALIKE and row.count(best) == 1 and max(column) == best and column.count(best) == 1:
            found[getattr(gone[i], key)] = getattr(new[row.index(best)], key)
    return found


def _identical(gone: Sequence[Part], new: Sequence[Part], key: str) -> dict[str, str]:
    def content(part: Part) -> str:
        return part.model_dump_json(exclude=set(_SAY_NOTHING), exclude_defaults=True)

    there: dict[str, list[str]] = {}
    for part in new:
        there.setdefault(content(part), []).append(getattr(part, key))
    matches = [(getattr(part, key), there.get(content(part), []), content(part)) for part in gone]
    said = Counter(text for _, _, text in matches)
    return {old: names[0] for old, names, text in matches if len(names) == said[text] == 1 and text != "{}"}


def _likeness(a: Part, b: Part) -> float:
    """Share of equal fields among those that either says (differs from the default)."""
    if type(a) is not type(b):
        return 0.0
    said = equal = 0
    for name, field in type(a).model_fields.items():
        x, y = getattr(a, name), getattr(b, name)
        if name in _SAY_NOTHING or (x == y and x == field.get_default()):
            continue
        said, equal = said + 1, equal + (x == y)
    return equal / said if said else 0.0


def _with_dies(a: Design, dies: dict[str, str]) -> Design:
    if not dies:
        return a
    layers = [_copy(layer, dies=tuple(_copy(p, die=dies.get(p.die, p.die)) for p in layer.dies)) for layer in a.layers]
    return _copy(a, dies=tuple(_copy(die, id=dies.get(die.id, die.id)) for die in a.dies), layers=tuple(layers))


def _regions(a: Design, b: Design, layers: dict[str, str]) -> dict[tuple[str, str], str]:
    """(owner in a, old region) -> new region, for dies and layers that both designs have."""
    dies = {die.id: die for die in b.dies}
    tiers = {layer.name: layer for layer in b.layers}
    found = {}
    for owner, part, other in (
        *((die.id, die, dies.get(die.id)) for die in a.dies),
        *((layer.name, layer, tiers.get(layers[layer.name])) for layer in a.layers),
    ):
        if other is not None:
            found |= {(owner, old): new for old, new in _pairs(part.regions, other.regions).items()}
    return found


def _with(a: Design, layers: dict, placed: dict, nets: dict, regions: dict) -> Design:
    """`a` with all names replaced, also where ends, steps and pins use them."""
    owner_of = {layer.name: layer.name for layer in a.layers}
    owner_of |= {p.name: p.die for layer in a.layers for p in layer.dies}
    parts = layers | placed

    def split(part: str) -> tuple[str, str]:
        member = re.fullmatch(r"(.*)(\[\d+,\d+\])", part)  # a member of an array of dies
        return (member[1], member[2]) if member and part not in owner_of else (part, "")

    def end(it: Any) -> Any:
        base, member = split(it.part)
        region = regions.get((owner_of.get(base, base), it.region), it.region)
        return _copy(it, part=parts.get(base, base) + member, region=region)

    def pin(it: Any) -> Any:
        base, member = split(it.part)
        return _copy(it, part=parts.get(base, base) + member)

    def own(part: Die | Layer, owner: str, **more: Any) -> Any:
        kept = tuple(_copy(r, name=regions.get((owner, r.name), r.name)) for r in part.regions)
        return _copy(part, regions=kept, **more)

    return _copy(
        a,
        dies=tuple(own(die, die.id) for die in a.dies),
        layers=tuple(
            own(layer, layer.name, name=layers.get(layer.name, layer.name),
                dies=tuple(_copy(p, name=placed.get(p.name, p.name)) for p in layer.dies))
            for layer in a.layers
        ),
        connections=tuple(_copy(c, top=end(c.top), bottom=end(c.bottom) if isinstance(c.bottom, End) else None)
                          for c in a.connections),
        netlist=tuple(_copy(net, name=nets.get(net.name, net.name), pins=tuple(map(pin, net.pins)))
                      for net in a.netlist),
        paths=tuple(_copy(path, steps=tuple(map(end, path.steps))) for path in a.paths),
    )  # fmt: skip


def _copy(it: Any, /, **update: Any) -> Any:
    """The part with other values; the very same one where nothing differs, so that equal stays cheap to see."""
    update = {name: value for name, value in update.items() if getattr(it, name) != value}
    return it.model_copy(update=update) if update else it
