"""What one network costs on a target: its layers charged one by one, by the rule of operations."""

from __future__ import annotations

from ..base.checks import json_text, public, suggesting
from ..base.names import Column
from ..base.record import Record, Reported, deferred, later
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.layer import FAMILY_KINDS
from ..networks.operations import MAX_PRODUCT, Charged, charged, operations
from ._flags import flags_for, flags_of, uncharged

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal, overload

    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..networks.cell_networks import Net
    from ..networks.memory import Memory
    from ..networks.network import Layer, Network
    from . import Target

__all__ = [
    "Cost",
    "LayerCost",
    "cost",
    "family_and_charged",
    "family_and_network",
    "flags_at",
    "flags_for",
    "operations",
    "own_tile",
]

MAX_KEPT = 8  # costs that a network keeps
KIB = 1024.0


@suggesting
class LayerCost(Record):
    """One row's share of a network's cost (see `Cost.by_layer`).

    Parameters
    ----------
    name : str
        Number, kind and channels of the row: "3 conv 3x3 16>32 /2" (/2: its stride).
    latency_ms : float
    energy_mj, area_mm2 : float or None
        None where the target does not model it.
    share : float
        Of the network's latency, 0 to 1.
    macs, params : int
    bytes : float
        Read and written for one image, parameters included (`Layer.bytes_read`).
    bound : {"compute", "memory", "calls", None}
        What takes most of its time by the target's own model: products; numbers that are read,
        written or laid out; or what each operation takes whatever its size. None where it takes
        none. ``flash/hardware/_bounds.py`` says how that is told.
    memory_kib : float or None
        Of all values that are there while it runs: see `Network.peak_memory_kib`. None where the
        network's connections are not known.
    """

    name: str
    latency_ms: float
    energy_mj: float | None
    area_mm2: float | None
    share: float = 0.0
    macs: int = 0
    params: int = 0
    bytes: float = 0.0
    bound: str | None = None
    memory_kib: float | None = None


