"""`flash.sensitivities`: what fewer bits cost a module, layer by layer."""

from __future__ import annotations

from ..base.checks import choice, integer, items, number, public, shown, watched
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.families import MAX_SEED
from .choices import bits_list
from .table import MEASURES, Sensitivities, Sensitivity, rows_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import Any, Literal

    import torch

    from ..base.progress import Watching
    from .groups import Group
    from .losses import Judge
    from .quantising import Choices

__all__ = ["sensitivities"]

MAX_PROBES = 10_000
ROUNDS = 16  # of probes at most, with a tolerance
DIGITS, MOST_PLACES = 13, 18  # of a loss: far below all noise, and sums of them are exact
SCALE_BYTES = 4  # of each output channel


@public
def sensitivities(
    module: torch.nn.Module,
    data: Any,
    bits: Sequence[int] = (2, 3, 4, 8),
    measure: str = "loss",
    *,
    loss: str | Callable[[Any, Any], Any] | None = None,
    layers: Sequence[str] | None = None,
    others: Choices | None = None,
    batch_size: int = 256,
    probes: int = 16,
    tolerance: float | None = None,
    seed: int = 0,
    journal: str | os.PathLike[str] | None = None,
    progress: bool | Literal["auto"] = False,
) -> Sensitivities:
    """Measure what fewer bits for its weights cost a module, one layer at a time.

    Parameters
    ----------
    module : torch.nn.Module
        Stays as it is: a deep copy is measured, in evaluation mode. Each convolution, linear layer
        and embedding, each recurrent layer, attention's projections, and each other layer whose own
        ``weight`` has two dimensions or more is a group; what shares a weight is one.
    data : pair, torch dataset or batches
        (inputs, targets) of tensors or arrays; a dataset of such pairs; or batches of them, as a
        DataLoader gives: an iterator is gone through once, and all is held in memory. Inputs may be
        a tuple or a dict of what the module takes. Nothing is normalised. Give training data or
        others that no accuracy is judged by.
    bits : sequence of int, default (2, 3, 4, 8)
        Numbers of bits to choose from, 1 to 16.
    measure : {"loss", "hessian"}
        "loss" rounds a layer's weights and measures the loss on all data: layers times numbers of
        bits passes. "hessian" estimates the trace of the loss's Hessian in a layer's weights from
        `probes` products with random signs (Hutchinson), and multiplies: half the omega of HAWQ-V2,
        the second-order growth of the loss if rounding went in a random direction. It costs
        layers times probes passes twice backwards, whatever the number of bits; it suits a module
        at a minimum of its loss.
    loss : {"cross-entropy", "mean-squared-error"} or callable, optional
        Usually cross entropy where targets are integers, else the mean squared error. A function
        takes (output, targets) and returns the mean over the batch, or a loss for each sample.
    layers : sequence of str, optional
        Those to measure, by their names in ``module.named_modules()``; usually all.
    others : answer of `flash.choose`, or dict of str to int, optional
        Bits of the other layers while one is measured, of the measure "loss"; usually none, and
        they are as they were. Losses are then counted from the module with all of these bits
        (``base_loss``): a second table around a first answer tells what its neighbours cost where
        it is, which losses added up from single layers do not when they are large.
    batch_size : int, default 256
        Where data are no batches yet.
    probes : int, default 16
        Of the measure "hessian".
    tolerance : float, optional
        Of the measure "hessian": for each layer `probes` more are taken until the trace's standard
        error is at most this share of it, 1e-6 to 1, or 16 times `probes` were taken; the rows'
        ``error`` says what was reached. Usually it is `probes`.
    seed : int, default 0
        Of the probes, and of what the module itself may draw. The same seed gives the same table on
        the same machine.
    journal : path, optional
        File that keeps each layer as it is finished, as JSON lines. The same call goes on from it,
        after Ctrl-C or a kill; a journal of another module, data or measure is refused, and so is
        one that another process is at work with.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.

    Returns
    -------
    Sensitivities
        ``.problem()`` is what `flash.choose` takes; ``.to_csv()`` and ``.to_frame()`` for others.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument is not accepted, there is no layer to quantise, the data are empty, the
        module refuses them, or a loss is not finite.
    MissingExtraError
        If torch is not installed.
    OSError
        If the journal cannot be written; what was finished before stays.

    Notes
    -----
    Weights are rounded as `flash.quantised` says. Losses of layers are measured one at a time and
    added up in a choice: an approximation, which is worse the more they grow. HAWQ-V2: Dong et al.,
    arXiv 1911.03852, equation 1 of it as others quote it: the mean of the Hessian's eigenvalues
    times the squared norm of what rounding changes.
    """
    from ..base.extras import require

    given = bits_list(bits)
    choice("measure", measure, MEASURES)
    batch_size = integer("batch_size", batch_size, 1, 1 << 24)
    probes = integer("probes", probes, 1, MAX_PROBES)
    if tolerance is not None:
        tolerance = float(number("tolerance", tolerance, 1e-6, 1.0))
        if measure != "hessian":
            raise ArgumentError("tolerance is for measure 'hessian', got it with 'loss'")
        if probes < 2:  # one has no standard error
            raise ArgumentError(f"probes must be at least 2 with a tolerance, got {probes}")
    seed = integer("seed", seed, 0, MAX_SEED)
    watched("progress", progress)
    torch = require("flash.sensitivities", "torch", "torch")
    from .batches import batches_of, fingerprint
    from .choices import bits_of
    from .groups import copied, groups_of, opened
    from .journal import Journal, held
    from .losses import LOSSES, Judge

    if loss is not None and not callable(loss):
        choice("loss", loss, LOSSES, ", a function (output, targets) or None")
    module = opened(module)
    groups, left = groups_of(module)
    wanted = _chosen(groups, layers, left)
    if others is not None and measure != "loss":
        raise ArgumentError("others cannot be used with measure 'hessian', only with 'loss'")
    around = {} if others is None else bits_of(others, [one.name for one in groups], left, "others")
    floating = (one.dtype for one in module.parameters() if one.is_floating_point())
    batches = batches_of(data, batch_size, next(floating, torch.float32))
    with held(journal) as path:
        judge = Judge(copied(module), batches, loss, seed)
        for one in judge.module.parameters():
            one.requires_grad_(False)
        facts: dict[str, Any] = {"measure": measure, "bits": list(given), "seed": seed}
        if path is not None:
            facts["module"] = fingerprint(dict(module.state_dict()))
            facts["data"] = fingerprint(batches)
            facts["loss"] = getattr(loss, "__qualname__", loss if loss is None else str(loss))
            facts["probes"] = probes if measure == "hessian" else None
            facts["others"] = dict(sorted(around.items()))
            if tolerance is not None:
                facts["tolerance"] = tolerance
        return _measured(
            judge,
            groups,
            wanted,
            left,
            given,
            measure,
            (probes, tolerance),
            around,
            Journal(path, "sensitivities", facts, _kept),
            progress,
        )


