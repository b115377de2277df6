"""What the page that brings files into lots asks for."""

from __future__ import annotations

from workbench.schema import Parameters, text


class LotIntake(Parameters):
    """Bring in lots: files of tools and testers are recognised, asked about where they must be, and taken."""

    lot_id: str = text(
        "Lot", "批次", default="", help_en="For files that name none", help_zh="供未註明批號的檔案使用"
    )
