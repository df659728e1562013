"""`flash.best_measured`: whole choices of bits, each measured, and the best of them."""

from __future__ import annotations

from ..base.checks import choice, integer, items, public, shown, watched
from ..errors import ArgumentError, FormatError
from ..networks.families import MAX_SEED
from .choices import bits_of
from .measured import MeasuredChoice, MeasuredChoices

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal

    import torch

    from ..base.progress import Watching
    from .groups import Group
    from .losses import Judge
    from .quantising import Choices

__all__ = ["best_measured"]

MOST = 100_000  # choices


@public
def best_measured(
    module: torch.nn.Module,
    data: Any,
    candidates: Choices | Sequence[Choices],
    *,
    loss: str | Callable[[Any, Any], Any] | None = None,
    batch_size: int = 256,
    seed: int = 0,
    journal: str | os.PathLike[str] | None = None,
    progress: bool | Literal["auto"] = False,
) -> MeasuredChoices:
    """Measure whole choices of bits, and find the best.

    A choice is the best by a table of single layers, whose losses are added up. What layers lose
    together may be more or less: of the k best by the table (``k`` of `flash.choose`) the one that
    measures best is often not the first. One pass over the data for each.

    Parameters
    ----------
    module : torch.nn.Module
        Stays as it is: a deep copy is measured, in evaluation mode.
    data : pair, torch dataset or batches
        As in `sensitivities`: those that no accuracy is judged by.
    candidates : answer of `flash.choose`, dict of str to int, or a list of these
        An answer stands for all that it holds, its ``alternatives`` too. Layers that are not named
        keep their weights. What comes twice is measured once.
    loss : {"cross-entropy", "mean-squared-error"} or callable, optional
        As in `sensitivities`.
    batch_size : int, default 256
        Where data are no batches yet.
    seed : int, default 0
        Of what the module itself may draw.
    journal : path, optional
        File that keeps each choice as it is measured, as JSON lines. A later call on the same
        module, data and loss measures only what it does not hold, after Ctrl-C or a kill too, and
        with other candidates.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.

    Returns
    -------
    MeasuredChoices
        With ``choices``, the bits of the best: `flash.quantised` and ``others`` of `sensitivities`
        take it, and so does the next call as a candidate.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument is not accepted, there is no layer to quantise, no candidate, the data are
        empty, the module refuses them, or a loss is not finite.
    MissingExtraError
        If torch is not installed.
    OSError
        If the journal cannot be written; what was finished before stays.

    Notes
    -----
    The best of many is chosen by the data on which its loss is measured, and looks a little better
    on them than it is. ``gain_error`` does not hold that.
    """
    from ..base.extras import require

    batch_size = integer("batch_size", batch_size, 1, 1 << 24)
    seed = integer("seed", seed, 0, MAX_SEED)
    watched("progress", progress)
    torch = require("flash.best_measured", "torch", "torch")
    from .batches import batches_of, fingerprint
    from .groups import copied, groups_of, opened
    from .journal import Journal, held
    from .losses import LOSSES, Judge

    if loss is not None and not callable(loss):
        choice("loss", loss, LOSSES, ", a function (output, targets) or None")
    module = opened(module)
    groups, left = groups_of(module)
    wanted = _candidates(candidates, [group.name for group in groups], left)
    floating = (one.dtype for one in module.parameters() if one.is_floating_point())
    batches = batches_of(data, batch_size, next(floating, torch.float32))
    with held(journal) as path:
        judge = Judge(copied(module), batches, loss, seed)
        for one in judge.module.parameters():
            one.requires_grad_(False)
        facts: dict[str, Any] = {"seed": seed}
        if path is not None:
            facts["module"] = fingerprint(dict(module.state_dict()))
            facts["data"] = fingerprint(batches)
            facts["loss"] = getattr(loss, "__qualname__", loss if loss is None else str(loss))
        return _measured(judge, groups, wanted, Journal(path, "choices", facts, _kept), progress)


