"""Zero-cost scores of one torch module, at its initial weights.

What a module does is watched, and partly replaced, where it calls torch's functions: a ReLU or a
batch norm is seen whether it is a module or a call. Each score works on a copy of the module in
evaluation mode, so that nothing is drawn; where a score wants the statistics of the batch, the
watcher has batch norms take them, and leaves their running ones alone.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torch import Tensor

__all__ = ["UndefinedError", "grad_norm", "nwot", "synflow", "zen"]

# Of which the sign of the input tells the piece of a piecewise linear function.
PIECEWISE = {"relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "prelu", "rrelu", "rrelu_"}
# Elementwise: for synflow the identity, which most are for large inputs.
ACTIVATIONS = PIECEWISE | {
    *("hardtanh", "hardtanh_", "hardswish", "silu", "gelu", "mish", "elu", "elu_", "selu", "selu_"),
    *("celu", "celu_", "softplus", "softsign", "tanh", "tanh_", "tanhshrink", "threshold"),
}
GATES = {"sigmoid", "sigmoid_", "hardsigmoid"}
NORMS = {
    *("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize"),
    "local_response_norm",
}
ATTENTION = {
    *("softmax", "log_softmax", "softmin", "scaled_dot_product_attention"),
    "multi_head_attention_forward",
}
POOLS = {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool2d", "mean"}
SCALES = (1.0, 1e-150)  # of synflow's input and output: the second where the first overflows
ALPHA = 0.01  # of zen: how far inputs are moved
ROUNDING = 2.0**-52


class UndefinedError(Exception):
    """A score means nothing for a module; the text says why."""


class _Watch(TorchFunctionMode):  # type: ignore[misc, unused-ignore]
    """What a module calls goes through here; batch norms take the statistics of the batch."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name: str = getattr(func, "__name__", "")
        named = kwargs or {}
        read = args[0] if args else named.get("input")
        if name.startswith("hardtanh") and (args[1:2] or (named.get("min_val"),))[0] == 0.0:
            name = "relu6"  # as its module calls it
        return self.called(name, read, lambda: _run(func, args, named))

    def called(self, name: str, read: Any, run: Callable[[], Any]) -> Any:
        """Return what a function of this name gives for its first argument."""
        return run()


