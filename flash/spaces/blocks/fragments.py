"""Fragments: what an option makes at one place, as a network of its own; built, checked and
kept."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ...base.checks import shown
from ...base.record import Record, cached
from ...errors import ArgumentError, FlashError
from ...networks.layer import Layer
from ...networks.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    import torch

    from .options import Variant

    Shape = tuple[int, ...]

__all__ = ["Fragment", "joined", "made"]

KEPT = 1 << 12  # of one function
# By function, then by its choices and what it reads; gone with the function.
_kept: WeakKeyDictionary[Any, dict[Any, tuple[Network, Any]]] = WeakKeyDictionary()


class Fragment(Record):
    """One block alone.

    Parameters
    ----------
    name : str
        Where it stands, and what it is: "body: mb kernel 5 expansion 6, 16 > 24 /2, 16x56x56".
    variant : Variant
    in_channels, out_channels, stride : int
    shape_in, shape_out : tuple of int
        What it reads and hands on, without the batch: (channels, height, width), (tokens,
        features), or (features,).
    network : Network
    """

    name: str
    variant: Variant
    in_channels: int
    out_channels: int
    stride: int
    shape_in: Shape
    shape_out: Shape
    network: Network

    @cached
    def ending(self) -> tuple[Any, ...]:
        """What of its last row the costs of what follows may depend on."""
        last = self.network.layers[-1]
        offers = 0  # channels that a convolution behind it has over a skip
        if any(layer.kind == "concat" for layer in self.network.layers):
            offers = _offered(self.network)
        return (
            *(offers, last.kind, last.activation, last.norm, last.mode, last.transposed),
            *(last.out_width > 1, last.out_height * last.out_width > 1),
        )

    def module(self) -> torch.nn.Module | None:
        """Return a new torch module of it, weights drawn by torch; None where only rows are
        known."""
        option = self.variant.option
        assert option is not None
        build = option.module
        try:
            found = _called(self.variant, build, *self._asked())
        except FlashError:
            raise
        except Exception as error:
            raise ArgumentError(
                f"option {shown(self.variant.name)} raised {type(error).__name__} when its module "
                f"was made at {self.name}: {error}"
            ) from error
        if _is_module(found):
            return found
        if build is None:
            return None
        raise ArgumentError(
            f"{self.name}: module must give a torch module, got {shown(found)} "
            f"({type(found).__name__})"
        )

    def _asked(self) -> tuple[int, int, int, Shape]:
        return self.in_channels, self.out_channels, self.stride, self.shape_in

    def to_torch(self, *, seed: int = 0) -> torch.nn.Module:
        """Return a torch module of the block alone, its weights drawn by `seed`."""
        from .modules import of_rows, seeded

        def build() -> torch.nn.Module:
            found = self.module()
            return of_rows(self.network, self.shape_out, seed) if found is None else found

        return seeded(build, seed)


def _offered(network: Network) -> int:
    """Return how many channels a convolution behind a network reads that have skipped layers."""
    from ...networks.topology import labelled

    channels, height, width = network.layers[-1].shape_out
    probe = Layer("conv", channels, 1, height, width, inputs=(-1,))
    behind = Network((probe,), (channels, height, width))
    both = joined([(network, 0), (behind, 1)], network.input_shape)
    found = labelled(both, across=True).get(1)
    return 0 if found is None else found.links


def made(
    where: str,
    variant: Variant,
    in_channels: int,
    out_channels: int,
    stride: int,
    shape: Shape,
    bits: int = 32,
    own: dict[Any, Any] | None = None,
) -> Fragment:
    """Build what an option makes at a place, and check it.

    own: what was built for the same space.

    Raises
    ------
    ArgumentError
        If the option raises, gives nothing that is a block, or one of other shapes than it should,
        or another at a second call; it names the option, the place and what was expected.
    """
    size = "x".join(map(str, shape))
    step = f" /{stride}" if stride > 1 else ""
    name = f"{where}: {variant.label}, {in_channels} > {out_channels}{step}, {size}"
    option = variant.option
    assert option is not None
    asked = (in_channels, out_channels, stride, shape)
    key = (_typed(variant.keywords), option.shape, *asked, bits)
    own = {} if own is None else own
    known = own.get((id(option.build), key))
    if known is None:
        kept = _kept_of(option.build)
        known = _network_at(name, variant, asked, bits, kept.get(key))
        if len(kept) >= KEPT:
            kept.clear()
        own[id(option.build), key] = kept[key] = known
    network, shape_out = known
    return Fragment(name, variant, in_channels, out_channels, stride, shape, shape_out, network)


def _network_at(
    name: str,
    variant: Variant,
    asked: tuple[int, int, int, Shape],
    bits: int,
    before: tuple[Network, Shape] | None,
) -> tuple[Network, Shape]:
    """Return what an option gives; what it gave for another space, where it still does."""
    assert variant.option is not None
    home = getattr(variant.option.build, "__module__", None)
    if before is not None and str(home).startswith("flash."):
        return before
    built = _built(name, variant, asked)
    known = _read(name, variant, built, asked)
    if before is not None and before == _in_bits(known, bits):
        return before
    rebuilt = _built(name, variant, asked)
    alike = isinstance(built, (list, tuple)) and built == rebuilt  # rows: no need to read both
    again = known if alike else _read(name, variant, rebuilt, asked)
    if known != again:
        raise ArgumentError(
            f"option {shown(variant.name)} is not deterministic: built twice at {name}, it gave "
            f"{_difference(known[0], again[0])}"
        )
    return _in_bits(known, bits)


def _kept_of(function: Any) -> dict[Any, tuple[Network, Any]]:
    try:
        return _kept.setdefault(function, {})
    except TypeError:  # a function that has no hash, or that nothing can refer to weakly
        return {}


def _typed(keywords: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return choices as a key: 1, 1.0 and True are equal, but not the same choice."""
    return tuple([(name, type(value), value) for name, value in keywords.items()])


