"""Fields of round features (bumps, through-silicon vias, through-mould vias) as patterns.

A regular field is a `Grid`: a million bumps are a dozen numbers. An irregular one is `Points`: two arrays. Labels
(names, cells, ports, nets) follow one rule: the words given are repeated over the features in order, and
``{index}``, ``{column}``, ``{row}`` inside a word are filled in. One word names all; n words name n features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from workbench.errors import InputError
from workbench.stack import geometry
from workbench.stack.part import Label, Name, OffsetUm, Part, Pitch, SpanUm

MOST = 20_000_000  # features of one grid
MOST_POINTS = 2_000_000
_PLACEHOLDERS = ("{index}", "{column}", "{row}")

Labels = Annotated[tuple[Label, ...], Field(max_length=MOST_POINTS)]


class _Pattern(Part):
    """What both kinds of field share. Empty `nets`: not connected; empty `names`: ``<field>[index]``."""

    name: Name
    diameter_um: Pitch
    names: Labels = ()
    cells: Labels = ()
    ports: Labels = ()
    nets: Labels = ()

    @property
    def count(self) -> int:
        raise NotImplementedError

    @property
    def least_pitch_um(self) -> float | None:
        """The least distance between two features where the pattern says it: of a grid (with sites left out: of the
        full grid, which is no more; infinite for a single site). None for points, to be looked at one by one.
        """
        return None

    def xy_um(self) -> np.ndarray:
        """Centres (n, 2) from the centre of the part, in um, in the part's own orientation."""
        raise NotImplementedError

    def sites(self) -> tuple[np.ndarray, np.ndarray]:
        """Column and row (n,), (n,) of every feature; a field without columns counts them as column, row 0."""
        return np.arange(self.count), np.zeros(self.count, int)

    def coded(self, words: Sequence[str]) -> tuple[np.ndarray, list[str]]:
        """Labels as codes (n,) into a list of texts; ("",) where `words` is empty. Cheap while no word has a
        placeholder; texts may repeat when one has.
        """
        n = self.count
        if not words:
            return np.zeros(n, np.int32), [""]
        if not any(mark in word for word in words for mark in _PLACEHOLDERS):
            return (np.arange(n) % len(words)).astype(np.int32), list(words)
        columns, rows = self.sites()
        said = [
            words[i % len(words)].replace("{index}", str(i)).replace("{column}", str(c)).replace("{row}", str(r))
            for i, (c, r) in enumerate(zip(columns.tolist(), rows.tolist(), strict=True))
        ]
        return np.arange(n, dtype=np.int32), said

    def coded_names(self) -> tuple[np.ndarray, list[str]]:
        return self.coded(self.names or (f"{self.name}[{{index}}]",))

    def label(self, words: Sequence[str], index: int) -> str:
        """The label of one feature, without making all."""
        if not words:
            return ""
        column, row = self.site(index)
        word = words[index % len(words)]
        return word.replace("{index}", str(index)).replace("{column}", str(column)).replace("{row}", str(row))

    def site(self, index: int) -> tuple[int, int]:
        columns, rows = self.sites()
        return int(columns[index]), int(rows[index])


