"""Texts made to cost time or memory, for each reader of files: a megabyte of one piece, counts that are only stated,
lists longer than anyone has, files that name one another again and again. `fuzz_readers.py` reads them.
"""

from __future__ import annotations

import json
from typing import Any

PART = "@ "  # begins the line that names a file of a set


def joined(named: dict[str, str]) -> str:
    return "".join(f"{PART}{name}\n{text}" for name, text in named.items())


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


def json_bombs(document: dict[str, Any]) -> list[str]:
    """`document`: a design of two dies with bumps, nets, connections and a path."""
    n = 1 << 20

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
