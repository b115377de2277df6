"""What is joined to what: connections of regions, the netlist between parts, and asserted paths."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.stack.part import Label, Name, Part


class End(Part):
    """A region of a part: a placed die (array members as ``name[column,row]``) or a layer."""

    part: Name
    region: Name

    def __str__(self) -> str:
        return f"{self.part}.{self.region}"


class Connection(Part):
    """Two regions that touch across an interface. `bottom` None: the world below (package or ground)."""

    name: Name
    top: End
    bottom: End | None = None
    thickness_um: Annotated[float, Field(ge=0, le=20_000)] = 0.0


class Step(End):
    """One region of an asserted path; `excluded`: the path must not touch it."""

    excluded: bool = False

    def __str__(self) -> str:
        return ("NOT " if self.excluded else "") + super().__str__()


class PathAssertion(Part):
    """The regions a connection must pass, in order."""

    name: Name
    steps: tuple[Step, ...] = Field(min_length=1, max_length=1_000)


class Pin(Part):
    """A port of a placed die (or layer): where a net of the module meets it."""

    part: Name
    port: Label


class Net(Part):
    """A net of the module and the ports it joins. Bumps carry the names inside their die; this says what is one."""

    name: Label
    role: Literal["signal", "power", "ground"] = "signal"
    pins: tuple[Pin, ...] = Field(default=(), max_length=1_000_000)
