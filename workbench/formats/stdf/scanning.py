"""One pass over the bytes of an STDF file, compiled: readings as columns, parts, tests, and where the rest lies.

Imported only when a file is read: the compiler costs half a second to load, and seconds the first time it compiles
(what it made is kept on disk). Compiled code checks no index by itself, so every length is checked here before a byte
is touched; the fuzz runs of `tests/benchmarks/stdf_fuzz.py` repeat it with the compiler's own checks switched on.
"""

from __future__ import annotations

import numpy as np

from workbench.formats.stdf import tables as t

# Code kept on disk is renewed when this file changes, not when `tables.py` does; a test keeps this line true.
TABLES_SHA256 = "abf0f912fd0b3c0ffefd227bbf366f7a5ab77370c99d3b97efd02359a6fb2b82"


@t.inner
def _limit(data, at, big, option, default, absent, tests, test, known, bits):
    """A limit of a record against what is known of its test: the first that says something holds; 1 where this one
    says otherwise."""
    if option & default:
        return 0
    value = t.u4(data, at, big)
    what = t.NONE if option & absent or not np.isfinite(t.real(value)) else t.GIVEN
    if tests[test, known] == t.UNKNOWN:
        tests[test, known], tests[test, bits] = what, value
        return 0
    return 1 if tests[test, known] != what or (what == t.GIVEN and tests[test, bits] != value) else 0


@t.inner
def _texts_end(data, at, end, count):
    """Past `count` texts that may be absent; -1 where one does not fit."""
    for _ in range(count):
        if at >= end:
            break
        at += 1 + np.int64(data[at])
    return at if at <= end else np.int64(-1)


@t.inner
def _semi_static(data, state, tests, big, test, at, end, pins, arrays):
    """Scales, limits, pins and unit after OPT_FLAG: kept where the test has none yet. False where a field does not fit.

    `pins`: where a record of `arrays` (MPR) has indices of pins, how many.
    """
    if at >= end:
        return True
    option = np.int64(data[at])
    at += 1
    if at < end:
        if option & 1 == 0 and tests[test, t.SCALE] == 0:
            scale = np.int64(data[at])
            tests[test, t.SCALE] = (scale - 256 if scale > 127 else scale) + t.SCALE_ZERO
        at = min(at + 3, end)
    changed = 0
    for low in (True, False):
        if at >= end:
            break
        if at + 4 > end:
            return False
        if low:
            changed |= _limit(data, at, big, option, 0x10, 0x40, tests, test, t.LOW, t.LOW_BITS)
        else:
            changed |= _limit(data, at, big, option, 0x20, 0x80, tests, test, t.HIGH, t.HIGH_BITS)
        at += 4
    tests[test, t.CHANGED] += changed
    if arrays:
        for _ in range(2):  # START_IN, INCR_IN
            if at < end:
                at += 4
        if at > end:
            return False
        if at < end:
            if at + 2 * pins > end:
                return False
            if tests[test, t.PINS_AT] < 0 and pins > 0:
                tests[test, t.PINS_AT], tests[test, t.PINS] = at, pins
            at += 2 * pins
    if at < end:
        size = np.int64(data[at])
        if at + 1 + size > end:
            return False
        if tests[test, t.UNIT_AT] < 0:
            tests[test, t.UNIT_AT], tests[test, t.UNIT_BYTES] = at + 1, size
        at += 1 + size
    at = _texts_end(data, at, end, 4 if arrays else 3)
    return at >= 0 and (at == end or at + 4 == end or at + 8 <= end)  # LO_SPEC, HI_SPEC, and what is beyond them


@t.inner
def _site(data, at):
    """256 * head + site."""
    i = np.uint64(at)
    return np.uint64(data[i]) << np.uint64(8) | np.uint64(data[i + t.ONE])


