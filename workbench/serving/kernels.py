"""The kernel of every page: this Python, whatever kernels are installed elsewhere on the machine."""

from __future__ import annotations

import os
import sys
from typing import Any

from ipykernel.kernelspec import RESOURCES
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

KERNEL = "python3"  # the name the notebooks carry


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


def kernel_environment(*, lang: str) -> dict[str, str]:
    """The environment of a page's kernel: ours, with the page's language and one numeric thread per kernel."""
    environment = {**os.environ, "WORKBENCH_LANG": lang}
    # Several pages share the cores: without this each kernel's BLAS starts a thread per core and spins.
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    return environment
