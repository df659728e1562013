"""Blocks by name, for files: those that come with flash, and those that were registered."""

from __future__ import annotations

from ...base.checks import hint, shown
from ...errors import FormatError
from ..blocks.options import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BLOCKS", "block_of", "name_of"]

# name -> (module, option or function)
BLOCKS: dict[str, tuple[str, str]] = {
    "vit-patches": ("vit", "PATCHES"),
    "vit-encoder": ("vit", "ENCODER"),
    "vit-head": ("vit", "HEAD"),
    "inverted-residual": ("mbconv", "INVERTED_RESIDUAL"),
    "mobile-stem": ("mbconv", "STEM"),
    "mobile-head": ("mbconv", "HEAD"),
    "shuffle-unit": ("shuffle", "SHUFFLE"),
    "shuffle-xception": ("shuffle", "XCEPTION"),
    "convnext": ("convnext", "BLOCK"),
    "convnext-stem": ("convnext", "STEM"),
    "convnext-downsample": ("convnext", "DOWNSAMPLE"),
    "convnext-head": ("convnext", "HEAD"),
}


def block_of(where: str, name: Any) -> Option:
    """Return a block by its name.

    Raises
    ------
    FormatError
        If there is none of this name; it names those that there are.
    """
    from ...base.registry import names, registered, why_missing

    found: Any = None
    if isinstance(name, str):
        found = _own(name) if name in BLOCKS else registered("block", name)
    if found is None:
        known = (*BLOCKS, *names("block"))
        raise FormatError(
            f"{where}: block must be one of {', '.join(known)}, got {shown(name)}"
            f"{hint(name, known)}; {why_missing('block', name)}"
        )
    return found if isinstance(found, Option) else Option(found)


def name_of(option: Option) -> str | None:
    """Return the name of a block, None where it has none."""
    import sys

    from ...base.registry import names, registered

    for name, (module, _) in BLOCKS.items():
        if f"{__package__}.{module}" in sys.modules and _same(_own(name), option):
            return name
    return next((one for one in names("block") if _same(registered("block", one), option)), None)


def _own(name: str) -> Any:
    module, attribute = BLOCKS[name]
    home = __import__(f"{__package__}.{module}", fromlist=[attribute])
    return getattr(home, attribute)


def _same(known: Any, option: Option) -> bool:
    if isinstance(known, Option):
        return known.build is option.build and known.module is option.module
    return known is option.build and option.module is None
