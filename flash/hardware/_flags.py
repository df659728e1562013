"""What of a network lies outside the range that a target was calibrated in."""

from __future__ import annotations

from ..base.names import Column
from ..networks.layer import FAMILY_KINDS
from ..networks.operations import FUSED, PASS
from ._units import UNIT, unit_models

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..networks.network import Layer
    from ..networks.operations import Charged, Operation
    from . import Target

__all__ = ["flags_for", "flags_of", "specified_only", "uncharged"]


def flags_for(
    target: Target,
    architecture_family: str,
    metrics: Mapping[str, float | None],
    max_channels: int | None = None,
    kernel: int | None = None,
    resolution: int | None = None,
    min_channels: int | None = None,
) -> tuple[str, ...]:
    """Return what lies outside the range that a target was calibrated in.

    Parameters
    ----------
    target : Target
    architecture_family : str
        Selects the coefficient set; "" for none.
    metrics : mapping of str to float
        Of the network: any of "latency_ms", "energy_mj", "area_mm2", "macs", "params", "tiles",
        "layers"; other keys and None are passed over.
    max_channels : int, optional
        The most channels that a convolution reads or writes.
    kernel : int, optional
        The largest kernel side.
    resolution : int, optional
        Height and width of the image in pixels.
    min_channels : int, optional
        The fewest channels that a convolution writes.

    Returns
    -------
    tuple of str
        One sentence each; empty where all is within.
    """
    known = (target.residuals or {}).get(target.set_for(architecture_family))
    known = known if isinstance(known, dict) else {}
    from . import KINDS

    flags = [f"{target.name} is doubtful: {one}" for one in known.get("doubts", ())]
    stated = getattr(KINDS[target.kind], "doubts", None)
    if stated is not None:
        flags += [f"{target.name} is an estimate: {one}" for one in stated(target.parameters or {})]
    specified = specified_only(target, architecture_family)
    if specified is not None:
        flags.append(specified)
    elif architecture_family in target.not_calibrated_families:
        fitted = [
            one
            for families in target.sets.values()
            for one in families
            if one not in target.not_calibrated_families
        ]
        flags.append(
            f"{architecture_family} on {target.name} is not calibrated: its costs are read from "
            f"coefficients fitted on {', '.join(fitted) or 'other networks'}"
        )
    ranges = target.calibrated_ranges.get(target.set_for(architecture_family))
    if not ranges:
        return tuple(flags)
    for name, (low, high) in ranges["network"].items():
        value = metrics.get(name)
        if value is not None and not low <= value <= high:
            flags.append(_outside(name, value, low, high))
    flags += _unseen(target, architecture_family, metrics.get("tiles"))
    layer = ranges["layer"]
    if max_channels is not None and "in_channels" in layer:
        low, high = layer["in_channels"]
        if "out_channels" in layer:
            low, high = min(low, layer["out_channels"][0]), max(high, layer["out_channels"][1])
        if max_channels > high:
            flags.append(_outside("channels", max_channels, low, high))
    if min_channels is not None and "out_channels" in layer:
        low, high = layer["out_channels"]
        if min_channels < low:
            flags.append(_outside("channels", min_channels, low, high))
    if kernel is not None and "kernel" in layer and kernel > layer["kernel"][1]:
        flags.append(_outside("kernel", kernel, *layer["kernel"]))
    if resolution is not None and "positions" in layer:
        low, high = layer["positions"]
        if resolution * resolution > high:
            flags.append(_outside("resolution", resolution, int(low**0.5), int(high**0.5)))
    return tuple(flags)


def _unseen(target: Target, family: str, tiles: float | None) -> list[str]:
    """Say that a chip's class has no run behind it."""
    if tiles is None:
        return []
    from ._classes import unseen_class

    gap = unseen_class(target, family, tiles)
    if gap is None:
        return []
    held = f"{gap.low:,} to {gap.high:,} tiles" if gap.low < gap.high else f"{gap.low:,} tiles"
    return [
        f"no run of {target.name} has {held}, as this network ({tiles:,.0f}): its costs may be "
        "those of a chip of the nearest size that was run"
    ]


def specified_only(target: Target, architecture_family: str) -> str | None:
    """Return that a target was not calibrated, and how far it may be off; None where it was."""
    from . import KINDS

    known = (target.residuals or {}).get(target.set_for(architecture_family))
    if not isinstance(known, dict) or known.get("networks") != 0:
        return None
    kind = KINDS[target.kind]
    beside = getattr(kind, "beside", None)  # where it hangs on the target
    more = getattr(kind, "BESIDE", "") if beside is None else beside(target.parameters or {})
    return f"{target.name} is not calibrated: its costs are estimated from its specification{more}"


def _outside(name: str, value: float, low: float, high: float) -> str:
    return f"{name} {value:.6g} is outside the calibrated range, {low:.6g} to {high:.6g}"