@public
class Cost(Record, Reported):
    """What a network costs on a target.

    Parameters
    ----------
    latency_ms : float
        Per image, batch 1, in milliseconds.
    energy_mj : float or None
        Per image, in millijoules, leakage included; None where the target does not model it.
    area_mm2 : float or None
        Of the chip, in square millimetres; None where the target does not model it.
    by_layer : tuple of LayerCost
        The share of each row of the network. What depends on the whole chip is shared out:
        interconnect by the layers' own traffic, leakage by their latency, the chip's area beyond
        its tiles by their tiles, but for the largest layer's buffers, which are its own; so the
        shares add up to the whole but for rounding.
    flags : tuple of str
        What lies outside the range that the target was calibrated in.
    peak_memory_kib : float or None
        Of the values while it runs (`Network.peak_memory_kib`), rows that do not count included
        where the target runs them; None where the network's connections are not known. On a target
        that runs networks in integers of 8 bits (`Target.int8`) at these.
    weights_kib : float
        Of the parameters at their bits, on such a target as it stores them.
    target : str
        Its name.
    roofs : dict or None
        The greatest rates of the target by its own model: "macs_per_ms" of each unit or kind of
        product, "bytes_per_ms" of its memory, or None where its model has no such roof, "bits" of a
        number as it moves them, where these are not the network's own, and a "note".
    """

    latency_ms: float
    energy_mj: float | None
    area_mm2: float | None
    by_layer: tuple[LayerCost, ...] = later(())
    flags: tuple[str, ...] = later(())
    peak_memory_kib: float | None = later(None)
    weights_kib: float = later(0.0)
    target: str = ""
    roofs: dict[str, Any] | None = later(None)

    def table(self, top: int | None = None) -> str:
        """Return the layers as a text table, with totals and notes.

        Parameters
        ----------
        top : int, optional
            Only so many layers, those that take longest; default all of them.
        """
        from ..base.checks import integer
        from ._cost_page import text

        return text(self, None if top is None else integer("top", top, 1))

    def __str__(self) -> str:
        return self.table()

    if TYPE_CHECKING:

        @overload
        def plot(
            self, engine: Literal["matplotlib"] = "matplotlib", *, top: int = 24
        ) -> Figure: ...
        @overload
        def plot(self, engine: Literal["plotly"], *, top: int = 24) -> PlotlyFigure: ...

    def plot(self, engine: str = "matplotlib", *, top: int = 24) -> Figure | PlotlyFigure:
        """Draw the layers by time, and by energy where the target models it, and the roofline.

        Bars have the colour of what bounds a layer (`LayerCost.bound`). The roofline shows what
        each layer reaches, in MACs a second, over the MACs that it has for each byte that it moves,
        beneath the greatest rates of the target's own model; of targets without such rates a note
        says why it is left out.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
        top : int, default 24
            Layers with a bar of their own, those that take longest; the others are summed up.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import integer
        from ._cost_chart import chart_of

        return chart_of(self, integer("top", top, 1)).draw(engine)

    def _charts(self) -> list[Chart]:
        """Return the charts of its page."""
        from ._cost_chart import SHOWN, chart_of

        return [chart_of(self, SHOWN)]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, layers included."""
        from ._cost_page import data

        return data(self)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return it as JSON text, layers included, and write it where a path is given."""
        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cost:
        """Make a cost from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        from ._cost_page import read

        return read(data)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Cost:
        """Read a cost from JSON text (it starts with a brace) or from a file."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the cost"))

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        cdn: bool = False,
        top: int | None = None,
    ) -> str:
        """Return a page to be read in a browser or printed: see `SearchResult.to_html`.

        Parameters
        ----------
        path : str or path, optional
        cdn : bool, default False
        top : int, optional
            Only so many layers, those that take longest; default all of them.
        """
        from ..base.checks import integer
        from ..base.pages import to_html
        from ._cost_page import sections

        top = None if top is None else integer("top", top, 1)
        return to_html(self, path, cdn, sections(self, top))

    def _line(self) -> str:
        return f"{self.latency_ms:.4g} ms, {len(self.by_layer):,} layers"

    def _title(self) -> str:
        return f"cost on {self.target}" if self.target else "cost"

    def _parts(self) -> list[Part]:
        from ._cost_page import parts

        return parts(self, None)

    def _sections(self) -> list[Section]:
        from ._cost_page import sections

        return sections(self, None)


def cost(target: Target, net: Net, strict: bool = False) -> Cost:
    """Charge one network; see `Target.cost`.

    A network keeps its costs on the last few targets: neither of them changes.
    """
    if strict:
        _refuse_uncharged(target, net)
    kept: dict[int, tuple[Target, Cost]] = getattr(net, "__dict__", {}).get("_costs") or {}
    found = kept.get(id(target))  # in one step, for other threads may clear it
    if found is not None:
        return found[1]
    if target.tiles is not None:
        return cost(own_tile(target, net), net)
    result = _cost(target, net)
    kept = net.__dict__.setdefault("_costs", {})
    if len(kept) >= MAX_KEPT:
        kept.clear()
    kept[id(target)] = (target, result)  # holding the target keeps its id its own
    return result


def _refuse_uncharged(target: Target, net: Net) -> None:
    target = own_tile(target, net)
    family, counted = family_and_charged(net, target)
    free = uncharged(target, family, counted)
    if free:
        raise ArgumentError(
            f"net has what target {target.name!r} has no cost for: {', '.join(free)}; without "
            "strict=True it is charged for the rest"
        )


def own_tile(target: Target, net: Net) -> Target:
    """Return the target of the tile that a network is given, where there are several."""
    if target.tiles is None:
        return target
    from .tiles import tile_of

    return target.on_tile(tile_of(target, net))


def _cost(target: Target, net: Net) -> Cost:
    family, counted = family_and_charged(net, target)
    lacking = unit_missing(target, counted)
    if lacking is not None:
        raise ArgumentError(f"net needs what target {target.name!r} lacks: {lacking}")
    model = target.model(family)
    totals = _totals(target, family, counted)
    _, latency, energy, area, _, _ = model.metrics((*totals, 0, 0))
    modelled = target.metrics
    costs: dict[str, float | None] = {
        "latency_ms": latency,
        "energy_mj": energy if "energy_mj" in modelled else None,
        "area_mm2": area if "area_mm2" in modelled else None,
    }
    # The rest is worked out when it is asked for. It must not hold the network, which keeps this.
    layers = counted.layers
    if target.int8:
        from ..networks.bits import layers_with_bits

        layers = layers_with_bits(layers, 8)
    memory = _memory_later(net, target, counted, layers)
    counting = [one for one, counts in zip(layers, counted.counts, strict=True) if counts]
    return Cost(
        latency,
        costs["energy_mj"],
        costs["area_mm2"],
        by_layer=deferred(
            lambda: _told(
                target, family, counted, layers, _shares(target, family, counted, costs), memory
            )
        ),
        flags=deferred(
            lambda: flags_of(target, family, counted, {**costs, "tiles": totals[Column.SCALE]})
        ),
        peak_memory_kib=deferred(lambda: None if (held := memory()) is None else held.peak_kib),
        weights_kib=deferred(lambda: sum(one.weights_bytes for one in counting) / KIB),
        target=target.name,
        roofs=deferred(lambda: _roofs(target)),
    )


def _roofs(target: Target) -> dict[str, Any]:
    from ._roofs import roofs_of

    return roofs_of(target)


def _totals(target: Target, family: str, counted: Charged) -> tuple[int, ...]:
    """Return `charging.totals_of`, whose module only targets of layers load."""
    if target.table is None:
        return target.model(family).total(counted.packed)
    from .charging import totals_of

    return totals_of(target, family, counted)


def _memory_later(
    net: Net, target: Target, counted: Charged, layers: Sequence[Layer]
) -> Callable[[], Memory | None]:
    """Return what works out a network's memory when asked, without holding the network."""
    from ..networks.architecture import Architecture

    inputs, outputs, connected, bits = None, None, True, 32
    if not isinstance(net, Architecture):
        network = _run_as(net, target)
        inputs, outputs, connected = network.counted, network.outputs, network.connected
        bits = network.input_bits
    if target.int8 and bits == 32:
        bits = 8
    image = counted.input_shape
    found: list[Memory] = []

    def memory() -> Memory | None:
        if not connected:
            return None
        if not found:
            from ..networks.memory import scheduled

            found.append(scheduled(layers, image, inputs, outputs, bits))
        return found[0]

    return memory


