"""Hostile texts against every reader of files: nothing but the error family may come out, none may hang or fill the
memory. Prints, for each reader, how many texts were tried, how many were read, by how many rules the others were
refused, the worst processor time of a small and of a large text, and the memory used.

`python tests/benchmarks/fuzz_readers.py [cases] [reader ...]`: `cases` texts (10,000) are made by hypothesis and as
many again by plain mutation; last come texts made to cost time or memory. Each reader runs in a process of its own.
Seeds come from the project's own writers. Ends with 1 where a reader failed.
"""

from __future__ import annotations

import multiprocessing
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import hostile_texts
from hostile_texts import PART, joined
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from workbench import facts, stack
from workbench.errors import WorkbenchError
from workbench.formats import chiplet, threedblox, verilog, yaml_text
from workbench.formats.exports import bump_table, design_json
from workbench.formats.lefdef import def_text, lef_text
from workbench.formats.threedblox import bmap, document, files
from workbench.formats.threedblox.files import Blox

CASES = 10_000
WORST_S = 1.0  # processor time of a small text
WORST_LARGE_S = 10.0  # processor time of a megabyte made to cost
HANG = 10  # times the bound: wall time after which a text is given up; the machine may be busy with other work
WORST_MB = 2_000  # more than the process holds at its start


@dataclass(frozen=True)
class Reader:
    """`read` takes a text; `seeds` makes good ones; `words` are pieces the format knows; `bombs` are texts made to
    cost."""

    name: str
    read: Callable[[str], Any]
    seeds: Callable[[], list[str]]
    words: tuple[str, ...]
    bombs: Callable[[], list[str]] = list


# -- seeds -------------------------------------------------------------------------------------------------------------
@cache
def design() -> stack.Design:
    """Two dies face to face on a substrate, with bumps, nets, connections and a path."""
    grid = stack.Grid(name="f", diameter_um=20.0, columns=4, rows=3, pitch_x_um=40.0, pitch_y_um=50.0,
                      names=("b_{column}_{row}",), ports=("p{index}",), nets=("VDD", "VSS"))  # fmt: skip
    points = stack.Points(name="odd", diameter_um=12.5, x_um=(1.0, 7.25), y_um=(0.5, -3.0), cells=("PIL",))
    face = stack.Region(name="face", side="front", width_um=900.0, length_um=400.0, bumps=(grid, points), layer="m1")
    die = stack.Die(id="a", name="a", width_mm=2.0, length_mm=1.5, thickness_um=100.0, regions=(face,),
                    tsv=stack.Tsv(diameter_um=5, pitch_um=40, count=9))  # fmt: skip
    low, high = (stack.Placement(name=n, die="a", facing=f) for n, f in (("u1", "up"), ("u2", "down")))
    layers = (
        stack.Layer(name="sub", kind="substrate", material="abf", thickness_um=200.0),
        stack.Layer(name="low", kind="die", material="emc", thickness_um=100.0, dies=(low,)),
        stack.Layer(name="gap", kind="bond", material="underfill", thickness_um=20.0),
        stack.Layer(name="high", kind="die", material="emc", thickness_um=100.0, dies=(high,)),
    )
    ends = stack.End(part="u2", region="face"), stack.End(part="u1", region="face")
    pins = stack.Pin(part="u1", port="p0"), stack.Pin(part="u2", port="p1")
    return stack.Design(
        title="fuzz", assembly="face_to_face", carrier="substrate", width_mm=4.0, length_mm=3.0, dies=(die,),
        layers=layers, connections=(stack.Connection(name="c", top=ends[0], bottom=ends[1], thickness_um=20.0),),
        netlist=(stack.Net(name="n", pins=pins), stack.Net(name="v", role="power")),
        paths=(stack.PathAssertion(name="Path1", steps=(
            stack.Step(part="u1", region="face"), stack.Step(part="u2", region="face", excluded=True))),),
    )  # fmt: skip


