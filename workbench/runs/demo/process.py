"""The seed lots: one experiment with two responses, and one monitored parameter in two states."""

from __future__ import annotations

import pandas as pd

from workbench import facts


def seed(store) -> list[str]:
    """Add the published lots to the store; what is there already stays. Returns what was added.

    `hard-bake` holds the 25 subgroups of `flow_width_um` from which the book sets its limits, `hard-bake-later` the
    same and the 20 that followed.
    """
    present = {lot["lot_id"] for lot in store.lots.list()}
    _experiment(store, "cvd-tungsten", facts.load("process/cvd_tungsten"))
    bake = facts.load("process/hard_bake_flow_width")
    _monitor(store, "hard-bake", bake, bake["subgroups"], "")
    later = bake | {"verified": bake["later_verified"]}
    _monitor(store, "hard-bake-later", later, bake["subgroups"] + bake["later_subgroups"], " (with later samples)")
    return [lot_id for lot_id in ("cvd-tungsten", "hard-bake", "hard-bake-later") if lot_id not in present]


def _experiment(store, lot_id: str, table: dict) -> None:
    store.lots.add_lot(lot_id, title=table["title"]["en"], product=table["product"], source=table["source"],
                       verified=table["verified"], note=table["note"])  # fmt: skip
    factors = [factor["name"] for factor in table["factors"]]
    responses = [response["name"] for response in table["responses"]]
    runs = [(f"W{number:02}", run) for number, run in enumerate(table["runs"], 1)]
    store.lots.add_steps(lot_id, [
        {"sequence": number, "carrier": carrier, "name": table["step"]["name"], "recipe": table["step"]["recipe"],
         "settings": {name: run[name] for name in factors}}
        for number, (carrier, run) in enumerate(runs, 1)
    ])  # fmt: skip
    rows = [(carrier, 0, name, run[name]) for carrier, run in runs for name in responses]
    store.lots.add_measurements(lot_id, _frame(rows), source=table["source"])


def _monitor(store, lot_id: str, table: dict, subgroups: list[list[float]], suffix: str) -> None:
    store.lots.add_lot(lot_id, title=table["title"]["en"] + suffix, product=table["product"], source=table["source"],
                       verified=table["verified"])  # fmt: skip
    store.lots.add_specifications(lot_id, [{"parameter": table["parameter"], **table["specification"]}])
    rows = [
        (f"S{number:02}", position, table["parameter"], value)
        for number, subgroup in enumerate(subgroups, 1)
        for position, value in enumerate(subgroup)
    ]
    store.lots.add_measurements(lot_id, _frame(rows), source=table["source"])


def _frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["carrier", "position", "parameter", "value"])
