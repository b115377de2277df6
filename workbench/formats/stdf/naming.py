"""What the parameters of a file are called, with unit and limits: `1000 Vdd leakage`, `2000 ramp[A3]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from workbench.formats.lot_data import Test
from workbench.formats.stdf import tables as t
from workbench.formats.stdf.decoding import text
from workbench.formats.stdf.session import Session

Key = tuple[int, int, str, str]  # kind, number, text, pin


def parameters(
    tests: np.ndarray, owner: np.ndarray, pin: np.ndarray, read: Callable[[int, int], bytes], session: Session
) -> tuple[list[Test], np.ndarray]:
    """The parameters, and for each row of the scan which of them it is: rows that differ only in the index of a pin
    (one a site) or in blanks are one."""
    names = [_name(row, read, session) for row in tests.tolist()]
    twins = _twin_pins(owner, pin, session.pins)
    known: dict[Key, int] = {}
    rows = np.empty(len(owner), np.int32)
    found: list[tuple[Key, int]] = []
    for i, (test, index) in enumerate(zip(owner.tolist(), pin.tolist(), strict=True)):
        label = _pin(index, session.pins, (test, index) in twins)
        key = int(tests[test, t.KIND]), int(tests[test, t.NUMBER]), names[test], label
        if key not in known:
            known[key] = len(found)
            found.append((key, test))
        rows[i] = known[key]
    taken: set[str] = set()
    return [_test(key, tests[test], read, taken) for key, test in found], rows


def _name(row: list[int], read: Callable[[int, int], bytes], session: Session) -> str:
    said = text(read(row[t.TEXT_AT], row[t.TEXT_BYTES])) if row[t.TEXT_BYTES] else ""
    return said or session.test_names.get(row[t.NUMBER], "")


def _pin(index: int, pins: Mapping[int, tuple], twin: bool) -> str:
    if index < 0:
        return ""
    if index >= t.NO_PIN:
        return f"#{index - t.NO_PIN + 1}"
    name = pins[index][1] if index in pins else ""
    if not name:
        return f"pin {index}"
    return f"{name}/{index}" if twin else name


def _twin_pins(owner: np.ndarray, pin: np.ndarray, pins: Mapping[int, tuple]) -> set[tuple[int, int]]:
    """Pins of one test that have one name on one site: the name alone would mix them."""
    seen: dict[tuple, tuple[int, int]] = {}
    twins = set()
    for test, index in zip(owner.tolist(), pin.tolist(), strict=True):
        if index in pins:
            place = test, *pins[index]
            first = seen.setdefault(place, (test, index))
            if first != (test, index):
                twins |= {first, (test, index)}
    return twins


def _test(key: Key, row: np.ndarray, read: Callable[[int, int], bytes], taken: set[str]) -> Test:
    kind, number, said, label = key
    name = f"{number} {said}".strip() + (f"[{label}]" if label else "")
    if name in taken:  # a PTR and an FTR of one number and text
        name = f"{name} ({('PTR', 'MPR', 'FTR')[kind]})"
    while name in taken:
        name += "'"
    taken.add(name)
    if kind == t.FUNCTIONAL:
        return Test(name, lower=1.0, number=number)
    unit = text(read(int(row[t.UNIT_AT]), int(row[t.UNIT_BYTES]))) if row[t.UNIT_AT] >= 0 else ""
    return Test(name, unit, _limit(row, t.LOW, t.LOW_BITS), _limit(row, t.HIGH, t.HIGH_BITS), number=number)


def display_exponents(found: list[Test], tests: np.ndarray, owner: np.ndarray, rows: np.ndarray) -> dict[str, int]:
    """RES_SCAL of the parameters that have one other than 0: a value times 10 to it is what the tester shows, with the
    prefix that belongs to it (9: nano)."""
    said = {}
    for test, row in zip(owner.tolist(), rows.tolist(), strict=True):
        if (scale := int(tests[test, t.SCALE])) not in (0, t.SCALE_ZERO):
            said.setdefault(found[row].parameter, scale - t.SCALE_ZERO)
    return said


def _limit(row: np.ndarray, known: int, bits: int) -> float | None:
    return float(np.uint32(row[bits]).view(np.float32)) if row[known] == t.GIVEN else None
