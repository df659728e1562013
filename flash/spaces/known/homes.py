"""The spaces of blocks that come with flash, by name: a module each, loaded when it is asked
for."""

from __future__ import annotations

from ...base.checks import faults
from ...errors import ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..blocks.space import BlockSpace

__all__ = ["BLOCKS", "KNOWN", "known_space", "space_from", "takes"]

BLOCKS = "blocks"  # how files call a space of blocks that is none of those of flash

# name -> (module, function of keywords)
KNOWN: dict[str, tuple[str, str]] = {
    "mobilenet-v3": ("mobilenet_v3", "MobileNetV3"),
    "convnext": ("convnext", "ConvNeXt"),
    "vit": ("vit", "ViT"),
    "decoder": ("decoder", "Decoder"),
    "mcunet": ("mcunet", "MCUNet"),
    "fbnet-v2": ("fbnet_v2", "FBNetV2"),
    "hurricane": ("hurricane", "Hurricane"),
}
_shared: dict[str, BlockSpace] = {}


def known_space(name: str) -> BlockSpace:
    """Return the space of a name as it is without options; always the same object."""
    if name not in _shared:
        _shared[name] = _made(name, {})
    return _shared[name]


def space_from(data: Mapping[str, Any]) -> BlockSpace:
    """Return the space that plain data describe: {"family": name, and its options}."""
    options = dict(data)
    name = options.pop("family")
    if not options:
        return known_space(name)
    with faults():
        return _made(name, options)


def takes(name: str) -> frozenset[str]:
    """Return the options that a space takes."""
    from inspect import signature

    return frozenset(signature(_function(name)).parameters)


def _function(name: str) -> Any:
    module, function = KNOWN[name]
    home = __import__(f"{__package__}.{module}", fromlist=[function])
    return getattr(home, function)


def _made(name: str, options: dict[str, Any]) -> BlockSpace:
    make = _function(name)
    try:
        found: BlockSpace = make(**options)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise ArgumentTypeError(f"{name}: {error}") from None
    return found
