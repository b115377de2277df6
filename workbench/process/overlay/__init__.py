"""Overlay: what is where it should not be, why, and how to place it so that it ends where it belongs."""

from workbench.process.overlay.die_shift import Compensation, compensation_table
from workbench.process.overlay.landing import die_landing, enclosure_limit_um, pad_landing
from workbench.process.overlay.model import MODELS, Estimate, OverlayFit, Spread, fit_by_field, fit_overlay
from workbench.process.overlay.similarity import Similarity, rigid_by_die, umeyama

__all__ = [
    "MODELS",
    "Compensation",
    "Estimate",
    "OverlayFit",
    "Similarity",
    "Spread",
    "compensation_table",
    "die_landing",
    "enclosure_limit_um",
    "fit_by_field",
    "fit_overlay",
    "pad_landing",
    "rigid_by_die",
    "umeyama",
]