def _run(func: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if func is nn.functional.batch_norm:
        return _by_batch(*args, **named)
    return func(*args, **named)


def _by_batch(
    input: Tensor,  # named as torch's own
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    del running_mean, running_var, training, momentum
    result: Tensor = nn.functional.batch_norm(input, None, None, weight, bias, True, 0.0, eps)
    return result


class _Linear(_Watch):
    """The linear network of synflow: activations are identities, gates open, norms left out."""

    def called(self, name: str, read: Any, run: Callable[[], Any]) -> Any:
        if name in ATTENTION:
            raise UndefinedError(f"synflow is of networks without {name}")
        if name in ACTIVATIONS or name in NORMS:
            return read
        return torch.ones_like(read) if name in GATES else run()


class _Codes(_Watch):
    """Counts in how many signs two samples agree, over all piecewise linear activations."""

    def __init__(self) -> None:
        super().__init__()
        self.equal: Any = None

    def called(self, name: str, read: Any, run: Callable[[], Any]) -> Any:
        if name in PIECEWISE:
            code = (read > 0).flatten(1)  # before a function that works in place
            code = code.float() if code.shape[1] < 1 << 24 else code.double()  # exact sums
            both = (code @ code.T).double()
            ones = both.diagonal()
            equal = code.shape[1] + 2 * both - ones[:, None] - ones
            self.equal = equal if self.equal is None else self.equal + equal
        return run()


class _Maps(_Watch):
    """Keeps the maps before the last global average pooling, and how batch norms scaled them."""

    def __init__(self) -> None:
        super().__init__()
        self.scaling, self.norms = 0.0, 0
        self.maps: Any = None
        self.before = (0.0, 0)

    def called(self, name: str, read: Any, run: Callable[[], Any]) -> Any:
        if name == "batch_norm":
            axes = [axis for axis in range(read.dim()) if axis != 1]
            variance = float(read.double().var(axes, unbiased=False).mean())
            if variance != 0.0:  # what nothing of the image reaches scales nothing
                self.scaling += 0.5 * math.log(variance)
            self.norms += 1
        result = run()
        if name in POOLS and _is_global(read, result):
            self.maps, self.before = read.clone(), (self.scaling, self.norms)
        return result


def _is_global(read: Any, result: Any) -> bool:
    """Return whether maps became one number for each channel of each sample."""
    if not isinstance(read, torch.Tensor) or read.dim() < 3:
        return False
    shape = tuple(result.shape)
    return shape[:2] == tuple(read.shape[:2]) and math.prod(shape[2:]) == 1


def synflow(module: nn.Module, shape: tuple[int, ...]) -> float:
    """Return the logarithm of Tanaka's synaptic flow, summed over all weights."""
    linear = copy.deepcopy(module).to("cpu", torch.float64).eval()
    with torch.no_grad():
        for name, one in linear.named_parameters():
            if name.rpartition(".")[2].endswith("bias"):
                one.zero_()
        for one in (*linear.parameters(), *linear.buffers()):
            if one.is_floating_point():
                one.abs_()
    weights = _opened(linear)
    flow = math.nan
    for scale in SCALES:
        with _Linear():
            output = linear(torch.full((1, *shape), scale, dtype=torch.float64, device="cpu"))
        reached = torch.stack([one.sum() for one in _tensors(output)]).sum()
        grads = torch.autograd.grad(reached * scale, weights, allow_unused=True)
        parts = [
            float((weight.detach() * grad).sum())
            for weight, grad in zip(weights, grads, strict=True)
            if grad is not None
        ]
        flow = sum(parts)
        if math.isfinite(flow):
            if flow < 0.0:
                raise UndefinedError("synflow is of networks that subtract nothing")
            return math.log(flow) - 2.0 * math.log(scale) if flow > 0.0 else -math.inf
    raise UndefinedError(f"synflow is {flow}")


def nwot(module: nn.Module, images: Tensor) -> float:
    """Return the log determinant of how equal the activation codes of images are."""
    own = _copied(module)
    with torch.no_grad(), _Codes() as codes:
        own(images.clone())  # some write into what they read
    if codes.equal is None:
        raise UndefinedError("nwot is of networks with ReLU")
    values = torch.linalg.eigvalsh(codes.equal)
    # singular, as of two images with one code: what is left of its zeros is rounding
    if float(values[0]) <= len(values) * ROUNDING * float(values[-1]):
        return -math.inf
    return float(values.log().sum())


def grad_norm(module: nn.Module, images: Tensor, labels: Tensor | None, draw: int) -> float:
    """Return the sum of the norms of all weights' gradients; labels are drawn where none are."""
    own = _copied(module)
    weights = [one for one in _opened(own) if one.dim() > 1]
    with _Watch():
        output = own(images.clone())
    if not isinstance(output, torch.Tensor) or output.dim() != 2:
        raise UndefinedError("grad_norm is of networks that give a number for each class")
    classes = output.shape[1]
    if labels is None:
        generator = torch.Generator().manual_seed(draw)
        labels = torch.randint(classes, (len(images),), generator=generator, device="cpu")
    elif int(labels.max()) >= classes:
        raise ValueError(f"it tells {classes} classes apart, the dataset has {int(labels.max())}+")
    loss = nn.functional.cross_entropy(output, labels)
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    return _finite(sum(float(one.double().norm()) for one in grads if one is not None))


def zen(module: nn.Module, shape: tuple[int, ...], count: int, draw: int) -> float:
    """Return the log of how far a step of the input moves the maps, batch norms undone."""
    own = _copied(module)
    generator = torch.Generator().manual_seed(draw)
    _draw_weights(own, generator)
    x, step = (
        torch.randn((count, *shape), generator=generator, dtype=torch.float32, device="cpu")
        for _ in range(2)
    )
    with torch.no_grad():
        with _Maps() as first:
            own(x.clone())  # some write into what they read
        with _Maps() as second:
            own(x + ALPHA * step)
    scaling, norms = first.before
    if first.maps is None:
        raise UndefinedError("zen is of networks with global average pooling")
    if not norms:
        raise UndefinedError("zen is of networks with batch norms before the pooling")
    moved = float((first.maps - second.maps).double().flatten(1).norm(dim=1).mean())
    return _finite(math.log(moved) + scaling) if moved > 0.0 else -math.inf


def _draw_weights(module: nn.Module, generator: Any) -> None:
    """Draw weights as zen has them: standard normal, biases 0, batch norms the identity."""
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.conv import _ConvNd

    with torch.no_grad():
        for one in module.modules():
            drawn = isinstance(one, (_ConvNd, nn.Linear))
            if not drawn and not isinstance(one, _BatchNorm):
                continue
            weight, bias = getattr(one, "weight", None), getattr(one, "bias", None)
            if isinstance(weight, torch.Tensor):
                _ = weight.normal_(generator=generator) if drawn else weight.fill_(1.0)
            if isinstance(bias, torch.Tensor):
                bias.zero_()


def _copied(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).to("cpu", torch.float32).eval()


def _opened(module: nn.Module) -> list[Any]:
    """Return all floating parameters, so that each may have a gradient."""
    found = [one for one in module.parameters() if one.is_floating_point()]
    for one in found:
        one.requires_grad_(True)
    return found


def _tensors(output: Any) -> list[Any]:
    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output
    return [one for value in values for one in _tensors(value)]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise UndefinedError(f"the score is {value}")
    return value
