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
LEAST = 3  # different networks that a tile is fitted to


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
        the coefficients of `base`; where these are estimates, that is a doubt.
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

    A base with the models of several tiles (`Target.with_tiles`) has each of them fitted to the
    networks that its floorplan gives that tile, and left as it is, with a warning and a flag, where
    they are fewer than three different ones.

    Examples
    --------
    >>> space = flash.DenseNet()
    >>> chosen = flash.calibration_design(space, "cpu-x86", n=25)
    >>> mine = flash.calibrate("cpu-x86", flash.measure(chosen, runtime="onnxruntime"))
    >>> mine.residuals["default"]["held_out"]["latency_ms"]
    >>> mine.interval(space.decode(12345))
    """
    model = as_target(base)
    if model.table is not None:
        raise ArgumentError(
            f"base must have coefficients to fit, got {model.name!r}, which charges layers one by "
            "one: see Target.fitted"
        )
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
    found = _on_own_tiles(model, found)
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
    data = model.to_dict()
    if model.tiles is None:
        data.update(_fitted(model, found, metrics, prior, doubts))
    else:
        data.update(_fitted_tiles(model, found, metrics, prior, doubts))
    data["name"] = title
    data["description"] = (
        f"{', '.join(metrics)} fitted to {len(found)} measured networks, from {model.name}"
    )
    data["provenance"] = _provenance(model, metrics, prior, found) | (provenance or {})
    data.pop("ablation", None)
    result = Target.from_dict(data, "the calibrated target")
    if path is not None:
        result.to_json(path)
    return result


def _fitted(
    model: Target, found: list[Sample], metrics: Sequence[str], prior: str, doubts: list[str]
) -> dict[str, Any]:
    """Return what is fitted of a target of one tile, as plain data."""
    charged = [family_and_network(one.net, model) for one in found]
    sets: dict[str, list[int]] = {}
    for n, (family, _) in enumerate(charged):
        sets.setdefault(model.set_for(family), []).append(n)
    parts: dict[str, Any] = {
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
        one.doubts += _estimates_kept(model, place, metrics)
        parts["coefficients"][place] = one.coefficients
        parts["calibrated_ranges"][place] = one.ranges(metrics)
        parts["residuals"][place] = one.residuals()
        parts["intervals"][place] = one.intervals
    for key, own in (("links", model.links), ("sets", model.sets)):
        parts[key] = {name: value for name, value in own.items() if name in sets}
    parts["not_calibrated_families"] = _unseen([one.net for one in found])
    return parts


def _estimates_kept(model: Target, place: str, metrics: Sequence[str]) -> list[str]:
    """Return the doubt, warned of, that costs which are not fitted were estimates in the base."""
    kept = [metric for metric in model.metrics if metric not in metrics]
    if not kept or (model.residuals or {}).get(place, {}).get("networks") != 0:
        return []
    told = f"{', '.join(kept)} was not measured: it is kept from {model.name}, an estimate"
    warn(told)
    return [told]


def _fitted_tiles(
    model: Target, found: list[Sample], metrics: Sequence[str], prior: str, doubts: list[str]
) -> dict[str, Any]:
    """Return the same of a target of several tiles: each is fitted to the networks that the
    floorplanner gives it, and left as the base has it where they are too few."""
    from .tiles import entry_of, tile_of

    rule = (model.parameters or {})["floorplan"]
    own = (model.parameters or {})["tile"]
    split: dict[int, list[Sample]] = {side: [] for side in model._by_tile}
    for sample in found:
        split[tile_of(model, sample.net)].append(sample)
    counts = {
        side: len(set(equal_layers([family_and_network(one.net)[1] for one in some])))
        for side, some in split.items()
    }
    if max(counts.values()) < LEAST:
        raise ArgumentError(
            f"networks must be at least {LEAST} different ones on tiles of one size, got "
            + " and ".join(f"{count} on tiles of {side}" for side, count in counts.items())
        )
    parts: dict[str, Any] = {"tiles": {}}
    for side, some in split.items():
        base = model.on_tile(side)
        entry = entry_of(base, rule)
        if counts[side] >= LEAST:
            told = f"{model.name} on tiles of {side}"
            entry |= _fitted(base.replace(name=told), some, metrics, prior, doubts)
        else:
            told = (
                f"{counts[side] or 'none'} of the different networks measured "
                f"{'is' if counts[side] == 1 else 'are'} on tiles of {side} cells, fewer than "
                f"{LEAST}: that tile is left as {model.name} has it"
            )
            warn(told)
            entry["residuals"] = {
                place: {**one, "doubts": [*one.get("doubts", ()), told]}
                for place, one in (
                    (place, (base.residuals or {}).get(place, {})) for place in base.coefficients
                )
            }
        if side == own:
            parts |= entry
        else:
            parts["tiles"][str(side)] = entry
    return parts


def _on_own_tiles(model: Target, found: list[Sample]) -> list[Sample]:
    """Return the networks that a chip's floorplanner gives the base's tiles; warn of the others."""
    asked = getattr(KINDS[model.kind], "other_tile", None)
    if asked is None or model.tiles is not None:
        return found
    own = model.parameters or {}
    tiles = [asked(own, family_and_network(one.net)[1]) for one in found]
    others = [one.name for one, tile in zip(found, tiles, strict=True) if tile is not None]
    if not others:
        return found
    told = f"{len(others)} of {len(found)} networks ({others[0]}{' ...' if others[1:] else ''})"
    if len(others) == len(found):
        raise ArgumentError(
            f"networks must be given tiles of {own['tile']} cells by the floorplanner of "
            f"{model.name}, got none that is"
        )
    warn(
        f"{told} are left out: the floorplanner gives them other tiles than {model.name} has "
        "(Target.with_tiles makes a base of several)"
    )
    return [one for one, tile in zip(found, tiles, strict=True) if tile is None]


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
