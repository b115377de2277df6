"""Colours of the material families (sRGB hex), the same in sections, the 3D view, legends and exported models."""

from __future__ import annotations

from typing import Final

MATERIAL_COLOURS: Final = {
    "silicon": "#5B84C4",
    "dielectric": "#E3B341",  # interposer and redistribution dielectric
    "copper": "#C7763A",
    "mould": "#9AA0A6",
    "underfill": "#7FB7A6",
    "solder": "#C9CED6",
    "substrate": "#3B7D4F",
    "tim": "#8F6BB3",
    "lid": "#8A8F98",
}
MATERIAL_OPACITY: Final = {"mould": 0.35}  # every other material is opaque
