"""Damaged STDF files against the reader: nothing but the error family may come out, none may crash, hang or fill the
memory, and the compiled scan must agree with the record-by-record reader on what is whole.

`python tests/benchmarks/stdf_fuzz.py [cases]` tries 100,000 files: seeds of both byte orders with every record of the
specification, mutated by bit flips, cuts, changed lengths, swapped headers and moved records, plain, gzip and bzip2. A
tenth as many are tried again with the compiler's own index checks switched on. Last come files made to cost time or
memory. Each process names the case it is at, so that a crash or a hang (killed after 20 s) names it too. Ends with 1
where a file failed.
"""

from __future__ import annotations

import bz2
import faulthandler
import gzip
import multiprocessing
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.formats.stdf import synthetic
from workbench.formats.stdf.layouts import BY_NAME, GENERIC, Layout
from workbench.formats.stdf.writing import encode

CASES = 100_000
HANG_S = 20
WORST_S = 1.0  # processor time of a small file
WORST_MB = 400  # more than a process holds after the first file
BLOCK = 500  # cases of one process at a time
SEEDS = 400  # files of random records
LAST = {"PTR": "PARM_FLG", "MPR": "PARM_FLG", "FTR": "TEST_FLG", "PIR": "SITE_NUM", "PRR": "HARD_BIN"}  # needed


# -- seeds -------------------------------------------------------------------------------------------------------------
def record(rng: random.Random, layout: Layout, big: bool) -> bytes:
    """A record with random fields, of which the last may be absent."""
    count = rng.randrange(5)
    values = {field.name: _sample(rng, field.kind, count if field.count else None) for field in layout.fields
              if not any(field.name == other.count for other in layout.fields)}  # fmt: skip
    if "SITE_NUM" in values and not isinstance(values["SITE_NUM"], tuple):
        values |= {"HEAD_NUM": 1, "SITE_NUM": rng.randrange(1, 3)}
    if "TEST_FLG" in values:
        values |= {"TEST_NUM": rng.randrange(6), "TEST_FLG": rng.choice((0, 0, 0, 0x80, 2))}
    keep = rng.choice((len(values), rng.randint(0, len(values))))
    return encode(layout.name, dict(list(values.items())[:keep]), big=big)


def _sample(rng: random.Random, kind: str, count: int | None) -> Any:
    if count is not None:
        if kind == "Vn":
            kinds = [k for k in GENERIC.values() if k != "B0"]
            return tuple((k, _sample(rng, k, None)) for k in rng.choices(kinds, k=count))
        return tuple(_sample(rng, kind, None) for _ in range(count))
    if kind in ("R4", "R8"):
        return rng.choice((0.0, 1.5, -2.25e-9, float("nan"), float("inf"), rng.gauss(0, 1)))
    if kind == "C1":
        return rng.choice(" PFNR")
    if kind == "Cn":
        return "".join(rng.choices("abc 1µ", k=rng.choice((0, 1, 3, 30))))
    if kind == "Bn":
        return rng.randbytes(rng.randrange(4))
    if kind == "Dn":
        return tuple(rng.choices((0, 1), k=rng.randrange(20)))
    if kind == "N1":
        return rng.randrange(16)
    bits = 8 * int(kind[1])
    return rng.randrange(-(1 << bits - 1), 1 << bits - 1) if kind[0] == "I" else rng.randrange(1 << bits)


@cache
def any_records(number: int, big: bool) -> bytes:
    """A file of random records, parts and results the most frequent."""
    rng = random.Random(number)
    frequent = "PIR", "PRR", "PTR", "PTR", "PTR", "MPR", "FTR", "WIR"
    names = rng.choices(list(BY_NAME), k=30) + rng.choices(frequent, k=60)
    rng.shuffle(names)
    far = encode("FAR", {"CPU_TYPE": 1 if big else 2, "STDF_VER": 4}, big=big)
    return far + b"".join(record(rng, BY_NAME[name], big) for name in names if name != "FAR")


