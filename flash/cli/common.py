"""What ``flash sweep`` and ``flash pareto`` take and print alike."""

from __future__ import annotations

from ..errors import ArgumentError
from .options import BUDGETS, add_budgets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any, Protocol

    class Result(Protocol):
        """What is printed: a screen, or JSON."""

        def to_json(self, path: str | None = None) -> str: ...


__all__ = [
    "add_json",
    "add_problem",
    "budgets_of",
    "check_json",
    "names_of",
    "print_json",
    "print_result",
]


def add_problem(parser: ArgumentParser) -> None:
    """Add space, target, budgets and predictor."""
    add = parser.add_argument
    add("space", metavar="SPACE", help="densenet, resnet, wide-resnet, mobilenet-v2, or a file")
    add("target", metavar="TARGET", help="name or file of a target")
    add_budgets(parser)
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")


def budgets_of(args: Namespace) -> dict[str, Any]:
    """Return the budgets by name, None where one was not given."""
    return {name: getattr(args, name) for name in BUDGETS}


def names_of(text: str) -> list[str]:
    """Return names that stand with commas between them."""
    return [name.strip() for name in text.split(",")]


def add_json(parser: ArgumentParser) -> None:
    """Add --json, with a path or without."""
    parser.add_argument("--json", nargs="?", const="-", metavar="PATH",
        help="print JSON, or write it to PATH besides printing the screen")  # fmt: skip


def check_json(args: Namespace) -> None:
    """Refuse an empty path before any work."""
    if args.json == "":
        raise ArgumentError("--json must be the path of a file, or without one, got ''")


def print_json(data: Any) -> None:
    """Print plain data."""
    import json

    print(json.dumps(data, indent=1, allow_nan=False))


def print_result(args: Namespace, result: Result) -> None:
    """Print a result, and write it where --json says."""
    if args.json == "-":
        print(result.to_json())
        return
    if args.json is not None:
        result.to_json(args.json)
    print(result)