def _in_bits(known: tuple[Network, Shape], bits: int) -> tuple[Network, Shape]:
    return known if bits == 32 else (_with_bits(known[0], bits), known[1])


def _with_bits(network: Network, bits: int) -> Network:
    layers = []
    for layer in network.layers:
        one = Layer.__new__(Layer)
        one.__dict__.update(layer.__dict__, bits=bits, weight_bits=bits)
        layers.append(one)
    if network.counted is not None:
        return network.replace(layers=layers)
    return Network.known(tuple(layers), network.input_shape)


def _difference(one: Network, other: Network) -> str:
    if len(one) != len(other):
        return f"{len(one)} layers, then {len(other)}"
    for number, (first, then) in enumerate(zip(one.layers, other.layers, strict=True)):
        for field in Layer.field_names:
            was, now = getattr(first, field), getattr(then, field)
            if was != now:
                return f"layer {number} ({first.kind}) of {field} {shown(was)}, then {shown(now)}"
    return "other connections"


def _called(variant: Variant, build: Any, *asked: Any) -> Any:
    option = variant.option
    assert option is not None
    *numbers, shape = asked
    keywords = dict(variant.keywords)
    if option.shape:
        keywords["shape"] = shape
    return (option.build if build is None else build)(*numbers, **keywords)


def _is_module(found: Any) -> bool:
    import sys

    torch = sys.modules.get("torch")
    return torch is not None and isinstance(found, torch.nn.Module)


def _built(name: str, variant: Variant, asked: tuple[int, int, int, Shape]) -> Any:
    """Return what an option gives at a place."""
    from .modules import on_meta

    try:
        return on_meta(lambda: _called(variant, None, *asked))
    except FlashError:
        raise
    except Exception as error:
        raise ArgumentError(
            f"option {shown(variant.name)} raised {type(error).__name__} at {name}: {error}"
        ) from error


def _read(
    name: str, variant: Variant, found: Any, asked: tuple[int, int, int, Shape]
) -> tuple[Network, Any]:
    """Return an option's network at a place and what it hands on, checked."""
    if _is_module(found):
        from .modules import read

        network, shape = read(name, variant.name, found, asked[3])
    else:
        network = _network_of(name, variant.name, found, asked[3])
        shape = _shape_out(network, asked)
    _check(name, variant.name, network, shape, asked)
    return network, shape


