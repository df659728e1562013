"""The data that losses are measured on, from what users pass; imports torch.

A batch is (inputs, targets, count): inputs a tensor, or a tuple or dict of what the module takes.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from ..base.checks import shown
from ..errors import ArgumentError, ArgumentTypeError, FlashError

__all__ = ["Batch", "at", "batches_of", "fingerprint", "shapes"]

Batch = tuple[Any, Any, int]

ACCEPTED = (
    "a pair (inputs, targets) of tensors or arrays, a torch dataset, or batches (inputs, targets)"
)


def batches_of(data: Any, size: int, dtype: Any) -> list[Batch]:
    """Return all batches of data; what gives them is gone through once.

    Parameters
    ----------
    data
        As `flash.sensitivities` takes it.
    size : int
        Of a batch, where data are no batches yet.
    dtype : torch.dtype
        What arrays of floating-point numbers become.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If there are none, or they are no such data.
    """
    kind = type(data).__name__
    if isinstance(data, (str, os.PathLike)):
        raise ArgumentTypeError(
            f"data must be {ACCEPTED}, got the path {os.fspath(data)!r}: "
            "flash.training.load_images(path, shape).train reads a folder or file of images"
        )
    if isinstance(data, (str, bytes, dict)) or not (
        hasattr(data, "__iter__") or hasattr(data, "__getitem__")
    ):
        raise ArgumentTypeError(f"data must be {ACCEPTED}, got {shown(data)} ({kind})")
    if isinstance(data, (tuple, list)) and len(data) == 2 and _is_array(data[1]):
        return _parted("data", _tensors("data", data, dtype), size)
    listed = isinstance(data, (tuple, list))
    if not listed and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        data = torch.utils.data.DataLoader(data, batch_size=size)
    found: list[Batch] = []
    try:
        for number, one in enumerate(data):
            where = f"data: batch {number}"
            if not isinstance(one, (tuple, list)) or len(one) != 2:
                raise ArgumentTypeError(
                    f"{where} must be a pair (inputs, targets), got {shown(one)}"
                )
            inputs, targets = _tensors(where, one, dtype)
            found.append((inputs, targets, _count(where, inputs, targets)))
    except FlashError:
        raise
    except Exception as error:  # whatever a user's dataset raises
        raise ArgumentError(
            f"data must be {ACCEPTED}; a {kind} says {type(error).__name__}: {_first(error)}"
        ) from error
    if not found:
        raise ArgumentError(f"data must hold a batch, got an empty {kind}")
    return found


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def _is_array(value: Any) -> bool:
    return isinstance(value, (torch.Tensor, np.ndarray))


def _tensors(where: str, pair: Any, dtype: Any) -> tuple[Any, Any]:
    return _tensor(where, pair[0], dtype), _tensor(where, pair[1], dtype)


def _tensor(where: str, value: Any, dtype: Any) -> Any:
    """Return arrays as tensors, also within tuples, lists and dicts; all else as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiub":
            raise ArgumentTypeError(f"{where} must hold numbers, got an array of {value.dtype}")
        made = torch.from_numpy(np.ascontiguousarray(value))
        return made.to(dtype) if value.dtype.kind == "f" else made
    if isinstance(value, (tuple, list)):
        return tuple(_tensor(where, one, dtype) for one in value)
    if isinstance(value, dict):
        return {key: _tensor(where, one, dtype) for key, one in value.items()}
    return value


def _rows(value: Any) -> int | None:
    """Return the length of the first tensor's first dimension."""
    if isinstance(value, torch.Tensor):
        return value.shape[0] if value.dim() else None
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(parts, (str, bytes)) or not hasattr(parts, "__iter__"):
        return None
    return next((n for n in map(_rows, parts) if n is not None), None)


def _count(where: str, inputs: Any, targets: Any) -> int:
    own, wanted = _rows(inputs), _rows(targets)
    count = own if own is not None else wanted
    if count == 0 or wanted == 0:
        raise ArgumentError(f"{where} must hold a sample, got {shapes((inputs, targets))}")
    return 1 if count is None else count


def _parted(where: str, pair: tuple[Any, Any], size: int) -> list[Batch]:
    inputs, targets = pair
    count, wanted = _rows(inputs), _rows(targets)
    if count is None or count != wanted:
        raise ArgumentError(
            f"{where} must hold a target for each input, got {shapes(inputs)} and {shapes(targets)}"
        )
    if not count:
        raise ArgumentError(f"{where} must hold a sample, got {shapes(inputs)}")

    def cut(value: Any, begin: int) -> Any:
        if isinstance(value, torch.Tensor):
            return value[begin : begin + size]
        if isinstance(value, tuple):
            return tuple(cut(one, begin) for one in value)
        if isinstance(value, dict):
            return {key: cut(one, begin) for key, one in value.items()}
        return value

    return [
        (cut(inputs, begin), cut(targets, begin), min(size, count - begin))
        for begin in range(0, count, size)
    ]


def shapes(value: Any) -> str:
    """Return what tensors there are, for errors: "inputs of (8, 3, 32, 32) float32"."""
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shapes, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {shapes(one)}' for key, one in value.items())}}}"
    return shown(value)


def at(value: Any, device: Any) -> Any:
    """Return tensors on a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(at(one, device) for one in value)
    if isinstance(value, dict):
        return {key: at(one, device) for key, one in value.items()}
    return value


def fingerprint(named: Any) -> str:
    """Return a hash of tensors and plain values, in any nest: 16 hexadecimal digits."""
    import hashlib

    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            flat = value.detach().cpu().contiguous().flatten()
            digest.update(f"{tuple(value.shape)}{value.dtype}".encode())
            digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
        elif isinstance(value, (tuple, list)):
            digest.update(f"({len(value)}".encode())
            for one in value:
                add(one)
        elif isinstance(value, dict):
            for key in value:
                digest.update(f"{key!r}:".encode())
                add(value[key])
        elif value is None or isinstance(value, (bool, int, float, str)):
            digest.update(repr(value).encode())
        else:
            digest.update(type(value).__name__.encode())

    add(named)
    return digest.hexdigest()[:16]
