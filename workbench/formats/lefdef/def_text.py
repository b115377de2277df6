"""DEF 5.8: outline, ports, and placed components with the nets on them. Source: LEF/DEF 5.8 Language Reference."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from workbench.formats.lefdef.words import Words
from workbench.stack import geometry

MOST = 2_000_000  # components, pins or terminals
# Orientations of DEF and the same in the words of OpenROAD.
ORIENTATIONS = {"N": "R0", "W": "R90", "S": "R180", "E": "R270", "FN": "MY", "FS": "MX", "FW": "MX_R90", "FE": "MY_R90"}


@dataclass(frozen=True)
class Component:
    """x, y is the lower left corner of the cell as it lies, in um; None where it is not placed."""

    name: str
    macro: str
    x_um: float | None
    y_um: float | None
    orientation: str
    line: int


@dataclass(frozen=True)
class DefPin:
    """A port. `use` is SIGNAL where the file does not say."""

    name: str
    net: str
    direction: str
    use: str
    layer: str
    x_um: float | None
    y_um: float | None
    line: int


@dataclass(frozen=True)
class DefDesign:
    """`die_area_um` is x0, y0, x1, y1 of the outline's box; `die_area_corners` how many corners the file gives (2 for
    a rectangle). `nets` maps (component, pin) to the net, for the components that were asked for."""

    name: str
    units_per_um: float
    die_area_um: tuple[float, float, float, float] | None
    die_area_corners: int
    components: tuple[Component, ...]
    pins: tuple[DefPin, ...]
    nets: dict[tuple[str, str], str]


def parse(text: str, *, where: str, macros: Container[str] | None = None) -> DefDesign:
    """A design. `macros`: keep only components of these cells, and the nets on them (None: all).

    Raises InputError with file and line: a statement that does not end, a number that is none, an unknown
    orientation, another unit than that of the lengths before, more than 2 million of a kind. Sections that are not
    needed are passed over.
    """
    return _Reading(Words(text, where=where), macros).design()


class _Reading:
    def __init__(self, words: Words, macros: Container[str] | None):
        self.words, self.macros = words, macros
        self.name, self.units, self.area, self.corners = "", 100.0, None, 0
        self.components: dict[str, Component] = {}
        self.pins: list[DefPin] = []
        self.nets: dict[tuple[str, str], str] = {}
        self.taken, self.scaled = 0, False

    def design(self) -> DefDesign:
        words = self.words
        sections = {"COMPONENTS": self._component, "PINS": self._pin, "NETS": self._net, "SPECIALNETS": self._net}
        while (word := words.next()) is not None:
            if word == "END":
                if words.next() == "DESIGN":
                    break
            elif word == "BEGINEXT":
                words.skip_to("ENDEXT")
            elif word == "DESIGN":
                self.name = " ".join(words.statement()[:1])
            elif word == "UNITS":
                self._units(words.statement())
            elif word == "DIEAREA":
                self._die_area(words.statement())
            elif word in sections:
                self._section(word, sections[word])
            else:
                words.skip()
        return DefDesign(self.name, self.units, self.area, self.corners, tuple(self.components.values()),
                         tuple(self.pins), self.nets)  # fmt: skip

    def _units(self, said: list[str]) -> None:
        units = self.words.number(said[-1]) if said else 0.0
        if not 1 <= units <= 1e6:
            raise self.words.refuse(" ".join(said), "DISTANCE MICRONS 100 ... 1000000")
        if self.scaled and units != self.units:
            raise self.words.refuse(f"UNITS {' '.join(said)}", "UNITS ... DIEAREA, COMPONENTS, PINS")
        self.units = units

    def _um(self, value: float) -> float:
        self.scaled = True
        return value / self.units

    def _die_area(self, said: list[str]) -> None:
        values = [self.words.number(word) for word in said if word not in "()"]
        if len(values) < 4 or len(values) % 2:
            raise self.words.refuse(" ".join(said), "( x y ) ( x y )")
        x, y = values[0::2], values[1::2]
        self.corners = len(x)
        self.area = tuple(map(self._um, (min(x), min(y), max(x), max(y))))

    def _section(self, name: str, entry) -> None:
        self.words.statement()
        while True:
            word = self.words.need(f"END {name}")
            if word == "END":
                found = self.words.need(name)
                if found != name:
                    raise self.words.refuse(f"END {found}", f"END {name}")
                return
            if word != "-":
                raise self.words.refuse(word, "-")
            line = self.words.line
            entry(self.words.statement(line), line)

    def _count(self, line: int) -> None:
        self.taken += 1
        if self.taken > 3 * MOST:
            raise self.words.refuse(self.taken, f"<= {3 * MOST:,}", line)

    def _component(self, said: list[str], line: int) -> None:
        if len(said) < 2:
            raise self.words.refuse(" ".join(said), "name cell", line)
        name, macro = _plain(said[0]), said[1]
        if self.macros is not None and macro not in self.macros:
            return
        self._count(line)
        x, y, turned = self._placed(said, line)
        self.components[name] = Component(name, macro, x, y, turned, line + 1)

    def _placed(self, said: list[str], line: int) -> tuple[float | None, float | None, str]:
        for keyword in ("PLACED", "FIXED", "COVER"):
            if keyword in said:
                at = said.index(keyword)
                place = said[at + 1 : at + 6]
                if len(place) < 5 or place[0] != "(" or place[3] != ")" or place[4] not in ORIENTATIONS:
                    raise self.words.refuse(" ".join(place), f"( x y ) {' | '.join(ORIENTATIONS)}", line)
                x, y = (self._um(self.words.number(word, line)) for word in place[1:3])
                return x, y, ORIENTATIONS[place[4]]
        return None, None, "R0"

    def _pin(self, said: list[str], line: int) -> None:
        if not said:
            raise self.words.refuse("", "name", line)
        self._count(line)
        options = {}
        for index, word in enumerate(said[:-1]):
            if word == "+" and said[index + 1] in ("NET", "DIRECTION", "USE", "LAYER"):
                options.setdefault(said[index + 1], said[index + 2] if index + 2 < len(said) else "")
        x, y, _ = self._placed(said, line)
        self.pins.append(DefPin(_plain(said[0]), _plain(options.get("NET", "")), options.get("DIRECTION", ""),
                                options.get("USE", "SIGNAL"), options.get("LAYER", ""), x, y, line + 1))  # fmt: skip

    def _net(self, said: list[str], line: int) -> None:
        """The terminals in brackets before the first ``+``."""
        for index, word in enumerate(said):
            if word == "+":
                break
            if word == "(" and index + 2 < len(said):
                component, pin = _plain(said[index + 1]), _plain(said[index + 2])
                if component in self.components:
                    self._count(line)
                    self.nets[component, pin] = _plain(said[0])


def cell_centre_um(component: Component, width_um: float, length_um: float) -> tuple[float, float]:
    """Centre of a placed cell of that size: its corner is that of the cell as it lies."""
    quarter, _, _ = geometry.pose(component.orientation)
    across, along = (length_um, width_um) if quarter % 180 else (width_um, length_um)
    return component.x_um + across / 2, component.y_um + along / 2


def _plain(word: str) -> str:
    return word.replace("\\", "")