@cache
def made_lots() -> tuple[tuple[bytes, bool], ...]:
    tests = (
        synthetic.MadeTest(10, "Vdd", "V", 0.9, 1.1, 1.0, 0.1),
        synthetic.MadeTest(20, "Idd", "A", None, 2e-6, 1e-6, 1e-7),
        synthetic.MadeTest(30, "ramp", "V", 0, 1, 0.5, 0.2, pins=("A1", "A2", "A3")),
        synthetic.MadeTest(40, "scan", functional=True, mean=0.8),
    )  # fmt: skip
    lots = []
    with tempfile.TemporaryDirectory() as folder:
        for big in (False, True):
            for repeated in synthetic.REPEATED:
                wafers = tuple(synthetic.MadeWafer(f"W{i}", synthetic.grid(3, 3)) for i in range(2))
                lot = synthetic.MadeLot("L", "P", tests, wafers if repeated != "all" else (), units=7, sites=2,
                                        retested=1.0, repeated=repeated)  # fmt: skip
                path = Path(folder) / f"{big}{repeated}"
                synthetic.write(path, lot, big=big)
                lots.append((path.read_bytes(), big))
    return tuple(lots)


# -- mutations ---------------------------------------------------------------------------------------------------------
def headers(data: bytes | bytearray, big: bool) -> list[int]:
    at, found = 0, []
    while at + 4 <= len(data):
        found.append(at)
        at += 4 + struct.unpack_from(">H" if big else "<H", data, at)[0]
    return found


def mutated(rng: random.Random, seed: bytes, big: bool) -> bytes:
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        heads = headers(data, big)[1:] or [0]
        at = rng.choice(heads)
        match rng.randrange(10):
            case 0:  # bit flips anywhere
                for _ in range(rng.choice((1, 1, 4, 30))):
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            case 1:  # a cut
                del data[rng.randrange(6, len(data) + 1) :]
            case 2:  # a length changed, the bytes as they were
                length = struct.unpack_from(">H" if big else "<H", data, at)[0] if at + 2 <= len(data) else 0
                length = rng.choice((0, 1, length - 1, length + 1, 65535, rng.randrange(65536), rng.randrange(40)))
                data[at : at + 2] = struct.pack(">H" if big else "<H", length & 65535)
            case 3:  # headers swapped
                other = rng.choice(heads)
                data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
            case 4:  # another type, perhaps one that is known
                data[at + 2 : at + 4] = bytes(rng.choice((rng.choice(list(BY_NAME.values())).number,
                                                          (rng.randrange(256), rng.randrange(256)))))  # fmt: skip
            case 5:  # a byte of a record at a bound
                data[min(at + 4 + rng.randrange(30), len(data) - 1)] = rng.choice((0, 1, 127, 128, 254, 255))
            case 6:  # a record left out, doubled or moved
                end = next((h for h in heads if h > at), len(data))
                piece = bytes(data[at:end])
                if rng.random() < 0.6:
                    del data[at:end]
                place = rng.choice(headers(data, big) or [0])
                data[place:place] = piece if rng.random() < 0.7 else b""
            case 7:  # a record shortened, its length with it
                end = next((h for h in heads if h > at), len(data))
                cut = rng.randrange(max(end - at - 4, 0) + 1)
                if end - at >= 4:
                    data[at:end] = struct.pack(">H" if big else "<H", cut) + data[at + 2 : at + 4 + cut]
            case 8:  # bytes put in
                place = rng.randrange(len(data) + 1)
                data[place:place] = rng.randbytes(rng.randrange(1, 20))
            case 9:  # the first record
                data[rng.randrange(min(6, len(data)))] = rng.choice((0, 1, 2, 4, 10, 255))
        if len(data) < 8:
            data += rng.randbytes(8)
    return bytes(data)


def case(number: int) -> tuple[bytes, str]:
    """The file of a case, and how it is packed: the same number makes the same file."""
    rng = random.Random(number)
    big = rng.random() < 0.5
    if rng.random() < 0.5:
        data, big = rng.choice(made_lots())
    else:
        data = any_records(rng.randrange(SEEDS), big)
    data = mutated(rng, data, big) if rng.random() < 0.95 else data
    packing = rng.choice(("", "", "", "", "", "gz", "gz", "bz2"))
    if packing:
        data = gzip.compress(data, 1) if packing == "gz" else bz2.compress(data, 1)
        if rng.random() < 0.5:
            packed = bytearray(data)
            for _ in range(rng.randrange(1, 4)):
                packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
            data = bytes(packed[: rng.choice((len(packed), rng.randrange(3, len(packed))))])
    return data, packing


