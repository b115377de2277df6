"""3Dblox as OpenROAD reads and writes it: files (`read`, `write`) and their conversion to and from a design."""

from workbench.formats.threedblox.files import Blox, made, read, texts, write
from workbench.formats.threedblox.from_design import from_design
from workbench.formats.threedblox.to_design import to_design

__all__ = ["Blox", "from_design", "made", "read", "texts", "to_design", "write"]
