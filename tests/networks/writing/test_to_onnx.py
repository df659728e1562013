"""to_onnx against onnxruntime, and from_onnx on files of flash and of both of torch's exporters."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from twins import torch_models as models  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError  # noqa: E402
from flash.networks.architecture import FAMILIES, Architecture, Cell  # noqa: E402
from flash.networks.network import Network  # noqa: E402

pytestmark = pytest.mark.torch

SMALL = (3, 32, 32)


def arch_of(family: str, skips: int, resolution: int = 32) -> Architecture:
    more = {"expansion": 2, "kernel": 5} if family == "mobilenet-v2" else {}
    cells = [Cell(8, 4, skips, **more), Cell(12, 5, skips, **more)]
    return Architecture(family, cells, resolution, 7, 3)


def outputs(path: Path, images: Any) -> Any:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["output"], {"input": images.numpy()})[0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("skips", "resolution", "opset"), [(5, 32, 13), (0, 70, 17), (99, 33, 21)])
def test_onnxruntime_agrees(
    tmp_path: Path, family: str, skips: int, resolution: int, opset: int
) -> None:
    arch = arch_of(family, skips, resolution)
    module = arch.to_torch(seed=1)
    images = torch.randn(4, 3, resolution, resolution)
    module(images)  # running statistics that are not 0 and 1
    arch.to_onnx(tmp_path / "a.onnx", module=module, opset=opset)
    assert module.training
    with torch.no_grad():
        expected = module.eval()(images).numpy()
    got = outputs(tmp_path / "a.onnx", images)
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()
    # and the file reads back: but for inputs of a concat that no channel was drawn from
    net = Network.from_onnx(tmp_path / "a.onnx")
    assert [row.replace(inputs=None) for row in net.layers] == [
        row.replace(inputs=None) for row in arch.network().layers
    ]
    assert flash.nn_degree(net) == flash.nn_degree(arch)


def test_batch_and_determinism(tmp_path: Path) -> None:
    arch = arch_of("densenet", 5)
    arch.to_onnx(tmp_path / "a.onnx", batch=2)
    arch.to_onnx(tmp_path / "b.onnx", batch=2, seed=0)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert outputs(tmp_path / "a.onnx", torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    with pytest.raises(Exception, match="dimension"):
        outputs(tmp_path / "a.onnx", torch.zeros(3, 3, 32, 32))
    assert Network.from_onnx(tmp_path / "a.onnx").params == arch.params
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "b.onnx"]


def test_search_result_to_onnx(tmp_path: Path) -> None:
    result = flash.search("mobilenet-v2", "cpu-x86", max_latency_ms=2.0)
    result.to_onnx(tmp_path / "r.onnx", opset=16)
    net = Network.from_onnx(tmp_path / "r.onnx")
    assert (net.params, net.macs) == (result.params, result.macs)


def test_bad_arguments(tmp_path: Path) -> None:
    arch, path = arch_of("resnet", 5), tmp_path / "a.onnx"
    with pytest.raises(ArgumentError, match="opset must be an integer from 13 to 21, got 12"):
        arch.to_onnx(path, opset=12)
    with pytest.raises(ArgumentError, match="batch must be"):
        arch.to_onnx(path, batch=0)
    for module in (torch.nn.Identity(), arch_of("resnet", 6).to_torch()):
        with pytest.raises(ArgumentError, match="module must be what to_torch"):
            arch.to_onnx(path, module=module)
    with torch.device("meta"):
        empty = arch.to_torch()
    with pytest.raises(ArgumentError, match="module must hold weights"):
        arch.to_onnx(path, module=empty)
    with pytest.raises(FileNotFoundError, match=r"absent.*a\.onnx"):
        arch.to_onnx(tmp_path / "absent" / "a.onnx")
    assert not path.exists()


# torch's exporters


def exported(module: Any, shape: tuple[int, int, int], opset: int, norms: bool) -> bytes:
    """Return what torch's TorchScript exporter writes, with its batch norms or without."""
    file = io.BytesIO()
    mode = torch.onnx.TrainingMode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(2, *shape),),
            file,
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
            training=mode.TRAINING if norms else mode.EVAL,
            do_constant_folding=not norms,
        )
    return file.getvalue()


def settled(name: str) -> Any:
    """Return a model whose statistics are not those of a new one, which exporters drop."""
    module = models.cifar(name)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.bias)
            torch.nn.init.uniform_(part.running_mean)
    return module


def without_folded(module: Any, net: Network) -> int:
    """Return the parameters once a batch norm became the bias of the convolution before it."""
    total = sum(p.numel() for p in module.parameters())
    return total - sum(row.out_channels for row in net.layers if row.kind == "conv" and row.bias)


@pytest.mark.parametrize("name", models.CIFAR)
@pytest.mark.parametrize("opset", [13, 17])
def test_torchscript_exports(name: str, opset: int) -> None:
    module = settled(name)
    params, macs = models.counted(module, SMALL)
    net = Network.from_onnx(exported(module, SMALL, opset, norms=True))
    assert (net.params, net.macs) == (params, macs)
    assert flash.nn_degree(net) == flash.nn_degree(Network.from_torch(module))
    folded = Network.from_onnx(exported(module, SMALL, opset, norms=False))
    assert any(row.bias for row in folded.layers if row.kind == "conv")
    assert (folded.params, folded.macs) == (without_folded(module, folded), macs)
    assert flash.nn_degree(folded) == flash.nn_degree(net)


@pytest.mark.filterwarnings("ignore")
def test_the_new_exporter() -> None:
    pytest.importorskip("onnxscript")
    module = settled("densenet").eval()
    batch = torch.export.Dim("n")
    program = torch.onnx.export(
        module,
        (torch.zeros(2, *SMALL),),
        dynamo=True,
        dynamic_shapes=({0: batch},),
        verbose=False,
    )
    net = Network.from_onnx(program.model_proto.SerializeToString())
    assert net.macs == models.counted(module, SMALL)[1]
    assert net.params == without_folded(module, net)
    assert flash.nn_degree(net) == flash.nn_degree(Network.from_torch(module))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_imagenet_sized_exports(name: str) -> None:
    module = models.imagenet(name).to_empty(device="cpu")
    for part in module.modules():
        if hasattr(part, "running_var"):
            part.reset_running_stats()
    net = Network.from_onnx(exported(module, (3, 224, 224), 17, norms=True))
    assert net.params == models.PUBLISHED[name]
    assert net == Network.from_torch(module, (3, 224, 224))
