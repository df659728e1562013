"""ONNX files as operations. Imports onnx.

Nothing in a file is trusted: sizes are checked before they are used, external data is never opened,
and only small constants are read as numbers.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper, shape_inference

from ...base.checks import shown
from ...errors import ArgumentError, ArgumentTypeError, FormatError
from ..layer import MAX_CHANNELS, MAX_LAYERS, MAX_SIDE
from .assemble import assemble
from .onnx_folding import fold
from .onnx_nodes import HANDLERS, IGNORED
from .onnx_values import File
from .operations import IMAGE, Listing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..network import Network

__all__ = ["read_onnx"]

MAX_BYTES = 1 << 31
MIN_OPSET = 13
SMALL = 1 << 16  # numbers in a constant up to which it is read
CELLS_KEY = "flash.cells"  # as flash.networks.writing writes it
_WIDTHS = {
    TensorProto.FLOAT: (4, "float_data"),
    TensorProto.DOUBLE: (8, "double_data"),
    TensorProto.INT64: (8, "int64_data"),
    TensorProto.INT32: (4, "int32_data"),
    TensorProto.FLOAT16: (2, "int32_data"),
    TensorProto.BFLOAT16: (2, "int32_data"),
    TensorProto.INT8: (1, "int32_data"),
    TensorProto.UINT8: (1, "int32_data"),
    TensorProto.BOOL: (1, "int32_data"),
}


def read_onnx(source: Any) -> Network:
    """Return the network of an ONNX file or its bytes; see `Network.from_onnx`."""
    model = _parsed(source)
    file, image = _opened(model)
    for node in model.graph.node:
        for one in node.input:
            file.readers[one] = file.readers.get(one, 0) + 1
    for number, node in enumerate(model.graph.node):
        name = node.name if isinstance(node.name, str) else ""  # bytes where it is no UTF-8
        name = name or f"node {number}"
        try:
            _take(file, node, name)
        except FormatError:
            raise
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            # an input or output that is not there, a constant of a shape that it cannot have
            raise FormatError(
                f"{shown(node.op_type)} at {shown(name)} cannot be read: {error}"
            ) from error
    file.listing.refuse_unknown("the ONNX file")
    if not file.listing.operations:
        raise FormatError("the ONNX file must hold at least one layer, got none")
    returned = [file.numbers.get(one.name) for one in model.graph.output]
    handed = [number for number in returned if number is not None]
    if not handed:
        names = ", ".join(shown(one.name) for one in model.graph.output[:5]) or "none"
        raise FormatError(f"the ONNX file must hand out what is made of the image, got {names}")
    try:
        return assemble(file.listing.operations, image, handed)
    except (ArgumentError, ArgumentTypeError) as error:
        raise FormatError(f"the ONNX file: {error}") from None


def _parsed(source: Any) -> ModelProto:
    from google.protobuf.message import DecodeError

    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        try:
            with open(source, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > MAX_BYTES:
                    raise FormatError(
                        f"the ONNX file {shown(os.fspath(source))} must be at most 2 GiB, got "
                        f"{size} bytes: keep its weights in external data, which is not read"
                    )
                data = file.read(MAX_BYTES + 1)
        except ValueError as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"{shown(os.fspath(source))} is no path: {error}") from None
    else:
        raise ArgumentTypeError(
            f"source must be the path of an ONNX file or its bytes, got {shown(source)} "
            f"({type(source).__name__})"
        )
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise FormatError(f"the ONNX file is truncated or none at all: {error}") from None
    if not model.HasField("graph") or not model.graph.node:
        raise FormatError("the ONNX file is truncated or none at all: it holds no nodes")
    return model


def _opened(model: ModelProto) -> tuple[File, tuple[int, int, int]]:
    """Check what stands around the nodes."""
    newest = onnx.defs.onnx_opset_version()
    versions = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    if len(versions) != 1 or not MIN_OPSET <= versions[0] <= newest:
        got = ", ".join(map(str, versions)) or "none"
        raise FormatError(
            f"the ONNX file must be of opset {MIN_OPSET} to {newest} (what the installed onnx "
            f"knows), got {got}"
        )
    graph = model.graph
    if len(graph.node) > MAX_LAYERS:
        raise FormatError(
            f"the ONNX file must have at most {MAX_LAYERS} nodes, got {len(graph.node)}"
        )
    file = File(_cells_prefix(model))
    for tensor in graph.initializer:
        _check_size(tensor, f"initializer {shown(tensor.name)}")
        file.dims[tensor.name] = tuple(tensor.dims)
        if _is_small(tensor):
            file.constants[tensor.name] = _array(tensor)
    for sparse in graph.sparse_initializer:
        file.dims[sparse.values.name] = tuple(sparse.dims)
    free = [one for one in graph.input if one.name not in file.dims]
    if len(free) != 1:
        names = ", ".join(shown(one.name) for one in free[:5]) or "none"
        raise FormatError(f"the ONNX file must have one input, the image, got {names}")
    image = _image(free[0])
    file.numbers[free[0].name] = IMAGE
    file.shapes = _inferred(model, free[0].name)
    file.shapes[free[0].name] = (file.batch, *image)
    return file, image


def _cells_prefix(model: ModelProto) -> str | None:
    for one in model.metadata_props:
        if one.key == CELLS_KEY:
            return str(one.value)
    return None


def _image(value: Any) -> tuple[int, int, int]:
    """Return channels, height and width of the input."""
    dims = value.type.tensor_type.shape.dim
    name = shown(value.name)
    if len(dims) != 4:
        raise FormatError(
            f"input {name} must be (batch, channels, height, width), got {len(dims)} dimensions"
        )
    sizes = []
    for what, dim, most in zip(
        ("channels", "height", "width"), dims[1:], (MAX_CHANNELS, MAX_SIDE, MAX_SIDE), strict=True
    ):
        if not dim.HasField("dim_value"):
            raise FormatError(
                f"the {what} of input {name} must be fixed, got "
                f"{shown(dim.dim_param) if dim.dim_param else 'none'}: only the batch may be open"
            )
        if not 1 <= dim.dim_value <= most:
            raise FormatError(
                f"the {what} of input {name} must be 1 to {most}, got {dim.dim_value}"
            )
        sizes.append(int(dim.dim_value))
    return sizes[0], sizes[1], sizes[2]


def _check_size(tensor: Any, what: str) -> None:
    """Refuse a tensor whose dimensions and data disagree."""
    if any(not 0 <= dim <= MAX_CHANNELS for dim in tensor.dims):
        raise FormatError(
            f"{what}: dimensions must be 0 to {MAX_CHANNELS}, got {list(tensor.dims)}"
        )
    count = math.prod(tensor.dims)
    if tensor.data_location == TensorProto.EXTERNAL or tensor.data_type not in _WIDTHS:
        return
    width, field = _WIDTHS[tensor.data_type]
    if tensor.HasField("raw_data"):
        held = len(tensor.raw_data) / width
    else:
        held = len(getattr(tensor, field))
    if held != count:
        raise FormatError(
            f"{what}: its dimensions {list(tensor.dims)} ask for {count} numbers, got {held:g}"
        )


def _is_small(tensor: Any) -> bool:
    return (
        tensor.data_location != TensorProto.EXTERNAL
        and tensor.data_type in _WIDTHS
        and math.prod(tensor.dims) <= SMALL
    )


def _array(tensor: Any) -> Any:
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # whatever onnx makes of bytes that are no numbers
        raise FormatError(f"initializer {shown(tensor.name)} cannot be read: {error}") from None


def _divisible(nodes: Iterable[Any]) -> None:
    """Make every stride at least 1: onnx up to 1.21 divides by it, and the process ends.

    A window with a stride of 0 is refused later, where it is read from the model itself.
    """
    for node in nodes:
        for attribute in node.attribute:
            if attribute.name == "strides":
                attribute.ints[:] = [max(1, stride) for stride in attribute.ints]
            elif attribute.HasField("g"):
                _divisible(attribute.g.node)


def _inferred(model: ModelProto, image: str) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes that onnx infers, with a batch of 1 where it is open.

    It works on a copy in which large weights are only declared.
    """
    skeleton = ModelProto()
    skeleton.ir_version = model.ir_version
    skeleton.opset_import.extend(model.opset_import)
    graph, source = skeleton.graph, model.graph
    graph.name = "skeleton"
    graph.node.extend(source.node)
    _divisible(graph.node)
    graph.output.extend(source.output)
    small = [tensor for tensor in source.initializer if _is_small(tensor)]
    held = {tensor.name for tensor in small}
    graph.initializer.extend(small)
    for tensor in source.initializer:
        if tensor.name not in held:
            dims = list(tensor.dims)
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, dims))
    for value in source.input:
        if value.name == image:
            graph.input.append(value)
            batch = graph.input[-1].type.tensor_type.shape.dim[0]
            if not batch.HasField("dim_value") or batch.dim_value < 1:
                batch.dim_value = 1
    try:
        result = shape_inference.infer_shapes(skeleton, data_prop=True)
    except Exception as error:  # C++ behind it: its errors have no common class
        foreign = Listing()
        for number, node in enumerate(source.node):
            if node.domain not in ("", "ai.onnx"):
                name = node.name or f"node {number}"
                foreign.unknown(f"{node.domain}.{node.op_type}"[:80], name[:80])
        foreign.refuse_unknown("the ONNX file")
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise FormatError(f"the ONNX file's shapes cannot be inferred: {first}") from None
    shapes: dict[str, tuple[int | None, ...]] = {}
    for value in (*result.graph.input, *result.graph.value_info, *result.graph.output):
        if value.type.tensor_type.HasField("shape"):
            shapes[value.name] = tuple(
                dim.dim_value if dim.HasField("dim_value") else None
                for dim in value.type.tensor_type.shape.dim
            )
    return shapes


