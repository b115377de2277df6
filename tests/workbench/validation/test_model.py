"""The shipped network: its file, its accuracy, and that its training makes it again."""

from __future__ import annotations

import numpy as np
import pytest

from workbench import facts
from workbench.errors import InputError
from workbench.validation.harness import backend, model


@pytest.fixture(scope="module")
def shipped() -> model.Model:
    return model.load()


def test_accuracy_on_the_held_out_part(shipped):
    training, held_out = model.digits()
    assert (len(training.labels), len(held_out.labels)) == (1297, 500)
    runtime = backend.make("onnxruntime", shipped.path, input_name=shipped.input_name, thread_count=1)
    right = int((runtime.predict(held_out.samples) == held_out.labels).sum())
    assert right == 497
    assert right / 500 == shipped.reference_accuracy


def test_no_held_out_image_was_trained_on():
    training, held_out = model.digits()
    seen = {sample.tobytes() for sample in training.samples}
    assert not any(sample.tobytes() in seen for sample in held_out.samples)


def test_training_again_gives_the_same_network(shipped):
    onnx = pytest.importorskip("onnx", reason="the dev extra brings onnx")
    from workbench.validation.harness import train_digits

    content, accuracy, parameter_count = train_digits.train()
    assert accuracy == pytest.approx(shipped.reference_accuracy, abs=0.004)  # two images: other BLAS, other rounding
    assert parameter_count == facts.load("models/digits_conv")["parameter_count"]
    theirs, ours = onnx.load_from_string(content), onnx.load(str(shipped.path))
    for a, b in zip(theirs.graph.initializer, ours.graph.initializer, strict=True):
        assert (a.name, list(a.dims)) == (b.name, list(b.dims))
    filters = [np.frombuffer(m.graph.initializer[0].raw_data, np.float32) for m in (theirs, ours)]
    assert np.allclose(*filters, atol=1e-3)


def test_a_changed_network_file_is_refused(shipped, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    content = bytearray(shipped.path.read_bytes())
    content[100] ^= 1
    (tmp_path / "models" / shipped.path.name).write_bytes(content)
    monkeypatch.setattr(model.facts, "path", lambda name: tmp_path / name)
    with pytest.raises(InputError) as refused:
        model.load()
    assert refused.value.rule == "validation.model_changed"


def test_an_unknown_backend_is_refused(shipped):
    with pytest.raises(InputError):
        backend.make("abacus", shipped.path, input_name="image", thread_count=1)