def attempt(path: Path) -> str:
    """Read a file every way there is: "" where it was read, else the rule that refused it."""
    from workbench.formats.stdf import records
    from workbench.formats.stdf.columns import columns
    from workbench.formats.stdf.reading import lot_data

    try:
        found = columns(path)
    except WorkbenchError as refused:
        refused.both()
        return refused.rule
    each = list(records(path))
    whole = Counter(r["type"] for r in each if r.get("fault") != "cut")
    assert dict(whole) == found.counts, "the scan counts other records"
    cut = each[-1]["at"] if each[-1].get("fault") == "cut" else None
    assert found.cut_at == cut, "the scan ends elsewhere"
    broken = sum(r["type"] in LAST and (bool(r.get("fault")) or LAST[r["type"]] not in r)
                 for r in each if r.get("fault") != "cut")  # fmt: skip
    assert found.left["broken"] == broken, "the scan finds other records broken"
    try:
        lot = lot_data(found)
    except WorkbenchError as refused:
        return refused.rule
    lot.report.lines()
    assert not lot.readings.duplicated(["carrier", "position", "attempt", "parameter"]).any()
    assert lot.readings.value.abs().max() < 1e39 or not len(lot.readings)
    return ""


# -- running -----------------------------------------------------------------------------------------------------------
def worker(cases: Iterator[int], at: Any, results: Any) -> None:
    rules: Counter[str] = Counter()
    worst, failures, base_mb, first = 0.0, [], None, True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.stdf"
        for number in cases:
            at.value = number
            data, _ = case(number)
            path.write_bytes(data)
            faulthandler.dump_traceback_later(HANG_S if not first else 600, exit=True)
            start = time.process_time()
            try:
                rules[attempt(path)] += 1
            except Exception:
                failures.append((number, traceback.format_exc(limit=-4)))
            faulthandler.cancel_dump_traceback_later()
            if base_mb is None:
                base_mb, first = _peak_mb(), False
            else:
                worst = max(worst, time.process_time() - start)
    results.put((rules, worst, _peak_mb() - (base_mb or 0), failures))


