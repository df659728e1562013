"""What a network runs in: a torch module or an ONNX model of anything that can be measured."""

from __future__ import annotations

import io
import os
import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..base.checks import shown
from ..errors import ArgumentError
from ..networks.architecture import Architecture
from ..networks.counting import need_connections
from ..networks.network import Network
from ..networks.writing.torch_code.rows import is_plain
from ._samples import as_net, is_module

if TYPE_CHECKING:
    from typing import Any

    from torch import Tensor

    from ..networks.layer import Layer

__all__ = ["TableModule", "TorchEngine", "onnx_bytes", "torch_module"]

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class TorchEngine:
    """A module in torch's eager mode, with random inputs."""

    def __init__(
        self, module: nn.Module, input_shape: tuple[int, ...], settings: dict[str, Any]
    ) -> None:
        cuda = settings["device"] == "cuda"
        self.cuda = cuda
        device = torch.device(settings["device"])
        dtype = _DTYPES[settings["dtype"]]
        self.module, self.was_training = module, module.training
        self.before = next((p.dtype for p in module.parameters()), dtype)
        self.module.to(device=device, dtype=dtype).eval()
        generator = torch.Generator().manual_seed(settings["seed"])
        shape = (settings["batch"], *input_shape)
        if len(shape) == 2:  # token numbers
            self.x = torch.zeros(shape, dtype=torch.long, device=device)
        else:
            self.x = torch.randn(shape, generator=generator).to(device=device, dtype=dtype)
        self.threads = torch.get_num_threads()
        torch.set_num_threads(settings["threads"])
        self.versions = {"torch": str(torch.__version__)}
        if cuda:
            self.versions["cuda"] = str(torch.version.cuda)
        self.device_name = torch.cuda.get_device_name() if cuda else None

    def run(self) -> None:
        """Run one inference; on CUDA until it is done."""
        with torch.inference_mode():
            self.module(self.x)
        if self.cuda:
            torch.cuda.synchronize()

    def close(self) -> None:
        """Put back the thread count, and the module as it was."""
        torch.set_num_threads(self.threads)
        self.module.to(device="cpu", dtype=self.before).train(self.was_training)


