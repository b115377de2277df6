"""Hostile texts against every reader of files: nothing but the error family may come out, none may hang or fill the
memory. Prints, for each reader, how many texts were tried, how many were read, by how many rules the others were
refused, the worst processor time of a small and of a large text, and the memory used.

`python tests/benchmarks/fuzz_readers.py [cases] [reader ...]`: `cases` texts (10,000) are made by hypothesis and as
many again by plain mutation; last come texts made to cost time or memory. Each reader runs in a process of its own.
Seeds come from the project's own writers. Ends with 1 where a reader failed.
"""

from __future__ import annotations

import json
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


PART = "@ "  # begins the line that names a file of a set


def joined(named: dict[str, str]) -> str:
    return "".join(f"{PART}{name}\n{text}" for name, text in named.items())


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


def repeated(size: int, pieces: tuple[str, ...]) -> list[str]:
    return [piece * (size // len(piece)) for piece in pieces]


def yaml_bombs() -> list[str]:
    n = 1 << 20
    laughs = "".join(f"l{i}: &l{i} [{', '.join(f'*l{i - 1}' for _ in range(9)) if i else 'x'}]\n" for i in range(9))
    merged = "a: &a {x: 1}\n" + "".join(f"b{i}: {{<<: *a}}\n" for i in range(30_000))
    wide = "{" + ", ".join(f"k{i}: 1" for i in range(80_000)) + ", k0: 2}"
    pieces = ("[", "{a: ", "- ", "? ", "!a ", "&a ", "a: 1\n", "[],", "'", '"a" ', "a:\n ", "- - ", "%", "# x\n",
              "'a\n\n", "|", "1,", "{a: [", "\n", " ", "a", "\u00e9")  # fmt: skip
    return [laughs, merged, wide, *repeated(n, pieces), "a: '" + "x" * n, "[" + "1, " * 300_000 + "]", "a: " + "9" * n]


def blox_bombs() -> list[str]:
    doubling = "".join(f"#!define K{i:02}_ K{i + 1:02}_K{i + 1:02}_\n" for i in range(90)) + "a: K00_\n"
    many = "".join(f"#!define KEY{i} {'v' * 90}\n" for i in range(100)) + "x: KEY1\n" * 50_000
    paths = "Path:\n" + "".join(f"  Path{i}: [u1.regions.face]\n" for i in range(1, 20_000))
    # More files, chiplets, regions, instances and connections than anyone has.
    includes = "Header: {include: [" + ", ".join(f"f{i}.3dbv" for i in range(50_000)) + "]}\n"
    square = "{side: front, coords: [[0, 0], [9, 0], [9, 9], [0, 9]]}"
    regions = "ChipletDef:\n  a:\n    type: die\n    design_area: [9, 9]\n    thickness: 1\n    regions:\n"
    regions += "".join(f"      r{i}: {square}\n" for i in range(15_000))
    each = range(15_000)
    dies = "ChipletDef:\n" + "".join(f"  a{i}: {{type: die, design_area: [9, 9], thickness: 1}}\n" for i in each)
    instances = "Design: {name: t}\nChipletInst:\n" + "".join(f"  u{i}: {{reference: a}}\n" for i in each)
    stacked = "".join(f"  u{i}: {{loc: [{i}, 0], z: 0, orient: R0}}\n" for i in each)
    tower = "".join(f"  u{i}: {{loc: [0, 0], z: {i * 100}, orient: R0}}\n" for i in each)
    joints = "Connection:\n" + "".join(f"  c{i}: {{top: u1.regions.face, bot: ~, thickness: 0}}\n" for i in each)
    return [*yaml_bombs(), doubling, many, paths, includes, regions, dies, f"{instances}Stack:\n{stacked}",
            f"{instances}Stack:\n{tower}", joints, "a: K\n#!define K v\n" * 20_000]


def set_bombs() -> list[str]:
    """Long maps and DEF that short files name again and again, and bumps that are each of their own cell."""
    square = "coords: [[0, 0], [900, 0], [900, 900], [0, 900]]"

    def of(chiplets: int, regions: int, more: str = "", **parts: str) -> str:
        head = "".join(
            f"  c{i}:\n    type: die\n    design_area: [{900 + i}, 900]\n    thickness: 1\n{more}    regions:\n"
            + "".join(f"      r{k}: {{side: front, {square}{', bmap: m.bmap' if 'm' in parts else ''}}}\n"
                      for k in range(regions))
            for i in range(chiplets)
        )  # fmt: skip
        inst = "".join(f"  u{i}: {{reference: c{i}}}\n" for i in range(chiplets))
        places = "".join(f"  u{i}: {{loc: [{i * 2000}, 0], z: 0, orient: R0}}\n" for i in range(chiplets))
        top = f"Header: {{include: [f.3dbv]}}\nDesign: {{name: top}}\nChipletInst:\n{inst}Stack:\n{places}"
        named = {name.replace("_", "."): text for name, text in parts.items() if name != "m"}
        named |= {"m.bmap": parts["m"]} if "m" in parts else {}
        return joined({"f.3dbx": top, "f.3dbv": f"ChipletDef:\n{head}", **named})

    n = 30_000
    free = "".join(f"b{i} P {i * 0.71 % 900:.3f} {i * 0.37 % 811:.3f} p{i} n{i % 7}\n" for i in range(n))
    cells = [line.replace(" P ", f" c{i} ") for i, line in enumerate(free.splitlines(keepends=True))]
    lef = "MACRO P CLASS COVER BUMP ; SIZE 1 BY 1 ; END P\nEND LIBRARY\n"
    rows = "".join(f"- b{i} P + PLACED ( {i % 900} {i % 811} ) N ;\n" for i in range(n // 2))
    outline = f"DESIGN a ;\nDIEAREA ( 0 0 ) ( 9 9 ) ;\nCOMPONENTS 1 ;\n{rows}END COMPONENTS\nEND DESIGN\n"
    more = "    external: {LEF_file: b.lef, DEF_file: a.def}\n"
    return [
        of(1, 1, m="".join(cells)), of(1, 1, m="".join(cells[:10_000])), of(1, 900, m=free), of(900, 1, m=free),
        of(60, 1, m=free), of(1, 60, m=free), of(1, 5_000, m="b P 1 1 - -\n"),
        of(900, 1, more, b_lef=lef, a_def=outline), of(1, 900, more, b_lef=lef, a_def=outline),
    ]  # fmt: skip


def bump_bombs() -> list[str]:
    n = 60_000
    late = "".join(f"b{i} c 1 2 p n\n" for i in range(n)) + "b0 c 1 2 p n\n"
    words = "".join(f"b{i} c{i} {i} {-i} p{i} n{i}\n" for i in range(n // 2))
    comments = "".join(f"b{i} c 1 2 - -\n# {i}\n" for i in range(n // 2))
    digits = "".join(f"b{i} c {'9' * 200} {'1' * 200}e-200 p n\n" for i in range(2_000))
    pieces = ("a", " ", "\n", "#\n", "a b 1 2 c d ", "a b 1 2 c\n", "a b 1 2 c d\n", "\u3000")
    return [late, words, comments, digits, *repeated(1 << 20, pieces)]


def lef_bombs() -> list[str]:
    pieces = ("MACRO ", "MACRO a SIZE 1 BY 1 ; END a\n", "END ", "; ", '"', '" ', "# ", "BEGINEXT ", "LAYER a ", "a ",
              "( ", "- ", "COMPONENTS 1 ; ", "NETS 1 ; - a ( ", "DIEAREA ( 1 1 ) ", "MACRO a PIN p PORT ",
              "PROPERTYDEFINITIONS ")  # fmt: skip
    n = 30_000
    # Counts that a file states, or an array it declares, cost nothing but their words.
    counted = "ROW r core 0 0 N DO 999999999 BY 999999999 STEP 1 1 ;\nTRACKS X 0 DO 999999999 STEP 1 LAYER m ;\n"
    counted = f"{counted * 8_000}GCELLGRID X 0 DO 999999999 STEP 1 ;\nCOMPONENTS 999999999 ;\n"
    counted += "- a B + FIXED ( 9e38 -9e38 ) N ;\nEND COMPONENTS\n"
    outline = "DIEAREA " + "( 0 0 ) ( 1 0 ) " * 60_000 + ";\n"
    cells = "".join(f"- b{i} P + PLACED ( {i} 0 ) N ;\n" for i in range(n))
    nets = "".join(f"- n{i} ( b{i} A ) ;\n" for i in range(n))
    one_net = "- n " + "".join(f"( b{i} A ) " for i in range(n)) + ";\n"
    placed = f"COMPONENTS {n} ;\n{cells}END COMPONENTS\nNETS 1 ;\n"
    pin = "- p + NET n + USE POWER + LAYER m ( 0 0 ) ( 1 1 ) + FIXED ( 0 0 ) N ;\n"
    pins = f"PINS 1 ;\n{pin * 15_000}END PINS\n"
    options = "PINS 1 ;\n- p " + "+ NET n " * 100_000 + ";\nEND PINS\n"
    sizes = "".join(f"MACRO m{i} CLASS COVER BUMP ; SIZE {i + 1} BY 1 ; END m{i}\n" for i in range(20_000))
    shapes = "MACRO m SIZE 1 BY 1 ; PIN p PORT " + "RECT 0 0 1 1 ; " * 60_000 + "END END p END m\n"
    polygon = "MACRO m SIZE 1 BY 1 ; PIN p PORT POLYGON " + "0 1 " * 200_000 + "; END END p END m\n"
    many_pins = "MACRO m SIZE 1 BY 1 ; " + "".join(f"PIN p{i} END p{i} " for i in range(40_000)) + "END m\n"
    return [*repeated(1 << 20, pieces), "COMPONENTS 1 ;\n" + "- a B ;\n" * 100_000 + "END COMPONENTS\n", counted,
            outline, f"{placed}{nets}END NETS\n", f"{placed}{one_net}END NETS\n", pins, options, sizes, shapes, polygon,
            many_pins]  # fmt: skip


def verilog_bombs() -> list[str]:
    wide = "module c (a); input [65535:0] a; endmodule\nmodule fuzz (); wire [65535:0] a, b;\n"
    lines = ("assign a = b;", "c u (.a(a));", "c u (.a({a, b}));", "c u (.a(65535'b0));", "wire [65535:0] c;")
    nested = "".join(f"module m{i} #( " for i in range(30_000)) + ") ; endmodule " * 30_000 + "module fuzz; endmodule"
    tiny = "".join(f"module m{i}; wire [65535:0] a={'a' if i % 2 else '{a}'}; endmodule " for i in range(20))
    chain = "".join(f"assign n{i} = n{i + 1};" for i in range(30_000))
    back = "".join(f"assign n{i + 1} = n{i};" for i in reversed(range(30_000)))
    # Buses and values wider than anyone has: [1e9:0] is no number, [999999999:0] too many bits.
    vast = ("wire [1e9:0] a;", "wire [1000000000:0] a;", "wire [999999999:0] a;", "wire [0:999999999] a;",
            "wire a; assign a = a[999999999:0];", "wire a; assign a = 999999999'b0;", "c u (.a(99999999'b0));",
            "wire a; assign a = {999999999{a}};", "c u [999999999:0] (.a(b));")  # fmt: skip
    many = "".join(f"c u{i} (.a(n{i % 7}), .b(n{i}));" for i in range(20_000))
    ports = "module fuzz (" + ", ".join(f"input [9:0] p{i}" for i in range(30_000)) + "); endmodule"
    return [
        *repeated(1 << 19, ("/*", "(*", "(", "{", "module fuzz ", "\\a ", '"', "`a ", "`ifdef a\n", "a ", ";",
                            "module fuzz (); ")),
        "module fuzz (); endmodule " + "".join(f"module m{i};" for i in range(60_000)) + "endmodule", nested,
        tiny + "module fuzz; endmodule", "module fuzz (); wire a" + ", wire a" * 60_000 + "; endmodule",
        *(wide + line * 20_000 for line in lines), f"module fuzz (); {chain} endmodule",
        f"module fuzz (); {back} endmodule", f"module fuzz (); {many} endmodule", ports,
        *(f"module fuzz (); {line} endmodule" for line in vast), f"module fuzz (); {vast[5] * 2_000} endmodule",
        "module fuzz (); c u (.a(" + "{" * 5000 + "x" + "}" * 5000 + ")); endmodule",
    ]  # fmt: skip


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


def table_bombs() -> list[str]:
    head = "part,x_um,y_um,diameter_um\n"
    pieces = ("a,", '"', "\n", "1,2,3\n", '"a\n', "x_um,y_um,diameter_um\n", "'")
    many = "".join(f"p{i},1,2,3\n" for i in range(40_000))
    sizes = [f"a,{i},{i * i % 811},{1 + i / 1e4}\n" for i in range(50_000)]
    many_sizes = [head + "".join(sizes[:count]) for count in (10_000, 50_000)]
    return [*repeated(1 << 20, pieces), head + "a,1,2,3\n" * 100_000, head + many, *many_sizes]


def chiplet_bombs() -> list[str]:
    """Counts that a short file states, and lists longer than anyone has."""
    head = 'format_version: "1.0"\nassembly: {name: "a"}\n'
    size = "dimensions: {width: 9, height: 9, thickness: 9}"
    carrier = 'components:\n- {id: "i", type: "interposer", dimensions: {width: 9e4, height: 9e4, thickness: 9}}\n'

    def dies(count: int, array: str = "", step: int = 10, more: str = "") -> str:
        kind = "die_array" if array else "die"
        return head + carrier + "".join(
            f'- {{id: "d{i}", type: "{kind}", {size}, position: {{x: {i * step}, y: 0, z: 0}}{array}{more}}}\n'
            for i in range(count))  # fmt: skip

    def array(x: int, y: int, pitch: int) -> str:
        return f", array: {{count: {{x: {x}, y: {y}}}, pitch: {{x: {pitch}, y: {pitch}}}}}"

    pads = head + carrier.replace("}}\n", "}, io_pads: [") + ", ".join(
        f'{{id: "p{i}", io_class: "flipped_bump", net: "n{i % 9}", position: {{x: {i}, y: {i * i % 811}}}, '
        'size: {x: 1, y: 1}}' for i in range(9_000)) + "]}\n"  # fmt: skip
    ends = ['{component: "d0", surface: "bottom"}', '{component: "i", surface: "top"}']
    joints = "interfaces:\n" + "".join(
        f'- {{id: "j{i}", type: "micro_bump", from: {ends[0]}, to: {ends[1]}}}\n' for i in range(9_000))  # fmt: skip
    nets = "netlist: {nets: [" + ", ".join(
        f'{{name: "n{i}", connections: [{{component: "d{i % 20}", pin: "p{i}"}}]}}' for i in range(9_000)) + "]}\n"
    one_net = 'netlist: {nets: [{name: "n", connections: [' + ", ".join(
        f'{{component: "d{i % 20}", pin: "p{i}"}}' for i in range(20_000)) + "]}]}\n"  # fmt: skip
    stacks = "connection_stacks:\n" + "".join(
        f'  "s{i}": {{layers: [{{name: "Cu", material: "Cu", height: 1}}]}}\n' for i in range(10_000))  # fmt: skip
    named = "netlist: {nets: [" + ", ".join(
        f'{{name: "n{i}", connections: [{{component: "d0", pin: "p"}}]}}' for i in range(9_000)) + "]}\n"  # fmt: skip
    pads += "- " + dies(1).split("- ")[-1]
    layers = pads.replace('"flipped_bump"', '"", layer: "m"').split('layer: "m"')
    layers = "".join(f'{piece}layer: "m{i}"' for i, piece in enumerate(layers[:-1])) + layers[-1]
    tower = head + carrier + "".join(
        f'- {{id: "d{i}", type: "die", {size}, position: {{x: 0, y: 0, z: {9 + i * 10}}}}}\n' for i in range(5_000))
    return [
        *yaml_bombs(), dies(1, array(1000, 1000, 10)), dies(1, array(1000, 1000, 0)), dies(300, array(1000, 1000, 10)),
        dies(1, array(10**9, 10**9, 1)), dies(5_000), dies(5_000, step=0), dies(2_000, array(10, 10, 10), 100), pads,
        dies(1) + joints, dies(20) + nets, dies(20) + one_net, stacks + dies(20, more=', connection: "s9"'), tower,
        dies(20) + "flow:\n" + "  - a: [1]\n" * 50_000, *(dies(1, array(n, n, 10)) + named for n in (1000, 100, 30)),
        layers, dies(20) + "".join(f"x{i}: [1]\n" for i in range(50_000)),
    ]  # fmt: skip


def json_bombs() -> list[str]:
    n = 1 << 20
    document = stack.to_document(design())

    def of(**changed: Any) -> str:
        return json.dumps(document | changed)

    def with_die(**changed: Any) -> str:
        return of(dies=[document["dies"][0] | changed])

    def with_bumps(*bumps: dict, **changed: Any) -> str:
        region = document["dies"][0]["regions"][0]
        return with_die(regions=[region | {"width_um": 2000.0, "length_um": 1500.0, "bumps": list(bumps)} | changed])

    grid, points = document["dies"][0]["regions"][0]["bumps"]
    die, layer = document["dies"][0], document["layers"][1]
    placement, net = layer["dies"][0], document["netlist"][0]
    fine = grid | {"pitch_x_um": 1e-3, "pitch_y_um": 1e-3, "diameter_um": 5e-4, "names": [], "ports": [], "nets": []}
    many = range(5_000)
    return [
        "[" * n, '{"a":' * 200_000, '"' + "a" * n, "1" * n, '{"a":1,' * 100_000,
        "{" + ",".join(f'"k{i}":1' for i in range(90_000)) + ',"k0":1}', "[" + '"\\"",' * 200_000 + "NaN]",
        '{"a":' + " " * n + "1," + " " * n + '"a":1}', '"\\' * (n // 3), '{"a":"' + '\\"' * (n // 2),
        *(with_bumps(fine | {"columns": c, "rows": r}) for c, r in (
            (10**9, 10**9), (10**6, 1), (1400, 1400), (10**5, 20))),
        with_bumps(*(grid | {"name": f"f{i}"} for i in many)),
        with_bumps(*(fine | {"name": f"f{i}", "columns": 1000, "rows": 1000} for i in range(200))),
        with_bumps(fine | {"columns": 1000, "rows": 1000, "omit": [[i % 1000, i // 1000] for i in range(90_000)]}),
        with_bumps(fine | {"columns": 300, "rows": 300, "names": [f"n{i}" for i in range(90_000)]}),
        with_bumps(fine | {"columns": 1000, "rows": 1000, "names": ["{index}{column}{row}" * 20]}),
        with_bumps(points | {"x_um": [0.0] * 90_000, "y_um": [0.0] * 90_000, "cells": ["c"] * 90_000}),
        with_die(regions=[die["regions"][0] | {"name": f"r{i}", "bumps": []} for i in many]),
        of(dies=[die | {"id": f"a{i}"} for i in range(1_000)]),
        *(of(layers=[document["layers"][0], layer | {"dies": dies}]) for dies in (
            [placement | {"columns": 10**9, "rows": 10**9, "pitch_x_mm": 1.0, "pitch_y_mm": 1.0}],
            [placement | {"columns": 1000, "rows": 1000, "pitch_x_mm": 3.0, "pitch_y_mm": 3.0}],
            [placement | {"name": f"u{i}", "x_mm": 3.0 * i} for i in many],
            [placement | {"name": f"u{i}"} for i in range(1_000)])),  # all at one place
        of(layers=[layer | {"name": f"l{i}", "dies": [placement | {"name": f"u{i}"}]} for i in range(2_000)]),
        of(connections=[document["connections"][0] | {"name": f"c{i}"} for i in many]),
        of(netlist=[net | {"name": f"n{i}"} for i in many], paths=[]),
        of(netlist=[net | {"pins": [{"part": "u1", "port": f"p{i}"} for i in range(30_000)]}]),
        of(paths=[document["paths"][0] | {"name": f"p{i}"} for i in many]),
        of(**{f"x{i}": i for i in range(50_000)}), of(title="x" * n), of(note="晶" * (n // 3)),
    ]  # fmt: skip


READERS = [
    Reader("yaml_text", read_yaml, yaml_seeds, YAML_WORDS, yaml_bombs),
    Reader("3dbv", read_definitions, partial(with_macros, ".3dbv"), BLOX_WORDS, blox_bombs),
    Reader("3dbx", read_assembly, partial(with_macros, ".3dbx"), BLOX_WORDS, blox_bombs),
    Reader("3dblox set", read_set, lambda: [joined(threedblox.texts(blox()))], (*BLOX_WORDS, *BUMP_WORDS, PART),
           set_bombs),
    Reader("bmap", read_bumps, lambda: [*written(".bmap"), "# head\na B 1 2 - -\n\nb C -1e3 .5 p n\n"], BUMP_WORDS,
           bump_bombs),
    Reader("def", partial(def_text.parse, where="f"), def_seeds, LEF_WORDS, lef_bombs),
    Reader("lef", partial(lef_text.parse, where="f"), partial(written, ".lef"), LEF_WORDS, lef_bombs),
    Reader("verilog", partial(verilog.parse, where="f", top="fuzz"), partial(written, ".v"), VERILOG_WORDS,
           verilog_bombs),
    Reader("chiplet", read_chiplet, lambda: [*map(chiplet.write, shipped())], CHIPLET_WORDS, chiplet_bombs),
    Reader("design json", read_json, lambda: [*map(design_json.to_text, shipped())], JSON_WORDS, json_bombs),
    Reader("bump table", read_table, table_seeds, TABLE_WORDS, table_bombs),
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