def _network_of(name: str, option: str, found: Any, shape: Shape) -> Network:
    image = image_of(shape)
    if isinstance(found, Network):
        network = found
    elif isinstance(found, (list, tuple)) and found:
        try:
            network = Network._of_rows(found, image)
            if network.counted is not None:
                Network.from_layers(found, image)  # which warns of rows that nobody reads
        except FlashError as error:
            raise ArgumentError(
                f"option {shown(option)} gives rows that are no network at {name}: {error}"
            ) from None
    else:
        raise ArgumentError(
            f"option {shown(option)} must give a torch module, a list of layer rows or a Network, "
            f"got "
            f"{shown(found)} ({type(found).__name__}) at {name}; None as an option is skip"
        )
    if not network.connected or (network.outputs not in (None, (len(network) - 1,))):
        raise ArgumentError(
            f"option {shown(option)} must give a network whose connections are known and whose one "
            f"output is its last row, at {name}"
        )
    if network.input_shape != image:
        raise ArgumentError(
            f"option {shown(option)} must read {_size(image)} at {name}, got a network that reads "
            f"{_size(network.input_shape)}"
        )
    return network


def image_of(shape: Shape) -> tuple[int, int, int]:
    """Return a shape as rows have it: (tokens, features) are features, tokens, 1."""
    if len(shape) == 2:
        return (shape[1], shape[0], 1)
    return (*shape, 1, 1)[:3]  # type: ignore[return-value]


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _shape_out(network: Network, asked: tuple[int, int, int, Shape]) -> Shape:
    """Return what rows hand on. Tokens are what read tokens or token numbers hand on, unless one
    position of several is left; and what rows make of a map that end in one column, laid out so by
    a row "move"."""
    shape = asked[3]
    last = network.layers[-1]
    channels, height, width = last.shape_out
    if len(shape) == 3:
        laid = height > 1 and any(
            one.kind == "move"
            and one.shape_out[1:] == (height, 1)
            and (one.width > 1 or one.mode == "concat")
            for one in network.layers
        )
        if laid and width == 1:
            return (height, channels)
        shrunk = shape[1:] != (1, 1) or any(one.kind == "pool" for one in network.layers)
        flat = last.kind == "linear" and height == width == 1 and shrunk
        return (channels,) if flat else (channels, height, width)
    if len(shape) == 2:
        if width == 1 and (height > 1 or shape[0] == 1):
            return (height, channels)
    elif width == 1 and (height > 1 or network.layers[0].kind == "embedding"):
        return (height, channels)
    return (channels,) if height == width == 1 else (channels, height, width)


def _check(
    name: str, option: str, network: Network, shape: Shape, asked: tuple[int, int, int, Shape]
) -> None:
    into, out, stride, given = asked
    got = shape[-1] if len(shape) == 2 else shape[0]
    if got != out:
        raise ArgumentError(
            f"option {shown(option)} must hand on {out} channels at {name}, got {_size(shape)}"
        )
    if stride == 1 and into == out and len(given) == len(shape) > 1 and shape != given:
        raise ArgumentError(
            f"option {shown(option)} must hand on what it reads, {_size(given)}, with stride 1 at "
            f"{name}, got {_size(shape)}"
        )


def joined(
    parts: Iterable[tuple[Network, int | None]], image: tuple[int, int, int], bits: int = 32
) -> Network:
    """Return fragments one after another as one network, the rows of each labelled with its cell.

    Concatenations have no label: a network of blocks is none of the family that is made of them.
    """
    layers: list[Layer] = []
    end = -1
    whole = True
    make = Layer.__new__
    for network, cell in parts:
        first = len(layers)
        handed = layers[end].shape_out if end >= 0 else None
        reshaped = handed is not None and handed != network.input_shape
        whole &= network.counted is None
        for layer in network.layers:
            inputs = layer.inputs or ()
            one = make(Layer)
            state = one.__dict__
            state.update(layer.__dict__)
            state["inputs"] = tuple([end if row < 0 else row + first for row in inputs])
            state["cell"] = None if layer.kind == "concat" else cell
            if reshaped and -1 in inputs:
                state["reshaped"] = True  # a map that was handed on as tokens is read as such
            layers.append(one)
        end = len(layers) - 1
    if whole:
        found = Network.known(tuple(layers), image)
        found.__dict__["input_bits"] = bits
        return found
    return Network(tuple(layers), image, input_bits=bits)  # which finds out what counts