@t.inner
def _as_before(data, big, state, counts, open_parts, tests, out):
    """Take PTR after PTR as long as each differs from an earlier one of its test in site, flags and result only: the
    rest was checked then. True where there was one. Files repeat one flow, so these are nearly all PTR.

    Length, type and test number, the first eight bytes of a record, are compared as one number with those of the test
    just taken (the next site), then of the test that followed it before.
    """
    out_parameter, out_part, out_value = out
    at, n, test, first = state[t.AT], state[t.READINGS], state[t.LAST_TEST], state[t.AT]
    last, room = data.shape[0] - 12, out_value.shape[0]  # eight bytes may be taken where a record has one left
    like, size = tests[test, t.LIKE_AT], np.int64(12)
    head, parameter = np.uint64(0), tests[test, t.PARAMETER]
    if like > 0:
        head, size = t.u8(data, like), t.u2(data, like, big)
    taken = unusable = no_part = not_finite = 0
    while at + size <= last and n < room:
        this = t.u8(data, at)
        if this != head or not t.alike(data, at + 16, like + 16, size - 12):
            after = tests[test, t.NEXT]
            like = tests[after, t.LIKE_AT]
            size = t.u2(data, at, big)
            if like == 0 or this != t.u8(data, like) or at + size > last:
                break
            if not t.alike(data, at + 16, like + 16, size - 12):
                break
            test, head, parameter = after, this, tests[after, t.PARAMETER]
        part = open_parts[_site(data, at + 8)]
        bits = np.uint32(t.u4(data, at + 12, big))
        if (data[at + 10] & t.UNUSABLE_TEST) | (data[at + 11] & t.UNUSABLE_PARAMETRIC):
            unusable += 1
        elif part < 0:
            no_part += 1
        elif bits & t.NOT_FINITE_BITS == t.NOT_FINITE_BITS:
            not_finite += 1
        else:
            out_parameter[n], out_part[n], out_value[n] = parameter, part, bits.view(np.float32)
            n += 1
        taken += 1
        at += 4 + size
    state[t.AT], state[t.READINGS], state[t.LAST_TEST] = at, n, test
    state[t.UNUSABLE] += unusable
    state[t.NO_PART] += no_part
    state[t.NOT_FINITE] += not_finite
    state[t.RECORDS] += taken
    counts[15 << 8 | 10] += taken
    return at > first


@t.outer
def scan(data, big, state, counts, kept, places, live, tables, parts, out):
    """Go on from `state` to the end of `data`, or until room is short (the caller makes more and calls again).

    `counts`: records by 256 * REC_TYP + REC_SUB; `kept`: of each type, how many places are written to `places`.
    `live` is what is open: site group of 256 * head + site (-1: none), wafer at 256 * head + group, last wafer of a
    head, part at 256 * head + site. `tables`: rows of tests and parameters, and hash tables of rows + 1 by text,
    number and pin. `out`: parameter, part and value of the readings. Answers DONE, CUT (inside the record at AT) or
    what is short.
    """
    groups, wafers, last_wafer, open_parts = live
    tests, out_value = tables[0], out[2]
    total = data.shape[0]
    while True:
        at = state[t.AT]
        if at + 4 > total:
            return t.DONE if at == total else t.CUT
        size = t.u2(data, at, big)
        end = at + 4 + size
        if end > total:
            return t.CUT
        if state[t.READINGS] + t.MOST_OF_A_RECORD > out_value.shape[0]:
            return t.MORE_READINGS
        if state[t.PARTS] >= parts.shape[0]:
            return t.MORE_PARTS
        typ, sub = np.int64(data[at + 2]), np.int64(data[at + 3])
        key = typ << 8 | sub
        body = at + 4
        if typ == 15 and (sub == 10 or sub == 15 or sub == 20):
            if sub == 10 and _as_before(data, big, state, counts, open_parts, tests, out):
                continue
            if size < 7:
                state[t.BROKEN] += 1
            elif sub == 20:
                answer = _functional(data, big, state, open_parts, tables, body, end, out)
                if answer != t.DONE:
                    return answer
            else:
                answer = _parametric(data, big, state, open_parts, tables, body, end, sub == 15, out)
                if answer != t.DONE:
                    return answer
        elif typ == 5 and (sub == 10 or sub == 20):
            if size < 2:
                state[t.BROKEN] += 1
            elif sub == 10:
                _start(data, state, live, parts, at)
            else:
                _finish(data, big, state, live, parts, at, end)
        else:
            if typ == 2 and (sub == 10 or sub == 20) and size >= 2:
                where = np.int64(data[body]) << 8 | np.int64(data[body + 1])
                if sub == 10:
                    if counts[key] >= kept[key]:
                        return t.TOO_MANY_WAFERS
                    wafers[where] = state[t.WAFERS]
                    last_wafer[data[body]] = state[t.WAFERS]
                else:
                    wafers[where] = -1
                    last_wafer[data[body]] = -1
            elif typ == 1 and sub == 80 and size >= 3:
                head, group, sites = np.int64(data[body]), np.int64(data[body + 1]), np.int64(data[body + 2])
                if body + 3 + sites <= end:
                    for i in range(sites):
                        groups[head << 8 | np.int64(data[body + 3 + i])] = group
            if counts[key] < kept[key]:
                if typ == 2 and sub == 10:
                    state[t.WAFERS] += 1
                places[state[t.PLACES]] = at
                state[t.PLACES] += 1
        counts[key] += 1
        state[t.RECORDS] += 1
        state[t.AT] = end


