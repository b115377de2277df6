"""How many round features go into a rectangle, and what each of them carries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from workbench.errors import InputError
from workbench.stack.patterns import Grid

FORGIVEN_UM = 1e-6  # rounding, when a field fits to the last digit


class Rectangle(NamedTuple):
    """A rectangle by its centre, in um."""

    x_um: float
    y_um: float
    width_um: float
    length_um: float


def most_sites(span_um: float, pitch_um: float, diameter_um: float, edge_um: float = 0.0) -> int:
    """Features of one row: whole features within span_um, their rims at least edge_um from its ends."""
    room = span_um - 2 * edge_um - diameter_um
    return 0 if room < -FORGIVEN_UM else math.floor((room + FORGIVEN_UM) / pitch_um) + 1


def filled(
    name: str, place: Rectangle, *, pitch_um: float, diameter_um: float, edge_um: float = 0.0, **labels
) -> Grid:
    """The largest square grid in a rectangle. Raises InputError where not one feature fits."""
    columns = most_sites(place.width_um, pitch_um, diameter_um, edge_um)
    rows = most_sites(place.length_um, pitch_um, diameter_um, edge_um)
    if not (columns and rows):
        raise InputError("planning.no_room", where=name, got=f"{place.width_um:g} x {place.length_um:g} um",
                         allowed=f">= {diameter_um + 2 * edge_um:g} um")  # fmt: skip
    return Grid(name=name, diameter_um=diameter_um, columns=columns, rows=rows, pitch_x_um=pitch_um,
                pitch_y_um=pitch_um, x_um=place.x_um, y_um=place.y_um, **labels)  # fmt: skip


def counted(
    name: str, place: Rectangle, count: int, *, pitch_um: float, diameter_um: float, edge_um: float = 0.0, **labels
) -> Grid:
    """A grid of exactly `count` features centred in a rectangle, shaped like it; its last row may be short.

    Raises InputError naming the most that fit.
    """
    columns_most = most_sites(place.width_um, pitch_um, diameter_um, edge_um)
    rows_most = most_sites(place.length_um, pitch_um, diameter_um, edge_um)
    if count > columns_most * rows_most:
        raise InputError("planning.too_many", where=name, got=count, allowed=f"<= {columns_most * rows_most:,}")
    columns = round(math.sqrt(count * place.width_um / place.length_um))
    columns = min(max(columns, -(-count // rows_most), 1), columns_most)
    rows = -(-count // columns)
    omit = tuple((column, rows - 1) for column in range(count - columns * (rows - 1), columns))
    return Grid(name=name, diameter_um=diameter_um, columns=columns, rows=rows, pitch_x_um=pitch_um,
                pitch_y_um=pitch_um, x_um=place.x_um, y_um=place.y_um, omit=omit, **labels)  # fmt: skip


def supply_pattern(
    columns: int,
    *,
    every: int,
    kind: Literal["checkerboard", "stripes"] = "checkerboard",
    signal: str = "",
    power: str = "VDD",
    ground: str = "VSS",
) -> tuple[str, ...]:
    """The nets of a grid of `columns` columns in which one site of `every` is a supply, power and ground in turn.

    `stripes` run along the columns; in a `checkerboard` each row is shifted by half the distance between supplies, so
    that they lie apart. every = 1: supplies only. `signal` is the word of the rest, such as ``D{index}``. The shortest
    sequence that repeats is returned, row by row.
    """
    if columns < 1 or every < 1:
        raise InputError("planning.pattern", got=f"columns = {columns}, every = {every}", allowed=">= 1")
    # An odd `every` needs an odd shift, else the rows reach only half the sites and power outnumbers ground.
    half = every // 2 | every % 2
    turn, shift = 2 * every, 0 if kind == "stripes" else half
    rows = turn // math.gcd(shift, turn)
    site = (np.arange(columns)[None, :] + shift * np.arange(rows)[:, None]) % turn
    said: Mapping[int, str] = {0: power, every: ground}
    return _shortest(tuple(said.get(value, signal) for value in site.ravel().tolist()))


def _shortest(words: tuple[str, ...]) -> tuple[str, ...]:
    for period in range(1, len(words) // 2 + 1):
        if len(words) % period == 0 and words == words[:period] * (len(words) // period):
            return words[:period]
    return words
