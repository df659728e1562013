"""Errors and warnings that few runs of flash see; `flash.errors` is where they are asked for."""

from __future__ import annotations

from . import ArgumentError, FlashError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = [
    "CalibrationWarning",
    "CoreMissingError",
    "DeviceError",
    "KernelsError",
    "MissingExtraError",
    "NotCalibratedWarning",
    "PluginWarning",
    "SweepError",
    "TrainingError",
    "UnknownOperatorsError",
]


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


class PluginWarning(UserWarning):
    """A plugin that is installed can't be used; the message names it and says why."""


class TrainingError(FlashError, RuntimeError):
    """A network could not be trained; what was finished before is kept."""


class SweepError(FlashError, RuntimeError):
    """A sweep could not go on; what was finished before is kept."""


for _one in __all__:  # as pickles and tracebacks name them
    globals()[_one].__module__ = __package__
