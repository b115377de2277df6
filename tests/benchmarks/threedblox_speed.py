"""Processor time to read and write 3Dblox with a million bumps, smallest of a few runs, printed beside the targets.

`python tests/benchmarks/threedblox_speed.py [bumps] [repeats]`
"""

from __future__ import annotations

import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.formats import threedblox
from workbench.formats.threedblox import bmap
from workbench.stack import Design, Die, Grid, Layer, Placement, Region

TARGET_S = 2.0  # to read the bump map


def main(bumps: int = 1_000_000, repeats: int = 3) -> None:
    side = math.isqrt(bumps)
    field = Grid(name="f", diameter_um=10.0, columns=side, rows=side, pitch_x_um=25.0, pitch_y_um=25.0,
                 names=("b_{column}_{row}",), ports=("p{index}",), nets=("VDD", "s{index}", "VSS"))  # fmt: skip
    span_mm = side * 0.025 + 1
    face = Region(name="face", side="front", width_um=span_mm * 1000, length_um=span_mm * 1000, bumps=(field,))
    die = Die(id="d", name="d", width_mm=span_mm, length_mm=span_mm, thickness_um=100.0, regions=(face,))
    layer = Layer(name="l", kind="die", material="emc", thickness_um=100.0, dies=(Placement(name="u", die="d"),))
    design = Design(title="speed", assembly="single", carrier="substrate", width_mm=span_mm, length_mm=span_mm,
                    dies=(die,), layers=(layer,))  # fmt: skip

    def least(work: Callable[[], Any]) -> tuple[float, Any]:
        times, result = [], None
        for _ in range(repeats):
            began = time.process_time()
            result = work()
            times.append(time.process_time() - began)
        return min(times), result

    made_s, (blox, _) = least(lambda: threedblox.from_design(design))
    texts_s, texts = least(lambda: threedblox.texts(blox))
    text = texts["d_face.bmap"]
    parsed_s, _ = least(lambda: bmap.parse(text, where="d_face.bmap"))
    with tempfile.TemporaryDirectory() as folder:
        threedblox.write(blox, folder)
        read_s, again = least(lambda: threedblox.read(Path(folder) / "speed.3dbx"))
        assert again == blox
        design_s, (back, _) = least(lambda: threedblox.to_design(again))
    assert back.dies[0].regions[0].bump_count == side * side
    print(f"{side * side:,} bumps, {len(text) / 1e6:.0f} MB of bump map, load {os.getloadavg()[0]:.1f}")
    print(f"bump map parsed          {parsed_s:6.2f} s   target <= {TARGET_S:g} s")
    print(f"all files read           {read_s:6.2f} s")
    print(f"files to design          {design_s:6.2f} s")
    print(f"design to files          {made_s:6.2f} s")
    print(f"files to texts           {texts_s:6.2f} s")
    print(f"largest memory           {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:6.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
