"""calibrate: a target's coefficients fitted to what was measured on the user's own hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._version import __version__
from ..base.checks import choice, public, shown, writable
from ..base.names import COSTS
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.architecture import FAMILIES, Architecture
from . import KINDS, Target, as_target
from ._doubts import conditions_of, doubts_of_measuring, refuse_kind, warn
from ._fit import Fit, equal_layers, layer_ranges
from ._samples import common, samples
from .costing import family_and_network

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ..networks.network import Network
    from ._measurement import Measurement
    from ._samples import Sample, Subject

__all__ = ["calibrate", "equal_layers", "layer_ranges"]

_PRIORS = ("base", "none")


@public
def calibrate(
    base: Target | str | os.PathLike[str],
    networks: Measurement | str | os.PathLike[str] | Iterable[Measurement | Subject],
    *,
    latency_ms: Iterable[float] | None = None,
    energy_mj: Iterable[float] | None = None,
    area_mm2: Iterable[float] | None = None,
    name: str | None = None,
    prior: str = "base",
    input_shape: Sequence[int] = (3, 32, 32),
    provenance: dict[str, Any] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Target:
    """Fit a target's coefficients to measurements of your own hardware.

    Parameters
    ----------
    base : Target, name or path
        Whose kind of model is fitted: "cpu-x86" for processors that run layer after layer.
    networks : sequence
        What was measured: Architectures, Networks, SearchResults, torch modules, paths of ONNX
        models or of JSON files of these; or `Measurement` records or their files, which hold
        their own values.
    latency_ms, energy_mj, area_mm2 : sequence of float, optional
        For each network milliseconds per image, millijoules per image, square millimetres; at
        least one of them where `networks` are no measurements. A metric that is not given keeps
        the coefficients of `base`.
    name : str, optional
        Of the new target; default that of `base` with "-calibrated".
    prior : {"base", "none"}, default "base"
        To what the coefficients are drawn where the networks are too few to tell: those of
        `base` times one factor, or nothing. How strongly is chosen by cross-validation.
    input_shape : (int, int, int)
        Channels, height and width of the image of torch modules.
    provenance : dict, optional
        Added to what the target says of its origin.
    path : path, optional
        Where to write the target as one JSON file.

    Returns
    -------
    Target
        With `residuals` (of left-out networks too), intervals and calibrated ranges.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted: NaN, zero, negative, lists of different lengths, or
        measurements of a processor for a target of another kind of hardware.
    FormatError
        If a file is not what it should be.

    Warns
    -----
    CalibrationWarning
        Where the unit looks wrong, networks are equal, fewer than coefficients or all of one
        value, or coefficients cannot be told apart; where networks were measured under different
        conditions, before their times had settled, on another kind of device than the base's, or
        while the device was slowed down; where left-out networks are predicted badly. What speaks
        against the whole target is kept in `residuals` ("doubts"), and a flag of each search.

    Notes
    -----
    Non-negative least squares on relative residuals (weights 1/y), by network. Networks of equal
    layers are one group, and errors of left-out networks are those of leaving out their group.

    Examples
    --------
    >>> space = flash.DenseNet()
    >>> chosen = flash.calibration_design(space, "cpu-x86", n=25)
    >>> mine = flash.calibrate("cpu-x86", flash.measure(chosen, runtime="onnxruntime"))
    >>> mine.residuals["default"]["held_out"]["latency_ms"]
    >>> mine.interval(space.decode(12345))
    """
    model = as_target(base)
    if path is not None:
        writable("path", path)
    choice("prior", prior, _PRIORS)
    title = f"{model.name}-calibrated" if name is None else name
    if not isinstance(title, str):
        raise ArgumentTypeError(f"name must be text, got {shown(title)}")
    if provenance is not None and not isinstance(provenance, dict):
        raise ArgumentTypeError(f"provenance must be a dict, got {shown(provenance)}")
    given = {"latency_ms": latency_ms, "energy_mj": energy_mj, "area_mm2": area_mm2}
    found = samples(networks, given, input_shape)
    if not found:
        raise ArgumentError("networks must be at least one, got none")
    metrics = common(found)
    for metric in metrics:
        if metric not in KINDS[model.kind].COLUMNS:
            raise ArgumentError(
                f"{metric} is not modelled by targets of kind {model.kind!r}, which take "
                f"{', '.join(m for m in COSTS if m in KINDS[model.kind].COLUMNS)}"
            )
    if not metrics:
        raise ArgumentError("networks must all have the same costs measured, got none in common")
    doubts = refuse_kind(found, model.name, model.kind) + doubts_of_measuring(found)
    for doubt in doubts:
        warn(doubt)
    charged = [family_and_network(one.net, model) for one in found]
    sets: dict[str, list[int]] = {}
    for n, (family, _) in enumerate(charged):
        sets.setdefault(model.set_for(family), []).append(n)
    data = model.to_dict()
    parts: dict[str, dict[str, Any]] = {
        key: {} for key in ("coefficients", "calibrated_ranges", "residuals", "intervals")
    }
    for place in sorted(sets, key=list(model.coefficients).index):
        chosen = sets[place]
        one = Fit(
            model,
            place,
            [found[n] for n in chosen],
            [charged[n][0] for n in chosen],
            [charged[n][1] for n in chosen],
        )
        one.doubts += doubts
        for metric in metrics:
            one.fit(metric, with_prior=prior == "base")
        parts["coefficients"][place] = one.coefficients
        parts["calibrated_ranges"][place] = one.ranges(metrics)
        parts["residuals"][place] = one.residuals()
        parts["intervals"][place] = one.intervals
    data.update(parts)
    data["links"] = {key: value for key, value in model.links.items() if key in parts["residuals"]}
    data["sets"] = {key: value for key, value in model.sets.items() if key in parts["residuals"]}
    data["name"] = title
    data["not_calibrated_families"] = _unseen([one.net for one in found])
    data["description"] = (
        f"{', '.join(metrics)} fitted to {len(found)} measured networks, from {model.name}"
    )
    data["provenance"] = _provenance(model, metrics, prior, found) | (provenance or {})
    data.pop("ablation", None)
    result = Target.from_dict(data, "the calibrated target")
    if path is not None:
        result.to_json(path)
    return result


def _unseen(nets: list[Architecture | Network]) -> list[str]:
    """Return the families without a measured network; none where some network is of no family."""
    families = [net.family for net in nets if isinstance(net, Architecture)]
    return [f for f in FAMILIES if f not in families] if len(families) == len(nets) else []


def _provenance(
    model: Target, metrics: Sequence[str], prior: str, found: Sequence[Sample]
) -> dict[str, Any]:
    import datetime

    same, differ = conditions_of(found)

    kept = [metric for metric in model.metrics if metric not in metrics]
    return {
        "method": "flash.calibrate: non-negative least squares on relative residuals (weights "
        "1/y), by network; networks of equal layers are left out together",
        "base": model.name,
        "prior": prior,
        **({"kept from the base": kept} if kept else {}),
        **({"conditions": same} if same else {}),
        **({"different conditions": differ} if differ else {}),
        "flash": __version__,
        "fitted": datetime.date.today().isoformat(),
    }
