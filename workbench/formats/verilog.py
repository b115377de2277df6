"""Structural Verilog of a module: which net joins which port of which instance. Source: IEEE 1364-2005, clause 12.

Behaviour is passed over; what a netlist may hold and is not understood is listed in `Netlist.left` with its place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from workbench.errors import InputError
from workbench.formats.yaml_text import at, refuse_control_characters

MOST_CHARACTERS = 64 * 1024 * 1024
MOST_BITS = 65_536  # of one vector
MOST_PINS = 2_000_000
MOST_BITS_IN_ALL = 4_000_000  # looked at while reading: a short text may name wide vectors again and again
MOST_LEFT = 100
_DEEPEST = 20
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)|(?P<directive>`(?:timescale|default_nettype|resetall|(?:end)?celldefine|line|pragma
    |(?:begin|end)_keywords|ifn?def|els(?:e|if)|endif|define|undef|include|(?:no)?unconnected_drive)\b[^\n]*)|(?P<open>/\*|\(\*(?!\s*\)))|(?P<name>[A-Za-z_][\w$]*|\\\S+)
    |(?P<number>[0-9]*\s*'[sS]?[bodhBODH]\s*[0-9a-fA-FxXzZ?_]+|[0-9][0-9_.]*)|(?P<text>"[^"\n]*")|(?P<sign>.)""",
    re.VERBOSE | re.ASCII,
)
_DIRECTIONS = ("input", "output", "inout")
_NETS = {"wire": "signal", "tri": "signal", "logic": "signal", "reg": "signal", "wand": "signal", "wor": "signal",
         "supply0": "ground", "supply1": "power"}  # fmt: skip
# Directives that change which text counts: it is read as if they were not there, and that is told.
_CONDITIONS = ("`if", "`els", "`define", "`include")
# Statements that are no instance although they begin with a word.
_BEHAVIOUR = frozenset(re.findall(r"\w+", """
    always always_ff always_comb initial function task generate genvar parameter localparam defparam specify integer
    real time event if for case begin end endfunction endtask endgenerate endspecify and or not nand nor xor xnor buf
    bufif0 bufif1 notif0 notif1 pullup pulldown typedef import
"""))


@dataclass(frozen=True)
class VerilogInstance:
    """`pins` are (port, net) bit by bit: ``d[3]`` for a bit of a vector, the bare name for a scalar."""

    name: str
    module: str
    pins: tuple[tuple[str, str], ...]
    line: int


@dataclass(frozen=True)
class Netlist:
    """`nets` maps every net of the module to its role; `ports` are those that leave the module."""

    module: str
    nets: dict[str, str]
    ports: tuple[str, ...]
    instances: tuple[VerilogInstance, ...]
    left: tuple[str, ...]


def parse(text: str, *, where: str, top: str) -> Netlist:
    """The netlist of module `top`.

    Raises InputError with file, line and column: no such module, a construct that does not end, a connection that is
    none, vectors beyond 65,536 bits, more than 2 million pins.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError("text.too_large", where=where, got=f"{len(text):,}", allowed=f"<= {MOST_CHARACTERS:,}")
    refuse_control_characters(text, where=where)
    source = _Source(text, where)
    modules = _modules(source)
    if top not in modules:
        raise InputError("verilog.no_module", where=where, got=top, allowed=", ".join(list(modules)[:12]))
    ranges = {name: _Module(source, *span, ports_only=True).declared for name, span in modules.items() if name != top}
    return _Module(source, *modules[top], others=ranges).netlist(top)


class _Source:
    """All words of the file, comments dropped: kinds, texts and positions."""

    def __init__(self, text: str, where: str):
        self.where = where
        self.breaks = [found.start() for found in re.finditer("\n", text)]
        self.kinds: list[str] = []
        self.texts: list[str] = []
        self.starts: list[int] = []
        self.directives: list[tuple[int, str]] = []
        self.spent = 0  # bits looked at in all modules
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            kind, position = found.lastgroup, found.end()
            if kind == "open":  # looked for once, so that unclosed comments cost no more than their length
                end = text.find("*/" if found.group() == "/*" else "*)", position)
                if end < 0:
                    raise InputError("verilog.syntax", where=self.place_at(found.start()), got=found.group())
                position = end + 2
            elif kind == "directive":
                self.directives.append((found.start(), found.group()))
            elif kind != "space":
                self.kinds.append(kind)
                self.texts.append(found.group())
                self.starts.append(found.start())

    def place_at(self, position: int) -> str:
        line = bisect_right(self.breaks, position - 1)
        return at(self.where, line, position - (self.breaks[line - 1] + 1 if line else 0))

    def line(self, index: int) -> int:
        return bisect_right(self.breaks, self.starts[index] - 1) + 1

    def place(self, index: int) -> str:
        return self.place_at(self.starts[index]) if index < len(self.starts) else self.where


def _modules(source: _Source) -> dict[str, tuple[int, int]]:
    """Where each module's name stands, and where the next module begins: none is read twice, as part of another."""
    starts = [index for index, word in enumerate(source.texts) if word in ("module", "macromodule")]
    found: dict[str, tuple[int, int]] = {}
    for index, end in zip(starts, [*starts[1:], len(source.texts)], strict=False):
        if index + 1 < end and source.kinds[index + 1] == "name":
            found.setdefault(_name(source.texts[index + 1]), (index + 1, end))
    return found


