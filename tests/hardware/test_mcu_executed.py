"""The network that fits a microcontroller, proven, and run in integers of 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash

pytestmark = pytest.mark.torch


BUDGETS = {"max_memory_kib": 320.0, "max_weights_kib": 1024.0 - 40}
PROVIDERS = ["CPUExecutionProvider"]


def proven_mobilenet() -> Any:
    space = flash.MobileNetV2(
        width_multipliers=[0.25, 0.35, 0.5], resolution=[96, 112, 128, 144, 160], num_classes=100
    )
    return flash.search(space, "cortex-m7")


def proven_mcunet() -> Any:
    """The most multiply-accumulates that fit: MCUNet chooses its spaces so."""
    space = flash.MCUNet(width_multipliers=(0.3, 0.4), resolution=(112, 144), num_classes=100)
    return flash.search(space, "cortex-m7", objective={"sum": {"macs": 1}})


@pytest.mark.parametrize("search", [proven_mobilenet, proven_mcunet])
def test_the_proven_network_runs_in_int8(search: Any, tmp_path: Path) -> None:
    """What is stored is what was counted: its weights to a byte, all of the file within 6 %; and
    values are there as long as the schedule says."""
    for name in ("torch", "onnx", "onnxscript"):
        pytest.importorskip(name)
    runtime = pytest.importorskip("onnxruntime")
    quantization = pytest.importorskip("onnxruntime.quantization")
    import onnx

    found = search()
    assert found.proven
    assert found.success
    assert found.budgets == BUDGETS
    assert (found.memory_kib or 0) <= 320
    assert (found.weights_kib or 0) <= 1024 - 40
    net: flash.Network = found.architecture.network()
    plain, folded, small = (str(tmp_path / f"{name}.onnx") for name in ("plain", "folded", "int8"))
    found.to_onnx(plain)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = folded
    runtime.InferenceSession(plain, options, providers=PROVIDERS)
    draw = np.random.default_rng(0)
    shape = (1, *net.input_shape)

    class Images(quantization.CalibrationDataReader):  # type: ignore[misc]
        left = 4

        def get_next(self) -> dict[str, Any] | None:
            self.left -= 1
            image = draw.normal(size=shape).astype(np.float32)
            return {"input": image} if self.left >= 0 else None

    kind = quantization.QuantType.QInt8
    quantization.quantize_static(
        folded, small, Images(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
        weight_type=kind, activation_type=kind,
    )  # fmt: skip

    arrays = [onnx.numpy_helper.to_array(one) for one in onnx.load(small).graph.initializer]
    weights = sum(one.nbytes for one in arrays if one.dtype == np.int8 and one.ndim > 1)
    assert weights == sum(layer.weights for layer in net.layers)
    # twelve bytes an output channel; the file has seventeen: two scales, bias and zero points
    whole = sum(one.nbytes for one in arrays) / 1024
    assert found.weights_kib is not None
    assert found.weights_kib < whole < 1.06 * found.weights_kib
    again = flash.Network.from_onnx(small)
    assert again.macs == found.macs
    assert again.weights_kib == found.weights_kib
    # its image is of floats, and the caller's: not so on a microcontroller
    assert again.replace(input_bits=8).peak_memory_kib == found.memory_kib

    image = draw.normal(size=shape).astype(np.float32)
    answers = [
        runtime.InferenceSession(one, providers=PROVIDERS).run(None, {"input": image})[0].ravel()
        for one in (plain, small)
    ]
    assert answers[1].shape == (100,)
    assert np.corrcoef(answers)[0, 1] > 0.95
