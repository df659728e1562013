"""What measures the distinct layers or blocks of a space, here or on another machine."""

from __future__ import annotations

import os

from ..base.checks import path_of, public
from ..errors import ArgumentError, ArgumentTypeError
from ..hardware._layer_rows import CALL, own_layer, title
from ..networks.network import Network
from ..spaces.space import SearchSpace
from .compiling import as_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, Protocol

    from ..hardware._measurement import Measurement
    from ..networks.layer import Layer

    class Fragment(Protocol):
        """A block of a space by itself."""

        @property
        def name(self) -> str: ...
        @property
        def network(self) -> Network: ...

    class Fragmented(Protocol):
        """A space that is made of blocks."""

        def fragments(self) -> Sequence[Fragment]: ...


__all__ = ["layer_harness", "measure_layers", "parts_of"]


def in_turns(space: Any) -> bool:
    """Whether runs of a space's parts are in turns, one of each again and again.

    In a network a block does not find its weights in the caches from the run before, and in a loop
    by itself it would. Of single layers what is read and written weighs more, and that is there
    where a network runs: they are measured in loops.
    """
    return callable(getattr(space, "fragments", None))


def network_of(layer: Layer) -> Network:
    """Return a network of one layer, which reads the image."""
    own = own_layer(layer)
    channels, height, width = layer.shape_in
    if layer.kind == "concat":  # of two parts of the image
        channels = -(-layer.out_channels // 2)
        own = own.replace(channels=layer.out_channels - channels)
    return Network.from_layers([own], (channels, height, width))


def _space_of(given: Any) -> Any:
    """Return the space of a name or a path."""
    return as_space(given) if isinstance(given, (str, os.PathLike)) else given


def parts_of(space: SearchSpace | Fragmented | str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return what is measured of a space: "name", "network" and "source", what is run of each.

    First the smallest layer there is: what it takes, the call of a runtime takes.
    """
    from ..networks.layer import Layer

    space = _space_of(space)
    smallest = network_of(Layer("conv", 1, 1))
    parts: list[dict[str, Any]] = [{"name": CALL, "network": smallest, "source": smallest}]
    fragments: Callable[[], Sequence[Fragment]] | None = getattr(space, "fragments", None)
    if callable(fragments):
        for one in fragments():
            make = getattr(one, "to_torch", None)
            source = make() if callable(make) else one.network
            part = {"name": one.name, "network": one.network, "source": source}
            shape = getattr(one, "shape_in", None)
            if shape is not None and source is not one.network:  # tokens lie otherwise than in rows
                part["shape"] = tuple(shape)
            parts.append(part)
        return parts
    if not isinstance(space, SearchSpace):
        raise ArgumentTypeError(
            "space must be a SearchSpace, a space of blocks, a family's name or a file's path, "
            f"got {type(space).__name__}"
        )
    from .by_layers import layers_of

    for layer in layers_of(space):
        network = network_of(layer)
        parts.append({"name": title(layer), "network": network, "source": network})
    return parts


@public
def layer_harness(
    space: SearchSpace | Fragmented | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    threads: int = 1,
    device: str = "cpu",
    batch: int = 1,
    clock: str = "wall",
    time_limit_s: float = 1.0,
    passes: int = 3,
    pin: bool = True,
    seed: int = 0,
) -> str:
    """Write what measures the distinct layers, or blocks, of a space on another machine.

    Parameters
    ----------
    space : SearchSpace, space of blocks, name or path
        Of a family each distinct layer is measured, of a space of blocks each distinct block.
    folder : path
        A new or empty folder: an ONNX file for each, measure.py, which needs Python, numpy and
        onnxruntime only, and manifest.json, which says which file is which layers.
    threads, device, batch, clock, pin, seed
        As `flash.measure` takes them; ``python measure.py --help`` lists what can be changed there.
    time_limit_s : float, default 1
        For each layer or block.
    passes : int, default 3

    Returns
    -------
    str
        The path of the script. Stopped in any way, it goes on where it was; its measurements.jsonl
        is what `Target.from_layer_table` reads as it is.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or the folder holds something.
    MissingExtraError
        If torch or onnx, which write the models, are not installed.
    """
    from ..hardware._series import checked_settings
    from ..hardware.measuring import refuse_used, write_harness

    at = path_of("folder", folder)
    space = _space_of(space)
    settings = checked_settings(
        "onnxruntime", threads, device, batch, "float32", clock, time_limit_s, passes, pin, seed,
        turns=in_turns(space),
    )  # fmt: skip
    refuse_used(at)
    return write_harness(_series(parts_of(space), settings), at, settings, "layer_harness")


def measure_layers(
    space: SearchSpace | Fragmented | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    runtime: str = "onnxruntime",
    time_limit_s: float = 1.0,
    passes: int = 3,
    progress: bool | Literal["auto"] = False,
    **settings: Any,
) -> list[Measurement]:
    """Measure the same here, into a journal that `Target.from_layer_table` reads.

    Parameters
    ----------
    space
        As `layer_harness` takes it.
    path : path
        The journal; a run that was stopped goes on from it.
    runtime, time_limit_s, passes, progress, **settings
        As `flash.measure` takes them.
    """
    from ..hardware.measuring import checked_run, measured

    space = _space_of(space)
    turns = in_turns(space)
    used = checked_run(runtime, time_limit_s=time_limit_s, passes=passes, turns=turns, **settings)
    return measured(_series(parts_of(space), used), used, path_of("path", path), progress)


def _series(parts: Sequence[dict[str, Any]], settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return parts as a series that is measured: see `series_item`."""
    from ..hardware._series import MAX_NETWORKS, series_item

    if len(parts) > MAX_NETWORKS:
        raise ArgumentError(
            f"space has {len(parts):,} distinct layers; at most {MAX_NETWORKS:,} are measured"
        )
    result = []
    for n, part in enumerate(parts):
        item = series_item(part["network"], n, None, settings)
        own = {"name": part["name"], "source": part["source"], "bytes": 4 * part["network"].params}
        if "shape" in part:
            own["shape"] = part["shape"]
        result.append({**item, **own})
    return result
