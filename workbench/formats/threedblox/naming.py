"""Names that other tools can read: words without spaces for bump maps, identifiers for Verilog, names of files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.formats.yaml_text import FORBIDDEN

_SPACE = re.compile(rf"\s+|{FORBIDDEN.pattern}")
_LEF = re.compile(r"[;\"#\\()]")
_FILE = re.compile(r"[^A-Za-z0-9_.-]+")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_KEYWORDS = frozenset(re.findall(r"\w+", """
    module endmodule input output inout wire tri wand wor supply0 supply1 reg logic signed assign always initial begin
    end if else case endcase for while function endfunction task endtask generate endgenerate parameter localparam
    defparam specify endspecify and or not nand nor xor xnor buf macromodule integer real time event primitive table
"""))  # fmt: skip


class Unique:
    """Gives each name once; a name that is taken gets a number. `files`: names that differ in case only are one."""

    def __init__(self, taken: Sequence[str] = (), *, files: bool = False):
        self._taken = set(taken)
        self._last: dict[str, int] = {}  # number given last, so that a name taken a million times costs a million steps
        self._files = files
        self.changed = 0

    def __call__(self, name: str) -> str:
        found = name
        while (key := found.lower() if self._files else found) in self._taken:
            number = self._last[name] = self._last.get(name, 1) + 1
            found = f"{name}_{number}"
        self.changed += found != name
        self._taken.add(key)
        return found


def word(name: str) -> str:
    """A name without spaces."""
    return _SPACE.sub("_", name)


def bump_word(label: str) -> str:
    """A label as one word of a bump map: spaces become ``_``, and it is neither a comment nor ``-``."""
    said = word(label) or "_"
    return f"_{said}" if said.startswith("#") or said == "-" else said


def cell_word(label: str) -> str:
    """A label as the name of a LEF macro."""
    return _LEF.sub("_", bump_word(label))


def file_name(name: str) -> str:
    """A part's name as part of a file's."""
    return _FILE.sub("_", name).strip(".") or "_"


def identifier(name: str) -> str:
    """A Verilog identifier, escaped where it must be."""
    return name if _PLAIN.fullmatch(name) and name not in _KEYWORDS else f"\\{word(name)} "