def flags_of(
    target: Target, family: str, counted: Charged, costs: Mapping[str, float | None]
) -> tuple[str, ...]:
    """Return what of a network lies outside; costs: those that the target gives it, and tiles."""
    if target.table is not None:
        return tuple([f"{target.name} {one}" for one in target.table.flags(counted)])
    layers = counted.counting_layers
    weighted = [layer for layer in layers if layer.kind in ("conv", "linear")]
    known = {
        **costs,
        "params": sum(layer.params for layer in layers),
        "macs": sum(layer.macs for layer in layers),
        "layers": len(weighted),
    }
    channels = kernel = 0
    fewest = None
    for layer in weighted:
        if layer.kind == "conv":
            fewest = min(fewest or layer.out_channels, layer.out_channels)
            channels = max(channels, layer.in_channels, layer.out_channels)
            kernel = max(kernel, *layer.kernel_size)
    side = max(counted.input_shape[1:])
    flags = flags_for(target, family, known, channels, kernel, side, fewest)
    flags += _flags_of_groups(target, family, layers)
    flags += _flags_of_uncharged(target, family, counted)
    flags += _flags_of_tile(target, counted)
    flags += _flags_of_features(target, family, counted)
    return flags + _flags_of_distance(target, family, counted, costs)


def _flags_of_distance(
    target: Target, family: str, counted: Charged, costs: Mapping[str, float | None]
) -> tuple[str, ...]:
    """Say that a network is unlike those of the calibration."""
    if not target.intervals:
        return ()
    from ._prediction import distances_of

    far = [
        f"{one:.3g} in {metric}"
        for metric, one in distances_of(target, family, counted, costs).items()
        if one > 1.0
    ]
    if not far:
        return ()
    return (
        f"unlike any network that {target.name} was calibrated on: its distance is "
        f"{', '.join(far)} (of the farthest of them 1), and its intervals are wide",
    )


def _flags_of_tile(target: Target, counted: Charged) -> tuple[str, ...]:
    """Say that a chip's floorplanner would give a network other tiles than the target's."""
    from . import KINDS

    parameters = target.parameters or {}
    asked = getattr(KINDS[target.kind], "other_tile", None)
    side = None if asked is None else asked(parameters, counted)
    if side is None:
        return ()
    return (
        f"the floorplanner gives this network tiles of {side} x {side} cells, and {target.name} "
        f"holds for those of {parameters['tile']} x {parameters['tile']}",
    )


def _flags_of_groups(target: Target, family: str, layers: Sequence[Layer]) -> tuple[str, ...]:
    from . import KINDS

    if KINDS[target.kind].GROUPED or family in target.not_calibrated_families:
        return ()
    if all(layer.groups == 1 for layer in layers):
        return ()
    return (f"grouped convolutions on {target.name} are not calibrated: they are costed as dense",)


def _flags_of_uncharged(target: Target, family: str, counted: Charged) -> tuple[str, ...]:
    """Name what costs nothing; relu and relu6 were in the networks measured."""
    free = uncharged(target, family, counted)
    told: tuple[str, ...] = ()
    if free:
        told = (f"{target.name} charges nothing for {', '.join(free)}",)
    if target.kind not in ("cpu", "gpu") or "macs_products" in _known(target, family):
        return told
    if any(layer.kind == "matmul" for layer in counted.counting_layers):
        told += (
            f"{target.name} charges products of computed values as convolutions: no network of its "
            "calibration had any",
        )
    return told


def _known(target: Target, family: str) -> set[str]:
    """Return the features that latency has a coefficient of."""
    known = target.coefficients[target.set_for(family)]["latency_ms"]
    return {name for name, value in known.items() if value}


def uncharged(target: Target, family: str, counted: Charged) -> tuple[str, ...]:
    """Return what of a network costs nothing on a target though it takes work, each once.

    Norms, activations and additions of a convolution's own, concatenations and pools are free on
    many targets by the way they work, and are not among it.
    """
    if target.table is not None:
        return tuple(target.table.uncharged(counted))
    asked: list[tuple[str, str, list[Operation]]] = []
    for layer, row in zip(counted.layers, counted.rows, strict=True):
        if not row:
            continue
        if layer.activation not in FUSED:  # its own pass, not the layer's
            passes = [one for one in row if one[0] == PASS]
            asked.append(("activations", str(layer.activation), passes))
        elif layer.kind not in FAMILY_KINDS and layer.kind != "act":
            mode = "" if layer.mode is None else f" ({layer.mode})"
            asked.append(("rows", f"{layer.kind}{mode} rows", row))
    free: dict[str, set[str]] = {"activations": set(), "rows": set()}
    model = target.model(family) if asked else None
    for what, name, row in asked:
        if model is not None and not any(one[Column.LATENCY] for one in model.charge(row)):
            free[what].add(name)
    acts = ", ".join(sorted(free["activations"]))
    return (*((f"the activations {acts}",) if acts else ()), *sorted(free["rows"]))


def _flags_of_features(target: Target, family: str, counted: Charged) -> tuple[str, ...]:
    """Return what a network is charged for that no network of the calibration had."""
    ranges = target.calibrated_ranges.get(target.set_for(family)) or {}
    unseen = {name for name, (_, high) in ranges.get("features", {}).items() if high == 0}
    if not unseen:
        return ()
    from . import KINDS

    flags = []
    for carried, model in unit_models(target.kind, target.array):
        total = None
        for feature, column in carried.items():
            name = KINDS[target.kind].FEATURES[feature]
            if name in unseen:
                total = total or model.total(counted.packed)
                if total[column]:
                    flags.append(
                        f"{name} {total[column] * UNIT:.6g} is outside the calibrated range: "
                        "no network had any"
                    )
    return tuple(flags)
