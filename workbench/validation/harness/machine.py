"""What this machine is, for the record of a run: enough to tell two machines apart, no host or user name."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("mlcommons-loadgen", "onnxruntime", "numpy", "scikit-learn", "chiplet-workbench")


def describe() -> dict[str, Any]:
    """Processor, cores, memory, operating system and the versions of the packages that take part."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "operating_system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def identity(machine: dict[str, Any]) -> str:
    """Eight hexadecimal digits that stay the same for the same hardware, whatever its software."""
    memory = round(machine["memory_gb"])
    parts = (machine["processor"], machine["architecture"], machine["logical_cores"], memory)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


def load_average() -> dict[str, float]:
    """Processes waiting or running, averaged over 1 and 5 minutes, and the use of the processor just now."""
    one, five, _ = psutil.getloadavg()
    return {"one_minute": one, "five_minutes": five, "busy_percent": psutil.cpu_percent(interval=0.2)}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