class Grid(_Pattern):
    """A regular field. x_um, y_um is the centre of the full grid from the centre of the part; with `staggered` every
    second row is shifted by half a pitch to the right; `omit` lists the (column, row) sites left empty. The whole grid
    is mirrored (x to -x) when `mirrored`, then turned by `angle_deg`, both about its centre: so a field can follow
    another across an interface, site by site, whatever the poses of the two parts."""

    columns: int = Field(ge=1, le=100_000)
    rows: int = Field(ge=1, le=100_000)
    pitch_x_um: Pitch
    pitch_y_um: Pitch
    x_um: OffsetUm = 0.0
    y_um: OffsetUm = 0.0
    staggered: bool = False
    angle_deg: float = Field(default=0.0, ge=-360, le=360)
    mirrored: bool = False
    omit: tuple[tuple[int, int], ...] = Field(default=(), max_length=100_000)

    @model_validator(mode="after")
    def _fits(self):
        if self.columns * self.rows > MOST:
            raise InputError("design.pattern_too_large", where=self.name, got=self.columns * self.rows,
                             allowed=f"<= {MOST:,}")  # fmt: skip
        outside = [site for site in self.omit if not (0 <= site[0] < self.columns and 0 <= site[1] < self.rows)]
        if outside or len(set(self.omit)) != len(self.omit):
            raise InputError("design.pattern_omit", where=self.name, got=outside[:1] or "twice",
                             allowed=f"{self.columns} x {self.rows}")  # fmt: skip
        if self.columns * self.rows == len(self.omit):
            raise InputError("design.pattern_empty", where=self.name)
        return self

    @property
    def count(self) -> int:
        return self.columns * self.rows - len(self.omit)

    @property
    def least_pitch_um(self) -> float:
        across = self.pitch_x_um if self.columns > 1 else np.inf
        if self.rows == 1:
            return float(across)
        if not self.staggered:
            return float(min(across, self.pitch_y_um))
        # Rows are shifted by half a pitch against their neighbours, and lie above the row after next.
        next_but_one = 2 * self.pitch_y_um if self.rows > 2 else np.inf
        return float(min(across, np.hypot(self.pitch_x_um / 2, self.pitch_y_um), next_but_one))

    def sites(self) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = np.divmod(np.arange(self.columns * self.rows), self.columns)
        if self.omit:
            gone = np.array(self.omit)
            kept = np.ones(self.columns * self.rows, bool)
            kept[gone[:, 1] * self.columns + gone[:, 0]] = False
            rows, columns = rows[kept], columns[kept]
        return columns, rows

    def site(self, index: int) -> tuple[int, int]:
        return (index % self.columns, index // self.columns) if not self.omit else super().site(index)

    def xy_um(self) -> np.ndarray:
        columns, rows = self.sites()
        shift = 0.25 * self.pitch_x_um * np.where(rows % 2, 1, -1) if self.staggered and self.rows > 1 else 0.0
        x = (columns - (self.columns - 1) / 2) * self.pitch_x_um + shift
        y = (rows - (self.rows - 1) / 2) * self.pitch_y_um
        if self.mirrored:
            x = -x
        if self.angle_deg % 360:
            cos, sin = geometry.cos_sin(self.angle_deg)
            x, y = cos * x - sin * y, sin * x + cos * y
        return np.stack([self.x_um + x, self.y_um + y], axis=1)


class Points(_Pattern):
    """An irregular field: the centres of its features from the centre of the part."""

    x_um: tuple[OffsetUm, ...] = Field(min_length=1, max_length=MOST_POINTS)
    y_um: tuple[OffsetUm, ...] = Field(min_length=1, max_length=MOST_POINTS)

    @model_validator(mode="after")
    def _fits(self):
        if len(self.x_um) != len(self.y_um):
            raise InputError("design.points_uneven", where=self.name, got=f"{len(self.x_um)} x, {len(self.y_um)} y")
        return self

    @property
    def count(self) -> int:
        return len(self.x_um)

    def site(self, index: int) -> tuple[int, int]:
        return index, 0

    def xy_um(self) -> np.ndarray:
        return np.array([self.x_um, self.y_um], float).T


def _kind(value: Any) -> str:
    """Points where the centres are arrays, else a grid."""
    x = value.get("x_um") if isinstance(value, dict) else getattr(value, "x_um", None)
    return "points" if isinstance(x, list | tuple) else "grid"


KINDS = ("grid", "points")  # the tags below; they stand in pydantic's places and must not be shown
Pattern = Annotated[Annotated[Grid, Tag("grid")] | Annotated[Points, Tag("points")], Discriminator(_kind)]


class Region(Part):
    """A rectangle of a part's face (or inside it) that may be connected, with its bumps. x, y is its centre from the
    centre of the part. For a layer, front is its top face."""

    name: Name
    side: Literal["front", "back", "internal", "internal_ext"]
    x_um: OffsetUm = 0.0
    y_um: OffsetUm = 0.0
    width_um: SpanUm
    length_um: SpanUm
    layer: Label = ""
    bumps: tuple[Pattern, ...] = Field(default=(), max_length=10_000)

    @property
    def bump_count(self) -> int:
        return sum(field.count for field in self.bumps)