def tried_here(cases: int, first: int) -> int:
    """Try a few cases in this process; how many were read. A failure comes out as the exception it is."""
    with tempfile.TemporaryDirectory() as folder:
        path, read = Path(folder) / "fuzz.stdf", 0
        for number in range(first, first + cases):
            path.write_bytes(case(number)[0])
            read += attempt(path) == ""
    return read


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(cases: int, first: int = 0) -> bool:
    """Try `cases` files in processes of their own; whether none failed."""
    made_lots()
    for number in range(SEEDS if cases > SEEDS else 0):
        any_records(number, False), any_records(number, True)
    context = multiprocessing.get_context("fork" if "--checked" not in sys.argv else "spawn")
    rules: Counter[str] = Counter()
    worst = most_mb = 0.0
    failures: list[tuple[int, str]] = []
    block = max(BLOCK, -(-cases // 40))
    for start in range(first, first + cases, block):
        at, results = context.Value("q", start), context.Queue()
        numbers = range(start, min(start + block, first + cases))
        process = context.Process(target=worker, args=(numbers, at, results))
        process.start()
        try:
            got = results.get(timeout=HANG_S * 60) if _ends(process, results) else None
        finally:
            process.join()
        if got is None:
            failures.append((at.value, f"the process ended with {process.exitcode} (crash, or hang over {HANG_S} s)"))
            continue
        rules += got[0]
        worst, most_mb = max(worst, got[1]), max(most_mb, got[2])
        failures += got[3]
        if sys.stderr.isatty() or "--progress" in sys.argv:
            print(f"  {numbers.stop - first:,} tried, {len(failures)} failed", file=sys.stderr, flush=True)
    tried = sum(rules.values()) + len(failures)
    print(f"{tried:,} files: {rules.pop('', 0):,} read, {sum(rules.values()):,} refused by {len(rules)} rules "
          f"({', '.join(f'{k} {v:,}' for k, v in rules.most_common())}), {len(failures)} failed; worst "
          f"{worst * 1000:.0f} ms of processor time (bound {WORST_S * 1000:.0f}), memory grew by {most_mb:.0f} MB at "
          f"most (bound {WORST_MB})", flush=True)  # fmt: skip
    for number, why in failures[:5]:
        print(f"case {number}: {why}")
    return not failures and worst <= WORST_S and most_mb <= WORST_MB


def _ends(process: Any, results: Any) -> bool:
    """Wait until there is a result (True) or the process is gone without one."""
    while results.empty():
        if not process.is_alive():
            time.sleep(0.2)
            return not results.empty()
        time.sleep(0.05)
    return True


def bombs() -> Iterator[tuple[str, bytes]]:
    """Files made to cost time or memory, and what they try."""
    far = b"\x02\x00\x00\x0a\x02\x04"
    head = {"HEAD_NUM": 1, "SITE_NUM": 1}
    pir, prr = encode("PIR", head), encode("PRR", head | {"PART_FLG": 0, "NUM_TEST": 0, "HARD_BIN": 1})

    def ptr(number: int, text: str = "") -> bytes:
        return encode("PTR", {"TEST_NUM": number, **head, "TEST_FLG": 0, "PARM_FLG": 0, "RESULT": 1.0} |
                      ({"TEST_TXT": text} if text else {}))  # fmt: skip

    yield "5 million empty records", far + b"\x00\x00\x14\x14" * 5_000_000
    yield "2 million parts", far + (pir + prr) * 2_000_000
    yield "a part opened 6 million times", far + pir * 6_000_000
    yield "a million tests", far + pir + b"".join(ptr(i) for i in range(1_000_000))
    yield "200,000 texts of one number", far + pir + b"".join(ptr(1, f"t{i}") for i in range(200_000))
    yield "one test a million times in a part", far + pir + ptr(1) * 1_000_000
    yield "arrays of 16,000 results", far + pir + encode(
        "MPR", {"TEST_NUM": 1, **head, "TEST_FLG": 0, "PARM_FLG": 0, "RTN_RSLT": (1.0,) * 16_000}) * 500
    yield "as many of them as make parameters", far + pir + encode(
        "MPR", {"TEST_NUM": 1, **head, "TEST_FLG": 0, "PARM_FLG": 0, "RTN_RSLT": (1.0,) * 16_000}) * 65
    yield "a million wafers", far + encode("WIR", {"HEAD_NUM": 1, "SITE_GRP": 255, "START_T": 0}) * 1_000_000
    yield "one die tested 100,000 times", far + (pir + encode(
        "PRR", head | {"PART_FLG": 1, "NUM_TEST": 0, "HARD_BIN": 1, "PART_ID": "x"})) * 100_000
    yield "a million notes", far + encode("DTR", {"TEXT_DAT": "x" * 20}) * 1_000_000
    yield "a gigabyte of zeros packed to one megabyte", gzip.compress(far + bytes(1 << 30), 6)
    yield "eight gigabytes of zeros packed to kilobytes", bz2.compress(far + bytes(1 << 26), 9) + bz2.compress(
        bytes(1 << 28), 9) * 31  # fmt: skip


def try_bomb(name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bomb.stdf"
        path.write_bytes(data)
        size = len(data)
        del data
        start = time.process_time()
        from workbench.formats import stdf

        try:
            lot = stdf.read(path)
            what = f"read: {len(lot.parts):,} parts, {len(lot.readings):,} readings, {len(lot.tests):,} parameters"
        except WorkbenchError as refused:
            what = f"refused: {refused.rule}"
        print(f"  {name} ({size / 1e6:.1f} MB): {what}; {time.process_time() - start:.1f} s of processor time, "
              f"{_peak_mb():,.0f} MB held at most", flush=True)  # fmt: skip


def main() -> int:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    cases = numbers[0] if numbers else CASES
    if "--checked" in sys.argv:
        return 0 if run(cases, first=10_000_000) else 1
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    good = run(cases)
    print("with the compiler's index checks:")
    with tempfile.TemporaryDirectory() as cache_folder:
        checked = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": cache_folder}
        command = [sys.executable, __file__, str(max(cases // 10, 100)), "--checked"]
        good &= subprocess.run(command, env=checked, check=False).returncode == 0
    print("files made to cost:")
    for name, data in bombs():
        process = multiprocessing.get_context("fork").Process(target=try_bomb, args=(name, data))
        process.start()
        process.join()
        good &= process.exitcode == 0
        if process.exitcode:
            print(f"  {name}: the process ended with {process.exitcode}")
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
