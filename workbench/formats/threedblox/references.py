"""What the files that 3Dblox refers to add: die outlines and ports (DEF), bump cells (LEF), the netlist (Verilog).

A file that is missing, lies outside the folders that may be opened, or cannot be read is reported, never fatal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.formats import verilog, yaml_text
from workbench.formats.lefdef import def_text, lef_text, words
from workbench.formats.lefdef.def_text import DefDesign
from workbench.formats.lefdef.lef_text import Macro
from workbench.formats.report import Notes
from workbench.formats.threedblox.files import Blox
from workbench.formats.threedblox.model import Reference
from workbench.formats.verilog import Netlist

_READ = ("LEF_file", "DEF_file", "def_file", "verilog_file")


@dataclass
class Referenced:
    """`designs` by chiplet."""

    macros: dict[str, Macro] = field(default_factory=dict)
    designs: dict[str, DefDesign] = field(default_factory=dict)
    netlist: Netlist | None = None

    def take(self, chiplet: str, designs: list[DefDesign]) -> None:
        if designs:
            self.designs[chiplet] = designs[-1]


def gather(blox: Blox, notes: Notes) -> Referenced:
    """Everything the referenced files say, with a sentence for each that was not taken."""
    found, taking = Referenced(), _Taking(blox, notes)
    used = {instance.reference for instance in blox.top.instances.values()}
    chiplets = [chiplet for name, chiplet in blox.chiplets.items() if name in used]
    for chiplet in chiplets:
        for reference in chiplet.external:
            if reference.kind == "LEF_file":
                for macros in taking.each(reference, lef_text.parse):
                    found.macros |= macros
    bumps = {name for name, macro in found.macros.items() if macro.is_bump}
    cells = bumps.union(*(m.cells.words for m in blox.bump_maps.values()))
    parse_def = partial(def_text.parse, macros=cells)
    for chiplet in chiplets:
        for reference in chiplet.external:
            if reference.kind == "DEF_file":
                found.take(chiplet.name, taking.each(reference, parse_def))
            elif reference.kind not in _READ or reference.kind == "verilog_file":
                notes.leave("threedblox.reference_kept", place=reference.place, path=reference.path)
    for instance in blox.top.instances.values():
        for reference in instance.external:
            if reference.kind == "def_file" and instance.reference not in found.designs:
                found.take(instance.reference, taking.each(reference, parse_def))
            else:
                notes.leave("threedblox.reference_kept", place=reference.place, path=reference.path)
    for reference in blox.top.external:
        for netlist in taking.each(reference, partial(verilog.parse, top=blox.top.design)):
            found.netlist = netlist
    return found


class _Taking:
    """Opens each referenced file once."""

    def __init__(self, blox: Blox, notes: Notes):
        self.blox, self.notes = blox, notes
        self.done: dict[tuple[str, str], Any] = {}

    def each(self, reference: Reference, parse: Callable[..., Any]) -> list[Any]:
        extra = self.blox.extra(reference)
        sources: list[tuple[str, Path | str]] = [extra] if extra else []
        if not sources:
            sources = [(path.name, path) for path in self.blox.resolve(reference)]
        if not sources:
            self.notes.leave("threedblox.reference_missing", place=reference.place, path=reference.path)
        found = []
        for name, source in sources:
            key = (reference.kind, name if extra else str(source))
            if key not in self.done:
                self.done[key] = self._read(reference, name, source, parse)
            if self.done[key] is not None:
                found.append(self.done[key])
        return found

    def _read(self, reference: Reference, name: str, source: Path | str, parse: Callable[..., Any]) -> Any:
        try:
            text = source if isinstance(source, str) else yaml_text.read_text(source, limit_bytes=words.MOST_CHARACTERS)
            result = parse(text, where=name)
        except InputError as refused:
            self.notes.leave("threedblox.reference_refused", place=reference.place, path=reference.path,
                             reason=f"{refused.where} {refused.got}".strip())  # fmt: skip
            return None
        self.notes.take("threedblox.reference_taken", path=reference.path)
        return result
