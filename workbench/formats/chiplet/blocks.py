"""Mappings of a `.chiplet` file with their places: typed values out, every refusal at its line and column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.errors import InputError
from workbench.formats.report import Notes
from workbench.formats.yaml_text import Located, Steps

FARTHEST = 1e9  # um; far beyond any module, so that sums stay exact enough

# Key sets the specification closes; what else stands there is said.
KEYS = {
    "root": {"format_version", "assembly", "technologies", "connection_stacks", "components", "interposer",
             "interconnect", "interfaces", "netlist", "flow", "_metadata"},
    "assembly": {"name", "description", "author", "created", "modified", "units", "assembly_gds", "io_technology"},
    "technology": {"description", "layer_properties", "stackup", "dbu"},
    "stack": {"description", "layers"},
    "stack layer": {"name", "material", "height", "diameter"},
    "component": {"id", "type", "technology", "anchor", "layout", "top_cell", "cells", "position", "rotation",
                  "orientation", "connection", "dimensions", "attachment_surface_z", "io_pads", "metadata", "array",
                  "cdxml_ref", "3dblox_ref"},
    "position": {"x", "y", "z"},
    "rotation": {"z"},
    "dimensions": {"width", "height", "thickness"},
    "array": {"pattern", "count", "pitch", "start_position"},
    "pair": {"x", "y"},
    "pad": {"id", "io_class", "net", "position", "size", "layer"},
    "interface": {"id", "type", "from", "to", "physical"},
    "end": {"component", "surface", "port_layer"},
    "physical": {"pitch", "diameter", "height"},
    "netlist": {"external_netlist", "nets"},
    "net": {"name", "class", "external", "connections"},
    "pin": {"component", "pin", "layer"},
    "axis": {"adapter", "technology"},
    "_metadata": {"frame", "finalize_required", "finalizer"},
}  # fmt: skip


class Block:
    """One mapping. Absent keys and null are the same; a value of the wrong kind is refused."""

    def __init__(self, located: Located, path: Steps, data: dict[str, Any]):
        self.located, self.path, self.data = located, path, data

    @classmethod
    def root(cls, located: Located) -> Block:
        if not isinstance(located.data, dict):
            raise InputError("chiplet.kind", where=located.place(), got=_kind(located.data), allowed="mapping")
        return cls(located, (), located.data)

    def place(self, *steps: str | int) -> str:
        return self.located.place((*self.path, *steps))

    def has(self, key: str) -> bool:
        return self.data.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, str):  # 0755 and 1.10 are no texts any more: no coercion can bring them back
            raise self.refused("chiplet.text", key, value)
        return value

    def name(self, key: str, longest: int = 80) -> str:
        """A text that must be there and fit a name of the design."""
        value = self.text(key)
        if not value.strip():
            raise InputError("chiplet.missing", where=self.place(key) if key in self.data else self.place(), got=key)
        if len(value) > longest or any(c < " " for c in value):
            raise InputError("chiplet.name", where=self.place(key), got=value[:60], allowed=f"<= {longest}")
        return value

    def number(self, key: str, default: float = 0.0, *, least: float = -FARTHEST) -> float:
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refused("chiplet.number", key, value)
        if not least <= value <= FARTHEST:
            raise InputError("chiplet.range", where=self.place(key), got=f"{key} = {value:g}",
                             allowed=f"{least:g} … {FARTHEST:g}")  # fmt: skip
        return float(value)

    def count(self, key: str) -> int:
        value = self.data.get(key)
        if value is None:
            return 1
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refused("chiplet.number", key, value)
        if not 1 <= value <= 1000:
            raise InputError("chiplet.range", where=self.place(key), got=f"{key} = {value}", allowed="1 … 1,000")
        return value

    def flag(self, key: str) -> bool:
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):  # the text "false" must not pass for true
            raise self.refused("chiplet.flag", key, value)
        return bool(value)

    def block(self, key: str) -> Block | None:
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.refused("chiplet.kind", key, _kind(value), "mapping")
        return Block(self.located, (*self.path, key), value)

    def part(self, key: str) -> Block:
        """A mapping, empty where there is none."""
        return self.block(key) or Block(self.located, (*self.path, key), {})

    def listed(self, key: str) -> Iterator[Block]:
        value = self.data.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.refused("chiplet.kind", key, _kind(value), "list")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise InputError("chiplet.kind", where=self.place(key, index), got=_kind(item), allowed="mapping")
            yield Block(self.located, (*self.path, key, index), item)

    def named(self, key: str) -> Iterator[tuple[str, Block]]:
        """The entries of a map of mappings; an entry without a value is an empty one."""
        holder = self.part(key)
        for name in holder.data:
            yield name, holder.part(name)

    def unknown(self, kind: str, notes: Notes, *, kept: bool = False) -> dict[str, Any]:
        """What the specification does not know of here, said at its place. `kept`: it is written back."""
        found = {key: value for key, value in self.data.items() if key not in KEYS[kind]}
        for key in found:
            place = self.located.place((*self.path, key), key=True)
            said = "exchange.chiplet.unknown" if kept else "exchange.chiplet.unknown_left"
            notes.leave(said, key=key[:60], place=place)
        return found

    def refused(self, rule: str, key: str, value: object, allowed: str = "") -> InputError:
        return InputError(rule, where=self.place(key), got=f"{key}: {str(value)[:60]}", allowed=allowed)


def _kind(value: object) -> str:
    names = {dict: "mapping", list: "list", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)
