"""The kernel of every page: this Python, whatever kernels are installed elsewhere on the machine."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from ipykernel.kernelspec import RESOURCES
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

KERNEL = "python3"  # the name the notebooks carry
LONGEST_SOCKET = 103  # bytes of a socket's path: macOS takes no longer one, Linux four more
_SOCKET = len("/kernel-00000000-0000-0000-0000-000000000000-ipc-5")  # what Jupyter puts behind its folder
_OWN_FOLDER = len("/voila_12345678")  # the private folder the page server makes first


class WorkbenchKernels(KernelSpecManager):
    """Knows one kernel, made in memory: nothing is installed, and nothing installed by others is used."""

    def find_kernel_specs(self) -> dict[str, str]:
        return {KERNEL: RESOURCES}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name != KERNEL:
            raise NoSuchKernel(kernel_name)
        return KernelSpec(
            resource_dir=RESOURCES,
            argv=[sys.executable, "-m", "workbench.serving.kernel", "-f", "{connection_file}"],
            display_name="Chiplet Workbench",
            language="python",
            metadata={"debugger": True},
            kernel_protocol_version="5.5",
        )

    def get_all_specs(self) -> dict[str, Any]:
        return {KERNEL: {"resource_dir": RESOURCES, "spec": self.get_kernel_spec(KERNEL).to_dict()}}


def holds_sockets(folder: str) -> bool:
    """Whether the sockets of kernels have names short enough in `folder`."""
    return os.name == "posix" and len(os.fsencode(folder)) + _SOCKET <= LONGEST_SOCKET


def socket_root() -> str | None:
    """Where the page server may make its private folder of sockets: where temporary files go, else somewhere with a
    shorter name; None where there is no such place, and kernels have to be reached by ports.
    """
    for folder in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR"), "/tmp"):
        if folder and os.access(folder, os.W_OK | os.X_OK) and holds_sockets(folder + " " * _OWN_FOLDER):
            return folder
    return None


def kernel_environment(*, lang: str) -> dict[str, str]:
    """The environment of a page's kernel: ours, with the page's language and one numeric thread per kernel."""
    environment = {**os.environ, "WORKBENCH_LANG": lang}
    # Several pages share the cores: without this each kernel's BLAS starts a thread per core and spins.
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    return environment
