"""Torch modules as operations: a module is run once, and every function of torch that it calls is
seen, whatever its control flow. Imports torch.

The run is on zeros, or for a large image on torch's meta device, which computes shapes only (but
whose first use loads much of torch); where that lacks a value, it is run on zeros after all.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...base.checks import shown
from ...errors import ArgumentError, ArgumentTypeError, FlashError
from .assemble import assemble
from .operations import IMAGE, Listing
from .torch_functions import HANDLERS, PASSED, NeedsValuesError, plain_name
from .torch_state import State, refuse_compiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..network import Network

__all__ = ["Recorder", "read_module"]

UNSEEN = "of what is made where calls of torch are not seen, in a traced function, say"
MAX_REAL = 3 * 64 * 64  # numbers in an image up to which a real run is as quick


def read_module(module: Any, image: tuple[int, int, int]) -> Network:
    """Return the network of a torch module; see `Network.from_torch`."""
    if not isinstance(module, nn.Module):
        raise ArgumentTypeError(
            f"module must be a torch.nn.Module, got {shown(module)} ({type(module).__name__})"
        )
    module = getattr(module, "_orig_mod", module)  # what torch.compile wraps
    compiled = refuse_compiled(module)
    if compiled is not None:
        raise ArgumentError(
            f"module must be one whose calls can be seen, got a {type(module).__name__} that"
            f"{'' if compiled.startswith('is') else ':'} {compiled}: pass the original module"
        )
    unreal = any(parameter.is_meta for parameter in module.parameters())
    if unreal or image[0] * image[1] * image[2] > MAX_REAL:
        try:
            recorder = _run(module, image, meta=True)
        except Exception:  # whatever does not work without values: the real run tells
            if unreal:
                raise
            recorder = _run(module, image, meta=False)
    else:
        recorder = _run(module, image, meta=False)
    recorder.listing.refuse_unknown(f"module {type(module).__name__}")
    if not recorder.listing.operations:
        raise ArgumentError(
            f"module {type(module).__name__} must call functions of torch that can be seen, got "
            "none: give the module that was compiled or scripted"
        )
    if not recorder.returned:
        raise ArgumentError(
            f"module {type(module).__name__} must return what it makes of the image by functions "
            "of torch that can be seen, got none of that"
        )
    return assemble(recorder.listing.operations, image, recorder.returned)


def _run(module: nn.Module, image: tuple[int, int, int], *, meta: bool) -> Recorder:
    state = State(module)
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    twins = {name: t.detach().to("meta") for name, t in tensors.items()} if meta else tensors
    some = next((t for t in tensors.values() if t.is_floating_point()), None)
    device = "meta" if meta else "cpu" if some is None else some.device
    x = torch.zeros(1, *image, dtype=None if some is None else some.dtype, device=device)
    known = {id(twins[name]): (name, t) for name, t in tensors.items()}
    recorder = Recorder(x, known, state.constants)
    try:
        module.eval()
        with torch.no_grad(), recorder.watching(module), recorder:
            call = torch.func.functional_call
            result = call(module, twins, (x,)) if meta else module(x)
    except FlashError:
        raise
    except Exception as error:
        size = " x ".join(map(str, image))
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise ArgumentError(
            f"module {type(module).__name__} must run on an image of {size}, got "
            f"{type(error).__name__} in {recorder.path or 'its forward'}: {first}"
        ) from error
    finally:
        state.restore()
    recorder.finish(result)
    return recorder


class Recorder(TorchFunctionMode):
    """Lists the operations among the functions of torch that are called.

    Parameters
    ----------
    image : Tensor
    known : dict of int to (str, Tensor)
        Parameters and buffers with their values, by the id of what the module works on.
    constants : dict of int to Tensor
        Other tensors that the module holds.

    Attributes
    ----------
    returned : list of int
        Numbers of the values that the module returns.
    """

    def __init__(
        self,
        image: Tensor,
        known: dict[int, tuple[str, Tensor]],
        constants: dict[int, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.listing: Listing = Listing()
        self.known = known
        self.returned: list[int] = []
        self._counted: set[int] = set()  # parameters that are counted with some layer
        self._constants: dict[int, Tensor] = dict(constants or {})
        # id -> (tensor, number): holding the tensor keeps its id its own; number None is a value
        # that came out of an unknown operator
        self._numbers: dict[int, tuple[Tensor, int | None]] = {id(image): (image, IMAGE)}
        # id -> what in a value is of unknown operators, not yet noted
        self._doubts: dict[int, tuple[tuple[str, str], ...]] = {}
        # computed of parameters: with the ids of those
        self._learned: dict[int, tuple[Tensor, frozenset[int]]] = {}
        self._paths: list[str] = [""]
        self._cells: list[int | None] = [None]

    @property
    def path(self) -> str:
        """Name of the submodule that is running."""
        return self._paths[-1]

    @property
    def cell(self) -> int | None:
        """Cell that is running."""
        return self._cells[-1]

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        """Know which submodule runs, for names and cells."""
        handles = []

        def entering(name: str, cell: Any) -> Any:
            def enter(*_: Any) -> None:
                self._paths.append(name)
                self._cells.append(self._cells[-1] if cell is None else cell)

            return enter

        def leave(*_: Any) -> None:
            self._paths.pop()
            self._cells.pop()

        for name, part in module.named_modules():
            cell = getattr(part, "flash_cell", None)
            cell = cell if type(cell) is int and cell >= 0 else None
            handles.append(part.register_forward_pre_hook(entering(name, cell)))
            handles.append(part.register_forward_hook(leave))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function, and list what it does to values that come from the image."""
        kwargs = kwargs or {}
        given = list(_tensors((args, kwargs)))
        read = [one for one in given if id(one) in self._numbers]
        numbers = [self._numbers[id(one)][1] for one in read]
        reasons = [reason for one in read for reason in self._doubts.get(id(one), ())]
        name = plain_name(func)
        strange = any(self._is_strange(one) for one in given)
        result = func(*args, **kwargs)
        made = list(_tensors(result))
        if strange and (read or any(self.is_learned(one) for one in given)):
            self.listing.unknown(name, self.path, UNSEEN)
            for one in made:
                self.track(one, None)
        elif not read:
            sources = self._sources(*given)
            for one in made:
                if sources:
                    self._learned[id(one)] = (one, sources)
                elif not strange:
                    self._constants[id(one)] = one
        elif name == "__setitem__":
            self.listing.unknown(name, self.path)
        elif name in PASSED or (name not in HANDLERS and made):
            if name not in PASSED:
                numbers[0] = None
                reasons.append((name, self.path))
            for one in made:
                self.track(one, numbers[0])
                self._doubts[id(one)] = tuple(reasons)
        elif made:
            self._note(reasons)
            values: Any = None
            if None not in numbers:
                values = HANDLERS[name](self, name, args, kwargs, result)
            several = values if isinstance(values, list) else [values] * len(made)
            for one, value in zip(made, several, strict=True):
                self.track(one, value)
        return result

    def finish(self, result: Any) -> None:
        """Say what the module returns."""
        held = getattr(result, "__dict__", None)
        if held and not isinstance(result, (Tensor, list, tuple, dict)):
            result = dict(held)  # an object with maps as attributes
        for one in _tensors(result):
            self._note(self._doubts.get(id(one), ()))
            number = self.number(one)
            if number is not None:
                self.returned.append(number)
            elif self._is_strange(one):
                self.listing.unknown("what is returned", "", UNSEEN)

    def _note(self, reasons: Iterable[tuple[str, str]]) -> None:
        # What no layer stands for counts only once its result is used: a test of sizes does not.
        for name, path in reasons:
            self.listing.unknown(name, path)

    def _is_strange(self, tensor: Tensor) -> bool:
        """Whether nothing tells where a tensor comes from: it may be made of the image."""
        key = id(tensor)
        tables = (self._numbers, self.known, self._learned, self._constants)
        return tensor.numel() != 1 and not any(key in table for table in tables)

    def _sources(self, *tensors: Tensor | None) -> frozenset[int]:
        """Return the ids of the parameters that tensors are, or are computed of."""
        found: set[int] = set()
        for one in tensors:
            if one is None:
                continue
            if id(one) in self._learned:
                found |= self._learned[id(one)][1]
            elif self.is_learned(one):
                found.add(id(one))
        return frozenset(found)

    # For the handlers

    def number(self, tensor: Any) -> int | None:
        """Return the number of a value that comes from the image, None for any other."""
        found = self._numbers.get(id(tensor))
        return None if found is None else found[1]

    def track(self, tensor: Tensor, number: int | None) -> None:
        """Say which value a tensor holds from here on."""
        self._numbers[id(tensor)] = (tensor, number)
        self._doubts.pop(id(tensor), None)

    def is_learned(self, tensor: Tensor) -> bool:
        """Whether a constant is a parameter, or computed of one."""
        known = self.known.get(id(tensor))
        return id(tensor) in self._learned or (
            known is not None and isinstance(known[1], nn.Parameter)
        )

    def value(self, tensor: Tensor) -> Tensor:
        """Return a constant with its values.

        Raises
        ------
        NeedsValuesError
            If it was computed on the meta device.
        """
        tensor = self.known[id(tensor)][1] if id(tensor) in self.known else tensor
        if tensor.is_meta:
            raise NeedsValuesError
        return tensor

    def weigh(self, expected: int, *weights: Tensor | None) -> int:
        """Note the use of weights.

        Returns
        -------
        int
            How many more parameters than `expected` they are, or are computed of, without those
            that some layer has counted before: below 0 where weights are used again.
        """
        fresh = self._sources(*weights) - self._counted
        self._counted |= fresh
        stored: int = sum(self.known[one][1].numel() for one in fresh)
        return stored - expected

    def add(self, kind: str, inputs: list[int], result: Any, **fields: Any) -> int:
        """List an operation."""
        shape = (
            tuple(result.shape[1:]) if isinstance(result, Tensor) and result.dim() == 4 else None
        )
        return self.listing.add(kind, inputs, self.path, self.cell, shape=shape, **fields)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
