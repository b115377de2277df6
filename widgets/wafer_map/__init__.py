"""Maps of wafers, panels and substrates: a drawing for reports, and a map to brush on screen."""

from widgets.wafer_map.drawing import map_svg
from widgets.wafer_map.grid import Category, DieGrid, Scale
from widgets.wafer_map.screen import WaferMap

__all__ = ["Category", "DieGrid", "Scale", "WaferMap", "map_svg"]