@cache
def blox() -> Blox:
    return threedblox.from_design(design())[0]


def written(ending: str) -> list[str]:
    return [text for name, text in threedblox.texts(blox()).items() if name.endswith(ending)]


def with_macros(ending: str) -> list[str]:
    """The same file with a macro and keys of nobody, and the good file alone."""
    return [*written(ending), *(f"#!define MAC 100.0\n{text.replace('100.0', 'MAC')}\nother: {{a: [1, ~]}}\n"
                                for text in written(ending))]  # fmt: skip


def def_seeds() -> list[str]:
    rows = [f"- {name} {cell} + PLACED ( {x:.0f} {y:.0f} ) {o} ;"
            for entry in blox().bump_maps.values()
            for name, cell, x, y, o in zip(entry.instances, entry.cells, entry.x_um, entry.y_um,
                                           list(def_text.ORIENTATIONS) * entry.count, strict=False)]  # fmt: skip
    names = [row.split()[1] for row in rows]
    nets = "".join(f"- n{i} ( PIN p{i} ) ( {n} PAD ) + ROUTED m1 ( 0 0 ) ( 5 * ) ;\n" for i, n in enumerate(names))
    return ["VERSION 5.8 ;\nDESIGN a ;\nUNITS DISTANCE MICRONS 2000 ;\nDIEAREA ( 0 0 ) ( 4000 3000 ) ;\n"
            f"COMPONENTS {len(rows)} ;\n" + "\n".join(rows) + "\nEND COMPONENTS\nPINS 1 ;\n"
            "- p0 + NET n0 + DIRECTION INOUT + USE POWER + LAYER m1 ( 0 0 ) ( 1 1 ) + FIXED ( 0 5 ) N ;\nEND PINS\n"
            f"NETS {len(rows)} ;\n{nets}END NETS\nEND DESIGN\n"]  # fmt: skip


def yaml_seeds() -> list[str]:
    data = {"a": [1, -2.5, 1e-7, True, None, "~", "yes", "x: y"], "b c": {"d": {"e": [[1, 2], [3, [4]]]}}, "é晶": ""}
    folded = "a: |\n  text\nb: >-\n  folded\n  more\n"
    return [yaml_text.write(data), yaml_text.write(stack.to_document(design())), folded]


def shipped() -> list[stack.Design]:
    return [design(), *(stack.read(facts.load(f"designs/{n}")) for n in ("poc-face-to-face", "poc-side-by-side"))]


# -- readers -----------------------------------------------------------------------------------------------------------
def read_yaml(text: str) -> None:
    found = yaml_text.parse(text, where="f").data
    assert yaml_text.parse(yaml_text.write(found), where="g").data == found


def read_chiplet(text: str) -> None:
    """A file, and the file that it becomes."""
    found, report = chiplet.read_text(text, where="f")
    chiplet.read_text(chiplet.write_text(found, report.kept)[0], where="g")


def read_json(text: str) -> None:
    found = design_json.read_text(text, where="f")
    assert design_json.read_text(design_json.to_text(found), where="g") == found


def read_definitions(text: str) -> None:
    """A .3dbv as a file, written back, and as part of an assembly."""
    found = document.parse(text, where="f.3dbv")
    assert document.parse(document.write(found), where="g.3dbv") == found
    others = [entry for name, entry in blox().documents.items() if name.endswith(".3dbx")]
    named = document.parse(text, where="fuzz.3dbv")
    threedblox.to_design(files.made("fuzz.3dbx", [*others, named], blox().bump_maps, blox().extras))


def read_assembly(text: str) -> None:
    found = document.parse(text, where="fuzz.3dbx")
    assert document.parse(document.write(found), where="g.3dbx") == found
    others = [entry for name, entry in blox().documents.items() if name.endswith(".3dbv")]
    made, _ = threedblox.to_design(files.made("fuzz.3dbx", [found, *others], blox().bump_maps, blox().extras))
    stack.read(stack.to_document(made))