def _told(
    target: Target,
    family: str,
    counted: Charged,
    layers: Sequence[Layer],
    shares: tuple[LayerCost, ...],
    memory: Callable[[], Memory | None],
) -> tuple[LayerCost, ...]:
    """Return rows' shares with what else is told of each."""
    from ._bounds import bounds_of

    total = sum(one.latency_ms for one in shares)
    bounds = bounds_of(target, family, counted, [one.latency_ms for one in shares])
    held = memory()
    return tuple(
        LayerCost(
            *(one.name, one.latency_ms, one.energy_mj, one.area_mm2),
            share=one.latency_ms / total if total else 0.0,
            macs=layer.macs if counts else 0,
            params=layer.params if counts else 0,
            bytes=layer.bytes_read + layer.bytes_written if counts else 0.0,
            bound=bounds[number],
            memory_kib=None if held is None else held.by_row[number],
        )
        for number, (one, layer, counts) in enumerate(
            zip(shares, layers, counted.counts, strict=True)
        )
    )


def flags_at(target: Target, net: Net, costs: dict[str, float | None]) -> tuple[str, ...]:
    """Return what lies outside the calibrated range of a network whose costs are known to be others
    than `cost` says: of one with fewer bits."""
    target = own_tile(target, net)
    family, counted = family_and_charged(net, target)
    totals = _totals(target, family, counted)
    return flags_of(target, family, counted, {**costs, "tiles": totals[Column.SCALE]})


def unit_missing(target: Target, counted: Charged) -> str | None:
    """Return what an accelerator lacks for a network, or None."""
    from . import KINDS

    asked = getattr(KINDS[target.kind], "missing", None)
    if asked is None:
        return None
    found: str | None = asked(target.parameters, (one for row in counted.rows for one in row))
    return found


def family_and_network(net: object, target: Target | None = None) -> tuple[str, Network]:
    """Return whose coefficients a network takes, and its layers: see `family_and_charged`."""
    from ..networks.architecture import Architecture

    if isinstance(net, Architecture):
        return family_and_charged(net)[0], net.network()
    network = _run_as(net, target)
    return _checked(charged(network)).family, network


def family_and_charged(net: object, target: Target | None = None) -> tuple[str, Charged]:
    """Return whose coefficients a network takes, and what it is charged for as `target` runs it.

    An Architecture takes the coefficients of its family. A Network takes those of "densenet" where
    a cell of it holds a concatenation (rows say their cell where an Architecture made them), and
    otherwise those of no family: the set "default".

    Raises
    ------
    ArgumentTypeError
        If `net` is neither.
    ArgumentError
        If a layer is too large to be counted.
    """
    from ..networks.architecture import Architecture

    if isinstance(net, Architecture):
        from ..networks.builders import charged_in

        return net.family, _checked(charged_in(net))
    counted = _checked(charged(_run_as(net, target)))
    return counted.family, counted


def _run_as(net: object, target: Target | None) -> Network:
    """Return a network's layers as a target runs them."""
    from ..networks.network import Network

    if isinstance(net, Network):
        if target is not None and target.runs_every_row:
            from ..networks.counting import every_row

            return every_row(net)
        return net
    from ..networks.spelled import spelled_out

    found = spelled_out(net)
    if found is not None:
        return _run_as(found, target)
    raise ArgumentTypeError(f"net must be an Architecture or a Network, got {type(net).__name__}")


