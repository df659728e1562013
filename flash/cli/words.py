"""Command lines that leave no doubt, read without argparse.

To import argparse and to tell it of forty options takes as long as half of Python's own start.
`Words` is told of them by the same functions, and reads names with their values. Whatever else
stands in a line, a mistake or ``--help`` among it, is left to argparse: see `options.read`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["UnclearError", "Words"]


_KNOWN = {
    *("action", "const", "default", "dest", "help", "metavar", "nargs", "required", "type"),
}
_ACTIONS = (None, "store_true", "append")


class UnclearError(Exception):
    """The line is not one for `Words`."""


class Given:
    """What a line says, as attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


# What `options.prepare` adds to every command, as `add_argument` takes it.
_FLAG: dict[str, Any] = {"action": "store_true"}
_TIMES: dict[str, Any] = {"action": "count", "default": 0}
_QUIET, _VERBOSE = ("quiet", _FLAG), ("verbose", _TIMES)
_EVERYWHERE = {"-q": _QUIET, "--quiet": _QUIET, "-v": _VERBOSE, "--verbose": _VERBOSE}


class Words:
    """Stands for an `argparse.ArgumentParser` that is told what a command takes."""

    def __init__(self) -> None:
        self.intermixed = False  # places may stand between options
        self._places: list[tuple[str, dict[str, Any]]] = []
        self._options: dict[str, tuple[str, dict[str, Any]]] = {**_EVERYWHERE}
        self._values: dict[str, Any] = {"quiet": False, "verbose": 0}

    def add_argument_group(self, *_: str) -> Words:
        return self

    def add_argument(self, name: str, **more: Any) -> None:
        """Take an option or a place, if it is of a kind that `read` knows.

        Raises
        ------
        UnclearError
            If it is not.
        """
        action = more.get("action")
        if action not in _ACTIONS or not _KNOWN.issuperset(more):
            raise UnclearError(name)
        if name[:2] == "--":
            dest = more.get("dest") or name[2:].replace("-", "_")
            self._options[name] = dest, more
        else:
            dest = name
            self._places.append((dest, more))
        self._values[dest] = more.get("default", False if action == "store_true" else None)

    def read(self, words: Sequence[str]) -> Given:
        """Return what a line says.

        Raises
        ------
        UnclearError
            If it is for argparse to read, or to refuse.
        """
        values = dict(self._values)
        wanting = {dest for dest, more in self._options.values() if more.get("required")}
        rest = [*reversed(words)]
        found: list[str] = []
        runs, before = 0, ""  # runs of places without an option between them
        while rest:
            word = rest.pop()
            if not word.startswith("-"):
                runs += before != "place"
                before = "place"
                found.append(word)
                continue
            before = "option"
            name, equals, text = word.partition("=")
            if name not in self._options:
                raise UnclearError(word)
            dest, more = self._options[name]
            wanting.discard(dest)
            if more.get("action") in ("store_true", "count"):
                if equals:
                    raise UnclearError(word)
                values[dest] = True if more["action"] == "store_true" else values[dest] + 1
                continue
            if more.get("nargs") not in (None, "?"):
                raise UnclearError(word)
            if not equals:
                if rest and not rest[-1].startswith("-"):
                    text = rest.pop()
                elif "const" in more and (not rest or rest[-1].partition("=")[0] in self._options):
                    values[dest] = more["const"]
                    continue
                else:  # a number below 0, or nothing
                    raise UnclearError(word)
            value = _value(text, more)
            values[dest] = [*(values[dest] or ()), value] if "action" in more else value
        if wanting or (runs > 1 and not self.intermixed):
            raise UnclearError(found)
        self._place(found, values)
        return Given(values)

    def _place(self, found: list[str], values: dict[str, Any]) -> None:
        """Give the words that are no options their names: the last takes what is left."""
        for dest, more in self._places:
            many = more.get("nargs")
            if many is None and found:
                values[dest] = _value(found.pop(0), more)
            elif many == "*":
                values[dest] = [_value(text, more) for text in found]
                found = []
            elif many != "?":
                raise UnclearError(dest)
            elif found:
                values[dest] = _value(found.pop(0), more)
        if found:
            raise UnclearError(found)


def _value(text: str, more: dict[str, Any]) -> Any:
    try:
        return more["type"](text) if "type" in more else text
    except ValueError:
        raise UnclearError(text) from None
