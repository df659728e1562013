"""What speaks against a calibration: how its networks were measured, and how little a fit says.

Each doubt is a sentence. It is warned of where the target is made, and kept in the target's
residuals, so that a search on it carries it as a flag.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ArgumentError, CalibrationWarning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._fitting import Array
    from ._samples import Sample

__all__ = ["conditions_of", "doubts_of_fit", "doubts_of_measuring", "refuse_kind", "warn"]

# Of a measurement's conditions: what its figures depend on, as they are called in a sentence
FACTS = {
    "runtime": "runtime",
    "device": "device",
    "processor": "processor",
    "threads": "threads",
    "batch": "batch",
    "dtype": "dtype",
    "clock": "clock",
    "governor": "governor",
    "max_khz": "highest clock rate in kHz",
    "version": "version of the runtime",
}
USELESS_PCT = 30.0  # mean error of left-out networks
POOR_PCT, ABOVE_NOISE = 15.0, 5.0  # the same where the noise is known: so many times above it
NO_BETTER = 0.9  # of the error of one number for all networks
NOISY_PCT = 10.0  # median of what halves of the passes differ by
DISTURBED = 1.25  # median over the shortest run, or wall over processor time: median of networks
DRIFT, SURE, LEAST_SERIES = 0.15, 5.0, 8  # of a series: relative, in standard errors, networks

_KINDS = {"cpu": "cpu", "cuda": "gpu"}  # what is measured there: the kind of target for it


def warn(message: str) -> None:
    """Warn at the line of the user's call, however deep this is."""
    import sys

    depth, frame = 1, sys._getframe(0).f_back
    while frame is not None and frame.f_globals.get("__name__", "").startswith("flash."):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, CalibrationWarning, stacklevel=depth + 1)


def refuse_kind(found: Sequence[Sample], name: str, kind: str) -> list[str]:
    """Say that a target is of another kind of hardware than what was measured.

    Returns
    -------
    list of str
        A doubt where a processor's model is fitted to a graphics processor, or the reverse.

    Raises
    ------
    ArgumentError
        If it is of no kind that a runtime can be timed on.
    """
    wrong = [one for one in found if one.facts and _KINDS.get(one.facts["device"], kind) != kind]
    if not wrong:
        return []
    device = wrong[0].facts["device"]  # type: ignore[index]
    if kind not in _KINDS.values():
        raise ArgumentError(
            f"base must be a target of kind {_KINDS[device]!r}, for {_some(wrong, len(found))} "
            f"measured on a device {device!r}, got {name!r}, of kind {kind!r}"
        )
    some = _some(wrong, len(found))
    return [f"{some} measured on a device {device!r}, but {name} is of kind {kind!r}"]


def conditions_of(found: Sequence[Sample]) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """Return the conditions that all measurements share, and the values of those that differ.

    Of networks without a measurement's record nothing is known.
    """
    known = [one.facts for one in found if one.facts]
    same: dict[str, Any] = {}
    differ: dict[str, dict[str, int]] = {}
    for key in FACTS:
        values = [facts.get(key) for facts in known]
        counted: dict[str, int] = {}
        for value in values:
            counted[str(value)] = counted.get(str(value), 0) + 1
        if len(counted) > 1:
            differ[key] = counted
        elif values and values[0] is not None:
            same[key] = values[0]
    return same, differ


