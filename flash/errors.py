"""Errors and warnings of flash: each is also the built-in kind that a caller would expect."""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "CalibrationWarning",
    "CoreMissingError",
    "DeviceError",
    "ExtraMissingError",
    "FlashError",
    "FormatError",
    "KernelsError",
    "NotCalibratedWarning",
]


class FlashError(Exception):
    """Base of every error that flash raises on purpose."""


class ArgumentError(FlashError, ValueError):
    """An argument has a value that is not accepted."""


class ArgumentTypeError(FlashError, TypeError):
    """An argument has a type that is not accepted."""


class FormatError(ArgumentError):
    """A file, or the dictionary read from it, is not what it should be."""


class CoreMissingError(FlashError, ImportError):
    """The compiled core is absent: flash has no slow substitute for it."""


class KernelsError(FlashError, ImportError):
    """FLASH_SIMD names vector kernels that this build or processor does not have."""


class DeviceError(FlashError, RuntimeError):
    """A device failed, or is gone, while it was measured; what was finished is kept."""


class ExtraMissingError(FlashError, ImportError):
    """An optional package is absent; the message names the extra that brings it."""


class CalibrationWarning(UserWarning):
    """Measurements are suspicious, or too few for what is to be fitted to them."""


class NotCalibratedWarning(UserWarning):
    """A cost lies outside what the target's coefficients were fitted on."""
