"""The fork engine and the warm engine give what papermill's stock engine gives, output for output."""

from __future__ import annotations

import re

import pytest

from tests.workbench.runs.conftest import notebook, outside_pytest

CELLS = {
    "streams": """
import sys
print("one"); print("two", file=sys.stderr); print("three")
sys.stdout.flush(); print("four", file=sys.stderr); sys.stderr.flush(); print("five")
""",
    "display and streams in order": """
from IPython.display import display, HTML
print("before"); display(HTML("<b>x</b>")); print("after"); display({"text/plain": "raw"}, raw=True)
""",
    "execute result": "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "update display": """
from IPython.display import display, update_display
display("first", display_id="d"); update_display("second", display_id="d"); display("third", display_id="d")
""",
    "update display of an earlier cell": """update_display("from the next cell", display_id="d")""",
    "clear output": """
from IPython.display import clear_output
print("gone"); clear_output(); print("stays"); clear_output(wait=True); print("replaces")
""",
    "clear output waiting for nothing": """print("kept"); clear_output(wait=True)""",
    "raises": "def f(x):\n    return 1 / x\nprint('up to here')\nf(0)",
    "syntax error": "1 +",
    "magics": "%%capture said\nprint('hidden')",
    "line magic": "%time x = 1\nsaid.stdout",
    "cell magic": "%%javascript\nconsole.log(1)",
    "shell": "!echo from a shell; echo to stderr >&2",
    # The kernel hears of descriptor 1 through a thread; the stock engine drops what comes after the cell has ended.
    "system output": "import os, sys, time; os.system('echo written to descriptor one'); time.sleep(1); "
    "sys.stdout.flush()",
    "top-level await": "import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')\n'value'",
    "background task": """
async def later():
    print('in a task')
task = asyncio.ensure_future(later())
await task""",
    "last expression suppressed": "42;",
    "several results": """
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.ast_node_interactivity = 'all'
1
2""",
    "previous result": "InteractiveShell.ast_node_interactivity = 'last_expr'\n_",
    "widget": """
import ipywidgets as w
slider = w.IntSlider(value=3, description='x'); slider""",
    "output widget": """
box = w.Output()
display(box)
with box:
    print('inside')
    display('shown inside')
print('outside')""",
    "output widget later": "box.append_stdout('appended'); slider.value = 7; len(box.outputs)",
    "skipped": "",
    "thread": "import threading; t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()",
    "no input": "input('name?')",
    "main": "import __main__, inspect; __main__.x == x, __name__, get_ipython().__class__.__name__",
    "large binary": "import numpy as np; a = w.Image(value=bytes(300_000)); a",
    "altair": "import altair as alt; alt.Chart(pd.DataFrame({'a':[1]})).mark_point().encode(x='a:Q')",
    "exit handler": "import atexit; atexit.register(lambda: open('left-behind.txt', 'w').write('ended in order'))",
}
ALLOWED_TO_RAISE = {"raises", "syntax error", "no input"}


def suite():
    names = list(CELLS)
    tags = {i: ["raises-exception"] for i, name in enumerate(names) if name in ALLOWED_TO_RAISE}
    return names, notebook(*CELLS.values(), tags=tags)


VOLATILE = (
    (re.compile(r"0x[0-9a-f]+|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}"), "<id>"),
    (re.compile(r"ipykernel_\d+/\d+"), "<cell>"),
    (re.compile(r"(CPU times|Wall time): .*"), "<time>"),
    (re.compile(r"altair-viz-\w+"), "<id>"),
)


def steady(value):
    """`value` without what differs from process to process."""
    if isinstance(value, str):
        for pattern, to in VOLATILE:
            value = pattern.sub(to, value)
        return value
    if isinstance(value, dict):
        return {steady(key): steady(inner) for key, inner in value.items()}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def joined(outputs):
    """Outputs with neighbouring pieces of one stream joined: where they are cut depends on the moment of a flush."""
    whole = []
    for output in map(dict, outputs):
        last = whole[-1] if whole else {}
        if output["output_type"] == last.get("output_type") == "stream" and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            whole.append(output)
    return steady(whole)


def steady_widgets(executed):
    state = executed.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    return sorted(str(steady(model)) for model in state.values())


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """The suite as papermill's stock engine executes it, once."""
    import nbformat
    import papermill

    folder = tmp_path_factory.mktemp("stock")
    nbformat.write(suite()[1], folder / "in.ipynb")
    with (
        outside_pytest(),
        pytest.raises(papermill.PapermillExecutionError),
    ):  # papermill reports an allowed error too, at the end
        papermill.execute_notebook(
            folder / "in.ipynb", folder / "out.ipynb", progress_bar=False, cwd=str(folder), execution_timeout=30
        )
    assert (folder / "left-behind.txt").exists()
    return without_markers(nbformat.read(folder / "out.ipynb", as_version=4))


def without_markers(executed):
    """The notebook without the cells with which papermill points at an error."""
    executed.cells = [c for c in executed.cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])]
    return executed


@pytest.mark.parametrize("engine", ["fork", "warm"])
def test_outputs_equal_the_stock_engine(stock, execute, tmp_path, engine):
    names, nb = suite()
    ours = without_markers(execute(nb, engine, execution_timeout=30)[0])
    assert len(ours.cells) == len(stock.cells) == len(names)
    for name, mine, theirs in zip(names, ours.cells, stock.cells, strict=True):
        assert joined(mine.outputs) == joined(theirs.outputs), name
        assert mine.execution_count == theirs.execution_count, name
        assert mine.metadata.papermill.status == theirs.metadata.papermill.status, name
    assert steady_widgets(ours) == steady_widgets(stock) != []
    assert ours.metadata.language_info == stock.metadata.language_info
    if engine == "fork":
        assert (tmp_path / "left-behind.txt").read_text() == "ended in order"


@pytest.mark.parametrize("engine", ["fork", "warm", "stock"])
def test_an_error_stops_the_notebook_and_is_saved(execute, engine):
    executed, _ = execute(notebook("x = 1", "raise ValueError('no such wafer')", "x = 2"), engine)
    assert (execute.fault.ename, execute.fault.evalue) == ("ValueError", "no such wafer")
    failed = next(c for c in executed.cells if c.source.startswith("raise"))
    assert failed.outputs[0].ename == "ValueError"
    assert any("ValueError" in line for line in failed.outputs[0].traceback)
    assert executed.cells[-1].execution_count is None


@pytest.mark.parametrize("engine", ["fork", "warm"])
def test_parameters_and_progress_reach_papermill(execute, engine):
    work = "print(n * 2); worked = sum(range(3_000_000))"  # more than the 10 ms tick of a process's clock
    nb = notebook("n = 1", work, tags={0: ["parameters"]})
    executed, ending = execute(nb, engine, {"n": 21})
    assert executed.cells[1].metadata.tags == ["injected-parameters"]
    assert executed.cells[2].outputs[0].text == "42\n"
    assert all(c.metadata.papermill.status == "completed" and c.metadata.papermill.end_time for c in executed.cells)
    assert ending.code == 0
    assert 0 < ending.cpu_s < 30
    assert 20 < ending.peak_memory_mb < 4000


def test_a_process_forked_by_the_notebook_prints_into_its_cell(execute):
    # not side by side: the stock kernel sometimes deadlocks here, forking with its threads' locks held
    cell = """
import multiprocessing, sys
p = multiprocessing.get_context('fork').Process(target=print, args=('from a process',)); p.start(); p.join()
import time; time.sleep(0.1)"""
    executed, _ = execute(notebook(cell))
    assert executed.cells[0].outputs[0].text == "from a process\n"