@t.inner
def _start(data, state, live, parts, at):
    """PIR: a part is on the site; the wafer is that of its group, of all groups, or the last opened at the head."""
    groups, wafers, last_wafer, open_parts = live
    head, site = np.int64(data[at + 4]), np.int64(data[at + 5])
    group = groups[head << 8 | site]
    wafer = wafers[head << 8 | group] if group >= 0 else -1
    if wafer < 0:
        wafer = wafers[head << 8 | 255]
    if wafer < 0:
        wafer = last_wafer[head]
    row = state[t.PARTS]
    state[t.PARTS] += 1
    for column in range(t.PART):
        parts[row, column] = 0
    parts[row, t.HEAD], parts[row, t.SITE], parts[row, t.WAFER], parts[row, t.START_AT] = head, site, wafer, at
    parts[row, t.END_AT] = -1
    parts[row, t.HARD_BIN], parts[row, t.SOFT_BIN], parts[row, t.X], parts[row, t.Y] = 65535, 65535, -32768, -32768
    open_parts[head << 8 | site] = row


@t.inner
def _finish(data, big, state, live, parts, at, end):
    """PRR: results of the part on the site, which leaves it. Without a PIR before it, a part without readings."""
    body, open_parts = at + 4, live[3]
    where = _site(data, body)
    size = end - body
    stop = _texts_end(data, min(body + 17, end), end, 3)
    if size < 7 or size in (8, 10, 12, 14, 15, 16) or stop < 0:
        state[t.BROKEN] += 1  # the part stays open: a record that cannot be read says nothing of it
        return
    if open_parts[where] < 0:
        _start(data, state, live, parts, at)
        state[t.NO_START] += 1
    row = open_parts[where]
    open_parts[where] = -1
    parts[row, t.END_AT], parts[row, t.FLAGS] = at, np.int64(data[body + 2])
    parts[row, t.HARD_BIN] = t.u2(data, body + 5, big)
    if size >= 9:
        parts[row, t.SOFT_BIN] = t.u2(data, body + 7, big)
    if size >= 11:
        parts[row, t.X] = t.i2(data, body + 9, big)
    if size >= 13:
        parts[row, t.Y] = t.i2(data, body + 11, big)
    if size >= 17:
        parts[row, t.TIME_MS] = t.u4(data, body + 13, big)
    if size >= 18:
        parts[row, t.ID_AT], parts[row, t.ID_BYTES] = body + 18, np.int64(data[body + 17])


@t.inner
def _whole_parameter(state, tables, test):
    """The one parameter of a PTR or FTR; -1 where there are too many."""
    tests = tables[0]
    row = tests[test, t.PARAMETER]
    if row < 0:
        row = t.parameter_row(state, tables, test, np.int64(-1))
        tests[test, t.PARAMETER] = row
    return row


@t.inner
def _follow(state, tests, test):
    """Remember what test follows which: files repeat one flow, and the guess spares the hash."""
    last = state[t.LAST_TEST]
    if test != last:
        tests[last, t.NEXT] = test
        state[t.LAST_TEST] = test


