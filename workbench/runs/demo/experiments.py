"""Experiments of three and four factors, published ones first, and a synthetic focus-dose lot of two layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench import facts
from workbench.process.fan_out import generate, lithography

PUBLISHED = {  # lot: its table, factors and responses
    "tire-tread": ("process/tire_tread", ("silica_phr", "silane_phr", "sulfur_phr"),
                   ("pico_abrasion_index", "modulus_200_percent_strain", "elongation_percent", "hardness_shore")),
    "filtration-rate": ("process/filtration_rate",
                        ("temperature_coded", "pressure_coded", "formaldehyde_coded", "stirring_coded"),
                        ("filtration_rate",)),
}  # fmt: skip
FOCUS_DOSE = "rdl-focus-dose"
SEED = 1704
NOISE_UM = 0.02  # of one measured space
FOCUS_UM = np.linspace(-10.0, 10.0, 9)
DOSES_MJ_PER_CM2 = np.round(134 * 1.045 ** np.arange(-4, 5), 1)
# Two redistribution layers in one exposure field: the upper one stands on the topography of the lower, so its best
# focus is off; its lines are wider. Parameters are planted within the ranges of the model.
LAYERS = {
    "rdl1_space_um": ({"pitch_um": 4.0, "na": 0.13}, {"threshold_mj_per_cm2": 36.0, "focus_offset_um": -3.0,
                                                      "diffusion_um": 0.3}, (1.8, 2.2)),
    "rdl2_space_um": ({"pitch_um": 6.0, "na": 0.13}, {"threshold_mj_per_cm2": 53.0, "focus_offset_um": 3.5,
                                                      "diffusion_um": 0.5}, (2.7, 3.3)),
}  # fmt: skip


def seed(store) -> list[str]:
    """Add the experiments that are not there yet; what was added. A second call adds nothing."""
    present = {lot["lot_id"] for lot in store.lots.list()}
    for lot_id, (name, factors, responses) in PUBLISHED.items():
        published(store, lot_id, facts.load(name), factors, responses)
    _focus_dose(store)
    return [lot_id for lot_id in (*PUBLISHED, FOCUS_DOSE) if lot_id not in present]


def published(store, lot_id: str, table: dict, factors: tuple[str, ...], responses: tuple[str, ...]) -> None:
    """An experiment of `data/process`: one carrier a run, the settings of its step, its limits."""
    store.lots.add_lot(lot_id, title=table["title"]["en"], product=table["product"], source=table["source"],
                       verified=table["verified"], note=table.get("note", ""))  # fmt: skip
    frame = pd.DataFrame(table["runs"])
    _runs(store, lot_id, table["step"], frame[list(factors)], frame[list(responses)], table["source"])
    store.lots.add_specifications(lot_id, table["specifications"])


def _focus_dose(store) -> None:
    """A focus-exposure matrix on one reconstituted wafer: every field at its focus and dose, both layers measured."""
    grid = np.stack(np.meshgrid(FOCUS_UM, DOSES_MJ_PER_CM2, indexing="ij"), axis=-1).reshape(-1, 2)
    settings = pd.DataFrame(grid, columns=["focus_um", "dose_mj_per_cm2"])
    columns = {}
    for number, (name, (optics, planted, _)) in enumerate(LAYERS.items()):
        made = generate(lithography(**optics), settings, noise=NOISE_UM, seed=SEED + number, parameters=planted)
        columns[name] = made.runs["space_um"].round(4)
    source = "workbench.process.fan_out.lithography, three-beam image, planted parameters"
    note = "Generated: two redistribution layers printed at NA 0.13; the limits are ten percent of the space."
    store.lots.add_lot(FOCUS_DOSE, title="Synthetic: focus-exposure matrix of two redistribution layers",
                       product="fan-out RDL", source=source, verified=False, synthetic=True, note=note)  # fmt: skip
    step = {"name": "expose", "recipe": "focus-exposure matrix"}
    _runs(store, FOCUS_DOSE, step, settings, pd.DataFrame(columns), source)
    store.lots.add_specifications(FOCUS_DOSE, [
        {"parameter": name, "lower": low, "upper": high, "source": "ten percent of the designed space"}
        for name, (_, _, (low, high)) in LAYERS.items()
    ])  # fmt: skip


def _runs(store, lot_id: str, step: dict, settings: pd.DataFrame, responses: pd.DataFrame, source: str) -> None:
    width = len(str(len(settings)))
    carriers = [f"W{number:0{width}}" for number in range(1, len(settings) + 1)]
    rows = settings.astype(float).to_dict("records")
    store.lots.add_steps(lot_id, [
        {"sequence": number, "carrier": carrier, "name": step["name"], "recipe": step["recipe"], "settings": row}
        for number, (carrier, row) in enumerate(zip(carriers, rows, strict=True), 1)
    ])  # fmt: skip
    long = responses.astype(float).assign(carrier=carriers, position=0).melt(["carrier", "position"],
                                                                            var_name="parameter")  # fmt: skip
    store.lots.add_measurements(lot_id, long[["carrier", "position", "parameter", "value"]], source=source)