def _chosen(groups: list[Group], layers: Any, left: dict[str, str]) -> list[int]:
    """Return the numbers of the groups that are asked for."""
    from ..base.checks import hint

    if layers is None:
        return list(range(len(groups)))
    names = [group.name for group in groups]
    found = set()
    for n, name in enumerate(items("layers", layers, 1 << 20)):
        if not isinstance(name, str):
            raise ArgumentTypeError(f"layers[{n}] must be a name, got {shown(name)}")
        if name not in names:
            why = f": {left[name]}" if name in left else hint(name, names)
            raise ArgumentError(f"layers[{n}]: no layer {shown(name)} to quantise{why}")
        found.add(names.index(name))
    if not found:
        raise ArgumentError("layers must name a layer, got none")
    return sorted(found)


def _kept(where: str, line: dict[str, Any]) -> tuple[str, tuple[Sensitivity, ...]] | None:
    """Return a layer's name and rows from a journal's line."""
    rows = rows_of(where, line.get("rows"))
    return (rows[0].layer, rows) if rows else None


def _measured(
    judge: Judge,
    groups: list[Group],
    wanted: list[int],
    left: dict[str, str],
    bits: tuple[int, ...],
    measure: str,
    probes: tuple[int, float | None],
    around: dict[str, int],
    journal: Any,
    progress: Watching,
) -> Sensitivities:
    """Measure what the journal lacks, and put all together."""
    import time

    from ..base.progress import Progress

    start = time.perf_counter()
    plain = _rounded(judge.module, groups, around)
    before = judge.units()
    total = float(before[1].sum())
    base = float(before[0].sum()) / total if total else float("nan")
    if base - base != 0.0:
        raise ArgumentError(
            f"data: the loss of {type(judge.module).__name__} as it is must be finite, got {base}"
        )
    macs = _macs(judge, groups)
    rows: list[Sensitivity] = []
    done = [n for n in wanted if journal.recall(groups[n].name) is not None]
    with Progress(progress, "sensitivities", len(wanted), "layers", done=len(done)) as seen:
        try:
            for n in wanted:
                own = journal.recall(groups[n].name)
                if own is None:
                    own = _layer(judge, groups, n, bits, measure, probes, before, macs[n], plain[n])
                    journal.write({"rows": [one.to_dict() for one in own]})
                    told = ", ".join(f"{row.loss:+.3g} at {row.bits} bits" for row in own)
                    seen.advance(1, f"{groups[n].name}: {told}")
                rows += own
        except (Exception, KeyboardInterrupt) as error:
            if journal.path is not None:
                error.add_note(
                    f"{len(rows) // len(bits)} of {len(wanted)} layers are finished in "
                    f"{journal.path!r}; the same call goes on from there"
                )
            raise
    return Sensitivities(
        measure=measure,
        base_loss=base,
        samples=judge.count,
        rest_kib=_rest(judge.module, [groups[n] for n in wanted]),
        rows=_even(rows),
        left=tuple(f"{name} ({why})" for name, why in left.items()),
        seed=judge.seed,
        elapsed_s=time.perf_counter() - start,
        others=around or None,
    )


