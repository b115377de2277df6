"""Bump to bump across every interface: what meets nothing, what is drawn apart, what joins two nets."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from workbench.rules.case import Case, Found, Skip
from workbench.rules.deck import Rule
from workbench.rules.faces import SLACK_UM, Face
from workbench.rules.findings import Finding, Key, Place
from workbench.rules.meeting import Block, Meeting, side_of
from workbench.rules.nets import Names, Netlist, label

NO_BUMPS = Skip(Key("rules.skip.no_bumps"))
NO_JOINTS = Skip(Key("rules.skip.no_joints"))


def orphans(case: Case) -> Found | Skip:
    """Bumps of a joined face that meet none of the other face. A face that also meets the world may have bumps of its
    own; a face joined several times has an orphan where none of its interfaces has a partner.
    """
    joined: dict[str, Face] = {}
    world = {str(j.top.end) for j in case.joints if j.bottom is None}
    taken: dict[str, list[tuple[int, np.ndarray]]] = {}
    for m in case.meetings:
        for face, pick in ((m.joint.top, lambda b: (b.top, b.i)), (m.joint.bottom, lambda b: (b.bottom, b.j))):
            joined[str(face.end)] = face
            taken.setdefault(str(face.end), []).extend(pick(block) for block in m.blocks)
    found, looked_at = [], 0
    for name, face in joined.items():
        if name in world:
            continue
        own = side_of(face, case.deck, case.layouts)
        looked_at += own.count
        met = [mark.copy() if mark is not None else np.zeros(f.count, bool)
               for f, mark in zip(own.fields, own.marked, strict=True)]  # fmt: skip
        for index, bumps in taken[name]:
            met[index][bumps] = True
        lone = [(f, np.flatnonzero(~done)) for f, done in enumerate(met) if not done.all()]
        count = sum(len(bumps) for _, bumps in lone)
        if count:
            some = [(f, int(k)) for f, bumps in lone for k in bumps[: case.examples]][: case.examples]
            first = label(own.fields[some[0][0]], some[0][1])
            found.append(Finding(
                "orphan", "broken", str(face.end), own.at(*some[0]), got=count, allowed=0, count=count,
                examples=tuple(own.at(*one) for one in some), values={"first": first, "all": f"{own.count:,}"},
            ))  # fmt: skip
    for joint in case.joints:  # a bump map on one face only cannot be compared
        if joint.bottom is not None and joint.holds:
            full = [bool(f.region.bumps) for f in (joint.top, joint.bottom)]
            if full[0] != full[1]:
                bare = joint.bottom if full[0] else joint.top
                found.append(Finding("one_sided", "care", joint.name, joint.centre, values={"face": str(bare.end)}))
                looked_at += 1
    return Found(tuple(found), looked_at) if looked_at else _reason(case)


def _reason(case: Case) -> Skip:
    return NO_BUMPS if not case.has_bumps else NO_JOINTS


def misaligned(case: Case) -> Found | Skip:
    """Pairs drawn further apart than the tolerance: the worst with its dx, dy, all counted."""
    found, looked_at = [], 0
    for m in case.meetings:
        looked_at += sum(len(block.i) for block in m.blocks)
        blocks = [(block, block.distances_um) for block in m.blocks if len(block.i)]
        if blocks:
            found += [_apart(case, m, blocks, limit_um, rule) for limit_um, rule in m.tolerances]
    return Found(tuple(found), looked_at) if looked_at else _reason(case)


def _apart(case: Case, m: Meeting, blocks: list[tuple[Block, np.ndarray]], limit_um: float,
           rule: Rule | None) -> Finding:  # fmt: skip
    count, places = 0, []
    for block, distances in blocks:
        each = np.broadcast_to(distances, (len(block.i),))
        far = np.flatnonzero(each > limit_um + SLACK_UM)
        count += len(far)
        places += [m.top.at(block.top, int(block.i[x])) for x in far[: case.examples - len(places)]]
    block, distances = max(blocks, key=lambda pair: pair[1].max())
    k = int(distances.argmax())
    dx, dy = block.offset.reshape(-1, 2)[k].tolist()
    named = {"verified": rule.verified, "source": rule.source, "rule": rule.id} if rule else {}
    return Finding(
        "misaligned", ("care" if rule and rule.soft else "broken") if count else "met", m.joint.name,
        m.top.at(block.top, int(block.i[k])), got=float(distances[k]), allowed=limit_um, unit="um",
        count=max(count, 1), examples=tuple(places),
        values={"dx": dx, "dy": dy, "first": label(m.top.fields[block.top], int(block.i[k]))}, **named,
    )  # fmt: skip


def nets(case: Case) -> Found | Skip:
    """Pairs that join two nets, those that join a supply to another net apart; nets of the module left open."""
    compared = 0
    found: list[Finding] = []
    netlist, names = (Netlist(case.design) if case.design.netlist else None), Names()
    edges: list[tuple[np.ndarray, str, str]] = []
    for m in case.meetings:
        wrong: dict[str, list[tuple[Block, np.ndarray]]] = {"net_mismatch": [], "supply_short": []}
        for block in m.blocks:
            a, b = m.top.fields[block.top], m.bottom.fields[block.bottom]
            if netlist is None:
                differ = names.unequal(a, block.i, b, block.j)
                if differ is None:
                    continue
                compared += len(differ)
                wrong["net_mismatch"].append((block, np.flatnonzero(differ)))
                continue
            x, y = netlist.codes(m.top.part, a, block.i), netlist.codes(m.bottom.part, b, block.j)
            compared += int(((x >= 0) | (y >= 0)).sum())
            differ = np.flatnonzero(x != y)
            p, q = x[differ], y[differ]
            roles = [np.where(codes >= 0, netlist.roles[codes], 0) for codes in (p, q)]
            short = (p >= 0) & (q >= 0) & (roles[0] != roles[1])
            wrong["net_mismatch"].append((block, differ[~short]))
            wrong["supply_short"].append((block, differ[short]))
            same = np.unique(x[(x == y) & (x >= 0)])
            edges.append((same, m.top.part, m.bottom.part))
        found += [f for id, groups in wrong.items() if (f := _mismatch(case, m, id, groups, netlist))]
    if netlist is not None:
        found += _open(case, netlist, edges)
    if not compared and not found:
        return Skip(Key("rules.skip.no_labels")) if case.meetings else _reason(case)
    return Found(tuple(found), compared)


def _mismatch(case: Case, m: Meeting, name: str, groups: list[tuple[Block, np.ndarray]],
              netlist: Netlist | None) -> Finding | None:  # fmt: skip
    count = sum(len(which) for _, which in groups)
    if not count:
        return None
    some = [(block, int(k)) for block, which in groups for k in which[: case.examples]][: case.examples]
    block, k = some[0]
    ends = [(s, s.fields[f], int(index[k])) for s, f, index in
            ((m.top, block.top, block.i), (m.bottom, block.bottom, block.j))]  # fmt: skip
    words = [label(pattern, index) for _, pattern, index in ends]
    if netlist is not None:  # the nets of the module, which need not be the names inside the dies
        codes = [int(netlist.codes(s.part, pattern, np.array([index]))[0]) for s, pattern, index in ends]
        words = [f"{word} = {case.design.netlist[c].name if c >= 0 else '–'}"
                 for word, c in zip(words, codes, strict=True)]  # fmt: skip
    places: list[Place] = [m.top.at(b.top, int(b.i[x])) for b, x in some]
    return Finding(name, "broken", m.joint.name, places[0], got=count, allowed=0, count=count, examples=tuple(places),
                   values={"first": words[0], "second": words[1]})  # fmt: skip


def _open(case: Case, netlist: Netlist, edges: list[tuple[np.ndarray, str, str]]) -> list[Finding]:
    """Nets whose parts no chain of matched bumps joins; parts without a bump map are left out."""
    drawn = {face.end.part for face in case.faces.values() if face.region.bumps}
    parts = sorted({pin.part for net in case.design.netlist for pin in net.pins if pin.part in drawn})
    if not parts:
        return []
    number = {part: k for k, part in enumerate(parts)}
    width = len(parts)
    pins = [n * width + number[pin.part] for n, net in enumerate(case.design.netlist) for pin in net.pins
            if pin.part in number]  # fmt: skip
    nodes = np.unique(np.array(pins, np.int64))
    size = len(case.design.netlist) * width
    heads = [nets * width + number[a] for nets, a, b in edges if a in number and b in number]
    tails = [nets * width + number[b] for nets, a, b in edges if a in number and b in number]
    both = [np.concatenate(x) if x else np.empty(0, np.int64) for x in (heads, tails)]
    used, where = np.unique(np.concatenate([nodes, *both]), return_inverse=True)
    i, j = where[len(nodes) : len(nodes) + len(both[0])], where[len(nodes) + len(both[0]) :]
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(len(used), len(used)))
    _, group = connected_components(graph, directed=False)
    of_net = nodes // width
    groups = np.unique(of_net * np.int64(size + 1) + group[where[: len(nodes)]])
    pieces = np.bincount((groups // np.int64(size + 1)).astype(int), minlength=len(case.design.netlist))
    broken = np.flatnonzero(pieces > 1)
    if not len(broken):
        return []
    net = case.design.netlist[int(broken[0])]
    apart = sorted({pin.part for pin in net.pins if pin.part in number})
    places = case.some(_part_place(case, pin.part) for k in broken.tolist()
                       for pin in case.design.netlist[k].pins[:1])  # fmt: skip
    return [Finding("net_open", "broken", net.name, places[0] if places else None, got=len(broken), allowed=0,
                    count=len(broken), examples=places, values={"parts": ", ".join(apart[:4])})]  # fmt: skip


def _part_place(case: Case, name: str) -> Place:
    return (case.dies.get(name) or case.layers[name]).centre
