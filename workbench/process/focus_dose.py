"""The focus-dose study of an experiment: Bossung curves of every feature, their common window, what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.process.lots import Experiment
from workbench.process.window import Limits
from workbench.process.window.bossung import (
    Bossung,
    FocusDose,
    FocusDoseWindow,
    LatitudeCurve,
    fit_bossung,
    focus_dose_window,
)
from workbench.process.window.shapes import Box

FACTORS = ("focus_um", "dose_mj_per_cm2")
CURVE_POINTS = 15


@dataclass(frozen=True)
class FocusDoseStudy:
    """Features with limits, each with its own window, and the window they share.

    `rectangle` and `ellipse` are the largest of the common window, `curve` its latitude against depth of focus,
    `at_latitude` the deepest rectangle with the wanted latitude and `probable` the largest box in (focus um, log dose)
    where all features conform with the wanted probability; None where there is none. `alone` are the largest
    rectangles of each feature on its own.
    """

    features: tuple[Bossung, ...]
    common: FocusDoseWindow
    alone: tuple[FocusDose | None, ...]
    rectangle: FocusDose | None
    ellipse: FocusDose | None
    curve: LatitudeCurve
    at_latitude: FocusDose | None
    probable: Box | None
    wanted: float
    latitude_percent: float
    focus_um: np.ndarray  # of the measurements
    dose_mj_per_cm2: np.ndarray
    widths: Mapping[str, np.ndarray]


def focus_dose_study(
    experiment: Experiment, limits: Mapping[str, Limits], *, wanted: float, latitude_percent: float
) -> FocusDoseStudy | None:
    """Study an experiment in focus and dose; None where other factors were varied or nothing has a limit.

    Raises DomainError as `fit_bossung` and `focus_dose_window`.
    """
    if {f.name for f in experiment.factors} != set(FACTORS):
        return None
    focus, dose = (experiment.settings[name].to_numpy(float) for name in FACTORS)
    widths = {name: experiment.responses[name].to_numpy(float) for name in experiment.responses if name in limits}
    if not widths:
        return None
    features = tuple(fit_bossung(focus, dose, width, limits[name], feature=name) for name, width in widths.items())
    common = focus_dose_window(features)
    alone = (common.rectangle,) if len(features) == 1 else tuple(focus_dose_window([b]).rectangle for b in features)
    return FocusDoseStudy(
        features=features,
        common=common,
        alone=alone,
        rectangle=common.rectangle,
        ellipse=common.ellipse,
        curve=common.curve(CURVE_POINTS),
        at_latitude=common.depth_at(latitude_percent) if common.exists else None,
        probable=common.probable(wanted),
        wanted=wanted,
        latitude_percent=latitude_percent,
        focus_um=focus,
        dose_mj_per_cm2=dose,
        widths=widths,
    )