class TableModule(nn.Module):
    """A Network as a module, row by row; weights as torch draws them.

    Where an addition or a concatenation takes some of the channels of what it reads, it takes the
    first ones.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        need_connections(network, "running a network")
        self.network = network
        self.operations, self.norms_in, self.norms_out = (nn.ModuleDict() for _ in range(3))
        for number, layer in enumerate(network.layers):
            if layer.kind == "conv":
                self.operations[str(number)] = nn.Conv2d(
                    layer.in_channels,
                    layer.out_channels,
                    layer.kernel_size,
                    layer.strides,
                    layer.paddings[:2] if _is_even(layer) else 0,
                    layer.dilations,
                    groups=layer.groups,
                    bias=layer.bias,
                )
            elif layer.kind == "linear":
                self.operations[str(number)] = nn.Linear(
                    layer.in_channels, layer.out_channels, bias=layer.bias
                )
            flat = layer.kind == "linear"
            if layer.norm in ("input", "both"):
                self.norms_in[str(number)] = _norm(layer.in_channels, flat)
            if layer.norm in ("output", "both"):
                self.norms_out[str(number)] = _norm(layer.out_channels, flat)

    def forward(self, x: Tensor) -> Any:
        """Run the rows in order; what no later row reads is dropped."""
        image: Tensor = x
        values: list[Any] = []
        layers = self.network.layers
        last = {row: n for n, layer in enumerate(layers) for row in layer.inputs or ()}
        outputs = self.network.outputs or (len(layers) - 1,)
        last.update(dict.fromkeys(outputs, len(layers)))  # these stay
        for number, layer in enumerate(layers):
            read = [image if row < 0 else values[row] for row in layer.inputs or ()]
            values.append(self._row(str(number), layer, read))
            for row in layer.inputs or ():
                if row >= 0 and last[row] == number:
                    values[row] = None
        results: list[Any] = [values[row] for row in outputs]
        return tuple(results) if len(results) > 1 else results[0]

    def _row(self, name: str, layer: Layer, read: list[Tensor]) -> Tensor:
        x = read[0]
        if layer.kind == "linear" and x.dim() > 2:
            x = x.flatten(1)
        if name in self.norms_in:
            x = _activated(self.norms_in[name](x), layer)
        if layer.kind in ("conv", "linear"):
            x = self.operations[name](_padded(x, layer))
        elif layer.kind == "pool":
            x = pooled(x, layer)
        elif layer.kind == "add":
            x = _added(x, read[1:], layer.channels)
        elif len(read) == 1:
            x = x if layer.channels is None else x[:, : layer.channels]
        else:
            rest = torch.cat(read[1:], 1) if len(read) > 2 else read[1]
            x = torch.cat([x, rest if layer.channels is None else rest[:, : layer.channels]], 1)
        if name in self.norms_out:
            x = self.norms_out[name](x)
        return x if layer.norm == "input" else _activated(x, layer)


def _norm(channels: int, flat: bool) -> nn.Module:
    return nn.BatchNorm1d(channels) if flat else nn.BatchNorm2d(channels)


def _activated(x: Tensor, layer: Layer) -> Tensor:
    if layer.activation is None:
        return x
    function: Any = getattr(nn.functional, layer.activation)
    result: Tensor = function(x, dim=1) if "softmax" in layer.activation else function(x)
    return result


def pooled(x: Tensor, layer: Layer) -> Tensor:
    if layer.mode == "global_avg":
        return x.mean((2, 3), keepdim=True)
    if layer.mode == "zero":  # executed, as an eager runtime executes an edge that does nothing
        even = (layer.out_height, layer.out_width) == x.shape[2:]
        return x * 0.0 if even else x.new_zeros(*x.shape[:2], layer.out_height, layer.out_width)
    pool = nn.functional.max_pool2d if layer.mode == "max" else nn.functional.avg_pool2d
    even = layer.paddings[:2] if _is_even(layer) else (0, 0)
    if any(2 * pad > side for pad, side in zip(even, layer.kernel_size, strict=True)):
        x, even = _pad(x, layer), (0, 0)
    return pool(_padded(x, layer), layer.kernel_size, layer.strides, even)


def _is_even(layer: Layer) -> bool:
    """Whether top and bottom, left and right are padded alike."""
    top, left, bottom, right = layer.paddings
    return (top, left) == (bottom, right)


def _padded(x: Tensor, layer: Layer) -> Tensor:
    """Pad what the operation itself cannot."""
    return x if layer.kind == "linear" or _is_even(layer) else _pad(x, layer)


def _pad(x: Tensor, layer: Layer) -> Tensor:
    top, left, bottom, right = layer.paddings
    return nn.functional.pad(x, (left, right, top, bottom))


def _added(x: Tensor, others: list[Tensor], channels: int | None) -> Tensor:
    for one in others:
        if channels is None:
            x = x + one
        else:
            head = x[:, :channels] + one[:, :channels]
            x = head if channels == x.shape[1] else torch.cat([head, x[:, channels:]], 1)
    return x


def torch_module(net: Any, seed: int) -> nn.Module:
    """Return the torch module of something with layers."""
    if is_module(net):
        module: nn.Module = net
        return module
    found = as_net(net)
    if isinstance(found, Architecture):
        return found.to_torch(seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if all(is_plain(layer) for layer in found.layers):
            return TableModule(found)
        from ._rebuilt import RebuiltModule

        return RebuiltModule(found)


def onnx_bytes(
    net: Any,
    input_shape: tuple[int, ...],
    seed: int,
    opset: int = 17,
    batch: int | None = None,
) -> bytes:
    """Return an ONNX model of something with layers, of any batch where none is given.

    Raises
    ------
    ArgumentError
        If a module cannot be traced into one.
    """
    if isinstance(net, (str, os.PathLike)) and os.fsdecode(net).endswith(".onnx"):
        with open(net, "rb") as file:
            return file.read()
    from ..base.extras import require

    require("measuring with onnxruntime", "onnx", "torch", "onnx")
    module = torch_module(net, seed)
    found = getattr(module, "architecture", None)
    if isinstance(found, Architecture):
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "net.onnx")
            found.to_onnx(path, module=module)
            with open(path, "rb") as file:
                return file.read()
    out = io.BytesIO()
    training = module.training
    kind = torch.long if len(input_shape) == 1 else torch.float32  # token numbers
    x = torch.zeros((batch or 1, *input_shape), dtype=kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, which needs no further package
        try:
            torch.onnx.export(
                module.eval(),
                (x,),
                out,  # pyright: ignore[reportArgumentType]
                input_names=["input"],
                output_names=["output"],
                dynamic_axes=(
                    {"input": {0: "batch"}, "output": {0: "batch"}} if batch is None else None
                ),
                opset_version=opset,
                dynamo=False,
            )
        except Exception as error:  # anything that the module's own code or the tracer raises
            raise ArgumentError(
                f"net cannot be written as ONNX: {shown(str(error))} ({type(error).__name__})"
            ) from error
        finally:
            module.train(training)
    return out.getvalue()
