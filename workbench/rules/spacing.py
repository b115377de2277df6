"""Bumps of one face against each other and the edge: pitch, space, diameter, distance to the edge of the part.

Faces of a die are drawn once for all its placements, so they are judged once for each bond method they meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
from scipy.spatial import cKDTree

from workbench.rules.case import Case, Found, Skip, at_least, compared
from workbench.rules.deck import Rule
from workbench.rules.faces import Face
from workbench.rules.findings import Finding, Key, Place
from workbench.rules.neighbours import too_close
from workbench.rules.spans import Layouts, span_um
from workbench.stack import Grid, Points

MOST_RADII = 64  # different widths of bumps on one face that are told apart
NO_METHOD = Skip(Key("rules.skip.no_method"))
NO_RULE = Skip(Key("rules.skip.no_rule"))


@dataclass(frozen=True, eq=False)
class Field:
    """One field of a face, in the layout of its part."""

    face: Face
    pattern: Grid | Points
    layouts: Layouts

    @cached_property
    def xy(self) -> np.ndarray:
        return self.layouts.xy_um(self.pattern)

    @cached_property
    def span(self) -> tuple[np.ndarray, np.ndarray]:
        return span_um(self.pattern, self.layouts)

    def places(self, indices: np.ndarray) -> list[Place]:
        """Markers of some of its bumps."""
        return [(x, y, self.face.z_um) for x, y in self.face.part.in_module(self.xy[indices]).tolist()]


def surfaces(case: Case) -> Iterator[tuple[str, str | None, list[Field]]]:
    """Each side of each die type or layer with bumps: its name, the bond method it meets, and all its fields."""
    kept: dict[tuple, tuple[str, dict[str, Face]]] = {}
    for face in case.faces.values():
        if face.region.bumps:
            owner = face.part.die.id if face.part.die else face.part.name
            first = kept.setdefault((owner, face.region.side, face.method), (face.part.name, {}))
            if first[0] == face.part.name:
                first[1][face.region.name] = face
    for (_, side, method), (part, regions) in kept.items():
        yield f"{part} {side}", method, [Field(f, b, case.layouts) for f in regions.values() for b in f.region.bumps]


def pitch(case: Case) -> Found | Skip:
    """The pitch each bond layer states, and the pitch its bumps are drawn at."""
    found: list[Finding] = []
    looked_at = 0
    for layer in case.design.layers:
        bond = layer.bond
        if bond is None or bond.pitch_um is None:
            continue
        for rule in case.deck.of("bump_pitch"):
            if rule.fits(case.design, method=bond.method, layer=layer, diameter_um=bond.diameter_um):
                looked_at += 1
                at = {"place": layer.name, "at": case.layers[layer.name].centre}
                found += [x for name in rule.values if (x := compared(_PITCH[name], bond.pitch_um, rule, name, **at))]
    for name, method, fields in surfaces(case):
        for rule in case.deck.of("bump_pitch"):
            chosen = [f for f in fields if rule.fits(case.design, method=method, diameter_um=f.pattern.diameter_um)]
            if chosen:
                looked_at += sum(f.pattern.count for f in chosen)
                found += _drawn_pitch(case, name, chosen, rule)
    return Found(tuple(found), looked_at) if found else _why(case)


_PITCH = {"min_pitch_um": "pitch", "max_pitch_um": "pitch_wide"}


def _why(case: Case) -> Skip:
    if not case.has_bumps:
        return Skip(Key("rules.skip.no_bumps"))
    return NO_METHOD if all(method is None for _, method, _ in surfaces(case)) else NO_RULE


def _drawn_pitch(case: Case, name: str, fields: list[Field], rule: Rule) -> list[Finding]:
    found = []
    limit = rule.value("min_pitch_um")
    if limit is not None:
        found.append(_closest(case, "pitch", name, fields, rule, limit, by_rims=False))
    limit = rule.value("max_pitch_um")
    if limit is not None:
        widest, where = max(((_widest_um(f), f) for f in fields), key=lambda pair: pair[0])
        if widest > 0:
            found.append(compared("pitch_wide", widest, rule, "max_pitch_um", place=name,
                                  at=where.face.centre))  # fmt: skip
    return found


def _widest_um(field: Field) -> float:
    """The largest pitch of a field. Of an unstaggered grid the larger of its two, sites left out or not. Beyond that,
    and of staggered grids and points, the largest distance of a bump to its nearest other one: a field that is wider in
    one direction than in the other is then judged by the closer one.
    """
    pattern = field.pattern
    if pattern.count < 2:
        return 0.0
    straight = isinstance(pattern, Grid) and not pattern.staggered
    across = pattern.pitch_x_um if straight and pattern.columns > 1 else 0.0
    along = pattern.pitch_y_um if straight and pattern.rows > 1 else 0.0
    if straight and not pattern.omit:
        return max(across, along)
    return max(across, along, float(cKDTree(field.xy).query(field.xy, k=2)[0][:, 1].max()))


def space(case: Case) -> Found | Skip:
    """The free space between the rims of two bumps of one face."""
    found, looked_at = [], 0
    for name, method, fields in surfaces(case):
        for rule in case.deck.of("bump_space"):
            chosen = [f for f in fields if rule.fits(case.design, method=method, diameter_um=f.pattern.diameter_um)]
            if not chosen:
                continue
            looked_at += sum(f.pattern.count for f in chosen)
            limit = rule.values["min_space_um"]

            found.append(_closest(case, "space", name, chosen, rule, limit, by_rims=True))
    return Found(tuple(found), looked_at) if found else _why(case)


def _closest(case: Case, id: str, name: str, fields: list[Field], rule: Rule, limit: float, *,
             by_rims: bool) -> Finding:  # fmt: skip
    """Every pair of bumps of the fields against a least distance, of centres or of rims. Without a violation the figure
    is the least that is known without looking at every pair: the pitch of the grids, or None.
    """
    groups: dict[float, list[int]] = defaultdict(list)  # by the radius that counts
    for k, rim in enumerate(_levels([field.pattern.diameter_um / 2 if by_rims else 0.0 for field in fields])):
        groups[rim].append(k)
    bad, least = [np.zeros(0, int) for _ in fields], np.inf
    for rim, members in groups.items():
        found = _alike([fields[k] for k in members], limit + 2 * rim)
        for k, indices in zip(members, found.indices, strict=True):
            bad[k] = indices
        least = min(least, found.least_um - 2 * rim)
    for (rim, members), (other, others) in combinations(groups.items(), 2):
        found = _across([fields[k] for k in members], [fields[k] for k in others], limit + rim + other)
        for k, indices in zip((*members, *others), found.indices, strict=True):
            bad[k] = np.union1d(bad[k], indices)
        least = min(least, found.least_um - rim - other)
    count = int(sum(len(indices) for indices in bad))
    if count:
        places = [at for field, indices in zip(fields, bad, strict=True) if len(indices)
                  for at in field.places(indices[: case.examples])]  # fmt: skip
        return at_least(id, least, limit, rule, unit="um", place=name, at=places[0], count=count,
                        examples=tuple(places[: case.examples]))  # fmt: skip
    known = [own - field.pattern.diameter_um * by_rims for field in fields
             if (own := field.pattern.least_pitch_um) is not None]  # fmt: skip
    met = at_least(id, limit, limit, rule, unit="um", place=name, at=fields[0].face.centre)
    nearest = min(known, default=np.inf)
    return replace(met, got=nearest if len(known) == len(fields) and np.isfinite(nearest) else None)


def _levels(rims: list[float]) -> list[float]:
    """Radii as they are; beyond `MOST_RADII` different ones each is taken up to the next of that many, so that odd
    documents cannot ask for every pair of radii.
    """
    levels = sorted(set(rims))
    if len(levels) <= MOST_RADII:
        return rims
    kept = np.array(levels[:: -(-len(levels) // MOST_RADII)][1:] + levels[-1:])
    return kept[np.searchsorted(kept, rims)].tolist()


@dataclass(frozen=True)
class _Near:
    """Bumps too close to another, by field, and the least distance between centres."""

    indices: list[np.ndarray]
    least_um: float


def _alike(fields: list[Field], distance: float) -> _Near:
    """Fields held apart by one distance, looked at together. A grid wide enough and with no other field near needs no
    look.
    """
    near = _neighbours(fields, fields, distance)
    chosen = [
        k for k, field in enumerate(fields)
        if near[k] > 1 or (own := field.pattern.least_pitch_um) is None or own < distance * (1 - 1e-9)
    ]  # fmt: skip
    if not chosen:
        return _Near([np.zeros(0, int) for _ in fields], np.inf)
    xy, cuts = _together([fields[k] for k in chosen])
    close = too_close(xy, distance)
    return _Near(_by_field(close.indices, cuts, chosen, len(fields)), close.least_um)


def _across(first: list[Field], second: list[Field], distance: float) -> _Near:
    """Bumps of one group too close to one of the other group."""
    fields = [*first, *second]
    near = np.concatenate([_neighbours(first, second, distance), _neighbours(second, first, distance)])
    chosen = np.flatnonzero(near).tolist()
    nothing = _Near([np.zeros(0, int) for _ in fields], np.inf)
    if not chosen:
        return nothing
    xy, cuts = _together([fields[k] for k in chosen])
    suspects = too_close(xy, distance).indices
    number = np.searchsorted(cuts, suspects, side="right") - 1
    left = np.array(chosen)[number] < len(first)
    if left.all() or not left.any():
        return nothing
    bad, least = np.zeros(len(suspects), bool), np.inf
    for own in (left, ~left):
        away, _ = cKDTree(xy[suspects[~own]]).query(xy[suspects[own]], distance_upper_bound=distance * (1 - 1e-9))
        bad[np.flatnonzero(own)[np.isfinite(away)]] = True
        least = min(least, float(away.min()))
    return _Near(_by_field(suspects[bad], cuts, chosen, len(fields)), least)


def _neighbours(fields: list[Field], others: list[Field], distance: float) -> np.ndarray:
    """How many of the others reach within a distance of the box of each field."""
    low, high = (np.array([f.span[k] for f in others]) for k in (0, 1))
    return np.array([
        int(((low < f.span[1] + distance) & (high > f.span[0] - distance)).all(axis=1).sum()) for f in fields
    ])  # fmt: skip


def _together(fields: list[Field]) -> tuple[np.ndarray, np.ndarray]:
    """Centres of all fields in one array, and where each field begins."""
    cuts = np.concatenate([[0], np.cumsum([field.pattern.count for field in fields])])
    return (fields[0].xy if len(fields) == 1 else np.concatenate([field.xy for field in fields])), cuts


def _by_field(indices: np.ndarray, cuts: np.ndarray, chosen: list[int], count: int) -> list[np.ndarray]:
    found = [np.zeros(0, int) for _ in range(count)]
    ends = np.searchsorted(indices, cuts)
    for k, (low, high), start in zip(chosen, pairwise(ends.tolist()), cuts.tolist(), strict=False):
        found[k] = indices[low:high] - start
    return found


def diameter(case: Case) -> Found | Skip:
    """The diameter each bond layer states, and the diameter its bumps are drawn with."""
    found, looked_at = [], 0
    rules = case.deck.of("bump_diameter")
    for layer in case.design.layers:
        bond = layer.bond
        if bond is None or bond.diameter_um is None:
            continue
        for rule in rules:
            if rule.fits(case.design, method=bond.method, layer=layer, diameter_um=bond.diameter_um):
                looked_at += 1
                at = {"place": layer.name, "at": case.layers[layer.name].centre}
                found += _both_ways(bond.diameter_um, rule, **at)
    for name, method, fields in surfaces(case):
        for rule in rules:
            for field in fields:
                if rule.fits(case.design, method=method, diameter_um=field.pattern.diameter_um):
                    looked_at += field.pattern.count
                    at = {"place": f"{name} {field.pattern.name}", "at": field.face.centre}
                    found += _both_ways(field.pattern.diameter_um, rule, count=field.pattern.count, **at)
    return Found(tuple(found), looked_at) if found else _why(case)


def _both_ways(got: float, rule: Rule, **more) -> list[Finding]:
    names = {"min_diameter_um": "diameter_small", "max_diameter_um": "diameter_large"}
    return [x for name, id in names.items() if (x := compared(id, got, rule, name, **more))]


def edge(case: Case) -> Found | Skip:
    """The rim of every bump against the edge of its part."""
    found, looked_at = [], 0
    for name, method, fields in surfaces(case):
        for rule in case.deck.of("bump_edge"):
            chosen = [f for f in fields if rule.fits(case.design, method=method, diameter_um=f.pattern.diameter_um)]
            if not chosen:
                continue
            looked_at += sum(f.pattern.count for f in chosen)
            limit, least, count, places = rule.values["min_edge_um"], np.inf, 0, []
            for field in chosen:
                half = np.array(field.face.part.size_um) / 2
                rim = field.pattern.diameter_um / 2
                reach = np.maximum(np.abs(field.span[0]), np.abs(field.span[1]))
                bound = float((half - reach).min()) - rim
                if bound >= limit * (1 - 1e-9):
                    least = min(least, bound)
                    continue
                free = (half - np.abs(field.xy)).min(axis=1) - rim
                least = min(least, float(free.min()))
                bad = np.flatnonzero(free < limit * (1 - 1e-9) - 1e-9)
                count += len(bad)
                places += field.places(bad[: case.examples])
            at = places[0] if places else chosen[0].face.centre
            found.append(at_least("edge", least, limit, rule, unit="um", place=name, at=at, count=max(count, 1),
                                  examples=tuple(places[: case.examples])))  # fmt: skip
    return Found(tuple(found), looked_at) if found else _why(case)
