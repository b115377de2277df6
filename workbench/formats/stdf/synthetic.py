"""Made-up lots as STDF files: seeded, with multi-site interleaving, wafers, retests, PTR, MPR and FTR.

For tests, benchmarks and demonstrations. The lot says of itself that it is synthetic (MIR USER_TXT, TEST_COD).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workbench.errors import InputError
from workbench.formats.stdf.layouts import NO_I2
from workbench.formats.stdf.writing import StdfWriter, encode, open_stdf

SYNTHETIC = "synthetic"
REPEATED = ("all", "text", "first")
_FAIL, _HIGH, _LOW = 0x80, 0x08, 0x10  # TEST_FLG bit 7; PARM_FLG bits 3 and 4


@dataclass(frozen=True)
class MadeTest:
    """A test: PTR, MPR where it has `pins`, FTR where it is `functional` (then `mean` is the share that passes).

    `unit` is a base unit, without prefix; `scale` is RES_SCAL, the exponent a display takes (9: nano).
    """

    number: int
    name: str
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    mean: float = 0.0
    sd: float = 1.0
    scale: int = 0
    pins: tuple[str, ...] = ()
    functional: bool = False

    @property
    def width(self) -> int:
        return len(self.pins) or 1


@dataclass(frozen=True)
class MadeWafer:
    """A wafer and the coordinates of its dies in the order in which they are tested."""

    name: str
    dies: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class MadeLot:
    """A lot to be written. `wafers`, or `units` loose parts. `sites` parts are tested at once, their records
    interleaved. `retested` is the share of failing parts that are tested again after their wafer. `repeated`: which
    records carry text, limits and unit: all of them, all the text and the first the rest, or the first of each test.

    `values`: (parts, parameters), SI, one row a part and a column for each test or pin; drawn from `seed` where None.
    """

    lot: str
    product: str
    tests: tuple[MadeTest, ...]
    wafers: tuple[MadeWafer, ...] = ()
    units: int = 0
    sites: int = 1
    retested: float = 0.0
    repeated: str = "text"
    seed: int = 0
    started_s: int = 1_700_000_000  # since 1970
    values: np.ndarray | None = None
    conditions: dict[str, str] = field(default_factory=dict)  # further fields of the MIR by their names


@dataclass(frozen=True)
class Written:
    """What is in the file, one row a part and attempt in the order of the file: for comparison."""

    values: np.ndarray  # (rows, parameters) float32
    parameters: tuple[str, ...]
    wafer: np.ndarray  # index of the wafer, -1 for loose parts
    part: np.ndarray  # index within the lot
    attempt: np.ndarray
    x: np.ndarray
    y: np.ndarray
    site: np.ndarray
    passed: np.ndarray


def grid(columns: int, rows: int, *, first_x: int = 0, first_y: int = 0) -> tuple[tuple[int, int], ...]:
    """The dies of a round wafer: those of a grid whose centres lie in the ellipse it spans, in serpentine order."""
    dies = []
    for row in range(rows):
        across = range(columns) if row % 2 == 0 else range(columns - 1, -1, -1)
        dies += [(first_x + c, first_y + row) for c in across
                 if (2 * c + 1 - columns) ** 2 * rows**2 + (2 * row + 1 - rows) ** 2 * columns**2
                 <= columns**2 * rows**2]  # fmt: skip
    return tuple(dies)


def write(path: Path | str, lot: MadeLot, *, big: bool = False, overwrite: bool = False) -> Written:
    """Write a made-up lot; the same lot gives the same bytes.

    Raises InputError as `open_stdf`, and where `values` do not fit or `repeated` is none of `REPEATED`.
    """
    width = sum(test.width for test in lot.tests)
    wafers = lot.wafers or (MadeWafer("", ((NO_I2, NO_I2),) * lot.units),)
    total = sum(len(wafer.dies) for wafer in wafers)
    rng = np.random.default_rng(lot.seed)
    values = _drawn(lot, total, rng) if lot.values is None else np.asarray(lot.values, float)
    if values.shape != (total, width) or lot.repeated not in REPEATED or not 1 <= lot.sites <= 254:
        raise InputError("stdf.lot_does_not_fit", got=f"{values.shape}, {lot.repeated}, {lot.sites}",
                         allowed=f"({total}, {width}), {' '.join(REPEATED)}, 1..254")  # fmt: skip
    with open_stdf(path, big=big, overwrite=overwrite) as out:
        return _Session(lot, out, rng).run(wafers, values.astype(np.float32))


def _drawn(lot: MadeLot, parts: int, rng: np.random.Generator) -> np.ndarray:
    columns = []
    for test in lot.tests:
        if test.functional:
            columns.append(rng.random((parts, 1)) < test.mean)
        else:
            columns.append(rng.normal(test.mean, test.sd, (parts, test.width)))
    return np.hstack(columns).astype(float) if columns else np.empty((parts, 0))


class _Session:
    """One test session: what the tester keeps between touchdowns."""

    def __init__(self, lot: MadeLot, out: StdfWriter, rng: np.random.Generator):
        self.lot, self.out, self.rng, self.time_s = lot, out, rng, lot.started_s
        self.begun = False  # the first records of the tests, which carry the defaults, are written
        self.soft: dict[int, int] = {}
        self.rows: list[tuple] = []
        self.blocks: list[np.ndarray] = []
        low = [test.lower if test.lower is not None else -np.inf for test in lot.tests for _ in range(test.width)]
        high = [test.upper if test.upper is not None else np.inf for test in lot.tests for _ in range(test.width)]
        functional = [test.functional for test in lot.tests for _ in range(test.width)]
        self.low = np.where(functional, 0.5, np.asarray(low)).astype(np.float32)
        self.high = np.asarray(high, np.float32)

    def run(self, wafers: Sequence[MadeWafer], values: np.ndarray) -> Written:
        lot, out = self.lot, self.out
        said = {"JOB_NAM": SYNTHETIC, "TEST_COD": SYNTHETIC, "USER_TXT": "synthetic data, not measured"}
        out.record("MIR", SETUP_T=lot.started_s, START_T=lot.started_s, STAT_NUM=1, LOT_ID=lot.lot,
                   PART_TYP=lot.product, **(said | lot.conditions))  # fmt: skip
        out.record("SDR", HEAD_NUM=1, SITE_GRP=255, SITE_CNT=lot.sites, SITE_NUM=tuple(range(1, lot.sites + 1)))
        for name, (index, site) in self._pins().items():
            out.record("PMR", PMR_INDX=index, CHAN_NAM=f"ch{index}", PHY_NAM=f"pad{index}",
                       LOG_NAM=name.rpartition("@")[0], HEAD_NUM=1, SITE_NUM=site)  # fmt: skip
        if lot.wafers:
            out.record("WCR", WAFR_SIZ=300.0, WF_UNITS=3, WF_FLAT="D", POS_X="R", POS_Y="D")
        first = 0
        for index, wafer in enumerate(wafers):
            if lot.wafers:
                out.record("WIR", HEAD_NUM=1, SITE_GRP=255, START_T=self.time_s, WAFER_ID=wafer.name)
            self._wafer(index if lot.wafers else -1, first, wafer, values[first : first + len(wafer.dies)])
            if lot.wafers:
                good = sum(row[-1] for row in self.rows if row[0] == index)
                out.record("WRR", HEAD_NUM=1, SITE_GRP=255, FINISH_T=self.time_s, PART_CNT=len(wafer.dies),
                           GOOD_CNT=int(good), WAFER_ID=wafer.name)  # fmt: skip
            first += len(wafer.dies)
        return self._end()

    def _pins(self) -> dict[str, tuple[int, int]]:
        """`pin@site` -> (index, site): each site has channels of its own for a pin of the same name."""
        names = list(dict.fromkeys(pin for test in self.lot.tests for pin in test.pins))
        return {f"{pin}@{site}": (1 + i + (site - 1) * len(names), site)
                for site in range(1, self.lot.sites + 1) for i, pin in enumerate(names)}  # fmt: skip

    def _wafer(self, wafer: int, first: int, made: MadeWafer, values: np.ndarray) -> None:
        order = np.arange(len(made.dies))
        passed = self._attempt(wafer, first, made, order, values, 0)
        again = order[~passed][: int(np.ceil(self.lot.retested * np.count_nonzero(~passed)))]
        if len(again):
            spread = np.array([0.0 if t.functional else 0.1 * t.sd for t in self.lot.tests for _ in range(t.width)])
            repeated = values[again] + self.rng.normal(0, 1, (len(again), len(spread))) * spread
            self._attempt(wafer, first, made, again, repeated.astype(np.float32), 1)

    def _attempt(self, wafer: int, first: int, made: MadeWafer, order: np.ndarray, values: np.ndarray,
                 attempt: int) -> np.ndarray:  # fmt: skip
        """Test the dies of `order`, `sites` at a time; True for those that pass."""
        sites = self.lot.sites
        low, high = values < self.low, values > self.high
        failing = low | high
        passed = ~failing.any(1)
        first_down = min(sites, len(order))  # apart: its records may be the first of their tests
        last_down = max(len(order) // sites * sites, first_down)
        blocks = [block for cut in (slice(first_down), slice(first_down, last_down), slice(last_down, None))
                  for block in self._block(values[cut], low[cut], high[cut])]  # fmt: skip
        for start, block in zip(range(0, len(order), sites), blocks, strict=True):
            down = slice(start, start + sites)
            self._touchdown(wafer, first, made, order[down], passed[down], failing[down], block, attempt)
        self.blocks.append(values)
        return passed

    def _block(self, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[bytes]:
        """The records of the tests of touchdowns with `sites` parts each (or one with fewer), results patched into one
        pattern."""
        if not len(values):
            return []
        sites = min(self.lot.sites, len(values))
        pattern, spots = self._pattern(sites)
        downs = len(values) // sites
        rows = np.tile(np.frombuffer(pattern, np.uint8), (downs, 1))
        kind = np.dtype(">f4" if self.out.big else "<f4")
        for site, column, result_at, flag_at, whole in spots:
            at = slice(site, downs * sites, sites)
            if result_at:
                raw = values[at, column].astype(kind).view(np.uint8).reshape(-1, 4)
                rows[:, result_at : result_at + 4] = raw
                over, under = high[at, whole].any(1), low[at, whole].any(1)
                rows[:, flag_at + 1] = _HIGH * over | _LOW * under
            else:
                over = under = low[at, column]
            rows[:, flag_at] = _FAIL * (over | under)
        return [row.tobytes() for row in rows]

    def _pattern(self, sites: int) -> tuple[bytes, list[tuple]]:
        """Records of one touchdown with zero results, and for each result (site, column, byte, byte of TEST_FLG,
        columns of the whole record)."""
        out, spots, size, column = [], [], 0, 0
        pins = self._pins()
        for test in self.lot.tests:
            whole = slice(column, column + test.width)
            for site in range(sites):
                indices = tuple(pins[f"{pin}@{site + 1}"][0] for pin in test.pins)
                record = self._test_record(test, site, indices, not self.begun and site == 0)
                for k in range(test.width):
                    lead = 4 + 8 + 4 + (test.width + 1) // 2 if test.pins else 4 + 8
                    spots.append((site, column + k, 0 if test.functional else size + lead + 4 * k, size + 10, whole))
                out.append(record)
                size += len(record)
            column += test.width
        self.begun = True
        return b"".join(out), spots

    def _test_record(self, test: MadeTest, site: int, indices: tuple[int, ...], first: bool) -> bytes:
        values = {"TEST_NUM": test.number, "HEAD_NUM": 1, "SITE_NUM": site + 1, "TEST_FLG": 0}
        texted = first or self.lot.repeated != "first"
        text = {"TEST_TXT": test.name} if texted else {}
        if test.functional:
            return encode("FTR", values | {"OPT_FLAG": 0xFF} | text, big=self.out.big)
        if first or self.lot.repeated == "all":
            none = (0x40 if test.lower is None else 0) | (0x80 if test.upper is None else 0)
            text |= {"OPT_FLAG": 0x0E | none, "RES_SCAL": test.scale, "LLM_SCAL": test.scale, "HLM_SCAL": test.scale,
                     "LO_LIMIT": test.lower or 0.0, "HI_LIMIT": test.upper or 0.0, "UNITS": test.unit}  # fmt: skip
        if not test.pins:
            return encode("PTR", values | {"PARM_FLG": 0, "RESULT": 0.0} | text, big=self.out.big)
        arrays = {"PARM_FLG": 0, "RTN_STAT": (0,) * test.width, "RTN_RSLT": (0.0,) * test.width}
        if "UNITS" in text:
            arrays |= {"RTN_INDX": indices}
        return encode("MPR", values | arrays | text, big=self.out.big)

    def _touchdown(self, wafer: int, first: int, made: MadeWafer, order: np.ndarray, passed: np.ndarray,
                   failing: np.ndarray, block: bytes, attempt: int) -> None:  # fmt: skip
        out, big = self.out, self.out.big
        sites = range(1, len(order) + 1)
        columns = [n for n, test in enumerate(self.lot.tests) for _ in range(test.width)]
        out.raw(b"".join(encode("PIR", {"HEAD_NUM": 1, "SITE_NUM": site}, big=big) for site in sites) + block)
        for site, index, good, bad in zip(sites, order.tolist(), passed.tolist(), failing, strict=True):
            x, y = made.dies[index]
            soft = 1 if good else 100 + columns[int(np.argmax(bad))]
            self.soft[soft] = self.soft.get(soft, 0) + 1
            again = 0 if not attempt else 0x02 if wafer >= 0 else 0x01
            out.record("PRR", HEAD_NUM=1, SITE_NUM=site, PART_FLG=again | (0 if good else 0x08),
                       NUM_TEST=min(len(self.lot.tests), 0xFFFF), HARD_BIN=1 if good else 2, SOFT_BIN=soft, X_COORD=x,
                       Y_COORD=y, TEST_T=250, PART_ID=str(first + index + 1))  # fmt: skip
            self.rows.append((wafer, first + index, attempt, x, y, site, good))
        self.time_s += 1

    def _end(self) -> Written:
        out, tests = self.out, self.lot.tests
        good = sum(row[-1] for row in self.rows)
        for test in tests:
            out.record("TSR", HEAD_NUM=255, SITE_NUM=0, TEST_TYP="F" if test.functional else "M" if test.pins else "P",
                       TEST_NUM=test.number, EXEC_CNT=len(self.rows), TEST_NAM=test.name)  # fmt: skip
        for number, count, verdict, name in ((1, good, "P", "pass"), (2, len(self.rows) - good, "F", "fail")):
            out.record("HBR", HEAD_NUM=255, SITE_NUM=0, HBIN_NUM=number, HBIN_CNT=count, HBIN_PF=verdict,
                       HBIN_NAM=name)  # fmt: skip
        for number, count in sorted(self.soft.items()):
            out.record("SBR", HEAD_NUM=255, SITE_NUM=0, SBIN_NUM=number, SBIN_CNT=count,
                       SBIN_PF="P" if number == 1 else "F",
                       SBIN_NAM="pass" if number == 1 else tests[number - 100].name)  # fmt: skip
        out.record("PCR", HEAD_NUM=255, SITE_NUM=0, PART_CNT=len(self.rows), GOOD_CNT=good)
        out.record("MRR", FINISH_T=self.time_s)
        names = tuple(
            f"{test.number} {test.name}" + (f"[{pin}]" if pin else "")
            for test in tests for pin in (test.pins or ("",))
        )  # fmt: skip
        table = np.array(self.rows, dtype=np.int64).reshape(-1, 7).T
        values = np.vstack(self.blocks) if self.blocks else np.empty((0, len(names)), np.float32)
        return Written(values, names, *table[:6], passed=table[6].astype(bool))
