"""What flash tells Python's logging. Loaded where somebody has loaded that: see `checks.log`."""

from __future__ import annotations

import logging

__all__ = ["tell"]

logging.getLogger("flash").addHandler(logging.NullHandler())  # users say where it goes
_loggers: dict[str, logging.Logger] = {}


def tell(where: str, text: str, given: tuple[object, ...], detail: bool) -> None:
    """Tell the logger of a part of flash."""
    logger = _loggers.get(where)
    if logger is None:
        logger = _loggers[where] = logging.getLogger(f"flash.{where}")
    logger.log(logging.DEBUG if detail else logging.INFO, text, *given)
