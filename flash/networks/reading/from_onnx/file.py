"""ONNX files as operations. Imports onnx.

Nothing in a file is trusted: sizes are checked before they are used, other files are opened only
for a few integers that decide a shape and only where they lie beside it, and large constants are
not read as numbers. Shapes are worked out here, operator by operator: onnx's own inference stops at
what it does not know, and old ones end the process on some files.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import onnx
from onnx import ModelProto

from ....base.checks import integer, is_list, shown
from ....errors import ArgumentError, ArgumentTypeError, FormatError
from ...layer import MAX_CHANNELS, MAX_LAYERS
from ..assemble import assemble
from ..operations import IMAGE, Operation
from .joining import joined
from .values import SMALL, Shape, Value, bits_of, is_float, numpy_kind
from .walk import Reader, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...network import Network

    Sizes = list[int | str | None]

__all__ = ["listed", "read_onnx"]

MAX_BYTES = 1 << 31
MIN_OPSET, MAX_OPSET = 1, 28  # and what the installed onnx knows beyond
MAX_FLOATS = 16  # numbers of a float constant in another file that may decide a shape
CELLS_KEY = "flash.cells"  # as flash.networks.writing writes it


def read_onnx(source: Any, input_shape: Any = None) -> Network:
    """Return the network of an ONNX file, its bytes or a model; see `Network.from_onnx`."""
    import warnings

    operations, shape, handed, notes = listed(source, input_shape)
    try:
        network = assemble(operations, shape, handed)
    except (ArgumentError, ArgumentTypeError) as error:
        raise FormatError(f"the ONNX file: {error}") from None
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        raise FormatError(f"the ONNX file contradicts itself: {error}") from error
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=3)
    return network


def listed(
    source: Any, input_shape: Any = None
) -> tuple[list[Operation], Shape, list[int], list[str]]:
    """Return a file's operations, the shape of its input, the values that are handed out, and notes
    on what a run might do otherwise."""
    model, folder = _parsed(source)
    reader = _opened(model, folder)
    graph = model.graph
    scope = Scope()
    reader.initialise(graph, scope)
    free = [one for one in graph.input if one.name not in scope.values]
    if not free:
        raise FormatError("the ONNX file must have an input, the image, got none")
    shapes = _input_shapes(reader, free, input_shape)
    image = _image(free, shapes)
    for place, one in enumerate([free[image], *free[:image], *free[image + 1 :]]):
        kind = one.type.tensor_type.elem_type
        value = Value(shapes[one.name], kind, IMAGE)
        if place:
            shape = shapes[one.name]
            if 0 in shape:  # nothing was there before
                value = Value(shape, kind, None, True)
            else:
                value.number = reader.listing.add("input", [], shape, one.name, bits=bits_of(kind))
        scope.values[one.name] = value
    for one in graph.value_info:
        scope.declared.setdefault(one.name, one.type)
    outputs = [one.name for one in graph.output]
    reader.run(graph.node, outputs, scope)
    for operator, path, why in reader.unknown:
        reader.listing.unknown(operator, path, why)
    reader.listing.refuse_unknown("the ONNX file")
    handed = _handed(reader, scope, outputs)
    operations = joined(reader.listing.operations, handed)
    return operations, shapes[free[image].name], handed, reader.notes


def _handed(reader: Reader, scope: Scope, outputs: Sequence[str]) -> list[int]:
    """Return the values that the network hands out, those that heads read as well."""
    operations = reader.listing.operations
    if not any(one.kind != "input" for one in operations):
        raise FormatError("the ONNX file must hold at least one layer, got none")
    found: dict[int, None] = {}
    for name in outputs:
        value = scope.find(name)
        if value is None:
            raise FormatError(f"output {shown(name)} of the ONNX file is made by nothing")
        for one in (value, *(value.items or ())):
            if one.number is not None:
                found[one.number] = None
    made = {one.output for one in operations if one.kind != "input"}
    handed = [number for number in (*found, *dict.fromkeys(reader.handed)) if number in made]
    if not handed:
        names = ", ".join(shown(name) for name in outputs[:5]) or "none"
        raise FormatError(f"the ONNX file must hand out what is made of its input, got {names}")
    return list(dict.fromkeys(handed))


def _parsed(source: Any) -> tuple[ModelProto, str | None]:
    """Return the model and the folder that it lies in, if it lies in one."""
    from google.protobuf.message import DecodeError

    folder = None
    if isinstance(source, ModelProto):
        return _whole(source), None
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > MAX_BYTES:
                    raise FormatError(
                        f"the ONNX file {shown(path)} must be at most 2 GiB, got {size} bytes: "
                        "keep its weights in external data, which is not read"
                    )
                data = file.read(MAX_BYTES + 1)
        except ValueError as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"{shown(path)} is no path: {error}") from None
        folder = os.path.dirname(os.path.abspath(os.fsdecode(path)))
    else:
        raise ArgumentTypeError(
            f"source must be the path of an ONNX file, its bytes or an onnx.ModelProto, got "
            f"{shown(source)} ({type(source).__name__})"
        )
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, ValueError) as error:
        raise FormatError(f"the ONNX file is truncated or none at all: {error}") from None
    return _whole(model), folder


def _whole(model: ModelProto) -> ModelProto:
    if not model.HasField("graph") or not model.graph.node:
        raise FormatError("the ONNX file is truncated or none at all: it holds no nodes")
    return model


def _opened(model: ModelProto, folder: str | None) -> Reader:
    """Check what stands around the nodes."""
    newest = max(MAX_OPSET, onnx.defs.onnx_opset_version())
    versions = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    if len(set(versions)) != 1 or not MIN_OPSET <= versions[0] <= newest:
        got = ", ".join(map(str, versions)) or "none"
        raise FormatError(f"the ONNX file must be of opset {MIN_OPSET} to {newest}, got {got}")
    count = len(model.graph.node)
    if count > MAX_LAYERS:
        raise FormatError(f"the ONNX file must have at most {MAX_LAYERS} nodes, got {count}")
    cells = None
    for one in model.metadata_props:
        if one.key == CELLS_KEY:
            cells = str(one.value)
    return Reader(model, cells, _fetcher(folder))


def _fetcher(folder: str | None) -> Callable[[Any], Any]:
    """Return what reads a few numbers from a file that lies beside the model."""

    def fetch(tensor: Any) -> Any:
        import numpy as np

        count, kind = math.prod(tensor.dims), numpy_kind(tensor.data_type)
        few = count <= (MAX_FLOATS if is_float(tensor.data_type) else SMALL)
        if folder is None or kind is None or not few:
            return None
        entries = {one.key: one.value for one in tensor.external_data}
        name = entries.get("location", "")
        if not name or os.path.basename(name) != name or "\0" in name:
            return None
        path = os.path.join(folder, name)
        size = count * np.dtype(kind).itemsize
        try:
            offset = int(entries.get("offset", "0"))
            if os.path.islink(path) or not os.path.isfile(path) or offset < 0:
                return None
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read(size)
        except (OSError, ValueError, OverflowError):
            return None
        return np.frombuffer(data, kind).reshape(tensor.dims) if len(data) == size else None

    return fetch


# Inputs


def _input_shapes(reader: Reader, free: Sequence[Any], given: Any) -> dict[str, Shape]:
    """Return the shape of each input: what the file fixes, what is given, one image of a batch."""
    declared = {one.name: _declared(one) for one in free}
    chosen = _given(given, declared)
    symbols: dict[str, int] = {}
    for name, sizes in declared.items():
        if name in chosen:
            declared[name] = _agreed(name, sizes, chosen[name], symbols)
    batch = _batch(declared, chosen)
    shapes = {}
    for name, sizes in declared.items():
        whole = [] if sizes is None else list(sizes)
        if whole and name not in chosen and (type(whole[0]) is not int or whole[0] == batch):
            first = whole[0]
            if _is_batch(name, whole, declared):
                whole[0] = symbols.setdefault(first, 1) if isinstance(first, str) else 1
        declared[name] = whole if sizes is not None else None
    for name, sizes in declared.items():
        shapes[name] = _closed(name, sizes, symbols, len(declared))
    reader.symbols = symbols
    if batch > 1 and not any(shapes[name][:1] == (batch,) for name in chosen):
        reader.fixed_batch = batch
        reader.trusts_declared = False
    return shapes


def _declared(value: Any) -> Sizes | None:
    """Return the sizes of an input: numbers, names of open ones, None without a name."""
    if not value.type.HasField("tensor_type"):
        raise FormatError(f"input {shown(value.name)} must be a tensor")
    if not value.type.tensor_type.HasField("shape"):
        return None
    sizes: Sizes = []
    for dim in value.type.tensor_type.shape.dim:
        if dim.HasField("dim_value") and dim.dim_value > 0:
            if dim.dim_value > MAX_CHANNELS:
                raise FormatError(
                    f"the sizes of input {shown(value.name)} must be 1 to {MAX_CHANNELS}, got "
                    f"{dim.dim_value}"
                )
            sizes.append(int(dim.dim_value))
        else:
            named = dim.dim_param if any(one.isalnum() for one in dim.dim_param) else None
            sizes.append(named)  # "?" is no name
    return sizes


def _given(given: Any, declared: Mapping[str, Sizes | None]) -> dict[str, tuple[int, ...]]:
    """Return `input_shape` by the names of inputs."""
    if given is None:
        return {}
    names = ", ".join(shown(name) for name in declared)
    if isinstance(given, dict):
        for name in given:
            if name not in declared:
                raise ArgumentError(f"input_shape must name inputs of {names}, got {shown(name)}")
        return {name: _tuple(f"input_shape[{name!r}]", one) for name, one in given.items()}
    shape = _tuple("input_shape", given)
    if len(declared) > 1:
        fitting = [
            name for name, sizes in declared.items()
            if sizes is None or len(sizes) in (len(shape), len(shape) + 1)
        ]  # fmt: skip
        if len(fitting) != 1:
            raise ArgumentError(
                f"input_shape must be a dict by name, since there are several inputs ({names}), "
                f"got {shown(given)}"
            )
        return {fitting[0]: shape}
    return {next(iter(declared)): shape}


def _tuple(name: str, given: Any) -> tuple[int, ...]:
    if type(given) is int:
        given = (given,)
    if not is_list(given):
        raise ArgumentTypeError(f"{name} must be the sizes of an input, got {shown(given)}")
    return tuple(
        integer(f"{name}[{place}]", one, 0, MAX_CHANNELS) for place, one in enumerate(given)
    )


def _agreed(
    name: str, sizes: Sizes | None, given: tuple[int, ...], symbols: dict[str, int]
) -> Sizes:
    """Return the sizes that are given for an input, with a batch of 1 where none is."""
    if sizes is None:
        return [1, *given]
    if len(given) == len(sizes) - 1:
        first = sizes[0]
        one = symbols.get(first, 1) if isinstance(first, str) else 1
        given = (one, *given)
        sizes = [None if type(first) is int else first, *sizes[1:]]
    if len(given) != len(sizes):
        raise ArgumentError(
            f"input_shape of {shown(name)} must have {len(sizes)} sizes, or {len(sizes) - 1} "
            f"without the batch, got {given}"
        )
    for size, one in zip(sizes, given, strict=True):
        if type(size) is int and size != one:
            raise ArgumentError(
                f"input_shape of {shown(name)} must agree with the file, which fixes {sizes}, got "
                f"{given}"
            )
        if isinstance(size, str) and symbols.setdefault(size, one) != one:
            raise ArgumentError(
                f"input_shape: {shown(size)} must be one number, got {symbols[size]} and {one}"
            )
    return list(given)


def _batch(declared: Mapping[str, Sizes | None], chosen: Mapping[str, Any]) -> int:
    """Return the batch of maps that a file is made for where it fixes one, else 1."""
    for name, sizes in declared.items():
        if sizes and len(sizes) >= 4 and type(sizes[0]) is int and name not in chosen:
            return sizes[0]
    return 1


def _is_batch(name: str, sizes: Sizes, declared: Mapping[str, Sizes | None]) -> bool:
    """Whether the first of an input's sizes counts images: not of a list of numbers alone."""
    if len(sizes) > 1:
        return type(sizes[0]) is not int or len(sizes) > 3
    same = sizes[0]
    return isinstance(same, str) and (
        "batch" in same.lower()
        or any(
            other != name and one is not None and len(one) > 1 and one[0] == same
            for other, one in declared.items()
        )
    )


