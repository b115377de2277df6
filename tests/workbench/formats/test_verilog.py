"""Structural Verilog (IEEE 1364-2005, clause 12): nets and the ports they join, bit by bit; refusals with place."""

from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.formats import verilog

CHILD = "module c (a, y); input [3:0] a; output y; endmodule\n"


def parsed(body, ports="", before=CHILD):
    return verilog.parse(f"{before}module top ({ports});\n{body}\nendmodule\n", where="f", top="top")


def pins(netlist, instance="u"):
    return dict(next(i for i in netlist.instances if i.name == instance).pins)


BITS = {f"a[{i}]": f"n[{i}]" for i in range(4)}


@pytest.mark.parametrize(("body", "expected"), [
    ("wire [3:0] n; c u (.a(n));", BITS),
    ("wire [0:3] n; c u (.a(n));", {f"a[{3 - i}]": f"n[{i}]" for i in range(4)}),  # the leftmost is the highest
    ("wire [7:0] n; c u (.a(n[3:0]), .y(n[7]));", BITS | {"y": "n[7]"}),
    ("wire n; wire [1:0] m; c u (.a({n, 1'b0, m}), .y());", {"a[3]": "n", "a[1]": "m[1]", "a[0]": "m[0]"}),
    ("wire [3:0] n; wire z; c u (n, z);", BITS | {"y": "z"}),  # by position
    ("c u (.y(implicit));", {"y": "implicit"}),
    ("wire [1:0] n; c u (.a(n));", {"a[1]": "n[1]", "a[0]": "n[0]"}),  # too narrow: from the right
    ("wire [5:0] n; c u (.a(n));", BITS),  # too wide: from the right
    ("wire [3:0] n; unknown u (.q(n), .r(n[2]));", {f"q[{i}]": f"n[{i}]" for i in range(4)} | {"r": "n[2]"}),
    ("c #(.W(4), .X({1,2})) u (.y(z));", {"y": "z"}),
    ("c #4 u (.y(z));", {"y": "z"}),
    ("wire \\a.b[0] ; c u (.y(\\a.b[0] ));", {"y": "a.b[0]"}),
    ("(* keep = \"x;y\" *) c u (/* .a(q) */ .y(z) // ) ;\n );", {"y": "z"}),
    ("`ifdef X\nc u (.y(z));\n`endif", {"y": "z"}),
    ("wire z; wire w = z; c u (.y(w));", {"y": "z"}),  # the first declared
    ("wire z, w; assign w = z; c u (.y(z));", {"y": "z"}),
])  # fmt: skip
def test_connections(body, expected):
    assert pins(parsed(body)) == expected


def test_several_instances_in_one_statement():
    found = parsed("wire m, n; c u (.y(m)), v (.y(n));")
    assert (pins(found, "u"), pins(found, "v")) == ({"y": "m"}, {"y": "n"})
    assert [i.line for i in found.instances] == [3, 3]


def test_assigned_nets_are_one_under_the_name_of_a_port():
    found = parsed("wire m, n; assign m = n; assign out = m; c u (.y(n)), v (.y(m));", ports="output out")
    assert found.nets == {"out": "signal"}
    assert pins(found, "u") == pins(found, "v") == {"y": "out"}


def test_supplies_have_roles():
    found = parsed("supply0 g; supply1 [1:0] p; wire s; input i;", ports="i")
    assert found.nets == {"i": "signal", "g": "ground", "p[1]": "power", "p[0]": "power", "s": "signal"}
    assert found.ports == ("i",)


def test_ports_with_their_declarations_in_the_header():
    found = parsed("c u (.a(x), .y(y));", ports="input wire [3:0] x, output y, z")
    assert list(found.nets) == ["x[3]", "x[2]", "x[1]", "x[0]", "y", "z"]
    assert pins(found)["a[2]"] == "x[2]"


