from __future__ import annotations

import os
import sys
import uuid

import pytest
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager

from workbench.serving.kernels import (
    KERNEL,
    LONGEST_SOCKET,
    WorkbenchKernels,
    holds_sockets,
    kernel_environment,
    socket_root,
)
from workbench.serving.voila_server import configuration


def test_the_one_kernel_is_this_python_whatever_is_installed(tmp_path, monkeypatch):
    foreign = tmp_path / "kernels" / "python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "Foreign", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    specs = WorkbenchKernels()
    assert set(specs.get_all_specs()) == {KERNEL}
    assert specs.get_kernel_spec(KERNEL).argv[0] == sys.executable
    with pytest.raises(NoSuchKernel):
        specs.get_kernel_spec("ir")


def test_a_kernels_environment_speaks_the_pages_language_and_leaves_given_settings(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    environment = kernel_environment(lang="zh-Hant")
    assert environment["WORKBENCH_LANG"] == "zh-Hant"
    assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"


def test_the_kernel_tells_our_errors_as_sentences_and_others_in_full():
    manager = KernelManager(kernel_name=KERNEL, kernel_spec_manager=WorkbenchKernels(), transport="ipc")
    manager.start_kernel(env=kernel_environment(lang="zh-Hant"))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        ours = client.execute_interactive(
            "from workbench.errors import DomainError\nraise DomainError('param.not_a_number', where='x')",
            timeout=60, output_hook=lambda message: None,
        )["content"]  # fmt: skip
        other = client.execute_interactive("1/0", timeout=60, output_hook=lambda message: None)["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert (ours["status"], ours["ename"]) == ("error", "DomainError")
    assert len(ours["traceback"]) == 1
    assert ours["traceback"][0].startswith("這不是數字")
    assert other["ename"] == "ZeroDivisionError"
    assert len(other["traceback"]) > 1


@pytest.mark.skipif(os.name != "posix", reason="sockets with names are POSIX")
@pytest.mark.parametrize(("length", "holds"), [(44, True), (53, True), (54, False), (90, False)])
def test_a_folder_holds_sockets_while_their_names_stay_short_enough(length, holds):
    folder = "/" + "f" * (length - 1)
    longest = f"{folder}/kernel-{uuid.uuid4()}-ipc-5"
    assert holds_sockets(folder) is holds is (len(longest) <= LONGEST_SOCKET)


def test_a_long_folder_for_temporary_files_is_passed_over(tmp_path, monkeypatch):
    long, short = tmp_path / ("t" * 60), tmp_path.anchor + "tmp"
    long.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert socket_root() == short
    monkeypatch.setattr("os.access", lambda folder, mode: folder != short)
    assert socket_root() is None
    assert "transport" not in configuration(folder=tmp_path, port=1).KernelManager
