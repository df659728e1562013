"""Networks in numbers of other bits: what they take, not what they compute."""

from __future__ import annotations

from ..base.checks import shown
from ..errors import ArgumentError, ArgumentTypeError
from .layer import Layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .network import Network

__all__ = ["layers_with_bits", "with_bits"]

BITS = (8, 16, 32)
USUAL = 32


def with_bits(network: Network, bits: int) -> Network:
    """Return a network in numbers of so many bits; see `Network.with_bits`."""
    if type(bits) is not int:
        if isinstance(bits, bool) or not hasattr(bits, "__index__"):
            raise ArgumentTypeError(f"bits must be 8, 16 or 32, got {shown(bits)}")
        bits = bits.__index__()
    if bits not in BITS:
        raise ArgumentError(f"bits must be 8, 16 or 32, got {bits}")
    own = bits if network.input_bits == USUAL else network.input_bits
    return network.replace(layers=layers_with_bits(network.layers, bits), input_bits=own)


def layers_with_bits(layers: Sequence[Layer], bits: int) -> tuple[Layer, ...]:
    """Return rows in numbers of so many bits, where they do not say others than 32."""
    names = Layer.field_names
    found = []
    for layer in layers:
        state = layer.__dict__
        fields = {name: state[name] for name in names}
        for name in ("bits", "weight_bits"):
            if fields[name] == USUAL:
                fields[name] = bits
        found.append(Layer.known(**fields))
    return tuple(found)
