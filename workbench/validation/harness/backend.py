"""What runs the network. A backend is anything with a name, a version and `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from workbench.errors import InputError


class Backend(Protocol):
    """`predict` takes samples (n, ...) as float32 and returns the class of each, int32 (n,)."""

    name: str
    version: str

    def predict(self, samples: np.ndarray) -> np.ndarray: ...

    def settings(self) -> dict[str, Any]: ...


class OnnxRuntime:
    """onnxruntime on the CPU. `thread_count` threads inside an operator; operators one after another."""

    name = "onnxruntime"

    def __init__(self, network: Path, *, input_name: str, thread_count: int = 1):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._session = onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
        self._input = input_name
        self._thread_count = thread_count
        self.version = onnxruntime.__version__

    def predict(self, samples: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._input: samples})[0].argmax(axis=1).astype(np.int32)

    def settings(self) -> dict[str, Any]:
        return {
            "providers": self._session.get_providers(), "thread_count": self._thread_count,
            "graph_optimisation": "all",
        }  # fmt: skip


BACKENDS = {OnnxRuntime.name: OnnxRuntime}


def make(name: str, network: Path, *, input_name: str, thread_count: int) -> Backend:
    if name not in BACKENDS:
        raise InputError("validation.backend", got=name, allowed=", ".join(BACKENDS))
    return BACKENDS[name](network, input_name=input_name, thread_count=thread_count)
