"""What ``flash sweep`` and ``flash pareto`` take and print alike."""

from __future__ import annotations

from ..errors import ArgumentError
from .options import BUDGETS, add_budgets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from typing import Any, Protocol

    class Result(Protocol):
        """What is printed: a screen, or JSON."""

        def to_json(self, path: str | None = None) -> str: ...


__all__ = [
    "add_json",
    "add_problem",
    "budgets_of",
    "check_json",
    "check_picture",
    "finish",
    "has_table",
    "names_of",
    "print_json",
    "print_result",
    "screen",
]


def add_problem(parser: ArgumentParser) -> None:
    """Add space, target, budgets and predictor, and the table that may stand for the first two."""
    add = parser.add_argument
    add("space", metavar="SPACE", nargs="?",
        help="densenet, mobilenet-v3, vit and others, a plugin's, or a file")  # fmt: skip
    add("target", metavar="TARGET", nargs="?", help="name or file of a target")
    add("--choices", metavar="TABLE",
        help="instead of both: a table of options, as flash choose reads it")  # fmt: skip
    add_budgets(parser)
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")


def budgets_of(args: Namespace) -> dict[str, Any]:
    """Return the budgets by name, None where one was not given."""
    return {name: getattr(args, name) for name in BUDGETS}


def has_table(args: Namespace) -> bool:
    """Return whether a table of options is given instead of a space and a target.

    Raises
    ------
    ArgumentError
        If both are, or neither, or options of the one beside the other.
    """
    from .choose import COLUMNS
    from .read import SPACE

    if args.choices is None:
        if args.space is None or args.target is None:
            lacking = "TARGET" if args.space is not None else "SPACE and TARGET, or --choices,"
            raise ArgumentError(f"{lacking} must be given")
        wrong = [name for name in COLUMNS if getattr(args, name) is not None]
    else:
        if args.space is not None:
            raise ArgumentError(
                f"SPACE and --choices cannot be used together, got {args.space!r} and "
                f"{args.choices!r}"
            )
        wrong = [name for name in (*SPACE, "images") if getattr(args, name) is not None]
    if wrong:
        of = "a table, given by --choices" if args.choices is None else "a space"
        raise ArgumentError(f"--{wrong[0].replace('_', '-')} is of {of}")
    return args.choices is not None


def names_of(text: str) -> list[str]:
    """Return names that stand with commas between them."""
    return [name.strip() for name in text.split(",")]


def add_json(parser: ArgumentParser) -> None:
    """Add --json, with a path or without."""
    parser.add_argument("--json", nargs="?", const="-", metavar="PATH",
        help="print JSON, or write it to PATH besides printing the screen")  # fmt: skip


def check_json(args: Namespace) -> None:
    """Refuse a path where nothing can be written, before any work."""
    if args.json == "":
        raise ArgumentError("--json must be the path of a file, or without one, got ''")
    if args.json not in (None, "-"):
        from ..base.checks import writable

        writable("--json", args.json)


def check_picture(args: Namespace) -> None:
    """Refuse a picture that can't be drawn or written, before any work."""
    if args.plot is not None:
        from ..charts.files import check

        check("--plot", args.plot)


def print_json(data: Any) -> None:
    """Print plain data."""
    import json

    print(json.dumps(data, indent=1, allow_nan=False))


def print_result(
    args: Namespace, result: Result, *more: tuple[str, Callable[[str], object]]
) -> bool:
    """Print a result, and write it where --json says, then what else is to be written: `finish`."""
    if args.json == "-":
        return finish(result.to_json(), *more)
    if args.json is not None:
        more = ((args.json, result.to_json), *more)
    return finish(screen(str(result)), *more)


def screen(text: str) -> str:
    """Return what is printed of a screen: with colours where standard output takes them."""
    import sys
    from os import environ

    if sys.stdout is None:
        return text
    forced = "FORCE_COLOR" in environ or "CLICOLOR_FORCE" in environ
    if not forced and not sys.stdout.isatty():
        return text
    from .. import _TINTED, _open

    _open(_TINTED)
    from .colours import tinted

    return tinted(text, sys.stdout)


def finish(text: str | None, *files: tuple[str, Callable[[str], object]]) -> bool:
    """Print, then write each file: whatever fails, the others are written.

    Returns whether all of them were; of each that was not, standard error says why. A failure to
    print is raised when they are written.
    """
    import sys

    failed: OSError | None = None
    if text is not None:
        try:
            print(text, flush=True)
        except OSError as error:  # the reader has left, or the disk is full
            failed = error
    good = True
    for path, write in files:
        try:
            write(path)
        except Exception as error:  # what drawing raises is many things
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            print(f"flash: error: {path}: {why} ({type(error).__name__})", file=sys.stderr)
            good = False
    if failed is not None:
        raise failed
    return good