def doubts_of_measuring(found: Sequence[Sample]) -> list[str]:
    """Return what speaks against the measurements themselves."""
    known = [one for one in found if one.facts]
    if not known:
        return []
    doubts = []
    _, differ = conditions_of(found)
    if differ:
        parts = [
            f"{FACTS[key]} ({', '.join(f'{value}: {n}' for value, n in values.items())})"
            for key, values in differ.items()
        ]
        doubts.append(f"measured under different conditions: {'; '.join(parts)}")
    unsettled = [one for one in known if not one.facts["settled"]]  # type: ignore[index]
    if unsettled:
        doubts.append(f"{_some(unsettled, len(found))} measured before their times had settled")
    noise = [one.noise_pct for one in known if one.noise_pct is not None]
    if noise and float(np.median(noise)) > NOISY_PCT:
        doubts.append(
            f"halves of a measurement differ by {float(np.median(noise)):.3g} %: it was disturbed"
        )
    for key, what in (
        ("slowed", "of the shortest run: the clock was throttled, or something else was running"),
        ("waited", "of processor time: something else was running"),
    ):
        ratios = [r for r in (one.facts[key] for one in known) if r is not None]  # type: ignore[index]
        if ratios and float(np.median(ratios)) > DISTURBED:
            doubts.append(f"measured times are {float(np.median(ratios)):.3g} times those {what}")
    return doubts


def doubts_of_fit(
    metric: str, found: Sequence[Sample], y: Array, left: Array, predicted: Array
) -> list[str]:
    """Return what speaks against the fit of a metric.

    left, predicted : array, shape (n,)
        What is predicted for each network, with and without its group left out.
    """
    doubts = []
    if not np.isnan(left).any():
        error = 100 * float(np.abs(left / y - 1).mean())
        noise = [one.noise_pct for one in found if one.noise_pct is not None]
        measured = 100 * float(np.abs(y / np.exp(np.median(np.log(y))) - 1).mean())
        told = f"{metric} of left-out networks is predicted {error:.3g} % off on average"
        limit = max(POOR_PCT, ABOVE_NOISE * float(np.median(noise))) if noise else math.inf
        if error > USELESS_PCT:
            doubts.append(f"{told}: the fit says little")
        elif metric == "latency_ms" and error > limit:
            doubts.append(f"{told}, and measurements by {float(np.median(noise)):.3g} % only")
        elif error > POOR_PCT and 0.01 < NO_BETTER * measured < error:
            doubts.append(f"{told}, as by one number for all ({measured:.3g} %)")
    drift = _drift(found, y / predicted, predicted)
    if drift is not None:
        doubts.append(
            f"{metric} drifts by {100 * drift:+.3g} % from the first network measured to the "
            "last, beside what the fit explains: was the device throttled?"
        )
    return doubts


def _drift(found: Sequence[Sample], ratio: Array, predicted: Array) -> float | None:
    """Return by how much a series drifts, in the order of its measurement; None if it does not.

    A step of a family or a trend with the size of networks is no drift: both are taken out.
    """
    n = len(ratio)
    if n < LEAST_SERIES:
        return None
    times = [one.facts.get("time") if one.facts else None for one in found]
    order = np.argsort([str(one) for one in times], kind="stable") if all(times) else np.arange(n)
    place = np.empty(n)
    place[order] = np.linspace(-0.5, 0.5, n)
    families = [getattr(one.net, "family", "") for one in found]
    groups = [[float(own == one) for own in families] for one in sorted(set(families))]
    x = np.column_stack([place, np.log(predicted), *groups])
    log = np.log(np.maximum(ratio, 1e-9))
    slope, *_ = np.linalg.lstsq(x, log, rcond=None)
    rest = log - x @ slope
    free = n - x.shape[1]
    if free < 3:
        return None
    spread = np.linalg.pinv(x.T @ x, hermitian=True)[0, 0] * float(rest @ rest) / free
    drift = float(slope[0])
    sure = abs(drift) > SURE * math.sqrt(max(spread, 0.0)) and spread < 1.0
    return math.expm1(drift) if sure and abs(drift) > DRIFT else None


def _some(wrong: Sequence[Sample], of: int) -> str:
    if len(wrong) == of:
        return f"all {of} networks were" if of > 1 else f"{wrong[0].name} was"
    return f"{len(wrong)} of {of} networks ({wrong[0].name}{' ...' if len(wrong) > 1 else ''}) were"
