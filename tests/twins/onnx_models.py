"""Small ONNX models, written node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[Any, ...]


def weights(**arrays: Any) -> list[Any]:
    return [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]


def floats(*shape: int) -> Any:
    """Return weights that all differ."""
    count = int(np.prod(shape)) if shape else 1
    return np.arange(1, count + 1, dtype=np.float32).reshape(shape)


def model(
    nodes: list[Any],
    constants: list[Any] | None = None,
    shape: Shape | None = ("n", 4, 8, 8),
    opset: int = 17,
    inputs: dict[str, Shape | None] | tuple[str, ...] = ("x",),
    outputs: list[str] | None = None,
    kinds: dict[str, int] | None = None,
    **more: Any,
) -> Any:
    """Return a model whose last node's first output is its output."""
    value = helper.make_tensor_value_info
    given = inputs if isinstance(inputs, dict) else dict.fromkeys(inputs, shape)
    last = outputs or ([nodes[-1].output[0]] if nodes else [])
    graph = helper.make_graph(
        nodes,
        "g",
        [value(name, (kinds or {}).get(name, TensorProto.FLOAT), s) for name, s in given.items()],
        [value(name, TensorProto.FLOAT, None) for name in last],
        constants or [],
    )
    return helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid("", opset),
            helper.make_opsetid("com.microsoft", 1),
            helper.make_opsetid("my.own", 1),
        ],
        ir_version=8,
        **more,
    )


def node(kind: str, inputs: str, output: str = "y", domain: str = "", **fields: Any) -> Any:
    """Return a node; "_" stands for an input that is left out."""
    names = ["" if one == "_" else one for one in inputs.split()]
    return helper.make_node(
        kind, names, output.split(), f"/{output.split()[0]}/{kind}", domain=domain, **fields
    )


def graph(nodes: list[Any], outputs: str, inputs: str = "") -> Any:
    """Return a branch or a body."""
    value = helper.make_tensor_value_info
    return helper.make_graph(
        nodes,
        "b",
        [value(name, TensorProto.FLOAT, None) for name in inputs.split()],
        [value(name, TensorProto.FLOAT, None) for name in outputs.split()],
    )