def test_what_is_no_netlist_is_listed_with_its_place():
    found = parsed("wire n;\nalways @(*) n = 1;\nassign n = a & b;\nc u [1:0] (.y(n));\nc v (.y(n));")
    assert [entry.split(":")[1:3] for entry in found.left] == [["4", "1"], ["5", "1"], ["6", "3"]]
    assert [i.name for i in found.instances] == ["v"]


def test_conditions_are_told_and_macros_are_refused():
    found = parsed("`timescale 1ns/1ps\n`ifdef X\nc u (.y(z));\n`endif")
    assert found.left == ("f:4:1: `ifdef X",)
    with pytest.raises(InputError) as refused:
        parsed("c u (.y(`NET));")
    assert (refused.value.rule, refused.value.where) == ("verilog.syntax", "f:3:9")


@pytest.mark.parametrize(("text", "rule", "place"), [
    ("module other (); endmodule", "no_module", "f"),
    ("module top ()", "syntax", "f:1:13"),
    ("module top (); wire a", "syntax", "f:1:21"),
    ("module top (); wire [3] a; endmodule", "syntax", "f:1:23"),
    ("module top (); wire [70000:0] a; endmodule", "syntax", "f:1:31"),
    ("module top (); wire [-1:0] a; endmodule", "syntax", "f:1:22"),
    ("module top ();\n c u (.a(b) .c(d)); endmodule", "syntax", "f:2:13"),
    ("module top ();\n c u (.a(b + c)); endmodule", "syntax", "f:2:12"),
    ("module top ();\n c u (.a({b, {c}), .d()); endmodule", "syntax", "f:2:17"),
    ("module top (); /* no end", "syntax", "f:1:16"),
    ("module top (); wire a;\nmodule c (); endmodule", "syntax", "f:2:1"),
    ("module c #( module d () ; endmodule ) ; endmodule module top (); endmodule", "syntax", "f:1:13"),
    ("module top (); always x\nmodule c (); endmodule", "syntax", "f:2:1"),
    ("module top (); c u (.a(" + "{" * 30 + "x" + "}" * 30 + ")); endmodule", "syntax", "f:1:45"),
])  # fmt: skip
def test_refused_with_place(text, rule, place):
    with pytest.raises(InputError) as refused:
        verilog.parse(text, where="f", top="top")
    assert (refused.value.rule, refused.value.where) == (f"verilog.{rule}", place)


@pytest.mark.parametrize("statement", [
    "assign a = b;", "c u (.a(a));", "c u (.a());", "c u ({a, a, a});", "c u (.a(a[65535:0]));", "c u (.a(65536'b0));",
])  # fmt: skip
def test_a_short_text_cannot_ask_for_endless_bits(statement):
    wide = "module c (a); input [65535:0] a; endmodule\nmodule top (); wire [65535:0] a, b;\n"
    with pytest.raises(InputError) as refused:
        verilog.parse(wide + f"{statement}\n" * 70 + "garbage [", where="f", top="top")
    assert refused.value.rule in ("verilog.many", "verilog.syntax")


def test_what_a_child_sets_its_wires_to_is_passed_over():
    child = "module c (a, y); input [3:0] a; wire b = {a[0], 1'b0} + f(a, 2), d = a & 1; output y; endmodule\n"
    assert pins(parsed("wire [3:0] n; c u (.a(n));", before=child)) == BITS
    values = "".join(f"module c{i} (); wire [65535:0] a = {{a, a}}; endmodule\n" for i in range(70))
    assert pins(parsed("c u (.y(z));", before=CHILD + values)) == {"y": "z"}  # one budget for all modules, unspent


def test_a_text_of_no_words_has_no_module():
    with pytest.raises(InputError) as refused:
        verilog.parse("", where="f", top="top")
    assert refused.value.rule == "verilog.no_module"


def test_a_declaration_may_change_its_kind_ten_thousand_times():
    found = parsed("wire a, " + ", ".join(f"supply1 [1:0] p{i}, supply0 g{i}" for i in range(5_000)) + ";")
    assert found.nets["p4999[1]"] == "power"
    assert found.nets["g4999"] == "ground"
    assert len(found.nets) == 15_001