def read_bumps(text: str) -> None:
    found = bmap.parse(text, where="f.bmap")
    assert bmap.parse(bmap.write(found), where="g.bmap") == found


def read_set(text: str) -> None:
    """A whole assembly: the first file is its root; bump maps and referenced files are read with it."""
    parts = [part.partition("\n") for part in f"\n{text}".split(f"\n{PART}")[1:]]
    named = {name: said for name, _, said in parts}
    documents = [document.parse(said, where=name) for name, said in named.items() if name.endswith(document.KINDS)]
    maps = {name: bmap.parse(said, where=name) for name, said in named.items() if name.endswith(".bmap")}
    rest = {name: said for name, said in named.items() if not name.endswith((*document.KINDS, ".bmap"))}
    blox = files.made(documents[0].name if documents else "none", documents, maps, rest)
    stack.read(stack.to_document(threedblox.to_design(blox)[0]))


YAML_WORDS = ("- ", ": ", "{", "}", "[", "]", "&a ", "*a", "!!str ", "|\n", ">\n", "'", '"', "~", "? ", "---\n",
              "...\n", "%YAML 1.2\n", "%TAG ! x\n", "\t", "#", "1e999", ".nan", "0x", "<<: ", "\\u0000")  # fmt: skip
BLOX_WORDS = (*YAML_WORDS, "#!define A AA\n", "regions", "coords", "external", "MZ_R90", "hier", "include: ['*.3dbv']",
              "../../x", "thickness: -1", "loc", "[0, 0]", "1e300", "NOT ", ".regions.",
              "reference")  # fmt: skip
LEF_WORDS = (";", "(", ")", "END", "MACRO", "SIZE", "BY", "PIN", "PORT", "RECT", "POLYGON", "OBS", '"', "#", "1e999",
             "-0", "COMPONENTS", "PINS", "NETS", "- ", "+ PLACED", "DIEAREA", "UNITS", "DESIGN", "BEGINEXT",
             "MASK")  # fmt: skip


# The words of each format that edits are made of.
BUMP_WORDS = ("- ", "# ", "nan", "inf", "1e999", "1_0", "\u3000", "\t", "{index}", "0x1", "-")
VERILOG_WORDS = ("module", "endmodule", "input", "wire", "assign", "supply0", "[65535:0]", "[", ":", "{", "}", "(", ")",
                 ".a(", "/*", "*/", "//", "(*", "*)", "\\", "`ifdef ", "4'b0", ";", ",", "=", "always", "#(",
                 '"')  # fmt: skip
CHIPLET_WORDS = (*YAML_WORDS, "components", "position", "rotation", "die_array", "format_version: '2.0'", "-1e300",
                 "1e-300")  # fmt: skip
JSON_WORDS = ("{", "}", "[", "]", '"', ":", ",", "NaN", "1e999", "null", "true", "-1", "1e300", '"x_mm"', '"omit"',
              "\\u0000")  # fmt: skip


TABLE_WORDS = (",", '"', "\n", "\r\n", "x_um", "diameter_um", "back", "'=", "'", "1e9", "nan", "1_0", "{index}",
               "\u3000")  # fmt: skip


def table_seeds() -> list[str]:
    rows = "".join(f"u1,face,front,b{i},c,p{i},'+n,{i * 40},{i % 2},0,20\n" for i in range(6))
    free = 'Part,Name,x_um,y_um,diameter_um,note\nu1,"a, b",1,2,3,\nsub,b,1.5,2,3,x\n'
    return [",".join(bump_table.COLUMNS) + "\n" + rows, free]


def read_table(text: str) -> None:
    """A list of a die team, and the same as a table of a module."""
    bump_table.read_bump_table(text, where="f", diameter_um=5.0)
    bump_table.read_bump_table(text, where="f", design=design())