def _take(file: File, node: Any, name: str) -> None:
    """List what a node does."""
    operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    for one in node.input:
        if one and one not in file.dims and one not in file.numbers and one not in file.made:
            raise FormatError(
                f"{shown(operator)} at {shown(name)} reads {shown(one)}, which nothing before it "
                "makes: a cycle, nodes out of order, or a truncated file"
            )
    for one in node.output:
        if one and (one in file.dims or one in file.numbers or one in file.made):
            raise FormatError(f"{shown(one)} is made twice, the second time at {shown(name)}")
        if one:
            file.made.add(one)
    if operator == "Constant":
        _constant(file, node, name)
        return
    read = [one for one in node.input if one in file.numbers]
    if not read or operator in IGNORED:
        if operator == "Identity" and node.input and node.input[0] in file.dims:
            file.alias(node.output[0], node.input[0])
        else:
            fold(file, node)
        return
    handler = HANDLERS.get(operator)
    if handler is None or any(file.numbers[one] is None for one in read):
        if handler is None:
            file.listing.unknown(operator[:80], name[:80])
        for one in node.output:
            file.numbers[one] = None
        return
    file.begin(node, name)
    handler(file, node)


def _constant(file: File, node: Any, name: str) -> None:
    for attribute in node.attribute:
        if attribute.name == "value":
            _check_size(attribute.t, f"constant {shown(name)}")
            file.dims[node.output[0]] = tuple(attribute.t.dims)
            if _is_small(attribute.t):
                file.constants[node.output[0]] = _array(attribute.t)
        elif attribute.name in ("value_int", "value_ints", "value_float", "value_floats"):
            import numpy as np

            array = np.array(helper.get_attribute_value(attribute))
            file.dims[node.output[0]] = array.shape
            file.constants[node.output[0]] = array