def _even(rows: list[Sensitivity]) -> tuple[Sensitivity, ...]:
    """Return rows whose losses have as many decimal places as sums of `DIGITS` digits allow."""
    from math import floor, log10

    largest: dict[str, float] = {}
    for row in rows:
        largest[row.layer] = max(largest.get(row.layer, 0.0), abs(row.loss))
    total = sum(largest.values())
    places = min(MOST_PLACES, DIGITS - 1 - floor(log10(total))) if total else 0
    return tuple([row.replace(loss=round(row.loss, places)) for row in rows])


def _rounded(module: Any, groups: list[Group], around: dict[str, int]) -> list[list[Any]]:
    """Give layers the bits that are asked for; each group's weights as they were."""
    from .modules import put

    plain = []
    for group in groups:
        own = module.get_submodule(group.path)
        weights = [own._parameters[name] for name in group.weights]
        if group.name in around:
            plain.append([one.detach().clone() for one in weights])
            put(module, group, around[group.name], trainable=False)
        else:
            plain.append(weights)
    return plain


def _macs(judge: Judge, groups: list[Group]) -> list[int]:
    """Return multiply-accumulates of a sample in each group."""
    found = []
    for group, positions in zip(groups, judge.positions(groups), strict=True):
        own = judge.module.get_submodule(group.path)
        weights = sum(own._parameters[name].numel() for name in group.weights)
        found.append(round(positions * weights / judge.count))
    return found


def _rest(module: Any, groups: list[Group]) -> float:
    """Return KiB of parameters and buffers that are in no group."""
    inside = {
        id(module.get_submodule(group.path)._parameters[name])
        for group in groups
        for name in group.weights
    }
    all_of_it = {id(one): one for one in (*module.parameters(), *module.buffers())}
    rest: list[int] = [
        one.numel() * one.element_size() for key, one in all_of_it.items() if key not in inside
    ]
    return sum(rest) / 1024


def _layer(
    judge: Judge,
    groups: list[Group],
    number: int,
    bits: tuple[int, ...],
    measure: str,
    probes: tuple[int, float | None],
    before: Any,
    macs: int,
    plain: list[Any],
) -> tuple[Sensitivity, ...]:
    """Return the rows of a layer."""
    import torch

    from .losses import increase
    from .rounding import channels, on_grid, scale_of

    group = groups[number]
    own = judge.module.get_submodule(group.path)
    weights = [own._parameters[name] for name in group.weights]
    params = sum(one.numel() for one in weights)
    held = [one.detach().clone() for one in weights]  # as they are beside other layers
    plain = [one.detach().clone() for one in plain]
    traces = _traces(judge, group, number, *probes) if measure == "hessian" else []
    rows = []
    for b in bits:
        kept = [on_grid(one, scale_of(one, b, group.axis), b) for one in plain]
        squared = sum(
            float(((new.double() - old.double()) ** 2).sum())
            for new, old in zip(kept, plain, strict=True)
        )
        if measure == "loss":
            try:
                with torch.no_grad():
                    for one, new in zip(weights, kept, strict=True):
                        one.copy_(new)
                growth, error = increase(before, judge.units())
            finally:
                with torch.no_grad():
                    for one, old in zip(weights, held, strict=True):
                        one.copy_(old)
            trace = None
        else:
            trace, error = _mean(traces)
            each = squared / params / 2
            growth, error = trace * each, None if error is None else error * each
        if growth - growth != 0.0:
            raise ArgumentError(
                f"data: the loss with {group.name!r} at {b} bits must be finite, grew by {growth}"
            )
        stored = sum((one.numel() * b + 7) // 8 for one in weights)
        stored += SCALE_BYTES * sum(channels(one, group.axis) for one in weights)
        rows.append(
            Sensitivity(
                layer=group.name,
                bits=b,
                loss=growth,
                error=error,
                weights_kib=stored / 1024,
                bit_operations=macs * b,
                params=params,
                macs=macs,
                squared_error=squared,
                trace=trace,
            )
        )
    return tuple(rows)


def _traces(
    judge: Judge, group: Group, number: int, probes: int, tolerance: float | None
) -> list[float]:
    """Return estimates of a layer's trace: `probes`, or as many as it takes."""
    found = judge.curvature(group, range(probes), number)
    while tolerance is not None and len(found) < ROUNDS * probes:
        mean, error = _mean(found)
        if error is None or error <= tolerance * abs(mean):
            break
        found += judge.curvature(group, range(len(found), len(found) + probes), number)
    return found


def _mean(values: list[float]) -> tuple[float, float | None]:
    """Return the mean and its standard error, None of one value."""
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return mean, None
    return mean, (sum((one - mean) ** 2 for one in values) / (n - 1) / n) ** 0.5