@dataclass
class _Module:
    """One module while it is read. `declared` maps names to their range, None for a scalar, in the order given."""

    source: _Source
    index: int
    end: int
    others: dict[str, dict[str, tuple[int, int] | None]] = field(default_factory=dict)
    ports_only: bool = False

    def __post_init__(self):
        self.declared: dict[str, tuple[int, int] | None] = {}
        self.roles: dict[str, str] = {}
        self.ports: list[str] = []
        self.joined: dict[str, str] = {}  # net bit -> the bit it was assigned to
        self.raw: list[VerilogInstance] = []
        self.left: list[str] = []
        self.pins = 0
        self._read()

    # -- words ---------------------------------------------------------------------------------------------------------
    def peek(self) -> str:
        return self.source.texts[self.index] if self.index < self.end else ""

    def take(self) -> str:
        word = self.peek()
        if not word:
            raise self.refuse("", "endmodule")
        self.index += 1
        return word

    def expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise self.refuse(self.peek(), sign)
        self.index += 1

    def refuse(self, got: str, allowed: str) -> InputError:
        index = min(self.index, len(self.source.texts) - 1)
        got = got or (self.source.texts[index] if index == self.end else "")  # the next module
        return InputError("verilog.syntax", where=self.source.place(index), got=got[:80], allowed=allowed)

    def take_name(self) -> str:
        if self.index >= self.end or self.source.kinds[self.index] != "name":
            raise self.refuse(self.peek(), "name")
        return _name(self.take())

    def skip_statement(self) -> None:
        while self.peek() not in ("", ";", "endmodule"):
            self.index += 1
        if self.peek() == ";":
            self.index += 1

    def skip_brackets(self) -> None:
        """Past a balanced ``( ... )``."""
        depth = 0
        while True:
            word = self.take()
            depth += (word == "(") - (word == ")")
            if depth == 0:
                return

    def note(self, words: str, index: int) -> None:
        if len(self.left) < MOST_LEFT:
            self.left.append(f"{self.source.place(index)}: {words[:60]}")

    def spend(self, bits: int) -> None:
        self.source.spent += bits
        if self.source.spent > MOST_BITS_IN_ALL:
            raise InputError("verilog.many", where=self.source.place(self.index), allowed=f"<= {MOST_BITS_IN_ALL:,}")

    # -- statements ----------------------------------------------------------------------------------------------------
    def _read(self) -> None:
        self.take_name()
        if self.peek() == "#":
            self.index += 1
            self.skip_brackets()
        if self.peek() == "(":
            self._header()
        self.expect(";")
        while (word := self.peek()) != "endmodule":
            start = self.index
            if not word:
                raise self.refuse("", "endmodule")
            if word in _DIRECTIONS or word in _NETS:
                self._declaration()
            elif self.ports_only or word in _BEHAVIOUR or self.source.kinds[start] != "name":
                if not self.ports_only and word != ";":
                    self.note(word, start)
                self.skip_statement()
            elif word == "assign":
                self._assign()
            else:
                self._instances()

    def _range(self) -> tuple[int, int] | None:
        if self.peek() != "[":
            return None
        self.index += 1
        left = self._whole()
        self.expect(":")
        right = self._whole()
        self.expect("]")
        if abs(left - right) >= MOST_BITS:
            raise self.refuse(f"[{left}:{right}]", f"<= {MOST_BITS:,}")
        return left, right

    def _whole(self) -> int:
        word = self.take()
        if not (word.isascii() and word.isdigit() and len(word) <= 9):
            self.index -= 1
            raise self.refuse(word, "0, 1, 2, ...")
        return int(word)

    def _header(self) -> None:
        """Names only, or declarations (``input [3:0] a``), up to the closing bracket."""
        self.expect("(")
        span: tuple[int, int] | None = None
        while self.peek() != ")":
            word = self.peek()
            if word in _DIRECTIONS or word in _NETS or word == "signed":
                self.index += 1
                span = None
            elif word == "[":
                span = self._range()
            elif word == ",":
                self.index += 1
            else:
                name = self.take_name()
                self.ports.append(name)
                self._declare(name, span, "signal")
        self.expect(")")

    def _declare(self, name: str, span: tuple[int, int] | None, role: str) -> None:
        known = self.declared.get(name)
        self.declared[name] = known if span is None else span
        if role != "signal" or name not in self.roles:
            self.roles[name] = role

    def _declaration(self) -> None:
        role, span, first = "signal", None, True
        while first or self.peek() == ",":
            if not first:
                self.index += 1
            if first or self.peek() in _DIRECTIONS or self.peek() in _NETS:
                role = "signal"
                while self.peek() in _DIRECTIONS or self.peek() in _NETS or self.peek() == "signed":
                    role = _NETS.get(self.peek(), "signal") if self.peek() in _NETS else role
                    self.index += 1
                span = self._range()
            first = False
            start, name = self.index, self.take_name()
            self._declare(name, span, role)
            if self.peek() != "=":
                continue
            self.index += 1
            if self.ports_only:
                self._skip_value()
            else:
                self._join([*self._bits_of(name)], self._expression(), start)
        self.expect(";")

    def _skip_value(self) -> None:
        """Past the value of a declaration, up to the ``,`` or ``;`` after it."""
        depth = 0
        while self.peek() not in ("", ";", "endmodule") and (depth or self.peek() != ","):
            depth += (self.peek() in "([{") - (self.peek() in ")]}")
            self.index += 1

    def _assign(self) -> None:
        start = self.index
        self.index += 1
        target = self._expression()
        self.expect("=")
        value = self._expression()
        if self.peek() != ";":
            self.note("assign", start)
            self.skip_statement()
            return
        self.index += 1
        self._join(target, value, start)

    def _join(self, target: list[str], value: list[str] | None, start: int) -> None:
        if not target or not value or len(target) != len(value) or "" in value or "" in target:
            self.note("assign", start)
            return
        for one, other in zip(target, value, strict=True):
            a, b = self._root(one), self._root(other)
            if a != b:
                self.joined[a] = b

    def _root(self, bit: str) -> str:
        while bit in self.joined:
            following = self.joined[bit]
            if following in self.joined:  # halve the way for the next who asks
                self.joined[bit] = self.joined[following]
            bit = following
        return bit

    # -- connections ---------------------------------------------------------------------------------------------------
    def _instances(self) -> None:
        module = self.take_name()
        if self.peek() == "#":
            self.index += 1
            if self.peek() == "(":
                self.skip_brackets()
            else:
                self.index += 1
        while True:
            start, name = self.index, self.take_name()
            line = self.source.line(start)
            if self.peek() == "[":
                self.note(f"{name} [", start)
                return self.skip_statement()
            self.raw.append(VerilogInstance(name, module, tuple(self._connections(module)), line))
            if self.peek() != ",":
                break
            self.index += 1
        self.expect(";")
        return None

    def _connections(self, module: str) -> list[tuple[str, str]]:
        ports = self.others.get(module, {})
        order, pins = list(ports), []
        self.expect("(")
        position = 0
        while self.peek() != ")":
            start = self.index
            if self.peek() == ".":
                self.index += 1
                port = self.take_name()
                self.expect("(")
                bits = [] if self.peek() == ")" else self._expression()
                if self.peek() != ")":
                    raise self.refuse(self.peek(), ")")
                self.index += 1
            else:
                bits = [] if self.peek() == "," else self._expression()
                port = order[position] if position < len(order) else ""
                position += 1
                if not port:
                    self.note(f"{module} ({position})", start)
                    bits = []
            pins += self._port_bits(port, ports, bits, start)
            if self.peek() == ",":
                self.index += 1
            elif self.peek() != ")":
                raise self.refuse(self.peek(), ", )")
        self.index += 1
        return pins

    def _port_bits(self, port: str, ports: dict, bits: list[str], start: int) -> list[tuple[str, str]]:
        """Port bits against net bits, from the right where the widths differ, as Verilog does."""
        span = ports.get(port)
        self.pins += len(bits)
        self.spend(len(bits) + (abs(span[0] - span[1]) if span and bits else 0))
        if self.pins > MOST_PINS:
            raise InputError("verilog.many", where=self.source.place(start), allowed=f"<= {MOST_PINS:,}")
        names = [port] if port in ports or len(bits) == 1 else [f"{port}[{i}]" for i in reversed(range(len(bits)))]
        if span is not None and bits:
            names = [f"{port}[{i}]" for i in _run(span)]
        if len(names) != len(bits) and bits:
            self.note(f".{port}", start)
        pairs = zip(reversed(names), reversed(bits), strict=False)
        return [(name, bit) for name, bit in reversed([*pairs]) if bit]

    def _expression(self, depth: int = 0) -> list[str]:
        """The bits of a name, a bit or part of it, or a ``{...}`` of such, the most significant first; "" for a
        constant bit."""
        if depth > _DEEPEST:
            raise self.refuse("{", f"<= {_DEEPEST}")
        if self.peek() == "{":
            self.index += 1
            bits: list[str] = []
            while True:
                bits += self._expression(depth + 1)
                if len(bits) > MOST_BITS:
                    raise self.refuse(str(len(bits)), f"<= {MOST_BITS:,}")
                if self.peek() != ",":
                    break
                self.index += 1
            self.expect("}")
            return bits
        if self.index < self.end and self.source.kinds[self.index] == "number":
            width = re.match(r"[0-9]+(?=\s*')", self.take())
            bits = [""] * (min(int(width.group()), MOST_BITS) if width and len(width.group()) < 9 else 1)
            self.spend(len(bits))
            return bits
        name = self.take_name()
        if name not in self.declared:
            self._declare(name, None, "signal")
        if self.peek() != "[":
            return self._bits_of(name)
        self.index += 1
        left = self._whole()
        right = left
        if self.peek() == ":":
            self.index += 1
            right = self._whole()
        self.expect("]")
        if abs(left - right) >= MOST_BITS:
            raise self.refuse(f"[{left}:{right}]", f"<= {MOST_BITS:,}")
        self.spend(abs(left - right) + 1)
        return [f"{name}[{i}]" for i in _run((left, right))]

    def _bits_of(self, name: str) -> list[str]:
        span = self.declared[name]
        self.spend(abs(span[0] - span[1]) + 1 if span else 1)
        return [name] if span is None else [f"{name}[{i}]" for i in _run(span)]

    # -- result --------------------------------------------------------------------------------------------------------
    def netlist(self, module: str) -> Netlist:
        """Nets that `assign` joins are one, under the name of a port where one of them is a port."""
        total = sum(abs(s[0] - s[1]) + 1 if s else 1 for s in self.declared.values())
        if total > MOST_PINS:
            raise InputError("verilog.many", where=self.source.where, allowed=f"<= {MOST_PINS:,}")
        for start, words in self.source.directives:
            if words.startswith(_CONDITIONS) and len(self.left) < MOST_LEFT:
                self.left.append(f"{self.source.place_at(start)}: {words[:60].strip()}")
        outer = {bit for port in self.ports if port in self.declared for bit in self._bits_of(port)}
        names: dict[str, str] = {}
        nets: dict[str, str] = {}
        bits = [(bit, self.roles[name]) for name in self.declared for bit in self._bits_of(name)]
        for bit, _ in sorted(bits, key=lambda pair: pair[0] not in outer):  # ports first, else the order declared
            names.setdefault(self._root(bit), bit)
        for bit, role in bits:
            net = names[self._root(bit)]
            nets[net] = role if role != "signal" else nets.get(net, "signal")
        placed = tuple(
            VerilogInstance(x.name, x.module, tuple((p, self._named(n, names, nets)) for p, n in x.pins), x.line)
            for x in self.raw
        )
        return Netlist(module, nets, tuple(p for p in self.ports), placed, tuple(self.left))

    def _named(self, bit: str, names: dict[str, str], nets: dict[str, str]) -> str:
        net = names.get(self._root(bit), bit)
        nets.setdefault(net, "signal")  # a bit outside the declared range
        return net


def _run(span: tuple[int, int]) -> range:
    left, right = span
    return range(left, right - 1, -1) if left >= right else range(left, right + 1)


def _name(word: str) -> str:
    return word[1:] if word.startswith("\\") else word
