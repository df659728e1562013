"""Torch modules as operations: a module is run once, and every operator of torch that is called is
seen, in whatever way it is called. Imports torch.

The run is on the meta device, which computes shapes only; where a module asks for values, it is run
on real numbers, for which convolutions and products hand on zeros. What depends on the values is
said in a warning.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ....base.checks import shown
from ....errors import ArgumentError, ArgumentTypeError, FlashError
from ..assemble import assemble
from ..operations import IMAGE
from .calls import PLAIN, tensors_in
from .recorder import Guard, Recorder
from .state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ...network import Network
    from ..operations import Operation

__all__ = ["Reading", "read_module", "recorded"]

MAX_NAMED = 5
MAX_DEEP = 12
TOKENS = "a length alone stands for token numbers"


def read_module(module: Any, shape: Sequence[int] | None, example: Any = None) -> Network:
    """Return the network of a torch module; see `Network.from_torch`."""
    reading = recorded(module, shape, example)
    network = assemble(reading.operations, reading.shape, reading.returned)
    reading.check(network.params)
    reading.warn()
    return network


def recorded(module: Any, shape: Sequence[int] | None, example: Any = None) -> Reading:
    """Return what a run of a module has shown."""
    name = type(module).__name__
    if name == "ExportedProgram" and hasattr(module, "graph_module"):
        if example is None and shape is None and module.example_inputs is not None:
            example = Inputs(*module.example_inputs)
        module = module.module()
    if not isinstance(module, nn.Module):
        raise ArgumentTypeError(
            f"module must be a torch.nn.Module or a program of torch.export, got {shown(module)} "
            f"({name})"
        )
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    for path, one in module.named_parameters():
        if isinstance(one, nn.parameter.UninitializedParameter):
            raise ArgumentError(
                f"module must have its weights, but {path!r} has none yet: call it once"
            )
    inputs = _inputs(module, (3, 32, 32) if shape is None else tuple(shape), example)
    unreal = any(one.is_meta for one in module.parameters())
    try:
        return _run(module, inputs, meta=True)
    except FlashError:
        raise
    except Exception as error:  # whatever does not work without values: the real run tells
        if unreal:
            raise _failure(module, inputs, error) from error
    try:
        return _run(module, inputs, meta=False)
    except FlashError:
        raise
    except Exception as error:
        raise _failure(module, inputs, error) from error


class Inputs:
    """What a module is called with."""

    def __init__(self, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None) -> None:
        self.args = tuple(args)
        self.kwargs = dict(kwargs or {})
        self.path = ""

    def tensors(self) -> list[Tensor]:
        """Return the tensors among them, each once."""
        found = {id(one): one for one in tensors_in((self.args, self.kwargs))}
        return list(found.values())

    def __str__(self) -> str:
        first = self.tensors()[0]
        more = len(self.tensors()) - 1
        size = " x ".join(map(str, first.shape[1:] if first.dim() > 1 else first.shape))
        kind = "an image of" if first.dim() == 4 else "an input of"
        return f"{kind} {size}{f' and {more} more' if more else ''}"


def _inputs(module: nn.Module, shape: tuple[int, ...], example: Any) -> Inputs:
    if example is None:
        if len(shape) == 1:
            return Inputs((torch.zeros(1, *shape, dtype=torch.int64, device="meta"),))
        held = (*module.parameters(), *module.buffers())
        some = next((one for one in held if one.is_floating_point()), None)
        dtype = None if some is None else some.dtype
        return Inputs((torch.zeros(1, *shape, dtype=dtype, device="meta"),))
    if isinstance(example, Inputs):
        inputs = example
    elif isinstance(example, dict):
        inputs = Inputs((), example)
    else:
        inputs = Inputs(example if isinstance(example, tuple) else (example,))
    given = inputs.tensors()
    if not given:
        raise ArgumentTypeError(
            "example must be a tensor, or a tuple or dictionary that holds one, got "
            f"{shown(example)} ({type(example).__name__})"
        )
    if any(not one.numel() for one in given):
        raise ArgumentError("example must hold tensors with numbers in them, got an empty one")
    return inputs


def _failure(module: nn.Module, inputs: Inputs, error: Exception) -> ArgumentError:
    lines = str(error).strip().splitlines() or ["no message"]
    return ArgumentError(
        f"module {type(module).__name__} must run on {inputs}, got {type(error).__name__} in "
        f"{inputs.path or 'its forward'}: {lines[0][:200]}; other inputs are given with "
        f"input_shape= ({TOKENS}) or example="
    )


def _run(module: nn.Module, inputs: Inputs, *, meta: bool) -> Reading:
    state = State(module)
    recorder = Recorder(meta=meta)
    weights = dict(module.named_parameters())
    for name, one in weights.items():
        recorder.hold_weight(name, one)
    buffers = list(module.buffers())
    for one in (*buffers, *state.constants.values()):
        recorder.hold_constant(one)
    _hold_scripted(recorder, module, bool(weights))
    device = next((one.device for one in (*weights.values(), *buffers)), torch.device("cpu"))
    twins: dict[int, Tensor] = {}
    for place, one in enumerate(inputs.tensors()):
        twin = twins[id(one)] = _twin(one, meta, device)
        number = IMAGE
        if place:
            number = recorder.add("input", [], twin)
        recorder.hold_input(twin, number)
    args, kwargs = _replaced(inputs.args, twins), _replaced(inputs.kwargs, twins)
    try:
        state.evaluate()
        with _quiet(module), recorder.watching(module), recorder, Guard(recorder):
            result = module(*args, **kwargs)
        return Reading(module, inputs, recorder, result)
    except Exception:
        inputs.path = recorder.last
        raise
    finally:
        with torch.no_grad():
            for now, before in recorder.saved.values():
                now.copy_(before)
        state.restore()


@contextmanager
def _quiet(module: nn.Module) -> Iterator[None]:
    """Have all operators seen: no gradients, no fused paths, nothing compiled."""
    mha = torch.backends.mha
    fast = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            if "torch._dynamo" in sys.modules:
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            stack.enter_context(torch.no_grad())
            stack.enter_context(torch._C._AutoDispatchBelowAutograd())
            yield
    finally:
        mha.set_fastpath_enabled(fast)


def _twin(one: Tensor, meta: bool, device: torch.device) -> Tensor:
    if meta:
        if one.is_meta or one.is_floating_point() or one.is_complex():
            return torch.empty(one.shape, dtype=one.dtype, device="meta")
        return one.detach().cpu().clone()  # masks and numbers of an example are few
    if one.is_meta:
        return torch.zeros(one.shape, dtype=one.dtype, device=device)
    return one.detach().to(device, copy=True)


def _replaced(value: Any, twins: dict[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return twins[id(value)]
    if type(value) in (list, tuple):
        return type(value)(_replaced(one, twins) for one in value)
    if type(value) is dict:
        return {key: _replaced(one, twins) for key, one in value.items()}
    return value


def _hold_scripted(recorder: Recorder, module: nn.Module, has_weights: bool) -> None:
    """Note the constants of scripted and traced parts, which are weights where these are frozen."""
    for name, part in module.named_modules():
        if not isinstance(part, torch.jit.ScriptModule):
            continue
        try:
            graph: Any = part.inlined_graph
        except RuntimeError:
            continue
        for node in graph.findAllNodes("prim::Constant"):
            output = node.output()
            one = output.toIValue() if str(output.type()) == "Tensor" else None
            if not isinstance(one, Tensor):
                continue
            if has_weights or not one.is_floating_point() or one.numel() < 2:
                recorder.hold_constant(one)
            else:
                recorder.hold_weight(f"{name or 'module'}.{output.debugName()}", one)


class Reading:
    """What a run has shown: operations, and which of them lead to what is handed out.

    Attributes
    ----------
    operations : list of Operation
    shape : tuple of int
        Of the first input.
    returned : list of int
        Numbers of the values that are handed out.
    """

    def __init__(self, module: nn.Module, inputs: Inputs, recorder: Recorder, result: Any) -> None:
        self.name = type(module).__name__
        self.recorder = recorder
        self.shape = tuple(inputs.tensors()[0].shape)
        self.stored = recorder.weights[: len(recorder.weights)]
        listing = recorder.listing
        self.operations = listing.operations
        returned: dict[int, None] = {}
        self.mask = recorder.sink_mask
        for one in _handed_out(result):
            store = recorder.store(one)
            if store.strange and one.numel() > 1:
                listing.unknown("what is returned", "", recorder.unseen())
            self.mask |= recorder.mask(one) if one.numel() else 0
            number = recorder.number(one)
            if number is None and recorder.mask(one) and one.numel():
                number = recorder.value_of(one)
            if number is not None and one.numel():
                returned[number] = None
        returned.update(recorder.sinks)
        self.returned = list(returned)
        self._finish()

    def _finish(self) -> None:
        recorder, listing = self.recorder, self.recorder.listing
        live = self._live()
        for number in sorted(live & set(recorder.unknown)):
            listing.unknown(recorder.unknown[number], "")
        listing.refuse_unknown(f"module {self.name}")
        if not any(one.kind != "input" for one in self.operations):
            raise ArgumentError(
                f"module {self.name} must call functions of torch that can be seen, got none"
            )
        if not live:
            raise ArgumentError(
                f"module {self.name} must return what it makes of the image by functions of torch "
                "that can be seen, got none of that"
            )
        self.counted = 0
        for one in self.operations:
            if one.output in live:
                self._weigh(one)
        self._refuse_short(self.counted)
        for one in self.operations:
            if one.output not in live:
                self._weigh(one)
        self._store_unread()
        self._narrow()

    def _narrow(self) -> None:
        """Give what leads to a value of few bits alone as few: it is worked out in one go."""
        readers: dict[int, int] = {}
        for one in self.operations:
            for number in one.inputs:
                readers[number] = readers.get(number, 0) + 1
        made = self.recorder.made
        for number in self.recorder.narrowed:
            bits = made[number].bits
            while made[number].kind in ("act", "norm", "view"):
                number = made[number].inputs[0]
                if number not in made or readers[number] > 1:
                    break
                made[number].bits = bits

    def _store_unread(self) -> None:
        """Add a row of the weights that nothing is made of: they are stored all the same."""
        recorder = self.recorder
        unread = (1 << len(recorder.weights)) - 1 & ~self.mask
        self.kept = self.mask
        if not unread or recorder.requantised:
            return  # the latter stores integers instead
        self.kept |= unread
        numbers = sum(one.numbers for one in self._weights(unread))
        number = recorder.add_shaped("input", [], (1, 1), 32, params=numbers)
        recorder.made[number].path = "unread"
        self.returned.append(number)

    def _live(self) -> set[int]:
        """Return the values that what is handed out is made of."""
        made = {one.output: one for one in self.operations}
        live: set[int] = set()
        waiting = [one for one in self.returned if one in made]
        while waiting:
            number = waiting.pop()
            if number in live:
                continue
            live.add(number)
            waiting += [one for one in made[number].inputs if one in made]
        return live

    def _weigh(self, operation: Operation) -> None:
        """Say how many stored numbers an operation reads that none before it has counted."""
        share = self.recorder.shares.get(operation.output)
        if share is None:
            return
        mask, expected, field = share
        fresh = mask & ~self.counted
        self.counted |= fresh
        found = self._weights(fresh)
        operation.fields[field] = sum(one.numbers for one in found) - expected
        most = max(self._weights(mask), key=lambda one: one.numbers, default=None)
        if most is not None:
            operation.weight_bits = most.bits

    def _weights(self, mask: int) -> list[Any]:
        weights, found = self.recorder.weights, []
        while mask:
            low = mask & -mask
            found.append(weights[low.bit_length() - 1])
            mask ^= low
        return found

    def _refuse_short(self, counted: int) -> None:
        if counted == self.mask:
            return
        lost = self._weights(self.mask & ~counted) or self._weights(counted & ~self.mask)
        names = ", ".join(one.name for one in lost[:MAX_NAMED])
        more = f" and {len(lost) - MAX_NAMED} more" if len(lost) > MAX_NAMED else ""
        raise ArgumentError(
            f"module {self.name} reads weights in a way that is not followed: {names}{more}"
        )

    def check(self, params: int) -> None:
        """Check that a table holds every stored weight once.

        Raises
        ------
        ArgumentError
            If it does not: nothing is left out in silence.
        """
        stored = sum(one.numbers for one in self._weights(self.kept))
        if params != stored:
            raise ArgumentError(
                f"module {self.name} stores {stored} numbers, and its table would hold {params}: "
                "it is not read whole"
            )

    def warn(self) -> None:
        """Say what the network depends on, and which weights it does not read."""
        recorder = self.recorder
        if recorder.depends:
            self._warn(
                "reads values of its input: sizes that follow from them are those of one run, in "
                "which products are zeros",
                list(recorder.depends),
            )
        unread = (1 << len(recorder.weights)) - 1 & ~self.mask
        where = "that are left out" if recorder.requantised else "in a row of their own"
        for what, mask in (
            (f"stores weights that it does not read, {where}", unread & ~recorder.touched),
            (
                f"reads weights that nothing it returns is made of, {where}",
                unread & recorder.touched,
            ),
        ):
            if mask:
                self._warn(what, [one.name for one in self._weights(mask)])

    def _warn(self, what: str, names: Sequence[str]) -> None:
        named = ", ".join(names[:MAX_NAMED])
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        warnings.warn(
            f"module {self.name} {what}: {named}{more}", UserWarning, stacklevel=_outside()
        )


def _outside() -> int:
    """Return how far up the caller of flash is."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("flash."):
        frame, depth = frame.f_back, depth + 1
    return depth


def _handed_out(result: Any, depth: int = 0, seen: set[int] | None = None) -> Iterable[Tensor]:
    """Yield the tensors in what a module returns."""
    seen = set() if seen is None else seen
    if isinstance(result, Tensor):
        yield result
        return
    if isinstance(result, PLAIN) or depth > MAX_DEEP or id(result) in seen:
        return
    seen.add(id(result))
    parts: Iterable[Any] = ()
    if isinstance(result, dict):
        parts = list(result.values())
    elif isinstance(result, (list, tuple, set)):
        parts = list(result)
    elif not isinstance(result, (type, nn.Module)):
        slots = [name for kind in type(result).__mro__ for name in getattr(kind, "__slots__", ())]
        held = [getattr(result, name, None) for name in slots if isinstance(name, str)]
        parts = [*getattr(result, "__dict__", {}).values(), *held]
    for one in parts:
        yield from _handed_out(one, depth + 1, seen)
