"""The tables that the scan of an STDF file fills, compiled: their columns, and how a test or parameter finds its row.

Compiled code checks no index by itself: who calls these functions has checked that the bytes are there.
"""

from __future__ import annotations

import numba
import numpy as np

# Rows of `state`
AT, RECORDS, PARTS, TESTS, PARAMETERS, READINGS, PLACES, WAFERS, LAST_TEST, LAST_PARAMETER = range(10)
LEFT = 10  # and from here what was left out, by reason
BROKEN, UNUSABLE, NOT_FINITE, NO_PART, NO_RESULT, NO_START = range(LEFT, LEFT + 6)
STATE = LEFT + 6

# Columns of `parts`
(HEAD, SITE, WAFER, START_AT, END_AT, FLAGS, HARD_BIN, SOFT_BIN, X, Y, TIME_MS, ID_AT, ID_BYTES) = range(13)
PART = 13

# Columns of `tests`. UNKNOWN, GIVEN and NONE are what is known of a limit.
(KIND, NUMBER, TEXT_AT, TEXT_BYTES, FIRST, PARAMETER, NEXT, LOW, LOW_BITS, HIGH, HIGH_BITS, UNIT_AT, UNIT_BYTES, SCALE,
 CHANGED, PINS_AT, PINS, LIKE_AT) = range(18)  # fmt: skip
TEST = 18
UNKNOWN, GIVEN, NONE = range(3)
SCALE_ZERO = 1024  # is added to a scale: 0 stays "unknown"
PARAMETRIC, MULTIPLE, FUNCTIONAL = range(3)

# Answers of `scan`
DONE, CUT, MORE_READINGS, MORE_PARTS, TOO_MANY_TESTS, TOO_MANY_PARAMETERS, TOO_MANY_WAFERS = range(7)

MOST_OF_A_RECORD = 1 << 14  # readings: 65,535 bytes of 4-byte results
MOST_PROBES = 4096  # of a hash table; texts made to collide must not cost time
NO_PIN = 1 << 16  # results without an index count from here

UNUSABLE_TEST = 0b00111111  # TEST_FLG: alarm, no result, unreliable, timeout, not executed, aborted
UNUSABLE_PARAMETRIC = 0b00000111  # PARM_FLG: scale error, drift, oscillation
NOT_FINITE_BITS = np.uint32(0x7F800000)  # of a 32-bit number that is infinite or no number
NOT_FINITE_BITS = np.uint32(0x7F800000)  # of a 32-bit number that is infinite or no number
NOT_FINITE_BITS = np.uint32(0x7F800000)  # of a 32-bit number that is infinite or no number
UNUSABLE_FUNCTIONAL = 0b01110100  # TEST_FLG of FTR: unreliable, not executed, aborted, no pass/fail indication


# Only `scan` is called from Python and kept on disk: the rest is compiled into it and needs no wrapper of its own. None
# makes an array, so none counts who holds one (`_nrt`): that would cost more than the reading of a record.
inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
outer = numba.njit(cache=True, no_cfunc_wrapper=True, _nrt=False)

# Places are made unsigned before a byte is taken: the compiler then asks no more whether they are negative, and makes
# one load of several bytes.
ONE, TWO, THREE, EIGHT = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(8)


@inner
def u2(data, at, big):
    i = np.uint64(at)
    if big:
        return np.int64(data[i]) << 8 | np.int64(data[i + ONE])
    return np.int64(data[i]) | np.int64(data[i + ONE]) << 8


@inner
def u4(data, at, big):
    i = np.uint64(at)
    if big:
        return np.int64(
            np.uint32(data[i]) << np.uint32(24) | np.uint32(data[i + ONE]) << np.uint32(16)
            | np.uint32(data[i + TWO]) << np.uint32(8) | np.uint32(data[i + THREE])
        )  # fmt: skip
    return np.int64(
        np.uint32(data[i]) | np.uint32(data[i + ONE]) << np.uint32(8)
        | np.uint32(data[i + TWO]) << np.uint32(16) | np.uint32(data[i + THREE]) << np.uint32(24)
    )  # fmt: skip


@inner
def u8(data, at):
    """Eight bytes as they lie, the first the lowest, whatever the order of the file."""
    i = np.uint64(at)
    return (
        np.uint64(data[i]) | np.uint64(data[i + ONE]) << np.uint64(8)
        | np.uint64(data[i + TWO]) << np.uint64(16) | np.uint64(data[i + THREE]) << np.uint64(24)
        | np.uint64(data[i + np.uint64(4)]) << np.uint64(32) | np.uint64(data[i + np.uint64(5)]) << np.uint64(40)
        | np.uint64(data[i + np.uint64(6)]) << np.uint64(48) | np.uint64(data[i + np.uint64(7)]) << np.uint64(56)
    )  # fmt: skip


@inner
def alike(data, at, other, size):
    """Whether two runs of bytes are equal: eight at a time, and of the last eight those that belong to the runs. Who
    calls has checked that seven bytes more follow both."""
    a, b, left, differ = np.uint64(at), np.uint64(other), np.uint64(size), np.uint64(0)
    while left >= EIGHT:
        differ |= u8(data, a) ^ u8(data, b)
        a, b, left = a + EIGHT, b + EIGHT, left - EIGHT
    if left > np.uint64(0):
        differ |= (u8(data, a) ^ u8(data, b)) << EIGHT * (EIGHT - left)
    return differ == np.uint64(0)


