"""Torch modules as ONNX files: ``to_onnx``. Imports torch and onnx.

Written here rather than by torch's exporters: one of them is deprecated and the other needs more
packages, both fold or rename what a reader of the file wants to find again. Nodes bear the names of
the modules that they come from; batch norms stay nodes of their own.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn

from ..._version import __version__
from ...base.checks import integer, write_bytes_atomic
from ...errors import ArgumentError

__all__ = ["CELLS_KEY", "MAX_OPSET", "MIN_OPSET", "onnx_model", "write_onnx"]

MIN_OPSET, MAX_OPSET = 13, 21
CELLS_KEY = "flash.cells"  # model metadata: the prefix of node names that a cell's number follows
MAX_BYTES = (1 << 31) - (1 << 20)  # of a protobuf, with room for the rest


def write_onnx(
    module: Any,
    input_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    path: Any,
    opset: int,
    batch: int | None,
) -> None:
    """Write an ONNX file of a module; see `Architecture.to_onnx`."""
    model = onnx_model(module, input_shape, output_shape, opset, batch)
    write_bytes_atomic(path, model.SerializeToString(deterministic=True))


def onnx_model(
    module: Any,
    input_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    opset: int,
    batch: int | None,
) -> Any:
    """Return the ONNX model of a module made by flash, in inference mode.

    Raises
    ------
    ArgumentError
        If the weights are on torch's meta device or too large for one ONNX file, or the module
        does something that none of flash's own modules does.
    """
    opset = integer("opset", opset, MIN_OPSET, MAX_OPSET)
    if batch is not None:
        batch = integer("batch", batch, 1, 1 << 20)
    size = sum(p.numel() * 4 for p in module.parameters())
    if size > MAX_BYTES:
        raise ArgumentError(
            f"the network is too large for one ONNX file: its weights are {size} bytes, at most "
            f"{MAX_BYTES} are accepted"
        )
    if any(p.is_meta for p in module.parameters()):
        raise ArgumentError("module must hold weights, got one on torch's meta device")
    writer = _Writer(module)
    result = writer.run()
    first = "batch" if batch is None else batch
    graph = helper.make_graph(
        writer.nodes,
        "flash",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [first, *input_shape])],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, [first, *output_shape])],
        writer.weights,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8 if opset <= 18 else 10,  # no newer than needed: old runtimes read it
        producer_name="flash",
        producer_version=__version__,
    )
    helper.set_model_props(model, {CELLS_KEY: "cells."})
    onnx.checker.check_model(model)
    return model


class _Writer:
    """Walks a traced module and collects ONNX nodes and weights."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.written: set[str] = set()
        # what each traced node is in the file: a name, or for a split the names of its pieces
        self.values: dict[fx.Node, Any] = {}

    def run(self) -> str:
        """Return the name of the output."""
        graph = fx.Tracer().trace(self.module)
        for node in graph.nodes:
            if node.op == "placeholder":
                self.values[node] = "input"
            elif node.op == "output":
                source = self.values[node.args[0]]
                self.nodes.append(helper.make_node("Identity", [source], ["output"], "output"))
            elif node.op == "get_attr":
                self.values[node] = node.target  # written where it is used
            elif node.op == "call_module":
                part = self.module.get_submodule(node.target)
                self.values[node] = self.call_module(node.target, part, self.values[node.args[0]])
            else:
                self.values[node] = self.call(node)
        return "output"

    def weight(self, name: str, tensor: Any) -> str:
        """Add a tensor once and return its name."""
        if name not in self.written:
            self.written.add(name)
            array = tensor.detach().cpu()
            array = array.float() if array.is_floating_point() else array
            self.weights.append(numpy_helper.from_array(array.contiguous().numpy(), name))
        return name

    def constant(self, name: str, values: Any, kind: Any) -> str:
        if name not in self.written:
            self.written.add(name)
            self.weights.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def add(self, kind: str, inputs: list[str], name: str, outputs: int = 0, **fields: Any) -> Any:
        """Add a node; return the name of its output, or their names."""
        names = [f"{name}.{k}" for k in range(outputs)] if outputs else [f"{name}.out"]
        self.nodes.append(helper.make_node(kind, inputs, names, name, **fields))
        return names if outputs else names[0]

    def call_module(self, name: str, part: nn.Module, x: str) -> str:
        result = x
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            given = [x, self.weight(f"{name}.weight", part.weight)]
            if part.bias is not None:
                given.append(self.weight(f"{name}.bias", part.bias))
            if isinstance(part, nn.Conv2d):
                result = self.add("Conv", given, name, **_window(part), group=part.groups)
            else:
                result = self.add("Gemm", given, name, transB=1)
        elif isinstance(part, nn.BatchNorm2d):
            parts = ("weight", "bias", "running_mean", "running_var")
            given = [self.weight(f"{name}.{one}", getattr(part, one)) for one in parts]
            result = self.add("BatchNormalization", [x, *given], name, epsilon=part.eps)
        elif isinstance(part, nn.ReLU6):
            low = self.constant("zero", 0.0, np.float32)
            high = self.constant("six", 6.0, np.float32)
            result = self.add("Clip", [x, low, high], name)
        elif isinstance(part, nn.ReLU):
            result = self.add("Relu", [x], name)
        elif isinstance(part, nn.AdaptiveAvgPool2d) and part.output_size in (1, (1, 1)):
            result = self.add("GlobalAveragePool", [x], name)
        elif isinstance(part, nn.MaxPool2d):
            result = self.add("MaxPool", [x], name, **_window(part))
        elif isinstance(part, nn.AvgPool2d):
            result = self.add(
                "AveragePool",
                [x],
                name,
                **_window(part),
                count_include_pad=int(part.count_include_pad),
            )
        elif isinstance(part, nn.Flatten):
            result = self.add("Flatten", [x], name, axis=1)
        elif not isinstance(part, nn.Identity):
            raise ArgumentError(
                f"module holds a {type(part).__name__} ({name}): not one of flash's"
            )
        return result

    def call(self, node: fx.Node) -> Any:
        """Write a function or method of torch, of those that flash's modules use."""
        args: Any = node.args
        name = _scope(node) + node.name
        if node.target is operator.getitem and isinstance(args[1], tuple):
            return self.slice(name, self.values[args[0]], args[1])
        if node.target is nn.functional.pad:
            left, right, top, bottom = args[1]
            sides = self.constant(f"{name}.pads", [0, 0, top, left, 0, 0, bottom, right], np.int64)
            return self.add("Pad", [self.values[args[0]], sides], name)
        if node.target is operator.getitem:
            return self.values[args[0]][args[1]]
        if node.target is operator.add:
            return self.add("Add", [self.values[one] for one in args], name)
        if node.target is operator.mul:
            mask = self.weight(args[1].target, _find(self.module, args[1].target))
            return self.add("Mul", [self.values[args[0]], mask], name)
        if node.target is torch.cat:
            given = [self.values[one] for one in args[0]]
            given = [one for one in given if one is not None]  # pieces of no channels
            return self.add("Concat", given, name, axis=1)
        if node.target == "index_select":
            index = _find(self.module, args[2].target)
            if not index.numel():
                return None
            given = [self.values[args[0]], self.weight(args[2].target, index)]
            return self.add("Gather", given, name, axis=1)
        if node.target == "split":
            sizes = [size for size in args[1] if size]
            if len(sizes) < 2:
                whole = self.values[args[0]]
                return [whole if size else None for size in args[1]]
            counts = self.constant(f"{name}.sizes", sizes, np.int64)
            made = iter(self.add("Split", [self.values[args[0]], counts], name, len(sizes), axis=1))
            return [next(made) if size else None for size in args[1]]
        raise ArgumentError(f"module calls {node.target}: not one of flash's own modules")

    def slice(self, name: str, x: str, cuts: tuple[slice, ...]) -> str:
        """Add what leaves the beginning of some axes out."""
        begins = {axis: cut.start for axis, cut in enumerate(cuts) if cut != slice(None)}
        if any(cut.stop is not None or cut.step is not None for cut in cuts):
            raise ArgumentError(f"module slices by {cuts}: not one of flash's own modules")
        numbers = [
            self.constant(f"{name}.{what}", values, np.int64)
            for what, values in (
                ("starts", list(begins.values())),
                ("ends", [np.iinfo(np.int64).max] * len(begins)),
                ("axes", list(begins)),
            )
        ]
        found: str = self.add("Slice", [x, *numbers], name)
        return found


def _scope(node: fx.Node) -> str:
    """Return the path of the module that a node was traced in, with a dot."""
    stack = node.meta.get("nn_module_stack")
    path = next(reversed(stack)) if stack else ""
    return f"{path}." if path else ""


def _find(module: nn.Module, target: Any) -> Any:
    return operator.attrgetter(target)(module)


def _window(part: Any) -> dict[str, Any]:
    """Return kernel, strides, pads and dilations of a convolution or pool."""
    window: dict[str, Any] = {
        "kernel_shape": _pair(part.kernel_size),
        "strides": _pair(part.stride),
        "pads": _pair(part.padding) * 2,
    }
    if not isinstance(part, nn.AvgPool2d):
        window["dilations"] = _pair(part.dilation)
    return window


def _pair(value: Any) -> list[int]:
    return list(value) if isinstance(value, (tuple, list)) else [value, value]
