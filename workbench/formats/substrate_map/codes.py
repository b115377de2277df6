"""Bin codes of a map: from the text of a row to numbers."""

from __future__ import annotations

import re

import numpy as np

from workbench.formats.substrate_map.tree import Document, Element

# How many characters a code of each type has, and the base its digits are of (None: the character itself).
TYPES = {"ascii": (1, None), "decimal": (3, 10), "hexadecimal": (2, 16), "integer2": (4, 16)}
NAMES = ("Ascii", "Decimal", "HexaDecimal", "Integer2")
_BLANKS = "\t\r\n"
_MOST = 1_000_000  # a bin number


def type_of(document: Document, element: Element) -> str:
    """The bin type an element names. Raises InputError for another than the four."""
    said = element.said("BinType")
    kind = said.lower() or "ascii"
    if kind not in TYPES:
        document.refuse("substrate_map.bin_type", element, got=said, allowed=", ".join(NAMES))
    return kind


def number(word: str, kind: str) -> int | None:
    """A code as a number: digits in their base, a character by its code point; None where it is no such code."""
    _, base = TYPES[kind]
    if base is None:
        return ord(word) if len(word) == 1 else None
    digits = r"[0-9]{1,6}" if base == 10 else r"[0-9A-Fa-f]{1,8}"
    if not re.fullmatch(digits, word):
        return None
    value = int(word, base)
    return value if value <= 0x7FFFFFFF else None


def row(document: Document, element: Element, kind: str, null: str, count: int | None) -> list[str]:
    """The codes of a row's text, `count` of them where that is known.

    Codes stand next to each other, as wide as the null bin is or as their type says, or are parted by blanks or
    commas. Raises InputError where they do not come to `count`, or to whole codes.
    """
    text = element.text.strip(_BLANKS)
    if kind == "ascii":
        if count is not None and len(text) != count:
            text = text.strip(" ")
        if count is not None and len(text) != count:
            document.refuse("substrate_map.row", element, got=f"{len(text):,}", allowed=f"{count:,}")
        return list(text)
    parted = re.split(r"[\s,]+", text.strip(" ,"))
    if len(parted) > 1 or (count == 1 and parted != [""]):
        if count is not None and len(parted) != count:
            document.refuse("substrate_map.row", element, got=f"{len(parted):,}", allowed=f"{count:,}")
        return parted
    word = parted[0]
    widths = [width for width in (len(null), TYPES[kind][0]) if width]
    if count is None:  # what the type says comes first: a null bin may be written short
        width = next((width for width in reversed(widths) if len(word) % width == 0), None)
    else:
        width = next((width for width in widths if len(word) == width * count), None)
    if width is None:
        document.refuse("substrate_map.row", element, got=f"{len(word):,} / {widths[0]}",
                        allowed="" if count is None else f"{count:,}")  # fmt: skip
    return [word[i : i + width] for i in range(0, len(word), width)]


def numbers(document: Document, element: Element, codes: list[str], kind: str, known: dict[str, int]) -> np.ndarray:
    """Codes as numbers (n,). `known` remembers those that were met. Raises InputError for one that is none."""
    for word in set(codes).difference(known):
        value = number(word, kind)
        if value is None:
            document.refuse("substrate_map.code", element, got=word, allowed=kind)
        known[word] = value
    return np.fromiter((known[word] for word in codes), "int64", len(codes))
