"""What the files that 3Dblox refers to add: die outlines and ports (DEF), bump cells (LEF), the netlist (Verilog).

A file that is missing, lies outside the folders that may be opened, or cannot be read is reported, never fatal; so is
what goes beyond the files and characters that one assembly may have, its own files included.
"""

from __future__ import annotations

import os
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
from workbench.formats.threedblox.files import MOST_CHARACTERS, MOST_FILES, Blox
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
    found, taking, merged = Referenced(), _Taking(blox, notes), set()
    used = {instance.reference for instance in blox.top.instances.values()}
    chiplets = [chiplet for name, chiplet in blox.chiplets.items() if name in used]
    for chiplet in chiplets:
        for reference in chiplet.external:
            if reference.kind == "LEF_file":
                for macros in taking.each(reference, lef_text.parse):
                    if id(macros) not in merged:
                        merged.add(id(macros))
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
    parse_netlist = partial(verilog.parse, top=blox.top.design)
    for reference in blox.top.external:
        for netlist in taking.each(reference, parse_netlist):
            found.netlist = netlist
    return found


class _Taking:
    """Opens each referenced file once, however it is spelled, as long as files and characters last."""

    def __init__(self, blox: Blox, notes: Notes):
        self.blox, self.notes = blox, notes
        self.done: dict[tuple[Callable[..., Any], str], Any] = {}  # by parser and real path
        self.found: dict[tuple[str, str], list[Path]] = {}  # by folder and path as written
        self.files, self.characters = len(blox.documents) + len(blox.bump_maps), blox.characters

    def each(self, reference: Reference, parse: Callable[..., Any]) -> list[Any]:
        extra = self.blox.extra(reference)
        sources = [(extra[0], *extra)] if extra else [(os.path.realpath(p), p.name, p) for p in self._paths(reference)]
        found = []
        for key, name, source in sources:
            if (parse, key) not in self.done:
                if self._is_spent():
                    self._leave("threedblox.reference_beyond", reference)
                    break
                self.done[parse, key] = self._read(reference, name, source, parse)
            if self.done[parse, key] is not None:
                found.append(self.done[parse, key])
        return found

    def _paths(self, reference: Reference) -> list[Path]:
        key = (str(Path(reference.document).parent), reference.path)
        if key not in self.found:
            if "*" in reference.path:  # a folder is listed
                if self._is_spent():
                    self._leave("threedblox.reference_beyond", reference)
                    return []
                self.files += 1
            self.found[key] = self.blox.resolve(reference)
        if not self.found[key]:
            self._leave("threedblox.reference_missing", reference)
        return self.found[key]

    def _is_spent(self) -> bool:
        return self.files >= MOST_FILES or self.characters >= MOST_CHARACTERS

    def _leave(self, key: str, reference: Reference, **values: str) -> None:
        self.notes.leave(key, place=reference.place, path=reference.path, **values)

    def _read(self, reference: Reference, name: str, source: Path | str, parse: Callable[..., Any]) -> Any:
        self.files += 1
        room = min(words.MOST_CHARACTERS, MOST_CHARACTERS - self.characters)
        try:
            text = source if isinstance(source, str) else yaml_text.read_text(source, limit_bytes=room)
            self.characters += len(text)
            result = parse(text, where=name)
        except InputError as refused:
            self._leave("threedblox.reference_refused", reference, reason=f"{refused.where} {refused.got}".strip())
            return None
        self.notes.take("threedblox.reference_taken", path=reference.path)
        return result
