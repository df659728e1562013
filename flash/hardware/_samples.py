"""Networks and what was measured of them, from all the forms in which users have them."""

from __future__ import annotations

import os
import sys

from ..base.checks import items, number, parse_json, path_of, read_text, shown
from ..base.names import COSTS
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.architecture import Architecture
from ..networks.network import Network
from ..networks.spelled import spelled_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Protocol, TypeAlias

    import torch

    from ..networks.cell_networks import Net
    from ._measurement import Measurement

    class Found(Protocol):
        """A SearchResult, or what else has an architecture."""

        @property
        def architecture(self) -> Net | None: ...

    class Proto(Protocol):
        """An onnx.ModelProto."""

        def SerializeToString(self) -> bytes: ...

    # What users pass as a network; a path is that of an ONNX model or of JSON, bytes are a model's.
    Subject: TypeAlias = (
        Architecture | Network | Found | torch.nn.Module | str | os.PathLike[str] | bytes | Proto
    )

__all__ = ["Sample", "as_net", "is_module", "label", "listed", "model_bytes", "samples"]


class Sample(Record):
    """A network and its measured costs; None where one was not measured.

    noise_pct: by how much the latency of one half of the passes differs from the other's.
    facts: how it was measured, of a record of that (see `_doubts`).
    """

    name: str
    net: Architecture | Network
    latency_ms: float | None = None
    energy_mj: float | None = None
    area_mm2: float | None = None
    noise_pct: float | None = None
    facts: dict[str, Any] | None = None


def is_module(value: object) -> bool:
    """Return whether a value is a torch module; torch is not loaded to see that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def model_bytes(value: Any) -> bytes | None:
    """Return the ONNX model that a value holds: of bytes and of onnx.ModelProto; else None."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if hasattr(value, "SerializeToString") and hasattr(value, "graph"):
        found: bytes = value.SerializeToString()
        return found
    return None


def as_net(
    value: Any, where: str = "net", input_shape: Sequence[int] = (3, 32, 32)
) -> Architecture | Network:
    """Return the layers of anything that has them.

    Parameters
    ----------
    value : Architecture, Network, SearchResult, torch module, ONNX model or path
        The path of an ONNX model, or of the JSON of an architecture, a network or a result; a model
        may be bytes or an onnx.ModelProto too.
    where : str
        What to call it in errors.
    input_shape : (int, int, int)
        Of a torch module: channels, height and width of the image.

    Raises
    ------
    ArgumentTypeError
        If it is none of these.
    FormatError
        If a file is not what its name says.
    """
    if isinstance(value, (Architecture, Network)):
        return value
    if is_module(value):
        return Network.from_torch(value, tuple(input_shape))
    told = spelled_out(value)
    if told is not None:
        return told
    model = model_bytes(value)
    if model is not None:
        return Network.from_onnx(model)
    found = getattr(value, "architecture", None)
    if isinstance(found, Architecture):
        return found
    if isinstance(value, (str, os.PathLike)):
        path = os.fsdecode(value)
        if path.endswith(".onnx"):
            return Network.from_onnx(path)
        if path.endswith(".json"):
            return from_data(parse_json(read_text(path, where), path), path)
        raise ArgumentError(
            f"{where} must be the path of an .onnx model or of a .json file of an architecture, "
            f"a network or a result, got {shown(path)}"
        )
    raise ArgumentTypeError(
        f"{where} must be an Architecture, a Network, a torch module, an ONNX model or the path of "
        f"an .onnx or .json file, got {shown(value)} ({type(value).__name__})"
    )


def from_data(data: Any, where: str) -> Architecture | Network:
    """Return the network that parsed JSON describes: an architecture, a network, a result."""
    if not isinstance(data, dict):
        raise ArgumentError(f"{where} must hold an architecture or a network, got {shown(data)}")
    if data.get("architecture"):
        return Architecture.from_dict(data["architecture"])
    if data.get("network"):
        return Network.from_dict(data["network"])
    return Network.from_dict(data) if "layers" in data else Architecture.from_dict(data)


def label(net: Architecture | Network) -> str:
    """Return a short name of a network: family, widths, depths and skips of its cells."""
    if isinstance(net, Architecture):
        cells = "_".join(f"{c.width}x{c.depth}s{c.skips}" for c in net.cells[:8])
        return f"{net.family}-{net.resolution}-{cells}"
    return f"network-{len(net.layers)}-{net.params}-{net.macs}"


