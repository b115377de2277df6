"""A run that crashes, hangs or goes astray harms nobody: each becomes a clear ending, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partialmethod
from pathlib import Path

import psutil
import pytest

from tests.workbench.runs.conftest import notebook
from workbench.errors import RunError
from workbench.runs.ending import Ending
from workbench.runs.forkengine import ForkServer

LIGHT = ("workbench.runs.forkchild",)  # a server that starts quickly
SLEEPER = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
CRASHES = [  # cell, exit code, words of the sentence, words of the trace
    ("import os; os.abort()", -signal.SIGABRT, "SIGABRT", "Fatal Python error: Aborted"),
    ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV, "SIGSEGV", "Segmentation fault"),
    ("import os; os._exit(3)", 3, "exit code 3", ""),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, "lack of memory", ""),
]


@pytest.mark.parametrize(("cell", "code", "sentence", "trace"), CRASHES)
def test_a_crash_says_how(execute, cell, code, sentence, trace):
    executed, ending = execute(notebook("print('before')", cell, "print('never')"))
    assert (ending.code, ending.reason) == (code, "")
    assert sentence in ending.sentence("en")
    assert ending.sentence("zh-Hant") != ending.sentence("en")
    assert trace in ending.trace
    assert execute.fault.ename == "KernelDied"
    cells = [c for c in executed.cells if c.cell_type == "code"]
    assert cells[0].outputs[0].text == "before\n"
    assert cells[1].outputs[-1].ename == "KernelDied"
    assert cells[2].outputs == []
    assert cells[1].metadata.papermill.status == "failed"


def test_a_hang_ends_at_the_limit_and_says_where(execute):
    started = time.monotonic()
    executed, ending = execute(notebook("print('so far')\nimport time\ntime.sleep(600)"), run_limit_s=1.5)
    assert ending.timed_out
    assert 1.5 <= time.monotonic() - started < 20
    assert "time limit" in execute.fault.evalue
    assert execute.fault.ename == "RunTimeout"
    assert "ipykernel" in ending.trace
    assert "most recent call first" in ending.trace
    assert executed.cells[-1].outputs[0].text == "so far\n"  # what was printed before is kept


def test_a_hang_that_ignores_signals_ends_too(execute):
    stubborn = "import signal, time\nsignal.signal(signal.SIGABRT, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    _, ending = execute(notebook(stubborn), run_limit_s=1)
    assert ending.timed_out
    assert ending.code == -signal.SIGKILL


@pytest.mark.parametrize(
    "cell", [SLEEPER + "print(child.pid)", SLEEPER + "print(child.pid, flush=True)\nimport os; os.abort()"]
)
def test_what_a_run_started_ends_with_it(execute, cell):
    executed, _ = execute(notebook(cell))
    pid = int(
        next(o.text for c in executed.cells if c.cell_type == "code" for o in c.outputs if o.output_type == "stream")
    )
    assert _gone(pid)


def _gone(pid: int, patience_s: float = 5) -> bool:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_memory_limit(execute):
    greedy = notebook("import numpy as np\nheap = np.ones(400 * 2**20 // 8)")
    execute(greedy, run_memory_mb=300)
    assert "Unable to allocate" in execute.fault.evalue
    execute.fault = None
    execute(greedy, run_memory_mb=4000)
    assert execute.fault is None


def test_runs_share_nothing(execute, tmp_path, monkeypatch):
    leave = notebook(
        "import os, random, numpy as np, pandas as pd, altair as alt\n"
        "os.environ['LEFT'] = 'x'; os.chdir('/'); pd.left = 1; alt.renderers.enable('svg'); leftover = 1\n"
        "import sys; sys.path.insert(0, '/nowhere'); print(random.random(), np.random.rand())"
    )
    look = notebook(
        "import os, sys, random, numpy as np, pandas as pd, altair as alt\n"
        "print(random.random(), np.random.rand())\n"
        "print('LEFT' in os.environ, os.environ['GIVEN'], os.getcwd(), hasattr(pd, 'left'), alt.renderers.active,"
        " 'leftover' in dir(), '/nowhere' in sys.path)"
    )
    first, _ = execute(leave)
    seen = []
    for given in ("1", "2"):
        monkeypatch.setenv("GIVEN", given)
        executed, _ = execute(look)
        numbers, facts = executed.cells[0].outputs[0].text.splitlines()
        assert facts == f"False {given} {tmp_path} False default False False"
        seen.append(numbers)
    assert len({first.cells[0].outputs[0].text.strip(), *seen}) == 3  # no shared random state


def test_the_warm_kernel_is_cleared_and_replaced(execute, tmp_path):
    execute(
        notebook(
            "import os, sys; leftover = 1; os.environ['LEFT'] = 'x'; os.chdir('/'); sys.path.insert(0, '/nowhere')"
        ),
        "warm",
    )
    look = "import os, sys\nprint('leftover' in dir(), 'LEFT' in os.environ, os.getcwd(), '/nowhere' in sys.path)"
    executed, _ = execute(notebook(look), "warm")
    assert executed.cells[0].outputs[0].text == f"False False {tmp_path} False\n"
    _, ending = execute(notebook("import time; time.sleep(600)"), "warm", run_limit_s=1)
    assert ending.timed_out
    assert execute.fault.ename == "RunTimeout"
    _, ending = execute(notebook("import os; os._exit(3)"), "warm")
    assert ending.code
    assert execute.fault.ename == "KernelDied"
    executed, ending = execute(notebook("print('again')"), "warm")
    assert executed.cells[0].outputs[0].text == "again\n"
    assert ending.code == 0


def test_the_server_forks_from_a_single_thread(execute):
    execute(notebook("import duckdb; duckdb.sql('select 42').fetchall()"))
    server = psutil.Process(ForkServer.shared().pid)
    assert ForkServer.shared().threads_before_fork == 1 == server.num_threads()
    assert server.children() == []
    assert server.net_connections("inet") == []


def test_many_runs_at_once_are_kept_apart(execute, tmp_path):
    import nbformat
    import papermill

    nbformat.write(
        notebook("n = 0", "import os\nprint(n, os.getpid())", tags={0: ["parameters"]}), tmp_path / "n.ipynb"
    )

    def one(n: int):
        executed = papermill.execute_notebook(
            tmp_path / "n.ipynb", tmp_path / f"{n}.ipynb", {"n": n}, engine_name="workbench-fork", progress_bar=False
        )
        return executed.cells[-1].outputs[0].text.split()

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(one, range(12)))
    assert [int(n) for n, _ in said] == list(range(12))
    assert len({pid for _, pid in said}) == 12


def test_a_killed_server_is_a_clear_fault_and_is_replaced(execute, monkeypatch):
    server = ForkServer(preload=LIGHT)
    monkeypatch.setattr(ForkServer, "_shared", server)  # the other tests keep theirs
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(execute, notebook("import os, time; print(os.getpid(), flush=True); time.sleep(60)"))
        children: list[psutil.Process] = []
        while not children:
            children = psutil.Process(server.pid).children()
        time.sleep(0.5)
        os.kill(server.pid, signal.SIGKILL)
        _, ending = running.result(timeout=20)
    assert ending.reason == "server"
    assert execute.fault.ename == "KernelDied"
    assert all(_gone(child.pid) for child in children)
    monkeypatch.setattr(ForkServer, "__init__", partialmethod(ForkServer.__init__, preload=LIGHT))
    executed, _ = execute(notebook("print('again')"))
    assert executed.cells[-1].outputs[0].text == "again\n"
    assert ForkServer.shared() is not server
    ForkServer.shared().stop()


def test_nothing_outlives_a_killed_starter(tmp_path):
    script = textwrap.dedent("""
        import sys, papermill, nbformat, threading, time, psutil
        from workbench.runs import engines
        from workbench.runs.forkengine import ForkServer
        engines.register()
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import time; time.sleep(600)")])
        nbformat.write(nb, "sleep.ipynb")
        server = ForkServer._shared = ForkServer(preload=("workbench.runs.forkchild",))
        run = lambda: papermill.execute_notebook("sleep.ipynb", None, engine_name="workbench-fork", progress_bar=False)
        threading.Thread(target=run, daemon=True).start()
        while not (children := psutil.Process(server.pid).children()):
            time.sleep(0.05)
        print(server.pid, children[0].pid, flush=True)
        time.sleep(600)
    """)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=env)
    server, child = map(int, starter.stdout.readline().split())
    starter.kill()
    starter.communicate()
    assert _gone(child)
    assert _gone(server)


def test_a_notebook_in_another_language_is_refused(execute):
    with pytest.raises(RunError) as refused:
        execute(notebook("x <- 1", metadata={"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}))
    assert refused.value.rule == "run.not_python"


@pytest.mark.parametrize("code", [9, 250])
def test_an_unknown_signal_has_a_sentence(code):
    assert str(Ending(code=-code).sentence("en"))
