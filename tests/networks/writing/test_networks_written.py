"""What a space decodes to can be read, run and written, whichever space it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError, MissingExtraError
from flash.spaces.network_space import network_space

PNAS, BYPASS = flash.PNASCells(filters=8, resolution=8), flash.BypassSpace()
LAST = tuple(length - 1 for length in BYPASS.lengths)


def networks() -> dict[str, Any]:
    return {
        "densenet": flash.DenseNet(depths=[5, 6]).decode(0),
        "pnas": PNAS.decode("|".join(["0.sep3x3+1.max3x3"] * 5)),
        "bypass": BYPASS.decode(LAST),
        "bypass, without filters": BYPASS.decode((0,) * len(BYPASS.lengths)),
        "nas-bench-macro": network_space("nas-bench-macro").decode(5),
        "nas-bench-201": network_space("nas-bench-201").decode(7777),
    }


NAMES = tuple(networks())


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_network_has_one_face(name: str) -> None:
    net = networks()[name]
    network = net.network()
    assert isinstance(network, flash.Network)
    assert (network.params, network.macs) == (net.params, net.macs)
    assert network.network() is network
    assert callable(net.to_torch)
    assert callable(net.to_onnx)


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_network_runs(name: str) -> None:
    torch = pytest.importorskip("torch")
    net = networks()[name]
    module = net.to_torch(seed=3).eval()
    assert sum(one.numel() for one in module.parameters()) == net.params
    image = torch.randn(2, *net.network().input_shape)
    with torch.no_grad():
        out = module(image)
        assert out.shape == (2, 10)
        assert torch.equal(net.to_torch(seed=np.int64(3)).eval()(image), out)
        assert not torch.equal(net.to_torch(seed=4).eval()(image), out)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["bypass", "nas-bench-201"])
def test_a_table_of_layers_is_written(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    onnx = pytest.importorskip("onnx")
    net, path = networks()[name], tmp_path / "net.onnx"
    module = net.to_torch(seed=1).eval()
    net.to_onnx(path, module=module)
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(path))
    image = torch.randn(3, *net.input_shape)
    with torch.no_grad():
        expected = module(image).numpy()
    assert np.abs(expected).max() > 1e-3
    (got,) = session.run(None, {"input": image.numpy()})
    assert got == pytest.approx(expected, abs=1e-4)
    net.to_onnx(path, opset=15, batch=2)
    model = onnx.load(path)
    assert model.opset_import[0].version == 15
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2
    with pytest.raises(ArgumentError, match=r"module must be what to_torch\(\)"):
        net.to_onnx(path, module=networks()["bypass, without filters"].to_torch())
    with pytest.raises(ArgumentError, match="opset must be an integer from 13 to 20"):
        net.to_onnx(path, opset=21)
    with pytest.raises(ArgumentTypeError, match="path must be a path"):
        net.to_onnx(5)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    net = networks()["bypass"]
    with pytest.raises(MissingExtraError, match=r"to_torch\(\) needs torch"):
        net.to_torch()
    with pytest.raises(MissingExtraError, match=r"to_onnx\(\) needs"):
        net.to_onnx("x.onnx")