@t.inner
def _parametric(data, big, state, open_parts, tables, body, end, arrays, out):
    """PTR, and MPR (`arrays`)."""
    tests = tables[0]
    out_parameter, out_part, out_value = out
    size = end - body
    if size < 8:
        state[t.BROKEN] += 1
        return t.DONE
    pins = results = results_at = np.int64(0)
    at = body + 8
    if not arrays:
        if at < end:
            results, results_at, at = np.int64(1), at, at + 4
    else:
        if at + 4 <= end:
            pins, results = t.u2(data, at, big), t.u2(data, at + 2, big)
        at = at if at == end else at + 2 if at + 2 == end else at + 4
        if at < end:
            at += (pins + 1) // 2
        results_at = at
        if at < end:
            at += 4 * results
        else:
            results = np.int64(0)
    if at > end:
        state[t.BROKEN] += 1
        return t.DONE
    text_at = text_bytes = np.int64(0)
    if at < end:
        text_at, text_bytes = at + 1, np.int64(data[at])
    at = _texts_end(data, at, end, 2)
    if at < 0:
        state[t.BROKEN] += 1
        return t.DONE
    kind = t.MULTIPLE if arrays else t.PARAMETRIC
    test = t.test_row(data, state, tables, kind, t.u4(data, body, big), text_at, text_bytes)
    if test < 0:
        return t.TOO_MANY_TESTS
    if not arrays and _whole_parameter(state, tables, test) < 0:
        return t.TOO_MANY_PARAMETERS
    _follow(state, tests, test)
    changed = tests[test, t.CHANGED]
    if not _semi_static(data, state, tests, big, test, at, end, pins, arrays):
        state[t.BROKEN] += 1
        return t.DONE
    if not arrays and results and tests[test, t.CHANGED] == changed:
        tests[test, t.LIKE_AT] = body - 4
    part = open_parts[_site(data, body + 4)]
    if data[body + 6] & t.UNUSABLE_TEST or data[body + 7] & t.UNUSABLE_PARAMETRIC:
        state[t.UNUSABLE] += 1
        return t.DONE
    if results == 0:
        state[t.NO_RESULT] += 1
        return t.DONE
    if part < 0:
        state[t.NO_PART] += 1
        return t.DONE
    pins_at = np.int64(-1)  # of results that have a pin each: of this record, else of the first
    if arrays:
        own = at + 20  # past OPT_FLAG, three scales, two limits, START_IN and INCR_IN
        if pins == results and own + 2 * pins <= end:
            pins_at = own
        elif tests[test, t.PINS] == results:
            pins_at = tests[test, t.PINS_AT]
    n = state[t.READINGS]
    for i in range(results):
        value = t.real(t.u4(data, results_at + 4 * i, big))
        if not np.isfinite(value):
            state[t.NOT_FINITE] += 1
            continue
        if arrays:
            pin = t.u2(data, pins_at + 2 * i, big) if pins_at >= 0 else t.NO_PIN + i
            parameter = t.parameter_row(state, tables, test, np.int64(pin))
            if parameter < 0:
                return t.TOO_MANY_PARAMETERS
        else:
            parameter = tests[test, t.PARAMETER]
        out_parameter[n], out_part[n], out_value[n] = parameter, part, value
        n += 1
    state[t.READINGS] = n
    return t.DONE


@t.inner
def _functional_text(data, big, body, end):
    """Where the length byte of TEST_TXT of an FTR is, `end` where the record ends before it, -1 where a field does not
    fit."""
    size = end - body
    if size < 38:
        return end if size in (7, 8, 12, 16, 20, 24, 28, 32, 34, 36) else np.int64(-1)
    returned, programmed = t.u2(data, body + 34, big), t.u2(data, body + 36, big)
    at = body + 38
    for step in (2 * returned, (returned + 1) // 2, 2 * programmed, (programmed + 1) // 2):
        if at < end:
            at += step
    if at >= end:
        return end if at == end else np.int64(-1)
    if at + 2 > end:
        return np.int64(-1)
    at += 2 + (t.u2(data, at, big) + 7) // 8  # FAIL_PIN
    return _texts_end(data, at, end, 3) if at <= end else np.int64(-1)


@t.inner
def _functional(data, big, state, open_parts, tables, body, end, out):
    """FTR: 1 where the test passed, 0 where it failed."""
    at = _functional_text(data, big, body, end)
    text_at = text_bytes = np.int64(0)
    if 0 <= at < end:
        text_at, text_bytes = at + 1, np.int64(data[at])
        at = _texts_end(data, at, end, 4)
        if at >= 0 and at + 1 < end:  # PATG_NUM, SPIN_MAP
            at = at + 3 + (t.u2(data, at + 1, big) + 7) // 8 if at + 3 <= end else np.int64(-1)
            at = at if at <= end else np.int64(-1)
    if at < 0:
        state[t.BROKEN] += 1
        return t.DONE
    test = t.test_row(data, state, tables, t.FUNCTIONAL, t.u4(data, body, big), text_at, text_bytes)
    if test < 0:
        return t.TOO_MANY_TESTS
    parameter = _whole_parameter(state, tables, test)
    if parameter < 0:
        return t.TOO_MANY_PARAMETERS
    _follow(state, tables[0], test)
    part = open_parts[_site(data, body + 4)]
    if data[body + 6] & t.UNUSABLE_FUNCTIONAL:
        state[t.UNUSABLE] += 1
    elif part < 0:
        state[t.NO_PART] += 1
    else:
        n = state[t.READINGS]
        out[0][n], out[1][n], out[2][n] = parameter, part, 0.0 if data[body + 6] & 0x80 else 1.0
        state[t.READINGS] = n + 1
    return t.DONE
