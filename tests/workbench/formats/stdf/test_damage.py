"""Files that end early, are packed, damaged or no STDF at all: what is whole is kept, the rest is told or refused."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import struct

import pytest

from workbench.errors import InputError
from workbench.formats import stdf
from workbench.formats.stdf import synthetic
from workbench.formats.stdf.source import load

FAR = b"\x02\x00\x00\x0a\x02\x04"
TESTS = (synthetic.MadeTest(10, "Vdd", "V", 0.9, 1.1, 1.0, 0.1), synthetic.MadeTest(20, "Idd", "A"))


@pytest.fixture
def lot(tmp_path):
    """A plain file of ten parts on a wafer, and what is in it."""
    path = tmp_path / "lot.stdf"
    dies = tuple((x, 0) for x in range(10))
    return path, synthetic.write(path, synthetic.MadeLot("L", "P", TESTS, (synthetic.MadeWafer("W", dies),)))


def said(data, part):
    return [line for line in data.report.lines() if part in line]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda d: gzip.compress(d[:99]) + gzip.compress(d[99:]),
                                  lambda d: gzip.compress(d) + bytes(64)],
                         ids=["gzip", "bzip2", "two members", "padded"])  # fmt: skip
def test_packed_files_read_as_plain_ones_whatever_their_suffix(lot, tmp_path, pack):
    path, _ = lot
    packed = tmp_path / "lot.std"
    packed.write_bytes(pack(path.read_bytes()))
    plain, read = stdf.read(path), stdf.read(packed)
    assert read.readings.equals(plain.readings)
    assert read.report.lines() == plain.report.lines()


def test_every_length_of_a_file_cut_off_keeps_what_is_whole(lot, tmp_path):
    path, written = lot
    raw = path.read_bytes()
    starts = [record["at"] for record in stdf.records(path)]
    whole = stdf.read(path).readings.value.tolist()
    assert whole == written.values.astype(float).ravel().tolist()
    cut = tmp_path / "cut.stdf"
    for size in range(6, len(raw), 7):
        cut.write_bytes(raw[:size])
        data = stdf.read(cut)
        number = sum(start < size for start in starts) - 1
        inside = size not in starts
        told = said(data, f"ends inside record {number:,} (from 0), which begins at byte {starts[number]:,}: "
                          f"{size - starts[number]} bytes were left")  # fmt: skip
        assert bool(told) is inside
        assert data.readings.value.tolist() == whole[: len(data.readings)]
    assert len(data.readings) == len(whole)


def test_a_packing_that_is_cut_or_damaged_keeps_what_came_before(lot, tmp_path):
    path, _ = lot
    packed = gzip.compress(path.read_bytes() * 1)
    cut = tmp_path / "cut.stdf.gz"
    cut.write_bytes(packed[: len(packed) * 3 // 4])
    data = stdf.read(cut)
    assert 0 < len(data.readings) < 20
    assert said(data, "The gzip packing ends early")
    damaged = bytearray(packed)
    damaged[-6] ^= 1  # in the check sum
    cut.write_bytes(bytes(damaged))
    assert said(stdf.read(cut), "The gzip packing is damaged")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "stdf.no_far"),
        (b"\x02\x00\x00", "stdf.no_far"),
        (b"KLARF record", "stdf.no_far"),
        (b"\x02\x00\x01\x0a\x02\x04", "stdf.no_far"),  # an MIR first
        (b"\x03\x00\x00\x0a\x02\x04\x00", "stdf.no_far"),
        (b"\x02\x00\x00\x0a\x00\x04", "stdf.vax"),
        (b"\x02\x00\x00\x0a\x02\x03", "stdf.version"),
        (gzip.compress(FAR)[:9], "stdf.damaged_packing"),
        (b"\x1f\x8b\x08rubbish", "stdf.damaged_packing"),
        (b"BZh9rubbish", "stdf.damaged_packing"),
        (gzip.compress(b"text"), "stdf.no_far"),
        (gzip.compress(FAR + bytes(1 << 25), 9), "stdf.bomb"),
        (bz2.compress(FAR + bytes(1 << 25)), "stdf.bomb"),
    ],
    ids=range(13),  # a gzip's own content holds the moment it was made
)
def test_what_is_refused(tmp_path, content, rule):
    path = tmp_path / "x.stdf"
    path.write_bytes(content)
    for reader in (stdf.read, stdf.counts, lambda p: list(stdf.records(p))):
        with pytest.raises(InputError) as refused:
            reader(path)
        assert refused.value.rule == rule


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_more_bytes_than_allowed_are_refused(tmp_path, pack):
    path = tmp_path / "x.stdf"
    path.write_bytes(pack(FAR + b"\x00\x00\x14\x14" * 1000))
    assert stdf.counts(path, most_bytes=4006) == {"FAR": 1, "EPS": 1000}
    with pytest.raises(InputError) as refused:
        stdf.read(path, most_bytes=4005)
    assert refused.value.rule == "stdf.too_large"


def test_no_file_and_no_regular_file(tmp_path):
    for path, rule in ((tmp_path / "none", "text.no_file"), (tmp_path, "text.not_a_file")):
        with pytest.raises(InputError) as refused:
            stdf.read(path)
        assert refused.value.rule == rule


@pytest.mark.parametrize(("far", "big", "differs"), [
    (b"\x02\x00\x00\x0a\x02\x04", False, False), (b"\x00\x02\x00\x0a\x01\x04", True, False),
    (b"\x02\x00\x00\x0a\x01\x04", False, True),  # a PC that says it is a Sun
    (b"\x00\x02\x00\x0a\x80\x04", True, True),  # CPU types 128 to 255 are for customers
])  # fmt: skip
def test_the_byte_order_is_that_of_the_lengths(tmp_path, far, big, differs):
    path = tmp_path / "x.stdf"
    path.write_bytes(far + struct.pack(">HBB" if big else "<HBB", 2, 5, 10) + b"\x01\x01")
    source = load(path)
    assert (source.big, source.cpu_differs) == (big, differs)
    assert bool(said(stdf.read(path), "CPU_TYPE")) is differs


def test_a_few_hundred_mutated_files(root):
    """The whole run is `tests/benchmarks/stdf_fuzz.py`: 100,000 files, and again with the compiler's index checks."""
    spec = importlib.util.spec_from_file_location("stdf_fuzz", root / "tests" / "benchmarks" / "stdf_fuzz.py")
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    assert fuzz.tried_here(300, first=20_000_000) > 150  # so many were read, the others refused
