"""Train the digits classifier and write it as ONNX: ``python -m workbench.validation.harness.train_digits``.

A convolution layer whose filters are learnt without labels (spherical k-means on 3x3 patches, Coates & Ng 2012),
rectification, average pooling and multinomial logistic regression. Needs the `dev` extra (onnx); takes seconds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from workbench import facts
from workbench.validation.harness import model as models

SEED = 7
FILTER_COUNT = 64
INVERSE_REGULARISATION = 10.0
LEAST_PATCH_CONTRAST = 0.2  # patches of an even surface have no direction to learn


def learn_filters(images: np.ndarray) -> np.ndarray:
    """Convolution filters (FILTER_COUNT, 1, 3, 3) from images (n, 1, 8, 8), without labels, each of zero mean."""
    from sklearn.cluster import KMeans

    windows = np.lib.stride_tricks.sliding_window_view(images[:, 0], (3, 3), axis=(1, 2))
    patches = windows.reshape(-1, 9)
    patches = patches - patches.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(patches, axis=1)
    patches = patches[norms > LEAST_PATCH_CONTRAST] / norms[norms > LEAST_PATCH_CONTRAST, None]
    centres = KMeans(FILTER_COUNT, random_state=SEED, n_init=1).fit(patches).cluster_centers_
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    centres -= centres.mean(axis=1, keepdims=True)
    return centres.reshape(-1, 1, 3, 3).astype(np.float32)


def features(images: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Convolution, rectification and 2x2 average pooling in NumPy: (n, 1, 8, 8) to (n, FILTER_COUNT * 16)."""
    padded = np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2)).reshape(len(images), 8, 8, 9)
    rectified = np.maximum(windows @ filters.reshape(-1, 9).T, 0)
    pooled = rectified.reshape(len(images), 4, 2, 4, 2, -1).mean(axis=(2, 4))
    return pooled.transpose(0, 3, 1, 2).reshape(len(images), -1)


def train() -> tuple[bytes, float, int]:
    """The ONNX file, its held-out accuracy computed in NumPy, and its number of parameters."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    training, held_out = models.digits()
    with threadpool_limits(1):  # sums in one order: the same file from every training on this platform
        filters = learn_filters(training.samples)
        classifier = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=2000)
        classifier.fit(features(training.samples, filters), training.labels)
    accuracy = float((classifier.predict(features(held_out.samples, filters)) == held_out.labels).mean())
    weights, bias = classifier.coef_.astype(np.float32), classifier.intercept_.astype(np.float32)
    network = _network(filters, weights, bias)
    return network, accuracy, filters.size + weights.size + bias.size


def _network(filters: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> bytes:
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes = [
        helper.make_node("Conv", ["image", "filters"], ["response"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["response"], ["rectified"]),
        helper.make_node("AveragePool", ["rectified"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"], transB=1),
    ]
    constants = [
        numpy_helper.from_array(array, name)
        for name, array in (("filters", filters), ("weights", weights), ("bias", bias))
    ]
    graph = helper.make_graph(
        nodes,
        "digits_conv",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])],
        constants,
    )
    network = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="chiplet-workbench"
    )
    checker.check_model(network)
    return network.SerializeToString()


def write(folder: Path) -> dict:
    """Train, write the network and its description into `folder`, and return the description."""
    import sklearn

    network, accuracy, parameter_count = train()
    (folder / f"{models.DIGITS}.onnx").write_bytes(network)
    description = {
        "title": "Digits classifier: 3x3 convolution, 64 filters, logistic regression",
        "source": "trained by this project: workbench/validation/harness/train_digits.py",
        "method": "filters by spherical k-means on patches (Coates & Ng 2012, Neural Networks: Tricks of the Trade)",
        "licence": "Apache-2.0",
        "verified": True,
        "benchmark": "digits-conv-99",
        "file": f"{models.DIGITS}.onnx",
        "sha256": hashlib.sha256(network).hexdigest(),
        "parameter_count": parameter_count,
        "seed": SEED,
        "trained_with": f"scikit-learn {sklearn.__version__}",
        "input": {"name": "image", "shape": ["n", 1, 8, 8], "type": "float32", "range": [0, 1]},
        "data_set": {
            "name": "scikit-learn digits",
            "source": "UCI optdigits test set, 1,797 labelled 8x8 images (Alpaydin & Kaynak 1998), in scikit-learn",
            "licence": "CC BY 4.0",
            "split_seed": models.SPLIT_SEED,
            "training_count": 1797 - models.HELD_OUT_COUNT,
            "held_out_count": models.HELD_OUT_COUNT,
        },
        "reference_accuracy": accuracy,
        "reference": "held-out accuracy of the trained classifier evaluated in NumPy",
        "accuracy_fraction": 0.99,
        "latency_limit_ms": 5,
        "latency_limit_source": "chosen by this project for the Server scenario",
    }
    text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
    (folder / f"{models.DIGITS}.json").write_text(text, "utf-8")
    return description


if __name__ == "__main__":
    done = write(facts.FOLDER / "models")
    print(f"{done['file']}: held-out accuracy {done['reference_accuracy']:.4f}, sha256 {done['sha256']}")
