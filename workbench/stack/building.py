"""What the page of the 3D model builder asks for."""

from __future__ import annotations

from workbench.schema import Parameters, choice


class ModelBuilder(Parameters):
    """3D model builder: see, measure, build and edit a module."""

    design_id: str = choice("Design", "設計", of="design", default="poc-face-to-face")
