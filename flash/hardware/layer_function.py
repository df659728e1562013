"""`LayerTarget`: a target whose costs are those that a Python function gives each layer."""

from __future__ import annotations

from ..base.checks import choice, hint, items, public, real, shown
from ..base.names import COSTS
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.layer import Layer
from ._layer_costs import LayerCosts, units_of
from ._layer_rows import own_layer, title
from .target import Target, layer_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from ._layer_costs import Units

    # latency_ms; latency_ms and energy_mj, and area_mm2; or by name
    Costs: TypeAlias = float | Sequence[float] | Mapping[str, float]

__all__ = ["LayerTarget"]

TWICE = 8  # layers that the function is asked for twice
PROBE = Layer("conv", 16, 32, 16, 16, kernel=3)


@public
def LayerTarget(
    function: Callable[[Layer], Costs],
    *,
    name: str = "layers",
    metrics: Sequence[str] | None = None,
    constant: Costs | None = None,
    description: str = "",
) -> Target:
    """Return a target that charges each layer of a network what a Python function says.

    Parameters
    ----------
    function : callable
        Takes a `Layer` and returns its costs: a number, which is milliseconds; several in the order
        latency_ms, energy_mj, area_mm2; or a dict of these names. It sees one layer alone, without
        the network around it: of a layer with several inputs how many there are (of a
        concatenation two), and no cell. It must always give a layer the same. It is called in this
        process, once for each distinct layer and twice for the first few, and its answers are kept.
        Rows without work are not asked for: inputs, views, and what no output is made of.
    name : str, default "layers"
    metrics : list of str, optional
        Which costs the function gives; default those that it gives a 3x3 convolution.
    constant : number, list or dict, optional
        What every network costs beside its layers, given as the function gives costs.
    description : str

    Returns
    -------
    Target
        For all that takes a target; it cannot be written to a file.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If the function fails, or gives what is no cost: none that is finite and not negative, other
        ones than for other layers, or two different ones for a layer. The layer is named; layers
        that a search needs are all charged before it starts.

    Examples
    --------
    >>> mine = flash.LayerTarget(lambda layer: 1e-6 * layer.macs + 0.01, name="mine")
    >>> flash.search("resnet", mine, max_latency_ms=5)
    """
    if not callable(function):
        raise ArgumentTypeError(
            f"function must be callable, got {shown(function)} ({type(function).__name__})"
        )
    known: tuple[str, ...] | None = None
    if metrics is not None:
        given = [metrics] if isinstance(metrics, str) else items("metrics", metrics, len(COSTS))
        for one in given:
            choice("metrics", one, COSTS)
        known = tuple(one for one in COSTS if one in given)
        if "latency_ms" not in known:
            raise ArgumentError(f"metrics must hold 'latency_ms', got {shown(metrics)}")
    found = LayerFunction(function, known, constant)
    return layer_target(found, name, description)


class LayerFunction(LayerCosts):
    """What a function says of layers, kept."""

    written = False

    def __init__(
        self, function: Callable[[Layer], Costs], metrics: tuple[str, ...] | None, constant: Any
    ) -> None:
        self.function, self.given, self.constant = function, metrics, constant
        self._kept: dict[tuple[Any, ...], Units] = {}
        self.metrics = tuple(COSTS) if metrics is None else metrics
        if metrics is None:
            self.metrics = tuple(one for one in COSTS if one in self._ask(PROBE))
        self._beside = {}
        if constant is not None:
            self._beside = _costs("constant", constant)
            for one in self._beside:
                if one not in self.metrics:
                    raise ArgumentError(f"constant has {one}, which the function gives no layer")

    def __reduce__(self) -> tuple[Any, ...]:
        return LayerFunction, (self.function, self.metrics, self.constant)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LayerFunction):
            return NotImplemented
        mine = (self.function, self.metrics, self._beside)
        return mine == (other.function, other.metrics, other._beside)

    def __hash__(self) -> int:
        return hash(self.metrics)

    def __repr__(self) -> str:
        return f"LayerFunction({shown(self.function)})"

    def data(self, name: str = "") -> dict[str, Any]:
        raise ArgumentError(
            f"target {name!r} is a Python function and cannot be written to a file; "
            "`Target.from_layer_table` takes its answers as rows"
        )

    def beside(self) -> dict[str, float]:
        return dict(self._beside)

    def of_segment(
        self, layers: Sequence[Layer], lacking: list[Layer] | None = None
    ) -> list[Units]:
        return [self._units(layer) for layer in layers]

    def _units(self, layer: Layer) -> Units:
        own = own_layer(layer)
        key = own._values()
        found = self._kept.get(key)
        if found is None:
            costs = self._ask(own)
            if tuple(one for one in COSTS if one in costs) != self.metrics:
                raise ArgumentError(
                    f"function must give every layer {', '.join(self.metrics)}, got "
                    f"{', '.join(costs)} for {title(own)}"
                )
            if len(self._kept) < TWICE and self._ask(own) != costs:
                raise ArgumentError(
                    f"function must give a layer the same costs whenever it is asked, got two "
                    f"different ones for {title(own)}"
                )
            found = self._kept[key] = tuple(
                [units_of(one, costs[one], title(own)) for one in self.metrics]
            )
        return found

    def _ask(self, layer: Layer) -> dict[str, float]:
        try:
            answer = self.function(layer)
        except Exception as error:
            raise ArgumentError(
                f"function failed for {title(layer)}: {error} ({type(error).__name__})"
            ) from error
        return _costs(f"function's answer for {title(layer)}", answer)


def _costs(name: str, answer: Any) -> dict[str, float]:
    """Return costs by name, checked."""
    if isinstance(answer, dict):
        for one in answer:
            if one not in COSTS:
                raise ArgumentError(
                    f"{name} has an unknown cost {shown(one)}{hint(one, COSTS)}; accepted are "
                    f"{', '.join(COSTS)}"
                )
        if "latency_ms" not in answer:
            raise ArgumentError(f"{name} lacks latency_ms, got {shown(answer)}")
        return {one: real(f"{name}: {one}", answer[one], 0.0) for one in COSTS if one in answer}
    if isinstance(answer, (list, tuple)):
        if not 1 <= len(answer) <= len(COSTS):
            raise ArgumentError(
                f"{name} must be 1 to {len(COSTS)} numbers ({', '.join(COSTS)}), got {len(answer)}"
            )
        both = zip(COSTS, answer, strict=False)
        return {one: real(f"{name}: {one}", value, 0.0) for one, value in both}
    return {"latency_ms": real(name, answer, 0.0)}
