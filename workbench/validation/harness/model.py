"""A model as it is measured: the network file, its data set, its reference accuracy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench import facts
from workbench.errors import InputError

DIGITS = "digits_conv"


@dataclass(frozen=True)
class Model:
    """`reference_accuracy` and `accuracy_fraction` set the quality target; `latency_limit_ms` binds in Server."""

    name: str
    title: str
    benchmark: str
    path: Path
    sha256: str
    input_name: str
    data_set: str
    reference_accuracy: float
    accuracy_fraction: float
    latency_limit_ms: float


def load(name: str = DIGITS) -> Model:
    """The model `data/models/<name>.json`. Raises InputError when the network file is not the one described."""
    document = facts.load(f"models/{name}")
    path = facts.path(f"models/{document['file']}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != document["sha256"]:
        raise InputError("validation.model_changed", where=path.name, got=found[:16], allowed=document["sha256"][:16])
    return Model(
        name=name,
        title=document["title"],
        benchmark=document["benchmark"],
        path=path,
        sha256=found,
        input_name=document["input"]["name"],
        data_set=document["data_set"]["name"],
        reference_accuracy=document["reference_accuracy"],
        accuracy_fraction=document["accuracy_fraction"],
        latency_limit_ms=document["latency_limit_ms"],
    )


@dataclass(frozen=True)
class DataSet:
    """Held-out samples as the network takes them, float32 (n, 1, 8, 8) in 0 ... 1, and their labels (n,)."""

    samples: np.ndarray
    labels: np.ndarray


SPLIT_SEED = 7
HELD_OUT_COUNT = 500


def digits() -> tuple[DataSet, DataSet]:
    """scikit-learn's digits (1,797 labelled images, UCI optdigits test set): training and held-out part."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    samples = np.ascontiguousarray((images / 16).reshape(-1, 1, 8, 8), dtype=np.float32)
    a, b, labels_a, labels_b = train_test_split(
        samples, labels.astype(np.int32), test_size=HELD_OUT_COUNT, random_state=SPLIT_SEED, stratify=labels
    )
    return DataSet(a, labels_a), DataSet(b, labels_b)
