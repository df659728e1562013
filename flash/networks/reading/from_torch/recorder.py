"""Follows the numbers of a torch module from operator to operator. Imports torch.

Each storage that torch makes is known: it holds numbers that come from the image, weights or what
is computed of them, or constants. What views, aliases and writes in place do is worked out on
storages, so that no way of naming a tensor goes unseen.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ..operations import Listing, Operation
from .calls import Call, Info, bits_of, info_of, tensors_in, unpacked
from .functions import FACTORIES, IDLE, READS, by_number, handler_of
from .shapes import HEAVY, RULES
from .views import derived, view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Geometry = tuple[int, tuple[int, ...], tuple[int, ...]]

__all__ = ["NeedsValuesError", "Recorder", "Store", "Weight"]

UNSEEN = "of what is made where operators of torch are not seen, by numpy, say, and read"
NEEDED = "it asks for values, which tensors on the meta device have not"
MAX_CONSTANT = 1 << 22  # numbers of a constant that is computed although the run is on no values
MAX_LEARNED = 1 << 15  # the same of what is computed of weights
SHOWN = ("numpy", "tolist", "__array__", "__dlpack__")  # methods that show numbers to others


class NeedsValuesError(Exception):
    """A value is needed that the meta device does not have."""


class Weight:
    """A stored tensor that counts: a parameter, or what a quantised module packs."""

    __slots__ = ("bits", "name", "numbers")

    def __init__(self, name: str, numbers: int, bits: int) -> None:
        self.name = name
        self.numbers = numbers
        self.bits = bits


class Store:
    """What a storage holds.

    Attributes
    ----------
    image : bool
        Whether numbers that come from the image are in it.
    real : bool
        Whether numbers that come from the image have their values in a run on the meta device: of
        an example's.
    mask : int
        The weights that its numbers come from, a bit each.
    shape : tuple of int
        Of all of it.
    number : int or None
        The value that all of it is.
    views : dict
        Values by the place, shape and strides that they have in it.
    spans : list of (int, int, int)
        Where several weights lie in it: begin, end, bit.
    """

    __slots__ = (
        *("held", "image", "mask", "number", "real", "ref", "shape", "spans", "strange"),
        *("views",),
    )

    def __init__(self, tensor: Tensor, mask: int = 0) -> None:
        try:
            self.ref: Any = StorageWeakRef(tensor.untyped_storage())
        except (NotImplementedError, RuntimeError):
            self.ref = tensor
        self.held: Any = None
        self.image = False
        self.real = False
        self.mask = mask
        self.strange = False
        self.shape: tuple[int, ...] = tuple(tensor.shape)
        self.number: int | None = None
        self.views: dict[Geometry, int] = {}
        self.spans: list[tuple[int, int, int]] = []


def key_of(tensor: Tensor) -> int:
    """Return what tells a storage from all others."""
    try:
        return tensor.untyped_storage()._cdata  # type: ignore[no-any-return]
    except (NotImplementedError, RuntimeError):  # a sparse tensor has none
        return -id(tensor)


def geometry(tensor: Tensor) -> Geometry:
    """Return the place, shape and strides of a tensor in its storage."""
    try:
        return int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride()
    except (NotImplementedError, RuntimeError):
        return 0, tuple(tensor.shape), ()


class Recorder(TorchDispatchMode):  # type: ignore[misc]
    """Lists the operations among the operators of torch that are called.

    Parameters
    ----------
    meta : bool
        Whether the run is on no values: tensors that come from the image are on the meta device.

    Attributes
    ----------
    listing : Listing
    weights : list of Weight
    shares : dict of int to (int, int, str)
        By the number of a row's value: weights it reads, the count that follows from its fields,
        and the field that says how many there are, or how many more.
    touched : int
        All weights that any operator has read, a bit each.
    requantised : bool
        Whether stored integers were made weights.
    narrowed : set of int
        Values that are handed on at fewer bits than they were made with.
    sinks : dict of int to None
        Values that were read as Python numbers, or decided on a shape.
    depends : dict of str to None
        What read them.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would load its compiler to keep it out

    def __init__(self, *, meta: bool) -> None:
        super().__init__()
        self.meta = meta
        self.listing = Listing()
        self.weights: list[Weight] = []
        self.stores: dict[int, Store] = {}
        self.shares: dict[int, tuple[int, int, str]] = {}
        self.made: dict[int, Operation] = {}
        self.sinks: dict[int, None] = {}
        self.sink_mask = 0
        self.touched = 0
        self.requantised = False
        self.narrowed: set[int] = set()
        self.depends: dict[str, None] = {}
        self.unknown: dict[int, str] = {}  # numbers of values that no layer stands for, and why
        self.exposed = False  # whether numbers may have left and come back
        self.inside = False
        self.last = ""  # path of the last call
        self.stranger = ""  # where the first tensor was read that nothing tells of
        self.saved: dict[int, tuple[Tensor, Tensor]] = {}  # what was written that the module holds
        self.kept: set[int] = set()  # storages of what the module holds
        self.packed: dict[int, tuple[Any, int]] = {}
        self._twins: dict[tuple[int, Any], Tensor] = {}
        self._paths: list[str] = [""]
        self._cells: list[int | None] = [None]

    # Where the run is

    @property
    def path(self) -> str:
        """Name of the submodule that is running."""
        return self._paths[-1]

    @property
    def cell(self) -> int | None:
        """Cell that is running."""
        return self._cells[-1]

    @contextmanager
    def watching(self, module: torch.nn.Module) -> Iterator[None]:
        """Know which submodule runs, for names and cells."""
        known: dict[int, tuple[str, int | None]] = {}
        for name, part in module.named_modules():
            cell = getattr(part, "flash_cell", None)
            known[id(part)] = (name, cell if type(cell) is int and cell >= 0 else None)
        paths, cells = self._paths, self._cells

        def enter(part: Any, _: Any) -> None:
            found = known.get(id(part))
            if found is not None:
                paths.append(found[0])
                cells.append(cells[-1] if found[1] is None else found[1])

        def leave(part: Any, *_: Any) -> None:
            if id(part) in known and len(paths) > 1:
                paths.pop()
                cells.pop()

        hooks = torch.nn.modules.module
        handles = [
            hooks.register_module_forward_pre_hook(enter),
            hooks.register_module_forward_hook(leave, always_call=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    # What is known before the run

    def add_weight(self, name: str, numbers: int, bits: int) -> int:
        """Note a stored tensor that counts, and return its bit."""
        self.weights.append(Weight(name, numbers, bits))
        return 1 << (len(self.weights) - 1)

    def hold_weight(self, name: str, tensor: Tensor) -> None:
        """Note a parameter."""
        key = key_of(tensor)
        begin = geometry(tensor)[0]
        store = self.stores.get(key)
        numbers = tensor.numel()
        if store is None:
            store = self.stores[key] = Store(tensor)
        for start, end, _ in store.spans:
            if begin < end and start < begin + numbers:
                return  # the same numbers under another name: they are stored once
        bit = self.add_weight(name, numbers, bits_of(tensor))
        store.spans.append((begin, begin + numbers, bit))
        store.mask |= bit
        self.kept.add(key)

    def hold_constant(self, tensor: Tensor) -> None:
        """Note a buffer, or another tensor that the module holds."""
        key = key_of(tensor)
        if key not in self.stores:
            self.stores[key] = Store(tensor)
        self.kept.add(key)

    def hold_input(self, tensor: Tensor, number: int) -> None:
        """Note an input."""
        self.track(tensor, number, 0)
        self.store(tensor).real = not tensor.is_meta

    # Storages

    def store(self, tensor: Tensor) -> Store:
        """Return what is known of a tensor's storage."""
        key = key_of(tensor)
        found = self.stores.get(key)
        if found is None:
            found = self.stores[key] = Store(tensor)
            if key < 0:
                found.held = tensor
            strange = self.exposed or not self.meta or tensor.is_meta
            found.strange = strange and tensor.numel() > 1
            if found.strange:
                self.stranger = self.stranger or self.path or "its forward"
        return found

    def unseen(self) -> str:
        """Return why what comes from a tensor is refused that nothing tells of."""
        return f"{UNSEEN} in {self.stranger or 'its forward'}"

    def mask(self, tensor: Tensor) -> int:
        """Return the weights that a tensor comes from."""
        store = self.store(tensor)
        if len(store.spans) > 1 and not store.image:
            begin, shape, strides = geometry(tensor)
            end = begin + 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
            return sum(bit for a, b, bit in store.spans if begin < b and a < end)
        return store.mask

    def number(self, tensor: Any) -> int | None:
        """Return the number of a value that comes from the image, None for any other."""
        if not isinstance(tensor, Tensor):
            return None
        store = self.store(tensor)
        if not store.image:
            return None
        place = geometry(tensor)
        found = store.views.get(place)
        if found is None:  # an alias that no operator has made
            if store.number is None:
                return None
            found = derived(self, store.number, prod(store.shape), tensor)
            store.views[place] = found
        return found

    def value_of(self, tensor: Tensor) -> int:
        """Return the number of a value, which a constant is given here."""
        number = self.number(tensor)
        if number is not None:
            return number
        store = self.store(tensor)
        place = geometry(tensor)
        number = store.views.get(place)
        if number is None:
            number = store.views[place] = self.add("input", [], tensor)
            self.shares[number] = (self.mask(tensor), 0, "params")
        return number

    def values(self, tensor: Tensor) -> Tensor:
        """Return a constant with its values.

        Raises
        ------
        NeedsValuesError
            If there are none.
        """
        store = self.store(tensor)
        if tensor.is_meta or (self.meta and ((store.image and not store.real) or store.mask)):
            raise NeedsValuesError(NEEDED)
        return tensor

    def track(self, tensor: Tensor, number: int | None, mask: int) -> None:
        """Say what a new tensor holds: a value, or None for a constant."""
        key = key_of(tensor)
        store = self.stores.get(key)
        if store is None:
            store = self.stores[key] = Store(tensor, mask)
            if key < 0:
                store.held = tensor
        else:  # another way of reading what is known: that stays what it is
            store.mask |= mask
        if number is not None:
            store.image = True
            if store.number is None:
                store.number = number
            store.views[geometry(tensor)] = number

    def write(self, tensor: Tensor, number: int | None, mask: int) -> None:
        """Say what is written into a tensor: a value, or None for a constant."""
        if not tensor.numel():
            return
        store = self.store(tensor)
        place = geometry(tensor)
        whole = tensor.numel() >= prod(store.shape)
        store.strange = store.strange and not whole
        if whole:
            store.mask = mask
            store.image = number is not None
            store.number = number
            store.shape = place[1]
        else:
            before = self._whole(store)
            store.mask |= mask
            if number is None and mask:
                number = self.value_of(self._twin(tensor, mask)) if before is not None else None
            inputs = [one for one in (before, number) if one is not None]
            if inputs:
                store.image = True
                store.number = self.add_shaped("move", inputs, store.shape, 32, mode="scatter")
        store.views = {}
        if store.number is not None:
            store.views[place] = (
                store.number if whole else derived(self, store.number, prod(store.shape), tensor)
            )

    def _whole(self, store: Store) -> int | None:
        """Return the value that all of a storage is, None where that is constant."""
        if store.image:
            return store.number
        if store.mask:
            number = self.add_shaped("input", [], store.shape, 32)
            self.shares[number] = (store.mask, 0, "params")
            return number
        return None

    def _twin(self, tensor: Tensor, mask: int) -> Tensor:
        twin = torch.empty(tensor.shape, device="meta", dtype=tensor.dtype)
        self.track(twin, None, mask)
        self._twins[key_of(twin), None] = twin
        return twin

    # Operations

    def add(
        self, kind: str, inputs: Sequence[int], result: Tensor, mask: int = 0, **fields: Any
    ) -> int:
        """List an operation; mask: the weights that it reads."""
        bits = bits_of(result)
        return self.add_shaped(kind, inputs, tuple(result.shape), bits, mask, **fields)

    def add_shaped(
        self,
        kind: str,
        inputs: Sequence[int],
        shape: tuple[int, ...],
        bits: int,
        mask: int = 0,
        **fields: Any,
    ) -> int:
        """List an operation whose result is no tensor that is there."""
        if 0 in shape and inputs:
            return inputs[0]  # nothing is made
        number = self.listing.add(kind, inputs, shape or (1,), self.path, self.cell, **fields)
        made = self.made[number] = self.listing.operations[-1]
        made.bits = bits
        if mask or kind in _COUNTED:
            expected, field = _COUNTED.get(kind, _params)(made)
            self.shares[number] = (mask, expected, field)
        return number

    def add_unknown(self, call: Call, why: str = "") -> int:
        """List an operator that no layer stands for: it is refused if what it makes is used."""
        inputs = [one for one in (self.number(t) for t in call.tensors) if one is not None]
        mask = self.constant_mask(call.tensors)
        found = next(tensors_in(call.result), None)
        shape = (1,) if found is None else tuple(found.shape)
        name = call.info.name if call.info.space == "aten" else call.info.qualified
        number = self.add_shaped("elementwise", inputs, shape, 32, mask, name=name)
        at = f" at {self.path}" if self.path else ""
        self.unknown[number] = f"{name}{at}{f' ({why})' if why else ''}"
        return number

    def constant_mask(self, tensors: Iterable[Tensor]) -> int:
        """Return the weights that those tensors come from that don't come from the image."""
        mask = 0
        for one in tensors:
            if not self.store(one).image:
                mask |= self.mask(one)
        return mask

    def sink(self, call: Call) -> None:
        """Note that values of the image are read, so that what happens next depends on them."""
        at = f" at {self.path}" if self.path else ""
        self.depends[f"{call.info.name}{at}"] = None
        self.pour(call)

    def pour(self, call: Call) -> None:
        """Note that what a call reads has come to an end."""
        for one in call.tensors:
            number = self.number(one)
            if number is not None:
                self.sinks[number] = None
        self.sink_mask |= call.mask

    # Calls

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call an operator, and list what it does to values that come from the image."""
        kwargs = kwargs or {}
        self.last = self.path
        if isinstance(func, torch._ops.HigherOrderOperator):
            return self._higher(func, args, kwargs)
        info = info_of(func)
        call = Call(func, info, args, kwargs)
        if info.name in ("lift_fresh", "lift"):
            self._lift(call.tensors[0])
        image = strange = False
        mask = 0
        for one in call.tensors:
            store = self.store(one)
            mask |= store.mask if len(store.spans) < 2 else self.mask(one)
            image = image or store.image
            strange = strange or store.strange
        if info.space == "quantized":
            mask |= self.packed_mask(call)
        call.mask = mask
        self.touched |= mask
        before, self.inside = self.inside, True
        try:
            if not image:
                return self._constant(call, strange)
            if strange:
                return self._strange(call)
            return self._valued(call)
        finally:
            self.inside = before

    def _higher(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = func.name() if callable(getattr(func, "name", None)) else str(func)
        if name.startswith("wrap_with") and any(callable(one) for one in args):
            place = next(i for i, one in enumerate(args) if callable(one))
            with self:
                return args[place](*args[place + 1 :])
        self.listing.unknown(name, self.path, "it runs functions that are not seen")
        self.listing.refuse_unknown("the module")
        return None

    def _lift(self, tensor: Tensor) -> None:
        key = key_of(tensor)
        if key not in self.stores:
            store = self.stores[key] = Store(tensor)
            store.strange = self.exposed and tensor.numel() > 1

    def _strange(self, call: Call) -> Any:
        call.result = self._run(call)
        number = self.add_unknown(call, self.unseen())
        for one in tensors_in(call.result):
            self.track(one, number, call.mask)
        return call.result

    def _constant(self, call: Call, strange: bool) -> Any:
        """Call an operator on weights and constants."""
        info = call.info
        mask = call.mask
        if info.space == "quantized_decomposed" and info.name.startswith("dequantize"):
            mask |= self._quantised(call)
        for name in info.writes:
            for one in tensors_in(call.get(name)):
                self._save(one)
        if info.name in READS and mask:
            self.exposed = self.exposed or call.tensors[0].numel() != 1
        result = self._run_constant(call, mask)
        if info.writes:
            for name in info.writes:
                for one in tensors_in(call.get(name)):
                    self._blend(one, mask, strange)
            if info.turns:
                for one in tensors_in(result):
                    self.store(one).shape = tuple(one.shape)
            return result
        for one in tensors_in(result):
            key = key_of(one)
            if key in self.stores and info.is_view and any(key_of(t) == key for t in call.tensors):
                continue
            self.track(one, None, mask)
            if strange:
                self.stores[key_of(one)].strange = one.numel() > 1
        return result

    def _blend(self, tensor: Tensor, mask: int, strange: bool) -> None:
        store = self.store(tensor)
        if store.image:
            self.write(tensor, None, mask)
        else:
            store.mask |= mask
            store.views = {}
        store.strange = store.strange or (strange and tensor.numel() > 1)

    def _save(self, tensor: Tensor) -> None:
        """Keep what the module holds before it is written."""
        key = key_of(tensor)
        if key in self.kept and key not in self.saved and not tensor.is_meta:
            whole = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
            whole.set_(tensor.untyped_storage())
            self.saved[key] = (whole, whole.clone())

    def _run_constant(self, call: Call, mask: int) -> Any:
        info, kwargs = call.info, call.kwargs
        if not self.meta:
            return self._run(call)
        if info.is_view and not any(t.is_meta for t in call.tensors):
            if "device" in info.index:
                call = self._here(call)
            return call.func(*call.args, **call.kwargs)
        if info.writes:
            homes = {one.is_meta for one in call.tensors}
            if len(homes) > 1:
                return call.get(info.writes[0])
            return call.func(*call.args, **kwargs)
        if "device" in info.index:
            call = self._here(call)
            return call.func(*call.args, **call.kwargs)
        large = mask and sum(t.numel() for t in call.tensors) > MAX_LEARNED
        if large or any(t.is_meta for t in call.tensors):
            return self._run(call)
        return call.func(*call.args, **kwargs)

    def _here(self, call: Call) -> Call:
        """Return a call that makes its result where the values are: on the processor."""
        place = call.info.index["device"]
        if call.info.name in ("to", "_to_copy"):
            args = tuple(
                one if i != place or isinstance(one, Tensor) else None
                for i, one in enumerate(call.args)
            )
            kwargs = {key: one for key, one in call.kwargs.items() if key != "device"}
            if len(args) > place and args[place] is None:
                return self._plain_to(call)
            return Call(call.func, call.info, args, kwargs)
        size = call.get("size", ())
        numbers = prod(size) if isinstance(size, (list, tuple)) else 0
        if call.tensors and not size:
            numbers = call.tensors[0].numel()
        home = "meta" if numbers > MAX_CONSTANT else "cpu"
        if place < len(call.args):
            args = (*call.args[:place], torch.device(home), *call.args[place + 1 :])
            return Call(call.func, call.info, args, call.kwargs)
        if call.kwargs.get("device") is None and not call.tensors and home == "cpu":
            return call
        return Call(call.func, call.info, call.args, {**call.kwargs, "device": home})

    def _plain_to(self, call: Call) -> Call:
        """Return a conversion without the device that it names."""
        dtype = call.get("dtype") or call.tensors[0].dtype
        func = torch.ops.aten.to.dtype
        return Call(func, info_of(func), (call.tensors[0], dtype), {})

    def _quantised(self, call: Call) -> int:
        """Return the bits of stored integers that are made weights here."""
        mask = 0
        tensor = call.tensors[0]
        store = self.store(tensor)
        if not store.mask and tensor.numel() > 1:
            bit = self.add_weight(self.path or "a weight", tensor.numel(), bits_of(tensor))
            self.requantised = True
            store.mask = bit
            store.spans = [(0, tensor.numel(), bit)]
            mask = bit
        return mask | store.mask

    def packed_mask(self, call: Call) -> int:
        """Return the bits of weights that a quantised operator has packed."""
        mask = 0
        for one in (*call.args, *call.kwargs.values()):
            if isinstance(one, torch.ScriptObject):
                found = self.packed.get(id(one))
                if found is None:
                    numbers = sum(t.numel() for t in unpacked(one))
                    bit = self.add_weight(self.path or "packed weights", numbers, 8)
                    found = self.packed[id(one)] = (one, bit)
                mask |= found[1]
        return mask

    def _run(self, call: Call) -> Any:
        """Work out a result: by a rule, or by torch."""
        info = call.info
        rule = RULES.get(info.name) if info.space == "aten" else None
        if rule is not None and (self.meta or info.name in HEAVY):
            result = rule(self, call)
            if result is not None:
                return result
        if not self.meta:
            return call.func(*call.args, **call.kwargs)
        args = tuple(self._on_meta(one) for one in call.args)
        kwargs = {key: self._on_meta(one) for key, one in call.kwargs.items()}
        if "device" in info.index and kwargs.get("device") is not None:
            del kwargs["device"]
        return call.func(*args, **kwargs)

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Make a result of a rule: without values, or of zeros."""
        if self.meta:
            return torch.empty(shape, dtype=dtype, device="meta")
        return torch.zeros(shape, dtype=dtype)

    def empty_like(self, tensor: Tensor) -> Tensor:
        """Make a result like a tensor."""
        if not self.meta:
            return torch.zeros_like(tensor)
        if tensor.is_contiguous() or 0 in tensor.stride():
            return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
        strides = tensor.stride()
        return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype, device="meta")

    def _on_meta(self, one: Any) -> Any:
        if isinstance(one, Tensor):
            if one.is_meta:
                return one
            key = (key_of(one), geometry(one))
            twin = self._twins.get(key)
            if twin is None or twin.dtype != one.dtype:
                twin = torch.empty_strided(one.shape, one.stride(), dtype=one.dtype, device="meta")
                self._twins[key] = twin
            return twin
        if isinstance(one, (list, tuple)) and any(isinstance(t, Tensor) for t in one):
            return type(one)(self._on_meta(t) for t in one)
        return one

    def _valued(self, call: Call) -> Any:
        """Call an operator on values that come from the image."""
        info = call.info
        if info.name in FACTORIES:
            result = self._run_constant(call, 0)
            for one in tensors_in(result):
                self.track(one, None, 0)
            return result
        if info.name in READS:
            return self._read(call)
        if info.name in IDLE:
            return call.first()
        handler = self._handler(info)
        if handler is None and info.composite and not info.is_foreign:
            return self._apart(call)
        depends = info.depends
        if "indices" in info.index:
            call, depends = self._by_numbers(call)
        real = self.meta and call.mask == 0 and self._is_real(call)
        if depends and self.meta and not real:
            raise NeedsValuesError(NEEDED)
        call.result = self._worked_out(call, real)
        if depends:
            self.sink(call)
        why = "an operator of its own" if info.is_foreign else ""
        numbers = self.add_unknown(call, why) if handler is None else handler(self, call)
        if numbers is NotImplemented:
            return self._apart(call)
        self._assign(call, numbers)
        if self.meta:
            for one in tensors_in(call.result):
                self.store(one).real = real
        return call.result

    def _handler(self, info: Info) -> Callable[[Recorder, Call], Any] | None:
        if info.is_foreign:
            return None
        handler = handler_of(info.space, info.name)
        if handler is None and (info.is_view or info.turns):
            return view
        return by_number if handler is None and info.pointwise else handler

    def _apart(self, call: Call) -> Any:
        """Take an operator apart, and list those that it is made of."""
        with self:
            result = call.func.decompose(*call.args, **call.kwargs)
        if result is not NotImplemented:
            return result
        call.result = self._run(call)
        return self._assign(call, self.add_unknown(call))

    def _worked_out(self, call: Call, real: bool) -> Any:
        """Return a call's result; in place, nothing is written that has no values."""
        info = call.info
        written = [one for name in info.writes for one in tensors_in(call.get(name))]
        for one in written:
            self._save(one)
        if real:
            here = self._here(call) if "device" in info.index else call
            return here.func(*here.args, **here.kwargs)
        if written and not info.turns and self.meta:
            if call.info.has_out:
                return self._outs(call, written)
            return call.get(info.writes[0])
        return self._run_view(call) if info.is_view or info.turns else self._run(call)

    def _outs(self, call: Call, given: list[Tensor]) -> Any:
        """Return the tensors that a call was given for its results, in the right shape."""
        for one, made in zip(given, tensors_in(self._run(call)), strict=True):
            if one.shape != made.shape:
                one.resize_(made.shape)
                self.store(one).shape = tuple(made.shape)
        return given[0] if len(given) == 1 else tuple(given)

    def _by_numbers(self, call: Call) -> tuple[Call, bool]:
        """Return an indexing without constant masks, and whether there are others: these are as
        long as their values say."""
        place = call.info.index["indices"]
        given = call.args[place] if len(call.args) > place else None
        if not isinstance(given, (list, tuple)):
            return call, False
        made: list[Any] = []
        depends = False
        for one in given:
            if not isinstance(one, Tensor) or one.dtype not in (torch.bool, torch.uint8):
                made.append(one)
            elif self.store(one).image or one.is_meta:
                depends = True
                made.append(one)
            else:
                found = one.nonzero(as_tuple=True)
                for part in found:
                    self.track(part, None, self.mask(one))
                made += found
        if depends or (len(made) == len(given) and all(map(_is, made, given))):
            return call, depends
        args = (*call.args[:place], made, *call.args[place + 1 :])
        changed = Call(call.func, call.info, args, call.kwargs)
        changed.mask = call.mask
        return changed, False

    def _run_view(self, call: Call) -> Any:
        if self.meta and "device" in call.info.index:
            call = self._here(call)
        return call.func(*call.args, **call.kwargs)

    def _read(self, call: Call) -> Any:
        """Hand a value of the image to Python."""
        if self.meta and not self._is_real(call):
            raise NeedsValuesError(NEEDED)
        self.sink(call)
        return call.func(*call.args, **call.kwargs)

    def _is_real(self, call: Call) -> bool:
        """Whether a call on the meta device reads values of an example, and no weights."""
        numbers = 0
        for one in call.tensors:
            store = self.store(one)
            if one.is_meta or store.mask or (store.image and not store.real):
                return False
            numbers += one.numel()
        return numbers <= MAX_CONSTANT

    def _assign(self, call: Call, numbers: Any) -> Any:
        """Say which values the tensors hold that a call has made."""
        info, result = call.info, call.result
        made = [result] if isinstance(result, Tensor) else list(tensors_in(result))
        several = numbers if isinstance(numbers, list) else [numbers] * len(made)
        written = [one for name in info.writes for one in tensors_in(call.get(name))]
        for one, number in zip(made, several, strict=True):
            if written and not info.turns:
                self.write(one, number, self._written_mask(call, number, one))
                continue
            key = key_of(one)
            known = self.stores.get(key)
            if not one.numel():
                if not self.meta and self.depends:
                    self.pour(call)
                if known is None:
                    self.track(one, None, 0)
            elif known is not None and known.ref is not one and self._is_alias(call, key):
                if number is not None:
                    known.views.setdefault(geometry(one), number)
                known.shape = tuple(one.shape) if info.turns else known.shape
            else:
                self.track(one, number, call.mask)
        return result

    def _written_mask(self, call: Call, number: int | None, target: Tensor) -> int:
        if call.info.name in ("copy", "fill", "zero"):
            rest = [one for one in call.tensors if one is not target]
            return sum_masks(self.mask(one) for one in rest)
        return call.mask

    def _is_alias(self, call: Call, key: int) -> bool:
        return any(key_of(one) == key for one in call.tensors)


class Guard(TorchFunctionMode):  # type: ignore[misc]
    """Sees the methods that show numbers to what is not torch."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function; note those that show numbers."""
        if getattr(func, "__name__", None) in SHOWN and not self.recorder.inside:
            recorder = self.recorder
            store = recorder.store(args[0])
            if store.image:
                if recorder.meta and not store.real:
                    raise NeedsValuesError(NEEDED)
                at = f" at {recorder.path}" if recorder.path else ""
                recorder.depends[f"{func.__name__}{at}"] = None
                number = recorder.number(args[0])
                if number is not None:
                    recorder.sinks[number] = None
                recorder.sink_mask |= store.mask
            if store.image or store.mask or store.strange:
                recorder.exposed = recorder.exposed or args[0].numel() != 1
        elif func in INDEXED:  # torch would put a list's numbers where the tensor is
            args = (args[0], _listed(args[1]), *args[2:])
        return func(*args, **(kwargs or {}))


INDEXED = (Tensor.__getitem__, Tensor.__setitem__)


def _listed(index: Any) -> Any:
    """Return an index with tensors for its lists."""
    if isinstance(index, tuple):
        return tuple(_listed(one) for one in index)
    if isinstance(index, list) and index and all(type(one) in (int, bool) for one in index):
        return torch.tensor(index)
    return index


def _is(one: Any, other: Any) -> bool:
    return one is other


def sum_masks(masks: Iterable[int]) -> int:
    """Return the weights that are in any of the masks."""
    result = 0
    for one in masks:
        result |= one
    return result


def _params(operation: Operation) -> tuple[int, str]:
    return 0, "params"


def _conv_count(operation: Operation) -> tuple[int, str]:
    return int(operation.fields.pop("_count")), "extra_params"


_COUNTED: dict[str, Callable[[Operation], tuple[int, str]]] = {
    **dict.fromkeys(("conv", "linear", "embedding", "recurrent"), _conv_count),
    **dict.fromkeys(("norm",), _params),
}
