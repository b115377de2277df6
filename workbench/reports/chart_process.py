"""The worker that turns Vega-Lite into SVG: `python -m workbench.reports.chart_process`.

One request per line on standard input, one answer per line on standard output, both JSON. It is a process of
its own because the JavaScript engine inside vl-convert starts threads, which must not exist where runs are
forked, and because a chart that never ends must be stoppable.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from workbench.reports.look import CHART_FONT

# What a chart gets when its own config does not say otherwise; transparent, so that a page may be dark.
DEFAULT_CONFIG = {"background": "transparent", "font": CHART_FONT}


def draw(spec: dict[str, Any], newest: str, known: list[str]) -> str:
    """SVG of one Vega-Lite specification; data must be inside it (no address, no file)."""
    import vl_convert

    if address := external_data(spec):
        raise ValueError(f"the chart reads data from outside: {address}")
    config = {**DEFAULT_CONFIG, **spec.get("config", {})}
    config |= {"background": "transparent", "aria": False}  # a label on every mark triples the page: tables serve
    spec = {key: value for key, value in spec.items() if key not in ("config", "background")}
    return vl_convert.vegalite_to_svg(
        spec, vl_version=version_of(spec, newest, known), config=config, allowed_base_urls=[]
    )


def version_of(spec: dict[str, Any], newest: str, known: list[str]) -> str:
    """The installed Vega-Lite closest to the one the chart was written for: same major, the newest minor."""
    written = str(spec.get("$schema", "")).rpartition("/v")[2].partition(".")[0]
    same_major = [version for version in known if version.partition(".")[0] == written]
    return max(same_major, key=lambda v: tuple(map(int, v.split(".")))) if same_major else newest


def external_data(node: Any) -> str | None:
    """The first data address in a specification, which could name any file or host; None when there is none."""
    if isinstance(node, dict):
        data = node.get("data")
        if isinstance(data, dict) and isinstance(data.get("url"), str) and not data["url"].startswith("data:"):
            return data["url"]
        children: Any = (value for key, value in node.items() if key not in ("values", "datasets"))
    else:
        children = node if isinstance(node, list) else ()
    return next((found for child in children if (found := external_data(child))), None)


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer until the requests end."""
    import vl_convert

    known = vl_convert.get_vegalite_versions()
    newest = max(known, key=lambda v: tuple(map(int, v.split("."))))
    for line in requests:
        try:
            answer = {"svg": draw(json.loads(line), newest, known)}
        except Exception as error:  # any fault of a chart belongs to that chart, not to the worker
            answer = {"error": " ".join(str(error).split("\n    at ")[0].split())[:400]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
