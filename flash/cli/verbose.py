"""What ``-v`` and ``-q`` do: what flash logs goes to standard error, and warnings go nowhere."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["told"]


class _Lines(logging.Handler):
    """Prints records as lines, above the bar where one is drawn."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):  # where the reader has left
            print(self.format(record), file=sys.stderr, flush=True)


@contextmanager
def told(verbose: int, quiet: bool) -> Iterator[None]:
    """Tell as much as was asked for while a command runs."""
    import warnings

    logger = logging.getLogger("flash")
    before = logger.level
    handler = _Lines()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        if verbose:
            logger.addHandler(handler)
            logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
        try:
            yield
        finally:
            if verbose:
                logger.removeHandler(handler)
                logger.setLevel(before)
