"""Errors and warnings of flash: each is also the built-in kind that a caller would expect."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

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


class UnknownOperatorsError(ArgumentError):
    """A network to import holds operators that no layer stands for; the message names them."""


class CoreMissingError(FlashError, ImportError):
    """The compiled core is absent: flash has no slow substitute for it."""


class KernelsError(FlashError, ImportError):
    """FLASH_SIMD names vector kernels that this build or processor does not have."""


class MissingExtraError(FlashError, ImportError):
    """A package that only one of flash's extras needs is not installed."""


class DeviceError(FlashError, RuntimeError):
    """A device failed, or is gone, while it was measured; `finished` is what is complete."""

    finished: Sequence[Any]  # of flash.Measurement


class CalibrationWarning(UserWarning):
    """Measurements are suspicious, or too few for what is to be fitted to them."""


class NotCalibratedWarning(UserWarning):
    """A cost or a predicted accuracy lies outside what its coefficients were fitted on."""


class TrainingError(FlashError, RuntimeError):
    """A network could not be trained; what was finished before is kept."""


class SweepError(FlashError, RuntimeError):
    """A sweep could not go on; what was finished before is kept."""