@inner
def same(data, at, other, size):
    """Whether two runs of bytes are equal, and not a byte past them touched."""
    a, b, differ = np.uint64(at), np.uint64(other), np.uint8(0)
    for i in range(np.uint64(size)):
        differ |= data[a + i] ^ data[b + i]
    return differ == 0


@inner
def i2(data, at, big):
    value = u2(data, at, big)
    return value - 65536 if value >= 32768 else value


@inner
def real(bits):
    return np.float64(np.uint32(bits).view(np.float32))


@inner
def _hash(data, kind, number, at, size):
    """64-bit FNV-1a of kind, number and text."""
    value = np.uint64(14695981039346656037)
    prime = np.uint64(1099511628211)
    value = (value ^ np.uint64(kind)) * prime
    for shift in range(0, 32, 8):
        value = (value ^ np.uint64((number >> shift) & 255)) * prime
    for i in range(at, at + size):
        value = (value ^ np.uint64(data[i])) * prime
    return value ^ (value >> np.uint64(29))


@inner
def _slot(table, data, tests, kind, number, at, size):
    """Where a test of this kind, number and text (size 0: of any) is or would be in a hash table of rows + 1; -1 where
    the table is too crowded."""
    mask = np.uint64(table.shape[0] - 1)
    place = _hash(data, kind, number, at, size) & mask
    for _ in range(MOST_PROBES):
        row = table[np.int64(place)] - 1
        if row < 0:
            return np.int64(place)
        if tests[row, KIND] == kind and tests[row, NUMBER] == number and (
            size == 0 or (tests[row, TEXT_BYTES] == size and same(data, at, tests[row, TEXT_AT], size))
        ):
            return np.int64(place)
        place = (place + np.uint64(1)) & mask
    return np.int64(-1)


@inner
def test_row(data, state, tables, kind, number, at, size):
    """The row of the test, made where it is new; -1 where there are too many.

    A record without a text belongs to the first test of its number; a first test that had none takes the first text.
    """
    tests, _, by_text, by_number, _ = tables
    last = state[LAST_TEST]
    for guess in (last, tests[last, NEXT]):
        if guess < state[TESTS] and tests[guess, NUMBER] == number and tests[guess, KIND] == kind:
            if size == 0:
                if tests[guess, FIRST] == 1:
                    return guess
            elif tests[guess, TEXT_BYTES] == size and same(data, at, tests[guess, TEXT_AT], size):
                return guess
    numbered = _slot(by_number, data, tests, kind, number, 0, 0)
    if numbered < 0:
        return np.int64(-1)
    first = by_number[numbered] - 1
    if size == 0:
        if first >= 0:
            return np.int64(first)
        texted = np.int64(-1)
    else:
        texted = _slot(by_text, data, tests, kind, number, at, size)
        if texted < 0:
            return np.int64(-1)
        if by_text[texted] > 0:
            return np.int64(by_text[texted] - 1)
        if first >= 0 and tests[first, TEXT_BYTES] == 0:
            tests[first, TEXT_AT], tests[first, TEXT_BYTES] = at, size
            by_text[texted] = first + 1
            return np.int64(first)
    row = state[TESTS]
    if row >= tests.shape[0]:
        return np.int64(-1)
    state[TESTS] += 1
    tests[row, KIND], tests[row, NUMBER], tests[row, TEXT_AT], tests[row, TEXT_BYTES] = kind, number, at, size
    tests[row, PARAMETER], tests[row, UNIT_AT], tests[row, PINS_AT] = -1, -1, -1
    if first < 0:
        tests[row, FIRST] = 1
        by_number[numbered] = row + 1
    if texted >= 0:
        by_text[texted] = row + 1
    return row


@inner
def parameter_row(state, tables, test, pin):
    """The row of the parameter of a test at a pin, made where it is new; -1 where there are too many."""
    _, parameters, _, _, table = tables
    last = state[LAST_PARAMETER]
    guess = parameters[last, 2]
    if guess < state[PARAMETERS] and parameters[guess, 0] == test and parameters[guess, 1] == pin:
        state[LAST_PARAMETER] = guess
        return np.int64(guess)
    mask = np.int64(table.shape[0] - 1)
    place = ((test * 2654435761 + pin * 40503) ^ (pin << 13)) & mask
    for _ in range(MOST_PROBES):
        row = np.int64(table[place]) - 1
        if row < 0:
            break
        if parameters[row, 0] == test and parameters[row, 1] == pin:
            parameters[last, 2] = row
            state[LAST_PARAMETER] = row
            return row
        place = (place + 1) & mask
    else:
        return np.int64(-1)
    row = state[PARAMETERS]
    if row >= parameters.shape[0]:
        return np.int64(-1)
    state[PARAMETERS] += 1
    table[place] = row + 1
    parameters[row, 0], parameters[row, 1] = test, pin
    parameters[last, 2] = row
    state[LAST_PARAMETER] = row
    return row