def _closed(
    name: str, sizes: Sizes | None, symbols: Mapping[str, int], count: int
) -> tuple[int, ...]:
    """Return the sizes of an input, all of which must be known."""
    argument = f"input_shape={{{name!r}: (...)}}" if count > 1 else "input_shape=(...)"
    if sizes is None:
        raise FormatError(f"input {shown(name)} has no shape: pass {argument}")
    result = []
    for axis, size in enumerate(sizes):
        known = _worked_out(size, symbols) if isinstance(size, str) else size
        if known is None:
            raise FormatError(
                f"size {axis} of input {shown(name)} is open ({size or 'without a name'}): pass "
                f"{argument}, the sizes of it without the batch, such as "
                f"{_example(sizes)}"
            )
        result.append(known)
    return tuple(result)


def _worked_out(text: str, symbols: Mapping[str, int]) -> int | None:
    """Return a size that is a name, or a sum of names and numbers, None where one is open."""
    if text in symbols:
        return symbols[text]
    parts = [one.strip() for one in text[:200].split("+")]
    sizes = [int(one) if one.isdecimal() and len(one) < 13 else symbols.get(one) for one in parts]
    known = [one for one in sizes if one is not None]
    return sum(known) if len(known) == len(sizes) > 1 else None


def _example(sizes: Sizes) -> tuple[int, ...]:
    usual = {1: (128,), 2: (80, 3000), 3: (3, 224, 224), 4: (3, 8, 112, 112)}
    fitting = usual.get(len(sizes) - 1, (1,) * max(len(sizes) - 1, 1))
    return tuple(
        size if type(size) is int else one for size, one in zip(sizes[1:], fitting, strict=False)
    ) or (1,)


def _image(free: Sequence[Any], shapes: Mapping[str, Shape]) -> int:
    """Return which input is the image: the first with four axes, else the first that has any."""
    for place, one in enumerate(free):
        if len(shapes[one.name]) == 4 and 0 not in shapes[one.name]:
            return place
    for place, one in enumerate(free):
        if 0 not in shapes[one.name]:
            return place
    raise FormatError("the ONNX file must have an input that holds numbers, got none")
