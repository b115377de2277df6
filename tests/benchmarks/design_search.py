"""Speed of finding designs among 10,000: python tests/benchmarks/design_search.py [--mode file] [--designs 10000]"""

from __future__ import annotations

import argparse
import copy
import random
import time

import store_bench as bench

from workbench import facts
from workbench.stack import read, to_document
from workbench.store import design_features
from workbench.store.append import append, document_sha256, prepare
from workbench.store.tables import BY_NAME

SEEDS = ("poc-face-to-face", "poc-face-to-back", "poc-side-by-side", "ascend-910", "cpu-dram-150w", "simba-36")
WORDS = [
    "photonics",
    "radar",
    "inference",
    "camera",
    "ledger",
    "turbine",
    "saffron",
    "maple",
    "orbit",
    "basalt",
    "quartz",
    "delta",
    "umbra",
    "falcon",
]


def varied(dice: random.Random, documents: dict[str, dict]) -> dict:
    """A seed design with other nodes, pitches, powers, title and note."""
    document = copy.deepcopy(documents[dice.choice(SEEDS)])
    document["title"] = f"{' '.join(dice.sample(WORDS, 2))} {dice.randrange(10_000)}"
    document["note"] = " ".join(dice.choices(WORDS, k=40))
    for die in document["dies"]:
        die["node_nm"] = dice.choice([3, 5, 7, 12, 16, 28, 65])
        power = dice.uniform(0.5, 2)
        die["power_w"] = die.get("power_w", 1.0) * power
        for block in die.get("power_blocks", ()):
            block["power_w"] *= power
    for layer in document["layers"]:
        if layer.get("bond", {}).get("pitch_um"):
            layer["bond"]["pitch_um"] *= dice.uniform(1, 2)
    return document


def fill(store, count: int) -> float:
    """Adds `count` designs in large transactions; seconds of making their features."""
    dice, spent = random.Random(1), 0.0
    documents = {name: to_document(read(facts.load(f"designs/{name}"))) for name in SEEDS}
    for start in range(0, count, 1000):
        designs, revisions, features = [], [], []
        for number in range(start, min(start + 1000, count)):
            name, document = f"design-{number}", varied(dice, documents)
            began = time.perf_counter()
            features.append(design_features.made(name, document, "") | {"revision_id": f"r{number}"})
            spent += time.perf_counter() - began
            designs.append({"design_id": name, "title": document["title"], "kind": document["assembly"]})
            revisions.append({"revision_id": f"r{number}", "design_id": name, "number": 1, "schema_version": "2",
                              "document": document, "document_sha256": document_sha256(document), "author": "bench",
                              "note": ""})  # fmt: skip
        ready = [(BY_NAME[table], prepare(BY_NAME[table], rows))
                 for table, rows in (("designs", designs), ("design_revisions", revisions),
                                     ("design_features", features))]  # fmt: skip
        with store.writing("bench", "fill") as session:
            for table, rows in ready:
                append(session, table, rows, absent=True)
    return spent


def measure(mode: str, count: int) -> None:
    from workbench.store import Store

    with bench.fresh_url(mode) as url:
        store = Store.open(url)
        spent = fill(store, count)
        bench.line(mode, "features of one design (validating included)", spent / count * 1e3, None, "ms")
        target = 100 if mode == "file" else None
        cases = [
            ("nothing asked: newest first, all facets", {}),
            ("one word, in one design of seven", {"words": "photonics"}),
            ("a prefix of a rare number", {"words": "1234"}),
            ("three words and three facets", {"words": "radar quartz die",
                                              "facets": {"assembly": "face_to_face", "node": ["7", "5"],
                                                         "origin": "own"}}),
            ("a word that every design has", {"words": "die"}),
            ("Chinese characters", {"words": "面對面"}),
        ]  # fmt: skip
        for name, asked in cases:
            times, cpu = [], []
            for _ in range(9):
                began, worked = time.perf_counter(), time.process_time()
                found = store.designs.search(**asked)
                times.append((time.perf_counter() - began) * 1e3)
                cpu.append((time.process_time() - worked) * 1e3)
            bench.line(mode, f"search of {count}: {name} ({found.total}), p50", bench.median(times), target, "ms")
            bench.line(mode, "  the same, least of nine; CPU", min(times), None, f"ms; {min(cpu):.0f} ms")
        for name, call in (("similar designs", lambda: store.designs.similar("design-7")),
                           ("dies to pick from", lambda: store.designs.dies("compute", node_nm=7.0)),
                           ("list", store.designs.list)):  # fmt: skip
            times = []
            for _ in range(3):
                began = time.perf_counter()
                call()
                times.append((time.perf_counter() - began) * 1e3)
            bench.line(mode, f"{name} among {count}, least of three", min(times), None, "ms")
        times = []
        document = store.designs.document("design-1")
        for number in range(20):
            began = time.perf_counter()
            store.designs.add_revision("saved", document | {"note": str(number)}, title="t", kind="k", author="a",
                                       note="")  # fmt: skip
            times.append((time.perf_counter() - began) * 1e3)
        bench.line(mode, "save of a revision with its features, p50", bench.median(times), 80, "ms")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mode", choices=bench.MODES, help="only this mode")
    arguments.add_argument("--designs", type=int, default=10_000)
    told = arguments.parse_args()
    bench.machine()
    for mode in [told.mode] if told.mode else bench.MODES:
        measure(mode, told.designs)