def _checked(counted: Charged) -> Charged:
    if counted.too_large is not None:
        layer = counted.layers[counted.too_large]
        if layer.weights <= MAX_PRODUCT:
            raise ArgumentError(
                f"net is too large to cost: layers[{counted.too_large}] ({layer.kind}) must read "
                f"and write at most 2**60 numbers, got {_times(layer.shape_in)} and "
                f"{_times(layer.shape_out)}"
            )
        down, across = layer.kernel_size
        raise ArgumentError(
            "net is too large to cost: kernel^2 x in_channels x out_channels of "
            f"layers[{counted.too_large}] must be at most 2**56, got "
            f"{down * across * layer.in_channels * layer.out_channels}"
        )
    return counted


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _shares(
    target: Target, family: str, counted: Charged, costs: dict[str, float | None]
) -> tuple[LayerCost, ...]:
    """Return each row's share: see `Cost.by_layer`."""
    from . import KINDS

    if target.table is not None:
        return _shares_of_table(target, family, counted, costs)
    model = target.model(family)
    charges = iter(model.charge([operation for row in counted.rows for operation in row]))
    rows = [[next(charges) for _ in operations_of_row] for operations_of_row in counted.rows]
    tiles = sum(int(one[Column.SCALE]) for row in rows for one in row)
    _, f_in, f_out, e_in, e_out, leak_out, chip = next(
        (one for one in target.network_links(family).get("classes", ()) if tiles <= one[0]),
        (0.0,) * 7,
    )
    _, ms, mj, mm2, _, _ = KINDS[target.kind].QUANTUM
    leakage = model.links.get("leakage", 0.0) * tiles
    per_tile = model.links.get("area_per_scale", 0.0) + (chip / tiles if tiles else 0.0)
    peaks = [max((one[Column.PEAK] for one in row), default=0.0) for row in rows]
    largest = peaks.index(max(peaks)) if peaks else 0
    result = []
    for number, (layer, row) in enumerate(zip(counted.layers, rows, strict=True)):
        lat, lat_in, lat_out, en, en_in, en_out, leak, leak_in, own, area = (
            sum(int(one[k]) for one in row) for k in Column.CHARGED if k != Column.PEAK
        )
        if number == largest:
            area += int(peaks[number])
        leaking = ms * leak + f_in * (ms * leak_in) + leak_out * (ms * lat_out)
        energy = mj * en + e_in * (mj * en_in) + e_out * (mj * en_out) + leakage * leaking
        result.append(
            LayerCost(
                f"{number} {_title(layer)}",
                ms * lat + f_in * (ms * lat_in) + f_out * (ms * lat_out),
                None if costs["energy_mj"] is None else energy,
                None if costs["area_mm2"] is None else mm2 * area + per_tile * own,
            )
        )
    return tuple(result)


def _shares_of_table(
    target: Target, family: str, counted: Charged, costs: dict[str, float | None]
) -> tuple[LayerCost, ...]:
    """Return the same where layers are charged as such: what a network takes beside them belongs to
    none of them, and is shared out by their latency."""
    from .charging import charges

    model = target.model(family)
    shares = [
        target.costs_among(model.metrics(tuple(row))) for row in charges(target, family, counted)
    ]
    sums = {name: sum(one[name] for one in shares) for name in target.metrics}
    whole = {name: value or 0.0 for name, value in costs.items()}
    time = sums["latency_ms"]
    result = []
    for number, (layer, own) in enumerate(zip(counted.layers, shares, strict=True)):
        part = own["latency_ms"] / time if time else 0.0
        told = {name: own[name] + (whole[name] - sums[name]) * part for name in target.metrics}
        result.append(
            LayerCost(
                f"{number} {_title(layer)}",
                told["latency_ms"],
                told.get("energy_mj"),
                told.get("area_mm2"),
            )
        )
    return tuple(result)


def _title(layer: Layer) -> str:
    if layer.kind not in ("conv", "linear"):
        about = "" if layer.kind in FAMILY_KINDS else layer.mode or layer.activation or ""
        return " ".join(filter(None, (layer.kind, about, str(layer.out_channels))))
    title = f"{layer.in_channels}>{layer.out_channels}"
    if layer.kind == "linear":
        return f"linear {title}"
    kind = "depthwise" if layer.groups == layer.in_channels > 1 else "conv"
    if layer.transposed:
        kind = f"transposed {kind}"
    down, across = layer.kernel_size
    return f"{kind} {down}x{across} {title}" + (f" /{layer.stride}" if layer.stride > 1 else "")