MOST = 1_000_000  # samples


def listed(name: str, values: Any) -> list[Any]:
    """Return a list of what a caller passes as one: no text, no table, no single network."""
    return items(name, values, MOST)


def samples(
    networks: Any,
    given: dict[str, Any],
    input_shape: Sequence[int] = (3, 32, 32),
) -> list[Sample]:
    """Return the samples that the arguments of `calibrate` stand for.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a list has another length than `networks`, or a value is no number above 0.
    """
    from ._measurement import Measurement

    if isinstance(networks, (Measurement, str, os.PathLike)):
        networks = [networks]
    items = []
    for value in listed("networks", networks):
        if isinstance(value, (str, os.PathLike)) and not _is_model(value):
            items += Measurement.load(value)
        else:
            items.append(value)
    measured = [isinstance(value, Measurement) for value in items]
    columns = {name: values for name, values in given.items() if values is not None}
    if any(measured):
        if not all(measured) or columns:
            raise ArgumentError(
                "networks must be either measurements, which hold their own values, or networks "
                "with latency_ms, energy_mj or area_mm2 beside them, got a mixture"
            )
        return _of_measurements(items)
    if not columns:
        raise ArgumentError(
            "latency_ms, energy_mj or area_mm2 must be given with networks that are no "
            "measurements, got none of them"
        )
    if not items:
        raise ArgumentError("networks must be at least one, got none")
    checked: dict[str, list[float]] = {}
    for name, values in columns.items():
        column = listed(name, values)
        if len(column) != len(items):
            raise ArgumentError(
                f"{name} must hold one number for each of the {len(items)} networks, "
                f"got {len(column)}"
            )
        checked[name] = [
            float(number(f"{name}[{n}]", one, 1e-12, 1e9, above=0)) for n, one in enumerate(column)
        ]
    result = []
    for n, value in enumerate(items):
        net = as_net(value, f"networks[{n}]", input_shape)
        own: dict[str, Any] = {name: column[n] for name, column in checked.items()}
        result.append(Sample(label(net), net, **own))
    return result


def _is_model(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is that of a network; else it is one of measurements."""
    text = path_of("networks", path)
    if not text.endswith(".json"):
        return text.endswith(".onnx")
    data = parse_json(read_text(text, "networks"), text)
    return not (isinstance(data, list) or (isinstance(data, dict) and "median_ms" in data))


def _of_measurements(items: Sequence[Measurement]) -> list[Sample]:
    """Return the samples of measurements; those of what has no layers are left out."""
    from ._doubts import warn

    unread = [one.name for one in items if one.subject is None]
    if len(unread) == len(items):
        raise ArgumentError(
            f"networks must have layers that flash can read, got none: {', '.join(unread[:5])}; "
            "a cost model counts layers, so nothing can be fitted to what has none"
        )
    if unread:
        warn(
            f"{len(unread)} of {len(items)} measurements are left out, for flash cannot read the "
            f"layers of what was measured: {', '.join(unread[:5])}{' ...' if unread[5:] else ''}"
        )
    return [_of_measurement(one, n) for n, one in enumerate(items) if one.subject is not None]


def _of_measurement(one: Measurement, n: int) -> Sample:
    net = from_data(one.subject, f"networks[{n}]")
    energy = None if one.energy_mj is None else float(one.energy_mj)
    return Sample(one.name, net, one.latency_ms, energy, None, one.noise_pct, _facts(one))


def _facts(one: Measurement) -> dict[str, Any]:
    """Return how a network was measured: what its figures depend on, and what it was like."""
    own = one.conditions
    versions = own.get("versions")
    alone = own.get("threads") == 1 and one.device == "cpu" and own.get("clock") == "wall"
    return {
        "runtime": one.runtime,
        "device": one.device,
        "processor": own.get("device_name") or own.get("cpu"),
        **{k: own.get(k) for k in ("threads", "batch", "dtype", "clock", "governor", "max_khz")},
        "version": versions.get(one.runtime) if isinstance(versions, dict) else None,
        "time": own.get("time"),
        "settled": bool(one.settled),
        "slowed": one.median_ms / one.min_ms,
        "waited": one.wall_ms / one.cpu_ms if alone and one.cpu_ms else None,
    }


def common(found: Iterable[Sample]) -> tuple[str, ...]:
    """Return the metrics that every sample has."""
    listed = list(found)
    return tuple(m for m in COSTS if all(getattr(one, m) is not None for one in listed))