READERS = [
    Reader("yaml_text", read_yaml, yaml_seeds, YAML_WORDS, hostile_texts.yaml_bombs),
    Reader("3dbv", read_definitions, partial(with_macros, ".3dbv"), BLOX_WORDS, hostile_texts.blox_bombs),
    Reader("3dbx", read_assembly, partial(with_macros, ".3dbx"), BLOX_WORDS, hostile_texts.blox_bombs),
    Reader("3dblox set", read_set, lambda: [joined(threedblox.texts(blox()))], (*BLOX_WORDS, *BUMP_WORDS, PART),
           hostile_texts.set_bombs),
    Reader("bmap", read_bumps, lambda: [*written(".bmap"), "# head\na B 1 2 - -\n\nb C -1e3 .5 p n\n"], BUMP_WORDS,
           hostile_texts.bump_bombs),
    Reader("def", partial(def_text.parse, where="f"), def_seeds, LEF_WORDS, hostile_texts.lef_bombs),
    Reader("lef", partial(lef_text.parse, where="f"), partial(written, ".lef"), LEF_WORDS, hostile_texts.lef_bombs),
    Reader("verilog", partial(verilog.parse, where="f", top="fuzz"), partial(written, ".v"), VERILOG_WORDS,
           hostile_texts.verilog_bombs),
    Reader("chiplet", read_chiplet, lambda: [*map(chiplet.write, shipped())], CHIPLET_WORDS,
           hostile_texts.chiplet_bombs),
    Reader("design json", read_json, lambda: [*map(design_json.to_text, shipped())], JSON_WORDS,
           lambda: hostile_texts.json_bombs(stack.to_document(design()))),
    Reader("bump table", read_table, table_seeds, TABLE_WORDS, hostile_texts.table_bombs),
]  # fmt: skip


# -- texts -------------------------------------------------------------------------------------------------------------
LETTERS = "\x00\x01\x7f\x85\u2028\ud800\ufeff\ufffe aZ09_-+.:;,'\"[]{}()#&*!|>%@`\\/\t\n\r=~é晶🙂\u3000"


def mutated(text: str, pick: random.Random, words: tuple[str, ...]) -> str:
    """A few edits: cut, doubled, swapped, replaced by a word of the format or by any character; a number changed."""
    for _ in range(pick.randint(1, 6)):
        i = pick.randrange(len(text) + 1)
        j = min(len(text), i + pick.choice((0, 1, 1, 3, 20)))
        kind = pick.randrange(7)
        if kind == 0:
            text = text[:i] + text[j:]
        elif kind == 1:
            text = text[:j] + text[i:j] * pick.choice((1, 2, 30)) + text[j:]
        elif kind == 2:
            text = text[:i] + pick.choice(words) + text[j:]
        elif kind == 3:
            text = text[:i] + "".join(pick.choices(LETTERS, k=pick.randint(1, 4))) + text[j:]
        elif kind == 4:
            lines = text.split("\n")
            a, b = pick.randrange(len(lines)), pick.randrange(len(lines))
            lines[a], lines[b] = lines[b], lines[a]
            text = "\n".join(lines)
        elif kind == 5:
            digits = [at for at, letter in enumerate(text) if letter.isdigit()]
            if digits:
                at = pick.choice(digits)
                new = pick.choice(("-1", "0", "1e400", "99999999999999999999", "1e-320", "x"))
                text = text[:at] + new + text[at + 1 :]
        elif len(text) > 4:
            text = text[: pick.randrange(len(text))]
    return text


def made_by_hypothesis(seeds: list[str], words: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Good texts with edits that hypothesis chooses, texts of the format's own words, and any text."""
    piece = st.sampled_from(words) | st.text(st.sampled_from(LETTERS), max_size=4) | st.text(max_size=6)
    edit = st.tuples(st.floats(0, 1), st.integers(0, 40), piece)

    def apply(text: str, edits: list[tuple[float, int, str]]) -> str:
        for share, length, new in edits:
            at = int(share * len(text))
            text = text[:at] + new + text[at + length :]
        return text

    return st.one_of(
        st.builds(apply, st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=5)),
        st.builds(apply, st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=2)),
        st.lists(piece, max_size=30).map("".join),
        st.text(max_size=60),
    )


