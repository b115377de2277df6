"""What a design is found by: its figures, its topology and its words, as plain data that a store can keep.

A pure function of the document. `FEATURES_VERSION` is raised when the meaning of a figure changes, so that kept
features are made anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from workbench.i18n import LANGUAGES, t
from workbench.stack.bumps import bump_count
from workbench.stack.change_words import value_words
from workbench.stack.derived import derive, die_counts
from workbench.stack.document import Design, Die
from workbench.stack.part import Part
from workbench.stack.patterns import Grid
from workbench.stack.topology import graph, subtrees

FEATURES_VERSION = 3
_MOST_CHARACTERS = 20_000  # of one field of text: a million nets are not what a design is found by
_WORD = re.compile(r"[^\W_]+(?:[.+][^\W_]+)*")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class DieEntry:
    """A die type of a design as one would pick it. `placed` is how often, `bump_count` over its regions."""

    id: str
    name: str
    role: str
    width_mm: float
    length_mm: float
    thickness_um: float
    node_nm: float | None
    power_w: float | None
    placed: int
    bump_count: int
    has_tsv: bool
    source: str
    unverified: tuple[str, ...]


@dataclass(frozen=True)
class Features:
    """The figures two designs are compared by and a search filters by.

    `node_area_mm2` and `role_area_mm2` share out the area of the placed dies; nodes that are not given are left out.
    `pitches_um` are those of joints and bump grids above the balls, rising. A power of 0 W means not given: None.
    `topology` counts the neighbourhoods of the dies (see `topology.subtrees`). `unverified_count` counts the figures
    without a read source.
    """

    assembly: str
    carrier: str
    flow: str | None
    die_count: int
    tier_count: int
    node_area_mm2: dict[str, float]
    role_area_mm2: dict[str, float]
    methods: tuple[str, ...]
    pitches_um: tuple[float, ...]
    silicon_area_mm2: float
    footprint_mm2: float
    area_ratio: float
    thickness_um: float
    power_w: float | None
    power_density_w_per_mm2: float | None
    bump_count: int
    tsv_count: int
    unverified_count: int
    topology: dict[str, int]
    dies: tuple[DieEntry, ...]

    @property
    def finest_pitch_um(self) -> float | None:
        return self.pitches_um[0] if self.pitches_um else None

    @property
    def nodes_nm(self) -> tuple[float, ...]:
        return tuple(sorted(map(float, self.node_area_mm2)))

    def as_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Features:
        """From `as_document`, also where that was kept without its dies."""
        lists = {"methods": tuple(document["methods"]), "pitches_um": tuple(document["pitches_um"])}
        dies = tuple(DieEntry(**(die | {"unverified": tuple(die["unverified"])})) for die in document.get("dies", ()))
        return cls(**(document | lists | {"dies": dies}))


def features(design: Design) -> Features:
    """The features of a design."""
    figures, counts = derive(design), die_counts(design)
    nodes: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    for die in design.dies:
        area_mm2 = die.area_mm2 * counts.get(die.id, 0)
        if area_mm2:
            roles[die.role] += area_mm2
            if die.node_nm is not None:
                nodes[f"{die.node_nm:g}"] += area_mm2
    joints = [layer for layer in design.layers if layer.bond is not None and layer.kind != "balls"]
    power_w = figures.power_w or None
    return Features(
        assembly=design.assembly, carrier=design.carrier, flow=design.flow, die_count=figures.die_count,
        tier_count=len(design.die_layers), node_area_mm2=dict(nodes), role_area_mm2=dict(roles),
        methods=tuple(sorted({layer.bond.method for layer in joints})),
        pitches_um=tuple(sorted({*(layer.bond.pitch_um for layer in joints if layer.bond.pitch_um),
                                 *_drawn_pitches_um(design)})),
        silicon_area_mm2=figures.silicon_area_mm2, footprint_mm2=figures.footprint_mm2, area_ratio=figures.area_ratio,
        thickness_um=figures.total_thickness_um, power_w=power_w,
        power_density_w_per_mm2=figures.power_density_w_per_mm2 if power_w else None,
        bump_count=bump_count(design),
        tsv_count=sum(die.tsv.count * counts.get(die.id, 0) for die in design.dies if die.tsv),
        unverified_count=sum(len(part.unverified) for part in _parts(design)),
        topology=subtrees(*graph(design)), dies=tuple(entry(die, counts.get(die.id, 0)) for die in design.dies),
    )  # fmt: skip


def entry(die: Die, placed: int) -> DieEntry:
    return DieEntry(
        die.id, die.name, die.role, die.width_mm, die.length_mm, die.thickness_um, die.node_nm, die.power_w or None,
        placed, sum(region.bump_count for region in die.regions), die.tsv is not None, die.source, die.unverified,
    )  # fmt: skip


def _drawn_pitches_um(design: Design) -> Iterator[float]:
    """Pitches of the drawn grids of dies: what the bond layer above or below should say, and may not."""
    for die in design.dies:
        for region in die.regions:
            for field in region.bumps:
                if isinstance(field, Grid) and field.count > 1:
                    yield field.least_pitch_um


def _parts(value: Any) -> Iterator[Part]:
    """Every part of a design that may name unverified figures; the entries of nets and paths name none."""
    if isinstance(value, Part):
        yield value
        for field in type(value).model_fields:
            if field not in ("netlist", "paths", "connections"):
                yield from _parts(getattr(value, field))
    elif isinstance(value, tuple) and value and isinstance(value[0], Part):
        for inner in value:
            yield from _parts(inner)


@dataclass(frozen=True)
class SearchText:
    """The words of a design in three fields, each `spaced`: titles, names of its parts, notes and sources."""

    title: str
    names: str
    notes: str


def search_text(design: Design, *, design_id: str) -> SearchText:
    """What a full-text search looks through, in both languages."""
    names: list[str] = []
    for die in design.dies:
        names += [die.id, die.name, *(region.name for region in die.regions)]
        names += [f"{die.node_nm:g} nm {die.node_nm:g}nm"] if die.node_nm is not None else []
    for layer in design.layers:
        names += [layer.name, layer.material, *(p.name for p in layer.dies), *(region.name for region in layer.regions)]
    names += [net.name for net in design.netlist] + [joint.name for joint in design.connections]
    values = [("assembly", design.assembly), ("carrier", design.carrier)]
    values += [("kind", layer.kind) for layer in design.layers] + [("role", die.role) for die in design.dies]
    values += [("method", layer.bond.method) for layer in design.layers if layer.bond]
    said = [value_words(value, leaf, lang) for leaf, value in dict.fromkeys(values) for lang in LANGUAGES]
    said += [t("reuse.tsv", lang) for lang in LANGUAGES if any(die.tsv for die in design.dies)]
    return SearchText(
        spaced([design_id, design.title, design.title_zh]),
        spaced([*said, *names]),
        spaced([design.note, *(part.source for part in _parts(design))]),
    )


def tokens(text: str) -> list[str]:
    """The words of a text as they are compared: without case, accents and width; each Chinese character is a word."""
    plain = unicodedata.normalize("NFKD", text.casefold()).replace("\u03bc", "u")  # µm is um
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    found: list[str] = []
    for word in _WORD.findall(_CJK.sub(lambda character: f" {character[0]} ", plain)):
        found.append(word)
        if "." in word or "+" in word:  # 2.5d is found by 2.5d and, as a part, by 5d
            found += [piece for piece in re.split(r"[.+]", word) if piece]
    return found


def spaced(texts: Iterable[str]) -> str:
    """All different texts as one line of words with a space before and after each; empty for no words."""
    line, length = [], 0
    for text in dict.fromkeys(texts):
        words = tokens(text)
        length += sum(map(len, words)) + len(words)
        if length > _MOST_CHARACTERS:
            break
        line += words
    return f" {' '.join(line)} " if line else ""
