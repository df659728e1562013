"""`Target`: what a network costs on a piece of hardware.

A target is data: a JSON file that names a kind of model (one module of this package), its
coefficients and its links. `Target.load` reads one, `Target.cost` charges one network.
"""

from __future__ import annotations

import os

from .._core.model.compile import KINDS as CORE_KINDS
from .._core.model.compile import Model
from ..base.checks import (
    faults,
    flag,
    json_text,
    log,
    parse_json,
    public,
    read_text,
    shipped,
    shown,
    text,
)
from ..base.names import COST_COLUMNS, COSTS, Column, Metric
from ..base.record import Record, Reported, cached, deferred, later
from ..base.record import text as text_of
from ..errors import ArgumentError, ArgumentTypeError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, overload

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..networks.cell_networks import Net
    from ..spaces.tabled import TabledSpace
    from .costing import Cost
    from .designs import DesignSpace

__all__ = ["KINDS", "Target", "as_target", "layer_target", "targets"]


class _Kinds(dict[str, "Any"]):
    """The kinds of model by name; the module of one is loaded when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        module = super().__getitem__(name)
        if module is None:
            module = self[name] = __import__(f"{__package__}.{name}", fromlist=[name])
        return module

    def items(self) -> Any:
        return [(name, self[name]) for name in self]

    def values(self) -> Any:
        return [self[name] for name in self]


KINDS = _Kinds(dict.fromkeys((*CORE_KINDS, "layers")))
FORMAT = 1

_loaded: dict[str, Target] = {}


@public
def targets() -> tuple[str, ...]:
    """Return the names of the targets that come with flash."""
    return tuple(sorted(name[:-5] for name in os.listdir(shipped()) if name.endswith(".json")))


@public
class Target(Record, Reported):
    """A hardware target: a kind of cost model with its coefficients.

    Made by `Target.load` or `Target.from_dict`, which check every value; the fields are those of
    its file.

    Parameters
    ----------
    name, kind, description : str
    coefficients : dict
        Sets of coefficients: ``{set: {column: {feature: value}}}``. A layer's column is the sum of
        its features times their coefficients, in milliseconds, millijoules, square millimetres.
    links : dict
        For each set, what the totals of a network go through: see the kind's module.
    sets : dict of str to tuple of str
        For which families each set holds; for all others the set "default", or the first.
    calibrated_ranges : dict
        For each set, least and greatest value seen in fitting: of networks, of layers, of features.
    intervals : dict
        For each set and metric, how far predictions for left-out networks were off; see `interval`.
    not_calibrated_families : tuple of str
    design : dict, optional
        What of the hardware is open to choice: see `design_space`.
    tiles : dict, optional
        Of an RRAM target whose parameter "floorplan" names the rule that gives each network a tile:
        the models of the other tiles, by their side in cells, ``{"512": {...}}``, each with its
        own "parameters", "coefficients", "links", "sets", "calibrated_ranges", "intervals",
        "residuals" and "not_calibrated_families". The fields above are then those of the tile in
        `parameters`, and every network is charged by the model of its own tile. See `with_tiles`.
    table : optional
        Of the kind "layers" what charges each layer: see `from_layer_table` and `LayerTarget`.
    residuals, provenance, units, parameters, ablation : dict
        How well the coefficients fit, where they come from, and other notes.
    """

    name: str
    kind: str
    description: str
    coefficients: dict[str, dict[str, dict[str, float]]]
    links: dict[str, dict[str, Any]]
    sets: dict[str, tuple[str, ...]]
    calibrated_ranges: dict[str, Any] = later()
    not_calibrated_families: tuple[str, ...] = ()
    intervals: dict[str, dict[str, dict[str, Any]]] | None = later(None)
    residuals: dict[str, Any] | None = later(None)
    provenance: dict[str, Any] | None = later(None)
    units: dict[str, str] | None = later(None)
    parameters: dict[str, Any] | None = None
    ablation: dict[str, Any] | None = later(None)
    design: dict[str, Any] | None = later(None)
    tiles: dict[str, dict[str, Any]] | None = None
    table: Any = None

    @classmethod
    def load(cls, name: str | os.PathLike[str]) -> Target:
        """Return a target by name, or from a JSON file.

        Parameters
        ----------
        name : str or path
            One of `targets` or of those registered (`flash.register`), or the path of a file (told
            by a separator or ``.json``).

        Raises
        ------
        ArgumentError
            If no target has this name.
        FormatError
            If the file is no valid target.
        """
        if not isinstance(name, (str, os.PathLike)):
            raise ArgumentTypeError(
                f"target must be a name ({', '.join(targets())}), a path or a Target, "
                f"got {shown(name)} ({type(name).__name__})"
            )
        path = os.fsdecode(name)
        if path in _loaded:
            return _loaded[path]
        if isinstance(name, os.PathLike) or os.path.dirname(path) or path.endswith(".json"):
            return cls.from_dict(parse_json(read_text(path, "target"), path), path)
        target = _read_shipped(path)
        if target is None:
            log("hardware", "target %s, of a plugin", path)
            return _registered(path)
        log("hardware", "target %s, shipped with flash", path)
        _loaded[path] = target
        return target

    @classmethod
    def from_dict(cls, data: Any, where: str = "target") -> Target:
        """Return the target that a parsed file describes.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted; the message names the key,
            after `where`.
        """
        from ._format import check

        with faults():
            return cls(**check(where, data, KINDS, FORMAT))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal target."""
        if self.table is not None:
            head: dict[str, Any] = {"format": FORMAT, "name": self.name, "kind": self.kind}
            if self.parameters:
                head["parameters"] = dict(self.parameters)
            return {**head, "description": self.description, "table": self.table.data(self.name)}
        fields = zip(self.field_names, self._values(), strict=True)
        return {"format": FORMAT, **{k: _copied(v) for k, v in fields if v is not None}}

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the target as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path)

    @classmethod
    def from_layer_table(
        cls,
        source: Any,
        *,
        name: str,
        outside: str | None = None,
        free: str | Sequence[str] | None = None,
        overhead_ms: float | None = None,
        scale: float | None = None,
        call_ms: float | None = None,
        description: str = "",
    ) -> Target:
        """Return a target that charges networks by a table of measured layers and blocks.

        Parameters
        ----------
        source : path, list of dict, or list of Measurement
            A file that ends in .csv, .jsonl, .json or .parquet, or its rows: each a layer (fields
            of `Layer`: kind, in_channels, out_channels, kernel, stride, groups, height, width ...)
            or a block (layers: a list of them) with its latency_ms and, in all rows or none,
            energy_mj. The file that `flash measure --layers` brings back is one.
            docs/howto/layer-tables.md has all of it.
        name : str
            Of the target.
        outside : {"refuse", "flag"}
            What is done with layers beyond the sizes measured of their kind, kernel, stride and
            groups: an error that names them, or costs that are extrapolated and a flag. Default
            what the file says, or "refuse".
        free : str or list of str
            Kinds of layers that cost nothing here, such as "add".
        overhead_ms : float
            What a whole network takes beside its layers.
        scale : float
            What sums of layers are multiplied by. `fitted` finds both from a few networks.
        call_ms : float
            What each row has beside its layers, as it was measured alone: it is subtracted, down to
            a twentieth of the row. Default what a row named "call" took, as the harness measures
            one, else 0.
        description : str

        Raises
        ------
        FormatError
            If a row is not as it should be: an unknown column, a number that is negative or none,
            two units of one cost, equal layers of different costs. The message names the row.
        ArgumentError, ArgumentTypeError
            If another argument is not accepted.

        Examples
        --------
        >>> pi = flash.Target.from_layer_table("pi.jsonl", name="pi")
        >>> flash.search("mobilenet-v2", pi, max_latency_ms=20)
        """
        from ._layer_reading import from_source

        found = from_source(source, outside, free, overhead_ms, scale, call_ms)
        return layer_target(found, name, description)

    def fitted(
        self,
        networks: Any,
        latency_ms: Sequence[float] | None = None,
        energy_mj: Sequence[float] | None = None,
        *,
        name: str | None = None,
    ) -> Target:
        """Return this target with sums of layers scaled, and what a network takes beside them.

        Of a layer table only. The factor and the constant, neither of them negative, are those of
        the least relative errors on networks measured as wholes; of one network, the factor alone.

        Parameters
        ----------
        networks : list of Measurement, a path of theirs, or a list of networks
        latency_ms, energy_mj : list of float, optional
            Beside networks that are no measurements.
        name : str, optional
            Of the new target; default its own.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If the target has no table of layers, or a network cannot be charged by it.
        """
        from ._layer_fit import fitted

        return fitted(self, networks, latency_ms, energy_mj, name)

    def __hash__(self) -> int:
        return hash((self.name, self.kind))

    def __repr__(self) -> str:  # a calibration's numbers fill hundreds of screens
        return f"Target({self.name!r}, kind={self.kind!r}, models {', '.join(self.metrics)})"

    def __str__(self) -> str:
        return text_of(self._parts())

    def _parts(self) -> list[Part]:
        from ._page import parts

        return parts(self)

    if TYPE_CHECKING:

        @overload
        def plot(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
        @overload
        def plot(self, engine: Literal["plotly"]) -> PlotlyFigure: ...

    def plot(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:
        """Draw the calibration: predictions of left-out networks beside what was measured, with
        their 90 % intervals.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If the target does not hold its networks one by one: `flash.calibrate` keeps up to 500.
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import choice
        from ..charts.chart import ENGINES
        from ._calibration_chart import chart_of

        choice("engine", engine, ENGINES)
        return chart_of(self).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from ._calibration_chart import charts_of

        return charts_of(self)

    def _line(self) -> str:
        return f"kind {self.kind}; {', '.join(self.metrics)}"

    def _title(self) -> str:
        return f"target {self.name}"

    def _sections(self) -> list[Section]:
        from ._page import sections

        return sections(self)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The costs that this target models."""
        return self._metrics

    @cached
    def _metrics(self) -> tuple[str, ...]:
        some = next(iter(self.coefficients.values()))
        return tuple(name for name in COSTS if name in some)

    @property
    def array(self) -> tuple[float, ...]:
        """What a layer is laid on: rows and columns of a systolic array or of an RRAM tile in
        cells; of an FPGA see its kind's `array`."""
        numbers: tuple[float, ...] = KINDS[self.kind].array(self.parameters or {}, self.name)
        return numbers

    @property
    def runs_every_row(self) -> bool:
        """Whether its runtime executes every row of a network, also what no output is made of: an
        eager one. Others compile a network first, and leave such rows out."""
        return bool((self.parameters or {}).get("runs_every_row", False))

    @property
    def int8(self) -> bool:
        """Whether networks run on it in integers of 8 bits, and are stored so: what a network takes
        there (`Cost.peak_memory_kib`, `Cost.weights_kib`, the budgets on both) is counted as of
        `Network.with_bits` of 8. By its parameter ``int8``."""
        return bool((self.parameters or {}).get("int8", False))

    @property
    def meshed(self) -> bool:
        """Whether a layer's cost depends on the tiles of the layer before it: see
        `flash.hardware.mesh`. By its parameter ``interconnect``."""
        return (self.parameters or {}).get("interconnect") == "mesh"

    @cached
    def memory_budgets(self) -> dict[str, float]:
        """What the device has for a network: budgets that a search holds unless others are given.

        ``max_memory_kib`` where the parameters have ``sram_kib``, ``max_weights_kib`` where they
        have ``flash_kib``: less what the runtime takes of it, ``sram_taken_kib`` and
        ``flash_taken_kib``. Empty for a target that says neither.
        """
        own = self.parameters or {}
        found = {}
        for budget, name in (("max_memory_kib", "sram"), ("max_weights_kib", "flash")):
            if f"{name}_kib" in own:
                found[budget] = float(own[f"{name}_kib"]) - float(own.get(f"{name}_taken_kib", 0.0))
        return found

    def with_memory(
        self,
        *,
        sram_kib: float | None = None,
        flash_kib: float | None = None,
        sram_taken_kib: float | None = None,
        flash_taken_kib: float | None = None,
        int8: bool | None = None,
    ) -> Target:
        """Return the target with what its device has for a network; see `memory_budgets`, `int8`.

        Parameters
        ----------
        sram_kib, flash_kib : float, optional
            For a network's values, and for its weights.
        sram_taken_kib, flash_taken_kib : float, optional
            What of these the runtime and the rest of the program take.
        int8 : bool, optional
            What is left out stays as the target has it.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If a value is not accepted.

        Examples
        --------
        >>> board = flash.Target.load("raspberry-pi-4").with_memory(sram_kib=2048)
        """
        from ._format import check_rooms

        given = {
            "sram_kib": sram_kib,
            "flash_kib": flash_kib,
            "sram_taken_kib": sram_taken_kib,
            "flash_taken_kib": flash_taken_kib,
            "int8": int8,
        }
        own = {**(self.parameters or {}), **{k: v for k, v in given.items() if v is not None}}
        with faults():
            check_rooms("with_memory()", own)
        return self.replace(parameters=own)

    def without_memory_budgets(self) -> Target:
        """Return the target without what it has for a network's values and weights: searches on it
        hold no budgets on these unless they are given."""
        own = {
            name: value
            for name, value in (self.parameters or {}).items()
            if not name.startswith(("sram_", "flash_")) or not name.endswith("_kib")
        }
        return self.replace(parameters=own)

    def design_space(self, family: str) -> DesignSpace:
        """Return what of the hardware is open to choice, for a family's networks.

        Raises
        ------
        ArgumentError
            If the target has no design space.
        """
        from .designs import design_space

        return design_space(self, family)

    def with_tiles(
        self, *others: Target | str | os.PathLike[str], name: str | None = None
    ) -> Target:
        """Return this target with the models of its floorplan's other tiles beside its own.

        Networks are then charged each by the model of the tile that it is given: by `cost`,
        `interval`, `distance`, `flash.search` (methods "shgo" and "exact"), `flash.evaluate`,
        `flash.pareto` and `flash.sweep`. `flash.calibrate` fits all tiles.

        Parameters
        ----------
        *others : Target, name or path
            One for each other tile, of the same kind.
        name : str, optional
            Of the new target; by default the kind and the floorplan, "rram-neurosim".

        Raises
        ------
        ArgumentError, FormatError
            If this target names no floorplan, or the others are not of its other tiles.

        Examples
        --------
        >>> both = flash.Target.load("rram-1024").with_tiles("rram")  # "rram-neurosim" is this
        >>> flash.search("resnet", both, max_energy_mj=1.0)
        """
        from .tiles import with_tiles

        return with_tiles(self, others, name)

    def on_tile(self, side: int) -> Target:
        """Return the target of one tile alone, which charges every network by that tile's model.

        Parameters
        ----------
        side : int
            In cells: one of the tiles that the target has the models of.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it has none of that tile.
        """
        from .tiles import on_tile

        return on_tile(self, side)

    def set_for(self, family: str) -> str:
        """Return the coefficient set that holds for a family."""
        for name, families in self.sets.items():
            if family in families:
                return name
        return "default" if "default" in self.coefficients else next(iter(self.coefficients))

    @cached
    def _models(self) -> dict[str, Model]:
        return {}

    @cached
    def _network_links(self) -> dict[str, dict[str, Any]]:
        return {}

    @cached
    def _by_tile(self) -> dict[int, Target]:
        from .tiles import by_tile

        return by_tile(self)

    @property
    def compiled(self) -> bool:
        """Whether cost models of it are kept: a search of it has nothing to make anew."""
        return bool(self._models) or (
            self.tiles is not None and any(one.compiled for one in self._by_tile.values())
        )

    def forget(self) -> None:
        """Drop the cost models that are kept; they are made again where they are asked for."""
        if self.tiles is not None:
            for one in self._by_tile.values():
                one.forget()
        self._models.clear()
        self._network_links.clear()

    def costs_among(self, metrics: Any) -> dict[str, Any]:
        """Return the costs that this target models, by name, of metrics in the core's order."""
        known, values = self.metrics, zip(COSTS, metrics[Metric.ALL_COSTS], strict=True)
        return {name: value for name, value in values if name in known}

    def network_links(self, family: str) -> dict[str, Any]:
        """Return what a network's totals go through, spelled out by the kind's `links`."""
        name = self.set_for(family)
        links = self._network_links.get(name)
        if links is None:
            kind = KINDS[self.kind]
            links = self._network_links[name] = kind.links(self.links.get(name, {}))
        return links

    def model(self, family: str) -> Model:
        """Return the compiled cost model for a family: coefficients, units and links."""
        name = self.set_for(family)
        model = self._models.get(name)
        if model is None:
            if self.tiles is not None:
                from .tiles import refuse_several

                refuse_several(self)
            if hasattr(KINDS[self.kind], "needs"):
                _refuse_missing(self, family)
            if self.table is not None:
                made: Model = KINDS[self.kind].model(self.metrics)
                self._models[name] = made
                return made
            model = self._models[name] = self.model_on(family, self.array)
        return model

    def model_on(self, family: str, array: tuple[float, ...]) -> Model:
        """Return the cost model for a family with layers laid on something else: see `array`."""
        kind = KINDS[self.kind]
        table = self.coefficients[self.set_for(family)]
        links = dict(self.network_links(family))
        if kind.SCALE is not None:
            table = {**table, "tiles": {kind.SCALE: 1.0}}
            area = dict(table.get("area_mm2", {}))  # that of the scale is a link: no sum of its own
            links["area_per_scale"] = area.pop(kind.SCALE, 0.0)
            table["area_mm2"] = area
        rows = tuple(
            (0.0, *(table.get(column, {}).get(feature, 0.0) for column in COST_COLUMNS))
            for feature in kind.FEATURES
        )
        known = [Metric.SCORE, Metric.PARAMS, Metric.MACS]  # on every target
        known += [k for k, one in enumerate(COSTS, Metric.LATENCY) if one in table]
        links["modelled"] = sum(1 << k for k in known)
        return Model(self.kind, rows, kind.QUANTUM, links, array)

    @cached
    def _filled(self) -> dict[str, int]:
        return {}

    def columns(self, family: str) -> int:
        """Return a bit per table column that the model fills (see flash/_core/tables/problem.h)."""
        name = self.set_for(family)
        if self.table is not None:
            return sum(1 << self.table.column(one) for one in self.metrics)
        filled = self._filled.get(name)
        if filled is None:
            table = dict(self.coefficients[name])
            scale = KINDS[self.kind].SCALE
            if scale is not None:
                table["tiles"] = {scale: 1.0}
                table["area_mm2"] = {**table.get("area_mm2", {}), scale: 0.0}  # a link
            if self.network_links(family).get("leakage", 0.0) > 0.0 and "energy_mj" in table:
                table["leaking_ms"] = table["latency_ms"]
                table["leaking_in_ms"] = table.get("bus_in_ms", {})
            filled = self._filled[name] = sum(
                1 << k
                for k, column in enumerate(COST_COLUMNS, Column.LATENCY)
                if any(table.get(column, {}).values())
            )
        return filled

    def cost(self, net: Net, *, strict: bool = False) -> Cost:
        """Charge one network.

        Parameters
        ----------
        net : Architecture or Network
        strict : bool, default False
            Refuse a network with rows that the target has no cost for, such as products of computed
            values on crossbars, which hold weights. Otherwise they cost nothing, and `Cost.flags`
            names them.

        Returns
        -------
        Cost
            Of an Architecture, bit for bit what a search over a space with it reports.

        Raises
        ------
        ArgumentTypeError
            If `net` is neither.
        ArgumentError
            If a layer is too large to be counted in 62 bits, or has no cost and `strict` is True.
        """
        from .costing import cost

        return cost(self, net, flag("strict", strict))

    def interval(self, net: Net, level: float = 0.9) -> dict[str, tuple[float, float]]:
        """Return prediction intervals of a network's costs.

        Parameters
        ----------
        net : Architecture or Network
        level : float, default 0.9
            How many of the networks like those of the calibration the interval is to hold, in
            [0.5, 0.99].

        Returns
        -------
        dict of str to (float, float)
            (low, high) of "latency_ms", "energy_mj", "area_mm2", as far as the target has them: a
            target without intervals returns an empty dictionary. They widen with the distance from
            the measured networks: see `distance`.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If `net` is no network, or `level` out of range.
        """
        from ._prediction import interval

        return interval(self, net, level)

    def distance(self, net: Net) -> dict[str, float]:
        """Return how far a network is from those that the target was calibrated on.

        Parameters
        ----------
        net : Architecture or Network

        Returns
        -------
        dict of str to float
            Of "latency_ms", "energy_mj", "area_mm2", as far as the target has intervals: 1 is the
            farthest of the networks it was calibrated on, seen from the others. Above 1 the network
            is unlike anything measured: its layers take other shares of the cost, it is larger, or
            it has what none of them had. Intervals widen with it, and `Cost.flags` say so.

        Raises
        ------
        ArgumentTypeError, ArgumentError
            As `cost`.
        """
        from ._prediction import distances

        return distances(self, net)

    def costs(
        self, space: TabledSpace | str | os.PathLike[str], indices: ArrayLike
    ) -> dict[str, NDArray[np.float64]]:
        """Charge many configurations of a space.

        Parameters
        ----------
        space : SearchSpace or str
        indices : array-like of int, shape (n,) or (n, variables)
            Flat indices, or rows of choice indices.

        Returns
        -------
        dict of ndarray
            One array of shape (n,) per modelled cost.
        """
        from ..evaluating import evaluate

        result = evaluate(space, self, indices)
        return {name: result[name] for name in self.metrics}


def layer_target(table: Any, name: Any, description: Any = "") -> Target:
    """Return a target that charges by a table or a function of layers."""
    text("name", name, 100)
    if not name.strip() or not name.isprintable():
        raise ArgumentError(f"name must be printable text, got {shown(name)}")
    return Target(
        name=name,
        kind="layers",
        description=text("description", description, 10_000),
        coefficients={"default": {metric: {} for metric in table.metrics}},
        links={"default": {}},
        sets={},
        calibrated_ranges={},
        table=table,
    )


def _refuse_missing(target: Target, family: str) -> None:
    """Refuse a family of networks that the accelerator has no unit for."""
    from ..networks.families import FAMILIES

    units = (target.parameters or {}).get("units", {})
    lacking = [name for name in KINDS[target.kind].needs(family) if name not in units]
    if family in FAMILIES and lacking:
        raise ArgumentError(
            f"target {target.name!r} has no {lacking[0]} unit, which {family} needs "
            f"(it has {', '.join(units)})"
        )


def _read_shipped(name: str) -> Target | None:
    """Return a target that comes with flash, or None: of its file what a search needs.

    The rest tells how it was calibrated and is the larger part: it is read when somebody asks.
    """
    from ._format import MAX_NOTES, NEEDED, check

    file = shipped(name + ".json")
    try:
        held = read_text(file, "target")
    except (OSError, FormatError):
        if name in targets():
            raise
        return None
    # The keys of the top level begin a line after one blank; what stands deeper has more of them.
    first, *others = held.strip().removesuffix("}").split(',\n "')
    parts = {part.partition('"')[0]: f'{{"{part}}}' for part in others}
    now = [parts[key][1:-1] for key in parts if key in NEEDED]
    data = parse_json(",".join([first, *now]) + "}", file, shipped=True)
    with faults():
        fields = check(file, data, KINDS, FORMAT, complete=False)
    if fields["name"] != name:  # in other letters, where names of files have no case
        return None

    def late(key: str) -> Any:
        def read() -> Any:
            from ._notes import check_late

            one = parse_json(parts.get(key, "{}"), file, shipped=True)
            with faults():
                return check_late(file, key, one, fields, KINDS[fields["kind"]], [MAX_NOTES])

        return deferred(read)

    return Target(**fields, **{key: late(key) for key in Target._later})


def _registered(name: str) -> Target:
    """Return the target that is registered by a name."""
    from ..base import registry

    def make(thing: Any) -> Target:
        target = thing if isinstance(thing, Target) else registry.call("target", name, thing, {})
        if not isinstance(target, Target):
            raise ArgumentTypeError(
                f"target {name!r}, as it is registered, must be a Target or a function that "
                f"returns one, got {shown(target)} ({type(target).__name__})"
            )
        if target.name != name:
            raise ArgumentError(
                f"target {name!r}, as it is registered, is one whose own name is "
                f"{target.name!r}: results would bear that"
            )
        return target

    target: Target | None = registry.made("target", name, make)
    if target is None:
        raise registry.refusal("target", "target", name, targets(), " or the path of a .json file")
    return target


def as_target(value: Any) -> Target:
    """Return a Target from what users pass: one, a name, a path."""
    if isinstance(value, Target):
        return value
    return Target.load(value)


def _copied(value: Any) -> Any:
    """Return plain data of its own: a change to it must not reach the target."""
    if isinstance(value, dict):
        return {key: _copied(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(own) for own in value]
    return value