def _candidates(given: Any, layers: list[str], left: Mapping[str, str]) -> list[dict[str, int]]:
    """Return the bits of all candidates, each once, layers in the module's order."""
    single = hasattr(given, "keys") or hasattr(given, "choices")
    listed = [given] if single else items("candidates", given, MOST)
    found: dict[tuple[tuple[str, int], ...], dict[str, int]] = {}
    for n, one in enumerate(listed):
        name = "candidates" if single else f"candidates[{n}]"
        others = () if hasattr(one, "keys") else getattr(one, "alternatives", ())
        for each in (one, *others):
            bits = bits_of(each, layers, left, name)
            ordered = {layer: bits[layer] for layer in layers if layer in bits}
            found.setdefault(tuple(ordered.items()), ordered)
    if not found:
        raise ArgumentError("candidates must hold a choice of bits, got none")
    return list(found.values())


def _kept(where: str, line: dict[str, Any]) -> tuple[tuple[tuple[str, int], ...], Any]:
    """Return a choice and its (loss, error) from a journal's line."""
    bits, loss, error = line.get("choices"), line.get("loss"), line.get("error")
    good = isinstance(loss, float) and isinstance(error, float | None)
    if not good or not isinstance(bits, dict) or not all(type(one) is int for one in bits.values()):
        raise FormatError(f"{where} must hold a choice with its loss, got {shown(line)}")
    return tuple(bits.items()), (loss, error)


def _measured(
    judge: Judge,
    groups: list[Group],
    wanted: list[dict[str, int]],
    journal: Any,
    progress: Watching,
) -> MeasuredChoices:
    """Measure what the journal lacks, and put all together."""
    import time

    from ..base.progress import Progress
    from .losses import increase

    start = time.perf_counter()
    before = judge.units()
    total = float(before[1].sum())
    base = float(before[0].sum()) / total if total else float("nan")
    if base - base != 0.0:
        raise ArgumentError(
            f"data: the loss of {type(judge.module).__name__} as it is must be finite, got {base}"
        )
    rounding = _Rounding(judge, groups)
    rows: list[MeasuredChoice] = []
    done = [bits for bits in wanted if journal.recall(tuple(bits.items())) is not None]
    with Progress(progress, "measuring", len(wanted), "candidates", done=len(done)) as seen:
        try:
            for place, bits in enumerate(wanted):
                own = journal.recall(tuple(bits.items()))
                if own is None:
                    own = increase(before, rounding.units(bits))
                    if own[0] - own[0] != 0.0:
                        raise ArgumentError(
                            f"data: the loss with candidate {place} must be finite, grew by "
                            f"{own[0]}"
                        )
                    journal.write({"choices": bits, "loss": own[0], "error": own[1]})
                    seen.advance(1, f"candidate {place}: {own[0]:+.4g}")
                rows.append(MeasuredChoice(choices=bits, loss=own[0], error=own[1], place=place))
        except (Exception, KeyboardInterrupt) as error:
            if journal.path is not None:
                error.add_note(
                    f"{len(rows)} of {len(wanted)} choices are measured in {journal.path!r}; the "
                    "same call goes on from there"
                )
            raise
    best = min(rows, key=lambda row: row.loss)
    gain: tuple[float, float | None] = (0.0, 0.0)
    if best.place:
        gain = increase(rounding.units(best.choices), rounding.units(wanted[0]))
    return MeasuredChoices(
        base_loss=base,
        samples=judge.count,
        rows=tuple(sorted(rows, key=lambda row: row.loss)),
        gain=gain[0],
        gain_error=gain[1],
        elapsed_s=time.perf_counter() - start,
    )


class _Rounding:
    """Gives a judge's module one choice after another."""

    def __init__(self, judge: Judge, groups: list[Group]) -> None:
        self.judge = judge
        self.groups = groups
        self.now: dict[str, int] = {}
        self.plain = [[one.detach().clone() for one in self._weights(group)] for group in groups]

    def _weights(self, group: Group) -> list[Any]:
        own = self.judge.module.get_submodule(group.path)
        return [own._parameters[name] for name in group.weights]

    def units(self, bits: dict[str, int]) -> tuple[Any, Any]:
        """Return sums and counts of the losses with a choice."""
        import torch

        from .rounding import on_grid, scale_of

        with torch.no_grad():
            for group, plain in zip(self.groups, self.plain, strict=True):
                b = bits.get(group.name)
                if b == self.now.get(group.name):
                    continue
                for weight, old in zip(self._weights(group), plain, strict=True):
                    weight.copy_(
                        old if b is None else on_grid(old, scale_of(old, b, group.axis), b)
                    )
        self.now = bits
        return self.judge.units()
