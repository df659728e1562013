"""A series of networks to measure: its settings, checked, and what each network runs in."""

from __future__ import annotations

import os

from ..base.checks import choice, flag, integer, number, path_of
from ..base.checks import is_list as has_items
from ..errors import ArgumentError, FlashError
from ._conditions import Refused
from ._timing import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = [
    "MAX_NETWORKS",
    "checked_settings",
    "checked_shape",
    "engine_opener",
    "is_list",
    "onnx_of",
    "refuse_device",
    "require_runtime",
    "series_item",
]

RUNTIMES = ("torch", "onnxruntime")
DEVICES = ("cpu", "cuda")
CLOCKS = ("wall", "cpu")
DTYPES = ("float32", "float16", "bfloat16")
MAX_NETWORKS = 100_000


def is_list(value: object) -> bool:
    from ._samples import is_module

    return (
        (hasattr(value, "__next__") or has_items(value))
        and not isinstance(value, (os.PathLike, dict, bytes, bytearray))
        and not is_module(value)
        and not hasattr(value, "layers")
    )


def checked_settings(
    runtime: str,
    threads: int,
    device: str,
    batch: int,
    dtype: str,
    clock: str,
    time_limit_s: float,
    passes: int,
    pin: bool,
    seed: int,
    energy: str | os.PathLike[str] | None = None,
    turns: bool = False,
) -> dict[str, Any]:
    """Return the checked settings of a series; turns: whether its runs are in turns."""
    settings = {
        "runtime": choice("runtime", runtime, RUNTIMES),
        "threads": integer("threads", threads, 1, 1024),
        "device": choice("device", device, DEVICES),
        "batch": integer("batch", batch, 1, 1 << 20),
        "dtype": choice("dtype", dtype, DTYPES),
        "clock": choice("clock", clock, CLOCKS),
        "time_limit_s": float(number("time_limit_s", time_limit_s, high=1e6, above=0)),
        "passes": integer("passes", passes, 1, 1000),
        "pin": flag("pin", pin),
        "seed": integer("seed", seed, 0, 2**32 - 1),
        "energy": None if energy is None else path_of("energy", energy),
        "turns": turns,
    }
    if clock == "cpu" and (device != "cpu" or threads != 1):
        raise ArgumentError("clock must be 'wall' for CUDA or several threads, got 'cpu'")
    if runtime == "onnxruntime" and dtype != "float32":
        raise ArgumentError(
            f"dtype must be 'float32' with onnxruntime (an ONNX model has its own), got {dtype!r}"
        )
    if energy is not None:
        from ._conditions import chosen_meter

        try:
            chosen_meter(device, path_of("energy", energy))
        except Refused as error:
            raise ArgumentError(f"energy: {error}") from None
    assert settings.keys() >= SETTINGS.keys()
    return settings


def checked_shape(given: Sequence[int] | int | None) -> tuple[int, ...] | None:
    """Return an image's shape, or a length alone: so many token numbers."""
    if given is None:
        return None
    if isinstance(given, int):
        return (integer("input_shape", given, 1, 1 << 24),)
    from ..networks.network import image_shape

    return image_shape(given)


def require_runtime(runtime: str) -> None:
    from ..base.extras import require

    if runtime == "torch":
        require("measuring with torch", "torch", "torch")
    else:
        require("measuring with onnxruntime", "onnx", "onnxruntime")


def refuse_device(settings: dict[str, Any]) -> None:
    if settings["device"] == "cuda" and settings["runtime"] == "torch":
        import torch

        if not torch.cuda.is_available():
            raise ArgumentError("device must be 'cpu': torch finds no CUDA device, got 'cuda'")


def series_item(
    net: Any, place: int, input_shape: tuple[int, ...] | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return a network as the series takes it: its name, its key, its layers as data."""
    import hashlib
    import json

    from ..networks.architecture import Architecture
    from ._samples import as_net, is_module, label, model_bytes

    subject: dict[str, Any] | None
    source = net
    shape: tuple[int, ...] = input_shape or (3, 32, 32)
    held = model_bytes(net)
    file = isinstance(net, (str, os.PathLike)) and os.fsdecode(net).endswith(".onnx")
    onnx = file or held is not None
    given = os.path.basename(os.fsdecode(net)) if file else "model.onnx"
    if held is not None:
        source = net = held
    if onnx and settings["runtime"] == "torch":
        raise ArgumentError(
            "runtime must be 'onnxruntime' for an ONNX model, got 'torch' for "
            + (os.fsdecode(net) if file else given)
        )
    try:
        found = as_net(net, f"net[{place}]", shape)
    except FlashError as error:
        if not onnx and not is_module(net):
            raise
        unread = str(error)
        subject, title = None, given if onnx else type(net).__name__
        if is_module(net):
            module: Any = net
            title += f"-{sum(p.numel() for p in module.parameters())}"
        from ._doubts import warn

        warn(
            f"flash cannot read the layers of net[{place}] ({title}), and a calibration will "
            f"leave its measurement out: {unread}"
        )
    else:
        if isinstance(found, Architecture):
            subject = {"architecture": found.to_dict()}
            own = (3, found.resolution, found.resolution)
        else:
            subject, own = {"network": found.to_dict()}, found.input_shape
        if not is_module(net):  # that is run as it was read
            if input_shape is not None and input_shape != own:
                raise ArgumentError(
                    f"input_shape must be {own} for net[{place}], got {input_shape}"
                )
            shape = own
        title = given if file else label(found)
        if not onnx and not is_module(net):
            source = found
    key = json.dumps([subject, title], sort_keys=True)
    return {
        "key": f"{hashlib.sha256(key.encode()).hexdigest()[:24]}-{place}",
        "name": title,
        "subject": subject,
        "source": source,
        "shape": shape,
    }


def engine_opener(settings: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """Return what opens an engine; models are written once and kept."""
    made: dict[str, bytes] = {}

    def open_onnxruntime(item: dict[str, Any]) -> Any:
        from ._onnxruntime import Onnxruntime

        model = made.get(item["key"])
        if model is None:
            model = made[item["key"]] = onnx_of(item, settings["seed"])
        return Onnxruntime(model, settings, item["shape"])

    def open_torch(item: dict[str, Any]) -> Any:
        from ._engines import TorchEngine, torch_module

        return TorchEngine(torch_module(item["source"], settings["seed"]), item["shape"], settings)

    return open_torch if settings["runtime"] == "torch" else open_onnxruntime


def onnx_of(item: dict[str, Any], seed: int) -> bytes:
    source = item["source"]
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return file.read()
    from ..base.extras import require

    require("measuring with onnxruntime", "onnx", "torch", "onnx")
    from ._engines import onnx_bytes

    return onnx_bytes(source, item["shape"], seed)
