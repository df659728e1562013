"""Errors and warnings of flash: each is also the built-in kind that a caller would expect.

Here are those of wrong arguments, which every module knows. The others are in `_rare`, and are made
when one is asked for: classes are a large part of what a start of flash takes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._rare import CalibrationWarning as CalibrationWarning
    from ._rare import CoreMissingError as CoreMissingError
    from ._rare import DeviceError as DeviceError
    from ._rare import KernelsError as KernelsError
    from ._rare import MissingExtraError as MissingExtraError
    from ._rare import NotCalibratedWarning as NotCalibratedWarning
    from ._rare import PluginWarning as PluginWarning
    from ._rare import SweepError as SweepError
    from ._rare import TrainingError as TrainingError
    from ._rare import UnknownOperatorsError as UnknownOperatorsError

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "CalibrationWarning",
    "CoreMissingError",
    "DeviceError",
    "FlashError",
    "FormatError",
    "KernelsError",
    "MissingExtraError",
    "NotCalibratedWarning",
    "PluginWarning",
    "SweepError",
    "TrainingError",
    "UnknownOperatorsError",
]


class FlashError(Exception):
    """Base of every error that flash raises on purpose."""


FlashError.__module__ = "flash"  # where users find it


class ArgumentError(FlashError, ValueError):
    """An argument has a value that is not accepted."""


class ArgumentTypeError(FlashError, TypeError):
    """An argument has a type that is not accepted."""


class FormatError(ArgumentError):
    """A file, or the dictionary read from it, is not what it should be."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _rare

    value = globals()[name] = getattr(_rare, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
