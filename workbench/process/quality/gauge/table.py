"""Readings of a gauge study as a block of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.errors import DomainError

Array = np.ndarray


def crossed_table(frame: pd.DataFrame, *, part: str, operator: str, value: str) -> Array:
    """Readings (parts, operators, trials) of a study where every operator measured every part equally often.

    Parts and operators in the order of their names, trials in the order of the rows.
    Raises DomainError when a column is missing, a reading is not finite or the study is not balanced.
    """
    rows = _sorted(frame, [part, operator], value)
    size = rows.groupby([part, operator], sort=True, observed=True).size()
    shape = (rows[part].nunique(), rows[operator].nunique(), int(size.iloc[0]))
    if size.nunique() != 1 or len(size) != shape[0] * shape[1]:
        raise DomainError("process.gauge_unbalanced", got=f"{size.min()} ... {size.max()}, {len(size)} cells")
    return checked(rows[value].to_numpy(float).reshape(shape))


def nested_table(frame: pd.DataFrame, *, operator: str, part: str, value: str) -> Array:
    """Readings (operators, parts of that operator, trials) of a study where each operator had parts of his own.

    Raises DomainError as `crossed_table`.
    """
    rows = _sorted(frame, [operator, part], value)
    size = rows.groupby([operator, part], sort=True, observed=True).size()
    parts = size.groupby(level=0, observed=True).size()
    if size.nunique() != 1 or parts.nunique() != 1:
        raise DomainError("process.gauge_unbalanced", got=f"{size.min()} ... {size.max()}, {parts.max()} parts")
    return checked(rows[value].to_numpy(float).reshape(len(parts), int(parts.iloc[0]), int(size.iloc[0])))


def checked(values: Array, *, least_trials: int = 2) -> Array:
    """`values` as floats (a, b, trials), at least 2 x 2 x `least_trials`, finite. Raises DomainError otherwise."""
    data = np.asarray(values, float)
    if data.ndim != 3 or min(data.shape[:2]) < 2 or data.shape[2] < least_trials or not np.isfinite(data).all():
        raise DomainError("process.gauge_shape", got=data.shape, allowed=f">= 2 x 2 x {least_trials}")
    return data


def _sorted(frame: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    absent = [name for name in (*keys, value) if name not in frame.columns]
    if absent:
        raise DomainError("process.column_absent", got=", ".join(absent), allowed=", ".join(map(str, frame.columns)))
    return frame[[*keys, value]].sort_values(keys, kind="stable")