# -- run ---------------------------------------------------------------------------------------------------------------
class Hang(BaseException):
    """The text took longer than its bound."""


@dataclass
class Outcome:
    name: str
    tried: int = 0
    read: int = 0
    rules: Counter = field(default_factory=Counter)
    worst_s: float = 0.0
    worst_large_s: float = 0.0
    grown_mb: float = 0.0
    failures: list[str] = field(default_factory=list)


def fuzz(name: str, cases: int) -> Outcome:
    reader = next(entry for entry in READERS if entry.name == name)
    done, seeds = Outcome(name), reader.seeds()
    for seed in seeds:  # surely good
        reader.read(seed)
    import scipy.spatial  # noqa: F401 - loaded at first need, which is no time of a reader

    def stop(*_):
        raise Hang

    signal.signal(signal.SIGALRM, stop)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def attempt(text: str, bound_s: float) -> float:
        done.tried += 1
        began = time.process_time()
        signal.setitimer(signal.ITIMER_REAL, HANG * bound_s)
        try:
            reader.read(text)
            done.read += 1
        except WorkbenchError as refused:
            done.rules[refused.rule] += 1
        except (Hang, Exception):
            if len(done.failures) < 5:
                done.failures.append(f"{traceback.format_exc(limit=-4)}\n{text[:300]!r} ({len(text):,} characters)")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        took_s = time.process_time() - began
        if took_s > bound_s and len(done.failures) < 5:
            done.failures.append(f"{took_s:.1f} s of processor time for {text[:300]!r} ({len(text):,} characters)")
        return took_s

    @given(made_by_hypothesis(seeds, reader.words))
    @settings(max_examples=cases, phases=(Phase.generate,), database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    def by_hypothesis(text: str) -> None:
        done.worst_s = max(done.worst_s, attempt(text, WORST_S))

    while done.tried < cases:  # hypothesis ends early when it thinks that it has seen all
        by_hypothesis()
    pick = random.Random(0)
    for _ in range(cases):
        text = mutated(pick.choice(seeds), pick, reader.words)
        done.worst_s = max(done.worst_s, attempt(text, WORST_S))
    for text in reader.bombs():
        done.worst_large_s = max(done.worst_large_s, attempt(text, WORST_LARGE_S))
    done.grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if done.grown_mb > WORST_MB:
        done.failures.append(f"the memory grew by {done.grown_mb:,.0f} MB")
    return done


def main(cases: int, names: list[str]) -> int:
    print(f"{'reader':<12} {'texts':>8} {'read':>7} {'rules':>6} {'small s':>8} {'large s':>8} {'MB':>6}  failures")
    failed = False
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in pool.map(fuzz, names, [cases] * len(names)):
            print(f"{done.name:<12} {done.tried:>8,} {done.read:>7,} {len(done.rules):>6} {done.worst_s:>8.3f} "
                  f"{done.worst_large_s:>8.2f} {done.grown_mb:>6,.0f}  {len(done.failures)}", flush=True)  # fmt: skip
            for failure in done.failures:
                print(failure)
            failed |= bool(done.failures)
    print(f"targets: >= {CASES:,} texts by hypothesis each, nothing but the error family, <= {WORST_S:g} s a small "
          f"text, <= {WORST_LARGE_S:g} s a megabyte made to cost, <= {WORST_MB:,} MB more")  # fmt: skip
    return int(failed)


if __name__ == "__main__":
    given_cases = [int(word) for word in sys.argv[1:] if word.isdigit()]
    wanted = [word for word in sys.argv[1:] if not word.isdigit()]
    sys.exit(main(given_cases[0] if given_cases else CASES, wanted or [entry.name for entry in READERS]))
