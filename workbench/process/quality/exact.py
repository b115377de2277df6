"""Values as written, before they become floating point: subtracting a constant exactly keeps the digits that vary.

Thirteen equal leading digits leave a double no room for the rest: a sum of squares of such readings is wrong in its
fourth digit. Take the text the instrument wrote, subtract, then convert.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import numpy as np

from workbench.errors import InputError

Array = np.ndarray


def subtract_exactly(written: Sequence[str | Decimal | int], constant: str | Decimal | int | None = None) -> Array:
    """`written` (n,) minus `constant` (the first value by default), each difference rounded only once, to float64.

    Raises InputError for a text that is no finite number.
    """
    try:
        values = [Decimal(value) for value in written]
        offset = Decimal(constant) if constant is not None else values[0] if values else Decimal(0)
    except (InvalidOperation, ValueError) as fault:
        raise InputError("process.not_a_number", got=str(fault)[:80]) from fault
    if not all(value.is_finite() for value in (*values, offset)):
        raise InputError("process.not_a_number", got="NaN, Infinity")
    return np.array([float(value - offset) for value in values])
