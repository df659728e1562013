"""Losses of a module on data, what they are made of, and curvature; imports torch.

A loss is kept as sums and counts of its *units*, the samples or, where a loss function gives but
their mean, the batches: differences of two modules on the same units say how far their mean is
uncertain.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..base.checks import shown
from ..base.seeds import stream
from ..errors import ArgumentError, ArgumentTypeError, FlashError
from .batches import Batch, at, shapes
from .groups import Group

__all__ = ["LOSSES", "Judge", "increase"]

LOSSES = ("cross-entropy", "mean-squared-error")


class Judge:
    """Measures losses of one module on the same data.

    Parameters
    ----------
    module : Module
        Its own copy, which it puts into evaluation mode.
    batches : list of Batch
    loss : None, str or callable
    seed : int
        Of what the module may draw.
    """

    def __init__(self, module: Any, batches: list[Batch], loss: Any, seed: int) -> None:
        self.module = module.eval()
        self.batches = batches
        self.loss = loss
        self.seed = seed
        some = next(module.parameters(), None)
        self.device = torch.device("cpu") if some is None else some.device
        self.count = sum(count for _, _, count in batches)

    def units(self) -> tuple[Any, Any]:
        """Return sums and counts of all units, float64."""
        sums, counts = [], []
        with torch.no_grad(), self._drawing():
            for number in range(len(self.batches)):
                own, how_many = self._batch(number)
                sums.append(own.double().cpu())
                counts.append(how_many.double().cpu())
        return torch.cat(sums), torch.cat(counts)

    @contextmanager
    def _drawing(self) -> Any:
        """Let random numbers be those of the seed; the caller's stay as they are."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(stream(self.seed) >> 1)
            yield

    def _batch(self, number: int) -> tuple[Any, Any]:
        inputs, targets, count = self.batches[number]
        inputs, targets = at(inputs, self.device), at(targets, self.device)
        try:
            if isinstance(inputs, tuple):
                output = self.module(*inputs)
            elif isinstance(inputs, dict):
                output = self.module(**inputs)
            else:
                output = self.module(inputs)
            return self._lost(output, targets, count)
        except (FlashError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # whatever a module or a loss function raises
            first = (str(error).strip().splitlines() or [""])[0][:200]
            raise ArgumentError(
                f"data: {type(self.module).__name__} refuses batch {number}, inputs of "
                f"{shapes(inputs)}, targets of {shapes(targets)}: {type(error).__name__}: {first}"
            ) from error

    def _lost(self, output: Any, targets: Any, count: int) -> tuple[Any, Any]:
        """Return sums and counts of a batch's units."""
        if callable(self.loss):
            value = self.loss(output, targets)
            if isinstance(value, (int, float)):
                value = torch.tensor(float(value))
            if not isinstance(value, torch.Tensor) or value.dim() > 1 or not value.numel():
                told = shapes(value) if isinstance(value, torch.Tensor) else shown(value)
                raise ArgumentTypeError(
                    f"loss must return a number, or one for each sample, got {told}"
                )
            each = count / value.numel()  # of a mean, the whole batch
            return value.reshape(-1) * each, torch.full((value.numel(),), each)
        if not isinstance(output, torch.Tensor) or not isinstance(targets, torch.Tensor):
            what = output if not isinstance(output, torch.Tensor) else targets
            raise ArgumentTypeError(
                "loss must be a function (output, targets) where the module gives and the targets "
                f"are no single tensors, got a {type(what).__name__}"
            )
        known = self.loss
        if known is None:
            known = LOSSES[1] if targets.is_floating_point() else LOSSES[0]
        if known == LOSSES[1]:
            return _squares(output, targets)
        return _entropies(output, targets)

    def curvature(self, group: Group, probes: range, number: int) -> list[float]:
        """Return estimates of the trace of the loss's Hessian in a group's weights, one a probe.

        probes : their numbers, which with that of the group and the seed are what they are drawn by

        Hutchinson's: v' H v with v of signs, by differentiating the gradient's product with v.
        """
        own = self.module.get_submodule(group.path)
        weights = [own._parameters[name] for name in group.weights]
        signs = []
        for probe in probes:
            draw = torch.Generator().manual_seed(stream(self.seed, number, probe) >> 1)
            signs.append(
                [
                    (torch.randint(0, 2, w.shape, generator=draw) * 2 - 1).to(w.device, w.dtype)
                    for w in weights
                ]
            )
        found, counted = [0.0] * len(probes), 0.0
        for weight in weights:
            weight.requires_grad_(True)
        try:
            plain = sdpa_kernel(SDPBackend.MATH)  # the others have no second derivatives
            with torch.enable_grad(), plain, self._drawing():
                for at_batch in range(len(self.batches)):
                    counted += self._probe(weights, signs, at_batch, found)
        finally:
            for weight in weights:
                weight.requires_grad_(False)
        return [one / counted for one in found]

    def _probe(self, weights: Any, signs: Any, number: int, found: list[float]) -> float:
        """Add what a batch adds to each probe's estimate, times its count, which is returned."""
        sums, counts = self._batch(number)
        total, counted = sums.sum(), float(counts.sum())
        if not total.requires_grad:
            return counted  # what does not reach the loss has no curvature
        first = torch.autograd.grad(total, weights, create_graph=True, allow_unused=True)
        for probe, own in enumerate(signs):
            along = [(g * v).sum() for g, v in zip(first, own, strict=True) if g is not None]
            along = [one for one in along if one.requires_grad]
            if not along:
                break
            second = _twice(torch.stack(along).sum(), weights)
            pairs = zip(second, own, strict=True)
            value = sum(float((h * v).sum().double()) for h, v in pairs if h is not None)
            found[probe] += value
        return counted

    def positions(self, groups: list[Group]) -> list[int]:
        """Return, for each group, at how many places of all data its weights are applied."""
        found = [0] * len(groups)
        hooks = []
        for number, group in enumerate(groups):
            own = self.module.get_submodule(group.path)
            rows = own._parameters[group.weights[0]].shape[0]
            hook = _counting(found, number, group, rows)
            for path in (group.path, *(path for path, _ in group.tied)):
                layer = self.module.get_submodule(path)
                above = self.module.get_submodule(path.rpartition(".")[0]) if path else None
                if isinstance(above, nn.MultiheadAttention):
                    layer = above  # which takes the weight of its last layer, and does not call it
                hooks.append(layer.register_forward_hook(hook, with_kwargs=True))
        try:
            with torch.no_grad(), self._drawing():
                for number in range(len(self.batches)):
                    self._batch(number)
        finally:
            for one in hooks:
                one.remove()
        return found


def _twice(along: Any, weights: Any) -> Any:
    """Return the gradient of a gradient's product, None where a weight has no part in it."""
    try:
        found = torch.autograd.grad(along, weights, retain_graph=True, allow_unused=True)
        why = "one can be differentiated once only"
    except RuntimeError as error:
        found, why = (), str(error).splitlines()[0][:200]
    if any(one is not None for one in found):  # it depends on nothing else
        return found
    raise ArgumentError(
        "measure 'hessian' needs second derivatives, which an operator of the module lacks "
        f"({why}): take measure='loss'"
    )


def _counting(found: list[int], number: int, group: Group, rows: int) -> Any:
    def hook(layer: Any, given: Any, named: Any, output: Any) -> None:
        if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
            return  # which looks up, and multiplies nothing
        x: Any = given[0] if given else next(iter(named.values()), None)
        if group.axis:
            found[number] += x.numel() // layer.in_channels
        elif isinstance(layer, (nn.RNNBase, nn.MultiheadAttention)):
            x = getattr(x, "data", x)  # of a packed sequence
            found[number] += x.numel() // x.shape[-1]
        elif isinstance(output, torch.Tensor):
            found[number] += output.numel() // rows

    return hook


def _squares(output: Any, targets: Any) -> tuple[Any, Any]:
    if output.shape != targets.shape:
        raise ArgumentError(
            f"data: targets must be of the module's output's shape for the mean squared error, got "
            f"{shapes(targets)} for {shapes(output)}"
        )
    errors = functional.mse_loss(output.float(), targets.float(), reduction="none")
    sums = errors.flatten(1).mean(1) if errors.dim() > 1 else errors
    return sums, torch.ones(len(sums))


def _entropies(output: Any, targets: Any) -> tuple[Any, Any]:
    """Return the cross entropy of each sample, summed over its positions, and their number."""
    spread = output.dim() > 2 and output.shape[:1] + output.shape[2:] != targets.shape
    if spread and output.shape[:-1] == targets.shape:  # classes last, as language models give them
        output = output.movedim(-1, 1)
    if targets.is_floating_point() or output.dim() < 2:
        kind = shapes(targets) if output.dim() >= 2 else shapes(output)
        raise ArgumentError(
            "data: cross entropy needs integer targets and an output (samples, classes, ...), got "
            f"{kind}"
        )
    losses = functional.cross_entropy(output.float(), targets.long(), reduction="none")
    kept = targets != -100  # torch's mark for what does not count
    if losses.dim() == 1:
        return losses[kept], torch.ones(int(kept.sum()))
    return losses.flatten(1).sum(1), kept.flatten(1).sum(1).cpu()


def increase(before: tuple[Any, Any], after: tuple[Any, Any]) -> tuple[float, float | None]:
    """Return by how much the mean loss grew, and that growth's standard error (None of one unit).

    The error is that of a ratio of sums over the units, whose differences are paired.
    """
    counts = before[1]
    total = float(counts.sum())
    difference = after[0] - before[0]
    mean = float(difference.sum()) / total
    n = len(counts)
    if n < 2:
        return mean, None
    residuals = difference - mean * counts
    return mean, math.sqrt(float((residuals**2).sum()) * n / (n - 1)) / total
