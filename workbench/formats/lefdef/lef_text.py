"""LEF 5.8: the macros of a library, their class, size and the box of each pin's shapes. Source: LEF/DEF 5.8 Language
Reference.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.formats.lefdef.words import Words

MOST_MACROS = 200_000
UNVERIFIED = "unverified"  # our property of a macro whose size rests on no source
_BLOCKS = ("LAYER", "VIA", "VIARULE", "SITE", "NONDEFAULTRULE", "ARRAY")  # END <their name>
_NAMED = ("UNITS", "SPACING", "PROPERTYDEFINITIONS", "IRDROP", "NOISETABLE", "CORRECTIONTABLE")  # END <the keyword>


@dataclass(frozen=True)
class Macro:
    """A cell. `pad_um` is x0, y0, x1, y1 of the largest shape of its pins; None where it has none."""

    name: str
    cell_class: str
    width_um: float
    length_um: float
    pins: tuple[str, ...]
    pad_um: tuple[float, float, float, float] | None
    line: int
    unverified: bool = False

    @property
    def is_bump(self) -> bool:
        return self.cell_class == "COVER BUMP"

    @property
    def diameter_um(self) -> float:
        """The pad's smaller side, else the cell's."""
        if self.pad_um is None:
            return min(self.width_um, self.length_um)
        x0, y0, x1, y1 = self.pad_um
        return min(x1 - x0, y1 - y0)


def parse(text: str, *, where: str) -> dict[str, Macro]:
    """The macros by name; layers, vias and sites are passed over.

    Raises InputError with file and line: a statement or block that does not end, a number that is none, a macro
    without SIZE, more than 200,000 macros.
    """
    words, found = Words(text, where=where), {}
    while (word := words.next()) is not None:
        if word == "END":
            if words.next() == "LIBRARY":
                break
        elif word == "MACRO":
            if len(found) >= MOST_MACROS:
                raise words.refuse(len(found), f"<= {MOST_MACROS:,}")
            macro = _macro(words)
            found[macro.name] = macro
        elif word in _BLOCKS:
            words.skip_to("END", words.need("name"))
        elif word in _NAMED:
            words.skip_to("END", word)
        elif word == "BEGINEXT":
            words.skip_to("ENDEXT")
        else:
            words.skip()
    return found


def _macro(words: Words) -> Macro:
    line, name = words.line, words.need("name")
    cell_class, size, pins, shapes, unverified = "", None, [], [], False
    while (word := words.need(f"END {name}")) != "END":
        if word == "CLASS":
            cell_class = " ".join(words.statement())
        elif word == "SIZE":
            said = words.statement()
            if len(said) != 3 or said[1] != "BY":
                raise words.refuse(" ".join(said), "SIZE width BY height ;")
            size = words.number(said[0]), words.number(said[2])
            if min(size) <= 0:
                raise words.refuse(" ".join(said), "> 0")
        elif word == "PROPERTY":
            unverified |= UNVERIFIED in words.statement()
        elif word == "PIN":
            pins.append(words.need("name"))
            shapes += _pin(words, pins[-1])
        elif word in ("OBS", "DENSITY", "TIMING"):
            words.skip_to("END", *(["TIMING"] if word == "TIMING" else []))
        else:
            words.skip()
    end = words.need(name)
    if end != name:
        raise words.refuse(f"END {end}", f"END {name}")
    if size is None:
        raise words.refuse(name, "SIZE", line)
    largest = max(shapes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), default=None)
    return Macro(name, cell_class, *size, tuple(pins), largest, line + 1, unverified)


def _pin(words: Words, name: str) -> list[tuple[float, float, float, float]]:
    """The boxes of a pin's shapes. ``END`` alone closes a PORT, with the pin's name the pin."""
    boxes, in_port = [], False
    while True:
        word = words.need(f"END {name}")
        if word == "PORT":
            in_port = True
        elif word == "END":
            if in_port:
                in_port = False
                continue
            end = words.need(name)
            if end != name:
                raise words.refuse(f"END {end}", f"END {name}")
            return boxes
        elif word in ("RECT", "POLYGON") and in_port:
            line, said = words.line, words.statement()
            values = [words.number(w, line) for w in said if w not in ("(", ")", "MASK")]
            values = values[1:] if "MASK" in said else values
            if len(values) < 4 or len(values) % 2:
                raise words.refuse(" ".join(said[:8]), f"{word} x y x y ;", line)
            x, y = values[0::2], values[1::2]
            if max(x) > min(x) and max(y) > min(y):
                boxes.append((min(x), min(y), max(x), max(y)))
        else:
            words.skip()
